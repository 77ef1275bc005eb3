"""Owns `report.json`: the one canonical account of a run, of which every other view is made.

It judges nothing; what it says of a target is cut to size, for the evidence keeps it whole.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from invoice_conformance import sets
from invoice_conformance.case import STANDARD_HEADERS
from invoice_conformance.exchange import NoAnswer
from invoice_conformance.expect import Refused, value_of
from invoice_conformance.expect_http import RefusedForThat
from invoice_conformance.report.commands import commands, rerun, rerun_all, steps_of
from invoice_conformance.report.words import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from invoice_conformance.account import Finding, Met
    from invoice_conformance.baseline import Comparison
    from invoice_conformance.case import Case
    from invoice_conformance.catalogue import Catalogue
    from invoice_conformance.config import Settings
    from invoice_conformance.contract import Contract
    from invoice_conformance.engine import Done
    from invoice_conformance.exchange import Exchange
    from invoice_conformance.plan import Plan
    from invoice_conformance.sending import Ledger, Moment
    from invoice_conformance.sets import RequirementSet
    from invoice_conformance.trial import Reading
    from invoice_conformance.verdict import Outcome, Row

Report: TypeAlias = dict[str, Any]
NAME = "report.json"
FORMAT = 1
BODY_SHOWN = 4096
"""Octets of a body that the report shows."""
LINE_SHOWN = 1000
"""Characters of a header field of an answer that the report shows."""


class NotAReport(ValueError):  # noqa: N818 - named for what it is about, not for being an error
    """A file is no report of a run that can be read here: one line that says why."""


def build(
    *,
    contract: Contract,
    catalogue: Catalogue,
    settings: Settings,
    plan: Plan,
    rows: Iterable[Row],
    outcome: Outcome,
    exit_code: int,
    compared: Comparison | None,
    whole: bool,
    pinned: RequirementSet | None,
    done: Done,
    ledger: Ledger,
    met: Mapping[tuple[str, str], Met],
    remarks: Sequence[str],
    version: str,
) -> Report:
    """The report as plain JSON values; `spec/report.schema.json` describes it.

    `whole` is whether everything was sent that the selected requirements need.
    """
    rows = tuple(rows)
    cases = {script.id: script.act for script in plan.scripts.values()}
    cases |= {case.id: case for script in plan.scripts.values() for _role, case in script.steps}
    partial = any(row.verdict == "not-selected" for row in rows) or bool(settings.case)
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        level = "MAY" if not row.decides else row.requirement.level
        counts.setdefault(level, Counter())[row.verdict] += 1
    return {
        "format": FORMAT,
        "suite": {"name": "invoice-conformance", "version": version},
        "spec": {"contract_sha256": contract.digest, "requirements_sha256": catalogue.digest},
        "set": sets.told(catalogue, pinned),
        "target": settings.base_url,
        "reference_server": settings.base_url is None,
        "outcome": outcome,
        "exit_code": exit_code,
        "partial": partial,
        "stopped": done.stopped,
        "remarks": list(remarks),
        "profile": settings.profile,
        "seed": settings.seed,
        "started_at": stamp(done.started_at),
        "ended_at": stamp(done.ended_at),
        "duration_s": round(done.ended_at - done.started_at, 3),
        "requests": ledger.requests,
        "planned_requests": plan.requests,
        "invoices_created": ledger.invoices,
        "latency_ms": _percentiles([moment.elapsed for moment in ledger.moments if moment.status]),
        "latency_histogram": _histogram(ledger.moments),
        "timeline": _timeline(ledger.moments),
        "map": [
            {
                "field": field,
                "edge": edge,
                "cases": len(found.cases),
                "broken": len(found.broken),
                "requirements": sorted(found.requirements),
            }
            for (field, edge), found in met.items()
        ],
        "rerun": rerun_all(settings),
        "configuration": settings.redacted(),
        "counts": {level: dict(sorted(found.items())) for level, found in sorted(counts.items())},
        "waived": sorted(row.requirement.id for row in rows if row.verdict == "waived"),
        "baseline": compared.told() if compared is not None else None,
        "requirements": [_requirement(row, settings, cases, compared, whole=whole) for row in rows],
    }


def write(report: Report, folder: Path) -> Path:
    """Write the report into a folder, whole or not at all; returns the file."""
    path = folder / NAME
    unfinished = folder / f".{NAME}.part"
    unfinished.write_text(written(report), encoding="utf-8")
    unfinished.replace(path)
    return path


def written(report: Report) -> str:
    """The report's text, in ASCII."""
    return json.dumps(report, ensure_ascii=True, indent=1) + "\n"


