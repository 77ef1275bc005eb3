"""The invoice resource that a success returns."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import (
    STATUSES,
    ClockRuns,
    CreatedNow,
    Echoed,
    HasData,
    HasMembers,
    IdsDistinct,
    MemberIs,
    NotObeyed,
    UpdatedAfterCreated,
)
from invoice_conformance.recipes import nothing, server_set

IN_PATTERN = "a date-time in the page's pattern (UTC, with Z)"
RFC3339 = "an RFC 3339 date-time with its offset"


@check("RESOURCE-DATA", expecting=HasData(), watching=True)
def test_returns_data() -> Cases:
    """The body of a success is an object with an object data."""
    return nothing()


@check("RESOURCE-MEMBERS", expecting=HasMembers(), watching=True)
def test_returns_every_member() -> Cases:
    """The resource has every member that the page's example shows, the three dates aside."""
    return nothing()


@check("RESOURCE-ID", expecting=MemberIs("id", "text", words="a string that is not empty"), watching=True)
def test_returns_an_id() -> Cases:
    """The resource's id is a string that is not empty."""
    return nothing()


@check("RESOURCE-ID-DISTINCT", fold=IdsDistinct)
def test_returns_another_id_for_every_invoice() -> Cases:
    """No two invoices have the same id."""
    return nothing()


@check(
    "RESOURCE-ID-FORM",
    expecting=MemberIs("id", "pattern", ("^inv_[a-z0-9]{24}$",), "inv_ and 24 lower-case letters or digits"),
    watching=True,
)
def test_returns_an_id_like_the_others() -> Cases:
    """The resource's id is formed like the page's other ids."""
    return nothing()


@check("RESOURCE-CONTRACT", expecting=Echoed("contractId", "string", member="contract", untouched=True), watching=True)
def test_returns_the_contract() -> Cases:
    """The resource's contract is the contractId that was sent."""
    return nothing()


@check("RESOURCE-STATUS", expecting=MemberIs("status", "text", words="a string that is not empty"), watching=True)
def test_returns_a_status() -> Cases:
    """The resource's status is a string that is not empty."""
    return nothing()


@check(
    "RESOURCE-STATUS-KNOWN",
    expecting=MemberIs("status", "one-of", STATUSES, "DRAFT, FINALIZED or VOID"),
    watching=True,
)
def test_returns_a_known_status() -> Cases:
    """The resource's status is one that the API's other operations know."""
    return nothing()


@check(
    "RESOURCE-STATUS-VOID",
    expecting=MemberIs("status", "not-one-of", ("VOID",), "other than VOID, for the invoice is new"),
    watching=True,
)
def test_returns_an_invoice_that_counts() -> Cases:
    """A new invoice is not VOID."""
    return nothing()


@check("RESOURCE-TIMESTAMPS", expecting=MemberIs("createdAt", "rfc3339", words=RFC3339), watching=True)
def test_returns_when_it_was_created() -> Cases:
    """The resource's createdAt is an RFC 3339 date-time."""
    return nothing()


@check("RESOURCE-TIMESTAMPS", expecting=MemberIs("updatedAt", "rfc3339", words=RFC3339), watching=True)
def test_returns_when_it_was_updated() -> Cases:
    """The resource's updatedAt is an RFC 3339 date-time."""
    return nothing()


@check(
    "RESOURCE-TIMESTAMPS-FORM",
    expecting=MemberIs("createdAt", "pattern", words=IN_PATTERN),
    watching=True,
)
def test_returns_created_in_pattern() -> Cases:
    """The resource's createdAt is written in the page's pattern."""
    return nothing()


@check(
    "RESOURCE-TIMESTAMPS-FORM",
    expecting=MemberIs("updatedAt", "pattern", words=IN_PATTERN),
    watching=True,
)
def test_returns_updated_in_pattern() -> Cases:
    """The resource's updatedAt is written in the page's pattern."""
    return nothing()


@check("RESOURCE-CREATED-NOW", expecting=CreatedNow(), watching=True)
def test_returns_the_time_of_the_create() -> Cases:
    """The resource's createdAt is the time of the create."""
    return nothing()


@check("RESOURCE-CREATED-NOW", fold=ClockRuns)
def test_returns_a_time_that_moves_on() -> Cases:
    """The resource's createdAt is not that of an invoice made several seconds before."""
    return nothing()


@check("RESOURCE-UPDATED", expecting=UpdatedAfterCreated(), watching=True)
def test_returns_an_update_after_the_create() -> Cases:
    """The resource's updatedAt is not before its createdAt."""
    return nothing()


@check("RESOURCE-SERVER-SET", expecting=NotObeyed())
def test_returns_its_own_id_status_and_time() -> Cases:
    """The id, status and times of a client have no effect."""
    return server_set()
