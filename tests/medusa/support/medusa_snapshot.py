"""What a database holds, as values to compare: its schema, its ledger, its rows.

The project has a reader of catalogs of its own; this one shares nothing with it, on purpose.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

Connection = psycopg.Connection[Any]
Snapshot = tuple[str, ...]
"""Sorted facts, such as `column product 03 handle: text not null`."""

Rows = dict[str, list[tuple[str, ...]]]
"""For each table its rows, sorted, every value as `column=text`."""

LEFT_OUT = ("typeorm_metadata",)
"""Tables that only Medusa's ORM makes, and not in every version."""

RANDOM = {
    ("cart_sales_channel", "id"): "cartsc_",
    ("order_sales_channel", "id"): "ordersc_",
    ("product_sales_channel", "id"): "prodsc_",
    ("publishable_api_key_sales_channel", "id"): "pksc_",
}
"""The columns that Medusa's migrations fill at random: a prefix and 26 hexadecimal digits."""

_RELATIONS = """
    select format(
        '%%s %%s%%s%%s%%s%%s%%s',
        case relkind
            when 'r' then 'table'
            when 'p' then 'partitioned table'
            when 'v' then 'view'
            when 'm' then 'materialized view'
            when 'f' then 'foreign table'
            when 'c' then 'composite type'
        end,
        relname,
        case relpersistence when 'p' then '' else format(' persistence %%s', relpersistence) end,
        case when relrowsecurity or relforcerowsecurity then ' row security' end,
        ' with ' || array_to_string(reloptions, ', '),
        case when relkind in ('r', 'p') and relreplident <> 'd' then ' replica identity' end,
        ' as ' || case when relkind in ('v', 'm') then pg_get_viewdef(oid) end
    )
    from relation where relkind in ('r', 'p', 'v', 'm', 'f', 'c')
"""

_COLUMNS = """
    select format(
        'column %%s %%s %%s: %%s%%s%%s%%s%%s%%s', relname,
        lpad(row_number() over (partition by relation.oid order by attnum)::text, 2, '0'),
        attname, format_type(atttypid, atttypmod),
        case when attnotnull then ' not null' end,
        ' default ' || pg_get_expr(adbin, adrelid),
        case attidentity when '' then null else ' identity ' || attidentity::text end,
        case attgenerated when '' then null else ' generated ' || attgenerated::text end,
        ' collation ' || case
            when attcollation <> typcollation then attcollation::regcollation::text
        end
    )
    from relation
    join pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
    join pg_type on pg_type.oid = atttypid
    left join pg_attrdef on adrelid = attrelid and adnum = attnum
    where relkind in ('r', 'p', 'v', 'm', 'f', 'c')
"""

_CONSTRAINTS = """
    select format('constraint %%s %%s: %%s', relname, conname, pg_get_constraintdef(con.oid))
    from pg_constraint con join relation on relation.oid = conrelid
    where contype <> 'n'  -- PostgreSQL 18 lists not null here too, under names of its own
"""

_INDEXES = """
    select format(
        'index on %%s: %%s%%s%%s%%s', relation.relname, pg_get_indexdef(indexrelid),
        case when indisprimary then ' (primary)' end,
        case when not indisvalid then ' (invalid)' end,
        case when indisclustered then ' (clustered)' end
    )
    from pg_index join relation on relation.oid = indrelid
"""

_ENUMS = """
    select format('enum %%s: %%s', typname, string_agg(enumlabel, ', ' order by enumsortorder))
    from pg_enum join pg_type on pg_type.oid = enumtypid
    where typnamespace = %(schema)s::text::regnamespace
    group by pg_type.oid
"""

_DOMAINS = """
    select format('domain %%s: %%s', typname, format_type(typbasetype, typtypmod))
    from pg_type where typtype = 'd' and typnamespace = %(schema)s::text::regnamespace
"""

_SEQUENCES = """
    select format(
        'sequence %%s: %%s start %%s increment %%s from %%s to %%s cache %%s%%s, owned by %%s',
        relname, format_type(seqtypid, null), seqstart, seqincrement, seqmin, seqmax, seqcache,
        case when seqcycle then ' cycle' end,
        coalesce((
            select format(
                '%%s%%s.%%s',
                case deptype when 'i' then 'identity ' end, refobjid::regclass, attname
            )
            from pg_depend join pg_attribute on attrelid = refobjid and attnum = refobjsubid
            where classid = 'pg_class'::regclass and objid = seqrelid
              and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')
        ), 'nothing')
    )
    from pg_sequence join relation on relation.oid = seqrelid
"""

_TRIGGERS = """
    select 'trigger on ' || relname || ': ' || pg_get_triggerdef(pg_trigger.oid)
    from pg_trigger join relation on relation.oid = tgrelid
    where not tgisinternal
"""

_FUNCTIONS = """
    select format('function %%s: %%s', oid::regprocedure, prosrc)
    from pg_proc
    where pronamespace = %(schema)s::text::regnamespace and not exists (
        select from pg_depend
        where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'e'
    )
"""

