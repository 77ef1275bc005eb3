"""Owns how checks ask for their cases: by keyword, pairwise, drawn at random, or as a script of several steps.

It makes cases and sends none; which of them are legal it asks the oracle.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from invoice_conformance import datetimes, instant, numbers
from invoice_conformance.boundaries import Edge, invoice, invoice_body, plain_parts
from invoice_conformance.case import (
    OF_OTHER_TENANT,
    OTHER_TENANT_HEADERS,
    STANDARD_HEADERS,
    UNAUTHENTICATED_HEADERS,
    Case,
    Edit,
    Hole,
    NumberSlot,
)
from invoice_conformance.checks import Cases, Draw, Scope, Script
from invoice_conformance.mixtures import mixtures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.case import Part
    from invoice_conformance.checks import Kind
    from invoice_conformance.contract import Contract, Field
    from invoice_conformance.oracle import Level

RANDOM_INVOICES = {"quick": 28, "standard": 130, "thorough": 2500}
RANDOM_REFUSALS = {"quick": 18, "standard": 70, "thorough": 1200}
RACES = {"quick": 3, "standard": 6, "thorough": 12}
RACERS = 8
CONNECTIONS = 6
"""How many duplicates of a number come over connections of their own: a second worker misses all of them once in 64."""
BETWEEN = {"quick": 60, "standard": 60, "thorough": 300}
TOGETHER = {"MUST": "legal values together", "SHOULD": "unusual values together"}
KINDS: dict[Level, Kind] = {"MUST": "common invoices", "SHOULD": "invoices"}
AT_RANDOM = {"MUST": "random legal values", "SHOULD": "random unusual values"}
"""What cases of several values are called; numbers follow."""
REPRESENTATIVES = {"quick": 4, "standard": 7, "thorough": 14}


def nothing() -> Cases:
    """No cases of its own: the check watches what others send."""
    return Cases(lambda _scope: ())


def boundaries(*keywords: str, legal: bool | None = None, fields: tuple[str, ...] = ()) -> Cases:
    """The edges of every field (or of `fields`) that probe one of `keywords` (any without), illegal ones with twins."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for edge in scope.edges:
            if keywords and edge.keyword not in keywords:
                continue
            if (fields and edge.field not in fields) or (legal is not None and edge.legal != legal):
                continue
            yield scope.scripts[edge.id]

    return Cases(recipe)


NAMED = frozenset(
    {"contractId", "invoiceNumber", "exchangeRate", "currencyCode", "amountMinor", "issuedAt", "dueAt", "paidAt"}
)
"""Members whose legal values have requirements of their own."""


def other_members() -> Cases:
    """The legal edges of members that have no requirements of their own: those added to the spec."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for edge in scope.edges:
            if edge.field not in NAMED and edge.legal:
                yield scope.scripts[edge.id]

    return Cases(recipe)


def plain(contract: Contract) -> Case:
    """The invoice with its required members and nothing else, at the spec's example values."""
    return invoice(contract, "plain", ())


def in_company(*keywords: str) -> Cases:
    """The illegal edges that probe one of `keywords`, among legal values that a validator may take for an excuse."""

    def illegal(scope: Scope) -> list[Edge]:
        return [edge for edge in scope.edges if not edge.legal and edge.keyword in keywords and edge.core]

    def draws(scope: Scope) -> Iterator[Draw]:
        if scope.profile != "quick":
            yield Draw("common invoices", len(illegal(scope)), seed_of(scope, "company", *keywords))

    def recipe(scope: Scope) -> Iterator[Script]:
        yield from _among_excuses(scope, keywords)
        drawn = (company for asked in draws(scope) for company in _drawn(scope, asked))
        for edge, company in zip(illegal(scope), drawn, strict=False):
            around = tuple(edit for edit in company if edit.field not in (edge.field, "invoiceNumber"))
            if edge.field in {"issuedAt", "dueAt", "paidAt"}:
                around = tuple(edit for edit in around if edit.field not in {"issuedAt", "dueAt", "paidAt"})
            beside = scope.edge(edge.twin)
            twin_edits = around if beside is None else (*around, beside.edit)
            act = invoice(scope.contract, f"{edge.id} among random legal values", (*around, edge.edit))
            twin = invoice(scope.contract, f"{edge.id} among random legal values, twin", twin_edits)
            if _is(scope, twin, "valid") and _is(scope, act, "invalid"):
                yield Script.beside(act, twin, edge.field)

    return Cases(recipe, draws)


