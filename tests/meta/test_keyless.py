"""Owns signing without a key as far as it goes without a network: what sigstore is handed, and what is made of it."""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sigstore import dsse, errors
from tests.meta.certifying import PRODUCT_TOML, Programme, programme
from tests.meta.facing import command, settle_in

from invoice_conformance import bundle, certificate, keyless, verify
from invoice_conformance.certificate import NoEnvelope
from invoice_conformance.keyless import NotSigned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AMBIENT = ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "GITHUB_ACTIONS", "SIGSTORE_ID_TOKEN")


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programme]:
    with pytest.MonkeyPatch.context() as patch:
        yield from programme(tmp_path_factory.mktemp("acme"), patch)


@dataclass
class Sealed:
    """What sigstore's signer hands back, as far as we look at it."""

    envelope: dict[str, Any]

    def to_json(self) -> str:
        """Its bundle as text."""
        return json.dumps({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": self.envelope})


@dataclass
class Sealing:
    """A signer with a certificate of nobody: it checks the statement as sigstore's own does."""

    seen: list[bytes] = field(default_factory=list)

    def sign_dsse(self, input_: dsse.Statement, /) -> Sealed:
        """Sign a statement that sigstore has checked."""
        key = ec.generate_private_key(ec.SECP256R1())
        envelope = json.loads(dsse._sign(key, input_).to_json())  # noqa: SLF001 - what its signer calls
        self.seen.append(base64.b64decode(envelope["payload"]))
        return Sealed(envelope)


def signed_by(acme: Programme, sealing: keyless.Sealing) -> Path:
    statement = certificate.opened(acme.files[bundle.CERTIFICATE]).statement
    files = {name: data for name, data in acme.files.items() if name != bundle.CERTIFICATE}
    return acme.written("keyless.zip", files | keyless.signed(statement, sealing))


def test_sigstore_takes_our_statement_and_its_envelope_is_ours(acme: Programme) -> None:
    sealing = Sealing()

    files = bundle.read(signed_by(acme, sealing))

    assert files.keys() == {*bundle.REQUIRED, bundle.KEYLESS}
    envelope = certificate.opened(files[bundle.CERTIFICATE])
    assert envelope.payload == sealing.seen[0]
    assert envelope.statement == certificate.opened(acme.files[bundle.CERTIFICATE]).statement


def test_whom_sigstore_vouches_for_stands_in_place_of_a_key(acme: Programme) -> None:
    path = signed_by(acme, Sealing())

    found = verify.verify(
        acme.suite, path, keys=None, now=dt.datetime.now(dt.UTC), keyless=lambda _files: "ci@acme.example"
    )

    assert found.valid, found.answers
    assert found.answers[1].words == "signed without a key by ci@acme.example"


def test_by_a_key_alone_it_is_not_valid(acme: Programme) -> None:
    found = acme.verified(signed_by(acme, Sealing()))

    assert not found.valid
    assert found.answers[-1].question == "signature"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 60_000, b'{"mediaType":"x"}'])
def test_a_bundle_that_sigstore_did_not_make_is_one_line(acme: Programme, data: bytes) -> None:
    who = keyless.signed_by("ci@acme.example", "https://accounts.example")
    files = {**acme.files, bundle.KEYLESS: data}

    with pytest.raises(NoEnvelope) as caught:
        who(files)

    assert bundle.KEYLESS in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_certificate_signed_with_a_key_is_nobodys(acme: Programme) -> None:
    who = keyless.signed_by("ci@acme.example", "https://accounts.example")

    with pytest.raises(NoEnvelope, match="it was signed with a key"):
        who(acme.files)


def test_the_command_asks_for_both_and_finds_none(acme: Programme, tmp_path: Path) -> None:
    ran = command(tmp_path, "verify", str(acme.bundle), "--identity", "me", "--issuer", "https://accounts.example")

    assert ran.code == 1
    assert "NO  signature: certificate.dsse.json: it was signed with a key" in ran.out


def test_where_there_is_no_identity_one_line_says_so(
    acme: Programme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(monkeypatch, tmp_path)
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "product.toml").write_text(PRODUCT_TOML, encoding="utf-8")

    ran = command(
        tmp_path, "certify", "http://127.0.0.1:9", "--product", "product.toml", "--keyless", "--out", "new.zip"
    )

    assert acme.bundle.exists()
    assert ran.code == 2
    assert "this build has no identity to sign with" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "reports").exists()


def test_what_sigstore_refuses_is_one_line(acme: Programme) -> None:
    class Refusing:
        def sign_dsse(self, _input: dsse.Statement, /) -> Sealed:
            raise errors.NetworkError

    with pytest.raises(NotSigned, match="sigstore did not sign"):
        signed_by(acme, Refusing())
