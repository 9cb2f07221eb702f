"""Pure: reads the SQL dialect of the catalog and says which schema it makes.

The catalog's own SQL is the one description of Medusa's schema; this small interpreter derives from
it what `verify` expects, so that nothing has to be kept twice. It knows the statements listed in
`docs/catalog.md` and refuses every other one.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.schema import statements
from medusa_migrations.schema.expression import normal
from medusa_migrations.schema.model import (
    Column,
    Constraint,
    ConstraintKind,
    Index,
    Schema,
    Table,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROWS = frozenset({"insert", "update", "delete", "with", "comment"})
_COLUMN_ENDS = frozenset({"not", "null", "default", "using", ",", ")"})
_PLAIN = re.compile(r"\w+")
"""The key of an index that is a column; else an expression, or one with an operator class."""
_QUOTED = re.compile(r'"([^"]+)"')
"""A name in an expression; our own SQL quotes every one."""
_SERIALS = {"serial": "integer", "bigserial": "bigint"}


class DialectError(ValueError):
    """A statement is not in the dialect of the catalog, or names what is not there."""


class Passed(NamedTuple):
    """Something that a statement with `if exists` or `if not exists` passes over."""

    what: str
    """`column gift_card.tax_rate`, `index idx_gin_product_title`."""
    table: str
    existing: Column | Index | Table | tuple[str, ...] | None = None
    """What is there in its stead; None where something that would be dropped is missing."""
    made: Column | Index | Table | tuple[str, ...] | None = None
    """What would be made if nothing were there; of an enum, its labels."""


def apply(schema: Schema, sql: str, passed: list[Passed] | None = None) -> None:
    """Change *schema* as the statements of *sql* would; raise DialectError where they could not.

    What `if exists` and `if not exists` pass over is added to *passed*.
    """
    noted: list[Passed] = [] if passed is None else passed
    for statement in statements.split(sql):
        try:
            _statement(schema, _Reader(statement.tokens, noted))
        except KeyError as exc:
            raise DialectError(f"{exc.args[0]} is not there") from exc
        except IndexError as exc:
            raise DialectError(f"{exc} in: {statement.text}") from exc


def makes(sql: str) -> Iterator[tuple[str, str, str]]:
    """Yield kind, table and name of each object that *sql* makes, whether it drops it later or not."""
    for statement in statements.split(sql):
        tokens = _strict(statement.tokens)
        words = tuple(token.lower() for token in tokens)
        table = _unquoted(tokens[2])
        match words[:2]:
            case ("create", "table"):
                yield "table", table, table
                yield from _parts(table, tokens, "(")
            case ("alter", "table"):
                yield from _parts(table, tokens, "add")
            case ("create", "unique" | "index"):
                at = words.index("on")
                yield "index", _unquoted(tokens[at + 1]), _unquoted(tokens[at - 1])
            case ("create", "type"):
                yield "type", "", table
            case _:
                pass


def _strict(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Return *tokens* without `if exists` and `if not exists`."""
    found: list[str] = []
    for at, token in enumerate(tokens):
        rest = tuple(word.lower() for word in tokens[at : at + 3])
        before = tuple(word.lower() for word in tokens[max(at - 2, 0) : at])
        inside = rest[:2] in (("if", "exists"), ("if", "not")) or before[-1:] == ("if",)
        if not inside and not (rest[:1] == ("exists",) and before == ("if", "not")):
            found.append(token)
    return tuple(found)


def _parts(table: str, tokens: tuple[str, ...], opener: str) -> Iterator[tuple[str, str, str]]:
    """Yield the columns and constraints that a statement on *table* makes."""
    depth = 0
    for at, token in enumerate(tokens[3:], 3):
        word, before = token.lower(), tokens[at - 1].lower()
        if before == "constraint" and tokens[at - 2].lower() != "drop":
            yield "constraint", table, _unquoted(token)
        elif (opener == "add" and before == "column" and tokens[at - 2].lower() == "add") or (
            opener == "(" and depth == 1 and before in ("(", ",") and word != "constraint"
        ):
            yield "column", table, _unquoted(token)
        depth += (word == "(") - (word == ")")


def _unquoted(token: str) -> str:
    return token.strip('"')


