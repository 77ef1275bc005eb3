"""Owns the conforming servers of `tests/meta/servers` as things that a test holds: started, and stopped by handle.

It must not know what they answer; it starts a process and reads the one line that it says.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVERS: Final = Path(__file__).parent / "servers"
TOKEN: Final = "ref-k3n8q5w2x7"  # noqa: S105 - it guards nothing
TENANT: Final = "tnt_pfh0haxfpzowht3oi213cqos"
CONTRACT: Final = "ctr_z23aoo8naxk68ewcr64tchh5"
OTHER_TENANT: Final = "tnt_b7k2m9q4w1x8z5c3v6n0d2f1"
OTHER_CONTRACT: Final = "ctr_q8w3e5r7t1y9u2i4o6p0a1s2"
_READY: Final = "listening on "
_PATIENCE: Final = 5.0
"""Seconds that a server gets to end after it was asked to."""


class NotStarted(RuntimeError):  # noqa: N818 - it names what the server is
    """The server ended before it was ready; the message holds what it said."""


class Started:
    """A server on a free port of 127.0.0.1, for the length of a `with` block.

    `path` is a module that runs as `python path --port 0 …` and says `listening on URL`; `arguments` follow.
    """

    def __init__(self, path: Path, *arguments: str) -> None:
        self._command = [sys.executable, str(path), "--port", "0", *arguments]
        self._child: subprocess.Popen[str] | None = None
        self._complaints: IO[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8")
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line.startswith(_READY):
            said = self._stop()
            raise NotStarted(f"expected {self._command[1]} to listen; it said: {line}{said}")
        self.url = line.removeprefix(_READY).strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> str:
        """End the child by its own handle, and return what it complained of."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.communicate()
        if self._complaints is None or self._complaints.closed:
            return ""
        self._complaints.seek(0)
        with self._complaints:
            return self._complaints.read()


def liberties(path: Path) -> Mapping[str, frozenset[str]]:
    """What a server allows itself, each with the SHOULD rows that it breaks by that, from its `LIBERTIES`."""
    return cast("Mapping[str, frozenset[str]]", vars(_loaded(path))["LIBERTIES"])


def expected_failures(path: Path) -> frozenset[str]:
    """The SHOULD rows that a server breaks as it stands, from its `EXPECTED_SHOULD_FAILURES`."""
    return cast("frozenset[str]", vars(_loaded(path))["EXPECTED_SHOULD_FAILURES"])


def always_broken(path: Path) -> frozenset[str]:
    """The SHOULD rows that a server breaks whichever liberties it takes, from its `ALWAYS`."""
    return cast("frozenset[str]", vars(_loaded(path))["ALWAYS"])


def may_stay_open(path: Path) -> frozenset[str]:
    """The SHOULD rows whose premise a server's liberties take away, in some runs or in all: its `MAY_STAY_OPEN`."""
    return cast("frozenset[str]", vars(_loaded(path))["MAY_STAY_OPEN"])


def _loaded(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(f"conforming_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
