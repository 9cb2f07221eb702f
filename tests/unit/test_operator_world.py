"""Whatever happens, in whatever order: each migration runs once, and the database ends as declared."""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from medusa_operator.resource.model import Job
from operator_world import World, ledger_of

EVERYTHING = ["1.1.8", "1.1.18", "1.1.65", "1.3.0", "1.8.0", "1.9.0", "1.10.0", "1.11.0", "1.13.0",
              "1.15.2", "1.17.0"]  # fmt: skip
FAULTS = ("", "killed", "killed-late", "unreachable", "denied", "locked", "interrupted", "failed",
          "oversized",
          "other-run", "lie", "silent")  # fmt: skip

pytestmark = pytest.mark.timeout(1800)

MANY = 600 if os.environ.get("MEDUSA_TEST_ALL") else 60

small = st.integers(0, 5)
shops = st.sampled_from(["a", "b"])
events = st.one_of(
    st.tuples(st.just("reconcile"), shops, st.none() | st.integers(0, 2), st.integers(0, 3)),
    st.tuples(st.just("reconcile"), shops, st.none(), st.just(0)),
    st.tuples(st.just("tick"), small),
    st.tuples(st.just("round"), shops, st.sampled_from(FAULTS)),
    st.tuples(st.just("round"), shops, st.sampled_from(FAULTS)),
    st.tuples(st.just("time"), st.sampled_from([1, 15, 700, 90_000])),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS)),
    st.tuples(st.just("evict"), small),
    st.tuples(st.just("forget_pod"), small),
    st.tuples(st.just("delete_job"), small),
    st.tuples(st.just("vanish_job"), small),
    st.tuples(st.just("lose_status"), shops),
    st.tuples(st.just("declare"), shops, st.sampled_from(["1.8.0", "1.12.3", "1.20.11"])),
    st.tuples(st.just("suspend"), shops, st.booleans()),
    st.tuples(st.just("acknowledge"), shops, st.integers(0, len(EVERYTHING))),
    st.tuples(st.just("annotate"), shops, small),
)


def happen(world, event, check=None):
    match event:
        case ("reconcile", name, crash_after, late):
            world.reconcile(name, crash_after=crash_after, late=late)
        case ("tick" | "evict" | "forget_pod" | "delete_job" | "vanish_job" as what, choice):
            getattr(world, what)(choice)
        case ("round", name, fault):
            world.fault = fault
            for choice in range(6):
                world.reconcile(name)
                world.tick(choice)
        case ("time", seconds):
            world.pass_time(seconds)
        case ("fault", fault):
            world.fault = fault
        case ("lose_status", name):
            world.lose_status(name)
        case ("declare", name, version):
            world.declare(name, version=version)
        case ("suspend", name, on):
            world.declare(name, suspend=on)
        case ("acknowledge", name, count):
            world.acknowledge(name, *EVERYTHING[:count])
        case ("annotate", name, token):
            world.annotate(name, f"token-{token}")
    (check or hold)(world)


def hold(world):
    """Hold the world against what must be true at any time."""
    assert len(world.active()) <= 1
    for body in world.resources.values():
        status = body["status"]
        runs = [run["job"] for run in status.get("history", ())]
        assert len(runs) == len(set(runs))
        if status.get("appliedVersion"):
            assert set(ledger_of(status["appliedVersion"])) <= set(world.shop.ledger)
        judged = status["observedGeneration"] == body["metadata"]["generation"]
        if judged and "True" in (c["status"] for c in status["conditions"] if c["type"] == "Ready"):
            assert set(ledger_of(body["spec"]["version"])) <= set(world.shop.ledger)


def rest(world, days):
    """Let everybody do their part for *days*, without faults."""
    for _ in range(days):
        world.pass_time(90_000)
        settle(world, check=lambda _: None)


def settle(world, check=hold):
    """Let everybody do their part, without faults, until nothing changes any more."""
    world.fault = ""
    quiet = 0
    for _ in range(400):
        before = (world.version, world.writes, repr(world.jobs), repr(world.pods))
        for name in list(world.resources):
            world.reconcile(name)
        for choice in range(len(world.jobs) + len(world.pods)):
            world.tick(choice)
            check(world)
        after = (world.version, world.writes, repr(world.jobs), repr(world.pods))
        quiet = quiet + 1 if before == after else 0
        if quiet == 2:
            return
        world.pass_time(700 if quiet else 1)
    raise AssertionError("it never settles")


