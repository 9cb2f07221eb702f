from __future__ import annotations

import pytest

from medusa_migrations.contract.concealed import Concealed
from medusa_migrations.contract.errors import UsageError
from medusa_migrations.postgres import address

SECRET = "s3cr3t"
URL = f"postgres://shop:{SECRET}@db:5432/shop"
VARIABLE = "a variable in it was not replaced by its value"


def refusal(url: str, **environment: str) -> str:
    with pytest.raises(UsageError) as caught:
        address.resolve(url, "DATABASE_URL", environment, Concealed())
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("NO-VERIFY", "write sslmode=require (encrypted"),
        ("true", "write sslmode=require, or verify-full"),
        ("false", "write sslmode=disable"),
        ("Require", "not in lower case; write sslmode=require"),
        ("verify_ca", "write sslmode=verify-ca"),
        (SECRET, "there are disable, allow, prefer, require, verify-ca, verify-full"),
    ],
)
def test_an_sslmode_of_another_driver_is_refused_with_libpqs_word(value: str, right: str) -> None:
    assert right in refusal(f"{URL}?sslmode={value}")
    assert right in refusal(f"host=db password={SECRET} sslmode={value}")
    said = refusal(URL, PGSSLMODE=value)
    assert right in said
    assert said.startswith("PGSSLMODE holds a word that ")


@pytest.mark.parametrize(
    ("parameter", "right"),
    [
        ("currentSchema=x", "the schema of the shop is named by ?schema=NAME, or --schema NAME"),
        ("search_path=x", "the schema of the shop is named by ?schema=NAME, or --schema NAME"),
        ("connection_limit=5", "leave it out"),
        ("pool_timeout=10", "leave it out"),
        ("pgbouncer=true", "the server's own address"),
        ("ssl_mode=verify-full", "libpq has sslmode= for it"),
        ("sslaccept=strict", "libpq has sslmode= for it"),
        ("ssl=1", "libpq has sslmode= for it"),
        ("ssl=%7B%22rejectUnauthorized%22%3Afalse%7D", "libpq has sslmode= for it"),
        ("SSLMODE=require", "in upper case; write sslmode="),
        ("statement_timeout=5", "--statement-timeout"),
    ],
)
def test_a_parameter_of_another_driver_is_refused_with_what_to_write(
    parameter: str, right: str
) -> None:
    assert right in refusal(f"{URL}?{parameter}")
    assert right in refusal(f"{URL}?application_name=x&{parameter}&schema=shop")


