"""The shops that chaos is brought to: what each of them wants, and how it is declared."""

from __future__ import annotations

import copy
import itertools
import json
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos_recorder import HAND
from medusa_testbed import objects
from medusa_testbed.api import JSON_PATCH, ApiError
from medusa_testbed.kubelet.images import RUNNER, Image, Outcome
from medusa_testbed.shops import RESOURCE, fails, succeeds

if TYPE_CHECKING:
    from chaos_history import Key
    from chaos_recorder import Recorder
    from medusa_testbed.api import Api, Object
    from servers import TestServer

GOING = 120.0
"""Seconds within which a resource that is deleted is gone, a run that goes on included."""
QUICK = "quick:test"
"""An image whose runs end at once and touch no database."""
BEGINNING = "1.11.0"
"""The version of a database that is not empty at the beginning."""
WAY = (
    "1.12.0", "1.12.3", "1.13.0", "1.13.1", "1.14.0", "1.15.0", "1.15.1", "1.15.2", "1.16.0", "1.17.0",
    "1.17.3", "1.17.4", "1.18.0", "1.18.1", "1.19.0", "1.20.0", "1.20.3", "1.20.4", "1.20.11",
)  # fmt: skip
"""The versions that a shop is raised to, one after another or some at a time."""

_numbers = itertools.count(1)


@dataclass(slots=True)
class Tenant:
    """One shop: its resource as its owner wants it."""

    namespace: str
    name: str
    quick: bool
    """Whether its runs are of the image QUICK, and it has no database."""
    spec: Object = field(default_factory=dict)
    database: str = ""
    began_at: str = "empty"
    document: str = ""
    """The seed document in its ConfigMap; empty: it has none."""
    away: bool = False
    """Whether it is deleted at the moment, and going to be made again."""
    since: float | None = None
    """Since when it is waited for its resource to be gone."""

    @property
    def key(self) -> Key:
        """Its namespace and name."""
        return self.namespace, self.name

    @property
    def secret(self) -> str:
        """The name of the Secret with its URL."""
        return f"{self.name}-db"

    @property
    def config_map(self) -> str:
        """The name of the ConfigMap with its seed document."""
        return f"{self.name}-seed"

    @property
    def stage(self) -> int:
        """How far on the way it is declared to be."""
        return WAY.index(self.spec["version"])


