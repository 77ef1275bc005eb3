"""Owns what every requirement must be: checked, quoted from where it says, within its basis, and caught by a fault.

It must not know what any requirement is about.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from invoice_conformance import locate
from invoice_conformance.catalogue import Catalogue, Requirement
from invoice_conformance.checks import Check, Registry
from invoice_conformance.contract import SpecError
from invoice_conformance.reference.faults import FAULTS
from invoice_conformance.report.words import place_of

if TYPE_CHECKING:
    from pathlib import Path

CATALOGUE: Final = Catalogue.load()
REGISTRY: Final = Registry.load()
PAGE: Final = " ".join((locate.spec_dir() / "source.md").read_text(encoding="utf-8").split())
ROW: Final[dict[str, Any]] = {
    "id": "TEST-ROW",
    "level": "MUST",
    "basis": "stated",
    "text": "A sentence.",
    "quote": "ISO 4217 currency code.",
    "source": "#/components",
    "faults": ["currency-unchecked"],
}

each_row: Final = pytest.mark.parametrize("row", CATALOGUE.requirements, ids=lambda row: row.id)


def test_every_row_has_a_check_and_every_check_a_row() -> None:
    rows = {row.id for row in CATALOGUE}

    checked = {check.requirement for check in REGISTRY.checks}

    assert rows - checked == set(), "rows without a check in tests/conformance"
    assert checked - rows == set(), "checks without a row in spec/requirements"


def test_no_two_checks_have_one_name() -> None:
    counted = Counter(check.name for check in REGISTRY.checks)

    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("check", REGISTRY.checks, ids=lambda check: check.name)
def test_a_check_says_what_a_conforming_server_does(check: Check) -> None:
    assert re.match(r"test_(accepts|refuses|returns|answers|keeps)_", check.name)
    assert check.words.endswith(".")
    assert (check.expecting is None) != (check.fold is None)


@pytest.mark.parametrize("check", REGISTRY.checks, ids=lambda check: check.name)
def test_a_check_stands_in_the_file_of_its_area(check: Check) -> None:
    area = CATALOGUE.get(check.requirement).area

    assert check.path == f"tests/conformance/test_{area}.py"


@each_row
def test_a_quote_of_the_page_is_in_the_page(row: Requirement) -> None:
    if row.basis not in {"stated", "implied"}:
        return

    assert row.quote in PAGE, f"{row.id}: the page does not say {row.quote!r}"


@each_row
def test_a_row_says_why_it_matters_or_how_it_follows(row: Requirement) -> None:
    assert row.why.endswith("."), f"{row.id} has no why"


@each_row
def test_the_place_of_a_rule_can_be_looked_up(row: Requirement) -> None:
    beginnings = ("the page, ", "RFC ", "spec/reading.md, ")

    assert place_of(row.source).startswith(beginnings), place_of(row.source)
    assert not row.source.startswith("RFC ") or "https://www.rfc-editor.org/rfc/rfc" in place_of(row.source)


@each_row
def test_a_row_of_http_names_an_rfc_and_a_section(row: Requirement) -> None:
    if row.basis != "http":
        return

    assert re.fullmatch(r"RFC \d{4,5} §\d+(?:\.\d+)*(?:(?:,| and) (?:RFC \d{4,5} )?§\d+(?:\.\d+)*)*", row.source), (
        row.source
    )
    assert len(row.quote.split()) > 3, "an RFC is quoted with a sentence"


@each_row
def test_a_convention_is_no_must(row: Requirement) -> None:
    assert row.basis != "convention" or row.level != "MUST"


@each_row
def test_a_may_and_a_contested_row_decide_nothing(row: Requirement) -> None:
    assert row.decides == (row.level in {"MUST", "SHOULD"} and not row.contested)


@each_row
def test_a_row_is_one_sentence_and_has_a_well_formed_id(row: Requirement) -> None:
    assert re.fullmatch(r"[A-Z0-9]+(?:-[A-Z0-9]+)+", row.id)
    assert row.text.endswith(".")
    assert row.source


@each_row
def test_a_row_is_caught_by_a_fault_of_the_reference_server(row: Requirement) -> None:
    assert row.faults, f"{row.id} names no fault, so nothing shows that its check can fail"
    assert [name for name in row.faults if name not in FAULTS] == [], "the reference server has no such fault"


def folder_with(tmp_path: Path, *rows: object, text: str | None = None) -> Path:
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "area.yaml").write_text(yaml.safe_dump(list(rows)) if text is None else text, encoding="utf-8")
    return tmp_path


def test_a_row_is_read(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, ROW | {"contested": True, "why": "It\n  costs."})

    (row,) = Catalogue.load(folder)

    assert (row.id, row.area, row.level, row.contested, row.why) == ("TEST-ROW", "area", "MUST", True, "It costs.")
    assert row.faults == ("currency-unchecked",)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"levle": "MUST"}, "unknown key 'levle'; did you mean 'level'?"),
        (ROW | {"zzz": 1}, "unknown key 'zzz'"),
        (ROW | {"level": "must"}, "level is one of MUST, SHOULD, MAY, not 'must'"),
        (ROW | {"basis": "rumour"}, "basis is one of stated, implied, http, convention, not 'rumour'"),
        (ROW | {"id": 7}, "id must be str, not int"),
        (ROW | {"text": None}, "text must be str, not NoneType"),
        (ROW | {"contested": "yes"}, "contested must be bool, not str"),
        (ROW | {"faults": "x"}, "faults must be list, not str"),
        ({key: value for key, value in ROW.items() if key != "quote"}, "quote is missing"),
        ({}, "a row without id: id is missing"),
        ("TEST-ROW", "a requirement is a mapping, not 'TEST-ROW'"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_row_with_a_mistake_is_refused_in_one_line(tmp_path: Path, row: object, message: str) -> None:
    folder = folder_with(tmp_path, row)

    with pytest.raises(SpecError) as refused:
        Catalogue.load(folder)

    assert message in str(refused.value)
    assert str(refused.value).startswith("spec/requirements/area.yaml: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- id: [", "not YAML"),
        ("id: TEST-ROW", "a list of requirements is expected"),
        (yaml.safe_dump([ROW, ROW]), "TEST-ROW stands twice; ids are never reused"),
    ],
    ids=["no YAML", "no list", "twice"],
)
def test_a_file_with_a_mistake_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    folder = folder_with(tmp_path, text=text)

    with pytest.raises(SpecError) as refused:
        Catalogue.load(folder)

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_empty_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no requirement in"):
        Catalogue.load(tmp_path)


def test_a_requirement_that_does_not_exist_is_named_with_its_nearest() -> None:
    with pytest.raises(KeyError) as missing:
        CATALOGUE.get("AMOUNT-ECO")

    assert missing.value.args == ("no requirement AMOUNT-ECO in spec/requirements/; did you mean AMOUNT-ECHO?",)


def test_globs_select_rows_in_any_letter_case() -> None:
    assert CATALOGUE.matching(["amount-*", "RATE-ECHO"]) >= {"AMOUNT-ECHO", "AMOUNT-ACCEPTED", "RATE-ECHO"}
    with pytest.raises(KeyError, match="no requirement FOO-"):
        CATALOGUE.matching(["AMOUNT-*", "FOO-*"])
