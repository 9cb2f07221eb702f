"""The SQL of one file of the shop's own: read piece by piece, as often as needed, and looked at once."""

from __future__ import annotations

import codecs
import hashlib
import io
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import UsageError
from medusa_migrations.plan.shop import formats, refused
from medusa_migrations.plan.shop.formats import FormatError, Marked
from medusa_migrations.schema import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from medusa_migrations.plan.shop.formats import Format
    from medusa_migrations.schema.statements import Comment, Statement

WHOLE = 256 << 10
"""Bytes of a file that is held as it is; of a larger one only what matters to the schema is held."""
_PIECE = 1 << 18
_LONGEST = 64 << 10
"""Characters of a statement that is held as it is written; of a longer one its tokens are."""
_ROWS = ("insert", "update", "delete", "select", "values", "with")
"""How statements begin of which a second one on the same tables tells nothing new."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Script:
    """What of a file runs, without its text."""

    path: Path
    checksum: str
    """SHA-256 of the file, hexadecimal; the same with line ends of Windows, or with a mark of UTF-8."""
    left_out: tuple[tuple[int, int], ...] = ()
    """From which character to which it does not run."""
    size: int = 0
    """Bytes of the file."""

    def pieces(self) -> Iterator[str]:
        """Yield the text that runs, on the lines it has in the file.

        Raises UsageError where the file is not the one that was looked at.
        """
        digest = hashlib.sha256()
        yield from _without(_pieces(self.path, digest), self.left_out)
        if digest.hexdigest() != self.checksum:
            raise UsageError(
                f"{self.path} was changed while the run went on; run the same command again",
                reason="FileChanged",
            )


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a whole file found."""

    script: Script
    statements: str
    """Its SQL; of a large file what matters to the schema, on the lines it has there."""
    head: str
    """Its first lines, up to the first that is no comment."""
    alone: bool
    """Whether it asks to run outside of a transaction."""

    @property
    def large(self) -> bool:
        """Whether `statements` is not all of it."""
        return self.script.size > WHOLE


def look(path: Path, format_: Format) -> Look:
    """Look at the file *path*, of which what *format_* says runs.

    Raises UsageError, naming file and line, where it cannot run as a migration.
    """
    try:
        return _look(path, format_)
    except (statements.UnterminatedError, FormatError) as exc:
        raise UsageError(f"{path}: {exc}") from exc


def _look(path: Path, format_: Format) -> Look:
    digest = hashlib.sha256()
    left_out: tuple[tuple[int, int], ...] = ()
    on_mark: Comment | None = None
    if formats.has_marks(format_):
        marked = Marked()
        pieces = _pieces(path, digest)
        trouble = _scan(marked, formats.hidden(pieces, format_, marked), _Kept(whole=False))
        try:
            left_out, on_mark = formats.halves(marked, format_)
        except FormatError:
            if marked.unterminated and trouble:
                raise FormatError(trouble) from None
            raise
        if marked.unterminated:
            raise FormatError(trouble or str(marked.unterminated))
        digest = hashlib.sha256()
    size = path.stat().st_size
    found, kept = Marked(), _Kept(whole=size <= WHOLE)
    pieces = _without(_pieces(path, digest), left_out)
    trouble = _scan(found, kept.reading(pieces), kept)
    if found.unterminated is not None:
        raise FormatError(trouble or str(found.unterminated))
    alone = formats.check_marks(found) or on_mark is not None
    if alone:
        trouble = kept.trouble_alone
    if trouble:
        raise FormatError(trouble)
    if found.first is None:
        raise FormatError("holds no statement; write one or remove the file")
    script = Script(path, digest.hexdigest(), left_out, size)
    return Look(script, kept.text(), kept.head, alone)


def _scan(found: Marked, pieces: Iterator[str], kept: _Kept) -> str:
    """Go through a text once; return what is wrong with its statements, the first thing."""
    trouble = ""
    try:
        for statement in statements.scan(partial(next, pieces, ""), found.note):
            found.pass_(statement)
            kept.add(statement)
            why = refused.trouble_in(statement)
            if why and not (trouble and kept.trouble_alone):
                trouble = trouble or f"line {statement.line}: {why}"
                if not kept.trouble_alone and not refused.is_outside(statement):
                    kept.trouble_alone = f"line {statement.line}: {why}"
    except statements.UnterminatedError as exc:
        found.unterminated = exc  # the rows behind a COPY have quotes of their own
    return trouble


@dataclass(slots=True)
class _Kept:
    """What is held of a text: all of a small one, of a large one what matters to the schema."""

    whole: bool
    head: str = ""
    trouble_alone: str = ""
    """What is wrong with it even outside of a transaction."""
    _parts: list[str] = field(default_factory=list)
    _line: int = 1
    _seen: set[int] = field(default_factory=set)

    def reading(self, pieces: Iterator[str]) -> Iterator[str]:
        """Yield *pieces* as they are, keeping what is wanted of them."""
        for piece in pieces:
            if not self.head:
                self.head = piece[:_PIECE]
            if self.whole:
                self._parts.append(piece)
            yield piece

    def add(self, statement: Statement) -> None:
        """Keep *statement* where one like it was not kept since the schema was changed last."""
        if self.whole:
            return
        if statement.tokens[0].lower() in _ROWS:
            shape = hash(tuple([_shape(token) for token in statement.tokens]))
            if shape in self._seen:
                return
            self._seen.add(shape)
        else:
            self._seen.clear()
        long = len(statement.text) > _LONGEST
        text = " ".join(statement.tokens) if long else statement.text
        self._parts.append("\n" * (statement.line - self._line) + text + ";")
        self._line = statement.line + text.count("\n")

    def text(self) -> str:
        """Return what is kept."""
        return "".join(self._parts)


def _shape(token: str) -> str:
    """Return what of a token matters to the schema: no value."""
    return "'" if token[0] in "'$0123456789" else token


def _pieces(path: Path, digest: hashlib._Hash) -> Iterator[str]:
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} cannot be read: it is a pipe, socket or device, not a file")
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    even = io.IncrementalNewlineDecoder(None, translate=True)
    done = 0
    try:
        with path.open("rb") as file:
            while True:
                raw = file.read(_PIECE)
                if not done and raw.startswith(_UTF16):
                    raise UsageError(
                        f"{path} cannot be read as UTF-8 text: it is UTF-16; save it as UTF-8"
                    )
                text = decoder.decode(raw, final=not raw)
                digest.update(even.decode(text, final=not raw).encode())
                if "\0" in text:
                    raise UsageError(
                        f"{path}: holds a NUL character, which PostgreSQL does not take"
                    )
                done += len(raw)
                if text:
                    yield text
                if not raw:
                    return
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise UsageError(
            f"{path} cannot be read as UTF-8 text: {exc.reason}, byte {exc.object[exc.start]:#04x} in the "
            f"{_PIECE >> 10} KiB behind byte {done}; save it as UTF-8"
        ) from exc


def _without(pieces: Iterator[str], left_out: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Yield *pieces* with empty lines for what is *left_out*."""
    if not left_out:
        yield from pieces
        return
    at = 0
    for piece in pieces:
        end, kept, start = at + len(piece), "", at
        for first, last in left_out:
            if first < end and last > start:
                kept += piece[start - at : max(first, start) - at]
                gone = piece[max(first, start) - at : min(last, end) - at]
                kept += "\n" * gone.count("\n")
                start = min(last, end)
        kept += piece[start - at :]
        at = end
        if kept:
            yield kept
