"""What a run would execute, as a script for psql: limits, locks, statements and ledger rows."""

from __future__ import annotations

import functools
import hashlib
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations import __version__
from medusa_migrations.catalog.model import DataStep, Migration
from medusa_migrations.postgres import connection, introspect, lock, search_path, table_locks
from medusa_migrations.records import ledger
from medusa_migrations.schema import row_names, verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.contract.errors import RunnerError
    from medusa_migrations.plan.plan import Item
    from medusa_migrations.run.preview import PlannedTransaction, Preview
    from medusa_migrations.schema.model import Schema

_BESIDE = sql.SQL(
    "select set_config('search_path', current_setting('search_path') || ', ' || quote_ident(nspname), true)"
    " from pg_extension join pg_namespace n on n.oid = extnamespace where extname = {};"
)
_IMMEDIATE = sql.SQL(
    """do $medusa_db$ declare waits text; begin
  for waits in select distinct format('%I.%I', n.nspname, k.conname) from pg_constraint k
      join pg_namespace n on n.oid = k.connamespace where n.nspname = {} and k.condeferred
  loop execute 'set constraints ' || waits || ' immediate'; end loop;
end $medusa_db$;"""
)
_AS_PLANNED = sql.SQL(
    """do $medusa_db$ begin
  if {} then
    raise exception 'the ledger is not what it was when this script was made; nothing of this transaction remains'
      using hint = 'Make the script again with medusa-db plan --sql';
  end if;
end $medusa_db$;"""
)
_OTHER_NAMES = sql.SQL(
    "(select coalesce(md5(string_agg(name, ',' order by name collate \"C\")), '') from {}) <> {}"
)
_WIDTH = 110


def script(conn: Connection[Any], catalog: Catalog, found: Preview) -> str:
    """Return the script; it makes the schema and the ledger that the run would make.

    It begins and commits its transactions itself, so that it does the same with and without `psql -1`.
    """
    medusas = functools.partial(verify.tables, catalog)
    existing = introspect.read(conn, found.observed.schema, medusas)
    one = _Script(conn, found, connection.settings(conn), existing)
    return "\n".join(one.lines())


@dataclass(slots=True)
class _Script:
    conn: Connection[Any]
    found: Preview
    settings: Mapping[str, str]
    existing: Schema
    """The schema as it is before what comes next."""
    ledger_exists: bool = field(init=False)
    names: list[str] = field(init=False)
    """The rows of the ledger before what comes next."""

    def __post_init__(self) -> None:
        self.ledger_exists = self.found.observed.ledger.exists
        self.names = [] if self.found.adopts else list(self.found.observed.ledger.names)

    @property
    def schema(self) -> str:
        return self.found.observed.schema

    def lines(self) -> Iterator[str]:
        yield from _head(self.found)
        if self.found.adopts:
            yield from self._begin((), ())
            yield from self._ledger()
            for migration in self.found.adopts:
                yield self._row(migration)
            yield from ("commit;", "")
        for _, transactions in self.found.steps:
            for part in transactions:
                yield from self._transaction(part)

    def _transaction(self, part: PlannedTransaction) -> Iterator[str]:
        role = search_path.of_role(self.conn, self.schema)
        texts = (item.text for item in part.items if item.version is not None)
        medusas = search_path.unambiguous(
            self.conn, role, row_names.of_objects(texts) if role[1:] else ()
        )
        if part.outside:
            yield from _comment("Outside of a transaction, as the file asks:")
            for item in part.items:
                yield from _text(item)
        yield from self._begin(medusas, part.held)
        if any(item.version is not None for item in part.items) and introspect.immediate(
            self.conn, self.schema
        ):
            yield self._text(_IMMEDIATE.format(sql.Literal(self.schema)))
        yield from self._ledger()
        for item in part.items:
            yield ""
            yield from _comment(item.name)
            yield from self._item(item, medusas, role)
        yield from ("", "commit;", "")

    def _begin(
        self, path: Sequence[str], held: Sequence[tuple[str, Sequence[str]]]
    ) -> Iterator[str]:
        """Yield what a transaction of a run begins with: locks, limits, a look at the ledger."""
        groups = [(mode, [name for name in tables if name in self.existing.tables])
                  for mode, tables in held]  # fmt: skip
        locks = [
            self._text(table_locks.statement(self.schema, mode, tables)) + ";"
            for mode, tables in groups
            if tables
        ]
        each = max(1, int(self.found.one_try * 1000 / max(1, len(locks))))
        yield "begin isolation level read committed;"
        yield from self._settings()
        yield f"set local lock_timeout to '{each}ms'; set local statement_timeout to '{each}ms';"
        yield "-- The lock of a run, and the tables at once or not at all: where this fails, run it again."
        yield "select pg_advisory_xact_lock({}, {});".format(*lock.KEY)
        yield from locks
        yield from self._limits(path)
        yield from self._as_planned()

    def _settings(self) -> Iterator[str]:
        for name, value in self.settings.items():
            setting = sql.SQL("set local {} to {};").format(
                sql.Identifier(name), sql.Literal(value)
            )
            yield self._text(setting)

    def _limits(self, path: Sequence[str]) -> Iterator[str]:
        limits = self.found.options.limits
        yield f"set local lock_timeout to '{int(limits.lock_timeout * 1000)}ms';"
        yield f"set local statement_timeout to '{int(limits.statement_timeout * 1000)}ms';"
        if path:
            yield self._path(path)

    def _path(self, path: Sequence[str]) -> str:
        return self._text(search_path.seen_from(*path)) + ";"

    def _as_planned(self) -> Iterator[str]:
        """Yield a statement that fails where the ledger is not what it was, or should be by now."""
        table = sql.Identifier(self.schema, "migrations")
        if self.ledger_exists:
            digest = hashlib.md5(",".join(sorted(self.names)).encode(), usedforsecurity=False)
            wanted = digest.hexdigest() if self.names else ""
            differs = _OTHER_NAMES.format(table, sql.Literal(wanted))
        else:
            differs = sql.SQL("to_regclass({}) is not null").format(
                sql.Literal(table.as_string(self.conn))
            )
        yield self._text(_AS_PLANNED.format(differs))

    def _ledger(self) -> Iterator[str]:
        """Yield what brings the ledger's table into the state in which it takes rows."""
        if not self.ledger_exists:
            self.ledger_exists = True
            yield self._text(ledger.create_statement(self.schema)) + ";"
        elif self.found.observed.ledger.exists:
            for statement in ledger.advancing(self.conn, self.schema):
                yield self._text(statement) + ";"

    def _item(self, item: Item, medusas: Sequence[str], role: Sequence[str]) -> Iterator[str]:
        """Yield the statements of *item*; the paths are those of Medusa's own and of the shop's."""
        if isinstance(item, DataStep):
            yield from _text(item)
            return
        own = item.version is None
        if own and tuple(medusas) != tuple(role):
            yield self._path(role)
        if item.extension:
            name = item.extension
            if name not in self.existing.extensions:  # hosted servers refuse the very words
                made = sql.SQL("create extension if not exists {};")
                yield self._text(made.format(sql.Identifier(name)))
            yield self._text(_BESIDE.format(sql.Literal(name)))
        if verify.applies(self.existing, item) and not item.alone:
            yield from _text(item)
        if not own:
            verify.apply(self.existing, item)
        yield self._row(item)
        if own:  # it may have left settings of its own behind
            yield "reset session authorization; reset all; discard temp; set client_encoding to 'UTF8';"
            yield from self._settings()
        if own or item.extension:
            yield from self._limits(medusas)

    def _row(self, migration: Migration) -> str:
        self.names.append(migration.name)
        return self._text(ledger.record_statement(self.schema, migration)) + ";"

    def _text(self, statement: sql.Composed) -> str:
        return statement.as_string(self.conn)


