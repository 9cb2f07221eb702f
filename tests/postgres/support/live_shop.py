"""An old server that goes on writing beside a run: one writer for each table whose rows are moved."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

Row = tuple[str, "Mapping[str, Any]"]
"""A table and the values that matter; what else it insists on is made up."""

_INSISTS = """
    select attname, format_type(a.atttypid, a.atttypmod),
           (select enumlabel from pg_enum e where e.enumtypid = a.atttypid order by enumsortorder limit 1)
      from pg_attribute a
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attrelid = to_regclass(quote_ident(%s)) and a.attnum > 0 and not a.attisdropped
       and a.attnotnull and d.oid is null
"""
_MADE_UP: Mapping[str, Any] = {
    "integer": 1, "bigint": 1, "numeric": 1, "real": 1, "boolean": False, "jsonb": "{}",
    "timestamp with time zone": "2022-01-01",
}  # fmt: skip


@dataclass(frozen=True)
class Moved:
    """What an item moves or changes, and what an old server writes meanwhile."""

    item: str
    rows: tuple[Row, ...]
    """Written together, `{n}` in a value is a number of its own."""
    lost: str
    """A query of those of the keys %(keys)s that the item should have seen and did not."""
    key: str = "id"


@dataclass
class Writer:
    """Commits rows until the run has moved them, or the server refuses them."""

    url: str
    moved: Moved
    committed: list[str] = field(default_factory=list)
    """The keys of rows that were there before the item's transaction was committed."""
    refused: psycopg.Error | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def write(self) -> None:
        """Write, one transaction after the other."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("set session_replication_role to replica")  # rows need no relatives
            statements = [insert(conn, table, values) for table, values in self.moved.rows]
            number = 0
            while not self.ended.is_set():
                number += 1
                try:
                    key, early = self._one(conn, statements, number)
                except psycopg.Error as exc:
                    self.refused = exc
                    return
                if not early:
                    return
                self.committed.append(key)
                time.sleep(0.002)

    def _one(
        self,
        conn: Connection[Any],
        statements: Sequence[tuple[sql.Composed, list[Any]]],
        number: int,
    ) -> tuple[str, bool]:
        with conn.transaction():
            for statement, values in statements:
                conn.execute(statement, numbered(values, number))
            # looked at behind the insert, which may have waited: is its transaction before the item's?
            row = conn.execute(
                "select not exists (select from medusa_db.history where %s = any(migrations || data_steps))",
                [self.moved.item],
            ).fetchone()
        key = numbered([self.moved.rows[0][1][self.moved.key]], number)[0]
        return key, bool(row and row[0])

    def lost(self) -> list[str]:
        """Return the committed keys that the item passed over."""
        with psycopg.connect(self.url) as conn:
            query = sql.SQL(self.moved.lost)
            return [key for (key,) in conn.execute(query, {"keys": self.committed})]


def insert(
    conn: Connection[Any], table: str, values: Mapping[str, Any]
) -> tuple[sql.Composed, list[Any]]:
    """Return an insert of *values* into *table* as it is now, and its parameters."""
    row = {}
    for column, type_, label in conn.execute(_INSISTS, [table]).fetchall():
        row[column] = label or _MADE_UP.get(type_, f"{table}_{{n}}")
    row |= values
    statement = sql.SQL("insert into {} ({}) values ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() for _ in row),
    )
    return statement, list(row.values())


def numbered(values: Sequence[Any], number: int) -> list[Any]:
    """Return *values* with their `{n}` filled in."""
    return [v.replace("{n}", str(number)) if isinstance(v, str) else v for v in values]


def fill(url: str, rows: Sequence[Row]) -> None:
    """Put *rows* into a shop, without asking for their relatives."""
    with psycopg.connect(url) as conn:
        conn.execute("set session_replication_role to replica")
        for table, values in rows:
            statement, parameters = insert(conn, table, values)
            conn.execute(statement, numbered(parameters, 0))


@contextmanager
def slowly(url: str, seconds: float) -> Iterator[None]:
    """Make each change of the schema, and the record of a transaction, take a while longer."""
    pause = sql.Literal(seconds)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            sql.SQL(
                """
                create schema slow;
                create function slow.event() returns event_trigger language plpgsql as
                  $$ begin perform pg_sleep({0}); end $$;
                create event trigger slow on ddl_command_start
                  when tag in ('ALTER TABLE', 'CREATE INDEX', 'CREATE TABLE')
                  execute function slow.event();
                create function slow.row() returns trigger language plpgsql as
                  $$ begin perform pg_sleep({0}); return new; end $$;
                create trigger slow before insert on medusa_db.history
                  for each row execute function slow.row();
                """
            ).format(pause)
        )
        yield
        conn.execute("set client_min_messages to error; drop event trigger slow")
        conn.execute("set client_min_messages to error; drop schema slow cascade")


@contextmanager
def writing(url: str, moved: Sequence[Moved]) -> Iterator[list[Writer]]:
    """Write all of *moved* at once for the duration of a `with`."""
    writers = [Writer(url, one) for one in moved]
    threads = [threading.Thread(target=writer.write, daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.ended.set()
        for thread in threads:
            thread.join(30)
