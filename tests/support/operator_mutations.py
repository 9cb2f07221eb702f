"""Answers of the API server as recorded, and what a stranger, a proxy or another version makes of them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from operator_bodies import database, pod_ended, resource, started

if TYPE_CHECKING:
    from collections.abc import Iterator

Body = dict[str, Any]

JOB = started(database())
JOB["metadata"] |= {"namespace": "default", "resourceVersion": "7", "managedFields": []}
POD = pod_ended(JOB, 0, "{}")
POD["metadata"] |= {"namespace": "default", "uid": "pod-1", "resourceVersion": "8"}
RESOURCE = resource(
    {
        "observedGeneration": 1,
        "appliedVersion": "1.12.3",
        "waitingSince": "2026-03-01T12:00:00Z",
        "conditions": [
            {
                "type": "Ready", "status": "False", "reason": "Queued", "message": "waits",
                "lastTransitionTime": "2026-03-01T12:00:00Z", "observedGeneration": 1,
            }
        ],
        "history": [{"job": "shop-1", "step": "migrate-1.12.3", "outcome": "Succeeded"}],
        "proven": {"state": "version", "from": "1.12.3", "to": "1.12.3", "at": "1.12.3"},
    },
    {"labels": {"a": "b"}, "annotations": {"medusadb.dev/retry": "1"}, "managedFields": []},
    featureFlags={"tax": True},
    seed={"from": {"configMapKeyRef": {"name": "seed", "key": "seed.json"}}},
    job={"template": {"spec": {"tolerations": [{"key": "a", "operator": "Exists"}]}}},
)  # fmt: skip

SERVED = resource(
    {"observedGeneration": 1, "appliedVersion": "2.11.1"},
    version="2.21.2",
    server={
        "image": "registry.example.com/shop:42",
        "workingDir": "/server",
        "imagePullSecrets": [{"name": "registry"}],
        "workloadRef": {"kind": "StatefulSet", "name": "shop", "container": "server"},
        "resources": {"limits": {"memory": "1Gi"}},
        "env": [
            {"name": "MEDUSA_FF_INDEX_ENGINE", "value": "$(A)"},
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "key"}}},
        ],
        "envFrom": [{"prefix": "P_", "secretRef": {"name": "shop", "optional": True}}],
    },
    upgrade={"acknowledged": ["links", "2.21.2"]},
    job={
        "resources": {"limits": {"memory": "1Gi"}},
        "template": {
            "metadata": {"labels": {"team": "shop"}, "annotations": {"a": "b"}},
            "spec": {
                "securityContext": {"fsGroup": 1000},
                "imagePullSecrets": [{"name": "more"}],
                "volumes": [{"name": "cloud", "secret": {"secretName": "cloud"}}],
                "initContainers": [
                    {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}
                ],
                "containers": [
                    {
                        "name": "medusa-db",
                        "securityContext": {"runAsUser": 1000},
                        "env": [{"name": "A", "value": "b"}],
                        "volumeMounts": [{"name": "cloud", "mountPath": "/cloud"}],
                    }
                ],
            },
        },
    },
)
"""A shop whose own image migrates it."""


def page(*bodies: Body, more: str = "") -> Body:
    """Return a list of objects."""
    return {
        "kind": "List",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "9", "continue": more},
        "items": list(bodies),
    }


NOTHING: Body = {
    "kind": "PartialObjectMetadataList",
    "apiVersion": "meta.k8s.io/v1",
    "metadata": {"resourceVersion": "9"},
    "items": None,
}
"""What a list of nothing is where only metadata was asked for; recorded from Kubernetes 1.37."""
DISCOVERY: Body = {
    "kind": "APIResourceList",
    "groupVersion": "medusadb.dev/v1alpha1",
    "resources": [{"name": "medusadatabases", "namespaced": True, "verbs": ["get", "list"]}],
}
LEASE: Body = {
    "metadata": {"namespace": "medusa-db", "name": "lease", "resourceVersion": "3"},
    "spec": {
        "holderIdentity": "other", "leaseDurationSeconds": 15, "leaseTransitions": 2,
        "renewTime": "2026-03-01T12:00:00.000000Z", "acquireTime": "2026-03-01T12:00:00.000000Z",
    },
}  # fmt: skip
CONFIG_MAP: Body = {
    "metadata": {"namespace": "default", "name": "seed"},
    "data": {"seed.json": "{}"},
    "binaryData": {"seed.bin": "e30="},
}
EVENT: Body = {
    "metadata": {"creationTimestamp": "2026-03-01T12:00:00Z"},
    "lastTimestamp": None,
    "reason": "FailedCreate",
    "message": "exceeded quota",
}

NO_VALUE = object()
"""Stands for a key that is left out."""
NOTHINGS: list[Any] = [None, NO_VALUE, {}, [], ""]
JUNK: list[Any] = [
    *NOTHINGS, 0, -1, 2**70, 1.5, True, "9" * 5000, "x", "\x00", ["x"], [None], [[]], {"a": None}, {"": {}},
    "0000-00-00T00:00:00Z", "0001-01-01T00:00:00+14:00", {"a": {"b": ["c", {"d": []}]}},
]  # fmt: skip
nothings = st.sampled_from(NOTHINGS)
"""The ways in which nothing is said."""
junk = st.sampled_from(JUNK)
"""And what nobody would say."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value within *value*."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(below, (*path, key))


def changed(body: Body, path: tuple[Any, ...], new: Any) -> Body:
    """Return a copy of *body* with *new* at *path*; as it is where an earlier change took that away."""
    found = copy.deepcopy(body)
    at: Any = found
    try:
        for key in path[:-1]:
            at = at[key]
        if isinstance(at, dict) and not isinstance(path[-1], str):
            return body
        if new is NO_VALUE and isinstance(at, dict):
            del at[path[-1]]
        else:
            at[path[-1]] = None if new is NO_VALUE else copy.deepcopy(new)
    except (KeyError, IndexError, TypeError):
        return body
    return found


@st.composite
def mutated(draw: st.DrawFn, body: Body, what: st.SearchStrategy[Any] = nothings) -> Body:
    """Draw *body* with some of its values, anywhere, replaced by *what*."""
    where = list(places(body))
    for path in draw(st.lists(st.sampled_from(where), min_size=1, max_size=3)):
        body = changed(body, path, draw(what))
    return body
