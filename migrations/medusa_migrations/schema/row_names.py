"""Pure: which names stand in SQL, and which of them in statements that read or write rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medusa_migrations.schema import statements
from medusa_migrations.schema.affected import affected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from medusa_migrations.schema.statements import Statement

_ROWS = frozenset({
    "insert", "update", "delete", "merge", "with", "select", "values", "table", "copy", "do", "call",
    "execute", "explain", "declare", "(",
})  # fmt: skip
_BEFORE_NAMES = frozenset({
    "table", "exists", "on", "from", "join", "into", "update", "references", "index", "type", "using", "only",
    "sequence", "view", "::", "delete", "as",
})  # fmt: skip
_PROVES = re.compile(r"^alter table\b(?!.*\bnot valid\b).*\b(?:references\b|validate constraint\b)")
_NAME = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')
_OPENING = re.compile(
    r"(?is)^\s*(?:<<\w+>>|begin|then|else|loop|declare|exception\s+when\s+\w+\s+then)\b"
)
_NO_ROWS = re.compile(r"(?i)\s*(?:alter|create|drop|comment|grant|revoke|truncate|lock|set)\b")


def named(texts: Iterable[str]) -> frozenset[str]:
    """Return every name in those statements of *texts* that read or write rows; more than tables.

    Statements that only change the schema see no rows, so that what they name is left out; but for a
    foreign key on a table that exists, which PostgreSQL proves by a query on both tables. The body of
    a `do` block is taken apart at its semicolons; what a function does, is not seen.
    """
    return frozenset(
        name for text in texts for one in statements.split(text) for name in _names(one)
    )


def of_objects(texts: Iterable[str]) -> frozenset[str]:
    """Return the names in *texts* that stand where a table, an index, a sequence or a type is named.

    For SQL of the catalog, which names one table behind a `from`.
    """
    return frozenset(
        statements.unquoted(token)
        for text in texts
        for one in statements.split(text)
        for before, token in zip(one.tokens, one.tokens[1:], strict=False)
        if _is_name(token) and (before.lower() in _BEFORE_NAMES or before.startswith('"'))
    )


def _names(statement: Statement) -> Iterator[str]:
    tokens = statement.tokens
    words = [token.lower() for token in tokens]
    kind = words[0]
    if kind == "do":
        for token in tokens:
            if token.startswith(("$", "'")):
                yield from _of_block(token)
    elif kind in _ROWS or (kind == "create" and "as" in words and _is_table(words)):
        yield from _plain(tokens)
    elif kind == "alter" and _PROVES.search(" ".join(words)):
        found = affected([statement.text])
        yield from found.altered | found.referenced


def _plain(tokens: tuple[str, ...]) -> Iterator[str]:
    for token in tokens:
        if _is_name(token):
            yield statements.unquoted(token)


def _is_name(token: str) -> bool:
    return token.startswith('"') or token[0].isalpha() or token[0] == "_"


def _is_table(words: list[str]) -> bool:
    return bool({"table", "materialized"} & set(words[1:4]))


def _of_block(body: str) -> Iterator[str]:
    """Yield the names in the statements of a block that see rows."""
    for piece in re.sub(r"--[^\n]*", "", body.strip("$'")).split(";"):
        rest = piece
        while opened := _OPENING.match(rest):
            rest = rest[opened.end() :]
        if not _NO_ROWS.match(rest) or _PROVES.match(rest.strip().lower()):
            for quoted, plain in _NAME.findall(rest):
                yield quoted.replace('""', '"') or plain.lower()
