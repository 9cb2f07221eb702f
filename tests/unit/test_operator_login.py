"""Where the API server is and who we are: kubeconfig files as people have them, and the cluster around a pod."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientError, web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from medusa_operator.api import client, credentials, login
from medusa_operator.api.client import named
from medusa_operator.api.errors import AccessError
from medusa_operator.api.watch_session import open_watch_session
from medusa_testbed.waiting import eventually
from operator_login import ask, certificate, kubeconfig, serving, tunnelling
from operator_mutations import junk, mutated

SECRET = "s3cr3t-7f2a"
LOCAL = ("IP:127.0.0.1",)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A server's certificate, and two of clients; each is its own authority."""
    folder = tmp_path_factory.mktemp("certificates")
    return {
        "server": certificate(folder, "server", *LOCAL),
        "named": certificate(folder, "named", "DNS:api.shop.example"),
        "client": certificate(folder, "client"),
        "other": certificate(folder, "other"),
    }


def find(environ, *account):
    return asyncio.run(login.find(environ, *account))


def proof(environ, *account):
    async def found():
        it = await login.find(environ, *account)
        return it.server, it.namespace, await it.authorization()

    return asyncio.run(found())


def data(file):
    return base64.b64encode(file.read_bytes()).decode()


def moved(it, seconds):
    """Let that many seconds pass for what *it* knows of its credential."""
    it._asked -= seconds
    it._due -= seconds
    it._end -= seconds
    it._looked -= seconds


def plugin(folder, text, name="plugin", **exec_fields):
    """Return the user of an exec plugin that is a shell script of *text*."""
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    fields = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
    return {"exec": fields | {"command": str(program)} | exec_fields}


def printed(version="v1", **status):
    """Return the shell command of a plugin that gives *status*."""
    told = {"apiVersion": f"client.authentication.k8s.io/{version}", "kind": "ExecCredential"}
    return f"cat <<'END'\n{json.dumps(told | {'status': status})}\nEND"


def later(**delta):
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%SZ")


# Where, and as whom


def test_a_token_is_sent_as_it_is(tmp_path):
    environ = kubeconfig(tmp_path / "config", user={"token": "abc"}, context={"namespace": "ops"})

    assert proof(environ) == ("https://127.0.0.1:6443", "ops", "Bearer abc")


def test_user_name_and_password_are_sent(tmp_path):
    environ = kubeconfig(tmp_path / "config", user={"username": "me", "password": "pw"})

    assert proof(environ)[2] == "Basic " + base64.b64encode(b"me:pw").decode()


@pytest.mark.parametrize("user", [{"user": {}}, {"context": {"user": None}}], ids=["empty", "none"])
def test_a_context_needs_no_credentials(user, tmp_path):
    assert proof(kubeconfig(tmp_path / "config", **user))[1:] == ("default", "")


def test_several_files_are_read_as_one_and_the_first_word_counts(tmp_path):
    (tmp_path / "empty").write_text("")
    first = kubeconfig(tmp_path / "a", user={"token": "first"}, clusters=None)
    second = kubeconfig(
        tmp_path / "b", user={"token": "second"}, **{"current-context": "somewhere else"}
    )
    files = [str(tmp_path / "gone"), str(tmp_path / "empty"), *first.values(), *second.values()]

    found = proof({"KUBECONFIG": ":".join(files)})

    assert found == ("https://127.0.0.1:6443", "default", "Bearer first")


def test_each_file_of_several_is_where_its_paths_begin(tmp_path, certificates):
    for name in ("clusters", "users"):
        (tmp_path / name).mkdir()
    (tmp_path / "clusters" / "ca").write_bytes(certificates["server"][0].read_bytes())
    (tmp_path / "users" / "token").write_text("abc\n")
    first = kubeconfig(tmp_path / "clusters" / "config", {"certificate-authority": "ca"}, users=[])
    second = kubeconfig(tmp_path / "users" / "config", user={"tokenFile": "token"}, clusters=[])

    found = proof({"KUBECONFIG": ":".join([*first.values(), *second.values()])})

    assert found[2] == "Bearer abc"


def test_the_usual_file_is_read_where_nothing_is_named(tmp_path):
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", user={"token": "abc"})

    assert proof({"HOME": str(tmp_path)})[2] == "Bearer abc"


