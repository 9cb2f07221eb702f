"""A shop that the role's search path hides, and one that it leads to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

import servers
from faults import snapshot
from roles import role

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import TestServer

COMMANDS = (
    ("status",),
    ("plan", "--to", "1.12.3"),
    ("migrate", "--to", "1.12.3"),
    ("wait", "--for", "1.12.3", "--timeout", "1s"),
    ("seed", "export"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_a_shop_behind_an_empty_schema_of_the_search_path_is_not_called_empty(
    server: TestServer, shop_at: Callable[..., str], command: tuple[str, ...]
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("create schema audit")
    server.execute("alter database {} set search_path to audit, public", url.rpartition("/")[2])
    before = snapshot(url)

    done = servers.medusa_db(*command, url=url)

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        "medusa-db: the schema audit, the first of the search path, has no ledger of Medusa's, and "
        "the schema public has one. Name the schema that is meant: --schema public, or ?schema=public "
        "in the URL; --schema audit for another shop beside it\n"
    )
    assert snapshot(url) == before


def test_a_shop_in_a_schema_that_nobody_named_is_not_doubled_in_public(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("create schema shop")
    made = servers.medusa_db("migrate", "--to", "1.12.3", "--schema", "shop", url=url)
    assert made.returncode == 0, made.stderr

    status = servers.medusa_db("status", url=url)
    named = servers.medusa_db("status", "--schema", "public", url=url)

    assert status.returncode == 5
    assert "the schema shop has one" in status.stderr
    assert named.returncode == 0, named.stderr


def test_a_first_schema_that_the_role_may_not_use_is_denied(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    url = shop_at("1.12.3")
    name = url.rpartition("/")[2]
    with psycopg.connect(url) as conn:
        conn.execute("alter schema public rename to shop; create schema public")
        conn.execute("revoke all on schema shop from public")

    with role(server, name, "grant usage, create on schema public to {}") as stranger:
        server.execute(f"alter role {stranger} set search_path to shop, public")
        done = servers.medusa_db("status", url=server.url(name, stranger))

    assert (done.returncode, done.stdout) == (5, "")
    assert f'grant usage on schema "shop" to "{stranger}"' in done.stderr


@pytest.mark.parametrize("options", [(), ("--schema", "public")], ids=["search-path", "named"])
def test_a_schema_that_the_role_may_not_use_exists_all_the_same(
    server: TestServer, url: str, options: tuple[str, ...]
) -> None:
    name = url.rpartition("/")[2]
    with psycopg.connect(url) as conn:
        conn.execute("revoke all on schema public from public")

    with role(server, name) as stranger:
        done = servers.medusa_db("migrate", *options, url=server.url(name, stranger))

    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr == (
        f"medusa-db: the role {stranger} may not use the schema public. As its owner: grant usage on schema "
        f'"public" to "{stranger}"\n'
    )


def test_a_history_that_may_not_be_read_is_said_so(
    server: TestServer, shop_at: Callable[..., str]
) -> None:
    name = shop_at("1.12.3").rpartition("/")[2]

    with role(
        server, name, "grant usage on schema public to {}", "grant select on migrations to {}"
    ) as reader:
        done = servers.medusa_db("status", url=server.url(name, reader))
        plan = servers.medusa_db(
            "plan", "--to", "1.13.0", "--output", "json", url=server.url(name, reader)
        )

    assert (
        "the ledger proves 1.12.0 to 1.12.3; the history would tell which of them it is, and cannot be read: "
        "the role may not use the schema medusa_db"
    ) in json.loads(plan.stdout)["warnings"]
    assert done.returncode == 0, done.stderr
    assert (
        "The history of runs cannot be read: the role may not use the schema medusa_db."
        in done.stdout
    )


def test_several_shops_of_several_roles_share_a_database(server: TestServer, url: str) -> None:
    name = url.rpartition("/")[2]
    with psycopg.connect(url) as conn:
        conn.execute("create extension pg_trgm")
    made = servers.medusa_db("migrate", "--to", "1.2.0", url=url)
    assert made.returncode == 0, made.stderr

    with role(server, name) as tenant:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(
                sql.SQL("create schema {0} authorization {0}").format(sql.Identifier(tenant))
            )
        server.execute(f"alter role {tenant} set search_path to {tenant}")
        done = servers.medusa_db("migrate", "--to", "1.2.0", url=server.url(name, tenant))

    assert done.returncode == 0, done.stderr
