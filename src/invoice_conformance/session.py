"""Owns putting a run together: settings in, a judged and reported run out.

Both faces, the command and pytest, call it; it prints nothing.
"""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from invoice_conformance import __version__, drawing, frozen, locate, lookout, process, sets
from invoice_conformance.address import proxy_of
from invoice_conformance.case import Identity
from invoice_conformance.catalogue import Catalogue
from invoice_conformance.checks import Check, Registry, Scope
from invoice_conformance.config import OPERATION, ConfigError, Settings
from invoice_conformance.contract import Contract
from invoice_conformance.engine import Done, Engine, Listener, Silent
from invoice_conformance.evidence import EvidenceWriter
from invoice_conformance.interruption import words_for
from invoice_conformance.oracle import Oracle
from invoice_conformance.plan import Plan, draws_of, make_plan
from invoice_conformance.preflight import Refusal, preflight
from invoice_conformance.recipes import plain
from invoice_conformance.reduce import understand
from invoice_conformance.report import document, views
from invoice_conformance.sending import Courier, Gone, Pace, Stopped, Unrecorded, token_from
from invoice_conformance.sets import RequirementSet
from invoice_conformance.trial import Rules
from invoice_conformance.verdict import Judge, Outcome, Row, exit_code_of, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.baseline import Comparison
    from invoice_conformance.frozen import Frozen
    from invoice_conformance.report.document import Report
    from invoice_conformance.sending import Recorder

NO_SECRETS = frozenset({"accept", "accept-language", "accept-encoding", "user-agent", "origin", "referer", "via"})
"""Fields of `--header` that hold no key."""
CREDENTIAL = re.compile(
    r"(?:^|[-_])(?:authorization|(?:api|access|subscription|functions)[-_]?key|(?:access|auth)[-_]?token|secret|password)$",
    re.IGNORECASE,
)
"""Names of fields of `--header` that no answer repeats. A cookie, a CSRF token and an Idempotency-Key may come back."""
SHORTEST_KEY = 8
"""Shorter values of `--header` are words, such as prod or v1, and no keys."""

PRESENT = "2026-01-01T00:00:00.000Z"
"""After this a date counts as in the future: a constant, so that verdicts do not change with the day."""


@dataclass(frozen=True)
class Suite:
    """What every run shares: the contract, the requirements, the checks, the oracle."""

    contract: Contract
    catalogue: Catalogue
    registry: Registry
    rules: Rules

    @classmethod
    def load(cls) -> Suite:
        """Read the suite's own spec and conformance tests; SpecError when they do not fit together."""
        contract = Contract.load()
        return cls(contract, Catalogue.load(), Registry.load(), Rules(contract, Oracle(contract, now=PRESENT)))

    def plan(self, settings: Settings, wanted: Callable[[Check, str], bool] | None = None) -> Plan:
        """The plan of a run; ConfigError when a requirement or case that it names does not exist."""
        try:
            selected = self.catalogue.matching(settings.requirement) if settings.requirement else None
            waived = self.waived(settings)
        except KeyError as error:
            raise ConfigError(str(error.args[0])) from None
        rows = selected if selected is not None else frozenset(row.id for row in self.catalogue)
        scope = Scope.of(self.contract, self.rules.oracle, settings.profile, settings.seed)
        frozen = self.frozen(settings) if settings.profile == "certification" else None
        # A frozen plan holds what was drawn for it.
        draws = draws_of(self.registry, scope, rows - waived) if frozen is None else ()
        with drawing.beside(scope, draws):
            plan = make_plan(
                self.registry if frozen is None else frozen.registry(self.registry),
                scope,
                requirements=rows - waived,
                case_globs=settings.case,
                wanted=wanted,
                frozen=None if frozen is None else frozen.scripts,
            )
        pinned = self.pinned(settings)
        if pinned is not None:
            plan = pinned.narrowed(plan)
        if settings.case and not plan.scripts:
            raise ConfigError(f"no case matches {', '.join(settings.case)}")
        return plan

    def pinned(self, settings: Settings) -> RequirementSet | None:
        """The set that `--set` names; ConfigError when there is none of that name."""
        try:
            return RequirementSet.load(settings.set) if settings.set is not None else None
        except KeyError as error:
            raise ConfigError(str(error.args[0])) from None

    def frozen(self, settings: Settings) -> Frozen:
        """The frozen plan of the set that `--set` names, or of the newest; ConfigError when there is none."""
        newest = sets.names()[-1:]
        try:
            found = frozen.load(settings.set or "".join(newest), self.contract)
        except KeyError as error:
            raise ConfigError(str(error.args[0])) from None
        if settings.seed != found.seed:
            raise ConfigError(
                f"--seed {settings.seed} has no meaning with --profile certification, whose cases are drawn"
            )
        return found

    def waived(self, settings: Settings) -> frozenset[str]:
        """The requirements that `--without` names; KeyError when one does not exist."""
        return self.catalogue.matching(settings.without) if settings.without else frozenset()


