"""Names the command of the shop's own that seeds it, and what tells it from another one."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import UsageError
from medusa_project.packages import programs, recipes

if TYPE_CHECKING:
    from medusa_project.packages.installation import Project
    from medusa_project.run.execute import FenceOptions

_DEFAULT = "data/seed.json"
"""Where the starter of Medusa v1 keeps its seed document."""
_BUILT = {".ts": ".js", ".mts": ".mjs", ".tsx": ".js"}
"""What a build makes of a file."""


@dataclass(frozen=True, slots=True)
class ScriptAsked:
    """What is to seed the shop: one of the three at most."""

    script: str = ""
    """A file that `medusa exec` runs; v2."""
    npm_script: str = ""
    """A script of package.json."""
    seed_file: str = ""
    """A document for Medusa's own `medusa seed`; v1."""
    args: tuple[str, ...] = ()
    """What the script is given besides."""


@dataclass(frozen=True, slots=True)
class SeedCommand:
    """The command that seeds a shop."""

    argv: tuple[str, ...]
    shown: tuple[str, ...]
    """How messages and reports spell it."""
    document: str
    """What it seeds by, as the record names it."""
    checksum: str
    """Another one where that file, or an argument, is another one. What the file imports does not count."""
    polls: str = ""
    """How the statement begins that it repeats also where it hangs."""


def command(project: Project, asked: ScriptAsked, options: FenceOptions) -> SeedCommand:
    """Return the command that does what is *asked* in the *project*.

    Raises UsageError where the version has no such command, or a file or program is missing.
    """
    if project.major == 1 and asked.script:
        raise UsageError(
            f"--script {asked.script}: {project.spelled} has no `medusa exec`; name the seed document with -f, or a script "
            "of package.json with --npm-script"
        )
    if project.major > 1 and asked.seed_file:
        raise UsageError(
            f"-f {asked.seed_file}: {project.spelled} has no `medusa seed`, and reads no seed document; name the script that "
            "seeds the shop with --script, such as src/scripts/seed.ts"
        )
    if asked.npm_script:
        return _npm(project, asked, options)
    if project.major > 1 and not asked.script:
        raise UsageError(
            f"{project.spelled}: nothing says what seeds it; name the file with --script, such as src/scripts/seed.ts, or "
            "a script of package.json with --npm-script",
            reason="NoScript",
        )
    if project.major == 1 and asked.args:
        raise UsageError(
            f"`medusa seed` of {project.spelled} takes no arguments; leave out what is behind the two hyphens"
        )
    name, content = _file(project, asked.script or asked.seed_file or _DEFAULT)
    if project.major == 1:
        _require_json(name, content)
    words = recipes.seeding(project, name, asked.args)
    node = programs.node(options.node, options.environment)
    recipe = recipes.of(project)
    argv = (node, str(programs.cli(project, recipe)), *words)
    return SeedCommand(argv, ("medusa", *words), name, _checksum(content, asked.args), recipe.polls)


def _file(project: Project, name: str) -> tuple[str, bytes]:
    """Return the file *name* of the *project*, or what its build has made of it, and what is in it."""
    path = Path(name)
    built = path.with_suffix(_BUILT.get(path.suffix, path.suffix))
    for one in dict.fromkeys((path, built)):
        try:
            return str(one), (project.folder / one).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as exc:
            raise UsageError(
                f"{project.folder / one} cannot be read: {exc.strerror}", reason="NoScript"
            ) from exc
    also = f", and no {built.name} beside it" if built != path else ""
    raise UsageError(
        f"there is no {name} in {project.folder}{also}; it is looked for from the folder of the project on, which in an image is "
        "where `medusa build` has put it",
        reason="NoScript",
    )


def _require_json(name: str, content: bytes) -> None:
    """Raise UsageError for what is no JSON: Medusa v1 would wait for ever."""
    try:
        json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise UsageError(
            f"{name} is not JSON, which is all that `medusa seed` reads: {exc}",
            reason="InvalidDocument",
        ) from exc


def _npm(project: Project, asked: ScriptAsked, options: FenceOptions) -> SeedCommand:
    npm = shutil.which("npm", path=options.environment.get("PATH"))
    if npm is None:
        raise UsageError(
            "there is no npm in PATH, which runs --npm-script; install it, or name the file with --script",
            reason="NoCommand",
        )
    file = project.folder / "package.json"
    name = asked.npm_script
    scripts = _scripts(file)
    if name not in scripts:
        raise UsageError(
            f"{file} has no script {name}; it has {', '.join(sorted(scripts)) or 'none'}",
            reason="NoScript",
        )
    words = ("run", name, *(("--", *asked.args) if asked.args else ()))
    texts = {one: scripts[one] for one in (f"pre{name}", name, f"post{name}") if one in scripts}
    checksum = _checksum(json.dumps(texts, sort_keys=True).encode(), asked.args)
    return SeedCommand(
        (npm, *words), ("npm", *words), f"npm run {name}", checksum, recipes.of(project).polls
    )


def _scripts(file: Path) -> dict[str, str]:
    try:
        body: Any = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        body = {}
    except (OSError, ValueError, RecursionError) as exc:
        raise UsageError(f"{file} cannot be read: {exc}", reason="NoScript") from exc
    found = body.get("scripts") if isinstance(body, dict) else None
    if not isinstance(found, dict):
        return {}
    return {str(name): text for name, text in found.items() if isinstance(text, str)}


def _checksum(content: bytes, args: tuple[str, ...]) -> str:
    digest = hashlib.sha256(content)
    if args:
        digest.update(b"\0" + json.dumps(args).encode())
    return f"sha256:{digest.hexdigest()}"
