"""What comes from a Secret is in no text that the runner makes."""

from __future__ import annotations

import json

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa_migrations.contract import concealed
from medusa_migrations.contract.errors import RunnerError, UsageError
from medusa_migrations.postgres import translation
from medusa_migrations.postgres.address import parse, resolve

SECRET = "sk_live_51H8SECRETSECRET"
VALUES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=100
).map(lambda text: f"x7{text}")
"""Anything that a Secret may hold, but what can stand in a sentence by chance."""
PARTS = ("PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSSLMODE", "PGOPTIONS")
SAID = (
    'connection failed: invalid integer value "{}" for connection option "port"',
    'connection failed: invalid sslmode value: "{}"',
    'connection failed: could not translate host name "{}" to address: Name or service not known',
    "failed to resolve host '{}': [Errno -2] Name or service not known",
    'connection to server at "{0}" (1.2.3.4), port {0} failed: FATAL:  role "{0}" does not exist',
    'FATAL:  password authentication failed for user "{}"',
    'FATAL:  database "{}" does not exist',
    'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "{0}", database "{0}", no encryption',
    'FATAL:  unrecognized configuration parameter "{}"',
    'definition of service "{}" not found',
    'connection to server on socket "{}/.s.PGSQL.5432" failed: No such file or directory',
    "FATAL:  the database system is starting up {}",
    "{}",
)


def environment(**hidden: str) -> dict[str, str]:
    sources = ",".join(f"{name}=shop-db/key" for name in hidden)
    return {"DATABASE_URL": "postgresql://", concealed.VARIABLE: sources, **hidden}


@settings(deadline=None)
@given(name=st.sampled_from(PARTS[:5]), secret=VALUES, said=st.sampled_from(SAID))
def test_nothing_that_libpq_says_of_a_part_is_passed_on(name: str, secret: str, said: str) -> None:
    env = environment(**{name: secret})
    known = concealed.from_environment(env)
    exc = psycopg.OperationalError(said.format(secret))

    try:
        address = resolve("postgresql://", "DATABASE_URL", env, known)
        message = str(translation.connecting(exc, address))
    except UsageError as refused:
        assert name in ("PGPORT", "PGHOST")
        message = str(refused)

    assert secret.strip() not in known.mask(message)


@settings(deadline=None)
@given(url=VALUES, said=st.sampled_from(SAID))
def test_nothing_of_a_url_from_a_secret_is_passed_on(url: str, said: str) -> None:
    env = environment(DATABASE_URL=url)
    known = concealed.from_environment(env)

    try:
        address = resolve(url, "DATABASE_URL", env, known)
        message = str(translation.connecting(psycopg.OperationalError(said.format(url)), address))
    except RunnerError as refused:
        message = str(refused)

    assert url.strip() not in message


@settings(deadline=None)
@given(
    parts=st.lists(
        st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=12), min_size=4, max_size=4, unique=True
    ),
    said=st.sampled_from(SAID),
)  # fmt: skip
def test_no_part_of_a_url_from_a_secret_is_passed_on(parts: list[str], said: str) -> None:
    user, password, host, name = (f"x7{part}" for part in parts)
    url = f"postgres://{user}:{password}@{host}:5432/{name}?application_name={password}"
    env = environment(DATABASE_URL=url)
    known = concealed.from_environment(env)
    address = resolve(url, "DATABASE_URL", env, known)

    for part in (user, password, host, name, url):
        message = str(translation.connecting(psycopg.OperationalError(said.format(part)), address))
        assert not any(one in message for one in (user, password, host, name))
        assert part not in known.mask(f'the role {part} "{part}" of {part}.')


@settings(deadline=None)
@given(secret=VALUES)
def test_every_text_of_a_report_is_masked_and_what_identifies_the_run_stays(secret: str) -> None:
    known = concealed.from_environment(environment(PGPASSWORD=secret))
    body = {
        "runId": secret,
        "message": f"so {secret}",
        "warnings": [secret],
        "drift": [f"'{secret}'"],
    }

    masked = known.masked(body)

    assert masked["runId"] == secret
    assert secret not in json.dumps([masked["message"], masked["warnings"], masked["drift"]])


