"""What `matrix` makes of several reports: a page and a table that say the same, and obey nothing that a target said."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.facing import command
from tests.meta.reports import HOSTILE, finding, report, row
from tests.meta.test_views_page import Read

from invoice_conformance.report.matrix import FILES, Column, as_html, as_markdown, compare, name_for

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = row("AMOUNT-ECHO", "fail", findings=[finding(), finding(id="AMOUNT-ECHO-1")])


def written(folder: Path, name: str, made: dict[str, Any]) -> Path:
    path = folder / name
    path.mkdir()
    (path / "report.json").write_text(json.dumps(made), encoding="utf-8")
    return path


@pytest.fixture
def two() -> dict[str, Any]:
    old = report(requirements=[BROKEN, row("DATE-ECHO"), row("RATE-ECHO", "inconclusive", reason="capped")])
    new = report(requirements=[row("AMOUNT-ECHO"), row("DATE-ECHO"), row("NUMBER-ECHO", level="SHOULD")], seed=7)
    return compare([Column("release 1.4", old), Column("release 1.5", new)])


def test_each_requirement_has_a_verdict_of_each_report(two: dict[str, Any]) -> None:
    verdicts = {one["id"]: [cell["verdict"] for cell in one["verdicts"]] for one in two["requirements"]}

    assert verdicts == {
        "AMOUNT-ECHO": ["fail", "pass"],
        "DATE-ECHO": ["pass", "pass"],
        "RATE-ECHO": ["inconclusive", None],
        "NUMBER-ECHO": [None, "pass"],
    }
    assert two["unlike"] == ["seeds"]


def test_the_table_says_it_in_markdown(two: dict[str, Any]) -> None:
    lines = as_markdown(two).splitlines()

    assert "| requirement | level | release 1.4 | release 1.5 |" in lines
    assert "| AMOUNT-ECHO | MUST | ✗ 2 | ✓ |".replace("-", "&#45;") in [line.replace("-", "&#45;") for line in lines]
    assert any(line.startswith("Not alike: the runs have different seeds") for line in lines)
    columns = {line.count("|") for line in lines if line.startswith("|")}
    assert columns == {5}


def test_the_page_is_complete_and_needs_neither_a_network_nor_a_script(two: dict[str, Any]) -> None:
    made = as_html(two)
    read = Read(made)

    assert read.unclosed == []
    assert read.of("script") == []
    assert not re.search(r'(?:src|href)="(?!#|data:,)', made)
    policy = next(attributes["content"] for attributes, _text in read.of("meta") if attributes.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert len(read.of("td", "cell")) == 2 * len(two["requirements"])
    links = {attributes["href"] for attributes, _text in read.of("a")}
    ids = {attributes["id"] for _tag, attributes, _text in read.elements if "id" in attributes}
    assert {link.removeprefix("#") for link in links} <= ids


def test_nothing_that_a_target_said_is_obeyed(two: dict[str, Any]) -> None:
    hostile = compare([Column(HOSTILE, report(target=f"http://h/{HOSTILE}"))])

    page, table = as_html(hostile), as_markdown(hostile)

    for made in (page, table):
        assert "<script>alert" not in made
        assert "<img src=x" not in made
        assert not re.search(r"[\x00\x1b\u202e]", made)
        assert not re.search(r"^(::|##\[)", made, re.MULTILINE)
    assert {line.count("|") for line in table.splitlines() if line.startswith("|")} == {4}
    assert as_html(two).count("AMOUNT-ECHO") > 2


def test_it_writes_both_files_and_names_them(tmp_path: Path) -> None:
    old, new = written(tmp_path, "old", report()), written(tmp_path, "new", report())

    ran = command(tmp_path, "matrix", f"release 1.4={old}", str(new / "report.json"), "--out", str(tmp_path / "public"))

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split() == [str(tmp_path / "public" / name) for name in FILES.values()]
    assert '<h2 id="run-1">release 1.4</h2>' in (tmp_path / "public" / "matrix.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("view", "start"), [("markdown", "# Invoice"), ("html", "<!DOCTYPE html>"), ("json", "{")])
def test_it_prints_one_when_asked_and_writes_nothing(view: str, start: str, tmp_path: Path) -> None:
    path = written(tmp_path, "one", report())

    ran = command(tmp_path, "matrix", str(path), "--format", view)

    assert ran.code == 0
    assert ran.out.startswith(start)
    assert [one.name for one in tmp_path.iterdir()] == ["one"]


def test_reports_of_one_target_are_told_apart_by_their_names() -> None:
    one = report(target="https://host/x")
    names: list[str] = []

    for _report in range(3):
        names.append(name_for("", one, names))

    assert names == ["host/x", f"host/x, {one['started_at'][:10]}", f"host/x, {one['started_at'][:10]} (2)"]


@pytest.mark.parametrize("arguments", [("nowhere",), ("x=nowhere",), ("{report}", "--out", "o", "--format", "json")])
def test_a_mistake_gives_2_in_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    path = written(tmp_path, "one", report())

    ran = command(tmp_path, "matrix", *(one.replace("{report}", str(path)) for one in arguments))

    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
