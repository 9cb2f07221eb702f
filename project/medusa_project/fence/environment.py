"""Pure: what a command gets in its environment, and which of it is secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from medusa_project.fence.processes import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEEPALIVES = {
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_NAME_LIMIT = 63
"""Bytes of an application_name; the server cuts what is longer."""
_SECRET = re.compile(
    r"(?i)PASS(WORD|WD|PHRASE)?($|_)|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIAL"
)
_URL_PASSWORD = re.compile(r"://[^:/@\s]*:(\S+)@")
_NO_SECRET = re.compile(
    r"(?i).?|true|false|yes|no|on|off|null|none|undefined|\d{1,3}|medusa|postgres(?:ql)?"
)
"""What conceals nothing, and stands in every message: to mask it would only spoil them."""
_WITHOUT_PLACE = re.compile(r"(postgres(?:ql)?://)(\?.*)?", re.DOTALL)
_KEYWORD_PASSWORD = re.compile(r"\bpassword\s*=\s*('(?:\\.|[^'\\])*'|\S+)")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a fence gives its command, beside what is in the environment anyway."""

    url: str | None
    """The database URL, where it is not the one in DATABASE_URL."""
    token: str
    """What marks the processes of this run, and of no other."""
    name: str
    """The application_name of its sessions."""
    lock_timeout: float
    statement_timeout: float
    checks_client: bool
    """Whether the server can notice in the midst of a statement that its client is gone."""
    config_home: str = ""
    """A folder that can be written to, where that of the home cannot."""


def application_name(run_id: str) -> str:
    """Return the application_name of the sessions of the run *run_id*, as the server will show it."""
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in run_id)
    return f"medusa-db:{plain}"[:_NAME_LIMIT]


def options(setting: Setting, given: str = "") -> str:
    """Return the PGOPTIONS of the command's sessions; what is *given* already stands before ours."""
    values = {
        "lock_timeout": f"{int(setting.lock_timeout * 1000)}",
        "statement_timeout": f"{int(setting.statement_timeout * 1000)}",
        **_KEEPALIVES,
    }
    if setting.checks_client:
        values["client_connection_check_interval"] = "2000"
    return " ".join(filter(None, [given.strip(), *(f"-c {k}={v}" for k, v in values.items())]))


def environment(around: Mapping[str, str], setting: Setting) -> dict[str, str]:
    """Return the environment of the command, made of the one *around* us."""
    made = {"NODE_ENV": "production"} | dict(around)
    if setting.url is not None:
        made["DATABASE_URL"] = setting.url
    if "DATABASE_URL" in made:
        made["DATABASE_URL"] = complete_url(made["DATABASE_URL"].strip(), around)
    made |= {
        "PGAPPNAME": setting.name,
        "PGOPTIONS": options(setting, around.get("PGOPTIONS", "")),
        "MEDUSA_DISABLE_TELEMETRY": "true",
        MARKER: setting.token,
    }
    if setting.config_home:
        made["XDG_CONFIG_HOME"] = setting.config_home
        # of a user that no passwd names, Node looks for a home, and ends where there is none
        made["HOME"] = around.get("HOME") or setting.config_home
    return made


def complete_url(url: str, around: Mapping[str, str]) -> str:
    """Return *url*; where it is `postgresql://` and no more, with what libpq's variables *around* us say.

    libpq fills such a URL up by itself. What reads a URL in JavaScript does not; and by the URL alone Medusa
    v2 knows that a server has no TLS: one version by `sslmode`, another one by `ssl_mode`.
    """
    bare = _WITHOUT_PLACE.fullmatch(url.strip())
    host = around.get("PGHOST", "")
    if bare is None or not host or "," in host:
        return url
    user, password, database = (
        quote(around.get(name, ""), safe="") for name in ("PGUSER", "PGPASSWORD", "PGDATABASE")
    )
    who = f"{user}{':' if password else ''}{password}@" if user else ""
    port = f":{around['PGPORT']}" if around.get("PGPORT") else ""
    query = (bare[2] or "").removeprefix("?")
    if around.get("PGSSLMODE") == "disable" and "ssl" not in query:
        query = "&".join(filter(None, [query, "sslmode=disable&ssl_mode=disable"]))
    if host.startswith("/"):
        host, query = "", "&".join(filter(None, [f"host={quote(host, safe='')}", query]))
    elif ":" in host:
        host = f"[{host}]"
    return f"{bare[1]}{who}{host}{port}/{database}{'?' if query else ''}{query}"


def secrets(around: Mapping[str, str], url: str) -> set[str]:
    """Return the values that the output of a command must not show.

    Passwords of URLs, and variables whose names say that they are secret.
    """
    found = set(_passwords(url))
    for name, value in around.items():
        found.update(_passwords(value))
        if _SECRET.search(name):
            found.update(value.split("\n"))
        if name == "PGPASSWORD":
            found.add(quote(value, safe=""))  # as complete_url spells it
    return {value for value in found if not _NO_SECRET.fullmatch(value.strip())}


def _passwords(text: str) -> Iterator[str]:
    for pattern in (_URL_PASSWORD, _KEYWORD_PASSWORD):
        for value in pattern.findall(text):
            yield value.strip("'")
            yield unquote(value.strip("'"))
