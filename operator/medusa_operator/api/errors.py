"""Every way a call of the Kubernetes API, or the start of the operator, can fail.

OperatorError
|- AccessError          no kubeconfig and no cluster around us, or one that cannot be used
|- LostLeadershipError  another replica may act; we must not
|- DeadWatchError       the watches ended
`- ApiError             the API server refused
   |- UnreachableError  it did not answer
   |- AnswerError       what it answered cannot be read
   |- MissingError      404: no such object
   |- ExistsError       409: an object of that name is there already
   |- ConflictError     409: the object is not as we last saw it
   `- RefusedError      403, 422, ..: admission, quota or a right that is missing
"""

from __future__ import annotations


class OperatorError(Exception):
    """Something went wrong; its text is a sentence for the person who has to act."""


class AccessError(OperatorError):
    """The API server cannot be addressed."""


class LostLeadershipError(OperatorError):
    """The Lease could not be renewed in time, or is held by another replica."""


class DeadWatchError(OperatorError):
    """A watch has ended."""


class ApiError(OperatorError):
    """The API server refused; `status` and `reason` are those of its answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        causes: tuple[str, ...] = (),
        fields: tuple[str, ...] = (),
        retry_after: float = 0.0,
    ) -> None:
        """Take the API server's message; *retry_after* is in seconds, 0 where it did not say."""
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = causes
        self.fields = fields
        self.retry_after = retry_after


class ApiUnreachableError(ApiError):
    """The API server did not answer."""


class AnswerError(ApiError):
    """The answer is not what the API server answers: a proxy's page, or it was cut."""


class MissingError(ApiError):
    """There is no such object."""


class ExistsError(ApiError):
    """An object of that name is there already."""


class ConflictError(ApiError):
    """The object has changed since we last saw it, or is another one of the same name."""


class ApiRefusedError(ApiError):
    """The request itself was refused: admission, quota, validation or a missing right."""


def is_refusal(exc: ApiError) -> bool:
    """Return whether the API server refused a request, as far as can be known.

    Who did not answer may have done it all the same.
    """
    if isinstance(exc, ConflictError | MissingError | ApiUnreachableError | AnswerError):
        return False
    return isinstance(exc, ApiRefusedError) or exc.status >= 500


def concerns_status(exc: ApiRefusedError) -> bool:
    """Return whether a status that was refused may be what is wrong, and not a spec older than its definition.

    The rules of a definition are applied to the whole object again whenever its status is written; the
    causes of the refusal name the fields, `<nil>` for a rule about the whole object.
    """
    return not exc.fields or any(field.startswith("status") for field in exc.fields)
