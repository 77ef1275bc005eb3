"""Owns which values of header fields have the form of their RFC, and what is read from them.

It must not know what a finding is.
"""

from __future__ import annotations

import re
import time

import pytest
from abnf import ParseError, Rule
from hypothesis import given, settings
from hypothesis import strategies as st

from invoice_conformance import locate
from invoice_conformance.heads import LISTS, LONGEST, SINGLE, directives, http_time, is_formed

FORMED = [
    ("Content-Type", "application/json"),
    ("Content-Type", "application/json;charset=UTF-8"),
    ("Content-Type", 'Application/JSON ;charset="utf-8"; profile="a \\"b\\"";'),
    ("Content-Type", "application/problem+json; ; charset=utf-8"),
    ("Content-Language", "de"),
    ("Content-Language", "de-CH-1996, en"),
    ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("ETag", '"xyzzy"'),
    ("ETag", 'W/"xyzzy"'),
    ("ETag", '""'),
    ("ETag", '"\xe9"'),
    ("Allow", ""),
    ("Allow", "GET, POST"),
    ("Allow", "POST,"),
    ("Vary", "*"),
    ("Vary", "Origin,,Accept-Encoding"),
    ("Retry-After", "0"),
    ("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"),
    ("Cache-Control", "no-store"),
    ("Cache-Control", 'private="x, y", max-age=0 , stale-if-error=60'),
    ("Cache-Control", 'max-age="60"'),
    ("Location", "/api/v1/invoices/inv_1"),
    ("Location", "inv_1"),
    ("Location", "../inv_1?x=a/b#c"),
    ("Location", "//host:8443/inv%201"),
    ("Location", "https://user@[2001:db8::1]:80/x;y=1?a(b)"),
    ("Location", "http://a.example"),
    ("Location", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
]
MALFORMED = [
    ("Content-Type", "json"),
    ("Content-Type", "application/json charset=utf-8"),
    ("Content-Type", "application/json; charset = utf-8"),
    ("Content-Type", "application/json, text/html"),
    ("Content-Language", "en_GB"),
    ("Last-Modified", "2025-01-01T00:00:00Z"),
    ("Last-Modified", "Sunday, 06-Nov-94 08:49:37 GMT"),
    ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 +0000"),
    ("Last-Modified", "Sun, 6 Nov 1994 08:49:37 GMT"),
    ("ETag", "xyzzy"),
    ("ETag", 'w/"xyzzy"'),
    ("ETag", '"x y"'),
    ("Allow", "GET POST"),
    ("Vary", "Accept; Origin"),
    ("Retry-After", "30 s"),
    ("Retry-After", "1.5"),
    ("Retry-After", "-1"),
    ("Cache-Control", "no-cache; no-store"),
    ("Cache-Control", "max-age = 0"),
    ("Location", "/invoices?number=INV 1"),
    ("Location", "/invoices/\xc3\xa9"),
    ("Location", "/invoices/50%"),
    ("Location", "/invoices/{id}"),
    ("Location", "http://[2001:db8::1/x"),
]


@pytest.mark.parametrize(("name", "value"), FORMED)
def test_a_value_in_the_form_of_its_rfc_is_formed(name: str, value: str) -> None:
    assert is_formed(name, value)


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_value_in_another_form_is_not(name: str, value: str) -> None:
    assert not is_formed(name, value)


def test_every_field_is_shown_in_both_forms() -> None:
    assert {name for name, _value in FORMED} == {name for name, _value in MALFORMED} == {*LISTS, *SINGLE}


def test_white_space_around_a_value_is_none_of_it() -> None:
    assert is_formed("ETag", ' "x"\t')


@pytest.mark.parametrize("name", [*LISTS, *SINGLE])
@pytest.mark.parametrize("piece", ["a", ",", ", ", "a,", "a;", '"', '\\"', 'a="', "//a:@", "%41", "[", "a=b, "])
def test_a_hostile_value_does_not_hold_its_reader_up(name: str, piece: str) -> None:
    started = time.process_time()

    is_formed(name, f"{piece * LONGEST}"[: LONGEST - 1] + "\x00")

    assert time.process_time() - started < 2


def test_a_value_that_is_too_long_is_let_pass() -> None:
    assert is_formed("ETag", "x" * (LONGEST + 1))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:00:01 GMT", 1.0),
        ("Wed, 05 Nov 2025 14:48:00 GMT", 1762354080.0),
        ("Wed, 05 Nov 2025 14:48:00 +0000", None),
        ("Wed, 32 Nov 2025 14:48:00 GMT", None),
        ("Wed, 05 Nov 2025 25:48:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_the_time_of_an_http_date_is_read(value: str | None, seconds: float | None) -> None:
    assert http_time(value) == seconds


def test_directives_are_read_by_name() -> None:
    found = directives('No-Store, max-age=60 , Private="x, y", MAX-AGE=1,, s-maxage="2"')

    assert found == {"no-store": "", "max-age": "60", "private": "x, y", "s-maxage": "2"}


# The RFCs' own grammar


@pytest.fixture(scope="module")
def grammar() -> type[Rule]:
    class Heads(Rule):
        """The rules of `spec/heads.abnf`."""

    text = (locate.spec_dir() / "heads.abnf").read_text(encoding="ascii")
    Heads.load_grammar(text.replace("\n", "\r\n"))
    return Heads


def is_of(grammar: type[Rule], name: str, value: str) -> bool:
    try:
        grammar(name).parse_all(value)
    except ParseError:
        return False
    return True


@pytest.mark.parametrize(("name", "value"), FORMED + MALFORMED)
def test_a_form_is_that_of_the_grammar(grammar: type[Rule], name: str, value: str) -> None:
    assert is_formed(name, value) == is_of(grammar, name, value)


PIECES = sorted(
    {piece for _name, value in FORMED + MALFORMED for piece in re.findall(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]", value)}
)


@pytest.mark.parametrize("name", [*LISTS, *SINGLE])
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_a_form_is_that_of_the_grammar_whatever_is_put_together(
    grammar: type[Rule], name: str, data: st.DataObject
) -> None:
    begun = data.draw(st.sampled_from([value for field, value in FORMED if field == name]))
    pieces = re.findall(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]", begun)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(pieces)))
        pieces[place : place + data.draw(st.integers(0, 2))] = data.draw(st.lists(st.sampled_from(PIECES), max_size=2))
    value = "".join(pieces).strip(" \t")

    assert is_formed(name, value) == is_of(grammar, name, value)
