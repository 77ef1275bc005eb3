"""Owns the reference server as a process: its command line, its port, its signals and its end.

It must not know what a request is, nor what a fault does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from invoice_conformance.reference import manners
from invoice_conformance.reference.app import Application
from invoice_conformance.reference.faults import FAULTS, install, unknown_fault
from invoice_conformance.reference.front import Front
from invoice_conformance.reference.messages import Manners
from invoice_conformance.reference.service import DEFAULT_TENANTS, DEFAULT_TOKEN, Service, Settings
from invoice_conformance.reference.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from uvicorn._types import ASGI3Application

USAGE_ERROR: Final = 2
"""The exit code for a command line that cannot be served."""

_BACKLOG: Final = 2048
_MAX_PORT: Final = 65535


class Unusable(ValueError):  # noqa: N818 - it names what the command line is
    """A command line that cannot be served; the message is the whole line that a user needs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that `run` reads."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--database", metavar="FILE", help="keep the invoices in FILE (default: in memory)")
    parser.add_argument(
        "--token",
        action="append",
        metavar="TOKEN",
        help=f"accept this bearer token (default: {DEFAULT_TOKEN})",
    )
    parser.add_argument(
        "--tenant",
        action="append",
        metavar="ID:CONTRACT[,CONTRACT...]",
        help="serve this tenant with these contracts (default: the published page's and another)",
    )
    parser.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="wait before each answer (default: 0)"
    )
    parser.add_argument("--fault", action="append", metavar="NAME", help="misbehave in this one way; repeatable")
    parser.add_argument("--list-faults", action="store_true", help="print the faults and stop")
    parser.add_argument("--farm", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--until-input-ends", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code."""
    if args.list_faults:
        for fault in FAULTS.values():
            print(f"{fault.name} ({fault.area}): {fault.summary}")  # noqa: T201
        return 0
    try:
        _serve(args)
    except Unusable as error:
        print(error, file=sys.stderr)  # noqa: T201
        return USAGE_ERROR
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m invoice_conformance.reference`; returns the exit code."""
    parser = _OneLineParser(
        prog="python -m invoice_conformance.reference",
        description="A correct server for POST /api/v1/invoices, or one with chosen faults.",
        allow_abbrev=False,
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))


def serve(
    service_by_port: Mapping[int, Service],
    sockets: Sequence[socket.socket],
    *,
    ready: str,
    latency: float = 0.0,
    faults: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Serve each of `sockets` with the service of its port, until SIGINT or SIGTERM.

    The line `ready` is printed once requests are answered; `latency` is slept before each answer, in seconds. Of
    `faults`, by port, those that break answers where they are written are given a front in place of uvicorn.
    """
    application = Application(service_by_port.__getitem__, latency)
    breaks = {port: [how for name in names if (how := FAULTS[name].breaks)] for port, names in faults.items()}
    fronts = {port: Front(application, port, found) for port, found in breaks.items() if found}
    fronted = [(listener, front) for listener in sockets if (front := fronts.get(listener.getsockname()[1]))]
    others = [listener for listener in sockets if listener.getsockname()[1] not in fronts]
    config = uvicorn.Config(
        _as_asgi(application),
        http=_protocol(service_by_port),
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=2,
    )
    # uvicorn raises the signal that ended it once more, for the handler that stood before: this one.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    with contextlib.suppress(SystemExit):
        asyncio.run(_Server(config, ready, fronted).serve(sockets=others))


def _protocol(service_by_port: Mapping[int, Service]) -> type[H11Protocol]:
    """What speaks HTTP on each connection: h11, or by hand where a service has bad manners, which h11 would mend."""

    class Protocol(H11Protocol):
        """One connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Choose by the port."""
            service = service_by_port[transport.get_extra_info("sockname")[1]]
            if service.manners == Manners():
                super().connection_made(transport)
                return
            reader = asyncio.StreamReader(limit=manners.LONGEST_LINE)
            by_hand = asyncio.StreamReaderProtocol(reader, partial(manners.converse, service))
            transport.set_protocol(by_hand)
            by_hand.connection_made(transport)

    return Protocol


class _Server(uvicorn.Server):
    """Says that it is ready as soon as it is, and as soon as it can be ended."""

    def __init__(self, config: uvicorn.Config, ready: str, fronted: Sequence[tuple[socket.socket, Front]]) -> None:
        super().__init__(config)
        self._ready = ready
        self._fronted = fronted

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets)
        self._fronts = [await asyncio.start_server(front, sock=listener) for listener, front in self._fronted]
        print(self._ready, flush=True)  # noqa: T201


def _serve(args: argparse.Namespace) -> None:
    if not 0 <= args.port <= _MAX_PORT:
        raise Unusable(f"expected a port from 0 to {_MAX_PORT}; got {args.port}")
    if not 0 <= args.latency < float("inf"):
        raise Unusable(f"expected a latency of at least 0 seconds; got {args.latency}")
    if args.until_input_ends:
        threading.Thread(target=_end_with_input, daemon=True).start()
    settings = Settings(tuple(args.token or (DEFAULT_TOKEN,)), _tenants(args.tenant))
    names: list[str] = args.fault or []
    for name in names:
        if name not in FAULTS:
            raise Unusable(unknown_fault(name))
    if args.farm:
        _serve_farm(settings, args.host, args.latency)
        return
    service = _service(settings, args.database or ":memory:", names)
    listener = _listen(args.host, args.port)
    port = listener.getsockname()[1]
    ready = f"listening on {_url(args.host, port)}"
    serve({port: service}, [listener], ready=ready, latency=args.latency, faults={port: names})


def _end_with_input() -> None:
    """End when standard input does: a parent that was killed leaves no server behind."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _serve_farm(settings: Settings, host: str, latency: float) -> None:
    """One port for the correct server, announced under the empty name, and one for each fault."""
    _allow_open_files(2 * len(FAULTS) + _BACKLOG)
    listeners = {name: _listen(host, 0) for name in ("", *FAULTS)}
    ports = {name: listener.getsockname()[1] for name, listener in listeners.items()}
    makers = {port: partial(_service, settings, ":memory:", [name] if name else []) for name, port in ports.items()}
    ready = json.dumps({name: _url(host, port) for name, port in ports.items()})
    faults = {port: [name] for name, port in ports.items() if name}
    serve(_Lazily(makers), list(listeners.values()), ready=ready, latency=latency, faults=faults)


def _allow_open_files(number: int) -> None:
    """Raise the soft limit as far as the system lets us; some systems begin with 256."""
    try:
        import resource  # noqa: PLC0415 - only POSIX has it
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Lazily(dict[int, Service]):
    """Services by port, each made when its first request comes."""

    def __init__(self, makers: Mapping[int, Callable[[], Service]]) -> None:
        super().__init__()
        self._makers = makers

    def __missing__(self, port: int) -> Service:
        self[port] = self._makers[port]()
        return self[port]


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message alone, without the usage."""
        self.exit(USAGE_ERROR, f"{message}\n")


def _service(settings: Settings, database: str, faults: Sequence[str]) -> Service:
    try:
        store = Store(database)
    except sqlite3.Error as error:
        raise Unusable(f"cannot keep invoices in {database}: {error}") from None
    service = Service(settings, store)
    for name in faults:
        install(FAULTS[name], service)
    return service


def _tenants(options: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
    if not options:
        return DEFAULT_TENANTS
    tenants: dict[str, tuple[str, ...]] = {}
    for option in options:
        tenant, _, contracts = option.partition(":")
        owned = tuple(contract for contract in contracts.split(",") if contract)
        if not tenant or not owned:
            raise Unusable(f"expected --tenant ID:CONTRACT[,CONTRACT...]; got {option!r}")
        tenants[tenant] = (*tenants.get(tenant, ()), *owned)
    return tenants


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it an answer, whose head and body
    # are written apart, waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise Unusable(f"cannot listen on {_url(host, port)}: {error.strerror or error}") from None
    return listener


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _as_asgi(application: Application) -> ASGI3Application:
    return application  # type: ignore[return-value] # our messages are looser than uvicorn's


def _end(_number: int, _frame: FrameType | None) -> None:
    """End the process, for there is nothing left to do: the server has stopped, or has not begun."""
    raise SystemExit(0)
