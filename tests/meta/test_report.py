"""What report.json is: every run's conforms to its schema, its commands can be pasted, and no secret is in it."""

from __future__ import annotations

import base64
import csv
import json
import re
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote

import jsonschema
import pytest
from tests.meta.facing import CANNED, IDENTITY, ROOT, Ran, run, settle_in
from tests.meta.rawserver import Connection, RawServer, answer, answering

from invoice_conformance.case import Case
from invoice_conformance.config import Settings
from invoice_conformance.evidence import read
from invoice_conformance.exchange import Exchange, NoAnswer, Request
from invoice_conformance.reference.embed import FaultFarm
from invoice_conformance.report.commands import FRESH, curl, rerun_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "tok/5f+Qz<W8&mJ2rX=vK9dLc~N3bH7yT_q-"  # noqa: S105 - made up


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as farm:
        yield farm


@pytest.fixture(scope="module")
def monkeymodule() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def correct(farm: FaultFarm, tmp_path_factory: pytest.TempPathFactory, monkeymodule: pytest.MonkeyPatch) -> Ran:
    folder = tmp_path_factory.mktemp("correct")
    settle_in(monkeymodule, folder)
    return run(folder, farm.correct_url)


@pytest.fixture(scope="module")
def faulty(farm: FaultFarm, tmp_path_factory: pytest.TempPathFactory, monkeymodule: pytest.MonkeyPatch) -> Ran:
    folder = tmp_path_factory.mktemp("faulty")
    settle_in(monkeymodule, folder)
    selected = ("--requirement", "AMOUNT-*", "--requirement", "BODY-MAXIMUM", "--without", "AMOUNT-SPELLING")
    return run(folder, farm.urls["amount-stored-as-float32"], *selected, "--header", "X-Gateway: gateway-secret-1")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "spec" / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


# What it says


def test_the_report_of_a_conforming_server_is_as_its_schema_says(
    correct: Ran, validator: jsonschema.Draft202012Validator
) -> None:
    report = correct.report

    errors = [error.message for error in validator.iter_errors(report)]

    assert errors == []
    assert (correct.code, report["outcome"], report["partial"]) == (0, "full", False)
    assert report["requests"] > report["invoices_created"] > 100


def test_the_report_of_a_faulty_server_is_as_its_schema_says(
    faulty: Ran, validator: jsonschema.Draft202012Validator
) -> None:
    report = faulty.report

    errors = [error.message for error in validator.iter_errors(report)]

    assert errors == []
    assert (faulty.code, report["outcome"], report["partial"]) == (1, "not-conformant", True)
    assert faulty.verdicts == {
        "AMOUNT-ACCEPTED": "pass",
        "AMOUNT-SPELLING": "waived",
        "AMOUNT-ECHO": "fail",
        "BODY-MAXIMUM": "pass",
    }


def test_the_report_of_an_aborted_run_is_as_its_schema_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validator: jsonschema.Draft202012Validator
) -> None:
    settle_in(monkeypatch, tmp_path)

    ran = run(tmp_path, "http://127.0.0.1:9", "--requirement", "AMOUNT-ECHO")

    assert [error.message for error in validator.iter_errors(ran.report)] == []
    assert (ran.code, ran.report["outcome"], ran.report["latency_ms"]) == (5, "aborted", {})


def test_a_finding_without_an_answer_is_as_its_schema_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validator: jsonschema.Draft202012Validator
) -> None:
    settle_in(monkeypatch, tmp_path)

    def closing_on_large_amounts(connection: Connection) -> None:
        while request := connection.read_request():
            if b"9007199254740992" in request:
                connection.close()
                return
            connection.send(answer(CANNED, "201 Created", "Content-Type: application/json"))

    with RawServer(closing_on_large_amounts) as server:
        ran = run(tmp_path, server.url, "--requirement", "BODY-MAXIMUM")

    assert [error.message for error in validator.iter_errors(ran.report)] == []
    assert ran.code in {1, 3}