def heal(world):
    """Do what a person can do."""
    for number, name in enumerate(world.resources):
        world.declare(name, version="1.20.11", suspend=False, upgrade={"acknowledged": EVERYTHING})
        world.annotate(name, f"healed-{number}")


def ready(world):
    conditions = [
        {c["type"]: c["status"] for c in body["status"]["conditions"]}
        for body in world.resources.values()
    ]
    return [c["Ready"] for c in conditions]


def verdict(world):
    return [
        (
            body["status"]["appliedVersion"],
            body["metadata"]["finalizers"],
            body["status"].get("job"),
        )
        for body in world.resources.values()
    ]


@given(
    start=st.sampled_from(["", "1.7.0", "1.12.3", "1.20.11"]),
    seed=st.booleans(),
    older=st.booleans(),
    story=st.lists(events, max_size=60),
)
@settings(max_examples=MANY, deadline=None)
def test_any_story_ends_with_each_migration_run_once(start, seed, older, story):
    world = World(older_runner=older)
    if start:
        world.shop.migrate(start)
        world.shop.executed.clear()
    had = set(world.shop.ledger)
    source = {"from": {"secretKeyRef": {"name": "seed", "key": "seed.json"}}}
    for name in ("a", "b"):
        world.create(name, **({"seed": source} if seed else {}))

    for event in story:
        happen(world, event)
    heal(world)
    settle(world)

    wanted = [name for name in ledger_of("1.20.11") if name not in had]
    assert sorted(world.shop.executed) == sorted(wanted)
    assert world.shop.seeds == int(seed)
    assert ready(world) == ["True", "True"]
    assert verdict(world) == [("1.20.11", [], None)] * 2


