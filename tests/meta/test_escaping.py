"""What a target says is shown, and obeyed by nobody: no terminal, no CI, no spreadsheet."""

from __future__ import annotations

import unicodedata

import pytest

from invoice_conformance.escaping import cell, shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain: é 中 ✓\nnext", "plain: é 中 ✓\nnext"),
        ("\x1b[31m", "\\u001b[31m"),
        ("a\rb\x07\x7f\x9b", "a\\u000db\\u0007\\u007f\\u009b"),
        ("\u202eexe.txt\u2066\u2028\ufeff", "\\u202eexe.txt\\u2066\\u2028\\ufeff"),
        ("\ud800", "\\ud800"),
        ("::error file=a,line=1::x", ":\\:error file=a,line=1::x"),
        ("x ::set-output name=a::b", "x :\\:set-output name=a::b"),
        ("##[error]x ##vso[task]y ##teamcity[z]", "#\\#[error]x #\\#vso[task]y #\\#teamcity[z]"),
        ("http://[::1]:80 a::b C++ ## title", "http://[::1]:80 a::b C++ ## title"),
    ],
)
def test_text_is_shown_and_not_obeyed(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_no_character_that_does_something_is_left() -> None:
    everything = "".join(map(chr, range(0x110000)))

    left = {unicodedata.category(character) for character in set(shown(everything)) - {"\n"}}

    assert left.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("inv_1", "inv_1"),
        ("=1+1", "'=1+1"),
        (" @x", "' @x"),
        ("＝1+1", "'＝1+1"),
        ("a\nb", "a\\u000ab"),
        ("a\x1b]0;x", "a\\u001b]0;x"),
        ("x" * 300, "x" * 200 + "… (300 characters)"),
    ],
)
def test_a_cell_is_one_short_line_and_no_formula(text: str, seen: str) -> None:
    assert cell(text) == seen
