"""What a shop has built on tables that an upgrade changes is found before anything is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

import servers
from faults import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from servers import TestServer

pytestmark = pytest.mark.each_server


PROFILE = "column product.profile_id, which addTableProductShippingProfile1680857773273 drops"
VARIANT = (
    "column money_amount.variant_id, which dropMoneyAmountConstraintsForPricingModule1692953518123 "
    "drops"
)
AMOUNT = (
    "column line_item_adjustment.amount, whose type lineItemAdjustmentsAmount1678093365812 changes"
)
BLOCKING = {
    "create view reporting.prices as select amount from money_amount where variant_id is not null": (
        f"view reporting.prices depends on {VARIANT}"
    ),
    "create view reporting.dear as select amount from reporting.prices where amount > 100": (
        "view reporting.dear depends on view reporting.prices"
    ),
    "create materialized view reporting.products as select id, profile_id from product": (
        f"materialized view reporting.products depends on {PROFILE}"
    ),
    "create materialized view reporting.adjustments as select id, amount from line_item_adjustment": (
        f"materialized view reporting.adjustments depends on {AMOUNT}"
    ),
    "create unique index on reporting.adjustments (id)": None,
    "create rule log as on update to product where new.profile_id is null do also select 1": (
        f"rule log on public.product depends on {PROFILE}"
    ),
    "create policy mine on money_amount as restrictive for select to public using (variant_id <> 'x')": (
        f"policy mine on public.money_amount depends on {VARIANT}"
    ),
    "create policy theirs on product using (id in (select variant_id from money_amount))": (
        f"policy theirs on public.product depends on {VARIANT}"
    ),
    "create function note() returns trigger language plpgsql as 'begin return new; end'": None,
    "create trigger on_column before update of profile_id on product for each row execute function note()": (
        f"trigger on_column on public.product depends on {PROFILE}"
    ),
    "create trigger on_when before update on line_item_adjustment for each row when (new.amount > 5)"
    " execute function note()": f"trigger on_when on public.line_item_adjustment depends on {AMOUNT}",
    "create table plugin.variant (variant_id text)": None,
    "create table plugin.audit (old line_item_adjustment)": (
        f"column plugin.audit.old depends on {AMOUNT}"
    ),
    "create type plugin.unused as (old line_item_adjustment)": None,
    "create type plugin.change as (old line_item_adjustment)": None,
    "create table plugin.changes (changes plugin.change[])": (
        f"column plugin.changes.changes depends on {AMOUNT}"
    ),
    "create table archive () inherits (money_amount)": None,
    "create view reporting.archived as select variant_id from archive": (
        f"view reporting.archived depends on {VARIANT}"
    ),
}
FROM_14 = {
    "create function profiles() returns bigint language sql begin atomic"
    " select count(profile_id) from product; end": f"function public.profiles() depends on {PROFILE}",
}
FROM_15 = {
    "alter table product add column profile text generated always as (profile_id || '!') stored": (
        f"column public.product.profile depends on {PROFILE}"
    ),
    "create publication amounts for table line_item_adjustment (id, amount)": (
        f"the columns or rows of public.line_item_adjustment in publication amounts depends on {AMOUNT}"
    ),
    "create publication others for table only money_amount where (variant_id <> 'x')": (
        f"the columns or rows of public.money_amount in publication others depends on {VARIANT}"
    ),
}
HARMLESS = (
    "create view reporting.titles as select id, title, handle from product",
    "create materialized view reporting.amounts as select id, amount, currency_code from money_amount",
    "create index on reporting.amounts (id)",
    "create policy all_of_it on product using (title is not null)",
    "create function note() returns trigger language plpgsql as 'begin return new; end'",
    "create trigger on_title before update of title on product for each row execute function note()",
    "create index adjusted on line_item_adjustment (amount) where amount > 5",
    "alter table line_item_adjustment add constraint dear check (amount < 1000000)",
    "create statistics adjusted_stats on amount, item_id from line_item_adjustment",
    "create table plugin.link (product_id text references product (id) on delete cascade)",
    "create table archive () inherits (image)",
)


def change(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        for one in statements:
            conn.execute(sql.SQL(one))


def planned(url: str, *options: str, to: str = "1.20.11") -> list[dict[str, Any]]:
    done = servers.medusa_db("plan", "--to", to, "--output", "json", *options, url=url)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["findings"])


def migrated(url: str, *options: str) -> str:
    done = servers.medusa_db("migrate", "--to", "1.20.11", *options, url=url)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_everything_in_the_way_is_named_with_what_drops_it_and_what_makes_it_again(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.7.0")
    with psycopg.connect(url) as conn:
        version = conn.info.server_version
    blocking = BLOCKING | (FROM_14 if version >= 140000 else {})
    blocking |= FROM_15 if version >= 150000 else {}
    change(url, "create schema reporting", "create schema plugin", *blocking)
    change(
        url,
        "grant select on reporting.prices to public",
        "comment on view reporting.dear is 'It''s'",
    )
    before = snapshot(url)

    findings = planned(url)
    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    wanted = sorted(said for said in blocking.values() if said)
    assert sorted(f["problem"] for f in findings if f["reason"] == "Dependents") == wanted
    assert (done.returncode, done.stdout) == (9, "")
    for said in wanted:
        assert f"- {said}. PostgreSQL refuses that: drop it, migrate, " in done.stderr
    assert "cascade" not in done.stderr.lower()
    assert snapshot(url) == before

    change(url, *(f["before"] for f in findings if "before" in f))
    migrated(url)

    again = [f["after"] for f in reversed(findings) if "after" in f]
    change(
        url,
        *(
            one
            for one in again
            if "variant_id" not in one and "profile_id" not in one and "dear" not in one
        ),
    )
    with psycopg.connect(url) as conn:
        indexed = "select count(*) from pg_indexes where schemaname = 'reporting'"
        assert servers.rows(conn, indexed) == [(1,)]
    made = "\n".join(again)
    assert "create view reporting.prices as\n" in made
    assert "alter view reporting.prices owner to postgres;\n" in made
    assert "grant select on reporting.prices to public" in made
    assert "comment on view reporting.dear is 'It''s'" in made
    assert (
        "create policy mine on public.money_amount as restrictive for select to public using "
        "(((variant_id)::text <> 'x'::text))"
    ) in made


OF_THEIRS = (
    "create function note() returns trigger language plpgsql as 'begin return new; end'",
    "create view prices as select id, variant_id from money_amount",
    "alter view prices alter column variant_id set default 'x'",
    "comment on column prices.id is 'It''s'",
    "grant select on prices to pg_monitor with grant option",
    "grant update (id) on prices to pg_signal_backend",
    "create trigger on_column before update of profile_id on product for each row execute function note()",
    "alter table product enable always trigger on_column",
    "comment on trigger on_column on product is 'mine'",
    "create rule log as on update to product where new.profile_id is null do also select 1",
    "alter table product disable rule log",
    "comment on rule log on product is 'mine'",
    "create policy mine on money_amount using (variant_id <> 'x')",
    "comment on policy mine on money_amount is 'mine'",
    "alter table money_amount add unique (variant_id, id)",
    "create table plugin (variant_id text, id text)",
    "alter table plugin add constraint priced foreign key (variant_id, id) references money_amount (variant_id, id)",
    "comment on constraint priced on plugin is 'mine'",
)
OF_THEIR_FUNCTIONS = (
    "create function profiles() returns bigint language sql begin atomic select count(profile_id) from product; end",
    "revoke all on function profiles() from public",
    "grant execute on function profiles() to pg_monitor with grant option",
    "comment on function profiles() is 'mine'",
)
RIGHTS_AND_WORDS = """
    select relname::text, relacl::text from pg_class where relname = 'prices'
    union all select attname, attacl::text from pg_attribute where attrelid = 'prices'::regclass
    union all select 'default', pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'prices'::regclass
    union all select tgname, tgenabled::text from pg_trigger where not tgisinternal
    union all select rulename, ev_enabled::text from pg_rewrite where rulename = 'log'
    union all select proname, proacl::text from pg_proc where proname = 'profiles'
    union all select classoid::regclass::text, description from pg_description where objoid > 16384
    order by 1, 2
