"""`status` and `verify` of what a project's own Medusa has made: they look, and write nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from medusa_db import streams
from medusa_db.commands import output
from medusa_db.commands.database import connected
from medusa_db.commands.options import absolute
from medusa_db.commands.project import carry_out as projects
from medusa_db.commands.project import permitted
from medusa_db.show import project as text
from medusa_db.show import seed as seed_text
from medusa_migrations.contract.errors import NotYetError, VerificationError
from medusa_migrations.contract.values import some
from medusa_migrations.records import project_runs
from medusa_project.packages import installation
from medusa_project.run import guard, look, upgrade
from medusa_project.run.execute import FenceOptions
from medusa_project.run.upgrade import UpgradeOptions
from medusa_seed.shop import records as seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from medusa_db.arguments.looking import StatusArguments, VerifyArguments
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.records.project_runs import ProjectRun
    from medusa_project.packages.installation import Project
    from medusa_project.run.execution import Execution
    from medusa_project.run.ledgers import Ledgers
    from medusa_seed.shop.records import Seed, Unfinished

_STATUS = frozenset(
    (
        "database_url", "database_url_file", "schema", "embedded", "connect_wait", "project", "node",
        "check", "output",
    )
)  # fmt: skip
_VERIFY = _STATUS - {"check"} | {"to", "strict", "report_file", "report_limit", "run_id"}
"""The options that mean something beside --project."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one look at a database finds."""

    ledgers: Ledgers
    schema: str
    runs: list[ProjectRun]
    seed: Seed | None
    """The last one that was recorded."""
    begun: Unfinished | None
    """The script that was to seed it and has not come to its end."""
    project: Project | None = None
    done: Execution | None = None
    indexes: tuple[str, ...] = ()
    """Statements that make indexes of tables of links what the project makes of them."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        body: dict[str, Any] = {
            "engine": "project",
            "schema": self.schema,
            "major": 1 if self.ledgers.is_v1 else 2 if self.ledgers.is_v2 else None,
            "ledgers": {ledger: len(names) for ledger, names in self.ledgers.names.items()},
            "unfinished": list(self.ledgers.unfinished),
            "history": [project_runs.to_dict(run) for run in self.runs],
            "seed": seeds.to_dict(self.seed) if self.seed is not None else None,
        }
        if self.begun is not None:
            body |= {"unfinishedSeed": seeds.unfinished_to_dict(self.begun)}
        if self.project is not None:
            body |= {"medusa": self.project.version}
        left = self.done.pending if self.done else None
        if self.done is not None and left is not None:
            wanted = self.done.listed.wanted if self.done.listed else None
            body |= {
                "node": wanted.node if wanted else "",
                "pending": left.to_dict(),
                "links": {"skipped": [link.to_dict() for link in left.skipped]},
                "warnings": [*self.done.notes, *(wanted.warnings if wanted else ())],
            }
        return body


def status(args: StatusArguments, token: str) -> int:
    """Show where the database is, and what the project still wants."""
    return _status(args, token, names=False)


def show(args: StatusArguments, token: str) -> int:
    """Show what is applied and pending, as Medusa's own tool does."""
    return _status(args, token, names=True)


def status_without_project(args: StatusArguments, *, names: bool = False) -> int:
    """Show where a database of v2 is whose project nobody has named."""
    with connected(args.database, "status", args.patience.connect_wait) as (conn, address):
        where = look.schemas(conn, args.database.schema or address.schema)
        found = look.ledgers(conn, where)
        schema = look.schema_of(conn, where)
        seen = _seen(conn, schema, found)
    _print(args, seen, names=names, mask=str)
    if args.check is not None:
        guard.require_at(args.check, found, next(iter(seen.runs), None))
    return 0


def verify(args: VerifyArguments, token: str) -> int:
    """Compare what the project wants with what the ledgers and the tables of links have."""
    mask = projects.mask_of(args.database)

    def work(is_of: Callable[[Project | None], None]) -> Execution:
        permitted.require_only(args, _VERIFY)
        seen = _look(args, token, mask, args.to)
        is_of(seen.project)
        done = seen.done
        if done is None or done.pending is None:
            raise AssertionError("asking a project that cannot answer raises")
        notes = (
            *done.notes,
            *(f"an index is not as the project makes it: {one}" for one in seen.indexes),
        )
        refusal = done.refusal or _drift(done, seen.indexes, strict=args.strict)
        return replace(done, notes=notes, refusal=refusal)

    shown = None if args.output == "json" else text.verified
    return projects.carry_out("verify", args.report, mask, work, shown).exit_code or 0


