"""Owns what is found out about a finding by real requests: its smallest case, its boundary, whether it is stable.

It must not know how that is done, only how many requests it may take.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from invoice_conformance import evidence
from invoice_conformance.config import Settings
from invoice_conformance.engine import Engine
from invoice_conformance.evidence import EVIDENCE
from invoice_conformance.exchange import Response
from invoice_conformance.killing import Called, courier_to
from invoice_conformance.reduce import PER_FINDING, understand
from invoice_conformance.reference.embed import FaultFarm, ReferenceServer
from invoice_conformance.session import Result, Suite, run
from invoice_conformance.verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from invoice_conformance.account import Finding
    from invoice_conformance.checks import Profile
    from invoice_conformance.exchange import Exchange, Request

SUITE: Final = Suite.load()


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as running:
        yield running


class RefusingOnce:
    """The correct server, which refuses the first yen invoice with a date that it would take otherwise."""

    def __init__(self) -> None:
        self._called = Called(())
        self.refused: list[bytes] = []

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """The answer, but for one."""
        exchange = self._called.send(request, gate=gate)
        answer = exchange.answer
        wanted = b'"JPY"' in request.body and b'At":"2' in request.body and not request.wire.waits
        if self.refused or not wanted or not isinstance(answer, Response) or answer.status != 201:
            return exchange
        self.refused.append(request.body)
        return replace(exchange, answer=replace(answer, status=422))


def run_against(
    farm: FaultFarm, fault: str, requirement: str, folder: Path, profile: Profile = "quick", *, tenants: bool = False
) -> Result:
    """The result of a run of these requirements against the server with this fault; `tenants`: it knows a second."""
    settings = Settings(
        base_url=farm.urls[fault],
        token=ReferenceServer.token,
        tenant_id=ReferenceServer.tenant_id,
        contract_id=ReferenceServer.contract_id,
        other_tenant_id=ReferenceServer.other_tenant_id if tenants else None,
        other_contract_id=ReferenceServer.other_contract_id if tenants else None,
        profile=profile,
        requirement=tuple(requirement.split()),
        out=folder,
    )
    return run(SUITE, settings, SUITE.plan(settings))


def findings_of(result: Result, requirement: str) -> list[Finding]:
    return [finding for finding in result.judge.findings() if finding.requirement == requirement]


def steps_of(folder: Path) -> Counter[str]:
    """How many requests the reduction of each case took."""
    scripts = [record.script for record in evidence.read(folder / EVIDENCE)]
    return Counter(script for script in scripts if script.endswith(", reduced") or " without " in script)


@pytest.mark.parametrize(
    ("fault", "requirement", "boundary"),
    [
        (
            "amount-int32-refused",
            "AMOUNT-ACCEPTED",
            "amountMinor=2147483648 shows it and amountMinor=2147483647 does not",
        ),
        (
            "amount-above-a-million-refused",
            "AMOUNT-ACCEPTED",
            "amountMinor=1000001 shows it and amountMinor=1000000 does not",
        ),
        (
            "amount-int32-wraps",
            "AMOUNT-ECHO",
            "amountMinor=2147483648 shows it and amountMinor=2147483647 does not",
        ),
        (
            "number-above-100-refused",
            "NUMBER-ACCEPTED",
            "invoiceNumber of 101 characters shows it and invoiceNumber of 100 characters does not",
        ),
        (
            "number-cut-at-100",
            "NUMBER-ECHO",
            "invoiceNumber of 101 characters shows it and invoiceNumber of 100 characters does not",
        ),
        ("after-2038-refused", "DATE-ACCEPTED*", "=2038-01-20 shows it and "),
    ],
)
def test_a_boundary_is_found_by_real_requests(
    farm: FaultFarm, tmp_path: Path, fault: str, requirement: str, boundary: str
) -> None:
    result = run_against(farm, fault, requirement, tmp_path)

    boundaries = {finding.boundary for finding in result.judge.findings()} - {""}
    assert boundaries, "no finding was reduced to a boundary"
    assert all(boundary in found for found in boundaries), boundaries
    assert max(steps_of(tmp_path).values()) <= PER_FINDING


def test_the_steps_of_a_reduction_are_no_findings_of_their_own(farm: FaultFarm, tmp_path: Path) -> None:
    result = run_against(farm, "amount-int32-refused", "AMOUNT-ACCEPTED", tmp_path)

    families = {finding.broken.edge.partition(":")[0] for finding in findings_of(result, "AMOUNT-ACCEPTED")}
    assert families <= {"maximum", "maximum-1", "maximum-2", "value"}


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        ("yen-with-due-date-refused", {"currencyCode", "dueAt"}),
        ("zero-amount-with-paid-date-refused", {"amountMinor", "paidAt"}),
    ],
)
def test_a_combination_is_reduced_to_the_members_it_takes(
    farm: FaultFarm, tmp_path: Path, fault: str, fields: set[str]
) -> None:
    result = run_against(farm, fault, "BODY-ACCEPTED", tmp_path)

    (finding,) = findings_of(result, "BODY-ACCEPTED")
    reading = finding.shown.reading
    assert reading is not None
    assert {name for name, _edge in reading.meaning.edits} == fields
    assert not finding.unstable
    assert finding.boundary.startswith("only when ")
    assert all(f"{name}=" in finding.boundary for name in fields)
    assert sum(steps_of(tmp_path).values()) <= 10 * PER_FINDING


def test_what_does_not_repeat_is_a_finding_all_the_same_and_marked(farm: FaultFarm, tmp_path: Path) -> None:
    result = run_against(farm, "every-50th-create-crashes", "CURRENCY-ACCEPTED", tmp_path, "standard")

    findings = findings_of(result, "CURRENCY-ACCEPTED")
    assert findings
    assert all(finding.unstable and 1 <= finding.seen < finding.sent == 3 for finding in findings)
    assert all(not finding.boundary for finding in findings)


def test_what_repeats_is_not_called_unstable(farm: FaultFarm, tmp_path: Path) -> None:
    result = run_against(farm, "amount-zero-refused", "AMOUNT-ACCEPTED", tmp_path)

    findings = findings_of(result, "AMOUNT-ACCEPTED")
    assert findings
    assert all((finding.seen, finding.sent) == (3, 3) for finding in findings)


def test_a_combination_that_is_refused_once_and_accepted_then_is_a_finding_that_comes_and_goes() -> None:
    target = RefusingOnce()
    plan = SUITE.plan(Settings(profile="quick", requirement=("BODY-ACCEPTED",)))
    judge = Judge(plan, SUITE.catalogue, SUITE.rules)
    engine = Engine(plan, courier_to(target, SUITE.rules, "REDUCE01"), judge, concurrency=0)

    engine.run(after=understand)

    assert target.refused
    (finding,) = judge.findings()
    assert (finding.requirement, finding.unstable) == ("BODY-ACCEPTED", True)


@pytest.mark.parametrize(
    ("fault", "requirement", "subject", "condition"),
    [
        ("leap-day-of-paid-invoice-shifted", "DATE-ECHO", "issuedAt=", "paidAt="),
        ("due-date-dropped-at-rate-zero", "DATE-ECHO", "dueAt=", "exchangeRate=0"),
    ],
)
def test_what_shows_only_beside_another_value_says_so(
    farm: FaultFarm, tmp_path: Path, fault: str, requirement: str, subject: str, condition: str
) -> None:
    result = run_against(farm, fault, f"{requirement} BODY-ACCEPTED", tmp_path)

    boundaries = [finding.boundary for finding in findings_of(result, requirement)]
    assert any(
        subject in words.partition(" shows it only when the invoice also has ")[0]
        and condition in words.partition(" shows it only when the invoice also has ")[2]
        for words in boundaries
    ), boundaries


def test_no_boundary_is_told_of_values_that_nobody_sent(farm: FaultFarm, tmp_path: Path) -> None:
    # The plain invoice is refused too, so its amount is no value that passes.
    result = run_against(farm, "issued-omitted-refused", "AMOUNT-ACCEPTED", tmp_path)

    findings = findings_of(result, "AMOUNT-ACCEPTED")
    assert findings
    assert [finding.boundary for finding in findings if finding.boundary] == []


def test_nothing_is_left_out_where_another_contract_is_reason_enough(farm: FaultFarm, tmp_path: Path) -> None:
    run_against(farm, "version-banner", "TENANT-* PRIVACY-*", tmp_path, tenants=True)

    # A valid body in which the contract and the dates are others, which the correct server refuses for the contract.
    assert [script for script in steps_of(tmp_path) if script.startswith("contractId:")] == []


def test_the_same_in_the_other_tenant_is_one_finding(farm: FaultFarm, tmp_path: Path) -> None:
    result = run_against(farm, "amount-stored-as-float32", "AMOUNT-ECHO PRIVACY-TENANT", tmp_path, tenants=True)

    (finding,) = findings_of(result, "AMOUNT-ECHO")
    assert finding.both_tenants
    assert "amountMinor=16777217 shows it" in finding.boundary
    reported = next(row for row in result.report["requirements"] if row["id"] == "AMOUNT-ECHO")["findings"]
    assert [one["both_tenants"] for one in reported] == [True]


def test_the_rerun_names_the_case_that_is_shown(farm: FaultFarm, tmp_path: Path) -> None:
    result = run_against(farm, "amount-stored-as-float32", "AMOUNT-ECHO", tmp_path)

    (reported,) = next(row for row in result.report["requirements"] if row["id"] == "AMOUNT-ECHO")["findings"]
    assert reported["case"] == "amountMinor:value: 2^24+1, which no 32-bit float holds"
    # The first case of the plan that showed it goes with it, so that it is found under the same id.
    assert f"--case '{reported['case']}' --case {reported['cases'][0]}" in reported["rerun"]
    assert reported["title"] == "amountMinor=16777217"
    assert reported["members"] == ["amountMinor"]
