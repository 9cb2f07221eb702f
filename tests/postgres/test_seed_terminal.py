"""On a terminal a seed shows a bar with its rate."""

from __future__ import annotations

import os
import pty
import subprocess

from seed_documents import product, written
from servers import command, environ


def test_a_terminal_shows_how_many_products_are_loaded(shop_at, tmp_path):
    url = shop_at("1.20.11")
    body = {
        "store": {"currencies": ["usd", "eur"]},
        "products": [product(f"mug-{number}") for number in range(600)],
    }
    here, there = pty.openpty()

    with subprocess.Popen(
        command("seed", "-f", str(written(body, tmp_path))), env=environ(url, {"TERM": "xterm"}),
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
        assert run.wait(60) == 0, shown.decode()[-1500:]
    os.close(here)

    assert b"600/600" in shown
    assert b" products, " in shown
    assert "Seeded the shop, at 1.20.11: " in result
