"""Alerts, dashboard and scraping: as Prometheus and its operator read them, the same in chart and manifests."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import charts
import promql
from charts import OPERATOR, manifests, only, render
from medusa_testbed import tools

TESTS = Path(__file__).with_name("alerts.yaml")
SWITCHED_ON = {
    "metrics": {
        part: {"enabled": True} for part in ("rules", "serviceMonitor", "podMonitor", "dashboard")
    }
}
KINDS = ("PrometheusRule", "ServiceMonitor", "PodMonitor")
COMPONENTS = ("prometheus-rule", "service-monitor", "pod-monitor", "dashboard")


def shipped() -> list[charts.Object]:
    return manifests(".", *(f"options/{component}" for component in COMPONENTS))


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tools.program("promtool"), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def written(path: Path, groups: list[dict[str, Any]]) -> Path:
    path.write_text(yaml.safe_dump({"groups": groups}))
    return path


def bare(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule without its annotations, which promtool would want to be repeated in each test."""
    return {key: value for key, value in rule.items() if key != "annotations"}


def test_the_rules_fire_on_what_they_are_for_and_on_nothing_else(tmp_path: Path) -> None:
    written(tmp_path / "rules.yaml", [{"name": "a", "rules": [*map(bare, promql.alerts())]}])
    (tmp_path / "alerts.yaml").write_text(TESTS.read_text())

    done = promtool("test", "rules", tmp_path / "alerts.yaml")

    assert (done.returncode, done.stderr) == (0, "")


def test_every_rule_is_seen_firing_and_seen_silent() -> None:
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for group in yaml.safe_load(TESTS.read_text())["tests"]
        for case in group["alert_rule_test"]
    ]
    own_labels = {  # silent for another series of the same test
        "MedusaDatabaseDrifted", "MedusaDatabasePendingTooLong", "MedusaDatabaseRunsFailing",
            "MedusaDatabaseUnreadableObjects",
        "MedusaDatabaseOperatorEventLoopLag", "MedusaDatabaseOperatorForbidden",
    }  # fmt: skip

    names = {rule["alert"] for rule in promql.alerts()}
    assert {name for name, fires in cases if fires} == names
    assert {name for name, fires in cases if not fires} | own_labels == names


