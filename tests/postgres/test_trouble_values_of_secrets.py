"""A key of a Secret that was named by mistake, or on purpose, appears nowhere."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

import servers

if TYPE_CHECKING:
    from pathlib import Path

    from servers import TestServer

SECRET = "sk_live_51H8SECRETSECRET"
SECRETS = [SECRET, "5432 x\nsk_live_2"]
if os.environ.get("MEDUSA_TEST_ALL") == "1":
    SECRETS += ["sk live'\"", "..", "a" * 300, "ä/é@%x"]
PARTS = ("PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD")


def parts(server: TestServer, **other: str) -> dict[str, str]:
    """Return the variables that a Job has for a database named by its parts."""
    assert server.process is not None
    own = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.process.port),
        "PGDATABASE": "postgres",
        "PGUSER": "nobody_here",
    } | other
    sources = ",".join(f"{name}=payment/key" for name in other)
    return {"DATABASE_URL": "postgresql://", "MEDUSA_DB_FROM_SECRETS": sources} | own


@pytest.fixture(scope="module")
def tcp(server: TestServer) -> TestServer:
    if server.process is None:
        pytest.skip("a server that is given has an address of its own")
    return server


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "name", [*PARTS, "PGSSLMODE", "PGOPTIONS", "PGSERVICE", "PGTARGETSESSIONATTRS"]
)
def test_a_part_that_comes_from_a_secret_is_not_quoted(
    tcp: TestServer, tmp_path: Path, name: str, secret: str
) -> None:
    report = tmp_path / "report.json"

    done = servers.medusa_db(
        "migrate", "--connect-wait", "0s", "--report-file", str(report), "--output", "json",
        **parts(tcp, **{name: secret}),
    )  # fmt: skip

    told = done.stdout + done.stderr + report.read_text()
    assert done.returncode in (2, 4, 5), told
    assert json.loads(report.read_text())["message"]
    if name in ("PGPORT", "PGSSLMODE", "PGTARGETSESSIONATTRS", "PGSERVICE"):
        assert done.returncode == 2, told
    for spelled in (
        secret,
        *secret.split("\n"),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        secret[:63],
    ):
        assert spelled == ".." or spelled not in told


@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"{SECRET}://host/x",
        f"postgres://{SECRET}",
        f"postgres://{SECRET}@127.0.0.1:1/x",
        f"postgres://u:p@127.0.0.1:1/{SECRET}",
        f"postgres://u:{SECRET}@{SECRET}.example/x",
        f"postgres://127.0.0.1:1/x?{SECRET}=1",
        f"postgres://127.0.0.1:1/x?sslmode={SECRET}",
        f"postgres://127.0.0.1/x?port={SECRET}",
        f"postgres://127.0.0.1:1/x?service={SECRET}",
        f"postgres://127.0.0.1:1/x?connect_timeout={SECRET}",
        f"host={SECRET}",
        f"host=127.0.0.1 port={SECRET}",
        f"host=127.0.0.1 {SECRET}=x",
        f"host=127.0.0.1 port=1 sslmode={SECRET}",
        f"{SECRET}=x",
        json.dumps({"key": SECRET}),
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    ],
)
def test_a_url_that_comes_from_a_secret_is_not_quoted(tmp_path: Path, url: str) -> None:
    report, file = tmp_path / "report.json", tmp_path / "url"
    file.write_text(url)
    options = ("migrate", "--connect-wait", "0s", "--report-file", str(report), "--output", "json")

    of_variable = servers.medusa_db(
        *options, url=url, MEDUSA_DB_FROM_SECRETS="DATABASE_URL=payment/key"
    )
    told = of_variable.stdout + of_variable.stderr + report.read_text()
    of_file = servers.medusa_db(
        *options, "--database-url-file", str(file), MEDUSA_DB_FROM_SECRETS=f"{file}=payment/key"
    )
    told += of_file.stdout + of_file.stderr + report.read_text()

    assert of_variable.returncode in (2, 3, 4), told
    assert of_file.returncode == of_variable.returncode
    assert "sk_live" not in told


@pytest.mark.parametrize(
    "name", ["MEDUSA_DB_LOCK_WAIT", "MEDUSA_DB_TRANSACTION", "MEDUSA_DB_SCHEMA", "MEDUSA_DB_FLAG",
             "MEDUSA_DB_BASELINE", "MEDUSA_DB_MIGRATIONS_DIR", "MEDUSA_FF_SALES_CHANNELS", "PGAPPNAME"],
)  # fmt: skip
def test_no_other_variable_is_quoted(tcp: TestServer, name: str) -> None:
    done = servers.medusa_db(
        "migrate", "--to", "1.1.41", "--output", "json", url=tcp.url("postgres"),
        **{"MEDUSA_DB_FROM_SECRETS": "*=payment,DATABASE_URL=", name: SECRET},
    )  # fmt: skip

    assert done.returncode != 0 or name == "PGAPPNAME"
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["MEDUSA_DB_DATABASE_URL_FILE", "MEDUSA_DB_MIGRATIONS_DIR", "PGSERVICEFILE"]
)
def test_no_file_of_a_folder_that_comes_from_a_secret_is_quoted(
    tcp: TestServer, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "a, b=c"
    folder.mkdir()
    file = folder / "1800000000000_x.sql"
    file.write_text(
        {"PGSERVICEFILE": f"[x]\nhost={SECRET}\n"}.get(name, f"postgres://{SECRET}:1/x")
    )
    url = "postgresql://" if name == "PGSERVICEFILE" else tcp.url("postgres")
    where = str(folder) if name.endswith("DIR") else str(file)

    done = servers.medusa_db(
        "migrate", "--to", "1.1.41", "--connect-wait", "0s", url=url, PGSERVICE="x",
        MEDUSA_DB_FROM_SECRETS=f"{quote(str(folder))}/=volume x", **{name: where},
    )  # fmt: skip

    assert done.returncode in (2, 4), done.stderr
    assert "sk_live" not in done.stdout + done.stderr


def test_a_line_break_at_the_end_of_a_key_is_no_part_of_it(tcp: TestServer) -> None:
    own = parts(tcp) | {"PGUSER": "postgres", "PGPASSWORD": "any"}
    broken = {name: f"{own[name]}\n" for name in PARTS}

    done = servers.medusa_db("plan", "--to", "1.20.11", **parts(tcp, **broken))

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("host", "says"),
    [
        pytest.param(
            "127.0.0.1:5432", "a host with a port; give the host alone, and the port apart", id="port"
        ),
        *(
            pytest.param(
                host, "no host: a name or an address belongs there, without scheme, user, path and spaces", id=host
            )
            for host in ("postgres://127.0.0.1", "127.0.0.1/shop", "shop@127.0.0.1", "[::1]", "a, b")
        ),
    ],
)  # fmt: skip
def test_a_host_that_is_more_or_less_than_one_is_told_apart(
    tcp: TestServer, host: str, says: str
) -> None:
    done = servers.medusa_db("migrate", "--connect-wait", "0s", **parts(tcp, PGHOST=host))

    assert (done.returncode, done.stderr) == (
        2,
        f"medusa-db: PGHOST (key key of Secret payment) holds {says}\n",
    )


@pytest.mark.parametrize(
    "host", ["::1,127.0.0.1", "/nonexistent,127.0.0.1", "fe80::1%lo,127.0.0.1"]
)
def test_addresses_sockets_and_several_hosts_are_taken(tcp: TestServer, host: str) -> None:
    own = {"PGHOST": host, "PGUSER": "postgres"}

    done = servers.medusa_db("plan", "--to", "1.20.11", **(parts(tcp) | own))

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["PGHOST", "PGDATABASE", "PGUSER", "DATABASE_URL"])
def test_a_key_that_is_empty_is_named(tcp: TestServer, name: str) -> None:
    done = servers.medusa_db("migrate", "--connect-wait", "0s", **parts(tcp, **{name: "\n"}))

    assert (done.returncode, done.stderr) == (
        2,
        f"medusa-db: {name} is empty: key key of Secret payment has nothing in it\n",
    )


def test_what_is_declared_is_named(tcp: TestServer) -> None:
    assert tcp.process is not None
    no_host = servers.medusa_db(
        "migrate", "--connect-wait", "0s",
        **(parts(tcp, PGPASSWORD=SECRET) | {"PGHOST": "db.shop.invalid"}),
    )  # fmt: skip
    no_role = servers.medusa_db("migrate", **parts(tcp, PGPASSWORD=SECRET))

    where = f"postgresql://nobody_here@{{}}:{tcp.process.port}/postgres"
    assert no_host.returncode == 4
    assert no_host.stderr.startswith(
        f"medusa-db: {where.format('db.shop.invalid')}: its host name cannot be resolved: "
    )
    assert no_role.stderr == (
        f'medusa-db: {where.format("127.0.0.1")}: FATAL:  role "nobody_here" does not exist; check the '
        "PG* variables\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        SECRET, f'{{"{SECRET}": 1}}', f'{{"products": "{SECRET}"}}', f"{SECRET}: {SECRET}",
        f"store:\n  name: {SECRET}\n  name: {SECRET}\n", f"products: [{{handle: {SECRET}}}]",
        f"store: {{{SECRET}: 1}}", f"a: *{SECRET}", f"!{SECRET} a", f"regions:\n- {SECRET}\n",
    ],
)  # fmt: skip
def test_a_seed_document_that_comes_from_a_secret_is_not_quoted(
    server: TestServer, tmp_path: Path, content: str
) -> None:
    document, report = tmp_path / "seed.yaml", tmp_path / "report.json"
    document.write_text(content)

    done = servers.medusa_db(
        "seed", "-f", str(document), "--report-file", str(report), "--output", "json",
        url=server.url("postgres"), MEDUSA_DB_FROM_SECRETS=f"{document}=payment/key",
    )  # fmt: skip

    told = done.stdout + done.stderr + report.read_text()
    assert done.returncode == 2, told
    assert "sk_live" not in told
    assert "key key of Secret payment) comes from a Secret" in told
