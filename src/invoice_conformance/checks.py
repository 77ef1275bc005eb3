"""Owns how a conformance check is written: which sentence, what to send, what must hold.

A check says these three things and sends nothing; so a plan can be made, explained and replayed without a run.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from invoice_conformance import locate
from invoice_conformance.boundaries import Edge, edge_case, edges, invoice
from invoice_conformance.case import sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from invoice_conformance.case import Case
    from invoice_conformance.contract import Contract
    from invoice_conformance.expect import Expectation, Fold
    from invoice_conformance.oracle import Judgement, Oracle

Profile: TypeAlias = Literal["quick", "standard", "certification", "thorough"]
PROFILES: tuple[Profile, ...] = ("quick", "standard", "certification", "thorough")
"""How much is sent; `certification` is what `standard` was when the requirement set was frozen."""


@dataclass(frozen=True, slots=True)
class Script:
    """Cases that are sent in a given way to make one trial.

    `steps` are (role, case) pairs. A `fixed` script is sent step by step by one worker, so that the order is
    certain, and a `last` one likewise when everything else was sent; of one `apart` the steps before `between` and
    `act` are sent alone before everything else, and those from `act` on alone after it, the others in between; the
    steps of a `race` are sent at the same moment over connections that are already open. Otherwise (`any`) the cases
    may be sent in any order, and those that several scripts share are sent once.
    """

    id: str
    steps: tuple[tuple[str, Case], ...]
    group: str = ""
    order: Literal["any", "fixed", "apart", "last", "race"] = "any"

    @classmethod
    def alone(cls, case: Case) -> Script:
        """A script of one case, which is under judgement."""
        return cls(case.id, (("act", case),))

    @classmethod
    def beside(cls, act: Case, twin: Case, group: str = "") -> Script:
        """`act` under judgement, and a twin that says whether the server does its work."""
        return cls(act.id, (("act", act), ("twin", twin)), group)

    @property
    def act(self) -> Case:
        """The case under judgement."""
        return next(case for role, case in self.steps if role == "act")

    @property
    def needs_other(self) -> bool:
        """Whether it cannot be sent without the ids of a second tenant."""
        return any(case.needs_other for _role, case in self.steps)


Kind: TypeAlias = Literal["common invoices", "invoices", "broken date-times", "requests of schemathesis"]


@dataclass(frozen=True, slots=True)
class Draw:
    """What is to be drawn at random: how many of which kind, and from which seed."""

    kind: Kind
    count: int
    seed: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What cases are made for: the contract, the profile, the run's seed, and the oracle that says what is legal."""

    contract: Contract
    oracle: Oracle
    profile: Profile
    seed: int
    edges: tuple[Edge, ...]
    by_id: dict[str, Edge]
    scripts: dict[str, Script]
    judgements: dict[str, Judgement]
    invented: dict[str, tuple[Script, ...]] = field(default_factory=dict)
    """What another generator drew, by its name: drawn once, for all checks that share it."""
    drawing: list[Callable[[Draw], Any]] = field(default_factory=list)
    """Who draws for the scope, when it is not whoever needs it."""

    @classmethod
    def of(cls, contract: Contract, oracle: Oracle, profile: Profile, seed: int) -> Scope:
        """The scope of a run, with the contract's edges that the profile includes."""
        chosen = tuple(_in_profile(edges(contract), profile))
        by_id = {edge.id: edge for edge in chosen}
        return cls(contract, oracle, profile, seed, chosen, by_id, _edge_scripts(contract, chosen), {})

    def edge(self, name: str | None) -> Edge | None:
        """The edge with this id, None when the profile has none."""
        return self.by_id.get(name or "")

    def judgement(self, case: Case) -> Judgement:
        """What the oracle says of a case's body, as some run would fill it."""
        known = self.judgements.get(case.id)
        if known is None:
            known = self.judgements[case.id] = self.oracle.judge(sample(case), case.wire.padding)
        return known


