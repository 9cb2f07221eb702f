"""The plan of `--plan`: reads it, and lets it decide what is asked of a run."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_db.commands import options
from medusa_migrations.catalog import version as versions
from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.plan import Request
    from medusa_migrations.plan.plan_file import PlanFile


def read(args: argparse.Namespace, catalog: Catalog) -> PlanFile | None:
    """Return the plan that *args* name, and make them say what it says; None: they name none.

    Raises UsageError where it cannot be read, and where another option would contradict it.
    """
    if args.plan is None:
        return None
    from medusa_migrations.plan import plan_file  # noqa: PLC0415  most runs name no plan

    plan = plan_file.read(args.plan, _content(args.plan, plan_file.MOST + 1))
    asked = plan.asked
    decided: dict[str, Any] = {
        "to": _version(plan, asked.to),
        "stop": [_version(plan, one) for one in asked.stops],
        "data_step": list(asked.asked),
        "no_data_steps": not asked.data_steps,
        "baseline": _version(plan, asked.baseline) if asked.baseline else None,
        "transaction": "each" if asked.each else "step",
    }
    for name, value in decided.items():
        _refuse_other(args, plan, name, value)
        setattr(args, name, value)
    _flags(args, plan, catalog)
    if args.migrations_dir is None and asked.migrations_dir:
        args.migrations_dir = asked.migrations_dir
        args.migrations_format = asked.migrations_format
    for name, key in _LIMITS.items():
        if getattr(args, name) is None:
            setattr(args, name, plan.limits.get(key))
    args.acknowledge = [*args.acknowledge, *(_version(plan, one) for one in plan.breaking)]
    return plan


_LIMITS = {
    "lock_wait": "lockWait",
    "lock_timeout": "lockTimeout",
    "statement_timeout": "statementTimeout",
    "run_timeout": "runTimeout",
}


def request(args: argparse.Namespace, catalog: Catalog, plan: PlanFile | None) -> Request:
    """Return what is asked of a run: by *plan*, else by the options and the project around us."""
    if plan is None:
        return options.request(args, catalog, project=Path.cwd())
    return replace(options.request(args, catalog), unasked=plan.asked.unasked)


def _content(name: str, most: int) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(most)
        with Path(name).open("rb") as stream:
            return stream.read(most)
    except (OSError, ValueError) as exc:
        said = exc.strerror if isinstance(exc, OSError) else "no file can have that name"
        raise UsageError(f"--plan {name} cannot be read: {said}") from exc


def _version(plan: PlanFile, text: str) -> Version:
    found = versions.parse(text)
    if found is None:
        raise UsageError(f"--plan {plan.name}: {text[:40]!r} is not a version such as 1.20.11")
    return found


def _refuse_other(args: argparse.Namespace, plan: PlanFile, name: str, value: Any) -> None:
    """Refuse an option that the plan decides, but for one of the environment that says the same."""
    given = getattr(args, name)
    if given in (None, [], False):
        return
    twin = f"MEDUSA_DB_{name.upper()}"
    if twin in os.environ and given == value:
        return
    option = f"--{name.replace('_', '-')}"
    raise UsageError(
        f"{option} and --plan exclude each other: the plan {plan.name} says what runs. Leave {option} out"
        + (f" (it stands in {twin})" if twin in os.environ else "")
        + ", or make another plan"
    )


def _flags(args: argparse.Namespace, plan: PlanFile, catalog: Catalog) -> None:
    """Take over the flags of the plan; refuse another value of one."""
    given = options.flags(catalog, args.flag, os.environ)
    for name, on in given.items():
        if plan.asked.flags.get(name) is not on:
            raise UsageError(
                f"the flag {name} is {'on' if on else 'off'} here (--flag, or MEDUSA_FF_{name.upper()}), and the "
                f"plan {plan.name} was made without that. Leave it out, or make another plan"
            )
    args.flag = [f"{name}={str(on).lower()}" for name, on in plan.asked.flags.items()]
