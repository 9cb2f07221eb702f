"""Pure: how other drivers, shells and files spell a database URL, and how libpq wants it spelt.

What is refused here could never succeed. No message quotes anything of the URL but words of a closed
list: all the rest may be a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

EXAMPLE = "postgres://user@host:5432/shop"

_QUOTES = "\"'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
_QUOTES += "\N{RIGHT SINGLE QUOTATION MARK}"
_UNEXPANDED = (
    r"\$\{\w+[^{}]*\}|\$\(\w+\)|\{\{[^{}]*\}\}|\$\{?[A-Z_][A-Z0-9_]*\}?\Z|%[A-Z_][A-Z0-9_]*%\Z"
)
_PLACEHOLDER = r"\[[A-Za-z][\w -]*\]|<[A-Za-z][\w -]*>|\{[A-Za-z][\w -]*\}"
_MARKS = frozenset("$%{[<")
"""What is in all that either of the two finds."""
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_NODE_SSLMODES = {
    "no-verify": "require (encrypted, the certificate is not checked)",
    "true": "require, or verify-full to check the certificate",
    "1": "require, or verify-full to check the certificate",
    "on": "require, or verify-full to check the certificate",
    "required": "require",
    "false": "disable",
    "0": "disable",
    "off": "disable",
    "none": "disable",
    "verify_ca": "verify-ca",
    "verify_full": "verify-full",
    "verify_identity": "verify-full",
    "verify": "verify-full",
    "strict": "verify-full",
}
_MEDUSAS_SSL_MODES = {
    "disable": "disable",
    "false": "disable",
    "require": "require",
    "true": "require",
}
"""Values of `ssl_mode`, which Medusa v2 reads itself: whatever is not `disable` is TLS whose certificate is not checked."""
_COMPATIBLE = "uselibpqcompat"
_SCHEMA = "the schema of the shop is named by ?schema=NAME, or --schema NAME"
_POOL = "it is for the pool of a driver in a server; leave it out"
_SSL = "libpq has sslmode= for it: disable, require, verify-ca or verify-full"
_FOREIGN = {
    "currentschema": _SCHEMA,
    "current_schema": _SCHEMA,
    "search_path": _SCHEMA,
    "searchpath": _SCHEMA,
    "schemas": _SCHEMA,
    "ssl": _SSL,
    "sslaccept": _SSL,
    "sslfactory": _SSL,
    "ssl_mode": _SSL,
    "ssl-mode": _SSL,
    "usessl": _SSL,
    "rejectunauthorized": _SSL,
    "sslidentity": "libpq has sslcert= and sslkey= for it",
    "sslca": "libpq has sslrootcert= for it",
    "pgbouncer": (
        "it says that a pooler in transaction mode is between, and a migration needs the server's own "
        "address; leave it out"
    ),
    "prepared_statements": _POOL,
    "preparethreshold": _POOL,
    "statement_cache_size": _POOL,
    "prepared_statement_cache_size": _POOL,
    "connection_limit": _POOL,
    "pool": _POOL,
    "pool_size": _POOL,
    "pool_timeout": _POOL,
    "pool_mode": _POOL,
    "pool_min": _POOL,
    "pool_max": _POOL,
    "max": _POOL,
    "min": _POOL,
    "max_connections": _POOL,
    "max_overflow": _POOL,
    "max_idle_connection_lifetime": _POOL,
    "max_connection_lifetime": _POOL,
    "idle_timeout": _POOL,
    "idletimeoutmillis": _POOL,
    "connectiontimeoutmillis": "libpq has connect_timeout= for it, in seconds",
    "connecttimeout": "libpq has connect_timeout= for it, in seconds",
    "connection_timeout": "libpq has connect_timeout= for it, in seconds",
    "socket_timeout": "libpq has connect_timeout= and tcp_user_timeout= for it",
    "statement_timeout": "it is an option here: --statement-timeout",
    "lock_timeout": "it is an option here: --lock-timeout",
    "query_timeout": "it is an option here: --statement-timeout",
    "supa": _POOL,
    "workaround": _POOL,
    "encoding": "it is always UTF-8 here; leave it out",
    "charset": "it is always UTF-8 here; leave it out",
    "database": "libpq calls it dbname=",
    "db": "libpq calls it dbname=",
    "username": "libpq calls it user=",
    "applicationname": "it is set here; leave it out",
    "targetservertype": "libpq has target_session_attrs=read-write for it",
}
"""Parameters of other drivers, in lower case, and what to do: libpq refuses them."""
_LIBPQ = frozenset({
    "host", "hostaddr", "port", "dbname", "user", "password", "passfile", "sslmode", "sslcert", "sslkey",
    "sslrootcert", "sslcrl", "connect_timeout", "options", "application_name", "service", "schema",
    "target_session_attrs", "client_encoding", "channel_binding", "gssencmode",
})  # fmt: skip
"""Parameters whose name another driver may write in upper case."""


def check_text(text: str) -> None:
    """Raise UsageError where *text*, stripped, is spelt as no URL of PostgreSQL's is."""
    if text[:1] in _QUOTES or text[-1:] in _QUOTES.replace("'", ""):
        raise _unreadable("it stands in quotes; leave the quotation marks out")
    if re.match(r"(?i)(?:export\s+)?\w*_?URL\s*=\s*\S*://", text):
        raise _unreadable(
            "it begins with the name of a variable; give only what stands behind the ="
        )
    if re.match(r"(?i)psql\s", text):
        raise _unreadable("it is a whole command line; give only the URL of it")
    if re.match(r"(?i)jdbc:postgres", text):
        raise _unreadable(f"it is spelt for JDBC; here it looks like {EXAMPLE}")
    if re.match(r"(?i)(?:server|host|data source)\s*=[^;\s]*;", text):
        raise _unreadable(
            f"it is spelt for .NET, with semicolons; here it looks like {EXAMPLE}, or host=db dbname=shop"
        )
    if re.fullmatch(r"\$\{?\w+\}?|\$\(\w+\)|%\w+%|\{\{.*\}\}", text):
        raise _variable()
    scheme = re.match(r"([A-Za-z][\w+.-]*)://", text)
    if scheme:
        check_scheme(scheme[1])
        if re.search(r"[\r\n\t ]", text):
            raise _unreadable(
                "there is a space or a line break in it; one that is meant so is written %20"
            )


