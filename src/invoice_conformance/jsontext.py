"""Owns the reading of JSON text, exactly as RFC 8259 has it and with every number kept as it was written.

It must not know what the text is about: no contract, no field, no leniency. It is bounded whoever wrote the
text: time and memory are linear in its length, and no nesting exhausts the interpreter's stack.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final, TypeAlias

DEFAULT_MAX_DEPTH: Final = 512
"""How many arrays and objects may enclose each other unless the caller says otherwise."""

Json: TypeAlias = "bool | str | Number | list[Json] | dict[str, Json] | None"
"""A JSON value; a `str` may hold lone surrogates, which only escapes can bring in."""

# RFC 8259 §6; the digits are ASCII, which \d is not.
_NUMBER: Final = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
# Exponents of up to this many digits are ints; longer ones stay Decimals, for int() of a long text is
# quadratic, and refused by the interpreter beyond 4,300 digits.
_SHORT_EXPONENT: Final = 18
# exact() writes out no more than this many digits.
_MODERATE: Final = 10_000


TOO_DEEP = "nested more than"


class NotJson(ValueError):  # noqa: N818 - it names what the text is
    """The text breaks the grammar, or a limit: `reason` in words, `position` in octets from its start."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"{reason} at octet {position}")
        self.reason = reason
        self.position = position
        self.too_deep = reason.startswith(TOO_DEEP)
        """Whether only the limit of depth was passed."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it was written; ValueError when `literal` is none.

    Equality compares the spelling; `same_value` and `compare` compare the value, exactly and without writing
    out the digits an exponent stands for.
    """

    literal: str

    def __post_init__(self) -> None:
        if _NUMBER.fullmatch(self.literal) is None:
            raise ValueError(f"{self.literal[:40]!r} is no JSON number")

    def is_integer(self) -> bool:
        """Tell whether the value has no fractional part, JSON Schema's idea of an integer: 5000.0, 5e3."""
        _sign, digits, scale = self._normal()
        return not digits or scale >= 0

    def is_zero(self) -> bool:
        """Tell whether the value is 0, however it is spelled."""
        return not self._normal()[1]

    def decimals(self) -> int | None:
        """Count the decimals that the value needs (1.120 needs 2); None when they are more than 10,000."""
        _sign, digits, scale = self._normal()
        if not digits or scale >= 0:
            return 0
        return -int(scale) if scale >= -_MODERATE else None

    def compare(self, other: Number | int | Decimal) -> int:
        """-1, 0 or 1 as the value is less than, equal to or greater than `other`, which must be finite."""
        sign, digits, scale = self._normal()
        other_sign, other_digits, other_scale = (
            other._normal() if isinstance(other, Number) else _normal_of(other)  # noqa: SLF001 - same class
        )
        left = sign if digits else 0
        right = other_sign if other_digits else 0
        if left != right or not left:
            return (left > right) - (left < right)
        mine = (_plus(scale, len(digits)), digits)
        others = (_plus(other_scale, len(other_digits)), other_digits)
        # Digits without their trailing zeros compare as text once the decimal points are aligned.
        return left * ((mine > others) - (mine < others))

    def same_value(self, other: Number) -> bool:
        """Tell whether both are the same number: 5000, 5000.0, 5e3; -0 is 0."""
        return self.compare(other) == 0

    def binary64(self) -> float:
        """Return the nearest IEEE 754 binary64 number; infinite, or zero, where the range ends."""
        return float(self.literal)

    def exact(self) -> Decimal | None:
        """Return the value as a Decimal; None when it takes more than 10,000 digits to write out."""
        _sign, digits, scale = self._normal()
        if not digits:
            return Decimal(0)
        moderate = len(digits) <= _MODERATE and -_MODERATE <= scale <= _MODERATE
        return Decimal(self.literal) if moderate else None

    def _normal(self) -> tuple[int, str, int | Decimal]:
        """Sign, digits without outer zeros (none: the value is 0), and the power of ten that they count."""
        matched = _NUMBER.fullmatch(self.literal)
        if matched is None:  # pragma: no cover - __post_init__ and the reader see to it
            raise ValueError(f"{self.literal[:40]!r} is no JSON number")
        minus, whole, fraction, exponent = matched.groups()
        fraction = fraction or ""
        digits = (whole + fraction).lstrip("0")
        short = digits.rstrip("0")
        shift = len(digits) - len(short) - len(fraction)
        return -1 if minus else 1, short, _plus(_whole_number(exponent or "0"), shift)


