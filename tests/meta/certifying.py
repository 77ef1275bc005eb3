"""Owns what tests of certificates share: a small requirement set, a certified run of it, and ways to tamper with both.

The set has a row of each kind of script, so that a run takes a second; the suite's own set is tested once.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.meta.facing import ROOT

from invoice_conformance import attempts, bundle, certificate, certify, frozen, keys, locate, suite_digest, verify
from invoice_conformance.canonical import canonical, read, sha256
from invoice_conformance.catalogue import Catalogue
from invoice_conformance.certificate import sealed
from invoice_conformance.checks import Registry
from invoice_conformance.config import Settings
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.session import Suite
from invoice_conformance.sets import RequirementSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pytest

SET = "2027.01"
ROWS = frozenset(
    {
        "AMOUNT-ACCEPTED",
        "AMOUNT-ECHO",
        "AMOUNT-SPELLING",
        "BODY-MAXIMUM",
        "HEAD-HSTS",
        "PRIVACY-TOKEN",
        "RESPONSE-STATUS",
        "STEADY-ANSWERED",
        "TENANT-FOREIGN-CONTRACT",
        "UNIQUE-EXACT",
        "UNIQUE-NUMBER",
        "UNIQUE-RACE",
    }
)
PRODUCT = {
    "vendor": "Acme Ltd",
    "product": "Invoices",
    "version": "3.2.1",
    "contact": "conformance@acme.example",
    "url": "https://acme.example/invoices",
}
PRODUCT_TOML = "".join(f'{key} = "{value}"\n' for key, value in PRODUCT.items())


def small_spec(folder: Path, patch: pytest.MonkeyPatch) -> Suite:
    """A suite whose newest set has few requirements, with its frozen plan."""
    spec = folder / "spec"
    shutil.copytree(ROOT / "spec", spec)
    patch.setattr(locate, "spec_dir", lambda: spec)
    suite = Suite.load()
    few = Catalogue(tuple(row for row in suite.catalogue if row.id in ROWS), "")
    checks = [check for check in suite.registry.checks if check.requirement in ROWS]
    plan = replace(suite, catalogue=few, registry=Registry(checks)).plan(Settings())
    RequirementSet.of(SET, few, plan.scripts).write(spec)
    (spec / "sets" / f"{SET}{frozen.SUFFIX}").write_text(frozen.write(SET, plan), encoding="utf-8")
    return suite


def settings_for(server: ReferenceServer, **more: str) -> Settings:
    """The settings of a certification of this server."""
    return certify.settled(
        Settings(
            base_url=server.url,
            token=server.token,
            tenant_id=server.tenant_id,
            contract_id=server.contract_id,
            other_tenant_id=server.other_tenant_id,
            other_contract_id=server.other_contract_id,
            set=more.get("set"),
        )
    )


@dataclass(frozen=True)
class Programme:
    """A vendor with a key, a suite with a small set, and the bundle of a certified run."""

    folder: Path
    suite: Suite
    vendor: keys.PrivateKey
    other: keys.PrivateKey
    bundle: Path
    files: Mapping[str, bytes]

    def certified(self, name: str, *, faults: tuple[str, ...] = (), key: keys.PrivateKey | None = None) -> Path | None:
        """Certify a reference server; the bundle, None when there is none."""
        out = self.folder / f"{name}.zip"
        with ReferenceServer(faults) as server:
            settings = settings_for(server)
            plan = certify.plan_of(self.suite, settings)
            made = certify.certify(
                self.suite,
                settings,
                plan,
                PRODUCT,
                sign=lambda told: {bundle.CERTIFICATE: sealed(told, key or self.vendor)},
                out=out,
                ledger=self.folder / f"{name}.jsonl",
                now=time.time,
            )
        return out if made.statement is not None else None

    def verified(
        self, path: Path, *, by: keys.PrivateKey | None = None, now: dt.datetime | None = None
    ) -> verify.Verification:
        """What is said of a bundle, asked for the vendor's key."""
        public = (by or self.vendor).public
        return verify.verify(self.suite, path, keys=[public], now=now or dt.datetime.now(dt.UTC))

    def written(self, name: str, files: Mapping[str, bytes]) -> Path:
        """A bundle of these files."""
        path = self.folder / name
        path.write_bytes(bundle.pack(files))
        return path

    def resigned(self, changes: Mapping[str, bytes]) -> Path:
        """The bundle with files changed and signed anew by the vendor, whose statement says what the files say."""
        files = {name: data for name, data in self.files.items() if name != bundle.CERTIFICATE} | dict(changes)
        entries = attempts.parse(files[bundle.ATTEMPTS])
        if bundle.EVIDENCE in changes and bundle.ATTEMPTS not in changes:
            entries = relinked([*(dict(one.value) for one in entries)], evidence=sha256(files[bundle.EVIDENCE]))
            files[bundle.ATTEMPTS] = attempts.written(entries)
        told = certificate.statement(
            files, read(files[bundle.REPORT]), read(files[bundle.PRODUCT]), entries, suite_digest.digest()
        )
        return self.written("resigned.zip", files | {bundle.CERTIFICATE: sealed(told, self.vendor)})

    def report(self, edit: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
        """The report edited, as a file."""
        value = read(self.files[bundle.REPORT])
        edit(value)
        return {bundle.REPORT: certify.report_text(value)}

    def evidence(self, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> dict[str, bytes]:
        """The exchanges edited, as a file."""
        records = [json.loads(line) for line in self.files[bundle.EVIDENCE].splitlines()]
        return {bundle.EVIDENCE: lines(edit(records))}


def lines(records: list[dict[str, Any]]) -> bytes:
    """Exchanges as a run writes them."""
    return b"".join(json.dumps(one, ensure_ascii=True, separators=(",", ":")).encode() + b"\n" for one in records)


def relinked(entries: list[dict[str, Any]], **last: str) -> tuple[attempts.Entry, ...]:
    """Entries of a ledger with their digests reckoned anew, as a forger does it; `last` changes the last one."""
    previous, chained = attempts.NOTHING, []
    entries[-1] |= last
    for number, entry in enumerate(entries, 1):
        value = {key: found for key, found in entry.items() if key != "hash"} | {"entry": number, "previous": previous}
        previous = sha256(canonical(value))
        chained.append(attempts.Entry(value | {"hash": previous}))
    return tuple(chained)


def programme(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Programme]:
    """A programme with a certified run."""
    suite = small_spec(folder, patch)
    patch.chdir(folder)
    for name in ("vendor", "other"):
        keys.generate(folder / name)
    vendor, other = (keys.private_key(folder / f"{name}.key") for name in ("vendor", "other"))
    made = Programme(folder, suite, vendor, other, folder / "acme.zip", {})
    path = made.certified("acme")
    assert path is not None
    yield replace(made, files=bundle.read(path))
