"""The command line `medusa-db`: parse, call one function, print, exit status.

Imports only what parsing needs; the rest is imported by the command that is called, so that
`--version` and `--help` answer at once.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from medusa_db import streams
from medusa_migrations import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from medusa_db.arguments.option import Row

_EPILOG = """\
Every option has an environment variable: that of --lock-wait is MEDUSA_DB_LOCK_WAIT. The database is
named by DATABASE_URL or --database-url; feature flags by MEDUSA_FF_NAME=true or --flag name=true.
Exit codes: 0 done, 1 unexpected, 2 usage, 3 unsupported, 4 unreachable, 5 denied, 6 lock held, 7 failed
and rolled back, 8 verification failed, 9 refused, 10 not yet at the version, or `plan --check`: something
would run, 129 to 131 and 143 interrupted.
"""

_VERSION = re.compile(r"v?\d+(\.\d+)+")

A = TypeVar("A")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if words == ["--version"]:
        streams.put(f"medusa-db {__version__}\n")
        return streams.printed()
    from medusa_db import commands  # noqa: PLC0415  see the module's docstring

    name, rest = _command(words)
    try:
        if name is None:
            whole = parser(options=False)
            if words and not words[0].startswith("-"):
                whole.error(_no_command(words))
            whole.parse_args(words)
            raise AssertionError("a command line without a command is refused, or asks for help")
        command = commands.COMMANDS[name].command()
        args = read(name, command.arguments, rest)
    except _RefusedError as exc:
        if name is not None and (report := commands.COMMANDS[name].report):
            from medusa_db.commands import reporting  # noqa: PLC0415

            reporting.refused(report, rest, str(exc))
        return 2
    gc.set_threshold(100_000)  # importing makes much that stays; looking for garbage in it costs
    return commands.run(command, args)


def read(name: str, kind: type[A], words: Sequence[str]) -> A:
    """Return the arguments of the command *name* that *words* and the environment give.

    Ends the process where they ask for help, and raises where they are refused; stderr has the reason.
    """
    from medusa_db.arguments import option  # noqa: PLC0415  see the module's docstring

    rows = list(option.rows(kind))
    words, behind = _cut(rows, words)
    command = _Parser(prog=f"medusa-db {name}", argument_default=argparse.SUPPRESS)
    _add(command, rows)
    given, unknown = command.parse_known_args(words)
    if unknown:
        command.error(f"unrecognized arguments: {' '.join(unknown)}{_meant(name, rows, unknown)}")
    values = _Reading(command, rows, vars(given) | behind, os.environ).values()
    return option.fill(kind, values)


def parser(*, options: bool = True) -> argparse.ArgumentParser:
    """Return the parser of the whole command line, of all commands; with the *options* of each, or without."""
    from medusa_db import commands  # noqa: PLC0415  see the module's docstring

    top = _Parser(
        prog="medusa-db",
        description="Brings a Medusa shop's PostgreSQL to the version its server needs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"medusa-db {__version__}")
    found = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    migrations: Any = None
    for name, entry in commands.COMMANDS.items():
        group, word = found, name
        if name.startswith("migrations "):
            if migrations is None:
                both = found.add_parser("migrations", help="migrate and status, in Medusa's words")
                migrations = both.add_subparsers(dest="word", required=True, metavar="run|show")
            group, word = migrations, name.split()[1]
        one = group.add_parser(word, help=entry.help, argument_default=argparse.SUPPRESS)
        if options:
            from medusa_db.arguments import option  # noqa: PLC0415

            _add(one, option.rows(entry.command().arguments))
    return top


class _RefusedError(Exception):
    """The options were refused, and stderr has the reason."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        from medusa_migrations.contract.redact import redact  # noqa: PLC0415  see the module's docstring

        sys.stderr.write(f"usage: {self.prog} ..., as {self.prog} --help says\n")
        sys.stderr.write(f"{self.prog}: error: {redact(message)}\n")
        raise _RefusedError(message)


