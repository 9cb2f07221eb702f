"""The CRD on a real API server: what it refuses and says, what it fills in, how it explains itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import pod_schema
from medusa_testbed.kubectl import Kubectl
from medusa_testbed.operators import OWN
from medusa_testbed.waiting import eventually

DEPLOY = Path(__file__).parents[2] / "deploy"
RESOURCE = "medusadb.dev/v1alpha1/medusadatabases"
URL = {"urlSecretRef": {"name": "shop-db", "key": "DATABASE_URL"}}
PARTS = {
    "host": "postgres",
    "name": "shop",
    "user": "medusa",
    "passwordSecretRef": {"name": "shop-db", "key": "password"},
}
SERVER = {"image": "registry.example.com/shop:42", "workingDir": "/server"}
SEED = {"configMapKeyRef": {"name": "shop-seed", "key": "seed.json"}}


@pytest.fixture(scope="module", autouse=True)
def _installed(cluster, tmp_path_factory):
    kubectl = Kubectl(cluster.kubeconfig, tmp_path_factory.mktemp("kubectl"), "default")
    kubectl("apply", "--server-side", "--force-conflicts", "-f", DEPLOY / "crd")
    established = ("wait", "--for=condition=Established", "crd/medusadatabases.medusadb.dev")
    eventually(lambda: kubectl.run(*established).returncode == 0)  # it fails without a status


def resource(**spec):
    body = {"version": "1.20.11", "database": URL} | spec
    return {
        "apiVersion": "medusadb.dev/v1alpha1",
        "kind": "MedusaDatabase",
        "metadata": {"name": "shop", "labels": {OWN: "none"}},  # no operator writes its status
        "spec": {key: value for key, value in body.items() if value is not None},
    }


def served(**spec):
    """Return what a shop of v2 declares, with an image of its own."""
    return {"version": "2.21.2", "server": SERVER} | spec


def workload(**ref):
    return served(server=SERVER | {"workloadRef": ref})


def patch(**spec):
    return {"job": {"template": {"spec": spec}}}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param({"version": None}, "spec.version: Required value", id="no-version"),
        pytest.param({"version": "latest"}, "spec.version in body should match", id="no-numbers"),
        pytest.param({"version": "1.20"}, "spec.version in body should match", id="two-numbers"),
        pytest.param(
            {"version": "2.1.0"},
            "Medusa v2 is migrated by the shop's own image, which has its modules and migrations: add spec.server",
            id="v2",
        ),
        pytest.param({"version": "3.0.0"}, "2.0.0 and later with spec.server", id="v3"),
        pytest.param(served(server={}), "spec.server.image: Required value", id="no-image"),
        pytest.param(
            workload(), "spec.server.workloadRef.name: Required value", id="workload-no-name"
        ),
        pytest.param(
            workload(name="../secrets/a"),
            "spec.server.workloadRef.name in body should match",
            id="workload-path",
        ),
        pytest.param(
            workload(name="shop", kind="Rollout"),
            'Unsupported value: "Rollout": supported values: "Deployment", "StatefulSet"',
            id="workload-kind",
        ),
        pytest.param(
            workload(name="shop", container="A b"),
            "spec.server.workloadRef.container in body should match",
            id="workload-container",
        ),
        pytest.param(
            served(featureFlags={"a": True}), "set the variables MEDUSA_FF_...", id="server-flags"
        ),
        pytest.param(served(baseline="1.12.3"), "leave baseline out", id="server-baseline"),
        pytest.param(
            served(dataSteps={"skip": True}), "leave dataSteps out", id="server-data-steps"
        ),
        pytest.param(
            served(upgrade={"stops": ["1.12.3"]}),
            "an image has one version of Medusa",
            id="server-stops",
        ),
        pytest.param(
            served(upgrade={"transaction": "Each"}),
            "leave upgrade.transaction out",
            id="server-transaction",
        ),
        pytest.param(served(seed={"from": SEED}), "seed documents are for Medusa v1", id="v2-seed"),
        pytest.param(
            {"seed": {"script": "seed.js"}},
            "script and npmScript are of the shop's own image: add spec.server",
            id="script-without-server",
        ),
        pytest.param(
            {"server": SERVER, "seed": {"script": "seed.js"}},
            "Medusa v1 has no medusa exec",
            id="v1-script",
        ),
        pytest.param(
            served(seed={"script": "seed.js", "npmScript": "seed"}),
            "give one of from, script and npmScript, and only one",
            id="two-scripts",
        ),
        pytest.param(
            {"seed": {"from": SEED, "args": ["a"]}},
            "args are what a script is given",
            id="arguments-of-a-document",
        ),
        pytest.param(
            served(seed={"script": "--help"}), "spec.seed.script in body should match", id="hyphen"
        ),
        pytest.param(
            served(server=SERVER | {"env": [{"name": "DATABASE_URL", "value": "x"}]}),
            "DATABASE_URL is set from spec.database",
            id="server-database",
        ),
        pytest.param(
            served(server=SERVER | {"env": [{"name": "MEDUSA_DB_YES", "value": "true"}]}),
            "MEDUSA_DB_... are options of the runner",
            id="server-option",
        ),
        pytest.param(
            served(
                server=SERVER
                | {
                    "env": [
                        {"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}
                    ]
                }
            ),
            "give value or valueFrom, not both",
            id="server-value-twice",
        ),
        pytest.param(
            served(server=SERVER | {"envFrom": [{"prefix": "A"}]}),
            "give either secretRef or configMapRef",
            id="server-no-source",
        ),
        pytest.param(
            served(server=SERVER | {"workingDir": "server"}),
            "spec.server.workingDir in body",
            id="relative",
        ),
        pytest.param(
            {"upgrade": {"acknowledged": ["links"]}},
            "can only be acknowledged where spec.server names the shop's image",
            id="links-without-server",
        ),
        pytest.param(
            {"timeouts": {"stall": "5m"}},
            "timeouts.stall is for commands of the shop's own",
            id="stall-without-server",
        ),
        pytest.param({"version": "1.0.3"}, "1.0 kept its data in MongoDB", id="mongodb"),
        pytest.param({"database": None}, "spec.database: Required value", id="no-database"),
        pytest.param(
            {"database": {}}, "give either urlSecretRef, or the parts", id="empty-database"
        ),
        pytest.param(
            {"database": URL | PARTS}, "give either urlSecretRef, or the parts", id="url-and-parts"
        ),
        pytest.param(
            {"database": {key: value for key, value in PARTS.items() if key != "name"}},
            "exactly one of each pair",
            id="no-name",
        ),
        pytest.param(
            {"database": PARTS | {"hostSecretRef": {"name": "a", "key": "b"}}},
            "exactly one of each pair",
            id="host-twice",
        ),
        pytest.param(
            {"database": PARTS | {"port": 5432, "portSecretRef": {"name": "a", "key": "b"}}},
            "give port or portSecretRef, not both",
            id="port-twice",
        ),
        pytest.param(
            {
                "database": URL
                | {
                    "caSecretRef": {"name": "a", "key": "b"},
                    "caConfigMapRef": {"name": "a", "key": "b"},
                }
            },
            "give caSecretRef or caConfigMapRef, not both",
            id="ca-twice",
        ),
        pytest.param({"database": URL | {"sslMode": "maybe"}}, "Unsupported value", id="ssl-mode"),
        pytest.param({"seed": {}}, "a seed needs from", id="seed-without-source"),
        pytest.param(
            {"seed": {"from": SEED | {"secretKeyRef": {"name": "a", "key": "b"}}}},
            "give either configMapKeyRef or secretKeyRef",
            id="two-seeds",
        ),
        pytest.param(
            {"baseline": "1.20.11", "version": "1.12.3"},
            "the baseline cannot be later than the version",
            id="baseline-later",
        ),
        pytest.param({"timeouts": {"run": "soon"}}, "spec.timeouts.run in body", id="duration"),
        pytest.param({"upgrade": {"approval": "Maybe"}}, "Unsupported value", id="approval"),
        pytest.param({"verify": {"interval": "9s"}}, "10s or more, or 0s for never", id="often"),
        pytest.param({"retry": {"limit": 0}}, "greater than or equal to 1", id="no-attempts"),
        *(
            pytest.param(
                {"database": {"host": host, "name": "shop", "user": "shop"}},
                "a host is a name or an address alone",
                id=f"host-{kind}",
            )
            for kind, host in {
                "port": "postgres:5432",
                "url": "postgres://h/shop",
                "user": "shop@h",
                "space": "h ",
                "brackets": "[::1]",
            }.items()
        ),
        pytest.param(
            {"job": {"image": "shop: 42"}}, "without a scheme and without spaces", id="image-space"
        ),
        pytest.param(
            served(server={"image": "https://registry.example.com/shop"}),
            "spec.server.image: Invalid value",
            id="image-scheme",
        ),
        pytest.param({"verson": "1.20.11"}, 'unknown field "spec.verson"', id="misspelt"),
        pytest.param(
            patch(tolerations=[{"operater": "Exists"}]),
            'unknown field "spec.job.template.spec.tolerations[0].operater"',
            id="misspelt-in-the-template",
        ),
        pytest.param(
            patch(containers=[{"name": "medusa-db", "env": [{"name": {}}]}]),
            "spec.containers[0].env[0].name: Invalid value",
            id="type-of-a-name",
        ),
        pytest.param(
            patch(tolerations=[{"tolerationSeconds": "300"}]),
            "spec.tolerations[0].tolerationSeconds: Invalid value",
            id="type-of-a-number",
        ),
        pytest.param(
            patch(nodeName=5), "template.spec.nodeName: Invalid value", id="type-of-a-text"
        ),
        pytest.param(
            patch(volumes={}), "template.spec.volumes: Invalid value", id="type-of-a-list"
        ),
        pytest.param(
            patch(containers=[{"env": []}]), "containers[0].name: Required value", id="no-name"
        ),
        pytest.param(
            {"job": {"resources": {"limits": {"memory": "512 Mi"}}}},
            "spec.job.resources.limits.memory in body should match",
            id="quantity",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(kubectl, spec, said):
    refused = kubectl.run("apply", "-f", "-", stdin=resource(**spec))

    assert refused.returncode == 1
    assert said in refused.stderr


def test_a_template_that_is_nested_deeply_is_refused_or_cut(kubectl):
    def nested(**spec):
        return json.dumps(resource(**patch(**spec))).replace(
            '"DEEP"', '{"a":' * 1500 + "1" + "}" * 1500
        )

    refused = kubectl.run("create", "-f", "-", stdin=nested(affinity="DEEP"))
    wrong = kubectl.run(
        "create", "--validate=false", "-f", "-", stdin=nested(nodeSelector={"a": "DEEP"})
    )
    kubectl("create", "--validate=false", "-f", "-", stdin=nested(affinity="DEEP"))

    assert refused.returncode == wrong.returncode == 1
    assert 'unknown field "spec.job.template.spec.affinity.a"' in refused.stderr
    assert "spec.nodeSelector.a: Invalid value" in wrong.stderr
    taken = kubectl.json("get", "mdb", "shop")
    assert taken["spec"]["job"]["template"]["spec"]["affinity"] == {}


def test_the_template_has_the_types_of_a_pod(kubectl):
    served = json.loads(kubectl("get", "--raw", "/openapi/v3/api/v1"))
    crd = kubectl.json("get", "crd", "medusadatabases.medusadb.dev")
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    job = schema["properties"]["spec"]["properties"]["job"]["properties"]

    made = pod_schema.made(served)

    assert {name: job[name] for name in made} == made


def test_a_template_is_kept_as_it_is_declared(kubectl):
    template = {
        "metadata": {"labels": {"team": "shop"}, "annotations": {"a": "b"}},
        "spec": {
            "nodeSelector": {"disk": "fast"},
            "securityContext": {"runAsUser": None, "fsGroup": 7},
            "tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 3}],
            "volumes": [{"name": "x", "emptyDir": {"sizeLimit": "1Gi"}},
                        {"name": "y", "secret": {"secretName": "s", "defaultMode": 288}}],
            "initContainers": [{"name": "proxy", "image": "p", "restartPolicy": "Always",
                                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
                                "livenessProbe": {"tcpSocket": {"port": 80}},
                                "resources": {"requests": {"cpu": 1, "memory": "1Gi"}}}],
            "containers": [{"name": "medusa-db", "env": [{"name": "A", "value": "b"}]}],
        },
    }  # fmt: skip

    kubectl("create", "-f", "-", stdin=resource(job={"template": template}))

    assert kubectl.json("get", "mdb", "shop")["spec"]["job"]["template"] == template


def test_defaults_appear(kubectl):
    kubectl.apply(resource(seed={"from": SEED}))

    found = kubectl.json("get", "mdb", "shop")

    assert found["status"] == {"observedGeneration": -1}
    assert found["spec"] == {
        "version": "1.20.11",
        "database": URL,
        "upgrade": {"approval": "OnBreaking", "allowOlder": False, "transaction": "Step"},
        "seed": {"policy": "Once", "from": SEED},
        "job": {
            "serviceAccountName": "default",
            "resources": {
                "requests": {"cpu": "50m", "memory": "96Mi"},
                "limits": {"memory": "512Mi"},
            },
            "ttlSecondsAfterFinished": 86400,
        },
        "timeouts": {
            "connect": "30s",
            "lock": "10m",
            "lockTimeout": "5s",
            "statement": "0s",
            "run": "1h",
        },
        "verify": {"interval": "24h"},
        "deletionPolicy": "Wait",
        "suspend": False,
    }


@pytest.mark.parametrize(
    "host",
    ["postgres", "db.example.com", "10.0.0.1", "fd00::1", "fe80::1%eth0", "/run/postgresql", "a.b,c,::1"],
)  # fmt: skip
def test_every_host_is_taken(kubectl, host):
    kubectl.apply(resource(database={"host": host, "name": "shop", "user": "shop"}))


@pytest.mark.parametrize(
    "image",
    [
        "shop", "shop:42", "R.example.com:5000/a/b_c-d.e:1.0-rc_1", "[fd00::1]:5000/shop",
        f"localhost/shop:1@sha256:{'0a' * 32}",
    ],
)  # fmt: skip
def test_every_name_of_an_image_is_taken(kubectl, image):
    kubectl.apply(resource(job={"image": image}))


def test_a_workload_is_a_deployment_where_nothing_is_said(kubectl):
    kubectl.apply(resource(**workload(name="shop")))

    found = kubectl.json("get", "mdb", "shop")["spec"]["server"]["workloadRef"]

    assert found == {"kind": "Deployment", "name": "shop"}


@pytest.fixture
def _applied(cluster, kubectl, namespace):
    """A resource whose database is proven to be at 1.20.11."""
    kubectl.apply(resource())
    told = {"status": {"observedGeneration": 1, "appliedVersion": "1.20.11"}}
    cluster.api.patch(RESOURCE, "shop", told, namespace, part="status")


@pytest.mark.usefixtures("_applied")
def test_a_version_below_what_is_applied_is_refused(kubectl):
    refused = kubectl.run("apply", "-f", "-", stdin=resource(version="1.12.3"))

    assert refused.returncode == 1
    assert "the database is at 1.20.11; a downgrade to 1.12.3 would lose data" in refused.stderr


@pytest.fixture
def _proven(cluster, kubectl, namespace):
    """The same, with the versions that its ledger proves, adopted as 1.20.11."""
    kubectl.apply(resource(baseline="1.20.11"))
    proven = {"state": "version", "from": "1.20.3", "to": "1.20.11", "at": "1.20.11"}
    told = {"observedGeneration": 1, "appliedVersion": "1.20.11", "proven": proven}
    cluster.api.patch(RESOURCE, "shop", {"status": told}, namespace, part="status")


@pytest.mark.usefixtures("_proven")
@pytest.mark.parametrize("version", ["1.20.3", "1.20.9"])
def test_a_version_that_has_the_same_schema_is_no_downgrade(kubectl, version):
    kubectl.apply(resource(version=version, baseline="1.20.11"))

    assert kubectl.json("get", "mdb", "shop")["spec"]["version"] == version


@pytest.mark.usefixtures("_proven")
def test_a_downgrade_names_the_oldest_version_with_the_same_schema(kubectl):
    refused = kubectl.run("apply", "-f", "-", stdin=resource(version="1.20.2"))

    assert refused.returncode == 1
    assert "a downgrade to 1.20.2 would lose data. Declare 1.20.3 or later, or" in refused.stderr


@pytest.mark.usefixtures("_applied")
@pytest.mark.parametrize("version", ["3.0.0", "1.0.5"])
def test_a_version_that_is_never_taken_is_refused_for_that_alone(kubectl, version):
    refused = kubectl.run("apply", "-f", "-", stdin=resource(version=version))

    assert refused.returncode == 1
    assert (
        "only Medusa 1.1.0 to 1.20.11, and 2.0.0 and later with spec.server, can be declared"
        in refused.stderr
    )
    assert "downgrade" not in refused.stderr


@pytest.mark.parametrize(
    ("before", "then"),
    [
        pytest.param({}, served(), id="v1-to-v2"),
        pytest.param({"server": SERVER}, served(), id="v1-with-an-image-to-v2"),
        pytest.param(served(), {"server": SERVER}, id="v2-to-v1"),
        pytest.param({}, served(database=PARTS), id="with-another-database"),
    ],
)
def test_a_shop_of_v1_does_not_become_one_of_v2_in_its_resource(kubectl, before, then):
    kubectl.apply(resource(**before))

    refused = kubectl.run("apply", "-f", "-", stdin=resource(**then))

    assert refused.returncode == 1
    assert "Declare another MedusaDatabase with an empty database of its own" in refused.stderr


def test_a_shops_image_is_declared_with_all_that_it_needs(kubectl):
    server = SERVER | {
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "registry"}],
        "runner": "Image",
        "env": [
            {"name": "A", "value": "b"},
            {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
            {"name": "D", "valueFrom": {"configMapKeyRef": {"name": "s", "key": "k"}}},
            {"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "F", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        ],
        "envFrom": [{"secretRef": {"name": "s"}}, {"configMapRef": {"name": "c"}, "prefix": "P_"}],
        "links": "All",
        "scripts": False,
        "node": "/nodejs/bin/node",
        "resources": {"limits": {"memory": "1Gi"}},
    }  # fmt: skip
    acknowledged = {"acknowledged": ["2.21.2", "links"]}

    kubectl.apply(resource(**served(server=server, upgrade=acknowledged, timeouts={"stall": "5m"})))

    found = kubectl.json("get", "mdb", "shop")["spec"]
    assert found["server"] == server
    assert found["upgrade"]["acknowledged"] == acknowledged["acknowledged"]


def test_an_image_alone_has_defaults(kubectl):
    kubectl.apply(resource(**served()))

    assert kubectl.json("get", "mdb", "shop")["spec"]["server"] == SERVER | {
        "runner": "Carried",
        "links": "Safe",
        "scripts": True,
        "resources": {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}},
    }


def test_another_image_and_an_older_one_of_v2_are_taken(kubectl, cluster, namespace):
    kubectl.apply(resource(**served()))
    told = {"status": {"observedGeneration": 1, "appliedVersion": "2.21.2"}}
    cluster.api.patch(RESOURCE, "shop", told, namespace, part="status")

    kubectl.apply(resource(**served(version="2.20.0", server=SERVER | {"image": "shop:41"})))

    assert kubectl.json("get", "mdb", "shop")["spec"]["version"] == "2.20.0"


@pytest.mark.usefixtures("_applied")
def test_a_version_below_what_is_applied_is_taken_where_that_is_allowed(kubectl):
    kubectl.apply(resource(version="1.12.3", upgrade={"allowOlder": True}))

    assert kubectl.json("get", "mdb", "shop")["spec"]["version"] == "1.12.3"


@pytest.mark.usefixtures("_applied")
@pytest.mark.parametrize(
    "also", [{"database": PARTS}, {"suspend": True}], ids=["other", "suspended"]
)
def test_a_version_below_is_taken_of_another_database_and_while_suspended(also, kubectl):
    kubectl.apply(resource(version="1.12.3", **also))

    assert kubectl.json("get", "mdb", "shop")["spec"]["version"] == "1.12.3"


@pytest.mark.usefixtures("_applied")
def test_a_suspension_cannot_end_in_the_change_that_takes_the_version_back(kubectl):
    kubectl.apply(resource(suspend=True))

    refused = kubectl.run("apply", "-f", "-", stdin=resource(version="1.12.3", suspend=False))

    assert refused.returncode == 1
    assert "a downgrade to 1.12.3 would lose data" in refused.stderr


def test_a_version_that_was_never_applied_can_be_taken_back(kubectl):
    kubectl.apply(resource())

    kubectl.apply(resource(version="1.12.3"))

    assert kubectl.json("get", "mdb", "shop")["spec"]["version"] == "1.12.3"


def test_a_status_may_say_that_the_database_is_newer_than_declared(cluster, kubectl, namespace):
    kubectl.apply(resource(version="1.12.3"))
    told = {"status": {"observedGeneration": 1, "appliedVersion": "1.20.11"}}

    cluster.api.patch(RESOURCE, "shop", told, namespace, part="status")

    assert kubectl.json("get", "mdb", "shop")["status"]["appliedVersion"] == "1.20.11"


def running(cluster, namespace, state):
    step = {"name": "migrate-1.20.11", "type": "Migrate", "state": state}
    told = {"status": {"observedGeneration": 1, "steps": [step]}}
    cluster.api.patch(RESOURCE, "shop", told, namespace, part="status")


def test_the_database_cannot_be_changed_while_a_job_runs(cluster, kubectl, namespace):
    kubectl.apply(resource())
    running(cluster, namespace, "Running")

    refused = kubectl.run("apply", "-f", "-", stdin=resource(database=PARTS))

    assert refused.returncode == 1
    assert "the database cannot be changed while a Job runs; wait for its end" in refused.stderr


def test_the_database_can_be_corrected_while_a_job_waits_for_its_secret(
    cluster, kubectl, namespace
):
    kubectl.apply(resource())
    running(cluster, namespace, "Waiting")

    kubectl.apply(resource(database=PARTS))

    assert kubectl.json("get", "mdb", "shop")["spec"]["database"] == PARTS


def test_every_field_of_the_spec_explains_itself(kubectl):
    text = kubectl("explain", "mdb.spec.upgrade.approval")

    assert "OnBreaking before a version whose notes" in " ".join(text.split())


@pytest.mark.parametrize(
    "seed",
    [
        {"script": "./src/scripts/seed.js", "args": ["demo", "--all"], "policy": "OnChange"},
        {"npmScript": "seed"},
        {"policy": "Never", "from": SEED},
    ],
    ids=["script", "npm", "never"],
)
def test_a_shop_of_v2_is_seeded_by_a_script_of_its_own(kubectl, seed):
    kubectl.apply(resource(**served(seed=seed)))


@pytest.mark.parametrize(
    "sample", sorted((DEPLOY / "samples").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_samples_are_accepted(kubectl, sample):
    said = kubectl("apply", "--dry-run=server", "-f", str(sample))

    assert "medusadatabase.medusadb.dev" in said


def test_the_example_for_artifact_hub_is_accepted(kubectl):
    chart = DEPLOY.parent / "helm" / "medusa-db-operator" / "Chart.yaml"
    about = yaml.safe_load(chart.read_text())["annotations"]
    [example] = yaml.safe_load(about["artifacthub.io/crdsExamples"])

    said = kubectl("apply", "--dry-run=server", "-f", "-", stdin=example)

    assert "medusadatabase.medusadb.dev" in said


def test_spec_and_status_are_written_apart(cluster, kubectl, namespace):
    kubectl.apply(resource())

    kubectl("patch", "mdb", "shop", "--type=merge", "-p", '{"status":{"appliedVersion":"1.1.0"}}')
    spec = {"spec": {"suspend": True}, "status": {"observedGeneration": 1}}
    cluster.api.patch(RESOURCE, "shop", spec, namespace, part="status")

    found = kubectl.json("get", "mdb", "shop")
    assert (found["spec"]["suspend"], found["status"]) == (False, {"observedGeneration": 1})


def test_the_columns_tell_where_the_database_is_and_why(cluster, kubectl, namespace):
    kubectl.apply(resource())
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "Migrating",
        "message": "it goes on",
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
    steps = [
        {"name": f"migrate-{version}", "type": "Migrate", "state": state}
        for version, state in (("1.13.0", "Done"), ("1.19.0", "Running"), ("1.20.11", "Pending"))
    ]
    told = {
        "observedGeneration": 1,
        "appliedVersion": "1.13.0",
        "conditions": [ready],
        "steps": steps,
        "job": "shop-migrate-1",
    }
    cluster.api.patch(RESOURCE, "shop", {"status": told}, namespace, part="status")

    usual = kubectl("get", "mdb").splitlines()
    wide = kubectl("get", "medusa", "-o", "wide").splitlines()

    assert usual[0].split() == ["NAME", "TARGET", "APPLIED", "READY", "REASON", "AGE"]
    assert usual[1].split()[:5] == ["shop", "1.20.11", "1.13.0", "False", "Migrating"]
    assert wide[0].split()[6:] == ["STEP", "JOB", "VERIFIED", "MESSAGE"]
    assert wide[1].split()[6:] == ["migrate-1.19.0", "shop-migrate-1", "it", "goes", "on"]
