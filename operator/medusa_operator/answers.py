"""Pure: what an answer of the API server holds; null, missing and empty are the same nothing there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from medusa_operator.parse import Field, InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_WAIT = 300.0
"""Seconds that we wait at most because an answer asks for it."""


def read(text: bytes) -> dict[str, Any]:
    """Return the object that an answer holds; raise InvalidError for anything else."""
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise InvalidError(f"it is not JSON: {exc}") from None
    if not isinstance(found, dict):
        raise InvalidError(f"it is not an object: {type(found).__name__}")
    return found


def items(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, or of a page of it; raise InvalidError for what is no list.

    An empty list is `[]` in plain JSON and null in a PartialObjectMetadataList.
    """
    for item in Field(page, "")["items"].items():
        yield dict(item.mapping())


def more(page: dict[str, Any]) -> str:
    """Return the token of the next page of a list; empty at its end."""
    return Field(page, "")["metadata"]["continue"].text()


def version(page: dict[str, Any]) -> str:
    """Return how new a list is; empty where it does not say."""
    return Field(page, "")["metadata"]["resourceVersion"].text()


def names(discovery: dict[str, Any]) -> set[str]:
    """Return the plurals that an API group serves."""
    return {kind["name"].text() for kind in Field(discovery, "")["resources"].items()}


def user(review: dict[str, Any]) -> dict[str, Any] | None:
    """Return whom a TokenReview found, as a SubjectAccessReview takes it; None where nobody."""
    status = Field(review, "")["status"]
    if status["authenticated"].value is not True:
        return None
    found = status["user"]
    named: dict[str, Any] = {"user": found["username"].required()}
    named["groups"] = [group.text() for group in found["groups"].items()]
    named["uid"] = found["uid"].text()
    named["extra"] = dict(found["extra"].mapping())
    return {key: value for key, value in named.items() if value}


def allowed(review: dict[str, Any]) -> bool:
    """Return whether a SubjectAccessReview allows what was asked."""
    return Field(review, "")["status"]["allowed"].value is True


def refusal(text: bytes) -> tuple[str, str]:
    """Return reason and message of a refusal, which need not be a Status, nor JSON."""
    try:
        said = read(text)
    except InvalidError:
        return "", text.decode(errors="replace")[:200]
    reason, message = said.get("reason"), said.get("message")
    return (reason if isinstance(reason, str) else "", message if isinstance(message, str) else "")


def retry_after(header: str) -> float:
    """Return the seconds that a Retry-After asks for; 0 where it asks for none."""
    if not (header.isascii() and header.isdigit()):
        return 0.0  # a date: nobody's API server says that
    return min(float(header[:9]), LONGEST_WAIT)
