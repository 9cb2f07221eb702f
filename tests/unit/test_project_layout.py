"""Which Medusa counts in a folder, however its packages were installed, and what is said where none is found."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medusa_migrations.contract.errors import UsageError
from medusa_project.packages import installation, layout, programs, recipes, skew

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "2.21.2"
CLI = "@medusajs/cli/cli.js"


def file(path: Path, content: Any = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def package(modules: Path, name: str, version: str = VERSION, **more: Any) -> Path:
    """Install a package into a folder node_modules, or into one of a store."""
    return file(modules / name / "package.json", {"name": name, "version": version, **more})


def shop(folder: Path, wanted: str = VERSION) -> Path:
    """Make a shop without its packages."""
    file(folder / "medusa-config.ts")
    file(folder / "package.json", {"dependencies": {"@medusajs/medusa": wanted}})
    return folder


def link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def refusal(folder: Path) -> str:
    with pytest.raises(UsageError) as raised:
        installation.require(folder)
    assert (raised.value.exit_code, raised.value.reason) == (2, "NoProject")
    return str(raised.value)


def cli(found: installation.Project) -> Path:
    return programs.cli(found, recipes.of(found))


def in_store(root: Path, store: str, name: str, **more: Any) -> Path:
    """Install a package into a *store* as pnpm, Yarn and Bun have it; return its folder."""
    inner = root / "node_modules" / store / name.replace("/", "+") / "node_modules"
    package(inner, name, **more)
    return inner / name


@pytest.mark.parametrize("wanted", [VERSION, "catalog:", "workspace:*", "^2.0.0"])
def test_packages_at_the_root_of_a_workspace_are_those_of_a_shop_below_it(
    tmp_path: Path, wanted: str
) -> None:
    server = shop(tmp_path / "apps" / "server", wanted)
    installed = package(tmp_path / "node_modules", "@medusajs/medusa")
    program = file(tmp_path / "node_modules" / CLI)

    found = installation.require(server)

    assert (found.folder, found.file, found.version) == (server, installed, VERSION)
    assert cli(found) == program
    installation.require_declared(found)
    assert installation.find(server) == found


def test_a_folder_is_looked_up_where_node_finds_it_by_its_real_path(tmp_path: Path) -> None:
    shop(tmp_path / "repo" / "apps" / "server")
    installed = package(tmp_path / "repo" / "node_modules", "@medusajs/medusa")
    link(tmp_path / "server", tmp_path / "repo" / "apps" / "server")

    found = installation.require(tmp_path / "server")

    assert (found.folder, found.file) == (tmp_path / "server", installed)


@pytest.mark.parametrize("store", [".pnpm", ".store", ".bun"])
def test_a_command_line_that_only_the_framework_names_is_found_in_the_store(
    tmp_path: Path, store: str
) -> None:
    modules = shop(tmp_path) / "node_modules" / "@medusajs"
    link(modules / "medusa", in_store(tmp_path, store, "@medusajs/medusa"))
    framework = in_store(tmp_path, store, "@medusajs/framework")
    link(modules / "framework", framework)
    tool = in_store(tmp_path, store, "@medusajs/cli")
    file(tool / "cli.js")
    link(framework.parent / "cli", tool)

    found = installation.require(tmp_path)

    assert cli(found).resolve() == tool / "cli.js"
    assert list(skew.warnings(found, cli(found))) == []


def test_the_program_behind_the_command_of_the_project_counts_where_nothing_else_is(
    tmp_path: Path,
) -> None:
    shop(tmp_path)
    package(tmp_path / "node_modules", "@medusajs/medusa")
    tool = file(tmp_path / "tools" / CLI)
    found = installation.require(tmp_path)
    with pytest.raises(UsageError, match="is not installed; add @medusajs/cli to the project's"):
        cli(found)

    command = tmp_path / "node_modules" / ".bin" / "medusa"
    link(command, tool)
    assert cli(found) == tool
    command.unlink()
    file(command, '#!/bin/sh\nexec node  "$basedir/../../tools/@medusajs/cli/cli.js" "$@"\n')
    assert cli(found).resolve() == tool
    file(command, '#!/bin/sh\nexec node  "$basedir/../gone/cli.js" "$@"\n')
    with pytest.raises(UsageError, match="is not installed"):
        cli(found)


def test_the_root_of_a_workspace_is_not_its_shop_even_where_it_has_the_packages(
    tmp_path: Path,
) -> None:
    for name in ("server", "outlet"):
        shop(tmp_path / "apps" / name)
    file(tmp_path / "node_modules" / "x" / "medusa-config.js")
    file(tmp_path / "package.json", {"devDependencies": {"@medusajs/cli": VERSION}})
    package(tmp_path / "node_modules", "@medusajs/medusa")
    named = f"it has no medusa-config; name the folder of a shop: {tmp_path}/apps/outlet, {tmp_path}/apps/server"

    assert refusal(tmp_path) == f"--project {tmp_path}: {named}"
    with pytest.raises(UsageError) as raised:
        installation.find(tmp_path)
    assert str(raised.value) == f"{tmp_path}: {named}"


def test_a_root_without_packages_names_its_shops_as_well(tmp_path: Path) -> None:
    server = shop(tmp_path / "apps" / "server")

    assert refusal(tmp_path).endswith(f"name the folder of a shop: {server}")
    assert installation.find(tmp_path) is None, "nothing there says that it is about Medusa"


def test_a_folder_within_a_shop_names_it(tmp_path: Path) -> None:
    inner = shop(tmp_path) / "src" / "modules"
    inner.mkdir(parents=True)
    package(tmp_path / "node_modules", "@medusajs/medusa")

    assert refusal(inner).endswith(
        f"has no medusa-config, and is within the shop {tmp_path}; name that"
    )


def test_an_image_that_has_only_what_was_built_is_told_where_that_is(tmp_path: Path) -> None:
    server = tmp_path / ".medusa" / "server"
    file(server / "medusa-config.js")
    package(tmp_path / "node_modules", "@medusajs/medusa")

    assert refusal(tmp_path).endswith(f"name the folder of a shop: {server}")
    found = installation.require(server)
    with pytest.raises(
        UsageError, match=r"server/package.json does not name @medusajs/medusa in its"
    ):
        installation.require_declared(found)


def test_packages_that_are_above_by_accident_make_no_project(tmp_path: Path) -> None:
    package(tmp_path / "node_modules", "@medusajs/medusa")
    inner = tmp_path / "notes"
    inner.mkdir()

    assert installation.find(inner) is None
    assert refusal(inner).endswith("it has no medusa-config; name the folder of a shop")


def test_a_file_is_no_project(tmp_path: Path) -> None:
    config = shop(tmp_path) / "medusa-config.ts"

    assert refusal(config) == f"--project {config}: that is no folder"


@pytest.fixture
def seen_by_all() -> Iterator[Path]:
    """A folder that everybody may enter, which is not so of those that pytest makes."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="looks as somebody who may not look everywhere")
