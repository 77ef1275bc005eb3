"""Owns how many connections a target is asked over at once: as many as it answers on.

It must not know what a connection is, nor what goes over it; it only sees which end and which wait.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GRACE: Final = 1.0
"""Seconds that a new connection may wait for its first octet before the others count as being in its way."""
TURNS: Final = 3
"""Requests, sent after it, that a connection must have seen answered to be in the way of one that still waits."""


@dataclass
class _Newcomer:
    """A new connection on which nothing has come yet."""

    since: float
    has_begun: Callable[[], bool]
    """Whether something has come on it by now."""
    turns: Counter[object] = field(default_factory=Counter)
    """By connection, how many requests have been answered that were sent after this one's."""


class Crowd:
    """What the connections to one target know of each other. Safe to use from several threads.

    There are servers that answer one kept connection until it ends, and only then the next: a single-threaded one,
    or one with fewer workers than we have. RFC 9112, section 9.4, lets a server limit them. A connection that is
    passed over so is let in by ending those that are answered, and from then on there are no more than those.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self._grace = grace
        self._newcomers: dict[object, _Newcomer] = {}
        self._under_way = 0
        self._change = threading.Condition()
        self.limit: int | None = None
        """How many connections are used at once; None while nothing speaks against any number."""
        self.passed_over = 0
        """How many connections at most were found waiting while others were answered again and again."""

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take one of the places at the target for a request, as soon as there is one."""
        with self._change:
            while self.limit is not None and self._under_way >= self.limit:
                self._change.wait()
            self._under_way += 1
        try:
            yield
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def arrives(self, connection: object, has_begun: Callable[[], bool], now: float | None = None) -> None:
        """Note that a request goes out on a new connection; `has_begun` tells whether its answer has, then."""
        with self._change:
            self._newcomers[connection] = _Newcomer(time.perf_counter() if now is None else now, has_begun)

    def leaves(self, connection: object) -> None:
        """Note that a request ended without an answer."""
        with self._change:
            self._newcomers.pop(connection, None)

    def answered(self, connection: object, began: float, now: float | None = None) -> bool:
        """Note that a request, which `began` then, was answered; False when its connection must make room."""
        now = time.perf_counter() if now is None else now
        with self._change:
            self._newcomers.pop(connection, None)
            waiting = [one for one in self._newcomers.values() if one.since < began]
            for one in waiting:
                one.turns[connection] += 1
            passed_over = [
                one
                for one in waiting
                if now - one.since >= self._grace and one.turns[connection] >= TURNS and not one.has_begun()
            ]
            if passed_over:
                served = max(*(len(one.turns) for one in passed_over), self._under_way - len(self._newcomers))
                self.limit = served if self.limit is None else min(self.limit, served)
                self.passed_over = max(self.passed_over, len(passed_over))
            return not passed_over and (self.limit is None or self._under_way <= self.limit)

    @property
    def is_too_large(self) -> bool:
        """Whether somebody waits on a new connection at a target that answers on few."""
        return self.limit is not None and bool(self._newcomers)
