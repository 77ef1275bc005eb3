"""Owns the numbers of speed and memory: our run, `st run` and a bare httpx loop, side by side on one server.

It asserts nothing and must not know how any of them works inside: it starts commands and reads what they leave behind.

Run by hand, for about five minutes: `python tests/bench/against_schemathesis.py`. The order alternates from round to
round and medians are quoted, so what else the machine does weighs on all alike. Nothing leaves 127.0.0.1.
"""

# ruff: noqa: T201 - what the script prints is its result

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal, TypeAlias

from invoice_conformance.reference.embed import ReferenceServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Profile: TypeAlias = Literal["quick", "standard", "thorough"]

SPEC = Path(__file__).parents[2] / "spec" / "openapi.yaml"
COMMANDS = Path(sys.executable).parent
"""Where the environment keeps `invoice-conformance` and `st`."""

OPERATION = "/api/v1/invoices"
LATENCY = 0.05
CONCURRENCY = 32
ROUNDS = 3
HELPS = 7


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: its wall time in seconds, and the peak of its resident memory in MB with its helpers'."""

    wall: float
    peak: float
    own: float
    """The same without its helpers'."""


@dataclass(frozen=True, slots=True)
class Round:
    """One run against the server: the whole process, how many requests it sent, and in how many seconds."""

    ran: Ran
    requests: int
    sending: float

    @property
    def rate(self) -> float:
        """Requests per second while it was sending."""
        return self.requests / self.sending

    @property
    def whole_rate(self) -> float:
        """Requests per second of the whole process, from its start to its exit."""
        return self.requests / self.ran.wall


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; None where nothing can be said. `reached` is None for a number without a target."""

    what: str
    ours: str
    theirs: str = ""
    ratio: str = ""
    target: str = ""
    reached: bool | None = None


class WrongExit(RuntimeError):  # noqa: N818 - it names what happened
    """A command that is measured did not do what is measured; the message says which, and what it said."""


def run(command: Sequence[str], folder: Path, *, exits: frozenset[int], environment: dict[str, str]) -> Ran:
    """Run a command to its end; `WrongExit` unless its exit code is one of `exits`.

    Where there is /proc, its memory and that of all that it started are looked at every 50 ms. Elsewhere both peaks are
    what wait4 says, which is never below what this script itself holds when it starts it.
    """
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        child = subprocess.Popen(  # noqa: S603 - our own commands, without a shell
            command, cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        ended = threading.Event()
        with ThreadPoolExecutor(1) as beside:
            together = beside.submit(peak_of, child.pid, ended)
            _pid, status, usage = os.wait4(child.pid, 0)
            wall = time.perf_counter() - started
            ended.set()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in exits:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise WrongExit(f"{command[0]} ended with {child.returncode}; it said:\n{words}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    peak, own = (octets / (1 << 20) or usage.ru_maxrss / unit for octets in together.result())
    return Ran(wall, peak, own)


def peak_of(pid: int, ended: threading.Event) -> tuple[int, int]:
    """The most octets that a process held in memory until it ended, with all that it started, and by itself."""
    together = own = 0
    while not ended.wait(0.05):
        mine, helpers = resident(pid)
        together, own = max(together, mine + helpers), max(own, mine)
    return together, own


def resident(pid: int) -> tuple[int, int]:
    """Octets that a process, and all that it started, hold in memory at the moment; 0 where there is no /proc."""
    process = Path("/proc") / str(pid)
    try:
        pages = int(process.joinpath("statm").read_text(encoding="utf-8").split()[1])
        children = [
            int(child)
            for task in process.joinpath("task").iterdir()
            for child in task.joinpath("children").read_text(encoding="utf-8").split()
        ]
    except OSError:
        return 0, 0  # it has ended
    return pages * os.sysconf("SC_PAGE_SIZE"), sum(sum(resident(child)) for child in children)


def ours(server: ReferenceServer, profile: Profile, concurrency: int) -> Round:
    """A whole run of the suite, as its own report tells it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [str(COMMANDS / "invoice-conformance"), "run", server.url]
        command += ["--tenant-id", server.tenant_id, "--contract-id", server.contract_id]
        command += ["--other-tenant-id", server.other_tenant_id, "--other-contract-id", server.other_contract_id]
        command += ["--profile", profile, "--concurrency", str(concurrency), "--out", str(folder / "out")]
        secret = {"INVOICE_CONFORMANCE_TOKEN": server.token}
        ran = run(command, folder, exits=frozenset({0}), environment=secret)
        report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    return Round(ran, report["requests"], report["duration_s"])


