"""Owns the two ways to end a command early, Ctrl-C and SIGTERM, and the words for them.

A terminated command ends like an interrupted one: what was found until then is written down.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came; whatever bears with Ctrl-C bears with it."""


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """While in it SIGTERM raises `Terminated`, once: the next one ends the process as it always did."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise Terminated


BY_CTRL_C, BY_SIGTERM = "interrupted by Ctrl-C", "ended by SIGTERM"
ENDINGS = frozenset({BY_CTRL_C, BY_SIGTERM})
"""What such a command says."""


def words_for(interrupt: KeyboardInterrupt) -> str:
    """How a report and the terminal call it."""
    return BY_SIGTERM if isinstance(interrupt, Terminated) else BY_CTRL_C
