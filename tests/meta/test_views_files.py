"""What `invoice-conformance report` makes of a run's folder, and what a run leaves in it; the archive and the badge."""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from tests.meta.facing import ROOT, Ran, command, run, settle_in
from tests.meta.reports import asking_for_should, held_to_a_baseline, report, row

from invoice_conformance.evidence import EvidenceWriter, Record
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.report import views
from invoice_conformance.report.badge import badge, shields
from invoice_conformance.report.formats import BESIDE, FILES
from invoice_conformance.trial import Meaning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("views")
    with pytest.MonkeyPatch.context() as patch, ReferenceServer(["leap-day-refused"]) as server:
        settle_in(patch, folder)
        yield run(folder, server.url, "--requirement", "DATE-*", "--requirement", "AMOUNT-*")


@pytest.mark.parametrize("made", [report, asking_for_should, held_to_a_baseline])
def test_the_reports_of_these_tests_are_as_the_schema_says(made: Callable[[], dict[str, Any]]) -> None:
    schema = json.loads((ROOT / "spec" / "report.schema.json").read_text(encoding="utf-8"))

    errors = [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(made())]

    assert errors == []


def test_a_run_leaves_its_views_beside_its_report(ran: Ran) -> None:
    names = {path.name for path in ran.folder.iterdir()}

    assert names == {"report.json", "evidence.ndjson", "created.csv", *(FILES[view] for view in BESIDE)}


def test_what_a_run_left_is_what_the_report_makes_again(ran: Ran, tmp_path: Path) -> None:
    shutil.copy(ran.folder / "report.json", tmp_path)

    made = command(tmp_path, "report", str(tmp_path))

    assert made.code == 0
    assert made.out.splitlines() == [str(tmp_path / str(FILES[view])) for view in BESIDE]
    for view in BESIDE:
        name = str(FILES[view])
        assert (tmp_path / name).read_bytes() == (ran.folder / name).read_bytes()


@pytest.mark.parametrize("view", FILES)
def test_every_view_can_be_printed_and_written(ran: Ran, tmp_path: Path, view: str) -> None:
    printed = command(tmp_path, "report", str(ran.folder / "report.json"), "--format", view)
    written = command(tmp_path, "report", str(ran.folder), "--format", view, "--out", str(tmp_path / "view"))

    assert (printed.code, written.code, written.out) == (0, 0, "")
    assert printed.out == (tmp_path / "view").read_text(encoding="utf-8") != ""


def test_the_report_comes_out_as_it_is(ran: Ran) -> None:
    assert command(ran.folder, "report", str(ran.folder), "--format", "json").out == (
        ran.folder / "report.json"
    ).read_text(encoding="utf-8")


def test_the_report_knows_where_the_server_breaks_and_when(ran: Ran) -> None:
    found = ran.report

    broken = {(cell["field"], cell["edge"]) for cell in found["map"] if cell["broken"]}
    leaps = [cell for cell in found["map"] if cell["edge"] == "leap day"]
    assert {cell["field"] for cell in leaps} == {"issuedAt", "dueAt", "paidAt"}
    assert all(cell["broken"] == cell["cases"] > 1 for cell in leaps)
    assert {field for field, _edge in broken} == {"issuedAt", "dueAt", "paidAt"}
    slices = found["timeline"]["slices"]
    assert sum(sum(one["statuses"].values()) for one in slices) == found["requests"]
    assert sum(one["requests"] for one in found["latency_histogram"]) == found["requests"]
    assert found["rerun"].startswith(f"invoice-conformance run {found['target']} --tenant-id ")
    assert found["rerun"].endswith("--requirement 'DATE-*' --requirement 'AMOUNT-*' --profile quick")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "is no report of invoice-conformance"),
        ('{"format": 99, "requirements": []}', "has the format 99; this version reads 1"),
    ],
)
def test_what_is_no_report_is_said_in_one_line(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content, encoding="utf-8")

    made = command(tmp_path, "report", str(tmp_path))

    assert made.code == 2
    assert words in made.err
    assert made.err.count("\n") == 1


def test_mistakes_on_the_command_line_are_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report()), encoding="utf-8")

    without_format = command(tmp_path, "report", str(tmp_path), "--out", "x")
    unknown = command(tmp_path, "report", str(tmp_path), "--format", "pdf")
    without_evidence = command(tmp_path, "report", str(tmp_path), "--format", "har")

    assert [made.code for made in (without_format, unknown, without_evidence)] == [2, 2, 2]
    assert without_format.err == "invoice-conformance: --out needs --format\n"
    assert "the view cannot be made" in without_evidence.err


