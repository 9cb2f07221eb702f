"""`seed`: fill a shop from a document."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from medusa_db.commands import options, output, running
from medusa_db.commands.database import connected
from medusa_db.commands.reporting import reported
from medusa_db.show import seed as text
from medusa_migrations.catalog import load
from medusa_migrations.contract import concealed
from medusa_migrations.contract.errors import RunnerError, UsageError
from medusa_migrations.contract.report import Report
from medusa_migrations.run import progress
from medusa_migrations.run.context import RunContext
from medusa_seed.document import document, files
from medusa_seed.document.findings import Findings
from medusa_seed.planning.merge import IfExists, Policy
from medusa_seed.run import demo
from medusa_seed.run import runner as seeding

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from medusa_migrations.catalog.model import Catalog

_DEFAULT = "data/seed.json"
"""Where Medusa's own starter keeps its seed document."""
_QUOTING = ("InvalidDocument", "Exists", "SeedFailed")
"""Reasons whose messages repeat what a document says."""


def seed(args: argparse.Namespace) -> int:
    """Fill a shop, and report what was done, however it ends."""
    report = Report(command="seed", run_id=args.run_id)
    with reported(args, report):
        made = _run(args, load.read(), report)
    if args.output == "text":
        output.print_result(text.report(report))
    for email, password in made.items():
        sys.stderr.write(
            f"medusa-db: {email} may log in with {password}, which is not shown again\n"
        )
    return 0


def _run(args: argparse.Namespace, catalog: Catalog, report: Report) -> dict[str, str]:
    """Seed; return the passwords that were made, by the email of who may log in with them."""
    if args.demo and args.file:
        raise UsageError("--demo names a document, and -f another one; leave one out")
    request = options.request(args, catalog)
    path = str(demo.folder()) if args.demo else args.file or _DEFAULT
    telling = progress.for_stream()
    with _unquoted(path, report), files.opened(path) as source:
        findings = Findings()
        found = document.read(source.pieces(), findings)
        findings.raise_if_any(source.name)
        try:
            with connected(args, "seed", telling.say) as (conn, address):
                context = RunContext(
                    conn, address, catalog, request, running.how(args, catalog), telling, report
                )
                return seeding.seed(context, source, found, _how(args, catalog))
        finally:
            telling.end()


@contextmanager
def _unquoted(path: str, report: Report) -> Iterator[None]:
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
        said = type(exc)(f"the document cannot be seeded; {why}", reason=exc.reason)
        raise said from None
    except Exception as exc:  # noqa: BLE001  it may quote the document as well
        raise RunnerError(f"{type(exc).__name__} while seeding; {why}") from None
    finally:
        if report.warnings:
            report.warnings = [f"{len(report.warnings)} warnings are not shown: of {name}"]


def _how(args: argparse.Namespace, catalog: Catalog) -> seeding.SeedOptions:
    return seeding.SeedOptions(
        migrate=args.migrate,
        to=options.known(catalog, args.to, "--to"),
        policy=Policy(IfExists(args.if_exists), args.overwrite),
        dry_run=args.dry_run,
        once=args.once,
        on_change=args.on_change,
        demo=args.demo,
        agreed=args.yes,
    )
