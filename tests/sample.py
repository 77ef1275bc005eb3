"""Owns `reports/sample/`: one of each view, of a run against a reference server with faults. `python -m tests.sample`.

The run is a real one. What differs from run to run (times, ports, ids) is put in order afterwards, in
`report.json` and the evidence alone: the views are made of them by the suite's own hand.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.meta.facing import IDENTITY, command

from invoice_conformance.case import Numbering
from invoice_conformance.config import PREFIX
from invoice_conformance.evidence import EVIDENCE
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.report import document, views
from invoice_conformance.report.formats import FILES

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "reports" / "sample"
FAULTS = (
    "leap-day-refused",
    "amount-stored-as-float32",
    "rate-exponent-refused",
    "nosniff-forgotten",
    "version-banner",
)
SHOWN = tuple(view for view in FILES if view != "har")
"""Of the whole run; the archive is of a selection, for that of the whole is as large as its evidence."""
SELECTION = ("--requirement", "AMOUNT-*", "--case", "amountMinor:m*")
ORIGIN = "http://127.0.0.1:8080"
NAMES = {"annotations": "annotations.txt", "text": "terminal.txt"}


def main() -> int:
    """Make the sample again."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in made().items():
        views.write(text, FOLDER / name)
        print(FOLDER / name)  # noqa: T201 - what a command does
    return 0


def made() -> dict[str, str]:
    """The files of the sample, by name."""
    with tempfile.TemporaryDirectory() as folder, ReferenceServer(FAULTS) as server:
        whole = _run(Path(folder) / "whole", server.url)
        part = _run(Path(folder) / "part", server.url, *SELECTION)
        files = {NAMES.get(view) or str(FILES[view]): views.render(whole, FOLDER, view) for view in SHOWN}
        # The terminal names the report's folder, which is another on every machine.
        files["terminal.txt"] = files["terminal.txt"].replace(str(FOLDER), "reports/sample")
        files[str(FILES["har"])] = views.render(part, Path(folder) / "part", "har")
        return files


def _run(folder: Path, url: str, *arguments: str) -> document.Report:
    """The orderly report of a quick run, one request at a time; its evidence is put in order where it lies."""
    with patch.object(Numbering, "fresh", lambda: Numbering("0SAMP1E0")):
        command(folder, "run", url, "--profile", "quick", "--concurrency", "1", "--out", str(folder), *arguments)
    orderly = _Orderly(url)
    evidence = folder / EVIDENCE
    records = [orderly(json.loads(line)) for line in evidence.read_text(encoding="utf-8").splitlines()]
    for place, record in enumerate(records):
        record |= {"sent_at": MOMENT + place / 100, "elapsed": 0.004}
    evidence.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    report: document.Report = orderly(json.loads((folder / document.NAME).read_text(encoding="utf-8")))
    _stop_the_clock(report)
    return report


MOMENT = 1767272400.0
"""The sample's beginning, 2026-01-01T13:00:00Z."""
IDENTIFIER = re.compile(r"inv_[0-9a-z]+")
STAMP = re.compile(r"\"(createdAt|updatedAt)(\\*)\":\s*(\\*)\"20[0-9-]+T[0-9:.]+Z")
DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} GMT")


class _Orderly:
    """Writes the same for what differs from run to run, wherever it stands in a report or a record."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """The value with its texts in order."""
        if isinstance(value, dict):
            return {key: self(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        text = text.replace(self._url, ORIGIN)
        text = IDENTIFIER.sub("inv_000000000000000000000001", text)
        text = STAMP.sub(r'"\1\2":\3"2026-01-01T13:00:00.000Z', text)
        return DATE.sub("Thu, 01 Jan 2026 13:00:00 GMT", text)


SLICES = 40


def _stop_the_clock(report: document.Report) -> None:
    """Times that look like a run's and are the same in each; counts stay what they were."""
    statuses: dict[str, int] = {}
    for one in report["timeline"]["slices"]:
        for status, count in one["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    answered = sum(count for status, count in statuses.items() if status != "none")
    fast, slow = answered // 12, answered // 3
    shares = {2: fast, 5: answered - fast - slow - 3, 10: slow, 50: 2, 100: 1}
    report |= {
        "started_at": document.stamp(MOMENT),
        "ended_at": document.stamp(MOMENT + 12),
        "duration_s": 12.0,
        "latency_ms": _latencies(3.0, 61.3),
        "latency_histogram": [
            {"up_to_ms": bound, "requests": shares.get(bound or 0, 0)} for bound in (*document.LATENCY_BOUNDS, None)
        ],
        "timeline": {
            "slice_s": 0.3,
            "slices": [
                {
                    "statuses": {status: _share(count, place) for status, count in sorted(statuses.items())},
                    "latency_ms": _latencies(3.0 + place % 4, 61.3 if place == SLICES // 2 else 9.0 + 5 * (place % 7)),
                }
                for place in range(SLICES)
            ],
        },
    }
    report["configuration"]["out"] = None
    for row in report["requirements"]:
        for finding in row["findings"]:
            finding["exchange"]["elapsed_ms"] = 4.0


def _share(count: int, place: int) -> int:
    """What of `count` falls to one of the slices, so that all of them add up to it."""
    return count * (place + 1) // SLICES - count * place // SLICES


def _latencies(median: float, slowest: float) -> dict[str, float]:
    return {"p50": median, "p90": median + 3, "p95": median + 5, "p99": median + 6, "max": slowest}


if __name__ == "__main__":
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ.update(IDENTITY)
    sys.exit(main())
