"""What stands in the way of statements, by a record of dependencies like PostgreSQL's."""

from __future__ import annotations

import pytest

from medusa_migrations.schema import dependents
from medusa_migrations.schema.dependency import Edge, Node, Thing
from medusa_migrations.schema.dependents import Existing, Inventory, Obstacles, Pending
from medusa_migrations.schema.effects import Space

TABLE, A, B = Node("pg_class", 1), Node("pg_class", 1, 1), Node("pg_class", 1, 2)
ROW = Node("pg_type", 2)
VIEW, RULE = Node("pg_class", 3), Node("pg_rewrite", 4)
UPPER, UPPER_RULE = Node("pg_class", 5), Node("pg_rewrite", 6)
INDEX, KEY, FOREIGN = Node("pg_class", 7), Node("pg_constraint", 8), Node("pg_constraint", 9)
HOLDER = Node("pg_class", 10, 1)
DEFAULT = Node("pg_attrdef", 11)


def there() -> Inventory:
    """Return a table t (a, b) with a unique key on b that x refers to, and views v on a and w on v."""
    found = Inventory()
    for node, space, parent, name, kind in (
        (TABLE, Space.RELATION, "public", "t", "table"),
        (ROW, Space.TYPE, "public", "t", "row type"),
        (A, Space.COLUMN, "1", "a", "column"),
        (B, Space.COLUMN, "1", "b", "column"),
        (KEY, Space.CONSTRAINT, "1", "key", "constraint"),
        (INDEX, Space.RELATION, "public", "key", "index"),
        (VIEW, Space.RELATION, "public", "v", "view"),
    ):
        row = ROW if node == TABLE else None
        found.names[space, parent, name] = [Existing(node, parent, name, kind, row_type=row)]
    for node, kind, identity in (
        (VIEW, "view", "v"), (RULE, "rule", "_RETURN on v"), (UPPER, "view", "w"),
        (UPPER_RULE, "rule", "_RETURN on w"), (INDEX, "index", "key"),
        (KEY, "table constraint", "key on t"), (FOREIGN, "table constraint", "x_fk on x"),
        (HOLDER, "table column", "log.row"), (DEFAULT, "default value", "for t.a"),
    ):  # fmt: skip
        found.graph.things[node] = Thing(node, kind, identity)
    for edge in (
        Edge(RULE, "n", A), Edge(RULE, "i", VIEW), Edge(UPPER_RULE, "n", VIEW),
        Edge(UPPER_RULE, "i", UPPER), Edge(KEY, "a", B), Edge(INDEX, "i", KEY),
        Edge(FOREIGN, "n", INDEX), Edge(FOREIGN, "n", B), Edge(ROW, "i", TABLE),
        Edge(HOLDER, "n", ROW), Edge(DEFAULT, "a", A),
    ):  # fmt: skip
        found.graph.add(edge)
    return found


def looked(*texts: str) -> Obstacles:
    items = [Pending(f"m{number}", text, own=True) for number, text in enumerate(texts, 1)]
    return dependents.look(items, there(), ["public"])


@pytest.mark.parametrize(
    ("texts", "blocked"),
    [
        pytest.param(["alter table t drop column a"], ["w", "v"], id="a-chain-of-views"),
        pytest.param(["drop view v", "alter table t drop column a"], ["w"], id="all-of-the-chain"),
        pytest.param(["drop view v, w"], ["w"], id="the-other-is-not-known-by-its-name"),
        pytest.param(["alter table t drop column b"], ["x_fk on x"], id="a-foreign-key"),
        pytest.param(["alter table t drop constraint key"], ["x_fk on x"], id="to-a-key"),
        pytest.param(["alter table t alter b type int"], ["log.row"], id="keys-are-made-again"),
        pytest.param(
            ["alter table t alter a type int"], ["w", "v", "log.row"], id="a-view-keeps-the-type"
        ),
        pytest.param(["alter table t add c int default 1"], ["log.row"], id="rows-of-it-elsewhere"),
        pytest.param(["alter table t add c int"], [], id="without-a-value-nothing-is-rewritten"),
        pytest.param(["alter table t drop column a cascade"], [], id="cascade"),
        pytest.param(
            ["alter table t rename a to c; alter table t drop column c"], ["w", "v"], id="renamed"
        ),
        pytest.param(
            ["alter table t rename to u", "alter table u drop column a"], ["w", "v"], id="its-table"
        ),
        pytest.param(
            ["create or replace view v as select 1", "alter table t drop column a"],
            [],
            id="replaced",
        ),
        pytest.param(["alter table nowhere drop column a"], [], id="not-there"),
    ],
)
def test_what_makes_postgresql_refuse_is_found_in_an_order_to_drop_it(
    texts: list[str], blocked: list[str]
) -> None:
    assert [one.thing.identity for one in looked(*texts).blocked] == blocked


def test_a_column_that_is_dropped_twice_on_the_way_is_named_once_with_both_causes() -> None:
    found = there()
    found.graph.add(Edge(RULE, "n", B))
    items = [
        Pending(f"m{n}", f"alter table t drop column {c}", own=True) for n, c in enumerate("ab")
    ]

    blocked = dependents.look(items, found, ["public"]).blocked

    causes = {one.thing.identity: [(c.what, c.item) for c in one.causes] for one in blocked}
    assert causes["v"] == [("column t.a", "m0"), ("column t.b", "m1")]


def test_what_a_block_may_have_dropped_is_named_with_it() -> None:
    found = looked("do $$ begin perform 1; end $$", "alter table t drop column a")

    assert {one.unless for one in found.blocked} == {"m1"}


def test_what_goes_with_a_column_is_found_and_with_what_it_is_a_part_of_is_not() -> None:
    found = looked("alter table t drop column b")

    assert [one.thing.identity for one in found.lost] == ["key on t"]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("create table t (id int)", ["t"]),
        ("create table if not exists t (id int)", []),
        ("create table if not exists v (id int)", ["v"]),
        ("create view t as select 1", ["t"]),
        ("create type t as enum ('x')", ["t"]),
        ("create index key on t (a)", ["key"]),
        ("create index if not exists v on t (a)", ["v"]),
        ("alter table t add column a int", ["a"]),
        ("alter table t add column if not exists a int", []),
        ("alter table t drop constraint key, add constraint key unique (a)", []),
        ("alter table t rename to v", ["v"]),
        ("alter table t rename to u; create table t (id int)", []),
        ("drop view v; create table v (id int)", []),
        ("create table plugin.t (id int)", []),
        ("create table x (id int, constraint key primary key (id))", ["key"]),
    ],
)
def test_names_that_are_taken_at_that_point_are_found(text: str, taken: list[str]) -> None:
    assert [one.name.name for one in looked(text).taken] == taken


def test_an_item_whose_condition_is_not_met_does_nothing() -> None:
    item = Pending("m", "alter table t drop column a", when=("t", "gone"))

    assert dependents.look([item], there(), ["public"]).blocked == []


def test_what_is_not_ours_is_found_with_its_owner() -> None:
    found = there()
    key = (Space.RELATION, "public", "v")
    found.names[key] = [Existing(VIEW, "public", "v", "view", "other", owned=False, may_drop=True)]

    dropped = dependents.look([Pending("m", "drop view v", own=True)], found, ["public"])
    renamed = dependents.look(
        [Pending("m", "alter view v rename to x", own=True)], found, ["public"]
    )

    assert [one.entry.owner for one in dropped.foreign] == []
    assert [one.entry.owner for one in renamed.foreign] == ["other"]