def _command(words: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """Return the name of the command that *words* begin with, if any, and the words behind it."""
    from medusa_db.commands import COMMANDS  # noqa: PLC0415  see the module's docstring

    for count in (2, 1):
        name = " ".join(words[:count])
        if name in COMMANDS:
            return name, words[count:]
    return None, words


def _no_command(words: Sequence[str]) -> str:
    """Say that *words* begin with no command, and what may be meant."""
    from difflib import get_close_matches  # noqa: PLC0415  see the module's docstring

    from medusa_db.commands import COMMANDS  # noqa: PLC0415

    word = words[0]
    if word == "medusa-db":  # behind the entrypoint of the image, say
        return (
            f"medusa-db stands there twice; leave it out: medusa-db {' '.join(words[1:])}".rstrip()
        )
    if len(word.split()) > 1:
        return f"{word!r} is one argument; each of its words is to be one: leave out the quotes around them"
    meant = get_close_matches(word, COMMANDS, 1)
    other = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(COMMANDS)}"
    return f"{word} is no command; {other}"


def _meant(name: str, rows: Sequence[Row], unknown: Sequence[str]) -> str:
    """Return what to type in the place of words that the command *name* does not know, where that can be told."""
    options = {row.name for row in rows}
    first = unknown[0]
    if name == "exec" and not first.startswith("-"):
        return f"; its command stands behind two hyphens: medusa-db exec -- {' '.join(unknown)}"
    if first == "--dry-run" and "--plan" in options:
        return "; medusa-db plan shows what would run"
    if _VERSION.fullmatch(first) and "--to" in options:
        return f"; a version is given as --to {first}"
    if "--project" in options and os.path.isdir(first):  # noqa: PTH112  any text, of any length
        return f"; a project is named as --project {first}"
    if "--seed-file" in options and not first.startswith("-"):
        return f"; a document is given as -f {first}"
    return ""


def _cut(rows: Sequence[Row], words: Sequence[str]) -> tuple[Sequence[str], dict[str, Any]]:
    """Return the words before `--`, and those behind it as the value of the option that takes them."""
    from medusa_db.arguments.option import Takes  # noqa: PLC0415  see the module's docstring

    for row in rows:
        if row.option.takes is Takes.REST:
            if "--" not in words:
                return words, {}
            place = words.index("--")
            return words[:place], {row.field: tuple(words[place + 1 :])}
    return words, {}


def _add(parser: argparse.ArgumentParser, rows: Iterable[Row]) -> None:
    """Add what `--help` shows and the parser understands; which values count is decided afterwards."""
    from medusa_db.arguments.option import Takes  # noqa: PLC0415  see the module's docstring

    groups: dict[str, Any] = {"": parser}
    for row in rows:
        if row.option.takes is Takes.REST:
            parser.usage = f"%(prog)s [options] {row.option.metavar}"
            parser.description = row.option.help
            continue
        if row.title not in groups:
            groups[row.title] = parser.add_argument_group(row.title)
        option = row.option
        spelled = [option.short, row.name] if option.short else [row.name]
        groups[row.title].add_argument(*spelled, help=option.help, **_action(row))


def _action(row: Row) -> dict[str, Any]:
    """Return what argparse calls the way an option takes its words."""
    from medusa_db.arguments.option import Takes  # noqa: PLC0415  see the module's docstring

    option = row.option
    if option.takes is Takes.PLACE:
        return {"type": _converted(option.read)}
    found: dict[str, Any] = {"dest": row.field}
    match option.takes:
        case Takes.SWITCH:
            return found | {"action": "store_true"}
        case Takes.ON_OFF:
            return found | {"action": argparse.BooleanOptionalAction}
        case Takes.LIST:
            found["action"] = "extend"
        case Takes.MAYBE:
            found |= {"action": _Once, "nargs": "?"}
        case Takes.ONE | Takes.REST:
            found["action"] = _Once
    if option.required and row.variable not in os.environ:
        found["required"] = True
    if option.choices:
        found["choices"] = option.choices
    if option.metavar:
        found["metavar"] = option.metavar
    read = _several(option.read) if option.takes is Takes.LIST else option.read
    return found | {"type": _converted(read)}


def _several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return what reads one value, or a list with commas between them."""
    return lambda text: [read(part) for part in text.split(",") if part] or [read(text)]


class _Once(argparse.Action):
    """Takes one value, and refuses another one instead of forgetting the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        del parser, option_string
        value = "" if values is None else values
        if getattr(namespace, self.dest, value) != value:
            raise argparse.ArgumentError(
                self, "it is given more than once, with different values, and takes one"
            )
        setattr(namespace, self.dest, value)


