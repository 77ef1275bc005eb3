"""Owns what is sent once a finding is there: is it stable, which of its values matter, where does it begin.

Every step is a real trial with fresh numbers, judged by the same expectation; a step counts only if it is broken in
the same way again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoice_conformance import instant
from invoice_conformance.account import family_of
from invoice_conformance.boundaries import CONTRACT_FIELD, NUMBER_FIELD, invoice
from invoice_conformance.case import OTHER_TENANT, Edit, NumberSlot
from invoice_conformance.checks import Script
from invoice_conformance.engine import Budget
from invoice_conformance.expect import Accepted, AcceptedTogether, Echoed, value_words
from invoice_conformance.expect_steady import KeepsServing
from invoice_conformance.survival import look_closer
from invoice_conformance.trial import Broken, Holds, Trial

if TYPE_CHECKING:
    from invoice_conformance.account import Finding
    from invoice_conformance.case import Case
    from invoice_conformance.contract import Field
    from invoice_conformance.engine import Engine
    from invoice_conformance.trial import Judged

PER_FINDING = 30
"""Requests that the reduction of one finding may take."""
IN_ALL = 600
"""Requests that may be sent after the plan in all."""
AGAIN = 2
"""How often a broken case is sent once more to see whether the answer is stable."""
ISOLATED = 40
"""Refused combinations that are taken apart at most."""


def understand(engine: Engine) -> None:
    """See what broke the server, take refused combinations apart, send broken cases again, reduce them.

    All of it within `IN_ALL` requests.
    """
    budget = Budget(IN_ALL)
    look_closer(engine, budget)
    isolate(engine, budget)
    found = len(engine.findings())
    if found:
        engine.listener.stage("looking closer at what broke, before what is the same is put together", found)
    boundaries: list[Boundary] = []
    for finding in engine.findings():
        _look_closer(engine, finding, budget, boundaries)
        engine.listener.advance(1)
    _nearest(engine.findings(), boundaries)
    engine.judge.merge()


def _nearest(findings: list[Finding], boundaries: list[Boundary]) -> None:
    """Give findings with several boundaries in one member's values the one that is nearest to an ordinary value.

    A float changes some values and keeps others between them, so that halving ends at one boundary of many.
    """
    for finding in findings:
        mine = next((known for known in boundaries if known.words == finding.boundary), None)
        if mine is None or not isinstance(finding.check.expecting, Echoed):
            continue
        alike = [known for known in boundaries if known.alike(mine)]
        first = min(alike, key=lambda known: abs(known.bad - known.scale.plain))
        finding.boundary, finding.reduced = first.words, first.broken


def isolate(engine: Engine, budget: Budget) -> None:
    """Find, for refused combinations of legal values, the smallest part of each that is refused as well.

    One that is accepted when it is sent again was refused for no reason of its own, and stands as it was seen.
    """
    contract = engine.contract
    explained: list[frozenset[tuple[str, str]]] = [
        frozenset({(name, family_of(edge)) for name, edge in finding.broken.reading.meaning.edits})
        for finding in engine.findings()
        if finding.broken.reading is not None and len(finding.broken.reading.meaning.edits) == 1
    ]
    for script, refused in sorted(engine.refused_together, key=lambda one: engine.place(one[0]))[:ISOLATED]:
        case = script.act
        parts = frozenset((edit.field, family_of(edit.edge)) for edit in case.edits)
        if any(known <= parts for known in explained):
            continue
        kept = list(case.edits)
        without: list[Trial] = []
        for edit in case.edits:
            rest = [other for other in kept if other is not edit]
            if not rest or not budget.take(1):
                break
            smaller = invoice(contract, f"{case.id} without {edit.field}", rest)
            trial = engine.further(Script.alone(smaller))
            if trial is None:
                return
            if trial.act.accepted:
                without.append(trial)
            elif trial.act.response is not None:
                kept = rest
        explained.append(frozenset((edit.field, family_of(edit.edge)) for edit in kept))
        if len(kept) < 2 or not without or not budget.take(1):  # noqa: PLR2004 - an interaction takes two
            continue
        smallest = invoice(contract, f"{case.id}, reduced", kept)
        trial = engine.further(Script.alone(smallest))
        if trial is not None:
            # `kept` shrank while it was walked through: only what was left out last is about the final set.
            about = tuple(one.act for one in without if set(one.act.meaning.edits) < set(trial.act.meaning.edits))
            act = refused.act if trial.act.accepted else trial.act
            engine.judge.script(script, Trial(script.id, {"act": (act,), "without": about or (without[-1].act,)}))


def _together(finding: Finding) -> str:
    """What a refused combination takes, in words: it was accepted without the values named."""
    act = finding.shown.reading
    if act is None:
        return ""
    kept = [{*one.meaning.edits} for one in finding.trial.roles.get("without", ())]
    needed = [edit for edit in act.meaning.edits if any(edit not in rest for rest in kept)]
    words = [value_words(act, name) for name, _edge in act.meaning.edits]
    without = " or ".join(value_words(act, name) for name, _edge in needed)
    return f"only when {' and '.join(words)} come together; without {without} it was accepted" if needed else ""


def _look_closer(engine: Engine, finding: Finding, budget: Budget, boundaries: list[Boundary]) -> None:
    script = finding.script or engine.script_of(finding.trial.id)
    # What brings a server down was sent often enough to become a finding.
    if finding.check.fold is not None or isinstance(finding.check.expecting, KeepsServing):
        return
    if script is None:
        _in_the_first_tenant(engine, finding, budget)
    if script is None or script.order == "race":
        return
    known = _explained(engine, finding, script.act, boundaries)
    if known is not None:
        finding.boundary, finding.reduced = known.words, known.broken
    elif _again(engine, finding, script, budget) and script.order == "any" and not finding.unstable:
        _reduce(engine, finding, script.act, budget, boundaries)


def _again(engine: Engine, finding: Finding, script: Script, budget: Budget) -> bool:
    """Send a broken case again and count how often it is broken; False when it may not be sent so often."""
    for _turn in range(AGAIN):
        if not budget.take(len(script.steps)):
            return False
        trial = engine.further(script, watched=False)
        if trial is None:
            return False
        finding.sent += 1
        finding.seen += _same(engine, finding, trial) is not None
    return True


def _reduce(engine: Engine, finding: Finding, case: Case, budget: Budget, boundaries: list[Boundary]) -> None:
    """Find the fewest values that show a finding, and where it begins in one's own."""
    if isinstance(finding.check.expecting, AcceptedTogether):
        finding.boundary = _together(finding)
        return
    left = Budget(PER_FINDING)
    smallest = _fewer_edits(engine, finding, case, budget, left)
    found = _to_the_boundary(engine, finding, smallest, budget, left)
    if found is not None:
        boundaries.append(found)
        finding.boundary = found.words


