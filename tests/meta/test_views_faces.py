"""What both faces show of a report: the same views and annotations, and report.json alone for scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.meta.facing import Ran, command, settle_in
from tests.meta.reports import ROWS, finding, known
from tests.meta.test_plugin import pytested

from invoice_conformance.plugin import CheckItem, NotHeldError
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.report.formats import BESIDE, FILES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SELECTED = ("--requirement", "AMOUNT-ECHO", "--case", "amountMinor:maximum")
ERROR = "::error title=MUST AMOUNT-ECHO::"


@pytest.fixture(scope="module")
def faulty() -> Iterator[ReferenceServer]:
    with ReferenceServer(["amount-stored-as-float32"]) as server:
        yield server


def as_json(folder: Path, *arguments: str) -> Ran:
    return command(folder / "out", "run", "--format", "json", "--out", str(folder / "out"), *arguments)


# Scripts


@pytest.mark.parametrize("value", ["true", ""])
def test_a_script_gets_the_report_and_nothing_else(
    faulty: ReferenceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    settle_in(monkeypatch, tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", value)

    ran = as_json(tmp_path, faulty.url, *SELECTED)

    assert ran.code == 1
    assert ran.out == (ran.folder / "report.json").read_text(encoding="utf-8")
    assert "not conformant" in ran.err
    assert (ERROR in ran.err) is (value == "true")


def test_a_script_gets_a_report_of_a_target_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path)

    ran = as_json(tmp_path, "http://127.0.0.1:9", *SELECTED)

    assert (ran.code, json.loads(ran.out)["outcome"]) == (5, "aborted")


def test_a_script_gets_nothing_when_there_is_no_report(
    faulty: ReferenceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(monkeypatch, tmp_path)

    ran = as_json(tmp_path, faulty.url, "--requirement", "AMOUNT-ECO")

    assert (ran.code, ran.out) == (2, "")
    assert "AMOUNT-ECO" in ran.err


def test_a_defect_of_the_suite_does_not_get_into_what_a_script_reads(
    faulty: ReferenceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(monkeypatch, tmp_path)
    monkeypatch.setattr("invoice_conformance.session.run", lambda *_, **__: 1 / 0)

    ran = as_json(tmp_path, faulty.url, *SELECTED)

    assert (ran.code, ran.out) == (6, "")
    assert "ZeroDivisionError" in ran.err


# pytest


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_under_pytest_there_are_the_same_views_and_annotations(
    faulty: ReferenceServer, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    selected = ("--conformance-requirement", "AMOUNT-ECHO", *workers)

    code, printed = pytested(tmp_path, "--base-url", faulty.url, *selected, GITHUB_ACTIONS="true")

    assert code == 1
    assert [line for line in printed.splitlines() if line.startswith("::")] == (
        command(tmp_path, "report", str(tmp_path / "report"), "--format", "annotations").out.splitlines()
    )
    assert printed.count(f"\n{ERROR}") == 1
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert names == {"report.json", "evidence.ndjson", "created.csv", *(FILES[view] for view in BESIDE)}


def test_pytest_annotates_under_github_actions_alone(faulty: ReferenceServer, tmp_path: Path) -> None:
    _code, printed = pytested(tmp_path, "--base-url", faulty.url, "--conformance-requirement", "AMOUNT-ECHO")

    assert "\n::" not in printed
    assert "AMOUNT-ECHO" in printed


def test_pytest_lists_no_more_than_twenty_findings_and_says_which_are_known() -> None:
    found = [*(finding() for _ in range(19)), *(finding(known=known()) for _ in range(6))]
    item = CheckItem.__new__(CheckItem)

    with pytest.raises(NotHeldError) as raised:
        raise NotHeldError({"verdict": "fail", "reason": "", "requirement": ROWS[0], "findings": found})

    text = item.repr_failure(raised)
    assert text.count("  expected amountMinor=7") == 20
    assert text.count("  known    until the migration (line 3") == 1
    assert "and 5 more, see report.json" in text
