"""What the expectations make of defects that show in several answers together, or between two tenants."""

from __future__ import annotations

import base64
import json
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.trials import answer, created, read, refusal, silence, trial

from invoice_conformance.boundaries import invoice
from invoice_conformance.case import (
    OF_OTHER_TENANT,
    STANDARD_HEADERS,
    Case,
    Edit,
    Hole,
    Identity,
    Numbering,
    NumberSlot,
    fill,
    sample,
)
from invoice_conformance.config import Settings
from invoice_conformance.expect import BothCreated, Echoed, IdsDistinct
from invoice_conformance.expect_http import RefusedForThat
from invoice_conformance.expect_privacy import NothingForeign
from invoice_conformance.session import Suite
from invoice_conformance.trial import Broken, DoesNotApply, Holds

if TYPE_CHECKING:
    from invoice_conformance.case import HoleName
    from invoice_conformance.plan import Plan
    from invoice_conformance.trial import Reading

SUITE: Final = Suite.load()
ANOTHER: Final = BothCreated("it is another number")


@pytest.fixture(scope="module")
def standard() -> Plan:
    return SUITE.plan(Settings())


@pytest.mark.parametrize(
    ("acts", "judged"),
    [
        ((read(created()), read(created())), Holds),
        ((read(created()), read(refusal(409))), Broken),
        ((read(refusal(409)), read(created())), Broken),
        ((read(created()), read(silence())), DoesNotApply),
    ],
    ids=["all", "the last refused", "the first refused", "no answer"],
)
def test_every_one_of_several_creates_must_succeed(acts: tuple[Reading, ...], judged: type) -> None:
    found = trial(acts[0], act=acts, first=read(created()))

    assert isinstance(ANOTHER.judge(found), judged)


def test_a_standard_run_makes_a_thousand_invoices_before_it_uses_a_number_again(standard: Plan) -> None:
    script = standard.scripts["a number used long ago"]

    others = [name for name, one in standard.scripts.items() if one.order in {"last", "race"}]
    late = sum(len(standard.scripts[name].steps) for name in others)
    assert script.order == "apart"
    assert standard.invoices - late > 1200


def of_tenant(tenant: str, reading: Reading) -> Reading:
    """The same exchange in a tenant."""
    request = reading.exchange.request
    headers = (*request.headers, ("tenant-id", tenant))
    return replace(reading, exchange=replace(reading.exchange, request=replace(request, headers=headers)))


def test_two_tenants_invoices_of_one_number_have_two_ids() -> None:
    ids = IdsDistinct()

    ours, again, theirs = (ids.observe(of_tenant(name, read(created()))) for name in ("tnt_1", "tnt_1", "tnt_2"))

    assert (ours, again) == (Holds(), Holds())
    assert isinstance(theirs, Broken)
    assert "of another tenant" in theirs.got


@pytest.mark.parametrize(("edge", "judged"), [(OF_OTHER_TENANT, Broken), ("unknown", DoesNotApply)])
def test_a_contract_is_compared_where_it_is_the_tenants_own(edge: str, judged: type) -> None:
    own = Echoed("contractId", "string", member="contract", untouched=True)
    reading = read(created(), contractId='"ctr_of_theirs"', edits=(("contractId", edge),))

    assert isinstance(own.judge(trial(reading)), judged)


def test_an_id_of_letters_alone_gives_another_tenant_away() -> None:
    theirs = "tnt_" + "b" * 24
    first = of_tenant(theirs, read(created(amountMinor="1"), amountMinor="1"))
    told = of_tenant("tnt_a", read(answer(409, f'{{"detail":"used in {theirs}"}}')))

    assert isinstance(NothingForeign("1").judge(trial(told, first=first)), Broken)


@pytest.mark.parametrize(
    "contract", ["ctr_z23aoo8naxk68ewcr64tchh5", "019AB2C3-0000-7000-8000-000000000000", "42", "vért"]
)
@pytest.mark.parametrize("name", ["contract-and-nul", "contract-and-zero-width-space", "contract-in-full-width"])
def test_a_contract_id_that_looks_like_the_tenants_own_is_another(contract: str, name: HoleName) -> None:
    who = Identity("token", "tnt_1", contract)
    edit = Edit("contractId", "", (Hole(name),))

    filled = fill(invoice(SUITE.contract, "", (edit,)), who, Numbering.fresh(), "/")

    sent = json.loads(filled.request.body)["contractId"]
    assert sent != contract
    assert contract[0] in unicodedata.normalize("NFKC", sent)


