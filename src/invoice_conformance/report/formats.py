"""Owns the names of the views and of their files; it makes none, so that a command line may ask it quickly."""

from __future__ import annotations

FILES = {
    "html": "report.html",
    "junit": "junit.xml",
    "summary": "summary.md",
    "badge": "badge.svg",
    "shields": "shields.json",
    "har": "evidence.har",
    "json": "report.json",
    "annotations": None,
    "text": None,
}
"""Formats, and the files that they go to beside the report; those without one are for a terminal or a pipe."""
BESIDE = ("html", "junit", "summary", "badge", "shields")
"""What a run leaves beside its report. The archive is as large as the evidence and is made when it is asked for."""
