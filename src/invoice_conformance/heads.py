"""Owns the forms of header fields, as `spec/heads.abnf` copies them from the RFCs.

It must not know which field a server needs, nor what a finding is.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from invoice_conformance import locate

if TYPE_CHECKING:
    from abnf import Rule

LISTS: Final = ("Cache-Control", "Vary", "Allow", "Content-Language")
"""Fields that may stand in several lines, which mean the same as one with commas between (RFC 9110 §5.3)."""

SINGLE: Final = ("Content-Type", "Location", "ETag", "Last-Modified", "Retry-After")
"""Fields that stand once."""

LONGEST: Final = 256
"""Characters of a value that is read; the time that a grammar takes may grow faster than a hostile value."""

_PLAIN_URI: Final = re.compile(
    r"(?:https?://[a-z0-9][a-z0-9.-]*+(?::[0-9]{1,5}+)?)?/(?:[A-Za-z0-9._~/-]|%[0-9A-Fa-f]{2})*+"
    r"(?:\?(?:[A-Za-z0-9._~/=&+-]|%[0-9A-Fa-f]{2})*+)?"
)
_NEVER_IN_A_URI: Final = re.compile(r"[^!#-;=?-Z\[\]_a-z~]")
"""RFC 3986 §2 has no other characters."""


@lru_cache(maxsize=4096)
def is_formed(name: str, value: str) -> bool:
    """Whether the value of one of `LISTS` or `SINGLE` has the form that its RFC gives it; long ones are let pass."""
    value = value.strip(" \t")
    # Each invoice has a Location of its own, nearly all are as plain as this, and the grammar takes milliseconds.
    if len(value) > LONGEST or (name == "Location" and _PLAIN_URI.fullmatch(value)):
        return True
    if name == "Location" and _NEVER_IN_A_URI.search(value):
        return False
    from abnf import ParseError  # noqa: PLC0415 - read when the first answer is judged

    try:
        _grammar()(name).parse_all(value)
    except ParseError:
        return False
    return True


def http_time(value: str | None) -> float | None:
    """The seconds since the epoch that an IMF-fixdate (RFC 9110 §5.6.7) means; None when it is none."""
    if value is None or not is_formed("Last-Modified", value):
        return None
    with suppress(ValueError, OverflowError):
        return parsedate_to_datetime(value).replace(tzinfo=UTC).timestamp()
    return None


def directives(value: str) -> dict[str, str]:
    """The directives of a Cache-Control value by lower-case name, the first of each; "" for one without argument."""
    found: dict[str, str] = {}
    for name, quoted, plain in re.findall(r'([^\s,;="]++)(?:\s*+=\s*+(?:"([^"]*+)"?|([^\s,;"]*+)))?', value):
        found.setdefault(name.lower(), quoted or plain)
    return found


@cache
def _grammar() -> type[Rule]:
    """The rules of `spec/heads.abnf`, read once: that takes a third of a second."""
    from abnf import Rule  # noqa: PLC0415 - likewise

    class Heads(Rule):
        """The rules of `spec/heads.abnf`."""

    text = (locate.spec_dir() / "heads.abnf").read_text(encoding="ascii")
    Heads.load_grammar(text.replace("\n", "\r\n"))
    return Heads
