"""Owns the kill table's engine: one plan, drawn once, judged against every fault of the reference server.

The faulty server is called in this process, without sockets, so that hundreds of runs take minutes; only a fault that
shows in no other way gets a process and connections. It must not know which requirement a fault is meant to break.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import gzip
import hashlib
import multiprocessing
import os
import random
import signal
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

from invoice_conformance import collector
from invoice_conformance.case import Identity, Numbering
from invoice_conformance.config import OPERATION, Settings
from invoice_conformance.engine import Budget, Engine
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response
from invoice_conformance.oracle import Oracle
from invoice_conformance.recipes import plain
from invoice_conformance.redaction import Redactor
from invoice_conformance.reduce import isolate
from invoice_conformance.reference import service as reference
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.reference.faults import FAULTS, install
from invoice_conformance.reference.messages import Request as Received
from invoice_conformance.reference.messages import Response as Answered
from invoice_conformance.reference.messages import Silence
from invoice_conformance.reference.store import Store
from invoice_conformance.sending import Courier, Unrecorded
from invoice_conformance.session import PRESENT, Suite, run
from invoice_conformance.survival import look_closer
from invoice_conformance.target import redacted
from invoice_conformance.trial import Holds
from invoice_conformance.verdict import Judge
from invoice_conformance.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

    from invoice_conformance.checks import Check, Script
    from invoice_conformance.contract import Contract
    from invoice_conformance.oracle import Judgement
    from invoice_conformance.plan import Plan
    from invoice_conformance.sending import Sender
    from invoice_conformance.trial import Meaning, Reading, Rules, Trial
    from invoice_conformance.verdict import Row
    from invoice_conformance.watching import Brief, Said

Broken: TypeAlias = tuple[frozenset[str], frozenset[str]]
"""The requirements that fail, and those that could not be judged."""

IDENTITY = Identity(
    ReferenceServer.token,
    ReferenceServer.tenant_id,
    ReferenceServer.contract_id,
    ReferenceServer.other_tenant_id,
    ReferenceServer.other_contract_id,
)
BASE_URL = "https://invoices.example"
"""The server is called as if it were reached by TLS at a host name, so that nothing is let off for want of these."""
REDACTOR = Redactor([], [IDENTITY.token])
AFTERWARDS = 600
"""Requests that may be spent after the plan."""
A_CONNECTION = 100
"""Requests after which the next connection is opened."""
A_REQUEST, AN_ANSWER = 0.003, 0.002
"""Seconds from one request to the next, and from a request to its answer, when nobody pauses.

So few that a plan is over before a createdAt of its beginning is one that stands still (`STANDSTILL`).
"""
MARK = "K1LLTAB1"
"""The mark of the numbers of every run: what they are run against forgets them."""


Headers: TypeAlias = "tuple[tuple[bytes, bytes], ...]"
Exchanges: TypeAlias = "dict[tuple[Request, int, Headers, bytes, float, float], Exchange]"
"""What was sent, the status, head and body that came, and when, with the exchange that it makes without secrets."""


class Called:
    """A reference server that is called as a function, one request at a time, and on a clock of its own.

    Its answers are the same in each run that sends the same requests and began at the same moment, in seconds since
    1970; None is now. `known` are exchanges of earlier runs, to which those of a run that `learns` are added.
    """

    def __init__(
        self,
        faults: tuple[str, ...],
        began: float | None = None,
        known: Exchanges | None = None,
        *,
        learns: bool = False,
    ) -> None:
        self._service = reference.Service(reference.Settings(), Store(":memory:"))
        for name in faults:
            install(FAULTS[name], self._service)
        self._service.pause = self._pause
        self._service.clock = self._clock
        self._service.draw_id = self._draw_id
        self._lock = threading.Lock()
        self._connection = self._requests = 0
        self._paused = 0.0
        self._started = time.time() if began is None else began
        self._ids = 0
        self._known = {} if known is None else known
        self._learns = learns

    async def _pause(self, seconds: float) -> None:
        """Let time go by that nobody waits for."""
        self._paused += seconds

    def _clock(self) -> float:
        return self._started + self._paused

    def _draw_id(self) -> str:
        """An id that depends on the request alone, however many invoices there are."""
        self._ids += 1
        return reference.identifier(hashlib.sha256(f"{self._started} {self._ids}".encode()).digest())

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """The answer of the server, as its front would send it."""
        if gate is not None:
            gate()
        with self._lock:
            self._started += self._paused + A_REQUEST
            self._paused = 0.0
            self._ids = 0
            started = self._started
            # Who takes part in a race has a connection of its own, and none serves for ever.
            self._requests += 1
            self._connection += gate is not None or self._requests % A_CONNECTION == 0
            received = _received(request, self._connection)
            self._connection += (b"connection", b"close") in received.headers
            try:
                answer = NO_HOST if _lacks_a_host(request) else _finished(self._service, received)
            except Silence as silence:
                self._connection += 1
                silent = Exchange(request, NoAnswer(silence.kind, "no answer"), started, self._paused)
                return redacted(silent, REDACTOR)
            elapsed = AN_ANSWER + self._paused
        body = b"" if request.method == "HEAD" else answer.body
        return self._exchanged(request, answer.status, answer.headers, body, started, elapsed)

    def _exchanged(
        self, request: Request, status: int, headers: Headers, body: bytes, started: float, elapsed: float
    ) -> Exchange:
        """The exchange without secrets; the very one of an earlier run if nothing is different."""
        key = (request, status, headers, body, started, elapsed)
        known = self._known.get(key)
        if known is not None:
            return known
        head = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        digest = hashlib.sha256(body).hexdigest()
        closed = True if request.values("connection") else None
        asked = True if request.wire.waits else None
        response = Response(status, "", "HTTP/1.1", head, body, len(body), digest, closed=closed, asked=asked)
        exchange = redacted(Exchange(request, response, started, elapsed), REDACTOR)
        if self._learns:
            self._known[key] = exchange
        return exchange


NO_HOST = Answered(400, ((b"content-type", b"text/plain"),), b"Invalid HTTP request received.")
"""What a parser below the application answers."""
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": functools.partial(gzip.compress, mtime=0),
    "utf-16-le": lambda body: body.decode().encode("utf-16-le"),
    "utf-16-le with its mark": lambda body: b"\xff\xfe" + body.decode().encode("utf-16-le"),
    "utf-32-le": lambda body: body.decode().encode("utf-32-le"),
}


def _lacks_a_host(request: Request) -> bool:
    named = len(request.values("host"))
    return named > 1 or not (named or request.wire.host)


def _received(request: Request, connection: int) -> Received:
    """What the server's front makes of a request."""
    raw, _, query = request.target.partition("?")
    headers = tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers)
    if request.chunked:
        headers += ((b"transfer-encoding", b"chunked"),)
    body = request.body + b" " * min(request.wire.padding, 2**20)
    if request.wire.coding:
        body = CODINGS[request.wire.coding](body)
    return Received(
        request.method,
        unquote(raw),
        headers,
        body,
        oversized=request.length > 2**20,
        secure=True,
        connection=connection,
        query=query.encode("latin-1"),
    )


