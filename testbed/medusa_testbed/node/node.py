"""A real cluster of one node: kubelet, containerd, scheduler, kube-proxy and CoreDNS; needs root."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_testbed import tools
from medusa_testbed.control_plane import ControlPlane
from medusa_testbed.machine import Machine
from medusa_testbed.node.runtime import PODS, Runtime
from medusa_testbed.objects import condition
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_testbed.processes import Daemon

NAME = "node"
DNS = "10.96.0.10"
DOMAIN = "cluster.local"


def unobtainable() -> str:
    """Return what a node lacks on this machine; empty where nothing is missing."""
    if os.geteuid() != 0:
        return "a node of one's own needs root"
    wanted = (
        "containerd", "ctr", "runc", "ip", "iptables", "nsenter", "openssl", "setpriv", "unshare",
    )  # fmt: skip
    absent = [name for name in wanted if not shutil.which(name)]
    if absent:
        return f"not installed: {', '.join(absent)} (apt-get install docker.io iproute2 iptables openssl)"
    return "" if tools.obtainable() else "there is no Go to build a kubelet"


@dataclass(slots=True)
class Cluster:
    """A control plane with a real node, in namespaces of their own."""

    folder: Path
    machine: Machine = field(init=False)
    plane: ControlPlane = field(init=False)
    runtime: Runtime = field(init=False)
    _daemons: dict[str, Daemon] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything and wait until the node is ready."""
        self.machine = Machine(self.folder / "machine")
        self.machine.start()
        self.runtime = Runtime(self.machine)
        self.plane = ControlPlane(self.folder / "plane", self.machine)
        self.plane.start()
        self.runtime.start()
        self.machine.run("ip", "address", "add", f"{DNS}/32", "dev", "lo")
        self._give_rights()
        self.start_kubelet()
        self._start("kube-scheduler", *self._scheduler())
        self._start("kube-proxy", *self._proxy())
        self._start("coredns", "-conf", self._core_file())
        eventually(self._ready, within=60)

    def stop(self) -> None:
        """End everything."""
        if hasattr(self, "plane"):
            self.plane.stop()
        for daemon in self._daemons.values():
            daemon.stop()
        if hasattr(self, "runtime"):
            self.runtime.stop()
        if hasattr(self, "machine"):
            self.machine.stop()

    def start_kubelet(self) -> None:
        """Start the kubelet, as at the boot of its node."""
        self._start("kubelet", *self._kubelet())

    def stop_kubelet(self) -> None:
        """End the kubelet; containers go on without it."""
        self._daemons["kubelet"].stop()

    def _start(self, name: str, *words: str | Path) -> None:
        self._daemons[name] = self.machine.daemon(name, tools.program(name), *words)
        self._daemons[name].start()

    def _ready(self) -> bool:
        for name, daemon in self._daemons.items():
            assert daemon.exited is None, f"{name} ended:\n{daemon.tail()}"
        node = self.plane.api.find("v1/nodes", NAME) or {}
        return condition(node, "Ready").get("status") == "True"

    def _kubeconfig(self, name: str, user: str) -> Path:
        file = self.folder / f"{name}.kubeconfig"
        self.plane.write_kubeconfig(file, self.plane.token(user))
        return file

    def _kubelet(self) -> list[str | Path]:
        folder = self.folder / "kubelet"
        folder.mkdir(exist_ok=True)
        (folder / "resolv.conf").write_text("")
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.machine.address,
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": self.machine.cgroup,
            "clusterDNS": [DNS],
            "clusterDomain": DOMAIN,
            "containerRuntimeEndpoint": f"unix://{self.runtime.socket}",
            "enforceNodeAllocatable": [],
            "evictionHard": {
                "memory.available": "50Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
            "failCgroupV1": False,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "imageGCHighThresholdPercent": 100,
            "nodeStatusUpdateFrequency": "2s",
            "podLogsDir": str(folder / "logs"),
            "registerNode": True,
            "resolvConf": str(folder / "resolv.conf"),
            "syncFrequency": "10s",
            "volumePluginDir": str(folder / "plugins"),
        }
        (folder / "config.json").write_text(json.dumps(config))
        return [
            f"--config={folder / 'config.json'}", f"--root-dir={folder / 'root'}",
            f"--kubeconfig={self._kubeconfig('kubelet', 'system:node:node')}",
            f"--cert-dir={folder / 'certificates'}", f"--hostname-override={NAME}",
            f"--node-ip={self.machine.address}",
        ]  # fmt: skip

    def _scheduler(self) -> list[str | Path]:
        return [
            f"--kubeconfig={self._kubeconfig('kube-scheduler', 'system:kube-scheduler')}",
            "--leader-elect=false", "--bind-address=127.0.0.1",
            f"--cert-dir={self.folder / 'kube-scheduler'}",
        ]  # fmt: skip

    def _proxy(self) -> list[str | Path]:
        return [
            f"--kubeconfig={self._kubeconfig('kube-proxy', 'system:kube-proxy')}",
            "--proxy-mode=iptables", "--conntrack-max-per-core=0", f"--hostname-override={NAME}",
            f"--cluster-cidr={PODS}", "--healthz-bind-address=127.0.0.1:10256",
        ]  # fmt: skip

    def _core_file(self) -> Path:
        file = self.folder / "kube-dns.kubeconfig"
        token = self.plane.service_account_token("kube-system", "kube-dns")
        self.plane.write_kubeconfig(file, token)
        core = self.folder / "Corefile"
        core.write_text(
            f".:53 {{\n  bind {DNS}\n  errors\n"
            f"  kubernetes {DOMAIN} in-addr.arpa {{\n    kubeconfig {file} test\n  }}\n"
            f"  hosts {{\n    {self.machine.outside} postgres.example\n    fallthrough\n  }}\n}}\n"
        )
        return core

    def _give_rights(self) -> None:
        """Let CoreDNS look: its role in Kubernetes is older than EndpointSlices."""
        api = self.plane.api
        api.create("v1/serviceaccounts", {"metadata": {"name": "kube-dns"}}, "kube-system")
        rules = [
            {"apiGroups": [group], "resources": resources, "verbs": ["list", "watch"]}
            for group, resources in (
                ("", ["services", "namespaces", "pods"]),
                ("discovery.k8s.io", ["endpointslices"]),
            )
        ]
        role = "rbac.authorization.k8s.io"
        api.create(f"{role}/v1/clusterroles", {"metadata": {"name": "coredns"}, "rules": rules})
        api.create(
            f"{role}/v1/clusterrolebindings",
            {
                "metadata": {"name": "coredns"},
                "roleRef": {"apiGroup": role, "kind": "ClusterRole", "name": "coredns"},
                "subjects": [
                    {"kind": "ServiceAccount", "name": "kube-dns", "namespace": "kube-system"}
                ],
            },
        )


@contextmanager
def started() -> Iterator[Cluster]:
    """Start a cluster in a temporary folder for the duration of a `with`."""
    folder = Path(tempfile.mkdtemp(prefix="medusa-node-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
