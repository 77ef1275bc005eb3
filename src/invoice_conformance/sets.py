"""Owns the sets of requirements that were released, as `spec/sets/` keeps them, and what pinning one means.

A set never changes once it is released: NAME.yaml says which requirements it has and at what level, NAME.cases which
named cases belong to them. It must not know what any requirement says.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from invoice_conformance import locate, yamltext
from invoice_conformance.catalogue import LEVELS
from invoice_conformance.contract import SpecError
from invoice_conformance.plan import Plan, Planned
from invoice_conformance.yamltext import NotYaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from invoice_conformance.catalogue import Catalogue, Level, Requirement
    from invoice_conformance.checks import Script

DRAWN = ("random", "legal values together", "unusual values together", "schemathesis")
"""How the names of cases begin that are drawn by a seed: they belong to every set."""
UNRELEASED = "unreleased"
"""What requirements are called that are in no set as they are."""
_KEYS = {"name": str, "digest": str, "requirements": dict, "contested": list}


@dataclass(frozen=True)
class RequirementSet:
    """A released set: its requirements with their levels, those that were contested, and its named cases.

    `digest` is the SHA-256 of what its requirements said when it was released.
    """

    name: str
    digest: str
    levels: Mapping[str, Level]
    contested: frozenset[str]
    cases: frozenset[str]

    @classmethod
    def load(cls, name: str, folder: Path | None = None) -> RequirementSet:
        """Read a set by name; KeyError with the sets that there are, SpecError when it is not understood."""
        base = _folder(folder)
        known = names(folder)
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise KeyError(
                f"no set {name} in spec/sets/, which has {', '.join(known) or 'none'}"
                + (f"; did you mean {near[0]}?" if near else "")
            )
        values = _header(base / f"{name}.yaml")
        cases = (base / f"{name}.cases").read_text(encoding="utf-8").split("\n")
        return cls(
            name,
            values["digest"],
            cast("Mapping[str, Level]", values["requirements"]),
            frozenset(values["contested"]),
            frozenset(cases) - {""},
        )

    @classmethod
    def of(cls, name: str, catalogue: Catalogue, scripts: Iterable[str]) -> RequirementSet:
        """The set of the requirements as they are, with the scripts of a plan that are not drawn."""
        return cls(
            name,
            digest_of(catalogue),
            {row.id: row.level for row in sorted(catalogue, key=lambda row: row.id)},
            frozenset(row.id for row in catalogue if row.contested),
            frozenset(script for script in scripts if not script.startswith(DRAWN)),
        )

    def write(self, folder: Path | None = None) -> Path:
        """Write its two files; returns the first."""
        base = _folder(folder)
        base.mkdir(exist_ok=True)
        lines = [f'name: "{self.name}"', f"digest: {self.digest}", "requirements:"]
        lines += [f"  {requirement}: {level}" for requirement, level in self.levels.items()]
        contested = sorted(self.contested)
        lines += (
            ["contested:", *(f"  - {requirement}" for requirement in contested)] if contested else ["contested: []"]
        )
        (base / f"{self.name}.yaml").write_text("\n".join([*lines, ""]), encoding="utf-8")
        (base / f"{self.name}.cases").write_text("".join(f"{case}\n" for case in sorted(self.cases)), encoding="utf-8")
        return base / f"{self.name}.yaml"

    def as_released(self, requirement: Requirement) -> Requirement:
        """A requirement of the set at the level that it had."""
        return replace(requirement, level=self.levels[requirement.id], contested=requirement.id in self.contested)

    def admits(self, script: Script) -> bool:
        """Whether a script may be sent for a requirement of the set."""
        return script.id in self.cases or script.id.startswith(DRAWN)

    def narrowed(self, plan: Plan) -> Plan:
        """A plan without the cases that its requirements have got since; those of newer ones stay."""
        planned: list[Planned] = []
        sent = {name for name, script in plan.scripts.items() if self.admits(script)}
        for one in plan.planned:
            kept = one.scripts
            if one.check.requirement in self.levels:
                kept = tuple(script for script in kept if self.admits(script))
                if one.scripts and not kept:
                    continue
            planned.append(Planned(one.check, kept))
            sent |= {script.id for script in kept}
        scripts = {name: script for name, script in plan.scripts.items() if name in sent}
        return Plan(plan.scope, tuple(planned), scripts)

    def beyond(self, plan: Plan) -> frozenset[str]:
        """The cases of a plan that only newer requirements send."""
        mine = {case.id for script in plan.scripts.values() if self.admits(script) for _role, case in script.steps}
        return frozenset(case.id for script in plan.scripts.values() for _role, case in script.steps) - mine


def names(folder: Path | None = None) -> tuple[str, ...]:
    """The names of all sets, the oldest first."""
    return tuple(sorted(path.stem for path in _folder(folder).glob("*.yaml")))


def digest_of(catalogue: Catalogue) -> str:
    """The SHA-256 of what the requirements ask: not of why, nor of how they are tried."""
    return digest_of_rows(
        {"id": row.id, "level": row.level, "basis": row.basis, "contested": row.contested, "text": row.text}
        for row in catalogue
    )


def digest_of_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """The same of requirements as JSON values; KeyError or TypeError when they are none."""
    asked = sorted((row["id"], row["level"], row["basis"], row["contested"], row["text"]) for row in rows)
    return hashlib.sha256(json.dumps(asked, ensure_ascii=True).encode()).hexdigest()


def told(catalogue: Catalogue, pinned: RequirementSet | None) -> dict[str, Any]:
    """What a report says of the set that was judged by: `beyond` are the requirements that are not in it."""
    newest = names()[-1] if names() else UNRELEASED
    if pinned is not None:
        beyond = [row.id for row in catalogue if row.id not in pinned.levels]
        return {"name": pinned.name, "pinned": True, "newest": newest, "beyond": beyond}
    name = newest if newest != UNRELEASED and _digest(newest) == digest_of(catalogue) else UNRELEASED
    return {"name": name, "pinned": False, "newest": newest, "beyond": []}


@functools.cache
def _digest(name: str) -> str:
    return str(_header(_folder(None) / f"{name}.yaml")["digest"])


def _folder(folder: Path | None) -> Path:
    return (locate.spec_dir() if folder is None else folder) / "sets"


def _header(path: Path) -> dict[str, Any]:
    place = f"spec/sets/{path.name}"
    try:
        values = yamltext.read(path.read_bytes())
    except NotYaml as error:
        raise SpecError(f"{place}: not YAML: {error}") from None
    if not isinstance(values, dict) or values.keys() != _KEYS.keys():
        raise SpecError(f"{place}: a mapping of {', '.join(_KEYS)} is expected, and nothing else")
    for key, kind in _KEYS.items():
        if not isinstance(values[key], kind):
            raise SpecError(f"{place}: {key} must be {kind.__name__}, not {type(values[key]).__name__}")
    if values["name"] != path.stem:
        raise SpecError(f"{place}: its name is {values['name']!r}")
    for requirement, level in values["requirements"].items():
        if level not in LEVELS:
            raise SpecError(f"{place}: {requirement}: level is one of {', '.join(LEVELS)}, not {level!r}")
    return values
