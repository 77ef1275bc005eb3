"""Owns the kill table as a command shows it: each fault with the rows it is said to break, and those that it broke.

It must not know how a fault is run, nor what any of them does.
"""

from __future__ import annotations

import fnmatch
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rich.console import Console
from rich.table import Table
from rich.text import Text

from invoice_conformance.catalogue import Catalogue
from invoice_conformance.reference.faults import FAULTS, unknown_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from invoice_conformance.reference.faults import Fault

Result: TypeAlias = Literal["killed", "survived", "mismatched"]

CORRECT = "(none)"
"""How the table calls the server without a fault."""
PIPED_WIDTH = 200
"""Columns where there is no terminal to ask: wide enough for a fault a line, almost always."""
COLOURS: dict[Result, str] = {"killed": "green", "survived": "red", "mismatched": "red"}


class UnknownFault(KeyError):  # noqa: N818 - it names what was asked for
    """No fault has this name; the message is the whole line that a user needs."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Line:
    """A fault (None: the correct server), the rows that name it, and once it was run those that it broke.

    `undecided` are the rows that could not be judged; a fault may have some, the correct server may not.
    """

    fault: Fault | None
    named: frozenset[str]
    broken: frozenset[str] | None = None
    undecided: frozenset[str] = frozenset()

    @property
    def missed(self) -> frozenset[str]:
        """Rows that name the fault and did not fail."""
        return self.named - (self.broken or frozenset())

    @property
    def strays(self) -> frozenset[str]:
        """Rows that failed, or on the correct server stayed open, without naming the fault."""
        open_rows = self.undecided if self.fault is None else frozenset[str]()
        return (self.broken or frozenset()) - self.named | open_rows

    @property
    def result(self) -> Result:
        """What running it came to; a fault that no row names can only survive."""
        if self.fault is not None and self.missed == self.named:
            return "survived"
        return "mismatched" if self.missed or self.strays else "killed"


def lines(catalogue: Catalogue, patterns: Sequence[str] = ()) -> list[Line]:
    """The faults that match one of `patterns` (all without any), in the registry's order; UnknownFault."""
    for pattern in patterns:
        if not fnmatch.filter(FAULTS, pattern):
            raise UnknownFault(unknown_fault(pattern).replace("--list-faults", "invoice-conformance faults"))
    chosen = [
        fault
        for fault in FAULTS.values()
        if not patterns or any(fnmatch.fnmatchcase(fault.name, pattern) for pattern in patterns)
    ]
    return [Line(fault, frozenset(row.id for row in catalogue if fault.name in row.faults)) for fault in chosen]


def show(patterns: Sequence[str], *, runs: bool, jobs: int, as_json: bool) -> int:
    """Print the table, run or not; the exit code is 1 when a run comes out otherwise than the requirements say."""
    found = lines(Catalogue.load(), patterns)
    if runs:
        whole = [*found] if patterns else [Line(None, frozenset()), *found]
        found = list(_run(whole, jobs))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    if as_json:
        print(json.dumps(document(found, ran=runs), indent=2, ensure_ascii=False))  # noqa: T201 - what a command does
    else:
        console.print(table(found, ran=runs))
        console.print(summary(found, ran=runs), soft_wrap=True)
    return int(runs and any(line.result != "killed" for line in found))


def _run(found: Sequence[Line], jobs: int) -> Iterator[Line]:
    from invoice_conformance.killing import kills  # noqa: PLC0415 - brings the whole engine in
    from invoice_conformance.report.terminal import Live  # noqa: PLC0415 - likewise

    with Live(Console(stderr=True, highlight=False)) as live:
        live.stage("running the suite against each fault", len(found))
        names = [line.fault.name if line.fault else "" for line in found]
        by_name = dict(zip(names, found, strict=True))
        for name, (broken, undecided) in kills(names, jobs):
            live.advance(1)
            line = by_name[name]
            yield Line(line.fault, line.named, broken, undecided)


def table(found: Iterable[Line], *, ran: bool) -> Table:
    """The lines for a terminal."""
    shown = Table(show_edge=False, pad_edge=False, box=None, header_style="bold")
    shown.add_column("fault", overflow="fold")
    shown.add_column("area")
    if ran:
        shown.add_column("result")
    shown.add_column("breaks", overflow="fold")
    if not ran:
        shown.add_column("what it does", overflow="fold")
    for line in found:
        name = line.fault.name if line.fault else CORRECT
        area = _area(line.fault) if line.fault else ""
        if ran:
            result = Text(line.result if line.fault else _correct(line), style=COLOURS[line.result])
            shown.add_row(Text(name), Text(area), result, _outcome(line))
        else:
            words = Text(line.fault.summary if line.fault else "")
            shown.add_row(Text(name), Text(area), Text(_listed(line.named)), words)
    return shown


def _area(fault: Fault) -> str:
    return f"{fault.area}, over sockets" if fault.over_sockets else fault.area


def _correct(line: Line) -> str:
    return "clean" if line.result == "killed" else line.result


def _outcome(line: Line) -> Text:
    text = Text(_listed(line.broken or ()))
    for what, rows in (("not broken, though named: ", line.missed), ("not named: ", line.strays)):
        if rows:
            text.append(f"{'; ' if text else ''}{what}{_listed(rows)}", style="red")
    return text


def _listed(rows: Iterable[str]) -> str:
    return ", ".join(sorted(rows))


def summary(found: Sequence[Line], *, ran: bool) -> Text:
    """The last line: how many there are, and how many came out how."""
    faults = [line for line in found if line.fault is not None]
    if not ran:
        rows = frozenset[str]().union(*(line.named for line in faults))
        return Text(f"\n{_counted(len(faults), 'fault')}, which break {_counted(len(rows), 'requirement')}")
    counts = {result: sum(line.result == result for line in faults) for result in COLOURS}
    text = Text(f"\n{_counted(len(faults), 'fault')}: ")
    text.append(", ".join(f"{count} {result}" for result, count in counts.items() if count or result != "mismatched"))
    for line in found:
        if line.fault is None and line.result != "killed":
            text.append(f"\nthe correct server fails {_listed(line.strays)}", style="red")
    return text


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def document(found: Sequence[Line], *, ran: bool) -> dict[str, Any]:
    """The lines as plain values; `correct_server` is there when it was run."""
    shown: dict[str, Any] = {"faults": [_as_values(line, line.fault, ran=ran) for line in found if line.fault]}
    for line in found:
        if line.fault is None:
            shown["correct_server"] = {"clean": line.result == "killed", **_rows(line)}
    return shown


def _as_values(line: Line, fault: Fault, *, ran: bool) -> dict[str, Any]:
    values = {
        "name": fault.name,
        "area": fault.area,
        "summary": fault.summary,
        "over_sockets": fault.over_sockets,
        "named_by": sorted(line.named),
    }
    return {**values, "result": line.result, **_rows(line)} if ran else values


def _rows(line: Line) -> dict[str, list[str]]:
    return {
        "broken": sorted(line.broken or ()),
        "missed": sorted(line.missed),
        "strays": sorted(line.strays),
        "undecided": sorted(line.undecided),
    }
