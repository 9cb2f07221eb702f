"""Pure: how a live schema differs from another one, object by object."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.schema import severity
from medusa_migrations.schema.expression import shown
from medusa_migrations.schema.model import Column, Constraint, ConstraintKind, Index, Schema, Table
from medusa_migrations.schema.severity import DriftSeverity, Judged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

Definition = Column | Constraint | Index | Table | tuple[str, ...]
"""What one object is; the labels of a type."""


class Object(NamedTuple):
    """The address of one object of a schema."""

    kind: str
    table: str
    name: str

    @property
    def part(self) -> bool:
        """Whether it is a part of a table."""
        return self.kind in ("column", "constraint", "index")

    def __str__(self) -> str:
        match self.kind:
            case "column":
                return f"column {self.table}.{self.name}"
            case "constraint" | "index":
                return f"{self.kind} {self.name} on {self.table}"
            case _:
                return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not what it should be."""

    object: Object
    sentence: str
    wanted: Definition | None = field(default=None, compare=False)
    """None: there should be no such object, or it is of no more than a name."""
    live: Definition | None = field(default=None, compare=False)
    """None: it is missing, or of no more than a name."""
    fix: str = field(default="", compare=False)
    """The statement that makes it right, where more than the schema tells it."""
    severity: DriftSeverity = field(default=DriftSeverity.HARMFUL, compare=False)
    effect: str = field(default="", compare=False)
    """What comes of it."""
    hint: str = field(default="", compare=False)
    """What to do, in words, where SQL alone cannot."""
    by_reference: bool = field(default=False, compare=False)
    """Whether its fix needs that of the tables which the table refers to."""

    def __str__(self) -> str:
        return self.sentence

    @property
    def harmful(self) -> bool:
        """Whether the shop suffers from it as it is."""
        return self.severity is DriftSeverity.HARMFUL

    @property
    def is_gone(self) -> bool:
        """Whether there is nothing by that name."""
        return self.live is None or getattr(self.live, "name", self.object.name) != self.object.name

    @property
    def is_order(self) -> bool:
        """Whether only the columns of a table are in another order."""
        return isinstance(self.wanted, Table) and self.live is not None


def unlogged(table: str, called: str) -> Difference:
    """Return the difference of a *table* that is unlogged; *called* is its name as SQL has it."""
    one = Object("table", table, table)
    return Difference(
        one, f"{one} is unlogged", fix=f"alter table {called} set logged",
        effect="a crash of the server empties it", by_reference=True,
    )  # fmt: skip


def objects(schema: Schema) -> frozenset[Object]:
    """Return the address of everything in *schema* but extensions."""
    found = {Object("table", name, name) for name in schema.tables}
    for table in schema.tables.values():
        found |= {Object("column", table.name, name) for name in table.columns}
        found |= {Object("constraint", table.name, name) for name in table.constraints}
    found |= {Object("index", index.table, index.name) for index in schema.indexes.values()}
    found |= {Object("type", "", name) for name in schema.enums}
    found |= {Object("sequence", "", name) for name in schema.sequences}
    return frozenset(found)


_UNWRITTEN = "the columns that need it cannot be written"


def between(wanted: Schema, live: Schema) -> list[Difference]:
    """Return how *live* differs from *wanted* in what that has, in the order of their fixes."""
    found: list[Difference] = []
    for table in wanted.tables.values():
        existing = live.tables.get(table.name)
        if existing is None:
            found += _missing_table(table, wanted, live)
        else:
            found += of_tables(table, existing, missing=wanted.sequences - live.sequences)
    for index in wanted.indexes.values():
        found += _index(index, live, wanted)
    for name, labels in wanted.enums.items():
        one, labelled = Object("type", "", name), live.enums.get(name)
        if labelled is None and name in live.views:
            other = live.views[name]
            hint = f"give the {other} another name, and the type its own"
            sentence = f"{one} is missing: a {other} is called so"
            found.append(Difference(one, sentence, effect=_UNWRITTEN, hint=hint))
        elif labelled is None:
            found.append(_missing(one, labels, _UNWRITTEN))
        elif labelled != labels:
            sentence = f"has the values {', '.join(labelled)} instead of {', '.join(labels)}"
            judged = severity.labelled(labels, labelled)
            found.append(_differs(one, f"type {name} {sentence}", judged, labels, labelled))
    for name in wanted.sequences - live.sequences:
        found += _missing_sequence(wanted, live, name)
    for name in wanted.extensions - live.extensions:
        one = Object("extension", "", name)
        found.append(
            _missing(one, None, "the indexes that need it are not there, or cannot be made again")
        )
    return in_order(found, wanted)


