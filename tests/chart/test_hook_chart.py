"""The chart that migrates by a Helm hook: what it makes of its values."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import charts
from charts import HOOK, container, environment
from medusa_testbed import tools

if TYPE_CHECKING:
    from pathlib import Path

SHOP: dict[str, Any] = {"version": "1.20.11", "database": {"urlSecret": {"name": "shop-db"}}}
PARTS = {"host": "db", "name": "shop", "user": "medusa", "passwordSecret": {"name": "shop-db"}}


def render(chart: Path, values: dict[str, Any], *words: str) -> list[charts.Object]:
    """Return what helm makes, but for the Job that only tries whether a pod can start."""
    made = charts.render(chart, values, *words)
    return [each for each in made if "can-start" not in each["metadata"]["name"]]


def only(objects: list[charts.Object], kind: str) -> charts.Object:
    """Return the one object of *kind*."""
    return charts.only(objects, kind)


def test_version_and_secret_are_enough() -> None:
    made = render(HOOK, SHOP)

    assert [each["kind"] for each in made] == ["ServiceAccount", "Job"]
    assert container(made, "migrate")["args"] == [
        "migrate", "--to=1.20.11", "--approval=on-breaking", "--allow-newer", "--lock-wait=10m", "--lock-timeout=5s",
        "--statement-timeout=0s", "--run-timeout=1h", "--report-file=/dev/termination-log",
        "--connect-wait=2m",
    ]  # fmt: skip
    assert environment(container(made, "migrate")) == {
        "MEDUSA_DB_FROM_SECRETS": "DATABASE_URL=shop-db/DATABASE_URL",
        "MEDUSA_DB_CALLER": "helm",
        "DATABASE_URL": {
            "secretKeyRef": {"name": "shop-db", "key": "DATABASE_URL", "optional": True}
        },
        "POD_NAME": {"fieldRef": {"fieldPath": "metadata.name"}},
        "POD_NAMESPACE": {"fieldRef": {"fieldPath": "metadata.namespace"}},
    }


def test_the_service_account_comes_before_the_job_and_the_job_before_the_seed() -> None:
    made = render(HOOK, SHOP | {"seed": {"enabled": True, "configMap": {"name": "shop-seed"}}})

    hooks = [
        (each["kind"], each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in made
    ]

    assert hooks == [("ServiceAccount", "-5"), ("Job", "0"), ("Job", "5")]
    assert {each["metadata"]["annotations"]["helm.sh/hook"] for each in made} == {
        "pre-install,pre-upgrade"
    }


def test_a_finished_job_is_replaced_and_never_removed_with_its_evidence() -> None:
    [account, job] = render(HOOK, SHOP)

    policies = {
        each["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for each in (account, job)
    }

    assert policies == {"before-hook-creation"}
    assert job["metadata"]["annotations"]["helm.sh/hook-output-log-policy"] == "hook-failed"


def test_the_same_values_make_the_same_name() -> None:
    first = only(render(HOOK, SHOP), "Job")

    again = only(render(HOOK, SHOP), "Job")

    assert again == first


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.20.10"},
        {"image": {"tag": "2"}},
        {"featureFlags": {"sales_channels": True}},
        {"upgrade": {"acknowledged": ["1.13.0"]}},
        {"timeouts": {"lock": "1m"}},
        {"job": {"backoffLimit": 0}},
    ],
    ids=json.dumps,
)
def test_whatever_changes_is_another_job(change: dict[str, Any]) -> None:
    before = only(render(HOOK, SHOP), "Job")["metadata"]["name"]

    after = only(render(HOOK, SHOP | change), "Job")["metadata"]["name"]

    assert after != before


def test_a_long_release_name_leaves_room_for_version_and_hash() -> None:
    made = render(HOOK, SHOP | {"fullnameOverride": "s" * 63})

    name = only(made, "Job")["metadata"]["name"]

    assert len(name) <= 63
    assert re.fullmatch("s{25}-[0-9a-f]{6}-migrate-1-20-11-[0-9a-f]{8}", name)


def test_the_jobs_failure_policy_is_the_exit_codes_contract() -> None:
    spec = only(render(HOOK, SHOP), "Job")["spec"]

    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {
            "action": "FailJob",
            "onExitCodes": {
                "containerName": "migrate",
                "operator": "In",
                "values": [1, 2, 3, 5, 7, 8, 9],
            },
        },
    ]
    assert spec["podReplacementPolicy"] == "Failed"


def test_every_option_reaches_the_runner() -> None:
    values = SHOP | {
        "database": {"urlSecret": {"name": "db", "key": "uri"}, "schema": "shop"},
        "featureFlags": {"sales_channels": True, "tax_inclusive_pricing": False},
        "baseline": "1.12.3",
        "upgrade": {
            "stops": ["1.13.0", "1.14.0"],
            "approval": "Automatic",
            "acknowledged": ["1.15.0"],
            "transaction": "Each",
        },
        "dataSteps": {"skip": True, "extra": ["1.3.0/discount_rules"]},
        "timeouts": {"connect": "1s", "lock": "2s", "lockTimeout": "3s", "statement": "4s", "run": "5s"},
    }  # fmt: skip

    arguments = container(render(HOOK, values), "migrate")["args"]

    assert arguments == [
        "migrate", "--to=1.20.11", "--approval=automatic", "--acknowledge=1.15.0", "--allow-newer", "--stop=1.13.0",
        "--stop=1.14.0", "--transaction=each", "--baseline=1.12.3", "--no-data-steps",
        "--data-step=1.3.0/discount_rules", "--lock-wait=2s", "--lock-timeout=3s",
        "--statement-timeout=4s", "--run-timeout=5s", "--report-file=/dev/termination-log",
        "--connect-wait=1s", "--schema=shop", "--flag=sales_channels=true",
        "--flag=tax_inclusive_pricing=false",
    ]  # fmt: skip


def test_the_database_may_be_given_in_parts() -> None:
    database = PARTS | {"port": 6432, "sslMode": "verify-full", "caConfigMap": {"name": "ca"}}

    made = render(HOOK, SHOP | {"database": database})

    found = environment(container(made, "migrate"))
    assert found | {"POD_NAME": 0, "POD_NAMESPACE": 0} == {
        "MEDUSA_DB_FROM_SECRETS": "PGPASSWORD=shop-db/password",
        "DATABASE_URL": "postgresql://",
        "PGHOST": "db",
        "PGPORT": "6432",
        "PGDATABASE": "shop",
        "PGUSER": "medusa",
        "MEDUSA_DB_CALLER": "helm",
        "PGPASSWORD": {"secretKeyRef": {"name": "shop-db", "key": "password", "optional": True}},
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/medusa/ca/ca.crt",
        "POD_NAME": 0,
        "POD_NAMESPACE": 0,
    }
    assert only(made, "Job")["spec"]["template"]["spec"]["volumes"] == [
        {"name": "tmp", "emptyDir": {}},
        {
            "name": "medusa-db-ca",
            "configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]},
        },
    ]


def test_a_seed_is_a_job_of_its_own_that_does_not_migrate() -> None:
    seed = {"enabled": True, "policy": "OnChange", "secret": {"name": "s", "key": "shop.yaml"}}

    made = render(HOOK, SHOP | {"seed": seed})

    assert container(made, "seed")["args"] == [
        "seed", "--seed-file=/etc/medusa/seed/shop.yaml", "--on-change", "--no-migrate",
        "--lock-wait=10m", "--report-file=/dev/termination-log", "--connect-wait=2m",
    ]  # fmt: skip
    assert [each["kind"] for each in made] == ["ServiceAccount", "Job", "Job"]


def test_without_the_hook_the_jobs_belong_to_the_release() -> None:
    seed = {"enabled": True, "configMap": {"name": "shop-seed"}}

    made = render(HOOK, SHOP | {"hook": {"enabled": False}, "seed": seed})

    jobs = [each for each in made if each["kind"] == "Job"]
    waits = [
        [each["args"][:2] for each in job["spec"]["template"]["spec"].get("initContainers", [])]
        for job in jobs
    ]
    assert [each["metadata"].get("annotations") for each in made] == [None, None, None]
    assert waits == [[], [["wait", "--for=1.20.11"]]]
    assert not any("ttlSecondsAfterFinished" in job["spec"] for job in jobs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            {"version": ""},
            'version: set the Medusa server version that the database is to be at, such as "1.20.11"; or set '
            "server.image to the shop's own image, whose Medusa migrates",
            id="no-version",
        ),
        pytest.param(
            {"database": {}},
            "database: set urlSecret.name to the Secret that holds the database's URL, or host, "
            "name, user and passwordSecret",
            id="no-database",
        ),
        pytest.param(
            {"database": PARTS | {"urlSecret": {"name": "x"}}},
            "database: set urlSecret.name or host, not both",
            id="two-databases",
        ),
        pytest.param(
            {"database": {"host": "db"}},
            "database: host needs name and user beside it",
            id="half-a-database",
        ),
        pytest.param(
            {"database": {"urlSecret": {"name": "x"}, "user": "medusa"}},
            "database: name, user and passwordSecret belong to host; the URL in urlSecret has its own",
            id="url-and-a-part",
        ),
        pytest.param(
            {"database": PARTS | {"caSecret": {"name": "a"}, "caConfigMap": {"name": "b"}}},
            "database: set caSecret.name or caConfigMap.name, not both",
            id="two-authorities",
        ),
        pytest.param(
            {"seed": {"enabled": True}},
            "seed: set configMap.name or secret.name to what holds the seed document",
            id="no-seed-document",
        ),
        pytest.param(
            {"seed": {"enabled": True, "configMap": {"name": "a"}, "secret": {"name": "b"}}},
            "seed: set configMap.name, secret.name, document, script or npmScript, and only one of them",
            id="two-seed-documents",
        ),
    ],
)
def test_values_that_contradict_each_other_are_refused_in_a_sentence(
    change: dict[str, Any], said: str
) -> None:
    with pytest.raises(charts.RefusedError) as refused:
        render(HOOK, SHOP | change)

    assert said in " ".join(str(refused.value).split())


def test_a_server_waits_with_the_init_container_of_the_chart_it_depends_on(tmp_path: Path) -> None:
    _umbrella(tmp_path, 'include "medusa-db-hook.wait" .', 'include "medusa-db-hook.volumes" .')
    values = SHOP | {"database": PARTS | {"caSecret": {"name": "ca"}}}

    made = render(tmp_path, {"medusa-db-hook": values})

    pod = only(made, "Deployment")["spec"]["template"]["spec"]
    [wait] = pod["initContainers"]
    assert wait["args"] == [
        "wait", "--for=1.20.11", "--timeout=5m", "--allow-newer", "--connect-wait=2m"
    ]  # fmt: skip
    assert wait["volumeMounts"] == [
        {"name": "medusa-db-ca", "mountPath": "/etc/medusa/ca", "readOnly": True}
    ]
    assert [each["name"] for each in pod["volumes"]] == ["medusa-db-ca"]
    assert wait["image"] == container(made, "migrate")["image"]


def test_an_alias_waits_by_its_own_scope(tmp_path: Path) -> None:
    scope = '(index .Subcharts "db")'
    _umbrella(tmp_path, f'include "medusa-db-hook.wait" {scope}', '""', alias="db")

    made = render(tmp_path, {"db": SHOP})

    [wait] = only(made, "Deployment")["spec"]["template"]["spec"]["initContainers"]
    assert wait["args"][:2] == ["wait", "--for=1.20.11"]


def test_an_alias_without_its_scope_is_refused_with_how_to_wait(tmp_path: Path) -> None:
    _umbrella(tmp_path, 'include "medusa-db-hook.wait" .', '""', alias="db")

    with pytest.raises(charts.RefusedError) as refused:
        render(tmp_path, {"db": SHOP})

    assert 'include "medusa-db-hook.wait" (index .Subcharts "ALIAS")' in str(refused.value)


def test_an_umbrella_chart_leaves_it_out_by_its_condition(tmp_path: Path) -> None:
    _umbrella(tmp_path, '""', '""')

    made = render(tmp_path, {"medusa-db-hook": {"enabled": False}})

    assert [each["kind"] for each in made] == ["Deployment"]


def test_helm_finds_nothing_to_complain_of() -> None:
    done = subprocess.run(
        [tools.program("helm"), "lint", "--strict", *charts.ALL],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert "2 chart(s) linted, 0 chart(s) failed" in done.stdout + done.stderr


def _umbrella(folder: Path, waits: str, volumes: str, alias: str = "") -> None:
    """Write the chart of a shop whose server has an init container of the hook chart."""
    charts.umbrella(
        folder,
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: server}\nspec:\n  template:\n"
        f"    spec:\n      initContainers:\n        {{{{- {waits} | nindent 8 }}}}\n"
        f"      volumes:\n        {{{{- {volumes} | nindent 8 }}}}\n",
        alias,
    )


def pod(job: charts.Object) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]
    return found


def test_whether_a_pod_can_start_is_tried_first_and_soon_over() -> None:
    seed = {"enabled": True, "configMap": {"name": "shop-seed"}}

    made = charts.render(HOOK, SHOP | {"seed": seed})

    first = next(each for each in made if "can-start" in each["metadata"]["name"])
    migrate = next(each for each in made if "-migrate-" in each["metadata"]["name"])
    assert int(first["metadata"]["annotations"]["helm.sh/hook-weight"]) == -2
    assert first["spec"]["activeDeadlineSeconds"] == 120
    [runner], [later] = (pod(each)["spec"]["containers"] for each in (first, migrate))
    assert (runner["args"], runner["image"]) == (["--version"], later["image"])
    assert runner["resources"] == later["resources"]
    assert {"tmp", "seed"} <= {each["name"] for each in pod(first)["spec"]["volumes"]}


@pytest.mark.parametrize("hook", [{"startWithin": 0}, {"enabled": False}], ids=["off", "no-hook"])
def test_it_is_not_tried_where_that_is_switched_off(hook: dict[str, Any]) -> None:
    made = charts.render(HOOK, SHOP | {"hook": hook})

    assert [each["metadata"]["name"] for each in made if "can-start" in str(each)] == []


def test_a_secret_that_is_missing_keeps_no_hook_from_saying_so() -> None:
    def optional(**hook: Any) -> bool:
        found = container(render(HOOK, SHOP | {"hook": hook}), "migrate")
        return environment(found)["DATABASE_URL"]["secretKeyRef"].get("optional", False)

    assert [optional(), optional(waitForSecret=True), optional(enabled=False)] == [
        True,
        False,
        False,
    ]


def test_secret_and_config_map_are_made_of_values_before_the_jobs() -> None:
    values = {
        "version": "1.20.11",
        "database": {"url": "postgres://shop:secret@db/shop", "ca": "PEM"},
        "seed": {"enabled": True, "document": '{"regions": []}'},
    }

    made = render(HOOK, values)

    secret, seed = only(made, "Secret"), only(made, "ConfigMap")
    weights = {each["metadata"]["annotations"]["helm.sh/hook-weight"] for each in (secret, seed)}
    assert weights == {"-10"}
    assert {key: base64.b64decode(value).decode() for key, value in secret["data"].items()} == {
        "DATABASE_URL": "postgres://shop:secret@db/shop", "ca.crt": "PEM",
    }  # fmt: skip
    assert seed["data"] == {"seed.json": '{"regions": []}'}
    url = environment(container(made, "migrate"))["DATABASE_URL"]["secretKeyRef"]
    assert (url["name"], url["key"]) == (secret["metadata"]["name"], "DATABASE_URL")
    assert "secret@db" not in json.dumps([each for each in made if each["kind"] == "Job"])


def test_a_password_of_values_goes_with_the_host() -> None:
    database = {"host": "db", "name": "shop", "user": "medusa", "password": "secret"}

    made = render(HOOK, {"version": "1.20.11", "database": database})

    named = environment(container(made, "migrate"))["PGPASSWORD"]["secretKeyRef"]
    assert (named["name"], named["key"]) == (only(made, "Secret")["metadata"]["name"], "password")


MESHES = {
    "sidecar.istio.io/inject": "false",
    "linkerd.io/inject": "disabled",
    "consul.hashicorp.com/connect-inject": "false",
    "kuma.io/sidecar-injection": "disabled",
}


def test_no_mesh_injects_into_the_jobs_unless_it_is_let() -> None:
    values = SHOP | {
        "job": {"podAnnotations": {"sidecar.istio.io/inject": "maybe", "team": "shop"}}
    }

    usual, own, injected = (
        pod(only(render(HOOK, each), "Job"))["metadata"]
        for each in (SHOP, values, SHOP | {"job": {"injectSidecars": True}})
    )

    assert usual["annotations"] == MESHES
    assert {key: usual["labels"][key] for key in ("sidecar.istio.io/inject", "kuma.io/sidecar-injection")} == {
        "sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled",
    }  # fmt: skip
    assert own["annotations"] == MESHES | {"sidecar.istio.io/inject": "maybe", "team": "shop"}
    assert "annotations" not in injected
    assert not [key for key in injected["labels"] if "inject" in key]


def test_without_a_job_the_pods_of_the_shop_migrate(tmp_path: Path) -> None:
    values = SHOP | {"job": {"enabled": False}}
    template = """