def theirs(server: ReferenceServer) -> Round:
    """A whole run of Schemathesis: at its defaults it ends each phase at the first finding, after a handful."""
    return schemathesis(server, "--continue-on-failure")


def schemathesis(server: ReferenceServer, *options: str) -> Round:
    """A run of Schemathesis, with a HAR file to count its requests by."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = folder / "st.har"
        command = [str(COMMANDS / "st"), "run", str(SPEC), "--url", server.url, "--report-har-path", str(archive)]
        command += options
        command += ["--header", f"Authorization: Bearer {server.token}", "--header", f"tenant-id: {server.tenant_id}"]
        # It exits 1 against a conforming server; see DESIGN.md, What we know of the libraries.
        ran = run(command, folder, exits=frozenset({0, 1}), environment={})
        entries = json.loads(archive.read_text(encoding="utf-8"))["log"]["entries"]
    begins = [datetime.fromisoformat(entry["startedDateTime"]).timestamp() for entry in entries]
    ends = [begin + entry["time"] / 1000 for begin, entry in zip(begins, entries, strict=True)]
    return Round(ran, len(entries), max(ends) - min(begins))


def bare(server: ReferenceServer, requests: int, concurrency: int) -> Round:
    """As many POSTs from a loop over httpx, each of another plain invoice, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, __file__, "--bare", server.url, str(requests), str(concurrency)]
        ran = run(command, folder, exits=frozenset({0}), environment={})
        sending = float((folder / "sending").read_text(encoding="utf-8"))
    return Round(ran, requests, sending)


def bare_loop(url: str, requests: int, concurrency: int) -> None:
    """What `bare` measures; leaves the seconds it took in a file `sending`."""
    import httpx  # noqa: PLC0415 - the script that measures stays small

    headers = {"Authorization": f"Bearer {ReferenceServer.token}", "tenant-id": ReferenceServer.tenant_id}
    invoice = {
        "contractId": ReferenceServer.contract_id,
        "exchangeRate": 1.12,
        "currencyCode": "EUR",
        "amountMinor": 5000,
    }
    mark = os.urandom(6).hex()
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    with (
        httpx.Client(headers=headers, limits=limits, trust_env=False) as client,
        ThreadPoolExecutor(concurrency) as pool,
    ):

        def post(index: int) -> int:
            numbered = invoice | {"invoiceNumber": f"BARE-{mark}-{index}"}
            return client.post(url + OPERATION, json=numbered).status_code

        started = time.perf_counter()
        statuses = set(pool.map(post, range(requests)))
        sending = time.perf_counter() - started
    if not statuses <= {200, 201}:
        raise WrongExit(f"the bare loop was answered {sorted(statuses)}")
    Path("sending").write_text(str(sending), encoding="utf-8")


def alternating(latency: float, *runs: Callable[[ReferenceServer], Round]) -> tuple[tuple[Round, ...], ...]:
    """The rounds of each run, forwards and backwards in turn, so that none is always the first on a fresh server.

    The runs of one round share a server; the next round has another, so that no round finds the invoices of the last.
    """
    found: list[list[Round]] = [[] for _run in runs]
    for turn in range(ROUNDS):
        order = list(enumerate(runs))
        with ReferenceServer(latency=latency) as server:
            for index, one in order if turn % 2 == 0 else reversed(order):
                found[index].append(one(server))
                print(".", end="", file=sys.stderr, flush=True)
    return tuple(tuple(rounds) for rounds in found)


def middle(rounds: Sequence[Round], figure: Callable[[Round], float]) -> float:
    """The median of one figure over rounds."""
    return median(figure(one) for one in rounds)


def against(words: str, mine: Sequence[Round], other: Sequence[Round], target: int) -> list[Line]:
    """The lines on requests per second: while sending, which has the target, and over the whole process."""
    lines: list[Line] = []
    figures: tuple[tuple[str, Callable[[Round], float], bool], ...] = (
        ("while sending", lambda one: one.rate, True),
        ("whole process", lambda one: one.whole_rate, False),
    )
    for part, figure, decides in figures:
        left, right = middle(mine, figure), middle(other, figure)
        ratio = left / right
        lines.append(
            Line(
                f"requests/s, {words}, {part}",
                f"{left:.0f}",
                f"{right:.1f}",
                f"{ratio:.1f}x",
                f">= {target}x" if decides else "",
                ratio >= target if decides else None,
            )
        )
    return lines


