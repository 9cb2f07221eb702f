"""How a user logs in: a file with a token, an exec plugin, an OIDC issuer; each asked again in time.

The Kubernetes client has all of these, and this is built on it. Its own ways are not enough for a
process that lives for weeks: it reads a tokenFile once and with the end of its line, waits for a plugin
for ever and goes on unauthenticated where that fails, and does not check an issuer's certificate.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import os
import signal
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiohttp
from kubernetes.aio.config import ConfigException
from kubernetes.aio.config.exec_provider import ExecProvider
from kubernetes.aio.config.openid import OpenIDRequestor

from medusa_operator.api.errors import AccessError

if TYPE_CHECKING:
    from medusa_operator.api.kubeconfig import Kubeconfig

FILE_SECONDS = 60.0
"""How long a token that was read from a file is used; the kubelet rotates it hourly."""
ANSWER_SECONDS = 30.0
"""How long a plugin, or an issuer, may take."""
LONGEST = 1 << 20
"""Bytes of a plugin's answer that are read."""
EARLY_SECONDS = 300.0
"""How long before its end a credential is renewed, where it lives for long enough."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves to the API server who we are."""

    token: str = field(default="", repr=False)
    certificate: str = ""
    """A client certificate in PEM, and its key; empty where there is none."""
    key: str = field(default="", repr=False)
    seconds: float = float("inf")
    """For how long it is valid; it should be renewed `early` of that."""

    @property
    def renew_in(self) -> float:
        """The seconds after which it should be renewed."""
        return max(self.seconds - EARLY_SECONDS, 0.8 * self.seconds)


class TokenSource(Protocol):
    """Where credentials come from."""

    @property
    def pause(self) -> float:
        """The least seconds between two times of asking."""

    async def get(self) -> Credential:
        """Return a credential; raise AccessError with a sentence where there is none."""


def source(config: Kubeconfig) -> TokenSource | None:
    """Return where the credentials of a kubeconfig's user come from; None: they are in it."""
    user, who = config.user, f"user {config.user_name!r} of the kubeconfig"
    if "exec" in user:
        return ExecPlugin(user["exec"], who, config.cluster)
    if "auth-provider" in user:
        options = user["auth-provider"].get("config") or {}
        return Issuer(_texts(options, f"the auth-provider of {who}"), who)
    if user.get("tokenFile"):
        return TokenFile(Path(user["tokenFile"]))
    return None


def _texts(options: Any, whose: str) -> dict[str, str]:
    """Return the options of an auth-provider; raise AccessError where one is no text."""
    if not isinstance(options, dict) or not all(
        isinstance(value, str | None) for value in options.values()
    ):
        raise AccessError(f"config of {whose} is not a mapping of texts; put them in quotes")
    return {key: value for key, value in options.items() if value is not None}