def _text(item: Item) -> Iterator[str]:
    large = item.pieces if isinstance(item, Migration) else None
    text = "".join(large()) if large is not None else item.text
    yield text.strip("\n")
    yield ";"  # the text may end without one, or with a comment


def _head(found: Preview) -> Iterator[str]:
    path, limits = found.path, found.options.limits
    yield from _comment(
        f"The schema {found.observed.schema} from {found.place} to {path.target}, as medusa-db {__version__} "
        "planned it. Run it with: psql -v ON_ERROR_STOP=1 -f FILE"
    )
    for exc in found.refusals:
        yield from _comment(_refused(exc))
    if found.nothing:
        yield "-- Nothing to do."
        return
    if not path.items and not found.adopts:
        yield from _comment(
            f"No statement is needed. `medusa-db migrate` would record in its history that the database is at "
            f"{path.target}, which a script cannot."
        )
        return
    waits = [step.name for step in path.items if isinstance(step, DataStep) and step.ready]
    steps = [step.name for step in path.items if isinstance(step, DataStep)]
    again = (
        f"retries: where a table or the lock is busy, `medusa-db migrate` tries again for {limits.lock_wait:g} s; "
        "this ends with an error, and nothing of its transaction remains. Run it again"
    )
    left_out = [
        again,
        "the limit of the whole run"
        + (f", {found.options.run_timeout:g} s" if found.options.run_timeout else ""),
        "the preflight check: `medusa-db plan` shows what it finds, without --sql",
        f"the verification at the end: `medusa-db verify --to {path.target}`",
        "the history (medusa_db.history): `medusa-db status` then knows what is in the ledger alone",
    ]
    if steps:
        left_out.append(f"what data steps warn of, and count as changed ({', '.join(steps)})")
    if waits:
        left_out.append(
            f"the record that a data step waits: {', '.join(waits)} does nothing where it is not ready yet, and is "
            "run again with --data-step"
        )
    if len(path.steps) > 1 or limits.each:
        left_out.append(
            "the locks of tables that an earlier transaction of this script makes: its statements take them"
        )
    yield "-- Left out, of what a run does:"
    for line in left_out:
        yield from _comment(f"- {line}", "   ")
    yield ""
    yield "set client_encoding to 'UTF8';"


def _refused(exc: RunnerError) -> str:
    return f"`medusa-db migrate` would refuse it (exit code {exc.exit_code}, {exc.reason}): {exc}."


def _comment(text: str, indent: str = " ") -> list[str]:
    line = " ".join(text.split())
    return textwrap.wrap(
        "".join(c if c.isprintable() else " " for c in line), _WIDTH,
        initial_indent=f"--{indent}", subsequent_indent=f"--{indent}  " if indent != " " else "-- ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
