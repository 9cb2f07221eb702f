"""A run: bring a database to a version, once, in transactions, under the lock, and prove it."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg import sql

from medusa_migrations import (
    __version__,
    connection,
    history,
    ledger,
    live,
    lock,
    observe,
    preflight,
    touches,
    verify,
)
from medusa_migrations.catalog import DataStep, Migration
from medusa_migrations.errors import (
    FailedError,
    LockHeldError,
    RefusedError,
    UnreachableError,
    VerificationError,
)
from medusa_migrations.plan import Plan, Request, Step, plan
from medusa_migrations.report import Done

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_migrations.address import Address
    from medusa_migrations.catalog import Catalog, Note
    from medusa_migrations.observe import Observed
    from medusa_migrations.plan import Item
    from medusa_migrations.progress import Progress
    from medusa_migrations.report import Report
    from medusa_migrations.version import Version

_TRY_AGAIN = (pg.LockNotAvailable, pg.DeadlockDetected, pg.SerializationFailure)


@dataclass(frozen=True, slots=True)
class Options:
    """How a run behaves; times in seconds, 0 means without limit."""

    schema: str | None = None
    lock_wait: float = 600.0
    """How long to wait for another run, and for table locks in all; 0: one try."""
    lock_timeout: float = 5.0
    """How long one try waits for a table lock; the shop queues behind us for that long."""
    statement_timeout: float = 0.0
    run_timeout: float = 3600.0
    each: bool = False
    """Commit each item by itself instead of a step at once."""
    baseline: Version | None = None
    on_breaking: bool = False
    """Refuse to cross a breaking version that is not acknowledged."""
    acknowledged: frozenset[Version] = frozenset()
    by_whom: str = ""
    """Pod or host, for the history."""


def migrate(
    conn: Connection[Any],
    address: Address,
    catalog: Catalog,
    request: Request,
    options: Options,
    progress: Progress,
    report: Report,
) -> None:
    """Bring the database to `request.target`; fill *report* on the way.

    Takes no lock and writes nothing where there is nothing to do. Raises a RunnerError where it
    cannot be done; the database then is at the version it had, or with `options.each` at the last
    item that was committed.
    """
    _Run(conn, address, catalog, request, options, progress, report).run()


@dataclass(slots=True)
class _Run:
    conn: Connection[Any]
    address: Address
    catalog: Catalog
    request: Request
    options: Options
    progress: Progress
    report: Report
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _over: threading.Event = field(default_factory=threading.Event)
    """The time of the whole run is over."""

    def run(self) -> None:
        self.report.target = str(self.request.target)
        asked = self.options.schema or self.address.schema
        self.report.schema = observe.schema_of(self.conn, asked)
        observed, path = self._look()
        self.report.before = observed.place(self.catalog)
        if path.nothing and self.options.baseline is None:
            self._finish(observed, path, state="nothing")
            return
        preflight.own_session(self.conn, self.address)
        with lock.hold(self.conn, wait=self.options.lock_wait, say=self.progress.say):
            observed, path = self._look()  # another run may have done it while we waited
            if self.options.baseline is not None:
                self._baseline(observed, self.options.baseline)
                observed, path = self._look()
            if path.nothing:
                self._finish(observed, path, state="done" if self.options.baseline else "nothing")
                return
            self._acknowledged(path)
            with self._deadline():
                self._preflight(path)
                before = observed.place(self.catalog)
                for step in path.steps:
                    self._step(observed, step, before)
                    before = str(step.target)
            observed = observe.observe(self.conn, self.catalog, self.report.schema)
            self._finish(observed, path, state="done")
            self._verify(observed)

    def _look(self) -> tuple[Observed, Plan]:
        observed = observe.observe(self.conn, self.catalog, self.report.schema)
        if self.options.baseline is None:
            observe.refuse_unledgered(self.catalog, observed)
        ready, _ = observe.waiting(self.conn, self.catalog, observed)
        asked = (*self.request.asked, *(ready if self.request.data_steps else ()))
        request = dataclasses.replace(self.request, asked=asked)
        path = plan(self.catalog, observed.proof, request, at=observed.at)
        return observed, path

    def _finish(self, observed: Observed, path: Plan, *, state: str) -> None:
        report = self.report
        report.state = state
        report.after = observed.place(self.catalog)
        report.assumed_done = [step.name for step in path.assumed_done]
        if state == "done":
            report.notes = [short_note(note) for note in path.notes]
        _, waits = observe.waiting(self.conn, self.catalog, observed)
        report.deferred = sorted({*report.deferred, *waits} - {d.name for d in report.data_steps})
        for name in observed.proof.doubled:
            report.warnings.append(
                f"the ledger has {name} more than once, as races of Medusa's own tool leave it; harmless"
            )

    # -- before anything is written

    def _acknowledged(self, path: Plan) -> None:
        missing = [n.version for n in path.breaking if n.version not in self.options.acknowledged]
        if self.options.on_breaking and missing:
            first = next(note for note in path.breaking if note.version == missing[0])
            flags = " ".join(f"--acknowledge {version}" for version in missing)
            raise RefusedError(
                f"the way crosses breaking versions ({', '.join(map(str, missing))}). "
                f"{first.version}: {first.summary} Read `medusa-db notes`, then add {flags}",
                reason="NotAcknowledged",
            )

    def _preflight(self, path: Plan) -> None:
        schema = self.report.schema
        migrations = [item for item in path.items if isinstance(item, Migration)]
        findings = preflight.look(self.conn, self.address, schema, migrations)
        for finding in findings:
            if finding.error is None:
                self.report.warnings.append(str(finding))
                self.progress.say(str(finding))
        preflight.raise_for(findings)
        off = history.why_off(self.conn)
        if off:
            self.report.history = f"off: {off}"
            self.progress.say(f"no history is kept: {off}")

    def _baseline(self, observed: Observed, version: Version) -> None:
        """Write the ledger of *version* for tables that are provably that version's."""
        if not observed.proof.empty:
            raise RefusedError(
                f"there is a ledger already, at {observed.place(self.catalog)}; --baseline is for "
                "tables without one, leave it out",
                reason="LedgerExists",
            )
        schema = self.report.schema
        names = self._baseline_set(version)
        verdict = verify.verify(
            self.catalog, version, [m.name for m in names], live.read(self.conn, schema)
        )
        if not verdict.ok:
            self.report.drift = list(verdict.drift)
            raise VerificationError(
                f"the tables are not those of {version}: {some(verdict.drift)}. Nothing was written; "
                "name the version that made them, and flags that were on with --flag",
                detail="\n".join(f"- {line}" for line in verdict.drift),
            )
        with self.conn.transaction():
            if not observed.ledger.exists:
                ledger.create(self.conn, schema)
            for migration in names:
                ledger.record(self.conn, schema, migration)
            self._record(f"tables without a ledger (--baseline {version})", str(version), [], [])
        self.progress.say(f"adopted the tables as {version}", ledger_rows=len(names))

    def _baseline_set(self, version: Version) -> list[Migration]:
        return self.catalog.enabled(version, self.request.flags)

    # -- the steps

    def _step(self, observed: Observed, step: Step, before: str) -> None:
        """Run one step, again where a table lock was not to be had in time."""
        until = time.monotonic() + self.options.lock_wait
        pause = 1.0
        pending = list(step.items)
        while True:
            done: list[Done] = []
            try:
                while pending:
                    part = pending[:1] if self.options.each else pending
                    done = self._transaction(observed, step, before, part)
                    pending = pending[len(part) :]
                    self._keep(part, done)
            except _Busy as busy:
                if time.monotonic() + pause > until:
                    raise LockHeldError(
                        f"{busy.what}: a table is locked by others ({busy.who}) and was not to be had in "
                        f"{self.options.lock_wait:g} s of short tries; rolled back. End the long "
                        "transaction, or try when the shop is quiet",
                        reason="TableLocked",
                    ) from busy
                self.report.retries += 1
                self.progress.say(
                    f"rolled back, a table is locked by others; trying again in {pause:.1f} s",
                    item=busy.what, holder=busy.who,
                )  # fmt: skip
            else:
                return
            if self._over.wait(pause):
                raise self._out_of_time()
            pause = min(pause * 2, 30.0) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, no secret

    def _keep(self, part: Sequence[Item], done: Sequence[Done]) -> None:
        for item, entry in zip(part, done, strict=True):
            if isinstance(item, Migration):
                self.report.migrations.append(entry)
            elif entry.rows is None:
                self.report.deferred.append(entry.name)
            else:
                self.report.data_steps.append(entry)

    def _transaction(
        self, observed: Observed, step: Step, before: str, items: Sequence[Item]
    ) -> list[Done]:
        """Run *items* and their records in one transaction; return what each took."""
        done: list[Done] = []
        what = str(step.target)
        try:
            sizes = live.sizes(self.conn, self.report.schema)
            self.progress.begin(len(items))
            with self.conn.transaction():
                self._settings()
                if not observed.ledger.exists and not self.report.migrations:
                    ledger.create(self.conn, self.report.schema)
                for item in items:
                    what = item.name
                    started = time.monotonic()
                    with self.progress.item(item.name, _locked(item, sizes)):
                        rows = self._apply(item)
                    done.append(Done(item.name, time.monotonic() - started, rows))
                what = f"the commit of {step.target}"
                self._record(before, str(step.target), items, done)
        except _TRY_AGAIN as exc:
            raise _Busy(what, self._holders(items)) from exc
        except psycopg.Error as exc:
            raise self._failure(exc, what, items) from exc
        finally:
            self.progress.end()
        return done

    def _settings(self) -> None:
        options = self.options
        self.conn.execute(
            sql.SQL(
                "set local lock_timeout to {}; set local statement_timeout to {};"
                " set local search_path to {}"
            ).format(
                sql.Literal(f"{int(options.lock_timeout * 1000)}ms"),
                sql.Literal(f"{int(options.statement_timeout * 1000)}ms"),
                sql.Identifier(self.report.schema),
            )
        )

    def _apply(self, item: Item) -> int | None:
        """Run one item; return the rows a data step changed, None for a migration or one that waits."""
        if isinstance(item, DataStep):
            return self._data_step(item)
        if item.extension:
            self._extension(item.extension)
        if item.when and not live.has(self.conn, self.report.schema, *item.when):
            ledger.record(self.conn, self.report.schema, item)
            return None
        row = ledger.record_statement(self.report.schema, item).as_string(self.conn)
        # One round trip a migration: its statements and its ledger row. The text comes last in no
        # case, so that positions PostgreSQL reports count from its start.
        self.conn.execute(f"{item.text}\n;{row}".encode())
        if self.conn.info.transaction_status != psycopg.pq.TransactionStatus.INTRANS:
            raise FailedError(
                f"{item.origin} ended the transaction it runs in; what it did before that is committed "
                "without a ledger row. Remove the transaction control from it",
                reason="TransactionControl",
            )
        if item.version is None:  # a shop's own may have left settings of its own behind
            self.conn.execute("reset session authorization; reset all")
        if item.version is None or item.extension:
            self._settings()
        return None

    def _extension(self, name: str) -> None:
        """Make the extension where it is missing, and put its schema on the search path."""
        query = sql.SQL("create extension if not exists {}").format(sql.Identifier(name))
        self.conn.execute(query)
        row = self.conn.execute(
            "select nspname from pg_extension e join pg_namespace n on n.oid = extnamespace"
            " where extname = %s",
            [name],
        ).fetchone()
        if row and row[0] != self.report.schema:
            self.conn.execute(
                sql.SQL("set local search_path to {}, {}").format(
                    sql.Identifier(self.report.schema), sql.Identifier(row[0])
                )
            )

    def _data_step(self, step: DataStep) -> int | None:
        if not observe.is_ready(self.conn, self.report.schema, step):
            self.report.warnings.append(f"{step.name} waits: {step.otherwise}")
            self.progress.say(f"{step.name} waits: {step.otherwise}")
            return None
        for warn in step.warns:
            row = self.conn.execute(sql.SQL(warn.query)).fetchone()
            if row and row[0]:
                said = f"{step.name}: {warn.says.format(count=row[0])}"
                self.report.warnings.append(said)
                self.progress.say(said)
        cursor = self.conn.execute(sql.SQL(step.text))
        rows = 0
        while True:
            rows += max(cursor.rowcount, 0)
            if not cursor.nextset():
                return rows

    def _record(self, before: str, after: str, items: Sequence[Item], done: Sequence[Done]) -> None:
        """Write the history row, in the transaction of what it records."""
        if history.why_off(self.conn) is not None:
            return
        pairs = list(zip(items, done, strict=True))
        history.prepare(self.conn)
        history.record(
            self.conn,
            history.Run(
                schema=self.report.schema,
                command=self.report.command,
                started_at=self.started,
                finished_at=datetime.now(UTC),
                from_version=before,
                to_version=after,
                migrations=tuple(i.name for i in items if isinstance(i, Migration)),
                data_steps=tuple(
                    i.name for i, d in pairs if isinstance(i, DataStep) and d.rows is not None
                ),
                deferred=tuple(
                    i.name for i, d in pairs if isinstance(i, DataStep) and d.rows is None
                ),
                runner_version=__version__,
                checksum=hashlib.sha256("".join(i.text for i in items).encode()).hexdigest(),
                by_whom=f"@{self.options.by_whom}" if self.options.by_whom else "",
            ),
        )

    # -- afterwards

    def _verify(self, observed: Observed) -> None:
        found = live.read(self.conn, self.report.schema)
        verdict = verify.verify(self.catalog, self.request.target, observed.proof.applied, found)
        self.report.verified = verdict.ok
        self.report.drift = list(verdict.drift)
        self.report.foreign = list(verdict.foreign)
        self.report.variant = list(verdict.variant)
        if not verdict.ok:
            raise VerificationError(
                f"every migration is applied, and the schema still differs from that of "
                f"{self.request.target}: {some(verdict.drift)}. `medusa-db verify` lists all of it",
                detail="\n".join(f"- {line}" for line in verdict.drift),
            )

    # -- trouble

    @contextmanager
    def _deadline(self) -> Iterator[None]:
        """Cancel what runs when the time of the whole run is over."""
        if not self.options.run_timeout:
            yield
            return
        ended = threading.Event()

        def watch() -> None:
            if ended.wait(self.options.run_timeout):
                return
            self._over.set()
            while not ended.wait(0.2):  # between two statements there is nothing to cancel
                with suppress(psycopg.Error):
                    self.conn.cancel_safe(timeout=5)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        except (FailedError, pg.QueryCanceled) as exc:
            if self._over.is_set():
                raise self._out_of_time() from exc
            raise
        finally:
            ended.set()
            thread.join()

    def _out_of_time(self) -> FailedError:
        return FailedError(
            f"the run took longer than --run-timeout {self.options.run_timeout:g} s and was "
            "rolled back; allow it more, or use --transaction each for very large tables",
            reason="RunTimeout",
        )

    def _holders(self, items: Sequence[Item]) -> str:
        tables = sorted(touches.touched(item.text for item in items).tables)
        found = preflight.blockers(self.conn, self.report.schema, tables)
        return "; ".join(f"{who} holds {', '.join(names[:3])}" for who, names in found) or "unknown"

    def _failure(
        self, exc: psycopg.Error, what: str, items: Sequence[Item]
    ) -> FailedError | UnreachableError:
        if self.conn.broken or self.conn.closed or connection.is_lost(exc):
            return UnreachableError(
                f"{what}: the connection to the database was lost; the server rolls back what was not "
                "committed. Run the same command again, it goes on from what the ledger says",
                reason="ConnectionLost",
            )
        said = exc.diag.message_primary or str(exc)
        text = next((i.text for i in items if i.name == what and isinstance(i, Migration)), "")
        context = caret(text, exc.diag.statement_position) if text else ""
        place = "" if self.options.each else " Nothing of this step remains;"
        detail = "\n".join(filter(None, (context, exc.diag.message_detail, exc.diag.message_hint)))
        return FailedError(
            f"{what}: {said} (SQLSTATE {exc.sqlstate}); rolled back.{place} the database is as it was "
            f"before, and the old server keeps working. {advice(exc)}".rstrip(),
            reason=_REASONS.get(exc.sqlstate or "", "MigrationFailed"),
            detail=detail,
        )


