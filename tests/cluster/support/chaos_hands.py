"""Disturbances: Jobs and pods that are edited, killed and deleted by hand, and those of neighbours."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from chaos_disturbances import Strike, disturbance, pick
from chaos_shops import QUICK
from medusa_testbed import objects
from medusa_testbed.api import ApiError
from medusa_testbed.shops import JOBS, PODS

if TYPE_CHECKING:
    import random

    from chaos_disturbances import Arena
    from chaos_shops import Tenant
    from medusa_testbed.api import Object

_OURS = "medusadb.dev/database-uid"
_STRANGE = "chaos/neighbour"
"""A label of what a neighbour has made."""


def _jobs(arena: Arena, tenant: Tenant) -> list[Object]:
    return arena.api.list(
        JOBS,
        tenant.namespace,
        labelSelector=f"app.kubernetes.io/instance={tenant.name},!{_STRANGE}",
    )


def _goes_on(job: Object) -> bool:
    status = job.get("status", {})
    return not {"Complete", "Failed"} & {c["type"] for c in status.get("conditions", ())}


def _a_job(arena: Arena, dice: random.Random) -> tuple[Tenant, Object] | None:
    """Draw a Job, one that goes on where there is one."""
    lot = dice.random()
    tenants = dice.sample(arena.fleet.tenants, len(arena.fleet.tenants))
    found = [(t, job) for t in tenants if not t.away for job in _jobs(arena, t)]
    going = [pair for pair in found if _goes_on(pair[1])]
    chosen = going or found
    return chosen[int(lot * len(chosen))] if chosen else None


def _a_run(arena: Arena, dice: random.Random) -> tuple[Tenant, str] | None:
    """Draw a pod that has a process."""
    tenants = dice.sample(arena.fleet.tenants, len(arena.fleet.tenants))
    for tenant in tenants:
        for pod in arena.kubelet.pods(tenant.namespace):
            if pod.startswith(f"{tenant.name}-"):
                return tenant, pod
    return None


@disturbance(6)
def a_run_is_killed(arena: Arena, dice: random.Random) -> Strike | None:
    """Kill the process of a run."""
    how = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV))
    reason = dice.choice(("", "OOMKilled"))
    found = _a_run(arena, dice)
    if found is None:
        return None
    tenant, pod = found
    arena.recorder.affected(tenant.key, "run killed")
    arena.kubelet.kill(tenant.namespace, pod, how, reason=reason)
    return Strike(f"{pod} by {how.name}")


@disturbance(4)
def a_pod_is_taken_away(arena: Arena, dice: random.Random) -> Strike | None:
    """Evict the pod of a run, lose its node, or delete it."""
    how = dice.choice(("evict", "lose", "lose, and it runs on", "delete", "delete by force"))
    found = _a_run(arena, dice)
    if found is None:
        return None
    tenant, pod = found
    arena.recorder.affected(tenant.key, f"pod taken: {how}")
    match how:
        case "evict":
            arena.kubelet.evict(tenant.namespace, pod)
        case "lose":
            arena.kubelet.lose(tenant.namespace, pod)
        case "lose, and it runs on":
            arena.kubelet.lose(tenant.namespace, pod, processes_run_on=True)
        case "delete":
            arena.api.delete(PODS, pod, tenant.namespace)
        case _:
            arena.api.delete(PODS, pod, tenant.namespace, gracePeriodSeconds=0)
    return Strike(f"{pod}: {how}")


@disturbance(6)
def a_job_is_deleted(arena: Arena, dice: random.Random) -> Strike | None:
    """Delete a Job, by each way there is."""
    how = dice.choice(("Background", "Foreground", "Orphan"))
    found = _a_job(arena, dice)
    if found is None:
        return None
    tenant, job = found
    arena.recorder.affected(tenant.key, "Job deleted")
    if how == "Orphan":
        arena.recorder.disown(job["metadata"]["uid"])
    arena.api.delete(JOBS, job["metadata"]["name"], tenant.namespace, propagationPolicy=how)
    return Strike(f"{job['metadata']['name']}, {how}")


@disturbance(5)
def a_job_is_edited(arena: Arena, dice: random.Random) -> Strike | None:
    """Edit what can be edited of a Job: its notes, labels, limits, whether it goes on."""
    change = dice.choice(
        (
            {"metadata": {"annotations": {"medusadb.dev/attempt": "9" * 5000}}},
            {"metadata": {"annotations": {"medusadb.dev/step": None, "medusadb.dev/version": "x"}}},
            {"metadata": {"annotations": {"medusadb.dev/generation": "-1", "note": "n" * 20_000}}},
            {"metadata": {"labels": {_OURS: None}}},
            {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}},
            {"metadata": {"finalizers": []}},
            {"spec": {"activeDeadlineSeconds": 1}},
            {"spec": {"ttlSecondsAfterFinished": 0}},
            {"spec": {"suspend": True}},
        )
    )
    after = dice.uniform(2, 10)
    found = _a_job(arena, dice)
    if found is None:
        return None
    tenant, job = found
    metadata = job["metadata"]
    arena.recorder.affected(tenant.key, "Job edited")
    if "labels" in change.get("metadata", {}):
        arena.recorder.tampered.add(metadata["uid"])
        arena.recorder.disown(metadata["uid"])
    arena.api.patch(JOBS, metadata["name"], change, tenant.namespace)
    about = f"{metadata['name']}: {str(change)[:100]}"
    if "suspend" not in change.get("spec", {}):
        return Strike(about)

    def resume() -> bool:
        arena.recorder.affected(tenant.key, "Job resumed")
        try:
            arena.api.patch(JOBS, metadata["name"], {"spec": {"suspend": False}}, tenant.namespace)
        except ApiError as exc:
            return exc.status in (404, 422)
        return True

    return Strike(about, after, resume)


@disturbance(2)
def a_pod_is_edited(arena: Arena, dice: random.Random) -> Strike | None:
    """Edit the labels and annotations of a run's pod."""
    change = dice.choice(
        (
            {"labels": {_OURS: None}},
            {"labels": {"job-name": "another", "batch.kubernetes.io/job-name": "another"}},
            {"annotations": {"note": "n" * 20_000}},
        )
    )
    found = _a_run(arena, dice)
    if found is None:
        return None
    tenant, pod = found
    arena.recorder.affected(tenant.key, "pod edited")
    arena.recorder.tampered.add(arena.api.get(PODS, pod, tenant.namespace)["metadata"]["uid"])
    arena.api.patch(PODS, pod, {"metadata": change}, tenant.namespace)
    return Strike(f"{pod}: {str(change)[:100]}")


