"""Looks before anything is written: every finding at once, each with what to do."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import DeniedError, RefusedError, UnsupportedError
from medusa_migrations.contract.values import some
from medusa_migrations.plan.findings import Finding
from medusa_migrations.plan.shop import enum_values, gone
from medusa_migrations.postgres import introspect, table_locks
from medusa_migrations.preflight import (
    definitions,
    event_triggers,
    extensions,
    pooler,
    rights,
    row_checks,
)
from medusa_migrations.records import other_tools, shop_files
from medusa_migrations.schema import affected, lock_modes
from medusa_migrations.schema.affected import Affected
from medusa_migrations.schema.lock_modes import Needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, DataStep
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.postgres.table_locks import TableLock

_ENUM_COLUMNS = """
    select t.typname::text, c.relname::text, a.attname::text
      from pg_type t join pg_attribute a on a.atttypid in (t.oid, t.typarray) and not a.attisdropped
      join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') join pg_namespace n on n.oid = c.relnamespace
     where t.typtype = 'e' and t.typname = any(%s) and n.nspname = %s
"""


def look(
    conn: Connection[Any],
    address: Address,
    catalog: Catalog,
    observed: DatabaseState,
    target: Version,
    items: Sequence[Migration | DataStep],
    adopts: Sequence[Migration] = (),
    transactions: Sequence[Sequence[Migration | DataStep]] = (),
) -> list[Finding]:
    """Return what stands in the way of *items*, on the way from what was *observed* to *target*.

    They run in these *transactions*; none: what one may do is not asked.

    The ledger gets the rows of *adopts* before, which is what was observed with them. Writes nothing.

    Medusa's own migrations are about nothing outside of the shop's schema. Where that is empty, nothing that is
    there is asked for by the names in them, and they are not read for that.
    """
    schema = observed.schema
    items = shop_files.without_done(conn, schema, items)
    migrations = [item for item in items if isinstance(item, Migration)]
    own = any(item.version is None for item in items)
    meets = own or not introspect.is_empty(conn, schema)
    changed = _changed(migrations) if meets else Affected()
    rows = _rows(items) if meets else Affected()
    needs = lock_modes.needs(items) if meets else Needs()
    locks = table_locks.existing(conn, schema, needs) if meets else []
    return [
        *_server(conn),
        *pooler.look(conn, address),
        *(_rights(conn, schema, changed, rows) if migrations or adopts else ()),
        *rights.tablespace(conn, migrations),
        *_of_other_tools(conn, migrations),
        *_gone(items, schema),
        *_uncommitted(conn, schema, transactions),
        *rights.not_lockable(conn, schema, needs, locks),
        *rights.hidden(conn, schema, items),
        *extensions.look(conn, migrations),
        *event_triggers.look(conn, migrations),
        *(_named(conn, catalog, schema, items, migrations) if meets else ()),
        *definitions.look(conn, catalog, observed, target, items, adopts),
        *_blockers(conn, schema, locks),
        *_halves(conn, schema, migrations),
        *row_checks.look(conn, schema, row_checks.of_items(items)),
    ]


def _changed(migrations: Sequence[Migration]) -> Affected:
    changed = affected.affected(migration.statements for migration in migrations)
    changed.written.update(table for migration in migrations for table in migration.rows)
    return changed


def _named(
    conn: Connection[Any],
    catalog: Catalog,
    schema: str,
    items: Sequence[Migration | DataStep],
    migrations: Sequence[Migration],
) -> Iterator[Finding]:
    """Find what stands in the way of what is there, or will be, by the names in *items*."""
    from medusa_migrations.preflight import function_texts, in_the_way  # noqa: PLC0415  a new shop needs none of it

    yield from in_the_way.look(conn, catalog, schema, items)
    yield from function_texts.look(conn, schema, migrations)
    yield from function_texts.taken(conn, schema, migrations)


def _rights(
    conn: Connection[Any], schema: str, changed: Affected, rows: Affected
) -> Iterator[Finding]:
    yield from rights.look(conn, schema, changed, rows)
    yield from rights.recordable(conn, schema)


def _rows(items: Sequence[Migration | DataStep]) -> Affected:
    """Return the tables whose rows *items* change or read, with the rights that are theirs now.

    A file of the shop's own may give itself what the items behind it need.
    """
    own = (item.statements for item in items if isinstance(item, Migration) and not item.version)
    if any("grant" in text.lower() for text in own):
        return Affected()
    rows = affected.affected(
        item.statements if isinstance(item, Migration) else item.text for item in items
    )
    for item in items:
        rows.inserted.update(item.rows if isinstance(item, Migration) else ())
    return rows


def _halves(
    conn: Connection[Any], schema: str, migrations: Sequence[Migration]
) -> Iterator[Finding]:
    """Yield the files of the shop's own that run outside of a transaction and came halfway."""
    for problem, advice, goes_on in shop_files.halves(conn, schema, migrations):
        yield Finding(problem, advice, None if goes_on else RefusedError, "FileHalfDone")


