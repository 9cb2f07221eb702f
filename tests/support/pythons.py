"""`make test-pythons`: the unit tests on each Python that we support and this machine has.

What is looked for is `python3.X` on the PATH and below `~/.pyenv/versions`; each gets a virtual
environment of its own in `.pythons/`. Without MEDUSA_TEST_ALL=1 only the newest one is tried.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = ROOT / ".pythons"


def supported() -> list[str]:
    """Return the versions that `pyproject.toml` names, oldest first: `3.11`."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    named = [
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in classifiers
    ]
    return [match[1] for match in named if match]


def found(version: str) -> Path | None:
    """Return an interpreter of *version* that works; a pyenv shim may be there and not do so."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places = [*sorted(pyenv.glob(f"{version}*/bin/python{version}"), reverse=True)]
    places += [Path(folder, f"python{version}") for folder in os.get_exec_path()]
    for place in places:
        if not place.exists():
            continue
        asked = [place, "-c", "import sys, venv, ssl; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return place
    return None


def say(line: str) -> None:
    """Print a line at once, before what the tests print."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def try_(version: str, python: Path) -> bool:
    """Run the unit tests on *python*; return whether they pass."""
    say(f"== Python {version}: {python}")
    place = HERE / version
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    own = place / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", own, "--no-deps"]
    for command in (
        [uv, "venv", "--quiet", "--allow-existing", "--python", python, place],
        [uv, "pip", "sync", "--quiet", "--python", own, "--require-hashes", ROOT / "requirements/dev.txt"],
        [*install, "--no-build-isolation", "--editable", ROOT],
    ):  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT)
    tests = [own, "-m", "pytest", "tests/unit", "-q", "-n", "2", "-p", "no:cacheprovider"]
    return subprocess.run(tests, check=False, cwd=ROOT).returncode == 0


def main() -> int:
    """Try each, or the newest; 1 where one fails, or where nothing could be tried."""
    ours = "{}.{}".format(*sys.version_info[:2])
    there = {each: place for each in supported() if each != ours and (place := found(each))}
    for version in supported():
        if version != ours and version not in there:
            say(f"left out: there is no Python {version} (looked on the PATH and in ~/.pyenv)")
    if not os.environ.get("MEDUSA_TEST_ALL"):
        there = dict([*there.items()][-1:])
    failed = [version for version, place in there.items() if not try_(version, place)]
    if failed:
        say(f"failed on Python {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
