"""Owns a correct server whose first token expires after a number of requests, as a process of its own.

It must not know the suite under test; it is the reference server with one stage replaced.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from invoice_conformance.reference.service import DEFAULT_TENANTS, Service, Settings, unauthorized
from invoice_conformance.reference.serving import serve
from invoice_conformance.reference.store import Store

if TYPE_CHECKING:
    from invoice_conformance.reference.messages import Request

FIRST, SECOND = "first-token-expires", "second-token-lasts"


def main(after: int) -> None:
    """Serve on a free port; the first token is good for `after` requests, the second for all."""
    service = Service(Settings((FIRST, SECOND), DEFAULT_TENANTS), Store(":memory:"))
    authenticate = service.authenticate
    seen = 0

    def expiring(request: Request) -> None:
        nonlocal seen
        authenticate(request)
        if FIRST.encode() in request.values(b"authorization")[0]:
            seen += 1
            if seen > after:
                raise unauthorized("the bearer token has expired", b', error="invalid_token"')

    service.authenticate = expiring
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    serve({port: service}, [listener], ready=f"listening on http://127.0.0.1:{port}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
