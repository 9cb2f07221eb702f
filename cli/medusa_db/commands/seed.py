"""`seed`: fill a shop from a document."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from medusa_db import streams
from medusa_db.commands import options, running
from medusa_db.commands.database import connected
from medusa_db.commands.reporting import reported
from medusa_db.show import seed as text
from medusa_migrations.catalog import load
from medusa_migrations.contract import concealed
from medusa_migrations.contract.errors import RefusedError, RunnerError, UsageError
from medusa_migrations.run import context, progress
from medusa_migrations.run.outcome import Outcome
from medusa_seed.document import document, files
from medusa_seed.document.findings import Findings
from medusa_seed.planning.merge import IfExists, Policy
from medusa_seed.run import demo
from medusa_seed.run import runner as seeding
from medusa_seed.run.once import When

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from medusa_db.arguments.seeding import SeedArguments
    from medusa_migrations.catalog.version import Version

_DEFAULT = "data/seed.json"
"""Where Medusa's own starter keeps its seed document."""
_QUOTING = ("InvalidDocument", "Exists", "SeedFailed")
"""Reasons whose messages repeat what is in a document."""


def seed(args: SeedArguments) -> int:
    """Fill a shop, and report what was done, however it ends."""
    outcome = Outcome("seed", run_id=args.report.run_id)
    report = reported(
        args.report,
        outcome,
        lambda: _run(args, outcome),
        printed=args.output == "json",
        shown=lambda report: text.report(outcome, report.seconds),
    )
    return report.exit_code


def _show(passwords: Mapping[str, str]) -> None:
    """Show passwords that were made, by the email of who may log in with them: before they are committed.

    Raises RefusedError where stderr does not take them.
    """
    lines = [
        f"medusa-db: {email} may log in with {password} once the seed is committed; it is not shown again\n"
        for email, password in passwords.items()
    ]
    if not streams.delivered("".join(lines)):
        raise RefusedError(
            f"the password made for {', '.join(passwords)} would be lost, as stderr is closed, full or not "
            "read; no row was written. Run it again with a stderr that somebody reads, or a file",
            reason="PasswordNotShown",
        )


def _run(args: SeedArguments, outcome: Outcome) -> None:
    catalog = load.read()
    if args.overwrite and args.if_exists != "update":
        raise UsageError(
            f"--overwrite writes over rows that exist, and --if-exists {args.if_exists} does not; leave one out"
        )
    target = options.known(catalog, args.to, "--to")
    own = options.shop_migrations(args.way.shop)
    request = options.request(args.way, catalog, target, own)
    path = str(demo.folder()) if args.demo else args.seed_file or _DEFAULT
    telling = progress.for_stream()
    how = running.how(args)
    waiting = files.Patience(telling.say, how.run_timeout)
    with _unquoted(path, outcome), files.opened(path, waiting) as source:
        findings = Findings()
        found = document.read(source.pieces(), findings)
        findings.raise_if_any(source.name)
        try:
            with connected(args.database, "seed", args.patience.connect_wait, telling.say) as (
                conn,
                address,
            ):
                begun = context.begin(outcome, conn, address, catalog, request, how, telling)
                seeding.seed(begun, outcome, source, found, _how(args, target), show=_show)
        finally:
            telling.end()


@contextmanager
def _unquoted(path: str, outcome: Outcome) -> Iterator[None]:
    """Quote nothing of the document at *path* where that comes from a Secret."""
    known = concealed.from_environment(os.environ)
    if not known.hides(path):
        yield
        return
    name = known.spell(path)
    why = (
        f"what is wrong is not shown, as {name} comes from a Secret. Try the document where its owner "
        "can see it, with `medusa-db seed -f FILE --dry-run`"
    )
    try:
        yield
    except RunnerError as exc:
        if exc.reason not in _QUOTING:
            raise
        masked = type(exc)(f"the document cannot be seeded; {why}", reason=exc.reason)
        raise masked from None
    except Exception as exc:  # noqa: BLE001  it may quote the document as well
        raise RunnerError(f"{type(exc).__name__} while seeding; {why}") from None
    finally:
        if outcome.warnings:
            outcome.warnings[:] = [f"{len(outcome.warnings)} warnings are not shown: of {name}"]


def _how(args: SeedArguments, target: Version | None) -> seeding.SeedOptions:
    return seeding.SeedOptions(
        migrate=args.migrate,
        to=target,
        policy=Policy(IfExists(args.if_exists), args.overwrite),
        dry_run=args.dry_run,
        when=When.ONCE if args.once else When.ON_CHANGE if args.on_change else When.ALWAYS,
        demo=args.demo,
        agreed=args.approval.yes,
    )
