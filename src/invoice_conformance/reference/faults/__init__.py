"""Owns the registry of faults.

It must not know how a fault is brought about.
"""

from __future__ import annotations

import difflib
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults import (
    access,
    amount,
    coercions,
    currency,
    endurance,
    gateway,
    heads,
    indexes,
    interactions,
    masking,
    message,
    mixtures,
    negotiation,
    nul,
    number,
    presence,
    privacy,
    rate,
    requests,
    resource,
    steadiness,
    tenants,
    timestamps,
    uniqueness,
    wire,
    writing,
)
from invoice_conformance.reference.faults.hooks import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from invoice_conformance.reference.service import Service

__all__ = ["FAULTS", "Fault", "install", "unknown_fault"]

_AREAS: Final[tuple[tuple[Fault, ...], ...]] = (
    presence.FAULTS,
    amount.FAULTS,
    rate.FAULTS,
    currency.FAULTS,
    number.FAULTS,
    timestamps.FAULTS,
    resource.FAULTS,
    uniqueness.FAULTS,
    access.FAULTS,
    wire.FAULTS,
    heads.FAULTS,
    message.FAULTS,
    requests.FAULTS,
    steadiness.FAULTS,
    interactions.FAULTS,
    privacy.FAULTS,
    endurance.FAULTS,
    nul.FAULTS,
    indexes.FAULTS,
    tenants.FAULTS,
    coercions.FAULTS,
    negotiation.FAULTS,
    masking.FAULTS,
    gateway.FAULTS,
    mixtures.FAULTS,
    writing.FAULTS,
)

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType({fault.name: fault for faults in _AREAS for fault in faults})
"""Every fault by its name, area by area."""


def install(fault: Fault, service: Service) -> None:
    """Give `service` this fault."""
    fault.install(service)


def unknown_fault(name: str) -> str:
    """What to tell somebody who asked for a fault that there is not."""
    near = difflib.get_close_matches(name, FAULTS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "see --list-faults"
    return f"no fault {name}; {hint}"
