"""Medusa's own data scripts, run from its packages without the rest of a server."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from medusa_testbed.medusa import packages

FOLDER = Path(__file__).parents[1] / "scripts"


def installed(version: str) -> Path:
    """Return the unpacked package of Medusa *version* with all its code: a replay keeps less.

    What its scripts import is installed as well. Raises InstallError where that cannot be done.
    """
    packages.installed(FOLDER)
    return _package(version)


def run(
    version: str, script: str, url: str, *, within: float = 300
) -> subprocess.CompletedProcess[str]:
    """Run the data script of Medusa *version* on the database at *url*.

    Its exit code says little: some scripts end with 0 when they have rolled back. Raises TimeoutExpired where it
    takes longer than *within* seconds: one of them goes on for ever where rows are not taken.
    """
    node = shutil.which("node")
    if node is None:
        raise packages.InstallError("node is not installed")
    package = installed(version)
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(packages.installed(FOLDER) / "node_modules"),
        "DATABASE_URL": url,
        "MEDUSA_FF_SALES_CHANNELS": "true",
        "TYPEORM_CONNECTION": "postgres",
        "TYPEORM_URL": url,
        "TYPEORM_MIGRATIONS": "none",
        "TYPEORM_ENTITIES": str(package / "dist" / "models" / "*.js"),
    }
    return subprocess.run(
        [node, "-r", str(FOLDER / "stub.js"), str(package / "dist" / "scripts" / f"{script}.js")],
        cwd=FOLDER, env=environment, capture_output=True, text=True, check=False, timeout=within,
    )  # fmt: skip


def _package(version: str) -> Path:
    spec = f"{packages.MEDUSA}@{version}"
    wanted = packages._locked()[spec]
    place = packages._place(spec)
    target = place.with_name(f"{place.name}-whole")
    if not target.exists():
        with packages._only_one(), packages._staging() as staging:
            if not target.exists():
                packages._npm("pack", "--ignore-scripts", spec, cwd=staging)
                tarball = staging / f"{packages._file_name(spec)}.tgz"
                digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
                if f"sha512-{digest}" != wanted:
                    raise packages.InstallError(f"{spec} is not what packages.lock wants")
                _unpack(tarball, staging / "whole")
                packages._put(staging / "whole", target)
    return target


def _unpack(tarball: Path, target: Path) -> None:
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = member.name.partition("/")[2]
            content = archive.extractfile(member)
            if content is not None and ".." not in path and path.endswith((".js", ".json")):
                file = target / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.read())
