"""Owns the form of what is signed: keys, envelopes and statements, and that other people's tools read them alike."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import SSlibKey
from tests.meta.certifying import PRODUCT, PRODUCT_TOML
from tests.meta.facing import Ran, command

from invoice_conformance import bundle, canonical, certificate, keys, product
from invoice_conformance.canonical import NotReadable
from invoice_conformance.certificate import PAYLOAD, NoEnvelope, encoded, opened, sealed
from invoice_conformance.keys import NoKey
from invoice_conformance.product import NoProduct

if TYPE_CHECKING:
    from pathlib import Path

TOLD: Final = {"_type": certificate.STATEMENT, "subject": [], "predicateType": "x", "predicate": {"ü": "€"}}


@pytest.fixture
def vendor(tmp_path: Path) -> keys.PrivateKey:
    private, _public = keys.generate(tmp_path / "vendor")
    return keys.private_key(private)


# Keys


def test_keygen_makes_a_pair_that_only_its_owner_reads(tmp_path: Path) -> None:
    ran = command(tmp_path, "keygen", "--out", str(tmp_path / "acme"))

    private, public = tmp_path / "acme.key", tmp_path / "acme.pub"
    assert (ran.code, ran.err) == (0, "")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert keys.private_key(private).public == keys.public_key(public)


@pytest.mark.parametrize("there", ["acme.key", "acme.pub"])
def test_keygen_overwrites_nothing(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine", encoding="utf-8")

    ran = command(tmp_path, "keygen", "--out", str(tmp_path / "acme"))

    assert ran.code == 2
    assert "never overwritten" in ran.err
    assert (tmp_path / there).read_text(encoding="utf-8") == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_keygen_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "acme.pub").symlink_to(tmp_path / "elsewhere")

    assert command(tmp_path, "keygen", "--out", str(tmp_path / "acme")).code == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_key_that_others_may_read_signs_nothing(tmp_path: Path) -> None:
    private, _public = keys.generate(tmp_path / "acme")
    private.chmod(0o640)

    with pytest.raises(NoKey, match="can be read by others than its owner"):
        keys.private_key(private)


EMPTY_PEM: Final = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("text", ["", "hello", EMPTY_PEM, "\0" * 70_000])
def test_a_file_without_a_key_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)

    for load in (keys.private_key, keys.public_key):
        with pytest.raises(NoKey) as caught:
            load(path)
        assert "\n" not in str(caught.value)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - here alone
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - likewise

    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    path = tmp_path / "p256.pub"
    path.write_bytes(key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))

    with pytest.raises(NoKey, match="not Ed25519"):
        keys.public_key(path)


# Envelopes


def test_the_encoding_is_that_of_the_protocol() -> None:
    """DSSE's own example, protocol.md."""
    assert encoded("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_securesystemslib_verifies_what_we_sign(vendor: keys.PrivateKey) -> None:
    envelope = TheirEnvelope.from_dict(json.loads(sealed(TOLD, vendor)))
    theirs = SSlibKey(vendor.public.id, "ed25519", "ed25519", {"public": _raw(vendor.public).hex()})

    assert envelope.verify([theirs], 1).keys() == {vendor.public.id}
    assert json.loads(envelope.payload) == TOLD


def test_we_verify_what_securesystemslib_signs(tmp_path: Path) -> None:
    signer = CryptoSigner.generate_ed25519()
    payload = json.dumps(TOLD).encode()
    envelope = TheirEnvelope(payload, PAYLOAD, {})
    envelope.sign(signer)
    path = tmp_path / "theirs.pub"
    path.write_bytes(_pem(signer.public_key.keyval["public"]))

    mine = opened(json.dumps(envelope.to_dict()).encode())

    assert mine.signed_by([keys.public_key(path)]) is not None
    assert mine.statement == TOLD


def _raw(key: keys.PublicKey) -> bytes:
    der = base64.b64decode(b"".join(key.pem.splitlines()[1:-1]))
    return der[-32:]


def _pem(public: str) -> bytes:
    der = bytes.fromhex("302a300506032b6570032100" + public)
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"


def test_a_signature_covers_type_and_payload(vendor: keys.PrivateKey) -> None:
    value = json.loads(sealed(TOLD, vendor))
    other = base64.b64encode(json.dumps({**TOLD, "more": 1}).encode()).decode()

    for change in ({"payload": other}, {"payloadType": "text/plain"}):
        assert opened(json.dumps({**value, **change}).encode()).signed_by([vendor.public]) is None
    assert opened(json.dumps(value).encode()).signed_by([vendor.public]) == vendor.public


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b'{"_type":"https://in-toto.io/Statement/v0.1"}'])
def test_a_payload_that_is_no_statement(vendor: keys.PrivateKey, payload: bytes) -> None:
    signature = base64.b64encode(vendor.sign(encoded(PAYLOAD, payload))).decode()
    told = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD, "signatures": [{"sig": signature}]}

    with pytest.raises(NoEnvelope, match="its payload"):
        _ = opened(json.dumps(told).encode()).statement


