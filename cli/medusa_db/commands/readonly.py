"""`status` and `wait`: they look, and write nothing."""

from __future__ import annotations

import itertools
import re
import sys
import time
from typing import TYPE_CHECKING

from medusa_db import streams
from medusa_db.commands import options, output
from medusa_db.commands.database import connected, look
from medusa_db.show import seed as seed_text
from medusa_db.show import text
from medusa_migrations.catalog import load
from medusa_migrations.contract.errors import (
    LockHeldError,
    NotYetError,
    RefusedError,
    UnreachableError,
    UnsupportedError,
    UsageError,
    VerificationError,
)
from medusa_migrations.contract.redact import redact
from medusa_migrations.plan import observe
from medusa_migrations.plan.findings import joined
from medusa_migrations.plan.plan import is_newer, require_works
from medusa_migrations.postgres import bounded
from medusa_migrations.preflight import standing
from medusa_migrations.records import history
from medusa_seed.shop import records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medusa_db.arguments.looking import StatusArguments, WaitArguments
    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.schema.drift import Difference


_ANSWER = 10.0
"""Seconds after which a server that does not answer `wait` is asked anew, on another connection."""
_AGES = re.compile(r"\d+ s\b")
"""What changes with every look, in a sentence that is printed once."""


def show(args: StatusArguments) -> int:
    """Show what is applied and pending, as Medusa's own tool does."""
    return status(args, names=True)


def status(args: StatusArguments, *, names: bool = False) -> int:
    """Show where the database is."""
    if args.check is None or args.check.major < 2:
        try:
            return _status(args, names=names)
        except UnsupportedError as exc:
            if exc.reason != "MedusaV2":
                raise
    from medusa_db.commands.project import inspect  # noqa: PLC0415  a shop of v1 needs none of it

    return inspect.status_without_project(args, names=names)


def _status(args: StatusArguments, *, names: bool) -> int:
    catalog = load.read()
    wanted = options.known(catalog, args.check, "--check")
    own = options.shop_migrations(args.shop)  # files are checked before anything is opened
    with connected(args.database, "status", args.patience.connect_wait) as (conn, address):
        observed = look(args.database, conn, address, catalog)
        waits = sorted(itertools.chain(*observe.waiting(conn, catalog, observed)))
        seed = records.latest(conn, observed.schema)
        unreadable = history.why_unreadable(conn)
        stands = standing.look(conn, catalog, observed)
        files = options.differing_files(conn, args.shop, own, observed)
    target = wanted or observed.at or observed.proof.latest or catalog.newest
    pending = options.pending(catalog, observed, target, args.flag, own)
    drift = [str(one) for one in stands.differences]
    not_compared = str(stands.unread or "")
    within = streams.ANSWER if wanted else None
    if args.output == "json":
        shown = observed.proof
        output.print_json(
            {
                "versions": [str(version) for version in shown.versions],
                "place": str(observed.place(catalog)),
                "schema": observed.schema,
                "flags": dict(shown.flags),
                "applied": list(shown.applied),
                "foreign": list(shown.foreign),
                "doubled": list(shown.doubled),
                "target": str(target),
                "pending": pending,
                "dataStepsWaiting": list(waits),
                "drift": drift,
                "differences": _described(stands.differences, observed.schema),
                "seed": records.to_dict(seed) if seed else None,
                "history": [history.to_dict(run) for run in observed.runs],
            }
            | ({"notCompared": not_compared} if not_compared else {})
            | ({"historyUnreadable": unreadable} if unreadable else {})
            | ({"shopFiles": files} if files else {})
            | ({"repair": stands.hint} if stands.hint else {}),
            within=within,
        )
    else:
        if names:
            lines = [f"[X] {name}" for name in observed.proof.applied]
            lines += [f"[ ] {name}" for name in pending]
        else:
            seeded = seed_text.seeded(seed)
            lines = [text.status(catalog, observed, waits, seeded, drift, stands.hint)]
            if not_compared:
                lines.append(f"\nThe schema was not compared with its version's: {not_compared}.")
            if files:
                lines.append(f"\nFiles of your own:\n{text.bullets(files)}")
            if unreadable:
                lines.append(f"\nThe history of runs cannot be read: {unreadable}.")
            if wanted and pending:
                lines.append(f"\npending for {wanted}:\n{text.bullets(pending)}")
        output.print_result("\n".join(lines), within=within)
    if wanted:
        require(catalog, observed, wanted, pending, allow_newer=False)
    return 0


def _described(differences: Sequence[Difference], schema: str) -> list[dict[str, str]]:
    if not differences:
        return []
    from medusa_migrations.schema import fixes  # noqa: PLC0415  hardly ever needed

    return [fixes.described(one, schema) for one in differences]


