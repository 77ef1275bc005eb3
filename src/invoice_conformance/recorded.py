"""Owns how exchanges that a run recorded become cases again, octet for octet but for what cannot be sent twice.

That is a number which the run has used up, and the credentials, which no record holds. It must not know how anything is
judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from invoice_conformance.case import (
    BEARER,
    DIGITS_OF_MARK,
    LETTERS_OF_MARK,
    MARK_ALPHABET,
    Case,
    Edit,
    NumberSlot,
    Part,
)
from invoice_conformance.redaction import REDACTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from invoice_conformance.case import Spelling
    from invoice_conformance.evidence import Record
    from invoice_conformance.exchange import Header

_LETTERS: Final = re.compile(f"[{MARK_ALPHABET}]{{{LETTERS_OF_MARK}}}")
_DIGITS: Final = re.compile(f"[0-9]{{{DIGITS_OF_MARK}}}")
SPELLINGS: Final[tuple[Spelling, ...]] = ("string", "escaped", "slashes", "bare")


@dataclass(frozen=True)
class Steps:
    """Recorded exchanges by role, as cases that send the same again."""

    cases: tuple[tuple[str, Case], ...]
    kept: tuple[str, ...]
    """Numbers that carry no mark and are sent as they were."""


def steps_of(
    records: Sequence[tuple[str, Record]], known: Mapping[str, Case], tenant: str, common: Iterable[str]
) -> Steps:
    """The recorded exchanges as cases.

    `known` are the cases of the plan by id, which say what stood where the record was redacted; `tenant` is the run's,
    and `common` names the headers that every request of it carried.
    """
    marks = [mark for _role, record in records if (mark := mark_of(record.number)) is not None]
    shared = {mark for mark in marks if marks.count(mark) > 1}
    names = frozenset(name.lower() for name in common)
    cases = tuple(
        (role, _case(record, known.get(record.meaning.id), tenant, names, shared)) for role, record in records
    )
    kept = tuple(
        record.number
        for (_role, record), (_same, case) in zip(records, cases, strict=True)
        if record.number is not None and (case.slot is None or case.slot.pool == (record.number,))
    )
    return Steps(cases, kept)


def mark_of(number: str | None) -> str | None:
    """The part of an invoice number that a run makes up anew for each; None when there is none."""
    if number is None:
        return None
    found = _LETTERS.search(number)
    if found is not None and found[0].isdecimal():
        found = _DIGITS.search(number)
    return found[0] if found is not None else None


def _case(record: Record, known: Case | None, tenant: str, common: frozenset[str], shared: set[str]) -> Case:
    request, meaning = record.exchange.request, record.meaning
    case = Case(
        meaning.id,
        _parts(record, known, shared),
        tuple(Edit(field, edge, None) for field, edge in meaning.edits),
        request.method,
        chunked=request.chunked,
    )
    if meaning.standard:
        return case
    if known is not None:
        return replace(case, headers=known.headers, suffix=known.suffix, path=known.path)
    return replace(case, headers=_headers(request.headers, tenant, common), path=request.target)


def _headers(headers: Iterable[Header], tenant: str, common: frozenset[str]) -> tuple[Header, ...]:
    """Recorded headers with the configured credentials in the place of those that were redacted."""
    kept = [(name, value) for name, value in headers if name.lower() not in common]
    return tuple(
        (name, BEARER if name.lower() == "authorization" and REDACTED in value else value.replace(tenant, "${tenant}"))
        for name, value in kept
    )


def _parts(record: Record, known: Case | None, shared: set[str]) -> tuple[Part, ...]:
    """The recorded body, with a slot where its number stood."""
    body, number = record.exchange.request.body, record.number
    if number is None:
        return (body,)
    mark = mark_of(number)
    for spelling in SPELLINGS:
        slot = _slot(number, mark, spelling, known, shared, pooled=record.meaning.pooled)
        before, found, after = body.partition(slot.spell(number))
        # Each place where the number stands needs the same fresh one; a body that holds it twice shares it.
        if found:
            again = slot.spell(number) in after
            slot = replace(slot, key=slot.key or number) if again else slot
            return tuple(_split(body, slot.spell(number), slot)) if again else (before, slot, after)
    return (body,)


def _split(body: bytes, spelled: bytes, slot: NumberSlot) -> Iterable[Part]:
    for place, piece in enumerate(body.split(spelled)):
        if place:
            yield slot
        yield piece


def _slot(
    number: str, mark: str | None, spelling: Spelling, known: Case | None, shared: set[str], *, pooled: bool
) -> NumberSlot:
    if pooled or mark is None:
        drawn = known.slot if known is not None and pooled else None
        return replace(drawn, spelling=spelling) if drawn is not None else NumberSlot(pool=(number,), spelling=spelling)
    before, _mark, after = number.partition(mark)
    key = mark if mark in shared else ""
    return NumberSlot(before, after, digits=mark.isdecimal(), spelling=spelling, key=key)
