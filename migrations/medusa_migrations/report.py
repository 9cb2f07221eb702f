"""What a run did, as JSON for machines: bounded and free of secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from medusa_migrations import __version__
from medusa_migrations.address import redact

FORMAT = "medusadb.dev/v1"
"""The name of the format, so that a reader knows what it holds."""
LIMIT = 4096
"""Bytes of a container's termination message
(https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/)."""


@dataclass(slots=True)
class Done:
    """One item of a run that was done."""

    name: str
    seconds: float
    rows: int | None = None
    """Rows changed, for a data step."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What the ledger proves at the end of a run."""

    state: str = "unknown"
    """`version`, `empty`, `partial` (the names belong together in no version) or `unknown`."""
    versions: tuple[str, ...] = ()
    """Every version that has what is applied, ascending."""
    at: str = ""
    """The one of them that our history names."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON; what is not known is left out."""
        found = self.versions
        ends = {"from": found[0], "to": found[-1], "versions": list(found)} if found else {}
        return {"state": self.state} | ends | ({"at": self.at} if self.at else {})


@dataclass(slots=True)
class Report:
    """The course of a run; filled while it goes on, so that a failure tells how far it came."""

    command: str
    run_id: str = ""
    """Given by whoever started the run, to know its report again."""
    target: str = ""
    schema: str = ""
    before: str = ""
    """Where the database was: versions, `empty` or `partial`."""
    after: str = ""
    """Where it is at the end, in the same words."""
    proven: Proven = field(default_factory=Proven)
    state: str = "failed"
    """`done`, `nothing` (there was nothing to do) or `failed`."""
    migrations: list[Done] = field(default_factory=list)
    data_steps: list[Done] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    assumed_done: list[str] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    drift: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    variant: list[str] = field(default_factory=list)
    verified: bool | None = None
    history: str = "on"
    seconds: float = 0.0
    retries: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    acknowledge: list[str] = field(default_factory=list)
    """Breaking versions on the way whose notes nobody has acknowledged."""
    seed: dict[str, Any] = field(default_factory=dict)
    """What became of the seed document: its checksum, counts by kind, whether it was recorded."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything; keys that say nothing are left out."""
        body = {
            "report": FORMAT,
            "runId": self.run_id,
            "runner": __version__,
            "command": self.command,
            "state": self.state,
            "exitCode": self.exit_code,
            "reason": self.reason,
            "message": redact(self.message),
            "acknowledge": self.acknowledge,
            "schema": self.schema,
            "from": self.before,
            "version": self.after,
            "proven": self.proven.to_dict(),
            "target": self.target,
            "verified": self.verified,
            "seconds": round(self.seconds, 3),
            "retries": self.retries,
            "history": self.history,
            "migrationCount": len(self.migrations),
            "seed": self.seed,
            "dataSteps": [_done(done) for done in self.data_steps],
            "deferred": self.deferred,
            "assumedDone": self.assumed_done,
            "warnings": [redact(warning) for warning in self.warnings],
            "variant": self.variant,
            "driftCount": len(self.drift),
            "drift": self.drift,
            "foreignCount": len(self.foreign),
            "foreign": self.foreign,
            "notes": self.notes,
            "migrations": [_done(done) for done in self.migrations],
        }
        always = ("exitCode", "migrationCount", "verified")
        return {k: v for k, v in body.items() if v or (k in always and v is not None)}


def _done(done: Done) -> dict[str, Any]:
    rows = {} if done.rows is None else {"rows": done.rows}
    return {"name": done.name, "seconds": round(done.seconds, 3)} | rows


def bounded(body: dict[str, Any], limit: int = LIMIT) -> str:
    """Return *body* as one line of JSON of at most *limit* bytes.

    What is long and least needed is cut first: the list of migrations, foreign objects, the texts
    of notes, then notes, drift and warnings from their ends; `truncated` says that something was.
    """
    body = dict(body)
    text = _json(body)
    cuts = ("migrations", "foreign", "notes", "variant", "assumedDone", "drift", "warnings",
            "dataSteps", "deferred", "message")  # fmt: skip
    for key in cuts:
        while len(text.encode()) > limit and body.get(key):
            body["truncated"] = True
            value = body[key]
            body[key] = value[: len(value) // 2]
            if not body[key]:
                del body[key]
            text = _json(body)
    return text


def _json(body: dict[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace").decode()  # an argument that was no UTF-8
