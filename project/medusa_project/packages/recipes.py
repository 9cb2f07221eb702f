"""Pure: which commands of Medusa's bring a database up to date, by the version that is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_project.packages.installation import Project

NEWEST_KNOWN = (2, 21, 2)
"""The newest version whose commands were run."""
_SAFE, _ALL = "safe", "all"
LINKS = (_SAFE, _ALL)
"""What may be done to the tables of links: what loses no rows, or all of it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The words of Medusa's command line, from one version on."""

    since: tuple[int, int, int]
    cli: str
    """The program, below node_modules; the one in node_modules/.bin needs a shell's `env`."""
    migrate: tuple[str, ...]
    safe_links: tuple[str, ...] = ()
    """What it wants beside that to change tables of links without asking."""
    all_links: tuple[str, ...] = ()
    """What it wants where that may lose rows; empty: it knows no links."""
    without_scripts: tuple[str, ...] = ()
    """What leaves migration scripts out of it; empty: it knows no scripts."""
    scripts: tuple[str, ...] = ()
    """The command that runs scripts alone; empty: they run within the first one, where it knows any."""
    more: tuple[str, ...] = ()
    """What it wants besides."""
    unlisted: bool = False
    """Whether it does more than can be listed beforehand: indexes of a search engine."""
    repeats_unfinished: bool = False
    """Whether a script that was begun and not finished runs again."""
    polls: str = ""
    """How the statement begins that its loaded server repeats all the time; empty: it does not."""


_TAKES_DOTS_FOR_FILES = {(2, 4)}
"""Versions whose MikroORM does (6.4.3); seen in 2.4.0, and in no other one that was run so."""
_V1, _V2 = "@medusajs/medusa-cli/cli.js", "@medusajs/cli/cli.js"
_LINKS = ("--execute-safe-links",), ("--execute-all-links",)
_SKIP, _SCRIPTS = ("--skip-scripts",), ("db:migrate:scripts",)
RECIPES = (
    Recipe((1, 0, 0), _V1, ("migrations", "run"), polls='SELECT "StagedJob"'),
    Recipe((2, 0, 0), _V2, ("db:migrate",), *_LINKS),
    Recipe((2, 3, 0), _V2, ("db:migrate",), *_LINKS, _SKIP),
    Recipe((2, 4, 0), _V2, ("db:migrate",), *_LINKS, _SKIP, _SCRIPTS),
    Recipe((2, 19, 0), _V2, ("db:migrate",), *_LINKS, _SKIP, _SCRIPTS, unlisted=True),
    Recipe(
        (2, 21, 0), _V2, ("db:migrate",), *_LINKS, _SKIP, _SCRIPTS, unlisted=True,
        repeats_unfinished=True,
    ),
    Recipe(
        (2, 21, 1), _V2, ("db:migrate",), *_LINKS, _SKIP, _SCRIPTS, ("--execute-safe-search",),
        unlisted=True, repeats_unfinished=True,
    ),
)  # fmt: skip
"""Oldest first. Every version refuses an option that it does not know."""


def of(project: Project) -> Recipe:
    """Return the recipe of the version that *project* has installed; the newest one for a newer v2."""
    if project.major > NEWEST_KNOWN[0]:
        raise UnsupportedError(
            f"{project.spelled} is newer than Medusa v{NEWEST_KNOWN[0]}, and its commands are not known; run them "
            "yourself with medusa-db exec -- CMD ARG..., or use a newer medusa-db",
            reason="UnknownMedusa",
        )
    return [recipe for recipe in RECIPES if recipe.since <= project.number][-1]


def warnings(project: Project) -> Iterator[str]:
    """Yield what a person should know of the way *project* will run."""
    if project.number > NEWEST_KNOWN:
        newest = ".".join(map(str, NEWEST_KNOWN))
        yield (
            f"{project.spelled} is newer than {newest}, the newest version that this medusa-db knows, and runs by "
            "its commands"
        )
    if project.number[:2] in _TAKES_DOTS_FOR_FILES and "." in project.folder.name:
        yield (
            f"the name of the folder {project.folder} has a dot: MikroORM of Medusa {project.version} takes it for the "
            "name of a file, and no migration of a module runs. Run it in a folder without one"
        )


def commands(
    project: Project, links: str = _SAFE, *, scripts: bool = True
) -> tuple[tuple[str, ...], ...]:
    """Return the words of each command, in order; raise UsageError for what the version does not know.

    The second one, where there is one, runs the migration scripts and nothing else.
    """
    recipe = of(project)
    if links == _ALL and not recipe.all_links:
        raise UsageError(
            f"--links all: {project.spelled} has no command for tables of links; leave it out"
        )
    if not scripts and not recipe.without_scripts:
        raise UsageError(f"--no-scripts: {project.spelled} has no migration scripts; leave it out")
    separate = bool(recipe.scripts) or not scripts
    first = (
        *recipe.migrate,
        *(recipe.without_scripts if separate else ()),
        *(recipe.all_links if links == _ALL else recipe.safe_links),
        *recipe.more,
    )
    return (first, recipe.scripts) if recipe.scripts and scripts else (first,)


def seeding(project: Project, file: str, args: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of the command that seeds a shop by *file*: a script of v2, a seed document of v1.

    Raises UsageError for arguments that it would refuse or lose.
    """
    if project.major == 1:
        return ("seed", "-f", file, "--no-migrate")
    for word in args:
        if word.startswith("-"):
            raise UsageError(
                f"{word}: `medusa exec` takes no argument that begins with a hyphen; spell it without one, and let the "
                "script read that"
            )
    return ("exec", file, *args)