@given(story=st.lists(events, max_size=40))
@settings(max_examples=MANY // 3, deadline=None)
def test_what_has_settled_writes_nothing(story):
    world = World()
    world.create("a")
    world.create("b")
    for event in story:
        happen(world, event)
    settle(world)
    writes = world.writes

    for _ in range(5):
        world.reconcile("a")
        world.reconcile("b")

    assert world.writes == writes


@given(
    start=st.sampled_from(["1.7.0", "1.12.3", "1.20.11"]),
    version=st.sampled_from(["1.12.3", "1.20.11"]),
    older=st.booleans(),
    story=st.lists(events, max_size=30),
)
@settings(max_examples=MANY, deadline=None)
def test_a_look_that_finds_something_to_acknowledge_leaves_no_failed_job(
    start, version, older, story
):
    world = World(older_runner=older)
    world.shop.migrate(start)
    world.create("a", version=version)
    world.create("b")
    for event in story:
        happen(world, event)

    settle(world)

    failed = [name for name, job in world.jobs.items() if Job.from_body(job).failed]
    assert not [name for name in failed if "NotAcknowledged" in world.messages(name)]
    for body in world.resources.values():
        found = {c["type"]: c for c in body["status"]["conditions"]}
        if found["Ready"]["reason"] == "AwaitingAcknowledgement":
            gate = (found["Reconciling"]["status"], found["Stalled"]["status"])
            assert gate == ("True", "False")


@given(story=st.lists(events, max_size=25), cancel=st.booleans())
@settings(max_examples=MANY // 3, deadline=None)
def test_a_deleted_resource_goes_and_kills_no_run(story, cancel):
    world = World()
    world.create("a", **({"deletionPolicy": "Cancel"} if cancel else {}))
    world.create("b")
    for event in story:
        happen(world, event)

    world.delete("a")
    settle(world)

    assert list(world.resources) == ["b"]


changes = st.one_of(
    st.tuples(st.just("document"), st.sampled_from("ABC")),
    st.tuples(st.just("flag"), st.sampled_from([None, True, False])),
    st.tuples(st.just("delete_jobs")),
    st.tuples(st.just("delete_newest_job")),
    st.tuples(st.just("restart"), st.integers(0, 3)),
    st.tuples(st.just("time"), st.sampled_from([1, 700, 90_000, -7211, 7211])),
    st.tuples(st.just("lose_status")),
    st.tuples(st.just("ask_again")),
)


def change(world, number, what):
    """Let something happen to a shop at rest; return the fewest and the most runs that it asks for."""
    match what:
        case ("document", document):
            due = int(document != world.document)
            world.document = document
            return due, due
        case ("flag", on):
            flags = {} if on is None else {"sales_channels": on}
            due = int(flags != world.resources["a"]["spec"].get("featureFlags", {}))
            world.declare("a", featureFlags=flags)
            return due, due
        case ("delete_jobs",):
            world.jobs.clear()
            world.pods.clear()
            return 0, 0
        case ("delete_newest_job",):
            if world.made[-1] in world.jobs:
                world.remove_job(world.made[-1])
            return 0, 0
        case ("restart", calls):
            world.reconcile("a", crash_after=calls)
            return 0, 0
        case ("time", seconds):
            world.pass_time(seconds)
            return 0, 0
        case ("lose_status",):
            world.lose_status("a")
            return 0, 2  # what no Job tells any more is looked at again: the schema, and the seed
        case _:
            world.annotate("a", f"token-{number % 2}")
            return 0, 1


@pytest.mark.parametrize("began", [False, True])
def test_a_job_that_is_deleted_before_any_status_names_it_is_a_run_that_was_lost(began):
    world = World()
    world.create("a")
    while not world.made:
        world.reconcile("a", crash_after=1)
    assert "job" not in world.resources["a"]["status"]
    for _ in range(2 * began):  # its pod is made, and begins
        world.tick()

    world.vanish_job()
    settle(world)

    lost, *_, done = sorted(
        world.resources["a"]["status"]["history"], key=lambda run: run["completionTime"]
    )
    assert (lost["job"], lost["outcome"], lost["reason"]) == (world.made[0], "Failed", "JobLost")
    assert (done["job"], done["outcome"]) == (world.made[1], "Succeeded")
    assert world.made[1] != world.made[0]
    assert ready(world) == ["True"]


@example(ttl=86_400, story=[("flag", True), ("delete_newest_job",), ("lose_status",)])
@given(ttl=st.sampled_from([0, 5, 86_400]), story=st.lists(changes, min_size=1, max_size=30))
@settings(max_examples=MANY // 2, deadline=None)
def test_each_change_is_one_run_and_no_job_name_is_used_twice(ttl, story):
    world = World(document="A")
    seed = {
        "policy": "OnChange",
        "from": {"configMapKeyRef": {"name": "seed", "key": "seed.json"}},
    }
    world.create("a", seed=seed, job={"ttlSecondsAfterFinished": ttl})
    settle(world)
    assert len(runs(world)) == 2

    for number, what in enumerate(story):
        before = len(runs(world))
        least, most = change(world, number, what)
        settle(world)
        assert least <= len(runs(world)) - before <= most, (what, runs(world)[before:])
        assert ready(world) == ["True"]

    assert len(set(world.made)) == len(world.made)
    assert not world.active()


later = st.one_of(
    events,
    st.tuples(st.just("drift"), st.booleans()),
    st.tuples(st.just("restore"), st.sampled_from(["", "1.8.0", "1.12.3", "1.20.11"])),
    st.tuples(st.just("time"), st.just(90_000)),
)


@given(story=st.lists(later, max_size=50), drift=st.booleans())
@settings(max_examples=MANY, deadline=None)
def test_whatever_becomes_of_a_database_at_rest_is_noticed(story, drift):
    world = World()
    world.create("a")
    world.create("b")
    for event in story:
        match event:
            case ("drift", on):
                world.shop.drift = on
            case ("restore", version):
                world.restore(version)
            case _:
                happen(world, event, check=lambda _: None)
        assert len(world.active()) <= 1
    heal(world)
    world.shop.drift = drift
    rest(world, 3)
    looks = world.shop.looks
    rest(world, 2)

    assert ready(world) == (["False", "False"] if drift else ["True", "True"])
    assert {reason(world, "Verified")} == {"Drifted" if drift else "Verified"}
    assert set(ledger_of("1.20.11")) == set(world.shop.ledger)
    assert 2 <= world.shop.looks - looks <= 4
    assert [len(jobs_of(world, name)) <= 1 for name in ("a", "b")] == [True, True]


def runs(world):
    """Return the Jobs that were made, those aside that only verify."""
    return [job for job in world.made if "-verify-" not in job]


def reason(world, kind):
    (found,) = {
        condition["reason"]
        for body in world.resources.values()
        for condition in body["status"]["conditions"]
        if condition["type"] == kind
    }
    return found


def jobs_of(world, name):
    """Return the Jobs of a resource that verified."""
    return [job for job in world.jobs if job.startswith(f"{name}-verify-")]
