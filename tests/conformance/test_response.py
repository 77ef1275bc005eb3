"""The answer around the resource: status, head and form of its body."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import (
    ErrorIsJson,
    HasDate,
    JsonBody,
    JsonType,
    NamesOnce,
    NoServerError,
    StatusSteady,
    SuccessStatus,
)
from invoice_conformance.recipes import nothing


@check("RESPONSE-STATUS", expecting=SuccessStatus(), watching=True)
def test_returns_200_or_201() -> Cases:
    """A create that succeeds is answered with 200 or 201."""
    return nothing()


@check("RESPONSE-STATUS-STEADY", fold=StatusSteady)
def test_returns_one_success_status() -> Cases:
    """Every create that succeeds is answered with the same status."""
    return nothing()


@check("RESPONSE-JSON", expecting=JsonBody(), watching=True)
def test_returns_json() -> Cases:
    """The body of a success is well-formed JSON in UTF-8."""
    return nothing()


@check("RESPONSE-CONTENT-TYPE", expecting=JsonType(), watching=True)
def test_returns_a_json_content_type() -> Cases:
    """The Content-Type of a success is application/json."""
    return nothing()


@check("RESPONSE-NO-SERVER-ERROR", expecting=NoServerError(), watching=True)
def test_returns_no_server_error() -> Cases:
    """No request is answered with a server error."""
    return nothing()


@check("RESPONSE-DATE", expecting=HasDate(), watching=True)
def test_returns_a_date() -> Cases:
    """An answer with 2xx, 3xx or 4xx has a Date."""
    return nothing()


@check("RESPONSE-ERROR-JSON", expecting=ErrorIsJson(), watching=True)
def test_returns_errors_as_json() -> Cases:
    """The body of a refusal is JSON."""
    return nothing()


@check("RESPONSE-NAMES", expecting=NamesOnce(), watching=True)
def test_returns_each_member_once() -> Cases:
    """No object in the body of a success has two members of one name."""
    return nothing()
