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

from invoice_conformance import sets
from invoice_conformance.address import without_credentials
from invoice_conformance.case import BEARER
from invoice_conformance.config import PREFIX
from invoice_conformance.exchange import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from invoice_conformance.baseline import Comparison
    from invoice_conformance.case import Case
    from invoice_conformance.catalogue import Catalogue
    from invoice_conformance.config import Settings
    from invoice_conformance.contract import Contract
    from invoice_conformance.engine import Done
    from invoice_conformance.exchange import Exchange, Request
    from invoice_conformance.plan import Plan
    from invoice_conformance.sending import Ledger, Moment
    from invoice_conformance.sets import RequirementSet
    from invoice_conformance.trial import Reading
    from invoice_conformance.verdict import Finding, Met, Outcome, Row

Report: TypeAlias = dict[str, Any]
NAME = "report.json"
FORMAT = 1
BODY_SHOWN = 4096
"""Octets of a body that the report shows."""
LINE_SHOWN = 1000
"""Characters of a header field of an answer that the report shows."""
LONGEST_ARGUMENT = 100_000
"""Octets of a body that stands in a command line; Linux allows 131,071."""


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
    known = frozenset(plan.scripts) | {case.id for script in plan.scripts.values() for _role, case in script.steps}
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
            {"field": field, "edge": edge, "cases": len(found.cases), "broken": len(found.broken)}
            for (field, edge), found in met.items()
        ],
        "rerun": rerun_all(settings),
        "configuration": settings.redacted(),
        "counts": {level: dict(sorted(found.items())) for level, found in sorted(counts.items())},
        "waived": sorted(row.requirement.id for row in rows if row.verdict == "waived"),
        "baseline": compared.told() if compared is not None else None,
        "requirements": [_requirement(row, settings, known, compared, whole=whole) for row in rows],
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
    row: Row, settings: Settings, known: frozenset[str], compared: Comparison | None, *, whole: bool
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
            _finding(finding, settings, known) | {"known": _known(finding, compared)} for finding in row.findings
        ],
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
    return shown


def _text(octets: bytes) -> str:
    text = octets[:BODY_SHOWN].decode("utf-8", errors="backslashreplace")
    return text if len(octets) <= BODY_SHOWN else f"{text}… ({len(octets)} octets)"


def _line(text: str) -> str:
    return text if len(text) <= LINE_SHOWN else f"{text[:LINE_SHOWN]}… ({len(text)} characters)"


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
    parts = [
        "curl",
        "-i",
        "-X",
        _quoted(request.method),
        _body(where),
        *_through(settings),
        *_as_written(request, origin),
    ]
    templates = iter([value for name, value in case.headers if name.lower() == "authorization"] if case else [])
    for name, value in request.headers:
        if name.lower() == "authorization":
            parts += ["-H", _credentials(next(templates, BEARER))]
        else:
            parts += ["-H", _header(name, value)]
    if request.body and not request.values("content-type"):
        parts += ["-H", "'Content-Type:'"]
    if request.chunked:
        parts += ["-H", "'Transfer-Encoding: chunked'"]
    if b"\0" in request.body or len(request.body) > LONGEST_ARGUMENT or request.wire.coding or request.wire.padding:
        # No argument of a command can hold that; printf is the shell's own and takes none.
        return f"{_produced(request)} | {' '.join(parts)} --data-binary @-"
    if request.body:
        # Not --data-binary, which takes a leading @ for a file name.
        parts += ["--data-raw", _renumbered(_body(request.body), mark)]
    return " ".join(parts)


def _through(settings: Settings) -> list[str]:
    """Options that make curl take the same way to the target; a proxy's credentials are left out."""
    ways = (
        ("--cacert", settings.ca_file),
        ("--cert", settings.client_cert),
        ("--key", settings.client_key),
        ("--proxy", without_credentials(settings.proxy) if settings.proxy else None),
    )
    return [
        *(["--insecure"] if settings.insecure else []),
        *(part for way in ways if way[1] for part in (way[0], _quoted(way[1]))),
    ]


def _as_written(request: Request, origin: str) -> list[str]:
    """Options that make curl write a request in its unusual way, as far as it can."""
    wire = request.wire
    return [
        *(["--http1.0"] if wire.version == "1.0" else []),
        *([] if wire.host else ["-H", "'Host:'"]),
        *(["--request-target", _quoted(origin + request.target)] if wire.absolute else []),
        *(["--path-as-is"] if "/../" in request.target else []),
        *([] if request.target.startswith("/") else ["--request-target", _quoted(request.target)]),
    ]


CODERS = {
    "gzip": "gzip -c",
    "utf-16-le": "iconv -f UTF-8 -t UTF-16LE",
    "utf-16-le with its mark": "{ printf '\\377\\376'; iconv -f UTF-8 -t UTF-16LE; }",
    "utf-32-le": "iconv -f UTF-8 -t UTF-32LE",
}
"""Commands that do to a body what its coding says."""


def _produced(request: Request) -> str:
    """A pipe that writes the body of a request out."""
    wire = request.wire
    said = f"printf {_printed(request.body)}"
    if wire.padding:
        said = f"{{ {said}; head -c {wire.padding} /dev/zero | tr '\\0' ' '; }}"
    return f"{said} | {CODERS[wire.coding]}" if wire.coding else said


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
    parts += ["--baseline", str(settings.baseline.path)] if settings.baseline is not None else []
    return _spoken([*parts, *_sending(settings)])


IDS = ("tenant_id", "contract_id", "other_tenant_id", "other_contract_id")


def _towards(settings: Settings) -> list[str]:
    parts = ["invoice-conformance", "run"]
    if settings.base_url is not None:
        parts.append(settings.base_url)
        for key in (*IDS, "ca_file", "client_cert", "client_key"):
            value = getattr(settings, key)
            parts += [f"--{key.replace('_', '-')}", value] if value else []
        parts += ["--proxy", without_credentials(settings.proxy)] if settings.proxy else []
        parts += ["--insecure"] if settings.insecure else []
    return parts


def _sending(settings: Settings) -> list[str]:
    parts = ["--profile", settings.profile] if settings.profile != "standard" else []
    parts += ["--set", settings.set] if settings.set is not None else []
    return parts + (["--seed", str(settings.seed)] if settings.seed else [])


def _spoken(parts: list[str]) -> str:
    return " ".join(shlex.quote(part) for part in parts)
