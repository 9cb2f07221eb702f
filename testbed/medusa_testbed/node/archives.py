"""Images in the format of `docker save`, made of layers that are tar files: no engine is asked to build them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """One image of an archive."""

    name: str
    layers: tuple[Path, ...]
    """The lowest first; images share those that they have in common."""
    config: Mapping[str, object] = field(default_factory=dict)
    """`Entrypoint`, `Env`, `User`, `WorkingDir` and the like."""


def write(archive: Path, images: Sequence[ArchivedImage]) -> Path:
    """Write an archive of *images*, and return it."""
    digests = {layer: _digest(layer) for image in images for layer in image.layers}
    with tarfile.open(archive, "w") as written:
        for layer, digest in digests.items():
            written.add(layer, f"{digest}.tar")
        manifest = []
        for image in images:
            names = [digests[layer] for layer in image.layers]
            config = {
                "architecture": "amd64",
                "os": "linux",
                "config": dict(image.config),
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{name}" for name in names]},
            }
            content = json.dumps(config).encode()
            file = f"{hashlib.sha256(content).hexdigest()}.json"
            _add(written, file, content)
            layers = [f"{name}.tar" for name in names]
            manifest.append({"Config": file, "RepoTags": [image.name], "Layers": layers})
        _add(written, "manifest.json", json.dumps(manifest).encode())
    return archive


def layer(file: Path, contents: Mapping[str, Path | bytes | str]) -> Path:
    """Write a layer, and return it: files are copied with their modes, of bytes they are made, a string is a link's target."""
    with tarfile.open(file, "w") as written:
        for name, content in contents.items():
            match content:
                case bytes():
                    _add(written, name, content)
                case str():
                    member = tarfile.TarInfo(name)
                    member.type, member.linkname = tarfile.SYMTYPE, content
                    written.addfile(member)
                case _:
                    written.add(content.resolve(), name, recursive=False, filter=_of_root)
    return file


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    archive.addfile(member, io.BytesIO(content))


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _digest(file: Path) -> str:
    with file.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()
