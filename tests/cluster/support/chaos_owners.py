"""Disturbances: what the owners of shops do, often and at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos_disturbances import Strike, disturbance, pick
from chaos_shops import WAY, seed_document

if TYPE_CHECKING:
    import random

    from chaos_disturbances import Arena

_FLAGS = ("sales_channels", "order_editing", "publishable_api_keys", "tax_inclusive_pricing")


@disturbance(22)
def a_version_is_raised(arena: Arena, dice: random.Random) -> Strike | None:
    """Declare a later version, with stops on the way now and then."""
    step = dice.choice((1, 1, 2, 3, 4))
    stops, each = dice.random() < 0.25, dice.random() < 0.2
    tenant = pick(arena, dice)
    if tenant is None or tenant.stage == len(WAY) - 1:
        return None
    stage = min(len(WAY) - 1, tenant.stage + step)
    upgrade = {
        "approval": "Automatic",
        "stops": list(WAY[tenant.stage + 1 : stage]) if stops else [],
        "transaction": "Each" if each else "Step",
    }
    arena.fleet.change(tenant, "raised", version=WAY[stage], upgrade=upgrade)
    return Strike(f"{tenant.name} to {WAY[stage]}{' with stops' if stops else ''}")


@disturbance(5)
def a_shop_begins_anew(arena: Arena, dice: random.Random) -> Strike | None:
    """Delete a resource, and declare it again with another database."""
    empty, early = dice.random() < 0.5, dice.random() < 0.5
    tenant = pick(arena, dice)
    if tenant is None or (tenant.stage < len(WAY) // 2 and not early):
        return None
    fleet = arena.fleet
    fleet.delete(tenant, "deleted to begin anew")

    def begin() -> bool:
        if not fleet.is_gone(tenant):
            return False
        if _has_pods(arena, tenant.namespace, tenant.name):
            return False
        fleet.settle_in(tenant, empty=empty)
        return fleet.make_again(tenant)

    return Strike(tenant.name, 1.0, begin)


def _has_pods(arena: Arena, namespace: str, name: str) -> bool:
    found = arena.api.list(
        "v1/pods",
        namespace,
        labelSelector=f"app.kubernetes.io/instance={name},medusadb.dev/database-uid",
    )
    return any(pod.get("status", {}).get("phase") in ("Pending", "Running") for pod in found)


@disturbance(4)
def a_resource_is_deleted_and_made_again(arena: Arena, dice: random.Random) -> Strike | None:
    """Delete a resource, by each way there is, and declare it again with the same database."""
    how = dice.choice(("Background", "Foreground", "Orphan"))
    after = dice.uniform(0.5, 6)
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    arena.recorder.affected(tenant.key, "deleted")
    tenant.away = True
    if how == "Orphan":
        arena.recorder.disown_all(tenant.key)
    arena.api.delete(
        "medusadb.dev/v1alpha1/medusadatabases",
        tenant.name,
        tenant.namespace,
        propagationPolicy=how,
    )
    return Strike(f"{tenant.name}, {how}", after, lambda: arena.fleet.make_again(tenant))


@disturbance(1)
def all_resources_are_deleted(arena: Arena, dice: random.Random) -> Strike | None:
    """Delete every resource, so that all lists are empty for some resyncs."""
    after = dice.uniform(8, 14)
    there = arena.present()
    if not there:
        return None
    for tenant in there:
        arena.fleet.delete(tenant, "deleted with all others")

    def make_all() -> bool:
        made = [arena.fleet.make_again(tenant) for tenant in there]
        return all(made)

    return Strike(f"{len(there)} of them for {after:.0f} s", after, make_all)


@disturbance(5)
def a_flag_is_toggled(arena: Arena, dice: random.Random) -> Strike | None:
    """Switch a feature flag on or off."""
    flag, on = dice.choice(_FLAGS), dice.random() < 0.5
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    flags = dict(tenant.spec.get("featureFlags", {})) | {flag: on}
    arena.fleet.change(tenant, "flag toggled", featureFlags=flags)
    return Strike(f"{tenant.name}: {flag} {on}")


@disturbance(5)
def a_seed_is_changed(arena: Arena, dice: random.Random) -> Strike | None:
    """Let a shop be seeded from a document, or change that document."""
    number, once = dice.randrange(4), dice.random() < 0.2
    tenant = pick(arena, dice)
    if tenant is None or tenant.quick:
        return None
    arena.recorder.affected(tenant.key, "document changed")
    tenant.document = seed_document(number)
    arena.fleet.provide(tenant)
    seed = {
        "policy": "Once" if once else "OnChange",
        "from": {"configMapKeyRef": {"name": tenant.config_map, "key": "seed.json"}},
    }
    arena.fleet.change(tenant, "seed declared", seed=seed)
    return Strike(f"{tenant.name}: document {number}")


@disturbance(4)
def another_attempt_is_asked_for(arena: Arena, dice: random.Random) -> Strike | None:
    """Write the retry annotation."""
    token = f"again-{dice.randrange(10**6)}"
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    arena.fleet.annotate(tenant, "retry", medusadb_dev__retry=token)
    return Strike(f"{tenant.name}: {token}")


@disturbance(3)
def a_verification_is_asked_for(arena: Arena, dice: random.Random) -> Strike | None:
    """Write the verify annotation, and let drift be looked for often for a while."""
    token, after = f"look-{dice.randrange(10**6)}", dice.uniform(10, 40)
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    arena.fleet.change(tenant, "verified often", verify={"interval": "10s"})
    arena.fleet.annotate(tenant, "verify", medusadb_dev__verify=token)

    def seldom() -> bool:
        if tenant.away:
            tenant.spec.pop("verify", None)
        elif "verify" in tenant.spec:
            arena.fleet.change(tenant, "verified seldom", verify=None)
        return True

    return Strike(f"{tenant.name}, and every 10 s for {after:.0f} s", after, seldom)


@disturbance(4)
def a_resource_is_suspended(arena: Arena, dice: random.Random) -> Strike | None:
    """Suspend it for a while."""
    after = dice.uniform(1, 15)
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    arena.fleet.change(tenant, "suspended", suspend=True)

    def resume() -> bool:
        if tenant.away:
            tenant.spec.pop("suspend", None)
        elif "suspend" in tenant.spec:
            arena.fleet.change(tenant, "resumed", suspend=None)
        return True

    return Strike(f"{tenant.name} for {after:.0f} s", after, resume)


@disturbance(5)
def jobs_are_kept_for_another_time(arena: Arena, dice: random.Random) -> Strike | None:
    """Change how long Jobs are kept that are over."""
    seconds, policy = dice.choice((0, 0, 5, 86400)), dice.choice(("Wait", "Cancel"))
    tenant = pick(arena, dice)
    if tenant is None:
        return None
    arena.fleet.change(
        tenant, "ttl changed", job={"ttlSecondsAfterFinished": seconds}, deletionPolicy=policy
    )
    return Strike(f"{tenant.name}: {seconds} s, {policy}")
