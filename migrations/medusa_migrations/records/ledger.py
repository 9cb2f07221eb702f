"""Medusa's own table `migrations`, exactly as TypeORM makes and fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql

from medusa_migrations.contract.errors import FailedError, RefusedError, UnsupportedError
from medusa_migrations.postgres import row_security

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from psycopg import Connection, Cursor

    from medusa_migrations.catalog.model import Migration

_COLUMNS = {"id", "timestamp", "name"}
_KEY = "PK_8c82d7f526340ab734260ea46be"
_V2_LEDGER = "link_module_migrations"
"""The table that v2 makes and no v1 has; modules of v1 make mikro_orm_migrations and tables called like v2's."""


class Ledger(NamedTuple):
    """What a look at the ledger and its surroundings found."""

    exists: bool
    rows: tuple[tuple[int, str], ...]
    """Id and name, by id; a row without an id has the next one."""
    tables: frozenset[str]
    """Every table of the schema."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order of their ids, which is the order in which they ran."""
        return tuple(name for _, name in self.rows)


def read(conn: Connection[Any], schema: str) -> Ledger:
    """Return the ledger of *schema*.

    Raises UnsupportedError for a Medusa v2 database, RefusedError where the table `migrations`
    belongs to another tool, and DeniedError where row-level security hides rows of it.
    """
    rows = conn.execute(
        """
        select c.relname, a.attname,
               case when a.attname = 'id' and y.typcategory <> 'N' then format_type(y.oid, null) end,
               c.relname = 'migrations' and c.relrowsecurity and row_security_active(c.oid)
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
                and not a.attisdropped and c.relname = 'migrations'
          left join pg_type y on y.oid = a.atttypid
         where n.nspname = %s and c.relkind in ('r', 'p', 'v', 'm', 'f')
        """,
        [schema],
    ).fetchall()
    tables = frozenset(table for table, *_ in rows)
    columns = {column for table, column, *_ in rows if table == "migrations"}
    if _V2_LEDGER in tables:
        raise UnsupportedError(
            f"this is a Medusa v2 database (it has the table {_V2_LEDGER}); migrations of v1 do not apply. "
            "Medusa v1 and v2 need databases of their own, and one of v2 is for the shop's own Medusa (`--project DIR`)",
            reason="MedusaV2",
        )
    if not columns:
        return Ledger(exists=False, rows=(), tables=tables)
    if not columns >= _COLUMNS:
        raise RefusedError(
            f"the table {schema}.migrations is not Medusa's: it has the columns "
            f"{', '.join(sorted(columns))}. Another tool keeps its records there; give Medusa a "
            "schema or database of its own",
            reason="ForeignLedger",
        )
    for _, _, type_, _ in rows:
        if type_:
            raise _uncounted(conn, schema, type_)
    if any(hidden for *_, hidden in rows):
        row_security.look(conn, schema, tuple).raise_if_any()
    query = sql.SQL("select id, name from {} order by id").format(_table(schema))
    return Ledger(exists=True, rows=tuple(_numbered(conn.execute(query))), tables=tables)


def _numbered(rows: Iterable[tuple[Any, str]]) -> Iterator[tuple[int, str]]:
    last = 0
    for id_, name in rows:
        last = last + 1 if id_ is None else int(id_)
        yield last, name


def _uncounted(conn: Connection[Any], schema: str, type_: str) -> RefusedError:
    table = f"{schema}.migrations"
    fix = "alter column id type integer using id::integer"
    if type_ != "text" and not type_.startswith("character"):
        fix = f'drop column id, add column id serial, add constraint "{_KEY}" primary key (id)'
    return RefusedError(
        f"the column {table}.id is of the type {type_}, and the order of the ids is that in which the migrations ran. "
        f"Let them count: alter table {_table(schema).as_string(conn)} {fix}",
        reason="LedgerIds",
    )


def ensure(conn: Connection[Any], schema: str) -> None:
    """Make the table where it is missing, as TypeORM does, primary key name included."""
    query = "select to_regclass(quote_ident(%s) || '.migrations') is null"
    row = conn.execute(query, [schema]).fetchone()
    if row and row[0]:
        conn.execute(create_statement(schema))


def create_statement(schema: str) -> sql.Composed:
    """Return the statement that makes the table."""
    return sql.SQL(
        'create table {} ("id" serial not null, "timestamp" bigint not null, '
        '"name" character varying not null, '
        'constraint {} primary key ("id"))'
    ).format(_table(schema), sql.Identifier(_KEY))


