"""Owns how cases become exchanges: filled, paced, capped, sent again when nothing came, written down.

It judges nothing but whether an answer came, and knows no plan.
"""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from invoice_conformance import jsontext
from invoice_conformance.case import Hole, Identity, Numbering, fill
from invoice_conformance.evidence import Record
from invoice_conformance.exchange import Exchange, NoAnswer, Response
from invoice_conformance.jsontext import NotJson
from invoice_conformance.plan import meaning_of
from invoice_conformance.trial import MAX_DEPTH, NO_ANSWERS, SPEAKS_OF_ELSE, SURE, Reading, Rules, is_crowded

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.case import Case, NumberSlot
    from invoice_conformance.exchange import Header, Request
    from invoice_conformance.redaction import Redactor

EQUIVALENTS = 3
"""How many numbers of a pool are tried before their refusal counts."""
PATIENCE = 0.25
"""Seconds before a case is sent once more when nothing says how long to wait."""
LONGEST_WAIT = 60.0
"""Seconds that a Retry-After is followed at most."""
SHORT_WAIT = 10.0
"""Seconds to wait where Retry-After asks for more than that, and for the first answer at most."""
UNLIMITED, SLOWEST = 200.0, 2.0
"""Requests a second that stand for no limit once a target asks for less, and to which it can bring us at most."""
HALVED_AT_MOST_EVERY = 1.0
"""Seconds within which several answers asking for less count as one."""
SMOOTH, FASTER = 20, 1.25
"""Answers after which the pace rises again, and by how much: what was too fast a moment ago may still be."""
BROKEN_ANSWERS = frozenset({"cut-short", "not-http"})
"""Kinds of no-answer that are a broken message rather than none."""
MADE_SURE_OF = 2
"""Cases of a kind that are made sure of; what they show need not be shown by all others too."""
BREAKER = 25
"""Requests in a row without an answer after which a target that never gave one is asked no more."""
STREAK = 8
"""Requests in a row without an answer after which nothing is sent before a plain invoice is answered again."""
TOO_MANY = 6
"""How often a case is sent at most while the target says that there are too many requests, and did nothing."""
GENTLE = 20.0
"""Requests a second to which those bring us at most who say that there are too many, and not for how long."""
WHILE_AWAY = 4
"""How often a case is sent at most while the target answers nothing at all."""
RETURNS = (0, 1, 2, *[4] * 6, *[8] * 6)
"""How long each of the plain invoices waits that are sent to a target which may be away; in `patience`."""
AWAY_SECONDS = 20.0
"""Seconds, less what Retry-After asked for, after which a target that is away counts as gone."""
ASKED_SECONDS = 180.0
"""Seconds of Retry-After that are borne with while a target is away."""
ASKED_IN_ALL = 300.0
"""Seconds of Retry-After after which a run waits a moment at most each time, or it would never end."""
TOKEN_COMMAND_SECONDS = 30
RENEWALS_A_CASE = 3
"""How often one case is sent again because its credentials had expired."""


class Stopped(Exception):  # noqa: N818 - it is no error
    """The run goes no further; the message says why in one sentence."""


class Gone(Stopped):
    """The target answers no longer."""


class Sender(Protocol):
    """What sends one request: a `Target`."""

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """Send it and return what came back; never raises for what a target does."""
        ...


class Recorder(Protocol):
    """What writes exchanges down: an `EvidenceWriter`."""

    def write(self, record: Record) -> None:
        """Append one exchange."""
        ...

    def created(self, identifier: str, number: str, tenant: str, contract: str, sent_at: float) -> None:
        """Append one invoice that now exists on the target."""
        ...


class Carrier(Protocol):
    """What an engine asks for the answers to its cases: a `Courier`, or what was written down of one."""

    stopped: Stopped | None
    """Why it sends no more, None while it does."""

    @property
    def path(self) -> str:
        """The operation's path on the target."""
        ...

    def hinders(self, case: Case) -> str | None:
        """Why a case cannot be sent as what it is meant to be; None when it can."""
        ...

    def send(
        self,
        case: Case,
        *,
        script: str = "",
        role: str = "act",
        drawn: dict[str, str] | None = None,
        gate: Callable[[], None] | None = None,
        once: bool = False,
    ) -> Reading | None:
        """The answer that counts, as a reading; None when there is none."""
        ...

    def draw(self, slot: NumberSlot, drawn: dict[str, str]) -> None:
        """Draw the mark of a slot's key beforehand, so that several threads share it."""
        ...

    def rest(self, seconds: float) -> None:
        """Let some time pass."""
        ...


