"""What a migration of the shop's own locks, and what of that cannot be known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_migrations.postgres import search_path, table_locks
from medusa_migrations.schema import affected, lock_modes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import DataStep, Migration
    from medusa_migrations.postgres.table_locks import TableLock
    from medusa_migrations.schema.affected import Affected

_ELSEWHERE = """
    select distinct n.nspname, c.relname,
           case c.relkind when 'v' then 'the view ' when 'm' then 'the materialized view '
                when 'f' then 'the foreign table ' else '' end
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
       and not (n.nspname = %(schema)s and c.relkind in ('r', 'p'))
       and ((n.nspname = any(%(path)s) and c.relname = any(%(names)s)
             and not exists (select from pg_class o join pg_namespace s on s.oid = o.relnamespace
                              where s.nspname = %(schema)s and o.relname = c.relname
                                and o.oid <> c.oid))
            or (n.nspname, c.relname) in (select * from unnest(%(schemas)s::text[], %(relations)s::text[])))
     order by 1, 2
"""
_TRIGGERS = """
    select t.tgname, c.relname
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
     where not t.tgisinternal and t.tgenabled <> 'D' and n.nspname = %s and c.relname = any(%s)
     order by 2, 1
"""
_FUNCTIONS = """
    select distinct p.proname
      from pg_proc p join pg_language l on l.oid = p.prolang join pg_namespace n on n.oid = p.pronamespace
     where p.proname = any(%s) and l.lanname not in ('internal', 'c')
       and n.nspname not in ('pg_catalog', 'information_schema')
     order by 1
"""


@dataclass(frozen=True, slots=True)
class ShopLocks:
    """The tables that a migration of the shop's own locks, as far as that can be known."""

    known: tuple[TableLock, ...] = ()
    """Those that exist, by name, without the ledger."""
    unknown: tuple[str, ...] = ()
    """What of it may lock anything, in words: a `do`, a function, a trigger."""


def look(
    conn: Connection[Any], schema: str, items: Sequence[Migration | DataStep]
) -> Mapping[str, ShopLocks]:
    """Return the locks of those *items* that are the shop's own, by name."""
    return {item.name: _look(conn, schema, item) for item in items if item.version is None}


def _look(conn: Connection[Any], schema: str, item: Migration | DataStep) -> ShopLocks:
    changed = affected.affected([item.text])
    needs = lock_modes.needs([item])
    ledger = changed.tables | changed.modes.keys()
    known = [
        lock
        for lock in table_locks.existing(conn, schema, needs)
        if lock.table != "migrations" or lock.table in ledger
    ]
    unknown = dict.fromkeys(
        [
            *(f"`{words}`" for words in changed.unseen),
            *_elsewhere(conn, schema, changed, list(needs.modes)),
            *_code(conn, schema, changed),
        ]
    )
    return ShopLocks(tuple(known), tuple(unknown))


def _elsewhere(
    conn: Connection[Any], schema: str, changed: Affected, names: Sequence[str]
) -> Iterator[str]:
    """Yield what is changed or read and is no table of the shop's own schema."""
    pairs = sorted(changed.qualified)
    rows = conn.execute(
        _ELSEWHERE,
        {
            "schema": schema,
            "path": list(search_path.of_role(conn, schema)),
            "names": list(names),
            "schemas": [one for one, _ in pairs],
            "relations": [other for _, other in pairs],
        },
    )
    for place, name, kind in rows:
        yield f"{kind}{name if place == schema else f'{place}.{name}'}"


def _code(conn: Connection[Any], schema: str, changed: Affected) -> Iterator[str]:
    """Yield the functions of the shop that run, by themselves or by a trigger on rows that change."""
    for name, table in conn.execute(_TRIGGERS, [schema, sorted(changed.written)]):
        yield f"the trigger {name} on {table}"
    for (name,) in conn.execute(_FUNCTIONS, [sorted(changed.called)]):
        yield f"the function {name}"
