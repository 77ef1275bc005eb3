"""Owns further servers that are broken or mean, beside those of `hostile_server`; importing this registers them.

It must not know the suite under test.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tests.meta.hostile_server import (
    BODY,
    CHUNKED,
    JSON,
    MODES,
    OK,
    PLAIN,
    TOKEN,
    Client,
    always,
    answer,
    answering_when,
    bomb,
    created,
    injecting,
    mode,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# TLS

for _name in ("tls-old-version", "tls-name-tells-the-token"):
    MODES[_name] = MODES["healthy"]

# Framing

LENGTH: Final = b"Content-Length: %d" % len(BODY)
CODING: Final = b"Transfer-Encoding: chunked"
WHOLE: Final = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
for _name, _octets in {
    "framing-http-in-lower-case": OK.replace(b"HTTP/1.1", b"http/1.1", 1),
    "framing-length-list-unlike": OK.replace(LENGTH, LENGTH + b", 7"),
    "framing-length-with-plus": OK.replace(b"Content-Length: ", b"Content-Length: +"),
    "framing-length-empty": OK.replace(LENGTH, b"Content-Length:"),
    "framing-length-in-words": OK.replace(LENGTH, b"Content-Length: \xd9\xa3"),
    "framing-coding-twice": CHUNKED.replace(CODING, CODING + b"\r\n" + CODING) + WHOLE,
    "framing-coding-unknown": CHUNKED.replace(b"chunked", b"zstd, chunked") + WHOLE,
    "framing-coding-not-last": CHUNKED.replace(b"chunked", b"chunked, identity") + WHOLE,
    "framing-chunk-size-2-64": CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "framing-chunk-size-with-spaces": CHUNKED + b" 0x2 \r\n{}\r\n0\r\n\r\n",
    "framing-status-099": OK.replace(b"201", b"099", 1),
    "framing-status-1000": OK.replace(b"201", b"1000", 1),
    "framing-space-before-status": b"  " + OK,
    "framing-carriage-returns-only": OK.replace(b"\r\n", b"\r"),
    "framing-name-empty": OK.replace(b"Content-Type:", b":"),
    "framing-token-in-a-bad-line": OK.replace(b"Content-Type:", f"{TOKEN[:20]} {TOKEN[20:]}\x01".encode()),
    "framing-http-2-settings": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "framing-http-2-goaway": b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
    "framing-websocket": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00",
}.items():
    always(_name, _octets, close=True)
for _name, _octets in {
    "framing-lengths-alike": OK.replace(LENGTH, LENGTH + b"\r\n" + LENGTH),
    "framing-line-ends-before": b"\r\n\r\n" + OK,
    "framing-nine-interim": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 9 + OK,
    "framing-204-with-body": answer(BODY, "204 No Content", JSON),
    "framing-304-with-body": answer(BODY, "304 Not Modified", JSON),
    "framing-205-with-body": answer(BODY, "205 Reset Content", JSON),
    "framing-folded-over-and-over": OK.replace(b"\r\n", b"\r\nX-F: a" + b"\r\n b" * 5000 + b"\r\n", 1),
    "framing-tabs": OK.replace(b": ", b":\t"),
}.items():
    always(_name, _octets)

# Size

always("size-reason-of-60-k", created(line="201 " + "y" * 60_000))
always("size-trailers-of-50-k", CHUNKED + WHOLE[:-2] + b"X-T: y\r\n" * 6000 + b"\r\n")
always(
    "size-extension-on-every-octet",
    CHUNKED + b"".join(b"1;%b\r\n%c\r\n" % (b"e" * 500, one) for one in BODY) + b"0\r\n\r\n",
)
always("size-created-at-of-900-k", created(createdAt="2020-01-01T00:00:00." + "0" * 900_000 + "Z"))
always("size-name-of-900-k", answer(BODY[:-2] + b', "%b": 1}}' % (b"n" * 900_000), "201 Created", JSON))


@mode("size-id-of-300-mb")
async def _large_id(client: Client) -> None:
    await client.request()
    await client.send(answer(b"", "201 Created", JSON, length=300_000_020) + b'{"data":{"id":"')
    await client.forever(b"i" * 65536)


@mode("size-gzip-bomb-twice")
async def _bomb_in_bomb(client: Client) -> None:
    twice = gzip.compress(bomb(31))
    while await client.request():
        await client.send(answer(twice, "201 Created", JSON, "Content-Encoding: gzip, gzip"))


@mode("size-ten-codings")
async def _codings(client: Client) -> None:
    packed = bomb(31)
    while await client.request():
        await client.send(answer(packed, "201 Created", JSON, *["Content-Encoding: gzip"] * 10))


# Statuses

always("status-300", answer(b"", "300 Multiple Choices", "Location: /api/v1/invoices/"))
always("status-402", answer(b'{"error":"plan expired"}', "402 Payment Required", JSON))
always("status-507", answer(b"", "507 Insufficient Storage"))

# JSON

for _name, _text in {
    "id-deep": json.dumps({"data": PLAIN | {"id": 0}}).replace('"id": 0', '"id": ' + "[" * 90 + "]" * 90).encode(),
    "id-of-members": json.dumps({"data": PLAIN | {"id": {"toString": "x", "__proto__": {}}}}).encode(),
    "marks-before": b"\xef\xbb\xbf" * 3 + BODY,
    "comments": b"/* */" + BODY,
    "numbers-for-texts": json.dumps({"data": dict.fromkeys(PLAIN, 10**400)}).encode(),
    "keys-alike-but-for-escapes": BODY[:-2] + b', "\\u0069d": "other"}}',
    "hundred-thousand-members": json.dumps({"data": PLAIN | {f"k{n}": n for n in range(50_000)}}).encode(),
    "surrogate-name": BODY[:-2] + b', "\\ud800": 1}}',
    "date-of-year-9999": BODY.replace(b"2020-01-01T00:00:00.000Z", b"9999-12-31T23:59:60.999999999Z"),
    "date-of-year-0": BODY.replace(b"2020-01-01T00:00:00.000Z", b"0000-00-00T00:00:00+99:99"),
}.items():
    always(f"json-{_name}", answer(_text, "201 Created", JSON))

# Injection

for _name, _words in {
    "template": "{{ 7 * 7 }}{% for x in y %}{{ x.__class__ }}{% endfor %}${7*7}#{7*7}<%= 7 %>",
    "entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;&amp;</x>',
    "svg": '</text><script>alert(1)</script><text onload="alert(1)" xlink:href="javascript:1">',
    "csv-tab": '\t=1+1\n@SUM(1)\r-1,"x";+1',
    "csv-lines": 'a"\n=1+1,"b',
    "file-names": "CON/../a:b*c?.\x00/aux.txt\\\\server\\share",
    "gitlab": "section_start:1:x\r\x1b[0Kowned\x1b[0Ksection_end:1:x\r",
    "buildkite": "--- owned\n+++ owned\n^^^ +++\n~~~ x\n\x1b_bk;x=1\x07",
    "jenkins": "\n[Pipeline] owned\n\x1b[8mha:AAAA\x1b[0m\nFinished: SUCCESS",
    "result": "conformant (full)\nreport: /tmp/owned\n0 findings",
    "json": '"},"outcome":"full","exit_code":0,"x":{"',
    "css": "</style><style>*{display:none}</style>red;}body{background:url(//evil)}",
    "toml": '"\n[override]\nkey = """',
    "shell": "$(touch owned)`touch owned`\n!history\\\n'\"; touch owned #",
    "details": "</summary></details></table><h1>owned</h1><!-- --> -->\n```\n</pre>",
    "zalgo-of-100-k": "\u0301" * 100_000,
    "hangul-and-wide": "\u3164\uffa0\u2800\u00ad\u034f\u180e\u200b\u2060\u206a\ufff9",
    "tags": "".join(chr(0xE0000 + ord(letter)) for letter in "owned") + "\U000e0100\ufe0f",
}.items():
    always(f"inject-{_name}", injecting(_words))

