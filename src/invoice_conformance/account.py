"""Owns the account of a run's judgements: how often each check held, what was found, and what became of each edge.

It must not know who judged or in what order, and never judges itself: accounts of two judges add up to one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

    from invoice_conformance.checks import Check, Script

Verdict: TypeAlias = Literal["pass", "fail", "inconclusive", "waived", "error", "not-selected"]
VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "inconclusive", "waived", "error", "not-selected")
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

    def merge(self, other: Tally) -> None:
        """Count what another has counted too."""
        self.holds += other.holds
        self.broken += other.broken
        self.unanswered += other.unanswered
        self.reasons += other.reasons
        self.silences += other.silences
        self.errors += other.errors

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


class Account:
    """What was judged so far.

    `fields` are the fields that each check is about, by its name, and `order` says where each script stands in the
    plan: what is first there stands for all of its kind, whichever was answered first.
    """

    def __init__(self, fields: Mapping[str, tuple[str, ...]], order: Mapping[str, int]) -> None:
        self.tallies = {name: {group: Tally() for group in groups} for name, groups in fields.items()}
        """By check and field."""
        self._order = order
        self._counting: dict[str, dict[str, Tally]] = {}
        self._findings: dict[tuple[str, str, str], Finding] = {}
        self._met: dict[tuple[str, str], Met] = {}

    def tallies_for(self, field: str) -> Mapping[str, Tally]:
        """By check, the tally of a field; that of its first field for what others sent."""
        known = self._counting.get(field)
        if known is None:
            known = self._counting[field] = {
                name: tallies.get(field) or next(iter(tallies.values())) for name, tallies in self.tallies.items()
            }
        return known

    def count(
        self,
        check: Check,
        judged: Judged | str,
        trial: Trial,
        group: str,
        *,
        own: bool,
        script: Script | None = None,
    ) -> None:
        """Take in one judgement; words tell of a defect of ours. `own` when the check sent the case itself."""
        tally = self.tallies_for(group)[check.name]
        if isinstance(judged, str):
            tally.errors.append(judged)
            return
        tally.add(judged, own=own)
        self.meet(judged, trial, check.requirement)
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
            found.cases = sorted([*found.cases, trial.id], key=self.place)[:CASES_NAMED]

    def meet(self, judged: Judged, trial: Trial, requirement: str) -> None:
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

    def add(self, other: Account) -> None:
        """Take in all of another judge's account of the same plan."""
        for name, tallies in other.tallies.items():
            for group, tally in tallies.items():
                self.tallies[name][group].merge(tally)
        for key, found in other._findings.items():
            mine = self._findings.get(key)
            self._findings[key] = found if mine is None else self._one_of(found, mine)
        for edge, met in other._met.items():
            known = self._met.setdefault(edge, met)
            known.cases |= met.cases
            known.broken |= met.broken
            known.requirements |= met.requirements

    def _one_of(self, *two: Finding) -> Finding:
        """Two findings of the same defect as one: that which is first in the plan, with the cases of both."""
        first, later = sorted(two, key=lambda found: self._order.get(found.trial.id, LATE))
        cases = sorted({*first.cases, *later.cases}, key=self.place)
        first.absorb(later)
        first.cases = cases[:CASES_NAMED]
        return first

    def in_order(self) -> list[Finding]:
        """The findings in the order of the plan, which is not that in which answers came."""
        return sorted(self._findings.values(), key=lambda found: (self.place(found.trial.id), found.broken.kind))

    def place(self, name: str) -> tuple[int, str]:
        """Where a case stands in the plan."""
        return self._order.get(name, LATE), name

    def merge(self) -> None:
        """Make one finding of those whose reduction came to the same case, and of random cases that show it again."""
        kept: dict[tuple[str, str, str], Finding] = {}
        for found in self.in_order():
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
        for other in self.in_order():
            alike = (other.requirement, other.broken.kind) == (found.requirement, found.broken.kind)
            named = not _is_drawn(other)
            if alike and named and found.broken.field in other.fields:
                return other
        return None

    def _shown_in_the_first_tenant(self, found: Finding) -> Finding | None:
        """The same change to the same member, when this one was met in the other tenant and repeated in the first."""
        if not found.both_tenants:
            return None
        for other in self.in_order():
            alike = (other.requirement, other.broken.kind) == (found.requirement, found.broken.kind)
            if alike and not other.both_tenants and found.broken.field == other.broken.field:
                return other
        return None


def _is_drawn(found: Finding) -> bool:
    """Whether it was met at a value that nobody named: one that Hypothesis drew or schemathesis invented."""
    return family_of(found.broken.edge).startswith(DRAWN)
