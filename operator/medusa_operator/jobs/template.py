"""Pure: lays `spec.job.template` over the pod template of a run, and refuses what would break one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from medusa_operator.resource.names import GROUP
from medusa_operator.resource.parse import BodyField, InvalidError
from medusa_operator.resource.workload import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPLACED = (
    "affinity", "automountServiceAccountToken", "dnsPolicy", "hostNetwork", "nodeName", "os", "preemptionPolicy",
    "priority", "priorityClassName", "runtimeClassName", "schedulerName", "terminationGracePeriodSeconds",
)  # fmt: skip
_MERGED = ("dnsConfig", "nodeSelector", "securityContext")
_APPENDED = ("hostAliases", "tolerations", "topologySpreadConstraints")
_BY_NAME = ("imagePullSecrets", "initContainers", "resourceClaims", "volumes")
_CONTAINER_REPLACED = ("resources",)
_CONTAINER_MERGED = ("securityContext",)
_OUR_LABELS = (
    f"{GROUP}/",
    "app.kubernetes.io/",
    "batch.kubernetes.io/",
    "controller-uid",
    "job-name",
)


class TemplateError(InvalidError):
    """The patch sets what the safety of a run depends on; the text names the field and what to do."""


def merge(pod_template: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return *pod_template* with the strategic merge patch *patch* laid over it.

    Raises TemplateError where the patch sets a field that is not the owner's to set, InvalidError
    where it is malformed.
    """
    merged: dict[str, Any] = copy.deepcopy(dict(pod_template))
    found = BodyField(patch, "spec.job.template")
    _only(found, ("metadata", "spec"), "it is a patch of metadata and spec of the pod template")
    _metadata(merged["metadata"], found["metadata"])
    _pod(merged["spec"], found["spec"])
    return merged


def _metadata(meta: dict[str, Any], patch: BodyField) -> None:
    _only(patch, ("annotations", "labels"), "only labels and annotations are patched")
    for kind in ("labels", "annotations"):
        for key, value in patch[kind].mapping().items():
            if key.startswith(_OUR_LABELS) and not (kind == "annotations" and GROUP not in key):
                raise TemplateError(
                    f"{patch.path}.{kind}.{key} is the operator's own; leave it out"
                )
            meta.setdefault(kind, {})[key] = BodyField(value, f"{patch.path}.{kind}.{key}").text()


def _pod(pod: dict[str, Any], patch: BodyField) -> None:
    allowed = (*_REPLACED, *_MERGED, *_APPENDED, *_BY_NAME, "containers")
    _only(patch, allowed, "a run depends on the operator's own value; leave it out")
    for key in patch.mapping():
        field = patch[key]
        if key in _REPLACED:
            pod[key] = field.value
        elif key in _MERGED:
            pod[key] = _laid_over(pod.get(key, {}), field)
        elif key in _APPENDED:
            pod[key] = [*pod.get(key, []), *(item.value for item in field.items())]
        elif key in _BY_NAME:
            if key == "initContainers":
                _sidecars(field)
            pod[key] = _by_name(pod.get(key, []), field)
        else:
            _containers(pod, field)


def _sidecars(field: BodyField) -> None:
    for item in field.items():
        _paths(item)
        if item["name"].value == CONTAINER:
            raise TemplateError(f"{item.path}: {CONTAINER} is the name of the run's own container")


def _containers(pod: dict[str, Any], field: BodyField) -> None:
    (ours,) = pod["containers"]
    for item in field.items():
        if item["name"].value != CONTAINER:
            raise TemplateError(
                f"{item.path}: a second container would keep the Job from ending; make it an init "
                f"container with restartPolicy Always, or name it {CONTAINER} to patch the run's own"
            )
        allowed = (
            "name",
            "env",
            "envFrom",
            "volumeMounts",
            *_CONTAINER_MERGED,
            *_CONTAINER_REPLACED,
        )
        _only(item, allowed, "a run depends on the operator's own value; leave it out")
        _paths(item)
        taken = {env["name"] for env in ours["env"]} | {"MEDUSA_DB_FROM_SECRETS"}
        for env in item["env"].items():
            if env["name"].text() in taken:
                raise TemplateError(
                    f"{env.path}: {env['name'].text()} is set by the operator from spec.database"
                )
            env["valueFrom"]["secretKeyRef"].mapping()
        ours["env"] = _by_name(ours["env"], item["env"])
        for source in item["envFrom"].items():
            source["secretRef"].mapping()
        if item["envFrom"]:
            ours["envFrom"] = [dict(source.mapping()) for source in item["envFrom"].items()]
        ours["volumeMounts"] = _by_name(ours["volumeMounts"], item["volumeMounts"], "mountPath")
        for key in _CONTAINER_REPLACED:
            if item[key]:
                ours[key] = dict(item[key].mapping())
        for key in _CONTAINER_MERGED:
            ours[key] = _laid_over(ours[key], item[key])


def _paths(container: BodyField) -> None:
    for mount in container["volumeMounts"].items():
        mount["name"].required()
        if mount["subPathExpr"]:
            raise TemplateError(
                f"{mount.path}.subPathExpr cannot be set: messages of the kubelet would repeat the value of a "
                "variable, which may come from a Secret; use subPath"
            )


def _laid_over(ours: Mapping[str, Any], field: BodyField) -> dict[str, Any]:
    """Return *ours* with what the patch says; null takes a key away."""
    merged = {**ours, **field.mapping()}
    return {key: value for key, value in merged.items() if value is not None}


def _by_name(
    ours: list[dict[str, Any]], field: BodyField, key: str = "name"
) -> list[dict[str, Any]]:
    """Return *ours* and those of the patch; one that is named like one of ours is refused."""
    taken = {item[key] for item in ours}
    added = []
    for item in field.items():
        name = item[key].required()
        if name in taken:
            raise TemplateError(f"{item.path}: {key} {name} is the operator's own; choose another")
        added.append(dict(item.mapping()))
    return [*ours, *added]


def _only(field: BodyField, allowed: tuple[str, ...], why: str) -> None:
    for key in field.mapping():
        if key not in allowed:
            raise TemplateError(f"{field.path}.{key} cannot be set: {why}")
