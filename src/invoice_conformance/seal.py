"""Owns the badge of a certificate: an image that a README shows, with what holds until when.

It shows what a verification vouches for, and nothing that a stranger wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoice_conformance.report.badge import COLOURS, drawn

if TYPE_CHECKING:
    from invoice_conformance.verify import Verification

EXPIRED = COLOURS["aborted"][1]


def badge(found: Verification, *, expired: bool = False) -> str:
    """What a verification vouches for, and until when; or that it was so once."""
    if expired:
        return drawn("expired", EXPIRED)
    until = str(found.facts["expires_at"])[:10]
    return drawn(f"{found.facts['outcome']}, {found.facts['set']}, until {until}", COLOURS[found.facts["outcome"]][1])
