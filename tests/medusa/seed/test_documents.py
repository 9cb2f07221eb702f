"""The documents that stand for all documents use all that the format has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_seed.document import model
from medusa_seed_documents import fitted, generated, keys

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_USED = {
    "products.type_id": "a document cannot say which id a type gets",
    "rule_types": "belong to the pricing module, which no version has by default",
}


def known_keys(entry: model.Entry, path: str = "") -> Iterator[str]:
    for field in entry.fields:
        place = f"{path}.{field.name}".removeprefix(".")
        if place in NOT_USED:
            continue
        yield place
        shape = field.shape.of if isinstance(field.shape, model.Many) else field.shape
        if isinstance(shape, model.Entry):
            yield from known_keys(shape, place)


def test_each_document_uses_every_key() -> None:
    wanted = set(known_keys(model.DOCUMENT))

    used = [keys(generated(number, "1.20.11", includes_tax=True)) for number in range(10)]

    assert [wanted - each for each in used] == [set()] * 10


def test_a_number_names_one_document() -> None:
    first, again, other = (generated(number, "1.12.3") for number in (3, 3, 4))

    assert first == again
    assert first != other


def test_a_document_is_fitted_to_what_a_version_knows() -> None:
    document = {
        "categories": [{"id": "pcat_a", "name": "A"}],
        "product_collections": [{"id": "pcol_a", "title": "A"}],
        "publishable_api_keys": [{"title": "A"}],
        "products": [{"title": "A", "categories": [{"id": "pcat_a"}], "collection_id": "pcol_a"}],
    }

    fit = {version: fitted(document, version) for version in ("1.17.4", "1.12.3", "1.7.15")}

    assert fit == {
        "1.17.4": document,
        "1.12.3": {
            "categories": document["categories"],
            "publishable_api_keys": document["publishable_api_keys"],
            "products": [{"title": "A", "categories": [{"id": "pcat_a"}]}],
        },
        "1.7.15": {"products": [{"title": "A"}]},
    }
