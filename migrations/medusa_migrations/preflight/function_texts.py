"""Functions whose text names a column that goes: PostgreSQL does not look into it, and they fail afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.plan.findings import Finding
from medusa_migrations.postgres import search_path
from medusa_migrations.schema import effects, statements
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


def taken(conn: Connection[Any], schema: str, migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find functions that files of the shop's own make, and that exist with the same types of arguments.

    One of that name with others is another function: PostgreSQL keeps both.
    """
    replaced: set[str] = set()
    for migration in migrations:
        if migration.version is not None:
            continue
        for statement in statements.split(migration.statements):
            words = [token.lower() for token in statement.tokens]
            if words[:2] in (["drop", "function"], ["drop", "procedure"]):
                replaced |= {word.strip('"') for word in words[2:]}
            if words[:1] != ["create"] or words[1] not in ("function", "procedure"):
                continue
            name, arguments = _signature(statement.tokens)
            if name.rpartition(".")[2].strip('"') in replaced:
                continue
            if found := _existing(conn, schema, name, arguments):
                yield Finding(
                    f"the {words[1]} {found} is there already, and {migration.name} makes one of that name "
                    "with the same types of arguments",
                    f"Write create or replace {words[1]}, give it another name, or drop the one that is there",
                    RefusedError,
                    "NameTaken",
                )


def _signature(tokens: Sequence[str]) -> tuple[str, list[str]]:
    """Return the name of a function that is made, and its arguments as they are written, without defaults."""
    at = tokens.index("(") if "(" in tokens else len(tokens)
    name, arguments, depth = "".join(tokens[2:at]), list[list[str]](), 0
    current: list[str] = []
    for word in tokens[at + 1 :]:
        depth += (word in "([") - (word in ")]") if len(word) == 1 else 0
        if depth < 0:
            break
        if depth == 0 and word == ",":
            arguments.append(current)
            current = []
        else:
            current.append(word)
    if current:
        arguments.append(current)
    texts = []
    for words in arguments:
        lower = [word.lower() for word in words]
        ends = [lower.index(word) for word in ("default", "=") if word in lower]
        kept = words[: min(ends, default=len(words))]
        if lower[0] == "out":
            continue
        if lower[0] in ("in", "inout", "variadic"):
            kept = kept[1:]
        texts.append(" ".join(kept))
    return name, texts


def _existing(conn: Connection[Any], schema: str, name: str, arguments: Sequence[str]) -> str:
    """Return the function *name* that takes *arguments*, whose own names may stand before their types."""
    without = [one.partition(" ")[2] or one for one in arguments]
    for types in (list(arguments), without):
        try:
            with conn.transaction():
                conn.execute(search_path.seen_from(schema))
                row = conn.execute(
                    "select to_regprocedure(%s)::text", [f"{name}({', '.join(types)})"]
                ).fetchone()
        except psycopg.Error:  # an argument's name was taken for a type
            continue
        if row and row[0]:
            return str(row[0])
    return ""
