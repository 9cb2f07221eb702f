"""Events of `events.k8s.io/v1`: what changed in the conditions, for `kubectl describe` and `kubectl events`."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from medusa_operator.api.errors import ApiError
from medusa_operator.resource import plain
from medusa_operator.resource.names import API_VERSION, KIND, MANAGED_BY
from medusa_operator.resource.reasons import MEANINGS, Category, Reason
from medusa_operator.resource.status import MESSAGE, Condition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from medusa_operator.api.cluster import Cluster
    from medusa_operator.resource.model import Database
    from medusa_operator.resource.status import Status

BACKLOG = 1000
"""Events that wait to be posted; more are dropped: they are never the only record."""
NOTE = 1024
"""Bytes of an Event's note."""
WITHOUT_STATUS = (
    "the API server stores no status of this resource, as its spec does not fit the definition, and nothing "
    "runs until it is corrected"
)

logger = structlog.get_logger("events")


def changes(before: Status, after: Status) -> Iterator[Condition]:
    """Yield the conditions of *after* that say something new.

    `Reconciling`, `Stalled` and `Migrated` repeat what `Ready` says, `Verified` does where there is drift.
    """
    ready = after.condition("Ready")
    for condition in after.conditions:
        old = before.condition(condition.type)
        was = (old.status, old.reason) if old is not None else ("", "")
        if condition.type == "Ready":
            new = was != (condition.status, condition.reason)
        elif condition.type == "Verified":
            new = was != (condition.status, condition.reason) and _tells(was[0], condition)
            new = new and (ready is None or ready.reason != condition.reason)
        elif condition.type == "Seeded" and condition.reason == Reason.SEED_SKIPPED:
            new = was[1] != condition.reason
        else:
            new = condition.type in ("Seeded", "Suspended") and was[0] != condition.status == "True"
        if new:
            yield condition


def _tells(before: str, verified: Condition) -> bool:
    """Return whether the condition Verified says what nobody expects; good news only after bad."""
    if verified.status == "True":
        return before == "False"
    return verified.status == "False" or verified.reason != Reason.NOT_VERIFIED_YET


def body(database: Database, condition: Condition, now: datetime) -> dict[str, Any]:
    """Return the Event that reports *condition*."""
    meaning = MEANINGS.get(condition.reason)
    alarming = meaning is not None and meaning.category in (Category.RETRIED, Category.STALLED)
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "namespace": database.namespace,
            "name": f"{database.name[:200]}.{uuid.uuid4().hex[:16]}",
        },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "Warning" if alarming else "Normal",
        "reason": condition.reason,
        "action": "Reconcile",
        "note": condition.message.encode()[:NOTE].decode(errors="ignore"),
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": database.namespace,
            "name": database.name,
            "uid": database.uid,
            "resourceVersion": database.resource_version,
        },
        "reportingController": f"medusadb.dev/{MANAGED_BY}",
        "reportingInstance": os.environ.get("POD_NAME") or socket.gethostname(),
    }


def without_status(database: Database, refused: str, now: datetime) -> dict[str, Any]:
    """Return the Event that reports a spec with which the API server *refused* to store any status."""
    message = plain.text(f"{WITHOUT_STATUS}: {refused}", MESSAGE)
    condition = Condition("Ready", "False", Reason.INVALID_SPEC, message, now, database.generation)
    return body(database, condition, now)


@dataclass(frozen=True, slots=True)
class Recorder:
    """Posts Events one after the other, beside the passes; best effort."""

    cluster: Cluster
    _backlog: asyncio.Queue[dict[str, Any]] = field(
        default_factory=lambda: asyncio.Queue(maxsize=BACKLOG)
    )

    def add(self, event: dict[str, Any]) -> None:
        """Post *event* soon."""
        if not self._backlog.full():
            self._backlog.put_nowait(event)

    async def post(self) -> None:
        """Post Events for ever."""
        while True:
            event = await self._backlog.get()
            try:
                await self.cluster.post_event(event)
            except ApiError as exc:
                logger.debug("An Event was not posted", error=str(exc))