def test_prometheus_takes_rules_and_their_annotations(tmp_path: Path) -> None:
    rules = written(tmp_path / "rules.yaml", [{"name": "all", "rules": promql.alerts()}])

    done = promtool("check", "rules", "--lint-fatal", rules)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(promql.alerts())} rules found" in done.stdout


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [
        {"record": f"query:{number}", "expr": re.sub(r"\$__rate_interval", "5m", query)}
        for number, query in enumerate(promql.dashboard().values())
    ]

    done = promtool("check", "rules", written(tmp_path / "rules.yaml", [{"name": "all", "rules": queries}]))  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_the_pages_command_makes_a_rule_file_of_the_manifest(tmp_path: Path) -> None:
    page = (charts.ROOT / "docs" / "monitoring.md").read_text()
    [command] = re.findall(r"^    (sed .+) > \S+$", page, re.MULTILINE)

    made = subprocess.run(
        ["bash", "-c", command], cwd=charts.ROOT, capture_output=True, text=True, check=True
    )
    (tmp_path / "rules.yaml").write_text(made.stdout)

    assert promtool("check", "rules", tmp_path / "rules.yaml").returncode == 0


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param(lambda: render(OPERATOR, SWITCHED_ON), id="chart"),
        pytest.param(
            lambda: render(
                OPERATOR,
                {
                    "metrics": {
                        "authentication": "token",
                        "serviceMonitor": {"enabled": True},
                        "podMonitor": {
                            "enabled": True,
                            "authorization": {"credentials": {"name": "prometheus", "key": "token"}},
                        },
                        "rules": {"enabled": True},
                    }
                },
            ),
            id="chart-with-tokens",
        ),
        pytest.param(shipped, id="manifests"),
    ],
)  # fmt: skip
def test_the_prometheus_operator_knows_every_field(objects: Any) -> None:
    found = [each for each in objects() if each["kind"] in KINDS]

    done = subprocess.run(
        [tools.program("monitoring")], input="".join(map(json.dumps, found)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert {each["kind"] for each in found} == set(KINDS)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_field_that_the_prometheus_operator_does_not_know_is_found() -> None:
    rule = only(shipped(), "PrometheusRule")
    rule["spec"]["groups"][0]["rules"][0]["runbook"] = "x"

    done = subprocess.run(
        [tools.program("monitoring")], input=json.dumps(rule),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, "unknown field" in done.stderr) == (1, True)


def test_nothing_of_it_is_there_where_it_is_not_asked_for() -> None:
    kinds = {each["kind"] for each in (*render(OPERATOR), *manifests("."))}

    assert not kinds & {*KINDS, "ConfigMap"}


def test_chart_and_manifests_hold_the_same_alerts_and_the_same_dashboard() -> None:
    made, applied = render(OPERATOR, SWITCHED_ON), shipped()

    assert only(made, "PrometheusRule")["spec"] == only(applied, "PrometheusRule")["spec"]
    assert json.loads(only(made, "ConfigMap")["data"]["medusa-database-operator.json"]) == json.loads(
        only(applied, "ConfigMap")["data"]["medusa-database-operator.json"]
    )  # fmt: skip
    assert only(made, "ConfigMap")["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert only(applied, "ConfigMap")["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_the_alerts_link_to_where_the_runbooks_are_served() -> None:
    served = "https://git.example.com/runbooks.md"

    made = render(OPERATOR, {"metrics": {"rules": {"enabled": True, "runbooks": served}}})

    rules = [
        rule
        for group in only(made, "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
    ]  # fmt: skip
    assert [rule["annotations"]["runbook_url"] for rule in rules] == [
        f"{served}#{rule['alert'].lower()}" for rule in promql.alerts()
    ]


@pytest.mark.parametrize(
    "made",
    [pytest.param(lambda: render(OPERATOR, SWITCHED_ON), id="chart"), pytest.param(shipped, id="manifests")],
)  # fmt: skip
def test_the_monitors_select_the_service_and_the_pods_by_the_port_that_they_have(
    made: Any,
) -> None:
    objects = made()
    service, pods = only(objects, "Service"), only(objects, "Deployment")["spec"]["template"]

    through_service = only(objects, "ServiceMonitor")["spec"]
    directly = only(objects, "PodMonitor")["spec"]

    labels = service["metadata"]["labels"].items()
    assert through_service["selector"]["matchLabels"].items() <= labels
    assert directly["selector"]["matchLabels"].items() <= pods["metadata"]["labels"].items()
    [container] = pods["spec"]["containers"]
    assert through_service["endpoints"][0]["port"] in [
        port["name"] for port in service["spec"]["ports"]
    ]
    assert directly["podMetricsEndpoints"][0]["port"] in [
        port["name"] for port in container["ports"]
    ]


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        pytest.param(
            {"serviceMonitor": {"enabled": True}, "service": {"enabled": False}},
            "metrics.serviceMonitor.enabled needs metrics.service.enabled; without a Service use metrics.podMonitor",
            id="no-service",
        ),
        pytest.param(
            {"podMonitor": {"enabled": True}, "authentication": "token"},
            "metrics.podMonitor.authorization: metrics.authentication is token, so name the Secret of the token",
            id="no-token",
        ),
    ],
)  # fmt: skip
def test_a_monitor_that_could_not_scrape_is_refused(metrics: dict[str, Any], said: str) -> None:
    with pytest.raises(charts.RefusedError) as refused:
        render(OPERATOR, {"metrics": metrics})

    assert said in str(refused.value)


def test_a_service_monitor_sends_the_token_of_prometheus_where_one_is_asked_for() -> None:
    account = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    given = {"credentials": {"name": "prometheus", "key": "token"}}

    def endpoint(**metrics: Any) -> charts.Object:
        on = {"enabled": True} | metrics.pop("monitor", {})
        made = render(OPERATOR, {"metrics": {"serviceMonitor": on, **metrics}})
        found: charts.Object = only(made, "ServiceMonitor")["spec"]["endpoints"][0]
        return found

    assert set(endpoint()) == {"port", "interval"}
    assert endpoint(authentication="token")["bearerTokenFile"] == account
    assert endpoint(authentication="token", monitor={"authorization": given}) == {
        "port": "metrics", "interval": "30s", "authorization": given,
    }  # fmt: skip
