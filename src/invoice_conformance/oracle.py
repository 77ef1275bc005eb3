"""Owns the judgement of a request body: valid, invalid or open, how firmly, and because of which rules.

It must not know how a body came about or what a server answered. Fields and bounds come from the contract;
what the contract's words leave to reading is decided here, once, and each decision says why.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from invoice_conformance import ecma, jsontext
from invoice_conformance.jsontext import Json, NotJson, Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.contract import Contract, Field

Kind: TypeAlias = Literal["valid", "invalid", "open"]
Level: TypeAlias = Literal["MUST", "SHOULD", "MAY"]

LARGE_BODY: Final = 64 * 1024
"""Octets above which a server may refuse any body."""

DEEP: Final = 32
"""Nesting above which a server may refuse any body; the contract itself needs 1."""

# The fields whose meaning is more than their schema.
_CURRENCY: Final = "currencyCode"
_CONTRACT: Final = "contractId"
_USUAL_ORDER: Final = ("issuedAt", "paidAt", "dueAt")

_PLAIN_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_LITERAL: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
# Rates that every server must keep: 1e-6 to 1e6 in at most six decimals, hence in at most 13 digits.
_SMALLEST_RATE: Final = Decimal("1e-6")
_LARGEST_RATE: Final = Decimal("1e6")
_RATE_DECIMALS: Final = 6
_RATE_DIGITS: Final = 13
_EXPONENT_DIGITS: Final = 3

_MOMENT: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?Z")
_FRACTION_DIGITS: Final = 9
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_BMP_END: Final = 0xFFFF
_GRAPHIC: Final = frozenset("LMNPS")
_BOMS: Final = (  # UTF-32 first: its little-endian mark begins like UTF-16's
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_UNICODE_ESCAPE: Final = re.compile(r"\\u([0-9A-Fa-f]{4})")
# Anything but white space, quotes, separators and brackets; or an empty string.
_SOME_VALUE: Final = re.compile(r"""[^\s"'`:=>,{}\[\]]|""|''""")
_SHOWN: Final = 60
# How many members' judgements are remembered, and up to which length of a text.
_REMEMBERED: Final = 4096
_SHORT: Final = 64


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule that a body touches: of which member (None: the body), which keyword, how firmly, in words."""

    field: str | None
    keyword: str
    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a server may do with a body.

    valid: accept it, invalid: refuse it, both as firmly as `level` says; open: either (level MAY).
    `rules` holds every rule behind the kind: all that an invalid body breaks, all that leave an open one
    open, all that make a valid one merely SHOULD. `asides` holds the other rules touched, which decide
    nothing: a body that breaks one thing and is plain otherwise has one rule and no asides.
    """

    kind: Kind
    level: Level
    rules: tuple[Rule, ...] = ()
    asides: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class _Touched:
    """A rule with the kind it argues for."""

    kind: Kind
    rule: Rule


