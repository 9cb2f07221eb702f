"""What a run takes over of the workload that serves the shop, and when that is looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from crd_schema import STATUS, violations
from medusa_operator.jobs import references
from medusa_operator.jobs.taken_over import DEFAULT_CONTAINER
from medusa_operator.judgement import conditions
from medusa_operator.judgement.decide import decide
from medusa_operator.judgement.decision import (
    AddFinalizer,
    Cancel,
    LookAtWorkload,
    Ready,
    Stalled,
    Start,
    Verify,
    Waiting,
)
from medusa_operator.resource.model import Refusal, TemplatePolicy, Workload
from medusa_operator.resource.parse import InvalidError
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import WorkloadKind, WorkloadRef
from operator_bodies import (
    CATALOG,
    SEED,
    SETTINGS,
    after,
    at,
    database,
    decided,
    ended,
    pod,
    pod_ended,
    reported,
    resource,
    seen,
    started,
    told,
)
from operator_mutations import mutated
from served_bodies import LEDGERS, NOTHING, container, pod_of, report

REF = WorkloadRef("shop")
SERVER = {"image": "shop:42", "workloadRef": {"name": "shop"}}
FREE = replace(SETTINGS, template_policy=TemplatePolicy.UNRESTRICTED)


def shop(server=None, job=None, **spec):
    body = {"version": "2.21.2", "server": SERVER | (server or {}), "job": job or {}}
    return database(**(body | spec))


def workload(*, ref=REF, annotations=None, others=(), spec=None, **own):
    """Return a Deployment whose container `server` has what is given."""
    template = {
        "metadata": {"annotations": annotations or {}},
        "spec": {"containers": [{"name": "server", "image": "shop:41"} | own, *others]}
        | (spec or {}),
    }
    return Workload(ref, {"kind": str(ref.kind), "spec": {"replicas": 3, "template": template}})


def job_of(database, workload, **more):
    return started(database, replace(seen(), workload=workload), **more)


def outlook_of(database, workload, settings=SETTINGS):
    free = replace(database, finalizers=())
    found = decide(CATALOG, free, replace(seen(), workload=workload), settings, at(0))
    assert found.act is None, found.act
    assert found.wake == at(30)
    return found.outlook


def variables(job):
    """Return the variables of the shop: those that the operator sets come first, and are left out."""
    env = container(job)["env"]
    last = max(i for i, one in enumerate(env) if one["name"] in ("POD_NAMESPACE", "DATABASE_URL"))
    return env[last + 1 :]


VOLUMES = [
    {"name": "config", "configMap": {"name": "shop-config"}},
    {"name": "uploads", "persistentVolumeClaim": {"claimName": "uploads"}},
    {"name": "unused", "emptyDir": {}},
]
FULL = workload(
    command=["node", "server.js"],
    workingDir="/server",
    ports=[{"containerPort": 9000}],
    resources={"limits": {"memory": "8Gi"}},
    livenessProbe={"httpGet": {"port": 9000}},
    env=[
        {"name": "REDIS_URL", "value": "redis://redis"},
        {"name": "JWT", "valueFrom": {"secretKeyRef": {"name": "jwt", "key": "k"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {
            "containerName": "server", "resource": "limits.memory"}}},
    ],
    envFrom=[{"secretRef": {"name": "shop-env"}}, {"prefix": "P_", "configMapRef": {"name": "c"}}],
    volumeMounts=[
        {"name": "config", "mountPath": "/etc/shop", "readOnly": True},
        {"name": "uploads", "mountPath": "/server/uploads", "subPath": "a",
         "mountPropagation": "HostToContainer"},
    ],
    securityContext={"runAsUser": 1001, "privileged": True},
    others=[{"name": "proxy", "image": "proxy", "volumeMounts": [
        {"name": "unused", "mountPath": "/x"}]}],
    annotations={DEFAULT_CONTAINER: "server"},
    spec={
        "volumes": VOLUMES,
        "initContainers": [{"name": "wait", "image": "busybox"}],
        "imagePullSecrets": [{"name": "registry"}],
        "serviceAccountName": "shop",
        "automountServiceAccountToken": True,
        "nodeSelector": {"disk": "ssd"},
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}],
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 2000,
                            "supplementalGroups": [3000], "sysctls": [{"name": "a", "value": "b"}]},
    },
)  # fmt: skip


def test_a_run_takes_over_variables_volumes_users_pull_secrets_and_the_folder():
    job = job_of(shop(), FULL)

    ours, pod = container(job), pod_of(job)
    assert variables(job) == [
        {"name": "REDIS_URL", "value": "redis://redis"},
        {"name": "JWT", "valueFrom": {"secretKeyRef": {"name": "jwt", "key": "k"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
    ]
    assert ours["envFrom"] == [
        {"secretRef": {"name": "shop-env"}},
        {"configMapRef": {"name": "c"}, "prefix": "P_"},
    ]
    assert ours["workingDir"] == "/server"
    assert ours["volumeMounts"] == [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "config", "mountPath": "/etc/shop", "readOnly": True},
        {"name": "uploads", "mountPath": "/server/uploads", "subPath": "a"},
        {"name": "medusa-db", "mountPath": "/medusa-db", "readOnly": True},
    ]
    assert pod["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        *VOLUMES[:2],
        {"name": "medusa-db", "emptyDir": {"sizeLimit": "200Mi"}},
    ]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"},
        "runAsUser": 1001, "runAsGroup": 1000, "fsGroup": 2000, "supplementalGroups": [3000],
    }  # fmt: skip


def test_it_takes_over_nothing_else():
    with_it, without = job_of(shop(), FULL), started(shop(server={"workloadRef": None}))

    ours, plain = container(with_it), container(without)
    same = ("image", "command", "args", "resources", "securityContext")
    assert {key: plain[key] for key in same if key != "args"} == {
        key: ours[key] for key in same if key != "args"
    }
    assert ours.keys() - plain.keys() == {"envFrom", "workingDir"}
    assert pod_of(with_it).keys() - pod_of(without).keys() == {"imagePullSecrets"}
    assert pod_of(with_it)["initContainers"] == pod_of(without)["initContainers"]
    assert pod_of(with_it)["serviceAccountName"] == "default"
    assert pod_of(with_it)["automountServiceAccountToken"] is False


def test_what_the_resource_says_itself_counts_instead():
    server = {
        "workingDir": "/app",
        "env": [{"name": "REDIS_URL", "value": "redis://other"}],
        "envFrom": [{"secretRef": {"name": "more"}}],
        "imagePullSecrets": [{"name": "mine"}, {"name": "registry"}],
    }
    template = {"spec": {
        "securityContext": {"runAsUser": 7, "fsGroup": None},
        "imagePullSecrets": [{"name": "other"}],
        "volumes": [{"name": "uploads", "emptyDir": {}}],
        "containers": [{
            "name": "medusa-db", "env": [{"name": "MEMORY", "value": "1"}],
            "volumeMounts": [{"name": "uploads", "mountPath": "/etc/shop/"}],
        }],
    }}  # fmt: skip

    pulled = {"imagePullSecrets": [{"name": "registry"}, {"name": "other"}]}
    there = replace(FULL, body=json.loads(json.dumps(FULL.body)))
    there.body["spec"]["template"]["spec"] |= pulled

    job = job_of(shop(server, {"template": template}), there)

    ours, pod = container(job), pod_of(job)
    assert [(one["name"], one.get("value")) for one in variables(job)] == [
        ("JWT", None), ("REDIS_URL", "redis://other"), ("MEMORY", "1"),
    ]  # fmt: skip
    assert [source.get("secretRef") for source in ours["envFrom"]] == [
        {"name": "shop-env"}, None, {"name": "more"},
    ]  # fmt: skip
    assert ours["workingDir"] == "/app"
    assert pod["imagePullSecrets"] == [{"name": "mine"}, {"name": "registry"}, {"name": "other"}]
    assert [(mount["mountPath"], mount["name"]) for mount in ours["volumeMounts"]] == [
        ("/tmp", "tmp"), ("/server/uploads", "uploads"), ("/medusa-db", "medusa-db"),
        ("/etc/shop/", "uploads"),
    ]  # fmt: skip
    assert [volume for volume in pod["volumes"] if volume["name"] in ("uploads", "config")] == [
        {"name": "uploads", "emptyDir": {}}
    ]
    assert (pod["securityContext"]["runAsUser"], "fsGroup" in pod["securityContext"]) == (7, False)


def test_where_the_database_is_says_the_resource_and_options_of_the_runner_are_another_runs():
    names = ("DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGPASSWORD", "MEDUSA_DB_YES", "PGSSLMODE")

    job = job_of(shop(), workload(env=[{"name": name, "value": "x"} for name in names]))

    assert [one["name"] for one in variables(job)] == ["PGSSLMODE"]
    (url,) = (one for one in container(job)["env"] if one["name"] == "DATABASE_URL")
    assert url["valueFrom"]["secretKeyRef"]["name"] == "shop-db"


def test_a_variable_of_the_workload_takes_the_place_of_one_that_only_tells_the_run_where_it_is():
    job = job_of(shop(), workload(env=[{"name": "POD_NAME", "value": "mine"}]))

    assert [one for one in container(job)["env"] if one["name"] == "POD_NAME"] == [
        {"name": "POD_NAME", "value": "mine"}
    ]


def test_the_runs_own_folders_stay_and_volumes_that_are_called_like_its_own_are_renamed():
    job = job_of(
        shop(),
        workload(
            volumeMounts=[
                {"name": "tmp", "mountPath": "/tmp/"},
                {"name": "tmp", "mountPath": "/cache"},
                {"name": "shop-tmp", "mountPath": "/other"},
                {"name": "ca", "mountPath": "/etc/medusa/ca"},
                {"name": "ca", "mountPath": "/medusa-db"},
            ],
            spec={"volumes": [{"name": "tmp", "emptyDir": {"medium": "Memory"}},
                              {"name": "ca", "secret": {"secretName": "ca"}},
                              {"name": "shop-tmp", "emptyDir": {}}]},
        ),
    )  # fmt: skip

    assert [(mount["mountPath"], mount["name"]) for mount in container(job)["volumeMounts"]] == [
        ("/tmp", "tmp"), ("/cache", "xshop-tmp"), ("/other", "shop-tmp"),
        ("/etc/medusa/ca", "shop-ca"), ("/medusa-db", "medusa-db"),
    ]  # fmt: skip
    assert pod_of(job)["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        {"name": "xshop-tmp", "emptyDir": {"medium": "Memory"}},
        {"name": "shop-tmp", "emptyDir": {}},
        {"name": "shop-ca", "secret": {"secretName": "ca"}},
        {"name": "medusa-db", "emptyDir": {"sizeLimit": "200Mi"}},
    ]
    assert "/etc/medusa/ca/=volume shop-ca" in container(job)["env"][0]["value"]


def test_root_is_no_user_that_a_run_takes_over():
    job = job_of(shop(), workload(spec={"securityContext": {"runAsUser": 0, "runAsGroup": 0}}))

    users = pod_of(job)["securityContext"]
    assert ("runAsUser" in users, users["runAsGroup"]) == (False, 0)


def test_files_about_the_pod_are_about_the_container_of_the_run():
    item = {"path": "memory", "resourceFieldRef": {
        "containerName": "server", "resource": "limits.memory"}}  # fmt: skip
    projected = {"sources": [{"downwardAPI": {"items": [item]}}, {"secret": {"name": "s"}}]}

    job = job_of(
        shop(),
        workload(
            volumeMounts=[{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}],
            spec={"volumes": [{"name": "a", "downwardAPI": {"items": [item]}},
                              {"name": "b", "projected": projected}]},
        ),
    )  # fmt: skip

    ours = {"path": "memory", "resourceFieldRef": {
        "containerName": "medusa-db", "resource": "limits.memory"}}  # fmt: skip
    assert pod_of(job)["volumes"][1:3] == [
        {"name": "a", "downwardAPI": {"items": [ours]}},
        {"name": "b", "projected": {"sources": [
            {"downwardAPI": {"items": [ours]}}, {"secret": {"name": "s"}}]}},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("named", "annotation", "expected"),
    [
        pytest.param("web", "server", "WEB", id="named"),
        pytest.param("", "web", "WEB", id="annotated"),
        pytest.param("server", "", "SERVER", id="named-and-nothing-annotated"),
    ],
)
def test_the_container_is_the_one_that_is_named_else_the_default_one(named, annotation, expected):
    ref = WorkloadRef("shop", container=named)
    other = {"name": "web", "env": [{"name": "WEB", "value": "1"}]}
    there = workload(
        ref=ref, annotations={DEFAULT_CONTAINER: annotation}, others=[other],
        env=[{"name": "SERVER", "value": "1"}],
    )  # fmt: skip

    job = job_of(shop({"workloadRef": {"name": "shop", "container": named}}), there)

    assert [one["name"] for one in variables(job)] == [expected]


def mounting(volume):
    return workload(
        volumeMounts=[{"name": "v", "mountPath": "/v"}],
        spec={"volumes": [{"name": "v"} | volume] if volume else []},
    )


ELSE = "put another in its place: spec.job.template.spec.volumes: [{name: v, emptyDir: {}}]"
KINDS = "configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected, secret"


@pytest.mark.parametrize(
    ("there", "why"),
    [
        pytest.param(
            workload(others=[{"name": "proxy"}]),
            "Deployment shop has the containers server, proxy; name that of the server in "
            "spec.server.workloadRef.container",
            id="several",
        ),
        pytest.param(
            Workload(REF, {"spec": {"template": {"spec": {"containers": None}}}}),
            "Deployment shop has no container", id="none",
        ),
        pytest.param(
            mounting({"hostPath": {"path": "/"}}),
            "container server of Deployment shop mounts volume v, which is of kind hostPath, and a restricted pod has "
            f"only {KINDS}; {ELSE}",
            id="host-path",
        ),
        pytest.param(
            mounting({"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}),
            "container server of Deployment shop mounts volume v, which projects a serviceAccountToken, and a run needs "
            f"no right on the Kubernetes API; {ELSE}",
            id="token",
        ),
        pytest.param(
            mounting({}),
            "container server of Deployment shop mounts volume v, which its pod template does not have, as where a "
            f"StatefulSet makes one for each pod; {ELSE}",
            id="claim-template",
        ),
        pytest.param(
            workload(volumeMounts=[{"name": "v", "mountPath": "/v", "subPathExpr": "$(A)"}]),
            "container server of Deployment shop mounts volume v with subPathExpr, by which messages of the kubelet "
            "would repeat the value of a variable; mount one at /v in spec.job.template",
            id="sub-path-expr",
        ),
        pytest.param(
            workload(env=[{"name": "A", "valueFrom": {"fileKeyRef": {"key": "a"}}}]),
            "container server of Deployment shop: the value of A is a fileKeyRef, which a run does not have; set it in "
            "spec.server.env",
            id="file-key",
        ),
        pytest.param(
            workload(env=[{"name": "A", "valueFrom": {"resourceFieldRef": {
                "containerName": "proxy", "resource": "limits.cpu"}}}]),
            "container server of Deployment shop: the value of A is a resource of container proxy, which a run does not "
            "have; set it in spec.server.env",
            id="resource-of-another",
        ),
        pytest.param(
            mounting({"downwardAPI": {"items": [{"path": "a", "resourceFieldRef": {
                "containerName": "proxy", "resource": "limits.cpu"}}]}}),
            "container server of Deployment shop: a file of volume v is a resource of container proxy, which a run does "
            f"not have; {ELSE}",
            id="file-about-another",
        ),
        pytest.param(
            workload(env="A=b"),
            "Deployment shop cannot be read: spec.template.spec.containers[0].env: 'A=b' is not a list",
            id="garbage",
        ),
        pytest.param(
            workload(env=[{"name": "A", "valueFrom": {"secretKeyRef": "b"}}]),
            "Deployment shop cannot be read: spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef: 'b' is not "
            "an object",
            id="garbage-below",
        ),
    ],
)  # fmt: skip
def test_what_a_run_cannot_take_over_stalls_with_what_to_do_and_is_looked_at_again(there, why):
    found = outlook_of(shop(), there)

    assert found == Stalled(Reason.WORKLOAD_UNUSABLE, why)


@pytest.mark.parametrize(
    ("server", "template", "there"),
    [
        pytest.param(
            {}, {"volumes": [{"name": "v", "emptyDir": {}}]},
            mounting({"hostPath": {"path": "/"}}), id="volume",
        ),
        pytest.param(
            {}, {"volumes": [{"name": "v", "emptyDir": {}}]}, mounting(None), id="claim-template",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "b"}]}, {},
            workload(env=[{"name": "A", "valueFrom": {"fileKeyRef": {"key": "a"}}}]), id="variable",
        ),
        pytest.param(
            {}, {"containers": [{"name": "medusa-db", "volumeMounts": [
                {"name": "tmp", "mountPath": "/v", "subPath": "v"}]}]},
            workload(volumeMounts=[{"name": "v", "mountPath": "/v", "subPathExpr": "$(A)"}]),
            id="mount",
        ),
    ],
)  # fmt: skip
def test_what_it_says_to_do_is_enough(server, template, there):
    assert job_of(shop(server, {"template": {"spec": template}}), there)


def test_where_the_template_may_hold_anything_so_may_the_workload():
    observed = replace(seen(), workload=mounting({"hostPath": {"path": "/x"}}))

    act = decide(CATALOG, shop(), observed, FREE, at(0)).act

    assert isinstance(act, Start)
    assert {"name": "v", "hostPath": {"path": "/x"}} in pod_of(act.manifest)["volumes"]


@pytest.mark.parametrize(
    ("there", "reason", "why"),
    [
        (Workload(REF, refusal=Refusal(Reason.REFERENCE_MISSING, "it is not there")),
         Reason.REFERENCE_MISSING, "it is not there"),
        (Workload(REF, refusal=Refusal(Reason.REFERENCE_FORBIDDEN, "forbidden")),
         Reason.REFERENCE_FORBIDDEN, "forbidden"),
    ],
)  # fmt: skip
def test_a_workload_that_is_not_there_or_not_to_be_seen_is_waited_for(there, reason, why):
    assert outlook_of(shop(), there) == Waiting(reason, why)


def test_a_container_that_is_not_there_is_waited_for():
    ref = WorkloadRef("shop", WorkloadKind.STATEFUL_SET, "web")
    body = {"kind": "StatefulSet", "name": "shop", "container": "web"}

    found = outlook_of(shop({"workloadRef": body}), workload(ref=ref))

    assert found == Waiting(
        Reason.REFERENCE_MISSING,
        "the run waits: StatefulSet shop of spec.server.workloadRef has no container web, but server",
    )


def test_it_is_looked_at_only_where_a_job_is_to_be_made_and_before_the_resource_is_held():
    free = database(
        meta={"finalizers": []}, version="2.21.2", server=SERVER, upgrade={"approval": "Manual"}
    )
    agreed = database(meta={"finalizers": []}, version="2.21.2", server=SERVER)

    assert decided(free).act is None
    look = decided(agreed)
    assert (look.act, look.report_first) == (LookAtWorkload(REF), False)
    assert decided(agreed, replace(seen(), workload=workload())).act == AddFinalizer()


def test_a_seed_of_v1_takes_nothing_over():
    body = {"version": "1.20.11", "server": SERVER, "seed": SEED}
    first = job_of(database(**body), FULL)
    over = (ended(first), pod_ended(first, 0, report(first, ledgers={"migrations": 84})))

    seed = started(database(**body), seen(over), at(60))

    assert seed["metadata"]["annotations"]["medusadb.dev/step"] == "seed"
    assert "envFrom" not in container(seed)


def test_a_seed_by_a_script_of_the_image_takes_over_what_a_migration_does():
    script = {"script": "./src/scripts/seed.js", "args": ["demo"]}
    first = job_of(shop(seed=script), FULL)
    over = seen((ended(first), pod_ended(first, 0, report(first))))

    unseen = decided(shop(seed=script), over, at(60))
    seed = started(shop(seed=script), replace(over, workload=FULL), at(60))

    assert unseen.act == LookAtWorkload(REF)
    assert seed["metadata"]["annotations"]["medusadb.dev/step"] == "seed"
    assert container(seed)["envFrom"] == container(first)["envFrom"]
    assert container(seed)["args"][-2:] == ["--", "demo"]


def migrated(there=FULL, **server):
    """Return the status after a run that took over *there*."""
    first = shop(server)
    job = job_of(first, there)
    done = report(job, ledgers=LEDGERS, pending=NOTHING)
    return reported(first, seen((ended(job), pod_ended(job, 0, done))), at(60))


def test_a_run_that_is_over_is_not_repeated_for_what_the_workload_is_by_now():
    body = resource(meta={"finalizers": []}, version="2.21.2", server=SERVER)

    found = decided(after(body, migrated()), now=at(90))

    assert isinstance(found.outlook, Ready)
    assert found.act is None


def test_another_workload_is_another_run_and_another_container_of_it_too():
    status = migrated()

    for ref in ({"name": "other"}, {"name": "shop", "container": "web"}):
        body = resource(version="2.21.2", server=SERVER)
        changed = after(body, status, server=SERVER | {"workloadRef": ref})
        assert isinstance(decided(changed, now=at(90)).act, LookAtWorkload)


def test_without_a_workload_the_identity_is_what_it_was_before_there_was_one():
    assert shop({"workloadRef": None}).spec.identity == "cced63c9553fd2bd"


def at_rest(there=None):
    body = resource(meta={"finalizers": []}, version="2.21.2", server=SERVER)
    resting = after(body, migrated())
    due = at(100_000)
    observed = replace(seen(), workload=there)
    return resting, observed, decided(resting, observed, due), due


def test_a_verification_takes_over_what_the_workload_is_by_then():
    _, _, unseen, _ = at_rest()
    _, _, found, _ = at_rest(workload(env=[{"name": "A", "value": "new"}]))

    assert unseen.act == LookAtWorkload(REF)
    assert isinstance(found.act, Verify)
    assert [one["value"] for one in variables(found.act.manifest)] == ["new"]


def test_a_database_stays_ready_where_the_workload_that_would_verify_it_is_gone():
    gone = Workload(REF, refusal=Refusal(Reason.REFERENCE_MISSING, "it is not there"))

    resting, observed, found, due = at_rest(gone)

    status = conditions.status(CATALOG, resting, observed, found, due)
    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Verified") == ("Unknown", "ReferenceMissing")
    assert found.act is None
    assert found.wake > due


def stuck(there, later):
    """Return what is decided on a Job of *there* whose pod cannot start, once *later* was seen."""
    first = shop()
    job = job_of(first, there)
    state = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'}}
    waits = seen((job, pod(job, state)))
    return decided(first, replace(waits, workload=later), at(20))


def test_a_job_that_cannot_start_is_made_anew_where_the_workload_was_corrected():
    unseen = stuck(FULL, None)
    same = stuck(FULL, FULL)
    corrected = stuck(FULL, workload())
    gone = stuck(FULL, Workload(REF, refusal=Refusal(Reason.REFERENCE_MISSING, "it is not there")))

    assert unseen.outlook.reason == "ReferenceMissing"
    assert unseen.act == LookAtWorkload(REF)
    assert unseen.wake - at(20) >= timedelta(seconds=6)
    assert (same.act, same.outlook) == (None, unseen.outlook)
    assert (gone.act, gone.outlook) == (None, unseen.outlook)
    assert isinstance(corrected.act, Cancel)


def test_a_job_that_just_takes_its_time_is_no_reason_to_look():
    first = shop()
    job = job_of(first, FULL)

    found = decided(first, seen((job, pod(job))), at(20))

    assert found.act is None


def test_the_secrets_of_the_workload_are_asked_for_their_annotation():
    job = job_of(shop(), FULL)

    strict = replace(SETTINGS, require_secret_annotation=True)
    asked = {reference.name for reference in references.asked_for(job, strict)}
    assert asked == {"jwt", "shop-env", "registry", "shop-db"}
    told = container(job)["env"][0]["value"].split(",")
    assert told[:2] == ["*=shop-env", "/server/uploads/=volume uploads"]
    assert "JWT=jwt/k" in told


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ({"name": ".."}, "spec.server.workloadRef.name: '..' is not the name of an object"),
        ({"name": "a/b"}, "spec.server.workloadRef.name: 'a/b' is not the name of an object"),
        ({}, "spec.server.workloadRef.name is missing"),
        ({"name": "a", "kind": "Secret"},
         "spec.server.workloadRef.kind: 'Secret' is not one of Deployment, StatefulSet"),
        ("shop", "spec.server.workloadRef: 'shop' is not an object"),
    ],
)  # fmt: skip
def test_a_reference_that_is_none_is_refused_whatever_the_definition_let_pass(ref, why):
    found = shop({"workloadRef": ref}).spec

    assert isinstance(found, InvalidError)
    assert str(found) == why


@settings(max_examples=300)
@given(mutated(FULL.body))
def test_whatever_stands_in_a_workload_a_job_is_made_or_its_owner_is_told(body):
    first = shop()
    observed = replace(seen(), workload=Workload(REF, body))

    found = decided(first, observed)

    assert isinstance(found.act, Start) or isinstance(found.outlook, Stalled | Waiting)
    status = conditions.status(CATALOG, first, observed, found, at(0))
    assert list(violations(status.to_dict(), STATUS)) == []
