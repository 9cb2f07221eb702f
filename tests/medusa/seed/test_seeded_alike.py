"""Our seed makes the rows that Medusa's own makes, of the same document, in the same version."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import medusa_seeding
from medusa_equality import clock
from medusa_seed_documents import Document, fitted, generated

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_testbed.medusa.server import Shop
    from servers import TestServer

ROOT = Path(__file__).parents[3]
STARTER = Path(os.environ.get("MEDUSA_TEST_DATA") or ROOT.parent / "shared/data") / (
    "medusa-starter-seed.json"
)
"""The document of Medusa's starter; not ours to give away, so it lies beside the project or nowhere."""

VERSIONS = ("1.20.11", "1.12.3", "1.7.15", "1.3.9")
DOCUMENTS = range(10 if os.environ.get("MEDUSA_TEST_ALL") else 2)

of_each_version = pytest.mark.parametrize("version", VERSIONS)


def starter() -> Document:
    if not STARTER.exists():
        pytest.skip(f"left out: {STARTER.name} is not there (MEDUSA_TEST_DATA names its folder)")
    document: Document = json.loads(STARTER.read_text())
    return document


def demo() -> Document:
    """Return the demo shop, which is kept in two files, as the one document they make."""
    document: Document = {}
    for name in ("essential.json", "seed.json"):
        document |= json.loads((ROOT / "seed/data" / name).read_text())
    return document


@of_each_version
@pytest.mark.parametrize("number", DOCUMENTS)
def test_a_document_with_every_key(
    version: str, number: int, seeded_differently: Callable[..., str]
) -> None:
    document = generated(number, version)

    found = seeded_differently(version, document)

    assert not found, found


@pytest.mark.parametrize("version", [each for each in VERSIONS if each != "1.3.9"])
def test_a_document_with_prices_that_include_tax(
    version: str, seeded_differently: Callable[..., str]
) -> None:
    document = generated(100, version, includes_tax=True)

    found = seeded_differently(version, document, {"tax_inclusive_pricing": True})

    assert not found, found


def test_a_shop_without_sales_channels(seeded_differently: Callable[..., str]) -> None:
    document = generated(101, "1.20.11")

    found = seeded_differently("1.20.11", document, {"sales_channels": False})

    assert not found, found


@of_each_version
def test_the_document_of_the_starter(version: str, seeded_differently: Callable[..., str]) -> None:
    document = fitted(starter(), version)

    found = seeded_differently(version, document)

    assert not found, found


@of_each_version
def test_the_demo_shop(version: str, seeded_differently: Callable[..., str]) -> None:
    document = fitted(demo(), version)

    found = seeded_differently(version, document)

    assert not found, found


@of_each_version
def test_migrations_and_seed_in_one_command(
    version: str,
    shop_of: Callable[[str], Shop],
    server: TestServer,
    theirs: str,
    ours: str,
    tmp_path: Path,
) -> None:
    document = fitted(demo(), version)
    since = clock(server.admin_url)

    medusa_seeding.by_medusa(shop_of(version), document, theirs, migrate=True)
    medusa_seeding.by_us(document, ours, tmp_path, "--to", version)

    assert not medusa_seeding.differences(
        medusa_seeding.content(theirs, document, since),
        medusa_seeding.content(ours, document, since),
    )
