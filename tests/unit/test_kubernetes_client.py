"""What the Kubernetes client's own log-in does not do, which is why `credentials` and `kubeconfig` do it.

Each test holds as long as that is so. Where one fails, so much of ours can go.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from kubernetes.aio.config.openid import OpenIDRequestor

from operator_login import certificate, kubeconfig


def loaded(*environs):
    """Return the client's configuration for these files, and what loads them again."""
    files = ":".join(environ["KUBECONFIG"] for environ in environs)
    config = Configuration()
    asyncio.run(load_kube_config(files, client_configuration=config, persist_config=False))
    return config


def proof(config):
    return asyncio.run(config.get_api_key_with_prefix("BearerToken"))


def test_a_token_file_is_read_once_and_with_the_end_of_its_line(tmp_path):
    (tmp_path / "token").write_text("old\n")
    config = loaded(kubeconfig(tmp_path / "config", user={"tokenFile": "token"}))
    (tmp_path / "token").write_text("new\n")

    assert proof(config) == "Bearer old\n"
    assert config.refresh_api_key_hook is None


def test_where_an_exec_plugin_fails_requests_go_without_credentials(tmp_path, caplog):
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "false"}}

    assert proof(loaded(kubeconfig(tmp_path / "config", user=user))) is None
    assert "exec: process returned 1" in caplog.text


def test_the_last_current_context_counts_and_not_the_first(tmp_path):
    contexts = [
        {"name": name, "context": {"cluster": "c", "user": name}} for name in ("first", "last")
    ]
    users = [{"name": name, "user": {"token": name}} for name in ("first", "last")]
    files = [
        kubeconfig(tmp_path / name, contexts=contexts, users=users, **{"current-context": name})
        for name in ("first", "last")
    ]

    assert proof(loaded(*files)) == "Bearer last"


def test_paths_of_a_user_begin_where_the_file_of_its_cluster_is(tmp_path):
    for name in ("clusters", "users"):
        (tmp_path / name).mkdir()
    certificate(tmp_path / "users", "client")
    files = [
        kubeconfig(tmp_path / "clusters" / "config", users=[]),
        kubeconfig(
            tmp_path / "users" / "config",
            user={"client-certificate": "client.pem", "client-key": "client.key"},
            clusters=[],
        ),
    ]

    with pytest.raises(ConfigException, match=r"clusters/client\.pem"):
        loaded(*files)


def test_an_empty_file_before_another_is_not_understood(tmp_path):
    (tmp_path / "empty").write_text("")

    with pytest.raises(TypeError):
        loaded({"KUBECONFIG": str(tmp_path / "empty")}, kubeconfig(tmp_path / "config"))


def test_the_certificate_of_an_issuer_is_not_checked():
    async def connector():
        made = OpenIDRequestor("id", "secret", "https://issuer.example")._get_connector()
        with contextlib.suppress(AttributeError):
            checked = made._ssl
        await made.close()
        return checked

    with pytest.warns(DeprecationWarning, match="verify_ssl is deprecated"):
        assert asyncio.run(connector()) is False
