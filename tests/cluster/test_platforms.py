"""Platforms that choose the user of a pod by themselves, such as OpenShift."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from medusa_testbed.kubelet.images import RUNNER
from medusa_testbed.operators import OWN, Operator
from medusa_testbed.shops import Shop

CHOSEN = 1000680000
"""A user of the range that OpenShift gives to a namespace; it is in no `/etc/passwd`."""


@pytest.fixture
def operator(cluster, rights, namespace, tmp_path):
    """An operator that runs as such a user, in the test's namespace only."""
    del rights  # the definition is applied with them
    flags = ("--namespace", namespace, "--lease-namespace", namespace)
    own = Operator(cluster.kubeconfig, tmp_path, flags, {"HOME": "/"}, user=CHOSEN)
    own.start()
    yield own
    own.stop()


def test_operator_and_run_work_as_a_user_that_the_platform_chose(
    operator, cluster, kubelet, namespace, url
):
    kubelet.images[RUNNER] = replace(kubelet.images[RUNNER], user=CHOSEN)
    shop = Shop(cluster.api, namespace, labels=((OWN, namespace),))
    operator.wait()
    shop.database(url)

    shop.declare()
    shop.wait()

    [pod] = shop.pods()
    assert "runAsUser" not in str(pod["spec"])
    with psycopg.connect(url) as conn:
        assert conn.execute("select count(*) > 0 from migrations").fetchone() == (True,)
