"""Jobs in which the shop's own image runs, and what they report."""

from __future__ import annotations

import json

LEDGERS = {"mikro_orm_migrations": 200, "link_module_migrations": 25, "script_migrations": 7}
NOTHING = {"migrations": [], "links": [], "scripts": []}


def pod_of(job):
    return job["spec"]["template"]["spec"]


def container(job):
    (found,) = pod_of(job)["containers"]
    return found


def report(job, **changes):
    """Return the report of a run of the shop's Medusa that did what it should."""
    notes = job["metadata"]["annotations"]
    body = {
        "report": "medusadb.dev/v1",
        "runId": notes["medusadb.dev/run-id"],
        "command": notes["medusadb.dev/step"].partition("-")[0],
        "engine": "project",
        "state": "done",
        "exitCode": 0,
        "medusa": notes["medusadb.dev/version"],
        "major": 2,
        "ledgers": LEDGERS,
        "pending": NOTHING,
        "migrationCount": 200,
        "linkCount": 25,
        "scriptCount": 7,
    }
    return json.dumps({key: value for key, value in (body | changes).items() if value is not None})
