"""Owns the way from evidence back to verdicts: the same plan, engine and judges as a run's, and no target.

The answers come from what was written down; whatever the plan asks for and the evidence lacks, or has beyond it, is
said. It opens no connection and reads no clock, so the same evidence always gives the same report.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, get_type_hints

from invoice_conformance import testimony
from invoice_conformance.case import Identity
from invoice_conformance.config import OPERATION, Settings
from invoice_conformance.engine import CLOSER, Engine, Silent
from invoice_conformance.exchange import NoAnswer
from invoice_conformance.plan import meaning_of
from invoice_conformance.redaction import REDACTED
from invoice_conformance.report import document
from invoice_conformance.sending import MOMENTS_KEPT, Ledger, Moment
from invoice_conformance.session import proceed
from invoice_conformance.testimony import Author, Unfit
from invoice_conformance.trial import Reading
from invoice_conformance.verdict import Judge, exit_code_of, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from invoice_conformance.case import Case, NumberSlot
    from invoice_conformance.evidence import Record
    from invoice_conformance.plan import Plan
    from invoice_conformance.report.document import Report
    from invoice_conformance.sending import Stopped
    from invoice_conformance.session import Suite
    from invoice_conformance.trial import Rules
    from invoice_conformance.verdict import Outcome, Row

SAID = 20
"""Complaints that are kept; after so many it is plain enough."""


@dataclass(frozen=True)
class Rejudged:
    """What evidence comes to: rows, outcome, the report that it makes, and how it differs from that of a whole run.

    `hidden` counts requests that could not be compared in full, because a secret was taken out of them.
    """

    rows: tuple[Row, ...]
    outcome: Outcome
    report: Report
    complaints: tuple[str, ...]
    hidden: int
    judge: Judge


def rejudged(suite: Suite, settings: Settings, plan: Plan, records: Iterable[Record], *, version: str) -> Rejudged:
    """Judge what was written down of a run with these settings; Unfit when it holds no exchange at all."""
    kept = list(records)
    if not kept:
        raise Unfit("there is no exchange in it")
    rules = replace(suite.rules, base_url=settings.base_url or "")
    recorded = Recorded(kept, settings, rules, frozenset(plan.scripts))
    pinned = suite.pinned(settings)
    judge = Judge(plan, suite.catalogue, rules, suite.waived(settings), pinned)
    engine = Engine(plan, recorded, judge, concurrency=0)
    done = proceed(suite, settings, engine, Silent(), 0.0)
    for reading in recorded.rest_of_it():
        judge.exchange(reading)
    moments = [record.exchange for record in kept]
    done.started_at = min(exchange.sent_at for exchange in moments)
    done.ended_at = max(exchange.sent_at + exchange.elapsed for exchange in moments)
    rows = judge.rows()
    outcome = outcome_of(rows, aborted=done.gone, interrupted=done.stopped is not None)
    report = document.build(
        contract=suite.contract,
        catalogue=suite.catalogue,
        settings=settings,
        plan=plan,
        rows=rows,
        outcome=outcome,
        exit_code=exit_code_of(rows, outcome, settings.level, aborted=done.gone),
        compared=None,
        whole=done.stopped is None,
        pinned=pinned,
        done=done,
        ledger=_ledger(kept),
        met=judge.met(),
        # Nothing of what is written down shows why it was sent so.
        remarks=(),
        version=version,
    )
    return Rejudged(rows, outcome, report, tuple(recorded.complaints), recorded.hidden, judge)


class Recorded:
    """Answers a plan's cases with what was written down, and notes whatever does not fit."""

    def __init__(self, records: list[Record], settings: Settings, rules: Rules, planned: frozenset[str]) -> None:
        self.stopped: Stopped | None = None
        self.complaints: list[str] = []
        self._rules = rules
        self._planned = planned
        self._identity = identity_of(settings)
        self._author = Author(self._identity, path_of(settings), tuple(name for name, _value in settings.header))
        self._waiting: dict[tuple[str, str, str], deque[Record]] = {}
        for record in records:
            if record.counts:
                self._waiting.setdefault((record.script, record.role, record.meaning.id), deque()).append(record)
            elif not testimony.set_aside_rightly(record):
                self._complain(f"an exchange of case {record.meaning.id!r} was set aside though it was answered")

    @property
    def path(self) -> str:
        """The operation's path on the target."""
        return self._author.path

    def hinders(self, case: Case) -> str | None:
        """Why a case was not to be sent; None when it was."""
        return self._identity.hinders(case)

    @property
    def hidden(self) -> int:
        """Requests that could not be compared in full."""
        return self._author.hidden

    def send(
        self,
        case: Case,
        *,
        script: str = "",
        role: str = "act",
        drawn: dict[str, str] | None = None,
        gate: Callable[[], None] | None = None,  # noqa: ARG002 - nobody waits for an answer that is there
        once: bool = False,  # noqa: ARG002 - it was sent as often as it was
    ) -> Reading | None:
        """The exchange that counts."""
        waiting = self._waiting.get((script, role, case.id))
        if not waiting:
            if role != CLOSER and (not script or script in self._planned):
                self._complain(f"there is no exchange of case {case.id!r}" + (f" in {script!r}" if script else ""))
            return None
        record = waiting.popleft()
        meaning = meaning_of(case)
        trouble = self._author.trouble(case, record.exchange, drawn)
        if record.meaning != meaning:
            trouble = "what it says of its case is not so"
        if trouble:
            self._complain(f"the exchange of case {case.id!r}: {trouble}")
        return Reading(record.exchange, meaning, self._rules)

    def draw(self, slot: NumberSlot, drawn: dict[str, str]) -> None:
        """Nothing: the marks are drawn."""

    def rest(self, seconds: float) -> None:
        """Nothing: the time has passed."""

    def rest_of_it(self) -> Iterable[Reading]:
        """What nobody asked for: of a plan's cases that is a complaint, else those who watch judge it."""
        for (script, role, case), waiting in self._waiting.items():
            if not waiting or role == CLOSER:
                continue
            if not script or script in self._planned:
                self._complain(f"case {case!r} has {len(waiting)} exchanges more than the plan sends")
            yield from (Reading(record.exchange, record.meaning, self._rules) for record in waiting)

    def _complain(self, words: str) -> None:
        if len(self.complaints) < SAID:
            self.complaints.append(words)


