"""The hook's chart with a shop's own image: its Medusa migrates, in its image, by the runner that is carried into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import charts
from charts import HOOK, container, environment

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "registry.example.com/shop:42"
SHOP: dict[str, Any] = {
    "server": {"image": IMAGE},
    "database": {"urlSecret": {"name": "shop-db"}},
    "hook": {"startWithin": 0},
}
CARRIED = {"name": "medusa-db", "mountPath": "/medusa-db", "readOnly": True}


def server(**values: Any) -> dict[str, Any]:
    """Return the values of a shop with *values* of its image."""
    return SHOP | {"server": {"image": IMAGE} | values}


def pod(objects: list[charts.Object], name: str = "") -> dict[str, Any]:
    """Return the pod of the one Job, or of the one whose name has *name* in it."""
    [job] = [each for each in objects if each["kind"] == "Job" and name in each["metadata"]["name"]]
    found: dict[str, Any] = job["spec"]["template"]["spec"]
    return found


def test_the_image_is_enough_and_its_own_program_is_not_started() -> None:
    made = charts.render(HOOK, SHOP)

    migrate = container(made, "migrate")
    assert (migrate["image"], migrate["command"]) == (IMAGE, ["/medusa-db/bin/medusa-db"])
    assert migrate["args"] == [
        "migrate", "--project=.", "--links=safe", "--stall=2m", "--approval=on-breaking", "--lock-wait=10m",
        "--lock-timeout=5s", "--statement-timeout=0s", "--run-timeout=1h",
        "--report-file=/dev/termination-log", "--connect-wait=2m",
    ]  # fmt: skip
    assert "workingDir" not in migrate
    assert migrate["resources"]["limits"] == {"memory": "2Gi"}
    assert migrate["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}, CARRIED]


def test_an_init_container_of_the_runners_image_carries_it() -> None:
    made = pod(charts.render(HOOK, SHOP))

    [install] = made["initContainers"]
    assert install["image"] == "medusa-database-operator:0.1.0"
    assert install["args"] == ["install", "/medusa-db"]
    assert install["volumeMounts"] == [{"name": "medusa-db", "mountPath": "/medusa-db"}]
    assert install["securityContext"] == made["containers"][0]["securityContext"]
    assert {"name": "medusa-db", "emptyDir": {"sizeLimit": "200Mi"}} in made["volumes"]


def test_an_image_that_has_the_runner_gets_none() -> None:
    made = pod(charts.render(HOOK, server(runner="Image")))

    assert "initContainers" not in made
    assert made["volumes"] == [{"name": "tmp", "emptyDir": {}}]
    assert made["containers"][0]["command"] == ["/medusa-db/bin/medusa-db"]


def test_a_carrier_that_only_a_person_can_help_fails_the_job_at_once() -> None:
    [job] = [each for each in charts.render(HOOK, SHOP) if each["kind"] == "Job"]

    rules = job["spec"]["podFailurePolicy"]["rules"][1:]

    assert [rule["onExitCodes"]["containerName"] for rule in rules] == [
        "migrate", "install-medusa-db",
    ]  # fmt: skip
    assert rules[0]["onExitCodes"]["values"] == rules[1]["onExitCodes"]["values"]


def test_every_option_reaches_the_runner_in_the_shops_image() -> None:
    values = SHOP | {
        "version": "2.21.2",
        "server": {
            "image": IMAGE, "imagePullPolicy": "Always", "imagePullSecrets": [{"name": "shops"}],
            "workingDir": "/server", "links": "All", "scripts": False, "node": "/opt/node",
            "env": [{"name": "REDIS_URL", "value": "redis://redis"}],
            "envFrom": [{"configMapRef": {"name": "shop"}}],
            "resources": {"limits": {"memory": "3Gi"}},
        },
        "imagePullSecrets": [{"name": "registry"}],
        "upgrade": {"approval": "Automatic", "acknowledged": ["2.21.2", "links"]},
        "timeouts": {"stall": "5m", "run": "2h"},
        "database": {"urlSecret": {"name": "shop-db"}, "schema": "shop"},
    }  # fmt: skip

    made = charts.render(HOOK, values)

    migrate = container(made, "migrate")
    assert migrate["args"] == [
        "migrate", "--to=2.21.2", "--project=.", "--links=all", "--no-scripts", "--node=/opt/node", "--stall=5m",
        "--approval=automatic", "--acknowledge=2.21.2", "--acknowledge=links", "--lock-wait=10m",
        "--lock-timeout=5s", "--statement-timeout=0s", "--run-timeout=2h",
        "--report-file=/dev/termination-log", "--connect-wait=2m", "--schema=shop",
    ]  # fmt: skip
    assert (migrate["workingDir"], migrate["imagePullPolicy"]) == ("/server", "Always")
    assert migrate["envFrom"] == [{"configMapRef": {"name": "shop"}}]
    assert environment(migrate)["REDIS_URL"] == "redis://redis"
    assert migrate["resources"] == {
        "requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"memory": "3Gi"},
    }  # fmt: skip
    assert pod(made)["imagePullSecrets"] == [{"name": "registry"}, {"name": "shops"}]


def test_what_comes_from_secrets_is_known_to_the_runner() -> None:
    key = {"secretKeyRef": {"name": "keys", "key": "jwt"}}
    env = [{"name": "JWT_SECRET", "valueFrom": key}, {"name": "REDIS_URL", "value": "redis://r"}]
    whole = [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "shop-env"}}]

    some, everything = (
        environment(container(charts.render(HOOK, values), "migrate"))["MEDUSA_DB_FROM_SECRETS"]
        for values in (server(env=env), server(env=env, envFrom=whole))
    )

    assert some == "DATABASE_URL=shop-db/DATABASE_URL,JWT_SECRET=keys/jwt"
    assert everything == (
        "*=shop-env,MEDUSA_DB_CALLER=,DATABASE_URL=shop-db/DATABASE_URL,POD_NAME=,POD_NAMESPACE=,"
        "JWT_SECRET=keys/jwt,REDIS_URL="
    )


def test_node_trusts_the_certificate_authority_of_the_database() -> None:
    database = {"urlSecret": {"name": "shop-db"}, "caConfigMap": {"name": "ca"}}

    made = charts.render(HOOK, SHOP | {"database": database})

    found = environment(container(made, "migrate"))
    assert found["NODE_EXTRA_CA_CERTS"] == found["PGSSLROOTCERT"] == "/etc/medusa/ca/ca.crt"


def test_whether_a_pod_can_start_is_tried_with_the_shops_image_and_the_carried_runner() -> None:
    made = charts.render(HOOK, SHOP | {"hook": {}})

    first, later = pod(made, "can-start"), pod(made, "-migrate-")
    assert first["initContainers"] == later["initContainers"]
    assert first["volumes"] == later["volumes"]
    [runner], [migrate] = first["containers"], later["containers"]
    assert runner["args"] == ["--version"]
    same = ("image", "command", "resources", "volumeMounts", "securityContext")
    assert [runner[key] for key in same] == [migrate[key] for key in same]


def test_another_image_is_another_job() -> None:
    def name(image: str) -> str:
        [job] = [
            each
            for each in charts.render(HOOK, server() | {"server": {"image": image}})
            if each["kind"] == "Job"
        ]
        return str(job["metadata"]["name"])

    assert name(IMAGE).startswith("shop-medusa-db-hook-migrate-")
    assert name(IMAGE) == name(IMAGE) != name("registry.example.com/shop:43")


def test_a_script_of_the_shops_image_seeds_it_in_that_image() -> None:
    values = server(workingDir="/server", scripts=False) | {
        "version": "2.21.2",
        "seed": {
            "enabled": True, "policy": "OnChange", "script": "./src/scripts/seed.js", "args": ["demo", "$(HOME)"],
        },
    }  # fmt: skip

    made = charts.render(HOOK, values)

    seed = container(made, "seed")
    assert (seed["image"], seed["command"]) == (IMAGE, ["/medusa-db/bin/medusa-db"])
    assert seed["workingDir"] == "/server"
    assert seed["args"] == [
        "seed", "--project=.", "--script=./src/scripts/seed.js", "--on-change", "--no-scripts", "--stall=2m",
        "--to=2.21.2", "--lock-timeout=5s", "--statement-timeout=0s", "--run-timeout=1h", "--lock-wait=10m",
        "--report-file=/dev/termination-log", "--connect-wait=2m", "--", "demo", "$$(HOME)",
    ]  # fmt: skip
    found = pod(made, "-seed-")
    assert [each["name"] for each in found["initContainers"]] == ["install-medusa-db"]
    assert "seed" not in [each["name"] for each in found["volumes"]]


def test_a_script_of_package_json_waits_for_the_version_where_nothing_else_orders_the_jobs() -> (
    None
):
    values = SHOP | {
        "version": "2.21.2", "hook": {"enabled": False}, "seed": {"enabled": True, "npmScript": "seed"},
    }  # fmt: skip

    made = charts.render(HOOK, values)

    assert container(made, "seed")["args"][:4] == [
        "seed",
        "--project=.",
        "--npm-script=seed",
        "--once",
    ]
    found = pod(made, "-seed-")
    assert [each["name"] for each in found["initContainers"]] == [
        "wait-for-database", "install-medusa-db",
    ]  # fmt: skip


def test_a_seed_document_of_v1_is_seeded_by_the_runners_own_image() -> None:
    seed = {"enabled": True, "configMap": {"name": "shop-seed"}}

    made = charts.render(HOOK, SHOP | {"version": "1.20.11", "seed": seed})

    found = container(made, "seed")
    assert found["image"] == "medusa-database-operator:0.1.0"
    assert "command" not in found
    assert "initContainers" not in pod(made, "-seed-")


SERVER = """
apiVersion: v1
kind: Pod
metadata: {name: server}
spec:
  initContainers:
    {{- include "medusa-db-hook.USES" . | nindent 4 }}
  containers: [{name: server, image: registry.example.com/shop:42}]
  volumes:
    {{- include "medusa-db-hook.volumes" . | nindent 4 }}
