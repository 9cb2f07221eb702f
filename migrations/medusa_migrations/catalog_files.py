"""Reads the catalog from `migrations/versions/`, and a shop's own migrations from a folder."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from medusa_migrations import reference, statements
from medusa_migrations import version as versions
from medusa_migrations.catalog import (
    Catalog,
    Check,
    Command,
    DataStep,
    Flag,
    Lock,
    Migration,
    Note,
    Related,
    Release,
    Severity,
    Warn,
    membership,
)
from medusa_migrations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from medusa_migrations.version import Version

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FILE = re.compile(r"(?P<timestamp>\d{13})_(?P<name>\w+)\.sql")
_KEY = re.compile(r"-- (flag|extension|when|rows|locks|ready|otherwise|warn|says): (.*)")
_WHEN = re.compile(r"table (\w+)|column (\w+)\.(\w+)")
_LOCK = re.compile(r"(?P<table>\w+): (?P<mode>[a-z ]+?)(?P<rewrite>, rewrite)?")


def folder() -> Path:
    """Return the folder of the catalog: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).parent
    inside = here / "versions"
    return inside if inside.is_dir() else here.parent / "versions"


def read(root: Path | None = None) -> Catalog:
    """Read the whole catalog; it is validated when the project is tested, not here."""
    root = root or folder()
    folders = [(version, root / str(version)) for version in sorted(_folders(root))]
    texts: dict[str, list[Migration]] = {}
    data_steps: list[DataStep] = []
    notes: list[Note] = []
    withdrawn: list[tuple[Version, str]] = []
    returned: list[tuple[Version, str]] = []
    for version, path in folders:
        checks = _checks(path / "checks.yaml")
        for file in sorted(path.iterdir()):
            if file.name == "version.yaml":
                body = _yaml(file)
                withdrawn += [(version, name) for name in body.get("withdrawn", ())]
                returned += [(version, name) for name in body.get("returned", ())]
                if "summary" in body:
                    notes.append(_note(version, body))
            elif file.name.startswith("after_"):
                data_steps.append(_data_step(version, file))
            elif file.suffix == ".sql":
                migration = _migration(version, file, root, checks)
                texts.setdefault(migration.name, []).append(migration)
    return Catalog(
        releases=tuple(_releases(_yaml(root / "releases.yaml"))),
        flags={name: _flag(name, body) for name, body in _yaml(root / "flags.yaml").items()},
        texts={name: tuple(found) for name, found in texts.items()},
        membership=membership(texts, withdrawn, returned),
        data_steps=tuple(data_steps),
        notes=tuple(notes),
    )


def read_own(path: Path) -> list[Migration]:
    """Read a shop's own migrations, `TIMESTAMP_name.sql`, in their order.

    Raises UsageError for a folder that is not there, a file that is not UTF-8, is empty, does not
    parse, is not named like a migration or controls the transaction by itself.
    """
    if not path.is_dir():
        message = (
            f"{path} is not a folder; --migrations-dir takes the folder of your SQL migrations"
        )
        raise UsageError(message)
    found = [_own(file) for file in sorted(path.iterdir()) if file.suffix == ".sql"]
    names = [migration.name for migration in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{path}: two files make the migration {name}; rename one of them")
    return sorted(found, key=lambda migration: migration.order)


def _own(file: Path) -> Migration:
    match = _FILE.fullmatch(file.name)
    if match is None:
        raise UsageError(
            f"{file}: the name is not TIMESTAMP_name.sql, with 13 digits of milliseconds; "
            "`medusa-db create-migration NAME` makes one that is"
        )
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{file} cannot be read as UTF-8 text: {exc}") from exc
    if "\0" in text:
        raise UsageError(f"{file}: holds a NUL character, which PostgreSQL does not take")
    try:
        found = statements.split(text)
    except statements.UnterminatedError as exc:
        raise UsageError(f"{file}: {exc}") from exc
    if not found:
        raise UsageError(f"{file}: holds no statement; write one or remove the file")
    for statement in found:
        if controls_transaction(statement):
            raise UsageError(
                f"{file}: line {statement.line}: `{' '.join(statement.tokens[:3])}` controls the "
                "transaction; a migration and its ledger row are one transaction, remove it"
            )
    header = _header(text)
    return Migration(
        name=match["name"] + match["timestamp"],
        timestamp=int(match["timestamp"]),
        version=None,
        about=" ".join(header.get("", [])),
        source=lambda: text,
        origin=str(file),
        extension=header["extension"][0] if "extension" in header else None,
    )


def controls_transaction(statement: statements.Statement) -> bool:
    """Return whether *statement* begins or ends a transaction (savepoints do not)."""
    match statement.words:
        case ("rollback", "to", *_) | ("rollback", "transaction" | "work", "to"):
            return False
        case ("begin" | "commit" | "rollback" | "abort" | "end", *_):
            return True
        case ("start", "transaction", *_) | ("prepare", "transaction", *_):
            return True
        case _:
            return False


def _folders(root: Path) -> Iterator[Version]:
    for path in root.iterdir():
        version = versions.parse(path.name)
        if version is not None:
            yield version


def _yaml(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        body = yaml.load(stream, _LOADER)  # noqa: S506  a safe loader, in C where there is one
    return body or {}


def _header(text: str) -> dict[str, list[str]]:
    """Return the header's values by key, in order; free text under the empty key."""
    header: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        match = _KEY.match(line)
        key, value = match.groups() if match else ("", line[2:].strip())
        header.setdefault(key, []).append(value.strip())
    return header


def _migration(
    version: Version, file: Path, root: Path, checks: Mapping[str, tuple[Check, ...]]
) -> Migration:
    match = _FILE.fullmatch(file.name)
    if match is None:
        raise ValueError(f"{file} is not named TIMESTAMP_name.sql")
    name, text = match["name"] + match["timestamp"], file.read_text(encoding="utf-8")
    header = _header(text)
    return Migration(
        name=name,
        timestamp=int(match["timestamp"]),
        version=version,
        about=" ".join(header.get("", [])),
        source=_source(version, text, _list(header, "rows"), root),
        origin=f"{version}/{file.name}",
        flags=_list(header, "flag"),
        extension=header["extension"][0] if "extension" in header else None,
        when=_when(header),
        locks=tuple(_locks(header)),
        checks=checks.get(name, ()),
    )


def _source(version: Version, text: str, tables: tuple[str, ...], root: Path) -> Callable[[], str]:
    """Return what yields the SQL; rows of reference tables are put behind *text* when asked for."""
    if not tables:
        return lambda: text
    rows = root / "countries_currencies.yaml"
    return functools.cache(lambda: text + reference.statements(tables, version, _yaml(rows)))


def _data_step(version: Version, file: Path) -> DataStep:
    text = file.read_text(encoding="utf-8")
    header = _header(text)
    return DataStep(
        name=f"{version}/{file.stem.removeprefix('after_')}",
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
    )


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


def _checks(file: Path) -> dict[str, tuple[Check, ...]]:
    """Return the checks of one version's folder by the name of their migration."""
    if not file.exists():
        return {}
    return {name: tuple(Check(**check) for check in checks) for name, checks in _yaml(file).items()}


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
        commands=tuple(Command(**command) for command in body.get("commands", ())),
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
