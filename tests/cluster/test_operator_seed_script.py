"""Shops that a script of their own image seeds: real control plane, real runner, real Medusa, real PostgreSQL."""

from __future__ import annotations

import psycopg
import pytest

from medusa_testbed.kubectl import kstatus
from servers import rows
from shop_images import CARRIED, project, publish, publish_runner

SERVER = {"image": "shop:42", "workingDir": "/server"}
SCRIPT = "./src/scripts/seed.js"
MAKES = "await container.resolve('product').createProducts([{ title: args.join(' ') }])"
FAILS = "throw new Error('no such region')"


def write(folder, *lines):
    file = folder / SCRIPT
    file.parent.mkdir(exist_ok=True)
    body = "; ".join(lines)
    file.write_text(
        f"module.exports = {{ default: async ({{ container, args }}) => {{ {body} }} }}"
    )


def products(url):
    with psycopg.connect(url) as conn:
        return [title for (title,) in rows(conn, "select title from product order by 1")]


@pytest.fixture
def image(kubelet, tmp_path):
    """Call it with the name of an image and what its script does."""
    publish_runner(kubelet, tmp_path)

    def make(name, *lines):
        folder = project(tmp_path / name.replace(":", "-"), "2.21.2")
        write(folder, *lines)
        publish(kubelet, name, folder)
        return folder

    return make


def test_a_shop_is_seeded_once_and_again_by_an_image_that_has_another_script(shop, url, image):
    image("shop:42", MAKES)
    image("shop:43", MAKES)
    image("shop:44", MAKES, "args")
    shop.database(url)

    seed = {"script": SCRIPT, "args": ["Shirt", "red"], "policy": "OnChange"}
    shop.declare("2.21.2", server=SERVER, job={"image": CARRIED}, seed=seed)
    shop.wait(within=280)
    first = shop.status()

    assert products(url) == ["Shirt red"]
    assert shop.condition("Seeded")["message"] == f"seeded by {SCRIPT}"
    assert first["seed"]["checksum"].startswith("sha256:")
    assert (first["appliedVersion"], first["image"]) == ("2.21.2", "shop:42")

    shop.change(server={"image": "shop:43"})
    shop.wait(within=200)

    assert products(url) == ["Shirt red"]  # the same script, of another image

    shop.change(server={"image": "shop:44"}, seed={"args": ["Shirt", "blue"]})
    shop.wait(within=200)

    assert products(url) == ["Shirt blue", "Shirt red"]
    assert shop.history() == [("migrate-2.21.2", "Succeeded", ""), ("seed", "Succeeded", "")] * 3
    assert kstatus([shop.get()])[0].status == "Current"


def test_a_script_that_fails_waits_for_a_person_and_is_run_again_from_its_beginning(
    shop, url, image
):
    folder = image("shop:42", MAKES, FAILS)
    shop.database(url)

    seed = {"script": SCRIPT, "args": ["Shirt"]}
    shop.declare("2.21.2", server=SERVER, job={"image": CARRIED}, seed=seed)
    failed = shop.wait("SeedFailed", within=280)

    assert "no such region" in failed["message"]
    assert "What it had written by then may stay" in failed["message"]
    assert kstatus([shop.get()])[0].status == "Failed"
    assert shop.condition("Seeded")["status"] == "False"
    assert shop.condition("Migrated")["status"] == "True"
    assert products(url) == ["Shirt"]

    write(folder, "args")
    shop.retry("one")
    shop.wait(within=200)

    assert shop.condition("Seeded")["status"] == "True"
    assert products(url) == ["Shirt"]
    assert shop.history() == [
        ("migrate-2.21.2", "Succeeded", ""),
        ("seed", "Failed", "SeedFailed"),
        ("migrate-2.21.2", "Succeeded", ""),  # whoever asks for a retry gets a new look
        ("seed", "Succeeded", ""),
    ]


def test_a_script_that_the_image_does_not_have_is_named(shop, url, image):
    folder = image("shop:42", MAKES)
    shop.database(url)

    shop.declare("2.21.2", server=SERVER, job={"image": CARRIED}, seed={"script": "src/seed.ts"})
    refused = shop.wait("NoScript", within=280)

    assert refused["message"].startswith(
        f"there is no src/seed.ts in {folder}, and no seed.js beside it"
    )
    with psycopg.connect(url) as conn:
        assert rows(conn, "select from product") == []
