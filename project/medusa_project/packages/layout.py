"""How a shop is laid out on the disk, and what of that keeps its Medusa from being found or from starting."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_migrations.contract.values import some
from medusa_project.packages import lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

MEDUSA = "@medusajs/medusa"
_NAMED = frozenset((MEDUSA, "@medusajs/cli"))
"""Medusa's command line runs only where package.json names one of these."""
_CONFIGS = tuple(f"medusa-config.{ending}" for ending in ("ts", "js", "mjs", "cjs"))
_BUILT = Path(".medusa") / "server"
_PLUG_AND_PLAY = (".pnp.cjs", ".pnp.js")
_PASSED_OVER = frozenset(("node_modules", "dist", "build"))
_DEEPEST, _MOST = 3, 2000
"""How far below a folder, and in how many folders, a shop is looked for."""
_INSTALL = {
    "package-lock.json": "npm ci",
    "npm-shrinkwrap.json": "npm ci",
    "pnpm-lock.yaml": "pnpm install --frozen-lockfile",
    "yarn.lock": "yarn install --frozen-lockfile",
    "bun.lock": "bun install --frozen-lockfile",
    "bun.lockb": "bun install --frozen-lockfile",
}
_OF_BERRY = "yarn install --immutable"
_STORES = {
    ".pnpm": (
        "pnpm keeps from Medusa what the shop does not name itself: set publicHoistPattern to ['*@medusajs/*'] in "
        "pnpm-workspace.yaml (before pnpm 10: public-hoist-pattern[]=*@medusajs/* in .npmrc), and install again"
    ),
    ".store": (
        "Yarn's linker pnpm keeps from Medusa what no package names: set nodeLinker to node-modules in .yarnrc.yml, "
        "and install again"
    ),
    ".bun": (
        "Bun's isolated linker keeps from Medusa what the shop does not name itself: set linker to hoisted in "
        "bunfig.toml, section install, and install again"
    ),
}
"""Where a package manager stores packages one by one, and how Medusa finds all of them nevertheless."""


def is_shop(folder: Path) -> bool:
    """Return whether *folder* is that of a shop: it has a medusa-config."""
    return _config(folder) is not None


def names_medusa(folder: Path) -> bool:
    """Return whether the package.json of *folder* names Medusa, by whatever range, as its command line wants."""
    body = lookup.package_json(folder / "package.json")
    return not _NAMED.isdisjoint(lookup.dependencies(body, "dependencies", "devDependencies"))


def elsewhere(folder: Path) -> str:
    """Return which shop may be meant with *folder*, which is none: one that it is within, or those below it."""
    above = next((place for place in folder.parents if is_shop(place)), None)
    if above is not None:
        return f"it has no medusa-config, and is within the shop {above}; name that"
    below = sorted(_shops_below(folder))
    if not below:
        return ""
    names = some([str(place) for place in below], 5)
    return f"it has no medusa-config; name the folder of a shop: {names}"


def why_nothing(folder: Path) -> str:
    """Return why no Medusa is found from *folder*, and what to do about it."""
    if dangling := _dangling(folder):
        return (
            f"{dangling} is a symbolic link to {dangling.readlink()}, and nothing is there that may be read; where an "
            "image was made by copying, copy what it points to as well (node_modules of the workspace's root, with its .pnpm), or "
            "make the folder with pnpm deploy"
        )
    if not is_shop(folder) and not names_medusa(folder):
        return elsewhere(folder) or (
            f"neither it nor a folder above it has node_modules/{MEDUSA}/package.json; install the project's packages "
            "(npm ci), or name another folder"
        )
    for place in (folder, *folder.parents):
        for name in _PLUG_AND_PLAY:
            if lookup.is_file(place / name):
                return (
                    f"its packages are installed by Yarn's Plug'n'Play ({place / name}), and Medusa does not start with "
                    "that (it ends with 0 nevertheless); set nodeLinker to node-modules in .yarnrc.yml, and run yarn "
                    "install"
                )
    return f"its packages are not installed, or without Medusa: {_how_to_install(folder)}"


def why_not_listed(project_file: Path, folder: Path, cli: Path | None, cause: str) -> str:
    """Return what to do about the layout where the Medusa of *project_file* could not be asked; nothing where it is right.

    *cause* is what it has said, *cli* the program of its command line.
    """
    config = _config(folder)
    typescript = config is not None and config.suffix == ".ts"
    beside = cli.resolve().parent if cli else folder
    if typescript and lookup.nearest("ts-node/package.json", beside) is None:
        built = folder / _BUILT
        other = f"name {built}" if is_shop(built) else f"build it (medusa build) and name {built}"
        return (
            f"{config} is TypeScript, and ts-node is not installed, as where only production dependencies are; {other}, "
            "or install the development dependencies as well"
        )
    if not any(words in cause for words in ("Cannot find", "Unable to resolve", "none of")):
        return ""
    stores = [text for name, text in _STORES.items() if name in project_file.resolve().parts]
    return stores[0] if stores else ""


def _config(folder: Path) -> Path | None:
    files = (folder / name for name in _CONFIGS)
    return next((file for file in files if lookup.is_file(file)), None)


def _shops_below(folder: Path) -> Iterator[Path]:
    level = [folder]
    looked = 0
    for _ in range(_DEEPEST + 1):
        for place in level:
            looked += 1
            if looked > _MOST:
                return
            shop = next((one for one in (place, place / _BUILT) if is_shop(one)), None)
            if shop is not None:
                yield shop
        level = [inner for place in level for inner in _inner(place)]


def _inner(folder: Path) -> list[Path]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return []
    return [
        Path(one.path)
        for one in entries
        if not one.name.startswith(".")
        and one.name not in _PASSED_OVER
        and one.is_dir(follow_symlinks=False)
    ]


def _dangling(folder: Path) -> Path | None:
    """Return the symbolic link on the way to Medusa that leads nowhere."""
    for place in lookup.places(folder):
        for link in (place, place / "@medusajs", place / MEDUSA):
            if os.path.islink(link) and not os.path.exists(link):  # noqa: PTH110, PTH114  as is_file
                return link
    return None


def _how_to_install(folder: Path) -> str:
    for place in (folder, *folder.parents):
        for name, command in _INSTALL.items():
            if lookup.is_file(place / name):
                right = _OF_BERRY if name == "yarn.lock" and _is_of_berry(place / name) else command
                return f"run `{right}` in {place}, which has {name}, or copy its node_modules into the image"
    return "it has no lock file that tells by which package manager; run `npm install` in it"


def _is_of_berry(lock: Path) -> bool:
    """Return whether a yarn.lock is that of Yarn 2 or later, which do not know what Yarn 1 does."""
    try:
        with lock.open(encoding="utf-8", errors="replace") as file:
            return "__metadata:" in file.read(1000)
    except OSError:
        return False
