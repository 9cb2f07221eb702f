"""The Job of an attempt: its name, its command, its pod, and what an owner may change of it."""

from __future__ import annotations

import pytest

from ledgers import v
from medusa_operator.jobs import manifests
from medusa_operator.jobs.path import MIGRATE, PathStep
from medusa_operator.jobs.template import TemplateError
from medusa_operator.resource.model import SeedSource
from medusa_operator.resource.parse import InvalidError
from operator_bodies import SEED, SETTINGS, database, seen, started

STEP = PathStep(MIGRATE, v("1.20.11"), v("1.20.11"))
PARTS = {
    "host": "postgres",
    "name": "shop",
    "userSecretRef": {"name": "role", "key": "username"},
    "passwordSecretRef": {"name": "role", "key": "password"},
}


def container(body):
    (found,) = body["spec"]["template"]["spec"]["containers"]
    return found


def arguments(body):
    return " ".join(container(body)["args"])


def environment(body):
    return {
        env["name"]: env.get("value") or next(iter(env["valueFrom"].values()))
        for env in container(body)["env"]
    }


def patched(**template):
    return started(database(job={"template": template}))["spec"]["template"]


def test_a_job_runs_once_and_is_ended_by_kubernetes_only_where_a_retry_cannot_help():
    body = started(database())

    spec = {key: value for key, value in body["spec"].items() if key != "template"}
    assert spec == {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                },
                {
                    "action": "FailJob",
                    "onExitCodes": {
                        "containerName": "medusa-db",
                        "operator": "In",
                        "values": [1, 2, 3, 5, 7, 8, 9],
                    },
                },
            ]
        },
        "activeDeadlineSeconds": 3600 + 600 + 30 + 600,
    }


def test_a_pod_is_restricted_and_has_no_token():
    pod = started(database())["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_a_job_belongs_to_its_resource():
    body = started(database())

    assert body["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "medusadb.dev/v1alpha1",
            "kind": "MedusaDatabase",
            "name": "shop",
            "uid": "uid-1",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert body["metadata"]["labels"] == {
        "app.kubernetes.io/name": "medusa-db",
        "app.kubernetes.io/component": "migrate",
        "app.kubernetes.io/instance": "shop",
        "app.kubernetes.io/managed-by": "medusa-database-operator",
        "medusadb.dev/database-uid": "uid-1",
    }


def test_a_run_id_names_resource_step_and_job_and_is_no_longer_than_the_runner_takes():
    body = started(database(meta={"name": "n" * 253, "uid": "u" * 36}))

    name = body["metadata"]["name"]
    run_id = container(body)["args"][-1]
    assert run_id == f"{'u' * 36}/migrate-1.20.11/{name}"
    assert (len(name) <= 63, len(run_id) <= 128) == (True, True)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        pytest.param({}, "migrate --to 1.20.11 --approval on-breaking --connect-wait", id="usual"),
        pytest.param(
            {"upgrade": {"approval": "Automatic"}}, "--approval automatic --connect", id="automatic"
        ),
        pytest.param(
            {"upgrade": {"acknowledged": ["1.13.0", "1.17.0"]}},
            "on-breaking --acknowledge 1.13.0 --acknowledge 1.17.0",
            id="acknowledged",
        ),
        pytest.param(
            {"featureFlags": {"sales_channels": True, "analytics": False}},
            "--flag analytics=false --flag sales_channels=true",
            id="flags",
        ),
        pytest.param({"baseline": "1.12.3"}, "--baseline 1.12.3", id="baseline"),
        pytest.param({"upgrade": {"transaction": "Each"}}, "--transaction each", id="transaction"),
        pytest.param({"dataSteps": {"skip": True}}, "--no-data-steps", id="no-data-steps"),
        pytest.param(
            {"dataSteps": {"extra": ["1.3.0/discount_rules"]}},
            "--data-step 1.3.0/discount_rules",
            id="data-step",
        ),
        pytest.param(
            {
                "timeouts": {
                    "connect": "1m",
                    "lock": "2m",
                    "lockTimeout": "3s",
                    "statement": "4m",
                    "run": "5m",
                }
            },
            "--connect-wait 1m --lock-wait 2m --lock-timeout 3s --statement-timeout 4m --run-timeout 5m",
            id="timeouts",
        ),
        pytest.param(
            {"database": {"urlSecretRef": {"name": "a", "key": "b"}, "schema": "shop"}},
            "--schema shop",
            id="schema",
        ),
        pytest.param({}, "--report-file /dev/termination-log --output json --run-id", id="report"),
    ],
)
def test_what_is_declared_reaches_the_runner(spec, wanted):
    assert wanted in arguments(started(database(**spec)))


