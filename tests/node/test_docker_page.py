"""The commands of docs/docker.md, typed as they stand there, by an engine and with the image of a shop."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

import pages
import shop_bases
from medusa_testbed.medusa import packages
from medusa_testbed.node.docker_engine import RUNNER
from shop_bases import APP, DEBIAN, ShopImage
from tiers import need

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_testbed.node.docker_engine import Engine

pytestmark = pytest.mark.timeout(900)

PAGE = "docs/docker.md"
SHOP = ShopImage("2.21.2", DEBIAN)
OURS = "registry.example.com/medusa-database-operator:0.1.0"
THEIRS = "registry.example.com/shop:42"
RESTRICTED = "--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges"


@pytest.fixture(scope="module")
def engine(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """An engine that has both images by the names that the page has for them."""
    archive = tmp_path_factory.mktemp("shop") / "image.tar"
    try:
        shop_bases.write(archive, [SHOP], lambda: docker)
    except packages.InstallError as exc:
        need(None, f"the packages of a project cannot be installed: {exc}")
    docker("load", "--input", archive)
    archive.unlink()
    docker("tag", SHOP.name, THEIRS)
    docker("tag", RUNNER, OURS)
    return docker


def typed(
    engine: Engine, folder: Path, url: str, command: str, more: str = ""
) -> subprocess.CompletedProcess[str]:
    """Type a command of the page, with *more* options of its table; the server is on the same machine."""
    command = command.replace("docker run", f"docker run --network host {more}", 1)
    return subprocess.run(
        ["bash", "-c", command.replace("/server", APP)], cwd=folder, text=True, timeout=600, check=False,
        env=engine.environment() | {"DATABASE_URL": url, "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip


def test_the_runners_image_migrates_the_core_of_v1(
    engine: Engine, tmp_path: Path, url: str
) -> None:
    core, _, _ = (command.text for command in pages.commands(PAGE))

    done = typed(engine, tmp_path, url, core)

    assert done.returncode == 0, done.stderr
    assert "From empty to 1.20.11: 75 migrations" in done.stdout


def test_a_shop_is_migrated_in_its_own_image(engine: Engine, tmp_path: Path, url: str) -> None:
    _, install, migrate = (command.text for command in pages.commands(PAGE))
    (tmp_path / "shop.env").write_text("JWT_SECRET=one\nCOOKIE_SECRET=two\n")
    plan = migrate.replace("migrate --project .", "plan --project . --check")
    assert plan != migrate

    installed = typed(engine, tmp_path, url, install)
    again = typed(engine, tmp_path, url, install)
    pending = typed(engine, tmp_path, url, plan)
    done = typed(engine, tmp_path, url, f"{migrate} --output json", RESTRICTED)
    settled = typed(engine, tmp_path, url, plan)

    assert (installed.returncode, again.returncode) == (0, 0), installed.stderr + again.stderr
    assert pending.returncode == 10, pending.stdout + pending.stderr
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["state"], report["engine"], report["medusa"]) == ("done", "project", "2.21.2")
    assert settled.returncode == 0, settled.stdout + settled.stderr
    with psycopg.connect(url) as conn:
        rows = conn.execute("select count(*) from mikro_orm_migrations").fetchone()
    assert rows == (report["ledgers"]["mikro_orm_migrations"],)
