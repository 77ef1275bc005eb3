"""Owns the file of known findings: what it says, what it covers of a run, and how it is brought up to date.

It decides no exit code, and nothing that it says makes a requirement hold. TOML is read by the standard library and
edited as text, entry by entry, so that comments and order stay as somebody wrote them.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from invoice_conformance.account import Finding
    from invoice_conformance.config import Settings
    from invoice_conformance.verdict import Row

Status: TypeAlias = Literal["known", "gone", "expired", "unknown", "not-judged"]
STALE: frozenset[Status] = frozenset({"gone", "expired", "unknown"})
"""What fails the gate: the file says something that is not so, or no longer."""
PROFILES = ("quick", "standard", "thorough")
_TEXTS = ("requirement", "finding", "case", "reason", "issue")
_KEYS = (*_TEXTS, "expires", "unstable")
_TOP = ("profile", "seed", "finding")
_HEADER = re.compile(r"\s*\[\[\s*finding\s*\]\]\s*(?:#.*)?")
_BASIC = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class BaselineError(ValueError):
    """The file cannot be used: one line that says where and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One `[[finding]]`: what is known of a requirement, and why it is borne with.

    `finding` and `case` narrow it down to the finding with that id, or to those that name the case; without them it
    covers every finding of the requirement. With `unstable` it covers only what is answered differently when it is
    sent again, and need not occur in every run. `expires` is the last day on which it counts, `line` where it begins.
    """

    line: int
    requirement: str
    reason: str
    finding: str | None = None
    case: str | None = None
    issue: str | None = None
    expires: dt.date | None = None
    unstable: bool = False

    def covers(self, requirement: str, finding: str, cases: Iterable[str], *, unstable: bool) -> bool:
        """Whether it speaks of a finding, given by its requirement, id and the cases that it names."""
        return (
            requirement == self.requirement
            and self.finding in {None, finding}
            and (self.case is None or self.case in cases)
            and (unstable or not self.unstable)
        )

    def describes(self, finding: Finding) -> bool:
        """Whether it speaks of a finding of a run."""
        cases = {finding.trial.id, *finding.cases}
        if finding.shown.reading is not None:
            cases.add(finding.shown.reading.meaning.id)
        return self.covers(finding.requirement, finding.id, cases, unstable=finding.unstable)

    @property
    def words(self) -> str:
        """What it is about, as it is named to people."""
        parts = [self.finding or self.requirement, *([f"case {self.case}"] if self.case is not None else [])]
        return ", ".join([*parts, *(["unstable"] if self.unstable else [])])


@dataclass(frozen=True, slots=True)
class Baseline:
    """The known findings of one file. `profile` and `seed` are of the run that it was written from, if it says."""

    path: Path
    entries: tuple[Entry, ...]
    profile: str | None = None
    seed: int | None = None

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Read a file; BaselineError names the line of what it does not understand."""
        return cls.parse(path, text_of(path))

    @classmethod
    def parse(cls, path: Path, text: str) -> Baseline:
        """What a text says; BaselineError as with `load`."""
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise BaselineError(f"{path} is not TOML: {error}") from None
        for key in values:
            if key not in _TOP:
                raise BaselineError(f"{path}: unknown key {key!r}{_hint(key, _TOP)}")
        profile, seed = values.get("profile"), values.get("seed")
        if profile not in {None, *PROFILES}:
            raise BaselineError(f"{path}: profile is one of {', '.join(PROFILES)}, not {profile!r}")
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
            raise BaselineError(f"{path}: seed is a whole number, not {seed!r}")
        tables, lines = values.get("finding", []), _headers(text)
        if not isinstance(tables, list) or len(tables) != len(lines):
            raise BaselineError(f"{path}: every known finding is written under a line [[finding]] of its own")
        entries: list[Entry] = []
        for table, line in zip(tables, lines, strict=True):
            entry = _entry(f"{path}, line {line}", line, table)
            for other in entries:
                if _subject(other) == _subject(entry):
                    raise BaselineError(f"{path}, line {line}: says again what line {other.line} says")
            entries.append(entry)
        return cls(path, tuple(entries), profile, seed)

    def comparable(self, profile: str, seed: int) -> bool:
        """Whether a run shows what it was written from: a smaller plan or another seed need not."""
        large_enough = self.profile is None or PROFILES.index(profile) >= PROFILES.index(self.profile)
        return large_enough and self.seed in {None, seed}

    def compared(self, rows: Iterable[Row], settings: Settings, *, today: dt.date, whole: bool) -> Comparison:
        """What it covers of a run; `whole` when the run sent every case of the requirements that it selected."""
        by_id = {row.requirement.id: row for row in rows}
        comparable = whole and self.comparable(settings.profile, settings.seed)
        found: list[tuple[Entry, Status]] = []
        known: dict[str, Entry] = {}
        for entry in self.entries:
            row = by_id.get(entry.requirement)
            covered = [finding for finding in row.findings if entry.describes(finding)] if row is not None else []
            for finding in covered:
                known.setdefault(finding.id, entry)
            status: Status = "not-judged"
            if entry.expires is not None and entry.expires < today:
                status = "expired"
            elif row is None:
                status = "unknown"
            elif covered:
                status = "known"
            elif comparable and not entry.unstable and row.conclusive:
                status = "gone"
            found.append((entry, status))
        return Comparison(self.path, tuple(found), known)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a baseline has to do with a run: each entry with its status, and the known findings by id."""

    path: Path
    entries: tuple[tuple[Entry, Status], ...]
    known: Mapping[str, Entry]

    @property
    def stale(self) -> bool:
        """Whether an entry no longer says what is so, which fails the gate."""
        return any(status in STALE for _entry, status in self.entries)

    def told(self) -> dict[str, Any]:
        """It as the report has it."""
        return {
            "file": str(self.path),
            "entries": [
                {
                    "line": entry.line,
                    "requirement": entry.requirement,
                    "finding": entry.finding,
                    "case": entry.case,
                    "unstable": entry.unstable,
                    "reason": entry.reason,
                    "issue": entry.issue,
                    "expires": entry.expires.isoformat() if entry.expires is not None else None,
                    "status": status,
                }
                for entry, status in self.entries
            ],
        }


def text_of(path: Path) -> str:
    """The text of a file, its ends of lines as they are; BaselineError when there is none."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BaselineError(f"{path} is not TOML: {error}") from None