def _finished(service: reference.Service, received: Received) -> Answered:
    """Run the service's coroutine; in an event loop only if it waits for something, which most never do."""
    coroutine = service.handle(received)
    try:
        coroutine.send(None)
    except StopIteration as done:
        answer: Answered = done.value
        return answer
    except RuntimeError:
        return asyncio.run(service.handle(received))
    raise AssertionError("the service waits for something that is no timer")


def courier_to(target: Sender, rules: Rules, mark: str) -> Courier:
    """A courier to a reference server, which writes nothing down and gives the same numbers in each run."""
    return Courier(
        target,
        IDENTITY,
        path=OPERATION,
        evidence=Unrecorded(),
        rules=rules,
        redactor=REDACTOR,
        control=plain(rules.contract),
        patience=0,
        numbering=Numbering(mark, random.Random(mark)),  # noqa: S311 - numbers that anybody may guess
    )


def afterwards(engine: Engine) -> None:
    """What is sent after the plan for the sake of verdicts."""
    budget = Budget(AFTERWARDS)
    look_closer(engine, budget)
    isolate(engine, budget)


def _is_fixed(script: Script) -> bool:
    return not script.id.startswith("random ")


Memory: TypeAlias = "dict[tuple[Meaning, Exchange], tuple[Reading, Said, Said, frozenset[str]]]"
"""The readings of exchanges, with all that was computed from them, and what the watching checks said of each: all of
it, what is not that they hold, and which hold."""


class Recalling(Oracle):
    """Judges a body once, however many runs send it: nothing but its octets counts."""

    def __init__(self, contract: Contract, *, now: str) -> None:
        super().__init__(contract, now=now)
        self._judged: dict[tuple[bytes, int], Judgement] = {}

    def judge(self, body: bytes, padding: int = 0) -> Judgement:
        """Judge the octets of a body, or have judged them."""
        known = self._judged.get((body, padding))
        if known is None:
            known = self._judged[body, padding] = super().judge(body, padding)
        return known


class Remembering(Watch):
    """Says of an exchange what was said of the same one in an earlier run: a verdict depends on nothing else.

    That a check holds is said once a run, of each kind of exchange: of how many nobody asks.
    """

    def __init__(self, brief: Brief, checks: Mapping[str, Check], memory: Memory, *, learns: bool) -> None:
        super().__init__(brief, checks)
        self._memory = memory
        self._learns = learns
        self._said: Said | None = None
        """What was said, in an earlier run, of the exchange that is judged at the moment."""
        self._holding: set[frozenset[str]] = set()

    def exchange(self, reading: Reading) -> None:
        """Let every watching check judge one exchange, or have judged it."""
        known = self._memory.get((reading.meaning, reading.exchange))
        self._said = self._once(*known[1:]) if known else None
        super().exchange(known[0] if known else reading)

    def _once(self, said: Said, others: Said, holding: frozenset[str]) -> Said:
        """What was said of an exchange, less what holds if the same has held of another of this run."""
        if holding in self._holding:
            return others
        self._holding.add(holding)
        return said

    def _watched(self, trial: Trial, reading: Reading) -> Said:
        if self._said is not None:
            return self._said
        said = super()._watched(trial, reading)
        if self._learns:
            holding = frozenset(check.name for check, judged, _own in said if isinstance(judged, Holds))
            others = [one for one in said if one[0].name not in holding]
            self._memory[reading.meaning, reading.exchange] = reading, said, others, holding
        return said


