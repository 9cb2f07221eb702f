"""The options of `migrate`, and of `plan`, which takes all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from medusa_db.arguments.groups import (
    ApprovalArguments,
    DatabaseArguments,
    LimitArguments,
    PatienceArguments,
    ProjectArguments,
    ReportArguments,
    WayArguments,
    output,
)
from medusa_db.arguments.option import group, optional, several, switch
from medusa_db.arguments.readers import REFUSALS, path, refusal, version

if TYPE_CHECKING:
    from medusa_migrations.catalog.version import Version


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
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
    medusa: ProjectArguments = group(ProjectArguments)
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
        "end with 0 where the run is refused for this reason, with it in the report: "
        f"{', '.join(REFUSALS)}; may be repeated",
        "REASON",
    )
    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PlanArguments:
    """What `plan` is asked."""

    TITLE: ClassVar[str] = "what is shown"

    run: MigrateArguments = group(MigrateArguments)
    check: bool = switch(
        "exit with 0 where there is nothing to do, 10 where something would run, 9 where it would be "
        "refused"
    )
    sql: bool = switch("print the statements that would run, for psql")