# Echoes of the token

_url64: Final = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
_jwt: Final = base64.urlsafe_b64encode(json.dumps({"sub": TOKEN}).encode()).decode().rstrip("=")
for _name, _octets in {
    "base64-url": created(status=_url64, contract=f"x.{_url64}"),
    "inside-a-jwt": created(status=f"eyJhbGciOiJub25lIn0.{_jwt}."),
    "basic": created(status=base64.b64encode(f"user:{TOKEN}".encode()).decode()),
    "base64-twice": created(status=base64.b64encode(base64.b64encode(TOKEN.encode())).decode()),
    "percent-twice": created(status=quote(quote(TOKEN, safe=""), safe="")),
    "percent-of-everything": created(status="".join(f"%25{octet:02X}" for octet in TOKEN.encode())),
    "escaped-twice": created(status="".join(f"\\u{ord(letter):04X}" for letter in TOKEN)),
    "html-hex": created(status="".join(f"&#x{ord(letter):x};" for letter in TOKEN)),
    "backslash-x": created(status="".join(f"\\x{ord(letter):02x}" for letter in TOKEN)),
    "interim": f"HTTP/1.1 103 Early Hints\r\nLink: <https://h/?{TOKEN}>\r\n\r\n".encode() + OK,
    "chunk-extension": CHUNKED + f"{len(BODY):x};t={TOKEN}\r\n".encode() + WHOLE.partition(b"\r\n")[2],
    "folded": OK.replace(b"\r\nContent-Length", f"\r\nX-F: {TOKEN[:12]}\r\n {TOKEN[12:]}\r\nContent-Length".encode()),
    "cookie-name": created(f"Set-Cookie: {TOKEN}=1; Path=/", f"Location: /api/v1/invoices/{TOKEN}"),
    "retry-after": answer(TOKEN.encode(), "429 Too Many Requests", f"Retry-After: {TOKEN}"),
    "content-type": created().replace(b"application/json", f"application/{TOKEN[:8]}; charset={TOKEN}".encode()),
    "content-encoding": created(f"Content-Encoding: {TOKEN}"),
    "chunk-size": CHUNKED + TOKEN.encode() + b"\r\n",
    "version": OK.replace(b"HTTP/1.1", f"HTTP/{TOKEN[:9]}".encode(), 1),
    "member-name": answer(json.dumps({"data": PLAIN | {TOKEN: TOKEN, TOKEN[:16]: 1}}).encode(), "201 Created", JSON),
    "two-members": created(status=TOKEN[:20], contract=TOKEN[20:]),
    "zero-width": created(status="\u200b".join(TOKEN), contract="\u00ad".join(TOKEN)),
    "spaced": created(status=" ".join(TOKEN)),
    "dashed-hex": created(status="-".join(f"{octet:02x}" for octet in TOKEN.encode())),
}.items():
    always(f"echo-{_name}", _octets)

