"""What each command does: read its input, call the engine, print the result."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from medusa_db import streams
from medusa_migrations.contract import caller
from medusa_migrations.contract.errors import Interrupted, RefusedError, RunnerError
from medusa_migrations.contract.redact import redact
from medusa_migrations.run import signals

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from medusa_db.arguments.fenced import ExecArguments
    from medusa_db.arguments.looking import (
        RepairArguments,
        StatusArguments,
        VerifyArguments,
        WaitArguments,
    )
    from medusa_db.arguments.offline import (
        CreateMigrationArguments,
        DemoArguments,
        InstallArguments,
        NotesArguments,
        VersionsArguments,
    )
    from medusa_db.arguments.running import MigrateArguments, PlanArguments
    from medusa_db.arguments.seeding import ExportArguments, SchemaArguments, SeedArguments

A = TypeVar("A")


class Command(NamedTuple, Generic[A]):
    """A command: what it is asked, and what it does.

    Only the options of the one that is called are imported, and what it does only after they were read.
    """

    arguments: type[A]
    run: Callable[[A], int]
    results: Callable[[A], Collection[str]] = lambda _args: ()
    """The reasons of a refusal that whoever called counts as a result."""
    prints: Callable[[A], bool] = lambda _args: False
    """Whether all it does is to print, so that it fails where nothing can be printed."""
    reports: bool = False
    """Whether there is a report from the first moment, so that no signal ends it without one."""


class CommandEntry(NamedTuple):
    """A command as `--help` lists it."""

    help: str
    command: Callable[[], Command[Any]]
    report: str = ""
    """What its report calls it; empty: it writes none."""


def _migrate() -> Command[MigrateArguments]:
    from medusa_db.arguments.running import MigrateArguments

    def run(args: MigrateArguments) -> int:
        if args.medusa.project is not None:
            token = _supervised()
            from medusa_db.commands.project.upgrade import migrate as migrate_project

            return migrate_project(args, token)
        from medusa_db.commands.migrate import migrate

        return migrate(args)

    return Command(MigrateArguments, run, lambda args: args.exit_zero_for, reports=True)


def _plan() -> Command[PlanArguments]:
    from medusa_db.arguments.running import PlanArguments

    def run(args: PlanArguments) -> int:
        if args.run.medusa.project is not None:
            token = _supervised()
            from medusa_db.commands.project.upgrade import plan as plan_project

            return plan_project(args, token)
        from medusa_db.commands.plan import plan

        return plan(args)

    return Command(
        PlanArguments,
        run,
        lambda args: args.run.exit_zero_for,
        lambda args: not args.check,
        reports=True,
    )


def _status() -> Command[StatusArguments]:
    from medusa_db.arguments.looking import StatusArguments

    def run(args: StatusArguments) -> int:
        if args.project is not None:
            token = _supervised()
            from medusa_db.commands.project.inspect import status as status_of_project

            return status_of_project(args, token)
        from medusa_db.commands.readonly import status

        return status(args)

    return Command(StatusArguments, run, prints=lambda args: args.check is None)


def _show() -> Command[StatusArguments]:
    from medusa_db.arguments.looking import StatusArguments

    def run(args: StatusArguments) -> int:
        if args.project is not None:
            token = _supervised()
            from medusa_db.commands.project.inspect import show as show_project

            return show_project(args, token)
        from medusa_db.commands.readonly import show

        return show(args)

    return Command(StatusArguments, run, prints=lambda args: args.check is None)


def _verify() -> Command[VerifyArguments]:
    from medusa_db.arguments.looking import VerifyArguments

    def run(args: VerifyArguments) -> int:
        if args.project is not None:
            token = _supervised()
            from medusa_db.commands.project.inspect import verify as verify_project

            return verify_project(args, token)
        from medusa_db.commands.verify import verify

        return verify(args)

    return Command(VerifyArguments, run, reports=True)


def _repair() -> Command[RepairArguments]:
    from medusa_db.arguments.looking import RepairArguments

    def run(args: RepairArguments) -> int:
        from medusa_db.commands.repair import repair

        return repair(args)

    return Command(RepairArguments, run, reports=True)


def _exec() -> Command[ExecArguments]:
    from medusa_db.arguments.fenced import ExecArguments

    def run(args: ExecArguments) -> int:
        token = _supervised()
        from medusa_db.commands.project.exec import execute

        return execute(args, token)

    return Command(ExecArguments, run)


def _wait() -> Command[WaitArguments]:
    from medusa_db.arguments.looking import WaitArguments

    def run(args: WaitArguments) -> int:
        from medusa_db.commands.readonly import wait

        return wait(args)

    return Command(WaitArguments, run)


def _seed() -> Command[SeedArguments]:
    from medusa_db.arguments.seeding import SeedArguments

    def run(args: SeedArguments) -> int:
        if args.own.project is not None:
            token = _supervised()
            from medusa_db.commands.project.seed import seed as seed_project

            return seed_project(args, token)
        from medusa_db.commands.seed import seed

        return seed(args)

    return Command(SeedArguments, run, reports=True)


def _export() -> Command[ExportArguments]:
    from medusa_db.arguments.seeding import ExportArguments

    def run(args: ExportArguments) -> int:
        from medusa_db.commands.export import export

        return export(args)

    return Command(ExportArguments, run, prints=_always)


def _schema() -> Command[SchemaArguments]:
    from medusa_db.arguments.seeding import SchemaArguments

    def run(_args: SchemaArguments) -> int:
        from medusa_db.commands.export import schema

        return schema()

    return Command(SchemaArguments, run, prints=_always)


def _notes() -> Command[NotesArguments]:
    from medusa_db.arguments.offline import NotesArguments

    def run(args: NotesArguments) -> int:
        from medusa_db.commands.offline import notes

        return notes(args)

    return Command(NotesArguments, run, prints=_always)


def _versions() -> Command[VersionsArguments]:
    from medusa_db.arguments.offline import VersionsArguments

    def run(args: VersionsArguments) -> int:
        from medusa_db.commands.offline import versions

        return versions(args)

    return Command(VersionsArguments, run, prints=_always)


def _create_migration() -> Command[CreateMigrationArguments]:
    from medusa_db.arguments.offline import CreateMigrationArguments

    def run(args: CreateMigrationArguments) -> int:
        from medusa_db.commands.offline import create_migration

        return create_migration(args)

    return Command(CreateMigrationArguments, run)


def _install() -> Command[InstallArguments]:
    from medusa_db.arguments.offline import InstallArguments

    def run(args: InstallArguments) -> int:
        from medusa_db.commands.install import install

        return install(args)

    return Command(InstallArguments, run)


def _demo() -> Command[DemoArguments]:
    from medusa_db.arguments.offline import DemoArguments

    def run(args: DemoArguments) -> int:
        from medusa_db.commands.offline import demo

        return demo(args)

    return Command(DemoArguments, run, prints=_always)


COMMANDS: Mapping[str, CommandEntry] = {
    "migrate": CommandEntry("bring the database to a version", _migrate, "migrate"),
    "migrations run": CommandEntry("the same as `migrate`", _migrate, "migrate"),
    "migrations show": CommandEntry("the same as `status`, naming what is pending", _show),
    "plan": CommandEntry("show what migrate would do; changes nothing", _plan, "plan"),
    "status": CommandEntry("show the version the database is at", _status),
    "verify": CommandEntry(
        "compare the live schema with a version's; read-only", _verify, "verify"
    ),
    "repair": CommandEntry(
        "show which ledger rows the schema proves; --apply writes them", _repair, "repair"
    ),
    "exec": CommandEntry("run a command of your own, fenced: exec -- CMD ARG...", _exec, "exec"),
    "wait": CommandEntry("wait until the database is at a version; read-only", _wait),
    "seed": CommandEntry(
        "fill the shop: from a seed document, or by a script of its own", _seed, "seed"
    ),
    "seed export": CommandEntry("write a shop as a seed document to stdout", _export),
    "seed schema": CommandEntry("write the JSON Schema of seed documents to stdout", _schema),
    "notes": CommandEntry("show what the upgrade guides ask; no database needed", _notes),
    "versions": CommandEntry("list every known version", _versions),
    "create-migration": CommandEntry("make a migration file of your own", _create_migration),
    "install": CommandEntry(
        "copy the runner out of its image, to start it in another one", _install
    ),
    "demo": CommandEntry("the whole job on a private, embedded PostgreSQL", _demo),
}
"""Every command, by its words."""


def run(command: Command[A], args: A) -> int:
    """Run *command* with *args*; return its exit code.

    What cannot be printed changes that of no command that does more than to print.
    """
    code = _run(command, args)
    failure = streams.failure()
    if failure is None or code != 0:
        return code
    if command.prints(args):
        return streams.printed()
    if not isinstance(failure, BrokenPipeError):
        sys.stderr.write(f"medusa-db: the result cannot be written: {failure}\n")
    return code


def _run(command: Command[A], args: A) -> int:
    """Run *command*; turn what goes wrong into a sentence and an exit code."""
    signals.install()
    try:
        try:
            if not command.reports:  # else once there is a report
                signals.release()
            return command.run(args)
        finally:
            signals.hold()
    except RunnerError as exc:
        code = 0 if is_result(command.results(args), exc) else exc.exit_code
        _complain(exc)
        return code
    except Interrupted as exc:
        sys.stderr.write(f"medusa-db: {exc.text}\n")
        return exc.exit_code
    except streams.UnwrittenError:  # what prints piece by piece stops there
        return 0


def is_result(reasons: Collection[str], exc: RunnerError) -> bool:
    """Return whether whoever called counts this refusal as a result: `--exit-zero-for`."""
    return isinstance(exc, RefusedError) and exc.reason in reasons


def _supervised() -> str:
    """Go on below a small process that ends what we start; return what marks that."""
    from medusa_project.fence.supervisor import begin

    signals.release()
    return begin()  # before anything large is imported: it stays as small as that


def _always(_args: object) -> bool:
    return True


def _complain(exc: RunnerError) -> None:
    who = os.environ.get(caller.VARIABLE, "")
    sys.stderr.write(f"medusa-db: {redact(caller.spell(exc.headline, who))}\n")
    if exc.detail:
        sys.stderr.write(redact(caller.spell(exc.detail, who)) + "\n")
