"""What answers keep to themselves, and whom the server does not obey."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect_privacy import (
    KeepsItsPlace,
    NoLeakInSuccess,
    NothingForeign,
    NoToken,
    NotPolluted,
    NotTakenFrom,
)
from invoice_conformance.privacy_recipes import (
    FOREIGN_AMOUNT,
    POLLUTING,
    beside_another_tenant,
    deleted_from_the_start,
    said_of_every_object,
    set_elsewhere,
    tenant_in_the_body,
)
from invoice_conformance.recipes import nothing


@check("PRIVACY-TOKEN", expecting=NoToken(), watching=True)
def test_returns_no_credentials() -> Cases:
    """No answer holds the token of its request."""
    return nothing()


@check("PRIVACY-TENANT", expecting=NothingForeign(FOREIGN_AMOUNT))
def test_returns_nothing_of_another_tenant() -> Cases:
    """No answer tells of another tenant's ids or invoices."""
    return beside_another_tenant()


@check("PRIVACY-SUCCESS", expecting=NoLeakInSuccess(), watching=True)
def test_returns_successes_without_its_inside() -> Cases:
    """A success, and the head of any answer, hold nothing of the server's inside."""
    return nothing()


@check("OBEY-TENANT", expecting=KeepsItsPlace("another tenant's id in its body"))
def test_keeps_an_invoice_in_the_tenant_of_the_header() -> Cases:
    """A tenant in the body has no effect."""
    return tenant_in_the_body()


@check("OBEY-DELETION", expecting=KeepsItsPlace("a deletedAt in its body"))
def test_keeps_an_invoice_that_calls_itself_deleted() -> Cases:
    """A deletedAt in the body has no effect."""
    return deleted_from_the_start()


@check("OBEY-ELSEWHERE", expecting=NotTakenFrom())
def test_returns_its_own_values_whatever_stands_elsewhere() -> Cases:
    """The invoice takes nothing from _id, data, __proto__ and constructor."""
    return set_elsewhere()


@check("OBEY-LATER", expecting=NotPolluted("currencyCode", POLLUTING))
def test_refuses_no_currency_after_one_in_a_prototype() -> Cases:
    """A create is not completed from what another request said of every object."""
    return said_of_every_object()
