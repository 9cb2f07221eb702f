"""Makes the catalog of what its files hold."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from medusa_migrations.catalog import source
from medusa_migrations.catalog import version as versions
from medusa_migrations.catalog.model import (
    Catalog,
    Check,
    DataStep,
    Flag,
    Lock,
    MedusaScript,
    Migration,
    Note,
    ReferenceRows,
    Related,
    Release,
    Severity,
    Warn,
    membership,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from medusa_migrations.catalog.version import Version

_FILE = re.compile(r"(?P<timestamp>\d{13})_(?P<name>\w+)\.sql")
_KEY = re.compile(r"-- (flag|extension|when|rows|locks|ready|otherwise|warn|says|same): (.*)")
_WHEN = re.compile(r"table (\w+)|column (\w+)\.(\w+)")
_LOCK = re.compile(r"(?P<table>\w+): (?P<mode>[a-z ]+?)(?P<rewrite>, rewrite)?")


def read(files: Mapping[str, Any] | None = None) -> Catalog:
    """Return the whole catalog; it is validated when the project is tested, not here.

    *files* is what its files hold, by path; as `catalog_source` reads them, where none are given.
    """
    files = source.read() if files is None else files
    texts: dict[str, list[Migration]] = {}
    data_steps: list[DataStep] = []
    notes: list[Note] = []
    withdrawn: list[tuple[Version, str]] = []
    returned: list[tuple[Version, str]] = []
    for version, found in sorted(_folders(files).items()):
        checks = _checks(found.get("checks.yaml", {}))
        for name, body in sorted(found.items()):
            if name == "version.yaml":
                withdrawn += [(version, gone) for gone in body.get("withdrawn", ())]
                returned += [(version, back) for back in body.get("returned", ())]
                if "summary" in body:
                    notes.append(_note(version, body))
            elif name.startswith("after_"):
                data_steps.append(_data_step(version, name, files, checks))
            elif name.endswith(".sql"):
                migration = _migration(version, name, body, files, checks)
                texts.setdefault(migration.name, []).append(migration)
    return Catalog(
        releases=tuple(_releases(files["releases.yaml"])),
        flags={name: _flag(name, body) for name, body in files["flags.yaml"].items()},
        texts={name: tuple(found) for name, found in texts.items()},
        membership=membership(texts, withdrawn, returned),
        data_steps=tuple(data_steps),
        notes=tuple(notes),
    )


def header_of(text: str) -> dict[str, list[str]]:
    """Return the values of a file's header by key, in order; free text under the empty key."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        match = _KEY.match(line)
        key, value = match.groups() if match else ("", line[2:].strip())
        found.setdefault(key, []).append(value.strip())
    return found


def _folders(files: Mapping[str, Any]) -> dict[Version, dict[str, Any]]:
    """Return the files of each version's folder by name."""
    folders: dict[Version, dict[str, Any]] = {}
    for path, body in files.items():
        place, _, name = path.rpartition("/")
        version = versions.parse(place)
        if version is not None:
            folders.setdefault(version, {})[name] = body
    return folders


def _migration(
    version: Version,
    file: str,
    text: str,
    files: Mapping[str, Any],
    checks: Mapping[str, tuple[Check, ...]],
) -> Migration:
    match = _FILE.fullmatch(file)
    if match is None:
        raise ValueError(f"{version}/{file} is not named TIMESTAMP_name.sql")
    name, header = match["name"] + match["timestamp"], header_of(text)
    rows = _list(header, "rows")
    return Migration(
        name=name,
        timestamp=int(match["timestamp"]),
        version=version,
        about=" ".join(header.get("", [])),
        statements=text,
        rows=rows,
        reference=_reference(version, match["name"], match["timestamp"], rows, files),
        origin=f"{version}/{file}",
        flags=_list(header, "flag"),
        extension=header["extension"][0] if "extension" in header else None,
        when=_when(header),
        locks=tuple(_locks(header)),
        written_checks=checks.get(name, ()),
    )


