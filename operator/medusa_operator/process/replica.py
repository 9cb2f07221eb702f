"""One replica of the operator: waits for its turn, leads, and lets go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from medusa_migrations.catalog import load
from medusa_operator.api import client
from medusa_operator.api.cluster import Cluster
from medusa_operator.api.errors import ApiError
from medusa_operator.api.lease import Leader
from medusa_operator.api.watch_session import open_watch_session
from medusa_operator.loop import watch
from medusa_operator.loop.cache import Cache
from medusa_operator.loop.events import Recorder
from medusa_operator.loop.health import Health, State
from medusa_operator.loop.intake import Intake
from medusa_operator.loop.queue import WORKERS, Controller, WorkQueue
from medusa_operator.loop.reconcile import Reconciler
from medusa_operator.loop.resync import Resync
from medusa_operator.process import http
from medusa_operator.process.authentication import Guard
from medusa_operator.process.metrics import Fleet, Metrics
from medusa_operator.process.options import TOKEN
from medusa_operator.resource.model import Settings, TemplatePolicy

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import aiohttp

    from medusa_operator.api.login import Login
    from medusa_operator.process.options import Options

LET_GO_SECONDS = 10.0
"""How long an end may take because of resources in a namespace that is being deleted."""
KNOCK = 2.0
"""Seconds between two looks for an API server, or a definition of our resource, that is not there."""

logger = structlog.get_logger("operator")


@dataclass(slots=True)
class Replica:
    """One process."""

    options: Options
    login: Login
    health: Health = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)
    cache: Cache = field(default_factory=Cache)
    queue: WorkQueue = field(default_factory=WorkQueue)
    _reconciler: Reconciler | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.health = Health(self.options.resync, namespaces=self.options.namespaces)
        self.metrics.registry.register(
            Fleet(self.cache, self.queue, self.health, self.options.max_concurrent_runs)
        )

    async def run(self) -> None:
        """Return after a signal asked to stop; raise OperatorError where another must take over."""
        self._heed_signals()
        try:
            await _together(self._stop.wait(), self._live())
        finally:
            logger.info("Stopped")

    async def _live(self) -> None:
        asked = self.options
        async with contextlib.AsyncExitStack() as opened:
            requests = await opened.enter_async_context(
                client.opened(self.login, self.metrics.called)
            )
            cluster = Cluster(requests, asked.namespaces, asked.selector)
            guard = Guard(cluster).refuse if asked.metrics_authentication == TOKEN else None
            await opened.enter_async_context(
                http.served(
                    self.health, self.metrics.registry, asked.health_address, asked.metrics_address,
                    guard,
                )
            )  # fmt: skip
            await _definition(cluster)
            self.health.state = State.STANDING_BY
            leader = Leader(
                cluster,
                asked.lease_namespace or os.environ.get("POD_NAMESPACE") or self.login.namespace,
                asked.lease,
                f"{socket.gethostname()}_{uuid.uuid4().hex[:8]}",
            )
            await leader.acquire()
            try:
                await _together(leader.keep(), self._lead(cluster))
            finally:
                if self._stop.is_set() and leader.held:
                    await self._let_go()
                await leader.release()

    async def _let_go(self) -> None:
        """Leave nothing held where we are being deleted together with what we see to."""
        if self._reconciler is not None:
            with contextlib.suppress(ApiError, TimeoutError):  # then a person has to; see the docs
                async with asyncio.timeout(LET_GO_SECONDS):
                    await self._reconciler.let_go()

    async def _lead(self, cluster: Cluster) -> None:
        asked = self.options
        intake = Intake(self.cache, self.queue, asked.max_concurrent_runs)
        recorder = Recorder(cluster)
        reconciler = self._reconciler = Reconciler(
            catalog=load.read(),
            cluster=cluster,
            cache=self.cache,
            settings=Settings(
                asked.image,
                TemplatePolicy(asked.pod_template_policy),
                asked.require_secret_annotation,
            ),
            recorder=recorder,
            limit=asked.max_concurrent_runs,
            ended=self.metrics.ended,
            freed=intake.admit_next,
            home=os.environ.get("POD_NAMESPACE") or self.login.namespace,
        )
        controller = Controller(self.queue, reconciler.reconcile, self.metrics.passed)
        resync = Resync(cluster, intake, self.health, asked.resync)
        await resync.first()
        self.health.state = State.LEADING
        await _together(
            self.health.watch_lag(),
            recorder.post(),
            *(controller.work() for _ in range(WORKERS)),
            resync.keep(),
            resync.revisit(),
            # the last, as in its end it ends every task that was made after it began
            watch.watch(
                watch.registry(intake, self.health),
                self.login,
                self._watch_session,
                asked.namespaces,
                asked.selector,
                began=self._heed_signals,
            ),
        )

    def _watch_session(self) -> aiohttp.ClientSession:
        return open_watch_session(self.login, self.metrics.called, self.health.watch_refused)

    def _heed_signals(self) -> None:
        """Stop on SIGINT and SIGTERM; again after kopf has begun, which heeds them in its own way."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)


async def _definition(cluster: Cluster) -> None:
    """Wait until the API server answers and our resource is defined in it."""
    logged = ""
    while True:
        try:
            if await cluster.serves_databases():
                return
            trouble = (
                "MedusaDatabase is not defined in the cluster; waiting until deploy/crd is applied"
            )
        except ApiError as exc:
            trouble = f"The API server cannot be used: {exc}"
        if trouble != logged:
            logger.warning(trouble)
            logged = trouble
        await asyncio.sleep(KNOCK)


async def _together(*parts: Coroutine[Any, Any, object]) -> None:
    """Run *parts* until the first of them ends, and end the others; raise what it raised."""
    done: set[asyncio.Task[object]] = set()
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            if task not in done:  # asked for its result once, a task forgets where it failed
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
    for task in done:
        task.result()
