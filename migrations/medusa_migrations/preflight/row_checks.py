"""Rows on which pending items would fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.plan.findings import Finding
from medusa_migrations.postgres import row_security, search_path
from medusa_migrations.schema import affected, row_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Check, DataStep, Migration

_LOCKED = "RowsNotChecked"


def look(conn: Connection[Any], schema: str, checks: Iterable[Check]) -> Iterator[Finding]:
    """Find the rows on which a migration would fail.

    A check finds nothing where its table or columns are not there yet, or are something else.
    """
    may_read = _tables(conn, schema)
    tables = set(may_read)
    for check in checks:
        if check.table in tables:
            for finding in _rows(conn, schema, check, may_read):
                if finding.reason == _LOCKED:
                    tables.remove(check.table)
                yield finding


def _tables(conn: Connection[Any], schema: str) -> dict[str, bool]:
    """Return the tables, and whether our role may read each."""
    query = """
        select relname::text, has_table_privilege(c.oid, 'select')
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = %s and c.relkind in ('r', 'p')
        """
    return dict(conn.execute(query, [schema]).fetchall())


def _rows(
    conn: Connection[Any], schema: str, check: Check, may_read: Mapping[str, bool]
) -> Iterator[Finding]:
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
            conn.execute(search_path.seen_from(schema))
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
        names = sorted(row_names.named([check.rows]))
        denied = [name for name in names if not may_read.get(name, True)] or [check.table]
        whose = "its rows" if denied == [check.table] else f"the rows of {check.table}"
        tables = ", ".join(f'"{schema}"."{table}"' for table in denied)
        yield Finding(
            f"{' and '.join(denied)} may not be read, so {whose} were not checked",
            f'As the owner: grant select on {tables} to "{conn.info.user}"',
        )
        return
    except psycopg.ProgrammingError:  # a column is missing or of another type
        return
    count, keys = row or (0, [])
    if count:
        yield Finding(
            f"{check.table}: {count} {'row' if count == 1 else 'rows'} {check.says}",
            check.fix,
            RefusedError,
            "RowsInTheWay",
            tuple(keys),
        )


def of_items(items: Sequence[Migration | DataStep]) -> Iterator[Check]:
    """Yield the checks of *items*, in order.

    What one of the shop's own does to a table first may be what fixes it, so nothing is said of that
    table then; rows that are still in the way make the run fail, which is rolled back.
    """
    changed: set[str] = set()
    for item in items:
        yield from (check for check in item.checks if check.table not in changed)
        if item.version is None:
            own = affected.affected([item.text])
            changed |= own.altered | own.written
