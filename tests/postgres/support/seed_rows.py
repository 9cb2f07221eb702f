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
        query = sql.SQL(" union all ").join(
            sql.SQL("select {}, t::text from {} t").format(".".join(table), sql.Identifier(*table))
            for table in tables
        )
        found: dict[str, list[str]] = {".".join(table): [] for table in tables}
        for table, row in conn.execute(query):
            found[table].append(row)
        return {table: sorted(lines) for table, lines in found.items()}
