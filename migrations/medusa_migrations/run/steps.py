"""Runs the items of a step in transactions, each with its records, and again where a table is busy."""

from __future__ import annotations

import hashlib
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg import sql

from medusa_migrations import __version__
from medusa_migrations.catalog.model import DataStep, Migration
from medusa_migrations.contract.errors import (
    LockHeldError,
    RunnerError,
    UnreachableError,
)
from medusa_migrations.contract.report import Done
from medusa_migrations.plan import observe
from medusa_migrations.postgres import (
    bounded,
    connection,
    introspect,
    search_path,
    table_locks,
    translation,
)
from medusa_migrations.records import history, ledger, verification
from medusa_migrations.run import lost_commit, outside, shop_file, signals
from medusa_migrations.run.outcome import CommitOf, Committed
from medusa_migrations.schema import affected, row_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.plan import Item, Step
    from medusa_migrations.postgres.deadline import Deadline
    from medusa_migrations.postgres.table_locks import TableLock
    from medusa_migrations.run.context import Limits, RunContext
    from medusa_migrations.run.outcome import Outcome

_TRY_AGAIN = (pg.LockNotAvailable, pg.DeadlockDetected, pg.SerializationFailure)
_NOT_LOCKED = (pg.QueryCanceled, pg.UndefinedTable)
"""What else a try to lock all tables may end with: out of time, or one of them was just dropped."""