@pytest.mark.parametrize("line", ["{}\n", "[]\n", "nonsense\n"])
def test_what_is_no_evidence_is_said_in_one_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report()), encoding="utf-8")
    (tmp_path / "evidence.ndjson").write_text(line, encoding="utf-8")

    made = command(tmp_path, "report", str(tmp_path), "--format", "har")

    assert made.code == 2
    assert "is no evidence of this version" in made.err
    assert made.err.count("\n") == 1


# The archive


def archived(tmp_path: Path, *exchanges: Exchange) -> list[dict[str, Any]]:
    with EvidenceWriter(tmp_path) as writer:
        for place, one in enumerate(exchanges):
            writer.write(Record("s", "act", Meaning(f"case {place}", (), pooled=False), one, counts=place == 0))
    log = json.loads(views.render(report(target="https://host/prefix"), tmp_path, "har"))["log"]
    assert log["version"] == "1.2"
    entries: list[dict[str, Any]] = log["entries"]
    return entries


def test_an_exchange_is_an_entry(tmp_path: Path) -> None:
    request = Request("POST", "/prefix/api/v1/invoices?a=1&b", (("Content-Type", "application/json"),), b'{"a":1}')
    response = Response(201, "Created", "1.1", (("Location", "/x"), ("content-type", "text/plain")), b"ok", 2, "0" * 64)

    (entry,) = archived(tmp_path, Exchange(request, response, 0.5, 0.25))

    assert entry["startedDateTime"] == "1970-01-01T00:00:00.500Z"
    assert entry["time"] == entry["timings"]["wait"] == 250
    assert entry["request"]["url"] == "https://host/prefix/api/v1/invoices?a=1&b"
    assert entry["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]
    assert entry["request"]["postData"]["text"] == '{"a":1}'
    assert entry["response"]["redirectURL"] == "/x"
    assert entry["response"]["content"] == {"size": 2, "mimeType": "text/plain", "text": "ok"}
    assert entry["comment"] == "s (act)"
    needed = {"startedDateTime", "time", "request", "response", "cache", "timings"}
    assert needed <= entry.keys()


def test_octets_that_are_no_text_and_answers_that_never_came(tmp_path: Path) -> None:
    request = Request("POST", "/", (), b"\xff\x00")
    response = Response(200, "", "1.1", (), b"\xff\x00", 2, "0" * 64)

    binary, missing = archived(
        tmp_path, Exchange(request, response, 0, 0), Exchange(request, NoAnswer("reset", "by peer"), 0, 0)
    )

    assert binary["request"]["postData"]["text"] == "\\xff\x00"
    content = binary["response"]["content"]
    assert (base64.b64decode(content["text"]), content["encoding"]) == (b"\xff\x00", "base64")
    assert missing["response"]["status"] == 0
    assert missing["response"]["comment"] == "no answer (reset): by peer"
    assert missing["comment"].endswith("does not count")


# The badge


@pytest.mark.parametrize(
    ("changes", "words", "colour"),
    [
        ({"outcome": "full", "waived": []}, "full", "brightgreen"),
        ({"outcome": "core", "waived": ["A-B"]}, "core (1 waived)", "green"),
        ({"outcome": "not-conformant", "waived": []}, "not conformant", "red"),
        ({"outcome": "incomplete", "waived": [], "partial": True}, "selection", "yellow"),
        ({"outcome": "aborted", "waived": []}, "aborted", "lightgrey"),
        (
            {key: held_to_a_baseline()[key] for key in ("set", "baseline")} | {"outcome": "core"},
            "core (set 2026.11, baseline)",
            "green",
        ),
    ],
)
def test_the_badge_tells_the_outcome(changes: dict[str, Any], words: str, colour: str) -> None:
    found = report(row("A-B"), **changes)

    image = ET.fromstring(badge(found))  # noqa: S314 - our own
    assert image.get("aria-label") == f"invoice conformance: {words}"
    assert json.loads(shields(found)) == {
        "schemaVersion": 1,
        "label": "invoice conformance",
        "message": words,
        "color": colour,
    }
