"""A command of the shop's own is fenced: under the lock, bounded, masked, and nothing of it is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import fenced
import servers
from fenced import Pids, execute, python, result, session, started
from medusa_db.demo import embedded
from medusa_project.fence import sessions
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from psycopg import Connection

FOREVER = "while :; do sleep 1; done"
SLEEPS = "conn.execute('select pg_sleep(600)')"


@pytest.fixture
def pids(tmp_path: Path) -> Pids:
    folder = tmp_path / "pids"
    folder.mkdir()
    return Pids(folder)


def nothing_is_left(conn: Connection[Any], pids: Pids) -> bool:
    return not pids.running() and not fenced.sessions(conn) and fenced.lock_is_free(conn)


def test_stdout_has_the_result_alone_and_stderr_what_the_command_says(url: str) -> None:
    done = execute(url, "sh", "-c", "echo out; echo err >&2")

    assert done.returncode == 0, done.stderr
    assert done.stderr == "out\nerr\n"
    first, second = done.stdout.splitlines()
    assert first.startswith("sh -c 'echo out; echo err >&2' ended with 0 after ")
    assert second == "Nothing is new in the ledgers of Medusa."


def test_the_result_for_machines_tells_how_the_command_ended(url: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    done = execute(
        url, "sh", "-c", "echo one; echo two; exit 3",
        options=("--output", "json", "--run-id", "shop-42", "--report-file", str(report)),
    )  # fmt: skip

    assert done.returncode == 7
    assert done.stderr.splitlines()[-1] == (
        "medusa-db: sh ended with 3; the last line of its output is 'two'"
    )
    found = result(done)
    assert json.loads(report.read_text()) == found
    assert found.pop("seconds") > 0
    assert found["commands"][0].pop("seconds") > 0
    assert found == {
        "report": "medusadb.dev/v1", "runId": "shop-42", "runner": found["runner"], "command": "exec",
        "engine": "project", "state": "failed", "exitCode": 7, "reason": "CommandFailed",
        "message": "sh ended with 3; the last line of its output is 'two'", "migrationCount": 0, "linkCount": 0,
        "scriptCount": 0,
        "commands": [{"argv": ["sh", "-c", "echo one; echo two; exit 3"], "exitCode": 3}],
        "output": ["one", "two"],
    }  # fmt: skip


def test_what_the_command_leaves_in_the_ledgers_is_reported(url: str) -> None:
    fenced.v2_ledger(url)
    program = (
        "conn.execute(\"insert into mikro_orm_migrations (name) values ('Migration1'), ('Migration2')\")\n"
        "conn.execute(\"insert into link_module_migrations (table_name) values ('a_b')\")\n"
        "conn.execute(\"insert into script_migrations (script_name) values ('x.js')\")\n"
    )

    found = result(execute(url, *session(program), options=("--output", "json")))

    assert found["applied"] == {
        "mikro_orm_migrations": ["Migration1", "Migration2"],
        "link_module_migrations": ["a_b"],
        "script_migrations": ["x.js"],
    }
    assert (found["migrationCount"], found["linkCount"], found["scriptCount"]) == (2, 1, 1)
    assert found["unfinished"] == ["x.js"]
    assert "x.js" in found["warnings"][0]
    assert found["state"] == "done"


def test_no_secret_is_shown_whatever_the_command_says(url: str) -> None:
    secret = "s3cr3t-of-the-database"
    with_password = url.replace("postgres@", f"postgres:{secret}@")
    program = f'echo "$DATABASE_URL"; echo {secret}; echo "$STRIPE_API_KEY"; exit 1'

    done = execute(
        with_password, "sh", "-c", program, options=("--output", "json"), STRIPE_API_KEY="sk_live_12345"
    )  # fmt: skip

    assert done.returncode == 7
    for text in (done.stdout, done.stderr):
        assert secret not in text
        assert "sk_live_12345" not in text
        assert "***" in text


def test_a_database_in_parts_is_a_whole_url_for_the_command(url: str) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    named = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
    given = {name: str(parts[key]) for name, key in named.items() if key in parts}
    program = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL']).execute('select 1')"
    alone = f"import os\nfor name in {list(given)}: os.environ.pop(name)\n{program}"

    done = execute("postgresql://", *python(alone), **given)

    assert done.returncode == 0, done.stderr


def test_refusals_are_in_the_words_of_whoever_runs_the_command(url: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    missing = str(tmp_path / "missing")
    words = ("--report-file", str(report))

    done = servers.medusa_db("migrate", "--project", missing, *words, url=url, MEDUSA_DB_CALLER="helm")  # fmt: skip

    sentence = f"server.workingDir {missing}: there is no such folder"
    assert done.stderr == f"medusa-db: {sentence}\n"
    assert json.loads(report.read_text())["message"] == sentence


def test_the_command_gets_bounded_sessions_that_are_known_by_name(url: str) -> None:
    program = (
        "for name in ('application_name', 'lock_timeout', 'statement_timeout', 'search_path'):\n"
        "    print(name, conn.execute(f'show {name}').fetchone()[0])\n"
        "print('version', conn.info.server_version, os.environ['MEDUSA_DISABLE_TELEMETRY'])\n"
        "check = 'client_connection_check_interval'\n"
        "row = conn.execute('select setting from pg_settings where name = %s', [check]).fetchone()\n"
        "print('check', row[0] if conn.info.server_version >= 140000 else '2000')\n"
    )

    done = execute(
        url, *session(program),
        options=("--run-id", "r1", "--lock-timeout", "3s", "--statement-timeout", "1m"),
        PGOPTIONS="-c search_path=shop,public -c lock_timeout=99s", PGAPPNAME="mine",
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[:4] == [
        "application_name medusa-db:r1",
        "lock_timeout 3s",
        "statement_timeout 1min",
        "search_path shop,public",
    ]
    assert lines[4].endswith(" true")
    assert lines[5] == "check 2000"


def test_a_command_that_asks_gets_no_answer(url: str) -> None:
    assert execute(url, "sh", "-c", "read answer || echo nobody").stderr == "nobody\n"


def test_where_the_home_cannot_be_written_to_settings_have_a_folder_for_the_time_of_the_run(
    url: str, tmp_path: Path
) -> None:
    done = execute(
        url, "sh", "-c", 'mkdir "$XDG_CONFIG_HOME"/medusa-test && echo "$XDG_CONFIG_HOME"', HOME="/proc",
        XDG_CONFIG_HOME="", TMPDIR=str(tmp_path),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_where_the_home_can_be_written_to_it_is_used(url: str, tmp_path: Path) -> None:
    done = execute(
        url, "sh", "-c", 'echo "<$XDG_CONFIG_HOME>"', HOME=str(tmp_path), XDG_CONFIG_HOME=""
    )

    assert done.stderr == "<>\n"


@pytest.mark.parametrize(
    ("command", "options", "code", "reason"),
    [
        pytest.param((), (), 2, "NoCommand", id="none"),
        pytest.param(("no-such-program",), (), 2, "NoCommand", id="unknown"),
        pytest.param(("sh -c true",), (), 2, "NoCommand", id="in-quotes"),
        pytest.param(("/etc/passwd",), (), 2, "NoCommand", id="not-executable"),
        pytest.param(("true",), ("--project", "/"), 2, "NoProject", id="no-project"),
        pytest.param(("true",), ("--project", "/missing"), 2, "NoProject", id="no-folder"),
        pytest.param(("true",), ("--schema", "a", "--stall", "x"), 2, "", id="bad-option"),
    ],
)
def test_what_cannot_be_started_is_refused_before_the_database_is_opened(
    command: tuple[str, ...], options: tuple[str, ...], code: int, reason: str
) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/none"

    done = execute(nowhere, *command, options=(*options, "--output", "json"))

    assert done.returncode == code, done.stderr
    if reason:
        assert result(done)["reason"] == reason


def test_a_program_among_the_packages_of_a_project_is_named_as_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    programs = tmp_path / "node_modules" / ".bin"
    programs.mkdir(parents=True)
    (programs / "medusa").write_text("#!/bin/sh\n")
    (programs / "medusa").chmod(0o755)

    done = execute("postgresql://nobody@127.0.0.1:1/none", "medusa", "db:migrate")

    assert done.returncode == 2
    assert "it is among the packages of the project: npx medusa" in done.stderr


def test_a_program_whose_interpreter_is_missing_is_told_from_one_that_failed(
    url: str, tmp_path: Path, conn: Connection[Any]
) -> None:
    program = tmp_path / "cli"
    program.write_text("#!/no/such/node\n")
    program.chmod(0o755)

    done = execute(url, str(program), options=("--output", "json"))

    assert done.returncode == 2
    assert result(done)["reason"] == "NoCommand"
    assert fenced.lock_is_free(conn)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param("postgresql://postgres@127.0.0.1:1/x", 4, id="port-closed"),
        pytest.param("no_such_database", 5, id="no-database"),
    ],
)
def test_the_url_is_tried_before_the_command_is_started(
    url: str, bad: str, code: int, tmp_path: Path
) -> None:
    wrong = bad if "://" in bad else url.rpartition("/")[0] + f"/{bad}"
    proof = tmp_path / "started"

    done = execute(wrong, "touch", str(proof), options=("--connect-wait", "0s"))

    assert done.returncode == code, done.stderr
    assert not proof.exists()


@pytest.mark.parametrize(
    ("version", "ledger", "reason"),
    [
        pytest.param("2.11.1", fenced.v1_ledger, "MedusaV1Database", id="v1-under-v2"),
        pytest.param("1.20.11", fenced.v2_ledger, "MedusaV2Database", id="v2-under-v1"),
    ],
)
def test_a_database_of_the_other_major_version_is_refused_before_anything_runs(
    url: str, tmp_path: Path, version: str, ledger: Callable[[str], None], reason: str
) -> None:
    ledger(url)
    folder = fenced.project(tmp_path / "shop", version)
    proof = tmp_path / "started"

    done = execute(url, "touch", str(proof), options=("--project", str(folder), "--output", "json"))

    found = result(done)
    assert (done.returncode, found["reason"], found["medusa"]) == (9, reason, version)
    assert not proof.exists()


def test_a_v1_database_in_another_schema_of_the_search_path_counts_unless_one_is_named(
    url: str, tmp_path: Path, conn: Connection[Any]
) -> None:
    fenced.v1_ledger(url)
    conn.execute("create schema v2")
    folder = str(fenced.project(tmp_path / "shop", "2.11.1"))
    path = {"PGOPTIONS": "-c search_path=v2,public"}

    assert execute(url, "true", options=("--project", folder), **path).returncode == 9
    named = ("--project", folder, "--schema", "v2")
    done = execute(url, "true", options=named, **path)
    assert (done.returncode, "nothing proves what it did" in done.stderr) == (8, True)


def test_three_at_once_run_one_after_another(url: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = f"echo begin >> {log}; sleep 0.3; echo end >> {log}"

    with ExitStack() as stack:
        runs = [stack.enter_context(started(url, "sh", "-c", program)) for _ in range(3)]
        assert [run.wait(60) for run in runs] == [0, 0, 0]

    assert log.read_text().split() == ["begin", "end"] * 3


def test_a_command_that_holds_the_lock_is_named_to_who_does_not_wait(url: str, pids: Pids) -> None:
    with started(url, "sh", "-c", f"{pids.note()}; {FOREVER}"):
        eventually(lambda: pids.noted(1))

        done = execute(url, "true", options=("--lock-wait", "0s"))

    assert done.returncode == 6
    assert "'medusa-db exec " in done.stderr


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("conn.autocommit = False; conn.execute('select 1'); time.sleep(600)", id="idle-in-transaction"),
        pytest.param("time.sleep(600)", id="idle"),
        pytest.param(
            "conn.execute('create temp table t (x int)')\n"
            "with conn.cursor() as c, c.copy('copy t from stdin'):\n    time.sleep(600)",
            id="copy-that-sends-nothing",
        ),
        pytest.param("print('sure? ', end='', flush=True); conn.close(); time.sleep(600)", id="asks"),
    ],
)  # fmt: skip
def test_a_command_that_does_nothing_any_more_is_ended(
    url: str, conn: Connection[Any], pids: Pids, program: str
) -> None:
    note = f"pathlib.Path({str(pids.folder)!r}, str(os.getpid())).touch()\n"

    done = execute(url, *session(note + program), options=("--stall", "2s", "--output", "json"))

    assert done.returncode == 7
    assert result(done)["reason"] == "Stalled"
    assert pids.noted(1)
    assert nothing_is_left(conn, pids)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("conn.execute('select pg_sleep(4)')", id="long-statement"),
        pytest.param("[(conn.execute('select 1'), time.sleep(0.5)) for _ in range(8)]", id="statements"),
        pytest.param("[(print(n, flush=True), time.sleep(0.5)) for n in range(8)]", id="output"),
    ],
)  # fmt: skip
def test_a_command_that_works_is_not_ended(url: str, program: str) -> None:
    done = execute(url, *session(program), options=("--stall", "2s"))

    assert done.returncode == 0, done.stderr


def test_a_command_that_waits_for_a_lock_is_not_stalled_and_lock_timeout_ends_it(
    url: str, conn: Connection[Any]
) -> None:
    conn.execute("create table busy (id int)")
    with psycopg.connect(url) as holder:
        holder.execute("lock table busy")

        done = execute(
            url, *session("conn.execute('select * from busy')"),
            options=("--stall", "4s", "--lock-timeout", "7s"),
        )  # fmt: skip

    assert done.returncode == 7
    assert "lock timeout" in done.stderr


def test_a_command_that_runs_too_long_is_ended_with_all_that_ignores_it(
    url: str, conn: Connection[Any], pids: Pids
) -> None:
    ignores = f'trap "" TERM; {pids.note()}; {FOREVER}'
    program = (
        f"setsid sh -c '{ignores}' & env -i PATH=$PATH sh -c '{ignores}' & {pids.note()}; {FOREVER}"
    )

    done = execute(
        url, "sh", "-c", program, options=("--run-timeout", "2s", "--output", "json"), timeout=60
    )

    assert done.returncode == 7
    assert result(done)["reason"] == "TimedOut"
    assert pids.noted(3)
    assert nothing_is_left(conn, pids)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("setsid sh -c '{child}' &", id="session-of-its-own"),
        pytest.param("env -i PATH=$PATH setsid sh -c '{child}' &", id="without-environment"),
        pytest.param(
            "env -i PATH=$PATH setsid sh -c 'sh -c \"{child}\" & exit' ;", id="orphan-without-environment"
        ),
        pytest.param("nohup sh -c '{child}' >/dev/null 2>&1 </dev/null &", id="without-output"),
    ],
)  # fmt: skip
def test_what_a_command_leaves_running_is_ended_with_it(
    url: str, conn: Connection[Any], pids: Pids, program: str
) -> None:
    child = f"touch {pids.folder}/\\$\\$; {FOREVER}".replace(
        "\\$", "\\$" if 'sh -c "' in program else "$"
    )

    done = execute(
        url, "sh", "-c", program.format(child=child) + f" until ls {pids.folder} | grep -q .; do sleep 0.05; done",
        options=("--output", "json"),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "left" in result(done)["warnings"][0]
    assert pids.noted(1)
    assert nothing_is_left(conn, pids)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_command_and_what_it_started(
    url: str, conn: Connection[Any], pids: Pids, number: signal.Signals, code: int
) -> None:
    program = f"setsid sh -c '{pids.note()}; {FOREVER}' & {pids.note()}; {FOREVER}"
    with started(url, "sh", "-c", program, options=("--output", "json")) as process:
        eventually(lambda: pids.noted(2))

        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert process.returncode == code, err
    assert json.loads(out)["reason"] == "Interrupted"
    assert nothing_is_left(conn, pids)


def test_a_signal_while_it_waits_for_the_lock_starts_nothing(
    url: str, pids: Pids, tmp_path: Path
) -> None:
    proof = tmp_path / "started"
    with started(url, "sh", "-c", f"{pids.note()}; {FOREVER}"):
        eventually(lambda: pids.noted(1))
        with started(url, "touch", str(proof)) as waiting:
            assert waiting.stderr is not None
            assert "waiting up to 600 s" in waiting.stderr.readline()

            waiting.send_signal(signal.SIGTERM)

            assert waiting.wait(30) == 143
    assert not proof.exists()


def test_a_command_that_is_killed_leaves_no_child_and_no_session(
    url: str, conn: Connection[Any], pids: Pids
) -> None:
    note = f"pathlib.Path({str(pids.folder)!r}, str(os.getpid())).touch()\n"
    child = session(note + SLEEPS)
    program = f"import subprocess, os, signal, time, pathlib\nsubprocess.Popen({child!r}, start_new_session=True)\n{note}time.sleep(600)"
    with started(url, *python(program), options=("--output", "json")) as process:
        eventually(lambda: pids.noted(2) and fenced.sessions(conn))
        fence = fenced.child_of(process.pid)
        assert fence is not None
        command = fenced.child_of(fence)
        assert command is not None

        os.kill(command, signal.SIGKILL)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 7, err
    assert "signal 9 (SIGKILL)" in json.loads(out)["message"]
    assert nothing_is_left(conn, pids)


def test_a_fence_that_is_killed_leaves_nothing_running(
    url: str, conn: Connection[Any], pids: Pids
) -> None:
    note = f"pathlib.Path({str(pids.folder)!r}, str(os.getpid())).touch()\n"
    with started(url, *session(note + SLEEPS)) as process:
        eventually(lambda: pids.noted(1) and fenced.sessions(conn))
        fence = fenced.child_of(process.pid)
        assert fence is not None

        os.kill(fence, signal.SIGKILL)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 137
    assert "was killed by signal 9" in err
    assert pids.running() == []
    eventually(lambda: nothing_is_left(conn, pids))


def test_a_supervisor_that_is_killed_leaves_nothing_running(
    url: str, conn: Connection[Any], pids: Pids
) -> None:
    orphan = f"env -i PATH=$PATH setsid sh -c '{pids.note()}; {FOREVER}' & {pids.note()}; {FOREVER}"
    with started(url, "sh", "-c", orphan) as process:
        eventually(lambda: pids.noted(2))
        fence = fenced.child_of(process.pid)
        assert fence is not None

        process.kill()

        eventually(lambda: nothing_is_left(conn, pids))
        eventually(lambda: not fenced.runs(fence))


def test_whoever_is_killed_while_it_waits_for_the_lock_the_command_is_not_started(
    url: str, conn: Connection[Any], pids: Pids, tmp_path: Path
) -> None:
    proof = tmp_path / "started"
    with started(url, "sh", "-c", f"{pids.note()}; {FOREVER}") as holder:
        eventually(lambda: pids.noted(1))
        for victim in ("supervisor", "fence"):
            with started(url, "touch", str(proof)) as waiting:
                assert waiting.stderr is not None
                assert "waiting up to 600 s" in waiting.stderr.readline()
                fence = fenced.child_of(waiting.pid)
                assert fence is not None

                os.kill(waiting.pid if victim == "supervisor" else fence, signal.SIGKILL)

                eventually(lambda number=fence: not fenced.runs(number))
        holder.terminate()
        holder.wait(30)

    assert not proof.exists()
    assert nothing_is_left(conn, pids)


def test_a_lock_that_is_lost_ends_the_command(url: str, conn: Connection[Any], pids: Pids) -> None:
    program = f"trap '' TERM; {pids.note()}; {FOREVER}"
    with started(url, "sh", "-c", program, options=("--output", "json")) as process:
        eventually(lambda: pids.noted(1))

        fenced.terminate_holder(conn)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 4, err
    assert json.loads(out)["reason"] == "LockLost"
    assert nothing_is_left(conn, pids)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restarted", "crashed"])
def test_a_server_that_is_restarted_ends_the_command(pids: Pids, how: signal.Signals) -> None:
    with servers.started(embedded.binaries()) as server, server.database() as name:
        assert server.process is not None
        program = f"{pids.note()}; {FOREVER}"
        with started(
            server.url(name), "sh", "-c", program, options=("--output", "json")
        ) as process:
            eventually(lambda: pids.noted(1))

            server.process.stop(how)
            server.process.start()
            out, err = process.communicate(timeout=60)

        assert process.returncode == 4, err
        assert json.loads(out)["reason"] == "LockLost"
        assert pids.running() == []


def test_a_session_that_only_polls_counts_as_none(conn: Connection[Any], url: str) -> None:
    with psycopg.connect(url, autocommit=True, application_name="medusa-db:polls") as polling:
        polling.execute("select 'anything new?'")
        counted = sessions.look(conn, "medusa-db:polls", "select 'any")
        others = sessions.look(conn, "medusa-db:polls", "select 'no")
        polling.execute("begin; select 'anything new?'")
        in_transaction = sessions.look(conn, "medusa-db:polls", "begin; select 'any")

    assert (len(counted), len(others), len(in_transaction)) == (0, 1, 1)


def test_sessions_that_a_killed_run_has_left_are_ended_before_the_next_command_starts(
    url: str, conn: Connection[Any]
) -> None:
    orphan = psycopg.connect(url, application_name="medusa-db:earlier", autocommit=True)
    with orphan:
        done = execute(url, "true")

        assert done.returncode == 0
        assert "ending 1 sessions that an earlier run has left" in done.stderr
        with pytest.raises(psycopg.OperationalError):
            orphan.execute("select 1")
    assert fenced.sessions(conn) == []


def test_gigabytes_of_output_are_bounded_and_the_end_is_kept(url: str) -> None:
    program = (
        "import sys\nchunk = b'0123456789abcdef' * 65535 + b'a line\\n'\n"
        "for _ in range(2048): sys.stdout.buffer.write(chunk)\nprint('the end', flush=True)"
    )

    done = execute(url, *python(program), options=("--output", "json"), timeout=200)

    assert done.returncode == 0
    assert result(done)["output"][-1] == "the end"
    assert len(done.stderr) < 40_000_000
    assert done.stderr.endswith("the end\n")


def test_a_command_goes_on_where_nobody_reads_its_output(url: str, tmp_path: Path) -> None:
    proof = tmp_path / "done"
    line = servers.command("exec", "--", "sh", "-c", f"seq 1 100000; touch {proof}")
    with subprocess.Popen(
        line, env=servers.environ(url), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        process.stderr.close()

        assert process.wait(60) == 0

    assert proof.exists()
