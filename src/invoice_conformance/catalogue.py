"""Owns the requirements as `spec/requirements/*.yaml` state them, in typed objects.

It must not know how a requirement is checked. Unknown keys are refused, for a typo would quietly require nothing.
"""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from invoice_conformance import locate, yamltext
from invoice_conformance.contract import SpecError
from invoice_conformance.yamltext import NotYaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Level: TypeAlias = Literal["MUST", "SHOULD", "MAY"]
Basis: TypeAlias = Literal["stated", "implied", "http", "convention"]

LEVELS = ("MUST", "SHOULD", "MAY")
BASES = ("stated", "implied", "http", "convention")
_REQUIRED = {"id": str, "level": str, "basis": str, "text": str, "quote": str, "source": str, "faults": list}
_OPTIONAL = {"why": str, "contested": bool}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One sentence that a server can be caught breaking.

    `quote` is the sentence of the page or RFC it rests on, `source` where that stands, `why` what breaking it costs.
    A `contested` row is probed and shown, and decides nothing; nor does a MAY. `faults` names misbehaviours of the
    reference server that break it.
    """

    id: str
    area: str
    level: Level
    basis: Basis
    text: str
    quote: str
    source: str
    why: str
    contested: bool
    faults: tuple[str, ...]

    @property
    def decides(self) -> bool:
        """Whether the row's verdict counts towards an outcome."""
        return self.level != "MAY" and not self.contested


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All requirements in the order of files and rows; `digest` is the SHA-256 of the files."""

    requirements: tuple[Requirement, ...]
    digest: str

    @classmethod
    def load(cls, folder: Path | None = None) -> Catalogue:
        """Read `requirements/*.yaml` of a spec folder (the suite's own by default); SpecError names file and row."""
        base = (locate.spec_dir() if folder is None else folder) / "requirements"
        digest = hashlib.sha256()
        rows: list[Requirement] = []
        for path in sorted(base.glob("*.yaml")):
            data = path.read_bytes()
            digest.update(path.name.encode() + b"\0" + data + b"\0")
            rows.extend(_rows(path, data))
        if not rows:
            raise SpecError(f"no requirement in {base}; reinstall invoice-conformance")
        seen: set[str] = set()
        for row in rows:
            if row.id in seen:
                raise SpecError(f"spec/requirements: {row.id} stands twice; ids are never reused")
            seen.add(row.id)
        return cls(tuple(rows), digest.hexdigest())

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self.requirements)

    def get(self, requirement: str) -> Requirement:
        """The row with this id; KeyError with a suggestion when there is none."""
        for row in self.requirements:
            if row.id == requirement:
                return row
        raise KeyError(self.missing(requirement))

    def matching(self, patterns: Iterable[str]) -> frozenset[str]:
        """The ids that match any of the globs; KeyError with a suggestion for a pattern that matches none."""
        found: set[str] = set()
        for pattern in patterns:
            ids = {row.id for row in self.requirements if fnmatch.fnmatchcase(row.id, pattern.upper())}
            if not ids:
                raise KeyError(self.missing(pattern))
            found |= ids
        return frozenset(found)

    def missing(self, requirement: str) -> str:
        """One line that says there is no such row, and which one may be meant."""
        near = difflib.get_close_matches(requirement.upper(), [row.id for row in self.requirements], 1, 0.5)
        return f"no requirement {requirement} in spec/requirements/" + (f"; did you mean {near[0]}?" if near else "")


def _rows(path: Path, data: bytes) -> Iterator[Requirement]:
    place = f"spec/requirements/{path.name}"
    try:
        rows = yamltext.read(data)
    except NotYaml as error:
        raise SpecError(f"{place}: not YAML: {error}") from None
    if not isinstance(rows, list):
        raise SpecError(f"{place}: a list of requirements is expected")
    for row in rows:
        yield _row(place, path.stem, row)


def _row(place: str, area: str, row: object) -> Requirement:
    if not isinstance(row, dict):
        raise SpecError(f"{place}: a requirement is a mapping, not {row!r}")
    name = row.get("id", "a row without id")
    known = _REQUIRED | _OPTIONAL
    for key, value in row.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            raise SpecError(f"{place}: {name}: unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        if not isinstance(value, known[key]):
            raise SpecError(f"{place}: {name}: {key} must be {known[key].__name__}, not {type(value).__name__}")
    for key in _REQUIRED:
        if key not in row:
            raise SpecError(f"{place}: {name}: {key} is missing")
    for key, allowed in (("level", LEVELS), ("basis", BASES)):
        if row[key] not in allowed:
            raise SpecError(f"{place}: {name}: {key} is one of {', '.join(allowed)}, not {row[key]!r}")
    return Requirement(
        id=row["id"],
        area=area,
        level=cast("Level", row["level"]),
        basis=cast("Basis", row["basis"]),
        text=" ".join(row["text"].split()),
        quote=" ".join(row["quote"].split()),
        source=row["source"],
        why=" ".join(row.get("why", "").split()),
        contested=row.get("contested", False),
        faults=tuple(row["faults"]),
    )
