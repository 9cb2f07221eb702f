"""The copy of the cluster: in whatever order it is told, it shows the newest of each object."""

from __future__ import annotations

import random

import pytest
import structlog

from medusa_operator.api.cluster import ObjectKind
from medusa_operator.loop.cache import Cache, Key
from medusa_operator.loop.intake import Intake
from medusa_operator.loop.queue import WorkQueue
from medusa_operator.resource.model import Rival, Turn
from operator_bodies import at, database, ended, pod, resource, started

SHOP = Key("default", "shop")


def shop(name="shop", version=1, uid=None, waiting=None, **spec):
    status = {"observedGeneration": 1} | ({"waitingSince": waiting} if waiting else {})
    meta = {"name": name, "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    return resource(status=status, meta=meta, **spec)


def numbered(body, version, **meta):
    space = {"namespace": "default", "resourceVersion": str(version)}
    return body | {"metadata": body["metadata"] | space | meta}


def job(name="shop", version=1, *, over=False):
    body = started(database(meta={"name": name, "uid": f"uid-{name}"}))
    return numbered(ended(body) if over else body, version)


def cache(*told):
    found = Cache()
    for kind, body in told:
        found.put(kind, body)
    return found


def test_a_change_concerns_the_resource_that_it_belongs_to():
    found = cache((ObjectKind.DATABASE, shop()))

    concerned = [
        found.put(ObjectKind.DATABASE, shop(version=2)),
        found.put(ObjectKind.JOB, job()),
        found.put(ObjectKind.POD, numbered(pod(job()), 5, uid="pod-1")),
        found.put(ObjectKind.JOB, job("other")),
    ]

    assert concerned == [SHOP, SHOP, SHOP, None]


def test_what_is_older_than_what_is_known_is_no_news():
    found = cache((ObjectKind.DATABASE, shop(version=10)))

    again, older = (
        found.put(ObjectKind.DATABASE, shop(version=10)),
        found.put(ObjectKind.DATABASE, shop(version=9)),
    )

    assert (again, older, found.version(ObjectKind.DATABASE, SHOP, "uid-shop")) == (None, None, 10)


def test_another_object_of_the_same_name_takes_its_place():
    found = cache((ObjectKind.DATABASE, shop(version=10)), (ObjectKind.JOB, job()))

    found.put(ObjectKind.DATABASE, shop(version=3, uid="uid-2"))

    assert found.database(SHOP).uid == "uid-2"
    assert (len(found.jobs("uid-shop")), found.jobs("uid-2")) == (1, ())


def test_the_end_of_an_earlier_object_of_the_same_name_is_no_news():
    found = cache((ObjectKind.DATABASE, shop(uid="uid-2")))

    concerned = found.remove(ObjectKind.DATABASE, SHOP, "uid-1")

    assert (concerned, found.database(SHOP).uid) == (None, "uid-2")


def test_what_is_gone_leaves_nothing_behind():
    found = cache((ObjectKind.DATABASE, shop()), (ObjectKind.JOB, job()))
    name = job()["metadata"]

    found.remove(ObjectKind.JOB, Key("default", name["name"]), name["uid"])
    found.remove(ObjectKind.DATABASE, SHOP, "uid-shop")

    assert [found.known(kind) for kind in ObjectKind] == [[], [], []]
    assert (found._owned, found._keys, found._places, found._active) == ({}, {}, {}, {})


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_it_is_told_does_not_matter(seed):
    told = [(ObjectKind.DATABASE, shop(version=n)) for n in (1, 4, 9)]
    told += [(ObjectKind.JOB, job(version=n, over=n == 8)) for n in (2, 5, 8)]
    random.Random(seed).shuffle(told)

    found = cache(*told, *told)

    assert found.database(SHOP).resource_version == "9"
    assert [one.over for one in found.jobs("uid-shop")] == [True]


def test_what_cannot_be_read_is_noted_and_an_older_copy_stays():
    found = cache((ObjectKind.DATABASE, shop()))
    broken = numbered(shop(), 2, creationTimestamp=None)

    concerned = [found.put(ObjectKind.DATABASE, broken) for _ in range(2)]

    assert (concerned, found.unreadable(ObjectKind.DATABASE)) == ([None, None], 1)
    assert found.database(SHOP).resource_version == "1"
    assert found.version(ObjectKind.DATABASE, SHOP, "uid-shop") == 2
    assert found.known(ObjectKind.DATABASE) == [(SHOP, "uid-shop")]

    found.put(ObjectKind.DATABASE, shop(version=3))

    assert (found.unreadable(ObjectKind.DATABASE), found.database(SHOP).resource_version) == (
        0,
        "3",
    )


def test_what_cannot_be_read_is_forgotten_when_it_is_gone():
    found = cache((ObjectKind.DATABASE, numbered(shop(), 2, creationTimestamp=None)))

    found.remove(ObjectKind.DATABASE, SHOP, "uid-shop")

    assert (found.unreadable(ObjectKind.DATABASE), found.known(ObjectKind.DATABASE)) == (0, [])


def test_each_version_of_what_cannot_be_read_is_logged_once():
    with structlog.testing.capture_logs() as lines:
        found = Cache()
        for version in (2, 2, 3, 3):
            found.put(ObjectKind.DATABASE, numbered(shop(), version, creationTimestamp=None))

    assert [(line["object"], line["error"]) for line in lines] == [
        ("default/shop", "metadata.creationTimestamp is missing")
    ] * 2


def test_rivals_are_those_of_the_namespace_that_name_the_same_database():
    elsewhere = {"urlSecretRef": {"name": "other", "key": "url"}}
    found = cache(
        (ObjectKind.DATABASE, shop()),
        (ObjectKind.DATABASE, shop("second")),
        (ObjectKind.DATABASE, shop("third", database=elsewhere)),
        (ObjectKind.JOB, job("second")),
    )

    rivals = found.rivals(found.database(SHOP))

    assert rivals == (Rival("second", job("second")["metadata"]["name"]),)


def test_a_job_that_is_about_to_be_made_counts_as_running():
    found = cache((ObjectKind.DATABASE, shop()), (ObjectKind.DATABASE, shop("second")))
    second = found.database(Key("default", "second"))

    found.claim(second, "second-migrate")
    during = found.rivals(found.database(SHOP)), found.turn(found.database(SHOP), 1, at())
    found.unclaim(second)

    assert during == ((Rival("second", "second-migrate"),), Turn(limit=1, running=1, ahead=0))
    assert found.rivals(found.database(SHOP)) == (Rival("second"),)


def test_who_has_waited_longest_is_next_in_line():
    found = cache(
        (ObjectKind.DATABASE, shop("late", waiting="2026-03-01T12:00:09Z")),
        (ObjectKind.DATABASE, shop("early", waiting="2026-03-01T12:00:01Z")),
        (ObjectKind.DATABASE, shop("runs")),
        (ObjectKind.JOB, job("runs")),
    )
    late, early = (found.database(Key("default", name)) for name in ("late", "early"))

    turns = [found.turn(one, 2, at()) for one in (early, late)]

    assert turns == [Turn(limit=2, running=1, ahead=0), Turn(limit=2, running=1, ahead=1)]
    assert found.next_in_line(2, at()) == [Key("default", "early")]
    assert found.next_in_line(1, at()) == []
    assert found.turn(late, 0, at()) is None


def test_the_end_of_a_run_lets_those_who_waited_for_it_be_looked_at():
    queue = WorkQueue(clock=lambda: 0.0)
    intake = Intake(Cache(), queue, limit=0)
    for body in (shop(), shop("second")):
        intake.put(ObjectKind.DATABASE, body)
    intake.put(ObjectKind.JOB, job())
    queue._due.clear()

    intake.put(ObjectKind.JOB, job(version=2, over=True))

    assert set(queue._due) == {SHOP, Key("default", "second")}


def waiting(*bodies):
    """Return a cache in which `shop` waits for its turn, and *bodies* are there too."""
    return cache((ObjectKind.DATABASE, shop(waiting="2026-03-01T12:00:09Z")), *bodies)


def turn(found, now=None):
    return found.turn(found.database(SHOP), 1, now or at())


def unowned(body):
    """Return a Job that only says to be ours: its controller is somebody else, or nobody."""
    references = [
        reference | {"controller": False} for reference in body["metadata"]["ownerReferences"]
    ]
    return body | {"metadata": body["metadata"] | {"ownerReferences": references}}


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(unowned(job("second")), id="not owned"),
        pytest.param(job("elsewhere"), id="of a resource that is not ours"),
    ],
)
def test_only_runs_of_resources_that_are_known_take_a_slot(stranger):
    found = waiting((ObjectKind.DATABASE, shop("second")), (ObjectKind.JOB, stranger))

    assert turn(found) == Turn(limit=1, running=0, ahead=0)
    assert found.next_in_line(1, at()) == [SHOP]