def complaints(told: Mapping[str, Any]) -> list[str]:
    """What is wrong with a baseline, as the report tells of it: one line an entry, with the line of the file."""
    return [
        f"{told['file']}, line {entry['line']}: {named(entry)}: {complaint(entry)}"
        for entry in told["entries"]
        if entry["status"] in STALE
    ]


def complaint(entry: Mapping[str, Any]) -> str:
    """What is wrong with one entry of the report's baseline, and what to do; empty when nothing is."""
    return {
        "gone": "no longer occurs; remove it, or run `invoice-conformance baseline update`",
        "unknown": "there is no such requirement; correct or remove it",
        "expired": f"expired, {entry['expires']} was its last day; fix it, or decide anew",
    }.get(entry["status"], "")


def named(entry: Mapping[str, Any]) -> str:
    """What one entry of the report's baseline is about."""
    return Entry(0, entry["requirement"], "", entry["finding"], entry["case"], unstable=entry["unstable"]).words


def _headers(text: str) -> list[int]:
    """The lines at which the entries begin, counted from 1."""
    lines = text.split("\n")
    return [
        number
        for number, line in enumerate(lines, 1)
        # A line of a text that spans several may look like a header; what stands before it is then no TOML.
        if _HEADER.fullmatch(line) and _is_toml("".join(f"{before}\n" for before in lines[: number - 1]))
    ]


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _hint(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _entry(place: str, line: int, table: Mapping[str, Any]) -> Entry:
    for key, value in table.items():
        if key not in _KEYS:
            raise BaselineError(f"{place}: unknown key {key!r}{_hint(key, _KEYS)}")
        if key in _TEXTS and (not isinstance(value, str) or not value.strip()):
            raise BaselineError(f"{place}: {key} is a text that says something, not {value!r}")
    for key in ("requirement", "reason"):
        if key not in table:
            raise BaselineError(f"{place}: {key} is missing")
    unstable, expires = table.get("unstable", False), table.get("expires")
    if not isinstance(unstable, bool):
        raise BaselineError(f"{place}: unstable is true or false, not {unstable!r}")
    if isinstance(expires, str):
        try:
            expires = dt.date.fromisoformat(expires)
        except ValueError:
            raise BaselineError(f"{place}: expires is a date such as 2026-12-31, not {expires!r}") from None
    if expires is not None and (not isinstance(expires, dt.date) or isinstance(expires, dt.datetime)):
        raise BaselineError(f"{place}: expires is a date such as 2026-12-31, not {expires}")
    return Entry(
        line,
        table["requirement"],
        table["reason"],
        table.get("finding"),
        table.get("case"),
        table.get("issue"),
        expires,
        unstable,
    )


def _subject(entry: Entry) -> tuple[object, ...]:
    return entry.requirement, entry.finding, entry.case, entry.unstable


# Bringing it up to date


@dataclass(frozen=True, slots=True)
class Updated:
    """A baseline's new text, and what was done to it in words, one line each."""

    text: str
    words: tuple[str, ...]


def updated(path: Path, text: str, report: Mapping[str, Any], *, reason: str | None, today: dt.date) -> Updated:
    """The text of a baseline after a run: what no longer occurs is taken out, what fails the gate and is new put in.

    What could not be judged, what has expired and every comment stay. BaselineError when the text cannot be used.
    """
    old = Baseline.parse(path, text)
    rows = {row["id"]: row for row in report["requirements"]}
    words: list[str] = []
    kept: list[Entry] = []
    dropped: set[int] = set()
    comparable = old.comparable(report["profile"], report["seed"])
    for entry in old.entries:
        row = rows.get(entry.requirement)
        if entry.expires is not None and entry.expires < today:
            words.append(f"line {entry.line}: {entry.words} expired on {entry.expires} and is kept; decide anew")
        elif row is None or (
            comparable
            and row["conclusive"]
            and not entry.unstable
            and not any(_covers(entry, row, finding) for finding in row["findings"])
        ):
            words.append(f"line {entry.line}: {entry.words} no longer occurs and is taken out")
            dropped.add(entry.line)
            continue
        kept.append(entry)
    added: list[str] = []
    subjects = {_subject(entry) for entry in kept}
    for row in rows.values():
        for finding in row["findings"] if row["asked"] and row["verdict"] == "fail" else ():
            if any(_covers(entry, row, finding) for entry in kept):
                continue
            unstable = finding["stability"]["unstable"]
            # What comes and goes is not found under one id in every run.
            subject = (row["id"], None if unstable else finding["id"], None, unstable)
            if subject in subjects:
                continue
            subjects.add(subject)
            why = reason or f"not explained yet (written by `baseline update` on {today.isoformat()})"
            added.append(_written(row, finding, why))
            words.append(f"added {finding['id']}" + (", unstable" if unstable else ""))
    body = _without(text, dropped)
    if not old.entries:
        # What an older run was is said of what it found; a new file says it of this one.
        body = "" if not text.strip() else body
        if old.profile is None and old.seed is None:
            body = f'profile = "{report["profile"]}"\nseed = {report["seed"]}\n' + (f"\n{body}" if body else "")
    body = "\n".join([*([body.rstrip("\n"), ""] if body.strip() else []), *added]).rstrip("\n") + "\n"
    Baseline.parse(path, body)
    return Updated(body, tuple(words))


def _covers(entry: Entry, row: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    cases = {finding["case"], *finding["cases"]}
    return entry.covers(row["id"], finding["id"], cases, unstable=finding["stability"]["unstable"])


def _written(row: Mapping[str, Any], finding: Mapping[str, Any], reason: str) -> str:
    lines = [f"# {_plain(row['text'])}", "[[finding]]", f"requirement = {_quoted(row['id'])}"]
    if finding["stability"]["unstable"]:
        lines.append("unstable = true")
    else:
        lines.append(f"finding = {_quoted(finding['id'])} # {_plain(finding['edge'])}".rstrip(" #"))
    return "\n".join([*lines, f"reason = {_quoted(reason)}", ""])


def _plain(text: str) -> str:
    """Text as a comment can hold it: one line, no control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    return (
        '"'
        + "".join(_BASIC.get(letter, letter if letter.isprintable() else f"\\U{ord(letter):08X}") for letter in text)
        + '"'
    )


def _without(text: str, dropped: set[int]) -> str:
    """The text without the entries that begin at these lines, each with the comment right above it."""
    lines = text.split("\n")
    starts = []
    for header in _headers(text):
        start = header - 1
        while start and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        starts.append((header, start))
    starts.append((0, len(lines)))
    kept = lines[: starts[0][1]]
    for (header, start), (_next, end) in pairwise(starts):
        if header not in dropped:
            kept += lines[start:end]
    return "\n".join(kept)
