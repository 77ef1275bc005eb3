"""Owns the wire: the only module that opens a connection, sends octets and reads what a target answers.

It must not know what a case, a requirement or an invoice is; all it judges is whether an answer came.

Everything a target says is hostile: bounded in size and time before it is parsed. Requests are written as
they are given, so that odd ones can be sent; only answers go through h11.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import ipaddress
import re
import select
import socket
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeAlias

import h11
import httpx

from invoice_conformance import __version__
from invoice_conformance.address import parts_of, proxy_of
from invoice_conformance.crowd import GRACE, Crowd
from invoice_conformance.exchange import USUAL, Exchange, NoAnswer, Response, Unasked
from invoice_conformance.headsyntax import is_well_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from invoice_conformance.exchange import Chunks, NoAnswerKind, Request, Wire
    from invoice_conformance.redaction import Redactor

_READ: Final = 64 * 1024
_CHUNK: Final = 64 * 1024
_RESET_WAIT: Final = 0.25
"""Seconds to wait for the reset which proves that the request was never read: a long round trip."""
_LISTENING: Final = 0.05
"""Seconds to listen after an answer for octets that nobody asked for."""
_LISTENING_CLOSELY: Final = 0.25
"""Seconds to listen after an answer of a kind that was followed by some before; it ends with the first of them."""
_SILENCES: Final = 2
"""Answers of a kind that silence must follow before such answers are no longer listened after."""
_HTTP_2: Final = re.compile(rb"\x00[\x00-\xff]{2}[\x04\x07][\x00-\xff]\x00{4}")
"""A frame of SETTINGS or GOAWAY, with which a server of HTTP/2 begins (RFC 9113, sections 3.4 and 4.1)."""
_BODILESS: Final = frozenset({204, 304})
_HEAD_ENDS: Final = re.compile(rb"\n\r?\n")
_CLOSE_WAIT: Final = 2.0
_CONTINUE_WAIT: Final = 3.0
"""Seconds for which a body is held back that waits to be asked for (RFC 9110, section 10.1.1)."""
"""Seconds within which a target ends a connection that it was asked to end."""
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""RFC 9110, section 9.2.2."""
_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})


