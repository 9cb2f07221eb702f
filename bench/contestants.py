"""How each contestant is installed and called."""

from __future__ import annotations

import atexit
import functools
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure import FailedRunError, Invocation
from medusa_db.demo import embedded
from medusa_migrations.catalog import load, version
from medusa_testbed.medusa import packages, server

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = "1.20.11"

OURS = "`medusa-db migrate`"
MEDUSA = "Medusa's own CLI"
PSQL = "`psql -1 -f` of our SQL"
YOYO = "yoyo-migrations with our SQL"
BARE = "bare psycopg"
VERSION = "`medusa-db --version`"
ARGPARSE = "bare argparse"

_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).parent.parent
_LOCK = _ROOT / "requirements" / "bench.txt"
_CONNECT = (
    "import sys, psycopg\n"
    "with psycopg.connect(sys.argv[1]) as conn:\n"
    "    print(len(conn.execute('select name from migrations order by id').fetchall()))\n"
)
_PARSE = "import argparse; argparse.ArgumentParser().parse_args([])"


class UnavailableError(Exception):
    """A contestant cannot be had on this machine."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do the work of a benchmark."""

    name: str
    invocation: Callable[[str], Invocation]
    """Takes a database's URL."""
    says: str = ""
    """What it prints when it did what it should."""


@functools.cache
def _installed() -> Path:
    """Return the programs of a new installation of ours, as the runner's image has it: nothing of the tests'."""
    folder = Path(tempfile.mkdtemp(prefix="medusa-db-bench-"))
    atexit.register(shutil.rmtree, folder)
    python = str(folder / "bin" / "python")
    into = (str(_BIN / "uv"), "pip", "install", "--quiet", "--python", python, "--compile-bytecode")
    for command in (
        (str(_BIN / "uv"), "venv", "--quiet", "--python", sys.executable, str(folder)),
        (*into, "--require-hashes", "--requirements", str(_ROOT / "requirements" / "runner.txt")),
        (*into, "--no-deps", str(_ROOT)),
    ):
        subprocess.run(command, check=True)
    return folder / "bin"


def medusa_db() -> str:
    """Return the program of our own command."""
    return str(_installed() / "medusa-db")


def ours(folder: Path, says: str = "") -> Contestant:
    """Return our own command."""
    command = (medusa_db(), "migrate", "--to", TARGET, "--yes")
    return Contestant(
        OURS, lambda url: Invocation(command, environment(DATABASE_URL=url), folder), says
    )


def medusa(folder: Path, says: str = "") -> Contestant:
    """Return Medusa's own command in a shop made in *folder*, installed from the tests' lock."""
    node = shutil.which("node")
    if node is None:
        raise UnavailableError("Node is not installed")
    folder.mkdir(exist_ok=True)
    if not (folder / "node_modules").exists():
        try:
            server.make_shop(folder)
        except packages.InstallError as exc:
            raise UnavailableError(f"Medusa cannot be installed: {exc}") from exc
    command = (node, "node_modules/@medusajs/medusa-cli/cli.js", "migrations", "run")
    return Contestant(
        MEDUSA,
        lambda url: Invocation(
            command, environment(DATABASE_URL=url, MEDUSA_DISABLE_TELEMETRY="1"), folder
        ),
        says,
    )


def psql(folder: Path, script: str) -> Contestant:
    """Return psql with *script* in one transaction."""
    file = folder / "plan.sql"
    file.write_text(script)
    program = str(embedded.binaries() / "psql")
    options = ("-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", str(file))
    return Contestant(PSQL, lambda url: Invocation((program, *options, url), environment(), folder))


def yoyo(folder: Path, script: str) -> Contestant:
    """Return yoyo with *script* cut into a file for each migration, as its users have them."""
    program = _yoyo()
    files = folder / "yoyo"
    files.mkdir(exist_ok=True)
    for number, (name, text) in enumerate(_parts(script)):
        (files / f"{number:03}_{name}.sql").write_text(text)

    def invocation(url: str) -> Invocation:
        database = url.replace("postgresql://", "postgresql+psycopg://")
        options = ("apply", "--batch", "--no-config-file", "--database", database, str(files))
        return Invocation((program, *options), environment(), folder)

    return Contestant(YOYO, invocation)


def bare(folder: Path) -> Contestant:
    """Return the least that a Python program can do: connect, and read the ledger."""
    command = (str(_installed() / "python"), "-c", _CONNECT)
    return Contestant(
        BARE, lambda url: Invocation((*command, url), environment(), folder), says="75"
    )


def starts(folder: Path) -> list[Contestant]:
    """Return our command and the least of its kind, both without a database."""
    ours = (medusa_db(), "--version")
    parse = (str(_installed() / "python"), "-c", _PARSE)
    return [
        Contestant(VERSION, lambda _: Invocation(ours, environment(), folder), "medusa-db"),
        Contestant(ARGPARSE, lambda _: Invocation(parse, environment(), folder)),
    ]


def plan(url: str) -> str:
    """Return the script that `medusa-db plan --sql` prints for the database at *url*."""
    command = (medusa_db(), "plan", "--to", TARGET, "--sql")
    return _output(command, url)


def bring(url: str, to: str) -> None:
    """Bring the database at *url* to a version, with our own command."""
    _output((medusa_db(), "migrate", "--to", to, "--yes"), url)


def _output(command: tuple[str, ...], url: str) -> str:
    done = subprocess.run(
        command, env=environment(DATABASE_URL=url), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FailedRunError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def environment(**values: str) -> dict[str, str]:
    """Return the environment that all contestants get: no setting of the one who measures."""
    theirs = ("DATABASE_", "MEDUSA_", "NODE_", "PG", "PYTHON", "REDIS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return kept | values


def _parts(script: str) -> list[tuple[str, str]]:
    """Return name and text of each migration in *script*; what precedes the first goes with it."""
    target = version.parse(TARGET)
    assert target is not None  # noqa: S101  a constant of this module
    names = [migration.name for migration in load.read().enabled(target, {})]
    parts, rest = [], script
    for name, following in itertools.pairwise([*names, ""]):
        text, mark, rest = rest.partition(f"\n-- {following}\n")
        if following and not mark:
            raise ValueError(f"the plan has no part for {following}")
        parts.append((name, text))
    return parts


def _yoyo() -> str:
    """Return yoyo's program, installed from its lock into a folder outside the tree."""
    digest = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "medusa-database-operator" / f"bench-{digest}"
    done = folder / "installed"
    if not done.exists():
        uv = str(_BIN / "uv")
        python = str(folder / "bin" / "python")
        for command in (
            (uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)),
            (uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes",
             "--compile-bytecode", str(_LOCK)),
        ):  # fmt: skip
            try:
                subprocess.run(command, capture_output=True, text=True, check=True)
            except (OSError, subprocess.CalledProcessError) as exc:
                said = getattr(exc, "stderr", "") or str(exc)
                raise UnavailableError(f"yoyo cannot be installed: {said.strip()}") from exc
        done.touch()
    return str(folder / "bin" / "yoyo")
