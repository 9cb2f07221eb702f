"""Pure: what of a command's output is shown and kept, masked and bounded in every direction; which line says why it failed."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHOWN = 16 * 2**20
"""Bytes of output that are shown; of what follows only the end is."""
LINE = 8192
"""Bytes of one line that are shown."""
LAST = 15
"""Lines at the end that a report has."""
LAST_LINE = 400
"""Bytes of each of them."""
_MARGIN = 4096
"""Bytes beyond a cut that are masked with the rest, so that no secret is cut in two unmasked."""
_END = 64 * 1024
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")

_ERROR = re.compile(r"(?:Uncaught )?(?:\w+Error|Error|error)\b.*:")
_LOGGED = re.compile(r'"message":"((?:[^"\\]|\\[^n])*)')
"""What Medusa's own log says in production, up to its first line's end; the line may be cut behind it."""


class Output:
    """The output of one command, fed to it as it comes."""

    def __init__(self, mask: Callable[[str], str], shown: int = SHOWN) -> None:
        """Take what replaces secrets in a text."""
        self._mask = mask
        self._left = shown
        self._line = bytearray()
        self._cut = 0
        self._end = bytearray()
        self._skipped = 0
        self._last: deque[str] = deque(maxlen=LAST)

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines that are not empty, cut and without control characters."""
        return tuple(self._last)

    def feed(self, data: bytes) -> str:
        """Return what is to be shown by now: whole lines."""
        if self._left <= 0:
            self._skip(data)
            return ""
        shown = []
        for piece in _lines(data):
            self._take(piece)
            if self._line.endswith(b"\n"):
                shown.append(self._flush())
        return "".join(shown)

    def finish(self) -> str:
        """Return what is left to be shown when the command has ended."""
        shown = self._flush() if self._line else ""
        if not self._skipped:
            return shown
        end = bytes(self._end)
        if self._skipped > len(end):  # it begins in the midst of a line, perhaps of a secret
            begin = end.find(b"\n", 0, len(end) // 2) + 1 or min(_MARGIN, len(end))
            end = end[begin:]
        left_out = self._skipped - len(end)
        shown += f"[medusa-db: {left_out} bytes of output are left out here]\n" if left_out else ""
        for line in _lines(end):
            self._take(line)
            shown += self._flush()
        return shown

    def _skip(self, data: bytes) -> None:
        """Keep the end of what is not shown: cheap, however much it is."""
        self._skipped += len(data)
        self._end += data[-_END:]
        if len(self._end) > 2 * _END:
            del self._end[:-_END]

    def _take(self, piece: bytes) -> None:
        room = max(0, LINE + _MARGIN - len(self._line))
        ends = piece.endswith(b"\n")
        body = piece[:-1] if ends else piece
        self._line += body[:room]
        self._cut += max(0, len(body) - room)
        if ends:
            self._line += b"\n"

    def _flush(self) -> str:
        """Return the line, masked, and forget it."""
        raw = bytes(self._line).rstrip(b"\n")
        text = self._mask(raw.decode(errors="backslashreplace"))
        more = self._cut or len(text) > LINE
        self._left -= len(raw) + 1
        self._line.clear()
        self._cut = 0
        self._keep(text)
        return f"{text[:LINE]} [...]\n" if more else text + "\n"

    def _keep(self, text: str) -> None:
        plain = _CONTROL.sub("", text.rstrip("\r").rpartition("\r")[2]).strip()
        if plain:
            self._last.append(plain.encode()[:LAST_LINE].decode(errors="ignore"))


def _lines(data: bytes) -> list[bytes]:
    """Cut behind each line feed, and nowhere else."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def cause(lines: Sequence[str]) -> str:
    """Return the line of a program's output that says why it failed; the last, where none names an error.

    Behind it Node prints where that was, and the error's properties.
    """
    lines = [_plain(line) for line in lines]
    named = (line for line in lines if _ERROR.match(line))
    return next(named, lines[-1] if lines else "")


def _plain(line: str) -> str:
    logged = _LOGGED.search(line) if line.startswith("{") else None
    if logged is None:
        return line
    text = logged[1].replace('\\"', '"')
    return text if _ERROR.match(text) else f"error: {text}" if '"level":"error"' in line else text
