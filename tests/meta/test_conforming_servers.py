"""Owns the claim that the suite accuses no conforming server: each takes liberties, and only those are named.

It must not know how a server is built, nor which case tells what; it compares exact sets of requirements.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.conforming import (
    CONTRACT,
    OTHER_CONTRACT,
    OTHER_TENANT,
    SERVERS,
    TENANT,
    TOKEN,
    Started,
    expected_failures,
    may_stay_open,
)

from invoice_conformance.config import Settings
from invoice_conformance.session import Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from invoice_conformance.account import Finding, Verdict
    from invoice_conformance.verdict import Row

NAMES: Final = ("asyncio_server", "aiohttp_server", "flask_server", "falcon_server")
LIBRARIES: Final = {"flask_server": ("flask",), "falcon_server": ("falcon", "orjson", "waitress")}
"""What a server is built on beyond what the suite needs anyway."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    return Suite.load()


@pytest.fixture(scope="module", params=NAMES)
def server_path(request: pytest.FixtureRequest) -> Path:
    for library in LIBRARIES.get(request.param, ()):
        pytest.importorskip(library)
    return SERVERS / f"{request.param}.py"


@pytest.fixture(scope="module")
def server(server_path: Path) -> Iterator[Started]:
    with Started(server_path) as started:
        yield started


@pytest.fixture(scope="module")
def settings(server: Started) -> Settings:
    return Settings(
        base_url=server.url,
        token=TOKEN,
        tenant_id=TENANT,
        contract_id=CONTRACT,
        other_tenant_id=OTHER_TENANT,
        other_contract_id=OTHER_CONTRACT,
        profile="quick",
    )


@pytest.fixture(scope="module")
def rows(suite: Suite, settings: Settings) -> tuple[Row, ...]:
    """What a standard run ends with, the first on this server."""
    return judged(suite, replace(settings, profile="standard"))


def test_a_standard_run_accuses_it_of_nothing_but_its_liberties(rows: tuple[Row, ...], server_path: Path) -> None:
    check(rows, server_path)


def test_a_quick_run_after_it_with_another_seed_gives_the_same_verdicts(
    rows: tuple[Row, ...], suite: Suite, settings: Settings
) -> None:
    again = judged(suite, replace(settings, seed=1))

    assert verdicts(again) == verdicts(rows)


def check(rows: tuple[Row, ...], server_path: Path) -> None:
    """No MUST fails or stays open; the failing SHOULD rows are exactly the server's own liberties."""
    assert accusations(rows, "MUST") == {}
    assert {row.requirement.id for row in failures(rows, "SHOULD")} == expected_failures(server_path)
    assert undecided(rows) <= may_stay_open(server_path)


def judged(suite: Suite, settings: Settings) -> tuple[Row, ...]:
    """The rows that a whole run ends with."""
    result = run(suite, settings, suite.plan(settings), writes=False)
    assert result.done.stopped is None
    return result.rows


def verdicts(rows: tuple[Row, ...]) -> dict[str, Verdict]:
    """The verdict of each requirement."""
    return {row.requirement.id: row.verdict for row in rows}


def failures(rows: tuple[Row, ...], level: str) -> list[Row]:
    """The rows of a level that failed."""
    return [row for row in rows if row.requirement.level == level and row.verdict == "fail"]


def undecided(rows: tuple[Row, ...]) -> set[str]:
    """The requirements that were not judged."""
    return {row.requirement.id for row in rows if row.verdict not in {"pass", "fail"}}


def accusations(rows: tuple[Row, ...], level: str) -> dict[str, list[str]]:
    """What a run holds against a server at a level, or leaves open there, in words."""
    return {
        row.requirement.id: [in_words(found) for found in row.findings] or [f"{row.verdict}: {row.reason}"]
        for row in rows
        if row.requirement.level == level and not row.requirement.contested and row.verdict != "pass"
    }


def in_words(found: Finding) -> str:
    """A finding as one line: its case, what was expected, what came."""
    case = found.script.id if found.script else found.trial.id
    return f"{case}: expected {found.shown.expected}; got {found.shown.got}"
