"""What the pod of a run may be, and what it may refer to, where the operator is not told otherwise."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa_operator.jobs import references
from medusa_operator.jobs.restricted import hold
from medusa_operator.jobs.template import TemplateError, merge
from medusa_operator.judgement.decide import decide
from medusa_operator.judgement.decision import Stalled, Start, Waiting
from medusa_operator.resource.model import Observed, Refusal, TemplatePolicy
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from operator_bodies import CATALOG, SETTINGS, START, database, decided, started

UNRESTRICTED = replace(SETTINGS, template_policy=TemplatePolicy.UNRESTRICTED)
POD = started(database())["spec"]["template"]


def held(**spec):
    return hold(merge(POD, {"spec": spec}))["spec"]


def sidecar(**fields):
    return {
        "initContainers": [
            {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", **fields}
        ]
    }


def secured(**context):
    return sidecar(securityContext=context)


def own(**fields):
    return {"containers": [{"name": "medusa-db", **fields}]}


PERMITTED = [
    {"nodeSelector": {"disk": "fast"}, "schedulerName": "fair", "runtimeClassName": "gvisor"},
    {"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 3}]},
    {"affinity": {"nodeAffinity": {}}, "topologySpreadConstraints": [{"maxSkew": 1}]},
    {"priorityClassName": "shops", "preemptionPolicy": "Never", "terminationGracePeriodSeconds": 60},
    {"imagePullSecrets": [{"name": "registry"}], "dnsConfig": {"ndots": 1}, "dnsPolicy": "Default"},
    {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["db"]}]},
    {"automountServiceAccountToken": False, "hostNetwork": False},
    {"volumes": [
        {"name": "a", "emptyDir": {}}, {"name": "b", "configMap": {"name": "x"}},
        {"name": "c", "secret": {"secretName": "x"}}, {"name": "d", "csi": {"driver": "secrets"}},
        {"name": "e", "persistentVolumeClaim": {"claimName": "x"}}, {"name": "f", "downwardAPI": {}},
        {"name": "g", "projected": {"sources": [{"secret": {"name": "x"}}, {"configMap": {"name": "y"}}]}},
    ]},
    {"securityContext": {"runAsUser": 1001, "fsGroup": 7, "supplementalGroups": [7],
                         "sysctls": [{"name": "net.ipv4.tcp_keepalive_time", "value": "60"}]}},
    {"securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "p"}}},
    own(resources={"limits": {"memory": "1Gi"}}, env=[{"name": "A", "value": "b"}],
        envFrom=[{"secretRef": {"name": "x"}}], securityContext={"readOnlyRootFilesystem": False}),
    sidecar(),
    sidecar(ports=[{"containerPort": 15432}], readinessProbe={"tcpSocket": {"port": 15432}}),
    secured(runAsNonRoot=True, allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]}),
    secured(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}, runAsUser=5),
]  # fmt: skip
REFUSED = {
    "spec.hostNetwork": {"hostNetwork": True},
    "spec.nodeName": {"nodeName": "node-1"},
    "spec.automountServiceAccountToken": {"automountServiceAccountToken": True},
    "spec.priorityClassName": {"priorityClassName": "system-node-critical"},
    "spec.priority": {"priority": 2_000_000_000},
    "spec.volumes: x is of kind hostPath": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]},
    "spec.volumes: x is of kind nfs": {"volumes": [{"name": "x", "nfs": {"server": "s", "path": "/"}}]},
    "spec.volumes: x is of kind odd": {"volumes": [{"name": "x", "emptyDir": {}, "odd": {}}]},
    "spec.volumes: x projects a serviceAccountToken": {
        "volumes": [{"name": "x", "projected": {"sources": [
            {"secret": {"name": "a"}}, {"serviceAccountToken": {"path": "t"}}]}}]},
    "spec.volumes: x projects a podCertificate": {
        "volumes": [{"name": "x", "projected": {"sources": [{"podCertificate": {"signerName": "s"}}]}}]},
    "spec.securityContext.runAsUser": {"securityContext": {"runAsUser": 0}},
    "spec.containers[0].securityContext.runAsNonRoot": {"securityContext": {"runAsNonRoot": False}},
    "spec.securityContext.seccompProfile.type": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "spec.securityContext.appArmorProfile.type": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "spec.securityContext.seLinuxOptions.type": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    "spec.securityContext.seLinuxOptions.user": {"securityContext": {"seLinuxOptions": {"user": "u"}}},
    "spec.securityContext.windowsOptions.hostProcess": {"securityContext": {"windowsOptions": {"hostProcess": True}}},
    "spec.securityContext.sysctls[0]": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "spec.containers[0].securityContext.privileged": own(securityContext={"privileged": True}),
    "spec.containers[0].securityContext.allowPrivilegeEscalation": own(
        securityContext={"allowPrivilegeEscalation": None}),
    "spec.containers[0].securityContext.capabilities.add": own(
        securityContext={"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
    "spec.containers[0].securityContext.capabilities.drop": own(securityContext={"capabilities": {}}),
    "spec.containers[0].securityContext.runAsUser": own(securityContext={"runAsUser": 0}),
    "spec.containers[0].securityContext.procMount": own(securityContext={"procMount": "Unmasked"}),
    "spec.initContainers[0].securityContext.privileged": secured(privileged=True),
    "spec.initContainers[0].securityContext.runAsUser": secured(runAsUser=0),
    "spec.initContainers[0].securityContext.runAsNonRoot": secured(runAsNonRoot=False),
    "spec.initContainers[0].securityContext.allowPrivilegeEscalation": secured(allowPrivilegeEscalation=True),
    "spec.initContainers[0].securityContext.capabilities.drop": secured(capabilities={"drop": ["NET_RAW"]}),
    "spec.initContainers[0].securityContext.capabilities.add": secured(capabilities={"add": ["NET_RAW"]}),
    "spec.initContainers[0].securityContext.seccompProfile.type": secured(seccompProfile={"type": "Unconfined"}),
    "spec.initContainers[0].ports[0].hostPort": sidecar(ports=[{"containerPort": 1, "hostPort": 1}]),
    "spec.initContainers[0].startupProbe.httpGet.host": None,
    "spec.initContainers[0].livenessProbe.httpGet.host": sidecar(livenessProbe={"httpGet": {"host": "a"}}),
    "host": sidecar(lifecycle={"postStart": {"tcpSocket": {"host": "169.254.169.254", "port": 80}}}),
}  # fmt: skip


@pytest.mark.parametrize("patch", PERMITTED)
def test_a_template_may_say_where_a_pod_runs_and_what_it_has_beside(patch):
    found = held(**patch)

    assert found["containers"][0]["name"] == "medusa-db"


@pytest.mark.parametrize(("path", "patch"), [pair for pair in REFUSED.items() if pair[1]])
def test_a_template_gains_no_right_by_it(path, patch):
    with pytest.raises(TemplateError) as caught:
        held(**patch)

    said = str(caught.value)
    assert path in said
    assert said.startswith("spec.job.template")
    assert "--pod-template-policy=unrestricted" in said


def test_an_annotation_takes_no_protection_away():
    note = {"container.apparmor.security.beta.kubernetes.io/medusa-db": "unconfined"}

    with pytest.raises(TemplateError, match="annotations"):
        hold(merge(POD, {"metadata": {"annotations": note}}))


def test_a_sidecar_without_a_security_context_gets_a_restricted_one():
    found = held(**sidecar())

    assert found["initContainers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


def test_what_was_declared_is_not_changed_by_it():
    patch = secured(runAsUser=5)
    before = copy.deepcopy(patch)

    held(**patch)

    assert patch == before


def test_a_refusal_stalls_the_resource_and_unrestricted_takes_it():
    declared = database(job={"template": {"spec": {"hostNetwork": True}}})

    refused = decided(declared).outlook
    taken = decide(CATALOG, declared, Observed(), UNRESTRICTED, START).act

    assert isinstance(refused, Stalled)
    assert refused.reason is Reason.TEMPLATE_REFUSED
    assert isinstance(taken, Start)
    assert taken.manifest["spec"]["template"]["spec"]["hostNetwork"] is True


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["name", "env", "type", "add", "drop", "host", "secret", "sources", "runAsUser"]),
        inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
FIELDS = sorted(
    ["affinity", "containers", "hostNetwork", "initContainers", "nodeName", "priority", "securityContext",
     "tolerations", "volumes", "imagePullSecrets", "hostAliases", "priorityClassName", "dnsConfig"]
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(patch=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))
def test_whatever_a_template_says_it_is_taken_or_refused_in_a_sentence(patch):
    said = ""
    try:
        found = hold(merge(POD, {"spec": patch}))
    except InvalidError as exc:
        said = str(exc)
    else:
        assert all(isinstance(name, str) for name in references.secrets(found["spec"]))

    assert not said or "spec.job.template" in said


def test_every_secret_that_a_pod_refers_to_is_found():
    spec = {
        "imagePullSecrets": [{"name": "a"}],
        "containers": [{
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k"}}}],
            "envFrom": [{"secretRef": {"name": "c"}}, {"configMapRef": {"name": "no"}}],
        }],
        "initContainers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "d"}}}]}],
        "volumes": [
            {"secret": {"secretName": "e"}}, {"projected": {"sources": [{"secret": {"name": "f"}}]}},
            {"csi": {"nodePublishSecretRef": {"name": "g"}}}, {"iscsi": {"secretRef": {"name": "h"}}},
        ],
    }  # fmt: skip

    assert sorted(references.secrets(spec)) == list("abcdefgh")


JOB = started(database(job={"serviceAccountName": "runner"}))


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (SETTINGS, [("serviceaccounts", "runner")]),
        (UNRESTRICTED, []),
        (replace(UNRESTRICTED, require_secret_annotation=True), [("secrets", "shop-db")]),
    ],
)
def test_the_owner_is_asked_for_what_the_settings_say(given, asked):
    assert [(one.plural, one.name) for one in references.asked_for(JOB, given)] == asked


@pytest.mark.parametrize("plural", [references.SECRETS, references.ACCOUNTS])
@pytest.mark.parametrize(
    ("metadata", "allowed"),
    [
        ({"annotations": {"medusadb.dev/allow": "true"}}, True),
        ({"labels": {"medusadb.dev/allow": "true"}}, True),
        ({"annotations": {"medusadb.dev/allow": "*"}}, True),
        ({"annotations": {"medusadb.dev/allow": "other, shop"}}, True),
        ({"annotations": {"medusadb.dev/allow": "shopping"}}, False),
        ({"annotations": {"medusadb.dev/allow": "false"}}, False),
        ({"annotations": {"medusadb.dev/allow": ""}}, False),
        ({"annotations": None}, False),
        ({}, False),
        (None, False),
    ],
)
def test_an_object_says_itself_who_may_use_it(plural, metadata, allowed):
    refusal = references.refused(references.Reference(plural, "x"), metadata, "shop")

    assert (refusal is None) is allowed


@pytest.mark.parametrize("reason", [Reason.REFERENCE_FORBIDDEN, Reason.TEMPLATE_REFUSED])
def test_a_reference_that_is_not_free_is_looked_at_again(reason):
    found = decided(database(), Observed(refusal=Refusal(reason, "because")))

    assert isinstance(found.outlook, Stalled if reason is Reason.TEMPLATE_REFUSED else Waiting)
    assert (found.outlook.reason, found.outlook.message) == (reason, "because")
    assert found.wake is not None
