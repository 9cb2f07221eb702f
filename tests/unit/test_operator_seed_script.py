"""A shop is seeded by a script of its own image: the Job that runs it, and what its report proves."""

from __future__ import annotations

import pytest

from medusa_operator.resource.parse import InvalidError
from operator_bodies import (
    SEED,
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
from served_bodies import container, report

SHOP = {"image": "registry.example.com/shop:42", "workingDir": "/server"}
SCRIPT = {"script": "./src/scripts/seed.js"}
V2 = {"version": "2.21.2", "server": SHOP, "seed": SCRIPT}
DONE = {"document": "src/scripts/seed.js", "checksum": "sha256:1", "loaded": True, "recorded": True}


def at_rest(body):
    """Return the resource between two runs."""
    made = resource(**body)
    return made | {"metadata": made["metadata"] | {"finalizers": []}}


def migrated(body):
    """Return the Job that has migrated a shop which is to be seeded, and its pod."""
    job = started(database(**body))
    return ended(job), pod_ended(job, 0, report(job))


def seeding(body):
    """Return the Job that seeds it."""
    return started(database(**body), seen(migrated(body)), at(60))


def seeded(body, code=0, **changes):
    """Return the status after the seed has ended."""
    job = seeding(body)
    status = reported(database(**body), seen(migrated(body)), at(60))
    over = ended(job, "Complete" if code == 0 else "Failed", now=at(120))
    pod = pod_ended(job, code, report(job, exitCode=code, **changes), now=at(120))
    return reported(after(at_rest(body), status), seen((over, pod)), at(120))


def test_the_shops_image_runs_its_script_once_it_is_migrated():
    job = seeding(
        V2 | {"seed": SCRIPT | {"args": ["demo", "$(HOME)"]}, "timeouts": {"stall": "5m"}}
    )

    found = container(job)
    run = job["metadata"]["annotations"]["medusadb.dev/run-id"]
    assert found["image"] == SHOP["image"]
    assert found["workingDir"] == "/server"
    assert " ".join(found["args"]) == (
        "seed --project . --script ./src/scripts/seed.js --stall 5m --once --to 2.21.2 --connect-wait 30s --lock-wait 10m "
        "--lock-timeout 5s --statement-timeout 0s --run-timeout 1h --report-file /dev/termination-log --output json "
        f"--run-id {run} -- demo $$(HOME)"
    )
    assert job["metadata"]["annotations"]["medusadb.dev/engine"] == "project"
    assert [one["name"] for one in job["spec"]["template"]["spec"]["initContainers"]] == ["install"]
    assert "seed" not in [volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]]


def test_a_script_of_package_json_and_a_shop_whose_migration_scripts_do_not_run():
    body = V2 | {
        "server": SHOP | {"scripts": False, "node": "/nodejs/bin/node"},
        "seed": {"npmScript": "seed", "policy": "OnChange"},
    }

    words = " ".join(container(seeding(body))["args"])

    assert words.startswith(
        "seed --project . --node /nodejs/bin/node --npm-script seed --stall 2m --no-scripts --on-change --to 2.21.2"
    )


def test_a_script_that_has_ended_with_0_is_the_shops_seed():
    status = seeded(V2, seed=DONE)

    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Seeded") == ("True", "Seeded")
    assert status.condition("Seeded").message == "seeded by ./src/scripts/seed.js"
    written = status.to_dict()
    assert written["seed"]["checksum"] == "sha256:1"
    assert written["appliedVersion"] == "2.21.2"
    assert written["migrations"] == {"mikro_orm_migrations": 200}
    assert written["image"] == SHOP["image"]
    again = after(at_rest(V2), status)
    assert decided(again, now=at(150)).act is None


def test_a_shop_that_has_products_already_is_said_to_be_left_alone():
    skipped = {"document": "s", "checksum": "sha256:1", "loaded": False, "recorded": False,
               "skipped": "the shop has products"}  # fmt: skip

    status = seeded(V2, state="nothing", seed=skipped)

    assert told(status, "Ready") == ("True", "UpToDate")
    assert told(status, "Seeded") == ("False", "SeedSkipped")
    assert status.condition("Seeded").message == (
        "./src/scripts/seed.js was not run: the shop has products"
    )


@pytest.mark.parametrize(
    ("reason", "code", "wanted", "stalled"),
    [
        ("CommandFailed", 7, "SeedFailed", True),
        ("NotRecorded", 8, "SeedFailed", True),
        ("Stalled", 7, "Stalled", True),
        ("TimedOut", 7, "TimedOut", True),
        ("NoScript", 2, "NoScript", True),
        ("MigrationsPending", 9, "Pending", True),
        ("NotRecordable", 9, "Refused", True),
        ("LockLost", 4, "LockLost", False),
        ("Interrupted", 143, "Interrupted", False),
    ],
)
def test_what_a_seed_failed_for_reaches_the_owner(reason, code, wanted, stalled):
    status = seeded(V2, code, state="failed", reason=reason, message="in a sentence", seed=DONE)

    condition = status.condition("Ready")
    assert (condition.status, condition.reason) == ("False", wanted)
    assert condition.message.startswith("in a sentence")
    assert told(status, "Stalled")[0] == str(stalled)
    assert told(status, "Seeded")[0] == "False"
    assert told(status, "Migrated") == ("True", "UpToDate")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"medusa": "2.20.0"}, "its report is of Medusa 2.20.0, and not of 2.21.2"),
        ({"engine": ""}, "its report is that of another engine"),
        ({"command": "migrate"}, "its report is that of another command"),
    ],
)
def test_a_report_of_something_else_seeds_nothing(change, why):
    status = seeded(V2, **change)

    assert told(status, "Ready") == ("False", "ResultInvalid")
    assert why in status.condition("Ready").message


@pytest.mark.parametrize(
    ("policy", "change", "due"),
    [
        ("Once", {"server": SHOP | {"image": "shop:43"}}, False),
        ("OnChange", {}, False),
        ("OnChange", {"server": SHOP | {"image": "shop:43"}}, True),
        ("OnChange", {"seed": SCRIPT | {"policy": "OnChange", "args": ["more"]}}, True),
    ],
)
def test_another_image_may_have_another_script_which_the_runner_finds_out(policy, change, due):
    body = V2 | {"seed": SCRIPT | {"policy": policy}}
    shop = after(at_rest(body), seeded(body, seed=DONE), **(body | change))

    steps = [step.name for step in decided(shop, now=at(150)).path.steps]

    assert ("seed" in steps) is due


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"seed": {}}, "spec.seed needs one of from.configMapKeyRef"),
        ({"seed": SCRIPT | {"npmScript": "seed"}}, "spec.seed needs one of from.configMapKeyRef"),
        ({"seed": SCRIPT | SEED}, "spec.seed needs one of from.configMapKeyRef"),
        ({"seed": SEED}, "spec.seed.from is for Medusa v1"),
        ({"version": "1.20.11", "seed": SEED | {"args": ["a"]}}, "spec.seed.args are for a script"),
        ({"version": "1.20.11"}, "spec.seed.script is for Medusa v2, which has `medusa exec`"),
        ({"version": "1.20.11", "server": None}, "spec.seed: script and npmScript are of the shop's own image"),
    ],
)  # fmt: skip
def test_what_an_older_definition_lets_pass_is_refused_all_the_same(change, why):
    found = database(**(V2 | change)).spec

    assert isinstance(found, InvalidError)
    assert str(found).startswith(why)


def test_a_seed_that_never_runs_needs_nothing():
    assert database(**(V2 | {"seed": {"policy": "Never"}})).spec.seed is None
