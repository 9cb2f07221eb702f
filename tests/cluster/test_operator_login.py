"""The operator logs in to a real API server as people do, and stays logged in as tokens come and go."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from contextlib import contextmanager

import pytest

import operator_login
from medusa_operator.api import client, login
from medusa_testbed.kubelet.images import RUNNER, Image
from medusa_testbed.operators import HOME, OWN
from medusa_testbed.shops import Shop, succeeds


@pytest.fixture(autouse=True)
def _quick(kubelet):
    kubelet.images[RUNNER] = Image(outcome=succeeds)


@pytest.fixture
def configured(rights, tmp_path):
    """Return what writes the operator's KUBECONFIG with another cluster or user in it."""

    def write(user=None, **cluster):
        document = json.loads(rights.read_text())
        document["clusters"][0]["cluster"] |= cluster
        if user is not None:
            document["users"][0]["user"] = user
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(document))
        return file

    return write


@contextmanager
def tunnel():
    """Run a proxy in a thread."""
    ready, stop, made = threading.Event(), asyncio.Event(), []
    loop = asyncio.new_event_loop()

    async def serve():
        async with operator_login.tunnelling() as proxy:
            made.append(proxy)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield made[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


def logged(operator):
    return (operator.folder / "operator.log").read_text()


def own(cluster, namespace, name):
    shop = Shop(cluster.api, namespace, name, ((OWN, "own"),))
    shop.database("postgres://nobody")
    return shop


def test_an_exec_plugin_logs_in_again_where_its_token_is_worth_nothing_any_more(
    solo, cluster, namespace, configured, tmp_path, eventually
):
    def give(name):
        """Let the plugin give a token from now on; return it."""
        token = cluster.service_account_token(HOME, HOME, secret=f"{namespace}-{name}")
        status = {"token": token}
        told = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
        (tmp_path / "told").write_text(json.dumps(told | {"status": status}))
        return token

    program = tmp_path / "plugin"
    program.write_text(f"#!/bin/sh\necho >> {tmp_path}/runs\ncat {tmp_path}/told\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin"}
    tokens = [give("old")]
    operator = solo(
        "--selector", OWN, kubeconfig=configured({"exec": plugin | {"interactiveMode": "Never"}})
    )
    first = own(cluster, namespace, "first")
    first.declare()
    first.wait()

    tokens.append(give("new"))
    cluster.api.delete("v1/secrets", f"{namespace}-old", HOME)
    eventually(lambda: len((tmp_path / "runs").read_text()) > 1, within=60)
    second = own(cluster, namespace, "second")
    second.declare()
    second.wait(within=90)

    assert (operator.exited, len((tmp_path / "runs").read_text())) == (None, 2)
    assert not any(token in logged(operator) for token in tokens)


def test_requests_and_watches_go_through_a_proxy(solo, cluster, namespace, configured):
    with tunnel() as proxy:
        url = proxy.url.replace("//", "//me:s3cr3t-7f2a@")
        operator = solo("--selector", OWN, kubeconfig=configured(**{"proxy-url": url}))
        shop = own(cluster, namespace, "shop")
        shop.declare()
        shop.wait()
        operator.stop()

    assert len(proxy.heads) > 3  # its own connection for each watch
    assert {head.split()[1] for head in proxy.heads} == {cluster.server.removeprefix("https://")}
    assert "s3cr3t-7f2a" not in logged(operator)


def test_a_plugin_that_fails_ends_the_start_with_a_sentence(solo, configured, eventually):
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}
    operator = solo(kubeconfig=configured({"exec": plugin}), wait=None)

    eventually(lambda: operator.exited == 1)

    [line] = operator.lines()
    assert line["reason"] == "AccessError"
    assert line["error"] == (
        "the exec plugin 'false' of user 'test' of the kubeconfig ended with exit status 1; run it by "
        "hand to see why, the operator gives it no terminal"
    )


def test_in_a_pod_a_token_that_is_worth_nothing_any_more_is_read_again(
    cluster, namespace, rights, tmp_path
):
    del rights  # it is only to be there first
    host, port = cluster.server.removeprefix("https://").split(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    (tmp_path / "ca.crt").write_bytes(cluster.ca.read_bytes())

    def give(name):
        token = cluster.service_account_token(HOME, HOME, secret=f"{namespace}-{name}")
        (tmp_path / "token").write_text(token)

    async def statuses():
        it = await login.find(environ, tmp_path)
        async with client.opened(it, lambda _call: None) as requests:

            async def status():
                return (await requests.request("GET", "/version")).status

            found = [await status()]
            give("new")
            await asyncio.to_thread(cluster.api.delete, "v1/secrets", f"{namespace}-old", HOME)
            async with asyncio.timeout(60):
                while found[-1] == 200:  # it is believed for some seconds more
                    found.append(await status())
                    await asyncio.sleep(0.2)
            return found[0], found[-1], await status()

    give("old")

    assert asyncio.run(statuses()) == (200, 401, 200)
