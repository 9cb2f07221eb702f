"""Namespaces and control groups that a node's programs run in; with its first process all of it ends."""

from __future__ import annotations

import json
import random
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from medusa_testbed import tools
from medusa_testbed.processes import Daemon, mortal
from medusa_testbed.waiting import eventually

_CGROUPS = Path("/sys/fs/cgroup")
_TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What a kubelet wants of the kernel, and would set for everybody: it gets files that say so instead."""


class MachineError(Exception):
    """A node cannot be made on this machine; the text says what was refused."""


@dataclass(slots=True)
class Machine:
    """Mounts, processes and a network of their own; files are those of the real machine.

    Of folders that programs write to whatever they are told, `/run` and `/var/log` are its own too.
    """

    folder: Path
    name: str = field(default_factory=lambda: f"mdb-{random.randrange(16**6):06x}")
    address: str = ""
    """Its address, that the real machine reaches it by."""
    outside: str = ""
    """The address of the real machine, as it is seen from the inside."""
    _init: Daemon = field(init=False)
    _pid: int = 0
    _groups: list[Path] = field(default_factory=list)
    """The control groups that were made for it, outermost first."""

    @property
    def cgroup(self) -> str:
        """The control group of its pods, the same below each controller."""
        if (_CGROUPS / "cgroup.controllers").exists():
            return f"/{self.name}"
        own = next(
            line.rpartition(":")[2]
            for line in Path("/proc/self/cgroup").read_text().splitlines()
            if ":memory:" in line
        )
        return f"{own.rstrip('/')}/{self.name}"

    def start(self) -> None:
        """Make it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._init = Daemon(
            [
                "unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
                "--mount-proc", "--propagation", "private", "--", tools.program("pause"),
            ],
            self.folder / "machine.log",
        )  # fmt: skip
        self._init.start()
        self._pid = eventually(self._first_process, within=10)
        self._mount()
        self._make_cgroups()
        self._connect()

    def stop(self) -> None:
        """End every process in it and take its control groups away."""
        if self.address:
            with suppress(
                MachineError
            ):  # the kernel would take it away as well, but some time later
                _run("ip", "link", "delete", self.name)
        if hasattr(self, "_init"):
            self._init.stop()
        for made in reversed(self._groups):
            eventually(partial(_removed, made), within=60)

    def left(self) -> list[str]:
        """Return what of it is still on the real machine: nothing, once it was stopped."""
        links = [each["ifname"] for each in json.loads(_run("ip", "-json", "link"))]
        found = [f"interface {self.name}"] if self.name in links else []
        found += [f"control group {group}" for group in self._groups if group.exists()]
        mounts = Path("/proc/self/mounts").read_text()
        found += [f"mounts in {self.folder}"] if str(self.folder.parent) in mounts else []
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if str(self.folder.parent).encode() in command.read_bytes():
                    found.append(f"process {command.parent.name}")
        return found

    def inside(self, *command: str | Path) -> list[str]:
        """Return *command* so that it runs inside, and ends with whoever started it."""
        enter = [
            "nsenter",
            "--target",
            str(self._pid),
            "--mount",
            "--net",
            "--pid",
            "--ipc",
            "--uts",
        ]
        return [*enter, "--", *mortal(command)]

    def run(self, *command: str | Path, timeout: float = 120) -> str:
        """Run a command inside and return what it printed."""
        return _run(*self.inside(*command), timeout=timeout)

    def daemon(self, name: str, *command: str | Path) -> Daemon:
        """Return a program that runs inside; its log is `name.log`."""
        return Daemon(self.inside(*command), self.folder / f"{name}.log")

    def _first_process(self) -> int:
        if self._init.exited is not None:
            raise MachineError(f"no namespaces of one's own:\n{self._init.tail()}")
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children")
        for pid in children.read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{pid}/exe").resolve() == tools.program("pause").resolve():
                    return int(pid)
        return 0

    def _mount(self) -> None:
        self.run("mount", "--make-rshared", "/")
        for folder in ("/run", "/var/log"):
            self.run("mount", "-t", "tmpfs", "-o", "mode=755", self.name, folder)
        for number, (name, value) in enumerate(_TUNABLES.items()):
            file = f"/run/tunable-{number}"  # in memory: a disk that is mounted on files puzzles the kubelet
            self.run("sh", "-c", f"echo {value} > {file} && mount --bind {file} /proc/sys/{name}")

    def _make_cgroups(self) -> None:
        for controller in _controllers():
            group = controller / self.cgroup.strip("/")
            above = reversed(
                [parent for parent in group.parents if parent.is_relative_to(controller)]
            )
            for parent in [*above, group]:
                if not parent.exists():
                    parent.mkdir()
                    self._groups.append(parent)
                    _inherit(parent)

    def _connect(self) -> None:
        self.outside, self.address = _free_addresses()
        _run(
            "ip",
            "link",
            "add",
            self.name,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            str(self._pid),
        )
        _run("ip", "address", "add", f"{self.outside}/30", "dev", self.name)
        _run("ip", "link", "set", self.name, "up")
        for words in (
            "link set lo up",
            f"address add {self.address}/30 dev eth0",
            "link set eth0 up",
            f"route add default via {self.outside}",
        ):
            self.run("ip", *words.split())
        self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")


def _free_addresses() -> tuple[str, str]:
    """Return two addresses of a small network that this machine does not use, of the range for benchmarks."""
    used = {
        each["local"]
        for link in json.loads(_run("ip", "-json", "-4", "address"))
        for each in link.get("addr_info", [])
    }
    while True:
        block = random.randrange(1, 64) * 4
        start = f"198.18.{random.randrange(256)}."
        if start + str(block + 1) not in used:
            return start + str(block + 1), start + str(block + 2)


def _controllers() -> list[Path]:
    """Return the roots of all hierarchies: that of version 2, or one a controller, and one without any."""
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    found = [path for path in sorted(_CGROUPS.iterdir()) if (path / "cgroup.procs").exists()]
    return [path for path in found if not path.is_symlink()]


def _inherit(group: Path) -> None:
    """Give a group of version 1 the processors and the memory of its parent: it begins with none."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (group / file).exists() and not (group / file).read_text().strip():
            (group / file).write_text((group.parent / file).read_text())


def _removed(group: Path) -> bool:
    """Take a control group away with those in it, if nothing runs there any more.

    What is on its way out may still make one: each try looks anew.
    """
    for one in [*sorted(group.rglob("*/"), reverse=True), group]:
        with suppress(FileNotFoundError):
            try:
                one.rmdir()
            except OSError:  # its last process has not ended
                return False
    return True


def _run(*command: str | Path, timeout: float = 60) -> str:
    done = subprocess.run(
        [*map(str, command)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode:
        raise MachineError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout
