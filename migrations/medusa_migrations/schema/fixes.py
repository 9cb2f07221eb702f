"""Pure: the SQL that makes a difference of the live schema right; never one that could lose rows."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from medusa_migrations.schema import drift
from medusa_migrations.schema.expression import whole_operators
from medusa_migrations.schema.model import Column, Constraint, ConstraintKind, Index, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from medusa_migrations.schema.drift import Difference, Object


def fix(one: Difference) -> str:
    """Return the statements that make the difference *one* right; empty where SQL alone cannot.

    Names are those of the shop's schema, which must be first on the search path. What is left over
    from another version is not dropped, for it may hold rows.
    """
    if one.fix:
        return one.fix
    return _make(one) if one.live is None else _change(one)


def _make(one: Difference) -> str:
    match one.wanted:
        case Column() as column:
            return f"alter table {_q(one.object.table)} add column {_defined(column)}"
        case Constraint() as constraint:
            return f"alter table {_q(one.object.table)} add {_ruled(constraint)}"
        case Index() as index:
            return _create_index(index)
        case Table() as table:
            return _create_table(table)
        case tuple() as labels:
            return f"create type {_q(one.object.name)} as enum ({', '.join(map(_text, labels))})"
        case None if one.object.kind == "extension":
            return f"create extension {_q(one.object.name)}"
        case None:
            return ""


def _change(one: Difference) -> str:
    match one.wanted, one.live:
        case Column() as wanted, Column() as live:
            return _column(one.object, wanted, live)
        case Constraint() as wanted, Constraint() as live:
            return _constraint(one.object, wanted, live)
        case Index() as wanted, Index() as live:
            return _index(wanted, live)
        case tuple() as labels, tuple() as found:
            return _labels(one.object.name, labels, found)
        case _:  # a table whose columns are in another order
            return ""


def spelled(one: Difference, schema: str) -> str:
    """Return the fix of *one* as it can be run in a session of its own, for a shop in *schema*."""
    statements = fix(one)
    if not statements or schema == "public":
        return statements
    return f"set search_path to {_q(schema)}; {statements}"


def described(one: Difference, schema: str) -> dict[str, str]:
    """Return *one* for JSON, with a fix that can be run, or a hint, for a shop in *schema*."""
    body = {
        "kind": one.object.kind,
        "object": str(one.object),
        "difference": str(one),
        "severity": str(one.severity),
        "effect": one.effect,
        "fix": spelled(one, schema),
    }
    if not body["fix"]:
        body["hint"] = (
            one.hint or "look at it: no statement makes it right without knowing the rows"
        )
    return body


def _column(one: Object, wanted: Column, live: Column) -> str:
    """Return what makes the whole column right: type, default and nullability depend on each other."""
    name, actions, before, after = _q(one.name), list[str](), "", ""
    if live.irrevocable:
        return ""
    if live.type.endswith("[]") and not wanted.type.endswith("[]"):  # which of its values?
        return ""
    if live.generated:
        actions.append(f"alter column {name} drop expression")
    retyped = wanted.type != live.type or wanted.collation != live.collation
    if retyped and live.default is not None:
        actions.append(f"alter column {name} drop default")
    if retyped:
        collation = ' collate "default"' if live.collation and not wanted.collation else ""
        type_ = f"{_type(wanted)}{collation}"
        actions.append(f"alter column {name} type {type_} using {_cast(name, wanted)}")
    if live.identity and not wanted.identity:
        before = f"alter table {_q(one.table)} alter column {name} drop identity; "
        if (wanted.default or "").startswith("nextval"):
            before += f"{drift.numbering(one.table, wanted)}; "
    elif wanted.default is not None and (retyped or wanted.default != live.default):
        actions.append(f"alter column {name} set default {_default(wanted)}")
    elif wanted.default is None and live.default is not None and not retyped:
        actions.append(f"alter column {name} drop default")
    if wanted.not_null != live.not_null:
        actions.append(f"alter column {name} {'set' if wanted.not_null else 'drop'} not null")
    elif live.unproven and not wanted.unproven:
        drop, make = (
            f"alter table {_q(one.table)} alter column {name} {verb} not null"
            for verb in ("drop", "set")
        )
        after = f"; {drop}; {make}"
    changed = f"alter table {_q(one.table)} {', '.join(actions)}" if actions else ""
    return f"{before}{changed}{after}".strip("; ")


def _cast(name: str, wanted: Column) -> str:
    plain = wanted.type.split("(")[0] in _PLAIN
    return f"{name}::{_type(wanted)}" if plain else f"{name}::text::{_type(wanted)}"


_PLAIN = frozenset({
    "integer", "bigint", "serial", "numeric", "real", "boolean", "text", "character varying", "jsonb",
    "timestamp with time zone", "timestamp without time zone",
})  # fmt: skip


def _defined(column: Column) -> str:
    text = f"{_q(column.name)} {_type(column)}"
    text += " not null" if column.not_null else ""
    return text + (f" default {_default(column)}" if column.default is not None else "")


def _default(column: Column) -> str:
    return whole_operators(column.default_sql or column.default or "")


def _type(column: Column) -> str:
    """Return the type as SQL: one of the shop's own may need quotes."""
    base, array = column.type.removesuffix("[]"), column.type.endswith("[]")
    quoted = base if base.split("(")[0] in _PLAIN else _q(base)
    return quoted + ("[]" if array else "")


