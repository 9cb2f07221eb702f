"""Objects that tests of the cluster apply: as short as they can be, and still real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_testbed.kubelet.images import SHELL

if TYPE_CHECKING:
    from medusa_testbed.api import Object


def secret(name: str, **values: str) -> Object:
    """Return a Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def config_map(name: str, values: dict[str, str]) -> Object:
    """Return a ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": values}


def container(*command: str, image: str = SHELL, **fields: Any) -> Object:
    """Return a container that runs *command*."""
    return {"name": "main", "image": image, "command": list(command), **fields}


def job(name: str, *containers: Object, pod: Object | None = None, **fields: Any) -> Object:
    """Return a Job that is tried once; *pod* and *fields* are added to the specs."""
    spec = {"restartPolicy": "Never", "containers": list(containers), **(pod or {})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": spec}, **fields},
    }


def condition(found: Object, kind: str) -> Object:
    """Return a condition of an object's status; empty where it has none of that type.

    A status may be anything until its controller has replaced it.
    """
    status = found.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return next(
        (
            dict(each)
            for each in (conditions if isinstance(conditions, list) else [])
            if isinstance(each, dict) and each.get("type") == kind
        ),
        {},
    )
