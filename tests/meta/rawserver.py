"""Owns servers that misbehave on the octet: what a test scripts is sent as it stands.

It must not know the suite under test, nor HTTP beyond where a request ends.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class Connection:
    """One accepted connection, as a script sees it; `number` counts them from 0."""

    def __init__(self, raw: socket.socket, number: int, stopping: threading.Event) -> None:
        self._raw = raw
        self._buffer = b""
        self.number = number
        self.stopping = stopping

    def read_request(self) -> bytes:
        """Read one whole request, head and body; nothing when the client has closed."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return b""
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
            while not rest.endswith(b"0\r\n\r\n"):
                if not self._more():
                    return b""
                rest = self._buffer.partition(b"\r\n\r\n")[2]
            size = len(rest)
        else:
            size = int(length[1]) if length else 0
        whole = len(head) + 4 + size
        while len(self._buffer) < whole:
            if not self._more():
                return b""
        request, self._buffer = self._buffer[:whole], self._buffer[whole:]
        return request

    def read_until(self, end: bytes) -> bytes:
        """Read until the octets so far end in `end`; they stay to be read again."""
        while not self._buffer.endswith(end) and self._more():
            pass
        return self._buffer

    def wait_unread(self) -> None:
        """Wait until a request has come, and leave it unread."""
        self._raw.recv(1, socket.MSG_PEEK)

    def read_head(self) -> bytes:
        """Read up to the end of a request's head, and leave the body that may follow; what came with it too."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return b""
        return self._buffer

    def send(self, octets: bytes) -> None:
        """Send `octets` as they are."""
        self._raw.sendall(octets)

    def drip(self, octets: bytes, pause: float) -> None:
        """Send `octets` one at a time, over and over, until the test ends or the client has had enough."""
        while True:
            for place in range(len(octets)):
                self.send(octets[place : place + 1])
                if self.stopping.wait(pause):
                    return

    def reset(self) -> None:
        """End the connection with a reset (RST) in place of an orderly close."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._raw.close()

    def close(self) -> None:
        """End the connection; whatever is still unread makes the system reset it."""
        self._raw.close()

    def _more(self) -> bool:
        octets = self._raw.recv(65536)
        self._buffer += octets
        return bool(octets)


class RawServer:
    """Runs `script` for each connection, in a thread of its own, until the `with` block ends."""

    def __init__(self, script: Callable[[Connection], None], context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._failures: list[Exception] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept)

    @property
    def url(self) -> str:
        """The base URL of the server."""
        return f"http{'s' if self._context else ''}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections have been accepted."""
        return len(self._threads)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        # Wakes the acceptor, on every system.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._acceptor.join()
        self._listener.close()
        for raw in self._open:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _accept(self) -> None:
        while True:
            raw, _ = self._listener.accept()
            if self._stopping.is_set():
                raw.close()
                return
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(raw)
            thread = threading.Thread(target=self._serve, args=(raw, len(self._threads)))
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket, number: int) -> None:
        try:
            if self._context is not None:
                raw = self._context.wrap_socket(raw, server_side=True)
            self._script(Connection(raw, number, self._stopping))
        except OSError:
            # The client went away, which is its right.
            pass
        except Exception as error:  # noqa: BLE001 - raised again where the test sees it
            self._failures.append(error)
        finally:
            raw.close()


def answer(body: bytes = b"{}", status: str = "200 OK", *fields: str) -> bytes:
    """Write a plain answer with a true Content-Length."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def answering(*answers: bytes) -> Callable[[Connection], None]:
    """Make a script that answers each connection's n-th request with the n-th answer, the last for good."""

    def script(connection: Connection) -> None:
        number = 0
        while connection.read_request():
            connection.send(answers[min(number, len(answers) - 1)])
            number += 1

    return script


def answering_then_closing(*pieces: bytes) -> Callable[[Connection], None]:
    """Make a script that reads one request, sends `pieces` and closes in good order."""

    def script(connection: Connection) -> None:
        if connection.read_request():
            for piece in pieces:
                connection.send(piece)

    return script
