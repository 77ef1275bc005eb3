"""Owns the cases that are sent for the head of their answer.

It makes cases and sends none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from invoice_conformance.case import Case
from invoice_conformance.checks import Cases, Scope, Script
from invoice_conformance.expect_heads import FOREIGN_ORIGIN
from invoice_conformance.recipes import plain
from invoice_conformance.wire_recipes import with_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGIN: Final = ("Origin", FOREIGN_ORIGIN)
PREFLIGHT: Final = (
    ORIGIN,
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,content-type,tenant-id"),
)
"""What a browser asks before it lets a web site send an invoice."""


def foreign_site() -> Cases:
    """The plain invoice as a browser sends it for a web site elsewhere, and the question that goes before."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for case in (
            with_headers(plain(scope.contract), "the plain invoice from a foreign web site", ORIGIN),
            Case("a preflight from a foreign web site", (), method="OPTIONS", headers=PREFLIGHT),
        ):
            yield Script.alone(case)

    return Cases(recipe)
