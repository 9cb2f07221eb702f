"""Finds and opens the files of a seed document, and reads their pieces, as often as asked."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from medusa_migrations.contract.errors import FailedError, UsageError
from medusa_seed.document import json_stream

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 512 << 20
"""Bytes of a document; what is kept of each product to find duplicates has to fit into memory."""
_IN_MEMORY = 32 << 20
"""Bytes of a pipe that are kept in memory; more goes to a temporary file."""
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
            file.seek(0)
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


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """Open the document at *path* for the duration of a `with`.

    A file, `-` for stdin, or a folder, whose .json, .yaml and .yml files are merged in the order of
    their names. Raises UsageError where there is none, or it is too large.
    """
    with ExitStack() as stack:
        if path == "-":
            files = [("stdin", stack.enter_context(_spooled(sys.stdin.buffer, "stdin")))]
        else:
            files = [(name, stack.enter_context(_open(one))) for name, one in _found(Path(path))]
        _bound(path, [file for _, file in files])
        yield Source("stdin" if path == "-" else path, tuple(files))


def _found(path: Path) -> list[tuple[str, Path]]:
    if not path.is_dir():
        return [(str(path), path)]
    found = sorted(
        one
        for one in path.iterdir()
        if one.suffix.lower() in _SUFFIXES and not one.name.startswith(".") and one.is_file()
    )
    if not found:
        raise UsageError(
            f"the folder {path} holds no .json, .yaml or .yml file to seed from",
            reason="NoDocument",
        )
    return [(one.name, one) for one in found]


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    try:
        file = path.open("rb")
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
        if path.is_file():
            yield file
        else:  # a pipe, as a shell's <(...) makes it
            with _spooled(file, str(path)) as spooled:
                yield spooled


@contextmanager
def _spooled(stream: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """Copy what can be read only once to where it can be read again."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
        size = 0
        while raw := stream.read(json_stream.PIECE):
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


def _bound(name: str, files: list[IO[bytes]]) -> None:
    if sum(file.seek(0, 2) for file in files) > LARGEST:
        raise _too_large(name)


def _too_large(name: str) -> UsageError:
    return UsageError(
        f"{name} is larger than {LARGEST >> 20} MB, which is as much as a document may have; "
        "cut its products into several documents and seed one after the other",
        reason="DocumentTooLarge",
    )


def _read(name: str, file: IO[bytes], digest: Any) -> Iterator[tuple[str, int | None, Any]]:
    head = file.read(4)
    file.seek(0)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UsageError(f"{name} is UTF-16; save it as UTF-8", reason="InvalidDocument")

    def read(amount: int) -> bytes:
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
