"""Owns sending one finding's bytes again and what its check says of the answers now.

The bytes come from the run's evidence, the judgement from the same check; where the two no longer fit it says so.
"""

from __future__ import annotations

import difflib
import json
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from invoice_conformance import evidence
from invoice_conformance.address import is_local
from invoice_conformance.checks import Scope, Script
from invoice_conformance.config import Settings
from invoice_conformance.engine import CLOSER, Budget, Engine
from invoice_conformance.escaping import one_line
from invoice_conformance.exchange import Response
from invoice_conformance.expect import AcceptedTogether
from invoice_conformance.expect_steady import KeepsServing
from invoice_conformance.plan import Plan, Planned
from invoice_conformance.preflight import Refusal, preflight
from invoice_conformance.recorded import steps_of
from invoice_conformance.reduce import IN_ALL
from invoice_conformance.report.document import exchange_of
from invoice_conformance.report.words import rule_of
from invoice_conformance.sending import Gone, Stopped
from invoice_conformance.session import Embedded, Opened
from invoice_conformance.survival import look_closer
from invoice_conformance.trial import DoesNotApply, Reading, Trial
from invoice_conformance.verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from invoice_conformance.account import Finding
    from invoice_conformance.case import Case
    from invoice_conformance.checks import Check
    from invoice_conformance.evidence import Record
    from invoice_conformance.report.document import Report
    from invoice_conformance.sending import Courier
    from invoice_conformance.session import Suite
    from invoice_conformance.trial import Rules

State: TypeAlias = Literal["gone", "still-there", "unjudged", "unreachable", "defect"]
EXIT_CODES: Final[dict[State, int]] = {"gone": 0, "still-there": 1, "unjudged": 3, "unreachable": 5, "defect": 6}
NEAR: Final = 3
IDENTITY: Final = ("tenant_id", "contract_id", "other_tenant_id", "other_contract_id")


class CannotReplay(ValueError):  # noqa: N818 - it names what is the matter
    """There is nothing to send again: one line that says why and what to do."""


@dataclass(frozen=True)
class Found:
    """A finding of a report, with the row that it stands in."""

    row: dict[str, Any]
    finding: dict[str, Any]


def find(report: Report, name: str) -> Found:
    """The finding with this id, or the only one whose id begins so; CannotReplay."""
    every = {finding["id"]: Found(row, finding) for row in report["requirements"] for finding in row["findings"]}
    wanted = name.upper()
    matching = [found for key, found in every.items() if key.upper().startswith(wanted)]
    exact = [found for key, found in every.items() if key.upper() == wanted]
    if exact or len(matching) == 1:
        return (exact or matching)[0]
    if not every:
        raise CannotReplay("the report has no findings, so there is nothing to replay")
    near = [found.finding["id"] for found in matching] or difflib.get_close_matches(name, every, NEAR, 0.4) or [*every]
    which = "several findings begin with" if matching else "the report has no finding"
    raise CannotReplay(f"{which} {name}; did you mean {' or '.join(near[:NEAR])}?")


def identity_of(report: Report) -> dict[str, Any]:
    """The tenants and contracts of the report's run, as options by their keys."""
    configuration = report["configuration"]
    return {key: configuration[key] for key in IDENTITY if configuration[key]}


def target_of(report: Report, found: Found) -> str | None:
    """Where the run went, None for the embedded server; CannotReplay when it is elsewhere than on this machine.

    Who makes up a report must not come by the token of who replays it.
    """
    target: str | None = report["target"]
    if target is None or is_local(target):
        return target
    raise CannotReplay(
        f"the report names {target} as its target; to send your token there, say so: "
        f"invoice-conformance replay REPORT {found.finding['id']} {target}"
    )


@dataclass
class Kept:
    """Keeps in memory what is sent."""

    records: list[Record] = field(default_factory=list)
    invoices: list[dict[str, str]] = field(default_factory=list)

    def write(self, record: Record) -> None:
        """Append one exchange."""
        self.records.append(record)

    def created(self, identifier: str, number: str, tenant: str, contract: str, sent_at: float) -> None:  # noqa: ARG002 - a Recorder's
        """Append one invoice that now exists on the target."""
        self.invoices.append({"id": identifier, "invoice_number": number, "tenant": tenant})


