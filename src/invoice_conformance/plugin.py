"""Owns the suite's face under pytest: one item a check and field, each showing what the one engine found.

The engine sends the whole selected plan before the first item is run; an item judges nothing itself. Under
`pytest -n` the controller runs the engine, and the workers only present its report.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from invoice_conformance.baseline import complaints
from invoice_conformance.catalogue import Catalogue
from invoice_conformance.checks import Check
from invoice_conformance.config import OPTIONS, ConfigError, Settings, settle
from invoice_conformance.contract import SpecError
from invoice_conformance.escaping import one_line
from invoice_conformance.locate import conformance_dir
from invoice_conformance.report import views
from invoice_conformance.report.words import (
    BASES,
    baseline_of,
    is_known,
    known_words,
    listed,
    rule_of,
    set_of,
    title_of,
    told,
    unlisted,
)
from invoice_conformance.session import Result, Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.plan import Plan

SHARED = "invoice_conformance_results"
"""Key under which a worker is told where the controller leaves the results."""
EARLY = {"--help", "-h", "--version", "-V"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every setting but `--base-url`, which pytest-base-url adds."""
    group = parser.getgroup("conformance", "invoice-conformance")
    for option in OPTIONS:
        if option.name != "base-url":
            group.addoption(f"--conformance-{option.name}", **option.flags("conformance_"))


def pytest_configure(config: pytest.Config) -> None:
    """Settle the configuration; a mistake in it ends pytest with one line and exit code 4."""
    if EARLY & set(config.invocation_params.args):
        return
    given = {option.key: config.getoption(f"conformance_{option.key}", None) for option in OPTIONS}
    # The environment and pytest-base-url's own ini value count too, below the command line.
    given["base_url"] = config.getoption("base_url", None) or None
    try:
        settings = settle(given)
        named = (*settings.requirement, *settings.without)
        if named:
            # Here and not when the plan is made, for the workers of pytest-xdist could not say it.
            Catalogue.load().matching(named)
    except (ConfigError, SpecError, KeyError) as error:
        raise pytest.UsageError(error.args[0]) from None
    config.pluginmanager.register(Face(config, settings), "invoice-conformance-face")