@dataclass(frozen=True)
class Boundary:
    """Where a finding begins: values at `bad` and beyond it, seen from `good`, show the same."""

    requirement: str
    kind: str
    scale: Scale
    good: int
    bad: int
    broken: Broken | None
    words: str
    solid: bool
    """Whether nothing beyond was seen to be accepted: a leap day that is refused says nothing of the year after."""

    def alike(self, other: Boundary) -> bool:
        """Whether both are about the same change to the same member, on the same side of an ordinary value."""
        return (self.requirement, self.kind, self.scale.field, self.scale.kind, self.bad > self.good) == (
            other.requirement,
            other.kind,
            other.scale.field,
            other.scale.kind,
            other.bad > other.good,
        )

    def explains(self, finding: Finding, scale: Scale) -> bool:
        """Whether a finding at another value of the same member lies beyond this boundary."""
        alike = (finding.requirement, finding.broken.kind) == (self.requirement, self.kind)
        same_member = (scale.field, scale.kind) == (self.scale.field, self.scale.kind)
        beyond = scale.here >= self.bad if self.bad > self.good else scale.here <= self.bad
        return self.solid and alike and same_member and beyond


def _explained(engine: Engine, finding: Finding, case: Case, boundaries: list[Boundary]) -> Boundary | None:
    """The boundary beyond which the finding's value lies, when one was found before."""
    scale = _scale(engine, case.edits[0]) if len(case.edits) == 1 else None
    if scale is None:
        return None
    return next((known for known in boundaries if known.explains(finding, scale)), None)


