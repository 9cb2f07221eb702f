"""Values and names that are odd and legal: names made of digits, dots in them, null, what the chart sets too."""

from __future__ import annotations

import re
import shutil
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import charts

if TYPE_CHECKING:
    from pathlib import Path

SHOP: dict[str, Any] = {"version": "1.20.11", "database": {"urlSecret": {"name": "shop-db"}}}
PARTS: dict[str, Any] = {
    "version": "1.20.11",
    "database": {"host": "postgres", "name": "shop", "user": "shop"},
}
BASES = {charts.HOOK: SHOP, charts.OPERATOR: {}}
MONITORED = ("serviceMonitor", "podMonitor", "rules", "dashboard")
DIGITS = "4711"
SAID_OF_NULL = re.compile(
    r"missing propert|set urlSecret\.name to the Secret|version: set the Medusa"
)

LABEL = re.compile(r"([A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?)?")

both = pytest.mark.parametrize("chart", charts.ALL, ids=lambda chart: chart.name)


@both
def test_a_release_and_a_namespace_of_digits_stay_words(chart: Path) -> None:
    words = _types(charts.render(chart, BASES[chart]))

    digits = charts.render(chart, BASES[chart], release=DIGITS, namespace=DIGITS)

    assert _types(digits) == words


@pytest.mark.parametrize(
    ("chart", "path", "others"),
    [
        (charts.HOOK, "nameOverride", SHOP),
        (charts.HOOK, "fullnameOverride", SHOP),
        (charts.HOOK, "database.urlSecret.name", SHOP),
        (charts.HOOK, "database.urlSecret.key", SHOP),
        (charts.HOOK, "database.passwordSecret.name", PARTS),
        (charts.HOOK, "database.passwordSecret.key", PARTS | {"database": PARTS["database"] | {"password": "x"}}),
        (charts.HOOK, "database.caSecret.name", SHOP),
        (charts.HOOK, "database.caConfigMap.name", SHOP),
        (charts.HOOK, "serviceAccount.name", SHOP),
        (charts.HOOK, "job.priorityClassName", SHOP),
        (charts.HOOK, "seed.configMap.name", SHOP | {"seed": {"enabled": True}}),
        (charts.HOOK, "seed.secret.name", SHOP | {"seed": {"enabled": True}}),
        (charts.HOOK, "seed.configMap.key", SHOP | {"seed": {"enabled": True, "configMap": {"name": "seed"}}}),
        (charts.HOOK, "server.image", SHOP),
        (charts.HOOK, "database.schema", SHOP),
        (charts.OPERATOR, "nameOverride", {}),
        (charts.OPERATOR, "fullnameOverride", {}),
        (charts.OPERATOR, "serviceAccount.name", {}),
        (charts.OPERATOR, "priorityClassName", {}),
        (charts.OPERATOR, "runner.image", {}),
        (charts.OPERATOR, "image.repository", {}),
        (charts.OPERATOR, "watch.selector", {}),
    ],
)  # fmt: skip
def test_a_text_of_digits_stays_a_text(chart: Path, path: str, others: dict[str, Any]) -> None:
    words = charts.render(chart, _with(others, path, "word"))

    digits = charts.render(chart, _with(others, path, DIGITS))

    assert _types(digits) == _types(words)


def test_namespaces_of_digits_get_their_roles() -> None:
    made = charts.render(charts.OPERATOR, {"watch": {"namespaces": [DIGITS]}})

    assert [each["metadata"]["namespace"] for each in made if each["kind"] == "Role"].count(DIGITS)


@both
@pytest.mark.parametrize("length", [31, 32, 33, 34, 45, 46, 47, 48, 53])
def test_a_release_with_dots_has_names_that_every_object_may_have(chart: Path, length: int) -> None:
    release = f"9{'.shop' * 11}"[:length].rstrip(".")

    made = charts.render(chart, BASES[chart], release=release)

    names = {each["metadata"]["name"] for each in made} - {"medusadatabases.medusadb.dev"}
    services = {each["metadata"]["name"] for each in made if each["kind"] == "Service"}
    assert [
        name for name in names if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    ] == []
    assert [name for name in services if not re.fullmatch(r"[a-z][-a-z0-9]{0,62}", name)] == []


