"""Images of shops, and of a runner that can be carried into them, for the stand-in kubelet."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import projects
from medusa_testbed.kubelet.images import Image
from tiers import need

if TYPE_CHECKING:
    from medusa_testbed.kubelet.kubelet import Kubelet

CARRIED = "runner:test"
"""The runner's image, whose `install` makes a link to the program of this machine.

What `medusa-db install` copies out of the image is tested on a node: here is no image.
"""


def publish_runner(kubelet: Kubelet, folder: Path) -> None:
    """Publish the runner's image as `runner:test`."""
    program = Path(sys.executable).with_name("medusa-db")
    runner = folder / "runner"
    runner.write_text(
        f'#!/bin/sh\n[ "$1" = install ] || exec {program} "$@"\n'
        f'mkdir -p "$2/bin" && ln -sf {program} "$2/bin/medusa-db"\n'
    )
    runner.chmod(0o755)
    kubelet.images[CARRIED] = Image((str(runner),))


def publish(kubelet: Kubelet, name: str, folder: Path) -> None:
    """Publish the image *name* of a shop, whose project in /server is *folder*."""
    need(shutil.which("node"), "Node is not installed")
    node = Path(shutil.which("node") or "").parent
    path = {"PATH": f"{node}{os.pathsep}{os.defpath}"}
    kubelet.images[name] = Image(("false",), path, folders={"/server": folder})


def project(folder: Path, version: str) -> Path:
    """Make a shop of Medusa *version* in *folder*, with its packages from npm."""
    need(shutil.which("node") and shutil.which("npm"), "Node and npm are not installed")
    return projects.make(folder, version)


def hollow(folder: Path, version: str) -> Path:
    """Make a project in *folder* that has Medusa *version* installed, and none of its programs' code."""
    cli = "@medusajs/cli" if version.startswith("2.") else "@medusajs/medusa-cli"
    for package in ("@medusajs/medusa", cli):
        place = folder / "node_modules" / package
        place.mkdir(parents=True)
        (place / "package.json").write_text(json.dumps({"name": package, "version": version}))
        (place / "cli.js").write_text("process.exit(1)\n")
    (folder / "medusa-config.js").touch()
    (folder / "package.json").write_text(
        json.dumps({"dependencies": {"@medusajs/medusa": version}})
    )
    return folder