def test_who_acts_as_another_says_so_in_each_request(tmp_path):
    async def asked():
        async with serving() as server:
            user = {
                "token": "abc", "as": "shop", "as-uid": "7", "as-groups": ["ops", "dev"],
                "as-user-extra": {"reason": ["test"]},
            }  # fmt: skip
            environ = kubeconfig(tmp_path / "config", {"server": server.url}, user)
            await ask(await login.find(environ))
            [request] = server.asked
            return {
                key: request.headers.getall(key) for key in request.headers if key.startswith("Imp")
            }

    assert asyncio.run(asked()) == {
        "Impersonate-User": ["shop"],
        "Impersonate-Uid": ["7"],
        "Impersonate-Group": ["ops", "dev"],
        "Impersonate-Extra-reason": ["test"],
    }


# Certificates


def test_the_servers_certificate_is_checked(tmp_path, certificates):
    async def asked(cluster):
        async with serving(certificates["server"]) as server:
            environ = kubeconfig(tmp_path / "config", {"server": server.url} | cluster)
            return (await ask(await login.find(environ)))[0].status

    authority, other = certificates["server"][0], certificates["other"][0]
    assert asyncio.run(asked({"certificate-authority": str(authority)})) == 200
    assert asyncio.run(asked({"certificate-authority-data": data(authority)})) == 200
    assert asyncio.run(asked({"insecure-skip-tls-verify": True})) == 200
    for wrong in ({"certificate-authority": str(other)}, {}):
        with pytest.raises(ClientError, match="CERTIFICATE_VERIFY_FAILED"):
            asyncio.run(asked(wrong))


