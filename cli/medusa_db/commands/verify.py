"""`verify`: compares the live schema with a version's, in one snapshot; writes nothing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from medusa_db import streams
from medusa_db.commands import options, output
from medusa_db.commands.database import connected, look
from medusa_db.commands.readonly import require
from medusa_db.commands.reporting import reported
from medusa_db.show import text
from medusa_migrations.catalog import load
from medusa_migrations.contract.errors import RefusedError, VerificationError
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan import proof
from medusa_migrations.plan.findings import joined
from medusa_migrations.postgres import connection
from medusa_migrations.preflight import comparison
from medusa_migrations.run.outcome import Comparison, Outcome
from medusa_migrations.schema import fixes
from medusa_migrations.schema.ddl import DialectError
from medusa_migrations.schema.drift import Difference, Object
from medusa_migrations.schema.severity import DriftSeverity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from medusa_db.arguments.looking import VerifyArguments
    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.plan.findings import Finding
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.preflight.comparison import Live
    from medusa_migrations.schema.model import Schema
    from medusa_migrations.schema.verify import Verdict


def verify(args: VerifyArguments) -> int:
    """Compare the live schema with that of a version, and name each difference."""
    outcome = Outcome("verify", run_id=args.report.run_id)
    return reported(args.report, outcome, lambda: _run(args, outcome)).exit_code


def _run(args: VerifyArguments, outcome: Outcome) -> None:
    catalog = load.read()
    outcome.target = options.known(catalog, args.to, "--to")
    own = options.shop_migrations(args.shop)
    observed, live, stops, files = _look(args, catalog, own, outcome)
    outcome.warnings += files
    _compare(args, catalog, observed, live, stops, files, outcome)


def _look(
    args: VerifyArguments, catalog: Catalog, own: Sequence[Migration], outcome: Outcome
) -> tuple[DatabaseState, Live, list[Difference], list[str]]:
    """Read ledger and schema as they are at one moment, whoever changes them meanwhile.

    And what would stop the upgrade to the version that is asked for, and which files of the shop's *own*
    are not what was applied.
    """
    with connected(args.database, "verify", args.patience.connect_wait) as (conn, address):
        with connection.snapshot(conn):
            observed = look(args.database, conn, address, catalog, tables=False)
            outcome.schema = observed.schema
            outcome.is_at(observed.place(catalog))
            live = comparison.read(conn, catalog, observed.schema)
            files = options.differing_files(conn, args.shop, own, observed)
        return observed, live, _stopping(args, conn, address, catalog, observed), files


def _stopping(
    args: VerifyArguments,
    conn: Connection[Any],
    address: Address,
    catalog: Catalog,
    observed: DatabaseState,
) -> list[Difference]:
    """Return what would stop the upgrade to the version that is asked for, where there is one to do."""
    target = args.to
    if target is None or observed.proof.empty:
        return []
    missing = {*options.pending(catalog, observed, target, args.flag)}
    if not missing or proof.newer(catalog, observed.proof.applied, target):
        return []
    from medusa_migrations.preflight import preflight  # noqa: PLC0415  only where an upgrade is asked about

    items = [one for one in catalog.enabled(target, observed.proof.flags) if one.name in missing]
    found = preflight.look(conn, address, catalog, observed, target, items)
    return [_as_difference(one, target) for one in found if one.error is not None]


def _hint(catalog: Catalog, observed: DatabaseState, schema: Schema) -> str:
    from medusa_migrations.plan import evidence  # noqa: PLC0415  most shops are as they should be

    return evidence.hint(catalog, observed.ledger.rows, schema)


def _as_difference(finding: Finding, target: Version) -> Difference:
    """Return what forbids an upgrade to *target* as a difference of the database from what that needs."""
    return Difference(
        Object("upgrade", "", finding.reason),
        finding.problem,
        fix=finding.fix or finding.before,
        severity=DriftSeverity.BLOCKS,
        effect=f"an upgrade to {target} is refused",
        hint=finding.advice,
    )


def _compare(
    args: VerifyArguments,
    catalog: Catalog,
    observed: DatabaseState,
    live: Live,
    stops: Sequence[Difference],
    files: Sequence[str],
    outcome: Outcome,
) -> None:
    target = args.to or observed.at or observed.proof.latest
    schema = live.schema
    if target is None:
        raise RefusedError(
            f"the database is {observed.place(catalog)}: its ledger proves no version to verify. "
            f"Name one with --to. {_hint(catalog, observed, schema)}".rstrip(". "),
            reason="NoVersion",
        )
    pending = options.pending(catalog, observed, target, args.flag)
    try:
        verdict = comparison.compare(catalog, target, observed.proof.applied, live)
    except DialectError as exc:
        raise VerificationError(
            f"the names in the ledger cannot all have run: {exc}. `medusa-db repair` shows which rows the schema "
            "proves"
        ) from exc
    if not args.to and verdict.differences:
        verdict = _with_next(catalog, observed, schema, verdict)
    verdict = dataclasses.replace(verdict, differences=(*verdict.differences, *stops))
    counts = {DriftSeverity.HARMFUL, *((DriftSeverity.BLOCKS,) if args.to else ())}
    failing = [one for one in verdict.differences if args.strict or one.severity in counts]
    described = [fixes.described(one, observed.schema) for one in verdict.differences]
    drift = [str(one) for one in failing]
    ok = not failing and not pending
    outcome.target = target
    outcome.comparison = Comparison(
        verified=ok,
        drift=tuple(drift),
        differences=tuple(described),
        foreign=tuple(verdict.foreign),
        variant=tuple(verdict.variant),
    )
    hint = "" if ok else _hint(catalog, observed, schema)
    if args.output == "json":
        output.print_json(
            {
                "version": str(target),
                "ok": ok,
                "pending": pending,
                "drift": drift,
                "differences": described,
                "variant": list(verdict.variant),
                "foreign": list(verdict.foreign),
            }
            | ({"shopFiles": list(files)} if files else {})
            | ({"repair": hint} if hint else {}),
            within=streams.ANSWER,
        )
    else:
        elsewhere = bool(pending) or proof.newer(catalog, observed.proof.applied, target)
        of = f"its ledger ({observed.place(catalog)})" if elsewhere else str(target)
        shown = [text.verdict(verdict, of, observed.schema)]
        if files:
            shown.append(f"Files of your own:\n{text.bullets(files)}")
        if pending:
            shown.append(f"The ledger lacks, for {target}:\n" + text.bullets(pending))
        if hint:
            shown.append(f"{hint}. Look at that before you change the schema.")
        output.print_result("\n".join(shown), within=streams.ANSWER)
    if not failing or not pending or hint:  # a wrong ledger explains what differs
        require(catalog, observed, target, pending, allow_newer=False)
    outcome.state = RunState.DONE
    if failing:
        raise VerificationError(f"the database is not what {target} should be: {joined(drift)}")


def _with_next(
    catalog: Catalog, observed: DatabaseState, schema: Schema, verdict: Verdict
) -> Verdict:
    """Return *verdict* with the differences marked that would stop an upgrade to the newest version."""
    from medusa_migrations.plan import earlier  # noqa: PLC0415  only where something differs

    newest, applied = catalog.newest, {*observed.proof.applied}
    items = [
        one for one in catalog.enabled(newest, observed.proof.flags) if one.name not in applied
    ]
    found = earlier.foresee(catalog, observed.proof, observed.at, newest, items, schema)
    stopped = {str(one): failing.item for failing in found.blocked for one in failing.because}
    marked = [
        one
        if one.harmful or str(one) not in stopped
        else dataclasses.replace(
            one,
            severity=DriftSeverity.BLOCKS,
            effect=f"the upgrade to {newest} would fail in {stopped[str(one)]}",
        )
        for one in verdict.differences
    ]
    return dataclasses.replace(verdict, differences=tuple(marked))
