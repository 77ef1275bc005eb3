"""Owns what a baseline does to a run: known findings pass the gate, new ones and stale entries fail it by line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.facing import Ran, command, run, settle_in
from tests.meta.test_plugin import pytested
from tests.meta.test_verdict import row

from invoice_conformance.baseline import Baseline, BaselineError, updated
from invoice_conformance.reference.embed import FaultFarm
from invoice_conformance.verdict import exit_code_of, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULT = "amount-stored-as-float32"
AMOUNT = ("--requirement", "AMOUNT-*")
ECHO = '[[finding]]\nrequirement = "AMOUNT-ECHO"\nreason = "known"\n'
FILE = Path("known.toml")


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as farm:
        yield farm


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path)


def against(url: str, folder: Path, text: str, *arguments: str) -> Ran:
    """A run of the amounts with this baseline."""
    FILE.write_text(text, encoding="utf-8")
    return run(folder, url, *AMOUNT, "--baseline", str(FILE), *arguments)


def statuses(ran: Ran) -> list[tuple[int, str]]:
    return [(entry["line"], entry["status"]) for entry in ran.report["baseline"]["entries"]]


# The gate


def test_what_is_known_passes_the_gate_and_makes_nothing_conform(farm: FaultFarm, tmp_path: Path) -> None:
    ran = against(farm.urls[FAULT], tmp_path, ECHO)

    assert (ran.code, ran.report["exit_code"], ran.report["outcome"]) == (0, 0, "not-conformant")
    assert ran.verdicts["AMOUNT-ECHO"] == "fail"
    assert statuses(ran) == [(1, "known")]
    assert {finding["known"]["reason"] for finding in ran.findings} == {"known"}
    assert " not fail the gate" in ran.out
    assert f"baseline: {FILE}" in ran.out
    assert "not conformant" in ran.out or "a selection" in ran.out


def test_what_is_new_fails_the_gate_beside_what_is_known(farm: FaultFarm, tmp_path: Path) -> None:
    first = run(tmp_path / "first", farm.urls["amount-int32-crashes"])
    one = first.findings[0]["id"]
    entry = ECHO.replace("AMOUNT-ECHO", one.rpartition("-")[0]).replace("reason", f'finding = "{one}"\nreason')
    FILE.write_text(entry, encoding="utf-8")

    ran = run(tmp_path / "second", farm.urls["amount-int32-crashes"], "--baseline", str(FILE))

    assert len(first.findings) > 1
    assert (ran.code, statuses(ran)) == (1, [(1, "known")])
    assert [finding["id"] for finding in ran.findings if finding["known"] is not None] == [one]


def test_a_case_narrows_an_entry_down(farm: FaultFarm, tmp_path: Path) -> None:
    known = against(farm.urls[FAULT], tmp_path / "one", ECHO.replace("reason", 'case = "amountMinor:maximum"\nreason'))
    other = against(farm.urls[FAULT], tmp_path / "two", ECHO.replace("reason", 'case = "amountMinor:minimum"\nreason'))

    assert statuses(known) == [(1, "known")]
    assert (other.code, statuses(other)) == (1, [(1, "gone")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"# a comment\n\n{ECHO}", "known.toml, line 3: AMOUNT-ECHO: no longer occurs"),
        (ECHO + "expires = 2020-02-29\n", "known.toml, line 1: AMOUNT-ECHO: expired, 2020-02-29 was its last day"),
        (ECHO.replace("ECHO", "ECO"), "known.toml, line 1: AMOUNT-ECO: there is no such requirement"),
    ],
)
def test_an_entry_that_is_not_so_gives_4_and_names_its_line(
    text: str, words: str, farm: FaultFarm, tmp_path: Path
) -> None:
    ran = against(farm.correct_url, tmp_path, text)

    assert (ran.code, ran.report["exit_code"]) == (4, 4)
    assert words in ran.out


def test_an_expired_entry_gives_4_though_it_still_occurs(farm: FaultFarm, tmp_path: Path) -> None:
    ran = against(farm.urls[FAULT], tmp_path, ECHO + "expires = 2020-02-29\n")

    assert (ran.code, statuses(ran)) == (4, [(1, "expired")])


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        # A smaller plan, another seed, one case or another requirement: what is not seen there may occur all the same.
        ('profile = "standard"\n' + ECHO, ()),
        ("seed = 1\n" + ECHO, ()),
        (ECHO, ("--case", "amountMinor:maximum")),
        (ECHO, ("--without", "AMOUNT-ECHO")),
        (ECHO.replace("AMOUNT-ECHO", "RATE-ECHO"), ()),
        (ECHO + "unstable = true\n", ()),
    ],
)
def test_what_a_run_cannot_tell_is_not_held_against_the_baseline(
    text: str, arguments: tuple[str, ...], farm: FaultFarm, tmp_path: Path
) -> None:
    ran = against(farm.correct_url, tmp_path, text, *arguments)

    assert ran.code == 0
    assert [status for _line, status in statuses(ran)] == ["not-judged"]


def test_an_unstable_entry_covers_nothing_that_is_stable(farm: FaultFarm, tmp_path: Path) -> None:
    ran = against(farm.urls[FAULT], tmp_path, ECHO + "unstable = true\n")

    assert ran.code == 1


def test_a_baseline_does_not_hide_what_could_not_be_judged() -> None:
    from dataclasses import replace  # noqa: PLC0415 - used here alone

    finding: Any = type("Found", (), {"id": "X-1"})()
    failed = replace(row("fail"), findings=(finding,))
    cut = replace(failed, otherwise="inconclusive")
    broken = replace(failed, otherwise="error")

    for rows, code in (([failed], 0), ([cut], 3), ([broken], 6), ([failed, row("fail")], 1)):
        assert outcome_of(rows) == "not-conformant"
        assert exit_code_of(rows, "not-conformant", "must", known={"X-1"}) == code
    assert exit_code_of([failed], "not-conformant", "must", known={"X-1"}, stale=True) == 4
    assert exit_code_of([failed], "not-conformant", "must", known={"X-1"}, stale=True, aborted=True) == 5
    assert exit_code_of([failed], "not-conformant", "must", stale=True) == 1
    assert exit_code_of([row("pass"), row("inconclusive")], "incomplete", "must", stale=True) == 4


def test_under_pytest_a_known_finding_is_an_expected_failure_and_a_stale_entry_fails(
    farm: FaultFarm, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text(ECHO, encoding="utf-8")
    options = ("--conformance-requirement", "AMOUNT-*", f"--conformance-baseline={tmp_path / FILE}", "-q", "-rx")

    known = pytested(tmp_path, "--base-url", farm.urls[FAULT], *options)
    gone = pytested(tmp_path, "--base-url", farm.correct_url, *options)
    chosen = pytested(tmp_path, "--base-url", farm.correct_url, *options, "-k", "spelling")

    assert known[0] == 0, known[1]
    assert "2 passed, 1 xfailed" in known[1]
    assert "known: known (line 1)" in known[1]
    assert gone[0] == 1, gone[1]
    assert "line 1: AMOUNT-ECHO: no longer occurs" in gone[1]
    assert chosen[0] == 0, chosen[1]


# The file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[finding]\n", "known.toml is not TOML"),
        ("findings = 1\n", "known.toml: unknown key 'findings'; did you mean finding?"),
        ('profile = "fast"\n', "profile is one of quick, standard, thorough"),
        ("seed = true\n", "seed is a whole number"),
        ('[[finding]]\nrequirement = "A"\n', "known.toml, line 1: reason is missing"),
        ('\n[[finding]]\nreason = "r"\n', "known.toml, line 2: requirement is missing"),
        (ECHO.replace('"known"', '" "'), "line 1: reason is a text that says something"),
        (ECHO + 'expired = "x"\n', "line 1: unknown key 'expired'; did you mean expires?"),
        (ECHO + 'expires = "tomorrow"\n', "line 1: expires is a date such as 2026-12-31, not 'tomorrow'"),
        (ECHO + "expires = 2026-12-31T00:00:00Z\n", "line 1: expires is a date such as 2026-12-31"),
        (ECHO + ECHO, "known.toml, line 4: says again what line 1 says"),
        ('finding = [{requirement = "A", reason = "r"}]\n', "written under a line [[finding]] of its own"),
    ],
)
def test_a_file_that_is_not_understood_gives_2_before_anything_is_sent(text: str, words: str, tmp_path: Path) -> None:
    ran = against("http://127.0.0.1:9", tmp_path, text)

    assert ran.code == 2
    assert words in ran.err
    assert ran.err.endswith("; nothing was sent\n")
    assert not ran.folder.exists()


def test_a_file_that_is_not_there_gives_2(tmp_path: Path) -> None:
    ran = run(tmp_path, "--baseline", "nowhere.toml")

    assert ran.code == 2
    assert "nowhere.toml cannot be read: No such file or directory" in ran.err


def test_lines_are_those_of_the_file_also_after_a_text_that_looks_like_an_entry() -> None:
    text = '# one\n[[finding]]\nrequirement = "A"\nreason = """\n[[finding]]\n"""\n\n[[ finding ]] # two\n'

    found = Baseline.parse(FILE, text + 'requirement = "B"\nreason = "r"\nexpires = "2026-12-31"\n')

    assert [(entry.requirement, entry.line) for entry in found.entries] == [("A", 2), ("B", 8)]
    assert found.entries[1].expires == dt.date(2026, 12, 31)


# Bringing it up to date


def test_update_writes_what_the_next_run_knows(farm: FaultFarm, tmp_path: Path) -> None:
    first = run(tmp_path / "first", farm.urls[FAULT], *AMOUNT)

    wrote = command(tmp_path, "baseline", "update", str(first.folder), "--baseline", str(FILE), "--reason", 'a "b"\n')
    written = FILE.read_text(encoding="utf-8")
    second = run(tmp_path / "second", farm.urls[FAULT], *AMOUNT, "--baseline", str(FILE))
    again = command(tmp_path, "baseline", "update", str(second.folder), "--baseline", str(FILE))

    assert (first.code, wrote.code, second.code, again.code) == (1, 0, 0, 0)
    assert {entry.finding for entry in Baseline.load(FILE).entries} == {finding["id"] for finding in first.findings}
    assert Baseline.load(FILE).profile == "quick"
    assert FILE.read_text(encoding="utf-8") == written
    assert "as before" in again.out


def test_update_takes_out_what_is_gone_and_keeps_the_words_of_what_stays(farm: FaultFarm, tmp_path: Path) -> None:
    kept = (
        '# ours\n\n# why it stays\n[[finding]]\nreason    =    \'as "written"\' # here\nrequirement = "AMOUNT-ECHO"\n\n'
    )
    gone = '# of what is gone\n[[finding]]\nrequirement = "AMOUNT-ACCEPTED"\nreason = "r"\n\n'
    other = '# not judged\n[[finding]]\nrequirement = "RATE-ECHO"\nreason = "r"\n'
    ran = against(farm.urls[FAULT], tmp_path, kept + gone + other)

    done = command(tmp_path, "baseline", "update", str(ran.folder / "report.json"), "--baseline", str(FILE))

    assert ran.code == 4
    assert FILE.read_text(encoding="utf-8") == kept + other
    assert "AMOUNT-ACCEPTED no longer occurs and is taken out" in done.out


def report_of(*findings: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a report
    shown = {
        "id": "X",
        "level": "MUST",
        "asked": True,
        "conclusive": True,
        "text": "Text.",
        "verdict": "fail" if findings else "pass",
        "findings": list(findings),
    }
    return {"profile": "quick", "seed": 0, "requirements": [shown | more]}


def found(name: str, *, unstable: bool = False) -> dict[str, Any]:
    return {"id": name, "case": "c", "cases": ["c"], "edge": "an\nedge", "stability": {"unstable": unstable}}


TODAY = dt.date(2026, 11, 23)


def test_update_writes_what_comes_and_goes_without_an_id() -> None:
    done = updated(
        FILE, "", report_of(found("X-1", unstable=True), found("X-2", unstable=True)), reason="r", today=TODAY
    )

    (entry,) = Baseline.parse(FILE, done.text).entries
    assert (entry.requirement, entry.finding, entry.unstable) == ("X", None, True)


def test_update_writes_nothing_that_does_not_fail_the_gate() -> None:
    done = updated(FILE, "", report_of(found("X-1"), asked=False), reason=None, today=TODAY)

    assert Baseline.parse(FILE, done.text).entries == ()


def test_update_says_that_a_finding_is_not_explained_unless_a_reason_is_given() -> None:
    done = updated(FILE, "", report_of(found("X-1")), reason=None, today=TODAY)

    assert "not explained yet" in Baseline.parse(FILE, done.text).entries[0].reason


@pytest.mark.parametrize("more", [{"conclusive": False}, {"verdict": "inconclusive", "conclusive": False}], ids=str)
def test_update_keeps_what_could_not_be_judged(more: dict[str, Any]) -> None:
    text = '[[finding]]\nrequirement = "X"\nreason = "r"\n'

    assert updated(FILE, text, report_of(**more), reason=None, today=TODAY).text == text


def test_update_keeps_an_expired_entry_for_somebody_to_decide() -> None:
    text = '[[finding]]\nrequirement = "X"\nreason = "r"\nexpires = 2026-11-22\n'

    done = updated(FILE, text, report_of(found("X-1")), reason=None, today=TODAY)

    assert done.text == text
    assert "decide anew" in done.words[0]


def test_update_keeps_the_ends_of_lines() -> None:
    text = '# ä\r\n[[finding]]\r\nrequirement = "X"\r\nfinding = "X-1"\r\nreason = "r"\r\n'

    done = updated(FILE, text, report_of(found("X-1")), reason=None, today=TODAY)

    assert done.text == text


def test_an_entry_counts_until_the_end_of_its_last_day() -> None:
    from invoice_conformance.config import Settings  # noqa: PLC0415 - used here alone

    text = ECHO.replace("AMOUNT-ECHO", row("pass").requirement.id) + "unstable = true\nexpires = 2026-11-23\n"
    baseline = Baseline.parse(FILE, text)

    on_it = baseline.compared([row("pass")], Settings(), today=TODAY, whole=True)
    after = baseline.compared([row("pass")], Settings(), today=TODAY + dt.timedelta(1), whole=True)

    assert (on_it.stale, after.stale) == (False, True)


def test_a_report_that_judged_nothing_updates_nothing(tmp_path: Path) -> None:
    ran = run(tmp_path, "http://127.0.0.1:9", *AMOUNT)

    done = command(tmp_path, "baseline", "update", str(ran.folder), "--baseline", str(FILE))

    assert (ran.code, done.code) == (5, 2)
    assert not FILE.exists()


def test_a_folder_without_a_report_gives_2(tmp_path: Path) -> None:
    done = command(tmp_path, "baseline", "update", str(tmp_path), "--baseline", str(FILE))

    assert (done.code, FILE.exists()) == (2, False)
    assert "cannot be read" in done.err


def test_a_parse_error_is_one_line() -> None:
    with pytest.raises(BaselineError, match=r"^known\.toml: every known finding"):
        Baseline.parse(FILE, "finding = 1\n")