def test_the_name_to_expect_in_a_certificate_may_be_another(tmp_path, certificates):
    async def asked(**cluster):
        async with serving(certificates["named"]) as server:
            trust = {"certificate-authority": str(certificates["named"][0]), "server": server.url}
            it = await login.find(kubeconfig(tmp_path / "config", trust | cluster))
            session = open_watch_session(it, lambda _call: None, lambda *_: None)
            async with session, session.get(f"{server.url}/version") as watched:
                return (await ask(it))[0].status, watched.status

    assert asyncio.run(asked(**{"tls-server-name": "api.shop.example"})) == (200, 200)
    with pytest.raises(ClientError, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(asked())


@pytest.mark.parametrize("kind", ["data", "files", "relative"])
def test_a_client_certificate_is_shown_without_a_token(kind, tmp_path, certificates):
    async def asked():
        cert, key = certificates["client"]
        async with serving(certificates["server"], clients=cert) as server:
            if kind == "data":
                user = {"client-certificate-data": data(cert), "client-key-data": data(key)}
            else:
                folder = tmp_path if kind == "relative" else cert.parent
                (folder / cert.name).write_bytes(cert.read_bytes())
                (folder / key.name).write_bytes(key.read_bytes())
                names = (cert.name, key.name) if kind == "relative" else (str(cert), str(key))
                user = dict(zip(("client-certificate", "client-key"), names, strict=True))
            trust = {"certificate-authority": str(certificates["server"][0]), "server": server.url}
            it = await login.find(kubeconfig(tmp_path / "config", trust, user))
            [answer] = await ask(it)  # which it has only where the certificate was shown
            return answer.status, await it.authorization()

    assert asyncio.run(asked()) == (200, "")


def test_no_key_stays_on_the_disk(tmp_path, certificates, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cert, key = certificates["client"]
    user = {"client-certificate-data": data(cert), "client-key-data": data(key)}
    trust = {"certificate-authority-data": data(certificates["server"][0])}

    find(kubeconfig(tmp_path / "config", trust, user))

    assert [file.name for file in tmp_path.iterdir()] == ["config"]


def test_a_client_certificate_that_was_renewed_in_its_file_is_shown_from_then_on(
    tmp_path, certificates
):
    cert, key = tmp_path / "cert", tmp_path / "key"

    def put(name):
        for file, source in zip((cert, key), certificates[name], strict=True):
            file.write_bytes(source.read_bytes())
            os.utime(file, (time.time() + len(name), time.time() + len(name)))

    async def asked():
        put("other")
        accepted = certificates["client"][0]
        async with serving(certificates["server"], clients=accepted) as server:
            trust = {"certificate-authority": str(certificates["server"][0]), "server": server.url}
            user = {"client-certificate": "cert", "client-key": "key"}
            it = await login.find(kubeconfig(tmp_path / "config", trust, user))
            async with client.opened(it, lambda _call: None) as requests:
                with pytest.raises(ClientError):
                    await requests.request("GET", "/version")
                put("client")
                moved(it, credentials.FILE_SECONDS + 1)
                answer = await requests.request("GET", "/version")
            return answer.status, server.sent("Connection")

    assert asyncio.run(asked()) == (200, ["close"])


# Tokens that are renewed


def test_a_token_file_is_read_again_within_a_minute(tmp_path):
    async def sent():
        (tmp_path / "token").write_text("old\n")
        it = await login.find(kubeconfig(tmp_path / "config", user={"tokenFile": "token"}))
        before = await it.authorization()
        (tmp_path / "token").write_text("new\n")
        kept = await it.authorization()
        moved(it, 60)
        return before, kept, await it.authorization()

    assert asyncio.run(sent()) == ("Bearer old", "Bearer old", "Bearer new")


def test_a_token_file_counts_before_a_token(tmp_path):
    (tmp_path / "token").write_text("file")
    user = {"tokenFile": "token", "token": "written"}

    assert proof(kubeconfig(tmp_path / "config", user=user))[2] == "Bearer file"


def test_an_empty_token_file_is_none(tmp_path):
    user = {"tokenFile": "", "token": "written"}

    assert proof(kubeconfig(tmp_path / "config", user=user))[2] == "Bearer written"


def test_a_folder_for_a_certificate_gets_a_sentence(tmp_path):
    file = kubeconfig(tmp_path / "config", {"certificate-authority": "."})

    with pytest.raises(AccessError, match="certificates cannot be used: "):
        proof(file)


def test_a_token_that_is_refused_is_read_again_at_once(tmp_path):
    async def sent():
        async with serving() as server:
            server.answer = lambda request: web.Response(
                status=200 if request.headers["Authorization"] == "Bearer new" else 401
            )
            (tmp_path / "token").write_text("old")
            environ = kubeconfig(
                tmp_path / "config", {"server": server.url}, {"tokenFile": "token"}
            )
            it = await login.find(environ)
            async with client.opened(it, lambda _call: None) as requests:
                before = await requests.request("GET", "/api/v1/pods")
                (tmp_path / "token").write_text("new")
                after = await requests.request("GET", "/api/v1/pods")
            return before.status, after.status, server.sent("Authorization")

    assert asyncio.run(sent()) == (401, 200, ["Bearer old", "Bearer new"])


def test_a_token_file_that_is_away_for_a_while_changes_nothing(tmp_path):
    async def sent():
        (tmp_path / "token").write_text("old")
        it = await login.find(kubeconfig(tmp_path / "config", user={"tokenFile": "token"}))
        (tmp_path / "token").unlink()
        moved(it, 60)
        away = await it.authorization()
        (tmp_path / "token").write_text("new")
        moved(it, 60)
        return away, await it.authorization()

    assert asyncio.run(sent()) == ("Bearer old", "Bearer new")


def test_a_pod_uses_the_cluster_around_it_and_its_token_as_it_is_renewed(tmp_path, certificates):
    (tmp_path / "token").write_text("mounted")
    (tmp_path / "namespace").write_text("ops")
    (tmp_path / "ca.crt").write_bytes(certificates["server"][0].read_bytes())
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "HTTPS_PROXY": "http://proxy:3128"}

    async def sent():
        it = await login.find(environ, tmp_path)
        before = await it.authorization()
        (tmp_path / "token").write_text("renewed")
        moved(it, 60)
        return it.server, it.namespace, it.api.configuration.proxy, before, await it.authorization()

    assert asyncio.run(sent()) == (
        "https://[fd00::1]:443", "ops", None, "Bearer mounted", "Bearer renewed",
    )  # fmt: skip


# Exec plugins


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_an_exec_plugin_logs_in(version, tmp_path):
    user = plugin(
        tmp_path, printed(version, token="abc"),
        apiVersion=f"client.authentication.k8s.io/{version}", args=None, env=None,
    )  # fmt: skip

    assert proof(kubeconfig(tmp_path / "config", user=user))[2] == "Bearer abc"


def test_an_exec_plugin_gets_arguments_variables_and_what_it_asks_for(tmp_path):
    told = tmp_path / "told"
    user = plugin(
        tmp_path,
        f'echo "$1 $WHO $KUBERNETES_EXEC_INFO" > {told}; ' + printed(token="abc"),
        name="bin",
        command="./bin",
        args=["--shop"],
        env=[{"name": "WHO", "value": "me"}],
        provideClusterInfo=True,
    )
    cluster = {
        "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
        ]
    }

    find(kubeconfig(tmp_path / "config", cluster, user))

    first, who, info = told.read_text().split(" ", 2)
    assert (first, who) == ("--shop", "me")
    assert json.loads(info) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {
            "interactive": False,
            "cluster": {"server": "https://127.0.0.1:6443", "config": {"audience": "x"}},
        },
    }


def test_an_exec_plugin_has_no_terminal(tmp_path):
    ask_for_one = "read line && exit 3; (exec < /dev/tty) 2> /dev/null && exit 4; "

    user = plugin(tmp_path, ask_for_one + printed(token="abc"))

    assert proof(kubeconfig(tmp_path / "config", user=user))[2] == "Bearer abc"


