"""What Medusa itself does to a database: its own migrations, from its own packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_testbed.medusa import packages

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parents[1]
"""Where `replay.js` is, and the lock of what it needs."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found and did."""

    flags: dict[str, bool]
    """Every flag that the package knows, and whether it was on."""
    enabled: list[str]
    """Ledger names of the migrations that are switched on, in order."""
    ran: list[str]
    """Those that were not in the ledger and ran."""


class ReplayError(Exception):
    """One of Medusa's migrations failed; nothing was changed."""


def replay(
    version: str,
    url: str,
    flags: Mapping[str, bool] | None = None,
    *,
    stop_after: int | None = None,
) -> Replayed:
    """Bring the database at *url* to *version* as Medusa would, with *flags* set from outside."""
    node = shutil.which("node")
    if node is None:
        raise packages.InstallError("node is not installed")
    command = [node, str(FOLDER / "replay.js")]
    command += ["--package", str(packages.medusa(version)), "--database-url", url]
    for name, folder in packages.libraries().items():
        command += ["--library", f"{name}={folder}"]
    if stop_after is not None:
        command += ["--stop-after", str(stop_after)]

    done = subprocess.run(
        command, env=_environment(flags or {}), capture_output=True, text=True, check=False
    )

    if done.returncode != 0:
        raise ReplayError(f"Medusa {version}: {done.stderr.strip()}")
    return Replayed(**json.loads(done.stdout))


def _environment(flags: Mapping[str, bool]) -> dict[str, str]:
    """Leave out flags that the caller of the tests has set: they would win."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MEDUSA_FF_")}
    driver = packages.installed(FOLDER) / "node_modules"
    set_flags = {f"MEDUSA_FF_{key.upper()}": str(on).lower() for key, on in flags.items()}
    return {**kept, "NODE_PATH": str(driver), **set_flags}
