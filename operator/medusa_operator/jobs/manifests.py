"""Pure: database, step -> Job manifest."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from medusa_migrations.contract import caller, values
from medusa_migrations.contract.errors import NO_RETRY
from medusa_migrations.contract.report import LEAST
from medusa_operator.jobs import restricted, shop_image, taken_over, template
from medusa_operator.jobs.taken_over import TakenOver
from medusa_operator.resource import names
from medusa_operator.resource.model import TemplatePolicy
from medusa_operator.resource.names import API_VERSION, KIND, MANAGED_BY, UID_LABEL
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.spec import (
    Approval,
    KeyRef,
    KeySource,
    SeedPolicy,
    Spec,
    Transaction,
    digest,
)
from medusa_operator.resource.workload import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from medusa_operator.jobs.path import PathStep
    from medusa_operator.resource.model import Database, Settings, Workload
    from medusa_operator.resource.spec import ShopImage, WorkloadRef

SLACK = 600.0
"""Seconds that scheduling and pulling the image may take, beyond the run's own timeouts."""
VERIFY_SECONDS = 300.0
"""Seconds that a verification may take, its pod's start included; it is tried again."""
LEARNED_FROM = ("Downgrade", "LedgerExists", "NotAcknowledged")
"""Refusals of the runner that another path answers, so that its Job need not fail: `--exit-zero-for`."""
SERVED_VERIFY_SECONDS = 900.0
"""The same where the shop's own image is pulled, and its Medusa asked."""
SEED_FOLDER = "/etc/medusa/seed"
CA_FOLDER = "/etc/medusa/ca"
OWN_VOLUMES = {"tmp", "ca", "seed", shop_image.VOLUME}
FROM_SECRETS = "MEDUSA_DB_FROM_SECRETS"
"""The variable that lists for the runner which others come from Secrets."""
_REPORTING = ("--report-file", "/dev/termination-log", "--output", "json")


def name(
    database: Database,
    step: PathStep,
    settings: Settings,
    *,
    after: str,
    since: str,
    seed_source: str,
    taken: Iterable[str],
) -> str:
    """Return the name of the next Job: made again before its verdict is known, it is the same.

    *after* is what the run before it left: its uid, which no other run has. So the name of every
    run depends on all runs before it, and is never used again, whatever is changed back and forth;
    but where the replica that made a Job ends before any status names it, and the Job is deleted by hand
    before another replica looks, nobody can know that there was one, and its name is used again.
    *since* is the moment since when the resource is not ready: it differs where the status was lost
    together with the Job of the newest run, so that one before it seems to be the newest. None of
    the names that are *taken* is returned.
    """
    spec = _spec(database)
    used = set(taken)
    for serial in range(len(used) + 1):
        parts = (
            database.uid, step.name, image(spec, settings), spec.identity, str(database.generation),
            database.retry, seed_source, after, since, str(serial),
        )  # fmt: skip
        found = called(database, step, *parts)
        if found not in used:
            break
    return found


def called(database: Database, step: PathStep, *parts: str) -> str:
    """Return a Job's name that people recognise, another one for other *parts*."""
    cut = re.sub(r"[^a-z0-9-]", "-", database.name)[:44].strip("-") or "medusa"
    return f"{cut}-{step.type.lower()}-{digest(*parts, length=10)}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which run of its step a Job is."""

    name: str
    """That of the Job."""
    number: int
    seed_source: str = ""
    """What is known of the seed document."""
    after: str = ""
    """The uid of the run before it."""


def manifest(
    database: Database,
    step: PathStep,
    attempt: Attempt,
    settings: Settings,
    *,
    known: bool,
    workload: Workload | None,
) -> dict[str, Any]:
    """Return the Job of one *attempt* at *step*.

    *known* says that the database was seen before, so that no baseline is to be taken; *workload* is
    what `workload_of` names. Raises TemplateError where `spec.job.template` sets what is not the owner's
    to set, WorkloadError where the workload cannot be taken over.
    """
    spec = _spec(database)
    run_id = f"{database.uid}/{step.name}/{attempt.name}"
    pod = _pod_template(database, spec, step, settings, known=known, workload=workload)
    with_workload = _fingerprint(pod) if workload is not None else ""
    container = pod["spec"]["containers"][0]
    container["args"] = _named(container["args"], run_id)
    notes = {
        names.STEP: step.name,
        names.RUN_ID: run_id,
        names.ATTEMPT: str(attempt.number),
        names.VERSION: str(step.version),
        names.TARGET: str(step.target),
        names.CONFIGURATION: spec.identity,
        names.REFERENCE: spec.database.reference,
        names.GENERATION: str(database.generation),
        names.RETRY: database.retry,
        names.VERIFY: database.verify,
        names.SEED_SOURCE: attempt.seed_source,
        names.AFTER: attempt.after,
        names.TEMPLATE: template_hash(database, step, settings, known=known),
        names.WORKLOAD: with_workload,
        names.ENGINE: names.PROJECT if _served(spec, step) else "",
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": attempt.name,
            "namespace": database.namespace,
            "labels": _labels(database, step),
            "annotations": {key: value for key, value in notes.items() if value},
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": KIND,
                    "name": database.name,
                    "uid": database.uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "Ignore",
                        "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                    },
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": CONTAINER,
                            "operator": "In",
                            "values": list(NO_RETRY),
                        },
                    },
                ]
            },
            **_deadline(spec, step),
            "template": pod,
        },
    }