@pytest.mark.parametrize(("contract", "sent"), [("ctr_z23aoo8naxk6", "ctr_z23aoo8naxk"), ("42", "420x")])
def test_a_short_contract_id_is_not_cut_to_one_that_there_may_be(contract: str, sent: str) -> None:
    edit = Edit("contractId", "", (Hole("contract-less-its-end"),))

    filled = fill(invoice(SUITE.contract, "", (edit,)), Identity("token", "tnt_1", contract), Numbering.fresh(), "/")

    assert json.loads(filled.request.body)["contractId"] == sent


@pytest.mark.parametrize(
    ("contract", "sent"), [("ctr_z23a", "inv_z23a"), ("inv_z23a", "tnt_z23a"), ("42", "inv_42"), ("ctr_", "inv_ctr_")]
)
def test_a_contract_id_under_another_prefix_is_another(contract: str, sent: str) -> None:
    edit = Edit("contractId", "", (Hole("contract-under-another-prefix"),))

    filled = fill(invoice(SUITE.contract, "", (edit,)), Identity("token", "tnt_1", contract), Numbering.fresh(), "/")

    assert json.loads(filled.request.body)["contractId"] == sent


def test_the_longest_number_all_escaped_is_legal(standard: Plan) -> None:
    act = sample(standard.scripts["the longest number, escaped"].act)

    assert len(json.loads(act)["invoiceNumber"]) == 255
    assert len(act) > 1500
    assert SUITE.rules.oracle.judge(act).level == "MUST"


def test_a_fraction_below_zero_breaks_nothing_but_its_bounds(standard: Plan) -> None:
    judgement = SUITE.rules.oracle.judge(sample(standard.scripts["amountMinor:under minimum: -0.4"].act))

    assert judgement.kind == "invalid"
    assert {rule.keyword for rule in judgement.rules} == {"integer", "minimum"}


def test_the_token_stands_as_a_password_in_basic_credentials() -> None:
    who = Identity("a b:ü", "tnt_1", "ctr_1")
    case = Case("", (), headers=(("Authorization", "Basic ${token:basic}"),))

    (_name, value), *_others = fill(case, who, Numbering.fresh(), "/").request.headers

    user, _, password = base64.b64decode(value.removeprefix("Basic ")).decode().partition(":")
    assert (user, password) == ("api", "a b:ü")


def test_no_double_quote_is_left_where_single_ones_are_everywhere(standard: Plan) -> None:
    act = standard.scripts["broken JSON, single quotes everywhere"].act

    body = fill(act, Identity("token", "tnt_1", "ctr_1"), Numbering.fresh(), "/").request.body

    assert b'"' not in body
    assert json.loads(body.replace(b"'", b'"'))["contractId"] == "ctr_1"


def test_every_standard_header_is_named_in_lower_case_and_in_capitals(standard: Plan) -> None:
    scripts = [standard.scripts[f"header names in {words}"] for words in ("lower case", "capitals")]

    names = [[name for name, _value in script.act.headers] for script in scripts]

    usual = [name for name, _value in STANDARD_HEADERS]
    assert names == [[name.lower() for name in usual], [name.upper() for name in usual]]


def test_some_letter_of_the_number_in_small_chunks_is_cut_wherever_it_begins(standard: Plan) -> None:
    script = standard.scripts["letters cut by chunks"]
    text = (script.act.slot or NumberSlot()).before.encode()

    for begins in range(3):
        cuts = range(3 - begins, len(text), 3)
        assert any(text[cut] & 0xC0 == 0x80 for cut in cuts), f"no letter is cut when the number begins at {begins}"
    assert script.act.chunked
    assert script.act.wire.chunks == "small"


def test_who_repeats_a_body_without_credentials_is_refused() -> None:
    row = RefusedForThat("Authorization is required", "stranger")
    repeated = read(created())

    assert row.judge(trial(repeated, first=repeated, stranger=read(refusal(401)))) == Holds()
    assert isinstance(row.judge(trial(repeated, first=repeated, stranger=read(created()))), Broken)
    assert isinstance(row.judge(trial(repeated, first=repeated)), DoesNotApply)
