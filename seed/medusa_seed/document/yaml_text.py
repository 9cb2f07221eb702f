"""Reads a YAML document: safe types only, keys once, and aliases only as far as they stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from medusa_migrations.contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable

LONGEST = 8 << 20
"""Bytes of a YAML document; JSON is read piece by piece and may be larger."""
MOST_VALUES = 1_000_000
"""Values that a document may have once its aliases are written out."""


def load(raw: bytes, name: str) -> Any:
    """Return what *raw* says; raise UsageError, naming file and line, where that is not YAML."""
    loader = _Loader(raw)
    try:
        found = loader.get_single_data()
        if _size(found, {}) > MOST_VALUES:
            raise UsageError(
                f"{name}: its aliases write out to more than {MOST_VALUES} values",
                reason="InvalidDocument",
            )
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(
            f"{name} is not YAML{where}: {exc.problem or exc.context}", reason="InvalidDocument"
        ) from None
    except (yaml.YAMLError, ValueError) as exc:
        said = str(exc).strip().splitlines()
        raise UsageError(
            f"{name} is not YAML: {said[0] if said else 'unreadable'}", reason="InvalidDocument"
        ) from None
    except RecursionError:
        raise UsageError(f"{name} is nested too deeply", reason="InvalidDocument") from None
    finally:
        loader.dispose()
    return {} if found is None else found


def _size(value: Any, known: dict[int, int]) -> int:
    """Return how many values *value* has, each alias counted as what it stands for."""
    if not isinstance(value, dict | list):
        return 1
    key = id(value)
    if key not in known:
        known[key] = MOST_VALUES + 1  # for one that holds itself
        inner = value.values() if isinstance(value, dict) else value
        known[key] = 1 + sum(_size(item, known) for item in inner)
    return known[key]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # either loader
    """A safe loader that refuses a key that is there twice."""

    def construct_mapping(
        self, node: yaml.MappingNode, *, deep: bool = False
    ) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge" or not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key.value}" is there twice', key.start_mark
                )
            seen.add(key.value)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found