class _Busy(Exception):  # noqa: N818  not an error: the step is tried again
    """A table lock was not to be had in time."""

    def __init__(self, what: str, who: str) -> None:
        super().__init__(what)
        self.what = what
        self.who = who


_REASONS = {"53100": "DiskFull", "57014": "StatementTimeout"}


def advice(exc: psycopg.Error) -> str:
    """Return what to do about *exc*, where its SQLSTATE tells."""
    match exc.sqlstate:
        case "53100":
            return "The server's disk is full: make room there, then run the same command again"
        case "57014":
            return (
                "The statement was cancelled, by --statement-timeout or by hand; allow it more time"
            )
        case "42P07" | "42710" | "42701":
            return "Something of that name is there already and is not Medusa's; rename or drop it"
        case _:
            return ""


def caret(text: str, position: str | None) -> str:
    """Return the line of *text* that PostgreSQL points at, with a caret, as psql shows it."""
    if not position:
        return ""
    at = int(position) - 1
    if at >= len(text):
        return ""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    number = text.count("\n", 0, at) + 1
    prefix = f"LINE {number}: "
    line = text[start : end if end >= 0 else len(text)]
    return f"{prefix}{line}\n{' ' * (len(prefix) + at - start)}^"


def some(lines: Sequence[str], most: int = 3) -> str:
    """Return the first *most* of *lines*, and how many more there are."""
    shown = "; ".join(lines[:most])
    return shown if len(lines) <= most else f"{shown}; and {len(lines) - most} more"


def short_note(note: Note) -> dict[str, Any]:
    """Return what a report says of a note."""
    return {
        "version": str(note.version),
        "severity": str(note.severity),
        "summary": note.summary,
        "url": note.url,
    }


def _locks(item: Item) -> Sequence[Any]:
    return item.locks if isinstance(item, Migration) else ()


def _locked(item: Item, sizes: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {entry.table: sizes[entry.table] for entry in _locks(item) if entry.table in sizes}
