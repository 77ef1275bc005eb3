"""Owns what the suite's cases promise before they are sent: exact octets, fresh numbers, one broken rule each.

It must not know any target; what is legal it asks the oracle.
"""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from invoice_conformance import jsontext, locate
from invoice_conformance.boundaries import Edge, edge_case, edges, invoice
from invoice_conformance.case import (
    BEARER,
    Case,
    Edit,
    Hole,
    Identity,
    Numbering,
    NumberSlot,
    fill,
    sample,
    spell_string,
)
from invoice_conformance.catalogue import Catalogue
from invoice_conformance.checks import PROFILES, Registry, Scope
from invoice_conformance.contract import Contract
from invoice_conformance.numbers import WORDS
from invoice_conformance.oracle import Oracle
from invoice_conformance.plan import make_plan
from invoice_conformance.recipes import plain
from invoice_conformance.session import PRESENT

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT: Final = Contract.load()
ORACLE: Final = Oracle(CONTRACT, now=PRESENT)
EDGES: Final = edges(CONTRACT)
BY_ID: Final = {edge.id: edge for edge in EDGES}
REGISTRY: Final = Registry.load()
IDENTITY: Final = Identity("secret", "tnt_a", 'ctr_"a"', "tnt_b", "ctr_b")
PATH: Final = "/api/v1/invoices"

examples: Final = settings(derandomize=True, deadline=None, database=None, max_examples=100)

each_edge: Final = pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.id)


def filled_body(slot: NumberSlot) -> str:
    """The number that a filled slot puts into a body, as a JSON reader finds it."""
    case = Case("case", (b'{"invoiceNumber":', slot, b"}"))
    body = fill(case, IDENTITY, Numbering.fresh(), PATH).request.body
    value = jsontext.read(body).value
    assert isinstance(value, dict)
    number = value["invoiceNumber"]
    return number.literal if isinstance(number, jsontext.Number) else str(number)


# Slots and holes


def test_marks_are_unique_across_threads() -> None:
    numbering = Numbering.fresh()
    slots = [NumberSlot(), NumberSlot(digits=True)] * 2000

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(numbering.number, slots))

    assert len(set(numbers)) == len(numbers)


def test_two_runs_have_different_marks() -> None:
    marks = {Numbering.fresh().mark for _ in range(100)}

    assert len(marks) == 100


def test_the_same_uuid_in_other_letter_case_is_sent_as_no_other_id() -> None:
    uuid = "8f14e45f-ceea-467f-a9d0-1b2c3d4e5f60"
    of_uuids = Identity("token", uuid, uuid)
    of_words = Identity("token", "tnt_a", "ctr_a")
    case = Case("x", (Hole("contract-in-other-case"),), headers=(("tenant-id", "${tenant:case}"),))

    for identity, wanted in ((of_uuids, f"{uuid.upper()}X"), (of_words, None)):
        request = fill(case, identity, Numbering.fresh(), "/").request
        assert request.body.decode() == f'"{wanted or "CTR_A"}"'
        assert request.headers == (("tenant-id", wanted or "TNT_A"),)


def test_a_number_of_one_letter_is_none_of_the_words() -> None:
    drawn = {Numbering.fresh().number(NumberSlot("", length=1)) for _ in range(2000)}

    assert drawn & {*WORDS} == set()


def test_marks_stay_apart_without_regard_to_case() -> None:
    numbering = Numbering.fresh()

    numbers = [numbering.number(NumberSlot()) for _ in range(2000)]

    assert len({number.casefold() for number in numbers}) == len(numbers)


@examples
@given(
    length=st.integers(1, 400),
    before=st.sampled_from(["", "INV-", "É🧾-", " "]),
    after=st.sampled_from(["", "A", "-é🧾"]),
    filler=st.sampled_from(["0", "é", "e\u0301", "🧾", "x "]),
    digits=st.booleans(),
)
def test_a_length_is_exact_in_code_points(*, length: int, before: str, after: str, filler: str, digits: bool) -> None:
    slot = NumberSlot(before=before, after=after, length=length, filler=filler, digits=digits)

    assert len(filled_body(slot)) == length


