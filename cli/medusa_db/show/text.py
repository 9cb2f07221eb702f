"""Pure: what a person reads on the terminal, or pastes into Markdown."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from medusa_migrations.catalog.model import DataStep, Migration, Severity
from medusa_migrations.contract.report import RunState
from medusa_migrations.plan.findings import script
from medusa_migrations.run.progress import size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medusa_migrations.catalog.model import Catalog, Note
    from medusa_migrations.catalog.version import Version
    from medusa_migrations.contract.errors import RunnerError
    from medusa_migrations.contract.report import Done
    from medusa_migrations.plan.evidence import Evidence
    from medusa_migrations.plan.observe import DatabaseState
    from medusa_migrations.plan.place import Place
    from medusa_migrations.plan.plan import Plan
    from medusa_migrations.run.outcome import Outcome
    from medusa_migrations.run.preview import PlannedTransaction, Preview
    from medusa_migrations.schema.verify import Verdict

WIDTH = 96
_WHO = {
    "access exclusive": "nobody reads or writes",
    **dict.fromkeys(("share", "share row exclusive", "exclusive"), "nobody writes"),
}
"""What others cannot do meanwhile; beside a weaker mode they go on as they do."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out *rows* under *head* in columns; empty without rows."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Spell a duration: `12 ms`, `3.4 s`, `5 min 2 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def bullets(lines: Sequence[str], mark: str = "-", indent: str = "  ") -> str:
    """Lay out *lines* as a list, wrapped."""
    return "\n".join(
        textwrap.fill(
            line, WIDTH, initial_indent=f"{indent}{mark} ", subsequent_indent=f"{indent}  ",
            break_long_words=False, break_on_hyphens=False,
        )
        for line in lines
    )  # fmt: skip


def plan(found: Preview) -> str:
    """Describe what would happen, and first whether it would be refused."""
    path, sizes, place = found.path, found.sizes, found.place
    here = "has tables and no ledger" if found.adopts else f"is at {place}"
    parts = [f"The database {here}; wanted is {path.target}."]
    parts += [_refusal(found, exc) for exc in found.refusals]
    if path.proof.foreign:
        parts.append(f"{len(path.proof.foreign)} migrations of plugins or the shop are left alone.")
    if found.options.baseline is not None:
        parts.append(
            f"The tables are those of {found.options.baseline}: their ledger would get "
            f"{count(len(found.adopts), 'row')}."
        )
    if found.nothing:
        parts.append("Nothing to do.")
    if path.moves and not path.steps:
        parts.append(f"No migration is needed; the history will name {path.target}.")
    for step, transactions in found.steps:
        parts.append(
            f"\nStep to {step.target}: {count(len(step.migrations), 'migration')}, "
            f"{count(len(step.data_steps), 'data step')}\n"
        )
        parts.append(
            table(
                ("", "RUNS", "OF", "LOCKS EXISTING TABLES"),
                [
                    (
                        str(number),
                        item.name,
                        str(item.version or "shop"),
                        _locks(item, found),
                    )
                    for number, item in enumerate(step.items, 1)
                ],
            )
        )
        parts.append(_held(found, transactions))
        parts += [_outside(part) for part in transactions if part.outside]
    rewritten = _rewritten(path, sizes)
    if rewritten:
        parts.append(
            f"\nRewritten tables need up to {size(sum(rewritten.values()))} more disk while it runs: "
            + ", ".join(f"{name} ({size(amount)})" for name, amount in rewritten.items())
            + "."
        )
    if path.assumed_done:
        names = ", ".join(step.name for step in path.assumed_done)
        parts.append(
            f"\nCounted as done before: {names}. To run one all the same: --data-step NAME"
        )
    if path.notes:
        parts.append(
            f"\nThe upgrade guides on the way ({notes_command(found.start, path.target)}):\n"
        )
        parts.append(_asks(path.notes))
    if path.maybe_notes:
        shown = ", ".join(str(note.version) for note in path.maybe_notes)
        parts.append(
            f"\nThe ledger does not distinguish the versions {place}; notes that may be behind you already: "
            f"{shown} (medusa-db notes)."
        )
    if not found.nothing:
        parts.append("\n" + _limits(found))
    parts.append(_beforehand(found))
    return "\n".join(part for part in parts if part)


def _beforehand(found: Preview) -> str:
    """List what was found, and the statements that belong to it."""
    lines = [*found.warnings, *map(str, found.findings)]
    parts = ["\nFound beforehand:\n" + bullets(lines)] if lines else []
    if statements := script(found.findings):
        parts.append("\n" + statements)
    return "\n".join(parts)


def pending(found: Preview) -> str:
    """Return a sentence about what would run."""
    path = found.path
    if found.adopts and not path.items:
        return f"a ledger of {found.options.baseline} would be written"
    if not path.items:
        return f"no migration is needed, and the history would name {path.target}"
    migrations = sum(len(step.migrations) for step in path.steps)
    data_steps = sum(len(step.data_steps) for step in path.steps)
    return f"{count(migrations, 'migration')} and {count(data_steps, 'data step')} to {path.target} would run"


def _refusal(found: Preview, exc: RunnerError) -> str:
    """Explain why the run would be refused; what is found beforehand is listed at the end."""
    grave = sum(finding.error is not None for finding in found.findings)
    listed = grave > 1 and exc.reason != "NotAcknowledged"
    why = f"{grave} things stand in the way, found beforehand (see the end)" if listed else exc
    asks = ". On a terminal it asks" if exc.reason == "NotAcknowledged" else ""
    return textwrap.fill(
        f"Would be refused (exit code {exc.exit_code}, {exc.reason}): {why}{asks}.", WIDTH,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _limits(found: Preview) -> str:
    """Describe how long the run would wait, and be allowed to take."""
    limits, run = found.options.limits, found.options.run_timeout
    waits = f"up to {_time(limits.lock_timeout)}" if limits.lock_timeout else "as long as it takes"
    return textwrap.fill(
        f"It would wait up to {_time(limits.lock_wait)} for another run and for busy tables, which it "
        f"asks for in tries of {_time(found.one_try)}; a statement would wait {waits} for any other "
        f"lock. A statement has {_most(limits.statement_timeout)}, the whole run {_most(run)}.",
        WIDTH,
    )


def _most(seconds: float) -> str:
    return f"{_time(seconds)} at most" if seconds else "no limit"


def _time(seconds: float) -> str:
    """Spell a limit as its option takes it: `1h`, `10m`, `2.5s`, `500ms`."""
    for unit, length in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= length and (seconds % length == 0 or unit == "s"):
            return f"{seconds / length:g}{unit}"
    return f"{seconds * 1000:g}ms"


def _asks(found: Sequence[Note]) -> str:
    """Show in one line a note what it is about, and in full what a breaking one asks before."""
    lines = []
    for note in found:
        lines.append(
            textwrap.fill(
                f"{str(note.version).ljust(8)}{note.severity.upper().ljust(10)}{note.summary}",
                WIDTH,
                subsequent_indent=" " * 18,
            )
        )
        if note.severity is Severity.BREAKING and note.before:
            lines.append(bullets(note.before, indent=" " * 18))
    return "\n".join(lines)


def _locks(item: Migration | DataStep, found: Preview) -> str:
    if isinstance(item, DataStep):
        return item.about
    own = found.own.get(item.name)
    outside = "outside of a transaction; " if item.alone else ""
    if own is not None:
        shown = [_lock(lock.table, lock.mode, found) for lock in own.known]
        if own.unknown:
            shown.append(f"unknown: {', '.join(own.unknown)}")
    else:
        shown = [
            _lock(lock.table, lock.mode, found, ", rewrites it" if lock.rewrite else "")
            for lock in item.locks
            if lock.table in found.sizes
        ]
    return outside + ("; ".join(shown) or "none")


def _lock(table: str, mode: str, found: Preview, rewrite: str = "") -> str:
    rows, bytes_ = found.sizes.get(table, (0, 0))
    return f"{table}: {mode}{rewrite} ({rows} rows, {size(bytes_)})"


def _held(found: Preview, transactions: Sequence[PlannedTransaction]) -> str:
    """Show which tables each transaction locks together, and for about how long."""
    if not any(part.held for part in transactions):
        return ""
    if len(transactions) > 1 or found.options.limits.each:
        lines = [
            f"{part.items[0].name} ({_lasts(found, part)}): " + "; ".join(_modes(part))
            for part in transactions
            if part.held
        ]
        return (
            "\nEach is a transaction of its own, and begins with locking, until it is committed:\n"
            + bullets(lines)
        )
    (part,) = transactions
    lines = _modes(part)
    for item in part.items:
        own = found.own.get(item.name)
        if own is not None and own.unknown:
            lines.append(
                f"not known: what {', '.join(own.unknown)} of {item.name} locks, when it comes to it"
            )
    return (
        "\nLocked together when the step begins, until it is committed:\n"
        + bullets(lines)
        + "\n"
        + textwrap.fill(
            f"That is {_lasts(found, part)}, by what was measured on two cores{_because(found, part)}. With "
            "--transaction each every migration locks its own tables only, and commits by itself.",
            WIDTH,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _outside(part: PlannedTransaction) -> str:
    names = ", ".join(item.name for item in part.items)
    return "\n" + textwrap.fill(
        f"{names} runs outside of a transaction, as the file asks: each statement is committed by itself, and "
        "stays where a later one fails.",
        WIDTH, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _modes(part: PlannedTransaction) -> list[str]:
    lines = []
    for mode, tables in part.held:
        lines.append(f"{mode} ({_WHO.get(mode, 'others go on')}): {', '.join(tables)}")
    return lines


def _lasts(found: Preview, part: PlannedTransaction) -> str:
    from medusa_migrations.schema import durations  # noqa: PLC0415  most starts show no plan

    about = sum(one.seconds for one in durations.work(part.items, found.sizes) if one.rows)
    return f"about {duration(about)}" if about >= 1 else "about a second, or less"


def _because(found: Preview, part: PlannedTransaction) -> str:
    from medusa_migrations.schema import durations  # noqa: PLC0415  most starts show no plan

    work = [one for one in durations.work(part.items, found.sizes) if one.rows]
    if sum(one.seconds for one in work) < 1:
        return ""
    shown = ", ".join(f"{one.kind} {one.table} ({one.rows} rows)" for one in work[:5])
    more = f" and {len(work) - 5} more" if len(work) > 5 else ""
    return f", because it {shown}{more}"


def _rewritten(path: Plan, sizes: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    return {
        lock.table: sizes[lock.table][1]
        for item in path.items
        if isinstance(item, Migration)
        for lock in item.locks
        if lock.rewrite and lock.table in sizes
    }


def notes(found: Sequence[Note]) -> str:
    """Show what the upgrade guides ask, for a terminal."""
    parts = []
    for note in found:
        head = f"{note.version}  {note.severity.upper()}  {note.summary}"
        parts.append(textwrap.fill(head, WIDTH, subsequent_indent="  "))
        if note.reason:
            parts.append(
                textwrap.fill(note.reason, WIDTH, initial_indent="  ", subsequent_indent="  ")
            )
        for title, lines in (("before", note.before), ("after", note.after)):
            if lines:
                parts.append(f"  {title}:")
                parts.append(bullets(lines, indent="    "))
        for command in note.commands:
            parts.append(
                textwrap.fill(command.when, WIDTH, initial_indent="  ", subsequent_indent="  ")
            )
            parts.append(f"    $ {command.run}")
        if note.older_servers_break:
            parts.append(f"  Servers older than {note.version} stop working after this.")
        if note.related:
            parts.append(
                bullets(
                    [f"{r.package} {r.version}: {r.summary} {r.url}" for r in note.related], "*"
                )
            )
        if note.url:
            parts.append(f"  {note.url}")
        parts.append("")
    return "\n".join(parts).rstrip()


def notes_markdown(found: Sequence[Note]) -> str:
    """Show what the upgrade guides ask, as Markdown."""
    parts = []
    for note in found:
        parts.append(f"## {note.version} ({note.severity})\n\n{note.summary}\n")
        if note.reason:
            parts.append(f"{note.reason}\n")
        for title, lines in (("Before", note.before), ("After", note.after)):
            if lines:
                parts.append(f"**{title}**\n\n" + "\n".join(f"- {line}" for line in lines) + "\n")
        parts += [f"{command.when}\n\n    {command.run}\n" for command in note.commands]
        if note.older_servers_break:
            parts.append(f"**Servers older than {note.version} stop working after this.**\n")
        if note.related:
            shown = [f"- {r.package} {r.version}: {r.summary} <{r.url}>" for r in note.related]
            parts.append("**Related**\n\n" + "\n".join(shown) + "\n")
        if note.url:
            parts.append(f"<{note.url}>\n")
    return "\n".join(parts).rstrip()


def report(found: Outcome, seconds: float) -> str:
    """Describe what a run did, in so many *seconds*."""
    committed, compared = found.committed, found.comparison
    if found.state is RunState.NOTHING:
        parts = [f"Nothing to do: the database is at {found.after}; wanted is {found.target}."]
    else:
        parts = []
        if committed.migrations:
            parts.append(_slowest("MIGRATION", committed.migrations))
        if committed.data_steps:
            rows = [(d.name, str(d.rows), duration(d.seconds)) for d in committed.data_steps]
            parts.append("\n" + table(("DATA STEP", "ROWS", "TOOK"), rows))
        if found.notes:
            asked = [note for note in found.notes if note.severity is not Severity.INFO]
            named = f" ({', '.join(str(note.version) for note in asked)})" if asked else ""
            parts.append(
                f"\nCrossed {count(len(found.notes), 'note')} of the upgrade guides, {len(asked)} ask "
                f"something of you{named}{_breaking(found.notes)}:\n"
                f"  {notes_command(found.before, found.target)}"
            )
        verified = {True: "verified", False: "NOT verified", None: "not verified"}[
            compared.verified
        ]
        if compared.earlier:
            known = _known(len(compared.earlier) - len(compared.around), len(compared.around))
            verified = (
                f"NOT verified, beside {known}" if compared.drift else f"verified, but for {known}"
            )
        ran = len(committed.migrations)
        parts.append(
            f"\nFrom {found.before} to {found.after}: {count(ran, 'migration') if ran else 'no migration'} in "
            f"{duration(seconds)}, {verified}."
        )
    waiting = [f"{name}: run the same command again later" for name in found.waiting or ()]
    for title, lines in (
        ("Warnings", found.warnings),
        ("Waiting", waiting),
        ("Drift", compared.drift),
    ):
        if lines:
            parts.append(f"\n{title}:\n{bullets(lines)}")
    if compared.foreign:
        parts.append(
            f"\n{count(len(compared.foreign), 'object')} of plugins or the shop left alone."
        )
    if found.history_off:
        parts.append(f"\nNo history is kept: {found.history_off}.")
    return "\n".join(parts).lstrip("\n")


def notes_command(here: Place | None, target: Version | None) -> str:
    """Return the command that shows the notes on the way from *here* to *target*."""
    start = here.argument("--from") if here else ""
    return f"medusa-db notes{start}" + (f" --to {target}" if target else "")


def _breaking(notes_found: Sequence[Note]) -> str:
    found = [str(note.version) for note in notes_found if note.severity is Severity.BREAKING]
    return f"; {len(found)} of them BREAKING: {', '.join(found)}" if found else ""


def _slowest(title: str, done: Sequence[Done], most: int = 8) -> str:
    shown = done if len(done) <= most else sorted(done, key=lambda d: -d.seconds)[:most]
    text = table((title, "TOOK"), [(entry.name, duration(entry.seconds)) for entry in shown])
    rest = len(done) - len(shown)
    return text + (f"\nand {rest} more, each faster" if rest else "")


def status(
    catalog: Catalog,
    observed: DatabaseState,
    waits: Sequence[str],
    seeded: str,
    differs: Sequence[str] = (),
    hint: str = "",
) -> str:
    """Describe where the database is, how its schema *differs*, and in words what it was *seeded* with.

    A *hint* says what the schema proves of the ledger.
    """
    proof = observed.proof
    rows = [("version", str(observed.place(catalog))), ("schema", observed.schema)]
    if observed.at is not None and len(proof.versions) > 1:
        rows[0] = ("version", f"{observed.at} (the ledger alone: {catalog.spell(proof.versions)})")
    others = f"{len(proof.foreign)} of others"
    if proof.foreign:
        others += "; what plugins still want is not known here, and is with --project DIR"
    rows.append(("migrations", f"{len(proof.applied)} of Medusa, {others}"))
    flags = ", ".join(f"{name} {'on' if on else 'off'}" for name, on in sorted(proof.flags.items()))
    rows.append(("flags", flags or "none shown"))
    if proof.doubled:
        rows.append(("doubled rows", ", ".join(proof.doubled)))
    if hint or proof.partial:
        wrong = hint or "`medusa-db repair` shows which rows of the ledger the schema proves"
        rows.append(("repair", wrong))
    if differs:
        rows.append(
            (
                "differences",
                f"{len(differs)}; `medusa-db verify` lists them, with the SQL to fix them",
            )
        )
    if waits:
        rows.append(("data steps waiting", ", ".join(waits)))
    if seeded:
        rows.append(("seeded", seeded))
    width = max(len(name) for name, _ in rows)
    parts = ["\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)]
    if observed.runs:
        history = [
            (
                run.started_at.strftime("%Y-%m-%d %H:%M:%S"),
                run.from_version,
                run.to_version,
                str(len(run.migrations)),
                duration((run.finished_at - run.started_at).total_seconds()),
                run.by_whom,
            )
            for run in observed.runs[:10]
        ]
        head = ("STARTED", "FROM", "TO", "MIGRATIONS", "TOOK", "BY")
        parts.append("\n" + table(head, history))
    return "\n".join(parts)


def repair(found: Evidence, here: Place, *, written: bool) -> str:
    """Describe what the schema proves of the ledger, by which the database is *here*."""
    if found.nothing:
        return f"Nothing to repair: the ledger says {here}, and the schema proves no row of it wrong and none missing."
    parts = []
    added = [f"{one.migration.name}: {one.reason}" for one in found.missing]
    removed = [f"{one.name}: {one.reason}" for one in found.groundless]
    verb = "Added to" if written else "Missing in"
    if added:
        parts.append(f"{verb} the ledger, as the schema proves:\n{bullets(added, '+')}")
    verb = "Taken from" if written else "Groundless in"
    if removed:
        parts.append(f"{verb} the ledger, as the schema proves:\n{bullets(removed)}")
    if found.unproven:
        parts.append(
            "Not in the ledger, and not to be proven; they stay pending:\n"
            + bullets(found.unproven)
        )
    end = (
        f"The database is at {here} now." if written else "Nothing was written; --apply writes it."
    )
    return "\n\n".join([*parts, end])


def verdict(found: Verdict, of: str, schema: str) -> str:
    """Describe what verification of *schema* found, the gravest first, and the SQL to fix it.

    *of* is what it was compared with: a version, or its ledger where that is at another one.
    """
    parts = []
    if not found.differences:
        parts.append(f"The schema is that of {of}.")
    else:
        from medusa_migrations.schema import fixes  # noqa: PLC0415  hardly ever needed
        from medusa_migrations.schema.severity import DriftSeverity  # noqa: PLC0415

        for severity, title in (
            (DriftSeverity.HARMFUL, f"The schema differs from that of {of}"),
            (DriftSeverity.BLOCKS, "In the way of an upgrade"),
            (DriftSeverity.HARMLESS, "Harmless differences (allowed)"),
        ):
            lines = []
            for one in found.differences:
                if one.severity is not severity:
                    continue
                lines.append(bullets([f"{one}: {one.effect}" if one.effect else str(one)]))
                how = fixes.spelled(one, schema)
                if how:
                    lines.append(f"    {how};")
                elif one.hint:
                    lines.append(f"    {one.hint}")
            if lines:
                parts.append(f"{title}:\n" + "\n".join(lines))
    if found.variant:
        parts.append(
            "As an upgrade by Medusa's own tool leaves it (allowed):\n" + bullets(found.variant)
        )
    if found.foreign:
        parts.append(
            f"{count(len(found.foreign), 'object')} of plugins or the shop (allowed):\n"
            + bullets(found.foreign)
        )
    return "\n".join(parts)


def _known(before: int, around: int) -> str:
    """Spell how many differences are no failure of a run: they were there before, or are around its tables."""
    parts = []
    if before:
        parts.append(
            f"{count(before, 'difference')} that {'was' if before == 1 else 'were'} there before"
        )
    if around:
        parts.append(f"{count(around, 'difference')} around its tables, below")
    return " and ".join(parts)


def count(number: int, what: str) -> str:
    """Spell a count: `1 migration`, `3 migrations`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
