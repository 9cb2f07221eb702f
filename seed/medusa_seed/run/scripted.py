"""A seed by a command of the shop's own: refuse it or run it, alone and bounded, once and recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations import __version__
from medusa_migrations.contract.errors import RefusedError, VerificationError
from medusa_migrations.contract.project_report import SeedDone
from medusa_migrations.contract.values import some
from medusa_project.fence.command import EndCause
from medusa_project.run import execute, guard, look, pending
from medusa_project.run.execution import Execution
from medusa_seed.run import once
from medusa_seed.shop import records, tables

if TYPE_CHECKING:
    from psycopg import Connection

    from medusa_migrations.contract.errors import RunnerError
    from medusa_project.packages.installation import Project
    from medusa_project.run.execute import FencedDatabase, FencedRun
    from medusa_project.run.pending import Wanted
    from medusa_seed.run.once import Skip, When
    from medusa_seed.run.script import SeedCommand
    from medusa_seed.shop.records import Seed

_EXEC = "medusa exec"
_FINISHED = "Finished executing script"
"""What it prints behind a script that came to its end; one that calls process.exit() ends with 0 without that."""


def seed(
    database: FencedDatabase,
    project: Project,
    command: SeedCommand,
    when: When,
    *,
    scripts: bool = True,
) -> Execution:
    """Run the *command* that seeds the shop of the *project*, unless it was; return what became of that.

    Nothing is run where something is pending; migration *scripts* may be left out of that. Raises as
    `execute.run` does: then nothing was started.
    """
    conn, shown = database.conn, database.address.shown
    where = look.schemas(conn, database.options.schema or database.address.schema)
    before = look.ledgers(conn, where)
    guard.require_same_major(before, project, shown)
    skip = _skip(conn, look.schema_of(conn, where), command, when)
    if skip is not None:
        return Execution((), before, before, seed=_skipped(command, skip))
    with execute.opened(database, project) as this:
        done = _Seeding(this, project, command, when, scripts).run()
        if not done.has_lost_lock:
            return replace(done, after=this.ledgers())
    return replace(done, after=execute.read_again(this))


def _skip(conn: Connection[Any], schema: str, command: SeedCommand, when: When) -> Skip | None:
    """Return why nothing is to be run. Products that a script has left which has not come to its end do not count."""
    return once.skip(
        when,
        "script",
        command.checksum,
        lambda: records.latest_checksum(conn, schema),
        lambda: records.unfinished(conn, schema) is None and tables.has_products(conn, schema),
    )


def _skipped(command: SeedCommand, skip: Skip) -> SeedDone:
    return SeedDone(command.document, command.checksum, loaded=skip.loaded, skipped=skip.why)


def _finish(conn: Connection[Any], record: Seed) -> str | None:
    """Record that the script has come to its end; return why that cannot be."""
    try:
        records.finish(conn, record)
    except psycopg.Error as exc:
        return str(exc).partition("\n")[0] or type(exc).__name__
    return None


@dataclass(frozen=True, slots=True)
class _Seeding:
    """One run, while we have the lock."""

    this: FencedRun
    project: Project
    command: SeedCommand
    when: When
    scripts: bool
    """Whether migration scripts count among what is pending."""

    def run(self) -> Execution:
        this, command = self.this, self.command
        found = SeedDone(command.document, command.checksum)
        skip = _skip(this.conn, this.schema, command, self.when)
        if skip is not None:  # another run has seeded it while we waited
            return Execution((), this.before, this.before, seed=_skipped(command, skip))
        listed = this.list(self.project)
        done = Execution((), this.before, this.before, listed, seed=found)
        if done.ended is not None:
            return done
        refusal = self._unrecorded() or (
            self._pending(listed.wanted)
            if listed.wanted is not None
            else VerificationError(
                f"nothing was run, as it is not known whether anything is pending: {listed.why}",
                reason="NotVerified",
            )
        )
        if refusal is not None:
            return replace(done, refusal=refusal)
        return self._run(replace(done, listed=None), found)

    def _run(self, done: Execution, found: SeedDone) -> Execution:
        this, notes = self.this, []
        earlier = records.unfinished(this.conn, this.schema)
        if earlier is not None:
            notes.append(
                f"{earlier.script} was begun at {earlier.started_at:%Y-%m-%d %H:%M:%S} by {earlier.by_whom} and has not come to "
                "its end; what it had written then is still there"
            )
        record = self._record()
        records.begin(this.conn, record)
        ran = this.run(self.command.argv, self.command.shown, self.command.polls)
        done = replace(done, runs=(ran,), notes=tuple(notes))
        if ran.ended.cause is not EndCause.BY_ITSELF or ran.ended.exit_code != 0:
            return done
        why = _finish(this.conn, record)
        if why is not None:
            refusal = VerificationError(
                f"{ran.fenced.name} ended with 0, and that cannot be recorded ({why}), so that a next time would run it again; "
                "`medusa-db status` shows what was seeded last",
                reason="NotRecorded",
            )
            return replace(done, refusal=refusal)
        if ran.fenced.name == _EXEC and not any(_FINISHED in line for line in ran.ended.last):
            notes.append(
                f"the output of {_EXEC} does not end with Medusa's own {_FINISHED!r}: see whether the script has left by "
                "process.exit() before it had done everything"
            )
        return replace(done, notes=tuple(notes), seed=replace(found, loaded=True, recorded=True))

    def _unrecorded(self) -> RunnerError | None:
        """Return why it could not be recorded that the shop is seeded."""
        off = records.why_scripts_off(self.this.conn)
        if off is None:
            return None
        return RefusedError(
            f"what is seeded cannot be recorded ({off}), and a second time would seed it again. Let the role create the "
            "schema medusa_db (grant create on database), or run the script unrecorded with `medusa-db exec`",
            reason="NotRecordable",
        )

    def _pending(self, wanted: Wanted) -> RunnerError | None:
        """Return what is to be applied before a seed."""
        left = pending.pending(wanted, self.this.before)
        unfinished = self.this.before.unfinished
        names = [*left.migrations, *(f"link {link.table}" for link in left.links)]
        if self.scripts:
            names += [*left.scripts, *(f"{name} (unfinished)" for name in unfinished)]
        if not names:
            return None
        return RefusedError(
            f"the database is not what {self.project.spelled} wants yet, {len(names)} in all are pending: {some(names, 5)}. Run "
            "`medusa-db migrate --project DIR` first",
            reason="MigrationsPending",
        )

    def _record(self) -> Seed:
        host = self.this.options.by_whom
        return records.Seed(
            schema=self.this.schema,
            checksum=self.command.checksum,
            document=self.command.document,
            counts={},
            started_at=datetime.now(UTC),
            version=self.project.version,
            runner_version=__version__,
            by_whom=f"@{host}" if host else "",
        )
