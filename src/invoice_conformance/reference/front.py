"""Owns a front that writes the application's answers octet for octet, so that one can be broken on its way.

It must not know which ways there are to break an answer, nor what a request means.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import unquote

import h11

if TYPE_CHECKING:
    from invoice_conformance.reference.app import Application, Message
    from invoice_conformance.reference.messages import Headers

_READ: Final = 64 << 10
_BODILESS: Final = 204


class End(Enum):
    """How a connection ends after an answer."""

    CLOSE = "orderly"
    RESET = "with a reset"


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds in which nothing is written."""

    seconds: float


Step: TypeAlias = "bytes | Pause | End"
"""Octets to write, or what to do instead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A correct answer, in the parts that are written; `method` is the request's.

    `whole_body` is the body that the answer has, or would have if the request were GET in place of HEAD.
    """

    method: str
    path: str
    status: int
    line: bytes
    headers: Headers
    whole_body: bytes

    @property
    def body(self) -> bytes:
        """The body as it is written."""
        return b"" if self.method == "HEAD" or self.status == _BODILESS else self.whole_body

    @property
    def head(self) -> bytes:
        """The head as it is written, up to its empty line."""
        fields = b"".join(b"%b: %b\r\n" % field for field in self.headers)
        return b"%b\r\n%b\r\n" % (self.line, fields)

    @property
    def octets(self) -> bytes:
        """Head and body as they are written."""
        return self.head + self.body

    def having(self, *fields: tuple[bytes, bytes], line: bytes | None = None, without: bytes = b"") -> Answer:
        """The same with further header fields, another status line, and without the fields of one name."""
        kept = tuple(field for field in self.headers if field[0].lower() != without)
        return replace(self, headers=(*kept, *fields), line=line or self.line)


Breaks: TypeAlias = Callable[[Answer], Iterable[Step] | None]
"""What is written in place of an answer; None where it is written as it is."""


class Front:
    """Serves the connections of one port, as a callback of `asyncio.start_server`."""

    def __init__(self, application: Application, port: int, breaks: Iterable[Breaks]) -> None:
        self._application = application
        self._port = port
        self._breaks = tuple(breaks)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        talk = _Talk(reader, writer)
        try:
            with contextlib.suppress(ConnectionError):
                while await self._one(talk):
                    pass
        finally:
            writer.close()

    async def _one(self, talk: _Talk) -> bool:
        """Answer one request; whether the connection may carry another."""
        try:
            event = await talk.next_event()
        except h11.RemoteProtocolError:
            await talk.write((b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",))
            return False
        if not isinstance(event, h11.Request):
            return False
        answer = await self._answer(event, talk)
        if answer is None:
            return False
        steps = next((found for breaks in self._breaks if (found := breaks(answer)) is not None), (answer.octets,))
        return await talk.write(steps) and talk.next_request(answer)

    async def _answer(self, event: h11.Request, talk: _Talk) -> Answer | None:
        """What the application answers, None when the client has gone."""
        method = event.method.decode("ascii")
        raw, _, query = event.target.partition(b"?")
        path = unquote(raw.decode("ascii"))
        scope: Message = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": list(event.headers),
            "server": ("127.0.0.1", self._port),
            "client": talk.peer,
        }
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await self._application(scope, talk.receive, send)
        if not sent:
            return None
        status: int = sent[0]["status"]
        line = b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())
        return Answer(method, path, status, line, tuple(sent[0]["headers"]), sent[1]["body"])


class _Talk:
    """One connection: h11 reads the requests, and hears of the correct answers in place of what is written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = h11.Connection(h11.SERVER)
        self.peer: tuple[str, int] = writer.get_extra_info("peername")
        """Address and port of the client."""

    async def next_event(self) -> h11.Event | type[h11.PAUSED]:
        """The next part of a request."""
        while True:
            event = self._parser.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value] # NEED_DATA is excluded by identity
            if self._parser.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._parser.send(go_on) or b"")
            self._parser.receive_data(await self._reader.read(_READ))

    async def receive(self) -> Message:
        """The next part of the request's body, as ASGI says it."""
        try:
            event = await self.next_event()
        except h11.RemoteProtocolError:
            return {"type": "http.disconnect"}
        if isinstance(event, h11.Data):
            return {"type": "http.request", "body": bytes(event.data), "more_body": True}
        if isinstance(event, h11.EndOfMessage):
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def write(self, steps: Iterable[Step]) -> bool:
        """Write an answer; whether the connection is still open."""
        for step in steps:
            if isinstance(step, Pause):
                await self._writer.drain()
                await asyncio.sleep(step.seconds)
            elif isinstance(step, bytes):
                self._writer.write(step)
            else:
                await self._writer.drain()
                if step is End.RESET:
                    raw = self._writer.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self._writer.transport.abort()
                return False
        await self._writer.drain()
        return True

    def next_request(self, answer: Answer) -> bool:
        """Make ready for the next request; whether there may be one."""
        self._parser.send(h11.Response(status_code=answer.status, headers=list(answer.headers)))
        if answer.body:
            self._parser.send(h11.Data(data=answer.body))
        self._parser.send(h11.EndOfMessage())
        if self._parser.our_state is not h11.DONE or self._parser.their_state is not h11.DONE:
            return False
        self._parser.start_next_cycle()
        return True
