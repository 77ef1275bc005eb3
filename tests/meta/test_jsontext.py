"""Owns what the reader of JSON text takes, refuses and keeps, against RFC 8259 and Python's own reader.

It must not know the contract.
"""

from __future__ import annotations

import json
import math
import time
from decimal import Decimal
from typing import Final, NoReturn

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from invoice_conformance.jsontext import Json, NotJson, Number, read

hypothesis_settings: Final = settings(derandomize=True, deadline=None, database=None, max_examples=300)

HUGE: Final = "9" * 100_000


def plain(value: Json) -> object:
    """Write a value with tuples for numbers, to compare it with what another reader finds."""
    if isinstance(value, Number):
        return ("number", value.literal)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def reference(data: bytes) -> object:
    """Read with Python's own reader, made strict; ValueError when it refuses."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    def number(literal: str) -> tuple[str, str]:
        return ("number", literal)

    text = data.decode("utf-8")
    if text.startswith("\ufeff"):
        raise ValueError("a byte order mark")
    result: object = json.loads(text, parse_int=number, parse_float=number, parse_constant=refuse)
    return result


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        (" true ", True),
        ("\tfalse\r\n", False),
        ('""', ""),
        ('"a\\"\\\\\\/\\b\\f\\n\\r\\t"', 'a"\\/\b\f\n\r\t'),
        ('"\\u00e9\\u20AC"', "é€"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\uD83D\\uDE00"', "😀"),
        ('"\\\\ud83d"', "\\ud83d"),
        ('"\\ud83d"', "\ud83d"),
        ('"\\ude00\\ud83d"', "\ude00\ud83d"),
        ('"\\ud83d\\ud83d\\ude00"', "\ud83d😀"),
        ('"é\x7f\u2028"', "é\x7f\u2028"),
        ("-0", Number("-0")),
        ("1.50E+007", Number("1.50E+007")),
        ("[]", []),
        ("{ }", {}),
        ("[ [ ] , { } ]", [[], {}]),
        ('{ "a" : [ 1 , { "b" : null } ] }', {"a": [Number("1"), {"b": None}]}),
        ('{"\\u0061":1}', {"a": Number("1")}),
    ],
)
def test_reads_what_the_grammar_allows(text: str, value: Json) -> None:
    data = text.encode()

    document = read(data)

    assert document.value == value
    assert plain(document.value) == reference(data)


@pytest.mark.parametrize(
    ("data", "reason", "position"),
    [
        (b"", "a value expected", 0),
        (b"  ", "a value expected", 2),
        (b"\xef\xbb\xbf{}", "a byte order mark", 0),
        (b'"\xff"', "invalid UTF-8", 1),
        (b'"\xed\xa0\x80"', "invalid UTF-8", 1),  # a surrogate
        (b'"\xc0\x80"', "invalid UTF-8", 1),  # an overlong NUL
        (b'"\xf4\x90\x80\x80"', "invalid UTF-8", 1),  # beyond U+10FFFF
        (b"NaN", "a value expected", 0),
        (b"-Infinity", "a value expected", 0),
        (b"+1", "a value expected", 0),
        (b".5", "a value expected", 0),
        (b"-", "a value expected", 0),
        (b"01", "text after the end of the value", 1),
        (b"-01", "text after the end of the value", 2),
        (b"1.", "text after the end of the value", 1),
        (b"1e", "text after the end of the value", 1),
        (b"0x1", "text after the end of the value", 1),
        ("\u0665".encode(), "a value expected", 0),
        ("1\u0665".encode(), "text after the end of the value", 1),
        (b"nul", "a value expected", 0),
        (b"nulll", "text after the end of the value", 4),
        (b"True", "a value expected", 0),
        (b'"a', "a value expected", 0),
        (b'"\t"', "a value expected", 0),
        (b'"\0"', "a value expected", 0),
        (b'"\\x"', "a value expected", 0),
        (b'"\\u12"', "a value expected", 0),
        (b'"\\u+123"', "a value expected", 0),
        (b"'a'", "a value expected", 0),
        (b"[", "a value expected", 1),
        (b"]", "a value expected", 0),
        (b"[1", '"," or "]" expected', 2),
        (b"[1,]", "a value expected", 3),
        (b"[,1]", "a value expected", 1),
        (b"[1 2]", '"," or "]" expected', 3),
        (b"[1}", '"," or "]" expected', 2),
        (b"[1]]", "text after the end of the value", 3),
        (b"{", 'a member name and ":" expected', 1),
        (b"{1:2}", 'a member name and ":" expected', 1),
        (b'{"a"}', 'a member name and ":" expected', 1),
        (b'{"a":}', "a value expected", 5),
        (b'{"a":1,}', 'a member name and ":" expected', 7),
        (b'{"a":1', '"," or "}" expected', 6),
        (b'{"a":1]', '"," or "}" expected', 6),
        (b"{}{}", "text after the end of the value", 2),
        (b"1 /* */", "text after the end of the value", 2),
        ("\u00a01".encode(), "a value expected", 0),
        ('["é" "b"]'.encode(), '"," or "]" expected', 6),  # octets, not characters
    ],
)
def test_refuses_what_the_grammar_does_not_allow(data: bytes, reason: str, position: int) -> None:
    with pytest.raises(NotJson) as caught:
        read(data)

    assert (caught.value.reason, caught.value.position) == (reason, position)
    with pytest.raises(ValueError):  # noqa: PT011 - whichever way the other reader refuses
        reference(data)


def test_the_last_of_equal_names_wins_and_is_listed() -> None:
    document = read(rb'{"a":1,"b":{"c":1,"c":2},"\u0061":2,"a":3,"d":[{"a":1},{"a":1}]}')

    assert document.duplicates == ("c", "a")
    assert document.value == {
        "a": Number("3"),
        "b": {"c": Number("2")},
        "d": [{"a": Number("1")}, {"a": Number("1")}],
    }


@pytest.mark.parametrize(("text", "depth"), [("1", 0), ("[]", 1), ("{}", 1), ('[{"a":[1]},[]]', 3)])
def test_the_depth_counts_arrays_and_objects_around_a_value(text: str, depth: int) -> None:
    assert read(text.encode()).depth == depth


def test_the_depth_has_a_limit() -> None:
    allowed = b"[" * 512 + b"]" * 512
    one_more = b"[" + allowed + b"]"

    assert read(allowed).depth == 512
    assert read(one_more, max_depth=513).depth == 513
    with pytest.raises(NotJson, match="nested more than 512 deep at octet 512"):
        read(one_more)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000])
def test_no_nesting_exhausts_the_stack(text: str) -> None:
    with pytest.raises(NotJson, match="nested more than 512 deep"):
        read(text.encode())

    if text.endswith("]"):
        assert read(text.encode(), max_depth=200_000).depth == 200_000


@pytest.mark.parametrize(
    "text",
    [
        "9" * 1_000_000,
        "0." + "1" * 1_000_000,
        "1e" + "9" * 1_000_000,
        '"' + "a" * 1_000_000 + '"',
        '"' + "\\n" * 200_000 + '"',
        '"' + "\\n" * 200_000,
        '"a' * 200_000,
        " " * 1_000_000 + "1",
        "[" + "1," * 100_000 + "1]",
    ],
    ids=lambda text: text[:4],
)
def test_time_is_linear_in_the_length(text: str) -> None:
    # A quadratic step over so many octets would take minutes; a second is far from both.
    start = time.perf_counter()

    try:
        value = read(text.encode()).value
    except NotJson:
        value = None
    if isinstance(value, Number):
        value.is_integer(), value.binary64(), value.exact(), value.decimals(), value.same_value(Number("1"))

    assert time.perf_counter() - start < 5


values: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4),
    max_leaves=12,
)


@hypothesis_settings
@given(values, st.booleans(), st.sampled_from([None, 0, 1]))
def test_reads_whatever_python_writes(value: object, ascii_only: bool, indent: int | None) -> None:  # noqa: FBT001
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    document = read(data)

    assert plain(document.value) == reference(data)


grammar_marks: Final = st.text(st.sampled_from('{}[]:,"\\ \n\t0123456789.-+eEuadflnrst\x00é\ufeff'), max_size=14)


@hypothesis_settings
@given(st.binary(max_size=12) | grammar_marks.map(str.encode))
@example(b'"\\ud800\\u0041"')
def test_agrees_with_pythons_reader_on_any_octets(data: bytes) -> None:
    try:
        expected = reference(data)
    except ValueError:
        expected = NotJson

    try:
        got = plain(read(data).value)
    except NotJson:
        got = NotJson

    assert got == expected


@hypothesis_settings
@given(st.binary(max_size=12) | grammar_marks.map(str.encode) | values.map(json.dumps).map(str.encode))
@example(b'{"a":{"b":[[],{}]}}')
@example(b'"\\ud800\\u0041"')
def test_a_text_is_read_alike_whether_or_not_a_name_beside_it_is_given_twice(data: bytes) -> None:
    try:
        expected = read(data)
    except NotJson:
        return

    beside = read(b'{"":0,"":[' + data + b"]}")

    assert isinstance(beside.value, dict)
    assert plain(beside.value[""]) == [plain(expected.value)]
    assert beside.depth == expected.depth + 2
    assert set(beside.duplicates) == {"", *expected.duplicates}


@hypothesis_settings
@given(values, st.integers(0, 60), st.sampled_from('{}[]:,"\\0a.e- '))
def test_agrees_with_pythons_reader_on_damaged_text(value: object, at: int, mark: str) -> None:
    text = json.dumps(value)
    data = (text[:at] + mark + text[at + 1 :]).encode()
    try:
        expected = reference(data)
    except ValueError:
        expected = NotJson

    try:
        got = plain(read(data).value)
    except NotJson:
        got = NotJson

    assert got == expected


@pytest.mark.parametrize("literal", ["", "01", "+1", "1.", ".5", "1e", "NaN", " 1", "1\n", "\u0661", "0x1", "--1"])
def test_a_number_must_be_spelled_as_one(literal: str) -> None:
    with pytest.raises(ValueError, match="is no JSON number"):
        Number(literal)


@pytest.mark.parametrize(
    ("literal", "whole"),
    [
        *[("0", True), ("-0", True), ("5000", True), ("5000.0", True), ("5e3", True), ("50000e-1", True)],
        *[("0e400", True), ("0e-400", True), ("0.0e-" + HUGE, True), ("1e" + HUGE, True), ("1.5e1", True)],
        *[("5000.5", False), ("1e-1", False), ("15e-1", False), ("1e-" + HUGE, False), ("1.05e1", False)],
        *[("9007199254740991.00000000000000001", False), ("1" * 5000 + ".5", False)],
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_integer_is_a_matter_of_value(literal: str, whole: bool) -> None:  # noqa: FBT001
    assert Number(literal).is_integer() == whole


@pytest.mark.parametrize(
    ("literal", "bound", "expected"),
    [
        ("-0", 0, 0),
        ("0e" + HUGE, 0, 0),
        ("1e400", 2**53 - 1, 1),
        ("-1e400", 0, -1),
        ("1e-999999999", 0, 1),
        ("-1e-999999999", 0, -1),
        ("1e" + HUGE, 2**53 - 1, 1),
        ("1e-" + HUGE, Decimal("1e-300"), -1),
        ("9007199254740991", 2**53 - 1, 0),
        ("9007199254740991.0", 2**53 - 1, 0),
        ("9007199254740991.0000000000000000001", 2**53 - 1, 1),
        ("9007199254740990.9999999999999999999", 2**53 - 1, -1),
        ("9.007199254740991e15", 2**53 - 1, 0),
        ("0.1", Decimal("0.1"), 0),
        ("100e-3", Decimal("0.1"), 0),
        ("0.09", Decimal("0.1"), -1),
        ("-5", -4, -1),
        ("-4", -5, 1),
        ("49", 5, 1),
        ("5", 49, -1),
    ],
    ids=lambda value: str(value)[:20],
)
def test_comparison_is_exact_and_writes_nothing_out(literal: str, bound: int | Decimal, expected: int) -> None:
    assert Number(literal).compare(bound) == expected


def test_huge_exponents_are_told_apart_to_the_last_unit() -> None:
    number = Number("1e" + HUGE)

    assert number.same_value(Number("10e" + HUGE[:-1] + "8"))
    assert not number.same_value(Number("1e" + HUGE[:-1] + "8"))
    assert number.compare(Number("1e" + HUGE[:-1] + "8")) == 1


def test_no_bound_is_infinite() -> None:
    with pytest.raises(TypeError, match="Infinity is not finite"):
        Number("1").compare(Decimal("Infinity"))


@pytest.mark.parametrize(
    ("literal", "double"),
    [
        ("1.12", 1.12),
        ("1e400", math.inf),
        ("-1e400", -math.inf),
        ("1e-400", 0.0),
        ("5e-324", 5e-324),
        ("3", 3.0),
    ],
)
def test_binary64_is_the_nearest_double(literal: str, double: float) -> None:
    assert Number(literal).binary64() == double


def test_exact_is_given_while_it_can_be_written_out() -> None:
    assert Number("1.120").exact() == Decimal("1.12")
    assert Number("1e400").exact() == Decimal("1e400")
    assert Number("0e" + HUGE).exact() == 0
    assert Number("1e" + HUGE).exact() is None
    assert Number("1e-10001").exact() is None


@pytest.mark.parametrize(
    ("literal", "count"), [("1", 0), ("1.120", 2), ("112e-2", 2), ("1e6", 0), ("1e-6", 6), ("0.000", 0)]
)
def test_decimals_are_those_the_value_needs(literal: str, count: int) -> None:
    assert Number(literal).decimals() == count
    assert Number("1e-" + HUGE).decimals() is None


literals: Final = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True).filter(
    str.isascii
)


@hypothesis_settings
@given(literals, literals)
def test_values_agree_with_the_decimal_module(one: str, other: str) -> None:
    left, right = Decimal(one), Decimal(other)

    number = Number(one)

    assert number.compare(Number(other)) == left.compare(right)
    assert number.compare(right) == left.compare(right)
    assert number.compare(left) == 0
    assert number.is_integer() == (left == left.to_integral_value())
    assert number.is_zero() == (left == 0)
    assert number.exact() == left