class Oracle:
    """Judges bodies by one contract.

    `known_contracts`: the contract ids that exist in the tenant; when given, any other id is invalid.
    `now`: a timestamp in the page's pattern; when given, dates after it are only SHOULD, for the page ties
    dates to nothing, yet servers do. Without it the future is as good as the past: no clock is consulted.
    """

    def __init__(
        self, contract: Contract, known_contracts: frozenset[str] = frozenset(), *, now: str | None = None
    ) -> None:
        self._contract = contract
        self._known_contracts = known_contracts
        self._now = None if now is None else _moment(now)
        self._fields = {field.name: field for field in contract.fields}
        self._known: dict[tuple[str, type, Json], tuple[_Touched, ...]] = {}
        self._server_set = frozenset(contract.resource) - self._fields.keys()
        self._patterns = {
            field.name: ecma.compile_pattern(field.pattern) for field in contract.fields if field.pattern is not None
        }

    def judge(self, body: bytes, padding: int = 0) -> Judgement:
        """Judge the octets of a body, after content coding is undone; `padding` spaces follow them."""
        return _weighed([*self._size(len(body) + padding), *self._body(body)])

    def judge_value(self, value: Json, duplicates: tuple[str, ...] = ()) -> Judgement:
        """Judge a JSON value; `duplicates` names the members that its text gives more than once."""
        return _weighed(list(self._value(value, duplicates)))

    def _size(self, length: int) -> Iterator[_Touched]:
        if length > LARGE_BODY:
            yield _open(None, "size", f"{length} octets > {LARGE_BODY}")

    def _body(self, body: bytes) -> Iterator[_Touched]:
        text, encoding = _as_utf8(body)
        if encoding is not None:
            # RFC 8259 §8.1: nobody may send these, a parser may ignore a byte order mark.
            yield _open(None, "encoding", f"the body is in {encoding}")
        try:
            # The reader's stack is a list, so the length of the body bounds the depth well enough.
            document = jsontext.read(text, max_depth=len(text) + 1)
        except NotJson as error:
            yield self._not_json(text, error)
            return
        if document.depth > DEEP:
            yield _open(None, "depth", f"nested {document.depth} deep, more than {DEEP}")
        yield from self._value(document.value, document.duplicates)

    def _not_json(self, text: bytes, error: NotJson) -> _Touched:
        # RFC 8259 §9: a parser may accept extensions. Refusing is only a MUST where none of them helps,
        # because a required member is not there or has no value.
        lacking = [field.name for field in self._contract.fields if field.required and not _may_hold(text, field.name)]
        if lacking:
            return _invalid(None, "json", "MUST", f"not JSON, and no reading holds {lacking[0]}: {error}")
        return _invalid(None, "json", "SHOULD", f"not JSON: {error}")

    def _value(self, value: Json, duplicates: tuple[str, ...]) -> Iterator[_Touched]:
        if not isinstance(value, dict):
            yield _invalid(None, "object", "MUST", f"the body is {_kind_of(value)}, not an object")
            return
        for name in duplicates:
            # RFC 8259 §4: which of the values is taken is unpredictable, so none of them can break a rule.
            yield _open(name, "duplicate", f"{_shown(name)} is given more than once")
        for name in value:
            if name in self._server_set:
                yield _open(name, "server-set", f"{name} is for the server to set")
            elif name not in self._fields:
                yield _open(name, "unknown", f"the contract has no member {_shown(name)}")
        for field in self._contract.fields:
            if field.name in value and field.name not in duplicates:
                yield from self._remembered(field, value[field.name])
            elif field.required and field.name not in value:
                yield _invalid(field.name, "required", "MUST", f"{field.name} is missing")
        yield from self._order({name: value[name] for name in value if name not in duplicates})

    def _remembered(self, field: Field, value: Json) -> tuple[_Touched, ...]:
        """What `_member` says; remembered for short scalars, since most bodies differ in one member only."""
        if isinstance(value, dict | list) or (isinstance(value, str) and len(value) > _SHORT):
            return tuple(self._member(field, value))
        key = (field.name, type(value), value)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[key] = tuple(self._member(field, value))
        return known

    def _member(self, field: Field, value: Json) -> Iterator[_Touched]:
        if value is None:
            if not field.nullable:
                yield _invalid(field.name, "null", "MUST", f"{field.name} is null")
        elif not _is_of(field, value):
            wanted = " or ".join(field.types)
            yield _invalid(field.name, "type", "MUST", f"{field.name} is {_kind_of(value)}, not {wanted}")
        elif isinstance(value, Number):
            yield from _number(field, value)
        elif isinstance(value, str):
            yield from self._text(field, value)

    def _text(self, field: Field, value: str) -> Iterator[_Touched]:
        lengths = list(_length(field, value))
        yield from lengths
        pattern = self._patterns.get(field.name)
        if pattern is not None and pattern.search(value) is None:
            yield _invalid(field.name, "pattern", "MUST", f"{field.name}={_shown(value)} breaks the pattern")
        elif field.format == "date-time":
            yield from self._date_time(field, value)
        elif field.name == _CURRENCY:
            # A string of the wrong length is not judged as a code again: it breaks one rule.
            if not any(touched.kind == "invalid" for touched in lengths):
                yield from self._code(value)
        elif field.pattern is None:
            yield from _unstorable(field, value)
            if field.name != _CONTRACT:
                yield from _repertoire(field, value)
        if field.name == _CONTRACT and self._known_contracts and value not in self._known_contracts:
            yield _invalid(field.name, "contract", "MUST", f"no contract {_shown(value)} is known")

    def _code(self, value: str) -> Iterator[_Touched]:
        currencies = self._contract.currencies
        if value in currencies.active:
            return
        if value in currencies.recent:
            yield _valid(_CURRENCY, "iso4217", f"{value} is in ISO 4217 only of late")
        elif value in currencies.open:
            yield _open(_CURRENCY, "iso4217", f"{value} is in ISO 4217, but is not money in circulation")
        else:
            yield _invalid(_CURRENCY, "iso4217", "SHOULD", f"{_CURRENCY}={_shown(value)} is no ISO 4217 code")

    def _date_time(self, field: Field, value: str) -> Iterator[_Touched]:
        matched = _MOMENT.fullmatch(value)
        if matched is None:
            # Only a field without the page's pattern comes here; `format` asserts nothing by itself
            # (JSON Schema 2020-12, Validation §7.2.1).
            yield _open(field.name, "format", f"{field.name}={_shown(value)} may be no date-time")
            return
        day, _time, seconds, fraction = matched.groups()
        if seconds is None:
            # The page's pattern allows it, its format (RFC 3339 §5.6) does not: contested.
            yield _open(field.name, "seconds", f"{field.name}={_shown(value)} has no seconds")
        if day.startswith("0000"):
            yield _valid(field.name, "year", f"{field.name}={_shown(value)} is in the year 0000")
        if fraction is not None and len(fraction) > _FRACTION_DIGITS:
            yield _valid(field.name, "fraction", f"{field.name} has {len(fraction)} fraction digits")
        if self._now is not None and _moment(value) > self._now:
            yield _valid(field.name, "future", f"{field.name}={_shown(value)} is in the future")

    def _order(self, members: dict[str, Json]) -> Iterator[_Touched]:
        # The page ties the dates to nothing, yet many servers do: out of the order in which an invoice usually
        # lives (issued, paid, due) they are only SHOULD.
        moments = {
            name: _moment(value)
            for name in _USUAL_ORDER
            if isinstance(value := members.get(name), str) and _MOMENT.fullmatch(value)
        }
        for earlier, later in itertools.combinations(_USUAL_ORDER, 2):
            if earlier in moments and later in moments and moments[later] < moments[earlier]:
                yield _valid(later, "order", f"{later} is before {earlier}")


