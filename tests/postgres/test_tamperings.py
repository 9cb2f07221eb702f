"""What hands have done to a schema: each is found, weighed, and made right by the fix that is given."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from medusa_migrations.catalog import version as versions
from medusa_migrations.plan.observe import observe
from medusa_migrations.preflight import comparison, standing
from medusa_migrations.schema import fixes, statements
from properties import CHANGED, HARMLESS
from tamperings import TAMPERINGS, Tampering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from medusa_migrations.catalog.model import Catalog
    from medusa_migrations.schema.verify import Verdict
    from servers import TestServer

pytestmark = pytest.mark.each_server

NEWEST = versions.parse("1.20.11")
ROLES = ("mine_owner", "mine_server")
assert NEWEST is not None


@pytest.fixture(scope="module")
def shop(server: TestServer) -> Iterator[Connection[Any]]:
    """A connection to one database at the newest version, which each test leaves as it was."""
    for role in ROLES:
        server.execute("create role {}", role)
    with (
        server.database(server.at(str(NEWEST))) as name,
        psycopg.connect(server.url(name), autocommit=True) as conn,
    ):
        yield conn
    for role in ROLES:
        server.execute("drop role {}", role)


@contextmanager
def undone(conn: Connection[Any]) -> Iterator[None]:
    """Take back what is done inside of a `with`."""
    with conn.transaction(force_rollback=True):
        yield


def compared(conn: Connection[Any], catalog: Catalog) -> Verdict:
    applied = [name for (name,) in conn.execute("select name from migrations order by id")]
    known = [name for name in applied if catalog.knows(name)]
    names = [migration.name for migration in catalog.enabled(NEWEST, {})]
    return comparison.compare(
        catalog, NEWEST, known or names, comparison.read(conn, catalog, "public")
    )


def run(conn: Connection[Any], statements: str) -> None:
    conn.execute(sql.SQL(statements))


def fix_all(conn: Connection[Any], verdict: Verdict) -> None:
    """Run every fix once, in the order in which they are told."""
    for fix in dict.fromkeys(filter(None, (fixes.fix(one) for one in verdict.differences))):
        run(conn, fix)


@pytest.mark.parametrize("one", TAMPERINGS, ids=[one.sql[:90] for one in TAMPERINGS])
def test_a_tampering_is_named_and_weighed_and_its_fix_makes_it_right(
    shop: Connection[Any], catalog: Catalog, one: Tampering
) -> None:
    if shop.info.server_version < one.since * 10_000:
        pytest.skip(f"PostgreSQL {one.since} made it possible")
    with undone(shop):
        run(shop, one.sql)

        found = compared(shop, catalog)

        said = [str(difference) for difference in found.differences]
        grave = {str(difference.severity) for difference in found.differences}
        if one.severity in ("foreign", "same"):
            assert said == []
            assert one.says in found.foreign if one.says else found.foreign == ()
            return
        assert any(one.says in sentence for sentence in said), said
        assert ("harmful" if "harmful" in grave else "harmless") == one.severity, said
        assert found.ok is (one.severity == "harmless")
        assert all(difference.effect for difference in found.differences), said
        described = [fixes.described(difference, "public") for difference in found.differences]
        assert all(bool(each["fix"]) is not ("hint" in each) for each in described)
        fix_all(shop, found)
        left = compared(shop, catalog).differences
        assert [str(each) for each in left if fixes.fix(each)] == []
        if one.fixed and shop.info.server_version >= one.fixed_since * 10_000:
            assert [str(each) for each in left if "another order" not in str(each)] == []


SINCE = {"conenforced": 18, "conperiod": 18, "indnullsnotdistinct": 15, "confdelsetcols": 15}
CASES = [(name, column) for name, columns in CHANGED.items() for column in columns]


@pytest.mark.parametrize("name", CHANGED)
def test_every_column_of_the_catalog_is_looked_at_or_harmless(
    shop: Connection[Any], name: str
) -> None:
    columns = {
        column
        for (column,) in shop.execute(
            "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0"
            " and not attisdropped",
            [f"pg_catalog.{name}"],
        )
    }

    assert columns - CHANGED[name].keys() - HARMLESS[name].keys() == set()
    assert CHANGED[name].keys() & HARMLESS[name].keys() == set()


@pytest.mark.parametrize(("name", "column"), CASES)
def test_a_change_of_a_property_is_named(
    shop: Connection[Any], catalog: Catalog, name: str, column: str
) -> None:
    if shop.info.server_version < SINCE.get(column, 0) * 10_000:
        pytest.skip(f"PostgreSQL {SINCE[column]} made it possible")
    with undone(shop):
        run(shop, CHANGED[name][column])

        found = compared(shop, catalog)

        assert found.differences or found.foreign


EVERY_TABLE = "select quote_ident(relname) as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
RULES = "from pg_constraint where connamespace = 'public'::regnamespace and contype"
LOST = {
    "all rules and indexes, as in a restore without them": f"""
        do $$ declare one record; begin
          for one in select conrelid::regclass as name, conname {RULES} = 'f' loop
            execute format('alter table %s drop constraint %I', one.name, one.conname);
          end loop;
          for one in select conrelid::regclass as name, conname {RULES} in ('p', 'u', 'c') loop
            execute format('alter table %s drop constraint %I', one.name, one.conname);
          end loop;
          for one in select indexrelid::regclass as name from pg_index i join pg_class c on c.oid = indexrelid
                      where relnamespace = 'public'::regnamespace loop
            execute format('drop index %s', one.name);
          end loop;
        end $$""",
    "all but the rows, as tools leave it that copy tables": f"""
        do $$ declare one record; begin
          for one in {EVERY_TABLE} loop
            execute format('create table copy as table %s', one.name);
            execute format('drop table %s cascade', one.name);
            execute format('alter table copy rename to %s', one.name);
          end loop;
        end $$""",
    "a check with an operator of two characters": 'alter table line_item drop constraint "CHK_0cd85e15610d11b553d5e8fda6"',
    "tables that refer to each other": 'drop table cart, payment, "order", swap, draft_order cascade',
    "an extension": "drop extension pg_trgm cascade",
    "a type": "drop type order_status_enum cascade",
    "a column with its sequence": 'alter table "order" drop display_id',
    "what a crash would empty": f"""
        do $$ declare one record; begin
          for i in 1 .. 20 loop
            for one in {EVERY_TABLE} and relkind = 'r' and relpersistence = 'p' loop
              begin
                execute format('alter table %s set unlogged', one.name);
              exception when invalid_table_definition then null;  -- a table that has to come first
              end;
            end loop;
          end loop;
        end $$""",
    "a sequence": "drop sequence order_display_id_seq cascade",
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_what_is_lost_at_once_is_made_again_by_the_fixes_in_their_order(
    shop: Connection[Any], catalog: Catalog, lost: str
) -> None:
    with undone(shop):
        run(shop, lost)

        fix_all(shop, compared(shop, catalog))

        left = compared(shop, catalog).differences
        assert [str(each) for each in left if "another order" not in str(each)] == []


# how far a sequence has come is in no catalog, and no transaction takes it back
HARMS = [one for one in TAMPERINGS if one.severity == "harmful" and "setval" not in one.sql]


@pytest.mark.parametrize(
    ("change", "since"),
    [
        *(pytest.param(one.sql, one.since, id=one.sql[:90]) for one in HARMS),
        *(
            pytest.param(CHANGED[name][column], SINCE.get(column, 0), id=f"{name}.{column}")
            for name, column in CASES
        ),
    ],
)
def test_what_was_content_is_compared_again_after_every_statement_that_does_harm(
    shop: Connection[Any], catalog: Catalog, change: str, since: int
) -> None:
    if shop.info.server_version < since * 10_000:
        pytest.skip(f"PostgreSQL {since} made it possible")

    def look() -> tuple[str, set[str]]:
        harmful = {str(each) for each in compared(shop, catalog).differences if each.harmful}
        # how far a sequence is behind is in no catalog, and asked every time
        found = {sentence for sentence in harmful if "behind" not in sentence}
        return standing.digest(shop, observe(shop, catalog, "public")), found

    with undone(shop):
        digest, found = look()
        for statement in statements.split(change):
            run(shop, statement.text)
            after = look()
            assert digest != after[0] or found == after[1], statement.text
            digest, found = after
