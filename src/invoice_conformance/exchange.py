"""Owns the shape of what goes over the wire and what comes back.

It knows nothing of the contract, of requirements or of how anything is sent.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Header: TypeAlias = tuple[str, str]
"""Name and value of a header field; text holds the octets as latin-1, so every octet survives."""

NoAnswerKind: TypeAlias = Literal[
    "dns",
    "refused",
    "connect-timeout",
    "proxy",
    "tls",
    "timeout",
    "reset",
    "closed",
    "cut-short",
    "not-http",
    "too-large",
]
"""`cut-short` is an orderly close in the middle of a body whose framing promised more; `closed` any other."""


Chunks: TypeAlias = Literal["halves", "small", "capital", "extended", "trailed"]
"""Ways to cut a body: in two; in many; sizes in capitals; with chunk extensions; with a trailer."""

Coding: TypeAlias = Literal["", "gzip", "utf-16-le", "utf-16-le with its mark", "utf-32-le"]
"""What is made of a body's octets on their way out."""

GZIP: Final = frozenset({"gzip", "x-gzip"})
"""The names of the gzip coding (RFC 9110, section 8.4.1.3)."""
GZIP_MAGIC: Final = b"\x1f\x8b"
"""What every gzip file begins with (RFC 1952, section 2.3.1)."""


def is_no_gzip(coding: str, octets: bytes) -> bool:
    """Whether octets that are said to be in `coding`, in lower case, are said to be gzip and do not begin like it."""
    return coding in GZIP and not octets.startswith(GZIP_MAGIC)


def _values(headers: tuple[Header, ...], name: str) -> list[str]:
    return list(_by_name(headers).get(name.lower(), ()))


@functools.lru_cache(maxsize=32)
def _by_name(headers: tuple[Header, ...]) -> dict[str, list[str]]:
    """The values by the lower-case name; each answer is asked for some thirty."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


@dataclass(frozen=True, slots=True)
class Wire:
    """How a request is written, where that is not the ordinary way.

    `host` False leaves the `Host` field out, `absolute` puts the target's origin before the path (RFC 9112 §3.2.2).
    `padding` is the number of spaces that follow the body and count as its octets; nobody holds them in memory.
    With `waits` the body is held back until the target asks for it, answers without it, or lets seconds go by.
    """

    version: Literal["1.1", "1.0"] = "1.1"
    host: bool = True
    absolute: bool = False
    chunks: Chunks = "halves"
    coding: Coding = ""
    padding: int = 0
    waits: bool = False


USUAL: Final = Wire()
"""The ordinary way."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it is to be sent: `target` is the path with its query, `body` the exact octets.

    `Host` and the framing (`Content-Length`, or `Transfer-Encoding` when `chunked`) are added by the sender,
    unless `headers` names them. `headers` may hold a name twice.
    """

    method: str
    target: str
    headers: tuple[Header, ...]
    body: bytes = b""
    chunked: bool = False
    wire: Wire = USUAL

    @property
    def length(self) -> int:
        """The octets of the body, before any coding."""
        return len(self.body) + self.wire.padding

    def values(self, name: str) -> list[str]:
        """The value of each field `name`, in any letter case."""
        return _values(self.headers, name)


@dataclass(frozen=True, slots=True)
class Unasked:
    """Octets (bounded) that stood on an idle connection, where no request waited for an answer.

    `method` and `status` are those of the last exchange on that connection.
    """

    octets: bytes
    method: str
    status: int


@dataclass(frozen=True, slots=True)
class Response:
    """One complete answer.

    `body` holds the octets after transfer coding, cut at the sender's limit; `body_length` and `body_sha256`
    are those of the whole body, taken before anything was cut or redacted. `surplus` holds octets that
    followed the answer on its connection (bounded). `interim` lists the 1xx statuses that came first. `head` holds
    the octets of a head that could be read though it is not written as RFC 9112 wants it, and is empty otherwise.
    `unasked` is what was found on an idle connection before the request of this answer went over another one.
    `disclosed` says where a whole credential of ours stood before it was redacted: `body`, `reason`, or the names of
    header fields.
    `closed` says whether the target ended the connection after it, where the request asked for that; None: nobody
    looked. `asked` says whether it asked for the body, or answered, before a body that waited for that was sent.
    """

    status: int
    reason: str
    http_version: str
    headers: tuple[Header, ...]
    body: bytes
    body_length: int
    body_sha256: str
    truncated: bool = False
    surplus: bytes = b""
    interim: tuple[int, ...] = ()
    disclosed: tuple[str, ...] = ()
    head: bytes = b""
    unasked: Unasked | None = None
    closed: bool | None = None
    asked: bool | None = None

    def header(self, name: str) -> str | None:
        """The value of the field `name` in any letter case, several joined by ", "; None when it is missing."""
        values = self.values(name)
        return ", ".join(values) if values else None

    @property
    def coding(self) -> str:
        """The content coding that the head names, in lower case; empty when it names none."""
        return (self.header("content-encoding") or "").strip().lower()

    def values(self, name: str) -> list[str]:
        """The value of each field `name`, in any letter case."""
        return _values(self.headers, name)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing that can be judged came back: what kind of trouble, and one sentence of detail."""

    kind: NoAnswerKind
    detail: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came back, redacted; `sent_at` in seconds since the epoch, `elapsed` in seconds.

    `earlier` says what the same case came to when it was sent just before, attempt by attempt: a status, or the kind
    of a no-answer. It is empty for a first attempt.
    """

    request: Request
    answer: Response | NoAnswer
    sent_at: float
    elapsed: float
    earlier: tuple[str, ...] = ()
