"""Makes sure that our role sees every row of the tables that a seed or an export is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations.postgres import row_security
from medusa_seed.planning.changes import ORDER

if TYPE_CHECKING:
    from psycopg import Connection

TABLES = (*ORDER, "currency", "country")
"""Every table whose rows a seed or an export reads or writes."""


def check(conn: Connection[Any], schema: str) -> None:
    """Raise DeniedError, naming all of them, where tables hide rows from our role.

    What is hidden would be made a second time by a seed, and left out by an export.
    """
    row_security.look(conn, schema, lambda: TABLES).raise_if_any()
