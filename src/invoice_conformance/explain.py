"""Owns what `explain` tells of a requirement: the rule, who says so, and examples of keeping and of breaking it.

The examples are made elsewhere; it shows them as they came out.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from typing import TYPE_CHECKING, Any, Final

from invoice_conformance.escaping import one_line
from invoice_conformance.exchange import NoAnswer
from invoice_conformance.exhibit import exhibit
from invoice_conformance.killing import IDENTITY
from invoice_conformance.report.document import exchange_of
from invoice_conformance.report.words import BASES, PAGE, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from invoice_conformance.case import Case
    from invoice_conformance.catalogue import Catalogue, Requirement
    from invoice_conformance.exhibit import Exhibit
    from invoice_conformance.session import Suite
    from invoice_conformance.trial import Reading, Trial

NEAR: Final = 3
WIDTH: Final = 110
BODY_SHOWN: Final = 600
STEPS_SHOWN: Final = 3
"""Exchanges of one example that are shown at most."""
ROLES: Final = {
    "first": "first",
    "again": "then again",
    "twin": "a legal twin, for comparison",
    "without": "without one of its values",
    "between": "in between",
}


def wanted(catalogue: Catalogue, patterns: Iterable[str]) -> list[Requirement]:
    """The requirements that match one of the globs; KeyError with what may be meant for a glob that matches none."""
    ids: set[str] = set()
    for pattern in patterns:
        try:
            ids |= catalogue.matching([pattern])
        except KeyError:
            known = [row.id for row in catalogue]
            near = difflib.get_close_matches(pattern.upper(), known, NEAR, 0.5)
            near = near or [name for name in known if pattern.upper() in name][:NEAR]
            hint = f"; did you mean {' or '.join(near)}?" if near else "; invoice-conformance plan lists them all"
            raise KeyError(f"no requirement {pattern} in spec/requirements/{hint}") from None
    return [row for row in catalogue if row.id in ids]


def explained(suite: Suite, requirement: Requirement) -> dict[str, Any]:
    """All that there is to say of one requirement, as plain JSON values."""
    found = exhibit(suite, requirement)
    return {
        "id": requirement.id,
        "area": requirement.area,
        "level": requirement.level,
        "contested": requirement.contested,
        "basis": requirement.basis,
        "text": requirement.text,
        "quote": requirement.quote,
        "source": requirement.source,
        "why": requirement.why,
        "file": f"spec/requirements/{requirement.area}.yaml",
        "check": found.check.place,
        "property": found.check.words,
        "faults": list(requirement.faults),
        "conforming": _trial(found, found.conforming),
        "violating": _violation(found),
    }


def _trial(found: Exhibit, trial: Trial | None) -> list[dict[str, Any]]:
    """The exchanges of a trial in the order in which they were sent."""
    if trial is None:
        return []
    cases = {case.id: case for _role, case in found.script.steps} if found.script is not None else {}
    sent = [(role, reading) for role, readings in trial.roles.items() for reading in readings]
    return [
        {"role": role, "case": reading.meaning.id} | _exchange(reading, cases.get(reading.meaning.id))
        for role, reading in sorted(sent, key=lambda one: one[1].exchange.sent_at)
    ]


def _exchange(reading: Reading, case: Case | None) -> dict[str, Any]:
    shown = exchange_of(reading.exchange)
    if case is not None:
        shown["request"]["headers"] = _with_credentials(shown["request"]["headers"], case)
    answer = reading.exchange.answer
    if not isinstance(answer, NoAnswer) and answer.surplus:
        shown["surplus"] = answer.surplus.decode("utf-8", errors="backslashreplace")
    return {key: value for key, value in shown.items() if key != "elapsed_ms"}


def _with_credentials(headers: list[list[str]], case: Case) -> list[list[str]]:
    """The headers with the reference server's token, which is no secret, where the case sends it whole."""
    templates = (value for name, value in case.headers if name.lower() == "authorization")
    return [
        [name, next(templates, value).replace("${token}", IDENTITY.token) if name.lower() == "authorization" else value]
        for name, value in headers
    ]


def _violation(found: Exhibit) -> dict[str, Any] | None:
    if found.violation is None:
        return None
    fault, finding = found.violation.fault, found.violation.finding
    return {
        "fault": fault.name,
        "summary": fault.summary,
        "over_sockets": fault.over_sockets,
        "expected": finding.shown.expected,
        "got": finding.shown.got,
        "exchanges": _trial(found, finding.trial),
    }


