"""Pure: what stands in the way of statements that drop, retype, rename and make things.

It goes through the effects of pending items in their order, on what is there by the names in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.schema import effects
from medusa_migrations.schema.dependency import Edge, Graph, Node, Thing
from medusa_migrations.schema.effects import Change, Drop, Make, Name, Rename, Retype, Space, Unseen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Key = tuple[Space, str, str]
"""Where a name is the only one: space, schema (of a part: the number of its table), name."""

_LOSSES = frozenset({
    "pg_class", "pg_constraint", "pg_policy", "pg_proc", "pg_publication_rel", "pg_rewrite",
    "pg_statistic_ext", "pg_trigger", "pg_type",
})  # fmt: skip
_REFUSE_RETYPE = frozenset(
    {"pg_rewrite", "pg_policy", "pg_trigger", "pg_publication_rel", "pg_proc", "pg_attrdef"}
)
"""The catalogs of what keeps a column at its type; indexes, constraints and statistics are made again."""
_TIES = frozenset({"pg_rewrite", "pg_attrdef", "pg_publication_rel"})
"""The catalogs of what depends on other things in the name of what it is a part of."""


class Existing(NamedTuple):
    """Something that is there by a name."""

    node: Node
    parent: str
    """Its schema; of a part, the number of its table."""
    name: str
    kind: str
    owner: str = ""
    owned: bool = True
    """Whether our role counts as its owner."""
    may_drop: bool = True
    """Whether our role may drop it: as its owner, or as that of its schema."""
    row_type: Node | None = None


@dataclass(slots=True)
class Inventory:
    """What is there by the names that effects are about, and what depends on that."""

    names: dict[Key, list[Existing]] = field(default_factory=dict)
    graph: Graph = field(default_factory=Graph)


class Pending(NamedTuple):
    """One item that will run."""

    name: str
    text: str
    own: bool = False
    """Whether it is the shop's own, whose names the whole search path gives."""
    when: tuple[str, str | None] | None = None
    """A table, or a column of it, that must be there; else it does nothing."""


class Cause(NamedTuple):
    """What *item* does to *what*: `drops` it, `changes the type of` it."""

    what: str
    item: str
    does: str
    """Empty where *what* is itself in the way."""


@dataclass(slots=True)
class Blocked:
    """Something that makes PostgreSQL refuse."""

    thing: Thing
    causes: list[Cause] = field(default_factory=list)
    below: list[Node] = field(default_factory=list)
    """Others in the way that it depends on: it must go before them."""
    unless: str = ""
    """An item before that may drop it, for what that does is not seen."""


class Lost(NamedTuple):
    """Something that goes along without a word."""

    thing: Thing
    cause: Cause
    asked: bool
    """Whether the statement says `cascade`."""


class Refused(NamedTuple):
    """Something that PostgreSQL does not do, for what *cause* is about."""

    cause: Cause
    why: str


class Taken(NamedTuple):
    """A name that is another's."""

    entry: Existing
    name: Name
    kind: str
    """What would be made."""
    item: Pending
    unless: str = ""
    """An item before that may drop it, for what that does is not seen."""


class Foreign(NamedTuple):
    """Something that belongs to somebody else, where only its owner may do what *item* does."""

    entry: Existing
    name: Name
    item: str


@dataclass(slots=True)
class Obstacles:
    """Everything that was found."""

    blocked: list[Blocked] = field(default_factory=list)
    """In an order in which they can be dropped."""
    lost: list[Lost] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)


def named(items: Iterable[Pending]) -> tuple[frozenset[str], frozenset[str]]:
    """Return every name that the effects of *items* are about, and every schema that they name."""
    found: set[str] = set()
    schemas: set[str] = set()
    for item in items:
        found.update(filter(None, item.when or ()))
        for effect in effects.of(item.text):
            for name in _names(effect):
                found |= {name.name, name.table}
                schemas.add(name.schema)
    return frozenset(found - {""}), frozenset(schemas - {""})


