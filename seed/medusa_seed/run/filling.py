"""Fills a shop inside of a transaction: settings, then products batch by batch, planned and written."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import RefusedError
from medusa_seed.document import document as documents
from medusa_seed.document.findings import Findings
from medusa_seed.document.model import PRODUCT
from medusa_seed.planning import groups, regions, settings, unsupported
from medusa_seed.planning.changes import Changes
from medusa_seed.planning.constraints import ConstraintCheck
from medusa_seed.planning.ids import Ids
from medusa_seed.planning.merge import IfExists
from medusa_seed.planning.planner import Planner
from medusa_seed.planning.present import Shared
from medusa_seed.planning.products import plan_products
from medusa_seed.shop import constraints, load, look, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from psycopg import Connection

    from medusa_migrations.run.progress import Progress
    from medusa_seed.document.document import Document, Placed
    from medusa_seed.document.files import Source
    from medusa_seed.planning.changes import Counts
    from medusa_seed.planning.merge import Policy
    from medusa_seed.planning.present import Shop

AT_ONCE = 4_000
"""Products and variants, together, that are looked at, planned and written at once.

Medusa has no index for the options of a product: each look at some reads the options of all.
"""
_SETTINGS = (
    "store", "user", "region", "shipping_option", "product_category", "product_collection",
    "publishable_api_key", "rule_type",
)  # fmt: skip
"""Tables whose rows are remembered, but for products and their variants."""


@dataclass(slots=True)
class Filling:
    """One document on its way into one shop."""

    conn: Connection[Any]
    schema: str
    place: str
    """Where the database is, for messages: `1.12.3`."""
    shop: Shop
    """What the shop has before anything is written, read in the same transaction."""
    source: Source
    document: Document
    counts: Counts
    progress: Progress
    warnings: list[str]
    policy: Policy
    writes: bool
    """Whether anything is written; else only the counts are made."""
    remembers: bool
    cuts: bool
    """Whether what the schema cannot hold is left out, instead of refused."""
    _lacking: unsupported.Missing = field(default_factory=dict)

    def fill(self) -> None:
        """Plan all of it and write it, in the transaction that is open.

        Raises UsageError where the document does not fit this shop, RefusedError where there is none,
        or where rows exist that must not.
        """
        shop = self.shop
        if not shop.columns.of("store"):
            raise RefusedError(
                f"there is no shop in the schema {self.schema}: it has no table store. Migrate it first, "
                "or leave out --no-migrate",
                reason="NoShop",
            )
        findings = Findings()
        ids = Ids()
        check = ConstraintCheck(
            constraints.read(self.conn, self.schema, shop.columns),
            findings,
            functools.partial(constraints.taken, self.conn, self.schema),
            ids.made,
        )
        planner = Planner(
            shop,
            self.policy,
            ids,
            Changes(self.counts),
            findings,
            records.memories(self.conn, self.schema, _SETTINGS),
            self.warnings,
        )
        self._refuse_missing(planner)
        self._plan_settings(planner)
        self._check_references(planner)
        check.check(planner.changes)
        findings.raise_if_any(self.source.name)
        self._write(planner)
        self._products(planner, check)
        findings.raise_if_any(self.source.name)

    def _refuse_missing(self, planner: Planner) -> None:
        """Refuse, or cut, what the live schema cannot hold of the document."""
        self._lacking = unsupported.missing(planner.columns, self.document)
        if self._lacking and self.cuts:
            unsupported.cut(self.document, self._lacking)
            left_out = ", ".join(f"{key} of a {kind}" for kind, key in self._lacking)
            self.warnings.append(f"left out, as {self.place} cannot hold it: {left_out}")
            return
        unsupported.check_keys(planner.findings, self.document, self._lacking, self.place)
        planner.findings.raise_if_any(self.source.name)

    def _plan_settings(self, planner: Planner) -> None:
        planner.currencies = currencies = settings.plan_store(planner, self.document)
        settings.plan_users(planner, self.document)
        regions.plan_regions(planner, self.document, currencies)
        regions.plan_shipping_options(planner, self.document)
        groups.plan_categories(planner, self.document)
        groups.plan_collections(planner, self.document)
        settings.plan_keys(planner, self.document)
        settings.plan_rule_types(planner, self.document)

    def _check_references(self, planner: Planner) -> None:
        uses = self.document.uses
        unsupported.check_references(planner, self.document)
        if planner.shop.has_products:
            for key, owned in uses.owned.items():
                owners = look.owners(self.conn, self.schema, key, list(owned))
                unsupported.check_owned(planner.findings, uses, key, owners)
        planner.findings.raise_if_any(self.source.name)

    def _products(self, planner: Planner, check: ConstraintCheck) -> None:
        shared = Shared()
        look.shared(self.conn, self.schema, planner.columns, shared)
        products = documents.products(self.document, self.source.pieces)
        with self.progress.counting(self.document.products, "Seeding", "products") as loading:
            for batch in map(self._cut, _batches(products)):
                look.images(self.conn, planner, self.schema, batch, shared)
                present = look.products(self.conn, planner, self.schema, batch)
                planner.changes = Changes(self.counts)
                plan_products(planner, batch, present, shared)
                check.check(planner.changes)
                if not planner.findings.count:
                    self._write(planner)
                loading.advance(len(batch))

    def _cut(self, batch: list[Placed]) -> list[Placed]:
        if not self._lacking:
            return batch
        return [
            one._replace(body=unsupported.cut_entry(one.body, PRODUCT, self._lacking))
            for one in batch
        ]

    def _write(self, planner: Planner) -> None:
        changes = planner.changes
        if changes.existing and self.policy.if_exists is IfExists.FAIL:
            raise RefusedError(
                f"the shop has {', '.join(changes.existing)} already, and --if-exists fail asks for none "
                "of them; no row was written",
                reason="Exists",
            )
        if self.writes:
            load.write(self.conn, self.schema, planner.columns, changes, remembers=self.remembers)


def _batches(products: Iterable[Placed]) -> Iterator[list[Placed]]:
    batch: list[Placed] = []
    count = 0
    for placed in products:
        batch.append(placed)
        count += 1 + len(placed.body.get("variants", ()))
        if count >= AT_ONCE:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch
