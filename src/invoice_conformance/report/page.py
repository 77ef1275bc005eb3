"""Owns `report.html`: one file that needs no network and shows a report to people.

It judges nothing. What a target said is text on it: autoescaped, its unseen characters spelled out, and no script or
style runs but the page's own, whose hashes its Content-Security-Policy names.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from invoice_conformance.baseline import complaints
from invoice_conformance.escaping import visible
from invoice_conformance.report.static import own, policy
from invoice_conformance.report.words import (
    BASES,
    CURL,
    EXPORT,
    LEVELS,
    PAGE,
    REPEAT,
    RERUN,
    VERDICTS,
    WITHOUT,
    Part,
    all_known,
    baseline_of,
    case_of,
    conclusion_of,
    edge_words,
    gate_of,
    known_words,
    level_of,
    level_words,
    listed,
    members_of,
    of_their_own,
    place_of,
    rank,
    root_of,
    root_words,
    sent_of,
    set_of,
    stability,
    tally_of,
    target_of,
    title_of,
    unlisted,
    verdict_words,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from jinja2 import Template

    from invoice_conformance.report.document import Report

FEW = 2
"""A member that was tried with fewer classes of values has no column of its own in the map."""
OTHERS = "other members"
STATUSES = ("2xx", "3xx", "4xx", "5xx", "1xx", "none")
CHART_HEIGHT = 120


class Piece(NamedTuple):
    """A part of a body, and whether it is what the finding is about."""

    text: str
    marked: bool


def page(report: Report) -> str:
    """The report as HTML."""
    style, script = own("page.css"), own("page.js")
    rows = report["requirements"]
    return _template().render(
        report=report,
        csp=policy(style, script),
        # They are the page's own and hold nothing of a report.
        style=Markup(style),  # noqa: S704 - as said
        script=Markup(script),  # noqa: S704 - as said
        conclusion=conclusion_of(report),
        target=target_of(report),
        gate=gate_of(report),
        tally=tally_of(report),
        totals=sent_of(report),
        page=PAGE,
        export=EXPORT,
        without=WITHOUT,
        commands={"curl": CURL, "rerun": RERUN, "repeat": REPEAT},
        set=set_of(report),
        baseline=baseline_of(report),
        complaints=complaints(report["baseline"]) if report["baseline"] is not None else [],
        verdicts=[verdict for verdict in VERDICTS if any(row["verdict"] == verdict for row in rows)],
        bases=BASES,
        counted=_counted(rows),
        failed=sorted((row for row in rows if row["verdict"] == "fail"), key=rank),
        root=root_words(report),
        brief={row["id"]: row for row in of_their_own([row for row in rows if row["findings"]], root_of(report))},
        areas=_areas(rows),
        map=_map(report["map"]) | {"left_out": _not_drawn(report)},
        timeline=_timeline(report["timeline"]),
        histogram=_histogram(report["latency_histogram"]),
    )


def prepare() -> None:
    """Read the template, which takes longer than filling it in."""
    _template()


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["seen"] = visible
    environment.filters["sentence"] = lambda words: words[:1].upper() + words[1:]
    environment.filters["level"] = level_of
    environment.filters["level_words"] = level_words
    environment.filters["stability"] = stability
    environment.filters["verdict_words"] = verdict_words
    environment.filters["known_words"] = known_words
    environment.filters["all_known"] = all_known
    environment.filters["listed"] = listed
    environment.filters["unlisted"] = unlisted
    environment.filters["title_of"] = title_of
    environment.filters["case_of"] = case_of
    environment.filters["edge_words"] = edge_words
    environment.filters["place_of"] = place_of
    environment.filters["members_of"] = members_of
    environment.globals["at_fault"] = at_fault
    environment.globals["pieces"] = pieces
    return environment.from_string(own("page.html.j2"))


def _counted(rows: list[Part]) -> list[tuple[str, str, dict[str, int]]]:
    """Requirements by level, basis and verdict."""
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        found = counted.setdefault((level_of(row), row["basis"]), {})
        found[row["verdict"]] = found.get(row["verdict"], 0) + 1
    order = sorted(counted, key=lambda pair: (LEVELS.index(pair[0]), list(BASES).index(pair[1])))
    return [("MAY or contested" if level == "MAY" else level, basis, counted[level, basis]) for level, basis in order]


def _areas(rows: list[Part]) -> list[tuple[str, list[Part]]]:
    areas: dict[str, list[Part]] = {}
    for row in rows:
        areas.setdefault(row["area"], []).append(row)
    return [(area, sorted(found, key=rank)) for area, found in areas.items()]


def _map(cells: list[Part]) -> Part:
    """The map as columns (members), rows (classes that broke somewhere) and strips (every class of a member)."""
    classes: dict[str, int] = {}
    for cell in cells:
        classes[cell["field"]] = classes.get(cell["field"], 0) + 1
    columns = [name for name, count in classes.items() if count >= FEW]
    merged: dict[tuple[str, str], list[int]] = {}
    ids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for cell in cells:
        column = cell["field"] if cell["field"] in columns else OTHERS
        found = merged.setdefault((column, cell["edge"]), [0, 0])
        found[0] += cell["cases"]
        found[1] += cell["broken"]
        ids[column, cell["edge"]] |= {*cell.get("requirements", [])}
    if len(columns) < len(classes):
        columns.append(OTHERS)
    broken = list(dict.fromkeys(edge for (_column, edge), (_cases, bad) in merged.items() if bad))
    broken.sort(key=lambda edge: -sum(merged[column, edge][1] for column in columns if (column, edge) in merged))
    struck = [column for column in columns if any(merged.get((column, edge), (0, 0))[1] for edge in broken)]
    return {
        "columns": struck,
        "rows": [
            (edge, [(column, merged.get((column, edge)), sorted(ids[column, edge])) for column in struck])
            for edge in broken
        ],
        "strips": [
            (column, [(edge, *found) for (name, edge), found in merged.items() if name == column]) for column in columns
        ],
        "cases": sum(found[0] for found in merged.values()),
        "bad": sum(found[1] for found in merged.values()),
    }


def _not_drawn(report: Report) -> list[str]:
    """The failed requirements none of whose findings the map shows: those of heads, of several values or requests."""
    struck = {cell["field"] for cell in report["map"] if cell["broken"]}
    return [
        row["id"]
        for row in report["requirements"]
        if row["findings"] and not any(struck & set(found["fields"]) for found in row["findings"])
    ]


def at_fault(finding: Part, name: str) -> bool:
    """Whether a header field is what the finding is about."""
    return name.lower() in finding.get("headers", ())


def _timeline(timeline: Part) -> Part | None:
    """The timeline as bars of an SVG that is one unit wide a slice."""
    slices = timeline["slices"]
    if not slices:
        return None
    most = max(sum(one["statuses"].values()) for one in slices)
    slowest = max((one["latency_ms"].get("max", 0) for one in slices), default=0)
    bars = []
    for place, one in enumerate(slices):
        top = float(CHART_HEIGHT)
        words = ", ".join(f"{count} {name}" for name, count in one["statuses"].items())
        for status in sorted(one["statuses"], key=lambda name: STATUSES.index(name) if name in STATUSES else 0):
            height = round(CHART_HEIGHT * one["statuses"][status] / (most or 1), 2)
            top = round(top - height, 2)
            known = status if status in STATUSES else "none"
            bars.append({"x": place, "y": top, "height": height, "status": known, "words": words})
    return {
        "bars": bars,
        "statuses": [status for status in STATUSES if any(status in one["statuses"] for one in slices)],
        "count": len(slices),
        "height": CHART_HEIGHT,
        "most": most,
        "slowest": slowest,
        "lines": [(name, _line(slices, name, slowest)) for name in ("p50", "max")],
        "slices": [
            (round(place * timeline["slice_s"], 2), one["statuses"], one["latency_ms"])
            for place, one in enumerate(slices)
        ],
        "seconds": round(len(slices) * timeline["slice_s"], 1),
    }


def _line(slices: list[Part], name: str, slowest: float) -> str:
    return " ".join(
        f"{place + 0.5},{round(CHART_HEIGHT * (1 - one['latency_ms'][name] / (slowest or 1)), 2)}"
        for place, one in enumerate(slices)
        if one["latency_ms"]
    )


def _histogram(classes: list[Part]) -> list[Part]:
    """The classes between the fastest and the slowest answer, each with the share of the fullest one."""
    used = [place for place, one in enumerate(classes) if one["requests"]]
    if not used:
        return []
    fullest = max(one["requests"] for one in classes)
    bounds: list[Any] = [0, *(one["up_to_ms"] for one in classes)]
    return [
        {
            "words": f"up to {_span(bounds[place + 1])}" if bounds[place + 1] else f"over {_span(bounds[place])}",
            "requests": classes[place]["requests"],
            "share": round(100 * classes[place]["requests"] / fullest, 1),
        }
        for place in range(used[0], used[-1] + 1)
    ]


def _span(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds // 1000} s"  # noqa: PLR2004 - of a second


KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*')
"""A member's name as it stands in a body, which need not be JSON."""
UNTIL = re.compile(r"[^,}\]]*")


def pieces(text: str, names: Collection[str]) -> list[Piece]:
    """A body in pieces, those marked that are the members `names` with their values."""
    found: list[Piece] = []
    end = 0
    for start, stop in _spans(text, names):
        if start >= end:
            found += [Piece(visible(text[end:start]), marked=False), Piece(visible(text[start:stop]), marked=True)]
            end = stop
    return [piece for piece in [*found, Piece(visible(text[end:]), marked=False)] if piece.text]


def _spans(text: str, names: Collection[str]) -> Iterator[tuple[int, int]]:
    for key in KEY.finditer(text):
        if key[1] not in names:
            continue
        try:
            _value, stop = json.JSONDecoder(strict=False).raw_decode(text, key.end())
        except (ValueError, RecursionError):
            rest = UNTIL.match(text, key.end())
            stop = rest.end() if rest else key.end()
        yield key.start(), stop
