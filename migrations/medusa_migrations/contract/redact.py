"""Pure: a text without the passwords in it."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?i)(://[^:/@\s]*:)[^\s]*@"
    r"|(\b\w*(?:password|passwd|passphrase|pwd)(?:\s*=|[\"']\s*[:=])\s*)"
    r"('(?:\\.|[^'\\])*'?|\"(?:\\.|[^\"\\])*\"?|[^\s&,}]+)"
)


def redact(text: str) -> str:
    """Return *text* with every password of a URL or keyword string in it replaced by `***`."""
    return _SECRET.sub(lambda m: f"{m[1]}***@" if m[1] else f"{m[2]}***", text)