@dataclass(frozen=True, slots=True)
class Document:
    """What a text holds: its value, the member names given more than once in one object, its depth.

    Of members with the same name the last one is in `value`. The depth of a scalar is 0, that of `[]` is 1.
    """

    value: Json
    duplicates: tuple[str, ...]
    depth: int


def read(data: bytes, *, max_depth: int = DEFAULT_MAX_DEPTH) -> Document:
    """Read one JSON text in UTF-8; NotJson when RFC 8259 does not allow it or it is nested too deeply.

    A byte order mark is refused (§8.1 lets a parser ignore one, but nobody may send it).
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson("invalid UTF-8", error.start) from None
    if text.startswith("\ufeff"):
        raise NotJson("a byte order mark", 0)
    return _quickly(text, max_depth) or _Reader(text, max_depth).document()


def _quickly(text: str, max_depth: int) -> Document | None:
    """What the interpreter's own scanner reads, several times as fast; None where it is in doubt, or says no."""
    try:
        value = _SCANNER.decode(text)
    except (ValueError, RecursionError):
        return None
    depth, inner = 0, [value]
    while containers := [one for one in inner if isinstance(one, dict | list)]:
        depth += 1
        if depth > max_depth:
            return None
        inner = [one for some in containers for one in (some.values() if isinstance(some, dict) else some)]
    return Document(value, (), depth)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is given twice")
    return members


def _no_constant(word: str) -> Json:
    raise ValueError(f"RFC 8259 has no {word}")


_SPACE: Final = re.compile(r"[ \t\n\r]*")
# One match takes a whole scalar or bracket with the white space around it: the inner loop is the engine's.
_TOKEN: Final = re.compile(
    r"[ \t\n\r]*+(?:"
    r'"(?P<string>[^"\\\x00-\x1f]*+)"'
    r"|(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)"
    r"|(?P<open>[\[{])"
    r"|(?P<word>true|false|null)"
    r"|(?P<close>[\]}])"
    r'|"(?P<escaped>(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+)"'
    r")[ \t\n\r]*+"
)
_NAME: Final = re.compile(
    r'[ \t\n\r]*+"(?:(?P<string>[^"\\\x00-\x1f]*+)'
    r'|(?P<escaped>(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*+))"[ \t\n\r]*+:'
)
# A pair of \u escapes is one character (RFC 8259 §7); a lone surrogate stays what it is.
_ESCAPE: Final = re.compile(
    r"\\(?:u(?P<high>[dD][89abAB][0-9A-Fa-f]{2})\\u(?P<low>[dD][c-fC-F][0-9A-Fa-f]{2})"
    r"|u(?P<unit>[0-9A-Fa-f]{4})|(?P<char>.))"
)
_ESCAPED: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}


