"""Pure: what the ledgers of Medusa v1 and v2 hold. They are the truth; an exit code is not."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

V1_LEDGER, V2_LEDGER = "migrations", "link_module_migrations"
FIRST_OF_V1 = "initialSchema1611063162649"
"""The migration that every database of Medusa v1 begins with."""
NAMED_BY = {
    V1_LEDGER: "name",
    "mikro_orm_migrations": "name",
    V2_LEDGER: "table_name",
    "script_migrations": "script_name",
}
"""Each ledger, and its column of names. Modules of v1 write mikro_orm_migrations too."""


@dataclass(frozen=True, slots=True)
class Ledgers:
    """The names in each ledger that exists, in their order."""

    names: Mapping[str, tuple[str, ...]]
    unfinished: tuple[str, ...] = ()
    """Scripts that were begun and have not come to their end."""

    @property
    def is_v1(self) -> bool:
        """Whether Medusa v1 has made the database."""
        return FIRST_OF_V1 in self.names.get(V1_LEDGER, ())

    @property
    def is_v2(self) -> bool:
        """Whether Medusa v2 has made the database: v1's link modules keep no ledger."""
        return V2_LEDGER in self.names

    @property
    def doubled(self) -> tuple[str, ...]:
        """Names that a ledger has more than once, as runs at the same time leave them."""
        return tuple(
            name for ledger in self.names.values() for name, n in Counter(ledger).items() if n > 1
        )

    @property
    def done(self) -> dict[str, list[str]]:
        """The names that need not run again, by ledger."""
        return {
            ledger: [name for name in names if name not in self.unfinished]
            for ledger, names in self.names.items()
        }

    @property
    def digest(self) -> str:
        """What distinguishes these migrations and links from others; scripts change no schema."""
        names = {
            ledger: sorted(names)
            for ledger, names in self.names.items()
            if ledger != "script_migrations"
        }
        return "sha256:" + hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()

    def since(self, before: Ledgers) -> dict[str, tuple[str, ...]]:
        """Return what each ledger has that it had not *before*."""
        found = {}
        for ledger, names in self.names.items():
            had = Counter(before.names.get(ledger, ()))
            new = []
            for name in names:
                if had[name] > 0:
                    had[name] -= 1
                else:
                    new.append(name)
            found[ledger] = tuple(new)
        return found
