"""Owns what a plan promises: the same from the same seed, complete before the first request, each case one thing.

It must not know what any case is about.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from invoice_conformance.case import sample
from invoice_conformance.config import ConfigError, Settings
from invoice_conformance.plan import Plan, meaning_of
from invoice_conformance.recipes import plain
from invoice_conformance.session import Suite

if TYPE_CHECKING:
    from pathlib import Path

    from invoice_conformance.case import Case

SUITE: Final = Suite.load()
QUICK: Final = Settings(profile="quick")

FINGERPRINT: Final = """
import sys
from invoice_conformance.config import Settings
from invoice_conformance.session import Suite
suite = Suite.load()
plan = suite.plan(Settings(profile="quick", seed=int(sys.argv[1])))
import hashlib
steps = [(script.id, role, case) for script in plan.scripts.values() for role, case in script.steps]
lines = [f"{name} {role} {case.id} {case.digest}" for name, role, case in steps]
print(hashlib.sha256("\\n".join(lines).encode(errors="surrogatepass")).hexdigest())
"""
ODD_MODULE: Final = '''
"""A module full of constants, such as Hypothesis collects from whatever local modules are imported."""
NUMBERS = [4242424242, -17, 123456789012345, 987654, 31337, 0.1234567890123, 9.87e-11]
TEXTS = ["odd constant", "INV-ODD-1", "2024-02-30T00:00:00Z", b"octets", "\\u20ac"]
def odd(value): return value == 777777777 or value == "another odd constant"
'''


def cases_of(plan: Plan) -> list[Case]:
    return [case for script in plan.scripts.values() for _role, case in script.steps]


def fingerprint(plan: Plan) -> str:
    """One hash over everything that a plan sends, in its order."""
    lines = [
        f"{script.id} {role} {case.id} {case.digest}" for script in plan.scripts.values() for role, case in script.steps
    ]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogatepass")).hexdigest()


def elsewhere(code: str, seed: int, folder: Path, hash_seed: str) -> str:
    """The fingerprint of the plan that a fresh process makes in `folder`."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(folder)}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, str(seed)], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def quick() -> Plan:
    return SUITE.plan(QUICK)


@pytest.fixture(scope="module")
def standard() -> Plan:
    return SUITE.plan(Settings())


def test_the_same_seed_gives_the_same_plan(quick: Plan) -> None:
    again = Suite.load().plan(QUICK)

    assert fingerprint(again) == fingerprint(quick)


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_a_fresh_process_makes_the_same_plan(quick: Plan, tmp_path: Path, hash_seed: str) -> None:
    assert elsewhere(FINGERPRINT, 0, tmp_path, hash_seed) == fingerprint(quick)


def test_a_module_full_of_odd_constants_changes_no_draw(quick: Plan, tmp_path: Path) -> None:
    (tmp_path / "odd_constants.py").write_text(ODD_MODULE, encoding="utf-8")

    made = elsewhere(f"import odd_constants\n{FINGERPRINT}", 0, tmp_path, "1")

    assert made == fingerprint(quick)


def test_another_seed_differs_in_what_is_drawn_alone(quick: Plan) -> None:
    other = SUITE.plan(replace(QUICK, seed=1))

    drawn = ("random ", "among random")
    kept = {case.id: case.digest for case in cases_of(quick) if not any(word in case.id for word in drawn)}
    kept_too = {case.id: case.digest for case in cases_of(other) if not any(word in case.id for word in drawn)}

    assert kept == kept_too
    assert fingerprint(other) != fingerprint(quick)
    ours, theirs = ({case.digest for case in cases_of(plan) if "random " in case.id} for plan in (quick, other))
    assert len(ours & theirs) < len(ours) / 2


def test_a_case_id_stands_for_one_request(standard: Plan) -> None:
    digests: dict[str, set[str]] = {}
    for case in cases_of(standard):
        digests.setdefault(case.id, set()).add(case.digest)

    assert {name for name, found in digests.items() if len(found) > 1} == set()


def test_no_request_is_sent_twice_under_two_names(standard: Plan) -> None:
    names: dict[str, set[str]] = {}
    for case in standard.cases():
        names.setdefault(case.digest, set()).add(case.id)

    # A drawn invoice may happen to be one that stands in the plan already.
    assert sum(len(found) - 1 for found in names.values()) < standard.requests / 50


def test_a_standard_run_sends_as_many_requests_as_it_should(standard: Plan) -> None:
    assert 1500 <= standard.requests <= 2500


