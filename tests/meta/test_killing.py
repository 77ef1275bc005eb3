"""The kill table's short cut is none: what is remembered of one run is what the next would have found anew."""

from __future__ import annotations

from typing import Final

import pytest

from invoice_conformance.expect import STANDSTILL
from invoice_conformance.killing import A_REQUEST, KillTable

FAULTS: Final = ("", "id-empty")


@pytest.fixture(scope="module")
def tables() -> tuple[KillTable, KillTable]:
    """A table that remembers, and one that does not."""
    return KillTable.drawn().practise(), KillTable.drawn()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_table_that_remembers_finds_the_same(tables: tuple[KillTable, KillTable], fault: str) -> None:
    practised, plain = tables
    faults = (fault,) if fault else ()

    assert practised.failing(*faults) == plain.failing(*faults)
    assert plain.memory == {}


def test_the_correct_server_answers_the_same_in_every_run(tables: tuple[KillTable, KillTable]) -> None:
    practised, _plain = tables
    known = set(practised.memory)

    practised.practise()

    assert len(known) > 1000
    # Who comes first in a race differs.
    assert len(practised.memory) < 1.05 * len(known)


def test_a_run_is_over_before_a_second_answer_with_the_first_invoice_seems_to_stand_still(
    tables: tuple[KillTable, KillTable],
) -> None:
    practised, _plain = tables

    # A Date tells whole seconds.
    assert practised.plan.requests * A_REQUEST < STANDSTILL - 1
