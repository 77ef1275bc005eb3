"""Owns the grammar of an answer's head: where one that can be read all the same is not written as RFC 9112 has it.

It must not know how a head was read, nor what any field means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 9112, section 4: reason-phrase = 1*( HTAB / SP / VCHAR / obs-text ). A field value is made of the same octets.
_TEXT: Final = rb"[\t\x20-\x7e\x80-\xff]*+"
_WELL_WRITTEN: Final = re.compile(
    rb"HTTP/1\.[0-9] [1-5][0-9]{2} " + _TEXT + rb"\r\n(?:" + _TOKEN + rb":" + _TEXT + rb"\r\n)*+\r\n"
)
_STATUS_LINE: Final = re.compile(rb"HTTP/([0-9])\.[0-9] ([0-9]{3})( ?)(.*)", re.DOTALL)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Departure:
    """One way in which a head is not written as it should be: a word for it, and a phrase that shows it.

    `lenient` departures are those that a recipient is told to take (RFC 9112, section 2.2 and section 4).
    """

    kind: str
    words: str
    lenient: bool = False


def is_well_written(head: bytes) -> bool:
    """Whether a head, from its status line to its empty line, keeps to the grammar to the octet."""
    return _WELL_WRITTEN.fullmatch(head) is not None


def departures(head: bytes) -> Iterator[Departure]:
    """The ways in which a head departs from the grammar, line by line; none for one that is well written."""
    if is_well_written(head):
        return
    lines = head.split(b"\n")
    if any(not line.endswith(b"\r") for line in lines[:-1]):
        yield Departure("line end", "a line that ends with LF alone", lenient=True)
    first, *fields = (line.removesuffix(b"\r") for line in lines if line not in {b"", b"\r"})
    yield from _of_status_line(first)
    for line in fields:
        if line[:1] in {b" ", b"\t"}:
            yield Departure("folding", f"a field line folded onto the next: {_shown(line)}")
        elif _CONTROL.search(line):
            yield Departure("control", f"a control character in a field line: {_shown(line)}")


def _of_status_line(line: bytes) -> Iterator[Departure]:
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        yield Departure("status line", f"the status line {_shown(line)}")
        return
    major, status, space, reason = found.groups()
    if major != b"1":
        yield Departure("version", f"the status line {_shown(line)}, of another version of HTTP")
    if not b"100" <= status <= b"599":
        yield Departure("status", f"the status {status.decode()}, which is outside of 100 to 599")
    if not space:
        yield Departure("space", f"the status line {_shown(line)} without the space after the status", lenient=True)
    if _CONTROL.search(reason):
        yield Departure("reason", f"a control character in the reason phrase: {_shown(line)}")


def _shown(line: bytes) -> str:
    text = line[:_SHOWN].decode("latin-1")
    visible = "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
    return f'"{visible}{"…" if len(line) > _SHOWN else ""}"'
