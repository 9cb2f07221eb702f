"""What the forge runs: actionlint understands it, and every action is one commit, not a name that moves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

import bundle
import charts
from medusa_testbed import tools

WORKFLOWS = sorted((charts.ROOT / ".github" / "workflows").glob("*.yml"))
SAMPLE = charts.ROOT / "deploy" / "docker" / "workflow.yaml"


def test_actionlint_understands_every_workflow() -> None:
    done = subprocess.run(
        [tools.program("actionlint"), *WORKFLOWS, SAMPLE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert WORKFLOWS
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit(workflow: Path) -> None:
    used = re.findall(r"uses: (.+)", workflow.read_text())

    assert used
    assert [
        each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", each)
    ] == []


DOCKER = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> docker.txt
test -e dist/olm/bundle.Dockerfile && echo '{"containerimage.digest": "sha256:BUNDLE"}' > built.json
"""
JQ = f"""#!{sys.executable}
import json, sys
print(json.load(open(sys.argv[3]))["containerimage.digest"])
"""
COSIGN = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> cosign.txt
"""


def test_a_release_has_the_bundle_as_a_signed_image_and_as_a_file(tmp_path: Path) -> None:
    """The step is run as it stands there; only what talks to a registry writes down what it is asked."""
    workflow = yaml.safe_load((charts.ROOT / ".github" / "workflows" / "release.yml").read_text())
    [step] = [each for each in workflow["jobs"]["release"]["steps"] if each.get("id") == "bundle"]
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(charts.ROOT / name, tmp_path)
    for name in ("deploy", "requirements"):
        shutil.copytree(charts.ROOT / name, tmp_path / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("docker", DOCKER), ("jq", JQ), ("cosign", COSIGN)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    image = "ghcr.io/shop/medusa-database-operator"

    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=tmp_path, capture_output=True, text=True,
        check=False,
        env=os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}", "MAKEFLAGS": f"VENV={Path(sys.prefix)}",
            "NAME": image, "OPERATOR": "sha256:OPERATOR", "TAG": "v1.2.3", "GITHUB_OUTPUT": "output.txt",
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "shop/operator",
        },
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert f"--tag {image}-bundle:1.2.3" in (tmp_path / "docker.txt").read_text()
    assert (tmp_path / "cosign.txt").read_text() == f"sign --yes {image}-bundle@sha256:BUNDLE\n"
    assert (tmp_path / "output.txt").read_text() == "digest=sha256:BUNDLE\n"
    [archive] = (tmp_path / "dist").iterdir()
    with tarfile.open(archive) as files:
        names = {member.name.removeprefix("./") for member in files if member.isfile()}
    assert archive.name == "medusa-database-operator-bundle-1.2.3.tar.gz"
    assert names == set(bundle.bundle(f"{image}@sha256:OPERATOR"))
