"""A signal ends a run at once, or when what became of it is known; never without a report."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess

import pytest

from medusa_migrations.contract.errors import Interrupted
from medusa_migrations.run import signals
from medusa_testbed.waiting import eventually
from servers import command, environ


@pytest.fixture(autouse=True)
def _handlers(monkeypatch):
    before = {number: signal.getsignal(number) for number in signals.ENDING}
    monkeypatch.setattr(signals, "_signals", signals._Signals())
    signals.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", signals.ENDING)
def test_a_signal_is_raised_at_once_and_those_behind_it_disturb_nothing(number):
    signals.release()

    with pytest.raises(Interrupted) as caught:
        send(number)
    send(signal.SIGTERM)
    send(signal.SIGINT)

    assert caught.value.exit_code == 128 + number


def test_a_signal_that_comes_while_it_is_held_is_raised_afterwards():
    signals.hold()
    send(signal.SIGHUP)
    send(signal.SIGTERM)

    with pytest.raises(Interrupted) as caught:
        signals.release()
    signals.hold()
    signals.release()

    assert caught.value.exit_code == 129


def test_one_that_comes_while_a_process_starts_is_not_forgotten_when_its_command_begins():
    send(signal.SIGTERM)
    signals.install()

    with pytest.raises(Interrupted):
        signals.release()


def test_a_command_begins_anew_after_one_that_was_interrupted():
    signals.release()
    with pytest.raises(Interrupted):
        send(signal.SIGTERM)

    signals.install()
    signals.release()
    with pytest.raises(Interrupted) as caught:
        send(signal.SIGINT)

    assert caught.value.exit_code == 130


def test_what_is_remembered_at_the_end_is_not_raised():
    signals.release()
    signals.hold()

    send(signal.SIGTERM)


@pytest.fixture
def silent():
    """The address of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgres://shop@127.0.0.1:{listening.getsockname()[1]}/shop"


@pytest.mark.parametrize("number", signals.ENDING)
@pytest.mark.parametrize("words", [("migrate",), ("verify",), ("repair", "--apply")], ids=" ".join)
def test_a_run_has_a_report_from_the_first_moment_on(silent, tmp_path, words, number):
    file = tmp_path / "report.json"
    begun = command(*words, "--report-file", str(file), "--run-id", "seven")

    with subprocess.Popen(
        begun, env=environ(silent, {}), stderr=subprocess.PIPE, text=True
    ) as process:
        eventually(file.exists)
        eventually(file.read_text)
        first = json.loads(file.read_text())
        process.send_signal(number)
        eventually(lambda: json.loads(file.read_text())["state"] != "running")
        for second in signals.ENDING:  # none of them keeps it from its last word
            process.send_signal(second)
        _, stderr = process.communicate(timeout=30)

    last = json.loads(file.read_text())
    assert (first["state"], first["runId"], first.get("exitCode")) == ("running", "seven", None)
    assert (last["state"], last["reason"], last["runId"]) == ("failed", "Interrupted", "seven")
    assert process.returncode == last["exitCode"] == 128 + number
    assert stderr.splitlines()[-1] == f"medusa-db: {last['message']}"


def test_a_run_that_is_killed_outright_leaves_the_report_of_its_beginning(silent, tmp_path):
    file = tmp_path / "report.json"

    with subprocess.Popen(
        command("migrate", "--report-file", str(file)), env=environ(silent, {}), stderr=subprocess.DEVNULL
    ) as process:  # fmt: skip
        eventually(file.exists)
        process.kill()

    report = json.loads(file.read_text())
    assert (report["state"], "exitCode" in report) == ("running", False)
    assert report["message"] == "the run has not come to its end, or was killed"


def test_a_report_is_written_over_a_longer_one_and_to_a_pipe_once(tmp_path):
    file, pipe = tmp_path / "report.json", tmp_path / "pipe"
    file.write_text('{"report": "' + "x" * 9000)
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    for path in (file, pipe):
        subprocess.run(
            command("migrate", "--flag", "x", "--report-file", str(path)), env=environ(None, {}),
            check=False, capture_output=True,
        )  # fmt: skip

    assert json.loads(file.read_text())["exitCode"] == 2
    assert json.loads(os.read(reader, 9000))["exitCode"] == 2
    os.close(reader)


def test_a_pipe_that_nobody_reads_holds_nothing_up(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    done = subprocess.run(
        command("migrate", "--flag", "x", "--report-file", str(pipe)), env=environ(None, {}),
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    assert done.returncode == 2
    assert "the report cannot be written to" in done.stderr
