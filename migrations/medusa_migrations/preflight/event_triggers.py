"""Event triggers that may forbid what pending migrations do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.contract.values import some
from medusa_migrations.plan.findings import Finding
from medusa_migrations.schema import effects, statements
from medusa_migrations.schema.effects import Drop, Retype

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Migration

_LOOK = """
    select e.evtname::text, e.evtevent, coalesce(e.evttags, '{}'), p.oid::regprocedure::text, p.prosrc
      from pg_event_trigger e
      join pg_proc p on p.oid = e.evtfoid
      join pg_language l on l.oid = p.prolang
     where e.evtenabled in ('O', 'A') and e.evtevent <> 'login' and l.lanname not in ('c', 'internal')
       and coalesce(current_setting('event_triggers', true), 'on') <> 'off'
     order by 1
"""
_RAISES = re.compile(
    r"\b(?:raise(?!\s+(?:debug|log|info|notice|warning)\b)|assert\b|plpy\.(?:error|fatal)|elog\s*\()",
    re.IGNORECASE,
)
_KINDS = {"materialized": 2, "foreign": 2, "event": 2}
"""First words of kinds that have two."""
_PASSED = {"or", "replace", "unique", "unlogged", "temp", "temporary", "recursive", "constraint"}


def look(conn: Connection[Any], migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find the event triggers that run at a statement of *migrations* and whose function can raise an error.

    Whether it does is not known beforehand. One of an extension's in C is taken to let everything pass.
    """
    triggers = conn.execute(_LOOK).fetchall()
    if not triggers:
        return
    tags = {tag for migration in migrations for tag in tags_of(migration.statements)}
    missing = [migration.extension for migration in migrations if migration.extension]
    installed = conn.execute(
        "select 1 from pg_extension where extname = any(%s)", [missing]
    ).fetchall()
    if len(installed) < len(set(missing)):
        tags.add("CREATE EXTENSION")
    all_effects = [effect for m in migrations for effect in effects.of(m.statements)]
    drops = any(isinstance(effect, Drop) for effect in all_effects)
    rewrites = any(isinstance(effect, Retype) for effect in all_effects)
    for name, event, wanted, function, source in triggers:
        if (event == "sql_drop" and not drops) or (event == "table_rewrite" and not rewrites):
            continue
        met = sorted(tags & set(wanted) if wanted else tags)
        if not met or not _RAISES.search(
            re.sub(r"--[^\n]*|/\*.*?\*/", "", source, flags=re.DOTALL)
        ):
            continue
        quoted = sql.Identifier(name).as_string(conn)
        yield Finding(
            f"the event trigger {name} (function {function}) runs at {some(met, 4, what='more kinds of statements')} and may forbid it",
            "If the run fails in that function, as a superuser, for the time of the run: "
            f"alter event trigger {quoted} disable",
            reason="EventTrigger",
        )


def tags_of(text: str) -> frozenset[str]:
    """Return PostgreSQL's command tags of the statements of *text* that change the schema.

    >>> sorted(tags_of("create unique index i on t (a); comment on table t is 'x'; select 1"))
    ['COMMENT', 'CREATE INDEX']
    """
    found = set()
    for statement in statements.split(text):
        words = [token.lower() for token in statement.tokens]
        if words[0] in ("comment", "grant", "revoke"):
            found.add(words[0].upper())
        elif words[0] in ("create", "alter", "drop"):
            kind = [word for word in words[1:] if word not in _PASSED]
            found.add(" ".join([words[0], *kind[: _KINDS.get(kind[0], 1) if kind else 0]]).upper())
    return frozenset(found)
