"""The operator's chart: what it makes of its values, and that it is what `deploy/` holds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import charts
from charts import OPERATOR, manifests, only, render
from medusa_operator.process import options

if TYPE_CHECKING:
    from pathlib import Path

CRD = charts.ROOT / "deploy" / "crd" / "medusadatabases.yaml"
COPIES = {
    "medusadatabases.yaml": "crd/medusadatabases.yaml",
    "prometheusrule.yaml": "options/prometheus-rule/prometheusrule.yaml",
    "dashboard.json": "options/dashboard/medusa-database-operator.json",
}
"""What the chart has copies of: a chart may read its own files only."""


def container(objects: list[charts.Object]) -> charts.Object:
    """Return the operator's container."""
    found: charts.Object = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found


def environment(objects: list[charts.Object]) -> dict[str, Any]:
    """Return its variables."""
    return {each["name"]: each.get("value") for each in container(objects)["env"]}


def test_the_charts_files_are_copies_of_the_manifests() -> None:
    copies = {path.name: path.read_text() for path in (OPERATOR / "files").iterdir()}
    originals = {name: (charts.ROOT / "deploy" / path).read_text() for name, path in COPIES.items()}

    assert copies == originals, "make sync-chart"


def test_the_crd_is_kept_when_the_release_goes() -> None:
    crd = only(render(OPERATOR), "CustomResourceDefinition")

    original = yaml.safe_load(CRD.read_text())
    assert crd["spec"] == original["spec"]
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_without_values_everything_is_there() -> None:
    kinds = Counter(each["kind"] for each in render(OPERATOR))

    assert kinds == {
        "CustomResourceDefinition": 1,
        "ServiceAccount": 1,
        "ClusterRole": 3,
        "ClusterRoleBinding": 1,
        "Role": 1,
        "RoleBinding": 1,
        "Service": 1,
        "Deployment": 1,
        "PodDisruptionBudget": 1,
    }


def test_its_rights_are_those_of_the_manifests() -> None:
    made = render(OPERATOR)
    shipped = manifests(".")

    rules = {
        role: only(made, kind, chart)["rules"]
        for role, kind, chart in (
            ("medusa-database-operator", "ClusterRole", "-medusa-db-operator"),
            ("medusa-database-operator-view", "ClusterRole", "-view"),
            ("medusa-database-operator-edit", "ClusterRole", "-edit"),
        )
    }

    assert rules == {
        each["metadata"]["name"]: each["rules"] for each in shipped if each["kind"] == "ClusterRole"
    }


def test_rights_to_ask_who_reads_the_metrics_are_there_only_where_that_is_asked() -> None:
    usual = [each["metadata"]["name"] for each in render(OPERATOR)]
    made = render(OPERATOR, {"metrics": {"authentication": "token"}})
    shipped = list(
        yaml.safe_load_all((charts.ROOT / "deploy/metrics-authentication/rbac.yaml").read_text())
    )

    assert not [name for name in usual if "-metrics-" in name]
    for role in ("-metrics-auth", "-metrics-reader"):
        assert (
            only(made, "ClusterRole", role)["rules"] == only(shipped, "ClusterRole", role)["rules"]
        )
    assert only(made, "ClusterRoleBinding", "-metrics-auth")["subjects"] == [
        {"kind": "ServiceAccount", "name": "shop-medusa-db-operator", "namespace": "shops"}
    ]


def test_it_may_get_secrets_only_where_it_asks_for_their_annotation() -> None:
    asking = render(OPERATOR, {"requireSecretAnnotation": True})
    shipped = manifests(".", "options/require-secret-annotation")

    for made, role in ((asking, "-medusa-db-operator"), (shipped, "medusa-database-operator")):
        rules = only(made, "ClusterRole", role)["rules"]
        assert [rule for rule in rules if "secrets" in rule["resources"]] == [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
        ]
        assert environment(made)["MEDUSA_DB_REQUIRE_SECRET_ANNOTATION"] == "true"
    assert not any(
        "secrets" in rule["resources"]
        for each in (*render(OPERATOR), *manifests("."))
        for rule in each.get("rules", ())
    )


def test_its_election_is_that_of_the_manifests() -> None:
    made = only(render(OPERATOR), "Role")["rules"]
    shipped = only(manifests("."), "Role")["rules"]

    assert made[1].pop("resourceNames") == ["shop-medusa-db-operator"]
    assert shipped[1].pop("resourceNames") == ["medusa-database-operator"]
    assert made == shipped


def test_its_pod_is_that_of_the_manifests() -> None:
    made = only(render(OPERATOR), "Deployment")["spec"]
    shipped = only(manifests("."), "Deployment")["spec"]

    for spec in (made, shipped):
        pod = spec["template"]["spec"]
        for container in pod["containers"]:
            del container["env"], container["image"]
            container.pop("imagePullPolicy", None)
        del pod["serviceAccountName"], pod["topologySpreadConstraints"][0]["labelSelector"]

    assert made["template"]["spec"] == shipped["template"]["spec"]
    assert made["replicas"] == shipped["replicas"] == 2


