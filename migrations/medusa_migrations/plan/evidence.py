"""Pure: which rows of the ledger the live schema proves to be missing, or to be there without cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.plan.findings import joined
from medusa_migrations.schema import ddl, verify
from medusa_migrations.schema.model import Index, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.schema.drift import Difference

Rows = tuple[tuple[int, str], ...]
"""The ledger: id and name, by id."""


class Missing(NamedTuple):
    """A row that the ledger lacks, of a migration whose work is there."""

    migration: Migration
    reason: str
    id: int | None
    """The free place of its own among the ids; None: at the end."""


class Groundless(NamedTuple):
    """A row of the ledger whose migration has left nothing, or whose work was undone."""

    name: str
    reason: str


class Evidence(NamedTuple):
    """What the schema proves of the ledger."""

    missing: tuple[Missing, ...]
    groundless: tuple[Groundless, ...]
    unproven: tuple[str, ...]
    """Migrations of the version that is proven then, and which leave no trace in the schema."""

    @property
    def sentences(self) -> list[str]:
        """Each row with its reason: `+` is added, `-` taken away."""
        return [
            *(f"+ {one.migration.name}: {one.reason}" for one in self.missing),
            *(f"- {one.name}: {one.reason}" for one in self.groundless),
        ]

    @property
    def nothing(self) -> bool:
        """Whether the ledger is what the schema says."""
        return not self.missing and not self.groundless


def weigh(
    catalog: Catalog, rows: Rows, live: Schema, flags: Mapping[str, bool] | None = None
) -> Evidence:
    """Return what *live* proves of the ledger *rows*.

    A migration counts as run where the schema differs less from what is expected with it than without,
    and in nothing new: all that it changes is as it leaves it. It counts as not run in the same way, where
    no missing row explains it. What a migration drops proves nothing where more of the kind is missing, and
    what is there under another name is not missing.
    """
    known = tuple(row for row in _first(rows) if catalog.knows(row[1]))
    if not known:
        return Evidence((), (), ())
    holes, whole = _holes(catalog, known, live)
    behind, whole = _behind(catalog, whole, live, flags or {})
    missing, whole = _missing(catalog, whole, live, flags or {})
    groundless, whole = _groundless(catalog, whole, live)
    missing = [*holes, *behind, *missing]
    replaced, whole = _replaced(catalog, whole, live, flags or {})
    if not missing and not groundless and not replaced:
        return Evidence((), (), ())
    names = {name for _, name in whole}
    latest = max((catalog.first_version(name) for name in names), default=catalog.newest)
    silent = [m.name for m in catalog.enabled(latest, flags or {}) if m.name not in names]
    found = sorted([*missing, *replaced], key=lambda one: one.migration.order)
    return Evidence(tuple(found), tuple(groundless), tuple(silent))


def hint(catalog: Catalog, rows: Rows, live: Schema) -> str:
    """Return a sentence that leads to `medusa-db repair` where *live* proves something of the ledger *rows*."""
    found = weigh(catalog, rows, live)
    if found.nothing:
        return ""
    names = [one.migration.name for one in found.missing] + [one.name for one in found.groundless]
    return (
        f"The schema proves that the ledger is wrong about {joined(names)}: `medusa-db repair` shows why, "
        "and --apply writes it"
    )


def _first(rows: Rows) -> Iterable[tuple[int, str]]:
    """Yield each name once, with its first id; races of Medusa's own tool double rows."""
    seen: set[str] = set()
    for id_, name in rows:
        if name not in seen:
            seen.add(name)
            yield id_, name


def _holes(catalog: Catalog, rows: Rows, live: Schema) -> tuple[list[Missing], Rows]:
    """Return the rows without which later ones of the ledger cannot have run, and all rows with them."""
    found: list[Missing] = []
    given, reach = rows, _reach(catalog, rows)
    for migration in _candidates(catalog, rows):
        if reach > len(rows):
            break
        place = _place(catalog, rows, migration)
        more = _with(rows, migration, place)
        if (reached := _reach(catalog, more)) > reach + 1:
            reason = "later migrations of the ledger stand on what it makes"
            found.append(Missing(migration, reason, place))
            rows, reach = more, reached
    made = {name for one in found for *_, name in ddl.makes(one.migration.statements)}
    drift = _drift(catalog, rows, live)
    if drift is None or any(name in made for one in drift for name in str(one).split()):
        return [], given
    return found, rows


