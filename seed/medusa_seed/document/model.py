"""Pure: what a seed document may hold; validation, the JSON Schema and the docs are made of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LONGEST_KEY = 2000
"""Bytes of a text that a unique index must hold; PostgreSQL's own limit is 2,704."""
INT4 = 2_147_483_647
"""The largest number that an `integer` column holds."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `most` bounds its bytes, `pattern` names what it must look like."""

    most: int | None = None
    pattern: str = ""
    """A regular expression, as Python and JSON Schema both understand it."""
    like: str = ""
    """What *pattern* asks for, in words."""
    secret: bool = False
    """Whether no message may quote it."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number."""

    least: int = -INT4 - 1
    most: int = INT4


@dataclass(frozen=True, slots=True)
class Number:
    """Any number between two bounds."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Free:
    """An object whose content is the shop's own affair."""


@dataclass(frozen=True, slots=True)
class Many:
    """A list."""

    of: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An object of the document."""

    name: str
    """What one is called, in the singular."""
    fields: tuple[Field, ...]
    table: str = ""
    """Where it is kept; empty where it has no table of its own."""

    @property
    def secret(self) -> bool:
        """Whether something in it is shown in no message, so that nothing is that stands in its place."""
        return any(isinstance(one.shape, Text) and one.shape.secret for one in self.fields)

    def field(self, name: str) -> Field:
        """Return the field called *name*; raise KeyError where there is none."""
        for found in self.fields:
            if found.name == name:
                return found
        raise KeyError(name)

    @property
    def columns(self) -> tuple[Field, ...]:
        """The fields that are columns of its table, of their own name."""
        return tuple(found for found in self.fields if found.column)


@dataclass(frozen=True, slots=True)
class Itself:
    """The entry that this is a field of: categories hold categories."""


Shape = Text | Whole | Number | Truth | Choice | Free | Many | Entry | Itself


class Null(StrEnum):
    """What `null` means where a value is expected."""

    VALUE = "kept as it is"
    ABSENT = "as if the key were left out"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an entry."""

    name: str
    shape: Shape
    about: str
    """What it means, for the JSON Schema and the docs."""
    null: Null = Null.VALUE
    required: bool = False
    default: Any = None
    """What the row has where the key is left out."""
    column: bool = True
    """Whether its value goes into the column of its name."""
    needs: tuple[str, str] | None = None
    """Table and column without which a version cannot hold it; None: the column of its name."""


def _link(name: str, shape: Shape, about: str, **more: Any) -> Field:
    return Field(name, shape, about, column=False, **{"null": Null.ABSENT, **more})


