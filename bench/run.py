"""Measures `medusa-db` side by side with the alternatives and prints the result as Markdown.

The contestants of a benchmark take turns, each round in another order, so that whatever else the
machine does meets all of them. The round before the first warms caches and is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import contestants
import database
import fleet
import looks
import machine
import measure
import own_file
import portable_tree
import project
import report
import seeds
import shop
from contestants import ARGPARSE, BARE, MEDUSA, OURS, PSQL, TARGET, VERSION, YOYO, Contestant
from report import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from database import Cluster
    from measure import Series

COMPARED = 300
"""Products that Medusa's own seed loads in less than a minute."""
SIZED = {size: f"{seeds.OURS}, {size:,} products" for size in (1_000, 10_000)}
SIZED_MEDUSA = f"{seeds.MEDUSA}, {COMPARED} products"

WANTED = (
    Wanted("fresh", OURS, 1 / 8, MEDUSA, "fresh: at most 1/8 of Medusa's own CLI"),
    Wanted("fresh", OURS, 1.25, PSQL, "fresh: at most 1.25 times psql"),
    Wanted("fresh", OURS, 60e6, text="fresh: at most 60 MB"),
    Wanted("nothing", OURS, 1 / 10, MEDUSA, "nothing to do: at most 1/10 of Medusa's own CLI"),
    Wanted("nothing", OURS, 2, BARE, "nothing to do: at most twice bare psycopg"),
    Wanted("nothing", OURS, 60e6, text="nothing to do: at most 60 MB"),
    Wanted(
        "look", looks.named(looks.VERIFY, looks.AGAIN), 2, BARE,
        "`verify`: at most twice bare psycopg",
    ),
    Wanted(
        "look", looks.named(looks.STATUS, looks.FIRST), 2, BARE,
        "`status` that compares the schema: at most twice bare psycopg",
    ),
    Wanted(
        "look", looks.named(looks.STATUS, looks.AGAIN), 1.5, BARE,
        "`status` of a shop that is as it was: at most 1.5 times bare psycopg",
    ),
    Wanted("start", VERSION, 1.5, ARGPARSE, "`--version`: at most 1.5 times bare argparse"),
    Wanted("seed", seeds.OURS, 1 / 20, seeds.MEDUSA, "seed: at most 1/20 of Medusa's own CLI"),
    Wanted(
        "seed-fresh", seeds.OURS, 1 / 8, seeds.MEDUSA,
        "migrations and seed: at most 1/8 of Medusa's own CLI",
    ),
    Wanted(
        "seed-many", SIZED[1_000], 1_000 / COMPARED / 100, SIZED_MEDUSA,
        f"seed of 1,000 products: 100 times the rows a second of Medusa's own, with {COMPARED}",
    ),
    Wanted(
        "seed-many", SIZED[10_000], 10, SIZED[1_000],
        "seed of 10,000 products: at most ten times the time of 1,000",
    ),
    Wanted(
        "exec", project.EXEC, 0.5, project.ALONE, "a fenced command: at most 0.5 s more", added=True
    ),
    Wanted("exec", project.EXEC, 40e6, text="a fenced command: at most 40 MB"),
    Wanted("own", OURS, 1.5, PSQL, "a large file of the shop's own: at most 1.5 times psql"),
    Wanted("own", OURS, 150e6, text="a large file of the shop's own: at most 150 MB"),
    Wanted("seed-many", SIZED[10_000], 300e6, text="seed of 10,000 products: at most 300 MB"),
    *(
        Wanted(
            "seed-twice", seeds.named(*shape, "second"), 1, seeds.named(*shape, "first"),
            f"{shape[0]:,} products of {shape[1]:,} variants: a second seed costs no more than the first",
        )
        for shape in seeds.SHAPES
    ),
    *(
        Wanted(
            "seed-twice", seeds.named(*large, which), times, seeds.named(*small, which),
            f"{which} seed of {times} times as much: at most {times} times the time",
        )
        for small, large, times in (((1, 10_000), (1, 50_000), 5), ((20_000, 1), (200_000, 1), 10))
        for which in ("first", "second")
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant in a benchmark."""

    contestant: Contestant
    database: Callable[[], AbstractContextManager[str]]
    """Gives the database of one run, and checks it afterwards; no name: none is needed."""


@dataclass
class Bench:
    """One benchmark."""

    title: str
    note: str
    rounds: int
    entries: list[Entry] = field(default_factory=list)
    missing: list[Series] = field(default_factory=list)

    def enter(
        self,
        make: Callable[[], Contestant],
        name: str,
        place: Callable[[], AbstractContextManager[str]],
    ) -> bool:
        """Add a contestant, or the reason why it cannot take part; return whether it does."""
        try:
            self.entries.append(Entry(make(), place))
        except contestants.UnavailableError as exc:
            self.missing.append(
                measure.Series(name, why_not=f"not measured: {str(exc).splitlines()[0]}")
            )
            return False
        return True

    def run(self, cluster: Cluster, rounds: int) -> list[Series]:
        """Return the measurements of every contestant, ours first."""
        fields = [(entry, measure.Series(entry.contestant.name)) for entry in self.entries]
        for number in range(-1, rounds):
            done = f"round {number + 1} of {rounds}" if number >= 0 else "warming up"
            sys.stderr.write(f"{self.title}: {done}\n")
            turn = number % len(fields)
            for entry, series in fields[turn:] + fields[:turn]:
                if series.why_not:
                    continue
                try:
                    taken = _once(cluster, entry)
                except measure.FailedRunError as exc:
                    sys.stderr.write(f"{exc}\n")
                    series.fail(str(exc))
                else:
                    if number >= 0:
                        series.runs.append(taken)
        return [series for _, series in fields] + self.missing


def _once(cluster: Cluster, entry: Entry) -> measure.Run:
    contestant = entry.contestant
    with entry.database() as name:
        before = cluster.cpu() if name else None
        found, said = measure.run(contestant.invocation(cluster.url(name) if name else ""))
        after = cluster.cpu() if name else None
    if contestant.says not in said:
        raise measure.FailedRunError(f"{contestant.name} did not say {contestant.says!r}:\n{said}")
    if before is None or after is None:
        return found
    return measure.Run(found.wall, found.client, found.memory, after - before)


def fresh(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """An empty database becomes 1.20.11."""
    bench = Bench(
        f"Fresh database to {TARGET}",
        f"An empty database gets the {database.LEDGER_ROWS} migrations; medusa-db verifies the "
        "result as well.",
        rounds=7,
    )  # fmt: skip
    with cluster.copy() as name:
        script = contestants.plan(cluster.url(name))

    def place() -> AbstractContextManager[str]:
        return _copy(cluster, "template0", {})

    bench.enter(lambda: contestants.ours(folder), OURS, place)
    bench.enter(lambda: contestants.medusa(folder / "shop"), MEDUSA, place)
    bench.enter(lambda: contestants.psql(folder, script), PSQL, place)
    bench.enter(lambda: contestants.yoyo(folder, script), YOYO, place)
    return bench


def nothing(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """Each finds nothing to do in a database that it made itself."""
    bench = Bench(
        "Nothing to do",
        f"Each looks at a database at {TARGET} that it has made itself; bare psycopg connects to "
        "ours and reads the ledger.",
        rounds=15,
    )
    with cluster.copy() as name:
        script = contestants.plan(cluster.url(name))

    def enter(make: Callable[[], Contestant], name: str) -> str:
        kept = cluster.create()
        if bench.enter(make, name, lambda: _kept(cluster, kept)):
            # What it prints and leaves is judged when it is measured.
            with contextlib.suppress(measure.FailedRunError):
                measure.run(bench.entries[-1].contestant.invocation(cluster.url(kept)))
        return kept

    ours = enter(lambda: contestants.ours(folder, "Nothing to do"), OURS)
    enter(lambda: contestants.medusa(folder / "shop", "No migrations are pending"), MEDUSA)
    enter(lambda: contestants.yoyo(folder, script), YOYO)
    bench.enter(lambda: contestants.bare(folder), BARE, lambda: _kept(cluster, ours))
    return bench


def upgrade(cluster: Cluster, folder: Path, orders: int) -> Bench:
    """A shop with orders goes from 1.12.3 to 1.20.11."""
    counts = shop.counts(orders)
    bench = Bench(
        f"Upgrade from {shop.VERSION} to {TARGET}",
        f"A shop with {orders:,} orders, {counts['line_item']:,} line items with a tax line each, "
        f"{counts['customer']:,} customers, {counts['product']:,} products and "
        f"{counts['money_amount']:,} prices.",
        rounds=5,
    )
    template = _filled(cluster, bench.title, orders)
    script = contestants.plan(cluster.url(template))

    def place() -> AbstractContextManager[str]:
        return _copy(cluster, template, counts)

    bench.enter(lambda: contestants.ours(folder), OURS, place)
    bench.enter(lambda: contestants.medusa(folder / "shop"), MEDUSA, place)
    bench.enter(lambda: contestants.psql(folder, script), PSQL, place)
    return bench


def own(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """A migrated database gets a large file of the shop's own."""
    script = own_file.text()
    bench = Bench(
        "A large file of the shop's own",
        f"{len(script) / 1e6:.0f} MB of SQL, one string of {own_file.LITERAL / 1e6:.0f} MB among it, in one "
        f"transaction on a database at {TARGET}.",
        rounds=2,
    )
    template = cluster.create()
    contestants.bring(cluster.url(template), TARGET)

    def place() -> AbstractContextManager[str]:
        return cluster.copy(template)

    bench.enter(lambda: own_file.ours(folder, script), OURS, place)
    bench.enter(lambda: contestants.psql(folder, script), PSQL, place)
    return bench


def look(cluster: Cluster, folder: Path, orders: int) -> Bench:
    """A shop with orders is looked at, and nothing has to be done."""
    bench = Bench(
        f"A look at a shop at {TARGET}",
        f"A shop with {orders:,} orders that was at {shop.VERSION}. First: no run has noted the catalogs that it has verified, "
        "so `status` and `migrate` compare the whole schema; again: they see that nothing has changed. "
        "`verify` compares it each time.",
        rounds=15,
    )
    template, fresh = _filled(cluster, bench.title, orders), cluster.create()
    contestants.bring(cluster.url(fresh), TARGET)
    contestants.bring(cluster.url(template), TARGET)
    unknown = cluster.create(template)
    cluster.execute(unknown, looks.FORGET)
    for what in (looks.VERIFY, looks.STATUS, looks.NOTHING):
        for when, kept in ((looks.FIRST, unknown), (looks.AGAIN, template)):
            make = partial(looks.ours, folder, what, when)
            bench.enter(make, looks.named(what, when), partial(_kept, cluster, kept))
    for make, name in (
        (lambda: looks.by_hand(folder, cluster.url(fresh)), looks.BY_HAND),
        (lambda: contestants.bare(folder), BARE),
    ):
        bench.enter(make, name, lambda: _kept(cluster, template))
    return bench


def _filled(cluster: Cluster, title: str, orders: int) -> str:
    """Return a database with a shop of an older version."""
    sys.stderr.write(f"{title}: filling a shop\n")
    template = cluster.create()
    contestants.bring(cluster.url(template), shop.VERSION)
    cluster.execute(template, shop.script(orders))
    return template


def start(_cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """The command starts and ends."""
    bench = Bench("Start", "No database.", rounds=31)
    for contestant in contestants.starts(folder):
        bench.entries.append(Entry(contestant, lambda: nullcontext("")))
    return bench


def exec_(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """A command that does nothing runs under the lock, and alone."""
    bench = Bench("Fenced", "A command that does nothing, on an empty database.", rounds=15)
    bench.enter(lambda: project.fenced(folder), project.EXEC, cluster.copy)
    bench.enter(lambda: project.alone(folder), project.ALONE, cluster.copy)
    return bench


def listing(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """A project of v2 is asked what it wants, and its own Medusa finds nothing to do."""
    bench = Bench(
        "What a project wants",
        f"A database that a project of Medusa {project.VERSION} has brought up to date: what asking it costs, which "
        "`migrate --project` does before its commands and after them, beside its own command.",
        rounds=5,
    )
    kept = cluster.create()

    def place() -> AbstractContextManager[str]:
        return cluster.copy(kept)

    def ours() -> Contestant:
        shop_folder = project.shop(folder)
        project.bring(cluster.url(kept), shop_folder)
        return project.listed(shop_folder)

    bench.enter(ours, project.LISTED, place)
    bench.enter(lambda: project.own(project.shop(folder)), project.OWN, place)
    return bench


def seed(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """A migrated database gets a small shop."""
    return _seed(cluster, folder, migrate=False)


def seed_fresh(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """An empty database becomes a small shop at 1.20.11."""
    return _seed(cluster, folder, migrate=True)


def _seed(cluster: Cluster, folder: Path, *, migrate: bool) -> Bench:
    starter = seeds.starter()
    document = starter or seeds.document(7)
    products, whose = len(document["products"]), "Medusa's starter" if starter else "a made-up shop"
    state = f"An empty database, brought to {TARGET}," if migrate else f"A database at {TARGET}"
    bench = Bench(
        "Migrations and seed" if migrate else "Seed",
        f"{state} gets the {products} products of {whose}.",
        rounds=7,
    )
    template = "template0" if migrate else cluster.create()
    if not migrate:
        contestants.bring(cluster.url(template), TARGET)
    file, counts = seeds.written(document, folder), seeds.counts(document)

    def place() -> AbstractContextManager[str]:
        return _copy(cluster, template, counts)

    bench.enter(lambda: seeds.ours(file, migrate=migrate), seeds.OURS, place)
    bench.enter(lambda: seeds.medusa(folder / "shop", file, migrate=migrate), seeds.MEDUSA, place)
    return bench


def seed_many(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """A migrated database gets many products."""
    bench = Bench(
        "Seed of many products",
        f"A database at {TARGET} gets products with {seeds.VARIANTS} variants and 2 prices each; "
        f"{COMPARED} products are what Medusa's own loads in less than a minute.",
        rounds=3,
    )
    template = cluster.create()
    contestants.bring(cluster.url(template), TARGET)

    def enter(make: Callable[[Path], Contestant], name: str, products: int) -> None:
        document = seeds.document(products)
        file, counts = seeds.written(document, folder), seeds.counts(document)
        bench.enter(lambda: make(file), name, lambda: _copy(cluster, template, counts))

    for size, name in SIZED.items():
        enter(partial(seeds.ours, name=name), name, size)
    enter(partial(seeds.medusa, folder / "shop", name=SIZED_MEDUSA), SIZED_MEDUSA, COMPARED)
    return bench


def seed_twice(cluster: Cluster, folder: Path, _orders: int) -> Bench:
    """A shop gets a large document, and the same once more."""
    bench = Bench(
        "The same document twice",
        f"A database at {TARGET} gets a document, and one that has it already gets it again.",
        rounds=3,
    )
    template = cluster.create()
    contestants.bring(cluster.url(template), TARGET)
    for shape in seeds.SHAPES:
        document = seeds.document(*shape)
        file, counts = seeds.written(document, folder), seeds.counts(document)
        seeded = cluster.create(template)
        measure.run(seeds.ours(file).invocation(cluster.url(seeded)))
        for which, origin in (("first", template), ("second", seeded)):
            name, place = seeds.named(*shape, which), partial(_copy, cluster, origin, counts)
            bench.enter(partial(seeds.ours, file, name), name, place)
    return bench


FLEET = "fleet"
"""The operator; it has no contestants, but is compared with bounds."""
TREE = "tree"
"""What is copied into a shop's container, which has none either."""

BENCHES = {
    "fresh": fresh,
    "nothing": nothing,
    "look": look,
    "upgrade": upgrade,
    "own": own,
    "start": start,
    "exec": exec_,
    "project": listing,
    "seed": seed,
    "seed-fresh": seed_fresh,
    "seed-many": seed_many,
    "seed-twice": seed_twice,
}
LONG = ("seed-twice",)
"""Benchmarks that run where they are named only: a quarter of an hour each."""


@contextmanager
def _copy(cluster: Cluster, template: str, counts: Mapping[str, int]) -> Iterator[str]:
    with cluster.copy(template) as name:
        yield name
        cluster.require(name, counts)


@contextmanager
def _kept(cluster: Cluster, name: str) -> Iterator[str]:
    yield name
    cluster.require(name, {})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks; return 1 where a contestant failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 rounds, and a shop of 5,000 orders")
    parser.add_argument(
        "--only", action="append", choices=[*BENCHES, TREE, FLEET], help="may be repeated"
    )
    args = parser.parse_args(argv)
    orders = 5_000 if args.quick else 100_000
    found: dict[str, list[Series]] = {}
    sections: list[str] = []
    load, failed = machine.load(), False
    with (
        tempfile.TemporaryDirectory(prefix="medusa-db-bench-") as made,
        database.started() as cluster,
    ):
        described = machine.described(cluster.version())
        for name in args.only or [*(name for name in BENCHES if name not in LONG), TREE, FLEET]:
            if name in {FLEET, TREE}:
                text, met = (
                    fleet.section(quick=args.quick) if name == FLEET else portable_tree.section()
                )
                sections.append(text)
                failed = failed or not met
                continue
            try:
                bench = BENCHES[name](cluster, Path(made), orders)
            except measure.FailedRunError as exc:
                sys.stderr.write(f"{name} cannot be prepared: {exc}\n")
                failed = True
                continue
            rounds = 2 if args.quick else bench.rounds
            found[name] = bench.run(cluster, rounds)
            failed = failed or any(series.failed for series in found[name])
            sections.append(report.section(bench.title, bench.note, found[name], rounds))
    print("\n\n".join([_heading(described, load), report.verdicts(WANTED, found), *sections]))
    return int(failed)


def _heading(described: str, load: float) -> str:
    return (
        f"## Side by side, {datetime.now(UTC):%Y-%m-%d}\n\n"
        f"{described}. Load {load:.1f} when it began, {machine.load():.1f} when it ended.\n"
        "Times are medians with the shortest and the longest run; CPU is user and system time; "
        "peak memory is that of the client's largest process in any run."
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended as well
    sys.exit(main())
