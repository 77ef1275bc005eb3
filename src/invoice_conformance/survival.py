"""Owns the closer look at requests that got no answer: whether the server breaks on them, or lost them by chance.

Each is sent alone, by turns with a plain invoice, until one of them says that it was chance. It knows no requirement.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from invoice_conformance.account import CASES_NAMED, family_of
from invoice_conformance.exchange import NoAnswer
from invoice_conformance.expect_steady import ROUNDS, KeepsServing, died
from invoice_conformance.recipes import plain
from invoice_conformance.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from invoice_conformance.case import Case
    from invoice_conformance.checks import Script
    from invoice_conformance.engine import Budget, Engine
    from invoice_conformance.trial import Reading

LOOKED_AT = 40
"""Requests that are looked at more closely at most."""
CONFIRMED = 5
"""Kinds of bodies, and of other requests, that are shown to break the server at most."""
SECONDS = 120.0
"""Seconds after which no further request is looked at: each may have to time out."""
RESTARTS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds in which a server that the request brought down may come up again."""
ALONE = ", alone"
"""Ends the name under which such a request is recorded."""

Family = tuple[tuple[str, str], ...]


def _may_tell(silenced: tuple[Script, Reading]) -> bool:
    """Whether a request met its end by what it says; one that held back its body may have been waited for too long."""
    _script, reading = silenced
    return died(reading) and not reading.exchange.request.wire.waits


def look_closer(engine: Engine, budget: Budget) -> None:
    """Send what had no answer alone, each kind once."""
    # What differs from a plain invoice in little says most.
    silenced = sorted(filter(_may_tell, engine.silenced), key=lambda one: engine.place(one[0]))
    waiting = sorted(silenced, key=lambda one: len(one[1].meaning.edits))
    if not waiting:
        return
    engine.listener.stage("looking closer at requests without an answer", min(len(waiting), LOOKED_AT))
    until = time.monotonic() + SECONDS
    broken: dict[Family, bool] = {}
    cleared: set[str] = set()
    for script, reading in _different_first(waiting):
        family = _family(reading)
        ordinary = reading.meaning.standard
        if family in broken or list(broken.values()).count(ordinary) == CONFIRMED:
            continue
        if len(cleared) + len(broken) == LOOKED_AT or time.monotonic() > until:
            break
        trial = _by_turns(engine, script, budget)
        if trial is None:
            break
        engine.judge.closer(script, trial, KeepsServing)
        engine.listener.advance(1)
        if len(trial.roles["act"]) == ROUNDS and all(map(died, trial.roles["act"])):
            broken[family] = ordinary
        else:
            cleared.add(script.id)
    left = [(script, reading) for script, reading in waiting if script.id not in cleared]
    _name_alike(engine, [one for one in left if _family(one[1]) in broken])
    for script, reading in left:
        if _family(reading) not in broken:
            # Nobody knows whether these break the server; the judge says so, unless others did.
            engine.judge.closer(script, Trial(script.id, {"act": (reading,)}), KeepsServing)


def _different_first(waiting: list[tuple[Script, Reading]]) -> Iterable[tuple[Script, Reading]]:
    """One request of each kind, then the others."""
    first: dict[Family, tuple[Script, Reading]] = {}
    for one in waiting:
        first.setdefault(_family(one[1]), one)
    yield from first.values()
    yield from (one for one in waiting if first[_family(one[1])] is not one)


def _family(reading: Reading) -> Family:
    return tuple((name, family_of(edge)) for name, edge in reading.meaning.edits) or (("", reading.meaning.id),)


def _by_turns(engine: Engine, script: Script, budget: Budget) -> Trial | None:
    """The request and a plain invoice by turns, until one of them says something; None when they may not be sent."""
    name = f"{script.id}{ALONE}"
    acts: list[Reading] = []
    twins: list[Reading] = []
    while len(twins) < ROUNDS:
        if not budget.take(len(script.steps) + 1):
            return None
        role, reading = _led_to(engine, script, name)
        if reading is None:
            return None
        if role != "act":
            twins.append(reading)
            break
        acts.append(reading)
        if not died(reading):
            break
        twin = _beside(engine, name, budget)
        if twin is None:
            return None
        twins.append(twin)
        if not twin.accepted:
            break
    return trial_of(script.id, acts, twins)


def trial_of(name: str, acts: list[Reading], twins: list[Reading]) -> Trial:
    """What a request shows that was sent by turns with a plain invoice; what failed before it stands for both."""
    return Trial(name, {"act": tuple(acts or twins), "twin": tuple(twins)})


def _led_to(engine: Engine, script: Script, name: str) -> tuple[str, Reading | None]:
    """The role and reading of the request after the steps that led to it, or of the first that had no answer."""
    drawn: dict[str, str] = {}
    role, reading = "act", None
    for role, case in script.steps:
        reading = _sent(engine, case, name, role, drawn)
        if reading is None or isinstance(reading.exchange.answer, NoAnswer):
            break
    return role, reading


def _beside(engine: Engine, name: str, budget: Budget) -> Reading | None:
    """A plain invoice, once more while the server is coming up again."""
    twin = _sent(engine, plain(engine.contract), name, "twin")
    for wait in RESTARTS:
        if twin is None or not _is_down(twin) or not budget.take(1):
            break
        engine.courier.rest(wait)
        twin = _sent(engine, plain(engine.contract), name, "twin")
    return twin


def _sent(engine: Engine, case: Case, name: str, role: str, drawn: dict[str, str] | None = None) -> Reading | None:
    reading = engine.courier.send(case, script=name, role=role, drawn=drawn, once=True)
    if reading is not None:
        engine.judge.exchange(reading)
    return reading


def _is_down(reading: Reading) -> bool:
    answer = reading.exchange.answer
    return isinstance(answer, NoAnswer) and answer.kind in {"refused", "connect-timeout"}


def _name_alike(engine: Engine, alike: list[tuple[Script, Reading]]) -> None:
    """Name the requests of the same kinds that had no answer, twice, in the findings about these kinds."""
    findings = [found for found in engine.findings() if isinstance(found.check.expecting, KeepsServing)]
    for finding in findings:
        shown = finding.broken.reading
        same = [script.id for script, reading in alike if shown is not None and _family(reading) == _family(shown)]
        finding.occurrences = max(finding.occurrences, len(same))
        finding.cases = [*dict.fromkeys((*same, *finding.cases))][:CASES_NAMED]
