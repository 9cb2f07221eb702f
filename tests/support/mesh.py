"""A service mesh, as the API server knows one: a policy that puts a proxy into each pod that does not refuse it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from medusa_testbed.kubectl import Kubectl

PROXY = "proxy"
GROUP = "admissionregistration.k8s.io/v1"
_REFUSES = (
    ("labels", "sidecar.istio.io/inject", "false"),
    ("annotations", "sidecar.istio.io/inject", "false"),
    ("annotations", "linkerd.io/inject", "disabled"),
)


@contextmanager
def injecting(
    kubectl: Kubectl,
    image: str,
    command: Sequence[str] = (),
    *,
    native: bool = False,
    first: bool = False,
) -> Iterator[None]:
    """Have a proxy of *image* in each new pod of kubectl's namespace for the duration of a `with`.

    It goes on for ever; a *native* sidecar ends with the pod. It is behind the containers of its kind, or *first*.
    """
    policy = injection(kubectl.namespace, image, command, native=native, first=first)
    kubectl.apply(*policy)
    probe = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
        "spec": {"containers": [{"name": "a", "image": image}], "initContainers": [{"name": "b", "image": image}]},
    }  # fmt: skip
    kind = "initContainers" if native else "containers"
    dry = ("create", "--dry-run=server", "-o", "json", "-f", "-")

    def in_force() -> bool:
        made = json.loads(kubectl(*dry, stdin=json.dumps(probe)))["spec"][kind]
        return PROXY in {container["name"] for container in made}

    try:
        eventually(in_force)
        yield
    finally:
        for each in policy:
            kubectl("delete", each["kind"], each["metadata"]["name"])


def injection(
    namespace: str,
    image: str,
    command: Sequence[str] = (),
    *,
    native: bool = False,
    first: bool = False,
) -> list[dict[str, Any]]:
    """Return the policy, and what puts it into force."""
    kind = "initContainers" if native else "containers"
    more = ', restartPolicy: "Always"' if native else ""
    words = f", command: {json.dumps(list(command))}" if command else ""
    proxy = f'Object.spec.{kind}{{name: "{PROXY}", image: "{image}"{words}{more}}}'
    where = 0 if first else "-"
    add = f'[JSONPatch{{op: "add", path: "/spec/{kind}/{where}", value: {proxy}}}]'
    alone = f'[JSONPatch{{op: "add", path: "/spec/{kind}", value: [{proxy}]}}]'
    refuses = " || ".join(
        f"(has(object.metadata.{part}) && '{key}' in object.metadata.{part} "
        f"&& object.metadata.{part}['{key}'] == '{value}')"
        for part, key, value in _REFUSES
    )
    pods = {
        "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"],
    }  # fmt: skip
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            "resourceRules": [pods],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        },
        "matchConditions": [{"name": "not-refused", "expression": f"!({refuses})"}],
        "mutations": [
            {
                "patchType": "JSONPatch",
                "jsonPatch": {
                    "expression": f"has(object.spec.{kind}) && size(object.spec.{kind}) > 0 ? {add} : {alone}"
                },
            }
        ],
    }
    name = f"mesh-{namespace}"
    return [
        {"apiVersion": GROUP, "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec},
        {
            "apiVersion": GROUP, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name},
        },
    ]  # fmt: skip
