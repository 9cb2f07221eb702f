"""What kopf calls: unwraps what a watch reports and hands it on, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import kopf
import structlog

from medusa_operator.api.client import AGENT, CONNECT_SECONDS, REQUEST_SECONDS
from medusa_operator.api.cluster import CHUNK, ObjectKind
from medusa_operator.api.errors import DeadWatchError
from medusa_operator.loop.cache import name_of
from medusa_operator.resource import answers
from medusa_operator.resource.parse import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import aiohttp

    from medusa_operator.api.login import Login
    from medusa_operator.loop.health import Health
    from medusa_operator.loop.intake import Intake

BACKOFFS = (1, 2, 4, 8)
"""Seconds between attempts to list or watch; after these kopf begins anew, a second later."""
CANCELLATIONS, CANCELLATION_SECONDS = 5, 2.0
"""How often, and how far apart, what the watches consist of is cancelled in the end."""

logger = structlog.get_logger("watch")


def registry(intake: Intake, health: Health) -> kopf.OperatorRegistry:
    """Return the handlers: one for each kind of object that is watched."""
    handlers = kopf.OperatorRegistry()
    for kind in ObjectKind:
        kopf.on.event(*_names(kind), id=kind.plural, registry=handlers)(
            _handler(kind, intake, health)
        )
    return handlers


def _handler(kind: ObjectKind, intake: Intake, health: Health) -> Callable[..., Any]:
    async def handle(event: Any, **_: Any) -> None:
        health.dead_watches.pop(kind.plural, None)
        body = answers.opened(event["object"])
        if event["type"] == "DELETED":
            with contextlib.suppress(InvalidError):  # then it was never taken in
                intake.remove(kind, *name_of(body))
        else:
            intake.put(kind, body)

    return handle


def settings(selector: str) -> kopf.OperatorSettings:
    """Return how kopf is to work: patient watches, bounded requests, nothing written by itself."""
    found = kopf.OperatorSettings()
    found.peering.standalone = True
    found.posting.enabled = False
    found.scanning.disabled = True
    found.persistence.finalizer = "medusadb.dev/kopf"
    found.persistence.diffbase_storage = _Forgetful()
    found.persistence.progress_storage = kopf.MultiProgressStorage([])
    found.watching.server_timeout = 290
    found.watching.client_timeout = 310
    found.watching.connect_timeout = CONNECT_SECONDS
    found.watching.reconnect_backoff = 1.0
    found.watching.chunk_size = CHUNK
    found.networking.request_timeout = REQUEST_SECONDS
    found.networking.connect_timeout = CONNECT_SECONDS
    found.networking.error_backoffs = BACKOFFS
    found.networking.enforce_retry_after = True
    found.queueing.error_delays = (1, 2, 5, 10, 30, 60)
    found.queueing.idle_timeout = 0.5  # a worker keeps the last body until it ends
    found.queueing.exit_timeout = 5
    found.process.ultimate_exiting_timeout = 20
    for kind in ObjectKind:
        if labels := kind.selector(selector):
            found.watching.label_selectors[_names(kind)] = labels
    return found


async def watch(
    handlers: kopf.OperatorRegistry,
    login: Login,
    opened: Callable[[], aiohttp.ClientSession],
    namespaces: Sequence[str],
    selector: str,
    began: Callable[[], None],
) -> None:
    """Watch for ever, calling *began* at the start; raise DeadWatchError when a watch has died.

    kopf gets a session that is *opened* for each time it logs in.
    """
    sessions: list[aiohttp.ClientSession] = []

    @kopf.on.login(registry=handlers)
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        session = opened()
        sessions[:] = [*(one for one in sessions if not one.closed), session]
        return kopf.AiohttpSession(
            server=login.server, default_namespace=login.namespace, aiohttp_session=session
        )

    @kopf.on.startup(registry=handlers)
    async def started(**_: Any) -> None:
        asyncio.get_running_loop().call_soon(began)  # once kopf has set its own signal handlers

    earlier = asyncio.all_tasks()
    try:
        tasks = await kopf.spawn_tasks(
            registry=handlers,
            settings=settings(selector),
            # else kopf looks for the name of its user, and one that the platform chose has none
            identity=AGENT,  # type: ignore[arg-type]  # a str; its type is private
            clusterwide=not namespaces,
            namespaces=namespaces,
        )
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except Exception as exc:
        raise DeadWatchError(f"a watch has died: {str(exc) or type(exc).__name__}") from exc
    finally:
        await _end(earlier)
        for session in sessions:  # kopf closes them, but not where it is cancelled in its end
            await session.close()
    raise DeadWatchError("the watches have ended")


async def _end(earlier: set[asyncio.Task[Any]]) -> None:
    """End every task but those *earlier* than the watches, as kopf.run_tasks does, but insist.

    A watch of kopf's that waits for an answer takes a cancellation for a pause, and begins again. kopf
    asks only once, and so would wait for it until it kills the process.
    """
    # what kopf has not started by then is dropped, of which Python would warn on stderr
    warnings.filterwarnings("ignore", r"coroutine '\w+' was never awaited", RuntimeWarning)
    asked = 0
    while left := asyncio.all_tasks() - earlier - {asyncio.current_task()}:
        if asked == CANCELLATIONS:
            logger.warning("Watches do not end", tasks=sorted(task.get_name() for task in left))
            return
        for task in left:
            task.cancel()
        asked += 1
        await asyncio.wait(left, timeout=CANCELLATION_SECONDS)


class _Forgetful(kopf.DiffBaseStorage):
    """Remembers no object as it was last seen; kopf's own way copies each one several times an event."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass


def _names(kind: ObjectKind) -> tuple[str, str, str]:
    """Return group, version and plural; the group of core kinds is empty."""
    words = kind.root.split("/")
    return ("", words[2], kind.plural) if words[1] == "api" else (words[2], words[3], kind.plural)
