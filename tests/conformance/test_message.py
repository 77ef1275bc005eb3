"""The answer as an HTTP message: its framing, its head, where it ends."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect_message import (
    NeverAlways,
    NoBody,
    NoLengthOfNothing,
    NoSurplus,
    OneFraming,
    WellWritten,
)
from invoice_conformance.message_recipes import answers_of_each_kind, bodiless_answers


@check(
    "MESSAGE-WELL-FORMED",
    expecting=NeverAlways("not-http", "an answer in HTTP/1.1"),
    watching=True,
)
def test_returns_messages_that_can_be_read() -> Cases:
    """Every answer is an HTTP/1.1 message."""
    return answers_of_each_kind()


@check("MESSAGE-SYNTAX", expecting=WellWritten(lenient=False), watching=True)
def test_returns_heads_in_the_grammar() -> Cases:
    """The head of an answer keeps to the grammar of HTTP/1.1."""
    return answers_of_each_kind()


@check("MESSAGE-LINES", expecting=WellWritten(lenient=True), watching=True)
def test_returns_lines_that_end_with_crlf() -> Cases:
    """The lines of a head end with CRLF, and a status is followed by a space."""
    return answers_of_each_kind()


@check(
    "MESSAGE-COMPLETE",
    expecting=NeverAlways("cut-short", "an answer as long as its framing says"),
    watching=True,
)
def test_returns_whole_answers() -> Cases:
    """A connection is not closed before the end of an answer's body."""
    return answers_of_each_kind()


@check("MESSAGE-SURPLUS", expecting=NoSurplus(), watching=True)
def test_returns_nothing_after_an_answer() -> Cases:
    """Nothing follows an answer that nobody asked for."""
    return answers_of_each_kind()


@check("MESSAGE-NO-BODY", expecting=NoBody(), watching=True)
def test_returns_no_body_where_there_is_none() -> Cases:
    """An answer to HEAD, a 204 and a 304 have no body."""
    return bodiless_answers()


@check("MESSAGE-FRAMING", expecting=OneFraming(), watching=True)
def test_returns_one_framing() -> Cases:
    """An answer with Transfer-Encoding has no Content-Length."""
    return answers_of_each_kind()


@check("MESSAGE-NO-LENGTH", expecting=NoLengthOfNothing(), watching=True)
def test_returns_no_length_with_204() -> Cases:
    """A 204 has no Content-Length and no Transfer-Encoding."""
    return bodiless_answers()
