"""Owns a conforming server on bare asyncio that is as lenient, and as odd on the wire, as the page lets it be.

It must not know the suite, the reference server or any library: its HTTP, its reading and its store are its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import re
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import formatdate
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Json: TypeAlias = Any
"""A JSON value as `json` reads it: the edge where JSON comes in."""

PATH: Final = "/api/v1/invoices"
TOKEN: Final = "ref-k3n8q5w2x7"  # noqa: S105 - it guards nothing
TENANTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "tnt_pfh0haxfpzowht3oi213cqos": frozenset({"ctr_z23aoo8naxk68ewcr64tchh5"}),
        "tnt_b7k2m9q4w1x8z5c3v6n0d2f1": frozenset({"ctr_q8w3e5r7t1y9u2i4o6p0a1s2"}),
    }
)

LIBERTIES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "any-currency": frozenset(),
        "any-media-type": frozenset({"HTTP-OTHER-MEDIA-TYPE"}),
        "body-before-credentials": frozenset({"AUTH-FIRST"}),
        "due-date-filled": frozenset({"DATE-NOT-FILLED"}),
        "early-hints": frozenset(),
        "empty-errors": frozenset({"RESPONSE-ERROR-JSON"}),
        "escaped-strings": frozenset(),
        "extra-members": frozenset(),
        "forbidden-credentials": frozenset({"AUTH-STATUS"}),
        "idempotent": frozenset(),
        "lenient-json": frozenset({"JSON-BROKEN"}),
        "media-type-spelling": frozenset(),
        "nine-digit-fractions": frozenset(),
        "number-spelling": frozenset(),
        "obeys-client": frozenset({"RESOURCE-SERVER-SET", "RESOURCE-STATUS-VOID", "RESOURCE-CREATED-NOW"}),
        "odd-framing": frozenset(),
        "trims-numbers": frozenset({"NUMBER-ECHO-WIDE", "UNIQUE-EXACT"}),
    }
)
"""What this server allows itself, each with the SHOULD rows that it breaks by that."""

ALWAYS: Final = frozenset({"CURRENCY-UNKNOWN"})
"""The SHOULD rows that it breaks whichever liberties it takes: it has no list of codes."""

EXPECTED_SHOULD_FAILURES: Final[frozenset[str]] = ALWAYS.union(*LIBERTIES.values())
"""The SHOULD rows that it breaks when it takes every liberty, as it does by default."""

MAY_STAY_OPEN: Final[frozenset[str]] = frozenset({"ERROR-NO-LEAK"})
"""The SHOULD rows that cannot be judged on it, in some runs or all: its errors are empty."""

HEAD_LIMIT: Final = 64 << 10
BODY_LIMIT: Final = 8 << 20
DRAINED: Final = 64 << 20
"""Octets of a refused body that are still read, so that its answer arrives."""

MAX_AMOUNT: Final = 9_007_199_254_740_991
LONGEST_NUMBER: Final = 255
CODE_LENGTH: Final = 3
STATUSES: Final = ("DRAFT", "FINALIZED", "VOID")
DATES: Final = ("issuedAt", "dueAt", "paidAt")
MONTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DATE_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]+))?)?Z"
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "POST"})
_REASONS: Final = ("", "Answered", "Oui")
_CHUNKS: Final = (1, 3, 16, 250, 7, 1000)


class Refused(Exception):  # noqa: N818 - it says what became of the request
    """The request is refused with this status."""

    def __init__(self, status: int, *, close: bool = False, headers: tuple[str, ...] = ()) -> None:
        super().__init__(status)
        self.status = status
        self.close = close
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose framing was understood."""

    method: str
    path: str
    version: str
    headers: Mapping[str, tuple[str, ...]]
    body: bytes

    def only(self, name: str) -> str:
        """The value of a header that is there once; empty otherwise."""
        values = self.headers.get(name, ())
        return values[0] if len(values) == 1 else ""


