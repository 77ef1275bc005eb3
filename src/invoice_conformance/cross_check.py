"""Owns asking a server once more what a certificate says of it: the same plan, and the verdicts side by side.

It judges as every run does; the certificate's own evidence it does not use.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from invoice_conformance.certify import settled
from invoice_conformance.session import run
from invoice_conformance.verify import Answer

if TYPE_CHECKING:
    from invoice_conformance.config import Settings
    from invoice_conformance.session import Suite
    from invoice_conformance.verify import Verification

NAMED = 5


def replayed(suite: Suite, found: Verification, settings: Settings) -> Answer:
    """Whether the server at the settings' URL gives the certificate's verdicts; ConfigError when it cannot be asked."""
    asked = settled(replace(settings, set=found.facts["set"]))
    with tempfile.TemporaryDirectory(prefix="invoice-conformance-") as folder:
        result = run(suite, replace(asked, out=Path(folder) / "report"), suite.plan(asked), writes=False)
    if result.done.stopped is not None:
        return Answer("replay", ok=False, words=f"the server was not asked to the end: {result.done.stopped}")
    said = found.facts["verdicts"]
    differing = [
        f"{row.requirement.id}: {said[row.requirement.id]} in the certificate, {row.verdict} now"
        for row in result.rows
        if row.requirement.id in said and row.verdict != said[row.requirement.id]
    ]
    if differing:
        more = f", and {len(differing) - NAMED} more" if len(differing) > NAMED else ""
        return Answer("replay", ok=False, words="; ".join(differing[:NAMED]) + more)
    return Answer("replay", ok=True, words=f"{settings.base_url} gives the same {len(said)} verdicts")