_KEY = Text(LONGEST_KEY)
_CODE = Text(pattern="^[A-Za-z]{3}$", like="a currency code of three letters, such as eur")
_COUNTRY = Text(pattern="^[A-Za-z]{2}$", like="a country code of two letters, such as de")
_EMAIL = Text(LONGEST_KEY, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", like="an e-mail address")
_AMOUNT = Whole(least=0)
_META = Field("metadata", Free(), "Anything of your own.")


def _id(prefix: str) -> Field:
    return Field(
        "id", Text(LONGEST_KEY), f"Its id; one that starts with {prefix}_ is made where it is left out.",
        Null.ABSENT,
    )  # fmt: skip


_MEASURES = (
    Field("weight", Whole(), "Weight, in whole units of the shop."),
    Field("length", Whole(), "Length, in whole units of the shop."),
    Field("height", Whole(), "Height, in whole units of the shop."),
    Field("width", Whole(), "Width, in whole units of the shop."),
    Field("hs_code", Text(), "Harmonized System code, for customs."),
    Field("origin_country", Text(), "Where it is made, for customs."),
    Field("mid_code", Text(), "Manufacturer identification code, for customs."),
    Field("material", Text(), "What it is made of."),
)

STORE = Entry(
    "store",
    (
        Field("name", Text(), "The name of the shop.", Null.REFUSED, default="Medusa Store"),
        Field(
            "default_currency_code",
            _CODE,
            "The currency that the shop reckons in.",
            Null.ABSENT,
            default="usd",
        ),
        _link(
            "currencies", Many(_CODE), "The currencies that the shop sells in; the default among them."
        ),
        Field("swap_link_template", Text(), "Address of a swap's page, with {cart_id} in it."),
        Field("payment_link_template", Text(), "Address of a draft order's page, with {cart_id} in it."),
        Field("invite_link_template", Text(), "Address of an invitation's page, with {invite_token} in it."),
        Field("default_location_id", Text(), "The stock location used where none is named."),
        _META,
    ),
    "store",
)  # fmt: skip

USER = Entry(
    "user",
    (
        _id("usr"),
        Field("email", _EMAIL, "The address to log in with.", Null.REFUSED, required=True),
        _link("password", Text(secret=True), "The password, in the clear; only its scrypt hash is stored.",
              needs=("user", "password_hash")),
        Field("first_name", Text(), "First name."),
        Field("last_name", Text(), "Last name."),
        Field("role", Choice(("admin", "member", "developer")), "What the user is.", default="member"),
        Field("api_token", Text(secret=True), "A token to call the admin API with."),
        _META,
    ),
    "user",
)  # fmt: skip

REGION = Entry(
    "region",
    (
        Field("id", _KEY, "Kept where it starts with reg_; any other is a name that shipping options "
              "and prices of this document use for the region.", Null.ABSENT),
        Field("name", Text(), "The region's name.", Null.REFUSED, required=True),
        Field("currency_code", _CODE, "Its currency, one of the store's.", Null.REFUSED, required=True),
        Field("tax_rate", Number(0, 100), "Its tax rate, in percent.", Null.REFUSED, required=True),
        Field("tax_code", Text(), "The code of that tax rate."),
        Field("gift_cards_taxable", Truth(), "Whether gift cards are taxed.", Null.REFUSED, default=True),
        Field("automatic_taxes", Truth(), "Whether taxes are worked out by themselves.", Null.REFUSED,
              default=True),
        Field("tax_provider_id", _KEY, "Who works them out; Medusa itself where left out."),
        Field("includes_tax", Truth(), "Whether its prices include tax.", Null.REFUSED, default=False),
        _link("countries", Many(_COUNTRY), "Its countries; each country is in one region."),
        _link("payment_providers", Many(_KEY), "How one can pay there: ids of payment plugins."),
        _link("fulfillment_providers", Many(_KEY), "Who can deliver there: ids of fulfillment plugins."),
        _META,
    ),
    "region",
)  # fmt: skip

REQUIREMENT = Entry(
    "requirement",
    (
        Field("type", Choice(("min_subtotal", "max_subtotal")), "Which bound of the subtotal it is.",
              Null.REFUSED, required=True),
        Field("amount", _AMOUNT, "The bound, in the currency's smallest unit.", Null.REFUSED, required=True),
    ),
    "shipping_option_requirement",
)  # fmt: skip

SHIPPING_OPTION = Entry(
    "shipping option",
    (
        _id("so"),
        Field("name", Text(), "What customers read.", Null.REFUSED, required=True),
        _link("region_id", _KEY, "Its region: the id, or the name that `id` gives it here.",
              null=Null.REFUSED, required=True),
        Field("provider_id", _KEY, "Who delivers; one of the region's fulfillment providers.", Null.REFUSED,
              required=True),
        Field("data", Free(), "What the provider wants to know.", Null.REFUSED, required=True),
        Field("price_type", Choice(("flat_rate", "calculated")), "Whether the provider works the price out.",
              Null.REFUSED, required=True),
        Field("amount", _AMOUNT, "The price, in the currency's smallest unit; needed for flat_rate."),
        Field("is_return", Truth(), "Whether it is for sending something back.", Null.REFUSED, default=False),
        Field("admin_only", Truth(), "Whether only the admin may choose it.", Null.REFUSED, default=False),
        Field("includes_tax", Truth(), "Whether the amount includes tax.", Null.REFUSED, default=False),
        _link("is_giftcard", Truth(), "Whether it is for gift cards, and so in their shipping profile."),
        _link("requirements", Many(REQUIREMENT), "What an order must be worth; one of each type.",
              needs=("shipping_option_requirement", "amount")),
        _META,
    ),
    "shipping_option",
)  # fmt: skip

CATEGORY = Entry(
    "category",
    (
        _id("pcat"),
        Field("name", Text(), "The category's name.", Null.REFUSED, required=True),
        Field("handle", _KEY, "Its part of an address; made from the name where left out.", Null.ABSENT),
        Field("description", Text(), "About it.", Null.REFUSED, default=""),
        Field("is_internal", Truth(), "Whether customers do not see it.", Null.ABSENT, default=False),
        _link("is_active", Truth(), "Ignored: Medusa's seed makes every category active.",
              needs=("product_category", "is_active")),
        _link("rank", Whole(least=0), "Ignored: the order in the list is the rank."),
        _link("category_children", Many(Itself()), "The categories in it.",
              needs=("product_category", "rank")),
        _META,
    ),
    "product_category",
)  # fmt: skip

COLLECTION = Entry(
    "collection",
    (
        _id("pcol"),
        Field("title", Text(), "The collection's title.", Null.REFUSED, required=True),
        Field("handle", _KEY, "Its part of an address; made from the title where neither it nor an id is "
              "given.", Null.ABSENT),
        _META,
    ),
    "product_collection",
)  # fmt: skip

OPTION = Entry(
    "option",
    (
        _id("opt"),
        Field("title", Text(), "What differs: Size.", Null.REFUSED, required=True),
        _link("values", Many(Text()), "What it can be; the variants' values are compared with it."),
        _META,
    ),
    "product_option",
)  # fmt: skip

OPTION_VALUE = Entry(
    "option value",
    (
        _id("optval"),
        Field("value", Text(), "The value of the product's option at this place.", Null.REFUSED, required=True),
        _META,
    ),
    "product_option_value",
)  # fmt: skip

PRICE = Entry(
    "price",
    (
        _id("ma"),
        _link("currency_code", _CODE, "Its currency; may be left out with region_id, which has one."),
        Field("amount", _AMOUNT, "How much, in the currency's smallest unit: 1950 is 19.50 in eur.",
              Null.REFUSED, required=True),
        _link("region_id", _KEY, "The region that it is for: the id, or the name that `id` gives it here."),
        Field("min_quantity", Whole(least=0), "From how many on."),
        Field("max_quantity", Whole(least=0), "Up to how many."),
    ),
    "money_amount",
)  # fmt: skip

VARIANT = Entry(
    "variant",
    (
        _id("variant"),
        Field("title", Text(), "The variant's title.", Null.REFUSED, required=True),
        Field("sku", _KEY, "Stock keeping unit, unique in the shop."),
        Field("barcode", _KEY, "Barcode, unique in the shop."),
        Field("ean", _KEY, "EAN, unique in the shop."),
        Field("upc", _KEY, "UPC, unique in the shop."),
        Field("inventory_quantity", Whole(), "How many there are.", Null.REFUSED, required=True),
        Field("allow_backorder", Truth(), "Whether it sells when there are none.", Null.REFUSED, default=False),
        Field("manage_inventory", Truth(), "Whether Medusa counts the stock.", Null.REFUSED, default=True),
        Field("variant_rank", Whole(), "Its place among the variants; the place in the list where left "
              "out or 0.", Null.ABSENT),
        *_MEASURES,
        _link("options", Many(OPTION_VALUE), "A value for each option of the product, in their order."),
        _link("prices", Many(PRICE), "What it costs, in each currency or region."),
        _META,
    ),
    "product_variant",
)  # fmt: skip

_VALUED = (
    Field("value", Text(), "Its text; the same text is the same one.", Null.REFUSED, required=True),
)
TYPE = Entry("type", _VALUED, "product_type")
TAG = Entry("tag", (_id("ptag"), *_VALUED, _META), "product_tag")
_BY_ID = (
    Field("id", _KEY, "Its id, in this document or in the shop.", Null.REFUSED, required=True),
)
CATEGORY_OF = Entry("category of a product", _BY_ID)
COLLECTION_OF = Entry("collection of a product", _BY_ID)

PRODUCT = Entry(
    "product",
    (
        _id("prod"),
        Field("title", Text(), "The product's title.", Null.REFUSED, required=True),
        Field("subtitle", Text(), "A second title."),
        Field("description", Text(), "About it."),
        Field("handle", _KEY, "Its part of an address, unique in the shop; made from the title where left "
              "out.", Null.ABSENT),
        Field("is_giftcard", Truth(), "Whether it is a gift card.", Null.REFUSED, default=False),
        Field("discountable", Truth(), "Whether discounts apply; never to a gift card.", Null.REFUSED,
              default=True),
        Field("status", Choice(("draft", "proposed", "published", "rejected")), "Whether customers see it; "
              "published where left out.", Null.ABSENT, default="published"),
        _link("images", Many(Text()), "Addresses of its images.", needs=("image", "url")),
        Field("thumbnail", Text(), "Address of its small image; the first image where left out."),
        *_MEASURES,
        Field("external_id", Text(), "Its id elsewhere."),
        Field("collection_id", _KEY, "The collection it is in, of this document or of the shop."),
        _link("collection", COLLECTION_OF, "The same as collection_id.", needs=("product", "collection_id")),
        Field("type_id", _KEY, "The id of a type that the shop has."),
        _link("type", TYPE, "Its type, made where the shop has none of that value.",
              needs=("product", "type_id")),
        _link("tags", Many(TAG), "Its tags, made where the shop has none of that value.",
              needs=("product_tag", "value")),
        _link("categories", Many(CATEGORY_OF), "The categories it is in.",
              needs=("product_category_product", "product_id")),
        _link("options", Many(OPTION), "What its variants differ in.", needs=("product_option", "title")),
        _link("variants", Many(VARIANT), "What is sold.", needs=("product_variant", "title")),
        _META,
    ),
    "product",
)  # fmt: skip

KEY = Entry(
    "publishable key",
    (
        _id("pk"),
        Field("title", Text(), "What it is for.", Null.REFUSED, required=True),
    ),
    "publishable_api_key",
)  # fmt: skip

RULE_TYPE = Entry(
    "rule type",
    (
        _id("rul-typ"),
        Field("name", Text(), "What it is called.", Null.REFUSED, required=True),
        Field("rule_attribute", Text(), "What a price rule of this type looks at.", Null.REFUSED, required=True),
        Field("default_priority", Whole(), "Which rule wins.", Null.REFUSED, default=0),
    ),
    "rule_type",
)  # fmt: skip


def _section(name: str, entry: Entry, about: str) -> Field:
    return Field(name, Many(entry), about, Null.ABSENT, column=False, needs=(entry.table, "id"))


DOCUMENT = Entry(
    "document",
    (
        _link("$schema", Text(), "Where the JSON Schema of this format is, for editors."),
        _link("store", STORE, "The shop itself."),
        _section("users", USER, "Who may log in to the admin."),
        _section("regions", REGION, "Where the shop sells."),
        _section("shipping_options", SHIPPING_OPTION, "How it delivers."),
        _link("categories", Many(CATEGORY), "Categories, nested, in their order.",
              needs=("product_category", "rank")),
        _section("product_collections", COLLECTION, "Collections."),
        _section("products", PRODUCT, "What the shop sells."),
        _section("publishable_api_keys", KEY, "Keys of storefronts, for the default sales channel."),
        _section("rule_types", RULE_TYPE, "Types of price rules, of the pricing module of medusa_v2."),
    ),
)  # fmt: skip
"""The whole document."""

ENTRIES = {
    entry.name: entry
    for entry in (
        DOCUMENT, STORE, USER, REGION, SHIPPING_OPTION, REQUIREMENT,
        CATEGORY, COLLECTION, OPTION, OPTION_VALUE, PRICE, VARIANT,
        TAG, TYPE, PRODUCT, KEY, RULE_TYPE,
    )
}  # fmt: skip
"""Every kind of entry by its name."""
