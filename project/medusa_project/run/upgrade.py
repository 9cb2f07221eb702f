"""Brings a database up to what a project wants: ask, refuse or run each command, ask again, record it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from medusa_migrations.catalog import release_notes
from medusa_migrations.catalog.version import Version
from medusa_migrations.contract.errors import NotAcknowledgedError
from medusa_migrations.records import project_runs
from medusa_project.fence.command import EndCause
from medusa_project.packages import installation, programs, recipes, skew
from medusa_project.run import destructive, execute, guard, look, pending
from medusa_project.run.execution import Execution

if TYPE_CHECKING:
    from collections.abc import Callable

    from medusa_migrations.catalog.model import Note
    from medusa_migrations.contract.errors import RefusedError
    from medusa_migrations.records.project_runs import ProjectRun
    from medusa_project.packages.installation import Project
    from medusa_project.run.execute import (
        FencedDatabase,
        FencedRun,
        FenceOptions,
    )
    from medusa_project.run.execution import CommandRun
    from medusa_project.run.ledgers import Ledgers
    from medusa_project.run.pending import Unapplied, Wanted


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


@dataclass(frozen=True, slots=True)
class ProjectUpgrade:
    """An upgrade that nothing stands in the way of, as far as that is known without a database."""

    project: Project
    asked: UpgradeOptions
    commands: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    """Each command: what is started, and how messages spell it."""
    notes: tuple[str, ...]
    """What a person should know of the way they will run."""


def prepare(project: Project, asked: UpgradeOptions, options: FenceOptions) -> ProjectUpgrade:
    """Return the upgrade that is *asked* for. No database is needed for that.

    Raises RefusedError where the project has another version than the one asked for, and UsageError where its command
    line or Node is missing, or it does not know what is asked.
    """
    guard.require_installed(project, asked.to)
    installation.require_declared(project)
    node = programs.node(options.node, options.environment)
    cli = programs.cli(project, recipes.of(project))
    found = recipes.commands(project, asked.links, scripts=asked.scripts)
    commands = tuple(((node, str(cli), *words), ("medusa", *words)) for words in found)
    notes = (*recipes.warnings(project), *skew.warnings(project, cli))
    return ProjectUpgrade(project, asked, commands, notes)


def migrate(database: FencedDatabase, upgrade: ProjectUpgrade) -> Execution:
    """Run the commands of the *upgrade* on the *database*, under the lock; return what they did.

    Raises as `execute.run` does: then nothing was started.
    """
    with execute.opened(database, upgrade.project) as this:
        done = _run(this, upgrade)
        if not done.has_lost_lock:
            done = replace(done, after=this.ledgers())
            return execute.recorded(this, "migrate", upgrade.project, done)
    return replace(done, after=execute.read_again(this))


def preview(database: FencedDatabase, upgrade: ProjectUpgrade) -> Execution:
    """Return what `migrate` would find and run, and for what it would be refused.

    No lock is taken, nothing is written.
    """
    with execute.opened(database, upgrade.project, locked=False) as this:
        done = _look(this, upgrade)
        return replace(done, after=this.before, would=_would_run(upgrade, done))


def _would_run(upgrade: ProjectUpgrade, done: Execution) -> tuple[tuple[str, ...], ...]:
    """Return the commands that would run after a look has found what is *done*; none where nothing is left."""
    left = done.predicted
    if left is None or not _is_left(left, upgrade.asked, done.before):
        return ()
    alone = ("medusa", *recipes.of(upgrade.project).scripts)
    scripts = left.scripts or done.before.unfinished
    return tuple(words for _, words in upgrade.commands if words != alone or scripts)


def _run(this: FencedRun, upgrade: ProjectUpgrade) -> Execution:
    project, asked = upgrade.project, upgrade.asked
    done = _look(this, upgrade)
    done = _agreed(done, asked)
    wanted = done.listed.wanted if done.listed else None
    if done.refusal is not None or wanted is None or done.predicted is None:
        return done
    if _nothing(project, wanted, done.predicted, asked, this.before):
        return done
    runs: list[CommandRun] = []
    for argv, shown in upgrade.commands:
        if runs and not _goes_on(this, project, wanted, runs[-1]):
            break
        runs.append(this.run(argv, shown))
    if runs[-1].ended.cause is not EndCause.BY_ITSELF:
        return replace(done, runs=tuple(runs), listed=None)
    listed = this.list(project)
    runs[-1] = execute.as_both(runs[-1], listed)
    return replace(done, runs=tuple(runs), listed=listed)


def _look(this: FencedRun, upgrade: ProjectUpgrade) -> Execution:
    """Ask the project, and note what would be dropped and what nobody has agreed to."""
    project, asked = upgrade.project, upgrade.asked
    listed = this.list(project)
    notes = upgrade.notes
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
    latest = project_runs.latest(this.conn, this.schema)
    server = this.conn.info.server_version
    done = replace(
        done,
        predicted=left,
        losses=losses,
        notes=(
            *notes,
            *release_notes.too_old(Version(*project.number), listed.wanted.node, server),
        ),
        crossed=_crossed(project, this.before, left, latest),
    )
    return replace(done, refusal=_refusal(upgrade, listed.wanted, done, latest))


def _crossed(
    project: Project, before: Ledgers, left: Unapplied, latest: ProjectRun | None
) -> tuple[Note, ...]:
    """Return what the releases ask between the version that was recorded last and the installed one.

    Where none is recorded and something is pending, those of all versions; an empty database crosses none.
    """
    if not before.is_v2 or (latest is None and not any(left.counts.values())):
        return ()
    after = Version(*installation.numbers(latest.medusa)) if latest else None
    return release_notes.between(after, Version(*project.number))


def _refusal(
    upgrade: ProjectUpgrade, wanted: Wanted, done: Execution, latest: ProjectRun | None
) -> RefusedError | None:
    project, asked = upgrade.project, upgrade.asked
    older = guard.downgrade(project, wanted, done.before, latest)
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
    if recipes.of(project).unlisted or wanted.isolated:
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
