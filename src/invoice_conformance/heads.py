"""Owns the forms of header fields, as `spec/heads.abnf` copies them from the RFCs and a test holds them to it.

It must not know which field a server needs, nor what a finding is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from invoice_conformance.instant import read_rfc3339

if TYPE_CHECKING:
    from fractions import Fraction

LISTS: Final = ("Cache-Control", "Vary", "Allow", "Content-Language")
"""Fields that may stand in several lines, which mean the same as one with commas between (RFC 9110 §5.3)."""

SINGLE: Final = ("Content-Type", "Location", "ETag", "Last-Modified", "Retry-After")
"""Fields that stand once."""

LONGEST: Final = 256
"""Characters of a value that is read; the time that a form takes may grow faster than a hostile value."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIXDATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) "
    rf"({'|'.join(_MONTHS)}) ([0-9]{{4}}) ([0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}) GMT"
)

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # noqa: S105 - RFC 9110 calls it so
_QUOTED: Final = r'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
_VALUE: Final = f"(?:{_TOKEN}|{_QUOTED})"
_PCHAR: Final = r"[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2}"
_URI: Final = (
    # Scheme, authority and port are made of what a path may hold; an address in brackets is not.
    r"(?:(?:[A-Za-z][A-Za-z0-9+\-.]*:)?//(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})*@)?\[[0-9A-Fa-f:.vV]+\])?"
    rf"(?:{_PCHAR}|/)*+(?:\?(?:{_PCHAR}|[/?])*+)?(?:#(?:{_PCHAR}|[/?])*+)?"
)


def _list_of(item: str) -> str:
    """RFC 9110 §5.6.1: items with commas between, some of which may stand beside nothing."""
    return rf"(?:,[ \t]*)*{item}(?:[ \t]*,(?:[ \t]*{item})?)*"


_FORMS: Final = {
    name: re.compile(form)
    for name, form in (
        ("Content-Type", rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*(?:{_TOKEN}={_VALUE})?)*"),
        ("Content-Language", _list_of("[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")),
        ("Last-Modified", _FIXDATE.pattern),
        ("ETag", r'(?:W/)?"[!#-~\x80-\xff]*"'),
        ("Allow", f"(?:{_list_of(_TOKEN)})?"),
        ("Location", _URI),
        ("Retry-After", f"{_FIXDATE.pattern}|[0-9]+"),
        ("Vary", _list_of(_TOKEN)),
        ("Cache-Control", _list_of(f"{_TOKEN}(?:={_VALUE})?")),
    )
}
"""The forms of `LISTS` and `SINGLE`. A grammar's own parser takes milliseconds, and some values are in every answer."""


@lru_cache(maxsize=1024)
def is_formed(name: str, value: str) -> bool:
    """Whether the value of one of `LISTS` or `SINGLE` has the form that its RFC gives it; long ones are let pass."""
    value = value.strip(" \t")
    return len(value) > LONGEST or _FORMS[name].fullmatch(value) is not None


@lru_cache(maxsize=256)
def http_time(value: str | None) -> Fraction | None:
    """The seconds since the epoch that an IMF-fixdate (RFC 9110 §5.6.7) means; None when it is none."""
    matched = _FIXDATE.fullmatch(value or "")
    if matched is None:
        return None
    day, month, year, time = matched.groups()
    return read_rfc3339(f"{year}-{_MONTHS.index(month) + 1:02d}-{day}T{time}Z")


def directives(value: str) -> dict[str, str]:
    """The directives of a Cache-Control value by lower-case name, the first of each; "" for one without argument."""
    found: dict[str, str] = {}
    for name, quoted, plain in re.findall(r'([^\s,;="]++)(?:\s*+=\s*+(?:"([^"]*+)"?|([^\s,;"]*+)))?', value):
        found.setdefault(name.lower(), quoted or plain)
    return found