def check_scheme(scheme: str) -> None:
    """Raise UsageError for a scheme that means PostgreSQL, and is not libpq's."""
    if scheme in ("postgres", "postgresql"):
        return
    lower = scheme.lower()
    if lower in ("postgres", "postgresql"):
        raise _unreadable("its scheme is written in lower case: postgres://")
    if re.fullmatch(
        r"(?:postgres|postgresql|pgsql|pg)[+.-][\w+.-]+|pgsql|pg|psql|postgis|postgre", lower
    ):
        raise _unreadable(
            "its scheme is that of another driver; here it is postgres:// or postgresql://"
        )
    if re.fullmatch(r"prisma(?:[+.-]\w+)?", lower):
        raise _unreadable("it leads to a proxy of Prisma's; give the server's own, postgres://...")


def check_parts(parts: Iterable[str]) -> None:
    """Raise UsageError where one of *parts* - user, password, host, port, name - was not filled in."""
    for part in parts:
        if _MARKS.isdisjoint(part):
            continue
        if re.match(_UNEXPANDED, part) or re.search(r"\$\{\w+\}|\$\([A-Z_]\w*\)", part):
            raise _variable()
        if re.fullmatch(_PLACEHOLDER, part) and not re.fullmatch(r"\[[0-9A-Fa-f:.]+\]", part):
            raise _unreadable(
                "a placeholder in it was not filled in; brackets that are meant so are written %5B %5D "
                "%3C %3E %7B %7D"
            )


def of_node(query: Iterable[str]) -> list[str]:
    """Return the parameters of a URL, each `name=value`, with what Node's driver and Medusa alone know as libpq knows it.

    The server of a shop reads the same URL, and has no other words for it. An `sslmode` counts more than
    `ssl_mode`, as it does there.
    """
    pairs = list(query)
    named = any(pair.startswith("sslmode=") for pair in pairs)
    meant = []
    for pair in pairs:
        name, _, value = pair.partition("=")
        if pair == "sslmode=no-verify":
            meant.append("sslmode=require")
        elif name == "ssl_mode" and value in _MEDUSAS_SSL_MODES:
            meant += [] if named else [f"sslmode={_MEDUSAS_SSL_MODES[value]}"]
        elif name != _COMPATIBLE:  # it asks Node's driver to read sslmode as libpq does
            meant.append(pair)
    return meant


_TLS_WANTED = "The server wants TLS, and Medusa comes without where the URL has ssl_mode=disable or sslmode=disable, or names localhost"
_FOR_NODE = {
    "does not support SSL": (
        "The server has no TLS, and Medusa wants it wherever the URL does not name localhost: add "
        "?sslmode=disable&ssl_mode=disable to the URL (its versions differ in which of the two they read), or set "
        "databaseDriverOptions in medusa-config"
    ),
    "certificate": (
        "Node's driver checks the certificate where the URL has sslmode=require or ssl=true, which libpq does for "
        "verify-full only: let NODE_EXTRA_CA_CERTS name the file of its authority, or write sslmode=no-verify for TLS "
        "without that check"
    ),
    "no encryption": _TLS_WANTED,
    "SSL off": _TLS_WANTED,
}
"""What Node's driver or the server says, and what to do."""


def for_node(said: str) -> str:
    """Return what to do so that Node's driver reaches a server that libpq reaches, by what it has *said*; else nothing."""
    return next((what for words, what in _FOR_NODE.items() if words in said), "")


def check_parameters(pairs: Iterable[tuple[str, str]], where: str = "the database URL") -> None:
    """Raise UsageError for a parameter, or a value of one, that only other drivers know."""
    for name, value in pairs:
        if name == "sslmode":
            check_sslmode(value, f"{where} has an sslmode that")
        elif (
            name == "ssl" and value == "true"
        ):  # libpq takes it, for JDBC's sake, as sslmode=require
            continue
        elif name.lower() in _FOREIGN:
            raise UsageError(
                f"{where} has the parameter {name}, which libpq does not know: {_FOREIGN[name.lower()]}"
            )
        elif name != name.lower() and name.lower() in _LIBPQ:
            raise UsageError(f"{where} has a parameter in upper case; write {name.lower()}=")


def check_sslmode(value: str, where: str) -> None:
    """Raise UsageError where *value* is no sslmode of libpq's; *where* begins the sentence."""
    if value in _SSLMODES or not value:
        return
    lower = value.lower()
    if lower in _SSLMODES:
        raise UsageError(f"{where} is not in lower case; write sslmode={lower}")
    meant = _NODE_SSLMODES.get(lower)
    if meant:
        raise UsageError(
            f"{where} libpq does not know: {lower} is another driver's word; write sslmode={meant}"
        )
    raise UsageError(f"{where} libpq does not know; there are {', '.join(_SSLMODES)}")


def _variable() -> UsageError:
    return _unreadable(
        "a variable in it was not replaced by its value; whatever sets it has to do that ($NAME is only a "
        "shell's, a pod has $(NAME) for variables that come before). A $ that is meant so is written %24"
    )


def _unreadable(why: str) -> UsageError:
    return UsageError(f"the database URL cannot be used: {why}")