def _drift(done: Execution, indexes: tuple[str, ...], *, strict: bool) -> VerificationError | None:
    """Return which tables of links are not as the project has them.

    Those it no longer has are harmless, and so are *indexes* that older versions have made.
    """
    left = done.pending
    wrong = [link for link in left.skipped if strict or link.action != "delete"] if left else []
    if left is None or left.migrations or left.links:
        return None
    if strict and indexes and not wrong:
        return VerificationError(
            f"indexes of tables of links are not as the project makes them: {some(indexes)}"
        )
    if not wrong:
        return None
    tables = [f"{link.table} ({link.action}){': ' if link.sql else ''}{link.sql}" for link in wrong]
    return VerificationError(
        f"tables of links are not as the project has them: {some(tables)}. `medusa-db migrate --project DIR --links "
        "all` changes them, and may lose rows"
    )


def _status(args: StatusArguments, token: str, *, names: bool) -> int:
    mask = projects.mask_of(args.database)
    permitted.require_only(args, _STATUS)
    seen = _look(args, token, mask, args.check)
    _print(args, seen, names=names, mask=mask)
    left = seen.done.pending if seen.done else None
    if args.check is not None and left is not None and any(left.counts.values()):
        counts = ", ".join(f"{number} {kind}" for kind, number in left.counts.items())
        raise NotYetError(f"the database is not at {args.check} yet; pending: {counts}")
    return 0


def _look(
    args: StatusArguments | VerifyArguments,
    token: str,
    mask: Callable[[str], str],
    to: Version | None,
) -> _Seen:
    """Ask the project what it wants; raise where it cannot answer."""
    project = installation.require(absolute(args.project or "."))
    options = FenceOptions(
        folder=project.folder,
        environment=os.environ,
        token=token,
        schema=args.database.schema,
        node=args.node,
    )
    prepared = upgrade.prepare(project, UpgradeOptions(to=to), options)
    wait = args.patience.connect_wait
    with projects.opened(args.database, "status", wait, options, mask) as database:
        done = upgrade.preview(database, prepared)
        projects.raise_for_looking(done)
        conn = database.conn
        where = look.schemas(conn, args.database.schema or database.address.schema)
        schema = look.schema_of(conn, where)
        wanted = done.listed.wanted if done.listed else None
        filters = wanted is not None and wanted.filters_links
        indexes = look.unfiltered_indexes(conn, where) if filters else ()
        seen = _seen(conn, schema, done.before)
        return replace(seen, project=project, done=done, indexes=indexes)


def _seen(conn: Connection[Any], schema: str, ledgers: Ledgers) -> _Seen:
    """Return what our records say beside the *ledgers*."""
    return _Seen(
        ledgers,
        schema,
        project_runs.read(conn, schema),
        seeds.latest(conn, schema),
        seeds.unfinished(conn, schema),
    )


def _print(args: StatusArguments, seen: _Seen, *, names: bool, mask: Callable[[str], str]) -> None:
    within = streams.ANSWER if args.check else None
    if args.output == "json":
        output.print_json(seen.to_dict(), within=within)
        return
    left = seen.done.pending if seen.done else None
    if names:
        applied = [name for ledger in seen.ledgers.names.values() for name in ledger]
        lines = [f"[X] {name}" for name in applied]
        lines += [f"[ ] {name}" for name in (*left.migrations, *left.scripts)] if left else []
        output.print_result("\n".join(lines), within=within)
        return
    shown = text.status(seen.ledgers, seen.schema, seen.runs, seen.project, left, _seed_shown(seen))
    output.print_result(mask(shown), within=within)


def _seed_shown(seen: _Seen) -> list[list[str]]:
    """Return the rows that tell of the shop's seed."""
    rows = [["seeded", seed_text.seeded(seen.seed)]] if seen.seed is not None else []
    if seen.begun is not None:
        rows.append(["seed unfinished", seed_text.begun(seen.begun)])
    return rows
