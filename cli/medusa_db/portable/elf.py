"""Pure: the names by which a program finds its loader and its libraries."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = "$ORIGIN/../lib"
"""Where a program in `bin` looks for its libraries."""

_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_DYNAMIC_ENTRY = struct.Struct("<QQ")
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_END, _STRINGS, _RPATH, _RUNPATH = 0, 5, 15, 29


class _Segment(NamedTuple):
    at: int
    """Where its header is in the file."""
    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    size: int
    memory: int
    alignment: int


def relocated(program: bytes, loader: str) -> bytes:
    """Return *program* with another dynamic loader, and `LIBRARIES` as its DT_RPATH.

    The loader's name is put behind the end of the file, where the kernel reads it; its old name is in memory when
    the program runs, and makes room for the path. DT_RPATH, unlike DT_RUNPATH, comes before LD_LIBRARY_PATH and holds for the
    libraries of libraries too. Raises ValueError for what is no 64-bit program that loads libraries.
    """
    if program[:6] != b"\x7fELF\x02\x01":
        raise ValueError("it is no 64-bit little-endian ELF file")
    segments = {segment.kind: segment for segment in _segments(program)}
    if _INTERPRETER not in segments or _DYNAMIC not in segments:
        raise ValueError("it loads no libraries")
    interpreter = segments[_INTERPRETER]
    path = LIBRARIES.encode() + b"\0"
    if interpreter.size < len(path):
        raise ValueError(f"its loader's name leaves no room for {LIBRARIES}")
    changed = bytearray(program)
    changed[interpreter.offset : interpreter.offset + interpreter.size] = path.ljust(
        interpreter.size, b"\0"
    )
    _set_rpath(changed, segments[_DYNAMIC], interpreter.address)
    name = loader.encode() + b"\0"
    moved = interpreter._replace(offset=len(changed), size=len(name))
    _PROGRAM_HEADER.pack_into(changed, moved.at, *moved[1:])
    return bytes(changed) + name


def _segments(program: bytes) -> Iterator[_Segment]:
    (start,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    for number in range(count):
        at = start + size * number
        yield _Segment(at, *_PROGRAM_HEADER.unpack_from(program, at))


def _set_rpath(changed: bytearray, dynamic: _Segment, address: int) -> None:
    """Have the string at *address* as the one DT_RPATH: in the place of one, else in a spare entry."""
    entries = {}
    for at in range(dynamic.offset, dynamic.offset + dynamic.size, _DYNAMIC_ENTRY.size):
        tag, value = _DYNAMIC_ENTRY.unpack_from(changed, at)
        if tag == _END:
            break
        entries[tag] = at, value
    else:
        raise ValueError("its table of libraries has no end")
    place = entries.get(_RUNPATH, entries.get(_RPATH, (at, 0)))[0]
    if place == at and at + 2 * _DYNAMIC_ENTRY.size > dynamic.offset + dynamic.size:
        raise ValueError("its table of libraries has no spare entry")
    _, strings = entries[_STRINGS]
    # relative to the table of strings, and before it: addresses wrap around
    _DYNAMIC_ENTRY.pack_into(changed, place, _RPATH, (address - strings) % 2**64)
