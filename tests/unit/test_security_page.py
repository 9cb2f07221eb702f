"""What docs/security.md says of rights is what the Roles grant, and of refusals what the code refuses."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from medusa_operator.jobs import references, restricted

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
RBAC = ROOT / "deploy" / "rbac"


def granted(*files: Path) -> set[tuple[str, str, str]]:
    """Return group, resource and verbs of every rule in *files*."""
    return {
        (group or "core", resource, ", ".join(rule["verbs"]))
        for file in files
        for document in yaml.safe_load_all(file.read_text())
        for rule in document.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def told(after: str) -> set[tuple[str, str, str]]:
    """Return the rows of the first table of rights behind *after*."""
    table = PAGE[PAGE.index(after) :].split("| group | resource | verbs | for |")[1]
    rows = re.findall(r"\|([^|\n]+)\|([^|\n]+)\|([^|\n]+)\|[^|\n]+\|", table.split("\n\n")[0])
    found = {(group.strip(), what.strip(), verbs.strip()) for group, what, verbs in rows}
    return {row for row in found if not row[0].startswith("-")}


def test_the_rights_of_the_page_are_those_of_the_roles() -> None:
    everywhere = told("In every namespace, or with")

    assert everywhere == granted(RBAC / "operator.yaml")
    assert everywhere == granted(RBAC / "namespaced" / "operator.yaml")
    assert told("In its own namespace") == granted(RBAC / "leader-election.yaml")


def test_the_right_on_secrets_is_that_of_the_option() -> None:
    option = ROOT / "deploy" / "options" / "require-secret-annotation" / "kustomization.yaml"
    patches = yaml.safe_load(option.read_text())["patches"]
    (added,) = yaml.safe_load(patches[0]["patch"])

    assert told("Only with `--require-secret-annotation`") == {("core", "secrets", "get")}
    assert added["value"] == {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


def test_the_page_names_what_is_permitted_and_how_it_is_allowed() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| volumes other than"))

    assert re.findall(r"`(\w+)`", row.split("|")[1]) == list(restricted._VOLUMES)
    assert references.ALLOW == "medusadb.dev/allow"
    assert PAGE.count(references.ALLOW) >= 3
