"""Owns what is promised of the second generator: repeatable, offline, in thorough runs alone, and judged by us.

It must not know which bodies schemathesis thinks of; that differs from one version of it to the next.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest
import yaml
from hypothesis import configuration
from schemathesis.schemas import BaseSchema
from tests.meta.conforming import (
    CONTRACT,
    OTHER_CONTRACT,
    OTHER_TENANT,
    SERVERS,
    TENANT,
    TOKEN,
    Started,
    expected_failures,
)
from tests.meta.test_conforming_servers import accusations, failures

import invoice_conformance
from invoice_conformance import drawing, recipes, second
from invoice_conformance.case import Case, Hole, NumberSlot, sample
from invoice_conformance.checks import PROFILES, Scope, Script
from invoice_conformance.config import Settings
from invoice_conformance.locate import spec_dir
from invoice_conformance.reference.embed import FaultFarm, ReferenceServer
from invoice_conformance.second import Fuzzing
from invoice_conformance.session import Result, Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.plan import Plan

SUITE: Final = Suite.load()
FEW: Final = (
    Fuzzing("positive", 12, closed=True, codes=True),
    Fuzzing("negative", 12, closed=False, codes=False),
)
"""Enough fuzzing to see that it is the same again."""

SOME: Final = tuple(replace(series, count=series.count // 5) for series in second.THOROUGH)
"""A fifth of what a thorough run draws, of every kind."""

FINGERPRINT: Final = """
import hashlib, sys
from invoice_conformance import second
from invoice_conformance.checks import Scope
from invoice_conformance.second import Fuzzing
from invoice_conformance.session import Suite
suite = Suite.load()
few = (Fuzzing("positive", 12, closed=True, codes=True), Fuzzing("negative", 12, closed=False, codes=False))
scope = Scope.of(suite.contract, suite.rules.oracle, "thorough", int(sys.argv[1]))
made = second.scripts(scope, few)
lines = [f"{script.id} {role} {case.id} {case.digest}" for script in made for role, case in script.steps]
print(hashlib.sha256("\\n".join(lines).encode(errors="surrogatepass")).hexdigest())
"""
IMPORTED: Final = """
import sys
from invoice_conformance.config import Settings
from invoice_conformance.session import Suite
suite = Suite.load()
for profile in ("quick", "standard"):
    suite.plan(Settings(profile=profile))
print("schemathesis" in sys.modules)
"""


def scope(seed: int = 0) -> Scope:
    return Scope.of(SUITE.contract, SUITE.rules.oracle, "thorough", seed)


def fingerprint(made: tuple[Script, ...]) -> str:
    lines = [f"{script.id} {role} {case.id} {case.digest}" for script in made for role, case in script.steps]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogatepass")).hexdigest()


MOST_MEMORY: Final = """
from invoice_conformance import second
from invoice_conformance.contract import Contract
second.draw(Contract.load(), 0, second.THOROUGH[:1])
status = open("/proc/self/status", encoding="ascii").read()
print(status.partition("VmHWM:")[2].split()[0])
"""
"""Kilobytes that were in use at once."""


def said_by(code: str, *arguments: str, folder: Path, hash_seed: str = "0") -> str:
    """What a fresh process says that runs `code` in `folder`, with modules there and this very suite."""
    suite = Path(invoice_conformance.__file__).parents[1]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(map(str, (suite, folder)))}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def few() -> tuple[Script, ...]:
    return second.scripts(scope(), FEW)


@pytest.fixture(scope="module")
def whole() -> Scope:
    """A scope with something of all that a thorough run has."""
    drawn = scope()
    second.scripts(drawn, SOME)
    return drawn


def cases_of(made: tuple[Script, ...]) -> Iterator[Case]:
    for script in made:
        for _role, case in script.steps:
            yield case


def test_schemathesis_is_given_the_schema_that_the_spec_holds() -> None:
    written: dict[str, Any] = yaml.safe_load((spec_dir() / "openapi.yaml").read_text(encoding="utf-8"))
    schema = written["components"]["schemas"]["CreateInvoice"]

    given = second.document(SUITE.contract)
    body = given["paths"][SUITE.contract.path]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert body == without_prose(schema)


def without_prose(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema less its descriptions."""
    return {
        key: {name: without_prose(member) for name, member in value.items()} if key == "properties" else value
        for key, value in schema.items()
        if key != "description"
    }


def test_a_member_added_to_the_spec_is_invented_too() -> None:
    added = replace(SUITE.contract.field("invoiceNumber"), name="reference", max_length=9, required=True)
    contract = replace(SUITE.contract, fields=(*SUITE.contract.fields, added))

    drawn = second.draw(contract, 0, ())

    assert any(isinstance(one.body, dict) and one.body.get("reference") == "" for one in drawn)


