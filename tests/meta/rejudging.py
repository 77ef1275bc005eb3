"""Owns the way from written evidence back to verdicts: a fresh judge, the same plan, and no target.

It must not know how the evidence came about, beyond the names that a run gives its scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoice_conformance import evidence
from invoice_conformance.checks import Script
from invoice_conformance.exchange import NoAnswer
from invoice_conformance.expect_steady import KeepsServing
from invoice_conformance.survival import ALONE, trial_of
from invoice_conformance.trial import Reading, Trial
from invoice_conformance.verdict import Judge

if TYPE_CHECKING:
    from pathlib import Path

    from invoice_conformance.evidence import Record
    from invoice_conformance.plan import Plan
    from invoice_conformance.session import Suite


def rejudged(path: Path, suite: Suite, plan: Plan) -> Judge:
    """A judge that has seen the exchanges of an evidence file as the run's own judge saw them."""
    judge = Judge(plan, suite.catalogue, suite.rules)
    by_case: dict[str, Reading] = {}
    by_script: dict[str, list[tuple[Record, Reading]]] = {}
    for record in evidence.read(path):
        if not record.counts:
            continue
        reading = Reading(record.exchange, record.meaning, suite.rules)
        judge.exchange(reading)
        if record.script:
            by_script.setdefault(record.script, []).append((record, reading))
        else:
            by_case.setdefault(record.meaning.id, reading)
    for script in plan.scripts.values():
        trial = _ordered(script, by_script) if script.order != "any" else _unordered(script, by_case)
        if trial is not None:
            judge.script(script, trial)
            combined = _taken_apart(script, by_script)
            if combined is not None:
                judge.script(script, combined)
        else:
            judge.unsent(script, "not in the evidence")
    for name, found in by_script.items():
        if name.endswith(ALONE):
            closer = _by_turns(name.removesuffix(ALONE), found)
            judge.closer(Script(closer.id, ()), closer, KeepsServing)
    return judge


def _by_turns(name: str, found: list[tuple[Record, Reading]]) -> Trial:
    """A request that was sent alone, by turns with a plain invoice; of several of those, the last one counts."""
    acts: list[Reading] = []
    twins: list[Reading] = []
    last = ""
    for record, reading in found:
        if record.role == "twin" and last == "twin":
            twins[-1] = reading
        elif record.role == "act":
            acts.append(reading)
        elif record.role == "twin" or isinstance(reading.exchange.answer, NoAnswer):
            twins.append(reading)
        last = record.role
    return trial_of(name, acts, twins)


def _unordered(script: Script, by_case: dict[str, Reading]) -> Trial | None:
    """The trial of a script whose cases were sent in any order, each for all scripts that share it."""
    if any(case.id not in by_case for _role, case in script.steps):
        return None
    return _trial(script, [(role, by_case[case.id]) for role, case in script.steps])


def _ordered(script: Script, by_script: dict[str, list[tuple[Record, Reading]]]) -> Trial | None:
    """The first turn of a script whose steps were sent one by one; the second, when a step had no answer."""
    found = [(record.role, reading) for record, reading in by_script.get(script.id, [])]
    count = len(script.steps)
    if len(found) < count:
        return None
    first, second = found[:count], found[count : 2 * count]
    again = len(second) == count and any(reading.response is None for _role, reading in first)
    return _trial(script, second if again else first)


def _taken_apart(script: Script, by_script: dict[str, list[tuple[Record, Reading]]]) -> Trial | None:
    """What was sent to find the smallest part of a refused combination, None when there was nothing."""
    prefix = f"{script.act.id} without "
    without = [found[0][1] for name, found in by_script.items() if name.startswith(prefix)]
    smallest = [reading for _record, reading in by_script.get(f"{script.act.id}, reduced", [])]
    if not without or not smallest:
        return None
    edits = set(smallest[0].meaning.edits)
    accepted = [reading for reading in without if reading.accepted]
    about = tuple(reading for reading in accepted if set(reading.meaning.edits) < edits) or tuple(accepted[-1:])
    return Trial(script.id, {"act": (smallest[0],), "without": about})


def _trial(script: Script, readings: list[tuple[str, Reading]]) -> Trial:
    roles: dict[str, tuple[Reading, ...]] = {}
    for role, reading in readings:
        roles[role] = (*roles.get(role, ()), reading)
    return Trial(script.id, roles)
