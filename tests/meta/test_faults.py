"""Each named fault of the reference server breaks exactly the requirements that name it, and nothing else.

A fault that breaks less went unnoticed; one that breaks more means that a requirement accuses wrongly, or is not said.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.meta.killing import IDENTITY, KillTable

from invoice_conformance.catalogue import Catalogue
from invoice_conformance.config import Settings
from invoice_conformance.reference.embed import FaultFarm
from invoice_conformance.reference.faults import FAULTS
from invoice_conformance.session import Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CATALOGUE = Catalogue.load()
NEEDS_SOCKETS = frozenset({"number-checked-then-inserted"})
"""Faults that show only when requests are really under way at the same moment."""

Failing = dict[str, tuple[frozenset[str], frozenset[str]]]

_table: list[KillTable] = []


def _draw() -> None:
    _table.append(KillTable.drawn())


def _failing(fault: str) -> tuple[str, tuple[frozenset[str], frozenset[str]]]:
    return fault, _table[0].failing(*([fault] if fault else []))


@pytest.fixture(scope="module")
def failing() -> Iterator[Failing]:
    """What fails under each fault, and under none (the empty name), worked out in parallel."""
    names = ["", *sorted(FAULTS.keys() - NEEDS_SOCKETS)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context, initializer=_draw) as pool:
        yield dict(pool.map(_failing, names, chunksize=4))


def named_by(fault: str) -> frozenset[str]:
    return frozenset(row.id for row in CATALOGUE if fault in row.faults)


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - NEEDS_SOCKETS))
def test_a_fault_breaks_the_requirements_that_name_it_and_no_other(failing: Failing, fault: str) -> None:
    broken, _undecided = failing[fault]

    assert sorted(broken) == sorted(named_by(fault))


def test_the_server_without_a_fault_holds_every_requirement(failing: Failing) -> None:
    broken, undecided = failing[""]

    assert (broken, undecided) == (frozenset(), frozenset())


def test_every_fault_breaks_something() -> None:
    assert [fault for fault in FAULTS if not named_by(fault)] == []


def test_every_fault_that_a_requirement_names_exists() -> None:
    named = {fault for row in CATALOGUE for fault in row.faults}

    assert named - FAULTS.keys() == set()


@pytest.mark.parametrize("fault", sorted(NEEDS_SOCKETS))
def test_a_race_is_lost_over_real_connections(tmp_path: Path, fault: str) -> None:
    suite = Suite.load()
    settings = partial(
        Settings,
        token=IDENTITY.token,
        tenant_id=IDENTITY.tenant,
        contract_id=IDENTITY.contract,
        profile="quick",
        requirement=("UNIQUE-*",),
    )

    with FaultFarm() as farm:
        faulty = settings(base_url=farm.urls[fault], out=tmp_path / "faulty")
        correct = settings(base_url=farm.correct_url, out=tmp_path / "correct")
        broken = run(suite, faulty, suite.plan(faulty))
        whole = run(suite, correct, suite.plan(correct))

    assert {row.requirement.id for row in broken.rows if row.verdict == "fail"} == named_by(fault)
    assert [row.requirement.id for row in whole.rows if row.verdict == "fail"] == []
