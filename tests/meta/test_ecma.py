"""Owns that patterns mean what ECMA-262 says, against a validator of another make.

It must not know what the page's pattern is for.
"""

from __future__ import annotations

import re
from typing import Final

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoice_conformance.contract import Contract
from invoice_conformance.ecma import compile_pattern

PATTERN: Final = Contract.load().field("issuedAt").pattern or ""
MATCHER: Final = compile_pattern(PATTERN)
VALIDATOR: Final = jsonschema_rs.Draft202012Validator({"pattern": PATTERN})

hypothesis_settings: Final = settings(derandomize=True, deadline=None, database=None, max_examples=300)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("a", "bab", True),  # not anchored
        ("^a$", "a", True),
        ("^a$", "a\n", False),
        ("^a$", "b\na", False),
        ("a$|b", "a\n", False),
        (r"^\d$", "5", True),
        (r"^\d$", "\u0665", False),
        (r"^\d$", "\uff15", False),
        (r"^\D$", "\u0665", True),
        (r"^\w$", "_", True),
        (r"^\w$", "é", False),
        (r"^\W$", "é", True),
        (r"^\s$", "\ufeff", True),
        (r"^\s$", "\u3000", True),
        (r"^\s$", "\x1c", False),
        (r"^\s$", "\x85", False),
        (r"^\S$", "\x1c", True),
        (r"^[\s\d]$", "\ufeff", True),
        ("^.$", "\x0b", True),
        ("^.$", "😀", True),
        ("^[^a]$", "\n", True),
        ("^[a-c]$", "b", True),
        (r"^[\-a]$", "-", True),
        ("^[a-]$", "-", True),
        ("^[[&&|~]$", "&", True),
        (r"^\.\/\|$", "./|", True),
        ("^a{2}$", "aa", True),
        ("^a{2,}$", "aaa", True),
        ("^a{2,3}?$", "aaaa", False),
        ("^(ab)+$", "abab", True),
        ("^(?:ab|cd)*?$", "cdab", True),
        ("^(?=a)a(?!b)", "ab", False),
        ("^#a b$", "#a b", True),
    ],
)
def test_a_pattern_means_what_it_means_in_ecma_262(pattern: str, text: str, found: bool) -> None:  # noqa: FBT001
    matcher = compile_pattern(pattern)

    assert (matcher.search(text) is not None) == found
    assert jsonschema_rs.Draft202012Validator({"pattern": pattern}).is_valid(text) == found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^.$", "\r", False),
        ("^.$", "\u2028", False),
        (r"^[\b]$", "\b", True),
        (r"^\u0041\x42\u{43}\t\0$", "ABC\t\0", True),
    ],
)
def test_a_pattern_means_it_also_where_jsonschema_rs_is_no_witness(
    pattern: str,
    text: str,
    found: bool,  # noqa: FBT001
) -> None:
    # Checked with node: jsonschema_rs stops the dot at \n only, and knows neither [\b] nor \0.
    matcher = compile_pattern(pattern)

    assert (matcher.search(text) is not None) == found


@pytest.mark.parametrize(
    "pattern",
    [
        *[
            "(",
            ")",
            "a)",
            "[",
            "[a",
            "]",
            "a]",
            "{",
            "a{",
            "a{1",
            "}",
            "{1}",
            "a{,2}",
            "a{2,1}",
        ],  # not balanced
        *[
            "*",
            "+a",
            "a**",
            "a*+",
            "a++",
            "a?+",
            "a{2}{3}",
            "^*",
            "$?",
            "(?=a)*",
            "a|*",
            "(*)",
        ],  # nothing to repeat
        *[r"(a)\1", r"(?<n>a)", r"\k<n>", r"(?<=a)b", r"(?<!a)b", r"\bfoo", r"\B"],  # not translated
        *[r"\p{L}", r"\P{L}", r"\cA", r"\A", r"\Z", r"\z", r"\-", r"\a", r"\_", r"\01", r"\8"],
        *[
            "(?i)a",
            "(?i:a)",
            "(?P<n>a)",
            "(?#x)",
            "(?>a)",
            "(?",
            r"\u12",
            r"\x1",
            r"\u{110000}",
            r"\ud800",
            "\\",
        ],
        *["[]", "[^]", "[b-a]", r"[\d-a]", r"[a-\d]", r"[\D]", r"[\S]", r"[\W]", "[a-", "[\\", r"[\B]"],
    ],
)
def test_what_is_not_translated_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(pattern))):
        compile_pattern(pattern)


moments: Final = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,4})?)?Z", fullmatch=True
)


@hypothesis_settings
@given(moments)
def test_the_published_pattern_agrees_on_dates(text: str) -> None:
    assert (MATCHER.search(text) is not None) == VALIDATOR.is_valid(text)


@hypothesis_settings
@given(
    moments,
    st.integers(0, 24),
    st.text(st.sampled_from("0123456789-:.TZtz \n\r\u0665\uff15\u2028\0+"), max_size=2),
    st.booleans(),
)
def test_the_published_pattern_agrees_on_damaged_dates(
    text: str,
    at: int,
    damage: str,
    inserted: bool,  # noqa: FBT001
) -> None:
    damaged = text[:at] + damage + text[at if inserted else at + len(damage) :]

    assert (MATCHER.search(damaged) is not None) == VALIDATOR.is_valid(damaged)


@pytest.mark.parametrize("year", [*range(1890, 2110), *range(0, 10_000, 100), 4, 9996, 9999])
def test_the_published_pattern_knows_leap_years(year: int) -> None:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)

    matched = MATCHER.search(f"{year:04}-02-29T00:00:00Z")

    assert (matched is not None) == leap