def recorded(conn: Connection[Any], schema: str, names: Sequence[str]) -> list[str]:
    """Return which of *names* the ledger has."""
    # as text: for varchar, an operator of the shop's own would come before PostgreSQL's (CVE-2018-1058)
    query = sql.SQL("select name from {} where name::text = any(%s::text[])").format(_table(schema))
    return [name for (name,) in conn.execute(query, [list(names)])]


def record_at(conn: Connection[Any], schema: str, migration: Migration, place: int | None) -> None:
    """Add the row of *migration* with the free id *place*; None: behind all others."""
    conn.execute(
        sql.SQL(
            'insert into {0} ("id", "timestamp", "name")'
            " values (coalesce(%s, (select coalesce(max(id), 0) + 1 from {0})), %s, %s)"
        ).format(_table(schema)),
        [place, migration.timestamp, migration.name],
    )


def forget(conn: Connection[Any], schema: str, name: str) -> None:
    """Take the rows of *name* away."""
    query = sql.SQL("delete from {} where name::text = %s::text").format(_table(schema))
    conn.execute(query, [name])


def advance(conn: Connection[Any], schema: str) -> str:
    """Let the next id come after the last; return in words what that took, empty: nothing.

    A copy of a database may have come without the positions of its sequences, or without the default
    that uses one.
    """
    by_default, sequence = _ids(conn, schema)
    notice = ""
    if not by_default:
        made, sequence = _default(conn, schema)
        conn.execute(made)
        notice = f"the ids of {schema}.migrations had no default, and come from a sequence again"
    if sequence is None:
        return notice
    moved = conn.execute(_moving(schema, sequence)).fetchone()
    if moved and not notice:
        notice = f"the sequence {sequence} was behind the ids of {schema}.migrations, and is set"
    return notice


def advancing(conn: Connection[Any], schema: str) -> list[sql.Composed]:
    """Return the statements by which `advance` does that, for an existing table."""
    by_default, sequence = _ids(conn, schema)
    statements = []
    if not by_default:
        made, sequence = _default(conn, schema)
        statements.append(made)
    if sequence is not None:
        statements.append(_moving(schema, sequence))
    return statements


def lacking(conn: Connection[Any], schema: str) -> list[str]:
    """Return what our role must be given to add rows to a ledger that it reads, in SQL."""
    row = conn.execute(
        "select has_table_privilege(c.oid, 'insert'), pg_has_role(c.relowner, 'usage')"
        " from pg_class c where c.oid = to_regclass(quote_ident(%s) || '.migrations')",
        [schema],
    ).fetchone()
    if row is None:
        return []
    may_insert, owns = row
    table = _table(schema).as_string(conn)
    role = sql.Identifier(conn.info.user).as_string(conn)
    by_default, sequence = _ids(conn, schema)
    if not by_default and not owns:
        return [f"alter table {table} owner to {role}"]
    found = [] if may_insert else [f"grant insert on {table} to {role}"]
    if sequence is not None:
        needed = conn.execute(
            "select has_sequence_privilege(%(it)s, 'usage'), has_sequence_privilege(%(it)s, 'update')",
            {"it": sequence},
        ).fetchone()
        may_use, may_set = needed or (True, True)
        if not may_use or (
            not may_set
            and conn.execute(sql.SQL("select") + _behind(schema, sequence)).fetchone() is not None
        ):
            found.append(f"grant usage, update on sequence {sequence} to {role}")
    return found


def is_exhausted(conn: Connection[Any], schema: str, rows: int) -> bool:
    """Return whether the sequence of a ledger's ids, once it is behind none of them, has not so many *rows* left."""
    _, sequence = _ids(conn, schema)
    if sequence is None:
        return False
    row = conn.execute(
        sql.SQL(
            "select q.seqincrement < 0 or not q.seqcycle and"
            " greatest(coalesce(p.last_value, q.seqstart - q.seqincrement), coalesce(m.last, 0))"
            " + %(rows)s * q.seqincrement > q.seqmax"
            " from pg_sequence q join pg_class c on c.oid = q.seqrelid"
            " join pg_namespace n on n.oid = c.relnamespace"
            " join pg_sequences p on (p.schemaname, p.sequencename) = (n.nspname, c.relname),"
            " (select max(id) as last from {}) m where q.seqrelid = %(it)s::regclass"
        ).format(_table(schema)),
        {"rows": rows, "it": sequence},
    ).fetchone()
    return bool(row and row[0])


