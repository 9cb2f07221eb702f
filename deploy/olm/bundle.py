"""Makes the bundle for the Operator Lifecycle Manager of the manifests in deploy/; `make bundle` runs it."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[1]
NAME = "medusa-database-operator"
CHANNEL = "alpha"
MEDIA = "operators.operatorframework.io.bundle"
ANNOTATIONS = {
    f"{MEDIA}.mediatype.v1": "registry+v1",
    f"{MEDIA}.manifests.v1": "manifests/",
    f"{MEDIA}.metadata.v1": "metadata/",
    f"{MEDIA}.package.v1": NAME,
    f"{MEDIA}.channels.v1": CHANNEL,
    f"{MEDIA}.channel.default.v1": CHANNEL,
}
"""What a catalog reads of a bundle, as a file and as labels of its image."""
NAMESPACES = {
    "name": "MEDUSA_DB_NAMESPACE",
    "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['olm.targetNamespaces']"}},
}
"""The namespaces of the OperatorGroup, which the manager writes on the pod; none are all."""

Object = dict[str, Any]


def bundle(image: str, source: str = "", maintainer: str = "") -> dict[str, str]:
    """Return the files of the bundle by their names, for the operator of *image*."""
    rest = [
        each
        for name in ("rbac/users", "operator/service", "operator/poddisruptionbudget")
        for each in _manifests(name)
    ]
    files = {
        f"manifests/{NAME}.clusterserviceversion.yaml": _yaml(_csv(image, source, maintainer)),
        "manifests/medusadatabases.medusadb.dev.crd.yaml": _file("crd/medusadatabases").read_text(),
        "metadata/annotations.yaml": _yaml({"annotations": ANNOTATIONS}),
        "bundle.Dockerfile": _dockerfile(),
    }
    for each in rest:
        each["metadata"].pop("namespace", None)  # it is the one that the operator is installed in
        name = f"{each['metadata']['name']}.{each['kind'].lower()}.yaml"
        files[f"manifests/{name}"] = _yaml(each)
    return files


def _csv(image: str, source: str, maintainer: str) -> Object:
    [csv] = yaml.safe_load_all((Path(__file__).parent / "clusterserviceversion.yaml").read_text())
    version = _version()
    csv["metadata"]["name"] = f"{NAME}.v{version}"
    csv["metadata"]["annotations"] |= {
        "containerImage": image,
        "alm-examples": json.dumps(_examples(), indent=2),
    }
    spec = csv["spec"]
    spec["version"] = version
    spec["relatedImages"] = [{"name": "operator", "image": image}]
    icon = base64.b64encode((Path(__file__).parent / "icon.svg").read_bytes()).decode()
    spec["icon"] = [{"base64data": icon, "mediatype": "image/svg+xml"}]
    if source:
        csv["metadata"]["annotations"]["repository"] = source
        spec["links"] = [{"name": "Source", "url": source}]
    if maintainer:
        name, email = parseaddr(maintainer)
        spec["maintainers"] = [{"name": name, "email": email}]
    spec["install"]["spec"] = {
        "permissions": [{"serviceAccountName": NAME, "rules": _rules()}],
        "deployments": [_deployment(image)],
    }
    return dict(csv)


def _rules() -> list[Object]:
    """Return the rights in each namespace of the OperatorGroup: the manager makes Roles of them, or a ClusterRole."""
    found = [*_manifests("rbac/operator"), *_manifests("rbac/leader-election")]
    return [
        rule for each in found if each["kind"] in ("Role", "ClusterRole") for rule in each["rules"]
    ]


def _deployment(image: str) -> Object:
    [deployment] = _manifests("operator/deployment")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    container["image"] = image
    for variable in container["env"]:
        if variable["name"] == "MEDUSA_DB_IMAGE":
            variable["value"] = image
    container["env"].append(NAMESPACES)
    metadata = deployment["metadata"]
    return {"name": metadata["name"], "label": metadata["labels"], "spec": deployment["spec"]}


def _examples() -> list[Object]:
    return [
        each
        for each in yaml.safe_load_all((DEPLOY / "samples" / "shop.yaml").read_text())
        if each["kind"] == "MedusaDatabase"
    ]


def _version() -> str:
    [image] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["images"]
    return str(image["newTag"])


def _dockerfile() -> str:
    labels = "".join(f"LABEL {key}={value}\n" for key, value in ANNOTATIONS.items())
    return f"FROM scratch\n{labels}COPY manifests /manifests/\nCOPY metadata /metadata/\n"


def _manifests(name: str) -> list[Object]:
    return list(yaml.safe_load_all(_file(name).read_text()))


def _file(name: str) -> Path:
    return DEPLOY / f"{name}.yaml"


def _yaml(body: Object) -> str:
    return yaml.safe_dump(body, sort_keys=False, width=120, allow_unicode=True)


def main(argv: list[str] | None = None) -> int:
    """Write the bundle into a folder that is new or empty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--image", default=f"{NAME}:{_version()}", help="where the image is")
    parser.add_argument("--source", default="", help="URL of the source that it is made of")
    parser.add_argument("--maintainer", default="", help="Name <address>, of whoever publishes it")
    asked = parser.parse_args(argv)
    if asked.maintainer and not all(parseaddr(asked.maintainer)):
        sys.stderr.write(f"--maintainer {asked.maintainer!r} is not a name and an address, as in A B <a@b.c>\n")  # fmt: skip
        return 2
    if asked.folder.exists() and any(asked.folder.iterdir()):
        sys.stderr.write(f"{asked.folder} is not empty; remove it, or name another folder\n")
        return 2
    for name, text in bundle(asked.image, asked.source, asked.maintainer).items():
        file = asked.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