def test_the_names_that_other_programs_read_are_there(faulty: Ran) -> None:
    report = faulty.report
    row = next(row for row in report["requirements"] if row["id"] == "AMOUNT-ECHO")

    finding = row["findings"][0]

    assert {"outcome", "requests", "invoices_created", "duration_s", "seed", "requirements"} <= report.keys()
    assert {"suite", "spec", "target", "started_at", "ended_at", "profile", "configuration", "counts"} <= report.keys()
    assert {"p50", "p99"} <= report["latency_ms"].keys()
    assert {"id", "level", "basis", "text", "quote", "source", "verdict", "cases_judged", "findings"} <= row.keys()
    assert {"expected", "got", "case", "check", "curl", "rerun", "exchange"} <= finding.keys()
    assert (row["level"], row["basis"], row["verdict"]) == ("MUST", "implied", "fail")
    assert all(isinstance(report[name], int) for name in ("requests", "invoices_created", "seed"))


def test_the_schema_refuses_a_name_that_is_not_in_it(faulty: Ran, validator: jsonschema.Draft202012Validator) -> None:
    report = faulty.report
    report["requirements"][0]["veredict"] = "pass"

    errors = list(validator.iter_errors(report))

    assert [error.validator for error in errors] == ["additionalProperties"]


def test_the_report_counts_what_the_evidence_holds(correct: Ran) -> None:
    records = list(read(correct.folder / "evidence.ndjson"))
    with (correct.folder / "created.csv").open(encoding="utf-8", newline="") as file:
        created = list(csv.DictReader(file))

    report = correct.report

    assert report["requests"] == len(records)
    assert report["invoices_created"] == len(created) == len({row["id"] for row in created})


def test_the_run_said_before_how_many_invoices_it_would_create_at_most(correct: Ran) -> None:
    announced = int(correct.out.partition(" invoices")[0].rpartition(" ")[2])

    created = correct.report["invoices_created"]

    assert created <= announced


# What can be pasted


def exchange_of(body: bytes, headers: tuple[tuple[str, str], ...] = (), *, chunked: bool = False) -> Exchange:
    kept = (("Authorization", "[redacted]"), *headers, ("Content-Type", "application/json"))
    request = Request("POST", "/v2/api/v1/invoices", kept, body, chunked)
    return Exchange(request, NoAnswer("timeout", "nothing came"), 0.0, 0.0)


def pasted(line: str, folder: Path) -> tuple[list[bytes], bytes]:
    """What `curl` is given when bash runs the line: its arguments, and its input where it asks for it."""
    script = (
        'curl() { printf "%s\\0" "$@" > arguments; '
        'if [ "${*: -1}" = @- ]; then cat > input; else : > input; fi; }\n' + line
    )
    # A file, as what is typed at a prompt is no argument of a command either.
    (folder / "line").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["bash", "line"],  # noqa: S607 - the user's own
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "INVOICE_CONFORMANCE_TOKEN": TOKEN, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return (folder / "arguments").read_bytes().split(b"\0")[:-1], (folder / "input").read_bytes()


