"""The README's table of exit codes, each shown by a run that ends with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.meta.facing import ROOT, Ran, run, settle_in

from invoice_conformance.reference.embed import FaultFarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ONE = ("--requirement", "AMOUNT-ECHO")
BROKEN = "amount-in-major-units"
STALE = '[[finding]]\nrequirement = "AMOUNT-ECHO"\nfinding = "AMOUNT-ECHO-00000000"\nreason = "gone by now"\n'


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as farm:
        yield farm


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path)


def conformant(farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, farm.correct_url, *ONE)


def conformant_at_the_asked_level(farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, farm.urls["amount-exponent-refused"], "--requirement", "AMOUNT-SPELLING", "--level", "must")


def not_conformant(farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, farm.urls[BROKEN], *ONE)


def not_conformant_at_the_asked_level(farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, farm.urls["amount-exponent-refused"], "--requirement", "AMOUNT-SPELLING", "--level", "should")


def a_usage_that_is_none(farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, farm.correct_url, "--requirement", "AMOUNT-ECO")


def an_option_that_is_none(farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, farm.correct_url, "--no-such-option")


def a_configuration_without_a_token(farm: FaultFarm, folder: Path) -> Ran:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("INVOICE_CONFORMANCE_TOKEN")
        return run(folder, farm.correct_url, *ONE)


def a_requirement_that_needs_a_second_tenant(farm: FaultFarm, folder: Path) -> Ran:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("INVOICE_CONFORMANCE_OTHER_TENANT_ID")
        return run(folder, farm.correct_url, "--requirement", "TENANT-FOREIGN-CONTRACT")


def a_baseline_that_lists_what_no_longer_occurs(farm: FaultFarm, folder: Path) -> Ran:
    (folder / "known.toml").write_text(STALE, encoding="utf-8")
    return run(folder, farm.correct_url, *ONE, "--baseline", str(folder / "known.toml"))


def a_target_that_cannot_be_reached(_farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, "http://127.0.0.1:9", *ONE)


def credentials_that_are_refused(farm: FaultFarm, folder: Path) -> Ran:
    return run(folder, farm.correct_url, *ONE, "--token", "quite-another")


def a_defect_of_the_suite(farm: FaultFarm, folder: Path) -> Ran:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("made up")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("invoice_conformance.expect.Echoed.judge", broken)
        return run(folder, farm.correct_url, *ONE)


TABLE: tuple[tuple[int, str, Callable[[FaultFarm, Path], Ran]], ...] = (
    (0, "conformant at the asked level", conformant),
    (0, "conformant at the asked level", conformant_at_the_asked_level),
    (1, "not conformant", not_conformant),
    (1, "not conformant", not_conformant_at_the_asked_level),
    (2, "usage or configuration; nothing was sent", a_usage_that_is_none),
    (2, "usage or configuration; nothing was sent", an_option_that_is_none),
    (2, "usage or configuration; nothing was sent", a_configuration_without_a_token),
    (3, "incomplete: something could not be judged", a_requirement_that_needs_a_second_tenant),
    (4, "no longer occurs", a_baseline_that_lists_what_no_longer_occurs),
    (5, "aborted because of the target: unreachable", a_target_that_cannot_be_reached),
    (5, "credentials refused", credentials_that_are_refused),
    (6, "a defect of the suite", a_defect_of_the_suite),
)


@pytest.mark.parametrize(("code", "words", "made"), TABLE, ids=[made.__name__ for _code, _words, made in TABLE])
def test_it_ends_as_the_table_says(
    code: int, words: str, made: Callable[[FaultFarm, Path], Ran], farm: FaultFarm, tmp_path: Path
) -> None:
    readme = dict(re.findall(r"^\| (\d) \| (.*) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))

    ran = made(farm, tmp_path)

    assert ran.code == code, ran.err or ran.out
    assert words in readme[str(code)]
    assert {str(number) for number, _words, _made in TABLE} == readme.keys()
    assert (ran.folder / "report.json").exists() is (code != 2)
    if code != 2:
        assert ran.report["exit_code"] == code