class Unrecorded:
    """Writes nothing down, where verdicts need no evidence."""

    def write(self, record: Record) -> None:
        """Nothing."""

    def created(self, identifier: str, number: str, tenant: str, contract: str, sent_at: float) -> None:
        """Nothing."""


@dataclass
class Pace:
    """Keeps to a number of requests a second; None is no limit. Safe to use from several threads."""

    per_second: float | None = None
    held: float = 0.0
    """Seconds in all for which nothing was to be sent because the target asked for it."""
    _next: float = 0.0
    _halved: float = float("-inf")
    _smooth: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._configured = self.per_second

    def wait(self, longest: float = float("inf")) -> None:
        """Return when the next request may be sent, or after `longest` seconds."""
        if self.per_second is None:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / self.per_second
        if turn > now:
            time.sleep(min(turn - now, longest))

    def slow_down(self, wait: float, slowest: float = SLOWEST) -> None:
        """Let no request go for `wait` seconds, and fewer for a while, but `slowest` a second, as the target asks."""
        with self._lock:
            now = time.monotonic()
            self.held += max(now + wait - max(self._next, now), 0)
            self._next = max(self._next, now + wait)
            self._smooth = 0
            if now < self._halved + HALVED_AT_MOST_EVERY:
                return  # the others under way then say the same again
            self._halved = now
            now_at = self.per_second or UNLIMITED
            self.per_second = min(max(now_at / 2, slowest), now_at)

    def went_well(self) -> None:
        """Note an answer; after a while of them the pace rises again towards what was configured."""
        if self.per_second == self._configured:
            return
        with self._lock:
            self._smooth += 1
            if self._smooth < SMOOTH or self.per_second is None:
                return
            self._smooth = 0
            faster = self.per_second * FASTER
            if self._configured is not None:
                self.per_second = min(faster, self._configured)
            else:
                self.per_second = None if faster >= UNLIMITED else faster


class Moment(NamedTuple):
    """When a request was sent, how many seconds it took, and the status that came; 0 when none did."""

    sent_at: float
    elapsed: float
    status: int


@dataclass
class Ledger:
    """Counts what a run did to its target, and stops it at the cap. Safe to use from several threads."""

    cap: int | None = None
    requests: int = 0
    invoices: int = 0
    moments: list[Moment] = field(default_factory=list)
    unavailable: int = 0
    """Requests in a row that had no answer, or one that says it cannot be given now."""
    answered: bool = False
    _silent_since: float = 0.0
    """When the first of these was sent."""
    _under_way: int = 0
    _change: threading.Condition = field(default_factory=threading.Condition)

    def reserve(self) -> bool:
        """Wait until one more request cannot exceed the cap; False when the cap is reached."""
        with self._change:
            while self.cap is not None and self.invoices + self._under_way >= self.cap:
                if self.invoices >= self.cap:
                    return False
                self._change.wait()
            self._under_way += 1
            self.requests += 1
            return True

    def settle(self, exchange: Exchange, *, created: bool) -> None:
        """Note what came of a request that was reserved."""
        with self._change:
            self._under_way -= 1
            self.invoices += created
            answer = exchange.answer
            # Who sends a broken message is there.
            broken = isinstance(answer, NoAnswer) and answer.kind in BROKEN_ANSWERS
            if _silent(exchange) and not broken:
                self._silent_since = self._silent_since if self.unavailable else exchange.sent_at
                self.unavailable += 1
            else:
                self.answered = True
                # The late answer to an earlier request does not say that the target is there again.
                if exchange.sent_at >= self._silent_since:
                    self.unavailable = 0
            if len(self.moments) < MOMENTS_KEPT:
                status = 0 if isinstance(answer, NoAnswer) else answer.status
                self.moments.append(Moment(exchange.sent_at, exchange.elapsed, status))
            self._change.notify_all()


MOMENTS_KEPT = 100_000