def test_folders_that_may_not_be_entered_are_passed_over(seen_by_all: Path) -> None:
    server = shop(seen_by_all / "apps" / "server")
    closed = seen_by_all / "closed"
    inside = shop(closed / "shop")
    closed.chmod(0)
    os.seteuid(65534)
    try:
        said, of_inside = refusal(seen_by_all), refusal(inside)
        assert installation.find(closed) is None
    finally:
        os.seteuid(0)

    assert said.endswith(f"name the folder of a shop: {server}")
    assert of_inside == f"--project {inside}: a folder above it may not be entered"


@pytest.mark.parametrize(
    ("lock", "text", "command"),
    [
        ("package-lock.json", "{}", "npm ci"),
        ("npm-shrinkwrap.json", "{}", "npm ci"),
        ("pnpm-lock.yaml", "", "pnpm install --frozen-lockfile"),
        ("yarn.lock", "# yarn lockfile v1\n", "yarn install --frozen-lockfile"),
        ("yarn.lock", "# generated\n__metadata:\n  version: 8\n", "yarn install --immutable"),
        ("bun.lock", "{}", "bun install --frozen-lockfile"),
        ("bun.lockb", "", "bun install --frozen-lockfile"),
    ],
)
def test_packages_that_are_not_installed_are_to_be_by_the_manager_whose_lock_there_is(
    tmp_path: Path, lock: str, text: str, command: str
) -> None:
    server = shop(tmp_path / "apps" / "server")
    file(tmp_path / lock, text)

    assert refusal(server) == (
        f"--project {server}: its packages are not installed, or without Medusa: run `{command}` in {tmp_path}, which "
        f"has {lock}, or copy its node_modules into the image"
    )
    with pytest.raises(UsageError, match="its packages are not installed"):
        installation.find(server)


def test_without_a_lock_npm_installs(tmp_path: Path) -> None:
    assert refusal(shop(tmp_path)).endswith("by which package manager; run `npm install` in it")


@pytest.mark.parametrize("at", ["", "../.."])
def test_plug_and_play_is_named_and_the_way_out_of_it(tmp_path: Path, at: str) -> None:
    server = shop(tmp_path / "apps" / "server")
    file(server / at / "yarn.lock", "__metadata:\n")
    pnp = file((server / at).resolve() / ".pnp.cjs")

    said = refusal(server)

    assert f"installed by Yarn's Plug'n'Play ({pnp}), and Medusa does not start with that" in said
    assert said.endswith("set nodeLinker to node-modules in .yarnrc.yml, and run yarn install")


