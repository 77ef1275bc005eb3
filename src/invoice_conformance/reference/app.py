"""Owns the ASGI side of the server: reading a body to its end, sending an answer, and choosing a service.

It must not know what the services do with a request.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from invoice_conformance.reference.messages import Request, Response, Silence

if TYPE_CHECKING:
    from invoice_conformance.reference.service import Service

Message: TypeAlias = MutableMapping[str, Any]
"""A scope or an event of ASGI 3."""

MAX_BODY: Final = 1 << 20
"""Octets of a body that are kept; a longer one is read, discarded and refused."""

MAX_DISCARDED: Final = 16 << 20
"""Octets that are read for the sake of an answer; beyond them the connection is closed after it."""

_BODILESS: Final = 204


class Application:
    """An ASGI application in front of one service a port.

    `service_at` names the service for the port that a request came in by. `latency` is slept before each
    answer, in seconds.
    """

    def __init__(self, service_at: Callable[[int], Service], latency: float = 0.0) -> None:
        self._service_at = service_at
        self._latency = latency

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request; one that ends early gets no answer."""
        body = await _read_body(receive)
        if body is None:
            return
        octets, size = body
        oversized = size > MAX_BODY
        request = Request(
            scope["method"],
            path_of(scope["path"]),
            tuple(scope["headers"]),
            octets,
            oversized=oversized,
            query=scope["query_string"],
            secure=scope.get("scheme") == "https",
            connection=scope["client"][1],
        )
        if self._latency:
            await asyncio.sleep(self._latency)
        try:
            response = await self._service_at(scope["server"][1]).handle(request)
        except Silence as silence:
            await _fall_silent(silence, receive, send)
            return
        head = _head(response, close=size > MAX_DISCARDED)
        await send({"type": "http.response.start", "status": response.status, "headers": head})
        await send({"type": "http.response.body", "body": response.body})


async def _fall_silent(
    silence: Silence, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Return without an answer, when the connection has ended."""
    # ASGI knows no way to end a connection unanswered, so it is looked for where uvicorn keeps it.
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    if silence.kind == "reset":
        with contextlib.suppress(OSError):
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if silence.kind != "timeout":
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_body(receive: Callable[[], Awaitable[Message]]) -> tuple[bytes, int] | None:
    """The body, empty when it is too large, and how much of it arrived; None when the client has gone."""
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= MAX_DISCARDED:
        message = await receive()
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            parts.clear()
        else:
            parts.append(part)
        more = message.get("more_body", False)
    return (parts[0] if len(parts) == 1 else b"".join(parts)), size


def path_of(path: str) -> str:
    """The path of a request target, which may be a whole URL (RFC 9112 §3.2.2)."""
    return path if path.startswith("/") else urlsplit(path).path


def _head(response: Response, *, close: bool) -> list[tuple[bytes, bytes]]:
    head = list(response.headers)
    if response.status != _BODILESS:
        head.append((b"content-length", b"%d" % len(response.body)))
    if close:
        head.append((b"connection", b"close"))
    return head
