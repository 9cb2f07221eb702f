"""deploy/docker/compose.yaml: Docker Compose understands it, and the page shows what is in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import charts
from medusa_testbed import tools

if TYPE_CHECKING:
    from pathlib import Path

FILE = charts.ROOT / "deploy" / "docker" / "compose.yaml"


def read(file: Path) -> dict[str, Any]:
    """Return a file as Docker Compose understands it; AssertionError where it does not."""
    command = [tools.program("docker-compose"), "--file", file, "config", "--format=json"]
    environment = os.environ | {"POSTGRES_PASSWORD": "secret"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_server_starts_once_the_carried_runner_has_migrated() -> None:
    services = read(FILE)["services"]

    install, migrate = services["install-medusa-db"], services["migrate-database"]
    [filled], [used] = install["volumes"], migrate["volumes"]
    ended = "service_completed_successfully"
    assert install["command"] == ["install", "/medusa-db"]
    assert migrate["entrypoint"] == ["/medusa-db/bin/medusa-db"]
    assert migrate["command"] == ["migrate", "--project", "."]
    assert (filled["source"], filled["target"]) == (used["source"], used["target"])
    assert (filled.get("read_only"), used["read_only"]) == (None, True)
    assert migrate["depends_on"]["install-medusa-db"]["condition"] == ended
    assert services["server"]["depends_on"]["migrate-database"]["condition"] == ended
    assert services["server"]["image"] == migrate["image"]
    assert services["server"]["environment"] == migrate["environment"]


def test_what_compose_does_not_understand_is_found(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(FILE.read_text().replace("depends_on", "depends_of"))

    with pytest.raises(AssertionError, match="depends_of"):
        read(file)


def test_the_page_shows_what_is_in_the_file() -> None:
    page = (charts.ROOT / "docs" / "docker.md").read_text()
    [block] = re.findall(r"^    services:\n(?:    .+\n)+", page, re.MULTILINE)
    whole = yaml.safe_load(FILE.read_text())

    def is_part(shown: Any, of: Any) -> bool:
        if isinstance(shown, dict):
            return all(key in of and is_part(value, of[key]) for key, value in shown.items())
        return bool(shown == of)

    assert is_part(yaml.safe_load(block), whole)