@pytest.mark.parametrize("place", ["node_modules", "node_modules/@medusajs/medusa"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, place: str) -> None:
    target = tmp_path / "build" / "node_modules" / ".pnpm" / "medusa"
    link(shop(tmp_path / "app") / place, target)

    said = refusal(tmp_path / "app")

    assert (
        f"app/{place} is a symbolic link to {target}, and nothing is there that may be read" in said
    )
    assert "copy what it points to as well" in said


def test_all_of_medusa_at_one_version_is_no_news(tmp_path: Path) -> None:
    shop(tmp_path)
    asked = {
        "@medusajs/product": VERSION,
        "@medusajs/ui": "4.1.19",
        "@medusajs/types": "^2.0.0",
        "express": "4.0.0",
        "gone": "1.0.0",
    }
    package(tmp_path / "node_modules", "@medusajs/medusa", dependencies=asked,
            peerDependencies={"@medusajs/framework": VERSION, "@medusajs/not-installed": VERSION})  # fmt: skip
    others = dict.fromkeys(("@medusajs/framework", "@medusajs/cli", "@medusajs/types"), VERSION)
    for name, version in (asked | others).items():
        package(tmp_path / "node_modules", name, version)
    file(tmp_path / "node_modules" / CLI)
    found = installation.require(tmp_path)

    assert list(skew.warnings(found, cli(found))) == []


def test_of_two_versions_the_one_that_runs_is_named(tmp_path: Path) -> None:
    server, root = shop(tmp_path / "apps" / "server"), tmp_path / "node_modules"
    own = server / "node_modules"
    package(own, "@medusajs/medusa", dependencies={"@medusajs/product": VERSION},
            peerDependencies={"@medusajs/framework": VERSION})  # fmt: skip
    package(own, "@medusajs/framework", "2.20.1")
    for name in ("@medusajs/medusa", "@medusajs/cli", "@medusajs/product"):
        package(root, name, "2.20.0")
    program = file(root / CLI)
    found = installation.require(server)

    assert (found.version, cli(found)) == (VERSION, program)
    assert list(skew.warnings(found, program)) == [
        (
            f"Medusa is installed twice: 2.21.2 in {own}/@medusajs/medusa, which runs, and 2.20.0 in "
            f"{root}/@medusajs/medusa, which does not"
        ),
        (
            f"the command line is that of @medusajs/cli 2.20.0 ({program}), and runs Medusa 2.21.2 of "
            f"{own}/@medusajs/medusa; install both at one version"
        ),
        (
            f"Medusa 2.21.2 of {own}/@medusajs/medusa loads packages of other versions than it asks for: "
            "@medusajs/framework 2.20.1 instead of 2.21.2, @medusajs/product 2.20.0 instead of 2.21.2; install all packages "
            "of Medusa at one version"
        ),
    ]


def test_the_command_line_of_v1_has_versions_of_its_own(tmp_path: Path) -> None:
    package(shop(tmp_path) / "node_modules", "@medusajs/medusa", "1.20.11")
    package(tmp_path / "node_modules", "@medusajs/medusa-cli", "1.3.23")
    program = file(tmp_path / "node_modules" / "@medusajs/medusa-cli/cli.js")

    assert list(skew.warnings(installation.require(tmp_path), program)) == []


UNRESOLVED = 'Error: Unable to resolve plugin "@medusajs/draft-order"'


@pytest.mark.parametrize(
    ("store", "cause", "said"),
    [
        (".pnpm", UNRESOLVED, "set publicHoistPattern to ['*@medusajs/*'] in pnpm-workspace.yaml"),
        (".store", "Error: Cannot find module 'ioredis'", "set nodeLinker to node-modules in .yarnrc.yml"),
        (".bun", UNRESOLVED, "set linker to hoisted in bunfig.toml"),
        (".pnpm", "Error: no configuration today", ""),
        ("", UNRESOLVED, ""),
    ],
)  # fmt: skip
def test_what_a_store_keeps_from_medusa_is_told_where_it_misses_something(
    tmp_path: Path, store: str, cause: str, said: str
) -> None:
    file(tmp_path / "medusa-config.js")
    modules = tmp_path / "node_modules"
    place = in_store(tmp_path, store, "@medusajs/medusa") if store else modules / "@medusajs/medusa"
    if store:
        link(modules / "@medusajs/medusa", place)

    found = layout.why_not_listed(modules / "@medusajs/medusa/package.json", tmp_path, None, cause)

    assert (said in found) if said else found == ""


def test_typescript_without_what_runs_it_is_told_where_the_built_shop_is(tmp_path: Path) -> None:
    shop(tmp_path)
    medusa = package(tmp_path / "node_modules", "@medusajs/medusa")
    program = file(tmp_path / "node_modules" / CLI)
    cause = f"Error: Cannot find module '{tmp_path}/medusa-config'"
    built = tmp_path / ".medusa" / "server"
    why = f"{tmp_path}/medusa-config.ts is TypeScript, and ts-node is not installed, as where only production"

    first = layout.why_not_listed(medusa, tmp_path, program, cause)
    file(built / "medusa-config.js")
    second = layout.why_not_listed(medusa, tmp_path, program, cause)
    package(tmp_path / "node_modules", "ts-node", "10.9.2")
    third = layout.why_not_listed(medusa, tmp_path, program, cause)

    assert first.startswith(why)
    assert f"build it (medusa build) and name {built}, or install the development" in first
    assert f"are; name {built}, or install the development" in second
    assert third == ""
