"""The file of a plan is read back as it was written, and what is none is refused with a sentence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa_migrations.contract.errors import UsageError
from medusa_migrations.plan import plan_file
from medusa_migrations.plan.plan_file import Basis, PlanFile
from medusa_migrations.schema.model import Column, Constraint, ConstraintKind, Index, Schema, Table
from servers import medusa_db

BODY = {
    "plan": "medusadb.dev/v1",
    "runner": "0.1.0",
    "request": {
        "to": "1.13.0", "unasked": False, "flags": {"sales_channels": True}, "stops": ["1.12.5"],
        "dataSteps": True, "dataStep": [], "baseline": "", "migrationsDir": "own",
        "migrationsFormat": "sql",
    },
    "database": {
        "system": "7", "name": "shop", "schema": "public", "ledger": ["a1", "b2"],
        "objects": {"table product": "0f"},
    },
    "place": "1.12.3",
    "transaction": "step",
    "steps": [{"target": "1.13.0", "items": [{"name": "c3", "sha256": "aa"}]}],
    "limits": {"lockWait": 600.0, "runTimeout": 0},
    "breaking": ["1.13.0"],
}  # fmt: skip


def read(body: object) -> PlanFile:
    return plan_file.read("plan.json", json.dumps(body).encode())


def test_a_plan_is_read_back() -> None:
    plan = read(BODY)

    assert plan.asked.to == "1.13.0"
    assert plan.asked.flags == {"sales_channels": True}
    assert plan.asked.stops == ("1.12.5",)
    assert plan.limits == {"lockWait": 600.0, "runTimeout": 0.0}
    assert plan.basis == Basis(
        "7", "shop", "public", "1.12.3", ("a1", "b2"), {"table product": "0f"}
    )
    assert plan.runs == (("1.13.0", (("c3", "aa"),)),)
    assert plan.breaking == ("1.13.0",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "it is empty", id="empty"),
        pytest.param(b" \n", "it is empty", id="blank"),
        pytest.param(b"\xff\xfe{", "it is not UTF-8", id="utf-16"),
        pytest.param(b"not json", "it is not JSON, or was cut off (line 1, column 1: ", id="garbage"),
        pytest.param(json.dumps(BODY).encode()[:-200], "it is not JSON, or was cut off", id="truncated"),
        pytest.param(b"[" * 200_000, "nested too deeply", id="deep"),
        pytest.param(b'{"plan":' * 200_000, "nested too deeply", id="deep-object"),
        pytest.param(b"9" * 9000, "a number too long", id="long-number"),
        pytest.param(b" " * plan_file.MOST + b"{}", "it is longer than 8 MiB", id="huge"),
        pytest.param(b"[]", "it is not a plan: the key `plan` is missing", id="list"),
        pytest.param(b'{"report": "medusadb.dev/v1"}', "it is not a plan", id="report"),
        pytest.param(b'{"plan": "medusadb.dev/v2"}', "its format is 'medusadb.dev/v2', and this medusa-db reads 'medusadb.dev/v1'", id="version"),
        pytest.param(b'{"plan": ["medusadb.dev/v1"]}', "its format is ", id="format-of-another-kind"),
        pytest.param(b'{"plan": "medusadb.dev/v1"}', "`request` is missing", id="nothing-else"),
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused_with_a_sentence(content: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_file.read("plan.json", content)

    assert said in str(caught.value)
    assert str(caught.value).startswith("--plan plan.json: ")
    assert str(caught.value).endswith("Make one with `medusa-db plan --output json > plan.json`")


def places(body: object, way: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    found = [way] if way else []
    if isinstance(body, dict):
        found += [place for key, value in body.items() for place in places(value, (*way, key))]
    if isinstance(body, list):
        found += [place for at, value in enumerate(body) for place in places(value, (*way, at))]
    return found


@given(
    place=st.sampled_from(places(BODY)),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.none()),
        st.just({}), st.just("\ud800"), st.just("\x1b[2J"), st.just("x" * 5000),
    ),
)  # fmt: skip
def test_a_plan_with_anything_in_any_place_is_read_or_refused(
    place: tuple[object, ...], value: object
) -> None:
    body = json.loads(json.dumps(BODY))
    inner = body
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    said, limits = _read_or_refused(json.dumps(body).encode())

    assert said.isprintable()
    assert all(0 <= seconds < 1e9 for seconds in limits)


def _read_or_refused(content: bytes) -> tuple[str, list[float]]:
    try:
        return "", list(plan_file.read("plan.json", content).limits.values())
    except UsageError as exc:
        return str(exc), []


PLAN = read(BODY)
HERE = PLAN.basis


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(HERE, [], id="the-same"),
        pytest.param(replace(HERE, ledger=("b2", "a1")), [], id="order-of-the-ledger"),
        pytest.param(replace(HERE, place="1.13.0"), ["the database was at 1.12.3, and is at 1.13.0"], id="place"),
        pytest.param(replace(HERE, ledger=("a1", "b2", "c3")), ["the ledger has got c3"], id="ledger"),
        pytest.param(replace(HERE, ledger=("a1", "a1", "b2")), ["the ledger has got a1"], id="doubled"),
        pytest.param(replace(HERE, ledger=("a1",)), ["the ledger has lost b2"], id="lost"),
        pytest.param(replace(HERE, objects={"table product": "0e"}), ["the table product is not what it was"], id="changed"),
        pytest.param(replace(HERE, objects={}), ["the table product is gone"], id="gone"),
        pytest.param(replace(HERE, objects={"table product": "0f", "type t": ""}), ["the type t is new"], id="new"),
    ],
)  # fmt: skip
def test_what_has_moved_is_named(now: Basis, said: list[str]) -> None:
    assert plan_file.moved(PLAN, now, "0.1.0") == said


def test_another_version_of_the_runner_makes_its_own_plan() -> None:
    assert plan_file.moved(PLAN, HERE, "0.2.0") == [
        "it was made by medusa-db 0.1.0, and this is 0.2.0"
    ]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(HERE, "", id="the-same"),
        pytest.param(replace(HERE, system=""), "", id="not-readable"),
        pytest.param(replace(HERE, system="8"), "it was made for the server 7, and this is 8", id="server"),
        pytest.param(replace(HERE, database="test"), "it was made for the database shop, and this is test", id="database"),
        pytest.param(replace(HERE, schema="b"), "it was made for the schema public, and this is b", id="schema"),
    ],
)  # fmt: skip
def test_another_database_is_named(now: Basis, said: str) -> None:
    assert plan_file.other_database(HERE, now) == said


def schema() -> Schema:
    table = Table("a")
    table.columns = {"id": Column("id", "text", not_null=True)}
    table.constraints = {"pk": Constraint("pk", ConstraintKind.PRIMARY, ("id",))}
    return Schema(
        tables={"a": table}, indexes={"i": Index("i", "a", False, "btree", ("id",))},
        enums={"e": ("x", "y")}, sequences={"s"}, extensions={"x"},
    )  # fmt: skip


def test_every_object_has_a_checksum_of_its_own() -> None:
    before = plan_file.objects(schema())
    changed = schema()
    changed.indexes["i"] = replace(changed.indexes["i"], unique=True)
    changed.enums["e"] = ("x", "y", "z")
    after = plan_file.objects(changed)

    assert list(before) == ["extension x", "sequence s", "table a", "type e"]
    assert {name for name in before if before[name] != after[name]} == {"table a", "type e"}


@pytest.mark.parametrize("name", ["missing.json", ".", "a\0b"], ids=["missing", "folder", "nul"])
def test_a_file_that_cannot_be_read_is_said(name: str) -> None:
    if "\0" in name:
        done = medusa_db("migrate", MEDUSA_DB_PLAN="/dev/zero/x")
    else:
        done = medusa_db("migrate", "--plan", name)

    assert done.returncode == 2
    assert "cannot be read: " in done.stderr
    assert "Traceback" not in done.stderr
