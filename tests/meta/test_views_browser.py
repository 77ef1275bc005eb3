"""What report.html does in a real browser: opens from a file, filters, runs nothing of the target's, fits a telephone.

Skipped by name on a machine without Playwright for Python and Chromium on the PATH, unless REQUIRE_BROWSER is set.
"""

from __future__ import annotations

import importlib
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.reports import ROWS, report
from tests.sample import FOLDER

from invoice_conformance.report.page import page as made

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if os.environ.get("REQUIRE_BROWSER"):
    playwright = importlib.import_module("playwright.sync_api")
    assert CHROMIUM is not None, "Chromium is not on the PATH"
else:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not on the PATH", allow_module_level=True)
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(params=WIDTHS)
def opened(browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Any, list[str]]]:  # noqa: ANN401 - Playwright is not always there
    """The hostile report in a browser, with everything that it complained of, asked for or said."""
    (tmp_path / "report.html").write_text(made(report()), encoding="utf-8")
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    tab = context.new_page()
    heard: list[str] = []
    tab.on("console", lambda message: heard.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: heard.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
    tab.on("request", lambda asked: heard.append(f"request: {asked.url}"))
    tab.goto((tmp_path / "report.html").as_uri())
    yield tab, heard
    context.close()


def test_it_opens_quietly_and_runs_nothing_of_the_target_s(opened: tuple[Any, list[str]]) -> None:
    tab, heard = opened

    tab.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    assert [words for words in heard if not words.startswith("request: file:")] == []
    assert len(heard) == 1
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_filters_by_words_and_verdict(opened: tuple[Any, list[str]]) -> None:
    tab, _heard = opened

    def shown() -> list[str]:
        found: list[str] = tab.evaluate("[...document.querySelectorAll('.row:not([hidden])')].map((row) => row.id)")
        return found

    assert len(shown()) == len(ROWS)
    tab.get_by_label("Verdict").select_option("inconclusive")
    assert sorted(shown()) == ["DATE-OPEN", "TENANT-FOREIGN"]
    assert tab.get_by_role("status").inner_text() == f"2 of {len(ROWS)} shown"
    tab.get_by_label("Search").fill("sentence DATE-OPEN")
    assert shown() == ["DATE-OPEN"]
    tab.get_by_role("button", name="Clear").click()
    assert len(shown()) == len(ROWS)


def test_a_link_opens_its_requirement_even_when_it_is_filtered_out(opened: tuple[Any, list[str]]) -> None:
    tab, _heard = opened
    tab.get_by_label("Verdict").select_option("pass")

    tab.get_by_role("link", name="AMOUNT-ECHO").first.click()

    row = tab.locator("#AMOUNT-ECHO")
    row.get_by_text("curl: send it again").first.wait_for(state="visible")
    assert row.get_attribute("open") is not None
    assert tab.evaluate("document.activeElement.closest('details').id") == "AMOUNT-ECHO"


def test_the_keyboard_opens_a_requirement(opened: tuple[Any, list[str]]) -> None:
    tab, _heard = opened

    tab.locator("#AMOUNT-HELD > summary").focus()
    tab.keyboard.press("Enter")

    assert tab.locator("#AMOUNT-HELD").get_attribute("open") is not None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_wrong(browser: Any, width: int, scheme: str) -> None:  # noqa: ANN401 - Playwright is not always there
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe for Playwright is not installed")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto((FOLDER / "report.html").as_uri())
    tab.evaluate("document.querySelectorAll('[data-verdict=fail], .exchange').forEach((one) => { one.open = true; })")

    found = axe.Axe().run(tab).response["violations"]

    context.close()
    assert [(one["id"], one["impact"], [node["html"] for node in one["nodes"]]) for one in found] == []
