"""What summary.md and GitHub's annotations are: short, complete enough, and obeying nobody but their reader."""

from __future__ import annotations

import html
import io
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from tests.meta.facing import command, settle_in
from tests.meta.reports import (
    HOSTILE,
    ROWS,
    asking_for_should,
    finding,
    held_to_a_baseline,
    known,
    refusing_the_plain_invoice,
    report,
    row,
)

from invoice_conformance.plugin import CheckItem, NotHeldError
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.report.summary import summary, workflow_commands
from invoice_conformance.report.terminal import conclusion

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 65_536
"""Characters of a comment on GitHub."""


def test_the_summary_tells_outcome_counts_failures_and_how_to_repeat() -> None:
    text = summary(report())

    assert text.startswith("## ❌ invoice conformance: not conformant\n")
    assert "| MUST | 1 | 1 | 1 | 1 | 1 | 0 |" in text
    assert "| level | fail | error | inconclusive | pass | waived | not-selected |" in text
    assert re.search(r"^\| MUST \| \*\*AMOUNT-ECHO\*\* \(unstable: 1 of 3; and 1 more finding\) \|", text, re.MULTILINE)
    assert re.search(r"^\| MUST, contested \| \*\*DATE-CONTESTED\*\*", text, re.MULTILINE)
    assert "### What could not be judged" in text
    assert f"{report()['rerun']}</pre>" in text
    assert "<pre>export INVOICE_CONFORMANCE_TOKEN=…\n" in text
    assert "Waived by name: TENANT-WAIVED" in text


def test_every_heading_and_fold_begins_a_block_of_its_own() -> None:
    lines = summary(report()).splitlines()

    for before, line in pairwise(lines):
        if line.startswith(("#", "<details", "| level")):
            assert before == "", line


def test_a_conforming_target_has_a_short_summary() -> None:
    text = summary(report(ROWS[1], outcome="full", waived=[]))

    assert text.startswith("## ✅ invoice conformance: conformant (full)")
    assert "What failed" not in text
    assert len(text.splitlines()) < 15


def test_a_stopped_run_says_why_once() -> None:
    text = summary(report(row("A-B", "inconclusive"), outcome="aborted", stopped="nothing listens there"))

    assert "Stopped: `nothing listens there`" in text
    assert "What could not be judged" not in text


@pytest.mark.parametrize("size", [50, 2000])
def test_the_summary_fits_a_comment_however_much_fails(size: int) -> None:
    long = finding(got="|" * 5000, curl="x" * 50_000)
    rows = [row(f"AMOUNT-{place}", "fail", findings=[long] * 3) for place in range(size)]
    open_rows = [row(f"DATE-{place}", "inconclusive", reason="<" * 500) for place in range(size)]

    text = summary(report(*rows, *open_rows))

    assert len(text) < LIMIT
    assert re.search(r"^\| \| … [0-9]+ more \| \| \|$", text, re.MULTILINE)
    assert text.rstrip().endswith("</pre>")
    assert "How to repeat" in text
    assert "x" * 2000 not in text


def test_nothing_that_a_target_says_becomes_markup() -> None:
    text = summary(report())

    table = next(line for line in text.splitlines() if "**AMOUNT-ECHO**" in line)
    cell = table.split(" | ")[3]
    assert table.count("|") == 5
    assert re.fullmatch(r"<code>[^!-%'-/:<-@\[-`{-~]*(?:&#[0-9]+;[^!-%'-/:<-@\[-`{-~]*)*</code> \|", cell)
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search(r"^\s*::", text, re.MULTILINE)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "##[" not in text


def test_what_markdown_does_not_interpret_is_not_escaped() -> None:
    plain = 'amountMinor=16777216, "2024-02-29T14:48:00.000Z" & {"a": [1]} *x* _y_ 0 <= x # ! ~ $'
    text = summary(report(row("AMOUNT-ECHO", "fail", findings=[finding(got=plain)])))

    assert f"| `{plain}` |" in text
    assert "&#" not in text.partition("### What failed")[2].partition("Before `curl`")[0].replace("&#58;//", "")


@pytest.mark.parametrize("said", ["a|b", "a\\|b", "<img src=x>", "</details>", "<!--", "<?php", "``` | <b>"])
def test_what_may_end_a_code_span_or_begin_a_tag_is_spelled_out(said: str) -> None:
    text = summary(report(row("AMOUNT-ECHO", "fail", findings=[finding(got=said)])))

    line = next(line for line in text.splitlines() if "**AMOUNT-ECHO**" in line)
    assert line.count("|") == 5
    assert said not in line.split(" | ")[3]
    assert html.unescape(line.split(" | ")[3]) == f"<code>{said}</code> |"


@pytest.mark.parametrize(
    ("said", "code"),
    [("a `b` c", "`` a `b` c ``"), ("`", "`` ` ``"), ("a ```b", "```` a ```b ````"), ("x <= 1 & y", "`x <= 1 & y`")],
)
def test_backticks_stand_in_a_longer_fence(said: str, code: str) -> None:
    text = summary(report(row("AMOUNT-ECHO", "fail", findings=[finding(got=said)])))

    assert f" | {code} |" in text