def test_a_baseline_is_not_given_again_once_the_database_was_seen():
    reference = database().spec.database.reference
    seen_empty = {"observedGeneration": 1, "proven": {"state": "partial", "reference": reference}}
    shop = database(seen_empty, baseline="1.12.3", upgrade={"approval": "Automatic"})

    assert "--baseline" not in arguments(started(shop))


def test_data_steps_named_by_hand_run_with_the_last_step():
    shop = database(upgrade={"stops": ["1.13.0"]}, dataSteps={"extra": ["1.3.0/discount_rules"]})

    assert "--data-step" not in arguments(started(shop))


def test_a_seed_reads_its_document_from_a_mounted_key():
    identity = database().spec.identity
    done = {"observedGeneration": 1, "configuration": identity}

    body = started(database(done, seed=SEED | {"policy": "OnChange"}), seen(seed=SeedSource("abc")))

    assert arguments(body).startswith("seed -f /etc/medusa/seed/seed.json --on-change --no-migrate")
    assert body["spec"]["template"]["spec"]["volumes"][-1] == {
        "name": "seed",
        "configMap": {"name": "shop-seed", "items": [{"key": "seed.json", "path": "seed.json"}]},
    }
    assert body["metadata"]["name"].startswith("shop-seed-")


def test_a_url_stays_in_its_secret():
    assert environment(started(database())) == {
        "MEDUSA_DB_FROM_SECRETS": "DATABASE_URL=shop-db/DATABASE_URL",
        "DATABASE_URL": {"name": "shop-db", "key": "DATABASE_URL"},
        "MEDUSA_DB_CALLER": "resource",
        "MEDUSA_DB_REPORT_LIMIT": "1024",
        "MEDUSA_DB_EXIT_ZERO_FOR": "Downgrade,LedgerExists,NotAcknowledged",
        "POD_NAME": {"fieldPath": "metadata.name"},
        "POD_NAMESPACE": {"fieldPath": "metadata.namespace"},
    }


def test_the_parts_of_an_address_reach_libpq():
    parts = PARTS | {"port": 6432, "sslMode": "verify-full"}
    ca = {"caConfigMapRef": {"name": "ca", "key": "ca.pem"}}

    body = started(database(database=parts | ca))

    assert environment(body) == {
        "MEDUSA_DB_FROM_SECRETS": "PGPASSWORD=role/password,PGUSER=role/username",
        "DATABASE_URL": "postgresql://",
        "PGHOST": "postgres",
        "PGPORT": "6432",
        "PGDATABASE": "shop",
        "PGUSER": {"name": "role", "key": "username"},
        "PGPASSWORD": {"name": "role", "key": "password"},
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/medusa/ca/ca.pem",
        "MEDUSA_DB_CALLER": "resource",
        "MEDUSA_DB_REPORT_LIMIT": "1024",
        "MEDUSA_DB_EXIT_ZERO_FOR": "Downgrade,LedgerExists,NotAcknowledged",
        "POD_NAME": {"fieldPath": "metadata.name"},
        "POD_NAMESPACE": {"fieldPath": "metadata.namespace"},
    }
    assert container(body)["volumeMounts"][-1] == {
        "name": "ca",
        "mountPath": "/etc/medusa/ca",
        "readOnly": True,
    }


@pytest.mark.parametrize(
    ("job", "timeouts", "deadline"),
    [
        pytest.param({"activeDeadlineSeconds": 90}, {}, 90, id="given"),
        pytest.param({}, {"run": "2h"}, 7200 + 600 + 30 + 600, id="longer-run"),
        pytest.param({}, {"run": "0s"}, None, id="unlimited-run"),
    ],
)
def test_the_deadline_leaves_time_for_what_the_run_may_take(job, timeouts, deadline):
    body = started(database(job=job, timeouts=timeouts))

    assert body["spec"].get("activeDeadlineSeconds") == deadline


def named(shop, step=STEP, **changes):
    usual = {
        "after": "uid-of-the-run-before",
        "since": "2026-11-26T04:54:16Z",
        "seed_source": "",
        "taken": (),
    }
    return manifests.name(shop, step, SETTINGS, **(usual | changes))


