"""Owns that it makes no difference whether exchanges are watched in this process or in one beside it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.meta.trials import RULES

from invoice_conformance import process, session
from invoice_conformance.config import Settings
from invoice_conformance.engine import Engine
from invoice_conformance.killing import MARK, Called, afterwards, courier_to
from invoice_conformance.lookout import Lookout, posted
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.session import Suite, run
from invoice_conformance.verdict import Judge, exit_code_of, outcome_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from invoice_conformance.plan import Plan
    from invoice_conformance.report.document import Report

SUITE: Final = Suite.load()
PLAN: Final = SUITE.plan(Settings(profile="quick"))
SHORT: Final = SUITE.plan(Settings(profile="quick", case=("amountMinor:*",)))


def a_lookout(plan: Plan) -> AbstractContextManager[Lookout | None]:
    return posted(Judge(plan, SUITE.catalogue, RULES).brief, RULES, plan.checks)


def judged(lookout: Lookout | None, *faults: str, plan: Plan = SHORT) -> Judge:
    """The judge of a run against a server with faults, after a closer look at what was found."""
    judge = Judge(plan, SUITE.catalogue, RULES)
    judge.post(lookout)
    Engine(plan, courier_to(Called(faults, 0.0), RULES, MARK), judge, concurrency=0).run(after=afterwards)
    return judge


def told(judge: Judge) -> dict[str, Any]:
    """All that a report is made of."""
    findings = [
        {
            **{
                name: value for name, value in vars(found).items() if name not in {"check", "trial", "script", "broken"}
            },
            "check": found.check.name,
            "broken": (found.broken.expected, found.broken.got, found.broken.kind, found.broken.field),
            "came": [(reading.meaning, reading.exchange) for reading in found.trial.all()],
            "script": found.script and found.script.id,
        }
        for found in judge.findings()
    ]
    rows = [(row.requirement.id, row.verdict, row.judged, row.reason, row.otherwise) for row in judge.rows()]
    return {"findings": findings, "rows": rows, "met": judge.met()}


@pytest.mark.parametrize(
    "faults",
    [
        (),
        ("amount-stored-as-float32", "currency-cut-to-three", "id-constant"),
        ("answered-200-every-seventh", "body-truncated", "created-at-local"),
    ],
    ids=",".join,
)
def test_a_lookout_sees_what_would_have_been_seen_here(faults: tuple[str, ...]) -> None:
    here = told(judged(None, *faults, plan=PLAN))

    with a_lookout(PLAN) as lookout:
        beside = told(judged(lookout, *faults, plan=PLAN))

    assert bool(here["findings"]) == bool(faults)
    assert beside == here


def test_a_lookout_that_ends_early_is_a_defect_of_ours_and_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen[bytes]] = []
    start = process.started

    def noted(module: str) -> subprocess.Popen[bytes] | None:
        child = start(module)
        children.extend([child] if child is not None else [])
        return child

    monkeypatch.setattr(process, "started", noted)
    # So little is told of that it waits to be written when the pipe is closed.
    plan = SUITE.plan(Settings(profile="quick", case=("amountMinor:minimum",)))

    with a_lookout(plan) as lookout:
        assert lookout is not None
        until = time.monotonic() + 30
        while lookout.state == "coming" and time.monotonic() < until:
            time.sleep(0.01)
        children[0].kill()
        children[0].wait()
        rows = judged(lookout, plan=plan).rows()

    unknown = {row.requirement.id: row.reason for row in rows if row.verdict == "error"}
    assert {"HEAD-NOSNIFF", "RESOURCE-ID-DISTINCT", "AMOUNT-ECHO"} <= unknown.keys()
    assert set(unknown.values()) == {"defect of the suite: the process that watches ended early, with -9"}
    assert exit_code_of(rows, outcome_of(rows), "must") == 6


@pytest.mark.parametrize("interpreter", ["", "there is no such program"])
def test_where_no_process_can_be_started_there_is_no_lookout(monkeypatch: pytest.MonkeyPatch, interpreter: str) -> None:
    monkeypatch.setattr(sys, "executable", interpreter)

    with a_lookout(SHORT) as lookout:
        assert lookout is None


@pytest.mark.parametrize("interpreter", ["true", "false", "cat", "yes"])
def test_what_a_lookout_that_never_came_was_to_see_is_seen_here(
    monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    here = told(judged(None, "id-constant"))
    monkeypatch.setattr(sys, "executable", interpreter)

    with a_lookout(SHORT) as lookout:
        assert lookout is not None
        instead = told(judged(lookout, "id-constant"))

    assert instead == here


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("module", ["lookout", "drawing"])
def test_what_works_beside_a_command_ends_when_that_is_killed(module: str) -> None:
    program = (
        "import time\n"
        "from invoice_conformance import process\n"
        f"print(process.started('invoice_conformance.{module}').pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603 - our own program
        assert parent.stdout is not None
        child = Path("/proc") / parent.stdout.readline().strip()
        assert lives(child)

        parent.kill()

    until = time.monotonic() + 10
    while lives(child):
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.05)


def lives(child: Path) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return " Z " not in child.joinpath("stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(("shortest", "cores"), [(1, 2), (1, 1), (10_000, 2)])
def test_a_run_says_the_same_with_a_lookout_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shortest: int, cores: int
) -> None:
    started: list[str] = []

    def counted(module: str) -> Any:  # noqa: ANN401 - a process
        started.append(module)
        return start(module)

    start = process.started
    monkeypatch.setattr(session, "WATCHED_BESIDE", shortest)
    monkeypatch.setattr(process, "cores", lambda: cores)
    monkeypatch.setattr(process, "started", counted)

    report = reported("amount-stored-as-float32", tmp_path)

    assert ("invoice_conformance.lookout" in started) == (shortest == 1 and cores > 1)
    assert {row["id"]: row["verdict"] for row in report["requirements"] if row["verdict"] != "not-selected"} == {
        "AMOUNT-ECHO": "fail",
        "RESOURCE-ID-DISTINCT": "pass",
    }


def reported(fault: str, folder: Path) -> Report:
    """The report of a run of a few requirements against a server with a fault."""
    with ReferenceServer(faults=[fault]) as server:
        settings = Settings(
            base_url=server.url,
            token=server.token,
            tenant_id=server.tenant_id,
            contract_id=server.contract_id,
            profile="quick",
            requirement=("AMOUNT-ECHO", "RESOURCE-ID-DISTINCT"),
            case=("amountMinor:*",),
            out=folder,
        )
        return run(SUITE, settings, SUITE.plan(settings)).report