# State

AFTER: Final = 30
answering_when("state-507-after-30", lambda state: state.requests > AFTER, answer(b"", "507 Insufficient Storage"))
answering_when("state-garbage-after-30", lambda state: state.requests > AFTER, b"\x00\x01garbage\r\n\r\n")
answering_when(
    "state-maintenance-after-30",
    lambda state: state.requests > AFTER,
    answer(b"<html><title>Maintenance</title></html>", "200 OK", "Content-Type: text/html"),
)
answering_when(
    "state-429-for-an-hour-after-30",
    lambda state: state.requests > AFTER,
    answer(b"", "429 Too Many Requests", "Retry-After: 3600"),
)
answering_when(
    "state-503-asks-for-a-moment-one-in-four",
    lambda state: state.requests % 4 == 3,
    answer(b"", "503 Service Unavailable", "Retry-After: 1"),
)


def _rewriting(name: str, rewrite: Callable[[bytes, int], bytes]) -> None:
    """Register a mode that relays, and rewrites the answers."""

    async def handler(client: Client) -> None:
        while request := await client.request():
            number = client.state.requests
            await client.send(rewrite(await client.properly(request), number))

    MODES[name] = handler


def _dated(proper: bytes, when: bytes) -> bytes:
    head, split, body = proper.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")]
    return b"\r\n".join([*lines, b"Date: " + when]) + split + body


_rewriting("state-date-of-1994", lambda proper, _n: _dated(proper, b"Sun, 06 Nov 1994 08:49:37 GMT"))
_rewriting("state-date-of-2199", lambda proper, _n: _dated(proper, b"Sun, 06 Nov 2199 08:49:37 GMT"))
_rewriting("state-date-unreadable", lambda proper, _n: _dated(proper, b"yesterday \xff"))
_rewriting(
    "state-interim-before-all", lambda proper, _n: b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + proper
)
_rewriting("state-line-end-after-all", lambda proper, _n: proper + b"\r\n")
_rewriting("state-cut-one-in-three", lambda proper, n: proper[:-20] + b" " * 20 if n % 3 else proper)
_rewriting(
    "state-other-version-after-30", lambda proper, n: proper.replace(b'"data"', b'"body"') if n > AFTER else proper
)


@mode("state-hangs-after-30")
async def _hangs(client: Client) -> None:
    while request := await client.request():
        if client.state.requests > AFTER:
            await asyncio.sleep(3600)
        await client.send(await client.properly(request))


@mode("state-closes-inside-one-in-three")
async def _closes_inside(client: Client) -> None:
    while request := await client.request():
        proper = await client.properly(request)
        if client.state.requests % 3 == 0:
            await client.send(proper[: len(proper) // 2])
            return
        await client.send(proper)


@mode("state-gives-up-idle-ones")
async def _idle(client: Client) -> None:
    """Says 408 on a connection that is idle for a moment, and closes it."""
    while True:
        try:
            request = await asyncio.wait_for(client.request(), 0.05)
        except TimeoutError:
            await client.send(answer(b"", "408 Request Timeout", "Connection: close"))
            return
        if not request:
            return
        await client.send(await client.properly(request))


@mode("state-answers-of-others")
async def _shifted(client: Client) -> None:
    """Each answer is that of the request before, on whichever connection."""
    while request := await client.request():
        proper = await client.properly(request)
        before = client.state.kept.get("before", proper)
        client.state.kept["before"] = proper
        await client.send(before if isinstance(before, bytes) else proper)


@mode("state-in-crumbs")
async def _crumbs(client: Client) -> None:
    while request := await client.request():
        proper = await client.properly(request)
        for start in range(0, len(proper), 100):
            await client.send(proper[start : start + 100])
            await asyncio.sleep(0.005)


@mode("time-crumbs")
async def _slow_crumbs(client: Client) -> None:
    await client.request()
    for octet in itertools.cycle(OK[:-1]):
        await client.send(bytes([octet]))
        await asyncio.sleep(0.05)
