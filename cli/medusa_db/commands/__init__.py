"""What each command does: read its input, call the engine, print the result."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import TYPE_CHECKING, cast

from medusa_migrations.contract.errors import Interrupted, RefusedError, RunnerError
from medusa_migrations.contract.redact import redact

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_COMMANDS = {
    "migrate": "migrate.migrate",
    "plan": "plan.plan",
    "status": "readonly.status",
    "verify": "verify.verify",
    "wait": "readonly.wait",
    "notes": "offline.notes",
    "versions": "offline.versions",
    "create-migration": "offline.create_migration",
    "seed": "seed.seed",
    "seed export": "export.export",
    "seed schema": "export.schema",
    "demo": "offline.demo",
    "repair": "repair.repair",
    "migrations run": "migrate.migrate",
    "migrations show": "readonly.show",
}
"""Where each command is; only the one that is called is imported."""


def run(args: argparse.Namespace) -> int:
    """Run the command of *args*; turn what goes wrong into a sentence and an exit code."""
    words = f"{args.command} {args.word}" if args.command == "migrations" else args.command
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    try:
        return _find(words)(args)
    except RunnerError as exc:
        _complain(exc)
        return 0 if is_result(args, exc) else exc.exit_code
    except Interrupted as exc:
        sys.stderr.write(f"medusa-db: {exc.said}\n")
        return exc.exit_code
    except BrokenPipeError:  # `medusa-db versions | head`
        return 0


def is_result(args: argparse.Namespace, exc: RunnerError) -> bool:
    """Return whether whoever called counts this refusal as a result: `--exit-zero-for`."""
    return isinstance(exc, RefusedError) and exc.reason in getattr(args, "exit_zero_for", ())


def _find(words: str) -> Callable[[argparse.Namespace], int]:
    module, _, function = _COMMANDS[words].partition(".")
    found = getattr(importlib.import_module(f"medusa_db.commands.{module}"), function)
    return cast("Callable[[argparse.Namespace], int]", found)


def _interrupt(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # the second one does not disturb the rollback
    raise Interrupted(number)


def _complain(exc: RunnerError) -> None:
    sys.stderr.write(f"medusa-db: {redact(exc.headline)}\n")
    if exc.detail:
        sys.stderr.write(redact(exc.detail) + "\n")
