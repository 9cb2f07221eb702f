"""Pure: a whole document, compared with the model and with itself; its products only in passing where they are many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from medusa_seed.document import handles
from medusa_seed.document.check import checker, in_place_of
from medusa_seed.document.findings import Findings, Place, shown, spell
from medusa_seed.document.model import DOCUMENT, Entry, Many
from medusa_seed.document.product import ProductRules, Uses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from medusa_seed.document.files import Piece

MOST_KEPT = 2_000
"""Products of a document that are kept; of a larger one they are read again when they are loaded."""
MOST_ENTRIES = 100_000
"""Entries of a list other than products, which are all kept in memory."""


class Placed(NamedTuple):
    """An entry, and where it is."""

    place: Place
    body: Mapping[str, Any]


@dataclass(slots=True)
class Document:
    """What a document holds; its products only where they are few."""

    store: dict[str, Any] = field(default_factory=dict)
    store_place: Place = ()
    lists: dict[str, list[Placed]] = field(default_factory=dict)
    """The entries below each other key; categories with their children flat, parents first."""
    products: int = 0
    kept: list[Placed] | None = field(default_factory=list)
    """The products; None where they are too many to be kept."""
    uses: Uses = field(default_factory=Uses)
    keys: dict[tuple[str, str], Place] = field(default_factory=dict)
    """Where each key of each kind of entry is used first: `("product", "sku")`."""
    warnings: list[str] = field(default_factory=list)

    def entries(self, name: str) -> list[Placed]:
        """Return the entries below the key *name*."""
        return self.lists.get(name, [])

    @property
    def empty(self) -> bool:
        """Whether it has no key at all, not even that of an empty list."""
        return not self.keys


def read(pieces: Iterable[Piece], findings: Findings) -> Document:
    """Return what *pieces* hold; what is wrong with it goes to *findings*."""
    document = Document()
    rules = ProductRules(document.uses, document.keys, findings)
    kinds = {known.name: known for known in DOCUMENT.fields}
    for piece in pieces:
        root: Place = (piece.file,) if piece.file else ()
        place: Place = (root, piece.key)
        known = kinds.get(piece.key)
        if known is None:
            if piece.index in (None, -1, 0):
                findings.add(place, "is no key of a seed document", near=(piece.key, kinds))
        elif piece.key == "$schema":
            continue
        elif isinstance(known.shape, Many) and isinstance(known.shape.of, Entry):
            document.keys.setdefault(("document", piece.key), place)
            _item(document, rules, piece, place, known.shape.of, findings)
        else:
            document.keys.setdefault(("document", piece.key), place)
            _store(document, piece, place, findings)
    _consistent(document, findings)
    document.warnings += rules.warnings
    return document


def products(document: Document, pieces: Callable[[], Iterable[Piece]]) -> Iterator[Placed]:
    """Yield the products of *document*, which is in order; reads its *pieces* again where it has to."""
    if document.kept is not None:
        yield from document.kept
        return
    check = checker(_shape_of("products"))
    ignored = Findings()
    for piece in pieces():
        if piece.key == "products" and piece.index is not None and piece.index >= 0:
            place: Place = ((piece.file,) if piece.file else (), "products")
            yield Placed((place, piece.index), check(piece.value, place, piece.index, ignored))


def _shape_of(name: str) -> Entry:
    shape = DOCUMENT.field(name).shape
    assert isinstance(shape, Many)  # noqa: S101  it is of the model
    assert isinstance(shape.of, Entry)  # noqa: S101
    return shape.of


def _store(document: Document, piece: Piece, place: Place, findings: Findings) -> None:
    if piece.value is None and piece.index is None:
        return
    if piece.index is not None:
        findings.add(place, "a list where an object belongs")
        return
    root = place[0]
    body = checker(DOCUMENT.field("store").shape)(piece.value, root, piece.key, findings)
    document.store |= body
    document.store_place = place
    _note_keys(document, "store", body, place)


def _item(
    document: Document,
    rules: ProductRules,
    piece: Piece,
    place: Place,
    entry: Entry,
    findings: Findings,
) -> None:
    if piece.index is None:
        if piece.value is not None:
            findings.add(place, f"{in_place_of(entry, piece.value)} where a list belongs")
        return
    if piece.index < 0:
        return
    before = findings.count
    body = checker(entry)(piece.value, place, piece.index, findings)
    here: Place = (place, piece.index)
    whole = findings.count == before
    if piece.key == "products":
        document.products += 1
        if document.products > MOST_KEPT:
            document.kept = None
        if whole:
            rules.check(body, here)
            if document.kept is not None:
                document.kept.append(Placed(here, body))
        return
    existing = document.lists.setdefault(piece.key, [])
    if len(existing) >= MOST_ENTRIES:
        if len(existing) == MOST_ENTRIES:
            findings.add(place, f"has more than {MOST_ENTRIES} entries")
        return
    if not whole:
        return
    if piece.key == "categories":
        existing.extend(_flat(document, here, body, None))
    else:
        existing.append(Placed(here, body))
        _note_keys(document, entry.name, body, here)


def _note_keys(document: Document, kind: str, body: Mapping[str, Any], place: Place) -> None:
    for key in body:
        document.keys.setdefault((kind, key), (place, key))


def _flat(
    document: Document, place: Place, body: dict[str, Any], parent: int | None
) -> Iterator[Placed]:
    """Yield a category and those in it, each with `parent`, the place of its parent among them."""
    stack = [(place, body, parent)]
    count = len(document.entries("categories"))
    while stack:
        here, one, above = stack.pop()
        children = one.pop("category_children", None) or []
        _note_keys(document, "category", one, here)
        one["parent"] = above
        yield Placed(here, one)
        inner: Place = (here, "category_children")
        stack += reversed([((inner, index), child, count) for index, child in enumerate(children)])
        count += 1


def _consistent(document: Document, findings: Findings) -> None:
    """Find duplicates and what does not fit together, among all but the products."""
    for name in ("users", "regions", "shipping_options", "categories", "product_collections",
                 "publishable_api_keys", "rule_types"):  # fmt: skip
        _unique(document.entries(name), "id", findings)
    _unique(document.entries("users"), "email", findings)
    _unique(document.entries("regions"), "name", findings, names_itself=keeps_id)
    keys = document.entries("publishable_api_keys")
    _unique(keys, "title", findings, names_itself=lambda body: "id" in body)
    _unique(document.entries("rule_types"), "rule_attribute", findings)
    _handles(document, "categories", "name", findings)
    _handles(document, "product_collections", "title", findings)
    _countries(document, findings)
    _shipping_options(document, findings)
    for place, body in document.entries("categories"):
        if body.get("is_active") is False:
            document.warnings.append(
                f"{spell(place)}.is_active: Medusa's seed makes every category active, and so does this"
            )


def _unique(
    entries: Iterable[Placed],
    key: str,
    findings: Findings,
    *,
    names_itself: Callable[[Mapping[str, Any]], bool] = lambda _body: False,
) -> None:
    """Find values of *key* that two entries have, unless each of them has an id."""
    seen: dict[str, Placed] = {}
    for placed in entries:
        place, body = placed
        if key in body:
            value = body[key].lower() if key == "email" else body[key]
            first = seen.setdefault(value, placed)
            if first is not placed and not (names_itself(first.body) and names_itself(body)):
                findings.add(
                    (place, key), f"{shown(body[key])} is that of {spell(first.place)} already"
                )


def keeps_id(region: Mapping[str, Any]) -> bool:
    """Return whether a region has an id of its own, and not only a name that its document uses for it."""
    return str(region.get("id", "")).startswith("reg_")


def repeated(entries: Iterable[Placed], key: str) -> frozenset[str]:
    """Return the values of *key* that several entries have: only their ids distinguish those."""
    counts = Counter(body[key] for _, body in entries)
    return frozenset(value for value, count in counts.items() if count > 1)


def _handles(document: Document, name: str, title: str, findings: Findings) -> None:
    """Give each entry its handle, and find those that are the same."""
    seen: dict[str, Place] = {}
    for place, body in document.entries(name):
        if name == "product_collections" and "id" in body and "handle" not in body:
            continue
        assert isinstance(body, dict)  # noqa: S101  entries may be changed until they are handed on
        handle = body.get("handle") or handles.from_title(body[title])
        problem = handles.problem(handle, given="handle" in body)
        if problem:
            findings.add((place, "handle" if "handle" in body else title), problem)
            continue
        body["handle"] = handle
        first = seen.setdefault(handle, place)
        if first is not place:
            findings.add((place, "handle"), f"{shown(handle)} is that of {spell(first)} already")


def _countries(document: Document, findings: Findings) -> None:
    seen: dict[str, Place] = {}
    for place, body in document.entries("regions"):
        for index, code in enumerate(body.get("countries", ())):
            here: Place = ((place, "countries"), index)
            first = seen.setdefault(code.lower(), here)
            if first is not here:
                findings.add(here, f"{shown(code)} is in {spell(first)} already")


def _shipping_options(document: Document, findings: Findings) -> None:
    seen: dict[tuple[Any, ...], Placed] = {}
    for placed in document.entries("shipping_options"):
        place, body = placed
        identity = option_identity(body["region_id"], body)
        first = seen.setdefault(identity, placed)
        if first is not placed and not ("id" in first.body and "id" in body):
            findings.add(
                (place, "name"),
                f"{shown(body['name'])} is that of {spell(first.place)}, in the same region",
            )
        if body["price_type"] == "flat_rate" and body.get("amount") is None:
            findings.add((place, "amount"), "is missing; a flat_rate needs one")
        _requirements(place, body.get("requirements", ()), findings)


def option_identity(region: str, body: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what makes a shipping option the same one."""
    return (region, body["name"], bool(body.get("is_return")), bool(body.get("is_giftcard")))


def _requirements(place: Place, given: Iterable[Mapping[str, Any]], findings: Findings) -> None:
    bounds: dict[str, int] = {}
    for index, one in enumerate(given):
        here: Place = ((place, "requirements"), index)
        if one["type"] in bounds:
            findings.add(here, f"is a second {one['type']}; one of each type is allowed")
        bounds[one["type"]] = one["amount"]
    if len(bounds) == 2 and bounds["max_subtotal"] < bounds["min_subtotal"]:
        findings.add((place, "requirements"), "max_subtotal is less than min_subtotal")
