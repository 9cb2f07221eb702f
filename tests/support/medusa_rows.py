"""Random rows for a Medusa database of any version, from a seed."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable

Connection = psycopg.Connection[Any]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class UniqueLater:
    """Columns that a later migration of Medusa makes unique."""

    table: str
    columns: tuple[str, ...]
    migration: str
    live: bool = False
    """Only among the rows that are not soft-deleted."""
    until: str | None = None
    """The column with which the rule ends: the table has it in versions that need no rule."""


ROWS = 8
"""How many rows a table gets, unless its constraints leave room for fewer."""

TRIES = 200
"""How often a row that PostgreSQL or a rule refuses is drawn again."""

NEVER_NULL = {
    ("money_amount", "variant_id"): "moved to a column that is not null by "
    "dropMoneyAmountConstraintsForPricingModule1692953518123",
}
"""Columns that may be null at first and make a later migration of Medusa fail if they are."""

UNIQUE_LATER = (
    UniqueLater("discount", ("code",), "enforceUniqueness1631261634964", live=True),
    UniqueLater("product", ("handle",), "enforceUniqueness1631261634964", live=True),
    UniqueLater("product_collection", ("handle",), "enforceUniqueness1631261634964", live=True),
    UniqueLater("product_variant", ("barcode",), "enforceUniqueness1631261634964", live=True),
    UniqueLater("product_variant", ("ean",), "enforceUniqueness1631261634964", live=True),
    UniqueLater("product_variant", ("sku",), "enforceUniqueness1631261634964", live=True),
    UniqueLater("product_variant", ("upc",), "enforceUniqueness1631261634964", live=True),
    UniqueLater("line_item_tax_line", ("item_id", "code"), "taxLineConstraints1648641130007"),
    UniqueLater(
        "shipping_method_tax_line",
        ("shipping_method_id", "code"),
        "taxLineConstraints1648641130007",
    ),
    UniqueLater(
        "payment_session",
        ("cart_id", "provider_id"),
        "paymentSessionUniqCartIdProviderId1660040729000",
    ),
    UniqueLater(
        "product_category",
        ("parent_category_id",),
        "productCategoryRank1677234878504",
        until="rank",
    ),
)
"""What a later migration of Medusa, which is named, makes unique."""

OBJECTS_ONLY = {
    ("payment_session", "data"): "paymentSessionIsInitiated1672906846560 counts its keys",
}
"""Columns in which Medusa's migrations cannot bear a JSON array or scalar."""

