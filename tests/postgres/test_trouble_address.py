"""A database that is named wrongly, or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import servers

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (("migrate",), ("plan",), ("status",), ("verify",), ("wait", "--for", "1.20.11"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_without_a_url_says_how_to_name_a_database(command: tuple[str, ...]) -> None:
    done = servers.medusa_db(*command)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "medusa-db: no database is named; set DATABASE_URL=postgres://user@host:5432/shop, or give "
        "--database-url, --database-url-file or --embedded\n"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("A=1\nexport DATABASE_URL=postgres://shop:s3cr3t@db/shop\n", True, id="there"),
        pytest.param("#DATABASE_URL=postgres://shop@db/shop\nDATABASE_URL=\n", False, id="empty"),
        pytest.param(None, False, id="pipe"),
    ],
)
def test_a_url_that_only_the_file_of_the_server_has_is_pointed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, named: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is None:
        os.mkfifo(".env")
    else:
        (tmp_path / ".env").write_text(text)

    done = servers.medusa_db("status")

    assert done.returncode == 2
    assert ("a shell reads it by: set -a; . ./.env; set +a" in done.stderr) == named
    assert "s3cr3t" not in done.stderr


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("shop", "has no scheme", id="a-word"),
        pytest.param("postgres://shop@host:54x2/shop", "host or port is malformed", id="port"),
        pytest.param("postgres://u:s3cr3t/p4ss@host/shop", "percent-encoded", id="slash"),
        pytest.param("postgres://u:s3cr3t@p4ss@host/shop", "percent-encoded", id="at"),
        pytest.param("postgres://u:12/s3cr3t@host/shop", "percent-encoded", id="digits-slash"),
        pytest.param("postgres://u:s3cr3t%p4ss@host/shop", "percent-encoded", id="percent"),
        pytest.param("host=h password=s3cr3t p4ss", "no list of key=value pairs", id="pairs"),
        pytest.param(
            "postgres://u:s3cr3t@host/shop?pgbouncer=true",
            "the parameter pgbouncer, which libpq does not know",
            id="parameter",
        ),
        pytest.param(
            "postgres://u:s3cr3t@host/shop?sslmode=verify_ca",
            "write sslmode=verify-ca",
            id="sslmode",
        ),
        pytest.param("'postgres://u:s3cr3t@host/shop'", "stands in quotes", id="quotes"),
        pytest.param(
            "postgres://u:s3cr3t@host/shop?currentSchema=x", "named by ?schema=NAME", id="schema"
        ),
        pytest.param("postgres://u:s3cr3t@$DB_HOST/shop", "a variable in it", id="variable"),
        pytest.param("postgres://u:s3cr3t@host:70000/shop", "a number from 1 to 65535", id="range"),
        pytest.param("postgres://u:s3cr3t@:5432/shop", "its host is empty", id="no-host"),
        pytest.param(
            "jdbc:postgresql://host/shop?user=u&password=s3cr3t", "spelt for JDBC", id="jdbc"
        ),
    ],
)
def test_a_malformed_url_is_a_usage_error_that_does_not_quote_it(url: str, says: str) -> None:
    done = servers.medusa_db("migrate", url=url)

    assert done.returncode == 2
    assert says in done.stderr
    assert "s3cr3t" not in done.stderr
    assert "p4ss" not in done.stderr


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite://shop.db", "sqlite"),
        ("./medusa-db.sqlite", "sqlite"),
        ("mysql://shop:s3cr3t@host/shop", "mysql"),
        ("mongodb://host/shop", "mongodb"),
    ],
)
def test_another_kind_of_database_is_refused_by_its_name(url: str, name: str) -> None:
    done = servers.medusa_db("migrate", url=url)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"medusa-db: {name} is not supported, only PostgreSQL is: Medusa's migrations need it. "
        "Give a URL such as postgres://user@host:5432/shop\n"
    )


def test_a_url_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = servers.medusa_db("migrate", "--database-url-file", str(tmp_path / "url"))

    assert done.returncode == 2
    assert "No such file" in done.stderr
