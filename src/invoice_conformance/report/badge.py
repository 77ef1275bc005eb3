"""Owns the badge: an image that a README shows, and the same for shields.io's endpoint.

It shows the outcome and nothing that the target said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoice_conformance.report.document import Report

LABEL = "invoice conformance"
COLOURS = {
    "full": ("brightgreen", "#3a7d0f"),
    "core": ("green", "#4f7a12"),
    "not-conformant": ("red", "#b3261e"),
    "incomplete": ("yellow", "#7a5c00"),
    "aborted": ("lightgrey", "#5f6368"),
}
"""Of each outcome: shields.io's name, and a colour on which white text has a contrast of 4.5 or more."""
WIDTHS = {"i": 3, "l": 3, "t": 4.3, "f": 3.9, "r": 4.7, "m": 10.7, "w": 9, " ": 3.9, "(": 5, ")": 5, "-": 5, ":": 5}
"""Widths of letters in 11 px Verdana where they differ from the usual one."""
USUAL = 6.8


def message_of(report: Report) -> str:
    """The words on the badge's right side."""
    if report["partial"] and report["outcome"] == "incomplete":
        return "selection"
    words = str(report["outcome"]).replace("-", " ")
    notes = [f"{len(report['waived'])} waived"] if report["waived"] else []
    notes += [f"set {report['set']['name']}"] if report["set"]["pinned"] else []
    notes += ["baseline"] if report["baseline"] is not None else []
    return f"{words} ({', '.join(notes)})" if notes else words


def shields(report: Report) -> str:
    """JSON for https://shields.io/badges/endpoint-badge."""
    return (
        json.dumps(
            {
                "schemaVersion": 1,
                "label": LABEL,
                "message": message_of(report),
                "color": COLOURS[report["outcome"]][0],
            },
            indent=1,
        )
        + "\n"
    )


def badge(report: Report) -> str:
    """A flat badge as SVG, with its words as title for who does not see it."""
    return drawn(message_of(report), COLOURS[report["outcome"]][1])


def drawn(message: str, colour: str) -> str:
    """A badge with these words on its right side, which hold no markup, on this colour."""
    left, right = _width(LABEL), _width(message)
    texts = "".join(
        f'<text x="{x + 6}" y="14" textLength="{width - 12}" lengthAdjust="spacingAndGlyphs">{words}</text>'
        for x, width, words in ((0, left, LABEL), (left, right, message))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{LABEL}: {message}"><title>{LABEL}: {message}</title>'
        f'<rect width="{left}" height="20" fill="#444"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
    )


def _width(words: str) -> int:
    return round(sum(WIDTHS.get(letter, USUAL) for letter in words)) + 12
