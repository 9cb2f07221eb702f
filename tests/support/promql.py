"""The queries of alerts and dashboard: where they are, and which metrics and labels they name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
OPTIONS = ROOT / "deploy" / "options"
RULE = OPTIONS / "prometheus-rule" / "prometheusrule.yaml"
DASHBOARD = OPTIONS / "dashboard" / "medusa-database-operator.json"

_SELECTOR = re.compile(r"\b((?:medusadb|process)_\w+)\b(?:\{(.*?)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"(.*?)"')
_GROUPED = re.compile(r"\b(?:by|on)\s*\((.*?)\)")


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric in a query, and the values that its labels are compared with."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""


def alerts() -> list[dict[str, Any]]:
    """Return the alerting rules."""
    groups = yaml.safe_load(RULE.read_text())["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, str]:
    """Return the dashboard's queries, each by its panel and letter, and those of its variables."""
    board = json.loads(DASHBOARD.read_text())
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", ())
    }
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            [(metric, _)] = re.findall(r"label_values\((.*), (\w+)\)", variable["definition"])
            found[f"variable {variable['name']}"] = metric
    return found


def selectors(query: str) -> list[Selector]:
    """Return what *query* selects, in its order."""
    return [
        Selector(metric, tuple(_MATCHER.findall(matchers)))
        for metric, matchers in _SELECTOR.findall(query)
    ]


def grouped(query: str) -> set[str]:
    """Return the labels by which *query* groups or joins."""
    return {label.strip() for labels in _GROUPED.findall(query) for label in labels.split(",")}