def test_an_exec_plugin_runs_once_for_many_requests_and_again_before_the_end(tmp_path):
    count = tmp_path / "count"
    count.write_text("")
    text = f"echo >> {count}; " + printed(token="TOKEN", expirationTimestamp=later(minutes=15))
    text = text.replace("cat", "sed s/TOKEN/token-$(wc -l < " + str(count) + ")/", 1)

    async def sent():
        it = await login.find(kubeconfig(tmp_path / "config", user=plugin(tmp_path, text)))
        several = set(await asyncio.gather(*(it.authorization() for _ in range(5))))
        moved(it, 13 * 60)  # beside the requests, as the old one is still valid
        beside = await it.authorization()
        await it._renewal
        renewed = await it.authorization()
        moved(it, 16 * 60)  # before the request, as the old one is not
        return several, beside, renewed, await it.authorization()

    assert asyncio.run(sent()) == (
        {"Bearer token-1"},
        "Bearer token-1",
        "Bearer token-2",
        "Bearer token-3",
    )


def test_an_exec_plugin_runs_again_where_its_token_is_refused_but_not_for_each_request(tmp_path):
    count = tmp_path / "count"
    user = plugin(tmp_path, f"echo >> {count}; " + printed(token="abc"))

    async def runs():
        it = await login.find(kubeconfig(tmp_path / "config", user=user))
        for _ in range(3):
            it.refused()
            await it.authorization()
        soon = len(count.read_text())
        moved(it, 11)
        for _ in range(3):
            it.refused()
            await it.authorization()
        return soon, len(count.read_text())

    assert asyncio.run(runs()) == (1, 2)


def test_where_an_exec_plugin_fails_later_the_old_token_is_kept_and_it_is_said_once(
    tmp_path, capsys
):
    text = f"test ! -e {tmp_path}/no || exit 7; "
    text += printed(token=SECRET, expirationTimestamp=later(minutes=15))

    async def sent():
        it = await login.find(kubeconfig(tmp_path / "config", user=plugin(tmp_path, text)))
        (tmp_path / "no").touch()
        found = []
        for _ in range(2):
            moved(it, 16 * 60)
            found.append(await it.authorization())
        (tmp_path / "no").unlink()
        moved(it, 60)
        return [*found, await it.authorization()]

    assert asyncio.run(sent()) == [f"Bearer {SECRET}"] * 3
    logged = capsys.readouterr().out
    assert logged.count("The log-in could not be renewed") == 1
    assert "'plugin' of user 'u' of the kubeconfig ended with exit status 7" in logged
    assert logged.count("Logged in again") == 1
    assert SECRET not in logged


def test_an_exec_plugin_that_hangs_is_ended_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(credentials, "ANSWER_SECONDS", 0.5)
    user = plugin(tmp_path, f"sleep 987 & echo $! > {tmp_path}/child; wait")

    with pytest.raises(AccessError, match=r"'plugin' of user 'u' .* did not end within 0\.5 s"):
        find(kubeconfig(tmp_path / "config", user=user))

    child = Path("/proc", (tmp_path / "child").read_text().strip(), "cmdline")
    eventually(lambda: not child.exists() or not child.read_bytes())


def test_the_client_certificate_of_an_exec_plugin_is_shown_and_renewed(tmp_path, certificates):
    for name in ("other", "client"):
        status = dict(
            zip(
                ("clientCertificateData", "clientKeyData"),
                (file.read_text() for file in certificates[name]),
                strict=True,
            )
        )
        (tmp_path / name).write_text(
            printed(**status, expirationTimestamp=later(minutes=15)).split("\n", 1)[1][:-4]
        )
    (tmp_path / "now").symlink_to(tmp_path / "other")
    user = plugin(tmp_path, f"cat {tmp_path}/now")

    async def asked():
        accepted = certificates["client"][0]
        async with serving(certificates["server"], clients=accepted) as server:
            trust = {"certificate-authority": str(certificates["server"][0]), "server": server.url}
            it = await login.find(kubeconfig(tmp_path / "config", trust, user))
            async with client.opened(it, lambda _call: None) as requests:
                with pytest.raises(ClientError):
                    await requests.request("GET", "/version")
                (tmp_path / "now").unlink()
                (tmp_path / "now").symlink_to(tmp_path / "client")
                moved(it, 16 * 60)
                answer = await requests.request("GET", "/version")
            return answer.status, server.sent("Authorization")

    assert asyncio.run(asked()) == (200, [""])


NO_CREDENTIAL = "printed is not an ExecCredential"


