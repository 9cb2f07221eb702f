"""The schema of `spec.job.template` and `spec.job.resources`, made of what an API server says of its pods.

python tests/cluster/support/pod_schema.py OPENAPI-OF-V1.json    # writes it into deploy/crd and the chart
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]
FILES = (
    ROOT / "deploy" / "crd" / "medusadatabases.yaml",
    ROOT / "helm" / "medusa-db-operator" / "files" / "medusadatabases.yaml",
)
LONGEST, MOST = 32768, 128
QUANTITY = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
PATCHED = (
    "affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy", "hostAliases",
    "hostNetwork", "imagePullSecrets", "initContainers", "nodeName", "nodeSelector", "os",
    "preemptionPolicy", "priority", "priorityClassName", "resourceClaims", "runtimeClassName",
    "schedulerName", "securityContext", "terminationGracePeriodSeconds", "tolerations",
    "topologySpreadConstraints", "volumes",
)  # fmt: skip
OWN_CONTAINER = ("env", "envFrom", "name", "resources", "securityContext", "volumeMounts")
VOLUMES = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "fc", "hostPath", "image", "iscsi", "name",
    "nfs", "persistentVolumeClaim", "projected", "secret",
)  # fmt: skip
"""Kinds of volumes; those that Kubernetes has given up are left out."""
NULLABLE = ("PodSecurityContext", "SecurityContext")
"""A null takes the operator's own value away."""


def made(openapi: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schemas of `template` and `resources` for an API server that says *openapi*."""
    maker = _Maker(openapi["components"]["schemas"])
    texts = _map({"type": "string", "maxLength": LONGEST})
    metadata = {
        "type": "object",
        "description": "Labels and annotations of the pod.",
        "properties": {
            "annotations": texts | {"description": "Annotations as well."},
            "labels": texts | {"description": "Labels as well."},
        },
    }
    spec = maker.object("PodSpec")
    spec["description"] = "Of the pod's spec; what a run depends on is refused by name."
    own = spec["properties"]["containers"]["items"]
    for found, patched in ((spec, PATCHED), (own, OWN_CONTAINER)):
        for name, field in found["properties"].items():
            if name not in patched:
                found["properties"][name] = _refused(field)
    return {
        "template": {
            "type": "object",
            "description": TEMPLATE,
            "properties": {"metadata": metadata, "spec": spec},
        },
        "resources": {
            **maker.object("ResourceRequirements"),
            "description": "Resources of the run's container, as in a pod; with server, of the container that "
            "installs the runner.",
            "default": {
                "requests": {"cpu": "50m", "memory": "96Mi"},
                "limits": {"memory": "512Mi"},
            },
        },
    }


TEMPLATE = (
    "A strategic merge patch of the pod template: metadata.labels and annotations, of the spec "
    "scheduling, volumes, imagePullSecrets, initContainers (sidecars with restartPolicy Always), security "
    "contexts as strict as the operator's own, and of the container medusa-db env, envFrom, volumeMounts, "
    "resources and securityContext. What would break a run, or what --pod-template-policy does not allow, is "
    "refused by name."
)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: object) -> bool:
        return True


class _Maker:
    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self.schemas = schemas

    def object(self, kind: str) -> dict[str, Any]:
        found = self.schemas[f"io.k8s.api.core.v1.{kind}"]
        names = found["properties"]
        if kind == "Volume":
            names = {name: names[name] for name in VOLUMES}
        fields = {name: self.field(names[name]) for name in sorted(names)}
        if kind in NULLABLE:
            fields = {name: field | {"nullable": True} for name, field in fields.items()}
        made: dict[str, Any] = {"type": "object", "properties": fields}
        required = [
            name
            for name in found.get("required", ())
            if not found["properties"][name].get("default")
        ]
        if required and kind != "PodSpec":
            made["required"] = required
        return made

    def field(self, body: Mapping[str, Any]) -> dict[str, Any]:
        said = _described(body.get("description", ""))
        return ({"description": said} if said else {}) | self.value(body)

    def value(self, body: Mapping[str, Any]) -> dict[str, Any]:
        reference = body.get("$ref") or (body.get("allOf") or [{}])[0].get("$ref")
        if reference:
            return self.referred(reference.rpartition("/")[2])
        match body.get("type"):
            case "array":
                return {"type": "array", "maxItems": MOST, "items": self.value(body["items"])}
            case "object" if "additionalProperties" in body:
                return _map(self.value(body["additionalProperties"]))
            case "integer":
                return {"type": "integer", "format": body.get("format", "int64")}
            case "boolean":
                return {"type": "boolean"}
            case _:
                return {"type": "string", "maxLength": LONGEST}

    def referred(self, name: str) -> dict[str, Any]:
        either = {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
        }
        if name.endswith("IntOrString"):
            return either
        if name.endswith("Quantity"):
            return {**either, "pattern": QUANTITY}
        if name.endswith(".ObjectMeta"):
            texts = _map({"type": "string", "maxLength": LONGEST})
            return {
                "type": "object",
                "properties": {
                    key: texts | {"description": f"Its {key}."} for key in ("annotations", "labels")
                },
            }
        if name.endswith(("LabelSelector", "LabelSelectorRequirement")):
            return self.other(name)
        return self.object(name.rpartition(".")[2])

    def other(self, name: str) -> dict[str, Any]:
        found = self.schemas[name]
        fields = {key: self.field(body) for key, body in sorted(found["properties"].items())}
        required = {"required": found["required"]} if "required" in found else {}
        return {"type": "object", "properties": fields} | required


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "maxProperties": MOST, "additionalProperties": values}


def _refused(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field that is there only to be refused by its name, whatever is below it."""
    kind = field.get("type", "object")
    made: dict[str, Any] = {"description": "The operator's own; refused.", "type": kind}
    if kind == "array":
        item = field["items"].get("type", "object")
        text = {"type": "string", "maxLength": LONGEST} if item == "string" else {"type": item}
        made |= {"maxItems": MOST, "items": text}
    if kind == "string":
        made["maxLength"] = LONGEST
    return made


def _described(text: str) -> str:
    """Return the first sentence of *text*, where it is a short one."""
    sentence = re.split(r"(?<=[a-z)])\.(?:\s|$)|\n", text.strip())[0].strip().rstrip(".")
    return f"{sentence}." if 0 < len(sentence) <= 72 else ""


def _written(name: str, schema: Mapping[str, Any], indent: int) -> list[str]:
    text = yaml.dump(
        {name: schema}, Dumper=_Dumper, sort_keys=False, width=100, default_flow_style=None
    )
    return [" " * indent + line for line in text.splitlines()]


def main(file: str) -> None:
    """Write the schema into the definition and its copy."""
    schemas = made(json.loads(Path(file).read_text()))
    for path in FILES:
        lines = path.read_text().splitlines()
        for name, schema in schemas.items():
            start = lines.index(f"{' ' * 20}{name}:", lines.index(f"{' ' * 16}job:"))
            end = next(n for n in range(start + 1, len(lines)) if re.match(r" {,20}\S", lines[n]))
            lines[start:end] = _written(name, schema, 20)
        path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
