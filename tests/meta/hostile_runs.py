"""Owns one run of the command against a hostile server, in a process of its own, and all of them in a row.

`python -m tests.meta.hostile_runs [MODE…]` runs all modes (or those named, or matched) and says what is wrong.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.meta import certificates
from tests.meta import hostile_further as _further  # noqa: F401 - its modes are registered
from tests.meta import hostile_liberties as _liberties  # noqa: F401 - likewise
from tests.meta.facing import IDENTITY, ROOT
from tests.meta.hostile_modes import expectation
from tests.meta.hostile_server import MODES, OWN_CERTIFICATE, TOKEN, HostileServer
from tests.meta.leftovers import troubles

from invoice_conformance.config import PREFIX
from invoice_conformance.reference.embed import ReferenceServer

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST = 300
"""Megabytes of memory that a run may take."""
_CHILD = """
import pathlib, resource, sys
from invoice_conformance.cli import main
code = main()
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) for line in status.open() if line.startswith("VmHWM:"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
print([code, peak], file=sys.stderr)
"""
"""Runs the command and says the kilobytes it held at most; `ru_maxrss` begins with those of the process that forked."""


@dataclass(frozen=True)
class HostileRun:
    """What a run against a mode came to, and everything that is wrong with that."""

    name: str
    code: int
    out: str
    err: str
    seconds: float
    megabytes: int
    troubles: tuple[str, ...]


def run_mode(name: str, upstream: str, keys: Path | None, folder: Path, *more: str) -> HostileRun:
    """Run the command against one mode; everything it leaves goes below `folder`."""
    expected = expectation(name)
    folder.mkdir(parents=True)
    report = folder / "report"
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith((PREFIX, "PYTEST_", "COV_", "GITHUB_"))
    }
    # A proxy that the environment names is to be passed by.
    there_is_none = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    environment = kept | IDENTITY | there_is_none | {f"{PREFIX}TOKEN": TOKEN, "PYTHONPATH": str(ROOT / "src")}
    with HostileServer(name, upstream=upstream, certificates=keys) as server:
        arguments = [argument.format(keys=keys) for argument in expected.arguments]
        command = [sys.executable, "-c", _CHILD, "run", server.url, "--out", str(report), *arguments, *more]
        began = time.perf_counter()
        try:
            done = subprocess.run(  # noqa: S603 - our own
                command,
                cwd=folder,
                env=environment,
                capture_output=True,
                check=False,
                timeout=expected.seconds * 3,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return HostileRun(name, -1, "", "", expected.seconds * 3, 0, ("it did not end",))
        seconds = time.perf_counter() - began
        elsewhere = server.state.elsewhere
    out = done.stdout.decode("utf-8", errors="surrogateescape")
    err, _, last = done.stderr.decode("utf-8", errors="surrogateescape").rstrip("\n").rpartition("\n")
    code, peak = (int(word) for word in last.strip("[]").split(",")) if last.startswith("[") else (done.returncode, 0)
    megabytes = peak // 1024
    found = troubles(report, out, err if last.startswith("[") else f"{err}\n{last}", code, TOKEN, folder)
    if code not in expected.codes:
        found.append(f"exit code {code}, not {' or '.join(map(str, expected.codes))}: {out[-700:]}{err[-300:]}")
    if expected.words not in out:
        found.append(f"the sentence is not there: {expected.words!r} in {out[-900:]!r}")
    if seconds > expected.seconds:
        found.append(f"it took {seconds:.1f} s, more than {expected.seconds:g}")
    if megabytes > LARGEST:
        found.append(f"it took {megabytes} MB")
    if elsewhere:
        found.append(f"another origin was asked: {elsewhere[0][:100]!r}")
    return HostileRun(name, code, out, err, seconds, megabytes, tuple(found))


def main(patterns: Sequence[str]) -> int:
    """Run all modes, some at once; the number of those that something is wrong with."""
    names = [name for name in MODES if not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    bad = 0
    with tempfile.TemporaryDirectory() as temporary, ReferenceServer() as reference:
        folder = Path(temporary)
        keys = folder / "keys"
        keys.mkdir()
        made = certificates.make(keys, TOKEN[:14])
        wanted = [name for name in names if made or name not in OWN_CERTIFICATE]
        with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            for ran in pool.map(
                lambda name: run_mode(name, reference.url, keys if made else None, folder / name), wanted
            ):
                bad += bool(ran.troubles)
                say = "BAD" if ran.troubles else "ok "
                sys.stdout.write(f"{say} {ran.name}: {ran.code}, {ran.seconds:.1f} s, {ran.megabytes} MB\n")
                sys.stdout.writelines(f"    {words!a}\n" for words in ran.troubles)
    sys.stdout.write(f"{len(wanted)} modes, {bad} bad\n")
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
