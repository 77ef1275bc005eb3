"""Owns what `plan` tells: what a run would send, how many invoices that makes, and how long it may take.

It opens no connection: everything it says follows from the plan, and from a latency that it assumes and names.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from invoice_conformance.escaping import one_line
from invoice_conformance.reduce import IN_ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from invoice_conformance.case import Case
    from invoice_conformance.checks import Script
    from invoice_conformance.config import Settings
    from invoice_conformance.plan import Plan
    from invoice_conformance.session import Suite

LATENCY: Final = 0.05
"""Seconds that an answer is assumed to take."""


@dataclass(frozen=True)
class Sendable:
    """The part of a plan that these settings let a run send."""

    plan: Plan
    has_other: bool

    def holds(self, script: Script) -> bool:
        """Whether every step of a script can be sent."""
        return self.has_other or not any(case.needs_other for _role, case in script.steps)

    def alone(self) -> list[Case]:
        """The cases that are sent in any order."""
        return [case for case in self.plan.cases() if self.has_other or not case.needs_other]

    def of(self, order: str) -> list[Script]:
        """The scripts of one order."""
        return [script for script in self.plan.ordered() if script.order == order and self.holds(script)]

    def cases(self) -> Iterator[Case]:
        """Every request of the plan."""
        yield from self.alone()
        for script in self.plan.ordered():
            if self.holds(script):
                yield from (case for _role, case in script.steps)

    def waits(self, concurrency: int) -> int:
        """How many answers are waited for one after the other, the first invoice's among them."""
        ends = [_ends(script) for script in self.of("apart")]
        fixed, last = self.of("fixed"), self.of("last")
        between = sum(len(script.steps) - end for script, end in zip(self.of("apart"), ends, strict=True))
        together = len(self.alone()) + between + _steps(fixed)
        return (
            1
            + sum(ends)
            + max(_shared(together, concurrency), *_lengths(fixed))
            + max(_shared(_steps(last), concurrency), *_lengths(last))
            + len(self.of("race"))
        )


def _ends(script: Script) -> int:
    return sum(role != "between" for role, _case in script.steps)


def _steps(scripts: Iterable[Script]) -> int:
    return sum(len(script.steps) for script in scripts)


def _lengths(scripts: Iterable[Script]) -> list[int]:
    return [0, *(len(script.steps) for script in scripts)]


def _shared(requests: int, concurrency: int) -> int:
    return math.ceil(requests / concurrency)


def foretold(suite: Suite, settings: Settings) -> dict[str, Any]:
    """What a run with these settings would do, as plain JSON values; ConfigError as for a run."""
    plan = suite.plan(settings)
    has_other = settings.embedded or bool(settings.other_tenant_id and settings.other_contract_id)
    sendable = Sendable(plan, has_other)
    cases = [*sendable.cases()]
    requests = len(cases) + 1
    creating = sum(plan.scope.judgement(case).kind != "invalid" for case in cases) + 1
    waits = sendable.waits(settings.concurrency) * LATENCY
    paced = requests / settings.rate_limit if settings.rate_limit is not None else 0.0
    planned = {one.check.requirement for one in plan.planned}
    return {
        "target": settings.base_url,
        "profile": settings.profile,
        "seed": settings.seed,
        "requests": requests,
        "requests_afterwards_at_most": IN_ALL,
        "invoices_at_most": min(creating, settings.max_invoices or creating),
        "max_invoices": settings.max_invoices,
        "seconds": round(max(waits, paced), 1),
        "max_time": settings.max_time,
        "basis": {
            "latency_ms": round(LATENCY * 1000),
            "concurrency": settings.concurrency,
            "rate_limit": settings.rate_limit,
        },
        "second_tenant": has_other,
        "waived": sorted(suite.waived(settings)),
        "requirements": [_row(row.id, row.level, row.text, sendable) for row in suite.catalogue if row.id in planned],
        "cases": [_case(case, plan) for case in cases],
    }


