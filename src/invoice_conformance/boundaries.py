"""Owns the edges of every field: values at, just inside and just outside what each schema keyword allows.

It derives them from the contract's keywords alone, so a field added to the spec gets its edges without code; what
an edge means for acceptance is the oracle's business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from invoice_conformance import datetimes, numbers
from invoice_conformance.case import Case, Edit, Hole, NumberSlot, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from invoice_conformance.contract import Contract, Field

NUMBER_FIELD = "invoiceNumber"
CONTRACT_FIELD = "contractId"
CURRENCY_FIELD = "currencyCode"


@dataclass(frozen=True, slots=True)
class Edge:
    """One value of one field: which keyword it probes, on which side, and its nearest legal neighbour.

    `parts` is the value as it stands in the body, None when the member is left out. `twin` is the id of the legal
    edge beside an illegal one, None when that is the plain invoice. `core` edges belong to a quick run too.
    """

    field: str
    keyword: str
    name: str
    parts: tuple[Part, ...] | None
    legal: bool
    twin: str | None = None
    core: bool = True

    @property
    def id(self) -> str:
        """Stable name of the edge, as in `amountMinor:maximum+1`."""
        return f"{self.field}:{self.name}"

    @property
    def edit(self) -> Edit:
        """The edge as a departure from the plain invoice."""
        return Edit(self.field, self.name, self.parts)


def edge_case(contract: Contract, edge: Edge) -> Case:
    """The plain invoice with one edge in it."""
    return invoice(contract, edge.id, (edge.edit,))


def invoice(contract: Contract, case_id: str, edits: Sequence[Edit]) -> Case:
    """The plain invoice with `edits` applied; a plain invoice has the required members and nothing else."""
    return Case(case_id, invoice_body(contract, edits), tuple(edits))


def invoice_body(contract: Contract, edits: Sequence[Edit]) -> tuple[Part, ...]:
    """The body of the plain invoice with `edits` applied, as octets and holes."""
    changed = {edit.field: edit for edit in edits}
    members: list[tuple[str, tuple[Part, ...]]] = []
    for field in contract.fields:
        edit = changed.pop(field.name, None)
        parts = edit.parts if edit is not None else plain_parts(field) if field.required else None
        if parts is not None:
            members.append((field.name, parts))
    members.extend((edit.field, edit.parts) for edit in changed.values() if edit.parts is not None)
    body: list[Part] = []
    for index, (name, parts) in enumerate(members):
        body.append(("," if index else "{").encode() + json.dumps(name).encode() + b":")
        body.extend(parts)
    body.append(b"}" if members else b"{}")
    return merge(body)


def merge(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The same body with neighbouring octets joined, so that equal bodies are equal values."""
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, bytes) and merged and isinstance(last := merged[-1], bytes):
            merged[-1] = last + part
        elif part != b"":
            merged.append(part)
    return tuple(merged)


def plain_parts(field: Field) -> tuple[Part, ...]:
    """The value that `field` has in the plain invoice."""
    if field.name == NUMBER_FIELD:
        return (NumberSlot(),)
    if field.name == CONTRACT_FIELD:
        return (Hole("contract"),)
    return (plain_text(field).encode(),)


def plain_text(field: Field) -> str:
    """An ordinary legal value of `field` as JSON text: the spec's example, or one made to fit its bounds."""
    if field.example is not None:
        return json.dumps(field.example, ensure_ascii=False)
    kind = field.types[0]
    if kind == "boolean":
        return "true"
    if kind == "array":
        return "[]"
    if kind == "object":
        return "{}"
    if kind == "string":
        return json.dumps("x" * max(field.min_length or 1, 1))
    return str(field.minimum if field.minimum is not None else 1)


def edges(contract: Contract) -> tuple[Edge, ...]:
    """Every edge of every field, in the order of the contract."""
    return tuple(edge for field in contract.fields for edge in field_edges(contract, field))


