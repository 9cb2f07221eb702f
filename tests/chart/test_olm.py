"""The bundle for the Operator Lifecycle Manager: it is the manifests, and the manager's own validator accepts it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import bundle
import charts
from medusa_operator.process import options
from medusa_testbed import tools

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "registry.example.com/medusa-database-operator@sha256:" + "0" * 64
NAME = bundle.NAME


def validated(folder: Path) -> str:
    """Return what the validator has against the bundle in *folder*; empty where nothing."""
    command = [tools.program("operator-verify"), "manifests", folder]
    return "".join(
        subprocess.run(
            [*command, *check], capture_output=True, text=True, timeout=60, check=False
        ).stderr
        for check in ((), ("--object_validate",), ("--operatorhub_validate",))
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The bundle as `make bundle` writes it."""
    made = tmp_path / "olm"
    words = ("--image", IMAGE, "--source", "https://git.example.com/operator")
    assert bundle.main([str(made), *words, "--maintainer", "A Shop <shop@example.com>"]) == 0
    return made


def csv(folder: Path) -> dict[str, Any]:
    [found] = yaml.safe_load_all(
        (folder / "manifests" / f"{NAME}.clusterserviceversion.yaml").read_text()
    )
    return dict(found)


def test_the_validator_of_the_manager_has_nothing_against_it(folder: Path) -> None:
    assert validated(folder) == ""


def test_the_validator_finds_what_is_missing(folder: Path) -> None:
    (folder / "manifests" / "medusadatabases.medusadb.dev.crd.yaml").unlink()

    assert 'Kind=MedusaDatabase\\" not found in bundle' in validated(folder)


def test_a_bundle_without_source_and_maintainer_is_accepted_as_well(tmp_path: Path) -> None:
    assert bundle.main([str(tmp_path / "olm")]) == 0

    assert validated(tmp_path / "olm") == ""


def test_rights_and_deployment_are_those_of_the_manifests(folder: Path) -> None:
    applied = charts.manifests(".")
    rules = [
        rule
        for kind, name in (("ClusterRole", NAME), ("Role", f"{NAME}-leader-election"))
        for rule in charts.only(applied, kind, name)["rules"]
    ]

    found = csv(folder)["spec"]["install"]["spec"]

    assert found["permissions"] == [{"serviceAccountName": NAME, "rules": rules}]
    [deployment] = found["deployments"]
    bundled = json.loads(
        json.dumps(deployment["spec"]).replace(IMAGE, f"medusa-database-operator:{version()}")
    )
    variables = bundled["template"]["spec"]["containers"][0]["env"]
    assert variables.pop() == bundle.NAMESPACES
    assert bundled == charts.only(applied, "Deployment")["spec"]


def test_what_else_is_applied_is_in_it(folder: Path) -> None:
    others = [
        each
        for file in (folder / "manifests").iterdir()
        if "clusterserviceversion" not in file.name
        for each in yaml.safe_load_all(file.read_text())
    ]
    by_the_manager = {
        ("Namespace", NAME), ("ServiceAccount", NAME), ("Deployment", NAME), ("ClusterRole", NAME),
        ("ClusterRoleBinding", NAME), ("Role", f"{NAME}-leader-election"),
        ("RoleBinding", f"{NAME}-leader-election"),
    }  # fmt: skip

    def named(objects: list[charts.Object]) -> dict[tuple[str, str], charts.Object]:
        return {(each["kind"], each["metadata"]["name"]): each for each in objects}

    found, applied = named(others), named(charts.manifests("."))
    assert found.keys() == applied.keys() - by_the_manager
    for key, each in found.items():
        assert "namespace" not in each["metadata"]
        applied[key]["metadata"].pop("namespace", None)
        assert each == applied[key]


def test_every_image_is_the_one_that_was_named(folder: Path) -> None:
    found = csv(folder)

    assert found["spec"]["relatedImages"] == [{"name": "operator", "image": IMAGE}]
    assert found["metadata"]["annotations"]["containerImage"] == IMAGE
    assert found["metadata"]["name"] == f"{NAME}.v{version()}"
    assert found["spec"]["version"] == version()


@pytest.mark.parametrize(("targets", "namespaces"), [("", ()), ("a", ("a",)), ("a,b", ("a", "b"))])
def test_the_namespaces_of_the_operator_group_are_followed(
    targets: str, namespaces: tuple[str, ...]
) -> None:
    found = options.parse([], {bundle.NAMESPACES["name"]: targets})

    assert found.namespaces == namespaces


def test_its_image_has_the_annotations_as_labels(folder: Path) -> None:
    annotations = yaml.safe_load((folder / "metadata" / "annotations.yaml").read_text())
    lines = (folder / "bundle.Dockerfile").read_text().splitlines()

    labels = dict(line.removeprefix("LABEL ").split("=") for line in lines if "LABEL" in line)

    assert labels == annotations["annotations"]


@pytest.mark.parametrize("maintainer", ["shop", "shop@example.com", "A Shop <>"])
def test_a_maintainer_has_a_name_and_an_address(
    maintainer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bundle.main([str(tmp_path / "olm"), "--maintainer", maintainer]) == 2

    assert f"--maintainer {maintainer!r} is not a name and an address" in capsys.readouterr().err


def test_a_folder_that_holds_something_is_left_alone(folder: Path) -> None:
    before = sorted(folder.rglob("*"))

    assert bundle.main([str(folder)]) == 2
    assert sorted(folder.rglob("*")) == before


def version() -> str:
    [image] = yaml.safe_load((charts.ROOT / "deploy" / "kustomization.yaml").read_text())["images"]
    return str(image["newTag"])