def fractions_below_zero() -> Cases:
    """A fraction between -1 and 0 where an integer of 0 or more belongs: rounded or cut, it is one."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for field in scope.contract.fields:
            if "integer" in field.types and field.minimum == 0:
                edit = Edit(field.name, "under minimum: -0.4", (b"-0.4",))
                act = invoice(scope.contract, f"{field.name}:{edit.edge}", (edit,))
                yield Script.beside(act, scope.scripts[f"{field.name}:minimum"].act, field.name)

    return Cases(recipe)


EXCUSES: tuple[tuple[str, str], ...] = (
    ("amountMinor", "minimum"),
    ("exchangeRate", "minimum"),
    ("currencyCode", "code: USD"),
    ("issuedAt", "null"),
    ("dueAt", "the page's example"),
    ("paidAt", "the page's example"),
)
"""Legal values, together in one invoice, at which programs skip a rule: nothing owed, nothing converted, paid.

The currency is the one that many programs convert from and to, so that its rate seems to be of no account."""

TYPICAL = ("type=string: plain", "type=number")
"""The wrong types that a decoder lets pass most easily."""


def _among_excuses(scope: Scope, keywords: tuple[str, ...]) -> Iterator[Script]:
    """One illegal edge a field and keyword, in an invoice of excuses; that invoice, all legal, is the twin."""
    company = [edge.edit for name, value in EXCUSES if (edge := scope.edge(f"{name}:{value}")) is not None]
    twin = invoice(scope.contract, "a paid invoice of nothing", company)
    first: dict[tuple[str, str], Edge] = {}
    for edge in sorted(scope.edges, key=lambda edge: not edge.name.startswith(TYPICAL)):
        if not edge.legal and edge.core and edge.keyword in keywords:
            first.setdefault((edge.field, edge.keyword), edge)
    for edge in first.values():
        edits = (*(edit for edit in company if edit.field != edge.field), edge.edit)
        act = invoice(scope.contract, f"{edge.id} in a paid invoice of nothing", edits)
        if _is(scope, twin, "valid") and _is(scope, act, "invalid"):
            yield Script.beside(act, twin, edge.field)


def _is(scope: Scope, case: Case, kind: str, level: str = "MUST") -> bool:
    judgement = scope.judgement(case)
    if kind == "invalid" and len(judgement.rules) != 1:
        return False
    return (judgement.kind, judgement.level) == (kind, level)


def written() -> Cases:
    """The page's example, and plain invoices as a first user would write them."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for case in first_invoices(scope.contract):
            yield Script.alone(case)

    return Cases(recipe)


def first_invoices(contract: Contract) -> tuple[Case, ...]:
    """The page's example, then other plain invoices: without dates, in another currency, of another amount."""
    dates = tuple(
        Edit(field.name, "the page's example", (json.dumps(datetimes.PLAIN).encode(),))
        for field in contract.fields
        if field.format == "date-time"
    )
    dollars = Edit("currencyCode", "code: USD", (b'"USD"',))
    return (
        invoice(contract, "example", dates),
        plain(contract),
        invoice(contract, "plain in dollars", (dollars,)),
        invoice(
            contract,
            "plain of one unit",
            (Edit("amountMinor", "value: 100", (b"100",)), Edit("exchangeRate", "value: 1", (b"1",))),
        ),
        invoice(contract, "example in dollars", (*dates, dollars)),
    )


