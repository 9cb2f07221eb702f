"""The comparison sees every kind of difference; without this, an empty one would prove nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import medusa_rows
import medusa_snapshot
from medusa_equality import clock, differences
from medusa_replay import ReplayError, replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import TestServer

VERSION = "1.20.11"

CHANGES = [
    pytest.param(
        'create table "extra" ("id" text)',
        ["only ours: column extra 01 id: text", "only ours: table extra"],
        id="table",
    ),
    pytest.param(
        'alter table "staged_job" set unlogged',
        ["only Medusa's: table staged_job", "only ours: table staged_job persistence u"],
        id="kind-of-table",
    ),
    pytest.param(
        'create view "shown" as select 1 as "one"',
        ["only ours: column shown 01 one: integer", "only ours: view shown as  SELECT 1 AS one;"],
        id="view",
    ),
    pytest.param(
        'alter table "store" alter column "name" type text',
        [
            (
                "only Medusa's: column store 02 name: character varying not null"
                " default 'Medusa Store'::character varying"
            ),
            (
                "only ours: column store 02 name: text not null"
                " default 'Medusa Store'::character varying"
            ),
        ],
        id="type",
    ),
    pytest.param(
        'alter table "product" alter column "title" drop not null',
        [
            "only Medusa's: column product 02 title: character varying not null",
            "only ours: column product 02 title: character varying",
        ],
        id="not-null",
    ),
    pytest.param(
        'alter table "region" alter column "tax_rate" set default 7',
        [
            "only Medusa's: column region 04 tax_rate: real not null",
            "only ours: column region 04 tax_rate: real not null default 7",
        ],
        id="default",
    ),
    pytest.param(
        'alter table "image" drop column "deleted_at",'
        ' add column "deleted_at" timestamp with time zone',
        [
            "only Medusa's: column image 05 deleted_at: timestamp with time zone",
            "only Medusa's: column image 06 metadata: jsonb",
            "only ours: column image 05 metadata: jsonb",
            "only ours: column image 06 deleted_at: timestamp with time zone",
        ],
        id="order-of-columns",
    ),
    pytest.param(
        'alter table "image" add column "number" integer generated always as identity',
        [
            "only ours: column image 07 number: integer not null identity a",
            (
                "only ours: sequence image_number_seq: integer start 1 increment 1"
                " from 1 to 2147483647 cache 1, owned by identity image.number"
            ),
        ],
        id="identity",
    ),
    pytest.param(
        'alter table "shipping_option" drop constraint "CHK_7a367f5901ae0a5b0df75aee38"',
        [
            (
                "only Medusa's: constraint shipping_option CHK_7a367f5901ae0a5b0df75aee38:"
                " CHECK ((amount >= 0))"
            ),
        ],
        id="check",
    ),
    pytest.param(
        'alter table "image" rename constraint "PK_d6db1ab4ee9ad9dbe86c64e4cc3" to "image_pkey"',
        [
            "only Medusa's: constraint image PK_d6db1ab4ee9ad9dbe86c64e4cc3: PRIMARY KEY (id)",
            (
                "only Medusa's: index on image: CREATE UNIQUE INDEX"
                ' "PK_d6db1ab4ee9ad9dbe86c64e4cc3" ON image USING btree (id) (primary)'
            ),
            "only ours: constraint image image_pkey: PRIMARY KEY (id)",
            (
                "only ours: index on image: CREATE UNIQUE INDEX image_pkey"
                " ON image USING btree (id) (primary)"
            ),
        ],
        id="name-of-a-primary-key",
    ),
    pytest.param(
        'alter table "tracking_link" drop constraint "FK_471e9e4c96e02ba209a307db32b",'
        ' add constraint "FK_471e9e4c96e02ba209a307db32b" foreign key ("fulfillment_id")'
        ' references "fulfillment" on delete cascade',
        [
            (
                "only Medusa's: constraint tracking_link FK_471e9e4c96e02ba209a307db32b:"
                " FOREIGN KEY (fulfillment_id) REFERENCES fulfillment(id)"
            ),
            (
                "only ours: constraint tracking_link FK_471e9e4c96e02ba209a307db32b:"
                " FOREIGN KEY (fulfillment_id) REFERENCES fulfillment(id) ON DELETE CASCADE"
            ),
        ],
        id="foreign-key",
    ),
    pytest.param(
        'drop index "IDX_return_reason_value";'
        ' create unique index "IDX_return_reason_value" on "return_reason" ("value")',
        [
            (
                "only Medusa's: index on return_reason: CREATE UNIQUE INDEX"
                ' "IDX_return_reason_value" ON return_reason USING btree (value)'
                " WHERE (deleted_at IS NULL)"
            ),
            (
                'only ours: index on return_reason: CREATE UNIQUE INDEX "IDX_return_reason_value"'
                " ON return_reason USING btree (value)"
            ),
        ],
        id="index",
    ),
    pytest.param(
        "alter type \"draft_order_status_enum\" add value 'lost' before 'open'",
        [
            "only Medusa's: enum draft_order_status_enum: open, completed",
            "only ours: enum draft_order_status_enum: lost, open, completed",
        ],
        id="enum",
    ),
    pytest.param(
        'alter sequence "order_display_id_seq" owned by none',
        [
            (
                "only Medusa's: sequence order_display_id_seq: integer start 1 increment 1"
                ' from 1 to 2147483647 cache 1, owned by "order".display_id'
            ),
            (
                "only ours: sequence order_display_id_seq: integer start 1 increment 1"
                " from 1 to 2147483647 cache 1, owned by nothing"
            ),
        ],
        id="owner-of-a-sequence",
    ),
    pytest.param(
        'comment on column "image"."url" is \'where it is\'',
        ["only ours: comment on image.url: where it is"],
        id="comment",
    ),
    pytest.param(
        'comment on constraint "PK_d6db1ab4ee9ad9dbe86c64e4cc3" on "image" is \'unique\'',
        ['only ours: comment on "PK_d6db1ab4ee9ad9dbe86c64e4cc3" on image: unique'],
        id="comment-on-a-constraint",
    ),
    pytest.param(
        'drop extension "plpgsql"',
        ["only Medusa's: extension plpgsql in schema pg_catalog"],
        id="extension",
    ),
    pytest.param(
        "create function \"one\"() returns integer language sql as 'select 1'",
        ["only ours: function one(): select 1"],
        id="function",
    ),
    pytest.param(
        'update "currency" set "name" = \'Euros\' where "code" = \'eur\'',
        [
            "only Medusa's: currency: code='eur', symbol='€', symbol_native='€', name='Euro'",
            "only ours: currency: code='eur', symbol='€', symbol_native='€', name='Euros'",
        ],
        id="row",
    ),
    pytest.param(
        'update "migrations" set "name" = \'claims\' where "name" = \'claims1612284947120\'',
        [
            (
                "the ledgers agree in 2 rows of 75 and 75; Medusa's goes on with"
                " [(1612284947120, 'claims1612284947120'), (1612353094577, 'indexes1612353094577'),"
                " (1613146953072, 'notifications1613146953072')], ours with"
                " [(1612284947120, 'claims'), (1612353094577, 'indexes1612353094577'),"
                " (1613146953072, 'notifications1613146953072')]"
            )
        ],
        id="ledger",
    ),
    pytest.param('create table "typeorm_metadata" ("type" text primary key)', [], id="left-out"),
]


@pytest.fixture
def pair(server: TestServer, made_by_medusa: Callable[..., str]) -> Iterator[tuple[str, str]]:
    template = made_by_medusa(VERSION)
    with server.database(template) as left, server.database(template) as right:
        yield server.url(left), server.url(right)


@pytest.mark.parametrize(("change", "seen"), CHANGES)
def test_a_single_change_is_seen(change: str, seen: list[str], pair: tuple[str, str]) -> None:
    theirs, ours = pair
    with psycopg.connect(ours, autocommit=True) as conn:
        for statement in change.split("; "):
            conn.execute(sql.SQL(statement))

    assert sorted(differences(theirs, ours).splitlines()) == sorted(seen)


def test_two_copies_have_no_difference(pair: tuple[str, str]) -> None:
    assert differences(*pair) == ""


def test_the_last_row_of_the_ledger_is_missed(pair: tuple[str, str]) -> None:
    theirs, ours = pair
    with psycopg.connect(ours) as conn:
        conn.execute('delete from "migrations" where "id" = 75')

    assert differences(theirs, ours) == (
        "the ledgers agree in 74 rows of 75 and 74; Medusa's goes on with"
        " [(1709888477798, 'AlterCustomerUniqueConstraint1709888477798')], ours with []"
    )


def test_only_what_the_run_wrote_counts_as_its_time(pair: tuple[str, str]) -> None:
    theirs, ours = pair
    since = clock(theirs)
    for url, then in ((theirs, "now()"), (ours, "now() + interval '1 s'")):
        with psycopg.connect(url) as conn:
            conn.execute(
                sql.SQL("insert into image (id, url, created_at) values ('a', 'a', {})").format(
                    sql.SQL(then)
                )
            )

    assert differences(theirs, ours, since=since) == ""
    with psycopg.connect(ours) as conn:
        conn.execute("update image set created_at = '2020-01-01'")
    assert "created_at='during the run'" in differences(theirs, ours, since=since)


def test_random_ids_are_equal_unless_they_repeat(theirs: str) -> None:
    link = "insert into publishable_api_key_sales_channel values ('{}', '{}')"
    with psycopg.connect(theirs) as conn:
        conn.execute(
            "create table publishable_api_key_sales_channel (sales_channel_id text, id text)"
        )
        for channel, id_ in (("a", "pksc_" + "0a" * 13), ("b", "pksc_" + "0b" * 13), ("c", "mine")):
            conn.execute(sql.SQL(link.format(channel, id_)))
        unique = medusa_snapshot.rows(conn)
        conn.execute(
            "update publishable_api_key_sales_channel set id = %s where id <> 'mine'",
            ["pksc_" + "0c" * 13],
        )
        repeated = medusa_snapshot.rows(conn)

    assert unique["publishable_api_key_sales_channel"] == [
        ("sales_channel_id='a'", "id='pksc_(random, in 1 rows)'"),
        ("sales_channel_id='b'", "id='pksc_(random, in 1 rows)'"),
        ("sales_channel_id='c'", "id='mine'"),
    ]
    assert unique != repeated


def test_a_snapshot_does_not_depend_on_the_name_of_the_schema(pair: tuple[str, str]) -> None:
    left, right = pair
    with psycopg.connect(left) as conn:
        public = medusa_snapshot.snapshot(conn)
    with psycopg.connect(right) as conn:
        conn.execute("alter extension pg_trgm set schema pg_catalog")
        conn.execute("alter schema public rename to shop")
        shop = medusa_snapshot.snapshot(conn, "shop")

    assert medusa_snapshot.difference(public, shop, names=("public", "shop")).splitlines() == [
        "only shop: extension pg_trgm in schema pg_catalog",
        "only public: extension pg_trgm in schema public",
    ]


def test_a_replay_stops_where_it_is_told(theirs: str) -> None:
    first = replay(VERSION, theirs, stop_after=3)
    rest = replay(VERSION, theirs)

    assert first.ran == first.enabled[:3]
    assert rest.ran == rest.enabled[3:]


def test_a_replay_that_fails_changes_nothing(theirs: str) -> None:
    with psycopg.connect(theirs) as conn:
        conn.execute('create table "claim_tag" ("id" text)')
        before = medusa_snapshot.snapshot(conn)

    with pytest.raises(ReplayError, match='claims1612284947120: relation "claim_tag" already'):
        replay(VERSION, theirs)

    with psycopg.connect(theirs) as conn:
        assert medusa_snapshot.snapshot(conn) == before


def test_random_rows_are_the_same_from_the_same_seed(pair: tuple[str, str]) -> None:
    left, right = pair
    with psycopg.connect(left) as conn:
        medusa_rows.fill(conn, seed=1)
    with psycopg.connect(right) as conn:
        counts = medusa_rows.fill(conn, seed=1)

    assert differences(left, right) == ""
    assert set(counts.values()) == {medusa_rows.ROWS}


def test_random_rows_hold_what_breaks_careless_code(pair: tuple[str, str]) -> None:
    with psycopg.connect(pair[0]) as conn:
        medusa_rows.fill(conn, seed=2)
        found = medusa_snapshot.rows(conn)

    values = "\n".join(value for table in found.values() for row in table for value in row)
    assert all(repr(text)[1:-1] in values for text in medusa_rows.TEXTS)
    assert "deleted_at='20" in values
    assert "deleted_at is null" in values
    assert f"'{2**31 - 1}'" in values
