"""Owns how judgements become verdicts, an outcome and an exit code; and that evidence says the same again.

It must not know any requirement: the rows are made by hand, but for those of whole runs.
"""

from __future__ import annotations

import csv
import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoice_conformance import __version__, evidence, testimony
from invoice_conformance.account import VERDICTS, Tally, Verdict, family_of
from invoice_conformance.catalogue import Basis, Level, Requirement
from invoice_conformance.config import Settings
from invoice_conformance.evidence import CREATED, EVIDENCE, EvidenceWriter, Record, from_json, to_json
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response, Unasked
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.rejudge import Rejudged, rejudged
from invoice_conformance.session import Result, Suite, run
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Meaning, Reading
from invoice_conformance.verdict import Effect, Gate, Judge, Outcome, Row, exit_code_of, outcome_of

if TYPE_CHECKING:
    from pathlib import Path

    from invoice_conformance.report.document import Report

SUITE: Final = Suite.load()
examples: Final = settings(derandomize=True, deadline=None, database=None, max_examples=100)

HOLDS: Final = Holds()
BROKEN: Final = Broken("one thing", "another", "kind")
ASIDE: Final = DoesNotApply("not about this")
SILENT: Final = DoesNotApply("no answer", unanswered=True)


def tally_of(*judged: Judged, own: bool = True) -> Tally:
    tally = Tally()
    for one in judged:
        tally.add(one, own=own)
    return tally


def test_what_had_no_answer_is_the_reason_before_what_was_beside_the_point() -> None:
    tally = tally_of(ASIDE, ASIDE, SILENT)

    assert (tally.verdict(), tally.reason()) == ("inconclusive", "no answer")


@pytest.mark.parametrize(
    ("judged", "verdict"),
    [
        ((), "inconclusive"),
        ((HOLDS,), "pass"),
        ((HOLDS, ASIDE), "pass"),
        ((ASIDE,), "inconclusive"),
        ((SILENT,), "inconclusive"),
        ((HOLDS, SILENT), "inconclusive"),
        ((HOLDS, BROKEN), "fail"),
        ((BROKEN, SILENT), "fail"),
    ],
)
def test_the_judgements_of_a_check_amount_to_a_verdict(judged: tuple[Judged, ...], verdict: Verdict) -> None:
    tally = tally_of(*judged)

    assert tally.verdict() == verdict
    assert bool(tally.reason()) == (verdict == "inconclusive")


def test_what_others_sent_without_an_answer_leaves_a_verdict_alone() -> None:
    tally = tally_of(HOLDS, SILENT, own=False)

    assert tally.verdict() == "pass"


def test_a_defect_of_the_suite_is_an_error_unless_the_target_failed_too() -> None:
    tally, failed = tally_of(HOLDS), tally_of(BROKEN)
    tally.errors.append("defect")
    failed.errors.append("defect")

    assert (tally.verdict(), tally.reason()) == ("error", "defect")
    assert failed.verdict() == "fail"


def test_an_edge_belongs_to_the_family_before_its_colon() -> None:
    assert family_of("leap day: 2024") == "leap day"
    assert family_of("maximum") == "maximum"


def row(
    verdict: Verdict,
    level: Level = "MUST",
    *,
    contested: bool = False,
    basis: Basis = "stated",
) -> Row:
    requirement = Requirement(
        f"{level}-{verdict}".upper(), "area", level, basis, "Text.", "quote", "#", "", contested, ("fault",)
    )
    return Row(requirement, verdict, 1, (), "", ())


