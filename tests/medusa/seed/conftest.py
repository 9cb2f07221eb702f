"""Shops of several Medusa versions, and what the two seeds make of one document."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import medusa_seeding
from medusa_equality import clock
from medusa_testbed.medusa import packages
from medusa_testbed.medusa.server import Shop, make_shop
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from medusa_seed_documents import Document
    from servers import TestServer


@pytest.fixture(scope="session")
def shop_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Shop]:
    """Give the folder of a shop of a version, made once."""
    made: dict[str, Shop] = {}

    def make(version: str) -> Shop:
        if version not in made:
            try:
                made[version] = make_shop(tmp_path_factory.mktemp("shop"), version)
            except packages.InstallError as exc:
                need(None, f"Medusa {version} cannot be installed: {exc}")
                raise
        return made[version]

    return make


@pytest.fixture
def seeded_differently(
    server: TestServer,
    made_by_medusa: Callable[..., str],
    shop_of: Callable[[str], Shop],
    tmp_path: Path,
) -> Callable[..., str]:
    """Name what differs when Medusa's seed and ours fill fresh databases of a version."""

    def seed(version: str, document: Document, flags: dict[str, bool] | None = None) -> str:
        options = [f"--flag={name}={str(on).lower()}" for name, on in (flags or {}).items()]
        with (
            server.database(made_by_medusa(version, flags)) as theirs,
            server.database(server.at(version, *options)) as ours,
        ):
            since = clock(server.admin_url)
            medusa_seeding.by_medusa(shop_of(version), document, server.url(theirs), flags=flags)
            medusa_seeding.by_us(document, server.url(ours), tmp_path, "--no-migrate")
            return medusa_seeding.differences(
                medusa_seeding.content(server.url(theirs), document, since),
                medusa_seeding.content(server.url(ours), document, since),
            )

    return seed