def _same(engine: Engine, finding: Finding, trial: Trial) -> Broken | None:
    """The finding again, None when the trial shows something else or nothing."""
    roles = {**finding.trial.roles, **trial.roles}
    judged = engine.judge.again(finding, Trial(trial.id, roles))
    return judged if isinstance(judged, Broken) and judged.kind == finding.broken.kind else None


def _judged(engine: Engine, finding: Finding, case: Case, budget: Budget, left: Budget) -> Judged | None:
    """What a finding's expectation says of one more case; None when it may not be sent."""
    if not left.take(1) or not budget.take(1):
        return None
    trial = engine.further(Script.alone(case), watched=False)
    return (
        None if trial is None else engine.judge.again(finding, Trial(trial.id, {**finding.trial.roles, **trial.roles}))
    )


def _try(engine: Engine, finding: Finding, case: Case, budget: Budget, left: Budget) -> Broken | None:
    judged = _judged(engine, finding, case, budget, left)
    return judged if isinstance(judged, Broken) and judged.kind == finding.broken.kind else None


def _fewer_edits(engine: Engine, finding: Finding, case: Case, budget: Budget, left: Budget) -> Case:
    """Bring one member after the other back to the plain invoice as long as the finding stays."""
    if len(case.edits) < 2:  # noqa: PLR2004 - nothing to drop
        return case
    smallest = case
    # Without which members it did not show, and what was left beside them then.
    needed: dict[Edit, list[Edit]] = {}
    for edit in case.edits:
        rest = [other for other in smallest.edits if other is not edit]
        if not rest and not isinstance(finding.check.expecting, Echoed):
            break
        smaller = invoice(engine.contract, f"{case.id}, reduced", rest)
        judged = _judged(engine, finding, smaller, budget, left)
        if isinstance(judged, Broken) and judged.kind == finding.broken.kind:
            smallest, finding.reduced = smaller, judged
        elif isinstance(judged, Holds):
            needed[edit] = rest
    if len(smallest.edits) > 1:
        finding.boundary = _condition(engine, finding, smallest, needed, budget, left)
    return smallest


def _condition(
    engine: Engine, finding: Finding, case: Case, needed: dict[Edit, list[Edit]], budget: Budget, left: Budget
) -> str:
    """Beside which values alone a finding shows, in words; empty when no single one was found to matter."""
    act = finding.shown.reading
    beside: list[Edit] = []
    for edit in case.edits:
        rest = [other for other in case.edits if other is not edit]
        if edit not in needed:
            continue
        if len(needed[edit]) > len(rest):
            # It was left out of more than is left now.
            fewer = invoice(engine.contract, f"{case.id} without {edit.field}", rest)
            if not isinstance(_judged(engine, finding, fewer, budget, left), Holds):
                continue
        beside.append(edit)
    if act is None or not beside:
        return ""
    others = [value_words(act, edit.field) for edit in case.edits if edit not in beside]
    conditions = [value_words(act, edit.field) for edit in beside]
    if not others:
        return f"only when {' and '.join(conditions)} come together; without any one of them it did not show"
    return (
        f"{' and '.join(others)} shows it only when the invoice also has {' and '.join(conditions)}; "
        f"without {' or '.join(conditions)} it did not show"
    )


