"""The same shop however its packages were installed: by pnpm, Bun or Yarn, in a workspace, in TypeScript."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

import managers
import projects
import servers
from medusa_testbed.medusa import packages
from projects import run
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import TestServer

    At = Callable[[str], tuple[Path, str]]

V1, V2, OLDER = "1.20.11", "2.21.2", "2.11.1"
EVERYTHING = {"migrations": 183, "links": 21, "scripts": 6}
ALL = os.environ.get("MEDUSA_TEST_ALL") == "1"
long = pytest.mark.skipif(not ALL, reason="installs another gigabyte")


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Path]:
    """Call it with what installs a shop, and where in that the shop is, for a copy of the shop."""
    need(shutil.which("node") and shutil.which("npm"), "Node and npm are not installed")

    def make(install: Callable[[], Path], version: str = V2, place: Path | str = "") -> Path:
        try:
            return managers.shop(tmp_path / "repo", install(), version, place)
        except packages.InstallError as exc:
            need(None, f"the packages of a shop cannot be installed: {exc}")
            raise

    return make


def is_brought_up_to_date(server: TestServer, folder: Path) -> None:
    with server.database() as name:
        url = server.url(name)
        planned, done = run("plan", folder, url, "--check")
        assert (done.returncode, planned["predicted"]) == (10, EVERYTHING), done.stderr
        found, done = run("migrate", folder, url)
        assert (done.returncode, found["pending"]) == (0, {key: [] for key in EVERYTHING}), (
            done.stderr
        )
        assert found["predicted"] == EVERYTHING
        found, done = run("verify", folder, url, "--strict")
        assert done.returncode == 0, done.stderr


def is_up_to_date(folder: Path, url: str) -> list[str]:
    """Assert that nothing is pending, and return what is warned of."""
    found, done = run("status", folder, url, "--check", V2)
    assert done.returncode == 0, done.stderr
    assert found["medusa"] == V2
    warnings: list[str] = found["warnings"]
    return warnings


def refusal(folder: Path, url: str, code: int, reason: str) -> str:
    found, done = run("plan", folder, url)
    assert (done.returncode, found["reason"]) == (code, reason), done.stderr
    assert "commands" not in found
    return str(found["message"])


@pytest.mark.timeout(600)  # the first to install it
def test_a_shop_in_a_workspace_of_pnpm_is_brought_up_to_date(
    server: TestServer, installed: Callable[..., Path]
) -> None:
    folder = installed(lambda: managers.pnpm(V2), place=managers.SERVER)
    text = (folder / "src/migration-scripts/welcome.js").read_text()
    (folder / "src/migration-scripts/welcome.js").write_text(
        f"require('{managers.LINKED}')\n{text}"
    )

    is_brought_up_to_date(server, folder)


def test_an_image_with_the_shop_of_a_workspace_of_pnpm_alone_names_the_link(
    installed: Callable[..., Path],
) -> None:
    folder = installed(lambda: managers.pnpm(V2) / managers.SERVER)

    said = refusal(folder, "postgres://127.0.0.1:1/x", 2, "NoProject")

    link = folder / "node_modules/@medusajs/medusa"
    assert f"{link} is a symbolic link to {link.readlink()}, and nothing is there" in said


def test_packages_that_pnpm_keeps_from_medusa_are_named(
    server: TestServer, installed: Callable[..., Path]
) -> None:
    folder = installed(lambda: managers.pnpm(V2), place=managers.SERVER)
    hoisted = folder.parents[1] / "node_modules" / "@medusajs"
    shutil.rmtree(hoisted)  # links that publicHoistPattern makes
    with server.database() as name:
        said = refusal(folder, server.url(name), 8, "NotVerified")

    assert 'Unable to resolve plugin "@medusajs/draft-order"' in said
    assert "set publicHoistPattern to ['*@medusajs/*'] in pnpm-workspace.yaml" in said


@long
@pytest.mark.parametrize(
    "install",
    [
        pytest.param(lambda: managers.bun(V2, "hoisted"), id="bun"),
        pytest.param(lambda: managers.yarn(V2, "node-modules"), id="yarn"),
    ],
)
def test_a_shop_whose_packages_are_hoisted_is_brought_up_to_date(
    server: TestServer, installed: Callable[..., Path], install: Callable[[], Path]
) -> None:
    is_brought_up_to_date(server, installed(install))


@long
def test_a_shop_of_v1_that_bun_has_installed_is_brought_up_to_date(
    server: TestServer, installed: Callable[..., Path]
) -> None:
    folder = installed(lambda: managers.bun(V1, "hoisted"), V1)
    with server.database() as name:
        found, done = run("migrate", folder, server.url(name))
        assert (done.returncode, found["migrationCount"]) == (0, 82), done.stderr
        _, done = run("verify", folder, server.url(name))
        assert done.returncode == 0, done.stderr


@long
@pytest.mark.parametrize(
    ("install", "said"),
    [
        pytest.param(lambda: managers.bun(V2, "isolated"), "set linker to hoisted in bunfig.toml", id="bun"),
        pytest.param(lambda: managers.yarn(V2, "pnpm"), "set nodeLinker to node-modules", id="yarn"),
    ],
)  # fmt: skip
def test_other_linkers_that_keep_packages_from_medusa_are_named(
    server: TestServer, installed: Callable[..., Path], install: Callable[[], Path], said: str
) -> None:
    folder = installed(install)
    with server.database() as name:
        assert said in refusal(folder, server.url(name), 8, "NotVerified")


@long
def test_what_medusa_does_not_start_with_and_ends_with_0_is_refused(
    server: TestServer, installed: Callable[..., Path]
) -> None:
    folder = installed(lambda: managers.yarn(V2, "pnp"))
    with server.database() as name:
        url = server.url(name)
        medusa = (
            "node",
            str(managers.tools() / "@yarnpkg/cli-dist/bin/yarn.js"),
            "medusa",
            *projects.MIGRATE[2],
        )
        alone = subprocess.run(
            medusa,
            cwd=folder,
            env=servers.environ(url),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (alone.returncode, "Show help" in alone.stderr) == (0, True)

        assert "installed by Yarn's Plug'n'Play" in refusal(folder, url, 2, "NoProject")
        done = subprocess.run(
            servers.command("exec", "--", *medusa), cwd=folder, env=servers.environ(url), capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, "Plug'n'Play" in done.stderr) == (2, True)


def test_a_shop_below_the_node_modules_of_a_workspace_is_at_home_there(at: At) -> None:
    shop, url = at(V2)
    root = shop.with_name("workspace")
    server = root / managers.SERVER
    shutil.copytree(shop, server, symlinks=True)
    (server / "node_modules").rename(root / "node_modules")
    wanted = json.loads((server / "package.json").read_text())
    wanted["dependencies"] = dict.fromkeys(wanted["dependencies"], "workspace:*")
    (server / "package.json").write_text(json.dumps(wanted))
    (root / "package.json").write_text('{"workspaces": ["apps/*"]}')

    assert is_up_to_date(server, url) == []

    assert f"name the folder of a shop: {server}" in refusal(root, url, 2, "NoProject")
    done = subprocess.run(
        servers.command("exec", "--", "true"), cwd=root, env=servers.environ(url), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, f"{root}: it has no medusa-config" in done.stderr) == (2, True)


def in_typescript(folder: Path) -> None:
    """Make the shop's own sources TypeScript, which they are by their text."""
    for file in (*folder.glob("*.js"), *folder.glob("src/**/*.js")):
        file.rename(file.with_suffix(".ts"))
    options = {"target": "ES2021", "module": "commonjs", "esModuleInterop": True, "allowJs": True}
    config = {"compilerOptions": options, "ts-node": {"transpileOnly": True}}
    (folder / "tsconfig.json").write_text(json.dumps(config))


