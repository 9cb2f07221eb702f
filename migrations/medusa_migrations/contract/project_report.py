"""What a command of a project's Medusa did, as JSON for machines: bounded and free of secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medusa_migrations import __version__
from medusa_migrations.contract.report import FORMAT, LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COUNTED = {
    "migrationCount": ("migrations", "mikro_orm_migrations"),
    "linkCount": ("link_module_migrations",),
    "scriptCount": ("script_migrations",),
}
"""Each count, and the ledgers whose new names it counts."""
_NAME = 200
"""Characters of the name of a file, so that a report fits however deep it lies."""


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A command that ran to its end, whatever that was, or would run."""

    argv: tuple[str, ...]
    exit_code: int | None = None
    """-N where signal N has ended it; None where it was not started."""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        body: dict[str, Any] = {"argv": list(self.argv)}
        if self.exit_code is not None:
            body |= {"exitCode": self.exit_code, "seconds": round(self.seconds, 3)}
        return body


@dataclass(frozen=True, slots=True)
class SeedDone:
    """What became of a seed by a command of the shop's own."""

    document: str
    """The file, or the script of package.json, that it is seeded by."""
    checksum: str
    loaded: bool = False
    """Whether it was run to its end: now, or the last time that something was."""
    recorded: bool = False
    """Whether this run is recorded as a seed."""
    skipped: str = ""
    """Why nothing was run; empty: it was, or was to be."""

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        body: dict[str, Any] = {
            "document": self.document[:_NAME],
            "checksum": self.checksum,
            "loaded": self.loaded,
            "recorded": self.recorded,
        }
        return body | ({"skipped": self.skipped} if self.skipped else {})


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What a run of a project's commands did."""

    command: str
    run_id: str = ""
    state: str = "failed"
    """`running`, `done`, `nothing` (no ledger has anything new), `planned`, `refused` or `failed`."""
    exit_code: int | None = 0
    """None: it has not ended."""
    reason: str = ""
    message: str = ""
    medusa: str = ""
    """The version that the project has installed."""
    major: int | None = None
    node: str = ""
    """The version of the Node that has asked the project."""
    seconds: float = 0.0
    commands: tuple[CommandDone, ...] = ()
    applied: Mapping[str, tuple[str, ...]] | None = None
    """New names by ledger; None where nobody knows."""
    ledgers: Mapping[str, int] = field(default_factory=dict)
    """How many names each ledger has at the end."""
    unfinished: tuple[str, ...] = ()
    pending: Mapping[str, Any] | None = None
    """What the project wants and does not have, by kind; None where that is not known."""
    predicted: Mapping[str, int] | None = None
    """How much of each kind was pending before anything ran; None where nobody looked."""
    destructive: tuple[Mapping[str, Any], ...] = ()
    """What of that would drop what has rows."""
    acknowledge: tuple[str, ...] = ()
    """What nobody has agreed to."""
    skipped: tuple[Mapping[str, str], ...] = ()
    """Changes of links that are not done without asking."""
    output: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[Mapping[str, str], ...] = ()
    """What the releases on the way ask."""
    seed: SeedDone | None = None
    """What became of a seed; None for all other commands."""

    def to_dict(self, mask: Callable[[str], str]) -> dict[str, Any]:
        """Return everything, its texts masked; keys without a value are left out."""
        body: dict[str, Any] = {
            "report": FORMAT,
            "runId": self.run_id,
            "runner": __version__,
            "command": self.command,
            "engine": "project",
            "state": self.state,
            "exitCode": self.exit_code,
            "reason": self.reason,
            "message": mask(self.message),
            "acknowledge": list(self.acknowledge),
            "medusa": self.medusa,
            "major": self.major,
            "node": self.node,
            "seconds": round(self.seconds, 3),
        }
        if self.applied is not None:
            body |= {
                count: sum(len(self.applied.get(ledger, ())) for ledger in names)
                for count, names in COUNTED.items()
            }
        body |= {
            "ledgers": dict(self.ledgers),
            "unfinished": list(self.unfinished),
            "predicted": dict(self.predicted) if self.predicted is not None else None,
            "destructive": [{**one, "says": mask(str(one["says"]))} for one in self.destructive],
            "pending": dict(self.pending) if self.pending is not None else None,
            "links": {"skipped": [dict(link) for link in self.skipped]} if self.skipped else {},
            "commands": [
                done.to_dict() | {"argv": [mask(word) for word in done.argv]}
                for done in self.commands
            ],
            "applied": {
                ledger: list(names) for ledger, names in (self.applied or {}).items() if names
            },
            "output": [mask(line) for line in self.output],
            "warnings": [mask(warning) for warning in self.warnings],
            "notes": [dict(note) for note in self.notes],
            "seed": _masked(self.seed, mask) if self.seed is not None else None,
        }
        always = {"exitCode", "pending", "predicted", *COUNTED}
        return {k: v for k, v in body.items() if v or (k in always and v is not None)}


def bounded(body: Mapping[str, Any], limit: int = LIMIT) -> str:
    """Return *body* as one line of JSON of at most *limit* bytes, where that is 1,024 or more.

    Counts are never cut. What is long and least needed is cut first: the names that were applied, the
    output from its beginning, notes, warnings, arguments of commands, scripts; at last the message.
    """
    kept = dict(body)
    text = _json(kept)
    while len(text.encode()) > limit and _cut(kept):
        kept["truncated"] = True
        text = _json(kept)
    return text


def _masked(seed: SeedDone, mask: Callable[[str], str]) -> dict[str, Any]:
    body = seed.to_dict()
    return body | {"document": mask(body["document"])}


def _cut(body: dict[str, Any]) -> bool:
    """Cut one thing; return whether there was any."""
    applied = body.get("applied")
    if applied:
        longest = max(applied, key=lambda ledger: len(applied[ledger]))
        half = applied[longest][: len(applied[longest]) // 2]
        rest = {ledger: names for ledger, names in applied.items() if ledger != longest}
        _put(body, "applied", rest | ({longest: half} if half else {}))
        return True
    if output := body.get("output"):
        _put(body, "output", output[(len(output) + 1) // 2 :])
        return True
    if _cut_within(body, "pending") or _cut_within(body, "links"):
        return True
    for key in ("notes", "warnings", "destructive", "unfinished"):
        if value := body.get(key):
            _put(body, key, value[: len(value) // 2])
            return True
    for number, done in enumerate(body.get("commands", ())):
        if len(done["argv"]) > 1:
            commands = list(body["commands"])
            commands[number] = done | {"argv": done["argv"][: len(done["argv"]) // 2]}
            body["commands"] = commands
            return True
    if len(message := body.get("message", "")) > 1:
        body["message"] = message[: len(message) * 3 // 4]
        return True
    return body.pop("commands", None) is not None


def _cut_within(body: dict[str, Any], key: str) -> bool:
    """Cut the longest list in the value of *key* in half."""
    value = body.get(key) or {}
    longest = max(value, key=lambda kind: len(value[kind]), default="")
    if not value or not value[longest]:
        return False
    body[key] = value | {longest: value[longest][: len(value[longest]) // 2]}
    return True


def _put(body: dict[str, Any], key: str, value: Any) -> None:
    """Set *key*, or take it away where nothing is left of its value."""
    if value:
        body[key] = value
    else:
        body.pop(key)


def _json(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace").decode()  # an argument that was no UTF-8
