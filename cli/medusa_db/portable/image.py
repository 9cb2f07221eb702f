"""Which files of the image make a portable tree, and where in it they are."""

from __future__ import annotations

import io
import json
import os
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_db.portable import elf
from medusa_db.portable.surroundings import AUTHORITIES
from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTED = "portable.json"
"""Written in the environment's folder when the image is built; what of the image belongs to a tree."""
PROGRAM = "bin/medusa-db"
INTERPRETER = "bin/python3"

_NO_PART = re.compile(
    r"__pycache__|_pyrepl|unittest|doctest\.py|pydoc\.py|pdb\.py|wsgiref|xmlrpc|xml|multiprocessing|site-packages"
    r"|_aix_support\.py|_(android|apple|ios|osx)_support\.py|__phello__"
    r"|(ftp|imap|pop|smtp|nntp|telnet)lib\.py|mailbox\.py|turtle\.py|EXTERNALLY-MANAGED"
)
"""Parts of the standard library that the runner has no use for: prompts, tests, servers, other protocols and systems."""
_NO_PACKAGE = re.compile(
    r"__pycache__|(medusa_operator|pygments|markdown_it(_py)?|mdurl)(-.*\.dist-info)?|.*\.pth"
)
"""Packages of the runner's that a run never imports: what rich shows of programs and of Markdown."""
_NO_CATALOG_SOURCE = "medusa_migrations/versions"
"""The catalog as it is written; the runner reads the compiled one."""
_START = """\
#!{folder}/bin/python3 -IBuXutf8
from medusa_db.portable.surroundings import leave_out
leave_out({folder!r})
from medusa_db.__main__ import run
run()
"""
_BASE = "python"
"""Below it is the standard library: an environment is not the installation that it is made from."""
_ENVIRONMENT = "home = {folder}/{base}/bin\ninclude-system-site-packages = false\n"
_ZONE = b"TZif"


@dataclass(frozen=True, slots=True)
class ImageParts:
    """The parts of the image that this program runs in."""

    interpreter: Path
    loader: Path
    libraries: tuple[Path, ...]
    standard_library: Path
    packages: tuple[Path, ...]
    authorities: Path
    time_zones: Path

    @classmethod
    def read(cls, environment: Path) -> ImageParts:
        """Return what is listed in the folder *environment*.

        Raises UsageError outside of the image.
        """
        try:
            listed = json.loads((environment / LISTED).read_text("utf-8"))
        except FileNotFoundError:
            raise UsageError(
                "install copies the runner out of its image, and this is another installation; run it in a "
                "container of the image: docker run IMAGE install DIR"
            ) from None
        folder = next(environment.glob("lib/python3*/site-packages"))
        return cls(
            Path(listed["interpreter"]),
            Path(listed["loader"]),
            tuple(map(Path, listed["libraries"])),
            Path(listed["standardLibrary"]),
            tuple(folder / name for name in listed["packages"]),
            Path(listed["authorities"]),
            Path(listed["timeZones"]),
        )


def here() -> ImageParts:
    """Return the image that this process runs in."""
    return ImageParts.read(Path(sys.prefix))


def files(image: ImageParts, folder: str) -> dict[str, Path | bytes]:
    """Return the files of a tree that is started in *folder*: by their paths, what they are copies of, or hold."""
    library = f"lib/{image.standard_library.name}"
    packages = f"{library}/site-packages"
    found: dict[str, Path | bytes] = {
        f"lib/{path.name}": path for path in (image.loader, *image.libraries)
    }
    found |= {
        f"{_BASE}/{library}/{name}": path
        for name, path in _modules(image.standard_library, _NO_PART)
    }
    for package in image.packages:
        if _NO_PACKAGE.fullmatch(package.name):
            continue
        if package.is_dir():
            found |= {
                f"{packages}/{package.name}/{name}": path
                for name, path in _modules(package, _NO_PACKAGE)
                if not f"{package.name}/{name}".startswith(_NO_CATALOG_SOURCE)
            }
        else:
            found[f"{packages}/{package.name}"] = package
    zones = "share/zoneinfo.zip"
    above = "../" * (packages.count("/") + 1)
    return found | {
        AUTHORITIES: image.authorities,
        zones: _zipped_zones(image.time_zones),
        f"{packages}/zoneinfo.pth": f"{above}{zones}\n".encode(),
        "pyvenv.cfg": _ENVIRONMENT.format(folder=folder, base=_BASE).encode(),
        INTERPRETER: elf.relocated(
            image.interpreter.read_bytes(), f"{folder}/lib/{image.loader.name}"
        ),
        PROGRAM: _START.format(folder=folder).encode(),
    }


def _modules(folder: Path, left_out: re.Pattern[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files below *folder*; of modules their byte code alone, in the place of their source.

    So there are half as many files, and nothing is compiled where nothing can be written.
    """
    for above, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not left_out.fullmatch(name)]
        for name in names:
            if left_out.fullmatch(name):
                continue
            path = Path(above, name)
            code = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            inside = path.relative_to(folder)
            if path.suffix == ".py" and code.exists():
                yield str(inside.with_suffix(".pyc")), code
            else:
                yield str(inside), path


def _zipped_zones(folder: Path) -> bytes:
    """Return the time zones as one file: an archive with the package that `zoneinfo` asks where the image has none."""
    zones = {
        str(path.relative_to(folder)): content
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (content := path.read_bytes()).startswith(_ZONE)
    }
    inside = {str(parent) for name in zones for parent in Path("tzdata/zoneinfo", name).parents}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in sorted(inside - {"."}):
            archive.writestr(zipfile.ZipInfo(f"{package}/__init__.py"), "")
        for name, content in zones.items():
            archive.writestr(
                zipfile.ZipInfo(f"tzdata/zoneinfo/{name}"), content, zipfile.ZIP_DEFLATED
            )
    return made.getvalue()