def _weighed(touched: list[_Touched]) -> Judgement:
    """Let the strongest argument win: refusing beats accepting, for one broken rule is enough."""
    broken = tuple(item.rule for item in touched if item.kind == "invalid")
    undecided = tuple(item.rule for item in touched if item.kind == "open")
    doubtful = tuple(item.rule for item in touched if item.kind == "valid")
    if broken:
        level: Level = "MUST" if any(rule.level == "MUST" for rule in broken) else "SHOULD"
        return Judgement("invalid", level, broken, undecided + doubtful)
    if undecided:
        return Judgement("open", "MAY", undecided, doubtful)
    if doubtful:
        return Judgement("valid", "SHOULD", doubtful)
    return Judgement("valid", "MUST")


def _invalid(field: str | None, keyword: str, level: Level, message: str) -> _Touched:
    return _Touched("invalid", Rule(field, keyword, level, message))


def _valid(field: str | None, keyword: str, message: str) -> _Touched:
    return _Touched("valid", Rule(field, keyword, "SHOULD", message))


def _open(field: str | None, keyword: str, message: str) -> _Touched:
    return _Touched("open", Rule(field, keyword, "MAY", message))


def _is_of(field: Field, value: Json) -> bool:
    if isinstance(value, bool):
        return "boolean" in field.types
    if isinstance(value, Number):
        return "number" in field.types or "integer" in field.types
    if isinstance(value, str):
        return "string" in field.types
    return ("array" if isinstance(value, list) else "object") in field.types


