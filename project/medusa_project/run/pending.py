"""Pure: what a project's Medusa wants in its database, and what of that is not applied yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medusa_project.fence.command import Ended
    from medusa_project.run.ledgers import Ledgers

_DONE_BY_SAFE = ("create", "update")
"""What is done to tables of links without asking; the rest may lose rows."""


@dataclass(frozen=True, slots=True)
class LinkChange:
    """What Medusa would do to the table of a link."""

    action: str
    """`create`, `update`, `notify` (an update that may lose rows) or `delete`."""
    table: str
    sql: str = ""
    """The statements that do it."""

    def to_dict(self) -> dict[str, str]:
        """Return it for JSON."""
        return {"action": self.action, "table": self.table}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a project lists: its migrations by ledger, its scripts, and what it would do to links."""

    migrations: Mapping[str, tuple[str, ...]]
    scripts: tuple[str, ...] = ()
    links: tuple[LinkChange, ...] = ()
    warnings: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    """The part of each migration that goes forward, where it drops something."""
    node: str = ""
    """The version of the Node that has answered."""
    filters_links: bool = False
    """Whether indexes of tables of links leave out rows that are marked as deleted."""
    isolated: bool = False
    """Whether modules of v1 have connections of their own: link modules then keep no ledger."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the project has answered, or why it has not."""

    wanted: Wanted | None
    why: str = ""
    ended: Ended | None = None
    """How our program ended; None where it was not started."""


@dataclass(frozen=True, slots=True)
class Unapplied:
    """What has not been applied."""

    migrations: tuple[str, ...] = ()
    links: tuple[LinkChange, ...] = ()
    scripts: tuple[str, ...] = ()
    skipped: tuple[LinkChange, ...] = ()
    """Changes of links that are not done without asking."""

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {
            "migrations": len(self.migrations),
            "links": len(self.links),
            "scripts": len(self.scripts),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return what is pending for JSON, by kind."""
        return {
            "migrations": list(self.migrations),
            "links": [link.to_dict() for link in self.links],
            "scripts": list(self.scripts),
        }


def parse(body: object) -> Wanted:
    """Return what `list.cjs` has written; raise ValueError for anything else."""
    try:
        found: Any = body
        return Wanted(
            {
                str(ledger): tuple(str(one["name"]) for one in names)
                for ledger, names in found["migrations"].items()
            },
            tuple(map(str, found["scripts"])),
            tuple(
                LinkChange(str(one["action"]), str(one["table"]), str(one["sql"]))
                for one in found["links"]
            ),
            tuple(map(str, found["warnings"])),
            {
                str(one["name"]): str(one["drops"])
                for names in found["migrations"].values()
                for one in names
                if one.get("drops")
            },
            str(found["node"]),
            bool(found.get("filtersLinks")),
            bool(found.get("isolated")),
        )
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError("it is not what our program writes") from exc


def pending(wanted: Wanted, ledgers: Ledgers) -> Unapplied:
    """Return what of *wanted* the *ledgers* do not have."""
    missing = [
        name
        for ledger, names in wanted.migrations.items()
        for name in dict.fromkeys(names)
        if name not in ledgers.names.get(ledger, ())
    ]
    done = ledgers.names.get("script_migrations", ())
    scripts = [name for name in dict.fromkeys(wanted.scripts) if name not in done]
    return Unapplied(
        tuple(missing),
        tuple(link for link in wanted.links if link.action in _DONE_BY_SAFE),
        tuple(scripts),
        tuple(link for link in wanted.links if link.action not in _DONE_BY_SAFE),
    )


def runs_scripts(argv: tuple[str, ...]) -> bool:
    """Return whether a command line is to run migration scripts, as far as it shows."""
    if "db:migrate:scripts" in argv:
        return True
    return "db:migrate" in argv and "--skip-scripts" not in argv
