"""Owns what can be expected of a trial: small serialisable objects with a pure `judge`.

It knows readings and the oracle's judgements; it sends nothing, stores nothing and names no requirement.
"""

from __future__ import annotations

import functools
import json
import math
import re
import sys
import unicodedata
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from invoice_conformance import ecma, instant, jsontext
from invoice_conformance.case import OF_OTHER_TENANT
from invoice_conformance.exchange import USUAL
from invoice_conformance.heads import http_time
from invoice_conformance.jsontext import Json, Number
from invoice_conformance.trial import (
    SPEAKS_OF_ELSE,
    Broken,
    DoesNotApply,
    Holds,
    Judged,
    Reading,
    Trial,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.oracle import Rule

Level: TypeAlias = Literal["MUST", "SHOULD", "MAY"]
Where: TypeAlias = Literal["all", "common", "beyond"]

RESOURCE_MEMBERS = (
    "id",
    "contract",
    "status",
    "invoiceNumber",
    "exchangeRate",
    "currencyCode",
    "amountMinor",
    "createdAt",
    "updatedAt",
)
"""What every success holds (spec/reading.md, The resource)."""

STATUSES = ("DRAFT", "FINALIZED", "VOID")
DATE_FIELDS = ("issuedAt", "dueAt", "paidAt")
CLOCK_TOLERANCE = 300
"""Seconds that createdAt may lie from the answer's Date."""


class Expectation(Protocol):
    """What must be true of a trial."""

    def judge(self, trial: Trial) -> Judged:
        """Say whether it holds in this trial, is broken by it, or does not apply to it."""
        ...


class Fold(Protocol):
    """What must be true of all exchanges of a run together."""

    def observe(self, reading: Reading) -> Judged:
        """Take in one exchange and say what it shows together with those before it."""
        ...


def shown(value: Json, limit: int = 80) -> str:
    """A JSON value as a report shows it: as it would be written, cut to `limit` characters with its length."""
    text = _spelled(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _spelled(value: Json) -> str:
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, list):
        return f"[{', '.join(_spelled(item) for item in value[:5])}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_spelled(item)}" for key, item in list(value.items())[:5]) + "}"
    if isinstance(value, str):
        visible = "".join(
            character
            if unicodedata.category(character)[0] in "LMNPSZ" and character not in "\u2028\u2029"
            else f"\\u{ord(character):04x}"
            for character in value
        )
        return f'"{visible}"'
    return json.dumps(value)


def unanswered(reading: Reading) -> DoesNotApply | None:
    """Why nothing can be concluded from an exchange, None when it has an answer of the API."""
    if reading.response is None:
        return DoesNotApply(reading.said(), unanswered=True)
    if reading.in_front:
        return DoesNotApply(f"answered by something in front of the API: {reading.in_front}", unanswered=True)
    return None


def _unread(reading: Reading) -> DoesNotApply | None:
    """Why nothing is known of the invoice that an exchange made, as far as that is not for want of one."""
    if reading.created and (reading.is_cut or reading.is_deep):
        return DoesNotApply("the body of the answer is too long or too deep to be read whole")
    return unanswered(reading)


def kind_of(reading: Reading) -> str:
    """A word for the kind of answer, by which defects are told apart."""
    status = reading.status
    return f"{status // 100}xx" if status >= 500 else str(status)  # noqa: PLR2004 - server errors are of a kind


def _place(reading: Reading) -> tuple[str | None, str]:
    edits = reading.meaning.edits
    if len(edits) == 1:
        return edits[0]
    return None, " & ".join(f"{name}: {edge}" for name, edge in edits) or reading.meaning.id


def value_of(reading: Reading) -> str:
    """The edited members of a request as `name=value`, for a message."""
    names = [name for name, _edge in reading.meaning.edits]
    if reading.sent is None or not names:
        plain = "the plain invoice, the required members alone,"
        return plain if reading.meaning.id == "plain" else f"the invoice “{reading.meaning.id}”"
    return ", ".join(value_words(reading, name) for name in names)


def value_words(reading: Reading, name: str) -> str:
    """One member of a request as `name=value`, or that there is none."""
    sent = reading.sent or {}
    return f"{name}={shown(sent[name])}" if name in sent else f"no {name}"


NAMED_OTHERWISE = {"contractId": "contract"}
"""Members of a request that the resource names in another way."""


