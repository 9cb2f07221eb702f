"""The options of the commands that may change a database: `migrate` (and `plan`), `seed`, `repair`."""

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
    flags,
    output,
)
from medusa_db.arguments.option import choice, group, on_off, one, optional, several, switch
from medusa_db.arguments.readers import REFUSALS, duration, path, refusal, version, word

if TYPE_CHECKING:
    from medusa_migrations.catalog.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateArguments:
    """What `migrate` is asked; `plan` takes all of it as well."""

    TITLE: ClassVar[str] = "how it runs"

    database: DatabaseArguments = group(DatabaseArguments)
    patience: PatienceArguments = group(PatienceArguments)
    to: Version | None = optional(
        version,
        "the Medusa server version (default: the one that the project around you has installed; the "
        "newest for an empty database)",
        "V",
        title="what is wanted",
    )
    way: WayArguments = group(WayArguments)
    plan: str | None = optional(
        path,
        "apply this plan, which `plan --output json` has written, and nothing else; - for stdin",
        "FILE",
    )
    allow_newer: bool = switch(
        "leave a database past V as it is, where a server of V works with it"
    )
    transaction: str | None = optional(
        str,
        "one transaction a step (default), or one a migration for very large tables",
        "",
        choices=("step", "each"),
    )
    limits: LimitArguments = group(LimitArguments)
    approval: ApprovalArguments = group(ApprovalArguments)
    baseline: Version | None = optional(
        version, "adopt tables without a ledger, after proving that they are version V's", "V"
    )
    report: ReportArguments = group(ReportArguments)
    exit_zero_for: tuple[str, ...] = several(
        refusal,
        "end with 0 where the run is refused for this reason, and say so in the report: "
        f"{', '.join(REFUSALS)}; may be repeated",
        "REASON",
    )
    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanArguments:
    """What `plan` is asked."""

    TITLE: ClassVar[str] = "what is shown"

    run: MigrateArguments = group(MigrateArguments)
    check: bool = switch(
        "exit with 0 where there is nothing to do, 10 where something would run, 9 where it would be "
        "refused"
    )
    sql: bool = switch("print the statements that would run, for psql")


@dataclass(frozen=True, slots=True, kw_only=True)
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
    )
    demo: bool = switch("seed the demo shop that comes with this tool")
    if_exists: str = choice(
        ("update", "skip", "fail"),
        "what becomes of rows that exist already: update what the document changes (default), leave "
        "them, or refuse",
        default="update",
    )
    overwrite: bool = switch("update what was changed in the shop since the last seed as well")
    once: bool = switch("do nothing where a seed was recorded, or the shop has products")
    on_change: bool = switch("do nothing where this very document was the last one seeded")
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
    approval: ApprovalArguments = group(ApprovalArguments)
    limits: LimitArguments = group(LimitArguments)
    report: ReportArguments = group(ReportArguments)
    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairArguments:
    """What `repair` is asked."""

    TITLE: ClassVar[str] = "how it runs"

    database: DatabaseArguments = group(DatabaseArguments)
    patience: PatienceArguments = group(PatienceArguments)
    flag: tuple[str, ...] = flags()
    apply: bool = switch("write what is shown: the rows of the ledger that the live schema proves")
    lock_wait: float = one(
        duration,
        "wait for another run this long (default 10m)",
        "TIME",
        default=600.0,
        needs="apply",
    )
    report: ReportArguments = group(ReportArguments)
    output: str = output()
