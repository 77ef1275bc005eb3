"""Owns the ledger of certification runs: appended to, never rewritten, each entry holding the digest of the one before.

It keeps one chain for each product and requirement set, and judges no run.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from invoice_conformance.canonical import NotReadable, canonical, read, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Event: TypeAlias = Literal["begun", "ended"]
NOTHING = "0" * 64
"""What the first entry of a chain holds in place of the digest of one before."""
LARGEST = 64 * 1024 * 1024
_TEXTS = ("at", "event", "hash", "previous", "product", "set", "target", "vendor", "version")
_KEYS = frozenset({*_TEXTS, "entry", "evidence", "outcome"})


class BrokenLedger(ValueError):  # noqa: N818 - it names what the ledger is
    """A ledger that was not written by appending to it, or cannot be: one line that says where."""


@dataclass(frozen=True)
class Entry:
    """One thing that happened: a run was begun, or ended in `outcome` with evidence of this digest."""

    value: Mapping[str, Any]

    @property
    def hash(self) -> str:
        """The digest of everything else in it."""
        return str(self.value["hash"])

    @property
    def event(self) -> str:
        """What happened."""
        return str(self.value["event"])


def parse(data: bytes) -> tuple[Entry, ...]:
    """The entries of a ledger; BrokenLedger when one is no entry or its digest is not its own."""
    if len(data) > LARGEST:
        raise BrokenLedger(f"it is larger than {LARGEST} octets")
    if data and not data.endswith(b"\n"):
        raise BrokenLedger("its last line is cut off")
    entries: list[Entry] = []
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            value = read(line)
        except NotReadable as error:
            raise BrokenLedger(f"line {number}: {error}") from None
        if not isinstance(value, dict) or value.keys() != _KEYS or not _typed(value):
            raise BrokenLedger(f"line {number} is no entry of this suite")
        if _hash(value) != value["hash"]:
            raise BrokenLedger(f"line {number} was changed: its digest is another")
        entries.append(Entry(value))
    return tuple(entries)


def _typed(value: dict[str, Any]) -> bool:
    texts = all(isinstance(value[key], str) for key in _TEXTS)
    known = value["event"] in {"begun", "ended"} and isinstance(value["evidence"], str | None)
    counted = isinstance(value["entry"], int) and not isinstance(value["entry"], bool) and 0 < value["entry"] < 2**53
    return texts and known and counted and isinstance(value["outcome"], str | None)


def _hash(value: Mapping[str, Any]) -> str:
    return sha256(canonical({key: found for key, found in value.items() if key != "hash"}))


def chain(entries: tuple[Entry, ...], product: Mapping[str, Any], requirement_set: str) -> tuple[Entry, ...]:
    """The entries about one product and set, each after the one whose digest it holds; BrokenLedger when it is not."""
    wanted = (product["vendor"], product["product"], requirement_set)
    mine = tuple(
        entry for entry in entries if (entry.value["vendor"], entry.value["product"], entry.value["set"]) == wanted
    )
    previous = NOTHING
    for number, entry in enumerate(mine, 1):
        if entry.value["previous"] != previous or entry.value["entry"] != number:
            raise BrokenLedger(f"entry {entry.value['entry']} does not follow the one before it")
        previous = entry.hash
    return mine


def written(entries: tuple[Entry, ...]) -> bytes:
    """The entries as lines."""
    return b"".join(canonical(dict(entry.value)) + b"\n" for entry in entries)


def append(
    path: Path,
    product: Mapping[str, Any],
    requirement_set: str,
    *,
    event: Event,
    at: str,
    target: str,
    outcome: str | None = None,
    evidence: str | None = None,
) -> tuple[Entry, ...]:
    """Append an entry and return the chain that it ends; BrokenLedger when the file is no ledger or cannot be kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file, _alone(file.fileno()):
            file.seek(0)
            known = chain(parse(file.read(LARGEST + 1)), product, requirement_set)
            value: dict[str, Any] = {
                "entry": len(known) + 1,
                "previous": known[-1].hash if known else NOTHING,
                "at": at,
                "event": event,
                "vendor": product["vendor"],
                "product": product["product"],
                "version": product["version"],
                "set": requirement_set,
                "target": target,
                "outcome": outcome,
                "evidence": evidence,
            }
            entry = Entry(value | {"hash": _hash(value)})
            file.write(written((entry,)))
            file.flush()
            os.fsync(file.fileno())
            return (*known, entry)
    except OSError as error:
        raise BrokenLedger(f"it cannot be kept: {error.strerror}") from None


@contextlib.contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Keep other runs out while an entry is appended, where the system can."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@dataclass(frozen=True)
class Told:
    """What a chain says of the runs before: how many there were, how many failed, how many never ended."""

    runs: int
    ended_otherwise: int
    never_ended: int
    fresh: bool

    @property
    def words(self) -> str:
        """It in a sentence."""
        if self.fresh and self.runs == 1:
            return "the ledger starts with this run: it shows nothing of any before"
        others = self.runs - 1
        told = f"{others} {'run' if others == 1 else 'runs'} before this one"
        told += f", {self.ended_otherwise} of them not conformant, {self.never_ended} never ended"
        return told


def told(entries: tuple[Entry, ...]) -> Told:
    """What a chain that ends with a conformant run says of those before."""
    begun = sum(entry.event == "begun" for entry in entries)
    ended = [entry for entry in entries if entry.event == "ended"]
    otherwise = sum(entry.value["outcome"] not in {"core", "full"} for entry in ended)
    first = entries[0] if entries else None
    return Told(begun, otherwise, max(begun - len(ended), 0), first is not None and first.value["previous"] == NOTHING)
