"""The published JSON Schema and the docs are those of the model, and the demo shop is in order."""

from __future__ import annotations

import json
from pathlib import Path

from medusa_seed.document import document, files, json_schema, model
from medusa_seed.document.findings import Findings
from medusa_seed.document.model import ENTRIES
from medusa_seed.planning.changes import ORDER
from medusa_seed.run import demo

DOCS = Path(__file__).parents[2] / "docs"


def test_the_published_schema_is_that_of_the_model():
    published = (DOCS / "seed.schema.json").read_text(encoding="utf-8")

    assert published == json_schema.text(), "medusa-db seed schema > docs/seed.schema.json"


def test_the_docs_name_every_key():
    text = (DOCS / "seed.md").read_text(encoding="utf-8")

    missing = [
        f"{entry.name}: {field.name}"
        for entry in ENTRIES.values()
        for field in entry.fields
        if f"| `{field.name}` | {field.about} |" not in text
    ]

    assert missing == []


def test_every_entry_with_a_table_has_its_place_in_the_order_of_writing():
    tables = {entry.table for entry in ENTRIES.values() if entry.table}

    assert tables - set(ORDER) == set()


def test_the_demo_shop_is_in_order():
    with files.opened(str(demo.folder())) as source:
        findings = Findings()
        found = document.read(source.pieces(), findings)

    assert findings.lines == []
    assert (found.products, len(found.entries("regions"))) == (13, 2)


def test_the_demo_shops_files_can_be_seeded_apart():
    keys = [set(json.loads(path.read_text())) - {"$schema"} for path in demo.folder().iterdir()]

    assert keys[0] & keys[1] == set()
    assert len(keys) == 2
    assert set.union(*keys) <= {field.name for field in model.DOCUMENT.fields}
