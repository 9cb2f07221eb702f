"""Pure: what a database URL says, and how it is shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from medusa_migrations.errors import UnsupportedError, UsageError

_SCHEMES = ("postgres", "postgresql")
_EXAMPLE = "postgres://user@host:5432/shop"
_ENCODE = (
    "a password with characters such as / @ % or a space must be percent-encoded (%2F %40 %25 %20)"
)
_URL = re.compile(r"([A-Za-z][\w+.-]*)://")
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:\d{0,5})?")
_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:\\.|[^'\\])*'|(?:\\.|[^\s'\\])*)(?=\s|$)", re.DOTALL)
_SHOWN_KEYS = ("host", "hostaddr", "port", "dbname", "user", "service")
_SECRET = re.compile(
    r"(?i)(://[^:/@\s]*:)[^@\s]*@"
    r"|(\b(?:password|sslpassword)\s*=\s*)('(?:\\.|[^'\\])*'?|[^\s&]+)"
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
        if not _URL.match(self.url):
            pairs = dict(_PAIR.findall(self.url))
            return " ".join(f"{key}={pairs[key]}" for key in _SHOWN_KEYS if key in pairs)
        scheme, user, hosts, rest = _parts(self.url)
        name, colon, _ = user.partition(":")
        who = f"{name}{':***' if colon else ''}@" if user else ""
        return f"{scheme}://{who}{hosts}{rest.partition('?')[0]}"


def parse(text: str) -> Address:
    """Return the address that *text*, a URL or a libpq keyword string, gives.

    Raises UnsupportedError for another database's scheme, UsageError for what is no URL. The text
    may hold a password and does not appear in the message.
    """
    text = text.strip()
    if not text:
        raise UsageError(f"the database URL is empty; it looks like {_EXAMPLE}")
    found = _URL.match(text)
    if found is None:
        return _keywords(text)
    if found[1].lower() not in _SCHEMES:
        raise _other_database(found[1].lower())
    _, _, hosts, rest = _parts(text)
    path, _, query = rest.partition("?")
    if "@" in hosts + path or not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        raise UsageError(
            f"the database URL cannot be read: its host or port is malformed; it looks like "
            f"{_EXAMPLE}, and {_ENCODE}"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise UsageError(
            f"the database URL cannot be read: a % in it is not followed by two digits; {_ENCODE}"
        )
    pairs = [pair for pair in query.split("&") if pair]
    named = [pair.partition("=")[2] for pair in pairs if pair.startswith("schema=")]
    kept = "&".join(pair for pair in pairs if not pair.startswith("schema="))
    url = text.removesuffix(f"?{query}") + (f"?{kept}" if kept else "")
    return Address(url, unquote(named[-1]) or None if named else None)


def redact(text: str) -> str:
    """Return *text* with every password of a URL or keyword string in it replaced by `***`."""
    return _SECRET.sub(lambda m: f"{m[1]}***@" if m[1] else f"{m[2]}***", text)


def _parts(url: str) -> tuple[str, str, str, str]:
    """Cut *url* where libpq does: scheme, user and password, hosts, and the rest from its / or ?.

    The first @ before any / ends the password, which may so hold ? and #.
    """
    scheme, _, body = url.partition("://")
    before, at, behind = body.partition("@")
    if not at or "/" in before:
        before, behind = "", body
    hosts = re.split(r"[/?]", behind, maxsplit=1)[0]
    return scheme, before, hosts, behind[len(hosts) :]


def _keywords(text: str) -> Address:
    if "=" in text:
        if _PAIR.sub("", text).strip():
            raise UsageError(
                "the database URL has no scheme and is no list of key=value pairs either; it looks "
                f"like {_EXAMPLE}"
            )
        return Address(text, schema=None)
    if re.match(r"(?i)sqlite|.*\.(db|sqlite3?)$|file:", text):
        raise _other_database("sqlite")
    raise UsageError(f"the database URL has no scheme; it looks like {_EXAMPLE}")


def _other_database(scheme: str) -> UnsupportedError:
    return UnsupportedError(
        f"{scheme} is not supported, only PostgreSQL is: Medusa's migrations need it. "
        f"Give a URL such as {_EXAMPLE}",
        reason="NotPostgreSQL",
    )
