"""The one comparison of a live schema with a version's: `verify`, a run, `plan` and `status` share it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import errors as pg

from medusa_migrations.plan.findings import Finding
from medusa_migrations.postgres import introspect, tables
from medusa_migrations.preflight import sequences
from medusa_migrations.schema import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.postgres.tables import Surroundings
    from medusa_migrations.schema.drift import Difference
    from medusa_migrations.schema.model import Schema
    from medusa_migrations.schema.verify import Verdict


class Live(NamedTuple):
    """Everything that is compared, as it is at one moment."""

    schema: Schema
    around: Surroundings
    numbering: tuple[Difference, ...]
    """What is wrong with sequences."""


def read(conn: Connection[Any], catalog: Catalog, schema: str) -> Live:
    """Read *schema*; writes nothing."""
    found = introspect.read(conn, schema, lambda: verify.tables(catalog))
    return beside(conn, schema, found)


def read_unlocked(
    conn: Connection[Any], catalog: Catalog, schema: str, advice: str
) -> Schema | Finding:
    """Return the definitions of *schema*, or with *advice* why they cannot be read.

    Printing a default opens its table. A table that others have locked is not waited for here: the
    steps do that, in a way that names who has it.
    """
    try:
        with conn.transaction():
            conn.execute("set local lock_timeout to '100ms'")
            return introspect.read(conn, schema, lambda: verify.tables(catalog))
    except (pg.LockNotAvailable, pg.QueryCanceled) as exc:
        locked = isinstance(exc, pg.LockNotAvailable)
        return Finding(
            ("a table is locked by another session" if locked else "the query was cancelled")
            + ", so it was not looked for what was made by hand",
            advice,
        )


def beside(conn: Connection[Any], schema: str, found: Schema) -> Live:
    """Read what is not in the definitions *found* of *schema*."""
    around = tables.look(conn, schema)
    return Live(found, around, tuple(sequences.look(conn, schema, found.tables)))


def compare(catalog: Catalog, version: Version, applied: Sequence[str], live: Live) -> Verdict:
    """Compare *live* with *version*, where *applied* stand in the ledger; raise as `verify.verify` does."""
    verdict = verify.verify(catalog, version, applied, live.schema)
    found = tuple(moved(one, live.around) for one in verdict.differences)
    verdict = dataclasses.replace(verdict, differences=found)
    whole = verdict.beside([*live.around.differences, *live.numbering])
    known = {*verdict.wanted.tables, verify.LEDGER.name}
    foreign = sorted({*whole.foreign, *tables.about(live.around.foreign, known)})
    return dataclasses.replace(whole, foreign=tuple(foreign))


def moved(one: Difference, around: Surroundings) -> Difference:
    """Return *one* without the statement that makes a table anew where its rows seem to be in another schema."""
    if one.object.kind != "table" or not one.is_gone or one.object.name not in around.elsewhere:
        return one
    back = around.elsewhere[one.object.name]
    hint = f"it seems to be in another schema: {back}; a new one would have none of its rows"
    return dataclasses.replace(one, wanted=None, hint=hint)
