"""Pure: what a look beforehand has found, and what becomes of a run because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_migrations.contract.errors import RunnerError


class Finding(NamedTuple):
    """Something that stands in the way, or that a person should know before the run."""

    problem: str
    advice: str
    error: type[RunnerError] | None = None
    """What the run fails with because of it; None: a warning."""
    reason: str = ""
    keys: tuple[str, ...] = ()
    """Some keys of the rows meant; may be personal, so they stay on the terminal."""
    before: str = ""
    """A statement that takes it out of the way; in a plan only, like *after*."""
    after: str = ""
    """Statements that bring it back after the run."""
    differs: str = ""
    """The difference from before that stays as it is, in the words of the verification at the end."""
    fix: str = ""
    """SQL that makes it right."""

    def __str__(self) -> str:
        text = f"{self.problem}. {self.advice}" if self.advice else self.problem
        return text + (f" For example: {', '.join(self.keys)}" if self.keys else "")


def joined(lines: Sequence[str], most: int = 3) -> str:
    """Return the first *most* of *lines*, and how many more there are."""
    shown = "; ".join(lines[:most])
    return shown if len(lines) <= most else f"{shown}; and {len(lines) - most} more"


def raise_for(findings: Sequence[Finding]) -> None:
    """Raise the error of the first finding that forbids the run, naming all that do."""
    grave = [finding for finding in findings if finding.error is not None]
    if not grave:
        return
    first = grave[0]
    assert first.error is not None  # noqa: S101  it was filtered above
    text = "; ".join(f"{f.problem}. {f.advice}".rstrip(". ") for f in grave)
    if len(grave) == 1:
        keys = f"For example: {', '.join(first.keys)}" if first.keys else ""
        raise first.error(text, reason=first.reason, detail=keys)
    raise first.error(
        text,
        reason=first.reason,
        detail="\n".join(f"- {finding}" for finding in grave),
        headline=f"{len(grave)} things stand in the way, nothing was written:",
    )


def script(findings: Sequence[Finding]) -> str:
    """Return the statements of *findings* as psql takes them, in an order that works; empty without any."""
    before = [f"{one.before};" for one in findings if one.before]
    after = [f"{one.after.rstrip(';')};" for one in reversed(findings) if one.after]
    return "\n".join(
        line
        for title, found in (
            ("-- before the run", before),
            ("-- after it, as the schema is then", after),
        )
        for line in ([title, *found] if found else [])
    )