class Face:
    """What this pytest process shows of the run."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        # In a checkout these files are collected, also when the suite itself is installed elsewhere.
        checkout = config.rootpath / "tests" / "conformance"
        self._folder = checkout if checkout.is_dir() else conformance_dir()
        self._suite: Suite | None = None
        self._result: Result | None = None
        self._shared = self._shared_folder()

    def _shared_folder(self) -> Path | None:
        """Where controller and workers meet; None when pytest runs in one process."""
        worker = getattr(self._config, "workerinput", None)
        if worker is not None:
            return Path(worker[SHARED])
        if not getattr(self._config.option, "numprocesses", None):
            return None
        return Path(tempfile.mkdtemp(prefix="invoice-conformance-"))

    @property
    def suite(self) -> Suite:
        """The suite, loaded when first needed."""
        if self._suite is None:
            try:
                self._suite = Suite.load()
            except SpecError as error:
                raise pytest.UsageError(str(error)) from None
        return self._suite

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """With a target configured only the conformance tests run; the suite's own tests are not about it."""
        if self._settings.embedded:
            return None
        inside = collection_path == self._folder or self._folder in collection_path.parents
        return None if inside or collection_path in self._folder.parents else True

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Say what is wrong with the suite or the chosen cases before every module would say it."""
        if self._settings.case:
            self._groups()
        elif not hasattr(self._config, "workerinput"):
            _ = self.suite

    def pytest_pycollect_makeitem(
        self, collector: pytest.Module | pytest.Class, name: str, obj: object
    ) -> list[pytest.Item] | None:
        """Turn a check into its items, one a field."""
        if not isinstance(obj, Check):
            return None
        groups = self._groups().get(name)
        if groups is None:
            # What was not selected has no item; what was waived has one that says so.
            groups = ("",) if obj.requirement in self.suite.waived(self._settings) else ()
        return [
            CheckItem.from_parent(
                collector,
                name=name + (f"[{group}]" if len(groups) > 1 else ""),
                check=obj,
                group=group,
                face=self,
            )
            for group in groups
        ]

    def _groups(self) -> dict[str, tuple[str, ...]]:
        if not hasattr(self, "_known_groups"):
            self._known_groups = {one.check.name: one.groups for one in self._plan().planned}
        return self._known_groups

    def _plan(self, chosen: set[tuple[str, str]] | None = None) -> Plan:
        try:
            if chosen is None:
                return self.suite.plan(self._settings)
            known = self._groups()
            return self.suite.plan(
                self._settings,
                lambda check, group: any(
                    (check.name, one) in chosen
                    for one in ((group,) if group in known.get(check.name, ()) else known.get(check.name, ()))
                ),
            )
        except ConfigError as error:
            raise pytest.UsageError(str(error)) from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist has no types
        """Tell a worker where the results will be."""
        node.workerinput[SHARED] = str(self._shared)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:  # noqa: ANN401, ARG002
        """Run the engine in the controller, once, before any worker presents an item."""
        if self._result is not None or self._shared is None:
            return
        names = {identifier.rpartition("::")[2] for identifier in ids}
        known = self._groups()
        chosen = {
            (check, group)
            for check, groups in known.items()
            for group in groups
            if (f"{check}[{group}]" if len(groups) > 1 else check) in names
        }
        if chosen:
            self._run(chosen)
            _leave(self._shared, self._shown(chosen))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which items were chosen, for the plan holds what they need and no more."""
        self._chosen = {(item.check.name, item.group) for item in session.items if isinstance(item, CheckItem)}

    def shown(self, check: str, group: str) -> dict[str, Any]:
        """What an item shows; runs the engine if nobody has."""
        if self._shared is not None:
            return _found(self._shared)[f"{check}\0{group}"]
        if self._result is None:
            self._run(self._chosen)
            self._items = self._shown(self._chosen)
        return self._items[f"{check}\0{group}"]

    def _run(self, chosen: set[tuple[str, str]]) -> None:
        plan = self._plan(chosen)
        every = {(check, group) for check, groups in self._groups().items() for group in groups}
        try:
            self._result = run(self.suite, self._settings, plan, whole=chosen == every)
        except ConfigError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        except OSError as error:
            pytest.exit(
                f"the report cannot be written: {error}; give another --conformance-out",
                returncode=pytest.ExitCode.USAGE_ERROR,
            )
        if self._result.done.interrupted:
            raise KeyboardInterrupt

    def _shown(self, chosen: set[tuple[str, str]]) -> dict[str, dict[str, Any]]:
        result = self._result
        if result is None:
            return {}
        rows = {row["id"]: row for row in result.report["requirements"]}
        checks = {check.name: check for check in self.suite.registry.checks}
        judged = any(row["cases_judged"] for row in rows.values())
        items: dict[str, dict[str, Any]] = {}
        for name, group in chosen:
            check = checks[name]
            tally = result.judge.item(check, group)
            row = rows[check.requirement]
            findings = [
                finding
                for finding in row["findings"]
                if not group or not finding["fields"] or group in finding["fields"]
            ]
            items[f"{name}\0{group}"] = {
                "verdict": "waived" if row["verdict"] == "waived" else tally.verdict(),
                "reason": tally.reason(),
                "asked": row["asked"],
                "unjudged": result.report["stopped"] if result.report["outcome"] == "aborted" and not judged else "",
                "requirement": row,
                "findings": sorted(findings or row["findings"], key=is_known),
                "known": not tally.errors and not tally.unanswered and all(map(is_known, findings or row["findings"])),
            }
        return items

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A baseline that lists what is not so fails the session, as it fails the command."""
        told = self._result.report["baseline"] if self._result is not None else None
        if told is not None and complaints(told) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the run was and where its report is."""
        if self._result is None:
            return
        report = self._result.report
        terminalreporter.section("conformance")
        target = report["target"] or "the embedded reference server"
        terminalreporter.line(f"{target}: {report['outcome']}" + (" (a selection)" if report["partial"] else ""))
        if report["stopped"]:
            terminalreporter.line(one_line(report["stopped"]))
        for words in set_of(report):
            terminalreporter.line(one_line(words))
        if report["baseline"] is not None:
            terminalreporter.line(baseline_of(report))
            for words in complaints(report["baseline"]):
                terminalreporter.line(one_line(words), red=True)
        terminalreporter.line(
            f"{report['requests']} requests, {report['invoices_created']} invoices created, "
            f"{report['duration_s']:.1f} s"
        )
        terminalreporter.line(f"report: {self._result.folder / 'report.json'}")
        if views.annotates():
            for command in views.render(report, self._result.folder, "annotations").splitlines():
                terminalreporter.line(command)

    def pytest_report_header(self) -> str:
        """Name the target."""
        return f"target: {self._settings.base_url or 'the embedded reference server'}"


