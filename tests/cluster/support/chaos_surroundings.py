"""Disturbances: the cluster around the operator: namespaces, admission, quota, node, API server, PostgreSQL."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from chaos_disturbances import NotYetError, Strike, disturbance
from medusa_testbed.operators import HOME, USER
from medusa_testbed.shops import JOBS, PODS, RESOURCE

if TYPE_CHECKING:
    import random

    from chaos_disturbances import Arena

_ROLE_BINDINGS = "rbac.authorization.k8s.io/v1/rolebindings"
_WEBHOOKS = "admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_POLICIES = "admissionregistration.k8s.io/v1/validatingadmissionpolicies"
_BINDINGS = "admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


@disturbance(2)
def a_namespace_is_deleted_and_made_again(arena: Arena, dice: random.Random) -> Strike | None:
    """Delete a namespace with everything in it, and make it again with its shops."""
    namespace, after = dice.choice(arena.namespaces), dice.uniform(3, 10)
    inside = [tenant for tenant in arena.fleet.tenants if tenant.namespace == namespace]
    if any(tenant.away for tenant in inside):
        return None
    for tenant in inside:
        arena.recorder.affected(tenant.key, "namespace deleted")
        tenant.away = True
    arena.api.delete("v1/namespaces", namespace)

    def make() -> bool:
        found = arena.api.find("v1/namespaces", namespace)
        if found is not None and "deletionTimestamp" in found["metadata"]:
            binding = arena.api.find(_ROLE_BINDINGS, HOME, namespace)
            refused = arena.is_named and binding is None  # its right went first, with the namespace
            for tenant in inside:  # in case one of them is what keeps it
                arena.fleet.is_gone(tenant, is_ours=refused)
            raise NotYetError(f"there are {_left(arena, namespace)} in it")
        if found is None:
            arena.prepare(namespace)
        made = [arena.fleet.make_again(tenant) for tenant in inside]
        return all(made)

    return Strike(f"{namespace} for {after:.0f} s or more", after, make)


def _left(arena: Arena, namespace: str) -> str:
    """Say what is still in a namespace that is deleted."""
    return ", ".join(
        f"{kind.rpartition('/')[2]} {body['metadata']['name']} ({body.get('status', {}).get('phase', '')}, "
        f"finalizers {body['metadata'].get('finalizers')}, "
        f"deleted {body['metadata'].get('deletionTimestamp')}, on {body['spec'].get('nodeName')})"
        for kind in (RESOURCE, JOBS, PODS)
        for body in arena.api.list(kind, namespace)
    )


@disturbance(3)
def a_webhook_is_down(arena: Arena, dice: random.Random) -> Strike | None:
    """Let the API server ask a webhook on Jobs, or on statuses, that does not answer."""
    number, after = dice.randrange(10**9), dice.uniform(3, 15)
    group, resource = dice.choice(
        (("batch", "jobs"), ("batch", "jobs"), ("batch", "jobs/status"), ("medusadb.dev", "medusadatabases/status"))
    )  # fmt: skip
    operations = dice.choice((["CREATE"], ["CREATE", "UPDATE"], ["UPDATE", "DELETE"]))
    scope = dice.choice((None, dice.choice(arena.namespaces)))
    name = f"down-{number}"
    chosen = {"matchLabels": {"kubernetes.io/metadata.name": scope}} if scope else {}
    hook = {
        "name": "down.chaos.test",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [
            {
                "apiGroups": [group],
                "apiVersions": ["*"],
                "resources": [resource],
                "operations": operations,
            }
        ],
        "namespaceSelector": chosen,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
        "failurePolicy": "Fail",
    }
    arena.api.create(_WEBHOOKS, {"metadata": {"name": name}, "webhooks": [hook]})
    about = f"{'/'.join(operations)} of {resource} in {scope or 'all namespaces'} for {after:.0f} s"
    return Strike(about, after, lambda: arena.api.delete(_WEBHOOKS, name))


@disturbance(3)
def a_policy_refuses(arena: Arena, dice: random.Random) -> Strike | None:
    """Let a policy refuse what the operator does to Jobs."""
    number, after = dice.randrange(10**9), dice.uniform(3, 15)
    operation = dice.choice(("UPDATE", "UPDATE", "CREATE", "DELETE"))
    name = f"refuses-{number}"
    policy = {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"],
                        "operations": [operation],
                    }
                ]
            },
            "validations": [
                {"expression": f"request.userInfo.username != '{USER}'", "message": "refused on purpose"}
            ],
        },
    }  # fmt: skip
    binding = {
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
    arena.api.create(_POLICIES, policy)
    arena.api.create(_BINDINGS, binding)

    def withdraw() -> None:
        arena.api.delete(_BINDINGS, name)
        arena.api.delete(_POLICIES, name)

    return Strike(f"{operation} for {after:.0f} s", after, withdraw)


@disturbance(2)
def a_quota_allows_no_pods(arena: Arena, dice: random.Random) -> Strike | None:
    """Let a namespace take no pods for a while."""
    namespace, after, name = (
        dice.choice(arena.namespaces),
        dice.uniform(3, 12),
        f"none-{dice.randrange(10**9)}",
    )
    quota = {"metadata": {"name": name}, "spec": {"hard": {"pods": "0"}}}
    arena.api.create("v1/resourcequotas", quota, namespace)
    return Strike(
        f"{namespace} for {after:.0f} s",
        after,
        lambda: arena.api.delete("v1/resourcequotas", name, namespace),
    )


@disturbance(2)
def the_node_takes_no_pods(arena: Arena, dice: random.Random) -> Strike | None:
    """Cordon the node for a while."""
    after = dice.uniform(2, 10)
    arena.kubelet.cordon()
    return Strike(f"for {after:.0f} s", after, arena.kubelet.uncordon)


@disturbance(2)
def the_api_server_goes_away(arena: Arena, dice: random.Random) -> Strike | None:
    """End the API server and start it again."""
    how, after = dice.choice((signal.SIGKILL, signal.SIGTERM)), dice.choice((0.1, 1.0, 4.0, 12.0))
    if arena.is_without_api_server:
        return None
    since, arena.is_without_api_server = time.time(), True
    arena.cluster.stop_api_server(how, within=3.0)

    def start() -> None:
        arena.cluster.start_api_server()
        arena.is_without_api_server = False
        arena.recorder.trouble("no API server", since)

    return Strike(f"by {how.name} for {after:.0f} s", after, start)


@disturbance(3)
def sessions_are_ended(arena: Arena, dice: random.Random) -> Strike | None:
    """End every session of one database, as a failover does."""
    tenant = dice.choice(arena.fleet.tenants)
    if not tenant.database:
        return None
    arena.recorder.affected(tenant.key, "sessions ended")
    arena.fleet.server.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        f" where datname = '{tenant.database}' and pid <> pg_backend_pid()"
    )
    return Strike(tenant.database)
