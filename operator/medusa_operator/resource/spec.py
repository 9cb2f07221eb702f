"""Pure: what the owner of a `MedusaDatabase` declares, read from its `spec`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog import version as versions
from medusa_migrations.contract import values
from medusa_operator.resource.parse import Field, InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medusa_migrations.catalog.version import Version

SHORTEST_INTERVAL = 10.0
"""Seconds between two verifications, at least."""
DEEPEST = 32
"""Levels of a patch of the pod template; no pod needs half as many."""


class Approval(StrEnum):
    """When a path waits for a person."""

    AUTOMATIC = "Automatic"
    ON_BREAKING = "OnBreaking"
    MANUAL = "Manual"


class Transaction(StrEnum):
    """How much is one transaction."""

    STEP = "Step"
    EACH = "Each"


class SeedPolicy(StrEnum):
    """When a seed runs."""

    NEVER = "Never"
    ONCE = "Once"
    ON_CHANGE = "OnChange"


class DeletionPolicy(StrEnum):
    """What becomes of a run when its resource is deleted."""

    WAIT = "Wait"
    CANCEL = "Cancel"


class Source(StrEnum):
    """The kind of object that a key is in."""

    SECRET = "secret"  # noqa: S105  the word, not one of them
    CONFIG_MAP = "configMap"


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A key of a Secret or ConfigMap in the resource's own namespace."""

    name: str
    key: str
    source: Source = Source.SECRET

    def __str__(self) -> str:
        return f"{'Secret' if self.source is Source.SECRET else 'ConfigMap'} {self.name}, key {self.key}"


@dataclass(frozen=True, slots=True)
class DatabaseRef:
    """Where the database is: a URL in a Secret, or its parts."""

    url: KeyRef | None = None
    host: str | KeyRef = ""
    port: int | KeyRef | None = None
    name: str | KeyRef = ""
    user: str | KeyRef = ""
    password: KeyRef | None = None
    ssl_mode: str = ""
    ca: KeyRef | None = None
    schema: str = ""
    """The schema of the shop; empty: the one that the URL names, else the search path's first."""

    @property
    def place(self) -> str:
        """The database as far as it can be told without reading Secrets; equal for equal places."""
        if self.url is not None:
            return str(self.url)
        return f"{self.host}:{self.port or 5432}/{self.name}"

    @property
    def reference(self) -> str:
        """A hash of all that says where the database is; another reference is another database."""
        return digest(self.place, self.schema)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """How the way to the version is gone."""

    stops: tuple[Version, ...] = ()
    approval: Approval = Approval.ON_BREAKING
    acknowledged: tuple[Version, ...] = ()
    allow_older: bool = False
    transaction: Transaction = Transaction.STEP


@dataclass(frozen=True, slots=True)
class DataSteps:
    """Which data steps run."""

    skip: bool = False
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    """What to fill the shop with, and when."""

    source: KeyRef
    policy: SeedPolicy = SeedPolicy.ONCE


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How Jobs are made."""

    image: str = ""
    """Empty: the operator's own runner image."""
    image_pull_policy: str = ""
    service_account: str = "default"
    resources: Mapping[str, Any] = field(default_factory=dict)
    ttl: int = 86400
    """Seconds that a finished Job is kept once its verdict is in the status."""
    deadline: int | None = None
    """Seconds after which a Job is ended from outside; None: what the timeouts add up to."""
    template: Mapping[str, Any] = field(default_factory=dict)
    """A patch of the pod template."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Durations as the runner takes them: `250ms`, `5s`, `10m`, `1h30m`."""

    connect: str = "30s"
    lock: str = "10m"
    lock_timeout: str = "5s"
    statement: str = "0s"
    run: str = "1h"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How drift is looked for at rest."""

    interval: float = 86400.0
    """Seconds between two looks at a database that is as declared; 0: none but those asked for."""


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything the owner declares."""

    version: Version
    database: DatabaseRef
    flags: Mapping[str, bool] = field(default_factory=dict)
    baseline: Version | None = None
    upgrade: Upgrade = field(default_factory=Upgrade)
    data_steps: DataSteps = field(default_factory=DataSteps)
    seed: Seed | None = None
    """None where nothing is to be seeded."""
    job: JobOptions = field(default_factory=JobOptions)
    timeouts: Timeouts = field(default_factory=Timeouts)
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    retry_limit: int | None = None
    """Failed attempts after which only a person helps; None: it is tried for ever."""
    """Failed attempts of one step after which only a person helps."""
    deletion: DeletionPolicy = DeletionPolicy.WAIT
    suspend: bool = False

    @property
    def identity(self) -> str:
        """A hash of what a database is brought to; what says only how or when is no part of it."""
        return digest(
            str(self.version),
            json.dumps(sorted(self.flags.items())),
            self.database.reference,
            str(self.baseline or ""),
            *self.data_steps.extra,
        )