"""


def test_what_is_made_again_has_the_rights_and_the_comments_that_it_had(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    change(url, *OF_THEIRS)
    with psycopg.connect(url) as conn:
        if conn.info.server_version >= 140000:
            change(url, *OF_THEIR_FUNCTIONS)
        before = servers.rows(conn, RIGHTS_AND_WORDS)

    findings = [one for one in planned(url) if one["reason"] == "Dependents"]
    change(url, *(one["before"] for one in findings if one.get("before")))
    change(url, *(one["after"] for one in reversed(findings) if one.get("after")))

    with psycopg.connect(url) as conn:
        assert servers.rows(conn, RIGHTS_AND_WORDS) == before


def test_what_an_upgrade_leaves_alone_is_no_obstacle_and_works_afterwards(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.7.0")
    change(url, "create schema reporting", "create schema plugin", *HARMLESS)

    findings = planned(url)
    migrated(url)

    assert [f for f in findings if f["reason"] in ("Dependents", "NameTaken", "NotOwner")] == []
    change(
        url, "refresh materialized view reporting.amounts", "select * from reporting.titles",
        "insert into product (id, title) values ('p', 'P')", "update product set title = 'Q'",
        "insert into plugin.link values ('p')", "delete from product",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("start", "statements", "said"),
    [
        pytest.param(
            "1.1.24",
            "create table plugin.guest (email text, code text references gift_card (order_id))",
            "constraint guest_code_fkey on plugin.guest depends on constraint "
            "REL_dfc1f02bb0552e79076aa58dbb on gift_card, which gcRemoveUniqueOrder1624287602631 drops",
            id="a-foreign-key-to-a-unique-key",
        ),
        pytest.param(
            "1.1.27",
            "create table plugin.stock (sku text references product_variant (sku))",
            "constraint stock_sku_fkey on plugin.stock depends on IDX_f4dc2c0888b66d547c175f090e, which "
            "softDeletingUniqueConstraints1624610325746 drops",
            id="a-foreign-key-to-a-unique-index",
        ),
        pytest.param(
            "1.3.0",
            "create table plugin.job (status batch_job_status_enum)",
            "column plugin.job.status depends on batch_job_status_enum, which "
            "extendedBatchJob1657267320181 drops",
            id="a-column-of-an-enum-type",
        ),
        pytest.param(
            "1.3.0",
            "create domain plugin.state as batch_job_status_enum",
            "type plugin.state depends on batch_job_status_enum, which extendedBatchJob1657267320181 "
            "drops",
            id="a-domain",
        ),
        pytest.param(
            "1.3.0",
            "create materialized view plugin.jobs as select id, status from batch_job; create index on"
            " plugin.jobs (status)",
            "materialized view plugin.jobs depends on column batch_job.status, which "
            "extendedBatchJob1657267320181 drops and on batch_job_status_enum, which "
            "extendedBatchJob1657267320181 drops",
            id="a-materialized-view-with-such-a-column",
        ),
        pytest.param(
            "1.20.0",
            "alter table customer drop constraint"
            ' "UQ_unique_email_for_guests_and_customer_accounts"; alter table customer add constraint'
            ' "UQ_unique_email_for_guests_and_customer_accounts" unique (email, has_account);'
            " create view plugin.seen as select 1 as one from pg_class",
            "",
            id="nothing",
        ),
    ],
)
def test_keys_indexes_and_types_that_others_need_are_found(
    shop_at: Callable[..., str], start: str, statements: str, said: str
) -> None:
    url = shop_at(start)
    change(url, "create schema plugin", *statements.split(";"))

    found = [f["problem"] for f in planned(url) if f["reason"] == "Dependents"]
    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert found == ([said] if said else [])
    assert done.returncode == (9 if said else 0), done.stderr


def test_what_falls_with_a_column_is_told(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    change(
        url,
        "create unique index one_price on money_amount (variant_id, currency_code, price_list_id)",
        "alter table product add constraint profiled check (profile_id <> '' or is_giftcard)",
        "create statistics by_profile on profile_id, type_id from product",
    )

    told = [f["problem"] for f in planned(url) if " along with " in f["problem"]]
    said = migrated(url)

    assert sorted(told) == [
        f"constraint profiled on public.product, statistics object public.by_profile go along with {PROFILE}",
        f"index public.one_price on money_amount goes along with {VARIANT}",
    ]
    assert (
        f"index public.one_price on money_amount goes along with {VARIANT}. PostgreSQL drops it"
        in said
    )


def test_a_generated_column_is_in_the_way_or_goes_along_as_the_server_has_it(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url) as conn:
        refuses = conn.info.server_version >= 150000
    change(
        url, "alter table product add column profile text generated always as (profile_id) stored"
    )

    problems = [f["problem"] for f in planned(url)]
    code = servers.medusa_db("migrate", "--to", "1.20.11", url=url).returncode

    does = "depends on" if refuses else "goes along with"
    assert f"column public.product.profile {does} {PROFILE}" in problems
    assert code == (9 if refuses else 0)


def own(folder: Path, **files: str) -> Sequence[str]:
    for name, text in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return ("--migrations-dir", str(folder))


def test_a_migration_of_the_shops_own_that_drops_it_first_clears_the_way(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    change(url, "create view report as select id, profile_id from product")
    options = own(tmp_path, m1600000000000_before="drop view if exists report;")

    assert [f for f in planned(url, *options) if f["reason"] == "Dependents"] == []
    migrated(url, *options)


MOOD = "create type mood as enum ('a'); create table seen (id int, now mood, were mood[] default '{}');"
TYPEORM = """
    alter type mood rename to mood_old;
    create type mood as enum ('a', 'b');
    alter table seen alter column now type mood using now::text::mood;
    alter table seen alter were drop default, alter were set data type mood[] using were::text[]::mood[];
    alter table seen alter were set default '{}';
    drop type mood_old;
