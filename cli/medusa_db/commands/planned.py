"""The plan of `--plan`: reads it, and lets it decide what is asked of a run."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medusa_db import streams
from medusa_db.arguments import option
from medusa_db.arguments.running import MigrateArguments
from medusa_db.commands import options
from medusa_migrations.catalog import version as versions
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.run.context import RunOptions

if TYPE_CHECKING:
    from medusa_db.arguments.groups import LimitArguments, ShopArguments
    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.plan import Request
    from medusa_migrations.plan.plan_file import PlanFile


def read(args: MigrateArguments, catalog: Catalog) -> tuple[MigrateArguments, PlanFile | None]:
    """Return the plan that *args* name, and *args* as it decides them; None: they name none.

    Raises UsageError where it cannot be read, and where another option contradicts it.
    """
    if args.plan is None:
        return args, None
    from medusa_migrations.plan import plan_file  # noqa: PLC0415  most runs name no plan

    limit = args.limits.run_timeout
    within = RunOptions().run_timeout if limit is None else limit
    raw = streams.content("--plan", args.plan, most=plan_file.MOST + 1, within=within)
    plan = plan_file.read(args.plan, raw)
    return _decided(args, plan, catalog), plan


def request(args: MigrateArguments, catalog: Catalog, plan: PlanFile | None) -> Request:
    """Return what is asked of a run: by *plan*, else by the options and the project around us."""
    target = options.known(catalog, args.to, "--to") or options.known(
        catalog, args.baseline, "--baseline"
    )
    if target is None and plan is None:
        target = options.installed_version(catalog, options.absolute(""))
    found = options.request(args.way, catalog, target, options.shop_migrations(args.way.shop))
    if plan is not None:
        return found._replace(unasked=plan.asked.unasked)
    return found._replace(allow_newer=args.allow_newer)


def _decided(args: MigrateArguments, plan: PlanFile, catalog: Catalog) -> MigrateArguments:
    """Return *args* as *plan* has them; refuse options that differ from it."""
    asked = plan.asked
    decided = replace(
        args,
        to=_version(plan, asked.to),
        baseline=_version(plan, asked.baseline) if asked.baseline else None,
        transaction="each" if asked.each else "step",
        way=replace(
            args.way,
            stop=tuple(_version(plan, one) for one in asked.stops),
            data_step=asked.asked,
            no_data_steps=not asked.data_steps,
            shop=_shop(args.way.shop, plan),
        ),
        limits=_limits(args.limits, plan),
        approval=replace(
            args.approval,
            acknowledge=(
                *args.approval.acknowledge,
                *(_version(plan, one) for one in plan.breaking),
            ),
        ),
    )
    _refuse_others(args, decided, plan)
    return replace(decided, way=replace(decided.way, flag=_flags(args, plan, catalog)))


def _shop(given: ShopArguments, plan: PlanFile) -> ShopArguments:
    if given.migrations_dir is not None or not plan.asked.migrations_dir:
        return given
    return replace(
        given,
        migrations_dir=plan.asked.migrations_dir,
        migrations_format=plan.asked.migrations_format,
    )


def _limits(given: LimitArguments, plan: PlanFile) -> LimitArguments:
    """Return the limits of *plan*, but for those that are given anew."""

    def either(value: float | None, key: str) -> float | None:
        return plan.limits.get(key) if value is None else value

    return replace(
        given,
        lock_wait=either(given.lock_wait, "lockWait"),
        lock_timeout=either(given.lock_timeout, "lockTimeout"),
        statement_timeout=either(given.statement_timeout, "statementTimeout"),
        run_timeout=either(given.run_timeout, "runTimeout"),
    )


def _version(plan: PlanFile, text: str) -> Version:
    found = versions.parse(text)
    if found is None:
        raise UsageError(f"--plan {plan.name}: {text[:40]!r} is not a version such as 1.20.11")
    return found


def _refuse_others(args: MigrateArguments, decided: MigrateArguments, plan: PlanFile) -> None:
    """Refuse each option that the plan decides, but for one of the environment with the same value."""
    for field, given, value in (
        ("to", args.to, decided.to),
        ("stop", args.way.stop, decided.way.stop),
        ("data_step", args.way.data_step, decided.way.data_step),
        ("no_data_steps", args.way.no_data_steps, decided.way.no_data_steps),
        ("baseline", args.baseline, decided.baseline),
        ("transaction", args.transaction, decided.transaction),
        ("allow_newer", args.allow_newer, False),
    ):
        _refuse_other(plan, field, given, value)


def _refuse_other(plan: PlanFile, field: str, given: Any, value: Any) -> None:
    if given in (None, (), False):
        return
    row = option.row(MigrateArguments, field)
    if row.variable in os.environ and given == value:
        return
    raise UsageError(
        f"{row.name} and --plan exclude each other: the plan {plan.name} decides what runs. Leave {row.name} out"
        + (f" (it is set in {row.variable})" if row.variable in os.environ else "")
        + ", or make another plan"
    )


def _flags(args: MigrateArguments, plan: PlanFile, catalog: Catalog) -> tuple[str, ...]:
    """Return the flags of the plan; refuse another value of one."""
    given = options.flags(catalog, args.way.flag, os.environ)
    for name, on in given.items():
        if plan.asked.flags.get(name) is not on:
            raise UsageError(
                f"the flag {name} is {'on' if on else 'off'} here (--flag, or MEDUSA_FF_{name.upper()}), and the "
                f"plan {plan.name} was made without that. Leave it out, or make another plan"
            )
    return tuple(f"{name}={str(on).lower()}" for name, on in plan.asked.flags.items())
