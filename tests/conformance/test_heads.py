"""The heads of answers: the forms of their fields, and what they tell caches and browsers."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect_heads import (
    CharsetIsUtf8,
    CodedAsSaid,
    DateIsNow,
    KeepsToTls,
    LocationNamesInvoice,
    NoForeignCredentials,
    NoSniff,
    NotCoded,
    NotMarkedCacheable,
    StandsOnce,
    WellFormed,
)
from invoice_conformance.head_recipes import foreign_site
from invoice_conformance.recipes import nothing


@check("HEAD-FORM", expecting=WellFormed(), watching=True)
def test_returns_well_formed_fields() -> Cases:
    """The standard header fields have the form that their RFC gives them."""
    return nothing()


@check("HEAD-SINGLE", expecting=StandsOnce(), watching=True)
def test_returns_single_fields_once() -> Cases:
    """A field that has one value stands in one line."""
    return nothing()


@check("HEAD-CLOCK", expecting=DateIsNow(), watching=True)
def test_returns_the_present_as_date() -> Cases:
    """The Date of an answer lies within five minutes of the clock of the machine that asked."""
    return nothing()


@check("HEAD-LOCATION", fold=LocationNamesInvoice)
def test_returns_the_location_of_the_invoice() -> Cases:
    """The Location of a 201 refers to the new invoice."""
    return nothing()


@check("HEAD-CHARSET", expecting=CharsetIsUtf8(), watching=True)
def test_returns_no_other_charset() -> Cases:
    """A media type of JSON names no charset but UTF-8."""
    return nothing()


@check("HEAD-UNCODED", expecting=NotCoded(), watching=True)
def test_returns_no_coding_unasked() -> Cases:
    """A body has no content coding that the request did not ask for."""
    return nothing()


@check("HEAD-CODING", expecting=CodedAsSaid(), watching=True)
def test_returns_bodies_in_the_coding_it_names() -> Cases:
    """A body is in the content coding that its head names."""
    return nothing()


@check("HEAD-NOT-CACHEABLE", expecting=NotMarkedCacheable(), watching=True)
def test_returns_nothing_for_caches() -> Cases:
    """The answer to a create is not marked as one that a cache may hand out again."""
    return nothing()


@check("HEAD-NOSNIFF", expecting=NoSniff(), watching=True)
def test_returns_nosniff() -> Cases:
    """An answer with a body forbids browsers to guess what it is."""
    return nothing()


@check("HEAD-HSTS", expecting=KeepsToTls(), watching=True)
def test_keeps_browsers_to_tls() -> Cases:
    """Over TLS at a public host name, an answer tells browsers to come by TLS only."""
    return nothing()


@check("HEAD-CORS", expecting=NoForeignCredentials(), watching=True)
def test_refuses_credentials_of_foreign_sites() -> Cases:
    """No web site that the server was not told of may use a visitor's credentials."""
    return foreign_site()
