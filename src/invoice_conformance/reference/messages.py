"""Owns requests, responses and refusals as plain values.

It must not know ASGI, nor which request is refused for what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from invoice_conformance.reference.strict_json import JsonValue, dump

if TYPE_CHECKING:
    from collections.abc import Sequence
    from http import HTTPStatus

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Header fields in order; names of a request are lower-case."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a server speaks HTTP below its application, where it does so badly: each is one bad habit."""

    chunks_for_all: bool = False
    """Answers are in chunks, whatever the version of the request."""
    ignores_close: bool = False
    """A connection stays open although its client asked to close it."""
    leaves_bodies: bool = False
    """The body of a request to an unknown path is not read."""
    asks_for_nothing: bool = False
    """A body that waits for 100 (Continue) is waited for."""
    any_host: bool = False
    """Host may be missing, or stand twice."""
    knows_paths_only: bool = False
    """A whole URL in the request line is taken for a path."""
    plain_chunks_only: bool = False
    """A chunk's size is all that may stand in its line."""
    resets_large: bool = False
    """The connection is reset when a large body is announced."""
    names_as_written: bool = False
    """A header field is known by its documented name alone, letter by letter."""


JSON: Final = b"application/json"
PROBLEM: Final = b"application/problem+json"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body read to the end.

    `oversized` means that the body was discarded, `secure` that the request came over TLS. `connection` is the same
    number for all requests of one connection.
    """

    method: str
    path: str
    headers: Headers
    body: bytes = b""
    oversized: bool = False
    secure: bool = False
    connection: int = 0
    query: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        """The values of every header field `name` (lower-case), in order."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Response:
    """One response; `Content-Length` is added when it is sent."""

    status: int
    headers: Headers
    body: bytes = b""

    def with_header(self, name: bytes, value: bytes) -> Response:
        """The same with `name` set to `value`, whatever it was before."""
        return replace(self.without_header(name), headers=(*self.without_header(name).headers, (name, value)))

    def without_header(self, name: bytes) -> Response:
        """The same without `name`, in any letter case."""
        wanted = name.lower()
        return replace(self, headers=tuple(field for field in self.headers if field[0].lower() != wanted))


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """The request is answered with a problem document (RFC 9457)."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: Headers = (),
        errors: Sequence[dict[str, JsonValue]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.errors = errors


class Silence(Exception):  # noqa: N818 - it takes the place of an answer
    """The request gets no answer: its connection is reset or closed, or it waits until the client has had enough."""

    def __init__(self, kind: Literal["reset", "closed", "timeout"]) -> None:
        super().__init__(kind)
        self.kind: Final = kind


def problem(refusal: Refusal) -> Response:
    """The problem document of a refusal."""
    document: dict[str, JsonValue] = {
        "type": "about:blank",
        "title": refusal.status.phrase,
        "status": int(refusal.status),
        "detail": refusal.detail,
        "errors": list(refusal.errors),
    }
    headers = ((b"content-type", PROBLEM), *refusal.headers)
    return Response(int(refusal.status), headers, dump(document).encode())
