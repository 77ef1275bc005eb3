"""Owns the second generator's drawing in a process of its own, whose time passes beside ours and whose memory goes.

It must not know what is drawn. Where no process can be started, or it fails, the caller draws for itself.
"""

from __future__ import annotations

import pickle
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from invoice_conformance import process, second

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from invoice_conformance.checks import Scope
    from invoice_conformance.second import Drawn


@contextmanager
def beside(scope: Scope) -> Iterator[None]:
    """Draw for a thorough run while the rest of its plan is made; what is not asked for by the end is given up."""
    child = _started(scope) if scope.profile == "thorough" else None
    if child is None:
        yield
        return
    with child:
        try:
            scope.drawing.append(lambda: _drawn_by(child))
            yield
        finally:
            scope.drawing.clear()
            child.kill()


def _started(scope: Scope) -> subprocess.Popen[bytes] | None:
    """A child that draws for `scope` and writes down what it drew."""
    child = process.started(__name__)
    if child is None:
        return None
    if child.stdin is not None:
        try:
            with child.stdin as asked:
                pickle.dump((scope.contract, second.seed(scope), second.THOROUGH), asked)
        except OSError:
            pass  # it has ended already, and answers nothing
        child.stdin = None
    return child


def _drawn_by(child: subprocess.Popen[bytes]) -> tuple[Drawn, ...] | None:
    """What a child has drawn; None when it failed."""
    written, _ = child.communicate()
    if child.returncode != 0:
        return None
    drawn: tuple[Drawn, ...] = pickle.loads(written)  # noqa: S301 - our own child wrote it
    return drawn


def main() -> None:
    """Draw what standard input asks for, and write it to standard output."""
    contract, number, fuzzing = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it
    sys.stdout.buffer.write(pickle.dumps(second.draw(contract, number, fuzzing)))


if __name__ == "__main__":
    main()
