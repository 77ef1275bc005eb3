"""What `replay` does with a finding: the same bytes go out again, and the same check judges what comes back."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.facing import IDENTITY, Ran, command, run, settle_in

from invoice_conformance import evidence
from invoice_conformance.evidence import EVIDENCE
from invoice_conformance.recorded import mark_of
from invoice_conformance.reference.embed import FaultFarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KINDS = {
    "amount-stored-as-float32": ("AMOUNT-ECHO", "one exchange, reduced"),
    "amount-maximum-one-more": ("BODY-MAXIMUM", "beside a legal twin"),
    "duplicate-answered-404": ("UNIQUE-NUMBER", "two creates with one number"),
    "auth-basic-accepted": ("AUTH-SCHEME", "other credentials than the token"),
    "converted-amount-overflows": ("BODY-ACCEPTED", "values that are refused together alone"),
    "nosniff-forgotten": ("HEAD-NOSNIFF", "met in another requirement's case"),
    "number-checked-then-inserted": ("UNIQUE-RACE", "a race"),
}
"""A fault for each way in which a finding may rest on its exchanges."""


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as farm:
        yield farm


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def kept(farm: FaultFarm, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run against a server that keeps amounts as floats."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("kept")
        settle_in(patch, folder)
        return run(folder, farm.urls["amount-stored-as-float32"], "--requirement", "AMOUNT-ECHO")


def replay(folder: Path, *arguments: str) -> dict[str, Any]:
    ran = command(folder, "replay", *arguments, "--format", "json")
    assert ran.err == ""
    told: dict[str, Any] = json.loads(ran.out)
    return {**told, "code": ran.code}


@pytest.mark.parametrize("fault", KINDS)
def test_a_finding_is_still_there_on_the_same_server_and_gone_on_a_correct_one(
    fault: str, farm: FaultFarm, tmp_path: Path
) -> None:
    requirement = KINDS[fault][0]
    # What is said of every answer would want the whole plan sent.
    few = ("--case", "amountMinor:maximum") if requirement.startswith("HEAD") else ()
    ran = run(tmp_path, farm.urls[fault], "--requirement", requirement, *few)
    finding = ran.findings[0]["id"]

    there = replay(tmp_path, str(ran.folder), finding)
    gone = replay(tmp_path, str(ran.folder), finding, farm.correct_url)

    assert (there["state"], there["code"]) == ("still-there", 1)
    assert (gone["state"], gone["code"]) == ("gone", 0)


def test_what_was_met_in_another_s_script_is_led_to_again(farm: FaultFarm, tmp_path: Path) -> None:
    selected = ("--requirement", "ERROR-NO-LEAK", "--case", "an ordinary number used again")
    ran = run(tmp_path, farm.urls["error-with-constraint"], *selected)
    finding = ran.findings[0]

    there = replay(tmp_path, str(ran.folder), finding["id"])
    gone = replay(tmp_path, str(ran.folder), finding["id"], farm.correct_url)

    assert finding["case"] == "an ordinary number used again, second"
    assert (there["state"], gone["state"]) == ("still-there", "gone")
    assert [one["response"]["status"] for one in gone["sent"]] == [201, 409]


def test_the_bytes_are_those_of_the_run_but_for_the_mark_in_the_number(kept: Ran, tmp_path: Path) -> None:
    finding = kept.findings[0]
    then = finding["exchange"]["request"]
    record = next(
        one for one in evidence.read(kept.folder / EVIDENCE) if one.exchange.request.body.decode() == then["body"]
    )
    mark = mark_of(record.number)
    assert mark is not None

    told = replay(tmp_path, str(kept.folder), finding["id"])

    (sent,) = told["sent"]
    number = json.loads(sent["request"]["body"])["invoiceNumber"]
    assert number != record.number
    assert sent["request"]["body"] == then["body"].replace(mark, number.removeprefix("INV-")[: len(mark)])
    assert {key: sent["request"][key] for key in ("method", "target", "headers")} == {
        key: then[key] for key in ("method", "target", "headers")
    }
    assert f"invoiceNumber is {number} instead of {record.number}, which the run used up" in told["differs"]
    assert "the credentials are made of this configuration's token, for a record holds none" in told["differs"]


def test_it_says_the_rule_what_was_sent_what_came_then_and_now(kept: Ran, tmp_path: Path) -> None:
    finding = kept.findings[0]

    ran = command(tmp_path, "replay", str(kept.folder / "report.json"), finding["id"][:-3])

    assert (ran.code, ran.err) == (1, "")
    assert ran.out.startswith("MUST AMOUNT-ECHO  An accepted amountMinor comes back unchanged.\n    rule implied: “")
    assert re.search(r'    sent POST /api/v1/invoices\n +\{"contractId".*\n    came 201 Created \{"data"', ran.out)
    assert f"in the run expected {finding['expected']}\n                got {finding['got']}\n" in ran.out
    assert f"       now expected {finding['expected']}\n" in ran.out
    assert ran.out.count("    made invoice inv_") == 2
    assert ran.out.endswith(f"\n{finding['id']} is still there: it is broken in the same way\n")
    assert IDENTITY["INVOICE_CONFORMANCE_TOKEN"] not in ran.out


def test_a_server_that_is_gone_or_refuses_the_token_says_nothing_of_the_finding(kept: Ran, tmp_path: Path) -> None:
    finding = kept.findings[0]["id"]

    gone = replay(tmp_path, str(kept.folder), finding, "http://127.0.0.1:9")
    refused = replay(tmp_path, str(kept.folder), finding, "--token", "quite-another")

    assert (gone["state"], gone["code"]) == ("unreachable", 5)
    assert (refused["state"], refused["code"]) == ("unreachable", 5)
    assert "the token is refused" in refused["reason"]


def test_what_only_a_whole_run_shows_is_not_replayed(farm: FaultFarm, tmp_path: Path) -> None:
    ran = run(
        tmp_path, farm.urls["id-from-seconds"], "--requirement", "RESOURCE-ID-DISTINCT", "--case", "amountMinor:*"
    )
    (finding,) = ran.findings

    again = command(tmp_path, "replay", str(ran.folder), finding["id"])

    assert (again.code, again.out) == (2, "")
    assert "came of comparing answers of the whole run" in again.err
    assert finding["rerun"] in again.err


def test_a_finding_that_is_not_there_gives_2_and_those_that_are(kept: Ran, tmp_path: Path) -> None:
    ran = command(tmp_path, "replay", str(kept.folder), "AMOUNT-ECHO-nope")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "invoice-conformance: the report has no finding AMOUNT-ECHO-nope; "
        f"did you mean {' or '.join(one['id'] for one in kept.findings[:3])}?\n"
    )


def test_without_the_evidence_it_gives_2_and_what_to_run_instead(kept: Ran, tmp_path: Path) -> None:
    shutil.copy(kept.folder / "report.json", tmp_path / "report.json")

    ran = command(tmp_path, "replay", str(tmp_path), kept.findings[0]["id"])

    assert ran.code == 2
    assert "evidence.ndjson cannot be read" in ran.err
    assert kept.findings[0]["rerun"] in ran.err


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1, "requirements": []}'])
def test_what_is_no_report_gives_2_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(text, encoding="utf-8")

    ran = command(tmp_path, "replay", str(tmp_path), "AMOUNT-ECHO-1")

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


def test_a_token_goes_to_no_other_machine_that_only_a_report_names(
    kept: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(kept.folder, tmp_path / "handed")
    made_up = {**kept.report, "target": "http://elsewhere.invalid"}
    (tmp_path / "handed" / "report.json").write_text(json.dumps(made_up), encoding="utf-8")
    finding = kept.findings[0]["id"]

    refused = command(tmp_path, "replay", str(tmp_path / "handed"), finding)
    asked_for = replay(tmp_path, str(tmp_path / "handed"), finding, "http://elsewhere.invalid")
    monkeypatch.setenv("INVOICE_CONFORMANCE_BASE_URL", str(kept.report["target"]))
    configured = replay(tmp_path, str(tmp_path / "handed"), finding)

    assert (refused.code, refused.out) == (2, "")
    assert f"replay REPORT {finding} http://elsewhere.invalid" in refused.err
    assert (asked_for["state"], "elsewhere.invalid" in asked_for["reason"]) == ("unreachable", True)
    assert configured["state"] == "still-there"


def test_a_token_is_needed(kept: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path, {})

    ran = command(tmp_path, "replay", str(kept.folder), kept.findings[0]["id"])

    assert (ran.code, ran.out) == (2, "")
    assert "no token" in ran.err
