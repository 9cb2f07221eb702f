"""The command line `medusa-db`: parse, call one function, print, exit status.

Imports only what parsing needs; the rest is imported by the command that is called, so that
`--version` and `--help` answer at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from medusa_migrations import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medusa_migrations.catalog.version import Version

_EPILOG = """\
Every option has a twin in the environment: --lock-wait is MEDUSA_DB_LOCK_WAIT. The database is named
by DATABASE_URL or --database-url; feature flags by MEDUSA_FF_NAME=true or --flag name=true.
Exit codes: 0 done, 1 unexpected, 2 usage, 3 unsupported, 4 unreachable, 5 denied, 6 lock held, 7 failed
and rolled back, 8 verification failed, 9 refused, 10 not yet at the version, or `plan --check`: something
would run, 130/143 interrupted.
"""

FORMATS = (
    "sql", "dbmate", "goose", "sql-migrate", "node-pg-migrate", "golang-migrate", "sqlx",
)  # fmt: skip
"""Whose files of migrations are read; `formats` knows how."""

REFUSALS = ("Downgrade", "LedgerExists", "NotAcknowledged")
"""The reasons of a refusal that whoever only looks may call a result."""

_REPORTING = {
    "migrate": "migrate",
    "migrations run": "migrate",
    "plan": "plan",
    "seed": "seed",
    "verify": "verify",
    "repair": "repair",
}
"""The commands that take `--report-file`, and what their report calls them."""
_OF_SEED = {("seed", "export"), ("seed", "schema")}
"""Two words that are one command, with options of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        sys.stdout.write(f"medusa-db {__version__}\n")
        return 0
    if tuple(arguments[:2]) in _OF_SEED:
        arguments[:2] = [" ".join(arguments[:2])]
    try:
        args = parser().parse_args(arguments)
        _check_twins(args)
    except _RefusedError as exc:
        command = _REPORTING.get(" ".join(arguments[:2]), _REPORTING.get(" ".join(arguments[:1])))
        if command:
            from medusa_db.commands import reporting  # noqa: PLC0415

            reporting.refused(command, arguments, str(exc))
        return 2
    gc.set_threshold(100_000)  # importing makes much that stays; looking for garbage in it costs
    from medusa_db import commands  # noqa: PLC0415  see the module's docstring

    return commands.run(args)