@pytest.mark.parametrize(
    ("rows", "outcome", "must", "should"),
    [
        ([row("pass"), row("pass", "SHOULD")], "full", 0, 0),
        ([row("pass"), row("fail", "SHOULD")], "core", 0, 1),
        ([row("pass"), row("inconclusive", "SHOULD")], "core", 0, 3),
        ([row("pass"), row("waived", "SHOULD")], "core", 0, 0),
        ([row("pass"), row("not-selected", "SHOULD")], "core", 0, 0),
        ([row("pass"), row("waived")], "core", 0, 0),
        ([row("pass"), row("fail")], "not-conformant", 1, 1),
        ([row("pass"), row("inconclusive")], "incomplete", 3, 3),
        ([row("pass"), row("not-selected")], "incomplete", 0, 0),
        ([row("pass"), row("error")], "incomplete", 6, 6),
        # Failure beats incomplete.
        ([row("fail"), row("inconclusive")], "not-conformant", 1, 1),
        ([row("fail"), row("not-selected")], "not-conformant", 1, 1),
        # A defect of ours is said first, for the other verdicts may rest on it.
        ([row("fail"), row("error")], "not-conformant", 6, 6),
        ([row("pass"), row("error", "MAY")], "full", 6, 6),
        # Nothing was judged.
        ([row("not-selected"), row("not-selected", "SHOULD")], "incomplete", 3, 3),
        ([row("waived"), row("waived", "SHOULD")], "core", 3, 3),
        ([row("inconclusive"), row("inconclusive", "SHOULD")], "incomplete", 3, 3),
    ],
)
def test_rows_amount_to_an_outcome_and_an_exit_code(rows: list[Row], outcome: Outcome, must: int, should: int) -> None:
    found = outcome_of(rows)

    assert found == outcome
    assert (exit_code_of(rows, found, "must"), exit_code_of(rows, found, "should")) == (must, should)


@pytest.mark.parametrize(
    ("verdict", "level", "more", "at_must", "at_should"),
    [
        ("pass", "MUST", {}, "none", "none"),
        ("fail", "MUST", {}, "fails", "fails"),
        ("fail", "SHOULD", {}, "none", "fails"),
        ("fail", "MAY", {}, "none", "none"),
        ("fail", "MUST", {"contested": True}, "none", "none"),
        ("fail", "MUST", {"beyond": True}, "none", "none"),
        ("inconclusive", "MUST", {}, "open", "open"),
        ("inconclusive", "SHOULD", {}, "none", "open"),
        ("inconclusive", "MUST", {"beyond": True}, "none", "none"),
        ("not-selected", "MUST", {}, "none", "none"),
        ("waived", "MUST", {}, "none", "none"),
        ("error", "MAY", {}, "defect", "defect"),
        ("error", "MUST", {"beyond": True}, "none", "none"),
    ],
)
def test_one_function_says_what_a_row_does_to_the_gate(
    verdict: Verdict, level: Level, more: dict[str, bool], at_must: Effect, at_should: Effect
) -> None:
    one = replace(row(verdict, level, contested=more.get("contested", False)), beyond=more.get("beyond", False))

    assert (one.effect("must"), one.effect("should")) == (at_must, at_should)
    assert one.asked("must") is (level == "MUST" and not more)
    assert one.asked("should") is (level != "MAY" and not more)


@pytest.mark.parametrize("verdict", [verdict for verdict in VERDICTS if verdict != "error"])
@pytest.mark.parametrize(("level", "contested"), [("MAY", False), ("MUST", True), ("SHOULD", True), ("MAY", True)])
@pytest.mark.parametrize("gate", ["must", "should"])
def test_a_may_and_a_contested_row_change_nothing(
    verdict: Verdict,
    level: Level,
    contested: bool,  # noqa: FBT001 - a column of the table
    gate: Gate,
) -> None:
    for deciding in ([row("pass")], [row("fail")], [row("inconclusive")], [row("pass"), row("fail", "SHOULD")]):
        rows = [*deciding, row(verdict, level, contested=contested)]

        assert outcome_of(rows) == outcome_of(deciding)
        assert exit_code_of(rows, outcome_of(rows), gate) == exit_code_of(deciding, outcome_of(deciding), gate)


def test_an_aborted_run_is_aborted_unless_a_must_has_failed() -> None:
    silent, failed = [row("inconclusive")], [row("fail"), row("inconclusive")]

    assert outcome_of(silent, aborted=True) == "aborted"
    assert exit_code_of(silent, "aborted", "must") == 5
    assert outcome_of(failed, aborted=True) == "not-conformant"
    assert exit_code_of(failed, "not-conformant", "must") == 1


def test_an_interrupted_run_is_never_conformant() -> None:
    rows = [row("pass"), row("pass", "SHOULD")]

    assert outcome_of(rows, interrupted=True) == "incomplete"


def test_nothing_but_passes_makes_a_run_full() -> None:
    for verdicts in product(VERDICTS, repeat=2):
        rows = [row(verdicts[0]), row(verdicts[1], "SHOULD")]

        assert (outcome_of(rows) == "full") == (verdicts == ("pass", "pass"))