@dataclass(slots=True)
class Steps:
    """Runs steps on one connection; notes in the outcome what of them is committed."""

    context: RunContext
    outcome: Outcome
    deadline: Deadline
    started: datetime
    committed: Committed = field(default_factory=Committed)
    recorded: Version | None = None
    """The version that the history names by now; None: no history was written."""
    committing: bool = False
    """Whether a commit is on its way, and its answer not yet noted."""
    path: tuple[str, ...] = ()
    """The search path that the shop has; its own schema is the first."""
    differed: tuple[str, ...] = ()
    """What differs before the run and stays so."""
    medusas: tuple[str, ...] = ()
    """The part of the search path that statements of Medusa's can have."""
    warned: set[str] = field(default_factory=set)

    @property
    def conn(self) -> Connection[Any]:
        """The connection that everything runs on."""
        return self.context.conn

    @property
    def limits(self) -> Limits:
        """How long a step may wait and run."""
        return self.context.options.limits

    def run(self, step: Step, before: str) -> None:
        """Run *step*; *before* is where the database is, for the history.

        What a transaction needs is locked when it begins, all of it in one short try, so that a try
        that fails costs little. It is tried again with growing pauses, as is a transaction that a
        lock it could not know of made fail. Raises LockHeldError once `lock_wait` is over.
        """
        until = time.monotonic() + self.limits.lock_wait
        pause = 0.25
        pending = list(step.parts(each=self.limits.each))
        while True:
            try:
                while pending:
                    rest = [item for part in pending[1:] for item in part]
                    self._transaction(step, before, pending[0], rest)
                    del pending[0]
            except _Busy as busy:
                signals.release()
                if time.monotonic() + pause > until:
                    raise LockHeldError(
                        f"{busy.what}: a table is locked by others ({busy.who}) and was not to be had in "
                        f"{self.limits.lock_wait:g} s of short tries; rolled back. End the long "
                        "transaction, or try when the shop is quiet",
                        reason="TableLocked",
                    ) from busy
                self.outcome.retries += 1
                self.context.progress.say(
                    f"rolled back, a table is locked by others; trying again in {pause:.1f} s",
                    item=busy.what,
                    holder=busy.who,
                )
            else:
                return
            self.deadline.sleep(pause)
            pause = min(pause * 2, 5.0) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, no secret

    def adopt(self, names: Sequence[Migration], version: Version) -> None:
        """Write the ledger of *version*, which has these *names*."""
        after = Committed(baseline=version)
        path = search_path.of_role(self.conn, self.context.schema)
        with self._committed_at_its_end(after, version):
            self.conn.execute(search_path.seen_from(*path))
            ledger.ensure(self.conn, self.context.schema)
            for migration in names:
                ledger.record(self.conn, self.context.schema, migration)
            self._record(f"tables without a ledger (--baseline {version})", version, [], [])
        self._keep(after, version, recorded=False)

    def move(self, before: str, target: Version) -> None:
        """Let the history name *target*, which has the migrations that are applied."""
        signals.release()
        with self._committed_at_its_end(self.committed, target):
            recorded = self._record(before, target, [], [])
        self._keep(self.committed, target, recorded=recorded)

    @contextmanager
    def _committed_at_its_end(self, after: Committed, target: Version) -> Iterator[None]:
        """Hold a transaction for the duration of a `with`, until its commit has been answered.

        After it that much is committed, *after*.
        """
        try:
            with self.conn.transaction():
                yield
                self._sent()
        except psycopg.Error as exc:
            if not translation.is_lost(exc):
                self._answered()
                raise
            lost = self._failure(exc, f"the commit of {target}", ())
            self._look_up(lost, after, target, (), recorded=after is self.committed)
            raise lost from exc

    def _sent(self) -> None:
        """Note that a commit is on its way: no signal is raised until the next transaction begins."""
        signals.hold()
        self.committing = True
        self.outcome.unanswered = CommitOf.STEP

    def _answered(self) -> None:
        """Note that it is known what has become of a commit."""
        self.committing = False
        self.outcome.unanswered = None

    def _keep(self, committed: Committed, target: Version, *, recorded: bool) -> None:
        """Note what was *committed* in all, and whether the history names *target* by now."""
        self.committed = self.outcome.committed = committed
        self.outcome.outside = ""
        if recorded:
            self.recorded = target
        self._answered()

    def _look_up(
        self,
        lost: RunnerError,
        after: Committed,
        target: Version,
        items: Sequence[Item],
        *,
        recorded: bool,
    ) -> None:
        """Find out what became of a commit whose answer was lost, and add that to *lost*.

        Where it was done, that much is committed, *after*, and *recorded* in the history.
        """
        if not self.committing:
            return
        names = [item.name for item in items if isinstance(item, Migration)]

        def is_committed(conn: Connection[Any]) -> bool | None:
            if recorded:
                entry = (self.started, str(target), _checksum(items))
                runs = history.read(conn, self.context.schema)
                return entry in [(r.started_at, r.to_version, r.checksum) for r in runs]
            found = ledger.read(conn, self.context.schema).names
            if after.baseline is not None and not items:
                return bool(found)
            return set(names) <= set(found) if names else None

        context = self.context
        match lost_commit.look_up(self.conn, context.address, context.command, is_committed):
            case True:
                self._keep(after, target, recorded=recorded)
                lost.add("A new connection shows that the commit was done")
            case False:
                self._answered()
                lost.add(lost_commit.ROLLED_BACK)
            case None:
                pass

    def _transaction(
        self, step: Step, before: str, items: Sequence[Item], rest: Sequence[Item]
    ) -> None:
        """Run *items* and their records in one transaction; note that they are committed.

        The data steps among *rest*, which comes in later ones, are recorded as waiting: should this
        run end early, the ledger alone would count those of versions it completed as done.
        """
        signals.release()
        done: list[Done] = []
        recorded = False
        what = items[0].name if self.limits.each else str(step.target)
        schema = self.context.schema
        self.path = search_path.of_role(self.conn, schema)
        self.medusas = search_path.unambiguous(
            self.conn, self.path, _names(items) if self.path[1:] else ()
        )
        locks = table_locks.of_items(self.conn, schema, items)
        patience = table_locks.deadlock_timeout(self.conn)
        locked = False
        try:
            if alone := [one for one in items if isinstance(one, Migration) and one.alone]:
                what, locks = alone[0].name, []
                self._outside(alone[0])
            with self.conn.transaction():
                within = table_locks.one_try(self.limits.lock_timeout, patience)
                table_locks.take(self.conn, schema, locks, within)
                locked = True
                self._prepare(items)
                sizes = introspect.sizes(self.conn, schema, [lock.table for lock in locks])
                self.context.progress.begin(len(items))
                for item in items:
                    what = item.name
                    started = time.monotonic()
                    with self.context.progress.item(item.name, _locked(item, sizes)) as shown:
                        rows = self._apply(item)
                        if isinstance(item, DataStep) and rows is None:
                            shown.outcome = "Waiting"
                    done.append(Done(item.name, time.monotonic() - started, rows))
                what = f"the commit of {step.target}"
                recorded = self._record(before, step.target, items, done, rest)
                self._sent()
            self._keep(_with(self.committed, items, done), step.target, recorded=recorded)
        except psycopg.Error as exc:
            if isinstance(exc, _TRY_AGAIN) or (not locked and isinstance(exc, _NOT_LOCKED)):
                self._answered()
                busy = _Busy(what, self._holders(items, locks))
                table_locks.outwait_vacuum(self.conn, schema, locks, patience + 1)
                raise busy from exc
            failed = self._failure(exc, what, items)
            if not isinstance(failed, UnreachableError):
                self._answered()
            elif self.committing:
                after = _with(self.committed, items, done)
                self._look_up(failed, after, step.target, items, recorded=recorded)
            raise failed from exc
        finally:
            self.context.progress.end()

    def _outside(self, file: Migration) -> None:
        conn, schema = self.conn, self.context.schema
        say = self.context.progress.say
        with shop_file.keeping_ledger(conn, schema, file, self._is_medusas):
            outside.run(conn, schema, self.path, file, self.limits, say, self.outcome)

    def _prepare(self, items: Sequence[Item]) -> None:
        """Make the transaction one that *items* can run in, as long as they are pending."""
        schema = self.context.schema
        self._limit()
        medusas = any(item.version is not None for item in items)
        if medusas and (at_once := introspect.immediate(self.conn, schema)):
            self.conn.execute(at_once)
        ledger.ensure(self.conn, schema)
        if repaired := ledger.advance(self.conn, schema):
            self._warn(repaired)
        self._still_pending(items)

    def _limit(self) -> None:
        """Keep the transaction to the limits, and Medusa's names to its part of the search path."""
        lock, statement = self.limits.lock_timeout, self.limits.statement_timeout
        self.conn.execute(connection.limited(lock, statement, self.medusas))

    def _still_pending(self, items: Sequence[Item]) -> None:
        """Make sure that no other tool has run one of *items* while we waited for its tables."""
        names = [item.name for item in items if isinstance(item, Migration)]
        found = ledger.recorded(self.conn, self.context.schema, names)
        if found:
            fate = "this was rolled back" if self.committed.anything else "nothing was changed"
            raise LockHeldError(
                f"another tool has run {found[0]} meanwhile, of {len(names)} migrations that were "
                f"pending; {fate}. Run the same command again, it goes on from what the ledger says"
            )

    def _apply(self, item: Item) -> int | None:
        """Run one item; return the rows a data step changed, None for a migration or one that waits."""
        if isinstance(item, DataStep):
            return self._data_step(item)
        if item.version is None:
            self.conn.execute(search_path.seen_from(*self.path))
            if item.extension:
                self._extension(item.extension)
            say = self.context.progress.say
            shop_file.run(self.conn, self.context.schema, item, say, self._is_medusas)
            self._limit()
            return None
        if item.extension:
            self._extension(item.extension)
        if item.when and not introspect.has(self.conn, self.context.schema, *item.when):
            ledger.record(self.conn, self.context.schema, item)
            return None
        row = ledger.record_statement(self.context.schema, item).as_string(self.conn)
        # One round trip a migration: its statements, then its ledger row. The text comes first, so
        # that the positions PostgreSQL reports count from its start.
        ledger.check_row(item, self.conn.execute(f"{item.text}\n;{row}".encode()))
        if item.extension:
            self._limit()
        return None

    def _is_medusas(self, name: str) -> bool:
        return self.context.catalog.knows(name)

    def _extension(self, name: str) -> None:
        """Make the extension where it is missing, and put its schema on the search path.

        Hosted servers refuse the words `create extension`, even with `if not exists`, to all but their
        administrators.
        """
        schema = introspect.schema_of_extension(self.conn, name)
        if schema is None:
            self.conn.execute(sql.SQL("create extension {}").format(sql.Identifier(name)))
            schema = introspect.schema_of_extension(self.conn, name)
        if schema is not None and schema not in self.medusas:
            self.conn.execute(search_path.seen_from(*self.medusas, schema))

    def _data_step(self, step: DataStep) -> int | None:
        if not observe.is_ready(self.conn, self.context.schema, step):
            self._warn(f"{step.name} waits: {step.otherwise}")
            return None
        self.conn.execute(search_path.seen_from(*self.medusas))  # that look had one schema only
        for warn in step.warns:
            row = self.conn.execute(sql.SQL(warn.query)).fetchone()
            if row and row[0]:
                self._warn(f"{step.name}: {warn.says.format(count=row[0])}")
        cursor = self.conn.execute(sql.SQL(step.text))
        rows = 0
        while True:
            rows += max(cursor.rowcount, 0)
            if not cursor.nextset():
                return rows

    def _warn(self, text: str) -> None:
        if text not in self.warned:  # it may come from a try that was rolled back
            self.warned.add(text)
            self.outcome.warn(text)
        self.context.progress.say(text)

    def _record(
        self,
        before: str,
        after: Version,
        items: Sequence[Item],
        done: Sequence[Done],
        rest: Sequence[Item] = (),
    ) -> bool:
        """Write the history row, in the transaction of what it records; return whether there is one."""
        if history.why_off(self.conn) is not None:
            return False
        pairs = list(zip(items, done, strict=True))
        by_whom = self.context.options.by_whom
        history.prepare(self.conn)
        history.record(
            self.conn,
            history.HistoryEntry(
                schema=self.context.schema,
                command=self.context.command,
                started_at=self.started,
                finished_at=datetime.now(UTC),
                from_version=before,
                to_version=str(after),
                migrations=tuple(i.name for i in items if isinstance(i, Migration)),
                data_steps=tuple(
                    name
                    for i, d in pairs
                    if isinstance(i, DataStep) and d.rows is not None
                    for name in (i.name, *i.repeats)
                ),
                deferred=(
                    *(i.name for i, d in pairs if isinstance(i, DataStep) and d.rows is None),
                    *(item.name for item in rest if isinstance(item, DataStep)),
                ),
                runner_version=__version__,
                checksum=_checksum(items),
                by_whom=f"@{by_whom}" if by_whom else "",
            ),
        )
        verification.record(self.conn, self.context.schema, str(after), self.differed)
        return True

    def _holders(self, items: Sequence[Item], locks: Sequence[TableLock]) -> str:
        changed = affected.affected(item.text for item in items).tables
        modes = dict.fromkeys(sorted(changed), "access exclusive")
        modes |= {lock.table: lock.mode for lock in locks}
        found = table_locks.holders(self.conn, self.context.schema, modes)
        known = "; ".join(f"{who} holds {', '.join(names[:3])}" for who, names in found)
        return known or bounded.blockers(self.conn) or "unknown"

    def _failure(self, exc: psycopg.Error, what: str, items: Sequence[Item]) -> RunnerError:
        named = [item for item in items if item.name == what]
        text = next((item.text for item in named if item.version is not None), "")
        own = any(item.version is None for item in named)
        failed = translation.applying(
            exc,
            self.conn,
            what,
            text,
            own=own,
            committed=self.committed.anything,
            committing=self.committing,
        )
        where = getattr(exc, "__notes__", ())  # of a file of the shop's own
        failed.detail = "\n".join(filter(None, (*where, failed.detail)))
        return failed


