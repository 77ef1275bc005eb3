"""What `plan` says that a run would send, and that it sends nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.facing import CANNED, IDENTITY, command, run, settle_in
from tests.meta.rawserver import RawServer, answer, answering

from invoice_conformance.config import Settings
from invoice_conformance.forecast import foretold
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.session import Suite

if TYPE_CHECKING:
    from pathlib import Path

CREATED = answer(CANNED, "201 Created", "Content-Type: application/json")
SOME = ("--profile", "quick", "--requirement", "AMOUNT-*", "--requirement", "UNIQUE-*")
URL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def suite() -> Suite:
    return Suite.load()


def planned(folder: Path, *arguments: str) -> dict[str, Any]:
    ran = command(folder, "plan", *arguments, "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    told: dict[str, Any] = json.loads(ran.out)
    return told


def test_it_sends_nothing_and_writes_nothing(tmp_path: Path) -> None:
    with RawServer(answering(CREATED)) as server:
        ran = command(tmp_path, "plan", server.url, *SOME)

    assert (ran.code, server.connections) == (0, 0)
    assert ran.out.startswith(f"A run against {server.url} would send this; nothing was sent now.\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("more", [(), ("--other-tenant-id", "")])
def test_a_run_sends_as_many_requests_and_makes_no_more_invoices(
    more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = {name: "" if more and "OTHER" in name else value for name, value in IDENTITY.items()}
    settle_in(monkeypatch, tmp_path, {name: value for name, value in identity.items() if value})

    with ReferenceServer() as server:
        told = planned(tmp_path, server.url, *SOME)
        ran = run(tmp_path, server.url, *SOME)

    assert ran.report["requests"] == told["requests"]
    assert 0 < ran.report["invoices_created"] <= told["invoices_at_most"]
    assert {row["id"] for row in told["requirements"]} == set(ran.verdicts)
    undecided = {name for name, verdict in ran.verdicts.items() if verdict == "inconclusive"}
    assert {row["id"] for row in told["requirements"] if row["undecided"]} == undecided
    assert ("UNIQUE-NUMBER" in {row["id"] for row in told["requirements"] if row["not_sent"]}) == bool(more)
    assert told["second_tenant"] is not bool(more)


def test_a_target_needs_no_token_to_be_planned_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path, {})

    ran = command(tmp_path, "plan", URL, *SOME)

    assert (ran.code, ran.err) == (0, "")
    assert "not judged without --other-tenant-id and --other-contract-id: UNIQUE-PER-TENANT" in ran.out


def test_it_says_on_what_the_time_rests(tmp_path: Path) -> None:
    plain = planned(tmp_path, *SOME)
    alone = planned(tmp_path, *SOME, "--concurrency", "1")
    paced = planned(tmp_path, *SOME, "--rate-limit", "2/s")

    assert plain["basis"] == {"latency_ms": 50, "concurrency": 16, "rate_limit": None}
    assert alone["seconds"] > plain["seconds"]
    assert paced["seconds"] == pytest.approx(paced["requests"] / 2, abs=0.1)
    shown = command(tmp_path, "plan", *SOME, "--rate-limit", "2/s").out
    assert "if each answer takes 50 ms,\n" in shown
    assert "with 16 requests under way at once (--concurrency) and 2 requests a second (--rate-limit)" in shown


def test_a_cap_and_a_waiver_are_told(tmp_path: Path) -> None:
    ran = command(tmp_path, "plan", *SOME, "--max-invoices", "7", "--without", "UNIQUE-RACE")

    assert "up to 7, which cannot be deleted; --max-invoices ends the run there" in ran.out
    assert "waived by name: UNIQUE-RACE" in ran.out


def test_one_request_after_the_other_takes_the_sum_of_them(suite: Suite) -> None:
    settings = Settings(profile="quick", requirement=("AMOUNT-*",), concurrency=1)

    told = foretold(suite, settings)

    assert told["seconds"] == pytest.approx(told["requests"] * 0.05, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--requirement", "AMOUNT-ECO"), "did you mean AMOUNT-ECHO?"),
        (("nowhere",), "the base URL has no scheme"),
        (("--requirement", "AMOUNT-ECHO", "--case", "nope"), "no case matches nope"),
    ],
)
def test_a_mistake_gives_2(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    ran = command(tmp_path, "plan", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