class NoAnswerError(httpx.TransportError):
    """No complete answer came: `kind` and `detail` as in `NoAnswer`."""

    def __init__(self, kind: NoAnswerKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: NoAnswerKind = kind
        self.detail = detail


@dataclass(frozen=True)
class TargetSettings:
    """Where the target is and how much of it is borne with; times in seconds, sizes in octets.

    `timeout` covers a whole request: connecting, TLS, sending, interim answers, head, body. `ca_file` names
    a PEM file to trust instead of the system's authorities; `insecure` trusts any certificate. `client_cert`
    is a PEM file with what the target is shown of us, `client_key` its key when that is apart. `proxy` is the
    URL of an HTTP proxy to go through; the environment's are never used. No request goes on after `until`, a
    moment of `time.perf_counter`. A `base_url` or `proxy` that cannot be used raises `BadUrl`.
    """

    base_url: str
    timeout: float = 10.0
    ca_file: str | None = None
    insecure: bool = False
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = field(default=None, repr=False)
    until: float = float("inf")
    max_wire: int = 2 * 1024 * 1024
    """All octets of one answer, with interim answers and framing: beyond, the answer is given up."""
    max_body: int = 1024 * 1024
    """Octets of a body that are kept; the rest counts in its length and digest."""
    max_head: int = 64 * 1024
    max_headers: int = 100
    max_interim: int = 10
    max_surplus: int = 4096

    scheme: str = field(init=False, repr=False, compare=False)
    host: str = field(init=False, repr=False, compare=False)
    port: int = field(init=False, repr=False, compare=False)
    prefix: str = field(init=False, repr=False, compare=False)
    """The path of the base URL without its last slash; callers put it before their own path."""
    authority: str = field(init=False, repr=False, compare=False)
    """The value of the `Host` field."""
    via: tuple[str, int] | None = field(init=False, repr=False, compare=False)
    """Host and port of the proxy."""
    via_credentials: str = field(init=False, repr=False, compare=False)
    """The value of the `Proxy-Authorization` field; empty when the proxy wants none."""

    def __post_init__(self) -> None:
        scheme, host, port, prefix = parts_of(self.base_url)
        shown = f"[{host}]" if ":" in host else host
        standard = port == {"http": 80, "https": 443}[scheme]
        derived: dict[str, object] = {
            "scheme": scheme,
            "host": host,
            "port": port,
            "prefix": prefix,
            "authority": shown if standard else f"{shown}:{port}",
            "via": None,
            "via_credentials": "",
        }
        if self.proxy is not None:
            via, via_port, user, password = proxy_of(self.proxy)
            derived["via"] = (via, via_port)
            if user or password:
                pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
                derived["via_credentials"] = f"Basic {pair}"
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        if not self.timeout > 0:
            raise ValueError(f"timeout must be more than 0 seconds, not {self.timeout}")

    @property
    def origin(self) -> str:
        """Scheme and authority, as in `http://localhost:8080`."""
        return f"{self.scheme}://{self.authority}"


class _Answer:
    """Reads one answer from octets as they come in; raises `NoAnswerError` for one that cannot be."""

    # h11 must know what was asked to tell where the answer ends (RFC 9112, section 6.3); the request itself
    # is written by `_octets`, so these stand for it.
    _ASKED: Final = {
        method: h11.Request(method=method, target="/", headers=[("Host", "h")])
        for method in ("HEAD", "CONNECT", "POST")
    }

    def __init__(self, method: str, settings: TargetSettings) -> None:
        self._settings = settings
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=settings.max_head)
        self._parser.send(self._ASKED.get(method) or self._ASKED["POST"])
        self._parser.send(h11.EndOfMessage())
        self._head: h11.Response | None = None
        self._interim: list[int] = []
        self._body = bytearray()
        self._length = 0
        self._digest = hashlib.sha256()
        self._first = b""
        self._raw = bytearray()
        """The octets up to the head's end, and what came with them."""
        self.ended = False
        """Whether the target has closed the connection."""
        self.received = 0
        """Octets of the answer so far."""
        self.done = False

    def feed(self, octets: bytes) -> None:
        """Take in what was read from the connection; nothing at all means that the target closed it."""
        if not octets:
            self.ended = True
            self._parse(octets)
            return
        if len(self._first) < len(b"HTTP/"):
            self._first += octets[: len(b"HTTP/")]
        while octets and not self.done:
            take = len(octets)
            if self._head is None:
                take = min(take, self._settings.max_head - self.received)
                if take <= 0:
                    self._too_large(f"a head of more than {self._settings.max_head} octets")
            if self.received + take > self._settings.max_wire:
                self._too_large(f"more than {self._settings.max_wire} octets")
            self.received += take
            if self._head is None:
                self._raw += octets[:take]
            self._parse(octets[:take])
            octets = octets[take:]
        if octets:
            self._parser.receive_data(octets)

    def _too_large(self, what: str) -> NoReturn:
        raise NoAnswerError("too-large", f"the target sent {what}{self.so_far()}")

    def _parse(self, octets: bytes) -> None:
        try:
            self._parser.receive_data(octets)
            while not self.done and (event := self._parser.next_event()) is not h11.NEED_DATA:
                self._take(event)
        except h11.RemoteProtocolError as error:
            raise self._rejected(error, at_end=not octets) from None

    def _take(self, event: h11.Event | type[h11.NEED_DATA | h11.PAUSED]) -> None:
        if isinstance(event, h11.Data):
            self._keep(event.data)
        elif isinstance(event, h11.Response):
            self._begin(event)
        elif isinstance(event, h11.InformationalResponse):
            self._interim.append(event.status_code)
            if len(self._interim) > self._settings.max_interim:
                self._too_large(f"more than {self._settings.max_interim} interim (1xx) answers")
        elif isinstance(event, h11.ConnectionClosed):
            raise self._closed()
        else:
            # The end of the message; or a tunnel after CONNECT, where no HTTP follows and no body either.
            self.done = True

    def _rejected(self, error: h11.RemoteProtocolError, *, at_end: bool) -> NoAnswerError:
        """Say whose fault it is that h11 cannot read the answer."""
        if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            limit = self._settings.max_head
            return NoAnswerError("too-large", f"the target sent a head or line of more than {limit} octets")
        if at_end and self._first[:5] == b"HTTP/"[: len(self._first)]:
            return self._closed()
        if self._first.startswith(b"\x15\x03"):
            return NoAnswerError("not-http", "the target answered in TLS; its URL probably begins with https://")
        if _HTTP_2.match(self._raw):
            return NoAnswerError("not-http", "the target answered in HTTP/2, which is not spoken here")
        words = re.sub(r"bytearray\(b(.*)\)", r"\1", str(error), flags=re.DOTALL)[:200]
        if self._first == b"HTTP/":
            where = "the body's framing" if self._head is not None else "the head"
            return NoAnswerError("not-http", f"the target's answer breaks HTTP/1.1 in {where}: {words}")
        return NoAnswerError("not-http", f"what the target sent is not HTTP/1.1: {words}")

    def _closed(self) -> NoAnswerError:
        # RFC 9112, section 8: with a head whose framing promised more, the message is incomplete.
        kind: NoAnswerKind = "closed" if self._head is None else "cut-short"
        return NoAnswerError(kind, f"the target closed the connection{self.so_far()}")

    def _begin(self, head: h11.Response) -> None:
        if len(head.headers) > self._settings.max_headers:
            self._too_large(f"{len(head.headers)} header fields; {self._settings.max_headers} are the limit")
        self._head = head

    def _keep(self, octets: bytes) -> None:
        self._digest.update(octets)
        self._length += len(octets)
        room = self._settings.max_body - len(self._body)
        if room > 0:
            self._body += octets[:room]

    def so_far(self) -> str:
        """Tell what had come of the answer, for a message: empty or ` (…)`."""
        if self._head is not None:
            promised = dict(self._head.headers).get(b"content-length", b"").decode("ascii")
            of_it = f", {self._length} octets of {promised} had come" if promised else ""
            return f" (in the body of an answer with status {self._head.status_code}{of_it})"
        return f" ({self.received} octets of an answer had come)" if self.received else ""

    @property
    def begun(self) -> bool:
        """Whether anything has come that can be read, interim answers included."""
        return bool(self._interim) or self._head is not None

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request, as far as the answer tells."""
        return self._parser.their_state is h11.DONE and not self._parser.trailing_data[0]

    @property
    def status(self) -> int:
        """The status of the answer, 0 before it has come."""
        return self._head.status_code if self._head is not None else 0

    @property
    def surplus(self) -> bytes:
        """What followed the answer, up to the settings' limit."""
        return self._parser.trailing_data[0][: self._settings.max_surplus] if self.done else b""

    def _odd_head(self) -> bytes:
        """The octets of the final head, when they are not written as they should be."""
        begin = end = 0
        for _head in range(len(self._interim) + 1):
            found = _HEAD_ENDS.search(self._raw, end)
            if found is None:
                return b""
            begin, end = end, found.end()
        head = bytes(self._raw[begin:end])
        return b"" if is_well_written(head) else head

    def result(
        self, unasked: Unasked | None = None, *, closed: bool | None = None, asked: bool | None = None
    ) -> Response:
        """Return the complete answer, with what is known beside it (see `Response`); only once `done`."""
        head = self._head
        assert head is not None  # noqa: S101 - `done` follows a head
        return Response(
            status=head.status_code,
            reason=head.reason.decode("latin-1"),
            http_version=f"HTTP/{head.http_version.decode('ascii')}",
            headers=tuple(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()
            ),
            body=bytes(self._body),
            body_length=self._length,
            body_sha256=self._digest.hexdigest(),
            truncated=self._length > len(self._body),
            surplus=bytes(self.surplus),
            interim=tuple(self._interim),
            head=self._odd_head(),
            unasked=unasked,
            closed=closed,
            asked=asked,
        )


