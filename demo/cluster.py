"""`make demo-cluster`: a Kubernetes of one's own with the operator, a PostgreSQL and a shop.

Control plane and pods are the ones the tests use: real API server and controllers, pods as local
processes. Ctrl-C takes all of it down.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml

from medusa_db.demo import embedded
from medusa_testbed import control_plane, tools
from medusa_testbed.kubectl import CommandError, Kubectl
from medusa_testbed.kubelet.images import RUNNER
from medusa_testbed.kubelet.kubelet import Kubelet
from medusa_testbed.objects import secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from medusa_testbed.control_plane import ControlPlane

ROOT = Path(__file__).parents[1]
OPERATOR = "medusa-database-operator"
START, TARGET = "1.12.3", "1.20.11"
BREAKING = ("1.13.0", "1.15.2", "1.17.0")
"""The versions between the two whose notes want to be read."""


def main() -> int:
    """Bring everything up, show the resource until Ctrl-C, take everything down."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    try:
        if status := tools.main():
            return status
        with ExitStack() as stack:
            _show(*_started(stack))
    except KeyboardInterrupt:
        return 0
    except (CommandError, control_plane.StartError, embedded.StartError) as exc:
        _say(str(exc))
        return 1
    return 0


def _started(stack: ExitStack) -> tuple[ControlPlane, Kubectl, str]:
    """Start it all; return it with the database's URL."""
    stack.callback(_say, "\nStopped; nothing is left running.")
    _say("Starting etcd, kube-apiserver and kube-controller-manager")
    plane = stack.enter_context(control_plane.started())
    stack.enter_context(_kubelet(plane))
    _say("Starting a PostgreSQL")
    url = stack.enter_context(_database())
    kubectl = Kubectl(plane.kubeconfig, plane.folder)
    _say("Installing the operator: kubectl apply --server-side -k deploy")
    kubectl("apply", "--server-side", "-k", ROOT / "deploy")
    kubectl.within(OPERATOR)("rollout", "status", f"deployment/{OPERATOR}", "--timeout=60s")
    _say(f"Applying a shop at {START}: kubectl apply -f deploy/samples/shop.yaml")
    kubectl.apply(secret("shop-db", DATABASE_URL=url), *_sample())
    return plane, kubectl, url


def _show(plane: ControlPlane, kubectl: Kubectl, url: str) -> None:
    program = tools.program("kubectl")
    wrong = url.replace(":shop@", ":wrong@")
    acknowledged = ",".join(f'"{version}"' for version in BREAKING)
    _say(
        f"""
In another terminal:

  export KUBECONFIG={plane.kubeconfig} PATH={program.parent}:$PATH

  # upgrade: it waits for you to read the notes of a breaking version
  kubectl patch mdb shop --type merge -p '{{"spec":{{"version":"{TARGET}"}}}}'
  # break the password
  kubectl patch secret shop-db -p {_data(url=wrong)}
  # acknowledge the notes: the run starts, and is refused by PostgreSQL
  kubectl patch mdb shop --type merge -p '{{"spec":{{"upgrade":{{"acknowledged":[{acknowledged}]}}}}}}'
  # fix the password, and try again
  kubectl patch secret shop-db -p {_data(url=url)}
  kubectl annotate mdb shop --overwrite medusadb.dev/retry="$(date)"
  # suspend
  kubectl patch mdb shop --type merge -p '{{"spec":{{"suspend":true}}}}'

Look closer: kubectl describe mdb shop; kubectl logs job/...; kubectl get jobs,pods; psql {url}
Ctrl-C ends all of it. $ kubectl get mdb -w
"""
    )
    command = kubectl.command("get", "mdb", "--watch")
    while True:  # a watch ends now and then, as watches do
        subprocess.run(command, env=kubectl.environment(), check=False)  # noqa: S603  kubectl


@contextmanager
def _kubelet(plane: ControlPlane) -> Iterator[Kubelet]:
    kubelet = Kubelet(plane.server, plane.ca, plane.token("kubelet"), plane.folder / "pods")
    kubelet.images[_image()] = kubelet.images[RUNNER]
    kubelet.start()
    try:
        yield kubelet
    finally:
        kubelet.stop()


def _image() -> str:
    """Return the image that `deploy/` names."""
    given: Any = yaml.safe_load((ROOT / "deploy" / "kustomization.yaml").read_text())
    [image] = given["images"]
    return f"{image.get('newName', image['name'])}:{image['newTag']}"


@contextmanager
def _database() -> Iterator[str]:
    """Start a server whose user `shop` needs a password; yield the URL of an empty database."""
    server = embedded.temporary(tcp=True)
    try:
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("create role shop login password 'shop'")
            admin.execute("create database shop owner shop")
            access = server.data / "pg_hba.conf"
            trusting = access.read_text()
            access.write_text(f"host all shop 127.0.0.1/32 scram-sha-256\n{trusting}")
            admin.execute("select pg_reload_conf()")
        yield f"postgresql://shop:shop@127.0.0.1:{server.port}/shop"
    finally:
        embedded.remove(server)


def _sample() -> list[dict[str, Any]]:
    """Return the sample shop, at the version that the demo starts from."""
    objects = list(yaml.safe_load_all((ROOT / "deploy" / "samples" / "shop.yaml").read_text()))
    for found in objects:
        if found["kind"] == "MedusaDatabase":
            found["spec"]["version"] = START
    return objects


def _data(*, url: str) -> str:
    return shlex.quote(f'{{"stringData":{{"DATABASE_URL":"{url}"}}}}')


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
