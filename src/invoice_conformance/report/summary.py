"""Owns what a pull request sees: `summary.md`, and the annotations that GitHub Actions reads from the output.

Whatever the target said is text there: nothing of it becomes markup, a link, a mention or a workflow command.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from invoice_conformance.baseline import complaints
from invoice_conformance.escaping import one_line, shown
from invoice_conformance.report.words import (
    BASES,
    CURL,
    EXPORT,
    LEVELS,
    PAGE,
    RERUN,
    VERDICTS,
    WITHOUT,
    Part,
    all_known,
    baseline_of,
    conclusion_of,
    cut,
    gate_of,
    known_words,
    level_of,
    level_words,
    listed,
    of_their_own,
    rank,
    root_of,
    root_words,
    rule_of,
    sent_of,
    set_of,
    stability,
    target_of,
    told,
    unlisted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.report.document import Report

LONGEST = 60_000
"""Characters of a summary; a comment on GitHub holds 65,536."""
MESSAGE, COMMAND = 300, 1500
ANNOTATIONS = 10
"""GitHub shows as many of each kind for a step."""
MARKS = {"full": "✅", "core": "✅", "not-conformant": "❌", "incomplete": "⚠️", "aborted": "⛔"}


def summary(report: Report) -> str:
    """The report as Markdown that fits a step's summary and a comment."""
    parts = [*_head(report)]
    root = root_of(report)
    failed = of_their_own(sorted((row for row in report["requirements"] if row["verdict"] == "fail"), key=rank), root)
    undecided = [row for row in report["requirements"] if row["verdict"] in {"inconclusive", "error"}]
    foot = ["### How to repeat the run", "", _block(f"{EXPORT}\n{report['rerun']}"), ""]
    if root_words(report):
        parts += [f"**{_prose(root_words(report))}**", ""]
    room = LONGEST - _length(parts) - _length(foot)
    for head, rows, line_of in (
        (
            ["### What failed", "", "| level | requirement | expected | got |", "|---|---|---|---|"],
            failed,
            _row,
        ),
        (["### What could not be judged", "", "| level | requirement | why |", "|---|---|---|"], undecided, _open),
    ):
        if not rows or (rows is undecided and report["stopped"] is not None):
            continue
        table = [*head]
        # The table may take half; what is left is for the commands.
        for place, row in enumerate(rows):
            line = line_of(row)
            if _length(table) + len(line) > room // 2:
                table.append(f"| | … {len(rows) - place} more | | " + ("|" if line_of is _row else ""))
                break
            table.append(line)
        parts += [*table, ""]
        room -= _length(table)
    if failed:
        legend = [f"“The page” is {PAGE}.", "", f"Before `{CURL}` and `{RERUN}`: `{EXPORT}` ({WITHOUT})", ""]
        parts += legend
        room -= _length(legend)
    for row in failed:
        details = _details(row)
        if len(details) > room:
            parts += ["More is in `report.html`.", ""]
            break
        parts += [details, ""]
        room -= len(details) + 2
    return "\n".join([*parts, *foot])


