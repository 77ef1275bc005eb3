"""The request as octets on a connection: its version, host, form, chunks and size, and the names of its members."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import Refused
from invoice_conformance.expect_http import NoSuccess, Understood
from invoice_conformance.expect_requests import (
    Answered,
    AnsweredLikeTwin,
    Asks,
    Closes,
    NextIsWhole,
    NoCrash,
    NotInChunks,
    RefusedForHost,
)
from invoice_conformance.request_recipes import (
    absolute_form,
    after_a_refusal,
    closing,
    extended_chunks,
    large_bodies,
    lookalike_names,
    lower_case_method,
    odd_heads,
    old_version,
    waiting,
    wrong_hosts,
)


@check("REQUEST-MEMBER-NAMES", expecting=Refused(("required",)))
def test_refuses_a_member_under_another_name() -> Cases:
    """A required member under a name that only looks like its own is missing."""
    return lookalike_names()


@check("REQUEST-METHOD-CASE", expecting=NoSuccess("post is another method than POST"))
def test_refuses_a_method_in_lower_case() -> Cases:
    """A method in lower case is another method."""
    return lower_case_method()


@check("REQUEST-HOST", expecting=RefusedForHost())
def test_refuses_a_request_without_one_host() -> Cases:
    """A request of HTTP/1.1 without Host, or with two, is refused for that."""
    return wrong_hosts()


@check("REQUEST-ABSOLUTE-FORM", expecting=AnsweredLikeTwin("the whole URL names the same resource as its path"))
def test_accepts_the_absolute_form() -> Cases:
    """A whole URL in the request line is understood like its path."""
    return absolute_form()


@check("REQUEST-ODD-HEAD", expecting=NoCrash())
def test_answers_heads_that_may_go_astray() -> Cases:
    """Odd hosts and targets are no reason for 500."""
    return odd_heads() | old_version()


@check("REQUEST-OLD-VERSION", expecting=NotInChunks())
def test_answers_http_1_0_without_chunks() -> Cases:
    """An answer to HTTP/1.0 is not in chunks."""
    return old_version()


@check("REQUEST-CLOSE", expecting=Closes())
def test_answers_connection_close_by_closing() -> Cases:
    """A connection ends after the answer when its client asks for that."""
    return closing()


@check("REQUEST-CONTINUE", expecting=Asks())
def test_answers_a_body_that_waits_to_be_asked_for() -> Cases:
    """A client that waits for 100 (Continue) is told to go on."""
    return waiting()


@check("REQUEST-CHUNK-EXTENSIONS", expecting=Understood("extensions and trailers mean nothing here", also=(411,)))
def test_accepts_chunk_extensions() -> Cases:
    """Chunk extensions and trailers are read over."""
    return extended_chunks()


@check("REQUEST-BODY-READ", expecting=NextIsWhole())
def test_keeps_the_next_request_whole() -> Cases:
    """The body of a refused request is not taken for the beginning of the next one."""
    return after_a_refusal()


@check("REQUEST-LARGE", expecting=Answered())
def test_answers_a_large_body() -> Cases:
    """A large body is answered, with a success or a refusal."""
    return large_bodies()