def test_slots_with_one_key_share_a_mark_within_a_trial_only() -> None:
    numbering, drawn = Numbering.fresh(), dict[str, str]()
    upper, lower = NumberSlot(before="INV-A-", key="number"), NumberSlot(before="inv-a-", key="number")

    first, second = numbering.number(upper, drawn), numbering.number(lower, drawn)
    third, fourth = numbering.number(upper, {}), numbering.number(upper)

    assert first.removeprefix("INV-A-") == second.removeprefix("inv-a-")
    assert len({first, third, fourth}) == 3


def test_two_slots_of_one_body_share_their_key() -> None:
    case = Case("case", (b"[", NumberSlot(key="number"), b",", NumberSlot(before="inv_", key="number"), b"]"))

    filled = fill(case, IDENTITY, Numbering.fresh(), PATH)

    number, other = json.loads(filled.request.body)
    assert number.removeprefix("INV-") == other.removeprefix("inv_")
    assert filled.number == number


def test_a_number_without_room_for_a_mark_is_drawn_from_a_pool() -> None:
    numbering = Numbering.fresh()
    letter, word = NumberSlot("", length=1), NumberSlot(pool=("null", "NULL"))

    letters = [numbering.number(letter, turn=turn) for turn in (0, 1, 2)]
    words = {numbering.number(word) for _ in range(50)}

    assert letter.pooled
    assert word.pooled
    assert [len(one) for one in letters] == [1, 1, 1]
    assert letters[0].isascii()
    assert not letters[1].isascii()
    assert words == {"null", "NULL"}


def test_a_bare_number_is_json_whatever_the_mark() -> None:
    slot = NumberSlot(before="", digits=True, spelling="bare")

    for mark in ("00000000", "00000001", "ZZZZZZZZ", *(Numbering.fresh().mark for _ in range(100))):
        text = slot.spell(Numbering(mark).number(slot)).decode()
        assert jsontext.Number(text).is_integer()


@examples
@given(st.text(st.characters(), max_size=20))
def test_a_string_is_spelled_so_that_it_is_read_back(text: str) -> None:
    for escaped in (False, True):
        spelled = spell_string(text, escaped=escaped)
        assert jsontext.read(spelled).value == text
        assert not escaped or spelled.isascii()


@pytest.mark.parametrize("text", ["\ud83d", "a\udc00b", "\udc00\ud83d", "é\ud83dé"])
def test_a_lone_surrogate_is_spelled_as_an_escape(text: str) -> None:
    assert jsontext.read(spell_string(text)).value == text
    assert jsontext.read(spell_string(text, escaped=True)).value == text


def test_a_case_is_filled_with_who_is_asking() -> None:
    case = Case(
        "case",
        (b"[", Hole("contract"), b",", Hole("other-contract"), b"]"),
        headers=(("Authorization", BEARER), ("tenant-id", "${tenant}"), ("X", "${other_tenant}")),
        suffix="?a=1",
    )

    filled = fill(case, IDENTITY, Numbering.fresh(), "/prefix" + PATH, common=(("X-Key", "k"),))

    assert json.loads(filled.request.body) == ['ctr_"a"', "ctr_b"]
    assert filled.request.target == f"/prefix{PATH}?a=1"
    assert filled.request.headers == (
        ("Authorization", "Bearer secret"),
        ("tenant-id", "tnt_a"),
        ("X", "tnt_b"),
        ("X-Key", "k"),
    )
    assert filled.number is None


def test_a_digest_says_what_is_sent_and_nothing_of_its_filling() -> None:
    case = edge_case(CONTRACT, EDGES[0])

    same, other = edge_case(CONTRACT, EDGES[0]), edge_case(CONTRACT, EDGES[1])

    assert case.digest == same.digest
    assert case.digest != other.digest
    assert case.digest != Case(case.id, case.body, case.edits, chunked=True).digest


# Edges of the contract


def test_edges_have_names_of_their_own() -> None:
    assert len(BY_ID) == len(EDGES)


@each_edge
def test_a_legal_edge_is_not_invalid_and_an_illegal_one_breaks_its_keyword_alone(edge: Edge) -> None:
    judgement = ORACLE.judge(sample(edge_case(CONTRACT, edge)))

    if edge.legal:
        assert judgement.kind in {"valid", "open"}
    else:
        keyword = {"no code": "iso4217"}.get(edge.keyword, edge.keyword)
        assert [(rule.field, rule.keyword) for rule in judgement.rules] == [(edge.field, keyword)]
        assert judgement.kind == "invalid"


