"""Shops that are migrated by their own image: real control plane, real runner, real Medusa, real PostgreSQL."""

from __future__ import annotations

import shutil

import psycopg
import pytest

from medusa_testbed.kubectl import kstatus
from servers import rows
from shop_images import CARRIED, hollow, project, publish, publish_runner

SERVER = {"image": "shop:42", "workingDir": "/server"}
DROPS = """
const { Migration } = require("@medusajs/framework/mikro-orm/migrations")
class Migration20260101000000 extends Migration {
  async up() { this.addSql('alter table "club_tier" drop column "name"') }
  async down() { this.addSql('alter table "club_tier" add column "name" text') }
}
module.exports = { Migration20260101000000 }
"""

VOTES = """
class votes1800000000002 {
  async up(runner) { await runner.query('create table "ticket_vote" ("id" character varying)') }
  async down(runner) { await runner.query('drop table "ticket_vote"') }
}
module.exports = { votes1800000000002 }
"""
"""A migration that the next image's plugin has."""


@pytest.fixture
def images(kubelet, tmp_path):
    """Call it with the name of a shop's image and the folder of its project; the runner's can be carried there."""
    publish_runner(kubelet, tmp_path)
    return lambda name, folder: publish(kubelet, name, folder)


def declare(shop, version="2.21.2", **spec):
    return shop.declare(version, server=SERVER, job={"image": CARRIED}, **spec)


def test_a_shop_of_v2_goes_from_one_image_to_the_next(shop, url, images, tmp_path, kubectl):
    first = project(tmp_path / "first", "2.21.2")
    next_one = project(tmp_path / "next", "2.21.2")
    shutil.rmtree(next_one / "src" / "links")
    module = next_one / "src" / "modules" / "club" / "migrations"
    (module / "Migration20260101000000.js").write_text(DROPS)
    images("shop:42", first)
    images("shop:43", next_one)
    shop.database(url)

    declare(shop, "2.20.0")
    other = shop.wait("OtherVersion", within=90)
    shop.change(version="2.21.2")
    shop.wait(within=250)
    migrated = shop.status()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("insert into club_tier (id, name) values ('a', 'gold')")
    shop.change(server={"image": "shop:43"})
    asked = shop.wait("AwaitingAcknowledgement", within=120)
    waiting, to_agree = kstatus([shop.get()])[0].status, shop.status()["acknowledge"]
    shop.change(upgrade={"acknowledged": ["2.21.2", "links"]})
    shop.wait(within=250)
    upgraded = shop.status()

    assert other["message"].startswith(
        f"spec.version 2.20.0: Medusa 2.21.2 of {first} is installed"
    )
    assert (migrated["appliedVersion"], migrated["previousVersion"]) == ("2.21.2", "empty")
    assert (migrated["engine"], migrated["medusaVersion"]) == ("project", "2.21.2")
    assert (migrated["migrations"], migrated["links"], migrated["scripts"]) == (
        {"mikro_orm_migrations": 183},
        {"applied": 21},
        {"applied": 6},
    )
    assert migrated["image"] == "shop:42"
    assert "drop column name" in asked["message"]
    assert "add 2.21.2 to spec.upgrade.acknowledged" in asked["message"]
    assert "Add links to spec.upgrade.acknowledged" in asked["message"]
    assert (waiting, to_agree) == ("InProgress", ["2.21.2", "links"])
    assert upgraded["migrations"] == {"mikro_orm_migrations": 184}
    assert upgraded["links"] == {
        "applied": 21,
        "skipped": [{"action": "delete", "table": "product_product_club_club_tier"}],
    }
    assert (upgraded["image"], "acknowledge" in upgraded) == ("shop:43", False)
    assert upgraded["imageID"] != migrated["imageID"]
    assert shop.history() == [
        ("migrate-2.20.0", "Failed", "OtherVersion"),
        ("migrate-2.21.2", "Succeeded", ""),
        ("migrate-2.21.2", "Learned", "AwaitingAcknowledgement"),
        ("migrate-2.21.2", "Succeeded", ""),
    ]
    assert kstatus([shop.get()])[0].status == "Current"
    with psycopg.connect(url) as conn:
        columns = (
            "select column_name from information_schema.columns where table_name = 'club_tier'"
        )
        assert ("name",) not in rows(conn, columns)

    shop.ask_to_verify("one")
    verified = shop.wait_verified("Verified", "one", within=120)

    assert "nothing is pending of what 2.21.2 of the shop's image wants" in verified["message"]
    assert kubectl("get", "mdb", "shop", "-o", "jsonpath={.status.medusaVersion}") == "2.21.2"


