"""Owns what a run is going to send and who judges it, complete before the first request.

It knows checks and cases, and neither a target nor an answer.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoice_conformance.case import STANDARD_HEADERS
from invoice_conformance.checks import Script
from invoice_conformance.exchange import USUAL
from invoice_conformance.trial import Meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from invoice_conformance.case import Case
    from invoice_conformance.checks import Cases, Check, Draw, Registry, Scope


BETWEEN = "between"
"""Role of the steps of a script that may be sent in any order while it waits; what they show serves others too."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A check with the scripts whose trials it judges."""

    check: Check
    scripts: tuple[Script, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The fields its scripts are about, in order; one empty group when it only watches."""
        return tuple(dict.fromkeys(script.group for script in self.scripts)) or ("",)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run sends, by script, and the checks that judge it."""

    scope: Scope
    planned: tuple[Planned, ...]
    scripts: dict[str, Script]

    @property
    def checks(self) -> dict[str, Check]:
        """The checks that judge, by their names."""
        return {one.check.name: one.check for one in self.planned}

    def cases(self) -> Iterator[Case]:
        """The cases that may be sent in any order, each once; a script with a time between sends its own then."""
        seen = {case.id for script in self.ordered() for role, case in script.steps if role == BETWEEN}
        for script in self.scripts.values():
            if script.order == "any":
                for _role, case in script.steps:
                    if case.id not in seen:
                        seen.add(case.id)
                        yield case

    def ordered(self) -> tuple[Script, ...]:
        """The scripts that are sent step by step, or at one moment."""
        return tuple(script for script in self.scripts.values() if script.order != "any")

    @property
    def requests(self) -> int:
        """How many requests the plan needs when every one is answered at once."""
        return sum(1 for _case in self.cases()) + sum(len(script.steps) for script in self.ordered())

    @property
    def invoices(self) -> int:
        """How many invoices a conforming server creates at most while the plan is sent."""
        everything = [*self.cases(), *(case for script in self.ordered() for _role, case in script.steps)]
        return sum(self.scope.judgement(case).kind != "invalid" for case in everything)


def make_plan(
    registry: Registry,
    scope: Scope,
    *,
    requirements: frozenset[str] | None = None,
    case_globs: Iterable[str] = (),
    wanted: Callable[[Check, str], bool] | None = None,
    frozen: Callable[[Check], tuple[Script, ...]] | None = None,
) -> Plan:
    """The plan of a run.

    `requirements` selects rows (None: all), `case_globs` the cases by id, `wanted` the items by check and field. A
    selected check without cases of its own needs the cases of all the others, which are then sent but not judged.
    `frozen` says what each check sends instead of its recipe.
    """
    globs = tuple(case_globs)

    def of(found: Check) -> tuple[Script, ...]:
        return tuple(found.cases().recipe(scope)) if frozen is None else frozen(found)

    selected = _selected(registry, requirements)
    scripts = dict.fromkeys((found.name for found in selected), tuple[Script, ...]())
    # What needs no draw is made while others draw; a frozen plan needs none.
    for found in sorted(selected, key=lambda found: frozen is None and any(found.cases().draws(scope))):
        scripts[found.name] = of(found)
    planned: list[Planned] = []
    watches = False
    for found in selected:
        kept = tuple(
            script
            for script in scripts[found.name]
            if (wanted is None or wanted(found, script.group)) and _matches(script.id, globs)
        )
        if not scripts[found.name] and found.watching and (wanted is None or wanted(found, "")):
            watches = True
        elif not kept:
            continue
        planned.append(Planned(found, kept))
    _named((found, scripts[found.name]) for found in selected)
    sent: dict[str, Script] = {}
    for one in planned:
        sent.update({script.id: script for script in one.scripts})
    if globs and not sent:
        # A check that watches may have found something in a case that another check sends.
        planned = [Planned(found, ()) for found in selected if found.watching]
        watches = bool(planned)
    if watches:
        whole = _named(
            (found, scripts[found.name] if found.name in scripts else of(found)) for found in registry.checks
        )
        sent = {**{name: script for name, script in whole.items() if _matches(name, globs)}, **sent}
        if globs and not sent:
            sent = _alone(whole.values(), globs)
    return Plan(scope, tuple(planned), sent)


def draws_of(registry: Registry, scope: Scope, requirements: frozenset[str]) -> Iterator[Draw]:
    """What has to be drawn for the plan of these requirements."""
    selected = _selected(registry, requirements)
    # What watches and sends nothing needs what all the others send.
    alone = all(_sends(found.cases(), scope) for found in selected if found.watching)
    for found in selected if alone else registry.checks:
        yield from found.cases().draws(scope)


def _sends(cases: Cases, scope: Scope) -> bool:
    return any(cases.draws(scope)) or any(True for _script in cases.recipe(scope))


def _selected(registry: Registry, requirements: frozenset[str] | None) -> list[Check]:
    return [found for found in registry.checks if requirements is None or found.requirement in requirements]


def _named(found: Iterable[tuple[Check, tuple[Script, ...]]]) -> dict[str, Script]:
    """The scripts of checks by name; ValueError when two checks give one name to different cases."""
    named: dict[str, Script] = {}
    for check, scripts in found:
        for script in scripts:
            if named.setdefault(script.id, script).steps != script.steps:
                raise ValueError(f"two checks give the name {script.id} to different cases; see {check.place}")
    return named


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _alone(scripts: Iterable[Script], globs: tuple[str, ...]) -> dict[str, Script]:
    """The matching cases that only stand in scripts under other names, such as twins, each by itself."""
    cases = {case.id: case for script in scripts for _role, case in script.steps if _matches(case.id, globs)}
    return {name: Script(name, (("act", case),)) for name, case in cases.items()}


def meaning_of(case: Case) -> Meaning:
    """What judges are told of a case beside its octets."""
    slot = case.slot
    return Meaning(
        case.id,
        tuple((edit.field, edit.edge) for edit in case.edits),
        pooled=slot is not None and slot.pooled,
        # A number without a mark, or one that several requests share, may be used already: no ordinary create.
        standard=(case.method, case.suffix, case.path, case.headers, case.chunked, case.wire)
        == ("POST", "", None, STANDARD_HEADERS, False, USUAL)
        and slot is not None
        and not slot.key,
    )
