"""Owns the first requests of a run: whether there is a target that can be judged at all.

It says what to check when there is none; it judges no requirement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoice_conformance.exchange import NoAnswer
from invoice_conformance.recipes import first_invoices

if TYPE_CHECKING:
    from invoice_conformance.contract import Contract
    from invoice_conformance.exchange import NoAnswerKind
    from invoice_conformance.sending import Carrier
    from invoice_conformance.trial import Reading

ADVICE: dict[NoAnswerKind, str] = {
    "dns": "Correct the host name in the URL.",
    "refused": "Start the server or correct the URL.",
    "connect-timeout": "Check the host, the port and any firewall between.",
    "tls": "Correct the certificate, or name its authority with --ca-file.",
    "timeout": "The server is too slow: give --timeout, or find out what it waits for.",
    "reset": "Look into the server's log.",
    "closed": "Look into the server's log.",
    "cut-short": "Look at the Content-Length or the chunks that the server writes, or at what stands in front of it.",
    "not-http": "Correct the port or the scheme of the URL.",
    "too-large": "Look at what the server sends.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no requirement can be judged, in one line that says what to do."""

    words: str


def preflight(courier: Carrier, contract: Contract) -> Refusal | list[Reading]:
    """Send valid invoices until one is accepted, at most five; the readings when one was, else why not.

    A refusal with 400 or 422 or a 5xx may be a defect that the next invoice does not meet; anything else is the same
    for every invoice, and ends it at once.
    """
    readings: list[Reading] = []
    for case in first_invoices(contract):
        reading = courier.send(case, script=case.id)
        if reading is None:
            return Refusal("the invoice cap (--max-invoices) allows no invoice at all; raise it")
        readings.append(reading)
        if reading.accepted or _made_elsewhere(reading, courier.path):
            return readings
        trouble = _trouble(reading, courier.path)
        if trouble is not None:
            return Refusal(trouble)
    said = readings[0].said()
    if all(reading.status >= 500 for reading in readings):  # noqa: PLR2004 - server errors
        return Refusal(
            f"the server fails on {len(readings)} plain, valid invoices, on the first with {said}. No requirement was "
            "judged. Look into the server's log"
        )
    return Refusal(
        f"{len(readings)} plain, valid invoices were all refused, the first with {said}. No requirement was judged. "
        "Check --tenant-id and --contract-id, and that the URL is the API's"
    )


def _made_elsewhere(reading: Reading, path: str) -> bool:
    """Whether the answer redirects to an invoice below the operation's path: it was made, and wrongly answered."""
    location = reading.response.header("location") if reading.response is not None else None
    return 300 <= reading.status < 400 and f"{path}/" in (location or "")  # noqa: PLR2004 - redirections


def _trouble(reading: Reading, path: str) -> str | None:
    """What is wrong before any requirement, None when another invoice may fare better."""
    answer = reading.exchange.answer
    if isinstance(answer, NoAnswer):
        return f"{answer.detail}; no requirement was judged. {ADVICE[answer.kind]}"
    status = answer.status
    said = reading.said()
    if reading.in_front:
        return f"something in front of the API answered: {reading.in_front}. Let this machine through, then run again"
    if 300 <= status < 400:  # noqa: PLR2004 - redirections
        return (
            f"{path} answers with a redirect ({status}) to {answer.header('location') or 'nowhere'}, which is not "
            "followed with a token in hand. Give the URL it leads to"
        )
    advice = {
        401: "the token is refused; check INVOICE_CONFORMANCE_TOKEN or --token-file",
        403: "the token may not act here; check the token, --tenant-id and --contract-id",
        404: f"nothing is at {path}, or the contract is unknown; check the URL, --tenant-id and --contract-id",
        405: f"{path} takes no POST; check the URL",
        407: "a proxy wants credentials; run from where there is none",
        415: "application/json is refused as a media type; check the URL",
        429: "too many requests even at the first; wait, and give --rate-limit",
    }
    if status in advice:
        return f"{advice[status]}. The first invoice was answered {said}"
    if status in {502, 503, 504}:
        return f"the API is not up behind its proxy: {said}. Start it, then run again"
    return None