def checked(token: Any, whose: str) -> str:
    """Return a token that a header can hold; raise AccessError for any other value."""
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise AccessError(f"{whose} is not a token: it is empty, or holds what no header may hold")
    return token


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file that somebody else renews, as the kubelet does for a ServiceAccount."""

    file: Path
    pause: float = 0.0

    async def get(self) -> Credential:
        """Return what the file holds now."""
        try:
            text = self.file.read_text().strip()
        except OSError as exc:
            raise AccessError(f"the token {self.file} cannot be read: {exc.strerror}") from exc
        except ValueError:  # not text, or a path that is none
            text = ""
        return Credential(checked(text, f"what {self.file} holds"), seconds=FILE_SECONDS)


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """A program that logs in, as EKS, GKE and AKS have it (client.authentication.k8s.io)."""

    config: dict[str, Any] = field(repr=False)
    who: str
    cluster: dict[str, Any] = field(repr=False)
    pause: float = 10.0

    async def get(self) -> Credential:
        """Run it. What it prints is never shown, as it is a secret where all goes well."""
        program = self._program()
        name = Path(program.args[0]).name
        plugin = f"the exec plugin {name!r} of {self.who}"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status, text = await program.run()
        except TimeoutError:
            raise AccessError(f"{plugin} did not end within {ANSWER_SECONDS:g} s") from None
        except (OSError, ValueError) as exc:
            hint = str(self.config.get("installHint") or "").strip().partition("\n")[0][:200]
            why = getattr(exc, "strerror", None) or type(exc).__name__
            raise AccessError(
                f"{plugin} cannot be started: {why}" + (f"; {hint}" if hint else "")
            ) from None
        if status:
            raise AccessError(
                f"{plugin} ended with exit status {status}; run it by hand to see why, "
                "the operator gives it no terminal"
            )
        try:
            return _credential(json.loads(text), program.api_version, plugin)
        except (ValueError, RecursionError):
            raise AccessError(f"what {plugin} printed is not an ExecCredential in JSON") from None

    def _program(self) -> _Program:
        config = {key: value for key, value in self.config.items() if value is not None}
        if config.get("interactiveMode") == "Always":
            raise AccessError(
                f"the exec plugin of {self.who} asks for a terminal (interactiveMode: Always), "
                "which the operator does not have; log in by a plugin that needs none"
            )
        arguments, environment = config.get("args", []), config.get("env", [])
        words: list[Any] = [config.get("command"), config.get("apiVersion"), arguments, environment]
        if isinstance(arguments, list) and isinstance(environment, list):
            named = [item if isinstance(item, dict) else {} for item in environment]
            words[2:] = [
                *arguments,
                *(item.get(key) for item in named for key in ("name", "value")),
            ]
        if not all(isinstance(word, str) for word in words):
            raise AccessError(
                f"exec of {self.who} is not complete: it needs a command and an apiVersion, args are a "
                "list of texts, env a list of name and value"
            )
        program = _Program(_Mapping(config))
        if config.get("provideClusterInfo"):
            program.cluster = _cluster_info(self.cluster)
        return program


class _Mapping(dict[str, Any]):
    """A kubeconfig's mapping as the Kubernetes client hands it on."""

    def safe_get(self, key: str) -> Any:
        return self.get(key)


class _Program(ExecProvider):  # type: ignore[misc]  # the client is not typed here
    """The client's own, but bounded in time, without a terminal, and with what kubectl passes to it, too."""

    cluster: dict[str, Any] | None = None

    async def run(self, previous_response: None = None) -> tuple[int, bytes]:
        """Return exit status and output of the plugin; nothing of it is left where it is cut off."""
        del previous_response
        spec: dict[str, Any] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec}
        process = await asyncio.create_subprocess_exec(
            *self.args,
            env=self.env | {"KUBERNETES_EXEC_INFO": json.dumps(info)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that it has no terminal, and can be ended with its children
        )
        printed = cast("asyncio.StreamReader", process.stdout)  # a pipe
        try:
            try:
                text = await printed.readexactly(LONGEST)
            except asyncio.IncompleteReadError as exc:  # that is, all of it
                text = exc.partial
                await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        return process.returncode or 0, text


def _cluster_info(cluster: dict[str, Any]) -> dict[str, Any]:
    """Return what `provideClusterInfo` gives to a plugin."""
    kept = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data",
            "proxy-url")  # fmt: skip
    info = {key: cluster[key] for key in kept if key in cluster}
    if file := cluster.get("certificate-authority"):
        with contextlib.suppress(OSError):
            info["certificate-authority-data"] = base64.b64encode(Path(file).read_bytes()).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info


