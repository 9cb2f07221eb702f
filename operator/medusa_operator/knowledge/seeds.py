"""Pure: whether a seed is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_operator.resource.spec import Seed, SeedPolicy, Source, Spec, digest

if TYPE_CHECKING:
    from medusa_operator.knowledge.learn import Facts
    from medusa_operator.resource.model import SeedSource


def due(spec: Spec, facts: Facts, found: SeedSource | None) -> bool:
    """Return whether the database that the spec names is to be seeded, now or once it is migrated.

    What was seeded stays seeded where its document is taken away.
    """
    if spec.seed is None:
        return False
    last = facts.seed
    if last is None or last.reference != spec.database.reference:
        return True
    if spec.seed.policy is SeedPolicy.ONCE or (found is not None and found.missing):
        return False
    return last.source != source(spec.seed, facts, found)


def source(seed: Seed, facts: Facts, found: SeedSource | None) -> str:
    """Return a hash that is another one when the document is.

    A Secret cannot be looked into: there the reference and the retry annotation say so.
    """
    if seed.source.source is Source.SECRET:
        return digest(str(seed.source), facts.retry_token)
    return digest(str(seed.source), found.checksum if found is not None else "")
