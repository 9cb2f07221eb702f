"""Where the API server is and who we are: the cluster around us or a kubeconfig, for weeks on end.

The Kubernetes client makes of it what requests need; what it renews too late or not at all is renewed here.
"""

from __future__ import annotations

import asyncio
import base64
import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import structlog
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_kube_config_from_dict
from kubernetes.aio.config.incluster_config import InClusterConfigLoader
from kubernetes.client.rest import should_bypass_proxies

from medusa_operator.api import kubeconfig
from medusa_operator.api.credentials import FILE_SECONDS, Credential, TokenFile, checked, source
from medusa_operator.api.errors import AccessError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from medusa_operator.api.credentials import TokenSource
    from medusa_operator.api.kubeconfig import Kubeconfig

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's token."""
BEARER = "BearerToken"
"""The name of the Authorization header's value in the client's configuration."""

logger = structlog.get_logger("login")


@dataclass(slots=True)
class Login:
    """One API server, and our proof of who we are, which is renewed before it ends."""

    api: ApiClient
    namespace: str
    """Of our own pod, or the one the kubeconfig's context names."""
    impersonated: tuple[tuple[str, str], ...] = ()
    """The headers by which a kubeconfig's user acts as another one."""
    source: TokenSource | None = None
    certified: float = float("-inf")
    """When new connections last began to use another certificate than older ones, monotonic."""
    _files: dict[Path, int] = field(default_factory=dict)
    """Certificates that others may renew, by when they changed last."""
    _looked: float = field(default_factory=time.monotonic)
    _asked: float = float("-inf")
    _due: float = float("inf")
    _end: float = float("inf")
    _renewal: asyncio.Task[None] | None = None
    _trouble: str = ""

    def __post_init__(self) -> None:
        self.api.configuration.refresh_api_key_hook = lambda _configuration: self._refresh()
        self._files = {file: _changed(file) for file in self._certificates()}

    @property
    def server(self) -> str:
        """The URL of the API server, without a slash at its end."""
        return str(self.api.configuration.host)

    @property
    def tls(self) -> ssl.SSLContext:
        """What connections are made with; it is changed in place when a certificate is renewed."""
        context: ssl.SSLContext = self.api.rest_client.ssl_context
        return context

    async def authorization(self) -> str:
        """Return what proves who we are to the API server; empty where a certificate does."""
        return await self.api.configuration.get_api_key_with_prefix(BEARER) or ""

    def refused(self) -> None:
        """Take note that the API server does not know us: the next request asks anew, if it may."""
        if self.source is not None:
            self._due = self._end = min(self._due, self._asked + self.source.pause)

    def given(self, credential: Credential) -> None:
        """Use *credential* from here on."""
        self._asked = now = time.monotonic()
        self._due, self._end = now + credential.renew_in, now + credential.seconds
        if credential.token:
            self.api.configuration.api_key[BEARER] = f"Bearer {credential.token}"

    async def _refresh(self) -> None:
        """Renew what is due: beside the requests while it is still valid, else before the next one."""
        now = time.monotonic()
        if now - self._looked > FILE_SECONDS:
            self._looked = now
            self._reload()
        if now < self._due or self.source is None:
            return
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(self.source))
        if now >= self._end:
            await asyncio.shield(self._renewal)

    async def _renew(self, source: TokenSource) -> None:
        try:
            credential = await source.get()
            if credential.certificate:
                with _as_files(credential.certificate, credential.key) as files:
                    self._certify(*files)
        except AccessError as exc:
            self._asked = time.monotonic()
            self._due = self._asked + max(source.pause, 1.0)
            self._end = max(self._end, self._due)  # what we have is sent until there is better
            self._say(f"The log-in could not be renewed: {exc}")
        else:
            self.given(credential)
            self._say("")

    def _reload(self) -> None:
        """Use certificates that were renewed in their files, for the connections to come."""
        for file in self._files:
            if (changed := _changed(file)) == self._files[file]:
                continue
            config = self.api.configuration
            try:
                if str(file) == config.ssl_ca_cert:
                    self.tls.load_verify_locations(cafile=config.ssl_ca_cert)
                else:
                    self._certify(config.cert_file, config.key_file)
            except (OSError, AccessError) as exc:  # a half of a pair, as yet
                logger.warning(
                    "A certificate could not be read again", file=str(file), error=str(exc)
                )
                continue
            self._files[file] = changed

    def _certify(self, certificate: str, key: str) -> None:
        try:
            self.tls.load_cert_chain(certificate, key)
        except OSError as exc:
            raise AccessError(f"a client certificate cannot be used: {exc}") from exc
        self.certified = time.monotonic()

    def _certificates(self) -> list[Path]:
        config = self.api.configuration
        named = (config.ssl_ca_cert, config.cert_file, config.key_file)
        return [Path(file) for file in named if file and Path(file).exists()]

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            logger.warning(trouble)
        elif self._trouble and not trouble:
            logger.info("Logged in again")
        self._trouble = trouble


async def find(environ: Mapping[str, str], account: Path = SERVICE_ACCOUNT) -> Login:
    """Return what KUBECONFIG names, else the cluster around us, else `~/.kube/config`.

    Raises AccessError with a sentence where there is none, or one that cannot be used.
    """
    if "KUBECONFIG" in environ and (files := _files(environ["KUBECONFIG"])):
        return await _from_kubeconfig(kubeconfig.read(files), environ)
    if "KUBERNETES_SERVICE_HOST" in environ and _there(account / "token"):
        return await _in_cluster(environ, account)
    usual = Path(environ.get("HOME", ""), ".kube", "config")
    if environ.get("HOME") and _there(usual):
        return await _from_kubeconfig(kubeconfig.read([usual]), environ)
    raise AccessError(
        "no Kubernetes API server to talk to: KUBECONFIG is not set, this is no pod with a "
        "ServiceAccount token, and there is no ~/.kube/config"
    )


