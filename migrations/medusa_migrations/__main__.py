"""Lets `python -m medusa_migrations` and the console script `medusa-db` start the command line."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from medusa_migrations.cli import main


def run() -> NoReturn:
    """Run the command line and leave with its exit status.

    Everything is closed and written by then; taking the interpreter down piece by piece would take
    longer than looking at a database that is up to date.
    """
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        pass
    except OSError as exc:
        if code == 0:
            sys.stderr.write(f"medusa-db: the result cannot be written: {exc}\n")
            code = 1
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
