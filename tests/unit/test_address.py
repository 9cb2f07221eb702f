from __future__ import annotations

import pytest

from medusa_migrations.contract.errors import UnsupportedError, UsageError
from medusa_migrations.contract.redact import redact
from medusa_migrations.postgres.address import Address, parse

URL = "postgres://shop:s3cr3t@db:5432/shop"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(URL, Address(URL, None), id="plain"),
        pytest.param(f" {URL}\n", Address(URL, None), id="white-space-around"),
        pytest.param(f"{URL}?schema=a%20b", Address(URL, "a b"), id="schema"),
        pytest.param(f"{URL}?schema=", Address(URL, None), id="empty-schema"),
        pytest.param(
            f"{URL}?options=-c%20search_path%3Dx&schema=y&sslmode=require",
            Address(f"{URL}?options=-c%20search_path%3Dx&sslmode=require", "y"),
            id="other-parameters-stay-as-they-are",
        ),
        pytest.param(
            "postgresql://u@a:1,b:2/shop?target_session_attrs=any",
            Address("postgresql://u@a:1,b:2/shop?target_session_attrs=any", None),
            id="several-hosts",
        ),
        pytest.param("postgres:///shop?host=/run", Address("postgres:///shop?host=/run", None), id="socket"),
        pytest.param("postgres://u@[::1]:5432/shop", Address("postgres://u@[::1]:5432/shop", None), id="ipv6"),
        pytest.param(
            "postgres://u:a?b#c@db/shop?schema=x", Address("postgres://u:a?b#c@db/shop", "x"),
            id="a-password-with-signs-that-libpq-takes",
        ),
        pytest.param(
            "host=db password='it''s' user=u", UsageError, id="keywords-with-a-wrong-quote"
        ),
        pytest.param(
            r"host=db password='it\'s' user=u", Address(r"host=db password='it\'s' user=u", None),
            id="keywords",
        ),
        pytest.param("host=db password=a://b", Address("host=db password=a://b", None), id="keywords-no-url"),
        pytest.param("", UsageError, id="empty"),
        pytest.param("shop", UsageError, id="a-word"),
        pytest.param("postgres://u:a@b@db/shop", UsageError, id="at-in-the-password"),
        pytest.param("postgres://u:a/b@db/shop", UsageError, id="slash-in-the-password"),
        pytest.param("postgres://u:1/b@db/shop", UsageError, id="a-port-like-password"),
        pytest.param("postgres://u:100%@db/shop", UsageError, id="percent-in-the-password"),
        pytest.param("postgres://db:port/shop", UsageError, id="port"),
        pytest.param("sqlite:shop.db", UnsupportedError, id="sqlite"),
        pytest.param("medusa-db.sqlite", UnsupportedError, id="sqlite-file"),
        pytest.param("mysql://db/shop", UnsupportedError, id="mysql"),
    ],
)  # fmt: skip
def test_an_address_is_what_libpq_would_read(
    text: str, expected: Address | type[Exception]
) -> None:
    if isinstance(expected, Address):
        assert parse(text) == expected
    else:
        with pytest.raises(expected):
            parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (URL, "postgres://shop:***@db:5432/shop"),
        (f"{URL}?sslpassword=s3cr3t", "postgres://shop:***@db:5432/shop"),
        ("postgres://u:a?b@db/shop", "postgres://u:***@db/shop"),
        ("postgres://u@a,b", "postgres://u@a,b"),
        ("password='a b' host=db dbname=shop sslmode=require", "host=db dbname=shop"),
    ],
)
def test_an_address_is_shown_without_password_and_parameters(text: str, shown: str) -> None:
    assert parse(text).shown == shown
    assert "s3cr3t" not in repr(parse(text))


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("at postgres://u:p@db/shop, again", "at postgres://u:***@db/shop, again"),
        ("password = 'it\\'s' user=u", "password = *** user=u"),
        ("?sslpassword=p&x=1", "?sslpassword=***&x=1"),
        ("nothing to hide: postgres://db", "nothing to hide: postgres://db"),
    ],
)
def test_passwords_are_taken_out_of_texts(text: str, redacted: str) -> None:
    assert redact(text) == redacted
