"""The copy of the cluster: in whatever order it is told, it shows the newest of each object."""

from __future__ import annotations

import random

import pytest

from medusa_operator.cluster import Kind
from medusa_operator.controller import Queue
from medusa_operator.hear import Hearing
from medusa_operator.model import InvalidError, Rival
from medusa_operator.model import Queue as Turn
from medusa_operator.view import Key, View
from operator_bodies import database, ended, pod, resource, started

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


def view(*told):
    found = View()
    for kind, body in told:
        found.put(kind, body)
    return found


def test_a_change_concerns_the_resource_that_it_belongs_to():
    found = view((Kind.DATABASE, shop()))

    concerned = [
        found.put(Kind.DATABASE, shop(version=2)),
        found.put(Kind.JOB, job()),
        found.put(Kind.POD, numbered(pod(job()), 5, uid="pod-1")),
        found.put(Kind.JOB, job("other")),
    ]

    assert concerned == [SHOP, SHOP, SHOP, None]


def test_what_is_older_than_what_is_known_is_no_news():
    found = view((Kind.DATABASE, shop(version=10)))

    again, older = (
        found.put(Kind.DATABASE, shop(version=10)),
        found.put(Kind.DATABASE, shop(version=9)),
    )

    assert (again, older, found.version(Kind.DATABASE, SHOP, "uid-shop")) == (None, None, 10)


def test_another_object_of_the_same_name_takes_its_place():
    found = view((Kind.DATABASE, shop(version=10)), (Kind.JOB, job()))

    found.put(Kind.DATABASE, shop(version=3, uid="uid-2"))

    assert found.database(SHOP).uid == "uid-2"
    assert (len(found.jobs("uid-shop")), found.jobs("uid-2")) == (1, ())


def test_the_end_of_an_earlier_object_of_the_same_name_is_no_news():
    found = view((Kind.DATABASE, shop(uid="uid-2")))

    concerned = found.remove(Kind.DATABASE, SHOP, "uid-1")

    assert (concerned, found.database(SHOP).uid) == (None, "uid-2")


def test_what_is_gone_leaves_nothing_behind():
    found = view((Kind.DATABASE, shop()), (Kind.JOB, job()))
    name = job()["metadata"]

    found.remove(Kind.JOB, Key("default", name["name"]), name["uid"])
    found.remove(Kind.DATABASE, SHOP, "uid-shop")

    assert [found.known(kind) for kind in Kind] == [[], [], []]
    assert (found._owned, found._keys, found._places, found._active) == ({}, {}, {}, {})


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_it_is_told_does_not_matter(seed):
    told = [(Kind.DATABASE, shop(version=n)) for n in (1, 4, 9)]
    told += [(Kind.JOB, job(version=n, over=n == 8)) for n in (2, 5, 8)]
    random.Random(seed).shuffle(told)

    found = view(*told, *told)

    assert found.database(SHOP).resource_version == "9"
    assert [one.over for one in found.jobs("uid-shop")] == [True]


def test_what_cannot_be_read_is_refused_and_changes_nothing():
    found = view((Kind.DATABASE, shop()))

    with pytest.raises(InvalidError):
        found.put(Kind.DATABASE, numbered(shop(), 2, creationTimestamp=None))

    assert found.version(Kind.DATABASE, SHOP, "uid-shop") == 1


def test_rivals_are_those_of_the_namespace_that_name_the_same_database():
    elsewhere = {"urlSecretRef": {"name": "other", "key": "url"}}
    found = view(
        (Kind.DATABASE, shop()),
        (Kind.DATABASE, shop("second")),
        (Kind.DATABASE, shop("third", database=elsewhere)),
        (Kind.JOB, job("second")),
    )

    rivals = found.rivals(found.database(SHOP))

    assert rivals == (Rival("second", job("second")["metadata"]["name"]),)


def test_a_job_that_is_about_to_be_made_counts_as_running():
    found = view((Kind.DATABASE, shop()), (Kind.DATABASE, shop("second")))
    second = found.database(Key("default", "second"))

    found.claim(second, "second-migrate")
    during = found.rivals(found.database(SHOP)), found.queue(found.database(SHOP), 1)
    found.unclaim(second)

    assert during == ((Rival("second", "second-migrate"),), Turn(limit=1, running=1, ahead=0))
    assert found.rivals(found.database(SHOP)) == (Rival("second"),)


def test_who_has_waited_longest_is_next_in_line():
    found = view(
        (Kind.DATABASE, shop("late", waiting="2026-03-01T12:00:09Z")),
        (Kind.DATABASE, shop("early", waiting="2026-03-01T12:00:01Z")),
        (Kind.DATABASE, shop("runs")),
        (Kind.JOB, job("runs")),
    )
    late, early = (found.database(Key("default", name)) for name in ("late", "early"))

    turns = [found.queue(one, 2) for one in (early, late)]

    assert turns == [Turn(limit=2, running=1, ahead=0), Turn(limit=2, running=1, ahead=1)]
    assert found.next_in_line(2) == [Key("default", "early")]
    assert found.next_in_line(1) == []
    assert found.queue(late, 0) is None


def test_the_end_of_a_run_lets_those_who_waited_for_it_be_looked_at():
    queue = Queue(clock=lambda: 0.0)
    hearing = Hearing(View(), queue, limit=0)
    for body in (shop(), shop("second")):
        hearing.take(Kind.DATABASE, body)
    hearing.take(Kind.JOB, job())
    queue._due.clear()

    hearing.take(Kind.JOB, job(version=2, over=True))

    assert set(queue._due) == {SHOP, Key("default", "second")}
