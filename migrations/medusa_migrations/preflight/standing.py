"""How the schema compares with its version when nothing has to run: what the last run knew, and what is new.

Which differences were there before the last run, and what its verification found, is recorded
(`records/verification.py`). So a verification that failed, or never came to its end, is
not forgotten by the next run, which finds nothing to do; and one that was content is not repeated
as long as the catalogs of the schema are the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from medusa_migrations import __version__
from medusa_migrations.postgres import numbering
from medusa_migrations.records import verification

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.findings import Finding
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.records.verification import Noted
    from medusa_migrations.schema.drift import Difference

_DIGEST = """
    with shop as (select oid, xmin from pg_namespace where nspname = %(schema)s),
    tables as materialized (
      select oid, relname, relkind, relowner, relacl, relpersistence, relrowsecurity, relforcerowsecurity,
             relreplident, relispartition
        from pg_class where relnamespace = (select oid from shop) and relkind in ('r', 'p', 'S', 'i', 'v', 'm', 'f')),
    roles as (
      select relowner from tables
      union
      select acl.grantee from tables cross join lateral aclexplode(relacl) acl
    ),
    noted (line) as (
      select concat_ws(' ', 'c', tables) from tables
      union all
      select concat_ws(' ', 'a', attrelid, attnum, xmin) from pg_attribute
       where attnum > 0 and attrelid in (select oid from tables)
      union all
      select concat_ws(' ', 'd', oid, xmin) from pg_attrdef where adrelid in (select oid from tables)
      union all
      select concat_ws(' ', 'k', oid, xmin) from pg_constraint where conrelid in (select oid from tables)
      union all
      select concat_ws(' ', 'i', indexrelid, xmin, indisvalid, indisready, indislive) from pg_index
       where indrelid in (select oid from tables)
      union all
      select concat_ws(' ', 'e', e.oid, e.xmin, t.typname)
        from pg_enum e join pg_type t on t.oid = enumtypid where t.typnamespace = (select oid from shop)
      union all
      select concat_ws(' ', 'y', oid, xmin) from pg_type
       where typtype = 'd' and typnamespace = (select oid from shop)
      union all
      select concat_ws(' ', 't', g.oid, g.xmin, p.xmin) from pg_trigger g join pg_proc p on p.oid = g.tgfoid
       where g.tgrelid in (select oid from tables)
      union all
      select concat_ws(' ', 's', seqrelid, xmin) from pg_sequence where seqrelid in (select oid from tables)
      union all
      select concat_ws(' ', 'p', oid, xmin) from pg_policy where polrelid in (select oid from tables)
      union all
      select concat_ws(' ', 'w', oid, xmin) from pg_rewrite
       where ev_class in (select oid from tables where relkind in ('r', 'p'))
      union all
      select concat_ws(' ', 'h', inhrelid, inhparent, xmin) from pg_inherits
       where inhrelid in (select oid from tables) or inhparent in (select oid from tables)
      union all
      select concat_ws(' ', 'o', objid, refobjid, refobjsubid, xmin) from pg_depend
       where classid = 'pg_class'::regclass and deptype in ('a', 'i')
         and objid in (select oid from tables where relkind = 'S')
      union all
      select concat_ws(' ', 'u', p.oid, p.xmin, r.oid, r.xmin) from pg_publication p
        left join pg_publication_rel r on r.prpubid = p.oid
      union all
      {publication_schemas}
      select concat_ws(' ', 'n', oid, xmin) from shop
      union all
      select concat_ws(' ', 'g', r.oid, r.rolsuper, r.rolinherit, m.roleid, m.xmin) from pg_roles r
        left join pg_auth_members m on m.member = r.oid where r.oid in (table roles)
      union all
      select concat_ws(' ', 'v', oid, xmin) from pg_event_trigger
      union all
      select concat_ws(' ', 'r', current_setting('session_replication_role'))
      union all
      select concat_ws(' ', 'b', setdatabase, setrole, setconfig) from pg_db_role_setting
       where setrole = 0 or setrole in (table roles)
      union all
      select concat_ws(' ', 'x', oid, xmin) from pg_extension
    )
    select count(*), sum(hashtextextended(line, 0)) from noted
"""
"""What a comparison stands on. Who changes a row of a catalog leaves a new `xmin` there, but for what
PostgreSQL keeps of a table for itself in pg_class, and, before 14, for the flags of an index."""

_PUBLICATION_SCHEMAS = """
      select concat_ws(' ', 'l', oid, xmin) from pg_publication_namespace where pnnspid = (select oid from shop)
      union all"""
"""From PostgreSQL 15 on."""


class Standing(NamedTuple):
    """How the schema compares with its version."""

    before: tuple[Difference, ...] = ()
    """What differs, and is not known to be the doing of the last run."""
    new: tuple[Difference, ...] = ()
    """What differs since the last run, which failed its verification or did not end it."""
    unread: Finding | None = None
    """Why it could not be compared."""
    hint: str = ""
    """A sentence that leads to `medusa-db repair`, where the schema proves that the ledger is wrong."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All of them, the new ones first."""
        return (*self.new, *self.before)


