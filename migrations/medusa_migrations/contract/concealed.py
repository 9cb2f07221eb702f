"""Pure: which values come from a Secret, and texts without them.

Whoever makes the pod lists in MEDUSA_DB_FROM_SECRETS what it takes from Secrets, separated by commas:
`PGPORT=shop-db/port` is a variable and the key it comes from, `/etc/seed.json=seeds/seed.json` a file
(percent-encoded), `/etc/proxy/=volume proxy` a folder,
and `*=payment` means that every variable may come from there but those named as `PGHOST=`.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE = "MEDUSA_DB_FROM_SECRETS"

_READ = re.compile(r"PG|DATABASE_URL$|MEDUSA_")
"""The variables that libpq and we read."""
_NAMES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSSLMODE")
_LONG, _WORD = 8, 4
_TEXTS = ("message", "warnings", "drift", "foreign", "variant", "schema")
"""The parts of a report that may repeat what somebody else wrote."""


@dataclass(frozen=True, slots=True)
class Concealed:
    """What comes from Secrets."""

    sources: Mapping[str, str] = field(default_factory=dict)
    """Variable or file: where it comes from, as listed there; empty for what is known not to."""
    masks: tuple[tuple[re.Pattern[str], str], ...] = ()

    def hides(self, name: str) -> bool:
        """Return whether the variable or file *name* comes from a Secret."""
        if name in self.sources:
            return bool(self.sources[name])
        if name.startswith("/"):
            path = posixpath.normpath(name) + "/"
            return any(path.startswith(one) for one in self.sources if one.endswith("/"))
        return "*" in self.sources and _READ.match(name) is not None

    def spell(self, name: str) -> str:
        """Return *name* with where it comes from: `PGPORT (key port of Secret shop-db)`."""
        source = self.sources.get(name) or self.sources.get("*", "")
        secret, slash, key = source.partition("/")
        if not secret:
            return name
        return f"{name} (key {key} of Secret {secret})" if slash else f"{name} (Secret {secret})"

    def mask(self, text: str) -> str:
        """Return *text* with `***` for every value that comes from a Secret."""
        for pattern, by in self.masks:
            text = pattern.sub(by, text)
        return text

    def masked(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """Return *report* with its texts masked; what identifies a run stays as it is."""
        return {
            key: _each(value, self.mask) if key in _TEXTS else value
            for key, value in report.items()
        }


def from_environment(environment: Mapping[str, str]) -> Concealed:
    """Return what *environment* lists as coming from Secrets."""
    listed = environment.get(VARIABLE, "")
    if not listed:
        return Concealed()
    pairs = (entry.strip().partition("=") for entry in listed.split(","))
    sources = {unquote(name): source for name, _, source in pairs if name}
    known = Concealed(sources)
    secrets: set[str] = set()
    names: set[str] = set()
    for name, value in environment.items():
        if not known.hides(name) or name == VARIABLE:
            continue
        if name == "DATABASE_URL":
            _url(value, secrets, names)
        else:
            (names if name in _NAMES else secrets).update(value.split("\n"))
            (names if name in _NAMES else secrets).add(value)
    return Concealed(sources, tuple(_masks(secrets, names)))


def of_values(secrets: set[str]) -> Concealed:
    """Return what masks the values *secrets*, wherever they come from."""
    return Concealed(masks=tuple(_masks(secrets, set())))


def _url(url: str, secrets: set[str], names: set[str]) -> None:
    """Take *url* apart as far as it goes, whether it is one or not."""
    secrets.add(url.strip())
    body = url.strip().partition("://")[2] or url.strip()
    before, at, behind = body.rpartition("@")
    user, _, password = before.partition(":")
    secrets.add(password)
    names.add(user)
    for part in re.split(r"[/?&,\s]", behind if at else body):
        value = part.partition("=")[2] or part
        (secrets if "password" in part else names).add(value.strip("'"))
        names.update(value.rsplit(":", 1))


def _masks(secrets: set[str], names: set[str]) -> Iterator[tuple[re.Pattern[str], str]]:
    """Yield what to replace: longest first, short ones only where they stand by themselves.

    A role or a database may be called `shop`, as much else is: it is masked where a message quotes
    it or describes it.
    """
    whole = sorted(_spellings(secrets), key=len, reverse=True)
    anywhere = [text for text in whole if len(text) >= _LONG]
    anywhere += sorted(t for t in _spellings(names) if len(t) >= 2 * _LONG)
    words = [text for text in whole if _WORD <= len(text) < _LONG]
    words += sorted(text for text in _spellings(names) if len(text) >= _LONG)
    quoted = {t for t in whole if len(t) < _WORD} | _spellings(names)
    if anywhere:
        yield re.compile("|".join(map(_literal, anywhere))), "***"
    if words:
        yield re.compile(rf"(?<![\w-])(?:{'|'.join(map(_literal, words))})(?![\w-])"), "***"
    if quoted:
        one = "|".join(re.escape(t) for t in sorted(quoted, key=len, reverse=True))
        yield re.compile(rf"(?<=[\"'])(?:{one})(?=[\"'])"), "***"
        named = r"\b(role|user|database|schema|host|port|server at)( \W?)"
        yield re.compile(rf"{named}(?:{one})(?![\w-])"), r"\1\2***"


def _literal(text: str) -> str:
    """Return a pattern for *text*; many users, databases and passwords are called like the scheme of a URL, which is no secret."""
    return re.escape(text) + (r"(?!(?:ql)?://)" if text in ("postgres", "postgresql") else "")


def _spellings(values: set[str]) -> set[str]:
    """Return *values* as messages may spell them: decoded, escaped, cut as PostgreSQL cuts names."""
    found: set[str] = set()
    for value in values:
        for text in (value, value.strip(), unquote(value)):
            cut = text.encode(errors="replace")[:63].decode(errors="ignore")
            found.update((text, repr(text)[1:-1], json.dumps(text)[1:-1], cut))
            found.add(json.dumps(text, ensure_ascii=False)[1:-1])
    return {text for text in found if text.strip()}


def _each(value: Any, mask: Any) -> Any:
    return [mask(text) for text in value] if isinstance(value, list) else mask(value)
