"""Owns checking a certificate: one question after the other, each verdict made again from the evidence.

It trusts nothing in a bundle: what a plan, a requirement or a set is it knows from the suite's own files. It opens no
connection.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from invoice_conformance import __version__, attempts, bundle, certificate, frozen, product, suite_digest, testimony
from invoice_conformance.attempts import BrokenLedger
from invoice_conformance.bundle import NoBundle, shown
from invoice_conformance.canonical import NotReadable, canonical, read, sha256
from invoice_conformance.certificate import NoEnvelope
from invoice_conformance.certify import CONFORMANT, refusals, view_of
from invoice_conformance.config import ConfigError
from invoice_conformance.contract import SpecError
from invoice_conformance.product import NoProduct
from invoice_conformance.rejudge import Rejudged, rejudged, settings_from
from invoice_conformance.sets import RequirementSet, digest_of_rows
from invoice_conformance.testimony import Unfit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from invoice_conformance.certificate import Envelope
    from invoice_conformance.config import Settings
    from invoice_conformance.keys import PublicKey
    from invoice_conformance.session import Suite

PROVES: Final = (
    "the holder of the key signed exactly these files",
    "these exchanges, judged by this installation's own copy of the requirement set, give these verdicts",
    "every case of the set's frozen plan is among them, once, and nothing was waived or overlooked",
)
PROVES_NOT: Final = (
    "that a server really answered so: a signature shows who claims it; --replay URL asks the server itself",
    "that the server asked was the product named, or that it behaves so today",
    "that no other ledger was kept: a vendor may start a fresh one",
    "anything that the requirements do not ask",
)
PROPERTIES: Final = {
    "signature": "INVOICE_CONFORMANCE_SIGNATURE_VALID",
    "complete": "INVOICE_CONFORMANCE_EVIDENCE_COMPLETE",
    "verdicts": "INVOICE_CONFORMANCE_VERDICTS_RECOMPUTED",
    "attempts": "INVOICE_CONFORMANCE_ATTEMPTS_CHAINED",
    "expiry": "INVOICE_CONFORMANCE_UNEXPIRED",
}
"""What a verifier states for each question that was answered well."""
NAMED: Final = 3
"""Troubles of a kind that are named."""
EARLIEST: Final = dt.timedelta(days=1)
"""How far a run may lie in the future by our clock."""


@dataclass(frozen=True)
class Answer:
    """One question, whether it was answered well, and how, in words."""

    question: str
    ok: bool
    words: str


@dataclass
class Verification:
    """Everything that is said of one bundle; `facts` hold what of it could be read and is vouched for."""

    name: str
    answers: list[Answer] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    key: PublicKey | None = None

    @property
    def valid(self) -> bool:
        """Whether every question was answered well."""
        return bool(self.answers) and all(answer.ok for answer in self.answers)

    def say(self, question: str, trouble: str | None, words: str) -> bool:
        """Note an answer: `trouble` if there is any, else `words`."""
        self.answers.append(Answer(question, not trouble, trouble or words))
        return not trouble

    def told(self) -> dict[str, Any]:
        """It as plain JSON values."""
        return {
            "file": self.name,
            "valid": self.valid,
            "checks": [{"name": one.question, "ok": one.ok, "words": one.words} for one in self.answers],
            "warnings": self.warnings,
            **self.facts,
            "proves": list(PROVES) if self.valid else [],
            "does_not_prove": list(PROVES_NOT),
        }

    def properties(self) -> list[str]:
        """What a verifier states of it."""
        if not self.valid:
            return []
        well = [PROPERTIES[one.question] for one in self.answers if one.question in PROPERTIES]
        return [*well, f"INVOICE_CONFORMANCE_{self.facts['set']}_{str(self.facts['outcome']).upper()}"]


Keyless: TypeAlias = "Callable[[Mapping[str, bytes]], str]"


def verify(
    suite: Suite,
    path: Path,
    *,
    keys: Sequence[PublicKey] | None,
    now: dt.datetime,
    keyless: Keyless | None = None,
) -> Verification:
    """Check one bundle; never raises for what is in it.

    `keys` are those of which one must have signed; with None nobody's signature is asked for, and that is said.
    `keyless`, if given, says in place of keys who signed; NoEnvelope when it was nobody that counts.
    """
    found = Verification(path.name)
    try:
        found.files = bundle.read(path)
    except NoBundle as error:
        found.say("bundle", str(error), "")
        return found
    sizes = sum(map(len, found.files.values()))
    found.say("bundle", None, f"{len(found.files)} files, {sizes} octets, nothing else in it")
    try:
        _questions(found, suite, keys, keyless, now)
    except Exception as error:  # noqa: BLE001 - whatever a stranger thought of that we did not
        found.say("form", f"it cannot be checked ({type(error).__name__}); what this suite makes can be", "")
    return found


def _questions(
    found: Verification,
    suite: Suite,
    keys: Sequence[PublicKey] | None,
    keyless: Keyless | None,
    now: dt.datetime,
) -> None:
    """Ask one question after the other, as long as the answers leave anything to ask."""
    opened = _signature(found, keys, keyless)
    # What sigstore made lies beside the statement, and was looked at with it.
    beside = {bundle.CERTIFICATE} | ({bundle.KEYLESS} if keyless is not None or keys is None else set())
    if opened is None or not _files(found, opened, beside):
        return
    read_well = _product(found) and _report(found)
    settings = _set(found) if read_well else None
    if settings is None:
        return
    again = _complete(found, suite, settings)
    if again is None:
        return
    _verdicts(found, again)
    chain = _attempts(found, again)
    _statement(found, opened, chain)
    _expiry(found, now)
    _whole(found, settings)
    _doubts(found, opened, again)


def _signature(found: Verification, keys: Sequence[PublicKey] | None, keyless: Keyless | None) -> dict[str, Any] | None:
    """The statement in the envelope, None when nobody that counts has signed it."""
    try:
        envelope = certificate.opened(found.files[bundle.CERTIFICATE])
        statement = envelope.statement
        if keyless is not None:
            who = keyless(found.files)
            found.say("signature", None, f"signed without a key by {shown(who)}")
            return statement
    except NoEnvelope as error:
        found.say("signature", f"{bundle.CERTIFICATE}: {error}", "")
        return None
    if keys is None:
        found.warnings.append("nobody's signature was asked for: give --key")
        return statement
    found.key = envelope.signed_by(keys)
    if found.key is None:
        found.say("signature", _unsigned(envelope, keys), "")
        return None
    found.facts["key"] = found.key.id
    found.say("signature", None, f"by the key {found.key.id[:16]}…")
    return statement


def _unsigned(envelope: Envelope, keys: Sequence[PublicKey]) -> str:
    count = len(envelope.signatures)
    return f"none of its {count} signatures is by {'the key' if len(keys) == 1 else 'one of the keys'} given"


def _files(found: Verification, statement: Mapping[str, Any], beside: set[str]) -> bool:
    """Whether the statement names each file of the bundle with its digest, and no other; `beside` hold itself."""
    try:
        described = {
            one["name"]: one["digest"]["sha256"]
            for one in statement["predicate"]["configuration"]
            if one["name"] in bundle.SIZES
        }
    except (KeyError, TypeError):
        return found.say("files", "the statement describes no files", "")
    signed = {name: sha256(data) for name, data in found.files.items() if name not in beside}
    trouble = None
    for name in sorted({*described, *signed}):
        if name not in signed:
            trouble = f"{name} was signed and is missing"
        elif name not in described:
            trouble = f"{name} is there and was not signed"
        elif signed[name] != described[name]:
            trouble = f"{name} is not the file that was signed: its digest is another"
        if trouble:
            break
    return found.say("files", trouble, f"{len(signed)} files with the digests that were signed")


def _product(found: Verification) -> bool:
    try:
        value = product.checked(read(found.files[bundle.PRODUCT]))
    except (NotReadable, NoProduct) as error:
        return found.say("product", f"{bundle.PRODUCT}: {error}", "")
    if canonical(value) != found.files[bundle.PRODUCT]:
        return found.say("product", f"{bundle.PRODUCT} is not in canonical form", "")
    found.facts["product"] = value
    return found.say("product", None, f"{value['vendor']}: {value['product']} {value['version']}")


def _report(found: Verification) -> bool:
    try:
        report = read(found.files[bundle.REPORT])
        name, version, rows = report["set"]["name"], report["suite"]["version"], report["requirements"]
    except NotReadable as error:
        return found.say("report", f"{bundle.REPORT}: {error}", "")
    except (KeyError, TypeError):
        name = version = rows = None
    if not (isinstance(name, str) and isinstance(version, str) and isinstance(rows, list)):
        return found.say("report", f"{bundle.REPORT} is no report of this suite", "")
    found.facts |= {"set": name, "suite": version}
    found.report = report
    return True


def _set(found: Verification) -> Settings | None:
    """The settings of the run, None when its set is not known here, or what it asked is not the set."""
    name = found.facts["set"]
    try:
        settings = settings_from(found.report["configuration"])
        known = RequirementSet.load(name)
        plan = frozen.text_of(name).encode()
    except Unfit as error:
        version = f"; it was made by version {shown(found.facts['suite'])}, this is {__version__}"
        found.say("set", f"{bundle.REPORT}: {error}{version}", "")
        return None
    except KeyError as error:
        found.say("set", f"{shown(str(error.args[0]))}; a newer version of the suite may know it", "")
        return None
    except SpecError as error:
        found.say("set", str(error), "")
        return None
    trouble = None
    try:
        rows = read(found.files[bundle.REQUIREMENTS])
        digest = digest_of_rows(rows)
        levels = {row["id"]: row["level"] for row in rows}
    except (NotReadable, KeyError, TypeError):
        trouble = f"{bundle.REQUIREMENTS} holds no requirements"
    else:
        if digest != known.digest or levels != dict(known.levels):
            trouble = f"{bundle.REQUIREMENTS} is not the set {name}: its digest is another"
        elif found.files[bundle.PLAN] != plan:
            trouble = f"{bundle.PLAN} is not the frozen plan of {name}"
        elif (settings.set, settings.profile) != (name, "certification"):
            trouble = "the run was of another set or profile than its report says"
    found.facts["plan"] = sha256(plan)
    ok = found.say("set", trouble, f"{name}, as it was released: {len(known.levels)} requirements and the frozen plan")
    return settings if ok else None


def _complete(found: Verification, suite: Suite, settings: Settings) -> Rejudged | None:
    """The evidence judged again, None when it is none or of no whole run."""
    try:
        plan = suite.plan(settings)
        again = rejudged(
            suite, settings, plan, testimony.read(found.files[bundle.EVIDENCE]), version=found.facts["suite"]
        )
    except Unfit as error:
        found.say("complete", f"{bundle.EVIDENCE}: {error}", "")
        return None
    except (ConfigError, SpecError) as error:
        found.say("complete", str(error), "")
        return None
    known = RequirementSet.load(found.facts["set"])
    judged = {row.requirement.id for row in again.rows if row.verdict in {"pass", "fail"}}
    must = {row.requirement.id for row in again.rows if row.decides and row.requirement.level == "MUST"}
    left = sorted((must & known.levels.keys()) - judged)
    trouble = list(again.complaints)
    if left:
        trouble.append(f"{', '.join(left[:NAMED])} could not be judged")
    more = f", and {len(trouble) - NAMED} more" if len(trouble) > NAMED else ""
    words = f"each of the plan's {plan.requests} requests is there once, sent as the plan says"
    found.say("complete", "; ".join(map(_line, trouble[:NAMED])) + more if trouble else None, words)
    return again


def _verdicts(found: Verification, again: Rejudged) -> None:
    """Whether the report says what the evidence gives."""
    said = found.report
    made = json.loads(json.dumps(again.report))
    differing = _verdicts_of(said) ^ _verdicts_of(made)
    trouble = None
    if differing:
        names = sorted({name for name, _verdict, _findings in differing})
        here, there = (dict(one[:2] for one in _verdicts_of(report)) for report in (said, made))
        trouble = "; ".join(
            f"{shown(name)}: the report says {shown(here.get(name, 'nothing'))}, the evidence gives "
            f"{there.get(name, 'nothing')}" + (", with other findings" if here.get(name) == there.get(name) else "")
            for name in names[:NAMED]
        )
    elif said.get("outcome") != made["outcome"]:
        trouble = f"the report says {shown(str(said.get('outcome')))}, the evidence gives {made['outcome']}"
    elif said != made and found.facts["suite"] == __version__:
        keys = sorted(key for key in {*said, *made} if said.get(key) != made.get(key))
        trouble = f"the report's {shown(', '.join(keys))} is not what the evidence gives"
    elif again.outcome not in CONFORMANT:
        trouble = f"the evidence is of a server that is not conformant: {again.outcome}"
    count = sum(row.judged > 0 for row in again.rows)
    words = f"all {count} made again from {made['requests']} exchanges, and alike: {again.outcome}"
    if not trouble and found.facts["suite"] == __version__:
        trouble = _view(found)
    found.facts["outcome"] = again.outcome
    found.facts["verdicts"] = {row.requirement.id: row.verdict for row in again.rows if not row.beyond}
    found.say("verdicts", trouble, words)


def _view(found: Verification) -> str | None:
    """What is wrong with the page that people read, when it is not made of the report as this version makes it."""
    return None if view_of(found.report) == found.files[bundle.VIEW] else f"{bundle.VIEW} does not show the report"


def _verdicts_of(report: Any) -> set[tuple[str, str, tuple[str, ...]]]:  # noqa: ANN401 - JSON comes in here
    """Requirement, verdict and ids of findings; what is no report has none."""
    try:
        return {
            (str(row["id"]), str(row["verdict"]), tuple(sorted(str(one["id"]) for one in row["findings"])))
            for row in report["requirements"]
        }
    except (KeyError, TypeError):
        return set()


def _attempts(found: Verification, again: Rejudged) -> tuple[attempts.Entry, ...]:
    """The chain of attempts, empty when it is broken."""
    try:
        entries = attempts.parse(found.files[bundle.ATTEMPTS])
        chain = attempts.chain(entries, found.facts["product"], found.facts["set"])
    except BrokenLedger as error:
        found.say("attempts", f"{bundle.ATTEMPTS}: {error}", "")
        return ()
    last = chain[-1].value if chain else {}
    trouble = None
    if len(chain) != len(entries):
        trouble = "it holds entries of another product or set"
    elif last.get("event") != "ended" or last.get("evidence") != sha256(found.files[bundle.EVIDENCE]):
        trouble = "its last entry is not of this run"
    elif (last["outcome"], last["target"], last["version"]) != (
        again.outcome,
        again.report["target"],
        found.facts["product"]["version"],
    ):
        trouble = "its last entry tells of another outcome, target or version"
    told = attempts.told(chain)
    if not trouble and told.fresh and told.runs == 1:
        found.warnings.append(told.words)
    found.say("attempts", None if not trouble else f"{bundle.ATTEMPTS}: {trouble}", told.words)
    return chain if not trouble else ()


def _statement(found: Verification, opened: Mapping[str, Any], chain: tuple[attempts.Entry, ...]) -> None:
    """Whether what was signed is what the files say."""
    if not chain:
        return
    try:
        suite = next(one["digest"]["sha256"] for one in opened["predicate"]["configuration"] if one["name"] == "suite")
        made = certificate.statement(found.files, found.report, found.facts["product"], chain, str(suite))
        trouble = None if canonical(made) == canonical(dict(opened)) else "it says something else than the files"
    except (KeyError, TypeError, ValueError, StopIteration):
        trouble = "it cannot be made again from the files"
    found.say("statement", trouble, "it says what the files say")


def _expiry(found: Verification, now: dt.datetime) -> None:
    report = found.report
    try:
        ended, expires = certificate.moment(report["ended_at"]), certificate.expiry(report["ended_at"])
    except (KeyError, TypeError, ValueError, OverflowError):
        found.say("expiry", "the report does not say when the run ended", "")
        return
    found.facts |= {"ended_at": report["ended_at"], "expires_at": expires, "target": report.get("target")}
    if now >= certificate.moment(expires):
        found.say("expiry", f"it expired at {expires}, {certificate.DAYS} days after its run", "")
    elif ended > now + EARLIEST:
        found.say("expiry", f"its run ended at {report['ended_at']}, which is yet to come", "")
    else:
        found.say("expiry", None, f"valid until {expires}")


def _whole(found: Verification, settings: Settings) -> None:
    """Whether the run was one that may be certified."""
    trouble = refusals(settings)
    if found.report.get("baseline") is not None:
        trouble.append("it was held to a baseline")
    if found.report.get("waived") or found.report.get("stopped") or found.report.get("partial") is None:
        trouble.append("something was waived, or the run did not end by itself")
    found.say("whole", "; ".join(map(_line, trouble)) or None, "no baseline, nothing waived, no selection, two tenants")


def _doubts(found: Verification, opened: Mapping[str, Any], again: Rejudged) -> None:
    """Note what a reader should know beside the answers."""
    configuration = opened["predicate"]["configuration"]
    digest = next((str(one["digest"]["sha256"]) for one in configuration if one.get("name") == "suite"), "")
    release = suite_digest.release(digest)
    same = "; they are the very files of this installation" if digest == suite_digest.digest() else ""
    if release is None:
        found.warnings.append(f"the suite that ran it is no release that is known here ({digest[:16]}…){same}")
    if again.hidden:
        found.warnings.append(
            f"{again.hidden} requests could not be compared in full with the plan, for a secret was taken out of them"
        )
    carried = [str(one).partition(":")[0] for one in found.report["configuration"]["header"]]
    if carried:
        found.warnings.append(f"each request carried fields beside its case's own: {_line(', '.join(carried))}")
    untested = sorted(name for name, verdict in found.facts["verdicts"].items() if verdict not in {"pass", "fail"})
    if untested:
        found.warnings.append(f"not judged, and not among the passed: {', '.join(untested)}")
    failed = sorted(name for name, verdict in found.facts["verdicts"].items() if verdict == "fail")
    if failed:
        found.warnings.append(f"not held, and not required of a conformant server: {', '.join(failed)}")


def _line(text: str) -> str:
    """A complaint, which may quote a stranger, as one line of ASCII."""
    return ascii(text)[1:-1][:300]


def compared(found: Sequence[Verification], threshold: int) -> list[Answer]:
    """Whether at least so many bundles, each valid and signed by a key of its own, say the same of the same product."""
    answers: list[Answer] = []
    valid = [one for one in found if one.valid]
    distinct = {one.key.id for one in valid if one.key is not None}
    words = f"{len(distinct)} valid certificates by keys of their own, {threshold} wanted"
    answers.append(Answer("threshold", len(distinct) >= threshold and len(valid) == len(found), words))
    if len(valid) < 2:  # noqa: PLR2004 - there is nothing to compare
        return answers
    first = valid[0]
    for question in ("set", "plan", "product", "verdicts"):
        other = next((one for one in valid if one.facts[question] != first.facts[question]), None)
        trouble = "" if other is None else f"{first.name} and {other.name} differ{_difference(question, first, other)}"
        answers.append(Answer(f"same {question}", other is None, trouble or f"the same in all {len(valid)}"))
    digests = [sha256(one.files[bundle.EVIDENCE]) for one in valid]
    if len(set(digests)) < len(digests):
        answers.append(
            Answer("own evidence", ok=False, words="two of them hold the very same evidence: one run, not two")
        )
    return answers


def _difference(question: str, first: Verification, other: Verification) -> str:
    if question != "verdicts":
        return ""
    here, there = first.facts["verdicts"], other.facts["verdicts"]
    return ": " + "; ".join(
        f"{name} {here.get(name)} and {there.get(name)}" for name in sorted(here) if here.get(name) != there.get(name)
    )