def made_with(reading: Reading, name: str | None) -> str:
    """The answer in a few words; of an invoice that was made from an illegal member, also what became of it."""
    data = reading.data
    if data is None or name is None:
        return reading.said()
    member = NAMED_OTHERWISE.get(name, name)
    came = f"with {member}={shown(data[member])}" if member in data else f"without {member}"
    return f"{reading.said()}, {came}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A body that the contract allows is answered with a success.

    `level` is how firmly the oracle must say that the body is valid; `fields` restricts to bodies in which just
    one of those members departs from the plain invoice (empty: any body); `keywords` to bodies that are only
    SHOULD because of one of these rules.
    """

    level: Level = "MUST"
    fields: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()

    def judge(self, trial: Trial) -> Judged:
        """Broken by any answer that is not 2xx."""
        act = trial.act
        if (mismatch := self._premise(act)) is not None:
            return mismatch
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.accepted:
            return Holds()
        if act.meaning.pooled and act.status == 409:  # noqa: PLR2004 - conflict
            # A number without the run's mark: an earlier run may have used it, and its equivalents, already.
            return DoesNotApply("all the numbers tried of this kind are used already")
        name, edge = _place(act)
        return Broken(
            expected=f"a success (200 or 201), because {value_of(act)} is legal",
            got=act.said(),
            kind=kind_of(act),
            field=name,
            edge=edge,
            reading=act,
        )

    def _premise(self, act: Reading) -> DoesNotApply | None:
        judgement = act.judgement
        wanted = "open" if self.level == "MAY" else "valid"
        if not act.meaning.standard or judgement.kind != wanted or judgement.level != self.level:
            return DoesNotApply(f"not a body that {self.level} be accepted")
        if self.fields:
            edits = act.meaning.edits
            if len(edits) != 1 or edits[0][0] not in self.fields:
                return DoesNotApply(f"not about {' or '.join(self.fields)} alone")
        if self.keywords and not all(rule.keyword in self.keywords for rule in judgement.rules):
            return DoesNotApply(f"not about {' or '.join(self.keywords)}")
        return None


@dataclass(frozen=True, slots=True)
class AcceptedTogether:
    """Legal values that are each accepted alone are accepted together.

    The trial needs role `without`: the same body without each of its departures in turn, all accepted; until those
    were sent a refusal says nothing.
    """

    level: Level = "MUST"

    def judge(self, trial: Trial) -> Judged:
        """Broken by a refusal that no smaller set of the same values meets with."""
        act = trial.act
        judgement = act.judgement
        if not act.meaning.standard or judgement.kind != "valid" or judgement.level != self.level:
            return DoesNotApply(f"not a body that {self.level} be accepted")
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.accepted:
            return Holds()
        smaller = trial.roles.get("without", ())
        if len(act.meaning.edits) > 1 and (not smaller or not all(reading.accepted for reading in smaller)):
            return DoesNotApply("refused, as are some of its values alone")
        if len(act.meaning.edits) == 1:
            return DoesNotApply("a single value: judged by its member's own requirement")
        name, edge = _place(act)
        values = value_of(act)
        return Broken(
            expected=f"a success (200 or 201), because {values} are legal, and accepted without any one of them",
            got=act.said(),
            kind=kind_of(act),
            field=name,
            edge=edge,
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A body that breaks one rule is refused, while its twin, the nearest legal one, is accepted.

    `keywords` names the oracle's rules it is about; `level` how firmly they bind; `several` lets a body break more than
    one of them.
    """

    keywords: tuple[str, ...]
    level: Level = "MUST"
    several: bool = False

    def judge(self, trial: Trial) -> Judged:
        """Broken by anything but a refusal of the body; a refused twin leaves it open."""
        act = trial.act
        judgement = act.judgement
        broken = [rule for rule in judgement.rules if rule.keyword in self.keywords and rule.level == self.level]
        if judgement.kind != "invalid" or not broken or len(judgement.rules) != (len(broken) if self.several else 1):
            return DoesNotApply("not a body that breaks this rule alone")
        if (trouble := unanswered(act)) is not None:
            return trouble
        twin = trial.one("twin")
        if twin is not None and not act.accepted and not twin.accepted:
            return unanswered(twin) or DoesNotApply("its legal twin is refused too, so the refusal proves nothing")
        if act.refused:
            return Holds()
        _name, edge = _place(act)
        return Broken(
            expected=f"a refusal (4xx), because {broken[0].message}",
            got=made_with(act, broken[0].field),
            kind="accepted" if act.accepted else kind_of(act),
            field=broken[0].field,
            edge=dict(act.meaning.edits).get(broken[0].field or "", edge),
            reading=act,
        )


def _number_echo(sent: Json, got: Json) -> bool:
    return isinstance(sent, Number) and isinstance(got, Number) and sent.same_value(got)


def _binary64_echo(sent: Json, got: Json) -> bool:
    if not isinstance(sent, Number) or not isinstance(got, Number):
        return False
    nearest = sent.binary64()
    if math.isinf(nearest):
        return sent.same_value(got)
    return nearest == got.binary64()


def _string_echo(sent: Json, got: Json) -> bool:
    return isinstance(sent, str) and sent == got


MILLISECOND = Fraction(1, 1000)


def _instant_echo(sent: Json, got: Json) -> bool:
    if not isinstance(sent, str) or not isinstance(got, str):
        return False
    if sent == got:
        return True  # whatever the form, that is another matter
    # Whether the answer's form is RFC 3339's is a row of its own.
    wanted, came = instant.read_sent(sent), instant.read_sent(got)
    return wanted is not None and came is not None and abs(wanted - came) < MILLISECOND