def wall(words: str, mine: Sequence[Round], other: Sequence[Round]) -> Line:
    """The line on the wall time of our standard run and of a whole one of Schemathesis."""
    left, right = middle(mine, lambda one: one.ran.wall), middle(other, lambda one: one.ran.wall)
    sent, answered = middle(mine, lambda one: one.requests), middle(other, lambda one: one.requests)
    return Line(
        f"wall time of a whole run, {words}",
        f"{left:.1f} s ({sent:.0f} requests)",
        f"{right:.1f} s ({answered:.0f})",
        f"{left / right:.2f}",
        "< 1, >= 1500 requests",
        left < right and sent >= 1500,
    )


def compared_at(latency: float, words: str, target: int) -> list[Line]:
    """Our standard run and a whole one of Schemathesis, on the same servers."""
    mine, other = alternating(latency, lambda server: ours(server, "standard", CONCURRENCY), theirs)
    with ReferenceServer(latency=latency) as server:
        default = schemathesis(server)
    what = f"st at its defaults, {words}: it stops early"
    stopped = Line(what, "", f"{default.ran.wall:.1f} s ({default.requests})")
    return [*against(words, mine, other, target), wall(words, mine, other), stopped]


def compared_with_a_loop() -> list[Line]:
    """Our standard run and a bare loop that sends as many requests, at no latency."""
    with ReferenceServer() as server:
        count = ours(server, "standard", CONCURRENCY).requests
    mine, loop = alternating(
        0,
        lambda server: ours(server, "standard", CONCURRENCY),
        lambda server: bare(server, count, CONCURRENCY),
    )
    lines: list[Line] = []
    figures: tuple[tuple[str, Callable[[Round], float]], ...] = (
        ("sending", lambda one: one.sending),
        ("whole process", lambda one: one.ran.wall),
    )
    for part, figure in figures:
        left, right = middle(mine, figure), middle(loop, figure)
        what = f"{count} requests by a bare httpx loop, {part}"
        lines.append(Line(what, f"{left:.1f} s", f"{right:.1f} s", f"{left / right:.2f}"))
    return lines


def memory() -> list[Line]:
    """The peak of each profile; flat means that it does not grow with the requests that are sent."""
    lines: list[Line] = []
    profiles: tuple[Profile, ...] = ("quick", "standard", "thorough")
    first: float | None = None
    for profile in profiles:
        with ReferenceServer() as server:
            one = ours(server, profile, CONCURRENCY)
        first = one.ran.own if first is None else first
        growth = one.ran.own / first
        reached = one.ran.peak < 200 and growth < 1.25
        what = f"peak memory, {profile} ({one.requests} requests)"
        peaks = f"{one.ran.peak:.0f} MB, {one.ran.own:.0f} without helpers"
        lines.append(Line(what, peaks, "", f"{growth:.2f}", "< 200 MB, < 1.25", reached))
    return lines


def asked_for_help() -> Line:
    """The line on `--help`."""
    command = [str(COMMANDS / "invoice-conformance"), "--help"]
    runs = [run(command, Path.cwd(), exits=frozenset({0}), environment={}) for _turn in range(HELPS)]
    seconds = median(one.wall for one in runs)
    return Line("invoice-conformance --help", f"{seconds:.2f} s", "", "", "< 0.3 s", seconds < 0.3)


def table(lines: Sequence[Line]) -> str:
    """The lines as text, in columns."""
    words = {True: "yes", False: "NO", None: ""}
    rows = [("what", "ours", "theirs", "ratio", "target", "reached")]
    rows += [(line.what, line.ours, line.theirs, line.ratio, line.target, words[line.reached]) for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(row.rstrip() for row in padded)


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bare", nargs=3, metavar=("URL", "REQUESTS", "CONCURRENCY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.bare:
        url, requests, concurrency = given.bare
        bare_loop(url, int(requests), int(concurrency))
        return
    lines = [
        *compared_at(LATENCY, f"{LATENCY * 1000:.0f} ms latency", 20),
        *compared_at(0, "no latency", 6),
        *compared_with_a_loop(),
        *memory(),
        asked_for_help(),
    ]
    print(file=sys.stderr)
    print(f"concurrency {CONCURRENCY}, medians of {ROUNDS} rounds, {os.cpu_count()} processors")
    print(table(lines))


if __name__ == "__main__":
    main()
