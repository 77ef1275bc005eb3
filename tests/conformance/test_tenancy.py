"""Whose invoices they are: tenant and contract."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import BothCreated
from invoice_conformance.expect_http import RefusedForThat, Understood
from invoice_conformance.request_recipes import tenant_elsewhere
from invoice_conformance.second import invented_contracts, invented_requests
from invoice_conformance.wire_recipes import (
    foreign_contract,
    lookalike_ids,
    missing_tenant,
    same_number_in_another_tenant,
    tenant_header_names,
    unknown_contract,
    unknown_tenant,
)


@check("TENANT-REQUIRED", expecting=RefusedForThat("tenant-id is required"))
def test_refuses_a_missing_tenant() -> Cases:
    """A create without tenant-id, or with an empty one, is refused."""
    return missing_tenant() | invented_requests("tenant") | tenant_elsewhere()


@check("TENANT-UNKNOWN", expecting=RefusedForThat("there is no such tenant"))
def test_refuses_an_unknown_tenant() -> Cases:
    """A create in a tenant that does not exist is refused."""
    return unknown_tenant()


@check("TENANT-NAME-CASE", expecting=Understood("field names are case-insensitive"))
def test_accepts_the_header_in_any_letter_case() -> Cases:
    """The header tenant-id is understood in any letter case."""
    return tenant_header_names()


@check("TENANT-CONTRACT-UNKNOWN", expecting=RefusedForThat("there is no such contract"))
def test_refuses_an_unknown_contract() -> Cases:
    """A create for a contract that does not exist is refused."""
    return unknown_contract() | invented_contracts()


@check("TENANT-IDS-EXACT", expecting=RefusedForThat("this is another id"))
def test_refuses_ids_that_look_alike() -> Cases:
    """A tenant or contract id in other letter case, encoded, under another prefix, or with a space, is another id."""
    return lookalike_ids()


@check("TENANT-FOREIGN-CONTRACT", expecting=RefusedForThat("the contract is another tenant's"))
def test_refuses_a_foreign_contract() -> Cases:
    """A create for another tenant's contract is refused."""
    return foreign_contract()


@check("UNIQUE-PER-TENANT", expecting=BothCreated("numbers are unique within a tenant"))
def test_accepts_a_number_of_another_tenant() -> Cases:
    """A number that another tenant uses is free in this one."""
    return same_number_in_another_tenant()
