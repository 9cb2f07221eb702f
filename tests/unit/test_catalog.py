"""The catalog as shipped: complete, without contradictions, every file reachable."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path

import pytest

from ledgers import v
from medusa_migrations.catalog import load, source
from medusa_migrations.catalog.model import Catalog, Severity
from medusa_migrations.plan.shop import refused
from medusa_migrations.schema import ddl, statements, verify
from medusa_migrations.schema.model import Schema


def test_every_version_of_medusa_v1_is_known(catalog: Catalog):
    packages = [release for release in catalog.releases if release.package]

    assert len(catalog.versions) == 141
    assert len(packages) == 80
    assert list(catalog.versions) == sorted(catalog.versions)
    assert (str(catalog.versions[0]), str(catalog.newest)) == ("1.1.0", "1.20.11")


def test_every_migration_of_medusa_v1_is_there(catalog: Catalog):
    assert len(catalog.texts) == 83
    assert len(catalog.present(catalog.newest)) == 82


@pytest.mark.parametrize(
    ("version", "default", "with_flags"),
    [
        pytest.param("1.1.0", 2, 2, id="first"),
        pytest.param("1.1.32", 17, 17, id="has-what-the-next-tag-lacks"),
        pytest.param("1.1.33", 16, 16, id="withdrawn"),
        pytest.param("1.1.63", 31, 31, id="new-tax-system"),
        pytest.param("1.1.64", 30, 30, id="new-tax-system-withdrawn"),
        pytest.param("1.1.65", 37, 37, id="new-tax-system-back"),
        pytest.param("1.2.1", 32, 32, id="five-withdrawn"),
        pytest.param("1.3.0", 37, 37, id="five-back"),
        pytest.param("1.3.9", 42, 44, id="two-flags-off"),
        pytest.param("1.7.2", 45, 51, id="before-the-flags-turn-on"),
        pytest.param("1.7.5", 55, 56, id="after-the-flags-turn-on"),
        pytest.param("1.7.15", 58, 59, id="rank-withdrawn"),
        pytest.param("1.12.3", 66, 67, id="1.12.3"),
        pytest.param("1.20.2", 74, 82, id="with-the-cart-link"),
        pytest.param("1.20.11", 75, 82, id="newest"),
    ],
)
def test_a_version_runs_as_many_migrations_as_medusa_does(
    catalog: Catalog, version, default, with_flags
):
    everything = dict.fromkeys(catalog.flags, True)

    assert len(catalog.enabled(v(version), {})) == default
    assert len(catalog.enabled(v(version), everything)) == with_flags


def test_migrations_run_in_the_order_of_typeorm(catalog: Catalog):
    names = [m.name for m in catalog.present(catalog.newest) if m.timestamp in (1680857773273,)]

    assert names == [
        "addTableProductShippingProfile1680857773273",
        "dropProductIdFkSalesChannels1680857773273",
        "dropVariantIdFkMoneyAmount1680857773273",
    ]


def test_every_ledger_name_ends_in_its_timestamp(catalog: Catalog):
    for name, texts in catalog.texts.items():
        assert re.fullmatch(r"[A-Za-z0-9]+_?\d{13}", name)
        assert {text.timestamp for text in texts} == {int(name[-13:])}


def test_every_flag_is_known(catalog: Catalog):
    asked = {flag for texts in catalog.texts.values() for text in texts for flag in text.flags}
    asked |= {flag for step in catalog.data_steps for flag in step.flags}

    assert asked <= set(catalog.flags)
    assert asked == set(catalog.flags), "a flag that gates nothing has no place in flags.yaml"


def test_every_folder_is_a_known_version_and_holds_only_what_is_read(catalog: Catalog):
    root = source.folder()
    known = {str(version) for version in catalog.versions}
    allowed = re.compile(r"\d{13}_\w+\.sql|after_\w+\.sql|version\.yaml|checks\.yaml")

    for path in root.iterdir():
        if path.is_dir():
            assert path.name in known
            assert [f.name for f in path.iterdir() if not allowed.fullmatch(f.name)] == []
        else:
            assert path.name in ("flags.yaml", "releases.yaml", "countries_currencies.yaml")


def test_withdrawn_and_returned_names_exist(catalog: Catalog):
    for name, events in catalog.membership.items():
        assert name in catalog.texts
        states = [joined for _, joined in events]
        assert states[0], name
        assert not any(not before and not after for before, after in itertools.pairwise(states)), (
            f"{name} is withdrawn twice in a row"
        )


def test_checks_belong_to_an_item_of_their_folder(catalog: Catalog):
    files = source.parse()
    for path in source.folder().glob("*/checks.yaml"):
        names = {text.name for texts in catalog.texts.values() for text in texts}
        body = files[f"{path.parent.name}/checks.yaml"]
        beside = {f"{m[2]}{m[1]}" for f in path.parent.iterdir()
                  if (m := re.fullmatch(r"(\d{13})_(\w+)\.sql", f.name))}  # fmt: skip
        steps = {
            step.name.partition("/")[2]
            for step in catalog.data_steps
            if str(step.version) == path.parent.name
        }
        assert set(body) <= (names & beside) | steps, path


@pytest.mark.parametrize("flags", [False, True], ids=["default-flags", "every-flag-on"])
def test_every_version_is_written_in_the_dialect(catalog: Catalog, flags):
    values = dict.fromkeys(catalog.flags, True) if flags else {}
    sets = {tuple(catalog.enabled(version, values)) for version in catalog.versions}
    for migrations in sets:
        assert "store" in verify.expected(migrations).tables


def test_flags_that_exclude_each_other_are_known_with_what_to_switch(catalog: Catalog):
    flags = list(catalog.flags)
    sets = {
        tuple(catalog.enabled(version, on)): (version, on)
        for version in catalog.versions
        for values in itertools.product((False, True), repeat=len(flags))
        for on in [dict(zip(flags, values, strict=True))]
    }
    found = set()
    for migrations, (version, on) in sets.items():
        excluded = verify.excluding(catalog, version, [], migrations, Schema())
        if excluded is None:
            verify.expected(migrations)
            continue
        failing, remedy = excluded
        verify.expected(catalog.enabled(version, on | remedy))
        found.add((failing.name, *remedy.items()))
        assert version >= v("1.20.0")
        assert on["medusa_v2"]
        assert not on["sales_channels"]

    assert found == {("ProductSalesChannelsLink1698056997411", ("sales_channels", True))}


def test_no_text_names_a_schema_or_controls_the_transaction(catalog: Catalog):
    for texts in catalog.texts.values():
        for text in texts:
            assert "public." not in text.text, text.origin
            for statement in statements.split(text.text):
                assert not refused.controls_transaction(statement), text.origin


def test_every_text_says_in_its_first_line_what_the_shop_gets(catalog: Catalog):
    for texts in catalog.texts.values():
        for text in texts:
            assert re.match(r"[A-Z].*\.$", text.about), text.origin
    for step in catalog.data_steps:
        assert re.match(r"[A-Z].*\.$", step.about), step.name
        assert step.ready is None or step.otherwise, step.name


def test_a_changed_text_stands_again_only_where_it_differs(catalog: Catalog):
    for texts in catalog.texts.values():
        for before, after in itertools.pairwise(texts):
            assert before.text != after.text, after.origin


def test_countries_and_currencies_have_their_three_corrections(catalog: Catalog):
    name = "countriesCurrencies1611063174563"

    def text(version):
        return catalog.text(name, v(version)).text

    assert "'mnt'" not in text("1.3.5")
    assert "'mnt'" in text("1.3.6")
    assert "LIBYAN ARAB JAMAHIRIYA" in text("1.19.0")
    assert "LIBYAN ARAB JAMAHIRIYA" not in text("1.20.0")
    assert "টকা" in text("1.20.3")
    assert "টকা" not in text("1.20.4")
    assert text("1.20.11").count("\n  (") == 250 + 120


def test_the_dialect_refuses_what_it_does_not_know():
    with pytest.raises(ddl.DialectError, match="create view"):
        ddl.apply(verify.expected([]), 'create view "x" as select 1')


def test_notes_name_every_version_after_which_older_servers_break(catalog: Catalog):
    broken = {str(note.version) for note in catalog.notes if note.older_servers_break}

    assert broken >= {"1.13.0", "1.15.2"}
    assert all(n.severity is Severity.BREAKING for n in catalog.notes if n.older_servers_break)


def test_notes_cover_every_version_whose_guide_is_silent_or_missing(catalog: Catalog):
    told = {str(note.version): note.guide for note in catalog.notes}

    for version in ("1.3.0", "1.3.6", "1.3.8", "1.20.0"):
        assert told[version] == "silent"
    for version in ("1.3.4", "1.7.4", "1.7.5", "1.7.7", "1.15.1", "1.15.2"):
        assert told[version] == "missing"


def test_the_data_steps_of_the_upgrade_guides_are_there(catalog: Catalog):
    assert sorted(step.name for step in catalog.data_steps) == [
        "1.3.0/discount_rules",
        "1.3.0/line_item_adjustments",
        "1.3.6/sales_channels",
        "1.7.1/gift_card_tax_rate",
        "1.7.3/sales_channels",
    ]


def test_what_is_compiled_is_what_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "COMPILED", tmp_path / "catalog.json")
    source.compile_()

    compiled, written = source.read(), source.parse()

    assert told(load.read(compiled)) == told(load.read(written))


def told(catalog: Catalog) -> object:
    """Everything a catalog says."""
    texts = [text.text for texts in catalog.texts.values() for text in texts]
    fields = (f.name for f in dataclasses.fields(catalog) if not f.name.startswith("_"))
    return texts, {name: getattr(catalog, name) for name in fields}


def test_what_is_compiled_no_longer_counts_once_a_file_has_changed(tmp_path, monkeypatch):
    folder = tmp_path / "versions"
    (folder / "1.1.0").mkdir(parents=True)
    file = folder / "1.1.0" / "1611063162649_initialSchema.sql"
    file.write_text("-- one")
    monkeypatch.setattr(source, "COMPILED", tmp_path / "catalog.json")
    monkeypatch.setattr(source, "folder", lambda: folder)
    source.compile_()
    monkeypatch.setattr(source, "parse", lambda: {"parsed": "again"})

    fresh = source.read()
    file.write_text("-- other")
    stale = source.read()

    assert fresh == {"1.1.0/1611063162649_initialSchema.sql": "-- one"}
    assert stale == {"parsed": "again"}


def test_the_docs_name_every_version_that_breaks_older_servers(catalog: Catalog):
    text = (Path(__file__).parents[2] / "docs" / "versions.md").read_text()
    found = re.findall(r"^\| ([\d.]+) \| ([\d.]+) or later \|", text, re.MULTILINE)

    broken = [str(note.version) for note in catalog.notes if note.older_servers_break]
    assert found == [(version, version) for version in broken]