def _files(listed: str) -> list[Path]:
    return [Path(path).expanduser() for path in listed.split(os.pathsep) if path]


def _there(file: Path) -> bool:
    return file.exists()


async def _in_cluster(environ: Mapping[str, str], account: Path) -> Login:
    """Return the log-in of a pod; its API server is reached without any proxy."""
    config, token = Configuration(), account / "token"
    loader = InClusterConfigLoader(
        token_filename=token,
        cert_filename=str(account / "ca.crt"),
        try_refresh_token=False,
        environ={"KUBERNETES_SERVICE_PORT": "443"} | dict(environ),
    )
    try:
        loader.load_and_set(config)
    except (ConfigException, OSError, ValueError) as exc:
        raise AccessError(f"the ServiceAccount in {account} cannot be used: {exc}") from exc
    found = Login(
        _client(config, "the ServiceAccount's certificates"),
        _namespace(account / "namespace"),
        source=TokenFile(token),
    )
    found.given(await TokenFile(token).get())
    return found


async def _from_kubeconfig(given: Kubeconfig, environ: Mapping[str, str]) -> Login:
    asked, who = source(given), f"user {given.user_name!r} of the kubeconfig"
    credential = Credential() if asked is None else await asked.get()
    user = dict(given.user)
    if asked is not None:
        for key in ("exec", "auth-provider", "tokenFile", "token"):
            user.pop(key, None)
    elif user.get("token"):
        checked(user["token"], f"the token of {who}")
    config, cluster = Configuration(), dict(given.cluster)
    try:
        if data := cluster.pop("certificate-authority-data", ""):
            cluster.pop("certificate-authority", None)
            config.ca_cert_data = _decoded(data)
        with _as_files(
            credential.certificate or _decoded(user.pop("client-certificate-data", "")),
            credential.key or _decoded(user.pop("client-key-data", "")),
        ) as files:
            if files:
                user |= dict(zip(("client-certificate", "client-key"), files, strict=True))
            await load_kube_config_from_dict(
                kubeconfig.document(cluster, user), client_configuration=config
            )
            if config.proxy is None:
                config.proxy = _environment_proxy(config.host, environ)
            api = _client(config, "the kubeconfig's certificates")
    except (ConfigException, OSError, ValueError) as exc:
        raise AccessError(f"the kubeconfig's certificates cannot be used: {exc}") from exc
    found = Login(api, given.namespace, _impersonated(given.user, who), asked)
    found.given(credential)
    return found


def _namespace(file: Path) -> str:
    return file.read_text().strip() if file.exists() else "default"


def _client(config: Configuration, certificates: str) -> ApiClient:
    """Return the client; as kubectl, it takes certificates that lack a part of what RFC 5280 asks for."""
    config.disable_strict_ssl_verification = True
    if config.key_file and "ENCRYPTED" in Path(config.key_file).read_text(errors="replace"):
        raise AccessError(
            "the client-key has a passphrase, which nobody can type in; give one without"
        )
    try:
        return ApiClient(config)
    except (OSError, ValueError) as exc:
        raise AccessError(f"{certificates} cannot be used: {exc}") from exc


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode()


@contextmanager
def _as_files(certificate: str, key: str) -> Iterator[tuple[str, str] | tuple[()]]:
    """Write a client certificate for a moment: the ssl module takes it from files only."""
    if not certificate:
        yield ()
        return
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "certificate"), Path(folder, "key")
        for file, text in zip(files, (certificate, key), strict=True):
            file.touch(mode=0o600)
            file.write_text(text)
        yield str(files[0]), str(files[1])


def _impersonated(user: Mapping[str, Any], who: str) -> tuple[tuple[str, str], ...]:
    """Return the headers by which a user acts as another; to leave them out would give more rights."""
    found = [("Impersonate-User", user["as"])] if user.get("as") else []
    found += [("Impersonate-Uid", user["as-uid"])] if user.get("as-uid") else []
    found += [("Impersonate-Group", group) for group in user.get("as-groups", ())]
    for name, values in user.get("as-user-extra", {}).items():
        found += [(f"Impersonate-Extra-{quote(str(name), safe='')}", value) for value in values]
    if not all(value.isprintable() for _, value in found):
        raise AccessError(f"whom {who} acts as cannot be sent: a header holds no line end")
    return tuple(found)


def _environment_proxy(server: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name, as kubectl understands them."""
    settings = {name.lower(): value for name, value in environ.items() if value}
    scheme = urlsplit(server).scheme
    proxy = settings.get(f"{scheme}_proxy")
    direct = f"localhost,127.0.0.0/8,::1,{settings.get('no_proxy', '')}"
    if proxy is None or should_bypass_proxies(server, direct):
        return None
    if not proxy.startswith(("http://", "https://")):
        raise AccessError(
            f"{scheme.upper()}_PROXY is neither an http:// nor an https:// URL; the operator "
            "speaks to no other proxy"
        )
    return proxy


def _changed(file: Path) -> int:
    """Return when a file changed last; 0 while it is not there."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
