"""What the expectations on a server over a run say of exchanges made by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from tests.meta.trials import PLAIN, created, firewall, read, refusal, silence, trial

from invoice_conformance.exchange import NoAnswer, Wire
from invoice_conformance.expect_steady import (
    ENOUGH,
    LARGE,
    ROUNDS,
    KeepsServing,
    LatencySteady,
    PlainEachTime,
    SameWhateverBefore,
)
from invoice_conformance.steady_recipes import latency
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Trial

GOOD: Final = read(created())
LOST: Final = read(silence())


def padded(reading: Reading, spaces: int) -> Reading:
    """The same of a request whose body is followed by that many spaces."""
    request = replace(reading.exchange.request, wire=Wire(padding=spaces))
    return Reading(replace(reading.exchange, request=request), reading.meaning, reading.rules)


def by_turns(act: Reading, twin: Reading, turns: int = ROUNDS) -> Trial:
    return Trial("trial", {"act": (act,) * turns, "twin": (twin,) * turns})


@pytest.mark.parametrize("kind", ["reset", "closed", "timeout"])
def test_a_body_that_never_has_an_answer_beside_plain_ones_that_have_breaks_the_server(kind: str) -> None:
    act = read(NoAnswer(kind, "nothing"), amountMinor="1")  # type: ignore[arg-type] # one of its literals

    judged = KeepsServing("ordinary").judge(by_turns(act, GOOD))

    assert isinstance(judged, Broken)
    assert (judged.field, judged.kind) == ("amountMinor", kind)


@pytest.mark.parametrize(
    "undecided",
    [
        by_turns(LOST, GOOD, ROUNDS - 1),
        by_turns(LOST, LOST),
        by_turns(LOST, read(refusal(503))),
        by_turns(read(NoAnswer("refused", "nothing listens")), GOOD),
        trial(LOST),
    ],
    ids=["too seldom", "nor had the plain ones", "the server is full", "nothing listens", "not looked at"],
)
def test_without_proof_a_lost_request_is_undecided(undecided: Trial) -> None:
    judged = KeepsServing("ordinary").judge(undecided)

    assert isinstance(judged, DoesNotApply)
    assert judged.unanswered


def test_one_answer_shows_that_it_was_chance() -> None:
    acts = (*(LOST,) * (ROUNDS - 1), read(refusal()))

    judged = KeepsServing("ordinary").judge(Trial("trial", {"act": acts, "twin": (GOOD,) * ROUNDS}))

    assert judged == Holds()


@pytest.mark.parametrize(
    "act",
    [
        read(silence(), body=b" " * (LARGE + 1)),
        padded(read(silence()), LARGE),
        read(silence(), method="PUT"),
        read(silence(), accept="text/html"),
    ],
    ids=["large body", "padded body", "method", "head"],
)
def test_a_large_body_and_an_unusual_head_are_another_requirement(act: Reading) -> None:
    ordinary = KeepsServing("ordinary").judge(by_turns(act, GOOD))
    unusual = KeepsServing("unusual").judge(by_turns(act, GOOD))

    assert isinstance(ordinary, DoesNotApply)
    assert isinstance(unusual, Broken)


BEFORE: Final = read(created(), dueAt='"2021-02-03T04:05:06.000Z"')
LEFT: Final = read(created(dueAt='"2021-02-03T04:05:06.000Z"'))


@pytest.mark.parametrize(
    ("acts", "kind"),
    [
        ((read(refusal(422)),) * 2, "422"),
        ((LEFT,) * 2, "dueAt kept"),
        ((read(created(amountMinor="777")),) * 2, "amountMinor another value"),
    ],
    ids=["refused", "a date of the request before", "another amount"],
)
def test_a_plain_invoice_that_goes_wrong_after_another_request_depends_on_it(
    acts: tuple[Reading, ...], kind: str
) -> None:
    judged = SameWhateverBefore().judge(Trial("after", {"twin": (GOOD,), "before": (BEFORE,), "act": acts}))

    assert isinstance(judged, Broken)
    assert judged.kind == kind


@pytest.mark.parametrize(
    ("twin", "acts", "expected"),
    [
        (GOOD, (GOOD, GOOD), Holds),
        (GOOD, (read(refusal()), GOOD), Holds),
        (GOOD, (read(refusal()), LEFT), Holds),
        (GOOD, (LOST, read(refusal())), DoesNotApply),
        (read(refusal()), (read(refusal()), read(refusal())), DoesNotApply),
        # A default that the server fills in has nothing to do with the request before.
        (GOOD, (read(created(dueAt='"2030-01-01T00:00:00.000Z"')),) * 2, Holds),
    ],
    ids=["fine", "once", "otherwise", "lost", "always refused", "a default"],
)
def test_what_comes_and_goes_or_is_always_so_does_not(
    twin: Reading, acts: tuple[Reading, ...], expected: type[Judged]
) -> None:
    judged = SameWhateverBefore().judge(Trial("after", {"twin": (twin,), "before": (BEFORE,), "act": acts}))

    assert isinstance(judged, expected)


def measured(
    *, early: float, late: float, refused: tuple[float, float] = (0.01, 0.01), invoices: int = ENOUGH, worst: float = 9
) -> Judged:
    """What the fold says at the end of a run in which the best create took so long, another one longer."""
    fold: LatencySteady = latency()
    fold.invoices = invoices
    times = {"early": early, "early refused": refused[0], "late": late, "late refused": refused[1]}
    said: Judged = Holds()
    for name, moment in sorted(fold.moments.items(), key=lambda item: (item[1] == "late", item[0])):
        seconds = worst if name.endswith("1") else times[moment]
        came = refusal() if moment.endswith("refused") else created()
        reading = read(came, amountMinor='"5000"' if moment.endswith("refused") else PLAIN["amountMinor"])
        meaning, exchange = replace(reading.meaning, id=name), replace(reading.exchange, elapsed=seconds)
        said = fold.observe(replace(reading, meaning=meaning, exchange=exchange))
    return said


def test_creates_that_take_ever_longer_while_refusals_do_not_are_found() -> None:
    judged = measured(early=0.01, late=0.6)

    assert isinstance(judged, Broken)
    assert judged.kind == "slower"


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        (measured(early=0.01, late=0.2), Holds),
        (measured(early=0.3, late=1.2), Holds),
        (measured(early=0.01, late=0.6, refused=(0.01, 0.5)), DoesNotApply),
        (measured(early=0.01, late=0.6, invoices=10), DoesNotApply),
    ],
    ids=["a little", "slow from the first", "everything is slower", "too few invoices"],
)
def test_a_noisy_machine_is_no_finding(judged: Judged, expected: type[Judged]) -> None:
    assert isinstance(judged, expected)


def test_a_plain_invoice_is_not_refused_once_others_were_accepted() -> None:
    fold = PlainEachTime()
    refused = read(refusal())

    judged = [fold.observe(one) for one in (refused, GOOD, GOOD, refused, read(refusal(400)))]

    assert [type(one) for one in judged] == [DoesNotApply, Holds, Holds, Broken, Broken]


@pytest.mark.parametrize(
    "other",
    [
        read(refusal(409)),
        read(refusal(429)),
        read(firewall()),
        LOST,
        read(refusal(), amountMinor="1"),
        read(refusal(), body=b"{}"),
        read(refusal(), body=GOOD.exchange.request.body.replace(b",", b", ")),
    ],
    ids=["a used number", "too many", "a firewall", "lost", "another amount", "another body", "other white space"],
)
def test_a_refusal_of_something_else_says_nothing_of_plain_invoices(other: Reading) -> None:
    fold = PlainEachTime()
    fold.observe(GOOD)

    assert isinstance(fold.observe(other), DoesNotApply)