def test_a_run_that_does_not_start_gives_its_slot_back_until_it_starts():
    found = waiting((ObjectKind.DATABASE, shop("second")), (ObjectKind.JOB, job("second")))
    running = numbered(pod(job("second"), {"running": {}}), 5, uid="pod-1")

    seen = [turn(found, at(seconds)).running for seconds in (299, 301)]
    found.put(ObjectKind.POD, running)

    assert (seen, turn(found, at(301)).running) == ([1, 0], 1)


def test_who_fails_holds_no_place_in_line_and_has_it_back_when_that_is_over():
    early = shop("early", waiting="2026-03-01T12:00:01Z")
    found = waiting((ObjectKind.DATABASE, early))

    given_up = [found.failed("uid-early"), found.failed("uid-early")]
    meanwhile = turn(found).ahead, found.next_in_line(1, at())
    found.passed("uid-early")

    assert given_up == [True, False]
    assert meanwhile == (0, [SHOP])
    assert (turn(found).ahead, found.next_in_line(1, at())) == (1, [Key("default", "early")])


def controlled(body, **reference):
    references = [body["metadata"]["ownerReferences"][0] | reference]
    return numbered(body, 5, uid="pod-1", ownerReferences=references)


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param({"uid": "other"}, id="another Job of that name"),
        pytest.param({"controller": False}, id="not its controller"),
        pytest.param({"kind": "ReplicaSet"}, id="no Job"),
    ],
)
def test_a_pod_counts_only_where_the_job_controls_it(reference):
    found = cache((ObjectKind.DATABASE, shop()), (ObjectKind.JOB, job()))

    found.put(ObjectKind.POD, controlled(pod(job()), **reference))
    forged = found.pods("uid-shop")
    found.put(ObjectKind.POD, numbered(pod(job()), 6, uid="pod-1"))

    assert (forged, len(found.pods("uid-shop"))) == ((), 1)


