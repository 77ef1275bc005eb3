"""Owns what can be expected of answers that keep secrets, and of servers that do not obey, as in `expect`.

It knows readings, and what was told of a credential; it never sees the credential itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoice_conformance.expect import obeyed, shown, unanswered
from invoice_conformance.expect_http import CLIENT_ERRORS, around, body_leaks, place_in
from invoice_conformance.leaks import DEBUG_FIELDS, LOOKED_AT, leak_in, together
from invoice_conformance.redaction import REDACTED
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from invoice_conformance.exchange import Header
    from invoice_conformance.jsontext import Json


@dataclass(frozen=True, slots=True)
class NoToken:
    """No answer repeats the credentials with which it was asked for."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a whole token or key in the head or the body, in any encoding."""
        act = trial.act
        if act.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        request = act.exchange.request
        if REDACTED in request.target or REDACTED.encode() in request.body:
            # An answer may well name the resource that was asked for, or the value that was refused.
            return DoesNotApply("the token was sent where answers repeat what was sent")
        if not act.response.disclosed:
            return Holds()
        place = act.response.disclosed[0]
        words = f"the {place}" if place in {"body", "reason"} else f"the field {place}"
        return Broken(
            expected="an answer without the credentials that the request held",
            got=f"them in {_where(act, place)} of the answer {act.status}",
            kind="credentials",
            edge=words,
            reading=act,
        )


def _where(act: Reading, place: str) -> str:
    """Where the credentials stand, with the text around them in which they are blacked out."""
    if act.response is None or place == "reason":
        return f"the {place}"
    if place == "body":
        text = act.body_text
        return f"{place_in(act, REDACTED)}, {around(text, REDACTED)}," if REDACTED in text else "the body"
    return f"the header {place}"


@dataclass(frozen=True, slots=True)
class NoLeakInSuccess:
    """A success, and the head of any answer, hold nothing of the server's inside."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by what leaks into errors, and by header fields that only servers in debug mode send."""
        act = trial.act
        if act.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        leaking = _leaking(act.response.headers, act.echoes)
        if leaking is not None:
            name, words, found = leaking
            return Broken(
                expected="a head that tells nothing of the server's inside",
                got=f"{words} in {name}: {found[:120]}",
                kind=name.lower(),
                edge=name,
                reading=act,
            )
        if not act.accepted:
            return Holds()
        return body_leaks(act, "a success that tells nothing of the server's inside") or Holds()


def _leaking(headers: tuple[Header, ...], echoes: Sequence[str]) -> tuple[str, str, str] | None:
    """The first header field that leaks, with what it is and the words that show it."""
    if not any(DEBUG_FIELDS.fullmatch(name) for name, _value in headers):
        every = together(value for _name, value in headers)
        if len(every) <= LOOKED_AT and leak_in(every, echoes) is None:
            return None
    for name, value in headers:
        leak = ("debugging", value) if DEBUG_FIELDS.fullmatch(name) else leak_in(value, echoes)
        if leak is not None:
            return name, *leak
    return None


_SHORTEST_PECULIAR = 8
_LONG = re.compile(r"[A-Za-z]{20}")
"""More letters in a row than a word has."""
_LONGEST_COUNT = 15
"""Digits that a count, an amount or a time in milliseconds may have."""


def _peculiar(text: str) -> bool:
    """Whether no text holds `text` by chance: an id with digits and letters, not a word and not a count."""
    if _LONG.search(text):
        return True
    if len(text) < _SHORTEST_PECULIAR or not any(character.isdigit() for character in text):
        return False
    return not text.isdigit() or len(text) > _LONGEST_COUNT


def _stands_in(needle: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(needle)}(?![\w-])", text) is not None


@dataclass(frozen=True, slots=True)
class NothingForeign:
    """After `first` made an invoice in one tenant, the answer `act` to another tells nothing of it.

    `amount` is one that no other invoice of the run has.
    """

    amount: str

    def judge(self, trial: Trial) -> Judged:
        """Broken by the other tenant's id or contract, or its invoice's id, number or amount, unless they were sent."""
        first, act = trial.one("first"), trial.act
        if first is None:
            return DoesNotApply("nothing was sent in the other tenant")
        if first.data is None:
            needed = f"this takes an invoice of the other tenant with amountMinor={self.amount}"
            return unanswered(first) or DoesNotApply(f"{needed}, whose create was answered {first.said(120)}")
        if (trouble := unanswered(act)) is not None:
            return trouble
        said = "\n".join(_texts_said(act))
        sent = "\n".join(act.texts)
        for what, text in self._told_by(first, act):
            if _stands_in(text, said) and text not in sent:
                return Broken(
                    expected="an answer that tells nothing of another tenant",
                    got=f"{what} {shown(text)} in {_holder(act, text)} of {act.status}: {around(said, text)}",
                    kind=what,
                    edge=act.meaning.id,
                    reading=act,
                )
        return Holds()

    def _told_by(self, first: Reading, act: Reading) -> Iterator[tuple[str, str]]:
        """What would give the other tenant's invoice away, in words and as it is spelled."""
        invoice, sent, own = first.data or {}, first.sent or {}, act.data or {}
        tenant = first.exchange.request.values("tenant-id")
        found: list[tuple[str, Json]] = [("the other invoice's number", sent.get("invoiceNumber"))]
        # A list shows what earlier requests and runs left in this tenant, which may well name the other.
        listed = act.exchange.request.method != "POST"
        if not listed:
            found.append(("the other tenant's id", tenant[0] if tenant else None))
        if act.exchange.request.method == "POST":
            # An id that repeats, or a contract that was accepted here, is another row's affair; a list shows both.
            found += [
                ("the other invoice's id", invoice.get("id") if invoice.get("id") != own.get("id") else None),
                ("the other tenant's contract", sent.get("contractId")),
            ]
        yield from ((what, text) for what, text in found if isinstance(text, str) and _peculiar(text))
        if not listed:
            yield "the other invoice's amount", self.amount


