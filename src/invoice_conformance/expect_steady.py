"""Owns what can be expected of a server over a run: that it stays up, stays as quick, and forgets the request before.

It knows readings and trials, and sends nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from invoice_conformance.exchange import NoAnswer
from invoice_conformance.expect import DATE_FIELDS, Echoed, shown
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Trial

DIED = frozenset({"reset", "closed", "timeout"})
"""Kinds of no-answer that a request may bring about: what refuses connections fell before."""
ROUNDS = 8
"""How often a request and a plain invoice are sent by turns before the one is said to break the server.

Of a target that loses one request in three at random, a request that it lost twice passes for such a one in six out
of a million.
"""
LARGE = 64 * 1024
"""Octets of a body above which the page leaves open whether it is taken (spec/reading.md, JSON and HTTP)."""

BODY_REFUSED = frozenset({400, 422})
"""Statuses that speak of nothing but the request's body."""

Requests: TypeAlias = Literal["ordinary", "unusual"]


def died(reading: Reading) -> bool:
    """Whether a request met its end without an answer."""
    answer = reading.exchange.answer
    return isinstance(answer, NoAnswer) and answer.kind in DIED


def _answered(reading: Reading) -> bool:
    return not isinstance(reading.exchange.answer, NoAnswer)


def _is_ordinary(act: Reading, twin: Reading) -> bool:
    """Whether a request differs from the plain invoice in nothing but its body, and that is not large."""
    size = act.exchange.request.length
    return _head(act) == _head(twin) and size <= LARGE


def _head(reading: Reading) -> tuple[object, ...]:
    """All of a request but its body, and whether its connection is kept."""
    request = reading.exchange.request
    kept = tuple(header for header in request.headers if header[0].lower() != "connection")
    return request.method, request.target, kept, request.chunked


@dataclass(frozen=True, slots=True)
class KeepsServing:
    """A request does not end in a reset, a closed connection or a time-out again and again beside answered twins.

    `requests` are those that are plain but for a body of ordinary size, or all others.
    """

    requests: Requests

    def judge(self, trial: Trial) -> Judged:
        """Broken when every sending of `act` had no answer, and every plain invoice between was accepted."""
        acts, twins = trial.roles["act"], trial.roles.get("twin", ())
        act = trial.act
        if any(_answered(reading) for reading in acts):
            return Holds() if self._concerns(act) else DoesNotApply("another kind of request")
        if not twins:
            return DoesNotApply(act.said(), unanswered=self._concerns(act))
        if _is_ordinary(act, twins[0]) != (self.requests == "ordinary"):
            return DoesNotApply("another kind of request")
        if len(acts) < ROUNDS or not all(map(died, acts)) or not all(twin.accepted for twin in twins):
            return DoesNotApply(f"{act.said()}, but a plain invoice had no answer either", unanswered=True)
        name, edge = act.meaning.edits[0] if len(act.meaning.edits) == 1 else (None, act.meaning.id)
        answer = act.exchange.answer
        return Broken(
            expected=f"an answer, as the {len(twins)} plain invoices between had one",
            got=f"{len(acts)} times {act.said()}",
            kind=answer.kind if isinstance(answer, NoAnswer) else "",
            field=name,
            edge=edge,
            reading=act,
        )

    def _concerns(self, act: Reading) -> bool:
        """Whether a request is one of these, as far as it says itself."""
        ordinary = act.meaning.standard and act.exchange.request.length <= LARGE
        return ordinary == (self.requests == "ordinary")


@dataclass(frozen=True, slots=True)
class SameWhateverBefore:
    """A plain invoice is created as sent (`twin`), and again (`act`) each time right after other requests."""

    def judge(self, trial: Trial) -> Judged:
        """Broken when every `act` went wrong in the same way, though the plain invoice before them went well."""
        acts, twin = trial.roles["act"], trial.one("twin")
        if twin is None or _trouble(twin, ()) is not None:
            return DoesNotApply(
                "the plain invoice goes wrong by itself", unanswered=twin is not None and twin.response is None
            )
        if any(act.response is None for act in acts):
            return DoesNotApply("not every request was answered", unanswered=True)
        before = trial.roles.get("before", ())
        troubles = [_trouble(act, before) for act in acts]
        first = troubles[0]
        if first is None or any(trouble is None or trouble[0] != first[0] for trouble in troubles):
            return Holds()
        return Broken(
            expected="the plain invoice as it was created a moment ago, for a request stands for itself",
            got=f"{first[1]}, {len(acts)} times of {len(acts)} {trial.id}",
            kind=first[0],
            field=None,
            edge=trial.id,
            reading=acts[0],
        )


