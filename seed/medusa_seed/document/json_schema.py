"""Pure: the JSON Schema of a seed document, made from the model."""

from __future__ import annotations

import json
from typing import Any

from medusa_seed.document.model import (
    DOCUMENT,
    Choice,
    Entry,
    Field,
    Free,
    Itself,
    Many,
    Null,
    Number,
    Shape,
    Text,
    Truth,
    Whole,
)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a whole document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Medusa seed document",
        "description": "What `medusa-db seed` fills a Medusa v1 shop with. Every key may be left out.",
        **_entry(DOCUMENT, "#"),
    }


def text() -> str:
    """Return it as the file that is published."""
    return json.dumps(schema(), indent=2) + "\n"


def _entry(entry: Entry, path: str) -> dict[str, Any]:
    required = [field.name for field in entry.fields if field.required]
    return {
        "type": "object",
        "properties": {
            field.name: _field(field, path, f"{path}/properties/{field.name}")
            for field in entry.fields
        },
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _field(field: Field, above: str, path: str) -> dict[str, Any]:
    body = _shape(field.shape, above, path)
    if field.null is not Null.REFUSED:
        if "enum" in body:
            body["enum"] = [*body["enum"], None]
        body["type"] = [body["type"], "null"]
    usual = {"default": field.default} if field.default is not None else {}
    return {"description": field.about, **body, **usual}


def _shape(shape: Shape, above: str, path: str) -> dict[str, Any]:
    match shape:
        case Text():
            most = {"maxLength": shape.most} if shape.most else {}
            return {
                "type": "string",
                **({"pattern": shape.pattern} if shape.pattern else {}),
                **most,
            }
        case Whole() | Number():
            name = "integer" if isinstance(shape, Whole) else "number"
            return {"type": name, "minimum": shape.least, "maximum": shape.most}
        case Truth():
            return {"type": "boolean"}
        case Choice():
            return {"type": "string", "enum": list(shape.words)}
        case Free():
            return {"type": "object"}
        case Many():
            return {"type": "array", "items": _shape(shape.of, above, f"{path}/items")}
        case Entry():
            return _entry(shape, path)
        case Itself():
            return {"$ref": above}
