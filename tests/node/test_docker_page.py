"""The commands of docs/docker.md, typed as they stand there, by an engine and with the image of a shop."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest
import yaml

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
TYPED = [each.text for each in pages.commands(PAGE) if each.section == "Docker and pipelines"]
"""Those of Compose are typed by test_compose."""
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
    core, _, _ = TYPED

    done = typed(engine, tmp_path, url, core)

    assert done.returncode == 0, done.stderr
    assert "From empty to 1.20.11: 75 migrations" in done.stdout


def test_a_shop_is_migrated_in_its_own_image(engine: Engine, tmp_path: Path, url: str) -> None:
    _, install, migrate = TYPED
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


WORKFLOW = pages.ROOT / "deploy" / "docker" / "workflow.yaml"
EXPRESSION = re.compile(r"\$\{\{ (\S+) \}\}")


def ran(engine: Engine, folder: Path, **given: str) -> dict[str, subprocess.CompletedProcess[str]]:
    """Run the steps of the workflow as its runner does, until one fails; *given* are secrets and inputs.

    A shell of its own for each (`bash -e FILE`), variables of workflow, job and step, and expressions filled in: one that names
    nothing is an empty text.
    """

    def filled(variables: dict[str, str]) -> dict[str, str]:
        return {
            name: EXPRESSION.sub(lambda found: given.get(found[1].rpartition(".")[2], ""), text)
            for name, text in variables.items()
        }

    workflow = yaml.safe_load(WORKFLOW.read_text())
    job = workflow["jobs"]["migrate"]
    around = {
        "PATH": "/usr/bin:/bin",
        "RUNNER_TEMP": str(folder),
        "CI": "true",
        "GITHUB_ACTIONS": "true",
    }
    around |= engine.environment() | filled(workflow["env"] | job["env"])
    done = {}
    for step in job["steps"]:
        script = folder / "script.sh"
        script.write_text(
            step["run"].replace("docker run", "docker run --network host").replace("/server", APP)
        )
        done[step["name"]] = subprocess.run(
            ["bash", "-e", script], env=around | filled(step.get("env", {})), cwd=folder, text=True, timeout=600,
            check=False, stdin=subprocess.DEVNULL, capture_output=True,
        )  # fmt: skip
        if done[step["name"]].returncode:
            break
    return done


def test_the_steps_of_the_workflow_show_what_would_run_and_run_it(
    engine: Engine, tmp_path: Path, url: str
) -> None:
    secrets = {"DATABASE_URL": url, "ENV_FILE": "JWT_SECRET=one\nCOOKIE_SECRET=two"}

    done = ran(engine, tmp_path, image=THEIRS, **secrets)
    again = ran(engine, tmp_path, image=THEIRS, acknowledge="2.21.2,links", **secrets)

    assert [step.returncode for step in (*done.values(), *again.values())] == [0] * 8, done
    assert "It would run:" in done["Show what would run"].stdout
    assert "New in the ledgers" in done["Migrate"].stdout
    assert "Nothing is pending." in again["Show what would run"].stdout
    assert "Nothing is new in the ledgers of Medusa." in again["Migrate"].stdout


def test_the_workflow_ends_before_it_migrates_where_a_secret_has_no_value(
    engine: Engine, tmp_path: Path
) -> None:
    done = ran(engine, tmp_path, image=THEIRS)

    *_, last = done.values()
    assert (len(done), last.returncode) == (3, 2)
    assert "no database is named; set DATABASE_URL" in last.stderr


def test_the_job_of_a_pipeline_whose_jobs_are_containers_of_the_shops_image(
    engine: Engine, tmp_path: Path, url: str
) -> None:
    """As the page says: the runner is in the image, whose entrypoint is another one, and the script is a shell's."""
    (tmp_path / "Dockerfile").write_text(
        pages.block("docs/project.md", "Where programs on volumes are forbidden").replace(
            "shop:1.2.3", "shop:42"
        )
        + 'ENTRYPOINT ["node", "-e", "process.exit(1)"]\n'
    )
    engine("build", "--network", "host", "--tag", "with-runner:test", tmp_path)
    job = yaml.safe_load(pages.block(PAGE, "[in it](project.md"))["migrate"]
    [entrypoint], [script] = job["image"]["entrypoint"], job["script"]

    done = engine.run(
        "run", "--rm", "--network", "host", "--env", f"DATABASE_URL={url}", "--entrypoint", entrypoint,
        "with-runner:test", "sh", "-c", script.replace("/server", APP), timeout=600,
    )  # fmt: skip

    assert job["image"]["name"] == THEIRS
    assert done.returncode == 0, done.stderr
    assert "New in the ledgers" in done.stdout
