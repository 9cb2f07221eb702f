"""Pure: what Medusa's versions hold - migrations, data steps, flags, notes - and questions about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from medusa_migrations.catalog import version as versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from medusa_migrations.catalog.version import Version


class Lock(NamedTuple):
    """A table that existed before a migration and that it locks; measured, not guessed."""

    table: str
    mode: str
    """PostgreSQL's name of the mode: `access exclusive`, `share row exclusive`, ..."""
    rewrite: bool = False
    """Whether the whole table is written anew."""


class Check(NamedTuple):
    """Rows on which a migration would fail, and how to fix them."""

    table: str
    rows: str
    """A query that yields one key for each such row."""
    says: str
    """What is wrong with them, behind `table: 3 rows ..`."""
    fix: str


class ReferenceRows(NamedTuple):
    """Rows of reference tables that a migration fills in."""

    inserts: str = ""
    checks: tuple[Check, ...] = ()
    """Rows of the same keys, on which the inserts fail."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One named change of the schema, Medusa's or the shop's own."""

    name: str
    """What the ledger calls it, timestamp included."""
    timestamp: int
    """Milliseconds since 1970, the first key of the order."""
    version: Version | None
    """The version this text is from; None for a migration of the shop's own."""
    about: str
    statements: str = field(repr=False)
    """Its SQL, without the rows of reference tables."""
    origin: str
    """The file it was read from, for messages."""
    rows: tuple[str, ...] = ()
    """The reference tables whose rows it fills in."""
    reference: Callable[[], ReferenceRows] = field(default=ReferenceRows, repr=False, compare=False)
    """Yields those rows, which are put together only when they are needed."""
    flags: tuple[str, ...] = ()
    """Feature flags that must all be on."""
    extension: str | None = None
    """A PostgreSQL extension its statements need."""
    when: tuple[str, str | None] | None = None
    """A table, or a column of it, that must exist; else only the ledger row is written."""
    locks: tuple[Lock, ...] = ()
    written_checks: tuple[Check, ...] = ()
    """The checks that are written down for it, without those of the rows that it fills in."""
    pieces: Callable[[], Iterator[str]] | None = field(default=None, repr=False, compare=False)
    """Yields the SQL of a large file of the shop's own, of which `statements` has what matters to the schema."""
    checksum: str = ""
    """SHA-256 of the file, hexadecimal; of a migration of the shop's own."""
    alone: bool = False
    """Whether it runs outside of a transaction, as a file of the shop's own may ask."""

    @property
    def text(self) -> str:
        """Its SQL, as it runs; of a large file what of it matters to the schema."""
        return self.statements + self.reference().inserts

    @property
    def checks(self) -> tuple[Check, ...]:
        """The rows on which it would fail."""
        return self.written_checks + self.reference().checks

    @property
    def order(self) -> tuple[int, str]:
        """The order in which TypeORM runs migrations: timestamp, then file name."""
        return self.timestamp, self.name


class Warn(NamedTuple):
    """A count to be made before a data step runs, and the sentence for a count above zero."""

    query: str
    says: str


class DataStep(NamedTuple):
    """One data change that an upgrade guide asks for."""

    name: str
    """Version and name, `1.3.0/line_item_adjustments`: what `--data-step` takes."""
    version: Version
    about: str
    text: str
    flags: tuple[str, ...] = ()
    ready: str | None = None
    """A query that yields true once the step can be done; None: always."""
    otherwise: str = ""
    """What a person must do where it is not ready."""
    warns: tuple[Warn, ...] = ()
    checks: tuple[Check, ...] = ()
    repeats: tuple[str, ...] = ()
    """Names of earlier data steps that it does again: they are done with it, or wait with it."""


class Severity(StrEnum):
    """How much a note asks of a person."""

    INFO = "info"
    ACTION = "action"
    BREAKING = "breaking"


class MedusaScript(NamedTuple):
    """A script of Medusa's own that this tool does not replace."""

    run: str
    when: str


class Related(NamedTuple):
    """The note of a plugin, module or the admin that belongs to a server version."""

    package: str
    version: str
    summary: str
    url: str


class Note(NamedTuple):
    """What the upgrade guide of one version asks, in our words."""

    version: Version
    severity: Severity
    summary: str
    reason: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    commands: tuple[MedusaScript, ...] = ()
    url: str = ""
    guide: str = "present"
    """`present`, `silent` (the guide does not mention the migrations) or `missing`."""
    older_servers_break: bool = False
    """Whether servers older than this version stop working once its migrations are applied."""
    related: tuple[Related, ...] = ()

    def brief(self) -> dict[str, str]:
        """Return what a report has of it."""
        return {
            "version": str(self.version),
            "severity": str(self.severity),
            "summary": self.summary,
            "url": self.url,
        }


class Release(NamedTuple):
    """One published or tagged Medusa version."""

    version: Version
    date: str
    """ISO date of the git tag; empty where it is not known."""
    package: bool
    """Whether it is published as a package; else it is known as a git tag only."""


