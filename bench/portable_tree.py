"""What `medusa-db install` copies into a shop's container, in files and bytes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from medusa_testbed.node import docker_engine

TITLE = "### The runner in a shop's container"
MOST_FILES = 1_200
MOST_BYTES = 80e6


def section() -> tuple[str, bool]:
    """Return the Markdown of the benchmark, and whether the bounds were met; it needs root, and Docker's engine."""
    if missing := docker_engine.unobtainable():
        return f"{TITLE}\n\nNot measured: {missing}.", True
    files, size, seconds = _measured()
    rows = (
        (f"at most {MOST_FILES:,} files", f"{files:,}", files <= MOST_FILES),
        (f"at most {MOST_BYTES / 1e6:.0f} MB", f"{size / 1e6:.0f} MB", size <= MOST_BYTES),
    )
    lines = [
        TITLE,
        "",
        f"`medusa-db install`, once, with the start of its container: {seconds:.1f} s.",
        "",
        "| wanted | measured | |",
        "|---|--:|---|",
        *(f"| {text} | {shown} | {'met' if met else '**not met**'} |" for text, shown, met in rows),
    ]
    return "\n".join(lines), all(met for _, _, met in rows)


def _measured() -> tuple[int, int, float]:
    """Return files, bytes and seconds of one installation."""
    archive = docker_engine.built()
    with (
        tempfile.TemporaryDirectory(prefix="medusa-db-tree-") as folder,
        docker_engine.started() as docker,
    ):
        docker("load", "--input", archive)
        begun = time.monotonic()
        docker(
            "run", "--rm", "--user", "0", "--network", "none", "--volume", f"{folder}:/medusa-db",
            docker_engine.RUNNER, "install", "/medusa-db",
        )  # fmt: skip
        seconds = time.monotonic() - begun
        sizes = [path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()]
    return len(sizes), sum(sizes), seconds
