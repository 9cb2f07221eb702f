"""Shops of many versions, with plugins from npm: the same is true of each, and from one to the next."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import psycopg
import pytest
from psycopg import sql

import projects
import servers
from projects import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

ALL = os.environ.get("MEDUSA_TEST_ALL") == "1"
AUTOMATIC = ("--approval", "automatic")


class Shop(NamedTuple):
    """A shop, and how many migrations, links and scripts Medusa itself then has in its ledgers."""

    version: str
    migrations: int
    links: int = 0
    scripts: int = 0
    configuration: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.version, self.configuration)))


SHOPS = {
    str(shop): shop
    for shop in (
        Shop("1.7.15", 60),
        Shop("1.20.11", 87, configuration=projects.ISOLATED),
        Shop("2.0.7", 63, 17),
        Shop("2.4.0", 96, 18, 1),
        Shop("2.8.8", 116, 21, 3),
        Shop("2.12.1", 161, 21, 3),
    )
}
SAMPLE = ("1.7.15",)
"""Those of CI; other tests have 1.20.11, 2.11.1 and 2.21.2."""


@pytest.mark.parametrize("name", SHOPS if ALL else SAMPLE)
def test_an_empty_database_gets_what_was_predicted_and_then_nothing_is_left(
    server: TestServer, project: Callable[..., Path], name: str
) -> None:
    shop = SHOPS[name]
    folder = project(shop.version, shop.configuration)
    expected = {"migrations": shop.migrations, "links": shop.links, "scripts": shop.scripts}
    with server.database() as database:
        url = server.url(database)
        planned, done = run("plan", folder, url, "--check")
        assert (done.returncode, planned["reason"]) == (10, "Pending"), done.stderr

        found, done = run("migrate", folder, url, "--to", shop.version)

        assert done.returncode == 0, done.stderr
        assert planned["predicted"] == found["predicted"] == expected
        made = tuple(found[key] for key in ("migrationCount", "linkCount", "scriptCount"))
        assert made == tuple(expected.values())
        again, done = run("migrate", folder, url)
        assert (done.returncode, again["state"]) == (0, "nothing"), done.stderr
        _, done = run("verify", folder, url, "--strict")
        assert done.returncode == 0, done.stderr


WAYS = {
    "2.0.7-to-2.21.2": ("2.0.7", "2.8.8", "2.21.2"),
    "2.4.0-to-2.21.2": ("2.4.0", "2.12.1", "2.21.2"),
    "1.7.15-to-1.20.11": ("1.7.15", "1.20.11"),
}
KEPT = {
    1: (
        "insert into shop_ticket (id) values ('mine')",
        "insert into customer (id, email) values ('cus_1', 'a@example.com')",
        "insert into region (id, name, currency_code, tax_rate) values ('reg_1', 'North', 'eur', 0)",
    ),
    2: (
        "insert into club_tier (id, name) values ('mine', 'gold')",
        "insert into customer (id, email) values ('cus_1', 'a@example.com')",
        "insert into product (id, title, handle) values ('prod_1', 'Mug', 'mug')",
        "insert into region (id, name, currency_code) values ('reg_1', 'North', 'eur')",
        "insert into product_product_club_club_tier (id, product_id, club_tier_id) values ('l', 'prod_1', 'mine')",
    ),
}
"""Rows of a shop, each with the first id of its table."""


@pytest.mark.skipif(not ALL, reason="takes minutes; another test goes from 2.11.1 to 2.21.2")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.timeout(900)
def test_a_shop_with_rows_goes_from_version_to_version_in_place(
    server: TestServer, project: Callable[..., Path], way: str
) -> None:
    first, *later = WAYS[way]
    rows = KEPT[int(first[0])]
    with server.database() as database:
        url = server.url(database)
        _, done = run("migrate", project(first), url)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(url) as conn:
            for statement in rows:
                conn.execute(sql.SQL(statement))

        for version in later:
            folder = project(version)
            found, done = run("migrate", folder, url, "--to", version, *AUTOMATIC)
            assert (done.returncode, found["state"]) == (0, "done"), done.stderr
            assert found["predicted"]["migrations"] == found["migrationCount"] > 0
            assert found["predicted"]["links"] == found["linkCount"]
            waited = servers.medusa_db("wait", "--for", version, "--timeout", "0s", url=url)
            if version.startswith("2."):
                assert waited.returncode == 0, waited.stderr

        with psycopg.connect(url) as conn:
            for statement in rows:
                table = statement.split()[2]
                query = sql.SQL("select count(*)::int from {}").format(sql.Identifier(table))
                assert servers.rows(conn, query.as_string()) == [(1,)], table
