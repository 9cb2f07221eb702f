"""The search path of the role: whether a shop hides behind it, and which part of it a run keeps.

A shop's own migrations, its triggers and its event triggers are written for the path that its role has:
extensions, audit tables. A run puts the shop's schema first and keeps the rest. For statements of Medusa's,
schemas are left out in which a name of theirs could mean something else than the shop's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.contract import values
from medusa_migrations.contract.errors import DeniedError
from medusa_migrations.postgres import row_security

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

_ENTRY = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]+))\s*(?:,|$)')
_LEDGERS = """
    select n.nspname, has_schema_privilege(n.oid, 'usage')
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'migrations' and c.relkind in ('r', 'p')
       and n.nspname is distinct from %s
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'timestamp')
       and exists (select from pg_class s where s.relnamespace = n.oid and s.relname = 'store')
     order by 1
"""


_RESERVED = ("information_schema", "medusa_db")
FIRST = sql.SQL(
    "(select name from unnest(current_schemas(false)) with ordinality p (name, place)"
    r" where not (name ~ '^pg_' or name in ({})) order by place limit 1)"
).format(sql.SQL(", ").join(map(sql.Literal, _RESERVED)))
"""The first schema of the search path in which a shop can be; null where there is none."""


def is_reserved(schema: str) -> bool:
    """Return whether no shop can be in *schema*, though a search path may name it: it is PostgreSQL's or ours."""
    return schema.startswith("pg_") or schema in _RESERVED


def entries(setting: str, user: str) -> list[str]:
    """Return the names in *setting*, a value of `search_path`; *user* stands for `$user`.

    >>> entries('"$user", public,"My Shop"', "shop")
    ['shop', 'public', 'My Shop']
    """
    found = []
    for quoted, plain in _ENTRY.findall(setting):
        name = quoted.replace('""', '"') if quoted else plain.strip().lower()
        if name:
            found.append(user if name == "$user" else name)
    return found


def seen_from(*path: str) -> sql.Composed:
    """Return the statements by which, until the transaction ends, names mean those of the schemas *path*.

    Nor does a policy hide rows then: PostgreSQL refuses instead.
    """
    return sql.SQL("set local search_path to {}; {}").format(
        sql.SQL(", ").join(map(sql.Identifier, path)), row_security.OFF
    )


_AMBIGUOUS = """
    with named as (
      select c.relname::text as name, c.relnamespace as schema from pg_class c
       where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
      union all
      select t.typname::text, t.typnamespace from pg_type t where t.typtype in ('e', 'd')
    )
    select n.nspname from pg_namespace n
     where n.nspname = any(%(others)s)
       and (exists (select from named x where x.schema = n.oid and x.name = 'migrations')
            or exists (select from named x
                        where x.schema = n.oid and x.name = any(%(names)s)
                          and not exists (select from named own join pg_namespace s on s.oid = own.schema
                                           where s.nspname = %(schema)s and own.name = x.name)))
"""


def of_role(conn: Connection[Any], schema: str) -> tuple[str, ...]:
    """Return *schema* and, behind it, the schemas of the session's search path that exist and may be used.

    Ask outside of a transaction that has set a path of its own.
    """
    row = conn.execute("select current_schemas(false)::text[]").fetchone()
    return (schema, *(name for name in (row[0] if row else ()) if name != schema))


def unambiguous(
    conn: Connection[Any], path: Sequence[str], names: Iterable[str]
) -> tuple[str, ...]:
    """Return *path*, the shop's schema first, without schemas in which one of *names* could be found.

    That is so where another ledger is, so another shop, or something that is called like one of *names*
    and that the shop's own schema lacks.
    """
    schema, *others = path
    if not others:
        return (schema,)
    parameters = {"others": others, "names": list(names), "schema": schema}
    left_out = {name for (name,) in conn.execute(_AMBIGUOUS, parameters)}
    return (schema, *(name for name in others if name not in left_out))


def refuse_hidden_ledger(conn: Connection[Any], schema: str | None) -> None:
    """Raise DeniedError where *schema*, the search path's first, has no ledger and another one has.

    A search path that the URL sets says which schema is meant; one of the role, the database or the
    server may have been made for something else.
    """
    ledgers = dict(conn.execute(_LEDGERS, [schema]).fetchall())
    if not ledgers:
        return
    row = conn.execute(
        "select setting, source, current_user::text from pg_settings where name = 'search_path'"
    ).fetchone()
    setting, source, user = row or ("", "default", "")
    path = entries(setting, user)
    behind = path.index(schema) if schema in path else len(path)
    for name in path[:behind]:
        if name in ledgers and not ledgers[name]:
            raise DeniedError(
                f"the role {user} may not use the schema {name}, which is the first of its search path "
                f"that is there, and holds a shop. As its owner: grant usage on schema "
                f"{_quoted(name)} to {_quoted(user)}",
                reason="MissingRight",
            )
    found = [name for name in path[behind + 1 :] if name in ledgers]
    if not found and (
        schema is None or (schema == "public" and source in ("default", "configuration file"))
    ):
        found = list(ledgers)
    if found:
        _refuse(schema, found)


def refuse_unusable(conn: Connection[Any]) -> None:
    """Raise DeniedError where a schema of the search path exists, and our role may not use it."""
    row = conn.execute(
        "select setting, current_user::text from pg_settings where name = 'search_path'"
    ).fetchone()
    setting, user = row or ("", "")
    path = entries(setting, user)
    query = "select nspname from pg_namespace where nspname = any(%s)"
    existing = {name for (name,) in conn.execute(query, [path])}
    for name in path:
        if name in existing and not is_reserved(name):
            raise unusable(conn, name)


def unusable(conn: Connection[Any], schema: str) -> DeniedError:
    """Return the error that says that our role may not use *schema*."""
    user = conn.info.user
    return DeniedError(
        f"the role {user} may not use the schema {schema}. As its owner: grant usage on schema "
        f"{_quoted(schema)} to {_quoted(user)}",
        reason="MissingRight",
    )


def _refuse(schema: str | None, found: Sequence[str]) -> None:
    shown = values.some(found)
    if schema is None:
        raise DeniedError(
            f"no schema of the search path can hold a shop, and the schema {shown} has a ledger of Medusa's. Name the "
            f"schema that is meant: --schema {found[0]}, or ?schema={found[0]} in the URL",
            reason="LedgerElsewhere",
        )
    raise DeniedError(
        f"the schema {schema}, the first of the search path, has no ledger of Medusa's, and the schema "
        f"{shown} has one. Name the schema that is meant: --schema {found[0]}, or ?schema={found[0]} in "
        f"the URL; --schema {schema} for another shop beside it",
        reason="LedgerElsewhere",
    )


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)
