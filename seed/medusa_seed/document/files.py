"""Finds and opens the files of a seed document, and reads their pieces, as often as asked."""

from __future__ import annotations

import hashlib
import os
import re
import select
import stat
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from medusa_migrations.contract.errors import FailedError, UsageError
from medusa_seed.document import json_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGEST = 512 << 20
"""Bytes of a document; what is kept of each product to find duplicates has to fit into memory."""
_IN_MEMORY = 32 << 20
"""Bytes of a pipe that are kept in memory; more goes to a temporary file."""
_PATIENCE = 5.0
"""Seconds without a byte after which a notice is logged that a document is waited for."""
_SUFFIXES = (".json", ".yaml", ".yml")
_YAML = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Piece:
    """One value below a key of the document: an item of a list, or the whole."""

    file: str
    """The file it is from; empty where the document is one file."""
    key: str
    index: int | None
    """The place in its list; -1 for a list that is empty, None for what is no list."""
    value: Any


@dataclass(slots=True)
class Source:
    """A document whose files are open."""

    name: str
    """How messages call it."""
    files: tuple[tuple[str, IO[bytes]], ...]
    checksum: str = ""
    """`sha256:` and the digest of its files, one behind the other; known once it was read."""

    def pieces(self) -> Iterator[Piece]:
        """Yield every piece, in the order of the files.

        Raises UsageError where a file cannot be read as a document, and FailedError where its
        content is not the one that was read before.
        """
        digest = hashlib.sha256()
        for name, file in self.files:
            shown = name if len(self.files) > 1 else ""
            for key, index, value in _read(name, file, digest):
                yield Piece(shown, key, index, value)
        checksum = f"sha256:{digest.hexdigest()}"
        if self.checksum and checksum != self.checksum:
            raise FailedError(
                f"{self.name} was changed while it was read; nothing was seeded, run it again",
                reason="DocumentChanged",
            )
        self.checksum = checksum


@dataclass(frozen=True, slots=True)
class Patience:
    """How a document is waited for that comes through a pipe."""

    say: Callable[[str], object] = str
    """Takes a sentence for a person."""
    seconds: float = 0.0
    """How long it may take until all of it has come; 0: as long as it likes."""


@contextmanager
def opened(path: str, waiting: Patience = Patience()) -> Iterator[Source]:
    """Open the document at *path* for the duration of a `with`.

    A file, `-` for stdin, or a folder, whose .json, .yaml and .yml files are merged in the order of
    their names. Raises UsageError where there is none, or it is too large, or does not come.
    """
    if path.lower().startswith(("http://", "https://", "s3://", "ftp://", "file://")):
        raise UsageError(
            f"{path.partition(':')[0]} addresses are not read; give a file, or pipe the document in: "
            "curl -fsS ADDRESS | medusa-db seed -f -",
            reason="NoDocument",
        )
    with ExitStack() as stack:
        if path == "-":
            files = [("stdin", stack.enter_context(_spooled(_stdin(), "stdin", waiting)))]
        else:
            files = [
                (name, stack.enter_context(_open(one, waiting))) for name, one in _found(Path(path))
            ]
        _bound(path, [file for _, file in files])
        yield Source("stdin" if path == "-" else path, tuple(files))


def _stdin() -> IO[bytes]:
    if sys.stdin is None or sys.stdin.closed:  # a program may be started without one
        raise UsageError("stdin is closed, so no document can come from it", reason="NoDocument")
    return sys.stdin.buffer


def _found(path: Path) -> list[tuple[str, Path]]:
    if not path.is_dir():
        return [(str(path), path)]
    with _readable(str(path)):
        found = sorted(
            one
            for one in path.iterdir()
            if one.suffix.lower() in _SUFFIXES and not one.name.startswith(".")
        )
    for one in found:
        if not one.is_file():
            raise UsageError(
                f"{one} is {'a folder' if one.is_dir() else 'no file'}, and would be a part of the document by "
                "its name; take it out of the folder, or name it otherwise",
                reason="NoDocument",
            )
    if not found:
        raise UsageError(
            f"the folder {path} holds no .json, .yaml or .yml file to seed from",
            reason="NoDocument",
        )
    return [(one.name, one) for one in found]


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Tell in a sentence what goes wrong while *name* is read."""
    try:
        yield
    except OSError as exc:
        raise UsageError(
            f"the seed document {name} cannot be read: {exc.strerror}", reason="NoDocument"
        ) from None


@contextmanager
def _open(path: Path, waiting: Patience) -> Iterator[IO[bytes]]:
    try:
        # a named pipe that nobody writes to is opened at once, and waited for with a notice
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except FileNotFoundError:
        raise UsageError(
            f"there is no seed document {path}; name a file, a folder or - with -f",
            reason="NoDocument",
        ) from None
    except OSError as exc:
        raise UsageError(
            f"the seed document {path} cannot be read: {exc.strerror}", reason="NoDocument"
        ) from None
    with file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISREG(mode):
            yield file
        elif stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            raise UsageError(f"{path} is neither a file nor a pipe", reason="NoDocument")
        else:  # a pipe, as a shell's <(...) makes it
            with _spooled(file, str(path), waiting) as spooled:
                yield spooled


@contextmanager
def _spooled(stream: IO[bytes], name: str, waiting: Patience) -> Iterator[IO[bytes]]:
    """Copy what can be read only once to where it can be read again."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
        size = 0
        for raw in _coming(stream, name, waiting):
            size += len(raw)
            if size > LARGEST:
                raise _too_large(name)
            try:
                copy.write(raw)
            except OSError as exc:  # it does not fit into memory, and goes to a file from here on
                raise UsageError(
                    f"{name} is larger than {_IN_MEMORY >> 20} MB, and no temporary file can be written: "
                    f"{exc.strerror}. Give it as a file, or name a folder in TMPDIR",
                    reason="NoDocument",
                ) from None
        yield copy


