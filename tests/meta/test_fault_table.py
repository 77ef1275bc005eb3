"""What `invoice-conformance faults` prints and exits with: the table as the requirements tell it, and as a run does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.meta.facing import command

from invoice_conformance import fault_table, killing
from invoice_conformance.catalogue import Catalogue
from invoice_conformance.cli import main
from invoice_conformance.fault_table import Line
from invoice_conformance.reference.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from invoice_conformance.killing import Broken

FAULT = FAULTS["leap-day-refused"]
NAMED = frozenset({"DATE-ACCEPTED", "DATE-ACCEPTED-WIDE"})
NOTHING = frozenset[str]()
CATALOGUE = Catalogue.load()


def running(monkeypatch: pytest.MonkeyPatch, **broken: Broken) -> None:
    """Let every run break what is given for its fault (`correct` for none, `_` for -), and else what names it."""

    def kills(faults: Sequence[str], _jobs: int) -> Iterator[tuple[str, Broken]]:
        for name in faults:
            said = frozenset(row.id for row in CATALOGUE if name in row.faults)
            yield name, broken.get(name.replace("-", "_") or "correct", (said, NOTHING))

    monkeypatch.setattr(killing, "kills", kills)


def test_every_fault_is_listed_with_the_rows_that_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["faults", "--json"])

    listed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {one["name"]: one["named_by"] for one in listed["faults"]} == {
        name: sorted(row.id for row in CATALOGUE if name in row.faults) for name in FAULTS
    }
    assert all(one["area"] and one["summary"] and "result" not in one for one in listed["faults"])
    assert "correct_server" not in listed


def test_the_table_says_what_a_fault_does_and_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["faults", "leap-day-refused", "number-checked-*"])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[1].split("  ")[0] == "leap-day-refused"
    assert "DATE-ACCEPTED, DATE-ACCEPTED-WIDE  Every 29 February is refused." in lines[1]
    assert "uniqueness, over sockets  UNIQUE-RACE" in lines[2]
    assert lines[-1] == "2 faults, which break 3 requirements"


def test_an_unknown_fault_gives_2_and_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["faults", "--run", "leap-day-refusd"])

    assert code == 2
    assert capsys.readouterr() == (
        "",
        "invoice-conformance: no fault leap-day-refusd; did you mean leap-day-refused?\n",
    )


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_kills_in_this_process_in_others_and_over_sockets(tmp_path: Path, jobs: str) -> None:
    ran = command(
        tmp_path, "faults", "--run", "--json", "--jobs", jobs, "leap-day-refused", "number-checked-then-inserted"
    )

    assert ran.code == 0
    by_name = {one["name"]: one for one in json.loads(ran.out)["faults"]}
    assert {name: (one["result"], one["broken"], one["over_sockets"]) for name, one in by_name.items()} == {
        "leap-day-refused": ("killed", sorted(NAMED), False),
        "number-checked-then-inserted": ("killed", ["UNIQUE-RACE"], True),
    }


def test_a_run_of_all_begins_with_the_correct_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running(monkeypatch)

    code = main(["faults", "--run"])

    out = capsys.readouterr().out
    assert code == 0
    assert out.splitlines()[1].split() == ["(none)", "clean"]
    assert out.splitlines()[-1] == f"{len(FAULTS)} faults: {len(FAULTS)} killed, 0 survived"


def test_a_survivor_gives_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    running(monkeypatch, leap_day_refused=(NOTHING, NOTHING))

    code = main(["faults", "--run", "leap-*"])

    assert code == 1
    assert "survived  not broken, though named: DATE-ACCEPTED, DATE-ACCEPTED-WIDE" in capsys.readouterr().out


def test_a_row_that_does_not_name_the_fault_gives_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running(monkeypatch, leap_day_refused=(NAMED | {"DATE-ECHO"}, NOTHING))

    code = main(["faults", "--run", "leap-day-refused"])

    assert code == 1
    out = capsys.readouterr().out
    assert "mismatched  DATE-ACCEPTED, DATE-ACCEPTED-WIDE, DATE-ECHO; not named: DATE-ECHO" in out
    assert out.splitlines()[-1] == "1 fault: 0 killed, 0 survived, 1 mismatched"


@pytest.mark.parametrize("broken", [(frozenset({"DATE-ECHO"}), NOTHING), (NOTHING, frozenset({"DATE-ECHO"}))])
def test_a_correct_server_that_is_not_clean_gives_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: Broken
) -> None:
    running(monkeypatch, correct=broken)

    code = main(["faults", "--run", "--json"])

    assert code == 1
    correct = json.loads(capsys.readouterr().out)["correct_server"]
    assert (correct["clean"], correct["strays"]) == (False, ["DATE-ECHO"])


@pytest.mark.parametrize(
    ("named", "broken", "undecided", "result"),
    [
        (NAMED, NAMED, NOTHING, "killed"),
        (NAMED, NAMED, frozenset({"DATE-ECHO"}), "killed"),
        (NAMED, NOTHING, NOTHING, "survived"),
        (NAMED, NOTHING, NAMED, "survived"),
        (NAMED, frozenset({"DATE-ECHO"}), NOTHING, "survived"),
        (NAMED, frozenset({"DATE-ACCEPTED"}), NOTHING, "mismatched"),
        (NAMED, NAMED | {"DATE-ECHO"}, NOTHING, "mismatched"),
        (NOTHING, NOTHING, NOTHING, "survived"),
    ],
)
def test_a_fault_is_killed_by_exactly_the_rows_that_name_it(
    named: frozenset[str], broken: frozenset[str], undecided: frozenset[str], result: str
) -> None:
    assert Line(FAULT, named, broken, undecided).result == result


def test_a_name_that_looks_like_markup_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "[bold]"]) == 2
    assert "[bold]" in capsys.readouterr().err


def test_too_many_processes_give_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["faults", "--run", "--jobs", "65"])

    assert ended.value.code == 2
    assert "from 1 to 64, not '65'" in capsys.readouterr().err


def test_the_table_names_a_fault_a_line() -> None:
    shown = fault_table.table(fault_table.lines(CATALOGUE), ran=False)

    assert shown.row_count == len(FAULTS)
