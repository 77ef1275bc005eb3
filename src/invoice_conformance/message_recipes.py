"""Owns the cases of the message rows: one of each kind of answer, so that each row can be judged alone.

All of them are cases of other rows too; a whole run sends nothing more for these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoice_conformance.checks import Cases, Script
from invoice_conformance.recipes import plain
from invoice_conformance.wire_recipes import chunked, missing_credentials, safe_methods, unknown_methods, unknown_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.checks import Scope

REFUSED = 6
"""Illegal values that stand for all refusals."""


def answers_of_each_kind() -> Cases:
    """A success, refusals of bodies, credentials, methods and paths, and answers without a body."""
    elsewhere = missing_credentials() | unknown_methods() | unknown_path() | chunked()
    return _bodies() | safe_methods() | elsewhere


def bodiless_answers() -> Cases:
    """What is answered without a body, if it is answered well."""
    return safe_methods()


def _bodies() -> Cases:
    def recipe(scope: Scope) -> Iterator[Script]:
        yield Script("plain", (("act", plain(scope.contract)),))
        illegal = [edge.id for edge in scope.edges if not edge.legal]
        yield from (scope.scripts[name] for name in illegal[:: max(1, len(illegal) // REFUSED)])

    return Cases(recipe)
