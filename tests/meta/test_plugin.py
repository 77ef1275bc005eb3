"""What pytest shows of a run: its own ways keep working, one engine runs once, and a finding is told in words."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest
from tests.meta.facing import CANNED, ROOT, environment
from tests.meta.rawserver import Connection, RawServer, answer, answering

from invoice_conformance.reference.embed import FaultFarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AMOUNT = ("--conformance-requirement", "AMOUNT-*")
"""Three items."""
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "import sys, pytest; sys.exit(pytest.main())"
)


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as farm:
        yield farm


def started(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Pytest in the checkout, quick, with its cache and report in `folder`."""
    command = [sys.executable, "-c", INTERRUPTIBLE, "-o", f"cache_dir={folder / 'cache'}", "--color=no"]
    # Written with "=": pytest takes a word that is a path for where to look for its configuration.
    options = ["--conformance-profile", "quick", f"--conformance-out={folder / 'report'}"]
    if "-n" not in arguments:
        # What else is installed takes seconds to load.
        options += ["-p", "pytest_base_url.plugin"]
        more["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return subprocess.Popen(  # noqa: S603 - our own
        [*command, *options, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment(COLUMNS="200", **more),
    )


def pytested(folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit code of pytest and what it printed."""
    process = started(folder, *arguments, **more)
    try:
        printed, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, printed


def requests_of(folder: Path) -> int:
    """How many requests the report of `folder` counts; as many as the evidence holds."""
    report = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    evidence = (folder / "report" / "evidence.ndjson").read_bytes()
    assert report["requests"] == evidence.count(b"\n")
    return int(report["requests"])


# Which tests there are


def test_with_a_url_only_the_conformance_tests_are_collected_one_a_check_and_field(tmp_path: Path) -> None:
    with RawServer(answering(answer())) as server:
        code, printed = pytested(tmp_path, "--base-url", server.url, "--collect-only", "-q")

    items = [line for line in printed.splitlines() if "::" in line]
    assert code == 0
    assert len(items) > 65
    assert all(item.startswith("tests/conformance/test_") for item in items)
    assert "tests/conformance/test_amount.py::test_accepts_every_amount_in_range" in items
    assert any(item.endswith("[amountMinor]") for item in items)
    assert server.connections == 0
    assert not (tmp_path / "report").exists()


def test_without_a_url_the_reference_server_is_judged(tmp_path: Path) -> None:
    code, printed = pytested(tmp_path, "tests/conformance", *AMOUNT)

    assert code == 0
    assert "target: the embedded reference server" in printed
    assert "the embedded reference server: incomplete (a selection)" in printed
    assert "3 passed" in printed


def test_items_can_be_chosen_by_keyword_and_no_more_is_sent_than_they_need(farm: FaultFarm, tmp_path: Path) -> None:
    code, printed = pytested(tmp_path, "--base-url", farm.correct_url, *AMOUNT, "-k", "spelling", "-q")

    assert code == 0
    assert "1 passed, 2 deselected" in printed
    assert requests_of(tmp_path) < 15


# What they show


def test_a_finding_is_told_in_words_and_gives_1(farm: FaultFarm, tmp_path: Path) -> None:
    code, printed = pytested(tmp_path, "--base-url", farm.urls["amount-in-major-units"], *AMOUNT, "-v", "-x")

    assert code == 1
    assert "test_amount.py::test_returns_the_amount_unchanged FAILED" in printed
    assert "MUST AMOUNT-ECHO: An accepted amountMinor comes back unchanged." in printed
    for word in ("expected amountMinor to be the same number", "got      amountMinor=", "curl     N=", "rerun    "):
        assert f"\n  {word}" in printed
    assert '“"amountMinor": 5000' in printed
    assert f"report: {tmp_path / 'report' / 'report.json'}" in printed
    assert "Traceback" not in printed
    assert "stopping after 1 failures" in printed


def test_what_failed_last_can_be_run_alone(farm: FaultFarm, tmp_path: Path) -> None:
    target = ("--base-url", farm.urls["amount-in-major-units"], *AMOUNT, "-q")

    first, second = pytested(tmp_path, *target), pytested(tmp_path, *target, "--lf")

    assert "1 failed, 2 passed" in first[1]
    assert "1 failed in" in second[1]
    assert (first[0], second[0]) == (1, 1)


def test_a_should_below_the_gate_is_an_expected_failure_with_its_finding(farm: FaultFarm, tmp_path: Path) -> None:
    code, printed = pytested(tmp_path, "--base-url", farm.urls["amount-exponent-refused"], *AMOUNT, "-q", "-rx")

    assert code == 0
    assert "2 passed, 1 xfailed" in printed
    assert "XFAIL tests/conformance/test_amount.py::test_accepts_an_integer_in_any_spelling - " in printed
    assert "SHOULD: AMOUNT-SPELLING: expected" in printed


def test_a_should_fails_at_its_own_gate(farm: FaultFarm, tmp_path: Path) -> None:
    target = ("--base-url", farm.urls["amount-exponent-refused"], *AMOUNT, "-q")

    code, printed = pytested(tmp_path, *target, "--conformance-level", "should")

    assert code == 1
    assert "1 failed, 2 passed" in printed


def test_a_second_run_on_the_same_server_passes_too(farm: FaultFarm, tmp_path: Path) -> None:
    numbers = ("--base-url", farm.correct_url, "-k", "test_number", "-q")

    first, _ = pytested(tmp_path / "first", *numbers)
    second, printed = pytested(tmp_path / "second", *numbers)

    assert (first, second) == (0, 0)
    assert "the number may be used already" not in printed


def test_what_was_waived_is_skipped_by_name(farm: FaultFarm, tmp_path: Path) -> None:
    waived = ("--conformance-without", "AMOUNT-ECHO")

    code, printed = pytested(tmp_path, "--base-url", farm.urls["amount-in-major-units"], *AMOUNT, *waived, "-q", "-rs")

    assert code == 0
    assert "2 passed, 1 skipped" in printed
    assert "waived by name" in printed


def test_a_target_that_cannot_be_judged_fails_and_is_told_once(tmp_path: Path) -> None:
    canned = answer(b"", "401 Unauthorized", "WWW-Authenticate: Bearer")

    with RawServer(answering(canned)) as server:
        code, printed = pytested(tmp_path, "--base-url", server.url, *AMOUNT, "-q")

    assert code == 1
    assert f"{server.url}: aborted" in printed
    assert "Exit: the token is refused; check INVOICE_CONFORMANCE_TOKEN or --token-file" in printed
    assert "failed" not in printed
    assert requests_of(tmp_path) == 1


# One engine


def test_workers_only_present_what_one_engine_found_once(farm: FaultFarm, tmp_path: Path) -> None:
    code, printed = pytested(tmp_path, "--base-url", farm.urls["amount-in-major-units"], *AMOUNT, "-n", "2", "-v")

    created = (tmp_path / "report" / "created.csv").read_text(encoding="utf-8")
    assert code == 1
    assert "1 failed, 2 passed" in printed
    assert "got      amountMinor=" in printed
    assert printed.count(f"report: {tmp_path / 'report' / 'report.json'}") == 1
    # One run, one mark in its numbers.
    assert len({line.split(",")[1][:12] for line in created.splitlines()[1:]}) == 1
    assert 25 < requests_of(tmp_path) < 120


def test_ctrl_c_ends_pytest_as_it_always_does_and_the_report_is_written(tmp_path: Path) -> None:
    def slow(connection: Connection) -> None:
        while connection.read_request():
            if connection.stopping.wait(0.5):
                return
            connection.send(answer(CANNED, "201 Created", "Content-Type: application/json"))

    with RawServer(slow) as server:
        target = (
            "--base-url",
            server.url,
            "--conformance-requirement",
            "AMOUNT-ECHO",
            "--conformance-concurrency",
            "1",
        )
        process = started(tmp_path, *target)
        try:
            evidence = tmp_path / "report" / "evidence.ndjson"
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not (evidence.exists() and evidence.read_bytes().count(b"\n") > 3):
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=30)
        finally:
            process.kill()
            process.communicate()

    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "interrupted by Ctrl-C" in printed
    assert requests_of(tmp_path) > 3


# Mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--base-url", "localhost:8080"), "the base URL has no scheme; write it like http://localhost:8080"),
        (("--conformance-requirement", "AMOUNT-ECO"), "no requirement AMOUNT-ECO"),
        ((*AMOUNT, "--conformance-case", "nope", "tests/conformance"), "no case matches nope"),
        ((*AMOUNT, "--conformance-out=/dev/null/report", "tests/conformance"), "the report cannot be written"),
    ],
)
def test_a_mistake_gives_4_and_one_line(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    code, printed = pytested(tmp_path, *arguments, "-q")

    assert code == pytest.ExitCode.USAGE_ERROR
    assert sum(words in line for line in printed.splitlines()) == 1
    assert "Traceback" not in printed
    assert len(printed.splitlines()) < 8


# Others in one environment


def test_no_pytest_of_anybody_else_is_touched() -> None:
    ours = [entry for entry in entry_points(group="pytest11") if "invoice" in f"{entry.name} {entry.value}"]

    assert ours == []


def test_options_of_other_plugins_with_the_same_names_live_beside_ours(tmp_path: Path) -> None:
    names = ("--timeout", "--profile", "--seed", "--out", "--level", "--header")
    (tmp_path / "unrelated_plugin.py").write_text(
        "def pytest_addoption(parser):\n"
        f"    for name in {names!r}: parser.addoption(name)\n"
        "def pytest_report_header(config): return f'theirs: {config.getoption(\"timeout\")}'\n",
        encoding="utf-8",
    )
    ours = ("tests/conformance", "--conformance-timeout", "7", "--conformance-requirement", "AMOUNT-ECHO")

    code, printed = pytested(tmp_path, "-p", "unrelated_plugin", "--timeout", "60", *ours, PYTHONPATH=str(tmp_path))

    configuration = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))["configuration"]
    assert code == 0
    assert "theirs: 60" in printed
    assert configuration["timeout"] == 7
