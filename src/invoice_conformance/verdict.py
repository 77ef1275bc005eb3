"""Owns the way from trials to verdicts: who judges what, what a requirement ends as, and a run's outcome.

It opens no connection and writes no file; the same evidence always gives the same verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from invoice_conformance.account import Finding, Met, Tally, Verdict
from invoice_conformance.trial import DoesNotApply, Judged, Reading, Rules, Trial
from invoice_conformance.watching import Brief, Seen, Watch, judged_by

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from invoice_conformance.catalogue import Catalogue, Requirement
    from invoice_conformance.checks import Check, Script
    from invoice_conformance.expect import Expectation
    from invoice_conformance.lookout import Lookout
    from invoice_conformance.plan import Plan
    from invoice_conformance.sets import RequirementSet

Outcome: TypeAlias = Literal["core", "full", "not-conformant", "incomplete", "aborted"]
Gate: TypeAlias = Literal["must", "should"]
Effect: TypeAlias = Literal["none", "fails", "open", "defect"]
"""What a requirement does to the gate of its run: nothing, fails it, leaves it open, or shows a defect of the suite."""


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
        watch: Callable[[Brief, Mapping[str, Check]], Watch] = Watch,
    ) -> None:
        self._plan = plan
        self._catalogue = catalogue
        self._pinned = pinned
        self._waived = waived
        self.rules = rules
        self.brief = Brief.of(plan, pinned)
        self._watch = watch(self.brief, plan.checks)
        self._account = self._watch.account
        self._lookout: Lookout | None = None
        self._subscribers: dict[str, list[tuple[Check, str]]] = {}
        for planned in plan.planned:
            for script in planned.scripts:
                if not planned.check.watching or len(script.steps) > 1:
                    self._subscribers.setdefault(script.id, []).append((planned.check, script.group))
        self._without_other = {
            one.check.name for one in plan.planned if any(not script.needs_other for script in one.scripts)
        }
        """Checks that have something to send to one tenant alone."""

    def post(self, lookout: Lookout | None) -> None:
        """Leave it to a lookout, if there is one, to watch the exchanges until it is heard."""
        self._lookout = lookout

    def hear(self) -> None:
        """Take in what the lookout has seen, if there is one; from now on all is watched here."""
        if self._lookout is None:
            return
        seen = self._lookout.heard()
        self._lookout = None
        if isinstance(seen, str):
            self._watch.failed(seen)
        elif isinstance(seen, Seen):
            self._watch.go_on_from(seen)
        else:
            for reading in seen:
                self._watch.exchange(reading)

    def exchange(self, reading: Reading) -> None:
        """Let every watching check judge one exchange."""
        if self._lookout is not None and self._lookout.state == "missing":
            self.hear()
        (self._lookout or self._watch).exchange(reading)

    def script(self, script: Script, trial: Trial) -> None:
        """Let the checks that asked for a script judge its trial."""
        for check, group in self._subscribers.get(script.id, ()):
            if check.expecting is not None:
                judged = judged_by(check, trial, check.expecting.judge, trial)
                self._account.count(check, judged, trial, group, own=True, script=script)

    def closer(self, script: Script, trial: Trial, kind: type[Expectation]) -> None:
        """Let the checks with this kind of expectation judge what was sent to look closer at one request."""
        self._watch.closer(script, trial, kind)

    def unsent(self, script: Script, reason: str, *, wanted: bool = True) -> None:
        """Note that a script was not sent, and why; one that is not `wanted` leaves it to the others of its check."""
        for check, group in self._subscribers.get(script.id, ()):
            missed = wanted or check.name not in self._without_other
            self._account.tallies_for(group)[check.name].add(DoesNotApply(reason, unanswered=missed), own=True)
        self._watch.unsent(script, reason, wanted=wanted)

    def cut_short(self, reason: str) -> None:
        """Note that the run ended early: what is said of every answer was then not seen of all of them."""
        self._watch.cut_short(reason)

    def again(self, finding: Finding, trial: Trial) -> Judged | None:
        """Judge one finding's expectation on another trial, without counting it; None for a fold's."""
        return finding.check.expecting.judge(trial) if finding.check.expecting is not None else None

    def findings(self) -> list[Finding]:
        """Every finding so far, in the order of the catalogue."""
        order = {row.id: index for index, row in enumerate(self._catalogue)}
        return sorted(self._account.in_order(), key=lambda found: order.get(found.requirement, -1))

    def met(self) -> dict[tuple[str, str], Met]:
        """The cases that differ from the plain invoice in one member, by that member and the family of their edges."""
        return self._account.met()

    def merge(self) -> None:
        """Make one finding of those whose reduction came to the same case, and of random cases that show it again."""
        self._account.merge()

    def item(self, check: Check, group: str) -> Tally:
        """The tally of one check and field."""
        return self._account.tallies.get(check.name, {}).get(group) or Tally()

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
        names = dict.fromkeys(check.name for check in checks)
        whole = Tally()
        for name in names:
            for tally in self._account.tallies[name].values():
                whole.merge(tally)
        findings = tuple(found for found in self._account.in_order() if found.requirement == requirement.id)
        for found in findings:
            if not found.check.watching:
                mine = self._account.tallies[found.check.name].values()
                found.held, found.judged = sum(tally.holds for tally in mine), sum(tally.judged for tally in mine)
        return Row(requirement, whole.verdict(), whole.judged, findings, whole.reason(), checks, whole.otherwise())


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
