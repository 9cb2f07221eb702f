"""Every exit code of the runner, lying and lost results: what becomes of the resource."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from medusa_testbed import objects
from medusa_testbed.kubectl import kstatus
from medusa_testbed.kubelet.images import RUNNER, Image, Outcome
from medusa_testbed.processes import free_port
from medusa_testbed.shops import fails, looks, report, succeeds

pytestmark = pytest.mark.usefixtures("kubelet")

STALLED, RETRIED = "Failed", "InProgress"
SLOW = {"lock": "1s", "lockTimeout": "200ms", "connect": "1s"}


def told(shop):
    """Return exit code, what kstatus says, and whether another attempt is planned."""
    status = shop.status()
    planned = "nextRetryTime" in status
    return status["failure"]["exitCode"], kstatus([shop.get()])[0].status, planned


def with_netloc(url, netloc):
    return urlunsplit(urlsplit(url)._replace(netloc=netloc))


def unreadable(_url):
    return "postgres://a:b/c@d/e"


def other_database(_url):
    return "sqlite://shop.db"


def nobody_there(url):
    return with_netloc(url, f"shop@127.0.0.1:{free_port()}")


def no_such_database(url):
    return urlunsplit(urlsplit(url)._replace(path="/no_such_shop"))


@pytest.mark.parametrize(
    ("wrong", "reason", "exit_code", "state"),
    [
        pytest.param(unreadable, "RunnerUsage", 2, STALLED, id="2"),
        pytest.param(other_database, "Unsupported", 3, STALLED, id="3"),
        pytest.param(nobody_there, "Unreachable", 4, RETRIED, id="4"),
        pytest.param(no_such_database, "AccessDenied", 5, STALLED, id="5"),
    ],
)
def test_a_url_that_is_wrong_is_told_and_fixed(wrong, reason, exit_code, state, shop, url):
    shop.database(wrong(url))

    shop.declare(timeouts=SLOW)
    shop.wait(reason)
    found = told(shop)
    shop.database(url)
    shop.retry("fixed")
    shop.wait()

    assert found == (exit_code, state, True)
    assert "failure" not in shop.status()


def test_a_database_that_is_no_shop_is_refused(shop, url):
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute('create table "store" (id text)')
    shop.database(url)

    shop.declare()
    shop.wait("Refused")

    assert told(shop) == (9, STALLED, False)


def test_a_migration_that_fails_is_rolled_back_and_tried_again_on_request(shop, postgres):
    with postgres.database(postgres.at("1.12.3")) as name:
        url = postgres.url(name)
        shop.database(url)
        with psycopg.connect(url) as other:
            other.execute("lock table money_amount")
            shop.declare(
                upgrade={"approval": "Automatic"}, timeouts={"run": "2s", "lockTimeout": "200ms"}
            )
            failed = shop.wait("MigrationFailed")
        found = told(shop)
        shop.retry("now")
        shop.wait()

    assert "the run took longer than spec.timeouts.run 2 s and was rolled back" in failed["message"]
    assert found == (7, STALLED, False)


def test_a_schema_that_is_not_the_versions_is_told_by_name(shop, postgres):
    with postgres.database(postgres.at("1.18.1")) as name:
        url = postgres.url(name)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(
                """
                create function loses() returns event_trigger language plpgsql as $$ begin
                  if exists (select from pg_attribute where attrelid = 'public.product'::regclass
                              and attname = 'subtitle' and not attisdropped) then
                    alter table public.product drop column subtitle;
                  end if;
                end $$;
                create event trigger loses on ddl_command_end when tag in ('CREATE TABLE', 'CREATE INDEX')
                  execute function loses()
                """
            )
        shop.database(url)

        shop.declare()
        failed = shop.wait("VerificationFailed")

        assert "product.subtitle" in failed["message"]
        assert told(shop) == (8, STALLED, False)


def test_a_schema_that_differed_before_is_said_and_fails_no_run(shop, postgres):
    with postgres.database(postgres.at("1.18.1")) as name:
        url = postgres.url(name)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("alter table product drop column subtitle")
        shop.database(url)

        shop.declare()
        shop.wait()

        assert any("product.subtitle" in line for line in shop.get()["status"]["warnings"])
        assert shop.condition("Verified")["status"] == "Unknown"


def test_a_run_that_is_told_to_stop_is_tried_again(shop, postgres, kubelet):
    with postgres.database(postgres.at("1.12.3")) as name:
        url = postgres.url(name)
        shop.database(url)
        with psycopg.connect(url) as other:
            other.execute("lock table money_amount")
            shop.declare(upgrade={"approval": "Automatic"})
            pod = shop.running_pod()
            shop.wait("Migrating")
            kubelet.kill(shop.namespace, pod, signal.SIGTERM)
            shop.wait("Interrupted")
            found = told(shop)
        shop.wait()

    assert found == (143, RETRIED, True)
    assert [outcome for _, outcome, _ in shop.history()] == ["Failed", "Succeeded"]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param(lambda kubelet, *pod: kubelet.kill(*pod), "Killed", id="killed"),
        pytest.param(
            lambda kubelet, *pod: kubelet.kill(*pod, reason="OOMKilled"), "OutOfMemory", id="memory"
        ),
        pytest.param(lambda kubelet, *pod: kubelet.evict(*pod), None, id="evicted"),
        pytest.param(lambda kubelet, *pod: kubelet.lose(*pod), None, id="node-lost"),
    ],
)
def test_a_pod_that_dies_is_followed_by_another_run_and_never_by_a_guess(
    trouble, reason, shop, postgres, kubelet
):
    with postgres.database(postgres.at("1.12.3")) as name:
        url = postgres.url(name)
        shop.database(url)
        with psycopg.connect(url) as other:
            other.execute("lock table money_amount")
            shop.declare(upgrade={"approval": "Automatic"})
            pod = shop.running_pod()
            shop.wait("Migrating")
            trouble(kubelet, shop.namespace, pod)
            if reason is not None:
                shop.wait(reason)
        if reason is not None:
            shop.retry("at once")
        shop.wait()

    assert shop.status()["appliedVersion"] == "1.20.11"


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        pytest.param(fails(1, "KeyError: 'x'"), "RunnerError", id="a-defect-of-the-runner"),
        pytest.param(lambda _: Outcome(0, ""), "ResultInvalid", id="no-report"),
        pytest.param(lambda _: Outcome(0, "done!"), "ResultInvalid", id="no-json"),
        pytest.param(
            lambda pod: Outcome(0, report(pod, warnings=["x" * 5000])), "ResultInvalid", id="oversized"
        ),
        pytest.param(
            lambda pod: Outcome(0, report(pod, runId="somebody/else/s")), "ResultInvalid", id="another-run"
        ),
        pytest.param(
            lambda pod: Outcome(0, report(pod, proven={"state": "version", "from": "1.1.0", "to": "1.1.0"})),
            "ResultInvalid", id="proves-another-version",
        ),
        pytest.param(
            lambda pod: Outcome(0, report(pod, verified=False)), "ResultInvalid", id="not-verified"
        ),
        pytest.param(
            lambda pod: Outcome(0, report(pod, state="failed")), "ResultInvalid", id="tells-of-a-failure"
        ),
        pytest.param(
            lambda pod: Outcome(3, report(pod)), "Unsupported", id="success-reported-by-a-failed-container"
        ),
        pytest.param(lambda _: Outcome(127, ""), "ImageUnusable", id="no-such-program"),
        pytest.param(lambda _: Outcome(42, "?"), "ResultInvalid", id="an-exit-code-of-nobody"),
    ],
)  # fmt: skip
def test_an_exit_code_alone_proves_nothing(outcome, reason, shop, kubelet):
    kubelet.images[RUNNER] = Image(outcome=outcome)
    shop.database("postgres://nobody")

    shop.declare()
    shop.wait(reason)
    shop.wait_for(lambda body: objects.condition(body, "Stalled")["status"] == "True", "Stalled")

    assert kstatus([shop.get()])[0].status == STALLED
    assert "appliedVersion" not in shop.status()


def test_a_secret_in_a_message_of_the_runner_stays_out_of_status_events_and_logs(
    shop, kubectl, operator
):
    shop.database("postgres://shop:tr0ub4dor@127.0.0.1:1/shop")

    shop.declare(timeouts=SLOW)
    shop.wait("Unreachable")

    told = (
        json.dumps(shop.get())
        + kubectl("get", "events", "-o", "json")
        + json.dumps(operator.lines())
    )
    assert "tr0ub4dor" not in told


def test_retries_end_where_the_owner_says_and_begin_again_on_request(shop, kubelet):
    kubelet.images[RUNNER] = Image(outcome=fails(4, "no answer"))
    shop.database("postgres://nobody")

    shop.declare(retry={"limit": 1})
    failed = shop.wait("RetriesExhausted")
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    shop.retry("again")
    shop.wait()

    assert "no answer" in failed["message"]


def test_a_tag_that_moved_between_two_runs_is_told(shop, kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)
    shop.database("postgres://nobody")
    shop.declare("1.18.1")
    shop.wait()

    kubelet.images[RUNNER] = replace(kubelet.images[RUNNER], digest=f"sha256:{'1' * 64}")
    shop.change(version="1.20.11")
    shop.wait()

    assert shop.status()["warnings"] == [
        f"{RUNNER} names another image than at the run before: medusa-db@sha256:{'1' * 64}"
    ]


def test_a_look_of_an_older_runner_leaves_no_failed_job(shop, kubelet, eventually):
    kubelet.images[RUNNER] = Image(outcome=partial(looks, knows=False))
    shop.database("postgres://nobody")

    shop.declare()
    waiting = shop.wait("AwaitingAcknowledgement")
    eventually(lambda: not shop.jobs())

    assert waiting["message"].startswith("1.13.0 is breaking: ")
    assert shop.history() == [("migrate-1.20.11", "Learned", "AwaitingAcknowledgement")]
    assert kstatus([shop.get()])[0].status == "InProgress"
