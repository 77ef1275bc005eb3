"""Owns the certificate: the in-toto statement that is signed, and the DSSE envelope around it.

It says what a bundle says and nothing else: the statement follows from the bundle's files, so that a verifier can make
it again. Sources: in-toto attestation framework, Statement v1, test-result v0.1, svr v0.2; DSSE protocol v1.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from invoice_conformance import bundle
from invoice_conformance.canonical import NotReadable, canonical, read, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from invoice_conformance.attempts import Entry
    from invoice_conformance.keys import PrivateKey, PublicKey

STATEMENT: Final = "https://in-toto.io/Statement/v1"
TEST_RESULT: Final = "https://in-toto.io/attestation/test-result/v0.1"
VERIFICATION: Final = "https://in-toto.io/attestation/svr/v0.2"
PAYLOAD: Final = "application/vnd.in-toto+json"
VERIFIER: Final = "urn:invoice-conformance:verify:1"
DAYS: Final = 90
"""How long after its run a certificate is valid."""
SIGNATURES: Final = 16
STAMP: Final = "%Y-%m-%dT%H:%M:%S.%f%z"


class NoEnvelope(ValueError):  # noqa: N818 - it names what the file is
    """What should be an envelope or a statement in it is none: one line that says why."""


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope: the payload's type, its octets, and the signatures over both."""

    kind: str
    payload: bytes
    signatures: tuple[bytes, ...]

    def signed_by(self, keys: Iterable[PublicKey]) -> PublicKey | None:
        """The first of the keys that signed it; the ids in it are hints and prove nothing."""
        octets = encoded(self.kind, self.payload)
        return next((key for key in keys if any(key.signed(one, octets) for one in self.signatures)), None)

    @property
    def statement(self) -> dict[str, Any]:
        """The statement in it; NoEnvelope when it holds something else."""
        if self.kind != PAYLOAD:
            raise NoEnvelope(f"its payload is {bundle.shown(self.kind)}, not {PAYLOAD}")
        try:
            value = read(self.payload)
        except NotReadable as error:
            raise NoEnvelope(f"its payload: {error}") from None
        if not isinstance(value, dict) or value.get("_type") != STATEMENT:
            raise NoEnvelope(f"its payload is no {STATEMENT}")
        return value


def encoded(kind: str, payload: bytes) -> bytes:
    """The pre-authentication encoding of DSSE v1: what is signed, so that type and payload cannot be exchanged."""
    name = kind.encode()
    return b" ".join((b"DSSEv1", str(len(name)).encode(), name, str(len(payload)).encode(), payload))


def sealed(statement: Mapping[str, Any], key: PrivateKey) -> bytes:
    """A statement in a signed envelope."""
    payload = canonical(dict(statement))
    signature = base64.b64encode(key.sign(encoded(PAYLOAD, payload))).decode()
    return canonical(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD,
            "signatures": [{"keyid": key.public.id, "sig": signature}],
        }
    )


def opened(data: bytes) -> Envelope:
    """The envelope that a file holds; NoEnvelope when it holds none."""
    try:
        value = read(data)
    except NotReadable as error:
        raise NoEnvelope(str(error)) from None
    try:
        signatures = value["signatures"]
        if not isinstance(signatures, list) or not 0 < len(signatures) <= SIGNATURES:
            raise NoEnvelope(f"it has no signature, or more than {SIGNATURES}")
        kind = value["payloadType"]
        if not isinstance(kind, str):
            raise NoEnvelope("its payloadType is no text")
        payload = base64.b64decode(value["payload"], validate=True)
        return Envelope(kind, payload, tuple(base64.b64decode(one["sig"], validate=True) for one in signatures))
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, binascii.Error, ValueError) as error:
        if isinstance(error, NoEnvelope):
            raise
        raise NoEnvelope("it is no DSSE envelope") from None


def statement(
    files: Mapping[str, bytes],
    report: Mapping[str, Any],
    product: Mapping[str, str],
    attempts: tuple[Entry, ...],
    suite: str,
) -> dict[str, Any]:
    """What is signed about a run: `suite` is the digest of the suite's files, `files` the bundle's others."""
    rows = [row for row in report["requirements"] if row["in_set"]]
    by_verdict = {
        verdict: [row["id"] for row in rows if row["verdict"] == verdict]
        for verdict in {row["verdict"] for row in rows}
    }
    failed = by_verdict.get("fail", [])
    untested = [row["id"] for row in rows if row["verdict"] not in {"pass", "fail"}]
    subject: list[dict[str, Any]] = [{"name": bundle.PRODUCT, "digest": {"sha256": sha256(files[bundle.PRODUCT])}}]
    if "image" in product:
        name, _, digest = product["image"].rpartition("@")
        subject.append({"name": name or "image", "digest": {"sha256": digest.removeprefix("sha256:")}})
    chain = {"head": attempts[-1].hash, "entries": len(attempts)}
    run = {
        "outcome": report["outcome"],
        "target": report["target"],
        "started_at": report["started_at"],
        "ended_at": report["ended_at"],
        "expires_at": expiry(report["ended_at"]),
        "untested": untested,
        "attempts": chain,
    }
    described = [
        {"name": name, "digest": {"sha256": sha256(files[name])}}
        for name in sorted(files)
        if name not in {bundle.CERTIFICATE, bundle.KEYLESS, bundle.REPORT}
    ]
    return {
        "_type": STATEMENT,
        "subject": subject,
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": "WARNED" if failed or untested else "PASSED",
            "configuration": [
                {
                    "name": "requirement-set",
                    "uri": f"urn:invoice-conformance:set:{report['set']['name']}",
                    "digest": {"sha256": sha256(files[bundle.REQUIREMENTS])},
                },
                {
                    "name": "suite",
                    "uri": f"urn:invoice-conformance:suite:{report['suite']['version']}",
                    "digest": {"sha256": suite},
                },
                *described,
                {
                    "name": bundle.REPORT,
                    "digest": {"sha256": sha256(files[bundle.REPORT])},
                    "annotations": run,
                },
            ],
            "passedTests": by_verdict.get("pass", []),
            # Rows below MUST may be broken by a conformant server: its certificate says so.
            "warnedTests": failed,
            "failedTests": [],
        },
    }


def expiry(ended_at: str) -> str:
    """When a certificate of a run that ended then is no longer valid."""
    ended = moment(ended_at) + dt.timedelta(days=DAYS)
    return ended.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> dt.datetime:
    """The moment that an RFC 3339 date-time names; ValueError when it names none."""
    found = dt.datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"no zone in {text}")
    return found


def attested(files: Mapping[str, bytes], properties: Iterable[str], now: dt.datetime) -> dict[str, Any]:
    """A verifier's own statement: what it found to be so of this bundle."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256(data)}} for name, data in sorted(files.items())],
        "predicateType": VERIFICATION,
        "predicate": {
            "verifier": {"id": VERIFIER},
            "timeCreated": now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "properties": list(properties),
        },
    }