@dataclass(frozen=True)
class KillTable:
    """What fails, fault by fault, under one plan.

    Most answers of a faulty server are those of the correct one. These are judged once, by `practise`.
    """

    suite: Suite
    plan: Plan
    began: float = field(default_factory=time.time)
    memory: Memory = field(default_factory=dict)
    exchanges: Exchanges = field(default_factory=dict)

    @classmethod
    def drawn(cls) -> KillTable:
        """A table over the quick plan, less what is random: another version of Hypothesis may draw that otherwise."""
        loaded = Suite.load()
        rules = replace(loaded.rules, oracle=Recalling(loaded.contract, now=PRESENT), base_url=BASE_URL)
        suite = replace(loaded, rules=rules)
        plan = suite.plan(Settings(profile="quick"))
        planned = (replace(one, scripts=tuple(filter(_is_fixed, one.scripts))) for one in plan.planned)
        scripts = {name: script for name, script in plan.scripts.items() if _is_fixed(script)}
        return cls(suite, replace(plan, planned=tuple(planned), scripts=scripts))

    def practise(self) -> KillTable:
        """Remember how the answers of the correct server are judged, for all runs after this one."""
        self._failing((), learns=True)
        return self

    def failing(self, *faults: str) -> Broken:
        """The requirements that fail, and those that could not be judged, on a server with these faults."""
        if any(FAULTS[name].over_sockets for name in faults):
            return self.failing_over_sockets(*faults)
        return self._failing(faults)

    def _failing(self, faults: tuple[str, ...], *, learns: bool = False) -> Broken:
        called = Called(faults, self.began, self.exchanges, learns=learns)
        courier = courier_to(called, self.suite.rules, MARK)
        watch = functools.partial(Remembering, memory=self.memory, learns=learns)
        judge = Judge(self.plan, self.suite.catalogue, self.suite.rules, watch=watch)
        engine = Engine(self.plan, courier, judge, concurrency=0)
        engine.run(after=afterwards)
        return _broken(judge.rows())

    def failing_over_sockets(self, *faults: str) -> Broken:
        """The same of a server in a process of its own, with requests really under way at the same moment."""
        with tempfile.TemporaryDirectory() as folder, ReferenceServer(faults) as server:
            settings = Settings(
                base_url=server.url,
                token=IDENTITY.token,
                tenant_id=IDENTITY.tenant,
                contract_id=IDENTITY.contract,
                other_tenant_id=IDENTITY.other_tenant,
                other_contract_id=IDENTITY.other_contract,
                profile="quick",
                out=Path(folder) / "report",
            )
            globs = {FAULTS[name].shown_by for name in faults} - {"*"}
            asked = replace(settings, requirement=tuple(globs))
            plan = self.suite.plan(asked) if globs else self.plan
            return _broken(run(self.suite, settings, plan, writes=False).rows)


def _broken(rows: Sequence[Row]) -> Broken:
    return (
        frozenset(row.requirement.id for row in rows if row.verdict == "fail"),
        frozenset(row.requirement.id for row in rows if row.verdict not in {"pass", "fail", "not-selected"}),
    )


def kills(faults: Sequence[str], jobs: int) -> Iterator[tuple[str, Broken]]:
    """What each of `faults` breaks, in their order, as it becomes known; the empty name is the correct server.

    `jobs` processes work at it, each with a table of its own; none beside this one when a single job is enough.
    """
    if min(jobs, len(faults)) <= 1:
        table = KillTable.drawn()
        if len(faults) > 1:
            table.practise()
        yield from ((fault, _failing(table, fault)) for fault in faults)
        return
    context = multiprocessing.get_context("spawn")
    # Held by this process alone: when it closes its end, or dies of whatever, the others see it and end.
    theirs, ours = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(min(jobs, len(faults)), mp_context=context, initializer=_prepare, initargs=(theirs,))
    try:
        yield from zip(faults, pool.map(_failing_here, faults), strict=True)
    finally:
        ours.close()
        pool.shutdown(cancel_futures=True)
        theirs.close()


@functools.cache
def _table() -> KillTable:
    """The table of a process that `kills` started."""
    table = KillTable.drawn().practise()
    gc.collect()
    gc.freeze()  # what every run needs is not looked through again and again
    collector.look_seldom()
    return table


def _prepare(parent: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="end-with").start()
    if hasattr(os, "nice"):
        os.nice(5)  # minutes of work, for which nothing else need wait
    _table()


def _end_with(parent: Connection) -> None:
    """End this process as soon as the one that started it does, or has had enough."""
    parent.poll(None)
    os._exit(1)


def _failing_here(fault: str) -> Broken:
    return _failing(_table(), fault)


def _failing(table: KillTable, fault: str) -> Broken:
    return table.failing(*([fault] if fault else []))