def seeds(items: Iterable[Pending], inventory: Inventory) -> frozenset[Node]:
    """Return those of *inventory* whose dependents decide whether *items* can run."""
    ends: set[str] = set()
    rewritten: set[str] = set()
    for item in items:
        for effect in effects.of(item.text):
            match effect:
                case Drop():
                    ends |= {name.name for name in effect.names}
                case Retype():
                    ends.add(effect.column.name)
                    rewritten.add(effect.column.table)
                case Rename():
                    ends.add(effect.old.name)
                    rewritten.add(effect.old.name)
                case Make(replaces=True) | Change(unties=True):
                    ends.add(effect.name.name)
                case Make(fills=True):
                    rewritten.add(effect.name.table)
                case Make() | Change() | Unseen():
                    pass
    entries = [entry for found in inventory.names.values() for entry in found]
    return frozenset(
        {entry.node for entry in entries if entry.name in ends}
        | {entry.row_type for entry in entries if entry.row_type and entry.name in rewritten}
    )


def _names(effect: effects.Effect) -> Iterator[Name]:
    match effect:
        case Drop():
            yield from effect.names
        case Retype():
            yield effect.column
        case Rename():
            yield from (effect.old, effect.new)
        case Make():
            yield effect.name
            for part in effect.parts:
                yield from _names(part)
        case Change():
            yield effect.name
        case Unseen():
            pass


def look(items: Sequence[Pending], inventory: Inventory, path: Sequence[str]) -> Obstacles:
    """Return what of *inventory* stands in the way of *items*; *path* begins with the shop's schema."""
    state = _State(inventory, tuple(path))
    for item in items:
        state.run(item)
    state.found.blocked = _in_order(state.blocked)
    return state.found


def _in_order(blocked: dict[Node, Blocked]) -> list[Blocked]:
    """Return what is in the way in an order in which it can be dropped: what stands on another first."""
    found: dict[Node, Blocked] = {}

    def add(node: Node, under: tuple[Node, ...] = ()) -> None:
        for other, one in blocked.items():
            if node in one.below and other not in under and other != node:
                add(other, (*under, node))
        found.setdefault(node, blocked[node])

    for node in blocked:
        add(node)
    return list(found.values())


