"""Owns `report.json`: the one canonical account of a run, of which every other view is made.

It judges nothing; what it says of a target is cut to size, for the evidence keeps it whole.
"""

from __future__ import annotations

import json
import re
import shlex
import string
import time
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from invoice_conformance.case import BEARER
from invoice_conformance.config import PREFIX
from invoice_conformance.exchange import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from invoice_conformance.case import Case
    from invoice_conformance.catalogue import Catalogue
    from invoice_conformance.config import Settings
    from invoice_conformance.contract import Contract
    from invoice_conformance.engine import Done
    from invoice_conformance.exchange import Exchange
    from invoice_conformance.plan import Plan
    from invoice_conformance.sending import Ledger, Moment
    from invoice_conformance.trial import Reading
    from invoice_conformance.verdict import Finding, Met, Outcome, Row

Report: TypeAlias = dict[str, Any]
NAME = "report.json"
FORMAT = 1
BODY_SHOWN = 4096
"""Octets of a body that the report shows."""
LONGEST_ARGUMENT = 100_000
"""Octets of a body that stands in a command line; Linux allows 131,071."""


def build(
    *,
    contract: Contract,
    catalogue: Catalogue,
    settings: Settings,
    plan: Plan,
    rows: Iterable[Row],
    outcome: Outcome,
    done: Done,
    ledger: Ledger,
    met: Mapping[tuple[str, str], Met],
    version: str,
) -> Report:
    """The report as plain JSON values; `spec/report.schema.json` describes it."""
    rows = tuple(rows)
    known = frozenset(plan.scripts) | {case.id for script in plan.scripts.values() for _role, case in script.steps}
    partial = any(row.verdict == "not-selected" for row in rows) or bool(settings.case)
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        level = "MAY" if not row.requirement.decides else row.requirement.level
        counts.setdefault(level, Counter())[row.verdict] += 1
    return {
        "format": FORMAT,
        "suite": {"name": "invoice-conformance", "version": version},
        "spec": {"contract_sha256": contract.digest, "requirements_sha256": catalogue.digest},
        "target": settings.base_url,
        "reference_server": settings.base_url is None,
        "outcome": outcome,
        "partial": partial,
        "stopped": done.stopped,
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
            {"field": field, "edge": edge, "cases": len(found.cases), "broken": len(found.broken)}
            for (field, edge), found in met.items()
        ],
        "rerun": rerun_all(settings),
        "configuration": settings.redacted(),
        "counts": {level: dict(sorted(found.items())) for level, found in sorted(counts.items())},
        "waived": sorted(row.requirement.id for row in rows if row.verdict == "waived"),
        "requirements": [_requirement(row, settings, known) for row in rows],
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


def _requirement(row: Row, settings: Settings, known: frozenset[str]) -> dict[str, Any]:
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
        "verdict": row.verdict,
        "reason": row.reason,
        "cases_judged": row.judged,
        "checks": [check.place for check in row.checks],
        "findings": [_finding(finding, settings, known) for finding in row.findings],
    }


def _finding(finding: Finding, settings: Settings, known: frozenset[str]) -> dict[str, Any]:
    shown = finding.shown
    reading = shown.reading or finding.trial.act
    case = finding.script.id if finding.script is not None else finding.trial.id
    return {
        "id": finding.id,
        "case": reading.meaning.id,
        "fields": finding.fields,
        "edge": finding.broken.edge,
        "expected": shown.expected,
        "got": shown.got,
        "occurrences": finding.occurrences,
        "cases": finding.cases,
        "stability": {"seen": finding.seen, "sent": finding.sent, "unstable": finding.unstable},
        "boundary": finding.boundary,
        "check": finding.check.place,
        "property": finding.check.words,
        "exchange": exchange_of(reading.exchange),
        "curl": curl(
            reading.exchange,
            settings,
            finding.script.act if finding.script is not None else None,
            _mark(finding, reading),
        ),
        "rerun": rerun(finding, case if case in known else None, settings),
    }


def exchange_of(exchange: Exchange) -> dict[str, Any]:
    """An exchange as a report shows it: heads whole, bodies as text cut to size."""
    request, answer = exchange.request, exchange.answer
    shown: dict[str, Any] = {
        "request": {
            "method": request.method,
            "target": request.target,
            "headers": [list(header) for header in request.headers],
            "body": _text(request.body),
            "body_length": len(request.body),
        },
        "elapsed_ms": round(exchange.elapsed * 1000, 1),
    }
    if isinstance(answer, NoAnswer):
        shown["no_answer"] = {"kind": answer.kind, "detail": answer.detail}
    else:
        shown["response"] = {
            "status": answer.status,
            "reason": answer.reason,
            "headers": [list(header) for header in answer.headers],
            "body": _text(answer.body),
            "body_length": answer.body_length,
        }
    return shown


def _text(octets: bytes) -> str:
    text = octets[:BODY_SHOWN].decode("utf-8", errors="backslashreplace")
    return text if len(octets) <= BODY_SHOWN else f"{text}… ({len(octets)} octets)"


TOKEN = f"${{{PREFIX}TOKEN}}"
SPOKEN_TOKENS = {
    "${token}": TOKEN,
    "${token:less}": f"${{{PREFIX}TOKEN%?}}",
    "${token:half}": f"$(printf %s {TOKEN} | cut -c1-$(( ${{#{PREFIX}TOKEN}} / 2 )))",
    "${token:case}": f"$(printf %s {TOKEN} | tr a-zA-Z A-Za-z)",
    "${token:reversed}": f"$(printf %s {TOKEN} | rev)",
}
"""What a shell makes of the environment's token where a case sends the token, or something like it."""