def test_a_name_is_the_same_for_the_same_run_and_another_for_another():
    shop = database()
    others = [
        named(shop, after="uid-of-another-run"),
        named(shop, since="2026-11-26T04:54:55Z"),
        named(shop, seed_source="another-document"),
        named(database(meta={"uid": "uid-2"})),
        named(database(meta={"generation": 2})),
        named(database(job={"image": "runner:2"})),
        named(database(featureFlags={"analytics": True})),
        named(shop, PathStep(MIGRATE, v("1.13.0"), v("1.20.11"))),
        named(database(meta={"annotations": {"medusadb.dev/retry": "x"}})),
        named(shop, taken=[named(shop)]),
    ]

    assert named(shop) == named(shop, taken=others)
    assert len({named(shop), *others}) == 11


@pytest.mark.parametrize("name", ["a.b.c", "9", "shop-" + "x" * 80, "a" * 43 + ".b"])
def test_a_name_is_one_that_a_label_takes(name):
    found = named(database(meta={"name": name}))

    assert len(found) <= 63
    assert found.replace("-", "").isalnum()


def test_a_patch_is_laid_over_the_pod():
    found = patched(
        metadata={"labels": {"team": "shop"}, "annotations": {"sidecar.istio.io/inject": "false"}},
        spec={
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "batch", "operator": "Exists"}],
            "imagePullSecrets": [{"name": "registry"}],
            "securityContext": {"runAsUser": 1001, "supplementalGroups": [7]},
            "volumes": [{"name": "proxy", "emptyDir": {}}],
            "initContainers": [{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}],
            "containers": [
                {
                    "name": "medusa-db",
                    "env": [{"name": "PGAPPNAME", "value": "x"}],
                    "volumeMounts": [{"name": "proxy", "mountPath": "/proxy"}],
                    "resources": {"limits": {"memory": "1Gi"}},
                }
            ],
        },
    )

    pod, ours = found["spec"], found["spec"]["containers"][0]
    assert found["metadata"]["labels"]["team"] == "shop"
    assert found["metadata"]["labels"]["medusadb.dev/database-uid"] == "uid-1"
    assert found["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
    assert pod["nodeSelector"] == {"disk": "fast"}
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1001,
        "seccompProfile": {"type": "RuntimeDefault"},
        "supplementalGroups": [7],
    }
    assert [volume["name"] for volume in pod["volumes"]] == ["tmp", "proxy"]
    assert [mount["mountPath"] for mount in ours["volumeMounts"]] == ["/tmp", "/proxy"]
    assert ours["env"][-1] == {"name": "PGAPPNAME", "value": "x"}
    assert ours["resources"] == {"limits": {"memory": "1Gi"}}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        pytest.param({"kind": "Pod"}, "spec.job.template.kind cannot be set", id="kind"),
        pytest.param(
            {"spec": {"restartPolicy": "Always"}},
            "spec.job.template.spec.restartPolicy cannot be set",
            id="restart",
        ),
        pytest.param(
            {"spec": {"serviceAccountName": "root"}},
            "spec.job.template.spec.serviceAccountName cannot be set",
            id="service-account",
        ),
        pytest.param(
            {"spec": {"activeDeadlineSeconds": 1}},
            "spec.job.template.spec.activeDeadlineSeconds cannot be set",
            id="deadline",
        ),
        pytest.param(
            {"metadata": {"labels": {"medusadb.dev/database-uid": "x"}}},
            "labels.medusadb.dev/database-uid is the operator's own",
            id="label",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "medusa-db", "command": ["sh"]}]}},
            "spec.job.template.spec.containers[0].command cannot be set",
            id="command",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "medusa-db", "args": ["demo"]}]}},
            "spec.job.template.spec.containers[0].args cannot be set",
            id="args",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "medusa-db", "image": "x"}]}},
            "spec.job.template.spec.containers[0].image cannot be set",
            id="image",
        ),
        pytest.param(
            {
                "spec": {
                    "containers": [
                        {"name": "medusa-db", "env": [{"name": "DATABASE_URL", "value": "x"}]}
                    ]
                }
            },
            "DATABASE_URL is set by the operator from spec.database",
            id="url",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "proxy"}]}},
            "a second container would keep the Job from ending",
            id="second-container",
        ),
        pytest.param(
            {"spec": {"initContainers": [{"name": "medusa-db"}]}},
            "medusa-db is the name of the run's own container",
            id="init-container",
        ),
        pytest.param(
            {"spec": {"volumes": [{"name": "tmp"}]}},
            "name tmp is the operator's own; choose another",
            id="volume",
        ),
        pytest.param(
            {
                "spec": {
                    "containers": [
                        {"name": "medusa-db", "volumeMounts": [{"name": "x", "mountPath": "/tmp"}]}
                    ]
                }
            },
            "mountPath /tmp is the operator's own; choose another",
            id="mount",
        ),
    ],
)
def test_a_patch_that_would_break_a_run_is_refused_by_name(template, said):
    with pytest.raises(TemplateError) as refused:
        manifests.template_hash(database(job={"template": template}), STEP, SETTINGS, known=True)

    assert said in str(refused.value)


