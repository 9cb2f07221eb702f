"""What becomes of an SQLSTATE depends on what was being done; the server raises each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from medusa_migrations.postgres import translation
from medusa_migrations.postgres.address import parse

if TYPE_CHECKING:
    from psycopg import Connection

pytestmark = pytest.mark.each_server

FULL = 'You might need to increase "max_locks_per_transaction".'
TIMEOUT = "canceling statement due to statement timeout"

TABLE = [
    # SQLSTATE, message, hint; asking, applying, seeding: exit code and reason of each
    ("57P01", "", "", (4, "ConnectionLost"), (4, "ConnectionLost"), (4, "ConnectionLost")),
    ("57P03", "", "", (4, "ConnectionLost"), (4, "ConnectionLost"), (4, "ConnectionLost")),
    ("25P03", "", "", (4, "ConnectionLost"), (4, "ConnectionLost"), (4, "ConnectionLost")),
    ("08006", "", "", (4, "ConnectionLost"), (4, "ConnectionLost"), (4, "ConnectionLost")),
    ("22021", "", "", (3, "Unsupported"), (7, "MigrationFailed"), (3, "Unsupported")),
    ("25006", "", "", (5, "ReadOnly"), (5, "ReadOnly"), (5, "ReadOnly")),
    ("42501", "", "", (5, "MissingRight"), (7, "MigrationFailed"), (5, "MissingRight")),
    ("42501", "query would be affected by row-level security policy", "",
     (5, "RowSecurity"), (5, "RowSecurity"), (5, "RowSecurity")),
    ("55P03", "", "", (6, "TableLocked"), (7, "MigrationFailed"), (6, "TableLocked")),
    ("40P01", "", "", (6, "TableLocked"), (7, "MigrationFailed"), (6, "TableLocked")),
    ("40001", "", "", (6, "TableLocked"), (7, "MigrationFailed"), (6, "TableLocked")),
    ("53100", "", "", (7, "DiskFull"), (7, "DiskFull"), (7, "DiskFull")),
    ("53200", "", "", (7, "OutOfMemory"), (7, "OutOfMemory"), (7, "OutOfMemory")),
    ("53200", "", FULL, (7, "OutOfLocks"), (7, "OutOfLocks"), (7, "OutOfLocks")),
    ("53400", "", "", (7, "LimitExceeded"), (7, "LimitExceeded"), (7, "LimitExceeded")),
    ("57014", "", "", (7, "Cancelled"), (7, "Cancelled"), (7, "Cancelled")),
    ("57014", TIMEOUT, "", (7, "StatementTimeout"), (7, "StatementTimeout"), (7, "StatementTimeout")),
    ("42P07", "", "", (1, "Unexpected"), (7, "MigrationFailed"), (7, "SeedFailed")),
    ("23505", "", "", (1, "Unexpected"), (7, "MigrationFailed"), (7, "SeedFailed")),
    ("XX000", "", "", (1, "Unexpected"), (7, "MigrationFailed"), (7, "SeedFailed")),
]  # fmt: skip


def raised(conn: Connection[Any], state: str, message: str, hint: str) -> psycopg.Error:
    """Let the server raise an error; return it."""
    using = sql.SQL("errcode = {}, hint = {}").format(state, hint or "none")
    query = sql.SQL("do $do$ begin raise exception using message = {}, {}; end $do$")
    with pytest.raises(psycopg.Error) as caught:
        conn.execute(query.format(message or f"raised {state}", using))
    return caught.value


@pytest.mark.parametrize(
    ("state", "message", "hint", "asking", "applying", "seeding"),
    TABLE,
    ids=[" ".join(row[:2]).replace(" ", "-")[:30] + ("-hint" if row[2] else "") for row in TABLE],
)
def test_an_sqlstate_means_the_same_wherever_it_is_the_servers_word(
    conn: Connection[Any], state: str, message: str, hint: str,
    asking: tuple[int, str], applying: tuple[int, str], seeding: tuple[int, str],
) -> None:  # fmt: skip
    exc, address = raised(conn, state, message, hint), parse("postgres://shop:s3cr3t@db/shop")

    found = [
        translation.asking(exc, address, conn),
        translation.applying(
            exc, conn, "AddNotes1", "select 1", own=False, committed=False, committing=False
        ),
        translation.seeding(exc, conn, address, committing=False),
    ]

    assert [(one.exit_code, one.reason) for one in found] == [asking, applying, seeding]
    assert all("s3cr3t" not in str(one) for one in found)
