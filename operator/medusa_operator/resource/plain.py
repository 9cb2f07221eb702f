"""Pure: the text of others, made fit to be shown: no control characters, no passwords, bounded."""

from __future__ import annotations

import re

from medusa_migrations.contract.redact import redact

_ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"  # titles, links
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""C0 and C1 but for tab and newline, and what turns the direction of a text."""


def text(given: str, most: int) -> str:
    """Return the first *most* characters of what can be shown of *given*, on any terminal.

    JSON can spell halves of characters, and not everybody masks passwords.
    """
    if given.isascii() and given.isprintable():  # nearly always: most of it is our own
        return redact(given)[:most]
    whole = given.encode("utf-8", "replace").decode()
    return redact(_CONTROL.sub("", _ESCAPE.sub("", whole)))[:most]
