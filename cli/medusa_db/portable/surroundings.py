"""What of the environment of a shop's container is not for the runner? Its commands get all of it.

Imports nothing: it is the first module of every start.
"""

from __future__ import annotations

import os

AUTHORITIES = "etc/ssl/cert.pem"
"""Whom the tree trusts, below its folder."""
_FOR_ANOTHER_OPENSSL = (
    "OPENSSL_CONF",
    "OPENSSL_CONF_INCLUDE",
    "OPENSSL_MODULES",
    "OPENSSL_ENGINES",
)


def leave_out(folder: str) -> None:
    """Keep from our OpenSSL what is meant for the image's, and have it trust the authorities of the tree in *folder*.

    Authorities that SSL_CERT_FILE names are trusted in their place. `os.environ` stays as it is, and of that the
    environment of commands is made.
    """
    for name in _FOR_ANOTHER_OPENSSL:
        os.unsetenv(name)
    named = os.environ.get("SSL_CERT_FILE", "")
    if not (os.path.isfile(named) and os.access(named, os.R_OK)):  # noqa: PTH113  pathlib would be imported for it
        os.putenv("SSL_CERT_FILE", f"{folder}/{AUTHORITIES}")