# Evidence


octets: Final = st.one_of(st.binary(max_size=60), st.text(max_size=30).map(lambda text: text.encode(errors="replace")))
latin: Final = st.text(st.characters(max_codepoint=255), max_size=20)
headers: Final = st.lists(st.tuples(latin, latin), max_size=3).map(tuple)
responses: Final = st.builds(
    lambda status, reason, fields, body, surplus, truncated: Response(
        status,
        reason,
        "HTTP/1.1",
        fields,
        body,
        len(body),
        hashlib.sha256(body).hexdigest(),
        truncated,
        surplus,
        (100,),
        ("body",) if truncated else (),
        surplus[:7],
        Unasked(body, "HEAD", status) if truncated else None,
    ),
    st.integers(100, 599),
    latin,
    headers,
    octets,
    octets,
    st.booleans(),
)
records: Final = st.builds(
    Record,
    script=st.text(max_size=20),
    role=st.sampled_from(["act", "twin", "first"]),
    meaning=st.builds(
        Meaning,
        st.text(max_size=20),
        st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=3).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    exchange=st.builds(
        Exchange,
        st.builds(Request, st.sampled_from(["POST", "GET"]), latin, headers, octets, st.booleans()),
        st.one_of(responses, st.builds(NoAnswer, st.just("reset"), st.text(max_size=20))),
        st.just(1762354080.5),
        st.just(0.25),
        st.sampled_from([(), ("503",), ("cut-short", "cut-short")]),
    ),
    counts=st.booleans(),
    number=st.one_of(st.none(), st.text(st.characters(), max_size=20)),
)


@examples
@given(records)
def test_any_exchange_is_read_back_as_it_was(record: Record) -> None:
    assert from_json(to_json(record)) == record


@examples
@given(st.lists(records, max_size=3))
def test_any_exchanges_survive_their_file(tmp_path_factory: pytest.TempPathFactory, written: list[Record]) -> None:
    folder = tmp_path_factory.mktemp("evidence")

    with EvidenceWriter(folder) as writer:
        for record in written:
            writer.write(record)

    assert list(evidence.read(folder / EVIDENCE)) == written


def test_a_half_written_last_line_is_passed_over(tmp_path: Path) -> None:
    exchange = Exchange(Request("GET", "/", ()), NoAnswer("reset", "x"), 1.0, 0.1)
    record = Record("", "act", Meaning("case"), exchange, counts=True)
    with EvidenceWriter(tmp_path) as writer:
        writer.write(record)
        writer.write(record)
    path = tmp_path / EVIDENCE
    whole = path.read_bytes()

    for cut in (whole[:-1], whole[: len(whole) - 40], whole[: len(whole) // 2 + 1]):
        path.write_bytes(cut)
        assert list(evidence.read(path)) == [record]


def test_a_line_that_a_spreadsheet_would_run_is_disarmed(tmp_path: Path) -> None:
    with EvidenceWriter(tmp_path) as writer:
        writer.created("inv_1", "=1+1", "tnt", "ctr", 0.0)
        writer.created("inv_2", "INV-\ud83d", "tnt", "ctr", 0.0)

    text = (tmp_path / "created.csv").read_text(encoding="utf-8")
    assert "inv_1,'=1+1,tnt,ctr,1970-01-01T00:00:00Z" in text
    assert "inv_2,INV-\\ud83d,tnt" in text


def test_evidence_is_bounded_and_says_what_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "WHOLE", 10_000)
    large = Response(201, "", "HTTP/1.1", (), b"x" * 9000, 9000, "")
    record = Record("s", "act", Meaning("c"), Exchange(Request("POST", "/", ()), large, 1.0, 0.1), counts=True)

    with EvidenceWriter(tmp_path) as writer:
        for _exchange in range(4):
            writer.write(record)

    answers = [one.exchange.answer for one in evidence.read(tmp_path / "evidence.ndjson")]
    assert [(len(one.body), one.truncated) for one in answers if isinstance(one, Response)] == [
        (9000, False),
        (9000, False),
        (4096, True),
        (4096, True),
    ]


def test_each_exchange_stands_in_the_evidence_when_its_writer_goes_on(tmp_path: Path) -> None:
    answer = Response(201, "", "HTTP/1.1", (), b"{}", 2, "")

    def write(name: str) -> bool:
        exchange = Exchange(Request("POST", f"/{name}", ()), answer, 1.0, 0.1)
        writer.write(Record(name, "act", Meaning("c"), exchange, counts=True))
        return f'"script":"{name}"' in (tmp_path / EVIDENCE).read_text(encoding="utf-8")

    with EvidenceWriter(tmp_path) as writer, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, map(str, range(200))))

    assert sorted(int(one.script) for one in evidence.read(tmp_path / EVIDENCE)) == list(range(200))


