"""Every `medusa-db ...` that a text tells its reader to run, and whether the real parser takes it."""

from __future__ import annotations

import contextlib
import gc
import io
import re
import shlex
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = r"medusa-db [a-z-][^`\n]*"
_SPANS = (
    re.compile(rf"`(?:\$ |[A-Z_]+=\S+ )*({_WORD})`"),
    re.compile(r"\((medusa-db [a-z-]+(?: [^()`\n]*)?)\)"),
    re.compile(r"^(?:\s*\$ |\s+|- \s*run: )(?:[A-Z_]+=\S+ )*(medusa-db [a-z-]+(?:[ ][^`\n]*)?)$", re.MULTILINE),
)  # fmt: skip
_IN_CONTAINER = (
    re.compile(r"\b(?:args|command): \[((?:[a-z]+)(?:, [^\]]+)?)\]"),
    re.compile(r"\bdocker run .*?(?:/shop:\S+|/medusa-database-operator:\S+|\"\$[A-Z]+\") ([a-z]+(?: [^`\n]*)?)$", re.MULTILINE),
)  # fmt: skip
"""What follows the name of an image is for its program."""
_ENDS = re.compile(r"\s(?:\||>|<|&&|#|;|2>)(?:\s.*|\S.*)?$|\s*\\$")
_PLACEHOLDERS = {
    "V": "1.20.11", "A": "1.12.3", "B": "1.20.11", "1.X.Y": "1.20.11", "X.Y.Z": "1.20.11", "REASON": "Downgrade",
    "N": "5", "TIME": "5s", "...": "", "…": "",
}  # fmt: skip
"""What is filled in for a reader; other words in capitals are names."""
_COMMANDS = ("exec", "install", "migrate", "plan", "seed", "status", "verify", "wait")


def commands(text: str) -> Iterator[str]:
    """Yield each command in *text*, without what a shell makes of its result."""
    for pattern in _SPANS:
        for match in pattern.finditer(_whole(text)):
            yield _ENDS.sub("", match[1]).strip()
    for pattern in _IN_CONTAINER:
        for match in pattern.finditer(_whole(text)):
            words = match[1].replace(", ", " ").strip()
            if words.partition(" ")[0] in _COMMANDS:
                yield _ENDS.sub("", f"medusa-db {words}").strip()


def _whole(text: str) -> str:
    """Put lines together that a backslash continues, and code spans that a page has wrapped."""
    text = re.sub(r"\\\n\s*", " ", text)
    text = re.sub(r"(docker run [^\n]*)\n +(?=--)", r"\1 ", text)  # a folded text of YAML
    return re.sub(r"`medusa-db [^`]*`", lambda match: " ".join(match[0].split()), text)


def refusal(command: str) -> str:
    """Return what the parser says of *command*; empty where it takes it."""
    from medusa_db import commands as running  # noqa: PLC0415  most tests print none
    from medusa_db.parser import main  # noqa: PLC0415

    try:
        words = [
            _PLACEHOLDERS.get(word, word)
            for word in shlex.split(re.sub(r"[\[\]]", "", command))[1:]
        ]
    except ValueError as exc:
        return str(exc)
    said, threshold = io.StringIO(), gc.get_threshold()
    with (
        mock.patch.object(running, "run", return_value=0),
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            code = main([word for word in words if word])
        except SystemExit as exc:  # --help, --version
            code = int(exc.code or 0)
        finally:
            gc.set_threshold(*threshold)
    return said.getvalue() if code else ""


def require_runnable(text: str) -> None:
    """Assert that every command that *text* prints can be run as it is printed."""
    if "medusa-db " in text:
        refused = {command: why for command in commands(text) if (why := refusal(command))}
        assert refused == {}
