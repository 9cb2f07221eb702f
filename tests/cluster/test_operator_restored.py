"""A backup that is restored, and another database in place of this one, as docs/kubectl.md says."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from medusa_testbed import objects
from medusa_testbed.kubelet.images import shipped

pytestmark = pytest.mark.usefixtures("kubelet")

AUTOMATIC = {"approval": "Automatic"}


@pytest.fixture(autouse=True)
def _runner(kubelet):
    kubelet.images.update(shipped())


@contextmanager
def upgraded(shop, postgres):
    """Bring a shop from 1.12.3 to 1.20.11; yield the name of its database."""
    with postgres.database(postgres.at("1.12.3")) as name:
        shop.database(postgres.url(name))
        shop.declare(upgrade=AUTOMATIC)
        shop.wait()
        yield name


def restore(shop, postgres, name):
    """Suspend the shop, and put its database back to where it was before the upgrade."""
    shop.change(suspend=True)
    shop.wait_for(lambda body: objects.condition(body, "Suspended")["status"] == "True")
    postgres.drop(name)
    postgres.execute("create database {} template {}", name, postgres.at("1.12.3"))


def test_a_backup_that_is_restored_is_upgraded_again(shop, postgres):
    with upgraded(shop, postgres) as name:
        restore(shop, postgres, name)

        shop.retry("restored")
        shop.change(suspend=False)
        shop.wait_for(lambda body: body["status"].get("retryToken") == "restored", "another look")
        shop.wait()

        assert shop.status()["history"][0]["migrations"] > 0
        assert shop.status()["appliedVersion"] == "1.20.11"


def test_a_backup_that_is_restored_is_looked_at_and_kept_at_the_version_it_has(shop, postgres):
    with upgraded(shop, postgres) as name:
        restore(shop, postgres, name)

        shop.change(version="1.12.3")
        shop.retry("restored")
        shop.change(suspend=False)
        shop.wait_for(lambda body: body["status"].get("retryToken") == "restored", "another look")
        shop.wait()

        assert shop.status()["history"][0].get("migrations", 0) == 0
        assert shop.status()["appliedVersion"] == "1.12.3"


def test_a_version_taken_back_while_suspended_downgrades_nothing(shop, postgres):
    with upgraded(shop, postgres):
        shop.change(suspend=True, version="1.12.3")
        shop.retry("by mistake")
        shop.change(suspend=False)

        refused = shop.wait("Downgrade")

        assert "the database is at 1.20.11" in refused["message"]


def test_another_database_at_an_older_version_is_one_change(shop, postgres, cluster):
    with upgraded(shop, postgres), postgres.database(postgres.at("1.12.3")) as other:
        secret = objects.secret("other-db", url=postgres.url(other))
        cluster.api.create("v1/secrets", secret, shop.namespace)

        shop.change(version="1.12.3", database={"urlSecretRef": {"name": "other-db"}})
        shop.wait()

        assert shop.status()["appliedVersion"] == "1.12.3"
