"""Pure: what goes along with something that is dropped, and what makes PostgreSQL refuse.

It stands on PostgreSQL's own record (https://www.postgresql.org/docs/current/catalog-pg-depend.html) and does
what PostgreSQL does with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator


class Node(NamedTuple):
    """The address of an object in PostgreSQL's catalogs."""

    catalog: str
    oid: int
    sub: int = 0
    """The number of a column; 0: the object as a whole."""

    @property
    def table(self) -> Node:
        """Of a column: the table it is in; else the object itself."""
        return self._replace(sub=0)


class Edge(NamedTuple):
    """One object depends on another."""

    node: Node
    how: str
    """As `pg_depend.deptype` has it. Between columns of tables that inherit: `inherited`, or `retyped` where
    only another type is passed on, for the column is the table's own as well."""
    on: Node


class Thing(NamedTuple):
    """Something that depends on another thing."""

    node: Node
    kind: str
    """As `pg_identify_object` has it, like *identity*."""
    identity: str
    inner: bool = False
    """Whether it is only a part of something else: a trigger of a foreign key."""
    schema: str = ""
    table: str = ""
    """Of a constraint, index or trigger: its table."""
    name: str = ""

    def __str__(self) -> str:
        if self.kind == "publication relation":
            return f"the columns or rows of {self.identity}"
        if self.kind.endswith(" column"):
            return f"column {self.identity}"
        return f"{self.kind.removeprefix('table ')} {self.identity}"


class Reached(NamedTuple):
    """How a drop reaches something."""

    along: bool
    """Whether it goes along by itself; else PostgreSQL refuses."""
    over: Node | None
    """What leads there; None: it is itself to be dropped."""


@dataclass(slots=True)
class Graph:
    """What depends on what."""

    things: dict[Node, Thing] = field(default_factory=dict)
    dependents: dict[tuple[str, int], list[Edge]] = field(default_factory=dict)
    """The edges to an object and its columns."""
    stands_on: dict[Node, list[Edge]] = field(default_factory=dict)
    """The edges from an object."""

    def add(self, edge: Edge) -> None:
        """Note that one object depends on another."""
        self.dependents.setdefault((edge.on.catalog, edge.on.oid), []).append(edge)
        self.stands_on.setdefault(edge.node, []).append(edge)

    def to(self, node: Node) -> Iterator[Edge]:
        """Yield the edges of what depends on *node* or, where it is a whole, on one of its columns."""
        for edge in self.dependents.get((node.catalog, node.oid), ()):
            if not node.sub or edge.on.sub == node.sub:
                yield edge

    def whole(self, node: Node) -> Node | None:
        """Return what *node* is a part of, so that it is dropped only with that: the view of a rule."""
        if node.sub and node in self.things and "view" in self.things[node].kind:
            return Node(node.catalog, node.oid)
        if node.catalog not in ("pg_rewrite", "pg_attrdef"):
            return None
        return next((edge.on for edge in self.stands_on.get(node, ()) if edge.how == "i"), None)

    def reached(
        self, targets: Iterable[Node], without: Collection[Node | Edge] = ()
    ) -> dict[Node, Reached]:
        """Return everything that a drop of *targets* reaches, as if *without* were not there."""
        found = {node: Reached(along=True, over=None) for node in targets}
        waiting = list(found)
        for node in waiting:
            for edge in self.to(node):
                whole = self.whole(edge.node)
                if edge.how == "retyped" or edge in without:
                    continue
                if any(node in without for node in (edge.node, edge.node.table, whole)):
                    continue
                along = edge.how != "n" and whole in (None, node)
                for one, goes in ((whole, False), (edge.node, along)):
                    if one is None or one == node:
                        continue
                    if one not in found:
                        waiting.append(one)
                    if one not in found or (goes and not found[one].along):
                        found[one] = Reached(goes, node)
        return found

    def over(self, node: Node, reached: dict[Node, Reached]) -> Node:
        """Return what leads to *node*: the nearest that does not go along by itself, or a target."""
        seen = {node}
        over = reached[node].over
        while over is not None and over not in seen:
            if not reached[over].along or reached[over].over is None:
                return over
            seen.add(over)
            over = reached[over].over
        return node

    def retyped(self, column: Node) -> list[Node]:
        """Return the columns whose type changes with that of *column*, which is the first."""
        found = [column]
        for one in found:
            inherits = (e.node for e in self.to(one) if e.how in ("inherited", "retyped"))
            found += [node for node in inherits if node not in found]
        return found

    def holding(self, row_type: Node) -> Iterator[Node]:
        """Yield the columns of tables that hold values of *row_type*, or of types made of it."""
        types = [row_type]
        for one in types:
            for edge in self.to(one):
                node = edge.node
                kind = self.things[node].kind if node in self.things else ""
                if node.catalog == "pg_type" and node not in types:
                    types.append(node)
                elif kind == "composite type column":
                    whole = self.stands_on.get(Node(node.catalog, node.oid), ())
                    types += [e.on for e in whole if e.how == "i" and e.on not in types]
                elif kind in ("table column", "materialized view column"):
                    yield node
