"""Owns the frozen plan of a requirement set: cases as data, so that every vendor meets the same ones.

It writes a plan down as JSON text and reads it back. It draws nothing and judges nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_type_hints

from invoice_conformance import locate
from invoice_conformance.boundaries import invoice
from invoice_conformance.case import Case, Edit, Hole, NumberSlot
from invoice_conformance.checks import Registry, Script
from invoice_conformance.contract import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from invoice_conformance.case import Part
    from invoice_conformance.checks import Check
    from invoice_conformance.contract import Contract
    from invoice_conformance.plan import Plan

FORMAT = 1
SUFFIX = ".plan.json"
T = TypeVar("T")
_RUN = re.compile(rb"(.{1,16}?)\1{63,}", re.DOTALL)
"""Octets that repeat so often that they are counted instead of written."""


@dataclass(frozen=True)
class Frozen:
    """The frozen plan of one set: every check with its scripts, and the text it was read from.

    `digest` is the SHA-256 of that text.
    """

    set: str
    seed: int
    checks: Mapping[tuple[str, str], tuple[Script, ...]]
    text: str

    @property
    def digest(self) -> str:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def registry(self, registry: Registry) -> Registry:
        """The checks of a registry that the plan has cases for; SpecError when it misses one of the plan's."""
        here = [check for check in registry.checks if (check.requirement, check.name) in self.checks]
        missing = set(self.checks) - {(check.requirement, check.name) for check in here}
        if missing:
            requirement, name = min(missing)
            raise SpecError(
                f"the frozen plan of {self.set} has the check {name} of {requirement}, which this version has not; "
                "use the version of the suite that the set was released with"
            )
        return Registry(here)

    def scripts(self, check: Check) -> tuple[Script, ...]:
        """What a check sends."""
        return self.checks[check.requirement, check.name]


def write(name: str, plan: Plan) -> str:
    """A plan as text: one line a case, script and check, the same for the same plan."""
    cases: dict[Case, int] = {}
    scripts: dict[Script, int] = {}
    checks: list[dict[str, Any]] = []
    for planned in plan.planned:
        for script in planned.scripts:
            for _role, case in script.steps:
                cases.setdefault(case, len(cases))
            scripts.setdefault(script, len(scripts))
        check = planned.check
        sends = [scripts[script] for script in planned.scripts]
        checks.append({"requirement": check.requirement, "name": check.name, "scripts": sends})
    plain = invoice(plan.scope.contract, "plain", ())
    head = {"format": FORMAT, "set": name, "seed": plan.scope.seed, "hypothesis": metadata.version("hypothesis")}
    lines = [_line(head)[:-1] + ',"cases":[']
    lines.append(",\n".join(_line(_case(plan.scope.contract, case)) for case in cases))
    lines.append('],"scripts":[')
    lines.append(",\n".join(_line(_script(script, cases)) for script in scripts))
    lines.append('],"checks":[')
    lines.append(",\n".join(_line(check) for check in checks))
    lines.append(f'],"plain":{_line([_part(part) for part in plain.body])}}}')
    return "\n".join(lines) + "\n"


def load(name: str, contract: Contract, folder: Path | None = None) -> Frozen:
    """The frozen plan of a set; KeyError when it has none, SpecError when it is not understood."""
    return read(text_of(name, folder), contract, f"spec/sets/{name}{SUFFIX}")


def text_of(name: str, folder: Path | None = None) -> str:
    """The text of a set's frozen plan; KeyError when it has none."""
    base = (locate.spec_dir() if folder is None else folder) / "sets"
    path = base / f"{name}{SUFFIX}"
    if not path.is_file():
        have = sorted(found.name.removesuffix(SUFFIX) for found in base.glob(f"*{SUFFIX}"))
        raise KeyError(f"no frozen plan of {name} in spec/sets/, which has {', '.join(have) or 'none'}")
    return path.read_text(encoding="utf-8")


def read(text: str, contract: Contract, place: str) -> Frozen:
    """The frozen plan that a text says; SpecError with `place` when it says none."""
    try:
        value = json.loads(text)
        if value["format"] != FORMAT:
            raise SpecError(f"{place}: its format is {value['format']!r}; this version reads {FORMAT}")
        if value["plain"] != [_part(part) for part in invoice(contract, "plain", ()).body]:
            raise SpecError(f"{place}: it was frozen for another contract, whose plain invoice differs")
        cases = [_read_case(contract, one) for one in value["cases"]]
        scripts = [_read_script(one, cases) for one in value["scripts"]]
        checks = {
            (one["requirement"], one["name"]): tuple(scripts[index] for index in one["scripts"])
            for one in value["checks"]
        }
        return Frozen(value["set"], value["seed"], checks, text)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(f"{place}: no frozen plan: {error!r}") from None


