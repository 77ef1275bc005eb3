"""Owns what the mixed invoices promise: legal, in every kind of currency, and sent once for two purposes."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from invoice_conformance.case import sample
from invoice_conformance.config import Settings
from invoice_conformance.engine import Engine
from invoice_conformance.killing import MARK, Called, afterwards, courier_to
from invoice_conformance.mixtures import DUE, KINDS, mixtures
from invoice_conformance.recipes import BETWEEN
from invoice_conformance.session import Suite
from invoice_conformance.verdict import Judge

if TYPE_CHECKING:
    from invoice_conformance.case import Case
    from invoice_conformance.trial import Reading
    from invoice_conformance.verdict import Row

SUITE: Final = Suite.load()
MIXED: Final = mixtures(SUITE.contract)
DATES: Final = ("issuedAt", "paidAt", "dueAt")


def body_of(case: Case) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(sample(case))
    return body


@pytest.mark.parametrize("case", MIXED, ids=lambda case: case.id)
def test_a_mixed_invoice_must_be_accepted(case: Case) -> None:
    judgement = SUITE.rules.oracle.judge(sample(case))

    assert (judgement.kind, judgement.level) == ("valid", "MUST")


@pytest.mark.parametrize("case", MIXED, ids=lambda case: case.id)
def test_a_mixed_invoice_is_issued_then_paid_then_due(case: Case) -> None:
    body = body_of(case)

    dates = [body[name] for name in DATES if body.get(name)]

    assert dates == sorted(dates)


def test_each_kind_of_currency_has_an_invoice_whose_amount_no_coin_makes_up() -> None:
    amounts = {body["currencyCode"]: body["amountMinor"] for body in map(body_of, MIXED)}

    assert amounts.keys() == {code for kind in KINDS for code in kind}
    assert [amount for amount in amounts.values() if not amount % 2 or not amount % 5] == []


def test_the_dates_are_there_null_and_absent_in_every_combination() -> None:
    states = Counter(tuple(type(body.get(name, ...)).__name__ for name in DATES) for body in map(body_of, MIXED))

    assert len(states) == 27
    assert {body.get("dueAt") for body in map(body_of, MIXED)} > {*DUE}


@pytest.mark.parametrize("profile", ["quick", "standard"])
def test_they_are_enough_to_stand_between_two_uses_of_a_number(profile: str) -> None:
    assert len(MIXED) >= BETWEEN[profile]


class Listening(Judge):
    """A judge that remembers what it was shown."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401 - a judge's
        super().__init__(*arguments)
        self.seen: list[str] = []

    def exchange(self, reading: Reading) -> None:
        """Remember the case, and judge it."""
        self.seen.append(reading.meaning.id)
        super().exchange(reading)


def judged(*requirements: str, faults: tuple[str, ...] = ()) -> tuple[list[str], dict[str, Row]]:
    """What was sent for some requirements, and their rows."""
    plan = SUITE.plan(Settings(profile="quick", requirement=requirements))
    judge = Listening(plan, SUITE.catalogue, SUITE.rules)
    Engine(plan, courier_to(Called(faults), SUITE.rules, MARK), judge, concurrency=0).run(after=afterwards)
    return judge.seen, {row.requirement.id: row for row in judge.rows()}


@pytest.mark.parametrize("requirements", [("BODY-ACCEPTED",), ("UNIQUE-NUMBER",), ("BODY-ACCEPTED", "UNIQUE-NUMBER")])
def test_they_are_sent_once_whoever_asks_for_them(requirements: tuple[str, ...]) -> None:
    seen, rows = judged(*requirements)

    assert {seen.count(case.id) for case in MIXED} == {1}
    assert {rows[name].verdict for name in requirements} == {"pass"}


def test_what_is_sent_between_two_uses_of_a_number_is_judged_for_itself_too() -> None:
    fault = "shilling-not-in-hundreds-refused"

    _seen, rows = judged("BODY-ACCEPTED", "UNIQUE-NUMBER", faults=(fault,))

    assert {name: row.verdict for name, row in rows.items() if row.verdict in {"pass", "fail"}} == {
        "BODY-ACCEPTED": "fail",
        "UNIQUE-NUMBER": "pass",
    }