@disturbance(4)
def a_neighbour_makes_a_job_with_our_labels(arena: Arena, dice: random.Random) -> Strike | None:
    """Make a Job that looks like ours in some way, and is broken in another."""
    number, suspended = dice.randrange(10**9), dice.random() < 0.5
    notes = dice.choice(
        (
            {"medusadb.dev/attempt": "9" * 5000},
            {"medusadb.dev/step": "migrate-1.20.11", "medusadb.dev/generation": "x"},
            {"medusadb.dev/run-id": "\u0000\u202e", "medusadb.dev/version": "1.20.11"},
            {},
        )
    )
    tenant = pick(arena, dice)
    owned = dice.random() < 0.5
    if tenant is None:
        return None
    labels = {"app.kubernetes.io/managed-by": "medusa-database-operator", _STRANGE: "yes"}
    body = arena.fleet.find(tenant)
    if owned and body is not None:
        labels |= {_OURS: body["metadata"]["uid"], "app.kubernetes.io/instance": tenant.name}
    job = objects.job(
        f"neighbour-{number}", objects.container("true", image=QUICK), suspend=suspended
    )
    job["metadata"] |= {"labels": labels, "annotations": notes}
    arena.api.create(JOBS, job, tenant.namespace)
    return Strike(
        f"neighbour-{number} beside {tenant.name}",
        dice.uniform(10, 60),
        lambda: arena.api.delete(
            JOBS, f"neighbour-{number}", tenant.namespace, propagationPolicy="Background"
        ),
    )


@disturbance(3)
def a_neighbour_makes_a_pod_that_looks_like_a_run(
    arena: Arena, dice: random.Random
) -> Strike | None:
    """Make a pod that says of a Job of ours that its run has succeeded."""
    number = dice.randrange(10**9)
    found = _a_job(arena, dice)
    if found is None:
        return None
    tenant, job = found
    run = job["spec"]["template"]["spec"]["containers"][0]
    labels = dict(job["spec"]["template"]["metadata"]["labels"])
    labels |= {
        "job-name": job["metadata"]["name"],
        "batch.kubernetes.io/job-name": job["metadata"]["name"],
    }
    container = {"name": "medusa-db", "image": QUICK, "command": ["medusa-db"], "args": run["args"]}
    pod = {
        "metadata": {"name": f"neighbour-{number}", "labels": labels},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    arena.api.create(PODS, pod, tenant.namespace)
    return Strike(
        f"neighbour-{number} for {job['metadata']['name']}",
        dice.uniform(5, 40),
        lambda: arena.api.delete(
            PODS, f"neighbour-{number}", tenant.namespace, gracePeriodSeconds=0
        ),
    )
