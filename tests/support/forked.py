"""Runs of `medusa-db` without the start of Python: a process that has imported everything forks for each.

Each run is a process with its own environment, streams, signals and exit status, as a new one is. What
happens while Python starts, or depends on when a module is imported, is not the same: `servers.command`
is for tests of that.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

READ_AT_THE_START = ("PYTHON", "LANG", "LC_", "LD_")
"""What variables begin with that decide how Python itself is there."""
_LOCK = threading.Lock()
"""Requests of threads come one behind the other."""
PACKAGES = (
    "medusa_db.arguments",
    "medusa_db.commands",
    "medusa_migrations",
    "medusa_project",
    "medusa_seed",
)


def run(
    arguments: Sequence[str], environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `medusa-db` with *arguments*; return what it printed and how it ended.

    Raises TimeoutExpired where that takes longer than *timeout* seconds: it is killed then.
    """
    with (
        os.fdopen(os.memfd_create("stdout"), "w+b", buffering=0) as out,
        os.fdopen(os.memfd_create("stderr"), "w+b", buffering=0) as err,
    ):
        near, far = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with near:
            with far:
                fds = [out.fileno(), err.fileno(), far.fileno()]
                with _LOCK:
                    socket.send_fds(_parent()[0], [_request(arguments, environment)], fds)
            pid = int(near.recv(20))
            near.settimeout(timeout)
            try:
                code = int(near.recv(20))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(
            ["medusa-db", *arguments], code, _text(out.read()), _text(err.read())
        )


def starts_alike(environment: Mapping[str, str]) -> bool:
    """Return whether Python would start with *environment* as it did here."""
    return all(
        environment.get(name) == os.environ.get(name)
        for name in {*environment, *os.environ}
        if name.startswith(READ_AT_THE_START)
    )


def _request(arguments: Sequence[str], environment: Mapping[str, str]) -> bytes:
    request = json.dumps([list(arguments), dict(environment), str(Path.cwd())]).encode()
    return len(request).to_bytes(4, "big") + request


def _text(written: bytes) -> str:
    return written.decode().replace("\r\n", "\n")


@functools.cache
def _parent() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Return the connection to the process that forks, which ends once that is closed; and itself."""
    near, far = socket.socketpair()
    with far:
        program = subprocess.Popen(
            [sys.executable, __file__, str(far.fileno())],
            pass_fds=[far.fileno()], start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # no terminal either, as what takes its place
        )  # fmt: skip
    atexit.register(_end, near, program)
    return near, program


def _end(near: socket.socket, program: subprocess.Popen[bytes]) -> None:
    near.close()
    program.wait(timeout=30)


def _serve(requests: socket.socket) -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages(
            importlib.import_module(package).__path__, f"{package}."
        ):
            importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        begin, fds, _, _ = socket.recv_fds(requests, 4, 3)
        if not begin:
            return
        rest = requests.recv(int.from_bytes(begin, "big"), socket.MSG_WAITALL)
        if os.fork() == 0:
            requests.close()
            _attend(*json.loads(rest), *fds)
        for fd in fds:
            os.close(fd)


def _attend(
    arguments: list[str], environment: dict[str, str], folder: str, out: int, err: int, answers: int
) -> NoReturn:
    """Fork the run, and tell its number and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(answers)
        _become(arguments, environment, folder, out, err)
    os.write(answers, str(pid).encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(answers, str(code).encode())
    os._exit(0)


def _become(
    arguments: list[str], environment: dict[str, str], folder: str, out: int, err: int
) -> NoReturn:
    """Be what a new process would be, and run."""
    os.dup2(out, 1)
    os.dup2(err, 2)
    for fd in (out, err):
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["medusa-db", *arguments]
    importlib.import_module("medusa_db.__main__").run()
    raise AssertionError("a run ends its process")


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file
    _serve(socket.socket(fileno=int(sys.argv[1])))
