"""Collect the files of the image: Python, our environment, the libraries that both load, and nothing else.

    python3 rootfs.py ENVIRONMENT FOLDER PACKAGES

FOLDER/system gets Python and what belongs to the base, FOLDER/environment gets ENVIRONMENT; every file keeps its
path. PACKAGES is a file that names what of site-packages is the runner's. Run by the base's Python in a stage of the Dockerfile. Two runs on the same files write the same bytes: byte
code holds no time of its source, and all times are SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STANDARD_LIBRARY = Path(os.__file__).parent
NO_PART = re.compile(
    r"__pycache__|test|tests|site-packages|dist-packages|config-3.*|ensurepip|venv|idlelib|turtledemo"
    r"|tkinter|turtle\.py|lib2to3|pydoc_data|curses|dbm|sqlite3"
    r"|(_tkinter|_curses.*|_dbm|_gdbm|_sqlite3|readline|nis|_test.*|_xxtest.*|_ctypes_test|xxlimited.*)\..*so"
)
"""Parts of the standard library that are for terminals, windows, tests, installing, or databases of its own."""
PROGRAMS = re.compile(r"python[\d.]*|medusa-db")
"""What of the environment's bin is a program of the image."""
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
TIME_ZONES = "/usr/share/zoneinfo"
KEPT = ("/etc/os-release", AUTHORITIES, TIME_ZONES)
"""Which distribution it is, for scanners; authorities; time zones, of which a database may have any."""
WRITTEN = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\n"
    "medusa-db:x:65532:65532::/nonexistent:/sbin/nologin\n",
    "etc/group": "root:x:0:\nmedusa-db:x:65532:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
"""libpq asks for the name of its user, so the number has one."""


@dataclass(slots=True)
class Tree:
    """What is copied from the base, below a folder."""

    root: Path
    taken: set[Path] = field(default_factory=set)

    def take(self, path: Path) -> None:
        """Copy a file or a folder, and what it is a link to; files that do not exist are left out."""
        path = path.parent.resolve() / path.name
        if path in self.taken or not path.exists():
            return
        self.taken.add(path)
        copy = self.root / path.relative_to("/")
        if path.is_dir() and not path.is_symlink():
            for each in sorted(path.iterdir()):
                self.take(each)
            return
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            copy.symlink_to(path.readlink())
            self.take(path.parent / path.readlink())
        else:
            shutil.copy2(path, copy)

    def write(self, name: str, text: str) -> None:
        """Write a file of our own."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)


def main(environment: Path, folder: Path, packages: Path) -> None:
    """Collect both parts in *folder*; *packages* names those of the runner."""
    system, own = Tree(folder / "system"), folder / "environment"
    inside = own / environment.relative_to("/")
    _copy_environment(environment, inside)
    interpreter = take_python(system, environment)
    libraries = take_libraries(
        system, [*_binaries(system.root), *_binaries(own)], environment, inside
    )
    list_portable(inside, interpreter, libraries, packages.read_text("utf-8").split())
    for name in KEPT:
        system.take(Path(name))
    for name, text in WRITTEN.items():
        system.write(name, text)
    (system.root / "tmp").mkdir()
    (system.root / "tmp").chmod(0o1777)
    _link_merged_folders(system.root)
    record_packages(system)
    for root, source in ((system.root, STANDARD_LIBRARY), (own, environment)):
        compile_(root, source)
        set_times(root, int(os.environ["SOURCE_DATE_EPOCH"]))


def take_python(system: Tree, environment: Path) -> Path:
    """Take the interpreter that the environment's is a link to, and its standard library; return the former."""
    link = environment / "bin" / "python"
    while link.is_symlink():
        link = link.parent / link.readlink()
        if not link.is_relative_to(environment):
            system.take(link)
    for folder, folders, files in os.walk(STANDARD_LIBRARY):
        folders[:] = sorted(name for name in folders if not NO_PART.fullmatch(name))
        for name in sorted(files):
            if not NO_PART.fullmatch(name):
                system.take(Path(folder, name))
    return link


