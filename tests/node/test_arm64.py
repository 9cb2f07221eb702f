"""The image of the other architecture: its libraries always; built and run by an emulator with MEDUSA_TEST_ALL=1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medusa_testbed.node.docker_engine import ROOT
from tiers import need

if TYPE_CHECKING:
    from medusa_testbed.node.docker_engine import Engine

EMULATOR = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
GLIBC = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")


@pytest.mark.parametrize("lock", ["build", "runner", "image"])
def test_every_library_is_there_for_it_by_its_hash(lock: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--require-hashes", "--only-binary", ":all:", "--python-version", "3.13",
            *(word for platform in GLIBC for word in ("--platform", platform)),
            "--dest", str(tmp_path), "--requirement", f"requirements/{lock}.txt",
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


@pytest.mark.timeout(3600)
@pytest.mark.skipif(
    not os.environ.get("MEDUSA_TEST_ALL"), reason="an emulator takes half an hour for it"
)
def test_the_runner_is_built_and_migrates(docker: Engine, url: str) -> None:
    need(EMULATOR.exists(), "no emulator of arm64 is registered (apt-get install qemu-user-static)")
    arm64 = ("--platform", "linux/arm64")
    base = docker.load_base_of("arm64")
    docker.build_runner("runner:arm64", *arm64, "--build-arg", f"BASE={base}", timeout=3000)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return docker.run(
            "run", *arm64, "--rm", "--read-only", "--cap-drop", "ALL", "--network", "host",
            "--env", f"DATABASE_URL={url}", "runner:arm64", *words,
        )  # fmt: skip

    migrated = run("migrate", "--to", "1.20.11")

    assert migrated.returncode == 0, migrated.stderr
    assert run("verify", "--to", "1.20.11").returncode == 0
    assert "arm64" in docker("image", "inspect", "--format", "{{.Architecture}}", "runner:arm64")