def _holder(act: Reading, text: str) -> str:
    """The header field that holds a text, or the member of the body."""
    headers = act.response.headers if act.response is not None else ()
    name = next((name for name, value in headers if _stands_in(text, value)), None)
    return place_in(act, text) if name is None else f"the header {name}"


def _texts_said(reading: Reading) -> Iterator[str]:
    response = reading.response
    if response is not None:
        yield reading.body_text.replace("\\/", "/")
        yield from (value for _name, value in response.headers)


@dataclass(frozen=True, slots=True)
class NotTakenFrom:
    """What a client puts where the page knows no member does not become the invoice's own.

    The places: `_id`, and the members of the objects `data`, `__proto__` and `constructor.prototype`.
    """

    def judge(self, trial: Trial) -> Judged:
        """Broken when one of the values comes back as the invoice's own."""
        act = trial.act
        if (trouble := unanswered(act)) is not None:
            return trouble
        for source, name, value in _elsewhere(act.sent or {}):
            if act.data is not None and name in act.data and obeyed(value, act.data[name]):
                return Broken(
                    expected=f"{name} to be what it is without {source} in the request, or a refusal",
                    got=f"{name}={shown(act.data[name])}, as in the client's {source}",
                    kind="obeyed",
                    field=name,
                    edge=f"client sets {source}",
                    reading=act,
                )
        return Holds()


def _elsewhere(sent: dict[str, Json]) -> Iterator[tuple[str, str, Json]]:
    """What a request says of an invoice in the wrong places: the place, the member, its value."""
    if "_id" in sent:
        yield "_id", "id", sent["_id"]
    for source in ("data", "__proto__", "constructor"):
        inner = sent.get(source)
        if source == "constructor" and isinstance(inner, dict):
            inner = inner.get("prototype")
        if isinstance(inner, dict):
            yield from ((source, name, value) for name, value in inner.items() if sent.get(name) != value)


@dataclass(frozen=True, slots=True)
class NotPolluted:
    """What `first` put under `__proto__` or `constructor` is not in the invoice of `act`, which lacks the member."""

    member: str
    value: str

    def judge(self, trial: Trial) -> Judged:
        """Broken when a create without the member succeeds with the value of the other request."""
        first, act = trial.one("first"), trial.act
        if first is None:
            return DoesNotApply("nothing was sent first")
        if (trouble := unanswered(first) or unanswered(act)) is not None:
            return trouble
        if act.data is None or act.data.get(self.member) != self.value:
            return Holds()
        return Broken(
            expected=f"a refusal (4xx), because {self.member} is required",
            got=f"{self.member}={shown(self.value)}, which another request said under {first.meaning.id}",
            kind="polluted",
            field=self.member,
            edge=trial.id,
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class KeepsItsPlace:
    """An invoice that `first` made has its number in this tenant for good, whatever else the client said of it.

    `act` is a plain create with the same number and `again` another; `said` is what the client said. A server that
    obeyed has put the invoice where its number does not count.
    """

    said: str

    def judge(self, trial: Trial) -> Judged:
        """Broken when the number was still free for `act`, and no longer for `again`."""
        first, act, again = trial.one("first"), trial.act, trial.one("again")
        if first is None or again is None:
            return DoesNotApply("nothing was sent first")
        if (trouble := unanswered(first) or unanswered(act) or unanswered(again)) is not None:
            return trouble
        if first.status in CLIENT_ERRORS:
            return Holds()
        if not first.created or (act.accepted and again.accepted):
            return DoesNotApply("numbers are not unique at all" if first.created else first.said())
        if not act.accepted:
            return Holds()
        return Broken(
            expected=f"a refusal (4xx), because an invoice with {self.said} was made under this number",
            got=act.said(),
            kind="obeyed",
            field="invoiceNumber",
            edge=trial.id,
            reading=act,
        )
