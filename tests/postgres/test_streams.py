"""Streams that are closed, full or broken, or that nobody reads, change no outcome of a run."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import psycopg
import pytest

import servers
from broken_streams import KINDS, ended
from faults import is_locked
from seed_documents import product, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UP = ("migrate", "--to", "1.1.6")
UNPRINTED = "the result could not be printed: "


def place(url: str) -> str:
    return str(json.loads(servers.medusa_db("status", "--output", "json", url=url).stdout)["place"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transaction", ["step", "each"])
def test_a_run_ends_as_it_would_whatever_becomes_of_stderr(
    url: str, kind: str, transaction: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"

    done = ended(
        *UP, "--transaction", transaction, "--report-file", str(report), stderr=kind, url=url
    )

    assert done.returncode == 0
    assert "From empty to 1.1.6: 4 migrations in " in done.stdout
    assert "warnings" not in json.loads(report.read_text())
    assert place(url) == "1.1.6"
    assert not is_locked(url)


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_could_not_be_printed_is_in_the_report(
    url: str, kind: str, output: str, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"

    done = ended(*UP, "--output", output, "--report-file", str(report), stdout=kind, url=url)

    assert done.returncode == 0, done.stderr
    body = json.loads(report.read_text())
    assert (body["exitCode"], body["state"], body["version"]) == (0, "done", "1.1.6")
    assert [line[: len(UNPRINTED)] for line in body["warnings"]] == [UNPRINTED]
    assert ("the result cannot be written" in done.stderr) == (kind != "broken")
    assert place(url) == "1.1.6"


def test_every_stream_may_be_unusable_at_once(url: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    done = ended(
        *UP, "--report-file", str(report), stdin="closed", stdout="unread", stderr="unread", url=url
    )

    assert done.returncode == 0
    assert json.loads(report.read_text())["version"] == "1.1.6"
    assert done.seconds < 50


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_seed_is_seeded_whatever_becomes_of_its_streams(
    shop_at: Callable[..., str], stream: str, kind: str, tmp_path: Path
) -> None:
    url, report = shop_at("1.20.11"), tmp_path / "report.json"
    document = written(
        {"store": {"currencies": ["usd", "eur"]}, "products": [product("mug")]}, tmp_path
    )

    done = ended(
        "seed", "-f", str(document), "--report-file", str(report), url=url, **{stream: kind}
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text())["state"] == "done"
    with psycopg.connect(url) as conn:
        assert servers.rows(conn, "select handle from product") == [("mug",)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_is_asked_for_by_the_exit_code_is_answered_by_it(
    shop_at: Callable[..., str], stream: str, kind: str
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        conn.execute("alter table product drop column title")
    asked = [
        (("status", "--check", "1.20.11"), 10),
        (("verify",), 8),
        (("wait", "--for", "1.20.11", "--timeout", "1s"), 10),
        (("wait", "--for", "1.12.3"), 0),
        (("plan", "--to", "1.12.3", "--check"), 0),
    ]
    if kind == "unread" and stream == "stdout":
        asked = [asked[3]]  # the others take a minute each

    ends = {
        words: ended(*words, url=url, timeout=100, **{stream: kind}).returncode
        for words, _ in asked
    }

    assert ends == dict(asked)


def test_a_report_that_nobody_reads_ends_no_run(url: str, tmp_path: Path) -> None:
    fifo = tmp_path / "report"
    os.mkfifo(fifo)

    done = servers.medusa_db(*UP, "--report-file", str(fifo), url=url, timeout=60)

    assert done.returncode == 0
    assert f"the report cannot be written to {fifo}: " in done.stderr
    assert place(url) == "1.1.6"
