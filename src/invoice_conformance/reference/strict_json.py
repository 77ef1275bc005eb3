"""Owns reading JSON exactly by RFC 8259, with every number kept as it was written, and writing it back.

It must not know what an invoice is, nor anything of HTTP.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Final, Literal, TypeAlias

MAX_DEPTH: Final = 200
"""How deeply arrays and objects may nest; RFC 8259 §9 lets a parser set this limit."""

BreachKind: TypeAlias = Literal["empty", "encoding", "bom", "syntax", "duplicate", "depth"]
"""What keeps octets from being a JSON text that this parser takes."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it was written: `5000`, `5000.0` and `5e3` differ."""

    literal: str


JsonValue: TypeAlias = "bool | int | float | str | Number | list[JsonValue] | dict[str, JsonValue] | None"
"""What the parser returns (its numbers are always `Number`) and what the writer takes."""


class NotJson(ValueError):  # noqa: N818 - it names what the text is
    """Raised for a text that is not JSON; `kind` says in which way, the message where."""

    def __init__(self, kind: BreachKind, message: str) -> None:
        super().__init__(message)
        self.kind: BreachKind = kind


_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES: Final = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_NAMES: Final[tuple[tuple[str, bool | None], ...]] = (("null", None), ("true", True), ("false", False))


def decode(octets: bytes) -> str:
    """The text in `octets`, which must be UTF-8 without a byte order mark (RFC 8259 §8.1)."""
    if not octets:
        raise NotJson("empty", "the body is empty")
    if octets.startswith(b"\xef\xbb\xbf"):
        raise NotJson("bom", "the body begins with a byte order mark")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson("encoding", f"the body is not UTF-8 at octet {error.start}") from None


def parse(text: str) -> JsonValue:
    """The value of a JSON text that holds nothing else."""
    value, end = parse_prefix(text)
    if end != len(text):
        raise NotJson("syntax", f"there is more after the value at character {end}")
    return value


def parse_prefix(text: str) -> tuple[JsonValue, int]:
    """The first JSON value of `text`, and where it and the space behind it end."""
    value, end = _value(text, _skip(text, 0), 0)
    return value, _skip(text, end)


def dump(value: JsonValue) -> str:
    """`value` as a JSON text: numbers as they were written, text beyond ASCII unescaped."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode_basestring(name)}:{dump(item)}" for name, item in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([dump(item) for item in value]) + "]"
    return json.dumps(value)


def _skip(text: str, at: int) -> int:
    if text[at : at + 1] > " ":
        return at
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int, depth: int) -> tuple[JsonValue, int]:
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at + 1)
    if first == "{":
        return _object(text, at + 1, depth + 1)
    if first == "[":
        return _array(text, at + 1, depth + 1)
    if match := _NUMBER.match(text, at):
        return Number(match.group()), match.end()
    for name, value in _NAMES:
        if text.startswith(name, at):
            return value, at + len(name)
    raise NotJson("syntax", f"expected a value at character {at}")


def _object(text: str, at: int, depth: int) -> tuple[dict[str, JsonValue], int]:
    _check_depth(depth)
    members: dict[str, JsonValue] = {}
    at = _skip(text, at)
    if text.startswith("}", at):
        return members, at + 1
    while True:
        if not text.startswith('"', at):
            raise NotJson("syntax", f"expected a member's name at character {at}")
        name, at = _string(text, at + 1)
        at = _skip(text, at)
        if not text.startswith(":", at):
            raise NotJson("syntax", f"expected a colon at character {at}")
        value, at = _value(text, _skip(text, at + 1), depth)
        if name in members:
            raise NotJson("duplicate", f"a member's name stands twice, the second before character {at}")
        members[name] = value
        at = _skip(text, at)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif text.startswith("}", at):
            return members, at + 1
        else:
            raise NotJson("syntax", f"expected a comma or the object's end at character {at}")


def _array(text: str, at: int, depth: int) -> tuple[list[JsonValue], int]:
    _check_depth(depth)
    items: list[JsonValue] = []
    at = _skip(text, at)
    if text.startswith("]", at):
        return items, at + 1
    while True:
        value, at = _value(text, at, depth)
        items.append(value)
        at = _skip(text, at)
        if text.startswith(",", at):
            at = _skip(text, at + 1)
        elif text.startswith("]", at):
            return items, at + 1
        else:
            raise NotJson("syntax", f"expected a comma or the array's end at character {at}")


def _string(text: str, at: int) -> tuple[str, int]:
    """The string whose opening quotation mark stands before `at`, and where it ends."""
    parts: list[str] = []
    while True:
        match = _PLAIN.match(text, at)
        if match:
            parts.append(match.group())
            at = match.end()
        mark = text[at : at + 1]
        if mark == '"':
            return "".join(parts), at + 1
        if mark != "\\":
            raise NotJson("syntax", f"a string is unfinished or holds a control character at character {at}")
        escaped, at = _escape(text, at + 1)
        parts.append(escaped)


def _escape(text: str, at: int) -> tuple[str, int]:
    """What the escape stands for whose backslash stands before `at`; a lone surrogate stays one."""
    letter = text[at : at + 1]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 1
    if letter != "u":
        raise NotJson("syntax", f"no such escape at character {at}")
    high, at = _unit(text, at + 1)
    if "\ud800" <= high <= "\udbff" and text.startswith("\\u", at):
        low, end = _unit(text, at + 2)
        if "\udc00" <= low <= "\udfff":
            return (high + low).encode("utf-16", "surrogatepass").decode("utf-16"), end
    return high, at


def _unit(text: str, at: int) -> tuple[str, int]:
    match = _HEX.match(text, at)
    if not match:
        raise NotJson("syntax", f"expected four hexadecimal digits at character {at}")
    return chr(int(match.group(), 16)), match.end()


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotJson("depth", f"the body nests deeper than {MAX_DEPTH} levels")
