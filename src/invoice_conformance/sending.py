"""Owns how cases become exchanges: filled, paced, capped, sent again when nothing came, written down.

It judges nothing but whether an answer came, and knows no plan.
"""

from __future__ import annotations

import shlex
import subprocess
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from invoice_conformance import jsontext
from invoice_conformance.case import Identity, Numbering, fill
from invoice_conformance.evidence import Record
from invoice_conformance.exchange import Exchange, NoAnswer, Response
from invoice_conformance.jsontext import NotJson
from invoice_conformance.plan import meaning_of
from invoice_conformance.trial import MAX_DEPTH, NO_ANSWERS, SPEAKS_OF_ELSE, SURE, Reading, Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.case import Case, NumberSlot
    from invoice_conformance.exchange import Header, Request
    from invoice_conformance.redaction import Redactor

EQUIVALENTS = 3
"""How many numbers of a pool are tried before their refusal counts."""
PATIENCE = 0.25
"""Seconds before a case is sent once more when nothing says how long to wait."""
LONGEST_WAIT = 10.0
"""Seconds that a Retry-After is followed at most."""
UNLIMITED, SLOWEST = 200.0, 2.0
"""Requests a second that stand for no limit once a target asks for less, and to which it can bring us at most."""
HALVED_AT_MOST_EVERY = 1.0
"""Seconds within which several answers asking for less count as one."""
SMOOTH = 20
"""Answers after which the pace doubles again."""
BROKEN_ANSWERS = frozenset({"cut-short", "not-http"})
"""Kinds of no-answer that are a broken message rather than none."""
MADE_SURE_OF = 2
"""Cases of a kind that are made sure of; what they show need not be shown by all others too."""
BREAKER = 25
"""Requests in a row without an answer after which a target counts as gone."""
UNAVAILABLE = 200
"""Requests in a row answered with 429, 502, 503 or 504, or not at all, after which a target counts as gone."""
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

    @property
    def has_other_tenant(self) -> bool:
        """Whether the ids of a second tenant are known."""
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


@dataclass
class Pace:
    """Keeps to a number of requests a second; None is no limit. Safe to use from several threads."""

    per_second: float | None = None
    _next: float = 0.0
    _halved: float = float("-inf")
    _smooth: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._configured = self.per_second

    def wait(self) -> None:
        """Return when the next request may be sent."""
        if self.per_second is None:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / self.per_second
        if turn > now:
            time.sleep(turn - now)

    def slow_down(self, wait: float) -> None:
        """Let no request go for `wait` seconds, and fewer for a while, because the target asked for it."""
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now + wait)
            self._smooth = 0
            if now < self._halved + HALVED_AT_MOST_EVERY:
                return  # the others under way then say the same again
            self._halved = now
            self.per_second = max((self.per_second or UNLIMITED) / 2, SLOWEST)

    def went_well(self) -> None:
        """Note an answer; after a while of them the pace rises again towards what was configured."""
        if self.per_second == self._configured:
            return
        with self._lock:
            self._smooth += 1
            if self._smooth < SMOOTH or self.per_second is None:
                return
            self._smooth = 0
            faster = self.per_second * 2
            if self._configured is not None:
                self.per_second = min(faster, self._configured)
            else:
                self.per_second = None if faster >= UNLIMITED else faster


@dataclass
class Ledger:
    """Counts what a run did to its target, and stops it at the cap. Safe to use from several threads."""

    cap: int | None = None
    requests: int = 0
    invoices: int = 0
    latencies: list[float] = field(default_factory=list)
    silent: int = 0
    unavailable: int = 0
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
            gone = isinstance(answer, NoAnswer) and answer.kind not in BROKEN_ANSWERS
            self.silent = self.silent + 1 if gone else 0
            self.unavailable = self.unavailable + 1 if _silent(exchange) else 0
            if not isinstance(answer, NoAnswer) and len(self.latencies) < LATENCIES_KEPT:
                self.latencies.append(exchange.elapsed)
            self._change.notify_all()


LATENCIES_KEPT = 100_000


