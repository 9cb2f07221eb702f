"""Looks before anything is written: every finding at once, each with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from medusa_migrations import (
    connection,
    definitions,
    live,
    lock_modes,
    row_names,
    row_security,
    table_locks,
    touches,
)
from medusa_migrations.catalog import Migration
from medusa_migrations.errors import (
    DeniedError,
    RefusedError,
    UnsupportedError,
)
from medusa_migrations.findings import Finding, raise_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.address import Address
    from medusa_migrations.catalog import Catalog, Check, DataStep
    from medusa_migrations.lock_modes import Needs
    from medusa_migrations.observe import Observed
    from medusa_migrations.table_locks import TableLock
    from medusa_migrations.touches import Touched

_LOCKED = "RowsNotChecked"


def look(
    conn: Connection[Any],
    address: Address,
    catalog: Catalog,
    observed: Observed,
    items: Sequence[Migration | DataStep],
) -> list[Finding]:
    """Return what stands in the way of running *items* on what was *observed*; writes nothing."""
    schema = observed.schema
    migrations = [item for item in items if isinstance(item, Migration)]
    changed = touches.touched(migration.statements for migration in migrations)
    changed.written.update(table for migration in migrations for table in migration.rows)
    needs = lock_modes.needs(items)
    locks = table_locks.there(conn, schema, needs)
    return [
        *_server(conn),
        *_pooler(conn, address),
        *_rights(conn, schema, changed),
        *_not_lockable(conn, schema, needs, locks),
        *_hidden(conn, schema, items),
        *_extensions(conn, migrations),
        *definitions.look(conn, catalog, observed, migrations),
        *_blockers(conn, schema, locks),
        *rows(conn, schema, _checks(items)),
    ]


def _server(conn: Connection[Any]) -> Iterator[Finding]:
    row = conn.execute(
        "select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',"
        " current_setting('server_encoding')"
    ).fetchone()
    standby, read_only, encoding = row or (False, False, "UTF8")
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


def own_session(conn: Connection[Any], address: Address, lock_timeout: float) -> None:
    """Make sure that the session is ours alone, so that it can hold a lock and settings.

    Any look at a table from here on waits *lock_timeout* seconds for it at most. Comes before the
    lock is taken: behind a pooler in transaction mode the lock would stay on a server session that
    others use. Raises UnsupportedError there.
    """
    findings = list(_pooler(conn, address))
    raise_for(findings)
    if findings:
        connection.settle(conn)
    conn.execute("select set_config('lock_timeout', %s, false)", [f"{int(lock_timeout * 1000)}ms"])


def _pooler(conn: Connection[Any], address: Address) -> Iterator[Finding]:
    """Find a pooler, and one that hands our session to others.

    Behind a pooler the process number in the connection's cancellation key is the pooler's
    invention. Where our session is answered by several server processes, or a second connection by
    one of ours, then neither a session lock nor `set` means anything.
    """
    if not connection.is_pooled(conn):
        return
    if _shared(conn, address):
        yield Finding(
            "a pooler in transaction mode (PgBouncer or alike) is between: it shares one server "
            "session among clients, so the lock that keeps a second run away would not hold",
            "Give the address of the PostgreSQL server itself, or of a pool in session mode",
            UnsupportedError,
            "Pooler",
        )
    else:
        yield Finding(
            "the connection goes through a pooler",
            "It must be in session mode; the address of the server itself is safer",
        )


def _shared(conn: Connection[Any], address: Address, rounds: int = 10) -> bool:
    ours, others = {connection.backend(conn)}, set()
    limit = connection.CONNECT_TIMEOUT
    try:
        with psycopg.connect(
            address.url, autocommit=True, connect_timeout=limit, prepare_threshold=None
        ) as other:
            for _ in range(rounds):
                others.add(connection.backend(other))
                ours.add(connection.backend(conn))
    except psycopg.OperationalError:  # a pool of one session, which we have
        pass
    return len(ours) > 1 or bool(ours & others)


def _rights(conn: Connection[Any], schema: str, changed: Touched) -> Iterator[Finding]:
    row = conn.execute(
        "select has_schema_privilege(n.oid, 'usage'), has_schema_privilege(n.oid, 'create'),"
        " session_user from pg_namespace n where nspname = %s",
        [schema],
    ).fetchone()
    usage, create, user = row or (False, False, "")
    if not usage or not create:
        yield Finding(
            f"the role {user} may not create tables in the schema {schema}",
            f'As its owner: grant usage, create on schema "{schema}" to "{user}"',
            DeniedError,
            "SchemaPrivilege",
        )
    rows = conn.execute(
        """
        select c.relname, pg_get_userbyid(c.relowner),
               c.relname = any(%(altered)s)
               or exists (select from pg_index x join pg_class i on i.oid = x.indexrelid
                           where x.indrelid = c.oid and i.relname = any(%(indexes)s)) as altered,
               c.relname = any(%(referenced)s) and not has_table_privilege(c.oid, 'references'),
               c.relname = any(%(written)s) and not has_table_privilege(c.oid, 'insert')
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = %(schema)s and c.relkind in ('r', 'p')
           and not pg_has_role(c.relowner, 'usage')
         order by 1
        """,
        {
            "schema": schema,
            "altered": list(changed.altered),
            "indexes": list(changed.indexes),
            "referenced": list(changed.referenced),
            "written": list(changed.written),
        },
    )
    foreign: dict[str, list[str]] = {}
    for table, owner, *needs in rows:
        if any(needs):
            foreign.setdefault(owner, []).append(table)
    types = conn.execute(
        """
        select t.typname, pg_get_userbyid(t.typowner)
          from pg_type t join pg_namespace n on n.oid = t.typnamespace
         where n.nspname = %s and t.typname = any(%s) and not pg_has_role(t.typowner, 'usage')
         order by 1
        """,
        [schema, list(changed.types)],
    )
    for name, owner in types:
        foreign.setdefault(owner, []).append(f"the type {name}")
    for owner, tables in foreign.items():
        yield Finding(
            f"the role {user} does not own {_some(tables)}, which the migrations change",
            f'Run as {owner}, their owner, or make the role a member: grant "{owner}" to "{user}"',
            DeniedError,
            "NotOwner",
        )


def _hidden(
    conn: Connection[Any], schema: str, items: Sequence[Migration | DataStep]
) -> Iterator[Finding]:
    """Find the tables whose rows policies hide from our role, among those that *items* read or write."""
    found = row_security.look(conn, schema, row_names.named(_texts(items)))
    if found.tables:
        yield Finding(found.problem, found.advice, DeniedError, row_security.REASON)


def _texts(items: Sequence[Migration | DataStep]) -> Iterator[str]:
    for item in items:
        yield item.text
        yield from (check.rows for check in item.checks)
        if not isinstance(item, Migration):
            yield from filter(None, (item.ready, *(warn.query for warn in item.warns)))


def _extensions(conn: Connection[Any], migrations: Sequence[Migration]) -> Iterator[Finding]:
    for name in sorted({m.extension for m in migrations if m.extension}):
        row = conn.execute(
            """
            select exists (select from pg_extension where extname = %(name)s),
                   exists (select from pg_available_extensions where name = %(name)s),
                   (select rolsuper from pg_roles where rolname = current_user)
                   or has_database_privilege(current_database(), 'create')
            """,
            {"name": name},
        ).fetchone()
        installed, available, permitted = row or (False, False, False)
        if installed:
            continue
        if not available:
            yield Finding(
                f"the extension {name} is not available on the server",
                "Install PostgreSQL's contrib modules there (postgresql-contrib)",
                DeniedError,
                "ExtensionMissing",
            )
        elif not permitted or not _trusted(conn, name):
            yield Finding(
                f"the extension {name} is not installed and the role may not install it",
                f"As a superuser, in this database: create extension {name}",
                DeniedError,
                "ExtensionDenied",
            )


def _trusted(conn: Connection[Any], name: str) -> bool:
    row = conn.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    if row and row[0]:
        return True
    if conn.info.server_version < 130000:
        return False
    row = conn.execute(
        "select bool_or(trusted) from pg_available_extension_versions where name = %s", [name]
    ).fetchone()
    return bool(row and row[0])


def _not_lockable(
    conn: Connection[Any], schema: str, needs: Needs, locks: Sequence[TableLock]
) -> Iterator[Finding]:
    """Find tables whose rows are copied and that our role may not keep others from writing to.

    One that must be altered anyway and is not ours is found as such.
    """
    for lock in locks:
        if lock.may or lock.table not in needs.sources:
            continue
        if lock.owns or lock.mode != "access exclusive":
            yield Finding(
                f"the role {conn.info.user} may not lock {lock.table}, whose rows "
                f"{needs.sources[lock.table]} reads: rows written meanwhile would be passed over",
                f'As its owner: grant update on "{schema}"."{lock.table}" to "{conn.info.user}"',
                DeniedError,
                "MayNotLock",
            )


def _blockers(conn: Connection[Any], schema: str, locks: Sequence[TableLock]) -> Iterator[Finding]:
    modes = {lock.table: lock.mode for lock in locks}
    for who, names in table_locks.holders(conn, schema, modes, older_than=5):
        yield Finding(
            f"{who} holds {_some(names)}",
            "The migrations wait in short tries; end it if it is idle (pg_terminate_backend)",
        )


def _checks(items: Sequence[Migration | DataStep]) -> Iterator[Check]:
    """Yield the checks of *items*, in order.

    What one of the shop's own does to a table first may be what mends it, so nothing is said of that
    table then; rows that are still in the way make the run fail, which is rolled back.
    """
    changed: set[str] = set()
    for item in items:
        yield from (check for check in item.checks if check.table not in changed)
        if item.version is None:
            own = touches.touched([item.text])
            changed |= own.altered | own.written


def rows(conn: Connection[Any], schema: str, checks: Iterable[Check]) -> Iterator[Finding]:
    """Find the rows on which a migration would fail.

    A check finds nothing where its table or columns are not there yet, or are something else.
    """
    tables = _tables(conn, schema)
    for check in checks:
        if check.table in tables:
            for finding in _rows(conn, schema, check):
                if finding.reason == _LOCKED:
                    tables.remove(check.table)
                yield finding


def _tables(conn: Connection[Any], schema: str) -> set[str]:
    query = """
        select relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = %s and c.relkind in ('r', 'p')
        """
    return {name for (name,) in conn.execute(query, [schema])}


def _rows(conn: Connection[Any], schema: str, check: Check) -> Iterator[Finding]:
    query = sql.SQL(
        """
        with found (key) as ({})
        select (select count(*) from found),
               array(select left(key::text, 100) from found
                      where key is not null order by key limit 5)
        """
    ).format(sql.SQL(check.rows))
    try:
        with conn.transaction():
            conn.execute(live.seen_from(schema))
            row = conn.execute(query).fetchone()
    except psycopg.errors.LockNotAvailable:
        yield Finding(
            f"{check.table} is locked by another session, so its rows were not checked",
            "Rows in the way would make the migration fail, which is rolled back",
            reason=_LOCKED,
        )
        return
    except psycopg.errors.InsufficientPrivilege as exc:
        if row_security.refused(exc):  # which is found for all tables at once
            return
        yield Finding(
            f"{check.table} may not be read, so its rows were not checked",
            f'As its owner: grant select on "{schema}"."{check.table}"',
        )
        return
    except psycopg.ProgrammingError:  # a column is missing or of another type
        return
    count, keys = row or (0, [])
    if count:
        yield Finding(
            f"{check.table}: {count} {'row' if count == 1 else 'rows'} {check.says}",
            check.mend,
            RefusedError,
            "RowsInTheWay",
            tuple(keys),
        )


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more tables"
