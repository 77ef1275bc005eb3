"""Owns what can be wrong with evidence that somebody hands in: its form, its digests, whose requests it holds.

It knows cases and records; what a server did in them it does not judge.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import types
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

from invoice_conformance import evidence
from invoice_conformance.case import (
    BARE,
    DIGITS_OF_MARK,
    IDEOGRAPHS,
    LETTERS_OF_MARK,
    MARK_ALPHABET,
    Numbering,
    NumberSlot,
    fill,
    spell_hole,
)
from invoice_conformance.evidence import Record
from invoice_conformance.exchange import NoAnswer, Response
from invoice_conformance.redaction import REDACTED
from invoice_conformance.trial import NO_ANSWERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.case import Case, Hole, Identity
    from invoice_conformance.exchange import Exchange, Header

LONGEST_LINE = 16 * 1024 * 1024
"""Octets of one exchange; a body has a million at most, and each may take six to be written."""
LAST_MOMENT = 253_402_300_800.0
"""The first second of the year 10000."""
SHOWN = 60
LETTERS_OF_RUN, DIGITS_OF_RUN = 8, 11
"""How much of a mark is the run's own; the rest counts."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Unfit(ValueError):  # noqa: N818 - it names what the evidence is
    """Evidence that no run of this suite wrote; one line that says where and why."""


