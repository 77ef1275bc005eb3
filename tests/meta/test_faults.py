"""Each named fault of the reference server breaks exactly the requirements that name it, and nothing else.

A fault that breaks less went unnoticed; one that breaks more means that a requirement accuses wrongly, or is not said.
"""

from __future__ import annotations

import os

import pytest

from invoice_conformance.catalogue import Catalogue
from invoice_conformance.killing import Broken, KillTable, kills
from invoice_conformance.reference.faults import FAULTS

CATALOGUE = Catalogue.load()
CALLED = [name for name, fault in FAULTS.items() if fault.breaks is None]
"""Those that do not need a wire to show; test_message_faults has the others."""


@pytest.fixture(scope="module")
def failing() -> dict[str, Broken]:
    """What fails under each fault, and under none (the empty name), worked out in parallel."""
    return dict(kills(["", *CALLED], os.cpu_count() or 1))


def named_by(fault: str) -> frozenset[str]:
    return frozenset(row.id for row in CATALOGUE if fault in row.faults)


@pytest.mark.parametrize("fault", sorted(CALLED))
def test_a_fault_breaks_the_requirements_that_name_it_and_no_other(failing: dict[str, Broken], fault: str) -> None:
    broken, _undecided = failing[fault]

    assert sorted(broken) == sorted(named_by(fault))


def test_the_server_without_a_fault_holds_every_requirement(failing: dict[str, Broken]) -> None:
    broken, undecided = failing[""]

    assert (broken, undecided) == (frozenset(), frozenset())


def test_the_server_without_a_fault_holds_every_requirement_over_sockets() -> None:
    broken, undecided = KillTable.drawn().failing_over_sockets()

    assert (broken, undecided) == (frozenset(), frozenset())


def test_every_fault_breaks_something() -> None:
    assert [fault for fault in FAULTS if not named_by(fault)] == []


def test_every_fault_that_a_requirement_names_exists() -> None:
    named = {fault for row in CATALOGUE for fault in row.faults}

    assert named - FAULTS.keys() == set()
