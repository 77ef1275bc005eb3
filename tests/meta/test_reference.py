"""Owns what the reference server promises: it is correct, and each of its faults is there.

It must not know how the server is built: it starts one and speaks HTTP to it.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from invoice_conformance.reference.embed import FaultFarm, NotStarted, ReferenceServer
from invoice_conformance.reference.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH: Final = "/api/v1/invoices"
TIME: Final = "2023-10-05T14:48:00.000Z"
MEMBERS: Final = [
    "id",
    "contract",
    "status",
    "invoiceNumber",
    "exchangeRate",
    "currencyCode",
    "amountMinor",
    "createdAt",
    "updatedAt",
    "issuedAt",
    "dueAt",
    "paidAt",
]
NUMBERS: Final = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    with ReferenceServer() as running:
        yield running


@pytest.fixture(scope="module")
def client(server: ReferenceServer) -> Iterator[httpx.Client]:
    with a_client(server.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as running:
        yield running


def a_client(url: str) -> httpx.Client:
    headers = {
        "Authorization": f"Bearer {ReferenceServer.token}",
        "tenant-id": ReferenceServer.tenant_id,
        "Content-Type": "application/json",
    }
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=10)


def an_invoice(**members: object) -> dict[str, object]:
    plain = {
        "contractId": ReferenceServer.contract_id,
        "invoiceNumber": f"REF-{next(NUMBERS)}",
        "exchangeRate": 1.12,
        "currencyCode": "EUR",
        "amountMinor": 5000,
    }
    return {**plain, **members}


def text_of(literal: str, name: str) -> str:
    """A body in which the member `name` is written as `literal`."""
    return json.dumps(an_invoice(**{name: "@literal@"})).replace('"@literal@"', literal)


def post(client: httpx.Client, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(PATH, content=content, headers=headers)


def data_of(response: httpx.Response) -> Any:  # noqa: ANN401 - JSON comes in
    assert response.status_code == 201, response.text
    return response.json()["data"]


def test_the_page_s_example_becomes_an_invoice_with_its_twelve_members(client: httpx.Client) -> None:
    body = an_invoice(issuedAt=TIME, dueAt=TIME, paidAt=TIME)

    response = post(client, body)

    data = data_of(response)
    assert list(data) == MEMBERS
    assert re.fullmatch(r"inv_[a-z0-9]{24}", data["id"])
    assert {**body, "contract": body["contractId"], "status": "FINALIZED"}.items() >= {
        name: data[name] for name in MEMBERS if name not in {"id", "createdAt", "updatedAt"}
    }.items()
    assert data["createdAt"] == data["updatedAt"]
    assert abs(datetime.fromisoformat(data["createdAt"]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_created_invoice_can_be_read_where_its_location_says(client: httpx.Client) -> None:
    created = post(client, an_invoice())

    found = client.get(created.headers["Location"])
    foreign = client.get(created.headers["Location"], headers={"tenant-id": ReferenceServer.other_tenant_id})

    assert found.json() == created.json()
    assert foreign.status_code == 404


def test_heads_say_what_they_must(client: httpx.Client) -> None:
    response = post(client, an_invoice())

    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Date" in response.headers
    assert "Server" not in response.headers


@pytest.mark.parametrize(
    ("literal", "amount"),
    [("0", 0), ("-0", 0), ("0e400", 0), ("5000.0", 5000), ("5e3", 5000), ("9007199254740991", 2**53 - 1)],
)
def test_integers_are_accepted_in_every_spelling(client: httpx.Client, literal: str, amount: int) -> None:
    response = post(client, text_of(literal, "amountMinor"))

    assert data_of(response)["amountMinor"] == amount


@pytest.mark.parametrize("literal", ["0", "-0.0", "1e-6", "1e308", "5e-324", "0.1", "12345.678901234567"])
def test_rates_come_back_as_the_same_binary64(client: httpx.Client, literal: str) -> None:
    response = post(client, text_of(literal, "exchangeRate"))

    assert data_of(response)["exchangeRate"] == float(literal)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (TIME, TIME),
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"),
        ("0000-02-29T14:48Z", "0000-02-29T14:48:00.000Z"),
        ("2023-10-05T14:48:00.1239999999999999Z", "2023-10-05T14:48:00.123Z"),
        (None, None),
    ],
)
@pytest.mark.parametrize("name", ["issuedAt", "dueAt", "paidAt"])
def test_dates_come_back_as_the_same_instant(
    client: httpx.Client, name: str, sent: str | None, kept: str | None
) -> None:
    response = post(client, an_invoice(**{name: sent}))

    assert data_of(response)[name] == kept


@pytest.mark.parametrize("text", ["é", "e\u0301", " x ", "<b>&'\"\\/", "😀", "\ufb01\uff11", "{{7*7}}", "%s", "\u2028"])
def test_numbers_come_back_as_sent(client: httpx.Client, text: str) -> None:
    number = f"{text}{next(NUMBERS)}{text}"

    escaped = post(client, an_invoice(invoiceNumber=number))
    plain = post(client, json.dumps(an_invoice(invoiceNumber="2" + number), ensure_ascii=False))

    assert data_of(escaped)["invoiceNumber"] == number
    assert data_of(plain)["invoiceNumber"] == "2" + number


def test_lengths_count_code_points(client: httpx.Client) -> None:
    longest = post(client, an_invoice(invoiceNumber="😀" * 255))
    longer = post(client, an_invoice(invoiceNumber="x" * 256))

    assert longest.status_code == 201
    assert longer.status_code == 422


@pytest.mark.parametrize(
    ("name", "literal", "keyword"),
    [
        ("contractId", "7", "type"),
        ("contractId", "null", "type"),
        ("invoiceNumber", '""', "minLength"),
        ("invoiceNumber", '"a\\u0000"', "type"),
        ("invoiceNumber", '"a\\ud800"', "type"),
        ("exchangeRate", "-1", "minimum"),
        ("exchangeRate", "-1e-400", "minimum"),
        ("exchangeRate", "1e400", "maximum"),
        ("exchangeRate", '"1"', "type"),
        ("currencyCode", '"EU"', "minLength"),
        ("currencyCode", '"EURO"', "maxLength"),
        ("currencyCode", '"eur"', "enum"),
        ("amountMinor", "-1", "minimum"),
        ("amountMinor", "9007199254740992", "maximum"),
        ("amountMinor", "9" * 100_000, "maximum"),
        ("amountMinor", "1e999999999999999999999", "maximum"),
        ("amountMinor", "5000.5", "type"),
        ("amountMinor", "true", "type"),
        ("issuedAt", '"2023-02-29T14:48:00Z"', "pattern"),
        ("dueAt", '"2023-10-05T14:48:00Z\\n"', "pattern"),
        ("paidAt", '"\uff12023-10-05T14:48:00Z"', "pattern"),
        ("paidAt", '"2023-10-05T14:48:00+00:00"', "pattern"),
        ("issuedAt", "0", "type"),
    ],
)
def test_what_breaks_one_rule_is_refused_for_it(client: httpx.Client, name: str, literal: str, keyword: str) -> None:
    response = post(client, text_of(literal, name))

    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    assert [(error["pointer"], error["keyword"]) for error in response.json()["errors"]] == [(f"/{name}", keyword)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ('{"a": 1,}', 400),
        ("{} x", 400),
        ("\ufeff{}", 400),
        (b'{"a": "\xff"}', 400),
        ('{"a": 1, "\\u0061": 2}', 400),
        ("[" * 100_000, 400),
        ('{"a": NaN}', 400),
        ('{"a": 01}', 400),
        ("[]", 422),
        ("{}", 422),
        ("x" * (2 << 20), 413),
    ],
)
def test_what_is_no_invoice_at_all_is_refused(client: httpx.Client, body: str | bytes, status: int) -> None:
    response = post(client, body)

    assert response.status_code == status


def test_members_that_only_the_server_may_set_have_no_effect(client: httpx.Client) -> None:
    body = an_invoice(id="mine", status="VOID", createdAt=TIME, unknown={"deep": [1]}, __proto__=1)

    data = data_of(post(client, body))

    assert data["id"] != "mine"
    assert data["status"] == "FINALIZED"
    assert data["createdAt"] != TIME
    assert list(data) == MEMBERS


def test_a_number_is_taken_once_a_tenant(client: httpx.Client) -> None:
    first = an_invoice(invoiceNumber="ONCE")
    other = {**first, "contractId": ReferenceServer.other_contract_id}

    statuses = [
        post(client, {**first, "amountMinor": -1}).status_code,
        post(client, first).status_code,
        post(client, first).status_code,
        post(client, {**first, "amountMinor": 1}).status_code,
        post(client, {**first, "invoiceNumber": "once"}).status_code,
        post(client, other, {"tenant-id": ReferenceServer.other_tenant_id}).status_code,
    ]

    assert statuses == [422, 201, 409, 409, 201, 201]


def test_of_32_simultaneous_creates_of_one_number_exactly_one_succeeds(server: ReferenceServer) -> None:
    body = an_invoice()

    with a_client(server.url) as own, ThreadPoolExecutor(32) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: post(own, body), range(32))]

    assert sorted(statuses) == [201] + [409] * 31


@pytest.mark.parametrize(
    ("authorization", "challenge"),
    [
        (None, 'Bearer realm="invoices"'),
        ("Basic cmVmZXJlbmNlLXRva2Vu", 'Bearer realm="invoices"'),
        ("Bearer", 'Bearer realm="invoices"'),
        ("Bearer wrong", 'Bearer realm="invoices", error="invalid_token"'),
    ],
)
def test_missing_and_wrong_credentials_are_challenged_before_the_body_is_judged(
    server: ReferenceServer, authorization: str | None, challenge: str
) -> None:
    headers = {"tenant-id": server.tenant_id} | ({"Authorization": authorization} if authorization else {})

    response = httpx.post(f"{server.url}{PATH}", content="{", headers=headers, trust_env=False)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == challenge


def test_the_scheme_is_known_in_any_case_and_spacing(client: httpx.Client) -> None:
    response = post(client, an_invoice(), {"Authorization": f"bEARER   {ReferenceServer.token}"})

    assert response.status_code == 201


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([], 400),
        ([("tenant-id", "")], 400),
        ([("tenant-id", "a"), ("tenant-id", "b")], 400),
        ([("tenant-id", "tnt_unknown")], 403),
    ],
)
def test_a_tenant_must_be_named_once_and_known(
    server: ReferenceServer, fields: list[tuple[str, str]], status: int
) -> None:
    headers = [("Authorization", f"Bearer {server.token}"), *fields]

    response = httpx.post(f"{server.url}{PATH}", json=an_invoice(), headers=headers, trust_env=False)

    assert response.status_code == status


def test_a_foreign_contract_is_answered_like_an_unknown_one(client: httpx.Client) -> None:
    foreign = post(client, an_invoice(contractId=ReferenceServer.other_contract_id))
    unknown = post(client, an_invoice(contractId="ctr_unknown"))

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "APPLICATION/JSON"}, 201),
        ({"Content-Type": 'application/json; charset="UTF-8"; x=y'}, 201),
        ({"Content-Type": "application/json; charset=latin1"}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
def test_media_types_are_judged(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    response = post(client, an_invoice(), headers)

    assert response.status_code == status


def test_chunked_bodies_and_bodies_without_a_type_are_understood(server: ReferenceServer) -> None:
    body = json.dumps(an_invoice()).encode()
    headers = {"Authorization": f"Bearer {server.token}", "tenant-id": server.tenant_id}

    response = httpx.post(f"{server.url}{PATH}", content=iter([body[:9], body[9:]]), headers=headers, trust_env=False)

    assert response.status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", PATH, 405, "POST, GET, HEAD, OPTIONS"),
        ("BREW", PATH, 405, "POST, GET, HEAD, OPTIONS"),
        ("OPTIONS", PATH, 204, "POST, GET, HEAD, OPTIONS"),
        ("DELETE", f"{PATH}/inv_x", 405, "GET, HEAD, OPTIONS"),
        ("GET", PATH, 200, None),
        ("HEAD", PATH, 200, None),
        ("POST", "/api/v1/invoice", 404, None),
    ],
)
def test_methods_and_paths_are_told_apart(
    client: httpx.Client, method: str, path: str, status: int, allow: str | None
) -> None:
    response = client.request(method, path)

    assert response.status_code == status
    assert response.headers.get("Allow") == allow


def test_a_database_file_outlives_its_server(tmp_path: Path) -> None:
    body = an_invoice()

    statuses = []
    for _ in range(2):
        with ReferenceServer(database=tmp_path / "invoices.sqlite") as running, a_client(running.url) as own:
            statuses.append(post(own, body).status_code)

    assert statuses == [201, 409]


def test_a_server_ends_cleanly_on_sigterm() -> None:
    command = [sys.executable, "-m", "invoice_conformance.reference", "--port", "0"]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603 - our own module
        assert child.stdout
        ready = child.stdout.readline()
        child.terminate()
        code = child.wait(timeout=10)

    assert re.fullmatch(r"listening on http://127\.0\.0\.1:\d+\n", ready)
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--fault", "amount-int32-wrap"], "no fault amount-int32-wrap; did you mean amount-int32-wraps?"),
        (["--tenant", "tnt"], "expected --tenant ID:CONTRACT[,CONTRACT...]; got 'tnt'"),
        (["--port", "70000"], "expected a port from 0 to 65535; got 70000"),
        (["--latency", "-1"], "expected a latency of at least 0 seconds; got -1.0"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_a_bad_command_line_is_answered_in_one_line(arguments: list[str], line: str) -> None:
    command = [sys.executable, "-m", "invoice_conformance.reference", *arguments]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603

    assert done.returncode == 2
    assert done.stderr == f"{line}\n"


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "invoice_conformance.reference", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603

    assert done.returncode == 2
    assert done.stderr.startswith(f"cannot listen on http://127.0.0.1:{port}: ")


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(NotStarted, match="no fault nonsense"), ReferenceServer(["nonsense"]):
        pass


def test_the_farm_s_correct_server_creates_invoices(farm: FaultFarm) -> None:
    with a_client(farm.correct_url) as own:
        response = post(own, an_invoice())

    assert response.status_code == 201


def test_the_farm_serves_every_fault(farm: FaultFarm) -> None:
    assert list(farm.urls) == list(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_has_a_name_an_area_and_a_sentence(name: str) -> None:
    fault = FAULTS[name]

    assert fault.name == name
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)+", name)
    assert fault.area.isalpha()
    assert fault.summary.endswith(".")


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_server_answers_a_plain_request(farm: FaultFarm, name: str) -> None:
    with a_client(farm.urls[name]) as own:
        response = post(own, an_invoice(), {"Accept-Encoding": "identity"})

    assert 200 <= response.status_code < 600


def test_a_fault_misbehaves_as_its_name_says(farm: FaultFarm) -> None:
    with a_client(farm.urls["amount-stored-as-float32"]) as own:
        response = post(own, an_invoice(amountMinor=2**24 + 1))

    assert data_of(response)["amountMinor"] == 2**24


def test_simultaneous_creates_all_succeed_where_the_check_comes_first(farm: FaultFarm) -> None:
    body = an_invoice()

    with a_client(farm.urls["number-checked-then-inserted"]) as own, ThreadPoolExecutor(8) as pool:
        statuses = [answer.status_code for answer in pool.map(lambda _: post(own, body), range(8))]

    assert statuses.count(201) > 1


def test_an_embedded_server_ends_with_the_process_that_started_it() -> None:
    program = (
        "import os, time\n"
        "from invoice_conformance.reference.embed import ReferenceServer\n"
        "with ReferenceServer() as server:\n"
        "    print(server.url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603 - our own program
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()

        parent.kill()
        parent.wait()

    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/", timeout=1)
        except httpx.ConnectError:
            return
        time.sleep(0.05)
    pytest.fail("the server is still there")
