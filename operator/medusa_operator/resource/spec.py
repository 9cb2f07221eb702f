"""Pure: what the owner of a `MedusaDatabase` declares, read from its `spec`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
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
SERVED_ONLY = 2
"""The first major version of Medusa that only the shop's own image can migrate."""
LINKS = "links"
"""Acknowledges, beside versions, that tables of links stay as they are."""
DEEPEST = 32
"""Levels of a patch of the pod template; no pod needs half as many."""
LONGEST_NAME = 253
_OBJECT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""How objects are called that a request for one names: nothing else gets into its path."""


class Approval(StrEnum):
    """When a path waits for a person."""

    AUTOMATIC = "Automatic"
    ON_BREAKING = "OnBreaking"
    MANUAL = "Manual"


class Transaction(StrEnum):
    """How much is one transaction."""

    STEP = "Step"
    EACH = "Each"


class RunnerSource(StrEnum):
    """How the runner comes into the container of the shop's own image."""

    CARRIED = "Carried"
    IMAGE = "Image"


class WorkloadKind(StrEnum):
    """The kind of object that serves the shop."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"

    @property
    def plural(self) -> str:
        """Its name in paths and Roles."""
        return f"{self.lower()}s"


class LinkChanges(StrEnum):
    """Which changes of tables of links are made."""

    SAFE = "Safe"
    ALL = "All"


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


def _acknowledged(value: Any) -> Version | str:
    return LINKS if value == LINKS else _version(value)


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


def _variable(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check what is read of a variable later; what else is wrong with it the API server says."""
    if not isinstance(body.get("name"), str) or not body["name"]:
        raise ValueError("a variable needs a name")
    _require_object(body, "valueFrom")
    _require_object(body.get("valueFrom") or {}, "secretKeyRef")
    return body


def _variables(body: Mapping[str, Any]) -> Mapping[str, Any]:
    _require_object(body, "secretRef")
    return body


def _object_name(value: str) -> str:
    if len(value) > LONGEST_NAME or not _OBJECT.fullmatch(value):
        raise ValueError(f"{value[:100]!r} is not the name of an object")
    return value


def _require_object(body: Mapping[str, Any], key: str) -> None:
    if not isinstance(body.get(key), Mapping | None):
        raise ValueError(f"{key} is not an object")  # noqa: TRY004  pydantic takes ValueError only


def _kind_of(value: Any) -> str:
    kind = "key" if isinstance(value, dict) else "number" if isinstance(value, int) else "text"
    return CHOICE + kind


def _named(*names: str) -> Any:
    return Field(validation_alias=AliasChoices(*names))


_Version = Annotated[Version, PlainValidator(_version)]
_Acknowledged = Annotated[Version | str, PlainValidator(_acknowledged)]
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
    acknowledged: tuple[_Acknowledged, ...] = ()
    """Versions, and `links`."""
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

    __pydantic_config__ = CAMEL

    config_map: Annotated[
        _ConfigMap | None, Field(validation_alias=AliasPath("from", "configMapKeyRef"))
    ] = None
    secret: Annotated[_Secret | None, Field(validation_alias=AliasPath("from", "secretKeyRef"))] = (
        None
    )
    script: str = ""
    """A file of the shop's image that `medusa exec` runs."""
    npm_script: str = ""
    """A script of the package.json in it."""
    args: tuple[str, ...] = ()
    """What that is given."""
    policy: SeedPolicy = SeedPolicy.ONCE

    @property
    def document(self) -> KeyRef | None:
        """Where the document is; None where the shop's own image seeds it."""
        return self.config_map or self.secret

    @property
    def own(self) -> bool:
        """Whether a script of the shop's own image seeds it."""
        return bool(self.script or self.npm_script)

    @property
    def shown(self) -> str:
        """How messages name what it is seeded by."""
        return str(self.document or self.script or f"npm run {self.npm_script}")


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
    stall: _Duration = ""
    """How long a command of the shop's own Medusa may do nothing; empty: nothing is said."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How drift is looked for at rest."""

    interval: Annotated[float, PlainValidator(_interval)] = 86400.0
    """Seconds between two looks at a database that is as declared; 0: none but those asked for."""


@dataclass(frozen=True, slots=True)
class PullSecret:
    """A Secret with which images are pulled."""

    name: Name