def _in_the_first_tenant(engine: Engine, finding: Finding, budget: Budget) -> None:
    """See whether what was met in the other tenant shows in the first one too."""
    case = engine.case_of(finding.trial.id)
    if case is None or ("tenant-id", OTHER_TENANT) not in case.headers or not case.edits:
        return
    own = [
        edit if edit.field != NUMBER_FIELD else Edit(edit.field, edit.edge, (NumberSlot(),))
        for edit in case.edits
        if edit.field != CONTRACT_FIELD
    ]
    repeated = invoice(engine.contract, f"{case.id}, repeated in the first tenant", own)
    judged = _judged(engine, finding, repeated, budget, Budget(1))
    if isinstance(judged, Broken) and judged.kind == finding.broken.kind:
        finding.both_tenants, finding.reduced = True, judged
    elif isinstance(judged, Holds):
        finding.boundary = "only in the other tenant; the same invoice in the first tenant did not show it"


def _to_the_boundary(engine: Engine, finding: Finding, case: Case, budget: Budget, left: Budget) -> Boundary | None:
    """In an ordered domain, halve the way from an ordinary value to the broken one until the two are neighbours."""
    if not isinstance(finding.check.expecting, Accepted | Echoed) or len(case.edits) != 1:
        return None
    scale = _scale(engine, case.edits[0])
    if scale is None:
        return None
    good, bad = scale.plain, scale.here
    if scale.kind == "date" and _try(engine, finding, scale.case(engine, case.id, bad), budget, left) is None:
        return None  # the time of day matters, so days are no scale
    if isinstance(finding.check.expecting, Accepted):
        good, bad = _bracket(engine, scale)
        if bad != scale.here:
            broken = _try(engine, finding, scale.case(engine, case.id, bad), budget, left)
            if broken is None:
                good, bad = scale.plain, scale.here
            else:
                finding.reduced = broken
    if good == scale.plain and not _shows_not(engine, finding, scale.case(engine, case.id, good), budget, left):
        return None
    halved = _halved(engine, finding, case, scale, (good, bad), budget, left)
    if halved is None:
        return None
    good, bad = halved
    words = f"of the values tried, {scale.words(bad)} shows it and {scale.words(good)} does not"
    solid = not any(
        accepted and (known.here > bad) == (bad > good) and known.here != bad
        for known, accepted in _seen(engine, scale)
    )
    shown = finding.reduced or finding.broken
    return Boundary(finding.requirement, finding.broken.kind, scale, good, bad, shown, words, solid)


def _shows_not(engine: Engine, finding: Finding, case: Case, budget: Budget, left: Budget) -> bool:
    """Whether a case that nobody has sent yet is accepted, and comes back right where that is what matters."""
    if not left.take(1) or not budget.take(1):
        return False
    trial = engine.further(Script.alone(case), watched=False)
    if trial is None or not trial.act.accepted:
        return False
    return isinstance(finding.check.expecting, Accepted) or isinstance(engine.judge.again(finding, trial), Holds)


def _halved(
    engine: Engine,
    finding: Finding,
    case: Case,
    scale: Scale,
    ends: tuple[int, int],
    budget: Budget,
    left: Budget,
) -> tuple[int, int] | None:
    """The neighbours between which a finding begins; None when they were not reached."""
    good, bad = ends
    while abs(bad - good) > 1:
        middle = scale.middle(good, bad)
        judged = _judged(engine, finding, scale.case(engine, case.id, middle), budget, left)
        if isinstance(judged, Broken) and judged.kind == finding.broken.kind:
            bad, finding.reduced = middle, judged
        elif isinstance(judged, Holds):
            good = middle
        else:
            return None  # not sent any more, or it says nothing of this value
    return good, bad


def _seen(engine: Engine, scale: Scale) -> list[tuple[Scale, bool]]:
    """The values of the same member that the run has seen alone, and whether they were accepted."""
    return [
        (known, accepted)
        for case, accepted in engine.singles
        if (known := _scale(engine, case.edits[0])) is not None
        and (known.field, known.kind, known.filler) == (scale.field, scale.kind, scale.filler)
    ]


