"""Extensions that pending migrations need: is each there, or may our role make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations.errors import DeniedError
from medusa_migrations.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog import Migration


def look(conn: Connection[Any], migrations: Sequence[Migration]) -> Iterator[Finding]:
    """Find the extensions of *migrations* that are missing and that our role may not make."""
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
