"""Streams as a process may find them: closed, full, broken, or a pipe that nobody reads."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from servers import command, environ

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("closed", "full", "broken", "unread")


class Ended(NamedTuple):
    """How a process ended."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float


@contextmanager
def stream(kind: str) -> Iterator[int]:
    """Yield the number of a file that is a stream of this *kind*; what is closed is closed by the shell."""
    if kind in ("full", "closed", "discarded"):
        fd = os.open("/dev/full" if kind == "full" else "/dev/null", os.O_WRONLY)
        yield fd
        os.close(fd)
        return
    reader, writer = os.pipe()
    if kind == "broken":
        os.close(reader)
    else:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"\n" * 4096)  # not one more byte fits
    yield writer
    os.close(writer)
    if kind != "broken":
        os.close(reader)


def ended(
    *arguments: str,
    stdin: str = "",
    stdout: str = "",
    stderr: str = "",
    url: str | None = None,
    timeout: float = 60,
    **environment: str,
) -> Ended:
    """Run `medusa-db` with streams of these kinds; what is named by none is captured."""
    closed = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-"}
    kinds = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    redirections = " ".join(closed[name] for name, kind in kinds.items() if kind == "closed")
    words = ["bash", "-c", f'exec "$@" {redirections}', "bash", *command(*arguments)]
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(stream(kind)) if kind else subprocess.PIPE
            for name, kind in kinds.items()
            if name != "stdin"
        }
        started = time.monotonic()
        done = subprocess.run(
            words, env=environ(url, environment), timeout=timeout, check=False, text=True,
            stdin=subprocess.DEVNULL, **opened,  # type: ignore[call-overload]  # two streams
        )  # fmt: skip
        seconds = time.monotonic() - started
    return Ended(done.returncode, done.stdout or "", done.stderr or "", seconds)
