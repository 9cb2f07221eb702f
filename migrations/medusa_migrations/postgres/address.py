"""Pure: what a database URL says, and how it is shown without its password."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from medusa_migrations.contract.caller import VARIABLES
from medusa_migrations.contract.errors import UnsupportedError, UsageError
from medusa_migrations.postgres import spelling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medusa_migrations.contract.concealed import Concealed

_SCHEMES = ("postgres", "postgresql")
_EXAMPLE = spelling.EXAMPLE
_ENCODE = (
    "a password with characters such as / @ % or a space must be percent-encoded (%2F %40 %25 %20)"
)
_URL = re.compile(r"([A-Za-z][\w+.-]*)://")
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:\d{0,5})?")
_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:\\.|[^'\\])*'|(?:\\.|[^\s'\\])*)(?=\s|$)", re.DOTALL)
_SHOWN_KEYS = ("host", "hostaddr", "port", "dbname", "user", "service")
_PORTS = re.compile(r"\s*(?:\d{1,5}\s*)?(?:,\s*(?:\d{1,5}\s*)?)*")
_BARE = re.compile(r"postgres(?:ql)?://(?:\?.*)?", re.DOTALL)
_OTHERS = (
    "cockroachdb", "db2", "http", "https", "jdbc", "mariadb", "mongodb", "mongodb+srv", "mssql", "mysql",
    "oracle", "redis", "rediss", "sqlite", "sqlserver",
)  # fmt: skip
"""Schemes that a message names; another one may be anything, a secret too."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is: a URL that libpq takes, and the schema the shop is in."""

    url: str
    """A libpq URL or keyword string; holds the password, so it is never shown."""
    schema: str | None
    """The schema named in the URL (`?schema=shop`); None: the first of the search path."""
    place: str = ""
    """How messages name it where the URL alone does not tell, or must not be quoted."""
    quotable: bool = True
    """Whether messages of libpq about it may be passed on; False where parts come from a Secret."""

    called: str = "the URL"
    """What to correct where it is wrong: the URL, or `the PG* variables` that are all of it."""

    def __repr__(self) -> str:
        return f"Address({self.shown!r}, schema={self.schema!r})"

    @property
    def shown(self) -> str:
        """The address without its password, its parameters and what comes from a Secret."""
        if self.place:
            return self.place
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
    text = text.strip().removeprefix("\ufeff")
    if not text:
        raise UsageError(f"the database URL is empty; it looks like {_EXAMPLE}")
    spelling.check_text(text)
    found = _URL.match(text)
    if found is None:
        return _keywords(text)
    if found[1].lower() not in _SCHEMES:
        raise _other_database(found[1].lower())
    _, user, hosts, rest = _parts(text)
    path, _, query = rest.partition("?")
    spelling.check_parts((*user.split(":", 1), *re.split(r"[:,]", hosts), path.lstrip("/")))
    if "#" in rest:
        raise UsageError(
            "the database URL cannot be read: there is a # behind its host; one that is meant so, in a name "
            "or in a password, is written %23"
        )
    if "@" in hosts + path or not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        raise UsageError(
            f"the database URL cannot be read: its host or port is malformed; it looks like "
            f"{_EXAMPLE}, and {_ENCODE}"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise UsageError(
            f"the database URL cannot be read: a % in it is not followed by two digits; {_ENCODE}"
        )
    pairs = spelling.of_node(pair for pair in query.split("&") if pair)
    spelling.check_parameters(
        (name, unquote(value)) for name, _, value in (pair.partition("=") for pair in pairs)
    )
    named = [pair.partition("=")[2] for pair in pairs if pair.startswith("schema=")]
    kept = "&".join(pair for pair in pairs if not pair.startswith("schema="))
    url = text.removesuffix(f"?{query}") + (f"?{kept}" if kept else "")
    return Address(url, unquote(named[-1]) or None if named else None)


def resolve(
    text: str, source: str, environment: Mapping[str, str], concealed: Concealed
) -> Address:
    """Return the address that *text* gives, which stands in *source*, and libpq's PG* variables fill up.

    *source* is a variable, a file or an option. What comes from a Secret is in no message. Raises as
    `parse` does, and UsageError where PGPORT is no port.
    """
    found = parse(text)
    if not (environment.get("PGHOST") or environment.get("PGHOSTADDR")):
        _check_host(found.url)
    check_host(environment.get("PGHOST", ""), concealed.spell("PGHOST"))
    spelling.check_sslmode(
        environment.get("PGSSLMODE", ""), f"{concealed.spell('PGSSLMODE')} holds a word that"
    )
    check_port(environment.get("PGPORT", ""), concealed.spell("PGPORT"))
    unquoted = [
        name
        for name in environment
        if name.startswith("PG")
        and name != "PGPASSWORD"
        and (concealed.hides(name) or concealed.hides(environment[name]))
    ]
    if concealed.hides(source):
        return replace(found, place=f"the database of {concealed.spell(source)}", quotable=False)
    if _BARE.fullmatch(found.url):
        place = _place(environment, concealed)
        found = replace(found, place=place, called=VARIABLES if place else found.called)
    return replace(found, quotable=not unquoted)


def without_line_breaks(environment: Mapping[str, str]) -> dict[str, str]:
    """Return those of libpq's variables that end with a line break, without it: `echo` and editors leave one in a Secret."""
    return {
        name: value.rstrip("\r\n")
        for name, value in environment.items()
        if name.startswith("PG") and value.endswith(("\r", "\n"))
    }


def _check_host(url: str) -> None:
    """Raise UsageError where a URL names a port or a password, and no host for it."""
    if not _URL.match(url):
        return
    _, user, hosts, rest = _parts(url)
    elsewhere = re.search(r"[?&](?:host|hostaddr|service)=.", rest)
    empty = [host for host in hosts.split(",") if not host.partition(":")[0]]
    if empty and not elsewhere and (":" in hosts or "," in hosts or ":" in user):
        raise UsageError(
            f"the database URL cannot be used: its host is empty; it looks like {_EXAMPLE}. A socket is named "
            "by ?host=/run/postgresql"
        )


def check_host(hosts: str, source: str) -> None:
    """Raise UsageError where *hosts*, one or several with commas, cannot be; they are not quoted."""
    for host in hosts.split(","):
        if host.startswith(("/", "@")):  # a socket
            continue
        if re.search(r"[\s/@\[\]]", host):
            raise UsageError(
                f"{source} holds no host: a name or an address belongs there, without scheme, user, path and spaces"
            )
        if host.count(":") == 1:
            raise UsageError(
                f"{source} holds a host with a port; give the host alone, and the port apart"
            )


def check_port(port: str, source: str) -> None:
    """Raise UsageError where *port*, one or several with commas, cannot be; it is not quoted."""
    numbers = [part.strip() for part in port.split(",")] if _PORTS.fullmatch(port) else ["0"]
    if not all(0 < int(number or 5432) < 65536 for number in numbers):
        raise UsageError(f"{source} holds no port: a number from 1 to 65535 belongs there")


def _place(environment: Mapping[str, str], concealed: Concealed) -> str:
    """Return the URL that the PG* variables make, with `***` for what comes from a Secret."""
    parts = {
        name: "***" if concealed.hides(name) else environment[name]
        for name in ("PGUSER", "PGHOST", "PGPORT", "PGDATABASE")
        if environment.get(name)
    }
    if not parts:
        return ""
    user = f"{parts['PGUSER']}@" if "PGUSER" in parts else ""
    port = f":{parts['PGPORT']}" if "PGPORT" in parts else ""
    return f"postgresql://{user}{parts.get('PGHOST', '')}{port}/{parts.get('PGDATABASE', '')}"


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
        spelling.check_parameters((key, value.strip("'")) for key, value in _PAIR.findall(text))
        return Address(text, schema=None)
    if re.match(r"(?i)sqlite|.*\.(db|sqlite3?)$|file:", text):
        raise _other_database("sqlite")
    raise UsageError(f"the database URL has no scheme; it looks like {_EXAMPLE}")


def _other_database(scheme: str) -> UnsupportedError:
    named = scheme if scheme in _OTHERS else "a database of that kind"
    return UnsupportedError(
        f"{named} is not supported, only PostgreSQL is: Medusa's migrations need it. "
        f"Give a URL such as {_EXAMPLE}",
        reason="NotPostgreSQL",
    )
