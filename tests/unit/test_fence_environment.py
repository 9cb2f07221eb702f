"""What a command gets in its environment, and which of it is secret."""

from __future__ import annotations

import pytest

from medusa_project.fence import environment
from medusa_project.fence.environment import Setting

SETTING = Setting(None, "mark", "medusa-db:run", 5.0, 0.5, checks_client=True)


def test_the_sessions_of_a_command_are_bounded_and_named():
    made = environment.environment({"PATH": "/bin"}, SETTING)

    assert made == {
        "PATH": "/bin",
        "NODE_ENV": "production",
        "PGAPPNAME": "medusa-db:run",
        "PGOPTIONS": "-c lock_timeout=5000 -c statement_timeout=500 -c tcp_keepalives_idle=20"
        " -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
        " -c client_connection_check_interval=2000",
        "MEDUSA_DISABLE_TELEMETRY": "true",
        "MEDUSA_DB_FENCE": "mark",
    }


def test_what_is_set_already_stays_but_for_what_the_fence_must_know():
    around = {
        "NODE_ENV": "staging",
        "PGOPTIONS": "-c search_path=shop",
        "PGAPPNAME": "mine",
        "DATABASE_URL": "postgres://a",
    }
    setting = Setting(
        "postgres://b", "mark", "medusa-db:run", 5, 0, checks_client=False, config_home="/tmp/x"
    )

    made = environment.environment(around, setting)

    assert made["NODE_ENV"] == "staging"
    assert made["PGOPTIONS"].startswith("-c search_path=shop -c lock_timeout=5000 ")
    assert "client_connection_check_interval" not in made["PGOPTIONS"]
    assert made["PGAPPNAME"] == "medusa-db:run"
    assert made["DATABASE_URL"] == "postgres://b"
    assert made["XDG_CONFIG_HOME"] == "/tmp/x"


@pytest.mark.parametrize(("home", "expected"), [("", "/tmp/x"), ("/srv", "/srv"), (None, "/tmp/x")])
def test_a_command_without_a_home_gets_one_where_it_may_write(
    home: str | None, expected: str
) -> None:
    around = {} if home is None else {"HOME": home}
    setting = Setting("postgres://b", "m", "n", 5, 0, checks_client=False, config_home="/tmp/x")

    assert environment.environment(around, setting)["HOME"] == expected


PARTS = {"PGHOST": "db", "PGUSER": "shop", "PGPASSWORD": "p@ss/word", "PGDATABASE": "shop"}


@pytest.mark.parametrize(
    ("url", "more", "made"),
    [
        pytest.param("postgresql://", {}, "postgresql://shop:p%40ss%2Fword@db/shop", id="parts"),
        pytest.param("postgres://?schema=a", {"PGPORT": "6432"}, "postgres://shop:p%40ss%2Fword@db:6432/shop?schema=a", id="port-and-query"),
        pytest.param("postgresql://", {"PGHOST": "/run/pg", "PGPASSWORD": ""}, "postgresql://shop@/shop?host=%2Frun%2Fpg", id="socket"),
        pytest.param("postgresql://", {"PGPASSWORD": "", "PGSSLMODE": "disable"}, "postgresql://shop@db/shop?sslmode=disable&ssl_mode=disable", id="without-tls"),
        pytest.param("postgresql://", {"PGHOST": "::1", "PGUSER": ""}, "postgresql://[::1]/shop", id="ipv6"),
        pytest.param("postgresql://", {"PGHOST": ""}, "postgresql://", id="no-host"),
        pytest.param("postgresql://", {"PGHOST": "a,b"}, "postgresql://", id="several-hosts"),
        pytest.param("postgres://a@b/c", {}, "postgres://a@b/c", id="whole"),
        pytest.param(" postgres://a@b/c\r\n", {}, "postgres://a@b/c", id="between-blanks"),
    ],
)  # fmt: skip
def test_a_url_that_libpq_would_fill_up_is_filled_up_for_the_command(url, more, made):
    around = {"DATABASE_URL": url} | PARTS | more

    assert environment.environment(around, SETTING)["DATABASE_URL"] == made


def test_a_password_is_secret_as_the_url_spells_it_too():
    assert {"p@ss/word", "p%40ss%2Fword"} <= environment.secrets(PARTS, "")


@pytest.mark.parametrize(
    ("run_id", "name"),
    [
        pytest.param("shop-42", "medusa-db:shop-42", id="plain"),
        pytest.param("läuft", "medusa-db:l?uft", id="as-the-server-spells-it"),
        pytest.param("x" * 100, "medusa-db:" + "x" * 53, id="as-the-server-cuts-it"),
    ],
)
def test_sessions_are_found_by_the_name_that_the_server_shows(run_id, name):
    assert environment.application_name(run_id) == name


@pytest.mark.parametrize(
    ("around", "found"),
    [
        pytest.param({"JWT_SECRET": "swordfish"}, {"swordfish"}, id="secret"),
        pytest.param({"STRIPE_API_KEY": "sk_live_1"}, {"sk_live_1"}, id="key"),
        pytest.param({"PGPASSWORD": "geheim"}, {"geheim"}, id="password"),
        pytest.param(
            {"REDIS_URL": "redis://u:p%40ss@redis:6379"}, {"p%40ss", "p@ss"}, id="in-a-url"
        ),
        pytest.param({"DB": "host=db password='a b' dbname=x"}, {"a b"}, id="in-keywords"),
        pytest.param({"PRIVATE_KEY": "line-1\nline-2"}, {"line-1", "line-2"}, id="lines"),
        pytest.param({"USE_TOKEN": "true", "SECRET_ROUNDS": "10"}, set(), id="no-secret"),
        pytest.param(
            {"DB": "postgres://postgres:postgres@db/medusa", "PGPASSWORD": "medusa"},
            set(),
            id="word-of-every-message",
        ),
        pytest.param({"HOME": "/root", "KEYBOARD": "de"}, set(), id="others"),
    ],
)
def test_secrets_are_known_by_the_names_of_variables_and_in_urls(around, found):
    assert environment.secrets(around, "") == found
