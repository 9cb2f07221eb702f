"""Pure: how it is said what stands in the way of pending items, and what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medusa_migrations.contract import values
from medusa_migrations.contract.errors import DeniedError, RefusedError
from medusa_migrations.plan.findings import Finding
from medusa_migrations.schema.dependents import spelled
from medusa_migrations.schema.effects import Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from medusa_migrations.schema.dependency import Node, Thing
    from medusa_migrations.schema.dependents import Blocked, Cause, Foreign, Lost, Obstacles, Taken

_OF_OTHERS = ("table", "index", "enum type", "type", "domain")
"""What `rights` looks at where it is in the shop's schema."""


_TEMPORARY = re.compile(r"\bpg_temp_\d+\.")


def findings(
    found: Obstacles,
    statements: Mapping[Node, tuple[str, str]],
    schema: str,
    user: str,
) -> Iterator[Finding]:
    """Yield what was *found* in sentences, with the *statements* that PostgreSQL printed."""
    for blocked in found.blocked:
        yield _blocked(blocked, *statements.get(blocked.thing.node, ("", "")))
    for refused in found.refused:
        yield Finding(
            f"{refused.cause.item} {refused.cause.does} {refused.cause.what}, which {refused.why}",
            "PostgreSQL refuses that; make it a plain one first",
            RefusedError,
            "Dependents",
        )
    yield from _taken(found.taken)
    yield from _foreign(found.foreign, schema, user)
    yield from _lost(found.lost, statements)


def _blocked(one: Blocked, before: str, after: str) -> Finding:
    causes = " and on ".join(_cause(cause) for cause in one.causes)
    problem = f"{one.thing} depends on {causes}"
    if one.unless:
        return Finding(
            problem,
            f"PostgreSQL refuses that, unless {one.unless} drops it before: what its calls and blocks "
            "do is not known beforehand",
        )
    if _TEMPORARY.search(one.thing.identity):
        return Finding(
            problem,
            "PostgreSQL refuses that: it is a temporary one of another session, and goes when that ends",
            RefusedError,
            "Dependents",
        )
    again = "create it again as the schema is then" if after else "see to it again"
    printed = "; `medusa-db plan` prints the statements" if before else ""
    return Finding(
        problem,
        f"PostgreSQL refuses that: drop it, migrate, {again}{printed}",
        RefusedError,
        "Dependents",
        before=before,
        after=after,
    )


def _cause(cause: Cause) -> str:
    match cause.does:
        case "":
            return cause.what
        case "drops":
            return f"{cause.what}, which {cause.item} drops"
        case "changes the type of":
            return f"{cause.what}, whose type {cause.item} changes"
        case _:
            return f"the rows of {cause.what}, to which {cause.item} adds a column with values"


def _lost(found: Sequence[Lost], statements: Mapping[Node, tuple[str, str]]) -> Iterator[Finding]:
    """Yield a finding for each cause: a schema that is dropped with `cascade` may take a lot along."""
    by_cause: dict[tuple[Cause, bool], list[Lost]] = {}
    for one in found:
        by_cause.setdefault((one.cause, one.asked), []).append(one)
    for (cause, asked), several in by_cause.items():
        names = sorted(_with_table(one.thing) for one in several)
        shown = values.some(names, 8)
        goes, them = ("goes", "it") if len(names) == 1 else ("go", "them")
        again = [statements.get(one.thing.node, ("", ""))[1] for one in several]
        yield Finding(
            f"{shown} {goes} along with {cause.what}, which {cause.item} drops"
            + (" with `cascade`" if asked else ""),
            f"PostgreSQL drops {them} without a word; see what the shop needs in the place of {them}",
            after=";\n".join(one.rstrip(";") for one in again if one),
        )


def _with_table(thing: Thing) -> str:
    return f"{thing} on {thing.table}" if thing.kind == "index" and thing.table else str(thing)


def _taken(found: Sequence[Taken]) -> Iterator[Finding]:
    """Yield a finding for each item whose names are taken, and for each kind of what it makes by the name of another."""
    by_item: dict[tuple[str, str], list[Taken]] = {}
    for one in found:
        other = one.kind if one.entry.kind != one.kind else ""
        by_item.setdefault((one.item.name, other), []).append(one)
    for (name, other), several in by_item.items():
        names = [_kind_and_name(one) for one in several]
        shown = values.some(names, 5)
        are, them = ("is", "it") if len(names) == 1 else ("are", "them")
        makes = f"{name} makes {_of_that_name(other, len(names)) if other else them}"
        unless = several[0].unless
        if several[0].item.own:
            advice = f"Give what the file makes another name, or rename or drop what {are} there"
        elif other:
            advice = f"Rename {them}: Medusa needs its own {other} to be called so"
        else:
            advice = (
                f"If Medusa made {them}, the ledger lacks a row: `medusa-db repair` shows what the schema "
                f"proves. If the shop did, rename {them}. Drop nothing that may hold rows"
            )
        yield Finding(
            f"{shown} {are} there already, and {makes}"
            + (f", unless {unless} drops {them} before" if unless else ""),
            advice,
            None if unless else RefusedError,
            "NameTaken",
        )


def _of_that_name(kind: str, count: int) -> str:
    if count == 1:
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} of that name"
    return f"{kind}{'es' if kind.endswith('x') else 's'} of those names"


def _kind_and_name(one: Taken) -> str:
    owner = "" if one.entry.owned else f" of {one.entry.owner}"
    if one.name.space.part:
        return f"the {spelled(one.name)}{owner}"
    return f"the {one.entry.kind} {spelled(one.name)}{owner}"


def _foreign(found: Sequence[Foreign], schema: str, user: str) -> Iterator[Finding]:
    by_owner: dict[str, dict[str, None]] = {}
    for one in found:
        ours = one.name.schema in ("", schema)
        if ours and (one.name.space.part or one.entry.kind in _OF_OTHERS):
            continue
        what = spelled(one.name) if one.name.space.part else f"{one.entry.kind} {spelled(one.name)}"
        if one.name.space is Space.ROUTINE:
            what += "()"
        by_owner.setdefault(one.entry.owner, {})[f"{what} ({one.item})"] = None
    for owner, things in by_owner.items():
        yield Finding(
            f"the role {user} does not own {', '.join(things)}, which only the owner may change or drop",
            f'Run as {owner}, the owner, or let {owner} give it over: alter ... owner to "{user}"',
            DeniedError,
            "NotOwner",
        )
