"""Owns what a run is going to send and who judges it, complete before the first request.

It knows checks and cases, and neither a target nor an answer.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoice_conformance.case import Hole, NumberSlot, spell_string
from invoice_conformance.trial import Meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from invoice_conformance.case import Case
    from invoice_conformance.checks import Check, Registry, Scope, Script
    from invoice_conformance.oracle import Oracle


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

    def cases(self) -> Iterator[Case]:
        """The cases that may be sent in any order, each once."""
        seen: set[str] = set()
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

    def invoices(self, oracle: Oracle) -> int:
        """How many invoices a conforming server creates at most while the plan is sent."""
        everything = [*self.cases(), *(case for script in self.ordered() for _role, case in script.steps)]
        return sum(oracle.judge(sample(case)).kind != "invalid" for case in everything)


def make_plan(
    registry: Registry,
    scope: Scope,
    *,
    requirements: frozenset[str] | None = None,
    case_globs: Iterable[str] = (),
    wanted: Callable[[Check, str], bool] | None = None,
) -> Plan:
    """The plan of a run.

    `requirements` selects rows (None: all), `case_globs` the cases by id, `wanted` the items by check and field. A
    selected check without cases of its own needs the cases of all the others, which are then sent but not judged.
    """
    globs = tuple(case_globs)
    whole: dict[str, Script] = {}
    planned: list[Planned] = []
    watches = False
    for found in registry.checks:
        scripts = tuple(found.cases().recipe(scope))
        for script in scripts:
            known = whole.setdefault(script.id, script)
            if known.steps != script.steps:
                raise ValueError(f"two checks give the name {script.id} to different cases; see {found.place}")
        if requirements is not None and found.requirement not in requirements:
            continue
        kept = tuple(
            script
            for script in scripts
            if (wanted is None or wanted(found, script.group))
            and (not globs or any(fnmatch.fnmatchcase(script.id, glob) for glob in globs))
        )
        if not scripts and (wanted is None or wanted(found, "")):
            watches = True
        elif not kept:
            continue
        planned.append(Planned(found, kept))
    sent: dict[str, Script] = {}
    for one in planned:
        sent.update({script.id: script for script in one.scripts})
    if watches:
        matching = {
            name: script
            for name, script in whole.items()
            if not globs or any(fnmatch.fnmatchcase(name, glob) for glob in globs)
        }
        sent = {**matching, **sent}
    return Plan(scope, tuple(planned), sent)


def meaning_of(case: Case) -> Meaning:
    """What judges are told of a case beside its octets."""
    from invoice_conformance.case import STANDARD_HEADERS  # noqa: PLC0415 - one constant

    slot = case.slot
    return Meaning(
        case.id,
        tuple((edit.field, edit.edge) for edit in case.edits),
        pooled=slot is not None and slot.pooled,
        # A number that several requests share may be used already, so the request is no ordinary create.
        standard=(case.method, case.suffix, case.path, case.headers, case.chunked)
        == ("POST", "", None, STANDARD_HEADERS, False)
        and (slot is None or not slot.key),
    )


SAMPLE_MARK = "0SAMP1E00000"


def sample(case: Case) -> bytes:
    """The body of a case as some run would fill it, for the oracle to judge before anything is sent."""
    from invoice_conformance.case import Numbering  # noqa: PLC0415 - used here alone

    numbering = Numbering("0SAMP1E0")
    chunks: list[bytes] = []
    for part in case.body:
        if isinstance(part, NumberSlot):
            chunks.append(part.spell(numbering.number(part)))
        elif isinstance(part, Hole):
            chunks.append(spell_string(f"ctr_{part.name}"))
        else:
            chunks.append(part)
    return b"".join(chunks)
