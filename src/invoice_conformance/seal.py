"""Owns the badge of a certificate: an image that a README shows, with what holds until when.

It shows what a verification vouches for, and nothing that a stranger wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoice_conformance.verify import Verification

LABEL = "invoice conformance"
COLOURS = {"full": "#3a7d0f", "core": "#4f7a12", "expired": "#5f6368"}
"""Colours on which white text has a contrast of 4.5 or more."""
WIDE = 6.8
"""Width of most letters in 11 px Verdana; the text is fitted to what is reckoned."""


def badge(found: Verification) -> str:
    """A flat badge as SVG, with its words as title for who does not see it."""
    until = str(found.facts["expires_at"])[:10]
    return drawn(f"{found.facts['outcome']}, {found.facts['set']}, until {until}", COLOURS[found.facts["outcome"]])


def drawn(message: str, colour: str) -> str:
    """A badge with these words on its right side; they hold no markup."""
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
    return round(len(words) * WIDE) + 12