# Whole runs


def run_against(server: ReferenceServer, folder: Path, **changes: Any) -> tuple[Settings, Result]:  # noqa: ANN401 - settings
    chosen = Settings(
        base_url=server.url,
        token=server.token,
        tenant_id=server.tenant_id,
        contract_id=server.contract_id,
        other_tenant_id=server.other_tenant_id,
        other_contract_id=server.other_contract_id,
        profile="quick",
        out=folder,
        **changes,
    )
    return chosen, run(SUITE, chosen, SUITE.plan(chosen))


@pytest.mark.parametrize(
    ("fault", "requirement"),
    [
        ("amount-int32-refused", "AMOUNT-*"),
        ("zero-amount-with-paid-date-refused", "BODY-*"),
        ("number-unique-ignoring-case", "UNIQUE-*"),
        ("id-constant", "RESOURCE-*"),
    ],
)
def test_evidence_gives_the_same_verdicts_again(tmp_path: Path, fault: str, requirement: str) -> None:
    with ReferenceServer(faults=[fault]) as server:
        chosen, result = run_against(server, tmp_path, requirement=(requirement,))

    again = rejudged_from(tmp_path, chosen)

    assert again.complaints == ()
    assert {one.requirement.id: one.verdict for one in again.rows} == verdicts_of(result)
    assert "fail" in verdicts_of(result).values()
    assert told(again.report) == told(result.report)


def test_findings_and_their_cases_do_not_depend_on_the_order_of_answers(tmp_path: Path) -> None:
    with ReferenceServer(faults=["amount-stored-as-float32"]) as server:
        chosen, _result = run_against(server, tmp_path, requirement=("AMOUNT-*",))
    plan = SUITE.plan(chosen)
    readings = [
        Reading(record.exchange, record.meaning, SUITE.rules)
        for record in evidence.read(tmp_path / EVIDENCE)
        if record.counts
    ]

    told = []
    for order in (readings, readings[::-1]):
        judge = Judge(plan, SUITE.catalogue, SUITE.rules)
        for reading in order:
            judge.exchange(reading)
        judge.merge()
        told.append([(finding.id, finding.trial.id, finding.cases) for finding in judge.findings()])

    assert len(told[0]) > 1
    assert told[0] == told[1]


def told(report: Report) -> list[tuple[str, str, int, list[str]]]:
    """What a report says of each requirement: verdict, cases judged, findings."""
    return [
        (row["id"], row["verdict"], row["cases_judged"], sorted(finding["id"] for finding in row["findings"]))
        for row in report["requirements"]
    ]


def rejudged_from(folder: Path, chosen: Settings) -> Rejudged:
    """What the evidence in a folder comes to, judged by itself."""
    records = testimony.read((folder / EVIDENCE).read_bytes())
    return rejudged(SUITE, chosen, SUITE.plan(chosen), records, version=__version__)


def verdicts_of(result: Result) -> dict[str, Verdict]:
    return {one.requirement.id: one.verdict for one in result.rows}


def test_a_correct_server_is_full_again_and_has_about_as_many_invoices_as_announced(tmp_path: Path) -> None:
    with ReferenceServer() as server:
        chosen, result = run_against(server, tmp_path)

    plan = SUITE.plan(chosen)
    again = rejudged_from(tmp_path, chosen)
    announced = plan.invoices
    with (tmp_path / CREATED).open(encoding="utf-8", newline="") as lines:
        created = sum(1 for _row in csv.reader(lines)) - 1
    assert (result.outcome, result.exit_code) == ("full", 0)
    assert {one.requirement.id: one.verdict for one in again.rows} == verdicts_of(result)
    assert 0.8 * announced <= created <= announced
