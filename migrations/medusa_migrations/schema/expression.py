"""Pure: one normal form of SQL expressions, in which Medusa's spelling and PostgreSQL's are equal.

For defaults, checks, keys and predicates of indexes. PostgreSQL prints an expression with all its
parentheses and casts; what means the same is equal here, and nothing else is.
"""

from __future__ import annotations

import functools
import re

_TOKEN = re.compile(
    r"""
    \s+
  | (?P<string>[eE]?'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<operator>:\s*:|>\s*=|<\s*=|<\s*>|!\s*=|\|\s*\||-\s*>\s*>|-\s*>|@\s*>|<\s*@|!?\s*~\s*\*?|[-+*/%^<>=&|#?])
  | (?P<mark>[()\[\],.])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LONG_TYPES = (
    ("timestamp", "with", "time", "zone"), ("timestamp", "without", "time", "zone"),
    ("time", "with", "time", "zone"), ("time", "without", "time", "zone"),
    ("character", "varying"), ("double", "precision"), ("bit", "varying"),
)  # fmt: skip
_NUMBERS = frozenset({
    "smallint", "integer", "bigint", "numeric", "real", "double precision", "int", "int2", "int4", "int8",
})  # fmt: skip
_TEXTS = frozenset({"text", "character varying", "varchar"})
_OPERATORS = {
    "or": 1, "and": 2, "not": 3, "is": 4, "=": 5, "<": 5, ">": 5, "<=": 5, ">=": 5, "<>": 5, "!=": 5,
    "+": 7, "-": 7, "*": 8, "/": 8, "%": 8, "^": 9,
}  # fmt: skip
_ANY_OTHER, _SIGN, _WHOLE = 6, 10, 20
_TESTS = frozenset({"null", "true", "false", "unknown"})
_SPECIAL = frozenset(
    {"case", "cast", "interval", "between", "in", "like", "ilike", "distinct", "when"}
)
"""Words that begin what is not taken apart here: such an expression is compared as it is written."""


@functools.cache
def normal(text: str) -> str:
    """Return *text* in its normal form: tokens with a blank between, in lower case but for strings and quotes.

    Parentheses that change nothing are left out, and so are casts of a literal to what it is taken for
    anyway, and of anything to a text without a bound.

    >>> normal('((("amount")::text >= (0)::text) AND (a OR b))')
    'amount >= 0 and ( a or b )'
    """
    tokens = _tokens(text)
    try:
        return _Parser(tokens).whole()
    except (_OtherSyntaxError, IndexError, RecursionError):
        return " ".join(tokens)


def shown(text: str) -> str:
    """Return *text*, a normal form or what the tokens of one were, as a person writes it: `now()`."""
    text = re.sub(r"\b(?<!\band)(?<!\bor)(?<!\bnot)(?<!\bin) ([(\[])", r"\1", text)
    for spaced, plain in (("( ", "("), (" )", ")"), (" ,", ","), (" :: ", "::"), (" . ", ".")):
        text = text.replace(spaced, plain)
    return whole_operators(text)


def whole_operators(text: str) -> str:
    """Return *text*, tokens with a blank between each two characters of an operator, as SQL: `<=` for `< =`."""
    return "".join(
        re.sub(r"\s+", "", match.group()) if match.lastgroup == "operator" else match.group()
        for match in _TOKEN.finditer(text)
    )


def _tokens(text: str) -> tuple[str, ...]:
    found = []
    for match in _TOKEN.finditer(text):
        match match.lastgroup:
            case None:
                continue
            case "operator":
                found.append(re.sub(r"\s+", "", match.group()))
            case "quoted":
                inner = match.group()[1:-1].replace('""', '"')
                found.append(inner if re.fullmatch(r"[^\W\d][\w$]*", inner) else match.group())
            case "string":
                found.append(match.group())
            case _:
                found.append(match.group().lower())
    return tuple(found)


class _OtherSyntaxError(Exception):
    """Something that is not taken apart here."""


_Part = tuple[str, int]
"""Text, and how strongly it is held together."""


class _Parser:
    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def skip(self, *words: str) -> bool:
        if self.tokens[self.at : self.at + len(words)] == words:
            self.at += len(words)
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.skip(word):
            raise _OtherSyntaxError

    def whole(self) -> str:
        """Read all of it."""
        text, _ = self.operand(0)
        if self.next:
            raise _OtherSyntaxError
        return text

    def operand(self, above: int) -> _Part:
        """Read an expression whose operators bind more strongly than *above*."""
        left = self._first()
        while True:
            if self.skip("::"):
                left = self._cast(left)
                continue
            strength = self._strength()
            if strength <= above:
                return left
            operator = self.tokens[self.at]
            self.at += 1
            if operator == "is":
                left = (f"{_held(left, strength)} {self._test()}", strength)
                continue
            right = self.operand(strength if operator not in ("and", "or") else strength - 1)
            joined = strength - 1 if operator in ("and", "or") else strength
            left = (f"{_held(left, strength - 1)} {operator} {_held(right, joined)}", strength)

    def _strength(self) -> int:
        word = self.next
        if not word or word in (")", "]", ","):
            return 0
        if word in _SPECIAL:
            raise _OtherSyntaxError
        if word in _OPERATORS:
            return _OPERATORS[word]
        if re.fullmatch(r"[^\w\s'\"()\[\],.]+", word):
            return _ANY_OTHER
        raise _OtherSyntaxError

    def _test(self) -> str:
        negated = "is not" if self.skip("not") else "is"
        if self.next not in _TESTS:
            raise _OtherSyntaxError
        self.at += 1
        return f"{negated} {self.tokens[self.at - 1]}"

    def _first(self) -> _Part:
        word = self.tokens[self.at]
        self.at += 1
        if word == "(":
            found = self.operand(0)
            self.expect(")")
            return found
        if word == "not":
            return f"not {_held(self.operand(3), 2)}", 3
        if word in ("-", "+"):
            return f"{word} {_held(self.operand(_SIGN), _SIGN)}", _SIGN
        if word in _SPECIAL or not re.match(r"[\w'\"]", word):
            raise _OtherSyntaxError
        while self.skip("."):
            word = f"{word} . {self.tokens[self.at]}"
            self.at += 1
        if self.skip("("):
            return f"{word} {self._list('(', ')')}", _WHOLE
        if self.skip("["):
            return f"{word} {self._list('[', ']')}", _WHOLE
        return word, _WHOLE

    def _list(self, opening: str, closing: str) -> str:
        if self.skip(closing):
            return f"{opening} {closing}"
        parts = [self.operand(0)[0]]
        while self.skip(","):
            parts.append(self.operand(0)[0])
        self.expect(closing)
        return f"{opening} {' , '.join(parts)} {closing}"

    def _cast(self, left: _Part) -> _Part:
        name, bound = self._type()
        text, _ = left
        literal = text.startswith(("'", "e'", "E'")) or text == "null"
        if not bound:
            base = name.removesuffix("[]")
            if literal and base in _NUMBERS and re.fullmatch(r"'-?\d+(\.\d+)?'", text):
                return text.strip("'"), _WHOLE
            if literal or base in _TEXTS or (text.startswith("array [") and name.endswith("[]")):
                return left
        return f"{_held(left, _SIGN)} :: {name}{bound}", _SIGN + 1

    def _type(self) -> tuple[str, str]:
        for words in _LONG_TYPES:
            if self.skip(*words):
                name = " ".join(words)
                break
        else:
            name = self.tokens[self.at]
            self.at += 1
            while self.skip("."):
                name = f"{name}.{self.tokens[self.at]}"
                self.at += 1
        bound = ""
        if self.skip("("):
            start = self.at
            while not self.skip(")"):
                self.at += 1
                if self.at > len(self.tokens):
                    raise _OtherSyntaxError
            bound = f"({''.join(self.tokens[start : self.at - 1])})"
        while self.skip("[", "]"):
            name += "[]"
        return name, bound


def _held(part: _Part, above: int) -> str:
    """Return the text of *part*, in parentheses where it binds no more strongly than *above*."""
    text, strength = part
    return text if strength > above else f"( {text} )"
