"""What a plan is made on: which database, and what it is like; and whether it still is so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations import __version__
from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.plan import plan_file
from medusa_migrations.plan.findings import joined
from medusa_migrations.plan.plan_file import Basis
from medusa_migrations.postgres import introspect
from medusa_migrations.schema import verify

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
    with ours as (select oid from pg_namespace where nspname = %(schema)s),
    shut as (select unnest(%(closed)s::oid[]) as oid),
    unprintable as (
      select distinct d.classid, d.objid from pg_depend d
       where d.classid in ('pg_rewrite'::regclass, 'pg_policy'::regclass)
         and d.refclassid = 'pg_class'::regclass and d.refobjid in (table shut)
    )
    select 'trigger ' || t.tgname || ' on ' || c.relname,
           case when c.oid not in (table shut) then pg_get_triggerdef(t.oid) || t.tgenabled::text end
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join ours on ours.oid = c.relnamespace
     where not t.tgisinternal
    union all
    select 'rule ' || r.rulename || ' on ' || c.relname,
           case when c.oid not in (table shut)
                     and ('pg_rewrite'::regclass, r.oid) not in (table unprintable)
                then pg_get_ruledef(r.oid) || r.ev_enabled::text end
      from pg_rewrite r join pg_class c on c.oid = r.ev_class join ours on ours.oid = c.relnamespace
     where r.rulename <> '_RETURN'
    union all
    select 'policy ' || p.polname || ' on ' || c.relname,
           case when c.oid not in (table shut)
                     and ('pg_policy'::regclass, p.oid) not in (table unprintable)
                then concat_ws(' ', p.polcmd, p.polpermissive, p.polroles, pg_get_expr(p.polqual, p.polrelid),
                               pg_get_expr(p.polwithcheck, p.polrelid)) end
      from pg_policy p join pg_class c on c.oid = p.polrelid join ours on ours.oid = c.relnamespace
    union all
    select 'view ' || c.relname,
           case when c.oid not in (table shut)
                     and ('pg_rewrite'::regclass, r.oid) not in (table unprintable)
                then pg_get_viewdef(c.oid) end
      from pg_class c join ours on ours.oid = c.relnamespace
      join pg_rewrite r on r.ev_class = c.oid and r.rulename = '_RETURN'
     where c.relkind in ('v', 'm')
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
_TABLES = """
    select relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %s and c.oid = any(%s::oid[]) and c.relkind in ('r', 'p', 'm')
"""
"""A materialized view stands for the indexes on it."""
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
    found, schema = where(conn, address, observed.schema), observed.schema
    closed = introspect.closed(conn, schema, lambda: verify.tables(catalog))
    objects = plan_file.objects(introspect.read_without(conn, schema, closed))
    if closed:
        unread = conn.execute(_TABLES, [schema, list(closed)])
        objects |= {f"table {name}": plan_file.UNREAD for (name,) in unread}
    return Basis(
        system=found.system,
        database=found.database,
        schema=found.schema,
        place=str(observed.place(catalog)),
        ledger=observed.ledger.names,
        objects=objects | _others(conn, schema, closed),
    )


def _others(conn: Connection[Any], schema: str, closed: Sequence[int]) -> dict[str, str]:
    """Return what else is in the schema and may matter to a run, each with a checksum of its definition.

    What is *closed*, or names what is, cannot be printed without waiting for others.
    """
    rows = conn.execute(_OBJECTS, {"schema": schema, "closed": list(closed)})
    return {
        name: plan_file.UNREAD if definition is None else plan_file.digest(str(definition))
        for name, definition in rows
    }


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