"""


@pytest.mark.parametrize(
    ("there", "text"),
    [
        ("", TYPEORM),
        ("", "drop table seen; drop type mood;"),
        ("", "drop table if exists seen cascade; drop type if exists mood;"),
        ("create domain pair as mood[]; create table other (now pair);", "drop table other, seen; drop domain pair; drop type mood;"),
        ("create type pair as (one mood); create table other (now pair);", "drop table other, seen; drop type pair; drop type mood;"),
        ("create type pair as (one mood, two int);", "alter type pair drop attribute one; drop table seen; drop type mood;"),
        ("create type pair as (one mood, two int);", "alter type pair alter attribute one set data type text; drop table seen; drop type mood;"),
        ("create schema old; create table old.seen (now mood);", "drop schema old cascade; drop table seen; drop type mood;"),
        ("create schema old;", "alter type mood set schema old; drop table seen; drop type old.mood;"),
        ("create extension citext; create table other (now citext);", "alter table other alter now type text; drop extension citext;"),
    ],
)  # fmt: skip
def test_what_a_file_of_the_shops_own_has_let_go_of_is_not_in_its_way(
    shop_at: Callable[..., str], tmp_path: Path, there: str, text: str
) -> None:
    url = shop_at("1.20.11")
    change(url, MOOD + there)
    options = own(tmp_path, m1600000000000_away=text)

    assert [one for one in planned(url, *options) if one["fatal"]] == []
    migrated(url, *options)


def test_a_type_that_another_column_still_has_is_in_the_way(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    change(url, "create type mood as enum ('a')", "create table seen (was mood, will mood)")
    options = own(
        tmp_path, m1600000000000_away="alter table seen alter was type text; drop type mood;"
    )

    (found,) = (one for one in planned(url, *options) if one["fatal"])

    assert (
        found["problem"] == "column public.seen.will depends on mood, which away1600000000000 drops"
    )


def test_what_a_block_does_is_not_known_so_that_it_only_warns(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.12.3")
    change(url, "create view report as select id, profile_id from product")
    options = own(tmp_path, m1600000000000_before="do $$ begin drop view report; end $$;")

    (found,) = (f for f in planned(url, *options) if "view public.report" in f["problem"])

    assert found["fatal"] is False
    assert "unless before1600000000000 drops it before" in found["advice"]
    migrated(url, *options)


def test_a_cascade_of_the_shops_own_stops_nothing_and_what_goes_with_it_is_told(
    shop_at: Callable[..., str], tmp_path: Path
) -> None:
    url = shop_at("1.20.11")
    change(url, "create table seen (id int, at int)", "create view report as select at from seen")
    options = own(tmp_path, m1600000000000_away="alter table seen drop column at cascade;")

    (found,) = (f for f in planned(url, *options) if "report" in f["problem"])

    assert found["fatal"] is False
    assert found["problem"] == (
        "view public.report goes along with column seen.at, which away1600000000000 drops with `cascade`"
    )
    migrated(url, *options)


def test_a_temporary_view_of_another_session_is_told_as_that(shop_at: Callable[..., str]) -> None:
    url = shop_at("1.12.3")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("create temporary view seen as select profile_id from product")

        (found,) = (f for f in planned(url) if f["reason"] == "Dependents")

    assert found["advice"].endswith(
        "it is a temporary one of another session, and goes when that ends"
    )
    assert "before" not in found
    migrated(url)


KEYLESS = (
    "the publication feed takes the table product_shipping_profile, which addTableProductShippingProfile1680857773273 "
    "makes without a key: it refuses the server's updates and deletes of its rows"
)
FILLED = (
    "the subscription taken fills the table product, of which addTableProductShippingProfile1680857773273 drops the "
    "column profile_id"
)


def test_a_replica_identity_that_would_go_along_with_a_column_is_refused(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    change(
        url,
        "create unique index mine on product (id, profile_id)",
        "alter table product replica identity using index mine",
        "create publication feed for table product",
    )
    before = snapshot(url)

    done = servers.medusa_db("migrate", "--to", "1.20.11", url=url)

    assert (done.returncode, snapshot(url)) == (9, before)
    assert (
        "the replica identity of product, index mine, goes along with column product.profile_id, which "
        "addTableProductShippingProfile1680857773273 drops, and the publication feed would refuse the server's "
        "updates and deletes of its rows. First: alter table public.product replica identity default"
    ) in done.stderr
    change(url, "alter table public.product replica identity default")
    migrated(url)


@pytest.mark.parametrize(
    "publication",
    ["create publication feed for table product", "create publication feed for all tables with (publish = 'insert')"],
)  # fmt: skip
def test_a_replica_identity_that_nobody_needs_goes_without_a_word(
    shop_at: Callable[..., str], publication: str
) -> None:
    url = shop_at("1.12.3")
    change(url, publication)

    assert [one for one in planned(url) if "replica identity" in one["problem"]] == []


def test_a_new_table_that_a_publication_takes_without_a_key_is_told_beforehand(
    shop_at: Callable[..., str],
) -> None:
    url = shop_at("1.12.3")
    change(url, "create publication feed for all tables")

    found = [one for one in planned(url) if "takes the table" in one["problem"]]

    assert [(one["problem"], one["fatal"], one["after"]) for one in found] == [
        (
            KEYLESS,
            False,
            'alter table "public"."product_shipping_profile" replica identity full',
        )
    ]
    migrated(url)
    change(url, found[0]["after"])


def test_a_column_that_a_subscription_fills_is_told_before_it_goes(server: TestServer) -> None:
    assert server.process is not None
    with servers.started(server.process.programs, wal_level="logical", max_connections="30") as own:
        publisher, shop = own.url(own.at("1.12.3")), ""
        change(publisher, "create publication feed for table product, cart")
        change(publisher, "select pg_create_logical_replication_slot('taken', 'pgoutput')")
        with own.database(own.at("1.12.3", "--lock-wait", "9s")) as name:
            shop = own.url(name)
            where = f"host=127.0.0.1 port={own.process.port} user=postgres dbname={publisher.rpartition('/')[2]}"
            change(
                shop,
                f"create subscription taken connection '{where}' publication feed "
                "with (create_slot = false, copy_data = false, enabled = false)",
            )

            found = [one for one in planned(shop) if "subscription" in one["problem"]]

            change(
                shop, "alter subscription taken set (slot_name = none)", "drop subscription taken"
            )
    assert [(one["problem"], one["fatal"]) for one in found] == [
        (
            FILLED,
            False,
        )
    ]
