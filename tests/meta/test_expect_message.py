"""What is expected of an answer as an HTTP message, and what is not held against a server."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.trials import answer, created, firewall, read, trial

from invoice_conformance.config import OPERATION
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response, Unasked
from invoice_conformance.expect_message import (
    NeverAlways,
    NoBody,
    NoLengthOfNothing,
    NoSurplus,
    OneFraming,
    WellWritten,
)
from invoice_conformance.headsyntax import departures, is_well_written
from invoice_conformance.killing import IDENTITY
from invoice_conformance.recipes import plain
from invoice_conformance.redaction import Redactor
from invoice_conformance.sending import BREAKER, MADE_SURE_OF, Courier, Unrecorded
from invoice_conformance.session import Suite
from invoice_conformance.trial import SURE, Broken, DoesNotApply, Holds, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from invoice_conformance.exchange import NoAnswerKind

SUITE: Final = Suite.load()
CUT: Final = NoAnswer("cut-short", "the target closed the connection (in the body of an answer with status 201)")
GARBAGE: Final = NoAnswer("not-http", "what the target sent is not HTTP/1.1: illegal status line")
RESET: Final = NoAnswer("reset", "the target reset the connection")
WHOLE: Final = NeverAlways("cut-short", "an answer as long as its framing says")
READABLE: Final = NeverAlways("not-http", "an answer in HTTP/1.1")


# Where an answer ends


@pytest.mark.parametrize("surplus", [b"x", b"\n", b"\r", b'{"data":1}', b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n\r\nx"])
def test_octets_after_an_answer_are_surplus(surplus: bytes) -> None:
    found = NoSurplus().judge(trial(read(replace(created(), surplus=surplus))))

    assert isinstance(found, Broken)
    assert found.got.startswith(f"{len(surplus)} octets (")


@pytest.mark.parametrize("surplus", [b"", b"\r\n", b"\r\n\r\n"])
def test_line_ends_after_an_answer_are_none(surplus: bytes) -> None:
    assert NoSurplus().judge(trial(read(replace(created(), surplus=surplus)))) == Holds()


def test_octets_on_an_idle_connection_are_surplus_of_the_exchange_before() -> None:
    came = replace(created(), unasked=Unasked(b"debug\x1b", "POST", 422))

    found = NoSurplus().judge(trial(read(came)))

    assert isinstance(found, Broken)
    assert found.got == '6 octets ("debug\\x1b") on an idle connection after POST was answered 422'
    assert isinstance(NoBody().judge(trial(read(came))), DoesNotApply)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_octets_after_a_head_that_ends_its_answer_are_a_body(method: str, status: int) -> None:
    at_once = read(replace(answer(status), surplus=b"{}"), method=method)
    later = read(replace(created(), unasked=Unasked(b"{}", method, status)))

    for act in (at_once, later):
        assert isinstance(NoBody().judge(trial(act)), Broken)
        assert NoSurplus().judge(trial(act)) == Holds()


def test_an_answer_to_head_without_a_body_is_as_it_should_be() -> None:
    assert NoBody().judge(trial(read(answer(200), method="HEAD"))) == Holds()
    assert isinstance(NoBody().judge(trial(read(created()))), DoesNotApply)


@pytest.mark.parametrize(
    "change",
    [
        {"headers": (("Content-Length", "5"),)},
        {"headers": (("transfer-encoding", "chunked"),)},
        {"headers": (("X-Text", "a\xff"),)},
        {"headers": (("X Text", "a"),)},
        {"target": "/a b"},
        {"method": "A B"},
    ],
    ids=["a length of its own", "a coding of its own", "a value beyond ASCII", "no name", "no target", "no method"],
)
def test_what_follows_the_answer_to_a_malformed_request_is_not_judged(change: dict[str, object]) -> None:
    act = read(replace(created(), surplus=b"HTTP/1.1 400 Bad Request\r\n\r\n", head=b"HTTP/1.1 200\r\n\r\n"))
    request = replace(act.exchange.request, **change)  # type: ignore[arg-type]
    act = replace(act, exchange=replace(act.exchange, request=request))

    assert isinstance(NoSurplus().judge(trial(act)), DoesNotApply)
    assert isinstance(WellWritten(lenient=True).judge(trial(act)), DoesNotApply)


@pytest.mark.parametrize("expectation", [NoSurplus(), NoBody(), OneFraming(), NoLengthOfNothing(), WHOLE, READABLE])
@pytest.mark.parametrize("trouble", [RESET, NoAnswer("timeout", "no complete answer within 10 s"), answer(503)])
def test_a_network_s_trouble_says_nothing_of_messages(
    expectation: NeverAlways | NoSurplus, trouble: Response | NoAnswer
) -> None:
    found = expectation.judge(trial(read(trouble)))

    assert isinstance(found, DoesNotApply)
    assert found.unanswered


# Framing


def test_two_framings_are_one_too_many() -> None:
    both = answer(201, "{}", Content_Length="2", Transfer_Encoding="chunked")
    length, coding = answer(201, "{}", Content_Length="2"), answer(201, "{}", Transfer_Encoding="chunked")

    assert isinstance(OneFraming().judge(trial(read(both))), Broken)
    assert [OneFraming().judge(trial(read(one))) for one in (length, coding)] == [Holds(), Holds()]


def test_a_204_needs_no_length() -> None:
    with_length = read(answer(204, Content_Length="0"), method="OPTIONS")

    assert isinstance(NoLengthOfNothing().judge(trial(with_length)), Broken)
    assert NoLengthOfNothing().judge(trial(read(answer(204), method="OPTIONS"))) == Holds()
    assert NoLengthOfNothing().judge(trial(read(answer(201, "{}", Content_Length="2")))) == Holds()


# Heads


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 599 \r\n\r\n",
        b"HTTP/1.1 422 Donn\xe9es\tinvalides\r\nX-Empty:\r\nX:  spaces \t \r\nX-Latin: \xe9\xff\r\nx_1: a:b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\nA: c\r\n\r\n",
    ],
)
def test_a_head_in_the_grammar_has_no_departures(head: bytes) -> None:
    assert is_well_written(head)
    assert list(departures(head)) == []


@pytest.mark.parametrize(
    ("head", "kinds"),
    [
        (b"HTTP/1.1 200 OK\nA: b\n\n", ["line end"]),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\n", ["line end"]),
        (b"HTTP/1.1 200\r\n\r\n", ["space"]),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\tD: e\r\n\r\n", ["folding", "folding"]),
        (b"HTTP/1.1 200 OK\r\nA: b\x01\r\nB: \x7f\r\n\r\n", ["control", "control"]),
        (b"HTTP/1.1 200 O\x08K\r\n\r\n", ["reason"]),
        (b"HTTP/1.1 600 OK\r\n\r\n", ["status"]),
        (b"HTTP/2.0 200 OK\r\n\r\n", ["version"]),
        (b"HTTP/0.9 999\n\n", ["line end", "version", "status", "space"]),
        (b"HTTP/1.1  200 OK\r\n\r\n", ["status line"]),
    ],
)
def test_a_head_outside_of_the_grammar_is_told_where(head: bytes, kinds: list[str]) -> None:
    assert not is_well_written(head)
    assert [found.kind for found in departures(head)] == kinds


def test_what_recipients_are_told_to_take_is_apart_from_the_rest() -> None:
    act = read(replace(created(), head=b"HTTP/1.1 201\r\nX-Long: a\r\n\tb\r\n\r\n"))

    strict = WellWritten(lenient=False).judge(trial(act))
    lenient = WellWritten(lenient=True).judge(trial(act))

    assert isinstance(strict, Broken)
    assert isinstance(lenient, Broken)
    assert (strict.kind, lenient.kind) == ("folding", "space")
    assert WellWritten(lenient=False).judge(trial(read(created()))) == Holds()


# Broken messages that are asked for again


class Random:
    """A target that answers, or not, as it is told each time."""

    def __init__(self, answers: Callable[[], Response | NoAnswer]) -> None:
        self._answers = answers
        self.sent = 0

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """One more answer."""
        assert gate is None
        self.sent += 1
        return Exchange(request, self._answers(), 0.0, 0.001)


def courier_to(target: Random) -> Courier:
    return Courier(
        target,
        IDENTITY,
        path=OPERATION,
        evidence=Unrecorded(),
        rules=SUITE.rules,
        redactor=Redactor(),
        patience=0,
    )


def sent(courier: Courier, times: int = 1) -> list[Reading]:
    """So many cases, each under a name of its own."""
    cases = [replace(plain(SUITE.contract), id=f"case {number}") for number in range(times)]
    readings = [courier.send(case) for case in cases]
    return [one for one in readings if one is not None]


@pytest.mark.parametrize(("trouble", "expectation"), [(CUT, WHOLE), (GARBAGE, READABLE)])
def test_what_is_broken_each_time_is_the_server_s_doing(trouble: NoAnswer, expectation: NeverAlways) -> None:
    target = Random(lambda: trouble)

    (act,) = sent(courier_to(target))

    assert act.exchange.earlier == (trouble.kind,) * (SURE - 1)
    found = expectation.judge(trial(act))
    assert isinstance(found, Broken)
    assert found.got == f"{trouble.detail}, {SURE} times out of {SURE}"
    assert target.sent == SURE


@pytest.mark.parametrize("kind", ["cut-short", "not-http"])
@pytest.mark.parametrize("others", [(RESET,), (answer(503),), (GARBAGE, CUT)])
def test_what_is_broken_only_once_is_not(kind: NoAnswerKind, others: tuple[Response | NoAnswer, ...]) -> None:
    broken = CUT if kind == "cut-short" else GARBAGE
    answers: Iterator[Response | NoAnswer] = iter([*others, *[broken] * SURE])

    (act,) = sent(courier_to(Random(lambda: next(answers))))

    assert isinstance(NeverAlways(kind, "").judge(trial(act)), DoesNotApply)
    assert len(act.exchange.earlier) == 1


def test_an_answer_that_comes_in_the_end_is_the_one_that_counts() -> None:
    answers: Iterator[Response | NoAnswer] = iter([CUT, CUT, CUT, created()])

    (act,) = sent(courier_to(Random(lambda: next(answers))))

    assert act.accepted
    assert WHOLE.judge(trial(act)) == Holds()


def test_few_cases_are_made_sure_of_and_the_same_ones_again() -> None:
    target = Random(lambda: CUT)
    courier = courier_to(target)

    attempts = [len(one.exchange.earlier) + 1 for one in [*sent(courier, MADE_SURE_OF + 2), *sent(courier)]]

    assert attempts == [SURE] * MADE_SURE_OF + [2, 2] + [SURE]


def test_a_target_that_breaks_each_message_has_not_gone_away() -> None:
    courier = courier_to(Random(lambda: CUT))

    sent(courier, BREAKER)

    assert courier.stopped is None


def now_and_then(trouble: NoAnswer, seed: int) -> Callable[[], Response | NoAnswer]:
    """One answer in three is `trouble`, at random."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    return lambda: trouble if chance.random() < 1 / 3 else created()


