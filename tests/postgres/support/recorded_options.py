"""Runs `medusa-db` and writes down which options its command has read: `python recorded_options.py FILE WORD...`."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from medusa_db import parser

_COMPARE = ("dataclasses", "medusa_db.commands.project.permitted")
"""Modules that look at every option, whatever it means: to copy it, or to refuse what means nothing."""


def recorded(value: Any, seen: set[str]) -> Any:
    """Return a copy of *value* that notes in *seen* which of its fields are read, by name.

    Copying it by `dataclasses.replace` reads none.
    """
    names = {field.name for field in dataclasses.fields(value)}

    class Recorded(type(value)):  # type: ignore[misc]  # of whichever command
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            caller = sys._getframe(1).f_globals["__name__"]
            if name in names and caller not in _COMPARE:
                seen.add(name)
            return super().__getattribute__(name)

    made = {}
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        made[field.name] = recorded(inner, seen) if "group" in field.metadata else inner
    return Recorded(**made)


def main(file: str, words: list[str]) -> int:
    """Run the command of *words*; write the names of the fields that were read to *file*."""
    seen: set[str] = set()
    read = parser.read
    parser.read = lambda *args: recorded(read(*args), seen)  # type: ignore[assignment]
    code = parser.main(words)
    Path(file).write_text(json.dumps(sorted(seen)))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