def in_order(found: Iterable[Difference], wanted: Schema) -> list[Difference]:
    """Return them such that no fix needs one behind it, and by their sentences where that is all the same."""
    ranked = [(_rank(one), one) for one in found]
    depth = _depths(wanted) if any(one.by_reference for _, one in ranked) else {}
    ranked.sort(key=lambda each: (each[0], depth.get(each[1].object.table, 0), str(each[1])))
    return [one for _, one in ranked]


def _depths(schema: Schema) -> dict[str, int]:
    """Return for each table how many others lie behind it, from one that it refers to to the next."""
    found: dict[str, int] = {}

    def below(name: str, before: frozenset[str]) -> int:
        if name not in found:
            rules = schema.tables[name].constraints.values() if name in schema.tables else ()
            others = {rule.references for rule in rules if rule.references} - before - {name}
            found[name] = max((1 + below(one, before | {name}) for one in others), default=0)
        return found[name]

    for name in schema.tables:
        below(name, frozenset())
    return found


_FIRST = (
    "extension",
    "type",
    "table",
    "new column",
    "sequence",
    "column",
    "key",
    "index",
    "check",
    "foreign key",
)
"""What has to be there before what comes behind it; everything else comes last."""


def _rank(one: Difference) -> int:
    turn = one.object.kind
    match turn, one.wanted:
        case "extension" | "type", _:
            pass
        case "sequence", _ if not one.object.table:  # it is missing
            turn = "sequence"
        case "table", Table() if one.live is None:
            turn = "table"
        case "column", Column():
            turn = "new column" if one.live is None else "column"
        case "index", Index():
            turn = "index"
        case "constraint", Constraint() as rule:
            turn = _TURNS.get(rule.kind, "check")
        case _:
            return len(_FIRST)
    return _FIRST.index(turn)


_TURNS = {
    ConstraintKind.PRIMARY: "key",
    ConstraintKind.UNIQUE: "key",
    ConstraintKind.FOREIGN: "foreign key",
}


def of_tables(
    wanted: Table, live: Table, *, missing: Collection[str] = frozenset()
) -> Iterator[Difference]:
    """Yield how the table *live* differs from *wanted*, where the sequences *missing* are not there."""
    for column in wanted.columns.values():
        one, existing = Object("column", wanted.name, column.name), live.columns.get(column.name)
        if existing is None:
            yield _missing_column(one, wanted, live, missing)
        else:
            yield from of_columns(one, column, existing)
    fixed = {name for name, column in wanted.columns.items() if not column.anywhere}
    shared = [name for name in wanted.columns if name in live.columns and name in fixed]
    order = [name for name in live.columns if name in fixed]
    if shared != order:
        first = next(a for a, b in zip(shared, order, strict=True) if a != b)
        sentence = f"table {wanted.name} has its columns in another order from {first} on"
        judged = DriftSeverity.HARMLESS, "the server names the columns that it reads and writes"
        yield dataclasses.replace(
            _differs(Object("table", wanted.name, wanted.name), sentence, judged, wanted, live),
            hint="no statement moves a column; a dump that is restored into a table made anew does",
        )
    for constraint in wanted.constraints.values():
        yield from _constraint(wanted, constraint, live)


def _missing_column(
    one: Object, wanted: Table, live: Table, missing: Collection[str]
) -> Difference:
    """Return that the column at the address *one* is missing, or that it has another name."""
    column, effect = wanted.columns[one.name], "every statement of the server that names it fails"
    made = _with_sequence(wanted.name, column, missing)
    place = list(wanted.columns).index(one.name)
    there = list(live.columns.values())[place : place + 1]
    for other in there:
        if other.name not in wanted.columns and dataclasses.replace(other, name=one.name) == column:
            quoted = other.name.replace('"', '""')
            fix = f'alter table "{wanted.name}" rename column "{quoted}" to "{one.name}"'
            sentence = f"{one} is missing: the column {other.name} is in its place"
            return Difference(one, sentence, made, other, fix=fix, effect=effect)
    return _missing(one, made, effect)


