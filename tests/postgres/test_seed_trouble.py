"""Bad documents and bad luck: the right exit code, a sentence with the place, and not one row."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

import faults
import servers
from faults import is_locked, is_noticed, running
from medusa_migrations.contract.errors import UsageError
from medusa_testbed.waiting import eventually
from seed_documents import product, shop, written
from seed_rows import contents
from seed_runs import changed, seed
from servers import medusa_db, rows

_GATE = 7531


@contextmanager
def gate(url):
    """Stop a seed before its first product, for the duration of a `with`; yields what opens it."""
    with psycopg.connect(url, autocommit=True) as keeper:
        keeper.execute("select pg_advisory_lock(%s)", [_GATE])
        keeper.execute(
            """
            create function wait_for_gate() returns trigger language plpgsql set lock_timeout to 0 as
              $$ begin perform pg_advisory_xact_lock(7531); return null; end $$;
            create trigger gate before insert on product execute function wait_for_gate();
            """
        )
        yield keeper
        keeper.execute("select pg_advisory_unlock_all()")
        keeper.execute("drop trigger gate on product; drop function wait_for_gate")


def waits(keeper):
    """The number of the server session that waits at the gate; none yet: nothing."""
    return [
        pid
        for (pid,) in keeper.execute(
            "select pid from pg_locks where locktype = 'advisory' and not granted and objid = %s"
            " and database = (select oid from pg_database where datname = current_database())",
            [_GATE],
        )
    ]


def in_product(**more):
    """A document whose first product has something else."""
    body = shop()
    body["products"][0] |= more
    return body


def in_variant(**more):
    """A document whose first variant has something else."""
    body = shop()
    body["products"][0]["variants"][0] |= more
    return body


def in_region(**more):
    """A document whose region has something else."""
    body = shop()
    body["regions"][0] |= more
    return body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(
            in_variant(prices=[{"currency_code": "eur", "amount": 1}, {"currency_code": "xyz", "amount": 1}]),
            'products[0].variants[0].prices[1].currency_code: "xyz" is not a currency of this database',
            id="currency",
        ),
        pytest.param(
            in_variant(prices=[{"region_id": "mars", "amount": 1}]),
            'products[0].variants[0].prices[0].region_id: "mars" is not a region of this document or shop',
            id="region-of-a-price",
        ),
        pytest.param(
            in_product(categories=[{"id": "pcat_gone"}]),
            'products[0].categories[0].id: "pcat_gone" is not a category of this document or shop',
            id="category",
        ),
        pytest.param(
            in_product(collection_id="pcol_gone"),
            'products[0].collection_id: "pcol_gone" is not a collection of this document or shop',
            id="collection",
        ),
        pytest.param(
            in_product(type=None, type_id="ptyp_gone"),
            'products[0].type_id: "ptyp_gone" is not a product type of this shop',
            id="type",
        ),
        pytest.param(
            in_region(currency_code="gbp"),
            'regions[0].currency_code: "gbp" is not a currency of the store (eur, usd); name it in the '
            "store's currencies as well",
            id="currency-of-a-region",
        ),
        pytest.param(
            in_region(countries=["de", "xx"]),
            'regions[0].countries[1]: "xx" is not a country of this database',
            id="country",
        ),
        pytest.param(
            in_region(fulfillment_providers=["webshipper"]),
            'shipping_options[0].provider_id: "manual" is no fulfillment provider of that region '
            "(webshipper)",
            id="provider",
        ),
        pytest.param(
            in_region(id="asia"),
            'shipping_options[0].region_id: "eu" is no region of this document or shop; there are asia',
            id="region",
        ),
        pytest.param(
            shop(store={"currencies": ["eur"]}),
            'store.currencies: the default currency "usd" is not among them; add it, or give another as '
            "default_currency_code",
            id="default-currency",
        ),
        pytest.param(
            shop(store={"currencies": ["usd", "eur", "xyz"]}),
            'store.currencies[2]: "xyz" is not a currency of this database',
            id="currency-of-the-store",
        ),
    ],
)  # fmt: skip
def test_what_the_shop_cannot_resolve_is_refused(shop_at, body, message):
    url = shop_at("1.20.11")
    before = contents(url)

    with pytest.raises(UsageError) as caught:
        seed(url, body)

    assert str(caught.value).partition("corrected first: ")[2] == message
    assert contents(url) == before


def test_what_a_shop_may_be_about_to_get_is_a_warning(shop_at, tmp_path):
    url = shop_at("1.20.11")
    seed(
        url,
        {"regions": [shop()["regions"][0] | {"tax_provider_id": "ours", "currency_code": "usd"}]},
    )
    body = in_region(tax_provider_id="taxes")
    body["products"][0]["variants"][0]["prices"] += [{"currency_code": "sek", "amount": 1}]
    body["products"][1]["variants"][0]["prices"] += [{"currency_code": "SEK", "amount": 2}]
    file = str(written(body, tmp_path))

    dry = medusa_db("seed", "-f", file, "--dry-run", url=url)
    done = medusa_db("seed", "-f", file, url=url)

    for one in (dry, done):
        assert one.returncode == 0, one.stderr
        warnings = " ".join(one.stdout.partition("Warnings:\n")[2].split()).split(" - ")
        assert [warnings[0], warnings[1].partition(" as well")[0]] == [
            (
                '- no server of this shop had the tax provider "taxes" installed so far (ours it had); it works '
                "once its plugin is installed"
            ),
            (
                'products[0].variants[0].prices[2].currency_code: "sek" is not a currency of the store (eur, '
                "usd); prices in it are kept, as Medusa does. To sell in it, name it in the store's currencies"
            ),
        ]
    with psycopg.connect(url) as conn:
        assert rows(conn, "select amount from money_amount where currency_code = 'sek' order by 1") == [
            (1,), (2,)
        ]  # fmt: skip


def test_what_another_product_of_the_shop_has_is_refused(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    with psycopg.connect(url) as conn:
        conn.execute("update product set id = id where handle = 'mug'")
        [(id_,)] = rows(conn, "select id from product where handle = 'mug'")
    before = contents(url)
    taken = product("bowl", id="prod_bowl") | {"handle": "mug"}
    bowl = product("bowl")
    bowl["variants"][1]["sku"] = "MUG-SMALL"

    with pytest.raises(UsageError) as handle:
        seed(url, {"products": [taken]})
    with pytest.raises(UsageError) as sku:
        seed(url, {"products": [bowl]})

    assert str(handle.value).endswith(
        f'products[0].handle: "mug" is the handle of another product of this shop, {id_}'
    )
    assert str(sku.value).endswith(
        'products[0].variants[1].sku: "MUG-SMALL" is that of another product of this shop, mug'
    )
    assert contents(url) == before


def test_a_country_of_another_region_is_refused(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    before = contents(url)
    body = in_region(name="Centre", id="centre")

    with pytest.raises(UsageError) as caught:
        seed(url, body | {"shipping_options": []})

    assert caught.value.detail.splitlines() == [
        '- regions[0].countries[0]: "de" is in another region of this shop, "Europe"',
        '- regions[0].countries[1]: "fr" is in another region of this shop, "Europe"',
    ]
    assert contents(url) == before


def test_a_variant_lacks_a_value_for_an_option_that_only_the_shop_has(shop_at):
    url = shop_at("1.20.11")
    seed(url, shop())
    with psycopg.connect(url) as conn:
        conn.execute(
            "insert into product_option (id, title, product_id)"
            " select 'opt_own', 'Colour', id from product where handle = 'mug'"
        )
    mug = product()
    mug["options"][0]["values"].append("Huge")
    mug["variants"].append(
        mug["variants"][0] | {"title": "Huge", "sku": "H", "options": [{"value": "Huge"}]}
    )

    with pytest.raises(UsageError) as caught:
        seed(url, {"store": {"currencies": ["usd", "eur"]}, "products": [mug]})

    assert str(caught.value).endswith(
        'products[0].variants[2]: needs a value for "Colour" as well: the product has that option in this '
        "shop"
    )


def test_strange_texts_are_kept_as_they_are(shop_at):
    url = shop_at("1.20.11")
    strange = "<b>'\"\\\\N\t\r\n\\.\n%s {} $$ é 👍🏽 " + "T" * 10_000
    mug = product(description=strange, title=strange, metadata={"k'\"\\": [strange, None, 1.5]})

    seed(url, {"store": {"currencies": ["usd", "eur"]}, "products": [mug]})

    with psycopg.connect(url) as conn:
        [found] = rows(conn, "select title, description, metadata from product")
    assert found == (strange, strange, {"k'\"\\": [strange, None, 1.5]})


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, 2), ("{", 2), ("[]", 2), ("\x00", 2), ('{"products": {}}', 2), ("{}", 0)],
    ids=("missing", "broken", "list", "nul", "object", "empty"),
)
def test_the_exit_code_tells_a_bad_document(url, tmp_path, text, code):
    path = tmp_path / "seed.json"
    if text is not None:
        path.write_text(text)

    done = medusa_db("seed", "-f", str(path), url=url)

    assert done.returncode == code
    with psycopg.connect(url) as conn:
        assert rows(conn, "select count(*) from pg_tables where schemaname = 'public'") == [(0,)]


def test_a_seed_that_the_database_refuses_leaves_no_row(shop_at, tmp_path):
    url = shop_at("1.20.11")
    with psycopg.connect(url) as conn:
        conn.execute("alter table product_variant add constraint dear check (title <> 'Large')")
    before = contents(url)

    done = medusa_db("seed", "-f", str(written(shop(), tmp_path)), url=url)

    assert (done.returncode, contents(url)) == (7, before)
    assert (
        "medusa-db: the seed failed and was rolled back, no row of it remains: new row for relation "
        '"product_variant" violates check constraint "dear" (SQLSTATE 23514)'
    ) in done.stderr.splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=("stopped", "killed"))
def test_a_seed_that_is_cut_short_leaves_no_row(shop_at, tmp_path, number):
    url = shop_at("1.20.11")
    before = contents(url)

    with gate(url) as keeper:
        with running("seed", "-f", str(written(shop(), tmp_path)), url=url) as run:
            eventually(lambda: waits(keeper))
            run.process.send_signal(number)
            done = run.finish()
        if number == signal.SIGTERM or is_noticed(url):
            eventually(lambda: not waits(keeper))

    assert done.returncode == (143 if number == signal.SIGTERM else -9)
    eventually(lambda: not is_locked(url))
    assert contents(url) == before


def test_a_connection_that_is_lost_leaves_no_row_and_the_next_seed_finishes(shop_at, tmp_path):
    url = shop_at("1.20.11")
    before = contents(url)
    path = str(written(shop(), tmp_path))

    with gate(url) as keeper, running("seed", "-f", path, url=url) as run:
        [pid] = eventually(lambda: waits(keeper))
        keeper.execute("select pg_terminate_backend(%s)", [pid])
        done = run.finish()
        after = contents(url)

    assert (done.returncode, after) == (4, before)
    assert "the connection to the database was lost" in done.stderr
    assert medusa_db("seed", "-f", path, url=url).returncode == 0


def test_of_two_seeds_at_once_the_second_waits_and_finds_nothing_to_do(shop_at, tmp_path):
    url = shop_at("1.20.11")
    path = str(written(shop(), tmp_path))

    with (
        gate(url) as keeper,
        running("seed", "-f", path, url=url) as first,
        running("seed", "-f", path, "--output", "json", url=url) as second,
    ):
        eventually(lambda: waits(keeper))
        eventually(lambda: "waiting up to" in first.said + second.said)
        keeper.execute("select pg_advisory_unlock_all()")
        done = [first.finish(), second.finish()]

    assert [one.returncode for one in done] == [0, 0]
    with psycopg.connect(url) as conn:
        assert rows(conn, "select count(*) from product") == [(2,)]
        assert rows(conn, "select count(*) from medusa_db.seed") == [(1,)]


def test_of_two_first_seeds_at_once_only_one_is_done(shop_at, tmp_path):
    url = shop_at("1.20.11")
    paths = [
        written(shop(products=[product(name)]), tmp_path, f"{name}.json")
        for name in ("mug", "bowl")
    ]

    with (
        gate(url) as keeper,
        running("seed", "-f", str(paths[0]), "--once", url=url) as first,
        running("seed", "-f", str(paths[1]), "--once", url=url) as second,
    ):
        eventually(lambda: waits(keeper))
        eventually(lambda: "waiting up to" in first.said + second.said)
        keeper.execute("select pg_advisory_unlock_all()")
        done = [first.finish(), second.finish()]

    assert sorted(one.stdout.splitlines()[-1] for one in done)[0] == (
        "Nothing to do: the shop was seeded before."
    )
    with psycopg.connect(url) as conn:
        assert rows(conn, "select count(*) from product") == [(1,)]


def test_a_seed_that_waited_for_a_migration_fills_what_that_has_made(shop_at, tmp_path):
    url = shop_at("1.12.3")
    path = str(written(shop(), tmp_path))
    last = "addTableProductShippingProfile1680857773273"

    with (
        faults.gate(url, last) as held,
        running("migrate", "--to", "1.20.11", url=url) as migration,
    ):
        eventually(held.reached)
        with running("seed", "-f", path, "--output", "json", url=url) as run:
            eventually(lambda: "waiting up to" in run.said)
            held.open()
            done = [migration.finish(), run.finish()]

    assert [one.returncode for one in done] == [0, 0]
    report = json.loads(done[1].stdout)
    assert (report["version"], report["state"], report["migrationCount"]) == ("1.20.11", "done", 0)
    with psycopg.connect(url) as conn:
        assert rows(conn, "select count(*) from product_shipping_profile") == [(2,)]


def test_a_deadlock_with_the_shop_rolls_the_seed_back(shop_at, tmp_path):
    url = shop_at("1.20.11")
    seed(url, shop())
    before = contents(url)
    mug = product(title="Cup")
    mug["variants"][0] |= {"title": "Tiny"}
    path = str(written(shop(products=[mug]), tmp_path))
    with psycopg.connect(url, autocommit=True) as conn:
        name = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("alter database {} set deadlock_timeout to '3s'").format(name))

    with psycopg.connect(url) as buyer, running("seed", "-f", path, "--overwrite", url=url) as run:
        buyer.execute("set deadlock_timeout to '5min'")  # the seed is to be the one that notices
        buyer.execute("update product_variant set title = 'Held' where sku = 'MUG-SMALL'")
        eventually(lambda: awaits(url, "transactionid"))
        buyer.execute("update product set title = 'Held' where handle = 'mug'")
        buyer.rollback()
        done = run.finish()

    assert (done.returncode, contents(url)) == (6, before)
    assert (
        "the shop and the seed waited for each other, and the seed was rolled back" in done.stderr
    )
    assert medusa_db("seed", "-f", path, "--overwrite", url=url).returncode == 0


def awaits(url, kind):
    """Tell whether a run of ours waits for a lock of *kind* in the database of *url*."""
    with psycopg.connect(url) as conn:
        found = conn.execute(
            "select pid from pg_locks join pg_stat_activity using (pid) where not granted"
            " and locktype = %s and datname = current_database()"
            " and application_name like 'medusa-db%%'",
            [kind],
        )
        return found.fetchall()


def test_a_lock_that_is_not_let_go_is_not_waited_for_for_ever(shop_at, tmp_path):
    url = shop_at("1.20.11")
    path = str(written(shop(), tmp_path))

    with gate(url) as keeper, running("seed", "-f", path, url=url):
        eventually(lambda: waits(keeper))
        done = medusa_db("seed", "-f", path, "--lock-wait", "1s", url=url)

    assert done.returncode == 6


@contextmanager
def role(server, url, *grants):
    """Make a role with *grants* on the database of *url*, yield its URL, drop it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("drop role if exists seeder; create role seeder login")
        for grant in grants:
            conn.execute(grant)
        yield server.url(url.rpartition("/")[2], "seeder")
        conn.execute("drop owned by seeder; drop role seeder")