apiVersion: v1
kind: Pod
metadata:
  name: server
  annotations:
    {{- include "medusa-db-hook.podAnnotations" . | nindent 4 }}
spec:
  initContainers:
    {{- include "medusa-db-hook.migrate" . | nindent 4 }}
"""
    charts.umbrella(tmp_path, template)

    [server] = render(tmp_path, {"medusa-db-hook": values})

    [migrates] = server["spec"]["initContainers"]
    assert migrates["args"][:3] == ["migrate", "--to=1.20.11", "--approval=on-breaking"]
    assert environment(migrates)["DATABASE_URL"]["secretKeyRef"] == {
        "name": "shop-db", "key": "DATABASE_URL",
    }  # fmt: skip
    assert set(server["metadata"]["annotations"].values()) == {"5432"}


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ({"url": "x", "urlSecret": {"name": "y"}}, "database: set url or urlSecret.name, not both"),
        ({"url": "x", "host": "db"}, "database: set urlSecret.name or host, not both"),
        (PARTS | {"password": "x"}, "database: set password or passwordSecret.name, not both"),
        (
            PARTS | {"ca": "x", "caConfigMap": {"name": "y"}},
            "database: set ca, caSecret.name or caConfigMap.name, and only one of them",
        ),
    ],
)
def test_a_value_and_a_secret_for_one_thing_are_refused(
    database: dict[str, Any], said: str
) -> None:
    with pytest.raises(charts.RefusedError) as refused:
        render(HOOK, {"version": "1.20.11", "database": database})

    assert said in " ".join(str(refused.value).split())
