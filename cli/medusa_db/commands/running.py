"""Turns the options of a run into what the engine takes: `migrate`, `plan` and `seed` share them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from medusa_db.commands import options
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.run.context import Limits, RunOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from medusa_db.arguments.groups import LimitArguments
    from medusa_db.arguments.running import MigrateArguments
    from medusa_db.arguments.seeding import SeedArguments
    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.plan import Request
    from medusa_migrations.plan.plan_file import Asked, PlanFile


def asked(args: MigrateArguments, request: Request) -> Asked:
    """Return what is asked of a run, for a plan that is to be reviewed."""
    from medusa_migrations.plan.plan_file import Asked  # noqa: PLC0415  most runs make no plan

    shop = args.way.shop
    return Asked(
        to=str(request.target),
        unasked=request.unasked,
        flags=dict(request.flags),
        stops=tuple(map(str, request.stops)),
        data_steps=request.data_steps,
        asked=request.asked,
        baseline=str(args.baseline or ""),
        each=args.transaction == "each",
        migrations_dir=shop.migrations_dir or "",
        migrations_format=shop.migrations_format,
    )


def how_to_migrate(
    args: MigrateArguments, catalog: Catalog, reviewed: PlanFile | None
) -> RunOptions:
    """Return how `migrate` behaves; *reviewed* is the plan it applies."""
    usual = how(args)
    return replace(
        usual,
        limits=replace(usual.limits, each=args.transaction == "each"),
        baseline=options.known(catalog, args.baseline, "--baseline"),
        reviewed=reviewed,
    )


def how(args: MigrateArguments | SeedArguments) -> RunOptions:
    """Return how a run behaves that asks nobody."""
    approval = args.approval
    return RunOptions(
        schema=args.database.schema,
        limits=_limits(args.limits),
        run_timeout=either(args.limits.run_timeout, RunOptions().run_timeout),
        on_breaking=approval.approval == "on-breaking" and not approval.yes,
        acknowledged=frozenset(_versions(approval.acknowledge)),
        by_whom=by_whom(),
    )


def _versions(given: Sequence[Version | str]) -> Iterator[Version]:
    for one in given:
        if isinstance(one, str):
            raise UsageError(f"--acknowledge {one}: it has no effect without --project")
        yield one


def by_whom() -> str:
    """Return the pod or host, for the history."""
    return os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", "")


def _limits(args: LimitArguments) -> Limits:
    usual = Limits()
    return Limits(
        lock_wait=either(args.lock_wait, usual.lock_wait),
        lock_timeout=either(args.lock_timeout, usual.lock_timeout),
        statement_timeout=either(args.statement_timeout, usual.statement_timeout),
    )


def either(given: float | None, usual: float) -> float:
    """Return what is *given*, else what is *usual*."""
    return usual if given is None else given
