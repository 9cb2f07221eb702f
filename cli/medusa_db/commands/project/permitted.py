"""Pure: which options mean something beside `--project`? The others are refused."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from medusa_db.arguments import option
from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def require_only(args: Any, fields: Collection[str]) -> None:
    """Raise UsageError for an option of *args* that is given and is none of *fields*."""
    values = dict(_values(args))
    for row in option.rows(type(args)):
        if row.field not in fields and values[row.field] != row.default:
            raise UsageError(
                f"{row.name} has no meaning with --project, where the shop's own Medusa runs; leave it out, and "
                f"{row.variable} of the environment"
            )


def _values(args: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(args):
        value = getattr(args, field.name)
        if "group" in field.metadata:
            yield from _values(value)
        else:
            yield field.name, value
