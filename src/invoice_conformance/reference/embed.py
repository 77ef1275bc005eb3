"""Owns the reference server as something that a test or a tutorial holds: started, asked for its URL, ended.

It must not know how the server answers; it starts a process and speaks to it by its output alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_READY: Final = "listening on "
_PATIENCE: Final = 5.0
"""Seconds that a server gets to end after it was asked to."""


class NotStarted(RuntimeError):  # noqa: N818 - it names what the server is
    """The reference server ended before it was ready; the message holds what it said."""


class _Process:
    """A child that speaks one line when it is ready and ends when it is told to."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        command = [sys.executable, "-m", "invoice_conformance.reference", "--until-input-ends", *arguments]
        self._child = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )

    def first_line(self) -> str:
        """The line that the child speaks when it is ready."""
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line:
            self.stop()
            raise NotStarted(f"the reference server did not start: {self._said or 'it said nothing'}")
        return line

    def stop(self) -> None:
        """End the child by its own handle, and wait for it."""
        self._child.terminate()
        try:
            self._child.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
        if not self._complaints.closed:
            self._complaints.seek(0)
            self._said = self._complaints.read().decode(errors="replace").strip()
            self._complaints.close()

    _said = ""


class ReferenceServer:
    """A reference server on a free port of 127.0.0.1, for the length of a `with` block.

    `faults` are names of the registry, `latency` is in seconds, `database` is a file that keeps the invoices
    (in memory without it). Everything else has its default; `NotStarted` says why there is no server.
    """

    token: Final = "ref-k3n8q5w2x7"  # noqa: S105 - it guards nothing
    tenant_id: Final = "tnt_pfh0haxfpzowht3oi213cqos"
    contract_id: Final = "ctr_z23aoo8naxk68ewcr64tchh5"
    other_tenant_id: Final = "tnt_b7k2m9q4w1x8z5c3v6n0d2f1"
    other_contract_id: Final = "ctr_q8w3e5r7t1y9u2i4o6p0a1s2"

    def __init__(self, faults: Sequence[str] = (), *, latency: float = 0.0, database: Path | str | None = None) -> None:
        self._arguments = ["--port", "0", "--latency", str(latency)]
        self._arguments += [part for fault in faults for part in ("--fault", fault)]
        self._arguments += ["--database", str(database)] if database else []
        self._process: _Process | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return self._url

    def __enter__(self) -> Self:
        self._process = _Process(self._arguments)
        self._url = self._process.first_line().strip().removeprefix(_READY)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.stop()


class FaultFarm:
    """One process that serves every registered fault on a port of its own, and the correct server on another.

    Each has its own invoices, tokens and tenants like `ReferenceServer`. A service is made when its first
    request comes, so a fault that is not asked for costs a socket.
    """

    def __init__(self, *, latency: float = 0.0) -> None:
        self._arguments = ["--farm", "--latency", str(latency)]
        self._process: _Process | None = None
        self._urls: Mapping[str, str] = {}

    @property
    def urls(self) -> Mapping[str, str]:
        """The URL of each fault, by its name."""
        return MappingProxyType({name: url for name, url in self._urls.items() if name})

    @property
    def correct_url(self) -> str:
        """The URL of the server without a fault."""
        return self._urls[""]

    def __enter__(self) -> Self:
        self._process = _Process(self._arguments)
        self._urls = json.loads(self._process.first_line())
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.stop()