@dataclass(frozen=True)
class Result:
    """A finished run: its rows, outcome, exit code, report and where that was written."""

    rows: tuple[Row, ...]
    outcome: Outcome
    exit_code: int
    report: Report
    folder: Path
    judge: Judge
    done: Done


WATCHED_BESIDE = 1500
"""Requests of a plan from which on a process of its own is worth its start."""

COMMON = (
    "Content-Type: application/problem+json; charset=utf-8, WWW-Authenticate: Bearer, Authorization, Content-Length, "
    "Transfer-Encoding: chunked, Connection: keep-alive, X-Content-Type-Options: nosniff, X-Request-Id, Server, Date: "
    "Strict-Transport-Security: max-age=31536000; includeSubDomains, Cache-Control: no-store, no-cache, Location, "
    "correlation-id, X-Forwarded-For, application, Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; html, text, "
    "plain, gzip, close, realm, error, error_description, invalid_token, invalid_request, insufficient_scope, token, "
    "bearer, api, test, demo, dev, staging, null, undefined, none, true, false, http, https, localhost, inv"
)
"""What heads of answers are made of."""


def _ordinary(settings: Settings) -> tuple[str, ...]:
    """Texts that answers are made of, whatever the token is: the page's, those of HTTP, the target's own names."""
    page = tuple(locate.spec_dir().joinpath(name).read_text(encoding="utf-8") for name in ("source.md", "openapi.yaml"))
    ids = (settings.tenant_id, settings.contract_id, settings.other_tenant_id, settings.other_contract_id)
    return (*page, COMMON, settings.base_url or "", *(text for text in ids if text))


def folder_for(settings: Settings, now: float) -> Path:
    """The report's folder: as configured, else `reports/<host>-<UTC time>`."""
    if settings.out is not None:
        return settings.out
    host = "reference" if settings.base_url is None else settings.base_url.partition("://")[2].partition("/")[0]
    name = "".join(letter if letter.isalnum() or letter in ".-" else "-" for letter in host)
    return Path("reports") / f"{name}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"


def run(
    suite: Suite,
    settings: Settings,
    plan: Plan,
    *,
    listener: Listener | None = None,
    writes: bool = True,
    whole: bool = True,
) -> Result:
    """Run a plan against the configured target, or against the reference server when there is none.

    `whole` is whether the plan holds every case of the requirements that it has anything of.
    OSError when the report's folder cannot be written. The report is written whatever happens after that.
    """
    listener = listener or Silent()
    started = time.time()
    folder = folder_for(settings, started)
    pinned = suite.pinned(settings)
    with ExitStack() as stack:
        evidence = stack.enter_context(EvidenceWriter(folder))
        reached = stack.enter_context(Embedded(settings)) if settings.embedded else settings
        rules = replace(suite.rules, base_url=reached.base_url or "")
        opened = stack.enter_context(Opened(rules, reached, evidence))
        courier = opened.courier
        judge = Judge(plan, suite.catalogue, rules, suite.waived(settings), pinned)
        if plan.requests >= WATCHED_BESIDE and process.cores() > 1:
            judge.post(stack.enter_context(lookout.posted(judge.brief, rules, plan.checks)))
        engine = Engine(plan, courier, judge, concurrency=settings.concurrency, listener=listener)
        if writes:
            # While the target is asked the first things, there is time for it.
            threading.Thread(target=views.prepare, daemon=True, name="report").start()
        done = proceed(suite, settings, engine, listener, started)
        remarks = opened.remarks
    rows = judge.rows()
    outcome = outcome_of(rows, aborted=done.gone, interrupted=done.stopped is not None)
    whole = whole and not settings.case and done.stopped is None
    compared = _compared(rows, settings, started, whole=whole)
    exit_code = exit_code_of(
        rows,
        outcome,
        settings.level,
        known=compared.known if compared is not None else (),
        stale=compared is not None and compared.stale,
        aborted=done.gone,
    )
    report = document.build(
        contract=suite.contract,
        catalogue=suite.catalogue,
        settings=settings,
        plan=plan,
        rows=rows,
        outcome=outcome,
        exit_code=exit_code,
        compared=compared,
        whole=whole,
        pinned=pinned,
        done=done,
        ledger=courier.ledger,
        met=judge.met(),
        remarks=remarks,
        version=__version__,
    )
    if writes:
        document.write(report, folder)
        views.write_beside(report, folder)
    return Result(rows, outcome, exit_code, report, folder, judge, done)


