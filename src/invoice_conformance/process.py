"""Owns how the suite starts a process of its own beside it, of this very version and out of reach of Ctrl-C.

It must not know what the process does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO


def started(module: str) -> subprocess.Popen[bytes] | None:
    """A process that runs one of our modules, with pipes to and from it; None when none can be started."""
    if not sys.executable:
        return None
    ours = str(Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
    try:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", module],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # It ends with its pipes; an interruption is for the process that started it.
            start_new_session=True,
        )
    except OSError:
        return None


def pipes() -> tuple[IO[bytes], IO[bytes]]:
    """What such a process reads from and writes to; what any library prints goes elsewhere from now on."""
    told, tells = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    return told, tells


def cores() -> int:
    """How many processes can work at the same time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