class CheckItem(pytest.Item):
    """One check, about one field where it has several."""

    def __init__(self, *, check: Check, group: str, face: Face, **keywords: Any) -> None:  # noqa: ANN401 - pytest's
        super().__init__(**keywords)
        self.check = check
        self.group = group
        self._face = face
        self.keywords[check.requirement] = True

    def runtest(self) -> None:
        """Show what the engine found."""
        shown = self._face.shown(self.check.name, self.group)
        verdict = shown["verdict"]
        if verdict == "fail" and not shown["asked"]:
            pytest.xfail(f"{shown['requirement']['level']}: {_brief(shown)}")
        if verdict == "fail" and shown["known"]:
            pytest.xfail(one_line(f"known: {known_words(shown['findings'][0])}: {_brief(shown)}"))
        if shown["unjudged"]:
            # One message instead of one an item: nothing at all was judged.
            pytest.exit(one_line(shown["unjudged"]), returncode=1)
        judged_elsewhere = shown["requirement"]["verdict"] in {"pass", "fail"}
        if verdict == "inconclusive" and (not shown["asked"] or judged_elsewhere):
            pytest.skip(one_line(f"inconclusive: {shown['reason']}"))
        if verdict == "waived":
            pytest.skip("waived by name")
        if verdict != "pass":
            raise NotHeldError(shown)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        """A finding in words; a traceback of the suite is of no use to who is judged by it."""
        if isinstance(excinfo.value, NotHeldError):
            return _told(excinfo.value.shown)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the check stands."""
        return self.path, self.check.line - 1, f"{self.check.requirement}: {self.name}"


class NotHeldError(AssertionError):
    """A requirement does not hold, or could not be judged."""

    def __init__(self, shown: dict[str, Any]) -> None:
        super().__init__(_brief(shown))
        self.shown = shown


def _brief(shown: dict[str, Any]) -> str:
    row = shown["requirement"]
    if shown["verdict"] != "fail" or not shown["findings"]:
        return one_line(f"{row['id']}: {shown['verdict']}: {shown['reason']}")
    finding = shown["findings"][0]
    return one_line(f"{row['id']}: expected {finding['expected']}; got {finding['got']}")


def _told(shown: dict[str, Any]) -> str:
    row = shown["requirement"]
    lines = [f"{row['level']} {row['id']}: {row['text']}"]
    if shown["verdict"] != "fail":
        return "\n".join(map(one_line, [*lines, f"{shown['verdict']}: {shown['reason']}"]))
    for finding in listed(shown):
        lines += ["", f"  {title_of(finding)}", *(f"  {label:<8} {text}" for label, text in told(finding))]
    if unlisted(shown):
        lines += ["", f"  {unlisted(shown)}"]
    lines += ["", f"  rule     {rule_of(row)} ({row['basis']}: {BASES[row['basis']]})"]
    if row["why"]:
        lines.append(f"  why      {row['why']}")
    # Terminals and CI systems would obey what the target says.
    return "\n".join(map(one_line, lines))


def _leave(folder: Path, items: dict[str, dict[str, Any]]) -> None:
    unfinished = folder / "items.part"
    unfinished.write_text(json.dumps(items), encoding="utf-8")
    unfinished.replace(folder / "items.json")


def _found(folder: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((folder / "items.json").read_text(encoding="utf-8"))
    return found


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing is left behind in the temporary folder by a controller."""
    face = config.pluginmanager.get_plugin("invoice-conformance-face")
    if face is not None and face._shared is not None and not hasattr(config, "workerinput"):  # noqa: SLF001 - ours
        for leftover in _leftovers(face._shared):  # noqa: SLF001 - ours
            leftover.unlink()
        face._shared.rmdir()  # noqa: SLF001 - ours


def _leftovers(folder: Path) -> Iterator[Path]:
    yield from list(folder.iterdir())
