"""Owns what can be expected of a request that is odd as HTTP, in the same form as `expect`.

It knows readings, and that whatever stands in front of a server may have answered instead of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from invoice_conformance.exchange import NoAnswer
from invoice_conformance.expect import kind_of
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Trial

UNAUTHORIZED, SERVER_ERROR = 401, 500
HUNG_UP = frozenset({"reset", "closed"})
"""Kinds of no answer by which a server says that it will not go on."""


def _hung_up(reading: Reading) -> bool:
    answer = reading.exchange.answer
    return isinstance(answer, NoAnswer) and answer.kind in HUNG_UP


def _broken(expected: str, reading: Reading, kind: str = "") -> Broken:
    return Broken(expected, reading.said(), kind or kind_of(reading), edge=reading.meaning.id, reading=reading)


@dataclass(frozen=True, slots=True)
class NotInChunks:
    """What answers a request of HTTP/1.0 is not in chunks, which its client cannot read."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by Transfer-Encoding; whoever hangs up sends none."""
        act, answer = trial.act, trial.act.exchange.answer
        if _hung_up(act):
            return Holds()
        if isinstance(answer, NoAnswer):
            return DoesNotApply(act.said(), unanswered=True)
        value = answer.header("transfer-encoding")
        if value is None:
            return Holds()
        got = f"{answer.status} with Transfer-Encoding: {value[:40]}"
        return Broken("an answer without Transfer-Encoding", got, "chunked", edge="HTTP/1.0", reading=act)


@dataclass(frozen=True, slots=True)
class Closes:
    """A connection whose client asked to close it is closed after the answer."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a connection that is still open when the suite stops waiting."""
        act, answer = trial.act, trial.act.exchange.answer
        if isinstance(answer, NoAnswer) or answer.closed is None:
            return DoesNotApply(act.said(), unanswered=True)
        if answer.closed:
            return Holds()
        got = f"{answer.status}, and a connection that stays open"
        return Broken("the end of the connection after the answer", got, "open", edge="Connection: close", reading=act)


@dataclass(frozen=True, slots=True)
class Asks:
    """A body that is held back until it is asked for is asked for, or the request answered without it."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by nothing at all until the body came anyway; HTTP/1.0 knows of no such thing."""
        act, answer = trial.act, trial.act.exchange.answer
        if isinstance(answer, NoAnswer) or answer.asked is None:
            return DoesNotApply(act.said(), unanswered=True)
        # HTTP/1.0 knows no 100 (Continue).
        if answer.asked or answer.http_version == "HTTP/1.0":
            return Holds()
        got = f"silence until the body was sent all the same, then {act.said()}"
        edge = "Expect: 100-continue"
        return Broken("100 (Continue), or a final answer, before the body is sent", got, "silence", None, edge, act)


@dataclass(frozen=True, slots=True)
class RefusedForHost:
    """A request without one Host is not answered like its twin, which has one and lacks credentials alone."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a success, and by a 401 that is the twin's too; anything else may come from a proxy."""
        act, twin = trial.act, trial.one("twin")
        if _hung_up(act):
            return Holds()
        if act.response is None or twin is None or twin.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        if act.accepted or act.status == twin.status == UNAUTHORIZED:
            return _broken("400, because HTTP/1.1 calls for exactly one Host", act)
        return Holds()


@dataclass(frozen=True, slots=True)
class AnsweredLikeTwin:
    """A request in another form is answered as its twin, which differs in the form alone."""

    because: str
    statuses: frozenset[int] = frozenset({400, 404, 405, 500, 501})
    """What says that the form was not understood; others may speak of something in front."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by one of the statuses where the twin lacks credentials and nothing else."""
        act, twin = trial.act, trial.one("twin")
        if act.response is None or twin is None or twin.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        if act.status == twin.status or act.status not in self.statuses:
            return Holds()
        if twin.status not in {UNAUTHORIZED, 403}:
            return DoesNotApply("the same request in the usual form is not refused for its credentials")
        return _broken(f"{twin.status}, because {self.because}", act)


@dataclass(frozen=True, slots=True)
class Answered:
    """A large body is answered while a small one is: taken, or refused, but not with a reset or a 5xx."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a connection that ends without an answer, and by a server error."""
        act, twin = trial.act, trial.one("twin")
        if twin is None or twin.response is None or twin.status >= SERVER_ERROR:
            return DoesNotApply("a small body has no answer either", unanswered=True)
        if _hung_up(act):
            return _broken("an answer, such as 413", act, "reset")
        if act.response is None:
            return DoesNotApply(act.said())
        return Holds() if act.status < SERVER_ERROR else _broken("an answer, such as 413", act)


@dataclass(frozen=True, slots=True)
class NoCrash:
    """An odd head is no reason for 500; whoever hangs up, or is in front and has no answer, is free to."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by 500 alone: other server errors are what proxies say of strange hosts."""
        act, twin = trial.act, trial.one("twin")
        if act.response is None or (twin is not None and twin.status == SERVER_ERROR):
            return DoesNotApply(act.said())
        return Holds() if act.status != SERVER_ERROR else _broken("any answer but 500", act)


@dataclass(frozen=True, slots=True)
class NextIsWhole:
    """After a request that was refused, the next one on its connection is read from its beginning."""

    def judge(self, trial: Trial) -> Judged:
        """Broken when the create behind a refusal fails, and the one behind that does not."""
        first, act, twin = trial.one("first"), trial.act, trial.one("twin")
        if first is None or first.response is None or twin is None or twin.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        if first.accepted:
            return DoesNotApply("not refused")
        if act.accepted:
            return Holds()
        if act.response is None:
            # A connection may end between two requests; nothing tells that from one that was read wrongly.
            return DoesNotApply(act.said(), unanswered=True)
        if not twin.accepted:
            return DoesNotApply("the create after it is refused too")
        return _broken("a success (200 or 201), because what came before it on the connection was refused whole", act)