def as_json(rows: Iterable[dict[str, Any]]) -> str:
    """The requirements as a JSON array."""
    return json.dumps([*rows], ensure_ascii=True, indent=1)


def as_text(rows: Iterable[dict[str, Any]]) -> str:
    """The requirements for a terminal, which no answer can command."""
    return "\n\n\n".join("\n".join(_lines(row)) for row in rows)


def _lines(row: dict[str, Any]) -> list[str]:
    decides = " (contested: it is shown and decides nothing)" if row["contested"] else ""
    lines = [f"{row['level']} {row['id']}{decides}", *_wrapped("", row["text"]), ""]
    lines += _wrapped("rule  ", f"“{row['quote']}”")
    lines += _wrapped("      ", place_of(row["source"]))
    lines += _wrapped("      ", f"{row['basis']}: {BASES[row['basis']]}; {row['file']}")
    lines += _wrapped("page  ", PAGE)
    if row["why"]:
        lines += _wrapped("why   ", row["why"])
    lines.append(f"check {row['check']}: {row['property']}")
    violating = row["violating"]
    if violating is None:
        return [*lines, "", "no single exchange shows this rule broken; it takes a run"]
    lines += ["", "kept by the reference server:", *_shown(row["conforming"]), ""]
    lines.append(
        one_line(f"broken by the reference server with the fault {violating['fault']}: {violating['summary']}")
    )
    lines += _shown(violating["exchanges"])
    lines += [f"  expected {one_line(violating['expected'])}", f"       got {one_line(violating['got'])}", ""]
    return [*lines, "see it with your own eyes, in two terminals:", *_by_hand(row["id"], violating["fault"])]


def _by_hand(requirement: str, fault: str) -> list[str]:
    return [
        f"  invoice-conformance serve --port 8080 --fault {fault}",
        f"  INVOICE_CONFORMANCE_TOKEN={IDENTITY.token} invoice-conformance run http://127.0.0.1:8080 \\",
        f"    --tenant-id {IDENTITY.tenant} --contract-id {IDENTITY.contract} \\",
        f"    --other-tenant-id {IDENTITY.other_tenant} --other-contract-id {IDENTITY.other_contract} \\",
        f"    --requirement {requirement}",
    ]


def _wrapped(label: str, text: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH - len(label), break_long_words=False, break_on_hyphens=False)
    return [f"{label if place == 0 else ' ' * len(label)}{line}" for place, line in enumerate(lines)]


def _shown(exchanges: list[dict[str, Any]]) -> list[str]:
    """The last exchanges of an example."""
    left_out = max(0, len(exchanges) - STEPS_SHOWN)
    lines = [f"  … after {left_out} more"] if left_out else []
    for one in exchanges[left_out:]:
        words = ROLES.get(one["role"], "the case" if one["role"] == "act" else one["role"])
        lines += [f"  {words}: {one_line(one['case'])}", *_request(one["request"]), *_answer(one)]
    return lines


def _request(request: dict[str, Any]) -> list[str]:
    head = [f"{request['method']} {request['target']} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in request["headers"]]
    return [*_prefixed(">", head), *_body(">", request["body"])]


def _answer(one: dict[str, Any]) -> list[str]:
    if "no_answer" in one:
        return [f"    < no answer: {one_line(one['no_answer']['detail'])}"]
    response = one["response"]
    head = [f"HTTP/1.1 {response['status']} {response['reason']}".rstrip()]
    head += [f"{name}: {value}" for name, value in response["headers"]]
    surplus = [f"    < and after the answer: {one_line(one['surplus'][:BODY_SHOWN])}"] if one.get("surplus") else []
    return [*_prefixed("<", head), *_body("<", response["body"]), *surplus]


def _prefixed(sign: str, lines: list[str]) -> list[str]:
    return [f"    {sign} {one_line(line)}" for line in lines]


def _body(sign: str, text: str) -> list[str]:
    if not text:
        return []
    cut = text if len(text) <= BODY_SHOWN else f"{text[:BODY_SHOWN]}… ({len(text)} characters)"
    return [f"    {sign}", f"    {sign} {one_line(cut)}"]
