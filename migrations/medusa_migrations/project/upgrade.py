"""Brings a database up to what a project wants: ask, refuse or run each command, ask again, record it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from medusa_migrations.contract.errors import NotAcknowledgedError
from medusa_migrations.fence.command import EndCause
from medusa_migrations.project import (
    destructive,
    execute,
    guard,
    look,
    pending,
    programs,
    recipes,
)
from medusa_migrations.project.execution import Execution
from medusa_migrations.records import project_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from medusa_migrations.catalog.version import Version
    from medusa_migrations.contract.errors import RefusedError
    from medusa_migrations.postgres.address import Address
    from medusa_migrations.project.execute import FencedRun, FenceOptions
    from medusa_migrations.project.execution import CommandRun
    from medusa_migrations.project.installation import Project
    from medusa_migrations.project.ledgers import Ledgers
    from medusa_migrations.project.pending import Unapplied, Wanted


@dataclass(frozen=True, slots=True)
class UpgradeOptions:
    """What is asked of an upgrade by a project's own commands."""

    to: Version | None = None
    """The version that must be installed; None: whichever is."""
    links: str = "safe"
    scripts: bool = True
    on_breaking: bool = False
    """Whether a person has to agree to what drops rows, and to links that are left."""
    agreed: frozenset[str] = frozenset()
    """What was agreed to: versions, and `links`."""
    ask: Callable[[str], bool] | None = None
    """Asks a person, where there is one."""


def migrate(
    conn: Connection[Any],
    address: Address,
    options: FenceOptions,
    project: Project,
    asked: UpgradeOptions,
    mask: Callable[[str], str],
    say: Callable[[str], None],
) -> Execution:
    """Run the commands of the *project*'s Medusa on the database of *conn*, under the lock; return what they did.

    Raises as `execute.run` and `commands` do: then nothing was started.
    """
    found = commands(project, asked, options)
    with execute.opened(conn, address, options, project, mask, say) as this:
        done = _run(this, project, asked, found)
        lost = done.ended is not None and done.ended.cause is EndCause.LOCK_LOST
        if not lost:
            done = replace(done, after=this.ledgers())
            return execute.recorded(this, "migrate", project, done)
    return replace(done, after=execute.read_again(this))


def preview(
    conn: Connection[Any],
    address: Address,
    options: FenceOptions,
    project: Project,
    asked: UpgradeOptions,
    mask: Callable[[str], str],
    say: Callable[[str], None],
) -> Execution:
    """Return what `migrate` would find, and for what it would be refused; no lock is taken, nothing is written."""
    commands(project, asked, options)
    with execute.opened(conn, address, options, project, mask, say, locked=False) as this:
        done = _look(this, project, asked)
        return replace(done, after=this.before)


def would_run(
    project: Project, asked: UpgradeOptions, done: Execution
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that would run after a preview has found what is *done*; none where nothing is left."""
    left = done.predicted
    if left is None or not _is_left(left, asked, done.before):
        return ()
    found = recipes.commands(project, asked.links, scripts=asked.scripts)
    alone = recipes.of(project).scripts
    scripts = left.scripts or done.before.unfinished
    return tuple(("medusa", *words) for words in found if words != alone or scripts)


def commands(
    project: Project, asked: UpgradeOptions, options: FenceOptions
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Return each command: what is started, and how messages spell it. No database is needed for that.

    Raises RefusedError where the project has another version than the one asked for, and UsageError where its command
    line or Node is missing, or it does not know what is asked.
    """
    guard.require_installed(project, asked.to)
    node = programs.node(options.node, options.environment)
    cli = str(programs.cli(project, recipes.of(project)))
    found = recipes.commands(project, asked.links, scripts=asked.scripts)
    return tuple(((node, cli, *words), ("medusa", *words)) for words in found)


def _run(
    this: FencedRun,
    project: Project,
    asked: UpgradeOptions,
    found: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...],
) -> Execution:
    done = _look(this, project, asked)
    done = _agreed(done, asked)
    wanted = done.listed.wanted if done.listed else None
    if done.refusal is not None or wanted is None or done.predicted is None:
        return done
    if _nothing(project, wanted, done.predicted, asked, this.before):
        return done
    runs: list[CommandRun] = []
    for argv, shown in found:
        if runs and not _goes_on(this, project, wanted, runs[-1]):
            break
        runs.append(this.run(argv, shown))
    if runs[-1].ended.cause is not EndCause.BY_ITSELF:
        return replace(done, runs=tuple(runs), listed=None)
    listed = this.list(project)
    runs[-1] = execute.as_both(runs[-1], listed)
    return replace(done, runs=tuple(runs), listed=listed)


def _look(this: FencedRun, project: Project, asked: UpgradeOptions) -> Execution:
    """Ask the project, and note what would be dropped and what nobody has agreed to."""
    listed = this.list(project)
    notes = tuple(recipes.warnings(project))
    done = Execution(
        (), this.before, this.before, listed,
        scripts_wanted=asked.scripts and bool(recipes.of(project).without_scripts),
        all_links=asked.links == "all", notes=notes,
    )  # fmt: skip
    if listed.wanted is None:
        return done
    left = pending.pending(listed.wanted, this.before)
    drops = [
        one
        for name in left.migrations
        for one in destructive.dropped(name, listed.wanted.texts.get(name, ""))
    ]
    losses = look.losses(this.conn, this.where, drops)
    return replace(
        done,
        predicted=left,
        losses=losses,
        refusal=_refusal(
            this, project, asked, listed.wanted, replace(done, predicted=left, losses=losses)
        ),
    )


def _refusal(
    this: FencedRun, project: Project, asked: UpgradeOptions, wanted: Wanted, done: Execution
) -> RefusedError | None:
    latest = project_runs.latest(this.conn, this.schema)
    older = guard.downgrade(project, wanted, this.before, latest)
    if older is not None or not asked.on_breaking or done.predicted is None:
        return older
    skipped = () if done.all_links else done.predicted.skipped
    return guard.not_agreed(project, done.losses, skipped, asked.agreed)


def _agreed(done: Execution, asked: UpgradeOptions) -> Execution:
    """Take a refusal back where a person agrees."""
    refusal = done.refusal
    if isinstance(refusal, NotAcknowledgedError) and asked.ask and asked.ask(str(refusal)):
        return replace(done, refusal=None)
    return done


def _nothing(
    project: Project, wanted: Wanted, left: Unapplied, asked: UpgradeOptions, before: Ledgers
) -> bool:
    """Return whether no command needs to run, as all that they would do is listed and nothing of it is left."""
    recipe = recipes.of(project)
    isolated = project.major == 1 and wanted.migrations.get("mikro_orm_migrations")
    if recipe.unlisted or isolated:  # link modules of v1 keep no ledger
        return False
    return not _is_left(left, asked, before)


def _is_left(left: Unapplied, asked: UpgradeOptions, before: Ledgers) -> bool:
    links = (*left.links, *(left.skipped if asked.links == "all" else ()))
    scripts = (left.scripts or before.unfinished) if asked.scripts else ()
    return bool(left.migrations or links or scripts)


def _goes_on(this: FencedRun, project: Project, wanted: Wanted, last: CommandRun) -> bool:
    """Return whether the command behind *last*, which runs scripts, is to run: all is in place, and there are any."""
    if last.ended.cause is not EndCause.BY_ITSELF or last.ended.exit_code != 0:
        return False
    found = this.ledgers()
    left = pending.pending(wanted, found)
    if left.migrations:
        return False
    again = recipes.of(project).repeats_unfinished and found.unfinished
    return bool(left.scripts or again)