WRITES = (
    "grant usage on schema public to seeder",
    "grant all on all tables in schema public to seeder",
    "grant all on all sequences in schema public to seeder",
)


@pytest.mark.parametrize("schema", ["there", "missing"])
def test_a_role_that_cannot_keep_records_seeds_all_the_same_and_says_so(server, shop_at, schema):
    url = shop_at("1.20.11")
    if schema == "missing":
        with psycopg.connect(url) as conn:
            conn.execute("drop schema medusa_db cascade")
    body = shop(products=[product(title="Cup")])

    with role(server, url, *WRITES) as its_url:
        first = seed(its_url, shop())
        again = seed(its_url, shop())
        other = seed(its_url, body)
        overwritten = seed(its_url, body, overwrite=True)

    assert (first["recorded"], first["state"], again["state"]) == (False, "done", "nothing")
    assert changed(other) == {"products": {"kept": 1}}
    assert changed(overwritten) == {"products": {"updated": 1}}


def test_a_role_that_may_only_read_is_denied(server, shop_at, tmp_path):
    url = shop_at("1.20.11")
    grants = (
        "grant usage on schema public to seeder",
        "grant select on all tables in schema public to seeder",
    )

    with role(server, url, *grants) as its_url:
        done = servers.medusa_db("seed", "-f", str(written(shop(), tmp_path)), url=its_url)

    assert done.returncode == 5
    assert "permission denied for table" in done.stderr