def of_columns(one: Object, wanted: Column, live: Column) -> Iterator[Difference]:
    """Yield how the column *live*, at the address *one*, differs from *wanted*."""
    if wanted.type != live.type:
        sentence = f"{one} is {live.type} instead of {wanted.type}"
        yield _differs(one, sentence, severity.retyped(wanted.type, live.type), wanted, live)
    if wanted.collation != live.collation:
        sentence = f"{one} has the collation {live.collation or 'of the database'}"
        effect = "texts are compared, found and sorted in another way than the server expects"
        yield _differs(one, sentence, (DriftSeverity.HARMFUL, effect), wanted, live)
    if live.generated:
        sentence = f"{one} is generated always as ({shown(live.generated)}"
        sentence = sentence[: sentence.rindex(" ")] + ")" + sentence[sentence.rindex(" ") :]
        effect = "every statement of the server that writes it fails"
        differs = _differs(one, sentence, (DriftSeverity.HARMFUL, effect), wanted, live)
        hint = "add an ordinary column, copy the values into it, drop this one, and give the new one its name"
        yield dataclasses.replace(differs, hint=hint if live.irrevocable else "")
        return
    if wanted.not_null != live.not_null:
        sentence = "takes null" if wanted.not_null else "does not take null"
        effect = (
            "rows without a value for it come in, which the server does not expect"
            if wanted.not_null
            else "rows that the server adds without a value for it are refused"
        )
        yield _differs(one, f"{one} {sentence}", (DriftSeverity.HARMFUL, effect), wanted, live)
    elif live.unproven and not wanted.unproven:
        effect = "rows that were there before may be without a value for it"
        yield _differs(one, f"{one} may be null in old rows: its not null is not valid",
                       (DriftSeverity.HARMFUL, effect), wanted, live)  # fmt: skip
    yield from _defaults(one, wanted, live)


def _defaults(one: Object, wanted: Column, live: Column) -> Iterator[Difference]:
    if live.identity != wanted.identity:
        sentence = (
            f"{one} is generated {live.identity} as identity instead of having the default "
            f"{_default(wanted)}"
        )
        numbered = (wanted.default or "").startswith("nextval")
        judged = (
            (DriftSeverity.HARMLESS, "it is numbered as well")
            if numbered
            else (DriftSeverity.HARMFUL, "rows get a number that the server does not expect")
        )
        yield _differs(one, sentence, judged, wanted, live)
    elif wanted.default != live.default:
        has = "no default" if live.default is None else f"the default {_default(live)}"
        judged = severity.defaulted(wanted.default, live.default, not_null=live.not_null)
        sentence = f"{one} has {has} instead of {_default(wanted)}"
        yield _differs(one, sentence, judged, wanted, live)


def _default(column: Column) -> str:
    return "none" if column.default is None else shown(column.default)


def _constraint(table: Table, wanted: Constraint, live: Table) -> Iterator[Difference]:
    one = Object("constraint", table.name, wanted.name)
    what = f"table {table.name}: constraint {wanted.name}"
    existing = live.constraints.get(wanted.name)
    if existing is not None:
        if existing != wanted:
            judged = DriftSeverity.HARMFUL, _RULES[wanted.kind]
            yield _differs(
                one, f"{what} is {existing} instead of {wanted}", judged, wanted, existing
            )
        return
    for other in live.constraints.values():
        if (
            other.name not in table.constraints
            and dataclasses.replace(other, name=wanted.name) == wanted
        ):
            judged = DriftSeverity.HARMLESS, "the server does not ask for its name"
            yield _differs(one, f"{what} is called {other.name}", judged, wanted, other)
            return
    yield _differs(one, f"{what} is missing", (DriftSeverity.HARMFUL, _RULES[wanted.kind]), wanted)


_RULES = {
    ConstraintKind.PRIMARY: "rows may come twice, and `on conflict` of the server fails",
    ConstraintKind.UNIQUE: "rows may come twice, and `on conflict` of the server fails",
    ConstraintKind.FOREIGN: "rows may refer to what is not there, or go or stay when it goes, as the server does not expect",
    ConstraintKind.CHECK: "rows come in that the server does not expect, or rows that it writes are refused",
    ConstraintKind.EXCLUSION: "rows that the server writes may be refused",
}


def _index(wanted: Index, live: Schema, whole: Schema) -> Iterator[Difference]:
    wanted = _reaching(wanted, live.operators)
    one = Object("index", wanted.table, wanted.name)
    existing = live.indexes.get(wanted.name)
    effect = (
        "rows may come twice, or rows that the server writes are refused"
        if wanted.unique or (existing is not None and existing.unique)
        else "the server becomes slow: what would be looked up is searched for in the whole table"
    )
    if existing is not None:
        if existing != wanted:
            both = existing.table != wanted.table
            sentence = (
                f"index {wanted.name} is {existing}{f' on {existing.table}' if both else ''} instead of "
                f"{wanted}{f' on {wanted.table}' if both else ''}"
            )
            yield _differs(one, sentence, (DriftSeverity.HARMFUL, effect), wanted, existing)
        return
    for other in live.indexes.values():
        if (
            other.name not in whole.indexes
            and dataclasses.replace(other, name=wanted.name) == wanted
        ):
            judged = DriftSeverity.HARMLESS, "the server does not ask for its name"
            yield _differs(
                one, f"index {wanted.name} is called {other.name}", judged, wanted, other
            )
            return
    yield _differs(one, f"index {wanted.name} is missing", (DriftSeverity.HARMFUL, effect), wanted)


