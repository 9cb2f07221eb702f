"""Runs one command and prints what it took; nothing is imported here that is not needed for that.

A process starts with the peak memory of the one that started it, so the starter must be small.
Usage: child.py OUTPUT COMMAND...; OUTPUT receives what the command prints.
"""

import os
import sys
import time


def main() -> None:
    """Print exit code, seconds, seconds of CPU and peak memory in bytes."""
    output, *command = sys.argv[1:]
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, write, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    started = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    code = os.waitstatus_to_exitcode(status)
    print(code, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)  # noqa: T201


if __name__ == "__main__":
    main()