def test_a_shop_in_a_schema_of_its_own_is_seeded_there(url, tmp_path):
    with psycopg.connect(url) as conn:
        conn.execute("create schema shop")
    path = str(written(shop(), tmp_path))

    done = medusa_db("seed", "-f", path, "--schema", "shop", url=url)

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url) as conn:
        assert rows(conn, "select count(*) from shop.product") == [(2,)]
        assert rows(conn, "select to_regclass('public.product')") == [(None,)]


def test_without_migrations_an_empty_database_is_refused(url, tmp_path):
    done = medusa_db("seed", "-f", str(written(shop(), tmp_path)), "--no-migrate", url=url)

    assert done.returncode == 9
    assert "there is no shop in the schema public: it has no table store" in done.stderr


def test_a_medusa_v2_database_is_refused(url, tmp_path):
    with psycopg.connect(url) as conn:
        conn.execute(
            "create table mikro_orm_migrations (id int); create table link_module_migrations (id int)"
        )

    done = medusa_db("seed", "-f", str(written(shop(), tmp_path)), url=url)

    assert done.returncode == 3


def test_an_older_target_than_the_database_is_refused(shop_at, tmp_path):
    url = shop_at("1.20.11")
    before = contents(url)

    done = medusa_db("seed", "-f", str(written(shop(), tmp_path)), "--to", "1.12.3", url=url)

    assert (done.returncode, contents(url)) == (9, before)
