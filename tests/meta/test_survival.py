"""Owns the claim that what brings a server down is found out, and that a server which loses requests is not accused.

It must not know how the closer look goes about it, but for how often it asks.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.trials import answer, read, silence

from invoice_conformance import __version__, survival, testimony
from invoice_conformance.checks import Script
from invoice_conformance.config import OPERATION, Settings
from invoice_conformance.engine import Engine
from invoice_conformance.evidence import EVIDENCE
from invoice_conformance.exchange import Exchange, NoAnswer, Wire
from invoice_conformance.expect_steady import ROUNDS
from invoice_conformance.killing import IDENTITY, Called, KillTable
from invoice_conformance.recipes import plain
from invoice_conformance.redaction import Redactor
from invoice_conformance.reduce import understand
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.rejudge import rejudged
from invoice_conformance.sending import Courier, Unrecorded
from invoice_conformance.session import Suite, run
from invoice_conformance.survival import CONFIRMED
from invoice_conformance.trial import Reading
from invoice_conformance.verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from invoice_conformance.exchange import Request

ROWS: Final = ("STEADY-ANSWERED", "STEADY-ANSWERED-UNUSUAL")


class Losing(Called):
    """A server that loses requests, whatever they say, as `loses` decides."""

    def __init__(self, faults: tuple[str, ...], loses: Callable[[], bool]) -> None:
        super().__init__(faults)
        self._loses = loses

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """The server's answer, or none."""
        if gate is None and self._loses():
            return Exchange(request, NoAnswer("reset", "the connection was reset"), 0.0, 0.01)
        return super().send(request, gate=gate)


@pytest.fixture(scope="module")
def table() -> KillTable:
    return KillTable.drawn()


def judged(table: KillTable, target: Called) -> Judge:
    """The judge of a whole run."""
    courier = Courier(
        target,
        IDENTITY,
        path=OPERATION,
        evidence=Unrecorded(),
        rules=table.suite.rules,
        redactor=Redactor(),
        control=plain(table.suite.contract),
        patience=0,
    )
    judge = Judge(table.plan, table.suite.catalogue, table.suite.rules)
    done = Engine(table.plan, courier, judge, concurrency=0).run(after=understand)
    assert done.stopped is None
    return judge


def verdicts(table: KillTable, target: Called) -> dict[str, str]:
    """What the rows on no-answers end as."""
    return {row.requirement.id: row.verdict for row in judged(table, target).rows() if row.requirement.id in ROWS}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.05, 1 / 3, 0.5])
def test_a_server_that_loses_requests_at_random_is_not_accused(table: KillTable, seed: int, share: float) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose

    found = verdicts(table, Losing((), lambda: chance.random() < share))

    assert "fail" not in found.values()


def test_what_kills_a_worker_is_found_on_a_server_that_loses_requests_too(table: KillTable) -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable on purpose

    found = verdicts(table, Losing(("nul-kills-worker",), lambda: chance.random() < 0.01))

    assert found["STEADY-ANSWERED"] == "fail"


class ErringOnce(Called):
    """A server that answers its 500th request with 500, and no other."""

    _count = 0

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """The server's answer, but once."""
        self._count += 1
        exchange = super().send(request, gate=gate)
        return replace(exchange, answer=answer(500)) if self._count == ONCE else exchange


ONCE: Final = 500


def test_what_goes_wrong_once_is_a_finding_and_unstable(table: KillTable) -> None:
    judge = judged(table, ErringOnce(()))

    unsteady = {found.requirement: found.unstable for found in judge.findings()}
    assert unsteady.get("RESPONSE-NO-SERVER-ERROR") is True
    assert all(unsteady.values())


def settings_for(server: ReferenceServer, out: Path, **more: object) -> Settings:
    return Settings(
        base_url=server.url,
        token=server.token,
        tenant_id=server.tenant_id,
        contract_id=server.contract_id,
        other_tenant_id=server.other_tenant_id,
        other_contract_id=server.other_contract_id,
        profile="quick",
        out=out,
        **more,  # type: ignore[arg-type] # options of one test each
    )


def test_a_server_that_cuts_off_every_refusal_has_not_gone_away(tmp_path: Path) -> None:
    suite = Suite.load()

    with ReferenceServer(("refusals-cut-off",)) as server:
        settings = settings_for(server, tmp_path, requirement=("BODY-*", *ROWS), case=("*:type=*", "*:over *"))
        plan = suite.plan(settings)
        result = run(suite, settings, plan)

    rows = {row.requirement.id: row for row in result.rows}
    assert result.done.stopped is None
    assert result.outcome == "not-conformant"
    assert {name for name, row in rows.items() if row.verdict == "fail"} == {"STEADY-ANSWERED"}
    assert rows["BODY-MAXIMUM"].verdict == "inconclusive"
    assert 1 < len(rows["STEADY-ANSWERED"].findings) <= CONFIRMED
    records = testimony.read((tmp_path / EVIDENCE).read_bytes())
    judged = rejudged(suite, settings, plan, records, version=__version__)
    again = {row.requirement.id: row.verdict for row in judged.rows}
    assert judged.complaints == ()
    assert again == {name: row.verdict for name, row in rows.items()}


@pytest.mark.parametrize(
    ("fault", "case", "row"),
    [
        ("huge-exponent-hangs", "a huge exponent", "STEADY-ANSWERED"),
        ("large-body-cut-off", "a body of 66000 octets", "STEADY-ANSWERED-UNUSUAL"),
        ("unauthenticated-cut-off", "no Authorization", "STEADY-ANSWERED-UNUSUAL"),
        ("duplicate-kills-worker", "an ordinary number used again", "STEADY-ANSWERED"),
    ],
)
def test_what_brings_a_server_down_is_named_over_real_connections(
    tmp_path: Path, fault: str, case: str, row: str
) -> None:
    suite = Suite.load()

    with ReferenceServer((fault,)) as server:
        settings = settings_for(server, tmp_path, requirement=(row,), case=(case,), timeout=1.0)
        result = run(suite, settings, suite.plan(settings))

    (finding,) = result.judge.findings()
    assert finding.requirement == row
    assert finding.broken.got.startswith(f"{ROUNDS} times no answer")
    assert finding.cases == [case]
    assert not finding.unstable


def test_a_request_that_held_back_its_body_may_be_given_up() -> None:
    gone = read(silence())
    request = replace(gone.exchange.request, wire=Wire(waits=True))
    waiting = Reading(replace(gone.exchange, request=request), gone.meaning, gone.rules)
    script = Script.alone(plain(gone.rules.contract))

    told = [survival._may_tell((script, one)) for one in (gone, waiting)]  # noqa: SLF001 - runs take minutes

    assert told == [True, False]
