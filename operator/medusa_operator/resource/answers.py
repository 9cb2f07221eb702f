"""Pure: what an answer of the API server holds; null, missing and empty are the same nothing there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medusa_operator.resource.parse import DIGITS, BodyField, InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEEPEST = 100
"""Levels of an answer that are read where it has more than Python's parser takes."""
LONGEST_WAIT = 300.0
"""Seconds that we wait at most because an answer asks for it."""


@dataclass(frozen=True, slots=True)
class ApiStatus:
    """The parts of a Kubernetes `Status` that say why a request was refused."""

    reason: str = ""
    message: str = ""
    causes: tuple[str, ...] = ()
    """The reasons of its causes."""
    fields: tuple[str, ...] = ()
    """The fields that its causes name: `spec.version`, or `<nil>` for a rule about the whole object."""


def read(text: bytes) -> dict[str, Any]:
    """Return the object that an answer holds; raise InvalidError for anything else.

    What is nested too deep for Python's parser is read without what is below DEEPEST.
    """
    try:
        try:
            found = json.loads(text)
        except RecursionError:
            found = json.loads(_shallow(text))
    except ValueError as exc:
        raise InvalidError(f"it is not JSON: {exc}") from None
    if not isinstance(found, dict):
        raise InvalidError(f"it is not an object: {type(found).__name__}")
    return found


def items(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list, or of a page of it; raise InvalidError for what is no list.

    An empty list is `[]` in plain JSON and null in a PartialObjectMetadataList.
    """
    for item in BodyField(page, "")["items"].items():
        yield dict(item.mapping())


def listed(text: bytes) -> dict[str, Any]:
    """Return a list, or a page of it, as what watches needs of it: see `enveloped`."""
    page = read(text)
    return {
        "metadata": {"resourceVersion": str(version(page)), "continue": more(page)},
        "items": [enveloped(body) for body in items(page)],
    }


def event(line: bytes) -> bytes:
    """Return the line of a watch as what watches needs of it: see `enveloped`.

    Every ERROR becomes one that asks to begin anew with a list, as the API server means it with
    code 410: there is nothing else to do about any other. Raises InvalidError for what is no event.
    """
    found = BodyField(read(line), "event")
    kind, body = found["type"].text(), found["object"]
    if kind == "ERROR":
        return GONE
    copy = enveloped(dict(body.mapping())) | {"enveloped": line.decode(errors="replace")}
    return json.dumps({"type": kind, "object": copy}).encode() + b"\n"


GONE = b'{"type": "ERROR", "object": {"code": 410}}\n'
"""The event after which a watch begins anew with a list."""


def enveloped(body: dict[str, Any]) -> dict[str, Any]:
    """Return *body* in an object of which nothing but who it is can be seen from outside.

    What hands objects to us looks into them, too, and must not fail over one. `opened` undoes it.
    """
    meta = body.get("metadata")
    metadata = meta if isinstance(meta, dict) else {}
    names = ("namespace", "name", "uid", "resourceVersion")
    return {
        "metadata": {
            key: metadata[key] if isinstance(metadata.get(key), str) else "" for key in names
        },
        "enveloped": body,
    }


def opened(body: dict[str, Any]) -> dict[str, Any]:
    """Return what `enveloped` or `event` was given."""
    within = body["enveloped"]
    return dict(read(within.encode())["object"] if isinstance(within, str) else within)


def more(page: dict[str, Any]) -> str:
    """Return the token of the next page of a list; empty at its end."""
    return BodyField(page, "")["metadata"]["continue"].text()


def version(body: Mapping[str, Any]) -> int:
    """Return how new an object or a list is, 0 where it does not say; the API server's versions rise."""
    meta = body.get("metadata")
    spelt = meta.get("resourceVersion") if isinstance(meta, dict) else None
    readable = (
        isinstance(spelt, str) and spelt.isascii() and spelt.isdigit() and len(spelt) < DIGITS
    )
    return int(spelt) if readable and spelt else 0


def names(discovery: dict[str, Any]) -> set[str]:
    """Return the plurals that an API group serves."""
    return {kind["name"].text() for kind in BodyField(discovery, "")["resources"].items()}


def user(review: dict[str, Any]) -> dict[str, Any] | None:
    """Return whom a TokenReview found, as a SubjectAccessReview takes it; None where nobody."""
    status = BodyField(review, "")["status"]
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
    return BodyField(review, "")["status"]["allowed"].value is True


def refusal(text: bytes) -> ApiStatus:
    """Return what a refusal says, which need not be a Status, nor JSON."""
    try:
        status = BodyField(read(text), "")
    except InvalidError:
        return ApiStatus(message=text.decode(errors="replace")[:200])
    try:
        causes = list(status["details"]["causes"].items())
        return ApiStatus(
            status["reason"].text(),
            status["message"].text(),
            tuple(cause["reason"].text() for cause in causes),
            tuple(filter(None, (cause["field"].text() for cause in causes))),
        )
    except InvalidError:
        return ApiStatus()


def retry_after(header: str) -> float:
    """Return the seconds that a Retry-After asks for; 0 where it asks for none."""
    if not (header.isascii() and header.isdigit()):
        return 0.0  # a date: nobody's API server says that
    return min(float(header[:9]), LONGEST_WAIT)


_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


def _shallow(text: bytes) -> bytes:
    """Return JSON without what is nested deeper than DEEPEST; takes no recursion itself."""
    kept, depth, begin = [], 0, 0
    for token in _TOKEN.finditer(text):
        sign = token.group()[:1]
        if sign in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept.append(text[begin : token.start()])
        elif sign in b"]}":
            depth -= 1
            if depth == DEEPEST:
                kept.append(b"null")
                begin = token.end()
    return b"".join([*kept, text[begin:]])