TEXTS = (
    "plain",
    "",
    " padded ",
    'it\'s "quoted" and \\ escaped',
    "%s %(x)s {} $1 :name ?",
    "Grüße aus Malmö",
    "日本語の名前",
    "👟🧦",
    "two\nlines\tand a tab",
    "null",
    "'; drop table product; --",
)
OBJECTS: tuple[Any, ...] = (
    {},
    {"is_return_line": "true"},
    {"is_return_line": True},
    {"is_return_line": "false", "note": None},
    {"nested": {"list": [1, 2.5, "drei", None], "big": 12345678901234567890}},
    {"quote'": 'double " and \\ and 日本'},
)
OTHER_JSON: tuple[Any, ...] = ([], [{"a": 1}], "a string", 0, True)


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalog has it."""

    name: str
    kind: str
    required: bool
    serial: bool
    labels: tuple[str, ...]


@dataclass(slots=True)
class Table:
    """A table, what it refers to, and the rows that are in it so far."""

    name: str
    checked: bool = False
    """Whether it has check constraints."""
    columns: list[Column] = field(default_factory=list)
    key: list[str] = field(default_factory=list)
    references: dict[str, tuple[str, str]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


def fill(conn: Connection, seed: int | str, *, rows: int = ROWS) -> dict[str, int]:
    """Put up to *rows* random rows into every table of the schema; commit; return how many.

    The judge of a row is PostgreSQL: a row that a constraint or a unique index refuses is drawn
    again, so partial indexes and checks need no understanding here. The few rows that PostgreSQL
    takes but that make a later migration of Medusa fail are kept out by the rules above.
    """
    random = Random(seed)
    tables = _read(conn)
    placed: set[str] = set()
    counts = {}
    for table in _in_order(tables):
        placed.add(table.name)
        counts[table.name] = sum(_insert(conn, random, tables, table, placed) for _ in range(rows))
    for table in tables.values():
        _close_cycles(conn, random, tables, table)
    conn.commit()
    return counts


def _read(conn: Connection) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    columns = """
        select relname, attname, format_type(atttypid, atttypmod), attnotnull,
            coalesce(pg_get_expr(adbin, adrelid) like 'nextval%', false),
            array(select enumlabel::text from pg_enum where enumtypid = atttypid
                  order by enumsortorder)
        from pg_class
        join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
        left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where relkind = 'r' and relnamespace = 'public'::regnamespace
          and relname not in ('migrations', 'typeorm_metadata')
        order by relname, attnum
    """
    for name, column, kind, not_null, serial, labels in conn.execute(columns):
        table = tables.setdefault(name, Table(name))
        required = not_null or (name, column) in NEVER_NULL
        table.columns.append(Column(column, kind, required, serial, tuple(labels)))
    constraints = """
        select own.relname, contype::text,
            (select attname from pg_attribute where attrelid = conrelid and attnum = part.number),
            other.relname,
            (select attname from pg_attribute where attrelid = confrelid
             and attnum = confkey[part.place])
        from pg_constraint
        cross join lateral unnest(conkey) with ordinality as part (number, place)
        join pg_class own on own.oid = conrelid
        left join pg_class other on other.oid = confrelid
        where contype in ('p', 'f', 'c') and own.relnamespace = 'public'::regnamespace
        order by own.relname, conname, part.place
    """
    for name, kind, column, other, other_column in conn.execute(constraints):
        if name not in tables:
            continue
        if kind == "c":
            tables[name].checked = True
        elif kind == "p":
            tables[name].key.append(column)
        else:
            tables[name].references[column] = (other, other_column)
    for table in tables.values():
        table.rows = _present(conn, table)
    return tables


def _present(conn: Connection, table: Table) -> list[Row]:
    names = [column.name for column in table.columns]
    query = sql.SQL("select {} from {} order by {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, table.key or names)),
    )
    return [dict(zip(names, row, strict=True)) for row in conn.execute(query)]


def _in_order(tables: dict[str, Table]) -> list[Table]:
    """Put a table behind all that it must refer to, and if possible all that it may refer to."""
    required: dict[str, set[str]] = defaultdict(set)
    possible: dict[str, set[str]] = defaultdict(set)
    for table in tables.values():
        for column in table.columns:
            if column.name in table.references:
                target = table.references[column.name][0]
                (required if column.required else possible)[table.name].add(target)
    left, order = dict(sorted(tables.items())), []
    while left:
        ready = [name for name in left if not required[name] & left.keys()]
        name = min(ready, key=lambda each: len((possible[each] - {each}) & left.keys()))
        order.append(left.pop(name))
    return order


def _insert(
    conn: Connection, random: Random, tables: dict[str, Table], table: Table, placed: set[str]
) -> bool:
    columns = [column for column in table.columns if not column.serial]
    insert = "insert into {} ({}) values ({}) on conflict do nothing returning *"
    statement = sql.SQL(insert).format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
    )
    for _ in range(TRIES):
        row = {c.name: _value(random, tables, table, c, placed) for c in columns}
        if _refused(table, row):
            continue
        try:
            with conn.transaction() if table.checked else nullcontext():
                inserted = conn.execute(statement, list(row.values())).fetchone()
        except psycopg.errors.CheckViolation:
            continue
        if inserted is not None:
            names = [column.name for column in table.columns]
            table.rows.append(dict(zip(names, inserted, strict=True)))
            return True
    return False


def _refused(table: Table, row: Row) -> bool:
    for rule in UNIQUE_LATER:
        if rule.table != table.name or rule.until in row:
            continue
        values = [row[column] for column in rule.columns]
        if None in values or (rule.live and row["deleted_at"]):
            continue
        for other in table.rows:
            if rule.live and other["deleted_at"]:
                continue
            if [other[column] for column in rule.columns] == values:
                return True
    return False


def _value(
    random: Random, tables: dict[str, Table], table: Table, column: Column, placed: set[str]
) -> Any:
    nulls = 0.7 if column.name == "deleted_at" else 0.3
    if not column.required and random.random() < nulls:
        return None
    if column.name in table.references:
        target, target_column = table.references[column.name]
        waits = target == table.name or target not in placed  # for _close_cycles
        return None if waits else random.choice(tables[target].rows)[target_column]
    if column.labels:
        return random.choice(column.labels)
    if column.kind in ("character varying", "text"):
        return _text(random, table, column)
    if column.kind == "jsonb":
        only_objects = (table.name, column.name) in OBJECTS_ONLY
        return json.dumps(random.choice(OBJECTS if only_objects else OBJECTS + OTHER_JSON))
    return _SCALARS[column.kind](random)


def _text(random: Random, table: Table, column: Column) -> str:
    """Repeat an earlier value now and then: partial unique indexes allow some repetitions."""
    if column.name not in table.key and table.rows and random.random() < 0.3:
        earlier: str | None = random.choice(table.rows[-ROWS:])[column.name]
        return earlier or random.choice(TEXTS)
    return f"{random.choice(TEXTS)}{random.randrange(16**6):06x}"


def _close_cycles(conn: Connection, random: Random, tables: dict[str, Table], table: Table) -> None:
    """Fill references that had to wait: a cart's order, an order's cart, a category's parent."""
    for column in table.columns:
        reference = table.references.get(column.name)
        if reference is None or column.required or not table.key:
            continue
        statement = sql.SQL("update {} set {} = %s where ({}) = ({})").format(
            sql.Identifier(table.name),
            sql.Identifier(column.name),
            sql.SQL(", ").join(map(sql.Identifier, table.key)),
            sql.SQL(", ").join([sql.Placeholder()] * len(table.key)),
        )
        for row in table.rows[-ROWS:]:
            if row[column.name] is not None or random.random() < 0.3:
                continue
            target = random.choice(tables[reference[0]].rows)[reference[1]]
            if _refused(table, {**row, column.name: target}):
                continue
            try:
                with conn.transaction():
                    conn.execute(statement, [target, *(row[key] for key in table.key)])
            except psycopg.errors.IntegrityError:
                continue  # taken already, where only one may refer to it
            row[column.name] = target


def _moment(random: Random) -> datetime:
    """Pick a point in time long before any run, to the microsecond."""
    return datetime(2019, 1, 1, tzinfo=UTC) + timedelta(microseconds=random.randrange(10**14))


_SCALARS: dict[str, Callable[[Random], Any]] = {
    "boolean": lambda random: random.random() < 0.5,
    "integer": lambda random: random.choice((0, 0, 1, 1, 2, 3, 5, 1999, 2**31 - 1, -1)),
    "bigint": lambda random: random.choice((0, 1, 2**53 + 1, 2**63 - 1, -(2**63))),
    "numeric": lambda random: f"{random.randrange(10**20)}.{random.randrange(10**9)}",
    "real": lambda random: random.choice((0.0, 19.0, 25.5, 0.1, 1e30, -1.5)),
    "timestamp with time zone": _moment,
}
