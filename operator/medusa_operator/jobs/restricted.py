"""Pure: holds a run's pod to the restricted Pod Security Standard, and to no right but the pod's own.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from medusa_operator.jobs.template import TemplateError
from medusa_operator.resource.parse import BodyField

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "spec.job.template"
TODO = "leave it out, or let whoever runs the operator start it with --pod-template-policy=unrestricted"

_VOLUMES = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected",
    "secret",
)  # fmt: skip
_TOKENS = ("serviceAccountToken", "podCertificate")
_SYSCTLS = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_wmem",
)  # fmt: skip
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_PROFILES = ("", "RuntimeDefault", "Localhost")
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_HIGHEST_PRIORITY = 1_000_000_000
"""Above it are the classes of the system."""


def hold(template: dict[str, Any]) -> dict[str, Any]:
    """Return *template* with what its security contexts leave open filled up.

    *template* is the pod template with the patch of the owner laid over it. Raises TemplateError, which
    names the field and says what to do, where that weakens them, and InvalidError where something is
    malformed.
    """
    template = copy.deepcopy(template)
    for found in template["spec"].get("initContainers", ()):
        context = found.setdefault("securityContext", {})
        if isinstance(context, dict):
            context.setdefault("allowPrivilegeEscalation", False)
            capabilities = context.setdefault("capabilities", {})
            if isinstance(capabilities, dict):
                capabilities.setdefault("drop", ["ALL"])
    whole = BodyField(template, PATH)
    _annotations(whole["metadata"]["annotations"])
    spec = whole["spec"]
    _pod(spec)
    _context(spec["securityContext"])
    as_root = not spec["securityContext"]["runAsNonRoot"].truth()
    for volume in spec["volumes"].items():
        _volume(volume)
    for container in (*spec["containers"].items(), *spec["initContainers"].items()):
        _context(container["securityContext"])
        _container(container, as_root=as_root)
    return template


def _pod(spec: BodyField) -> None:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec[key].truth():
            raise _refused(spec[key], "it is a namespace of the node")
    if spec["hostUsers"].truth():
        raise _refused(spec["hostUsers"], "it is a namespace of the node")
    if spec["automountServiceAccountToken"].truth():
        raise _refused(
            spec["automountServiceAccountToken"], "a run needs no right on the Kubernetes API"
        )
    if spec["nodeName"]:
        raise _refused(spec["nodeName"], "it goes past the scheduler; use nodeSelector or affinity")
    name = spec["priorityClassName"]
    if name.text().startswith("system-"):
        raise _refused(name, "the classes of the system are not for a shop")
    if spec["priority"].number() > _HIGHEST_PRIORITY:
        raise _refused(spec["priority"], "the classes of the system are not for a shop")


def why_not(volume: BodyField) -> str:
    """Return what of *volume* a run's pod may not have, as the end of a sentence; empty where it may have it."""
    for kind in volume.mapping():
        if kind != "name" and kind not in _VOLUMES and volume[kind]:
            return f"is of kind {kind}, and a restricted pod has only {', '.join(_VOLUMES)}"
    for source in volume["projected"]["sources"].items():
        for kind in _TOKENS:
            if source[kind]:
                return f"projects a {kind}, and a run needs no right on the Kubernetes API"
    return ""


def _volume(volume: BodyField) -> None:
    why = why_not(volume)
    if why:
        raise TemplateError(f"{PATH}.spec.volumes: {volume['name'].text()} {why}; {TODO}")


def _context(context: BodyField) -> None:
    """Refuse what a pod's security context may say as well as a container's."""
    user = context["runAsUser"]
    if user and user.number() == 0:
        raise _refused(user, "a restricted pod does not run as root")
    for key in ("seccompProfile", "appArmorProfile"):
        kind = context[key]["type"]
        if kind.text() not in _PROFILES:
            raise _refused(kind, "it takes away a protection of the node")
    linux = context["seLinuxOptions"]
    if linux["type"].text() not in _SELINUX_TYPES:
        raise _refused(linux["type"], "it is not a type of containers")
    for key in ("user", "role"):
        if linux[key].text():
            raise _refused(linux[key], "a restricted pod does not set it")
    windows = context["windowsOptions"]["hostProcess"]
    if windows.truth():
        raise _refused(windows, "it is a process of the node")
    for sysctl in context["sysctls"].items():
        if sysctl["name"].text() not in _SYSCTLS:
            raise _refused(sysctl, "it is not one of the safe ones")
    mount = context["procMount"]
    if mount.text("Default") != "Default":
        raise _refused(mount, "it takes away a protection of the node")


def _container(container: BodyField, *, as_root: bool) -> None:
    context = container["securityContext"]
    may_be_root = not context["runAsNonRoot"].truth() if context["runAsNonRoot"] else as_root
    if may_be_root:
        raise _refused(
            context["runAsNonRoot"], "a restricted pod does not run as root, and it is not true"
        )
    if context["privileged"].truth():
        raise _refused(context["privileged"], "it is all rights on the node")
    if context["allowPrivilegeEscalation"].truth(default=True):
        raise _refused(context["allowPrivilegeEscalation"], "it must be false in a restricted pod")
    capabilities = context["capabilities"]
    if "ALL" not in capabilities["drop"].texts():
        raise _refused(capabilities["drop"], "a restricted container drops ALL")
    if set(capabilities["add"].texts()) - {"NET_BIND_SERVICE"}:
        raise _refused(capabilities["add"], "only NET_BIND_SERVICE may be added")
    for port in container["ports"].items():
        if port["hostPort"].number():
            raise _refused(port["hostPort"], "it is a port of the node")
    for handler in _handlers(container):
        for kind in ("httpGet", "tcpSocket"):
            host = handler[kind]["host"]
            if host.text():
                raise _refused(host, "the kubelet would ask another host than the pod")


def _handlers(container: BodyField) -> Iterator[BodyField]:
    """Yield the probes and hooks, which the kubelet calls from the node."""
    for key in ("livenessProbe", "readinessProbe", "startupProbe"):
        yield container[key]
    for key in ("postStart", "preStop"):
        yield container["lifecycle"][key]


def _annotations(annotations: BodyField) -> None:
    for key in annotations.mapping():
        value = annotations[key].text()
        if key.startswith(_APP_ARMOR) and value == "unconfined":
            raise _refused(annotations[key], "it takes away a protection of the node")


def _refused(field: BodyField, why: str) -> TemplateError:
    return TemplateError(f"{field.path} is not allowed: {why}; {TODO}")
