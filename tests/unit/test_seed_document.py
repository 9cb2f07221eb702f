"""A document is compared with the model and with itself; each finding names its place."""

from __future__ import annotations

import pytest

from medusa_migrations.contract.errors import UsageError
from medusa_seed.document import document as document_of_seed
from medusa_seed.document import files
from medusa_seed.document.findings import Findings, spell
from seed_documents import broken, product, read, shop


def changed(*path, to):
    """The whole document, with one value changed."""
    body = shop()
    *way, last = path
    place = body
    for step in way:
        place = place[step]
    place[last] = to
    return body


def test_a_document_in_order_is_read_whole(tmp_path):
    found, findings = read(shop(), tmp_path)

    assert findings.lines == []
    assert found.products == 2
    assert {name: len(entries) for name, entries in found.lists.items()} == {
        "users": 1, "regions": 1, "shipping_options": 1, "categories": 1, "product_collections": 1,
        "publishable_api_keys": 1,
    }  # fmt: skip


def test_an_empty_document_says_nothing(tmp_path):
    found, findings = read({"$schema": "https://example.com/seed.schema.json"}, tmp_path)

    assert (found.empty, findings.lines) == (True, [])


FIRST = ("products", 0, "variants", 0)
_EUROPE = {"name": "Europe", "currency_code": "eur", "tax_rate": 19}
PATH = "products[0].variants[0]"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(
            shop(produts=[]),
            ['produts: is no key of a seed document; did you mean "products"?'],
            id="unknown-section",
        ),
        pytest.param(
            changed("products", 0, "titel", to="Mug"),
            ['products[0].titel: is no key of a product; did you mean "title"?'],
            id="unknown-key",
        ),
        pytest.param(shop(products={}), ["products: an object where a list belongs"], id="object"),
        pytest.param(shop(store=[]), ["store: a list where an object belongs"], id="list"),
        pytest.param(
            shop(products=["mug"]), ['products[0]: "mug" where an object belongs'], id="text"
        ),
        pytest.param(
            changed(*FIRST, "prices", 0, "amount", to=19.5),
            [
                (f"{PATH}.prices[0].amount: 19.5 where a whole number belongs; amounts count the smallest "
                "unit, 1950 for 19.50")
            ],
            id="fraction",
        ),
        pytest.param(
            changed(*FIRST, "prices", 0, "amount", to=-1),
            [f"{PATH}.prices[0].amount: -1 is less than 0"],
            id="negative",
        ),
        pytest.param(
            changed(*FIRST, "prices", 0, "amount", to=3_000_000_000),
            [f"{PATH}.prices[0].amount: 3000000000 is more than 2147483647"],
            id="too-much",
        ),
        pytest.param(
            changed(*FIRST, "prices", 0, "currency_code", to="EURO"),
            [
                f'{PATH}.prices[0].currency_code: "EURO" is not a currency code of three letters, such as eur'
            ],
            id="currency",
        ),
        pytest.param(
            changed(*FIRST, "prices", to=[{"currency_code": c, "amount": 1} for c in ("eur", "EUR")]),
            [f'{PATH}.prices[1]: is a second price for "eur"'],
            id="two-prices",
        ),
        pytest.param(
            changed(*FIRST, "prices", to=[{"amount": 1}]),
            [f"{PATH}.prices[0]: has neither currency_code nor region_id"],
            id="price-of-nothing",
        ),
        pytest.param(
            changed(*FIRST, "options", to=[]),
            [f"{PATH}.options: has 0 values, and the product has 1 options: Size"],
            id="too-few-values",
        ),
        pytest.param(
            changed(*FIRST, "options", 0, "value", to="Huge"),
            [f'{PATH}.options[0].value: "Huge" is none of the values of "Size": Large, Small'],
            id="value-that-no-option-has",
        ),
        pytest.param(
            changed(*FIRST, "options", 0, "value", to="Large"),
            ["products[0].variants[1].options: are those of products[0].variants[0] already"],
            id="same-values",
        ),
        pytest.param(
            changed(*FIRST, "sku", to="PLATE-LARGE"),
            [
                'products[1].variants[1].sku: "PLATE-LARGE" is that of products[0].variants[0] already',
            ],
            id="same-sku",
        ),
        pytest.param(
            shop(products=[product(), product()]),
            [
                'products[1].handle: "mug" is that of products[0] already',
                'products[1].variants[0].sku: "MUG-SMALL" is that of products[0].variants[0] already',
                'products[1].variants[1].sku: "MUG-LARGE" is that of products[0].variants[1] already',
            ],
            id="same-handle",
        ),
        pytest.param(
            changed("products", 0, "title", to="a\x00b"),
            ["products[0].title: holds a NUL character, which PostgreSQL cannot store"],
            id="nul",
        ),
        pytest.param(
            changed("products", 0, "metadata", to={"a": ["\x00"]}),
            ["products[0].metadata: holds a NUL character, which PostgreSQL cannot store"],
            id="nul-in-metadata",
        ),
        pytest.param(
            shop(products=[{"title": "x", "ti\ntel": 1}]),
            ["products[0].'ti\\ntel': is no key of a product; did you mean \"title\"?"],
            id="key-of-two-lines",
        ),
        pytest.param(
            shop(users=["s3cr3t"]), ["users[0]: something else where an object belongs"], id="secret"
        ),
        pytest.param(
            shop(users="s3cr3t"), ["users: something else where a list belongs"], id="secrets"
        ),
        pytest.param(
            changed("products", 0, "title", to="\ud800"),
            ["products[0].title: holds half of a surrogate pair, which is no character"],
            id="surrogate",
        ),
        pytest.param(
            shop(products=[{"title": "T" * 10_000}]),
            [
                "products[0].title: the handle made from it is longer than 2000 bytes; give one as `handle`"
            ],
            id="endless-title",
        ),
        pytest.param(
            shop(products=[{"title": "!?"}]),
            ["products[0].title: no handle can be made from it; give one as `handle`"],
            id="no-handle",
        ),
        pytest.param(
            changed("regions", 0, "tax_rate", to=120),
            ["regions[0].tax_rate: 120 is not between 0 and 100"],
            id="tax",
        ),
        pytest.param(
            changed("regions", 0, "countries", to=["de", "DE"]),
            ['regions[0].countries[1]: "DE" is in regions[0].countries[0] already'],
            id="country-twice",
        ),
        pytest.param(
            changed("users", 0, "email", to="ada"),
            ['users[0].email: "ada" is not an e-mail address'],
            id="email",
        ),
        pytest.param(
            changed("users", 0, "password", to=12345),
            ['users[0].password: something else where a text belongs; write it in quotes'],
            id="secret",
        ),
        pytest.param(
            shop(users=[{"email": "a@example.com"}, {"email": "A@example.com"}]),
            ['users[1].email: "A@example.com" is that of users[0] already'],
            id="same-email",
        ),
        pytest.param(
            changed("shipping_options", 0, "amount", to=None),
            ["shipping_options[0].amount: is missing; a flat_rate needs one"],
            id="no-amount",
        ),
        pytest.param(
            changed("shipping_options", 0, "requirements", to=[{"type": "min_subtotal", "amount": 9},
                                                               {"type": "max_subtotal", "amount": 8}]),
            ["shipping_options[0].requirements: max_subtotal is less than min_subtotal"],
            id="requirements",
        ),
        pytest.param(
            shop(categories=[{"name": "A B", "category_children": [{"name": "a b"}]}]),
            [
                'categories[0].category_children[0].handle: "a-b" is that of categories[0] already',
            ],
            id="same-category",
        ),
        pytest.param(
            shop(regions=[{"id": "reg_a", **_EUROPE}, {"id": "a", **_EUROPE}], shipping_options=[]),
            ['regions[1].name: "Europe" is that of regions[0] already'],
            id="same-region",
        ),
        pytest.param(
            shop(publishable_api_keys=[{"id": "pk_1", "title": "Web"}, {"title": "Web"}]),
            ['publishable_api_keys[1].title: "Web" is that of publishable_api_keys[0] already'],
            id="same-key",
        ),
        pytest.param(
            changed("products", 0, "collection", to={"id": "pcol_other"}),
            ["products[0].collection: is another one than collection_id says"],
            id="two-collections",
        ),
        pytest.param(
            changed("products", 0, "is_giftcard", to=None),
            ["products[0].is_giftcard: null where a value belongs"],
            id="null",
        ),
        pytest.param(
            shop(products=[{"handle": "x"}]), ["products[0].title: is missing"], id="missing"
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(body, found, tmp_path):
    assert broken(body, tmp_path) == found


def test_everything_that_is_wrong_is_found_at_once(tmp_path):
    body = changed("regions", 0, "tax_rate", to="19%")
    body["users"] = [{"password": "x"}]
    body["products"][1]["weight"] = "heavy"

    assert broken(body, tmp_path) == [
        "users[0].email: is missing",
        'regions[0].tax_rate: "19%" where a number belongs',
        'products[1].weight: "heavy" where a whole number belongs',
    ]


def test_many_findings_are_counted_and_not_all_told():
    findings = Findings()
    for number in range(60):
        findings.add((((), "products"), number), "is odd")

    with pytest.raises(UsageError) as caught:
        findings.raise_if_any("seed.json")

    assert str(caught.value) == (
        "seed.json cannot be seeded, 60 things must be corrected first: products[0]: is odd"
    )
    assert caught.value.detail.splitlines()[-1] == "- and 10 more"


def test_the_children_of_a_category_follow_it_with_their_parents_place(tmp_path):
    tree = [{"name": "A", "category_children": [{"name": "B", "category_children": [{"name": "C"}]},
                                                {"name": "D"}]}, {"name": "E"}]  # fmt: skip

    found, _ = read({"categories": tree}, tmp_path)

    assert [(c.body["name"], c.body["parent"]) for c in found.entries("categories")] == [
        ("A", None), ("B", 0), ("C", 1), ("D", 0), ("E", None),
    ]  # fmt: skip


def test_whole_numbers_may_be_written_with_a_point(tmp_path):
    body = changed(*FIRST, "prices", 0, "amount", to=1950.0)

    assert broken(body, tmp_path) == []


def test_entries_of_one_name_are_distinguished_by_their_ids(tmp_path):
    option = shop()["shipping_options"][0]
    body = shop(
        regions=[{"id": "reg_a", **_EUROPE}, {"id": "reg_b", **_EUROPE}],
        shipping_options=[option | {"id": id_, "region_id": "reg_a"} for id_ in ("so_1", "so_2")],
        publishable_api_keys=[{"id": id_, "title": "Web"} for id_ in ("pk_1", "pk_2")],
    )

    assert broken(body, tmp_path) == []


def test_what_medusa_does_not_heed_is_a_warning(tmp_path):
    body = shop(categories=[{"id": "pcat_kitchen", "name": "Kitchen", "is_active": False}])
    body["products"][1] |= {"is_giftcard": True, "discountable": True}

    found, findings = read(body, tmp_path)

    assert findings.lines == []
    assert found.warnings == [
        "categories[0].is_active: Medusa's seed makes every category active, and so does this",
        "products[1].discountable: a gift card is never discountable",
    ]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((), ""),
        (((), "store"), "store"),
        (((((), "products"), 3), "title"), "products[3].title"),
        (((("one.json",), "products"), 3), "one.json: products[3]"),
    ],
)
def test_a_place_is_spelled_as_a_path(place, text):
    assert spell(place) == text


def test_what_json_cannot_say_is_named_in_yaml(tmp_path):
    document = tmp_path / "seed.yaml"
    document.write_text(
        "products:\n- title: a\n  metadata: {a: .inf}\n- title: b\n  metadata: {a: 2026-01-02}\n"
    )
    findings = Findings()

    with files.opened(str(document)) as source:
        document_of_seed.read(source.pieces(), findings)

    assert [line for line in findings.lines if "metadata" in line] == [
        "products[0].metadata: holds what JSON cannot say: an infinite number, or `nan`",
        "products[1].metadata: holds what JSON cannot say: 2026-01-02; write it in quotes",
    ]
