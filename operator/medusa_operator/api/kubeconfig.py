"""What kubeconfig files say of one cluster and one user, read and merged as kubectl does.

No sentence of an error holds a value of a file but names and paths: any other may be a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import yaml

from medusa_operator.api.errors import AccessError

if TYPE_CHECKING:
    from pathlib import Path

_PATHS = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}
_TEXT = "text; put it in quotes"
_FLAG = "true or false"
_LIST = "a list of texts"
_MAPPING = "a mapping"
_MAPPINGS = "a list of mappings"
_EXTRA = "a mapping with a list of texts for each name"
_SHAPES = {
    "context": dict.fromkeys(("cluster", "user", "namespace"), _TEXT),
    "cluster": dict.fromkeys(("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url"), _TEXT) | {"insecure-skip-tls-verify": _FLAG, "extensions": _MAPPINGS},
    "user": dict.fromkeys(("token", "tokenFile", "client-certificate", "client-certificate-data", "client-key", "client-key-data", "username", "password", "as", "as-uid"), _TEXT) | {"as-groups": _LIST, "as-user-extra": _EXTRA, "exec": _MAPPING, "auth-provider": _MAPPING},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The cluster and the user of the current context; paths are absolute, nothing is null."""

    cluster: dict[str, Any]
    user: dict[str, Any]
    user_name: str
    namespace: str


def read(paths: list[Path]) -> Kubeconfig:
    """Return what the current context of *paths* names; the first file that sets a value counts.

    Raises AccessError with a sentence for what cannot be used.
    """
    documents = [_load(path) for path in paths if path.exists()]
    if not documents:
        raise AccessError(f"KUBECONFIG names {paths[0]}, which does not exist")
    current = next((d["current-context"] for d in documents if d.get("current-context")), None)
    if current is None:
        raise AccessError(f"{paths[0]} has no current-context; kubectl config use-context sets it")
    context = _named(documents, "context", current)
    place = context.get("cluster", "")
    cluster = _named(documents, "cluster", place)
    name = context.get("user", "")
    user = _named(documents, "user", name) if name else {}
    _check_cluster(cluster, place)
    _check_user(user, name)
    return Kubeconfig(cluster, user, name, context.get("namespace") or "default")


def document(cluster: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """Return a kubeconfig of one cluster and one user, as the Kubernetes client takes it."""
    return {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": user}],
    }


def _load(path: Path) -> dict[str, Any]:
    """Return a kubeconfig with the files it names as seen from its own folder."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as exc:
        raise AccessError(f"{path} cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError, yaml.YAMLError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f": look at line {mark.line + 1}" if mark else ""
        # what YAML says would quote the file
        raise AccessError(f"{path} is not YAML{where}") from None
    if document is None:
        return {}  # an empty file, as kubectl leaves
    if not isinstance(document, dict):
        raise AccessError(f"{path} is not a kubeconfig")
    folder = path.absolute().parent
    for kind, shapes in _SHAPES.items():
        for item in _items(document, kind, path):
            body = item[kind] = _without_nulls(item.get(kind))
            where = f"{kind} {item.get('name')!r} of {path}"
            for key, shape in shapes.items():
                if key in body and not _is(body[key], shape):
                    raise AccessError(f"{key} in {where} is not {shape}")
            for key in _PATHS.get(kind, ()):
                if "\0" in body.get(key, ""):
                    raise AccessError(f"{key} in {where} is not the name of a file")
                if body.get(key):
                    body[key] = str(folder / body[key])
                else:
                    body.pop(key, None)  # an empty one would mean the folder to the client
            _see_from(folder, body)
    return document


def _items(document: dict[str, Any], kind: str, path: Path) -> list[dict[str, Any]]:
    items = document.get(f"{kind}s") or []
    if not isinstance(items, list) or not all(
        isinstance(item, dict) and isinstance(item.get(kind) or {}, dict) for item in items
    ):
        raise AccessError(f"{kind}s in {path} is not a list of names with a {kind} each")
    return items


def _is(value: Any, shape: str) -> bool:
    if shape == _TEXT:
        return isinstance(value, str)
    if shape == _FLAG:
        return isinstance(value, bool)
    if shape == _LIST:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if shape == _MAPPINGS:
        return isinstance(value, list) and all(isinstance(item, dict) for item in value)
    if shape == _EXTRA:
        return isinstance(value, dict) and all(_is(texts, _LIST) for texts in value.values())
    return isinstance(value, dict)


def _see_from(folder: Path, body: dict[str, Any]) -> None:
    """Resolve what the log-in of a user names: a plugin with a slash in it, an issuer's authority."""
    plugin, issuer = body.get("exec", {}), body.get("auth-provider", {}).get("config")
    if isinstance(plugin.get("command"), str) and "/" in plugin["command"]:
        plugin["command"] = str(folder / plugin["command"])
    if isinstance(issuer, dict) and isinstance(issuer.get("idp-certificate-authority"), str):
        issuer["idp-certificate-authority"] = str(folder / issuer["idp-certificate-authority"])


def _without_nulls(body: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (body or {}).items() if value is not None}


def _named(documents: list[dict[str, Any]], kind: str, name: Any) -> dict[str, Any]:
    for document in documents:
        for item in document.get(f"{kind}s") or ():
            if item.get("name") == name:
                return dict(item[kind])
    raise AccessError(f"the kubeconfig names {kind} {name!r}, which it does not hold")


def _check_cluster(cluster: dict[str, Any], name: str) -> None:
    server = _url(cluster.get("server", ""))
    if server is None or server.scheme not in ("http", "https"):
        raise AccessError(f"cluster {name!r} of the kubeconfig has no server URL")
    if server.username is not None or server.query or server.fragment:
        raise AccessError(
            f"the server URL of cluster {name!r} of the kubeconfig holds more than host, port and "
            "path; user name and password belong to a user"
        )
    if "proxy-url" in cluster:
        proxy = _url(cluster["proxy-url"])
        if proxy is None or proxy.scheme not in ("http", "https"):
            raise AccessError(
                f"proxy-url of cluster {name!r} of the kubeconfig is neither an http:// nor an "
                "https:// URL; the operator speaks to no other proxy"
            )


def _url(text: str) -> SplitResult | None:
    """Return the parts of a URL; None where it names no host, or a port that is none."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts if host else None


def _check_user(user: dict[str, Any], name: str) -> None:
    for whole in ("client-certificate", "client-key"):
        if user.get(whole) and user.get(f"{whole}-data"):
            del user[whole]  # data counts, as for kubectl
    parts = [
        user.get(key) or user.get(f"{key}-data") for key in ("client-certificate", "client-key")
    ]
    if any(parts) and not all(parts):
        raise AccessError(
            f"user {name!r} of the kubeconfig has half of client-certificate and client-key"
        )
    provider = user.get("auth-provider", {}).get("name", "oidc")
    if provider != "oidc":
        raise AccessError(
            f"user {name!r} of the kubeconfig logs in by the auth-provider {provider!r}, which "
            "Kubernetes has removed; use its exec plugin (gke-gcloud-auth-plugin, kubelogin)"
        )
