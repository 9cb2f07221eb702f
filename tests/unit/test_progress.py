"""What a log hears of a run while it goes on."""

from __future__ import annotations

import json
import time
from contextlib import suppress

from medusa_migrations.run import progress
from medusa_migrations.run.progress import Log, size


def told(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_each_item_is_one_line(capsys):
    log = Log()

    log.begin(2)
    with log.item("first", {}):
        pass
    with log.item("second", {}):
        pass
    log.end()

    lines = told(capsys)
    assert [(line["event"], line.get("item")) for line in lines] == [
        ("Starting", None),
        ("Applied", "first"),
        ("Applied", "second"),
    ]
    assert all(line["timestamp"].endswith("Z") and line["level"] == "info" for line in lines)


def test_a_long_item_has_a_heartbeat_with_its_age_and_largest_table(capsys, monkeypatch):
    monkeypatch.setattr(progress, "HEARTBEAT", 0.02)
    log = Log()

    with log.item("slow", {"order": (10, 8192), "cart": (1, 1024)}):
        deadline = time.monotonic() + 10
        heard: list[dict[str, object]] = []
        while len(heard) < 2 and time.monotonic() < deadline:
            heard += told(capsys)
    log.end()

    assert [line["event"] for line in heard[:2]] == ["Still running", "Still running"]
    assert heard[0]["item"] == "slow"
    assert heard[0]["largest_table"] == "order"
    assert heard[0]["seconds"] <= heard[1]["seconds"]


def test_an_item_tells_what_became_of_it(capsys):
    log = Log()

    with log.item("1.7.3/sales_channels", {}) as item:
        item.outcome = "Waiting"
    log.end()

    (line,) = told(capsys)
    assert list(line) == ["timestamp", "item", "seconds", "event", "level"]
    assert (line["event"], line["item"]) == ("Waiting", "1.7.3/sales_channels")


def test_an_item_that_fails_is_not_told_as_applied(capsys):
    log = Log()

    with suppress(ZeroDivisionError), log.item("broken", {}):
        _ = 1 / 0
    log.end()

    assert told(capsys) == []


def test_what_is_counted_is_logged_now_and_then_with_its_rate(capsys, monkeypatch):
    monkeypatch.setattr(progress, "HEARTBEAT", 0.0)
    log = Log()

    with log.counting(1000, "Seeding", "products") as counter:
        counter.advance(400)
    log.end()

    (line,) = told(capsys)
    assert list(line) == ["timestamp", "products", "of", "products_per_second", "event", "level"]
    assert (line["event"], line["products"], line["of"]) == ("Seeding", 400, 1000)
    assert line["products_per_second"] > 0


def test_a_line_may_hold_anything_that_a_document_can(capsys):
    log = Log()

    log.say("Seeding é 👍", name="half \ud83d of a pair")
    log.end()

    assert told(capsys)[0]["event"] == "Seeding é 👍"


def test_nothing_told_starts_nothing(capsys):
    Log().end()

    assert told(capsys) == []


def test_sizes_are_spelled_as_postgresql_spells_them():
    assert [size(n) for n in (0, 8192, 15 * 1024**2, 3 * 1024**3 // 2)] == [
        "0 bytes",
        "8.0 kB",
        "15 MB",
        "1.5 GB",
    ]
