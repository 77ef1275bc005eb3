"""What the wire must bear: each test is one sentence on how the suite meets a target, good, odd or hostile.

Nothing here knows the contract; the servers are scripts of octets.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import httpx
import pytest
from tests.meta.rawserver import Connection, RawServer, answer, answering, answering_then_closing

from invoice_conformance.address import BadUrl
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response, Wire
from invoice_conformance.redaction import Redactor
from invoice_conformance.target import NoAnswerError, Target, TargetSettings, WireTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOKEN = "tok_5fQzW8mJ2rXvK9dLcN3bH7yT"  # noqa: S105 - made up
POST = Request("POST", "/api/v1/invoices", (("Authorization", f"Bearer {TOKEN}"),), b'{"a": 1}')
GET = Request("GET", "/api/v1/invoices", ())


@contextlib.contextmanager
def serving(
    script: Callable[[Connection], None], context: ssl.SSLContext | None = None, **settings: object
) -> Iterator[tuple[RawServer, Target]]:
    """Run a server with `script` and a target that points at it, with a time-out of 5 s unless told."""
    with RawServer(script, context) as server:
        changed = replace(TargetSettings(server.url, timeout=5.0), **settings)  # type: ignore[arg-type]
        with Target(changed, Redactor([TOKEN])) as target:
            yield server, target


def answered(exchange: Exchange) -> Response:
    assert isinstance(exchange.answer, Response), exchange.answer
    return exchange.answer


def unanswered(exchange: Exchange) -> NoAnswer:
    assert isinstance(exchange.answer, NoAnswer), exchange.answer
    return exchange.answer


def recording(requests: list[bytes], *answers: bytes) -> Callable[[Connection], None]:
    """Make a script like that of `answering`, which also keeps the requests."""

    def script(connection: Connection) -> None:
        while request := connection.read_request():
            requests.append(request)
            connection.send(answers[min(len(requests), len(answers)) - 1])

    return script


def silent(connection: Connection) -> None:
    """Neither read nor answer."""
    connection.stopping.wait()


# Where


@pytest.mark.parametrize(
    ("url", "host", "port", "prefix", "authority"),
    [
        ("http://localhost:8080", "localhost", 8080, "", "localhost:8080"),
        ("https://api.example.org/", "api.example.org", 443, "", "api.example.org"),
        ("HTTP://Example.org:80/v2/sandbox/", "example.org", 80, "/v2/sandbox", "example.org"),
        ("http://[::1]:8080/x", "::1", 8080, "/x", "[::1]:8080"),
    ],
)
def test_a_base_url_is_taken_apart(url: str, host: str, port: int, prefix: str, authority: str) -> None:
    settings = TargetSettings(url)

    parts = (settings.host, settings.port, settings.prefix, settings.authority)

    assert parts == (host, port, prefix, authority)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("localhost:8080", "no scheme"),
        ("ftp://localhost", "only http and https"),
        ("http://me:hunter2secret@localhost", "user name or password"),
        ("http://localhost/?a=b", "query or fragment"),
        ("http://localhost/?", "query or fragment"),
        ("http://localhost/#top", "query or fragment"),
        ("http://:8080", "no host"),
        ("http://localhost:http", "cannot be read"),
        ("http://localhost:65536", "cannot be read"),
        ("http://localhost:0", "port 0"),
        ("http://[::1", "cannot be read"),
        ("http://local host", "a space"),
        ("http://local\nhost", "control character"),
    ],
)
def test_a_base_url_that_cannot_be_used_is_refused_in_one_sentence(url: str, why: str) -> None:
    with pytest.raises(BadUrl, match=why) as caught:
        TargetSettings(url)

    assert "hunter2secret" not in str(caught.value)


def test_a_time_out_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        TargetSettings("http://localhost", timeout=0)


def test_modules_that_do_not_send_do_not_load_httpx() -> None:
    modules = "invoice_conformance.exchange, invoice_conformance.redaction"
    command = [sys.executable, "-c", f"import sys, {modules}; print('httpx' in sys.modules)"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own

    assert printed.strip() == "False"


# What goes out


def test_a_request_goes_out_in_full_with_what_it_does_not_name_itself() -> None:
    requests: list[bytes] = []
    with serving(recording(requests, answer())) as (server, target):
        target.send(replace(POST, headers=(("X-Case", "1"), ("x-case", "\xe9"))))

    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /api/v1/invoices HTTP/1.1"
    assert lines[1] == b"Host: 127.0.0.1:%d" % server.port
    assert lines[2].startswith(b"User-Agent: invoice-conformance/")
    assert lines[3:] == [
        b"Accept: application/json",
        b"Accept-Encoding: identity",
        b"X-Case: 1",
        b"x-case: \xe9",
        b"Content-Length: 8",
    ]
    assert body == b'{"a": 1}'


def test_what_a_request_names_itself_goes_out_as_given() -> None:
    requests: list[bytes] = []
    named = (
        ("Host", "elsewhere"),
        ("Content-Length", "8"),
        ("Content-Length", "8"),
        ("accept", "*/*"),
        ("User-Agent", ""),
        ("ACCEPT-ENCODING", "gzip"),
    )
    with serving(recording(requests, answer())) as (_, target):
        target.send(replace(POST, headers=named))

    assert requests[0].split(b"\r\n")[1:-2] == [
        b"Host: elsewhere",
        b"Content-Length: 8",
        b"Content-Length: 8",
        b"accept: */*",
        b"User-Agent: ",
        b"ACCEPT-ENCODING: gzip",
    ]


def test_target_and_method_go_out_octet_for_octet() -> None:
    requests: list[bytes] = []
    odd = Request("pOsT", "/a/../b%7e%2F//?q=[\xe9]|'\"&", ())
    with serving(recording(requests, answer())) as (_, target):
        target.send(odd)

    assert requests[0].split(b"\r\n")[0] == b"pOsT /a/../b%7e%2F//?q=[\xe9]|'\"& HTTP/1.1"


@pytest.mark.parametrize(
    ("body", "on_the_wire"),
    [
        (b"", b"0\r\n\r\n"),
        (b"a", b"1\r\na\r\n0\r\n\r\n"),
        (b"abc", b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        (
            b"0123456789" * 4,
            b"14\r\n" + b"0123456789" * 2 + b"\r\n14\r\n" + b"0123456789" * 2 + b"\r\n0\r\n\r\n",
        ),
    ],
)
def test_a_chunked_body_goes_out_in_two_chunks_if_it_can(body: bytes, on_the_wire: bytes) -> None:
    requests: list[bytes] = []
    with serving(recording(requests, answer())) as (_, target):
        target.send(replace(POST, body=body, chunked=True))

    head, _, sent = requests[0].partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert sent == on_the_wire


def test_a_get_may_have_a_body_and_has_no_length_without_one() -> None:
    requests: list[bytes] = []
    with serving(recording(requests, answer())) as (_, target):
        target.send(GET)
        target.send(replace(GET, body=b"{}"))
        target.send(replace(POST, body=b""))

    assert b"Content-Length" not in requests[0]
    assert requests[1].endswith(b"Content-Length: 2\r\n\r\n{}")
    assert requests[2].endswith(b"Content-Length: 0\r\n\r\n")


# The connection


def test_one_connection_carries_many_requests() -> None:
    with serving(answering(answer(b"1"), answer(b"2"), answer(b"3"))) as (server, target):
        bodies = [answered(target.send(POST)).body for _ in range(3)]

        assert bodies == [b"1", b"2", b"3"]
        assert server.connections == 1


def test_threads_that_send_at_once_have_a_connection_each_and_a_dead_one_leaves_its_to_the_next() -> None:
    together = threading.Barrier(3)

    def script(connection: Connection) -> None:
        while request := connection.read_request():
            if b"/together" in request:
                together.wait(5)
            connection.send(answer())

    def sent(request: Request, times: int) -> None:
        threads = [threading.Thread(target=target.send, args=(request,)) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with serving(script) as (server, target):
        sent(replace(GET, target="/together"), 3)
        for _ in range(5):
            sent(POST, 1)

        assert server.connections == 3


# Connections that are answered one after the other


@dataclass
class OneByOne:
    """Serves each connection until it ends and only then the next, with a queue of that many waiting ones."""

    backlog: int = 100
    at_once: int = 1
    served: int = 0
    """Connections on which at least one request was answered."""
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=self.backlog)
        self._listener.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve) for _ in range(self.at_once)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError):
                raw, _ = self._listener.accept()
                raw.settimeout(5)
                with contextlib.closing(raw):
                    connection, answers = Connection(raw, 0, self._stopping), 0
                    while connection.read_request():
                        connection.send(answer())
                        answers += 1
                        self.served += answers == 1


def hurried(target: Target, threads: int, requests: int) -> list[Exchange]:
    """What comes of threads that send so many requests each."""
    exchanges: list[Exchange] = []

    def send() -> None:
        for _ in range(requests):
            exchanges.append(target.send(POST))
            time.sleep(0.002)

    running = [threading.Thread(target=send) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return exchanges


def remark_on(at_once: int) -> str:
    """What is remarked on a server that answers so many connections at once, and no more, when four would be used."""
    with OneByOne(at_once=at_once) as server, Target(TargetSettings(server.url, timeout=1), Redactor([])) as target:
        exchanges = hurried(target, 4, 600)  # each thread for longer than another may wait for its turn
        alone = hurried(target, 1, 3)

    assert [exchange.answer for exchange in exchanges + alone if isinstance(exchange.answer, NoAnswer)] == []
    assert server.served < 100  # of 2,403 requests: a place is handed on with its connection
    (remark,) = target.remarks
    return remark


def test_a_server_of_one_connection_gets_no_more_than_it_answers() -> None:
    assert remark_on(1).startswith("the target answered one connection again and again while ")


def test_a_server_of_two_connections_gets_no_more_than_it_answers() -> None:
    # Where the machine lets one of its two threads wait too long, one connection is what it did answer.
    remarks = {remark_on(2).partition(" again")[0]}
    for _another in range(2):
        if "the target answered 2 connections" in remarks:
            break
        remarks.add(remark_on(2).partition(" again")[0])

    assert remarks <= {"the target answered one connection", "the target answered 2 connections"}
    assert "the target answered 2 connections" in remarks


def test_creates_at_the_same_moment_reach_a_server_of_one_connection() -> None:
    barrier = threading.Barrier(4)
    exchanges: list[Exchange] = []

    def gated() -> None:
        def gate() -> None:
            barrier.wait(5)

        exchanges.append(target.send(POST, gate=gate))

    with OneByOne() as server, Target(TargetSettings(server.url, timeout=2), Redactor([])) as target:
        target.send(POST)

        threads = [threading.Thread(target=gated) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        last = target.send(POST)

    assert [answered(exchange).status for exchange in [*exchanges, last]] == [200] * 5
    assert target.remarks == ()


def test_a_server_of_many_connections_is_asked_over_all_of_them() -> None:
    with serving(answering(answer())) as (server, target):
        hurried(target, 4, 50)

        assert server.connections == 4
        assert target.remarks == ()


def test_a_server_that_answers_in_turn_is_not_taken_for_one_of_few_connections() -> None:
    one = threading.Lock()

    def slow(connection: Connection) -> None:
        while connection.read_request():
            with one:
                time.sleep(0.12)
            connection.send(answer())

    with serving(slow, timeout=2) as (_, target):
        exchanges = hurried(target, 3, 4)

        assert {answered(exchange).status for exchange in exchanges} == {200}
        assert target.remarks == ()


@pytest.mark.parametrize("said", ["Connection: close", "Connection: Close, x"])
def test_an_announced_close_is_believed(said: str) -> None:
    with serving(answering_then_closing(answer(b"1", "200 OK", said))) as (server, target):
        statuses = [answered(target.send(POST)).status for _ in range(3)]

        assert statuses == [200, 200, 200]
        assert server.connections == 3


def test_a_connection_closed_while_idle_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoice_conformance.target._LISTENING", 0.0)

    with serving(answering_then_closing(answer())) as (server, target):
        target.send(POST)
        time.sleep(0.05)
        second = target.send(POST)

        assert answered(second).status == 200
        assert server.connections == 2


def test_a_create_that_a_stale_connection_never_read_is_sent_again() -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer())
        if connection.number == 0:
            connection.wait_unread()
            connection.close()
        else:
            answering(answer())(connection)

    with serving(script) as (server, target):
        target.send(POST)
        second = target.send(POST)

        assert answered(second).status == 200
        assert server.connections == 2


def test_a_create_that_crossed_the_close_on_its_way_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoice_conformance.target._LISTENING", 0.0)

    with serving(answering_then_closing(answer())) as (server, target):
        target.send(POST)
        time.sleep(0.05)
        # As if the close came a moment after the look at the idle connection.
        monkeypatch.setattr("invoice_conformance.target._Connection.idle", lambda *_: None)
        second = target.send(POST)

        assert answered(second).status == 200
        assert server.connections == 2


def test_a_create_that_was_read_and_never_answered_is_not_sent_again() -> None:
    requests: list[bytes] = []

    def script(connection: Connection) -> None:
        requests.append(connection.read_request())
        connection.send(answer())
        requests.append(connection.read_request())

    with serving(script) as (server, target):
        target.send(POST)
        second = target.send(POST)

        assert unanswered(second).kind == "closed"
        assert (server.connections, len(requests)) == (1, 2)


def test_a_get_on_a_stale_connection_is_sent_again_in_any_case() -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer())
        connection.read_request()

    with serving(script) as (server, target):
        target.send(POST)
        second = target.send(GET)

        assert answered(second).status == 200
        assert server.connections == 2


def test_a_new_connection_that_dies_is_no_reason_to_send_again() -> None:
    def script(connection: Connection) -> None:
        connection.wait_unread()
        connection.reset()

    with serving(script) as (server, target):
        first = target.send(GET)

        assert unanswered(first).kind == "reset"
        assert server.connections == 1


def test_an_answer_begun_on_a_kept_connection_is_no_reason_to_send_again() -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer())
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n")
        time.sleep(0.02)
        connection.reset()

    with serving(script) as (server, target):
        target.send(GET)
        second = target.send(GET)

        assert unanswered(second).kind == "reset"
        assert server.connections == 1


def test_surplus_octets_never_answer_the_next_request() -> None:
    false = answer(b"false", "201 Created")

    def script(connection: Connection) -> None:
        while connection.read_request():
            connection.send(answer(b"true") + false)

    with serving(script) as (server, target):
        first, second = answered(target.send(POST)), answered(target.send(POST))

        assert (first.body, first.surplus) == (b"true", false)
        assert (second.status, second.body) == (200, b"true")
        assert server.connections == 2


def late(octets: bytes, pause: float, *first: bytes) -> Callable[[Connection], None]:
    """Make a script that answers, and sends `octets` on the first connection when it has been idle for a while."""

    def script(connection: Connection) -> None:
        while connection.read_request():
            connection.send(b"".join(first) or answer(b"true"))
            if connection.number == 0:
                time.sleep(pause)
                connection.send(octets)

    return script


def test_octets_that_come_a_moment_after_an_answer_are_its_surplus() -> None:
    with serving(late(answer(b"false"), 0.02)) as (server, target):
        first, second = answered(target.send(POST)), answered(target.send(POST))

        assert (first.body, first.surplus) == (b"true", answer(b"false"))
        assert (second.body, second.surplus, second.unasked) == (b"true", b"", None)
        assert server.connections == 2


def test_octets_that_come_late_on_an_idle_connection_answer_nothing_and_are_recorded() -> None:
    with serving(late(answer(b"false") + TOKEN.encode(), 0.1)) as (server, target):
        first = answered(target.send(POST))
        time.sleep(0.15)
        second, third = answered(target.send(POST)), answered(target.send(POST))

        assert (first.body, first.surplus, first.unasked) == (b"true", b"", None)
        assert second.body == b"true"
        assert second.unasked is not None
        assert second.unasked.octets.startswith(answer(b"false"))
        assert TOKEN.encode() not in second.unasked.octets
        assert (second.unasked.method, second.unasked.status) == ("POST", 200)
        assert third.unasked is None
        assert server.connections == 3, "who was heard once has a new connection for each request"


def test_octets_found_before_a_request_without_an_answer_are_told_with_the_next() -> None:
    def script(connection: Connection) -> None:
        if connection.number == 1:
            connection.read_request()
        else:
            late(b"false", 0.1)(connection)

    with serving(script) as (_, target):
        target.send(POST)
        time.sleep(0.15)
        second, third = target.send(POST), answered(target.send(POST))

        assert unanswered(second).kind == "closed"
        assert third.unasked is not None
        assert third.unasked.octets == b"false"


@pytest.mark.parametrize(
    "octets",
    [b"\r\n", b"\r\n\r\n", answer(b"", "408 Request Timeout", "Connection: close")],
    ids=["line", "lines", "408"],
)
def test_what_a_server_may_send_on_an_idle_connection_is_not_held_against_it(octets: bytes) -> None:
    with serving(late(octets, 0.1)) as (server, target):
        target.send(POST)
        time.sleep(0.15)
        second, third = answered(target.send(POST)), answered(target.send(POST))

        assert (second.body, second.unasked, third.unasked) == (b"true", None, None)
        assert server.connections == 2, "the second one is kept"


def test_a_408_that_crossed_the_request_is_no_answer_to_it() -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer(b"true"))
        if connection.number == 0:
            connection.wait_unread()
            connection.send(answer(b"", "408 Request Timeout", "Connection: close"))

    with serving(script) as (server, target):
        target.send(POST)
        second = answered(target.send(POST))

        assert second.status == 200
        assert server.connections == 2


def test_a_408_on_a_new_connection_is_the_answer() -> None:
    with serving(answering_then_closing(answer(b"", "408 Request Timeout"))) as (server, target):
        assert answered(target.send(POST)).status == 408
        assert server.connections == 1


@pytest.mark.parametrize(
    ("request_", "head"),
    [
        (replace(POST, method="HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        (POST, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (POST, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    ],
    ids=["HEAD", "204", "304"],
)
def test_a_body_that_must_not_be_there_is_waited_for_each_time(request_: Request, head: bytes) -> None:
    def script(connection: Connection) -> None:
        while connection.read_request():
            connection.send(head)
            time.sleep(0.02)
            connection.send(b"true")

    with serving(script) as (_, target):
        found = [answered(target.send(request_)).surplus for _ in range(4)]

    assert found == [b"true"] * 4


def test_listening_ends_with_the_connection_and_is_no_part_of_the_time_taken() -> None:
    with serving(answering(answer())) as (_, target):
        began = time.perf_counter()
        listened = [target.send(POST).elapsed for _ in range(2)]
        after_two = time.perf_counter() - began

    assert sum(listened) < after_two - 0.09


ODD = b"HTTP/1.1 200 OK\r\nX-Long: a\r\n b\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("octets", "kept"),
    [
        (answer(), b""),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(), b""),
        (ODD + b"{}", ODD),
        (b"HTTP/1.1 103 Early\x01\r\n\r\n" + ODD + b"{}", ODD),
        (ODD + b"\n\n", ODD),
    ],
    ids=["plain", "interim", "folded", "folded after interim", "folded before line feeds"],
)
def test_a_head_is_kept_when_it_is_oddly_written(octets: bytes, kept: bytes) -> None:
    with serving(answering_then_closing(octets)) as (_, target):
        assert answered(target.send(POST)).head == kept


def test_surplus_is_bounded() -> None:
    with serving(answering_then_closing(answer() + b"x" * 20_000)) as (_, target):
        first = answered(target.send(POST))

    assert first.surplus == b"x" * 4096


@pytest.mark.parametrize("field", [("Content-Length", "3"), ("Transfer-Encoding", "chunked"), ("Connection", "close")])
def test_after_framing_of_its_own_a_connection_is_not_used_again(field: tuple[str, str]) -> None:
    def script(connection: Connection) -> None:
        connection.read_until(b"0\r\n\r\n")
        connection.send(answer())
        connection.read_until(b"never")

    with serving(script) as (server, target):
        for _ in range(2):
            target.send(Request("POST", "/", (field,), b"0\r\n\r\n"))

        assert server.connections == 2


# Time


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_a_dripping_target_ends_at_the_deadline(begun: bytes) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(begun)
        connection.drip(b"X-Drop: 1\r\n" if begun else b"HTTP/1.1 100 Continue\r\n", 0.02)

    with serving(script, timeout=0.3) as (_, target):
        exchange = target.send(POST)

    assert unanswered(exchange).kind == "timeout"
    assert "within 0.3 s" in unanswered(exchange).detail
    assert 0.25 < exchange.elapsed < 0.6


def test_a_target_that_never_reads_ends_at_the_deadline() -> None:
    with serving(silent, timeout=0.3) as (_, target):
        exchange = target.send(replace(POST, body=bytes(20_000_000)))

    assert unanswered(exchange).kind == "timeout"
    assert exchange.elapsed < 0.8


def test_a_port_that_takes_no_connection_ends_at_the_deadline() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)  # noqa: FBT003 - the library's own signature
            filler.connect_ex(("127.0.0.1", port))
        time.sleep(0.05)

        with Target(TargetSettings(f"http://127.0.0.1:{port}", timeout=0.3), Redactor([])) as target:
            exchange = target.send(POST)
        for filler in fillers:
            filler.close()

    assert unanswered(exchange).kind in {"connect-timeout", "timeout"}
    assert exchange.elapsed < 0.6


def test_closing_the_target_ends_what_is_under_way() -> None:
    exchanges: list[Exchange] = []
    with serving(silent) as (_, target):
        thread = threading.Thread(target=lambda: exchanges.append(target.send(POST)))
        thread.start()
        time.sleep(0.05)

        target.close()
        thread.join(2)

        assert unanswered(exchanges[0]).kind == "closed"
        with pytest.raises(RuntimeError, match="closed"):
            target.send(POST)


# Answers that are fine


def test_an_answer_is_taken_down_as_it_came() -> None:
    octets = b"HTTP/1.1 201 Made It \xe9\r\nX-Odd-Case:   a b  \r\nx-odd-case: \xe9\r\nContent-Length: 2\r\n\r\n{}"
    with serving(answering(octets)) as (_, target):
        exchange = target.send(GET)

    assert exchange.request is GET
    assert exchange.answer == Response(
        status=201,
        reason="Made It \xe9",
        http_version="HTTP/1.1",
        headers=(("X-Odd-Case", "a b"), ("x-odd-case", "\xe9"), ("Content-Length", "2")),
        body=b"{}",
        body_length=2,
        body_sha256=hashlib.sha256(b"{}").hexdigest(),
    )
    assert abs(exchange.sent_at - time.time()) < 2
    assert 0 < exchange.elapsed < 1


def test_a_chunked_answer_is_put_together() -> None:
    octets = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{ \n\r\n1\r\n}\r\n0\r\nT: 1\r\n\r\n"
    with serving(answering(octets)) as (server, target):
        answers = [answered(target.send(POST)) for _ in range(2)]

        assert [(a.body, a.surplus) for a in answers] == [(b"{ \n}", b"")] * 2
        assert server.connections == 1


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    ],
    ids=["1.0 until close", "1.1 until close", "1.0 kept alive without a length", "lone LF"],
)
def test_old_but_legal_framing_is_read(octets: bytes) -> None:
    with serving(answering_then_closing(octets)) as (_, target):
        bodies = [answered(target.send(POST)).body for _ in range(2)]

    assert bodies == [b"{}", b"{}"]


@pytest.mark.parametrize(
    ("request_", "octets"),
    [
        (replace(GET, method="HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"),
        (replace(GET, method="HEAD"), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (POST, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (POST, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\n\r\n"),
    ],
)
def test_an_answer_without_a_body_ends_with_its_head(request_: Request, octets: bytes) -> None:
    with serving(answering(octets)) as (server, target):
        answers = [answered(target.send(request_)) for _ in range(2)]

        assert [a.body for a in answers] == [b"", b""]
        assert server.connections == 1


def test_a_tunnel_that_opens_after_connect_has_no_body() -> None:
    with serving(answering(b"HTTP/1.1 200 OK\r\n\r\ntunnel")) as (_, target):
        opened = answered(target.send(Request("CONNECT", "example.org:443", ())))

    assert (opened.status, opened.body, opened.surplus) == (200, b"", b"tunnel")


def test_interim_answers_are_passed_over_and_counted() -> None:
    octets = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + answer(b"{}")
    with serving(answering(octets)) as (_, target):
        final = answered(target.send(POST))

    assert (final.status, final.body, final.interim) == (200, b"{}", (100, 103))


def test_a_compressed_answer_is_left_as_it_is() -> None:
    packed = gzip.compress(b'{"data": {}}')
    with serving(answering(answer(packed, "200 OK", "Content-Encoding: gzip"))) as (_, target):
        raw = answered(target.send(POST))

    assert raw.body == packed


@pytest.mark.parametrize("where", ["/elsewhere", "http://169.254.169.254/", "http://a:port/", "http://[bad", "//"])
def test_a_redirect_is_an_answer_and_nothing_more(where: str) -> None:
    with serving(answering(answer(b"", "307 Temporary Redirect", f"Location: {where}"))) as (server, target):
        found = answered(target.send(POST))

        assert (found.status, found.header("location")) == (307, where)
        assert server.connections == 1


def test_cookies_are_not_kept() -> None:
    requests: list[bytes] = []
    with serving(recording(requests, answer(b"", "200 OK", "Set-Cookie: session=1"))) as (_, target):
        target.send(POST)
        target.send(POST)

    assert b"ookie" not in requests[1]


def test_a_long_body_is_cut_and_its_length_and_digest_are_whole() -> None:
    body = b"0123456789" * 500
    with serving(answering(answer(body)), max_body=1234) as (_, target):
        cut = answered(target.send(POST))

    assert (cut.body, cut.truncated, cut.body_length) == (body[:1234], True, 5000)
    assert cut.body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("ending", ["closes", "resets", "keeps open"])
def test_an_early_answer_to_a_large_request_is_read(ending: str) -> None:
    def script(connection: Connection) -> None:
        connection.wait_unread()
        connection.send(answer(b"too much", "413 Content Too Large"))
        if ending == "resets":
            time.sleep(0.05)
            connection.reset()
        elif ending == "keeps open":
            connection.stopping.wait()

    with serving(script) as (server, target):
        large = replace(POST, body=b"x" * 8_000_000)
        answers = [answered(target.send(large)) for _ in range(2)]

        assert [(a.status, a.body) for a in answers] == [(413, b"too much")] * 2
        assert server.connections == 2


def test_a_large_request_arrives_whole() -> None:
    requests: list[bytes] = []
    body = bytes(range(256)) * 16_000
    with serving(recording(requests, answer())) as (_, target):
        taken = answered(target.send(replace(POST, body=body)))

    assert taken.status == 200
    assert requests[0].endswith(body)


# Answers that are none


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS_HEAD = b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 70_000


@pytest.mark.parametrize(
    ("octets", "kind", "detail"),
    [
        (b"", "closed", "closed the connection"),
        (b"HTTP", "closed", "4 octets"),
        (b"HTTP/1.1 200 OK\r\nContent-", "closed", "25 octets"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "cut-short", "status 200"),
        (CHUNKED + b"5\r\n{}", "cut-short", "status 200"),
        (CHUNKED + b"2\r\n{}\r\n", "cut-short", "status 200"),
        (CHUNKED + b"two\r\n{}\r\n0\r\n\r\n", "not-http", "illegal chunk header"),
        (CHUNKED + b"2\r\n{}}}\r\n0\r\n\r\n", "not-http", "chunk"),
        (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", "not-http", "chunk"),
        (CHUNKED + b"1" * 70_000, "too-large", "line of more than"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            "not-http",
            "Content-Length",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", "not-http", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nBad Name: 2\r\n\r\n{}", "not-http", "illegal header line"),
        (b"HTTP/1.1 OK\r\n\r\n{}", "not-http", "illegal status line"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "not-http", ""),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not-http", ""),
        (b"{}", "not-http", ""),
        (bytes(range(256)) * 4, "not-http", ""),
        (b"\x15\x03\x01\x00\x02\x02\x46", "not-http", "https://"),
        (ENDLESS_HEAD, "too-large", "65536"),
        (ENDLESS_HEAD + b"\r\n\r\n", "too-large", "65536"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 5000 + b"\r\n", "too-large", "5000 header fields"),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 2000, "too-large", "more than 10 interim"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000, "too-large", "2097152 octets"),
    ],
)
def test_what_cannot_be_read_is_no_answer(octets: bytes, kind: str, detail: str) -> None:
    with serving(answering_then_closing(octets)) as (_, target):
        nothing = unanswered(target.send(POST))

    assert nothing.kind == kind
    assert detail in nothing.detail
    assert len(nothing.detail) < 400


def test_framing_counts_against_the_limit_on_the_wire() -> None:
    with serving(answering(CHUNKED + b"1\r\nx\r\n" * 4000), max_wire=20_000) as (_, target):
        nothing = unanswered(target.send(POST))

    assert nothing.kind == "too-large"
    assert "20000 octets" in nothing.detail


def test_the_limits_hold_to_the_octet() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: %b\r\n\r\n"
    fits, too_long = (head % (b"a" * (1000 - len(head) + 2 + more)) for more in (0, 1))
    with serving(answering(fits, too_long), max_head=1000) as (_, target):
        first, second = target.send(POST), target.send(POST)

    assert len(fits) == 1000
    assert answered(first).status == 200
    assert unanswered(second).kind == "too-large"


def test_a_reset_in_mid_body_is_no_answer() -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}")
        time.sleep(0.02)
        connection.reset()

    with serving(script) as (_, target):
        nothing = unanswered(target.send(POST))

    assert nothing.kind == "reset"
    assert "status 200" in nothing.detail


def test_after_no_answer_the_next_request_has_a_new_connection() -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(b"what?\r\n\r\n" if connection.number == 0 else answer())
        connection.read_request()

    with serving(script) as (server, target):
        first, second = target.send(POST), target.send(POST)

        assert unanswered(first).kind == "not-http"
        assert answered(second).status == 200
        assert server.connections == 2


def test_a_port_where_nothing_listens_refuses() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Target(TargetSettings(url), Redactor([])) as target:
            nothing = unanswered(target.send(POST))

    assert nothing == NoAnswer("refused", f"nothing listens at {url}")


def test_a_host_that_does_not_exist_has_no_address() -> None:
    with Target(TargetSettings("http://nobody.invalid", timeout=5), Redactor([])) as target:
        nothing = unanswered(target.send(POST))

    assert nothing.kind == "dns"
    assert "nobody.invalid" in nothing.detail


def test_a_look_up_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(5) and [])
    with Target(TargetSettings("http://slow.example", timeout=0.2), Redactor([])) as target:
        exchange = target.send(POST)
        released.set()

    assert unanswered(exchange).kind == "dns"
    assert exchange.elapsed < 0.5


def test_a_name_with_several_addresses_is_tried_at_each() -> None:
    with RawServer(answering(answer())) as server:
        settings = TargetSettings(f"http://localhost:{server.port}")
        with Target(settings, Redactor([])) as target:
            found = target.send(POST)

    assert answered(found).status == 200


# The gate


def test_all_but_the_last_octet_is_written_before_the_gate_and_the_last_after_it() -> None:
    seen: list[bytes] = []
    arrived = threading.Event()

    def script(connection: Connection) -> None:
        seen.append(connection.read_until(b'{"a": 1'))
        arrived.set()
        seen.append(connection.read_request())
        connection.send(answer())

    def gate() -> None:
        assert arrived.wait(2)
        time.sleep(0.3)

    with serving(script, timeout=0.25) as (_, target):
        started = time.time()
        exchange = target.send(POST, gate=gate)

    assert seen[0] == seen[1][:-1]
    assert answered(exchange).status == 200
    assert exchange.elapsed < 0.25
    assert exchange.sent_at >= started + 0.3


def test_two_creates_pass_the_gate_together() -> None:
    barrier = threading.Barrier(2, timeout=3)
    times: list[float] = []

    def script(connection: Connection) -> None:
        connection.read_request()
        times.append(time.perf_counter())
        connection.send(answer())

    with serving(script) as (_, target):
        threads = [threading.Thread(target=target.send, args=(POST,), kwargs={"gate": barrier.wait}) for _ in range(2)]
        for thread in threads:
            thread.start()
            time.sleep(0.1)
        for thread in threads:
            thread.join()

    assert abs(times[0] - times[1]) < 0.05


def test_a_gate_is_passed_once_even_when_nothing_listens() -> None:
    passed: list[int] = []
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Target(TargetSettings(url), Redactor([])) as target:
            nothing = target.send(POST, gate=lambda: passed.append(1))

    assert unanswered(nothing).kind == "refused"
    assert passed == [1]


def test_a_gated_request_does_not_trust_a_kept_connection() -> None:
    with serving(answering(answer())) as (server, target):
        target.send(POST)
        target.send(POST, gate=lambda: None)

        assert server.connections == 2


def test_an_answer_that_comes_before_the_gate_is_kept() -> None:
    def script(connection: Connection) -> None:
        connection.wait_unread()
        connection.send(answer(b"", "401 Unauthorized"))
        connection.read_until(b"never")

    with serving(script) as (_, target):
        early = target.send(POST, gate=lambda: time.sleep(0.05))

    assert answered(early).status == 401


def test_what_a_gate_raises_goes_through() -> None:
    def broken() -> None:
        raise threading.BrokenBarrierError

    with serving(answering(answer())) as (_, target):
        with pytest.raises(threading.BrokenBarrierError):
            target.send(POST, gate=broken)

        assert answered(target.send(POST)).status == 200


# Secrets


def test_the_token_is_nowhere_in_an_exchange() -> None:
    echo = answer(f'{{"echo": "{TOKEN}"}}'.encode(), f"200 {TOKEN}", f"X-Echo: {TOKEN}", "Set-Cookie: s=1")
    hidden = Request("POST", f"/?token={TOKEN}", (("Authorization", TOKEN), ("X-Other", TOKEN)), TOKEN.encode())
    with serving(answering(echo + TOKEN.encode(), b"HTTP/1.1 " + TOKEN.encode() + b"\r\n\r\n")) as (
        _,
        target,
    ):
        exchange = target.send(hidden)

    got = answered(exchange)
    assert TOKEN not in repr(exchange)
    assert exchange.request.headers == (("Authorization", "[redacted]"), ("X-Other", "[redacted]"))
    assert got.body == b'{"echo": "[redacted]"}'
    assert got.body_length == len(TOKEN) + 12
    assert got.surplus == b"[redacted]"
    assert got.header("set-cookie") == "[redacted]"
    assert got.disclosed == ()


def test_the_places_of_a_credential_are_noted_before_it_is_taken_out() -> None:
    echo = answer(f'{{"echo": "{TOKEN}"}}'.encode(), f"200 {TOKEN}", f"X-Echo: {TOKEN}", f"Set-Cookie: s={TOKEN}")
    with serving(answering(echo)) as (server, _), Target(TargetSettings(server.url), Redactor([], [TOKEN])) as target:
        exchange = target.send(POST)

    assert TOKEN not in repr(exchange)
    assert answered(exchange).disclosed == ("body", "reason", "X-Echo", "Set-Cookie")


def test_the_token_is_not_in_the_detail_of_no_answer_either() -> None:
    with serving(answering(b"HTTP/1.1 " + TOKEN.encode() + b"\r\n\r\n")) as (_, target):
        exchange = target.send(POST)

    assert TOKEN not in repr(exchange)
    assert "[redacted]" in unanswered(exchange).detail


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a key and a self-signed certificate for 127.0.0.1, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command here to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "both.pem"
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=t"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    arguments = [openssl, *command.split(), *names]
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True)  # noqa: S603 - our own
    made.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return made


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_self_signed_certificate_is_not_trusted(certificate: Path) -> None:
    with serving(answering(answer()), server_side(certificate)) as (_, target):
        nothing = unanswered(target.send(POST))

    assert nothing.kind == "tls"
    assert "self-signed" in nothing.detail


def test_a_self_signed_certificate_is_trusted_when_it_is_named(certificate: Path) -> None:
    with serving(answering(answer()), server_side(certificate), ca_file=str(certificate)) as (server, target):
        statuses = [answered(target.send(POST)).status for _ in range(3)]

        assert statuses == [200, 200, 200]
        assert server.connections == 1


def test_a_certificate_for_another_name_is_not_trusted(certificate: Path) -> None:
    with RawServer(answering(answer()), server_side(certificate)) as server:
        url = f"https://localhost:{server.port}"
        with Target(TargetSettings(url, ca_file=str(certificate)), Redactor([])) as target:
            nothing = unanswered(target.send(POST))

    assert nothing.kind == "tls"
    assert "another host name" in nothing.detail


def test_any_certificate_will_do_when_told_so(certificate: Path) -> None:
    large = replace(POST, body=b"x" * 3_000_000)
    with serving(answering(answer(b"y" * 500_000)), server_side(certificate), insecure=True) as (_, target):
        taken = answered(target.send(large))

    assert taken.body_length == 500_000


def test_an_early_answer_over_tls_is_read(certificate: Path) -> None:
    def script(connection: Connection) -> None:
        connection.send(answer(b"too much", "413 Content Too Large"))
        connection.stopping.wait()

    with serving(script, server_side(certificate), insecure=True) as (_, target):
        early = answered(target.send(replace(POST, body=b"x" * 8_000_000)))

    assert early.status == 413


def test_a_port_without_tls_is_named_as_such() -> None:
    def script(connection: Connection) -> None:
        connection.wait_unread()
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.read_until(b"never")

    with RawServer(script) as server:
        url = server.url.replace("http", "https")
        with Target(TargetSettings(url), Redactor([])) as target:
            nothing = unanswered(target.send(POST))

    assert nothing.kind == "tls"
    assert "does not speak TLS" in nothing.detail


def test_a_port_that_closes_during_the_tls_handshake_is_named_as_such() -> None:
    with RawServer(lambda connection: connection.wait_unread()) as server:
        url = server.url.replace("http", "https")
        with Target(TargetSettings(url), Redactor([])) as target:
            nothing = unanswered(target.send(POST))

    assert nothing.kind == "tls"
    assert "during the TLS handshake" in nothing.detail


def test_a_tls_handshake_that_hangs_ends_at_the_deadline() -> None:
    with RawServer(silent) as server:
        url = server.url.replace("http", "https")
        with Target(TargetSettings(url, timeout=0.2), Redactor([])) as target:
            exchange = target.send(POST)

    assert unanswered(exchange).kind == "connect-timeout"
    assert exchange.elapsed < 0.5


# httpx


def test_the_transport_serves_any_httpx_client() -> None:
    requests: list[bytes] = []
    with RawServer(recording(requests, answer(b'{"a": 1}'))) as server:
        transport = WireTransport(TargetSettings(server.url))
        with httpx.Client(transport=transport, base_url=server.url, trust_env=False) as client:
            response = client.post("/x", json={"b": 2})

    assert response.json() == {"a": 1}
    assert requests[0].endswith(b'{"b":2}')


def test_the_transport_raises_where_no_answer_came() -> None:
    with RawServer(answering_then_closing(b"")) as server:
        transport = WireTransport(TargetSettings(server.url))
        with (
            httpx.Client(transport=transport, trust_env=False) as client,
            pytest.raises(NoAnswerError) as caught,
        ):
            client.get(server.url)

    assert caught.value.kind == "closed"


WAITING = replace(POST, headers=(*POST.headers, ("Expect", "100-continue")), wire=Wire(waits=True))


def test_a_body_that_waits_is_sent_when_it_is_asked_for() -> None:
    heads: list[bytes] = []
    bodies: list[bytes] = []

    def script(connection: Connection) -> None:
        heads.append(connection.read_head())
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        bodies.append(connection.read_request())
        connection.send(answer(b"{}"))

    with serving(script) as (_server, target):
        got = answered(target.send(WAITING))

    assert (got.status, got.interim, got.asked) == (200, (100,), True)
    assert heads[0].endswith(b"\r\n\r\n")
    assert bodies[0].endswith(WAITING.body)


def test_a_body_that_waits_is_not_sent_after_a_final_answer() -> None:
    more: list[bytes] = []

    def script(connection: Connection) -> None:
        connection.read_head()
        connection.send(answer(b"{}", "417 Expectation Failed"))
        more.append(connection.read_request())

    with serving(script) as (_server, target):
        got = answered(target.send(WAITING))

    assert (got.status, got.asked) == (417, True)
    assert more == [b""]


def test_a_body_that_waits_is_sent_in_the_end_though_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invoice_conformance.target._CONTINUE_WAIT", 0.1)

    with serving(answering(answer(b"{}"))) as (_server, target):
        waited, plain = answered(target.send(WAITING)), answered(target.send(POST))

    assert (waited.status, waited.asked) == (200, False)
    assert (plain.status, plain.asked) == (200, None)


def test_a_body_that_waits_does_not_wait_longer_than_the_request_may_take() -> None:
    def script(connection: Connection) -> None:
        connection.stopping.wait(2)

    with serving(script, timeout=0.3) as (_server, target):
        got = unanswered(target.send(WAITING))

    assert got.kind == "timeout"