def test_a_quick_run_sends_less_and_judges_every_row(quick: Plan, standard: Plan) -> None:
    assert quick.requests < standard.requests / 2
    assert {one.check.requirement for one in quick.planned} == {row.id for row in SUITE.catalogue}


def test_the_estimate_of_invoices_is_what_the_oracle_says_of_standard_creates(quick: Plan) -> None:
    estimate = quick.invoices

    creates = [case for case in quick.cases() if meaning_of(case).standard]
    valid = sum(SUITE.rules.oracle.judge(sample(case)).kind == "valid" for case in creates)
    assert valid <= estimate <= quick.requests


def test_every_script_of_a_refusal_has_its_twin(standard: Plan) -> None:
    for script in standard.scripts.values():
        if ":" in script.id and SUITE.rules.oracle.judge(sample(script.act)).kind == "invalid":
            twins = [case for role, case in script.steps if role == "twin"]
            assert len(twins) == 1, script.id
            assert SUITE.rules.oracle.judge(sample(twins[0])).kind == "valid", script.id


def test_a_selected_requirement_brings_its_own_cases_alone() -> None:
    plan = SUITE.plan(Settings(requirement=("BODY-MAXIMUM",)))

    assert {one.check.requirement for one in plan.planned} == {"BODY-MAXIMUM"}
    assert {script.group for script in plan.scripts.values()} == {"amountMinor"}
    assert plan.requests < 80


def test_a_selected_requirement_may_be_a_glob() -> None:
    plan = SUITE.plan(replace(QUICK, requirement=("rate-*",)))

    assert {one.check.requirement for one in plan.planned} == SUITE.catalogue.matching(["RATE-*"])


def test_a_requirement_that_only_watches_needs_the_whole_plan(quick: Plan) -> None:
    plan = SUITE.plan(replace(QUICK, requirement=("RESOURCE-ID-DISTINCT",)))

    assert {one.check.requirement for one in plan.planned} == {"RESOURCE-ID-DISTINCT"}
    assert plan.requests == quick.requests


def test_a_selected_case_is_sent_with_its_twin_and_nothing_else() -> None:
    plan = SUITE.plan(replace(QUICK, requirement=("BODY-MAXIMUM",), case=("amountMinor:over maximum: +1",)))

    assert [script.id for script in plan.scripts.values()] == ["amountMinor:over maximum: +1"]
    assert [(role, case.id) for script in plan.scripts.values() for role, case in script.steps] == [
        ("act", "amountMinor:over maximum: +1"),
        ("twin", "amountMinor:maximum"),
    ]
    assert plan.requests == 2


def test_cases_may_be_selected_by_a_glob() -> None:
    plan = SUITE.plan(replace(QUICK, case=("amountMinor:over maximum:*",)))

    assert plan.scripts
    assert all(name.startswith("amountMinor:over maximum:") for name in plan.scripts)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (replace(QUICK, requirement=("BODY-MAXIMUN",)), "no requirement BODY-MAXIMUN in spec/requirements/"),
        (replace(QUICK, without=("NO-SUCH",)), "no requirement NO-SUCH"),
        (replace(QUICK, case=("no such case",)), "no case matches no such case"),
    ],
    ids=["requirement", "without", "case"],
)
def test_a_selection_of_nothing_is_refused(settings: Settings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SUITE.plan(settings)


def test_a_waived_requirement_is_not_planned() -> None:
    plan = SUITE.plan(replace(QUICK, without=("BODY-MAXIMUM",)))

    assert "BODY-MAXIMUM" not in {one.check.requirement for one in plan.planned}


def test_a_shared_number_or_an_odd_request_is_no_ordinary_create(quick: Plan) -> None:
    ordinary = plain(SUITE.contract)
    steps = [step for script in quick.ordered() for step in script.steps if step[0] in {"first", "act"}]
    keyed = [case for _role, case in steps if case.slot is None or case.slot.key]

    assert keyed
    assert meaning_of(ordinary).standard
    assert not any(meaning_of(case).standard for case in keyed)
    assert not meaning_of(replace(ordinary, method="PUT")).standard
    assert not meaning_of(replace(ordinary, chunked=True)).standard
    assert not meaning_of(replace(ordinary, suffix="/")).standard


def test_every_script_can_be_named_for_a_run_of_its_own(standard: Plan) -> None:
    unmatched = [name for name in standard.scripts if not fnmatch.fnmatchcase(name, name)]

    assert unmatched == [], "--case takes globs, and these names are not their own"
