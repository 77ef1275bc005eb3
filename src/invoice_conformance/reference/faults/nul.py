"""Owns the faults of a database that holds no U+0000, where the members are no invoice number.

It must not know the faults in any member's ordinary values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, crash, reviews, trips_over
from invoice_conformance.reference.validation import READERS

if TYPE_CHECKING:
    from invoice_conformance.reference.store import Members
    from invoice_conformance.reference.strict_json import JsonValue

_NUL: Final = "\0"


def _holds_nul(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return any(_NUL in name or _holds_nul(inner) for name, inner in value.items())
    return any(map(_holds_nul, value)) if isinstance(value, list) else isinstance(value, str) and _NUL in value


def _unknown_with_nul(document: Members) -> bool:
    return _holds_nul({name: value for name, value in document.items() if name not in READERS})


FAULTS: Final = (
    Fault(
        "contract-nul-crashes",
        "access",
        "The contract is looked up in a database that takes no U+0000 in its parameters: 500.",
        trips_over(lambda value: isinstance(value, str) and _NUL in value, "contractId"),
    ),
    Fault(
        "unknown-nul-crashes",
        "json",
        "Members that nobody knows are kept in a JSON column, which takes no U+0000: 500.",
        reviews(lambda document: crash() if _unknown_with_nul(document) else None),
    ),
)
