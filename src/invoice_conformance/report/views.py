"""Owns which views of a report there are, what their files are called, and making them from `report.json` again.

It judges nothing, and knows nothing of a run beyond its report and its evidence.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from invoice_conformance.evidence import EVIDENCE
from invoice_conformance.report import document
from invoice_conformance.report.formats import BESIDE, FILES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from invoice_conformance.report.document import Report


def load(place: Path) -> tuple[Report, Path]:
    """The report in a folder (or in a file of it), and that folder; NotAReport when there is none."""
    return document.load(place), place if place.is_dir() else place.parent


def render(report: Report, folder: Path, view: str) -> str:
    """One view of a report as text; OSError when it needs evidence that is not in the folder."""
    return MAKERS[view](report, folder)


# Each view brings its own library, and is often asked for alone.
# ruff: noqa: PLC0415


def _html(report: Report, _folder: Path) -> str:
    from invoice_conformance.report.page import page

    return page(report)


def _junit(report: Report, _folder: Path) -> str:
    from invoice_conformance.report.junit import junit

    return junit(report)


def _summary(report: Report, _folder: Path) -> str:
    from invoice_conformance.report.summary import summary

    return summary(report)


def _annotations(report: Report, _folder: Path) -> str:
    from invoice_conformance.report.summary import workflow_commands

    return workflow_commands(report)


def _badge(report: Report, _folder: Path) -> str:
    from invoice_conformance.report.badge import badge

    return badge(report)


def _shields(report: Report, _folder: Path) -> str:
    from invoice_conformance.report.badge import shields

    return shields(report)


def _har(report: Report, folder: Path) -> str:
    from invoice_conformance.report.har import har

    archive = io.StringIO()
    try:
        har(report, folder / EVIDENCE, archive)
    except (KeyError, TypeError, ValueError) as error:
        raise document.NotAReport(f"{folder / EVIDENCE} is no evidence of this version: {error!r}") from None
    return archive.getvalue()


def _text(report: Report, folder: Path) -> str:
    from rich.console import Console

    from invoice_conformance.report.terminal import conclusion

    console = Console(file=io.StringIO(), highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(conclusion(report, folder), soft_wrap=True)
    return captured.get()


MAKERS: dict[str, Callable[[Report, Path], str]] = {
    "html": _html,
    "junit": _junit,
    "summary": _summary,
    "badge": _badge,
    "shields": _shields,
    "har": _har,
    "json": lambda report, _folder: document.written(report),
    "annotations": _annotations,
    "text": _text,
}


def prepare() -> None:
    """Bring in what the views that every run leaves are made with."""
    from invoice_conformance.report import junit, page, summary  # noqa: F401 - all but the page's need nothing more

    page.prepare()


def write_beside(report: Report, folder: Path) -> list[Path]:
    """Write the views that every run leaves beside its report; returns their files."""
    written = []
    for view in BESIDE:
        path = folder / str(FILES[view])
        write(render(report, folder, view), path)
        written.append(path)
    return written


def write(text: str, path: Path) -> None:
    """Write a view, whole or not at all; a lone surrogate that a report holds is spelled out."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(text.encode("utf-8", errors="backslashreplace"))
    unfinished.replace(path)


def annotates() -> bool:
    """Whether GitHub Actions reads the output."""
    return os.environ.get("GITHUB_ACTIONS") == "true"