def _behind(
    catalog: Catalog, rows: Rows, live: Schema, flags: Mapping[str, bool]
) -> tuple[list[Missing], Rows]:
    """Return the rows that lead to the newest version whose whole set the schema has, and all rows with them."""
    drift = _drift(catalog, rows, live)
    latest = max(catalog.first_version(name) for _, name in rows)
    tried: set[frozenset[str]] = set()
    for version in reversed(catalog.versions):
        have = {name for _, name in rows}
        added = [m for m in catalog.enabled(version, flags) if m.name not in have]
        names = frozenset(m.name for m in added)
        if drift == frozenset() or version < latest:
            break
        if len(added) < 2 or names in tried:
            continue
        tried.add(names)
        found, whole = [], rows
        for migration in added:
            place = _place(catalog, whole, migration)
            reason = f"the schema is as {version} has it"
            found.append(Missing(migration, reason, place))
            whole = _with(whole, migration, place)
        with_them = _drift(catalog, whole, live)
        if with_them is not None and _explains(with_them, drift):
            proven = [
                one
                for one in found
                if _tells(catalog, whole, one.migration.name, with_them, live)
                or (drift is None and _ran_before(catalog, rows, one.migration))
            ]
            kept = have | {one.migration.name for one in proven}
            return proven, tuple(row for row in whole if row[1] in kept)
    return [], rows


def _explains(with_them: frozenset[Difference], without: frozenset[Difference] | None) -> bool:
    """Return whether rows explain the schema better; *without* them there may be no way to run the others."""
    if without is None:
        return not any(one.is_gone for one in with_them)
    return with_them < without


def _ran_before(catalog: Catalog, rows: Rows, migration: Migration) -> bool:
    """Return whether Medusa had *migration* and ran it before one of *rows*: it runs them in their order."""
    since = catalog.first_version(migration.name)
    return any(
        _order(catalog, name) > migration.order and catalog.first_version(name) >= since
        for _, name in rows
    )


def _tells(
    catalog: Catalog, rows: Rows, name: str, drift: frozenset[Difference], live: Schema
) -> bool:
    """Return whether the schema tells that *name*, one of *rows*, has run: one that changes rows only does not."""
    names = _sorted(catalog, (other for _, other in rows))
    rest = [other for other in names if other != name]
    return (
        _differences(catalog, rest, live) != drift
        or _differences(catalog, [*rest, name], live) != drift
    )


def _missing(
    catalog: Catalog, rows: Rows, live: Schema, flags: Mapping[str, bool]
) -> tuple[list[Missing], Rows]:
    """Return the rows that are missing, in the order in which their migrations run, and all rows with them."""
    found: list[tuple[Missing, frozenset[Difference]]] = []
    before, drift = rows, _drift(catalog, rows, live)
    for migration in _candidates(catalog, rows):
        if not drift:
            break
        if not _may_explain(catalog, migration.name, drift):
            continue
        place = _place(catalog, rows, migration)
        more = _with(rows, migration, place)
        with_it = _drift(catalog, more, live)
        if with_it is not None and with_it < drift:
            reason = f"the schema has what it makes; without the row: {_some(drift - with_it)}"
            found.append((Missing(migration, reason, place), drift - with_it))
            rows, drift = more, with_it
    lost = {one.object.kind for one in drift or () if one.is_gone}
    on = {
        flag: True
        for _, name in before
        for flag in catalog.gates(catalog.text(name, catalog.newest), catalog.newest)
    }
    run = {migration.name for migration in catalog.enabled(catalog.newest, on | dict(flags))}
    proven = [
        one
        for one, explained in found
        if not all(other.is_gone for other in explained)
        or (one.migration.name in run and not lost & {other.object.kind for other in explained})
    ]
    if len(proven) < len(found):
        rows = before
        for one in proven:
            rows = _with(rows, one.migration, one.id)
    return proven, rows


def _groundless(catalog: Catalog, rows: Rows, live: Schema) -> tuple[list[Groundless], Rows]:
    """Return the rows whose migration has left nothing, newest looked at first, and the other rows."""
    found: list[Groundless] = []
    drift = _drift(catalog, rows, live)
    for row in sorted(rows, key=lambda row: _order(catalog, row[1]), reverse=True):
        if not drift:
            break
        if not _may_explain(catalog, row[1], drift):
            continue
        rest = tuple(other for other in rows if other != row)
        without = _drift(catalog, rest, live)
        if (
            without is not None
            and without < drift
            and not any(_is_there(one, live) for one in drift - without)
        ):
            reason = f"the schema has nothing of what it makes: {_some(drift - without)}"
            found.append(Groundless(row[1], reason))
            rows, drift = rest, without
    return found, rows


