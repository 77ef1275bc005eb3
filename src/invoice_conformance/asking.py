"""Owns the commands around a run: `explain`, `plan`, `replay`, `matrix`, `completion`. Arguments in, exit code out.

What they need is imported when they run, for `--help` is to be quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoice_conformance import collector
from invoice_conformance.arguments import add_options, settings_of
from invoice_conformance.interruption import words_for

if TYPE_CHECKING:
    from collections.abc import Callable

COMMANDS = frozenset({"completion", "explain", "matrix", "plan", "replay"})
FORMATS = ("text", "json")
USAGE, UNJUDGED, DEFECT = 2, 3, 6
REPLAY_EPILOG = """exit codes of replay:
  0  the finding is gone              3  it could not be judged
  1  it is still there                5  the target cannot be reached, or refuses the credentials
  2  usage or configuration           6  a defect of the suite

Tenant and contract are those of the report's run, unless they are given. The token is in no report: it comes from
INVOICE_CONFORMANCE_TOKEN, --token-file or --token-command; it goes to no host but this machine that only a report names
"""
OF_A_RUN = frozenset(
    {"out", "concurrency", "level", "requirement", "case", "without", "baseline", "set", "profile", "seed"}
)
"""Options of a run that say nothing to a single finding."""


def add_commands(commands: Any) -> None:  # noqa: ANN401 - argparse hides the type
    """Tell argparse of the commands."""
    explain = commands.add_parser("explain", help="say what a requirement asks, who says so, and how breaking it looks")
    explain.add_argument("ids", nargs="+", metavar="ID", help="as AMOUNT-ECHO; globs such as 'AMOUNT-*' too")
    explain.add_argument("--format", choices=FORMATS, default="text", help="(default: %(default)s)")
    plan = commands.add_parser("plan", help="say what a run with the same options would send; sends nothing")
    add_options(plan)
    plan.add_argument("--format", choices=FORMATS, default="text", help="(default: %(default)s)")
    replay = commands.add_parser(
        "replay",
        help="send one finding's exact bytes again and judge it anew",
        epilog=REPLAY_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument("report", type=Path, metavar="REPORT", help="folder of the report, or its report.json")
    replay.add_argument("finding", metavar="FINDING", help="its id, as AMOUNT-ECHO-6b49d03d, or how it begins")
    add_options(replay, leaving_out=OF_A_RUN)
    replay.add_argument("--format", choices=FORMATS, default="text", help="(default: %(default)s)")
    matrix = commands.add_parser("matrix", help="set several reports side by side: a page and a Markdown table")
    matrix.add_argument(
        "reports",
        nargs="+",
        metavar="[NAME=]REPORT",
        help="folder of a report, or its report.json, and how to call it (default: the target without its scheme)",
    )
    matrix.add_argument("--out", type=Path, metavar="DIR", help="write matrix.html and matrix.md here (default: .)")
    matrix.add_argument("--format", choices=("html", "markdown", "json"), help="print this alone and write nothing")
    completion = commands.add_parser("completion", help="print a script that completes this command in a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="for this shell")


def run(given: argparse.Namespace, parser: Callable[[], argparse.ArgumentParser]) -> int:
    """Run one of the commands; `parser` makes that of the whole command line."""
    from invoice_conformance.config import ConfigError  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.contract import SpecError  # noqa: PLC0415 - likewise
    from invoice_conformance.reference.embed import NotStarted  # noqa: PLC0415 - likewise

    collector.look_seldom()
    try:
        if given.command == "completion":
            return _completion(given, parser())
        own = {"explain": _explain, "matrix": _matrix, "plan": _plan, "replay": _replay}
        return own[given.command](given)
    except (ConfigError, SpecError, NotStarted) as error:
        return _complain(str(error))
    except BrokenPipeError:
        # Who read us has seen enough, as `head` does; Python would complain of it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as interrupt:
        _complain(words_for(interrupt))
        return UNJUDGED
    except Exception as error:  # noqa: BLE001 - a defect of ours must say so
        _complain(f"a defect of the suite, please report it: {error!r}")
        return DEFECT


def _explain(given: argparse.Namespace) -> int:
    from invoice_conformance import explain  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    suite = Suite.load()
    try:
        wanted = explain.wanted(suite.catalogue, given.ids)
    except KeyError as error:
        return _complain(str(error.args[0]))
    rows = [explain.explained(suite, row) for row in wanted]
    _print(explain.as_json(rows) if given.format == "json" else explain.as_text(rows))
    return 0


def _plan(given: argparse.Namespace) -> int:
    from invoice_conformance import forecast  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    told = forecast.foretold(Suite.load(), settings_of(given, sends=False))
    _print(forecast.as_json(told) if given.format == "json" else forecast.as_text(told))
    return 0


def _replay(given: argparse.Namespace) -> int:
    from invoice_conformance import replay  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.report.document import NotAReport, load  # noqa: PLC0415 - likewise
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    try:
        report = load(given.report)
        folder = given.report if given.report.is_dir() else given.report.parent
        found = replay.find(report, given.finding)
        for key, value in replay.identity_of(report).items():
            # The command line comes first, and then the run: these bytes name its tenant.
            if getattr(given, key) is None:
                setattr(given, key, value)
        if settings_of(given, sends=False).embedded:
            given.base_url = replay.target_of(report, found)
        told = replay.replayed(Suite.load(), settings_of(given), report, found, folder)
    except (NotAReport, replay.CannotReplay) as error:
        return _complain(str(error))
    except (KeyError, TypeError) as error:
        return _complain(f"the report is not as this version writes it ({error!r}); run the suite again")
    _print(replay.as_json(told) if given.format == "json" else replay.as_text(told))
    return replay.EXIT_CODES[told["state"]]


def _matrix(given: argparse.Namespace) -> int:
    from invoice_conformance.report import matrix  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.report.document import NotAReport, load  # noqa: PLC0415 - likewise
    from invoice_conformance.report.views import write  # noqa: PLC0415 - likewise

    if given.out is not None and given.format is not None:
        return _complain("--format prints and --out writes; give one of them")
    try:
        columns: list[matrix.Column] = []
        for words in given.reports:
            name, path = _named(words)
            report = load(path)
            columns.append(matrix.Column(matrix.name_for(name, report, [one.name for one in columns]), report))
        compared = matrix.compare(columns)
        if given.format is not None:
            _print(matrix.MAKERS[given.format](compared).removesuffix("\n"))
            return 0
        folder: Path = given.out or Path()
        folder.mkdir(parents=True, exist_ok=True)
        for view, file in matrix.FILES.items():
            write(matrix.MAKERS[view](compared), folder / file)
            _print(str(folder / file))
    except NotAReport as error:
        return _complain(str(error))
    except BrokenPipeError:
        raise  # standard output's, and no trouble
    except OSError as error:
        return _complain(f"the page cannot be written: {error}; give another --out")
    except (KeyError, TypeError) as error:
        return _complain(f"a report is not as this version writes it ({error!r}); run the suite again")
    return 0


def _named(words: str) -> tuple[str, Path]:
    """A report's name, empty where none was given, and its path; a path may hold an equals sign too."""
    name, sign, path = words.partition("=")
    return (name, Path(path)) if sign and not Path(words).exists() else ("", Path(words))


def _completion(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    try:
        from invoice_conformance import completion  # noqa: PLC0415 - see the module's docstring
    except ModuleNotFoundError:
        return _complain(
            "completion needs shtab, which is not installed; pip install 'invoice-conformance[completion]'"
        )
    _print(completion.script(parser, given.shell))
    return 0


def _print(words: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(words.encode(encoding, "backslashreplace").decode(encoding), flush=True)  # noqa: T201 - what a command does


def _complain(words: str) -> int:
    print(f"invoice-conformance: {words}", file=sys.stderr)  # noqa: T201 - what a command does
    return USAGE
