"""Opens the database that the options and the environment name."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_db import streams
from medusa_migrations.contract import concealed
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.plan import observe
from medusa_migrations.postgres import address as addresses
from medusa_migrations.postgres import connection, translation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from psycopg import Connection

    from medusa_db.arguments.groups import DatabaseArguments
    from medusa_db.demo.embedded import Server
    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.contract.concealed import Concealed
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.postgres.address import Address


_MOST = 1 << 16
"""Bytes of a file with a URL."""
_COMES = 60.0
"""Seconds for a URL to come, where a pipe is named."""
_FILLED = ("PGHOST", "PGDATABASE", "PGUSER")
"""What libpq would put something of its own in place of, such as a socket of this machine."""


@contextlib.contextmanager
def connected(
    args: DatabaseArguments,
    command: str,
    patience: float,
    say: Callable[[str], None] | None = None,
    until: float | None = None,
) -> Iterator[tuple[Connection[Any], Address]]:
    """Open the database that *args* and the environment name, for the duration of a `with`.

    *patience* is how many seconds to wait for a server that is starting. Nothing is waited for after
    *until*, by the monotonic clock.
    """

    def complain(line: str) -> None:
        sys.stderr.write(f"medusa-db: {line}\n")

    with _address(args) as address:
        conn = connection.open_(
            address, command, patience=patience, say=say or complain, until=until
        )
        with conn, translation.translated(address, conn):
            yield conn, address


@contextlib.contextmanager
def _address(args: DatabaseArguments) -> Iterator[Address]:
    server: Server | None = None
    if args.embedded is not None:
        server = _embedded(args.embedded)
    try:
        if server:
            yield addresses.parse(server.url("medusa"))
        else:
            os.environ.update(addresses.without_line_breaks(os.environ))  # libpq reads them there
            known = concealed.from_environment(os.environ)
            named = bool(args.database_url or args.database_url_file)
            _require_secrets(known, needed=() if named else ("DATABASE_URL",))
            yield addresses.resolve(*_url(args), os.environ, known)
    finally:
        if server is not None:
            server.stop()


def _require_secrets(known: Concealed, needed: Collection[str]) -> None:
    """Raise UsageError where a variable that comes from a key of a Secret does not exist, or is empty.

    Only libpq's, and those that are *needed*: others need not concern us.
    """
    for name, source in known.sources.items():
        secret, slash, key = source.partition("/")
        if slash and (name.startswith("PG") or name in needed) and name not in os.environ:
            raise UsageError(
                f"{name} is not set: Secret {secret} is missing in this namespace, or has no key {key}. Create "
                "it first, or correct its name and key",
                reason="SecretMissing",
            )
        if slash and (name in _FILLED or name in needed) and not os.environ.get(name, " ").strip():
            raise UsageError(f"{name} is empty: key {key} of Secret {secret} has nothing in it")


def _embedded(folder: str) -> Server:
    """Start the private server kept in *folder*, with a database `medusa`."""
    import psycopg  # noqa: PLC0415

    from medusa_db.demo import embedded  # noqa: PLC0415

    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    place = Path(folder) if folder else Path(home) / "medusa-db"
    server = embedded.Server(
        place.resolve(), embedded.binaries(", or name a database with --database-url")
    )
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as conn:
        row = conn.execute("select from pg_database where datname = 'medusa'").fetchone()
        if row is None:
            conn.execute("create database medusa")
    return server


def _url(args: DatabaseArguments) -> tuple[str, str]:
    """Return the URL, and what names it."""
    if args.database_url is not None:
        variable = "MEDUSA_DB_DATABASE_URL"
        given = os.environ.get(variable) == args.database_url
        return args.database_url, variable if given else "--database-url"
    if args.database_url_file is not None:
        file = args.database_url_file
        raw = streams.content("--database-url-file", file, most=_MOST, within=_COMES)
        try:
            return raw.decode().strip(), file
        except UnicodeDecodeError as exc:
            raise UsageError(f"--database-url-file {file}: it is not UTF-8") from exc
    if os.environ.get("DATABASE_URL"):
        return os.environ["DATABASE_URL"], "DATABASE_URL"
    raise UsageError(
        "no database is named; set DATABASE_URL=postgres://user@host:5432/shop, or give "
        f"--database-url, --database-url-file or --embedded{_in_dotenv()}"
    )


def _in_dotenv() -> str:
    """Say so where the shop's file .env, which its server reads and nobody here, names the database."""
    place = Path(".env")
    try:
        if not place.is_file():  # a pipe, as keepers of passwords make it, gives its text once
            return ""
        with place.open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST)
    except OSError:
        return ""
    if not re.search(r"^\s*(?:export\s+)?DATABASE_URL\s*=\s*\S", text, re.MULTILINE):
        return ""
    return (
        "; the file .env has one for the server, and a shell reads it by: set -a; . ./.env; set +a"
    )


def look(
    args: DatabaseArguments,
    conn: Connection[Any],
    address: Address,
    catalog: Catalog,
    *,
    tables: bool = True,
) -> DatabaseState:
    """Return what one look at the shop's schema finds; raise where tables exist without a ledger.

    Raises also where a ledger exists without *tables*, if those are wanted.
    """
    schema = observe.schema_of(conn, args.schema or address.schema)
    observed = observe.observe(conn, catalog, schema)
    observe.refuse_unledgered(catalog, observed)
    if tables:
        observe.refuse_ledger_alone(catalog, observed)
    return observed
