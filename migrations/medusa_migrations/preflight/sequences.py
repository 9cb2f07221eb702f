"""Describes what is wrong with sequences that number columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.postgres import numbering
from medusa_migrations.schema.drift import Difference, Object
from medusa_migrations.schema.severity import DriftSeverity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_migrations.postgres.numbering import Numbering


def look(conn: Connection[Any], schema: str, tables: Collection[str]) -> list[Difference]:
    """Return what is wrong with the sequences that number columns of *tables*; writes nothing."""
    found = numbering.read(conn, schema, tables)
    return described(conn, schema, found, numbering.behind(conn, schema, found))


def described(
    conn: Connection[Any],
    schema: str,
    found: Sequence[Numbering],
    behind: Mapping[Numbering, str],
) -> list[Difference]:
    """Return what is wrong with those that were *found*, of which some are *behind* their rows."""
    return [each for one in found for each in _sequence(conn, schema, one, behind.get(one, ""))]


def _sequence(
    conn: Connection[Any], schema: str, one: Numbering, where: str
) -> Iterator[Difference]:
    sequence = sql.Identifier(one.name)
    if one.schema != schema:
        sequence = sql.Identifier(one.schema, one.name)
    of = Object("sequence", one.table, one.name)
    name, about = sequence.as_string(conn), f"sequence {one.name}"
    if one.increment != 1:
        fix = f"alter sequence {name} increment by 1"
        yield Difference(
            of,
            f"{about} counts by {one.increment} instead of 1",
            fix=f"{fix} minvalue 1" if one.increment < 0 else fix,
            severity=DriftSeverity.HARMLESS if one.increment > 0 else DriftSeverity.HARMFUL,
            effect=(
                "numbers are left out"
                if one.increment > 0
                else "numbers come twice or become negative"
            ),
        )
    if one.cycles:
        yield Difference(
            of, f"{about} begins again at its end", fix=f"alter sequence {name} no cycle",
            effect="numbers come twice",
        )  # fmt: skip
    if one.most < one.usual:
        fix = f"alter sequence {name} as {one.type} no maxvalue"
        sentence = f"{about} ends at {one.most} instead of {one.usual}"
        effect = "rows that the server adds are refused from that number on"
        yield Difference(of, sentence, fix=fix, effect=effect)
    if not one.owned and one.schema == schema:  # a table of another schema cannot own it
        owner = sql.Identifier(one.table, one.column).as_string(conn)
        fix = f"alter sequence {name} owned by {owner}"
        sentence = f"{about} is not owned by {one.table}.{one.column}, which it numbers"
        effect = "a dump of that table, or what drops it, leaves the sequence out"
        yield Difference(of, sentence, fix=fix, effect=effect)
    if one.unlogged:
        fix = f"alter sequence {name} set logged"
        effect = "numbers begin again after a crash of the server"
        yield Difference(of, f"{about} is unlogged", fix=fix, effect=effect)
    if where:
        query = sql.SQL("select setval({}, (select max({}) from {}))").format(
            sql.Literal(name), sql.Identifier(one.column), sql.Identifier(one.table)
        )
        sentence = (
            f"{about} is behind {one.table}.{one.column}: it would give values that are there"
        )
        effect = "rows that the server adds are refused, or get a number that another row has"
        if where == "end":
            query = sql.SQL(
                "select setval({}, (select coalesce(max({}), 0) + 1 from {}), false)"
            ).format(sql.Literal(name), sql.Identifier(one.column), sql.Identifier(one.table))
            sentence = (
                f"{about} is at its end, far from the largest value of {one.table}.{one.column}"
            )
            effect = "rows that the server adds are refused"
        yield Difference(of, sentence, fix=query.as_string(conn), effect=effect)
