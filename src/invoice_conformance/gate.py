"""Owns the commands around a gate: `baseline update` and `diff`. Arguments in, exit code out.

They read reports and send nothing. What they need is imported when they run, for `--help` is to be quick.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import Any

WORSE, USAGE = 1, 2
DIFF_EPILOG = """exit codes of diff:
  0  nothing that decides got worse   2  usage, or no report
  1  something that decides got worse
"""


def add_commands(commands: Any) -> None:  # noqa: ANN401 - argparse hides the type
    """Tell argparse of both commands."""
    baseline = commands.add_parser(
        "baseline", help="write the file for --baseline: findings of a report that are known and accepted"
    )
    verbs = baseline.add_subparsers(dest="verb", metavar="update", required=True)
    update = verbs.add_parser(
        "update", help="add the findings that make the run fail now, and remove those that no longer occur"
    )
    update.add_argument("report", type=Path, metavar="REPORT_DIR", help="folder of the report, or its report.json")
    update.add_argument("--baseline", type=Path, metavar="FILE", required=True, help="file to write")
    update.add_argument("--reason", metavar="TEXT", help="why the new ones are accepted")
    diff = commands.add_parser(
        "diff",
        help="say what got worse, better, new and gone between two reports",
        epilog=DIFF_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    diff.add_argument("old", type=Path, metavar="OLD", help="folder of the earlier report, or its report.json")
    diff.add_argument("new", type=Path, metavar="NEW", help="likewise of the later one")
    diff.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="(default: %(default)s)")


def run(given: argparse.Namespace) -> int:
    """Run one of the commands."""
    from invoice_conformance.baseline import BaselineError  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.report.document import NotAReport  # noqa: PLC0415 - likewise

    try:
        return _update(given) if given.command == "baseline" else _diff(given)
    except (BaselineError, NotAReport) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{given.baseline} cannot be written: {error.strerror}")
    except (KeyError, TypeError) as error:
        return _complain(f"the report is not as this version writes it ({error!r}); run the suite again")


def _update(given: argparse.Namespace) -> int:
    from invoice_conformance import baseline  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.report import document  # noqa: PLC0415 - likewise

    path: Path = given.baseline
    if given.reason is not None and not given.reason.strip():
        return _complain("--reason is a text that says something")
    report = document.load(given.report)
    if not any(row["verdict"] in {"pass", "fail"} for row in report["requirements"]):
        return _complain("the report judged nothing, so nothing is known from it")
    text = baseline.text_of(path) if path.exists() else ""
    today = dt.datetime.now(dt.UTC).date()
    updated = baseline.updated(path, text, report, reason=given.reason, today=today)
    if updated.text != text:
        unfinished = path.with_name(f".{path.name}.part")
        unfinished.write_bytes(updated.text.encode())
        unfinished.replace(path)
    for words in updated.words:
        _print(words)
    entries = len(baseline.Baseline.parse(path, updated.text).entries)
    _print(f"{path}: {entries} entries" + ("" if updated.text != text else ", as before"))
    return 0


def _diff(given: argparse.Namespace) -> int:
    from invoice_conformance.report import diff, document  # noqa: PLC0415 - see the module's docstring

    compared = diff.compare(document.load(given.old), document.load(given.new))
    shown = {"text": diff.as_text, "markdown": diff.as_markdown, "json": diff.as_json}[given.format](compared)
    _print(shown.removesuffix("\n"))
    return WORSE if compared["got_worse"] else 0


def _print(words: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(words.encode(encoding, "backslashreplace").decode(encoding))  # noqa: T201 - what a command does


def _complain(words: str) -> int:
    print(f"invoice-conformance: {words}", file=sys.stderr)  # noqa: T201 - what a command does
    return USAGE
