"""Images as the stand-in kubelet knows them: a name, and what is run for it."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from medusa_testbed.api import Object

RUNNER = "medusa-db:test"
"""The image with `medusa-db` and the operator, in the version of this source tree."""

SHELL = "shell:test"
"""An image with the machine's own programs and no entrypoint."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a container ends that is no process at all."""

    exit_code: int = 0
    message: str = ""
    """The termination message."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a registry holds under a name."""

    entrypoint: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(
        default_factory=lambda: {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}"}
    )
    digest: str = ""
    """Empty for one that the name yields; a moved tag is the same name with another digest."""
    outcome: Callable[[Object], Outcome] | None = None
    """Called with the pod, instead of any process: its container ends at once."""
    user: int | None = None
    """Run as this user, of group 0 and without a name, as OpenShift runs a pod that names no user."""

    folders: Mapping[str, Path] = field(default_factory=dict)
    """For a folder of it the one of this machine that a container with that `workingDir` starts in."""

    listens: Mapping[int, str] = field(default_factory=dict)
    """For a port of the container the variable that tells the program another `host:port`: all pods
    share one address, and two replicas cannot listen on one port of it."""

    def identity(self, name: str) -> str:
        """Return the imageID that a container of it reports."""
        digest = self.digest or f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
        repository, _, tag = name.partition("@")[0].rpartition(":")
        return f"{repository if repository and '/' not in tag else name}@{digest}"


def shipped() -> dict[str, Image]:
    """Return the images that every test finds."""
    operator = {8080: "MEDUSA_DB_METRICS_ADDRESS", 8081: "MEDUSA_DB_HEALTH_ADDRESS"}
    return {RUNNER: Image(("medusa-db",), listens=operator), SHELL: Image()}
