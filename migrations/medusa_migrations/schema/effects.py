"""Pure: what the statements of a migration make, drop, rename and change, in their order.

By their tokens, of any SQL: names keep their schema where one is given. The inside of a `do` block and of
a function is not seen.
"""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.schema import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Space(StrEnum):
    """Where a name must be the only one: in a schema, in a table, or in the database."""

    RELATION = "relation"
    TYPE = "type"
    ROUTINE = "routine"
    STATISTICS = "statistics"
    COLUMN = "column"
    CONSTRAINT = "constraint"
    TRIGGER = "trigger"
    POLICY = "policy"
    RULE = "rule"
    SCHEMA = "schema"
    EXTENSION = "extension"
    PUBLICATION = "publication"

    @property
    def part(self) -> bool:
        """Whether it is a part of a table."""
        return self in _PARTS

    @property
    def of_database(self) -> bool:
        """Whether it is in no schema."""
        return self in (Space.SCHEMA, Space.EXTENSION, Space.PUBLICATION)


_PARTS = frozenset({Space.COLUMN, Space.CONSTRAINT, Space.TRIGGER, Space.POLICY, Space.RULE})


class Name(NamedTuple):
    """The name of an object, as a statement writes it."""

    space: Space
    name: str
    schema: str = ""
    """Empty: the search path decides."""
    table: str = ""
    """Of a part: the table, whose schema *schema* is."""

    @property
    def relation(self) -> Name:
        """Of a part: its table."""
        return Name(Space.RELATION, self.table, self.schema)


class Make(NamedTuple):
    """Something is made."""

    name: Name
    kind: str
    """In PostgreSQL's word: `table`, `index`, `materialized view`."""
    lenient: bool = False
    """`if not exists`."""
    replaces: bool = False
    """`or replace`."""
    fills: bool = False
    """Whether a column that is added gets a value in the rows that are there."""
    parts: tuple[Make, ...] = ()
    """What is made with it, unless it is there already."""


class Drop(NamedTuple):
    """Some objects are dropped by one statement."""

    names: tuple[Name, ...]
    cascade: bool = False


class Retype(NamedTuple):
    """A column gets another type."""

    column: Name


class Rename(NamedTuple):
    """Something gets another name, or another schema."""

    old: Name
    new: Name


class Change(NamedTuple):
    """Something is changed in a way that only its owner may."""

    name: Name
    unties: bool = False
    """Whether what it depends on afterwards is not known."""


class Unseen(NamedTuple):
    """Something that may do whatever it likes: `do`, a call."""

    words: str


Effect = Make | Drop | Retype | Rename | Change | Unseen

_SPACES = {
    "table": Space.RELATION, "view": Space.RELATION, "index": Space.RELATION,
    "sequence": Space.RELATION, "materialized view": Space.RELATION,
    "foreign table": Space.RELATION, "type": Space.TYPE, "domain": Space.TYPE,
    "function": Space.ROUTINE, "procedure": Space.ROUTINE, "routine": Space.ROUTINE,
    "aggregate": Space.ROUTINE, "statistics": Space.STATISTICS, "trigger": Space.TRIGGER,
    "policy": Space.POLICY, "rule": Space.RULE, "schema": Space.SCHEMA,
    "extension": Space.EXTENSION, "publication": Space.PUBLICATION,
}  # fmt: skip
_SERIALS = frozenset({"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"})
_INDEXED = frozenset({"primary", "unique", "exclude"})
_CONSTRAINTS = frozenset({"constraint", "primary", "unique", "check", "foreign", "exclude"})


def lost(effect: Effect) -> Iterable[Name]:
    """Return the names that are gone with *effect*."""
    match effect:
        case Drop():
            return effect.names
        case Rename():
            return (effect.old,)
        case _:
            return ()


def made(effect: Effect) -> Iterator[Make]:
    """Yield what is there by *effect*, and its parts; what has got another name without its kind."""
    match effect:
        case Make():
            yield effect
            for part in effect.parts:
                yield from made(part)
        case Rename():
            yield Make(effect.new, "")
        case _:
            pass


@functools.cache
def of(sql: str) -> tuple[Effect, ...]:
    """Return the effects of the statements of *sql*."""
    return tuple(
        effect for one in statements.split(sql) for effect in _statement(_Tokens(one.tokens))
    )