def _credential(found: Any, api_version: str, plugin: str) -> Credential:
    """Return what an ExecCredential holds."""
    if not isinstance(found, dict) or not isinstance(found.get("status"), dict):
        raise AccessError(f"what {plugin} printed is not an ExecCredential with a status")
    if found.get("apiVersion") != api_version:
        raise AccessError(
            f"{plugin} answers in another apiVersion than the kubeconfig's {api_version}"
        )
    status = found["status"]
    pair = [status.get("clientCertificateData") or "", status.get("clientKeyData") or ""]
    if any(pair) and not (all(pair) and all(isinstance(text, str) for text in pair)):
        raise AccessError(f"{plugin} gives half of clientCertificateData and clientKeyData")
    token = status.get("token") or ""
    if token or not any(pair):
        token = checked(token, f"what {plugin} gives")
    seconds = float("inf")
    if (until := status.get("expirationTimestamp")) is not None:
        try:
            end = datetime.fromisoformat(until)
        except (TypeError, ValueError):
            raise AccessError(f"{plugin} gives an expirationTimestamp that is no time") from None
        seconds = (end - datetime.now(UTC)).total_seconds() if end.tzinfo else 0.0
        if seconds <= 0:
            raise AccessError(f"{plugin} gives a credential that has expired")
    return Credential(token, pair[0], pair[1], seconds)


@dataclass(slots=True)
class Issuer:
    """An issuer of OpenID Connect, asked for a new id-token with the refresh-token of the user.

    The tokens that it gives are kept in memory; the kubeconfig is never written.
    """

    config: dict[str, Any] = field(repr=False)
    who: str
    pause: float = 10.0
    _used: str = field(default="", repr=False)

    async def get(self) -> Credential:
        """Return the id-token, a new one where that has expired or was given before."""
        token = self.config.get("id-token") or ""
        left = self._left(token) if token else 0.0
        if left <= 0 or token == self._used:
            token = await self._refreshed()
            left = self._left(token)
            if left <= 0:
                raise AccessError(f"the issuer of {self.who} gives an id-token that has expired")
        self._used = token
        return Credential(checked(token, f"the id-token of {self.who}"), seconds=left)

    def _left(self, token: str) -> float:
        """Return the seconds for which an id-token is valid."""
        try:
            payload = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            until = float(claims.get("exp", "inf"))
        except (IndexError, AttributeError, TypeError, ValueError, binascii.Error):
            raise AccessError(f"the id-token of {self.who} is not a JSON Web Token") from None
        return until - time.time()

    async def _refreshed(self) -> str:
        if not self.config.get("refresh-token"):
            raise AccessError(
                f"the id-token of {self.who} has expired, and there is no refresh-token; log in again"
            )
        try:
            issuer, client = self.config["idp-issuer-url"], self.config["client-id"]
        except KeyError as exc:
            raise AccessError(f"the auth-provider of {self.who} has no {exc.args[0]}") from None
        secret = self.config.get("client-secret") or ""
        asked = _Requestor(client, secret, issuer, self._trusted())
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                given = await asked.refresh_token(self.config["refresh-token"])
            token = str(given["id_token"])
        except (aiohttp.ClientError, ConfigException, TimeoutError, OSError) as exc:
            why = "it refused" if isinstance(exc, ConfigException) else type(exc).__name__
            raise AccessError(f"the issuer of {self.who} gave no new id-token: {why}") from None
        except (KeyError, TypeError, ValueError):
            raise AccessError(f"the answer of the issuer of {self.who} holds no id-token") from None
        self.config["id-token"] = token
        self.config["refresh-token"] = given.get("refresh_token") or self.config["refresh-token"]
        return token

    def _trusted(self) -> ssl.SSLContext:
        try:
            data = self.config.get("idp-certificate-authority-data")
            return ssl.create_default_context(
                cafile=None if data else self.config.get("idp-certificate-authority"),
                cadata=base64.b64decode(data).decode() if data else None,
            )
        except (OSError, ValueError) as exc:
            raise AccessError(
                f"the idp-certificate-authority of {self.who} cannot be used"
            ) from exc


class _Requestor(OpenIDRequestor):  # type: ignore[misc]  # the client is not typed here
    """The client's own, but it checks the certificate of the issuer."""

    def _client_session(self) -> aiohttp.ClientSession:
        proof = aiohttp.encode_basic_auth(self._client_id, self._client_secret)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._ssl_ca_cert),
            headers=self._default_headers | {"Authorization": proof},
            raise_for_status=True,
            trust_env=True,
        )