class _Connection:
    """One open connection; it writes and reads at once, so that an early answer is neither lost nor a jam."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self.socket = connection
        self._timeout = timeout
        self.whole = True
        """Whether every octet that was to be written has been."""
        if hasattr(select, "poll"):
            self._poll: select.poll | None = select.poll()
            self._poll.register(connection, select.POLLIN)
        else:
            self._poll = None
        self._polled_for_writing = False

    def close(self) -> None:
        self.socket.close()

    def idle(self, limit: int) -> bytes | None:
        """None while the idle connection is open and quiet; else what came, nothing when it was closed.

        Octets here answer no request; taken for the next answer they would be judged as such.
        """
        try:
            return self.socket.recv(limit)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError:
            return b""

    def listen(self, answer: _Answer, deadline: float) -> None:
        """Take in what follows `answer` that nobody asked for, until the deadline, an end or the first of it."""
        with contextlib.suppress(NoAnswerError):
            while not answer.ended and not answer.surplus:
                if self._wait(deadline, answer, writing=False)[0]:
                    self._read(answer)

    def ends(self, deadline: float) -> bool:
        """Whether the target ends the connection until `deadline`; what it sends before that is thrown away."""
        while (remaining := deadline - time.perf_counter()) > 0:
            try:
                if not self.socket.recv(_READ):
                    return True
            except (BlockingIOError, ssl.SSLWantReadError):
                select.select([self.socket], [], [], min(remaining, _CLOSE_WAIT))
            except OSError:
                return True
        return False

    def was_read(self) -> bool:
        """After an end without an answer: False when a reset shows that nobody read the request.

        RFC 9293, section 3.10.7.1: octets that reach a closed connection are answered with a reset.
        """
        if self._poll is None:
            return True
        self._poll.modify(self.socket, 0)
        return not self._poll.poll(_RESET_WAIT * 1000)

    def talk(self, answer: _Answer, octets: memoryview, deadline: float, *, only_write: bool = False) -> None:
        """Write `octets` and read until `answer` is done, or with `only_write` until all is written."""
        rest = self._write(octets)
        while not answer.done and (rest or not only_write):
            readable, writable = self._wait(deadline, answer, writing=bool(rest))
            if readable:
                self._read(answer)
            if writable and rest and not answer.done:
                rest = self._write(rest)
        if rest:
            # RFC 9112, section 9.5: who sees that the answer does not want the rest ceases to send it.
            self.whole = False

    def ask(self, answer: _Answer, octets: memoryview, deadline: float) -> bool:
        """Write a head, then the body once it is asked for or nobody has asked until `deadline`; whether one asked."""
        head = octets[: bytes(octets).index(b"\r\n\r\n") + 4]
        self.talk(answer, head, deadline, only_write=True)
        until = min(deadline, time.perf_counter() + _CONTINUE_WAIT)
        try:
            while not (answer.begun or answer.done):
                if self._wait(until, answer, writing=False)[0]:
                    self._read(answer)
        except NoAnswerError as error:
            if error.kind != "timeout" or until == deadline:
                raise
        asked = answer.begun
        if asked and answer.status:
            # RFC 9110, section 10.1.1: a final answer, so the body is not wanted.
            self.whole = False
            octets = octets[:0]
        self.talk(answer, octets[len(head) :], deadline)
        return asked

    def _write(self, octets: memoryview) -> memoryview:
        """Write what the connection takes; what is left of `octets`."""
        while octets and self.whole:
            try:
                octets = octets[self.socket.send(octets) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return octets
            except OSError:
                # The target closed before it read all. Its answer may be waiting all the same.
                self.whole = False
        return octets[:0]

    def _read(self, answer: _Answer) -> None:
        try:
            octets = self.socket.recv(_READ)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except ssl.SSLError as error:
            if not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                raise NoAnswerError("tls", f"TLS broke off: {_reason(error)}{answer.so_far()}") from None
            octets = b""
        except OSError as error:
            raise NoAnswerError("reset", f"the target reset the connection{answer.so_far()}") from error
        answer.feed(octets)

    def _wait(self, deadline: float, answer: _Answer, *, writing: bool) -> tuple[bool, bool]:
        """Wait until the connection can be read or, when `writing`, written."""
        remaining = deadline - time.perf_counter()
        if remaining > 0:
            if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                return True, False
            if self._poll is None:
                waiting = [self.socket]
                readable, writable, _ = select.select(waiting, waiting if writing else [], [], remaining)
                if readable or writable:
                    return bool(readable), bool(writable)
            else:
                if writing is not self._polled_for_writing:
                    self._poll.modify(self.socket, select.POLLIN | (select.POLLOUT if writing else 0))
                    self._polled_for_writing = writing
                for _, events in self._poll.poll(remaining * 1000):
                    return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)
        raise NoAnswerError("timeout", f"no complete answer within {self._timeout:g} s{answer.so_far()}")


class _Manners:
    """How a target behaves between two requests; all of its connections share it.

    RFC 9112, section 9.2: on a connection without outstanding requests octets are no answer. Those that come while
    the next request is on its way cannot be told from its answer; so after the first answers of a kind there is a
    moment of listening, and a target that was heard once has a new connection for each request.
    """

    def __init__(self) -> None:
        self._silences: Counter[tuple[str, int]] = Counter()
        self._noisy: set[tuple[str, int]] = set()
        self.keeps_silence = True

    def patience(self, method: str, status: int) -> float:
        """Seconds to listen after an answer of this kind; none once enough of them were followed by silence."""
        if (method, status) in self._noisy:
            return _LISTENING_CLOSELY
        # Answers without a body are few, and one that must not be there comes after them.
        bodiless = method == "HEAD" or status in _BODILESS
        return _LISTENING if bodiless or self._silences[method, status] < _SILENCES else 0.0

    def heard(self, method: str, status: int, octets: bytes) -> None:
        """Note what followed an answer."""
        if not octets:
            self._silences[method, status] += 1
        elif not is_benign(octets):
            self._noisy.add((method, status))
            if method != "HEAD" and status not in _BODILESS:
                self.keeps_silence = False


def is_benign(octets: bytes) -> bool:
    """Whether octets on an idle connection are what a server may send there.

    Line ends can be discarded (RFC 9112, section 2.2 and section 9.2). A 408 says that the server closes a
    connection on which it waited for too long (RFC 9110, section 15.5.9).
    """
    return not octets.replace(b"\r\n", b"") or _TIMED_OUT.match(octets) is not None


_TIMED_OUT: Final = re.compile(rb"HTTP/1\.[0-9] 408[ \r\n]")


class _NeverRedirects(httpx.Response):
    """An answer whose `Location` is left alone: httpx would parse it, and a hostile one makes it raise."""

    @property
    def has_redirect_location(self) -> bool:
        return False


class _NoCookies(httpx.Cookies):
    """Keeps nothing: cookies would make one case depend on another."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Ignore them."""


