"""The options of the commands that look at a database; of these only `repair --apply` changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from medusa_db.arguments.groups import (
    DatabaseArguments,
    PatienceArguments,
    ReportArguments,
    ShopArguments,
    asked_project,
    asking_node,
    flags,
    output,
)
from medusa_db.arguments.option import group, one, optional, required, switch
from medusa_db.arguments.readers import duration, version

if TYPE_CHECKING:
    from medusa_migrations.catalog.version import Version


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class StatusArguments:
    """What `status` is asked."""

    TITLE: ClassVar[str] = "what is shown"

    database: DatabaseArguments = group(DatabaseArguments)
    patience: PatienceArguments = group(PatienceArguments)
    shop: ShopArguments = group(ShopArguments)
    flag: tuple[str, ...] = flags()
    project: str | None = asked_project()
    node: str | None = asking_node()
    check: Version | None = optional(version, "exit with 10 where the database is not at V", "V")
    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class VerifyArguments:
    """What `verify` is asked."""

    TITLE: ClassVar[str] = "what is wanted"

    database: DatabaseArguments = group(DatabaseArguments)
    patience: PatienceArguments = group(PatienceArguments)
    shop: ShopArguments = group(ShopArguments)
    flag: tuple[str, ...] = flags()
    to: Version | None = optional(
        version, "the version to compare it with (default: the one its ledger proves)", "V"
    )
    project: str | None = asked_project()
    node: str | None = asking_node()
    strict: bool = switch("end with 8 for harmless differences as well")
    report: ReportArguments = group(ReportArguments)
    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WaitArguments:
    """What `wait` is asked."""

    TITLE: ClassVar[str] = "what is wanted"

    database: DatabaseArguments = group(DatabaseArguments)
    flag: tuple[str, ...] = flags()
    for_: Version = required(version, "the version to wait for", "V")
    timeout: float = one(
        duration, "give up after this long, with exit code 10 (default 5m)", "TIME", default=300.0
    )
    connect_wait: float | None = optional(
        duration,
        "give up on a server that could not be reached for this long, with exit code 4 (default: "
        "--timeout)",
        "TIME",
        title="the database",
    )
    allow_newer: bool = switch(
        "a database past V is good as well, where a server of V works with it"
    )
    verify: bool = switch(
        "compare the schema as well, once the ledger is at V: a harmful difference ends with 8"
    )
    output: str = output()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
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
