"""Roles that may not do what the migrations need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import servers
from faults import runs, snapshot
from medusa_migrations.records import history
from roles import owned_shop, role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from servers import TestServer

pytestmark = pytest.mark.each_server

READ = (
    "revoke create on schema public from public",  # as it is from PostgreSQL 15 on
    "grant usage on schema public to {}",
    "grant select on all tables in schema public to {}",
)
WRITE = (
    "grant usage, create on schema public to {}",
    "grant all on all tables in schema public to {}",
    "grant all on all sequences in schema public to {}",
)


def test_a_role_that_may_only_read_is_refused_with_the_grant_it_needs(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")
    name = url.rpartition("/")[2]

    with role(server, name, *READ) as reader:
        before = snapshot(url)
        done = servers.medusa_db("migrate", "--to", "1.20.11", url=server.url(name, reader))
        status = servers.medusa_db("status", url=server.url(name, reader))

        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr.startswith(
            "medusa-db: 3 things stand in the way, nothing was written:\n"
            f"- the role {reader} may not create tables in the schema public. As its owner: "
            f'grant usage, create on schema "public" to "{reader}"\n- the role {reader} does not own '
        )
        assert status.returncode == 0, status.stderr
        assert snapshot(url) == before


def test_a_role_that_may_not_even_read_the_ledger_is_refused(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    name = shop_at("1.12.3").rpartition("/")[2]

    with role(server, name) as stranger:
        done = servers.medusa_db("migrate", "--to", "1.20.11", url=server.url(name, stranger))

        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr == (
            f"medusa-db: {server.url(name, stranger)}: permission denied for table migrations; "
            "grant it to the user\n"
        )


def test_sessions_that_are_read_only_by_a_setting_are_refused(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")
    name, before = url.rpartition("/")[2], snapshot(url)
    server.execute("alter database {} set default_transaction_read_only to on", name)

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        "medusa-db: sessions of this user are read-only (default_transaction_read_only). Use the "
        "owner of the shop's tables, or reset the setting for this role or database\n"
    )
    assert snapshot(url) == before


@pytest.mark.parametrize("command", ["migrate", "plan"])
def test_a_role_that_may_not_create_in_the_schema_is_refused_before_anything_runs(
    server: TestServer, command: str
) -> None:
    with server.database() as name, role(server, name) as stranger:
        server_url = server.url(name)
        with psycopg.connect(server_url) as conn:
            conn.execute("revoke create on schema public from public")
        before = snapshot(server_url)

        done = servers.medusa_db(command, url=server.url(name, stranger))

        said = f"the role {stranger} may not create tables in the schema public. As its owner: "
        assert said in done.stdout + done.stderr
        assert done.returncode == (5 if command == "migrate" else 0)
        assert snapshot(server_url) == before


def test_pg_trgm_is_asked_for_before_anything_runs_and_used_where_it_is_there(
    server: TestServer,
) -> None:
    with (
        server.database() as name,
        role(server, name, "grant usage, create on schema public to {}") as owner,
    ):
        before = snapshot(server.url(name))
        with psycopg.connect(server.url(name)) as conn:
            is_trusted = conn.info.server_version >= 130000

        done = servers.medusa_db("migrate", "--to", "1.20.11", url=server.url(name, owner))

        grant = f'grant create on database "{name}" to "{owner}"'
        otherwise = f" (or, as the owner of the database: {grant})" if is_trusted else ""
        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr == (
            "medusa-db: the extension pg_trgm is not installed and the role may not install it. As a "
            f'superuser, in this database: create extension "pg_trgm"{otherwise}\n'
        )
        assert snapshot(server.url(name)) == before

        with psycopg.connect(server.url(name)) as conn:
            conn.execute("create extension pg_trgm")
        again = servers.medusa_db(
            "migrate", "--to", "1.20.11", "--output", "json", url=server.url(name, owner)
        )

        assert again.returncode == 0, again.stderr
        assert '"history": "off: the role may not create a schema in this database"' in again.stdout
        assert '"verified": true' in again.stdout
        assert runs(server.url(name)) == 0


@pytest.mark.parametrize(
    ("grants", "said"),
    [
        ((), "the role may not use the schema medusa_db"),
        (("usage",), "the role may not create tables in the schema medusa_db"),
        (("usage, create",), ""),
    ],
    ids=("none", "usage", "usage-and-create"),
)
def test_history_is_kept_in_a_schema_that_somebody_else_made(
    server: TestServer, grants: Sequence[str], said: str
) -> None:
    with (
        server.database() as name,
        role(server, name, "grant usage, create on schema public to {}") as owner,
    ):
        with psycopg.connect(server.url(name)) as conn:
            conn.execute("create extension pg_trgm; create schema medusa_db")
            for grant in grants:
                text = sql.SQL(f"grant {grant} on schema medusa_db to {{}}")
                conn.execute(text.format(sql.Identifier(owner)))

        done = servers.medusa_db(
            "migrate", "--to", "1.20.11", "--output", "json", url=server.url(name, owner)
        )

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["history"] == (f"off: {said}" if said else "on")
        assert runs(server.url(name)) == (0 if said else 1)


def test_a_history_that_may_be_read_and_not_written_is_not_written(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.20.11")
    name, kept = url.rpartition("/")[2], runs(url)

    with (
        role(server, name, "grant usage on schema medusa_db to {}") as reader,
        psycopg.connect(url) as conn,
    ):
        conn.execute(
            sql.SQL("grant select on medusa_db.history to {}").format(sql.Identifier(reader))
        )
        conn.execute(sql.SQL("set role {}").format(sql.Identifier(reader)))
        why = history.why_off(conn)
        conn.rollback()

    assert (why, runs(url)) == ("the role may not write to medusa_db.history", kept)


def test_tables_of_another_owner_are_named_with_their_owner(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")
    name, before = url.rpartition("/")[2], snapshot(url)

    with role(server, name, *WRITE) as writer:
        done = servers.medusa_db("migrate", "--to", "1.20.11", url=server.url(name, writer))

        assert (done.returncode, done.stdout) == (5, "")
        assert f"the role {writer} does not own " in done.stderr
        assert "money_amount" in done.stderr
        assert (
            "which the migrations change. Run as postgres, their owner, or let it give them over: alter ... owner "
            f'to "{writer}"'
        ) in done.stderr
    after = {row for row in snapshot(url) if row[0] != "schema"}
    assert after == {row for row in before if row[0] != "schema"}


def test_a_member_of_the_owner_may_migrate(server: TestServer, shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    name = url.rpartition("/")[2]

    with role(server, name, "grant postgres to {}") as member:
        done = servers.medusa_db("migrate", "--to", "1.20.11", url=server.url(name, member))

        assert done.returncode == 0, done.stderr


def test_a_table_that_is_read_and_may_not_be_locked_is_found_beforehand(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.7.0")
    name = url.rpartition("/")[2]
    grants = (
        "grant usage, create on schema public to {}",
        "grant select on all tables in schema public to {}",
        "grant insert on migrations to {}",
        "grant select, update on gift_card to {}",
    )

    with role(server, name, *grants) as clerk:
        done = servers.medusa_db("migrate", "--to", "1.7.1", url=server.url(name, clerk))

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.splitlines()[-1] == (
        f"- the role {clerk} may not lock region, whose rows 1.7.1/gift_card_tax_rate reads: "
        "rows written meanwhile would be passed over. As its owner: grant update on "
        f'"public"."region" to "{clerk}"'
    )


@pytest.mark.parametrize("command", ["migrate", "plan"])
def test_types_of_another_owner_are_named_before_anything_is_written(
    server: TestServer, command: str
) -> None:
    with owned_shop(server, "1.3.5") as shop:
        shop.run('alter type "swap_fulfillment_status_enum" owner to current_user')
        before = snapshot(shop.admin)

        done = servers.medusa_db(command, "--to", "1.20.11", url=shop.url)

        assert done.returncode == (5 if command == "migrate" else 0)
        said = f"the role {shop.owner} does not own the type swap_fulfillment_status_enum"
        assert said in done.stderr + done.stdout
        assert snapshot(shop.admin) == before


LEDGERS = {
    "another-owner": ("alter table migrations owner to postgres", "grant select, insert on migrations to {}"),
    "no-insert": ("revoke insert on migrations from {}",),
    "a-sequence-behind": (
        "alter table migrations owner to postgres",
        "grant select, insert on migrations to {}",
        "grant usage on sequence migrations_id_seq to {}",
        "select setval('migrations_id_seq', 1, false)",
    ),
    "no-default": (
        "alter table migrations owner to postgres",
        "grant all on migrations to {}",
        "alter table migrations alter id drop default",
    ),
}  # fmt: skip
GRANTS = {
    "another-owner": 'grant usage, update on sequence public.migrations_id_seq to "{}"',
    "no-insert": 'grant insert on "public"."migrations" to "{}"',
    "a-sequence-behind": 'grant usage, update on sequence public.migrations_id_seq to "{}"',
    "no-default": 'alter table "public"."migrations" owner to "{}"',
}


@pytest.mark.parametrize("name", LEDGERS)
def test_a_ledger_that_takes_no_row_of_our_role_is_found_beforehand(
    server: TestServer, name: str
) -> None:
    with owned_shop(server, "1.18.0") as shop:
        shop.run(*LEDGERS[name])
        before = snapshot(shop.admin)
        grant = GRANTS[name].format(shop.owner)

        planned = servers.medusa_db("plan", "--to", "1.20.11", url=shop.url)
        done = servers.medusa_db("migrate", "--to", "1.20.11", url=shop.url)

        said = (
            f"the role {shop.owner} may not add rows to the ledger public.migrations. "
            f"As its owner: {grant}"
        )
        assert said in " ".join(planned.stdout.split())
        assert (done.returncode, done.stderr.strip().splitlines()[-1]) == (5, f"medusa-db: {said}")
        assert snapshot(shop.admin) == before
        shop.run(grant)
        again = servers.medusa_db("migrate", "--to", "1.20.11", url=shop.url)
        assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("name", LEDGERS)
def test_a_ledger_that_gets_no_row_needs_to_take_none(server: TestServer, name: str) -> None:
    with owned_shop(server, "1.18.1") as shop:
        shop.run(*LEDGERS[name], "revoke create on schema public from public, {}")

        done = servers.medusa_db("migrate", "--to", "1.19.0", url=shop.url)

        assert done.returncode == 0, done.stderr


def test_a_ledgers_sequence_that_may_only_be_used_is_enough(server: TestServer) -> None:
    with owned_shop(server, "1.18.0") as shop:
        shop.run(
            "alter table migrations owner to postgres",
            "grant select, insert on migrations to {}",
            "grant usage on sequence migrations_id_seq to {}",
        )

        done = servers.medusa_db("migrate", "--to", "1.20.11", url=shop.url)

        assert done.returncode == 0, done.stderr


def test_a_right_that_a_session_needs_to_begin_is_named(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("revoke select on pg_settings from public")

    with role(server, name, *WRITE) as user:
        done = servers.medusa_db("status", url=server.url(name, user))

    assert (done.returncode, done.stdout) == (5, "")
    assert "permission denied for view pg_settings; grant it to the user" in done.stderr


def test_a_tablespace_that_takes_nothing_of_the_role_is_found_beforehand(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")
    name = url.rpartition("/")[2]
    with psycopg.connect(server.admin_url, autocommit=True) as conn:
        if conn.info.server_version < 150000:
            pytest.skip("PostgreSQL 15 made it possible")
        conn.execute("set allow_in_place_tablespaces = on")
        conn.execute("create tablespace fast location ''")
    try:
        server.execute("alter database {} set default_tablespace = {}", name, "fast")
        with role(server, name, *WRITE) as user:
            before = snapshot(url)
            done = servers.medusa_db("plan", "--to", "1.20.11", url=server.url(name, user))
            nothing = servers.medusa_db("plan", "--to", "1.12.3", url=server.url(name, user))
            granted = "grant create on tablespace {} to {}"
            server.execute(granted, "fast", user)
            assert snapshot(url) == before
            may = servers.medusa_db("plan", "--to", "1.20.11", url=server.url(name, user))
            server.execute("revoke all on tablespace {} from {}", "fast", user)

        said = f'grant create on tablespace "fast" to "{user}"'
        assert said in " ".join(done.stdout.split())
        assert said not in " ".join((may.stdout + nothing.stdout).split())
    finally:
        server.execute("alter database {} reset default_tablespace", name)
        server.execute("drop tablespace {}", "fast")


LINKS = ("--flag", "medusa_v2=true", "--flag", "publishable_api_keys=true")
"""Flags whose migrations write to tables that others leave alone."""
RIGHTS = {
    "update": ("1.18.0", "update", "publishable_api_key_sales_channel", LINKS),
    "select": ("1.18.0", "select", "publishable_api_key_sales_channel", LINKS),
    "insert": ("1.12.3", "insert", "currency", LINKS),
    "delete": ("1.7.15", "delete", "product_category", LINKS),
    "read": ("1.12.3", "select", "product", LINKS),
    "checked by a foreign key": ("1.7.12", "select", "line_item", ()),
}


@pytest.mark.parametrize(("version", "right", "table", "flags"), RIGHTS.values(), ids=RIGHTS)
def test_a_right_that_an_owner_has_withdrawn_from_itself_is_found_beforehand(
    server: TestServer, tmp_path: Path, version: str, right: str, table: str, flags: tuple[str, ...]
) -> None:
    rows = """
        insert into line_item (id, title, unit_price, quantity) values ('an item', '', 1, 1);
        insert into line_item_tax_line (id, rate, name, item_id) values ('its tax', 1, '', 'an item');
    """
    own = "insert into currency values ('xts', 'X', 'X', 'Test');" if right == "insert" else ""
    (tmp_path / "1600000000000_own.sql").write_text(own or "select 1;")
    with owned_shop(server, version) as shop:
        flags += ("--migrations-dir", str(tmp_path))
        if table == "line_item":  # a key on a table without rows checks nothing
            with psycopg.connect(shop.admin) as conn:
                conn.execute(rows)
        shop.run(f"revoke {right} on {table} from {{}}")
        before = snapshot(shop.admin)

        plan = servers.medusa_db("plan", "--check", "--to", "1.20.11", *flags, url=shop.url)
        done = servers.medusa_db("migrate", "--to", "1.20.11", *flags, url=shop.url)

        grant = f'grant {right} on "public"."{table}" to "{shop.owner}"'
        assert (plan.returncode, done.returncode) == (9, 5), done.stderr
        assert (
            f"the role {shop.owner} has no right to {right} on {table}, whose rows the migrations change "
            f"or read. As its owner: {grant}\n"
        ) in done.stderr
        assert snapshot(shop.admin) == before

        with psycopg.connect(shop.url, autocommit=True) as conn:
            conn.execute(grant.encode())
        again = servers.medusa_db("migrate", "--to", "1.20.11", *flags, url=shop.url)
        assert again.returncode == 0, again.stderr