@pytest.mark.parametrize(
    ("text", "fields", "sentence"),
    [
        pytest.param(f"echo {SECRET}; echo {SECRET} >&2; exit 3", {}, "exit status 3", id="fails"),
        pytest.param(f"echo {SECRET}", {}, f"{NO_CREDENTIAL} in JSON", id="garbage"),
        pytest.param("true", {}, f"{NO_CREDENTIAL} in JSON", id="nothing"),
        pytest.param(f"echo '[\"{SECRET}\"]'", {}, f"{NO_CREDENTIAL} with a status", id="a list"),
        pytest.param(printed(), {}, "what .* gives is not a token", id="no token"),
        pytest.param(printed(token=5), {}, "what .* gives is not a token", id="a number"),
        pytest.param(
            printed(token=f"{SECRET}\n"), {}, "holds what no header may hold", id="line end"
        ),
        pytest.param(printed("v1beta1", token=SECRET), {}, "in another apiVersion", id="version"),
        pytest.param(
            printed(clientCertificateData=SECRET), {}, "gives half of clientCert", id="half"
        ),
        pytest.param(
            printed(clientCertificateData=SECRET, clientKeyData=SECRET), {},
            "certificates cannot be used", id="no certificate",
        ),
        pytest.param(
            printed(token=SECRET, expirationTimestamp="soon"), {}, "that is no time", id="no time"
        ),
        pytest.param(
            printed(token=SECRET, expirationTimestamp=later(hours=-1)), {}, "has expired", id="expired"
        ),
        pytest.param("", {"interactiveMode": "Always"}, "asks for a terminal", id="terminal"),
        pytest.param("", {"command": None}, "is not complete", id="no command"),
        pytest.param("", {"apiVersion": None}, "is not complete", id="no version"),
        pytest.param("", {"args": SECRET}, "is not complete", id="args"),
        pytest.param("", {"env": [{"name": SECRET}]}, "is not complete", id="env"),
        pytest.param(
            "", {"command": "no-such-plugin", "installHint": "Get it\nfrom us"},
            "'no-such-plugin' .* cannot be started: No such file or directory; Get it$", id="absent",
        ),
    ],
)  # fmt: skip
def test_an_exec_plugin_that_gives_nothing_gets_a_sentence(text, fields, sentence, tmp_path):
    environ = kubeconfig(tmp_path / "config", user=plugin(tmp_path, text, **fields))

    with pytest.raises(AccessError, match=sentence) as refused:
        find(environ)

    assert SECRET not in str(refused.value)


# OpenID Connect


def web_token(**claims):
    parts = ({"alg": "none"}, {"name": "Zoë ~~~???>>>"} | claims)
    encoded = (
        base64.urlsafe_b64encode(json.dumps(part, ensure_ascii=False).encode()).decode().rstrip("=")
        for part in parts
    )
    return ".".join([*encoded, "signature"])


def issuer(server, *tokens):
    """Let *server* be an issuer that gives these id-tokens, one after the other."""
    left = list(tokens)

    def answer(request):
        if request.path.endswith("/.well-known/openid-configuration"):
            return web.json_response({"token_endpoint": f"{server.url}/token"})
        return web.json_response(left.pop(0))

    server.answer = answer


def oidc(server_url, **config):
    fields = {"idp-issuer-url": server_url, "client-id": "medusa", "refresh-token": SECRET}
    return {"auth-provider": {"name": "oidc", "config": fields | config}}


def test_an_id_token_that_is_valid_is_sent_without_asking_the_issuer(tmp_path):
    token = web_token(exp=time.time() + 3600)
    user = oidc("https://127.0.0.1:1", **{"id-token": token})

    assert proof(kubeconfig(tmp_path / "config", user=user))[2] == f"Bearer {token}"


@pytest.mark.parametrize("embedded", [True, False], ids=["data", "file"])
def test_an_id_token_is_renewed_with_the_refresh_token(embedded, tmp_path, certificates):
    old, new, newest = (web_token(exp=time.time() + left) for left in (-60, 600, 900))
    authority = certificates["server"][0]
    trust = (
        {"idp-certificate-authority-data": data(authority)}
        if embedded
        else {"idp-certificate-authority": str(authority)}
    )

    async def sent():
        async with serving(certificates["server"]) as server:
            issuer(server, {"id_token": new, "refresh_token": "second"}, {"id_token": newest})
            user = oidc(server.url, **trust, **{"id-token": old, "client-secret": "pw"})
            it = await login.find(kubeconfig(tmp_path / "config", user=user))
            first = await it.authorization()
            moved(it, 601)
            second = await it.authorization()
            asked = [(await request.text()) for request in server.asked if request.method == "POST"]
            return first, second, asked

    first, second, asked = asyncio.run(sent())
    assert (first, second) == (f"Bearer {new}", f"Bearer {newest}")
    assert [SECRET in asked[0], "refresh_token=second" in asked[1]] == [True, True]


