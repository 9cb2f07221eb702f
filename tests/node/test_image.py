"""The image, built from the Dockerfile: the runner and the operator as a cluster starts them."""

from __future__ import annotations

import json
import os
import subprocess

import psycopg
import pytest

from medusa_testbed.node import docker_engine
from medusa_testbed.node.docker_engine import IMAGE, ROOT, RUNNER, Engine
from medusa_testbed.waiting import eventually

pytestmark = pytest.mark.timeout(900)

RESTRICTED = (
    "--rm", "--read-only", "--cap-drop", "ALL", "--network", "host",
    "--security-opt", "no-new-privileges",
)  # fmt: skip
CHOSEN = ("--user", "1000680000:0")
"""A user of the range that OpenShift gives to a namespace: no name, no home, group 0."""


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


WHO = "import os, pwd; print(os.getuid(), os.getgid(), os.getgroups(), [u[0] for u in pwd.getpwall()])"
WRITABLE = """
import os
print([folder for folder, _, _ in os.walk("/") if os.access(folder, os.W_OK)
       and not folder.startswith(("/proc", "/sys", "/dev"))])
"""


def python(docker: Engine, program: str, *options: str) -> str:
    """Run a program on the image's Python, as a restricted pod would; return what it prints."""
    return docker("run", *RESTRICTED, *options, "--entrypoint", "python", IMAGE, "-c", program)


def test_it_runs_as_nobody_in_particular_and_owns_nothing(docker: Engine) -> None:
    assert python(docker, WHO) == "65532 65532 [65532] ['root', 'medusa-db']\n"
    assert python(docker, "import tempfile; print(tempfile.gettempdir())", "--tmpfs", "/tmp") == (
        "/tmp\n"
    )
    assert {(file.uid, file.gid) for file in docker.files(IMAGE)} == {(0, 0)}


def test_it_migrates_as_a_user_that_the_platform_chose(docker: Engine, url: str) -> None:
    done = medusa_db(docker, url, "migrate", "--to", "1.20.11", "--output", "json", chosen=CHOSEN)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == "1.20.11"


def test_a_user_that_the_platform_chose_writes_nowhere_but_to_tmp(docker: Engine) -> None:
    who = python(docker, WHO, *CHOSEN)
    may_write = ("run", "--rm", *CHOSEN, "--entrypoint", "python", IMAGE, "-c", WRITABLE)

    assert who == "1000680000 0 [0] ['root', 'medusa-db']\n"
    assert docker(*may_write) == "['/tmp']\n"


@pytest.mark.parametrize("image", [IMAGE, RUNNER])
def test_it_holds_python_and_no_other_program(docker: Engine, image: str) -> None:
    files = docker.files(image)

    programs = {
        file.name
        for file in files
        if file.isfile() and file.mode & 0o111 and not file.name.endswith(".py")
        and ".so" not in file.name
    }  # fmt: skip
    assert programs == {"usr/bin/python3.13", "opt/medusa-db/bin/medusa-db"}
    assert [file.name for file in files if file.mode & 0o6000] == []
    assert [file.name for file in files if file.mode & 0o002 and not file.issym()] == ["tmp"]


def test_no_module_of_ours_is_compiled_when_it_starts(docker: Engine) -> None:
    """Byte code is of the image's own Python, and used without a look at the time of its source."""
    compiled = python(
        docker,
        "import medusa_db.__main__ as m, os; b = open(m.__cached__, 'rb').read(8);"
        "print(os.path.basename(m.__cached__), b[4])",
    )

    assert compiled == "__main__.cpython-313.pyc 1\n"


def test_a_scanner_finds_the_packages_that_it_is_made_of(docker: Engine) -> None:
    names = {file.name for file in docker.files(IMAGE)}

    debian = {
        name.rpartition("/")[2] for name in names if name.startswith("var/lib/dpkg/status.d/")
    }
    assert {"libc6", "libssl3t64", "libpython3.13-stdlib", "tzdata"} <= debian
    assert "etc/os-release" in names
    assert any("/site-packages/psycopg-" in name and name.endswith("/METADATA") for name in names)
    assert {f"usr/share/doc/{each}/copyright" for each in debian} <= names


def test_two_builds_have_the_same_layers(docker: Engine) -> None:
    docker.build_runner("again", "--no-cache")

    assert docker.layers("again") == docker.layers(RUNNER)


@pytest.mark.parametrize("image", [IMAGE, RUNNER])
def test_all_of_it_is_of_one_time(docker: Engine, image: str) -> None:
    assert {file.mtime for file in docker.files(image)} == {1580601600}


@pytest.mark.parametrize(("image", "most"), [(IMAGE, 100e6), (RUNNER, 70e6)])
def test_it_is_small_as_it_is_pulled(docker: Engine, image: str, most: float) -> None:
    assert docker.pulled(image) <= most


def test_the_runner_is_small_as_it_is_unpacked(docker: Engine) -> None:
    assert sum(file.size for file in docker.files(RUNNER)) <= 150e6


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
        "vendor": "The authors of the Medusa database operator",
        "authors": "The authors of the Medusa database operator",
        "version": "0.1.0",
        "ref.name": "0.1.0",
        "revision": "",
        "created": "",
        "source": "",
        "url": "",
        "documentation": "",
    }


def test_the_unit_tests_pass_on_its_python(docker: Engine) -> None:
    """One in four, but with MEDUSA_TEST_ALL=1: what they have in common is the Python, and all its files."""
    share = 1 if os.environ.get("MEDUSA_TEST_ALL") else 4
    script = f"""
        set -e
        mkdir /there && tar -c -C {ROOT} --exclude "./.?*" . | tar -x -C /there && cd /there
        python3 -m venv /venv
        /venv/bin/pip install -q --require-hashes --no-deps -r requirements/dev.txt
        /venv/bin/pip install -q --no-deps --no-build-isolation --editable .
        MEDUSA_TEST_SHARE={share} /venv/bin/python -m pytest tests/unit -q -n 2 -p no:cacheprovider
    """
    done = docker.run(
        "run", "--rm", "--network", "host", "--volume", f"{ROOT}:{ROOT}:ro",
        "--volume", f"{docker_engine.AUTHORITIES}:{docker_engine.AUTHORITIES}:ro",
        "--env", f"PIP_CERT={docker_engine.AUTHORITIES}", docker_engine.BASE, "sh", "-c", script,
        timeout=800,
    )  # fmt: skip

    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.parametrize("image", [IMAGE, RUNNER])
def test_nothing_of_the_build_stays_in_it(docker: Engine, image: str) -> None:
    files = {file.name for file in docker.files(image)}

    top = {name.partition("/")[0] for name in files}
    assert top <= {"bin", "etc", "lib", "lib64", "opt", "tmp", "usr", "var"}
    assert not [name for name in files if "/pip/" in name or "/pip-" in name]
