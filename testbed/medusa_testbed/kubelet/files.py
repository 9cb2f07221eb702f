"""What a container sees: its volumes as folders, its environment, its command line."""

from __future__ import annotations

import base64
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_testbed.api import ApiError, path
from medusa_testbed.kubelet.status import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from medusa_testbed.api import Object
    from medusa_testbed.async_api import AsyncApi

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod's own token is mounted."""

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][\w.-]*)\)")


class MissingError(Exception):
    """Something that the pod names is not there; the text is the kubelet's."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where files and variables come from."""

    api: AsyncApi
    pod: Object

    async def values(self, kind: str, name: str, *, optional: bool) -> dict[str, bytes] | None:
        """Return the content of a Secret or ConfigMap; None where it may be missing and is."""
        metadata = self.pod["metadata"]
        try:
            found = await self.api.request(
                "GET", path(f"v1/{kind}s", name, metadata["namespace"])
            )  # fmt: skip
        except ApiError as exc:
            if exc.status != 404:
                raise
            if optional:
                return None
            raise MissingError(f'{kind} "{name}" not found') from exc
        if kind == "secret":
            return {key: base64.b64decode(text) for key, text in found.get("data", {}).items()}
        plain = {key: text.encode() for key, text in found.get("data", {}).items()}
        binary = found.get("binaryData", {})
        return plain | {key: base64.b64decode(text) for key, text in binary.items()}

    async def token(self, seconds: int, audience: str = "") -> str:
        """Ask for a token of the pod's ServiceAccount, bound to the pod."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        account = path(
            "v1/serviceaccounts", spec["serviceAccountName"], metadata["namespace"], "token"
        )
        bound = {
            "kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]
        }  # fmt: skip
        wish: Object = {"expirationSeconds": seconds, "boundObjectRef": bound}
        if audience:
            wish["audiences"] = [audience]
        answer = await self.api.request("POST", account, {"spec": wish})
        return str(answer["status"]["token"])

    def field(self, name: str) -> str:
        """Return a field of the pod, as `fieldRef` names it."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        known = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": spec.get("nodeName", ""),
            "spec.serviceAccountName": spec.get("serviceAccountName", ""),
            "status.podIP": ADDRESS,
            "status.hostIP": ADDRESS,
        }
        if keyed := re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", name):
            return str(metadata.get(keyed[1], {}).get(keyed[2], ""))
        if name not in known:
            raise MissingError(f"failed to resolve fieldRef {name}")
        return str(known[name])


async def mount(volume: Object, into: Path, sources: Sources) -> None:
    """Make the folder *into* hold what *volume* says; MissingError where that is not there."""
    files: dict[str, bytes] = {}
    if "hostPath" in volume:
        _link(into, volume["hostPath"]["path"])
    elif "emptyDir" in volume:
        _write(into, files)
    else:
        projected = volume.get("projected", {}).get("sources")
        for source in projected if projected is not None else [volume]:
            files |= await _projected(source, sources)
        _write(into, files)


def _link(into: Path, target: str) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    into.symlink_to(target)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


async def _projected(source: Object, sources: Sources) -> dict[str, bytes]:
    """Return the files of one source of a volume."""
    for kind, key in (("secret", "secret"), ("configmap", "configMap")):
        if key in source:
            return await _keys(kind, source[key], sources)
    if "downwardAPI" in source:
        items = source["downwardAPI"].get("items", [])
        return {i["path"]: sources.field(i["fieldRef"]["fieldPath"]).encode() for i in items}
    if "serviceAccountToken" in source:
        given = source["serviceAccountToken"]
        token = await sources.token(given.get("expirationSeconds", 3600), given.get("audience", ""))
        return {given["path"]: token.encode()}
    raise MissingError(f"no volume plugin matched: {sorted(source)}")


