"""The programs of the test cluster: found in KUBEBUILDER_ASSETS, or built once into a cache.

As a script it builds what is missing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULES = Path(__file__).parents[1] / "go"


@dataclass(frozen=True, slots=True)
class Module:
    """A Go module whose go.mod and go.sum pin some programs."""

    folder: Path
    programs: dict[str, str]
    """Name of each program, and the package that it is built from."""
    tags: str = ""
    """Build tags, with commas between them."""

    def flags(self) -> list[str]:
        """Return the flags of the build; Kubernetes tells its version from them."""
        linked = "-s -w"
        found = re.search(
            r"k8s\.io/kubernetes (v(\d+)\.(\d+)\.\S+)", (self.folder / "go.mod").read_text()
        )
        if found:
            version, major, minor = found.groups()
            package = "k8s.io/component-base/version"
            linked += f" -X {package}.gitVersion={version}"
            linked += f" -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"
        tags = ["-tags", self.tags] if self.tags else []
        return ["-trimpath", "-ldflags", linked, *tags]

    def key(self) -> str:
        """Return what changes whenever the outcome of the build may change."""
        parts = [path.read_bytes() for path in sorted(self.folder.glob("*.*")) if path.is_file()]
        parts += [" ".join(self.flags()).encode(), repr(sorted(self.programs.items())).encode()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


KUBERNETES = Module(
    MODULES / "kubernetes",
    {
        name: f"k8s.io/kubernetes/cmd/{name}"
        for name in ("kubectl", "kube-apiserver", "kube-controller-manager")
    },
)
ETCD = Module(MODULES / "etcd", {"etcd": "go.etcd.io/etcd/server/v3"})
HELM = Module(MODULES / "helm", {"helm": "helm.sh/helm/v4/cmd/helm"})
KSTATUS = Module(MODULES / "kstatus", {"kstatus": "."})
ACTIONLINT = Module(
    MODULES / "actionlint", {"actionlint": "github.com/rhysd/actionlint/cmd/actionlint"}
)
NODE = Module(
    MODULES / "kubernetes",
    {name: f"k8s.io/kubernetes/cmd/{name}" for name in ("kubelet", "kube-proxy", "kube-scheduler")},
)
CNI = Module(
    MODULES / "cni",
    {
        path.rpartition("/")[2]: f"github.com/containernetworking/plugins/plugins/{path}"
        for path in ("main/bridge", "main/loopback", "ipam/host-local")
    },
)
COREDNS = Module(MODULES / "coredns", {"coredns": "."})
PAUSE = Module(MODULES / "pause", {"pause": "."})
HELM3 = Module(MODULES / "helm3", {"helm3": "helm.sh/helm/v3/cmd/helm"})
KUSTOMIZE = Module(MODULES / "kustomize", {"kustomize": "sigs.k8s.io/kustomize/kustomize/v5"})
PROMTOOL = Module(
    MODULES / "promtool",
    {"promtool": "github.com/prometheus/prometheus/cmd/promtool"},
    tags="remove_all_sd",  # the clouds' service discovery, which is most of its code
)
ARGOCD = Module(MODULES / "argocd", {"argocd": "."})
FLUX = Module(MODULES / "flux", {"flux": "."})
MONITORING = Module(MODULES / "monitoring", {"monitoring": "."})
OLM = Module(
    MODULES / "olm", {"operator-verify": "github.com/operator-framework/api/cmd/operator-verify"}
)
COMPOSE = Module(MODULES / "compose", {"docker-compose": "github.com/docker/compose/v2/cmd"})
ALL = (
    ETCD, KUBERNETES, HELM, KSTATUS, ACTIONLINT, NODE, CNI, COREDNS, PAUSE, HELM3, KUSTOMIZE, PROMTOOL,
    MONITORING, ARGOCD, FLUX, OLM, COMPOSE,
)  # fmt: skip


class BuildError(Exception):
    """A program is missing and cannot be built."""


def missing() -> list[str]:
    """Return the programs of the control plane that are still to be built."""
    return [
        name
        for module in (ETCD, KUBERNETES)
        for name in module.programs
        if not _given(name) and not (_cached(module) / name).exists()
    ]


def obtainable() -> bool:
    """Whether the control plane is there, or Go to build it."""
    return not missing() or shutil.which("go") is not None


def program(name: str) -> Path:
    """Return the program *name*; build its module where neither assets nor cache have it."""
    [module] = [module for module in ALL if name in module.programs]
    return _given(name) or _built(module) / name


def _given(name: str) -> Path | None:
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    found = Path(folder) / name if folder else None
    return found if found and found.exists() else None


def _cached(module: Module) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    name = f"cluster-{module.folder.name}-{module.key()}"
    return Path(base) / "medusa-database-operator" / name


def _built(module: Module) -> Path:
    cached = _cached(module)
    if cached.exists():
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    with _alone(cached.with_suffix(".lock")):
        if not cached.exists():
            with tempfile.TemporaryDirectory(dir=cached.parent, prefix=".building-") as folder:
                _build(module, Path(folder) / "programs")
                (Path(folder) / "programs").rename(cached)
    return cached


def _build(module: Module, into: Path) -> None:
    if shutil.which("go") is None:
        raise BuildError(f"{', '.join(module.programs)}: Go is not installed to build them")
    into.mkdir()
    for name, package in module.programs.items():
        done = subprocess.run(
            ["nice", "go", "build", *module.flags(), "-o", str(into / name), package],
            cwd=module.folder,
            env=os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BuildError(f"{name} cannot be built:\n{done.stderr[-2000:]}")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold *lock* among all processes of this machine."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build what is missing, and say how long that took."""
    for module in ALL:
        if _cached(module).exists() or all(map(_given, module.programs)):
            continue
        began = time.monotonic()
        _say(f"building {', '.join(module.programs)} ...")
        try:
            found = _built(module)
        except BuildError as exc:
            _say(str(exc))
            return 1
        _say(f"{found} ({time.monotonic() - began:.0f} s)")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
