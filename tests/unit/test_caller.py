"""Whoever runs the command reads its refusals in words that can be typed there."""

from __future__ import annotations

import pytest

from medusa_migrations.contract.caller import _KEYS, spell

CROSSES = "the way crosses breaking versions (1.13.0, 1.15.2). Read `medusa-db notes`, then add "


@pytest.mark.parametrize(
    ("message", "helm"),
    [
        (
            f"{CROSSES}--acknowledge 1.13.0 --acknowledge 1.15.2",
            f"{CROSSES}1.13.0, 1.15.2 to upgrade.acknowledged",
        ),
        (
            "--stop 1.13.9: no such version; near it are 1.13.1",
            "upgrade.stops 1.13.9: no such version; near it are 1.13.1",
        ),
        (
            "Make a backup, and add --acknowledge 2.21.2. Add --acknowledge links, or set --links all",
            "Make a backup, and add 2.21.2 to upgrade.acknowledged. Add links to upgrade.acknowledged, or set server.links All",
        ),
        ("check sslmode in the PG* variables", "check sslmode in database of the values"),
        ("--project /app: there is no", "server.workingDir /app: there is no"),
        ("raise --statement-timeout.", "raise timeouts.statement."),
        ("`medusa-db verify --to 1.20.11` lists all", "`medusa-db verify --to 1.20.11` lists all"),
        ("--to-day and x--to stay", "--to-day and x--to stay"),
    ],
)
def test_helm_hears_of_values(message, helm):
    assert spell(message, "helm") == helm


@pytest.mark.parametrize(
    ("message", "resource"),
    [
        (
            "add --acknowledge 1.13.0, or --approval automatic",
            "add 1.13.0 to spec.upgrade.acknowledged, or spec.upgrade.approval automatic",
        ),
        (
            "check user and password in the PG* variables",
            "check user and password in spec.database",
        ),
    ],
)
def test_the_owner_of_a_resource_hears_of_its_fields(message, resource):
    assert spell(message, "resource") == resource


@pytest.mark.parametrize(
    ("message", "resource"),
    [
        (
            ("Make a backup, and add --acknowledge 2.21.2. Tables stay so. Add --acknowledge links, or "
            "change them with --links all, which may lose rows"),
            ("Make a backup, and add 2.21.2 to spec.upgrade.acknowledged. Tables stay so. Add links to "
            "spec.upgrade.acknowledged, or change them with spec.server.links All, which may lose rows"),
        ),
        (
            "--to 2.20.0: Medusa 2.21.2 of /server is installed, and only that can run",
            "spec.version 2.20.0: Medusa 2.21.2 of /server is installed, and only that can run",
        ),
        ("Allow it more with --stall", "Allow it more with spec.timeouts.stall"),
        ("--project /app: there is no such folder", "spec.server.workingDir /app: there is no such folder"),
        ("`medusa-db migrate --project DIR --links all` changes them",) * 2,
    ],
)  # fmt: skip
def test_the_owner_of_a_shops_image_hears_of_its_fields(message, resource):
    assert spell(message, "resource") == resource


@pytest.mark.parametrize("option", _KEYS)
def test_a_shell_hears_of_options(option):
    assert spell(f"set {option} V", "") == f"set {option} V"
