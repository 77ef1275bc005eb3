"""What other plugins of pytest do to a run under it: each shows it in its own way, and none of them breaks it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.meta.facing import ROOT, environment

from invoice_conformance.reference.embed import FaultFarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as farm:
        yield farm


def pytested(folder: Path, url: str, *arguments: str) -> tuple[int, str]:
    """The exit code and output of pytest with these plugins alone; its report is in `folder`."""
    done = subprocess.run(  # noqa: S603 - our own
        [
            sys.executable,
            *("-m", "pytest", "-q", "--color=no", "-o", f"cache_dir={folder / 'cache'}"),
            *("-p", "pytest_base_url.plugin", *arguments),
            *("--base-url", url, f"--conformance-out={folder / 'report'}", "--conformance-profile", "quick"),
            *("--conformance-requirement", "AMOUNT-ECHO"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def verdict(folder: Path) -> str:
    report = json.loads((folder / "report" / "report.json").read_text(encoding="utf-8"))
    return next(str(row["verdict"]) for row in report["requirements"] if row["id"] == "AMOUNT-ECHO")


@pytest.fixture(params=["conforming", "broken"])
def target(request: pytest.FixtureRequest, farm: FaultFarm) -> tuple[str, int, str]:
    """A server, the exit code of pytest that it deserves, and its verdict."""
    if request.param == "conforming":
        return farm.correct_url, 0, "pass"
    return farm.urls["amount-in-major-units"], 1, "fail"


def test_pytest_html_makes_its_page(target: tuple[str, int, str], tmp_path: Path) -> None:
    pytest.importorskip("pytest_html", reason="pytest-html is not installed")
    url, code, judged = target

    plugins = ("-p", "pytest_metadata.plugin", "-p", "pytest_html.plugin")
    ran, said = pytested(tmp_path, url, *plugins, f"--html={tmp_path / 'page.html'}", "--self-contained-html")

    assert (ran, verdict(tmp_path)) == (code, judged), said
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "test_amount.py" in page
    assert ("expected amountMinor to be the same number as was sent" in page) is (code == 1)


def test_allure_writes_a_result_an_item(target: tuple[str, int, str], tmp_path: Path) -> None:
    pytest.importorskip("allure_pytest", reason="allure-pytest is not installed")
    url, code, judged = target

    ran, said = pytested(tmp_path, url, "-p", "allure_pytest.plugin", f"--alluredir={tmp_path / 'allure'}")

    assert (ran, verdict(tmp_path)) == (code, judged), said
    results = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "allure").glob("*-result.json")]
    assert results
    statuses = {result["status"] for result in results}
    assert statuses == ({"passed"} if code == 0 else {"failed"})


def test_workers_of_xdist_share_one_run(farm: FaultFarm, tmp_path: Path) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")

    ran, said = pytested(tmp_path, farm.correct_url, "-p", "xdist.plugin", "-n", "2")

    assert (ran, verdict(tmp_path)) == (0, "pass"), said


def test_all_of_them_at_once(farm: FaultFarm, tmp_path: Path) -> None:
    for name in ("pytest_html", "allure_pytest", "xdist"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    plugins = ("pytest_metadata.plugin", "pytest_html.plugin", "allure_pytest.plugin", "xdist.plugin")

    ran, said = pytested(
        tmp_path,
        farm.urls["amount-in-major-units"],
        *(word for plugin in plugins for word in ("-p", plugin)),
        *("-n", "2", f"--html={tmp_path / 'page.html'}", f"--alluredir={tmp_path / 'allure'}"),
    )

    assert (ran, verdict(tmp_path)) == (1, "fail"), said
    assert (tmp_path / "page.html").exists()
    assert list((tmp_path / "allure").glob("*-result.json"))
