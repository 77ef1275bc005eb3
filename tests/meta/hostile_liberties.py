"""Owns servers that answer as they should, in manners that few servers have: a run must bear with them, and say so.

Importing this registers them beside the modes of `hostile_server`. It must not know the suite under test.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from tests.meta.hostile_server import MODES, UNAVAILABLE, Client, Handler, answer, mode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def _asks_to_close(request: bytes) -> bool:
    return b"\r\nconnection: close" in request.partition(b"\r\n\r\n")[0].lower()


async def _relay(client: Client) -> None:
    while request := await client.request():
        await client.send(await client.properly(request))
        if _asks_to_close(request):
            return


def _locks(client: Client, places: int) -> asyncio.Semaphore:
    """The places that a server of so many has; made where its loop runs."""
    return client.state.kept.setdefault("places", asyncio.Semaphore(places))  # type: ignore[return-value]


def _of_few_connections(places: int) -> Handler:
    """Serve so many connections until they end; the others wait, read but not answered."""

    async def handler(client: Client) -> None:
        async with _locks(client, places):
            await _relay(client)

    return handler


MODES["liberty-one-connection"] = _of_few_connections(1)
MODES["liberty-four-connections"] = _of_few_connections(4)


@mode("liberty-never-a-fifth-connection")
async def _never_a_fifth(client: Client) -> None:
    open_now = int(str(client.state.kept.get("open", 0)))
    if open_now >= 4:
        await asyncio.sleep(3600)
    client.state.kept["open"] = open_now + 1
    try:
        await _relay(client)
    finally:
        client.state.kept["open"] = int(str(client.state.kept["open"])) - 1


def _with_field(proper: bytes, line: bytes) -> bytes:
    return proper.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)


@mode("liberty-closes-always")
async def _closes(client: Client) -> None:
    if request := await client.request():
        await client.send(_with_field(await client.properly(request), b"Connection: close"))


@mode("liberty-http-1.0")
async def _old(client: Client) -> None:
    if request := await client.request():
        await client.send((await client.properly(request)).replace(b"HTTP/1.1", b"HTTP/1.0", 1))


@mode("liberty-idle-for-20-ms")
async def _impatient(client: Client) -> None:
    """Closes a connection that is idle for so long, without a word, also while a request is on its way."""
    while True:
        try:
            request = await asyncio.wait_for(client.request(), 0.02)
        except TimeoutError:
            return
        if not request:
            return
        await client.send(await client.properly(request))
        if _asks_to_close(request):
            return


@mode("liberty-five-requests-each")
async def _five(client: Client) -> None:
    for turn in range(5):
        request = await client.request()
        if not request:
            return
        proper = await client.properly(request)
        last = turn == 4 or _asks_to_close(request)
        await client.send(_with_field(proper, b"Connection: close") if turn == 4 else proper)
        if last:
            return


@mode("liberty-five-requests-untold")
async def _five_untold(client: Client) -> None:
    for _turn in range(5):
        request = await client.request()
        if not request:
            return
        await client.send(await client.properly(request))
        if _asks_to_close(request):
            return


RATE: Final = 40


def _of_a_rate(*fields: str) -> Handler:
    refused = answer(b"{}", "429 Too Many Requests", "Content-Type: application/json", *fields)

    async def handler(client: Client) -> None:
        while request := await client.request():
            now = time.monotonic()
            sent = client.state.moments
            while sent and now - sent[0] >= 1:
                sent.popleft()
            if len(sent) < RATE:
                sent.append(now)
                await client.send(await client.properly(request))
            else:
                await client.send(refused)
            if _asks_to_close(request):
                return

    return handler


MODES["liberty-429-above-forty-a-second"] = _of_a_rate("Retry-After: 1")
MODES["liberty-429-untold"] = _of_a_rate()


def _down_for_a_while(trouble: Callable[[Client], Awaitable[bool]]) -> Handler:
    """Relay, but for 5 s after the 200th request, when `trouble` answers and says whether to hang up."""

    async def handler(client: Client) -> None:
        while request := await client.request():
            if client.state.requests >= 200:
                client.state.kept.setdefault("since", time.monotonic())
            since = client.state.kept.get("since")
            if since is not None and time.monotonic() - float(str(since)) < 5:
                if await trouble(client):
                    return
                continue
            await client.send(await client.properly(request))
            if _asks_to_close(request):
                return

    return handler


async def _unavailable(client: Client) -> bool:
    await client.send(UNAVAILABLE)
    return False


async def _bad_gateway(client: Client) -> bool:
    page = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
    await client.send(answer(page, "502 Bad Gateway", "Content-Type: text/html"))
    return False


async def _reset(client: Client) -> bool:
    client.reset()
    return True


MODES["liberty-503-while-it-is-deployed"] = _down_for_a_while(_unavailable)
MODES["liberty-502-while-it-is-deployed"] = _down_for_a_while(_bad_gateway)
MODES["liberty-reset-while-it-is-deployed"] = _down_for_a_while(_reset)


@mode("liberty-cold-then-in-turn")
async def _cold(client: Client) -> None:
    """The first answer takes 2 s, every other 0.3 s, one after the other."""
    while request := await client.request():
        async with _locks(client, 1):
            await asyncio.sleep(2 if client.state.kept.setdefault("warm", client) is client else 0.3)
            client.state.kept["warm"] = None
            proper = await client.properly(request)
        await client.send(proper)
        if _asks_to_close(request):
            return