Comparison: TypeAlias = Literal["number", "binary64", "decimal", "string", "instant"]
_COMPARISONS: dict[str, tuple[Callable[[Json, Json], bool], str]] = {
    "number": (_number_echo, "the same number"),
    "binary64": (_binary64_echo, "the same IEEE 754 binary64 number"),
    "decimal": (_number_echo, "the same decimal number"),
    "string": (_string_echo, "the same string"),
    "instant": (_instant_echo, "the same instant to the millisecond"),
}
UNSTORABLE = frozenset({"nul", "surrogate", "binary64"})
"""The oracle's words for values that a server may refuse but never alter."""

DECIMAL_DIGITS = 15
"""Significant digits that survive binary64 whatever the server computes with (IEEE 754: DBL_DIG)."""


@dataclass(frozen=True, slots=True)
class Echoed:
    """The value of `field` comes back under `member` in the resource, by `comparison`.

    `where` restricts to values that every server must keep ("common"), or to those beyond them; `untouched` to a
    tenant's own value, where the others that a case puts in its place should not be accepted at all.
    """

    field: str
    comparison: Comparison
    member: str = ""
    where: Where = "all"
    untouched: bool = False

    def judge(self, trial: Trial) -> Judged:
        """Broken when an accepted value is missing from the answer or is another."""
        act = trial.act
        if act.data is None or act.sent is None or act.judgement.kind == "invalid":
            return _unread(act) or DoesNotApply("no invoice was created")
        value = act.sent.get(self.field)
        edits, own = dict(act.meaning.edits), OF_OTHER_TENANT
        if value is None or not self._within(value, act) or (self.untouched and edits.get(self.field, own) != own):
            return DoesNotApply(f"no {self.field} of this kind was accepted")
        member = self.member or self.field
        if member not in act.data and member in RESOURCE_MEMBERS:
            return DoesNotApply(f"the resource has no {member}")
        came = act.data.get(member)
        same, words = _COMPARISONS[self.comparison]
        if same(value, came):
            return Holds()
        came_words = f"{member}={shown(came)}" if member in act.data else f"no {member}"
        kind = _difference(value, came)
        return Broken(
            expected=f"{member} to be {words} as was sent, {shown(value)}",
            got=f"{came_words} ({act.status})",
            kind=kind,
            field=self.field,
            # What is done to every text is one defect, whichever text shows it.
            edge=edits.get(self.field, "plain value") if kind == "another value" else kind,
            reading=act,
        )

    def _within(self, value: Json, act: Reading) -> bool:
        touched = {
            rule.keyword
            for rule in _touched(act)
            if rule.field == self.field and rule.keyword not in {"maxLength", "spelling"}
        }
        if touched & UNSTORABLE:
            return False  # judged by Unaltered
        if self.comparison == "decimal":
            return isinstance(value, Number) and _digits(value) <= DECIMAL_DIGITS and not _subnormal(value)
        return self.where == "all" or bool(touched) == (self.where == "beyond")


def _subnormal(value: Number) -> bool:
    """Whether binary64 keeps fewer than 15 digits of it, because it is so small."""
    return 0 < abs(value.binary64()) < sys.float_info.min


def _digits(value: Number) -> int:
    exact = value.exact()
    return DECIMAL_DIGITS + 1 if exact is None else len(exact.normalize().as_tuple().digits)


def _difference(sent: Json, came: Json) -> str:  # noqa: PLR0911 - one return a kind of difference
    """A word for how two values differ, by which defects are told apart."""
    if came is None:
        return "null or missing"
    if type(sent) is not type(came):
        return f"another type ({type(came).__name__.lower()})"
    if isinstance(sent, str) and isinstance(came, str):
        if sent.strip() == came.strip():
            return "space trimmed"
        if sent.casefold() == came.casefold():
            return "letter case changed"
        if unicodedata.normalize("NFKC", sent) == unicodedata.normalize("NFKC", came):
            return "normalised"
        if len(came) < len(sent) and sent.startswith(came):
            return "cut off"
        left, right = instant.read_sent(sent), instant.read_rfc3339(came)
        if left is not None and right is not None:
            if abs(left - right) < 1:
                return "another fraction of a second"
            return "shifted" if abs(left - right) < 86400 else "another day"  # noqa: PLR2004 - seconds of a day
    return "another value"


def _touched(reading: Reading) -> tuple[Rule, ...]:
    """Every rule that a request's body touches, whatever it decides."""
    return (*reading.judgement.rules, *reading.judgement.asides)


