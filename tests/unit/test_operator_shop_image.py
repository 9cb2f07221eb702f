"""A shop's own image: the Job that runs it, what its reports prove, and how the owner hears of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medusa_operator.jobs import references
from medusa_operator.judgement import conditions
from medusa_operator.judgement.decide import decide
from medusa_operator.judgement.decision import Stalled, Start, Verify, Waiting
from medusa_operator.resource.model import TemplatePolicy
from medusa_operator.resource.parse import InvalidError
from operator_bodies import (
    CATALOG,
    SEED,
    SETTINGS,
    after,
    at,
    database,
    decided,
    ended,
    pod_ended,
    reported,
    resource,
    seen,
    started,
    told,
)
from served_bodies import LEDGERS, NOTHING, container, pod_of, report

SHOP = {"image": "registry.example.com/shop:42", "workingDir": "/server"}
V2 = {"version": "2.21.2", "server": SHOP}


def variables(job):
    return {one["name"]: one.get("value") for one in container(job)["env"]}


def failed(reason, code, message="it did not work", **changes):
    return {
        "state": "failed", "exitCode": code, "reason": reason, "message": message, "ledgers": None,
        "pending": None, "migrationCount": None, "linkCount": None, "scriptCount": None,
    } | changes  # fmt: skip


def status_after(body, job, code=0, now=None, **changes):
    """Return the status once the run of *job* has ended with that code and report."""
    pod = pod_ended(job, code, report(job, **changes))
    over = ended(
        job, "Complete" if code == 0 else "Failed", "" if code == 0 else "PodFailurePolicy"
    )
    return reported(database(**body), seen((over, pod)), now or at(60))


def ready(status):
    return told(status, "Ready")


def test_the_shops_own_image_runs_what_an_init_container_brings():
    job = started(database(**V2))

    pod, ours = pod_of(job), container(job)
    assert (ours["name"], ours["image"], ours["workingDir"]) == (
        "medusa-db",
        SHOP["image"],
        "/server",
    )
    assert ours["command"] == ["/medusa-db/bin/medusa-db"]
    assert {"name": "medusa-db", "mountPath": "/medusa-db", "readOnly": True} in ours[
        "volumeMounts"
    ]
    assert {"name": "tmp", "mountPath": "/tmp"} in ours["volumeMounts"]
    (install,) = pod["initContainers"]
    assert (install["name"], install["image"]) == ("install", "runner:1")
    assert ("command" in install, install["args"]) == (False, ["install", "/medusa-db"])
    assert install["securityContext"] == ours["securityContext"]
    assert {"name": "medusa-db", "emptyDir": {"sizeLimit": "200Mi"}} in pod["volumes"]
    assert ours["terminationMessagePath"] == "/dev/termination-log"


def test_the_command_is_the_projects_with_every_limit():
    job = started(
        database(
            version="2.21.2",
            server=SHOP | {"links": "All", "scripts": False, "node": "/n/node"},
            timeouts={"stall": "5m"},
            upgrade={"acknowledged": ["2.21.2", "links"]},
            database={"urlSecretRef": {"name": "a", "key": "b"}, "schema": "shop"},
        )
    )

    words = " ".join(container(job)["args"])
    assert words.partition(" --run-id")[0] == (
        "migrate --to 2.21.2 --approval on-breaking --acknowledge 2.21.2 --acknowledge links "
        "--project . --node /n/node --stall 5m --links all --no-scripts --schema shop --connect-wait 30s "
        "--lock-wait 10m --lock-timeout 5s --statement-timeout 0s --run-timeout 1h "
        "--report-file /dev/termination-log --output json"
    )


def test_an_image_that_has_the_runner_needs_no_init_container_and_no_volume():
    job = started(database(version="2.21.2", server=SHOP | {"runner": "Image"}))

    assert "initContainers" not in pod_of(job)
    assert [volume["name"] for volume in pod_of(job)["volumes"]] == ["tmp"]
    assert container(job)["command"] == ["/medusa-db/bin/medusa-db"]


def test_the_shop_gets_its_variables_and_the_database_of_the_spec():
    job = started(
        database(
            version="2.21.2",
            server=SHOP
            | {
                "env": [
                    {"name": "REDIS_URL", "value": "redis://redis"},
                    {"name": "POD_NAME", "value": "mine"},
                    {"name": "JWT", "valueFrom": {"secretKeyRef": {"name": "jwt", "key": "k"}}},
                ],
                "envFrom": [
                    {"configMapRef": {"name": "shop"}},
                    {"secretRef": {"name": "shop-env"}},
                ],
                "imagePullSecrets": [{"name": "registry"}],
                "imagePullPolicy": "Always",
                "resources": {"limits": {"memory": "3Gi"}},
            },
            job={"resources": {"limits": {"memory": "64Mi"}}, "imagePullPolicy": "Never"},
        )
    )

    ours, (install,) = container(job), pod_of(job)["initContainers"]
    assert variables(job)["REDIS_URL"] == "redis://redis"
    assert [one for one in ours["env"] if one["name"] == "POD_NAME"] == [
        {"name": "POD_NAME", "value": "mine"}
    ]
    assert {"DATABASE_URL", "JWT"} <= variables(job).keys()
    assert variables(job)["MEDUSA_DB_FROM_SECRETS"].startswith("*=shop-env,DATABASE_URL=shop-db/")
    assert ours["envFrom"] == [
        {"configMapRef": {"name": "shop"}},
        {"secretRef": {"name": "shop-env"}},
    ]
    assert pod_of(job)["imagePullSecrets"] == [{"name": "registry"}]
    assert (ours["imagePullPolicy"], install["imagePullPolicy"]) == ("Always", "Never")
    assert ours["resources"] == {"limits": {"memory": "3Gi"}}
    assert install["resources"] == {"limits": {"memory": "64Mi"}}


def test_the_secrets_of_a_shop_are_asked_for_their_annotation():
    server = SHOP | {
        "env": [{"name": "JWT", "valueFrom": {"secretKeyRef": {"name": "jwt", "key": "k"}}}],
        "envFrom": [{"secretRef": {"name": "shop-env"}}],
        "imagePullSecrets": [{"name": "registry"}],
    }

    job = started(database(version="2.21.2", server=server))

    strict = replace(SETTINGS, require_secret_annotation=True)
    asked = {reference.name for reference in references.asked_for(job, strict)}
    assert asked == {"jwt", "shop-env", "registry", "shop-db"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "DATABASE_URL",
            "spec.server.env[0]: DATABASE_URL is set from spec.database; leave it out",
        ),
        (
            "MEDUSA_DB_YES",
            "spec.server.env[0]: MEDUSA_DB_YES is an option of the runner, for which the spec has a field; leave it out",
        ),
    ],
)
def test_a_variable_that_is_not_the_shops_to_set_is_refused(name, why):
    found = decided(
        database(version="2.21.2", server=SHOP | {"env": [{"name": name, "value": "x"}]})
    )

    assert found.outlook == Stalled("InvalidSpec", why)


def test_a_certificate_authority_reaches_node_as_well():
    ca = {"urlSecretRef": {"name": "a", "key": "b"}, "caSecretRef": {"name": "ca", "key": "ca.crt"}}

    job = started(database(version="2.21.2", server=SHOP, database=ca))

    assert variables(job)["NODE_EXTRA_CA_CERTS"] == "/etc/medusa/ca/ca.crt"
    assert variables(job)["PGSSLROOTCERT"] == "/etc/medusa/ca/ca.crt"


def test_the_pod_is_as_restricted_as_any_other():
    shop = database(version="2.21.2", server=SHOP)

    strict = decide(
        CATALOG, shop, seen(), replace(SETTINGS, template_policy=TemplatePolicy.RESTRICTED), at(0)
    )

    assert isinstance(strict.act, Start)
    pod = strict.act.manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    for one in (*pod["containers"], *pod["initContainers"]):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


def test_a_user_of_the_image_can_be_named_and_a_volume_added():
    template = {
        "spec": {
            "securityContext": {"runAsUser": 1000},
            "volumes": [{"name": "uploads", "emptyDir": {}}],
            "containers": [
                {"name": "medusa-db", "volumeMounts": [{"name": "uploads", "mountPath": "/up"}]}
            ],
        }
    }

    job = started(database(version="2.21.2", server=SHOP, job={"template": template}))

    assert pod_of(job)["securityContext"]["runAsUser"] == 1000
    assert {"name": "uploads", "mountPath": "/up"} in container(job)["volumeMounts"]


def test_a_seed_of_a_v1_shop_runs_in_the_runners_own_image():
    body = {"version": "1.20.11", "server": SHOP, "seed": SEED}
    first = started(database(**body))
    migrated = (ended(first), pod_ended(first, 0, report(first, ledgers={"migrations": 84})))

    job = started(database(**body), seen(migrated), at(60))

    assert job["metadata"]["annotations"]["medusadb.dev/step"] == "seed"
    assert container(job)["image"] == "runner:1"
    assert "initContainers" not in pod_of(job)
    assert "medusadb.dev/engine" not in job["metadata"]["annotations"]


def test_a_run_that_leaves_nothing_pending_is_the_version_of_the_image():
    status = status_after(V2, started(database(**V2)), medusa="2.21.2")

    assert ready(status) == ("True", "UpToDate")
    assert told(status, "Migrated") == ("True", "UpToDate")
    assert told(status, "Verified") == ("True", "Verified")
    written = status.to_dict()
    assert (written["appliedVersion"], written["previousVersion"]) == ("2.21.2", "empty")
    assert written["engine"] == "project"
    assert written["medusaVersion"] == "2.21.2"
    assert written["migrations"] == {"mikro_orm_migrations": 200}
    assert written["links"] == {"applied": 25}
    assert written["scripts"] == {"applied": 7}
    assert written["image"] == SHOP["image"]
    assert written["imageID"] == "runner@sha256:aaa"
    assert "availableVersions" not in written


def test_a_status_of_a_shops_image_is_kept_by_the_next_pass():
    status = status_after(V2, started(database(**V2)))

    again = reported(after(resource(**V2), status), now=at(90))

    assert again == status


def test_links_that_stay_scripts_that_wait_and_those_that_were_begun_are_reported():
    status = status_after(
        V2,
        started(database(**V2)),
        links={"skipped": [{"action": "notify", "table": "product_variant_inventory_item"}]},
        pending=NOTHING | {"scripts": ["welcome.js"]},
        unfinished=["slow.js"],
    )

    written = status.to_dict()
    assert written["links"]["skipped"] == [
        {"action": "notify", "table": "product_variant_inventory_item"}
    ]
    assert written["scripts"]["pending"] == ["welcome.js"]
    assert written["unfinished"] == ["slow.js"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"engine": None}, "its report is that of another engine"),
        ({"engine": "core"}, "its report is that of another engine"),
        ({"medusa": "2.20.0"}, "its report is of Medusa 2.20.0, and not of 2.21.2"),
        ({"medusa": ""}, "its report is of Medusa of no version, and not of 2.21.2"),
        ({"pending": None}, "its report does not say what is pending"),
        (
            {"pending": NOTHING | {"migrations": ["Migration1"]}},
            "its report says that Migration1 is pending",
        ),
        (
            {"pending": NOTHING | {"links": [{"action": "create", "table": "a_b"}]}},
            "its report says that a_b is pending",
        ),
        ({"state": "planned"}, "its report is that of a failure"),
    ],
)
def test_a_good_end_that_a_report_does_not_prove_is_none(change, why):
    status = status_after(V2, started(database(**V2)), **change)

    condition = status.condition("Ready")
    assert (condition.status, condition.reason) == ("False", "ResultInvalid")
    assert why in condition.message


def test_a_report_of_the_shops_medusa_is_none_of_the_operators_own_migrations():
    job = started(database())

    status = reported(database(), seen((ended(job), pod_ended(job, 0, report(job)))), at(60))

    assert ready(status) == ("False", "ResultInvalid")
    assert "engine" not in status.to_dict()


@pytest.mark.parametrize(
    ("reason", "code", "wanted", "stalled"),
    [
        ("MedusaV1Database", 9, "MedusaV1Database", True),
        ("MedusaV2Database", 9, "MedusaV2Database", True),
        ("OtherVersion", 9, "OtherVersion", True),
        ("Pending", 8, "Pending", True),
        ("Unfinished", 8, "Unfinished", True),
        ("NotVerified", 8, "NotVerified", True),
        ("VerificationFailed", 8, "VerificationFailed", True),
        ("CommandFailed", 7, "CommandFailed", True),
        ("Stalled", 7, "Stalled", True),
        ("TimedOut", 7, "TimedOut", True),
        ("LockLost", 4, "LockLost", False),
        ("Unreachable", 4, "Unreachable", False),
        ("NoProject", 2, "NoProject", True),
        ("NoCommand", 2, "NoProject", True),
        ("NoNode", 2, "NoNode", True),
        ("UnknownMedusa", 3, "UnknownMedusa", True),
        ("Interrupted", 143, "Interrupted", False),
    ],
)
def test_what_a_run_failed_for_reaches_the_owner(reason, code, wanted, stalled):
    status = status_after(
        V2, started(database(**V2)), code, **failed(reason, code, "in a sentence")
    )

    condition = status.condition("Ready")
    assert (condition.status, condition.reason) == ("False", wanted)
    assert condition.message.startswith("in a sentence")
    assert told(status, "Stalled")[0] == str(stalled)
    assert told(status, "Reconciling")[0] == str(not stalled)


def refusal(reason, message, **changes):
    return failed(reason, 0, message, state="refused", **changes)


def test_what_drops_rows_waits_for_a_person_and_goes_on_once_it_is_acknowledged():
    status = status_after(
        V2, started(database(**V2)),
        **refusal("NotAcknowledged", "drops rows; add 2.21.2 to spec.upgrade.acknowledged",
                  acknowledge=["2.21.2"], ledgers=LEDGERS, pending=NOTHING),
    )  # fmt: skip

    assert ready(status) == ("False", "AwaitingAcknowledgement")
    assert status.to_dict()["acknowledge"] == ["2.21.2"]
    assert (told(status, "Stalled")[0], told(status, "Reconciling")[0]) == ("False", "True")
    assert status.history[0].outcome == "Learned"
    waiting = decided(after(resource(**V2), status), now=at(90))
    assert isinstance(waiting.outlook, Waiting)
    agreed = after(resource(**V2), status, upgrade={"acknowledged": ["2.21.2", "links"]})
    assert "--acknowledge links" in " ".join(container(started(agreed, now=at(90)))["args"])


def test_an_image_older_than_the_database_needs_a_person_or_is_accepted():
    first = status_after(V2, started(database(**V2)))
    older = V2 | {"version": "2.20.0", "server": SHOP | {"image": "shop:41"}}
    shop = after(resource(**V2), first, **older)
    job = started(shop, now=at(90))
    pod = pod_ended(job, 0, report(job, **refusal("Downgrade", "go back with db:rollback")))

    status = reported(shop, seen((ended(job), pod)), at(120))

    condition = status.condition("Ready")
    assert (condition.status, condition.reason) == ("False", "Downgrade")
    assert condition.message.startswith("go back with db:rollback")
    assert told(status, "Stalled")[0] == "True"
    accepting = after(resource(**V2), first, **older, upgrade={"allowOlder": True})
    second = started(accepting, now=at(90))
    pod = pod_ended(second, 0, report(second, **refusal("Downgrade", "go back with db:rollback")))
    accepted = reported(accepting, seen((ended(second), pod)), at(120))
    assert ready(accepted) == ("True", "NewerAccepted")


@pytest.mark.parametrize(
    "change",
    [
        {"server": SHOP | {"image": "registry.example.com/shop:43"}},
        {"server": SHOP | {"workingDir": "/app"}},
        {"server": SHOP | {"env": [{"name": "A", "value": "b"}]}},
        {"server": SHOP | {"links": "All"}},
        {"version": "2.21.3"},
    ],
)
def test_another_image_or_other_variables_are_another_run(change):
    status = status_after(V2, started(database(**V2)))

    found = decided(after(resource(**V2), status, **change), now=at(90))

    assert isinstance(found.act, Start)


@pytest.mark.parametrize(
    "change",
    [
        {"server": SHOP | {"resources": {"limits": {"memory": "4Gi"}}}},
        {"timeouts": {"stall": "9m"}},
        {"server": SHOP | {"runner": "Image"}},
        {"timeouts": {"run": "2h"}},
    ],
)
def test_how_it_runs_is_no_reason_for_another_run(change):
    status = status_after(V2, started(database(**V2)))

    found = decided(after(resource(**V2), status, **change), now=at(90))

    assert not isinstance(found.act, Start)


def test_the_identity_without_an_image_is_what_it_was_before_there_was_one():
    assert database().spec.identity == "e9737d090a067efe"


def test_approval_by_hand_asks_for_the_version():
    manual = V2 | {"upgrade": {"approval": "Manual"}}

    waiting = decided(database(**manual))
    agreed = decided(database(**V2, upgrade={"approval": "Manual", "acknowledged": ["2.21.2"]}))

    assert waiting.outlook.reason == "AwaitingApproval"
    assert isinstance(agreed.act, Start)


def test_breaking_notes_of_v1_are_asked_for_before_the_image_runs():
    body = {"version": "1.12.3", "server": SHOP}
    status = status_after(body, started(database(**body)), ledgers={"migrations": 84}, major=1)

    found = decided(after(resource(**body), status, version="1.20.11"), now=at(90))

    assert found.outlook.reason == "AwaitingAcknowledgement"
    assert [str(step.version) for step in found.path.steps] == ["1.20.11"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"server": None}, "spec.version 2.21.2 needs spec.server"),
        ({"featureFlags": {"a": True}}, "spec.featureFlags has no meaning with spec.server"),
        ({"baseline": "1.12.3"}, "spec.baseline has no meaning with spec.server"),
        ({"dataSteps": {"skip": True}}, "spec.dataSteps has no meaning with spec.server"),
        ({"upgrade": {"stops": ["1.12.3"]}}, "spec.upgrade.stops has no meaning with spec.server"),
        ({"upgrade": {"transaction": "Each"}}, "spec.upgrade.transaction has no meaning"),
        ({"version": "1.20.11", "server": None, "upgrade": {"acknowledged": ["links"]}},
         "spec.upgrade.acknowledged: links has a meaning with spec.server only"),
        ({"version": "1.20.11", "server": None, "timeouts": {"stall": "5m"}},
         "spec.timeouts.stall has a meaning with spec.server only"),
    ],
)  # fmt: skip
def test_what_an_older_definition_lets_pass_is_refused_all_the_same(change, why):
    found = database(**(V2 | change)).spec

    assert isinstance(found, InvalidError)
    assert str(found).startswith(why)


def verified(shop_body, status, code=0, **changes):
    """Return the status after a verification at rest has ended."""
    shop = after(shop_body | {"metadata": shop_body["metadata"] | {"finalizers": []}}, status)
    due = at(100_000)
    act = decided(shop, now=due).act
    assert isinstance(act, Verify)
    job = act.manifest
    job["metadata"] |= {"uid": "verify-1", "creationTimestamp": "2026-03-02T15:46:40Z"}
    job["status"] = {"active": 1}
    over = ended(job, "Complete" if code == 0 else "Failed", now=due)
    observed = seen((over, pod_ended(job, code, report(job, **changes), now=due)))
    found = decided(shop, observed, due)
    return conditions.status(CATALOG, shop, observed, found, due), job


def test_at_rest_the_shops_image_verifies_itself():
    status = status_after(V2, started(database(**V2)))

    after_it, job = verified(
        resource(**V2), status, migrationCount=None, linkCount=None, scriptCount=None
    )

    words = " ".join(container(job)["args"])
    assert words.startswith("verify --to 2.21.2 --project . --connect-wait 30s --report-file")
    assert job["spec"]["activeDeadlineSeconds"] == 930
    assert told(after_it, "Verified") == ("True", "Verified")
    assert ready(after_it) == ("True", "UpToDate")
    assert "2.21.2 of the shop's image" in after_it.condition("Verified").message


def links_differ(**changes):
    return failed(
        "VerificationFailed", 8, "tables of links are not as the project has them", ledgers=LEDGERS,
        pending=NOTHING, links={"skipped": [{"action": "notify", "table": "a_b"}]},
    ) | changes  # fmt: skip


def test_links_that_differ_are_drift_unless_that_was_acknowledged():
    agreed = V2 | {"upgrade": {"acknowledged": ["links"]}}

    drifted, _ = verified(
        resource(**V2), status_after(V2, started(database(**V2))), 8, **links_differ()
    )
    accepted, _ = verified(
        resource(**agreed), status_after(agreed, started(database(**agreed))), 8, **links_differ()
    )

    assert ready(drifted) == ("False", "Drifted")
    assert ready(accepted) == ("True", "UpToDate")
    assert accepted.to_dict()["links"]["skipped"] == [{"action": "notify", "table": "a_b"}]


def test_a_database_that_lacks_migrations_at_rest_is_another_one_and_is_migrated():
    status = status_after(V2, started(database(**V2)))

    found, _ = verified(
        resource(**V2), status, 8,
        **failed("Pending", 8, "200 are pending", ledgers={}, pending=NOTHING | {"migrations": ["M1"]}),
    )  # fmt: skip

    assert told(found, "Verified") == ("False", "DatabaseMoved")
    assert ready(found)[0] == "False"
    assert found.configuration == ""


def test_a_project_that_cannot_be_asked_at_rest_leaves_it_ready():
    status = status_after(V2, started(database(**V2)))

    found, _ = verified(resource(**V2), status, 8, **failed("NotVerified", 8, "no answer"))

    assert ready(found) == ("True", "UpToDate")
    assert told(found, "Verified") == ("Unknown", "NotVerified")
