"""Functions whose text names a column that an upgrade drops are told of beforehand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import servers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.each_server

DROPS = "which addTableProductShippingProfile1680857773273 drops"
TRIGGER = (
    (
        "create function stamp() returns trigger language plpgsql as"
        " $$ begin new.metadata := to_jsonb(new.profile_id); return new; end $$"
    ),
    "create trigger stamp before insert or update on product for each row execute function stamp()",
)


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for one in statements:
            conn.execute(sql.SQL(one))


def told(url: str, *options: str) -> list[str]:
    done = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", *options, url=url)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    assert not any(one["fatal"] for one in found)
    return [one["problem"] for one in found if one["reason"] == "FunctionText"]


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        pytest.param(
            TRIGGER,
            [
                (
                    "the text of the function stamp(), which the trigger stamp on product calls, names "
                    f"product.profile_id, {DROPS}"
                )
            ],
            id="of-a-trigger",
        ),
        pytest.param(
            (
                (
                    "create function profiles() returns bigint language sql as"
                    " 'select count(profile_id) from product'"
                ),
            ),
            [f"the text of the function profiles() names product.profile_id, {DROPS}"],
            id="that-names-table-and-column",
        ),
        pytest.param(
            (
                "create function other() returns text language sql as 'select ''profile_id''::text'",
                "create function titles() returns bigint language sql as 'select count(title) from product'",
                (
                    "create function near() returns bigint language sql as"
                    " 'select count(id) as profile_id_count from product'"
                ),
            ),
            [],
            id="that-name-one-of-the-two",
        ),
    ],
)
def test_functions_that_would_fail_afterwards_are_named(
    shop_at: Callable[..., str], statements: tuple[str, ...], said: list[str]
) -> None:
    url = shop_at("1.12.3")
    change(url, *statements)

    assert told(url) == said


def test_a_function_that_a_file_of_the_shops_own_replaces_is_not_named(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    change(url, *TRIGGER)
    (tmp_path / "1600000000000_stamp.sql").write_text(
        "create or replace function stamp() returns trigger language plpgsql as"
        " $$ begin return new; end $$;"
    )

    assert told(url, "--migrations-dir", str(tmp_path)) == []
