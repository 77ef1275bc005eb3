"""Owns the long look for false alarms: conforming servers under every profile and many seeds, and run after run.

It must not know how a server is built; it compares what a run holds against it with the liberties that it declares.

Run by hand from the project's folder: `python -m tests.bench.over_seeds` (`--help` makes it shorter; in full it takes
an hour or more). The exit code is 1 when a verdict differs from what was declared. Nothing leaves 127.0.0.1.
"""

# ruff: noqa: T201 - what the script prints is its result

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tests.meta.conforming import (
    CONTRACT,
    OTHER_CONTRACT,
    OTHER_TENANT,
    SERVERS,
    TENANT,
    TOKEN,
    Started,
    always_broken,
    expected_failures,
    liberties,
    may_stay_open,
)

from invoice_conformance.checks import Profile
from invoice_conformance.config import Settings
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.session import Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.verdict import Row

REFERENCE: Final = "reference"
NAMES: Final = (*sorted(path.stem for path in SERVERS.glob("*_server.py")), REFERENCE)
PROFILES: Final[tuple[Profile, ...]] = get_args(Profile)
SEEDS: Final = 10
RERUNS: Final = 5
SHOWN: Final = 400
"""Characters of a finding that are printed."""


@dataclass
class Line:
    """What the runs of one server under one profile came to; `words` tell each difference."""

    server: str
    what: str
    declared: frozenset[str]
    may_be_open: frozenset[str]
    runs: int = 0
    seconds: float = 0.0
    must: int = 0
    undecided: int = 0
    should: int = 0
    missing: int = 0
    changed: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether anything was otherwise than declared."""
        return bool(self.words)

    def add(self, run_of: str, rows: tuple[Row, ...], seconds: float) -> None:
        """Take in one run."""
        self.runs += 1
        self.seconds += seconds
        for row in rows:
            name, decides = row.requirement.id, row.requirement.decides
            if row.verdict not in {"pass", "fail"} and name not in self.may_be_open:
                self.undecided += 1
                self._tell(run_of, f"{row.verdict}: {row.reason}", row)
            elif row.verdict == "fail" and decides and row.requirement.level == "MUST":
                self.must += 1
                self._tell(run_of, "MUST fails", row)
            elif row.verdict == "fail" and decides and name not in self.declared:
                self.should += 1
                self._tell(run_of, "SHOULD fails, and is no liberty", row)
        failing = {row.requirement.id for row in rows if row.verdict == "fail"}
        for name in sorted(self.declared - failing):
            self.missing += 1
            self.words.append(f"{self.server} {run_of}: {name}: declared as a liberty, and not found")

    def compare(self, run_of: str, first: dict[str, str], rows: tuple[Row, ...]) -> None:
        """Hold a rerun against the verdicts of the first run."""
        for name, verdict in verdicts(rows).items():
            if verdict != first[name]:
                self.changed += 1
                self.words.append(f"{self.server} {run_of}: {name}: {first[name]} at first, now {verdict}")

    def _tell(self, run_of: str, what: str, row: Row) -> None:
        head = f"{self.server} {run_of}: {row.requirement.id}: {what}"
        for found in row.findings:
            case = found.script.id if found.script else found.trial.id
            words = f"{case}: expected {found.shown.expected}; got {found.shown.got}"
            head += f"\n    {words[:SHOWN]}"
        self.words.append(head)


def verdicts(rows: tuple[Row, ...]) -> dict[str, str]:
    """The verdict of each requirement."""
    return {row.requirement.id: row.verdict for row in rows}


@contextmanager
def served(name: str, *arguments: str) -> Iterator[str]:
    """The URL of a server that lives as long as the `with` block."""
    if name == REFERENCE:
        with ReferenceServer() as reference:
            yield reference.url
    else:
        with Started(SERVERS / f"{name}.py", *arguments) as started:
            yield started.url


def declared_by(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The SHOULD rows that a server breaks by its own word, and those that may stay open on it."""
    if name == REFERENCE:
        return frozenset(), frozenset()
    path = SERVERS / f"{name}.py"
    return expected_failures(path), may_stay_open(path)


