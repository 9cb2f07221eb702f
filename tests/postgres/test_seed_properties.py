"""What holds of every document."""

from __future__ import annotations

import os

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg import sql

from medusa_migrations.contract.errors import UsageError
from medusa_seed.planning.changes import ORDER
from seed_rows import contents
from seed_runs import exported, seed
from seed_strategies import BREAKS, documents

FEW = settings(
    max_examples=100 if os.environ.get("MEDUSA_TEST_ALL") else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def emptied(shop_at):
    """Call it for the URL of a shop without a row but those that its migrations made."""
    urls = [shop_at("1.20.11"), shop_at("1.20.11")]

    def empty(which=0):
        with psycopg.connect(urls[which]) as conn:
            conn.execute(
                "update country set region_id = null; drop schema if exists medusa_db cascade"
            )
            conn.execute("update store set default_sales_channel_id = null")
            for table in (*reversed(ORDER[1:]), ORDER[0]):
                if table != "rule_type":
                    conn.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))
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
