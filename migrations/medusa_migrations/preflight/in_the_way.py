"""What pending items would run into: what depends on what they drop, names that are taken, owners, replication."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from psycopg import sql

from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.plan.findings import Finding
from medusa_migrations.postgres import search_path
from medusa_migrations.preflight import dependency_graph, obstacles, recreation
from medusa_migrations.schema import dependents, effects, statements, verify
from medusa_migrations.schema.dependency import Node
from medusa_migrations.schema.drift import Object
from medusa_migrations.schema.effects import Drop, Make, Rename, Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, DataStep
    from medusa_migrations.schema.dependency import Thing
    from medusa_migrations.schema.dependents import Lost

_IDENTITIES = """
    select x.indexrelid, k.oid, t.relname::text, i.relname::text, format('%%I.%%I', n.nspname, t.relname), p.pubname::text,
           concat_ws(' and ', case when p.pubupdate then 'updates' end, case when p.pubdelete then 'deletes' end),
           case when exists (select from pg_index o where o.indrelid = t.oid and o.indisprimary) then 'default' else 'full' end
      from pg_class t join pg_namespace n on n.oid = t.relnamespace
      join pg_index x on x.indrelid = t.oid and x.indisreplident join pg_class i on i.oid = x.indexrelid
      left join pg_constraint k on k.conrelid = t.oid and k.conindid = x.indexrelid and k.contype in ('p', 'u')
      join pg_publication p on (p.pubupdate or p.pubdelete) and (p.puballtables or exists (
           select from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = t.oid) {or_schema})
     where n.nspname = %(schema)s and t.relreplident = 'i'
     order by 3
"""
_TAKES_NEW = """
    select p.pubname::text,
           concat_ws(' and ', case when p.pubupdate then 'updates' end, case when p.pubdelete then 'deletes' end)
      from pg_publication p join pg_namespace n on n.nspname = %(schema)s
     where (p.pubupdate or p.pubdelete) and (p.puballtables {or_schema})
     order by 1
"""
_IN_SCHEMA = "or exists (select from pg_publication_namespace m where m.pnpubid = p.oid and m.pnnspid = n.oid)"
_FILLED = """
    select s.subname::text, c.relname::text
      from pg_subscription_rel r join pg_subscription s on s.oid = r.srsubid
      join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = %(schema)s order by 1, 2
