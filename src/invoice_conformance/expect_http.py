"""Owns what can be expected of credentials, heads, methods and errors, in the same form as `expect`.

It knows readings, and nothing of bodies beyond their being there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from invoice_conformance import jsontext
from invoice_conformance.expect import kind_of, unanswered, value_of
from invoice_conformance.leaks import leak_in
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from invoice_conformance.jsontext import Json

CLIENT_ERRORS = range(400, 500)
SPEAKS_OF_TIME = frozenset({408, 429})


def _words_of(reading: Reading) -> str:
    return reading.meaning.id


def _twin_trouble(trial: Trial) -> DoesNotApply | None:
    twin = trial.one("twin")
    if twin is None or twin.accepted or trial.act.accepted:
        return None
    return unanswered(twin) or DoesNotApply("the same request without its defect is refused too")


@dataclass(frozen=True, slots=True)
class RefusedForThat:
    """A request with this defect is refused with any 4xx, while the same without it is accepted.

    `role` is that of the request in its trial.
    """

    because: str
    role: str = "act"

    def judge(self, trial: Trial) -> Judged:
        """Broken by anything but a 4xx."""
        act = trial.one(self.role)
        if act is None:
            return DoesNotApply(f"nothing was sent as {self.role}")
        # Whoever refuses, the API or what stands in front of it: refused it is.
        if act.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        if (trouble := _twin_trouble(trial)) is not None:
            return trouble
        if act.status in CLIENT_ERRORS and act.status not in SPEAKS_OF_TIME:
            return Holds()
        # Credentials are blacked out in what was sent, whether they are secret or not.
        what = value_of(act) if act.meaning.edits and act.sent is not None else act.meaning.id
        return Broken(
            expected=f"a refusal (4xx), because {self.because}: {what}",
            got=act.said(),
            kind="accepted" if act.accepted else kind_of(act),
            field=None,
            edge=_words_of(act),
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class RefusedWith:
    """If a request is refused at all, then with one of these statuses."""

    statuses: tuple[int, ...]
    because: str

    def judge(self, trial: Trial) -> Judged:
        """Broken by a refusal with another 4xx."""
        act = trial.act
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.status not in CLIENT_ERRORS:
            return DoesNotApply("not refused")
        if act.status in self.statuses:
            return Holds()
        return Broken(
            expected=f"{' or '.join(map(str, self.statuses))}, because {self.because}",
            got=act.said(),
            kind=str(act.status),
            edge=_words_of(act),
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class RefusedLikeTwin:
    """A request with two defects is answered as its twin, which has the graver one alone."""

    because: str

    def judge(self, trial: Trial) -> Judged:
        """Broken by another status than the twin's."""
        act, twin = trial.act, trial.one("twin")
        if twin is None or twin.status not in CLIENT_ERRORS:
            return DoesNotApply("the graver defect alone is not refused")
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.status == twin.status:
            return Holds()
        return Broken(
            expected=f"{twin.status}, because {self.because}",
            got=act.said(),
            kind=kind_of(act),
            edge=_words_of(act),
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class Understood:
    """A valid create in an unusual but equal form is accepted, or answered with one of `also`."""

    because: str
    also: tuple[int, ...] = ()

    def judge(self, trial: Trial) -> Judged:
        """Broken by any other refusal."""
        act = trial.act
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.accepted or act.status in self.also:
            return Holds()
        old = act.response is not None and act.response.http_version == "HTTP/1.0"
        if old and act.exchange.request.chunked:
            return Holds()  # RFC 9112 §6.1: chunks are for who is known to speak HTTP/1.1
        if (trouble := _twin_trouble(trial)) is not None:
            return trouble
        also = f", or {' or '.join(map(str, self.also))}" if self.also else ""
        return Broken(
            expected=f"a success (200 or 201){also}, because {self.because}",
            got=act.said(),
            kind=kind_of(act),
            edge=_words_of(act),
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NoSuccess:
    """A request for something that is not there is no success."""

    because: str

    def judge(self, trial: Trial) -> Judged:
        """Broken by a 2xx."""
        act = trial.act
        if (trouble := unanswered(act)) is not None:
            return trouble
        if not act.accepted:
            return Holds()
        return Broken(
            f"any 4xx or 501, because {self.because}", act.said(), "accepted", edge=_words_of(act), reading=act
        )


@dataclass(frozen=True, slots=True)
class NoInvoice:
    """A request makes no invoice, whatever else it is answered with: nothing may be there, or a pointer elsewhere."""

    because: str

    def judge(self, trial: Trial) -> Judged:
        """Broken by a success that shows an invoice with the number that was sent."""
        act = trial.act
        if act.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        data = act.data or {}
        sent = act.sent or {}
        if not act.accepted or "id" not in data or data.get("invoiceNumber") != sent.get("invoiceNumber"):
            return Holds()
        return Broken(f"no invoice, because {self.because}", act.said(), "accepted", edge=_words_of(act), reading=act)


# RFC 9110 §11.2 and §11.6.1: challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ].
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a grammar rule
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_PARAMETER = rf"{_TOKEN}[ \t]*+=[ \t]*+(?:{_TOKEN}|{_QUOTED})"
_TOKEN68 = r"[A-Za-z0-9._~+/-]+=*"
_CHALLENGE = rf"{_TOKEN}(?:[ ]++(?:{_PARAMETER}|{_TOKEN68}))?+"
# The list of challenges and that of their parameters both go on with commas, so one list holds either. Nothing is
# matched in two ways, for what a target sends may be made to hang its reader.
_CHALLENGES = re.compile(rf"[ \t,]*+{_CHALLENGE}(?:[ \t]*+,[ \t,]*+(?:(?>{_PARAMETER}|{_CHALLENGE})|(?=$)))*+[ \t]*+")


def is_challenge(value: str) -> bool:
    """Whether a WWW-Authenticate value is well-formed: at least one challenge, in RFC 9110's grammar."""
    return _CHALLENGES.fullmatch(value.strip()) is not None


@dataclass(frozen=True, slots=True)
class HasChallenge:
    """A 401 says how to authenticate; any other answer is none of its business."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a 401 without WWW-Authenticate, or with a malformed one."""
        act = trial.act
        if act.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        if act.status != 401:  # noqa: PLR2004 - unauthorized
            return Holds()
        value = act.response.header("www-authenticate")
        if value is not None and is_challenge(value):
            return Holds()
        return Broken(
            expected="a 401 with WWW-Authenticate, holding at least one challenge",
            got=f"401 with WWW-Authenticate: {value}" if value is not None else "401 without WWW-Authenticate",
            kind="missing" if value is None else "malformed",
            edge="WWW-Authenticate",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class HasAllow:
    """A 405 names the methods that the resource knows, POST among them."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a 405 without Allow, or with one that lacks POST."""
        act = trial.act
        if act.response is None:
            return DoesNotApply(act.said(), unanswered=True)
        if act.status != 405:  # noqa: PLR2004 - method not allowed
            return Holds()
        value = act.response.header("allow")
        # With a slash more, or another word, it is another resource, which may know other methods.
        ours = act.exchange.request.target.partition("?")[0].endswith(act.rules.contract.path)
        if value is not None and (not ours or "POST" in {name.strip() for name in value.split(",")}):
            return Holds()
        return Broken(
            expected="a 405 with Allow, POST in it",
            got=f"405 with Allow: {value}" if value is not None else "405 without Allow",
            kind="missing" if value is None else "lacks POST",
            edge="Allow",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NoLeak:
    """The body of an error holds nothing of the server's inside."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a stack trace, SQL, a class or a path of the server that the request did not hold itself."""
        act = trial.act
        if act.response is None or act.status < 400 or not act.response.body:  # noqa: PLR2004 - errors
            return unanswered(act) or DoesNotApply("no error with a body")
        return body_leaks(act, "an error that tells nothing of the server's inside") or Holds()


AROUND = 60
"""Characters before and after a leak that are shown with it."""


def around(text: str, found: str) -> str:
    """What was found in a text, with what stands around it."""
    line = " ".join(text.split())
    place = line.find(found)
    if place < 0 or not found:
        return found[: 2 * AROUND]
    start, end = max(0, place - AROUND), min(len(line), place + min(len(found), 2 * AROUND) + AROUND)
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"


def place_in(act: Reading, found: str) -> str:
    """The member of a JSON body in whose text something was found, as a JSON pointer; else the body."""
    document = act.document
    pointer = _pointer_to(document.value, found) if isinstance(document, jsontext.Document) else None
    return f"the member {pointer}" if pointer else "the body"


def _pointer_to(value: Json, found: str) -> str | None:
    """A JSON pointer (RFC 6901) to the first text that holds `found`; None when no single text does."""
    if isinstance(value, str):
        return "" if found in " ".join(value.split()) else None
    members: Iterable[tuple[object, Json]] = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, inner in members:
        pointer = _pointer_to(inner, found)
        if pointer is not None:
            return f"/{str(name).replace('~', '~0').replace('/', '~1')}{pointer}"
    return None


def body_leaks(act: Reading, expected: str) -> Broken | None:
    """What the body of an answer tells of the server's inside, None when it tells nothing."""
    if act.response is None:
        return None
    text = act.body_text
    leak = leak_in(text, act.echoes)
    if leak is None:
        return None
    words, found = leak
    return Broken(
        expected=expected,
        got=f"{words} in {place_in(act, found)} of the answer {act.status}: {around(text, found)}",
        kind=words,
        edge=words,
        reading=act,
    )


_VERSION = re.compile(r"/v?\d|\d+\.\d+")


BANNERS = frozenset({"x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-runtime-version"})


@dataclass(frozen=True, slots=True)
class NoBanner:
    """No header field advertises which software answers."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a version in Server, and by X-Powered-By and its like."""
        response = trial.act.response
        if response is None:
            return DoesNotApply(trial.act.said(), unanswered=True)
        for name, value in response.headers:
            lower = name.lower()
            versioned = lower == "server" and _VERSION.search(value)
            if versioned or (lower in BANNERS and value.strip()):
                return Broken(
                    expected="no header that advertises the server's software (a version in Server, X-Powered-By)",
                    got=f"{name}: {value[:80]}",
                    kind=lower,
                    edge=name,
                    reading=trial.act,
                )
        return Holds()


@dataclass(frozen=True, slots=True)
class NoCookie:
    """No answer sets a cookie: the credentials are the token's business."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by Set-Cookie."""
        response = trial.act.response
        if response is None:
            return DoesNotApply(trial.act.said(), unanswered=True)
        value = response.header("set-cookie")
        if value is None:
            return Holds()
        return Broken("no Set-Cookie", f"Set-Cookie: {value[:80]}", "cookie", edge="Set-Cookie", reading=trial.act)


@dataclass(slots=True)
class ErrorStatusSteady:
    """Fold: the same defect in the same member is refused with the same status."""

    seen: dict[tuple[str, ...], int] = field(default_factory=dict)

    def observe(self, reading: Reading) -> Judged:
        """Broken by a second status for one member and rule."""
        judgement = reading.judgement
        if not reading.refused or not reading.meaning.standard or judgement.kind != "invalid":
            return DoesNotApply("no refusal of a body")
        if len(judgement.rules) != 1 or judgement.level != "MUST" or judgement.rules[0].field is None:
            return DoesNotApply("not one defect")
        rule = judgement.rules[0]
        edges = tuple(edge for _name, edge in reading.meaning.edits)
        # The three dates share their rule; other members may be judged in different layers of a server.
        key = (rule.keyword, *edges) if rule.keyword == "pattern" else (rule.field or "", rule.keyword, *edges)
        first = self.seen.setdefault(key, reading.status)
        if first == reading.status:
            return Holds()
        return Broken(
            expected=f"{first}, as for the same defect elsewhere: {rule.message}",
            got=reading.said(),
            kind=str(reading.status),
            field=rule.field,
            edge=rule.keyword,
            reading=reading,
        )


TWICE = 2


@dataclass(frozen=True, slots=True)
class KeepsAnswering:
    """A valid create is not answered again and again with a 5xx that names no time to come back."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by 502, 503 or 504 without Retry-After, after the case was sent once more."""
        act = trial.act
        answer = act.exchange.answer
        status = getattr(answer, "status", 0)
        attempts = len(act.exchange.earlier) + 1
        if not act.meaning.standard or act.judgement.kind != "valid":
            return DoesNotApply("no valid create")
        if status in {502, 503, 504} and getattr(answer, "header", lambda _name: "")("retry-after") is None:
            return Broken(
                expected="an answer, at once or after the time that Retry-After names",
                got=f"{status} {'twice' if attempts <= TWICE else f'{attempts} times'}, without Retry-After",
                kind=str(status),
                edge="unavailable",
                reading=act,
            )
        return Holds() if act.response is not None else DoesNotApply(act.said(), unanswered=True)