class _RefusedError(Exception):
    """The options were refused, and stderr says why."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        from medusa_migrations.contract.redact import redact  # noqa: PLC0415  see the module's docstring

        self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: error: {redact(message)}\n")
        raise _RefusedError(message)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog="medusa-db",
        description="Brings a Medusa shop's PostgreSQL to the version its server needs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"medusa-db {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _migrate(commands.add_parser("migrate", help="bring the database to a version"))
    migrations = commands.add_parser("migrations", help="migrate and status, in Medusa's words")
    words = migrations.add_subparsers(dest="word", required=True, metavar="run|show")
    _migrate(words.add_parser("run", help="the same as `migrate`"))
    _status(words.add_parser("show", help="the same as `status`, naming what is pending"))
    _plan(commands.add_parser("plan", help="show what migrate would do; changes nothing"))
    _status(commands.add_parser("status", help="show the version the database is at"))
    _verify(
        commands.add_parser("verify", help="compare the live schema with a version's; read-only")
    )
    _repair(
        commands.add_parser(
            "repair", help="show which ledger rows the schema proves; --apply writes them"
        )
    )
    _wait(commands.add_parser("wait", help="wait until the database is at a version; read-only"))
    _seed(commands.add_parser("seed", help="fill the shop from a seed document"))
    _seed_export(
        commands.add_parser("seed export", help="write a shop as a seed document to stdout")
    )
    commands.add_parser("seed schema", help="write the JSON Schema of seed documents to stdout")
    _notes(
        commands.add_parser("notes", help="show what the upgrade guides ask; no database needed")
    )
    _output(commands.add_parser("versions", help="list every known version"))
    _create(commands.add_parser("create-migration", help="make a migration file of your own"))
    _demo(commands.add_parser("demo", help="the whole job on a private, embedded PostgreSQL"))
    return top


def _migrate(command: argparse.ArgumentParser) -> None:
    """Add the options of a run, which `plan` takes as well."""
    _database(command)
    _target(command)
    group = command.add_argument_group("how it runs")
    _add(group, "--plan", metavar="FILE",
         help="apply this plan, which `plan --output json` has written, and nothing else; - for stdin")  # fmt: skip
    _add(group, "--transaction", choices=("step", "each"),
         help="one transaction a step (default), or one a migration for very large tables")  # fmt: skip
    _limits(group)
    _approval(group)
    _add(group, "--baseline", type=version, metavar="V",
         help="adopt tables without a ledger, after proving that they are version V's")  # fmt: skip
    _report(group)
    _add(group, "--exit-zero-for", action="append", type=refusal, default=[], metavar="REASON",
         help="end with 0 where the run is refused for this reason, and say so in the report: "
         f"{', '.join(REFUSALS)}; may be repeated")  # fmt: skip
    _output(command)


def _seed(command: argparse.ArgumentParser) -> None:
    _database(command)
    group = command.add_argument_group("what is seeded")
    group.add_argument(
        "-f", "--seed-file", dest="file", default=os.environ.get("MEDUSA_DB_SEED_FILE"), metavar="FILE",
        help="the document: a file, a folder of several, or - for stdin (default data/seed.json)",
    )  # fmt: skip
    _add(group, "--demo", action="store_true", help="seed the demo shop that comes with this tool")
    _add(group, "--if-exists", choices=("update", "skip", "fail"), default="update",
         help="what becomes of rows that are there: update what the document changes (default), leave "
         "them, or refuse")  # fmt: skip
    _add(group, "--overwrite", action="store_true",
         help="update what was changed in the shop since the last seed as well")  # fmt: skip
    _add(group, "--once", action="store_true",
         help="do nothing where a seed was recorded, or the shop has products")  # fmt: skip
    _add(group, "--on-change", action="store_true",
         help="do nothing where this very document was the last one seeded")  # fmt: skip
    _add(group, "--dry-run", action="store_true", help="show the plan; change nothing")
    _add(group, "--migrate", action=argparse.BooleanOptionalAction, default=True,
         help="migrate first where needed (default)")  # fmt: skip
    _target(command, "the one the database is at; the newest for an empty one")
    group = command.add_argument_group("how it runs")
    _approval(group)
    _limits(group)
    _report(group)
    _output(command)


def _seed_export(command: argparse.ArgumentParser) -> None:
    _database(command)
    group = command.add_argument_group("what is written")
    _add(group, "--products", metavar="HANDLES",
         help="these products only, handles with commas (default: all)")  # fmt: skip


def _plan(command: argparse.ArgumentParser) -> None:
    _migrate(command)
    group = command.add_argument_group("what is shown")
    _add(group, "--check", action="store_true",
         help="exit with 0 where there is nothing to do, 10 where something would run, 9 where it "
         "would be refused")  # fmt: skip
    _add(group, "--sql", action="store_true",
         help="print the statements that would run, for psql")  # fmt: skip


def _status(command: argparse.ArgumentParser) -> None:
    _database(command)
    _own(command)
    _flags(command)
    _add(command, "--check", type=version, metavar="V",
         help="exit with 10 where the database is not at V")  # fmt: skip
    _output(command)


def _verify(command: argparse.ArgumentParser) -> None:
    _database(command)
    _flags(command)
    _add(command, "--to", type=version, metavar="V",
         help="the version to compare it with (default: the one its ledger proves)")  # fmt: skip
    _report(command)
    _output(command)


def _repair(command: argparse.ArgumentParser) -> None:
    _database(command)
    _flags(command)
    _add(command, "--apply", action="store_true",
         help="write what is shown: the rows of the ledger that the live schema proves")  # fmt: skip
    _add(command, "--lock-wait", type=duration, default="10m", metavar="TIME",
         help="wait for another run this long (default 10m)")  # fmt: skip
    _report(command)
    _output(command)


def _wait(command: argparse.ArgumentParser) -> None:
    _database(command)
    _flags(command)
    _add(command, "--for", dest="for_", type=version, required=True, metavar="V",
         help="the version to wait for")  # fmt: skip
    _add(command, "--timeout", type=duration, default="5m", metavar="TIME",
         help="give up after this long, with exit code 10 (default 5m)")  # fmt: skip
    _add(command, "--allow-newer", action="store_true",
         help="a database past V is good as well, where a server of V works with it")  # fmt: skip
    _output(command)


def _notes(command: argparse.ArgumentParser) -> None:
    _add(command, "--from", dest="from_", type=version, metavar="A", help="the version you leave")
    _add(command, "--to", type=version, metavar="B", help="the version you go to")
    _add(command, "--output", choices=("text", "json", "markdown"), default="text",
         help="how to print (default text)")  # fmt: skip


def _create(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", help="what it does, in letters, digits and _: add_loyalty_points")
    _add(command, "--migrations-dir", default="migrations", metavar="DIR",
         help="the folder to put it in (default migrations)")  # fmt: skip


def _demo(command: argparse.ArgumentParser) -> None:
    _add(command, "--from", dest="from_", type=version, default="1.12.3", metavar="A",
         help="the version of the old shop (default 1.12.3)")  # fmt: skip
    _add(command, "--to", type=version, metavar="B",
         help="the version to bring it to (default: the newest)")  # fmt: skip
    _add(command, "--keep", action="store_true",
         help="leave the server running, to look around")  # fmt: skip


def _database(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("the database")
    group.add_argument(
        "--database-url", metavar="URL",
        help="where it is: postgres://user@host:5432/shop (default $DATABASE_URL)",
    )  # fmt: skip
    _add(group, "--database-url-file", metavar="FILE", help="a file that holds the URL")
    _add(group, "--schema", metavar="NAME",
         help="the schema of the shop (default: ?schema= of the URL, else the search path's first)")  # fmt: skip
    _add(group, "--connect-wait", type=duration, default="30s", metavar="TIME",
         help="be patient with a server that is starting (default 30s)")  # fmt: skip
    _add(group, "--embedded", nargs="?", const="", metavar="DIR",
         help="use a private PostgreSQL kept in DIR, without any URL")  # fmt: skip


def _target(
    command: argparse.ArgumentParser,
    usual: str = "the one that the project around you has installed; the newest for an empty database",
) -> None:
    group = command.add_argument_group("what is wanted")
    _add(group, "--to", type=version, metavar="V",
         help=f"the Medusa server version (default: {usual})")  # fmt: skip
    _add(group, "--stop", action="append", type=version, default=[], metavar="V",
         help="a version to stop at on the way, in a transaction of its own; may be repeated")  # fmt: skip
    _flags(group)
    _own(group)
    _add(group, "--data-step", action="append", default=[], metavar="NAME",
         help="run this data step as well, 1.3.0/discount_rules; may be repeated")  # fmt: skip
    _add(group, "--no-data-steps", action="store_true", help="run no data step of the guides")


def _approval(group: Any) -> None:
    _add(group, "--approval", choices=("automatic", "on-breaking"), default="on-breaking",
         help="on-breaking (default): ask on a terminal, and refuse elsewhere, to cross a breaking version "
         "that is not acknowledged")  # fmt: skip
    _add(group, "--acknowledge", action="append", type=version, default=[], metavar="V",
         help="a breaking version whose notes you have read; may be repeated")  # fmt: skip
    _add(group, "--yes", action="store_true",
         help="agree to what would be asked: cross every breaking version; fill a shop in use with the demo")  # fmt: skip


def _limits(group: Any) -> None:
    _add(group, "--lock-wait", type=duration, metavar="TIME",
         help="wait for another run, and for locked tables, this long (default 10m)")  # fmt: skip
    _add(group, "--lock-timeout", type=duration, metavar="TIME",
         help="a statement waits this long for a lock; a try for all tables less (default 5s)")  # fmt: skip
    _add(group, "--statement-timeout", type=duration, metavar="TIME",
         help="limit of one statement (default 0s, none)")  # fmt: skip
    _add(group, "--run-timeout", type=duration, metavar="TIME",
         help="limit of the whole run (default 1h; 0s: none)")  # fmt: skip


def _report(group: Any) -> None:
    _add(group, "--report-file", metavar="FILE",
         help="write the report there as JSON of at most --report-limit bytes")  # fmt: skip
    _add(group, "--report-limit", type=report_limit, default="4096", metavar="BYTES",
         help="bytes of that file, 1024 or more (default 4096, a termination message of Kubernetes)")  # fmt: skip
    _add(group, "--run-id", type=run_id, default="", metavar="ID",
         help="a name of your own for this run, repeated in its report")  # fmt: skip


def _flags(command: Any) -> None:
    _add(command, "--flag", action="append", default=[], metavar="NAME=BOOL",
         help="a feature flag of the server; may be repeated")  # fmt: skip


def _own(command: Any) -> None:
    _add(command, "--migrations-dir", metavar="DIR",
         help="a folder of your own migrations, TIMESTAMP_name.sql")  # fmt: skip
    _add(command, "--migrations-format", choices=FORMATS, default="sql", metavar="FORMAT",
         help=f"whose files they are, of which what goes forward runs: {', '.join(FORMATS)} (default "
         "sql: all of each file)")  # fmt: skip


def _output(command: argparse.ArgumentParser) -> None:
    _add(command, "--output", choices=("text", "json"), default="text",
         help="how to print the result (default text)")  # fmt: skip


def _add(command: Any, name: str, **options: Any) -> None:
    """Add an option whose default comes from its twin in the environment where that is set."""
    twin = "MEDUSA_DB_" + name.strip("-").replace("-", "_").upper()
    given = os.environ.get(twin)
    if given is not None:
        options |= _from_environment(twin, given, options)
    command.add_argument(name, **options)


def _from_environment(twin: str, given: str, options: dict[str, Any]) -> dict[str, Any]:
    from medusa_migrations.contract import values  # noqa: PLC0415  see the module's docstring

    convert: Callable[[str], Any] = options.get("type", str)
    try:
        if options.get("action") in ("store_true", argparse.BooleanOptionalAction):
            return {"default": values.truth(given)}
        if options.get("action") == "append":
            return {"default": [convert(part) for part in given.split(",") if part]}
        value = convert(given)
    except (ValueError, argparse.ArgumentTypeError) as exc:
        hidden = _unquoted(twin)
        said = f"{hidden} is not what the option takes" if hidden else str(exc)
        return {"default": _Unusable(twin, said), "required": False}
    if value not in options.get("choices", (value,)):
        known = ", ".join(options["choices"])
        value = _Unusable(twin, f"{_unquoted(twin) or repr(given)} is none of {known}")
    return {"default": value, "required": False}


class _Unusable:
    """A value in the environment that an option cannot have: told if the command has that option."""

    def __init__(self, twin: str, why: str) -> None:
        self.said = f"the environment variable {twin}: {why}"


def _check_twins(args: argparse.Namespace) -> None:
    for value in vars(args).values():
        if isinstance(value, _Unusable):
            sys.stderr.write(f"medusa-db: error: {value.said}\n")
            raise _RefusedError(value.said)


def _unquoted(twin: str) -> str:
    """Return what is said instead of the value of *twin* where that comes from a Secret."""
    from medusa_migrations.contract import concealed  # noqa: PLC0415  see the module's docstring

    hidden = concealed.from_environment(os.environ).hides(twin)
    return "its value, which comes from a Secret and is not shown," if hidden else ""


def version(text: str) -> Version:
    """Convert an option's value; whether the version is known is asked later."""
    from medusa_migrations.catalog import version as versions  # noqa: PLC0415  see the module's docstring

    found = versions.parse(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a version such as 1.20.11")
    return found


def refusal(text: str) -> str:
    """Convert an option's value to the reason of a refusal."""
    if text not in REFUSALS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(REFUSALS)}")
    return text


def duration(text: str) -> float:
    """Convert an option's value to seconds."""
    from medusa_migrations.contract import values  # noqa: PLC0415  see the module's docstring

    try:
        return values.duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def report_limit(text: str) -> int:
    """Convert an option's value to a number of bytes."""
    from medusa_migrations.contract import values  # noqa: PLC0415  see the module's docstring

    try:
        return values.report_limit(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def run_id(text: str) -> str:
    """Convert an option's value to a name for a run."""
    from medusa_migrations.contract import values  # noqa: PLC0415  see the module's docstring

    try:
        return values.run_id(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
