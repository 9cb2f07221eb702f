"""Which of our errors an error of PostgreSQL or libpq is: exit code, reason, and a sentence with what to do.

The only module that makes one of the other. `connecting` goes by the words of libpq, which has no SQLSTATE
then; `asking`, `applying` and `seeding` go by the SQLSTATE and by what was being done.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from medusa_migrations.contract.errors import (
    DeniedError,
    FailedError,
    LockHeldError,
    RunnerError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from medusa_migrations.contract.redact import redact
from medusa_migrations.postgres import failure, row_security
from medusa_migrations.postgres.bounded import blockers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from medusa_migrations.postgres.address import Address


class Rule(NamedTuple):
    """What an SQLSTATE means."""

    error: type[RunnerError]
    reason: str
    advice: str


RULES = {
    "22021": Rule(UnsupportedError, "Unsupported", "a database of SQL_ASCII takes any bytes, and Medusa's server reads UTF-8 alone: correct that text, or restore the shop into a database of UTF8"),
    "25006": Rule(DeniedError, "ReadOnly", "give the address of the primary, or a user that may write"),
    "42501": Rule(DeniedError, "MissingRight", "grant it to the user"),
    "55P03": Rule(LockHeldError, "TableLocked", "another session has a table locked; try again, or end that session"),
    "40P01": Rule(LockHeldError, "TableLocked", "another session waited for this one as well; run the same command again"),
    "40001": Rule(LockHeldError, "TableLocked", "another session changed the same meanwhile; run the same command again"),
    "53100": Rule(FailedError, "DiskFull", "make room on the server's disk"),
    "53200": Rule(FailedError, "OutOfMemory", "the server needs more memory, or fewer sessions"),
    "53400": Rule(FailedError, "LimitExceeded", "a setting of the server, the database or the user sets that limit; raise it"),
    "57014": Rule(FailedError, "Cancelled", "run the same command again"),
}  # fmt: skip
"""What it means wherever a statement was sent; any other is a defect of this tool, or of what was run."""
OUT_OF_LOCKS = Rule(
    FailedError,
    "OutOfLocks",
    "raise max_locks_per_transaction of the server, which it reads when it starts",
)
"""53200 where the table of locks is what is full."""
TIMED_OUT = Rule(FailedError, "StatementTimeout", "allow it more time")
"""57014 where a statement_timeout was over."""
_LOST = ("57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "25P04")
_REGARDLESS = ("25006",)
"""What is wrong with the server, and not with the item or the document that was being run."""
_OF_THE_SHOP = ("22021", "25006", "42501", "55P03", "57014", "53100", "53200", "53400")
"""What is wrong with the shop or its server, and not with the document that is seeded."""

_TAKEN = "Something of that name exists already: give what the file makes another name, or write `if not exists`"
_EXISTS = (
    "What this migration of Medusa's makes exists already: its row is missing in the ledger, or somebody "
    "made it by hand. Drop nothing, it may hold rows: `medusa-db repair` shows which rows of the ledger the "
    "schema proves, and `medusa-db repair --apply` writes them"
)
_UNCHANGED = " Nothing of this step remains; the database is as it was before, and the old server keeps working."


def is_lost(exc: psycopg.Error) -> bool:
    """Return whether *exc* says that the session is over, whatever it was doing."""
    if exc.sqlstate is not None:
        return exc.sqlstate in _LOST or exc.sqlstate.startswith("08")
    return isinstance(exc, (psycopg.OperationalError, psycopg.InterfaceError))


def rule_of(exc: psycopg.Error) -> Rule | None:
    """Return what the SQLSTATE of *exc* means; None where it means nothing by itself."""
    if exc.sqlstate == "53200" and "max_locks_per_transaction" in (exc.diag.message_hint or ""):
        return OUT_OF_LOCKS
    if exc.sqlstate == "57014" and "statement timeout" in str(exc):
        return TIMED_OUT
    return RULES.get(exc.sqlstate or "")


@contextlib.contextmanager
def translated(address: Address, conn: Connection[Any] | None = None) -> Iterator[None]:
    """Turn what psycopg raises inside a `with` into an error with an exit code.

    *conn*, which it was raised by, can say who we are.
    """
    try:
        yield
    except psycopg.Error as exc:
        raise asking(exc, address, conn) from exc


def asking(exc: psycopg.Error, address: Address, conn: Connection[Any] | None) -> RunnerError:
    """Return what *exc* means where nothing was being run but our own questions to the database."""
    if row_security.refused(exc):
        role = row_security.role(conn) if conn else "of the URL"
        return _hidden(exc, role, address.shown)
    message = f"{address.shown}: {_sentence(exc)}"
    if is_lost(exc):
        return UnreachableError(
            f"{message}: the connection was lost; run the same command again",
            reason="ConnectionLost",
        )
    rule = rule_of(exc)
    if rule is None:
        return RunnerError(f"{message} (SQLSTATE {exc.sqlstate})")
    who = blockers(conn) if conn and exc.sqlstate == "55P03" else ""
    named = f": {who}" if who else ""
    return rule.error(f"{message}; {rule.advice}{named}", reason=rule.reason)


def vanished(exc: psycopg.Error, schema: str) -> LockHeldError:
    """Return what *exc* means where a table of *schema* was there a moment ago, and is not any more."""
    return LockHeldError(
        f"somebody drops or restores tables of the schema {schema} at this moment: "
        f"{exc.diag.message_primary}; run the same command again"
    )


def applying(
    exc: psycopg.Error, conn: Connection[Any], what: str, text: str, *,
    own: bool, committed: bool, committing: bool,
) -> RunnerError:  # fmt: skip
    """Return what *exc* means where the item *what* of a step, whose SQL is *text*, was being run.

    *own*: the item is the shop's own; *committed*: something of this run stays; *committing*: the answer to
    a commit was awaited.
    """
    if conn.broken or conn.closed or is_lost(exc):
        return UnreachableError(
            f"{what}: {_lost(exc, committing=committing)}. Run the same command again, it goes on from what "
            "the ledger says",
            reason="ConnectionLost",
        )
    if row_security.refused(exc):
        return _hidden(exc, row_security.role(conn), f"{what}, rolled back")
    rule = rule_of(exc)
    message = f"{what}: {exc.diag.message_primary or str(exc)} (SQLSTATE {exc.sqlstate})"
    if rule and exc.sqlstate in _REGARDLESS:
        return rule.error(f"{message}; rolled back; {rule.advice}", reason=rule.reason)
    inside = _inside(exc, conn)
    rest = "" if committed else _UNCHANGED
    return FailedError(
        f"{message}{inside}; rolled back.{rest} {_advice(exc, rule, own=own)}".rstrip(),
        reason=rule.reason if rule and rule.error is FailedError else "MigrationFailed",
        detail="\n".join(
            filter(None, (failure.caret(text, exc.diag.statement_position), *_details(exc)))
        ),
    )


def outside(exc: psycopg.Error, what: str, hint: str) -> FailedError:
    """Return what *exc* means where a statement of *what* was run outside of a transaction.

    *hint* says what it has left behind; the notes of *exc* where it stands in its file.
    """
    rule = rule_of(exc)
    return FailedError(
        f"{what}: {exc.diag.message_primary or str(exc)} (SQLSTATE {exc.sqlstate}){hint}",
        reason=rule.reason if rule and rule.error is FailedError else "MigrationFailed",
        detail="\n".join(
            filter(
                None,
                (*getattr(exc, "__notes__", ()), exc.diag.message_detail, exc.diag.message_hint),
            )
        ),
    )


def seeding(
    exc: psycopg.Error, conn: Connection[Any], address: Address, *, committing: bool
) -> RunnerError:
    """Return what *exc* means where a document was being seeded.

    *committing*: the answer to the commit was awaited.
    """
    if conn.broken or conn.closed or is_lost(exc):
        return UnreachableError(
            f"{_lost(exc, committing=committing)}. Run the same command again",
            reason="ConnectionLost",
        )
    if exc.sqlstate in _OF_THE_SHOP or row_security.refused(exc):
        return asking(exc, address, conn)
    message = exc.diag.message_primary or str(exc)
    if exc.sqlstate in ("40P01", "40001"):
        return LockHeldError(
            f"the shop and the seed waited for each other, and the seed was rolled back: {message}. Run "
            "the same command again",
            reason=RULES[exc.sqlstate].reason,
        )
    inside = _inside(exc, conn)
    return FailedError(
        f"the seed failed and was rolled back, no row of it remains: {message} (SQLSTATE {exc.sqlstate}){inside}",
        reason="SeedFailed",
        detail="\n".join(filter(None, _details(exc))),
    )


def _lost(exc: psycopg.Error, *, committing: bool) -> str:
    """Say that the connection was lost: why, where it was given up here, and what becomes of the work."""
    why = f" ({exc})" if isinstance(exc, psycopg.errors.ConnectionTimeout) else ""
    fate = "" if committing else "; the server rolls back what was not committed"
    return f"the connection to the database was lost{why}{fate}"


def _inside(exc: psycopg.Error, conn: Connection[Any]) -> str:
    """Say in which functions, and by which triggers, *exc* was raised."""
    from medusa_migrations.postgres import introspect  # noqa: PLC0415  most runs have no such error

    return failure.where(exc, introspect.triggers_of(conn, failure.functions(exc)))


def _details(exc: psycopg.Error) -> tuple[str | None, ...]:
    return exc.diag.message_detail, exc.diag.message_hint, failure.context(exc)


def _advice(exc: psycopg.Error, rule: Rule | None, *, own: bool) -> str:
    """Return what to do about an item that failed, as far as its SQLSTATE shows."""
    if rule is OUT_OF_LOCKS:
        return (
            "The server's table of locks is full, which counts every table and index of a transaction: "
            "--transaction each needs only those of one migration at a time; or "
            f"{OUT_OF_LOCKS.advice}"
        )
    if rule is TIMED_OUT:
        return "The statement took longer than --statement-timeout; allow it more time"
    match exc.sqlstate:
        case "53100":
            return "The server's disk is full: make room on it, then run the same command again"
        case "53400":
            return "A setting of the server, the database or the user sets that limit: raise it"
        case "57014":
            return (
                "The statement was cancelled by another session (pg_cancel_backend) or by the server's "
                "administrator; run the same command again"
            )
        case "42P07" | "42710" | "42701":
            return _TAKEN if own else _EXISTS
        case _:
            return ""


def _hidden(exc: psycopg.Error, role: str, where: str) -> DeniedError:
    """Return what a refusal to pass over rows means; *where* says what was being done."""
    message = exc.diag.message_primary or str(exc)
    table = re.search(r'["„“«»]\s*([^"„“”«»]+?)\s*["“”«»]', message)
    named = f"of {table[1]} " if table else ""
    return DeniedError(
        f"{where}: row-level security may hide rows {named}from the role {role}, and PostgreSQL refused "
        f"to pass over them in silence ({message}, SQLSTATE {exc.sqlstate}). Let the role see all of them, "
        f"as a superuser: {row_security.bypass(role)}; or run as a role that does",
        reason=row_security.REASON,
        detail="\n".join(filter(None, (exc.diag.context,))),
    )


_AGAIN = (
    ("the database system is", "it is starting, stopping or recovering, try again"),
    ("too many clients", "raise max_connections, end idle sessions, or try again"),
    ("too many connections", "raise the limit, end idle sessions, or try again"),
    ("remaining connection slots", "raise max_connections, end idle sessions, or try again"),
    ("no more connections allowed", "raise the pooler's limits, or try again"),
    ("query_wait_timeout", "the pooler has no server session to spare, try again"),
    ("server login", "the pooler does not reach its server, try again"),
    ("due to statement timeout", "the user, or the database, has a statement_timeout that ends what prepares a session; raise it"),
    ("session is read-only", "target_session_attrs in the URL asks for a server that takes writes, try again"),
    ("server is in hot standby mode", "target_session_attrs in the URL asks for a primary, try again"),
    ("server is not in hot standby mode", "target_session_attrs in the URL asks for a standby, try again"),
)  # fmt: skip
_NO = (
    ("password authentication failed", "the password is wrong; check user and password in the URL"),
    ("no password supplied", "the server wants a password; put it into the URL"),
    ("no pg_hba.conf entry", "the server does not let this user in from here; see its pg_hba.conf"),
    ("pg_hba.conf", "a line of the server's pg_hba.conf keeps this user out; change that line, or use another user"),
    ("authentication failed", "the server does not let this user in; check the user in the URL"),
    ("auth failed", "the pooler does not let this user in; check the user in the URL"),
    ("no such user", "the pooler does not know the user; check the user in the URL"),
    ("permission denied for database", "grant the user CONNECT on the database"),
    ("permission denied to set parameter", "take it out of `options` in the URL, or grant the user SET on it"),
    ("not permitted to log in", "give the role LOGIN, or use another user"),
    ("not currently accepting connections", "allow them: alter database ... allow_connections true"),
    ("cannot connect to invalid database", "a drop of it was interrupted; drop it, and restore a backup"),
    ("no such database", "the pooler does not know the database; check the URL"),
    ("does not support SSL", "check sslmode in the URL"),
    ("certificate", "check sslmode and sslrootcert in the URL"),
    ("private key", "check sslkey in the URL"),
    ("channel binding", "check channel_binding in the URL"),
    ("authentication method requirement", "check require_auth in the URL"),
    ("SSL error", "check sslmode and sslrootcert in the URL"),
)  # fmt: skip
_CONSTANT = (
    ("Connection refused", "the connection was refused"),
    ("timeout expired", "timeout expired"),
    ("timed out", "timeout expired"),
    ("resolve host", "its host name cannot be resolved"),
    ("translate host name", "its host name cannot be resolved"),
    ("No route to host", "there is no route to its host"),
    ("etwork is unreachable", "its network is unreachable"),
    ("No such file or directory", "there is no such socket or file"),
    ("Connection reset", "the connection was reset"),
    ("closed the connection", "the server closed the connection"),
    ("unsupported startup parameter", "unsupported startup parameter"),
)
"""What is said in libpq's place where its own words may quote what comes from a Secret."""
_USELESS = (
    r"invalid (?:integer value|port number|[a-z_]+ value)|could not match \d+ |definition of service"
    r"|service file|could not parse network address|socket path .* too long|weak sslmode"
)
_SETTING = r"(?:unrecognized configuration|invalid value for) parameter"
_OPTION = (
    r'connection option "(port|connect_timeout|keepalives\w{0,9}|tcp_user_timeout)"'
    r"|invalid (sslmode|sslnegotiation|gssencmode|channel_binding|require_auth|target_session_attrs"
    r"|load_balance_hosts|ssl_min_protocol_version|ssl_max_protocol_version) value"
)
_FOREIGN = ("connection_limit", "pgbouncer", "pool_timeout", "pool", "ssl", "statement_cache_size")
"""Parameters of a URL that other drivers know, and that libpq does not."""
_MISSING = r'(database|role) ".*" does not exist'
_NOBODY = "check host and port, and that the server is running"
_HERE = re.compile(r"(?:@|//|\bhost=)(?:localhost|127\.0\.0\.1|\[?::1\]?)(?=[:/?\s]|$)")
_ITSELF = (
    "; in a container that host is the container itself, and a server beside it has another name"
)
_RESOLVE = "its host name cannot be resolved: "