@pytest.mark.parametrize("edge", [edge for edge in EDGES if edge.twin is not None], ids=lambda edge: edge.id)
def test_the_twin_of_an_illegal_edge_is_there_and_valid(edge: Edge) -> None:
    twin = BY_ID[edge.twin or ""]

    judgement = ORACLE.judge(sample(edge_case(CONTRACT, twin)))

    assert twin.legal
    assert twin.field == edge.field
    assert judgement.kind == "valid"


# A label that is a formula: 2^31-1, -(2^53-1), 57 (with words behind a comma), 1e400; not +1, which is a step.
_FORMULA: Final = re.compile(
    r"(?P<sign>-?)\(?(?P<base>[0-9.]+(?:[eE][+-]?[0-9]+)?)(?:\^(?P<power>[0-9]+))?(?P<step>[+-][0-9]+)?\)?(?:,.*)?"
)


def formula_of(edge: Edge) -> re.Match[str] | None:
    """The formula that stands behind the last colon of an edge of a number."""
    return _FORMULA.fullmatch(edge.name.rpartition(": ")[2])


FORMULAS: Final = [edge for edge in EDGES if edge.field in {"amountMinor", "exchangeRate"} and formula_of(edge)]


@pytest.mark.parametrize("edge", FORMULAS, ids=lambda edge: edge.id)
def test_an_edge_sends_the_number_that_its_name_tells(edge: Edge) -> None:
    formula = formula_of(edge)
    assert formula is not None

    told = Decimal(formula["base"]) ** int(formula["power"] or 1) + int(formula["step"] or 0)
    sent = jsontext.read(sample(edge_case(CONTRACT, edge))).value

    assert isinstance(sent, dict)
    number = sent[edge.field]
    assert isinstance(number, jsontext.Number)
    assert Decimal(number.literal) == (-told if formula["sign"] else told)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("minimum", 0),
        ("minimum+1", 1),
        ("maximum", 9_007_199_254_740_991),
        ("maximum-1", 9_007_199_254_740_990),
        ("maximum-2", 9_007_199_254_740_989),
        ("over maximum: +1", 9_007_199_254_740_992),
        ("over maximum: +2", 9_007_199_254_740_993),
        ("over maximum: twice the maximum", 18_014_398_509_481_982),
        ("over maximum: 400 digits", 10**400 - 1),
    ],
)
def test_an_edge_beside_a_bound_is_just_there(name: str, number: int) -> None:
    body = sample(edge_case(CONTRACT, BY_ID[f"amountMinor:{name}"]))

    assert f'"amountMinor":{number}'.encode() in re.split(b"[,}]", body)


_LENGTH: Final = re.compile(r"(minLength|maxLength|length) ?([+-]?[0-9]+)?(?: in .*)?")
LENGTHS: Final = [edge for edge in EDGES if edge.field == "invoiceNumber" and _LENGTH.fullmatch(edge.name)]


@pytest.mark.parametrize("edge", LENGTHS, ids=lambda edge: edge.id)
def test_an_edge_has_the_length_that_its_name_tells(edge: Edge) -> None:
    told = _LENGTH.fullmatch(edge.name)
    assert told is not None

    sent = jsontext.read(sample(edge_case(CONTRACT, edge))).value

    assert isinstance(sent, dict)
    assert isinstance(sent["invoiceNumber"], str)
    bound = {"minLength": 1, "maxLength": 255, "length": 0}[told[1]]
    assert len(sent["invoiceNumber"]) == bound + int(told[2] or 0)


@pytest.mark.parametrize(
    ("rate", "family"),
    [
        ("1.12", "value"),
        ("999999.999999", "value"),
        ("1000000", "value"),
        ("1.1234567", "many decimals"),
        ("1.12e0", "exponent"),
        ("1E0", "exponent"),
        ("1e-6", "exponent"),
        ("1e15", "large"),
        ("1234567.89", "large"),
        ("5e-324", "tiny"),
        ("-0", "negative zero"),
        ("1e400", "beyond binary64"),
        ("1e-400", "beyond binary64"),
        ("0e0", "exponent"),
    ],
)
def test_a_rate_is_named_by_what_makes_it_hard(rate: str, family: str) -> None:
    assert f"exchangeRate:{family}: {rate}" in BY_ID