def test_no_secret_is_sent_to_an_issuer_whose_certificate_is_not_trusted(tmp_path, certificates):
    async def asked():
        async with serving(certificates["server"]) as server:
            environ = kubeconfig(tmp_path / "config", user=oidc(server.url))
            with pytest.raises(AccessError, match="gave no new id-token: ClientConnectorCert"):
                await login.find(environ)
            return server.asked

    assert asyncio.run(asked()) == []


@pytest.mark.parametrize(
    ("changes", "answer", "sentence"),
    [
        ({"id-token": f"{SECRET}"}, {}, "is not a JSON Web Token"),
        ({"id-token": f"a.{SECRET}.c"}, {}, "is not a JSON Web Token"),
        ({"id-token": web_token(exp=1), "refresh-token": ""}, {}, "no refresh-token; log in again"),
        (
            {"client-id": None},
            {},
            "the auth-provider of user 'u' of the kubeconfig has no client-id",
        ),
        ({}, {}, "holds no id-token"),
        ({}, [], "holds no id-token"),
        ({}, {"id_token": web_token(exp=1)}, "gives an id-token that has expired"),
    ],
)
def test_an_issuer_that_gives_nothing_gets_a_sentence(changes, answer, sentence, tmp_path):
    async def asked():
        async with serving() as server:
            issuer(server, answer)
            user = oidc(server.url, **changes)
            config = user["auth-provider"]["config"]
            user["auth-provider"]["config"] = {k: v for k, v in config.items() if v is not None}
            await login.find(kubeconfig(tmp_path / "config", user=user))

    with pytest.raises(AccessError, match=sentence) as refused:
        asyncio.run(asked())
    assert SECRET not in str(refused.value)


# Proxies


def test_requests_and_watches_go_through_the_proxy_of_the_cluster(tmp_path, certificates):
    async def asked():
        async with serving(certificates["server"]) as server, tunnelling() as proxy:
            with_password = proxy.url.replace("//", f"//me:{SECRET}@")
            trust = {
                "certificate-authority": str(certificates["server"][0]),
                "server": server.url,
                "proxy-url": with_password,
            }
            it = await login.find(kubeconfig(tmp_path / "config", trust))
            session = open_watch_session(it, lambda _call: None, lambda *_: None)
            async with session, session.get(f"{server.url}/version") as watched:
                return (await ask(it))[0].status, watched.status, proxy.heads

    status, watched, heads = asyncio.run(asked())
    assert (status, watched, len(heads)) == (200, 200, 2)
    assert all("Proxy-Authorization: Basic" in head for head in heads)


def test_the_password_of_a_proxy_is_in_no_message(tmp_path):
    async def asked(*, refuses):
        async with tunnelling() as proxy:
            proxy.refuses = refuses
            url = proxy.url if refuses else "http://127.0.0.1:1"
            cluster = {"proxy-url": url.replace("//", f"//me:{SECRET}@")}
            await ask(await login.find(kubeconfig(tmp_path / "config", cluster)))

    for refuses in (True, False):
        with pytest.raises(ClientError) as refused:
            asyncio.run(asked(refuses=refuses))
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        ("https://api.example", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://api.example", {"https_proxy": "http://p:1"}, "http://p:1"),
        ("http://api.example", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://api.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a, .example"}, None),
        ("https://api.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample"}, "http://p:1"),
        ("https://api.example", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("https://10.1.2.3", {"HTTPS_PROXY": "http://p:1", "no_proxy": "10.0.0.0/8"}, None),
        ("https://11.1.2.3", {"HTTPS_PROXY": "http://p:1", "no_proxy": "10.0.0.0/8"}, "http://p:1"),
        ("https://[fd00::1]:6443", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}, None),
        ("https://127.0.0.1", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://localhost", {"HTTPS_PROXY": "http://p:1"}, None),
    ],
)
def test_the_proxy_of_the_environment_is_used_as_kubectl_does(server, environ, proxy, tmp_path):
    found = find(kubeconfig(tmp_path / "config", {"server": server}) | environ)

    assert found.api.configuration.proxy == proxy


def test_a_proxy_that_cannot_be_used_gets_a_sentence(tmp_path):
    environ = kubeconfig(tmp_path / "config", {"server": "https://api.example"})

    with pytest.raises(AccessError, match="HTTPS_PROXY is neither an http:// nor") as refused:
        find(environ | {"HTTPS_PROXY": f"socks5://me:{SECRET}@p:1"})

    assert SECRET not in str(refused.value)