class _Reader:
    """Walks over tokens; `take` answers what is next and goes on."""

    def __init__(self, tokens: tuple[str, ...], passed: list[Passed]) -> None:
        self.tokens = tokens
        self.words = _lowered(tokens)
        self.at = 0
        self.passed = passed

    @property
    def next(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def name(self) -> str:
        token = self.take()
        return token[1:-1] if token.startswith('"') else token.lower()

    def string(self) -> str:
        return self.take()[1:-1].replace("''", "'")

    def skip(self, *words: str) -> bool:
        """Go past *words* where they come next."""
        if self.words[self.at : self.at + len(words)] == words:
            self.at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        if not self.skip(*words):
            raise DialectError(f"expected {' '.join(words)!r} before {self.next!r}")

    def names(self) -> tuple[str, ...]:
        """Read `("a", "b")`."""
        self.expect("(")
        found = [self.name()]
        while self.skip(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def until(self, ends: frozenset[str]) -> str:
        """Read tokens up to one of *ends* outside parentheses."""
        depth, start = 0, self.at
        while self.at < len(self.tokens):
            word = self.next
            if depth == 0 and word in ends and self.at > start:
                break
            depth += (word == "(") - (word == ")")
            if depth < 0:
                break
            self.at += 1
        return " ".join(self.tokens[start : self.at])

    def group(self) -> str:
        """Read a parenthesised expression."""
        self.expect("(")
        text = self.until(frozenset({")"})) if self.next != ")" else ""
        self.expect(")")
        return text


@functools.cache
def _lowered(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(token.lower() for token in tokens)


def _statement(schema: Schema, reader: _Reader) -> None:
    if reader.next in _ROWS:
        return
    verb, what = reader.take().lower(), reader.take().lower()
    action: Callable[[Schema, _Reader], None] | None = {
        ("create", "table"): _create_table,
        ("create", "unique"): _create_unique_index,
        ("create", "index"): _create_index,
        ("create", "type"): _create_type,
        ("alter", "table"): _alter_table,
        ("alter", "type"): _alter_type,
        ("drop", "table"): _drop_table,
        ("drop", "index"): _drop_index,
        ("drop", "type"): _drop_type,
    }.get((verb, what))
    if action is None:
        raise DialectError(f"`{verb} {what}` is not in the dialect")
    action(schema, reader)


def _create_table(schema: Schema, reader: _Reader) -> None:
    lenient = reader.skip("if", "not", "exists")
    parsed, sequences = _table(reader.tokens[reader.at :])
    table = Table(parsed.name, dict(parsed.columns), dict(parsed.constraints))
    existing = schema.tables.get(table.name)
    if lenient and existing is not None:  # its sequences are there as well, or it is another
        reader.passed.append(Passed(f"table {table.name}", table.name, existing, table))
    else:
        schema.sequences |= sequences
        schema.tables[table.name] = table


@functools.cache
def _table(tokens: tuple[str, ...]) -> tuple[Table, frozenset[str]]:
    """Return the table that *tokens* make, which is not to be changed, and the names of its sequences."""
    reader, made = _Reader(tokens, []), Schema()
    table = Table(reader.name())
    reader.expect("(")
    while True:
        if reader.next == "constraint":
            _add_constraint(table, reader)
        else:
            _add_column(made, table, reader)
        if not reader.skip(","):
            break
    reader.expect(")")
    return table, frozenset(made.sequences)


def _add_column(schema: Schema, table: Table, reader: _Reader) -> None:
    lenient = reader.skip("if", "not", "exists")
    name = reader.name()
    type_ = type_name(_type(reader))
    not_null, default, written = False, None, None
    while reader.next in ("not", "null", "default"):
        if reader.skip("not", "null"):
            not_null = True
        elif reader.skip("default"):
            written = reader.until(_COLUMN_ENDS)
            default = normal(written)
        else:
            reader.expect("null")
    if lenient and name in table.columns:
        existing, made = (
            table.columns[name],
            Column(name, type_, not_null, default, default_sql=written),
        )
        reader.passed.append(Passed(f"column {table.name}.{name}", table.name, existing, made))
        return
    if type_ in _SERIALS:
        sequence = f"{table.name}_{name}_seq"
        schema.sequences.add(sequence)
        written = f"nextval('{sequence}')"
        type_, not_null, default = _SERIALS[type_], True, normal(written)
    table.columns[name] = Column(
        name, type_, not_null, default, default_sql=written, anywhere=lenient
    )


def _type(reader: _Reader) -> str:
    text = reader.until(_COLUMN_ENDS)
    for spaced, plain in ((" ( ", "("), (" , ", ","), (" )", ")"), (" [ ]", "[]")):
        text = text.replace(spaced, plain)
    return text


def _add_constraint(table: Table, reader: _Reader) -> None:
    reader.expect("constraint")
    name = reader.name()
    if reader.skip("primary", "key"):
        made = Constraint(name, ConstraintKind.PRIMARY, _columns(table, reader.names()))
        for column in made.columns:
            table.columns[column] = dataclasses.replace(table.columns[column], not_null=True)
    elif reader.skip("unique"):
        made = Constraint(name, ConstraintKind.UNIQUE, _columns(table, reader.names()))
    elif reader.skip("check"):
        written = reader.group()
        _columns(table, tuple(_QUOTED.findall(written)))
        made = Constraint(name, ConstraintKind.CHECK, check=normal(written), check_sql=written)
    else:
        reader.expect("foreign", "key")
        columns = _columns(table, reader.names())
        reader.expect("references")
        target, referenced = reader.name(), reader.names()
        rules = {"delete": "no action", "update": "no action"}
        while reader.skip("on"):
            when = reader.take().lower()
            rules[when] = _referential_action(reader)
        made = Constraint(
            name,
            ConstraintKind.FOREIGN,
            columns,
            target,
            referenced,
            rules["delete"],
            rules["update"],
        )
    if name in table.constraints:
        raise DialectError(f"constraint {name} of {table.name} is there already")
    table.constraints[name] = made


def _columns(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in table.columns:
            raise DialectError(f"there is no column {table.name}.{name}")
    return names


def _referential_action(reader: _Reader) -> str:
    words = reader.take().lower()
    return words if words in ("cascade", "restrict") else f"{words} {reader.take().lower()}"


def _create_unique_index(schema: Schema, reader: _Reader) -> None:
    reader.expect("index")
    _create_index(schema, reader, unique=True)


def _create_index(schema: Schema, reader: _Reader, *, unique: bool = False) -> None:
    lenient = reader.skip("if", "not", "exists")
    name = reader.name()
    reader.expect("on")
    table = reader.name()
    method = reader.name() if reader.skip("using") else "btree"
    written = tuple(_keys(reader))
    keys = tuple(normal(key).strip() for key in written)
    where = reader.until(frozenset()) if reader.skip("where") else ""
    if table not in schema.tables:
        raise DialectError(f"there is no table {table}")
    _columns(schema.tables[table], tuple(key for key in keys if _PLAIN.fullmatch(key)))
    for expression in (*written, where):
        _columns(schema.tables[table], tuple(_QUOTED.findall(expression)))
    made = Index(
        name, table, unique, method, keys, normal(where), keys_sql=written, where_sql=where
    )
    if name not in schema.indexes:
        schema.indexes[name] = made
    elif lenient:
        reader.passed.append(Passed(f"index {name}", table, schema.indexes[name], made))
    else:
        raise DialectError(f"index {name} is there already")


def _keys(reader: _Reader) -> list[str]:
    reader.expect("(")
    found = []
    while True:
        found.append(reader.until(frozenset({",", ")"})))
        if not reader.skip(","):
            break
    reader.expect(")")
    return found


def _create_type(schema: Schema, reader: _Reader) -> None:
    name = reader.name()
    reader.expect("as", "enum", "(")
    labels = [reader.string()]
    while reader.skip(","):
        labels.append(reader.string())
    schema.enums[name] = tuple(labels)


def _alter_type(schema: Schema, reader: _Reader) -> None:
    name = reader.name()
    if reader.skip("rename", "to"):
        new = reader.name()
        schema.enums[new] = schema.enums.pop(name)
        for table in schema.tables.values():
            for column in table.columns.values():
                if column.type == name:
                    table.columns[column.name] = dataclasses.replace(column, type=new)
        return
    reader.expect("add", "value")
    lenient = reader.skip("if", "not", "exists")
    label, labels = reader.string(), schema.enums[name]
    if label not in labels:
        at = len(labels)
        if reader.next in ("before", "after"):
            behind = reader.take().lower() == "after"
            neighbour = reader.string()
            if neighbour not in labels:
                raise DialectError(f"the type {name} has no value {neighbour}")
            at = labels.index(neighbour) + behind
        schema.enums[name] = (*labels[:at], label, *labels[at:])
    elif lenient:
        reader.passed.append(Passed(f"value {label} of the type {name}", name, labels, labels))
    else:
        raise DialectError(f"the type {name} has the value {label} already")


def _drop_table(schema: Schema, reader: _Reader) -> None:
    name = reader.name()
    del schema.tables[name]
    for index in [index for index in schema.indexes.values() if index.table == name]:
        del schema.indexes[index.name]
    schema.sequences = {s for s in schema.sequences if not s.startswith(f"{name}_")}


def _drop_index(schema: Schema, reader: _Reader) -> None:
    lenient = reader.skip("if", "exists")
    name = reader.name()
    if name in schema.indexes or not lenient:
        del schema.indexes[name]
    else:
        reader.passed.append(Passed(f"index {name}", ""))


def _drop_type(schema: Schema, reader: _Reader) -> None:
    lenient = reader.skip("if", "exists")
    name = reader.name()
    if name in schema.enums or not lenient:
        del schema.enums[name]


def _alter_table(schema: Schema, reader: _Reader) -> None:
    lenient = reader.skip("if", "exists")
    name = reader.name()
    if lenient and name not in schema.tables:
        reader.passed.append(Passed(f"table {name}", name))
        return
    table = schema.tables[name]
    while True:
        _action(schema, table, reader)
        if not reader.skip(","):
            break
    if reader.next:
        raise DialectError(f"did not expect {reader.next!r}")


def _action(schema: Schema, table: Table, reader: _Reader) -> None:
    if reader.skip("add", "column"):
        _add_column(schema, table, reader)
    elif reader.skip("add"):
        _add_constraint(table, reader)
    elif reader.skip("drop"):
        _drop_part(schema, table, reader)
    elif reader.skip("alter", "column"):
        _alter_column(table, reader)
    elif reader.skip("rename", "column"):
        _rename_column(schema, table, reader)
    elif reader.skip("rename", "constraint"):
        old = table.constraints.pop(reader.name())
        reader.expect("to")
        name = reader.name()
        table.constraints[name] = dataclasses.replace(old, name=name)
    elif reader.skip("rename", "to"):
        _rename_table(schema, table, reader.name())
    else:
        raise DialectError(f"`alter table .. {reader.next}` is not in the dialect")


def _drop_part(schema: Schema, table: Table, reader: _Reader) -> None:
    kind = reader.take().lower()
    lenient = reader.skip("if", "exists")
    name = reader.name()
    if kind == "column" and (name in table.columns or not lenient):
        _drop_column(schema, table, name)
    elif kind == "constraint" and (name in table.constraints or not lenient):
        del table.constraints[name]
    elif kind == "column":
        reader.passed.append(Passed(f"column {table.name}.{name}", table.name))
    elif kind == "constraint":
        reader.passed.append(Passed(f"constraint {name} on {table.name}", table.name))
    else:
        raise DialectError(f"`drop {kind}` is not in the dialect")


def _alter_column(table: Table, reader: _Reader) -> None:
    column = table.columns[reader.name()]
    if reader.skip("set", "not", "null"):
        column = dataclasses.replace(column, not_null=True)
    elif reader.skip("drop", "not", "null"):
        column = dataclasses.replace(column, not_null=False)
    elif reader.skip("set", "default"):
        written = reader.until(frozenset({","}))
        column = dataclasses.replace(column, default=normal(written), default_sql=written)
    elif reader.skip("drop", "default"):
        column = dataclasses.replace(column, default=None, default_sql=None)
    else:
        reader.expect("type")
        column = dataclasses.replace(column, type=type_name(_type(reader)), base="")
        if reader.skip("using"):
            reader.until(frozenset({","}))
    table.columns[column.name] = column


def _drop_column(schema: Schema, table: Table, name: str) -> None:
    """Drop a column with what PostgreSQL drops with it: its constraints, indexes and sequence."""
    del table.columns[name]
    schema.sequences.discard(f"{table.name}_{name}_seq")
    for constraint in list(table.constraints.values()):
        if name in constraint.columns or name in constraint.check.split():
            del table.constraints[constraint.name]
    for index in list(schema.indexes.values()):
        words = {word for text in (*index.keys, index.where) for word in text.split()}
        if index.table == table.name and name in words:
            del schema.indexes[index.name]


def _rename_column(schema: Schema, table: Table, reader: _Reader) -> None:
    old = reader.name()
    reader.expect("to")
    new = reader.name()

    def renamed(text: str) -> str:
        return " ".join(new if word == old else word for word in text.split())

    def rewritten(text: str) -> str:
        return " ".join(f'"{new}"' if word.strip('"') == old else word for word in text.split())

    table.columns = {
        new if key == old else key: dataclasses.replace(column, name=new) if key == old else column
        for key, column in table.columns.items()
    }
    for name, constraint in table.constraints.items():
        table.constraints[name] = dataclasses.replace(
            constraint,
            columns=tuple(new if c == old else c for c in constraint.columns),
            check=renamed(constraint.check),
            check_sql=rewritten(constraint.check_sql),
        )
    for name, index in schema.indexes.items():
        if index.table == table.name:
            schema.indexes[name] = dataclasses.replace(
                index,
                keys=tuple(map(renamed, index.keys)),
                where=renamed(index.where),
                keys_sql=tuple(map(rewritten, index.keys_sql)),
                where_sql=rewritten(index.where_sql),
            )


def _rename_table(schema: Schema, table: Table, name: str) -> None:
    old, table.name = table.name, name
    schema.tables[name] = schema.tables.pop(old)
    for index_name, index in schema.indexes.items():
        if index.table == old:
            schema.indexes[index_name] = dataclasses.replace(index, table=name)
    for other in schema.tables.values():
        for constraint in other.constraints.values():
            if constraint.references == old:
                other.constraints[constraint.name] = dataclasses.replace(
                    constraint, references=name
                )