@dataclass(slots=True)
class Books:
    """The invoices by tenant and number: the body that made each, and what was answered."""

    liberties: frozenset[str]
    kept: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)
    ids: count[int] = field(default_factory=lambda: count(1))

    def create(self, request: Request) -> str:
        """The JSON text of a success; Refused otherwise."""
        if "body-before-credentials" in self.liberties:
            members = self.read(request)
            tenant = self.admit(request)
        else:
            tenant = self.admit(request)
            members = self.read(request)
        if members["contractId"] not in TENANTS[tenant]:
            raise Refused(403)
        number = members["invoiceNumber"]
        if "trims-numbers" in self.liberties:
            number = number.strip(" ") or number
        body, answer = self.kept.get((tenant, number), (None, ""))
        if body == request.body and "idempotent" in self.liberties:
            return answer
        if body is not None:
            raise Refused(400)
        answer = self.written(self.resource(members, number))
        self.kept[tenant, number] = (request.body, answer)
        return answer

    def admit(self, request: Request) -> str:
        """The tenant that the credentials act for."""
        scheme, _, token = request.only("authorization").partition(" ")
        if scheme.lower() != "bearer" or token.strip(" ") != TOKEN:
            if "forbidden-credentials" in self.liberties:
                raise Refused(403)
            raise Refused(401, headers=("www-authenticate: Bearer",))
        tenant = request.only("tenant-id")
        if tenant not in TENANTS:
            raise Refused(404 if tenant else 428)
        return tenant

    def read(self, request: Request) -> dict[str, Json]:
        """The members of a body that is an invoice."""
        media = request.only("content-type").partition(";")[0].strip(" \t").lower()
        if media != "application/json" and "any-media-type" not in self.liberties:
            raise Refused(415)
        members = parsed(request.body, lenient="lenient-json" in self.liberties)
        if not isinstance(members, dict):
            raise Refused(422)
        self.check(members)
        return members

    def check(self, members: dict[str, Json]) -> None:
        """Refuse what the page refuses, and as little else as possible."""
        number, currency = members.get("invoiceNumber"), members.get("currencyCode")
        if not isinstance(number, str) or not 1 <= len(number) <= LONGEST_NUMBER:
            raise Refused(422)
        if not isinstance(currency, str) or len(currency) != CODE_LENGTH:
            raise Refused(422)
        if not currency.isalpha() and "any-currency" not in self.liberties:
            raise Refused(422)
        if not isinstance(members.get("contractId"), str):
            raise Refused(400)
        members["amountMinor"] = amount(members.get("amountMinor"))
        members["exchangeRate"] = rate(members.get("exchangeRate"))
        for name in DATES:
            if members.get(name) is not None:
                members[name] = date_time(members[name])

    def resource(self, members: dict[str, Json], number: str) -> dict[str, str]:
        """The members of the answer as JSON texts, by their names."""
        now = nine_digits(time.time_ns())
        created, status = now, "FINALIZED"
        if "obeys-client" in self.liberties:
            with contextlib.suppress(Refused):
                created = date_time(members.get("createdAt"))
            status = members["status"] if members.get("status") in STATUSES else status
        dates = {name: members.get(name) for name in DATES}
        if "due-date-filled" in self.liberties and dates["dueAt"] is None:
            dates["dueAt"] = dates["issuedAt"] or now
        texts = {
            "id": f"№ {next(self.ids)} of this year",
            "contract": members["contractId"],
            "status": status,
            "invoiceNumber": number,
            "currencyCode": members["currencyCode"],
            "createdAt": created,
            "updatedAt": now,
            **dates,
        }
        resource = {name: self.text(value) for name, value in texts.items()}
        resource["amountMinor"] = self.whole(members["amountMinor"])
        resource["exchangeRate"] = self.fraction(members["exchangeRate"])
        return resource

    def written(self, resource: dict[str, str]) -> str:
        """The answer's JSON text."""
        beside = ""
        if "extra-members" in self.liberties:
            resource |= {"links": '[{"self":[[[]]]}]', "": "null", "Id": "-0.0e-0", "data": '{"id":7}'}
            beside = ', "meta" : {"data":[], "id":"x"},"errors":[ ],"warnings":null'
        members = ",\r\n\t".join(f"{self.text(name)} : {text}" for name, text in reversed(resource.items()))
        return f" \t{{\n{self.text('data')}:{{\r\n{members} }}{beside}}}\n\n"

    def text(self, value: str | None) -> str:
        """A string or null, in escapes as far as the liberty goes."""
        if value is None:
            return "null"
        if "escaped-strings" not in self.liberties:
            return json.dumps(value)
        units = value.encode("utf-16-be", "surrogatepass")
        return '"' + "".join(f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2)) + '"'

    def whole(self, value: int) -> str:
        """An amount, as a number that JSON holds equal to it."""
        digits = str(value)
        if "number-spelling" not in self.liberties:
            return digits
        return f"{digits[0]}.{digits[1:] or '0'}e{len(digits) - 1}"

    def fraction(self, value: float) -> str:
        """A rate, as the shortest number that is the same binary64."""
        shortest = Decimal(repr(value))
        return f"{shortest:E}" if "number-spelling" in self.liberties else repr(value)