def _edge_scripts(contract: Contract, chosen: tuple[Edge, ...]) -> dict[str, Script]:
    """One edge in a plain invoice each; an illegal one together with its legal twin."""
    cases = {edge.id: edge_case(contract, edge) for edge in chosen}
    plain = invoice(contract, "plain", ())
    scripts: dict[str, Script] = {}
    for edge in chosen:
        act = cases[edge.id]
        twin = () if edge.legal else (("twin", cases.get(edge.twin or "", plain)),)
        scripts[edge.id] = Script(edge.id, (("act", act), *twin), edge.field)
    return scripts


def _in_profile(every: tuple[Edge, ...], profile: Profile) -> Iterator[Edge]:
    if profile != "quick":
        yield from every
        return
    # A quick run sends every other edge for one of the fields that share it, each field in its turn.
    turn: dict[str, int] = {}
    families: dict[str, list[str]] = {}
    for edge in every:
        families.setdefault(edge.name, []).append(edge.field)
    needed: set[str] = set()
    chosen: list[Edge] = []
    for edge in every:
        sharing = families[edge.name]
        position = turn.setdefault(edge.name, len(turn)) % len(sharing)
        if edge.core or (len(sharing) > 1 and sharing[position] == edge.field):
            chosen.append(edge)
            if edge.twin is not None:
                needed.add(edge.twin)
    ids = {edge.id for edge in chosen}
    yield from (edge for edge in every if edge.id in ids or edge.id in needed)


@dataclass(frozen=True)
class Cases:
    """What a check sends, as a recipe, and what has to be drawn for it; `|` joins two."""

    recipe: Callable[[Scope], Iterable[Script]]
    draws: Callable[[Scope], Iterable[Draw]] = lambda _scope: ()

    def __or__(self, other: Cases) -> Cases:
        """Both, in order."""

        def both(scope: Scope) -> Iterator[Script]:
            yield from self.recipe(scope)
            yield from other.recipe(scope)

        def draws(scope: Scope) -> Iterator[Draw]:
            yield from self.draws(scope)
            yield from other.draws(scope)

        return Cases(both, draws)


@dataclass(frozen=True)
class Check:
    """One decorated function of tests/conformance: the sentence it is about, its cases and what must hold.

    `watching` checks judge every other exchange of the run too; those without cases of their own need the whole plan.
    """

    requirement: str
    name: str
    words: str
    path: str
    line: int
    cases: Callable[[], Cases]
    expecting: Expectation | None
    fold: Callable[[], Fold] | None
    watching: bool

    @property
    def place(self) -> str:
        """File and line of the check, as `tests/conformance/test_amount.py:12`."""
        return f"{self.path}:{self.line}"


def check(
    requirement: str,
    *,
    expecting: Expectation | None = None,
    fold: Callable[[], Fold] | None = None,
    watching: bool = False,
) -> Callable[[Callable[[], Cases]], Check]:
    """Make a function that returns cases the check of `requirement`; its docstring is what a conforming server does."""
    if (expecting is None) == (fold is None):
        raise TypeError(f"the check of {requirement} needs either expecting= or fold=")

    def decorate(function: Callable[[], Cases]) -> Check:
        code = function.__code__
        path = "/".join(code.co_filename.replace("\\", "/").split("/")[-3:])
        words = (function.__doc__ or "").strip().partition("\n")[0]
        return Check(
            requirement,
            function.__name__,
            words,
            path,
            code.co_firstlineno,
            function,
            expecting,
            fold,
            watching or fold is not None,
        )

    return decorate


@dataclass
class Registry:
    """The checks found in a folder of conformance tests."""

    checks: list[Check] = field(default_factory=list)

    @classmethod
    def load(cls, folder: Path | None = None) -> Registry:
        """Import every `test_*.py` of `folder` (the suite's own by default), in the order of their names."""
        registry = cls()
        base = locate.conformance_dir() if folder is None else folder
        for path in sorted(base.glob("test_*.py")):
            registry.checks.extend(checks_in(path))
        return registry

    def of(self, requirement: str) -> tuple[Check, ...]:
        """The checks of one requirement."""
        return tuple(found for found in self.checks if found.requirement == requirement)


def checks_in(path: Path) -> list[Check]:
    """The checks that one file defines, in their order."""
    name = f"invoice_conformance_checks_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return [value for value in vars(module).values() if isinstance(value, Check)]