@dataclass
class PlainEachTime:
    """A plain invoice is accepted each time, once one was: the first is, and those with the same octets but number."""

    plain: bytes = field(default=b"", init=False)
    accepted: int = field(default=0, init=False)

    def observe(self, reading: Reading) -> Judged:
        """Broken by one whose body is refused; other numbers, credentials and the like are no plain invoice."""
        meaning = reading.meaning
        if not meaning.standard or meaning.edits or meaning.pooled or reading.response is None:
            return DoesNotApply("no plain invoice")
        octets = _but_for_its_number(reading)
        if not self.plain and reading.accepted:
            self.plain = octets
        if not octets or octets != self.plain:
            return DoesNotApply("no plain invoice")
        if reading.accepted:
            self.accepted += 1
            return Holds()
        if reading.status not in BODY_REFUSED or reading.in_front:
            return DoesNotApply(reading.said())
        return Broken(
            expected="a success (200 or 201), as other plain invoices have",
            got=f"{reading.said()}, after {self.accepted} of them had been accepted",
            kind=str(reading.status),
            edge="a plain invoice now and then",
            reading=reading,
        )


def _but_for_its_number(reading: Reading) -> bytes:
    """The octets of a body without those of the invoice number; none when that is not there as it is."""
    number = (reading.sent or {}).get("invoiceNumber")
    before, found, after = reading.exchange.request.body.partition(
        f'"{number}"'.encode(errors="surrogatepass") if isinstance(number, str) and number else b"\0"
    )
    return before + after if found else b""


ECHOED = (
    Echoed("exchangeRate", "binary64"),
    Echoed("amountMinor", "number"),
    Echoed("currencyCode", "string"),
    Echoed("invoiceNumber", "string"),
)
"""What of a plain invoice must come back."""


def _trouble(reading: Reading, before: tuple[Reading, ...]) -> tuple[str, str] | None:
    """What is wrong with the answer to a plain invoice, as a word and in words; None when nothing is."""
    if not reading.accepted:
        return str(reading.status), reading.said()
    for echoed in ECHOED:
        judged = echoed.judge(Trial("", {"act": (reading,)}))
        if isinstance(judged, Broken):
            return f"{echoed.field} {judged.kind}", judged.got
    data = reading.data or {}
    for name in DATE_FIELDS:
        value = data.get(name)
        if isinstance(value, str) and any((other.sent or {}).get(name) == value for other in before):
            return f"{name} kept", f"{name}={shown(value)}, which the request before sent"
    return None


EARLY, LATE = 4, 6
"""How many plain creates are sent alone before everything, and at the end."""
REFUSED = 3
"""How many refused ones are sent among these each time, as a measure of what everything takes."""
ENOUGH = 250
"""Invoices that must have come between."""
TIMES, SECONDS = 5.0, 0.25
"""How many times, and by how many seconds, the best of the late creates is slower than the best of the early ones."""

Moment: TypeAlias = Literal["early", "early refused", "late", "late refused"]


@dataclass(slots=True)
class LatencySteady:
    """Fold: a plain create takes no longer for the invoices that are there, while a refusal takes what it took.

    Whatever slows everything down, a busy machine or a target that throttles, slows refusals down too.
    """

    moments: dict[str, Moment]
    invoices: int = 0
    seen: dict[Moment, list[float]] = field(default_factory=dict)

    def observe(self, reading: Reading) -> Judged:
        """Broken by the last of the late creates, when the best of them took much longer than the best early one."""
        self.invoices += reading.created
        moment = self.moments.get(reading.meaning.id)
        if moment is None:
            return DoesNotApply("not measured")
        if reading.response is not None and reading.accepted == (moment in {"early", "late"}):
            self.seen.setdefault(moment, []).append(reading.exchange.elapsed)
        if moment != "late" or len(self.seen.get("late", ())) < LATE:
            return DoesNotApply("measured")
        return self._compared(reading)

    def _compared(self, reading: Reading) -> Judged:
        if self.invoices < ENOUGH:
            return DoesNotApply(f"fewer than {ENOUGH} invoices were created between", unanswered=True)
        if len(self.seen) < len(set(self.moments.values())):
            return DoesNotApply("not every request that was to be measured had its answer", unanswered=True)
        best = {name: min(times) for name, times in self.seen.items()}
        grown = best["late"] - best["early"]
        if best["late"] <= TIMES * best["early"] or grown <= SECONDS:
            return Holds()
        if best["late refused"] - best["early refused"] > grown / 2:
            return DoesNotApply("every answer takes longer, refusals too", unanswered=True)
        return Broken(
            expected=f"about {best['early']:.3f} s for a create, as with none there; a refusal still takes "
            f"{best['late refused']:.3f} s",
            got=f"{best['late']:.3f} s at best of {LATE}, after {self.invoices} invoices",
            kind="slower",
            edge="latency",
            reading=reading,
        )
