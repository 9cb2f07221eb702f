"""A status in which every field says something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from medusa_operator.resource import status as statuses


def filled(kind: Any) -> Any:
    """Return a value of a dataclass in which every field says something."""
    hints = get_type_hints(kind, vars(statuses) | {"datetime": datetime, "Mapping": Mapping})
    return kind(**{field.name: _filled(hints[field.name], field.name) for field in fields(kind)})


def _filled(hint: Any, name: str) -> Any:
    kinds = (
        [k for k in get_args(hint) if k is not type(None)]
        if get_origin(hint) in (Union, UnionType)
        else [hint]
    )
    kind = kinds[0]
    if getattr(kind, "__origin__", None) is tuple:
        return (_filled(kind.__args__[0], name),)
    if getattr(kind, "__origin__", None) is Mapping:
        return {"products": {"created": 2}} if name == "counts" else {"mikro_orm_migrations": 7}
    if kind is datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)
    if kind is bool:
        return True
    if kind is int:
        return 7
    if issubclass(kind, StrEnum):
        return list(kind)[-1]
    if kind is str:
        return {"type": "Ready", "reason": "LockHeld"}.get(name, "1.20.11")
    return filled(kind)
