"""Whether a person has agreed to cross the breaking versions of a path."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from medusa_migrations.contract.errors import NotAcknowledgedError

if TYPE_CHECKING:
    from medusa_migrations.catalog.model import Note
    from medusa_migrations.plan.plan import Plan
    from medusa_migrations.run.context import RunContext


def ask(context: RunContext, path: Plan) -> RunContext:
    """Return *context* with the breaking versions of *path* acknowledged, where a person agrees to them.

    Raises as `require` does where nobody agrees, or nobody is there to be asked.
    """
    missing = _missing(context, path)
    asked = context.options.ask
    if missing and asked is not None and asked(missing):
        known = context.options.acknowledged | {note.version for note in missing}
        options = dataclasses.replace(context.options, acknowledged=known)
        context = context._replace(options=options)
    require(context, path)
    return context


def require(context: RunContext, path: Plan) -> None:
    """Raise NotAcknowledgedError where a breaking version of *path* is not acknowledged, and must be.

    Its detail has what the upgrade guides ask before these versions.
    """
    missing = _missing(context, path)
    if not missing:
        return
    versions = tuple(str(note.version) for note in missing)
    first, flags = missing[0], " ".join(f"--acknowledge {version}" for version in versions)
    raise NotAcknowledgedError(
        f"the way crosses breaking versions ({', '.join(versions)}). "
        f"{first.version}: {first.summary} Read `medusa-db notes`, then add {flags}",
        versions=versions,
        detail="\n".join(
            f"- {note.version} asks beforehand: {line}" for note in missing for line in note.before
        ),
    )


def _missing(context: RunContext, path: Plan) -> list[Note]:
    if not context.options.on_breaking:
        return []
    return [note for note in path.breaking if note.version not in context.options.acknowledged]
