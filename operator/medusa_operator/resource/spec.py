"""Pure: what the owner of a `MedusaDatabase` declares, read from its `spec`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
)

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.version import Version
from medusa_migrations.contract import values
from medusa_operator.resource.parse import InvalidError, nested_deeper
from medusa_operator.resource.serial import (
    CAMEL,
    CHOICE,
    Body,
    Name,
    StrictBool,
    StrictInt,
    too_deep,
)

if TYPE_CHECKING:
    from collections.abc import Callable

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


class KeySource(StrEnum):
    """The kind of object that a key is in."""

    SECRET = "secret"  # noqa: S105  the word, not one of them
    CONFIG_MAP = "configMap"


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A key of a Secret or ConfigMap in the resource's own namespace."""

    name: Name
    key: Name
    source: KeySource = KeySource.SECRET

    def __str__(self) -> str:
        kind = "Secret" if self.source is KeySource.SECRET else "ConfigMap"
        return f"{kind} {self.name}, key {self.key}"


def _of(source: KeySource) -> Callable[[Any], Any]:
    return lambda body: body | {"source": source} if isinstance(body, dict) else body


def _version(value: Any) -> Version:
    found = versions.parse(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r:.100} is not a version such as 1.20.11")
    return found


def _duration(value: str) -> str:
    values.duration(value)
    return value


def _interval(value: str) -> float:
    interval = values.duration(value)
    if 0 < interval < SHORTEST_INTERVAL:
        raise ValueError(
            f"{value} is too short; write {SHORTEST_INTERVAL:g}s or more, or 0s for never"
        )
    return interval


def _patch(body: Any) -> Any:
    if nested_deeper(body, DEEPEST):
        raise too_deep(DEEPEST)
    return body


def _kind_of(value: Any) -> str:
    kind = "key" if isinstance(value, dict) else "number" if isinstance(value, int) else "text"
    return CHOICE + kind


def _named(*names: str) -> Any:
    return Field(validation_alias=AliasChoices(*names))


_Version = Annotated[Version, PlainValidator(_version)]
_Duration = Annotated[str, AfterValidator(_duration)]
_Patch = Annotated[Mapping[str, Any], BeforeValidator(_patch)]
_Limit = Annotated[StrictInt | None, AfterValidator(lambda number: number or None)]
"""A number that is none where it is 0."""
_Secret = Annotated[KeyRef, BeforeValidator(_of(KeySource.SECRET))]
_ConfigMap = Annotated[KeyRef, BeforeValidator(_of(KeySource.CONFIG_MAP))]
_Text = Annotated[str, Tag(CHOICE + "text")]
_Number = Annotated[StrictInt, Tag(CHOICE + "number")]
_Key = Annotated[_Secret, Tag(CHOICE + "key")]
_Part = Annotated[_Text | _Key, Discriminator(_kind_of)]


@dataclass(frozen=True, slots=True)
class DatabaseRef:
    """Where the database is: a URL in a Secret, or its parts."""

    __pydantic_config__ = CAMEL

    url: Annotated[_Secret | None, _named("urlSecretRef")] = None
    host: Annotated[_Part, _named("hostSecretRef", "host")] = ""
    port: Annotated[
        Annotated[_Number | _Key, Discriminator(_kind_of)] | None,
        _named("portSecretRef", "port"),
    ] = None
    name: Annotated[_Part, _named("nameSecretRef", "name")] = ""
    user: Annotated[_Part, _named("userSecretRef", "user")] = ""
    password: Annotated[_Secret | None, _named("passwordSecretRef")] = None
    ssl_mode: str = ""
    ca_secret: Annotated[_Secret | None, _named("caSecretRef")] = None
    ca_config_map: Annotated[_ConfigMap | None, _named("caConfigMapRef")] = None
    schema: str = ""
    """The schema of the shop; empty: the one that the URL names, else the search path's first."""

    @property
    def ca(self) -> KeyRef | None:
        """The certificate authority of the server."""
        return self.ca_secret or self.ca_config_map

    @property
    def place(self) -> str:
        """The database as far as it is known without reading Secrets; equal for equal places."""
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

    __pydantic_config__ = CAMEL

    stops: tuple[_Version, ...] = ()
    approval: Approval = Approval.ON_BREAKING
    acknowledged: tuple[_Version, ...] = ()
    allow_older: StrictBool = False
    transaction: Transaction = Transaction.STEP


