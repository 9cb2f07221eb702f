"""Where a database is, is a value: a sentence and a command spell it, each in a way of its own."""

from __future__ import annotations

import pytest

from medusa_migrations.catalog import load, version
from medusa_migrations.contract.report import Proven, ProvenState
from medusa_migrations.plan import proof
from medusa_migrations.plan.place import Place, locate, proven

CATALOG = load.read()


def names(of):
    return [migration.name for migration in CATALOG.enabled(version.parse(of), {})]


PLACES = [
    pytest.param([], None, "empty", "", Proven(ProvenState.EMPTY), id="empty"),
    pytest.param(
        names("1.12.3"), None, "1.12.0 to 1.12.3", " --from 1.12.3",
        Proven(ProvenState.VERSION, ("1.12.0", "1.12.1", "1.12.2", "1.12.3")), id="ledger-alone",
    ),
    pytest.param(
        names("1.12.3"), "1.12.1", "1.12.1", " --from 1.12.1",
        Proven(ProvenState.VERSION, ("1.12.0", "1.12.1", "1.12.2", "1.12.3"), "1.12.1"), id="history",
    ),
    pytest.param(
        names("1.12.3"), "1.20.11", "1.12.0 to 1.12.3", " --from 1.12.3",
        Proven(ProvenState.VERSION, ("1.12.0", "1.12.1", "1.12.2", "1.12.3")), id="history-elsewhere",
    ),
    pytest.param(names("1.12.3")[:-1] + names("1.20.11")[-1:], None, "partial", "",
                 Proven(ProvenState.PARTIAL), id="partial"),
]  # fmt: skip


@pytest.mark.parametrize(("ledger", "named", "sentence", "argument", "told"), PLACES)
def test_a_place_is_spelt_for_a_sentence_for_a_command_and_for_a_report(
    ledger, named, sentence, argument, told
):
    found = locate(CATALOG, proof.prove(CATALOG, ledger), named and version.parse(named))

    assert str(found) == sentence
    assert found.argument("--from") == argument
    assert proven(found) == told


def test_where_nobody_has_looked_is_unknown():
    assert str(Place()) == "unknown"
    assert Place().argument("--from") == ""
    assert proven(Place()) == Proven()


@pytest.mark.parametrize("of", ["1.12.3", "1.13.0", "1.20.11"])
@pytest.mark.parametrize("wanted", ["1.12.0", "1.12.3", "1.13.0", "1.20.11"])
def test_a_ledger_is_ahead_of_a_version_that_lacks_a_migration_of_it(of, wanted):
    found, wanted = proof.prove(CATALOG, names(of)), version.parse(wanted)

    ahead = bool(proof.newer(CATALOG, found.applied, wanted))

    assert locate(CATALOG, found, None).ahead_of(wanted) is ahead