BODIES = {
    "plain": b'{"amountMinor":1}',
    "single quotes": b'{"a":"it\'s \'so\'"}',
    "a command substitution": b'{"a":"$(touch ran)"}',
    "backticks": b'{"a":"`touch ran`"}',
    "a variable": b'{"a":"$INVOICE_CONFORMANCE_TOKEN ${HOME}"}',
    "a semicolon and a bar": b"; touch ran | touch ran & touch ran > ran",
    "backslashes": b'{"a":"\\u0041\\n\\\\ \\x41"}',
    "a history sign": b'{"a":"!! !x"}',
    "a leading @": b"@arguments",
    "a leading dash": b"--output ran",
    "control characters": b'{"a":"\x01\x07\x1b[2J\x7f\t"}\r\n',
    "hexadecimal after a control character": b"\x01f\x1bcafe'",
    "a trailing newline": b'{"a":1}\n',
    "letters beyond ASCII": '{"a":"äж語🧾\u2028\u202e"}'.encode(),
    "broken UTF-8": b'{"a":"\xff\xfe\xc3("}\'\\',
    "NUL": b'{"a":"\x00\x000"} %s \\ \'',
    "more than a command line holds": b'{"a":"' + b"it's " * 40_000 + b'"}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_pasted_curl_sends_the_body_octet_by_octet_and_runs_nothing_else(body: bytes, tmp_path: Path) -> None:
    line = curl(exchange_of(body), Settings(base_url="http://h.example:8080/v2"))

    arguments, given = pasted(line, tmp_path)

    if arguments[-2:] == [b"--data-binary", b"@-"]:
        assert given == body
    else:
        assert arguments[-2:] == [b"--data-raw", body]
    assert b"http://h.example:8080/v2/api/v1/invoices" in arguments
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arguments", "input", "line"]


def test_a_pasted_curl_takes_the_token_from_the_environment() -> None:
    line = curl(exchange_of(b"{}"), Settings(base_url="http://h.example"))

    assert '-H "Authorization: Bearer ${INVOICE_CONFORMANCE_TOKEN}"' in line
    assert "[redacted]" not in line


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Bearer ${token}x", f"Authorization: Bearer {TOKEN}x"),
        ("Bearer ${token:less}", f"Authorization: Bearer {TOKEN[:-1]}"),
        ("Bearer ${token:half}", f"Authorization: Bearer {TOKEN[: len(TOKEN) // 2]}"),
        ("Bearer ${token:case}", f"Authorization: Bearer {TOKEN.swapcase()}"),
        ("Bearer ${token:reversed}", f"Authorization: Bearer {TOKEN[::-1]}"),
        ('Basic "$(touch ran)`', 'Authorization: Basic "$(touch ran)`'),
        ("", "Authorization;"),
    ],
)
def test_a_pasted_curl_sends_the_credentials_of_its_case(template: str, said: str, tmp_path: Path) -> None:
    case = Case("any", (), headers=(("Authorization", template),))

    arguments, _ = pasted(curl(exchange_of(b"{}"), Settings(base_url="http://h"), case), tmp_path)

    assert said.encode() in arguments
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arguments", "input", "line"]


def test_a_pasted_curl_makes_a_number_that_is_not_used_up(tmp_path: Path) -> None:
    mark = "0AB1CD2EF3GH"
    body = f'{{"invoiceNumber":"it\'s-{mark}-é","amountMinor":1}}'

    line = f"N={FRESH[12]}; " + curl(exchange_of(body.encode()), Settings(base_url="http://h"), fresh={mark: "N"})
    first, second = pasted(line, tmp_path)[0][-1], pasted(line, tmp_path)[0][-1]

    assert first != second
    assert re.sub(rb"s-[0-9]{12}-", f"s-{mark}-".encode(), first) == body.encode()


def test_a_pasted_command_takes_the_way_of_the_run_and_names_no_password() -> None:
    way = Settings(
        base_url="https://h",
        proxy="http://me:secret@proxy.example:3128",
        ca_file="own ca.pem",
        client_cert="c.pem",
        client_key="k.pem",
        insecure=True,
    )
    request = Request("POST", "/api/v1/invoices", (), b"{}")

    pasted = curl(Exchange(request, NoAnswer("reset", ""), 0.0, 0.0), way)

    options = "--insecure --cacert 'own ca.pem' --cert c.pem --key k.pem --proxy http://proxy.example:3128"
    assert f"https://h/api/v1/invoices {options} " in pasted
    repeated = (
        "--ca-file 'own ca.pem' --client-cert c.pem --client-key k.pem --proxy http://proxy.example:3128 --insecure"
    )
    assert rerun_all(way) == f"invoice-conformance run https://h {repeated}"
    assert "secret" not in pasted + rerun_all(way)