def load(place: Path) -> Report:
    """The report of a folder or file; NotAReport when there is none that this version reads."""
    path = place / NAME if place.is_dir() else place
    try:
        report = json.loads(path.read_bytes())
    except OSError as error:
        raise NotAReport(f"{path} cannot be read: {error.strerror}; give the folder of a run") from None
    except (ValueError, RecursionError) as error:
        raise NotAReport(f"{path} is not JSON: {error}") from None
    if not isinstance(report, dict) or not isinstance(report.get("requirements"), list):
        raise NotAReport(f"{path} is no report of invoice-conformance")
    if report.get("format") != FORMAT:
        raise NotAReport(
            f"{path} has the format {report.get('format')!r}; this version reads {FORMAT}, others are for the version "
            "that wrote it"
        )
    return report


def stamp(moment: float) -> str:
    """Seconds since the epoch as an RFC 3339 date-time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03d}Z"


def _percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies)
    if not ordered:
        return {}
    return {
        f"p{share}": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)], 1)
        for share in (50, 90, 95, 99)
    } | {"max": round(1000 * ordered[-1], 1)}


LATENCY_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Milliseconds at which the histogram's classes end; one more is open."""
SLICES = 60
"""Parts of the run's time that the timeline tells apart at most."""
SHORTEST_SLICE = 0.05
"""Seconds: what is shorter shows the machine's noise."""


