"""On a terminal a run shows a bar; elsewhere it logs lines."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

from servers import command, environ, medusa_db


def test_a_terminal_shows_a_bar_with_the_migrations_name(url):
    here, there = pty.openpty()
    with subprocess.Popen(
        command("migrate", "--to", "1.1.65"), env=environ(url, {"TERM": "xterm"}),
        stdout=subprocess.PIPE, stderr=there, stdin=subprocess.DEVNULL,
    ) as run:  # fmt: skip
        os.close(there)
        shown = b""
        try:
            while chunk := os.read(here, 65536):
                shown += chunk
        except OSError:  # the other end is closed
            pass
        result = run.stdout.read().decode()
        assert run.wait(60) == 0
    os.close(here)

    assert b"37/37" in shown
    assert b"{" not in shown
    assert "From empty to 1.1.65: 37 migrations in " in result


def test_elsewhere_each_migration_is_one_json_line(url):
    done = medusa_db("migrate", "--to", "1.1.6", url=url)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["Starting"] + ["Applied"] * 4
    assert lines[1]["item"] == "initialSchema1611063162649"


def test_what_writes_lines_and_draws_bars_is_not_imported_where_nothing_is_to_do(shop_at):
    url = shop_at("1.2.0")
    code = (
        "import sys; from medusa_db.parser import main; code = main(['migrate', '--to', '1.2.0']);"
        "print(code, [m for m in ('structlog', 'rich') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ(url)
    )

    assert "Nothing to do" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 []"