def test_a_pasted_curl_sends_odd_headers_as_they_were(tmp_path: Path) -> None:
    odd = (("tenant-id", "it's $(touch ran) `touch ran`"), ("X-Octet", "\xe9"), ("X-Empty", ""))

    arguments, _ = pasted(curl(exchange_of(b"{}", odd, chunked=True), Settings(base_url="http://h")), tmp_path)

    headers = [value for name, value in pairwise(arguments) if name == b"-H"]
    assert headers == [
        f"Authorization: Bearer {TOKEN}".encode(),
        b"tenant-id: it's $(touch ran) `touch ran`",
        b"X-Octet: \xe9",
        b"X-Empty;",
        b"Content-Type: application/json",
        b"Transfer-Encoding: chunked",
    ]
    assert not (tmp_path / "ran").exists()


def test_a_pasted_curl_sends_no_content_type_of_its_own(tmp_path: Path) -> None:
    bare = Exchange(Request("POST", "/", (), b"{}"), NoAnswer("timeout", ""), 0.0, 0.0)

    arguments, _ = pasted(curl(bare, Settings(base_url="http://h")), tmp_path)

    assert b"Content-Type:" in arguments


def test_every_curl_of_a_real_run_can_be_pasted(faulty: Ran, tmp_path: Path) -> None:
    findings = faulty.findings

    sent = [pasted(finding["curl"], tmp_path)[0] for finding in findings]

    assert findings
    for finding, arguments in zip(findings, sent, strict=True):
        # All but the invoice number's mark, which is made afresh: the run has used that number up.
        mark = r"[0-9A-HJKMNP-TV-Z]{12}"
        assert re.sub(mark, "", arguments[-1].decode()) == re.sub(mark, "", finding["exchange"]["request"]["body"])
        assert f"Authorization: Bearer {TOKEN}".encode() in arguments


# What is in no file


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64 of the header": lambda text: base64.b64encode(f"Bearer {text}".encode()).decode().rstrip("="),
    "percent": lambda text: quote(text, safe=""),
    "JSON": lambda text: json.dumps(text).strip('"'),
}


def test_the_token_is_in_no_file_and_not_on_the_console_though_the_target_echoes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(monkeypatch, tmp_path, IDENTITY | {"INVOICE_CONFORMANCE_TOKEN": TOKEN})
    echoed = " ".join(spell(TOKEN) for spell in SPELLINGS.values())
    body = CANNED.replace(b'"DRAFT"', json.dumps(f"seen {echoed}").encode())
    canned = answer(body, "201 Created", "Content-Type: application/json", f"X-Echo: Bearer {TOKEN}")

    with RawServer(answering(canned)) as server:
        ran = run(tmp_path, server.url, "--requirement", "AMOUNT-*", "--requirement", "RESOURCE-STATUS*")

    texts = {path.name: path.read_bytes().decode() for path in ran.folder.iterdir()} | {"console": ran.out + ran.err}
    assert {"report.json", "evidence.ndjson", "created.csv", "console"} <= texts.keys()
    assert ran.code == 1
    assert "[redacted]" in texts["evidence.ndjson"]
    for name, spell in SPELLINGS.items():
        found = [file for file, text in texts.items() if spell(TOKEN) in text]
        assert found == [], name


def test_the_token_is_not_shown_when_the_target_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path, IDENTITY | {"INVOICE_CONFORMANCE_TOKEN": TOKEN})
    refusal = answer(f"unknown token {TOKEN}".encode(), "401 Unauthorized", "WWW-Authenticate: Bearer")

    with RawServer(answering(refusal)) as server:
        ran = run(tmp_path, server.url, "--requirement", "AMOUNT-ECHO")

    texts = [path.read_text(encoding="utf-8") for path in ran.folder.iterdir()]
    assert ran.code == 5
    assert "unknown token [redacted]" in ran.out
    assert all(TOKEN not in text for text in (*texts, ran.out, ran.err))


def test_the_values_of_headers_that_were_asked_for_are_in_no_file(faulty: Ran) -> None:
    texts = [path.read_text(encoding="utf-8") for path in faulty.folder.iterdir()]

    configuration = faulty.report["configuration"]

    assert configuration["header"] == ["X-Gateway: [redacted]"]
    assert all("gateway-secret-1" not in text for text in (*texts, faulty.out, faulty.err))
