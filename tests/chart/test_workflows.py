"""What the forge runs: actionlint understands it, and every action is one commit, not a name that moves."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

import charts
from medusa_testbed import tools

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOWS = sorted((charts.ROOT / ".github" / "workflows").glob("*.yml"))


def test_actionlint_understands_every_workflow() -> None:
    done = subprocess.run(
        [tools.program("actionlint"), *WORKFLOWS],
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
