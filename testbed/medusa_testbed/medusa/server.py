"""The real server and command line of Medusa, each version installed from a lock of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_testbed.medusa import packages
from medusa_testbed.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = packages.FOLDER / "servers"
NEWEST = "1.20.11"


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop's folder, as `medusa new` leaves one."""

    folder: Path

    def run(
        self, *arguments: str, url: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Medusa's command line on the database at *url*."""
        return subprocess.run(
            self._command(*arguments),
            cwd=self.folder,
            env=self._environment(url) | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def started(self, url: str) -> Iterator[str]:
        """Start the server on the database at *url*; yield its own URL as soon as it answers."""
        port = free_port()
        log = self.folder / "server.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self._command("start", "--port", str(port)),
                cwd=self.folder,
                env=self._environment(url) | {"NODE_OPTIONS": f"--require {FOLDER}/loopback.js"},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _command(self, *arguments: str) -> list[str]:
        node = shutil.which("node")
        assert node is not None
        return [node, "node_modules/@medusajs/medusa-cli/cli.js", *arguments]

    def _environment(self, url: str) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("MEDUSA_", "DATABASE_", "PG", "REDIS", "NODE_"))
        }
        return kept | {"DATABASE_URL": url, "MEDUSA_DISABLE_TELEMETRY": "1"}


def make_shop(folder: Path, version: str = NEWEST) -> Shop:
    """Put a shop of Medusa *version*, with its manual providers, into the empty *folder*."""
    installed = packages.installed(FOLDER / version)
    (folder / "node_modules").symlink_to(installed / "node_modules")
    shutil.copy(FOLDER / version / "package.json", folder)
    shutil.copy(FOLDER / "medusa-config.js", folder)
    return Shop(folder)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"Medusa did not start:\n{log.read_text()[-2000:]}")
