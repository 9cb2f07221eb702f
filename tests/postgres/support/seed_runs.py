"""Seeds databases without starting a process for each."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from medusa_migrations.catalog import load
from medusa_migrations.plan.plan import Request
from medusa_migrations.postgres import address as addresses
from medusa_migrations.postgres import connection, translation
from medusa_migrations.run import progress
from medusa_migrations.run.context import Limits, RunOptions, begin
from medusa_migrations.run.outcome import Outcome
from medusa_seed.document import document, files
from medusa_seed.document.findings import Findings
from medusa_seed.planning.merge import IfExists, Policy
from medusa_seed.run import export
from medusa_seed.run import runner as seeding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.run.context import RunContext


def seed(
    url: str, body: Any, *, if_exists: str = "update", overwrite: bool = False, **options: Any
) -> dict[str, Any]:
    """Seed the document *body* into the database of *url*; return what the report says of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.json"
        path.write_text(json.dumps(body), encoding="utf-8")
        with files.opened(str(path)) as source, _begun(url) as (context, outcome):
            findings = Findings()
            found = document.read(source.pieces(), findings)
            findings.raise_if_any("seed.json")
            source.name = "seed.json"
            policy = Policy(IfExists(if_exists), overwrite)
            how = seeding.SeedOptions(policy=policy, **options)
            seeding.seed(context, outcome, source, found, how, show=lambda _passwords: None)
            assert outcome.seed is not None
            return {"state": outcome.state, **outcome.seed.to_dict()}


def exported(url: str) -> dict[str, Any]:
    """Return the shop in the database of *url* as a document."""
    out = io.StringIO()
    with psycopg.connect(url, autocommit=True) as conn:
        export.write(conn, "public", None, out.write)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def changed(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Return the counts of *report* that are not of things unchanged."""
    counts = {
        kind: {key: number for key, number in numbers.items() if number and key != "unchanged"}
        for kind, numbers in report["counts"].items()
    }
    return {kind: numbers for kind, numbers in counts.items() if numbers}


class _Silent(progress.Log):
    def say(self, _text: str, /, **_values: Any) -> None:
        """Tell nobody."""


@functools.cache
def _catalog() -> Catalog:
    return load.read()


@contextlib.contextmanager
def _begun(url: str) -> Iterator[tuple[RunContext, Outcome]]:
    catalog = _catalog()
    address = addresses.parse(url)
    with (
        connection.open_(address, "seed", patience=0, say=str) as conn,
        translation.translated(address),
    ):
        outcome = Outcome("seed")
        request, options = Request(catalog.newest, {}), RunOptions(limits=Limits(lock_wait=5))
        yield begin(outcome, conn, address, catalog, request, options, _Silent()), outcome