def test_the_jobs_run_the_operators_image() -> None:
    image = {"repository": "registry.example.com/medusa", "tag": "7"}

    made = render(OPERATOR, {"image": image})

    assert container(made)["image"] == "registry.example.com/medusa:7"
    assert environment(made)["MEDUSA_DB_IMAGE"] == "registry.example.com/medusa:7"


def test_the_manifests_jobs_run_the_operators_image() -> None:
    made = manifests(".")

    assert container(made)["image"] == environment(made)["MEDUSA_DB_IMAGE"]
    assert container(made)["image"].startswith("medusa-database-operator:")


def test_a_digest_counts_before_the_tag() -> None:
    digest = "sha256:" + "0" * 64

    made = render(OPERATOR, {"image": {"tag": "7", "digest": digest}})

    assert container(made)["image"] == f"medusa-database-operator@{digest}"


def test_the_jobs_may_run_another_image() -> None:
    made = render(OPERATOR, {"runner": {"image": "mirror.example.com/runner:1"}})

    assert container(made)["image"] == "medusa-database-operator:0.1.0"
    assert environment(made)["MEDUSA_DB_IMAGE"] == "mirror.example.com/runner:1"


def test_every_option_reaches_the_operator() -> None:
    values = {
        "watch": {"namespaces": ["shop", "test"], "selector": "team=shop"},
        "maxConcurrentRuns": 3,
        "podTemplatePolicy": "unrestricted",
        "requireSecretAnnotation": True,
        "resync": "10m",
        "log": {"level": "debug", "format": "text"},
        "metrics": {"port": 9090, "authentication": "token"},
        "health": {"port": 9091},
        "fullnameOverride": "medusa",
    }

    told = environment(render(OPERATOR, values))

    assert told == {
        "MEDUSA_DB_IMAGE": "medusa-database-operator:0.1.0",
        "MEDUSA_DB_LEASE": "medusa",
        "MEDUSA_DB_LEASE_NAMESPACE": "shops",
        "MEDUSA_DB_NAMESPACE": "shop,test",
        "MEDUSA_DB_SELECTOR": "team=shop",
        "MEDUSA_DB_MAX_CONCURRENT_RUNS": "3",
        "MEDUSA_DB_POD_TEMPLATE_POLICY": "unrestricted",
        "MEDUSA_DB_REQUIRE_SECRET_ANNOTATION": "true",
        "MEDUSA_DB_RESYNC": "10m",
        "MEDUSA_DB_HEALTH_ADDRESS": ":9091",
        "MEDUSA_DB_METRICS_ADDRESS": ":9090",
        "MEDUSA_DB_METRICS_AUTHENTICATION": "token",
        "MEDUSA_DB_LOG_LEVEL": "debug",
        "MEDUSA_DB_LOG_FORMAT": "text",
    }


def test_the_operator_understands_what_the_chart_tells_it() -> None:
    values = {"watch": {"namespaces": ["shop", "test"], "selector": "team=shop"}}

    told = options.parse([], environment(render(OPERATOR, values)))

    assert (told.namespaces, told.selector, told.resync) == (("shop", "test"), "team=shop", 300.0)
    assert (told.lease, told.lease_namespace) == ("shop-medusa-db-operator", "shops")
    assert (told.health_address, told.metrics_address) == (("", 8081), ("", 8080))


def test_named_namespaces_get_a_role_each_and_no_right_elsewhere() -> None:
    values = {"watch": {"namespaces": ["shop", "test"]}, "rbac": {"aggregate": False}}

    made = render(OPERATOR, values)

    roles = [
        (each["kind"], each["metadata"]["namespace"]) for each in made if "Role" in each["kind"]
    ]
    assert sorted(roles) == [
        ("Role", "shop"), ("Role", "shops"), ("Role", "test"),
        ("RoleBinding", "shop"), ("RoleBinding", "shops"), ("RoleBinding", "test"),
    ]  # fmt: skip
    [shop] = [
        each for each in made if each["kind"] == "Role" and each["metadata"]["namespace"] == "shop"
    ]
    assert shop["rules"] == only(manifests("rbac/namespaced"), "Role")["rules"]


def test_the_namespaced_manifests_hold_no_right_on_the_cluster() -> None:
    made = manifests("namespaced")

    assert {each["metadata"].get("namespace") for each in made} == {"shop"}
    assert sorted(each["metadata"]["name"] for each in made if each["kind"] == "Role") == [
        "medusa-database-operator",
        "medusa-database-operator-leader-election",
    ]
    assert {
        "name": "MEDUSA_DB_NAMESPACE",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
    } in container(made)["env"]


@pytest.mark.parametrize(
    ("values", "left_out"),
    [
        pytest.param({"crds": {"install": False}}, "CustomResourceDefinition", id="crd"),
        pytest.param({"metrics": {"service": {"enabled": False}}}, "Service", id="metrics"),
        pytest.param({"podDisruptionBudget": {"enabled": False}}, "PodDisruptionBudget", id="budget"),
        pytest.param({"replicas": 1}, "PodDisruptionBudget", id="budget-of-one"),
        pytest.param({"rbac": {"create": False}}, "ClusterRoleBinding", id="roles"),
        pytest.param(
            {"serviceAccount": {"create": False, "name": "mine"}}, "ServiceAccount", id="account"
        ),
    ],
)  # fmt: skip
def test_what_is_switched_off_is_left_out(values: dict[str, Any], left_out: str) -> None:
    before = {each["kind"] for each in render(OPERATOR)}

    after = {each["kind"] for each in render(OPERATOR, values)}

    assert left_out in before
    assert left_out not in after