# What cannot be used


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"current-context": ""}, "has no current-context", id="context"),
        pytest.param({"contexts": []}, "names context 'shop', which it does not", id="no context"),
        pytest.param({"clusters": []}, "names cluster 'c', which it does not hold", id="cluster"),
        pytest.param({"users": []}, "names user 'u', which it does not hold", id="user"),
        pytest.param({"users": SECRET}, "users in .* is not a list of names", id="users"),
        pytest.param({"cluster": {"server": "here"}}, "has no server URL", id="server"),
        pytest.param({"cluster": {"server": "https://h:x"}}, "has no server URL", id="port"),
        pytest.param(
            {"cluster": {"server": f"https://me:{SECRET}@h"}}, "holds more than host", id="password"
        ),
        pytest.param(
            {"cluster": {"certificate-authority": "gone"}}, "certificates cannot be used", id="ca"
        ),
        pytest.param(
            {"cluster": {"certificate-authority-data": SECRET}}, "certificates cannot be", id="ca data"
        ),
        pytest.param(
            {"cluster": {"proxy-url": f"socks5://me:{SECRET}@h"}}, "proxy-url of cluster 'c'", id="proxy"
        ),
        pytest.param(
            {"cluster": {"certificate-authority": "a\0"}}, "certificate-authority in cluster 'c' of .* is not the name",
            id="nul",
        ),
        pytest.param({"user": {"token": 12}}, "token in user 'u' of .* is not text", id="number"),
        pytest.param({"user": {"token": f"{SECRET}\n"}}, "is not a token", id="line end"),
        pytest.param({"user": {"tokenFile": "gone"}}, "gone cannot be read: No such", id="token file"),
        pytest.param({"user": {"exec": SECRET}}, "exec in user 'u' of .* is not a mapping", id="exec"),
        pytest.param({"user": {"client-key-data": SECRET}}, "has half of client-cert", id="half"),
        pytest.param(
            {"user": {"client-certificate-data": "c2VjcmV0", "client-key-data": "c2VjcmV0"}},
            "certificates cannot be used", id="no certificate",
        ),
        pytest.param(
            {"user": {"auth-provider": {"name": "gcp"}}}, "auth-provider 'gcp', which", id="gcp"
        ),
    ],
)  # fmt: skip
def test_a_kubeconfig_that_cannot_be_used_gets_a_sentence(changes, sentence, tmp_path):
    environ = kubeconfig(tmp_path / "config", **changes)

    with pytest.raises(AccessError, match=sentence) as refused:
        find(environ)

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "text", [f"token: *{SECRET}", f"a: [{SECRET}", f"!{SECRET} x", f"- {SECRET}", "\x00", SECRET]
)
def test_a_file_that_is_no_kubeconfig_is_not_quoted(text, tmp_path):
    (tmp_path / "config").write_text(text)

    with pytest.raises(AccessError, match=r"config is not (YAML|a kubeconfig)") as refused:
        find({"KUBECONFIG": str(tmp_path / "config")})

    assert SECRET not in str(refused.value)


def test_a_key_with_a_passphrase_asks_nobody_for_it(tmp_path):
    (tmp_path / "key").write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    (tmp_path / "cert").write_text("")
    user = {"client-certificate": "cert", "client-key": "key"}

    with pytest.raises(AccessError, match="has a passphrase, which nobody can type in"):
        find(kubeconfig(tmp_path / "config", user=user))


def test_without_any_of_them_it_says_what_was_looked_for(tmp_path):
    with pytest.raises(AccessError) as refused:
        find({}, tmp_path)

    assert str(refused.value) == (
        "no Kubernetes API server to talk to: KUBECONFIG is not set, this is no pod with a "
        "ServiceAccount token, and there is no ~/.kube/config"
    )


# Requests


def test_who_is_sent_elsewhere_does_not_take_the_token_there(tmp_path):
    async def sent():
        async with serving() as server, serving() as other:
            server.answer = lambda _request: web.Response(
                status=302, headers={"Location": f"{other.url}/log-in"}
            )
            user = {"token": SECRET, "as": "shop"}
            it = await login.find(kubeconfig(tmp_path / "config", {"server": server.url}, user))
            await ask(it)
            return server.sent("Authorization"), other.sent("Authorization") + other.sent(
                "Impersonate-User"
            )

    assert asyncio.run(sent()) == ([f"Bearer {SECRET}"], ["", ""])


