"""What pending items would run into: what depends on what they drop, names that are taken, owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog.model import Migration
from medusa_migrations.postgres import search_path
from medusa_migrations.preflight import dependency_graph, obstacles, recreation
from medusa_migrations.schema import dependents, verify
from medusa_migrations.schema.drift import Object

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog, DataStep
    from medusa_migrations.plan.findings import Finding
    from medusa_migrations.schema.dependency import Thing


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

    found.lost = [one for one in found.lost if not is_medusas(one.thing)]
    nodes = {one.thing.node for one in found.blocked} | {one.thing.node for one in found.lost}
    yield from obstacles.findings(found, recreation.read(conn, nodes), schema, conn.info.user)


def _pending(item: Migration | DataStep) -> dependents.Pending:
    if isinstance(item, Migration):
        return dependents.Pending(item.name, item.statements, item.version is None, item.when)
    return dependents.Pending(item.name, "")
