"""Turns options into what the engine takes; refuses what cannot be meant."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_db.commands import installed
from medusa_migrations.contract import concealed, values
from medusa_migrations.contract.errors import RefusedError, UsageError
from medusa_migrations.plan.plan import Request, kept_flags

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState


def request(args: argparse.Namespace, catalog: Catalog, *, project: Path | None = None) -> Request:
    """Return what is wanted of a run.

    Where no version is named, the one counts that the *project* in that folder has installed, and
    stderr says so.
    """
    target = known(catalog, args.to, "--to") or known(
        catalog, getattr(args, "baseline", None), "--baseline"
    )
    if target is None and project is not None:
        target = _installed(catalog, project)
    found = own(args)
    for migration in found:
        if catalog.knows(migration.name):
            raise UsageError(
                f"{migration.origin}: {migration.name} is the name of one of Medusa's own migrations"
            )
    return Request(
        target=target or catalog.newest,
        unasked=target is None,
        flags=flags(catalog, args.flag, os.environ),
        stops=tuple(args.stop),
        own=tuple(found),
        data_steps=not args.no_data_steps,
        asked=tuple(args.data_step),
    )


def _installed(catalog: Catalog, project: Path) -> Version | None:
    found = installed.find(project)
    if found is None:
        return None
    version = known(catalog, found.version, f"{found.file} has {installed.PACKAGE}")
    sys.stderr.write(f"medusa-db: wanted is {version}, as {found.file} says; --to names another\n")
    return version


def flags(catalog: Catalog, given: list[str], environment: Mapping[str, str]) -> dict[str, bool]:
    """Return the flags set by hand: `--flag name=true` wins over MEDUSA_FF_NAME.

    Raises UsageError for a flag that gates no migration or a value that is not true or false.
    """
    names = {alias: flag.name for flag in catalog.flags.values() for alias in flag.aliases}
    names |= {name: name for name in catalog.flags}
    found: dict[str, bool] = {}
    known = concealed.from_environment(environment)
    for alias, name in names.items():
        twin = f"MEDUSA_FF_{alias.upper()}"
        value = environment.get(twin)
        if value is not None:
            found[name] = _truth(value, twin, quoted=not known.hides(twin))
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
        said = exc if quoted else "its value is neither true nor false"
        raise UsageError(f"{where}: {said}") from exc


def known(catalog: Catalog, wanted: Version | None, option: str) -> Version | None:
    """Return *wanted* where it is a version we know; raise UsageError or RefusedError else."""
    if wanted is None or wanted in catalog.versions:
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
    args: argparse.Namespace, catalog: Catalog, observed: DatabaseState, target: Version
) -> list[str]:
    """Return the names that *target* would still run here."""
    given = flags(catalog, args.flag, os.environ)
    values = kept_flags(catalog, observed.proof, target) | given
    have = set(observed.proof.applied)
    names = [m.name for m in catalog.enabled(target, values) if m.name not in have]
    there = set(observed.proof.foreign)
    names += [m.name for m in own(args) if m.name not in there]
    return names


def own(args: argparse.Namespace) -> list[Migration]:
    """Return the shop's own migrations, where a folder is named; it is read once a command."""
    if not getattr(args, "migrations_dir", None):
        return []
    if "own" not in args:
        from medusa_migrations.plan import shop_migrations  # noqa: PLC0415  most runs have none
        from medusa_migrations.plan.formats import Format  # noqa: PLC0415

        folder = Path(args.migrations_dir)
        if concealed.from_environment(os.environ).hides(str(folder.absolute())):
            raise UsageError(
                f"--migrations-dir {folder} comes from a Secret, and messages about its statements would "
                "repeat them; put them into a ConfigMap"
            )
        args.own = shop_migrations.read(folder, Format(args.migrations_format))
    found: list[Migration] = args.own
    return found
