"""What a plan is made on: which database, and what it is like; and whether it still is so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations import __version__
from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.plan import plan_file
from medusa_migrations.plan.findings import joined
from medusa_migrations.plan.plan_file import Basis
from medusa_migrations.postgres import introspect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.plan import Step
    from medusa_migrations.plan.plan_file import PlanFile
    from medusa_migrations.postgres.address import Address

_WHERE = """
    select case when has_function_privilege('pg_control_system()', 'execute')
                then (select system_identifier::text from pg_control_system()) else '' end,
           current_database()::text
"""
_OBJECTS = """
    with ours as (select oid from pg_namespace where nspname = %(schema)s)
    select 'trigger ' || t.tgname || ' on ' || c.relname, pg_get_triggerdef(t.oid) || t.tgenabled::text
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join ours on ours.oid = c.relnamespace
     where not t.tgisinternal
    union all
    select 'rule ' || r.rulename || ' on ' || c.relname, pg_get_ruledef(r.oid) || r.ev_enabled::text
      from pg_rewrite r join pg_class c on c.oid = r.ev_class join ours on ours.oid = c.relnamespace
     where r.rulename <> '_RETURN'
    union all
    select 'policy ' || p.polname || ' on ' || c.relname,
           concat_ws(' ', p.polcmd, p.polpermissive, p.polroles, pg_get_expr(p.polqual, p.polrelid),
                     pg_get_expr(p.polwithcheck, p.polrelid))
      from pg_policy p join pg_class c on c.oid = p.polrelid join ours on ours.oid = c.relnamespace
    union all
    select 'view ' || c.relname, pg_get_viewdef(c.oid)
      from pg_class c join ours on ours.oid = c.relnamespace where c.relkind in ('v', 'm')
    union all
    select 'owner or row security of ' || c.relname,
           concat_ws(' ', c.relowner, c.relrowsecurity, c.relforcerowsecurity)
      from pg_class c join ours on ours.oid = c.relnamespace where c.relkind in ('r', 'p', 'f')
    union all
    select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           concat_ws(' ', p.prosrc, p.prosecdef, p.proconfig, p.provolatile)
      from pg_proc p join ours on ours.oid = p.pronamespace
     where not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid
                          and d.deptype = 'e')
"""
OUTDATED, OTHER = "PlanOutdated", "OtherDatabase"


def where(conn: Connection[Any], address: Address, schema: str = "") -> Basis:
    """Return which database this is; its name not, where that may come from a Secret."""
    row = conn.execute(_WHERE).fetchone()
    system, database = row or ("", "")
    return Basis(system, database if address.quotable else "", schema)


def look(
    conn: Connection[Any], address: Address, catalog: Catalog, observed: DatabaseState
) -> Basis:
    """Return which database this is, and what it is like."""
    found = where(conn, address, observed.schema)
    return Basis(
        system=found.system,
        database=found.database,
        schema=found.schema,
        place=str(observed.place(catalog)),
        ledger=observed.ledger.names,
        objects=plan_file.objects(introspect.read(conn, observed.schema))
        | _others(conn, observed.schema),
    )


def _others(conn: Connection[Any], schema: str) -> dict[str, str]:
    """Return what else is in the schema and may matter to a run, each with a checksum of its definition."""
    rows = conn.execute(_OBJECTS, {"schema": schema})
    return {name: plan_file.digest(str(definition)) for name, definition in rows}


def require_database(plan: PlanFile, now: Basis) -> None:
    """Raise RefusedError where *plan* was made for another database."""
    if why := plan_file.other_database(plan.basis, now):
        raise RefusedError(
            f"the plan {plan.name} is not for this database: {why}. Give the address of the one it was made "
            "for, or make a plan for this one with `medusa-db plan --output json`",
            reason=OTHER,
        )


def require(plan: PlanFile, now: Basis) -> None:
    """Raise RefusedError where *now* is not what *plan* was made on."""
    require_database(plan, now)
    found = plan_file.moved(plan, now, __version__)
    _refuse(plan, found, _applied(plan, now))


def require_runs(plan: PlanFile, steps: Sequence[Step]) -> None:
    """Raise RefusedError where *steps* are not those of *plan*."""
    _refuse(plan, plan_file.other_runs(plan, steps))


def _refuse(plan: PlanFile, found: Sequence[str], more: str = "") -> None:
    if found:
        raise RefusedError(
            f"the plan {plan.name} is outdated: {joined(found)}.{more} Nothing was changed; make "
            "the plan again with `medusa-db plan --output json`, and review it",
            reason=OUTDATED,
            detail="\n".join(f"- {line}" for line in found[3:]),
        )


def _applied(plan: PlanFile, now: Basis) -> str:
    planned = {name for _, items in plan.runs for name, _ in items if "/" not in name}
    if planned and planned <= set(now.ledger):
        return " Every migration in it is in the ledger by now: it was applied."
    return ""
