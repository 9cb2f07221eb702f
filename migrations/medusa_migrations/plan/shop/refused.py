"""Pure: what must not stand in the SQL of a shop's own migration, and what to do instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medusa_migrations.schema.statements import Statement


def trouble_in(statement: Statement) -> str:
    """Return why *statement* cannot run as a part of a migration, which is a transaction; or nothing."""
    plain = not statement.variables and "{" not in statement.tokens
    if plain and statement.tokens[0].lower() in _HARMLESS:
        return ""
    return _foreign(statement) or _transaction(statement) or _outside(statement)


_HARMLESS = ("insert", "update", "delete", "select", "values")
"""How statements begin that are never trouble; most of a large file are such."""


def _foreign(statement: Statement) -> str:
    """Return what is wrong with what no PostgreSQL takes: a template's, psql's, another dialect's."""
    if "{" in statement.tokens:
        return "`{` is no part of SQL; write the value that a template or a tool would put in there"
    return _psql(statement) or _unknown(statement)


def _psql(statement: Statement) -> str:
    """Return what is wrong with what only psql understands."""
    first, words = statement.tokens[0], [token.lower() for token in statement.tokens]
    if first.startswith("\\"):
        command = first.split()[0]
        if command in ("\\restrict", "\\unrestrict"):
            return (
                f"`{command}` is written by pg_dump for psql; take the lines with a backslash out, "
                "and dump with --inserts"
            )
        return (
            f"`{command}` is a command of psql, not SQL; write what it does as SQL, or run the "
            "file with psql"
        )
    if words[0] == "copy" and {"stdin", "stdout"} & set(words[1:]):
        return (
            "`copy` from or to the client needs psql; write `insert` statements, as "
            "`pg_dump --inserts` does"
        )
    if statement.variables:
        return (
            f"`{statement.variables[0]}` is a variable of psql; write its value, or cast with two "
            "colons where that was meant"
        )
    return ""


_COMMANDS = frozenset({
    "abort", "alter", "analyse", "analyze", "begin", "call", "checkpoint", "close", "cluster", "comment", "commit",
    "copy", "create", "deallocate", "declare", "delete", "discard", "do", "drop", "end", "execute", "explain", "fetch",
    "grant", "import", "insert", "listen", "load", "lock", "merge", "move", "notify", "prepare", "reassign", "refresh",
    "reindex", "release", "repack", "reset", "revoke", "rollback", "savepoint", "security", "select", "set", "show",
    "start", "table", "truncate", "unlisten", "update", "vacuum", "values", "wait", "with", "(",
})  # fmt: skip
"""How the statements of PostgreSQL 12 to 19 begin (its manual, part VI, SQL Commands)."""


def _unknown(statement: Statement) -> str:
    """Return what is wrong with what begins as no statement does: another dialect's, a template's, a merge's."""
    first = statement.tokens[0]
    if first.lower() in _COMMANDS:
        return ""
    begins = " ".join(statement.text.split("\n", 1)[0].split())
    shown = begins if len(begins) <= 40 else begins[:37] + "..."
    comment = "; a comment begins with --" if first.startswith("#") else ""
    return f"`{shown}` begins no statement of PostgreSQL{comment}"


def controls_transaction(statement: Statement) -> bool:
    """Return whether *statement* begins or ends a transaction (savepoints do not)."""
    match statement.words:
        case ("rollback", "to", *_) | ("rollback", "transaction" | "work", "to"):
            return False
        case ("begin" | "commit" | "rollback" | "abort" | "end", *_):
            return True
        case ("start", "transaction", *_) | ("prepare", "transaction", *_):
            return True
        case _:
            return False


def _transaction(statement: Statement) -> str:
    if not controls_transaction(statement):
        return ""
    return (
        f"`{' '.join(statement.tokens[:3])}` controls the transaction; a migration and its ledger "
        "row are one transaction, remove it"
    )


def is_outside(statement: Statement) -> bool:
    """Return whether all that is wrong with *statement* is that it runs outside of transactions only."""
    return not (_foreign(statement) or _transaction(statement))


def _outside(statement: Statement) -> str:
    """Return what is wrong with a statement that PostgreSQL runs outside of transactions only."""
    if statement.words[0] not in _OUTSIDE:
        return ""
    words = [token.lower() for token in statement.tokens]
    kind, advice = "", "run it by itself, with psql, before or after"
    match words:
        case ["create", "index", "concurrently", *_] | [
            "create", "unique", "index", "concurrently", *_,
        ]:  # fmt: skip
            kind = "create index concurrently"
            advice = (
                "write a plain `create index`; or make it by hand beforehand, and let the migration "
                "say `create index if not exists`"
            )
        case ["drop", "index", "concurrently", *_]:
            kind, advice = "drop index concurrently", "write a plain `drop index`"
        case ["reindex", *rest] if "concurrently" in rest:
            kind = "reindex concurrently"
        case ["reindex", *rest] if {"schema", "database", "system"} & set(rest[: _after(rest) + 1]):
            kind = "reindex"
        case ["vacuum", *_]:
            kind = "vacuum"
        case ["cluster"] | ["cluster", "verbose"]:
            kind, advice = "cluster", "name the table"
        case [
            "create" | "drop" as verb, "database" | "tablespace" | "subscription" as what, *_
        ]:  # fmt: skip
            kind = f"{verb} {what}"
        case ["discard", "all"]:
            kind = "discard all"
        case ["alter", *rest] if altered := _altered(rest):
            kind, advice = altered[0], altered[1] or advice
        case _:
            return ""
    return (
        f"`{kind}` cannot run in a transaction, and a migration is one; {advice}. Or let the file begin with "
        "the line `-- medusa-db: no-transaction`: then it runs outside of one, statement by statement"
    )


def _altered(words: list[str]) -> tuple[str, str] | None:
    """Return which `alter` does not run in a transaction, and what to do if not to run it by itself."""
    match words:
        case ["table", *rest] if "detach" in rest and rest[-1] == "concurrently":
            return "detach partition concurrently", "leave `concurrently` out"
        case ["system", *_]:
            return "alter system", ""
        case ["database", _, "set", "tablespace", *_]:
            return "alter database .. set tablespace", ""
        case ["subscription", _, "refresh", *_]:
            return "alter subscription .. refresh", ""
        case ["subscription", _, "set" | "add" | "drop" as verb, "publication", *rest] if (
            "refresh" not in rest
        ):
            return f"alter subscription .. {verb}", "say `with (refresh = false)`"
        case _:
            return None


_OUTSIDE = ("create", "drop", "reindex", "alter", "vacuum", "cluster", "discard")
"""How statements begin that `_outside` knows."""


def _after(words: list[str]) -> int:
    """Return where what follows options in parentheses begins."""
    return words.index(")") + 1 if words[:1] == ["("] and ")" in words else 0
