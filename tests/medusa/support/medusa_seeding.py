"""One document, put into databases by Medusa's own `seed` and by ours, and held side by side."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg

import medusa_equality
import medusa_likeness
import servers
from medusa_seed_documents import Document, dumped, passwords

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from medusa_likeness import Shop as Content
    from medusa_testbed.medusa.server import Shop


def by_medusa(
    shop: Shop,
    document: Document,
    url: str,
    *,
    migrate: bool = False,
    flags: Mapping[str, bool] | None = None,
) -> None:
    """Run Medusa's own command.

    It ends with 0 when it has failed, or never: the output tells.
    """
    file = shop.folder / "document.json"
    file.write_text(dumped(document))
    environment = {
        f"MEDUSA_FF_{name.upper()}": str(on).lower() for name, on in (flags or {}).items()
    }
    arguments = ("seed", f"--seed-file={file}", f"--migrate={str(migrate).lower()}")
    try:
        done = shop.run(*arguments, url=url, **environment)
    except subprocess.TimeoutExpired as exc:
        said = (exc.stdout or b"").decode() + (exc.stderr or b"").decode()
        raise AssertionError(f"Medusa's seed hangs:\n{said[-3000:]}") from exc
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert "Error:" not in said, said[-3000:]


def by_us(document: Document, url: str, folder: Path, *options: str) -> dict[str, Any]:
    """Run our own command on a file in *folder*; return its report."""
    file = folder / "ours.json"
    file.write_text(dumped(document))
    done = servers.medusa_db("seed", "-f", str(file), "--output", "json", *options, url=url)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr}{done.stdout}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def content(url: str, document: Document, since: datetime) -> Content:
    """Return what the database at *url* holds, seeded with *document* after *since*."""
    with psycopg.connect(url) as conn:
        return medusa_likeness.read(conn, since=since, passwords=passwords(document))


def differences(theirs: Content, ours: Content) -> str:
    """Return in what two seeded databases differ; an empty string when they are alike."""
    return medusa_likeness.difference(theirs, ours, names=medusa_equality.NAMES)
