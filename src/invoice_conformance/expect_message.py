"""Owns what can be expected of an answer as an HTTP message: its framing, its head, where it ends.

It knows readings, and nothing of what a message says. A network's trouble is never held against a server here.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from invoice_conformance.exchange import NoAnswer
from invoice_conformance.expect import unanswered
from invoice_conformance.headsyntax import departures
from invoice_conformance.trial import SURE, Broken, DoesNotApply, Holds, Judged, Reading, Trial

if TYPE_CHECKING:
    from invoice_conformance.exchange import Header, NoAnswerKind, Request, Response

BODILESS: Final = frozenset({204, 304})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_TARGET: Final = re.compile(r"/[\x21-\x7e]*")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "host", "connection", "upgrade"})
_SHOWN: Final = 60


def _is_plain(request: Request) -> bool:
    """Whether a request leaves no doubt where it ends and how it is to be answered.

    What is malformed is answered by a parser below the application, and what stands after a false end of a request
    is the next one: its answer is no surplus.
    """
    return (
        _TOKEN.fullmatch(request.method) is not None
        and _TARGET.fullmatch(request.target) is not None
        and _are_plain(request.headers)
    )


@functools.lru_cache(maxsize=256)
def _are_plain(headers: tuple[Header, ...]) -> bool:
    """Whether header fields are well written and say nothing of the framing; most requests have the same."""
    return all(
        _TOKEN.fullmatch(name) and _VALUE.fullmatch(value) and name.lower() not in _FRAMING for name, value in headers
    )


def _unjudged(reading: Reading) -> DoesNotApply | None:
    """Why a message is not judged, None when it is."""
    if (trouble := unanswered(reading)) is not None:
        # What stands in front is not blamed; and that it answers leaves nothing open that others show.
        return replace(trouble, unanswered=reading.response is None)
    return None if _is_plain(reading.exchange.request) else DoesNotApply("the request is no plain one")


@dataclass(frozen=True, slots=True)
class NeverAlways:
    """No case is answered in this broken way each time it is sent.

    A connection that breaks off, or a proxy that garbles, does so now and then; `SURE` attempts are the server.
    """

    kind: NoAnswerKind
    expected: str

    def judge(self, trial: Trial) -> Judged:
        """Broken by a case that came to this kind of no-answer in every one of `SURE` attempts."""
        act = trial.act
        exchange = act.exchange
        answer = exchange.answer
        if act.response is not None:
            return Holds()
        if not isinstance(answer, NoAnswer) or answer.kind != self.kind:
            return DoesNotApply(act.said(), unanswered=True)
        attempts = (*exchange.earlier, answer.kind)
        if not _is_plain(exchange.request) or len(attempts) < SURE or {*attempts} != {self.kind}:
            return DoesNotApply(act.said(), unanswered=True)
        return Broken(
            self.expected, f"{answer.detail}, {len(attempts)} times out of {len(attempts)}", self.kind, reading=act
        )


@dataclass(frozen=True, slots=True)
class WellWritten:
    """The head of an answer keeps to the grammar; the `lenient` departures are those recipients are told to take."""

    lenient: bool

    def judge(self, trial: Trial) -> Judged:
        """Broken by the first departure of this sort."""
        act = trial.act
        if (trouble := _unjudged(act)) is not None:
            return trouble
        response = _of(act)
        for found in departures(response.head) if response.head else ():
            if found.lenient == self.lenient:
                return Broken(
                    "a head that keeps to the grammar of HTTP/1.1",
                    f"{found.words}, in the head of {response.status}",
                    found.kind,
                    edge=found.kind,
                    reading=act,
                )
        return Holds()


@dataclass(frozen=True, slots=True)
class NoSurplus:
    """An answer ends where its framing says, and nothing follows that nobody asked for."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by octets after an answer, at once or when its connection was looked at again.

        Line ends can be discarded (RFC 9112 §2.2, §9.2), and a 408 closes an idle connection (RFC 9110 §15.5.9).
        """
        act = trial.act
        if (trouble := _unjudged(act)) is not None:
            return trouble
        response = _of(act)
        found = response.unasked
        if found is not None and found.octets and not ends_with_head(found.method, found.status):
            return Broken(
                "nothing on a connection without a request under way",
                f"{_octets(found.octets)} on an idle connection after {found.method} was answered {found.status}",
                "surplus",
                edge="surplus",
                reading=act,
            )
        surplus = response.surplus
        if not surplus.replace(b"\r\n", b"") or ends_with_head(act.exchange.request.method, response.status):
            return Holds()
        return Broken(
            "nothing after the answer's end, as its framing names it",
            f"{_octets(surplus)} after the end of {response.status}",
            "surplus",
            edge="surplus",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NoBody:
    """What ends with its head has no body: an answer to HEAD, a 204, a 304."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by octets after such a head, on the same connection."""
        act = trial.act
        if (trouble := _unjudged(act)) is not None:
            return trouble
        response, method = _of(act), act.exchange.request.method
        found = response.unasked
        if found is not None and found.octets and ends_with_head(found.method, found.status):
            return _body(act, found.method, found.status, found.octets)
        if not ends_with_head(method, response.status):
            return DoesNotApply("the answer may have a body")
        if response.surplus.replace(b"\r\n", b""):
            return _body(act, method, response.status, response.surplus)
        return Holds()


def _body(act: Reading, method: str, status: int, octets: bytes) -> Broken:
    which = "HEAD" if method == "HEAD" else str(status)
    return Broken(
        f"no body, because {'the request is HEAD' if method == 'HEAD' else f'the status is {status}'}",
        f"{_octets(octets)} after the head of {status}",
        which,
        edge=which,
        reading=act,
    )


@dataclass(frozen=True, slots=True)
class OneFraming:
    """An answer names its length in one way."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by Content-Length beside Transfer-Encoding."""
        act = trial.act
        if (trouble := _unjudged(act)) is not None:
            return trouble
        response = _of(act)
        length, coding = response.header("content-length"), response.header("transfer-encoding")
        if length is None or coding is None:
            return Holds()
        return Broken(
            "Content-Length or Transfer-Encoding, not both",
            f"Content-Length: {length[:_SHOWN]} beside Transfer-Encoding: {coding[:_SHOWN]}",
            "both",
            edge="Content-Length",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NoLengthOfNothing:
    """A 204 names no length and no transfer coding."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a 204 with either."""
        act = trial.act
        if (trouble := _unjudged(act)) is not None:
            return trouble
        response = _of(act)
        if response.status != 204:  # noqa: PLR2004 - no content
            return Holds()
        for name in ("Content-Length", "Transfer-Encoding"):
            value = response.header(name)
            if value is not None:
                return Broken(
                    "a 204 without Content-Length and Transfer-Encoding",
                    f"204 with {name}: {value[:_SHOWN]}",
                    name,
                    edge=name,
                    reading=act,
                )
        return Holds()


def _of(reading: Reading) -> Response:
    """The answer of a reading that was found to have one."""
    response = reading.response
    assert response is not None  # noqa: S101 - `_unjudged` says so
    return response


def ends_with_head(method: str, status: int) -> bool:
    """Whether an answer with this status, to this method, has no body."""
    return method == "HEAD" or status in BODILESS


def _octets(octets: bytes) -> str:
    text = octets[:_SHOWN].decode("latin-1")
    visible = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
    return f'{len(octets)} octets ("{visible}{"…" if len(octets) > _SHOWN else ""}")'
