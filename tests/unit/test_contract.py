"""What runner and operator agree on is said in one place; charts, manifests and pages say the same."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from medusa_migrations.contract.errors import KINDS, NO_RETRY, Interrupted
from medusa_operator.jobs.manifests import LEARNED_FROM
from medusa_operator.knowledge.verdicts import EXIT_CODES

ROOT = Path(__file__).parents[2]
HOOK = ROOT / "helm" / "medusa-db-hook"
SIGNALS = (1, 2, 3, 15)
PACKAGES = (
    "cli/medusa_db",
    "migrations/medusa_migrations",
    "project/medusa_project",
    "seed/medusa_seed",
    "operator/medusa_operator",
)


def listed(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def test_the_charts_jobs_end_at_the_exit_codes_after_which_only_a_person_can_help():
    template = (HOOK / "templates" / "_job.tpl").read_text()

    lists = re.findall(r"operator: In, values: \[([\d, ]+)\]", template)

    assert [listed(each) for each in lists] == [NO_RETRY]


@pytest.mark.parametrize("page", ["helm/medusa-db-hook/README.md"])
def test_the_pages_list_the_same(page):
    lists = re.findall(r"exit codes ((?:\d+, )+\d+)", (ROOT / page).read_text())

    assert [listed(each) for each in lists] == [NO_RETRY]


def test_the_page_of_exit_codes_has_a_row_for_each_and_no_other():
    rows = re.findall(
        r"^\| ([\d, ]+) \|.*\| (yes|no|) \|$",
        (ROOT / "docs/exit-codes.md").read_text(),
        re.MULTILINE,
    )
    said = {code: again for codes, again in rows for code in listed(codes)}

    known = {kind.exit_code: "yes" if kind.retryable else "no" for kind in KINDS}
    stopped = {Interrupted(signal).exit_code: "yes" for signal in SIGNALS}

    assert {code: again for code, again in said.items() if code} == known | stopped


def test_the_operator_has_a_meaning_for_each_exit_code_of_a_run():
    runs = {kind.exit_code for kind in KINDS} - {10}  # of `wait` and `verify`: a state, no failure

    assert EXIT_CODES.keys() == runs | {Interrupted(signal).exit_code for signal in SIGNALS}


@pytest.mark.parametrize("reason", LEARNED_FROM)
def test_the_runner_has_the_reasons_that_the_operator_waits_for(reason):
    engine = (ROOT / "migrations" / "medusa_migrations").rglob("*.py")

    assert any(f'reason="{reason}"' in file.read_text() for file in engine)


def test_a_class_name_means_one_thing_in_the_whole_project():
    names: dict[str, list[str]] = defaultdict(list)
    for folder in PACKAGES:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.parse(file.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    names[node.name].append(str(file.relative_to(ROOT)))

    twice = {name: files for name, files in names.items() if len(files) > 1}

    assert twice == {}