class _Tokens:
    """Walks over the tokens of a statement."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.tokens = tokens
        self.words = tuple(token.lower() for token in tokens)
        self.at = 0

    @property
    def next(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def skip(self, *words: str) -> bool:
        """Go past *words* where they come next."""
        if self.words[self.at : self.at + len(words)] == words:
            self.at += len(words)
            return True
        return False

    def one(self) -> str:
        """Read one word of a name; empty at the end."""
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        self.at += 1
        return statements.unquoted(token)

    def name(self, space: Space) -> Name:
        """Read `[schema .] name`."""
        first = self.one()
        return Name(space, self.one(), first) if self.skip(".") else Name(space, first)

    def part(self, space: Space) -> Name:
        """Read `name on [schema .] table`."""
        name = self.one()
        self.skip("on")
        return _part(space, name, self.name(Space.RELATION))

    def past_group(self) -> None:
        """Go past a group in parentheses, where one comes next."""
        if self.next != "(":
            return
        depth = 0
        while self.at < len(self.words):
            depth += (self.next == "(") - (self.next == ")")
            self.at += 1
            if depth == 0:
                return

    def items(self) -> Iterator[_Tokens]:
        """Yield a reader for each part of a list: up to the end, or to the parenthesis that closes it."""
        depth, start = 0, self.at
        while self.at < len(self.words):
            depth += (self.next == "(") - (self.next == ")")
            if depth < 0:
                break
            if depth == 0 and self.next == ",":
                yield _Tokens(self.tokens[start : self.at])
                start = self.at + 1
            self.at += 1
        if start < self.at:
            yield _Tokens(self.tokens[start : self.at])


def _part(space: Space, name: str, table: Name) -> Name:
    return Name(space, name, table.schema, table.name)


def _statement(reader: _Tokens) -> Iterator[Effect]:
    verb = reader.one()
    match verb:
        case "create":
            yield from _create(reader)
        case "drop":
            yield from _drop(reader)
        case "alter":
            yield from _alter(reader)
        case "do" | "call" | "select" | "execute":
            yield Unseen(verb)
        case _:
            pass


def _kind(reader: _Tokens) -> str:
    """Read the kind of an object, in one or two words; empty where it is none of those we know."""
    for words in (("materialized", "view"), ("foreign", "table"), (reader.next,)):
        kind = " ".join(words)
        if kind in _SPACES and reader.skip(*words):
            return kind
    return ""


def _drop(reader: _Tokens) -> Iterator[Effect]:
    if reader.skip("owned", "by"):
        yield Unseen("drop owned by")
        return
    kind = _kind(reader)
    if not kind:
        return
    reader.skip("concurrently")
    reader.skip("if", "exists")
    space = _SPACES[kind]
    names = [reader.part(space)] if space.part else _listed(reader, space)
    yield Drop(tuple(names), cascade="cascade" in reader.words[reader.at :])


def _listed(reader: _Tokens, space: Space) -> Iterator[Name]:
    while True:
        yield reader.name(space)
        reader.past_group()
        if not reader.skip(","):
            return


def _alter(reader: _Tokens) -> Iterator[Effect]:
    kind = _kind(reader)
    if not kind:
        return
    reader.skip("if", "exists")
    reader.skip("only")
    space = _SPACES[kind]
    name = reader.part(space) if space.part else reader.name(space)
    reader.past_group()
    reader.skip("*")
    if reader.skip("rename", "to"):
        yield Rename(name, Name(space, reader.one(), name.schema, name.table))
    elif reader.skip("set", "schema"):
        yield Rename(name, Name(space, name.name, reader.one()))
    elif space is Space.RELATION:
        actions = [effect for action in reader.items() for effect in _action(name, action)]
        yield from sorted(actions, key=_pass)
    elif kind == "type" and "attribute" in reader.words[reader.at :][:2]:
        for action in reader.items():
            yield from _attribute(name, action)
    else:
        yield Change(name, unties=space in (Space.POLICY, Space.PUBLICATION))


def _pass(effect: Effect) -> int:
    """Return when PostgreSQL does it, among the actions of one `alter table`."""
    return 0 if isinstance(effect, Drop) else 1 if isinstance(effect, Retype) else 2


def _action(table: Name, reader: _Tokens) -> Iterator[Effect]:
    """Read one action of `alter table`."""
    match reader.one():
        case "add":
            yield Change(table)
            yield from _added(table, reader)
        case "drop":
            yield from _dropped(table, reader)
        case "alter" if reader.next != "constraint":
            reader.skip("column")
            column = _part(Space.COLUMN, reader.one(), table)
            if reader.skip("type") or reader.skip("set", "data", "type"):
                yield Retype(column)
            else:
                unties = reader.words[reader.at :][:2] in (("drop", "default"), ("set", "default"))
                yield Change(column, unties=unties or "expression" in reader.words)
        case "rename":
            space = Space.CONSTRAINT if reader.skip("constraint") else Space.COLUMN
            reader.skip("column")
            old = _part(space, reader.one(), table)
            reader.skip("to")
            yield Rename(old, _part(space, reader.one(), table))
        case _:
            yield Change(table)


def _attribute(type_: Name, reader: _Tokens) -> Iterator[Effect]:
    """Read one action of `alter type` on an attribute, which is a column of the type's own relation."""
    relation = type_._replace(space=Space.RELATION)
    verb = reader.one()
    reader.skip("attribute")
    reader.skip("if", "exists")
    name = _part(Space.COLUMN, reader.one(), relation)
    if verb == "drop":
        yield Drop((name,), cascade="cascade" in reader.words[reader.at :])
    elif verb == "alter":
        yield Retype(name)
    elif verb == "rename":
        reader.skip("to")
        yield Rename(name, _part(Space.COLUMN, reader.one(), relation))
    yield Change(type_)


