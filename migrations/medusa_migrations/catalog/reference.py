"""The countries and currencies that a migration fills in, as SQL, by version."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import Check, ReferenceRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_migrations.catalog.version import Version

_TABLES = {
    "country": ("countries", ("iso_2", "iso_3", "num_code", "name", "display_name")),
    "currency": ("currencies", ("code", "symbol", "symbol_native", "name")),
}
_THERE = """
select "{key}" from "{table}" where "{key}" in ({keys}) and exists (
  select from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
  where indrelid = to_regclass('{table}') and attname = '{key}'
  and indisunique and indnkeyatts = 1 and indpred is null
)
"""
RECORDED = "insert into migrations (timestamp, name) values ({}, '{}')"
"""The statement that adds the row of a migration to the ledger, by timestamp and name; for a person to run."""


def rows(
    tables: Sequence[str], version: Version, name: str, timestamp: str, body: Mapping[str, Any]
) -> ReferenceRows:
    """Return the rows of *tables* as *version* writes them, for the migration of this *name* and *timestamp*."""
    found = {table: _rows(table, version, body) for table in tables}
    return ReferenceRows(
        "".join(f"\n{_insert(table, found[table])}\n" for table in tables),
        tuple(_check(table, found[table], name, timestamp) for table in tables),
    )


def _rows(table: str, version: Version, body: Mapping[str, Any]) -> list[list[Any]]:
    kind, columns = _TABLES[table]
    rows = {str(row[0]): list(row) for row in body[kind]}
    for correction in body["corrections"]:
        if table not in correction or version >= _known(correction["before"]):
            continue
        key = correction[table]
        if correction.get("absent"):
            del rows[key]
        else:
            old = rows[key]
            rows[key] = [correction.get(c, v) for c, v in zip(columns, old, strict=True)]
    return list(rows.values())


def _insert(table: str, rows: Sequence[Sequence[Any]]) -> str:
    names = ", ".join(f'"{column}"' for column in _TABLES[table][1])
    values = ",\n  ".join(f"({', '.join(map(_literal, row))})" for row in rows)
    return f'insert into "{table}" ({names}) values\n  {values};'


def _check(table: str, rows: Sequence[Sequence[Any]], name: str, timestamp: str) -> Check:
    """Return the check for rows of the same keys, as far as the table has each key once."""
    key = _TABLES[table][1][0]
    keys = ", ".join(_literal(row[0]) for row in rows)
    return Check(
        table,
        _THERE.format(table=table, key=key, keys=keys),
        f"that {name} adds, so that it has run already or they are from elsewhere",
        f"Where it has run, the ledger lacks its row: `{RECORDED.format(timestamp, name + timestamp)}`."
        " Else delete them.",
    )


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


@functools.cache
def _known(text: str) -> Version:
    version = versions.parse(text)
    assert version is not None  # noqa: S101  the catalog is tested
    return version
