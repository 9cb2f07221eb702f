"""Argo CD's own code, asked about our objects; as a script it writes deploy/argocd/argocd-cm.yaml of the Lua files."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medusa_testbed import tools

FOLDER = Path(__file__).parents[2] / "deploy" / "argocd"
CONFIG_MAP = FOLDER / "argocd-cm.yaml"
KIND = "medusadb.dev_MedusaDatabase"
ACTIONS = ("retry", "verify", "suspend", "resume", "acknowledge")
ABOUT = """\
# What Argo CD is to know of MedusaDatabase: its health, and actions (docs/gitops.md). A patch for the ConfigMap argocd-cm, made
# of the Lua files beside it by `make sync-chart`.
"""


@dataclass(frozen=True, slots=True)
class Health:
    """What Argo CD shows of an object."""

    status: str
    message: str


def config_map() -> str:
    """Return argocd-cm.yaml as the Lua files make it."""
    health = (FOLDER / "health.lua").read_text()
    lines = ["discovery.lua: |"]
    lines += _indented((FOLDER / "actions" / "discovery.lua").read_text(), 2)
    lines.append("definitions:")
    for action in ACTIONS:
        lines += [f"  - name: {action}", "    action.lua: |"]
        lines += _indented((FOLDER / "actions" / f"{action}.lua").read_text(), 6)
    parts = [
        "apiVersion: v1", "kind: ConfigMap", "metadata:", "  name: argocd-cm", "  namespace: argocd", "data:",
        f"  resource.customizations.health.{KIND}: |", *_indented(health, 4),
        f"  resource.customizations.actions.{KIND}: |", *_indented("\n".join(lines), 4),
    ]  # fmt: skip
    return ABOUT + "\n".join(parts) + "\n"


def _indented(text: str, by: int) -> list[str]:
    return [" " * by + line if line else "" for line in text.splitlines()]


def asked(*questions: dict[str, Any]) -> list[Any]:
    """Return Argo CD's answers, with the ConfigMap as shipped."""
    data = yaml.safe_load(CONFIG_MAP.read_text())["data"]
    done = subprocess.run(
        [tools.program("argocd")],
        input="".join(json.dumps({"configMap": data} | question) for question in questions),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def health(*objects: dict[str, Any]) -> list[Health]:
    """Return the health of each object."""
    found = asked(*({"ask": "health", "live": each} for each in objects))
    return [Health(each["status"], each.get("message", "")) for each in found]


def actions(live: dict[str, Any]) -> set[str]:
    """Return the actions that can be chosen for an object."""
    [found] = asked({"ask": "actions", "live": live})
    assert {each["name"] for each in found} == set(ACTIONS)
    return {each["name"] for each in found if not each.get("disabled")}


def patch(live: dict[str, Any], action: str) -> dict[str, Any]:
    """Return the merge patch that Argo CD sends for an action."""
    [found] = asked({"ask": "action", "live": live, "action": action})
    assert isinstance(found, dict)
    return found


def differs(live: dict[str, Any], declared: dict[str, Any]) -> bool:
    """Return whether Argo CD shows an object as out of sync with what is declared."""
    [found] = asked({"ask": "diff", "live": live, "declared": declared})
    return bool(found["modified"])


if __name__ == "__main__":
    CONFIG_MAP.write_text(config_map())
