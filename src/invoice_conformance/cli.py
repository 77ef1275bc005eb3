"""Owns the command `invoice-conformance`: arguments in, exit code out.

It judges nothing; everything heavy is imported by the subcommand that needs it, so that `--help` is quick.
"""

from __future__ import annotations

import argparse
import io
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from invoice_conformance import __version__, asking, collector, interruption
from invoice_conformance.arguments import add_options, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from invoice_conformance.config import Settings

USAGE, INCOMPLETE, NOT_READY, DEFECT = 2, 3, 5, 6
EPILOG = """exit codes of run:
  0  conformant at the asked level    3  incomplete: something could not be judged
  1  not conformant                   5  aborted because of the target
  2  usage or configuration           6  a defect of the suite
  4  nothing new fails, but the
     baseline lists what is not so

every option can be set in the environment as INVOICE_CONFORMANCE_<OPTION>, or in invoice-conformance.toml
"""
FAULTS_EPILOG = """exit codes of faults:
  0  as the requirements say          2  usage: no such fault
  1  a fault survives, or it breaks   3  interrupted
     other rows than those that       6  a defect of the suite
     name it
"""
MOST_JOBS = 64

DOCTOR_EPILOG = """exit codes of doctor:
  0  ready to be judged    2  usage or configuration    5  not ready

it takes the options of run; no report is written
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    # What `serve` can do is known to the server, whose imports would make every other command wait.
    given = _parser(serving="serve" in words).parse_args(words)
    own = {"run": _run, "doctor": _run, "faults": _faults, "report": _report}
    if given.command in own:
        with interruption.heeded():
            return own[given.command](given)
    if given.command == "serve":
        from invoice_conformance.reference import serving  # noqa: PLC0415 - see the module's docstring

        return serving.run(given)
    if given.command is None:
        _parser().print_help()
        return USAGE
    if given.command in asking.COMMANDS:
        with interruption.heeded():
            return asking.run(given, lambda: _parser(serving=True))
    from invoice_conformance import certify_cli, gate  # noqa: PLC0415 - see the module's docstring

    if given.command in {"baseline", "diff"}:
        return gate.run(given)
    with interruption.heeded():
        return certify_cli.run(given)


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message alone, without the usage."""
        self.exit(USAGE, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser(*, serving: bool = False) -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="invoice-conformance",
        description="Judges servers of POST /api/v1/invoices by its published page.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"invoice-conformance {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="judge a target, or the reference server when no URL is given",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(run)
    run.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="what goes to the standard output; with json report.json alone, and the words to the standard error",
    )
    add_options(
        commands.add_parser(
            "doctor",
            help="ask a target for one invoice: can it be judged, and if not, what to correct",
            epilog=DOCTOR_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    serve = commands.add_parser("serve", help="start the reference server, correct or with named faults")
    if serving:
        from invoice_conformance.reference.serving import add_arguments  # noqa: PLC0415 - see the module's docstring

        add_arguments(serve)
    _add_faults(
        commands.add_parser(
            "faults",
            help="print which requirements each named fault of the reference server breaks, or prove it",
            epilog=FAULTS_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_report(commands.add_parser("report", help="make views of a run's report.json again: HTML, JUnit, Markdown, …"))
    from invoice_conformance import certify_cli, gate  # noqa: PLC0415 - see the module's docstring

    gate.add_commands(commands)
    asking.add_commands(commands)
    certify_cli.add_commands(commands)
    _describe(commands)
    return parser


def _describe(commands: argparse._SubParsersAction[Any]) -> None:
    """Let the help of each command begin with what the list of commands says of it."""
    for told in commands._choices_actions:  # noqa: SLF001 - argparse offers no other way
        parser = commands.choices[told.dest]
        words = told.help or ""
        parser.description = parser.description or f"{words[:1].upper()}{words[1:]}."
        for action in parser._actions:  # noqa: SLF001 - likewise
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
                _describe(action)


def _add_faults(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="these faults alone; globs such as 'amount-*' too")
    parser.add_argument("--run", action="store_true", help="run the suite against each and say what it breaks")
    parser.add_argument("--jobs", type=_jobs, default=2, metavar="N", help="processes of --run (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _add_report(parser: argparse.ArgumentParser) -> None:
    from invoice_conformance.report.formats import FILES  # noqa: PLC0415 - see the module's docstring

    parser.add_argument("folder", metavar="REPORT_DIR", help="folder of a run, or its report.json")
    parser.add_argument(
        "--format", choices=tuple(FILES), help="print this view (default: write those of every run beside the report)"
    )
    parser.add_argument("--out", metavar="FILE", help="write the view of --format to this file")


def _report(given: argparse.Namespace) -> int:
    from pathlib import Path  # noqa: PLC0415 - see the module's docstring

    from invoice_conformance.report import document, views  # noqa: PLC0415 - likewise

    if given.out is not None and given.format is None:
        return _complain("--out needs --format")
    try:
        report, folder = views.load(Path(given.folder))
        if given.format is None:
            for path in views.write_beside(report, folder):
                print(path)  # noqa: T201 - what a command does
            return 0
        text = views.render(report, folder, given.format)
        if given.out is not None:
            views.write(text, Path(given.out))
            return 0
    except document.NotAReport as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"the view cannot be made: {error}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.stdout.write(text)
    return 0


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"from 1 to {MOST_JOBS}, not {text!r}")
    return int(text)


def _faults(given: argparse.Namespace) -> int:
    from invoice_conformance import fault_table  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.contract import SpecError  # noqa: PLC0415 - likewise
    from invoice_conformance.reference.embed import NotStarted  # noqa: PLC0415 - likewise

    collector.look_seldom()
    try:
        return fault_table.show(given.names, runs=given.run, jobs=given.jobs, as_json=given.json)
    except (fault_table.UnknownFault, SpecError, NotStarted) as error:
        return _complain(str(error))
    except KeyboardInterrupt as interrupt:
        _complain(interruption.words_for(interrupt))
        return INCOMPLETE
    except Exception as error:  # noqa: BLE001 - a defect of ours must say so
        _complain(f"a defect of the suite, please report it: {error!r}")
        return DEFECT


def _run(given: argparse.Namespace) -> int:
    from invoice_conformance.config import ConfigError  # noqa: PLC0415 - see the module's docstring

    try:
        settings = settings_of(given)
    except ConfigError as error:
        return _complain(str(error))
    if settings.insecure:
        _complain("warning: --insecure accepts any certificate, so anybody may answer; such a run certifies nothing")
    return _go(settings, as_json=given.format == "json") if given.command == "run" else _examine(settings)


def _examine(settings: Settings) -> int:
    from invoice_conformance import session  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.config import ConfigError  # noqa: PLC0415 - likewise
    from invoice_conformance.consent import agreed  # noqa: PLC0415 - likewise
    from invoice_conformance.contract import SpecError  # noqa: PLC0415 - likewise
    from invoice_conformance.escaping import shown as safe  # noqa: PLC0415 - likewise
    from invoice_conformance.preflight import Refusal  # noqa: PLC0415 - likewise
    from invoice_conformance.recipes import first_invoices  # noqa: PLC0415 - likewise
    from invoice_conformance.reference.embed import NotStarted  # noqa: PLC0415 - likewise

    console = _console()
    where = settings.base_url or "the embedded reference server"
    try:
        suite = session.Suite.load()
        if not (settings.yes or agreed(settings.base_url, len(first_invoices(suite.contract)), console)):
            return _complain("nothing was sent")
        found = session.examine(suite, settings)
    except (ConfigError, SpecError, NotStarted) as error:
        return _complain(str(error))
    except KeyboardInterrupt as interrupt:
        _complain(interruption.words_for(interrupt))
        return INCOMPLETE
    except Exception as error:  # noqa: BLE001 - a defect of ours must say so
        return _defect(error, settings, console)
    if isinstance(found, Refusal):
        console.print(f"not ready: {safe(found.words)}", markup=False, soft_wrap=True)
        return NOT_READY
    made = found.ledger.invoices
    console.print(
        f"ready: {where} answered; {made} {'invoice was' if made == 1 else 'invoices were'} created",
        markup=False,
        soft_wrap=True,
    )
    if not found.has_other_tenant:
        console.print(
            "TENANT-FOREIGN-CONTRACT needs a second tenant: give --other-tenant-id and --other-contract-id, "
            "or waive it with --without",
            markup=False,
            soft_wrap=True,
        )
    return 0


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415 - see the module's docstring

    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A terminal that cannot show a character gets its number; the run does not end for that.
        stream.reconfigure(errors="backslashreplace")
    return Console(highlight=False, stderr=stderr)


def _defect(error: Exception, settings: Settings, console: Console) -> int:
    """Tell of a defect of the suite, without the secrets that an exception may quote."""
    import traceback  # noqa: PLC0415 - see the module's docstring

    from invoice_conformance.escaping import shown as safe  # noqa: PLC0415 - likewise
    from invoice_conformance.redaction import Redactor  # noqa: PLC0415 - likewise

    redactor = Redactor([settings.token, *(value for _name, value in settings.header)])
    print(safe(redactor.text("".join(traceback.format_exception(error)))), file=console.file)
    _complain(f"a defect of the suite, please report it: {safe(redactor.text(repr(error)))}")
    return DEFECT


def _go(settings: Settings, *, as_json: bool = False) -> int:
    from invoice_conformance import session  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.config import ConfigError  # noqa: PLC0415 - likewise
    from invoice_conformance.consent import agreed  # noqa: PLC0415 - likewise
    from invoice_conformance.contract import SpecError  # noqa: PLC0415 - likewise
    from invoice_conformance.reference.embed import NotStarted  # noqa: PLC0415 - likewise
    from invoice_conformance.report import document, terminal, views  # noqa: PLC0415 - likewise

    console = _console(stderr=as_json)
    collector.look_seldom()
    try:
        suite = session.Suite.load()
        collector.look_past()
        plan = suite.plan(settings)
        where = settings.base_url or "the embedded reference server"
        # One more than planned: the first, which shows whether there is anything to judge.
        invoices = plan.invoices + 1
        if settings.max_invoices is not None:
            invoices = min(invoices, settings.max_invoices)
        console.print(
            f"judging {where}: {plan.requests} requests, up to {invoices} invoices", markup=False, soft_wrap=True
        )
        if not (settings.yes or agreed(settings.base_url, invoices, console)):
            return _complain("nothing was sent")
        with terminal.Live(console) as live:
            result = session.run(suite, settings, plan, listener=live)
    except (ConfigError, SpecError, NotStarted) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"the report cannot be written: {error}; give another --out")
    except KeyboardInterrupt as interrupt:
        _complain(f"{interruption.words_for(interrupt)}; no requirement was judged")
        return INCOMPLETE
    except Exception as error:  # noqa: BLE001 - a defect of ours must say so
        return _defect(error, settings, console)
    console.print(terminal.conclusion(result.report, result.folder), soft_wrap=True)
    if views.annotates():
        console.file.write(views.render(result.report, result.folder, "annotations"))
    if as_json:
        sys.stdout.write(document.written(result.report))
    return result.exit_code


def _complain(words: str) -> int:
    print(f"invoice-conformance: {words}", file=sys.stderr)  # noqa: T201 - what a command does
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
