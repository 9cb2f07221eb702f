"""Pure: a KUBECONFIG."""

from __future__ import annotations

import base64
import json


def kubeconfig(server: str, ca: bytes, namespace: str, user: dict[str, str]) -> str:
    """Return a file for a *user* given as `{"token": ...}` or `{"tokenFile": ...}`."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca).decode()}
    context = {"cluster": "test", "user": "test", "namespace": namespace}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": context}],
            "current-context": "test",
        },
        indent=1,
    )
