"""What each command does: read its input, call the engine, print the result."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_migrations import address as addresses
from medusa_migrations import catalog_files, text, values
from medusa_migrations.errors import (
    Interrupted,
    NotYetError,
    RefusedError,
    RunnerError,
    UnreachableError,
    UsageError,
    VerificationError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg import Connection

    from medusa_migrations.address import Address
    from medusa_migrations.catalog import Catalog, Note
    from medusa_migrations.embedded import Server
    from medusa_migrations.observe import Observed
    from medusa_migrations.plan import Request
    from medusa_migrations.report import Report
    from medusa_migrations.version import Version


def run(args: argparse.Namespace) -> int:
    """Run the command of *args*; turn what goes wrong into a sentence and an exit code."""
    command: Callable[[argparse.Namespace], int] = _COMMANDS[args.command]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        return command(args)
    except RunnerError as exc:
        _complain(exc)
        return exc.exit_code
    except Interrupted as exc:
        sys.stderr.write("medusa-db: interrupted; rolled back, the lock is released\n")
        return exc.exit_code
    except BrokenPipeError:  # `medusa-db versions | head`
        sys.stderr = None
        return 0


def _interrupt(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # the second one does not disturb the rollback
    raise Interrupted(number)


def _complain(exc: RunnerError) -> None:
    sys.stderr.write(f"medusa-db: {addresses.redact(str(exc))}\n")
    if exc.detail:
        sys.stderr.write(addresses.redact(exc.detail) + "\n")


# -- migrate


def _migrate(args: argparse.Namespace) -> int:
    from medusa_migrations import progress, runner  # noqa: PLC0415
    from medusa_migrations.report import Report  # noqa: PLC0415

    report = Report(command="migrate")
    started = time.monotonic()
    catalog = catalog_files.read()
    telling = progress.for_stream()
    try:
        request = _request(args, catalog)
        options = runner.Options(
            schema=args.schema,
            lock_wait=args.lock_wait,
            lock_timeout=args.lock_timeout,
            statement_timeout=args.statement_timeout,
            run_timeout=args.run_timeout,
            each=args.transaction == "each",
            baseline=_known(catalog, args.baseline, "--baseline"),
            on_breaking=args.approval == "on-breaking",
            acknowledged=frozenset(args.acknowledge),
            by_whom=os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", ""),
        )
        with _connected(args, "migrate", telling.say) as (conn, address):
            runner.migrate(conn, address, catalog, request, options, telling, report)
    except RunnerError as exc:
        report.exit_code, report.reason, report.message = exc.exit_code, exc.reason, str(exc)
        if not isinstance(exc, VerificationError):
            report.state = "failed"
        raise
    except Interrupted as exc:
        report.exit_code, report.reason = exc.exit_code, "Interrupted"
        report.message = "interrupted; rolled back, the lock is released"
        raise
    finally:
        report.seconds = time.monotonic() - started
        _write_report(args, report)
        if args.output == "json":
            _print_json(report.to_dict())
    if args.output == "text":
        print(text.report(report, _notes_of(catalog, report)))  # noqa: T201
    return 0


def _notes_of(catalog: Catalog, report: Report) -> list[Note]:
    told = {note["version"] for note in report.notes}
    return [note for note in catalog.notes if str(note.version) in told]


def _write_report(args: argparse.Namespace, report: Report) -> None:
    if not args.report_file:
        return
    from medusa_migrations.report import bounded  # noqa: PLC0415

    try:
        Path(args.report_file).write_text(bounded(report.to_dict()), encoding="utf-8")
    except OSError as exc:  # the run itself counts, not whether it could be told
        sys.stderr.write(f"medusa-db: the report cannot be written to {args.report_file}: {exc}\n")


def _migrations(args: argparse.Namespace) -> int:
    return _migrate(args) if args.word == "run" else _status(args, show=True)


# -- plan


def _plan(args: argparse.Namespace) -> int:
    from medusa_migrations import live, observe, plan_json, plan_sql  # noqa: PLC0415
    from medusa_migrations.plan import plan  # noqa: PLC0415

    catalog = catalog_files.read()
    request = _request(args, catalog)
    with _connected(args, "plan") as (conn, address):
        observed = _observe(args, conn, address, catalog)
        observe.refuse_unledgered(catalog, observed)
        path = plan(catalog, observed.proof, request, at=observed.at)
        if args.sql:
            print(plan_sql.script(conn, observed, path))  # noqa: T201
            return 0
        sizes = live.sizes(conn, observed.schema)
        findings = _findings(conn, address, observed, path) if path.steps else []
    if args.output == "json":
        _print_json(plan_json.to_dict(catalog, path, sizes, findings))
    else:
        print(text.plan(catalog, path, sizes, observed.place(catalog)))  # noqa: T201
        grave = [str(finding) for finding in findings]
        if grave:
            print("\nFound beforehand:\n" + text.bullets(grave))  # noqa: T201
    return 0


def _findings(conn: Connection[Any], address: Address, observed: Observed, path: Any) -> list[Any]:
    from medusa_migrations import preflight  # noqa: PLC0415
    from medusa_migrations.catalog import Migration  # noqa: PLC0415

    migrations = [item for item in path.items if isinstance(item, Migration)]
    return preflight.look(conn, address, observed.schema, migrations)


# -- status, verify, wait


def _status(args: argparse.Namespace, *, show: bool = False) -> int:
    from medusa_migrations import history, observe  # noqa: PLC0415

    catalog = catalog_files.read()
    wanted = _known(catalog, args.check, "--check")
    with _connected(args, "status") as (conn, address):
        observed = _observe(args, conn, address, catalog)
        _, waits = observe.waiting(conn, catalog, observed)
    target = wanted or observed.proof.latest or catalog.newest
    pending = _pending(args, catalog, observed, target)
    if args.output == "json":
        proof = observed.proof
        _print_json(
            {
                "versions": [str(version) for version in proof.versions],
                "place": observed.place(catalog),
                "schema": observed.schema,
                "flags": dict(proof.flags),
                "applied": list(proof.applied),
                "foreign": list(proof.foreign),
                "doubled": list(proof.doubled),
                "target": str(target),
                "pending": pending,
                "dataStepsWaiting": list(waits),
                "history": [history.to_dict(run) for run in observed.runs],
            }
        )
    elif show:
        for name in observed.proof.applied:
            print(f"[X] {name}")  # noqa: T201
        for name in pending:
            print(f"[ ] {name}")  # noqa: T201
    else:
        print(text.status(catalog, observed, waits))  # noqa: T201
        if wanted and pending:
            names = text.bullets(pending)
            print(f"\npending for {wanted}:\n{names}")  # noqa: T201
    if wanted:
        _require(catalog, observed, wanted, pending, allow_newer=False)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from medusa_migrations import live, observe, verify  # noqa: PLC0415

    catalog = catalog_files.read()
    wanted = _known(catalog, args.to, "--to")
    with _connected(args, "verify") as (conn, address):
        observed = _observe(args, conn, address, catalog)
        observe.refuse_unledgered(catalog, observed)
        schema = live.read(conn, observed.schema)
    target = wanted or observed.proof.latest
    if target is None:
        raise RefusedError(
            f"the database is {observed.place(catalog)}: its ledger proves no version to verify. "
            "Name one with --to",
            reason="NoVersion",
        )
    pending = _pending(args, catalog, observed, target)
    verdict = verify.verify(catalog, target, observed.proof.applied, schema)
    ok = verdict.ok and not pending
    if args.output == "json":
        _print_json(
            {
                "version": str(target),
                "ok": ok,
                "pending": pending,
                "drift": list(verdict.drift),
                "variant": list(verdict.variant),
                "foreign": list(verdict.foreign),
            }
        )
    else:
        print(text.verdict(verdict, str(target)))  # noqa: T201
        if pending:
            print(f"The ledger lacks, for {target}:\n" + text.bullets(pending))  # noqa: T201
    if not ok:
        raise VerificationError(
            f"the database is not what {target} should be: "
            f"{text.count(len(verdict.drift), 'difference')}, {len(pending)} pending"
        )
    return 0


def _wait(args: argparse.Namespace) -> int:
    catalog = catalog_files.read()
    wanted = _known(catalog, args.for_, "--for")
    assert wanted is not None  # noqa: S101  the option is required
    deadline = time.monotonic() + args.timeout
    said = ""
    while True:
        try:
            _look_once(args, catalog, wanted)
        except (NotYetError, UnreachableError) as exc:
            if str(exc) != said:
                said = str(exc)
                sys.stderr.write(f"medusa-db: waiting: {addresses.redact(said)}\n")
            if time.monotonic() + 1 > deadline:
                raise NotYetError(
                    f"gave up after {args.timeout:g} s: {exc}", reason="WaitTimeout"
                ) from exc
            time.sleep(1)
        else:
            if args.output == "json":
                _print_json({"version": str(wanted), "ok": True})
            else:
                print(f"The database is at {wanted}.")  # noqa: T201
            return 0


def _look_once(args: argparse.Namespace, catalog: Catalog, wanted: Version) -> None:
    args.connect_wait = 0.0
    with _connected(args, "wait") as (conn, address):
        observed = _observe(args, conn, address, catalog)
    pending = _pending(args, catalog, observed, wanted)
    _require(catalog, observed, wanted, pending, allow_newer=args.allow_newer)


def _require(
    catalog: Catalog,
    observed: Observed,
    wanted: Version,
    pending: list[str],
    *,
    allow_newer: bool,
) -> None:
    """Raise NotYetError below *wanted*, RefusedError above it."""
    oldest = observed.proof.oldest
    ahead = [n for n in observed.proof.applied if n not in catalog.ever(wanted)]
    if ahead or (oldest is not None and oldest > wanted):
        if not allow_newer:
            raise RefusedError(
                f"the database is at {observed.place(catalog)}, which is newer than {wanted}; "
                "a server of that version may not work with it",
                reason="Newer",
            )
    elif pending:
        raise NotYetError(
            f"the database is at {observed.place(catalog)}; "
            f"{text.count(len(pending), 'migration')} pending for {wanted}"
        )


# -- without a database


def _notes(args: argparse.Namespace) -> int:
    from medusa_migrations import plan_json  # noqa: PLC0415

    catalog = catalog_files.read()
    after = _known(catalog, args.from_, "--from")
    to = _known(catalog, args.to, "--to") or catalog.newest
    if after is not None and after > to:
        raise UsageError(f"--from {after} is later than --to {to}; notes are for the way up")
    found = catalog.notes_between(after, to)
    if args.output == "json":
        _print_json([plan_json.note(one) for one in found])
    elif args.output == "markdown":
        print(text.notes_markdown(found))  # noqa: T201
    else:
        print(text.notes(found) or f"No notes above {after} up to {to}.")  # noqa: T201
    return 0


def _versions(args: argparse.Namespace) -> int:
    catalog = catalog_files.read()
    rows: list[dict[str, Any]] = []
    for release in catalog.releases:
        flags = catalog.defaults(release.version)
        gating = {
            flag
            for migration in catalog.present(release.version)
            for flag in catalog.gates(migration, release.version)
        }
        rows.append(
            {
                "version": str(release.version),
                "date": release.date,
                "package": release.package,
                "migrations": len(catalog.enabled(release.version, {})),
                "flags": {name: flags[name] for name in sorted(gating)},
            }
        )
    if args.output == "json":
        _print_json(rows)
    else:
        print(  # noqa: T201
            text.table(
                ("VERSION", "DATE", "PUBLISHED", "MIGRATIONS", "FLAGS THAT GATE SOME"),
                [
                    (
                        row["version"], row["date"] or "-", "package" if row["package"] else "tag",
                        str(row["migrations"]),
                        ", ".join(f"{n} {'on' if on else 'off'}" for n, on in row["flags"].items()),
                    )
                    for row in rows
                ],
            )
        )  # fmt: skip
    return 0


def _create(args: argparse.Namespace) -> int:
    name = args.name
    if not name.isidentifier() or not name.isascii() or name[-1].isdigit():
        raise UsageError(
            f"{name!r} cannot be a migration's name; use letters, digits and _, and end in a letter: "
            "add_loyalty_points"
        )
    folder = Path(args.migrations_dir)
    stamp = int(datetime.now(UTC).timestamp() * 1000)
    file = folder / f"{stamp}_{name}.sql"
    body = f"-- {name.replace('_', ' ')}\n\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(body)
    except OSError as exc:
        raise UsageError(f"{file} cannot be written: {exc}") from exc
    print(file)  # noqa: T201
    return 0


def _demo(args: argparse.Namespace) -> int:
    from medusa_migrations import demo  # noqa: PLC0415

    catalog = catalog_files.read()
    start = _known(catalog, args.from_, "--from")
    target = _known(catalog, args.to, "--to") or catalog.newest
    assert start is not None  # noqa: S101  the option has a default
    return demo.run(catalog, start, target, keep=args.keep)


# -- shared


def _request(args: argparse.Namespace, catalog: Catalog) -> Request:
    from medusa_migrations.plan import Request  # noqa: PLC0415

    target = _known(catalog, args.to, "--to") or catalog.newest
    own = catalog_files.read_own(Path(args.migrations_dir)) if args.migrations_dir else []
    for migration in own:
        if catalog.knows(migration.name):
            raise UsageError(
                f"{migration.origin}: {migration.name} is the name of one of Medusa's own migrations"
            )
    return Request(
        target=target,
        flags=flags(catalog, args.flag, os.environ),
        stops=tuple(args.stop),
        own=tuple(own),
        data_steps=not args.no_data_steps,
        asked=tuple(args.data_step),
    )


def flags(catalog: Catalog, given: list[str], environment: Mapping[str, str]) -> dict[str, bool]:
    """Return the flags set by hand: `--flag name=true` wins over MEDUSA_FF_NAME.

    Raises UsageError for a flag that gates no migration or a value that is not true or false.
    """
    names = {alias: flag.name for flag in catalog.flags.values() for alias in flag.aliases}
    names |= {name: name for name in catalog.flags}
    found: dict[str, bool] = {}
    for alias, name in names.items():
        value = environment.get(f"MEDUSA_FF_{alias.upper()}")
        if value is not None:
            found[name] = _truth(value, f"MEDUSA_FF_{alias.upper()}")
    for one in given:
        name, equals, value = one.partition("=")
        if name.lower() not in names:
            raise UsageError(
                f"--flag {one}: no migration depends on {name!r}; known are {', '.join(sorted(names))}"
            )
        found[names[name.lower()]] = _truth(value, f"--flag {name}") if equals else True
    return found


def _truth(value: str, where: str) -> bool:
    try:
        return values.truth(value)
    except ValueError as exc:
        raise UsageError(f"{where}: {exc}") from exc


def _known(catalog: Catalog, wanted: Version | None, option: str) -> Version | None:
    """Return *wanted* where it is a version we know; raise UsageError or RefusedError else."""
    if wanted is None or wanted in catalog.versions:
        return wanted
    if (wanted.major, wanted.minor) == (1, 0):
        raise RefusedError(
            f"{option} {wanted}: Medusa 1.0 kept its data in MongoDB and has no migrations; "
            "the first version with PostgreSQL is 1.1.0",
            reason="MongoDB",
        )
    if wanted.major >= 2:
        raise RefusedError(
            f"{option} {wanted}: Medusa v2 has another schema and needs a database of its own; "
            f"the newest version of v1 is {catalog.newest}",
            reason="MedusaV2",
        )
    near = ", ".join(map(str, catalog.nearest(wanted)))
    raise RefusedError(
        f"{option} {wanted}: there is no such version; near it are {near}", reason="UnknownVersion"
    )


def _observe(
    args: argparse.Namespace, conn: Connection[Any], address: Address, catalog: Catalog
) -> Observed:
    from medusa_migrations import observe  # noqa: PLC0415

    schema = observe.schema_of(conn, args.schema or address.schema)
    return observe.observe(conn, catalog, schema)


def _pending(
    args: argparse.Namespace, catalog: Catalog, observed: Observed, target: Version
) -> list[str]:
    """Return the names that *target* would still run here."""
    from medusa_migrations.plan import kept_flags  # noqa: PLC0415

    given = flags(catalog, args.flag, os.environ)
    values = kept_flags(catalog, observed.proof, target) | given
    have = set(observed.proof.applied)
    names = [m.name for m in catalog.enabled(target, values) if m.name not in have]
    own = getattr(args, "migrations_dir", None)
    if own:
        there = set(observed.proof.foreign)
        names += [m.name for m in catalog_files.read_own(Path(own)) if m.name not in there]
    return names


@contextlib.contextmanager
def _connected(
    args: argparse.Namespace, command: str, say: Callable[[str], None] | None = None
) -> Iterator[tuple[Connection[Any], Address]]:
    """Open the database that *args* and the environment name, for the duration of a `with`."""
    from medusa_migrations import connection  # noqa: PLC0415

    def complain(line: str) -> None:
        sys.stderr.write(f"medusa-db: {line}\n")

    with _address(args) as address:
        conn = connection.open_(address, command, patience=args.connect_wait, say=say or complain)
        with conn, connection.translated(address):
            yield conn, address


@contextlib.contextmanager
def _address(args: argparse.Namespace) -> Iterator[Address]:
    server: Server | None = None
    if args.embedded is not None:
        server = _embedded(args.embedded)
    try:
        yield addresses.parse(server.url("medusa") if server else _url(args))
    finally:
        if server is not None:
            server.stop()


def _embedded(folder: str) -> Server:
    """Start the private server kept in *folder*, with a database `medusa`."""
    import psycopg  # noqa: PLC0415

    from medusa_migrations import embedded  # noqa: PLC0415

    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    place = Path(folder) if folder else Path(home) / "medusa-db"
    server = embedded.Server(place.resolve(), embedded.binaries())
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as conn:
        row = conn.execute("select from pg_database where datname = 'medusa'").fetchone()
        if row is None:
            conn.execute("create database medusa")
    return server


def _url(args: argparse.Namespace) -> str:
    if args.database_url:
        return str(args.database_url)
    if args.database_url_file:
        try:
            return Path(args.database_url_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(f"--database-url-file {args.database_url_file}: {exc}") from exc
    if os.environ.get("DATABASE_URL"):
        return os.environ["DATABASE_URL"]
    raise UsageError(
        "no database is named; set DATABASE_URL=postgres://user@host:5432/shop, or give "
        "--database-url, --database-url-file or --embedded"
    )


def _print_json(body: object) -> None:
    print(json.dumps(body, ensure_ascii=False, indent=2))  # noqa: T201


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "migrate": _migrate,
    "migrations": _migrations,
    "plan": _plan,
    "status": _status,
    "verify": _verify,
    "wait": _wait,
    "notes": _notes,
    "versions": _versions,
    "create-migration": _create,
    "demo": _demo,
}