def test_two_releases_share_no_object_of_the_cluster() -> None:
    cluster_wide = [
        {
            each["metadata"]["name"]
            for each in render(OPERATOR, {"crds": {"install": False}}, namespace=namespace)
            if "namespace" not in each["metadata"]
        }
        for namespace in ("one", "two")
    ]

    assert len(cluster_wide[0]) == 3
    assert not cluster_wide[0] & cluster_wide[1]


@pytest.mark.parametrize(
    ("release", "name", "cluster_wide"),
    [
        pytest.param("shop", "shop-medusa-db-operator", "shops-shop-medusa-db-operator", id="any"),
        pytest.param("medusa-db", "medusa-db-operator", "shops-medusa-db-operator", id="begins-the-charts"),
        pytest.param("medusa-db-operator", "medusa-db-operator", "shops-medusa-db-operator", id="is-the-charts"),
        pytest.param("my-medusa-db-operator", "my-medusa-db-operator", "shops-my-medusa-db-operator", id="holds-the-charts"),
        pytest.param("med", "med-medusa-db-operator", "shops-med-medusa-db-operator", id="half-a-word"),
    ],
)  # fmt: skip
def test_no_name_stutters(release: str, name: str, cluster_wide: str) -> None:
    made = render(OPERATOR, release=release)

    assert only(made, "Deployment")["metadata"]["name"] == name
    assert only(made, "ClusterRoleBinding")["metadata"]["name"] == cluster_wide
    assert environment(made)["MEDUSA_DB_LEASE"] == name


def test_a_namespace_of_the_same_name_is_not_repeated() -> None:
    made = render(OPERATOR, release="medusa-db", namespace="medusa-db-operator")

    assert only(made, "ClusterRoleBinding")["metadata"]["name"] == "medusa-db-operator"


def test_the_hooks_objects_do_not_stutter() -> None:
    values = {"version": "1.20.11", "database": {"urlSecret": {"name": "shop-db"}}}

    made = render(charts.HOOK, values, release="medusa-db")

    assert only(made, "ServiceAccount")["metadata"]["name"] == "medusa-db-hook"


def test_its_network_policy_is_that_of_the_manifests() -> None:
    made = only(render(OPERATOR, {"networkPolicy": {"enabled": True}}), "NetworkPolicy")
    shipped = only(manifests(".", "options/network-policy"), "NetworkPolicy")

    assert "NetworkPolicy" not in {each["kind"] for each in (*render(OPERATOR), *manifests("."))}
    for policy in (made, shipped):
        del policy["spec"]["podSelector"]
    assert made["spec"] == shipped["spec"]


@pytest.mark.parametrize("source", ["chart", "manifests"])
def test_its_network_policy_is_for_the_operators_pods_and_no_others(source: str) -> None:
    made = (
        render(OPERATOR, {"networkPolicy": {"enabled": True}})
        if source == "chart"
        else manifests(".", "options/network-policy")
    )

    deployment, policy = only(made, "Deployment"), only(made, "NetworkPolicy")
    assert policy["metadata"]["namespace"] == deployment["metadata"]["namespace"]
    assert policy["spec"]["podSelector"] == deployment["spec"]["selector"]


def test_its_network_policy_may_name_the_api_server() -> None:
    server = {"cidrs": ["10.0.0.1/32"], "ports": [16443]}

    made = render(
        OPERATOR, {"networkPolicy": {"enabled": True, "apiServer": server, "dnsPorts": [53]}}
    )

    assert only(made, "NetworkPolicy")["spec"]["egress"] == [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {
            "ports": [{"protocol": "TCP", "port": 16443}],
            "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
        },
    ]


def test_artifact_hub_reads_of_the_resource_what_the_definition_says() -> None:
    about = yaml.safe_load((OPERATOR / "Chart.yaml").read_text())["annotations"]
    crd = yaml.safe_load(CRD.read_text())
    [listed] = yaml.safe_load(about["artifacthub.io/crds"])
    [example] = yaml.safe_load(about["artifacthub.io/crdsExamples"])

    assert (listed["kind"], listed["name"], listed["version"]) == (
        crd["spec"]["names"]["kind"],
        crd["metadata"]["name"],
        crd["spec"]["versions"][0]["name"],
    )
    assert example["kind"] == listed["kind"]
    assert example["apiVersion"] == f"{crd['spec']['group']}/{listed['version']}"


@pytest.mark.parametrize("chart", charts.ALL, ids=lambda chart: chart.name)
def test_artifact_hub_reads_of_the_image_what_is_deployed(chart: Path) -> None:
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    [image] = yaml.safe_load(about["annotations"]["artifacthub.io/images"])

    assert image["image"] == f"medusa-database-operator:{about['appVersion']}"