def _bracket(engine: Engine, scale: Scale) -> tuple[int, int]:
    """The nearest values that the run has seen accepted and refused, on the way from the plain one."""
    good, bad = scale.plain, scale.here
    up = bad > good
    seen = [(known.here, accepted) for known, accepted in _seen(engine, scale) if (known.here > scale.plain) == up]
    for value, accepted in sorted(seen, reverse=not up):
        if (value >= bad) if up else (value <= bad):
            break
        if not accepted:
            return good, value
        good = value
    return good, bad


@dataclass(frozen=True)
class Scale:
    """An ordered domain: a member's values as whole numbers, from the plain one to the broken one."""

    field: str
    kind: str
    plain: int
    here: int
    family: str
    slot: NumberSlot | None = None

    @property
    def filler(self) -> str:
        """What a number of this length is filled with; lengths count alike only with the same filling."""
        return self.slot.filler if self.slot is not None else ""

    def middle(self, good: int, bad: int) -> int:
        """A value between two: of integers first one where columns and rules usually end, as long as there is any."""
        low, high = sorted((good, bad))
        usual = [value for value in USUAL_ENDS if low < value < high] if self.kind == "integer" else []
        return usual[len(usual) // 2] if usual else (good + bad) // 2

    def words(self, value: int) -> str:
        """The value as a report shows it."""
        if self.kind == "date":
            return f"{self.field}={instant.date_of(value)}"
        return f"{self.field}={value}" if self.kind == "integer" else f"{self.field} of {value} characters"

    def case(self, engine: Engine, name: str, value: int) -> Case:
        """The plain invoice with this value in it."""
        if self.kind == "date":
            text = json.dumps(f"{instant.date_of(value)}T00:00:00.000Z")
            edit = Edit(self.field, f"{self.family}: {text}", (text.encode(),))
        elif self.kind == "integer":
            edit = Edit(self.field, f"{self.family}: {value}", (str(value).encode(),))
        else:
            slot = self.slot or NumberSlot()
            edit = Edit(
                self.field,
                f"{self.family}: {value} characters",
                (NumberSlot(slot.before, length=value, filler=slot.filler),),
            )
        return invoice(engine.contract, f"{name}, reduced", (edit,))


USUAL_ENDS = sorted(
    {2**power + step for power in (7, 8, 15, 16, 24, 31, 32, 53) for step in (-1, 0, 1)}
    | {10**power + step for power in range(1, 16) for step in (-1, 0, 1)}
)
"""Integers at which one side of a boundary usually lies, so that halving finds it in fewer requests."""

SHORTEST_MARKED = 20
"""The length of a marked number that every server which takes the example takes too."""


def _scale(engine: Engine, edit: Edit) -> Scale | None:
    field = next((field for field in engine.contract.fields if field.name == edit.field), None)
    part = edit.parts[0] if edit.parts and len(edit.parts) == 1 else None
    if field is None or part is None:
        return None
    # A step keeps the family of the edge that it reduces: one defect is one finding.
    family = family_of(edit.edge)
    if isinstance(part, NumberSlot):
        # A filling of several characters, or one that may end in a space, says something else at every length.
        even = part.length is not None and not part.after and len(part.filler) == 1 and part.filler != " "
        if not even or part.length is None or part.length <= SHORTEST_MARKED:
            return None
        return Scale(field.name, "length", SHORTEST_MARKED, part.length, family, part)
    return _value_scale(field, part.decode(errors="replace"), family) if isinstance(part, bytes) else None


def _value_scale(field: Field, text: str, family: str) -> Scale | None:
    if "integer" in field.types and text.isascii() and text.isdigit() and isinstance(field.example, int):
        return Scale(field.name, "integer", field.example, int(text), family)
    if field.format == "date-time" and isinstance(field.example, str) and text.startswith('"'):
        here, there = instant.day_number(json.loads(text)), instant.day_number(field.example)
        if here is not None and there is not None:
            return Scale(field.name, "date", there, here, family)
    return None
