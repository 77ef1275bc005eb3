"""Owns HTTP spoken by hand, with the bad manners that a library would not let a server have.

It must not know what a service does with a request; one without bad manners is not served here.
"""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from invoice_conformance.reference.app import MAX_BODY, path_of
from invoice_conformance.reference.messages import Refusal, Request, Response
from invoice_conformance.reference.service import COLLECTION

if TYPE_CHECKING:
    from invoice_conformance.reference.messages import Headers
    from invoice_conformance.reference.service import Service

LONGEST_LINE: Final = 64 << 10
_LARGE: Final = 64 << 10
_DOCUMENTED: Final = {name.lower(): name for name in ("Authorization", "Content-Type", "tenant-id")}
_BAD: Final = HTTPStatus.BAD_REQUEST


async def converse(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, until either side has had enough."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        while await _one(service, reader, writer):
            pass
    writer.close()


async def _one(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; False when there is to be no other."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    version = b"1.0"
    close = True
    try:
        line, headers = _parsed(head, as_written=service.manners.names_as_written)
        method, target, version = line
        options = [value.lower() for name, value in headers if name == b"connection"]
        close = (version == b"1.0" or b"close" in options) and not service.manners.ignores_close
        request = await _read(service, (method, target), headers, reader, writer)
        response = await service.handle(request)
    except Refusal as refusal:
        method, close = "", True
        response = service.refuse(refusal)
    writer.write(_written(service, response, close=close, bodiless=method == "HEAD"))
    await writer.drain()
    return not close


def _parsed(head: str, *, as_written: bool) -> tuple[tuple[str, str, bytes], Headers]:
    """The request line and the header fields; `as_written` those of the documentation under no other spelling."""
    line, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    if version not in {"HTTP/1.0", "HTTP/1.1"} or not target:
        raise Refusal(_BAD, "this is no request line")
    pairs = [field.partition(":") for field in fields]
    if as_written:
        pairs = [pair for pair in pairs if _DOCUMENTED.get(pair[0].lower(), pair[0]) == pair[0]]
    headers = tuple((name.lower().encode("latin-1"), value.strip(" \t").encode("latin-1")) for name, _, value in pairs)
    return (method, target, version[-3:].encode()), headers


async def _read(
    service: Service,
    line: tuple[str, str],
    headers: Headers,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> Request:
    """The whole request."""
    manners = service.manners
    method, target = line
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 and not manners.any_host:
        raise Refusal(_BAD, "expected one Host")
    raw, _, query = target.partition("?")
    path = unquote(raw) if manners.knows_paths_only else path_of(unquote(raw))
    known = dict(headers)
    length = int(known.get(b"content-length", b"0"))
    if length > _LARGE and manners.resets_large:
        writer.transport.abort()
        raise ConnectionAbortedError
    if manners.leaves_bodies and path != COLLECTION:
        body = b""
    elif b"transfer-encoding" in known:
        body = await _chunks(reader, plain=manners.plain_chunks_only)
    else:
        if known.get(b"expect", b"").lower() == b"100-continue" and not manners.asks_for_nothing:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(length)
    oversized = len(body) > MAX_BODY
    return Request(method, path, headers, b"" if oversized else body, oversized=oversized, query=query.encode())


async def _chunks(reader: asyncio.StreamReader, *, plain: bool) -> bytes:
    """A body in chunks (RFC 9112 §7.1)."""
    parts: list[bytes] = []
    while True:
        line = (await reader.readuntil(b"\r\n")).removesuffix(b"\r\n")
        try:
            size = int(line if plain else line.partition(b";")[0], 16)
        except ValueError:
            raise Refusal(_BAD, "this is no chunk") from None
        if not size:
            break
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(parts)


def _written(service: Service, response: Response, *, close: bool, bodiless: bool) -> bytes:
    """The octets of an answer."""
    lines = [b"HTTP/1.1 %d " % response.status, *(b"%b: %b" % header for header in response.headers)]
    lines += [b"connection: close"] if close else []
    body = response.body
    if service.manners.chunks_for_all and response.status != HTTPStatus.NO_CONTENT:
        lines.append(b"transfer-encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif response.status != HTTPStatus.NO_CONTENT:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join((*lines, b"", b"" if bodiless else body))