def _row(name: str, level: str, text: str, sendable: Sendable) -> dict[str, Any]:
    own = [one for one in sendable.plan.planned if one.check.requirement == name]
    scripts = {script.id: script for one in own for script in one.scripts}
    return {
        "id": name,
        "level": level,
        "text": text,
        "cases": [script.id for script in scripts.values() if sendable.holds(script)],
        "not_sent": [script.id for script in scripts.values() if not sendable.holds(script)],
        # Where a check has others to send, those decide.
        "undecided": any(one.scripts and not any(map(sendable.holds, one.scripts)) for one in own),
        "watches": any(one.check.watching for one in own),
        "checks": [one.check.place for one in own],
    }


def _case(case: Case, plan: Plan) -> dict[str, Any]:
    return {"id": case.id, "method": case.method, "may_create": plan.scope.judgement(case).kind != "invalid"}


def as_json(told: dict[str, Any]) -> str:
    """The forecast as JSON."""
    return json.dumps(told, ensure_ascii=True, indent=1)


def as_text(told: dict[str, Any]) -> str:
    """The forecast for a terminal."""
    rows = told["requirements"]
    levels = Counter(row["level"] for row in rows)
    counted = ", ".join(f"{levels[level]} {level}" for level in ("MUST", "SHOULD", "MAY") if levels[level])
    where = told["target"] or "the embedded reference server"
    lines = [
        f"A run against {where} would send this; nothing was sent now.",
        "",
        *_labelled("requirements", [f"{len(rows)}: {counted}", *_left_out(told)]),
        *_labelled("requests", [f"{told['requests']:,}, and up to {IN_ALL} more to look closer at what fails"]),
        *_labelled("invoices", _invoices(told)),
        *_labelled("time", _time(told)),
        *_labelled("profile", [f"{told['profile']}, seed {told['seed']}"]),
        "",
    ]
    width = max((len(row["id"]) for row in rows), default=0)
    lines += [f"{row['level']:<6} {row['id']:<{width}}  {_cases(row)}" for row in rows]
    return "\n".join(map(one_line, lines))


def _labelled(label: str, lines: list[str]) -> list[str]:
    return [f"{label if place == 0 else '':<13} {line}" for place, line in enumerate(lines)]


def _left_out(told: dict[str, Any]) -> list[str]:
    lines = []
    if told["waived"]:
        lines.append(f"waived by name: {', '.join(told['waived'])}")
    lacking = [row["id"] for row in told["requirements"] if row["undecided"]]
    if lacking:
        lines.append(f"not judged without --other-tenant-id and --other-contract-id: {', '.join(lacking)}")
    return lines


def _invoices(told: dict[str, Any]) -> list[str]:
    most = f"up to {told['invoices_at_most']:,}, which cannot be deleted"
    if told["max_invoices"] is not None:
        return [f"{most}; --max-invoices ends the run there"]
    return [f"{most}; looking closer at what fails may make more", "--max-invoices N is a limit to all of it"]


def _time(told: dict[str, Any]) -> list[str]:
    basis = told["basis"]
    pace = f" and {basis['rate_limit']:g} requests a second (--rate-limit)" if basis["rate_limit"] is not None else ""
    return [
        f"about {_spoken(told['seconds'])} if each answer takes {basis['latency_ms']} ms,",
        f"with {basis['concurrency']} requests under way at once (--concurrency){pace}",
        f"{_spoken(told['max_time'])} at most (--max-time)",
    ]


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - where minutes read better


def _cases(row: dict[str, Any]) -> str:
    sent = len(row["cases"])
    words = [f"{sent} {'case' if sent == 1 else 'cases'}"] if sent else []
    if row["not_sent"]:
        words.append(f"{len(row['not_sent'])} not sent")
    if row["watches"]:
        words.append("every answer of the run")
    return ", ".join(words)