"""


def look(
    conn: Connection[Any], catalog: Catalog, schema: str, items: Sequence[Migration | DataStep]
) -> Iterator[Finding]:
    """Find what of the database makes PostgreSQL refuse one of *items*, and what they drop unsaid."""
    pending = [_pending(item) for item in items]
    path = search_path.of_role(conn, schema)
    names, schemas = dependents.named(pending)
    inventory = dependency_graph.named(conn, names, [*path, *schemas])
    if seeds := dependents.seeds(pending, inventory):
        dependency_graph.add_dependents(conn, inventory, seeds)
    found = dependents.look(pending, inventory, path)

    def is_medusas(thing: Thing) -> bool:  # it goes along as it should
        kind = "index" if thing.kind == "index" else "constraint"
        made = Object(kind, thing.table, thing.name)
        return thing.schema == schema and verify.is_known(catalog, made)

    yield from _replicated(conn, schema, items, found.lost)
    found.lost = [one for one in found.lost if not is_medusas(one.thing)]
    nodes = {one.thing.node for one in found.blocked} | {one.thing.node for one in found.lost}
    yield from obstacles.findings(found, recreation.read(conn, nodes), schema, conn.info.user)


def _pending(item: Migration | DataStep) -> dependents.Pending:
    if isinstance(item, Migration):
        return dependents.Pending(item.name, item.statements, item.version is None, item.when)
    return dependents.Pending(item.name, "")


def _replicated(
    conn: Connection[Any],
    schema: str,
    items: Sequence[Migration | DataStep],
    lost: Sequence[Lost],
) -> Iterator[Finding]:
    """Find by what logical replication, from this database or into it, would stop or refuse rows afterwards."""
    row = conn.execute(
        "select exists (select from pg_publication), exists (select from pg_subscription_rel)"
    ).fetchone()
    publishes, subscribes = row or (False, False)
    migrations = [item for item in items if isinstance(item, Migration)]
    if publishes:
        yield from _identities(conn, schema, lost)
        yield from _keyless(conn, schema, migrations)
    if subscribes:
        yield from _filled(conn, schema, migrations)


def _published(conn: Connection[Any], query: str, schema: str) -> list[tuple[Any, ...]]:
    newer = conn.info.server_version >= 150000
    fitting = sql.SQL(query).format(or_schema=sql.SQL(_IN_SCHEMA if newer else ""))
    return conn.execute(fitting, {"schema": schema}).fetchall()


def _identities(conn: Connection[Any], schema: str, lost: Sequence[Lost]) -> Iterator[Finding]:
    causes = {one.thing.node: one.cause for one in lost}
    for index, rule, table, name, called, feed, does, other in _published(
        conn, _IDENTITIES, schema
    ):
        cause = causes.get(Node("pg_class", index)) or causes.get(Node("pg_constraint", rule or 0))
        if cause is not None:
            fix = f"alter table {called} replica identity {other}"
            yield Finding(
                f"the replica identity of {table}, index {name}, goes along with {cause.what}, which {cause.item} drops, "
                f"and the publication {feed} would refuse the server's {does} of its rows",
                f"First: {fix}",
                RefusedError,
                "Dependents",
                fix=fix,
            )


def _keyless(
    conn: Connection[Any], schema: str, migrations: Sequence[Migration]
) -> Iterator[Finding]:
    takes = _published(conn, _TAKES_NEW, schema)
    if not takes:
        return
    made: dict[str, str] = {}
    for item in migrations:
        for one in statements.split(item.statements):
            words = [token.lower() for token in one.tokens]
            keyed = ("primary", "key") in itertools.pairwise(words)
            for effect in effects.of(one.text):
                match effect:
                    case Make(name, "table") if not keyed and name.schema in ("", schema):
                        made[name.name] = item.name
                    case Drop(names):
                        for name in names:
                            made.pop(name.name if name.space is Space.RELATION else "", None)
                    case _:
                        if keyed and words[:2] == ["alter", "table"]:
                            made = {k: v for k, v in made.items() if k not in one.text}
    there = {
        name
        for (name,) in conn.execute(
            "select relname::text from pg_class where relnamespace = to_regnamespace(quote_ident(%s))",
            [schema],
        )
    }
    for table, by in made.items():
        if table not in there:
            feed, does = takes[0]
            called = sql.Identifier(schema, table).as_string(conn)
            yield Finding(
                f"the publication {feed} takes the table {table}, which {by} makes without a key: it refuses the "
                f"server's {does} of its rows",
                "Give it an identity afterwards, or leave new tables out of the publication",
                after=f"alter table {called} replica identity full",
            )


def _filled(
    conn: Connection[Any], schema: str, migrations: Sequence[Migration]
) -> Iterator[Finding]:
    taken = conn.execute(_FILLED, {"schema": schema}).fetchall()
    for subscription, table in taken:
        for item in migrations:
            for effect in effects.of(item.statements):
                match effect:
                    case Drop(names):
                        does = "drops"
                    case Rename(old, _):
                        does, names = "renames", (old,)
                    case _:
                        continue
                columns = [
                    name.name
                    for name in names
                    if name.space is Space.COLUMN
                    and name.table == table
                    and name.schema in ("", schema)
                ]
                for column in columns:
                    yield Finding(
                        f"the subscription {subscription} fills the table {table}, of which {item.name} {does} the "
                        f"column {column}",
                        "From then on nothing of that table arrives, and its publisher keeps all for it, until that "
                        "no longer sends the column: migrate the publisher first, or end the subscription",
                    )