def differing(known: str, drawn: str) -> list[str]:
    """What of a frozen plan is not as it is drawn now, in words; empty when nothing is.

    What another version of the library drew at random differs by nature, and is compared by name alone.
    """
    if known == drawn:
        return []
    here, there = (_by_name(text) for text in (known, drawn))
    alike = here.get("hypothesis") == there.get("hypothesis")
    words: list[str] = []
    for name in sorted({*here, *there} - {"hypothesis"}):
        if name not in there:
            words.append(f"{name}: is frozen, and no longer drawn")
        elif name not in here:
            words.append(f"{name}: is drawn, and not frozen")
        elif here[name] != there[name] and (alike or not name.split(": ", 1)[1].startswith("random")):
            words.append(f"{name}: is drawn otherwise than it was frozen")
    return words if words or not alike else ["all of it: is drawn in another order than it was frozen"]


def _by_name(text: str) -> dict[str, str]:
    """The parts of a frozen plan by kind and name, each as text; steps name their cases."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    cases = [one["id"] for one in value["cases"]]
    scripts = [one["id"] for one in value["scripts"]]
    parts = {f"case: {one['id']}": _line(one) for one in value["cases"]}
    for one in value["scripts"]:
        steps = [[role, cases[index]] for role, index in one["steps"]]
        parts[f"script: {one['id']} {one.get('group', '')}"] = _line(one | {"steps": steps})
    for one in value["checks"]:
        sent = [scripts[index] for index in one["scripts"]]
        parts[f"check: {one['requirement']} {one['name']}"] = _line(sent)
    return parts | {"plain: invoice": _line(value["plain"]), "hypothesis": value.get("hypothesis", "")}


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _case(contract: Contract, case: Case) -> dict[str, Any]:
    """A case as JSON values: what is as usual is left out, and the body too when it follows from the edits."""
    written = {key: value for key, value in _usual(case).items() if key not in {"body", "edits"}}
    if case.edits:
        written["edits"] = [
            [edit.field, edit.edge, None if edit.parts is None else [_part(part) for part in edit.parts]]
            for edit in case.edits
        ]
    if case.body != invoice(contract, case.id, case.edits).body:
        written["body"] = [_part(part) for part in case.body]
    return written


def _read_case(contract: Contract, value: dict[str, Any]) -> Case:
    edits = tuple(
        Edit(name, edge, None if parts is None else tuple(map(_read_part, parts)))
        for name, edge, parts in value.pop("edits", ())
    )
    body = value.pop("body", None)
    parts = invoice(contract, value["id"], edits).body if body is None else tuple(map(_read_part, body))
    return _read_usual(Case, value | {"body": parts, "edits": edits})


def _script(script: Script, cases: dict[Case, int]) -> dict[str, Any]:
    return {
        "id": script.id,
        "steps": [[role, cases[case]] for role, case in script.steps],
        **{key: value for key, value in (("group", script.group), ("order", script.order)) if value not in {"", "any"}},
    }


def _read_script(value: dict[str, Any], cases: list[Case]) -> Script:
    steps = tuple((role, cases[index]) for role, index in value["steps"])
    return Script(value["id"], steps, value.get("group", ""), value.get("order", "any"))


def _usual(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any of our dataclasses
    """The fields of a dataclass that are not as usual."""
    told: dict[str, Any] = {}
    for field in fields(value):
        found = getattr(value, field.name)
        if field.default is MISSING or found != field.default:
            told[field.name] = asdict(found) if is_dataclass(found) and not isinstance(found, type) else found
    return told


def _read_usual(kind: type[T], value: dict[str, Any]) -> T:
    """The dataclass with these fields; lists are tuples there, and objects dataclasses."""
    hints = _hints(cast("type", kind))
    told = {key: _frozen(found, hints.get(key)) for key, found in value.items()}
    return kind(**told)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _frozen(value: Any, hint: Any) -> Any:  # noqa: ANN401 - JSON comes in here
    if isinstance(value, list):
        return tuple(_frozen(one, None) for one in value)
    if isinstance(value, dict) and isinstance(hint, type) and is_dataclass(hint):
        return hint(**value)
    return value


def _part(part: Part) -> Any:  # noqa: ANN401 - JSON goes out here
    """A part of a body: octets as text, a hole or a number slot as an object, long repetitions counted."""
    if isinstance(part, Hole):
        return {"hole": part.name}
    if isinstance(part, NumberSlot):
        return {"number": _usual(part)}
    pieces: list[Any] = []
    position = 0
    for run in _RUN.finditer(part):
        if run.start() > position:
            pieces.append(_octets(part[position : run.start()]))
        pieces.append({"again": _octets(run[1]), "times": len(run[0]) // len(run[1])})
        position = run.end()
    if not pieces:
        return _octets(part)
    return [*pieces, _octets(part[position:])]


def _read_part(value: Any) -> Part:  # noqa: ANN401 - JSON comes in here
    if isinstance(value, dict) and "hole" in value:
        return Hole(value["hole"])
    if isinstance(value, dict) and "number" in value:
        return _read_usual(NumberSlot, value["number"])
    if isinstance(value, list):
        return b"".join(map(_read_octets, value))
    return _read_octets(value)


def _octets(data: bytes) -> Any:  # noqa: ANN401 - JSON goes out here
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _read_octets(value: Any) -> bytes:  # noqa: ANN401 - JSON comes in here
    if isinstance(value, str):
        return value.encode()
    if "again" in value:
        return _read_octets(value["again"]) * int(value["times"])
    return base64.b64decode(value["base64"], validate=True)
