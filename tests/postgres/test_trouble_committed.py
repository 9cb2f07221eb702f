"""A run that fails after a part of it was committed says so, and claims nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import servers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNCHANGED = "the database is as it was before, and the old server keeps working"


@pytest.mark.parametrize(
    ("options", "stays"),
    [
        pytest.param(
            ("--transaction", "each"), "9 migrations and data steps committed, and the database is at "
            "1.20.11 now", id="each",
        ),
        pytest.param(
            ("--stop", "1.13.0"), "committed, and the database is at 1.13.0 now", id="stop"
        ),
    ],
)  # fmt: skip
def test_what_was_committed_before_a_failure_is_said(
    shop_at: Callable[..., str], tmp_path: Path, options: tuple[str, ...], stays: str
) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1999999999999_bad.sql").write_text("select 1/0;")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", *options, "--migrations-dir", str(tmp_path), "--output", "json",
        url=url,
    )  # fmt: skip

    body = json.loads(done.stdout)
    assert done.returncode == 7
    assert UNCHANGED not in body["message"]
    assert "What came before it in this run stays: " in body["message"]
    assert stays in body["message"]
    assert "An older server may not work with it" in body["message"]
    status = servers.medusa_db("status", "--output", "json", url=url)
    assert json.loads(status.stdout)["place"] in body["message"]


def test_a_run_that_left_nothing_says_so(shop_at: Callable[..., str], tmp_path: Path) -> None:
    url = shop_at("1.12.3")
    (tmp_path / "1999999999999_bad.sql").write_text("select 1/0;")

    done = servers.medusa_db(
        "migrate", "--to", "1.20.11", "--migrations-dir", str(tmp_path), url=url
    )

    assert done.returncode == 7
    assert UNCHANGED in done.stderr
    assert "stays" not in done.stderr
