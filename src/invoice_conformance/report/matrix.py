"""Owns the comparison of several reports, requirement by requirement: one static page, one Markdown table.

It judges no server and ranks none: it sets side by side what their runs said, and says where they are not alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from invoice_conformance.escaping import one_line
from invoice_conformance.report.static import own, policy
from invoice_conformance.report.words import OUTCOMES, conclusion_of, level_of, target_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jinja2 import Template

    from invoice_conformance.report.document import Report

ALIKE: Final = {
    "suite": "versions of the suite",
    "spec": "specs",
    "profile": "profiles",
    "seed": "seeds",
    "set": "sets",
}
"""What the runs should have in common, or else may explain why they differ."""
SIGNS: Final = {
    "pass": "✓",
    "fail": "✗",
    "inconclusive": "?",
    "waived": "waived",
    "error": "suite error",
    "not-selected": "–",
}
LEGEND: Final = (
    "✓ holds, ✗ is broken (with the number of findings), ? could not be judged, – was not asked for; "
    "a requirement that is MAY or contested decides nothing"
)
FINDINGS_SHOWN: Final = 3


@dataclass(frozen=True)
class Column:
    """A report under the name by which it is shown."""

    name: str
    report: Report


def name_for(name: str, report: Report, taken: Sequence[str]) -> str:
    """A name for a report that no other has: as given, else its target's, with its date or a number if need be."""
    target = (report["target"] or "reference server").partition("://")
    plain = name or target[2] or target[0]
    dated = f"{plain}, {report['started_at'][:10]}"
    choices = [plain, dated, *(f"{dated} ({count})" for count in range(2, len(taken) + 3))]
    return next(choice for choice in choices if choice not in taken)


def compare(columns: Sequence[Column]) -> dict[str, Any]:
    """The reports side by side, as plain JSON values; rows in the order in which the reports bring them."""
    rows: dict[str, dict[str, Any]] = {}
    for column in columns:
        for row in column.report["requirements"]:
            rows.setdefault(row["id"], row)
    by_id = [{row["id"]: row for row in column.report["requirements"]} for column in columns]
    return {
        "runs": [_run(column) for column in columns],
        "unlike": [words for key, words in ALIKE.items() if not _alike(column.report.get(key) for column in columns)],
        "requirements": [
            {
                **{key: row[key] for key in ("id", "area", "level", "basis", "contested", "text", "source")},
                "counted_as": level_of(row),
                "verdicts": [_cell(found.get(name)) for found in by_id],
            }
            for name, row in rows.items()
        ],
    }


def _alike(values: Iterable[object]) -> bool:
    return len({json.dumps(value, sort_keys=True) for value in values}) <= 1


def _run(column: Column) -> dict[str, Any]:
    report = column.report
    return {
        "name": column.name,
        "target": target_of(report),
        "outcome": report["outcome"],
        "conclusion": conclusion_of(report),
        "stopped": report["stopped"],
        "partial": report["partial"],
        "waived": report["waived"],
        "date": report["started_at"][:10],
        "suite": report["suite"]["version"],
        "profile": report["profile"],
        "counts": report["counts"],
        "passed": [_share(report, level) for level in ("MUST", "SHOULD")],
    }


def _share(report: Report, level: str) -> str:
    found = report["counts"].get(level, {})
    return f"{found.get('pass', 0)} of {sum(found.values())} {level}"


def _cell(row: dict[str, Any] | None) -> dict[str, Any]:
    """A requirement in one report; a report that does not know it says nothing of it."""
    if row is None:
        return {"verdict": None, "reason": "this run's suite does not have it", "findings": []}
    findings = [{key: finding[key] for key in ("id", "case", "expected", "got")} for finding in row["findings"]]
    return {"verdict": row["verdict"], "reason": row["reason"], "findings": findings}


def as_json(compared: dict[str, Any]) -> str:
    """The comparison as JSON."""
    return json.dumps(compared, ensure_ascii=True, indent=1) + "\n"


def as_markdown(compared: dict[str, Any]) -> str:
    """The comparison as one Markdown table, in which nothing that a target said is markup."""
    runs = compared["runs"]
    lines = ["# Invoice conformance, side by side", ""]
    lines += [f"Not alike: the runs have different {', '.join(compared['unlike'])}.\n"] if compared["unlike"] else []
    lines += [f"| requirement | level | {' | '.join(_escaped(run['name']) for run in runs)} |"]
    lines += [f"|---|---|{'---|' * len(runs)}"]
    for label, key in (("outcome", "outcome"), ("target", "target"), ("date", "date"), ("suite", "suite")):
        lines.append(f"| **{label}** | | {' | '.join(_escaped(run[key]) for run in runs)} |")
    lines.append(f"| **holds** | | {' | '.join(', '.join(run['passed']) for run in runs)} |")
    lines += [
        f"| {_escaped(row['id'])} | {row['counted_as']} | {' | '.join(map(_sign, row['verdicts']))} |"
        for row in compared["requirements"]
    ]
    return "\n".join([*lines, "", LEGEND + ".", ""])


def _sign(cell: dict[str, Any]) -> str:
    sign = SIGNS[cell["verdict"]] if cell["verdict"] is not None else ""
    return f"{sign} {len(cell['findings'])}" if len(cell["findings"]) > 1 else sign


def _escaped(text: str) -> str:
    """Text that is the same text in a cell of a Markdown table."""
    return "".join(f"&#{ord(letter)};" if letter in "&<>|`*_[]\\#~@!:" else letter for letter in one_line(text))


def as_html(compared: dict[str, Any]) -> str:
    """The comparison as one page that needs no network and runs no script."""
    style = own("page.css") + own("matrix.css")
    areas: dict[str, list[dict[str, Any]]] = {}
    for row in compared["requirements"]:
        areas.setdefault(row["area"], []).append(row)
    failed = [row for row in compared["requirements"] if any(cell["findings"] for cell in row["verdicts"])]
    return _template().render(
        runs=compared["runs"],
        unlike=compared["unlike"],
        areas=areas,
        failed=failed,
        legend=LEGEND,
        shown=FINDINGS_SHOWN,
        outcomes=OUTCOMES,
        csp=policy(style),
        style=Markup(style),  # noqa: S704 - it is the package's own
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["seen"] = one_line
    environment.filters["sign"] = _sign
    environment.filters["sentence"] = lambda words: words[:1].upper() + words[1:]
    return environment.from_string(own("matrix.html.j2"))


MAKERS: Final = {"html": as_html, "markdown": as_markdown, "json": as_json}
FILES: Final = {"html": "matrix.html", "markdown": "matrix.md"}
