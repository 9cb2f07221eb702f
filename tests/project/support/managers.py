"""Shops whose packages pnpm, Bun or Yarn has installed: the very ones that the shop's package-lock.json names."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import projects
import yarn_lock
from medusa_testbed.medusa import packages

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parents[1] / "managers"
LINKED = "greeting"
"""A package of the workspace beside the shop, which the shop asks for as `workspace:*`."""
SERVER = Path("apps") / "server"
"""Where the shop of a workspace is."""
_HOISTED = 'publicHoistPattern: ["*@medusajs/*"]\n'
_YARN = {"2.21.2": "f69eb18c3a4f92259911df2e464667889b5666684b4da9386b01b16a5bcf9780"}
"""The digest of what Yarn fetches for a shop: its own checksums are of archives that it makes itself."""
_INTEGRITY = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")


def tools() -> Path:
    """Return the node_modules with the package managers, and with ts-node."""
    return packages.installed(FOLDER) / "node_modules"


def pnpm(version: str) -> Path:
    """Return a workspace of pnpm's whose `SERVER` is the shop of Medusa *version*, with catalog and `workspace:` ranges."""

    def install(folder: Path) -> None:
        shop, server = projects.SHOPS / version, folder / SERVER
        wanted = json.loads((shop / "package.json").read_text())
        shutil.copy(shop / "package.json", folder)
        shutil.copy(shop / "package-lock.json", folder)
        _pnpm(folder, "import")
        _require_locked(folder / "pnpm-lock.yaml", shop)
        (folder / "package-lock.json").unlink()
        lock = (folder / "pnpm-lock.yaml").read_text()
        (folder / "pnpm-lock.yaml").write_text(lock.replace("\n  .:\n", f"\n  {SERVER}:\n"))
        asked = wanted["dependencies"]
        _write(folder / "package.json", {"name": "root", "private": True})
        catalog = "".join(f'  "{name}": {one}\n' for name, one in asked.items())
        (folder / "pnpm-workspace.yaml").write_text(
            f'packages: ["apps/*", "packages/*"]\ncatalog:\n{catalog}{_HOISTED}'
        )
        wanted["dependencies"] = dict.fromkeys(asked, "catalog:") | {LINKED: "workspace:*"}
        _write(server / "package.json", wanted)
        _write(folder / "packages" / LINKED / "package.json", {"name": LINKED, "version": "1.0.0"})
        (folder / "packages" / LINKED / "index.js").touch()
        _pnpm(folder, "install", "--no-frozen-lockfile", "--ignore-scripts")
        _require_locked(folder / "pnpm-lock.yaml", shop)

    return _made(f"{version}-pnpm", version, install)


def bun(version: str, linker: str) -> Path:
    """Return the shop of Medusa *version* as Bun's *linker* installs it: `hoisted` or `isolated`."""

    def install(folder: Path) -> None:
        shop = projects.SHOPS / version
        shutil.copy(shop / "package.json", folder)
        shutil.copy(shop / "package-lock.json", folder)
        (program,) = tools().glob("@oven/bun-linux-*/bin/bun")
        words = (str(program), "install", "--linker", linker, "--ignore-scripts")
        _run(folder, words, BUN_INSTALL_CACHE_DIR=str(folder.parent / "bun"))
        _require_locked(folder / "bun.lock", shop)
        (folder / "package-lock.json").unlink()

    return _made(f"{version}-bun-{linker}", version, install)


def yarn(version: str, linker: str) -> Path:
    """Return the shop of Medusa *version* as Yarn 4 installs it with its nodeLinker: `node-modules`, `pnpm` or `pnp`."""

    def install(folder: Path) -> None:
        shop = projects.SHOPS / version
        wanted = json.loads((shop / "package.json").read_text())
        wanted["resolutions"] = {
            "node-gyp": "link:./nothing"
        }  # which builds what is not built here
        _write(folder / "package.json", wanted)
        lock = folder / "yarn.lock"
        lock.write_text(yarn_lock.of((shop / "package-lock.json").read_text()))
        away = "true" if linker != "pnp" else "false"  # Plug'n'Play runs what is in the archives
        (folder / ".yarnrc.yml").write_text(
            f"nodeLinker: {linker}\nenableScripts: false\nenableGlobalCache: {away}\n"
        )
        program = str(tools() / "@yarnpkg" / "cli-dist" / "bin" / "yarn.js")
        _run(
            folder, ("node", program, "install", "--refresh-lockfile", "--no-immutable"), YARN_ENABLE_TELEMETRY="0",
            YARN_GLOBAL_FOLDER=str(folder.parent / "yarn"),
        )  # fmt: skip
        if (found := yarn_lock.digest(lock.read_text())) != _YARN[version]:
            raise packages.InstallError(
                f"what Yarn has fetched adds up to {found}, and not to {_YARN[version]}"
            )

    return _made(f"{version}-yarn-{linker}", version, install)


def shop(folder: Path, installed: Path, version: str, place: Path = Path()) -> Path:
    """Copy what is *installed* to *folder*, links as links, and make the shop in its *place*; return that.

    The packages themselves are hard links where that goes: nothing writes to them.
    """
    shutil.copytree(installed, folder, symlinks=True, copy_function=_link)
    made = projects.make(folder.with_name(f"{folder.name}-own"), version)
    for one in made.iterdir():
        if one.name not in ("node_modules", "package.json"):
            one.rename(folder / place / one.name)
    return folder / place


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def _made(name: str, version: str, install: Callable[[Path], None]) -> Path:
    files = [
        FOLDER / "package-lock.json",
        projects.SHOPS / version / "package-lock.json",
        Path(__file__),
    ]
    tools()  # whose installation takes the same lock
    return packages.made(name, b"".join(file.read_bytes() for file in files), install)


def _require_locked(lock: Path, shop: Path) -> None:
    """Raise InstallError where *lock* has a package that the package-lock.json of *shop* does not have, hash for hash."""
    allowed = set(_INTEGRITY.findall((shop / "package-lock.json").read_text()))
    found = set(_INTEGRITY.findall(lock.read_text()))
    if not found or found - allowed:
        raise packages.InstallError(
            f"{lock.name} has packages that the shop's lock does not: {found - allowed}"
        )


def _pnpm(folder: Path, *words: str) -> None:
    store = folder.parent / "pnpm"  # thrown away with the rest: its files are hard links
    _run(
        folder, ("node", str(tools() / "pnpm" / "bin" / "pnpm.cjs"), *words),
        npm_config_store_dir=str(store), npm_config_cache_dir=str(store),
        npm_config_auto_install_peers="false",  # no lock of npm's names them
    )  # fmt: skip


def _run(folder: Path, words: tuple[str, ...], **environment: str) -> None:
    done = subprocess.run(
        words, cwd=folder, env=os.environ | environment | {"CI": "true"}, capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode != 0:
        raise packages.InstallError(f"{words[0]} failed: {(done.stderr or done.stdout)[-800:]}")


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
