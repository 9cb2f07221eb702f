"""Images that hold what a test puts into them, and no more."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from medusa_testbed.node.docker_engine import Engine


def write(archive: Path, files: Mapping[str, bytes | Path]) -> Path:
    """Write the root of an image with *files*, and a `/tmp` for everybody."""
    with tarfile.open(archive, "w") as written:
        for name, content in files.items():
            if isinstance(content, bytes):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(content), 0o644
                written.addfile(member, io.BytesIO(content))
            else:
                written.add(content.resolve(), name)
        tmp = tarfile.TarInfo("tmp")
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        written.addfile(tmp)
    return archive


def load(docker: Engine, name: str, archive: Path) -> str:
    """Have an image in the engine; return its name."""
    docker("import", archive, name)
    return name
