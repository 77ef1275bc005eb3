"""The request as HTTP: media types, framing, methods, heads."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import NoServerError
from invoice_conformance.expect_http import (
    ErrorStatusSteady,
    HasAllow,
    NoBanner,
    NoCookie,
    NoLeak,
    NoSuccess,
    RefusedForThat,
    Understood,
)
from invoice_conformance.recipes import nothing
from invoice_conformance.request_recipes import cut_in_chunks, odd_targets
from invoice_conformance.second import invented_requests
from invoice_conformance.wire_recipes import (
    chunked,
    field_names,
    media_types,
    open_heads,
    other_media_types,
    safe_methods,
    unknown_methods,
    unknown_path,
    usual_accepts,
)


@check("HTTP-MEDIA-TYPE", expecting=Understood("this is application/json in another spelling"))
def test_accepts_every_spelling_of_the_media_type() -> Cases:
    """application/json is understood in any letter case, and with charset=utf-8."""
    return media_types()


@check("HTTP-OTHER-MEDIA-TYPE", expecting=RefusedForThat("the body is not declared as application/json"))
def test_refuses_another_media_type() -> Cases:
    """A body of another media type is refused."""
    return other_media_types() | invented_requests("media type")


@check("HTTP-ACCEPT", expecting=Understood("every client that says so accepts JSON"))
def test_accepts_what_clients_accept() -> Cases:
    """A create is accepted from a client that accepts anything."""
    return usual_accepts()


@check("HTTP-FIELD-NAMES", expecting=Understood("field names are case-insensitive"))
def test_accepts_header_names_in_any_letter_case() -> Cases:
    """Authorization, tenant-id and Content-Type are understood in any letter case."""
    return field_names()


@check("HTTP-CHUNKED", expecting=Understood("chunks are another framing of the same body", also=(411,)))
def test_accepts_chunks() -> Cases:
    """A body in chunks is understood like any other."""
    return chunked() | cut_in_chunks()


@check("HTTP-ALLOW", expecting=HasAllow(), watching=True)
def test_returns_the_methods_with_405() -> Cases:
    """A 405 has Allow, with POST in it."""
    return unknown_methods()


@check("HTTP-METHOD", expecting=NoSuccess("the resource has no such method"))
def test_refuses_an_unknown_method() -> Cases:
    """A method that the resource does not know is no success."""
    return unknown_methods() | invented_requests("method")


@check("HTTP-PATH", expecting=NoSuccess("nothing is at this path"))
def test_refuses_an_unknown_path() -> Cases:
    """A path that nothing is at is no success."""
    return unknown_path()


@check("HTTP-SURVIVED", expecting=NoServerError())
def test_answers_odd_heads() -> Cases:
    """Odd heads, queries and methods are answered without a server error."""
    return open_heads() | safe_methods() | odd_targets()


@check("HEAD-NO-COOKIE", expecting=NoCookie(), watching=True)
def test_returns_no_cookie() -> Cases:
    """No answer sets a cookie."""
    return nothing()


@check("HEAD-NO-BANNER", expecting=NoBanner(), watching=True)
def test_returns_no_version_banner() -> Cases:
    """No header advertises the server's software."""
    return nothing()


@check("ERROR-NO-LEAK", expecting=NoLeak(), watching=True)
def test_returns_nothing_of_its_inside() -> Cases:
    """An error holds no stack trace, SQL or path of the server."""
    return nothing()


@check("ERROR-STATUS-STEADY", fold=ErrorStatusSteady)
def test_returns_the_same_status_for_the_same_defect() -> Cases:
    """The same defect in the same member is refused with the same status."""
    return nothing()