def test_a_shop_in_typescript_is_asked_with_what_runs_it_and_told_where_that_is_missing(
    at: At,
) -> None:
    folder, url = at(V2)
    script = folder / "src/migration-scripts/later.js"
    script.write_text("export default async function (): Promise<void> {}\n")
    (folder / ".env").write_text("LATER=yes\n")
    config = (folder / "medusa-config.js").read_text()
    needs = "if (process.env.LATER !== 'yes') throw new Error('the file .env was not read')\n"
    (folder / "medusa-config.js").write_text(needs + config)
    in_typescript(folder)

    said = refusal(folder, url, 8, "NotVerified")
    found, done = run("plan", folder, url, NODE_PATH=str(managers.tools()))

    assert f"{folder}/medusa-config.ts is TypeScript, and ts-node is not installed" in said
    assert f"build it (medusa build) and name {folder}/.medusa/server" in said
    assert done.returncode == 0, done.stderr
    assert found["pending"] == {
        "migrations": [],
        "links": [],
        "scripts": ["later.ts", "welcome.ts"],
    }


def test_a_shop_in_typescript_is_migrated_and_seeded_from_its_sources(at: At) -> None:
    folder, url = at(V2)
    seed = folder / "src/scripts/seed.js"
    seed.parent.mkdir(exist_ok=True)
    seed.write_text(
        "export default async function ({ container, args }: { container: any; args: string[] }) {\n"
        "  await container.resolve('product').createProducts([{ title: args.join(' ') }])\n}\n"
    )
    in_typescript(folder)
    tools = {"NODE_PATH": str(managers.tools())}

    refused, without = run("seed", folder, url, "--script", "src/scripts/seed.ts")
    migrated, done = run("migrate", folder, url, **tools)
    words = ("--script", "src/scripts/seed.ts", "--", "Linen", "shirt")
    seeded, end = run("seed", folder, url, *words, **tools)

    assert (without.returncode, refused["reason"]) == (8, "NotVerified")
    assert (done.returncode, migrated["state"]) == (0, "done"), done.stderr
    assert (end.returncode, seeded["state"]) == (0, "done"), end.stderr
    with psycopg.connect(url) as conn:
        assert servers.rows(conn, "select title from product") == [("Linen shirt",)]


def test_of_two_versions_in_a_workspace_the_one_that_runs_is_named(at: At) -> None:
    shop, url = at(V2)
    root = shop.with_name("workspace")
    server = root / managers.SERVER
    shutil.copytree(shop, server, symlinks=True)
    newer, own = server.joinpath("node_modules").readlink(), server / "node_modules"
    own.unlink()
    (own / "@medusajs").mkdir(parents=True)
    for name in ("cli", "framework", "medusa"):
        (own / "@medusajs" / name).symlink_to(newer / "@medusajs" / name)
    (own / "@medusajs/draft-order").symlink_to(newer / "@medusajs/draft-order")
    (root / "node_modules").symlink_to(packages.installed(projects.SHOPS / OLDER) / "node_modules")

    warnings = is_up_to_date(server, url)

    assert warnings == [
        (
            f"Medusa is installed twice: {V2} in {own}/@medusajs/medusa, which runs, and {OLDER} in "
            f"{root}/node_modules/@medusajs/medusa, which does not"
        )
    ]