class _State:
    """What is there at a point of the path, and what was found up to it."""

    def __init__(self, inventory: Inventory, path: tuple[str, ...]) -> None:
        self.graph = inventory.graph
        self.path = path
        self.names = {key: list(entries) for key, entries in inventory.names.items()}
        self.gone: set[Node | Edge] = set()
        """What was dropped, or of which it is not known any more what it depends on; and what depends no more."""
        self.unseen = ""
        self.blocked: dict[Node, Blocked] = {}
        self.found = Obstacles()
        self.made = 0

    def run(self, item: Pending) -> None:
        if item.when and not self._find(_condition(*item.when), item):
            return
        for effect in effects.of(item.text):
            match effect:
                case Drop():
                    self._drop(effect, item)
                case Retype():
                    self._retype(effect.column, item)
                case Rename():
                    self._rename(effect, item)
                case Make():
                    self._make(effect, item)
                case Change():
                    self._change(effect, item)
                case Unseen():
                    self.unseen = self.unseen or (item.name if item.own else "")

    def _find(self, name: Name, item: Pending) -> list[Existing]:
        """Return what *name* means to *item*: several only of functions."""
        for key in self._keys(name, item):
            found = [entry for entry in self.names.get(key, ()) if entry.node not in self.gone]
            if found:
                return found
        return []

    def _keys(self, name: Name, item: Pending) -> list[Key]:
        if name.space.part:
            tables = self._find(name.relation, item)
            return [(name.space, str(table.node.oid), name.name) for table in tables]
        if name.space.of_database:
            return [(name.space, "", name.name)]
        parents = (name.schema,) if name.schema else self.path if item.own else self.path[:1]
        return [(name.space, parent, name.name) for parent in parents]

    def _drop(self, drop: Drop, item: Pending) -> None:
        targets: dict[Node, Cause] = {}
        for name in drop.names:
            found = self._find(name, item)
            for entry in found:
                self._owned(entry, name, item, may=entry.may_drop)
                if len(found) > 1:  # several functions, and it is not known which of them
                    self.gone.add(entry.node)
                    continue
                cause = Cause(spelled(name), item.name, "drops")
                if why := self._bound(entry, targets):
                    self.found.refused.append(Refused(cause, why))
                else:
                    targets[entry.node] = cause
        reached = self.graph.reached(targets, self.gone)
        for node, way in reached.items():
            if node in targets:
                continue
            over = self.graph.over(node, reached)
            if drop.cascade or (way.along and over in targets):
                self.gone.add(node)
            if node not in self.graph.things:
                continue
            if drop.cascade and not way.along:
                self._lose(node, self._cause(over, targets), asked=True)
            elif way.along and over in targets and drop.names[0].space.part:
                self._lose(node, self._cause(over, targets), asked=False)
            elif not way.along:
                self._block(node, self._cause(over, targets), over)
        self.gone |= targets.keys()

    def _bound(self, entry: Existing, targets: Iterable[Node] = ()) -> str:
        """Return why it cannot be dropped, nor its type be changed, by itself; empty where it can."""
        if entry.kind == "inherited column":
            return "is inherited from another table"
        for edge in self.graph.stands_on.get(entry.node, ()):
            if edge.on in targets or edge.on in self.gone:
                continue
            if edge.how == "e":
                return "belongs to an extension"
            if edge.how == "i" and entry.node.sub:
                return "is a part of the key that its table is partitioned by"
            if edge.how == "i" and edge.on.catalog == "pg_constraint":
                return f"is the index of the {self.graph.things.get(edge.on, 'constraint')}"
        return ""

    def _cause(self, over: Node, targets: dict[Node, Cause]) -> Cause:
        """Return the cause of what *over* leads to."""
        first = next(iter(targets.values()))
        return targets.get(over) or Cause(str(self.graph.things.get(over, "")), first.item, "")

    def _lose(self, node: Node, cause: Cause, *, asked: bool) -> None:
        """Note that *node* goes along, where that is a loss: a part of something is lost with that."""
        thing = self.graph.things[node]
        part = any(edge.how == "i" for edge in self.graph.stands_on.get(node, ()))
        whole = self.graph.whole(node) is None
        if node.catalog in _LOSSES and whole and not thing.inner and (asked or not part):
            self.found.lost.append(Lost(thing, cause, asked))

    def _block(self, node: Node, cause: Cause, over: Node | None = None) -> None:
        thing = self.graph.things.get(node)
        if thing is None or thing.inner or self.graph.whole(node) is not None:
            return
        one = self.blocked.setdefault(node, Blocked(thing, unless=self.unseen))
        if over is not None and over not in one.below:
            one.below.append(over)
        if cause not in one.causes and (cause.does or not one.causes):
            one.causes.append(cause)

    def _retype(self, column: Name, item: Pending) -> None:
        cause = Cause(spelled(column), item.name, "changes the type of")
        for entry in self._find(column, item):
            if why := self._bound(entry):
                self.found.refused.append(Refused(cause, why))
                continue
            for node in self.graph.retyped(entry.node):
                for edge in self.graph.to(node):
                    whole = self.graph.whole(edge.node) or edge.node
                    own = edge.node.catalog == "pg_attrdef" and (edge.how != "n" or whole == node)
                    if edge.node.catalog in _REFUSE_RETYPE and not own:
                        self._refuse_retype({edge.node, whole}, whole, cause)
                self.gone.update(
                    edge
                    for edge in self.graph.stands_on.get(node, ())
                    if edge.on.catalog == "pg_type"
                )
            for table in self._find(column.relation, item):
                self._rewrite(table, cause)

    def _refuse_retype(self, nodes: set[Node], node: Node, cause: Cause) -> None:
        """Note that *node* keeps a column at its type, and what would have to go before it."""
        if nodes & self.gone:
            return
        reached = self.graph.reached([node], self.gone)
        self._block(node, cause)
        for other, way in reached.items():
            if not way.along and other in self.graph.things:
                over = self.graph.over(other, reached)
                self._block(other, Cause(str(self.graph.things[over]), cause.item, ""), over)

    def _rewrite(self, table: Existing, cause: Cause) -> None:
        """Note the columns of others that hold whole rows of *table*: PostgreSQL cannot rewrite those."""
        if table.row_type is not None:
            for column in self.graph.holding(table.row_type):
                node = self.graph.whole(column) or column
                if node not in self.gone:
                    self._block(node, cause)

    def _rename(self, rename: Rename, item: Pending) -> None:
        for entry in self._find(rename.old, item):
            self._owned(entry, rename.old, item, may=entry.owned)
            if entry.kind == "inherited column":
                cause = Cause(spelled(rename.old), item.name, "renames")
                self.found.refused.append(Refused(cause, "is inherited from another table"))
            self._taken(Make(rename.new, entry.kind), item, but=entry)
            self._move(rename.old.space, entry, rename)
            if rename.old.space is Space.CONSTRAINT:  # its index is called so as well
                for table in self._find(rename.old.relation, item):
                    for index in self.names.get((Space.RELATION, table.parent, entry.name), ()):
                        self._move(Space.RELATION, index, rename)

    def _move(self, space: Space, entry: Existing, rename: Rename) -> None:
        moves = rename.new.schema and not space.part and rename.old.space is not Space.CONSTRAINT
        parent = rename.new.schema if moves else entry.parent
        key = (space, entry.parent, entry.name)
        self.names[key] = [other for other in self.names[key] if other.node != entry.node]
        moved = entry._replace(parent=parent, name=rename.new.name)
        self.names.setdefault((space, parent, moved.name), []).append(moved)
        if space is Space.RELATION and entry.row_type is not None:
            for row in self.names.get((Space.TYPE, entry.parent, entry.name), ()):
                if row.node == entry.row_type:
                    self._move(Space.TYPE, row, rename)

    def _make(self, make: Make, item: Pending) -> None:
        taken = self._taken(make, item)
        if taken is not None and make.replaces:
            self._owned(taken, make.name, item, may=taken.owned)
            self._untie(taken.node)
        if taken is not None and (make.replaces or make.lenient):
            return
        if make.fills:
            where = spelled(make.name.relation)
            for table in self._find(make.name.relation, item):
                self._rewrite(table, Cause(where, item.name, "adds a column with values to"))
        if not make.name.space.part:
            self.made -= 1
            for key in self._keys(make.name, item)[:1]:
                self.names[key] = [
                    Existing(Node("made", self.made), key[1], make.name.name, make.kind)
                ]
        for part in make.parts:
            self._make(part, item)

    def _taken(self, make: Make, item: Pending, but: Existing | None = None) -> Existing | None:
        """Return what has the name already, and note where it is in the way."""
        keys = self._keys(make.name, item)[:1]
        if make.name.space is Space.RELATION and make.kind not in ("index", "sequence"):
            keys += [(Space.TYPE, *key[1:]) for key in keys]
        for entry in (entry for key in keys for entry in self.names.get(key, ())):
            own = but is not None and entry.node in (but.node, but.row_type)
            if entry.node in self.gone or entry.node.catalog == "made" or own:
                continue
            same = entry.kind == make.kind or make.name.space is not Space.RELATION
            if not (same and (make.lenient or make.replaces)):
                if make.kind == "sequence" and item.own:  # of a serial column: it gets another name
                    return None
                self.found.taken.append(Taken(entry, make.name, make.kind, item, self.unseen))
            return entry
        return None

    def _change(self, change: Change, item: Pending) -> None:
        for entry in self._find(change.name, item):
            self._owned(entry, change.name, item, may=entry.owned)
            if change.unties:
                self._untie(entry.node)

    def _untie(self, node: Node) -> None:
        """Take it that what *node* depends on is not known any more."""
        ties = [
            edge.node
            for edge in self.graph.to(node)
            if edge.how in ("a", "i") and edge.node.catalog in _TIES
        ]
        self.gone.update(ties)
        if node.catalog in ("pg_policy", "pg_trigger", "pg_rewrite", "pg_proc"):
            self.gone.add(node)

    def _owned(self, entry: Existing, name: Name, item: Pending, *, may: bool) -> None:
        if not may:
            self.found.foreign.append(Foreign(entry, name, item.name))


def _condition(table: str, column: str | None) -> Name:
    if column is None:
        return Name(Space.RELATION, table)
    return Name(Space.COLUMN, column, table=table)


def spelled(name: Name) -> str:
    """Return *name* for a sentence: `column product.profile_id`."""
    schema = f"{name.schema}." if name.schema else ""
    if name.space is Space.COLUMN:
        return f"column {schema}{name.table}.{name.name}"
    if name.space.part:
        return f"{name.space} {name.name} on {schema}{name.table}"
    return f"{schema}{name.name}"
