"""What a run did, as JSON for machines: bounded and free of secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from medusa_migrations import __version__
from medusa_migrations.contract.redact import redact

FORMAT = "medusadb.dev/v1"
"""The name of the format, so that a reader knows what it holds."""
LIMIT = 4096
"""Bytes of a container's termination message
(https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/)."""
LEAST = 1024
"""Bytes that hold what a report always has: all containers of a pod share 12 KiB."""


class RunState(StrEnum):
    """How a run stands, or has ended."""

    RUNNING = "running"
    """It has not ended, or was killed."""
    DONE = "done"
    NOTHING = "nothing"
    """There was nothing to do."""
    PLANNED = "planned"
    """A plan found something to do, or that a run would be refused."""
    REFUSED = "refused"
    """It was refused, and whoever started it counts that as a result."""
    FAILED = "failed"


class ProvenState(StrEnum):
    """What the names in a ledger prove."""

    VERSION = "version"
    EMPTY = "empty"
    PARTIAL = "partial"
    """The names belong together in no version."""
    UNKNOWN = "unknown"
    """Nobody has looked, or the answer to a commit was lost."""


class Done(NamedTuple):
    """One item of a run that was done."""

    name: str
    seconds: float
    rows: int | None = None
    """Rows changed, for a data step."""


class Proven(NamedTuple):
    """What the ledger proves at the end of a run."""

    state: ProvenState = ProvenState.UNKNOWN
    versions: tuple[str, ...] = ()
    """Every version that has what is applied, ascending."""
    at: str = ""
    """The one of them that our history names."""

    def to_dict(self, *, whole: bool = True) -> dict[str, Any]:
        """Return it for JSON, *whole* or without the versions in between; what is not known is left out."""
        found = self.versions
        ends = {"from": found[0], "to": found[-1]} if found else {}
        between = {"versions": list(found)} if found and whole else {}
        return {"state": self.state} | ends | between | ({"at": self.at} if self.at else {})


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, in the words of its JSON; made of the run's outcome when it has ended."""

    command: str
    run_id: str = ""
    """Given by whoever started the run, to know its report again."""
    target: str = ""
    schema: str = ""
    before: str = ""
    """Where the database was: versions, `empty` or `partial`."""
    after: str = ""
    """Where it is at the end, in the same words."""
    proven_before: Proven = field(default_factory=Proven)
    proven: Proven = field(default_factory=Proven)
    state: RunState = RunState.FAILED
    migrations: tuple[Done, ...] = ()
    data_steps: tuple[Done, ...] = ()
    deferred: tuple[str, ...] = ()
    assumed_done: tuple[str, ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    """What differs from the target, and did so before the run."""
    differences: tuple[Mapping[str, Any], ...] = ()
    """Everything that differs: kind, object, difference, severity, effect, fix or hint."""
    foreign: tuple[str, ...] = ()
    variant: tuple[str, ...] = ()
    verified: bool | None = None
    history: str = "on"
    seconds: float = 0.0
    retries: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    acknowledge: tuple[str, ...] = ()
    """Breaking versions on the way whose notes nobody has acknowledged."""
    seed: Mapping[str, Any] = field(default_factory=dict)
    """What became of the seed document: its checksum, counts by kind, whether it was recorded."""

    repair: tuple[str, ...] = ()
    """Rows of the ledger that the schema proves to be missing (`+`) or groundless (`-`), with the reason."""

    def to_dict(self) -> dict[str, Any]:
        """Return everything; keys without a value are left out."""
        body = {
            "report": FORMAT,
            "runId": self.run_id,
            "runner": __version__,
            "command": self.command,
            "state": self.state,
            "exitCode": None if self.state is RunState.RUNNING else self.exit_code,
            "reason": self.reason,
            "message": redact(self.message),
            "acknowledge": list(self.acknowledge),
            "schema": self.schema,
            "from": self.before,
            "version": self.after,
            "proven": self.proven.to_dict(),
            "provenBefore": self._found(),
            "target": self.target,
            "verified": self.verified,
            "seconds": round(self.seconds, 3),
            "retries": self.retries,
            "history": self.history,
            "migrationCount": len(self.migrations),
            "seed": dict(self.seed),
            "repair": list(self.repair),
            "dataSteps": [_done(done) for done in self.data_steps],
            "deferred": list(self.deferred),
            "assumedDone": list(self.assumed_done),
            "warnings": [redact(warning) for warning in self.warnings],
            "variant": list(self.variant),
            "driftCount": len(self.drift),
            "drift": list(self.drift),
            "differences": [dict(one) for one in self.differences],
            "earlierCount": len(self.earlier),
            "earlier": list(self.earlier),
            "foreignCount": len(self.foreign),
            "foreign": list(self.foreign),
            "notes": list(self.notes),
            "migrations": [_done(done) for done in self.migrations],
        }
        always = ("exitCode", "migrationCount", "verified")
        return {k: v for k, v in body.items() if v or (k in always and v is not None)}

    def _found(self) -> dict[str, Any]:
        known = self.proven_before.state is not ProvenState.UNKNOWN
        return self.proven_before.to_dict(whole=False) if known else {}


def _done(done: Done) -> dict[str, Any]:
    rows = {} if done.rows is None else {"rows": done.rows}
    return {"name": done.name, "seconds": round(done.seconds, 3)} | rows


def bounded(body: dict[str, Any], limit: int = LIMIT) -> str:
    """Return *body* as one line of JSON of at most *limit* bytes, where that is LEAST or more.

    What is long and least needed is cut first: the list of migrations, foreign objects, the texts
    of notes, then notes, the versions between the ends of what is proven, differences and warnings
    from their ends, counts of a seed that are 0; `truncated` shows that something was.
    """
    body = dict(body)
    text = _json(body)
    for cut in (
        *map(_halved, ("migrations", "foreign", "notes", "differences", "variant", "assumedDone")), _without_versions,
        *map(_halved, ("repair", "earlier", "drift", "warnings", "dataSteps", "deferred")), _without_zeros,
        _halved("acknowledge"), _shortened_message, _fewer_counts,
    ):  # fmt: skip
        while (excess := len(text.encode()) - limit) > 0 and cut(body, excess):
            body["truncated"] = True
            text = _json(body)
    return text


_Cut = Callable[[dict[str, Any], int], bool]
"""Takes something off a report that is so many bytes too long; returns whether there was any."""


def _halved(key: str) -> _Cut:
    def cut(body: dict[str, Any], _excess: int) -> bool:
        value = body.pop(key, None)
        if value and len(value) > 1:
            body[key] = value[: len(value) // 2]
        return bool(value)

    return cut


def _without_versions(body: dict[str, Any], _excess: int) -> bool:
    proven = body.get("proven", {})
    body["proven"] = {key: value for key, value in proven.items() if key != "versions"}
    return "versions" in proven


def _without_zeros(body: dict[str, Any], _excess: int) -> bool:
    counts = body.get("seed", {}).get("counts", {})
    kept = {kind: {word: n for word, n in row.items() if n} for kind, row in counts.items()}
    kept = {kind: row for kind, row in kept.items() if row}
    if kept == counts:
        return False
    body["seed"] = body["seed"] | {"counts": kept}
    return True


def _shortened_message(body: dict[str, Any], excess: int) -> bool:
    """Cut the message to what fits: a character is a byte or more."""
    message = body.pop("message", "")
    if len(message) > 1:
        body["message"] = message[: max(1, len(message) - max(1, excess // 6))]
    return bool(message)


def _fewer_counts(body: dict[str, Any], _excess: int) -> bool:
    counts = body.get("seed", {}).get("counts", {})
    if counts:
        kept = dict(list(counts.items())[: len(counts) // 2])
        body["seed"] = body["seed"] | {"counts": kept}
    return bool(counts)


def _json(body: dict[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace").decode()  # an argument that was no UTF-8
