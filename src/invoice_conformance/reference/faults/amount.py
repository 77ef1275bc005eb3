"""Owns the faults in amountMinor's range and in how it is kept.

It must not know the other members.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import (
    Fault,
    Install,
    accepts,
    crashes,
    reads,
    refuses,
    shows,
)
from invoice_conformance.reference.strict_json import JsonValue, Number
from invoice_conformance.reference.validation import MAX_AMOUNT, Decimal, Given

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.validation import Reader

_INT32: Final = 2**31 - 1
_INT64: Final = 2**63 - 1
_MILLION: Final = 1_000_000


def _exact(value: Given) -> int | None:
    """The integer that was sent, of whatever sign, as far as 64 bits hold it."""
    if not isinstance(value, Number):
        return None
    decimal = Decimal.of(value)
    if decimal.exponent < 0 or len(decimal.digits) + decimal.exponent > len(str(_INT64)):
        return None
    size = int(decimal.digits or "0") * int(10**decimal.exponent)
    amount = -size if decimal.negative else size
    return amount if -_INT64 <= amount <= _INT64 else None


def _is(test: Callable[[int], bool]) -> Callable[[Given], bool]:
    def when(value: Given) -> bool:
        amount = _exact(value)
        return amount is not None and test(amount)

    return when


def _keeps(change: Callable[[int], int]) -> Install:
    def how(read: Reader, value: Given) -> JsonValue:
        kept = read(value)
        return change(kept) if isinstance(kept, int) else kept

    return reads(how, "amountMinor")


def _shown(change: Callable[[int], JsonValue]) -> Install:
    return shows(lambda value: change(value) if isinstance(value, int) else value, "amountMinor")


def _float32(amount: int) -> int:
    return int(struct.unpack("f", struct.pack("f", amount))[0])


def _wrapped(amount: int) -> int:
    return (amount + 2**31) % 2**32 - 2**31


FAULTS: Final = (
    Fault(
        "amount-stored-as-float32",
        "amount",
        "The column is a 32-bit float, so amounts above 2^24 lose their last digits.",
        _keeps(_float32),
    ),
    Fault(
        "amount-int32-wraps",
        "amount",
        "Amounts above 2^31-1 wrap around to negative ones.",
        _keeps(_wrapped),
    ),
    Fault(
        "amount-int32-refused",
        "amount",
        "The schema was generated with a 32-bit integer, so amounts above 2^31-1 are refused.",
        refuses(_is(lambda amount: amount > _INT32), "amountMinor"),
    ),
    Fault(
        "amount-int32-crashes",
        "amount",
        "The column is a 32-bit integer, so amounts above 2^31-1 give 500.",
        crashes(_is(lambda amount: amount > _INT32), "amountMinor"),
    ),
    Fault(
        "amount-int32-clamped",
        "amount",
        "The database clamps amounts to 2^31-1.",
        _keeps(lambda amount: min(amount, _INT32)),
    ),
    Fault(
        "amount-uint32-wraps",
        "amount",
        "Amounts are kept modulo 2^32.",
        _keeps(lambda amount: amount % 2**32),
    ),
    Fault(
        "amount-maximum-exclusive",
        "amount",
        "The maximum is compared with < and 9007199254740991 refused.",
        refuses(_is(lambda amount: amount == MAX_AMOUNT), "amountMinor"),
    ),
    Fault(
        "amount-maximum-one-more",
        "amount",
        "The maximum is written as 2^53, so 9007199254740992 is accepted.",
        accepts(_is(lambda amount: amount == MAX_AMOUNT + 1), lambda _: MAX_AMOUNT + 1, "amountMinor"),
    ),
    Fault(
        "amount-maximum-unchecked",
        "amount",
        "Everything that a 64-bit integer holds is accepted.",
        accepts(_is(lambda amount: amount > MAX_AMOUNT), _exact, "amountMinor"),
    ),
    Fault(
        "amount-minimum-unchecked",
        "amount",
        "Negative amounts are accepted.",
        accepts(_is(lambda amount: amount < 0), _exact, "amountMinor"),
    ),
    Fault(
        "amount-minimum-one-less",
        "amount",
        "The minimum is compared with > -2, so -1 is accepted.",
        accepts(_is(lambda amount: amount == -1), lambda _: -1, "amountMinor"),
    ),
    Fault(
        "amount-zero-refused",
        "amount",
        "The amount is tested for truth, so 0 counts as missing.",
        refuses(_is(lambda amount: amount == 0), "amountMinor"),
    ),
    Fault(
        "amount-as-string",
        "amount",
        "The serializer writes big integers, and with them every amount, as text.",
        _shown(str),
    ),
    Fault(
        "amount-in-major-units",
        "amount",
        "The response gives the amount divided by 100.",
        _shown(lambda amount: amount / 100),
    ),
    Fault(
        "amount-rounded-to-hundreds",
        "amount",
        "The amount is kept in whole major units, so its last two digits become 00.",
        _keeps(lambda amount: amount // 100 * 100),
    ),
    Fault(
        "amount-through-major-units",
        "amount",
        "The amount is divided by 100 and multiplied again as a double, so 29 comes back as 28.",
        _keeps(lambda amount: int(amount / 100 * 100)),
    ),
    Fault(
        "amount-six-significant-digits",
        "amount",
        "The amount is formatted with %g, so only its first six digits survive.",
        _keeps(lambda amount: int(float(f"{amount:g}"))),
    ),
    Fault(
        "amount-above-a-million-refused",
        "amount",
        "A business rule that the page does not have refuses amounts above 1000000.",
        refuses(_is(lambda amount: amount > _MILLION), "amountMinor"),
    ),
    Fault(
        "amount-negated",
        "amount",
        "Invoices are booked as credits, and the response shows the booking's sign.",
        _shown(lambda amount: -amount),
    ),
)
