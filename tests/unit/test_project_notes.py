"""What the releases of Medusa v2 ask, and the Node and PostgreSQL that they want."""

from __future__ import annotations

import pytest

from medusa_db import commands
from medusa_migrations.catalog import release_notes
from medusa_migrations.catalog.version import Version, parse
from medusa_project.packages import recipes


def test_notes_are_in_order_and_of_versions_whose_commands_are_known():
    versions = [note.version for note in release_notes.NOTES]

    assert versions == sorted(set(versions))
    assert (versions[-1].major, versions[-1].minor, versions[-1].patch) <= recipes.NEWEST_KNOWN
    assert all(note.before or note.after for note in release_notes.NOTES)


@pytest.mark.parametrize(
    ("after", "to", "expected"),
    [
        (Version(2, 15, 3), Version(2, 17, 2), ["2.16.0", "2.17.0"]),
        (Version(2, 17, 0), Version(2, 17, 0), []),
        (None, Version(2, 4, 0), ["2.3.0"]),
        (Version(2, 21, 0), Version(2, 40, 0), []),
    ],
)
def test_notes_are_those_above_one_version_up_to_another(after, to, expected):
    assert [str(note.version) for note in release_notes.between(after, to)] == expected


NODE_OF_2_21 = "Medusa 2.21.2 wants Node 20.19 or 22.12 or later, and {} is used; it may fail"


@pytest.mark.parametrize(
    ("version", "node", "server", "expected"),
    [
        ("2.0.7", "v20.0.0", 120022, []),
        ("2.0.7", "v18.20.8", 150000, ["Medusa 2.0.7 wants Node 20.0 or later, and v18.20.8 is used; it may fail"]),
        ("2.21.2", "v20.19.0", 130000, []),
        ("2.21.2", "v22.12.0", 180000, []),
        ("2.21.2", "v24.0.0", 180000, []),
        ("2.21.2", "v20.18.3", 180000, [NODE_OF_2_21.format("v20.18.3")]),
        ("2.21.2", "v21.9.0", 180000, [NODE_OF_2_21.format("v21.9.0")]),
        ("2.21.2", "v22.11.0", 180000, [NODE_OF_2_21.format("v22.11.0")]),
        ("2.17.0", "v20.20.2", 120022, ["Medusa 2.17.0 wants PostgreSQL 13 or later, and the server is 12: migrations may fail"]),
        ("1.20.11", "v12.0.0", 100000, []),
        ("2.21.2", "", 150000, []),
    ],
)  # fmt: skip
def test_what_is_too_old_is_named(version, node, server, expected):
    assert list(release_notes.too_old(parse(version), node, server)) == expected


def test_notes_of_v2_are_printed_and_there_is_no_way_up_from_v1(capsys):
    entry = commands.COMMANDS["notes"].command()

    assert entry.run(entry.arguments(from_=Version(2, 16, 0), to=Version(2, 18, 0))) == 0
    assert capsys.readouterr().out.startswith("2.17.0  BREAKING  Options of products become global")
    with pytest.raises(commands.RunnerError, match="no way up"):
        entry.run(entry.arguments(from_=Version(1, 20, 0), to=Version(2, 18, 0)))
