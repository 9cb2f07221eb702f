"""Whatever real life has done to a shop: it is upgraded as Medusa does it, or refused with a reason.

With any feature flags, and with the data steps beside Medusa's own scripts.

A few shops on each server, half an hour of them with MEDUSA_TEST_ALL=1, or as long as MEDUSA_MESS_SECONDS
is set to; MEDUSA_MESS_SEED repeats them.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import mess_judge
import servers
from ledgers import CATALOG, v
from medusa_db.demo import embedded
from medusa_testbed.medusa import packages
from mess_mutations import BY_NAME
from mess_shops import Shop, Shops, Step
from mess_upgrades import upgrades
from tiers import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mess_upgrades import Upgrade

LONG = bool(os.environ.get("MEDUSA_TEST_ALL"))
SECONDS = float(os.environ.get("MEDUSA_MESS_SECONDS") or (1800 if LONG else 0))
"""How long shops are made on each server; a round of them in any case."""
ROUND = 40 if SECONDS else 6
"""How many shops are drawn from one seed."""
DRAWN = str(random.SystemRandom().randrange(10**6))
SEED = os.environ.get("MEDUSA_MESS_SEED") or ("11" if os.environ.get("CI") and not LONG else DRAWN)
"""Drawn, but for the sample that CI runs: what stops a change there can be repeated."""
NEWEST = "1.20.11"
VERSIONS = packages.published_versions() if LONG else ["1.3.9", "1.12.3", NEWEST]
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}

pytestmark = pytest.mark.timeout(SECONDS + 1200)


@pytest.fixture(scope="module", params=["embedded", "debian"])
def shops(request: pytest.FixtureRequest) -> Iterator[Shops]:
    """Shops on the newest PostgreSQL, and on one of the age Medusa v1 was made for."""
    programs = embedded.binaries() if request.param == "embedded" else servers.debian()
    need(programs, "Debian's PostgreSQL is not installed (apt-get install postgresql)")
    assert programs is not None
    with servers.started(programs, max_connections="60", **FAST) as server:
        made = Shops(server)
        made.prepare()
        yield made


def test_a_messy_shop_is_upgraded_as_medusa_does_or_refused_with_a_reason(
    shops: Shops, record_property: Callable[[str, object], None]
) -> None:
    ends: Counter[str] = Counter()
    drawn: Counter[str] = Counter()
    until = time.monotonic() + SECONDS
    for number in itertools.count():
        drawn_from = SEED if "-" in SEED else f"{SEED}-{number}"  # one round, repeated
        record_property("mess", f"MEDUSA_MESS_SEED={drawn_from}")
        one_round(shops, drawn_from, ends, drawn)
        if drawn_from == SEED or time.monotonic() > until:
            break
    shops_of_kinds = f"{sum(ends.values())} shops: {dict(ends.most_common())}; {dict(drawn)}"
    record_property("mess", shops_of_kinds)


def one_round(shops: Shops, drawn_from: str, ends: Counter[str], drawn: Counter[str]) -> None:
    @seed(drawn_from)
    @settings(
        max_examples=ROUND, deadline=None, database=None, print_blob=False,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(data=st.data())
    def messy(data: st.DataObject) -> None:
        upgrade = data.draw(upgrades(VERSIONS, NEWEST), "upgrade")
        with shops.shop(upgrade) as shop:
            done = [mutate(shop, data) for _ in range(data.draw(st.integers(1, 6), "mutations"))]
            seen = shop.see(each=data.draw(st.booleans(), "each"))
        ends[seen.first.reason or "upgraded"] += 1
        drawn.update(upgrade.kinds)
        wrong = mess_judge.complaints(seen)
        if wrong:
            theirs = f"Medusa's own, {upgrade}: {seen.theirs or 'went through'}"
            pytest.fail("\n".join([*wrong, *filter(None, done), theirs]), pytrace=False)

    messy()


def mutate(shop: Shop, data: st.DataObject) -> str:
    """Draw a mutation and what it is done to, half of the time one of the upgrade's; return it in words."""
    mutation = BY_NAME[data.draw(st.sampled_from(list(BY_NAME)), "mutation")]
    found = shop.candidates(mutation)
    if not found:
        return ""
    named = [one for one in found if _is_named(one, _pending(shop.upgrade))]
    step = Step(mutation, data.draw(st.sampled_from(named or found) | st.sampled_from(found)))
    refused = shop.apply(step)
    return f"- {step}" + (f" (PostgreSQL: {refused})" if refused else "")


def _is_named(one: tuple[str, ...], words: frozenset[str]) -> bool:
    table, name = one[0], one[min(1, len(one) - 1)].strip('"')
    return table in words and name in words


_words: dict[Upgrade, frozenset[str]] = {}


def _pending(upgrade: Upgrade) -> frozenset[str]:
    """Return the words in the SQL of what is pending, to guess what matters to it."""
    if upgrade not in _words:
        have = {one.name for one in CATALOG.enabled(v(upgrade.before), dict(upgrade.had))}
        later = CATALOG.enabled(v(upgrade.after), upgrade.theirs)
        text = " ".join(one.statements for one in later if one.name not in have)
        if upgrade.data_steps:
            text += " ".join(one.text for one in CATALOG.data_steps if upgrade.crosses(one.version))
        _words[upgrade] = frozenset(re.findall(r"\w+", text))
    return _words[upgrade]
