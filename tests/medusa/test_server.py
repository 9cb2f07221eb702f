"""Medusa 1.20.11 itself, installed as a shop installs it, and our databases."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import TYPE_CHECKING

import psycopg
import pytest

import medusa_snapshot
from medusa_equality import differences, migrate
from medusa_replay import replay
from medusa_testbed.medusa import packages
from medusa_testbed.medusa.server import Shop, make_shop
from tiers import need

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "1.20.11"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    try:
        return make_shop(tmp_path)
    except packages.InstallError as exc:
        need(None, f"Medusa's server cannot be installed: {exc}")
        raise


def contents(url: str) -> tuple[object, ...]:
    with psycopg.connect(url) as conn:
        return (
            medusa_snapshot.ledger(conn),
            medusa_snapshot.snapshot(conn),
            medusa_snapshot.rows(conn),
        )


def test_medusa_finds_nothing_pending_in_a_database_of_ours(shop: Shop, ours: str) -> None:
    migrate(VERSION, ours)
    before = contents(ours)

    show = shop.run("migrations", "show", url=ours)
    run = shop.run("migrations", "run", url=ours)

    assert show.returncode == 0, show.stdout
    assert len(re.findall(r"\[X\]", show.stdout)) == 75
    assert "[ ]" not in show.stdout
    assert "No migrations are pending" in run.stdout
    assert contents(ours) == before


def test_we_find_nothing_to_do_in_a_database_of_medusas(shop: Shop, theirs: str) -> None:
    shop.run("migrations", "run", url=theirs)
    before = contents(theirs)

    first = migrate(VERSION, theirs)  # nobody had noted which of its versions the ledger means
    second = migrate(VERSION, theirs)

    assert (first["state"], first["migrationCount"], second["state"]) == ("done", 0, "nothing")
    assert contents(theirs) == before


def test_a_replay_does_what_the_real_command_does(shop: Shop, theirs: str, ours: str) -> None:
    shop.run("migrations", "run", url=theirs)

    replay(VERSION, ours)

    assert not differences(theirs, ours)


def test_the_real_server_serves_from_a_database_of_ours(shop: Shop, ours: str) -> None:
    migrate(VERSION, ours)

    with (
        shop.started(ours) as server,
        urllib.request.urlopen(f"{server}/store/products", timeout=30) as response,
    ):
        body = json.load(response)

    assert response.status == 200
    assert body == {"products": [], "count": 0, "offset": 0, "limit": 100}
