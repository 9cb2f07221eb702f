"""docs/project.schema.json describes the report of a project's run, all of it and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from medusa_migrations.contract.project_report import (
    CommandDone,
    ProjectReport,
    SeedDone,
    bounded,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "project.schema.json").read_text())
TYPES = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
}  # fmt: skip
FULL = ProjectReport(
    "migrate", "run", "failed", 8, "Pending", "a sentence", "2.21.2", 2, "v20.20.2", 1.5,
    (CommandDone(("medusa", "db:migrate"), 0, 1.0), CommandDone(("medusa", "x"))),
    {"mikro_orm_migrations": ("Migration1",), "migrations": ()}, {"mikro_orm_migrations": 3}, ("x.js",),
    {"migrations": ["a"], "links": [{"action": "create", "table": "a_b"}], "scripts": []},
    {"migrations": 1, "links": 1, "scripts": 0},
    ({"migration": "M", "says": "drop table t", "rows": 1},), ("links",),
    ({"action": "delete", "table": "c_d"},), ("last line",), ("careful",),
    ({"version": "2.17.0", "severity": "breaking", "summary": "a sentence", "url": "https://x"},),
    SeedDone("src/scripts/seed.js", "sha256:0", skipped="the shop has products"),
)  # fmt: skip


def faults(value, schema, where="report"):
    """Yield what of *value* is not as *schema*, of which this knows what the file uses."""
    if "const" in schema and value != schema["const"]:
        yield f"{where} is {value}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value}"
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        yield f"{where} is a {type(value).__name__}"
    if isinstance(value, list):
        for one in value:
            yield from faults(one, schema.get("items", {}), f"{where}[]")
    if isinstance(value, dict):
        properties, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        yield from (
            f"{where} lacks {key}" for key in schema.get("required", ()) if key not in value
        )
        for key, inner in value.items():
            yield from faults(key, schema.get("propertyNames", {}), f"{where} key")
            if key in properties:
                yield from faults(inner, properties[key], f"{where}.{key}")
            elif more is False:
                yield f"{where} has {key}"
            elif isinstance(more, dict):
                yield from faults(inner, more, f"{where}.{key}")


def test_a_report_is_as_the_schema_has_it_and_has_every_key_of_it():
    body = FULL.to_dict(str)

    assert list(faults(body, SCHEMA)) == []
    assert set(SCHEMA["properties"]) - set(body) == {"truncated"}


def test_a_report_that_was_cut_or_has_not_ended_is_so_too():
    cut = json.loads(bounded(FULL.to_dict(str) | {"message": "long " * 2000}, 1024))

    assert cut["truncated"]
    assert list(faults(cut, SCHEMA)) == []
    running = ProjectReport("exec", state="running", exit_code=None).to_dict(str)
    assert list(faults(running, SCHEMA)) == []
    assert "exitCode" not in running


def test_what_is_not_as_the_schema_has_it_is_found():
    body = FULL.to_dict(str) | {"state": "well", "more": 1, "major": "2", "ledgers": {"x": 1}}
    del body["engine"]

    assert list(faults(body, SCHEMA)) == [
        "report lacks engine", "report.state is well", "report.major is a str", "report.ledgers key is x", "report has more",
    ]  # fmt: skip