class _Reader:
    """Reads one text from left to right, holding the open containers in a list instead of on the stack."""

    def __init__(self, text: str, max_depth: int) -> None:
        self._text = text
        self._max_depth = max_depth
        self._position = 0
        self._duplicates: dict[str, None] = {}
        self._containers: list[list[Json] | dict[str, Json]] = []
        self._names: list[str] = []  # of the objects in _containers: the member being read
        self._deepest = 0

    def document(self) -> Document:
        text, length = self._text, len(self._text)
        while True:
            value = self._value()
            # A value is complete: hand it to its container, and close those that end here.
            while self._containers:
                container = self._containers[-1]
                if isinstance(container, list):
                    container.append(value)
                    closing = "]"
                else:
                    self._put(container, value)
                    closing = "}"
                mark = text[self._position] if self._position < length else ""
                self._position += 1
                if mark == ",":
                    if closing == "}":
                        self._name()
                    break
                if mark != closing:
                    raise self._error(f'"," or "{closing}" expected', self._position - 1)
                self._containers.pop()
                if closing == "}":
                    self._names.pop()
                value = container
                self._skip_space()
            else:
                if self._position < length:
                    raise self._error("text after the end of the value", self._position)
                return Document(value, tuple(self._duplicates), self._deepest)

    def _value(self) -> Json:
        """Read up to the end of the next scalar or empty container, and the white space after it."""
        while True:
            matched = _TOKEN.match(self._text, self._position)
            if matched is None:
                raise self._error("a value expected", _past_space(self._text, self._position))
            start, self._position = self._position, matched.end()
            kind, token = matched.lastgroup, matched[matched.lastindex or 0]
            if kind == "string":
                return token
            if kind == "number":
                return _number(token)
            if kind == "word":
                return _WORDS[token]
            if kind == "escaped":
                return _unescape(token)
            if kind == "close":
                raise self._error("a value expected", _past_space(self._text, start))
            container = self._open(token, start)
            if container is not None:
                return container

    def _open(self, bracket: str, start: int) -> Json:
        """Enter an array or object; return it when it ends at once."""
        depth = len(self._containers) + 1
        if depth > self._max_depth:
            raise self._error(f"{TOO_DEEP} {self._max_depth} deep", start)
        self._deepest = max(self._deepest, depth)
        closing = "]" if bracket == "[" else "}"
        container: list[Json] | dict[str, Json] = [] if bracket == "[" else {}
        if self._text.startswith(closing, self._position):
            self._position += 1
            self._skip_space()
            return container
        self._containers.append(container)
        if bracket == "{":
            self._names.append("")
            self._name()
        return None

    def _name(self) -> None:
        matched = _NAME.match(self._text, self._position)
        if matched is None:
            raise self._error('a member name and ":" expected', _past_space(self._text, self._position))
        self._position = matched.end()
        plain = matched["string"]
        self._names[-1] = plain if plain is not None else _unescape(matched["escaped"])

    def _put(self, container: dict[str, Json], value: Json) -> None:
        name = self._names[-1]
        if name in container:
            self._duplicates[name] = None
        container[name] = value

    def _skip_space(self) -> None:
        self._position = _past_space(self._text, self._position)

    def _error(self, reason: str, position: int) -> NotJson:
        return NotJson(reason, len(self._text[:position].encode()))


def _number(literal: str) -> Number:
    # The reader's pattern has checked the literal: skip __post_init__, which costs more than all the rest.
    number = object.__new__(Number)
    object.__setattr__(number, "literal", literal)
    return number


_SCANNER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_no_constant
)


def _past_space(text: str, position: int) -> int:
    matched = _SPACE.match(text, position)
    return position if matched is None else matched.end()


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(matched: re.Match[str]) -> str:
    if matched["char"] is not None:
        return _ESCAPED[matched["char"]]
    if matched["unit"] is not None:
        return chr(int(matched["unit"], 16))
    high, low = int(matched["high"], 16), int(matched["low"], 16)
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _whole_number(text: str) -> int | Decimal:
    return int(text) if len(text) <= _SHORT_EXPONENT else Decimal(text)


def _plus(number: int | Decimal, summand: int) -> int | Decimal:
    if isinstance(number, int):
        return number + summand
    precision = len(number.as_tuple().digits) + _SHORT_EXPONENT + 2  # enough to be exact
    return Context(prec=precision, Emax=MAX_EMAX, Emin=MIN_EMIN).add(number, summand)


def _normal_of(bound: int | Decimal) -> tuple[int, str, int | Decimal]:
    sign, digits, exponent = Decimal(bound).as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(f"{bound} is not finite")
    text = "".join(map(str, digits)).lstrip("0")
    short = text.rstrip("0")
    return -1 if sign else 1, short, exponent + len(text) - len(short)
