"""Owns the commands around a certificate: what is refused, left behind, said, and how it ends."""

from __future__ import annotations

import json
import shutil
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import jsonschema
import pytest
from tests.meta.certifying import PRODUCT, PRODUCT_TOML, SET, Programme, programme, settings_for
from tests.meta.facing import IDENTITY, ROOT, Ran, child, command, settle_in

from invoice_conformance import attempts, bundle, certificate, certify, keys, locate, suite_digest, testimony
from invoice_conformance.attempts import BrokenLedger
from invoice_conformance.canonical import read
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.rejudge import rejudged
from invoice_conformance.session import Suite, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER: Final = ReferenceServer.token


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programme]:
    with pytest.MonkeyPatch.context() as patch:
        yield from programme(tmp_path_factory.mktemp("acme"), patch)


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    with ReferenceServer() as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path, acme: Programme, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with product and key, in which commands are given."""
    settle_in(monkeypatch, tmp_path)
    (tmp_path / "product.toml").write_text(PRODUCT_TOML, encoding="utf-8")
    for name in ("vendor.key", "vendor.pub", "other.key", "other.pub"):
        shutil.copy(acme.folder / name, tmp_path / name)
    shutil.copy(acme.bundle, tmp_path / "acme.zip")
    return tmp_path


USUAL: Final = {"--product": "product.toml", "--sign": "vendor.key", "--out": "new.zip"}


def certified(desk: Path, *arguments: str) -> Ran:
    return command(desk, "certify", *arguments, *(part for pair in USUAL.items() for part in pair))


def test_from_a_run_to_a_valid_certificate(desk: Path, server: ReferenceServer) -> None:
    ran = certified(desk, server.url)
    seen = command(desk, "verify", "new.zip", "--key", "vendor.pub")

    assert (ran.code, ran.err) == (0, "")
    assert "certificate: new.zip, valid until " in ran.out
    assert (seen.code, seen.err) == (0, "")
    assert seen.out.startswith("new.zip: valid\n")
    assert "the ledger starts with this run: it shows nothing of any before" in seen.out
    assert "It does not prove:\n  - that a server really answered so: a signature shows who claims it" in seen.out


def test_a_bundle_holds_what_its_readers_need_and_no_secret(desk: Path, acme: Programme) -> None:
    files = bundle.read(desk / "acme.zip")
    report = read(files[bundle.REPORT])
    schema = json.loads((ROOT / "spec" / "report.schema.json").read_text(encoding="utf-8"))

    jsonschema.validate(report, schema)
    assert files.keys() == bundle.REQUIRED
    assert b"full" in files[bundle.VIEW]
    assert read(files[bundle.PRODUCT]) == PRODUCT
    assert {row["id"] for row in read(files[bundle.REQUIREMENTS])} == {
        row["id"] for row in report["requirements"] if row["in_set"]
    }
    assert not any(SERVER.encode() in data for data in files.values())
    assert str(acme.folder).encode() not in files[bundle.REPORT]


def test_the_statement_says_what_was_passed_and_by_what(acme: Programme) -> None:
    told = certificate.opened(acme.files[bundle.CERTIFICATE]).statement

    assert (told["_type"], told["predicateType"]) == (certificate.STATEMENT, certificate.TEST_RESULT)
    assert [one["name"] for one in told["subject"]] == [bundle.PRODUCT]
    assert told["predicate"]["result"] == "PASSED"
    assert (told["predicate"]["warnedTests"], told["predicate"]["failedTests"]) == ([], [])
    named = {one["name"]: one for one in told["predicate"]["configuration"]}
    assert named["suite"]["digest"]["sha256"] == suite_digest.digest()
    assert named["requirement-set"]["uri"].endswith(SET)
    assert {*named} == {"suite", "requirement-set", *(bundle.REQUIRED - {bundle.CERTIFICATE})}
    assert named[bundle.REPORT]["annotations"]["untested"] == []


def test_a_should_that_fails_is_a_warning_and_one_that_was_not_judged_is_no_pass(acme: Programme) -> None:
    report = read(acme.files[bundle.REPORT])
    rows = {row["id"]: row for row in report["requirements"]}
    rows["AMOUNT-SPELLING"]["verdict"], rows["UNIQUE-EXACT"]["verdict"] = "fail", "inconclusive"
    entries = attempts.parse(acme.files[bundle.ATTEMPTS])

    told = certificate.statement(acme.files, report, {**PRODUCT, "image": "acme@sha256:" + "0" * 64}, entries, "x")

    predicate = told["predicate"]
    assert predicate["result"] == "WARNED"
    assert predicate["warnedTests"] == ["AMOUNT-SPELLING"]
    assert predicate["configuration"][-1]["annotations"]["untested"] == ["UNIQUE-EXACT"]
    assert not {"AMOUNT-SPELLING", "UNIQUE-EXACT"} & {*predicate["passedTests"]}
    assert told["subject"][1] == {"name": "acme", "digest": {"sha256": "0" * 64}}


def test_the_same_files_are_the_same_octets(acme: Programme) -> None:
    turned = dict(reversed(list(acme.files.items())))

    assert bundle.pack(turned) == bundle.pack(acme.files) == acme.bundle.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--requirement", "AMOUNT-ECHO"], "--requirement leaves something out"),
        (["--case", "amountMinor:*"], "--case leaves something out"),
        (["--without", "AMOUNT-ECHO"], "--without leaves something out"),
        (["--max-invoices", "5"], "--max-invoices leaves something out"),
        (["--insecure"], "--insecure lets anybody answer"),
        (["--seed", "4"], "--seed draws other cases"),
        (["--profile", "quick"], "--profile quick is another plan"),
        (["--set", "1999.01"], "no set 1999.01"),
        (["--set", "2026.11", "--product", "nothing.toml"], "nothing.toml cannot be read"),
        (["--sign", "nothing.key"], "nothing.key cannot be read"),
        (["--sign", "vendor.pub"], "vendor.pub"),
        (["--out", "nowhere/x.zip"], "is no file in a folder that is there"),
        (["--ledger", "product.toml"], "--ledger product.toml: line 1"),
    ],
)
def test_what_may_not_be_certified_is_refused_before_anything_is_sent(
    desk: Path, server: ReferenceServer, arguments: list[str], words: str
) -> None:
    given = USUAL | dict(zip(arguments[::2], arguments[1::2], strict=False))
    flags = [part for pair in given.items() for part in pair] + arguments[len(arguments) // 2 * 2 :]

    ran = command(desk, "certify", server.url, *flags)

    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert not (desk / "new.zip").exists()
    assert not (desk / "reports").exists()


def test_everything_that_is_missing_is_named_at_once(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INVOICE_CONFORMANCE_OTHER_TENANT_ID")
    monkeypatch.setenv("INVOICE_CONFORMANCE_WITHOUT", "AMOUNT-ECHO")
    monkeypatch.setenv("INVOICE_CONFORMANCE_SEED", "1")

    ran = certified(desk, "http://127.0.0.1:9")

    assert ran.code == 2
    assert all(words in ran.err for words in ("no second tenant", "--without", "--seed", "nothing was sent"))


def test_without_a_url_there_is_no_certificate(desk: Path) -> None:
    ran = certified(desk)

    assert ran.code == 2
    assert "there is no URL; give the target's" in ran.err


def test_a_baseline_is_refused(desk: Path, server: ReferenceServer) -> None:
    (desk / "known.toml").write_text("", encoding="utf-8")

    ran = certified(desk, server.url, "--baseline", "known.toml")

    assert ran.code == 2
    assert "--baseline overlooks findings" in ran.err


def test_requirements_that_are_no_released_set_are_refused(acme: Programme) -> None:
    changed = replace(
        acme.suite,
        catalogue=replace(
            acme.suite.catalogue,
            requirements=tuple(
                replace(one, text="Nothing is asked.") if one.id == "AMOUNT-ECHO" else one
                for one in acme.suite.catalogue
            ),
        ),
    )
    with ReferenceServer() as server:
        settings = settings_for(server)

    with pytest.raises(ValueError, match=r"is not what the set 2027\.01 was released with"):
        certify.plan_of(changed, settings)


# Attempts


def test_what_was_tried_before_is_told(desk: Path, server: ReferenceServer) -> None:
    with ReferenceServer(("amount-int32-refused",)) as faulty:
        failed = certified(desk, faulty.url)
    kept = [dict(one.value) for one in attempts.parse((desk / "reports" / "attempts.jsonl").read_bytes())]
    attempts.append(
        desk / "reports" / "attempts.jsonl", PRODUCT, SET, event="begun", at="2026-11-01T00:00:00.000Z", target="x"
    )
    passed = certified(desk, server.url)
    seen = command(desk, "verify", "new.zip", "--key", "vendor.pub")

    assert failed.code == 1
    assert "no certificate: not-conformant" in failed.out
    assert "AMOUNT-ACCEPTED" in failed.out
    assert [one["outcome"] for one in kept] == [None, "not-conformant"]
    assert list((desk / "reports").glob("127*/report.json"))
    assert passed.code == 0
    assert "attempts: 2 runs before this one, 1 of them not conformant, 1 never ended" in seen.out
    assert "the ledger starts" not in seen.out


def test_a_target_that_is_not_there_leaves_a_trace_too(desk: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    ran = certified(desk, f"http://127.0.0.1:{port}")

    assert ran.code == 1
    assert "no certificate: aborted" in ran.out
    told = attempts.parse((desk / "reports" / "attempts.jsonl").read_bytes())
    assert [one.value["outcome"] for one in told] == [None, "aborted"]


def test_products_and_sets_have_chains_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "attempts.jsonl"
    other = {**PRODUCT, "product": "Payments"}
    for product, name in ((PRODUCT, "2026.11"), (other, "2026.11"), (PRODUCT, "2027.01"), (PRODUCT, "2026.11")):
        attempts.append(path, product, name, event="begun", at="2026-11-01T00:00:00.000Z", target="x")

    entries = attempts.parse(path.read_bytes())

    assert len(entries) == 4
    assert [len(attempts.chain(entries, product, "2026.11")) for product in (PRODUCT, other)] == [2, 1]
    assert b"Payments" not in attempts.written(attempts.chain(entries, PRODUCT, "2026.11"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{}", "its last line is cut off"),
        (b"{}\n", "line 1 is no entry of this suite"),
        (b"[1]\n", "line 1 is no entry of this suite"),
        (b"\xff\n", "line 1: it is not UTF-8"),
        (b"[" * 90_000 + b"\n", "line 1: it is nested too deeply"),
    ],
)
def test_a_ledger_that_is_none_is_not_appended_to(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "attempts.jsonl"
    path.write_bytes(data)

    with pytest.raises(BrokenLedger, match=words):
        attempts.append(path, PRODUCT, SET, event="begun", at="", target="x")
    assert path.read_bytes() == data


def test_a_removed_entry_is_found(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    for _turn in range(3):
        attempts.append(path, PRODUCT, SET, event="begun", at="", target="x")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])

    with pytest.raises(BrokenLedger, match="entry 3 does not follow the one before it"):
        attempts.append(path, PRODUCT, SET, event="begun", at="", target="x")


# verify


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "whose certificate must it be? give --key FILE"),
        (["--key", "nothing.pub"], "nothing.pub cannot be read"),
        (["--key", "vendor.key"], "holds a private key; give the public one"),
        (["--identity", "me"], "--identity and --issuer go together"),
        (["--key", "vendor.pub", "--attest"], "give --sign with your private key"),
        (["--key", "vendor.pub", "--threshold", "2"], "--threshold 2 of 1 bundles cannot be"),
        (["--key", "vendor.pub", "--threshold", "x"], "--threshold"),
        (["acme.zip", "--key", "vendor.pub", "--replay", "http://127.0.0.1:9"], "--replay is about one bundle"),
        (["--key", "vendor.pub", "--replay", "nonsense"], "the base URL has no scheme"),
    ],
)
def test_what_verify_cannot_be_asked(desk: Path, arguments: list[str], words: str) -> None:
    ran = command(desk, "verify", "acme.zip", *arguments)

    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_verify_tells_json(desk: Path, acme: Programme) -> None:
    ran = command(desk, "verify", "acme.zip", "--key", "other.pub", "--key", "vendor.pub", "--json")

    told = json.loads(ran.out)
    assert (ran.code, told["valid"]) == (0, True)
    (one,) = told["bundles"]
    assert one["product"] == PRODUCT
    assert (one["set"], one["outcome"], one["key"]) == (SET, "full", acme.vendor.public.id)
    assert all(answer["ok"] for answer in one["checks"])
    assert one["verdicts"]["AMOUNT-ECHO"] == "pass"
    assert one["proves"]
    assert one["does_not_prove"]


def test_what_is_not_valid_ends_with_one_and_says_no_more_than_that(desk: Path) -> None:
    (desk / "bad.zip").write_bytes(b"PK\x03\x04 and so on")

    ran = command(desk, "verify", "bad.zip", "--key", "vendor.pub")
    told = json.loads(command(desk, "verify", "bad.zip", "--key", "vendor.pub", "--json").out)

    assert (ran.code, ran.err) == (1, "")
    assert ran.out.startswith("bad.zip: NOT VALID\n  NO  bundle: it is no zip that can be read")
    assert "This proves" not in ran.out
    assert told["bundles"][0]["proves"] == []


def test_a_verifier_states_what_it_found(desk: Path, acme: Programme) -> None:
    ran = command(desk, "verify", "acme.zip", "--key", "vendor.pub", "--attest", "--sign", "other.key")

    envelope = certificate.opened((desk / "acme.svr.json").read_bytes())
    told = envelope.statement
    assert ran.code == 0
    assert envelope.signed_by([acme.other.public]) is not None
    assert told["predicateType"] == certificate.VERIFICATION
    assert {one["name"] for one in told["subject"]} == bundle.REQUIRED
    assert told["predicate"]["properties"] == [
        "INVOICE_CONFORMANCE_SIGNATURE_VALID",
        "INVOICE_CONFORMANCE_EVIDENCE_COMPLETE",
        "INVOICE_CONFORMANCE_VERDICTS_RECOMPUTED",
        "INVOICE_CONFORMANCE_ATTEMPTS_CHAINED",
        "INVOICE_CONFORMANCE_UNEXPIRED",
        "INVOICE_CONFORMANCE_2027.01_FULL",
    ]


def test_a_verifier_states_nothing_of_what_is_not_valid(desk: Path) -> None:
    ran = command(
        desk, "verify", "acme.zip", "--key", "other.pub", "--attest", "--sign", "other.key", "--out", "told.json"
    )

    assert ran.code == 1
    assert not (desk / "told.json").exists()


def test_a_replay_asks_the_server_again(desk: Path, server: ReferenceServer) -> None:
    ran = command(desk, "verify", "acme.zip", "--key", "vendor.pub", "--replay", server.url)

    assert ran.code == 0
    assert f"ok  replay: {server.url} gives the same " in ran.out


def test_a_replay_finds_a_server_that_differs(desk: Path) -> None:
    with ReferenceServer(("amount-int32-refused",)) as faulty:
        ran = command(desk, "verify", "acme.zip", "--key", "vendor.pub", "--replay", faulty.url)

    assert ran.code == 1
    assert "NO  replay: AMOUNT-ACCEPTED: pass in the certificate, fail now" in ran.out


def test_a_replay_of_nobody_is_not_valid(desk: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    ran = command(desk, "verify", "acme.zip", "--key", "vendor.pub", "--replay", f"http://127.0.0.1:{port}")

    assert ran.code == 1
    assert "NO  replay: the server was not asked to the end" in ran.out


def test_two_of_two_are_asked_for(desk: Path, acme: Programme) -> None:
    witness = acme.certified("second", key=acme.other)
    assert witness is not None
    both = ("--key", "vendor.pub", "--key", "other.pub", "--threshold", "2")

    agreeing = command(desk, "verify", "acme.zip", str(witness), *both)
    alone = command(desk, "verify", "acme.zip", "acme.zip", *both)

    assert agreeing.code == 0
    assert "ok  threshold: 2 valid certificates by keys of their own, 2 wanted" in agreeing.out
    assert "ok  same verdicts: the same in all 2" in agreeing.out
    assert alone.code == 1


# badge


def test_a_badge_says_what_holds_until_when(desk: Path) -> None:
    ran = command(desk, "badge", "acme.zip", "--out", "badge.svg", "--key", "vendor.pub")

    image = (desk / "badge.svg").read_text(encoding="utf-8")
    assert (ran.code, ran.err) == (0, "")
    assert "<title>invoice conformance: full, 2027.01, until 20" in image


def test_there_is_no_badge_of_what_is_not_valid(desk: Path) -> None:
    ran = command(desk, "badge", "acme.zip", "--out", "badge.svg", "--key", "other.pub")

    assert ran.code == 1
    assert "no badge: acme.zip: signature: none of its 1 signatures is by the key given" in ran.err
    assert not (desk / "badge.svg").exists()


def test_a_badge_without_a_key_says_that_nobody_was_asked_for(desk: Path) -> None:
    ran = command(desk, "badge", "acme.zip", "--out", "badge.svg")

    assert ran.code == 0
    assert "nobody's signature was asked for" in ran.out


def test_fields_that_every_request_carried_are_told(desk: Path, server: ReferenceServer) -> None:
    assert certified(desk, server.url, "--header", "X-Judge: a suite").code == 0

    seen = command(desk, "verify", "new.zip", "--key", "vendor.pub")

    assert seen.code == 0
    assert "note: each request carried fields beside its case's own: X-Judge" in seen.out


# Which suite


def test_the_digest_of_the_suite_is_the_same_in_a_wheel(tmp_path: Path) -> None:
    package = tmp_path / "invoice_conformance"
    shutil.copytree(ROOT / "src" / "invoice_conformance", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "spec", package / "_suite" / "spec")
    shutil.copytree(ROOT / "tests" / "conformance", package / "_suite" / "tests" / "conformance")
    code = "from invoice_conformance import suite_digest; print(suite_digest.digest())"

    digests = {child(code, cwd=tmp_path, PYTHONPATH=str(folder)).stdout.strip() for folder in (tmp_path, ROOT / "src")}

    assert len(digests) == 1
    assert "" not in digests


def test_a_release_is_known_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / suite_digest.RELEASES).write_text(f"# digest, version\n{'a' * 64} 1.2.3\n", encoding="utf-8")
    monkeypatch.setattr(locate, "spec_dir", lambda: tmp_path)

    assert suite_digest.release("a" * 64) == "1.2.3"
    assert suite_digest.release("b" * 64) is None


# The whole of the newest set, once


def test_the_newest_set_is_certified_and_its_evidence_gives_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "spec_dir", lambda: ROOT / "spec")
    settle_in(monkeypatch, tmp_path, IDENTITY)
    suite = Suite.load()
    keys.generate(tmp_path / "vendor")
    key = keys.private_key(tmp_path / "vendor.key")
    with ReferenceServer() as server:
        settings = settings_for(server)
        made = certify.certify(
            suite,
            settings,
            certify.plan_of(suite, settings),
            PRODUCT,
            sign=lambda told: {bundle.CERTIFICATE: certificate.sealed(told, key)},
            out=tmp_path / "acme.zip",
            ledger=tmp_path / "attempts.jsonl",
            now=time.time,
        )
    ran = command(tmp_path, "verify", "acme.zip", "--key", "vendor.pub", "--json")

    told = json.loads(ran.out)["bundles"][0]
    assert made.statement is not None
    assert ran.code == 0
    assert told["outcome"] == "full"
    assert not any("could not be compared" in words for words in told["warnings"])
    assert (tmp_path / "acme.zip").stat().st_size < 1_500_000


@pytest.mark.parametrize("fault", ["amount-stored-as-float32", "number-checked-then-inserted"])
def test_evidence_of_servers_with_faults_gives_their_verdicts(acme: Programme, fault: str) -> None:
    with ReferenceServer((fault,)) as server:
        settings = settings_for(server)
        folder = acme.folder / fault
        result = run(acme.suite, replace(settings, out=folder), acme.suite.plan(settings), writes=False)

    records = testimony.read((folder / bundle.EVIDENCE).read_bytes())
    again = rejudged(acme.suite, settings, acme.suite.plan(settings), records, version="x")

    assert again.complaints == ()
    assert [(row.requirement.id, row.verdict, row.judged) for row in again.rows] == [
        (row.requirement.id, row.verdict, row.judged) for row in result.rows
    ]
