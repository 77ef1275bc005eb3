"""Owns who draws what a plan is made of: for a long plan not this process alone, for a very long one another alone.

It must not know what anything that is drawn is for. Where no process can be started, or it fails, all is drawn here.
"""

from __future__ import annotations

import pickle
import queue
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from invoice_conformance import process, second

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator

    from invoice_conformance.checks import Draw, Scope
    from invoice_conformance.contract import Contract
    from invoice_conformance.second import Fuzzing

FEW: Final = 100
"""Values that are drawn before another process would have begun."""

MANY: Final = 1000
"""Values that are not drawn here if another can, for the memory that this takes is never given back."""


def drawn(contract: Contract, fuzzing: tuple[Fuzzing, ...], asked: Draw) -> Any:  # noqa: ANN401 - of any kind
    """What a draw comes to, the same in any process; `fuzzing` says what the second generator draws."""
    if asked.kind == second.KIND:
        return second.draw(contract, asked.seed, fuzzing)
    from invoice_conformance import strategies  # noqa: PLC0415 - Hypothesis takes a while to import

    return strategies.drawn(contract, asked)


@contextmanager
def beside(scope: Scope, asked: Iterable[Draw]) -> Iterator[None]:
    """Draw for a scope while its plan is made; what is not asked for by the end is given up."""
    # What takes longest comes first.
    draws = sorted(dict.fromkeys(asked), key=lambda draw: draw.kind != second.KIND)
    values = sum(draw.count for draw in draws)
    child = process.started(__name__) if values >= FEW and process.cores() > 1 else None
    if child is None:
        yield
        return
    drawing = Drawing(scope.contract, draws, child, shared=values < MANY)
    scope.drawing.append(drawing.of)
    try:
        yield
    finally:
        scope.drawing.clear()
        drawing.close()


class Drawing:
    """What was drawn so far, and what nobody has drawn yet.

    A child draws from the first on; from the last on this process does too, when the work is `shared`.
    """

    def __init__(self, contract: Contract, draws: list[Draw], child: subprocess.Popen[bytes], *, shared: bool) -> None:
        self._contract = contract
        self._fuzzing = second.THOROUGH
        self._draws = draws
        self._drawn: dict[Draw, Any] = {}
        self._child = child
        self._shared = shared
        self._ended = False
        self._arrived: queue.SimpleQueue[tuple[Draw, Any] | None] = queue.SimpleQueue()
        self._talking = threading.Thread(target=self._talk, daemon=True, name="drawing")
        self._talking.start()

    def of(self, asked: Draw) -> Any:  # noqa: ANN401 - of any kind
        """What a draw comes to, once either has drawn it."""
        while asked not in self._drawn:
            left = [draw for draw in self._draws if draw not in self._drawn]
            self._take_in(wait=not self._shared or left == [asked])
            if asked in self._drawn or not (self._shared or self._ended):
                continue
            mine = left[-1] if asked in left and not self._ended else asked
            if mine not in self._drawn:
                self._drawn[mine] = drawn(self._contract, self._fuzzing, mine)
        return self._drawn[asked]

    def close(self) -> None:
        """End the child, whatever it is at."""
        self._child.kill()
        self._talking.join()

    def _take_in(self, *, wait: bool) -> None:
        """Take what the child has drawn meanwhile, or `wait` until it has drawn one more."""
        with suppress(queue.Empty):
            while not self._ended:
                arrived = self._arrived.get(block=wait)
                wait = False
                if arrived is None:
                    self._ended = True
                else:
                    self._drawn.setdefault(*arrived)

    def _talk(self) -> None:
        """Tell the child what to draw, and hear what it drew."""
        # It may end early, by `close` or because it failed, or say what is no pickle, which raises anything.
        with suppress(Exception), self._child as child:
            if child.stdin is not None and child.stdout is not None:
                child.stdin.write(pickle.dumps((self._contract, self._fuzzing, self._draws)))
                child.stdin.flush()
                for draw in self._draws:
                    self._arrived.put((draw, pickle.load(child.stdout)))  # noqa: S301 - our own child wrote it
        self._arrived.put(None)


def main() -> None:
    """Draw what we are asked for, and tell each when it is drawn."""
    told, tells = process.pipes()
    contract, fuzzing, draws = pickle.load(told)  # noqa: S301 - our own parent wrote it
    for draw in draws:
        tells.write(pickle.dumps(drawn(contract, fuzzing, draw)))
        tells.flush()


if __name__ == "__main__":
    main()
