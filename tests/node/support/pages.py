"""The commands of a page, and typing them: in bash, in a copy of the project, with the programs that a reader has."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medusa_testbed import tools
from medusa_testbed.node.docker_engine import ROOT
from medusa_testbed.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medusa_testbed.kubectl import Kubectl

PROGRAMS = ("cd", "docker", "export", "helm", "kubectl", "kustomize", "make", "medusa-db")
_FIRST = re.compile(rf"(?:\$ )?(?:{'|'.join(PROGRAMS)})(?:\s|$)")
_COPIED = ("deploy", "helm")
_VOLATILE = (
    (re.compile(r"\b[0-9a-f]{8,10}\b"), "HASH"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"\b(?:\d+[dhms])+\b"), "AGE"),
    (re.compile(r"(?<=[@/])[\w.]+:\d+/\w+"), "DATABASE"),
    (re.compile(r"(?<=Job/)[\w-]+(?=/)|(?<=from )[\w-]+(?= namespace)"), "NAMESPACE"),
    (re.compile(r" {2,}|\t"), "  "),
)
"""What is another one each time, and what stands for it when outputs are compared."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it stands on a page, and what the page says that it prints."""

    section: str
    text: str
    output: tuple[str, ...] = ()
    """Lines; `...` is any number of them."""

    def __str__(self) -> str:
        return f"{self.section}: {self.text}"

    def printed(self, text: str) -> bool:
        """Whether *text* is what the page says, but for what is another one each time."""
        return _matches([_steady(line) for line in self.output], [*map(_steady, text.splitlines())])


@dataclass(slots=True)
class Reader:
    """Somebody who goes through a page from top to bottom."""

    page: str
    kubectl: Kubectl
    folder: Path
    """The copy of the project."""
    real: dict[str, str] = field(default_factory=dict)
    """What stands on the page, and what it is in truth: `PASSWORD@HOST` and the like."""
    helm: str = "helm"
    docker: dict[str, str] = field(default_factory=dict)
    """The environment in which docker finds its engine."""
    typed: list[Command] = field(default_factory=list)

    def section(self, title: str) -> list[Command]:
        """Return the commands below a heading."""
        found = [each for each in commands(self.page) if each.section == title]
        assert found, f"{self.page} has no commands below {title!r}"
        return found

    def read(self, *titles: str) -> None:
        """Type all commands below some headings, each of which has to succeed and print what the page says."""
        for title in titles:
            for command in self.section(title):
                self.type(command)

    def type(self, command: Command, timeout: float = 300) -> str:
        """Type one command; return what it printed."""
        done = self.run(command, timeout)
        refused = any(
            line.startswith(("Error", "error", "The MedusaDatabase")) for line in command.output
        )
        assert bool(done.returncode) == refused, f"{command}\n{done.stdout}"
        assert not command.output or command.printed(done.stdout), f"{command}\n{done.stdout}"
        return done.stdout

    def run(self, command: Command, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Type one command; return everything."""
        self.typed.append(command)
        return subprocess.run(
            ["bash", "-c", self.spelled(command)], cwd=self.folder, env=self.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip

    def look(self, command: Command, within: float = 60) -> None:
        """Type a command until it prints what the page says."""
        shown = ""

        def looked() -> bool:
            nonlocal shown
            shown = self.run(command).stdout
            return command.printed(shown)

        try:
            eventually(looked, within)
        except AssertionError as exc:
            raise AssertionError(f"{command}\n{shown}") from exc

    def watch(self, command: Command) -> None:
        """Type a watch, and end it when it shows that the shop is as declared."""
        process = self._started(command)
        assert process.stdout is not None
        try:
            shown = next(line for line in process.stdout if "UpToDate" in line)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
        assert not command.output or same(command.output[-1], shown)

    def _started(self, command: Command) -> subprocess.Popen[str]:
        self.typed.append(command)
        return subprocess.Popen(
            ["bash", "-c", f"exec {self.spelled(command)}"], cwd=self.folder, env=self.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def spelled(self, command: Command) -> str:
        """Return what is typed, with the real values in it."""
        text = command.text
        for page, truth in self.real.items():
            text = text.replace(page, truth)
        return text

    def environment(self) -> dict[str, str]:
        """Return the environment of the shell: the programs by their names, the user's configuration."""
        programs = self.folder / ".programs"
        programs.mkdir(exist_ok=True)
        for name, program in {
            "kubectl": tools.program("kubectl"),
            "helm": tools.program(self.helm),
            "kustomize": tools.program("kustomize"),
            "medusa-db": Path(sys.executable).with_name("medusa-db"),
        }.items():
            (programs / name).unlink(missing_ok=True)
            (programs / name).symlink_to(program)
        path = os.pathsep.join([str(programs), "/usr/bin", "/bin", "/usr/sbin", "/sbin"])
        return self.kubectl.environment() | self.docker | {"PATH": path}


def commands(page: str) -> list[Command]:
    """Return the commands of a page, in its order."""
    return list(_commands((ROOT / page).read_text().splitlines()))


def block(page: str, before: str) -> str:
    """Return the lines of the first block after the line that begins with *before*, without their indentation."""
    lines = (ROOT / page).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(before))
    found: list[str] = []
    for line in lines[start + 1 :]:
        if line.startswith("    "):
            found.append(line[4:])
        elif found and line:
            break
    return "\n".join(found) + "\n"


def copied(folder: Path) -> Path:
    """Return a copy of what the commands of the pages read and change."""
    for name in _COPIED:
        shutil.copytree(ROOT / name, folder / name)
    return folder


def _commands(lines: list[str]) -> Iterator[Command]:
    section, number = "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("#"):
            section = line.lstrip("# ")
        if not line.startswith("    ") or not _FIRST.match(line[4:]):
            continue
        shows = line.startswith("    $ ")
        text = line[6:] if shows else line[4:]
        while text.endswith("\\"):
            text = f"{text[:-1].rstrip()} {lines[number].strip()}"
            number += 1
        output = []
        while shows and number < len(lines) and lines[number].startswith("    "):
            if lines[number].startswith("    $ "):
                break
            output.append(lines[number][4:])
            number += 1
        yield Command(section, re.sub(r"\s+# .*$", "", text), tuple(output))


def same(wanted: str, found: str) -> bool:
    """Whether two lines are the same but for what is another one each time."""
    return _matches([_steady(wanted)], [_steady(found)])


def _steady(line: str) -> str:
    for pattern, name in _VOLATILE:
        line = pattern.sub(name, line.rstrip())
    return line


def _matches(wanted: list[str], found: list[str]) -> bool:
    """Whether *found* are the lines *wanted*, in which `...` is any number of lines, or the end of one."""
    if not wanted:
        return not found
    first, *rest = wanted
    if first == "...":
        return any(_matches(rest, found[skipped:]) for skipped in range(len(found) + 1))
    if not found:
        return False
    same = found[0].startswith(first[:-3]) if first.endswith("...") else found[0] == first
    return same and _matches(rest, found[1:])