def read(data: bytes) -> Iterator[Record]:
    """The records of an evidence file, whose every line must be exactly as it is written; Unfit says which is not."""
    if data and not data.endswith(b"\n"):
        raise Unfit(f"line {data.count(bytes([10])) + 1} is cut off")
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            record = _record(line)
        except Unfit as error:
            raise Unfit(f"line {number} {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, IndexError):
            raise Unfit(f"line {number} is no exchange as this suite writes it") from None
        yield record


def _record(line: bytes) -> Record:
    if len(line) > LONGEST_LINE:
        raise Unfit(f"has {len(line)} octets")
    record = evidence.from_json(json.loads(line.decode("ascii"), parse_constant=_no_number))
    if not fits(record, Record):
        raise Unfit("holds a value of another type than it can have")
    if not (0 <= record.exchange.sent_at < LAST_MOMENT and 0 <= record.exchange.elapsed < LAST_MOMENT):
        raise Unfit("happened at no time that a clock shows")
    if json.dumps(evidence.to_json(record), ensure_ascii=True, separators=(",", ":")).encode() != line:
        raise Unfit("is written otherwise than this suite writes it")
    trouble = _maimed(record.exchange.answer)
    if trouble:
        raise Unfit(f"(case {record.meaning.id[:SHOWN]!r}): {trouble}")
    return record


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - a type hint can be anything
    """Whether a value is of the type that a hint names, all the way down."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        hints = _hints(hint)
        return isinstance(value, hint) and all(fits(getattr(value, one.name), hints[one.name]) for one in fields(hint))
    if origin in {Union, types.UnionType}:
        return any(fits(value, one) for one in arguments)
    if origin is Literal:
        return any(value == one and type(value) is type(one) for one in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and _each_fits(value, arguments)
    if hint is float:
        return isinstance(value, float | int) and not isinstance(value, bool)
    return type(value) is (type(None) if hint is None else hint)


def _each_fits(value: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        return all(fits(one, hints[0]) for one in value)
    return len(value) == len(hints) and all(map(fits, value, hints))


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _maimed(answer: Response | NoAnswer) -> str:
    """How a body differs from the length and digest that were taken of it; empty when it does not."""
    if isinstance(answer, NoAnswer) or answer.truncated or REDACTED.encode() in answer.body:
        return ""
    if len(answer.body) != answer.body_length:
        return f"the body of the answer has {len(answer.body)} octets and had {answer.body_length}"
    if hashlib.sha256(answer.body).hexdigest() != answer.body_sha256:
        return "the body of the answer is not the one whose digest was taken"
    return ""


def set_aside_rightly(record: Record) -> bool:
    """Whether an exchange that does not count is one of those which a run sends again or only asks beside its plan."""
    answer = record.exchange.answer
    if record.script == "control" or isinstance(answer, NoAnswer) or answer.status in NO_ANSWERS:
        return True
    refused = 400 <= answer.status < 500  # noqa: PLR2004 - the class of statuses
    return answer.status == 401 or (record.meaning.pooled and refused)  # noqa: PLR2004 - credentials that expired


@dataclass
class Author:
    """Knows what the requests of a run must look like: who asks, where, and with which fields beside a case's own."""

    identity: Identity
    path: str
    common: tuple[str, ...] = ()
    run: str = ""
    digits: str = ""
    hidden: int = 0
    """Requests that could not be compared in full, because a secret was taken out of them."""
    _drawn: dict[str, str] = field(default_factory=dict)

    def trouble(self, case: Case, exchange: Exchange, drawn: dict[str, str] | None) -> str:
        """How a request differs from the one that `case` stands for; empty when it does not.

        `drawn` remembers the marks of one trial's keys.
        """
        request = exchange.request
        numbers = _numbers(case, request.body, self.identity)
        if numbers is None:
            return self._unless_hidden(request.body, "its body is not the case's")
        told = _Told(numbers, self, {} if drawn is None else drawn)
        wanted = fill(case, self.identity, told, self.path).request
        if told.trouble:
            return told.trouble
        if wanted.body != request.body:
            return self._unless_hidden(request.body, "its body is not the case's")
        # What stands for a secret was escaped, and the real one taken out after it had been.
        wanted = replace(wanted, target=wanted.target.replace(quote(REDACTED, safe=""), REDACTED))
        if wanted.target != request.target:
            return self._unless_hidden(request.target.encode(errors="replace"), "its path is not the case's")
        trouble = self._headers(wanted.headers, request.headers)
        if trouble:
            return trouble
        same = replace(wanted, headers=request.headers)
        return "" if same == request else "its method or framing is not the case's"

    def _unless_hidden(self, octets: bytes, words: str) -> str:
        if REDACTED.encode() not in octets:
            return words
        self.hidden += 1
        return ""

    def _headers(self, wanted: tuple[Header, ...], came: tuple[Header, ...]) -> str:
        own, common = came[: len(wanted)], came[len(wanted) :]
        alike = len(own) == len(wanted) and all(
            name == other and (value == text or REDACTED in text)
            for (name, value), (other, text) in zip(wanted, own, strict=False)
        )
        if not alike or tuple(name for name, _value in common) != self.common:
            return "its header fields are not the case's"
        return ""


class _Told(Numbering):
    """Gives out the invoice numbers that a request was sent with, and says what no run would have drawn."""

    def __init__(self, numbers: list[str], author: Author, drawn: dict[str, str]) -> None:
        super().__init__("")
        self._numbers = iter(numbers)
        self._author = author
        self._drawn = drawn
        self.trouble = ""

    def number(self, slot: NumberSlot, drawn: dict[str, str] | None = None, turn: int = 0) -> str:  # noqa: ARG002 - as drawn
        """The next number."""
        number = next(self._numbers, "")
        mark = _mark(slot, number)
        if mark is None:
            self.trouble = f"its invoice number {number[:SHOWN]!r} is not the case's"
        elif mark and slot.key and self._drawn.setdefault(slot.key, mark) != mark:
            self.trouble = f"its invoice number {number[:SHOWN]!r} is not the one it shares with another request"
        elif mark and not self._of_the_run(mark, digits=slot.digits):
            self.trouble = f"its invoice number {number[:SHOWN]!r} has the mark of another run"
        return number

    def _of_the_run(self, mark: str, *, digits: bool) -> bool:
        author = self._author
        if digits:
            author.digits = author.digits or mark[:DIGITS_OF_RUN]
            return mark.startswith(author.digits)
        author.run = author.run or mark[:LETTERS_OF_RUN]
        return mark.startswith(author.run)


def _numbers(case: Case, body: bytes, identity: Identity) -> list[str] | None:
    """The invoice numbers in a body, None when it is not the body of the case."""
    numbers: list[str] = []
    position = 0
    for part in case.body:
        if isinstance(part, bytes):
            if not body.startswith(part, position):
                return None
            position += len(part)
            continue
        bare = part.spelling == "bare" if isinstance(part, NumberSlot) else part.name == BARE
        found = None if bare else _STRING.match(body, position)
        end = found.end() if found is not None else position + _length(part, identity)
        text = body[position:end]
        position = end
        if isinstance(part, NumberSlot):
            try:
                numbers.append(text.decode() if bare else json.loads(text))
            except ValueError:
                return None
    return numbers if position == len(body) else None


def _length(part: NumberSlot | Hole, identity: Identity) -> int:
    """Octets of what stands in no quotes of its own; none of anything else, which then is no string as it must be."""
    if not isinstance(part, NumberSlot):
        return len(spell_hole(part, identity)) if part.name == BARE else 0
    if part.spelling != "bare":
        return 0
    size = DIGITS_OF_MARK if part.digits else LETTERS_OF_MARK
    return part.length or len(part.before) + size + len(part.after)


def _mark(slot: NumberSlot, number: str) -> str | None:
    """The mark in a number, empty when its slot has none; None when the number cannot come from the slot."""
    if slot.pool:
        return "" if number in slot.pool else None
    if slot.pooled:
        letters = {*MARK_ALPHABET, *map(chr, IDEOGRAPHS)}
        return "" if len(number) == slot.length and letters.issuperset(number) else None
    size = DIGITS_OF_MARK if slot.digits else LETTERS_OF_MARK
    mark = number[len(slot.before) : len(slot.before) + size]
    known = "0123456789" if slot.digits else MARK_ALPHABET
    room = 0 if slot.length is None else max(slot.length - len(slot.before) - len(mark) - len(slot.after), 0)
    whole = slot.before + mark + (slot.filler * room)[:room] + slot.after
    return mark if number == whole and len(mark) == size and set(mark) <= set(known) else None