def _may_explain(catalog: Catalog, name: str, drift: Iterable[Difference]) -> bool:
    """Return whether a migration is about anything that differs; with or without one that is not, that stays."""
    return any(
        text.extension or verify.concerns(drift, text.statements) for text in catalog.texts[name]
    )


def _is_there(found: Difference, live: Schema) -> bool:
    """Return whether what differs is there all the same, under another name, or has its name taken by another."""
    other = found.live
    if found.object.kind == "table":
        return found.object.name in live.views or bool(found.fix)  # it was renamed
    if isinstance(other, Index) and other.table != found.object.table:
        return True
    return other is not None and found.is_gone


def _replaced(
    catalog: Catalog, rows: Rows, live: Schema, flags: Mapping[str, bool]
) -> tuple[list[Missing], Rows]:
    """Return the rows of migrations whose work later ones have replaced, and all rows with them.

    In their place they change nothing of what is expected; run now, they would.
    """
    found: list[Missing] = []
    if not rows:
        return found, rows
    drift = _drift(catalog, rows, live)
    last = max(_order(catalog, name) for _, name in rows)
    latest = max(catalog.first_version(name) for _, name in rows)
    run = {migration.name for migration in catalog.enabled(latest, flags)}
    for migration in _candidates(catalog, rows):
        if migration.order > last or migration.name not in run:
            continue
        names = [name for _, name in rows]
        in_place = _differences(catalog, _sorted(catalog, [*names, migration.name]), live)
        behind = _differences(catalog, [*_sorted(catalog, names), migration.name], live)
        if in_place == drift and behind != drift:
            place = _place(catalog, rows, migration)
            reason = "later migrations of the ledger have replaced what it makes; run now it would undo them"
            found.append(Missing(migration, reason, place))
            rows = _with(rows, migration, place)
    return found, rows


def _candidates(catalog: Catalog, rows: Rows) -> list[Migration]:
    have = {name for _, name in rows}
    latest = max(catalog.first_version(name) for name in have)
    sets = (*catalog.present(catalog.newest), *catalog.present(latest))
    found = {m.name: m for m in sets if m.name not in have}
    return sorted(found.values(), key=lambda migration: migration.order)


def _place(catalog: Catalog, rows: Rows, migration: Migration) -> int | None:
    """Return a free id between the rows that *migration* runs between; None where there is none."""
    before = [id_ for id_, name in rows if _order(catalog, name) < migration.order]
    behind = [id_ for id_, name in rows if _order(catalog, name) > migration.order]
    if not behind:
        return None
    free = max(before, default=0) + 1
    return free if free < min(behind) else None


def _with(rows: Rows, migration: Migration, place: int | None) -> Rows:
    at = place if place is not None else max((id_ for id_, _ in rows), default=0) + 1
    return tuple(sorted((*rows, (at, migration.name))))


def _order(catalog: Catalog, name: str) -> tuple[int, str]:
    return catalog.texts[name][-1].order


def _sorted(catalog: Catalog, names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: _order(catalog, name))


def _drift(catalog: Catalog, rows: Rows, live: Schema) -> frozenset[Difference] | None:
    """Return how *live* differs from what *rows* make; None: their migrations cannot be run.

    In the order of the ledger or as Medusa runs them, whichever differs less: rows that were added later, or
    numbered anew, are not in the order in which they ran.
    """
    names, in_order = [name for _, name in rows], _sorted(catalog, (name for _, name in rows))
    found = _differences(catalog, names, live)
    if found == frozenset() or names == in_order:
        return found
    both = (found, _differences(catalog, in_order, live))
    return min((one for one in both if one is not None), key=len, default=None)


def _differences(
    catalog: Catalog, names: Sequence[str], live: Schema
) -> frozenset[Difference] | None:
    latest = max((catalog.first_version(name) for name in names), default=catalog.newest)
    try:
        return frozenset(verify.drift_of(catalog, latest, names, live))
    except ddl.DialectError:
        return None


def _reach(catalog: Catalog, rows: Rows) -> int:
    """Return how many of *rows* can be run in their order; one more where all can."""
    names = _sorted(catalog, (name for _, name in rows))
    latest = max(catalog.first_version(name) for name in names)
    schema = Schema()
    for count, name in enumerate(names):
        try:
            verify.apply(schema, catalog.text(name, latest))
        except ddl.DialectError:
            return count
    return len(names) + 1


def _some(found: Iterable[Difference]) -> str:
    return joined(sorted(map(str, found)))