def _converted(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return *read* as argparse wants it, so that the sentence of a reader is shown."""

    def convert(text: str) -> Any:
        try:
            return read(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return convert


class _Reading:
    """Decides which value each option has: that of the command line, of the environment, or its default."""

    def __init__(
        self,
        parser: _Parser,
        rows: Sequence[Row],
        given: dict[str, Any],
        environment: Mapping[str, str],
    ) -> None:
        self._parser, self._rows, self._given = parser, rows, given
        self._environment = environment
        self._names = {row.field: row.name for row in rows}
        self._set = set(given)
        """The fields that the command line or the environment names."""

    def values(self) -> dict[str, Any]:
        """Return the values by the names of the fields."""
        found = {row.field: self._value(row) for row in self._rows}
        for row in self._rows:
            if row.option.excludes:
                self._exclude(row, found)
            if row.option.needs and row.field in self._given and not found[row.option.needs]:
                self._parser.error(
                    f"argument {row.name}: it has no effect without {self._names[row.option.needs]}"
                )
        return found

    def _value(self, row: Row) -> Any:
        from medusa_db.arguments.option import Takes  # noqa: PLC0415  see the module's docstring

        several = row.option.takes is Takes.LIST
        if row.field in self._given and not several:
            return self._given[row.field]
        fallback = self._of_environment(row)
        if several:
            return (*(fallback or ()), *self._given.get(row.field, ()))
        if fallback is None and row.option.required:
            self._parser.error(f"the following arguments are required: {row.name}")
        return row.default if fallback is None else fallback

    def _exclude(self, row: Row, found: dict[str, Any]) -> None:
        """Let the command line win over the environment among options that name the same thing."""
        for other in self._rows:
            if other.field not in row.option.excludes or row.field not in self._set:
                continue
            if row.field in self._given and other.field in self._given:
                self._parser.error(
                    f"argument {row.name}: not together with {other.name}; leave one out"
                )
            elif row.field in self._given:
                found[other.field] = other.default
            elif other.field in self._set and other.field not in self._given:
                self._refuse(row, f"{other.variable} is set as well, and only one of them may be")

    def _of_environment(self, row: Row) -> Any:
        """Return the value of the environment variable of an option; None: it sets nothing."""
        from medusa_db.arguments import readers  # noqa: PLC0415  see the module's docstring
        from medusa_db.arguments.option import Takes  # noqa: PLC0415
        from medusa_migrations.contract import values  # noqa: PLC0415

        text = self._environment.get(row.variable)
        option = row.option
        if text is None or option.takes in (Takes.PLACE, Takes.REST):
            return None
        if not text and option.read in readers.TEXTS:
            return None
        try:
            if option.takes in (Takes.SWITCH, Takes.ON_OFF):
                on = values.truth(text)
                if on:  # a switch that is off asks for nothing
                    self._set.add(row.field)
                return on
            self._set.add(row.field)
            if option.takes is Takes.LIST:
                return _several(option.read)(text) if text else []
            value = option.read(text)
        except ValueError as exc:
            hidden = self._hidden(row)
            self._refuse(row, f"{hidden} is not what the option takes" if hidden else str(exc))
        if option.choices and value not in option.choices:
            known = ", ".join(option.choices)
            self._refuse(row, f"{self._hidden(row) or repr(text)} is none of {known}")
        return value

    def _hidden(self, row: Row) -> str:
        """Return what is shown instead of the value of a variable that comes from a Secret."""
        from medusa_migrations.contract import concealed  # noqa: PLC0415  see the module's docstring

        hides = concealed.from_environment(self._environment).hides(row.variable)
        return "its value, which comes from a Secret and is not shown," if hides else ""

    def _refuse(self, row: Row, why: str) -> NoReturn:
        from medusa_migrations.contract.redact import redact  # noqa: PLC0415  see the module's docstring

        message = f"the environment variable {row.variable}: {why}"
        sys.stderr.write(f"medusa-db: error: {redact(message)}\n")
        raise _RefusedError(message)
