"""What `if exists` and `if not exists` of the catalog pass over, and what they must not."""

import pytest

from medusa_migrations.schema import ddl, verify
from medusa_migrations.schema.model import Schema

TABLE = 'create table "t" ("a" integer not null, constraint "t_pk" primary key ("a"));'
INDEX = 'create index "i" on "t" ("a");'


def passed(before, statement):
    schema, found = Schema(), list[ddl.Passed]()
    ddl.apply(schema, before)
    ddl.apply(schema, statement, found)
    return [(one.what, verify.differences(one)) for one in found]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ('alter table "t" add column if not exists "b" text', []),
        ('alter table "t" add column if not exists "a" integer not null', [("column t.a", [])]),
        (
            'alter table "t" add column if not exists "a" text',
            [("column t.a", ["column t.a is integer instead of text", "column t.a does not take null"])],
        ),
        ('create index if not exists "i" on "t" ("a")', [("index i", [])]),
        (
            'create unique index if not exists "i" on "t" ("a")',
            [("index i", ["index i is btree (a) instead of unique btree (a)"])],
        ),
        ('create table if not exists "t" ("a" integer not null, constraint "t_pk" primary key ("a"))', [("table t", [])]),
        (
            'create table if not exists "t" ("a" integer not null, "b" serial)',
            [("table t", ["column t.b is missing"])],
        ),
        ('alter table if exists "none" drop constraint if exists "k"', [("table none", [])]),
        ('alter table if exists "t" drop constraint if exists "k"', [("constraint k on t", [])]),
        ('alter table "t" drop column if exists "b"', [("column t.b", [])]),
        ('drop index if exists "j"', [("index j", [])]),
        ('drop index if exists "i"; alter table "t" drop constraint if exists "t_pk"', []),
    ],
)  # fmt: skip
def test_what_is_passed_over_is_told_with_how_it_differs(statement, found):
    assert passed(TABLE + INDEX, statement) == found


@pytest.mark.parametrize(
    "statement",
    [
        'alter table "t" add constraint "t_pk" unique ("a")',
        'create index "i" on "t" ("a")',
        'alter table "t" drop constraint "k"',
        'drop index "j"',
    ],
)
def test_what_is_not_said_to_be_optional_is_not(statement):
    with pytest.raises(ddl.DialectError):
        passed(TABLE + INDEX, statement)


def test_a_shop_as_medusa_made_it_has_nothing_to_pass_over(catalog):
    for version in catalog.versions:
        for flags in ({}, dict.fromkeys(catalog.flags, True)):
            schema, found = Schema(), list[ddl.Passed]()
            for migration in catalog.enabled(version, flags):
                verify.apply(schema, migration, found)

            assert (str(version), [one.what for one in found]) == (str(version), [])


def test_a_column_that_may_have_been_there_before_may_stand_anywhere(catalog):
    name = "addTaxRateToGiftCards1670855241304"
    version = catalog.first_version(name)
    migrations = catalog.enabled(version, {})
    live = Schema()
    for migration in migrations:
        verify.apply(live, migration)
    card = live.tables["gift_card"]
    card.columns = {"tax_rate": card.columns["tax_rate"], **card.columns}

    verdict = verify.verify(catalog, version, [m.name for m in migrations], live)

    assert verdict.drift == ()
