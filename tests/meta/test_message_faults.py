"""Each fault that breaks an answer on the wire breaks exactly the requirements that name it, over real connections.

Most show in the few cases that the message rows have of their own; a fault that other rows name too gets a whole run.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import pytest

from invoice_conformance.catalogue import Catalogue
from invoice_conformance.config import Settings
from invoice_conformance.killing import IDENTITY
from invoice_conformance.reference.embed import FaultFarm, ReferenceServer
from invoice_conformance.reference.faults import FAULTS
from invoice_conformance.session import Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOGUE: Final = Catalogue.load()
ON_THE_WIRE: Final = tuple(name for name, fault in FAULTS.items() if fault.breaks is not None)
AT_ONCE: Final = 5
"""Runs under way at the same moment: most of their time they wait before they send a case again."""

Failing = dict[str, tuple[str, ...]]


def failing_at(suite: Suite, url: str, *requirements: str) -> tuple[str, ...]:
    """The rows that fail in a run against `url`."""
    settings = Settings(
        base_url=url,
        token=IDENTITY.token,
        tenant_id=IDENTITY.tenant,
        contract_id=IDENTITY.contract,
        other_tenant_id=IDENTITY.other_tenant,
        other_contract_id=IDENTITY.other_contract,
        profile="quick",
        requirement=requirements,
    )
    result = run(suite, settings, suite.plan(settings), writes=False)
    assert result.done.stopped is None
    return tuple(sorted(row.requirement.id for row in result.rows if row.verdict == "fail"))


def named_by(fault: str) -> tuple[str, ...]:
    return tuple(sorted(row.id for row in CATALOGUE if fault in row.faults))


def selected_for(fault: str) -> tuple[str, ...]:
    """The rows that a run against a fault is about: all, when others than those of this area name it."""
    elsewhere = any(CATALOGUE.get(row).area != "message" for row in named_by(fault))
    return () if elsewhere else ("MESSAGE-*",)


@pytest.fixture(scope="module")
def suite() -> Suite:
    return Suite.load()


@pytest.fixture(scope="module")
def failing(suite: Suite) -> Iterator[Failing]:
    """What fails under each fault, and under none (the empty name)."""
    with pytest.MonkeyPatch.context() as patch:
        # Several runs at once on a busy machine: what follows an answer may come late.
        patch.setattr("invoice_conformance.target._LISTENING", 0.3)
        yield all_failing(suite)


def all_failing(suite: Suite) -> Failing:
    with FaultFarm() as farm, ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {name: pool.submit(failing_at, suite, farm.urls[name], *selected_for(name)) for name in ON_THE_WIRE}
        runs[""] = pool.submit(failing_at, suite, farm.correct_url, "MESSAGE-*")
        return {name: under_way.result() for name, under_way in runs.items()}


@pytest.mark.parametrize("fault", ON_THE_WIRE)
def test_a_fault_on_the_wire_breaks_the_requirements_that_name_it_and_no_other(failing: Failing, fault: str) -> None:
    assert failing[fault] == named_by(fault)


def test_the_server_without_a_fault_writes_its_answers_well(failing: Failing) -> None:
    assert failing[""] == ()


def test_a_fault_on_the_wire_works_with_a_server_of_its_own(suite: Suite) -> None:
    with ReferenceServer(["header-folded"]) as server:
        assert failing_at(suite, server.url, "MESSAGE-*") == ("MESSAGE-SYNTAX",)


def test_a_front_passes_on_what_it_does_not_break(suite: Suite) -> None:
    with ReferenceServer(["no-content-with-length"]) as server:
        assert failing_at(suite, server.url) == ("MESSAGE-NO-LENGTH",)