# Canonical JSON


def test_canonical_json_is_one_spelling() -> None:
    assert canonical.canonical({"b": 1, "a": ["€", 1e21, True, None]}) == '{"a":["€",1e+21,true,null],"b":1}'.encode()


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 10**30])
def test_integers_that_readers_round_have_no_canonical_form(number: int) -> None:
    with pytest.raises(NotReadable, match="no canonical form"):
        canonical.canonical({"n": number})


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b"\xff", b"[" * 100_000, b"NaN", b"", b"1e", b"9" * 5000])
def test_json_that_readers_read_differently_is_refused(text: bytes) -> None:
    with pytest.raises(NotReadable):
        canonical.read(text)


# Products


def test_a_product_is_read_with_all_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "product.toml"
    path.write_text(PRODUCT_TOML, encoding="utf-8")

    assert product.load(path) == PRODUCT


@pytest.mark.parametrize(
    "version",
    [
        "main",
        "Master",
        "HEAD",
        "latest",
        "develop",
        "refs/heads/v1",
        "origin/v2",
        "feature/1",
        "1.2-SNAPSHOT",
        "release",
        "x",
    ],
)
def test_a_version_that_moves_is_refused(version: str) -> None:
    with pytest.raises(NoProduct, match="may be another program tomorrow"):
        product.checked({**PRODUCT, "version": version})


@pytest.mark.parametrize("version", ["3.2.1", "v3", "2026.11", "sha256:" + "0" * 64, "7f3e2a1", "R12 build 7"])
def test_a_version_that_stays_is_taken(version: str) -> None:
    assert product.checked({**PRODUCT, "version": version})["version"] == version


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vendr": "x"}, "unknown key 'vendr'; did you mean vendor?"),
        ({"vendor": ""}, "vendor is a text of one line"),
        ({"vendor": "a\nb"}, "vendor is a text of one line"),
        ({"contact": 5}, "contact is a text of one line"),
        ({"url": "acme.example"}, "url begins with https"),
        ({"image": "acme:latest"}, "image ends in sha256:"),
        ({"vendor": "x" * 201}, "vendor is a text of one line"),
    ],
)
def test_a_product_that_is_none_says_what_is_wrong(change: dict[str, Any], words: str) -> None:
    with pytest.raises(NoProduct) as caught:
        product.checked({**PRODUCT, **change})

    assert words in str(caught.value)


def test_everything_that_is_missing_is_named() -> None:
    with pytest.raises(NoProduct) as caught:
        product.checked({})

    assert str(caught.value) == "; ".join(f"{key} is missing" for key in PRODUCT)


# Statements


def test_a_certificate_is_valid_for_ninety_days() -> None:
    assert certificate.expiry("2026-11-01T10:00:00.000Z") == "2027-01-30T10:00:00Z"


def test_a_verifiers_statement_has_the_fields_of_its_predicate() -> None:
    now = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)

    told = certificate.attested({bundle.REPORT: b"{}"}, ["A", "B"], now)

    assert told["predicateType"] == "https://in-toto.io/attestation/svr/v0.2"
    assert told["predicate"] == {
        "verifier": {"id": certificate.VERIFIER},
        "timeCreated": "2026-11-01T00:00:00Z",
        "properties": ["A", "B"],
    }


# Without the extra


@pytest.mark.parametrize(
    "arguments",
    [
        ("keygen", "--out", "x"),
        ("certify", "http://127.0.0.1:9", "--product", "product.toml", "--sign", "x.key", "--out", "x.zip"),
        ("verify", "x.zip", "--key", "x.pub"),
        ("badge", "x.zip", "--out", "x.svg", "--key", "x.pub"),
    ],
)
def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = _without("cryptography, rfc8785", tmp_path, *arguments)

    assert ran.code == 2
    assert "pip install 'invoice-conformance[certify]'" in ran.err
    assert ran.err.count("\n") == 1


def test_without_sigstore_one_line_says_what_to_install(tmp_path: Path) -> None:
    ran = _without("sigstore", tmp_path, "verify", "x.zip", "--identity", "a", "--issuer", "b")

    assert ran.code == 2
    assert "pip install 'invoice-conformance[sigstore]'" in ran.err
    assert ran.err.count("\n") == 1


def _without(modules: str, folder: Path, *arguments: str) -> Ran:
    (folder / "product.toml").write_text(PRODUCT_TOML, encoding="utf-8")
    code = (
        f"import sys\nfor name in '{modules}'.split(', '): sys.modules[name] = None\n"
        "from invoice_conformance.cli import main\nsys.exit(main())"
    )
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=folder, check=False, timeout=60
    )
    return Ran(done.returncode, done.stdout, done.stderr, folder)
