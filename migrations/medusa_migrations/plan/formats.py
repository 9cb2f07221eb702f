"""Pure: the SQL files of other migration tools: how they are marked, and which half of one runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from medusa_migrations.schema import statements


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
    "down", "downs", "downgrade", "undo", "rollback", "revert", "backward", "backwards",
}  # fmt: skip
_UP = {"up", "ups", "upgrade", "forward", "forwards", "do", "apply"}
_BESIDE = {
    "begin", "begins", "below", "block", "change", "changes", "code", "commands", "direction", "goose",
    "here", "jet", "micrate", "migrate", "migration", "migrations", "part", "queries", "query",
    "rambler", "script", "scripts", "section", "sql", "start", "starts", "statement", "statements",
}  # fmt: skip
"""Words that stand beside the direction in a marker; with any other word a comment is prose."""
_LINE = re.compile(r"[^\n\r]*")
_TERN = ["create", "above", "drop", "below"]
_LIQUIBASE = re.compile(r"--\s*(liquibase\s+formatted\s+sql|changeset\s+\S+:\S+)", re.IGNORECASE)
_SQITCH = re.compile(r"--\s*(revert|verify)\s+\S+\s+(from|on)\s+pg$", re.IGNORECASE)
_NO_TRANSACTION = re.compile(
    r"--[\s+-]*((goose|micrate|sqlx|atlas:|tern:|up)\s*|migrate(:up)?\s+(up\s+)?)?"
    r"(no[ -]?transaction|transaction(al)?\s*[:=]\s*false|disable-tx|txmode\s+none)\s*-*",
    re.IGNORECASE,
)
_INTERPOLATED = re.compile(r"--\s*\+goose\s+envsub\s+on\b", re.IGNORECASE)


def up_half(text: str, format_: Format) -> str:
    """Return what of *text* runs, on the lines it has there.

    Raises FormatError where the file is marked otherwise than *format_* has it, or asks for what is
    not done here; UnterminatedError.
    """
    marks = _MARKED.get(format_)
    if marks is not None:
        text = _cut(text, format_, marks)
    _refuse_marks(text)
    return text


def _cut(text: str, format_: Format, marks: _Marks) -> str:
    """Return *text* with empty lines for the halves that take a migration back."""
    found = statements.comments(text)
    _refuse_hidden(text, marks, {comment.line for comment in found})
    parts = [
        (comment, bool(marks.up.match(comment.text)))
        for comment in found
        if marks.up.match(comment.text) or marks.down.match(comment.text)
    ]
    if not any(up for _, up in parts) and (parts or marks.required):
        raise FormatError(f"holds no mark where its up half begins, as a file of {format_} does")
    if not parts:
        return text
    before = statements.split(text[: parts[0][0].start])
    if before:
        raise FormatError(
            f"line {before[0].line}: this stands before the first mark of {format_} and belongs to "
            "no half; move it behind the mark"
        )
    ends = [comment.start for comment, _ in parts[1:]] + [len(text)]
    kept = text[: parts[0][0].start]
    for (comment, up), end in zip(parts, ends, strict=True):
        half = text[comment.start : end]
        # the mark itself goes too, so that it is not found again
        line = _LINE.match(half)
        assert line is not None  # noqa: S101  it matches everything
        rest = half[line.end() :]
        kept += rest if up else "\n" * rest.count("\n")
        if up and (refused := _NO_TRANSACTION.fullmatch(line.group().strip())):
            raise FormatError(_alone(comment.line, refused.group()))
    return kept


def _refuse_hidden(text: str, marks: _Marks, known: set[int]) -> None:
    """Refuse a mark that the tool would see and that is part of a string, a comment or a body."""
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.strip()
        if number not in known and (marks.up.match(words) or marks.down.match(words)):
            raise FormatError(
                f"line {number}: `{words}` stands in a string, a comment or a function's body; what "
                "belongs to which half is not clear"
            )


def _refuse_marks(text: str) -> None:
    """Refuse what other tools would not run, or would run otherwise."""
    found = statements.comments(text)
    node = _MARKED[Format.NODE_PG_MIGRATE]
    ups = [each for each in found if _direction(each.text) == "up" or node.up.match(each.text)]
    for comment in found:
        if _LIQUIBASE.match(comment.text):
            raise FormatError(
                f"line {comment.line}: `{comment.text}` is Liquibase's, whose changesets have "
                "conditions that are not read here; run the file with Liquibase, or take its marks "
                "out"
            )
        if _NO_TRANSACTION.fullmatch(comment.text):
            raise FormatError(_alone(comment.line, comment.text))
        if _INTERPOLATED.match(comment.text):
            raise FormatError(
                f"line {comment.line}: `{comment.text}`: variables are not put in here; write their "
                "values"
            )
        if _SQITCH.match(comment.text):
            raise FormatError(
                f"line {comment.line}: `{comment.text}` is the head of a script of Sqitch that takes a "
                "change back or verifies one; only the deploy scripts' SQL goes forward"
            )
        if _direction(comment.text) != "down" and not (ups and node.down.match(comment.text)):
            continue
        part = text[comment.start :]
        if not statements.split(part):
            continue  # an empty half takes nothing back
        if ups or statements.split(text[: comment.start]) or _tool(comment.text):
            raise FormatError(_taken_back(comment.line, comment.text))


def _direction(comment: str) -> str:
    """Return `up` or `down` where a comment is a mark and nothing else."""
    for format_, marks in _MARKED.items():
        if format_ is not Format.NODE_PG_MIGRATE:  # whose marks may be prose
            if marks.up.match(comment):
                return "up"
            if marks.down.match(comment):
                return "down"
    words = re.findall(r"[^\W\d_]+", comment.lower().replace("roll back", "rollback"))
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
    said = (
        f"line {line}: `{comment}` begins what takes the migration back, and here all of a file "
        "runs; take that part out"
    )
    return f"{said}, or read its up half with --migrations-format {tool}" if tool else said


def _alone(line: int, comment: str) -> str:
    return (
        f"line {line}: `{comment}` asks for no transaction, and here every migration is one; take "
        "the line out if its statements can run in one, else run them by themselves with psql"
    )
