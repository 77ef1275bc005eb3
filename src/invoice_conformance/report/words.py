"""Owns the words and the reading of a report that every view shares, so that no two views tell it differently.

It judges nothing: outcome, verdicts, and what each requirement does to the gate stand in the report already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from invoice_conformance.escaping import one_line

if TYPE_CHECKING:
    from invoice_conformance.report.document import Report

Part: TypeAlias = dict[str, Any]
"""An object of the report: a requirement, a finding, an exchange."""
OUTCOMES = {
    "full": "conformant (full): every MUST and every SHOULD holds",
    "core": "conformant (core): every MUST holds",
    "not-conformant": "not conformant",
    "incomplete": "incomplete: not every MUST could be judged",
    "aborted": "aborted: the target could not be judged",
}
SELECTION = "a selection was run, so nothing is said of the whole"
LEVELS = ("MUST", "SHOULD", "MAY")
VERDICTS = ("fail", "error", "inconclusive", "pass", "waived", "not-selected")
"""In the order in which they are of interest."""
BASES = {
    "stated": "the page says so",
    "implied": "it follows from what the page says",
    "http": "HTTP says so",
    "convention": "it is a convention",
}
GATES = {
    0: "passes",
    1: "fails",
    3: "is left open, for something could not be judged",
    4: "fails, for the baseline lists what is not so",
    5: "was not reached, for the run was aborted",
    6: "fails, for the suite has a defect",
}
"""What a run's exit code says of its gate."""
LISTED = 20
"""Findings of one requirement that a view lists; the report has all."""


def cut(text: str, limit: int) -> str:
    """The first `limit` characters, and an ellipsis when there are more."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def conclusion_of(report: Report) -> str:
    """The outcome in words."""
    if report["partial"] and report["outcome"] == "incomplete" and report["stopped"] is None:
        return SELECTION
    return OUTCOMES[report["outcome"]]


def target_of(report: Report) -> str:
    """What was judged."""
    return one_line(report["target"]) if report["target"] is not None else "the embedded reference server"


def gate_of(report: Report) -> str:
    """What the run was asked to fail for, and whether it did."""
    return f"{report['configuration']['level'].upper()}: it {GATES[report['exit_code']]}"


def set_of(report: Report) -> list[str]:
    """Which set was asked for, what decides nothing for it, and that there is a newer one; empty when none was."""
    told = report["set"]
    if not told["pinned"]:
        return []
    lines = [f"set {told['name']}, as asked for"]
    if told["beyond"]:
        lines[0] += f"; newer than it, and deciding nothing: {', '.join(told['beyond'])}"
    if told["newest"] != told["name"]:
        lines.append(f"set {told['newest']} is there too; spec/CHANGELOG.md says what it may find")
    return lines


def baseline_of(report: Report) -> str:
    """The baseline and how many findings it knows; empty when there is none."""
    if report["baseline"] is None:
        return ""
    known = sum(is_known(finding) for row in report["requirements"] for finding in row["findings"])
    words = "1 known finding, which does" if known == 1 else f"{known} known findings, which do"
    return f"baseline: {one_line(report['baseline']['file'])}, {words} not fail the gate"


def level_of(row: Part) -> str:
    """The level under which a requirement is counted: one that decides nothing is counted as a MAY."""
    return str(row["level"]) if row["decides"] else "MAY"


def level_words(row: Part) -> str:
    """A requirement's level, and why it decides nothing when its level would."""
    notes = ["contested"] if row["contested"] else []
    notes += [] if row["in_set"] else ["newer than the set"]
    return ", ".join([row["level"], *notes])


def rank(row: Part) -> tuple[int, bool, int]:
    """What sorts requirements by interest: verdict, what the run fails for, then level."""
    return VERDICTS.index(row["verdict"]), row["effect"] == "none", LEVELS.index(level_of(row))


def is_known(finding: Part) -> bool:
    """Whether the baseline lists it."""
    return finding["known"] is not None


def all_known(row: Part) -> bool:
    """Whether a requirement fails with nothing that the baseline does not list."""
    return bool(row["findings"]) and all(map(is_known, row["findings"]))


def known_words(finding: Part) -> str:
    """What the baseline says of a finding; empty when it says nothing."""
    known = finding["known"]
    if known is None:
        return ""
    notes = [f"line {known['line']}"]
    notes += [known["issue"]] if known["issue"] else []
    notes += [f"until {known['expires']}"] if known["expires"] else []
    return f"{known['reason']} ({', '.join(notes)})"


def listed(row: Part) -> list[Part]:
    """The findings of a requirement that a view lists, those that nobody knew first."""
    return sorted(row["findings"], key=is_known)[:LISTED]


def unlisted(row: Part) -> str:
    """That there are more findings than are listed, and where; empty when there are not."""
    more = len(row["findings"]) - LISTED
    return f"and {more} more, see report.json" if more > 0 else ""


def stability(finding: Part) -> str:
    """How often the case was broken, when that was not each time; else empty."""
    found = finding["stability"]
    return f"unstable: {found['seen']} of {found['sent']}" if found["unstable"] else ""


def told(finding: Part) -> list[tuple[str, str]]:
    """A finding as labelled lines, in the order of the terminal's; whatever the target said is safe."""
    notes = [f"{finding['occurrences']} cases"] if finding["occurrences"] > 1 else []
    notes += [stability(finding)] if stability(finding) else []
    lines = [("known", known_words(finding))] if is_known(finding) else []
    lines += [("expected", finding["expected"]), ("got", finding["got"])]
    if finding["boundary"]:
        lines.append(("where", finding["boundary"]))
    lines.append(("case", finding["case"] + (f" ({'; '.join(notes)})" if notes else "")))
    lines += [("check", finding["check"]), ("see it", finding["curl"]), ("rerun", finding["rerun"])]
    return [(label, one_line(text)) for label, text in lines]