def look(conn: Connection[Any], catalog: Catalog, observed: DatabaseState) -> Standing:
    """Return how the schema compares with the version that the database is at; writes nothing.

    Where the last run was content and the catalogs are the same since, nothing is compared.
    """
    version = observed.at or observed.proof.latest
    if version is None:
        return Standing()
    noted = verification.latest(conn, observed.schema)
    if (
        noted is not None
        and not noted.fails
        and not noted.before
        and noted.runner == __version__
        and noted.digest == digest(conn, observed)
    ):
        return Standing(tuple(_behind(conn, observed)))
    return _compared(conn, catalog, observed, version, noted)


def _behind(conn: Connection[Any], observed: DatabaseState) -> Iterator[Difference]:
    """Yield what is wrong with sequences: no catalog says how far they are behind the rows."""
    schema = observed.schema
    found = numbering.read(conn, schema, observed.ledger.tables)
    behind = numbering.behind(conn, schema, found)
    if not behind:
        return
    from medusa_migrations.preflight import sequences  # noqa: PLC0415  hardly ever needed

    for one in sequences.described(conn, schema, found, behind):
        if one.harmful:
            yield one


def findings(conn: Connection[Any], catalog: Catalog, observed: DatabaseState) -> list[Finding]:
    """Return what `look` finds as what a person should know, or what the run fails with."""
    return told(look(conn, catalog, observed), observed.schema)


def told(found: Standing, schema: str) -> list[Finding]:
    """Return what was *found* as what a person should know, or what the run fails with."""
    if found == Standing():
        return []
    from medusa_migrations.plan.findings import Finding  # noqa: PLC0415
    from medusa_migrations.preflight import definitions  # noqa: PLC0415  hardly ever needed

    doubted = bool(found.hint)
    return [
        *([found.unread] if found.unread else ()),
        *([Finding(found.hint, "")] if doubted else ()),
        *(definitions.left(one, schema, doubted=doubted) for one in found.new),
        *(definitions.stays(one, schema, doubted=doubted) for one in found.before),
    ]


def _compared(
    conn: Connection[Any],
    catalog: Catalog,
    observed: DatabaseState,
    version: Version,
    noted: Noted | None,
) -> Standing:
    from medusa_migrations.plan import evidence  # noqa: PLC0415
    from medusa_migrations.plan.findings import Finding  # noqa: PLC0415
    from medusa_migrations.preflight import comparison  # noqa: PLC0415  hardly ever needed
    from medusa_migrations.schema import ddl  # noqa: PLC0415  hardly ever needed

    existing = comparison.read_unlocked(conn, catalog, observed.schema, "The next look finds it")
    if isinstance(existing, Finding):
        return Standing(unread=existing)
    live = comparison.beside(conn, observed.schema, existing)
    try:
        verdict = comparison.compare(catalog, version, observed.proof.applied, live)
    except ddl.DialectError as exc:
        return Standing(
            unread=Finding(
                f"the names in the ledger cannot all have run: {exc}",
                "`medusa-db repair` shows which rows the schema proves",
            )
        )
    found = [one for one in verdict.differences if one.harmful]
    failed = noted if noted and noted.fails and noted.version == str(version) else None
    new = [one for one in found if failed and failed.blames(one)]
    hint = evidence.hint(catalog, observed.ledger.rows, existing) if found else ""
    return Standing(tuple(one for one in found if one not in new), tuple(new), hint=hint)


def end(
    conn: Connection[Any],
    observed: DatabaseState,
    version: str,
    before: Sequence[str],
    after: Sequence[str],
) -> None:
    """Note what the verification found: what differed *before* as well, and only *after* the run."""
    verification.record(conn, observed.schema, version, before, after, digest(conn, observed))


def digest(conn: Connection[Any], observed: DatabaseState) -> str:
    """Return a checksum of what a comparison of the schema stands on; waits for no lock."""
    newer = conn.info.server_version >= 150000
    query = _DIGEST.replace("{publication_schemas}", _PUBLICATION_SCHEMAS if newer else "")
    row = conn.execute(sql.SQL(query), {"schema": observed.schema}).fetchone()
    ledger = "\n".join(observed.proof.applied)
    return hashlib.sha256(f"{row}\n{observed.at}\n{ledger}".encode()).hexdigest()
