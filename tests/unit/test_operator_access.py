"""Where the API server is: kubeconfig files as people have them, and the cluster around a pod."""

from __future__ import annotations

import base64
import ssl
import subprocess

import pytest
import yaml

from medusa_operator import access
from medusa_operator.errors import AccessError


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate and its key; it is authority and client in one."""
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", "/CN=test", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def kubeconfig(file, cluster=None, user=None, context=None, **rest):
    document = {
        "current-context": "shop",
        "contexts": [{"name": "shop", "context": {"cluster": "c", "user": "u"} | (context or {})}],
        "clusters": [
            {"name": "c", "cluster": {"server": "https://127.0.0.1:6443"} | (cluster or {})}
        ],
        "users": [{"name": "u", "user": user or {}}],
    } | rest
    file.write_text(yaml.safe_dump(document))
    return {"KUBECONFIG": str(file)}


def told(found):
    return found.server, found.namespace, found.token.header()


def data(file):
    return base64.b64encode(file.read_bytes()).decode()


def test_a_token_is_sent_as_it_is(tmp_path):
    environ = kubeconfig(tmp_path / "config", user={"token": "abc"}, context={"namespace": "ops"})

    found = access.find(environ)

    assert told(found) == ("https://127.0.0.1:6443", "ops", {"Authorization": "Bearer abc"})


def test_a_token_file_is_seen_from_the_folder_of_the_kubeconfig_and_read_again(
    tmp_path, monkeypatch
):
    (tmp_path / "token").write_text("old\n")
    found = access.find(kubeconfig(tmp_path / "config", user={"tokenFile": "token"}))
    before = found.token.header()

    (tmp_path / "token").write_text("new\n")
    kept = found.token.header()
    monkeypatch.setattr(access, "TOKEN_AGE", 0)

    bearers = [header["Authorization"] for header in (before, kept, found.token.header())]
    assert bearers == ["Bearer old", "Bearer old", "Bearer new"]


def test_a_token_file_is_read_again_at_once_where_its_token_is_refused(tmp_path):
    (tmp_path / "token").write_text("old\n")
    found = access.find(kubeconfig(tmp_path / "config", user={"tokenFile": "token"}))
    found.token.header()
    (tmp_path / "token").write_text("new\n")

    found.token.refused()

    assert found.token.header() == {"Authorization": "Bearer new"}


@pytest.mark.parametrize("embedded", [True, False], ids=["embedded", "files"])
def test_a_client_certificate_is_used_without_a_token(embedded, tmp_path, certificate):
    cert, key = certificate / "cert.pem", certificate / "key.pem"
    cluster = (
        {"certificate-authority-data": data(cert)}
        if embedded
        else {"certificate-authority": str(cert)}
    )
    user = (
        {"client-certificate-data": data(cert), "client-key-data": data(key)}
        if embedded
        else {"client-certificate": str(cert), "client-key": str(key)}
    )

    found = access.find(kubeconfig(tmp_path / "config", cluster, user))

    assert found.token.header() == {}
    assert len(found.tls.get_ca_certs()) == 1
    assert found.tls.verify_mode is ssl.CERT_REQUIRED


def test_a_server_in_clear_text_needs_no_certificates(tmp_path):
    found = access.find(kubeconfig(tmp_path / "config", {"server": "http://127.0.0.1:8001/"}))

    assert (found.server, found.tls) == ("http://127.0.0.1:8001", False)


def test_several_files_are_read_as_one_and_the_first_word_counts(tmp_path):
    first = kubeconfig(tmp_path / "a", user={"token": "first"}, clusters=[])
    second = kubeconfig(tmp_path / "b", user={"token": "second"})

    found = access.find({"KUBECONFIG": f"{first['KUBECONFIG']}:{second['KUBECONFIG']}"})

    assert told(found) == ("https://127.0.0.1:6443", "default", {"Authorization": "Bearer first"})


def test_a_pod_uses_the_cluster_around_it(tmp_path, certificate):
    (tmp_path / "token").write_text("mounted")
    (tmp_path / "namespace").write_text("ops")
    (tmp_path / "ca.crt").write_bytes((certificate / "cert.pem").read_bytes())
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    found = access.find(environ, tmp_path)

    assert told(found) == ("https://[fd00::1]:443", "ops", {"Authorization": "Bearer mounted"})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"current-context": ""}, "has no current-context", id="context"),
        pytest.param({"clusters": []}, "names cluster 'c', which it does not hold", id="cluster"),
        pytest.param({"user": {"exec": {}}}, "logs in by a plugin", id="plugin"),
        pytest.param({"cluster": {"server": "here"}}, "has no server URL", id="server"),
        pytest.param(
            {"cluster": {"certificate-authority": "gone"}}, "certificates cannot be used", id="ca"
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_gets_a_sentence(changes, sentence, tmp_path):
    environ = kubeconfig(tmp_path / "config", **changes)

    with pytest.raises(AccessError, match=sentence):
        access.find(environ)


def test_without_any_of_them_it_says_what_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(AccessError) as refused:
        access.find({}, tmp_path)

    assert str(refused.value) == (
        "no Kubernetes API server to talk to: KUBECONFIG is not set, this is no pod with a "
        "ServiceAccount token, and there is no ~/.kube/config"
    )
