"""How cases are sent: once more when nothing came, never on and on at a target that has gone."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.meta.trials import answer, created

from invoice_conformance.boundaries import CONTRACT_FIELD, invoice
from invoice_conformance.case import Case, Edit, Hole, NumberSlot
from invoice_conformance.config import OPERATION, Settings
from invoice_conformance.engine import Engine
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response
from invoice_conformance.killing import IDENTITY
from invoice_conformance.recipes import plain
from invoice_conformance.redaction import Redactor
from invoice_conformance.sending import (
    ASKED_IN_ALL,
    GARBAGE_WAIT,
    GENTLE,
    MADE_SURE_OF,
    RETURNS,
    SHORT_WAIT,
    SMOOTH,
    STREAK,
    TOO_MANY,
    Courier,
    Gone,
    Ledger,
    Pace,
    Stopped,
    Unrecorded,
)
from invoice_conformance.session import Suite
from invoice_conformance.verdict import Judge
from invoice_conformance.wire_recipes import with_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.account import Verdict
    from invoice_conformance.checks import Script
    from invoice_conformance.sending import Recorder, Sender

SUITE = Suite.load()
CASE = plain(SUITE.contract)


class Scripted:
    """A target that gives the answers it was told to, the last one for ever."""

    def __init__(self, *answers: Response | NoAnswer) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """The next answer."""
        assert gate is None
        self.bodies.append(request.body)
        came = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Exchange(request, came, 0.0, 0.001)


def courier_to(
    target: Sender,
    *,
    control: Case | None = None,
    until: float = float("inf"),
    pace: Pace | None = None,
    evidence: Recorder | None = None,
) -> Courier:
    return Courier(
        target,
        IDENTITY,
        path=OPERATION,
        evidence=evidence or Unrecorded(),
        rules=SUITE.rules,
        redactor=Redactor(),
        patience=0,
        control=control,
        until=until,
        pace=pace,
    )


class Listing(Unrecorded):
    """Keeps where each invoice is said to have been made."""

    def __init__(self) -> None:
        self.places: list[tuple[str, str]] = []

    def created(self, identifier: str, number: str, tenant: str, contract: str, sent_at: float) -> None:  # noqa: ARG002 - a Recorder's
        """Keep the tenant and the contract."""
        self.places.append((tenant, contract))


def test_an_invoice_is_listed_in_the_tenant_and_under_the_contract_that_it_was_sent_to() -> None:
    listing = Listing()
    courier = courier_to(Scripted(created()), evidence=listing)
    contract = Edit(CONTRACT_FIELD, "other", (Hole("other-contract"),))
    foreign = invoice(SUITE.contract, "", (contract,))

    courier.send(CASE)
    courier.send(with_headers(foreign, "in the other tenant", ("tenant-id", "${other_tenant}")))
    courier.send(with_headers(CASE, "anywhere", ("tenant-id", "%")))

    assert listing.places == [
        (IDENTITY.tenant, IDENTITY.contract),
        (IDENTITY.other_tenant, IDENTITY.other_contract),
        ("%", IDENTITY.contract),
    ]


def _send_often(courier: Courier) -> None:
    for _case in range(1000):
        courier.send(CASE)


@pytest.mark.parametrize("trouble", [answer(502), answer(503), answer(504), answer(429), NoAnswer("reset", "reset")])
def test_a_case_without_an_answer_is_sent_once_more_with_another_number(trouble: Response | NoAnswer) -> None:
    target = Scripted(trouble, created())

    reading = courier_to(target).send(CASE)

    assert reading is not None
    assert reading.created
    assert len(set(target.bodies)) == 2


@pytest.mark.parametrize("trouble", [answer(429), answer(503)])
def test_a_request_that_was_put_off_goes_again_with_the_number_it_shares(trouble: Response) -> None:
    target, drawn = Scripted(trouble, created()), dict[str, str]()
    case = Case("case", (b'{"invoiceNumber":', NumberSlot(key="shared"), b"}"))

    reading = courier_to(target).send(case, drawn=drawn, once=True)

    assert reading is not None
    assert reading.created
    assert (len(target.bodies), len(set(target.bodies))) == (2, 1)


@pytest.mark.parametrize("trouble", [answer(502), answer(504), NoAnswer("reset", "reset")])
def test_a_shared_number_that_may_be_stored_already_does_not_go_again(trouble: Response | NoAnswer) -> None:
    target, drawn = Scripted(trouble, created()), dict[str, str]()
    case = Case("case", (b'{"invoiceNumber":', NumberSlot(key="shared"), b"}"))

    reading = courier_to(target).send(case, drawn=drawn, once=True)

    assert reading is not None
    assert reading.response is None
    assert len(target.bodies) == 1


class Racetrack:
    """A target where one create of each race wins, and where the first race has one create put off."""

    def __init__(self, *troubles: Response | NoAnswer) -> None:
        self.troubles = list(troubles)
        self.numbers: list[str] = []
        self._lock = threading.Lock()

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """A success for a number that is new, a conflict for one that is not."""
        if gate is not None:
            gate()
        number = json.loads(request.body)["invoiceNumber"]
        with self._lock:
            trouble = self.troubles.pop() if self.troubles else None
            known = number in self.numbers
            self.numbers.append(number)
        return Exchange(request, trouble or (answer(409, "{}") if known else created()), 0.0, 0.001)


def verdict_of_races(target: Racetrack) -> Verdict:
    """What a run of the races alone says."""
    plan = SUITE.plan(Settings(profile="quick", requirement=("UNIQUE-RACE",)))
    judge = Judge(plan, SUITE.catalogue, SUITE.rules)
    Engine(plan, courier_to(target), judge, concurrency=0).run()
    return next(row.verdict for row in judge.rows() if row.requirement.id == "UNIQUE-RACE")


@pytest.mark.parametrize("trouble", [answer(429), answer(503), NoAnswer("reset", "reset")])
def test_a_race_with_a_create_that_had_no_answer_is_run_once_more(trouble: Response | NoAnswer) -> None:
    target = Racetrack(trouble)

    assert verdict_of_races(target) == "pass"
    assert len(set(target.numbers)) == len(races()) + 1


def test_a_race_that_never_has_all_its_answers_stays_open() -> None:
    # One answer a race keeps the target from counting as gone.
    target = Racetrack(*[created(), *[answer(429)] * 7] * 20)

    assert verdict_of_races(target) == "inconclusive"
    assert len(set(target.numbers)) == 2 * len(races())


def races() -> list[Script]:
    """The races of a quick plan."""
    plan = SUITE.plan(Settings(profile="quick", requirement=("UNIQUE-RACE",)))
    return [script for script in plan.ordered() if script.order == "race"]


def test_any_other_answer_counts_at_once() -> None:
    target = Scripted(answer(500), created())

    reading = courier_to(target).send(CASE)

    assert reading is not None
    assert (reading.status, len(target.bodies)) == (500, 1)


@pytest.mark.parametrize("trouble", [NoAnswer("refused", "nothing listens"), answer(503)])
def test_a_target_that_has_gone_is_not_asked_a_thousand_times(trouble: Response | NoAnswer) -> None:
    target = Scripted(created(), trouble)
    courier = courier_to(target)

    with pytest.raises(Gone, match=r"gone away: \d+ requests in a row had no answer \((nothing listens|503)"):
        _send_often(courier)

    assert len(target.bodies) == 1 + STREAK + len(RETURNS)


@pytest.mark.parametrize("status", [429, 503])  # many a limiter says it with 503
def test_a_request_that_is_one_too_many_goes_again_until_it_is_not(status: int) -> None:
    target = Scripted(created(), *[answer(status)] * 4, created())
    courier = courier_to(target)
    courier.send(CASE)

    reading = courier.send(CASE)

    assert reading is not None
    assert reading.created
    assert reading.exchange.earlier == (str(status),) * 4
    assert len(set(target.bodies)) == 6


class Unwilling(Scripted):
    """A target that answers 503 to some bodies, each time."""

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """503 to what does not hold the ordinary amount."""
        plainly = b'"amountMinor":5000' in request.body
        self.answers = [created() if plainly else answer(503)]
        return super().send(request, gate=gate)


def test_what_is_answered_503_whenever_it_is_sent_is_soon_not_taken_for_a_limit() -> None:
    target = Unwilling(created())
    courier = courier_to(target)
    courier.send(CASE)

    for number in range(10):
        courier.send(Case(f"unwelcome {number}", (b"{}",)))
        courier.send(CASE)

    refused = [body for body in target.bodies if b'"amountMinor":5000' not in body]
    assert len(refused) == MADE_SURE_OF * TOO_MANY + (10 - MADE_SURE_OF) * 2


def test_who_says_too_many_but_not_for_how_long_is_asked_more_slowly() -> None:
    pace = Pace()
    courier = courier_to(Scripted(created(), *[answer(429), created()] * 20), pace=pace)

    for _case in range(3):
        courier.send(CASE)

    assert pace.per_second is not None
    assert pace.per_second >= GENTLE


def test_a_target_that_asks_for_a_minute_again_and_again_is_not_waited_for_all_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("invoice_conformance.sending.time.sleep", lambda seconds: now.append(now[-1] + seconds))
    monkeypatch.setattr("invoice_conformance.sending.time.monotonic", lambda: now[-1])
    turns = [created(), answer(429, Retry_After="60")] * 100
    courier = courier_to(Scripted(*turns, created()))

    for _case in range(100):
        courier.send(CASE)

    assert ASKED_IN_ALL < now[-1] - now[0] < 2 * ASKED_IN_ALL + 200


def test_a_late_answer_does_not_say_that_a_target_is_back() -> None:
    ledger = Ledger()
    request, silence = Request("POST", OPERATION, ()), NoAnswer("refused", "nothing listens")

    for sent_at in range(2, 2 + STREAK):
        ledger.settle(Exchange(request, silence, float(sent_at), 0.0), created=False)
    ledger.settle(Exchange(request, created(), 1.0, 10.0), created=True)
    late = ledger.unavailable
    ledger.settle(Exchange(request, created(), 20.0, 0.0), created=True)

    assert (late, ledger.unavailable) == (STREAK, 0)


def test_what_was_too_fast_is_approached_again_slowly() -> None:
    pace = Pace()
    pace.slow_down(0)
    slowed = pace.per_second or 0

    for _answer in range(SMOOTH):
        pace.went_well()

    assert slowed < (pace.per_second or 0) < 1.5 * slowed


def test_a_target_that_never_answered_is_given_up() -> None:
    target = Scripted(NoAnswer("reset", "the target reset the connection"))
    courier = courier_to(target)

    with pytest.raises(Gone, match="25 requests in a row"):
        _send_often(courier)

    assert len(target.bodies) == 25


def test_a_target_that_comes_back_is_asked_on() -> None:
    away = [answer(503) if number % 2 else NoAnswer("refused", "nothing listens") for number in range(STREAK + 4)]
    target = Scripted(created(), *away, created())
    courier = courier_to(target)

    readings = [courier.send(CASE) for _case in range(20)]

    # The one whose second attempt made it clear that the target is away is sent once more.
    assert [reading is not None and reading.created for reading in readings].count(False) == STREAK // 2 - 1
    assert readings[-1] is not None
    assert readings[-1].created


def test_many_answers_of_trouble_in_a_row_do_not_end_the_run_while_plain_invoices_are_answered() -> None:
    class Fragile(Scripted):
        def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
            exchange = super().send(request, gate=gate)
            return replace(exchange, answer=created()) if b'"plain"' not in request.body else exchange

    target = Fragile(created(), NoAnswer("reset", "the target reset the connection"))
    courier = courier_to(target, control=CASE)
    fatal = Case("fatal", (b'{"plain":1}',))

    readings = [courier.send(CASE), *(courier.send(fatal) for _case in range(100))]

    assert all(reading is not None and reading.response is None for reading in readings[1:])


@pytest.mark.parametrize(
    ("said", "date", "seconds"),
    [
        ("7", None, 7),
        ("0", None, 0),
        ("60", None, 60),
        ("61", None, SHORT_WAIT),
        ("1000000000", None, SHORT_WAIT),
        ("9" * 5000, None, SHORT_WAIT),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:33 GMT", 4),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None, 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:33 GMT", 0),
        ("Sun, 06 Nov 9999 08:49:37 GMT", None, SHORT_WAIT),
        ("soon", None, GARBAGE_WAIT),
        ("-5", None, GARBAGE_WAIT),
        ("1.5", None, GARBAGE_WAIT),
        ("", None, GARBAGE_WAIT),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None, GARBAGE_WAIT),
        ("\u0661", None, GARBAGE_WAIT),
    ],
)
def test_retry_after_is_followed_within_bounds(
    said: str, date: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("invoice_conformance.sending.time.sleep", slept.append)
    courier = courier_to(Scripted(created(), answer(503, Retry_After=said, Date=date), created()))

    courier.send(CASE)
    courier.send(CASE)

    # The pace waits for as long, but for what has passed meanwhile.
    assert slept[0] == pytest.approx(seconds, abs=0.5)


def test_before_the_first_answer_no_retry_after_is_followed_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("invoice_conformance.sending.time.sleep", slept.append)
    courier = courier_to(Scripted(answer(429, Retry_After="55"), created()))

    courier.send(CASE)

    assert slept[0] == SHORT_WAIT


def test_at_the_end_of_its_time_a_run_stops_and_what_was_cut_off_counts_for_nothing() -> None:
    courier = courier_to(Scripted(created(), NoAnswer("timeout", "cut off")), until=time.perf_counter() + 0.2)
    courier.send(CASE)
    time.sleep(0.25)

    with pytest.raises(Stopped, match=r"--max-time") as caught:
        courier.send(CASE)

    assert not isinstance(caught.value, Gone)
    assert courier.ledger.requests == 1


class Deaf(Scripted):
    """A target that answers the plain invoice alone."""

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """An answer to the plain invoice."""
        plainly = b'"amountMinor":5000' in request.body
        self.answers = [created() if plainly else NoAnswer("closed", "it closed the connection")]
        return super().send(request, gate=gate)


def test_a_target_that_lets_one_kind_of_request_fall_has_not_gone() -> None:
    courier = Courier(
        Deaf(created()),
        IDENTITY,
        path=OPERATION,
        evidence=Unrecorded(),
        rules=SUITE.rules,
        redactor=Redactor(),
        control=CASE,
        patience=0,
    )
    edit = Edit("amountMinor", "type=string: plain", (b'"5000"',))
    courier.send(CASE)

    for _case in range(3 * STREAK):
        reading = courier.send(invoice(SUITE.contract, "wrong", (edit,)))
        assert reading is not None
        assert reading.response is None


def test_the_pace_falls_when_a_target_asks_for_it_and_rises_again() -> None:
    pace = Pace()

    pace.slow_down(0)
    slowed = pace.per_second
    pace.slow_down(0)
    again = pace.per_second
    for _answer in range(200):
        pace.went_well()

    assert slowed == again == 100
    assert pace.per_second is None


def test_the_pace_never_rises_above_what_was_configured() -> None:
    pace = Pace(50)

    pace.slow_down(0)
    for _answer in range(200):
        pace.went_well()

    assert pace.per_second == 50


def test_who_asks_for_no_wait_is_not_asked_slower() -> None:
    pace = Pace()
    target = Scripted(created(), *[answer(429, Retry_After="0"), created()] * 50)
    courier = courier_to(target, pace=pace)

    for _case in range(50):
        courier.send(CASE)

    assert pace.per_second is None
