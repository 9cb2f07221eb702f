"""Disturbances: objects of our kind with content that nobody can mean."""

from __future__ import annotations

import copy
import functools
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import yaml

from chaos_disturbances import Strike, disturbance, pick
from chaos_recorder import GARBLED
from medusa_testbed.api import ApiError
from medusa_testbed.operators import DEPLOY

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from chaos_disturbances import Arena
    from chaos_shops import Tenant
    from medusa_testbed.api import Object

_DEFINITIONS = "apiextensions.k8s.io/v1/customresourcedefinitions"
_NAME = "medusadatabases.medusadb.dev"
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def loosen(arena: Arena) -> None:
    """Let the API server take anything for a MedusaDatabase."""
    spec = copy.deepcopy(_shipped())
    for version in spec["versions"]:
        version["schema"] = {"openAPIV3Schema": _ANYTHING}
    _define(arena, spec)
    arena.loosened = True


def tighten(arena: Arena) -> bool:
    """Put the definition back as it is shipped."""
    if arena.loosened:
        for key in arena.spoilt:
            arena.recorder.affected(key, "perhaps pruned")
        arena.spoilt.clear()
        _define(arena, _shipped())
        arena.loosened = False
    return True


def _define(arena: Arena, spec: Object) -> None:
    found = arena.api.get(_DEFINITIONS, _NAME)
    found["spec"] = spec
    arena.api.request(
        "PUT", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{_NAME}", found
    )


@functools.cache
def _shipped() -> Object:
    document = yaml.safe_load((DEPLOY / "crd" / "medusadatabases.yaml").read_text())
    return dict(document["spec"])


def _within_a_loose_time(arena: Arena, act: Callable[[], object]) -> Callable[[], object] | None:
    """Do what the shipped definition refuses; return what puts that back, where it is not planned yet."""
    begins = not arena.loosened
    if begins:
        loosen(arena)
    for _ in range(12):  # the new definition is served a moment later
        with suppress(ApiError):
            act()
            break
        time.sleep(0.25)
    return functools.partial(tighten, arena) if begins else None


@disturbance(7)
def a_spec_becomes_garbage(arena: Arena, dice: random.Random) -> Strike | None:
    """Replace parts of a spec by anything, under a definition that allows it; put it right later."""
    after, changes = dice.uniform(3, 15), dice.choice((1, 1, 2, 5))
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    spec = copy.deepcopy(tenant.spec)
    for _ in range(changes):
        spec = spoilt(dice, spec)
    arena.recorder.affected(tenant.key, "spec spoilt")
    arena.spoilt.add(tenant.key)
    put = [{"op": "replace", "path": "/spec", "value": spec}]
    back = _within_a_loose_time(arena, lambda: arena.fleet.patch(tenant, put))

    def restore() -> bool:
        return _restored(arena, tenant) and (back is None or bool(back()))

    return Strike(f"{tenant.name} for {after:.0f} s: {_short(spec)}", after, restore)


def _restored(arena: Arena, tenant: Tenant) -> bool:
    return tenant.away or arena.fleet.find(tenant) is None or arena.fleet.restore(tenant)


@disturbance(3)
def a_status_is_wiped(arena: Arena, dice: random.Random) -> Strike | None:
    """Take a status away, as a restored backup does."""
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    arena.recorder.affected(tenant.key, "status wiped")
    arena.fleet.patch(tenant, [{"op": "replace", "path": "/status", "value": {}}], "status")
    return Strike(tenant.name)


@disturbance(4)
def a_status_becomes_garbage(arena: Arena, dice: random.Random) -> Strike | None:
    """Replace parts of a status by anything, under a definition that allows it."""
    after, changes = dice.uniform(2, 8), dice.choice((1, 2, 4))
    tenant = pick(arena, dice)
    found = arena.fleet.find(tenant) if tenant else None
    if tenant is None or found is None:
        return None
    status = found.get("status", {})
    for _ in range(changes):
        status = spoilt(dice, status)
    arena.recorder.affected(tenant.key, "status spoilt")
    arena.spoilt.add(tenant.key)
    arena.recorder.invents(status)
    put = [{"op": "replace", "path": "/status", "value": status}]
    back = _within_a_loose_time(arena, lambda: arena.fleet.patch(tenant, put, "status"))
    return Strike(f"{tenant.name}: {_short(status)}", after, back)


