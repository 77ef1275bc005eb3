"""Owns the comparison of two reports, requirement by requirement and finding by finding, and how it is shown.

It judges no server: it sets side by side what two runs said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from invoice_conformance.escaping import shown as safe

if TYPE_CHECKING:
    from invoice_conformance.report.document import Report

Change: TypeAlias = Literal["worse", "better", "new", "gone"]
CHANGES: tuple[Change, ...] = ("worse", "better", "new", "gone")
HEADINGS = {
    "worse": "Worse",
    "better": "Better",
    "new": "New: judged now, and not before",
    "gone": "Gone: judged before, and not now",
}
RANKS = {"fail": 0, "error": 1, "inconclusive": 1, "pass": 2}
"""How good a verdict is; waived and not-selected ones say nothing of a server."""
ALIKE = ("target", "suite", "spec", "set", "profile", "seed")
"""What two runs should have in common, or else explains why they differ."""


def compare(old: Report, new: Report) -> dict[str, Any]:
    """What changed from one report to the other, as plain JSON values.

    A requirement is worse when its verdict is, or when it fails in a way that it did not before; `decides` says
    whether it counts towards an outcome in the newer report. Findings that come and go are not told apart.
    """
    before, after = ({row["id"]: row for row in report["requirements"]} for report in (old, new))
    changes: dict[str, list[dict[str, Any]]] = {change: [] for change in CHANGES}
    for name in dict.fromkeys([*after, *before]):
        change = _changed(name, before.get(name), after.get(name))
        if change is not None:
            changes[change["change"]].append(change)
    return {
        "runs": {"old": _run(old), "new": _run(new)},
        "differing": [key for key in ALIKE if old.get(key) != new.get(key)],
        **changes,
        "got_worse": any(change["decides"] for change in changes["worse"]),
    }


def _run(report: Report) -> dict[str, Any]:
    return {key: report.get(key) for key in (*ALIKE, "outcome", "stopped", "started_at")}


def _changed(name: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any] | None:
    old, new = (RANKS.get(row["verdict"]) if row is not None else None for row in (before, after))
    if old is None and new is None:
        return None
    lost, came = _findings(before), _findings(after)
    gone = [finding for key, finding in lost.items() if key not in came]
    arrived = [finding for key, finding in came.items() if key not in lost]
    change: Change
    if old is None:
        change = "new"
    elif new is None:
        change = "gone"
    elif new < old or (new == old and arrived):
        change = "worse"
    elif new > old or gone:
        change = "better"
    else:
        return None
    row = after or before or {}
    return {
        "change": change,
        "id": name,
        "level": row["level"],
        "text": row["text"],
        "decides": row["decides"],
        "old": before["verdict"] if before is not None else None,
        "new": after["verdict"] if after is not None else None,
        "reason": after["reason"] if after is not None else "",
        # What was not judged again has not gone.
        "findings": {
            "new": arrived,
            "gone": gone if new is not None and after and after["verdict"] != "inconclusive" else [],
        },
    }


def _findings(row: dict[str, Any] | None) -> dict[str, dict[str, str]]:
    """The findings of a row by what makes them the same in two runs."""
    found: dict[str, dict[str, str]] = {}
    for finding in row["findings"] if row is not None else ():
        # What is not answered alike each time is met at another edge in another run.
        key = "unstable" if finding["stability"]["unstable"] else finding["id"]
        found.setdefault(key, {name: finding[name] for name in ("id", "case", "expected", "got")})
    return found


def as_json(compared: dict[str, Any]) -> str:
    """The comparison as JSON."""
    return json.dumps(compared, ensure_ascii=True, indent=1) + "\n"


def as_text(compared: dict[str, Any]) -> str:
    """The comparison for a terminal, which it cannot command."""
    lines = _heading(compared)
    for change in CHANGES:
        if compared[change]:
            lines += ["", HEADINGS[change]]
        for one in compared[change]:
            lines.append(f"  {_level(one)} {one['id']}  {_verdicts(one)}  {one['text']}")
            if one["new"] in {"inconclusive", "error"}:
                lines.append(f"      {one['reason']}")
            for finding in one["findings"]["new"]:
                lines += [f"    + {finding['id']}  {finding['case']}", f"      expected {finding['expected']}"]
                lines.append(f"           got {finding['got']}")
            lines += [f"    - {finding['id']}  {finding['case']}" for finding in one["findings"]["gone"]]
    return "\n".join([*(safe(line.replace("\n", " ")) for line in [*lines, "", _summary(compared)]), ""])


def as_markdown(compared: dict[str, Any]) -> str:
    """The comparison as Markdown, in which nothing that a target said is markup."""
    lines = ["# invoice-conformance diff", "", *(_escaped(line) for line in _heading(compared)), ""]
    for change in CHANGES:
        if not compared[change]:
            continue
        lines += [
            f"## {HEADINGS[change]}",
            "",
            "| level | requirement | before | now | findings |",
            "|---|---|---|---|---|",
        ]
        for one in compared[change]:
            found = [f"new: {_told(finding)}" for finding in one["findings"]["new"]]
            found += [f"gone: {_escaped(finding['id'])}" for finding in one["findings"]["gone"]]
            cells = (_level(one), one["id"], one["old"] or "–", one["new"] or "–")
            lines.append(f"| {' | '.join(map(_escaped, cells))} | {'<br>'.join(found)} |")
        lines.append("")
    return "\n".join([*lines, _escaped(_summary(compared)), ""])


def _told(finding: dict[str, str]) -> str:
    return _escaped(f"{finding['id']}: expected {finding['expected']}; got {finding['got']}")


def _level(change: dict[str, Any]) -> str:
    return str(change["level"]) if change["decides"] else f"{change['level']} (decides nothing)"


def _verdicts(change: dict[str, Any]) -> str:
    return f"{change['old'] or 'absent'} -> {change['new'] or 'absent'}"


def _heading(compared: dict[str, Any]) -> list[str]:
    old, new = compared["runs"]["old"], compared["runs"]["new"]
    lines = [f"outcome: {old['outcome']} -> {new['outcome']}"]
    lines += [f"not alike: {key}: {_brief(old[key])} -> {_brief(new[key])}" for key in compared["differing"]]
    lines += [
        f"the {which} run was cut short: {run['stopped']}"
        for which, run in (("old", old), ("new", new))
        if run["stopped"]
    ]
    return lines


def _brief(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(str(part)[:12] for part in value.values() if isinstance(part, str))
    return "the embedded reference server" if value is None else str(value)


def _summary(compared: dict[str, Any]) -> str:
    return ", ".join(f"{len(compared[change])} {change}" for change in CHANGES)


def _escaped(text: str) -> str:
    """Text that is the same text in a cell of a Markdown table."""
    shown = safe(text.replace("\n", " "))
    return "".join(f"&#{ord(letter)};" if letter in "&<>|`*_[]\\#~@!" else letter for letter in shown)
