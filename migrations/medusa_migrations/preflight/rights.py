"""Rights: what our role may not do, of what pending items need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import DeniedError
from medusa_migrations.contract.values import some
from medusa_migrations.plan.findings import Finding
from medusa_migrations.postgres import row_security
from medusa_migrations.records import ledger
from medusa_migrations.schema import row_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import DataStep
    from medusa_migrations.postgres.table_locks import TableLock
    from medusa_migrations.schema.affected import Affected
    from medusa_migrations.schema.lock_modes import Needs


_STORED = re.compile(
    r"\b(create\s+(unique\s+)?(table|index)|primary\s+key|unique)\b", re.IGNORECASE
)
"""What takes room in a tablespace."""


_LACKING = """
select c.relname, pg_get_userbyid(c.relowner), array_remove(array[
         case when c.relname = any(%(inserted)s) and not has_any_column_privilege(c.oid, 'insert') then 'insert' end,
         case when c.relname = any(%(updated)s) and not has_any_column_privilege(c.oid, 'update') then 'update' end,
         case when c.relname = any(%(deleted)s) and not has_table_privilege(c.oid, 'delete') then 'delete' end,
         case when not has_any_column_privilege(c.oid, 'select')
               and (c.relname = any(%(read)s)
                    or exists (select from unnest(%(referencing)s::text[], %(referenced)s::text[]) as k(table_, other)
                                 join pg_class x on x.relnamespace = n.oid and x.relname = k.table_
                                where k.other = c.relname and pg_relation_size(x.oid) > 0)) then 'select' end
       ], null)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %(schema)s and c.relkind in ('r', 'p') and c.relname = any(%(all)s)
 order by 1
"""


def look(
    conn: Connection[Any], schema: str, changed: Affected, rows: Affected
) -> Iterator[Finding]:
    """Find what our role may not do to the schema, to what is *changed*, and to the *rows* that are."""
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
    relations = conn.execute(
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
    for table, owner, *needs in relations:
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
    supers = {
        name
        for (name,) in conn.execute(
            "select rolname from pg_roles where rolsuper and rolname = any(%s)", [list(foreign)]
        )
    }
    for owner, tables in foreign.items():
        member = f'make the role a member: grant "{owner}" to "{user}"'
        if owner in supers:  # a member of it could do anything
            member = f'let it give them over: alter ... owner to "{user}"'
        yield Finding(
            f"the role {user} does not own {some(tables, 5, what='more tables')}, which the migrations change",
            f"Run as {owner}, their owner, or {member}",
            DeniedError,
            "NotOwner",
        )
    yield from _lacking(conn, schema, rows, foreign)


def _lacking(
    conn: Connection[Any], schema: str, rows: Affected, foreign: Collection[str]
) -> Iterator[Finding]:
    """Find what may not be done to the rows of tables, also where they are our role's own.

    What belongs to the *foreign* owners is theirs to change anyway.
    """
    verbs = {
        "inserted": rows.inserted,
        "updated": rows.updated,
        "deleted": rows.deleted,
        "read": rows.read | rows.updated | rows.deleted,  # which rows, is asked of their columns
    }
    named = {key: list(tables) for key, tables in verbs.items()}
    named["referencing"] = [table for table, _ in rows.checked]
    named["referenced"] = [other for _, other in rows.checked]
    every = list(set(named["referenced"]).union(*verbs.values()))
    for table, owner, lacking in conn.execute(_LACKING, {"schema": schema, "all": every, **named}):
        if lacking and owner not in foreign:
            what = ", ".join(lacking)
            yield Finding(
                f"the role {conn.info.user} has no right to {what} on {table}, whose rows the migrations change or read",
                f'As its owner: grant {what} on "{schema}"."{table}" to "{conn.info.user}"',
                DeniedError,
                "TablePrivilege",
            )


def tablespace(conn: Connection[Any], migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find that our role may put nothing where a setting puts what *migrations* make."""
    if not any(_STORED.search(migration.statements) for migration in migrations):
        return
    row = conn.execute(
        "select t.spcname from pg_tablespace t where t.spcname = current_setting('default_tablespace')"
        " and t.oid <> (select dattablespace from pg_database where datname = current_database())"
        " and not has_tablespace_privilege(t.oid, 'create')"
    ).fetchone()
    if row:
        yield Finding(
            f"the role {conn.info.user} may create nothing in the tablespace {row[0]}, which is the default_tablespace "
            "of its sessions",
            f'As its owner: grant create on tablespace "{row[0]}" to "{conn.info.user}"; or reset that setting of '
            "the role or the database",
            DeniedError,
            "TablespacePrivilege",
        )


def recordable(conn: Connection[Any], schema: str) -> Iterator[Finding]:
    """Find what our role may not do to the ledger, of what adding a row to it takes."""
    if lacking := ledger.lacking(conn, schema):
        yield Finding(
            f"the role {conn.info.user} may not add rows to the ledger {schema}.migrations",
            f"As its owner: {'; '.join(lacking)}",
            DeniedError,
            "MayNotRecord",
        )


def not_lockable(
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


def hidden(
    conn: Connection[Any], schema: str, items: Sequence[Migration | DataStep]
) -> Iterator[Finding]:
    """Find the tables whose rows policies hide from our role, among those that *items* read or write."""
    found = row_security.look(conn, schema, lambda: row_names.named(_texts(items)))
    if found.tables:
        yield Finding(found.problem, found.advice, DeniedError, row_security.REASON)


def _texts(items: Sequence[Migration | DataStep]) -> Iterator[str]:
    for item in items:
        yield item.text
        yield from (check.rows for check in item.checks)
        if not isinstance(item, Migration):
            yield from filter(None, (item.ready, *(warn.query for warn in item.warns)))
