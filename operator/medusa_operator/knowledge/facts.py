"""Pure: what can be known of a database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from medusa_operator.resource.status import (
        Failure,
        LinkTables,
        ProvenPlace,
        Run,
        ScriptRuns,
        Seeded,
        StepStatus,
        Verification,
    )


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What the Medusa of the shop's own image has reported last."""

    medusa: str = ""
    """The version that the image has installed."""
    migrations: Mapping[str, int] = field(default_factory=dict)
    """How many names each ledger of migrations has."""
    links: LinkTables | None = None
    scripts: ScriptRuns | None = None
    unfinished: tuple[str, ...] = ()
    acknowledge: tuple[str, ...] = ()
    """What nobody has agreed to."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known, for the database that the spec names."""

    proven: ProvenPlace | None = None
    applied: str = ""
    """The version it is known to be at."""
    previous: str = ""
    """Where the present path began: a version, `empty`, `partial`; empty: not known."""
    configuration: str = ""
    """The identity that is applied; empty where none is for certain."""
    retry_token: str = ""
    failure: Failure | None = None
    """Of the resource as it is; what failed before a change does not count any more."""
    attempts: int = 0
    next_retry: datetime | None = None
    seed: Seeded | None = None
    done: tuple[StepStatus, ...] = ()
    """Steps of the present path that are done."""
    history: tuple[Run, ...] = ()
    image: str = ""
    image_id: str = ""
    warnings: tuple[str, ...] = ()
    verification: Verification | None = None
    project: ProjectFacts | None = None
    """None where the operator's own migrations have run, or nothing has."""