def identity_of(settings: Settings) -> Identity:
    """Who asked, with the token as evidence shows it."""
    return Identity(
        REDACTED, settings.tenant_id, settings.contract_id, settings.other_tenant_id, settings.other_contract_id
    )


def path_of(settings: Settings) -> str:
    """The operation's path on the target."""
    rest = (settings.base_url or "").partition("://")[2]
    return "/".join(("", *rest.split("/")[1:])).rstrip("/") + OPERATION


def settings_from(shown: object) -> Settings:
    """The settings that a report shows; Unfit when they cannot be those of a run."""
    if not isinstance(shown, dict) or shown.keys() != {one.name for one in fields(Settings)}:
        raise Unfit("its configuration is not one of this version")
    values: dict[str, Any] = dict(shown)
    if values["baseline"] is not None or values["out"] is not None:
        raise Unfit("its configuration names a baseline or a folder")
    headers = values["header"]
    if not isinstance(headers, list) or not all(isinstance(one, str) and ": " in one for one in headers):
        raise Unfit("its configuration is not one of this version")
    values["header"] = tuple(tuple(one.split(": ", 1)) for one in headers)
    for key, value in values.items():
        if isinstance(value, list):
            values[key] = tuple(value)
    settings = Settings(**values)
    hints = _settings_hints()
    for key, hint in hints.items():
        if key not in {"baseline", "out"} and not testimony.fits(getattr(settings, key), hint):
            raise Unfit(f"its configuration has a value for {key} that no run has")
    if not re.fullmatch(r"https?://[\x21-\x7e]+", settings.base_url or ""):
        raise Unfit("its configuration has no URL")
    if settings.redacted() != shown:
        raise Unfit("its configuration is not written as a run writes it")
    return settings


def _settings_hints() -> dict[str, Any]:
    from pathlib import Path  # noqa: PLC0415 - names in a type hint

    from invoice_conformance.baseline import Baseline  # noqa: PLC0415 - likewise
    from invoice_conformance.exchange import Header  # noqa: PLC0415 - likewise

    return get_type_hints(Settings, localns={"Path": Path, "Baseline": Baseline, "Header": Header})


def _ledger(records: list[Record]) -> Ledger:
    """What a run did to its target, counted from what was written down."""
    ledger = Ledger()
    for record in records:
        exchange, answer = record.exchange, record.exchange.answer
        status = 0 if isinstance(answer, NoAnswer) else answer.status
        ledger.requests += 1
        ledger.invoices += status in {200, 201} and exchange.request.method == "POST"
        if len(ledger.moments) < MOMENTS_KEPT:
            ledger.moments.append(Moment(exchange.sent_at, exchange.elapsed, status))
    return ledger
