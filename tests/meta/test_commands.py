"""Owns what the commands of a report repeat: the request as it was, with a free number, or all that it takes."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from invoice_conformance.config import Settings
from invoice_conformance.numbers import DATE_TIMES
from invoice_conformance.reference.embed import FaultFarm, ReferenceServer
from invoice_conformance.session import Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUITE: Final = Suite.load()


@pytest.fixture(scope="module")
def farm() -> Iterator[FaultFarm]:
    with FaultFarm() as running:
        yield running


def findings(farm: FaultFarm, fault: str, requirement: str, folder: Path) -> list[dict[str, Any]]:
    """The findings of one requirement, as a report tells them, of a quick run against a server with a fault."""
    settings = Settings(
        base_url=farm.urls[fault],
        token=ReferenceServer.token,
        tenant_id=ReferenceServer.tenant_id,
        contract_id=ReferenceServer.contract_id,
        profile="quick",
        requirement=(requirement,),
        out=folder,
    )
    report = run(SUITE, settings, SUITE.plan(settings)).report
    found: list[dict[str, Any]] = next(row for row in report["requirements"] if row["id"] == requirement)["findings"]
    assert found
    return found


def bodies(line: str, folder: Path) -> list[dict[str, Any]]:
    """The JSON bodies that `curl` is given, in order, when bash runs the line."""
    script = 'curl() { for last; do :; done; printf "%s\\n" "$last"; }\n' + line
    (folder / "line").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["bash", "line"],  # noqa: S607 - the user's own
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "INVOICE_CONFORMANCE_TOKEN": "t", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(body) for body in done.stdout.splitlines()]


def test_a_number_of_a_pool_that_is_used_up_is_replaced_by_another_of_it(farm: FaultFarm, tmp_path: Path) -> None:
    (finding,) = findings(farm, "number-date-revived", "NUMBER-ECHO", tmp_path / "run")

    used = json.loads(finding["exchange"]["request"]["body"])["invoiceNumber"]
    (sent,) = bodies(finding["curl"], tmp_path)

    assert sent["invoiceNumber"] != used
    assert sent["invoiceNumber"] in DATE_TIMES
    assert f"the run has used the invoiceNumber {used} up" in finding["curl_note"]
    assert bodies(finding["curl"].replace(sent["invoiceNumber"], "2001-01-01T00:00:00Z", 1), tmp_path) == [
        sent | {"invoiceNumber": "2001-01-01T00:00:00Z"}
    ]


def test_a_number_of_a_pool_that_was_refused_is_still_free(farm: FaultFarm, tmp_path: Path) -> None:
    found = findings(farm, "number-one-character-refused", "NUMBER-ACCEPTED", tmp_path / "run")

    short = next(one for one in found if one["case"] == "invoiceNumber:minLength")
    (sent,) = bodies(short["curl"], tmp_path)

    assert short["curl_note"] == ""
    assert sent == json.loads(short["exchange"]["request"]["body"])


def test_a_marked_number_is_made_afresh(farm: FaultFarm, tmp_path: Path) -> None:
    found = findings(farm, "amount-int32-wraps", "AMOUNT-ECHO", tmp_path / "run")

    for finding in found:
        (first,), (second,) = bodies(finding["curl"], tmp_path), bodies(finding["curl"], tmp_path)
        assert first["invoiceNumber"] != second["invoiceNumber"]
        assert finding["curl_note"] == ""


def test_requests_that_show_it_together_are_sent_together(farm: FaultFarm, tmp_path: Path) -> None:
    found = findings(farm, "number-not-unique", "UNIQUE-NUMBER", tmp_path / "run")

    again = next(one for one in found if one["case"].startswith("an ordinary number used again"))
    first, second = bodies(again["curl"], tmp_path)

    assert again["curl_note"] == "2 requests, one after the other, show it together"
    assert first["invoiceNumber"] == second["invoiceNumber"]
    assert first["amountMinor"] != second["amountMinor"]
    used = json.loads(again["exchange"]["request"]["body"])["invoiceNumber"]
    assert first["invoiceNumber"] != used
    assert "--case 'an ordinary number used again'" in again["rerun"]


def test_one_request_of_a_race_does_not_pretend_to_show_it(farm: FaultFarm, tmp_path: Path) -> None:
    (finding, *_others) = findings(farm, "number-not-unique", "UNIQUE-RACE", tmp_path / "run")

    assert (
        finding["curl_note"] == "this is one of 8 requests that were sent at the same moment; rerun sends all of them"
    )
    assert "--case 'race 1'" in finding["rerun"]


def test_the_header_at_fault_is_named(farm: FaultFarm, tmp_path: Path) -> None:
    (sent,) = findings(farm, "tenant-percent-matches", "TENANT-UNKNOWN", tmp_path / "request")
    (came, *_others) = findings(farm, "version-banner", "HEAD-NO-BANNER", tmp_path / "answer")

    assert (sent["headers"], sent["members"], sent["title"]) == (["tenant-id"], [], "")
    assert (came["headers"], came["members"], came["title"]) == (["server"], [], "")
    assert "201 Created: an invoice was made (id inv_" in sent["got"]


def test_a_leak_is_shown_with_its_member_and_what_stands_around_it(farm: FaultFarm, tmp_path: Path) -> None:
    found = findings(farm, "error-with-java-class", "ERROR-NO-LEAK", tmp_path / "run")

    assert any("a Java class in the member /reason of the answer 4" in one["got"] for one in found)
    assert all("Cannot deserialize value of type `java.lang" in one["got"] for one in found)
