"""Pure: what a run takes over of the workload that serves the shop, and what it cannot."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from medusa_operator.jobs import restricted, shop_image
from medusa_operator.resource.model import TemplatePolicy
from medusa_operator.resource.parse import BodyField, InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import PullSecret
from medusa_operator.resource.workload import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from medusa_operator.resource.model import Settings, Workload
    from medusa_operator.resource.spec import ShopImage, Spec, WorkloadRef

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""The annotation of a pod template by which kubectl chooses a container, too."""
ANOTHER_VOLUME = (
    "put another in its place: spec.job.template.spec.volumes: [{{name: {name}, emptyDir: {{}}}}]"
)
_WHERE = (
    "DATABASE_URL", "PGDATABASE", "PGHOST", "PGHOSTADDR", "PGPASSFILE", "PGPASSWORD", "PGPORT", "PGSERVICE",
    "PGSERVICEFILE", "PGUSER",
)  # fmt: skip
"""Variables that say where the database is; spec.database does."""
_MOUNT = ("name", "mountPath", "readOnly", "recursiveReadOnly", "subPath")
_SOURCES = ("configMapRef", "prefix", "secretRef")
_VALUES = ("configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef")
_GROUPS = ("fsGroup", "fsGroupChangePolicy", "supplementalGroups", "supplementalGroupsPolicy")


class WorkloadError(InvalidError):
    """A run cannot take it over; the text says why, and what to do."""

    def __init__(self, message: str, reason: Reason = Reason.WORKLOAD_UNUSABLE) -> None:
        """Take the sentence, and the word for machines."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What a run takes over, without what the resource says itself."""

    env: tuple[dict[str, Any], ...] = ()
    env_from: tuple[dict[str, Any], ...] = ()
    mounts: tuple[dict[str, Any], ...] = ()
    volumes: tuple[dict[str, Any], ...] = ()
    pull_secrets: tuple[str, ...] = ()
    working_dir: str = ""
    users: Mapping[str, Any] = field(default_factory=dict)
    """Users and groups, as a pod's security context has them."""

    def below(self, server: ShopImage) -> ShopImage:
        """Return *server* with it; what *server* says itself counts."""
        own = {secret.name for secret in server.image_pull_secrets}
        added = (PullSecret(name) for name in self.pull_secrets if name not in own)
        return replace(
            server,
            env=(*self.env, *server.env),
            env_from=(*self.env_from, *server.env_from),
            image_pull_secrets=(*server.image_pull_secrets, *added),
            working_dir=server.working_dir or self.working_dir,
        )


@dataclass(frozen=True, slots=True)
class _Declared:
    """What the resource says itself, or the operator: it is not taken over."""

    variables: set[str]
    paths: set[str]
    volumes: set[str]
    pull_secrets: set[str]


def of(
    workload: Workload,
    spec: Spec,
    settings: Settings,
    *,
    paths: Iterable[str],
    volumes: Collection[str],
) -> TakenOver:
    """Return what is taken over of *workload*.

    The container has mounts of ours at *paths*, and *volumes* are the names of ours. Raises WorkloadError where it
    cannot be taken over.
    """
    if workload.refusal is not None:
        raise WorkloadError(workload.refusal.message, workload.refusal.reason)
    ref = workload.ref
    declared = _declared(spec, paths)
    try:
        pod = BodyField(workload.body, "")["spec"]["template"]
        container = _container(pod, ref)
        return _taken(pod["spec"], container, ref, declared, settings, volumes)
    except WorkloadError:
        raise
    except InvalidError as exc:
        raise WorkloadError(f"{ref} cannot be read: {exc}") from None


def _declared(spec: Spec, paths: Iterable[str]) -> _Declared:
    assert spec.server is not None  # noqa: S101  only it names a workload
    patch = BodyField(spec.job.template, "spec.job.template")["spec"]
    own = [one for one in patch["containers"].items() if one["name"].value == CONTAINER]
    variables = {str(variable["name"]) for variable in spec.server.env}
    variables |= {name for one in own for name in _names(one["env"])}
    mounted = {mount["mountPath"].text() for one in own for mount in one["volumeMounts"].items()}
    return _Declared(
        variables,
        {posixpath.normpath(path) for path in (*paths, shop_image.FOLDER, *mounted)},
        set(_names(patch["volumes"])),
        set(_names(patch["imagePullSecrets"])),
    )


def _names(listed: BodyField) -> Iterator[str]:
    return (item["name"].text() for item in listed.items())


def _container(pod: BodyField, ref: WorkloadRef) -> BodyField:
    """Return the container that serves the shop."""
    there = {one["name"].required(): one for one in pod["spec"]["containers"].items()}
    names = ", ".join(there)[:200]
    if ref.container:
        if ref.container not in there:
            raise WorkloadError(
                f"the run waits: {ref} of spec.server.workloadRef has no container {ref.container}, but {names}",
                Reason.REFERENCE_MISSING,
            )
        return there[ref.container]
    default = pod["metadata"]["annotations"][DEFAULT_CONTAINER].text()
    if default in there:
        return there[default]
    if len(there) == 1:
        return next(iter(there.values()))
    raise WorkloadError(
        f"{ref} has the containers {names}; name that of the server in spec.server.workloadRef.container"
        if there
        else f"{ref} has no container"
    )


