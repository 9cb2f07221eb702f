"""Turns the options of a run into what the engine takes: `migrate`, `plan` and `seed` share them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from medusa_db.commands import options
from medusa_migrations.run.context import Limits, RunOptions

if TYPE_CHECKING:
    import argparse

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.plan.plan import Request
    from medusa_migrations.plan.plan_file import Asked, PlanFile


def limits(args: argparse.Namespace) -> Limits:
    """Return how long a run may wait, and a statement take."""
    usual = Limits()
    return Limits(
        lock_wait=_or(args.lock_wait, usual.lock_wait),
        lock_timeout=_or(args.lock_timeout, usual.lock_timeout),
        statement_timeout=_or(args.statement_timeout, usual.statement_timeout),
        each=getattr(args, "transaction", None) == "each",
    )


def asked(args: argparse.Namespace, request: Request) -> Asked:
    """Return what is asked of a run, for a plan that is to be reviewed."""
    from medusa_migrations.plan.plan_file import Asked  # noqa: PLC0415  most runs make no plan

    return Asked(
        to=str(request.target),
        unasked=request.unasked,
        flags=dict(request.flags),
        stops=tuple(map(str, request.stops)),
        data_steps=request.data_steps,
        asked=request.asked,
        baseline=str(args.baseline or ""),
        each=args.transaction == "each",
        migrations_dir=args.migrations_dir or "",
        migrations_format=args.migrations_format,
    )


def how(args: argparse.Namespace, catalog: Catalog, reviewed: PlanFile | None = None) -> RunOptions:
    """Return how a run behaves, but for who is there to be asked; *reviewed* is the plan it applies."""
    return RunOptions(
        schema=args.schema,
        limits=limits(args),
        run_timeout=_or(args.run_timeout, RunOptions().run_timeout),
        baseline=options.known(catalog, getattr(args, "baseline", None), "--baseline"),
        on_breaking=args.approval == "on-breaking" and not args.yes,
        acknowledged=frozenset(args.acknowledge),
        by_whom=os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", ""),
        reviewed=reviewed,
    )


def _or(given: float | None, usual: float) -> float:
    return usual if given is None else given