def judged(suite: Suite, url: str, profile: Profile, seed: int) -> tuple[Row, ...]:
    """The rows that a whole run ends with."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            base_url=url,
            token=TOKEN,
            tenant_id=TENANT,
            contract_id=CONTRACT,
            other_tenant_id=OTHER_TENANT,
            other_contract_id=OTHER_CONTRACT,
            profile=profile,
            seed=seed,
            out=Path(folder) / "report",
        )
        return run(suite, settings, suite.plan(settings), writes=False).rows


def over_seeds(suite: Suite, name: str, profile: Profile, seeds: range) -> Line:
    """One server under one profile, started anew for every seed; the cases of a certification have one seed alone."""
    line = Line(name, profile, *declared_by(name))
    for seed in (0,) if profile == "certification" else seeds:
        with served(name) as url:
            began = time.monotonic()
            rows = judged(suite, url, profile, seed)
        line.add(f"{profile}, seed {seed}", rows, time.monotonic() - began)
    return line


def over_liberties(suite: Suite, name: str, profile: Profile) -> Line:
    """One server that takes one liberty at a time: it breaks what that one is said to break, and no more."""
    path = SERVERS / f"{name}.py"
    line = Line(name, f"{profile}, one liberty at a time", frozenset(), may_stay_open(path))
    for liberty, rows_of in liberties(path).items():
        line.declared = always_broken(path) | rows_of
        with served(name, "--liberty", liberty) as url:
            began = time.monotonic()
            rows = judged(suite, url, profile, 0)
        line.add(f"{profile}, {liberty}", rows, time.monotonic() - began)
    return line


def rerun(suite: Suite, name: str, profile: Profile, times: int) -> Line:
    """One server that is never started anew, run after run with one seed."""
    line = Line(name, f"{profile}, {times + 1} runs of one server", *declared_by(name))
    first: dict[str, str] = {}
    with served(name) as url:
        for turn in range(times + 1):
            began = time.monotonic()
            rows = judged(suite, url, profile, 0)
            line.add(f"{profile}, rerun {turn}", rows, time.monotonic() - began)
            first = first or verdicts(rows)
            line.compare(f"{profile}, rerun {turn}", first, rows)
    return line


def table(lines: list[Line]) -> Table:
    """The lines for a terminal."""
    shown = Table(show_edge=False, box=None, header_style="bold")
    for heading in ("server", "profile"):
        shown.add_column(heading, no_wrap=True)
    for heading in ("runs", "s a run", "MUST fails", "undecided", "SHOULD fails", "liberty not found", "changed"):
        shown.add_column(heading, justify="right")
    for line in lines:
        counts = (line.must, line.undecided, line.should, line.missing, line.changed)
        cells = (Text(str(count), style="red" if count else "") for count in counts)
        shown.add_row(line.server, line.what, str(line.runs), f"{line.seconds / max(line.runs, 1):.1f}", *cells)
    return shown


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", choices=NAMES, help="this one alone; repeatable")
    parser.add_argument("--profile", action="append", choices=PROFILES, help="this one alone; repeatable")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: %(default)s)")
    parser.add_argument("--reruns", type=int, default=RERUNS, help="without restart (default: %(default)s)")
    parser.add_argument("--each-liberty", action="store_true", help="also with one liberty at a time")
    given = parser.parse_args()
    suite = Suite.load()
    lines: list[Line] = []
    for profile in given.profile or PROFILES:
        for name in given.server or NAMES:
            line = over_seeds(suite, name, profile, range(given.first, given.first + given.seeds))
            lines.append(line)
            print(*line.words, f"{name} {profile}: {line.runs} runs", sep="\n", flush=True)
    for name in given.server or NAMES:
        if given.reruns:
            line = rerun(suite, name, (given.profile or PROFILES)[0], given.reruns)
            lines.append(line)
            print(*line.words, f"{name}: {line.runs} runs of one server", sep="\n", flush=True)
    for name in given.server or NAMES:
        if given.each_liberty and name != REFERENCE:
            line = over_liberties(suite, name, (given.profile or PROFILES)[0])
            lines.append(line)
            print(*line.words, f"{name}: {line.runs} runs with one liberty", sep="\n", flush=True)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else SHOWN)
    console.print(table(lines))
    return int(any(line.differs for line in lines))


if __name__ == "__main__":
    sys.exit(main())
