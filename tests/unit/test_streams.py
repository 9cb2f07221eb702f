"""Streams that are closed, full or broken, or that nobody reads, decide nothing."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

import broken_streams
from broken_streams import KINDS, ended
from medusa_db import streams
from medusa_migrations.contract.errors import UsageError
from servers import command, environ

NOWHERE = "postgres://127.0.0.1:1/shop"

UNREACHABLE = {
    ("status", "--connect-wait", "0s"): 4,
    ("migrate", "--to", "1.20.11", "--connect-wait", "0s"): 4,
    ("wait", "--for", "1.20.11", "--timeout", "1s"): 10,
    ("migrate", "--to", "soon"): 2,
    ("migrate", "--to", "1.0.0"): 9,
}
"""Commands, and what each ends with where there is no server."""


@pytest.mark.parametrize("kind", KINDS)
def test_stderr_changes_no_exit_code(kind, tmp_path):
    reports = {
        arguments: tmp_path / f"{number}.json"
        for number, arguments in enumerate(UNREACHABLE)
        if "migrate" in arguments
    }

    def code(arguments):
        report = reports.get(arguments)
        more = ("--report-file", str(report)) if report else ()
        return ended(*arguments, *more, stderr=kind, url=NOWHERE).returncode

    assert at_once(code) == UNREACHABLE
    assert {
        arguments: json.loads(report.read_text())["exitCode"]
        for arguments, report in reports.items()
    } == {arguments: UNREACHABLE[arguments] for arguments in reports}


@pytest.mark.parametrize("kind", KINDS)
def test_stdout_changes_no_exit_code(kind):
    codes = at_once(lambda arguments: ended(*arguments, stdout=kind, url=NOWHERE).returncode)

    assert codes == UNREACHABLE


def at_once(code):
    """Return what *code* returns for each command, all called at the same time: they wait more than they work."""
    with ThreadPoolExecutor(len(UNREACHABLE)) as pool:
        return dict(zip(UNREACHABLE, pool.map(code, UNREACHABLE), strict=True))


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        (
            "full",
            1,
            "medusa-db: the result cannot be written: [Errno 28] No space left on device\n",
        ),
        ("closed", 1, "medusa-db: the result cannot be written: [Errno 9] stdout is closed\n"),
        ("broken", 0, ""),
    ],
)
@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("notes",), ("seed", "schema")])
def test_what_only_prints_fails_where_it_cannot(arguments, kind, code, said):
    done = ended(*arguments, stdout=kind)

    assert (done.returncode, done.stderr) == (code, said)


def test_all_streams_may_be_closed():
    done = ended("status", stdin="closed", stdout="closed", stderr="closed", url=NOWHERE, MEDUSA_DB_CONNECT_WAIT="0s")  # fmt: skip

    assert done.returncode == 4


def test_a_migration_file_that_was_made_is_made_wherever_its_name_is_printed(tmp_path):
    done = ended("create-migration", "x", "--migrations-dir", str(tmp_path), stdout="full")

    assert (done.returncode, len(list(tmp_path.iterdir()))) == (0, 1)
    assert "the result cannot be written" in done.stderr


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    yield reader, writer
    for fd in (reader, writer):
        os.close(fd)


def test_nobody_who_writes_waits_for_a_reader_and_what_is_dropped_is_counted(pipe, monkeypatch):
    monkeypatch.setattr(streams, "MOST", 20_000)
    stream = streams.ErrorStream(pipe[1])
    lines = [f"line {number}\n" for number in range(10_000)]

    stream.writelines(lines)
    assert not stream.drain(0.05)
    found, shown, missing = b"", [], 0
    while len(shown) + missing < len(lines):
        found += os.read(pipe[0], 65536)
        text = found.decode()
        shown = re.findall(r"^line \d+\n", text, re.MULTILINE)
        missing = sum(
            map(int, re.findall(r"medusa-db: (\d+) lines are missing here, as nobody", text))
        )
    rest = iter(lines)
    assert missing
    assert len(shown) + missing == len(lines)
    assert all(line in rest for line in shown)  # in their order
    assert stream.drain(5)


@pytest.mark.parametrize("kind", ["full", "broken"])
def test_a_stream_that_fails_raises_nothing(kind):
    with broken_streams.stream(kind) as fd:
        stream = streams.ErrorStream(fd)

        assert stream.write("a line\n") == 7
        stream.drain(5)
        assert stream.write("another\n") == 8


def test_a_full_device_may_have_room_again(tmp_path, monkeypatch):
    fd = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    stream = streams.ErrorStream(fd)
    full = [OSError(28, "No space left on device")]
    write = os.write

    def write_later(to, raw):
        if to == fd and full:  # other threads write meanwhile, elsewhere
            raise full.pop()
        return write(to, raw)

    monkeypatch.setattr(os, "write", write_later)

    stream.write("lost\n")
    stream.write("kept\n")

    assert stream.drain(5)
    assert (tmp_path / "log").read_text() == "kept\n"


def test_a_letter_that_the_locale_lacks_is_escaped():
    done = ended(
        "notes", "--from", "1.11.0", "--to", "1.12.0", PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )

    assert done.returncode == 0, done.stderr


def test_what_a_terminal_would_obey_is_shown_and_not_sent(tmp_path):
    document = tmp_path / "seed.json"
    document.write_text(r'{"\u001b[31mproducts\u009b\u202e": []}')

    done = ended("seed", "-f", str(document), url=NOWHERE)

    assert done.returncode == 2
    assert r"\x1b[31mproducts\x9b\u202e: is no key of a seed document" in done.stderr


def test_a_terminal_that_stops_who_writes_in_the_background_stops_no_run():
    words = shlex.join(command("migrate", "--to", "1.20.11", "--connect-wait", "0s"))
    script = f"stty tostop; set -m; {words} & wait %1; echo ended with $?"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve("/bin/bash", ["bash", "-c", script], environ(NOWHERE))

    with os.fdopen(terminal, "rb", buffering=0) as shown, suppress(OSError):
        said = b""
        while b"ended with" not in said:  # a pseudo-terminal that is closed is an error
            said += shown.read(4096)
    os.waitpid(pid, 0)

    assert b"ended with 4" in said


def test_a_bar_and_a_commands_own_output_keep_their_colours():
    reading, writing = os.pipe()
    stream = streams.ErrorStream(writing)

    stream.write("\x1b[1ma\r\n\tb\n")
    stream.exact.write("\x1b[1mc")

    assert stream.drain(5)
    assert os.read(reading, 100) == b"\\x1b[1ma\n\tb\n\x1b[1mc"
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(("migrate", "--plan"), "--plan"), (("status", "--database-url-file"), "--database-url-file")],
)
def test_a_pipe_without_a_writer_is_waited_for_with_a_word_and_not_for_ever(
    arguments, name, tmp_path, monkeypatch, capsys
):
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    monkeypatch.setattr(streams, "SILENCE", 0.05)

    with pytest.raises(UsageError) as refused:
        streams.content(name, str(fifo), most=10, within=0.2)

    assert str(refused.value) == f"{name} {fifo}: {fifo} has not come to its end in 0.2 s"
    assert capsys.readouterr().err == f"medusa-db: waiting for {fifo}, which {name} names\n"
    assert ended(*arguments, str(tmp_path), url=NOWHERE).returncode == 2


def test_a_silent_pipe_is_waited_for_within_the_time_of_the_run():
    reader, writer = os.pipe()

    done = subprocess.run(
        command("migrate", "--plan", "-", "--run-timeout", "1s"), stdin=reader, timeout=60,
        env=environ(NOWHERE), check=False, capture_output=True, text=True,
    )  # fmt: skip

    os.close(writer)
    os.close(reader)
    assert (done.returncode, done.stderr) == (
        2, "medusa-db: --plan -: stdin has not come to its end in 1 s\n"
    )  # fmt: skip


def test_a_stdin_that_is_closed_is_called_closed():
    plan = ended("migrate", "--plan", "-", stdin="closed", url=NOWHERE)

    seed = ended("seed", "-f", "-", stdin="closed", url=NOWHERE)

    assert (plan.returncode, plan.stderr) == (
        2, "medusa-db: --plan - cannot be read: stdin is closed\n"
    )  # fmt: skip
    assert (seed.returncode, seed.stderr) == (
        2, "medusa-db: stdin is closed, so no document can come from it\n"
    )  # fmt: skip
