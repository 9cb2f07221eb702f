"""The options of `seed`, `seed export` and `seed schema`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from medusa_db.arguments.groups import (
    ApprovalArguments,
    DatabaseArguments,
    LimitArguments,
    PatienceArguments,
    ReportArguments,
    WayArguments,
    output,
    running_node,
    stall,
)
from medusa_db.arguments.option import choice, group, on_off, optional, rest, switch
from medusa_db.arguments.readers import path, version, word

if TYPE_CHECKING:
    from medusa_migrations.catalog.version import Version


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OwnSeedArguments:
    """That a command of the shop's own Medusa seeds it."""

    TITLE: ClassVar[str] = "the shop's own Medusa"

    project: str | None = optional(
        path, "seed by a command of the Medusa project in this folder, once and recorded", "DIR"
    )
    script: str | None = optional(
        word,
        "the file of the project that `medusa exec` runs, src/scripts/seed.ts or .js (v2)",
        "FILE",
        needs="project",
        excludes=("seed_file", "demo", "npm_script"),
    )
    npm_script: str | None = optional(
        word,
        "the script of the project's package.json that npm runs",
        "NAME",
        needs="project",
        excludes=("seed_file", "demo", "script"),
    )
    args: tuple[str, ...] = rest(
        "Fill the shop: from a seed document, or by a script of its own, which gets what is behind the two hyphens.",
        "[-- ARG...]",
        needs="project",
    )
    no_scripts: bool = switch(
        "seed although migration scripts are pending, or have not come to their end",
        needs="project",
    )
    node: str | None = running_node()
    stall: float = stall()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SeedArguments:
    """What `seed` is asked."""

    TITLE: ClassVar[str] = "what is seeded"

    database: DatabaseArguments = group(DatabaseArguments)
    patience: PatienceArguments = group(PatienceArguments)
    seed_file: str | None = optional(
        word,
        "the document: a file, a folder of several, or - for stdin (default data/seed.json)",
        "FILE",
        short="-f",
        excludes=("demo", "script", "npm_script"),
    )
    demo: bool = switch(
        "seed the demo shop that comes with this tool",
        excludes=("seed_file", "script", "npm_script"),
    )
    own: OwnSeedArguments = group(OwnSeedArguments)
    if_exists: str = choice(
        ("update", "skip", "fail"),
        "what becomes of rows that exist already: update what the document changes (default), leave "
        "them, or refuse",
        default="update",
    )
    overwrite: bool = switch("update what was changed in the shop since the last seed as well")
    once: bool = switch(
        "do nothing where a seed was recorded, or the shop has products", excludes=("on_change",)
    )
    on_change: bool = switch(
        "do nothing where this very document was the last one seeded", excludes=("once",)
    )
    dry_run: bool = switch("show the plan; change nothing")
    migrate: bool = on_off("migrate first where needed (default)", default=True)
    to: Version | None = optional(
        version,
        "the Medusa server version (default: the one the database is at; the newest for an empty one)",
        "V",
        title="what is wanted",
        needs="migrate",
    )
    way: WayArguments = group(WayArguments, needs="migrate")
    approval: ApprovalArguments = group(ApprovalArguments, needs="migrate", but="yes")
    limits: LimitArguments = group(LimitArguments)
    report: ReportArguments = group(ReportArguments)
    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ExportArguments:
    """What `seed export` is asked."""

    TITLE: ClassVar[str] = "what is written"

    database: DatabaseArguments = group(DatabaseArguments)
    patience: PatienceArguments = group(PatienceArguments)
    products: str | None = optional(
        word, "these products only, handles with commas (default: all)", "HANDLES"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class SchemaArguments:
    """`seed schema` is asked nothing."""

    TITLE: ClassVar[str] = ""
