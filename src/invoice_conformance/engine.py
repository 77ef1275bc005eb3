"""Owns a run: preflight, the whole plan in flight, what is sent afterwards to understand a finding, the verdicts.

It knows plans and couriers, and no single requirement.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from invoice_conformance.boundaries import CONTRACT_FIELD
from invoice_conformance.checks import Script
from invoice_conformance.exchange import NoAnswer
from invoice_conformance.interruption import words_for
from invoice_conformance.sending import Gone, Stopped
from invoice_conformance.trial import Reading, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from invoice_conformance.account import Finding
    from invoice_conformance.case import Case
    from invoice_conformance.contract import Contract
    from invoice_conformance.plan import Plan
    from invoice_conformance.sending import Carrier
    from invoice_conformance.verdict import Judge


CAPPED = "not sent, because the invoice cap (--max-invoices) was reached"


CLOSER = "closer"
"""Role of what is sent only to look closer at a finding."""


class Listener(Protocol):
    """Is told how a run goes on."""

    def stage(self, words: str, total: int) -> None:
        """A stage begins, of `total` steps."""
        ...

    def advance(self, steps: int) -> None:
        """That many steps more are done."""
        ...


class Silent:
    """A listener that says nothing."""

    def stage(self, words: str, total: int) -> None:
        """Nothing."""

    def advance(self, steps: int) -> None:
        """Nothing."""


@dataclass
class Budget:
    """Requests that may still be sent."""

    left: int

    def take(self, count: int) -> bool:
        """Take that many, if there are."""
        if self.left < count:
            return False
        self.left -= count
        return True


@dataclass
class Done:
    """What a run came to, beside its judge: when, and why it ended early (None when it did not)."""

    started_at: float
    ended_at: float = 0.0
    stopped: str | None = None
    gone: bool = False
    interrupted: bool = False


@dataclass
class Sent:
    """The result of one job: readings by script and role."""

    readings: list[tuple[str, Reading]] = field(default_factory=list)
    script: Script | None = None
    trial: Trial | None = None
    unsent: str = ""
    case: Case | None = None


class Workers:
    """A fixed number of threads that take jobs and hand back results; the caller's thread does the judging.

    Without any the caller does the jobs too, one after the other.
    """

    def __init__(self, count: int) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], Sent] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Sent | BaseException] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True, name=f"sender-{n}") for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._results.put(job())
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
                self._results.put(error)

    def run(self, jobs: Iterable[Callable[[], Sent]], take: Callable[[Sent], None]) -> None:
        """Do every job and give each result to `take`, in the order of completion; re-raises what a job raised."""
        if not self._threads:
            for job in jobs:
                take(job())
            return
        waiting = deque(jobs)
        under_way = 0
        trouble: BaseException | None = None
        window = 4 * len(self._threads)
        while waiting or under_way:
            while waiting and under_way < window and trouble is None:
                self._jobs.put(waiting.popleft())
                under_way += 1
            if trouble is not None:
                waiting.clear()
                if not under_way:
                    break
            result = self._results.get()
            under_way -= 1
            if isinstance(result, BaseException):
                trouble = trouble or result
            else:
                take(result)
        if trouble is not None:
            raise trouble

    def close(self) -> None:
        """Let the threads end; those that wait for an answer end with it."""
        for _thread in self._threads:
            self._jobs.put(None)


class Engine:
    """Sends a plan and lets a judge see every trial."""

    def __init__(
        self,
        plan: Plan,
        courier: Carrier,
        judge: Judge,
        *,
        concurrency: int,
        listener: Listener | None = None,
    ) -> None:
        self._plan = plan
        self._courier = courier
        self._judge = judge
        self._listener = listener or Silent()
        self._concurrency = concurrency
        self._workers = Workers(concurrency)
        self._needed: dict[str, list[Script]] = {}
        self._readings: dict[str, Reading | None] = {}
        self._uses: dict[str, int] = {}
        self._open: dict[str, int] = {}
        self._hindered: dict[str, str | None] = {}
        """Why a case of the plan cannot be sent, None when it can."""
        names = dict.fromkeys(name for one in plan.scripts.values() for name in (one.id, *(c.id for _, c in one.steps)))
        self._places = {name: place for place, name in enumerate(names)}
        self.refused_together: list[tuple[Script, Trial]] = []
        """Legal combinations of several values that were refused, with the refusals."""
        self.singles: list[tuple[Case, bool]] = []
        """Cases with one legal departure from the plain invoice, and whether they were accepted."""
        self.silenced: list[tuple[Script, Reading]] = []
        """Requests that had no answer, twice, with the steps that led to them, and what was met instead."""

    def run(self, after: Callable[[Engine], None] | None = None) -> Done:
        """Send everything, then what `after` sends; returns how it went. Ctrl-C ends the run, not the process."""
        done = Done(time.time())
        try:
            self._all_cases()
            self._all_races()
            self._judge.hear()
            if after is not None:
                after(self)
        except Gone as stop:
            done.stopped, done.gone = str(stop), True
        except Stopped as stop:
            done.stopped = str(stop)
        except KeyboardInterrupt as interrupt:
            done.stopped, done.interrupted = words_for(interrupt), True
            self._courier.stopped = Stopped("interrupted")
        finally:
            with contextlib.suppress(KeyboardInterrupt):
                self._workers.close()
            done.ended_at = time.time()
        self._judge.hear()
        if done.stopped is not None:
            self._judge.cut_short(f"the run ended early: {done.stopped}")
            for script in self._unfinished():
                self._judge.unsent(script, f"not sent, because the run ended early: {done.stopped}")
        return done

    def findings(self) -> list[Finding]:
        """The findings so far."""
        return self._judge.findings()

    def place(self, script: Script) -> int:
        """Where a script stands in the plan: what is done afterwards is done in that order, whatever came first."""
        return self._places.get(script.id, len(self._places))

    def _unfinished(self) -> list[Script]:
        return [script for script in self._plan.scripts.values() if self._open.get(script.id, 1) > 0]

    def _all_cases(self) -> None:
        """Send all but the races, in flight together, the longest scripts first."""
        self._count_steps()
        self._listener.stage("sending the requests", self._plan.requests)
        apart = [_Apart(self, script) for script in self._ordered("apart")]
        for one in apart:
            one.begin()
        fixed = (functools.partial(self.step_by_step, script) for script in self._ordered("fixed"))
        between = (step for one in apart for step in one.between())
        alone = (functools.partial(self._one, case) for case in self._plan.cases() if self._can_send(case))
        self._workers.run(itertools.chain(fixed, between, alone), self._take)
        for one in apart:
            self._take_script(one.end())
        last = (functools.partial(self.step_by_step, script) for script in self._ordered("last"))
        self._workers.run(last, self._take)

    def _count_steps(self) -> None:
        """Note how many cases each script still waits for, and which scripts cannot be sent at all."""
        for script in self._plan.scripts.values():
            if script.order == "any":
                names = {case.id for _role, case in script.steps}
                self._open[script.id] = len(names)
                for name in names:
                    self._needed.setdefault(name, []).append(script)
            for _role, case in script.steps:
                if case.id not in self._hindered:
                    self._hindered[case.id] = self._courier.hinders(case)
            hindered = next((why for _role, case in script.steps if (why := self._hindered[case.id])), None)
            if hindered is not None:
                self._open[script.id] = 0
                self._judge.unsent(script, hindered, wanted=False)

    def _take(self, sent: Sent) -> None:
        if sent.case is not None:
            self._take_case(sent)
        else:
            self._take_script(sent)

    def _can_send(self, case: Case) -> bool:
        return self._hindered[case.id] is None

    def _one(self, case: Case) -> Sent:
        reading = self._courier.send(case)
        return Sent([] if reading is None else [("act", reading)], case=case)

    def _take_case(self, sent: Sent) -> None:
        self._listener.advance(1)
        case = sent.case
        if case is None:
            return
        reading = sent.readings[0][1] if sent.readings else None
        if reading is not None:
            self._judge.exchange(reading)
            self._note_silence(Script.alone(case), [reading])
            if len(case.edits) == 1 and reading.response is not None and reading.judgement.kind == "valid":
                self.singles.append((case, reading.accepted))
        scripts = self._needed.pop(case.id, [])
        self._uses[case.id] = sum(len(script.steps) > 1 and self._open[script.id] > 0 for script in scripts)
        if self._uses[case.id]:
            self._readings[case.id] = reading
        for script in scripts:
            if self._open[script.id] > 0:
                self._open[script.id] -= 1
                if self._open[script.id] == 0:
                    self._finish(script, reading)
                    if len(script.steps) > 1:
                        self._let_go(script)

    def _let_go(self, script: Script) -> None:
        """Forget the answers that no other script waits for."""
        for case_id in {case.id for _role, case in script.steps} & self._readings.keys():
            self._uses[case_id] -= 1
            if not self._uses[case_id]:
                del self._readings[case_id]

    def _finish(self, script: Script, last: Reading | None) -> None:
        readings: list[tuple[str, Reading]] = []
        for role, case in script.steps:
            reading = last if len(script.steps) == 1 else self._readings.get(case.id)
            if reading is None:
                self._judge.unsent(script, CAPPED)
                return
            readings.append((role, reading))
        trial = _trial(script, readings)
        act = trial.act
        if (
            len(act.meaning.edits) > 1
            and act.response is not None
            and not act.accepted
            and act.judgement.kind == "valid"
            and all(name != CONTRACT_FIELD for name, _edge in act.meaning.edits)  # another contract is reason enough
        ):
            self.refused_together.append((script, trial))
        self._judge.script(script, trial)

    def _all_races(self) -> None:
        # Races come last and alone, so that nothing else loads the target while they are run.
        for script in self._ordered("race"):
            self._take_script(self._run_race(script))

    def _ordered(self, order: str) -> list[Script]:
        """The scripts of one order that can be sent, those with most steps first."""
        sendable = [
            script
            for script in self._plan.ordered()
            if script.order == order and all(self._can_send(case) for _role, case in script.steps)
        ]
        return sorted(sendable, key=lambda script: -len(script.steps))

    def _take_script(self, sent: Sent) -> None:
        script = sent.script
        if script is None:
            return
        self._listener.advance(len(script.steps))
        for _role, reading in sent.readings:
            self._judge.exchange(reading)
        if script.order in {"fixed", "last"}:
            self._note_silence(script, [reading for _role, reading in sent.readings])
        self._open[script.id] = 0
        if sent.trial is None:
            self._judge.unsent(script, sent.unsent)
        else:
            self._judge.script(script, sent.trial)

    def _note_silence(self, script: Script, readings: list[Reading]) -> None:
        """Note the first step that had no answer."""
        for place, reading in enumerate(readings):
            if isinstance(reading.exchange.answer, NoAnswer):
                before = tuple(("before", case) for _role, case in script.steps[:place])
                self.silenced.append((Script(script.id, (*before, ("act", script.steps[place][1]))), reading))
                return

    def step_by_step(self, script: Script) -> Sent:
        """Send a script's steps one after the other; from the start again, once, when one had no answer."""
        sent = self._steps(script)
        if sent.trial is not None and any(reading.response is None for _role, reading in sent.readings):
            return self._steps(script)
        return sent

    def _steps(self, script: Script, role: str | None = None) -> Sent:
        drawn: dict[str, str] = {}
        readings: list[tuple[str, Reading]] = []
        for own, case in script.steps:
            reading = self._courier.send(case, script=script.id, role=role or own, drawn=drawn, once=_shares(case))
            if reading is None:
                return Sent(readings, script, unsent=CAPPED)
            readings.append((own, reading))
        return Sent(readings, script, _trial(script, readings))

    def _run_race(self, script: Script) -> Sent:
        """Run a race; once more, for another number, when one of its creates had no answer."""
        sent = self._race(script)
        if sent.trial is not None and any(reading.response is None for _role, reading in sent.readings):
            return self._race(script)
        return sent

    def _race(self, script: Script) -> Sent:
        """Send a script's steps at the same moment: each waits before its last octet until all are there."""
        drawn: dict[str, str] = {}
        for _role, case in script.steps:
            if case.slot is not None:
                self._courier.draw(case.slot, drawn)
        barrier = threading.Barrier(len(script.steps))

        def gate() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(timeout=5)

        results: list[tuple[str, Reading | None]] = []
        lock = threading.Lock()

        def runner(role: str, case: Case) -> None:
            reading: Reading | None = None
            with contextlib.suppress(Stopped):
                reading = self._courier.send(case, script=script.id, role=role, drawn=dict(drawn), gate=gate)
            with lock:
                results.append((role, reading))

        threads = [threading.Thread(target=runner, args=(role, case), daemon=True) for role, case in script.steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._courier.stopped is not None:
            raise self._courier.stopped
        readings = [(role, reading) for role, reading in results if reading is not None]
        # Not in the order of answers, so that what was written down is read in the same one.
        readings.sort(key=lambda one: (one[1].exchange.sent_at, one[1].exchange.elapsed))
        if len(readings) < len(script.steps):
            return Sent(readings, script, unsent=CAPPED)
        return Sent(readings, script, _trial(script, readings))

    def further(self, script: Script, *, watched: bool = True) -> Trial | None:
        """Send one more script and return its trial, None at the cap; judged by those who watch unless told not to.

        What is sent only to look closer at a finding is not `watched`: it would find the same again. Its records
        have the role `closer`.
        """
        sent = self._steps(script, role=None if watched else CLOSER)
        if watched:
            for _role, reading in sent.readings:
                self._judge.exchange(reading)
        return sent.trial

    def abandon(self, reason: str) -> None:
        """Give the plan up before it was begun."""
        self._workers.close()
        self._judge.cut_short(reason)
        for script in self._plan.scripts.values():
            self._judge.unsent(script, reason)

    def script_of(self, case_id: str) -> Script | None:
        """The script that sends a case alone or first, None when the plan has no such case."""
        known = self._plan.scripts.get(case_id)
        if known is not None:
            return known
        case = next((case for case in self._plan.cases() if case.id == case_id), None)
        return None if case is None else Script.alone(case)

    def case_of(self, case_id: str) -> Case | None:
        """The case of this name in any step of the plan, None when it has none."""
        steps = (case for script in self._plan.scripts.values() for _role, case in script.steps)
        return next((case for case in steps if case.id == case_id), None)

    @property
    def courier(self) -> Carrier:
        """What sends the run's cases."""
        return self._courier

    @property
    def contract(self) -> Contract:
        """The contract that the plan was made for."""
        return self._plan.scope.contract

    @property
    def listener(self) -> Listener:
        """Who is told how the run goes on."""
        return self._listener

    @property
    def judge(self) -> Judge:
        """Who judges the run."""
        return self._judge


def _trial(script: Script, readings: list[tuple[str, Reading]]) -> Trial:
    """The trial of a script whose steps were all answered, by role."""
    roles: dict[str, tuple[Reading, ...]] = {}
    for role, reading in readings:
        roles[role] = (*roles.get(role, ()), reading)
    return Trial(script.id, roles)


def _shares(case: Case) -> bool:
    """Whether its number is another request's too, so that sending it again with a fresh one would be another case."""
    return case.slot is not None and bool(case.slot.key)


class _Apart:
    """A script whose ends are far apart: the steps before `between` and `act` go first, those from `act` on last."""

    def __init__(self, engine: Engine, script: Script) -> None:
        self._engine = engine
        self._script = script
        self._drawn: dict[str, str] = {}
        roles = [role for role, _case in script.steps]
        until = roles.index("act")
        since = roles.index("between") if "between" in roles else until
        self._first, self._middle, self._last = script.steps[:since], script.steps[since:until], script.steps[until:]
        self._readings: list[tuple[str, Reading]] = []

    def begin(self) -> None:
        """Send the first steps."""
        self._send_all(self._first)

    def between(self) -> Iterator[Callable[[], Sent]]:
        """The steps between, as jobs that may be done in any order."""
        for role, case in self._middle:
            yield functools.partial(self._one, role, case)

    def _one(self, role: str, case: Case) -> Sent:
        reading = self._send(role, case)
        return Sent([] if reading is None else [(role, reading)], case=case)

    def end(self) -> Sent:
        """Send the last steps; the trial has the two ends."""
        self._send_all(self._last)
        if len(self._readings) < len(self._first) + len(self._last):
            return Sent([], self._script, unsent=CAPPED)
        return Sent(self._readings, self._script, _trial(self._script, self._readings))

    def _send_all(self, steps: tuple[tuple[str, Case], ...]) -> None:
        """Send steps one after the other, with nothing else under way."""
        for role, case in steps:
            reading = self._send(role, case)
            if reading is not None:
                self._readings.append((role, reading))

    def _send(self, role: str, case: Case) -> Reading | None:
        return self._engine.courier.send(case, script=self._script.id, role=role, drawn=self._drawn, once=_shares(case))
