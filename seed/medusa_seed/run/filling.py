"""Fills a shop inside of a transaction: settings, then products batch by batch, planned and written."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_migrations.errors import RefusedError
from medusa_seed.document import document as documents
from medusa_seed.document.model import PRODUCT
from medusa_seed.document.places import Findings
from medusa_seed.planning import fit, groups, regions, settings
from medusa_seed.planning.changes import Changes
from medusa_seed.planning.ids import Ids
from medusa_seed.planning.merge import IfExists
from medusa_seed.planning.present import Shared
from medusa_seed.planning.products import plan_products
from medusa_seed.planning.work import Work
from medusa_seed.run.progress import Loading
from medusa_seed.shop import load, look, records, tables

if TYPE_CHECKING:
    from psycopg import Connection

    from medusa_migrations.progress import Progress
    from medusa_seed.document.document import Document, Placed
    from medusa_seed.document.files import Source
    from medusa_seed.planning.changes import Counts
    from medusa_seed.planning.merge import Policy

BATCH = 500
"""Products that are planned and written at once."""
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
    _lacking: fit.Unheld = field(default_factory=dict)

    def fill(self) -> None:
        """Plan all of it and write it, in the transaction that is open.

        Raises UsageError where the document does not fit this shop, RefusedError where there is none,
        or where rows are there that must not be.
        """
        there = tables.read(self.conn, self.schema)
        if not there.columns.of("store"):
            raise RefusedError(
                f"there is no shop in the schema {self.schema}: it has no table store. Migrate it first, "
                "or leave out --no-migrate",
                reason="NoShop",
            )
        findings = Findings()
        work = Work(
            there,
            self.policy,
            Ids(),
            Changes(self.counts),
            findings,
            records.memories(self.conn, self.schema, _SETTINGS),
            self.warnings,
        )
        self._hold(work)
        self._plan_settings(work)
        self._check_references(work)
        self._write(work)
        self._products(work)
        findings.raise_if_any(self.source.name)

    def _hold(self, work: Work) -> None:
        """Refuse, or cut, what the live schema cannot hold of the document."""
        self._lacking = fit.unheld(work.columns, self.document)
        if self._lacking and self.cuts:
            fit.cut(self.document, self._lacking)
            left_out = ", ".join(f"{key} of a {kind}" for kind, key in self._lacking)
            self.warnings.append(f"left out, as {self.place} cannot hold it: {left_out}")
            return
        fit.check_keys(work.findings, self.document, self._lacking, self.place)
        work.findings.raise_if_any(self.source.name)

    def _plan_settings(self, work: Work) -> None:
        currencies = settings.plan_store(work, self.document)
        settings.plan_users(work, self.document)
        regions.plan_regions(work, self.document, currencies)
        regions.plan_shipping_options(work, self.document)
        groups.plan_categories(work, self.document)
        groups.plan_collections(work, self.document)
        settings.plan_keys(work, self.document)
        settings.plan_rule_types(work, self.document)

    def _check_references(self, work: Work) -> None:
        uses = self.document.uses
        fit.check_references(work, self.document)
        if work.shop.has_products:
            for key, owned in uses.owned.items():
                owners = look.owners(self.conn, self.schema, key, list(owned))
                fit.check_owned(work.findings, uses, key, owners)
        work.findings.raise_if_any(self.source.name)

    def _products(self, work: Work) -> None:
        shared = Shared()
        look.shared(self.conn, self.schema, work.columns, shared)
        products = documents.products(self.document, self.source.pieces)
        with Loading(self.progress, self.document.products) as loading:
            while batch := self._cut(list(itertools.islice(products, BATCH))):
                look.images(self.conn, work, self.schema, batch, shared)
                there = look.products(self.conn, work, self.schema, batch)
                work.changes = Changes(self.counts)
                plan_products(work, batch, there, shared)
                if not work.findings.count:
                    self._write(work)
                loading.advance(len(batch))

    def _cut(self, batch: list[Placed]) -> list[Placed]:
        if not self._lacking:
            return batch
        return [one._replace(says=fit.cut_entry(one.says, PRODUCT, self._lacking)) for one in batch]

    def _write(self, work: Work) -> None:
        changes = work.changes
        if changes.existing and self.policy.if_exists is IfExists.FAIL:
            raise RefusedError(
                f"the shop has {', '.join(changes.existing)} already, and --if-exists fail asks for none "
                "of them; no row was written",
                reason="Exists",
            )
        if self.writes:
            load.write(self.conn, self.schema, work.columns, changes, remembers=self.remembers)
