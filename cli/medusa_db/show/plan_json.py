"""Pure: a plan and its notes for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medusa_migrations import __version__
from medusa_migrations.catalog.model import DataStep
from medusa_migrations.contract.redact import redact
from medusa_migrations.plan.plan_file import FORMAT, checksum
from medusa_migrations.schema import durations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_migrations.catalog.model import Note
    from medusa_migrations.plan.plan import Item
    from medusa_migrations.plan.plan_file import Asked, Basis
    from medusa_migrations.run.preview import PlannedTransaction, Preview


def to_dict(found: Preview, asked: Asked, basis: Basis) -> dict[str, Any]:
    """Return everything in a plan: what it was *asked* for, on what *basis* it was made, what would run.

    `plan_file.read` reads it back.
    """
    path, sizes = found.path, found.sizes
    return {
        "plan": FORMAT,
        "runner": __version__,
        "request": {
            "to": asked.to,
            "unasked": asked.unasked,
            "flags": dict(asked.flags),
            "stops": list(asked.stops),
            "dataSteps": asked.data_steps,
            "dataStep": list(asked.asked),
            "baseline": asked.baseline,
            "migrationsDir": asked.migrations_dir,
            "migrationsFormat": asked.migrations_format,
        },
        "database": {
            "system": basis.system,
            "name": basis.database,
            "schema": basis.schema,
            "ledger": list(basis.ledger),
            "objects": dict(basis.objects),
        },
        "from": [str(version) for version in path.proof.versions],
        "place": str(found.place),
        "target": str(path.target),
        "nothing": found.nothing,
        "refused": [
            {"exitCode": exc.exit_code, "reason": exc.reason, "message": redact(str(exc))}
            for exc in found.refusals
        ],
        "flags": dict(path.flags),
        "foreign": list(path.proof.foreign),
        "adopts": [migration.name for migration in found.adopts],
        "transaction": "each" if found.options.limits.each else "step",
        "steps": [
            {
                "target": str(step.target),
                "items": [_item(item, found) for item in step.items],
                "transactions": [_transaction(part, sizes) for part in parts],
            }
            for step, parts in found.steps
        ],
        "limits": _limits(found),
        "assumedDone": [step.name for step in path.assumed_done],
        "notes": [note(one) for one in path.notes],
        "maybeNotes": [note(one) for one in path.maybe_notes],
        "breaking": [str(one.version) for one in path.breaking],
        "warnings": [redact(line) for line in found.warnings],
        "findings": [
            {
                "problem": finding.problem,
                "advice": finding.advice,
                "reason": finding.reason,
                "fatal": finding.error is not None,
                "keys": list(finding.keys),
            }
            | ({"before": finding.before} if finding.before else {})
            | ({"after": finding.after} if finding.after else {})
            | ({"fix": finding.fix} if finding.fix else {})
            for finding in found.findings
        ],
    }


def _transaction(part: PlannedTransaction, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """Return what a transaction locks when it begins, until it is committed, and for how long.

    A file that runs outside of one is marked.
    """
    return {
        "items": [item.name for item in part.items],
        "locks": [
            {"mode": mode, "tables": [_table(name, sizes) for name in tables]}
            for mode, tables in part.held
        ],
        "work": _work(part.items, sizes),
    } | ({"noTransaction": True} if part.outside else {})


def _limits(found: Preview) -> dict[str, float]:
    """Return the limits of the run, in seconds; 0: none."""
    limits = found.options.limits
    return {
        "lockWait": limits.lock_wait,
        "lockTimeout": limits.lock_timeout,
        "tryForAllTables": found.one_try,
        "statementTimeout": limits.statement_timeout,
        "runTimeout": found.options.run_timeout,
    }


def _table(name: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    rows, bytes_ = sizes.get(name, (0, 0))
    return {"table": name, "rows": rows, "bytes": bytes_}


def _work(items: Sequence[Item], sizes: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """Return what takes time while the tables are locked, and about how long in all."""
    found = durations.work(items, sizes)
    return {
        "aboutSeconds": round(sum(one.seconds for one in found), 1),
        "parts": [
            {"does": one.kind, "table": one.table, "rows": one.rows, "times": one.times}
            for one in found
            if one.rows
        ],
    }


def _item(item: Item, found: Preview) -> dict[str, Any]:
    body: dict[str, Any] = {"name": item.name, "about": item.about, "sha256": checksum(item)}
    if isinstance(item, DataStep):
        return {"kind": "data step", **body}
    own, sizes = found.own.get(item.name), found.sizes
    body["of"] = str(item.version or "shop")
    if item.alone:
        body["noTransaction"] = True
    if own is not None:
        body["locks"] = [{"mode": lock.mode} | _table(lock.table, sizes) for lock in own.known]
        body["unknownLocks"] = list(own.unknown)
    else:
        body["locks"] = [
            {"mode": lock.mode, "rewrite": lock.rewrite} | _table(lock.table, sizes)
            for lock in item.locks
            if lock.table in sizes
        ]
    return {"kind": "migration", **body}


def note(found: Note) -> dict[str, Any]:
    """Return one note."""
    body = found._asdict() | {
        "version": str(found.version),
        "severity": str(found.severity),
        "commands": [command._asdict() for command in found.commands],
        "related": [one._asdict() for one in found.related],
    }
    body["olderServersBreak"] = body.pop("older_servers_break")
    return {key: value for key, value in body.items() if value not in ("", (), [], False)}
