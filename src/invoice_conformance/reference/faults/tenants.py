"""Owns the faults that keep two tenants less apart than they should be.

It must not know what an invoice holds beside its id, number and contract.
"""

from __future__ import annotations

import hashlib
from typing import Final

from invoice_conformance.reference.faults.hooks import Fault, composes, presents
from invoice_conformance.reference.service import DEFAULT_TENANTS, identifier

FAULTS: Final = (
    Fault(
        "id-made-of-number",
        "resource",
        "The id is a hash of the number without the tenant, so two tenants' invoices can have the same.",
        composes(
            lambda _, invoice: {
                **invoice,
                "id": identifier(
                    hashlib.sha256(str(invoice["invoiceNumber"]).encode("utf-8", "surrogatepass")).digest()
                ),
            }
        ),
    ),
    Fault(
        "contract-of-first-tenant-shown",
        "resource",
        "The contract is looked up without its tenant when it is shown: the first one's comes back to all.",
        presents(lambda invoice: {**invoice, "contract": next(iter(DEFAULT_TENANTS.values()))[0]}),
    ),
)
