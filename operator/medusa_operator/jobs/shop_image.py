"""Pure: the container in which the shop's own image runs the runner, and how the runner comes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.spec import LinkChanges, RunnerSource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from medusa_operator.resource.spec import SeedSpec, ShopImage

FOLDER = "/medusa-db"
"""Where the runner is in the shop's container; its programs name that folder."""
VOLUME = "medusa-db"
INSTALL = "install"
"""The init container that copies the runner there."""
REPORT_LIMIT = 2048
"""Bytes that hold what a report of a project needs; six containers may share the 12 KiB of a pod."""
_STALL = "2m"
_SIZE = "200Mi"
OPTIONS = "MEDUSA_DB_"
"""What variables of the runner begin with."""


def laid_over(container: Mapping[str, Any], server: ShopImage) -> dict[str, Any]:
    """Return the container of a run, made for the runner's own image, as one of the shop's image."""
    found = {
        **container,
        "image": server.image,
        "command": [f"{FOLDER}/bin/medusa-db"],
        "resources": dict(server.resources),
    }
    found.pop("imagePullPolicy", None)
    if server.image_pull_policy:
        found["imagePullPolicy"] = server.image_pull_policy
    if server.working_dir:
        found["workingDir"] = server.working_dir
    if server.env_from:
        found["envFrom"] = [dict(source) for source in server.env_from]
    if server.runner is RunnerSource.CARRIED:
        mount = {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}
        found["volumeMounts"] = [*container["volumeMounts"], mount]
    return found


def installs(container: Mapping[str, Any], server: ShopImage) -> list[dict[str, Any]]:
    """Return the init container that brings the runner, in the manner of a run's own *container*; none where none is needed."""
    if server.runner is RunnerSource.IMAGE:
        return []
    kept = ("image", "imagePullPolicy", "resources", "securityContext")
    return [
        {
            "name": INSTALL,
            **{key: container[key] for key in kept if key in container},
            "args": ["install", FOLDER],
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [
                {"name": VOLUME, "mountPath": FOLDER},
                {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  in the pod
            ],
        }
    ]


def volumes(server: ShopImage) -> list[dict[str, Any]]:
    """Return the volumes that it needs besides."""
    if server.runner is RunnerSource.IMAGE:
        return []
    return [{"name": VOLUME, "emptyDir": {"sizeLimit": _SIZE}}]


def arguments(server: ShopImage, stall: str) -> list[str]:
    """Return what a migration is asked besides, whose commands may do nothing for *stall*."""
    found = [*asked(server), "--stall", stall or _STALL]
    if server.links is LinkChanges.ALL:
        found += ["--links", "all"]
    if not server.scripts:
        found.append("--no-scripts")
    return found


def seeding(server: ShopImage, seed: SeedSpec, stall: str) -> list[str]:
    """Return by which script of its own the shop is seeded, which may do nothing for *stall*."""
    by = ("--script", seed.script) if seed.script else ("--npm-script", seed.npm_script)
    found = [*asked(server), *by, "--stall", stall or _STALL]
    return found if server.scripts else [*found, "--no-scripts"]


def asked(server: ShopImage) -> list[str]:
    """Return which project is meant, and which Node asks it."""
    return ["--project", ".", *(("--node", server.node) if server.node else ())]


def environment(
    server: ShopImage, ours: Iterable[dict[str, Any]], fixed: Collection[str]
) -> list[dict[str, Any]]:
    """Return the variables of the shop behind *ours*; of ours those that it sets too are left out.

    Raises InvalidError where it sets one that is *fixed*, or an option of the runner.
    """
    given = [dict(variable) for variable in server.env]
    names = [str(variable.get("name")) for variable in given]
    for number, name in enumerate(names):
        if name in fixed:
            raise InvalidError(
                f"spec.server.env[{number}]: {name} is set from spec.database; leave it out"
            )
        if name.startswith(OPTIONS):
            raise InvalidError(
                f"spec.server.env[{number}]: {name} is an option of the runner, for which the spec has a field; "
                "leave it out"
            )
    return [*(variable for variable in ours if variable["name"] not in names), *given]