def field_edges(contract: Contract, field: Field) -> Iterator[Edge]:
    """Every edge of one field: presence, null, types, then what its type and keywords call for."""
    yield from _presence(field)
    yield from _types(field)
    if "integer" in field.types:
        yield from _integers(field)
    elif "number" in field.types:
        yield from _numbers(field)
    elif "string" in field.types:
        yield from _strings(contract, field)


def _presence(field: Field) -> Iterator[Edge]:
    yield Edge(field.name, "required", "absent", None, legal=not field.required)
    yield Edge(field.name, "null", "null", (b"null",), legal=field.nullable)


def _types(field: Field) -> Iterator[Edge]:
    name = field.name
    plain = plain_parts(field)

    def wrong(label: str, *parts: Part, core: bool = True) -> Edge:
        return Edge(name, "type", f"type={label}", parts, legal=False, core=core)

    if "boolean" not in field.types:
        yield wrong("boolean: true", b"true")
        yield wrong("boolean: false", b"false", core=False)
    if "array" not in field.types:
        yield wrong("array: of one", b"[", *plain, b"]")
        yield wrong("array: empty", b"[]", core=False)
    if "object" not in field.types:
        # The id of a contract is often all of an object, where contracts come in full.
        key = b"id" if name == CONTRACT_FIELD else b"value"
        yield wrong("object: of one", b'{"' + key + b'":', *plain, b"}")
        yield wrong("object: empty", b"{}", core=False)
        if name == CONTRACT_FIELD:
            yield wrong("object: a condition of a database", b'{"$exists":true,"$ne":null}')
    if "string" in field.types:
        if name == NUMBER_FIELD:
            yield wrong("number: integer", NumberSlot(before="", digits=True, spelling="bare"))
            yield wrong("number: fraction", NumberSlot(before="0.", digits=True, spelling="bare"), core=False)
        elif field.format == "date-time":
            yield wrong("number: seconds since the epoch", b"1696517280")
            yield wrong("number: milliseconds since the epoch", b"1696517280000")
            yield wrong("number: zero", b"0", core=False)
        else:
            yield wrong("number: integer", b"978")
            yield wrong("number: zero", b"0", core=False)
        return
    text = plain_text(field)
    yield wrong("string: plain", f'"{text}"'.encode())
    yield wrong("string: zero", b'"0"')
    yield wrong("string: spaces around", f'" {text} "'.encode(), core=False)
    yield wrong("string: decimal comma", b'"1,12"', core=False)
    yield wrong("string: word", b'"abc"', core=False)
    yield wrong("string: empty", b'""')
    yield wrong("string: NaN", b'"NaN"', core=False)
    yield wrong("string: blank", b'" "', core="integer" in field.types)
    if "integer" in field.types:
        yield wrong("string: hexadecimal", b'"0x1388"')
        yield wrong("string: thousands separator", b'"5,000"')
        yield wrong("string: of many digits", b'"9007199254740991"')


INTEGERS: tuple[tuple[str, int, bool], ...] = (
    ("0", 0, True),
    ("1", 1, True),
    ("9", 9, False),
    ("99", 99, False),
    ("100", 100, False),
    ("29, which 0.29 x 100 is not", 29, True),
    ("57, which 0.57 x 100 is not", 57, False),
    ("115, which 1.15 x 100 is not", 115, True),
    ("1999, which 19.99 x 100 is not", 1999, False),
    ("4999", 4999, False),
    ("5001", 5001, False),
    ("2^7", 2**7, False),
    ("2^8", 2**8, False),
    ("2^15-1", 2**15 - 1, False),
    ("2^15", 2**15, True),
    ("2^16-1", 2**16 - 1, False),
    ("2^16", 2**16, False),
    ("99999", 99_999, False),
    ("999999", 999_999, False),
    ("1000000", 1_000_000, False),
    ("2^24+1, which no 32-bit float holds", 2**24 + 1, True),
    ("99999999", 99_999_999, False),
    ("123456789", 123_456_789, True),
    ("2^31-1", 2**31 - 1, True),
    ("2^31", 2**31, True),
    ("2^31+1", 2**31 + 1, False),
    ("2^32-1", 2**32 - 1, False),
    ("2^32", 2**32, True),
    ("2^32+1", 2**32 + 1, False),
    ("9999999999", 9_999_999_999, False),
    ("10^10", 10**10, False),
    ("999999999999", 999_999_999_999, False),
    ("10^12+1", 10**12 + 1, False),
    ("214748364700", 214_748_364_700, False),
    ("99999999999999", 99_999_999_999_999, False),
    ("2^52+1", 2**52 + 1, False),
    ("10^15+1", 10**15 + 1, False),
    ("9007199254740985", 9_007_199_254_740_985, True),
)
"""Legal amounts at which columns, floats and formats end: edge, value, core."""