@pytest.mark.parametrize("trouble", [CUT, GARBAGE])
def test_a_target_that_breaks_one_message_in_three_at_random_is_accused_of_nothing(trouble: NoAnswer) -> None:
    couriers = [courier_to(Random(now_and_then(trouble, seed))) for seed in range(100)]

    readings = [one for courier in couriers for one in sent(courier, 20)]

    judged = [expectation.judge(trial(one)) for one in readings for expectation in (WHOLE, READABLE)]
    assert not any(isinstance(found, Broken) for found in judged)
    assert any(isinstance(found, DoesNotApply) for found in judged), "some were broken twice, and not judged"


def test_once_a_message_was_broken_and_then_whole_no_case_is_made_sure_of() -> None:
    answers: Iterator[Response | NoAnswer] = iter([CUT, created(), *[CUT] * SURE])

    _first, second = sent(courier_to(Random(lambda: next(answers))), 2)

    assert second.exchange.earlier == ("cut-short",)
    assert isinstance(WHOLE.judge(trial(second)), DoesNotApply)


def test_an_answer_from_in_front_is_a_whole_message_and_not_blamed_for_its_form() -> None:
    page = replace(firewall(), surplus=b"\n<!-- cached -->")

    judged = [one.judge(trial(read(page))) for one in (WHOLE, NoSurplus())]

    assert isinstance(judged[0], Holds)
    assert isinstance(judged[1], DoesNotApply)
    assert not judged[1].unanswered
