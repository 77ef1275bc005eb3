"""Owns reports that tests of the views make views of: small, of every verdict, and as hostile as a target can be."""

from __future__ import annotations

from typing import Any

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    "\x00\x1b[31m\u202e\n::error::pwned\n##[error]pwned\n| @me `x` ]]> %0A"
)
"""What a target may say that is obeyed by a browser, a terminal, a runner of GitHub, Markdown or an XML parser."""
PERCENTILES = {"p50": 1.5, "p90": 2.0, "p95": 3.0, "p99": 4.0, "max": 5.0}


def finding(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a part of JSON
    """A finding whose target says what is hostile wherever it says something."""
    return {
        "id": "AMOUNT-ECHO-00000000",
        "title": "amountMinor=7",
        "case": "amountMinor:maximum",
        "fields": ["amountMinor"],
        "headers": ["tenant-id"],
        "members": ["amountMinor"],
        "edge": "maximum",
        "expected": "amountMinor=7",
        "got": HOSTILE,
        "occurrences": 3,
        "cases": ["amountMinor:maximum", "amountMinor:maximum-1"],
        "both_tenants": True,
        "refused": None,
        "stability": {"seen": 1, "sent": 3, "unstable": True},
        "boundary": "of the values tried, amountMinor=7 shows it and amountMinor=6 does not",
        "check": "tests/conformance/test_amount.py:12",
        "property": "What is accepted comes back.",
        "exchange": {
            "request": {
                "method": "POST",
                "target": "/api/v1/invoices",
                "headers": [["tenant-id", "t"]],
                "body": '{"invoiceNumber":"</pre>","amountMinor":7}',
                "body_length": 42,
            },
            "elapsed_ms": 1.5,
            "response": {
                "status": 201,
                "reason": HOSTILE,
                "headers": [["x-hostile", HOSTILE]],
                "body": HOSTILE,
                "body_length": 100,
            },
        },
        "curl": "curl -i http://127.0.0.1:1/api/v1/invoices --data-raw '{\"amountMinor\":7}'",
        "curl_note": "the run has used it up",
        "rerun": "invoice-conformance run http://127.0.0.1:1 --requirement AMOUNT-ECHO",
        "known": None,
    } | changes


UNANSWERED = finding(
    id="AMOUNT-ECHO-00000001",
    got="no answer",
    stability={"seen": 1, "sent": 1, "unstable": False},
    exchange={
        "request": finding()["exchange"]["request"],
        "elapsed_ms": 9.0,
        "no_answer": {"kind": "reset", "detail": HOSTILE},
    },
)


def row(name: str, verdict: str = "pass", level: str = "MUST", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a part of JSON
    """A requirement with a verdict, in a run whose gate is MUST."""
    decides = level != "MAY" and not changes.get("contested", False) and changes.get("in_set", True)
    asked = decides and level == "MUST"
    effects = {"fail": "fails", "inconclusive": "open"} if asked else {}
    return {
        "id": name,
        "area": name.partition("-")[0].lower(),
        "level": level,
        "basis": "stated",
        "contested": False,
        "text": f"The sentence of {name}.",
        "quote": "x >= 0 & x < 10",
        "source": "#/components/schemas/CreateInvoice",
        "why": "",
        "in_set": True,
        "decides": decides,
        "asked": asked,
        "effect": "defect" if verdict == "error" else effects.get(verdict, "none"),
        "verdict": verdict,
        "conclusive": verdict in {"pass", "fail"},
        "reason": "no second tenant" if verdict == "inconclusive" else "",
        "cases_judged": 3,
        "checks": ["tests/conformance/test_amount.py:12"],
        "findings": [finding()] if verdict == "fail" else [],
    } | changes


ROWS = (
    row("AMOUNT-ECHO", "fail", findings=[finding(), UNANSWERED]),
    row("AMOUNT-HELD"),
    row("DATE-WIDE", "fail", "SHOULD"),
    row("DATE-OPEN", "inconclusive", "SHOULD"),
    row("DATE-MAY", "fail", "MAY"),
    row("DATE-CONTESTED", "fail", contested=True),
    row("TENANT-FOREIGN", "inconclusive"),
    row("TENANT-WAIVED", "waived", reason="waived by name"),
    row("TENANT-DEFECT", "error", reason="defect of the suite in x.py:1"),
    row("TENANT-LEFT", "not-selected", "SHOULD"),
)


def report(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a part of JSON
    """A report of these requirements, of one of every kind when none is given."""
    rows = rows or ROWS
    counts: dict[str, dict[str, int]] = {}
    for one in rows:
        level = one["level"] if one["decides"] else "MAY"
        counted = counts.setdefault(level, {})
        counted[one["verdict"]] = counted.get(one["verdict"], 0) + 1
    return {
        "format": 1,
        "suite": {"name": "invoice-conformance", "version": "0.1.0"},
        "spec": {"contract_sha256": "0" * 64, "requirements_sha256": "1" * 64},
        "set": {
            "name": "2026.11",
            "pinned": False,
            "newest": "2026.11",
            "beyond": [],
        },
        "target": "http://127.0.0.1:1",
        "reference_server": False,
        "outcome": "not-conformant",
        "exit_code": 1,
        "partial": False,
        "stopped": None,
        "profile": "standard",
        "seed": 0,
        "started_at": "2026-01-01T13:00:00.000Z",
        "ended_at": "2026-01-01T13:00:10.000Z",
        "duration_s": 10.0,
        "requests": 7,
        "planned_requests": 7,
        "invoices_created": 3,
        "latency_ms": PERCENTILES,
        "latency_histogram": [{"up_to_ms": 5, "requests": 6}, {"up_to_ms": None, "requests": 1}],
        "timeline": {
            "slice_s": 0.5,
            "slices": [
                {"statuses": {"2xx": 4, "5xx": 2}, "latency_ms": PERCENTILES},
                {"statuses": {"none": 1}, "latency_ms": {}},
            ],
        },
        "map": [
            {"field": "amountMinor", "edge": "maximum", "cases": 2, "broken": 2, "requirements": ["AMOUNT-ECHO"]},
            {"field": "amountMinor", "edge": "minimum", "cases": 3, "broken": 0, "requirements": []},
            {"field": "issuedAt", "edge": "leap day", "cases": 5, "broken": 1, "requirements": ["DATE-WIDE"]},
            {"field": "issuedAt", "edge": "maximum", "cases": 1, "broken": 0, "requirements": []},
            {"field": "notes", "edge": "unknown member", "cases": 1, "broken": 0, "requirements": []},
        ],
        "rerun": "invoice-conformance run http://127.0.0.1:1 --tenant-id t --contract-id c",
        "configuration": {
            "base_url": "http://127.0.0.1:1",
            "token": "[redacted]",
            "token_command": None,
            "tenant_id": "t",
            "contract_id": "c",
            "other_tenant_id": None,
            "other_contract_id": None,
            "out": None,
            "seed": 0,
            "concurrency": 16,
            "rate_limit": None,
            "max_invoices": None,
            "timeout": 10.0,
            "profile": "standard",
            "level": "must",
            "requirement": [],
            "case": [],
            "without": [],
            "baseline": None,
            "set": None,
            "header": [],
            "proxy": None,
            "ca_file": None,
            "client_cert": None,
            "client_key": None,
            "insecure": False,
            "max_time": 3600.0,
            "wait_for_target": None,
            "yes": False,
        },
        "counts": counts,
        "waived": [one["id"] for one in rows if one["verdict"] == "waived"],
        "baseline": None,
        "requirements": list(rows),
    } | changes


def asking_for_should() -> dict[str, Any]:
    """The report of a run whose gate is SHOULD."""
    rows = [
        one | {"asked": True, "effect": {"fail": "fails", "inconclusive": "open"}.get(one["verdict"], one["effect"])}
        if one["decides"]
        else one
        for one in ROWS
    ]
    found = report(*rows)
    found["configuration"]["level"] = "should"
    return found


def known(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a part of JSON
    """What a baseline says of a finding."""
    return {"line": 3, "reason": "until the migration", "issue": "https://tracker.example/1", "expires": None} | changes


def entry(status: str, line: int = 3) -> dict[str, Any]:
    """An entry of a baseline."""
    return {
        "line": line,
        "requirement": "AMOUNT-ECHO",
        "finding": None,
        "case": None,
        "unstable": False,
        "reason": "until the migration",
        "issue": None,
        "expires": "2020-02-29" if status == "expired" else None,
        "status": status,
    }


def held_to_a_baseline() -> dict[str, Any]:
    """The report of a run with a pinned set and a baseline that knows one requirement's findings, half another's."""
    rows = (
        row("AMOUNT-ECHO", "fail", findings=[finding(known=known())], effect="none"),
        row("AMOUNT-SENT", "fail", findings=[finding(known=known(line=9)), finding(got="a new one")]),
        row("DATE-NEWER", "fail", in_set=False),
    )
    return report(
        *rows,
        set={"name": "2026.11", "pinned": True, "newest": "2027.02", "beyond": ["DATE-NEWER"]},
        baseline={
            "file": "known.toml",
            "entries": [entry("known"), entry("gone", 7), entry("known", 9), entry("not-judged", 12)],
        },
    )


def refusing_the_plain_invoice() -> dict[str, Any]:
    """A report of a target that refuses the plain invoice, and with it three others; one of them breaks more."""
    exchange = finding()["exchange"]
    refused = finding(
        case="plain",
        expected="a success (200 or 201), because the invoice “plain” is legal",
        got="422 Unprocessable: issuedAt is missing",
        exchange=exchange | {"response": exchange["response"] | {"status": 422}},
    )
    return report(
        row("BODY-ACCEPTED", "fail", findings=[refused]),
        row("AMOUNT-ACCEPTED", "fail", findings=[refused | {"case": "amountMinor:maximum"}]),
        row("RATE-ACCEPTED", "fail", findings=[refused | {"case": "exchangeRate:minimum"}]),
        row("DATE-ECHO", "fail", findings=[refused | {"case": "dueAt:null"}, finding(got="another day")]),
    )