INTEGER_SPELLINGS = (
    "5000.0",
    "5e3",
    "5E+3",
    "50000e-1",
    "5.0e3",
    "5000.00000000",
    "-0",
    "0.0",
    "0e400",
    "-0.0",
)
FRACTIONS = ("5000.5", "0.1", "0.5", "4999.99", "5e-1", "5000.01", "1.000001")


def _integers(field: Field) -> Iterator[Edge]:
    name = field.name
    low, high = field.minimum, field.maximum

    def legal(value: Decimal | int) -> bool:
        return (low is None or value >= low) and (high is None or value <= high)

    def literal(keyword: str, label: str, text: str, *, ok: bool, twin: str | None = None, core: bool = True) -> Edge:
        return Edge(name, keyword, label, (text.encode(),), legal=ok, twin=twin, core=core)

    if high is not None:
        top = int(high)
        at = f"{name}:maximum"
        yield literal("maximum", "maximum", f"{top}", ok=True)
        yield literal("maximum", "maximum-1", f"{top - 1}", ok=True)
        yield literal("maximum", "maximum-2", f"{top - 2}", ok=True, core=False)
        yield literal("maximum", "over maximum: +1", f"{top + 1}", ok=False, twin=at)
        yield literal("maximum", "over maximum: +2", f"{top + 2}", ok=False, twin=at, core=False)
        yield literal("maximum", "over maximum: twice the maximum", f"{top * 2}", ok=False, twin=at, core=False)
        yield literal("maximum", "over maximum: 2^63-1", f"{2**63 - 1}", ok=False, twin=at)
        yield literal("maximum", "over maximum: 2^63", f"{2**63}", ok=False, twin=at, core=False)
        yield literal("maximum", "over maximum: 2^64", f"{2**64}", ok=False, twin=at)
        yield literal("maximum", "over maximum: 2^64+5000", f"{2**64 + 5000}", ok=False, twin=at, core=False)
        yield literal("maximum", "over maximum: 10^30", f"{10**30}", ok=False, twin=at)
        yield literal("maximum", "over maximum: 1e16", "1e16", ok=False, twin=at, core=False)
        yield literal("maximum", "over maximum: 1e400", "1e400", ok=False, twin=at, core=False)
        yield literal("maximum", "over maximum: 400 digits", "9" * 400, ok=False, twin=at, core=False)
    if low is not None:
        bottom = int(low)
        at = f"{name}:minimum"
        yield literal("minimum", "minimum", f"{bottom}", ok=True)
        yield literal("minimum", "minimum+1", f"{bottom + 1}", ok=True)
        yield literal("minimum", "under minimum: -1", f"{bottom - 1}", ok=False, twin=at)
        yield literal("minimum", "under minimum: -100", f"{bottom - 100}", ok=False, twin=at, core=False)
        yield literal("minimum", "under minimum: -5000", f"{bottom - 5000}", ok=False, twin=at, core=False)
        yield literal("minimum", "under minimum: -2^31", f"{-(2**31)}", ok=False, twin=at, core=False)
        yield literal("minimum", "under minimum: -(2^53-1)", f"{-(2**53 - 1)}", ok=False, twin=at, core=False)
        yield literal("minimum", "under minimum: -2^64", f"{-(2**64)}", ok=False, twin=at, core=False)
    known = {int(bound) for bound in (low, high) if bound is not None}
    for label, value, core in INTEGERS:
        if legal(value) and value not in known:
            yield literal("value", f"value: {label}", str(value), ok=True, core=core)
    for text in INTEGER_SPELLINGS:
        if legal(Decimal(text)):
            yield literal("spelling", f"spelling: {text}", text, ok=True)
    for index, text in enumerate(text for text in FRACTIONS if legal(Decimal(text))):
        yield literal("integer", f"fraction: {text}", text, ok=False, core=index < 2)  # noqa: PLR2004 - the first two suffice


