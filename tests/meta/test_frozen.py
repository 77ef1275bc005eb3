"""Owns frozen plans: that they are what the generator draws, that they are read back as written, and sent as such."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Final

import pytest
from tests.meta.facing import command, environment

from invoice_conformance import frozen, locate, sets
from invoice_conformance.checks import Registry
from invoice_conformance.config import ConfigError, Settings
from invoice_conformance.contract import SpecError
from invoice_conformance.session import Suite

SUITE: Final = Suite.load()
NEWEST: Final = sets.names()[-1]
TEXT: Final = frozen.text_of(NEWEST)
LARGEST: Final = 1_500_000
CERTIFICATION: Final = Settings(profile="certification")


def test_the_frozen_plan_is_what_is_drawn() -> None:
    """Whoever changes what is drawn releases a set, or freezes anew the one that is to come."""
    done = subprocess.run(
        [sys.executable, "-m", "invoice_conformance.cli", "freeze", "--check"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, f"run `invoice-conformance freeze`: {done.stdout[:2000]}{done.stderr}"


def test_it_is_the_standard_plan() -> None:
    drawn, kept = SUITE.plan(Settings()), SUITE.plan(CERTIFICATION)

    assert kept.scripts.keys() == drawn.scripts.keys()
    assert kept.requests == drawn.requests
    named = {name: script for name, script in drawn.scripts.items() if not name.startswith("random")}
    assert {name: kept.scripts[name] for name in named} == named


def test_it_is_read_back_as_it_was_written() -> None:
    plan = SUITE.plan(CERTIFICATION)
    hypothesis = json.loads(TEXT)["hypothesis"]

    again = frozen.write(NEWEST, plan)

    assert again.replace(json.loads(again)["hypothesis"], hypothesis, 1) == TEXT
    assert len(TEXT) < LARGEST


def test_it_needs_no_hypothesis() -> None:
    code = (
        "import sys\nsys.modules['hypothesis'] = None\n"
        "from invoice_conformance.session import Suite\nfrom invoice_conformance.config import Settings\n"
        "print(Suite.load().plan(Settings(profile='certification')).requests)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own

    assert int(done.stdout) == SUITE.plan(CERTIFICATION).requests


def test_a_selection_of_it_is_sent_like_one_of_any_plan() -> None:
    plan = SUITE.plan(replace(CERTIFICATION, requirement=("AMOUNT-ACCEPTED",), case=("amountMinor:max*",)))

    assert plan.scripts.keys() == {"amountMinor:maximum", "amountMinor:maximum-1", "amountMinor:maximum-2"}


def test_a_seed_has_no_meaning_with_it() -> None:
    with pytest.raises(ConfigError, match="--seed 3 has no meaning"):
        SUITE.plan(replace(CERTIFICATION, seed=3))


def edited(name: str, **change: object) -> str:
    value = json.loads(TEXT)
    one = next(one for one in value["cases"] if one["id"] == name)
    one.update(change)
    return json.dumps(value)


def test_what_drifted_is_named() -> None:
    assert frozen.differing(TEXT, TEXT) == []
    assert frozen.differing(edited("amountMinor:maximum", suffix="?x"), TEXT) == [
        "case: amountMinor:maximum: is drawn otherwise than it was frozen"
    ]
    renamed = frozen.differing(edited("amountMinor:maximum", id="amountMinor:most"), TEXT)
    assert "case: amountMinor:maximum: is drawn, and not frozen" in renamed
    assert "case: amountMinor:most: is frozen, and no longer drawn" in renamed
    assert frozen.differing("", TEXT)
    assert frozen.differing("no JSON", TEXT)


def test_what_another_version_of_the_library_draws_at_random_is_no_drift() -> None:
    case = next(one["id"] for one in json.loads(TEXT)["cases"] if one["id"].startswith("random"))
    value = json.loads(edited(case, suffix="?x")) | {"hypothesis": "0.0"}

    assert frozen.differing(json.dumps(value), TEXT) == []
    assert frozen.differing(edited(case, suffix="?x"), TEXT) != []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no frozen plan"),
        ("[]", "no frozen plan"),
        ("{}", "no frozen plan"),
        (TEXT.replace('"format":1', '"format":9', 1), "its format is 9"),
        (TEXT.replace('"plain":["{', '"plain":["{ ', 1), "it was frozen for another contract"),
        (TEXT.replace('"steps":[["act",0]]', '"steps":[["act",999999]]', 1), "no frozen plan"),
    ],
)
def test_a_plan_that_is_not_understood_is_refused_with_its_file(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=r"^spec/sets/x\.plan\.json: ") as caught:
        frozen.read(text, SUITE.contract, "spec/sets/x.plan.json")

    assert words in str(caught.value)


def test_a_check_that_this_version_has_not_is_named() -> None:
    kept = frozen.load(NEWEST, SUITE.contract)

    with pytest.raises(SpecError, match="use the version of the suite that the set was released with"):
        kept.registry(Registry(SUITE.registry.checks[1:]))


def test_a_set_without_a_plan_is_named_with_those_that_have_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(KeyError, match=f"no frozen plan of 2020.01 in spec/sets/, which has {NEWEST}"):
        frozen.text_of("2020.01", locate.spec_dir())
    assert command(tmp_path_factory.mktemp("x"), "freeze", "2020.01").code == 2
