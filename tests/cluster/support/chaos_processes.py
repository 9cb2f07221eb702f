"""Disturbances: the replicas themselves, their clocks, tokens, Lease and connections."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from chaos_disturbances import Strike, disturbance
from chaos_replicas import skewed
from medusa_testbed.operators import HOME
from medusa_testbed.proxy import refusal

if TYPE_CHECKING:
    from chaos_disturbances import Arena
    from chaos_replicas import Replica
    from medusa_testbed.proxy import Answer, Call

_LEASES = "coordination.k8s.io/v1/leases"


def _a_replica(arena: Arena, dice: random.Random) -> Replica:
    """Draw a replica, mostly the one that leads."""
    lot, number = dice.random(), dice.randrange(len(arena.replicas.all))
    leader = arena.replicas.leader()
    return leader if leader is not None and lot < 0.7 else arena.replicas.all[number]


@disturbance(4)
def a_replica_is_killed(arena: Arena, dice: random.Random) -> Strike | None:
    """Kill a replica; it is back soon."""
    after = dice.choice((0.1, 2.0, 10.0))
    replica = _a_replica(arena, dice)
    arena.replicas.kill(replica, after)
    return Strike(f"{replica.name}, back in {after:.0f} s")


@disturbance(3)
def a_replica_is_stopped(arena: Arena, dice: random.Random) -> Strike | None:
    """Stop a replica with SIGSTOP, so that it goes on later without having noticed."""
    after = dice.choice((1.0, 6.0, 13.0, 18.0, 25.0))
    replica = _a_replica(arena, dice)
    if replica.due is not None or replica.stopped is not None:
        return None
    arena.replicas.pause(replica)
    return Strike(
        f"{replica.name} for {after:.0f} s", after, lambda: arena.replicas.resume(replica)
    )


@disturbance(3)
def a_clock_is_wrong(arena: Arena, dice: random.Random) -> Strike | None:
    """Start a replica again with a time of day that is off; it has the right one again later."""
    offset, after = dice.choice(("+1h", "+20m", "+90s", "-90s", "-20m")), dice.uniform(20, 60)
    replica = _a_replica(arena, dice)
    arena.replicas.kill(replica, 0.2, **skewed(offset))

    def right() -> None:
        arena.replicas.kill(replica, 0.2)

    return Strike(f"{replica.name}: {offset} for {after:.0f} s", after, right)


@disturbance(2)
def a_token_expires(arena: Arena, dice: random.Random) -> Strike | None:
    """Let the API server refuse a replica's token; a new one is there some seconds later."""
    after = dice.choice((0.1, 3.0, 12.0))
    replica = _a_replica(arena, dice)
    since = time.time()
    arena.replicas.expire_token(replica)

    def renew() -> None:
        arena.replicas.renew_token(replica)
        arena.recorder.trouble("token expired", since, replica.name)

    return Strike(f"{replica.name}, renewed in {after:.0f} s", after, renew)


@disturbance(2)
def the_lease_is_deleted(arena: Arena, dice: random.Random) -> Strike | None:
    """Delete the Lease, so that the other replica may take it while the leader still acts."""
    del dice
    since = time.time()
    arena.api.delete(_LEASES, HOME, HOME)
    return Strike("by hand", 10.0, lambda: arena.recorder.trouble("Lease deleted", since))


@disturbance(3)
def watches_are_cut(arena: Arena, dice: random.Random) -> Strike | None:
    """Cut the connections of all watches of the replica behind the proxy."""
    del dice
    arena.proxy.close_watches()
    return Strike("those behind the proxy")


@disturbance(4)
def requests_are_refused(arena: Arena, dice: random.Random) -> Strike | None:
    """Answer the replica behind the proxy in the API server's place, all of its requests or some."""
    status, reason = dice.choice(
        (
            (401, "Unauthorized"), (429, "TooManyRequests"), (500, "InternalError"),
            (503, "ServiceUnavailable"), (504, "Timeout"), (410, "Expired"),
        )
    )  # fmt: skip
    share, late, after = dice.choice((0.3, 1.0)), dice.random() < 0.3, dice.uniform(1, 12)
    lots = random.Random(dice.random())
    since = time.time()

    def answer(call: Call) -> Answer | None:
        if status == 410 and not call.watch:
            return None  # nobody says so of anything else
        return refusal(status, reason) if lots.random() < share else None

    setattr(arena.proxy, "after" if late else "before", answer)

    def stop() -> None:
        arena.proxy.before = arena.proxy.after = lambda _call: None
        arena.recorder.trouble(f"{status} for requests", since, arena.replicas.all[1].name)

    when = "after they were done" if late else "before"
    return Strike(f"{share:.0%} of them with {status} {when} for {after:.0f} s", after, stop)