def test_the_refused_plain_invoice_is_told_once() -> None:
    text = summary(refusing_the_plain_invoice())

    assert "the plain invoice itself is refused (BODY-ACCEPTED), and 2 other requirements fail" in text
    assert "AMOUNT-ACCEPTED, RATE-ACCEPTED" in text
    assert text.count("422 Unprocessable") == len(("table", "details"))
    assert "got another day" in text


def test_the_summary_names_baseline_and_set_and_what_is_known() -> None:
    text = html.unescape(summary(held_to_a_baseline())).replace("\\_", "_")

    for part in (
        "exit code 1: at least one MUST fails",
        "baseline: known.toml, 2 known findings, which do not fail the gate",
        "- **known.toml, line 7: AMOUNT-ECHO: no longer occurs",
        "set 2026.11, as asked for; newer than it, and deciding nothing: DATE-NEWER",
        "| MUST | **AMOUNT-SENT** (unstable: 1 of 3; and 1 more finding) | `amountMinor=7` | ",
        "| `a new one` |",
        "| MUST | **AMOUNT-ECHO** (known: `until the migration (line 3, https://tracker.example/1)`;",
        "| MUST, newer than the set | **DATE-NEWER**",
    ):
        assert part in text


def test_annotations_blame_nobody_for_what_is_known() -> None:
    lines = workflow_commands(held_to_a_baseline()).splitlines()

    assert [line.rpartition("title=")[0] + line.split("title=")[1].partition("::")[0] for line in lines] == [
        "::error baseline",
        "::error MUST AMOUNT-SENT",
        "::warning MAY DATE-NEWER",
        "::notice baseline",
        "::notice set",
        "::notice set",
        "::notice known MUST AMOUNT-ECHO",
    ]
    assert "line 7: AMOUNT-ECHO: no longer occurs" in lines[0]
    assert "got a new one" in lines[1]
    assert "known.toml, 2 known findings, which do not fail the gate" in lines[3]
    assert "until the migration" in lines[-1]


def test_no_more_than_twenty_findings_are_listed() -> None:
    text = summary(report(row("AMOUNT-ECHO", "fail", findings=[finding(known=known()), *[finding()] * 24])))

    assert len(re.findall(r"^(?:<pre>)?expected amountMinor=7", text, re.MULTILINE)) == 20
    assert "and 5 more, see report.json" in text
    assert "until the migration" not in text


def test_annotations_name_what_fails_and_warn_of_the_rest() -> None:
    lines = workflow_commands(report()).splitlines()

    titles = [line.partition("::")[2].partition("::")[0] for line in lines]
    assert titles == [
        "error title=MUST AMOUNT-ECHO",
        "error title=MUST TENANT-DEFECT",
        "error title=MUST TENANT-FOREIGN",
        "warning title=SHOULD DATE-WIDE",
        "warning title=MAY DATE-MAY",
        "warning title=MAY DATE-CONTESTED",
        "warning title=SHOULD DATE-OPEN",
    ]
    assert "error title=SHOULD DATE-WIDE" in workflow_commands(asking_for_should())


def test_a_target_cannot_write_a_workflow_command() -> None:
    lines = workflow_commands(report()).splitlines()

    assert all(line.startswith(("::error title=", "::warning title=")) for line in lines)
    assert "%0A:\\:error::pwned%0A#\\#[error]pwned%0A" in lines[0]
    assert "%250A" in lines[0]
    assert all(line.isprintable() for line in lines)


def test_github_shows_no_more_than_ten_of_a_kind() -> None:
    lines = workflow_commands(report(*(row(f"A-{place}", "fail") for place in range(30)), stopped="gone")).splitlines()

    assert len(lines) == 10
    assert lines[0] == "::error title=invoice-conformance::gone"


def test_a_target_cannot_write_a_workflow_command_on_the_terminal(tmp_path: Path) -> None:
    rows = (*ROWS, row("A-B", "inconclusive", reason=HOSTILE))
    console = Console(file=io.StringIO(), highlight=False, width=80)

    with console.capture() as captured:
        console.print(conclusion(report(*rows), tmp_path), soft_wrap=True)
        console.print(conclusion(report(*rows, stopped=HOSTILE), tmp_path), soft_wrap=True)

    assert ":\\:error::pwned" in captured.get()
    assert "##[" not in captured.get()
    assert not [line for line in captured.get().splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_a_target_cannot_write_a_workflow_command_under_pytest(verdict: str) -> None:
    found = {"verdict": verdict, "reason": HOSTILE, "requirement": ROWS[0], "findings": ROWS[0]["findings"]}
    item = CheckItem.__new__(CheckItem)

    with pytest.raises(NotHeldError) as raised:
        raise NotHeldError(found)

    for text in (item.repr_failure(raised), str(raised.value)):
        assert "\\n:\\:error::pwned\\n#\\#[error]pwned" in text
        assert "\x1b" not in text
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("value", ["true", ""])
def test_a_run_annotates_under_github_actions_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    settle_in(monkeypatch, tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", value)

    with ReferenceServer(["amount-stored-as-float32"]) as server:
        ran = command(
            tmp_path / "out",
            "run",
            server.url,
            "--requirement",
            "AMOUNT-ECHO",
            "--case",
            "amountMinor:maximum",
            "--out",
            "out",
        )

    assert ran.code == 1
    assert ("::error title=MUST AMOUNT-ECHO::" in ran.out) is (value == "true")