@both
def test_long_releases_that_begin_alike_share_no_object_of_their_namespace(chart: Path) -> None:
    release = "storefront-preview-of-the-feature-with-a-long-nam"
    values = BASES[chart] | (
        {"database": {"url": "postgres://x/y"}} if chart == charts.HOOK else {}
    )

    one, other = (
        {
            (each["kind"], each["metadata"]["name"])
            for each in charts.render(chart, values, release=f"{release}-{number}")
            if each["kind"] != "CustomResourceDefinition"
        }
        for number in (1, 2)
    )

    assert one & other == set()


@pytest.mark.parametrize(
    ("alias", "release", "begins"),
    [
        pytest.param("shopDb", "shop", "shop-shopdb", id="capitals"),
        pytest.param("shop_db", "x", "x-shop-db", id="underscores"),
        pytest.param("store", "storefront", "storefront-store", id="within-the-release"),
    ],
)
def test_every_alias_makes_names_of_its_own(
    tmp_path: Path, alias: str, release: str, begins: str
) -> None:
    charts.umbrella(tmp_path, "", alias=alias)

    made = charts.render(tmp_path, {alias: SHOP}, release=release)

    assert {each["metadata"]["name"][: len(begins)] for each in made} == {begins}


@both
def test_a_chart_that_is_packaged_with_a_version_of_a_build_has_labels_that_can_be(
    chart: Path, tmp_path: Path
) -> None:
    built = tmp_path / chart.name
    shutil.copytree(chart, built)
    about = yaml.safe_load((built / "Chart.yaml").read_text())
    about |= {"version": f"0.1.0-rc.1.{'0a' * 20}+b.7", "appVersion": f"0.1.0+{'0a' * 30}"}
    (built / "Chart.yaml").write_text(yaml.safe_dump(about))

    made = charts.render(built, BASES[chart])

    values = {value for each in made for value in each["metadata"].get("labels", {}).values()}
    assert [value for value in values if not LABEL.fullmatch(value)] == []


@pytest.mark.parametrize("schema", ["shop #1", "a: b", "$(PGUSER)", "{x}", "it's", 'a "b"'])
def test_a_schema_reaches_the_runner_as_it_is_spelt(schema: str) -> None:
    made = charts.render(charts.HOOK, _with(SHOP, "database.schema", schema))

    given = charts.container(made, "migrate")["args"]
    assert f"--schema={schema.replace('$', '$$')}" in given  # as Kubernetes spells a dollar


def _nulls(chart: Path) -> list[Any]:
    names = [value.path for value in charts.documented(chart)]
    sections = {name.rpartition(".")[0] for name in names} - {""}
    return [
        pytest.param(chart, name, id=f"{chart.name}-{name}")
        for name in sorted(sections.union(names))
    ]


