"""What a shop's tables hold."""

from __future__ import annotations

import psycopg
from psycopg import sql

from servers import rows


def contents(url: str) -> dict[str, list[str]]:
    """Return every row of every table of *url*, ours included, as text."""
    with psycopg.connect(url) as conn:
        tables = rows(
            conn,
            "select schemaname, tablename from pg_tables where schemaname in ('public', 'medusa_db')"
            " order by 1, 2",
        )
        return {
            ".".join(table): sorted(
                map(str, conn.execute(sql.SQL("select * from {}").format(sql.Identifier(*table))))
            )
            for table in tables
        }
