"""Pure: whether the command of a project's Medusa may run on a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import RefusedError
from medusa_migrations.project.ledgers import FIRST_OF_V1, V2_LEDGER

if TYPE_CHECKING:
    from medusa_migrations.project.installation import Project
    from medusa_migrations.project.ledgers import Ledgers

_OWN = "Name a database of its own in DATABASE_URL, or its schema with --schema"


def require_same_major(found: Ledgers, project: Project, shown: str) -> None:
    """Raise RefusedError where the database *shown* was made by the other major version of Medusa.

    Neither refuses by itself: the migrations of v2 drop prices and images of a v1 shop, up to 2.11.1
    with exit code 0.
    """
    if project.major >= 2 and found.is_v1:
        raise RefusedError(
            f"{shown} is a database of Medusa v1 (its table migrations has {FIRST_OF_V1}), and "
            f"{project.spelled} would drop prices and images of it. {_OWN}{_both(found)}",
            reason="MedusaV1Database",
        )
    if project.major == 1 and found.is_v2:
        raise RefusedError(
            f"{shown} is a database of Medusa v2 (it has the table {V2_LEDGER}), and "
            f"{project.spelled} would break it. {_OWN}{_both(found)}",
            reason="MedusaV2Database",
        )


def _both(found: Ledgers) -> str:
    if not (found.is_v1 and found.is_v2):
        return ""
    return ". It has the ledgers of both: v2 has run on a v1 database. Restore the backup from before that"
