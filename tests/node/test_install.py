"""`medusa-db install`: the runner is copied out of its image and started in others."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

import roots
import servers
from medusa_db.demo import embedded
from medusa_db.portable.tree import MARK
from medusa_testbed.node.docker_engine import IMAGE, RUNNER
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from medusa_testbed.node.docker_engine import Engine
    from servers import TestServer

pytestmark = pytest.mark.timeout(900)

RESTRICTED = (
    "--rm", "--read-only", "--cap-drop", "ALL", "--network", "host", "--tmpfs", "/tmp",
    "--security-opt", "no-new-privileges", "--user", "1000:1000",
)  # fmt: skip
MOST_FILES = 1_200
MOST_BYTES = 80e6


@pytest.fixture(scope="module")
def postgres() -> Iterator[TestServer]:
    """A PostgreSQL on 127.0.0.1."""
    with servers.started(embedded.binaries()) as running:
        yield running


@pytest.fixture(scope="module")
def nothing(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with an empty /tmp and nothing else."""
    return roots.load(
        docker, "nothing:test", roots.write(tmp_path_factory.mktemp("root") / "root.tar", {})
    )


@pytest.fixture(scope="module")
def tree(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `install` has filled."""
    folder = tmp_path_factory.mktemp("tree")
    done = install(docker, folder)
    assert done.returncode == 0, done.stderr
    return folder


def install(
    docker: Engine, folder: Path, *options: str, image: str = RUNNER
) -> subprocess.CompletedProcess[str]:
    """Fill *folder*, as an init container fills an emptyDir."""
    folder.chmod(0o777)
    return docker.run(
        "run", *RESTRICTED, *options, "--volume", f"{folder}:/medusa-db", image, "install", "/medusa-db",
    )  # fmt: skip


def started(
    docker: Engine,
    tree: Path,
    image: str,
    *words: str,
    options: tuple[str, ...] = (),
    program: str = "medusa-db",
) -> subprocess.CompletedProcess[str]:
    """Start the copy in a container of *image*."""
    return docker.run(
        "run", *RESTRICTED, "--volume", f"{tree}:/medusa-db:ro", *options,
        "--entrypoint", f"/medusa-db/bin/{program}", image, *words,
    )  # fmt: skip


def test_it_migrates_in_an_image_with_nothing_in_it(
    docker: Engine, postgres: TestServer, tree: Path, nothing: str
) -> None:
    with postgres.database() as name:
        url = ("--env", f"DATABASE_URL={postgres.url(name)}")
        words = ("migrate", "--to", "1.20.11", "--output", "json", "--report-file", "/tmp/report")

        first = started(docker, tree, nothing, *words, options=url)
        again = started(docker, tree, nothing, *words, options=url)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert [json.loads(done.stdout)["state"] for done in (first, again)] == ["done", "nothing"]


def test_it_is_as_small_as_promised(tree: Path) -> None:
    files = [path for path in tree.rglob("*") if path.is_file()]

    assert len(files) <= MOST_FILES
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES


def test_the_image_of_the_operator_copies_the_same_but_for_libraries_of_the_system(
    docker: Engine, tree: Path, tmp_path: Path
) -> None:
    done = install(docker, tmp_path, image=IMAGE)

    assert done.returncode == 0, done.stderr
    whole, runner = _contents(tmp_path), _contents(tree)
    more = {name for name in whole if name not in runner}
    assert {name: content for name, content in whole.items() if name not in more} == runner
    assert all(re.fullmatch(r"lib/lib[\w+]+\.so\.\d+", name) for name in more), more


def test_a_second_time_nothing_is_written(docker: Engine, tree: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}

    done = install(docker, tree)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Already installed: /medusa-db/bin/medusa-db (")
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


SHOWN = """
import sys, zoneinfo, psycopg, ssl
print(sys.executable, zoneinfo.ZoneInfo("Europe/Berlin"), psycopg.pq.__impl__)
"""


def test_its_interpreter_starts_by_itself(docker: Engine, tree: Path, nothing: str) -> None:
    done = started(docker, tree, nothing, "-I", "-c", SHOWN, program="python3")

    assert done.stdout == "/medusa-db/bin/python3 Europe/Berlin binary\n", done.stderr
    assert done.stderr == ""


def test_it_knows_the_time_zone_of_a_session(
    docker: Engine, postgres: TestServer, tree: Path, nothing: str
) -> None:
    asked = (
        "import logging, psycopg, sys; logging.basicConfig(level='WARNING');"
        "print(psycopg.connect(sys.argv[1]).execute('select now()').fetchone()[0].tzinfo)"
    )
    options = ("--env", "PGTZ=America/Argentina/Buenos_Aires")
    done = started(
        docker, tree, nothing, "-I", "-c", asked, postgres.url("postgres"),
        program="python3", options=options,
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("America/Argentina/Buenos_Aires\n", "")


@pytest.mark.parametrize(
    "variable",
    [
        "PYTHONPATH=/wrong",
        "PYTHONHOME=/wrong",
        "PYTHONPLATLIBDIR=wrong",
        "PYTHONSTARTUP=/wrong",
        "PYTHONWARNINGS=error",
        "PYTHONIOENCODING=ascii",
        "PYTHONVERBOSE=1",
        "PYTHONINSPECT=1",
        "PYTHONTZPATH=/wrong",
        "LC_ALL=de_DE.ISO-8859-1",
        "LD_LIBRARY_PATH=/wrong",
        "SSL_CERT_FILE=/wrong/none",
        "SSL_CERT_DIR=/wrong",
        "OPENSSL_CONF=/wrong/openssl.cnf",
        "OPENSSL_MODULES=/wrong",
        "GLIBC_TUNABLES=glibc.malloc.check=3",
        "LD_PRELOAD=",
    ],
)  # fmt: skip
def test_what_the_environment_has_for_other_programs_changes_nothing(
    docker: Engine, postgres: TestServer, tree: Path, nothing: str, tmp_path: Path, variable: str
) -> None:
    for name in ("libc.so.6", "libm.so.6", "libz.so.1", "libssl.so.3", "psycopg.py", "os.py"):
        (tmp_path / name).write_text("raise SystemExit('wrong')")
    (tmp_path / "openssl.cnf").write_text("openssl_conf = x\n[x]\nproviders = y\n[y]\nz = none\n")
    tmp_path.chmod(0o755)
    with postgres.database() as name:
        done = started(
            docker, tree, nothing, "status", options=(
                "--volume", f"{tmp_path}:/wrong:ro", "--env", variable, "--env", f"DATABASE_URL={postgres.url(name)}",
            ),
        )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_gets_the_environment_as_it_is(
    docker: Engine, postgres: TestServer, tree: Path, nothing: str
) -> None:
    given = {
        "PYTHONPATH": "/x",
        "SSL_CERT_FILE": "/y",
        "OPENSSL_CONF": "/z",
        "LD_LIBRARY_PATH": "/w",
    }
    program = f"import os; print({{k: os.environ.get(k) for k in {list(given)}}})"
    with postgres.database() as name:
        options = [word for key, value in given.items() for word in ("--env", f"{key}={value}")]
        done = started(
            docker, tree, nothing, "exec", "--", "/medusa-db/bin/python3", "-I", "-c", program,
            options=(*options, "--env", f"DATABASE_URL={postgres.url(name)}"),
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert str(given) in done.stderr


def test_a_library_that_cannot_be_preloaded_is_a_line_on_stderr(
    docker: Engine, tree: Path, nothing: str
) -> None:
    options = ("--env", "LD_PRELOAD=/none.so")

    done = started(docker, tree, nothing, "--version", options=options)

    assert done.returncode == 0
    assert "'/none.so' from LD_PRELOAD cannot be preloaded" in done.stderr


MISTAKES = [
    pytest.param(("--tmpfs", "/other:mode=777,exec,size=9m"), "/other", "the volume is full", id="full"),
    pytest.param(("--tmpfs", "/other:mode=777,noexec"), "/other", "not allowed to start", id="noexec"),
    pytest.param(("--tmpfs", "/other:mode=755,exec"), "/other", "user 1000 may not write there", id="of-another-user"),
    pytest.param((), "/other", "mounted read-only", id="read-only"),
    pytest.param((), "/opt/medusa-db", "the folder holds other files", id="our-own"),
    pytest.param((), "/", "the folder holds other files", id="root"),
    pytest.param((), "tree", "name the folder absolutely", id="relative"),
    pytest.param((), "/etc/passwd", "is a file, and no folder", id="file"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "folder", "why"), MISTAKES)
def test_a_folder_that_cannot_be_used_is_refused(
    docker: Engine, options: tuple[str, ...], folder: str, why: str
) -> None:
    done = docker.run("run", *RESTRICTED, *options, RUNNER, "install", folder)

    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"medusa-db: install {folder}: ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_killed_half_way_it_leaves_nothing_to_start(docker: Engine, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    process = subprocess.Popen(
        docker.command(
            "run", *RESTRICTED, "--name", "half", "--volume", f"{tmp_path}:/medusa-db",
            RUNNER, "install", "/medusa-db",
        ), env=docker.environment(), stdin=subprocess.DEVNULL,
    )  # fmt: skip
    eventually((tmp_path / MARK).exists, within=60)
    docker.run("kill", "half")
    process.wait(60)
    half = not (tmp_path / "bin" / "medusa-db").exists()
    left = {path.name for path in tmp_path.iterdir()}

    done = install(docker, tmp_path)

    assert half or process.returncode == 0
    assert MARK in left
    assert done.returncode == 0, done.stderr


def test_a_stage_of_the_shops_dockerfile_copies_it_too(
    docker: Engine, postgres: TestServer, nothing: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {RUNNER} AS medusa-db\n"
        "USER 0\n"
        'RUN ["medusa-db", "install", "/medusa-db"]\n'
        f"FROM {nothing}\n"
        "COPY --from=medusa-db /medusa-db /medusa-db\n"
    )
    docker("build", "--network", "host", "--tag", "with-runner:test", tmp_path)

    with postgres.database() as name:
        done = docker.run(
            "run", *RESTRICTED, "--env", f"DATABASE_URL={postgres.url(name)}",
            "--entrypoint", "/medusa-db/bin/medusa-db", "with-runner:test", "migrate", "--to", "1.20.11",
        )  # fmt: skip

    assert done.returncode == 0, done.stderr


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip
