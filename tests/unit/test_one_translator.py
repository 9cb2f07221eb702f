"""Only one module makes an error of ours of one of PostgreSQL's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from medusa_migrations.contract import errors
from medusa_migrations.contract.errors import RunnerError

ROOT = Path(__file__).parents[2]
TRANSLATOR = "migrations/medusa_migrations/postgres/translation.py"
OURS = {
    name
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, RunnerError)
}
MODULES = [
    file
    for folder in (
        "cli/medusa_db",
        "migrations/medusa_migrations",
        "project/medusa_project",
        "seed/medusa_seed",
    )
    for file in sorted((ROOT / folder).rglob("*.py"))
]


def of_psycopg(tree: ast.Module) -> set[str]:
    """Return the names in a module that stand for psycopg, or for errors of its."""
    found = {"psycopg", "pg"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and named(node.value) & found:
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def named(tree: ast.AST) -> set[str]:
    """Return the names in a part of a module."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def made_in_handlers(text: str) -> list[str]:
    """Return which of our errors a module makes where it has caught one of psycopg's."""
    tree = ast.parse(text)
    names = of_psycopg(tree)
    made = []
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.type is None:
            continue
        if not named(handler.type) & names:
            continue
        made += [
            node.func.id
            for node in ast.walk(handler)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OURS
        ]  # fmt: skip
    return made


def takes_psycopgs(text: str) -> bool:
    """Return whether a function of a module takes an error of psycopg's and makes one of ours."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            taken = [ast.unparse(one.annotation) for one in node.args.args if one.annotation]
            makes = any(
                isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in OURS
                for one in ast.walk(node)
            )
            if makes and any("psycopg." in one and "Error" in one for one in taken):
                return True
    return False


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_no_other_module_makes_an_error_of_ours_of_one_of_postgresqls(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file == ROOT / TRANSLATOR:
        assert takes_psycopgs(text)
        return

    assert made_in_handlers(text) == []
    assert not takes_psycopgs(text)


def test_what_is_looked_for_is_found() -> None:
    caught = (
        "_OTHERS = (psycopg.errors.DiskFull,)\n"
        "def f():\n try:\n  g()\n except _OTHERS as exc:\n  raise FailedError('x') from exc\n"
    )
    taken = "def f(exc: psycopg.OperationalError) -> RunnerError:\n return DeniedError(str(exc))\n"

    assert made_in_handlers(caught) == ["FailedError"]
    assert takes_psycopgs(taken)