@disturbance(2)
def a_template_is_deep(arena: Arena, dice: random.Random) -> Strike | None:
    """Nest the pod template of a spec much deeper than anybody means."""
    depth, after = dice.choice((40, 200, 900, 1500, 3000)), dice.uniform(3, 12)
    where = dice.choice(("metadata", "spec"))
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    deep: Any = "x"
    for _ in range(depth):
        deep = {"a": deep}
    arena.recorder.affected(tenant.key, "deep template")
    arena.spoilt.add(tenant.key)
    put = [{"op": "add", "path": "/spec/job", "value": {"template": {where: deep}}}]
    back = _within_a_loose_time(arena, lambda: arena.fleet.patch(tenant, put))

    def restore() -> bool:
        arena.recorder.affected(tenant.key, "template restored")
        if not tenant.away and arena.fleet.find(tenant) is not None:
            arena.fleet.declare(tenant, "template restored")
        return back is None or bool(back())

    return Strike(f"{tenant.name}: {depth} levels in {where} for {after:.0f} s", after, restore)


@disturbance(3)
def annotations_are_odd(arena: Arena, dice: random.Random) -> Strike | None:
    """Write annotations and labels with unusual content to a resource."""
    value = dice.choice(("", " ", "9" * 5000, "\x00", "ü" * 300, "{}", "null", "a" * 100_000))
    name = dice.choice(
        ("medusadb.dev/retry", "medusadb.dev/attempt", "medusadb.dev/nothing", "kopf.dev/x")
    )
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    arena.recorder.affected(tenant.key, "annotated")
    arena.fleet.api.patch(
        "medusadb.dev/v1alpha1/medusadatabases",
        tenant.name,
        {"metadata": {"annotations": {name: value}}},
        tenant.namespace,
        fieldManager="chaos",
    )

    def restore() -> bool:
        if not tenant.away and arena.fleet.find(tenant) is not None:
            arena.fleet.annotate(
                tenant, "annotation removed", **{name.replace("/", "__").replace(".", "_"): None}
            )
        return True

    return Strike(f"{tenant.name}: {name} of {len(value)} characters", dice.uniform(2, 8), restore)


def spoilt(dice: random.Random, body: Any) -> Any:
    """Return *body* with one part of it, at any depth, replaced, doubled or taken away."""
    if isinstance(body, dict) and body and dice.random() < 0.8:
        key = dice.choice(sorted(body))
        kept = dict(body)
        match dice.randrange(6):
            case 0:
                del kept[key]
            case 1:
                kept[
                    dice.choice(("job", "seed", "history", "steps", "conditions", "\u00e4", ""))
                ] = anything(dice)
            case _:
                kept[key] = spoilt(dice, body[key])
        return kept
    if isinstance(body, list) and body and dice.random() < 0.8:
        place = dice.randrange(len(body))
        kept = list(body)
        kept[place : place + 1] = dice.choice(([], [body[place]] * 2, [spoilt(dice, body[place])]))
        return kept
    return anything(dice)


def anything(dice: random.Random, depth: int = 0) -> Any:
    """Return any value that JSON can hold."""
    plain: list[Any] = [
        None, True, False, 0, -1, 2**53, 1e300, 0.5, "", " ", "null", "1.20.11", "1.2", "v1.20.11", "9" * 5000,
        "2026-13-45T99:99:99Z", "0000-00-00T00:00:00Z", "\u202e\u0000", "x" * 3000, f"{GARBLED}-job", [], {},
    ]  # fmt: skip
    if depth < 3 and dice.random() < 0.3:
        some = [anything(dice, depth + 1) for _ in range(dice.randrange(4))]
        return some if dice.random() < 0.5 else {f"key{n}": value for n, value in enumerate(some)}
    return dice.choice(plain)


def _short(body: Any) -> str:
    text = repr(body)
    return text if len(text) < 400 else f"{text[:400]}... ({len(text)} characters)"