RATES: tuple[tuple[str, bool], ...] = (
    ("0", True),
    ("1", True),
    ("1.0", False),
    ("1.12", True),
    ("1.1", True),
    ("0.1", True),
    ("0.3", False),
    ("2", False),
    ("10", False),
    ("1.005", True),
    ("2.675", False),
    ("1.005001", False),
    ("4.35", False),
    ("0.5", False),
    ("1.2345", True),
    ("1.12345", False),
    ("1.123456", True),
    ("0.000001", True),
    ("1e-6", True),
    ("0.00001", False),
    ("0.0001", False),
    ("0.001", False),
    ("0.01", False),
    ("0.123457", False),
    ("33.333333", False),
    ("99.99", False),
    ("123.456", False),
    ("1234.567891", False),
    ("16777.217", False),
    ("65535.999999", False),
    ("99999.999999", False),
    ("999999.999999", True),
    ("1000000", True),
    ("1e6", False),
    ("1E0", False),
    ("1.12e0", True),
    ("112e-2", False),
    ("0.112E+1", False),
    ("0e0", False),
    ("0.0", False),
    ("0.3333333333333333", True),
    ("1.1234567", False),
    ("1.12345678", True),
    ("1.1234567890123456", False),
    ("3.141592653589793", False),
    ("1.0000000000000002", False),
    ("0.12345678901234567", True),
    ("1e-7", True),
    ("1e-10", False),
    ("1000000.5", False),
    ("1234567.89", False),
    ("123456789.123456", False),
    ("9007199254740993", False),
    ("1e15", False),
    ("1e21", True),
    ("1e100", False),
    ("1e308", True),
    ("1.7976931348623157e308", False),
    ("2.2250738585072014e-308", False),
    ("5e-324", True),
    ("-0", True),
    ("-0.0", False),
    ("1e400", True),
    ("1e-400", False),
)
"""Rates, and numbers of any other field without integers: JSON text, core."""

NEGATIVES = ("-1e-9", "-0.000001", "-0.01", "-1", "-1.12", "-1e308", "-5e-324")


def _numbers(field: Field) -> Iterator[Edge]:
    name = field.name
    low, high = field.minimum, field.maximum
    if low is not None:
        yield Edge(name, "minimum", "minimum", (str(low).encode(),), legal=True)
        at = f"{name}:minimum"
        negatives = NEGATIVES if low == 0 else (f"{low - 1}",)
        for index, text in enumerate(negatives):
            edge = f"under minimum: {text}"
            yield Edge(name, "minimum", edge, (text.encode(),), legal=False, twin=at, core=index < 4)  # noqa: PLR2004
    if high is not None:
        at = f"{name}:maximum"
        yield Edge(name, "maximum", "maximum", (str(high).encode(),), legal=True)
        yield Edge(name, "maximum", "over maximum: +1", (f"{high + 1}".encode(),), legal=False, twin=at)
    for text, core in RATES:
        within = (low is None or float(text) >= low) and (high is None or float(text) <= high)
        if within and text != str(low):
            yield Edge(name, "value", f"{_rate_family(text)}: {text}", (text.encode(),), legal=True, core=core)


