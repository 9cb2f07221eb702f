"""`make demo-cluster` shows what it promises, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medusa_testbed.waiting import eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture
def demo(tmp_path):
    """The demo at work, as a process whose output is in a file."""
    output = tmp_path / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, ROOT / "demo" / "cluster.py"],
            env=os.environ | {"PYTHONPATH": str(ROOT / "tests" / "support")},
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    yield process, output
    process.send_signal(signal.SIGINT)
    process.wait(30)


@pytest.mark.usefixtures("programs")
def test_the_commands_that_it_prints_do_what_it_says(demo):
    process, output = demo
    eventually(lambda: "UpToDate" in output.read_text(), within=120)
    text = output.read_text()
    [settings] = re.findall(r"^  (export .*)$", text, re.MULTILINE)
    upgrade, spoil, acknowledge, fix, retry, suspend = re.findall(
        r"^  (kubectl .*)$", text, re.MULTILINE
    )

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", f"{settings}; {command}"], capture_output=True, text=True, check=True
        )
        return done.stdout

    def told(reason: str) -> bool:
        asked = "kubectl get mdb shop -o jsonpath='{.status.conditions[*].reason}'"
        return eventually(lambda: reason in run(asked), every=0.3)

    run(upgrade)
    assert told("AwaitingAcknowledgement")
    run(spoil)
    run(acknowledge)
    assert told("AccessDenied")
    run(fix)
    run(retry)
    assert told("UpToDate")
    run(suspend)
    assert told("Suspended")
    assert run("kubectl get mdb shop -o jsonpath='{.status.appliedVersion}'") == "1.20.11"
    folder = Path(settings.partition("KUBECONFIG=")[2].partition("/admin.kubeconfig")[0])

    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 0
    assert output.read_text().endswith("Stopped; nothing is left running.\n")
    assert not folder.exists()
    assert _processes_of(folder) == []


def _processes_of(folder: Path) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in found.stdout.splitlines() if str(folder) in line]