def replayed(suite: Suite, settings: Settings, report: Report, found: Found, folder: Path) -> dict[str, Any]:
    """What became of a finding, as plain JSON values; CannotReplay before anything is sent."""
    check = _check(suite, found)
    scope = Scope.of(suite.contract, suite.rules.oracle, report["profile"], report["seed"])
    met = _met(suite, scope, check, found)
    script, known = met.script, met.cases
    records = _records(folder / evidence.EVIDENCE, script, check, found)
    configuration = report["configuration"]
    headers = [text.partition(":")[0] for text in configuration["header"]]
    steps = steps_of(records, known, configuration["tenant_id"], headers)
    again = Script(script.id, steps.cases, script.group, script.order)
    plan = Plan(scope, (Planned(check, () if met.elsewhere else (again,)),), {again.id: again})
    kept = Kept()
    with ExitStack() as stack:
        reached = stack.enter_context(Embedded(settings)) if settings.embedded else settings
        rules = replace(suite.rules, base_url=reached.base_url or "")
        courier = stack.enter_context(Opened(rules, reached, kept)).courier
        trouble = _first(courier, suite, settings.wait_for_target)
        first = len(kept.records)
        turns = found.finding["stability"]["sent"] if found.finding["stability"]["unstable"] else 1
        judged = [] if trouble else [*_turns(suite, rules, plan, courier, turns)]
    told = {
        "finding": found.finding["id"],
        "requirement": {key: found.row[key] for key in ("id", "level", "basis", "text", "quote", "source")},
        "target": reached.base_url,
        "differs": _differences(records, kept.records[first:], steps.kept, report, reached, headers, settings),
        "then": {key: found.finding[key] for key in ("expected", "got")},
        "sent": [exchange_of(record.exchange) for record in kept.records[first:]],
        "invoices_created": kept.invoices,
        "unstable": found.finding["stability"]["unstable"],
        "rerun": found.finding["rerun"],
    }
    told |= _outcome(judged, trouble, found, check)
    if told["state"] == "gone" and met.elsewhere and check.expecting is not None:
        # That other steps hold says nothing of this one.
        last = next(record for record in reversed(kept.records) if record.meaning.id == found.finding["case"])
        one = check.expecting.judge(Trial(script.id, {"act": (Reading(last.exchange, last.meaning, rules),)}))
        told |= {"state": "unjudged", "reason": one.reason} if isinstance(one, DoesNotApply) else {}
    return told


def _check(suite: Suite, found: Found) -> Check:
    """The check that came to the finding; CannotReplay when it cannot judge a few exchanges alone."""
    rerun = f"Judge it again with: {found.finding['rerun']}"
    checks = suite.registry.of(found.row["id"])
    if not checks:
        raise CannotReplay(f"this version has no check of {found.row['id']}; replay it with the version that found it")
    same = [check for check in checks if check.words == found.finding["property"]]
    check = (same or checks)[0]
    if check.fold is not None:
        raise CannotReplay(
            f"{found.finding['id']} came of comparing answers of the whole run, so no exchange shows it alone. {rerun}"
        )
    return check


@dataclass(frozen=True)
class Met:
    """What a finding was met in, the plan's cases by id, and whether that was another requirement's script."""

    script: Script
    cases: dict[str, Case]
    elsewhere: bool = False


def _met(suite: Suite, scope: Scope, check: Check, found: Found) -> Met:
    """What the finding was met in, as the plan of its run has it."""
    own = {script.id: script for script in check.cases().recipe(scope)}
    case = found.finding["case"]
    cases = {one.id: one for script in own.values() for _role, one in script.steps}
    for script in (own[name] for name in found.finding["cases"] if name in own):
        if any(one.id == case for _role, one in script.steps) or case.startswith(f"{script.act.id},"):
            return Met(script, cases)
    if case not in cases and check.watching:
        # It was met in another's case: alone, or after the steps that lead to it.
        whole = suite.plan(Settings(profile=scope.profile, seed=scope.seed)).scripts.values()
        cases |= {one.id: one for script in whole for _role, one in script.steps}
        ordered = (script for script in whole if script.order in {"fixed", "last"})
        led = next((script for script in ordered if any(one.id == case for _role, one in script.steps)), None)
        if led is not None:
            return Met(led, cases, elsewhere=True)
    return Met(Script(case, (("act", cases.get(case) or _nothing(case)),)), cases)


