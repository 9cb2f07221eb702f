"""Extensions that pending migrations need: is each there for our role, or may it make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.contract.errors import DeniedError
from medusa_migrations.plan.findings import Finding
from medusa_migrations.schema import effects
from medusa_migrations.schema.effects import Make, Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Migration

_LOOK = """
    select w.name, n.nspname, has_schema_privilege(n.oid, 'usage'),
           exists (select from pg_available_extensions a where a.name = w.name),
           (select rolsuper from pg_roles where rolname = current_user),
           has_database_privilege(current_database(), 'create'),
           {trusted}, current_user::text, current_database()::text
      from unnest(%s::text[]) as w(name)
      left join pg_extension e on e.extname = w.name
      left join pg_namespace n on n.oid = e.extnamespace
     order by 1
"""
_TRUSTED = (
    "(select coalesce(bool_or(v.trusted), false) from pg_available_extension_versions v"
    " where v.name = w.name)"
)


def look(conn: Connection[Any], migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find the extensions of *migrations* that our role cannot use: missing ones and hidden ones.

    One that is there is never made again, whoever may: hosted servers refuse the very words `create
    extension if not exists` to all but their administrators.
    """
    needed = {m.extension for m in migrations if m.extension}
    names = needed | set(_made(migrations))
    if not names:
        return
    trusted = _TRUSTED if conn.info.server_version >= 130000 else "false"
    rows = conn.execute(sql.SQL(_LOOK.replace("{trusted}", trusted)), [sorted(names)])
    for name, schema, usable, available, superuser, create, trusts, user, database in rows:
        quoted = sql.Identifier(name).as_string(conn)
        if schema is not None:
            if name in needed and not usable:
                yield Finding(
                    f"the extension {name} is in the schema {schema}, which the role {user} may not use",
                    f'As its owner: grant usage on schema "{schema}" to "{user}"',
                    DeniedError,
                    "ExtensionSchema",
                )
        elif not available:
            yield Finding(
                f"the extension {name} is not available on the server",
                "Install PostgreSQL's contrib modules there (postgresql-contrib)",
                DeniedError,
                "ExtensionMissing",
            )
        elif not superuser and not (create and trusts):
            grant = f' (or, as the owner of the database: grant create on database "{database}" to "{user}")'
            yield Finding(
                f"the extension {name} is not installed and the role may not install it",
                f"As a superuser, in this database: create extension {quoted}{grant if trusts else ''}",
                DeniedError,
                "ExtensionDenied",
            )


def _made(migrations: Sequence[Migration]) -> Iterator[str]:
    """Yield the extensions that the shop's own files make."""
    for migration in migrations:
        if migration.version is None:
            for effect in effects.of(migration.statements):
                if isinstance(effect, Make) and effect.name.space is Space.EXTENSION:
                    yield effect.name.name
