"""Lets `python -m medusa_db` and the console script `medusa-db` start the command line."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from medusa_db import streams
from medusa_migrations.run import signals

if TYPE_CHECKING:
    from collections.abc import Callable


def run() -> NoReturn:
    """Run the command line and leave with its exit status.

    Everything is closed and written by then; taking the interpreter down piece by piece would take
    longer than looking at a database that is up to date.
    """
    signals.install()
    streams.take_over()
    try:
        from medusa_db.parser import main  # noqa: PLC0415  a signal that comes meanwhile is remembered

        if os.environ.get("MEDUSA_DB_FROM_SECRETS"):
            _mask()
        code = main()
    except SystemExit:  # what argparse raises once it has shown help
        streams.put("")
        code = streams.printed()
    except Exception:  # noqa: BLE001  a defect: its traceback goes where everything else goes
        sys.excepthook(*sys.exc_info())
        code = 1
    streams.finish()
    os._exit(code)


def _mask() -> None:
    """Let no value that comes from a Secret through to stdout and stderr."""
    from medusa_migrations.contract import concealed  # noqa: PLC0415  only a pod of the operator's needs it

    mask = concealed.from_environment(os.environ).mask
    sys.stdout, sys.stderr = _Masked(sys.stdout, mask), _Masked(sys.stderr, mask)


class _Masked:
    """A stream whose text is masked before it is written."""

    def __init__(self, stream: Any, mask: Callable[[str], str]) -> None:
        self._stream, self._mask = stream, mask

    def write(self, text: str) -> int:
        return int(self._stream.write(self._mask(text)))

    def writelines(self, lines: list[str]) -> None:
        self.write("".join(lines))

    @property
    def exact(self) -> _Masked:
        """The same stream for what is meant for a terminal as it is, masked as well."""
        return _Masked(self._stream.exact, self._mask)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


if __name__ == "__main__":
    run()
