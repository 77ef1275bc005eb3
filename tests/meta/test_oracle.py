"""Owns what the oracle says of hand-picked and of invented bodies, and that an independent validator agrees.

It must not know any server, nor how the suite invents its own cases.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from invoice_conformance import jsontext, locate
from invoice_conformance.contract import Contract
from invoice_conformance.oracle import LARGE_BODY, Judgement, Oracle, Rule

CONTRACT: Final = Contract.load()
ORACLE: Final = Oracle(CONTRACT)

# The plain invoice, as JSON text by member: valid/MUST in every respect.
PLAIN: Final = {
    "contractId": '"ctr_z23aoo8naxk68ewcr64tchh5"',
    "invoiceNumber": '"INV-2025-0001"',
    "exchangeRate": "1.12",
    "currencyCode": '"EUR"',
    "amountMinor": "5000",
}
MOMENTS: Final = ("issuedAt", "dueAt", "paidAt")
ABSENT: Final = "(absent)"
TABLE: Final[dict[str, list[list[str]]]] = yaml.safe_load(
    Path(__file__).with_name("judgements.yaml").read_text(encoding="utf-8")
)
# The keywords by which JSON Schema itself refuses; the others are the suite's reading of the page.
SCHEMA_KEYWORDS: Final = frozenset(
    {
        "type",
        "null",
        "required",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "integer",
        "object",
    }
)

hypothesis_settings: Final = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def text_of(members: dict[str, str]) -> str:
    return ",".join(f'"{name}":{value}' for name, value in members.items() if value != ABSENT)


def body_of(**changes: str) -> bytes:
    return f"{{{text_of(PLAIN | changes)}}}".encode()


def summary(judgement: Judgement, field: str | None = None) -> str:
    """Write a judgement as the table does; rules of `field` and of the body go without a name."""

    def name(rule: Rule) -> str:
        own = rule.field is None or rule.field == field
        return rule.keyword if own else f"{rule.field}.{rule.keyword}"

    rules = [name(rule) for rule in judgement.rules] + ["+" + name(rule) for rule in judgement.asides]
    return " ".join([judgement.kind, judgement.level, *rules])


def field_rows() -> list[tuple[str, str, str]]:
    sections = {name: name for name in PLAIN} | dict.fromkeys(MOMENTS, "moments")
    return [(name, text, expected) for name, section in sections.items() for text, expected in TABLE[section]]


@pytest.mark.parametrize(("name", "text", "expected"), field_rows())
def test_a_value_is_judged_as_the_table_says(name: str, text: str, expected: str) -> None:
    body = body_of(**{name: text})

    judgement = ORACLE.judge(body)

    assert summary(judgement, name) == expected


@pytest.mark.parametrize(("issued", "due", "paid", "expected"), TABLE["orders"])
def test_an_order_of_dates_is_judged_as_the_table_says(issued: str, due: str, paid: str, expected: str) -> None:
    body = body_of(issuedAt=issued, dueAt=due, paidAt=paid)

    judgement = ORACLE.judge(body)

    assert summary(judgement) == expected


@pytest.mark.parametrize(("template", "expected"), TABLE["bodies"])
def test_a_body_is_judged_as_the_table_says(template: str, expected: str) -> None:
    required = {name: text for name, text in PLAIN.items() if name != "amountMinor"}
    body = template.replace("<plain>", text_of(PLAIN)).replace("<required>", text_of(required))

    judgement = ORACLE.judge(body.encode())

    assert summary(judgement) == expected


@pytest.mark.parametrize(("codec", "before", "expected"), TABLE["octets"])
def test_an_encoding_is_judged_as_the_table_says(codec: str, before: str, expected: str) -> None:
    body = bytes.fromhex(before) + body_of().decode().encode(codec)

    judgement = ORACLE.judge(body)

    assert summary(judgement) == expected


def test_the_table_breaks_every_rule_that_the_oracle_knows() -> None:
    rows = [row[-1] for section in TABLE.values() for row in section]

    keywords = {word.lstrip("+").rpartition(".")[2] for row in rows for word in row.split()[2:]}

    assert keywords >= SCHEMA_KEYWORDS | {
        *("json", "encoding", "depth", "duplicate", "unknown", "server-set", "iso4217", "spelling"),
        *("precision", "binary64", "text", "nul", "surrogate", "seconds", "year", "fraction", "order"),
    }


@pytest.mark.parametrize("code", sorted(CONTRACT.currencies.active))
def test_every_active_currency_must_be_accepted(code: str) -> None:
    body = body_of(currencyCode=f'"{code}"')

    judgement = ORACLE.judge(body)

    assert judgement == Judgement("valid", "MUST")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("amountMinor", "9007199254740992", "amountMinor=9007199254740992 > 9007199254740991"),
        ("amountMinor", "5000.5", "amountMinor=5000.5 is no integer"),
        ("amountMinor", "-" + "9" * 99, f"amountMinor=-{'9' * 59}... < 0"),
        ("invoiceNumber", '""', "length of invoiceNumber=0 < 1"),
        ("invoiceNumber", "5", "invoiceNumber is a number, not string"),
        ("currencyCode", '"\\ud800\\n1"', 'currencyCode="\\ud800\\n1" is no ISO 4217 code'),
    ],
)
def test_a_message_says_what_breaks_which_bound(name: str, text: str, message: str) -> None:
    body = body_of(**{name: text})

    judgement = ORACLE.judge(body)

    assert [rule.message for rule in judgement.rules] == [message]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("a" * 255, "valid MUST"),
        ("é" * 255, "valid MUST"),
        ("e\u0301" * 127, "valid MUST"),
        ("a" * 256, "invalid MUST maxLength"),
        ("é" * 256, "invalid MUST maxLength"),
        ("e\u0301" * 128, "invalid MUST maxLength"),
        # UTF-16 counting, a common defect, decides otherwise: never more than SHOULD
        ("😀" * 127, "valid MUST"),
        ("😀" * 127 + "a", "valid MUST"),
        ("😀" * 128, "valid SHOULD maxLength"),
        ("😀" * 255, "valid SHOULD maxLength"),
        ("😀" * 256, "invalid MUST maxLength"),
    ],
)
def test_a_length_counts_code_points(number: str, expected: str) -> None:
    body = body_of(invoiceNumber=json.dumps(number))

    judgement = ORACLE.judge(body)

    assert summary(judgement, "invoiceNumber") == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [('"5000"', "a string"), ("true", "a boolean"), ("[]", "an array"), ("{}", "an object")],
)
def test_a_rule_tells_what_came_instead(text: str, kind: str) -> None:
    (rule,) = ORACLE.judge(body_of(amountMinor=text)).rules
    (other,) = ORACLE.judge(body_of(currencyCode="978")).rules

    assert rule.message == f"amountMinor is {kind}, not integer"
    assert other.message == "currencyCode is a number, not string"


def test_a_large_body_may_be_refused_but_a_broken_one_must_be() -> None:
    padding = b" " * LARGE_BODY

    large = ORACLE.judge(body_of() + padding)
    large_and_broken = ORACLE.judge(body_of(amountMinor="-1") + padding)

    assert summary(large) == "open MAY size"
    assert summary(large_and_broken, "amountMinor") == "invalid MUST minimum +size"


@pytest.mark.parametrize(("octets", "expected"), [(65_536, "valid MUST"), (65_537, "open MAY size")])
def test_a_body_of_64_kibibytes_is_none_too_large(octets: int, expected: str) -> None:
    body = body_of()

    judgement = ORACLE.judge(body + b" " * (octets - len(body)))

    assert summary(judgement) == expected


def test_nesting_exhausts_nothing() -> None:
    deep = "[" * 100_000 + "]" * 100_000

    judgement = ORACLE.judge(body_of(note=deep))

    assert summary(judgement) == "open MAY size depth note.unknown"


def test_an_unknown_contract_is_refused_once_the_known_ones_are_named() -> None:
    oracle = Oracle(CONTRACT, known_contracts=frozenset({"ctr_z23aoo8naxk68ewcr64tchh5"}))

    known = oracle.judge(body_of())
    unknown = oracle.judge(body_of(contractId='"ctr_other"'))
    not_a_string = oracle.judge(body_of(contractId="1"))

    assert summary(known) == "valid MUST"
    assert summary(unknown, "contractId") == "invalid MUST contract"
    assert summary(not_a_string, "contractId") == "invalid MUST type"


def test_the_future_is_only_told_apart_when_the_time_is_given() -> None:
    body = body_of(paidAt='"2024-01-01T00:00:00.001Z"')

    without_clock = ORACLE.judge(body)
    with_clock = Oracle(CONTRACT, now="2024-01-01T00:00:00Z").judge(body)
    later = Oracle(CONTRACT, now="2024-01-01T00:00:01Z").judge(body)

    assert summary(without_clock) == "valid MUST"
    assert summary(with_clock, "paidAt") == "valid SHOULD future"
    assert summary(later) == "valid MUST"


def test_a_value_needs_no_text() -> None:
    value = jsontext.read(body_of(amountMinor="-1")).value

    judgement = ORACLE.judge_value(value)
    with_duplicates = ORACLE.judge_value(value, duplicates=("amountMinor",))

    assert summary(judgement, "amountMinor") == "invalid MUST minimum"
    assert summary(with_duplicates, "amountMinor") == "open MAY duplicate"


# An independent validator. It knows the schema's keywords only, and reads numbers as Python does.


DOCUMENT: Final[dict[str, Any]] = yaml.safe_load((locate.spec_dir() / "openapi.yaml").read_text(encoding="utf-8"))
VALIDATOR: Final = jsonschema_rs.Draft202012Validator(DOCUMENT["components"]["schemas"]["CreateInvoice"])


def refused_by_schema(judgement: Judgement) -> bool:
    return judgement.kind == "invalid" and any(rule.keyword in SCHEMA_KEYWORDS for rule in judgement.rules)


@pytest.mark.parametrize(("name", "text", "expected"), field_rows())
def test_the_table_agrees_with_jsonschema_rs(name: str, text: str, expected: str) -> None:
    touchy = ("surrogate", "binary64")  # jsonschema_rs takes no lone surrogate, and binary64 is open by name
    if any(word in expected for word in touchy) or "e99999" in text:
        return
    body = body_of(**{name: text})

    verdict = VALIDATOR.is_valid(json.loads(body))

    assert verdict == (not refused_by_schema(ORACLE.judge(body)))


def valid_members() -> dict[str, st.SearchStrategy[str]]:
    moments = st.datetimes().map(lambda moment: f'"{moment.isoformat(timespec="microseconds")}Z"')
    return {
        "contractId": st.just('"ctr_z23aoo8naxk68ewcr64tchh5"'),
        "invoiceNumber": st.text(
            st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=127
        ).map(json.dumps),
        "exchangeRate": st.decimals(min_value=0, max_value=10**6, places=4).map(str),
        "currencyCode": st.sampled_from(sorted(CONTRACT.currencies.active)).map(json.dumps),
        "amountMinor": st.integers(0, 2**53 - 1).map(str),
        "issuedAt": moments | st.just("null") | st.just(ABSENT),
        "dueAt": st.just("null") | st.just(ABSENT),
        "paidAt": st.just("null") | st.just(ABSENT),
    }


def mutations(name: str) -> st.SearchStrategy[tuple[str, str]]:
    """Draw JSON text for the member `name` that breaks one rule, and the keyword of that rule."""
    field = CONTRACT.field(name)
    wrong = ["true", "false", "[]", "{}", "[1]", '{"a":1}']
    wrong += ["1", "0.5"] if field.types == ("string",) else ['"1"', '""']
    ways: list[st.SearchStrategy[tuple[str, str]]] = [st.tuples(st.sampled_from(wrong), st.just("type"))]
    if not field.nullable:
        ways.append(st.just(("null", "null")))
    if field.required:
        ways.append(st.just((ABSENT, "required")))
    if field.minimum is not None:
        ways.append(st.tuples(st.integers(-(10**6), -1).map(str), st.just("minimum")))
    if field.maximum is not None:
        ways.append(st.tuples(st.integers(2**53, 2**70).map(str), st.just("maximum")))
    if field.types == ("integer",):
        ways.append(st.tuples(st.integers(0, 10**9).map(lambda n: f"{n}.5"), st.just("integer")))
    letters = st.characters(codec="utf-8", categories=["L"])
    if field.max_length is not None:
        too_long = st.text(letters, min_size=field.max_length + 1, max_size=field.max_length + 20)
        ways.append(st.tuples(too_long.map(json.dumps), st.just("maxLength")))
    if field.min_length is not None:
        ways.append(st.just(('""', "minLength")))
    if field.pattern is not None:
        ways.append(st.tuples(st.text(letters).map(json.dumps), st.just("pattern")))
    if name == "currencyCode":
        lower = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=3)
        ways.append(st.tuples(lower.map(json.dumps), st.just("iso4217")))
    return st.one_of(ways)


@hypothesis_settings
@given(st.fixed_dictionaries(valid_members()))
def test_a_plain_invoice_must_be_accepted(members: dict[str, str]) -> None:
    body = body_of(**members)

    judgement = ORACLE.judge(body)

    assert judgement == Judgement("valid", "MUST")


@hypothesis_settings
@given(st.data(), st.fixed_dictionaries(valid_members()), st.sampled_from([f.name for f in CONTRACT.fields]))
def test_a_plain_invoice_with_one_member_spoilt_breaks_one_rule(
    data: st.DataObject, members: dict[str, str], name: str
) -> None:
    spoilt, keyword = data.draw(mutations(name))
    body = body_of(**members | {name: spoilt})

    judgement = ORACLE.judge(body)

    assert summary(judgement, name) == (f"invalid {'SHOULD' if keyword == 'iso4217' else 'MUST'} {keyword}")


@hypothesis_settings
@given(st.permutations(list(PLAIN)), st.text(" \t\r\n", max_size=3))
def test_order_and_white_space_decide_nothing(names: list[str], space: str) -> None:
    members = ",".join(f'{space}"{name}"{space}:{space}{PLAIN[name]}{space}' for name in names)
    body = f"{space}{{{members}}}{space}"

    judgement = ORACLE.judge(body.encode())

    assert judgement == Judgement("valid", "MUST")


scalars: Final = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e15, 1e15) | st.text(max_size=5)
values: Final = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=3), scalars, max_size=2)
near_misses: Final = st.sampled_from([json.loads(text) for text in PLAIN.values()]) | st.sampled_from(
    [
        "2023-10-05T14:48:00Z",
        "2023-02-29T00:00:00Z",
        "2023-10-05T14:48:00Z\n",
        "",
        "EUR",
        "a" * 255,
        "a" * 256,
        5000.0,
    ]
)


@hypothesis_settings
@given(
    st.dictionaries(st.sampled_from([*PLAIN, *MOMENTS, "note"]), near_misses | values) | values,
    st.booleans(),
)
def test_invented_bodies_are_refused_when_jsonschema_rs_refuses_them(value: object, filled: bool) -> None:  # noqa: FBT001
    plain: dict[str, object] = {name: json.loads(text) for name, text in PLAIN.items()}
    whole = plain | value if filled and isinstance(value, dict) else value

    verdict = VALIDATOR.is_valid(whole)

    judgement = ORACLE.judge(json.dumps(whole).encode())
    assert verdict == (not refused_by_schema(judgement)), judgement


@hypothesis_settings
@given(st.binary(max_size=40), st.integers(0, 200), st.booleans())
def test_no_octets_upset_the_oracle(octets: bytes, at: int, inserted: bool) -> None:  # noqa: FBT001
    plain = body_of()
    body = plain[:at] + octets + plain[at:] if inserted else octets

    judgement = ORACLE.judge(body)

    assert judgement.kind in {"valid", "invalid", "open"}
    assert (judgement.kind == "open") == (judgement.level == "MAY")
    assert bool(judgement.rules) == ((judgement.kind, judgement.level) != ("valid", "MUST"))