def _constraint(one: Object, wanted: Constraint, live: Constraint) -> str:
    table, name = _q(one.table), _q(one.name)
    if live.name != wanted.name:
        return f"alter table {table} rename constraint {_q(live.name)} to {name}"
    if _plain(live) == wanted:
        if live.options == "not valid":
            return f"alter table {table} validate constraint {name}"
        if live.options.startswith("with an "):
            return f"reindex index {name}"
        if wanted.kind is ConstraintKind.FOREIGN and live.options in (
            "deferrable",
            "deferrable initially deferred",
        ):
            return f"alter table {table} alter constraint {name} not deferrable"
    return f"alter table {table} drop constraint {name}, add {_ruled(wanted)}"


def _plain(one: Constraint) -> Constraint:
    return dataclasses.replace(one, options="")


def _ruled(one: Constraint) -> str:
    text = f"constraint {_q(one.name)} "
    if one.kind is ConstraintKind.CHECK:
        return f"{text}check ({whole_operators(one.check_sql or one.check)})"
    text += f"{one.kind} ({_list(one.columns)})"
    if one.kind is ConstraintKind.FOREIGN:
        text += f" references {_q(one.references)} ({_list(one.referenced)})"
        for when, what in (("delete", one.on_delete), ("update", one.on_update)):
            text += "" if what == "no action" else f" on {when} {what}"
    return text


def _index(wanted: Index, live: Index) -> str:
    if live.name != wanted.name:
        return f"alter index {_q(live.name)} rename to {_q(wanted.name)}"
    if live.options in ("invalid", "not ready") and dataclasses.replace(live, options="") == wanted:
        return f"reindex index {_q(wanted.name)}"
    if live.table != wanted.table:
        return ""
    return f"drop index {_q(wanted.name)}; {_create_index(wanted)}"


def _create_index(one: Index) -> str:
    keys = whole_operators(", ".join(one.keys_sql or one.keys))
    where = whole_operators(one.where_sql or one.where)
    return (
        f"create {'unique ' if one.unique else ''}index {_q(one.name)} on {_q(one.table)} "
        f"using {one.method} ({keys})" + (f" where {where}" if where else "")
    )


def _create_table(one: Table) -> str:
    parts = [*map(_defined, one.columns.values()), *map(_ruled, one.constraints.values())]
    return f"create table {_q(one.name)} ({', '.join(parts)})"


def _labels(name: str, wanted: Sequence[str], live: Sequence[str]) -> str:
    """Return what adds the labels that are missing; one that is too many cannot be taken away."""
    if not set(wanted) - set(live):
        return ""
    statements, before = [], ""
    for label in wanted:
        if label not in live:
            place = f" after {_text(before)}" if before else f" before {_text(live[0])}"
            statements.append(f"alter type {_q(name)} add value {_text(label)}{place}")
        before = label
    return "; ".join(statements)


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(_q, names))


def _q(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(label: str) -> str:
    return "'" + label.replace("'", "''") + "'"
