"""Event triggers that forbid, and extensions on servers where only administrators make them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import servers
from faults import snapshot
from roles import role

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

pytestmark = pytest.mark.each_server

RAISES = "begin if session_user <> 'postgres' then raise exception 'keep out'; end if; end"
ONLY_ADMINISTRATORS = (
    (
        "create function refuse() returns event_trigger language plpgsql as $$ begin"
        " if not (select rolsuper from pg_roles where rolname = session_user) then"
        " raise exception 'only administrators may use CREATE EXTENSION' using errcode = '42501';"
        " end if; end $$"
    ),
    (
        "create event trigger refuse on ddl_command_start when tag in ('CREATE EXTENSION')"
        " execute function refuse()"
    ),
)


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for one in statements:
            conn.execute(sql.SQL(one))


def planned(url: str, *options: str) -> list[dict[str, Any]]:
    done = servers.medusa_db("plan", "--to", "1.20.11", "--output", "json", *options, url=url)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["findings"])


def trigger(name: str, on: str, body: str) -> tuple[str, str]:
    return (
        f"create function {name}() returns event_trigger language plpgsql as $$ {body} $$",
        f"create event trigger {name} on {on} execute function {name}()",
    )


def test_an_event_trigger_that_may_forbid_is_named_beforehand_and_in_the_failure(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    change(
        url,
        *trigger(
            "keep", "ddl_command_start when tag in ('ALTER TABLE')", "begin raise 'keep out'; end"
        ),
    )
    before = snapshot(url)

    (found,) = (f for f in planned(url) if f["reason"] == "EventTrigger")
    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert found["fatal"] is False
    assert found["problem"] == (
        "the event trigger keep (function keep()) runs at ALTER TABLE and may forbid it"
    )
    assert 'alter event trigger "keep" disable' in found["advice"]
    assert done.returncode == 7
    assert (
        "keep out (SQLSTATE P0001), in the function keep(), called by the event trigger keep; rolled back."
    ) in done.stderr
    assert snapshot(url) == before


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(
            trigger("note", "ddl_command_end", "begin raise notice 'done'; -- raise nothing\n end"),
            id="that-only-tells",
        ),
        pytest.param(
            trigger("views", "ddl_command_end when tag in ('CREATE VIEW')", RAISES),
            id="of-other-tags",
        ),
        pytest.param(
            (*trigger("off", "ddl_command_start", RAISES), "alter event trigger off disable"),
            id="that-is-disabled",
        ),
    ],
)
def test_one_that_cannot_forbid_what_is_pending_is_not_named(
    shop_at: Callable[..., str], statements: tuple[str, ...]
) -> None:
    url = shop_at("1.12.3")
    change(url, *statements)

    assert [f for f in planned(url) if f["reason"] == "EventTrigger"] == []


def test_an_extension_that_is_there_is_not_asked_for_again(server: TestServer) -> None:
    with (
        server.database() as name,
        role(server, name, "grant usage, create on schema public to {}") as owner,
    ):
        change(server.url(name), "create extension pg_trgm", *ONLY_ADMINISTRATORS)

        script = servers.medusa_db("plan", "--to", "1.20.11", "--sql", url=server.url(name, owner))
        done = servers.medusa_db(
            "migrate", "--to", "1.20.11", "--output", "json", url=server.url(name, owner)
        )

        assert "create extension" not in script.stdout
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["verified"] is True
        assert [w for w in report.get("warnings", ()) if "event trigger" in w] == []
        change(server.url(name), "drop event trigger refuse")


def test_an_extension_behind_a_schema_that_may_not_be_used_is_told_with_the_grant(
    server: TestServer,
) -> None:
    with (
        server.database() as name,
        role(server, name, "grant usage, create on schema public to {}") as owner,
    ):
        url = server.url(name, owner)
        change(server.url(name), "create schema tools", "create extension pg_trgm schema tools")
        before = snapshot(server.url(name))

        done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr == (
            f"medusa-db: the extension pg_trgm is in the schema tools, which the role {owner} may not use. "
            f'As its owner: grant usage on schema "tools" to "{owner}"\n'
        )
        assert snapshot(server.url(name)) == before

        change(server.url(name), f'grant usage on schema "tools" to "{owner}"')
        again = servers.medusa_db(
            "migrate", "--to", "1.20.11", url=url
        )  # it is not on the search path
        assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        ("no_such_extension", "the extension no_such_extension is not available on the server"),
        ("dblink", "the extension dblink is not installed and the role may not install it"),
    ],
)
def test_an_extension_of_a_file_of_the_shops_own_is_asked_for_beforehand(
    server: TestServer, tmp_path: Path, extension: str, said: str
) -> None:
    with (
        server.database() as name,
        role(server, name, "grant usage, create on schema public to {}") as owner,
    ):
        change(server.url(name), "create extension pg_trgm")
        (tmp_path / "1600000000000_own.sql").write_text(
            f"create extension if not exists {extension};"
        )
        before = snapshot(server.url(name))

        done = servers.medusa_db(
            "migrate",
            "--to",
            "1.20.11",
            "--migrations-dir",
            str(tmp_path),
            url=server.url(name, owner),
        )

        assert (done.returncode, done.stdout) == (5, "")
        assert said in done.stderr
        assert snapshot(server.url(name)) == before
