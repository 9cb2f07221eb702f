"""Options that several commands take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from medusa_db.arguments.option import Takes, choice, group, one, optional, several, switch
from medusa_db.arguments.readers import (
    acknowledged,
    duration,
    path,
    report_limit,
    run_id,
    url,
    version,
    word,
)

if TYPE_CHECKING:
    from medusa_migrations.catalog.version import Version

FORMATS = (
    "sql", "dbmate", "goose", "sql-migrate", "node-pg-migrate", "golang-migrate", "sqlx",
)  # fmt: skip
"""Whose files of migrations are read; `formats` knows how."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatabaseArguments:
    """Which database; without a repr, as a URL may hold a password."""

    TITLE: ClassVar[str] = "the database"

    database_url: str | None = optional(
        url,
        "where it is: postgres://user@host:5432/shop (default $DATABASE_URL)",
        "URL",
        excludes=("database_url_file", "embedded"),
    )
    database_url_file: str | None = optional(
        path, "a file that holds the URL", "FILE", excludes=("database_url", "embedded")
    )
    schema: str | None = optional(
        word,
        "the schema of the shop (default: ?schema= of the URL, else the search path's first)",
        "NAME",
    )
    embedded: str | None = optional(
        path,
        "use a private PostgreSQL kept in DIR, without any URL",
        "DIR",
        takes=Takes.MAYBE,
        excludes=("database_url", "database_url_file"),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PatienceArguments:
    """How long to wait for a server."""

    TITLE: ClassVar[str] = "the database"

    connect_wait: float = one(
        duration, "be patient with a server that is starting (default 30s)", "TIME", default=30.0
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ShopArguments:
    """Which migrations are the shop's own."""

    TITLE: ClassVar[str] = "what is wanted"

    migrations_dir: str | None = optional(
        path, "a folder of your own migrations, TIMESTAMP_name.sql", "DIR"
    )
    migrations_format: str = choice(
        FORMATS,
        f"whose files they are, of which what goes forward runs: {', '.join(FORMATS)} (default sql: "
        "all of each file)",
        default="sql",
        metavar="FORMAT",
        needs="migrations_dir",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WayArguments:
    """How to get to a version: stops, flags, migrations and data steps."""

    TITLE: ClassVar[str] = "what is wanted"

    stop: tuple[Version, ...] = several(
        version,
        "a version to stop at on the way, in a transaction of its own; may be repeated",
        "V",
    )
    flag: tuple[str, ...] = several(
        str, "a feature flag of the server; may be repeated", "NAME=BOOL"
    )
    shop: ShopArguments = group(ShopArguments)
    data_step: tuple[str, ...] = several(
        str, "run this data step as well, 1.3.0/discount_rules; may be repeated", "NAME"
    )
    no_data_steps: bool = switch("run no data step of the guides")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ApprovalArguments:
    """Whether breaking versions may be crossed."""

    TITLE: ClassVar[str] = "how it runs"

    approval: str = choice(
        ("automatic", "on-breaking"),
        "on-breaking (default): ask on a terminal, and refuse elsewhere, to cross a breaking version "
        "that is not acknowledged",
        default="on-breaking",
    )
    acknowledge: tuple[Version | str, ...] = several(
        acknowledged,
        "a breaking version whose notes you have read; with --project the one whose migrations may drop "
        "rows, or `links`: those that lose rows are left as they are; may be repeated",
        "V",
    )
    yes: bool = switch(
        "agree to what would be asked: cross every breaking version; fill a shop in use with the demo"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LimitArguments:
    """How long everything may take; None: as usual, or as a plan that is applied has it."""

    TITLE: ClassVar[str] = "how it runs"

    lock_wait: float | None = optional(
        duration, "wait for another run, and for locked tables, this long (default 10m)", "TIME"
    )
    lock_timeout: float | None = optional(
        duration,
        "a statement waits this long for a lock; a try for all tables less (default 5s)",
        "TIME",
    )
    statement_timeout: float | None = optional(
        duration, "limit of one statement (default 0s, none)", "TIME"
    )
    run_timeout: float | None = optional(
        duration, "limit of the whole run (default 1h; 0s: none)", "TIME"
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ReportArguments:
    """Where the report of a run goes."""

    TITLE: ClassVar[str] = "how it runs"

    report_file: str | None = optional(
        path, "write the report there as JSON of at most --report-limit bytes", "FILE"
    )
    report_limit: int = one(
        report_limit,
        "bytes of that file, 1024 or more (default 4096, a termination message of Kubernetes)",
        "BYTES",
        default=4096,
        needs="report_file",
    )
    run_id: str = one(
        run_id, "a name of your own for this run, repeated in its report", "ID", default=""
    )


def running_node() -> str | None:
    """Declare `--node` of a command that runs a project's own."""
    return optional(
        path, "the Node to run it with (default: that of PATH)", "FILE", needs="project"
    )


def stall() -> float:
    """Declare `--stall` beside it."""
    return one(
        duration,
        "end a command that does nothing, in the database and in its output, for this long "
        "(default 2m; 0s: never)",
        "TIME",
        default=120.0,
        needs="project",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ProjectArguments:
    """That the shop's own Medusa runs, in place of the migrations that we know."""

    TITLE: ClassVar[str] = "the shop's own Medusa"

    project: str | None = optional(
        path, "run the commands of the Medusa project in this folder, v1 or v2", "DIR"
    )
    links: str = choice(
        ("safe", "all"),
        "what may be done to tables of links: what loses no rows (safe, the default), or all",
        default="safe",
        needs="project",
    )
    no_scripts: bool = switch("run no migration scripts", needs="project")
    node: str | None = running_node()
    stall: float = stall()


def asked_project() -> str | None:
    """Declare `--project` of a command that only looks."""
    return optional(path, "ask the Medusa project in this folder what it wants", "DIR")


def asking_node() -> str | None:
    """Declare `--node` beside it."""
    return optional(
        path, "the Node to ask it with (default: that of PATH)", "FILE", needs="project"
    )


def flags() -> tuple[str, ...]:
    """Declare `--flag`."""
    return several(
        str, "a feature flag of the server; may be repeated", "NAME=BOOL", title="what is wanted"
    )


def output() -> str:
    """Declare `--output`."""
    return choice(
        ("text", "json"), "how to print the result (default text)", default="text", title=""
    )
