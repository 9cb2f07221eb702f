"""Calls a Medusa server as a storefront and as the admin do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ShopApi:
    """Its address."""

    url: str

    def get(self, path: str, **headers: str) -> Any:
        """Return what is at *path*."""
        return self._call("GET", path, None, headers)

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
        """Send *body* to *path*; return the answer."""
        return self._call("POST", path, body or {}, headers)

    def delete(self, path: str, **headers: str) -> Any:
        """Delete what is at *path*; return the answer."""
        return self._call("DELETE", path, None, headers)

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> Any:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("content-type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as exc:
            raise AssertionError(f"{method} {path}: {exc.code} {exc.read().decode()}") from exc
