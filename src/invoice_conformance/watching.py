"""Owns the checks that watch: what they say of every exchange of a run, whoever sent it.

It knows checks, readings and an account; what several exchanges show together in a script is not its affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from invoice_conformance.account import Account
from invoice_conformance.trial import DoesNotApply, Holds, Judged, Reading, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from invoice_conformance.checks import Check, Script
    from invoice_conformance.expect import Expectation, Fold
    from invoice_conformance.plan import Plan
    from invoice_conformance.sets import RequirementSet

T = TypeVar("T")
Said: TypeAlias = "Sequence[tuple[Check, Judged | str, bool]]"
"""What checks say of an exchange, and whether each sent it itself."""


def judged_by(check: Check, trial: Trial, judging: Callable[[T], Judged], argument: T) -> Judged | str:
    """What a check says; a defect of ours is a verdict, never a crash, and comes back as words."""
    try:
        return judging(argument)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
        return defect_in(check, trial, error)


def defect_in(check: Check, trial: Trial, error: Exception) -> str:
    """What is said of a check that fell over a trial."""
    return f"defect of the suite in {check.place} on {trial.id}: {error!r}"


@dataclass(frozen=True, slots=True)
class Brief:
    """What of a plan those who watch have to know, without its cases and checks: it can be handed to another process.

    `watching` has each watching check with the cases that it sends by itself; of the `newer` cases, which only
    requirements beyond the `pinned` ones send, these say nothing.
    """

    watching: tuple[tuple[str, frozenset[str]], ...]
    folding: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    order: Mapping[str, int]
    groups: Mapping[str, str]
    newer: frozenset[str]
    pinned: frozenset[str]

    @classmethod
    def of(cls, plan: Plan, pinned: RequirementSet | None) -> Brief:
        """The brief of a plan that is judged by a set of requirements, or by all."""
        watching = tuple(
            (one.check.name, frozenset(script.act.id for script in one.scripts if len(script.steps) == 1))
            for one in plan.planned
            if one.check.watching and one.check.expecting is not None
        )
        return cls(
            watching,
            tuple(one.check.name for one in plan.planned if one.check.fold is not None),
            {one.check.name: one.groups for one in plan.planned},
            {script.id: place for place, script in enumerate(plan.scripts.values())},
            {script.act.id: script.group for script in plan.scripts.values()},
            pinned.beyond(plan) if pinned is not None else frozenset(),
            frozenset(pinned.levels) if pinned is not None else frozenset(),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What was made of the exchanges so far: the account, and the state of each fold, in the order of the brief."""

    account: Account
    folds: tuple[Fold, ...]


class Watch:
    """Lets every watching check judge every exchange, and accounts for it; KeyError when a check is missing."""

    def __init__(self, brief: Brief, checks: Mapping[str, Check]) -> None:
        self.account = Account(brief.fields, brief.order)
        self._brief = brief
        self._watchers: list[tuple[Check, Callable[[Trial], Judged], frozenset[str]]] = []
        for name, own in brief.watching:
            if (expecting := checks[name].expecting) is not None:
                self._watchers.append((checks[name], expecting.judge, own))
        self._folds: list[tuple[Check, Fold]] = []
        for name in brief.folding:
            if (fold := checks[name].fold) is not None:
                self._folds.append((checks[name], fold()))

    @property
    def seen(self) -> Seen:
        """What another process needs to go on from here."""
        return Seen(self.account, tuple(fold for _check, fold in self._folds))

    def go_on_from(self, seen: Seen) -> None:
        """Take in what was seen in another process, as if it had been seen here."""
        self.account.add(seen.account)
        self._folds = [(check, fold) for (check, _fold), fold in zip(self._folds, seen.folds, strict=True)]

    def exchange(self, reading: Reading) -> None:
        """Let every watching check judge one exchange."""
        trial = Trial(reading.meaning.id, {"act": (reading,)})
        group = self._brief.groups.get(trial.id, "")
        # What only newer requirements send says nothing of the pinned ones.
        pinned = self._brief.pinned if trial.id in self._brief.newer else ()
        tallies = self.account.tallies_for(group)
        held: Holds | None = None
        for check, judged, mine in self._watched(trial, reading):
            if check.requirement in pinned:
                continue
            if isinstance(judged, Holds):  # by far the most
                tallies[check.name].holds += 1
                held = judged
            else:
                self.account.count(check, judged, trial, group, own=mine)
        if held is not None:
            self.account.meet(held, trial, "")
        for check, fold in () if reading.astray else self._folds:
            if check.requirement in pinned:
                continue
            judged = judged_by(check, trial, fold.observe, reading)
            if not isinstance(judged, DoesNotApply) or judged.unanswered:
                self.account.count(check, judged, trial, group, own=False)

    def _watched(self, trial: Trial, reading: Reading) -> Said:
        """What each watching check that has anything to say of an exchange says."""
        said: list[tuple[Check, Judged | str, bool]] = []
        name, astray = trial.id, reading.astray
        for check, judging, own in self._watchers:
            mine = name in own
            if astray and not mine:
                continue
            try:  # as `judged_by` does, whose call would take longer than most of these
                judged: Judged | str = judging(trial)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is ours
                judged = defect_in(check, trial, error)
            # Most checks have nothing to say of most exchanges.
            if mine or not isinstance(judged, DoesNotApply) or judged.unanswered:
                said.append((check, judged, mine))
        return said

    def closer(self, script: Script, trial: Trial, kind: type[Expectation]) -> None:
        """Let the checks with this kind of expectation judge what was sent to look closer at one request."""
        for check, judging, _own in self._watchers:
            if isinstance(check.expecting, kind):
                judged = judged_by(check, trial, judging, trial)
                self.account.count(check, judged, trial, "", own=True, script=script)

    def unsent(self, script: Script, reason: str, *, wanted: bool) -> None:
        """Note that a script was not sent with the checks that would have judged it, unless others make up for it."""
        for check, _judging, own in self._watchers:
            if script.act.id in own:
                missed = DoesNotApply(reason, unanswered=wanted)
                self.account.tallies_for(script.group)[check.name].add(missed, own=True)

    def cut_short(self, reason: str) -> None:
        """Note that the run ended early: what is said of every answer was then not seen of all of them."""
        for check in self._of_all():
            self.account.tallies_for("")[check.name].add(DoesNotApply(reason, unanswered=True), own=True)

    def failed(self, words: str) -> None:
        """Note a defect of ours that left the checks without what they were to judge."""
        for check, _judging, _own in self._watchers:
            self.account.tallies_for("")[check.name].errors.append(words)
        for check, _fold in self._folds:
            self.account.tallies_for("")[check.name].errors.append(words)

    def _of_all(self) -> Iterator[Check]:
        """The checks that judge every exchange, not certain ones alone."""
        yield from (check for check, _judging, own in self._watchers if not own)
        yield from (check for check, _fold in self._folds)
