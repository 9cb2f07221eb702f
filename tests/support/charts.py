"""The charts below `helm/`: rendered by the real helm, their values with the documentation of each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medusa_testbed import tools

Object = dict[str, Any]
ROOT = Path(__file__).parents[2]
OPERATOR = ROOT / "helm" / "medusa-db-operator"
HOOK = ROOT / "helm" / "medusa-db-hook"
ALL = (OPERATOR, HOOK)
KUBERNETES = "1.37.0"

_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]+):(?: |$)")


class RefusedError(AssertionError):
    """helm would not render; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a chart as its `values.yaml` documents it."""

    path: str
    default: Any
    about: str

    def row(self) -> str:
        """Return its row in the table of the chart's README."""
        about = self.about.replace("|", "\\|")
        return f"| `{self.path}` | `{json.dumps(self.default)}` | {about} |"


def render(
    chart: Path,
    values: Object | None = None,
    *words: str,
    namespace: str = "shops",
    release: str = "shop",
    helm: str = "helm",
) -> list[Object]:
    """Return the objects that helm (`helm3`: the last one of Helm 3) makes of *chart*, in its order."""
    command = [str(tools.program(helm)), "template", release, str(chart)]
    if helm == "helm3":
        command += ["--kube-version", KUBERNETES]  # without a cluster it takes 1.20 for it
    done = subprocess.run(
        [*command, "--namespace", namespace, "--values", "-", *words],
        input=json.dumps(values or {}), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RefusedError(done.stderr)
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def only(objects: list[Object], kind: str, name: str = "") -> Object:
    """Return the one object of *kind*, and of a name that ends with *name*."""
    [found] = [
        each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(name)
    ]
    return found


def container(objects: list[Object], name: str) -> Object:
    """Return the container *name* of the Job that has one."""
    [found] = [
        each
        for job in objects
        if job["kind"] == "Job"
        for each in job["spec"]["template"]["spec"]["containers"]
        if each["name"] == name
    ]
    return dict(found)


def environment(of: Object) -> dict[str, Any]:
    """Return a container's variables, each with its value or where that comes from."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in of["env"]}


def umbrella(folder: Path, template: str, alias: str = "") -> None:
    """Write the chart of a shop that depends on the hook's; *template* is all of it."""
    depends = {"name": HOOK.name, "version": "*", "repository": f"file://{HOOK}"}
    depends |= {"alias": alias} if alias else {}
    depends["condition"] = f"{alias or HOOK.name}.enabled"
    about = {"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": [depends]}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
    (folder / "templates").mkdir()
    (folder / "templates" / "server.yaml").write_text(template)
    (folder / "charts").mkdir()
    (folder / "charts" / HOOK.name).symlink_to(HOOK)


def manifests(folder: str | Path, *components: str) -> list[Object]:
    """Return what kustomize makes of a folder below `deploy/`, or of another one, with *components*."""
    if components:
        with tempfile.TemporaryDirectory() as own:
            above = os.path.relpath(ROOT / "deploy", Path(own).resolve())
            body = {
                "resources": [f"{above}/{folder}"],
                "components": [f"{above}/{component}" for component in components],
            }
            (Path(own) / "kustomization.yaml").write_text(yaml.safe_dump(body))
            return manifests(own)
    done = subprocess.run(
        [tools.program("kubectl"), "kustomize", ROOT / "deploy" / folder],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return list(yaml.safe_load_all(done.stdout))


def documented(chart: Path) -> list[Value]:
    """Return the values that a `# --` comment documents, in the order of the file."""
    text = (chart / "values.yaml").read_text()
    values = yaml.safe_load(text)
    found: list[Value] = []
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("# -- "):
            comment = [words.removeprefix("# -- ")]
        elif words.startswith("# ") and comment:
            comment.append(words.removeprefix("# "))
        elif key := _KEY.match(line):
            path = [*path[: len(key["indent"]) // 2], key["key"]]
            if comment:
                found.append(Value(".".join(path), at(values, path), " ".join(comment)))
            comment = []
        elif not words:
            comment = []
    return found


def at(values: Object, path: list[str]) -> Any:
    """Return the value at *path*."""
    found: Any = values
    for key in path:
        found = found[key]
    return found


def undocumented(chart: Path) -> list[str]:
    """Return the paths of values that no comment documents, neither themselves nor as a whole."""
    named = {value.path for value in documented(chart)}

    def missing(values: Object, above: str) -> list[str]:
        found = []
        for key, value in values.items():
            path = f"{above}{key}"
            if path in named:
                continue
            below = missing(value, f"{path}.") if isinstance(value, dict) and value else [path]
            found += below
        return found

    return missing(yaml.safe_load((chart / "values.yaml").read_text()), "")