class Courier:
    """Sends cases to one target for one run.

    `send` returns the exchange that counts, as a reading, or None when the invoice cap forbids sending. `Stopped`
    when the credentials have expired and cannot be renewed, `Gone` when the target has gone away.
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
    ) -> None:
        self._target = target
        self._identity = identity
        self._numbering = Numbering.fresh()
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
        self._asking = threading.Lock()
        self._renewal = threading.Lock()
        self._renewals = 0
        self._sure_of: dict[str, set[str]] = {kind: set() for kind in BROKEN_ANSWERS}
        self._at_random: set[str] = set()
        self.stopped: Stopped | None = None

    @property
    def path(self) -> str:
        """The operation's path on the target."""
        return self._path

    @property
    def has_other_tenant(self) -> bool:
        """Whether the ids of a second tenant are known."""
        return bool(self._identity.other_tenant and self._identity.other_contract)

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
        return reading

    def draw(self, slot: NumberSlot, drawn: dict[str, str]) -> None:
        """Draw the mark of a slot's key beforehand, so that several threads share it."""
        self._numbering.number(slot, drawn)

    def rest(self, seconds: float) -> None:
        """Let some time pass."""
        time.sleep(seconds)

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
        if once or not _silent(first[0]):
            return self._with_good_credentials(case, first, renewals, script, role, drawn, turn)
        latest = first
        earlier: tuple[str, ...] = ()
        while not earlier or self._is_unsure(case, latest[0]):
            self._note(script, role, case, latest, counts=False)
            wait = _retry_after(latest[0])
            if wait is not None:
                self._pace.slow_down(wait)
            time.sleep(wait if wait is not None else self._patience)
            renewals = self._renewals
            again = self._sent(case, drawn, turn, gate)
            if again is None:
                return None
            earlier = (*earlier, _came_to(latest[0]))
            latest = replace(again[0], earlier=earlier), again[1]
        self._note_certainty(case, latest[0])
        return self._with_good_credentials(case, latest, renewals, script, role, drawn, turn)

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
        for kind in BROKEN_ANSWERS & {*attempts}:
            if len(attempts) >= SURE and {*attempts} == {kind}:
                self._sure_of[kind].add(case.id)
            elif attempts[-1].isdigit() and attempts[-1] not in _NO_ANSWERS:
                self._at_random.add(kind)

    def _sent(
        self, case: Case, drawn: dict[str, str] | None, turn: int, gate: Callable[[], None] | None
    ) -> tuple[Exchange, str | None] | None:
        if self.stopped is not None:
            raise self.stopped
        if not self.ledger.reserve():
            if gate is not None:
                gate()
            return None
        self._pace.wait()
        filled = fill(case, self._identity, self._numbering, self._path, drawn=drawn, turn=turn, common=self._common)
        exchange = self._target.send(filled.request, gate=gate)
        answer = exchange.answer
        created = isinstance(answer, Response) and answer.status in {200, 201} and case.method == "POST"
        self.ledger.settle(exchange, created=created)
        if not _silent(exchange):
            self._pace.went_well()
        if self.ledger.silent >= BREAKER and not self._is_there(case):
            detail = answer.detail if isinstance(answer, NoAnswer) else "it stopped answering"
            self.stopped = Gone(f"the target has gone away: {BREAKER} requests in a row had no answer ({detail})")
        elif self.ledger.unavailable >= UNAVAILABLE:
            said = "nothing" if isinstance(answer, NoAnswer) else f"{answer.status} {answer.reason}".strip()
            self.stopped = Gone(f"the target has gone away: {UNAVAILABLE} requests in a row had no answer but {said}")
        return exchange, filled.number

    def _is_there(self, case: Case) -> bool:
        """Whether a plain invoice is answered: what a target lets fall may all have been of one kind."""
        control = self._control
        if control is None or case is control:
            return False
        with self._asking:
            if self.ledger.silent < BREAKER:
                return True
            probe = self._sent(control, None, 0, None)
            if probe is not None:
                self._note("control", "act", control, probe, counts=False)
            return probe is None or not isinstance(probe[0].answer, NoAnswer)

    def _note(self, script: str, role: str, case: Case, sent: tuple[Exchange, str | None], *, counts: bool) -> None:
        exchange, number = sent
        meaning = meaning_of(case)
        self._evidence.write(Record(script, role, meaning, exchange, counts, number))
        answer = exchange.answer
        if isinstance(answer, Response) and answer.status in {200, 201} and case.method == "POST":
            self._evidence.created(
                _identifier(answer),
                number or "",
                self._identity.tenant,
                self._identity.contract,
                exchange.sent_at,
            )

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


def _retry_after(exchange: Exchange) -> float | None:
    """Seconds that the target asks us to wait, within bounds; None when it does not say."""
    answer = exchange.answer
    value = None if isinstance(answer, NoAnswer) else answer.header("retry-after")
    # RFC 9110 §10.2.3: delay-seconds or a date; a date is answered with the longest wait.
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    return 1.0
