"""Owns the watching of exchanges in a process of its own, whose time passes beside that of sending them.

It must not know what the checks are about. What comes back is what would have been seen in this process.
"""

from __future__ import annotations

import io
import pickle
import queue
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from invoice_conformance import collector, process
from invoice_conformance.checks import Check, Registry
from invoice_conformance.trial import Reading, Rules
from invoice_conformance.watching import Seen, Watch

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from invoice_conformance.exchange import Exchange
    from invoice_conformance.trial import Meaning
    from invoice_conformance.watching import Brief

TOGETHER: Final = 16
"""Exchanges that are told at once: waking another thread takes longer than telling of one."""

READY: Final = b"ready"
"""What it says when it has all that it needs."""


class Lookout:
    """Is told of every exchange, and says in the end what was seen."""

    def __init__(self, child: subprocess.Popen[bytes], brief: Brief, rules: Rules, checks: Mapping[str, Check]) -> None:
        self._child = child
        self._rules = rules
        self._checks = checks
        self._untold: list[tuple[Exchange, Meaning]] = []
        self._told: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answer = b""
        self.state: Literal["coming", "there", "missing"] = "coming"
        """What is `missing` ended before it had been told of anything, so that nothing is lost."""
        # In a thread, for Ctrl-C must not tear apart what is on its way.
        self._telling = threading.Thread(target=self._tell, args=(brief,), daemon=True, name="lookout")
        self._telling.start()

    def exchange(self, reading: Reading) -> None:
        """Tell of one exchange."""
        self._untold.append((reading.exchange, reading.meaning))
        if len(self._untold) == TOGETHER:
            self._pass_on()

    def heard(self) -> Seen | list[Reading] | str:
        """What was seen; of a lookout that is missing, what it was to be told; or why nothing is known."""
        self._pass_on()
        self._told.put(None)
        self._telling.join()
        if self.state == "missing":
            return list(self._never_told())
        if self._child.returncode != 0:
            return f"defect of the suite: the process that watches ended early, with {self._child.returncode}"
        seen: Seen = _Reader(self._answer, self._rules, self._checks).load()
        return seen

    def close(self) -> None:
        """End it, heard or not."""
        self._child.kill()
        self._told.put(None)
        self._telling.join()

    def _pass_on(self) -> None:
        told, self._untold = self._untold, []
        if told:
            self._told.put(pickle.dumps(told))

    def _never_told(self) -> Iterator[Reading]:
        while (told := self._told.get()) is not None:
            for exchange, meaning in pickle.loads(told):  # noqa: S301 - our own
                yield Reading(exchange, meaning, self._rules)

    def _tell(self, brief: Brief) -> None:
        # It may have ended, which its status tells; what is left for it is written in vain even as its pipe is closed.
        with suppress(OSError), self._child as child:
            if child.stdin is None or child.stdout is None or not self._came(child.stdin, child.stdout, brief):
                self.state = "missing"
                child.kill()
                return
            self.state = "there"
            while (told := self._told.get()) is not None:
                child.stdin.write(told)
                child.stdin.flush()
            child.stdin.write(pickle.dumps(None))
            child.stdin.flush()
            self._answer = child.stdout.read()

    def _came(self, to: IO[bytes], out_of: IO[bytes], brief: Brief) -> bool:
        try:
            to.write(pickle.dumps((brief, self._rules)))
            to.flush()
            return out_of.read(len(READY)) == READY
        except OSError:
            return False


class _Writer(pickle.Pickler):
    """Writes what was seen, less what the reader has itself: the checks, the rules, all that readings work out."""

    def __init__(self, file: IO[bytes], rules: Rules) -> None:
        super().__init__(file)
        self._rules = rules

    def persistent_id(self, value: object) -> str | None:
        """The name of a check; an empty one stands for the rules."""
        if value is self._rules:
            return ""
        return value.name if isinstance(value, Check) else None

    def reducer_override(self, value: object) -> Any:  # noqa: ANN401 - as pickle has it
        """How a reading is written."""
        if isinstance(value, Reading):
            return Reading, (value.exchange, value.meaning, value.rules)
        return NotImplemented


class _Reader(pickle.Unpickler):
    """Reads what a `_Writer` wrote."""

    def __init__(self, written: bytes, rules: Rules, checks: Mapping[str, Check]) -> None:
        super().__init__(io.BytesIO(written))
        self._rules = rules
        self._checks = checks

    def persistent_load(self, name: str) -> Check | Rules:
        """The check of this name, or the rules."""
        return self._checks[name] if name else self._rules


@contextmanager
def posted(brief: Brief, rules: Rules, checks: Mapping[str, Check]) -> Iterator[Lookout | None]:
    """A lookout for as long as the block runs; None where no process can be started."""
    child = process.started(__name__)
    if child is None:
        yield None
        return
    lookout = Lookout(child, brief, rules, checks)
    try:
        yield lookout
    finally:
        lookout.close()


def main() -> None:
    """Watch what we are told of, and tell what was seen."""
    collector.look_seldom()
    told, tells = process.pipes()
    brief, rules = pickle.load(told)  # noqa: S301 - our own parent wrote it
    watch = Watch(brief, {check.name: check for check in Registry.load().checks})
    collector.look_past()
    tells.write(READY)
    tells.flush()
    while (exchanges := pickle.load(told)) is not None:  # noqa: S301 - likewise
        for exchange, meaning in exchanges:
            watch.exchange(Reading(exchange, meaning, rules))
    _Writer(tells, rules).dump(watch.seen)


if __name__ == "__main__":
    main()