def _credentials(template: str) -> str:
    """A case's credentials as a shell word; the token itself is never written."""
    if not template:
        return "'Authorization;'"
    word = shlex.quote(f"Authorization: {template}")
    for placeholder, spoken in SPOKEN_TOKENS.items():
        # Out of the single quotes, into double ones, and back.
        word = word.replace(placeholder, f"'\"{spoken}\"'")
    return word


def curl(exchange: Exchange, settings: Settings, case: Case | None = None, mark: str | None = None) -> str:
    """A shell command that sends the same request; the token comes from its environment variable.

    `mark` is the part of its invoice number that the run has used up: the command makes a fresh one in its place.
    """
    request = exchange.request
    url = (settings.base_url or "http://127.0.0.1:8080").partition("://")
    origin = f"{url[0]}://{url[2].partition('/')[0]}"
    where = (origin + request.target).encode("latin-1")
    parts = ["curl", "-i", "-X", _quoted(request.method), _body(where)]
    templates = iter([value for name, value in case.headers if name.lower() == "authorization"] if case else [])
    for name, value in request.headers:
        if name.lower() == "authorization":
            parts += ["-H", _credentials(next(templates, BEARER))]
        else:
            parts += ["-H", _header(name, value)]
    if any(name.lower() == "content-type" for name, _value in request.headers) is False and request.body:
        parts += ["-H", "'Content-Type:'"]
    if request.chunked:
        parts += ["-H", "'Transfer-Encoding: chunked'"]
    if b"\0" in request.body or len(request.body) > LONGEST_ARGUMENT:
        # No argument of a command can hold that; printf is the shell's own and takes none.
        return f"printf {_printed(request.body)} | {' '.join(parts)} --data-binary @-"
    if request.body:
        # Not --data-binary, which takes a leading @ for a file name.
        parts += ["--data-raw", _renumbered(_body(request.body), mark)]
    return " ".join(parts)


def _header(name: str, value: str) -> str:
    return _body((f"{name}: {value}" if value else f"{name};").encode("latin-1", errors="replace"))


FRESH = {12: '"$(date +%s%N | cut -c5-16)"', 17: '"$(date +%s%N | cut -c3-19)"'}
"""Commands that make a mark of this length which no number has yet."""


def _mark(finding: Finding, reading: Reading) -> str | None:
    """The mark in the invoice number, which the run itself has used up; None where the number must stay."""
    number = (reading.sent or {}).get("invoiceNumber")
    shared = finding.script is not None and finding.script.order != "any"
    if shared or reading.meaning.pooled or not isinstance(number, str):
        return None
    found = re.search(r"[0-9A-HJKMNP-TV-Z]{12}", number)
    if found is not None and re.fullmatch(r"[0-9]{12}", found[0]):
        found = re.search(r"[0-9]{17}", number)
    return found[0] if found is not None else None


def _renumbered(word: str, mark: str | None) -> str:
    """The quoted body with a fresh mark in its invoice number."""
    if mark is None or word.count(mark) != 1:
        return word
    opening = "$'" if word.startswith("$'") else "'"
    return word.replace(mark, f"'{FRESH[len(mark)]}{opening}")


def _quoted(text: str) -> str:
    """A word of a POSIX shell; text that holds control characters goes in $'…', which shows them."""
    if all(character.isprintable() for character in text):
        return shlex.quote(text)
    escaped = "".join(
        f"\\{character}"
        if character in "\\'"
        else character
        if character.isprintable()
        else "".join(f"\\x{octet:02x}" for octet in character.encode("utf-8", errors="surrogatepass"))
        for character in text
    )
    return f"$'{escaped}'"


def _body(octets: bytes) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return (
            "$'"
            + "".join(
                f"\\x{octet:02x}" if octet < 32 or octet > 126 or octet in b"\\'" else chr(octet)  # noqa: PLR2004 - ASCII
                for octet in octets
            )
            + "'"
        )
    return _quoted(text)


def _printed(octets: bytes) -> str:
    """The format with which `printf` writes these octets."""
    plain = frozenset(b"{}[]:,. -" + string.ascii_letters.encode() + string.digits.encode())
    return "'" + "".join(chr(octet) if octet in plain else f"\\{octet:03o}" for octet in octets) + "'"


def rerun(finding: Finding, case: str | None, settings: Settings) -> str:
    """The command that judges this one finding again; without a case when it stands in no plan, like a reduced one."""
    parts = [*_towards(settings), "--requirement", finding.requirement]
    if finding.check.fold is None and case is not None:
        parts += ["--case", re.sub(r"([*?[])", r"[\1]", case)]
    return _spoken([*parts, *_sending(settings)])


def rerun_all(settings: Settings) -> str:
    """The command that repeats the whole run; headers of `--header` are named without their values."""
    parts = _towards(settings)
    for key in ("requirement", "case", "without"):
        parts += [part for value in getattr(settings, key) for part in (f"--{key}", value)]
    parts += [part for name, _value in settings.header for part in ("--header", f"{name}: …")]
    parts += ["--level", settings.level] if settings.level != "must" else []
    return _spoken([*parts, *_sending(settings)])


def _towards(settings: Settings) -> list[str]:
    parts = ["invoice-conformance", "run"]
    if settings.base_url is not None:
        parts.append(settings.base_url)
        for key in ("tenant_id", "contract_id", "other_tenant_id", "other_contract_id", "ca_file"):
            value = getattr(settings, key)
            parts += [f"--{key.replace('_', '-')}", value] if value else []
        parts += ["--insecure"] if settings.insecure else []
    return parts


def _sending(settings: Settings) -> list[str]:
    parts = ["--profile", settings.profile] if settings.profile != "standard" else []
    return parts + (["--seed", str(settings.seed)] if settings.seed else [])


def _spoken(parts: list[str]) -> str:
    return " ".join(shlex.quote(part) for part in parts)