def _coming(stream: IO[bytes], name: str, waiting: Patience) -> Iterator[bytes]:
    """Yield what comes through a pipe, saying so when nothing does."""
    place = stream.fileno()
    began = time.monotonic()
    pause, announced = _PATIENCE, False
    while True:
        if waiting.seconds:
            left = began + waiting.seconds - time.monotonic()
            if left <= 0:
                raise UsageError(
                    f"{name} did not end within {waiting.seconds:g} s (--run-timeout), so the document was not "
                    "read; nothing was changed",
                    reason="NoDocument",
                )
            pause = min(pause, left)
        if not select.select([place], [], [], pause)[0]:
            if not announced and time.monotonic() - began >= _PATIENCE:
                announced = True
                waiting.say(f"waiting for the document from {name}")
            continue
        try:
            raw = os.read(place, json_stream.PIECE)
        except BlockingIOError:
            continue
        except OSError as exc:
            raise UsageError(
                f"{name} cannot be read: {exc.strerror}", reason="NoDocument"
            ) from None
        if not raw:
            return
        yield raw


def _bound(name: str, files: list[IO[bytes]]) -> None:
    with _readable(name):
        size = sum(file.seek(0, 2) for file in files)
    if size > LARGEST:
        raise _too_large(name)


def _too_large(name: str) -> UsageError:
    return UsageError(
        f"{name} is larger than {LARGEST >> 20} MB, which is as much as a document may have; "
        "cut its products into several documents and seed one after the other",
        reason="DocumentTooLarge",
    )


_PACKED = "a {} file; unpack it first: {} | medusa-db seed -f -"
_OTHERS = (
    (b"\x00\x00\xfe\xff", "UTF-32; save it as UTF-8"),
    (b"\xff\xfe\x00\x00", "UTF-32; save it as UTF-8"),
    (b"\xff\xfe", "UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16; save it as UTF-8"),
    (b"\x1f\x8b", _PACKED.format("gzip", "gunzip -c FILE")),
    (b"BZh", _PACKED.format("bzip2", "bunzip2 -c FILE")),
    (b"\xfd7zXZ\x00", _PACKED.format("xz", "xz -dc FILE")),
    (b"\x28\xb5\x2f\xfd", _PACKED.format("zstd", "zstd -dc FILE")),
    (
        b"PK\x03\x04",
        "a zip file, or a spreadsheet (xlsx, ods), which is one; a seed document is JSON or YAML",
    ),
    (b"PK\x05\x06", "an empty zip file; a seed document is JSON or YAML"),
    (b"\xd0\xcf\x11\xe0", "a file of Microsoft Office (xls, doc); a seed document is JSON or YAML"),
    (b"%PDF", "a PDF; a seed document is JSON or YAML"),
    (b"SQLite format 3", "an SQLite database; a seed document is JSON or YAML"),
    (b"PGDMP", "a dump of PostgreSQL; restore it with pg_restore"),
)
"""How files begin that are something else, and what."""
_TAR = re.compile(rb".{257}ustar", re.DOTALL)


def _read(name: str, file: IO[bytes], digest: Any) -> Iterator[tuple[str, int | None, Any]]:
    with _readable(name):
        file.seek(0)
        head = file.read(512)
        file.seek(0)
    for begin, what in _OTHERS:
        if head.startswith(begin):
            raise UsageError(f"{name} is {what}", reason="InvalidDocument")
    if _TAR.match(head):
        raise UsageError(f"{name} is a tar archive; unpack it first", reason="InvalidDocument")
    if head.lstrip()[:1] == b"<":
        raise UsageError(
            f"{name} is HTML or XML; a seed document is JSON or YAML", reason="InvalidDocument"
        )

    def read(amount: int) -> bytes:
        with _readable(name):
            raw = file.read(amount)
        digest.update(raw)
        return raw

    if head[:3] == b"\xef\xbb\xbf":
        read(3)
    if _is_yaml(name, file):
        yield from _yaml_pieces(name, file, read)
    else:
        yield from json_stream.pieces(read, name)


def _is_yaml(name: str, file: IO[bytes]) -> bool:
    suffix = Path(name).suffix.lower()
    if suffix in _SUFFIXES:
        return suffix in _YAML
    here = file.tell()
    head = file.read(json_stream.PIECE).lstrip()
    file.seek(here)
    return bool(head) and head[:1] not in b"{["


def _yaml_pieces(name: str, file: IO[bytes], read: Any) -> Iterator[tuple[str, int | None, Any]]:
    from medusa_seed.document import yaml_text  # noqa: PLC0415  most documents are JSON

    here = file.tell()
    if file.seek(0, 2) > yaml_text.LONGEST:
        raise UsageError(
            f"{name} is larger than {yaml_text.LONGEST >> 20} MB, which is as much as YAML may have; "
            "write it as JSON, which is read piece by piece",
            reason="DocumentTooLarge",
        )
    file.seek(here)
    found = yaml_text.load(read(yaml_text.LONGEST), name)
    if not isinstance(found, dict):
        raise UsageError(
            f"{name} is not a seed document: an object with keys such as products belongs there",
            reason="InvalidDocument",
        )
    for key, value in found.items():
        if not isinstance(value, list):
            yield str(key), None, value
        elif not value:
            yield str(key), -1, None
        else:
            for index, item in enumerate(value):
                yield str(key), index, item
