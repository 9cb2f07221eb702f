"""Writes a tree to a folder, so that it is whole or cannot be started."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_db.portable.image import INTERPRETER, PROGRAM
from medusa_migrations.contract.errors import FailedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = ".medusa-db"
"""A file that marks a folder as one of a tree, whole or not."""
_OF_FILE_SYSTEMS = {"lost+found"}
_LONGEST = 100
"""Bytes of a folder's name: the kernel reads 127 of the first line of a program."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Written:
    """What is in the folder now."""

    files: int
    size: int
    """Bytes of all files."""
    changed: bool
    """Whether anything had to be written."""


def require_name(folder: str) -> str:
    """Return *folder* without what it does not need; raise UsageError where no tree can be started in it."""
    if not folder.startswith("/") or ".." in folder.split("/"):
        raise UsageError(
            f"install {folder}: name the folder absolutely, as the shop's container has it, such as /medusa-db: "
            "the programs in it are started by this name"
        )
    if not re.fullmatch(r"[!-~]+", folder):
        raise UsageError(
            f"install {folder!r}: a program cannot be started in a folder whose name has a space or another "
            "character than those of ASCII; name one such as /medusa-db"
        )
    plain = "/" + "/".join(part for part in folder.split("/") if part not in {"", "."})
    if len(plain) > _LONGEST:
        raise UsageError(
            f"install: the folder's name has {len(plain)} characters, and a program is started by at most {_LONGEST}; "
            "name one such as /medusa-db"
        )
    return plain


def write(folder: str, files: Mapping[str, Path | bytes]) -> Written:
    """Have *files*, and no others, in *folder*, which is made where it does not exist.

    What is present already and the same stays as it is, so that a second call writes nothing. The program comes last: where
    we are interrupted there is none. Raises UsageError where the folder is not for us or cannot be written to.
    """
    root = Path(folder)
    try:
        with _alone(root):
            _require_own(root)
            try:
                changed = _synchronize(root, files)
            except OSError as exc:
                if exc.errno in _FULL:
                    _empty(root)
                raise
    except OSError as exc:
        raise UsageError(f"install {folder}: {_why(exc, files)}") from exc
    return Written(len(files), sum(map(_size, files.values())), changed)


def try_out(folder: str) -> None:
    """Start the program in *folder* once; raise where it does not start.

    UsageError: the file system allows no programs.
    """
    program = f"{folder}/{PROGRAM}"
    try:
        done = subprocess.run(  # noqa: S603  written a moment ago
            [program, "versions"], env={}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except PermissionError as exc:
        raise UsageError(
            f"install {folder}: programs in it are not allowed to start ({exc.strerror}): it is mounted noexec, or a "
            "policy forbids that; copy the tree into the shop's image instead"
        ) from exc
    except OSError as exc:
        raise FailedError(
            f"{program} was installed and does not start: {exc.strerror}", reason="NotStarted"
        ) from exc
    if done.returncode:
        raise FailedError(
            f"{program} was installed and does not start: it ended with {done.returncode}",
            reason="NotStarted",
            detail=done.stderr.strip(),
        )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Make the folder, and let nobody else write to it meanwhile."""
    _make(root)
    opened = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _require_own(root: Path) -> None:
    found = sorted({path.name for path in root.iterdir()} - _OF_FILE_SYSTEMS)
    if found and MARK not in found:
        named = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise UsageError(
            f"install {root}: the folder holds other files ({named}); name one that is empty or does not exist, or "
            "that install has filled"
        )


def _synchronize(root: Path, files: Mapping[str, Path | bytes]) -> bool:
    """Write what differs; return whether anything did."""
    others = _others(root, files)
    stale = [name for name, content in files.items() if not _is(root / name, name, content)]
    if not (others or stale or not (root / MARK).exists()):
        return False
    (root / PROGRAM).unlink(missing_ok=True)
    _write(root / MARK, MARK, b"")
    for path in others:
        _remove(path)
    for name in stale:
        if name != PROGRAM:
            _write(root / name, name, files[name])
    part = root / f"{PROGRAM}.part"
    _write(part, PROGRAM, files[PROGRAM])
    part.rename(root / PROGRAM)
    return True


def _others(root: Path, files: Mapping[str, Path | bytes]) -> list[Path]:
    """Return what is in the folder and no part of the tree: of another version, or of a half one."""
    folders = {str(parent) for name in files for parent in Path(name).parents}
    found = []
    for above, inside, names in os.walk(root):
        here = Path(above).relative_to(root)
        for name in [*inside, *names]:
            path = here / name
            if str(path) in {MARK, *_OF_FILE_SYSTEMS}:
                continue
            real = root / path
            kept = str(path) in folders if real.is_dir() else str(path) in files
            if not kept or real.is_symlink():
                found.append(real)
        inside[:] = [name for name in inside if str(here / name) in folders]
    return found


def _is(path: Path, name: str, content: Path | bytes) -> bool:
    """Whether a file is as it is to be."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != _mode(name):
            return False
        return found.st_size == _size(content) and path.read_bytes() == _bytes(content)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _write(path: Path, name: str, content: Path | bytes) -> None:
    _make(path.parent)
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        file.write(_bytes(content))
        os.fchmod(file.fileno(), _mode(name))


def _make(folder: Path) -> None:
    """Make a folder and those above it, for everybody whatever the umask is."""
    for path in (*reversed(folder.parents), folder):
        if not path.is_dir():
            path.mkdir()
            path.chmod(0o755)


def _mode(name: str) -> int:
    programs = name in {PROGRAM, INTERPRETER} or name.startswith("lib/ld-")
    return 0o755 if programs else 0o644


def _bytes(content: Path | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _empty(root: Path) -> None:
    """Take away what was written, so that it does not fill what others write to."""
    for path in root.iterdir():
        if path.name not in _OF_FILE_SYSTEMS:
            with suppress(OSError):
                _remove(path)


def _why(exc: OSError, files: Mapping[str, Path | bytes]) -> str:
    match exc.errno:
        case code if code in _FULL:
            size = sum(map(_size, files.values()))
            return (
                f"the volume is full: the tree has {len(files)} files and {size / 1e6:.0f} MB; give it room for "
                "them (emptyDir: sizeLimit 200Mi)"
            )
        case errno.EROFS:
            return "it cannot be written to: it is mounted read-only; mount it without readOnly where install runs"
        case errno.EACCES | errno.EPERM:
            return (
                f"user {os.geteuid()} may not write there ({exc.filename}); name a folder that it may write to, such "
                "as an emptyDir that is mounted there"
            )
        case errno.ENOTDIR | errno.EEXIST:
            return f"{exc.filename} is a file, and no folder; name another one"
        case _:
            return f"it cannot be written to: {exc.filename}: {exc.strerror}"
