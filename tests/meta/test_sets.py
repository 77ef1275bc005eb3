"""Owns what a released set is, that the newest is the catalogue as it stands, and what pinning one does to a run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.facing import ROOT, run, settle_in

from invoice_conformance import locate, sets
from invoice_conformance.catalogue import Catalogue
from invoice_conformance.config import Settings
from invoice_conformance.contract import SpecError
from invoice_conformance.evidence import read
from invoice_conformance.reference.embed import FaultFarm
from invoice_conformance.session import Suite
from invoice_conformance.sets import DRAWN, RequirementSet, digest_of, names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CATALOGUE: Final = Catalogue.load()
NEWEST: Final = RequirementSet.load(names()[-1])
AMOUNT: Final = ("--requirement", "AMOUNT-*")


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as farm:
        yield farm


def test_the_newest_set_is_the_catalogue() -> None:
    again = "rerun `python -m tests.bench.release_set` for the coming release"

    assert dict(NEWEST.levels) == {row.id: row.level for row in CATALOGUE}, again
    assert NEWEST.contested == {row.id for row in CATALOGUE if row.contested}, again
    assert NEWEST.digest == digest_of(CATALOGUE), f"a sentence or its basis differs; {again}"


def test_the_newest_set_has_every_named_case_of_the_standard_plan() -> None:
    scripts = Suite.load().plan(Settings()).scripts

    missing = {name for name in scripts if not name.startswith(DRAWN)} - NEWEST.cases

    assert missing == set(), "rerun `python -m tests.bench.release_set` for the coming release"


def test_a_set_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    once = RequirementSet.of("2030.01", CATALOGUE, ["b: a case", "a:x", "random legal values 1"])

    once.write(tmp_path)

    assert RequirementSet.load("2030.01", tmp_path) == replace(once, cases=frozenset({"b: a case", "a:x"}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: '2030.01'", "a mapping of name, digest, requirements, contested is expected"),
        ("name: x\ndigest: x\nrequirements: {}\ncontested: []", "its name is 'x'"),
        ("name: '2030.01'\ndigest: x\nrequirements: []\ncontested: []", "requirements must be dict, not list"),
        ("name: '2030.01'\ndigest: x\nrequirements: {A: MUT}\ncontested: []", "A: level is one of MUST, SHOULD, MAY"),
        ("a: [", "not YAML"),
    ],
)
def test_a_set_that_is_not_understood_is_refused_with_its_file(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "2030.01.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(SpecError, match=r"^spec/sets/2030\.01\.yaml: ") as caught:
        RequirementSet.load("2030.01", tmp_path)

    assert words in str(caught.value)


# Runs


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec that has an older set too: without AMOUNT-ECHO, AMOUNT-SPELLING a MAY, and without one of the cases."""
    spec = tmp_path / "spec"
    shutil.copytree(ROOT / "spec", spec)
    levels = {name: level for name, level in NEWEST.levels.items() if name != "AMOUNT-ECHO"}
    set_ = replace(NEWEST, name="2026.01", levels=levels | {"AMOUNT-SPELLING": "MAY"})
    replace(set_, cases=NEWEST.cases - {"amountMinor:maximum"}).write(spec)
    monkeypatch.setattr(locate, "spec_dir", lambda: spec)
    settle_in(monkeypatch, tmp_path)
    return tmp_path


def test_a_newer_requirement_is_run_and_shown_and_decides_nothing(farm: FaultFarm, older: Path) -> None:
    url = farm.urls["amount-in-major-units"]

    now, then = run(older / "now", url, *AMOUNT), run(older / "then", url, *AMOUNT, "--set", "2026.01")

    assert (now.code, then.code) == (1, 0)
    assert now.verdicts["AMOUNT-ECHO"] == then.verdicts["AMOUNT-ECHO"] == "fail"
    assert now.report["set"] == {"name": NEWEST.name, "pinned": False, "newest": NEWEST.name, "beyond": []}
    assert then.report["set"] == {
        "name": "2026.01",
        "pinned": True,
        "newest": NEWEST.name,
        "beyond": ["AMOUNT-ECHO"],
    }
    assert then.report["outcome"] == "incomplete"
    assert "newer than it, and deciding nothing: AMOUNT-ECHO" in then.out
    assert f"set {NEWEST.name} is there too" in then.out


def test_a_pinned_requirement_has_the_level_that_it_had(farm: FaultFarm, older: Path) -> None:
    target = (farm.urls["amount-exponent-refused"], *AMOUNT, "--level", "should")

    now, then = run(older / "now", *target), run(older / "then", *target, "--set", "2026.01")

    assert (now.code, then.code) == (1, 0)
    assert {row["level"] for row in then.report["requirements"] if row["id"] == "AMOUNT-SPELLING"} == {"MAY"}


def test_a_pinned_requirement_is_not_tried_by_cases_that_it_got_since(farm: FaultFarm, older: Path) -> None:
    pinned = ("--requirement", "AMOUNT-ACCEPTED")

    now = run(older / "now", farm.correct_url, *pinned)
    then = run(older / "then", farm.correct_url, *pinned, "--set", "2026.01")

    sent = [{record.meaning.id for record in read(ran.folder / "evidence.ndjson")} for ran in (now, then)]
    assert sent[0] - sent[1] == {"amountMinor:maximum"}
    assert (now.code, then.code) == (0, 0)


def test_the_newest_set_changes_no_plan() -> None:
    plan = Suite.load().plan(Settings(profile="quick"))

    narrowed = NEWEST.narrowed(plan)

    assert narrowed == plan
    assert NEWEST.beyond(plan) == frozenset()


def test_a_set_that_does_not_exist_is_named_with_those_that_do(farm: FaultFarm, older: Path) -> None:
    ran = run(older, farm.correct_url, "--set", "2026.2")

    assert ran.code == 2
    assert ran.err.startswith("invoice-conformance: no set 2026.2 in spec/sets/, which has 2026.01, 2026.11")
    assert not ran.folder.exists()


def test_a_catalogue_that_is_in_no_set_is_unreleased() -> None:
    changed = Catalogue((replace(CATALOGUE.requirements[0], text="Another."), *CATALOGUE.requirements[1:]), "x")

    assert sets.told(changed, None)["name"] == "unreleased"