def _reference(
    version: Version, name: str, timestamp: str, tables: tuple[str, ...], files: Mapping[str, Any]
) -> Callable[[], ReferenceRows]:
    """Return what yields the rows of reference *tables* that the migration of this *name* fills in."""
    if not tables:
        return ReferenceRows

    def rows() -> ReferenceRows:
        from medusa_migrations.catalog import reference  # noqa: PLC0415  most commands need no rows

        body = files["countries_currencies.yaml"]
        return reference.rows(tables, version, name, timestamp, body)

    return functools.cache(rows)


def _data_step(
    version: Version, file: str, files: Mapping[str, Any], checks: Mapping[str, tuple[Check, ...]]
) -> DataStep:
    text = files[f"{version}/{file}"]
    name = _step_name(file)
    earlier = header_of(text).get("same", [""])[0]
    if earlier:
        text = files[earlier]
    header = header_of(text)
    return DataStep(
        name=f"{version}/{name}",
        version=version,
        about=" ".join(header.get("", [])),
        text=text,
        flags=_list(header, "flag"),
        ready=header["ready"][0] if "ready" in header else None,
        otherwise=" ".join(header.get("otherwise", [])),
        warns=tuple(
            Warn(query, says)
            for query, says in zip(header.get("warn", []), header.get("says", []), strict=True)
        ),
        checks=checks.get(name, ()),
        repeats=(_step_name(earlier),) if earlier else (),
    )


def _step_name(file: str) -> str:
    return file.replace("after_", "", 1).removesuffix(".sql")


def _when(header: dict[str, list[str]]) -> tuple[str, str | None] | None:
    if "when" not in header:
        return None
    match = _WHEN.fullmatch(header["when"][0])
    if match is None:
        raise ValueError(f"`when: {header['when'][0]}` is not `table t` or `column t.c`")
    return match[1] or match[2], match[3]


def _locks(header: dict[str, list[str]]) -> Iterator[Lock]:
    for line in header.get("locks", ()):
        match = _LOCK.fullmatch(line)
        if match is None:
            raise ValueError(f"`locks: {line}` is not `table: mode` or `table: mode, rewrite`")
        yield Lock(match["table"], match["mode"], bool(match["rewrite"]))


def _checks(body: Mapping[str, Any]) -> dict[str, tuple[Check, ...]]:
    """Return the checks of one version's folder by the name of what they are for."""
    return {name: tuple(Check(**check) for check in checks) for name, checks in body.items()}


def _list(header: dict[str, list[str]], key: str) -> tuple[str, ...]:
    return tuple(item.strip() for value in header.get(key, []) for item in value.split(","))


def _note(version: Version, body: dict[str, Any]) -> Note:
    return Note(
        version=version,
        severity=Severity(body["severity"]),
        summary=body["summary"],
        reason=body.get("reason", ""),
        before=tuple(body.get("before", ())),
        after=tuple(body.get("after", ())),
        commands=tuple(MedusaScript(**command) for command in body.get("commands", ())),
        url=body.get("url", ""),
        guide=body.get("guide", "present"),
        older_servers_break=body.get("older_servers_break", False),
        related=tuple(
            Related(r["package"], str(r["version"]), r["summary"], r["url"])
            for r in body.get("related", ())
        ),
    )


def _releases(body: dict[str, Any]) -> Iterator[Release]:
    for name, release in body.items():
        yield Release(_known(name), str(release.get("date", "")), release["package"])


def _flag(name: str, body: dict[str, Any]) -> Flag:
    until = body.get("required_until")
    return Flag(
        name=name,
        about=body["about"],
        defaults=tuple(sorted((_known(v), on) for v, on in body["default"].items())),
        required_until=_known(until) if until else None,
        aliases=tuple(body.get("aliases", ())),
    )


def _known(text: str) -> Version:
    version = versions.parse(str(text))
    if version is None:
        raise ValueError(f"{text!r} is not a version")
    return version
