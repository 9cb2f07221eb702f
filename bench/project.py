"""What it costs to run a command of a project's own fenced, and to ask a project what it wants."""

from __future__ import annotations

import shutil
from pathlib import Path

import contestants
import measure
from contestants import Contestant, UnavailableError
from measure import Invocation
from medusa_testbed.medusa import packages

EXEC, ALONE = "`medusa-db exec -- true`", "`true`"
LISTED, OWN = "`medusa-db plan --project`", "`medusa db:migrate`"
VERSION = "2.21.2"
_SHOP = Path(__file__).parent.parent / "tests" / "project" / "shops" / VERSION
_MIGRATE = ("db:migrate", "--skip-scripts", "--execute-safe-links", "--execute-safe-search")


def fenced(folder: Path) -> Contestant:
    """Return our command with one that does nothing."""
    command = (contestants.medusa_db(), "exec", "--", "true")
    return _of(EXEC, command, folder, "true ended with 0")


def alone(folder: Path) -> Contestant:
    """Return the command that does nothing."""
    return Contestant(ALONE, lambda _: Invocation(("true",), contestants.environment(), folder))


def shop(folder: Path) -> Path:
    """Make a project of Medusa v2 in *folder*; raise UnavailableError where that cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise UnavailableError("Node and npm are not installed")
    place = folder / "project"
    if not place.exists():
        try:
            installed = packages.installed(_SHOP)
        except packages.InstallError as exc:
            raise UnavailableError(f"Medusa {VERSION} cannot be installed: {exc}") from exc
        shutil.copytree(_SHOP, place, ignore=shutil.ignore_patterns("package-lock.json"))
        (place / "node_modules").symlink_to(installed / "node_modules")
    return place


def bring(url: str, folder: Path) -> None:
    """Bring the database at *url* to what the project in *folder* wants."""
    command = (contestants.medusa_db(), "migrate", "--project", str(folder), "--yes")
    measure.run(Invocation(command, contestants.environment(DATABASE_URL=url), folder))


def listed(folder: Path) -> Contestant:
    """Return our command that asks the project in *folder* what it wants."""
    command = (contestants.medusa_db(), "plan", "--project", str(folder))
    return _of(LISTED, command, folder, "Nothing is pending")


def own(folder: Path) -> Contestant:
    """Return the command of the project's own Medusa, which finds nothing to do."""
    program = ("node", "node_modules/@medusajs/cli/cli.js")
    return _of(OWN, (*program, *_MIGRATE), folder, "")


def _of(name: str, command: tuple[str, ...], folder: Path, says: str) -> Contestant:
    settings = {"MEDUSA_DISABLE_TELEMETRY": "true", "NODE_ENV": "production"}
    return Contestant(
        name,
        lambda url: Invocation(
            command, contestants.environment(DATABASE_URL=url, **settings), folder
        ),
        says,
    )
