"""Values of the charts: each is documented and in the schema, and no other is accepted."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import charts

if TYPE_CHECKING:
    from pathlib import Path

KUBERNETES = ("resources", "podSecurityContext", "securityContext")
"""Values that are objects of Kubernetes: the schema knows all of their keys, not only the defaults."""

both = pytest.mark.parametrize("chart", charts.ALL, ids=lambda chart: chart.name)


@both
def test_a_comment_documents_every_value(chart: Path) -> None:
    silent = charts.undocumented(chart)

    assert silent == []


@both
def test_the_readme_has_a_table_of_all_values(chart: Path) -> None:
    table = (chart / "README.md").read_text().partition("## Values")[2]

    rows = [line for line in table.splitlines() if line.startswith("| `")]

    assert rows == [value.row() for value in charts.documented(chart)]


@both
def test_the_schema_names_every_value_and_no_other(chart: Path) -> None:
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())

    named = _paths(schema)

    assert named - {"global"} == _keys(values, schema)


@both
def test_the_schema_closes_every_object_whose_keys_it_names(chart: Path) -> None:
    schema = json.loads((chart / "values.schema.json").read_text())

    is_open = [path for path, each in _objects(schema) if each["additionalProperties"] is not False]

    assert is_open == []


@both
@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"replica": 3}, "at '': additional properties 'replica' not", id="top"),
        pytest.param({"image": {"repo": "x"}}, "at '/image': additional properties 'repo' not", id="below"),
        pytest.param({"Image": {"tag": "1"}}, "at '': additional properties 'Image' not", id="case"),
    ],
)  # fmt: skip
def test_a_misspelt_value_is_refused_by_name(
    chart: Path, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(charts.RefusedError) as refused:
        charts.render(chart, values)

    assert said in str(refused.value)


@both
def test_chart_image_and_package_have_one_version(chart: Path) -> None:
    package = tomllib.loads((charts.ROOT / "pyproject.toml").read_text())["project"]["version"]

    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    built = re.search(r"^ARG VERSION=(.+)$", (charts.ROOT / "Dockerfile").read_text(), re.MULTILINE)
    applied = [
        yaml.safe_load((charts.ROOT / folder / "kustomization.yaml").read_text())["images"]
        for folder in ("deploy", "deploy/namespaced")
    ]

    assert built is not None
    assert (about["version"], about["appVersion"], built[1]) == (package, package, package)
    assert applied == [[{"name": "medusa-database-operator", "newTag": package}]] * 2


@both
def test_no_user_is_fixed_where_a_platform_sets_one(chart: Path) -> None:
    values = {"version": "1.20.11", "database": {"urlSecret": {"name": "shop-db"}}}

    made = charts.render(chart, values if chart == charts.HOOK else {})

    assert _fixed(made) == []


@pytest.mark.parametrize("folder", [".", "namespaced"])
def test_the_manifests_fix_no_user(folder: str) -> None:
    assert _fixed(charts.manifests(folder)) == []


def test_a_user_may_be_fixed_by_value() -> None:
    user = {"securityContext": {"runAsUser": 65532}, "podSecurityContext": {"fsGroup": 1}}
    shop = {
        "version": "1.20.11", "database": {"urlSecret": {"name": "shop-db"}}, "job": user,
        "hook": {"startWithin": 0},
    }  # fmt: skip

    made = [charts.render(charts.OPERATOR, user), charts.render(charts.HOOK, shop)]

    assert [_fixed(each) for each in made] == [[("runAsUser", 65532), ("fsGroup", 1)]] * 2


def _fixed(made: Any) -> list[tuple[str, Any]]:
    """Return the users and groups that a manifest names, the container's first."""
    match made:
        case {"kind": "CustomResourceDefinition"}:  # a resource may name some
            return []
        case dict():
            named = [
                (key, made[key]) for key in ("runAsUser", "runAsGroup", "fsGroup") if key in made
            ]
            return named + [found for _, each in sorted(made.items()) for found in _fixed(each)]
        case list():
            return [found for each in made for found in _fixed(each)]
        case _:
            return []


def _objects(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = [(path, schema)] if "properties" in schema else []
    for key, below in schema.get("properties", {}).items():
        found += _objects(below, f"{path}.{key}".lstrip("."))
    return found


def _paths(schema: dict[str, Any]) -> set[str]:
    return {
        f"{path}.{key}".lstrip(".") for path, each in _objects(schema) for key in each["properties"]
    }


def _keys(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> set[str]:
    """Return the paths in *values* and below, and of KUBERNETES' objects all that the schema knows."""
    found = set()
    for key, value in values.items():
        here = f"{path}.{key}".lstrip(".")
        below = schema.get("properties", {}).get(key, {})
        found.add(here)
        if key in KUBERNETES:
            found |= {f"{here}.{each}" for each in below["properties"]}
        elif isinstance(value, dict):
            found |= _keys(value, below, here)
    return found
