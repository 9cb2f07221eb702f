"""The search path of the role: whether a shop hides behind its first schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.errors import DeniedError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    if not found and schema == "public" and source in ("default", "configuration file"):
        found = list(ledgers)
    if found:
        _refuse(schema, found)


def _refuse(schema: str | None, found: Sequence[str]) -> None:
    shown = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    raise DeniedError(
        f"the schema {schema}, the first of the search path, has no ledger of Medusa's, and the schema "
        f"{shown} has one. Name the schema that is meant: --schema {found[0]}, or ?schema={found[0]} in "
        f"the URL; --schema {schema} for another shop beside it",
        reason="LedgerElsewhere",
    )


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)