class Courier:
    """Sends cases to one target for one run.

    `send` returns the exchange that counts, as a reading, or None when the invoice cap forbids sending. `Stopped`
    when the credentials have expired and cannot be renewed, or at `until`, a moment of `time.perf_counter`; `Gone`
    when the target has gone away and does not come back.
    """

    def __init__(
        self,
        target: Sender,
        identity: Identity,
        *,
        path: str,
        evidence: Recorder,
        rules: Rules,
        redactor: Redactor,
        common: tuple[Header, ...] = (),
        pace: Pace | None = None,
        cap: int | None = None,
        token_command: str | None = None,
        control: Case | None = None,
        patience: float = PATIENCE,
        until: float = float("inf"),
        numbering: Numbering | None = None,
    ) -> None:
        self._target = target
        self._identity = identity
        self._numbering = numbering or Numbering.fresh()
        self._path = path
        self._evidence = evidence
        self._rules = rules
        self._redactor = redactor
        self._common = common
        self._pace = pace or Pace()
        self.ledger = Ledger(cap)
        self._token_command = token_command
        self._control = control
        self._patience = patience
        self._until = until
        self._away = threading.Lock()
        self._renewal = threading.Lock()
        self._renewals = 0
        self._sure_of: dict[str, set[str]] = {kind: set() for kind in BROKEN_ANSWERS}
        self._at_random: set[str] = set()
        self._kept_off: set[str] = set()
        self._is_limited = False
        self.stopped: Stopped | None = None

    @property
    def path(self) -> str:
        """The operation's path on the target."""
        return self._path

    @property
    def has_other_tenant(self) -> bool:
        """Whether the ids of a second tenant are known."""
        return self._identity.has_other_tenant

    def hinders(self, case: Case) -> str | None:
        """Why a case cannot be sent as what it is meant to be; None when it can."""
        return self._identity.hinders(case)

    def send(
        self,
        case: Case,
        *,
        script: str = "",
        role: str = "act",
        drawn: dict[str, str] | None = None,
        gate: Callable[[], None] | None = None,
        once: bool = False,
    ) -> Reading | None:
        """Send a case; once more when nothing came, and other equivalents of a pooled number when it is refused."""
        meaning = meaning_of(case)
        turns = EQUIVALENTS if meaning.pooled else 1
        reading: Reading | None = None
        last: tuple[Exchange, str | None] | None = None
        for turn in range(turns):
            last = self._answered(case, script, role, drawn, turn, gate, once=once or gate is not None)
            if last is None:
                return None
            reading = Reading(last[0], meaning, self._rules)
            if not 400 <= reading.status < 500 or reading.status in SPEAKS_OF_ELSE:  # noqa: PLR2004 - refusals
                break
            if turn + 1 < turns:
                self._note(script, role, case, last, counts=False)
        if last is not None:
            self._note(script, role, case, last, counts=True)
            if isinstance(last[0].answer, NoAnswer):
                # What the end of the run's time cut off says nothing of the target.
                self._in_time()
        return reading

    def draw(self, slot: NumberSlot, drawn: dict[str, str]) -> None:
        """Draw the mark of a slot's key beforehand, so that several threads share it."""
        self._numbering.number(slot, drawn)

    def _answered(
        self,
        case: Case,
        script: str,
        role: str,
        drawn: dict[str, str] | None,
        turn: int,
        gate: Callable[[], None] | None,
        *,
        once: bool,
    ) -> tuple[Exchange, str | None] | None:
        """One exchange that has an answer, if two attempts bring one; None at the cap."""
        renewals = self._renewals
        first = self._sent(case, drawn, turn, gate)
        if first is None or gate is not None:
            return first
        # A number that another step shares stays as it is: it goes again only when the target says that it did nothing.
        if not _silent(first[0]) or (once and not _put_off(first[0])):
            if isinstance(first[0].answer, NoAnswer):
                # Whoever sends all of its steps again gives the target a moment.
                self.rest(self._patience)
            return self._with_good_credentials(case, first, renewals, script, role, drawn, turn)
        latest = first
        earlier: tuple[str, ...] = ()
        while not earlier or self._goes_again(case, latest[0]):
            self._note(script, role, case, latest, counts=False)
            self.rest(self._pause(case, latest[0], len(earlier)))
            renewals = self._renewals
            again = self._sent(case, drawn, turn, gate)
            if again is None:
                return None
            earlier = (*earlier, _came_to(latest[0]))
            latest = replace(again[0], earlier=earlier), again[1]
        self._note_certainty(case, latest[0])
        return self._with_good_credentials(case, latest, renewals, script, role, drawn, turn)

    def _goes_again(self, case: Case, exchange: Exchange) -> bool:
        """Whether a case is sent a third time and more."""
        attempts = len(exchange.earlier) + 1
        if self._may_be_limited(case, exchange):
            brief = (_retry_after(exchange) or 0) <= SHORT_WAIT
            return attempts < TOO_MANY and brief and self.ledger.answered
        # What comes to nothing when everything does says nothing of the case.
        is_away = self.ledger.answered and self.ledger.unavailable >= STREAK
        return (is_away and attempts < WHILE_AWAY) or self._is_unsure(case, exchange)

    def _may_be_limited(self, case: Case, exchange: Exchange) -> bool:
        """Whether an answer may come of a limit to how much the target does, rather than of the case.

        429 says so (RFC 6585 §4). Many a limiter answers 503, as who cannot answer at all does: what shows which it is
        are cases that it answers when they are sent again, and those that it does not.
        """
        came = _came_to(exchange)
        if came != "503" or self._is_limited:
            return came in {"429", "503"}
        if _retry_after(exchange) is not None or self.ledger.unavailable >= STREAK:
            return False
        return case.id in self._kept_off or len(self._kept_off) < MADE_SURE_OF

    def _pause(self, case: Case, exchange: Exchange, attempts: int) -> float:
        """Seconds before a case is sent again that was sent `attempts` times before the exchange, none answered."""
        wait = self._asked_for(exchange)
        if wait is not None:
            return wait
        if not self._may_be_limited(case, exchange):
            return self._patience
        if self._is_limited or _came_to(exchange) == "429":
            self._pace.slow_down(self._patience, GENTLE)
        return self._patience * float(2**attempts)

    def _is_unsure(self, case: Case, exchange: Exchange) -> bool:
        """Whether a message that was broken in each attempt so far is to be asked for once more.

        A network may cut an answer, and a proxy garble one; what a server itself breaks it breaks each time.
        """
        kind = _came_to(exchange)
        if kind not in BROKEN_ANSWERS or {*exchange.earlier} != {kind} or kind in self._at_random:
            return False
        sure_of = self._sure_of[kind]
        return len(exchange.earlier) + 1 < SURE and (case.id in sure_of or len(sure_of) < MADE_SURE_OF)

    def _note_certainty(self, case: Case, exchange: Exchange) -> None:
        """Note what several attempts showed: that a case breaks each time, or that breaking comes and goes."""
        attempts = (*exchange.earlier, _came_to(exchange))
        if "503" in exchange.earlier and not _silent(exchange):
            self._is_limited = True
        elif attempts.count("503") >= TOO_MANY:
            self._kept_off.add(case.id)
        for kind in BROKEN_ANSWERS & {*attempts}:
            if len(attempts) >= SURE and {*attempts} == {kind}:
                self._sure_of[kind].add(case.id)
            elif attempts[-1].isdigit() and attempts[-1] not in _NO_ANSWERS:
                self._at_random.add(kind)

    def _sent(
        self, case: Case, drawn: dict[str, str] | None, turn: int, gate: Callable[[], None] | None
    ) -> tuple[Exchange, str | None] | None:
        if self.ledger.answered and self.ledger.unavailable >= STREAK:
            self._until_back(case)
        return self._sent_at_once(case, drawn, turn, gate)

    def _sent_at_once(
        self, case: Case, drawn: dict[str, str] | None, turn: int, gate: Callable[[], None] | None
    ) -> tuple[Exchange, str | None] | None:
        self._go_on()
        if not self.ledger.reserve():
            if gate is not None:
                gate()
            return None
        self._pace.wait(max(self._until - time.perf_counter(), 0))
        filled = fill(case, self._identity, self._numbering, self._path, drawn=drawn, turn=turn, common=self._common)
        exchange = self._target.send(filled.request, gate=gate)
        answer = exchange.answer
        created = isinstance(answer, Response) and answer.status in {200, 201} and case.method == "POST"
        self.ledger.settle(exchange, created=created)
        if not _silent(exchange):
            self._pace.went_well()
        elif not self.ledger.answered and self.ledger.unavailable >= BREAKER:
            self.stopped = self._gone(exchange)
        return exchange, filled.number

    def _go_on(self) -> None:
        """Raise what has stopped the run, if anything has."""
        if self.stopped is not None:
            raise self.stopped
        self._in_time()

    def _in_time(self) -> None:
        if time.perf_counter() >= self._until:
            self.stopped = Stopped("the run's time (--max-time) is used up")
            raise self.stopped

    def _gone(self, exchange: Exchange) -> Gone:
        answer = exchange.answer
        said = answer.detail if isinstance(answer, NoAnswer) else f"{answer.status} {answer.reason}".strip()
        return Gone(f"the target has gone away: {self.ledger.unavailable} requests in a row had no answer ({said})")

    def rest(self, seconds: float) -> None:
        """Sleep, but not beyond the run's time."""
        time.sleep(min(seconds, max(self._until - time.perf_counter(), 0)))
        self._go_on()

    def _asked_for(self, exchange: Exchange) -> float | None:
        """Seconds that the target asked us to wait, within bounds and told to the pace; None when it did not."""
        wait = _retry_after(exchange)
        if wait is None:
            return None
        # Who asks for a day would not be waited for anyway; before there was an answer nothing is worth a long wait.
        if wait > LONGEST_WAIT or not self.ledger.answered:
            wait = min(wait, SHORT_WAIT)
        if self._pace.held > ASKED_IN_ALL:
            wait = min(wait, GARBAGE_WAIT)
        if wait > 0:
            # Who wants the next request at once wants no slower ones.
            self._pace.slow_down(wait)
        return wait

    def _until_back(self, case: Case) -> None:
        """Return when the target answers a plain invoice; `Gone` when it does not within some time.

        One thread asks and the others wait for it: a target that has gone away is not asked a thousand times.
        """
        with self._away:
            began, asked = time.perf_counter(), 0.0
            last: Exchange | None = None
            for wait in RETURNS:
                if self.ledger.unavailable < STREAK:
                    return
                self.rest(wait * self._patience)
                if last is not None and time.perf_counter() - began - asked > AWAY_SECONDS:
                    break
                probe = self._control or case
                sent = self._sent_at_once(probe, None, 0, None)
                if sent is None:
                    return
                self._note("control", "act", probe, sent, counts=False)
                last = sent[0]
                if not _silent(last):
                    return
                asked = min(asked + (self._asked_for(last) or 0), ASKED_SECONDS)
            self.stopped = self._gone(last) if last is not None else Gone("the target has gone away")
            raise self.stopped

    def _note(self, script: str, role: str, case: Case, sent: tuple[Exchange, str | None], *, counts: bool) -> None:
        exchange, number = sent
        meaning = meaning_of(case)
        self._evidence.write(Record(script, role, meaning, exchange, counts, number))
        answer = exchange.answer
        if isinstance(answer, Response) and answer.status in {200, 201} and case.method == "POST":
            tenant = next(iter(exchange.request.values("tenant-id")), self._identity.tenant)
            foreign = self._identity.other_contract if Hole("other-contract") in case.body else None
            contract = foreign or self._identity.contract
            self._evidence.created(_identifier(answer), number or "", tenant, contract, exchange.sent_at)

    def _with_good_credentials(
        self,
        case: Case,
        sent: tuple[Exchange, str | None],
        renewals: int,
        script: str,
        role: str,
        drawn: dict[str, str] | None,
        turn: int,
    ) -> tuple[Exchange, str | None] | None:
        """The same exchange, unless its 401 comes from credentials that expired in mid-run; then a renewed one.

        `renewals` is how often they had been renewed when the case was sent.
        """
        latest: tuple[Exchange, str | None] | None = sent
        for _attempt in range(RENEWALS_A_CASE):
            if latest is None or not _unauthorized(latest[0]) or not _with_token(case):
                break
            if not self.renewed_since(renewals):
                break
            self._note(script, role, case, latest, counts=False)
            renewals = self._renewals
            latest = self._sent(case, drawn, turn, None)
        return latest

    @property
    def renewals(self) -> int:
        """How often the credentials have been renewed."""
        return self._renewals

    def renewed_since(self, renewals: int) -> bool:
        """Whether a 401 came of credentials that had expired, and others have taken their place since.

        `renewals` as it was when the request was sent; `Stopped` when there are no others.
        """
        if self._control is None or self.ledger.invoices == 0:
            return False
        with self._renewal:
            if self._renewals == renewals:
                if not self._expired():
                    return False
                self._renew()
        return True

    def _expired(self) -> bool:
        """Whether a plain create, which was accepted before, is answered 401 now."""
        control = self._control
        probe = self._sent(control, None, 0, None) if control is not None else None
        if probe is None or control is None:
            return False
        self._note("control", "act", control, probe, counts=False)
        return _unauthorized(probe[0])

    def _renew(self) -> None:
        if self._token_command is None:
            self.stopped = Stopped("the token was accepted at first and is refused now; give --token-command")
            raise self.stopped
        try:
            token = token_from(self._token_command)
        except ValueError as error:
            self.stopped = Stopped(str(error))
            raise self.stopped from None
        self._redactor.add(token, credential=True)
        self._identity = replace(self._identity, token=token)
        self._renewals += 1
        if self._expired():
            self.stopped = Stopped("the token that --token-command printed is refused")
            raise self.stopped


