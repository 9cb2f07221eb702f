"""A real control plane: etcd, API server and controller manager on 127.0.0.1, without root."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shutil
import signal
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_testbed import tools
from medusa_testbed.api import Api
from medusa_testbed.kubeconfig import kubeconfig
from medusa_testbed.processes import Daemon, free_port
from medusa_testbed.requests import POLICY, RequestLog
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_testbed.api import Object
    from medusa_testbed.machine import Machine

_USERS = {
    "admin": "system:masters",
    "kubelet": "system:masters",
    "system:kube-controller-manager": "",
    "system:kube-proxy": "",
    "system:kube-scheduler": "",
    "system:node:node": "system:nodes",
}
"""The users with a token of their own, and the group of each."""

_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "ttl-after-finished-controller",
)


SERVICES = "10.96.0.0/16"
"""The addresses of Services."""


class StartError(Exception):
    """A part of the control plane did not come up."""


@dataclass(slots=True)
class ControlPlane:
    """The control plane in a folder of its own; all its parts die with the process that starts it."""

    folder: Path
    machine: Machine | None = None
    """Where a real node shall join: everything runs in there, with every controller."""
    server: str = ""
    """The API server's URL."""
    api: Api = field(init=False)
    """The API as an administrator sees it."""
    requests: RequestLog = field(init=False)
    """What the API server was asked, the control plane's own requests left out."""
    _tokens: dict[str, str] = field(default_factory=dict)
    _etcd: Daemon = field(init=False)
    _api_server: Daemon = field(init=False)
    _controllers: Daemon = field(init=False)

    @property
    def ca(self) -> Path:
        """The certificate that the API server's own is checked with."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's KUBECONFIG."""
        return self.folder / "admin.kubeconfig"

    def start(self) -> None:
        """Start everything and wait until the API server and the controllers are ready."""
        port, etcd = free_port(), f"http://127.0.0.1:{free_port()}"
        self.server = f"https://{self._address}:{port}"
        self._tokens = {user: secrets.token_hex(16) for user in _USERS}
        self._write_files()
        self._etcd = self._daemon("etcd", self._etcd_command(etcd))
        self._api_server = self._daemon("kube-apiserver", self._api_server_command(port, etcd))
        controllers = free_port()
        self._controllers = self._daemon(
            "kube-controller-manager", self._controllers_command(controllers)
        )
        self._etcd.start()
        self.start_api_server()
        self.api = Api(self.server, self.ca, self.token("admin"))
        self.requests = RequestLog(self.folder / "audit.log", self.api)
        self.write_kubeconfig(self.kubeconfig, self.token("admin"))
        self.write_kubeconfig(
            self.folder / "controllers.kubeconfig", self.token("system:kube-controller-manager")
        )
        self._controllers.start()
        _wait_for(f"https://{self._address}:{controllers}/healthz", self._controllers)

    def stop(self) -> None:
        """End everything at once."""
        if hasattr(self, "api"):
            self.api.close()
        for name in ("_controllers", "_api_server", "_etcd"):
            if hasattr(self, name):
                getattr(self, name).stop()

    def stop_api_server(self, how: signal.Signals = signal.SIGKILL, within: float = 30.0) -> None:
        """End the API server and wait until it is gone: SIGTERM lets it drain its requests.

        It is killed where that is not over *within* some seconds.
        """
        self._api_server.stop(how, within)
        # within a node's namespaces it ends some time after what entered them for it
        eventually(lambda: not _listens(self.server))

    def start_api_server(self) -> None:
        """Start the API server, on the same port as before, and wait until it is ready."""
        self._api_server.start()
        _wait_for(f"{self.server}/readyz", self._api_server)

    def token(self, user: str) -> str:
        """Return the token of one of the static users: admin, kubelet, those of a real node's parts."""
        return self._tokens[user]

    def service_account_token(
        self, namespace: str, name: str, seconds: int = 86400, secret: str = ""
    ) -> str:
        """Ask for a token of a ServiceAccount; it is worth nothing once the *secret* is deleted.

        A Secret of that name is made for it.
        """
        wanted: Object = {"expirationSeconds": seconds}
        if secret:
            made = self.api.create("v1/secrets", {"metadata": {"name": secret}}, namespace)
            wanted["boundObjectRef"] = {
                "kind": "Secret", "apiVersion": "v1", "name": secret, "uid": made["metadata"]["uid"],
            }  # fmt: skip
        answer = self.api.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {"spec": wanted},
        )
        return str(answer["status"]["token"])

    def service_account(self, namespace: str, name: str) -> Path:
        """Return a KUBECONFIG with which to be a ServiceAccount: exactly its rights."""
        file = self.folder / f"{namespace}.{name}.kubeconfig"
        self.write_kubeconfig(file, self.service_account_token(namespace, name), namespace)
        return file

    def write_kubeconfig(self, file: Path, token: str, namespace: str = "default") -> None:
        """Write a KUBECONFIG for the owner of *token*."""
        file.touch(mode=0o600)
        file.write_text(kubeconfig(self.server, self.ca.read_bytes(), namespace, {"token": token}))

    @property
    def _address(self) -> str:
        return self.machine.address if self.machine else "127.0.0.1"

    def _daemon(self, name: str, command: list[str | Path]) -> Daemon:
        inside = self.machine.inside(*command) if self.machine else command
        return Daemon(inside, self.folder / f"{name}.log")

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        tokens = "".join(
            f'{token},{user},{user},"{_USERS[user]}"\n' for user, token in self._tokens.items()
        )
        (self.folder / "tokens.csv").write_text(tokens)
        (self.folder / "audit-policy.json").write_text(json.dumps(POLICY))
        (self.folder / "service-accounts.key").write_text(_ec_private_key())

    def _etcd_command(self, url: str) -> list[str | Path]:
        peer = f"http://127.0.0.1:{free_port()}"
        return [
            tools.program("etcd"), "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
            "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--initial-cluster", f"default={peer}", "--log-level", "warn",
        ]  # fmt: skip

    def _api_server_command(self, port: int, etcd: str) -> list[str | Path]:
        key = self.folder / "service-accounts.key"
        return [
            tools.program("kube-apiserver"),
            f"--etcd-servers={etcd}", f"--bind-address={self._address}",
            f"--advertise-address={self._address}", f"--secure-port={port}",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}", *self._api_server_for(),
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            f"--service-cluster-ip-range={SERVICES}",
            f"--audit-policy-file={self.folder / 'audit-policy.json'}",
            f"--audit-log-path={self.folder / 'audit.log'}", "--audit-log-maxsize=4000",
            "--profiling=false",
        ]  # fmt: skip

    def _api_server_for(self) -> list[str]:
        if self.machine is None:
            return ["--authorization-mode=RBAC", "--endpoint-reconciler-type=none"]
        return [
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--kubelet-preferred-address-types=InternalIP",
        ]

    def _controllers_command(self, port: int) -> list[str | Path]:
        return [
            tools.program("kube-controller-manager"),
            f"--kubeconfig={self.folder / 'controllers.kubeconfig'}",
            f"--root-ca-file={self.ca}", "--use-service-account-credentials",
            f"--service-account-private-key-file={self.folder / 'service-accounts.key'}",
            "--leader-elect=false", f"--secure-port={port}", f"--bind-address={self._address}",
            f"--cert-dir={self.folder / 'controllers'}",
            f"--controllers={'*' if self.machine else ','.join(_CONTROLLERS)}",
            "--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-job-syncs=20", "--profiling=false",
        ]  # fmt: skip


@contextlib.contextmanager
def started() -> Iterator[ControlPlane]:
    """Start a control plane in a temporary folder for the duration of a `with`."""
    folder = Path(tempfile.mkdtemp(prefix="medusa-cluster-"))
    plane = ControlPlane(folder)
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _listens(url: str) -> bool:
    """Return whether anything takes connections there."""
    parts = urllib.parse.urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def _wait_for(url: str, part: Daemon, within: float = 60.0) -> None:
    """Wait until *url* answers; its certificate does not matter for that."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + within
    while True:
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(url, timeout=5, context=trusting),
        ):
            return
        if part.exited is not None or time.monotonic() > deadline:
            raise StartError(f"{part.command[0]} did not come up:\n{part.tail()}")
        time.sleep(0.05)


def _ec_private_key() -> str:
    """Return a new private key on P-256, in PEM: any 32 bytes below the order are one."""
    der = bytes.fromhex("30310201010420") + b"\x01" + secrets.token_bytes(31)
    der += bytes.fromhex("a00a06082a8648ce3d030107")
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n"
