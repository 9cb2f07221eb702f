"""The CRD and the code say the same: nothing is written that is not declared, nothing declared that is not read."""

from __future__ import annotations

import json

import pytest

from crd_schema import CRD, SCHEMA, STATUS
from full_status import filled
from medusa_operator.judgement.decision import Start
from medusa_operator.resource import status as statuses
from medusa_operator.resource.model import Database
from medusa_operator.resource.reasons import Reason
from medusa_operator.resource.spec import Timeouts, WorkloadRef, from_body
from operator_bodies import decided, resource

SPEC = SCHEMA["properties"]["spec"]


KUBERNETES = (
    ".spec.job.template.", ".spec.job.resources.", ".spec.server.resources.", ".spec.server.env[]",
    ".spec.server.envFrom[]",
)  # fmt: skip
"""Below these the fields are those of Kubernetes, which describes them."""


def fields_of(schema, path=""):
    """Yield every field below *schema* with its path."""
    for name, found in schema.get("properties", {}).items():
        yield f"{path}.{name}", found
        yield from fields_of(found, f"{path}.{name}")
    if "items" in schema:
        yield f"{path}[]", schema["items"]
        yield from fields_of(schema["items"], f"{path}[]")


def paths_of(body, path=""):
    """Yield the path of every value in *body*."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield f"{path}.{name}"
            yield from paths_of(value, f"{path}.{name}")
    elif isinstance(body, list):
        for value in body:
            yield from paths_of(value, f"{path}[]")


def test_every_field_is_described():
    undescribed = [
        path
        for path, field in fields_of(SCHEMA)
        if "description" not in field
        and not path.endswith("[]")
        and path != ".metadata"
        and not path.startswith(KUBERNETES)
    ]

    assert undescribed == []


def test_every_text_list_and_map_is_bounded():
    unbounded = [
        path
        for path, field in fields_of(SCHEMA)
        if path not in (".apiVersion", ".kind")
        and (
            (
                field.get("type") == "string"
                and "maxLength" not in field
                and "enum" not in field
                and field.get("format") != "date-time"
            )
            or (field.get("type") == "array" and "maxItems" not in field)
            or ("additionalProperties" in field and "maxProperties" not in field)
        )
    ]

    assert unbounded == []


def test_the_crd_is_small_enough_for_a_client_side_apply():
    annotations = 256 * 1024
    assert len(json.dumps(CRD)) < annotations / 2


def test_the_status_is_declared_as_it_is_written():
    whole = filled(statuses.Status).to_dict()

    written = set(paths_of(whole, ".status"))

    declared = {path for path, _ in fields_of(STATUS, ".status") if not path.endswith("[]")}
    kept = {path for path in written if ".counts." not in path and ".mikro_orm" not in path}
    assert kept == declared


def test_a_status_is_read_as_it_was_written():
    whole = filled(statuses.Status)

    assert statuses.Status.from_body(whole.to_dict()) == whole


def test_the_bounds_of_the_code_are_those_of_the_schema():
    found = STATUS["properties"]

    assert found["history"]["maxItems"] == statuses.HISTORY
    assert found["failure"]["properties"]["message"]["maxLength"] == statuses.MESSAGE
    assert found["conditions"]["items"]["properties"]["message"]["maxLength"] == statuses.MESSAGE
    assert all(len(reason) <= 64 for reason in Reason)


def test_the_defaults_of_the_code_are_those_of_the_schema():
    timeouts = SPEC["properties"]["timeouts"]["properties"]
    usual = from_body(
        {"version": "1.20.11", "database": {"urlSecretRef": {"name": "a", "key": "b"}}}
    )

    def default(*path):
        found = SPEC
        for word in path:
            found = found["properties"][word]
        return found["default"]

    assert Timeouts(*(timeouts[key]["default"] for key in ("connect", "lock", "lockTimeout",
                                                           "statement", "run"))) == usual.timeouts  # fmt: skip
    assert default("upgrade", "approval") == usual.upgrade.approval
    assert default("upgrade", "transaction") == usual.upgrade.transaction
    assert default("upgrade", "allowOlder") == usual.upgrade.allow_older
    assert default("dataSteps", "skip") == usual.data_steps.skip
    assert "default" not in SPEC["properties"]["retry"]["properties"]["limit"]
    assert usual.retry_limit is None
    assert default("verify", "interval") == f"{usual.verify.interval / 3600:g}h"
    assert default("deletionPolicy") == usual.deletion
    assert default("suspend") == usual.suspend
    assert default("job", "serviceAccountName") == usual.job.service_account
    assert default("job", "ttlSecondsAfterFinished") == usual.job.ttl
    assert default("seed", "policy") == "Once"
    served = from_body(
        {
            "version": "2.21.2",
            "database": {"urlSecretRef": {"name": "a", "key": "b"}},
            "server": {"image": "x"},
        }
    ).server
    assert served is not None
    assert [default("server", key) for key in ("runner", "links", "scripts")] == [
        served.runner, served.links, served.scripts
    ]  # fmt: skip
    assert default("server", "workloadRef", "kind") == WorkloadRef("shop").kind
    assert STATUS["default"] == statuses.Status().to_dict()


URL = {"urlSecretRef": {"name": "shop-db", "key": "url"}}
PARTS = {"host": "h", "name": "n", "user": "u"}
REF = {"name": "r", "key": "k"}
CHANGES = {
    ".version": {"version": "1.19.0"},
    ".database": {"database": PARTS},
    ".database.urlSecretRef": {"database": PARTS},
    ".database.urlSecretRef.name": {"database": {"urlSecretRef": {"name": "x", "key": "url"}}},
    ".database.urlSecretRef.key": {"database": {"urlSecretRef": {"name": "shop-db", "key": "x"}}},
    ".database.host": {"database": PARTS | {"host": "x"}},
    ".database.port": {"database": PARTS | {"port": 1}},
    ".database.name": {"database": PARTS | {"name": "x"}},
    ".database.user": {"database": PARTS | {"user": "x"}},
    ".database.schema": {"database": URL | {"schema": "x"}},
    ".database.sslMode": {"database": URL | {"sslMode": "require"}},
    ".featureFlags": {"featureFlags": {"analytics": True}},
    ".baseline": {"baseline": "1.19.0"},
    ".upgrade": {"upgrade": {"stops": ["1.19.0"]}},
    ".upgrade.stops": {"upgrade": {"stops": ["1.19.0"]}},
    ".upgrade.approval": {"upgrade": {"approval": "Manual"}},
    ".upgrade.acknowledged": {"upgrade": {"acknowledged": ["1.17.0"]}},
    ".upgrade.transaction": {"upgrade": {"transaction": "Each"}},
    ".dataSteps": {"dataSteps": {"skip": True}},
    ".dataSteps.skip": {"dataSteps": {"skip": True}},
    ".dataSteps.extra": {"dataSteps": {"extra": ["1.3.0/discount_rules"]}},
    ".job": {"job": {"image": "x"}},
    ".job.image": {"job": {"image": "x"}},
    ".job.imagePullPolicy": {"job": {"imagePullPolicy": "Always"}},
    ".job.serviceAccountName": {"job": {"serviceAccountName": "x"}},
    ".job.resources": {"job": {"resources": {"limits": {"memory": "1Gi"}}}},
    ".job.activeDeadlineSeconds": {"job": {"activeDeadlineSeconds": 1}},
    ".job.template": {"job": {"template": {"spec": {"nodeSelector": {"a": "b"}}}}},
    ".timeouts": {"timeouts": {"run": "2h"}},
    ".timeouts.connect": {"timeouts": {"connect": "2h"}},
    ".timeouts.lock": {"timeouts": {"lock": "2h"}},
    ".timeouts.lockTimeout": {"timeouts": {"lockTimeout": "2h"}},
    ".timeouts.statement": {"timeouts": {"statement": "2h"}},
    ".timeouts.run": {"timeouts": {"run": "2h"}},
    ".timeouts.stall": {"server": {"image": "shop:1"}, "timeouts": {"stall": "5m"}},
    ".suspend": {"suspend": True},
    ".server": {"server": {"image": "x"}},
    ".server.image": {"server": {"image": "x"}},
} | {
    f".server.{name}": {"server": {"image": "shop:1", name: value}}
    for name, value in {
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "x"}],
        "workingDir": "/server",
        "runner": "Image",
        "env": [{"name": "A", "value": "b"}],
        "envFrom": [{"secretRef": {"name": "x"}}],
        "links": "All",
        "scripts": False,
        "node": "/nodejs/bin/node",
        "resources": {"limits": {"memory": "1Gi"}},
        "workloadRef": {"name": "x"},
    }.items()
} | {
    ".server.workloadRef.kind": {"server": {"image": "shop:1", "workloadRef": {"name": "x", "kind": "StatefulSet"}}},
    ".server.workloadRef.container": {"server": {"image": "shop:1", "workloadRef": {"name": "x", "container": "y"}}},
} | {
    ".server.imagePullSecrets[].name": {"server": {"image": "shop:1", "imagePullSecrets": [{"name": "x"}]}},
} | {
    f".database.{name}": {"database": found}
    for name, found in {
        "hostSecretRef": {"hostSecretRef": REF, "name": "n", "user": "u"},
        "portSecretRef": PARTS | {"portSecretRef": REF},
        "nameSecretRef": {"host": "h", "nameSecretRef": REF, "user": "u"},
        "userSecretRef": {"host": "h", "name": "n", "userSecretRef": REF},
        "passwordSecretRef": PARTS | {"passwordSecretRef": REF},
        "caSecretRef": URL | {"caSecretRef": REF},
        "caConfigMapRef": URL | {"caConfigMapRef": REF},
    }.items()
}  # fmt: skip
LATER = {
    ".upgrade.allowOlder", ".retry", ".retry.limit", ".deletionPolicy", ".job.ttlSecondsAfterFinished",
    ".seed", ".seed.policy", ".seed.from", ".seed.from.configMapKeyRef", ".seed.from.secretKeyRef",
    ".seed.script", ".seed.npmScript", ".seed.args",
    ".verify", ".verify.interval",
}  # fmt: skip
"""Fields on which only a later decision depends: test_operator_decide has a case for each, or
test_operator_verification, or test_operator_seed_script."""


def test_every_field_of_the_spec_is_accounted_for():
    declared = {
        path
        for path, field in fields_of(SPEC)
        if not path.endswith("[]") and not f".spec{path}".startswith(KUBERNETES)
    }
    keys = {path for path in declared if path.endswith(("Ref.name", "Ref.key"))}

    assert declared - keys == (CHANGES.keys() | LATER) - keys


def first_job(**spec):
    """Return what the first decision does: its outlook, and its Job without names and hashes."""
    found = decided(Database.from_body(resource(**spec)))
    if not isinstance(found.act, Start):
        return found.outlook
    job = found.act.manifest["spec"]
    job["template"]["spec"]["containers"][0]["args"].pop()  # the run id
    return job


@pytest.mark.parametrize("path", CHANGES)
def test_a_field_that_is_changed_changes_what_is_done(path):
    parts = path.startswith(
        (".database.host", ".database.port", ".database.name", ".database.user")
    )
    usual = {"version": "1.20.11", "database": PARTS if parts else URL}
    if path.startswith((".server.", ".timeouts.stall")):
        usual["server"] = {"image": "shop:1"}

    found = first_job(**(usual | CHANGES[path]))

    assert found != first_job(**usual)