_COMMENTS = """
    select format('comment on %%s: %%s', object.identity, description)
    from pg_description
    cross join lateral pg_identify_object(classoid, objoid, objsubid) as object
    where object.schema = %(schema)s::text or (
        classoid = 'pg_constraint'::regclass
        and objoid in (select oid from pg_constraint where conrelid in (select oid from relation))
    )
"""

_EXTENSIONS = """
    select format('extension %%s in schema %%s', extname, extnamespace::regnamespace)
    from pg_extension
"""

_RELATION = """
    with relation as (
        select * from pg_class
        where relnamespace = %(schema)s::text::regnamespace and relname <> all (%(left_out)s)
          and oid not in (
              -- the sequence and the primary key of a table that is left out
              select objid from pg_depend join pg_class owner on owner.oid = refobjid
              where owner.relname = any (%(left_out)s)
          )
          and not exists (
              select from pg_depend
              where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e'
          )
    )
"""

_PARTS = (
    _RELATIONS,
    _COLUMNS,
    _CONSTRAINTS,
    _INDEXES,
    _ENUMS,
    _DOMAINS,
    _SEQUENCES,
    _TRIGGERS,
    _FUNCTIONS,
    _COMMENTS,
    _EXTENSIONS,
)


def snapshot(conn: Connection, schema: str = "public") -> Snapshot:
    """Return everything that *schema* holds except rows; its own name does not occur in it."""
    conn.execute("select set_config('search_path', %s, false)", [schema])
    parameters = {"schema": schema, "left_out": list(LEFT_OUT)}
    facts = [
        fact
        for part in _PARTS
        for (fact,) in conn.cursor(row_factory=tuple_row).execute(_RELATION + part, parameters)
    ]
    return tuple(sorted(fact.replace(f"{schema}.", "") for fact in facts))


def ledger(conn: Connection) -> list[tuple[int, str]]:
    """Return timestamp and name of what was applied, in the order it was; ids are left out."""
    return conn.execute('select "timestamp", "name" from "migrations" order by "id"').fetchall()


def rows(conn: Connection, *, since: datetime | None = None, schema: str = "public") -> Rows:
    """Return every row of every table except the ledger.

    What cannot be the same in two runs is replaced by what it is: a random id of Medusa's
    migrations, and a point in time not before *since*, which is when the run began.
    """
    return {
        table: _rows(conn, schema, table, columns, since)
        for table, columns in _tables(conn, schema).items()
        if table not in (*LEFT_OUT, "migrations")
    }


def difference(left: Snapshot, right: Snapshot, *, names: tuple[str, str]) -> str:
    """Say which facts only one side has; an empty string when both are equal."""
    only_left, only_right = Counter(left) - Counter(right), Counter(right) - Counter(left)
    lines = [(fact, names[0]) for fact in only_left.elements()]
    lines += [(fact, names[1]) for fact in only_right.elements()]
    return "\n".join(f"only {side}: {fact}" for fact, side in sorted(lines))


def row_difference(left: Rows, right: Rows, *, names: tuple[str, str]) -> str:
    """Say which rows only one side has; an empty string when both are equal."""
    return difference(_lines(left), _lines(right), names=names)


def _tables(conn: Connection, schema: str) -> dict[str, dict[str, str]]:
    query = """
        select relname, attname, format_type(atttypid, atttypmod)
        from pg_class join pg_attribute on attrelid = pg_class.oid
        where relkind = 'r' and relnamespace = %s::text::regnamespace
          and attnum > 0 and not attisdropped
        order by relname, attnum
    """
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in conn.execute(query, [schema]):
        tables.setdefault(table, {})[column] = kind
    return tables


def _rows(
    conn: Connection, schema: str, table: str, columns: dict[str, str], since: datetime | None
) -> list[tuple[str, ...]]:
    values = [
        sql.SQL("case when {0} >= {1} then 'during the run' else {0}::text end").format(
            sql.Identifier(column), since
        )
        if since and kind.startswith("timestamp")
        else sql.SQL("{}::text").format(sql.Identifier(column))
        for column, kind in columns.items()
    ]
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(values), sql.Identifier(schema, table)
    )
    found = conn.execute(query).fetchall()
    masked = [
        list(_masked(RANDOM.get((table, column)), [row[place] for row in found]))
        for place, column in enumerate(columns)
    ]
    return sorted(
        tuple(
            f"{column}={value!r}" if value is not None else f"{column} is null"
            for column, value in zip(columns, row, strict=True)
        )
        for row in zip(*masked, strict=True)
    )


def _masked(prefix: str | None, values: list[str | None]) -> Iterator[str | None]:
    """Keep what is not a random id, and show a random id that is not the only one of its kind."""
    times = Counter(values)
    for value in values:
        if prefix and value and re.fullmatch(f"{prefix}[0-9a-f]{{26}}", value):
            yield f"{prefix}(random, in {times[value]} rows)"
        else:
            yield value


def _lines(found: Rows) -> Snapshot:
    return tuple(f"{table}: {', '.join(row)}" for table in found for row in found[table])
