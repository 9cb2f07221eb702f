"""Reads a YAML document: safe types only, keys once, and aliases only as far as they stay small."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from medusa_migrations.contract.errors import UsageError
from medusa_seed.document.findings import MOST_DEEP, MOST_DIGITS, spell

if TYPE_CHECKING:
    from collections.abc import Hashable

    from medusa_seed.document.findings import Place

LONGEST = 8 << 20
"""Bytes of a YAML document; JSON is read piece by piece and may be larger."""
MOST_VALUES = 1_000_000
"""Values that a document may have once its aliases are written out."""


def load(raw: bytes, name: str) -> Any:
    """Return what *raw* holds; raise UsageError, naming file and line, where that is not YAML."""
    loader = None
    try:
        _refuse_deep(raw)
        loader = _Loader(raw)
        found = loader.get_single_data()
        if _measure(found, (), {}, 0)[0] > MOST_VALUES:
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
    except _TooDeepError as exc:
        raise UsageError(
            f"{name}, {exc}: nested deeper than {MOST_DEEP} levels",
            reason="InvalidDocument",
        ) from None
    except (yaml.YAMLError, ValueError) as exc:
        lines = str(exc).strip().splitlines()
        raise UsageError(
            f"{name} is not YAML: {lines[0] if lines else 'unreadable'}", reason="InvalidDocument"
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    return {} if found is None else found


def _refuse_deep(raw: bytes) -> None:
    """Refuse what is nested so deeply that the loader, which is written in C, would crash on it."""
    depth = 0
    for event in yaml.parse(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MOST_DEEP:
                mark = event.start_mark
                assert mark is not None  # noqa: S101  the parser reads a text
                raise _TooDeepError(f"line {mark.line + 1}, column {mark.column + 1}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _TooDeepError(Exception):
    """Something is nested deeper than a document may; the text is its place."""


def _measure(
    value: Any, place: Place, known: dict[int, tuple[int, int]], depth: int
) -> tuple[int, int]:
    """Return how many values *value* has, each alias counted as what it stands for, and its depth."""
    if not isinstance(value, dict | list):
        return 1, 0
    key = id(value)
    if key not in known:
        if depth >= MOST_DEEP:
            raise _TooDeepError(spell(place))
        known[key] = MOST_VALUES + 1, 0  # for one that holds itself
        size = height = 0
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            inner, deeper = _measure(item, (place, step), known, depth + 1)
            size, height = size + inner, max(height, deeper)
        known[key] = size + 1, height + 1
    if depth + known[key][1] > MOST_DEEP:
        raise _TooDeepError(spell(place))
    return known[key]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # either loader
    """A safe loader that refuses a key that is given twice, or is no text."""

    def construct_mapping(
        self, node: yaml.MappingNode, *, deep: bool = False
    ) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.tag != "tag:yaml.org,2002:str" or not isinstance(key, yaml.ScalarNode):
                what = (
                    f"`{key.value}`" if isinstance(key, yaml.ScalarNode) else "a list or an object"
                )
                raise yaml.constructor.ConstructorError(
                    None, None, f"{what} is no text for YAML, and a key is one; write it in quotes",
                    key.start_mark,
                )  # fmt: skip
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key.value}" is given twice', key.start_mark
                )
            seen.add(key.value)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """Return a number; refuse one that YAML 1.1, which is read here, and YAML 1.2 read differently."""
        text = str(node.value)
        if not _PLAIN_NUMBER.fullmatch(text):
            raise yaml.constructor.ConstructorError(
                None, None, f"`{text}` is one number in YAML 1.1 and another, or a text, in YAML 1.2; write "
                "it in quotes where it is a text, and else as a plain number (1950, 19.5, 1e3)",
                node.start_mark,
            )  # fmt: skip
        if len(text) > MOST_DIGITS:
            problem = f"a number of more than {MOST_DIGITS} digits"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        is_int = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if is_int else self.construct_yaml_float(node)


_PLAIN_NUMBER = re.compile(
    r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)