@pytest.mark.parametrize(
    ("chart", "name"), [each for chart in charts.ALL for each in _nulls(chart)]
)
def test_a_value_that_is_null_is_none_or_said_to_be_missing(chart: Path, name: str) -> None:
    """A chart that depends on this one takes a default away by null."""
    said = _refused(chart, _with(BASES[chart], name, None))

    assert not said or SAID_OF_NULL.search(said)


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [
        pytest.param(
            charts.OPERATOR, {"metrics": {"port": 8081}},
            "metrics.port and health.port are both 8081; choose another one for either", id="ports",
        ),
        pytest.param(
            charts.OPERATOR, {"extraEnv": [{"name": "MEDUSA_DB_LOG_LEVEL", "value": "debug"}]},
            "extraEnv: MEDUSA_DB_LOG_LEVEL is set by this chart, or stands there twice; set the chart's own "
            "value, or leave it out", id="operator-variable",
        ),
        pytest.param(
            charts.OPERATOR, {"extraVolumes": [{"name": "tmp", "emptyDir": {}}]},
            "extraVolumes: tmp is a volume of this chart; choose another name", id="operator-volume",
        ),
        pytest.param(
            charts.OPERATOR, {"podLabels": {"app.kubernetes.io/name": "x"}},
            "podLabels: app.kubernetes.io/name is set by this chart, whose objects select the pods by it; "
            "leave it out", id="operator-label",
        ),
        pytest.param(
            charts.HOOK, SHOP | {"job": {"extraEnv": [{"name": "DATABASE_URL", "value": "x"}]}},
            "job.extraEnv: DATABASE_URL is set by this chart, of database, or stands there twice; leave it out",
            id="variable",
        ),
        pytest.param(
            charts.HOOK, SHOP | {"job": {"extraEnv": [{"name": "A"}, {"name": "A"}]}},
            "job.extraEnv: A is set by this chart, of database, or stands there twice; leave it out",
            id="variable-twice",
        ),
        pytest.param(
            charts.HOOK, SHOP | {"server": {"image": "shop:1", "env": [{"name": "A"}, {"name": "A"}]}},
            "server.env: A stands there twice; leave one of them out", id="shop-variable-twice",
        ),
        pytest.param(
            charts.HOOK, SHOP | {"job": {"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}},
            "job.extraVolumes: tmp is a volume of this chart; choose another name", id="volume",
        ),
        pytest.param(
            charts.HOOK, SHOP | {"job": {"podLabels": {"app.kubernetes.io/component": "x"}}},
            "job.podLabels: app.kubernetes.io/component is set by this chart; leave it out", id="label",
        ),
    ],
)  # fmt: skip
def test_what_the_chart_sets_itself_is_refused_in_a_sentence(
    chart: Path, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(charts.RefusedError) as refused:
        charts.render(chart, values)

    assert said in str(refused.value)


@pytest.mark.parametrize(
    "values", ["https://registry.example.com/x", "registry.example.com/x:1.0", "X/Y", "a b"]
)
@both
def test_what_is_no_repository_is_refused(chart: Path, values: str) -> None:
    with pytest.raises(charts.RefusedError, match="at '/image/repository'"):
        charts.render(chart, _with(BASES[chart], "image.repository", values))


@pytest.mark.parametrize(
    "values", ["localhost:5000/a/b", "[::1]:5000/a", "R.example.com/a__b/c-d.e", "a"]
)
@both
def test_every_repository_is_taken(chart: Path, values: str) -> None:
    made = charts.render(chart, _with(BASES[chart], "image.repository", values))

    assert f"{values}:" in str(made)


@pytest.mark.parametrize("host", ["db:5432", "postgres://db", "db ", "u@db", "[::1]"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(charts.RefusedError, match="at '/database/host'"):
        charts.render(charts.HOOK, _with(PARTS, "database.host", host))


@pytest.mark.parametrize(
    "host", ["db", "10.0.0.1", "fd00::1", "/run/postgresql", "a.example.com,b"]
)
def test_every_host_reaches_the_runner(host: str) -> None:
    made = charts.render(charts.HOOK, _with(PARTS, "database.host", host))

    assert charts.environment(charts.container(made, "migrate"))["PGHOST"] == host


def test_a_label_of_ours_may_be_another_one_on_what_prometheus_and_grafana_select() -> None:
    labels = {"app.kubernetes.io/part-of": "monitoring"}
    values = {name: {"enabled": True, "labels": labels} for name in MONITORED}

    made = charts.render(charts.OPERATOR, {"metrics": values})

    found = [
        each["metadata"]["labels"]["app.kubernetes.io/part-of"]
        for each in made
        if each["kind"] in ("ServiceMonitor", "PodMonitor", "PrometheusRule", "ConfigMap")
    ]
    assert found == ["monitoring"] * 4


@both
def test_the_value_that_a_condition_of_an_umbrella_chart_reads_is_taken(chart: Path) -> None:
    assert charts.render(chart, BASES[chart] | {"enabled": True})


def _refused(chart: Path, values: dict[str, Any]) -> str:
    """Return what helm says of *values*; nothing where it renders them."""
    try:
        charts.render(chart, values)
    except charts.RefusedError as exc:
        return str(exc)
    return ""


def _with(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return *values* with another one at *path*."""
    found = deepcopy(values)
    *sections, last = path.split(".")
    at = found
    for section in sections:
        at = at.setdefault(section, {})
    at[last] = value
    return found


def _types(made: Any) -> Any:
    """Return *made* with the type of each value in its place, and without names in keys."""
    match made:
        case dict():
            return {key: _types(value) for key, value in made.items()}
        case list():
            return [_types(value) for value in made]
        case _:
            return type(made).__name__