@dataclass(frozen=True, slots=True)
class Unaltered:
    """A text that a server may accept or refuse is never altered: refused, or it comes back as sent."""

    field: str
    keywords: tuple[str, ...]
    comparison: Comparison = "string"

    def judge(self, trial: Trial) -> Judged:
        """Broken when the value is accepted and another comes back."""
        act = trial.act
        if not any(rule.field == self.field and rule.keyword in self.keywords for rule in act.judgement.rules):
            return DoesNotApply(f"{self.field} is not of this kind")
        if any(rule.field == self.field and rule.keyword not in self.keywords for rule in _touched(act)):
            # Of outer spaces and the like coming back there is only a SHOULD, whatever else the text holds.
            return DoesNotApply(f"{self.field} is unusual in another way too")
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.data is None or act.sent is None:
            return Holds()
        value, came = act.sent.get(self.field), act.data.get(self.field)
        if _COMPARISONS[self.comparison][0](value, came):
            return Holds()
        name, edge = _place(act)
        return Broken(
            expected=f"a refusal, or {self.field} as it was sent, {shown(value)}",
            got=f"{act.status} with {self.field}={shown(came)}",
            kind=_difference(value, came),
            field=name,
            edge=edge,
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NotFilled:
    """A date that was omitted or null comes back null or absent."""

    fields: tuple[str, ...] = DATE_FIELDS

    def judge(self, trial: Trial) -> Judged:
        """Broken when the server fills in a date of its own."""
        act = trial.act
        if act.data is None or act.sent is None:
            return _unread(act) or DoesNotApply("no invoice was created")
        empty = [name for name in self.fields if act.sent.get(name) is None]
        if not empty:
            return DoesNotApply("all dates were sent")
        for name in empty:
            if act.data.get(name) is not None:
                how = "null" if name in act.sent else "omitted"
                return Broken(
                    expected=f"{name} to be null or absent, because it was {how}",
                    got=f"{name}={shown(act.data[name])}",
                    kind="filled in",
                    field=name,
                    edge=how,
                    reading=act,
                )
        return Holds()


def obeyed(sent: Json, got: Json) -> bool:
    """Whether a value is the one that was sent, a timestamp in any spelling."""
    return got == sent or _instant_echo(sent, got)


@dataclass(frozen=True, slots=True)
class NotObeyed:
    """A member that only the server may set is refused or ignored when a client sends it."""

    members: tuple[str, ...] = ("id", "status", "createdAt", "updatedAt", "contract")

    def judge(self, trial: Trial) -> Judged:
        """Broken when the value that was sent comes back."""
        act = trial.act
        if (trouble := unanswered(act)) is not None:
            return trouble
        for name in self.members:
            if (
                act.sent is not None
                and name in act.sent
                and act.data is not None
                and name in act.data
                and obeyed(act.sent[name], act.data[name])
            ):
                return Broken(
                    expected=f"{name} to be the server's own, or a refusal",
                    got=f"{name}={shown(act.data[name])}, as the client sent it",
                    kind="obeyed",
                    field=name,
                    edge=f"client sets {name}",
                    reading=act,
                )
        return Holds()


@dataclass(frozen=True, slots=True)
class HasData:
    """A success holds an object `data`."""

    def judge(self, trial: Trial) -> Judged:
        """Broken when the JSON of a success has no such member."""
        act = trial.act
        if not act.created or not isinstance(act.document, jsontext.Document):
            return unanswered(act) or DoesNotApply("no success with JSON")
        if act.data is not None:
            return Holds()
        return Broken("an object `data` in the body of a success", act.said(), "no data", edge="data", reading=act)


@dataclass(frozen=True, slots=True)
class HasMembers:
    """The resource has every member that a success must have."""

    members: tuple[str, ...] = RESOURCE_MEMBERS

    def judge(self, trial: Trial) -> Judged:
        """Broken by the first missing member."""
        act = trial.act
        if act.data is None:
            return _unread(act) or DoesNotApply("no invoice was created")
        missing = [name for name in self.members if name not in act.data]
        if not missing:
            return Holds()
        return Broken(
            expected=f"a member {missing[0]} in data, as in the page's example",
            got=f"data with {', '.join(sorted(act.data)[:20]) or 'no member'}",
            kind="missing",
            field=missing[0],
            edge="missing",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class MemberIs:
    """A member of the resource is of a kind: `text`, `one-of`, `not-one-of`, `pattern`, `rfc3339`.

    `options` holds the texts or the pattern; without one the pattern is that of the contract's date-times.
    """

    member: str
    kind: Literal["text", "one-of", "not-one-of", "pattern", "rfc3339"]
    options: tuple[str, ...] = ()
    words: str = ""

    def judge(self, trial: Trial) -> Judged:
        """Broken when the member is there and of another kind."""
        act = trial.act
        if act.data is None or self.member not in act.data:
            return _unread(act) or DoesNotApply(f"no resource with {self.member}")
        value = act.data[self.member]
        if self.member in DATE_FIELDS and value is None:
            return DoesNotApply(f"{self.member} is null")
        if self.kind not in {"text", "rfc3339"} and (not isinstance(value, str) or not value):
            return DoesNotApply(f"{self.member} is no text")
        if self.kind == "pattern" and self.member != "id" and instant.read_rfc3339(str(value)) is None:
            return DoesNotApply(f"{self.member} is no date-time at all")
        if self._holds(value, self.options[0] if self.options else page_pattern(act)):
            return Holds()
        return Broken(
            expected=f"{self.member} to be {self.words}",
            got=f"{self.member}={shown(value)}",
            kind=type(value).__name__ if not isinstance(value, str) else self.kind,
            field=self.member,
            edge="empty" if value == "" else type(value).__name__.lower() if not isinstance(value, str) else self.kind,
            reading=act,
        )

    def _holds(self, value: Json, pattern: str) -> bool:
        if not isinstance(value, str):
            return False
        match self.kind:
            case "text":
                return value != ""
            case "one-of":
                return value in self.options
            case "not-one-of":
                return value not in self.options
            case "pattern":
                return ecma_search(pattern, value)
            case "rfc3339":
                return instant.read_rfc3339(value) is not None


_compiled = functools.lru_cache(ecma.compile_pattern)


def ecma_search(pattern: str, text: str) -> bool:
    """Whether an ECMA-262 pattern is found in a text."""
    return _compiled(pattern).search(text) is not None


def page_pattern(reading: Reading) -> str:
    """The pattern of the contract's date-times."""
    fields = reading.rules.contract.fields
    return next((field.pattern for field in fields if field.format == "date-time" and field.pattern), "")


@dataclass(frozen=True, slots=True)
class CreatedNow:
    """createdAt lies within five minutes of the answer's Date."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by any other instant: local time labelled Z, a date without time, a stuck clock."""
        act = trial.act
        created = act.data.get("createdAt") if act.data is not None else None
        came = instant.read_rfc3339(created) if isinstance(created, str) else None
        date = http_time(act.response.header("date")) if act.response is not None else None
        if came is None or date is None:
            return unanswered(act) or DoesNotApply("no createdAt and Date to compare")
        if abs(came - date) <= CLOCK_TOLERANCE:
            return Holds()
        return Broken(
            expected="createdAt within 5 minutes of the answer's Date",
            got=f"createdAt={shown(created)}, {float(came - date) / 60:+.0f} minutes off",
            kind="off",
            field="createdAt",
            edge="now",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class UpdatedAfterCreated:
    """updatedAt is not before createdAt by more than a second, nor more than five minutes ahead of the answer."""

    def judge(self, trial: Trial) -> Judged:
        """Broken when a new invoice was changed before it existed, or will have been."""
        act = trial.act
        data = act.data or {}
        stamps = [data.get(name) for name in ("createdAt", "updatedAt")]
        instants = [instant.read_rfc3339(stamp) if isinstance(stamp, str) else None for stamp in stamps]
        created, updated = instants
        if created is None or updated is None:
            return unanswered(act) or DoesNotApply("no createdAt and updatedAt to compare")
        date = http_time(act.response.header("date")) if act.response is not None else None
        # When createdAt is off too, that is its own row's finding.
        if date is not None and abs(created - date) <= CLOCK_TOLERANCE < updated - date:
            return Broken(
                expected="updatedAt no more than 5 minutes after the answer's Date",
                got=f"updatedAt={shown(stamps[1])}, {float(updated - date) / 60:+.0f} minutes off",
                kind="ahead",
                field="updatedAt",
                edge="now",
                reading=act,
            )
        if updated >= created - 1:
            return Holds()
        return Broken(
            expected=f"updatedAt not before createdAt ({shown(stamps[0])})",
            got=f"updatedAt={shown(stamps[1])}",
            kind="before",
            field="updatedAt",
            edge="order",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NoServerError:
    """Whatever is sent, the answer is no 5xx (502, 503 and 504 are no answers; 501 refuses a method)."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a 5xx of the server itself."""
        act = trial.act
        if act.response is not None and act.status < 500:  # noqa: PLR2004 - whoever answered, it is no server error
            return Holds()
        if (trouble := unanswered(act)) is not None:
            return trouble
        request = act.exchange.request
        other_method = request.method != "POST" or request.values("x-http-method-override")
        if act.status == 501 and other_method:  # noqa: PLR2004 - its number
            return Holds()
        name, edge = _place(act)
        return Broken(
            expected="any answer but a server error (5xx)",
            got=act.said(),
            kind="5xx",
            field=name,
            edge=edge,
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class SuccessStatus:
    """A create that succeeds is answered with 200 or 201."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by any other 2xx, and by 3xx."""
        act = trial.act
        if act.judgement.kind == "invalid" or not act.meaning.standard:
            return DoesNotApply("no valid create")
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.created:
            return Holds()
        if act.accepted or 300 <= act.status < 400:  # noqa: PLR2004 - redirections
            return Broken("200 or 201", act.said(), str(act.status), edge="status", reading=act)
        return DoesNotApply("refused")


@dataclass(frozen=True, slots=True)
class JsonBody:
    """The body of a success is well-formed JSON in UTF-8."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by an empty body, a broken one, or one in another encoding."""
        act = trial.act
        if not act.created or act.response is None:
            return unanswered(act) or DoesNotApply("no success")
        if act.other_form:
            return DoesNotApply(act.other_form)
        if act.is_cut:
            return DoesNotApply("the body is too long to be read whole", unanswered=True)
        if act.is_deep:
            return DoesNotApply("the body is nested too deep to be read whole")
        if isinstance(act.document, jsontext.Document):
            return Holds()
        reason = str(act.document) if act.response.body else "an empty body"
        return Broken(
            expected="a body of well-formed JSON in UTF-8",
            got=f"{reason}: {act.said()}",
            kind=getattr(act.document, "reason", "empty"),
            edge="body",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NamesOnce:
    """No object in the body of a success has two members of one name."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a name that stands twice; one that the request gave twice may come back so."""
        act = trial.act
        if not act.created or act.sent is None or not isinstance(act.document, jsontext.Document):
            return _unread(act) or DoesNotApply("no success whose body can be read")
        names = act.document.duplicates
        if not names:
            return Holds()
        words = ", ".join(shown(name) for name in names[:3])
        return Broken(
            expected="each member of the body once, because readers take the first, the last or neither of two",
            got=f"{words} more than once: {act.said()}",
            kind="twice",
            edge=names[0][:80],
            reading=act,
        )


_JSON_TYPE = re.compile(
    # RFC 9110 §5.6.6: between semicolons there may be nothing.
    # The quantifiers are possessive, for what a target sends may be made to hang its reader.
    r"application/json[ \t]*+"
    r'(?:;[ \t]*+(?:[!#$%&\'*+.^_`|~0-9A-Za-z-]++=(?:[!#$%&\'*+.^_`|~0-9A-Za-z-]++|"(?:[^"\\]|\\.)*+")[ \t]*+)?+)*+',
    re.IGNORECASE,
)
_PROBLEM_TYPE = re.compile(r"application/(?:[a-z0-9.-]+\+)?json\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JsonType:
    """The Content-Type of a success is application/json."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by another media type, or by none where there is a body."""
        act = trial.act
        if not act.created or act.response is None:
            return unanswered(act) or DoesNotApply("no success")
        if act.other_form:
            return DoesNotApply(act.other_form)
        value = act.response.header("content-type")
        if not act.response.body_length and value is None:
            return DoesNotApply("no body")
        if value is not None and _JSON_TYPE.fullmatch(value):
            return Holds()
        return Broken(
            expected="Content-Type: application/json on a success",
            got=f"Content-Type: {value}" if value is not None else "no Content-Type",
            kind="another type" if value else "missing",
            edge="Content-Type",
            reading=act,
        )


OF_HTTP = frozenset({408, 411, 413, 414, 417, 431})
"""Refusals that HTTP servers make by themselves: too slow, no length, too large, too long, odd Expect, large head."""
OWN_FIELDS = frozenset({"authorization", "tenant-id", "content-type"})
"""The header fields that the operation knows."""
_PLAIN_VALUE = re.compile(r"[ -~]*+")
"""What every HTTP parser takes for a value."""
_NO_URI = re.compile(r"[^!#-;=?-Z_a-z~]|%(?![0-9A-Fa-f]{2})")
"""What makes a target none of RFC 3986, which a parser below the application may refuse by itself."""
_WINDING = re.compile(r"//|/\.")
_OF_FORMS = re.compile(r"[ \t]*(?:multipart/|application/x-www-form-urlencoded)", re.IGNORECASE)
"""Bodies that many servers take apart before the application sees them."""


def _is_for_the_application(reading: Reading) -> bool:
    """Whether all that stands before the application passes a request on: to its own path, with no odd head or framing.

    Proxies refuse doubled fields, chunk extensions and encoded slashes, and know no other paths; servers take
    forms apart; who accepts something else than JSON may get that.
    """
    request = reading.exchange.request
    if reading.meaning.standard:
        return _NO_URI.search(request.target) is None
    names = [name.lower() for name, _value in request.headers]
    plain = OWN_FIELDS.issuperset(names) and len({*names}) == len(names)
    legible = all(_PLAIN_VALUE.fullmatch(value) for _name, value in request.headers)
    form = any(_OF_FORMS.match(value) for value in request.values("content-type"))
    here = request.target.endswith(reading.rules.contract.path) and not _WINDING.search(request.target)
    return plain and legible and here and not form and request.wire == USUAL and not request.chunked


@dataclass(frozen=True, slots=True)
class ErrorIsJson:
    """The body of a refusal is JSON and says so."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by an error page or text."""
        act = trial.act
        response = act.response
        if response is None or not 400 <= act.status < 500 or act.exchange.request.method != "POST":  # noqa: PLR2004
            return unanswered(act) or DoesNotApply("no refusal")
        below = act.status in OF_HTTP or not _is_for_the_application(act)
        by_others = "the HTTP layer below the application may have answered" if below else act.in_front
        if by_others or act.other_form:
            return DoesNotApply(by_others or act.other_form or "")
        if not response.body_length:
            return Broken("an error as JSON", "an empty body", "empty", edge="error body", reading=act)
        value = response.header("content-type") or ""
        if _PROBLEM_TYPE.match(value) and (act.is_cut or act.is_deep or isinstance(act.document, jsontext.Document)):
            return Holds()
        return Broken(
            expected="an error as JSON (application/json or application/problem+json)",
            got=f"Content-Type: {value or 'none'} and {act.said(80)}",
            kind="not JSON",
            edge="error body",
            reading=act,
        )


REGISTERED = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "PATCH"})
"""Methods, beside POST, that every HTTP parser passes on to the application."""


@dataclass(frozen=True, slots=True)
class HasDate:
    """An answer with 2xx, 3xx or 4xx has a Date in the one form that may be sent."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a missing Date and by a malformed one."""
        act = trial.act
        if not act.meaning.standard and act.exchange.request.method not in REGISTERED:
            return DoesNotApply("a parser below the application may have answered")
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.response is None or act.status >= 500:  # noqa: PLR2004 - RFC 9110 §6.6.1 frees 5xx
            return DoesNotApply("RFC 9110 §6.6.1 frees server errors")
        value = act.response.header("date")
        if http_time(value) is not None:
            return Holds()
        return Broken(
            expected="a Date header in IMF-fixdate form",
            got=f"Date: {value}" if value is not None else "no Date",
            kind="missing" if value is None else "malformed",
            edge="Date",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class SecondRefused:
    """After `first` created an invoice, `act` is refused: the number is used."""

    words: str = "its number is already used in this tenant"

    def judge(self, trial: Trial) -> Judged:
        """Broken when both creates succeed, or the second meets no refusal."""
        first, act = trial.one("first"), trial.act
        if first is None or not first.created:
            return (unanswered(first) if first else None) or DoesNotApply("the first create did not succeed")
        acts = trial.roles["act"]
        act = next((one for one in acts if one.accepted), act)
        trouble = next((found for one in acts if (found := unanswered(one)) is not None), None)
        if trouble is not None and not act.accepted:
            return trouble
        if all(400 <= one.status < 500 and one.status not in SPEAKS_OF_ELSE for one in acts):  # noqa: PLR2004
            return Holds()
        return Broken(
            expected=f"a refusal (4xx, 409 is usual), because {self.words}",
            got=act.said(),
            kind="accepted" if act.accepted else kind_of(act),
            field="invoiceNumber",
            edge=trial.id,
            reading=act,
        )


def _shut_out(first: Reading, act: Reading) -> DoesNotApply | None:
    """Why nothing is said of a refusal: another tenant's create was refused for who asks, not for what."""
    tenants = {tuple(one.exchange.request.values("tenant-id")) for one in (first, act)}
    if len(tenants) == 1 or act.status not in SPEAKS_OF_ELSE:
        return None
    return DoesNotApply(f"the token may not act for the other tenant: {act.said()}")


@dataclass(frozen=True, slots=True)
class BothCreated:
    """After `first` (created, or refused when `after_refusal`), each `act` succeeds: its number is still free."""

    words: str
    after_refusal: bool = False

    def judge(self, trial: Trial) -> Judged:
        """Broken when one after the first is refused."""
        first, act = trial.one("first"), next((one for one in trial.roles["act"] if not one.accepted), trial.act)
        if first is None:
            return DoesNotApply("nothing was sent first")
        if (trouble := unanswered(first)) is not None:
            # What was refused in front never came to the number; other refusals show what becomes of it.
            return replace(trouble, unanswered=first.response is None or not self.after_refusal)
        # After a server error nobody knows whether the number was stored.
        met = 400 <= first.status < 500 if self.after_refusal else first.accepted  # noqa: PLR2004 - refusals
        if not met:
            return DoesNotApply(f"the first create was answered with {first.said()}")
        if (trouble := unanswered(act) or _shut_out(first, act)) is not None:
            return trouble
        if act.accepted:
            return Holds()
        return Broken(
            expected=f"a success (200 or 201), because {self.words}",
            got=act.said(),
            kind=kind_of(act),
            field="invoiceNumber",
            edge=trial.id,
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class AcceptedUnlessUsed:
    """A number that an earlier run may have used is accepted, or refused just as `again`, a duplicate, is."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a refusal that differs from that of a used number."""
        act, again = trial.act, trial.one("again")
        if (trouble := unanswered(act)) is not None:
            return trouble
        if act.accepted:
            return Holds()
        if again is None or again.accepted or again.status in {0, act.status}:
            return DoesNotApply("the number may be used already")
        sent = (act.sent or {}).get("invoiceNumber")
        return Broken(
            expected=f"a success (200 or 201), because invoiceNumber={shown(sent)} is legal",
            got=act.said(),
            kind=kind_of(act),
            field="invoiceNumber",
            edge=act.meaning.id,
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class SameAnswerTwice:
    """The identical body sent again is answered with the same invoice, or refused (contested: shown only)."""

    def judge(self, trial: Trial) -> Judged:
        """Broken when it makes a second invoice."""
        first, act = trial.one("first"), trial.act
        if first is None or first.data is None or act.response is None:
            return DoesNotApply("the first create did not succeed")
        if act.data is None or act.data.get("id") == first.data.get("id"):
            return Holds()
        return Broken("the same invoice, or a refusal", act.said(), "accepted", edge=trial.id, reading=act)


RACE = 2
"""As many make a race."""


@dataclass(frozen=True, slots=True)
class ExactlyOne:
    """Of several creates of one number at the same moment exactly one succeeds."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by none and by more than one; who was told to come later took no part."""
        started = trial.roles.get("act", ())
        racers = [reading for reading in started if not reading.put_off]
        winners = [reading for reading in racers if reading.accepted]
        missed = len(racers) < len(started) and (len(racers) < RACE or not winners)
        if missed or any(unanswered(reading) for reading in racers):
            return DoesNotApply("not every create of the race was answered", unanswered=True)
        others = {reading.status for reading in racers if not reading.accepted}
        if len(winners) == 1:
            return Holds()
        return Broken(
            expected=f"exactly one success among {len(racers)} simultaneous creates of one number",
            got=f"{len(winners)} successes" + (f" beside {', '.join(map(str, sorted(others)))}" if others else ""),
            kind="more than one" if winners else "none",
            field="invoiceNumber",
            edge="simultaneous",
            reading=winners[-1] if winners else racers[0],
        )


def _is_create(reading: Reading) -> bool:
    return reading.created and reading.data is not None


@dataclass(slots=True)
class IdsDistinct:
    """Fold: no two invoices of a run have the same id, be they of two tenants."""

    seen: dict[str, tuple[str, str]] = field(default_factory=dict)

    def observe(self, reading: Reading) -> Judged:
        """Broken by an id that an earlier invoice of another number or another tenant had."""
        if not _is_create(reading) or reading.data is None:
            return DoesNotApply("no invoice was created")
        value = reading.data.get("id")
        if not isinstance(value, str) or not value:
            return DoesNotApply("no id")
        number = shown((reading.sent or {}).get("invoiceNumber"), 40)
        tenant = ",".join(reading.exchange.request.values("tenant-id"))
        first = self.seen.setdefault(value, (tenant, number))
        if first == (tenant, number):
            return Holds()
        before = first[1] if first[0] == tenant else f"{first[1]} of another tenant"
        return Broken(
            expected="an id that no other invoice has",
            got=f"id={shown(value)} for invoiceNumber={number}, which invoiceNumber={before} has already",
            kind="repeated",
            field="id",
            edge="distinct",
            reading=reading,
        )


STANDSTILL = 5
"""Seconds after which a clock that runs shows another time."""


@dataclass(slots=True)
class ClockRuns:
    """Fold: createdAt moves on as the answers' Date does."""

    first: tuple[Fraction, Fraction] | None = None

    def observe(self, reading: Reading) -> Judged:
        """Broken by the createdAt of an invoice that was made several seconds before."""
        value = reading.data.get("createdAt") if reading.data is not None else None
        created = instant.read_rfc3339(value) if isinstance(value, str) else None
        date = http_time(reading.response.header("date")) if reading.response is not None else None
        if created is None or date is None:
            return DoesNotApply("no createdAt and Date to compare")
        if self.first is None or date < self.first[1]:
            self.first = (created, date)
        # Whole minutes are the steps of a coarse clock.
        enough = STANDSTILL if created % 60 else STANDSTILL + 60
        if created != self.first[0] or date - self.first[1] < enough:
            return Holds()
        return Broken(
            expected=f"a createdAt later than {float(date - self.first[1]):.0f} seconds before",
            got=f"createdAt={shown(value)}, as then",
            kind="stands still",
            field="createdAt",
            edge="now",
            reading=reading,
        )


@dataclass(slots=True)
class StatusSteady:
    """Fold: every success of a run has the same status."""

    first: int = 0

    def observe(self, reading: Reading) -> Judged:
        """Broken by a status other than that of the first success."""
        if not reading.created or not reading.meaning.standard or reading.judgement.kind != "valid":
            return DoesNotApply("no success of a valid create")
        if not self.first:
            self.first = reading.status
        if reading.status == self.first:
            return Holds()
        name, edge = _place(reading)
        return Broken(
            expected=f"{self.first}, as for the other creates of the run",
            got=str(reading.status),
            kind=str(reading.status),
            field=name,
            edge="success status" if name is None else edge,
            reading=reading,
        )
