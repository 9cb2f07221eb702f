from __future__ import annotations

import psycopg
import pytest
from psycopg import errors as pg

from medusa_migrations.contract.errors import (
    DeniedError,
    FailedError,
    LockHeldError,
    RunnerError,
    UnreachableError,
    UnsupportedError,
    UsageError,
)
from medusa_migrations.postgres import connection, translation
from medusa_migrations.postgres.address import parse

ADDRESS = parse("postgres://shop:s3cr3t@db/shop")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("FATAL:  the database system is starting up", UnreachableError),
        ("FATAL:  the database system is not yet accepting connections", UnreachableError),
        ("FATAL:  sorry, too many clients already", UnreachableError),
        ('FATAL:  too many connections for role "shop"', UnreachableError),
        ("FATAL:  remaining connection slots are reserved for", UnreachableError),
        ("FATAL:  no more connections allowed (max_client_conn)", UnreachableError),
        ("could not translate host name", UnreachableError),
        ("timeout expired", UnreachableError),
        ('FATAL:  password authentication failed for user "shop"', DeniedError),
        ("fe_sendauth: no password supplied", DeniedError),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1"', DeniedError),
        ('FATAL:  pg_hba.conf rejects connection for host "10.0.0.1"', DeniedError),
        ("FATAL:  Verbindung durch pg_hba.conf verboten", DeniedError),
        ('FATAL:  database "shop" is not currently accepting connections', DeniedError),
        ('FATAL:  cannot connect to invalid database "shop"', DeniedError),
        ('FATAL:  unrecognized configuration parameter "shop"', UsageError),
        ('FATAL:  permission denied to set parameter "log_statement"', DeniedError),
        ("session is read-only", UnreachableError),
        ('FATAL:  database "shop" does not exist', DeniedError),
        ('FATAL:  role "shop" does not exist', DeniedError),
        ('FATAL:  role "shop" is not permitted to log in', DeniedError),
        ('FATAL:  permission denied for database "shop"', DeniedError),
        ("FATAL:  no such database: shop", DeniedError),
        ("server does not support SSL, but SSL was required", DeniedError),
        ("FATAL:  unsupported startup parameter: options", UnsupportedError),
    ],
)
def test_the_words_of_a_failed_connection_decide_what_it_is(
    text: str, kind: type[RunnerError]
) -> None:
    exc = psycopg.OperationalError(f"connection failed: connection to server at x failed: {text}")

    failure = translation.connecting(exc, ADDRESS)

    assert type(failure) is kind
    assert str(failure).startswith(f"postgres://shop:***@db/shop: {text.rstrip('.')}; ")


def test_what_a_server_answers_in_words_of_its_own_is_not_a_wrong_port() -> None:
    exc = psycopg.OperationalError(
        "connection to server at x failed: FATAL:  outside of business hours"
    )

    failure = translation.connecting(exc, ADDRESS)

    assert type(failure) is UnreachableError
    assert "outside of business hours; the server answers so: its log may say more" in str(failure)


@pytest.mark.parametrize(
    ("exc", "kind", "says"),
    [
        (pg.InsufficientPrivilege("permission denied for view pg_settings"), DeniedError, "grant it to the user"),
        (pg.ConfigurationLimitExceeded("temporary file size exceeds temp_file_limit"), FailedError, "raise it"),
        (pg.QueryCanceled("canceling statement due to statement timeout"), UnreachableError, "statement_timeout"),
    ],
)  # fmt: skip
def test_what_a_session_is_refused_as_it_is_prepared_is_no_fault_of_the_url(
    exc: psycopg.Error, kind: type[RunnerError], says: str
) -> None:
    failure = translation.connecting(exc, ADDRESS)

    assert type(failure) is kind
    assert says in str(failure)
    assert "the URL" not in str(failure)
    assert "host and port" not in str(failure)


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (pg.AdminShutdown("x"), UnreachableError),
        (pg.IdleInTransactionSessionTimeout("x"), UnreachableError),
        (psycopg.OperationalError("consuming input failed"), UnreachableError),
        (psycopg.InterfaceError("the connection is closed"), UnreachableError),
        (pg.InsufficientPrivilege("x"), DeniedError),
        (pg.ReadOnlySqlTransaction("x"), DeniedError),
        (pg.LockNotAvailable("x"), LockHeldError),
        (pg.QueryCanceled("x"), FailedError),
        (pg.SerializationFailure("x"), LockHeldError),
        (pg.OutOfMemory("x"), FailedError),
        (pg.UndefinedTable("x"), RunnerError),
        (pg.DiskFull("x"), FailedError),
    ],
)
def test_what_psycopg_raises_has_an_exit_code(exc: psycopg.Error, kind: type[RunnerError]) -> None:
    with pytest.raises(RunnerError) as caught, translation.translated(ADDRESS):
        raise exc

    assert type(caught.value) is kind


def test_the_session_is_known_by_command_version_and_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "migrate-" + "x" * 80)

    name = connection.application_name("migrate")

    assert name.startswith("medusa-db migrate ")
    assert len(name) == 63