def _rate_family(text: str) -> str:
    """What a rate is an example of, by its spelling and size."""
    value = float(text)
    if text.startswith("-"):
        return "negative zero"
    if value == float("inf") or (value == 0 and text.strip("0.e") not in {"", "e"} and "e-" in text):
        return "beyond binary64"
    if value > LARGE:
        return "large"
    if 0 < value < SMALL:
        return "tiny"
    if "e" in text.lower():
        return "exponent"
    return "many decimals" if len(text.partition(".")[2]) > len("123456") else "value"


LARGE, SMALL = 1e6, 1e-6
"""Where the rates end that every server must keep (spec/reading.md, The resource)."""


def _strings(contract: Contract, field: Field) -> Iterator[Edge]:
    if field.name == NUMBER_FIELD:
        yield from _invoice_numbers(field)
    elif field.name == CURRENCY_FIELD:
        yield from _currencies(contract, field)
    elif field.format == "date-time":
        yield from _date_times(field)
    elif field.name != CONTRACT_FIELD:
        yield from _plain_strings(field)


def _invoice_numbers(field: Field) -> Iterator[Edge]:
    name = field.name

    def sized(keyword: str, label: str, slot: NumberSlot, *, ok: bool, twin: str | None = None) -> Edge:
        return Edge(name, keyword, label, (slot,), legal=ok, twin=twin)

    if field.min_length:
        low = field.min_length
        at = f"{name}:minLength"
        yield sized("minLength", "minLength", NumberSlot("", length=low), ok=True)
        yield sized("minLength", "minLength+1", NumberSlot("", length=low + 1), ok=True)
        yield Edge(
            name,
            "minLength",
            "minLength-1",
            (b'""',) if low == 1 else (NumberSlot("", length=low - 1),),
            legal=False,
            twin=at,
        )
    if field.max_length is not None:
        high = field.max_length
        at = f"{name}:maxLength"
        for label, length in (
            ("maxLength", high),
            ("maxLength-1", high - 1),
            ("100", 100),
            ("64", 64),
            ("50", 50),
            ("32", 32),
            ("20", 20),
        ):
            prefix = "" if label.startswith("max") else "length "
            yield sized("maxLength", prefix + label, NumberSlot(length=length), ok=True)
        yield sized("maxLength", "maxLength+1", NumberSlot(length=high + 1), ok=False, twin=at)
        yield sized("maxLength", "length 1000", NumberSlot(length=1000), ok=False, twin=at)
        yield sized("maxLength", "length 10000", NumberSlot(length=10_000), ok=False, twin=at)
        two, three = "maxLength in two-byte letters", "maxLength in three-byte letters"
        yield sized("maxLength", two, NumberSlot(length=high, filler="é"), ok=True)
        yield sized("maxLength", three, NumberSlot(length=high, filler="票"), ok=True)
        yield sized(
            "maxLength",
            "maxLength+1 in two-byte letters",
            NumberSlot(length=high + 1, filler="é"),
            ok=False,
            twin=f"{name}:{two}",
        )
        decomposed = NumberSlot(length=high + 1, filler="e\u0301")
        yield sized("maxLength", "maxLength+1 in combining marks", decomposed, ok=False, twin=at)
        yield sized("maxLength", "maxLength in combining marks", NumberSlot(length=high, filler="e\u0301"), ok=True)
        half = high // 2 + 16
        astral = "astral characters, more than maxLength in UTF-16"
        yield sized("maxLength", astral, NumberSlot(length=half, filler="🧾"), ok=True)
        yield sized("maxLength", "maxLength in astral characters", NumberSlot(length=high, filler="🧾"), ok=True)
        yield sized(
            "maxLength",
            "maxLength+1 in astral characters",
            NumberSlot(length=high + 1, filler="🧾"),
            ok=False,
            twin=at,
        )
    for text in numbers.TEXTS:
        yield Edge(name, "text", text.edge, (text.slot,), legal=True, core=text.core)


