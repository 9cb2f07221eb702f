"""A large file of a shop's own, for `medusa-db` and for psql."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contestants import OURS, TARGET, Contestant, environment, medusa_db
from measure import Invocation

if TYPE_CHECKING:
    from pathlib import Path

STATEMENTS, LITERAL = 40 << 20, 20 << 20
"""Bytes of the statements of the file, and of one string in it."""
_NAME = "1800000000000_points.sql"


def text() -> str:
    """Return the file: rows one by one and many at once, changes of rows, and a long string."""
    row = "insert into points (id, note) values (17, 'what a customer''s points are for');\n"
    change = "update points set note = 'none' where false and id = 17;\n"
    rows = "insert into points values" + " (18, 'a note'),\n" * 50_000 + " (18, 'a note');\n"
    parts = [
        "create table points (id int, note text);\n",
        row * (STATEMENTS // 2 // len(row)),
        change * (STATEMENTS // 4 // len(change)),
        rows * (STATEMENTS // 4 // len(rows)),
        "insert into points values (19, '" + "it''s " * (LITERAL // 6) + "');\n",
    ]
    return "".join(parts)


def ours(folder: Path, script: str) -> Contestant:
    """Return our own command with *script* as the one file of a folder."""
    files = folder / "own"
    files.mkdir(exist_ok=True)
    (files / _NAME).write_text(script)
    command = (medusa_db(), "migrate", "--to", TARGET, "--yes", "--migrations-dir", str(files))
    return Contestant(OURS, lambda url: Invocation(command, environment(DATABASE_URL=url), folder))
