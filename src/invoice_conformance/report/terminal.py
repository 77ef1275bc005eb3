"""Owns what a run says on the terminal: its progress, and at the end one table of what failed and where the report is.

It shows a report and judges nothing; whatever a target said is escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from invoice_conformance import baseline
from invoice_conformance.escaping import one_line
from invoice_conformance.report.words import (
    CURL,
    EXPORT,
    LEVELS,
    PAGE,
    WITHOUT,
    baseline_of,
    conclusion_of,
    cut,
    follows,
    gate_of,
    is_known,
    known_words,
    level_words,
    root_of,
    root_words,
    rule_of,
    sent_of,
    set_of,
    told,
    verdict_words,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from invoice_conformance.report.document import Report

FINDINGS_SHOWN = 12
"""Findings that the terminal shows in full; the report has all."""
CURL_SHOWN = 1600
"""Characters of a command that the terminal still shows; longer ones are in the report."""
TOLD = frozenset({1, 4, 6})
"""Exit codes that say more than the outcome does."""
COLOURS = {
    "full": "green",
    "core": "green",
    "not-conformant": "red",
    "incomplete": "yellow",
    "aborted": "red",
}


class Live:
    """A listener that draws a progress bar on a terminal, and plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._plain = not console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=self._plain,
        )
        self._task: Any = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stage(self, words: str, total: int) -> None:
        """Show the next stage."""
        if self._plain:
            self._console.print(f"{words} ({total})" if total > 1 else words, markup=False, highlight=False)
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(words, total=total)

    def advance(self, steps: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.advance(self._task, steps)


def conclusion(report: Report, folder: Path) -> Group:
    """The end of a run: findings, counts, outcome, path of the report."""
    parts: list[Any] = []
    failed = [row for row in report["requirements"] if row["verdict"] == "fail"]
    shown = 0
    root = root_of(report)
    if root_words(report):
        parts.append(Text(f"{root_words(report)}\n", style="red"))
    # Every failed requirement is shown once before any is shown twice; what follows from another, not at all.
    pairs = [
        (turn, not row["decides"], LEVELS.index(row["level"]), row, finding)
        for row in failed
        for turn, finding in enumerate(
            finding for finding in row["findings"] if not is_known(finding) and not follows(finding, root)
        )
    ]
    pairs.sort(key=lambda pair: pair[:3])
    for _turn, _aside, _level, row, finding in pairs[:FINDINGS_SHOWN]:
        parts.append(_finding(row, finding))
        shown += 1
    if len(pairs) > shown:
        left = len(pairs) - shown
        words = "1 more finding is" if left == 1 else f"{left} more findings are"
        unseen = [row["id"] for turn, _aside, _level, row, _finding in pairs[shown:] if turn == 0]
        named = f"; these requirements fail too: {', '.join(unseen)}" if unseen else ""
        parts.append(Text(f"… {words} in report.html{named}.\n", style="dim"))
    if shown:
        parts.append(Text(f"“the page” is {PAGE}\nbefore curl and rerun: {EXPORT}\n({WITHOUT})\n", style="dim"))
    undecided = [row for row in report["requirements"] if row["verdict"] in {"inconclusive", "error"}]
    if undecided and report["stopped"] is None:
        parts.append(_undecided(undecided))
    if report["baseline"] is not None:
        parts.append(_baseline(report))
    if report["stopped"] is None or any({"pass", "fail"} & counted.keys() for counted in report["counts"].values()):
        parts.append(_counts(report))
    parts.append(_verdict(report, folder))
    return Group(*parts)


def _finding(row: dict[str, Any], finding: dict[str, Any]) -> Group:
    colour = "cyan" if not row["decides"] else "red" if row["level"] == "MUST" else "yellow"
    head = Text.assemble(
        (f"{level_words(row)} ", colour),
        (row["id"], f"bold {colour}"),
        f"  {row['text']}",
        " (differs, and decides nothing)" if verdict_words(row) == "differs" else "",
    )
    lines = []
    for label, text in told(finding):
        if label == "case":
            lines.append(("rule", f"{row['basis']}: {rule_of(row)}"))
            lines += [("why", row["why"])] if row["why"] else []
        long = label == CURL and len(text) > CURL_SHOWN
        lines.append((label, "too long for here; see report.html" if long else text))
    # Line by line, for a line feed in what the target said would begin a line of its own, which CI systems obey.
    return Group(head, Text("\n".join(f"  {label:>8} {one_line(text)}" for label, text in lines) + "\n"))


def _undecided(rows: list[dict[str, Any]]) -> Text:
    lines = [f"{row['verdict']}: {row['id']}: {cut(row['reason'], 160)}" for row in rows[:FINDINGS_SHOWN]]
    if len(rows) > FINDINGS_SHOWN:
        lines.append(f"… and {len(rows) - FINDINGS_SHOWN} more")
    return Text("\n".join(map(one_line, lines)) + "\n", style="yellow")


def _baseline(report: Report) -> Text:
    """Which findings the baseline bears with, and what is wrong with it."""
    text = Text()
    known = [
        f"known: {row['level']} {finding['id']}: {cut(known_words(finding), 160)}"
        for row in report["requirements"]
        for finding in row["findings"]
        if is_known(finding)
    ]
    if len(known) > FINDINGS_SHOWN:
        known[FINDINGS_SHOWN:] = [f"… and {len(known) - FINDINGS_SHOWN} more that are known"]
    text.append("".join(f"{one_line(line)}\n" for line in known), style="dim")
    text.append("".join(f"{one_line(words)}\n" for words in baseline.complaints(report["baseline"])), style="red")
    text.append(f"{baseline_of(report)}\n")
    return text


def _counts(report: Report) -> Table:
    verdicts = ("pass", "fail", "inconclusive", "waived", "error", "not-selected")
    used = [verdict for verdict in verdicts if any(verdict in row for row in report["counts"].values())]
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold")
    table.add_column("level")
    for verdict in used:
        table.add_column(verdict, justify="right")
    for level in ("MUST", "SHOULD", "MAY"):
        row = report["counts"].get(level)
        if row:
            table.add_row(
                "MAY or contested" if level == "MAY" else level,
                *(str(row.get(verdict, 0)) for verdict in used),
            )
    return table


def _verdict(report: Report, folder: Path) -> Text:
    outcome = report["outcome"]
    text = Text("\n")
    text.append(conclusion_of(report), style=f"bold {COLOURS[outcome]}")
    if report["exit_code"]:
        text.append(f"; {gate_of(report)}" if report["exit_code"] in TOLD else f" (exit code {report['exit_code']})")
    if report["stopped"] is not None:
        text.append(f"\n{one_line(report['stopped'])}", style=COLOURS[outcome])
    text.append("".join(f"\n{one_line(line)}" for line in report.get("remarks", [])), style="yellow")
    text.append("".join(f"\n{one_line(line)}" for line in set_of(report)), style="yellow")
    if report["waived"]:
        text.append(f"\nwaived by name: {', '.join(report['waived'])}", style="yellow")
    text.append(
        f"\n{sent_of(report)}, {report['duration_s']:.1f} s, profile {report['profile']}, seed {report['seed']}"
    )
    if report["configuration"]["insecure"]:
        text.append("\nany TLS certificate was accepted (--insecure): this certifies nothing", style="yellow")
    text.append(f"\nfor people: {folder / 'report.html'}\nreport: {folder / 'report.json'}")
    return text