"""


def test_without_a_job_the_pods_of_the_shop_migrate_in_their_own_image(tmp_path: Path) -> None:
    charts.umbrella(tmp_path, SERVER.replace("USES", "migrate"))
    values = SHOP | {"job": {"enabled": False}}

    [made] = charts.render(tmp_path, {"medusa-db-hook": values})

    install, migrate = made["spec"]["initContainers"]
    assert (install["image"], install["args"]) == (
        "medusa-database-operator:0.1.0", ["install", "/medusa-db"],
    )  # fmt: skip
    assert (migrate["image"], migrate["args"][:2]) == (IMAGE, ["migrate", "--project=."])
    tmp = {"name": "medusa-db-tmp", "mountPath": "/tmp"}
    assert migrate["volumeMounts"] == [CARRIED, tmp]
    assert made["spec"]["volumes"] == [
        {"name": "medusa-db", "emptyDir": {"sizeLimit": "200Mi"}},
        {"name": "medusa-db-tmp", "emptyDir": {}},
    ]


def test_the_pods_of_a_shop_of_v2_wait_for_the_run_that_is_recorded(tmp_path: Path) -> None:
    charts.umbrella(tmp_path, SERVER.replace("USES", "wait"))
    values = SHOP | {"version": "2.21.2"}

    made = charts.render(tmp_path, {"medusa-db-hook": values})

    spec = charts.only(made, "Pod")["spec"]
    [wait] = spec["initContainers"]
    assert wait["image"] == "medusa-database-operator:0.1.0"
    assert wait["args"] == ["wait", "--for=2.21.2", "--timeout=5m", "--connect-wait=2m"]
    assert spec["volumes"] is None


def test_pods_that_wait_need_a_version(tmp_path: Path) -> None:
    charts.umbrella(tmp_path, SERVER.replace("USES", "wait"))

    with pytest.raises(charts.RefusedError) as refused:
        charts.render(tmp_path, {"medusa-db-hook": SHOP})

    assert "version: set it to the shop's Medusa version where its pods wait" in str(refused.value)


V1 = {"version": "1.20.11"}
NO_MEANING = (
    "it has no meaning with server.image, where the shop's own Medusa migrates; leave it out"
)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        pytest.param(
            {"version": "2.21.2", "server": {}},
            "version: 2.21.2 is no Medusa v1, whose migrations the runner has; set server.image to the shop's own "
            "image, whose Medusa migrates",
            id="v2-without-an-image",
        ),
        *(
            pytest.param(
                V1 | {"server": {key: value}},
                f"server.{key}: it belongs to the shop's own image; set server.image",
                id=f"{key}-without-an-image",
            )
            for key, value in {
                "workingDir": "/server", "runner": "Image", "imagePullSecrets": [{"name": "a"}],
                "env": [{"name": "A", "value": "b"}], "envFrom": [{"secretRef": {"name": "a"}}],
                "links": "All", "scripts": False, "node": "/node",
            }.items()
        ),
        pytest.param(
            V1 | {"server": {}, "upgrade": {"acknowledged": ["links"]}},
            "upgrade.acknowledged: `links` is for the shop's own Medusa; set server.image, or leave it out",
            id="links-without-an-image",
        ),
        pytest.param({"baseline": "1.12.3"}, f"baseline: {NO_MEANING}", id="baseline"),
        pytest.param({"upgrade": {"stops": ["1.13.0"]}}, f"upgrade.stops: {NO_MEANING}", id="stops"),
        pytest.param({"upgrade": {"transaction": "Each"}}, f"upgrade.transaction: {NO_MEANING}", id="each"),
        pytest.param({"dataSteps": {"skip": True}}, f"dataSteps.skip: {NO_MEANING}", id="skip"),
        pytest.param({"dataSteps": {"extra": ["1.3.0/a"]}}, f"dataSteps.extra: {NO_MEANING}", id="extra"),
        pytest.param(
            {"version": "2.21.2", "featureFlags": {"a": True}},
            "featureFlags: Medusa v2 has none here",
            id="flags-of-v2",
        ),
        pytest.param(
            {"seed": {"enabled": True, "script": "seed.js", "npmScript": "seed"}},
            "seed: set configMap.name, secret.name, document, script or npmScript, and only one of them",
            id="two-scripts",
        ),
        pytest.param(
            {"version": "1.20.11", "seed": {"enabled": True, "script": "seed.js"}},
            "seed.script: Medusa v1 has no medusa exec",
            id="script-of-v1",
        ),
        pytest.param(
            {"server": {"image": ""}, "version": "1.20.11", "seed": {"enabled": True, "script": "seed.js"}},
            "seed: script and npmScript are of the shop's own image; set server.image",
            id="script-without-image",
        ),
        pytest.param(
            {"version": "1.20.11", "seed": {"enabled": True, "document": "{}", "args": ["a"]}},
            "seed.args: they are what a script is given",
            id="arguments-of-a-document",
        ),
        pytest.param(
            {"seed": {"enabled": True, "document": "{}"}},
            "seed: a seed document is for Medusa v1 (set version, where it is one)",
            id="seed-of-v2",
        ),
        pytest.param(
            V1 | server(links="All"),
            "server.links: Medusa v1 has no tables of links; leave it out",
            id="links-of-v1",
        ),
        pytest.param(
            V1 | server(scripts=False),
            "server.scripts: Medusa v1 has no migration scripts; leave it out",
            id="scripts-of-v1",
        ),
        pytest.param(
            server(env=[{"name": "DATABASE_URL", "value": "postgres://a"}]),
            "server.env: DATABASE_URL is set by this chart, of database and job.extraEnv; leave it out",
            id="two-databases",
        ),
        pytest.param(
            {"server": {"image": "a b"}}, "/server/image", id="no-image",
        ),
        pytest.param(
            server(workingDir="server"), "/server/workingDir", id="relative-folder",
        ),
    ],
)  # fmt: skip
def test_values_without_a_meaning_are_refused_in_a_sentence(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(charts.RefusedError) as refused:
        charts.render(HOOK, SHOP | values)

    assert sentence in " ".join(str(refused.value).split())


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(SHOP, id="image-alone"),
        pytest.param(
            server(
                workingDir="/server", links="All", node="/nodejs/bin/node",
                env=[{"name": "JWT_SECRET", "value": "one"}],
                envFrom=[{"secretRef": {"name": "shop-env"}}], scripts=False,
            ),
            id="all-of-the-server",
        ),
        pytest.param(SHOP | {"hook": {"enabled": False}}, id="an-ordinary-job"),
        pytest.param(SHOP | {"hook": {"startWithin": 60, "waitForSecret": True}}, id="a-start-that-is-waited-for"),
    ],
)  # fmt: skip
def test_helm_3_renders_the_same(values: dict[str, Any]) -> None:
    assert charts.render(HOOK, values, helm="helm3") == charts.render(HOOK, values)
