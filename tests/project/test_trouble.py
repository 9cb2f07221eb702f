"""What goes wrong while a project's Medusa migrates: exit code, reason, report, and the database afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import fenced
import projects
import servers
from medusa_testbed.waiting import eventually
from projects import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers import TestServer

    At = Callable[[str], tuple[Path, str]]

ALL = os.environ.get("MEDUSA_TEST_ALL") == "1"
long = pytest.mark.skipif(not ALL, reason="takes more than half a minute")
V2 = "2.21.2"
WAITS = """
const wait = (file) => {
  const fs = require("fs")
  if (!fs.existsSync(file + ".on")) return
  fs.writeFileSync(file, String(process.pid))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
"""
"""A function that waits for ever where a file says so, and leaves the number of its process."""


@dataclass(frozen=True)
class Phase:
    """A moment in which the project's Medusa stands still, until `go_on`."""

    file: Path

    @property
    def pid(self) -> int | None:
        """The process that stands still; None where none does yet."""
        try:
            return int(self.file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def go_on(self) -> None:
        """Let the next one pass."""
        self.file.with_name(self.file.name + ".on").unlink()


def reconfigure(folder: Path, old: str, new: str) -> None:
    """Put *new* in the place of *old* in the configuration of the project in *folder*."""
    config = folder / "medusa-config.js"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def still_in(folder: Path, phase: str) -> Phase:
    """Make the project in *folder* stand still: where it is `listed`, in its `migrations`, or in its `scripts`."""
    file = folder / f"{phase}.pid"
    (folder / f"{phase}.pid.on").touch()
    text = f"{WAITS}wait({json.dumps(str(file))})\n"
    match phase:
        case "listed":
            config = folder / "medusa-config.js"
            config.write_text(
                f"if (process.argv[1].endsWith('list.cjs')) {{ {text} }}\n{config.read_text()}"
            )
        case "migrations":
            migration(folder, f"{text}; this.addSql('create table club_extra (id int)')")
        case "scripts":
            script(folder, text)
        case _:
            raise AssertionError(phase)
    return Phase(file)


def migration(folder: Path, body: str) -> None:
    (folder / "src/modules/club/migrations/Migration20260101000000.js").write_text(
        f"""const {{ Migration }} = require("@medusajs/framework/mikro-orm/migrations")
        class Migration20260101000000 extends Migration {{ async up() {{ {body} }} async down() {{}} }}
        module.exports = {{ Migration20260101000000 }}"""
    )


def script(folder: Path, body: str) -> None:
    (folder / "src/migration-scripts/trouble.js").write_text(
        f"module.exports = {{ default: async ({{ container }}) => {{ {body} }} }}"
    )


@contextmanager
def started(folder: Path, url: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `migrate --project` for the duration of a `with`."""
    words = ("--project", str(folder), "--output", "json", *options)
    with fenced.begun(url, "migrate", *words) as process:
        yield process


def ended(process: subprocess.Popen[str], within: float = 120) -> tuple[Any, int, str]:
    """Wait for its end; return its report, exit code and stderr."""
    out, err = process.communicate(timeout=within)
    return json.loads(out or "{}"), process.returncode, err


def is_left_alone(url: str) -> bool:
    """Return whether no session of a command is left, and nobody holds the lock."""
    with psycopg.connect(url) as conn:
        return not fenced.sessions(conn) and fenced.lock_is_free(conn)


PHASES = ("listed", "migrations", "scripts")
KILLED = [(phase, who) for phase in PHASES for who in ("medusa", "fence", "supervisor")]


@pytest.mark.parametrize(("phase", "who"), KILLED if ALL else [("listed", "fence")])
def test_whoever_is_killed_nothing_goes_on_and_the_next_run_completes_it(
    at: At, phase: str, who: str
) -> None:
    folder, url = at(V2)
    stands = still_in(folder, phase)
    with started(folder, url) as process:
        eventually(lambda: stands.pid is not None, within=180)
        medusa = stands.pid
        fence = fenced.child_of(process.pid)
        assert medusa is not None
        assert fence is not None

        os.kill({"medusa": medusa, "fence": fence, "supervisor": process.pid}[who], signal.SIGKILL)
        found, code, err = ended(process)

    eventually(lambda: not fenced.runs(medusa) and not fenced.runs(fence))
    eventually(lambda: is_left_alone(url))
    match who:
        case "medusa":
            reason = "NotVerified" if phase == "listed" else "CommandFailed"
            assert (code, found["reason"]) == (8 if phase == "listed" else 7, reason), err
        case "fence":
            assert (code, found) == (137, {})
            assert "was killed by signal 9" in err
        case "supervisor":
            assert code == -signal.SIGKILL
    stands.go_on()

    found, done = run("migrate", folder, url)

    assert (done.returncode, found["exitCode"]) == (0, 0), done.stderr
    assert found["pending"] == {"migrations": [], "links": [], "scripts": []}
    assert "unfinished" not in found


@long
@pytest.mark.timeout(900)
def test_three_at_once_run_one_after_another_and_each_ends_well(at: At, tmp_path: Path) -> None:
    folder, url = at(V2)
    script(folder, f"require('fs').appendFileSync({json.dumps(str(tmp_path / 'ran'))}, 'x')")
    with ExitStack() as stack:
        processes = [stack.enter_context(started(folder, url)) for _ in range(3)]

        ends = [ended(process, within=600) for process in processes]

    assert [code for _, code, _ in ends] == [0, 0, 0], [err for _, _, err in ends]
    assert (tmp_path / "ran").read_text() == "x"
    assert sorted(found["scriptCount"] for found, _, _ in ends) == [0, 0, 1]
    assert not any(
        "more than once" in line for found, _, _ in ends for line in found.get("warnings", [])
    )


@long
@pytest.mark.timeout(900)
def test_what_three_of_medusas_own_commands_at_once_have_left_is_completed(
    server: TestServer, project: Callable[..., Path]
) -> None:
    folder = project(
        "2.12.1"
    )  # all of which fail, and leave names twice: 2.11.2 to 2.15.0 take no lock
    command = ["node", projects.CLI[2], "db:migrate", "--skip-scripts", "--execute-safe-links"]
    with server.database() as name:
        url = server.url(name)
        environment = servers.environ(url, {"MEDUSA_DISABLE_TELEMETRY": "true"})
        bare = [
            subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for _ in range(3)
        ]  # fmt: skip
        codes = [process.wait(timeout=300) for process in bare]

        found, done = run("migrate", folder, url)

        assert any(codes), "nothing went wrong"
        assert done.returncode == 0, done.stderr
        assert found["pending"] == {"migrations": [], "links": [], "scripts": []}
        assert run("verify", folder, url)[1].returncode == 0


@dataclass(frozen=True)
class Trouble:
    """What a project does, and what comes of it."""

    body: str
    """Of its script."""
    code: int
    reason: str
    message: str
    """Part of what is reported: of the message, or of a warning where there is none."""
    done: bool
    """Whether the script is in its ledger as done."""


TROUBLES = {
    "throws": Trouble(
        "throw new Error('no luck')", 7, "CommandFailed", "medusa db:migrate:scripts ended with 1", False
    ),
    "ends-with-0-in-the-midst": Trouble(
        "process.exit(0)", 8, "Unfinished", "have not come to their end: trouble.js", False
    ),
    "out-of-memory": Trouble(
        "const all = []; for (;;) all.push(new Array(1e6).fill(all.length))",
        7, "CommandFailed", "was killed by signal 6 (SIGABRT)", False,
    ),
    "asks": Trouble(
        "process.stdout.write('Really?'); await new Promise((done) => setTimeout(done, 600000))",
        7, "Stalled", "the last line of its output is 'Really?'", False,
    ),
    "megabytes-of-output": Trouble(
        "const line = 'x'.repeat(1023) + '\\n'; for (let n = 0; n < 65536; n++)"
        " if (!process.stdout.write(line)) await new Promise((done) => process.stdout.once('drain', done))",
        0, "", "", True,
    ),
    "a-child-outlives-it": Trouble(
        "require('child_process').spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref()",
        0, "", "left 1 processes running", True,
    ),
}  # fmt: skip


@long
@pytest.mark.parametrize("name", TROUBLES)
def test_what_a_script_does_is_reported_and_leaves_nothing_running(at: At, name: str) -> None:
    trouble = TROUBLES[name]
    folder, url = at(V2)
    script(folder, trouble.body)

    found, done = run(
        "migrate", folder, url, "--stall", "15s", NODE_OPTIONS="--max-old-space-size=400"
    )

    assert (done.returncode, found.get("reason", "")) == (trouble.code, trouble.reason), found
    message = found.get("message") or "\n".join(found.get("warnings", []))
    assert trouble.message in message
    assert len(done.stderr) < 20_000_000
    assert is_left_alone(url)
    with psycopg.connect(url) as conn:
        rows = servers.rows(
            conn,
            "select finished_at is not null from script_migrations where script_name = 'trouble.js'",
        )
    assert (rows == [(True,)]) is trouble.done


@long
def test_a_question_about_a_link_that_is_gone_is_never_waited_for(at: At) -> None:
    folder, url = at(V2)
    shutil.rmtree(folder / "src" / "links")
    command = ("node", "node_modules/@medusajs/cli/cli.js", "db:migrate", "--skip-scripts")

    done = servers.medusa_db(
        "exec", "--project", str(folder), "--stall", "10s", "--output", "json", "--", *command,
        url=url, timeout=200,
    )  # fmt: skip

    found = json.loads(done.stdout)
    assert (done.returncode, found["reason"]) == (7, "Stalled"), done.stderr
    assert is_left_alone(url)
    assert run("verify", folder, url)[1].returncode == 0, "the table of the link is as it was"


@long
def test_a_role_that_may_not_create_anything_changes_nothing(
    server: TestServer, project: Callable[..., Path]
) -> None:
    folder = project(V2)
    with server.database() as name, psycopg.connect(server.url(name), autocommit=True) as conn:
        conn.execute("revoke create on schema public from public")
        conn.execute("drop role if exists shop_reader")
        conn.execute("create role shop_reader login")
        try:
            url = server.url(name, "shop_reader")

            found, done = run("migrate", folder, url)

            assert (done.returncode, found["reason"]) == (7, "CommandFailed"), done.stderr
            assert servers.rows(conn, "select count(*)::int from pg_class where relnamespace = 'public'::regnamespace") == [(0,)]  # fmt: skip
        finally:
            conn.execute("drop owned by shop_reader")
            conn.execute("drop role shop_reader")


@long
def test_modules_of_v1_that_demand_tls_where_there_is_none_are_pending_and_named(
    server: TestServer, project: Callable[..., Path]
) -> None:
    folder = project("1.20.11", projects.ISOLATED)
    reconfigure(folder, ", driverOptions: { connection: { ssl: false } }", "")
    with server.database() as name:
        found, done = run("migrate", folder, server.url(name))

    assert found["commands"][0]["exitCode"] == 0, "Medusa reports no failure"
    assert (done.returncode, found["reason"]) == (8, "Pending"), done.stderr
    assert found["applied"].keys() == {"migrations"}, "the core's and the plugins' alone"
    assert len(found["pending"]["migrations"]) == 5
    [demanding] = [line for line in found["warnings"] if "will demand TLS" in line]
    assert "productService" in demanding
    assert "pricingService" in demanding


@long
def test_a_module_of_v1_with_another_database_is_named_and_not_waited_for(
    server: TestServer, project: Callable[..., Path]
) -> None:
    folder = project("1.20.11", projects.ISOLATED)
    own = "options: { database: { clientUrl: "
    with server.database() as name, server.database() as other:
        url = f'resolve.endsWith("pricing") ? "{server.url(other)}" : process.env.DATABASE_URL'
        reconfigure(folder, f"{own}process.env.DATABASE_URL", own + url)
        found, done = run("migrate", folder, server.url(name))
        with psycopg.connect(server.url(other)) as conn:
            elsewhere = servers.rows(conn, "select count(*)::int from mikro_orm_migrations")

    assert done.returncode == 0, done.stderr[-3000:]
    assert not any(found["pending"].values())
    [away] = [line for line in found["warnings"] if "another database than the project" in line]
    assert "pricingService" in away
    assert elsewhere != [(0,)], "Medusa has migrated it there"
    assert other not in json.dumps(found)


@long
def test_a_port_that_is_closed_is_known_before_medusa_is_started(
    project: Callable[..., Path],
) -> None:
    url = "postgres://shop@127.0.0.1:1/shop"

    found, done = run("migrate", project("2.11.1"), url, "--connect-wait", "0s")

    assert (done.returncode, found["exitCode"]) == (4, 4)
    assert "commands" not in found


@long
def test_a_server_that_is_restarted_ends_the_run_and_the_next_one_completes_it(at: At) -> None:
    folder, url = at(V2)
    stands = still_in(folder, "migrations")
    with started(folder, url) as process:
        eventually(lambda: stands.pid is not None, within=180)

        with psycopg.connect(url, autocommit=True) as conn:  # what a restart does to the sessions
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        found, code, err = ended(process)

    assert (code, found["reason"]) == (4, "LockLost"), err
    eventually(lambda: is_left_alone(url))
    stands.go_on()
    found, done = run("migrate", folder, url)
    assert (done.returncode, found["migrationCount"]) == (0, 1), done.stderr
