"""A server process that answers a session: whether it still exists, whether it is busy, and who keeps it waiting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from psycopg import Connection

_BACKEND = """
    select pg_backend_pid(), (extract(epoch from backend_start) * 1000000)::bigint,
           (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint
      from pg_stat_get_activity(pg_backend_pid())
"""
"""Moments are numbers, as a role may have dates spelt in a way that the driver cannot read."""
_STATE = """
    select (select coalesce(state, '') from pg_stat_activity
             where pid = %(pid)s and (extract(epoch from backend_start) * 1000000)::bigint = %(started)s),
           (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint = %(postmaster)s
           or not pg_is_in_recovery()
"""
_BLOCKERS = """
    with waiting as (
      select w.locktype, coalesce(w.relation, (
               select t.relation from pg_locks t
                where t.pid = w.pid and t.locktype = 'tuple' and t.granted limit 1)) as relation
        from pg_locks w where w.pid = %(pid)s and not w.granted limit 1)
    select distinct b.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''),
           extract(epoch from clock_timestamp() - coalesce(a.xact_start, a.backend_start))::bigint,
           coalesce(a.query, ''),
           (select case when locktype in ('relation', 'extend') then '' else 'a row of ' end
                   || (select relname from pg_class where oid = relation) from waiting)
      from unnest(pg_blocking_pids(%(pid)s)) as b(pid) left join pg_stat_activity a using (pid)
     order by 5 desc nulls last limit 3
"""
_WORD = re.compile(r"\s*([A-Za-z]{3,12})\b")


class Backend(NamedTuple):
    """A server process that answers, or once did."""

    pid: int
    started: int
    """When it was started, in microseconds since 1970."""
    postmaster: int
    """When its server was started, likewise."""

    @classmethod
    def of(cls, conn: Connection[Any]) -> Backend:
        """Return the one that answers *conn*."""
        return cls(*_row(conn, _BACKEND))

    def is_gone(self, beside: Connection[Any]) -> bool:
        """Return whether it has ended, as another session of the server sees it; a standby may not know."""
        state, certain = _row(beside, _STATE, self._asdict())
        return certain and state is None

    def is_busy(self, beside: Connection[Any]) -> bool:
        """Return whether it is there and does not wait for its client, as another session sees it."""
        state, _ = _row(beside, _STATE, self._asdict())
        return state not in {None, "idle"}

    def blockers(self, beside: Connection[Any]) -> tuple[str, ...]:
        """Return who, in words, keeps it waiting, as another session sees it; empty: nobody."""
        rows = beside.execute(_BLOCKERS, {"pid": self.pid}).fetchall()
        return tuple(
            f"{session(pid, application, user, state, age, query)} holds {what or 'a lock'}"
            for pid, application, user, state, age, query, what in rows
        )


def session(
    pid: int | None, application: str, user: str, state: str | None, age: int | None, query: str = ""
) -> str:  # fmt: skip
    """Name a session in words, with the first word of what it runs; the rest may hold secrets.

    Without a *pid* it is a prepared transaction, and *application* its identifier, quoted.
    """
    if not pid and application:
        since = "" if age is None else f"{age} s; "
        return f"the prepared transaction {application} (user {user}, {since}`rollback prepared {application}` ends it)"
    if not pid:
        return "a prepared transaction (see pg_prepared_xacts)"
    word = _WORD.match(query)
    if state == "active" and word:
        state = f"active: {word[1].upper()}"
    known = [application or "unnamed", f"user {user}" if user else "", state or "state not visible"]
    known.append("" if age is None else f"{age} s")
    return f"pid {pid} ({', '.join(filter(None, known))})"


def _row(
    conn: Connection[Any], query: str, values: dict[str, int] | None = None
) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = conn.execute(query, values).fetchone()
    assert row is not None  # noqa: S101  each of these questions has one row
    return row