def _server(conn: Connection[Any]) -> Iterator[Finding]:
    row = conn.execute(
        "select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',"
        " current_setting('server_encoding'), current_setting('session_replication_role') = 'replica'"
    ).fetchone()
    standby, read_only, encoding, replica = row or (False, False, "UTF8", False)
    yield from _collation(conn)
    if replica:
        yield Finding(
            "sessions of this user fire no triggers (session_replication_role is replica), so no foreign "
            "key is enforced and no row that depends on another one follows it",
            "As a superuser: reset the setting for this role or database (alter role ... reset "
            "session_replication_role)",
            DeniedError,
            "TriggersOff",
        )
    if encoding not in ("UTF8", "SQL_ASCII"):
        yield Finding(
            f"the encoding of this database is {encoding}, which cannot hold Medusa's own rows",
            "Make a database with encoding UTF8 (createdb -E UTF8 -T template0)",
            UnsupportedError,
            "Encoding",
        )
    if standby:
        yield Finding(
            "the server is a standby and takes no writes",
            "Give the address of the primary (a libpq URL may name several hosts with "
            "target_session_attrs=read-write)",
            DeniedError,
            "Standby",
        )
    elif read_only:
        yield Finding(
            "sessions of this user are read-only (default_transaction_read_only)",
            "Use the owner of the shop's tables, or reset the setting for this role or database",
            DeniedError,
            "ReadOnly",
        )


def _collation(conn: Connection[Any]) -> Iterator[Finding]:
    """Find that texts may be sorted in another way than when the indexes were made."""
    if conn.info.server_version < 150000:
        return
    row = conn.execute(
        "select quote_ident(datname), datcollversion, pg_database_collation_actual_version(oid) from pg_database"
        " where datname = current_database() and datcollversion <> pg_database_collation_actual_version(oid)"
    ).fetchone()
    if row is not None:
        name, then, now = row
        fix = f"reindex database {name}; alter database {name} refresh collation version"
        yield Finding(
            f"the indexes of this database were made with version {then} of its collation, and the server has {now}: "
            "where the two sort in another order, rows are not found and keys let rows come twice",
            f"Before the upgrade, as its owner, when the shop is quiet: {fix}",
            fix=fix,
        )


def _of_other_tools(conn: Connection[Any], migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find the shop's own files that another migration tool has applied to this database already."""
    files = [migration.origin for migration in migrations if migration.version is None]
    if not files:
        return
    for tool, table, found in other_tools.applied(conn, files):
        names = some([PurePath(file).name for file in found], 5, what="more files")
        yield Finding(
            f"{tool} has applied {names} to this database already ({table}), and they would run again",
            "Leave them out of the folder of --migrations-dir; or, if they are to run, take their rows out of that table",
            RefusedError,
            "AppliedByOtherTool",
        )


def _gone(items: Sequence[Migration | DataStep], schema: str) -> Iterator[Finding]:
    """Find files of the shop's own that name what Medusa's migrations drop before they run, and the reverse."""
    for one in gone.look(items):
        sure = (
            "It would fail there"
            if one.certain
            else "A guess from its text: if it means that, it would fail there"
        )
        yield Finding(
            f"{one.file} names {one.what}, which {one.by} drops or renames before it",
            f"{sure}. Write the file for the schema as it is then, or give it a timestamp before that migration's",
            RefusedError if one.certain else None,
            "NameGone",
        )

    for clash in gone.clashes(items, schema):
        does = "makes" if clash.made else "drops or renames"
        needs = "makes" if clash.made else "needs"
        sure = "It would fail there" if clash.certain else "It may fail there, or pass over it"
        advice = (
            "Give what the file makes another name, or leave it to Medusa"
            if clash.made
            else "Give the file a timestamp behind that migration's, and write it for the schema as it is then"
        )
        yield Finding(
            f"{clash.item} {needs} {clash.what}, which {clash.file} {does} before it",
            f"{sure}. {advice}",
            RefusedError if clash.certain else None,
            "NameTaken" if clash.made else "NameGone",
        )


def _uncommitted(
    conn: Connection[Any], schema: str, transactions: Sequence[Sequence[Migration | DataStep]]
) -> Iterator[Finding]:
    """Find what names a value of an enum in the transaction that adds it."""
    if all(item.version is not None for items in transactions for item in items):
        return
    types = {name for items in transactions for name, _ in enum_values.added_values(items)}
    if not types:
        return
    columns: dict[str, frozenset[tuple[str, str]]] = {}
    for name, table, column in conn.execute(_ENUM_COLUMNS, [list(types), schema]):
        columns[name] = columns.get(name, frozenset()) | {(table, column)}
    for one in enum_values.uncommitted(transactions, columns):
        where = "itself" if one.by == one.item else f", which {one.by} adds in the same transaction"
        added = "and adds it " if one.by == one.item else ""
        sure = "PostgreSQL refuses that" if one.certain else "If it is that, PostgreSQL refuses it"
        yield Finding(
            f"{one.item} names the value {one.value} of {one.type} {added}{where}".replace(
                " ,", ","
            ),
            f"{sure}: a new value must be committed before. Let the file that adds it do nothing else, and begin with "
            "the line `-- medusa-db: no-transaction`",
            RefusedError if one.certain else None,
            "ValueNotCommitted",
        )


def _blockers(conn: Connection[Any], schema: str, locks: Sequence[TableLock]) -> Iterator[Finding]:
    modes = {lock.table: lock.mode for lock in locks}
    for who, names in table_locks.holders(conn, schema, modes, older_than=5):
        ends = "; end it if it is idle (pg_terminate_backend)" if who.startswith("pid ") else ""
        yield Finding(
            f"{who} holds {some(names, 5, what='more tables')}",
            f"The migrations wait in short tries{ends}",
        )
