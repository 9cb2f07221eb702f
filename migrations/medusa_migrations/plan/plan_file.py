"""Pure: a plan that was reviewed, as `plan --output json` writes it: read back, and compared with the present."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.contract.values import some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from medusa_migrations.plan.plan import Item, Step
    from medusa_migrations.schema.model import Schema

FORMAT = "medusadb.dev/v1"
"""What the key `plan` holds, so that a reader knows what else there is."""
MOST = 8 * 1024 * 1024
"""Bytes of a plan; the longest there are have a tenth of it."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan was made on; what could not be read is empty, and is not compared."""

    system: str = ""
    """The identifier that initdb gave the server, which its standbys have as well."""
    database: str = ""
    schema: str = ""
    place: str = ""
    """The version the database was at, in words."""
    ledger: tuple[str, ...] = ()
    objects: Mapping[str, str] = field(default_factory=dict)
    """The objects of the schema, `table product`, each with a checksum of its definition."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan was asked for."""

    to: str
    unasked: bool = False
    flags: Mapping[str, bool] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    data_steps: bool = True
    asked: tuple[str, ...] = ()
    baseline: str = ""
    each: bool = False
    migrations_dir: str = ""
    migrations_format: str = ""


Runs = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Of each step its version and its items, by name and checksum."""


UNREAD = ""
"""In place of the checksum of what others had locked, so that it could not be read."""


class PlanFile(NamedTuple):
    """A plan that was reviewed."""

    name: str
    """The file it was read from."""
    runner: str
    asked: Asked
    limits: Mapping[str, float]
    basis: Basis
    runs: Runs
    breaking: tuple[str, ...]
    """The breaking versions whose notes are in it."""


def checksum(item: Item) -> str:
    """Return what tells the text of an item from any other."""
    if isinstance(item, Migration) and item.pieces is not None:  # whose text is not all of it
        return item.checksum
    return hashlib.sha256(item.text.encode()).hexdigest()


def runs(steps: Sequence[Step]) -> Runs:
    """Return what *steps* run."""
    return tuple(
        (str(step.target), tuple((item.name, checksum(item)) for item in step.items))
        for step in steps
    )


def objects(schema: Schema) -> dict[str, str]:
    """Return the objects of *schema*, each with a checksum of its definition."""
    parts: dict[str, list[object]] = {}
    for table in schema.tables.values():
        constraints = sorted(table.constraints.values(), key=lambda one: one.name)
        parts[f"table {table.name}"] = [*table.columns.values(), *constraints]
    for index in sorted(schema.indexes.values(), key=lambda one: one.name):
        parts.setdefault(f"table {index.table}", []).append(index)
    parts |= {f"type {name}": list(labels) for name, labels in schema.enums.items()}
    parts |= {f"sequence {name}": [] for name in schema.sequences}
    parts |= {f"extension {name}": [] for name in schema.extensions}
    return {name: digest(repr(parts[name])) for name in sorted(parts)}


def digest(definition: str) -> str:
    """Return a short checksum of what an object is."""
    return hashlib.sha256(definition.encode()).hexdigest()[:16]


def other_database(then: Basis, now: Basis) -> str:
    """Say in which way *now* is another database than the one that was planned for; empty: it is not."""
    for what, one, other in (
        ("server", then.system, now.system),
        ("database", then.database, now.database),
        ("schema", then.schema, now.schema),
    ):
        if one and other and one != other:
            return f"it was made for the {what} {one}, and this is {other}"
    return ""


def moved(plan: PlanFile, now: Basis, runner: str) -> list[str]:
    """Say in which way *now*, or the *runner*, is not what *plan* was made on, or by."""
    if plan.runner != runner:
        return [f"it was made by medusa-db {plan.runner}, and this is {runner}"]
    return list(_moved(plan.basis, now))


def other_runs(plan: PlanFile, steps: Sequence[Step]) -> list[str]:
    """Say in which way *steps* would not run what is in *plan*."""
    return list(_other_runs(plan.runs, runs(steps)))


def _moved(then: Basis, now: Basis) -> Iterator[str]:
    if then.place != now.place:
        yield f"the database was at {then.place}, and is at {now.place}"
    added = Counter(now.ledger) - Counter(then.ledger)
    gone = Counter(then.ledger) - Counter(now.ledger)
    if added:
        yield f"the ledger has got {some(list(added.elements()))}"
    if gone:
        yield f"the ledger has lost {some(list(gone.elements()))}"
    for name in sorted(then.objects.keys() | now.objects.keys()):
        if name not in now.objects:
            yield f"the {name} is gone"
        elif name not in then.objects:
            yield f"the {name} is new"
        elif UNREAD in (then.objects[name], now.objects[name]):
            continue  # a table that is not Medusa's, and that others had locked
        elif then.objects[name] != now.objects[name]:
            yield f"the {name} is not what it was"


def _other_runs(then: Runs, now: Runs) -> Iterator[str]:
    planned = {name: text for _, items in then for name, text in items}
    present = {name: text for _, items in now for name, text in items}
    if missing := [name for name in planned if name not in present]:
        yield f"{some(missing)} would not run"
    if more := [name for name in present if name not in planned]:
        yield f"{some(more)} would run as well"
    both = planned.keys() & present.keys()
    if edited := [name for name in planned if name in both and planned[name] != present[name]]:
        yield f"the text is not the one that was planned, of {some(edited)}"
    if then != now and not (missing or more or edited):
        yield "its steps would run in another order, or be cut in another way"


def read(name: str, content: bytes) -> PlanFile:
    """Return the plan in *content*, which was read from the file *name*.

    Raises UsageError for what is none, whoever wrote it.
    """
    try:
        return _plan(name, _parsed(content))
    except _NoPlanError as exc:
        raise UsageError(
            f"--plan{f' {name}' if name != '-' else ', what stdin gave'}: {exc}. Make one with `medusa-db plan "
            "--output json > plan.json`"
        ) from exc


class _NoPlanError(Exception):
    """It is no plan, and this is why."""


def _parsed(content: bytes) -> Any:
    if not content.strip():
        raise _NoPlanError("it is empty")
    if len(content) > MOST:
        raise _NoPlanError(f"it is longer than {MOST // 1024 // 1024} MiB, which no plan is")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise _NoPlanError("it is not UTF-8") from exc
    except json.JSONDecodeError as exc:
        at = f"line {exc.lineno}, column {exc.colno}"
        raise _NoPlanError(f"it is not JSON, or was cut off ({at}: {exc.msg})") from exc
    except (RecursionError, ValueError) as exc:
        raise _NoPlanError("it is nested too deeply, or has a number too long, for a plan") from exc


def _plan(name: str, body: Any) -> PlanFile:
    if not isinstance(body, dict) or "plan" not in body:
        raise _NoPlanError("it is not a plan: the key `plan` is missing")
    if body["plan"] != FORMAT:
        shown = repr(body["plan"])[:60]
        raise _NoPlanError(f"its format is {shown}, and this medusa-db reads {FORMAT!r}")
    asked, database = _get(body, "request", dict), _get(body, "database", dict)
    limits, flags = _get(body, "limits", dict), _get(asked, "flags", dict)
    return PlanFile(
        name=name,
        runner=_text(body, "runner"),
        asked=Asked(
            to=_text(asked, "to"),
            unasked=_get(asked, "unasked", bool),
            flags={key: _get(flags, key, bool) for key in flags},
            stops=_texts(asked, "stops"),
            data_steps=_get(asked, "dataSteps", bool),
            asked=_texts(asked, "dataStep"),
            baseline=_text(asked, "baseline"),
            each=_text(body, "transaction") == "each",
            migrations_dir=_text(asked, "migrationsDir"),
            migrations_format=_text(asked, "migrationsFormat"),
        ),
        limits={key: _number(limits, key) for key in limits},
        basis=Basis(
            system=_text(database, "system"),
            database=_text(database, "name"),
            schema=_text(database, "schema"),
            place=_text(body, "place"),
            ledger=_texts(database, "ledger"),
            objects={
                key: _text(database["objects"], key) for key in _get(database, "objects", dict)
            },
        ),
        runs=tuple(_step(step) for step in _get(body, "steps", list)),
        breaking=_texts(body, "breaking"),
    )


def _step(step: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    items = _get(step, "items", list)
    return _text(step, "target"), tuple((_text(one, "name"), _text(one, "sha256")) for one in items)


def _get(body: Any, key: str, kind: type[_T]) -> _T:
    if not isinstance(body, dict) or key not in body:
        raise _NoPlanError(f"`{key}` is missing, or something is in its place that cannot have it")
    value = body[key]
    if not isinstance(value, kind):
        raise _NoPlanError(f"`{key[:60]}` is not what a plan has there")
    return value


def _text(body: Any, key: str) -> str:
    return _clean(_get(body, key, str), key)


def _texts(body: Any, key: str) -> tuple[str, ...]:
    return tuple(_clean(one, key) for one in _get(body, key, list))


def _clean(value: Any, key: str) -> str:
    """Return *value* where it is a text that may stand in a message."""
    if not isinstance(value, str) or len(value) > 4096 or not value.isprintable():
        raise _NoPlanError(f"`{key[:60]}` is not a text that a plan has there")
    return value


def _number(body: Any, key: str) -> float:
    value = _get(body, key, object)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise _NoPlanError(f"`{key[:60]}` is not a number of seconds")
    return float(value)
