"""Owns examples: one trial of a requirement's check against the reference server, without fault and with one.

Both are made really, in this process and on a clock of their own, so that they come out the same each time, but for
what a fault mints by itself or only a connection shows. It must not know how an example is shown.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from invoice_conformance.checks import Scope, Script
from invoice_conformance.config import Settings
from invoice_conformance.engine import Engine
from invoice_conformance.killing import BASE_URL, REDACTOR, Called, afterwards, courier_to
from invoice_conformance.plan import Plan, Planned
from invoice_conformance.recipes import plain
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.reference.faults import FAULTS
from invoice_conformance.target import Target, TargetSettings
from invoice_conformance.trial import Holds
from invoice_conformance.verdict import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from invoice_conformance.account import Finding
    from invoice_conformance.catalogue import Requirement
    from invoice_conformance.checks import Check
    from invoice_conformance.reference.faults import Fault
    from invoice_conformance.sending import Sender
    from invoice_conformance.session import Suite
    from invoice_conformance.trial import Trial

MARK: Final = "EXAMP1E0"
"""The mark of every example's invoice numbers."""
START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
FAULTS_TRIED: Final = 3
SOME_EDGES: Final = 3
"""Of so many edges one is tried at first."""
OVER_SOCKETS: Final = 60
"""Cases that are sent over a connection at most, in search of one that shows a fault."""


@dataclass(frozen=True)
class Violation:
    """A fault of the reference server and the finding that the check came to."""

    fault: Fault
    finding: Finding


@dataclass(frozen=True)
class Exhibit:
    """A check's trial with a server that conforms, and with one that does not (None: no fault showed it).

    `script` is what was sent for both.
    """

    check: Check
    script: Script | None = None
    conforming: Trial | None = None
    violation: Violation | None = None


def exhibit(suite: Suite, requirement: Requirement) -> Exhibit:
    """The examples of one requirement, by its first check and the most telling of its faults that shows in them."""
    check = suite.registry.of(requirement.id)[0]
    suite = replace(suite, rules=replace(suite.rules, base_url=BASE_URL))
    faults = _telling(suite, requirement)[:FAULTS_TRIED]
    for place, plan in enumerate(_plans(suite, check)):
        for fault in faults:
            if fault.over_sockets and place:
                continue  # it takes seconds, and the check's own cases are there to show it
            finding = _found(suite, plan, check, fault)
            script = None if finding is None else finding.script or _script_of(plan, finding.trial.id)
            if finding is None or script is None:
                continue
            conforming = _conforming(suite, plan, check, script)
            if conforming is not None:
                return Exhibit(check, script, conforming, Violation(fault, finding))
    return Exhibit(check)


def _telling(suite: Suite, requirement: Requirement) -> list[Fault]:
    """The requirement's faults: first those that need no connection, of these those that break the fewest others."""
    broken = Counter(name for row in suite.catalogue for name in row.faults)
    faults = [FAULTS[name] for name in requirement.faults]
    return sorted(faults, key=lambda fault: (fault.over_sockets, broken[fault.name]))


def _plans(suite: Suite, check: Check) -> Iterator[Plan]:
    """What may show a fault: the check's own cases, then what is cheap to make, at last all that a quick run sends."""
    scope = Scope.of(suite.contract, suite.rules.oracle, "quick", 0)
    own = tuple(check.cases().recipe(scope))
    if own:
        yield Plan(scope, (Planned(check, own),), _named(own))
    if check.watching:
        first = plain(suite.contract)
        some = itertools.islice(scope.scripts.values(), 0, None, SOME_EDGES)
        yield Plan(scope, (Planned(check, ()),), _named((Script.alone(first), *some)))
        for scripts in _files(suite, check, scope):
            yield Plan(scope, (Planned(check, ()),), scripts)
        whole = suite.plan(Settings(profile="quick"))
        yield replace(whole, planned=(Planned(check, own),))


def _files(suite: Suite, check: Check, scope: Scope) -> list[dict[str, Script]]:
    """What the checks of one file send, the check's own first, then the shorter ones; none that draws at random."""
    files: dict[str, list[Check]] = {}
    for other in suite.registry.checks:
        if "body" not in other.path:
            files.setdefault(other.path, []).append(other)
    sent = {
        path: _named(script for one in checks for script in one.cases().recipe(scope)) for path, checks in files.items()
    }
    return [sent[path] for path in sorted(sent, key=lambda path: (path != check.path, len(sent[path])))]


def _named(scripts: Iterable[Script]) -> dict[str, Script]:
    return {script.id: script for script in scripts}


def _found(suite: Suite, plan: Plan, check: Check, fault: Fault) -> Finding | None:
    """The check's first finding on a server with this fault."""
    if not fault.over_sockets:
        return _first(suite, plan, check, Called((fault.name,), START))
    few = dict(itertools.islice(plan.scripts.items(), OVER_SOCKETS))
    with ReferenceServer((fault.name,)) as server:
        target = Target(TargetSettings(server.url), REDACTOR)
        try:
            return _first(suite, replace(plan, scripts=few), check, target)
        finally:
            target.close()


def _first(suite: Suite, plan: Plan, check: Check, target: Sender) -> Finding | None:
    engine = _engine(suite, plan, target)
    engine.run(after=afterwards)
    return next((found for found in engine.findings() if found.check.name == check.name), None)


def _engine(suite: Suite, plan: Plan, target: Sender) -> Engine:
    courier = courier_to(target, suite.rules, MARK)
    return Engine(plan, courier, Judge(plan, suite.catalogue, suite.rules), concurrency=0)


def _conforming(suite: Suite, plan: Plan, check: Check, script: Script) -> Trial | None:
    """The script's trial with the server that has no fault, None when it shows nothing there."""
    trial = _engine(suite, plan, Called((), START)).further(script, watched=False)
    if trial is None or check.expecting is None:
        return trial
    return trial if isinstance(check.expecting.judge(trial), Holds) else None


def _script_of(plan: Plan, name: str) -> Script | None:
    """The script of this name, or the case of this name by itself."""
    known = plan.scripts.get(name)
    steps = (case for script in plan.scripts.values() for _role, case in script.steps)
    case = next((case for case in steps if case.id == name), None) if known is None else None
    return known if case is None else Script.alone(case)
