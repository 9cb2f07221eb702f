"""Every way a command can fail, and the exit code of each.

    RunnerError                 1    unexpected: a defect of ours
    |- UsageError               2    bad flag, bad URL, unreadable or invalid file
    |- UnsupportedError         3    another database, PostgreSQL too old, Medusa v2
    |- UnreachableError         4    refused, silent, still starting, connection lost
    |- DeniedError              5    wrong password, missing right, no such database
    |- LockHeldError            6    another run, or another session, holds a lock beyond the wait
    |- FailedError              7    a migration, data step or seed failed and was rolled back
    |- VerificationError        8    the database is not what its version should be
    |- RefusedError             9    downgrade, unknown version, ledger against catalog
    |  `- NotAcknowledgedError       a breaking version that nobody has agreed to
    `- NotYetError             10    not yet at the version; of `plan --check`: something would run
    Interrupted    129 to 131, 143   SIGHUP, SIGINT, SIGQUIT, SIGTERM; rolled back, lock released

The exit codes are a contract (`docs/exit-codes.md`); a Job's `podFailurePolicy` stands on them.
"""

from __future__ import annotations

from typing import ClassVar


class RunnerError(Exception):
    """Something went wrong; its text is a sentence for the person who has to act."""

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    """Whether the same command, started again later, can succeed without anybody acting."""
    default_reason: ClassVar[str] = "Unexpected"

    def __init__(
        self, message: str, *, reason: str | None = None, detail: str = "", headline: str = ""
    ) -> None:
        """Take the sentence, a CamelCase *reason* for machines and lines of *detail*.

        A terminal shows *headline*, where there is one, instead of a message that the detail repeats.
        """
        super().__init__(message)
        self.reason = reason or self.default_reason
        self.detail = detail
        self.headline = headline or message

    def add(self, sentence: str) -> None:
        """Say *sentence* as well, behind the message."""
        text = f"{str(self).rstrip('.')}. {sentence}"
        self.headline = text if self.headline == str(self) else f"{self.headline} {sentence}"
        self.args = (text,)


class UsageError(RunnerError):
    """The command was called with something it cannot use."""

    exit_code = 2
    default_reason = "Usage"


class UnsupportedError(RunnerError):
    """What was found is not something this tool works with."""

    exit_code = 3
    default_reason = "Unsupported"


class UnreachableError(RunnerError):
    """The server did not answer, or the connection was lost."""

    exit_code = 4
    retryable = True
    default_reason = "Unreachable"


class DeniedError(RunnerError):
    """The server answered no: password, right or database is missing."""

    exit_code = 5
    default_reason = "Denied"


class LockHeldError(RunnerError):
    """Somebody else holds the lock we waited for."""

    exit_code = 6
    retryable = True
    default_reason = "LockHeld"


class FailedError(RunnerError):
    """A migration, data step or seed failed; its transaction was rolled back."""

    exit_code = 7
    default_reason = "MigrationFailed"


class VerificationError(RunnerError):
    """The live schema or ledger is not what the version should have."""

    exit_code = 8
    default_reason = "VerificationFailed"


class RefusedError(RunnerError):
    """The request is understood and must not be done."""

    exit_code = 9
    default_reason = "Refused"


class NotAcknowledgedError(RefusedError):
    """Breaking versions are on the way, and nobody has agreed to cross them."""

    def __init__(self, message: str, *, versions: tuple[str, ...], detail: str = "") -> None:
        """Take the sentence, the versions and lines of *detail*."""
        super().__init__(message, reason="NotAcknowledged", detail=detail)
        self.versions = versions


class NotYetError(RunnerError):
    """The database is not yet at the version that was asked for."""

    exit_code = 10
    retryable = True
    default_reason = "NotYet"


KINDS: tuple[type[RunnerError], ...] = (RunnerError, *RunnerError.__subclasses__())
"""Every kind, in the order of their exit codes."""
NO_RETRY = tuple(kind.exit_code for kind in KINDS if not kind.retryable)
"""The exit codes after which only a person can help; a Job's `podFailurePolicy` ends it at once."""


class Interrupted(KeyboardInterrupt):
    """A signal that ends the process arrived; derives from KeyboardInterrupt so that psycopg cancels the query."""

    def __init__(self, signum: int) -> None:
        """Take the number of the signal."""
        super().__init__(f"interrupted by signal {signum}")
        self.exit_code = 128 + signum
        self.text = "interrupted; what was not committed is rolled back, the lock is released"

    def nothing_stays(self) -> None:
        """Say that nothing of the run was committed."""
        self.text = "interrupted; rolled back, the lock is released"

    def add(self, sentence: str) -> None:
        """Say *sentence* as well."""
        self.text = f"{self.text}. {sentence}"
