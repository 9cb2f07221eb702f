"""Pure: what a database URL says, and how it is shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from medusa_migrations.errors import UnsupportedError, UsageError

_SCHEMES = ("postgres", "postgresql")
_SECRET = re.compile(
    r"(?i)(://[^:/@\s]*:)[^@\s]*@|(\b(?:password|sslpassword)\s*=\s*)('[^']*'|[^\s&]+)"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is: a URL that libpq takes, and the schema the shop is in."""

    url: str
    """A libpq URL or keyword string; holds the password, so it is never shown."""
    schema: str | None
    """The schema named in the URL (`?schema=shop`); None: the first of the search path."""

    def __repr__(self) -> str:
        return f"Address({self.shown!r}, schema={self.schema!r})"

    @property
    def shown(self) -> str:
        """The address without its password and its parameters."""
        return redact(self.url.partition("?")[0])


def parse(text: str) -> Address:
    """Return the address that *text*, a URL or a libpq keyword string, gives.

    Raises UnsupportedError for another database's scheme, UsageError for what is no URL. The text
    may hold a password and does not appear in the message.
    """
    text = text.strip()
    if not text:
        raise UsageError("the database URL is empty; it looks like postgres://user@host:5432/shop")
    if "://" not in text:
        if "=" in text:
            return Address(text, schema=None)
        if re.match(r"(?i)sqlite|.*\.(db|sqlite3?)$|file:", text):
            raise _other_database("sqlite")
        raise UsageError(
            "the database URL has no scheme; it looks like postgres://user@host:5432/shop"
        )
    scheme = text.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise _other_database(scheme)
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as exc:
        raise UsageError(
            "the database URL cannot be read: its host or port is malformed (a password with "
            "characters such as / ? # @ must be percent-encoded)"
        ) from exc
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    schema = next((value for key, value in reversed(pairs) if key == "schema"), None)
    kept = [(key, value) for key, value in pairs if key != "schema"]
    return Address(urlunsplit(parts._replace(query=urlencode(kept))), schema or None)


def redact(text: str) -> str:
    """Return *text* with every password of a URL or keyword string in it replaced by `***`."""
    return _SECRET.sub(lambda m: f"{m[1]}***@" if m[1] else f"{m[2]}***", text)


def _other_database(scheme: str) -> UnsupportedError:
    return UnsupportedError(
        f"{scheme} is not supported, only PostgreSQL is: Medusa's migrations need it. "
        "Give a URL such as postgres://user@host:5432/shop",
        reason="NotPostgreSQL",
    )
