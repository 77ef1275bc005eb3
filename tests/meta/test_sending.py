"""How cases are sent: once more when nothing came, never on and on at a target that has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.meta.trials import answer, created

from invoice_conformance.boundaries import invoice
from invoice_conformance.case import Edit
from invoice_conformance.config import OPERATION
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response
from invoice_conformance.killing import IDENTITY, Unrecorded
from invoice_conformance.recipes import plain
from invoice_conformance.redaction import Redactor
from invoice_conformance.sending import BREAKER, UNAVAILABLE, Courier, Gone, Pace
from invoice_conformance.session import Suite

if TYPE_CHECKING:
    from collections.abc import Callable

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


def courier_to(target: Scripted) -> Courier:
    return Courier(
        target,
        IDENTITY,
        path=OPERATION,
        evidence=Unrecorded(),
        rules=SUITE.rules,
        redactor=Redactor(),
        patience=0,
    )


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


def test_any_other_answer_counts_at_once() -> None:
    target = Scripted(answer(500), created())

    reading = courier_to(target).send(CASE)

    assert reading is not None
    assert (reading.status, len(target.bodies)) == (500, 1)


@pytest.mark.parametrize(
    ("trouble", "limit"), [(NoAnswer("refused", "nothing listens"), BREAKER), (answer(503), UNAVAILABLE)]
)
def test_a_target_that_has_gone_is_not_asked_a_thousand_times(trouble: Response | NoAnswer, limit: int) -> None:
    target = Scripted(created(), trouble)
    courier = courier_to(target)

    with pytest.raises(Gone, match="gone away"):
        _send_often(courier)

    assert len(target.bodies) == limit + 1


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

    for _case in range(3 * BREAKER):
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
