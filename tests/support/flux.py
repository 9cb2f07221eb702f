"""Flux' own code, asked about our objects by the expressions that are shipped."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from medusa_testbed import tools

RECIPE = Path(__file__).parents[2] / "deploy" / "flux" / "kustomizations.yaml"


def check() -> dict[str, Any]:
    """Return the health check expressions of the recipe."""
    database, _ = yaml.safe_load_all(RECIPE.read_text())
    [found] = database["spec"]["healthCheckExprs"]
    assert (found["apiVersion"], found["kind"]) == ("medusadb.dev/v1alpha1", "MedusaDatabase")
    return {key: found[key] for key in ("current", "failed")}


def statuses(*objects: dict[str, Any]) -> list[str]:
    """Return the status of each object."""
    done = subprocess.run(
        [tools.program("flux")],
        input="".join(json.dumps({"check": check(), "object": each}) for each in objects),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
