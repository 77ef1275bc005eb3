"""Owns making a certificate: what a run must be for one, the run, its evidence judged once more, the bundle.

It prints nothing, and signs only what the verifier would find again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from invoice_conformance import __version__, attempts, bundle, certificate, frozen, sets, suite_digest, testimony
from invoice_conformance.attempts import BrokenLedger
from invoice_conformance.canonical import canonical, sha256
from invoice_conformance.config import ConfigError, Settings
from invoice_conformance.redaction import REDACTED
from invoice_conformance.rejudge import rejudged
from invoice_conformance.report import document
from invoice_conformance.report.document import stamp
from invoice_conformance.session import folder_for, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from invoice_conformance.engine import Listener
    from invoice_conformance.plan import Plan
    from invoice_conformance.report.document import Report
    from invoice_conformance.session import Suite

Signer: TypeAlias = "Callable[[Mapping[str, Any]], dict[str, bytes]]"
"""Makes of a statement the files of a bundle that hold it signed."""
CONFORMANT = frozenset({"core", "full"})


class Disagreement(RuntimeError):  # noqa: N818 - it names what there is
    """The evidence of a run does not give what the run said: a defect of the suite, in one line."""


@dataclass(frozen=True)
class Certified:
    """What came of it: the run's report and its folder, and the statement when there is a certificate."""

    report: Report
    folder: Path
    statement: Mapping[str, Any] | None


def refusals(settings: Settings) -> list[str]:
    """Everything that keeps a run with these settings from being certified, in words that say what to do."""
    usual = Settings()
    wrong: list[str] = []
    if settings.base_url is None:
        wrong.append("there is no URL; give the target's")
    elif not (settings.other_tenant_id and settings.other_contract_id):
        wrong.append("there is no second tenant; set --other-tenant-id and --other-contract-id")
    wrong += [
        f"--{name} leaves something out; leave it away"
        for name in ("requirement", "case", "without", "max-invoices")
        if getattr(settings, name.replace("-", "_")) not in {None, ()}
    ]
    if settings.baseline is not None:
        wrong.append("--baseline overlooks findings; leave it away")
    if settings.insecure:
        wrong.append("--insecure lets anybody answer; leave it away, and give --ca-file if the authority is your own")
    if settings.seed != usual.seed:
        wrong.append("--seed draws other cases; leave it away")
    if settings.profile not in {usual.profile, "certification"}:
        wrong.append(f"--profile {settings.profile} is another plan than that of a certification; leave it away")
    return wrong


def settled(settings: Settings) -> Settings:
    """The settings of the run that is certified; ConfigError, with everything that is amiss, when there can be none."""
    wrong = refusals(settings)
    if wrong:
        raise ConfigError("no certificate: " + "; ".join(wrong) + "; nothing was sent")
    newest = sets.names()[-1:]
    name = settings.set or "".join(newest)
    return replace(settings, profile="certification", set=name, out=None, yes=False)


def plan_of(suite: Suite, settings: Settings) -> Plan:
    """The frozen plan of the set; ConfigError when there is none, or the requirements are not those of the set."""
    pinned = suite.pinned(settings)
    if pinned is None or sets.digest_of_rows(requirements(suite, settings)) != pinned.digest:
        raise ConfigError(
            f"no certificate: what the requirements ask is not what the set {settings.set} was released with, so "
            "nobody could check it; nothing was sent"
        )
    return suite.plan(settings)


def requirements(suite: Suite, settings: Settings) -> list[dict[str, Any]]:
    """The requirements of the set, at the levels that they have in it."""
    pinned = suite.pinned(settings)
    if pinned is None:
        return []
    rows = (pinned.as_released(row) for row in suite.catalogue if row.id in pinned.levels)
    return [
        {
            "id": row.id,
            "area": row.area,
            "level": row.level,
            "basis": row.basis,
            "contested": row.contested,
            "text": row.text,
            "quote": row.quote,
            "source": row.source,
        }
        for row in sorted(rows, key=lambda row: row.id)
    ]


def certify(
    suite: Suite,
    settings: Settings,
    plan: Plan,
    product: Mapping[str, str],
    *,
    sign: Signer,
    out: Path,
    ledger: Path,
    now: Callable[[], float],
    listener: Listener | None = None,
) -> Certified:
    """Run the plan and, when the target conforms, write a bundle; `settings` as `settled`, `plan` as `plan_of`.

    The ledger holds the run from before its first request. BrokenLedger, OSError, NoBundle when something cannot be
    kept; Disagreement when the evidence says otherwise than the run.
    """
    name, target = settings.set or "", settings.base_url or ""
    started = now()
    attempts.append(ledger, product, name, event="begun", at=stamp(started), target=target)
    result = run(suite, replace(settings, out=folder_for(settings, started)), plan, listener=listener)
    evidence = (result.folder / bundle.EVIDENCE).read_bytes()
    entries = attempts.append(
        ledger,
        product,
        name,
        event="ended",
        at=stamp(now()),
        target=target,
        outcome=result.outcome,
        evidence=sha256(evidence),
    )
    if result.outcome not in CONFORMANT:
        return Certified(result.report, result.folder, None)
    shown = replace(settings, token=REDACTED if settings.token else "")
    again = rejudged(suite, shown, plan, testimony.read(evidence), version=__version__)
    said, found = ({row.requirement.id: row.verdict for row in rows} for rows in (result.rows, again.rows))
    if again.complaints or said != found:
        differing = [f"{key}: {said[key]}, then {found[key]}" for key in said if said[key] != found[key]]
        raise Disagreement("; ".join([*again.complaints[:3], *differing[:3]]))
    files = {
        bundle.REPORT: report_text(again.report),
        bundle.VIEW: view_of(again.report),
        bundle.EVIDENCE: evidence,
        bundle.REQUIREMENTS: canonical(requirements(suite, settings)),
        bundle.PLAN: frozen.text_of(name).encode(),
        bundle.PRODUCT: canonical(dict(product)),
        bundle.ATTEMPTS: attempts.written(entries),
    }
    statement = certificate.statement(files, again.report, product, entries, suite_digest.digest())
    packed = bundle.pack(files | sign(statement))
    unfinished = out.with_name(f".{out.name}.part")
    unfinished.write_bytes(packed)
    unfinished.replace(out)
    return Certified(again.report, result.folder, statement)


def report_text(report: Report) -> bytes:
    """A report as a bundle holds it."""
    return document.written(report).encode()


def view_of(report: Report) -> bytes:
    """The report as people read it."""
    from invoice_conformance.report.page import page  # noqa: PLC0415 - brings in the templates

    return page(report).encode("utf-8", errors="backslashreplace")


def writable(out: Path, ledger: Path, product: Mapping[str, str], name: str) -> None:
    """ConfigError when the bundle or the ledger could not be written after the run."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ConfigError(f"--out {out} is no file in a folder that is there; nothing was sent")
    try:
        known = attempts.parse(ledger.read_bytes()) if ledger.exists() else ()
        attempts.chain(known, product, name)
    except (BrokenLedger, OSError) as error:
        raise ConfigError(f"--ledger {ledger}: {error}; nothing was sent") from None
