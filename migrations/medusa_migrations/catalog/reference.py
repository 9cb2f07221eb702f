"""The countries and currencies that the first migration fills in, as SQL, by version."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog import version as versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_migrations.catalog.version import Version

_TABLES = {
    "country": ("countries", ("iso_2", "iso_3", "num_code", "name", "display_name")),
    "currency": ("currencies", ("code", "symbol", "symbol_native", "name")),
}


def statements(tables: Sequence[str], version: Version, body: Mapping[str, Any]) -> str:
    """Return the inserts of all rows of *tables* as *version* writes them."""
    return "".join(f"\n{_insert(table, version, body)}\n" for table in tables)


def _insert(table: str, version: Version, body: Mapping[str, Any]) -> str:
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
    names = ", ".join(f'"{column}"' for column in columns)
    values = ",\n  ".join(f"({', '.join(map(_literal, row))})" for row in rows.values())
    return f'insert into "{table}" ({names}) values\n  {values};'


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


@functools.cache
def _known(text: str) -> Version:
    version = versions.parse(text)
    assert version is not None  # noqa: S101  the catalog is tested
    return version