def _taken(
    pod: BodyField,
    container: BodyField,
    ref: WorkloadRef,
    declared: _Declared,
    settings: Settings,
    ours: Collection[str],
) -> TakenOver:
    where = f"container {container['name'].text()} of {ref}"
    mounts = [
        _mount(mount, where)
        for mount in container["volumeMounts"].items()
        if posixpath.normpath(mount["mountPath"].required()) not in declared.paths
    ]
    there = {volume["name"].required(): volume for volume in pod["volumes"].items()}
    called = _called(there, ours, declared.volumes)
    wanted = {mount["name"]: None for mount in mounts if mount["name"] not in declared.volumes}
    volumes = []
    for name in wanted:
        if name not in there:
            raise WorkloadError(
                f"{where} mounts volume {name}, which its pod template does not have, as where a StatefulSet makes one "
                f"for each pod; {ANOTHER_VOLUME.format(name=name)}"
            )
        volumes.append(
            _volume(there[name], container, where, settings) | {"name": called.get(name, name)}
        )
    return TakenOver(
        env=tuple(_variables(container, where, declared.variables)),
        env_from=tuple(map(_variables_of, container["envFrom"].items())),
        mounts=tuple(
            mount | {"name": called.get(mount["name"], mount["name"])} for mount in mounts
        ),
        volumes=tuple(volumes),
        pull_secrets=tuple(
            name
            for name in _names(pod["imagePullSecrets"])
            if name and name not in declared.pull_secrets
        ),
        working_dir=container["workingDir"].text(),
        users=_users(pod["securityContext"], container["securityContext"]),
    )


def _variables(
    container: BodyField, where: str, declared: Collection[str]
) -> Iterator[dict[str, Any]]:
    """Yield the variables; an option of the runner is for another run of it."""
    for variable in container["env"].items():
        name = variable["name"].required()
        if name in declared or name in _WHERE or name.startswith(shop_image.OPTIONS):
            continue
        source = variable["valueFrom"]
        if not source:
            yield {"name": name, "value": variable["value"].text()}
            continue
        unknown = [kind for kind in source.mapping() if source[kind] and kind not in _VALUES]
        if unknown:
            raise WorkloadError(
                f"{where}: the value of {name} is a {unknown[0]}, which a run does not have; set it in spec.server.env"
            )
        found = dict(source.mapping())
        if source["resourceFieldRef"]:
            found["resourceFieldRef"] = _resource(
                source["resourceFieldRef"], container, f"{where}: the value of {name}",
                "set it in spec.server.env",
            )  # fmt: skip
            found["resourceFieldRef"].pop("containerName", None)
        source["secretKeyRef"].mapping()
        yield {"name": name, "valueFrom": found}


def _variables_of(source: BodyField) -> dict[str, Any]:
    source["secretRef"].mapping()
    return {key: source[key].value for key in _SOURCES if source[key]}


def _mount(mount: BodyField, where: str) -> dict[str, Any]:
    name = mount["name"].required()
    if mount["subPathExpr"]:
        raise WorkloadError(
            f"{where} mounts volume {name} with subPathExpr, by which messages of the kubelet would repeat the value of a "
            f"variable; mount one at {mount['mountPath'].text()[:200]} in spec.job.template"
        )
    return {key: mount[key].value for key in _MOUNT if mount[key]}


def _called(
    there: Collection[str], ours: Collection[str], declared: Collection[str]
) -> dict[str, str]:
    """Return the new names of volumes that are called like one of ours."""
    taken = {*there, *ours, *declared}
    called: dict[str, str] = {}
    for name in sorted({*there} & {*ours}):
        new = f"shop-{name}"
        while new in taken:
            new = f"x{new}"
        called[name] = new
    return called


def _volume(
    volume: BodyField, container: BodyField, where: str, settings: Settings
) -> dict[str, Any]:
    name = volume["name"].text()
    if settings.template_policy is TemplatePolicy.RESTRICTED:
        why = restricted.why_not(volume)
        if why:
            raise WorkloadError(
                f"{where} mounts volume {name}, which {why}; {ANOTHER_VOLUME.format(name=name)}"
            )
    found = dict(volume.mapping())
    about, instead = f"{where}: a file of volume {name}", ANOTHER_VOLUME.format(name=name)
    if volume["downwardAPI"]:
        found["downwardAPI"] = _files(volume["downwardAPI"], container, about, instead)
    if volume["projected"]:
        sources = [
            dict(source.mapping())
            | (
                {"downwardAPI": _files(source["downwardAPI"], container, about, instead)}
                if source["downwardAPI"]
                else {}
            )
            for source in volume["projected"]["sources"].items()
        ]
        found["projected"] = {**volume["projected"].mapping(), "sources": sources}
    return found


def _files(downward: BodyField, container: BodyField, about: str, instead: str) -> dict[str, Any]:
    """Return the files about the pod that a volume holds."""
    items = []
    for item in downward["items"].items():
        found = dict(item.mapping())
        if item["resourceFieldRef"]:
            found["resourceFieldRef"] = _resource(
                item["resourceFieldRef"], container, about, instead
            )
        items.append(found)
    return {**downward.mapping(), "items": items}


def _resource(
    reference: BodyField, container: BodyField, about: str, instead: str
) -> dict[str, Any]:
    """Return a reference to a resource of the container as one to that of the run."""
    named = reference["containerName"].text()
    if named and named != container["name"].text():
        raise WorkloadError(
            f"{about} is a resource of container {named}, which a run does not have; {instead}"
        )
    return {**reference.mapping(), "containerName": CONTAINER}


def _users(pod: BodyField, container: BodyField) -> dict[str, Any]:
    """Return the users and groups of the container; root is none of them."""
    found = {key: pod[key].value for key in _GROUPS if pod[key]}
    for key in ("runAsUser", "runAsGroup"):
        own = container[key] if container[key] else pod[key]
        if own:
            found[key] = own.number()
    if found.get("runAsUser") == 0:
        del found["runAsUser"]
    return found
