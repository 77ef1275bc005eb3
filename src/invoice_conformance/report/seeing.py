"""Owns what to look for with curl where curl mends or drops what is wrong with an answer as a message.

It judges nothing and runs nothing; what it says of curl was seen with curl 7.88.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoice_conformance.exchange import NoAnswer
from invoice_conformance.expect_message import NeverAlways, NoBody, NoSurplus, WellWritten, ends_with_head

if TYPE_CHECKING:
    from invoice_conformance.account import Finding
    from invoice_conformance.trial import Reading

AFTER = (
    "curl prints the answer alone and drops what follows it. With -v it says “Excess found” (of an answer in chunks "
    "“Leftovers after chunking”) where the octets come together with the answer; of octets that come a moment later it "
    "says nothing, and only rerun waits for them"
)
AFTER_HEAD = "curl prints the head alone and drops what follows it; with -v it says “Excess found”"
CUT_SHORT = "curl ends with exit status 18, for the connection is closed before the end of the body"
UNREADABLE = (
    "curl takes more than HTTP allows, and may show nothing wrong: put “| cat -v” behind it for what is unseen in a "
    "head, and --raw into it for chunks as they came"
)
HEAD_AS_WRITTEN = (
    "a terminal hides it: put “| cat -v” behind it, which writes CR as ^M and other control characters as ^…"
)


def with_curl(finding: Finding, reading: Reading) -> str:
    """What to look for when the request of a finding is sent with curl; empty where its output shows what is wrong."""
    expecting, answer = finding.check.expecting, reading.exchange.answer
    if isinstance(expecting, NeverAlways):
        return CUT_SHORT if expecting.kind == "cut-short" else UNREADABLE
    if isinstance(expecting, WellWritten):
        return HEAD_AS_WRITTEN
    if not isinstance(expecting, NoSurplus | NoBody) or isinstance(answer, NoAnswer):
        return ""
    found = answer.unasked
    if (
        found is not None
        and found.octets
        and ends_with_head(found.method, found.status) == isinstance(expecting, NoBody)
    ):
        return (
            f"the octets stood on an idle connection after an earlier {found.method} that was answered {found.status}, "
            "not after this request; curl closes its connection too soon to see such, and only rerun listens for them"
        )
    return AFTER if isinstance(expecting, NoSurplus) else AFTER_HEAD