def test_a_malformed_patch_says_where():
    with pytest.raises(InvalidError, match=r"spec\.job\.template\.spec: 'x' is not an object"):
        manifests.template_hash(
            database(job={"template": {"spec": "x"}}), STEP, SETTINGS, known=True
        )


def test_the_runner_is_told_what_comes_from_secrets():
    body = started(database(database=PARTS))
    seeded = started(
        database(
            database=PARTS,
            seed={"from": {"secretKeyRef": {"name": "seeds", "key": "seed.json"}}},
            job={"template": {"spec": {"containers": [{"name": "medusa-db", "env": [
                {"name": "PGOPTIONS", "value": "$(PGPASSWORD)"},
                {"name": "PGAPPNAME", "value": "$$(PGPASSWORD)"},
                {"name": "PGSSLKEY", "valueFrom": {"secretKeyRef": {"name": "tls", "key": "key"}}},
            ]}]}}},
        )
    )  # fmt: skip

    assert environment(body)["MEDUSA_DB_FROM_SECRETS"] == (
        "PGPASSWORD=role/password,PGUSER=role/username"
    )
    assert environment(seeded)["MEDUSA_DB_FROM_SECRETS"] == (
        "/etc/medusa/seed/seed.json=seeds/seed.json,PGOPTIONS=another variable,"
        "PGPASSWORD=role/password,PGSSLKEY=tls/key,PGUSER=role/username"
    )


def test_where_a_whole_secret_is_read_only_what_is_set_beside_it_is_known():
    template = {"spec": {"containers": [{"name": "medusa-db", "envFrom": [
        {"configMapRef": {"name": "flags"}}, {"secretRef": {"name": "payment"}}]}]}}  # fmt: skip

    body = started(database(database=PARTS, job={"template": template}))

    assert environment(body)["MEDUSA_DB_FROM_SECRETS"] == (
        "*=payment,DATABASE_URL=,MEDUSA_DB_CALLER=,MEDUSA_DB_EXIT_ZERO_FOR=,MEDUSA_DB_REPORT_LIMIT=,PGDATABASE=,PGHOST=,"
        "PGPASSWORD=role/password,PGUSER=role/username,POD_NAME=,POD_NAMESPACE="
    )


def test_the_runner_is_told_of_folders_that_come_from_secrets():
    volumes = [{"name": "a", "secret": {"secretName": "x"}}, {"name": "b", "configMap": {"name": "x"}},
               {"name": "c", "projected": {"sources": []}}]  # fmt: skip
    mounts = [{"name": "a", "mountPath": "/a, b"}, {"name": "b", "mountPath": "/b"},
              {"name": "c", "mountPath": "/c/"}]  # fmt: skip
    containers = [{"name": "medusa-db", "volumeMounts": mounts}]

    body = started(
        database(job={"template": {"spec": {"volumes": volumes, "containers": containers}}})
    )

    assert environment(body)["MEDUSA_DB_FROM_SECRETS"] == (
        "/a%2C%20b/=volume a,/c/=volume c,DATABASE_URL=shop-db/DATABASE_URL"
    )


def test_no_variable_becomes_a_part_of_a_path():
    mounts = [{"name": "tmp", "mountPath": "/x", "subPathExpr": "$(PGPASSWORD)"}]

    with pytest.raises(TemplateError, match="subPathExpr"):
        manifests.template_hash(
            database(job={"template": {"spec": {"containers": [
                {"name": "medusa-db", "volumeMounts": mounts}]}}}),
            STEP, SETTINGS, known=True,
        )  # fmt: skip


def test_a_dollar_is_a_dollar():
    body = started(
        database(database={**PARTS, "host": "$(PGPASSWORD)", "schema": "$(PGPASSWORD) $x $$y"})
    )

    assert "--schema $$(PGPASSWORD) $$x $$$$y" in arguments(body)
    assert environment(body)["PGHOST"] == "$$(PGPASSWORD)"