def from_body(body: object) -> Spec:
    """Return the spec that *body* holds; raise InvalidError where it is not valid."""
    spec = Field(body, "spec")
    return Spec(
        version=_version(spec["version"]),
        database=_database(spec["database"]),
        flags={
            name: Field(on, f"spec.featureFlags.{name}").truth()
            for name, on in spec["featureFlags"].mapping().items()
        },
        baseline=_version(spec["baseline"]) if spec["baseline"] else None,
        upgrade=_upgrade(spec["upgrade"]),
        data_steps=DataSteps(
            skip=spec["dataSteps"]["skip"].truth(), extra=spec["dataSteps"]["extra"].texts()
        ),
        seed=_seed(spec["seed"]),
        job=_job(spec["job"]),
        timeouts=_timeouts(spec["timeouts"]),
        verify=_verify(spec["verify"]),
        retry_limit=spec["retry"]["limit"].number() or None,
        deletion=spec["deletionPolicy"].member(DeletionPolicy, DeletionPolicy.WAIT),
        suspend=spec["suspend"].truth(),
    )


def digest(*parts: str, length: int = 16) -> str:
    """Return a short hash of *parts*, equal for equal parts, on every machine."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:length]


def _version(field: Field) -> Version:
    found = versions.parse(field.required())
    if found is None:
        raise InvalidError(f"{field.path}: {field.text()!r} is not a version such as 1.20.11")
    return found


def _database(body: Field) -> DatabaseRef:
    secret, config_map = body["caSecretRef"], body["caConfigMapRef"]
    found = DatabaseRef(
        url=_key(body["urlSecretRef"]),
        host=_key(body["hostSecretRef"]) or body["host"].text(),
        port=_key(body["portSecretRef"]) or body["port"].number() or None,
        name=_key(body["nameSecretRef"]) or body["name"].text(),
        user=_key(body["userSecretRef"]) or body["user"].text(),
        password=_key(body["passwordSecretRef"]),
        ssl_mode=body["sslMode"].text(),
        ca=_key(secret) or _key(config_map, Source.CONFIG_MAP),
        schema=body["schema"].text(),
    )
    if (found.url is None) == (not found.host):
        raise InvalidError(
            "spec.database needs either urlSecretRef, or the parts: host or hostSecretRef, name or "
            "nameSecretRef, user or userSecretRef, passwordSecretRef"
        )
    if found.url is None and not (found.name and found.user):
        raise InvalidError("spec.database needs a name and a user beside the host")
    return found


def _key(field: Field, source: Source = Source.SECRET) -> KeyRef | None:
    if not field:
        return None
    return KeyRef(field["name"].required(), field["key"].required(), source)


def _upgrade(body: Field) -> Upgrade:
    return Upgrade(
        stops=tuple(_version(item) for item in body["stops"].items()),
        approval=body["approval"].member(Approval, Approval.ON_BREAKING),
        acknowledged=tuple(_version(item) for item in body["acknowledged"].items()),
        allow_older=body["allowOlder"].truth(),
        transaction=body["transaction"].member(Transaction, Transaction.STEP),
    )


def _seed(body: Field) -> Seed | None:
    policy = body["policy"].member(SeedPolicy, SeedPolicy.ONCE)
    if not body or policy is SeedPolicy.NEVER:
        return None
    source = _key(body["from"]["configMapKeyRef"], Source.CONFIG_MAP) or _key(
        body["from"]["secretKeyRef"]
    )
    if source is None:
        raise InvalidError("spec.seed.from needs configMapKeyRef or secretKeyRef")
    return Seed(source, policy)


def _job(body: Field) -> JobOptions:
    usual = JobOptions()
    return JobOptions(
        image=body["image"].text(),
        image_pull_policy=body["imagePullPolicy"].text(),
        service_account=body["serviceAccountName"].text(usual.service_account),
        resources=body["resources"].shallow(DEEPEST),
        ttl=body["ttlSecondsAfterFinished"].number(usual.ttl),
        deadline=body["activeDeadlineSeconds"].number() or None,
        template=body["template"].shallow(DEEPEST),
    )


def _timeouts(body: Field) -> Timeouts:
    usual = Timeouts()
    return Timeouts(
        connect=_duration(body["connect"], usual.connect),
        lock=_duration(body["lock"], usual.lock),
        lock_timeout=_duration(body["lockTimeout"], usual.lock_timeout),
        statement=_duration(body["statement"], usual.statement),
        run=_duration(body["run"], usual.run),
    )


def _verify(body: Field) -> VerifyOptions:
    interval = values.duration(_duration(body["interval"], "24h"))
    if 0 < interval < SHORTEST_INTERVAL:
        raise InvalidError(
            f"{body.path}.interval: {body['interval'].text()} is too short; write "
            f"{SHORTEST_INTERVAL:g}s or more, or 0s for never"
        )
    return VerifyOptions(interval)


def _duration(field: Field, default: str) -> str:
    found = field.text(default)
    try:
        values.duration(found)
    except ValueError as exc:
        raise InvalidError(f"{field.path}: {exc}") from None
    return found