def test_a_shop_of_v1_gets_the_migrations_of_its_plugin_too_and_its_next_image_those_that_are_new(
    shop, url, images, tmp_path
):
    next_one = project(tmp_path / "next", "1.7.15")
    (next_one / "plugins/shop-tickets/migrations/1800000000002-votes.js").write_text(VOTES)
    images("shop:42", project(tmp_path / "first", "1.7.15"))
    images("shop:43", next_one)
    shop.database(url)

    declare(shop, "1.20.11")
    other = shop.wait("OtherVersion", within=60)
    shop.change(version="1.7.15")
    shop.wait(within=120)
    migrated = shop.status()
    shop.change(server={"image": "shop:43"})
    shop.wait(within=120)
    upgraded = shop.status()

    assert other["message"].startswith("spec.version 1.20.11: Medusa 1.7.15 of")
    assert (migrated["engine"], migrated["medusaVersion"]) == ("project", "1.7.15")
    assert (migrated["appliedVersion"], migrated["previousVersion"]) == ("1.7.15", "empty")
    assert migrated["migrations"] == {"migrations": 60}
    assert upgraded["migrations"] == {"migrations": 61}
    assert (upgraded["image"], upgraded["appliedVersion"]) == ("shop:43", "1.7.15")
    with psycopg.connect(url) as conn:
        made = "select table_name from information_schema.tables where table_name like '%ticket%'"
        assert sorted(rows(conn, made)) == [
            ("shop_ticket",), ("ticket_comment",), ("ticket_vote",),
        ]  # fmt: skip
    assert shop.history() == [
        ("migrate-1.20.11", "Failed", "OtherVersion"),
        ("migrate-1.7.15", "Succeeded", ""),
        ("migrate-1.7.15", "Succeeded", ""),
    ]
    assert kstatus([shop.get()])[0].status == "Current"


def test_a_database_of_v1_is_left_alone_by_an_image_of_v2(shop, postgres, images, tmp_path):
    images("shop:42", hollow(tmp_path / "v2", "2.21.2"))
    with postgres.database(postgres.at("1.20.11")) as name:
        shop.database(postgres.url(name))

        declare(shop)
        refused = shop.wait("MedusaV1Database", within=90)

        with psycopg.connect(postgres.url(name)) as conn:
            assert len(rows(conn, "select from migrations")) == 75
    assert "is a database of Medusa v1" in refused["message"]
    assert kstatus([shop.get()])[0].status == "Failed"
    assert shop.history() == [("migrate-2.21.2", "Failed", "MedusaV1Database")]


def test_a_folder_without_a_project_is_named_in_the_words_of_the_resource(
    shop, url, images, tmp_path
):
    (tmp_path / "empty").mkdir()
    images("shop:42", tmp_path / "empty")
    shop.database(url)

    declare(shop)
    refused = shop.wait("NoProject", within=90)

    assert refused["message"].startswith(
        f"spec.server.workingDir {tmp_path / 'empty'}: neither it nor"
    )


def test_a_runner_that_is_not_in_the_image_is_noticed(shop, url, images, tmp_path):
    images("shop:42", hollow(tmp_path / "v2", "2.21.2"))
    shop.database(url)

    shop.declare("2.21.2", server=SERVER | {"runner": "Image"})
    refused = shop.wait("ImageUnusable", within=90)

    assert "/medusa-db/bin/medusa-db" in refused["message"]
