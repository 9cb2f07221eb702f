"""What can be done to an operator's world: the names of disturbances, and what they may reach for."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos_recorder import Key, Recorder
    from chaos_replicas import Replicas
    from chaos_shops import Fleet, Tenant
    from medusa_testbed.api import Api
    from medusa_testbed.control_plane import ControlPlane
    from medusa_testbed.kubelet.kubelet import Kubelet
    from medusa_testbed.proxy import Proxy


@dataclass(slots=True)
class Arena:
    """All that disturbances may reach for."""

    cluster: ControlPlane
    kubelet: Kubelet
    fleet: Fleet
    replicas: Replicas
    recorder: Recorder
    proxy: Proxy
    namespaces: tuple[str, ...]
    """Those of the shops."""
    prepare: Callable[[str], None]
    """Makes a namespace with the rights that the operator needs in it."""
    is_named: bool = False
    """Whether the operator watches these namespaces by name, with a Role in each."""
    is_without_api_server: bool = False
    loosened: bool = False
    """Whether the definition of MedusaDatabase takes anything."""
    spoilt: set[Key] = field(default_factory=set)
    """Shops that hold what the shipped definition prunes as soon as it is back."""

    @property
    def api(self) -> Api:
        """The API as an administrator sees it."""
        return self.cluster.api

    def present(self) -> list[Tenant]:
        """Return the shops that are not away at the moment."""
        return [tenant for tenant in self.fleet.tenants if not tenant.away]


class NotYetError(Exception):
    """Something cannot be put right at the moment; the text says why."""


@dataclass(frozen=True, slots=True)
class Strike:
    """What a disturbance did, and what has to be done about it later."""

    about: str
    after: float = 0.0
    """Seconds until *undo*."""
    undo: Callable[[], object] | None = None
    """Called until it returns anything but False, and raises no NotYetError."""


Act = Callable[[Arena, random.Random], Strike | None]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One kind of trouble."""

    name: str
    weight: int
    """How often it is drawn, against the others."""
    strike: Act
    """Does it; None where there was nothing to do it to."""


ALL: dict[str, Disturbance] = {}
"""Every disturbance by its name; the modules that have them fill it."""


def disturbance(weight: int) -> Callable[[Act], Act]:
    """Make a function a disturbance, by its name."""

    def register(act: Act) -> Act:
        name = act.__name__.replace("_", " ")
        ALL[name] = Disturbance(name, weight, act)
        return act

    return register


def pick(arena: Arena, dice: random.Random) -> Tenant | None:
    """Draw a shop; None where the one that was drawn is away."""
    tenant = dice.choice(arena.fleet.tenants)
    return None if tenant.away else tenant
