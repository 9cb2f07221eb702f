"""Row-level security: which tables hide rows from our role, and how that is said.

A run's session has `row_security = off`: PostgreSQL then refuses a statement that would pass over
rows in silence (https://www.postgresql.org/docs/current/ddl-rowsecurity.html).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.contract.errors import DeniedError
from medusa_migrations.contract.values import some

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from psycopg import Connection

REASON = "RowSecurity"
OFF = sql.SQL("set local row_security to off")
"""For a transaction of a session that others share, or whose settings were reset."""
OWN_TABLES = ("history", "seed", "seeded_row", "shop_file", "verification")
"""Our records in the schema medusa_db."""


class Hiding(NamedTuple):
    """A table that hides rows from our role."""

    schema: str
    table: str
    owner: str
    owned: bool
    """Whether our role is its owner, so that only `force row level security` holds it back."""


class HiddenRows(NamedTuple):
    """The tables that hide rows from the role *role*."""

    role: str
    tables: tuple[Hiding, ...]

    @property
    def problem(self) -> str:
        """What is wrong, in a sentence."""
        names = [one.table if one.schema != "medusa_db" else f"medusa_db.{one.table}"
                 for one in self.tables]  # fmt: skip
        return (
            f"row-level security may hide rows of {some(names, 8, what='more tables')} from the role {self.role}: they "
            "would count as not there, and be left out"
        )

    @property
    def advice(self) -> str:
        """What to do about it."""
        ways = [f"as a superuser: {bypass(self.role)}"]
        others = sorted({one.owner for one in self.tables if not one.owned})
        if any(one.owned for one in self.tables):
            forced = [one for one in self.tables if one.owned]
            ways.append(
                "or take the force away for the time of the run, as their owner: "
                + "; ".join(
                    sql.SQL("alter table {} no force row level security")
                    .format(sql.Identifier(one.schema, one.table))
                    .as_string(None)
                    for one in forced[:3]
                )
                + (f"; and {len(forced) - 3} more" if len(forced) > 3 else "")
            )
        if others:
            ways.append(f"or run as {' and '.join(others)}, where the owner sees every row")
        return f"Let the role see all of them, {', '.join(ways)}"

    @property
    def sentence(self) -> str:
        """Problem and advice."""
        return f"{self.problem}. {self.advice}"

    def raise_if_any(self) -> None:
        """Raise DeniedError where there is one."""
        if self.tables:
            raise DeniedError(self.sentence, reason=REASON)


def look(conn: Connection[Any], schema: str, names: Callable[[], Iterable[str]]) -> HiddenRows:
    """Return which of the tables *names*, of *schema* or of another one among them, hide rows.

    Our own records and the ledger are looked at as well. A role that bypasses row-level security, and
    an owner where it is not forced, see everything: where no table hides rows, nobody asks for *names*.
    """
    rows = conn.execute(
        """
        select n.nspname, c.relname, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'usage'),
               current_user
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relrowsecurity and c.relkind in ('r', 'p') and row_security_active(c.oid)
         order by n.nspname = 'medusa_db', 1, 2
        """
    ).fetchall()
    if not rows:
        return HiddenRows("", ())
    known = {*names()}
    hiding = (Hiding(*row[:4]) for row in rows)
    return HiddenRows(rows[0][4], tuple(one for one in hiding if _is_meant(one, schema, known)))


def _is_meant(one: Hiding, schema: str, names: Collection[str]) -> bool:
    if one.schema == "medusa_db" and one.table in OWN_TABLES:
        return True
    if one.schema == schema and one.table == "migrations":
        return True
    return one.table in names and (one.schema == schema or one.schema in names)


def refused(exc: psycopg.Error) -> bool:
    """Return whether PostgreSQL refused a statement because row-level security would hide rows."""
    if not isinstance(exc, (pg.InsufficientPrivilege, pg.FeatureNotSupported)):
        return False
    return exc.diag.source_function == "check_enable_rls" or "row-level security" in str(exc)


def role(conn: Connection[Any]) -> str:
    """Return the role whose rights count; the one that logged in where nobody answers."""
    with contextlib.suppress(psycopg.Error):
        row = conn.execute("select current_user").fetchone()
        if row:
            return str(row[0])
    return conn.info.user


def bypass(name: str) -> str:
    """Return the statement by which the role *name* sees every row."""
    return sql.SQL("alter role {} bypassrls").format(sql.Identifier(name)).as_string(None)
