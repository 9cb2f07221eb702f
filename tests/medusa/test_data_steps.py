"""Our data steps against the data scripts of Medusa's upgrade guides, on copies of one random shop."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

import data_step_rows as rows
import data_step_shop as shops
import medusa_scripts
from medusa_testbed.medusa import packages as medusa_packages
from servers import medusa_db
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import TestServer

pytestmark = pytest.mark.each_server

SEEDS = range(8) if os.environ.get("MEDUSA_TEST_ALL") else range(1)

OF_1_3_9 = {
    "1.3.0/line_item_adjustments": "line-item-adjustment-migration",
    "1.3.0/discount_rules": "discount-rule-migration",
    "1.3.6/sales_channels": "sales-channels-migration",
}
OF_1_7_15 = OF_1_3_9 | {
    "1.7.1/gift_card_tax_rate": "gift-card-tax-rate-migration",
    "1.7.3/sales_channels": "sales-channels-migration",
}


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    """The scripts, and what they import."""
    try:
        for version in ("1.3.9", "1.7.15"):
            medusa_scripts.installed(version)
    except medusa_packages.InstallError as exc:
        need(None, f"Medusa's data scripts cannot be installed: {exc}")


@pytest.fixture(params=SEEDS)
def seed(request: pytest.FixtureRequest) -> int:
    """What the shop's rows are drawn from."""
    number: int = request.param
    return number


@pytest.mark.parametrize(
    ("version", "steps"), [("1.3.9", OF_1_3_9), ("1.7.15", OF_1_7_15)], ids=["1.3.9", "1.7.15"]
)
def test_data_steps_leave_the_rows_that_medusas_scripts_leave(
    server: TestServer,
    made_by_medusa: Callable[..., str],
    version: str,
    steps: dict[str, str],
    seed: int,
) -> None:
    with server.database(made_by_medusa(version, {"sales_channels": True})) as shop:
        shops.fill(server.url(shop), shops.SMALL, seed)
        before = rows.take(server.url(shop))
        for step, script in steps.items():
            with server.database(shop) as theirs, server.database(shop) as ours:
                told = medusa_scripts.run(version, script, server.url(theirs))

                written = run_step(version, step, server.url(ours))

                expected, found = rows.take(server.url(theirs)), rows.take(server.url(ours))
                assert rows.differences(before, expected), f"{script} did nothing: {told}"
                assert (step, rows.differences(expected, found)) == (step, [])
                assert written > 0

                assert run_step(version, step, server.url(ours)) == 0
                assert rows.take(server.url(ours)) == found


def run_step(version: str, step: str, url: str) -> int:
    """Run one data step with our own command; return how many rows it wrote."""
    done = medusa_db("migrate", "--to", version, "--data-step", step, "--output", "json", url=url)
    assert done.returncode == 0, done.stderr
    (only,) = json.loads(done.stdout)["dataSteps"]
    assert only["name"] == step
    written: int = only["rows"]
    return written
