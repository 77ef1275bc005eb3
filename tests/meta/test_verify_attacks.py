"""Owns what is done to certificates by those who want a better one: each is found and named."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
import stat
import zipfile
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.meta.certifying import Programme, lines, programme, relinked

from invoice_conformance import attempts, bundle, certificate, verify
from invoice_conformance.canonical import canonical, read, sha256
from invoice_conformance.certificate import PAYLOAD, encoded, sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from invoice_conformance.verify import Verification

Edit = "Callable[[dict[str, Any]], None]"
FAULTS: Final = ("amount-int32-refused",)


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programme]:
    with pytest.MonkeyPatch.context() as patch:
        yield from programme(tmp_path_factory.mktemp("acme"), patch)


def trouble(found: Verification) -> tuple[str, str]:
    """The first question that was answered badly; every word said of a bundle stands on one line."""
    assert not found.valid
    assert all("\n" not in answer.words for answer in found.answers)
    json.dumps(found.told())
    answer = next(answer for answer in found.answers if not answer.ok)
    return answer.question, answer.words


def test_what_was_certified_is_valid(acme: Programme) -> None:
    found = acme.verified(acme.bundle)

    assert found.valid, found.answers
    assert found.facts["outcome"] == "full"
    assert [answer.question for answer in found.answers] == [
        "bundle",
        "signature",
        "files",
        "product",
        "set",
        "complete",
        "verdicts",
        "attempts",
        "statement",
        "expiry",
        "whole",
    ]


def test_what_is_signed_anew_without_a_change_is_valid(acme: Programme) -> None:
    assert acme.verified(acme.resigned({})).valid


# The files, without the vendor's key


def with_one(acme: Programme, name: str, data: bytes) -> Verification:
    return acme.verified(acme.written("edited.zip", {**acme.files, name: data}))


@pytest.mark.parametrize("name", sorted(bundle.REQUIRED - {bundle.CERTIFICATE}))
def test_an_edited_file_is_named(acme: Programme, name: str) -> None:
    question, words = trouble(with_one(acme, name, acme.files[name] + b" "))

    assert question == "files"
    assert words == f"{name} is not the file that was signed: its digest is another"


@pytest.mark.parametrize("name", sorted(bundle.REQUIRED))
def test_a_missing_file_is_named(acme: Programme, name: str) -> None:
    files = {key: data for key, data in acme.files.items() if key != name}

    assert trouble(acme.verified(acme.written("edited.zip", files))) == ("bundle", f"{name} is missing")


def test_a_file_that_nobody_signed_is_named(acme: Programme) -> None:
    found = with_one(acme, bundle.KEYLESS, b"{}")

    assert trouble(found) == ("files", "certificate.sigstore.json is there and was not signed")


def test_a_signature_by_another_key(acme: Programme) -> None:
    question, words = trouble(acme.verified(acme.bundle, by=acme.other))

    assert (question, words) == ("signature", "none of its 1 signatures is by the key given")


def envelope(acme: Programme, edit: Callable[[dict[str, Any]], None]) -> Verification:
    value = json.loads(acme.files[bundle.CERTIFICATE])
    edit(value)
    return with_one(acme, bundle.CERTIFICATE, json.dumps(value).encode())


def test_another_payload_type_under_the_old_signature(acme: Programme) -> None:
    question, words = trouble(envelope(acme, lambda value: value.update(payloadType="text/plain")))

    assert question == "signature"
    assert words == f"{bundle.CERTIFICATE}: its payload is text/plain, not {PAYLOAD}"


def test_another_payload_type_signed_by_the_vendor(acme: Programme) -> None:
    def edit(value: dict[str, Any]) -> None:
        octets = encoded("text/plain", base64.b64decode(value["payload"]))
        value["payloadType"] = "text/plain"
        value["signatures"] = [{"sig": base64.b64encode(acme.vendor.sign(octets)).decode()}]

    assert trouble(envelope(acme, edit))[0] == "signature"


def test_another_predicate_under_the_old_signature(acme: Programme) -> None:
    def edit(value: dict[str, Any]) -> None:
        payload = base64.b64decode(value["payload"]).replace(b"PASSED", b"FAILED")
        value["payload"] = base64.b64encode(payload).decode()

    assert trouble(envelope(acme, edit)) == ("signature", "none of its 1 signatures is by the key given")


@pytest.mark.parametrize(
    ("signatures", "words"),
    [
        ([], "it has no signature, or more than 16"),
        ([{"sig": "AAAA"}] * 17, "it has no signature, or more than 16"),
        ([{"sig": "not base64!"}], "it is no DSSE envelope"),
        ([{"keyid": "x"}], "it is no DSSE envelope"),
        ([None], "it is no DSSE envelope"),
        ("x", "it has no signature, or more than 16"),
        ([{"sig": "AAAA"}], ""),
    ],
)
def test_signatures_that_are_none(acme: Programme, signatures: object, words: str) -> None:
    question, said = trouble(envelope(acme, lambda value: value.update(signatures=signatures)))

    assert question == "signature"
    assert words in said


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"payload":1,"payloadType":2,"signatures":[{}]}',
        b'{"payload":"","payload":""}',
        b"[" * 60_000,
        b'{"x":NaN}',
        b'{"x":' + b"9" * 10_000 + b"}",
    ],
)
@pytest.mark.parametrize("name", [bundle.CERTIFICATE, bundle.REPORT, bundle.PRODUCT, bundle.REQUIREMENTS])
def test_json_that_is_none_is_one_line(acme: Programme, name: str, data: bytes) -> None:
    if name == bundle.CERTIFICATE:
        found = with_one(acme, name, data)
    else:
        # The vendor signs whatever it is: the digest is then right.
        statement = json.loads(base64.b64decode(json.loads(acme.files[bundle.CERTIFICATE])["payload"]))
        for one in statement["predicate"]["configuration"]:
            if one["name"] == name:
                one["digest"]["sha256"] = sha256(data)
        files = {**acme.files, name: data, bundle.CERTIFICATE: sealed(statement, acme.vendor)}
        found = acme.verified(acme.written("edited.zip", files))

    assert trouble(found)[0] in {"signature", "report", "product", "set"}


# The zip


def zipped(write: Callable[[zipfile.ZipFile], None], acme: Programme) -> Verification:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(acme.files.items()):
            archive.writestr(zipfile.ZipInfo(name), data)
        write(archive)
    return raw(packed.getvalue(), acme)


def raw(data: bytes, acme: Programme) -> Verification:
    path = acme.folder / "raw.zip"
    path.write_bytes(data)
    return acme.verified(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../x", "it holds ../x, which is no file of a certificate"),
        ("/etc/passwd", "it holds /etc/passwd, which is no file of a certificate"),
        ("notes.txt", "it holds notes.txt, which is no file of a certificate"),
        ("Report.json", "it holds Report.json, which is no file of a certificate"),
        ("report.json/", "it holds report.json/, which is no file of a certificate"),
        ("a\nb", r"it holds a\nb, which is no file of a certificate"),
        ("report.json", "it holds report.json twice"),
    ],
)
def test_a_name_that_is_none_of_a_certificate(acme: Programme, name: str, words: str) -> None:
    assert trouble(zipped(lambda archive: archive.writestr(name, b"{}"), acme)) == ("bundle", words)


def test_a_name_cut_at_nul(acme: Programme) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("x")
        info.filename = "report.html\0.txt"
        archive.writestr(info, b"{}")

    assert trouble(zipped(write, acme))[0] == "bundle"


def test_a_symbolic_link(acme: Programme) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(bundle.KEYLESS)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, b"/etc/passwd")

    assert trouble(zipped(write, acme)) == ("bundle", "certificate.sigstore.json is no ordinary file in it")


def test_a_zip_bomb_that_says_its_size(acme: Programme) -> None:
    def write(archive: zipfile.ZipFile) -> None:
        archive.writestr(bundle.KEYLESS, bytes(bundle.SIZES[bundle.KEYLESS] + 1))

    question, words = trouble(zipped(write, acme))

    assert question == "bundle"
    assert words == "certificate.sigstore.json would have 4194305 octets, and 4194304 is the most"


def test_a_zip_bomb_that_lies_about_its_size(acme: Programme) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(acme.files.items()):
            archive.writestr(zipfile.ZipInfo(name), data)
        archive.writestr(bundle.KEYLESS, bytes(4_000_000))
    data = packed.getvalue().replace((4_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))

    assert trouble(raw(data, acme))[0] == "bundle"


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda _data: b"",
        lambda _data: b"PK",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[:1000] + data[2000:],
        lambda data: b"#!/bin/sh\n" + data,
        lambda data: data + b"more",
        lambda _data: bytes(100_000),
        lambda data: data.replace(b"report.json", b"report.jsom", 1),
        lambda data: data[:100] + b"\0" * 50 + data[150:],
        lambda data: data[:-2] + b"\x04\0note",
    ],
)
def test_a_zip_that_was_cut_or_filled(acme: Programme, spoiled: Callable[[bytes], bytes]) -> None:
    assert trouble(raw(spoiled(acme.bundle.read_bytes()), acme))[0] == "bundle"


def test_octets_between_the_files(acme: Programme) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(acme.files.items()):
            archive.writestr(zipfile.ZipInfo(name), data)
            packed.write(b"hidden")
            archive.start_dir = packed.tell()

    assert trouble(raw(packed.getvalue(), acme)) == ("bundle", "it holds octets that belong to no file")


def test_a_file_that_is_none_or_not_there(acme: Programme) -> None:
    assert trouble(acme.verified(acme.folder / "nowhere.zip"))[0] == "bundle"
    assert trouble(acme.verified(acme.folder))[0] == "bundle"


# What the vendor itself changes, and signs: only judging the evidence again finds it


def first(records: list[dict[str, Any]], case: str) -> dict[str, Any]:
    return next(one for one in records if one["case"]["id"] == case and one["counts"])


def fail(record: dict[str, Any]) -> None:
    """Make an exchange one of a server that refuses what it must accept."""
    body = '{"title":"no"}'
    record["answer"] |= {
        "status": 422,
        "reason": "",
        "body": body,
        "body_length": len(body),
        "body_sha256": sha256(body.encode()),
    }


def failing(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    fail(first(records, "amountMinor:maximum"))
    return records


def test_a_failure_in_the_evidence_under_a_report_that_passes(acme: Programme) -> None:
    question, words = trouble(acme.verified(acme.resigned(acme.evidence(failing))))

    assert question == "verdicts"
    assert words == "AMOUNT-ACCEPTED: the report says pass, the evidence gives fail"


def test_an_edited_verdict(acme: Programme) -> None:
    def edit(report: dict[str, Any]) -> None:
        row = next(row for row in report["requirements"] if row["id"] == "AMOUNT-SPELLING")
        row["verdict"] = "inconclusive"

    question, words = trouble(acme.verified(acme.resigned(acme.report(edit))))

    assert question == "verdicts"
    assert words == "AMOUNT-SPELLING: the report says inconclusive, the evidence gives pass"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda report: report.update(outcome="core"), "the report says core, the evidence gives full"),
        (lambda report: report.update(requests=1), "the report's requests is not what the evidence gives"),
        (lambda report: report.update(extra=1), "the report's extra is not what the evidence gives"),
        (lambda report: report["requirements"].pop(), ""),
        (lambda report: report["requirements"].append("x"), ""),
        (lambda report: report.update(ended_at="2099-01-01T00:00:00.000Z"), "the report's ended_at is not what"),
    ],
)
def test_an_edited_report(acme: Programme, edit: Callable[[dict[str, Any]], None], words: str) -> None:
    files = acme.report(edit)
    try:
        path = acme.resigned(files)
    except (TypeError, KeyError):
        # Nothing that we make can hold this: the statement is the old one, with the digest of the new file.
        statement = json.loads(base64.b64decode(json.loads(acme.files[bundle.CERTIFICATE])["payload"]))
        statement["predicate"]["configuration"][-1]["digest"]["sha256"] = sha256(files[bundle.REPORT])
        path = acme.written("edited.zip", {**acme.files, **files, bundle.CERTIFICATE: sealed(statement, acme.vendor)})

    question, said = trouble(acme.verified(path))

    assert question in {"verdicts", "report"}
    assert words in said


def without(case: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda records: [one for one in records if one["case"]["id"] != case]


def test_a_removed_failing_exchange(acme: Programme) -> None:
    question, words = trouble(acme.verified(acme.resigned(acme.evidence(without("amountMinor:maximum")))))

    assert question == "complete"
    assert words.startswith("there is no exchange of case 'amountMinor:maximum'; AMOUNT-ACCEPTED, ")


def test_a_failing_exchange_that_is_said_not_to_count(acme: Programme) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        good = first(records, "amountMinor:maximum")
        bad = json.loads(json.dumps(good))
        fail(bad)
        bad["counts"] = False
        return [*records, bad]

    question, words = trouble(acme.verified(acme.resigned(acme.evidence(edit))))

    assert question == "complete"
    assert words == "an exchange of case 'amountMinor:maximum' was set aside though it was answered"


def test_an_exchange_twice(acme: Programme) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*records, first(records, "amountMinor:maximum")]

    question, words = trouble(acme.verified(acme.resigned(acme.evidence(edit))))

    assert question == "complete"
    assert words == "case 'amountMinor:maximum' has 1 exchanges more than the plan sends"


def test_a_swapped_case(acme: Programme) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        one, other = first(records, "amountMinor:maximum"), first(records, "amountMinor:minimum")
        one["case"], other["case"] = other["case"], one["case"]
        return records

    question, words = trouble(acme.verified(acme.resigned(acme.evidence(edit))))

    assert question == "complete"
    assert "the exchange of case 'amountMinor:m" in words
    assert "its body is not the case's" in words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda request: request.update(body=request["body"].replace("9007199254740991", "1")), "its body is not"),
        (lambda request: request.update(method="GET"), "its method or framing is not"),
        (lambda request: request.update(target="/elsewhere"), "its path is not"),
        (lambda request: request.update(chunked=True), "its method or framing is not"),
        (lambda request: request["headers"].pop(), "its header fields are not"),
        (lambda request: request["headers"].append(["X-Certify", "1"]), "its header fields are not"),
        (lambda request: request["headers"].__setitem__(1, ["tenant-id", "tnt_easy"]), "its header fields are not"),
    ],
)
def test_an_edited_request(acme: Programme, change: Callable[[dict[str, Any]], None], words: str) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        change(first(records, "amountMinor:maximum")["request"])
        return records

    question, said = trouble(acme.verified(acme.resigned(acme.evidence(edit))))

    assert question == "complete"
    assert f"the exchange of case 'amountMinor:maximum': {words}" in said


def test_an_edited_answer_whose_digest_was_taken_before(acme: Programme) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = first(records, "amountMinor:maximum")["answer"]
        answer["body"] = answer["body"].replace("INV", "VNI")
        return records

    question, words = trouble(acme.verified(acme.resigned(acme.evidence(edit))))

    assert question == "complete"
    assert "the body of the answer is not the one whose digest was taken" in words


def test_an_exchange_of_another_run(acme: Programme) -> None:
    another = acme.certified("another")
    assert another is not None
    stranger = [json.loads(line) for line in bundle.read(another)[bundle.EVIDENCE].splitlines()]

    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        place = records.index(first(records, "amountMinor:maximum"))
        return [*records[:place], first(stranger, "amountMinor:maximum"), *records[place + 1 :]]

    question, words = trouble(acme.verified(acme.resigned(acme.evidence(edit))))

    assert question == "complete"
    assert "has the mark of another run" in words


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one["answer"].update(status="201"),
        lambda one: one["answer"].update(status=True),
        lambda one: one["answer"].update(headers={}),
        lambda one: one["answer"].update(headers=[["a"]]),
        lambda one: one["answer"].update(body={"base64": "!"}),
        lambda one: one["answer"].update(body=None),
        lambda one: one["answer"].update(kind="timeout", detail=""),
        lambda one: one.update(answer={"kind": "weather", "detail": ""}),
        lambda one: one.update(sent_at="now"),
        lambda one: one.update(sent_at=float("nan")),
        lambda one: one.update(sent_at=10**400),
        lambda one: one.update(sent_at=1e300),
        lambda one: one.update(sent_at=-1.0),
        lambda one: one.update(elapsed=-0.5),
        lambda one: one.update(elapsed=1e200),
        lambda one: one.update(elapsed=None),
        lambda one: one.update(more=1),
        lambda one: one.pop("earlier"),
        lambda one: one["case"].update(edits="x"),
        lambda one: one.update(request=[]),
    ],
)
def test_an_exchange_of_another_form(acme: Programme, spoil: Callable[[dict[str, Any]], None]) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        spoil(records[3])
        return records

    question, words = trouble(acme.verified(acme.resigned(acme.evidence(edit))))

    assert question == "complete"
    assert words.startswith("evidence.ndjson: line 4 ")


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"{}\n", b"[" * 100_000 + b"\n", b"\xff\n", b"x" * 1000, b'{"script":NaN}\n', b"null\n"]
)
def test_evidence_that_is_none(acme: Programme, data: bytes) -> None:
    assert trouble(acme.verified(acme.resigned({bundle.EVIDENCE: data})))[0] == "complete"


def test_what_nobody_thought_of_is_not_valid_and_no_crash(acme: Programme, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprised(*_arguments: object, **_named: object) -> None:
        raise RecursionError

    monkeypatch.setattr(verify, "rejudged", surprised)

    assert trouble(acme.verified(acme.bundle)) == (
        "form",
        "it cannot be checked (RecursionError); what this suite makes can be",
    )


@pytest.mark.parametrize("depth", [300, 500, 700, 950])
def test_what_is_nested_deeply_is_not_valid_and_no_crash(acme: Programme, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    statement = json.loads(base64.b64decode(json.loads(acme.files[bundle.CERTIFICATE])["payload"]))
    payload = json.dumps({**statement, "more": 0}).replace('"more": 0', f'"more": {nested}').encode()
    signature = base64.b64encode(acme.vendor.sign(encoded(PAYLOAD, payload))).decode()
    told = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD, "signatures": [{"sig": signature}]}

    assert trouble(with_one(acme, bundle.CERTIFICATE, json.dumps(told).encode()))[0] in {
        "signature",
        "statement",
        "form",
    }


def test_evidence_that_is_cut_off(acme: Programme) -> None:
    data = acme.files[bundle.EVIDENCE]

    question, words = trouble(acme.verified(acme.resigned({bundle.EVIDENCE: data[:-20]})))

    assert question == "complete"
    assert words == f"evidence.ndjson: line {data.count(bytes([10]))} is cut off"


def test_every_exchange_away(acme: Programme) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return records[:1]

    assert trouble(acme.verified(acme.resigned(acme.evidence(edit))))[0] == "complete"


# Another set, plan or configuration


def test_a_report_of_another_set(acme: Programme) -> None:
    def edit(report: dict[str, Any]) -> None:
        report["set"]["name"] = report["configuration"]["set"] = "2026.11"

    question, words = trouble(acme.verified(acme.resigned(acme.report(edit))))

    assert (question, words) == ("set", "requirements.json is not the set 2026.11: its digest is another")


@pytest.mark.parametrize("name", ["2031.01", "../../etc", "x" * 10_000, ""])
def test_a_report_of_a_set_that_is_not_known(acme: Programme, name: str) -> None:
    def edit(report: dict[str, Any]) -> None:
        report["set"]["name"] = report["configuration"]["set"] = name

    question, words = trouble(acme.verified(acme.resigned(acme.report(edit))))

    assert question == "set"
    assert len(words) < 300


def test_a_requirement_that_asks_for_less(acme: Programme) -> None:
    rows = read(acme.files[bundle.REQUIREMENTS])
    rows[0]["level"] = "MAY"

    question, words = trouble(acme.verified(acme.resigned({bundle.REQUIREMENTS: canonical(rows)})))

    assert (question, words) == ("set", "requirements.json is not the set 2027.01: its digest is another")


def test_a_plan_with_a_case_less(acme: Programme) -> None:
    plan = json.loads(acme.files[bundle.PLAN])
    plan["checks"][0]["scripts"].pop()

    question, words = trouble(acme.verified(acme.resigned({bundle.PLAN: json.dumps(plan).encode()})))

    assert (question, words) == ("set", "plan.json is not the frozen plan of 2027.01")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"without": ["AMOUNT-ECHO"]}, "--without leaves something out"),
        ({"requirement": ["AMOUNT-ECHO"]}, "--requirement leaves something out"),
        ({"case": ["amountMinor:*"]}, "--case leaves something out"),
        ({"insecure": True}, "--insecure lets anybody answer"),
        ({"seed": 7}, "--seed"),
        ({"profile": "quick"}, "another set or profile"),
        ({"other_tenant_id": None}, ""),
        ({"baseline": "known.toml"}, "names a baseline"),
        ({"base_url": None}, "has no URL"),
        ({"base_url": 5}, "has a value for base_url"),
        ({"header": [1]}, "is not one of this version"),
        ({"header": ["X-Secret: shown"]}, "is not written as a run writes it"),
        ({"timeout": "long"}, "has a value for timeout"),
        ({"surprise": 1}, "is not one of this version"),
        ({"max_invoices": 1}, "--max-invoices leaves something out"),
    ],
)
def test_a_configuration_that_may_not_be_certified(acme: Programme, change: dict[str, Any], words: str) -> None:
    found = acme.verified(acme.resigned(acme.report(lambda report: report["configuration"].update(change))))

    trouble(found)
    assert any(words in answer.words for answer in found.answers if not answer.ok), found.answers


# Attempts, product, statement, time


def entries(acme: Programme) -> list[dict[str, Any]]:
    return [dict(one.value) for one in attempts.parse(acme.files[bundle.ATTEMPTS])]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda told: [told[1]], "does not follow the one before it"),
        (lambda told: [told[0] | {"outcome": "full"}, told[1]], "line 1 was changed: its digest is another"),
        (lambda told: [told[1], told[0]], "does not follow the one before it"),
        (lambda told: [told[0]], "its last entry is not of this run"),
        (lambda _told: [], "its last entry is not of this run"),
        (lambda told: [told[0] | {"entry": True}, told[1]], "line 1 is no entry of this suite"),
    ],
)
def test_an_edited_ledger(
    acme: Programme, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], words: str
) -> None:
    told = b"".join(canonical(one) + b"\n" for one in edit(entries(acme)))
    files = {**acme.files, bundle.ATTEMPTS: told}
    statement = json.loads(base64.b64decode(json.loads(acme.files[bundle.CERTIFICATE])["payload"]))
    statement["predicate"]["configuration"][2]["digest"]["sha256"] = sha256(told)
    assert statement["predicate"]["configuration"][2]["name"] == bundle.ATTEMPTS
    files[bundle.CERTIFICATE] = sealed(statement, acme.vendor)

    question, said = trouble(acme.verified(acme.written("edited.zip", files)))

    assert question == "attempts"
    assert words in said


def test_a_ledger_of_another_run(acme: Programme) -> None:
    forged = relinked(entries(acme), evidence=sha256(b"another"))

    question, words = trouble(acme.verified(acme.resigned({bundle.ATTEMPTS: attempts.written(forged)})))

    assert (question, words) == ("attempts", "attempts.jsonl: its last entry is not of this run")


def test_a_ledger_that_is_not_the_one_of_the_statement(acme: Programme) -> None:
    """A chain may be made anew, without the runs that failed; the statement then names another head."""
    files = {**acme.files, bundle.ATTEMPTS: attempts.written(relinked(entries(acme), at="2026-01-01T00:00:00.000Z"))}
    statement = json.loads(base64.b64decode(json.loads(acme.files[bundle.CERTIFICATE])["payload"]))
    statement["predicate"]["configuration"][2]["digest"]["sha256"] = sha256(files[bundle.ATTEMPTS])
    files[bundle.CERTIFICATE] = sealed(statement, acme.vendor)

    question, words = trouble(acme.verified(acme.written("edited.zip", files)))

    assert (question, words) == ("statement", "it says something else than the files")


def test_the_certificate_of_another_version(acme: Programme) -> None:
    product = read(acme.files[bundle.PRODUCT]) | {"version": "4.0.0"}

    question, words = trouble(acme.verified(acme.resigned({bundle.PRODUCT: canonical(product)})))

    assert (question, words) == (
        "attempts",
        "attempts.jsonl: its last entry tells of another outcome, target or version",
    )


def test_a_product_that_is_a_branch(acme: Programme) -> None:
    product = read(acme.files[bundle.PRODUCT]) | {"version": "main"}

    question, words = trouble(acme.verified(acme.resigned({bundle.PRODUCT: canonical(product)})))

    assert question == "product"
    assert "may be another program tomorrow" in words


@pytest.mark.parametrize(
    "edit",
    [
        lambda told: told["predicate"]["configuration"][-1]["annotations"].update(expires_at="2099-01-01T00:00:00Z"),
        lambda told: told["predicate"]["passedTests"].append("AMOUNT-PERFECT"),
        lambda told: told["predicate"].update(result="EXCELLENT"),
        lambda told: told.update(predicateType="https://example.com/"),
        lambda told: told["subject"].append({"name": "more", "digest": {"sha256": "0" * 64}}),
        lambda told: told["subject"][0]["digest"].update(sha256="0" * 64),
        lambda told: told["predicate"]["configuration"].append({"name": "more", "digest": {}}),
        lambda told: told.update(note=2**60),
    ],
)
def test_a_statement_that_says_more_than_the_files(acme: Programme, edit: Callable[[dict[str, Any]], None]) -> None:
    statement = json.loads(base64.b64decode(json.loads(acme.files[bundle.CERTIFICATE])["payload"]))
    edit(statement)
    payload = json.dumps(statement).encode()
    signature = base64.b64encode(acme.vendor.sign(encoded(PAYLOAD, payload))).decode()
    told = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD, "signatures": [{"sig": signature}]}

    question, _words = trouble(with_one(acme, bundle.CERTIFICATE, json.dumps(told).encode()))

    assert question == "statement"


@pytest.mark.parametrize("predicate", [None, [], {}, {"configuration": None}, {"configuration": [1]}])
def test_a_statement_without_what_it_must_have(acme: Programme, predicate: object) -> None:
    told = {"_type": certificate.STATEMENT, "predicate": predicate}

    assert trouble(with_one(acme, bundle.CERTIFICATE, sealed(told, acme.vendor)))[0] == "files"


def test_an_expired_certificate(acme: Programme) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=91)

    question, words = trouble(acme.verified(acme.bundle, now=later))

    assert question == "expiry"
    assert words.startswith("it expired at ")


def test_a_run_that_is_yet_to_come(acme: Programme) -> None:
    earlier = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)

    question, words = trouble(acme.verified(acme.bundle, now=earlier))

    assert question == "expiry"
    assert "yet to come" in words


def test_times_that_were_moved_to_make_a_run_younger(acme: Programme) -> None:
    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for one in records:
            one["sent_at"] += 90 * 86_400
        return records

    found = acme.verified(acme.resigned(acme.evidence(edit)))

    assert trouble(found)[0] == "verdicts"


# Two parties


def test_two_parties_that_agree(acme: Programme) -> None:
    witness = acme.certified("witness", key=acme.other)
    assert witness is not None
    public = [acme.vendor.public, acme.other.public]
    now = dt.datetime.now(dt.UTC)
    found = [verify.verify(acme.suite, path, keys=public, now=now) for path in (acme.bundle, witness)]

    assert all(one.valid for one in found)
    assert all(answer.ok for answer in verify.compared(found, 2)), verify.compared(found, 2)


def test_one_party_twice_is_one(acme: Programme) -> None:
    found = [acme.verified(acme.bundle), acme.verified(acme.bundle)]

    answers = {answer.question: answer.ok for answer in verify.compared(found, 2)}

    assert answers["threshold"] is False
    assert answers["own evidence"] is False


def test_the_same_evidence_signed_by_another_is_no_witness(acme: Programme) -> None:
    envelope_ = json.loads(acme.files[bundle.CERTIFICATE])
    statement = json.loads(base64.b64decode(envelope_["payload"]))
    copied = acme.written("copied.zip", {**acme.files, bundle.CERTIFICATE: sealed(statement, acme.other)})
    found = [acme.verified(acme.bundle), acme.verified(copied, by=acme.other)]

    answers = {answer.question: answer for answer in verify.compared(found, 2)}

    assert answers["threshold"].ok
    assert answers["own evidence"].words == "two of them hold the very same evidence: one run, not two"


def test_two_products_do_not_agree(acme: Programme) -> None:
    found = [acme.verified(acme.bundle), acme.verified(acme.bundle, now=None)]
    found[1].facts["product"] = {"vendor": "Other"}
    found[1].facts["verdicts"] = {**found[1].facts["verdicts"], "AMOUNT-ECHO": "fail"}

    answers = {answer.question: answer for answer in verify.compared(found, 2)}

    assert not answers["same product"].ok
    assert answers["same verdicts"].words.endswith("differ: AMOUNT-ECHO pass and fail")


def test_a_server_with_a_fault_gets_no_certificate_and_leaves_a_trace(acme: Programme) -> None:
    assert acme.certified("faulty", faults=FAULTS) is None

    told = attempts.parse((acme.folder / "faulty.jsonl").read_bytes())
    assert [(one.event, one.value["outcome"]) for one in told] == [("begun", None), ("ended", "not-conformant")]
    assert not (acme.folder / "faulty.zip").exists()


def test_lines_are_written_as_a_run_writes_them(acme: Programme) -> None:
    records = [json.loads(line) for line in acme.files[bundle.EVIDENCE].splitlines()]

    assert lines(records) == acme.files[bundle.EVIDENCE]