def _compared(rows: tuple[Row, ...], settings: Settings, started: float, *, whole: bool) -> Comparison | None:
    """What the baseline, if there is one, has to do with these rows."""
    if settings.baseline is None:
        return None
    today = dt.datetime.fromtimestamp(started, dt.UTC).date()
    return settings.baseline.compared(rows, settings, today=today, whole=whole)


def examine(suite: Suite, settings: Settings) -> Refusal | Courier:
    """Ask the target for one invoice and nothing else; why it cannot be judged, or the courier that was answered."""
    with ExitStack() as stack:
        reached = stack.enter_context(Embedded(settings)) if settings.embedded else settings
        courier = stack.enter_context(Opened(suite.rules, reached, Unrecorded())).courier
        try:
            first = preflight(courier, suite.contract, settings.wait_for_target)
        except Stopped as stop:
            return Refusal(f"{stop}; the target was not found ready")
        return first if isinstance(first, Refusal) else courier


def proceed(suite: Suite, settings: Settings, engine: Engine, listener: Listener, started: float) -> Done:
    """Ask whether there is anything to judge, send the plan, then look closer at what was found."""
    try:
        listener.stage("asking the target for one plain invoice", 1)
        first = preflight(engine.courier, suite.contract, settings.wait_for_target)
    except Gone as stop:
        first = Refusal(str(stop))
    except Stopped as stop:
        engine.abandon(str(stop))
        return Done(started, time.time(), f"{stop}; no requirement was judged")
    except KeyboardInterrupt as interrupt:
        engine.abandon(words_for(interrupt))
        return Done(started, time.time(), words_for(interrupt), interrupted=True)
    if isinstance(first, Refusal):
        engine.abandon(first.words)
        return Done(started, time.time(), first.words, gone=True)
    for reading in first:
        engine.judge.exchange(reading)
    return engine.run(after=understand)


class Embedded:
    """The settings of a run against the reference server, which lives as long as the `with` block."""

    def __init__(self, settings: Settings) -> None:
        from invoice_conformance.reference.embed import ReferenceServer  # noqa: PLC0415 - only needed here

        self._settings = settings
        self._server = ReferenceServer()

    def __enter__(self) -> Settings:
        server = self._server.__enter__()
        return replace(
            self._settings,
            base_url=server.url,
            token=server.token,
            tenant_id=server.tenant_id,
            contract_id=server.contract_id,
            other_tenant_id=server.other_tenant_id,
            other_contract_id=server.other_contract_id,
        )

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()


class Opened:
    """A courier to the configured target, whose connections live as long as the `with` block."""

    def __init__(self, rules: Rules, settings: Settings, evidence: Recorder) -> None:
        from invoice_conformance.redaction import Redactor  # noqa: PLC0415 - brings in the HTTP client
        from invoice_conformance.target import Target, TargetSettings  # noqa: PLC0415 - likewise

        try:
            token = settings.token or token_from(settings.token_command or "")
        except ValueError as error:
            raise ConfigError(f"{error}; nothing was sent") from None
        # What is no key must not be taken for one: its text may well stand in an answer, which would be judged maimed.
        keys = [
            (name, value)
            for name, value in settings.header
            if name.lower() not in NO_SECRETS and len(value) >= SHORTEST_KEY
        ]
        credentials = [token, *(value for name, value in keys if CREDENTIAL.search(name))]
        redactor = Redactor([token, *(value for _name, value in keys)], credentials, _ordinary(settings))
        base = settings.base_url or ""
        until = time.perf_counter() + settings.max_time
        where = TargetSettings(
            base,
            timeout=settings.timeout,
            ca_file=settings.ca_file,
            insecure=settings.insecure,
            client_cert=settings.client_cert,
            client_key=settings.client_key,
            proxy=settings.proxy,
            until=until,
        )
        if settings.proxy is not None:
            redactor.add(proxy_of(settings.proxy)[3])
        redactor.add(where.via_credentials.removeprefix("Basic "))
        try:
            self._target = Target(where, redactor)
        except OSError as error:
            files = {"--ca-file": settings.ca_file, "--client-cert": settings.client_cert}
            named = " or ".join(f"{option} {file}" for option, file in files.items() if file is not None)
            raise ConfigError(f"{named} cannot be used: {error}; nothing was sent") from None
        self.courier = Courier(
            self._target,
            Identity(
                token,
                settings.tenant_id,
                settings.contract_id,
                settings.other_tenant_id,
                settings.other_contract_id,
            ),
            path=where.prefix + OPERATION,
            evidence=evidence,
            rules=rules,
            redactor=redactor,
            common=settings.header,
            pace=Pace(settings.rate_limit),
            cap=settings.max_invoices,
            token_command=settings.token_command,
            control=plain(rules.contract),
            until=until,
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was done differently because of the target, in a sentence each."""
        return self._target.remarks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._target.close()
