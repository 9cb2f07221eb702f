"""Pure: what the words of options spell; each reader raises ValueError with a sentence for what it cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.catalog import version as versions
from medusa_migrations.contract import values
from medusa_migrations.contract.redact import redact

if TYPE_CHECKING:
    from medusa_migrations.catalog.version import Version

REFUSALS = ("Downgrade", "LedgerExists", "NotAcknowledged")
"""The reasons of a refusal that whoever only looks may call a result."""

duration = values.duration
report_limit = values.report_limit


def version(text: str) -> Version:
    """Return a version; whether it is known is asked later."""
    found = versions.parse(text)
    if found is None:
        raise ValueError(f"{text!r} is not a version such as 1.20.11")
    return found


def acknowledged(text: str) -> Version | str:
    """Return a version, or the word `links`."""
    return text if text == "links" else version(text)


def refusal(text: str) -> str:
    """Return the reason of a refusal."""
    if text not in REFUSALS:
        raise ValueError(f"{text!r} is none of {', '.join(REFUSALS)}")
    return text


def word(text: str) -> str:
    """Return *text* where it may be shown: it is not empty, and holds no password."""
    if redact(text) != text:
        raise ValueError(
            "it holds a password, and would be shown in messages; a database is named by --database-url "
            "or DATABASE_URL"
        )
    return url(text)


def url(text: str) -> str:
    """Return the URL of a database where it is not empty; it is parsed later."""
    if not text:
        raise ValueError("the value is empty")
    return text


def path(text: str) -> str:
    """Return the name of a file or folder, which no URL is."""
    if "://" in text:
        raise ValueError(
            "this is a URL, and a file is wanted; a database is named by --database-url or DATABASE_URL"
        )
    if "\0" in text:
        raise ValueError("no file can have a name with a NUL in it")
    return word(text)


def run_id(text: str) -> str:
    """Return a name for a run, which its report repeats."""
    return values.run_id(word(text) if text else "")


TEXTS = (word, url, path)
"""Readers of texts: an environment variable that is empty sets no such option."""
