"""Functions whose text names a column that goes: PostgreSQL does not look into it, and they fail afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from medusa_migrations.plan.findings import Finding
from medusa_migrations.schema import effects
from medusa_migrations.schema.effects import Change, Drop, Rename, Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Migration

_LOOK = r"""
    select distinct w.tab, w.col, w.does, p.oid::regprocedure::text, p.proname::text, g.tgname::text
      from unnest(%(tables)s::text[], %(columns)s::text[], %(does)s::text[]) as w(tab, col, does)
      join pg_class c on c.relname = w.tab and c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      join pg_attribute a on a.attrelid = c.oid and a.attname = w.col and not a.attisdropped
      join pg_proc p on p.prosrc ~* ('\m' || w.col || '\M')
      join pg_language l on l.oid = p.prolang and l.lanname not in ('c', 'internal')
      left join pg_trigger g on g.tgfoid = p.oid and g.tgrelid = c.oid and not g.tgisinternal
     where p.pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                          and d.deptype = 'e')
       and (p.prosrc ~* ('\m' || w.tab || '\M')
            or (g.oid is not null and p.prosrc ~* ('\m(new|old)\s*\.\s*"?' || w.col || '\M')))
     order by 4, 1, 2
"""
_PLAIN = re.compile(r"\w+")


def look(conn: Connection[Any], schema: str, migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find functions of the shop's own that name a column which *migrations* drop or rename.

    Where it is the function of a trigger of that table, `new.column` is enough; else it has to name the
    table as well.
    """
    columns, replaced = _columns(migrations)
    if not columns:
        return
    parameters = {
        "schema": schema,
        "tables": [table for table, _, _ in columns],
        "columns": [column for _, column, _ in columns],
        "does": [does for _, _, does in columns],
    }
    for table, column, does, function, name, trigger in conn.execute(_LOOK, parameters):
        if name in replaced:
            continue
        called = f", which the trigger {trigger} on {table} calls," if trigger else ""
        yield Finding(
            f"the text of the function {function}{called} names {table}.{column}, which {does}",
            "PostgreSQL does not look into it: it would fail afterwards"
            + (", and with it what writes to the table" if trigger else "")
            + ". Give it a new text before a server starts",
            reason="FunctionText",
        )


def _columns(migrations: Sequence[Migration]) -> tuple[list[tuple[str, str, str]], set[str]]:
    """Return table, name and fate of each column that goes, and the functions that get a new text."""
    columns: list[tuple[str, str, str]] = []
    replaced: set[str] = set()
    for migration in migrations:
        for effect in effects.of(migration.statements):
            match effect:
                case Drop():
                    gone = [name for name in effect.names if name.space is Space.COLUMN]
                    columns += [(n.table, n.name, f"{migration.name} drops") for n in gone]
                    replaced |= {n.name for n in effect.names if n.space is Space.ROUTINE}
                case Rename(old=old) if old.space is Space.COLUMN:
                    columns.append((old.table, old.name, f"{migration.name} renames"))
                case Change(name=name) if name.space is Space.ROUTINE:
                    replaced.add(name.name)
                case _:
                    pass
    plain = [one for one in columns if _PLAIN.fullmatch(one[0]) and _PLAIN.fullmatch(one[1])]
    return plain, replaced