def _kind_of(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Number):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def _number(field: Field, value: Number) -> Iterator[_Touched]:
    exact = list(_broken_bounds(field, value))
    nearest = value.binary64()
    integral = "number" not in field.types
    if integral and not value.is_integer():
        exact.insert(0, ("integer", f"{field.name}={_shown(value)} is no integer"))
    # RFC 8259 §6: software may take a number for the nearest binary64. Where that reading and the exact one
    # disagree (9007199254740991.4, -1e-400) a server may go either way; where both refuse it must refuse.
    rounded = bool(list(_broken_bounds(field, nearest))) or (
        integral and math.isfinite(nearest) and not nearest.is_integer()
    )
    if exact and rounded:
        for keyword, message in exact:
            yield _invalid(field.name, keyword, "MUST", message)
    elif exact or rounded:
        yield _open(field.name, "binary64", f"{field.name}={_shown(value)} is {nearest!r} in binary64")
    elif not value.is_zero() and (nearest == 0 or math.isinf(nearest)):
        yield _open(field.name, "binary64", f"{field.name}={_shown(value)} is no finite binary64 but zero")
        return
    if integral:
        yield from _integer_spelling(field, value)
    else:
        yield from _rate_spelling(field, value)


def _integer_spelling(field: Field, value: Number) -> Iterator[_Touched]:
    # JSON Schema counts 5000.0, 5e3 and -0 as integers (2020-12, Core §4.2.3); many decoders don't.
    odd = _PLAIN_INTEGER.fullmatch(value.literal) is None or value.literal == "-0"
    if odd and value.is_integer():
        yield _valid(field.name, "spelling", f"{field.name}={_shown(value)} is an integer oddly spelled")


def _rate_spelling(field: Field, value: Number) -> Iterator[_Touched]:
    if value.is_zero() and value.literal.startswith("-"):
        yield _valid(field.name, "spelling", f"{field.name}={_shown(value)} is a negative zero")
    elif not _is_common(Number(value.literal.lstrip("-"))):
        yield _valid(field.name, "precision", f"{field.name}={_shown(value)} is beyond 1e-6 to 1e6, 6 decimals")


def _broken_bounds(field: Field, value: Number | float) -> Iterator[tuple[str, str]]:
    shown = _shown(value)
    if field.minimum is not None and _compare(value, field.minimum) < 0:
        yield "minimum", f"{field.name}={shown} < {field.minimum}"
    if field.maximum is not None and _compare(value, field.maximum) > 0:
        yield "maximum", f"{field.name}={shown} > {field.maximum}"


def _compare(value: Number | float, bound: Decimal | int) -> int:
    # Python compares floats with ints and Decimals by value, exactly.
    return value.compare(bound) if isinstance(value, Number) else (value > bound) - (value < bound)


def _is_common(value: Number) -> bool:
    """Whether a number is one that every server must keep: 0, or 1e-6 to 1e6 with at most six decimals."""
    matched = _LITERAL.fullmatch(value.literal)
    if matched is None:
        return False
    whole, fraction, exponent = matched.groups()
    # The spelling counts too: 1.0000000 and 0e400 say a common number in a way that shows a decoder's limits.
    if len(fraction or "") > _RATE_DECIMALS or len(whole) > _RATE_DIGITS:
        return False
    if len((exponent or "").lstrip("+-0")) >= _EXPONENT_DIGITS:
        return False
    if value.is_zero():
        return True
    decimals = value.decimals()
    if decimals is None or decimals > _RATE_DECIMALS:
        return False
    return value.compare(_SMALLEST_RATE) >= 0 and value.compare(_LARGEST_RATE) <= 0