def _named(arguments: list[str], run_id: str) -> list[str]:
    """Return *arguments* with the name of the run; what is behind two hyphens is for a script of the shop."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return [*arguments[:place], "--run-id", run_id, *arguments[place:]]


def image(spec: Spec, settings: Settings) -> str:
    """Return the image of the runner in the Jobs of a resource."""
    return spec.job.image or settings.image


def template_hash(
    database: Database,
    step: PathStep,
    settings: Settings,
    *,
    known: bool,
    workload: Workload | None = None,
) -> str:
    """Return the hash of everything in a Job's pod that comes from the spec, and from *workload*.

    Raises what `manifest` raises.
    """
    spec = _spec(database)
    return _fingerprint(
        _pod_template(database, spec, step, settings, known=known, workload=workload)
    )


def workload_of(spec: Spec, step: PathStep) -> WorkloadRef | None:
    """Return the workload of which the Job of *step* takes something over; None where of none."""
    server = _served(spec, step)
    return server.workload if server is not None else None


def _fingerprint(pod: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(pod, sort_keys=True).encode()).hexdigest()[:16]


def _spec(database: Database) -> Spec:
    if isinstance(database.spec, InvalidError):
        raise database.spec
    return database.spec


def _served(spec: Spec, step: PathStep) -> ShopImage | None:
    """Return the shop's own image, where that runs the step: seed documents are the runner's own."""
    if step.seeds and not (spec.seed is not None and spec.seed.own):
        return None
    return spec.server


def _labels(database: Database, step: PathStep) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "medusa-db",
        "app.kubernetes.io/component": step.type.lower(),
        "app.kubernetes.io/instance": database.name[:63].strip("-_."),
        "app.kubernetes.io/managed-by": MANAGED_BY,
        UID_LABEL: database.uid,
    }


def _deadline(spec: Spec, step: PathStep) -> dict[str, int]:
    if step.verifies:
        longest = SERVED_VERIFY_SECONDS if _served(spec, step) else VERIFY_SECONDS
        whole = int(values.duration(spec.timeouts.connect) + longest)
        return {"activeDeadlineSeconds": min(whole, spec.job.deadline or whole)}
    if spec.job.deadline is not None:
        return {"activeDeadlineSeconds": spec.job.deadline}
    run = values.duration(spec.timeouts.run)
    if run == 0:
        return {}
    waits = values.duration(spec.timeouts.connect) + values.duration(spec.timeouts.lock)
    return {"activeDeadlineSeconds": int(run + waits + SLACK)}


def _pod_template(
    database: Database,
    spec: Spec,
    step: PathStep,
    settings: Settings,
    *,
    known: bool,
    workload: Workload | None,
) -> dict[str, Any]:
    volumes, mounts = _volumes(spec, step)
    taken = TakenOver()
    if workload is not None and (server := _served(spec, step)) is not None:
        paths = [mount["mountPath"] for mount in mounts]
        taken = taken_over.of(workload, spec, settings, paths=paths, volumes=OWN_VOLUMES)
        spec = replace(spec, server=taken.below(server))
        volumes += taken.volumes
        mounts += taken.mounts
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": image(spec, settings),
        "command": ["medusa-db"],
        "args": _arguments(spec, step, known=known),
        "env": _environment(spec, step),
        "resources": dict(spec.job.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    }
    if spec.job.image_pull_policy:
        container["imagePullPolicy"] = spec.job.image_pull_policy
    pod: dict[str, Any] = {
        "metadata": {"labels": _labels(database, step)},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [container],
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
                **taken.users,
            },
            "serviceAccountName": spec.job.service_account,
            "terminationGracePeriodSeconds": 30,
            "volumes": volumes,
        },
    }
    if (server := _served(spec, step)) is not None:
        _serve(pod["spec"], server)
    merged = template.merge(pod, spec.job.template)
    if settings.template_policy is TemplatePolicy.RESTRICTED:
        merged = restricted.hold(merged)
    _tell_of_secrets(merged["spec"], spec)
    return merged


def _serve(pod: dict[str, Any], server: ShopImage) -> None:
    """Make the shop's own image run what the runner's image would."""
    (container,) = pod["containers"]
    pod["containers"] = [shop_image.laid_over(container, server)]
    if installs := shop_image.installs(container, server):
        pod["initContainers"] = installs
    pod["volumes"] += shop_image.volumes(server)
    if server.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": secret.name} for secret in server.image_pull_secrets]


def _tell_of_secrets(pod: dict[str, Any], spec: Spec) -> None:
    """Say to the runner what comes from Secrets, so that it quotes nothing of that."""
    container = pod["containers"][0]
    found = {quote(variable["name"]): _source(variable) for variable in container["env"]}
    secrets = (source.get("secretRef") for source in container.get("envFrom", ()))
    read = [secret for secret in secrets if secret is not None]
    if read:  # it may hold any variable that is not set beside it
        found["*"] = str(read[0].get("name") or "one")
    else:
        found = {name: source for name, source in found.items() if source}
    held = {volume["name"] for volume in pod["volumes"] if _holds_secrets(volume)} - OWN_VOLUMES
    for mount in container["volumeMounts"]:
        if mount["name"] in held:
            found[quote(mount["mountPath"].rstrip("/") + "/")] = f"volume {mount['name']}"
    seed = spec.seed.document if spec.seed is not None else None
    if seed is not None and seed.source is KeySource.SECRET:
        found[f"{SEED_FOLDER}/{seed.key}"] = f"{seed.name}/{seed.key}"
    sources = ",".join(f"{name}={source}" for name, source in sorted(found.items()))
    container["env"].insert(0, {"name": FROM_SECRETS, "value": sources})


def _holds_secrets(volume: Mapping[str, Any]) -> bool:
    """Return whether files of *volume* are, or may be, values of Secrets."""
    return not {"emptyDir", "configMap", "downwardAPI"} & volume.keys()


def _source(variable: Mapping[str, Any]) -> str:
    """Return where the value of *variable* comes from, where that is or may be a Secret."""
    reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
    if reference:
        return f"{reference.get('name')}/{reference.get('key')}"
    expands = "$(" in str(variable.get("value") or "").replace("$$", "")
    return "another variable" if expands else ""


def _literal(text: str) -> str:
    """Return *text* as Kubernetes has to be given it: `$(NAME)` would be replaced by a variable."""
    return text.replace("$", "$$")


def _arguments(spec: Spec, step: PathStep, *, known: bool) -> list[str]:
    if step.verifies:
        found = [*_verify_arguments(spec, step), *_connecting(spec), *_REPORTING]
    else:
        own = _seed_arguments(spec) if step.seeds else _migrate_arguments(spec, step, known=known)
        behind = ("--", *spec.seed.args) if step.seeds and spec.seed and spec.seed.args else ()
        found = [*own, *_common_arguments(spec), *behind]
    return [_literal(word) for word in found]


def _verify_arguments(spec: Spec, step: PathStep) -> list[str]:
    found = ["verify", "--to", str(step.version)]
    if spec.server is not None:
        found += shop_image.asked(spec.server)
    if step.version == spec.version:  # one that is newer, and accepted, has the flags that it has
        found += _flags(spec)
    return found


def _flags(spec: Spec) -> list[str]:
    named = sorted(spec.flags.items())
    return [word for flag, on in named for word in ("--flag", f"{flag}={str(on).lower()}")]


def _migrate_arguments(spec: Spec, step: PathStep, *, known: bool) -> list[str]:
    upgrade = spec.upgrade
    asks = upgrade.approval is not Approval.AUTOMATIC
    found = ["migrate", "--to", str(step.version)]
    found += ["--approval", "on-breaking" if asks else "automatic"]
    if asks:
        found += [word for v in upgrade.acknowledged for word in ("--acknowledge", str(v))]
    found += _flags(spec)
    if spec.baseline is not None and not known:
        found += ["--baseline", str(spec.baseline)]
    if spec.server is not None:
        found += shop_image.arguments(spec.server, spec.timeouts.stall)
    if upgrade.transaction is Transaction.EACH:
        found += ["--transaction", "each"]
    if spec.data_steps.skip:
        found.append("--no-data-steps")
    if step.final:
        found += [word for extra in spec.data_steps.extra for word in ("--data-step", extra)]
    return found


def _seed_arguments(spec: Spec) -> list[str]:
    assert spec.seed is not None  # noqa: S101  a seed step is planned only where there is one
    when = "--once" if spec.seed.policy is SeedPolicy.ONCE else "--on-change"
    document = spec.seed.document
    if document is not None:
        return ["seed", "-f", f"{SEED_FOLDER}/{document.key}", when, "--no-migrate"]
    assert spec.server is not None  # noqa: S101  a script is of its image
    by = shop_image.seeding(spec.server, spec.seed, spec.timeouts.stall)
    return ["seed", *by, when, "--to", str(spec.version)]


def _common_arguments(spec: Spec) -> list[str]:
    times = spec.timeouts
    return [
        *_connecting(spec), "--lock-wait", times.lock, "--lock-timeout", times.lock_timeout,
        "--statement-timeout", times.statement, "--run-timeout", times.run, *_REPORTING,
    ]  # fmt: skip


def _connecting(spec: Spec) -> list[str]:
    schema = ["--schema", spec.database.schema] if spec.database.schema else []
    return [*schema, "--connect-wait", spec.timeouts.connect]


def _environment(spec: Spec, step: PathStep) -> list[dict[str, Any]]:
    where = list(_connection(spec))
    found = [*where, *_about_the_run(spec, step)]
    if (server := _served(spec, step)) is None:
        return found
    if spec.database.ca is not None:  # libpq's variable means nothing to Node
        found.append(_variable("NODE_EXTRA_CA_CERTS", f"{CA_FOLDER}/{spec.database.ca.key}"))
    return shop_image.environment(server, found, {variable["name"] for variable in where})


def _connection(spec: Spec) -> Iterator[dict[str, Any]]:
    where = spec.database
    if where.url is not None:
        yield _variable("DATABASE_URL", where.url)
    else:
        yield _variable("DATABASE_URL", "postgresql://")  # libpq reads the rest from PG..
        yield _variable("PGHOST", where.host)
        if where.port is not None:
            yield _variable("PGPORT", where.port)
        yield _variable("PGDATABASE", where.name)
        yield _variable("PGUSER", where.user)
        if where.password is not None:
            yield _variable("PGPASSWORD", where.password)
    if where.ssl_mode:
        yield _variable("PGSSLMODE", where.ssl_mode)
    if where.ca is not None:
        yield _variable("PGSSLROOTCERT", f"{CA_FOLDER}/{where.ca.key}")


def _about_the_run(spec: Spec, step: PathStep) -> Iterator[dict[str, Any]]:
    limit = shop_image.REPORT_LIMIT if _served(spec, step) else LEAST
    yield _variable("MEDUSA_DB_REPORT_LIMIT", limit)  # no option: an older runner would refuse it
    yield _variable(caller.VARIABLE, "resource")
    yield _variable("MEDUSA_DB_EXIT_ZERO_FOR", ",".join(LEARNED_FROM))
    for variable, path in (("POD_NAME", "metadata.name"), ("POD_NAMESPACE", "metadata.namespace")):
        yield {"name": variable, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _variable(name: str, value: str | int | KeyRef) -> dict[str, Any]:
    if isinstance(value, KeyRef):
        reference = {"name": value.name, "key": value.key}
        return {"name": name, "valueFrom": {"secretKeyRef": reference}}
    return {"name": name, "value": _literal(str(value))}


def _volumes(spec: Spec, step: PathStep) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    volumes: list[dict[str, Any]] = [{"name": "tmp", "emptyDir": {}}]
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108  in the pod
    mounted = [("ca", CA_FOLDER, spec.database.ca)]
    if step.seeds and spec.seed is not None:
        mounted.append(("seed", SEED_FOLDER, spec.seed.document))
    for volume, folder, source in mounted:
        if source is not None:
            volumes.append({"name": volume, **_files(source)})
            mounts.append({"name": volume, "mountPath": folder, "readOnly": True})
    return volumes, mounts


def _files(source: KeyRef) -> dict[str, Any]:
    items = [{"key": source.key, "path": source.key}]
    if source.source is KeySource.SECRET:
        return {"secret": {"secretName": source.name, "items": items}}
    return {"configMap": {"name": source.name, "items": items}}
