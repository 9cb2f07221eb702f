"""One look at a database: which schema, what its ledger proves, what our history names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import errors as pg
from psycopg import sql

from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import not_repeated
from medusa_migrations.contract import values
from medusa_migrations.contract.errors import DeniedError, RefusedError, UsageError
from medusa_migrations.plan import place as places
from medusa_migrations.plan import proof
from medusa_migrations.plan.plan import plan
from medusa_migrations.postgres import search_path, translation
from medusa_migrations.records import history, ledger, verification

if TYPE_CHECKING:
    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, DataStep
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.place import Place
    from medusa_migrations.plan.plan import Plan, Request
    from medusa_migrations.plan.proof import Proof
    from medusa_migrations.records.history import HistoryEntry
    from medusa_migrations.records.ledger import Ledger


_IN_EVERY_SHOP = frozenset({"cart", "customer", "order", "product", "region", "store"})
"""Tables that every version has."""


class DatabaseState(NamedTuple):
    """What one look found."""

    schema: str
    ledger: Ledger
    proof: Proof
    runs: tuple[HistoryEntry, ...]
    """Our history of this schema, newest first."""
    named: Version | None
    """The version that our history names."""
    deferred: tuple[str, ...]
    """Data steps that earlier runs left waiting."""

    @property
    def at(self) -> Version | None:
        """The one possible version that our history names; None where it names none."""
        return self.named if self.named in self.proof.possible else None

    def place(self, catalog: Catalog) -> Place:
        """Return where the database is."""
        return places.locate(catalog, self.proof, self.named)


def observe(conn: Connection[Any], catalog: Catalog, schema: str) -> DatabaseState:
    """Look; read-only. Raises what `ledger.read` raises, and LockHeldError where a table goes while it is looked at."""
    try:
        return _observed(conn, catalog, schema)
    except (pg.UndefinedTable, pg.InvalidSchemaName) as exc:
        raise translation.vanished(exc, schema) from exc


def _observed(conn: Connection[Any], catalog: Catalog, schema: str) -> DatabaseState:
    found = ledger.read(conn, schema)
    runs = tuple(history.read(conn, schema))
    named = versions.parse(runs[0].to_version) if runs else None
    deferred = history.deferred(conn, schema) if runs else ()
    shown = proof.prove(catalog, found.names)
    if named in shown.possible and named not in shown.versions:
        noted = verification.latest(conn, schema)
        if noted is not None and noted.is_of(str(named)):
            shown = proof.prove(catalog, found.names, at=named)
    return DatabaseState(schema, found, shown, runs, named, deferred)


def schema_of(conn: Connection[Any], asked: str | None) -> str:
    """Return the schema the shop is in: the one asked for, else the first of the search path.

    Raises DeniedError where there is none, and where a schema that was not asked for has no ledger
    while another one has: a shop that is not looked at would count as an empty database.
    """
    if asked is not None and search_path.is_reserved(asked):
        raise UsageError(
            f"no shop can be in the schema {asked}, which is PostgreSQL's or holds our own records; name "
            "another one with --schema"
        )
    row = conn.execute(
        sql.SQL(
            "select coalesce(%(asked)s, {first}), to_regnamespace(quote_ident(%(asked)s)),"
            " %(asked)s::text is not null or to_regclass(quote_ident({first}) || '.migrations')"
            " is not null, has_schema_privilege(to_regnamespace(quote_ident(%(asked)s)), 'usage')"
        ).format(first=search_path.FIRST),
        {"asked": asked},
    ).fetchone()
    assert row is not None  # noqa: S101  a select without a table yields one row
    schema, exists, certain, usable = row
    if not certain:
        search_path.refuse_hidden_ledger(conn, schema)
    if schema is None:
        search_path.refuse_unusable(conn)
        raise DeniedError(
            "no schema of the search path exists; create one, or name one with --schema",
            reason="NoSchema",
        )
    if asked is not None and exists is None:
        alike = conn.execute(
            "select nspname from pg_namespace where lower(nspname) = lower(btrim(%s, '\"'))",
            [asked],
        ).fetchone()
        advice = (
            f"there is {alike[0]!r}: upper and lower case are told apart, and quotes are no part of a name"
            if alike
            else "create it first: "
            + sql.SQL("create schema {}").format(sql.Identifier(asked)).as_string(conn)
        )
        raise DeniedError(
            f"there is no schema {asked!r} in this database; {advice}", reason="NoSchema"
        )
    if usable is False:
        raise search_path.unusable(conn, schema)
    return str(schema)


def refuse_unledgered(catalog: Catalog, observed: DatabaseState) -> None:
    """Raise RefusedError where Medusa's tables are there and no ledger shows which version made them."""
    if not observed.proof.empty or not observed.ledger.tables:
        return
    from medusa_migrations.schema import verify  # noqa: PLC0415  hardly ever needed

    medusa = {o.name for o in verify.known_objects(catalog) if o.kind == "table"}
    tables = ledger.looks_like_medusa(observed.ledger.tables, medusa)
    if tables:
        shown = values.some(tables, 5)
        raise RefusedError(
            f"the schema {observed.schema} has tables that Medusa would make ({shown}), and no "
            "ledger that says at which version they are. If this is a Medusa shop at version V, "
            "adopt it with --baseline V; else give Medusa a schema of its own (--schema)",
            reason="NoLedger",
        )


