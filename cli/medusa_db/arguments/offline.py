"""The options of the commands that need no database of yours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from medusa_db.arguments.groups import output
from medusa_db.arguments.option import Takes, choice, one, optional, required, switch
from medusa_db.arguments.readers import path, version
from medusa_migrations.catalog.version import Version


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NotesArguments:
    """What `notes` is asked."""

    TITLE: ClassVar[str] = ""

    from_: Version | None = optional(version, "the version you leave", "A")
    to: Version | None = optional(version, "the version you go to", "B")
    output: str = choice(
        ("text", "json", "markdown"), "how to print (default text)", default="text"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VersionsArguments:
    """What `versions` is asked."""

    TITLE: ClassVar[str] = ""

    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CreateMigrationArguments:
    """What `create-migration` is asked."""

    TITLE: ClassVar[str] = ""

    name: str = required(
        str,
        "what it does, in letters, digits and _: add_loyalty_points",
        "NAME",
        takes=Takes.PLACE,
    )
    migrations_dir: str = one(
        path, "the folder to put it in (default migrations)", "DIR", default="migrations"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class InstallArguments:
    """What `install` is asked."""

    TITLE: ClassVar[str] = ""

    dir: str = required(
        str,
        "the folder, by the absolute name that it has where the runner is started",
        "DIR",
        takes=Takes.PLACE,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DemoArguments:
    """What `demo` is asked."""

    TITLE: ClassVar[str] = ""

    from_: Version = one(
        version,
        "the version of the old shop (default 1.12.3)",
        "A",
        default=Version(1, 12, 3),
    )
    to: Version | None = optional(version, "the version to bring it to (default: the newest)", "B")
    keep: bool = switch("leave the server running, to look around")
