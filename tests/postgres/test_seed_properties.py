"""What holds of every document."""

from __future__ import annotations

import contextlib
import os

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from psycopg import sql

from medusa_migrations.contract.errors import RunnerError, UsageError
from medusa_seed.planning.changes import ORDER
from seed_mutations import ALTERED, TABLES, mutated
from seed_rows import contents
from seed_runs import exported, seed
from seed_strategies import BREAKS, documents

LONG = bool(os.environ.get("MEDUSA_TEST_ALL"))
FEW = settings(
    max_examples=100 if LONG else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


EMPTY = sql.SQL("; ").join(
    [
        sql.SQL("drop table if exists medusa_db.seed, medusa_db.seeded_row"),
        sql.SQL("update country set region_id = null"),
        sql.SQL("update store set default_sales_channel_id = null"),
        *(
            sql.SQL("delete from {}").format(sql.Identifier(table))
            for table in (*reversed(ORDER[1:]), ORDER[0])
            if table != "rule_type"
        ),
    ]
)


@pytest.fixture
def emptied(shop_at):
    """Call it for the URL of a shop without a row but those that its migrations made.

    What their run has noted of the schema stays, or each seed would compare all of it.
    """
    urls = [shop_at("1.20.11"), shop_at("1.20.11")]

    def empty(which=0):
        with psycopg.connect(urls[which]) as conn:
            conn.execute(EMPTY)
        return urls[which]

    return empty


@FEW
@given(body=documents())
def test_any_document_twice_is_the_same_as_once(emptied, body):
    url = emptied()
    seed(url, body)
    once = contents(url)

    again = seed(url, body)

    assert (again["state"], contents(url)) == ("nothing", once)


@FEW
@given(body=documents())
def test_any_shop_exported_and_seeded_elsewhere_is_the_same_shop(emptied, body):
    one, other = emptied(0), emptied(1)
    seed(one, body)
    found = exported(one)

    seed(other, found)

    assert exported(other) == found


@FEW
@given(body=documents(), way=st.sampled_from(sorted(BREAKS)))
def test_any_document_with_one_thing_broken_is_refused_and_leaves_no_trace(emptied, body, way):
    assume(BREAKS[way](body))
    url = emptied()
    before = contents(url)

    with pytest.raises(UsageError):
        seed(url, body)

    assert contents(url) == before


def ending(url, body, **options):
    """Return how a seed of *body* ends: with nothing, or with the class and the words of an error."""
    try:
        seed(url, body, **options)
    except RunnerError as exc:
        return type(exc).__name__, f"{exc}\n{exc.detail}"
    return "", ""


MUTATIONS = int(os.environ.get("MEDUSA_SEED_MUTATIONS") or (500 if LONG else 40))
"""Documents that are changed at random, dry run, and run: about three a second on a quiet machine."""


@pytest.mark.timeout(300 + 2 * MUTATIONS)
@settings(parent=FEW, max_examples=MUTATIONS, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_a_dry_run_ends_as_the_run_does_that_follows_it(emptied, data):
    body = data.draw(documents(), "document")
    url = emptied()
    seed(url, body)
    tables = data.draw(st.lists(st.sampled_from(TABLES), max_size=2, unique=True), "deleted")
    altered = data.draw(st.none() | st.sampled_from(sorted(ALTERED)), "altered")
    other = data.draw(mutated(body), "document, changed")
    for table in tables:
        execute(url, f'update "{table}" set deleted_at = now()')
    with as_altered(url, altered):
        before = contents(url)

        dry = ending(url, other, dry_run=True)
        unchanged = contents(url) == before
        real = ending(url, other)

        assert unchanged
        assert real == dry
        assert real[0] in ("", "UsageError", "RefusedError"), real
        assert not real[0] or contents(url) == before


def execute(url, statement):
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL(statement))


@contextlib.contextmanager
def as_altered(url, statement):
    """Run *statement*, where the rows of the shop allow it, and take it back at the end."""
    try:
        if statement:
            execute(url, statement)
    except psycopg.errors.IntegrityError:
        statement = None
    try:
        yield
    finally:
        if statement:
            execute(url, ALTERED[statement])
