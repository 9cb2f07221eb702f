"""Who may read `/metrics`: asked of the API server, as controller-runtime does, and kept for a moment."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from medusa_operator.api.errors import ApiError, ApiRefusedError
from medusa_operator.process.http import Denial

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_operator.api.cluster import Cluster

PATH = "/metrics"
ALLOWED_SECONDS = 60.0
"""How long a token that may read is not asked about again."""
REFUSED_SECONDS = 10.0
KEPT = 100
"""Tokens that are remembered, by their hash, so that strangers do not fill the memory."""
AT_ONCE = 4
"""Questions at a time, so that strangers do not keep the API server busy through us."""

logger = structlog.get_logger("metrics")


@dataclass(slots=True)
class Guard:
    """Lets in whose token the API server knows, and whom it allows to get the path."""

    cluster: Cluster
    clock: Callable[[], float] = time.monotonic
    _known: dict[bytes, tuple[float, Denial | None]] = field(default_factory=dict)
    """By the hash of a token: until when it holds, and why it may not."""
    _asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def refuse(self, authorization: str) -> Denial | None:
        """Return why whoever sent this header may not read; None: they may."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return Denial(
                401,
                "a bearer token is needed: the token of a ServiceAccount that may get the "
                f"nonResourceURL {PATH}",
            )
        key = hashlib.sha256(token.encode()).digest()
        async with self._asking:
            until, refusal = self._known.get(key, (0.0, None))
            if until > self.clock():
                return refusal
            try:
                refusal = await self._ask(token)
            except ApiError as exc:
                return _unanswered(exc)
            self._keep(key, refusal)
            return refusal

    async def _ask(self, token: str) -> Denial | None:
        user = await self.cluster.user_of(token)
        if user is None:
            return Denial(401, "the API server does not know this token, or it has expired")
        if not await self.cluster.may_get(user, PATH):
            return Denial(
                403,
                f"{user['user']} may not read this: a ClusterRole has to allow the verb get on "
                f"the nonResourceURL {PATH}",
            )
        return None

    def _keep(self, key: bytes, refusal: Denial | None) -> None:
        now = self.clock()
        if len(self._known) >= KEPT:
            self._known = {k: v for k, v in self._known.items() if v[0] > now}
        if len(self._known) >= KEPT:  # the oldest are the first
            del self._known[next(iter(self._known))]
        self._known.pop(key, None)
        self._known[key] = (
            now + (ALLOWED_SECONDS if refusal is None else REFUSED_SECONDS),
            refusal,
        )


def _unanswered(exc: ApiError) -> Denial:
    """Return what to say where nobody could be asked; it is our trouble, not the asker's."""
    why = f"the API server could not be asked who you are: {exc}"
    if isinstance(exc, ApiRefusedError):
        why = (
            f"the operator may not ask the API server who you are ({exc}); it needs the verb create "
            "on tokenreviews and subjectaccessreviews"
        )
    logger.warning("Metrics are not shown", error=why)
    return Denial(503, why)
