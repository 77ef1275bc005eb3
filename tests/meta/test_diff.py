"""Owns what is said of two reports side by side: what got worse, better, new and gone, and the exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.facing import command, run, settle_in

from invoice_conformance.reference.embed import FaultFarm
from invoice_conformance.report.diff import as_json, as_markdown, as_text, compare

if TYPE_CHECKING:
    from pathlib import Path


def found(name: str, *, unstable: bool = False, got: str = "another") -> dict[str, Any]:
    return {"id": name, "case": "c", "expected": "one", "got": got, "stability": {"unstable": unstable}}


def report(verdict: str | None, *findings: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts
    row = {
        "id": "X",
        "level": "MUST",
        "decides": True,
        "text": "Text.",
        "verdict": verdict,
        "reason": "",
        "findings": list(findings),
    }
    rows = [row | more] if verdict is not None else []
    return {"format": 1, "outcome": "core", "stopped": None, "target": None, "requirements": rows}


A, B = found("X-1"), found("X-2")


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (report("pass"), report("pass"), None),
        (report("pass"), report("fail", A), "worse"),
        (report("pass"), report("inconclusive"), "worse"),
        (report("inconclusive"), report("fail", A), "worse"),
        (report("fail", A), report("pass"), "better"),
        (report("fail", A), report("inconclusive"), "better"),
        (report("fail", A), report("fail", A), None),
        (report("fail", A), report("fail", A, B), "worse"),
        (report("fail", A), report("fail", B), "worse"),
        (report("fail", A, B), report("fail", A), "better"),
        (report("fail", found("X-1", unstable=True)), report("fail", found("X-9", unstable=True)), None),
        (report(None), report("fail", A), "new"),
        (report("not-selected"), report("pass"), "new"),
        (report("waived"), report("fail", A), "new"),
        (report("pass"), report("waived"), "gone"),
        (report("fail", A), report(None), "gone"),
        (report(None), report("not-selected"), None),
    ],
)
def test_a_requirement_got_worse_better_new_or_gone(
    old: dict[str, Any], new: dict[str, Any], change: str | None
) -> None:
    compared = compare(old, new)

    changes = [one["change"] for name in ("worse", "better", "new", "gone") for one in compared[name]]
    assert changes == ([change] if change else [])
    assert compared["got_worse"] == (change == "worse")


def test_findings_are_named_by_id() -> None:
    (change,) = compare(report("fail", A), report("fail", B))["worse"]

    assert [one["id"] for one in change["findings"]["new"]] == ["X-2"]
    assert [one["id"] for one in change["findings"]["gone"]] == ["X-1"]


def test_what_was_not_judged_again_has_not_gone() -> None:
    (change,) = compare(report("fail", A), report("inconclusive"))["better"]

    assert change["findings"] == {"new": [], "gone": []}


def test_what_decides_nothing_is_shown_as_worse_and_fails_nothing() -> None:
    compared = compare(report("pass", decides=False), report("fail", A, decides=False))

    assert len(compared["worse"]) == 1
    assert not compared["got_worse"]
    assert "decides nothing" in as_text(compared)


def test_runs_that_are_not_alike_are_said_to_be() -> None:
    compared = compare(report("pass") | {"profile": "quick"}, report("pass") | {"profile": "standard"})

    assert compared["differing"] == ["profile"]
    assert "not alike: profile: quick -> standard" in as_text(compared)


def test_what_a_target_said_commands_no_terminal_and_is_no_markup() -> None:
    hostile = found("X-1", got="\x1b[2J<script>|**x** `y`\n| a |")

    compared = compare(report("pass"), report("fail", hostile))
    text, markdown = as_text(compared), as_markdown(compared)

    assert "\x1b" not in text + markdown
    assert "<script>" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert all(line.count("|") == 6 for line in rows)
    assert json.loads(as_json(compared))["got_worse"] is True


def test_the_command_compares_folders_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path)
    with FaultFarm() as farm:
        good = run(tmp_path / "good", farm.correct_url, "--requirement", "AMOUNT-*")
        bad = run(tmp_path / "bad", farm.urls["amount-stored-as-float32"], "--requirement", "AMOUNT-*")

    worse = command(tmp_path, "diff", str(good.folder), str(bad.folder / "report.json"))
    better = command(tmp_path, "diff", str(bad.folder), str(good.folder), "--format", "markdown")
    same = command(tmp_path, "diff", str(bad.folder), str(bad.folder), "--format", "json")

    assert (worse.code, better.code, same.code) == (1, 0, 0)
    assert "MUST AMOUNT-ECHO  pass -> fail" in worse.out
    assert bad.findings[0]["id"] in worse.out
    assert "1 worse, 0 better, 0 new, 0 gone" in worse.out
    assert "## Better" in better.out
    assert json.loads(same.out)["worse"] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is no report of invoice-conformance"),
        ('{"format": 2, "requirements": []}', "has the format 2; this version reads 1"),
        ('{"format": 1, "requirements": [{}]}', "is not as this version writes it"),
    ],
)
def test_what_is_no_report_gives_2_in_one_line(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    done = command(tmp_path, "diff", str(path), str(path))

    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
