"""The checker of chaos finds each thing that must not be, and nothing in a history that is right."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos_checker import RULES, Violation, thirds, violations
from chaos_history import (
    DatabaseRun,
    DatabaseSeen,
    Exit,
    Final,
    History,
    JobSeen,
    Look,
    Memory,
    PodSeen,
    Touch,
    Trouble,
    VerdictSeen,
)

KEY = ("shops", "pine")
UP = ("migrate-1.20.11", "config-b", "", "")
FIRST = JobSeen("job-1", "shops", "pine-1", "uid", 10, 100.0, ("migrate-1.12.3", "config-a", "", ""),
                ended=20)  # fmt: skip
SECOND = JobSeen("job-2", "shops", "pine-2", "uid", 30, 200.0, UP, ended=40)
RIGHT = History(
    owners={"uid": (KEY, "db")},
    jobs=(FIRST, SECOND),
    pods=(
        PodSeen("pod-1", "shops", "pine-1-x", "job-1", 11, 19, 0),
        PodSeen("pod-2", "shops", "pine-2-x", "job-2", 31, 39, 0),
    ),
    verdicts=(
        VerdictSeen("uid", "pine-1", "Succeeded", 110.0),
        VerdictSeen("uid", "pine-2", "Succeeded", 210.0),
    ),
    looks=(Look(KEY, "db", "1.20.11", ("1.20.10", "1.20.11"), 220.0),),
    databases=(
        DatabaseSeen(
            "db",
            ("first", "second"),
            (
                DatabaseRun("db", "pine-1-x", "empty", "1.12.3", ("first",)),
                DatabaseRun("db", "pine-2-x", "1.12.0 to 1.12.4", "1.20.11", ("second",)),
            ),
        ),
    ),
    touches=(Touch(KEY, 150.0, "raised"),),
    exits=(Exit("a", 300.0, 1, "the Lease could not be renewed for 10 s"),),
    troubles=(Trouble("a", 280.0, 290.0, "stopped"),),
    memory=tuple(Memory("a", float(t), float(t), 60_000_000 + t % 7, leads=True) for t in range(90)),
    finals=(Final(KEY, "1.20.11", "True UpToDate", current=True, possible=("1.20.11",)),),
)  # fmt: skip


def job(number, **changes):
    """Return the history with one Job changed."""
    jobs = list(RIGHT.jobs)
    jobs[number] = replace(jobs[number], **changes)
    return replace(RIGHT, jobs=tuple(jobs))


def pod(number, **changes):
    """Return the history with one pod changed."""
    pods = list(RIGHT.pods)
    pods[number] = replace(pods[number], **changes)
    return replace(RIGHT, pods=tuple(pods))


def run(number, **changes):
    """Return the history with one run of the database changed."""
    (database,) = RIGHT.databases
    runs = list(database.runs)
    runs[number] = replace(runs[number], **changes)
    return replace(RIGHT, databases=(replace(database, runs=tuple(runs)),))


def final(**changes):
    """Return the history with another end."""
    return replace(RIGHT, finals=(replace(RIGHT.finals[0], **changes),))


AGAIN = replace(FIRST, uid="job-3", born=25, at=160.0, purpose=("seed",))
TWICE = replace(
    RIGHT,
    jobs=(*RIGHT.jobs, AGAIN),
    pods=(*RIGHT.pods, PodSeen("pod-3", "shops", "x", "job-3", exit_code=0)),
)
"""A Job with the name of one that has run, while no replica was in trouble."""
STOP = Trouble("a", 110.0, 130.0, "stopped")


def test_a_history_that_is_right_has_no_violation():
    assert violations(RIGHT) == []


WRONG = [
    pytest.param(
        pod(0, over=32), "two runs at once",
        "pods pine-1-x (11 to 32) and pine-2-x (31) ran at once on db", id="overlap",
    ),
    pytest.param(
        pod(0, over=0), "two runs at once",
        "pods pine-1-x (11 to the end) and pine-2-x (31) ran at once on db", id="endless-run",
    ),
    pytest.param(
        replace(RIGHT, databases=(replace(RIGHT.databases[0], ledger=("first", "first")),)),
        "a migration twice", "first is 2 times in the ledger of db", id="ledger-twice",
    ),
    pytest.param(
        run(1, migrations=("first",)), "a migration twice",
        "first is 2 times in the history of db", id="history-twice",
    ),
    pytest.param(
        run(1, before="1.13.0"), "a broken chain",
        "db was at 1.12.3, and the run of pine-2-x to 1.20.11 began at 1.13.0", id="chain",
    ),
    pytest.param(
        run(1, before="partial"), "a broken chain",
        "db was at 1.12.3, and the run of pine-2-x to 1.20.11 began at partial", id="chain-partial",
    ),
    pytest.param(
        replace(RIGHT, looks=(Look(KEY, "db", "1.20.11", ("1.12.3",), 1.0),)), "a wrong version",
        "shops/pine said Ready at 1.20.11 while db was at 1.12.3", id="wrong-version",
    ),
    pytest.param(
        replace(RIGHT, verdicts=(VerdictSeen("uid", "pine-9", "Failed", 1.0),)),
        "a verdict without a run", "shops/pine: Failed of Job pine-9, which never was", id="invented",
    ),
    pytest.param(
        pod(1, exit_code=137), "a verdict without a run",
        "shops/pine: Job pine-2 is said to have succeeded, none of its pods did", id="forged",
    ),
    pytest.param(
        TWICE, "a Job's name used twice", "Job shops/pine-1 was made 2 times", id="name-twice",
    ),
    pytest.param(
        replace(
            TWICE, jobs=(replace(FIRST, named=15), SECOND, AGAIN), kills=(150.0,)
        ),
        "a Job's name used twice", "Job shops/pine-1 was made 2 times", id="name-twice-though-named",
    ),
    pytest.param(
        replace(RIGHT, jobs=(*RIGHT.jobs, replace(SECOND, uid="j", name="pine-3", born=50, at=300.0))),
        "a run without a cause", "shops/pine: Job pine-3 runs migrate-1.20.11 again, though nothing changed",
        id="loop",
    ),
    pytest.param(job(1, ended=0), "a run without an end", "Job shops/pine-2 has not ended", id="endless"),
    pytest.param(
        run(1, pod="stranger"), "a run without a Job",
        "db was brought to 1.20.11 by stranger, which is no pod of ours", id="stranger",
    ),
    pytest.param(
        replace(RIGHT, exits=(Exit("a", 300.0, 1, "TypeError"),)), "the operator ended",
        "replica a ended by itself with 1: TypeError", id="crash",
    ),
    pytest.param(
        replace(RIGHT, troubles=()), "the operator ended",
        "replica a ended by itself with 1: the Lease could not be renewed for 10 s", id="lease-lost",
    ),
    pytest.param(
        replace(RIGHT, troubles=(Trouble("b", 280.0, 290.0, "stopped"),)), "the operator ended",
        "replica a ended by itself with 1: the Lease could not be renewed for 10 s", id="not-its-trouble",
    ),
    pytest.param(
        replace(RIGHT, defects=("a pass failed",)), "a defect was logged", "a pass failed", id="defect",
    ),
    pytest.param(replace(RIGHT, stuck=("shops",)), "stuck in deletion", "shops", id="stuck-in-deletion"),
    pytest.param(
        final(ready="False Queued", message="waits"), "not ready in the end",
        "shops/pine is Ready=False Queued in the end: waits", id="not-ready",
    ),
    pytest.param(
        final(current=False), "not ready in the end",
        "shops/pine is Ready=True UpToDate of an earlier generation in the end: ", id="stale",
    ),
    pytest.param(
        final(possible=("1.12.3",)), "not ready in the end",
        "shops/pine is Ready at 1.20.11 in the end, and its database is at 1.12.3", id="wrong-at-the-end",
    ),
    pytest.param(
        replace(RIGHT, memory=tuple(replace(m, rss=10**6 * int(m.at)) for m in RIGHT.memory)),
        "memory grows", "71.0 MB in the last third of the time, 42.4 MB before", id="leak",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("history", "rule", "about"), WRONG)
def test_each_thing_that_must_not_be_is_found(history, rule, about):
    assert violations(history) == [Violation(rule, about)]


def test_each_rule_is_broken_by_one_of_the_histories_above():
    assert {param.values[1] for param in WRONG} == set(RULES)


def test_a_run_that_somebody_asked_for_again_has_a_cause():
    again = replace(SECOND, uid="job-3", name="pine-3", born=50, at=300.0, ended=60)
    history = replace(
        RIGHT, jobs=(*RIGHT.jobs, again), touches=(Touch(KEY, 250.0, "status wiped"),)
    )

    assert violations(history) == []


def test_a_run_after_one_that_failed_has_a_cause():
    again = replace(SECOND, uid="job-3", name="pine-3", born=50, at=300.0, ended=60)
    failed = (RIGHT.verdicts[0], VerdictSeen("uid", "pine-2", "Failed", 210.0))

    assert violations(replace(RIGHT, jobs=(*RIGHT.jobs, again), verdicts=failed)) == []


@pytest.mark.parametrize(
    "what",
    [
        {"kills": (150.0,)},
        {"troubles": (STOP,)},
        {"exits": (Exit("a", 150.0, 1, "the Lease could not be renewed for 10 s"),)},
    ],
)
def test_a_name_may_be_used_twice_where_whoever_saw_the_first_job_go_ended_before_it_wrote_that_down(
    what,
):
    history = replace(TWICE, **what)

    assert "a Job's name used twice" not in [found.rule for found in violations(history)]


def test_a_pod_that_was_made_unrecognisable_may_overlap():
    history = replace(pod(0, over=32), tampered=frozenset({"pod-1"}))

    assert violations(history) == []


def test_a_run_of_several_transactions_may_have_ended_halfway():
    assert violations(run(1, before="partial", partial=True)) == []


def test_a_resource_without_a_database_may_overlap():
    history = replace(pod(0, over=32), owners={"uid": (KEY, "")})

    assert violations(history) == []


def test_memory_is_that_of_warm_leaders():
    young = tuple(replace(m, age=1.0, rss=10**9) for m in RIGHT.memory)
    standby = tuple(replace(m, leads=False, rss=10**9) for m in RIGHT.memory)
    mixed = sorted((*RIGHT.memory, *young, *standby), key=lambda m: m.at)

    assert thirds(tuple(mixed)) == thirds(RIGHT.memory)