@pytest.mark.parametrize(
    ("env", "text", "masked"),
    [
        pytest.param(
            environment(PGUSER="shop", PGDATABASE="shop"),
            'the role shop may not use the shop\'s tables: grant "shop" to "shop"',
            'the role *** may not use the shop\'s tables: grant "***" to "***"',
            id="a-short-name-where-it-is-said-to-be-one",
        ),
        pytest.param(environment(PGPASSWORD="geheim"), "so geheim it is", "so *** it is", id="password"),
        pytest.param(environment(PGPASSWORD="a/b c%d'é"), r"{'p': \"a/b c%d'\u00e9\"}",
                     r"{'p': \"***\"}", id="as-json-spells-it"),
        pytest.param({concealed.VARIABLE: "*=payment,PGHOST=", "PGHOST": "postgres-host",
                      "MEDUSA_DB_SCHEMA": SECRET, "HOME": "/home/medusa"},
                     f'"{SECRET}" at postgres-host, /home/medusa', '"***" at postgres-host, /home/medusa',
                     id="any-variable-but-those-that-are-named"),
        pytest.param(environment(PGUSER="postgres", PGPASSWORD="postgres", PGDATABASE="postgresql"),
                     "postgres://user@host or postgresql://, not postgres", "postgres://user@host or postgresql://, not ***",
                     id="a-scheme-is-no-name"),
        pytest.param({"PGPASSWORD": SECRET}, SECRET, SECRET, id="a-terminal-is-not-asked"),
    ],
)  # fmt: skip
def test_a_value_is_masked_where_it_can_be_told_from_other_words(
    env: dict[str, str], text: str, masked: str
) -> None:
    assert concealed.from_environment(env).mask(text) == masked


@pytest.mark.parametrize(
    ("env", "shown"),
    [
        ({"PGHOST": "db", "PGUSER": "u", "PGDATABASE": "shop"}, "postgresql://u@db/shop"),
        ({"PGHOST": "db", "PGPORT": "5433"}, "postgresql://db:5433/"),
        ({**environment(PGUSER=SECRET, PGPORT="5432"), "PGHOST": "db"}, "postgresql://***@db:***/"),
        ({}, "postgresql://"),
    ],
)
def test_the_parts_that_are_declared_are_named(env: dict[str, str], shown: str) -> None:
    known = concealed.from_environment(env)

    assert resolve("postgresql://", "DATABASE_URL", env, known).shown == shown


def test_a_url_from_a_secret_is_named_by_its_key() -> None:
    env = {"DATABASE_URL": "postgres://u:p@db/s", concealed.VARIABLE: "DATABASE_URL=shop-db/url"}
    known = concealed.from_environment(env)

    address = resolve(env["DATABASE_URL"], "DATABASE_URL", env, known)

    assert address.shown == "the database of DATABASE_URL (key url of Secret shop-db)"


@pytest.mark.parametrize(
    "port", ["0", "65536", "-1", "5432x", "5432,", "5432, 5433", SECRET, "9" * 5000]
)
def test_a_port_that_is_none_is_a_usage_error_that_does_not_quote_it(port: str) -> None:
    env = {"PGPORT": port, concealed.VARIABLE: "PGPORT=payment/key"}
    known = concealed.from_environment(env)
    if port.startswith("5432,"):
        assert resolve("postgresql://", "DATABASE_URL", env, known).schema is None
        return

    with pytest.raises(UsageError) as caught:
        resolve("postgresql://", "DATABASE_URL", env, known)

    assert str(caught.value) == (
        "PGPORT (key key of Secret payment) holds no port: a number from 1 to 65535 belongs there"
    )


@pytest.mark.parametrize("said", SAID[:2] + SAID[9:10])
def test_a_value_that_libpq_cannot_use_is_not_tried_again(said: str) -> None:
    failure = translation.connecting(
        psycopg.OperationalError(said.format("x")), parse("postgres://db")
    )

    assert (type(failure), failure.retryable) == (UsageError, False)