def parsed(body: bytes, *, lenient: bool) -> Json:
    """The JSON value of a body; lenient: with a mark before it, raw controls in strings, and anything behind it."""
    try:
        text = body.decode("utf-8-sig" if lenient else "utf-8")
        reader = json.JSONDecoder(strict=not lenient, parse_constant=_no_constant)
        if not lenient:
            return reader.decode(text)
        value, _end = reader.raw_decode(text.lstrip(" \t\r\n"))
    except (ValueError, RecursionError):
        raise Refused(400) from None
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def amount(value: Json) -> int:
    """An amount as JavaScript takes it: any spelling of an integer in range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_AMOUNT:
        raise Refused(422)
    if value != int(value):
        raise Refused(422)
    return int(value)


def rate(value: Json) -> float:
    """A rate as JavaScript takes it: the nearest binary64, if that is finite; for 1e-400 that is 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(422)
    try:
        nearest = float(value)
    except OverflowError:
        raise Refused(422) from None
    if nearest < 0 or math.isinf(nearest):
        raise Refused(422)
    return nearest


def date_time(value: Json) -> str:
    """A date-time of the page's pattern with nine digits of a second, year 0000 included."""
    matched = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise Refused(422)
    year, month, day = (int(part) for part in matched.groups()[:3])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= month <= len(MONTHS) or not 1 <= day <= MONTHS[month - 1] + (month == 2 and leap):
        raise Refused(422)
    seconds, fraction = matched[6] or "00", (matched[7] or "")[:9].ljust(9, "0")
    return f"{matched[0][:16]}:{seconds}.{fraction}Z"


