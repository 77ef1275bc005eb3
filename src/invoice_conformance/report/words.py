"""Owns the words and the reading of a report that every view shares, so that no two views tell it differently.

It judges nothing: what decides is in the report, and outcome and verdicts stand there already.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, TypeAlias

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
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of characters that nobody sees, or that move what is seen."""


def safe(text: str) -> str:
    """Text that a reader sees as it is: control and format characters are spelled out, line feeds stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character == "\n" or unicodedata.category(character) not in UNSEEN else f"\\u{ord(character):04x}"
        for character in text
    )


def one_line(text: str) -> str:
    """`safe` text in which line feeds are spelled out too."""
    return safe(text).replace("\n", "\\n")


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


def level_of(row: Part) -> str:
    """The level under which a requirement is counted: one that is contested decides as little as a MAY."""
    return "MAY" if row["contested"] else str(row["level"])


def decides(row: Part, report: Report) -> bool:
    """Whether the run was asked to fail for this requirement (`--level`)."""
    level = level_of(row)
    return level == "MUST" or (level == "SHOULD" and report["configuration"]["level"] == "should")


def rank(row: Part) -> tuple[int, int]:
    """What sorts requirements by interest: verdict, then level."""
    return VERDICTS.index(row["verdict"]), LEVELS.index(level_of(row))


def stability(finding: Part) -> str:
    """How often the case was broken, when that was not each time; else empty."""
    found = finding["stability"]
    return f"unstable: {found['seen']} of {found['sent']}" if found["unstable"] else ""


def told(finding: Part) -> list[tuple[str, str]]:
    """A finding as labelled lines, in the order of the terminal's; whatever the target said is safe."""
    notes = [f"{finding['occurrences']} cases"] if finding["occurrences"] > 1 else []
    notes += [stability(finding)] if stability(finding) else []
    lines = [("expected", finding["expected"]), ("got", finding["got"])]
    if finding["boundary"]:
        lines.append(("where", finding["boundary"]))
    lines.append(("case", finding["case"] + (f" ({'; '.join(notes)})" if notes else "")))
    lines += [("check", finding["check"]), ("see it", finding["curl"]), ("rerun", finding["rerun"])]
    return [(label, one_line(text)) for label, text in lines]
