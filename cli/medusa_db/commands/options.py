"""Turns options into what the engine takes; refuses values that do not exist or contradict each other."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_migrations.contract import concealed, values
from medusa_migrations.contract.errors import RefusedError, UsageError
from medusa_migrations.plan.plan import Request, kept_flags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from psycopg import Connection

    from medusa_db.arguments.groups import ShopArguments, WayArguments
    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState


def request(
    way: WayArguments, catalog: Catalog, target: Version | None, own: Sequence[Migration]
) -> Request:
    """Return what is wanted of a run to *target*; None: no version was named, so it is not upgraded unasked.

    *own* are the shop's own migrations.
    """
    for migration in own:
        if catalog.knows(migration.name):
            raise UsageError(
                f"{migration.origin}: {migration.name} is the name of one of Medusa's own migrations"
            )
    return Request(
        target=target or catalog.newest,
        unasked=target is None,
        flags=flags(catalog, way.flag, os.environ),
        stops=way.stop,
        own=tuple(own),
        data_steps=not way.no_data_steps,
        asked=way.data_step,
    )


def absolute(path: str | Path) -> Path:
    """Return *path* from the root on; raise UsageError where it begins in a current folder that is gone."""
    try:
        return Path(path).absolute()
    except FileNotFoundError:
        raise UsageError(
            "the current folder does not exist any more; change to one that does"
        ) from None


def installed_version(catalog: Catalog, project: Path) -> Version | None:
    """Return the version that the *project* in that folder has installed, and print that it counts."""
    from medusa_project.packages import installed  # noqa: PLC0415  most runs are given a version

    found = installed.find(project)
    if found is None:
        return None
    version = known(catalog, found.version, f"{found.file} has {installed.PACKAGE}")
    sys.stderr.write(f"medusa-db: wanted is {version}, from {found.file}; --to names another\n")
    return version


def flags(
    catalog: Catalog, given: Sequence[str], environment: Mapping[str, str]
) -> dict[str, bool]:
    """Return the flags set by hand: `--flag name=true` wins over MEDUSA_FF_NAME.

    Raises UsageError for a flag that gates no migration or a value that is not true or false.
    """
    names = {alias: flag.name for flag in catalog.flags.values() for alias in flag.aliases}
    names |= {name: name for name in catalog.flags}
    found: dict[str, bool] = {}
    known = concealed.from_environment(environment)
    for alias, name in names.items():
        variable = f"MEDUSA_FF_{alias.upper()}"
        value = environment.get(variable)
        if value is not None:
            found[name] = _truth(value, variable, quoted=not known.hides(variable))
    for one in given:
        name, equals, value = one.partition("=")
        if name.lower() not in names:
            raise UsageError(
                f"--flag {one}: no migration depends on {name!r}; known are {', '.join(sorted(names))}"
            )
        found[names[name.lower()]] = _truth(value, f"--flag {name}") if equals else True
    return found


def _truth(value: str, where: str, *, quoted: bool = True) -> bool:
    try:
        return values.truth(value)
    except ValueError as exc:
        why = exc if quoted else "its value is neither true nor false"
        raise UsageError(f"{where}: {why}") from exc


def known(catalog: Catalog, wanted: Version | None, option: str) -> Version | None:
    """Return *wanted* where it is a version we know; raise RefusedError else."""
    return None if wanted is None else require_known(catalog, wanted, option)


def require_known(catalog: Catalog, wanted: Version, option: str) -> Version:
    """Return *wanted* where it is a version we know; raise RefusedError else."""
    if wanted in catalog.versions:
        return wanted
    if (wanted.major, wanted.minor) == (1, 0):
        raise RefusedError(
            f"{option} {wanted}: Medusa 1.0 kept its data in MongoDB and has no migrations; "
            "the first version with PostgreSQL is 1.1.0",
            reason="MongoDB",
        )
    if wanted.major >= 2:
        raise RefusedError(
            f"{option} {wanted}: Medusa v2 has another schema and needs a database of its own; "
            f"the newest version of v1 is {catalog.newest}",
            reason="MedusaV2",
        )
    near = ", ".join(map(str, catalog.nearest(wanted)))
    raise RefusedError(
        f"{option} {wanted}: there is no such version; near it are {near}", reason="UnknownVersion"
    )


def pending(
    catalog: Catalog,
    observed: DatabaseState,
    target: Version,
    given: Sequence[str],
    own: Sequence[Migration] = (),
) -> list[str]:
    """Return the names that *target* would still run here, with the flags that are *given*."""
    values = kept_flags(catalog, observed.proof, target) | flags(catalog, given, os.environ)
    have = set(observed.proof.applied)
    names = [m.name for m in catalog.enabled(target, values) if m.name not in have]
    foreign = set(observed.proof.foreign)
    names += [m.name for m in own if m.name not in foreign]
    return names


def differing_files(
    conn: Connection[Any], args: ShopArguments, own: Sequence[Migration], observed: DatabaseState
) -> list[str]:
    """Return which files of the shop's own are not what was applied, where a folder is named."""
    if not args.migrations_dir:
        return []
    from medusa_migrations.records import shop_files  # noqa: PLC0415  most runs have none

    recorded = shop_files.read(conn, observed.schema)
    return list(shop_files.differing(recorded, own, observed.ledger.names))


def shop_migrations(args: ShopArguments) -> list[Migration]:
    """Return the shop's own migrations, where a folder is named."""
    if not args.migrations_dir:
        return []
    from medusa_migrations.plan.shop import folder as folders  # noqa: PLC0415  most runs have none
    from medusa_migrations.plan.shop.formats import Format  # noqa: PLC0415

    folder = Path(args.migrations_dir)
    if concealed.from_environment(os.environ).hides(str(absolute(folder))):
        raise UsageError(
            f"--migrations-dir {folder} comes from a Secret, and messages about its statements would "
            "repeat them; put them into a ConfigMap"
        )
    return folders.read(folder, Format(args.migrations_format))