def nine_digits(nanoseconds: int) -> str:
    """A moment of the clock with nine digits of a second."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


@dataclass(slots=True)
class Connection:
    """One connection: requests in, answers out, one after the other."""

    books: Books
    turns: count[int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def serve(self) -> None:
        """Answer requests until either side has had enough."""
        try:
            while await self.one():
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writer.close()
            with contextlib.suppress(ConnectionError):
                await self.writer.wait_closed()

    async def one(self) -> bool:
        """Answer one request; False when there is to be no other."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            await self.refuse(Refused(431, close=True))
            return False
        request: Request | None = None
        try:
            request = await self.framed(head.decode("latin-1"))
            return await self.respond(request)
        except Refused as refusal:
            return await self.refuse(refusal, request)

    async def framed(self, head: str) -> Request:
        """The request that begins with `head`, its body read (RFC 9112 §2 to §7)."""
        line, *lines = head[:-4].lstrip("\r\n").split("\r\n")
        method, target, version = _request_line(line)
        headers: dict[str, tuple[str, ...]] = {}
        for text in lines:
            name, colon, value = text.partition(":")
            if not colon or not _TOKEN.fullmatch(name):
                raise Refused(400, close=True)
            headers[name.lower()] = (*headers.get(name.lower(), ()), value.strip(" \t"))
        # RFC 9112 §3.2: a server MUST respond with 400 to a request that lacks Host, or has more than one.
        if len(headers.get("host", ())) != 1 and version == "HTTP/1.1":
            raise Refused(400, close=True)
        body = await self.body(headers, version)
        return Request(method, target.partition("?")[0], version, headers, body)

    async def body(self, headers: Mapping[str, tuple[str, ...]], version: str) -> bytes:
        """The octets of the body, by whichever framing it has."""
        lengths, codings = set(headers.get("content-length", ())), headers.get("transfer-encoding", ())
        if codings and (lengths or version != "HTTP/1.1" or [coding.lower() for coding in codings] != ["chunked"]):
            raise Refused(400, close=True)
        length = lengths.pop() if lengths else "0"
        if lengths or not (length.isascii() and length.isdigit()) or len(length) > len(str(2**63)):
            raise Refused(400, close=True)
        if int(length) > BODY_LIMIT:
            raise Refused(413, close=True)
        if "100-continue" in (value.lower() for value in headers.get("expect", ())) and version == "HTTP/1.1":
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return await self.chunks() if codings else await self.reader.readexactly(int(length))

    async def chunks(self) -> bytes:
        """A chunked body (RFC 9112 §7.1); extensions and trailers are read and ignored."""
        parts: list[bytes] = []
        size = 0
        while True:
            line = await self.reader.readuntil(b"\r\n")
            digits = line.partition(b";")[0].strip(b" \t\r\n")
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", digits):
                raise Refused(400, close=True)
            length = int(digits, 16)
            size += length
            if size > BODY_LIMIT:
                raise Refused(413, close=True)
            if not length:
                break
            parts.append(await self.reader.readexactly(length))
            if await self.reader.readexactly(2) != b"\r\n":
                raise Refused(400, close=True)
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return b"".join(parts)

    async def respond(self, request: Request) -> bool:
        """Answer a request that was understood."""
        if request.path != PATH:
            raise Refused(404)
        if request.method not in _KNOWN_METHODS:
            raise Refused(501)
        if request.method != "POST":
            raise Refused(405, headers=("allow: OPTIONS,POST",))
        text = self.books.create(request)
        spelled = "media-type-spelling" in self.books.liberties
        media = 'Application/JSON ;charset="utf-8"; profile="a \\"b\\"";' if spelled else "application/json"
        return await self.send(200, (f"content-type:{media}",), text.encode(), request)

    async def refuse(self, refusal: Refused, request: Request | None = None) -> bool:
        """Answer with a refusal; False when the connection ends by it."""
        if "empty-errors" in self.books.liberties:
            body, headers = b"", refusal.headers
        else:
            body, headers = b'{"refused":true}', (*refusal.headers, "content-type: application/json")
        more = await self.send(refusal.status, headers, body, request, close=refusal.close)
        if refusal.close:
            await self.drain()
        return more

    async def send(
        self,
        status: int,
        headers: tuple[str, ...],
        body: bytes,
        request: Request | None,
        *,
        close: bool = False,
    ) -> bool:
        """Send an answer, framed in one of the ways that RFC 9112 §6 knows; False when it ends the connection."""
        turn = next(self.turns) if "odd-framing" in self.books.liberties else 0
        modern = request is not None and request.version == "HTTP/1.1"
        bodiless = request is not None and request.method == "HEAD"
        asked = request.only("connection").lower() if request is not None else "close"
        framing = ("length", "chunked", "length", "until-close", "chunked", "length-close")[turn % 6]
        if not modern or bodiless:
            framing = "length"
        close = close or not modern or "close" in asked or framing.endswith("close")
        lines = [f"date:  {formatdate(usegmt=True)}  ", *headers, "x-empty:", "server: asyncio (by hand)"]
        lines += ["x-content-type-options:NoSniff", "cache-control: max-age=0, public", "expires: -1", "etag:"]
        lines += ["connection: close"] if close else []
        lines += [f"content-length: {len(body)}"] if framing.startswith("length") else []
        lines += ["transfer-encoding: Chunked", "trailer: x-done"] if framing == "chunked" else []
        if modern and "early-hints" in self.books.liberties and turn % 5 == 0:
            # RFC 9110 §15.2: a client must be able to parse interim responses that it did not expect.
            self.writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n")
        head = f"HTTP/1.1 {status} {_REASONS[turn % 3]}\r\n" + "\r\n".join(lines) + "\r\n\r\n"
        self.writer.write(head.encode())
        if not bodiless:
            self.writer.write(_chunked(body, turn) if framing == "chunked" else body)
        await self.writer.drain()
        return not close

    async def drain(self) -> None:
        """Read what a client still sends, so that no reset overtakes the answer (RFC 9112 §9.6)."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
        left = DRAINED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while left > 0 and (part := await self.reader.read(1 << 16)):
                    left -= len(part)


def _request_line(line: str) -> tuple[str, str, str]:
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    if not _TOKEN.fullmatch(method) or not target or " " in version or not re.fullmatch(r"HTTP/1\.[01]", version):
        raise Refused(400, close=True)
    if re.match(r"https?://", target, re.IGNORECASE):  # RFC 9112 §3.2.2: the absolute form
        target = "/" + target.partition("://")[2].partition("/")[2]
    return method, target, version


def _chunked(body: bytes, turn: int) -> bytes:
    """A body in chunks of odd sizes with extensions and a trailer (RFC 9112 §7.1)."""
    framed: list[bytes] = []
    at = 0
    while at < len(body):
        size = _CHUNKS[(turn + len(framed)) % len(_CHUNKS)]
        part = body[at : at + size]
        extension = b";n=%d" % at if len(framed) % 2 else b""
        framed.append(b"%04X%s\r\n%s\r\n" % (len(part), extension, part))
        at += size
    return b"".join(framed) + b"0;last\r\nx-done: yes\r\n\r\n"


async def serve(port: int, liberties: frozenset[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    books, turns = Books(liberties), count()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(Connection(books, turns, reader, writer).serve())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await asyncio.start_server(connected, "127.0.0.1", port, limit=HEAD_LIMIT, backlog=512)
    print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201
    await ended.wait()
    server.close()
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--liberty", action="append", choices=sorted(LIBERTIES), help="take this one alone; repeatable")
    given = parser.parse_args()
    asyncio.run(serve(given.port, frozenset(given.liberty or LIBERTIES)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