def test_the_same_seed_gives_the_same_cases_and_another_seed_others(few: tuple[Script, ...]) -> None:
    again, other = second.scripts(scope(), FEW), second.scripts(scope(1), FEW)

    assert fingerprint(again) == fingerprint(few)
    assert fingerprint(other) != fingerprint(few)


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_a_fresh_process_makes_the_same_cases_and_leaves_nothing(
    few: tuple[Script, ...], tmp_path: Path, hash_seed: str
) -> None:
    (tmp_path / "odd.py").write_text('NUMBERS = [4242424242, 0.5], ["odd constant", b"octets"]\n', encoding="utf-8")
    (tmp_path / "schemathesis.toml").write_text("[generation]\nmode = 'positive'\n", encoding="utf-8")

    said = said_by(f"import odd\n{FINGERPRINT}", "0", folder=tmp_path, hash_seed=hash_seed)

    left = sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__")
    assert said == fingerprint(few)
    assert left == ["odd.py", "schemathesis.toml"]


def made_beside() -> tuple[Script, ...]:
    """The scripts of a plan beside which another process draws, if one can."""
    whole = scope()
    with drawing.beside(whole, [second.invention(whole)]):
        return second.scripts(whole)


def test_another_process_draws_the_same_meanwhile(few: tuple[Script, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_asked: object) -> NoReturn:
        raise AssertionError("drawn in this process")

    monkeypatch.setattr(second, "THOROUGH", FEW)
    monkeypatch.setattr(drawing, "FEW", 0)
    monkeypatch.setattr(second, "draw", refused)

    assert fingerprint(made_beside()) == fingerprint(few)


@pytest.mark.parametrize("interpreter", ["false", "there is no such program"])
def test_where_no_other_process_can_draw_this_one_does(
    few: tuple[Script, ...], monkeypatch: pytest.MonkeyPatch, interpreter: str
) -> None:
    monkeypatch.setattr(second, "THOROUGH", FEW)
    monkeypatch.setattr(drawing, "FEW", 0)
    monkeypatch.setattr(sys, "executable", interpreter)

    assert fingerprint(made_beside()) == fingerprint(few)


def test_a_process_that_nobody_asks_for_its_draws_is_ended() -> None:
    started = time.monotonic()

    with drawing.beside(scope(), [second.invention(scope())]):
        pass

    assert time.monotonic() - started < 5


def test_what_hypothesis_writes_elsewhere_is_put_back() -> None:
    before = vars(configuration)["__hypothesis_home_directory"]

    second.draw(SUITE.contract, 0, ())

    assert vars(configuration)["__hypothesis_home_directory"] == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_drawing_makes_no_table_of_all_characters(tmp_path: Path) -> None:
    assert int(said_by(MOST_MEMORY, folder=tmp_path)) < 120_000


def test_the_shorter_profiles_do_not_even_import_schemathesis(tmp_path: Path) -> None:
    assert said_by(IMPORTED, folder=tmp_path) == "False"


@pytest.mark.parametrize("profile", [profile for profile in PROFILES if profile != "thorough"])
def test_the_shorter_profiles_have_none_of_it(profile: Any) -> None:  # noqa: ANN401 - a profile's name
    short = Scope.of(SUITE.contract, SUITE.rules.oracle, profile, 0)

    assert list(second.invented_invoices("MUST").recipe(short)) == []


def test_schemathesis_still_offers_what_its_manual_does_not_promise() -> None:
    """Two things are used that are not documented; when this fails, `_coverage` or `_nothing_written` must follow."""
    wanted = {"operation", "generation_modes", "generation_config"}

    assert wanted <= set(inspect.signature(BaseSchema.iter_coverage_cases).parameters)
    assert "__hypothesis_home_directory" in vars(configuration)


def test_every_phase_invents_as_many_as_were_asked_for() -> None:
    drawn = second.draw(SUITE.contract, 0, FEW)

    counts = Counter(one.phase for one in drawn)

    assert counts["coverage"] >= 80
    assert (counts["positive"], counts["negative"]) == (12, 12)
    assert {one.method for one in drawn if one.phase != "coverage"} == {"POST"}


def test_a_thorough_run_invents_within_bounds(whole: Scope) -> None:
    made = second.scripts(whole)

    assert 200 < len(made) < 600
    assert max(len(sample(case)) for case in cases_of(made)) < second.LARGEST + 512
    assert sum(series.count for series in second.THOROUGH) < 1000


def test_a_case_id_stands_for_one_request_and_can_be_named(whole: Scope) -> None:
    digests: dict[str, set[str]] = {}
    for case in cases_of(second.scripts(whole)):
        digests.setdefault(case.id, set()).add(case.digest)

    assert {name for name, found in digests.items() if len(found) > 1} == set()
    assert [name for name in digests if set(name) & set("[]*?")] == []


def test_a_number_carries_the_mark_and_the_contract_is_the_configured_one(whole: Scope) -> None:
    for script in second.scripts(whole):
        if script.act.fields == ("contractId",) or not script.act.edits:
            continue
        judgement = whole.judgement(script.act)
        broken = {rule.field for rule in judgement.rules if judgement.kind == "invalid"}
        if "invoiceNumber" not in broken:
            assert script.act.slot is not None, script.id
            assert not script.act.slot.pooled, script.id
        if "contractId" not in broken:
            assert any(isinstance(part, Hole) for part in script.act.body), script.id


def test_a_long_number_keeps_its_length_and_a_short_one_its_characters() -> None:
    field = SUITE.contract.field("invoiceNumber")

    long, short = second._slot(field, "ab" * 128), second._slot(field, "é票")  # noqa: SLF001 - no other way in
    digits = second._parts(field, 5)  # noqa: SLF001 - likewise

    assert len(sampled(long)) == 256
    assert (sampled(short)[0], sampled(short)[-1]) == ("é", "票")
    assert digits == (NumberSlot(before="", digits=True, spelling="bare"),)


def sampled(slot: NumberSlot) -> str:
    return sample(Case("", (slot,))).decode().strip('"')


def test_a_refusal_has_one_defect_and_a_twin_without_it(whole: Scope) -> None:
    keywords = ("required", "null", "type", "minimum", "maximum", "minLength", "maxLength", "pattern")

    refusals = list(second.invented_refusals(*keywords).recipe(whole))

    assert {rule.keyword for script in refusals for rule in whole.judgement(script.act).rules} == set(keywords)
    for script in refusals:
        (twin,) = [case for role, case in script.steps if role == "twin"]
        (rule,) = whole.judgement(script.act).rules
        assert whole.judgement(twin).kind != "invalid", script.id
        assert set(script.act.edits) - set(twin.edits) == {e for e in script.act.edits if e.field == rule.field}


def test_legal_bodies_come_firm_and_less_firm(whole: Scope) -> None:
    firm = list(second.invented_invoices("MUST").recipe(whole))
    wide = list(second.invented_invoices("SHOULD").recipe(whole))

    assert {(whole.judgement(script.act).kind, whole.judgement(script.act).level) for script in firm} == {
        ("valid", "MUST")
    }
    assert len(firm) > 30
    assert len(wide) > 30


def test_members_and_requests_that_rows_speak_of_are_kept(whole: Scope) -> None:
    members = list(second.invented_members().recipe(whole))
    odd = {what: list(second.invented_requests(what).recipe(whole)) for what in second.ODDITIES}

    assert all(whole.judgement(script.act).kind == "open" for script in members)
    assert members
    assert {script.act.method for script in odd["method"]} <= {"PUT", "PATCH", "QUERY"}
    assert [len(found) > 0 for found in odd.values()] == [True] * len(second.ODDITIES)
    assert len(list(second.invented_contracts().recipe(whole))) > 10


def test_nothing_that_could_delete_anything_is_sent(whole: Scope) -> None:
    methods = {case.method for case in cases_of(second.scripts(whole))}

    assert methods.isdisjoint({"DELETE", "GET", "HEAD", "TRACE"})


def test_a_value_that_has_a_name_bears_it(whole: Scope) -> None:
    edits = {(edit.field, edit.edge) for case in cases_of(second.scripts(whole)) for edit in case.edits}

    assert ("amountMinor", "maximum") in edits
    assert ("dueAt", "null") in edits
    assert ("amountMinor", "schemathesis: 9007199254740991") not in edits


@pytest.fixture
def short_of_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw hardly anything but what schemathesis invents, for that takes long and is tested elsewhere."""
    for table in (recipes.RANDOM_INVOICES, recipes.RANDOM_REFUSALS, recipes.REPRESENTATIVES, recipes.RACES):
        monkeypatch.setitem(table, "thorough", 4)
    monkeypatch.setattr(second, "THOROUGH", SOME)


def planned(*requirement: str, seed: int = 0) -> Plan:
    """The plan of all that schemathesis invents, for some rows or all."""
    settings = Settings(profile="thorough", seed=seed, requirement=requirement, case=("schemathesis*",))
    return SUITE.plan(settings)


@pytest.mark.usefixtures("short_of_the_rest")
def test_every_script_is_sent_by_some_check(whole: Scope) -> None:
    sent = planned().scripts.keys()

    left_out = [script for script in second.scripts(whole) if script.id not in sent]

    # No row is about two rules of one member, nor about a body that is open for two reasons at once.
    assert [script.id for script in left_out if whole.judgement(script.act).kind == "valid"] == []
    assert [script.id for script in left_out if is_one_defect(whole, script)] == []
    assert len(left_out) < len(second.scripts(whole)) / 10


def is_one_defect(drawn: Scope, script: Script) -> bool:
    judgement = drawn.judgement(script.act)
    return judgement.kind == "invalid" and len(judgement.rules) == 1


def against(url: str, folder: Path, plan: Plan, *requirement: str, seed: int = 0) -> Result:
    settings = Settings(
        base_url=url,
        token=TOKEN,
        tenant_id=TENANT,
        contract_id=CONTRACT,
        other_tenant_id=OTHER_TENANT,
        other_contract_id=OTHER_CONTRACT,
        profile="thorough",
        seed=seed,
        requirement=requirement,
        case=("schemathesis*",),
        out=folder,
    )
    return run(SUITE, settings, plan)


@pytest.mark.usefixtures("short_of_the_rest")
def test_no_conforming_server_is_accused(tmp_path: Path) -> None:
    plan = planned(seed=2)

    with ReferenceServer() as server:
        correct = against(server.url, tmp_path / "reference", plan, seed=2)
    liberal: dict[str, Result] = {}
    for name in ("asyncio_server", "flask_server"):
        with Started(SERVERS / f"{name}.py") as started:
            liberal[name] = against(started.url, tmp_path / name, plan, seed=2)

    assert failures(correct.rows, "MUST") == failures(correct.rows, "SHOULD") == []
    for name, result in liberal.items():
        failing = {row.requirement.id for row in failures(result.rows, "SHOULD")}
        assert failures(result.rows, "MUST") == [], accusations(result.rows, "MUST")
        assert failing <= expected_failures(SERVERS / f"{name}.py")


@pytest.mark.usefixtures("short_of_the_rest")
@pytest.mark.parametrize(
    ("fault", "requirement", "field"),
    [
        ("currency-four-letters-accepted", "BODY-MAXLENGTH", "currencyCode"),
        ("amount-minimum-unchecked", "BODY-MINIMUM", "amountMinor"),
    ],
)
def test_what_it_finds_is_brought_down_to_one_member(tmp_path: Path, fault: str, requirement: str, field: str) -> None:
    plan = planned(requirement)

    with FaultFarm() as farm:
        result = against(farm.urls[fault], tmp_path / "report", plan, requirement)

    (found,) = result.judge.findings()
    assert found.requirement == requirement
    assert found.shown.reading is not None
    assert [name for name, _edge in found.shown.reading.meaning.edits] == [field]


@pytest.mark.usefixtures("short_of_the_rest")
def test_octets_that_no_member_is_in_are_found_at_their_shortest(tmp_path: Path) -> None:
    plan = planned("JSON-UNREADABLE")

    with FaultFarm() as farm:
        result = against(farm.urls["error-with-200"], tmp_path / "report", plan, "JSON-UNREADABLE")

    (found,) = result.judge.findings()
    assert found.trial.id == "schemathesis octets: 1"
    assert found.trial.act.exchange.request.body == b""


A_FIFTH: Final = """
from dataclasses import replace

from invoice_conformance import recipes, second

for table in (recipes.RANDOM_INVOICES, recipes.RANDOM_REFUSALS, recipes.REPRESENTATIVES, recipes.RACES):
    table["thorough"] = 4
second.THOROUGH = tuple(replace(series, count=series.count // 5) for series in second.THOROUGH)
"""
"""A plugin of pytest's with which a thorough run draws little, and so takes seconds."""


def test_pytest_shows_it_like_any_other(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    suite = Path(invoice_conformance.__file__).parents[1]
    (tmp_path / "a_fifth.py").write_text(A_FIFTH, encoding="utf-8")
    with ReferenceServer() as server:
        command = [sys.executable, "-m", "pytest", "tests/conformance", f"--base-url={server.url}", "-q"]
        command += [f"--conformance-tenant-id={TENANT}", f"--conformance-contract-id={CONTRACT}"]
        command += ["--conformance-profile=thorough", "--conformance-requirement=HTTP-METHOD"]
        command += [f"--conformance-out={tmp_path / 'out'}", "-p", "no:cacheprovider", "-p", "a_fifth"]
        secret = {"INVOICE_CONFORMANCE_TOKEN": TOKEN, "PYTHONPATH": os.pathsep.join((str(suite), str(tmp_path)))}
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command, cwd=root, env={**os.environ, **secret}, capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "schemathesis-coverage" in (tmp_path / "out" / "evidence.ndjson").read_text(encoding="utf-8")