def connecting(exc: psycopg.Error | ValueError, address: Address) -> RunnerError:
    """Return what *exc* means where a connection was being opened; its message has no password."""
    if isinstance(exc, psycopg.Error) and exc.sqlstate and not _may_pass(exc):
        return asking(exc, address, None)  # it was open, and refused what prepares a session
    if isinstance(exc, psycopg.ProgrammingError):
        return _unusable(exc, address)
    if isinstance(exc, psycopg.OperationalError):
        return _no_connection(exc, address)
    return UsageError(
        f"{address.shown}: a part of it, such as its host name, cannot be one; check it"
    )


def _may_pass(exc: psycopg.Error) -> bool:
    """Return whether what ended a statement may be over with the next connection."""
    return is_lost(exc) or exc.sqlstate in ("53300", "57014")


def _unusable(exc: psycopg.ProgrammingError, address: Address) -> UsageError:
    """Say what libpq found, and only its words about a parameter: others quote the URL."""
    found = re.search(r'invalid (?:URI query parameter|connection option)[:]? "(\w+)"', str(exc))
    if found and not address.quotable and found[1] not in _FOREIGN:
        return UsageError(f"{address.shown} is not usable: libpq does not know a parameter of it")
    why = f": {found[0]}; leave the parameter out" if found else ", libpq cannot read it"
    return UsageError(f"the database URL is not usable{why}")