def _length(field: Field, value: str) -> Iterator[_Touched]:
    points = len(value)
    counted = f"length of {field.name}={points}"
    units = points + sum(ord(character) > _BMP_END for character in value)
    # JSON Schema counts code points (2020-12, Validation §6.3.1). Where counting UTF-16 units decides
    # otherwise, which many servers do, the rule is only a SHOULD.
    if field.max_length is not None and units > field.max_length:
        if points > field.max_length:
            yield _invalid(field.name, "maxLength", "MUST", f"{counted} > {field.max_length}")
        else:
            yield _valid(field.name, "maxLength", f"{field.name} has {units} UTF-16 units, {points} code points")
    if field.min_length is not None and points < field.min_length:
        level: Level = "MUST" if units < field.min_length else "SHOULD"
        yield _invalid(field.name, "minLength", level, f"{counted} < {field.min_length}")


def _unstorable(field: Field, value: str) -> Iterator[_Touched]:
    if "\0" in value:
        yield _open(field.name, "nul", f"{field.name} holds U+0000")
    if _SURROGATE.search(value):
        yield _open(field.name, "surrogate", f"{field.name} holds a lone surrogate")


def _repertoire(field: Field, value: str) -> Iterator[_Touched]:
    """Find the first character that is not a letter, mark, number, punctuation, symbol or inner space."""
    inner = value.strip(" ")
    if inner != value:
        yield _valid(field.name, "text", f"{field.name}={_shown(value)} begins or ends with a space")
    for character in inner:
        category = unicodedata.category(character)
        # NUL and surrogates (Cs) are open, and said elsewhere. Cn means: not in Python's version of Unicode.
        if category[0] in _GRAPHIC or character in " \0" or category == "Cs":
            continue
        yield _valid(field.name, "text", f"{field.name} holds U+{ord(character):04X}, of category {category}")
        return


def _moment(value: str) -> tuple[str, str, str, str]:
    """Return a key that orders timestamps of the page's pattern without a calendar; ValueError for others."""
    matched = _MOMENT.fullmatch(value)
    if matched is None:
        raise ValueError(f"{value[:_SHOWN]!r} is no timestamp of the page's pattern")
    day, time, seconds, fraction = matched.groups()
    # As text: Python's datetime has no year 0000 and no ten-digit fraction.
    return day, time, seconds or "00", (fraction or "").rstrip("0")


def _as_utf8(body: bytes) -> tuple[bytes, str | None]:
    """Return the body in UTF-8 without a byte order mark, and what it was in unless that was UTF-8."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _recoded(body[len(mark) :], encoding), f"{encoding} with a byte order mark"
    # JSON begins with an ASCII character, so zeros around it tell the encoding (RFC 4627 §3).
    zeros = tuple(octet == 0 for octet in body[:4])
    guesses: dict[tuple[bool, ...], str] = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    guessed = guesses.get(zeros)
    return (body, None) if guessed is None else (_recoded(body, guessed), guessed)


def _recoded(body: bytes, encoding: str) -> bytes:
    if encoding == "utf-8":
        return body
    try:
        return body.decode(encoding).encode()
    except UnicodeDecodeError:
        return body


def _may_hold(text: bytes, name: str) -> bool:
    """Tell whether some lenient reading of `text` may find a member `name` with a value.

    Generous on purpose, for its "no" makes refusing a MUST: the name must occur, however escaped, and
    behind it something that is more than quotes, separators and brackets.
    """
    readable = text.replace(b"\0", b"").decode("latin-1")
    readable = _UNICODE_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), readable)
    _before, found, behind = readable.partition(name)
    return bool(found) and _SOME_VALUE.search(behind) is not None


def _shown(value: object) -> str:
    """Return a value as a message shows it: one line, ASCII, cut."""
    text = value.literal if isinstance(value, Number) else json.dumps(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
