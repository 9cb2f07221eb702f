"""The only module that installs from npm: what the locks in testbed/medusa name, into a cache."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEDUSA = "@medusajs/medusa"
FOLDER = Path(__file__).parents[2] / "medusa"

USED = (
    "package.json",
    "dist/defaults/",
    "dist/feature-flags/",
    "dist/loaders/feature-flags/",
    "dist/migrations/",
    "dist/utils/countries.js",
    "dist/utils/currencies.js",
    "helpers/",
    "regenerator/",
)
"""What a replay reads of a package; the rest of the eighty is more than a gigabyte."""


class InstallError(Exception):
    """npm could not deliver what a lock names, or delivered something else."""


def published_versions() -> list[str]:
    """Return every version of Medusa that has migrations and was published, oldest first."""
    return [spec.removeprefix(MEDUSA + "@") for spec in _locked() if spec.startswith(MEDUSA + "@")]


def medusa(version: str) -> Path:
    """Return the unpacked package of Medusa *version*: what a replay needs of it."""
    return _package(f"{MEDUSA}@{version}")


def libraries() -> dict[str, Path]:
    """Return the packages that Medusa's migrations and feature flags themselves require."""
    specs = [spec for spec in _locked() if not spec.startswith(MEDUSA + "@")]
    return {spec.rpartition("@")[0]: _package(spec) for spec in specs}


@cache
def installed(project: Path) -> Path:
    """Return a copy of the npm project in *project*, with the node_modules that its lock names.

    No install script of any package runs.
    """
    files = [project / name for name in ("package.json", "package-lock.json", ".npmrc")]

    def install(staging: Path) -> None:
        for file in files:
            shutil.copy(file, staging)
        _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=staging)

    return made(project.name, b"".join(file.read_bytes() for file in files), install)


def made(name: str, of: bytes, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, which *make* fills where it is not there yet.

    It is named by what it is made *of*; once made it is moved there, so that links in it must be relative.
    """
    digest = hashlib.sha256(of).hexdigest()[:16]
    target = _cache() / "projects" / f"{name}-{digest}"
    if not target.exists():
        with _only_one(), _staging() as staging:
            if not target.exists():
                make(staging)
                _put(staging, target)
    return target


@cache
def _locked() -> dict[str, str]:
    lines = (FOLDER / "packages.lock").read_text().splitlines()
    return dict(line.split() for line in lines)


def _package(spec: str) -> Path:
    """Fetch everything that is missing at the first miss: npm takes many specs at a time."""
    if not _place(spec).exists():
        with _only_one():
            missing = [each for each in _locked() if not _place(each).exists()]
            for start in range(0, len(missing), 20):
                _fetch(missing[start : start + 20])
    return _place(spec)


def _place(spec: str) -> Path:
    """Name the folder by content too, so that a changed lock is never served from the cache."""
    digest = base64.b64decode(_locked()[spec].removeprefix("sha512-")).hex()[:16]
    return _cache() / "packages" / f"{_file_name(spec)}-{digest}"


def _fetch(specs: list[str]) -> None:
    with _staging() as staging:
        _npm("pack", "--ignore-scripts", *specs, cwd=staging)
        for spec in specs:
            tarball = staging / f"{_file_name(spec)}.tgz"
            content = hashlib.sha512(tarball.read_bytes()).digest()
            if (found := "sha512-" + base64.b64encode(content).decode()) != _locked()[spec]:
                raise InstallError(f"{spec} is {found}, packages.lock wants {_locked()[spec]}")
            unpacked = staging / _file_name(spec)
            _unpack(tarball, unpacked)
            _put(unpacked, _place(spec))


def _file_name(spec: str) -> str:
    name, _, version = spec.rpartition("@")
    return f"{name.removeprefix('@').replace('/', '-')}-{version}"


def _unpack(tarball: Path, target: Path) -> None:
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            content = archive.extractfile(member)
            if content is None or ".." in path or not path.startswith(USED):
                continue
            if path.endswith((".js", ".json")):
                file = target / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.read())


def _npm(*arguments: str, cwd: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise InstallError("npm is not installed")
    command = [npm, *arguments, "--loglevel=error", "--no-update-notifier"]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InstallError(
            f"npm {arguments[0]} failed: {done.stderr.strip() or done.stdout[-500:]}"
        )


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "medusa-database-operator"


@contextmanager
def _only_one() -> Iterator[None]:
    """Let one process install at a time: the workers of a test run all start with a miss."""
    _cache().mkdir(parents=True, exist_ok=True)
    with (_cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _staging() -> Iterator[Path]:
    """Give a folder on the cache's own file system, so that a rename out of it is atomic."""
    with tempfile.TemporaryDirectory(dir=_cache(), ignore_cleanup_errors=True) as folder:
        work = Path(folder) / "work"
        work.mkdir()
        yield work


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