def wait(args: WaitArguments) -> int:
    """Wait until the database is at a version; read-only and bounded."""
    wanted, look_once = _waited_for(args)
    deadline = time.monotonic() + args.timeout
    logged, unreachable_since = "", None
    while True:
        try:
            place = look_once(deadline)
        except (LockHeldError, NotYetError, UnreachableError) as exc:
            if (without := _AGES.sub("", str(exc))) != logged:
                logged = without
                sys.stderr.write(f"medusa-db: waiting: {redact(str(exc))}\n")
            now = time.monotonic()
            unreachable_since = (
                (unreachable_since or now) if isinstance(exc, UnreachableError) else None
            )
            if _over(unreachable_since, args.connect_wait, now):
                raise
            if now + 1 > deadline:
                raise NotYetError(
                    f"gave up after {args.timeout:g} s: {exc}", reason="WaitTimeout"
                ) from exc
            time.sleep(1)
        else:
            if args.output == "json":
                body = {"version": place, "for": str(wanted), "ok": True}
                body |= {"verified": True} if args.verify else {}
                output.print_json(body, within=streams.ANSWER)
            elif place == str(wanted):
                by = "the schema was compared" if args.verify else "by its ledger"
                if wanted.major >= 2:
                    by = "by the record of a run, and its ledgers are as that has left them"
                output.print_result(f"The database is at {wanted} ({by}).", within=streams.ANSWER)
            else:
                output.print_result(
                    f"The database is at {place}; a server of {wanted} works with it.",
                    within=streams.ANSWER,
                )
            return 0


def _waited_for(args: WaitArguments) -> tuple[Version, Callable[[float], str]]:
    """Return the version that is waited for, and what looks once, until a moment, whether a server can start on it."""
    if args.for_.major >= 2:
        _refuse_for_v2(args)
        return args.for_, lambda deadline: _look_for_v2(args, deadline)
    catalog = load.read()
    wanted = options.require_known(catalog, args.for_, "--for")
    return wanted, lambda deadline: _look_once(args, catalog, wanted, deadline)


def _refuse_for_v2(args: WaitArguments) -> None:
    """Raise UsageError for options that mean nothing there, as nobody knows the schema of a shop's own v2."""
    given = {"--flag": args.flag, "--allow-newer": args.allow_newer, "--verify": args.verify}
    for name, value in given.items():
        if value:
            raise UsageError(
                f"{name} has no meaning for Medusa v2: its versions are known by the record that medusa-db migrate "
                "--project leaves; leave it out"
            )


def _look_for_v2(args: WaitArguments, deadline: float) -> str:
    """Return the version that a run has brought the database to, where that is the one that is waited for."""
    from medusa_migrations.records import project_runs  # noqa: PLC0415
    from medusa_project.run import guard, look  # noqa: PLC0415  a shop of v1 needs none of it

    with connected(args.database, "wait", patience=0.0, until=deadline) as (conn, address):
        bounded.bound(conn, _ANSWER)
        where = look.schemas(conn, args.database.schema or address.schema)
        found = look.ledgers(conn, where)
        schema = look.schema_of(conn, where)
        guard.require_at(args.for_, found, project_runs.latest(conn, schema))
    return str(args.for_)


def _over(since: float | None, limit: float | None, now: float) -> bool:
    """Return whether a server that cannot be reached *since* then is given up on."""
    return since is not None and limit is not None and now + 1 - since > limit


def _look_once(args: WaitArguments, catalog: Catalog, wanted: Version, deadline: float) -> str:
    """Return where the database is, where *wanted* can start on it."""
    with connected(args.database, "wait", patience=0.0, until=deadline) as (conn, address):
        bounded.bound(conn, _ANSWER)
        observed = look(args.database, conn, address, catalog)
        pending = options.pending(catalog, observed, wanted, args.flag)
        require(catalog, observed, wanted, pending, allow_newer=args.allow_newer)
        stands = standing.look(conn, catalog, observed) if args.verify else standing.Standing()
    _require_compared(stands, str(observed.place(catalog)))
    undecided = observed.at is None and wanted in observed.proof.possible
    return str(wanted if undecided else observed.place(catalog))


def _require_compared(stands: standing.Standing, here: str) -> None:
    """Raise VerificationError where the schema differs from that of *here*, NotYetError where it is not known."""
    if stands.unread is not None:
        raise NotYetError(
            f"the ledger is at {here}, and the schema was not compared: {stands.unread}"
        )
    if stands.differences:
        raise VerificationError(
            f"the ledger is at {here}, and the schema is not: "
            f"{joined([str(one) for one in stands.differences])}. `medusa-db verify` lists all of it, "
            "with the SQL to fix it"
        )


def require(
    catalog: Catalog,
    observed: DatabaseState,
    wanted: Version,
    pending: list[str],
    *,
    allow_newer: bool,
) -> None:
    """Raise NotYetError below *wanted*, RefusedError above it."""
    here = observed.place(catalog)
    if is_newer(catalog, observed.proof, wanted, observed.at):
        if not allow_newer:
            raise RefusedError(
                f"the database is at {here}, which is newer than {wanted}; "
                "a server of that version may not work with it",
                reason="Newer",
            )
        require_works(catalog, observed.proof, wanted, observed.at)
    elif pending:
        raise NotYetError(
            f"the database is at {here}; "
            f"{text.count(len(pending), 'migration')} pending for {wanted}"
        )