def next_ids(conn: Connection[Any], schema: str, count: int) -> list[int]:
    """Return the ids that the next *count* rows of a ledger will have, as far as can be seen without taking one."""
    _, sequence = _ids(conn, schema)
    row = conn.execute(
        sql.SQL(
            "select greatest(coalesce(m.last, 0), coalesce(p.last_value, 0)), coalesce(p.increment_by, 1)"
            " from (select max(id) as last from {}) m left join (select s.* from pg_sequences s"
            " join pg_namespace n on n.nspname = s.schemaname"
            " join pg_class c on c.relnamespace = n.oid and c.relname = s.sequencename"
            " where c.oid = %s::regclass) p on true"
        ).format(_table(schema)),
        [sequence],
    ).fetchone()
    last, step = row or (0, 1)
    return [last + number * max(step, 1) for number in range(1, count + 1)]


def insert_statement(schema: str, migration: Migration, id_: int) -> sql.Composed:
    """Return the statement that adds the row of *migration* with an id of its own, whatever makes the ids."""
    return sql.SQL(
        'insert into {} ("id", "timestamp", "name") overriding system value values ({}, {}, {})'
    ).format(_table(schema), id_, migration.timestamp, migration.name)


def _ids(conn: Connection[Any], schema: str) -> tuple[bool, str | None]:
    """Return whether ids come by themselves, and the sequence they come from."""
    row = conn.execute(
        """
        select a.atthasdef or a.attidentity <> '',
               coalesce(pg_get_serial_sequence(%(table)s, 'id'), s.oid::regclass::text)
          from pg_attribute a
          left join pg_attrdef e on (e.adrelid, e.adnum) = (a.attrelid, a.attnum)
          left join pg_depend d on (d.classid, d.objid) = ('pg_attrdef'::regclass, e.oid)
                and d.refclassid = 'pg_class'::regclass
          left join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
         where a.attrelid = %(table)s::regclass and a.attname = 'id'
         order by s.oid nulls last limit 1
        """,
        {"table": _table(schema).as_string(conn)},
    ).fetchone()
    return row or (True, None)


def _moving(schema: str, sequence: str) -> sql.Composed:
    """Return the statement that sets *sequence* where it is behind the rows."""
    setting = sql.SQL("select setval({}, m.last)").format(sql.Literal(sequence))
    return setting + _behind(schema, sequence)


def _behind(schema: str, sequence: str) -> sql.Composed:
    """Return the rest of a query that has a row, with the last id, where *sequence* is behind it."""
    return sql.SQL(
        " from (select max(id) as last from {1}) m"
        " where m.last > coalesce((select p.last_value from pg_sequences p"
        " join pg_class c on c.relname = p.sequencename"
        " join pg_namespace n on n.oid = c.relnamespace and n.nspname = p.schemaname"
        " where c.oid = {0}::regclass), 0)"
    ).format(sql.Literal(sequence), _table(schema))


def _default(conn: Connection[Any], schema: str) -> tuple[sql.Composed, str]:
    """Return what lets the ids come from a sequence, as TypeORM makes it, and how regclass spells it."""
    sequence = sql.Identifier(schema, "migrations_id_seq")
    made = sql.SQL(
        'create sequence if not exists {0} as integer owned by {1}."id";'
        ' alter table {1} alter "id" set default nextval({2})'
    ).format(sequence, _table(schema), sequence.as_string(conn))
    return made, sequence.as_string(conn)


def record(conn: Connection[Any], schema: str, migration: Migration) -> None:
    """Add the row of *migration*, in the transaction that applied it."""
    check_row(migration, conn.execute(record_statement(schema, migration)))


def check_row(migration: Migration, cursor: Cursor[Any]) -> None:
    """Raise FailedError where the insert of the row of *migration*, the last that *cursor* ran, had none."""
    while cursor.nextset():
        pass
    if cursor.rowcount != 1:
        raise FailedError(
            f"the table migrations did not take the row of {migration.name}: a trigger or a rule on it "
            "swallows what is inserted. Without its row the next run would apply it again, so it was rolled "
            "back; drop or disable that trigger or rule (psql shows it with \\d migrations)",
            reason="LedgerRowLost",
        )


def record_statement(schema: str, migration: Migration) -> sql.Composed:
    """Return the statement that adds the row of *migration*."""
    return sql.SQL('insert into {} ("timestamp", "name") values ({}, {})').format(
        _table(schema), migration.timestamp, migration.name
    )


def looks_like_medusa(tables: Collection[str], medusa: Collection[str]) -> list[str]:
    """Return the tables that bear the name of one of Medusa's."""
    return sorted(set(tables) & set(medusa))


def _table(schema: str) -> sql.Identifier:
    return sql.Identifier(schema, "migrations")