def _checksum(items: Sequence[Item]) -> str:
    texts = (
        item.checksum if isinstance(item, Migration) and item.pieces is not None else item.text
        for item in items
    )
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def _with(committed: Committed, items: Sequence[Item], done: Sequence[Done]) -> Committed:
    """Return what is *committed* once *items*, of which each was *done*, are as well."""
    pairs = list(zip(items, done, strict=True))
    steps = [entry for item, entry in pairs if isinstance(item, DataStep)]
    return replace(
        committed,
        migrations=committed.migrations
        + tuple(entry for item, entry in pairs if isinstance(item, Migration)),
        data_steps=committed.data_steps + tuple(one for one in steps if one.rows is not None),
        deferred=committed.deferred + tuple(one.name for one in steps if one.rows is None),
    )


class _Busy(Exception):  # noqa: N818  not an error: the step is tried again
    """A table lock was not to be had in time."""

    def __init__(self, what: str, who: str) -> None:
        super().__init__(what)
        self.what = what
        self.who = who


def _names(items: Sequence[Item]) -> frozenset[str]:
    return row_names.of_objects(
        item.statements if isinstance(item, Migration) else item.text
        for item in items
        if item.version is not None
    )


def _locks(item: Item) -> Sequence[Any]:
    return item.locks if isinstance(item, Migration) else ()


def _locked(item: Item, sizes: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {entry.table: sizes[entry.table] for entry in _locks(item) if entry.table in sizes}