def _reaching(index: Index, operators: Mapping[str, str]) -> Index:
    """Return *index* such that its operator classes are found whatever the search path is."""

    def reaching(key: str) -> str:
        column, _, name = key.rpartition(" ")
        if name not in operators:
            return key
        schema = operators[name].replace('"', '""')
        return f'{column} "{schema}".{name}'

    return dataclasses.replace(index, keys_sql=tuple(map(reaching, index.keys_sql)))


def _missing_table(table: Table, wanted: Schema, live: Schema) -> Iterator[Difference]:
    """Yield that *table* is missing, and each foreign key of it: what that needs may be missing as well."""
    one = Object("table", table.name, table.name)
    effect = "every statement of the server that names it fails"
    if view := live.views.get(table.name):
        sentence = f"{one} is missing: a {view} is called so"
        hint = f"give the {view} another name, and the table its own"
        effect = "what the server writes is refused, or goes elsewhere"
        yield Difference(one, sentence, effect=effect, hint=hint)
        return
    for other in live.tables.values():
        alike = other.columns.keys() == table.columns.keys() and table.constraints
        if (
            other.name not in wanted.tables
            and alike
            and table.constraints.keys() <= other.constraints.keys()
        ):
            sentence = f"{one} is missing: the table {other.name} has its columns and keys"
            quoted = other.name.replace('"', '""')
            fix = f'alter table "{quoted}" rename to "{table.name}"'
            yield Difference(one, sentence, table, effect=effect, fix=fix)
            return
    missing = wanted.sequences - live.sequences
    foreign = {
        name: rule
        for name, rule in table.constraints.items()
        if rule.kind is ConstraintKind.FOREIGN
    }
    columns = {
        name: _with_sequence(table.name, column, missing) for name, column in table.columns.items()
    }
    rules = {name: rule for name, rule in table.constraints.items() if name not in foreign}
    yield _missing(one, Table(table.name, columns, rules), effect)
    for rule in foreign.values():
        key = Object("constraint", table.name, rule.name)
        sentence = f"table {table.name}: constraint {rule.name} is missing"
        yield _differs(key, sentence, (DriftSeverity.HARMFUL, _RULES[rule.kind]), rule)


def _with_sequence(table: str, column: Column, missing: Collection[str]) -> Column:
    """Return the *column* as it is made anew: with its sequence, where that is *missing* too."""
    if f"{table}_{column.name}_seq" not in missing:
        return column
    return dataclasses.replace(column, type="serial", default=None, default_sql=None)


def _missing_sequence(wanted: Schema, live: Schema, name: str) -> Iterator[Difference]:
    """Yield that the sequence *name* is missing, unless it is made with the column that it numbers."""
    one = Object("sequence", "", name)
    effect = "rows that the server adds get no number, or are refused"
    for table in wanted.tables.values():
        for column in table.columns.values():
            if name in (column.default_sql or "") and f"{table.name}_{column.name}_seq" == name:
                existing = live.tables.get(table.name)
                if existing is not None and column.name in existing.columns:
                    fix = numbering(table.name, column)
                    yield Difference(one, f"{one} is missing", fix=fix, effect=effect)
                return
    yield _missing(one, None, effect)


def numbering(table: str, column: Column) -> str:
    """Return the statements that make the sequence of a serial *column* of *table* again."""
    name, owner = f"{table}_{column.name}_seq", f'"{table}"."{column.name}"'
    highest = f'coalesce(max({owner}), 0) + 1, false) from "{table}"'
    default = f'alter table "{table}" alter column "{column.name}" set default'
    return (
        f'create sequence "{name}" as integer owned by {owner}; '
        f"select setval('\"{name}\"', {highest}; {default} {column.default_sql}"
    )


def _missing(one: Object, wanted: Definition | None, effect: str) -> Difference:
    return Difference(one, f"{one} is missing", wanted, effect=effect)


def _differs(
    one: Object,
    sentence: str,
    judged: Judged,
    wanted: Definition | None = None,
    live: Definition | None = None,
) -> Difference:
    grave, effect = judged
    return Difference(one, sentence, wanted, live, severity=grave, effect=effect)


def sentences(found: Sequence[Difference]) -> tuple[str, ...]:
    """Return the sentence of each."""
    return tuple(map(str, found))


def by_object(found: Sequence[Difference]) -> Mapping[Object, list[Difference]]:
    """Return them by what they are about, in their order."""
    groups: dict[Object, list[Difference]] = {}
    for one in found:
        groups.setdefault(one.object, []).append(one)
    return groups
