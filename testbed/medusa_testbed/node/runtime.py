"""containerd, as the kubelet of a node uses it: images come from archives, and from nowhere else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medusa_testbed import tools
from medusa_testbed.node import archives
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from medusa_testbed.machine import Machine
    from medusa_testbed.processes import Daemon

PODS = "10.244.0.0/24"
"""The addresses of the pods."""
GATEWAY = "10.244.0.1"
_PAUSE = "localhost/pause:1"


@dataclass(slots=True)
class Runtime:
    """containerd on a machine of its own."""

    machine: Machine
    _daemon: Daemon = field(init=False)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.machine.folder / "containerd" / "socket"

    def start(self) -> None:
        """Start it and wait until it answers."""
        folder = self.socket.parent
        for name in ("cni", "root"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        # images in memory: quicker, and gone with the machine
        self.machine.run("mount", "-t", "tmpfs", "-o", "size=4g", "images", folder / "root")
        (folder / "cni" / "bridge.conflist").write_text(json.dumps(self._network()))
        (folder / "config.toml").write_text(self._config())
        self._daemon = self.machine.daemon(
            "containerd", "containerd", "--config", folder / "config.toml"
        )
        self._daemon.start()
        eventually(self._answers, within=30)
        pause = tools.program("pause")
        layer = archives.layer(folder / "layer.tar", {pause.name: pause})
        config = {"Entrypoint": [f"/{pause.name}"], "User": "65535:65535"}
        image = archives.ArchivedImage(_PAUSE, (layer,), config)
        self.load(archives.write(folder / "pause.tar", [image]))

    def stop(self) -> None:
        """End it; containers go on without it."""
        if hasattr(self, "_daemon"):
            self._daemon.stop()

    def load(self, archive: Path) -> None:
        """Take the images of an archive that `docker save` wrote."""
        self.ctr("images", "import", "--snapshotter", "overlayfs", archive)

    def tag(self, name: str, other: str) -> None:
        """Give an image another name as well."""
        self.ctr("images", "tag", "--force", _whole(name), _whole(other))

    def remove(self, *names: str) -> None:
        """Take images away, by all their names: the kubelet's plugin gives each one more, which alone would keep it in memory."""
        listed = [line.split()[:3] for line in self.ctr("images", "list").splitlines()[1:]]
        digests = {digest for name, _, digest in listed if name in names}
        same = [name for name, _, digest in listed if digest in digests]
        self.ctr("images", "remove", "--sync", *same)

    def images(self) -> list[str]:
        """Return the names of the images that it has."""
        return self.ctr("images", "list", "--quiet").split()

    def ctr(self, *words: str | Path) -> str:
        """Run ctr in the namespace of the kubelet's containers; return what it printed."""
        return self.machine.run("ctr", "--address", self.socket, "--namespace", "k8s.io", *words)

    def _answers(self) -> bool:
        assert self._daemon.exited is None, self._daemon.tail()
        return self.socket.exists()

    def _config(self) -> str:
        folder = self.socket.parent
        return f"""
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{_PAUSE}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{tools.program("bridge").parent}"
  conf_dir = "{folder}/cni"
"""

    def _network(self) -> dict[str, object]:
        addresses = {
            "type": "host-local",
            "ranges": [[{"subnet": PODS, "gateway": GATEWAY}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(self.socket.parent / "addresses"),
        }
        bridge = {
            "type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True,
            "hairpinMode": True, "ipam": addresses,
        }  # fmt: skip
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}


def _whole(name: str) -> str:
    """Return the name of an image with its registry, as containerd knows it."""
    registry, slash, _ = name.partition("/")
    return name if slash and "." in registry else f"docker.io/library/{name}"