class _Client(httpx.Client):
    """An `httpx.Client` over `wire` that leaves cookies and redirects alone."""

    def __init__(self, wire: WireTransport) -> None:
        super().__init__(transport=wire, trust_env=False)
        self.wire = wire

    @property
    def cookies(self) -> httpx.Cookies:
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> NoReturn:
        raise AttributeError(f"a target's client keeps no cookies: {cookies!r}")


_NO_COOKIES: Final = _NoCookies()


class WireTransport(httpx.BaseTransport):
    """One connection to the target, kept alive; for one thread at a time.

    The request goes out octet for octet. Extensions of the `httpx.Request`: `method` and `target` in place of
    httpx's normalised ones, `chunked` to send the body in chunks, `gate` as in `Target.send`. The answer is
    read whole before `handle_request` returns; the response's extension `answer` holds it as
    `exchange.Response`, `httpx.Response` itself has the kept octets as its stream. Failures raise
    `NoAnswerError`.
    """

    def __init__(
        self,
        settings: TargetSettings,
        context: ssl.SSLContext | None = None,
        manners: _Manners | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        self._settings = settings
        self._context = tls_context(settings) if context is None else context
        self._manners = manners or _Manners()
        self._crowd = crowd or Crowd()
        self._connection: _Connection | None = None
        self._last = ("", 0)
        """Method and status of the last exchange on the connection."""
        self._unasked: Unasked | None = None
        """What was found on an idle connection, until an answer comes to carry it."""
        self._lock = threading.Lock()
        self._closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request` and read its answer, within the settings' time."""
        with self._lock:
            answer, ended = self._exchange(request)
        return _NeverRedirects(
            answer.status,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers],
            stream=httpx.ByteStream(answer.body),
            # No "reason_phrase": httpx would log the target's words before they are redacted.
            extensions={
                "http_version": answer.http_version.encode("ascii"),
                "answer": answer,
                "ended": ended,
            },
        )

    @property
    def is_connected(self) -> bool:
        """Whether a connection is kept."""
        return self._connection is not None

    def hang_up(self) -> None:
        """End the connection that is kept, if there is one; only between two requests."""
        with self._lock:
            self._drop()

    def close(self) -> None:
        """Close the connection; a request under way in another thread ends with `NoAnswerError`."""
        self._closed = True
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown, which would take TLS from under the thread that is using it.
                socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, request: httpx.Request) -> tuple[Response, float]:
        """The answer to `request`, and when it was complete."""
        gate: Callable[[], None] | None = request.extensions.get("gate")
        method: str = request.extensions.get("method", request.method)
        octets, reusable = _octets(method, request, self._settings)
        wire: Wire = request.extensions.get("wire", USUAL)
        asked: bool | None = None
        began = time.perf_counter()
        deadline = min(began + self._settings.timeout, self._settings.until)
        try:
            if gate is not None:
                answer = self._gated(method, octets, deadline, gate)
            elif wire.waits:
                answer = _Answer(method, self._settings)
                asked = self._connect(deadline).ask(answer, octets, deadline)
            else:
                answer = self._converse(method, octets, deadline)
        except BaseException:
            self._crowd.leaves(self)
            self._drop()
            raise
        ended = time.perf_counter()
        # What passed a gate did so beside others, which may be waiting for this connection to end.
        has_room = self._crowd.answered(self, began, ended) and gate is None
        connection = self._connection
        patience = self._manners.patience(method, answer.status)
        if connection is not None and patience:
            connection.listen(answer, min(deadline, ended + patience))
        if patience or answer.surplus:
            self._manners.heard(method, answer.status, answer.surplus)
        self._last = (method, answer.status)
        closed: bool | None = None
        if connection is not None and _asks_to_close(request):
            closed = answer.ended or connection.ends(min(deadline, time.perf_counter() + _CLOSE_WAIT))
        kept = reusable and answer.reusable and not answer.ended and self._manners.keeps_silence
        if connection is None or not (kept and has_room and connection.whole):
            self._drop()
        unasked, self._unasked = self._unasked, None
        return answer.result(unasked, closed=closed, asked=asked), ended

    def _is_quiet(self, connection: _Connection) -> bool:
        """Whether an idle connection may carry another request; what came on it is noted."""
        octets = connection.idle(self._settings.max_surplus)
        if octets is None:
            return True
        if octets and not is_benign(octets):
            self._unasked = Unasked(octets, *self._last)
            self._manners.heard(*self._last, octets)
        return False

    def _converse(self, method: str, octets: memoryview, deadline: float) -> _Answer:
        connection = self._connection
        if connection is not None and self._is_quiet(connection):
            answer = _Answer(method, self._settings)
            try:
                connection.talk(answer, octets, deadline)
            except NoAnswerError as error:
                if answer.received or self._closed or not _is_stale(error, method, connection):
                    raise
            else:
                # RFC 9110, section 15.5.9: a 408 may have crossed the request, which may then be repeated.
                if answer.status != HTTPStatus.REQUEST_TIMEOUT:
                    return answer
        answer = _Answer(method, self._settings)
        self._crowd.arrives(self, lambda: answer.received > 0)
        connection = self._connect(deadline)
        connection.talk(answer, octets, deadline)
        return answer

    def _gated(self, method: str, octets: memoryview, deadline: float, gate: Callable[[], None]) -> _Answer:
        """Write all but the last octet, pass the gate, write the last.

        Always on a new connection: a kept one might be stale, and what passed the gate cannot be sent again.
        The gate is passed exactly once, also without a connection: others may be waiting there for this one.
        """
        answer = _Answer(method, self._settings)
        trouble: NoAnswerError | None = None
        connection: _Connection | None = None
        try:
            connection = self._connect(deadline)
            connection.talk(answer, octets[:-1], deadline, only_write=True)
        except NoAnswerError as error:
            trouble = error
        waiting_since = time.perf_counter()
        gate()
        if trouble is not None or connection is None:
            raise trouble or RuntimeError("neither a connection nor trouble")
        connection.talk(answer, octets[-1:], deadline + time.perf_counter() - waiting_since)
        return answer

    def _connect(self, deadline: float) -> _Connection:
        """Open a new connection in place of the old one."""
        self._drop()
        self._refuse_when_closed()
        connection = _dial(self._settings, deadline)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._settings.scheme == "https":
                if self._settings.via is not None:
                    _tunnel(connection, self._settings, deadline)
                connection = self._secure(connection, deadline)
            connection.setblocking(False)  # noqa: FBT003 - the library's own signature
            self._refuse_when_closed()
        except BaseException:
            connection.close()
            raise
        self._connection = _Connection(connection, self._settings.timeout)
        return self._connection

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise NoAnswerError("closed", "the suite itself closed its connections")

    def _secure(self, connection: socket.socket, deadline: float) -> ssl.SSLSocket:
        """TLS over `connection`, which is closed if it fails."""
        settings = self._settings
        secure = self._context.wrap_socket(connection, server_hostname=settings.host, do_handshake_on_connect=False)
        try:
            secure.settimeout(max(deadline - time.perf_counter(), 0.001))
            secure.do_handshake()
        except TimeoutError:
            secure.close()
            raise NoAnswerError(
                "connect-timeout", f"{settings.origin} did not finish the TLS handshake in time"
            ) from None
        except (OSError, ValueError) as error:
            secure.close()
            raise NoAnswerError("tls", _tls_detail(error, settings)) from None
        return secure


def _is_stale(error: NoAnswerError, method: str, connection: _Connection) -> bool:
    """Whether a kept connection ended without an answer because the target had closed it before.

    RFC 9110, section 9.2.2: "A client SHOULD NOT automatically retry a request with a non-idempotent method
    unless it has some means to know that the request semantics are actually idempotent, regardless of the
    method, or some means to detect that the original request was never applied." A create that was read and
    sent again would meet its own number.
    """
    if error.kind == "reset" or (error.kind == "closed" and method in _IDEMPOTENT):
        return True
    return error.kind == "closed" and not connection.was_read()


def _asks_to_close(request: httpx.Request) -> bool:
    return "close" in request.headers.get("connection", "").lower()


def _octets(method: str, request: httpx.Request, settings: TargetSettings) -> tuple[memoryview, bool]:
    """Write out the request as it goes over the wire, and say whether its connection may be used again."""
    extensions = request.extensions
    wire: Wire = extensions.get("wire", USUAL)
    body = b"".join(request.stream)  # type: ignore[arg-type] # a SyncByteStream; httpx.Client has checked
    body = _CODINGS[wire.coding](body) if wire.coding else body
    headers = request.headers.raw
    named = {name.lower(): value for name, value in headers}
    target: bytes = extensions.get("target", request.url.raw_path)
    if wire.absolute:
        target = settings.origin.encode("ascii") + target
    lines = [b"%b %b HTTP/%b" % (method.encode("latin-1"), target, wire.version.encode("ascii"))]
    if wire.host and b"host" not in named:
        lines.append(b"Host: " + settings.authority.encode("ascii"))
    lines += [line for name, line in _DEFAULTS.items() if name not in named]
    lines += [b"%b: %b" % header for header in headers]
    framed = b"content-length" in named or b"transfer-encoding" in named
    if extensions.get("chunked"):
        if b"transfer-encoding" not in named:
            lines.append(b"Transfer-Encoding: chunked")
        body = _in_chunks(body, wire.chunks)
    elif not framed and (body or method in _WITH_CONTENT):
        lines.append(b"Content-Length: %d" % (len(body) + wire.padding))
    lines += (b"", body)
    # One piece, so that it leaves in one packet and no delayed acknowledgement holds up the second.
    written = b"\r\n".join(lines)
    octets = memoryview(_padded(written, wire.padding) if wire.padding else written)
    # Framing that a case made itself may leave the target in the middle of a request; so may what it cannot read.
    usual = wire.version == "1.1" and wire.host and not framed
    return octets, usual and not _asks_to_close(request)


def _padded(octets: bytes, padding: int) -> bytearray:
    """`octets` and spaces behind them, held once."""
    padded = bytearray(b" ") * (len(octets) + padding)
    padded[: len(octets)] = octets
    return padded


def _in_chunks(body: bytes, chunks: Chunks) -> bytes:
    """Put `body` in chunked transfer coding (RFC 9112, section 7.1), in two chunks at least if it can be."""
    size = {"small": 3, "capital": 0x1A}.get(chunks, min(max(-(-len(body) // 2), 1), _CHUNK))
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    begin = b"%X\r\n" if chunks == "capital" else b"%x;n=1;odd\r\n" if chunks == "extended" else b"%x\r\n"
    trailer = b"X-Trailer: 1\r\n" if chunks == "trailed" else b""
    return b"".join(begin % len(piece) + piece + b"\r\n" for piece in pieces) + b"0\r\n" + trailer + b"\r\n"


def _recoded(encoding: str, mark: str, body: bytes) -> bytes:
    return (mark + body.decode()).encode(encoding)


_CODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": partial(gzip.compress, mtime=0),
    "utf-16-le": partial(_recoded, "utf-16-le", ""),
    "utf-16-le with its mark": partial(_recoded, "utf-16-le", "\ufeff"),
    "utf-32-le": partial(_recoded, "utf-32-le", ""),
}


_DEFAULTS: Final = {
    b"user-agent": f"User-Agent: invoice-conformance/{__version__}".encode(),
    b"accept": b"Accept: application/json",
    b"accept-encoding": b"Accept-Encoding: identity",
}


_Address: TypeAlias = "tuple[socket.AddressFamily, tuple[str, int]]"


def _addresses(settings: TargetSettings, deadline: float) -> list[_Address]:
    """Look the target's host up, or its proxy's, in a thread of its own since a look-up knows no deadline."""
    host, port = settings.via or (settings.host, settings.port)
    with contextlib.suppress(ValueError):
        version = ipaddress.ip_address(host).version
        return [(socket.AF_INET if version == 4 else socket.AF_INET6, (host, port))]  # noqa: PLR2004 - IPv4
    found: list[_Address] = []
    failed: list[Exception] = []

    def look_up() -> None:
        try:
            for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, (str(address[0]), port)))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    thread = threading.Thread(target=look_up, name="look-up", daemon=True)
    thread.start()
    thread.join(max(deadline - time.perf_counter(), 0))
    if thread.is_alive():
        raise NoAnswerError("dns", f"the look-up of {host} took longer than {settings.timeout:g} s")
    if failed or not found:
        why = f": {_reason(failed[0])}" if failed else ""
        raise NoAnswerError("dns", f"no address is known for the host {host}{why}")
    return found


def _dial(settings: TargetSettings, deadline: float) -> socket.socket:
    """Connect to the first of the target's addresses, or its proxy's, that lets us."""
    where = f"the proxy {settings.via[0]}:{settings.via[1]}" if settings.via is not None else settings.origin
    addresses = _addresses(settings, deadline)
    trouble: list[OSError] = []
    for index, (family, address) in enumerate(addresses):
        remaining = (deadline - time.perf_counter()) / (len(addresses) - index)
        if remaining <= 0:
            break
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(remaining)
            connection.connect(address)
        except OSError as error:
            connection.close()
            trouble.append(error)
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    refusals = [error for error in trouble if not isinstance(error, TimeoutError)]
    if refusals and len(refusals) == len(addresses):
        if any(isinstance(error, ConnectionRefusedError) for error in refusals):
            raise NoAnswerError("refused", f"nothing listens at {where}")
        raise NoAnswerError("refused", f"no connection to {where}: {_reason(refusals[0])}")
    raise NoAnswerError("connect-timeout", f"no connection to {where} within {settings.timeout:g} s")


def _tunnel(connection: socket.socket, settings: TargetSettings, deadline: float) -> None:
    """Let the proxy at the other end of `connection` connect to the target (RFC 9110, section 9.3.6)."""
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    there = f"{shown}:{settings.port}"
    lines = [f"CONNECT {there} HTTP/1.1", f"Host: {there}"]
    if settings.via_credentials:
        lines.append(f"Proxy-Authorization: {settings.via_credentials}")
    asking = "\r\n".join([*lines, "", ""]).encode("ascii")
    connection.setblocking(False)  # noqa: FBT003 - the library's own signature
    answer = _Answer("CONNECT", settings)
    try:
        _Connection(connection, settings.timeout).talk(answer, memoryview(asking), deadline)
    except NoAnswerError as error:
        raise NoAnswerError("proxy", f"the proxy opened no tunnel to {settings.origin}: {error.detail}") from None
    said = answer.result()
    if not 200 <= said.status < 300:  # noqa: PLR2004 - the class of statuses
        words = f"{said.status} {said.reason}".strip()
        raise NoAnswerError("proxy", f"the proxy opened no tunnel to {settings.origin}; it answered {words}")


def _to_proxy(settings: TargetSettings) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What goes before each request target and the fields that each request has more, for a proxy that reads it.

    RFC 9112, section 3.2.2: a request to a proxy names the whole URL. What goes through a tunnel does not.
    """
    if settings.via is None or settings.scheme == "https":
        return "", ()
    credentials = settings.via_credentials
    return settings.origin, ((("Proxy-Authorization", credentials),) if credentials else ())


def tls_context(settings: TargetSettings) -> ssl.SSLContext:
    """Make what says whom TLS trusts; a bad `ca_file` or `client_cert` raises OSError (ssl.SSLError is one)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ca_file is not None:
        context.load_verify_locations(cafile=settings.ca_file)
    elif settings.scheme == "https":
        # OpenSSL's own paths, which SSL_CERT_FILE and SSL_CERT_DIR replace.
        context.load_default_certs()
    if settings.client_cert is not None:
        # A key under a passphrase would make OpenSSL ask at the terminal, in the middle of somebody's CI.
        context.load_cert_chain(settings.client_cert, settings.client_key, password=lambda: b"")
    return context


# X509_V_ERR_*, from OpenSSL's x509_vfy.h.
_CERTIFICATE_TROUBLE: Final = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority of its own",
    20: "is signed by an unknown authority",
    21: "is signed by an unknown authority",
    62: "is for another host name",
    64: "is for another address",
}


def _tls_detail(error: Exception, settings: TargetSettings) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        trouble = _CERTIFICATE_TROUBLE.get(error.verify_code)
        if trouble is None:
            return f"the certificate of {settings.origin} is not accepted: {error.verify_message}"
        return f"the certificate of {settings.origin} {trouble}"
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return f"{settings.origin} closed the connection during the TLS handshake"
    reason = _reason(error)
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER_FAILURE" in reason:
        return f"{settings.origin} does not speak TLS; its URL probably begins with http://"
    return f"no TLS with {settings.origin}: {reason}"


def _reason(error: BaseException) -> str:
    """Quote the system on an error, in a few words."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


class Target:
    """The server under test; any number of threads may call `send`, each over a connection of its own meanwhile."""

    def __init__(self, settings: TargetSettings, redactor: Redactor) -> None:
        self.settings = settings
        self._redactor = redactor
        self._url = httpx.URL(settings.origin)
        self._before, self._more = _to_proxy(settings)
        self._context = tls_context(settings)
        self._manners = _Manners()
        self._crowd = Crowd(min(GRACE, settings.timeout / 4))
        self._clients: list[_Client] = []
        self._idle: list[_Client] = []
        """Those of the clients that no thread uses."""
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, request: Request, *, gate: Callable[[], None] | None = None) -> Exchange:
        """Send `request` once and read what comes back; the exchange is redacted.

        Nothing a target does raises: trouble is a `NoAnswer`. `gate`, if given, is called exactly once, when
        all of the request but its last octet has been written, or when that has failed; what it raises goes
        through. The time it takes counts neither against the time-out nor in `elapsed`, and `sent_at` is when
        it returned.
        """
        clock = _Clock(gate)
        outgoing = httpx.Request(
            request.method,
            self._url,
            headers=[
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in (*request.headers, *self._more)
            ],
            stream=httpx.ByteStream(request.body),
            extensions={
                "method": request.method,
                "target": ((self._before if request.target.startswith("/") else "") + request.target).encode("latin-1"),
                "chunked": request.chunked,
                "wire": request.wire,
                "gate": None if gate is None else clock.passing,
            },
        )
        if gate is not None:
            self.hang_up()
        answer: Response | NoAnswer
        with self._crowd.place() if gate is None else contextlib.nullcontext(), self._client() as client:
            clock.start()
            try:
                extensions = client.send(outgoing, stream=True).extensions
                answer, ended = extensions["answer"], extensions["ended"]
            except NoAnswerError as error:
                answer, ended = NoAnswer(error.kind, error.detail), time.perf_counter()
        if self._crowd.is_too_large:
            self.hang_up()
        elapsed = clock.elapsed(ended)
        return redacted(Exchange(request, answer, clock.sent_at, elapsed), self._redactor)

    def hang_up(self) -> None:
        """End the connections that nobody uses: a server that answers one at a time may be waiting on them."""
        with self._lock:
            for client in self._idle:
                client.wire.hang_up()

    def close(self) -> None:
        """Close every connection; requests under way end without an answer, later ones are an error."""
        with self._lock:
            self._closed = True
            clients, self._clients, self._idle = self._clients, [], []
        for client in clients:
            client.close()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was done differently because of the target, in a sentence each."""
        limit, waited = self._crowd.limit, self._crowd.passed_over
        if limit is None:
            return ()
        served = "one connection" if limit == 1 else f"{limit} connections"
        others = "another" if waited == 1 else f"{waited} others"
        together = "one" if limit == 1 else f"no more than {limit}"
        words = (
            f"the target answered {served} again and again while {others} waited; so requests went to it over "
            f"{together} at a time, but for simultaneous creates"
        )
        return (words,)

    @contextlib.contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        """Find or make a client that no other thread uses, one with a connection rather than without."""
        with self._lock:
            if self._closed:
                raise RuntimeError("this target is closed; open another to send more")
            client = next((one for one in reversed(self._idle) if one.wire.is_connected), None)
            if client is None and self._idle:
                client = self._idle[-1]
            if client is None:
                client = _Client(WireTransport(self.settings, self._context, self._manners, self._crowd))
                self._clients.append(client)
            else:
                self._idle.remove(client)
        try:
            yield client
        finally:
            with self._lock:
                if not self._closed:
                    self._idle.append(client)


def redacted(exchange: Exchange, redactor: Redactor) -> Exchange:
    """Return the exchange without secrets, the answer with the places where a whole credential stood."""
    request, answer = _redacted_request(exchange.request, redactor), _redacted_answer(exchange.answer, redactor)
    if request is exchange.request and answer is exchange.answer:
        return exchange
    return replace(exchange, request=request, answer=answer)


def _redacted_request(request: Request, redactor: Redactor) -> Request:
    target, body = redactor.text(request.target), redactor.octets(request.body)
    headers = redactor.headers(request.headers)
    if (target, headers, body) == (request.target, request.headers, request.body):
        return request
    return replace(request, target=target, headers=headers, body=body)


def _redacted_answer(answer: Response | NoAnswer, redactor: Redactor) -> Response | NoAnswer:
    if isinstance(answer, NoAnswer):
        return replace(answer, detail=redactor.text(answer.detail))
    reason = redactor.text(answer.reason)
    body = redactor.octets(answer.body, answer.header("content-encoding") or "")
    headers, surplus = redactor.headers(answer.headers), redactor.octets(answer.surplus)
    head, unasked = redactor.octets(answer.head), answer.unasked
    if unasked is not None:
        unasked = replace(unasked, octets=redactor.octets(unasked.octets))
    was = (answer.reason, answer.headers, answer.body, answer.surplus, answer.head, answer.unasked)
    if (reason, headers, body, surplus, head, unasked) == was:
        return answer
    cleaned = replace(answer, reason=reason, headers=headers, body=body, surplus=surplus, head=head, unasked=unasked)
    named = zip(headers, answer.headers, strict=True)
    places = (("body", answer.body), ("reason", answer.reason.encode("latin-1")))
    disclosed = (
        *(place for place, octets in places if redactor.discloses(octets)),
        *(
            shown
            for (shown, kept), (name, value) in named
            if (shown, kept) != (name, value) and redactor.discloses(f"{name}: {value}".encode("latin-1"))
        ),
    )
    return replace(cleaned, disclosed=disclosed)


class _Clock:
    """How long a request took, less the time it waited at its gate."""

    def __init__(self, gate: Callable[[], None] | None) -> None:
        self._gate = gate
        self._started = 0.0
        self.sent_at = 0.0

    def start(self) -> None:
        self.sent_at = time.time()
        self._started = time.perf_counter()

    def passing(self) -> None:
        """Pass the gate with the clock stopped."""
        waiting_since = time.perf_counter()
        if self._gate is not None:
            self._gate()
        self._started += time.perf_counter() - waiting_since
        self.sent_at = time.time()

    def elapsed(self, ended: float) -> float:
        return ended - self._started