@dataclass(frozen=True, slots=True)
class WorkloadRef:
    """The container that serves the shop: in a workload of the resource's own namespace."""

    name: Annotated[Name, AfterValidator(_object_name)]
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    container: str = ""
    """Empty: the only one, or the one that the workload calls its default."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class ShopImage:
    """The shop's own image, whose own Medusa migrates the database."""

    __pydantic_config__ = CAMEL

    image: Name
    image_pull_policy: str = ""
    image_pull_secrets: tuple[PullSecret, ...] = ()
    working_dir: str = ""
    """Where its project is; empty: the image's own working directory."""
    runner: RunnerSource = RunnerSource.CARRIED
    workload: Annotated[WorkloadRef | None, _named("workloadRef")] = None
    """What serves the shop, whose variables, volumes, users and pull secrets a run takes over."""
    env: tuple[Annotated[_Patch, AfterValidator(_variable)], ...] = ()
    """Variables, as a container has them."""
    env_from: tuple[Annotated[_Patch, AfterValidator(_variables)], ...] = ()
    """Secrets and ConfigMaps, as a container has them."""
    links: LinkChanges = LinkChanges.SAFE
    scripts: StrictBool = True
    """Whether migration scripts run."""
    node: str = ""
    """Path of Node; empty: it is found."""
    resources: _Patch = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """A hash of what decides about what it finds to do in a database."""
        return digest(
            self.image,
            self.working_dir,
            json.dumps([dict(variable) for variable in self.env], sort_keys=True),
            json.dumps([dict(source) for source in self.env_from], sort_keys=True),
            self.links,
            str(self.scripts),
            *(astuple(self.workload) if self.workload is not None else ()),
        )


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything the owner declares."""

    __pydantic_config__ = CAMEL

    version: _Version
    database: DatabaseRef
    server: ShopImage | None = None
    """None: the operator's own migrations of plain Medusa v1 run."""
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
            *((self.server.identity,) if self.server is not None else ()),
        )


_BODY = Body(Spec, "spec", as_it_is=("resources", "template", "env", "envFrom"))


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
        spec, seed = replace(spec, seed=None), None
    if seed is not None:
        _require_one_source(seed)
    _require_one_engine(spec)
    return spec


def _require_one_source(seed: SeedSpec) -> None:
    """Raise InvalidError where it is not one thing that the shop is seeded by."""
    found = (seed.config_map, seed.secret, seed.script, seed.npm_script)
    if len([one for one in found if one]) != 1:
        raise InvalidError(
            "spec.seed needs one of from.configMapKeyRef, from.secretKeyRef, script and npmScript, and only one"
        )
    if seed.args and not seed.own:
        raise InvalidError("spec.seed.args are for a script; leave them out")


def _require_one_engine(spec: Spec) -> None:
    """Raise InvalidError for what has no meaning where the shop's own Medusa runs, or where it does not."""
    upgrade = spec.upgrade
    if spec.server is None:
        if spec.version.major >= SERVED_ONLY:
            raise InvalidError(
                f"spec.version {spec.version} needs spec.server: Medusa v2 is migrated by the shop's own image"
            )
        if LINKS in upgrade.acknowledged:
            raise InvalidError(
                "spec.upgrade.acknowledged: links has a meaning with spec.server only"
            )
        if spec.seed is not None and spec.seed.own:
            raise InvalidError(
                "spec.seed: script and npmScript are of the shop's own image, and need spec.server; without it a seed has from"
            )
        if spec.timeouts.stall:
            raise InvalidError("spec.timeouts.stall has a meaning with spec.server only")
        return
    senseless = {
        "featureFlags": spec.flags,
        "baseline": spec.baseline,
        "dataSteps": spec.data_steps != DataSteps(),
        "upgrade.stops": upgrade.stops,
        "upgrade.transaction": upgrade.transaction is not Transaction.STEP,
    }
    for name, given in senseless.items():
        if given:
            raise InvalidError(
                f"spec.{name} has no meaning with spec.server, where the shop's own Medusa runs; leave it out"
            )
    if spec.seed is not None and spec.seed.document and spec.version.major >= SERVED_ONLY:
        raise InvalidError(
            "spec.seed.from is for Medusa v1, which has seed documents; a shop of v2 is seeded by spec.seed.script"
        )
    if spec.seed is not None and spec.seed.script and spec.version.major < SERVED_ONLY:
        raise InvalidError(
            "spec.seed.script is for Medusa v2, which has `medusa exec`; a shop of v1 is seeded from a document, or by "
            "spec.seed.npmScript"
        )


def digest(*parts: str, length: int = 16) -> str:
    """Return a short hash of *parts*, equal for equal parts, on every machine."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:length]
