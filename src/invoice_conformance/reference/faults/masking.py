"""Owns the faults that change a number because of what it looks like.

It must not know the faults that change every text.
"""

from __future__ import annotations

import re
from typing import Final

from invoice_conformance.reference.faults.hooks import Fault, Install, keeps

_NUMBER: Final = "invoiceNumber"


def _replaces(pattern: str, replacement: str) -> Install:
    compiled = re.compile(pattern)
    return keeps(lambda text: compiled.sub(replacement, text), _NUMBER)


FAULTS: Final = (
    Fault(
        "number-masked-like-card",
        "number",
        "What looks like a payment card's number is masked, but for its last digits.",
        _replaces(r"\b[0-9]{12}([0-9]{4})\b", r"************\1"),
    ),
    Fault(
        "number-masked-like-iban",
        "number",
        "What looks like a bank account's number is masked.",
        _replaces(r"\b[A-Z]{2}[0-9]{2}[0-9]{14,30}\b", "[redacted]"),
    ),
    Fault(
        "number-date-completed",
        "number",
        "What looks like a day gets a time, as dates have in this API.",
        _replaces(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})$", r"\1T00:00:00.000Z"),
    ),
    Fault(
        "number-variation-selectors-dropped",
        "number",
        "The signs behind a symbol that choose its form are taken for noise and dropped.",
        _replaces("[\ufe0e\ufe0f]", ""),
    ),
    Fault(
        "number-line-separators-replaced",
        "number",
        "U+2028 and U+2029 become line feeds, for old scripts cannot read them.",
        _replaces("[\u2028\u2029]", "\n"),
    ),
    Fault(
        "number-trailing-run-of-space-collapsed",
        "number",
        "Several spaces at the end of a number become one.",
        _replaces(" {2,}$", " "),
    ),
)