def pairs(level: Level) -> Cases:
    """Legal edges of all fields together, so that every two of different fields meet at least once."""

    def recipe(scope: Scope) -> Iterator[Script]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            from allpairspy import AllPairs  # noqa: PLC0415 - only needed to make a plan

        choices: list[list[Edit | None]] = []
        for field in scope.contract.fields:
            legal = [
                edge
                for edge in scope.edges
                if edge.field == field.name and edge.legal and not _pooled(edge) and _departs(field, edge)
            ]
            legal.sort(key=_importance)
            fitting = [edge for edge in legal if _is(scope, scope.scripts[edge.id].act, "valid", "MUST")]
            if level == "SHOULD":
                wide = [edge for edge in legal if _is(scope, scope.scripts[edge.id].act, "valid", "SHOULD")]
                fitting = [*_spread(wide, REPRESENTATIVES[scope.profile]), *fitting[:1]]
            fitting.sort(key=_currency_kind)
            options: list[Edit | None] = [None]
            options += [edge.edit for edge in _spread(fitting, REPRESENTATIVES[scope.profile])]
            choices.append(options)
        varied = [options for options in choices if len(options) > 1]
        for index, combination in enumerate(AllPairs(varied)):
            chosen = [edit for edit in combination if edit is not None]
            edits = tuple(in_usual_order(chosen) if level == "MUST" else chosen)
            case = invoice(scope.contract, f"{TOGETHER[level]} {index + 1}", edits)
            if len(edits) > 1 and scope.judgement(case).kind == "valid":
                yield Script.alone(case)

    return Cases(recipe)


def mixed() -> Cases:
    """Invoices in every kind of currency, each with other values of its other members."""

    def recipe(scope: Scope) -> Iterator[Script]:
        yield from map(Script.alone, mixtures(scope.contract))

    return Cases(recipe)


def in_usual_order(edits: list[Edit]) -> list[Edit]:
    """The same edits with the dates exchanged so that an invoice is issued, then paid, then due."""
    dated = [edit for edit in edits if edit.field in USUAL_ORDER and edit.parts not in {(b"null",), None}]

    def moment(edit: Edit) -> Fraction:
        part = edit.parts[0] if edit.parts else b""
        found = instant.read_sent(json.loads(part)) if isinstance(part, bytes) else None
        return found if found is not None else Fraction(0)

    names = [name for name in USUAL_ORDER if any(edit.field == name for edit in dated)]
    moved = {
        name: Edit(name, edit.edge, edit.parts) for name, edit in zip(names, sorted(dated, key=moment), strict=True)
    }
    return [moved.get(edit.field, edit) if edit in dated else edit for edit in edits]


USUAL_ORDER = ("issuedAt", "paidAt", "dueAt")
"""The order in which the dates of an invoice usually come."""


FOREMOST = (
    "maxLength in three-byte letters",
    "digits only",
    "apostrophe",
    "two inner spaces",
    "maxLength",
    "maximum",
    "minimum",
    "value: 1000000",
    "value: 1.123456",
    "value: 2^31",
    "null",
    "the page's example",
    "leap day: 2024",
    "fraction of 7 to 9 digits",
    "before the epoch",
)
"""The edges that meet others first: each stands for a way in which programs tell one invoice from another."""


def _importance(edge: Edge) -> int:
    """Sorts the foremost edges to the front; leaves the others where they are."""
    return next((place for place, name in enumerate(FOREMOST) if edge.name.startswith(name)), len(FOREMOST))


def _departs(field: Field, edge: Edge) -> bool:
    """Whether an edge makes the invoice another than the plain one."""
    return edge.parts != (plain_parts(field) if field.required else None)


def _currency_kind(edge: Edge) -> int:
    """Sorts a code of each number of decimals to the front; leaves other edges where they are."""
    codes = {"JPY": 0, "KWD": 1, "USD": 2}
    return codes.get(edge.name.removeprefix("code: "), len(codes))


