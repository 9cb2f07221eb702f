"""Pure: the SQL files of other migration tools: how they are marked, and which half of one runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from medusa_migrations.schema.statements import Comment, Statement, UnterminatedError


class Format(StrEnum):
    """Whose files a folder holds, as `--migrations-format` says it."""

    SQL = "sql"
    DBMATE = "dbmate"
    GOOSE = "goose"
    SQL_MIGRATE = "sql-migrate"
    NODE_PG_MIGRATE = "node-pg-migrate"
    GOLANG_MIGRATE = "golang-migrate"
    SQLX = "sqlx"


class FormatError(ValueError):
    """A file is not what its format says; the text is a sentence, with its line where it has one."""


@dataclass(frozen=True, slots=True)
class _Marks:
    up: re.Pattern[str]
    down: re.Pattern[str]
    required: bool = True
    """Whether a file must say where its up half begins."""


def _marks(up: str, down: str, *, required: bool = True) -> _Marks:
    return _Marks(re.compile(up, re.IGNORECASE), re.compile(down, re.IGNORECASE), required)


_MARKED = {
    Format.DBMATE: _marks(r"--\s*migrate:up\b", r"--\s*migrate:down\b"),
    Format.GOOSE: _marks(r"--\s*\+goose\s+up\b", r"--\s*\+goose\s+down\b"),
    Format.SQL_MIGRATE: _marks(r"--\s*\+migrate\s+up\b", r"--\s*\+migrate\s+down\b"),
    Format.NODE_PG_MIGRATE: _marks(
        r"--[\s-]*up\s+migration", r"--[\s-]*down\s+migration", required=False
    ),
}
PAIRS = (Format.GOLANG_MIGRATE, Format.SQLX)
"""Formats with a file for each half."""

_DOWN = {
    "down", "downs", "downgrade", "undo", "rollback", "revert", "reverse", "backward", "backwards", "teardown",
}  # fmt: skip
_UP = {"up", "ups", "upgrade", "forward", "forwards", "do", "apply"}
_BESIDE = {
    "begin", "begins", "below", "block", "change", "changes", "code", "commands", "direction", "goose",
    "here", "jet", "micrate", "migrate", "migration", "migrations", "name", "part", "queries", "query",
    "rambler", "script", "scripts", "section", "sql", "start", "starts", "statement", "statements",
}  # fmt: skip
"""Words that stand beside the direction in a marker; with any other word a comment is prose."""
_TERN = ["create", "above", "drop", "below"]
_LIQUIBASE = re.compile(r"--\s*(liquibase\s+formatted\s+sql|changeset\s+\S+:\S+)", re.IGNORECASE)
_SQITCH = re.compile(r"--\s*(revert|verify)\s+\S+\s+(from|on)\s+pg$", re.IGNORECASE)
NO_TRANSACTION = re.compile(
    r"--[\s+-]*((medusa-db:|goose|micrate|sqlx|atlas:|tern:|up)\s*|migrate(:up)?\s+(up\s+)?)?"
    r"(no[ -]?transaction|transaction(al)?\s*[:=]\s*false|disable-tx|txmode\s+none)\s*-*",
    re.IGNORECASE,
)
"""A comment that asks to run a file outside of a transaction, as the tools of this field spell it."""
_ALL = 1 << 62
_MAY_BE_MARK = re.compile(
    r"(?i)up|down|un|do|back|re|ward|goose|migrat|liquibase|changeset|transaction|tx|below|apply"
)
_INTERPOLATED = re.compile(r"--\s*\+goose\s+envsub\s+on\b", re.IGNORECASE)


@dataclass(slots=True)
class Marked:
    """What one reading of a file finds that tells which part of it runs, and how."""

    comments: list[Comment] = field(default_factory=list)
    """Those that may be marks, of all that are alone on their line."""
    first: Statement | None = None
    end: int = 0
    """Where the last statement ends."""
    hidden: list[tuple[int, str]] = field(default_factory=list)
    """Line and words of every line that is a mark by its words, wherever it stands."""
    unterminated: UnterminatedError | None = None
    """What is opened and never closed."""

    def note(self, comment: Comment) -> None:
        """Take in a comment that begins its line."""
        if _MAY_BE_MARK.search(comment.text):
            self.comments.append(comment)

    def pass_(self, statement: Statement) -> None:
        """Take in the statement that follows."""
        if self.first is None:
            self.first = statement
        self.end = statement.start + len(statement.text)


def has_marks(format_: Format) -> bool:
    """Return whether a file of *format_* has marks where its halves begin."""
    return format_ in _MARKED


def hidden(pieces: Iterable[str], format_: Format, found: Marked) -> Iterator[str]:
    """Yield *pieces* as they are, and note in *found* the lines that are marks by their words."""
    marks, number, rest = _MARKED[format_], 1, ""
    for piece in pieces:
        *lines, rest = (rest + piece).split("\n") if "\n" in piece else (rest + piece,)
        for line in lines:
            _note_hidden(found, marks, number, line)
            number += 1
        yield piece
    _note_hidden(found, marks, number, rest)


def _note_hidden(found: Marked, marks: _Marks, number: int, line: str) -> None:
    words = line.strip()
    if words.startswith("--") and (marks.up.match(words) or marks.down.match(words)):
        found.hidden.append((number, words))


def halves(found: Marked, format_: Format) -> tuple[tuple[tuple[int, int], ...], Comment | None]:
    """Return from where to where a file does not run, and the mark that asks for no transaction.

    Left out are the halves that take a migration back, and the marks. Raises FormatError where the
    file is marked otherwise than *format_* has it.
    """
    marks = _MARKED[format_]
    _refuse_hidden(found)
    parts = [
        (comment, bool(marks.up.match(comment.text)))
        for comment in found.comments
        if marks.up.match(comment.text) or marks.down.match(comment.text)
    ]
    if not any(up for _, up in parts) and (parts or marks.required):
        raise FormatError(f"holds no mark where its up half begins, as a file of {format_} does")
    if not parts:
        return (), None
    if found.first is not None and found.first.start < parts[0][0].start:
        raise FormatError(
            f"line {found.first.line}: this stands before the first mark of {format_} and belongs to "
            "no half; move it behind the mark"
        )
    ends = [comment.start for comment, _ in parts[1:]] + [_ALL]
    left_out = tuple(
        (comment.start, comment.end if up else end)
        for (comment, up), end in zip(parts, ends, strict=True)
    )
    asks = (comment for comment, up in parts if up and NO_TRANSACTION.fullmatch(comment.text))
    return left_out, next(asks, None)


def _refuse_hidden(found: Marked) -> None:
    """Refuse a mark that the tool would see and that is part of a string, a comment or a body."""
    known = {comment.line for comment in found.comments}
    for number, words in found.hidden:
        if number not in known:
            raise FormatError(
                f"line {number}: `{words}` stands in a string, a comment or a function's body; what "
                "belongs to which half is not clear"
            )


def check_marks(found: Marked) -> bool:
    """Return whether a mark asks for no transaction.

    Raises FormatError for marks of what other tools would not run, or would run otherwise.
    """
    node = _MARKED[Format.NODE_PG_MIGRATE]
    alone = False
    ups = any(_direction(one.text) == "up" or node.up.match(one.text) for one in found.comments)
    for comment in found.comments:
        if why := _refused(comment):
            raise FormatError(f"line {comment.line}: `{comment.text}`{why}")
        if NO_TRANSACTION.fullmatch(comment.text):
            if found.first is not None and found.first.start < comment.start:
                raise FormatError(
                    f"line {comment.line}: `{comment.text}` asks for no transaction, and statements stand before "
                    "it; make it the first line of the file"
                )
            alone = True
        if _direction(comment.text) != "down" and not (ups and node.down.match(comment.text)):
            continue
        if found.end <= comment.start:
            continue  # an empty half takes nothing back
        before = found.first is not None and found.first.start < comment.start
        if ups or before or _tool(comment.text):
            raise FormatError(_taken_back(comment.line, comment.text))
    return alone


def _refused(comment: Comment) -> str:
    """Return why a file with *comment* does not run here, whatever else is in it."""
    if _LIQUIBASE.match(comment.text):
        return (
            " is Liquibase's, whose changesets have conditions that are not read here; run the file "
            "with Liquibase, or take its marks out"
        )
    if _INTERPOLATED.match(comment.text):
        return ": variables are not put in here; write their values"
    if _SQITCH.match(comment.text):
        return (
            " is the head of a script of Sqitch that takes a change back or verifies one; only the "
            "deploy scripts' SQL goes forward"
        )
    return ""


def _direction(comment: str) -> str:
    """Return `up` or `down` where a comment is a mark and nothing else."""
    for format_, marks in _MARKED.items():
        if format_ is not Format.NODE_PG_MIGRATE:  # whose marks may be prose
            if marks.up.match(comment):
                return "up"
            if marks.down.match(comment):
                return "down"
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", comment).lower()
    words = re.findall(r"[^\W\d_]+", re.sub(r"roll\W+back", "rollback", apart))
    if words == _TERN:
        return "down"
    for direction, named in (("down", _DOWN), ("up", _UP)):
        if named & set(words) and set(words) <= named | _BESIDE:
            return direction
    return ""


def _tool(comment: str) -> Format | None:
    """Return the tool whose mark a comment is, where that is clear and we read its files."""
    for format_, marks in _MARKED.items():
        if marks.up.match(comment) or marks.down.match(comment):
            return format_
    return None


def _taken_back(line: int, comment: str) -> str:
    tool = _tool(comment)
    advice = (
        f"line {line}: `{comment}` begins what takes the migration back, and here all of a file "
        "runs; take that part out"
    )
    return f"{advice}, or read its up half with --migrations-format {tool}" if tool else advice
