"""The signals that end a process: raised at once, or remembered until what it reports is certain.

From COMMIT on until it is noted what became of it nothing is raised, and nothing either from the
end of a run until its report and its result are out.
"""

from __future__ import annotations

import signal

from medusa_migrations.contract.errors import Interrupted

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class _Signals:
    """What has come, and what may become of it: a process has one of these.

    No dataclass: importing that would cost every process a fifth of its start.
    """

    def __init__(self) -> None:
        self.held = True
        self.came: int | None = None
        """The first one; those behind it disturb nothing."""
        self.raised = False


_signals = _Signals()


def install() -> None:
    """Remember from now on what would end the process, until `release`.

    What has come already, and was not raised, is not forgotten. What was started with `nohup` goes on
    ignoring that its terminal is closed.
    """
    _signals.held = True
    if _signals.raised:
        _signals.came, _signals.raised = None, False
    for number in ENDING:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _take)


def hold() -> None:
    """Raise nothing from now on, until `release`."""
    _signals.held = True


def release() -> None:
    """Raise Interrupted from now on, and at once where a signal has come meanwhile."""
    _signals.held = False
    if _signals.came is not None:
        _raise(_signals.came)


def _take(number: int, _frame: object) -> None:
    if _signals.came is None:
        _signals.came = number
    if not _signals.held:
        _raise(_signals.came)


def _raise(number: int) -> None:
    if not _signals.raised:
        _signals.raised = True
        raise Interrupted(number)