def _pooled(edge: Edge) -> bool:
    return any(isinstance(part, NumberSlot) and part.pooled for part in edge.parts or ())


def _spread(edges: list[Edge], count: int) -> list[Edge]:
    """At most `count` of the edges, of as many families as there are."""
    families: dict[str, list[Edge]] = {}
    for edge in edges:
        families.setdefault(edge.name.partition(":")[0], []).append(edge)
    chosen: list[Edge] = []
    depth = 0
    while len(chosen) < min(count, len(edges)):
        for members in families.values():
            if depth < len(members) and len(chosen) < count:
                chosen.append(members[depth])
        depth += 1
    return chosen


def _drawn(scope: Scope, asked: Draw) -> list[Any]:
    if scope.drawing:
        known: list[Any] = scope.drawing[0](asked)
        return known
    from invoice_conformance import strategies  # noqa: PLC0415 - Hypothesis takes a while to import

    return strategies.drawn(scope.contract, asked)


def random_invoices(level: Level) -> Cases:
    """Whole invoices that Hypothesis draws from legal values; with SHOULD also from unusual ones."""

    def draws(scope: Scope) -> Iterator[Draw]:
        count, kind = RANDOM_INVOICES[scope.profile], KINDS[level]
        yield Draw(kind, count if level == "MUST" else count // 4, seed_of(scope, "invoices", level))

    def recipe(scope: Scope) -> Iterator[Script]:
        drawn = (departures for asked in draws(scope) for departures in _drawn(scope, asked))
        for index, departures in enumerate(drawn):
            edits = tuple(in_usual_order(list(departures))) if level == "MUST" else departures
            case = invoice(scope.contract, f"{AT_RANDOM[level]} {index + 1}", edits)
            if edits and scope.judgement(case).kind == "valid":
                yield Script.alone(case)

    return Cases(recipe, draws)


def random_refusals(keyword: str) -> Cases:
    """Date-times one or two changes away from legal ones, each with the legal one as its twin."""

    def draws(scope: Scope) -> Iterator[Draw]:
        yield Draw("broken date-times", RANDOM_REFUSALS[scope.profile], seed_of(scope, "refusals", keyword))

    def recipe(scope: Scope) -> Iterator[Script]:
        fields = [field for field in scope.contract.fields if field.format == "date-time"]
        drawn = (texts for asked in draws(scope) for texts in _drawn(scope, asked))
        for index, (legal, text) in enumerate(drawn):
            field = fields[index % len(fields)]
            act = _dated(
                scope.contract, f"random illegal date-time {index + 1}", field.name, f"random change: {text}", text
            )
            if not _is(scope, act, "invalid"):
                continue
            twin = (
                scope.scripts[f"{field.name}:the page's example"].act
                if legal == datetimes.PLAIN
                else _dated(scope.contract, f"{act.id}, twin", field.name, f"random: {legal}", legal)
            )
            yield Script.beside(act, twin, field.name)

    return Cases(recipe, draws)


def _dated(contract: Contract, name: str, field: str, edge: str, text: str) -> Case:
    return invoice(contract, name, (Edit(field, edge, (json.dumps(text, ensure_ascii=False).encode(),)),))


def seed_of(scope: Scope, *words: str) -> int:
    """A seed for one purpose, so that adding a check does not change what another draws."""
    return int.from_bytes(hashlib.sha256("\0".join((str(scope.seed), *words)).encode()).digest()[:8])


def date_orders() -> Cases:
    """Invoices that were paid or due before they were issued."""
    early, late = "2023-10-05T14:48:00.000Z", "2023-11-05T14:48:00.000Z"

    def recipe(scope: Scope) -> Iterator[Script]:
        dates = [field.name for field in scope.contract.fields if field.format == "date-time"]
        issued, others = dates[0], dates[1:]
        for name in others:
            edits = tuple(
                Edit(field, f"order: {name} before {issued}", (json.dumps(text).encode(),))
                for field, text in ((issued, late), (name, early))
            )
            case = invoice(scope.contract, f"{name} before {issued}", edits)
            yield Script.alone(case)
        late_payment = tuple(
            Edit(field, "order: paid after due", (json.dumps(text).encode(),))
            for field, text in zip(("issuedAt", "dueAt", "paidAt"), (early, early, late), strict=True)
        )
        case = invoice(scope.contract, "paid after due", late_payment)
        yield Script.alone(case)
        edits = tuple(
            Edit(
                field,
                f"order: all before {issued}",
                (json.dumps(late if field == issued else early).encode(),),
            )
            for field in dates
        )
        case = invoice(scope.contract, f"all before {issued}", edits)
        yield Script.alone(case)

    return Cases(recipe)


UNKNOWN: tuple[tuple[str, bytes], ...] = (
    ("notes", b'"paid in cash"'),
    ("amount", b"50"),
    ("lines", b'[{"amountMinor":5000}]'),
    ("Amountminor", b"1"),
    ("", b'""'),
    ("$where", b'"1"'),
    ("constructor", b'{"prototype":{}}'),
    ("__proto__", b'{"amountMinor":1}'),
    ("__class__", b'"x"'),
    ("a.b", b"null"),
    ("memo", b'"\\u0000"'),
    ("tenantId", b'"tnt_000000000000000000000000"'),
)


INHERITED: tuple[tuple[str, bytes], ...] = (
    ("hasOwnProperty", b'1,"toString":1,"valueOf":1,"toJSON":1,"length":-1,"then":1'),
)
"""Names that every object of JavaScript inherits or is asked for."""


def unknown_members() -> Cases:
    """Plain invoices with one member that the page does not know."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for name, value in (*UNKNOWN, *(INHERITED if scope.profile != "quick" else ())):
            case = invoice(scope.contract, f"unknown member {name!r}", (Edit(name, "unknown member", (value,)),))
            yield Script.alone(case)

    return Cases(recipe)


def server_set() -> Cases:
    """Plain invoices with a member that only the server may set, at a value that no server would choose."""
    values: tuple[tuple[str, tuple[Part, ...]], ...] = (
        ("id", (NumberSlot(before="inv_client", key="number"),)),
        ("status", (b'"VOID"',)),
        ("createdAt", (b'"2001-02-03T04:05:06.007Z"',)),
        ("updatedAt", (b'"2001-02-03T04:05:06.007Z"',)),
        ("contract", (b'"ctr_000000000000000000000000"',)),
    )

    def recipe(scope: Scope) -> Iterator[Script]:
        number = Edit("invoiceNumber", "marked like the id", (NumberSlot(key="number"),))
        for name, parts in values:
            edits = (
                (number, Edit(name, "set by the client", parts))
                if name == "id"
                else (Edit(name, "set by the client", parts),)
            )
            case = invoice(scope.contract, f"client sets {name}", edits)
            yield Script.alone(case)

    return Cases(recipe)


def _keyed(contract: Contract, name: str, slot: NumberSlot, *edits: Edit) -> Case:
    return invoice(contract, name, (Edit("invoiceNumber", "shared", (replace(slot, key="number"),)), *edits))


def _text(field: str, text: str) -> Edit:
    return Edit(field, "other content", (text.encode(),))


OTHER = (
    _text("exchangeRate", "2.5"),
    _text("currencyCode", '"USD"'),
    _text("amountMinor", "777"),
    _text("issuedAt", '"2022-01-01T00:00:00.000Z"'),
)
"""Content unlike the plain invoice's in every member but contract and number."""

KINDS_OF_NUMBER: tuple[tuple[str, NumberSlot], ...] = (
    ("an ordinary number", NumberSlot()),
    ("a number of digits", NumberSlot(before="", digits=True)),
    ("a number with accents", NumberSlot(before="É票🧾-")),
    ("the longest number", NumberSlot(length=255)),
    ("a number with a quote", NumberSlot(before="O'Neil-")),
    # What a URL or LIKE reads otherwise: whoever looks a number up with them does not find this one.
    ("a lower-case number with signs", NumberSlot(before="inv a+b/%63?d&e\\f_{0}#-")),
    ("a number with a trailing space", NumberSlot(after=" ")),
    ("a number with a leading space", NumberSlot(before=" INV-")),
    ("a number with combining marks", NumberSlot(before="E\u0301-")),
    ("a number with a line feed", NumberSlot(before="INV-\n")),
)


_PAID, _PAID_LATER = (
    tuple(_text(name, f'"2022-0{month}-01T00:00:00.000Z"') for name in ("issuedAt", "dueAt", "paidAt"))
    for month in (1, 2)
)
_NOTHING = (_text("amountMinor", "0"), _text("exchangeRate", "0"))
EXCUSED: tuple[tuple[str, tuple[Edit, ...], tuple[Edit, ...]], ...] = (
    ("paid invoices", _PAID, (*OTHER[:3], *_PAID_LATER)),
    ("invoices of nothing", _NOTHING, (*_NOTHING, OTHER[1])),
)
"""Invoices that an index of numbers may pass over, in words; the first's content, and that of the second."""


def duplicates() -> Cases:
    """A create, then another with the same number and one or all other members changed."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, slot in KINDS_OF_NUMBER:
            yield _second(scope.contract, f"{words} used again", slot, (), slot, OTHER)
        for edit in OTHER:
            name = f"a used number with another {edit.field}"
            yield _second(scope.contract, name, NumberSlot(), (), NumberSlot(), (edit,))
        for words, content, other in EXCUSED:
            name = f"a used number of {words}"
            yield _second(scope.contract, name, NumberSlot(), content, NumberSlot(), other)
        # Workers that remember numbers by themselves are told apart by their connections.
        closing = (*STANDARD_HEADERS, ("Connection", "close"))
        first = replace(_keyed(scope.contract, "a number used over a connection, first", NumberSlot()), headers=closing)
        act = replace(
            _keyed(scope.contract, "a number used over a connection, over another", NumberSlot(), *OTHER),
            headers=closing,
        )
        steps = (("first", first), *(("act", act) for _turn in range(CONNECTIONS)))
        yield Script("a number used over another connection", steps, order="fixed")
        # Memory of the last few numbers only shows when others came in between, be it in a run of this check alone.
        between = mixtures(scope.contract)
        more = (
            invoice(scope.contract, f"plain, {turn + 1} of those between", ())
            for turn in range(BETWEEN[scope.profile] - len(between))
        )
        fillers = tuple(("between", case) for case in (*between, *more))
        first = _keyed(scope.contract, "a number used long ago, first", NumberSlot())
        act = _keyed(scope.contract, "a number used long ago, again", NumberSlot(), *OTHER)
        yield Script("a number used long ago", (("first", first), *fillers, ("act", act)), order="apart")

    return Cases(recipe)


def _second(
    contract: Contract,
    name: str,
    slot: NumberSlot,
    edits: tuple[Edit, ...],
    other_slot: NumberSlot,
    other_edits: tuple[Edit, ...],
) -> Script:
    first = _keyed(contract, f"{name}, first", slot, *edits)
    act = _keyed(contract, f"{name}, second", other_slot, *other_edits)
    return Script(name, (("first", first), ("act", act)), order="fixed")


def duplicates_of_another_tenant() -> Cases:
    """A create in the other tenant, then another there with the same number and other content."""

    def recipe(scope: Scope) -> Iterator[Script]:
        name = "a used number of the other tenant"
        theirs = Edit("contractId", OF_OTHER_TENANT, (Hole("other-contract"),))
        script = _second(scope.contract, name, NumberSlot(), (theirs,), NumberSlot(), (theirs, *OTHER))
        steps = tuple((role, replace(case, headers=OTHER_TENANT_HEADERS)) for role, case in script.steps)
        yield replace(script, steps=steps)

    return Cases(recipe)


WILDCARDS: tuple[tuple[str, bool], ...] = (("A_B%C3-", True), ("A.B.C3-", True), ("A?B*C3-", False))
"""Numbers that SQL, regular expressions and shells read as A1B2C3-; whether a quick run sends them."""


SEPARATED: tuple[tuple[str, bool], ...] = (("INV2025", True), ("INV 20 25 ", False), ("INV_20/25.", False))
"""Numbers that are INV-20-25- to who looks past what separates their parts; whether a quick run sends them."""


def _like(words: str, used: str, others: tuple[tuple[str, bool], ...]) -> Cases:
    """A create whose number begins with `used`, then others whose numbers begin otherwise and end like the first."""

    def recipe(scope: Scope) -> Iterator[Script]:
        first = _keyed(scope.contract, f"{words}, first", NumberSlot(before=used))
        acts = tuple(
            ("act", _keyed(scope.contract, f"{words}: {before}", NumberSlot(before=before)))
            for before, quick in others
            if quick or scope.profile != "quick"
        )
        yield Script(words, (("first", first), *acts), order="fixed")

    return Cases(recipe)


def wildcards() -> Cases:
    """A create, then others whose numbers are patterns for that of the first."""
    return _like("patterns for a used number", "A1B2C3-", WILDCARDS)


def other_separators() -> Cases:
    """A create, then others whose numbers have other separators between the same parts, or none."""
    return _like("a used number with other separators", "INV-20-25-", SEPARATED)


def words(*, blank: bool = False) -> Cases:
    """Numbers that are words or digits which programs mistake (or `blank` ones), each beside a duplicate.

    Such a number cannot carry the run's mark, so a rerun finds it used: how this server refuses a used number tells
    the two refusals apart.
    """

    def recipe(scope: Scope) -> Iterator[Script]:
        for word in numbers.BLANKS if blank else numbers.WORDS:
            case = invoice(scope.contract, f"the number {word!r}", (_text("invoiceNumber", json.dumps(word)),))
            first = _keyed(scope.contract, f"beside the number {word!r}, first", NumberSlot())
            # The same body, lest a server that refuses something of another one seems to refuse the number.
            again = _keyed(scope.contract, f"beside the number {word!r}, again", NumberSlot())
            # Last, so that null or true, coerced to text and accepted elsewhere, does not meet this very number.
            yield Script(case.id, (("act", case), ("first", first), ("again", again)), order="last")

    return Cases(recipe)


def repeats() -> Cases:
    """The identical body twice, then once more without credentials."""

    def recipe(scope: Scope) -> Iterator[Script]:
        name = "the identical body again"
        script = _second(scope.contract, name, NumberSlot(), (), NumberSlot(), ())
        stranger = replace(script.act, id=f"{name}, without credentials", headers=UNAUTHENTICATED_HEADERS)
        yield replace(script, steps=(*script.steps, ("stranger", stranger)))

    return Cases(recipe)


NEAR: tuple[tuple[str, str, NumberSlot, NumberSlot], ...] = (
    ("case", "upper and lower case", NumberSlot(before="INV-A-"), NumberSlot(before="inv-a-")),
    ("case", "sharp s and ss", NumberSlot(before="Strasse-"), NumberSlot(before="Straße-")),
    ("case", "dotless and dotted i", NumberSlot(before="Iı-"), NumberSlot(before="Ii-")),
    ("case", "with and without accent", NumberSlot(before="RE-"), NumberSlot(before="RÉ-")),
    ("space", "a trailing space", NumberSlot(), NumberSlot(after=" ")),
    ("space", "a trailing space, then none", NumberSlot(after=" "), NumberSlot()),
    ("space", "a leading space", NumberSlot(), NumberSlot(before=" INV-")),
    ("space", "one inner space and two", NumberSlot(before="INV 2025 "), NumberSlot(before="INV  2025 ")),
    ("form", "composed and decomposed", NumberSlot(before="RÉ-"), NumberSlot(before="RE\u0301-")),
    ("form", "two emoji", NumberSlot(before="🧾-"), NumberSlot(before="💶-")),
    ("form", "hiragana and katakana", NumberSlot(before="せい-"), NumberSlot(before="セイ-")),
    # In this order: the one without is plain, so its refusal is about the other.
    ("form", "with and without a zero-width space", NumberSlot(before="INV\u200b-"), NumberSlot()),
    ("form", "full-width and ASCII digits", NumberSlot(before="INV-1-"), NumberSlot(before="INV-１-")),
    (
        "last character",
        "longest numbers with another end",
        NumberSlot(length=255, after="A"),
        NumberSlot(length=255, after="B"),
    ),
    (
        "last character",
        "long accented numbers with another end",
        NumberSlot(length=200, filler="é", after="1"),
        NumberSlot(length=200, filler="é", after="2"),
    ),
    ("last character", "numbers with another end", NumberSlot(after="A"), NumberSlot(after="B")),
    (
        "last character",
        "digits after leading zeros",
        NumberSlot(before="0", digits=True),
        NumberSlot(before="00", digits=True),
    ),
)


def near_duplicates(*kinds: str) -> Cases:
    """Two creates whose numbers are alike but for case, space, Unicode form or the last character."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for kind, words, slot, other in NEAR:
            if kind in kinds:
                yield _second(scope.contract, words, slot, (), other, ())

    return Cases(recipe)


def after_refusals() -> Cases:
    """A create that must be refused, then a valid one with the same number."""
    broken: tuple[tuple[str, Edit], ...] = (
        ("a wrong type", _text("amountMinor", '"5000"')),
        ("an amount over its maximum", _text("amountMinor", "9007199254740992")),
        ("a negative rate", _text("exchangeRate", "-1")),
        ("a short currency", _text("currencyCode", '"EU"')),
        ("an impossible date", _text("dueAt", '"2023-02-30T00:00:00.000Z"')),
        ("no currency", Edit("currencyCode", "absent", None)),
        ("an unknown contract", _text("contractId", '"ctr_000000000000000000000000"')),
    )

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, edit in broken:
            name = f"a number refused for {words}"
            yield _second(scope.contract, name, NumberSlot(), (edit,), NumberSlot(), ())
        heads = (
            ("its credentials", UNAUTHENTICATED_HEADERS),
            ("its media type", (*STANDARD_HEADERS[:2], ("Content-Type", "image/png"))),
        )
        for words, headers in heads:
            name = f"a number refused for {words}"
            script = _second(scope.contract, name, NumberSlot(), (), NumberSlot(), ())
            (role, first), *others = script.steps
            yield replace(script, steps=((role, replace(first, headers=headers)), *others))

    return Cases(recipe)


def races() -> Cases:
    """Several creates of one number at the same moment, in several rounds."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for turn in range(RACES[scope.profile]):
            steps = tuple(
                (
                    "act",
                    _keyed(
                        scope.contract,
                        f"race {turn + 1}, {racer + 1}",
                        NumberSlot(),
                        _text("amountMinor", str(1000 + racer)),
                    ),
                )
                for racer in range(RACERS)
            )
            yield Script(f"race {turn + 1}", steps, order="race")

    return Cases(recipe)


__all__ = [
    "after_refusals",
    "boundaries",
    "date_orders",
    "duplicates",
    "duplicates_of_another_tenant",
    "first_invoices",
    "fractions_below_zero",
    "in_company",
    "in_usual_order",
    "invoice_body",
    "mixed",
    "near_duplicates",
    "nothing",
    "other_members",
    "pairs",
    "plain",
    "races",
    "random_invoices",
    "random_refusals",
    "repeats",
    "seed_of",
    "server_set",
    "unknown_members",
    "wildcards",
    "words",
    "written",
]
