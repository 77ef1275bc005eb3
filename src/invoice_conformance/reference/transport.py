"""Owns the end of a connection by a reset, which neither ASGI nor asyncio knows by name."""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def reset(transport: asyncio.WriteTransport) -> None:
    """End the connection so that its peer meets a reset rather than an end."""
    with contextlib.suppress(OSError):
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