def test_no_netrc_replaces_who_we_are(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login me password netrc\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    async def sent():
        async with serving() as server:
            environ = kubeconfig(tmp_path / "config", {"server": server.url}, {"token": "abc"})
            await ask(await login.find(environ))
            return server.sent("Authorization")

    assert asyncio.run(sent()) == ["Bearer abc"]


def test_queries_arrive_as_they_were_meant(tmp_path):
    query = {"labelSelector": "a/b=c,d!=e", "continue": "eyJ2+/=%&", "fieldSelector": "x=y z"}

    async def asked():
        async with serving() as server:
            it = await login.find(kubeconfig(tmp_path / "config", {"server": server.url}))
            async with client.opened(it, lambda _call: None) as requests:
                await requests.request("GET", "/api/v1/secrets/a%2Fb", query=query)
            [request] = server.asked
            return dict(request.query), request.raw_path.partition("?")[0]

    assert asyncio.run(asked()) == (query, "/api/v1/secrets/a%2Fb")


@pytest.mark.parametrize("prefix", ["", "/k8s/clusters/c-1", "/api"])
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/v1/pods", ("list", "pods", "")),
        ("GET", "/api/v1/namespaces/a/pods?watch=1", ("watch", "pods", "a")),
        ("GET", "/api/v1/namespaces/a", ("get", "namespaces", "")),
        ("PUT", "/apis/medusadb.dev/v1alpha1/namespaces/a/medusadatabases/b/status",
         ("update", "medusadatabases/status", "a")),
        ("POST", "/apis/batch/v1/namespaces/a/jobs", ("create", "jobs", "a")),
        ("GET", "/apis/batch/v1", ("get", "", "")),
        ("GET", "/version", ("get", "", "")),
    ],
)  # fmt: skip
def test_a_request_is_named_as_in_the_metrics_of_kubernetes(prefix, method, path, name):
    assert named(method, URL(f"https://rancher.example{prefix}{path}")) == name


# Whatever a file holds


def a_file_of_everything(folder, certificates):
    """Return a kubeconfig document with every key that is read, and users that log in in every way."""
    cert, key = certificates["client"]
    users = {
        "token": {"token": SECRET, "as": "shop", "as-groups": ["ops"], "as-user-extra": {"a": ["b"]}},
        "file": {"tokenFile": str(folder / "token")},
        "plugin": plugin(
            folder, printed(token=SECRET), args=["a"], env=[{"name": "A", "value": "b"}],
            provideClusterInfo=True, installHint="hint",
        ),
        "oidc": oidc("https://127.0.0.1:1", **{"id-token": web_token(exp=time.time() + 3600)}),
        "certificate": {"client-certificate-data": data(cert), "client-key-data": data(key)},
        "files": {"client-certificate": str(cert), "client-key": str(key)},
        "password": {"username": "me", "password": SECRET},
    }  # fmt: skip
    cluster = {
        "server": "https://127.0.0.1:1", "certificate-authority-data": data(cert),
        "certificate-authority": str(cert), "proxy-url": "http://127.0.0.1:1",
        "tls-server-name": "a", "insecure-skip-tls-verify": False,
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"a": "b"}}],
    }  # fmt: skip
    return {
        "current-context": "token",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": name, "user": user} for name, user in users.items()],
        "contexts": [
            {"name": name, "context": {"cluster": "c", "user": name, "namespace": "ops"}}
            for name in users
        ],
    }


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_a_kubeconfig_holds_it_is_used_or_gets_a_sentence(tmp_path, certificates, data):
    (tmp_path / "token").write_text(SECRET)
    whole = a_file_of_everything(tmp_path, certificates)
    user = data.draw(st.integers(0, len(whole["users"]) - 1))
    one = whole | {key: [whole[key][user]] for key in ("users", "contexts")}
    one["current-context"] = one["contexts"][0]["name"]
    (tmp_path / "config").write_text(json.dumps(data.draw(mutated(one, junk))))

    async def asked():
        it = await login.find({"KUBECONFIG": str(tmp_path / "config")})
        await it.authorization()
        await asyncio.wait_for(ask(it), 10)

    try:
        asyncio.run(asked())
    except AccessError as refused:
        assert SECRET not in str(refused)  # noqa: PT017
    except ClientError:
        pass  # it was used, and nobody answers there


@settings(max_examples=500, deadline=None)
@given(mutated({
    "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
    "status": {
        "token": SECRET, "clientCertificateData": SECRET, "clientKeyData": SECRET,
        "expirationTimestamp": "2099-01-01T00:00:00Z",
    },
}, junk))  # fmt: skip
def test_whatever_an_exec_plugin_prints_it_is_used_or_gets_a_sentence(told):
    try:
        found = credentials._credential(told, "client.authentication.k8s.io/v1", "the plugin")
    except AccessError as refused:
        assert SECRET not in str(refused)  # noqa: PT017
    else:
        assert found.seconds > 0
        assert SECRET not in repr(found).replace(found.certificate, "")
