"""Whatever is done to the operator's world, and in whatever order: nothing is run twice, or told wrongly.

Two replicas with the shipped rights see to a dozen shops while everything around them is disturbed; what
was seen of it is judged by `chaos_checker`. Five minutes long, an hour with MEDUSA_TEST_ALL=1;
MEDUSA_CHAOS_SECONDS, MEDUSA_CHAOS_SEED and MEDUSA_CHAOS_FOLDER say it otherwise (see the README beside).
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

import chaos_checker
import servers
from chaos_disturbances import Arena
from chaos_recorder import Recorder
from chaos_replicas import Replicas, clock_library
from chaos_run import Chaos
from chaos_shops import Fleet, Tenant, images
from medusa_db.demo import embedded
from medusa_testbed import control_plane, operators
from medusa_testbed import proxy as cluster_proxy
from medusa_testbed.api import Api
from medusa_testbed.kubectl import Kubectl
from medusa_testbed.kubelet.kubelet import Kubelet
from medusa_testbed.operators import DEPLOY, HOME
from medusa_testbed.waiting import eventually
from tiers import need

LONG = bool(os.environ.get("MEDUSA_TEST_ALL"))
SECONDS = float(os.environ.get("MEDUSA_CHAOS_SECONDS") or (3600 if LONG else 180))
DRAWN = str(random.SystemRandom().randrange(10**6))
SEED = os.environ.get("MEDUSA_CHAOS_SEED") or ("8" if os.environ.get("CI") and not LONG else DRAWN)
"""Drawn, but for the sample that CI runs: what stops a change there can be repeated."""
NAMESPACES = ("north", "east", "south")
RESYNC = 2.0
LIMIT = 4
REST = 10.0
"""Seconds of rest before and after."""

pytestmark = pytest.mark.timeout(SECONDS + 1500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where journal, logs and everything else of the time is kept."""
    given = os.environ.get("MEDUSA_CHAOS_FOLDER")
    if not given:
        return tmp_path_factory.mktemp("chaos")
    found = Path(given) / f"seed-{SEED}"
    found.mkdir(parents=True)
    return found


@pytest.fixture(scope="module")
def world(programs, folder):
    """A control plane, a node and a PostgreSQL of its own: what is done to them concerns nobody else."""
    del programs
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)  # the test itself reads what is nested too deep
    with (
        control_plane.started() as cluster,
        servers.started(embedded.binaries(), max_connections="200") as server,
    ):
        kubelet = Kubelet(cluster.server, cluster.ca, cluster.token("kubelet"), folder / "pods")
        kubelet.start()
        try:
            yield cluster, server, kubelet
        finally:
            kubelet.stop()
    sys.setrecursionlimit(limit)


def flags():
    """Return the flags of this time's replicas: they watch all namespaces, or name them."""
    watched = ("--namespace", ",".join(NAMESPACES)) if int(random.Random(SEED).random() * 2) else ()
    return ("--resync", f"{RESYNC:g}s", "--max-concurrent-runs", str(LIMIT), *watched)


@pytest.fixture(scope="module")
def arena(world, folder):
    """Everything that can be disturbed, with two replicas that run."""
    need(clock_library(), "there is no libfaketime (apt-get install libfaketime)")
    cluster, server, kubelet = world
    operators.install(cluster, Kubectl(cluster.kubeconfig, folder))
    rights = (DEPLOY / "rbac" / "namespaced" / "operator.yaml").read_text()
    named = "--namespace" in flags()
    if named:
        for kind in ("clusterrolebindings", "clusterroles"):
            cluster.api.delete(f"rbac.authorization.k8s.io/v1/{kind}", HOME)

    def prepare(namespace):
        cluster.api.create("v1/namespaces", {"metadata": {"name": namespace}})
        eventually(lambda: cluster.api.find("v1/serviceaccounts", "default", namespace), within=120)
        for document in yaml.safe_load_all(rights if named else ""):
            kind = f"{document['kind'].lower()}s"
            document["metadata"].pop("namespace", None)
            cluster.api.create(f"{document['apiVersion']}/{kind}", document, namespace)

    for namespace in NAMESPACES:
        prepare(namespace)
    kubelet.images.update(images(SEED))
    recorder = Recorder(Api(cluster.server, cluster.ca, cluster.token("admin")), server)
    fleet = Fleet(cluster.api, server, recorder)
    replicas = Replicas(cluster, recorder, folder / "replicas", flags())
    with cluster_proxy.between(cluster) as proxy:
        replicas.add("direct")
        replicas.add("proxied", proxy)
        try:
            replicas.start()
            recorder.start()
            yield Arena(
                cluster,
                kubelet,
                fleet,
                replicas,
                recorder,
                proxy,
                NAMESPACES,
                prepare,
                is_named=named,
            )
        finally:
            replicas.stop()
            recorder.stop()


def written(cluster, mark):
    """Return what the operator has written since *mark*, but for its Lease."""
    made = cluster.requests.since(mark).of(operators.USER)
    return {k: v for k, v in made.writes.count().items() if "leases" not in k}


def test_whatever_happens_each_run_is_made_once_and_everything_is_ready_in_the_end(
    arena, folder, record_property
):
    record_property("chaos", f"MEDUSA_CHAOS_SEED={SEED} {SECONDS:g} s {' '.join(flags())}")
    with (folder / "journal.txt").open("w") as journal:
        chaos = Chaos(arena, SEED, journal)
        mark = arena.cluster.requests.mark()
        chaos.rest(REST)  # with nothing to list
        at_first = written(arena.cluster, mark)
        for number, namespace in enumerate(NAMESPACES * 4):
            tenant = Tenant(namespace, f"shop-{number}", quick=number % 4 == 3)
            arena.fleet.found(tenant, empty=number % 2 == 0)
        chaos.disturb(SECONDS)
        chaos.settle()
        chaos.rest(5)
        mark = arena.cluster.requests.mark()
        chaos.rest(REST)
        at_rest = written(arena.cluster, mark)
        history = chaos.history()

    found = sorted({str(violation) for violation in chaos_checker.violations(history)})
    second, third = chaos_checker.thirds(history.memory)
    figures = {
        "seed": SEED,
        "disturbances": dict(chaos.done.most_common()),
        "Jobs": len(history.jobs),
        "runs with a process": sum(1 for pod in history.pods if pod.began),
        "runs of databases": sum(len(database.runs) for database in history.databases),
        "verdicts": dict(Counter(verdict.outcome for verdict in history.verdicts)),
        "looks at databases": len(history.looks),
        "ends for want of the Lease": len(history.exits),
        "memory": f"{second / 2**20:.1f} MB, then {third / 2**20:.1f} MB",
        "violations": len(found),
    }
    told = "\n".join(f"{key}: {value}" for key, value in figures.items())
    seen = json.dumps(dataclasses.asdict(history), default=list, indent=1)
    (folder / "history.json").write_text(seen)
    (folder / "figures.txt").write_text("\n".join([told, *found, ""]))
    record_property("chaos", told)
    assert arena.kubelet.defects == []
    assert arena.recorder.defects == []
    assert (at_first, at_rest) == ({}, {})
    assert found == []