def _nothing(name: str) -> Case:
    from invoice_conformance.case import Case  # noqa: PLC0415 - only a name is needed

    return Case(name, ())


def _records(path: Path, script: Script, check: Check, found: Found) -> list[tuple[str, Record]]:
    """The run's exchanges that the finding rests on, by role; CannotReplay when the evidence lacks them."""
    try:
        records = [*evidence.read(path)]
    except OSError as error:
        raise CannotReplay(
            f"{path} cannot be read ({error.strerror}), and the report holds bodies cut to size. "
            f"Judge it again with: {found.finding['rerun']}"
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise CannotReplay(f"{path} is no evidence of this version: {error!r}") from None
    shown = found.finding["exchange"]["request"]
    acts = [record for record in records if _shows(record, shown)]
    if not acts:
        raise CannotReplay(f"{path} does not hold the exchange of {found.finding['id']}; is it another run's?")
    if len(script.steps) == 1:
        return [("act", acts[-1]), *_without(records, acts[-1], script, check)]
    if script.order == "any":
        steps = [("act", acts[-1]) if role == "act" else (role, _last(records, case)) for role, case in script.steps]
    else:
        sent = [record for record in records if record.script == script.id and record.counts and record.role != CLOSER]
        steps = [(record.role, record) for record in sent[-len(script.steps) :]]
    whole = [(role, record) for role, record in steps if record is not None]
    if len(whole) < len(script.steps):
        raise CannotReplay(
            f"{path} does not hold all {len(script.steps)} exchanges that {found.finding['id']} rests on. "
            f"Judge it again with: {found.finding['rerun']}"
        )
    return whole


def _without(records: list[Record], act: Record, script: Script, check: Check) -> list[tuple[str, Record]]:
    """What shows that a combination alone is refused: the same with one of its values less, accepted."""
    if not isinstance(check.expecting, AcceptedTogether):
        return []
    less = [
        ("without", record)
        for record in records
        if record.meaning.id.startswith(f"{script.act.id} without ") and _was_accepted(record)
    ]
    about = [one for one in less if {*one[1].meaning.edits} < {*act.meaning.edits}]
    # As in the run: when what was left out last is about a larger set, it is all there is.
    return about or less[-1:]


def _was_accepted(record: Record) -> bool:
    answer = record.exchange.answer
    return isinstance(answer, Response) and answer.status in {200, 201}


def _shows(record: Record, shown: dict[str, Any]) -> bool:
    """Whether a record is the request that a report shows."""
    request = exchange_of(record.exchange)["request"]
    return all(request[key] == shown[key] for key in ("method", "target", "headers", "body"))


def _last(records: list[Record], case: Case) -> Record | None:
    found = [record for record in records if record.meaning.id == case.id and record.counts and record.role != CLOSER]
    return found[-1] if found else None


def _first(courier: Courier, suite: Suite, wait: float | None) -> str:
    """Why nothing can be judged at the target now; empty when a plain invoice is accepted."""
    try:
        first = preflight(courier, suite.contract, wait)
    except (Gone, Stopped) as stop:
        return str(stop)
    return first.words if isinstance(first, Refusal) else ""


def _by_turns(engine: Engine) -> None:
    look_closer(engine, Budget(IN_ALL))


def _turns(suite: Suite, rules: Rules, plan: Plan, courier: Courier, turns: int) -> Iterator[Judge]:
    """Judges of the same bytes, sent until the finding shows; what is not unstable is sent once."""
    # What brings a server down is told apart by sending it by turns with a plain invoice.
    alone = isinstance(plan.planned[0].check.expecting, KeepsServing)
    for _turn in range(turns):
        judge = Judge(plan, suite.catalogue, rules)
        Engine(plan, courier, judge, concurrency=1).run(after=_by_turns if alone else None)
        yield judge
        if judge.findings():
            return


def _outcome(judged: list[Judge], trouble: str, found: Found, check: Check) -> dict[str, Any]:
    if trouble:
        return {"state": "unreachable", "reason": trouble, "now": None}
    now = next(iter(judged[-1].findings()), None)
    if now is not None:
        return {"state": "still-there", "reason": _likeness(now, found), "now": _now(now)}
    row = next(row for row in judged[-1].rows() if row.requirement.id == check.requirement)
    if row.verdict == "error":
        return {"state": "defect", "reason": row.reason, "now": None}
    if row.verdict != "pass":
        return {"state": "unjudged", "reason": row.reason, "now": None}
    return {"state": "gone", "reason": "the answer is now as the rule wants it", "now": None}


def _likeness(now: Finding, found: Found) -> str:
    """Whether the same was expected and the same kind of answer came; the id is that of the first case, not of this."""
    reading = now.shown.reading or now.trial.act
    then, came = found.finding["exchange"], exchange_of(reading.exchange)
    same = now.shown.expected == found.finding["expected"] and _kind(then) == _kind(came)
    return "it is broken in the same way" if same else "it is broken in another way than in the run"


def _kind(exchange: dict[str, Any]) -> str | int:
    response = exchange.get("response")
    kind: str | int = exchange["no_answer"]["kind"] if response is None else response["status"]
    return kind


def _now(finding: Finding) -> dict[str, str]:
    return {"id": finding.id, "expected": finding.shown.expected, "got": finding.shown.got}


def _differences(
    then: list[tuple[str, Record]],
    now: list[Record],
    kept: tuple[str, ...],
    report: Report,
    reached: Settings,
    headers: list[str],
    settings: Settings,
) -> list[str]:
    """In what the bytes sent now are not those of the run, in words."""
    words = []
    counting = [record for record in now if record.counts]
    pairs = [(old.number, new.number) for (_role, old), new in zip(then, counting, strict=False)]
    fresh = {old: new for old, new in pairs if old != new}
    words += [f"invoiceNumber is {new} instead of {old}, which the run used up" for old, new in fresh.items()]
    words += [f"invoiceNumber is {number} as in the run, for no mark fits into it; it may be taken" for number in kept]
    if any(old.exchange.request.values("authorization") for _role, old in then):
        words.append("the credentials are made of this configuration's token, for a record holds none")
    if report["target"] != reached.base_url:
        words.append(f"it goes to {reached.base_url}; the run went to {report['target'] or 'the reference server'}")
    given = {name.lower() for name, _value in settings.header}
    lost = [name for name in headers if name.lower() not in given]
    words += [f"without the header {name}, whose value no report holds; --header sets it" for name in lost]
    return words


def as_json(told: dict[str, Any]) -> str:
    """What became of the finding, as JSON."""
    return json.dumps(told, ensure_ascii=True, indent=1)


def as_text(told: dict[str, Any]) -> str:
    """What became of the finding, for a terminal."""
    row = told["requirement"]
    lines = [
        f"{row['level']} {row['id']}  {row['text']}",
        f"    rule {row['basis']}: {rule_of(row)}",
    ]
    for place, exchange in enumerate(told["sent"]):
        request = exchange["request"]
        lines.append(f"{'    sent' if place == 0 else '    then'} {request['method']} {request['target']}")
        lines.append(f"         {request['body'][:BODY_SHOWN]}")
        lines.append(f"    came {_came(exchange)}")
    lines += [f"{' differs' if place == 0 else '':>8} {words}" for place, words in enumerate(told["differs"])]
    lines += [f"in the run expected {told['then']['expected']}", f"                got {told['then']['got']}"]
    if told["now"] is not None:
        lines += [f"       now expected {told['now']['expected']}", f"                got {told['now']['got']}"]
    lines += [f"    made invoice {one['id']}, number {one['invoice_number']}" for one in told["invoices_created"]]
    lines += ["", _verdict(told)]
    return "\n".join(one_line(line) for line in lines)


BODY_SHOWN: Final = 600


def _came(exchange: dict[str, Any]) -> str:
    if "no_answer" in exchange:
        return f"no answer: {exchange['no_answer']['detail']}"
    response = exchange["response"]
    return f"{response['status']} {response['reason']}".strip() + f" {response['body'][:BODY_SHOWN]}"


def _verdict(told: dict[str, Any]) -> str:
    name, reason = told["finding"], told["reason"]
    match told["state"]:
        case "still-there":
            return f"{name} is still there: {reason}"
        case "gone":
            doubt = "; it came and went in the run too, so this is no proof" if told["unstable"] else ""
            return f"{name} is gone: {reason}{doubt}. The whole run decides: {told['rerun']}"
        case "defect":
            return f"a defect of the suite, please report it: {reason}"
        case _:
            return f"{name} could not be judged again: {reason}"