def _histogram(moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """How many answered requests took up to so many milliseconds, and more than the bound before."""
    answered = [1000 * moment.elapsed for moment in moments if moment.status]
    if not answered:
        return []
    counted = Counter(bisect_left(LATENCY_BOUNDS, elapsed) for elapsed in answered)
    return [
        {"up_to_ms": bound, "requests": counted.get(place, 0)} for place, bound in enumerate((*LATENCY_BOUNDS, None))
    ]


def _timeline(moments: Sequence[Moment]) -> dict[str, Any]:
    """Statuses and latencies by the time at which requests were sent, in slices of equal length."""
    if not moments:
        return {"slice_s": 0, "slices": []}
    first = min(moment.sent_at for moment in moments)
    span = max(moment.sent_at for moment in moments) - first
    length = max(SHORTEST_SLICE, span / SLICES)
    slices: list[list[Moment]] = [[] for _ in range(min(SLICES, int(span / length) + 1))]
    for moment in moments:
        slices[min(len(slices) - 1, int((moment.sent_at - first) / length))].append(moment)
    return {"slice_s": round(length, 3), "slices": [_slice(found) for found in slices]}


def _slice(moments: list[Moment]) -> dict[str, Any]:
    classes = Counter(f"{moment.status // 100}xx" if moment.status else "none" for moment in moments)
    return {
        "statuses": dict(sorted(classes.items())),
        "latency_ms": _percentiles([moment.elapsed for moment in moments if moment.status]),
    }


def _requirement(
    row: Row, settings: Settings, cases: Mapping[str, Case], compared: Comparison | None, *, whole: bool
) -> dict[str, Any]:
    requirement = row.requirement
    return {
        "id": requirement.id,
        "area": requirement.area,
        "level": requirement.level,
        "basis": requirement.basis,
        "contested": requirement.contested,
        "text": requirement.text,
        "quote": requirement.quote,
        "source": requirement.source,
        "why": requirement.why,
        "in_set": not row.beyond,
        "decides": row.decides,
        "asked": row.asked(settings.level),
        "effect": row.effect(settings.level, compared.known if compared is not None else ()),
        "verdict": row.verdict,
        "conclusive": whole and row.conclusive,
        "reason": row.reason,
        "cases_judged": row.judged,
        "checks": [check.place for check in row.checks],
        "findings": [
            _finding(finding, settings, cases) | {"known": _known(finding, compared)} for finding in row.findings
        ],
    }


def _finding(finding: Finding, settings: Settings, cases: Mapping[str, Case]) -> dict[str, Any]:
    shown = finding.shown
    reading = shown.reading or finding.trial.act
    said = commands(finding, settings, cases)
    steps = steps_of(finding, reading)
    return {
        "id": finding.id,
        "title": _title(finding, reading),
        "case": reading.meaning.id,
        "fields": finding.fields,
        "headers": _headers(finding, reading, cases.get(reading.meaning.id)) + _unlike(steps),
        "members": _members(finding, reading),
        "edge": finding.broken.edge,
        "expected": shown.expected,
        "got": shown.got,
        "occurrences": finding.occurrences,
        "cases": finding.cases,
        "both_tenants": finding.both_tenants,
        "refused": _refused(finding),
        "stability": {"seen": finding.seen, "sent": finding.sent, "unstable": finding.unstable},
        "boundary": finding.boundary,
        "check": finding.check.place,
        "property": finding.check.words,
        "exchange": exchange_of(reading.exchange),
        "steps": [
            {"request": exchange_of(one.exchange)["request"], "came": one.said(), "shown": one is reading}
            for one in steps
        ],
        "curl": said.curl,
        "curl_note": said.note,
        "rerun": rerun(finding, cases, settings),
    }


def _unlike(steps: Sequence[Reading]) -> list[str]:
    """The header fields in which the requests of a finding differ: lower-case names."""
    sent = [one.exchange.request for one in steps]
    names = dict.fromkeys(name.lower() for request in sent for name, _value in request.headers)
    return [name for name in names if len({tuple(request.values(name)) for request in sent}) > 1]


def _refused(finding: Finding) -> dict[str, int] | None:
    """Of how many cases that had to be refused how many were; None where that is not what was expected."""
    if not isinstance(finding.check.expecting, Refused | RefusedForThat) or not finding.judged:
        return None
    return {"held": finding.held, "judged": finding.judged}


def _about_body(finding: Finding, reading: Reading) -> bool:
    """Whether a finding is about what the body's members say, rather than met in a body by chance."""
    together = " & ".join(f"{name}: {edge}" for name, edge in reading.meaning.edits)
    return finding.shown.field is not None or (bool(together) and finding.shown.edge == together)


def _members(finding: Finding, reading: Reading) -> list[str]:
    """The members of the bodies that are at fault: the ones judged, and those that it takes beside them."""
    if not _about_body(finding, reading):
        return []
    own = [finding.shown.field] if finding.shown.field is not None else []
    return list(dict.fromkeys([*own, *(name for name, _edge in reading.meaning.edits)]))


def _headers(finding: Finding, reading: Reading, case: Case | None) -> list[str]:
    """The header fields at fault, in lower case: the answer's by their name, the request's where they are the case."""
    answer = reading.exchange.answer
    names = [] if isinstance(answer, NoAnswer) else [name.lower() for name, _value in answer.headers]
    found = [name for name in names if name in {finding.shown.edge.lower(), finding.shown.kind}]
    if case is not None and not case.edits and not found:
        sent = [name.lower() for name, _value in reading.exchange.request.headers]
        odd = {name.lower() for name, value in case.headers if (name, value) not in STANDARD_HEADERS}
        found = [name for name in sent if name in odd]
    return list(dict.fromkeys(found))


TITLE = 120
"""Characters of the values in a heading."""


def _title(finding: Finding, reading: Reading) -> str:
    """What a finding is about, as a heading: the values that were sent; empty where it is named by its edge alone."""
    if not _about_body(finding, reading) or not reading.meaning.edits:
        return ""
    return cut(value_of(reading), TITLE)


def _known(finding: Finding, compared: Comparison | None) -> dict[str, Any] | None:
    """What the baseline says of a finding."""
    entry = compared.known.get(finding.id) if compared is not None else None
    if entry is None:
        return None
    expires = entry.expires.isoformat() if entry.expires is not None else None
    return {"line": entry.line, "reason": entry.reason, "issue": entry.issue, "expires": expires}


def exchange_of(exchange: Exchange) -> dict[str, Any]:
    """An exchange as a report shows it: heads whole, bodies as text cut to size."""
    request, answer = exchange.request, exchange.answer
    shown: dict[str, Any] = {
        "request": {
            "method": request.method,
            "target": request.target,
            "headers": [list(header) for header in request.headers],
            "body": _text(request.body),
            "body_length": request.length,
        },
        "elapsed_ms": round(exchange.elapsed * 1000, 1),
    }
    if isinstance(answer, NoAnswer):
        shown["no_answer"] = {"kind": answer.kind, "detail": answer.detail}
    else:
        shown["response"] = {
            "status": answer.status,
            "reason": answer.reason,
            "headers": [[_line(text) for text in header] for header in answer.headers],
            "body": _text(answer.body),
            "body_length": answer.body_length,
        }
        if answer.surplus:
            shown["response"]["surplus"] = _text(answer.surplus)
        if answer.unasked is not None and answer.unasked.octets:
            found = answer.unasked
            shown["response"]["unasked"] = {
                "octets": _text(found.octets),
                "method": found.method,
                "status": found.status,
            }
    return shown


def _text(octets: bytes) -> str:
    text = octets[:BODY_SHOWN].decode("utf-8", errors="backslashreplace")
    return text if len(octets) <= BODY_SHOWN else f"{text}… ({len(octets)} octets)"


def _line(text: str) -> str:
    return text if len(text) <= LINE_SHOWN else f"{text[:LINE_SHOWN]}… ({len(text)} characters)"
