"""What a real Medusa did is proven by its ledgers and its own lists, and not by its exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import projects
import servers

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

V1, V2 = "1.20.11", "2.21.2"


def execute(
    folder: Path, url: str, *command: str, **environment: str
) -> tuple[Any, subprocess.CompletedProcess[str]]:
    done = servers.medusa_db(
        "exec", "--project", str(folder), "--output", "json", "--", *command, url=url, timeout=280,
        **environment,
    )  # fmt: skip
    return json.loads(done.stdout), done


def counts(url: str) -> dict[str, int]:
    """Return how many rows each table of the ledgers has."""
    with psycopg.connect(url) as conn:
        names = servers.rows(
            conn,
            "select relname from pg_class where relname in ('migrations', 'mikro_orm_migrations',"
            " 'link_module_migrations', 'script_migrations') and relkind = 'r'",
        )
        return {
            name: servers.rows(conn, f"select count(*)::int from {name}")[0][0] for (name,) in names
        }


@pytest.mark.parametrize(
    ("version", "applied"),
    [
        pytest.param(V1, {"migrations": 82}, id="v1-with-plugin-and-modules"),
        pytest.param(
            V2, {"mikro_orm_migrations": 183, "link_module_migrations": 21}, id="v2-with-module-and-link"
        ),
    ],
)  # fmt: skip
def test_an_empty_database_is_brought_up_to_date_and_nothing_is_pending(
    server: TestServer, project: Callable[[str], Path], version: str, applied: dict[str, int]
) -> None:
    folder = project(version)
    with server.database() as name:
        found, done = execute(folder, server.url(name), *projects.migrate(version))

        assert done.returncode == 0, done.stderr
        assert found["medusa"] == version
        assert {ledger: len(names) for ledger, names in found["applied"].items()} == applied
        assert counts(server.url(name)) == found["ledgers"]
        assert (found["pending"]["migrations"], found["pending"]["links"]) == ([], [])
        assert ("welcome.js" in found["pending"]["scripts"]) is (version == V2)


def test_what_v1_passes_over_in_silence_is_named(
    server: TestServer, project: Callable[[str], Path]
) -> None:
    folder = project(V1)
    with server.database() as name, psycopg.connect(server.url(name), autocommit=True) as conn:
        conn.execute("create table product_review (id int)")  # the plugin's migration fails on it
        (folder / "src" / "migrations").mkdir(parents=True)
        (folder / "src" / "migrations" / "1800000000001-forgotten.ts").touch()

        found, done = execute(folder, server.url(name), *projects.migrate(V1))

    assert found["commands"][0]["exitCode"] == 0, "Medusa reports no failure"
    assert (done.returncode, found["reason"]) == (8, "Pending")
    assert "what the project wants is pending, 82 in all: initialSchema1611063162649" in done.stderr
    assert len(found["pending"]["migrations"]) == 82
    assert found["warnings"] == [
        "src/migrations/1800000000001-forgotten.ts was not built: Medusa runs what is in dist/migrations"
    ]


def test_a_command_that_did_nothing_leaves_what_is_pending(
    server: TestServer, project: Callable[[str], Path]
) -> None:
    folder = project(V2)
    with server.database() as name:
        found, done = execute(folder, server.url(name), "true")

        assert (done.returncode, found["reason"]) == (8, "Pending")
        assert len(found["pending"]["migrations"]) == 183
        assert len(found["pending"]["links"]) == 21
        assert counts(server.url(name)) == {}, "listing has written nothing"


def test_a_project_that_cannot_be_read_proves_nothing(
    server: TestServer, project: Callable[[str], Path]
) -> None:
    folder = project(V2)
    (folder / "medusa-config.js").write_text("throw new Error('no configuration today')")
    with server.database() as name:
        found, done = execute(folder, server.url(name), "true")

    assert (done.returncode, found["reason"]) == (8, "NotVerified")
    assert "pending" not in found