def _length(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _head(report: Report) -> Iterator[str]:
    yield f"## {MARKS[report['outcome']]} invoice conformance: {conclusion_of(report)}"
    yield ""
    if report["stopped"]:
        yield f"Stopped: {_code(report['stopped'])}"
        yield ""
    for remark in report.get("remarks", []):
        yield f"Note: {_code(remark)}"
        yield ""
    yield (
        f"{_code(target_of(report))}, {report['started_at'][:16].replace('T', ' ')} UTC, "
        f"{sent_of(report)}, "
        f"{report['duration_s']:.1f} s, profile {report['profile']}, seed {report['seed']}, "
        f"{report['suite']['name']} {report['suite']['version']}; {gate_of(report)}"
    )
    yield ""
    if report["set"]["pinned"]:
        yield "<br>".join(map(_prose, set_of(report)))
        yield ""
    if report["baseline"] is not None:
        yield _prose(baseline_of(report))
        yield ""
        yield from (f"- **{_prose(words)}**" for words in complaints(report["baseline"])[:ANNOTATIONS])
        yield ""
    used = [name for name in VERDICTS if any(name in counted for counted in report["counts"].values())]
    if used:
        yield f"| level | {' | '.join(used)} |"
        yield f"|---|{'--:|' * len(used)}"
        for level in LEVELS:
            counted = report["counts"].get(level)
            if counted:
                words = "MAY or contested" if level == "MAY" else level
                yield f"| {words} | {' | '.join(str(counted.get(name, 0)) for name in used)} |"
        yield ""
    if report["waived"]:
        yield f"Waived by name: {', '.join(report['waived'])}"
        yield ""


def _row(row: Part) -> str:
    first = listed(row)[0]
    more = len(row["findings"]) - 1
    notes = [f"known: {_code(known_words(first), cell=True)}"] if all_known(row) else []
    notes += [stability(first)] if stability(first) else []
    notes += [f"and {more} more finding{'s' if more > 1 else ''}"] if more else []
    note = f" ({'; '.join(notes)})" if notes else ""
    expected, got = _code(first["expected"], cell=True), _code(first["got"], cell=True)
    return f"| {level_words(row)} | **{row['id']}**{note} | {expected} | {got} |"


def _open(row: Part) -> str:
    return f"| {level_words(row)} | **{row['id']}** | {row['verdict']}: {_code(row['reason'], cell=True)} |"


def _details(row: Part) -> str:
    """One requirement, folded: its sentence, its rule, and each finding as the terminal shows it."""
    texts = [
        "\n".join(
            f"{label:>8} {text if len(text) <= COMMAND else 'too long for here; see report.html'}"
            for label, text in told(finding)
        )
        for finding in listed(row)
    ]
    texts += [unlisted(row)] if unlisted(row) else []
    return (
        f"<details><summary>{row['id']}: {html.escape(one_line(row['text']), quote=False)}</summary>\n\n"
        f"Rule: {_code(rule_of(row))} ({row['basis']}: {BASES[row['basis']]})\n\n"
        + (f"Why: {_prose(row['why'])}\n\n" if row["why"] else "")
        + "\n".join(_block(text) for text in texts)
        + "\n\n</details>"
    )


_LIVELY = re.compile(r"[\\`*_~\[\]<>|]")
"""Marks that Markdown interprets within a line."""


def _prose(text: str) -> str:
    """Text in Markdown that is read as it is: no markup, no link, no mention, no reference to an issue."""
    safe = _LIVELY.sub(r"\\\g<0>", one_line(text).replace("&", "&amp;"))
    safe = safe.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "&#64;")
    return re.sub(r"#(?=[0-9])", "&#35;", safe)


_TAG = re.compile(r"<[A-Za-z/!?]")
"""What may begin a tag where a reader does not know code spans."""


def _code(text: str, *, cell: bool = False) -> str:
    """Text as code, in which neither a mention nor a link comes about; in a `cell` of a table no bar ends it."""
    line = one_line(cut(text, MESSAGE))
    if not line.strip() or _TAG.search(line) or (cell and "|" in line):
        # Every mark of ASCII goes as a character reference, which begins nothing.
        return f"<code>{re.sub(r'[!-/:-@[-`{-~]', lambda found: f'&#{ord(found[0])};', line)}</code>"
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    # A space is taken away from both ends (CommonMark §6.1), so that the text may begin or end with a backtick.
    room = " " if longest else ""
    fence = "`" * (longest + 1)
    return f"{fence}{room}{line}{room}{fence}"


def _block(text: str) -> str:
    # In a pre element a line is not Markdown, but an empty line must not end it elsewhere.
    return f"<pre>{html.escape(shown(text), quote=False)}</pre>"


def workflow_commands(report: Report) -> str:
    """Workflow commands of GitHub Actions: errors for what holds the gate up, notices for what is known, warnings."""
    lines: dict[str, list[str]] = {"error": [], "warning": [], "notice": []}
    if report["stopped"] is not None:
        lines["error"].append(_command("error", "invoice-conformance", report["stopped"]))
    if report["baseline"] is not None:
        lines["error"] += [_command("error", "baseline", words) for words in complaints(report["baseline"])]
        lines["notice"].append(_command("notice", "baseline", baseline_of(report)))
    lines["notice"] += [_command("notice", "set", words) for words in set_of(report)]
    for row in sorted(report["requirements"], key=rank):
        kind = "error" if row["effect"] != "none" else "notice" if all_known(row) else "warning"
        title = f"{'known ' if all_known(row) else ''}{level_of(row)} {row['id']}"
        if row["verdict"] == "fail":
            first = listed(row)[0]
            words = f"{row['text']}\nexpected {first['expected']}\ngot {first['got']}\nrerun {first['rerun']}"
            words = f"{known_words(first)}\n{words}" if all_known(row) else words
            words = f"{row['reason']}\n{words}" if row["reason"] else words
        elif row["verdict"] in {"inconclusive", "error"} and report["stopped"] is None:
            words = f"{row['verdict']}: {row['reason']}"
        else:
            continue
        lines[kind].append(_command(kind, title, words))
    return "".join(f"{line}\n" for found in lines.values() for line in found[:ANNOTATIONS])


def _command(kind: str, title: str, message: str) -> str:
    """One workflow command; https://github.com/actions/toolkit, packages/core/src/command.ts says what is escaped."""
    data = shown(message).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    name = one_line(title).replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{data}"