@dataclass(slots=True)
class Fleet:
    """All shops, the databases of those that have one, and what is done to them as their owners do."""

    api: Api
    server: TestServer
    recorder: Recorder
    tenants: list[Tenant] = field(default_factory=list)

    def found(self, tenant: Tenant, *, empty: bool) -> None:
        """Give a shop a new database and a spec, and declare it."""
        self.settle_in(tenant, empty=empty)
        self.tenants.append(tenant)
        self.create(tenant)

    def settle_in(self, tenant: Tenant, *, empty: bool) -> None:
        """Give a shop that is not declared another database, and the first version of the way."""
        if tenant.database:
            self.recorder.remember(tenant.database, tenant.began_at)
            self.server.drop(tenant.database)
        tenant.spec = {
            "version": WAY[0],
            "database": {"urlSecretRef": {"name": tenant.secret, "key": "url"}},
            "upgrade": {"approval": "Automatic"},
            "timeouts": {"connect": "5s", "lock": "20s"},
            "job": {"image": QUICK} if tenant.quick else {},
        }
        if not tenant.quick:
            tenant.began_at = "empty" if empty else BEGINNING
            tenant.database = f"chaos_{next(_numbers)}"
            template = "template0" if empty else self.server.at(BEGINNING)
            self.server.execute("create database {} template {}", tenant.database, template)

    def provide(self, tenant: Tenant) -> None:
        """Put its seed document, where it has one, into its ConfigMap."""
        if tenant.document:
            body = objects.config_map(tenant.config_map, {"seed.json": tenant.document})
            _create_or_replace(self.api, "v1/configmaps", body, tenant.namespace)

    def create(self, tenant: Tenant) -> None:
        """Make its Secret, its ConfigMap and its resource, whatever is there already."""
        self.provide(tenant)
        url = self.server.url(tenant.database) if tenant.database else "postgres://nobody"
        _create_or_replace(
            self.api, "v1/secrets", objects.secret(tenant.secret, url=url), tenant.namespace
        )
        body = {
            "apiVersion": "medusadb.dev/v1alpha1",
            "kind": "MedusaDatabase",
            "metadata": {"name": tenant.name},
            "spec": tenant.spec,
        }
        made = self.api.request(
            "POST",
            f"/apis/medusadb.dev/v1alpha1/namespaces/{tenant.namespace}/medusadatabases",
            body,
            query={"fieldManager": HAND},
        )
        self.recorder.belongs(made, tenant.database)
        tenant.away = False

    def declare(self, tenant: Tenant, why: str) -> None:
        """Replace the spec of its resource by the one that its owner wants."""
        self.recorder.affected(tenant.key, why)
        self.patch(tenant, [{"op": "replace", "path": "/spec", "value": tenant.spec}])

    def change(self, tenant: Tenant, why: str, **spec: Any) -> None:
        """Let its owner want something else, field by field, and declare it; None takes one away."""
        wanted = copy.deepcopy(tenant.spec)
        for name, value in spec.items():
            old = wanted.get(name)
            wanted[name] = (
                old | value if isinstance(old, dict) and isinstance(value, dict) else value
            )
            if value is None:
                del wanted[name]
        tenant.spec = wanted
        self.declare(tenant, why)

    def annotate(self, tenant: Tenant, why: str, **notes: str | None) -> None:
        """Write annotations of its resource; `__` stands for a slash, `_` for a dash."""
        self.recorder.affected(tenant.key, why)
        named = {
            key.replace("__", "/").replace("_", "-").replace("medusadb-dev", "medusadb.dev"): value
            for key, value in notes.items()
        }
        self.api.patch(
            RESOURCE,
            tenant.name,
            {"metadata": {"annotations": named}},
            tenant.namespace,
            fieldManager=HAND,
        )

    def patch(self, tenant: Tenant, patch: list[Object], part: str = "") -> None:
        """Send a JSON patch of its resource."""
        self.api.patch(
            RESOURCE,
            tenant.name,
            patch,
            tenant.namespace,
            how=JSON_PATCH,
            part=part,
            fieldManager=HAND,
        )

    def find(self, tenant: Tenant) -> Object | None:
        """Return its resource, or None."""
        return self.api.find(RESOURCE, tenant.name, tenant.namespace)

    def delete(self, tenant: Tenant, why: str) -> None:
        """Delete its resource; it is away until it is made again."""
        self.recorder.affected(tenant.key, why)
        self.api.delete(RESOURCE, tenant.name, tenant.namespace)
        tenant.away = True

    def make_again(self, tenant: Tenant) -> bool:
        """Make it again once it is gone; return whether it is there."""
        if not tenant.away:
            return True
        if not self.is_gone(tenant):
            return False
        self.recorder.affected(tenant.key, "made again")
        self.create(tenant)
        return True

    def is_gone(self, tenant: Tenant, *, is_ours: bool = False) -> bool:
        """Return whether a resource that was deleted is gone; take its finalizers off after long.

        That is a violation, unless it *is ours* to do so, as the documentation says.
        """
        found = self.find(tenant)
        if found is None:
            tenant.since = None
            return True
        if "deletionTimestamp" not in found["metadata"]:  # the request did not arrive
            self.api.delete(RESOURCE, tenant.name, tenant.namespace)
        tenant.since = tenant.since or time.monotonic()
        if time.monotonic() - tenant.since > (GOING / 6 if is_ours else GOING):
            tenant.since = None
            held = found["metadata"].get("finalizers")
            if not is_ours:
                told = json.dumps(found.get("status", {}).get("conditions"))
                self.recorder.stuck.append(
                    f"{tenant.namespace}/{tenant.name} was deleted and still there after "
                    f"{GOING:g} s: finalizers {held}, status {told}"
                )
            self.patch(tenant, [{"op": "remove", "path": "/metadata/finalizers"}])
        return False

    def restore(self, tenant: Tenant) -> bool:
        """Declare what its owner wants where something else stands there; return whether it does."""
        if tenant.away:
            return self.make_again(tenant)
        found = self.find(tenant)
        if found is None:
            tenant.away = True
            return False
        tenant.spec.pop("suspend", None)
        if not _holds(found.get("spec"), tenant.spec) or found["spec"].get("suspend"):
            try:
                self.declare(tenant, "restored")
            except ApiError as exc:
                if exc.status != 422:
                    raise
                self.delete(tenant, f"cannot be restored: {exc.message[:200]}")
                return False
        return True


def images(seed: str) -> dict[str, Image]:
    """Return the images that shops run; those of QUICK fail now and then, as *seed* has it."""

    def outcome(pod: Object) -> Outcome:
        if "--run-id" not in pod["spec"]["containers"][0].get("args", ()):
            return Outcome(1, "")  # a neighbour's
        lot = zlib.crc32(f"{seed}{pod['metadata']['name']}".encode()) % 100
        if lot < 8:
            return fails(4, "the server does not answer")(pod)
        if lot < 12:
            return fails(6, "another run holds the lock")(pod)
        return succeeds(pod)

    return {RUNNER: Image(("medusa-db",)), QUICK: Image(outcome=outcome)}


def seed_document(number: int) -> str:
    """Return a small seed document."""
    return json.dumps({"store": {"name": f"Shop {number}"}})


def _create_or_replace(api: Api, kind: str, body: Object, namespace: str) -> None:
    try:
        api.create(kind, body, namespace)
    except ApiError as exc:
        if exc.status != 409:
            raise
        content = {key: value for key, value in body.items() if key not in ("apiVersion", "kind")}
        api.patch(kind, body["metadata"]["name"], content, namespace)


def _holds(found: Any, wanted: Any) -> bool:
    """Return whether everything that is wanted is found; defaults may stand beside."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and _holds(found[key], value) for key, value in wanted.items())
    return bool(found == wanted)