@pytest.mark.parametrize("rate", ["-1e-9", "-0.000001", "-0.01", "-1", "-5e-324"])
def test_a_rate_just_below_zero_is_sent(rate: str) -> None:
    assert not BY_ID[f"exchangeRate:under minimum: {rate}"].legal


def test_every_code_of_the_frozen_list_is_sent() -> None:
    currencies = CONTRACT.currencies

    codes = {edge.name.removeprefix("code: ") for edge in EDGES if edge.keyword == "code"}

    assert codes == currencies.active | currencies.recent
    assert len(codes) > 150


def test_most_edges_of_numbers_have_a_formula_for_a_name() -> None:
    assert len(FORMULAS) > 120
    assert len(LENGTHS) == 20


def test_every_keyword_of_the_contract_has_edges_on_both_sides() -> None:
    sides = {(edge.field, edge.keyword, edge.legal) for edge in EDGES}

    for field in CONTRACT.fields:
        bounds = {
            "minimum": field.minimum,
            "maximum": field.maximum,
            "minLength": field.min_length,
            "maxLength": field.max_length,
        }
        for keyword, bound in bounds.items():
            if bound is not None and not (field.name == "currencyCode" and keyword.endswith("Length")):
                assert (field.name, keyword, True) in sides
            if bound is not None:
                assert (field.name, keyword, False) in sides
        assert (field.name, "type", False) in sides
        assert (field.name, "required", not field.required) in sides
        assert (field.name, "null", field.nullable) in sides
        assert field.pattern is None or (field.name, "pattern", False) in sides


def test_a_quick_run_sends_a_part_of_the_edges_with_every_twin() -> None:
    counts = []
    for profile in PROFILES:
        scope = Scope.of(CONTRACT, ORACLE, profile, 0)
        ids = {edge.id for edge in scope.edges}
        counts.append(len(ids))
        assert {edge.twin for edge in scope.edges if edge.twin is not None} <= ids
        assert {edge.keyword for edge in scope.edges} == {edge.keyword for edge in EDGES}

    assert all(fewer <= more for fewer, more in pairwise(counts))
    assert counts[0] < counts[1]


# A field added to openapi.yaml


