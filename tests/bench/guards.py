"""Owns the cost of bearing with hostile targets: requests a second against a healthy one, with the guards and without.

Without means the same client over h11 and a socket as plainly as they can be put together: no deadline, no limits, no
listening for what nobody asked for, no redaction, no digest. Run by hand from the project's folder:
`python -m tests.bench.guards`. The exit code is 1 when the guards cost more than 15 %. Nothing leaves 127.0.0.1.
"""

# ruff: noqa: T201 - what the script prints is its result

from __future__ import annotations

import argparse
import multiprocessing
import socket
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

import h11
import httpx
from tests.meta.rawserver import RawServer, answer, answering

from invoice_conformance.exchange import Request, Response
from invoice_conformance.redaction import Redactor
from invoice_conformance.target import Target, TargetSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

MOST: Final = 0.15
"""The part of the throughput that the guards may cost."""
TOKEN: Final = "tok_5fQzW8mJ2rXvK9dLcN3bH7yT"  # noqa: S105 - made up
PATH: Final = "/api/v1/invoices"
BODY: Final = (
    b'{"contractId":"ctr_0","invoiceNumber":"INV-1","exchangeRate":1.12,"currencyCode":"EUR","amountMinor":5000}'
)
CREATED: Final = (
    b'{"data":{"id":"inv_000000000000000000000001","contract":"ctr_0","status":"DRAFT","invoiceNumber":"INV-1",'
    b'"exchangeRate":1.12,"currencyCode":"EUR","amountMinor":5000,"issuedAt":null,"dueAt":null,"paidAt":null,'
    b'"createdAt":"2020-01-01T00:00:00.000Z","updatedAt":"2020-01-01T00:00:00.000Z"}}'
)
FIELDS: Final = (
    ("Authorization", f"Bearer {TOKEN}"),
    ("tenant-id", "tnt_0"),
    ("Content-Type", "application/json"),
)


class Unguarded(httpx.BaseTransport):
    """One kept connection and h11, and nothing else."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser = h11.Connection(h11.CLIENT)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it and read the answer."""
        parser = self._parser
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        pieces = (parser.send(head), parser.send(h11.Data(data=request.read())), parser.send(h11.EndOfMessage()))
        self._socket.sendall(b"".join(piece or b"" for piece in pieces))
        status, headers, body = 0, [], b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(self._socket.recv(65536))
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, list(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                parser.start_next_cycle()
                return httpx.Response(status, headers=headers, content=body)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def guarded(url: str, threads: int, requests: int) -> float:
    """Requests a second through the suite's target."""
    request = Request("POST", PATH, FIELDS, BODY)
    with Target(TargetSettings(url), Redactor([TOKEN], [TOKEN])) as target:

        def send() -> None:
            for _ in range(requests):
                came = target.send(request).answer
                assert isinstance(came, Response), came
                assert came.body == CREATED

        return _rate(send, threads, requests)


def unguarded(url: str, threads: int, requests: int) -> float:
    """Requests a second without anything that guards."""
    port = int(url.rpartition(":")[2])

    def send() -> None:
        with httpx.Client(transport=Unguarded(port), trust_env=False) as client:
            for _ in range(requests):
                assert client.post(f"{url}{PATH}", headers=dict(FIELDS), content=BODY).content == CREATED

    return _rate(send, threads, requests)


def stock(url: str, threads: int, requests: int) -> float:
    """Requests a second with httpx as it comes."""

    def send() -> None:
        with httpx.Client(trust_env=False) as client:
            for _ in range(requests):
                assert client.post(f"{url}{PATH}", headers=dict(FIELDS), content=BODY).content == CREATED

    return _rate(send, threads, requests)


def _rate(send: Callable[[], None], threads: int, requests: int) -> float:
    running = [threading.Thread(target=send) for _ in range(threads)]
    began = time.perf_counter()
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return threads * requests / (time.perf_counter() - began)


def _serve(ours: Connection) -> None:
    with RawServer(answering(answer(CREATED, "201 Created", "Content-Type: application/json"))) as server:
        ours.send(server.url)
        ours.poll(None)


def main() -> int:
    """Measure by turns and print the medians; 1 when the guards cost too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=4, help="connections at once (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=300, help="of each thread in a round (default: %(default)s)")
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=_serve, args=(theirs,))
    server.start()
    rates: dict[str, list[float]] = {"guarded": [], "unguarded": [], "stock httpx": []}
    try:
        url: str = ours.recv()
        for _round in range(given.rounds):
            for name, measure in (("guarded", guarded), ("unguarded", unguarded), ("stock httpx", stock)):
                rates[name].append(measure(url, given.threads, given.requests))
    finally:
        ours.send(None)
        server.join()
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.0f} requests/s (from {min(rates[name]):.0f} to {max(rates[name]):.0f})")
    ratio = statistics.median(one / other for one, other in zip(rates["guarded"], rates["unguarded"], strict=True))
    print(f"with the guards {ratio:.2f} of the throughput without; {1 - MOST:.2f} is the least")
    return int(ratio < 1 - MOST)


if __name__ == "__main__":
    sys.exit(main())