def _dropped(table: Name, reader: _Tokens) -> Iterator[Effect]:
    space = Space.CONSTRAINT if reader.skip("constraint") else Space.COLUMN
    reader.skip("column")
    reader.skip("if", "exists")
    name = _part(space, reader.one(), table)
    yield Drop((name,), cascade=reader.next == "cascade")


def _added(table: Name, reader: _Tokens) -> Iterator[Make]:
    reader.skip("column")
    lenient = reader.skip("if", "not", "exists")
    yield from _element(table, reader, lenient=lenient)


def _element(table: Name, reader: _Tokens, *, lenient: bool = False) -> Iterator[Make]:
    """Read a column or constraint, as `create table` lists them and `add` adds them."""
    if reader.next in _CONSTRAINTS:
        yield from _constraint(table, reader)
        return
    if reader.next in ("like", ""):
        return
    column = _part(Space.COLUMN, reader.one(), table)
    serial = reader.next in _SERIALS
    fills = serial or bool({"default", "identity", "generated"} & set(reader.words[reader.at :]))
    parts: tuple[Make, ...] = ()
    if serial:
        sequence = Name(Space.RELATION, f"{table.name}_{column.name}_seq", table.schema)
        parts = (Make(sequence, "sequence"),)
    while reader.at < len(reader.words):
        if reader.next == "constraint":
            parts += tuple(_constraint(table, reader))
        else:
            reader.at += 1
    yield Make(column, "column", lenient=lenient, fills=fills, parts=parts)


def _constraint(table: Name, reader: _Tokens) -> Iterator[Make]:
    if not reader.skip("constraint"):
        reader.at += 1
        return
    name = reader.one()
    kind = reader.next
    index = Make(Name(Space.RELATION, name, table.schema), "index")
    # `using index` gives an index that is there the constraint's name
    makes_index = kind in _INDEXED and "using" not in reader.words[reader.at :]
    yield Make(
        _part(Space.CONSTRAINT, name, table), "constraint", parts=(index,) if makes_index else ()
    )


def _create(reader: _Tokens) -> Iterator[Effect]:
    replaces = reader.skip("or", "replace")
    if reader.next in ("temp", "temporary", "local", "global"):
        return
    while reader.next in ("unlogged", "unique", "recursive", "constraint"):
        reader.at += 1
    kind = _kind(reader)
    if not kind:
        return
    space = _SPACES[kind]
    reader.skip("concurrently")
    lenient = reader.skip("if", "not", "exists")
    if kind == "index":
        yield from _index(reader, lenient=lenient)
    elif space.part:
        yield from _made_part(reader, kind, space, replaces=replaces)
    else:
        name = reader.name(space)
        if (
            space is Space.ROUTINE
        ):  # several may have one name, so that only a replaced one is known
            yield Change(name, unties=True) if replaces else Make(name, kind, lenient=True)
            return
        parts = tuple(_elements(name, reader)) if kind == "table" else ()
        if space is Space.TYPE and reader.skip("as", "enum"):
            kind = "enum type"
        elif space is Space.TYPE and reader.skip("as", "("):
            parts = (Make(Name(Space.RELATION, name.name, name.schema), "composite type"),)
        yield Make(name, kind, lenient=lenient, replaces=replaces, parts=parts)


def _elements(table: Name, reader: _Tokens) -> Iterator[Make]:
    if not reader.skip("("):
        return
    for item in reader.items():
        yield from _element(table, item)


def _index(reader: _Tokens, *, lenient: bool) -> Iterator[Effect]:
    """Read what stands behind `create index`: it is in the schema of its table."""
    name = "" if reader.next == "on" else reader.one()
    reader.skip("on")
    reader.skip("only")
    table = reader.name(Space.RELATION)
    yield Change(table)
    if name:
        yield Make(Name(Space.RELATION, name, table.schema), "index", lenient=lenient)


def _made_part(reader: _Tokens, kind: str, space: Space, *, replaces: bool) -> Iterator[Effect]:
    """Read what stands behind `create trigger`, `policy` or `rule`."""
    name = reader.one()
    before = "to" if space is Space.RULE else "on"
    if before not in reader.words[reader.at :]:
        return
    reader.at = reader.words.index(before, reader.at) + 1
    part = _part(space, name, reader.name(Space.RELATION))
    yield Make(part, kind, replaces=replaces)
