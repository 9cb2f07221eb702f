"""Pure: whether commands of a project's Medusa may run on a database, and whether a server may start on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import NotAcknowledgedError, NotYetError, RefusedError
from medusa_migrations.contract.values import some
from medusa_project.packages import installation
from medusa_project.run.ledgers import FIRST_OF_V1, V2_LEDGER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from medusa_migrations.catalog.version import Version
    from medusa_migrations.records.project_runs import ProjectRun
    from medusa_project.packages.installation import Project
    from medusa_project.run.destructive import Loss
    from medusa_project.run.ledgers import Ledgers
    from medusa_project.run.pending import LinkChange, Wanted

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


def require_installed(project: Project, wanted: Version | None) -> None:
    """Raise RefusedError where *wanted* is another version than the *project* has installed."""
    if wanted is not None and (wanted.major, wanted.minor, wanted.patch) != project.number:
        raise RefusedError(
            f"--to {wanted}: {project.spelled} is installed, and only that can run. Install {wanted}, or name the "
            "project (the image) that has it",
            reason="OtherVersion",
        )


def downgrade(
    project: Project, wanted: Wanted, before: Ledgers, latest: ProjectRun | None
) -> RefusedError | None:
    """Return why an older *project* must not run on a database that a newer one has migrated.

    None where the *latest* run was not of a newer one, or the ledgers hold nothing that this one does not know.
    """
    if latest is None or installation.numbers(latest.medusa) <= project.number:
        return None
    unknown = [
        name
        for ledger, names in wanted.migrations.items()
        for name in before.names.get(ledger, ())
        if name not in names
    ]
    if not unknown:
        return None
    back = (
        "take them back first, with the newer project: medusa db:rollback MODULE..., once for each of them"
        if project.major >= 2
        else "restore the backup from before that, or go on with the newer one"
    )
    return RefusedError(
        f"{project.spelled} is older than {latest.medusa}, which has migrated the database, and does not have "
        f"{len(unknown)} of its migrations: {some(unknown, 5)}. To go back, {back}",
        reason="Downgrade",
    )


def not_agreed(
    project: Project,
    losses: Sequence[Loss],
    skipped: Sequence[LinkChange],
    agreed: Collection[str],
) -> NotAcknowledgedError | None:
    """Return what nobody has *agreed* to: by the version what drops rows, by `links` what is left undone."""
    sentences, missing = [], []
    if losses and project.release not in agreed:
        missing.append(project.release)
        sentences.append(
            f"pending migrations drop what has rows: {some([one.spelled for one in losses], 5)}. Make a backup, and "
            f"add --acknowledge {project.release}"
        )
    if skipped and "links" not in agreed:
        missing.append("links")
        tables = some([f"{link.table} ({link.action})" for link in skipped], 5)
        sentences.append(
            f"tables of links are not as the project has them, and stay so: {tables}. Add --acknowledge "
            "links, or change them with --links all, which may lose rows"
        )
    if not missing:
        return None
    return NotAcknowledgedError(". ".join(sentences), versions=tuple(missing))


def require_at(wanted: Version, found: Ledgers, latest: ProjectRun | None) -> None:
    """Raise NotYetError where the *latest* run was not of *wanted*, or the ledgers are not what it has left.

    RefusedError where it was of a newer version, or the database is one of v1.
    """
    if found.is_v1 and not found.is_v2:
        raise RefusedError(
            f"this is a database of Medusa v1 (its table migrations has {FIRST_OF_V1}), and {wanted} needs "
            f"another. {_OWN}",
            reason="MedusaV1Database",
        )
    if latest is None:
        raise NotYetError(
            f"no run is recorded that has brought the database to a version, and {wanted} is waited for; "
            "`medusa-db migrate --project DIR` records one"
        )
    number = (wanted.major, wanted.minor, wanted.patch)
    if installation.numbers(latest.medusa) > number:
        raise RefusedError(
            f"the latest run has brought the database to {latest.medusa}, which is newer than {wanted}; a server "
            "of that version may not work with it",
            reason="Newer",
        )
    if installation.numbers(latest.medusa) != number:
        raise NotYetError(
            f"the latest run has brought the database to {latest.medusa}, not {wanted}"
        )
    if latest.ledgers != found.digest:
        raise NotYetError(
            f"the ledgers are not what the run to {latest.medusa} has left: something else has changed them since. "
            "`medusa-db migrate --project DIR` looks again"
        )