class Flag(NamedTuple):
    """A feature flag that gates migrations."""

    name: str
    about: str
    defaults: tuple[tuple[Version, bool], ...]
    """The default from each version on, ascending."""
    required_until: Version | None = None
    """From this version on its migrations run whatever the flag is."""
    aliases: tuple[str, ...] = ()

    def default(self, version: Version) -> bool:
        """Return the default that *version* ships."""
        found = False
        for since, value in self.defaults:
            if since <= version:
                found = value
        return found

    def gates(self, version: Version) -> bool:
        """Return whether the flag is asked at all in *version*."""
        return self.required_until is None or version < self.required_until


@dataclass(frozen=True, eq=False)
class Catalog:
    """Everything known of Medusa's versions, as shipped."""

    releases: tuple[Release, ...]
    """Ascending."""
    flags: Mapping[str, Flag]
    texts: Mapping[str, tuple[Migration, ...]]
    """Every text of every migration by name, ascending by version."""
    membership: Mapping[str, tuple[tuple[Version, bool], ...]]
    """By name: from which version on it belongs to the set (True) or was withdrawn (False)."""
    data_steps: tuple[DataStep, ...]
    notes: tuple[Note, ...]
    _ever: dict[Version, frozenset[str]] = field(default_factory=dict, repr=False)
    _present: dict[Version, tuple[Migration, ...]] = field(default_factory=dict, repr=False)

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """Every known version, ascending."""
        return tuple(release.version for release in self.releases)

    @property
    def newest(self) -> Version:
        """The last version of Medusa v1."""
        return self.versions[-1]

    def knows(self, name: str) -> bool:
        """Return whether *name* is one of Medusa's migrations."""
        return name in self.texts

    def first_version(self, name: str) -> Version:
        """Return the first version whose set has *name*."""
        return self.membership[name][0][0]

    def ever(self, version: Version) -> frozenset[str]:
        """Return the names of all migrations that came with *version* or earlier, withdrawn or not."""
        if version not in self._ever:
            self._ever[version] = frozenset(
                name for name in self.texts if self.first_version(name) <= version
            )
        return self._ever[version]

    def defaults(self, version: Version) -> dict[str, bool]:
        """Return each flag's default in *version*."""
        return {name: flag.default(version) for name, flag in self.flags.items()}

    def gates(self, migration: Migration, version: Version) -> tuple[str, ...]:
        """Return the flags that must be on for *migration* to run in *version*."""
        return tuple(name for name in migration.flags if self.flags[name].gates(version))

    def text(self, name: str, version: Version) -> Migration:
        """Return the text of *name* that *version* ships, or would ship had it not been withdrawn."""
        texts = self.texts[name]
        return next((t for t in reversed(texts) if t.version and t.version <= version), texts[0])

    def present(self, version: Version) -> tuple[Migration, ...]:
        """Return the set of *version* in its order, gated migrations included."""
        if version not in self._present:
            found = (
                self.text(name, version)
                for name, events in self.membership.items()
                if _last(events, version)
            )
            self._present[version] = tuple(sorted(found, key=lambda migration: migration.order))
        return self._present[version]

    def enabled(self, version: Version, flags: Mapping[str, bool]) -> list[Migration]:
        """Return the migrations that *version* runs with *flags*, in its order.

        A flag that *flags* does not name has its default of *version*.
        """
        values = self.defaults(version) | dict(flags)
        return [
            migration
            for migration in self.present(version)
            if all(values[flag] for flag in self.gates(migration, version))
        ]

    def notes_between(self, after: Version | None, to: Version) -> list[Note]:
        """Return the notes of the versions above *after* up to *to*, ascending."""
        return [n for n in self.notes if (after is None or n.version > after) and n.version <= to]

    def breaks_servers(self, server: Version, database: Version) -> Version | None:
        """Return the last version up to *database* with which a *server* of that version breaks.

        None where the server works with a database of that version, as far as is known.
        """
        between = self.notes_between(server, database)
        return next((n.version for n in reversed(between) if n.older_servers_break), None)

    def spell(self, found: Iterable[Version]) -> str:
        """Spell versions as ranges, `1.1.65, 1.3.0 to 1.3.3`."""
        return versions.ranges(found, self.versions)

    def nearest(self, wanted: Version) -> list[Version]:
        """Return the known versions around *wanted*."""
        return versions.nearest(wanted, self.versions)


def not_repeated(steps: Iterable[DataStep]) -> list[DataStep]:
    """Return *steps* without those that another of them repeats."""
    found = list(steps)
    repeated = {name for step in found for name in step.repeats}
    return [step for step in found if step.name not in repeated]


def membership(
    texts: Mapping[str, Sequence[Migration]],
    withdrawn: Iterable[tuple[Version, str]],
    returned: Iterable[tuple[Version, str]],
) -> dict[str, tuple[tuple[Version, bool], ...]]:
    """Return, by name, when a migration joined and left the set, ascending by version."""
    events: dict[str, dict[Version, bool]] = {}
    for name, found in texts.items():
        events[name] = {t.version: True for t in found if t.version is not None}
    for changes, value in ((withdrawn, False), (returned, True)):
        for version, name in changes:
            events[name][version] = value
    return {name: tuple(sorted(found.items())) for name, found in events.items()}


def _last(events: Sequence[tuple[Version, bool]], version: Version) -> bool:
    found = False
    for since, joined in events:
        if since <= version:
            found = joined
    return found