def test_a_pod_that_outlived_its_job_is_still_seen():
    found = cache((ObjectKind.DATABASE, shop()))

    found.put(ObjectKind.POD, numbered(pod(job()), 5, uid="pod-1"))

    assert len(found.pods("uid-shop")) == 1


def test_names_of_jobs_that_went_are_remembered_as_long_as_their_resource():
    found = cache((ObjectKind.DATABASE, shop()), (ObjectKind.JOB, job()))
    body = job()["metadata"]

    found.remove(ObjectKind.JOB, Key("default", body["name"]), body["uid"])

    assert found.gone("uid-shop") == (body["name"],)
    found.remove(ObjectKind.DATABASE, SHOP, "uid-shop")
    assert found.gone("uid-shop") == ()


NAME, UID = job()["metadata"]["name"], job()["metadata"]["uid"]


def with_history(**run):
    status = {"observedGeneration": 1, "history": [{"outcome": "Failed"} | run]}
    return shop(version=90) | {"status": status}


@pytest.mark.parametrize(
    ("body", "again", "lost"),
    [
        pytest.param(job(), (), True, id="goes on"),
        pytest.param(job(), (ObjectKind.JOB, numbered(job(), 91)), False, id="turns up again"),
        pytest.param(job(), (ObjectKind.DATABASE, with_history(job=NAME, uid=UID)), False, id="recorded"),
        pytest.param(job(), (ObjectKind.DATABASE, with_history(job="another", uid="uid-9")), True, id="another recorded"),
        pytest.param(job(over=True), (), False, id="over"),
        pytest.param(numbered(job(), 8, deletionTimestamp="2026-01-01T00:00:00Z"), (), False, id="deleted before it began"),
        pytest.param(numbered(job(), 8, ownerReferences=[]), (), False, id="of another owner"),
    ],
)  # fmt: skip
def test_a_job_that_goes_while_it_goes_on_is_lost_until_the_history_has_it(body, again, lost):
    found = cache((ObjectKind.DATABASE, shop()), (ObjectKind.JOB, body))

    found.remove(ObjectKind.JOB, Key("default", NAME), UID)
    if again:
        found.put(*again)

    assert [one.uid for one in found.lost("uid-shop")] == ([UID] if lost else [])


def test_a_job_that_goes_once_its_run_is_in_the_history_is_not_lost():
    found = cache((ObjectKind.DATABASE, with_history(job=NAME, uid=UID)), (ObjectKind.JOB, job()))

    found.remove(ObjectKind.JOB, Key("default", NAME), UID)

    assert found.lost("uid-shop") == ()


def test_a_pod_that_was_orphaned_is_still_one_of_the_resource():
    orphan = numbered(pod(job()), 5, uid="pod-1", ownerReferences=[])
    stranger = numbered(
        pod(job()), 6, uid="pod-2", name="other",
        ownerReferences=[{"kind": "ReplicaSet", "name": "x", "uid": "y", "controller": True}],
    )  # fmt: skip

    found = cache(
        (ObjectKind.DATABASE, shop()), (ObjectKind.POD, orphan), (ObjectKind.POD, stranger)
    )

    assert [one.name for one in found.pods("uid-shop")] == [orphan["metadata"]["name"]]
