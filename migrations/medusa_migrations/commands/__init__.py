"""What each command does: read its input, call the engine, print the result."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from medusa_migrations.address import redact
from medusa_migrations.commands import migrate, offline, readonly
from medusa_migrations.errors import Interrupted, RunnerError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "migrate": migrate.migrate,
    "plan": readonly.plan,
    "status": readonly.status,
    "verify": readonly.verify,
    "wait": readonly.wait,
    "notes": offline.notes,
    "versions": offline.versions,
    "create-migration": offline.create_migration,
    "demo": offline.demo,
}
_MEDUSAS = {"run": migrate.migrate, "show": readonly.show}
"""`medusa-db migrations run` and `show`, as Medusa's own tool calls them."""


def run(args: argparse.Namespace) -> int:
    """Run the command of *args*; turn what goes wrong into a sentence and an exit code."""
    command = _MEDUSAS[args.word] if args.command == "migrations" else _COMMANDS[args.command]
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
    sys.stderr.write(f"medusa-db: {redact(str(exc))}\n")
    if exc.detail:
        sys.stderr.write(redact(exc.detail) + "\n")
