"""The image, built from the Dockerfile: the runner and the operator as a cluster starts them."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

import servers
from medusa_db.demo import embedded
from medusa_testbed.node import docker_engine
from medusa_testbed.node.docker_engine import IMAGE, ROOT, RUNNER, Engine
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import TestServer

pytestmark = pytest.mark.timeout(900)

RESTRICTED = (
    "--rm", "--read-only", "--cap-drop", "ALL", "--network", "host",
    "--security-opt", "no-new-privileges",
)  # fmt: skip
CHOSEN = ("--user", "1000680000:0")
"""A user of the range that OpenShift gives to a namespace: no name, no home, group 0."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[TestServer]:
    """A PostgreSQL on 127.0.0.1."""
    with servers.started(embedded.binaries()) as running:
        yield running


@pytest.fixture
def url(postgres: TestServer) -> Iterator[str]:
    """The URL of an empty database."""
    with postgres.database() as name:
        yield postgres.url(name)


def medusa_db(
    docker: Engine, url: str, *words: str, chosen: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the image's entrypoint as a restricted pod does."""
    return docker.run("run", *RESTRICTED, *chosen, "--env", f"DATABASE_URL={url}", IMAGE, *words)


def test_it_migrates_an_empty_database(docker: Engine, url: str) -> None:
    first = medusa_db(docker, url, "migrate", "--to", "1.20.11", "--output", "json")
    again = medusa_db(docker, url, "migrate", "--to", "1.20.11", "--output", "json")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    told = [json.loads(done.stdout) for done in (first, again)]
    assert [(each["state"], each["version"]) for each in told] == [
        ("done", "1.20.11"),
        ("nothing", "1.20.11"),
    ]
    with psycopg.connect(url) as conn:
        row = conn.execute("select count(*) from migrations").fetchone()
    assert row is not None
    assert row[0] == told[0]["migrationCount"]


def test_it_is_stopped_as_process_one_by_sigterm(docker: Engine, url: str) -> None:
    wait = docker.command(
        "run", *RESTRICTED, "--name", "waits", "--env", f"DATABASE_URL={url}",
        IMAGE, "wait", "--for", "1.20.11",
    )  # fmt: skip
    process = subprocess.Popen(
        wait, env=docker.environment(), text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    eventually(lambda: "pending" in docker.run("logs", "waits").stderr, within=60)

    docker("stop", "--time", "60", "waits")

    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert told.splitlines()[-1] == (
        "medusa-db: interrupted; what was not committed is rolled back, the lock is released"
    )


def test_it_holds_the_operator(docker: Engine) -> None:
    done = docker.run(
        "run", *RESTRICTED, "--entrypoint", "python", IMAGE, "-m", "medusa_operator", "--help"
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: python -m medusa_operator")


def test_it_runs_as_nobody_in_particular_and_writes_nowhere(docker: Engine) -> None:
    shell = ("run", *RESTRICTED, "--entrypoint", "sh", IMAGE, "-c")

    who = docker(*shell, "id")
    affected = docker.run(*shell, "touch /opt/medusa-db/x /etc/x /x")

    assert who == "uid=65532(medusa-db) gid=65532(medusa-db) groups=65532(medusa-db)\n"
    assert affected.returncode != 0
    assert affected.stderr.count("Read-only file system") == 3


def test_it_migrates_as_a_user_that_the_platform_chose(docker: Engine, url: str) -> None:
    done = medusa_db(docker, url, "migrate", "--to", "1.20.11", "--output", "json", chosen=CHOSEN)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == "1.20.11"


def test_a_user_that_the_platform_chose_writes_nowhere(docker: Engine) -> None:
    shell = ("run", *RESTRICTED, *CHOSEN, "--entrypoint", "sh", IMAGE, "-c")

    who = docker(*shell, "id")
    writable = docker(*shell, "find / -xdev -type d -writable 2>/dev/null; true")

    assert who == "uid=1000680000 gid=0(root) groups=0(root)\n"
    assert set(writable.split()) <= {"/tmp", "/var/tmp", "/run/lock"}


@pytest.mark.parametrize(("image", "most"), [(IMAGE, 100e6), (RUNNER, 70e6)])
def test_it_is_small_as_it_is_pulled(docker: Engine, image: str, most: float) -> None:
    assert docker.pulled(image) <= most


def test_the_runner_alone_migrates_and_has_no_operator(docker: Engine, url: str) -> None:
    done = docker.run(
        "run", *RESTRICTED, "--env", f"DATABASE_URL={url}", RUNNER, "migrate", "--to", "1.20.11"
    )
    packages = docker(
        "run", *RESTRICTED, "--entrypoint", "python", RUNNER, "-c",
        "import importlib.metadata as m; print(*(d.name for d in m.distributions()))",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert set(packages.lower().split()) & {"kopf", "kubernetes", "aiohttp", "pydantic"} == set()


def test_it_says_what_it_is(docker: Engine) -> None:
    [about] = json.loads(docker("image", "inspect", IMAGE))

    config = about["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["medusa-db"]
    assert {
        key.removeprefix("org.opencontainers.image."): value
        for key, value in config["Labels"].items()
    } == {
        "title": "Medusa database operator",
        "description": "Brings a Medusa shop's PostgreSQL to the version its server needs",
        "licenses": "MIT",
        "version": "0.1.0",
        "revision": "",
    }


def test_the_unit_tests_pass_on_its_python(docker: Engine) -> None:
    script = f"""
        set -e
        mkdir /there && cd {ROOT}
        kept="LICENSE Makefile README.md pyproject.toml bench cli deploy docs helm migrations operator requirements seed testbed tests"
        cp -r $kept /there && cd /there
        python3 -m venv /venv
        /venv/bin/pip install -q --require-hashes --no-deps -r requirements/dev.txt
        /venv/bin/pip install -q --no-deps --no-build-isolation --editable .
        /venv/bin/python -m pytest tests/unit -q -n 2 -p no:cacheprovider
    """
    done = docker.run(
        "run", "--rm", "--network", "host", "--volume", f"{ROOT}:{ROOT}:ro",
        "--volume", f"{docker_engine.AUTHORITIES}:{docker_engine.AUTHORITIES}:ro",
        "--env", f"PIP_CERT={docker_engine.AUTHORITIES}", docker_engine.BASE, "sh", "-c", script,
        timeout=800,
    )  # fmt: skip

    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def test_nothing_of_the_build_stays_in_it(docker: Engine) -> None:
    found = docker(
        "run", *RESTRICTED, "--entrypoint", "sh", IMAGE, "-c",
        "ls -d /build /tools /run/secrets/ca /opt/medusa-db/bin/pip 2>/dev/null; true",
    )  # fmt: skip

    assert found == ""
