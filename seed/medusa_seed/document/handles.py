"""Pure: the handle that Medusa makes from a title: lodash's kebab case, character for character."""

from __future__ import annotations

import re
import unicodedata

from medusa_seed.document.model import LONGEST_KEY

_UPPER = "A-Z\u00c0-\u00d6\u00d8-\u00de"
_LOWER = "a-z\u00df-\u00f6\u00f8-\u00ff"
_SPACES = (
    " \t\x0b\x0c\u00a0\ufeff\n\r\u2028\u2029\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_BREAK = "\u00ac\u00b1\u00d7\u00f7\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\u00bf\u2000-\u206f" + _SPACES
_DINGBAT = "\u2700-\u27bf"
_MISC = f"[^\U00010000-\U0010ffff{_BREAK}0-9{_DINGBAT}{_LOWER}{_UPPER}]"
_MISC_LOWER = f"(?:[{_LOWER}]|{_MISC})"
_MISC_UPPER = f"(?:[{_UPPER}]|{_MISC})"
_EMOJI = (
    f"(?:[{_DINGBAT}]|[\U0001f1e6-\U0001f1ff]{{2}}|[\U00010000-\U0010ffff])"
    "[\ufe0e\ufe0f]?(?:[\u0300-\u036f\ufe20-\ufe2f\u20d0-\u20ff]|[\U0001f3fb-\U0001f3ff])?"
    f"(?:\u200d(?:[^\U00010000-\U0010ffff]|[\U0001f1e6-\U0001f1ff]{{2}}|[\U00010000-\U0010ffff])"
    "[\ufe0e\ufe0f]?(?:[\u0300-\u036f\ufe20-\ufe2f\u20d0-\u20ff]|[\U0001f3fb-\U0001f3ff])?)*"
)
_WORDS = re.compile(
    "|".join(
        (
            f"[{_UPPER}]?[{_LOWER}]+(?=[{_BREAK}]|[{_UPPER}]|$)",
            f"{_MISC_UPPER}+(?=[{_BREAK}]|[{_UPPER}]{_MISC_LOWER}|$)",
            f"[{_UPPER}]?{_MISC_LOWER}+",
            f"[{_UPPER}]+",
            r"[0-9]*(?:1ST|2ND|3RD|(?![123])[0-9]TH)(?=\b|[a-z_])",
            r"[0-9]*(?:1st|2nd|3rd|(?![123])[0-9]th)(?=\b|[A-Z_])",
            "[0-9]+",
            _EMOJI,
        )
    ),
    re.ASCII,
)
_PLAIN_WORDS = re.compile("[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")
_NOT_PLAIN = re.compile("[a-z][A-Z]|[A-Z]{2}[a-z]|[0-9][a-zA-Z]|[a-zA-Z][0-9]|[^a-zA-Z0-9 ]")
_APOSTROPHES = re.compile("['\u2019]")
_MARKS = re.compile("[\u0300-\u036f\ufe20-\ufe2f\u20d0-\u20ff]")
_LETTERS = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff\u0100-\u017f]")
_WITHOUT_MARKS = {
    "Æ": "Ae", "æ": "ae", "Ð": "D", "ð": "d", "Ø": "O", "ø": "o", "Þ": "Th", "þ": "th", "ß": "ss",
    "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "\u0131": "i", "Ĳ": "IJ", "ĳ": "ij", "ĸ": "k", "Ŀ": "L",
    "ŀ": "l", "Ł": "L", "ł": "l", "ŉ": "'n", "Ŋ": "N", "ŋ": "n", "Œ": "Oe", "œ": "oe", "Ŧ": "T",
    "ŧ": "t", "\u017f": "s",
}  # fmt: skip


def from_title(title: str) -> str:
    """Return the handle for *title*: `Medusa T-Shirt` is `medusa-t-shirt`; may be empty."""
    plain = _APOSTROPHES.sub("", _MARKS.sub("", _LETTERS.sub(_plain, title)))
    pattern = _WORDS if _NOT_PLAIN.search(plain) else _PLAIN_WORDS
    return "-".join(word[0].lower() for word in pattern.finditer(plain))


def _plain(letter: re.Match[str]) -> str:
    found = letter[0]
    return _WITHOUT_MARKS.get(found) or unicodedata.normalize("NFD", found)[0]


def problem(handle: str, *, given: bool) -> str:
    """Return what is wrong with *handle*, given or made from a title; nothing where it is fine."""
    if not handle:
        return "no handle can be made from it; give one as `handle`"
    if not given and len(handle.encode()) > LONGEST_KEY:
        return f"the handle made from it is longer than {LONGEST_KEY} bytes; give one as `handle`"
    return ""