async def _keys(kind: str, given: Object, sources: Sources) -> dict[str, bytes]:
    name = given.get("secretName") or given["name"]
    optional = given.get("optional", False)
    found = await sources.values(kind, name, optional=optional)
    if found is None:
        return {}
    if not given.get("items"):
        return found
    files = {}
    for item in given["items"]:
        if item["key"] in found:
            files[item["path"]] = found[item["key"]]
        elif not optional:
            what = "secret" if kind == "secret" else "config"
            raise MissingError(f"references non-existent {what} key: {item['key']}")
    return files


def folders(container: Object, volumes: Path, own: Path) -> dict[str, Path]:
    """Return what stands for each path that is mounted into the container, longest path first."""
    found = {container.get("terminationMessagePath", "/dev/termination-log"): own / "termination"}
    for mounted in container.get("volumeMounts", []):
        folder = volumes / mounted["name"]
        if sub := mounted.get("subPath"):
            folder /= sub
            if not folder.exists():
                folder.mkdir(parents=True)
        found[mounted["mountPath"].rstrip("/")] = folder
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def translate(text: str, mounted: Mapping[str, Path]) -> str:
    """Return *text* with the paths in the container replaced by those on this machine.

    /tmp stays: what is not the container's may lie there too, and TMPDIR says it as well.
    """
    paths = [re.escape(inside) for inside in mounted if inside not in {"", "/tmp"}]
    pattern = rf"(?<![\w./-])({'|'.join(paths)})(?![\w.-])"
    return re.sub(pattern, lambda found: str(mounted[found[1]]), text)


async def environment(
    container: Object, image: Mapping[str, str], mounted: Mapping[str, Path], sources: Sources
) -> dict[str, str]:
    """Return the variables of a container; MissingError where one cannot be resolved."""
    found = dict(image)
    for group in container.get("envFrom", []):
        for kind, key in (("configmap", "configMapRef"), ("secret", "secretRef")):
            if key in group:
                given = group[key]
                values = await sources.values(
                    kind, given["name"], optional=given.get("optional", False)
                )
                prefix = group.get("prefix", "")
                found |= {prefix + k: v.decode() for k, v in (values or {}).items()}
    for variable in container.get("env", []):
        value = await _value(variable, found, mounted, sources)
        if value is not None:
            found[variable["name"]] = value
    if "/tmp" in mounted:
        found["TMPDIR"] = str(mounted["/tmp"])
    return found


async def _value(
    variable: Object, known: Mapping[str, str], mounted: Mapping[str, Path], sources: Sources
) -> str | None:
    given = variable.get("valueFrom")
    if not given:
        return translate(expand(variable.get("value", ""), known), mounted)
    if "fieldRef" in given:
        return sources.field(given["fieldRef"]["fieldPath"])
    for kind, shown, key in (
        ("secret", "Secret", "secretKeyRef"),
        ("configmap", "ConfigMap", "configMapKeyRef"),
    ):
        if key in given:
            reference = given[key]
            optional = reference.get("optional", False)
            values = await sources.values(kind, reference["name"], optional=optional)
            if values is not None and reference["key"] in values:
                return values[reference["key"]].decode()
            if optional:
                return None
            where = f"{sources.pod['metadata']['namespace']}/{reference['name']}"
            raise MissingError(f"couldn't find key {reference['key']} in {shown} {where}")
    raise MissingError(f"cannot resolve {variable['name']} from {sorted(given)}")


def expand(text: str, known: Mapping[str, str]) -> str:
    """Replace `$(NAME)`; `$$` is a dollar, and an unknown name stays as it is."""

    def one(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else known.get(found[1], found[0])

    return _REFERENCE.sub(one, text)


def command_line(
    container: Object,
    entrypoint: tuple[str, ...],
    variables: Mapping[str, str],
    mounted: Mapping[str, Path],
) -> list[str]:
    """Return the words to run, the first one as a program of this machine where it is on PATH."""
    words: list[Any] = list(container.get("command") or entrypoint) + list(
        container.get("args", [])
    )
    found = [translate(expand(word, variables), mounted) for word in words]
    if not found:
        raise MissingError("no command specified")
    found[0] = shutil.which(found[0], path=variables.get("PATH")) or found[0]
    return found
