"""The stand-in kubelet does what the real one does, as far as Jobs and their readers can see."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from medusa_testbed import tools
from medusa_testbed.kubelet.images import RUNNER, SHELL, Image, Outcome
from medusa_testbed.objects import condition, config_map, container, job, secret
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_testbed.api import Object
    from medusa_testbed.control_plane import ControlPlane

pytestmark = pytest.mark.usefixtures("kubelet")


@pytest.fixture
def ended(cluster: ControlPlane, namespace: str) -> Callable[[str], tuple[str, str]]:
    """Wait for the end of a Job; return the condition that tells it, and its reason."""

    def wait(name: str) -> tuple[str, str]:
        def look() -> tuple[str, str] | None:
            found = cluster.api.get("batch/v1/jobs", name, namespace)
            for kind in ("Complete", "Failed"):
                told = condition(found, kind)
                if told.get("status") == "True":
                    return kind, told["reason"]
            return None

        return eventually(look)

    return wait


@pytest.fixture
def pod_of(cluster: ControlPlane, namespace: str) -> Callable[[str], Object]:
    """Wait for the pod of a Job and return it."""

    def wait(name: str) -> Object:
        selector = f"batch.kubernetes.io/job-name={name}"
        return eventually(lambda: cluster.api.list("v1/pods", namespace, labelSelector=selector))[0]

    return wait


def shell(script: str, **fields: Any) -> Object:
    return container("sh", "-c", script, **fields)


def state(pod: Object) -> tuple[str, Object]:
    """The one state that the first container is in."""
    [(kind, told)] = pod["status"]["containerStatuses"][0]["state"].items()
    return kind, told


def test_a_job_runs_from_apply_to_complete(kubectl, ended, pod_of):
    kubectl.apply(job("hello", shell("echo done > /dev/termination-log")))

    assert ended("hello") == ("Complete", "CompletionsReached")
    pod = pod_of("hello")
    assert pod["status"]["phase"] == "Succeeded"
    kind, told = state(pod)
    assert (kind, told["exitCode"], told["reason"], told["message"]) == (
        "terminated", 0, "Completed", "done\n"
    )  # fmt: skip
    assert condition(pod, "Ready")["reason"] == "PodCompleted"


@pytest.mark.parametrize(
    ("script", "code", "reason"),
    [
        pytest.param("exit 7", 7, "Error", id="exit-code"),
        pytest.param("kill -KILL $$$$", 137, "Error", id="killed"),
        pytest.param("kill -TERM $$$$", 143, "Error", id="terminated"),
    ],
)
def test_how_a_process_ends_is_how_its_container_ends(kubectl, ended, pod_of, script, code, reason):
    kubectl.apply(job("ends", shell(script)))

    assert ended("ends") == ("Failed", "BackoffLimitExceeded")
    kind, told = state(pod_of("ends"))
    assert (kind, told["exitCode"], told["reason"]) == ("terminated", code, reason)


def test_a_termination_message_keeps_its_last_4096_bytes(kubectl, ended, pod_of):
    script = "printf '%05000d' 1 > /dev/termination-log"

    kubectl.apply(job("long", shell(script)))

    ended("long")
    assert state(pod_of("long"))[1]["message"] == "0" * 4095 + "1"


def test_a_failure_without_message_falls_back_to_the_log_where_that_is_asked_for(
    kubectl, ended, pod_of
):
    fields = {"terminationMessagePolicy": "FallbackToLogsOnError"}

    kubectl.apply(job("mute", shell("echo what went wrong; exit 1", **fields)))

    ended("mute")
    assert state(pod_of("mute"))[1]["message"] == "what went wrong\n"


def test_variables_come_from_secrets_config_maps_and_fields(kubectl, namespace, ended, pod_of):
    environment = [
        {"name": "LITERAL", "value": "a"},
        {"name": "COMPOSED", "value": "$(LITERAL)/$$(LITERAL)"},
        {"name": "URL", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "url"}}},
        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "mode"}}},
        {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {
            "name": "ABSENT",
            "valueFrom": {"secretKeyRef": {"name": "none", "key": "x", "optional": True}},
        },
    ]
    groups = [{"prefix": "ALL_", "secretRef": {"name": "shop"}}]
    script = 'echo "$COMPOSED $URL $MODE $WHERE ${ABSENT-unset} $ALL_url" > /dev/termination-log'

    kubectl.apply(
        secret("shop", url="postgres://x"), config_map("shop", {"mode": "fast"}),
        job("reads", shell(script, env=environment, envFrom=groups)),
    )  # fmt: skip

    ended("reads")
    told = f"a/$(LITERAL) postgres://x fast {namespace} unset postgres://x\n"
    assert state(pod_of("reads"))[1]["message"] == told


def test_volumes_are_found_at_the_paths_of_the_container(kubectl, ended, pod_of):
    volumes = [
        {"name": "seed", "configMap": {"name": "s", "items": [{"key": "a", "path": "in/a.json"}]}},
        {"name": "ca", "secret": {"secretName": "s"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "all", "projected": {"sources": [{"secret": {"name": "s"}}]}},
    ]
    mounts = [
        {"name": "seed", "mountPath": "/seed"},
        {"name": "ca", "mountPath": "/etc/ca.crt", "subPath": "ca.crt"},
        {"name": "scratch", "mountPath": "/scratch"},
        {"name": "all", "mountPath": "/all"},
    ]
    first = shell("echo from the init container > /scratch/note", volumeMounts=mounts)
    main = shell(
        'cat "$FILE" /etc/ca.crt /scratch/note /all/ca.crt > /dev/termination-log',
        volumeMounts=mounts, env=[{"name": "FILE", "value": "/seed/in/a.json"}],
    )  # fmt: skip
    pod = {"volumes": volumes, "initContainers": [{**first, "name": "first"}]}

    kubectl.apply(config_map("s", {"a": "{}\n", "b": "2"}), secret("s", **{"ca.crt": "CA\n"}))
    kubectl.apply(job("mounts", main, pod=pod))

    assert ended("mounts") == ("Complete", "CompletionsReached")
    told = "{}\nCA\nfrom the init container\nCA\n"
    assert state(pod_of("mounts"))[1]["message"] == told


def test_a_failed_init_container_fails_the_pod(kubectl, ended, pod_of):
    first = {**shell("exit 3"), "name": "first"}

    kubectl.apply(job("init", shell("exit 0"), pod={"initContainers": [first]}))

    assert ended("init")[0] == "Failed"
    status = pod_of("init")["status"]
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert list(status["containerStatuses"][0]["state"]) == ["waiting"]


@pytest.mark.parametrize(
    ("there", "message"),
    [
        pytest.param([], 'secret "shop" not found', id="no-secret"),
        pytest.param([secret("shop", other="1")], "couldn't find key url in Secret", id="no-key"),
    ],
)
def test_a_missing_secret_is_told_and_the_container_starts_when_it_is_there(
    kubectl, cluster, namespace, ended, pod_of, there, message
):
    variable = {"name": "U", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "url"}}}
    kubectl.apply(*there, job("waits", shell("exit 0", env=[variable])))

    told = eventually(lambda: _waiting(pod_of("waits"), "CreateContainerConfigError"))
    kubectl.apply(secret("shop", url="x"))

    assert told["message"].startswith(message)
    assert ended("waits")[0] == "Complete"
    assert _events(cluster, namespace) == {("Failed", "Error: " + told["message"])}


def test_a_missing_volume_is_told_by_an_event(kubectl, cluster, namespace, ended):
    pod = {"volumes": [{"name": "seed", "configMap": {"name": "none"}}]}
    kubectl.apply(job("mounts", shell("exit 0"), pod=pod))

    told = eventually(lambda: _events(cluster, namespace))
    kubectl.apply(config_map("none", {}))

    text = 'MountVolume.SetUp failed for volume "seed" : configmap "none" not found'
    assert told == {("FailedMount", text)}
    assert ended("mounts")[0] == "Complete"


def test_an_unknown_image_is_not_pulled_until_it_is_published(kubectl, kubelet, ended, pod_of):
    kubectl.apply(job("pulls", shell("exit 0", image="shop:9")))

    told = eventually(lambda: _waiting(pod_of("pulls"), "ImagePullBackOff"))
    kubelet.images["shop:9"] = Image()

    assert told["message"].startswith('Back-off pulling image "shop:9": ErrImagePull: ')
    assert ended("pulls")[0] == "Complete"


def test_a_moved_tag_has_another_digest(kubectl, kubelet, ended, pod_of):
    digest = f"sha256:{'1' * 64}"
    kubelet.images[SHELL] = replace(kubelet.images[SHELL], digest=digest)

    kubectl.apply(job("moved", shell("exit 0")))

    ended("moved")
    assert pod_of("moved")["status"]["containerStatuses"][0]["imageID"] == f"shell@{digest}"


def test_an_image_can_end_at_once_with_a_given_outcome(kubectl, kubelet, ended, pod_of):
    kubelet.images[RUNNER] = Image(outcome=lambda pod: Outcome(4, pod["metadata"]["namespace"]))

    kubectl.apply(job("quick", container("medusa-db", image=RUNNER)))

    assert ended("quick")[0] == "Failed"
    pod = pod_of("quick")
    kind, told = state(pod)
    assert (kind, told["exitCode"], told["message"]) == (
        "terminated", 4, pod["metadata"]["namespace"]
    )  # fmt: skip


def test_the_runner_image_runs_our_own_command(kubectl, url, ended):
    runner = container("medusa-db", "migrate", "--to", "1.12.0", image=RUNNER) | {
        "env": [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db", "key": "u"}}}]
    }

    kubectl.apply(secret("db", u=url), job("migrate", runner))

    assert ended("migrate")[0] == "Complete"


def test_a_pod_may_do_what_its_service_account_may(kubectl, namespace, ended, pod_of):
    whom = f"--serviceaccount={namespace}:reader"
    kubectl("create", "serviceaccount", "reader")
    kubectl("create", "rolebinding", "reader", "--clusterrole=view", whom)
    program = tools.program("kubectl")
    script = f"{program} get configmaps -o name && ! {program} get secrets 2>&1"
    pod = {"serviceAccountName": "reader"}

    kubectl.apply(job("asks", shell(f"({script}) > /dev/termination-log"), pod=pod))

    assert ended("asks")[0] == "Complete"
    listed, refused = state(pod_of("asks"))[1]["message"].splitlines()
    assert listed == "configmap/kube-root-ca.crt"
    assert f'User "system:serviceaccount:{namespace}:reader" cannot list' in refused


def test_a_killed_process_fails_its_pod(kubectl, kubelet, namespace, ended, pod_of):
    kubectl.apply(job("runs", shell("sleep 300")))
    [name] = eventually(lambda: kubelet.pods(namespace))

    kubelet.kill(namespace, name, reason="OOMKilled")

    ended("runs")
    kind, told = state(pod_of("runs"))
    assert (kind, told["exitCode"], told["reason"]) == ("terminated", 137, "OOMKilled")


def test_an_evicted_pod_fails_and_tells_why(kubectl, kubelet, namespace, ended, pod_of):
    kubectl.apply(job("runs", shell("sleep 300")))
    [name] = eventually(lambda: kubelet.pods(namespace))
    pid = kubelet.pid(namespace, name)

    kubelet.evict(namespace, name)

    ended("runs")
    pod = pod_of("runs")
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "Evicted")
    assert condition(pod, "DisruptionTarget")["reason"] == "TerminationByKubelet"
    assert not _alive(pid)


@pytest.mark.parametrize("running_on", [False, True])
def test_a_lost_node_takes_the_pod_and_perhaps_its_process(
    kubectl, kubelet, cluster, namespace, ended, running_on
):
    kubectl.apply(job("runs", shell("sleep 300")))
    [name] = eventually(lambda: kubelet.pods(namespace))
    pid = kubelet.pid(namespace, name)

    kubelet.lose(namespace, name, processes_run_on=running_on)

    eventually(lambda: cluster.api.find("v1/pods", name, namespace) is None)
    assert ended("runs") == ("Failed", "BackoffLimitExceeded")
    assert _alive(pid) is running_on


def test_deletion_asks_first_and_kills_after_the_grace_period(kubectl, kubelet, cluster, namespace):
    stubborn = "trap 'echo asked' TERM; while true; do sleep 0.1; done"
    pod = {"terminationGracePeriodSeconds": 1}
    kubectl.apply(job("stubborn", shell(stubborn), pod=pod))
    [name] = eventually(lambda: kubelet.pods(namespace))
    pid = kubelet.pid(namespace, name)

    kubectl("delete", "job", "stubborn", "--wait=false")

    eventually(lambda: cluster.api.find("v1/pods", name, namespace) is None)
    assert kubelet.log(namespace, name) == "asked\n"
    assert not _alive(pid)


def test_a_pod_that_is_removed_by_force_loses_its_process(kubectl, kubelet, namespace):
    bare = job("runs", shell("sleep 300"))["spec"]["template"]
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, **bare})
    [name] = eventually(lambda: kubelet.pods(namespace))
    pid = kubelet.pid(namespace, name)

    kubectl("delete", "pod", name, "--grace-period=0", "--force")

    eventually(lambda: not _alive(pid))


def test_a_pod_is_ended_at_its_deadline(kubectl, ended, pod_of):
    kubectl.apply(job("late", shell("sleep 300"), pod={"activeDeadlineSeconds": 1}))

    ended("late")
    assert pod_of("late")["status"]["reason"] == "DeadlineExceeded"


def test_a_container_is_started_again_where_the_policy_says_so(kubectl, kubelet, ended, pod_of):
    kubelet.node.crash_pause = 0.1
    volume = {"volumes": [{"name": "kept", "emptyDir": {}}], "restartPolicy": "OnFailure"}
    mounts = [{"name": "kept", "mountPath": "/kept"}]
    script = "test -e /kept/seen || { touch /kept/seen; exit 1; }"

    kubectl.apply(job("twice", shell(script, volumeMounts=mounts), pod=volume, backoffLimit=3))

    assert ended("twice")[0] == "Complete"
    status = pod_of("twice")["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param(
            {"nodeSelector": {"disk": "ssd"}},
            "1 node(s) didn't match Pod's node affinity/selector",
            id="selector",
        ),
        pytest.param({}, "1 node(s) were unschedulable", id="cordoned"),
    ],
)
def test_a_pod_that_fits_nowhere_says_so_until_it_does(
    kubectl, kubelet, ended, pod_of, fields, why
):
    if not fields:
        kubelet.cordon()
    kubectl.apply(job("waits", shell("exit 0"), pod=fields))

    told = eventually(lambda: condition(pod_of("waits"), "PodScheduled"))
    kubelet.node.labels = {**kubelet.node.labels, "disk": "ssd"}
    kubelet.uncordon()

    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert told["message"].startswith(f"0/1 nodes are available: {why}.")
    assert ended("waits")[0] == "Complete"


def test_kubectl_logs_shows_what_was_printed_and_follows_what_is(kubectl, kubelet, namespace):
    kubectl.apply(job("talks", shell("echo one; echo two; sleep 1; echo three")))
    eventually(lambda: kubelet.pods(namespace))

    followed = kubectl("logs", "--follow", "job/talks")
    last = kubectl("logs", "--tail=1", "job/talks")

    assert followed == "one\ntwo\nthree\n"
    assert last == "three\n"


def test_a_program_that_is_not_in_the_image_is_a_start_error(kubectl, ended, pod_of):
    kubectl.apply(job("absent", container("no-such-program")))

    ended("absent")
    kind, told = state(pod_of("absent"))
    assert (kind, told["exitCode"], told["reason"]) == ("terminated", 128, "StartError")


def test_pods_are_run_across_a_restart_of_the_api_server(
    cluster, kubectl, kubelet, namespace, ended
):
    kubectl.apply(job("runs", shell("sleep 2")))
    eventually(lambda: kubelet.pods(namespace))

    cluster.stop_api_server()
    cluster.start_api_server()
    kubectl.apply(job("later", shell("exit 0")))

    assert ended("runs")[0] == "Complete"
    assert ended("later")[0] == "Complete"


def _waiting(pod: Object, reason: str) -> Object | None:
    found = pod.get("status", {}).get("containerStatuses", [{}])[0].get("state", {})
    told: Object = found.get("waiting", {})
    return told if told.get("reason") == reason else None


def _events(cluster: ControlPlane, namespace: str) -> set[tuple[str, str]]:
    found = cluster.api.list("v1/events", namespace, fieldSelector="type=Warning")
    return {(event["reason"], event["message"]) for event in found}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