ADDED: Final[dict[str, dict[str, Any]]] = {
    "discountMinor": {"type": "integer", "minimum": 0, "maximum": 100},
    "note": {"type": "string", "maxLength": 20, "examples": ["hello"]},
    "reference": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$", "examples": ["AB-1234"]},
    "weight": {"type": ["number", "null"], "minimum": 0, "maximum": 10, "examples": [1.5]},
    "factor": {"type": "number", "minimum": 2, "examples": [3]},
    "urgent": {"type": "boolean"},
}


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The contract with a few fields more in its file, and nothing else."""
    return contract_with(tmp_path_factory.mktemp("spec"), ADDED, required=("note",))


def contract_with(folder: Path, fields: dict[str, dict[str, Any]], required: tuple[str, ...] = ()) -> Contract:
    spec = yaml.safe_load((locate.spec_dir() / "openapi.yaml").read_text(encoding="utf-8"))
    schema = spec["components"]["schemas"]["CreateInvoice"]
    schema["properties"] |= fields
    schema["required"] += required
    (folder / "openapi.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
    (folder / "iso4217.yaml").write_bytes((locate.spec_dir() / "iso4217.yaml").read_bytes())
    return Contract.load(folder)


@pytest.fixture(scope="module")
def rows(grown: Contract) -> dict[str, set[str]]:
    """The rows of a quick plan over the grown contract that judge each script, by its id."""
    oracle = Oracle(grown, now=PRESENT)
    plan = make_plan(REGISTRY, Scope.of(grown, oracle, "quick", 0))
    found: dict[str, set[str]] = {}
    for planned in plan.planned:
        for script in planned.scripts:
            found.setdefault(script.id, set()).add(planned.check.requirement)
    return found


@pytest.mark.parametrize(
    ("script", "row"),
    [
        ("discountMinor:over maximum: +1", "BODY-MAXIMUM"),
        ("discountMinor:under minimum: -1", "BODY-MINIMUM"),
        ("discountMinor:fraction: 0.5", "BODY-INTEGER"),
        ("discountMinor:null", "BODY-NULL"),
        ("discountMinor:type=string: plain", "BODY-TYPE"),
        ("note:absent", "BODY-REQUIRED"),
        ("note:maxLength+1", "BODY-MAXLENGTH"),
        ("note:type=number: integer", "BODY-TYPE"),
        ("reference:trailing newline", "BODY-PATTERN"),
        ("reference:type=boolean: true", "BODY-TYPE"),
        ("weight:over maximum: +1", "BODY-MAXIMUM"),
        ("factor:under minimum: 1", "BODY-MINIMUM"),
        ("urgent:null", "BODY-NULL"),
        ("discountMinor:absent", "BODY-ACCEPTED"),
        ("weight:null", "BODY-ACCEPTED"),
    ],
)
def test_a_field_added_to_the_spec_has_its_cases_judged(rows: dict[str, set[str]], script: str, row: str) -> None:
    assert row in rows[script]


@pytest.mark.parametrize(
    "script",
    ["discountMinor:maximum", "discountMinor:minimum", "note:maxLength", "weight:maximum", "weight:value: 1.12"],
)
def test_the_legal_edges_of_an_added_field_are_judged_by_a_row_of_acceptance(
    rows: dict[str, set[str]], script: str
) -> None:
    levels = {Catalogue.load().get(row).level for row in rows.get(script, set())}

    assert "MUST" in levels, f"{script} is sent for no row that says it must be accepted"


def test_every_edge_of_an_added_field_breaks_one_rule_or_none(grown: Contract) -> None:
    oracle = Oracle(grown, now=PRESENT)
    added = [edge for edge in edges(grown) if edge.field in ADDED]

    for edge in added:
        judgement = oracle.judge(sample(edge_case(grown, edge)))
        rules = [(rule.field, rule.keyword) for rule in judgement.rules]
        assert (judgement.kind != "invalid") == edge.legal, (edge.id, rules)
        assert edge.legal or rules == [(edge.field, edge.keyword)], (edge.id, rules)


def test_every_other_case_stays_as_it_is_when_an_optional_field_is_added(tmp_path: Path) -> None:
    more = contract_with(tmp_path, {"discountMinor": ADDED["discountMinor"]})

    before = {edge.id: edge_case(CONTRACT, edge).digest for edge in EDGES}
    after = {edge.id: edge_case(more, edge).digest for edge in edges(more) if edge.field != "discountMinor"}

    assert before == after


FOREIGN: Final = invoice(CONTRACT, "foreign", (Edit("contractId", "foreign", (Hole("other-contract"),)),))
NULL: Final = replace(plain(CONTRACT), headers=(("Authorization", "Bearer null"),))
ZERO: Final = invoice(CONTRACT, "0", (Edit("contractId", "another kind", (b'"0"',)),))


@pytest.mark.parametrize(
    ("identity", "case", "why"),
    [
        (Identity("t", "a", "1", "b", "2"), FOREIGN, None),
        (Identity("t", "a", "1", "b", "1"), FOREIGN, "both tenants have a contract with the same id"),
        (Identity("t", "a", "1"), FOREIGN, "it needs a second tenant"),
        (Identity("t", "a", "0"), ZERO, "the wrong id or token that it sends is a right one here"),
        (Identity("t", "a", "1"), ZERO, None),
        (Identity("null", "a", "1"), NULL, "the wrong id or token that it sends is a right one here"),
        (Identity("t", "a", "1"), NULL, None),
    ],
)
def test_a_case_is_not_sent_where_its_ids_make_it_another(identity: Identity, case: Case, why: str | None) -> None:
    said = identity.hinders(case)

    assert said is None if why is None else said is not None and said.startswith(why)


def test_a_tenant_that_is_cut_short_is_not_the_other_one() -> None:
    identity = Identity("t", "acme1", "1", "acme", "2")
    case = replace(plain(CONTRACT), headers=(("tenant-id", "${tenant:less}"),))

    request = fill(case, identity, Numbering.fresh(), "/").request

    assert request.values("tenant-id") not in (["acme"], ["acme1"])


def test_a_key_for_replays_is_another_one_each_time() -> None:
    case = replace(plain(CONTRACT), headers=(("Idempotency-Key", "${number}"),))
    numbering = Numbering.fresh()

    keys = {fill(case, IDENTITY, numbering, "/").request.values("idempotency-key")[0] for _ in range(2)}

    assert len(keys) == 2
