"""Reads a shop's own migrations from a folder; what is in it and would not run is refused by name."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from pathlib import Path

from medusa_migrations.catalog import load
from medusa_migrations.catalog.model import Migration
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.contract.values import milliseconds
from medusa_migrations.plan.shop import formats, script
from medusa_migrations.plan.shop.formats import Format

_OURS = re.compile(r"(?P<stamp>[0-9]{13})_(?P<name>\w+)\.sql")
_THEIRS = re.compile(r"(?P<stamp>[0-9]{10}|[0-9]{13,14}|[0-9]{17})[_-](?P<name>[\w-]+)\.sql")
_PAIR = re.compile(r"(?P<stem>.+)\.(?P<half>up|down|do|undo|rollback)\.sql", re.IGNORECASE)
_FLYWAY = re.compile(r"(V|U|B)[0-9][0-9._]*__.*|R__.*", re.IGNORECASE)
_PROGRAMS = {
    ".js": "JavaScript", ".mjs": "JavaScript", ".cjs": "JavaScript", ".ts": "TypeScript",
    ".mts": "TypeScript", ".cts": "TypeScript", ".py": "Python", ".go": "Go", ".rb": "Ruby",
    ".php": "PHP", ".java": "Java", ".kt": "Kotlin", ".cs": "C#", ".ex": "Elixir", ".exs": "Elixir", ".rs": "Rust",
}  # fmt: skip
_CHANGELOGS = (".xml", ".yaml", ".yml", ".json")


def read(path: Path, format_: Format = Format.SQL) -> list[Migration]:
    """Read a shop's own migrations, `TIMESTAMP_name.sql`, in their order.

    Of another tool's files the half that goes forward, where *format_* names it. Raises UsageError
    for a folder that does not exist and for everything in it that could be meant as a migration and
    cannot run as one.
    """
    if not path.is_dir():
        message = (
            f"{path} is not a folder; --migrations-dir takes the folder of your SQL migrations"
        )
        raise UsageError(message)
    try:
        entries = sorted(path.iterdir())
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc}") from exc
    files = [entry for entry in entries if _is_migration(entry, format_)]
    found = sorted((_own(file, format_) for file in files), key=lambda each: each.order)
    for one, other in itertools.pairwise(found):
        if one.timestamp == other.timestamp:
            raise UsageError(
                f"{other.origin}: {Path(one.origin).name} has the same timestamp, so nothing says "
                "which of them comes first; give the one that was not applied yet another timestamp"
            )
    return found


def _is_migration(entry: Path, format_: Format) -> bool:
    """Return whether *entry* is to run; raise UsageError where it might be meant to and is not."""
    name = entry.name
    if name.startswith(".."):
        return False  # the folders and links that a mounted ConfigMap consists of
    if entry.is_dir():
        _refuse_folder(entry)
        return False
    if name.endswith(".sql") and not name.startswith((".", "#")):
        pair = _PAIR.fullmatch(name)
        return not (format_ in formats.PAIRS and pair and pair["half"].lower() == "down")
    if why := _other(name):
        raise UsageError(f"{entry}: {why}")
    return False


def _refuse_folder(folder: Path) -> None:
    """Refuse a folder in the folder that holds migrations."""
    if folder.name.startswith("."):
        return
    for place, below, files in os.walk(folder):
        below.sort()
        for name in sorted(files):
            if name.lower().endswith(".sql") or _is_program(name):
                hint = (
                    " (a folder for each migration is Prisma's or Diesel's way; copy each one's SQL "
                    "that goes forward)"
                    if name in ("migration.sql", "up.sql", "down.sql")
                    else ""
                )
                raise UsageError(
                    f"{Path(place, name)}: folders in the folder of --migrations-dir are not read; "
                    f"move its files up, or out{hint}"
                )


def _is_program(name: str) -> bool:
    """Return whether a file is named as a migration in a programming language."""
    return name[:1].isdigit() and Path(name.lower()).suffix in _PROGRAMS


def _other(name: str) -> str:
    """Return why a file that is not read might be meant as a migration; empty where it is none."""
    lower = name.lower()
    suffix = Path(lower).suffix
    if lower.endswith(".sql") and not name.startswith((".", "#")):
        return "the name does not end in .sql in lower case; rename it"
    if ".sql" in lower:
        return (
            "a copy, an editor's file or a hidden one: it does not run; remove it, or name it "
            "TIMESTAMP_name.sql"
        )
    if suffix in (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"):
        return (
            f"{_PROGRAMS[suffix]} does not run here: Medusa's own command does that, `npx medusa "
            "migrations run`; keep SQL migrations in a folder of their own"
        )
    if suffix in _PROGRAMS:
        return (
            f"{_PROGRAMS[suffix]} does not run here; write it as SQL, or move it out of the folder"
        )
    if suffix in _CHANGELOGS and (lower[0].isdigit() or "changelog" in lower):
        return "only SQL files run here; write it as SQL, or move it out of the folder"
    if lower == "sqitch.plan":
        return "Sqitch's plan is not read, and its folders are not; copy the deploy scripts' SQL"
    return ""


def _own(file: Path, format_: Format) -> Migration:
    name, timestamp = _named(file, format_)
    found = script.look(file, format_)
    header = load.header_of(found.head)
    return Migration(
        name=f"{name}{timestamp}",
        timestamp=timestamp,
        version=None,
        about=" ".join(header.get("", [])),
        statements=found.statements,
        origin=str(file),
        extension=header["extension"][0] if "extension" in header else None,
        pieces=found.script.pieces if found.large else None,
        checksum=found.script.checksum,
        alone=found.alone,
    )


def _named(file: Path, format_: Format) -> tuple[str, int]:
    """Return name and timestamp of a migration from the name of its file."""
    name = unicodedata.normalize("NFC", file.name)
    pair = _PAIR.fullmatch(name)
    if pair and format_ in formats.PAIRS and pair["half"].lower() == "up":
        name = f"{pair['stem']}.sql"
    match = (_OURS if format_ is Format.SQL else _THEIRS).fullmatch(name)
    if match is None:
        hint = _hint(name, pair["half"].lower() if pair else "")
        raise UsageError(
            f"{file}: the name is not TIMESTAMP_name.sql, with 13 digits of milliseconds; "
            f"{hint or '`medusa-db create-migration NAME` makes one that is'}"
        )
    try:
        stamp = milliseconds(match["stamp"])
    except ValueError as exc:
        raise UsageError(f"{file}: {match['stamp']} is not a date and time: {exc}") from exc
    return match["name"].replace("-", "_"), stamp


def _hint(name: str, half: str) -> str:
    """Return whose name it is, and what to do."""
    if half in ("down", "undo", "rollback"):
        return (
            f"`.{half}.sql` takes a migration back and never runs here; move it out of the folder, or "
            "read pairs of files with --migrations-format golang-migrate (or sqlx)"
        )
    if half:
        return (
            "it is one of a pair; rename it, or read pairs of files with --migrations-format "
            "golang-migrate (or sqlx)"
        )
    if _FLYWAY.fullmatch(name):
        return (
            "it is one of Flyway's (V.. goes forward, U.. takes back, R.. is repeated); give those "
            "that go forward such a name, and move the others out"
        )
    if re.match(r"[0-9]{14}[_-]", name):
        try:
            return f"{name[:14]} as milliseconds (UTC) is {milliseconds(name[:14])}"
        except ValueError:
            return ""
    if re.match(r"[0-9]{1,9}[_-]", name):
        return "a number does not say where it belongs among Medusa's migrations"
    return ""
