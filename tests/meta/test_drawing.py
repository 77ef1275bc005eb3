"""Owns that a plan is the same whoever drew what it is made of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from invoice_conformance import drawing, process, strategies
from invoice_conformance.checks import Draw, Script
from invoice_conformance.config import Settings
from invoice_conformance.plan import draws_of
from invoice_conformance.session import Suite

if TYPE_CHECKING:
    from invoice_conformance.contract import Contract

SUITE: Final = Suite.load()
STANDARD: Final = Settings(profile="standard")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Draw]:
    """What is drawn in this process."""
    asked: list[Draw] = []
    real = strategies.drawn

    def noted(contract: Contract, draw: Draw) -> Any:  # noqa: ANN401 - of any kind
        asked.append(draw)
        return real(contract, draw)

    monkeypatch.setattr(strategies, "drawn", noted)
    return asked


@pytest.fixture(scope="module")
def alone() -> dict[str, Script]:
    """The scripts of a plan for which this process draws all."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(process, "cores", lambda: 1)
        return SUITE.plan(STANDARD).scripts


def test_two_processes_draw_the_plan_that_one_draws(
    monkeypatch: pytest.MonkeyPatch, alone: dict[str, Script], here: list[Draw]
) -> None:
    monkeypatch.setattr(process, "cores", lambda: 2)

    plan = SUITE.plan(STANDARD)

    assert plan.scripts == alone
    assert list(plan.scripts) == list(alone)
    every = draws_of(SUITE.registry, plan.scope, frozenset(row.id for row in SUITE.catalogue))
    assert 0 < len(here) < len(set(every))


def test_another_alone_draws_what_would_take_much_memory(
    monkeypatch: pytest.MonkeyPatch, alone: dict[str, Script], here: list[Draw]
) -> None:
    monkeypatch.setattr(process, "cores", lambda: 2)
    monkeypatch.setattr(drawing, "MANY", drawing.FEW)

    scripts = SUITE.plan(STANDARD).scripts

    assert here == []
    assert scripts == alone


@pytest.mark.parametrize(("interpreter", "many"), [("false", drawing.FEW), ("yes", drawing.MANY), ("", drawing.MANY)])
def test_where_no_other_process_can_draw_this_one_draws_all(
    monkeypatch: pytest.MonkeyPatch, alone: dict[str, Script], here: list[Draw], interpreter: str, many: int
) -> None:
    monkeypatch.setattr(process, "cores", lambda: 2)
    monkeypatch.setattr(drawing, "MANY", many)
    monkeypatch.setattr(sys, "executable", interpreter)

    plan = SUITE.plan(STANDARD)

    assert plan.scripts == alone
    assert set(here) == set(draws_of(SUITE.registry, plan.scope, frozenset(row.id for row in SUITE.catalogue)))


@pytest.mark.parametrize(("requirement", "shared"), [("HEAD-NOSNIFF", True), ("BODY-PATTERN", False)])
def test_what_only_watches_shares_the_draws_of_all_others(requirement: str, *, shared: bool) -> None:
    scope = SUITE.plan(STANDARD).scope
    every = set(draws_of(SUITE.registry, scope, frozenset(row.id for row in SUITE.catalogue)))

    draws = set(draws_of(SUITE.registry, scope, frozenset({requirement})))

    assert draws <= every
    assert (draws == every) == shared


def test_no_process_is_started_for_a_few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(module: str) -> None:
        raise AssertionError(f"started {module}")

    monkeypatch.setattr(process, "started", refused)

    SUITE.plan(Settings(profile="quick"))
    SUITE.plan(Settings(profile="standard", requirement=("BODY-TYPE",)))
    with drawing.beside(SUITE.plan(Settings(profile="quick")).scope, [Draw("invoices", drawing.FEW - 1, 0)]):
        pass
