"""Owns the way from trials to verdicts: who judges what, what a requirement ends as, and a run's outcome.

It opens no connection and writes no file; the same evidence always gives the same verdicts.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Rules, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from invoice_conformance.catalogue import Catalogue, Requirement
    from invoice_conformance.checks import Check, Script
    from invoice_conformance.expect import Expectation, Fold
    from invoice_conformance.plan import Plan
    from invoice_conformance.sets import RequirementSet

T = TypeVar("T")
Verdict: TypeAlias = Literal["pass", "fail", "inconclusive", "waived", "error", "not-selected"]
VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "inconclusive", "waived", "error", "not-selected")
Outcome: TypeAlias = Literal["core", "full", "not-conformant", "incomplete", "aborted"]
Gate: TypeAlias = Literal["must", "should"]
Effect: TypeAlias = Literal["none", "fails", "open", "defect"]
"""What a requirement does to the gate of its run: nothing, fails it, leaves it open, or shows a defect of the suite."""

LATE = 1 << 62
"""The place in the plan of what was sent only afterwards."""

DRAWN = ("random", "schemathesis")
"""How the families of edges begin that stand for values without a name."""

CASES_NAMED = 10
"""Cases that a finding names beside the first."""


def family_of(edge: str) -> str:
    """What an edge is an example of: the words before its colon. One defect is one finding for all of them."""
    return edge.partition(":")[0]


@dataclass
class Finding:
    """One defect under one requirement: what was expected and came, and every case that showed it.

    `reduced` is the smallest case found by real requests, None while there was no reduction; `seen` and `sent` count
    how often the case was broken and sent in all.
    """

    requirement: str
    check: Check
    broken: Broken
    trial: Trial
    script: Script | None
    fields: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    occurrences: int = 0
    """How many cases showed it, each counted once."""
    showing: set[str] = field(default_factory=set)
    seen: int = 1
    sent: int = 1
    reduced: Broken | None = None
    boundary: str = ""
    both_tenants: bool = False
    """Whether the same was seen in the other tenant too."""
    held: int = 0
    judged: int = 0
    """Of how many cases that its check sent the expectation held, and how many were judged; 0 of one that watches."""

    @property
    def id(self) -> str:
        """A short name that is the same in every run that finds the same defect."""
        text = "\0".join((self.requirement, family_of(self.broken.edge), self.broken.kind))
        return f"{self.requirement}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:8]}"

    def absorb(self, other: Finding) -> None:
        """Take in a finding that shows the same defect."""
        self.occurrences += len(other.showing - self.showing)
        self.showing |= other.showing
        self.fields += [name for name in other.fields if name not in self.fields]
        self.cases = [*dict.fromkeys(self.cases + other.cases)][:CASES_NAMED]
        self.both_tenants |= other.both_tenants

    @property
    def unstable(self) -> bool:
        """Whether sending the case again gave another answer."""
        return self.seen < self.sent

    @property
    def shown(self) -> Broken:
        """The judgement of the smallest case."""
        return self.reduced or self.broken


@dataclass
class Met:
    """The cases of one member and family of edges that were judged, and those of them that broke something."""

    cases: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    requirements: set[str] = field(default_factory=set)
    """What they broke."""


@dataclass
class Tally:
    """How the trials of one check (and field) were judged."""

    holds: int = 0
    broken: int = 0
    unanswered: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    silences: Counter[str] = field(default_factory=Counter)
    """Why trials had no answer that could be judged; `reasons` has why others said nothing of the requirement."""
    errors: list[str] = field(default_factory=list)

    def add(self, judged: Judged, *, own: bool) -> None:
        """Count one judgement; `own` when the check sent the case itself."""
        if isinstance(judged, Holds):
            self.holds += 1
        elif isinstance(judged, Broken):
            self.broken += 1
        else:
            if judged.unanswered and own:
                self.unanswered += 1
            if own or judged.unanswered:
                (self.silences if judged.unanswered else self.reasons)[judged.reason] += 1

    @property
    def judged(self) -> int:
        """Trials that said something."""
        return self.holds + self.broken

    def verdict(self) -> Verdict:
        """What these trials amount to."""
        if self.broken:
            return "fail"
        if self.errors:
            return "error"
        if self.unanswered or not self.holds:
            return "inconclusive"
        return "pass"

    def otherwise(self) -> Verdict:
        """What they would amount to if nothing had been broken that was."""
        if self.broken:
            return "error" if self.errors else "inconclusive" if self.unanswered else "pass"
        return self.verdict()

    def reason(self) -> str:
        """Why the verdict is inconclusive or error, in one sentence; empty otherwise."""
        if self.errors:
            return self.errors[0]
        if self.verdict() != "inconclusive":
            return ""
        most = (self.silences if self.unanswered else self.reasons + self.silences).most_common(1)
        return most[0][0] if most else "nothing that was sent met its premise"


@dataclass(frozen=True)
class Row:
    """A requirement with its verdict, how many trials were judged, its findings and the reason when inconclusive.

    `otherwise` is the verdict that a failing row would have without its findings. A row that is `beyond` is not in
    the pinned set: it is run and shown, and decides nothing.
    """

    requirement: Requirement
    verdict: Verdict
    judged: int
    findings: tuple[Finding, ...]
    reason: str
    checks: tuple[Check, ...]
    otherwise: Verdict = "pass"
    beyond: bool = False

    @property
    def decides(self) -> bool:
        """Whether its verdict counts towards an outcome."""
        return self.requirement.decides and not self.beyond

    @property
    def conclusive(self) -> bool:
        """Whether all that was to be judged was: what it does not show is not there."""
        return self.verdict in {"pass", "fail"} and self.otherwise == "pass"

    def asked(self, gate: Gate) -> bool:
        """Whether a gate asks for it."""
        return self.decides and (self.requirement.level == "MUST" or gate == "should")

    def effect(self, gate: Gate, known: Collection[str] = frozenset()) -> Effect:
        """What it does to a gate, to which findings that are `known`, by their ids, are as good as none.

        Every view and the exit code go by this.
        """
        verdict = self.verdict
        if verdict == "fail" and self.findings and all(finding.id in known for finding in self.findings):
            verdict = self.otherwise
        if verdict == "error" and not self.beyond:
            return "defect"
        if not self.asked(gate):
            return "none"
        return "fails" if verdict == "fail" else "open" if verdict == "inconclusive" else "none"


class Judge:
    """Takes in the trials of a run, in any order, and says what each requirement ends as."""

    def __init__(
        self,
        plan: Plan,
        catalogue: Catalogue,
        rules: Rules,
        waived: frozenset[str] = frozenset(),
        pinned: RequirementSet | None = None,
    ) -> None:
        self._plan = plan
        self._catalogue = catalogue
        self._pinned = pinned
        self._beyond = pinned.beyond(plan) if pinned is not None else frozenset()
        self._waived = waived
        self.rules = rules
        self._subscribers: dict[str, list[tuple[Check, str]]] = {}
        self._watchers: list[tuple[Check, Callable[[Trial], Judged], frozenset[str]]] = []
        self._folds: list[tuple[Check, Fold]] = []
        self._tallies: dict[str, dict[str, Tally]] = {}
        """By check and field."""
        self._counting: dict[str, dict[str, Tally]] = {}
        self._findings: dict[tuple[str, str, str], Finding] = {}
        self._met: dict[tuple[str, str], Met] = {}
        for planned in plan.planned:
            own: set[str] = set()
            tallies = self._tallies.setdefault(planned.check.name, {})
            tallies.update((group, Tally()) for group in planned.groups)
            for script in planned.scripts:
                if planned.check.watching and len(script.steps) == 1:
                    own.add(script.act.id)
                else:
                    self._subscribers.setdefault(script.id, []).append((planned.check, script.group))
            if planned.check.fold is not None:
                self._folds.append((planned.check, planned.check.fold()))
            elif planned.check.watching and planned.check.expecting is not None:
                self._watchers.append((planned.check, planned.check.expecting.judge, frozenset(own)))
        self._without_other = {
            one.check.name for one in plan.planned if any(not script.needs_other for script in one.scripts)
        }
        """Checks that have something to send to one tenant alone."""
        self._order = {script.id: place for place, script in enumerate(plan.scripts.values())}
        self._groups = {script.act.id: script.group for script in plan.scripts.values()}

    def exchange(self, reading: Reading) -> None:
        """Let every watching check judge one exchange."""
        trial = Trial(reading.meaning.id, {"act": (reading,)})
        group = self._groups.get(trial.id, "")
        # What only newer requirements send says nothing of the pinned ones.
        pinned = self._pinned.levels if self._pinned is not None and trial.id in self._beyond else ()
        tallies = self._tallies_for(group)
        held: Holds | None = None
        for check, judged, mine in self._watched(trial, reading):
            if check.requirement in pinned:
                continue
            if isinstance(judged, Holds):  # by far the most
                tallies[check.name].holds += 1
                held = judged
            else:
                self._count(check, judged, trial, group, own=mine)
        if held is not None:
            self._meet(held, trial, "")
        for check, fold in () if reading.astray else self._folds:
            if check.requirement not in pinned:
                self._count(check, self._judged(check, trial, fold.observe, reading), trial, group, own=False)

    def _watched(self, trial: Trial, reading: Reading) -> Sequence[tuple[Check, Judged | str, bool]]:
        """What each watching check that has anything to say of an exchange says, and whether it sent it itself."""
        said: list[tuple[Check, Judged | str, bool]] = []
        name, astray = trial.id, reading.astray
        for check, judging, own in self._watchers:
            mine = name in own
            if astray and not mine:
                continue
            judged = self._judged(check, trial, judging, trial)
            # Most checks have nothing to say of most exchanges.
            if mine or not isinstance(judged, DoesNotApply) or judged.unanswered:
                said.append((check, judged, mine))
        return said

    def script(self, script: Script, trial: Trial) -> None:
        """Let the checks that asked for a script judge its trial."""
        for check, group in self._subscribers.get(script.id, ()):
            if check.expecting is not None:
                judged = self._judged(check, trial, check.expecting.judge, trial)
                self._count(check, judged, trial, group, own=True, script=script)

    def closer(self, script: Script, trial: Trial, kind: type[Expectation]) -> None:
        """Let the checks with this kind of expectation judge what was sent to look closer at one request."""
        for check, judging, _own in self._watchers:
            if isinstance(check.expecting, kind):
                self._count(check, self._judged(check, trial, judging, trial), trial, "", own=True, script=script)

    def unsent(self, script: Script, reason: str, *, wanted: bool = True) -> None:
        """Note that a script was not sent, and why; one that is not `wanted` leaves it to the others of its check."""
        for check, group in self._subscribers.get(script.id, ()):
            missed = wanted or check.name not in self._without_other
            self._tallies_for(group)[check.name].add(DoesNotApply(reason, unanswered=missed), own=True)
        for check, _judging, own in self._watchers:
            if script.act.id in own:
                self._tallies_for(script.group)[check.name].add(DoesNotApply(reason, unanswered=wanted), own=True)

    def cut_short(self, reason: str) -> None:
        """Note that the run ended early: what is said of every answer was then not seen of all of them."""
        for check, _judging, own in self._watchers:
            if not own:
                self._tallies_for("")[check.name].add(DoesNotApply(reason, unanswered=True), own=True)
        for check, _fold in self._folds:
            self._tallies_for("")[check.name].add(DoesNotApply(reason, unanswered=True), own=True)

    def again(self, finding: Finding, trial: Trial) -> Judged | None:
        """Judge one finding's expectation on another trial, without counting it; None for a fold's."""
        return finding.check.expecting.judge(trial) if finding.check.expecting is not None else None

    def _tallies_for(self, field: str) -> Mapping[str, Tally]:
        """By check, the tally of a field; that of its first field for what others sent."""
        known = self._counting.get(field)
        if known is None:
            known = self._counting[field] = {
                name: tallies.get(field) or next(iter(tallies.values())) for name, tallies in self._tallies.items()
            }
        return known

    def _judged(self, check: Check, trial: Trial, judging: Callable[[T], Judged], argument: T) -> Judged | str:
        """What a check says; a defect of ours is a verdict, never a crash, and comes back as words."""
        try:
            return judging(argument)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
            return f"defect of the suite in {check.place} on {trial.id}: {error!r}"

    def _count(
        self,
        check: Check,
        judged: Judged | str,
        trial: Trial,
        group: str,
        *,
        own: bool,
        script: Script | None = None,
    ) -> None:
        tally = self._tallies_for(group)[check.name]
        if isinstance(judged, str):
            tally.errors.append(judged)
            return
        tally.add(judged, own=own)
        self._meet(judged, trial, check.requirement)
        if not isinstance(judged, Broken):
            return
        key = (check.requirement, family_of(judged.edge), judged.kind)
        found = self._findings.get(key)
        if found is None:
            found = self._findings[key] = Finding(check.requirement, check, judged, trial, script)
        elif self._order.get(trial.id, LATE) < self._order.get(found.trial.id, LATE):
            # The first in the plan stands for all, whichever was answered first.
            found.check, found.broken, found.trial, found.script = check, judged, trial, script
        # A case that stands beside its twin is judged as an exchange too.
        found.occurrences += trial.id not in found.showing
        found.showing.add(trial.id)
        if judged.field and judged.field not in found.fields:
            found.fields.append(judged.field)
        if trial.id not in found.cases:
            # The first in the plan are named, again whichever were answered first.
            found.cases = sorted([*found.cases, trial.id], key=self._place)[:CASES_NAMED]

    def _meet(self, judged: Judged, trial: Trial, requirement: str) -> None:
        """Note what became of a case that differs in one member; broken is only what a finding about that member is."""
        edits = trial.act.meaning.edits
        if isinstance(judged, DoesNotApply) or len(edits) != 1:
            return
        name, edge = edits[0]
        met = self._met.setdefault((name, family_of(edge)), Met())
        met.cases.add(trial.id)
        if isinstance(judged, Broken) and judged.field == name:
            met.broken.add(trial.id)
            met.requirements.add(requirement)

    def met(self) -> dict[tuple[str, str], Met]:
        """The cases that differ from the plain invoice in one member, by that member and the family of their edges."""
        return dict(sorted(self._met.items()))

    def findings(self) -> list[Finding]:
        """Every finding so far, in the order of the catalogue."""
        order = {row.id: index for index, row in enumerate(self._catalogue)}
        return sorted(self._in_order(), key=lambda found: order.get(found.requirement, -1))

    def _in_order(self) -> list[Finding]:
        """The findings in the order of the plan, which is not that in which answers came."""
        return sorted(self._findings.values(), key=lambda found: (self._place(found.trial.id), found.broken.kind))

    def _place(self, name: str) -> tuple[int, str]:
        return self._order.get(name, LATE), name

    def merge(self) -> None:
        """Make one finding of those whose reduction came to the same case, and of random cases that show it again."""
        kept: dict[tuple[str, str, str], Finding] = {}
        for found in self._in_order():
            same = self._shown_by_others(found) or self._shown_in_the_first_tenant(found)
            if same is None and found.unstable:
                # What comes and goes has nothing to do with the edge at which it was met.
                same = kept.setdefault((found.requirement, found.broken.kind, "unstable"), found)
            elif same is None and (found.reduced is not None or found.boundary):
                reduced_to = (found.requirement, found.broken.kind, found.boundary or found.shown.expected)
                same = kept.setdefault(reduced_to, found)
            if same is not None and same is not found:
                same.absorb(found)
                del self._findings[found.requirement, family_of(found.broken.edge), found.broken.kind]

    def _shown_by_others(self, found: Finding) -> Finding | None:
        """The finding at a named edge of the same member, when this one is at a random value."""
        if not _is_drawn(found):
            return None
        for other in self._in_order():
            alike = (other.requirement, other.broken.kind) == (found.requirement, found.broken.kind)
            named = not _is_drawn(other)
            if alike and named and found.broken.field in other.fields:
                return other
        return None

    def _shown_in_the_first_tenant(self, found: Finding) -> Finding | None:
        """The same change to the same member, when this one was met in the other tenant and repeated in the first."""
        if not found.both_tenants:
            return None
        for other in self._in_order():
            alike = (other.requirement, other.broken.kind) == (found.requirement, found.broken.kind)
            if alike and not other.both_tenants and found.broken.field == other.broken.field:
                return other
        return None

    def item(self, check: Check, group: str) -> Tally:
        """The tally of one check and field."""
        return self._tallies.get(check.name, {}).get(group) or Tally()

    def rows(self) -> tuple[Row, ...]:
        """What every requirement of the catalogue ends as."""
        return tuple(self._row(requirement) for requirement in self._catalogue)

    def _row(self, requirement: Requirement) -> Row:
        beyond = self._pinned is not None and requirement.id not in self._pinned.levels
        if self._pinned is not None and not beyond:
            requirement = self._pinned.as_released(requirement)
        return replace(self._judged_row(requirement), beyond=beyond)

    def _judged_row(self, requirement: Requirement) -> Row:
        checks = tuple(one.check for one in self._plan.planned if one.check.requirement == requirement.id)
        if requirement.id in self._waived:
            return Row(requirement, "waived", 0, (), "waived by name", checks)
        if not checks:
            return Row(requirement, "not-selected", 0, (), "", checks)
        names = {check.name for check in checks}
        tallies = [tally for name, of_check in self._tallies.items() if name in names for tally in of_check.values()]
        whole = Tally(
            holds=sum(tally.holds for tally in tallies),
            broken=sum(tally.broken for tally in tallies),
            unanswered=sum(tally.unanswered for tally in tallies),
            reasons=sum((tally.reasons for tally in tallies), Counter()),
            silences=sum((tally.silences for tally in tallies), Counter()),
            errors=[error for tally in tallies for error in tally.errors],
        )
        findings = tuple(found for found in self._in_order() if found.requirement == requirement.id)
        for found in findings:
            if not found.check.watching:
                mine = self._tallies[found.check.name].values()
                found.held, found.judged = sum(tally.holds for tally in mine), sum(tally.judged for tally in mine)
        return Row(requirement, whole.verdict(), whole.judged, findings, whole.reason(), checks, whole.otherwise())


def _is_drawn(found: Finding) -> bool:
    """Whether it was met at a value that nobody named: one that Hypothesis drew or schemathesis invented."""
    return family_of(found.broken.edge).startswith(DRAWN)


def outcome_of(rows: Iterable[Row], *, aborted: bool = False, interrupted: bool = False) -> Outcome:
    """The outcome of a run: `core` when every MUST holds, `full` when every SHOULD does too.

    Failure beats incomplete. A row that is contested, MAY or beyond the pinned set decides nothing; a waived one bars
    `full`; a MUST that was not selected or could not be judged leaves the run incomplete. What a baseline knows of is
    a failure all the same.
    """
    deciding = [row for row in rows if row.decides]
    must = [row for row in deciding if row.requirement.level == "MUST"]
    if any(row.verdict == "fail" for row in must):
        return "not-conformant"
    if aborted:
        return "aborted"
    if interrupted or any(row.verdict not in {"pass", "waived"} for row in must):
        return "incomplete"
    return "full" if all(row.verdict == "pass" for row in deciding) else "core"


def exit_code_of(
    rows: Iterable[Row],
    outcome: Outcome,
    gate: Gate,
    *,
    known: Collection[str] = frozenset(),
    stale: bool = False,
    aborted: bool = False,
) -> int:
    """The exit code of `invoice-conformance run`: 0, 1, 3, 4, 5 or 6 (see the README's table).

    Rows that were not selected do not hold it up: a run of a selection says what it was asked. `known` are the ids of
    findings that a baseline lists, `stale` whether it lists what is not so; `aborted` as for `outcome_of`.
    """
    rows = tuple(rows)
    effects = {row.effect(gate, known) for row in rows}
    if "defect" in effects:
        return 6
    if "fails" in effects:
        return 1
    if outcome == "aborted" or aborted:
        return 5
    if stale:
        return 4
    judged = any(row.verdict in {"pass", "fail"} and not row.beyond for row in rows)
    return 0 if judged and "open" not in effects else 3