def refuse_ledger_alone(catalog: Catalog, observed: DatabaseState) -> None:
    """Raise RefusedError where a ledger lists what was made, and none of the tables is there."""
    if not observed.proof.applied or observed.ledger.tables & _IN_EVERY_SHOP:
        return
    raise RefusedError(
        f"the ledger says that the schema {observed.schema} is at {observed.place(catalog)}, and none of "
        "Medusa's tables is there: only the table migrations came along. Restore the whole database; or, "
        f'to begin with an empty one: drop table "{observed.schema}".migrations',
        reason="NoTables",
    )


def is_ready(conn: Connection[Any], schema: str, step: DataStep) -> bool:
    """Return whether a data step can be done; a table that is not there yet means not."""
    if step.ready is None:
        return True

    try:
        with conn.transaction():
            conn.execute(search_path.seen_from(schema))
            row = conn.execute(sql.SQL(step.ready)).fetchone()
    except (pg.UndefinedTable, pg.UndefinedColumn):
        return False
    return bool(row and row[0])


def waiting(
    conn: Connection[Any], catalog: Catalog, observed: DatabaseState
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the data steps left waiting by earlier runs: those ready by now, and the others."""
    names = observed.deferred
    steps = not_repeated(step for step in catalog.data_steps if step.name in names)
    ready = [step.name for step in steps if is_ready(conn, observed.schema, step)]
    return tuple(ready), tuple(step.name for step in steps if step.name not in ready)


def planned(
    conn: Connection[Any], catalog: Catalog, observed: DatabaseState, request: Request
) -> Plan:
    """Return the plan for *request*; raise what `plan` raises.

    Where no history can be kept, a version that needs no migration leaves nothing to do.
    """
    path = plan(catalog, observed.proof, resume(conn, catalog, observed, request), at=observed.at)
    if path.moves and not path.items and history.why_off(conn) is not None:
        return path._replace(moves=False)
    return path


def resume(
    conn: Connection[Any], catalog: Catalog, observed: DatabaseState, request: Request
) -> Request:
    """Return *request* as the history adds to it.

    That is the data steps that earlier runs left waiting and that can be done now, or have done already in a
    database of no proven version; and an upgrade that an earlier run has begun, and not finished, is one that
    was asked for.
    """
    if request.unasked and observed.named == request.target:
        request = request._replace(unasked=False)
    if not request.data_steps:
        return request
    ready, _ = waiting(conn, catalog, observed)
    partial = observed.proof.partial and observed.runs
    done = history.done(conn, observed.schema) if partial else frozenset[str]()
    return request._replace(resumed=ready, done=done - set(observed.deferred))