@dataclass(frozen=True, slots=True)
class DataSteps:
    """Which data steps run."""

    skip: StrictBool = False
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeedSpec:
    """What to fill the shop with, and when."""

    config_map: Annotated[
        _ConfigMap | None, Field(validation_alias=AliasPath("from", "configMapKeyRef"))
    ] = None
    secret: Annotated[_Secret | None, Field(validation_alias=AliasPath("from", "secretKeyRef"))] = (
        None
    )
    policy: SeedPolicy = SeedPolicy.ONCE

    @property
    def source(self) -> KeyRef:
        """Where the document is."""
        found = self.config_map or self.secret
        if found is None:
            raise InvalidError("spec.seed.from needs configMapKeyRef or secretKeyRef")
        return found


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How Jobs are made."""

    __pydantic_config__ = CAMEL

    image: str = ""
    """Empty: the operator's own runner image."""
    image_pull_policy: str = ""
    service_account: Annotated[str, _named("serviceAccountName")] = "default"
    resources: _Patch = field(default_factory=dict)
    ttl: Annotated[StrictInt, _named("ttlSecondsAfterFinished")] = 86400
    """Seconds that a finished Job is kept once its verdict is in the status."""
    deadline: Annotated[_Limit, _named("activeDeadlineSeconds")] = None
    """Seconds; None: worked out from the timeouts."""
    template: _Patch = field(default_factory=dict)
    """A patch for the pod template."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Durations as the runner takes them: `250ms`, `5s`, `10m`, `1h30m`."""

    __pydantic_config__ = CAMEL

    connect: _Duration = "30s"
    lock: _Duration = "10m"
    lock_timeout: _Duration = "5s"
    statement: _Duration = "0s"
    run: _Duration = "1h"


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How drift is looked for at rest."""

    interval: Annotated[float, PlainValidator(_interval)] = 86400.0
    """Seconds between two looks at a database that is as declared; 0: none but those asked for."""


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything the owner declares."""

    __pydantic_config__ = CAMEL

    version: _Version
    database: DatabaseRef
    flags: Annotated[Mapping[str, StrictBool], _named("featureFlags")] = field(default_factory=dict)
    baseline: _Version | None = None
    upgrade: Upgrade = field(default_factory=Upgrade)
    data_steps: DataSteps = field(default_factory=DataSteps)
    seed: SeedSpec | None = None
    """None where nothing is to be seeded."""
    job: JobOptions = field(default_factory=JobOptions)
    timeouts: Timeouts = field(default_factory=Timeouts)
    verify: VerifyOptions = field(default_factory=VerifyOptions)
    retry_limit: Annotated[_Limit, Field(validation_alias=AliasPath("retry", "limit"))] = None
    """Failed attempts of one step after which only a person helps; None: it is tried for ever."""
    deletion: Annotated[DeletionPolicy, _named("deletionPolicy")] = DeletionPolicy.WAIT
    suspend: StrictBool = False

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


_BODY = Body(Spec, "spec", as_it_is=("resources", "template"))


def from_body(body: object) -> Spec:
    """Return the spec that *body* holds; raise InvalidError where it is not valid."""
    spec = _BODY.read(body)
    where, seed = spec.database, spec.seed
    if (where.url is None) == (not where.host):
        raise InvalidError(
            "spec.database needs either urlSecretRef, or the parts: host or hostSecretRef, name or "
            "nameSecretRef, user or userSecretRef, passwordSecretRef"
        )
    if where.url is None and not (where.name and where.user):
        raise InvalidError("spec.database needs a name and a user beside the host")
    if seed is not None and seed.policy is SeedPolicy.NEVER:
        return replace(spec, seed=None)
    if seed is not None:
        _ = seed.source
    return spec


def digest(*parts: str, length: int = 16) -> str:
    """Return a short hash of *parts*, equal for equal parts, on every machine."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:length]