def _no_connection(exc: psycopg.OperationalError, address: Address) -> RunnerError:
    """Tell failures apart by their words: libpq gives no SQLSTATE while it connects."""
    text = str(exc)
    where = f"{address.shown}: {_sentence(exc) if address.quotable else _constant(text)}"

    def says(advice: str) -> str:
        return f"{where}; {advice.replace('the URL', address.called)}"

    if re.search(_USELESS, text):
        return UsageError(f"{where}; libpq cannot use it, check the URL and the PG* variables")
    for words, advice in _AGAIN:
        if words in text:
            return UnreachableError(says(advice))
    missing = re.search(_MISSING, text)
    if missing:
        advice = "create it first (createdb), or check" if missing[1] == "database" else "check"
        return DeniedError(says(f"{advice} the URL"), reason=f"No{missing[1].title()}")
    for words, advice in _NO:
        if words in text:
            return DeniedError(says(advice))
    if re.search(_SETTING, text):
        return UsageError(says("check `options` in the URL, and PGOPTIONS"))
    if "unsupported startup parameter" in text:
        return UnsupportedError(
            f"{where}; a pooler such as PgBouncer is between. Give the server's own address",
            reason="Pooler",
        )
    if exc.pgconn is not None and (exc.pgconn.used_password or exc.pgconn.needs_password):
        # a server that speaks another language than English, and that we had got as far as
        return DeniedError(says("check user, password and database in the URL"))
    answered = (
        "FATAL:" in text
    )  # there is a server; the words may be those of a trigger at the login
    advice = "the server answers so: its log may say more" if answered else _NOBODY
    here = not answered and _HERE.search(address.shown)
    return UnreachableError(f"{where}; {advice}{_ITSELF if here else ''}")


def _constant(text: str) -> str:
    """Return what *text* says in fixed words, so that nothing in it is quoted."""
    option = re.search(_OPTION, text)
    if option:
        return f"the value of {option[1] or option[2]} is none"
    missing = re.search(_MISSING, text)
    if missing:
        return f"the {missing[1]} does not exist"
    for words, _ in (*_AGAIN, *_NO):
        if words in text:
            return words
    for words, sentence in _CONSTANT:
        if words in text:
            return sentence
    return "no connection could be made"


def _sentence(exc: Exception) -> str:
    lines = [line.strip() for line in redact(str(exc)).splitlines() if line.strip()]
    text = lines[0] if lines else type(exc).__name__
    text = text.removeprefix("connection failed: ").rstrip(".")
    text = re.sub(r"^failed to resolve host (None|'[^']*'): (\[Errno -?\d+\] )?", _RESOLVE, text)
    return re.sub(r"^connection to server (at|on socket) .*? failed: ", "", text)
