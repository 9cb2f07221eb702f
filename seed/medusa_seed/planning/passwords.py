"""Pure: password hashes that a Medusa server accepts at login: the scrypt container, in base64."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct

_LOG_N, _R, _P = 1, 1, 1
"""The cost that Medusa itself asks for; a server accepts any."""
_LENGTH = 96


def hashed(password: str, salt: bytes | None = None) -> str:
    """Return the hash of *password*; with a fresh random salt where none is given."""
    head = struct.pack(">6sBBII", b"scrypt", 0, _LOG_N, _R, _P)
    head += salt if salt is not None else secrets.token_bytes(32)
    head += hashlib.sha256(head).digest()[:16]
    key = _key(password, head)
    return base64.b64encode(head + hmac.digest(key, head, "sha256")).decode()


def matches(password: str, stored: str | None) -> bool:
    """Return whether *stored* is a hash of *password*."""
    try:
        raw = base64.b64decode(stored or "", validate=True)
    except ValueError:
        return False
    if len(raw) != _LENGTH or not raw.startswith(b"scrypt\0"):
        return False
    try:
        key = _key(password, raw[:64])
    except ValueError:  # a cost that no server ever wrote
        return False
    return hmac.compare_digest(hmac.digest(key, raw[:64], "sha256"), raw[64:])


def _key(password: str, head: bytes) -> bytes:
    log_n, r, p = struct.unpack(">BII", head[7:16])
    derived = hashlib.scrypt(
        password.encode(), salt=head[16:48], n=1 << log_n, r=r, p=p, dklen=64, maxmem=1 << 28
    )
    return derived[32:]
