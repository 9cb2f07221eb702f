"""A small parent process, so that nothing of a command outlives the fence that is killed with SIGKILL.

Imports little, and begins before the rest is imported: it shares what little it needs with the fence.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from medusa_project.fence import processes

if TYPE_CHECKING:
    from collections.abc import Callable

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def begin() -> str:
    """Go on in a child process; return what marks the processes of its command.

    The parent waits for it and ends with its exit status. Whichever of the two is killed, the other one
    ends every process that has the mark, or descends from it. Signals
    to the parent reach the child; SIGHUP and SIGQUIT reach it as SIGTERM. Call it before there is
    any thread.
    """
    token = os.urandom(8).hex()
    sys.stdout.flush()
    sys.stderr.flush()
    processes.adopt_orphans()
    parent = os.getpid()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if child:
        for number in _PASSED_ON:
            if signal.getsignal(number) is not signal.SIG_IGN or number != signal.SIGHUP:
                signal.signal(number, _passing_to(child))
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os._exit(_supervise(child, token))
    processes.adopt_orphans()
    processes.end_with_parent(signal.SIGTERM)
    if os.getppid() != parent:  # it was killed before that could reach us
        os._exit(128 + signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return token


def _passing_to(child: int) -> Callable[[int, object], None]:
    def handler(number: int, _frame: object) -> None:
        known = number if number in (signal.SIGTERM, signal.SIGINT) else signal.SIGTERM
        with suppress(ProcessLookupError):
            os.kill(child, known)

    return handler


def _supervise(child: int, token: str) -> int:
    """Wait for *child*, and end what it leaves; return the exit status to end with."""
    while True:
        ended, status = os.waitpid(-1, 0)  # orphans too: ended ones are not to pile up
        if ended == child:
            break
    left = processes.end(lambda: processes.members(token), grace=0)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    message = (
        f"medusa-db: the process that held the lock was killed by signal {-code}; "
        f"{len(left)} processes of the command were ended with it\n"
    )
    with suppress(OSError):
        os.write(2, message.encode())
    return 128 - code
