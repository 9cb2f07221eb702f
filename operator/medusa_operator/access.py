"""Where the API server is and who we are: a kubeconfig, or the cluster around us."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from medusa_operator.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts a pod's token."""
TOKEN_AGE = 60.0
"""Seconds for which a token that was read from a file is used; the kubelet rotates it hourly."""


@dataclass(slots=True)
class Token:
    """A bearer token, read again from its file before it can expire."""

    value: str = ""
    file: Path | None = None
    _read: float = float("-inf")

    def header(self) -> dict[str, str]:
        """Return the header that authenticates a request; none with a client certificate."""
        if self.file is not None and time.monotonic() - self._read > TOKEN_AGE:
            self.value = self.file.read_text().strip()
            self._read = time.monotonic()
        return {"Authorization": f"Bearer {self.value}"} if self.value else {}

    def refused(self) -> None:
        """Take note that the API server does not take it: the next request reads the file again."""
        self._read = float("-inf")


@dataclass(frozen=True, slots=True)
class Access:
    """All that is needed to address one API server as one user."""

    server: str
    namespace: str
    """Of our own pod, or the one the kubeconfig's context names."""
    token: Token
    tls: ssl.SSLContext | bool
    """False: the server is spoken to in clear text."""


def find(environ: Mapping[str, str], account: Path = SERVICE_ACCOUNT) -> Access:
    """Return what KUBECONFIG names, else the cluster around us, else `~/.kube/config`."""
    named = [
        Path(path).expanduser() for path in environ.get("KUBECONFIG", "").split(os.pathsep) if path
    ]
    if named:
        return _from_kubeconfig(named)
    if "KUBERNETES_SERVICE_HOST" in environ and (account / "token").exists():
        return _in_cluster(environ, account)
    home = environ.get("HOME", "")
    usual = Path(home, ".kube", "config")
    if home and usual.exists():
        return _from_kubeconfig([usual])
    raise AccessError(
        "no Kubernetes API server to talk to: KUBECONFIG is not set, this is no pod with a "
        "ServiceAccount token, and there is no ~/.kube/config"
    )


def _in_cluster(environ: Mapping[str, str], account: Path) -> Access:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    space = account / "namespace"
    return Access(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        namespace=space.read_text().strip() if space.exists() else "default",
        token=Token(file=account / "token"),
        tls=_tls({"certificate-authority": str(account / "ca.crt")}, {}),
    )


def _from_kubeconfig(paths: list[Path]) -> Access:
    documents = [_load(path) for path in paths if path.exists()]
    if not documents:
        raise AccessError(f"KUBECONFIG names {paths[0]}, which does not exist")
    context_name = next((d["current-context"] for d in documents if d.get("current-context")), None)
    if context_name is None:
        raise AccessError(f"{paths[0]} has no current-context; kubectl config use-context sets it")
    context = _named(documents, "contexts", "context", context_name)
    cluster = _named(documents, "clusters", "cluster", context.get("cluster"))
    user = _named(documents, "users", "user", context["user"]) if context.get("user") else {}
    if "exec" in user or "auth-provider" in user:
        raise AccessError(
            f"user {context['user']!r} of the kubeconfig logs in by a plugin, which the operator "
            "does not run; give it a token, a tokenFile or a client certificate"
        )
    server = str(cluster.get("server", "")).rstrip("/")
    if not server.startswith(("http://", "https://")):
        raise AccessError(f"cluster {context.get('cluster')!r} of the kubeconfig has no server URL")
    file = user.get("tokenFile")
    return Access(
        server=server,
        namespace=context.get("namespace") or "default",
        token=Token(value=user.get("token", ""), file=Path(file) if file else None),
        tls=_tls(cluster, user) if server.startswith("https://") else False,
    )


def _load(path: Path) -> dict[str, Any]:
    """Return a kubeconfig with the files it names as seen from its own folder."""
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise AccessError(f"{path} cannot be read: {exc}") from exc
    if not isinstance(document, dict):
        raise AccessError(f"{path} is not a kubeconfig")
    for plural, singular in (("clusters", "cluster"), ("users", "user")):
        for item in document.get(plural) or ():
            body = item.get(singular) or {}
            for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
                if body.get(key):
                    body[key] = str(path.parent / body[key])
    return document


def _named(
    documents: list[dict[str, Any]], plural: str, singular: str, name: Any
) -> dict[str, Any]:
    for document in documents:
        for item in document.get(plural) or ():
            if item.get("name") == name:
                return dict(item.get(singular) or {})
    raise AccessError(f"the kubeconfig names {singular} {name!r}, which it does not hold")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    try:
        authority = cluster.get("certificate-authority-data")
        context = ssl.create_default_context(
            cafile=None if authority else cluster.get("certificate-authority"),
            cadata=base64.b64decode(authority).decode() if authority else None,
        )
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if user.get("client-certificate-data") or user.get("client-certificate"):
            _add_certificate(context, user)
    except (OSError, ValueError) as exc:
        raise AccessError(f"the kubeconfig's certificates cannot be used: {exc}") from exc
    return context


def _add_certificate(context: ssl.SSLContext, user: Mapping[str, Any]) -> None:
    """Load a client certificate; the ssl module takes it from files only."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for key in ("client-certificate", "client-key"):
            if data := user.get(f"{key}-data"):
                file = Path(folder, key)
                file.touch(mode=0o600)
                file.write_bytes(base64.b64decode(data))
                files.append(str(file))
            else:
                files.append(user.get(key) or "")
        context.load_cert_chain(*files)