NO_CODES = (
    "EU1",
    "eur",
    "Eur",
    "€€€",
    "AAA",
    "ZZZ",
    "123",
    "978",
    "   ",
    "E R",
    "US$",
    "usd",
    "ＥＵＲ",
    "ΕUR",
    "'%\\",
    "null"[:3],
)
SHORT_CODES = (("", True), ("E", True), ("EU", True), ("€", True), ("Eé", True), ("E🧾", True), ("é", False))
LONG_CODES = (
    ("EURO", True),
    ("EUR ", True),
    (" EUR", False),
    ("EUREUR", False),
    ("EURX", False),
    ("EUR\n", True),
    ("Euro €", False),
)


def _currencies(contract: Contract, field: Field) -> Iterator[Edge]:
    name = field.name

    def code(keyword: str, label: str, text: str, *, ok: bool, core: bool = True) -> Edge:
        return Edge(name, keyword, label, (json.dumps(text, ensure_ascii=False).encode(),), legal=ok, core=core)

    plain = json.loads(plain_text(field))
    currencies = contract.currencies
    for text in sorted(currencies.active | currencies.recent):
        if text != plain:
            yield code("code", f"code: {text}", text, ok=True, core=text in CORE_CODES or text in currencies.recent)
    yield code("code", f"code: {plain}", plain, ok=True)
    for text, core in SHORT_CODES:
        yield code("minLength", f"minLength: {text!r}", text, ok=False, core=core)
    for text, core in LONG_CODES:
        yield code("maxLength", f"maxLength: {text!r}", text, ok=False, core=core)
    for index, text in enumerate(NO_CODES):
        yield code("no code", f"no code: {text!r}", text, ok=False, core=index < 5 or text == "978")  # noqa: PLR2004


CORE_CODES = frozenset(
    {"USD", "JPY", "GBP", "CHF", "KWD", "XAF", "BHD", "CLP", "TRY", "UYU", "VES", "ZMW", "AED", "KRW"}
)
"""Codes with 0, 2 and 3 decimals, from the first and the last of the alphabet."""


def _date_times(field: Field) -> Iterator[Edge]:
    name = field.name
    ids: dict[str, str] = {}
    for legal in datetimes.LEGAL:
        ids[legal.text] = f"{name}:{legal.edge}"
        yield Edge(name, "date-time", legal.edge, (json.dumps(legal.text).encode(),), legal=True, core=legal.core)
    extra: dict[str, str] = {}
    for bad in datetimes.ILLEGAL:
        if bad.twin not in ids and bad.twin not in extra:
            extra[bad.twin] = f"legal neighbour: {bad.twin}"
            yield Edge(
                name,
                "date-time",
                extra[bad.twin],
                (json.dumps(bad.twin).encode(),),
                legal=True,
                core=bad.core,
            )
        twin = ids.get(bad.twin) or f"{name}:{extra[bad.twin]}"
        text = json.dumps(bad.text, ensure_ascii=False).encode()
        yield Edge(name, "pattern", bad.edge, (text,), legal=False, twin=twin, core=bad.core)


def _plain_strings(field: Field) -> Iterator[Edge]:
    name = field.name
    example = json.loads(plain_text(field))

    def sized(keyword: str, label: str, length: int, *, ok: bool, twin: str | None = None) -> Edge:
        text = (example * (length // max(len(example), 1) + 1))[:length]
        return Edge(name, keyword, label, (json.dumps(text).encode(),), legal=ok, twin=twin)

    if field.pattern is None and field.min_length:
        yield sized("minLength", "minLength", field.min_length, ok=True)
        yield sized("minLength", "minLength-1", field.min_length - 1, ok=False, twin=f"{name}:minLength")
    if field.pattern is None and field.max_length is not None:
        yield sized("maxLength", "maxLength", field.max_length, ok=True)
        yield sized("maxLength", "maxLength+1", field.max_length + 1, ok=False, twin=f"{name}:maxLength")
    if field.pattern is not None:
        for label, text in (
            ("trailing newline", example + "\n"),
            ("leading space", " " + example),
            ("last character missing", example[:-1]),
            ("empty", ""),
        ):
            yield Edge(name, "pattern", label, (json.dumps(text).encode(),), legal=False)
