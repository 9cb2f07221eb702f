"""How an option is declared: a field of a dataclass, whose name, type and default are the option's.

`lock_wait: float | None = optional(duration, "...", "TIME")` is `--lock-wait TIME`, and
`MEDUSA_DB_LOCK_WAIT` in the environment. What reads its text gives the field its type.
"""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Unpack

T = TypeVar("T")

ENVIRONMENT = "MEDUSA_DB_"
"""What the environment variable of every option begins with."""


class Takes(Enum):
    """How many words follow an option."""

    ONE = "one"
    MAYBE = "one or none"
    """Without a word it is the empty string."""
    LIST = "one, and the option may be repeated; with commas in the environment"
    SWITCH = "none: it is true"
    ON_OFF = "none: it is true, and false as --no-..."
    PLACE = "no option but a word of the command itself"
    REST = "no option but every word behind two hyphens"


class Option(NamedTuple):
    """One row of the table of options."""

    help: str
    read: Callable[[str], Any]
    """Makes the value of a word; raises ValueError with a sentence."""
    takes: Takes = Takes.ONE
    metavar: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    short: str = ""
    """Another spelling: `-f`."""
    title: str | None = None
    """The heading below which `--help` has it; None: that of its class, empty: none."""
    needs: str = ""
    """The field without which the option has no effect, so that it is refused."""
    excludes: tuple[str, ...] = ()
    """Fields of options that ask for something else in its place."""


class More(TypedDict, total=False):
    """What any option may have besides."""

    short: str
    title: str
    needs: str
    excludes: tuple[str, ...]


class Row(NamedTuple):
    """An option with its name: a field of a command's arguments, or of a group in them."""

    field: str
    option: Option
    default: Any
    title: str

    @property
    def name(self) -> str:
        """Return how it is written: `--lock-wait`, or the word's name."""
        word = self.field.strip("_").replace("_", "-")
        if self.option.takes is Takes.REST:
            return "--"
        return word if self.option.takes is Takes.PLACE else f"--{word}"

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return ENVIRONMENT + self.field.strip("_").upper()


def one(
    read: Callable[[str], T], text: str, metavar: str, *, default: T, **more: Unpack[More]
) -> T:
    """Declare an option with a value; *text* is what `--help` has of it."""
    return _field(default, Option(text, read, metavar=metavar, **more))


def optional(
    read: Callable[[str], T],
    text: str,
    metavar: str,
    *,
    takes: Takes = Takes.ONE,
    choices: tuple[str, ...] = (),
    **more: Unpack[More],
) -> T | None:
    """Declare an option that is None where it is not given."""
    found: T | None = _field(None, Option(text, read, takes, metavar, choices, **more))
    return found


def required(
    read: Callable[[str], T],
    text: str,
    metavar: str,
    *,
    takes: Takes = Takes.ONE,
    **more: Unpack[More],
) -> T:
    """Declare an option that must be given, or a word of the command itself."""
    option = Option(text, read, takes, metavar, required=True, **more)
    found: T = dataclasses.field(metadata={"option": option})
    return found


def choice(
    choices: Sequence[str],
    text: str,
    *,
    default: str,
    metavar: str = "",
    **more: Unpack[More],
) -> str:
    """Declare an option that is one of a few words."""
    return _field(default, Option(text, str, Takes.ONE, metavar, tuple(choices), **more))


def several(
    read: Callable[[str], T], text: str, metavar: str, **more: Unpack[More]
) -> tuple[T, ...]:
    """Declare an option that may be repeated."""
    empty: tuple[T, ...] = ()
    return _field(empty, Option(text, read, Takes.LIST, metavar, **more))


def switch(text: str, **more: Unpack[More]) -> bool:
    """Declare an option that is on where it is given."""
    return _field(default=False, option=Option(text, str, Takes.SWITCH, **more))


def on_off(text: str, *, default: bool) -> bool:
    """Declare an option that is switched on, and off by `--no-`."""
    return _field(default, Option(text, str, Takes.ON_OFF))


def rest(text: str, metavar: str, *, needs: str = "") -> tuple[str, ...]:
    """Declare that the command takes every word behind `--`, whatever it is.

    *text* is what `--help` says of the command itself, *metavar* how it spells those words, hyphens included.
    """
    empty: tuple[str, ...] = ()
    return _field(empty, Option(text, str, Takes.REST, metavar, needs=needs))


def group(kind: type[T], *, needs: str = "", but: str = "") -> T:
    """Declare that a command takes the options of *kind*.

    *needs* is what each of them needs that names nothing else, *but* one.
    """
    found: T = dataclasses.field(
        default_factory=kind, metadata={"group": kind, "needs": needs, "but": but}
    )
    return found


def rows(kind: type[Any]) -> Iterator[Row]:
    """Yield the options of *kind*, those of its groups included, in the order of the fields."""
    for field in dataclasses.fields(kind):
        inner = field.metadata.get("group")
        if inner is not None:
            for row in rows(inner):
                needs = "" if row.field == field.metadata["but"] else field.metadata["needs"]
                option = row.option._replace(needs=row.option.needs or needs)
                yield row._replace(option=option)
            continue
        option = field.metadata["option"]
        title = kind.TITLE if option.title is None else option.title
        default = None if field.default is dataclasses.MISSING else field.default
        yield Row(field.name, option, default, title)


def row(kind: type[Any], field: str) -> Row:
    """Return the option of *kind* with that field."""
    (found,) = (one for one in rows(kind) if one.field == field)
    return found


def fill(kind: type[T], values: dict[str, Any]) -> T:
    """Make a *kind* of *values*, by the names of the fields."""
    made: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # a dataclass, as all arguments are
        inner = field.metadata.get("group")
        made[field.name] = fill(inner, values) if inner is not None else values[field.name]
    return kind(**made)


def _field(default: T, option: Option) -> T:
    found: T = dataclasses.field(default=default, metadata={"option": option})
    return found