def take_libraries(
    system: Tree, binaries: list[Path], environment: Path, inside: Path
) -> list[Path]:
    """Take the libraries that programs and modules load, and the loader; return them."""
    done = subprocess.run(  # noqa: S603  our own arguments
        ["ldd", *binaries],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if missing := sorted(set(re.findall(r"(\S+) => not found", done.stdout))):
        sys.exit(f"the base has no {', '.join(missing)}, which Python or a package of ours loads")
    found = {Path(name) for name in re.findall(r"(/\S+) \(0x", done.stdout)}
    found -= {name for name in found if name.is_relative_to(environment)}
    found -= {name for name in found if name.is_relative_to(inside)}
    for library in sorted(found):
        system.take(library)
    libc = next(
        name.parent.resolve() for name in sorted(found) if name.name.startswith(("libc.", "ld-"))
    )
    # loaded by name, when a thread is ended
    system.take(libc / "libgcc_s.so.1")
    # without a cache, which the image has none of, the loader looks nowhere else
    folder = system.root / libc.relative_to("/")
    for library in sorted(found):
        if not library.name.startswith("ld-") and not (folder / library.name).exists():
            (folder / library.name).symlink_to(library)
    return [*sorted(found), libc / "libgcc_s.so.1"]


def list_portable(
    inside: Path, interpreter: Path, libraries: list[Path], packages: list[str]
) -> None:
    """Write down what `medusa-db install` copies."""
    listed = {
        "interpreter": str(interpreter),
        "loader": next(str(path) for path in libraries if path.name.startswith("ld-")),
        "libraries": [
            str(path) for path in dict.fromkeys(libraries) if not path.name.startswith("ld-")
        ],
        "standardLibrary": str(STANDARD_LIBRARY),
        "packages": sorted(packages),
        "authorities": AUTHORITIES,
        "timeZones": TIME_ZONES,
    }
    (inside / "portable.json").write_text(json.dumps(listed, indent=1) + "\n", "utf-8")


def record_packages(system: Tree) -> None:
    """Say which packages of Debian the files are from, as distroless images do: scanners read that."""
    base = Path("/var/lib/dpkg")
    if not (base / "status").exists():
        return
    owners = set()
    for listing in sorted((base / "info").glob("*.list")):
        owned = (Path(line) for line in listing.read_text("utf-8").splitlines())
        if any(
            path.parent.resolve() / path.name in system.taken and not path.is_dir()
            for path in owned
        ):
            owners.add(listing.stem.partition(":")[0])
    for paragraph in (base / "status").read_text("utf-8").split("\n\n"):
        name = re.match(r"Package: (\S+)", paragraph)
        if name and name[1] in owners:
            system.write(f"var/lib/dpkg/status.d/{name[1]}", paragraph.strip() + "\n")
            licence = Path(f"/usr/share/doc/{name[1]}/copyright")
            if licence.exists():  # often below a link to the documents of another package
                copy = system.root / licence.relative_to("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(licence, copy)


def compile_(root: Path, source: Path) -> None:
    """Write byte code that is used without a look at its source."""
    if not compileall.compile_dir(
        root / source.relative_to("/"), quiet=1, force=True, stripdir=str(root), prependdir="/",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    ):  # fmt: skip
        sys.exit(f"some of {source} does not compile")


def set_times(root: Path, seconds: int) -> None:
    """Give everything the same time."""
    for folder, folders, files in os.walk(root, topdown=False):
        for name in [*folders, *files]:
            os.utime(Path(folder, name), (seconds, seconds), follow_symlinks=False)
    os.utime(root, (seconds, seconds))


def _copy_environment(environment: Path, copy: Path) -> None:
    def left_out(folder: str, names: Iterable[str]) -> set[str]:
        programs = Path(folder) == environment / "bin"
        return {
            name
            for name in names
            if name == "__pycache__" or (programs and not PROGRAMS.fullmatch(name))
        }

    shutil.copytree(environment, copy, symlinks=True, ignore=left_out)


def _binaries(root: Path) -> Iterator[Path]:
    """Yield the programs and shared libraries below a folder."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if not path.is_symlink() and (".so" in name or folder.endswith("/bin")):
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path


def _link_merged_folders(root: Path) -> None:
    """Have /lib and the like where the base has them as links into /usr."""
    for name in ("bin", "lib", "lib64", "sbin"):
        link = Path("/", name)
        if link.is_symlink() and (root / link.readlink()).exists():
            (root / name).symlink_to(link.readlink())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
