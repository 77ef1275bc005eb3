"""Owns the faults in writing an answer as an HTTP message: its head, its framing, and what follows it.

It must not know what an answer says. Each is written by a front in place of uvicorn, which refuses to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault
from invoice_conformance.reference.front import Answer, Breaks, End, Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from invoice_conformance.reference.front import Step
    from invoice_conformance.reference.service import Service

_LENGTH: Final = b"content-length"
_CODING: Final = (b"transfer-encoding", b"chunked")
_LATE: Final = 0.003
"""Seconds after which something else writes to the connection."""


def _refusal(answer: Answer) -> bool:
    """A body was refused."""
    return answer.method == "POST" and answer.status in {400, 422}


def _unauthorized(answer: Answer) -> bool:
    return answer.method == "POST" and answer.status == 401  # noqa: PLR2004 - its number


def _no_method(answer: Answer) -> bool:
    return answer.status == 405  # noqa: PLR2004 - its number


def _no_path(answer: Answer) -> bool:
    return answer.status == 404 and answer.method == "POST"  # noqa: PLR2004 - its number


def _options(answer: Answer) -> bool:
    return answer.status == 204  # noqa: PLR2004 - what OPTIONS is answered


def _head(answer: Answer) -> bool:
    return answer.method == "HEAD"


def _writes(when: Callable[[Answer], bool], steps: Callable[[Answer], Iterable[Step]]) -> Breaks:
    """Write `steps` in place of an answer that `when` holds for."""
    return lambda answer: steps(answer) if when(answer) else None


def _changes(when: Callable[[Answer], bool], change: Callable[[Answer], bytes]) -> Breaks:
    """Write other octets in place of an answer that `when` holds for."""
    return _writes(when, lambda answer: (change(answer),))


def _fielded(when: Callable[[Answer], bool], line: bytes) -> Breaks:
    """Write one more line into the head."""
    return _changes(when, lambda answer: b"%b%b\r\n\r\n%b" % (answer.head[:-2], line, answer.body))


def _lined(when: Callable[[Answer], bool], line: Callable[[Answer], bytes]) -> Breaks:
    """Write another status line."""
    return _changes(when, lambda answer: answer.having(line=line(answer)).octets)


def _in_chunks(
    answer: Answer,
    *,
    size: bytes = b"%x\r\n",
    end: bytes = b"\r\n",
    last: bytes = b"0\r\n\r\n",
    without: bytes = _LENGTH,
) -> bytes:
    """The answer in chunks of sixty octets, its length not named."""
    head = answer.having(_CODING, without=without).head
    pieces = [answer.body[start : start + 60] for start in range(0, len(answer.body), 60)]
    return head + b"".join((size % len(piece)) + piece + end for piece in pieces) + last


def _with_length(answer: Answer, *lengths: int) -> bytes:
    fields = tuple((_LENGTH, b"%d" % length) for length in lengths)
    return answer.having(*fields, without=_LENGTH).octets


def _length_of_characters(answer: Answer) -> bytes:
    """The body gains letters of two octets, and its length counts characters."""
    body = answer.body.replace(b'"detail":"', '"detail":"« '.encode()).replace(b'"title":"', '"title":"» '.encode())
    counted = len(body.decode())
    return answer.having((_LENGTH, b"%d" % counted), without=_LENGTH).head + body


def _no_service(_service: Service) -> None:
    """Leave the service as it is: what is broken is how its answers are written."""


def _fault(name: str, summary: str, breaks: Breaks) -> Fault:
    return Fault(name, "message", summary, _no_service, breaks=breaks)


_SECOND: Final = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/html\r\nContent-Length: 21\r\n\r\n<h1>Server Error</h1>"
)
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

FAULTS: Final = (
    # Messages that cannot be read.
    _fault(
        "blank-before-colon",
        "A header of refusals is written with a space before its colon.",
        _fielded(_refusal, b"X-Request-Id : 7"),
    ),
    _fault(
        "carriage-return-in-value",
        "A header of refusals quotes a text with a carriage return in it.",
        _fielded(_refusal, b"X-Reason: not\rvalid"),
    ),
    _fault(
        "null-in-value",
        "A header of refusals is written with the zero that ends a string in C.",
        _fielded(_refusal, b"X-Request-Id: 7\x00"),
    ),
    _fault(
        "chunk-sizes-of-c",
        "Refusals go out in chunks whose sizes are written 0x3c.",
        _changes(_refusal, lambda answer: _in_chunks(answer, size=b"0x%x\r\n", last=b"0x0\r\n\r\n")),
    ),
    _fault(
        "chunks-run-together",
        "Refusals go out in chunks without the line end after each.",
        _changes(_refusal, lambda answer: _in_chunks(answer, end=b"")),
    ),
    _fault(
        "lengths-that-differ",
        "Framework and compressor each write the length of a refusal, before and after compressing.",
        _changes(_refusal, lambda answer: _with_length(answer, len(answer.body), len(answer.body) // 2)),
    ),
    _fault(
        "script-headers-passed-on",
        "A gateway passes the head of its script on for refusals, which begins with Status.",
        _lined(_refusal, lambda answer: b"Status: " + answer.line.partition(b" ")[2]),
    ),
    _fault(
        "status-with-four-digits",
        "Refusals have an own status of four digits.",
        _lined(_refusal, lambda answer: answer.line.replace(b" 4", b" 42", 1)),
    ),
    _fault(
        "upgrade-unasked",
        "A method that the resource does not know is answered with an upgrade that nobody asked for.",
        _writes(
            _no_method,
            lambda _: (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", End.CLOSE),
        ),
    ),
    # Heads that can be read all the same.
    _fault(
        "header-folded",
        "A long header of refusals is folded onto a second line.",
        _fielded(_refusal, b"X-Reason: the invoice is not\r\n valid"),
    ),
    _fault(
        "control-in-value",
        "A header of refusals quotes a text with a control character in it.",
        _fielded(_refusal, b"X-Reason: not\x08valid"),
    ),
    _fault(
        "control-in-reason",
        "The reason phrase of a refusal has the colours of a terminal.",
        _lined(
            _refusal, lambda answer: answer.line.replace(b"Un", b"\x1b[31mUn", 1).replace(b"Bad", b"\x1b[31mBad", 1)
        ),
    ),
    _fault(
        "status-of-a-library",
        "An exception's own number is the status of an answer to HEAD.",
        _lined(_head, lambda _: b"HTTP/1.1 799 Internal"),
    ),
    _fault(
        "version-of-http-2",
        "A gateway between versions copies HTTP/2.0 into the status line of refusals.",
        _lined(_refusal, lambda answer: answer.line.replace(b"HTTP/1.1", b"HTTP/2.0", 1)),
    ),
    _fault(
        "line-feeds-alone",
        "The head of a refusal is written with the line ends of Unix.",
        _changes(_refusal, lambda answer: answer.head.replace(b"\r\n", b"\n") + answer.body),
    ),
    _fault(
        "space-after-status-dropped",
        "Without a reason phrase the status line of a refusal ends with the status.",
        _lined(_refusal, lambda answer: b"HTTP/1.1 %d" % answer.status),
    ),
    # Answers that end early.
    _fault(
        "body-cut-at-a-buffer",
        "A proxy with a small buffer passes on the beginning of a refusal, and closes.",
        _writes(_refusal, lambda answer: (answer.octets[: len(answer.head) + 40], End.CLOSE)),
    ),
    _fault(
        "last-chunk-forgotten",
        "Refusals go out in chunks, and the connection is closed in place of the last one.",
        _writes(_refusal, lambda answer: (_in_chunks(answer, last=b""), End.CLOSE)),
    ),
    _fault(
        "length-before-trimming",
        "The length of a refusal was counted before its blanks were trimmed.",
        _writes(_refusal, lambda answer: (_with_length(answer, len(answer.body) + 2), End.CLOSE)),
    ),
    # What follows an answer.
    _fault(
        "length-without-line-end",
        "Refusals end with a line feed that their length does not count.",
        _changes(_refusal, lambda answer: answer.octets + b"\n"),
    ),
    _fault(
        "length-of-characters",
        "The length of an answer to a method that is not known counts characters, and its body has octets.",
        _changes(_no_method, _length_of_characters),
    ),
    _fault(
        "answer-written-twice",
        "A middleware writes the answer to an unknown path once more.",
        _changes(_no_path, lambda answer: answer.octets * 2),
    ),
    _fault(
        "error-page-after-answer",
        "What goes wrong after the answer to a method that is not known is answered too.",
        _writes(_no_method, lambda answer: (answer.octets, Pause(_LATE), _SECOND, End.CLOSE)),
    ),
    _fault(
        "debug-line-after-answer",
        "A print statement writes to the connection, some time after a refusal was sent.",
        _writes(_refusal, lambda answer: (answer.octets, Pause(_LATE), b"invoice refused\n")),
    ),
    _fault(
        "body-left-unread",
        "Who has no credentials is refused by the head alone, and the body is read as the next request.",
        _writes(_unauthorized, lambda answer: (answer.octets, _BAD_REQUEST, End.CLOSE)),
    ),
    # Answers that end with their head.
    _fault(
        "head-with-body",
        "HEAD is routed to GET, body and all.",
        _changes(_head, lambda answer: answer.head + answer.whole_body),
    ),
    _fault(
        "no-content-with-body",
        "A 204 has a body.",
        _changes(_options, lambda answer: answer.head + b'{"data":null}'),
    ),
    _fault(
        "no-content-with-length",
        "A 204 has a Content-Length.",
        _changes(_options, lambda answer: answer.having((_LENGTH, b"0")).octets),
    ),
    _fault(
        "length-beside-chunks",
        "A proxy puts refusals in chunks and leaves their length standing.",
        _changes(_refusal, lambda answer: _in_chunks(answer, without=b"")),
    ),
)