def token_from(command: str) -> str:
    """The token that a command prints; ValueError, without its output, when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command
            shlex.split(command), capture_output=True, text=True, timeout=TOKEN_COMMAND_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"--token-command could not be run: {type(error).__name__}") from None
    token = done.stdout.strip()
    if done.returncode or not token or not token.isprintable() or not token.isascii():
        raise ValueError(f"--token-command gave no token (exit status {done.returncode})")
    return token


def _identifier(answer: Response) -> str:
    """The id of the invoice that was made, whatever form the request asked for; empty when it cannot be read."""
    if is_crowded(answer.body):
        return ""
    try:
        value = jsontext.read(answer.body, max_depth=MAX_DEPTH).value
    except NotJson:
        return ""
    data = value.get("data") if isinstance(value, dict) else None
    identifier = data.get("id") if isinstance(data, dict) else None
    return identifier if isinstance(identifier, str) else ""


def _with_token(case: Case) -> bool:
    return any("${token}" in value for _name, value in case.headers)


def _unauthorized(exchange: Exchange) -> bool:
    answer = exchange.answer
    return isinstance(answer, Response) and answer.status == 401  # noqa: PLR2004 - its number


_NO_ANSWERS = frozenset(map(str, NO_ANSWERS))


def _came_to(exchange: Exchange) -> str:
    """A word for what an attempt came to: the status, or the kind of no-answer."""
    answer = exchange.answer
    return answer.kind if isinstance(answer, NoAnswer) else str(answer.status)


def _silent(exchange: Exchange) -> bool:
    answer = exchange.answer
    return isinstance(answer, NoAnswer) or answer.status in NO_ANSWERS


def _put_off(exchange: Exchange) -> bool:
    """Whether the target says that it did nothing with a request, and may later (RFC 6585 §4, RFC 9110 §15.6.4)."""
    return not isinstance(exchange.answer, NoAnswer) and exchange.answer.status in {429, 503}


def _retry_after(exchange: Exchange) -> float | None:
    """Seconds that the target asks us to wait, within bounds; None when it does not say."""
    answer = exchange.answer
    value = None if isinstance(answer, NoAnswer) else answer.header("retry-after")
    # RFC 9110, section 10.2.3: delay-seconds or a date.
    if value is None or isinstance(answer, NoAnswer):
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:18])
    then, now = _moment(text), _moment((answer.header("date") or "").strip())
    if then is None:
        return GARBAGE_WAIT
    # By the target's own clock, which may be another than ours.
    return max(then - (time.time() if now is None else now), 0.0)


GARBAGE_WAIT = 1.0
"""Seconds to wait after a Retry-After that cannot be read."""


def _moment(text: str) -> float | None:
    """Seconds since the epoch of an HTTP date (RFC 9110, section 5.6.7), None when it is none."""
    if len(text) > LONGEST_DATE:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


LONGEST_DATE = 64