def test_what_only_another_driver_would_be_told_in_keywords_or_variables_is_refused() -> None:
    right = "no-verify is another driver's word; write sslmode=require (encrypted"

    assert right in refusal(f"host=db password={SECRET} sslmode=no-verify")
    assert right in refusal(URL, PGSSLMODE="no-verify")


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("sslmode=no-verify", "?sslmode=require"),
        ("ssl_mode=disable", "?sslmode=disable"),
        ("ssl_mode=false&connect_timeout=3", "?sslmode=disable&connect_timeout=3"),
        ("ssl_mode=require", "?sslmode=require"),
        ("ssl_mode=disable&sslmode=verify-full", "?sslmode=verify-full"),
        ("sslmode=disable&ssl_mode=disable", "?sslmode=disable"),
        ("uselibpqcompat=true&sslmode=require", "?sslmode=require"),
        ("uselibpqcompat=true&schema=shop", ""),
    ],
)
def test_what_the_server_of_a_shop_reads_in_the_same_url_is_read_as_it_does(
    query: str, meant: str
) -> None:
    assert address.parse(f"{URL}?{query}").url == f"{URL}{meant}"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param(f"'{URL}'", "it stands in quotes", id="quotes"),
        pytest.param(f'"{URL}"', "it stands in quotes", id="double-quotes"),
        pytest.param(f'"{URL}', "it stands in quotes", id="one-quote"),
        pytest.param(f"\N{LEFT DOUBLE QUOTATION MARK}{URL}\N{RIGHT DOUBLE QUOTATION MARK}",
                     "it stands in quotes", id="quotes-of-a-text-processor"),
        pytest.param(f"DATABASE_URL={URL}", "the name of a variable", id="line-of-an-env-file"),
        pytest.param(f"export DATABASE_URL={URL}", "the name of a variable", id="export"),
        pytest.param(f"psql {URL}", "a whole command line", id="psql"),
        pytest.param(URL.replace("@", " @"), "a space or a line break", id="space"),
        pytest.param(URL.replace("@", "\n@"), "a space or a line break", id="line-break"),
        pytest.param("$DATABASE_URL", VARIABLE, id="variable"),
        pytest.param("${DATABASE_URL}", VARIABLE, id="variable-in-braces"),
        pytest.param("$(DATABASE_URL)", VARIABLE, id="variable-of-a-pod"),
        pytest.param("postgres://shop:$PASSWORD@db/shop", VARIABLE, id="password"),
        pytest.param("postgres://shop:a${PASSWORD}@db/shop", VARIABLE, id="part-of-a-password"),
        pytest.param(f"postgres://shop:{SECRET}@$(HOST):5432/shop", VARIABLE, id="host"),
        pytest.param(f"postgres://shop:{SECRET}@db:$PORT/shop", VARIABLE, id="port"),
        pytest.param(f"postgres://shop:{SECRET}@db/$NAME", VARIABLE, id="name"),
        pytest.param("postgres://shop:[YOUR-PASSWORD]@db/shop", "a placeholder", id="placeholder"),
        pytest.param("postgres://shop:<password>@db/shop", "a placeholder", id="angle-brackets"),
        pytest.param(f"jdbc:postgresql://db/shop?user=u&password={SECRET}", "JDBC", id="jdbc"),
        pytest.param(URL.replace("postgres:", "postgresql+psycopg:"), "another driver", id="sqlalchemy"),
        pytest.param(URL.replace("postgres:", "pgsql:"), "another driver", id="pgsql"),
        pytest.param(URL.replace("postgres:", "POSTGRES:"), "lower case", id="upper-case"),
        pytest.param(URL.replace("postgres:", "prisma+postgres:"), "Prisma", id="prisma"),
        pytest.param(f"Host=db;Database=shop;Password={SECRET}", ".NET", id="dotnet"),
        pytest.param(f"postgres://shop:{SECRET}@:5432/shop", "its host is empty", id="no-host"),
        pytest.param("postgres://:@:/", "its host is empty", id="nothing-filled-in"),
        pytest.param(f"postgres://shop:{SECRET}@a,,b/shop", "its host is empty", id="one-of-several"),
        pytest.param(f"{URL}#x", "there is a # behind its host", id="fragment"),
    ],
)  # fmt: skip
def test_what_can_never_be_a_url_is_refused_and_says_why(url: str, why: str) -> None:
    assert why in refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        f"{URL}?ssl=true",  # libpq itself takes it for sslmode=require
        f"{URL}?options=-c%20search_path%3Dshop",
        "postgres://shop:p$w%24%7BX%7D@db/shop",
        "postgres://shop:$ecret@db/shop",
        "postgres://shop:p#w?x@db/shop",
        "postgres://shop@[::1]:5432/shop",
        "postgres:///shop",
        f"postgres://shop:{SECRET}@/shop?host=/run/postgresql",
        "host=db dbname=shop sslmode=require",
        "\ufeffpostgres://shop@db/shop",
    ],
)
def test_what_libpq_takes_is_taken(url: str) -> None:
    address.resolve(url, "DATABASE_URL", {}, Concealed())


def test_a_host_may_come_from_the_environment() -> None:
    address.resolve(
        f"postgres://shop:{SECRET}@/shop", "DATABASE_URL", {"PGHOST": "db"}, Concealed()
    )
