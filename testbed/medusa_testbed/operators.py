"""The operator as a process, with exactly the rights that `deploy/rbac` ships."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from medusa_testbed.kubelet.images import RUNNER
from medusa_testbed.processes import Daemon, as_user, free_port
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_testbed.control_plane import ControlPlane
    from medusa_testbed.kubectl import Kubectl

DEPLOY = Path(__file__).parents[2] / "deploy"
HOME = "medusa-database-operator"
"""The operator's namespace, ServiceAccount and Lease."""
USER = f"system:serviceaccount:{HOME}:{HOME}"
"""Who the operator is to the API server."""
OWN = "test/operator"
"""A label: the worker's own operator leaves resources with it to that of a test."""


def install(cluster: ControlPlane, kubectl: Kubectl) -> None:
    """Apply the definition and the rights as `docs/install.md` says, whoever did so before."""
    if cluster.api.find("v1/namespaces", HOME) is None:
        cluster.api.create("v1/namespaces", {"metadata": {"name": HOME}})
    at_home = kubectl.within(HOME)
    for what in (("-f", DEPLOY / "crd"), ("-k", DEPLOY / "rbac")):
        at_home("apply", "--server-side", "--force-conflicts", *what)
    established = ("wait", "--for=condition=Established", "crd/medusadatabases.medusadb.dev")
    eventually(lambda: kubectl.run(*established).returncode == 0)  # it fails without a status


def permit(kubectl: Kubectl, home: str, account: str) -> None:
    """Give ServiceAccount *account* of namespace *home* the rights of `deploy/rbac/namespaced`."""
    rights = DEPLOY / "rbac"
    for file in (rights / "namespaced" / "operator.yaml", rights / "leader-election.yaml"):
        for document in yaml.safe_load_all(file.read_text()):
            document["metadata"].pop("namespace", None)
            if document["kind"] == "RoleBinding":
                subject = {"kind": "ServiceAccount", "name": account, "namespace": home}
                document["subjects"] = [subject]
            kubectl.apply(document)


@dataclass(slots=True)
class Operator:
    """One replica."""

    kubeconfig: Path
    folder: Path
    flags: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    user: int | None = None
    """Run as this user, who has no name; None: as whoever runs the tests."""
    number: int = 0
    """How often it was started."""
    _daemon: Daemon | None = None
    _health: int = 0
    _metrics: int = 0

    def start(self) -> None:
        """Start it, on addresses of its own; what it logs is appended."""
        self._health, self._metrics = free_port(), free_port()
        self.number += 1
        command = [
            sys.executable, "-m", "medusa_operator",
            "--image", RUNNER,
            "--health-address", f"127.0.0.1:{self._health}",
            "--metrics-address", f"127.0.0.1:{self._metrics}",
            *self.flags,
        ]  # fmt: skip
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MEDUSA_DB_", "KUBE"))}
        if self.user is not None:
            command = as_user(self.user, command)
            kept = {k: v for k, v in kept.items() if k not in ("LOGNAME", "USER", "USERNAME")}
        environment = kept | {"KUBECONFIG": str(self.kubeconfig)} | self.environment
        self._daemon = Daemon(command, self._file, environment)
        self._daemon.start()

    def revive(self) -> None:
        """Start it again if it has ended, as a kubelet does; wait until it leads."""
        if self.exited is not None:
            self.start()
            self.wait()

    def wait(self, state: str = "leading", within: float = 60) -> None:
        """Wait until it is `leading`, `standing by` or `starting`; fail where it ends instead."""

        def there() -> bool:
            assert self.exited is None, f"the operator ended:\n{self._file.read_text()[-3000:]}"
            return self.get("/readyz")[1].splitlines()[:1] == [state]

        eventually(there, within=within)

    def stop(self) -> int | None:
        """Ask it to stop, and return its exit status; None where it does not run."""
        return self._running.stop(signal.SIGTERM) if self._daemon else None

    def kill(self) -> None:
        """End it as a node that loses power does."""
        self._running.stop(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """Its process; 0 where it was stopped."""
        return self._running.pid

    @property
    def exited(self) -> int | None:
        """The exit status it ended with by itself; None while it lives, or was stopped."""
        return self._running.exited

    @property
    def _running(self) -> Daemon:
        assert self._daemon is not None
        return self._daemon

    @property
    def rss(self) -> int:
        """Bytes of memory that it holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str, token: str = "") -> tuple[int, str]:
        """Return HTTP status and text of one of its pages; 0 where it does not answer."""
        port = self._metrics if path == "/metrics" else self._health
        try:
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
            if token:
                asked.add_header("Authorization", f"Bearer {token}")
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = self.get("/metrics")[1].splitlines()
        values = [
            line.rpartition(" ")[2] for line in lines if line.startswith((f"{name} ", f"{name}{{"))
        ]
        return sum(map(float, values))

    def lines(self) -> list[dict[str, Any]]:
        """Return what it logged, over all its starts."""
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    @property
    def _file(self) -> Path:
        return self.folder / "operator.log"


@contextmanager
def running(kubeconfig: Path, folder: Path, *flags: str, **environment: str) -> Iterator[Operator]:
    """Run an operator for the duration of a `with`; it leads when the `with` begins."""
    folder.mkdir(parents=True, exist_ok=True)
    operator = Operator(kubeconfig, folder, flags, environment)
    operator.start()
    try:
        operator.wait()
        yield operator
    finally:
        operator.stop()
