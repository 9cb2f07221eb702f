"""`verify`: compares the live schema with a version's, in one snapshot; writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medusa_db import streams
from medusa_db.commands import options, output
from medusa_db.commands.database import connected, look
from medusa_db.commands.readonly import require
from medusa_db.commands.reporting import reported
from medusa_db.show import text
from medusa_migrations.catalog import load
from medusa_migrations.contract.errors import RefusedError, VerificationError
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan import evidence
from medusa_migrations.plan.findings import joined
from medusa_migrations.postgres import connection, introspect
from medusa_migrations.preflight import integrity
from medusa_migrations.run.outcome import Comparison, Outcome
from medusa_migrations.schema import fixes
from medusa_migrations.schema import verify as verifying
from medusa_migrations.schema.ddl import DialectError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medusa_db.arguments.looking import VerifyArguments
    from medusa_migrations.catalog.model import Catalog, Migration
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.schema.drift import Difference
    from medusa_migrations.schema.model import Schema


def verify(args: VerifyArguments) -> int:
    """Compare the live schema with that of a version, and name each difference."""
    outcome = Outcome("verify", run_id=args.report.run_id)
    return reported(args.report, outcome, lambda: _run(args, outcome)).exit_code


def _run(args: VerifyArguments, outcome: Outcome) -> None:
    catalog = load.read()
    outcome.target = options.known(catalog, args.to, "--to")
    own = options.shop_migrations(args.shop)
    observed, schema, working, files = _look(args, catalog, own, outcome)
    outcome.warnings += files
    _compare(args, catalog, observed, schema, working, files, outcome)


def _look(
    args: VerifyArguments, catalog: Catalog, own: Sequence[Migration], outcome: Outcome
) -> tuple[DatabaseState, Schema, list[Difference], list[str]]:
    """Read ledger and schema as they are at one moment, whoever changes them meanwhile.

    And what is wrong with keys and sequences, and which files of the shop's *own* are not what was applied.
    """
    with (
        connected(args.database, "verify", args.patience.connect_wait) as (conn, address),
        connection.snapshot(conn),
    ):
        observed = look(args.database, conn, address, catalog, tables=False)
        outcome.schema = observed.schema
        outcome.is_at(observed.place(catalog))
        schema = introspect.read(conn, observed.schema, lambda: verifying.tables(catalog))
        files = options.differing_files(conn, args.shop, own, observed)
        return observed, schema, integrity.look(conn, observed.schema, schema.tables), files


def _compare(
    args: VerifyArguments,
    catalog: Catalog,
    observed: DatabaseState,
    schema: Schema,
    working: Sequence[Difference],
    files: Sequence[str],
    outcome: Outcome,
) -> None:
    target = args.to or observed.at or observed.proof.latest
    if target is None:
        raise RefusedError(
            f"the database is {observed.place(catalog)}: its ledger proves no version to verify. "
            f"Name one with --to. {evidence.hint(catalog, observed.ledger.names, schema)}".rstrip(
                ". "
            ),
            reason="NoVersion",
        )
    pending = options.pending(catalog, observed, target, args.flag)
    try:
        verdict = verifying.verify(catalog, target, observed.proof.applied, schema).beside(working)
    except DialectError as exc:
        raise VerificationError(
            f"the names in the ledger cannot all have run: {exc}. `medusa-db repair` shows which rows the schema "
            "proves"
        ) from exc
    ok = verdict.ok and not pending
    outcome.target = target
    outcome.comparison = Comparison(
        verified=ok,
        drift=tuple(verdict.drift),
        foreign=tuple(verdict.foreign),
        variant=tuple(verdict.variant),
    )
    hint = "" if ok else evidence.hint(catalog, observed.ledger.names, schema)
    if args.output == "json":
        output.print_json(
            {
                "version": str(target),
                "ok": ok,
                "pending": pending,
                "drift": list(verdict.drift),
                "differences": [
                    {
                        "kind": one.object.kind,
                        "object": str(one.object),
                        "difference": str(one),
                        "fix": fixes.spelled(one, observed.schema),
                    }
                    for one in verdict.differences
                ],
                "variant": list(verdict.variant),
                "foreign": list(verdict.foreign),
            }
            | ({"shopFiles": list(files)} if files else {}),
            within=streams.ANSWER,
        )
    else:
        shown = [text.verdict(verdict, str(target), observed.schema)]
        if files:
            shown.append(f"Files of your own:\n{text.bullets(files)}")
        if pending:
            shown.append(f"The ledger lacks, for {target}:\n" + text.bullets(pending))
        if hint:
            shown.append(hint + ".")
        output.print_result("\n".join(shown), within=streams.ANSWER)
    require(catalog, observed, target, pending, allow_newer=False)
    outcome.state = RunState.DONE
    if not verdict.ok:
        raise VerificationError(
            f"the database is not what {target} should be: {joined(verdict.drift)}"
        )
