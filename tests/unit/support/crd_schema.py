"""What an API server refuses of an object, by the schema of its definition."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parents[3] / "deploy" / "crd" / "medusadatabases.yaml"
CRD = yaml.load(FILE.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
STATUS = SCHEMA["properties"]["status"]
_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
}  # fmt: skip
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def violations(value: Any, schema: dict[str, Any], path: str = "status") -> Iterator[str]:
    """Yield what *schema* refuses of *value*; CEL rules are left out."""
    kind = schema["type"]
    if not isinstance(value, _KINDS[kind]) or (kind == "integer" and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {kind}"
        return
    match kind:
        case "string":
            yield from _text(value, schema, path)
        case "integer":
            low, high = schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1)
            if not low <= value <= high:
                yield f"{path}: {value} is out of range"
        case "array":
            yield from _list(value, schema, path)
        case "object":
            yield from _object(value, schema, path)


def _text(value: str, schema: dict[str, Any], path: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{path}: {len(value)} characters"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if schema.get("format") == "date-time":
        if not _TIME.fullmatch(value):
            yield f"{path}: {value!r} is no time"
        else:
            datetime.fromisoformat(value)
    try:
        value.encode()
    except UnicodeEncodeError:
        yield f"{path}: half a character"


def _list(value: list[Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: {len(value)} items"
    keys = schema.get("x-kubernetes-list-map-keys", [])
    if schema.get("x-kubernetes-list-type") == "map":
        names = [tuple(item.get(key) for key in keys) for item in value]
        if len(set(names)) < len(names):
            yield f"{path}: {names} are not unique"
    for number, item in enumerate(value):
        yield from violations(item, schema["items"], f"{path}[{number}]")


def _object(value: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name} is missing"
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{path}: {len(value)} properties"
    known, rest = schema.get("properties", {}), schema.get("additionalProperties")
    for name, found in value.items():
        if name in known:
            yield from violations(found, known[name], f"{path}.{name}")
        elif isinstance(rest, dict):
            yield from violations(found, rest, f"{path}.{name}")
        else:
            yield f"{path}.{name} is not declared"
