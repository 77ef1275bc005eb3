"""What matrix.html does in a real browser: opens from a file, asks for nothing, fits a telephone, is accessible.

Skipped by name on a machine without Playwright for Python and Chromium on the PATH.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.reports import report

from invoice_conformance.report.matrix import Column, as_html, compare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
if CHROMIUM is None:
    pytest.skip("Chromium is not on the PATH", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_quietly_fits_and_is_accessible(
    browser: Any,  # noqa: ANN401 - Playwright is not always there
    width: int,
    scheme: str,
    tmp_path: Path,
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe for Playwright is not installed")
    columns = [
        Column("release 1.4", report()),
        Column("release 1.5", report(requirements=report()["requirements"][:3])),
    ]
    (tmp_path / "matrix.html").write_text(as_html(compare(columns)), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    heard: list[str] = []
    tab.on("console", lambda message: heard.append(f"console: {message.text}"))
    tab.on("pageerror", lambda error: heard.append(f"error: {error}"))
    tab.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
    tab.on("request", lambda asked: heard.append(f"request: {asked.url}"))

    tab.goto((tmp_path / "matrix.html").as_uri())
    fits = tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    said = [*heard]
    wrong = axe.Axe().run(tab).response["violations"]
    context.close()

    assert said == [f"request: {(tmp_path / 'matrix.html').as_uri()}"]
    assert fits
    assert [(one["id"], one["impact"], [node["html"] for node in one["nodes"]]) for one in wrong] == []
