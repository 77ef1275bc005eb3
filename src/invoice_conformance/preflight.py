"""Owns the first requests of a run: whether there is a target that can be judged at all.

It says what to check when there is none; it judges no requirement.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from invoice_conformance.case import Case
from invoice_conformance.exchange import NoAnswer, Response
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
    "proxy": "Correct --proxy, or its credentials.",
    "tls": "Correct the certificate, the port or the scheme of the URL.",
    "timeout": "The server is too slow: give --timeout, or find out what it waits for.",
    "reset": "Look into the server's log. Over TLS it may want --client-cert.",
    "closed": "Look into the server's log. Over TLS it may want --client-cert.",
    "cut-short": "Look at the Content-Length or the chunks that the server writes, or at what stands in front of it.",
    "not-http": "Correct the port or the scheme of the URL.",
    "too-large": "Look at what the server sends.",
}

TLS_ADVICE = {
    "is not valid yet": "Set the clock of the server or of this machine.",
    "has expired": "Have it renewed.",
    "is self-signed": "If it is the right one, name its file with --ca-file.",
    "authority": "If the authority is to be trusted, name its file with --ca-file or SSL_CERT_FILE.",
    "is for another": "Write the URL with the name that the certificate is for.",
    "does not speak TLS": "Write the URL with http://, or correct its port.",
    "during the TLS handshake": "The server may want --client-cert and --client-key, or speak no TLS 1.2 or newer.",
    "UNSUPPORTED_PROTOCOL": "The server speaks no TLS 1.2 or newer: let it.",
    "PROTOCOL_VERSION": "The server speaks no TLS 1.2 or newer: let it.",
    "CERTIFICATE_REQUIRED": "Give --client-cert and --client-key.",
    "HANDSHAKE_FAILURE": "The server may want --client-cert and --client-key.",
}
"""What to do about TLS, by what the trouble says."""

MESSAGE_ADVICE = {
    "answered in HTTP/2": "Give a port where the server speaks HTTP/1.1.",
    "breaks HTTP/1.1 in the head": "Look at the head of the answer that the server writes, or at what stands in front "
    "of it.",
    "breaks HTTP/1.1 in the body's framing": "Look at the chunks that the server writes, or at what stands in front "
    "of it.",
    "(in the body of an answer": "The body does not come to its end: look at its Content-Length or chunks, or, if the "
    "server is only slow, give --timeout.",
    "octets of an answer had come)": "The head of the answer does not come to its end: look at what the server writes, "
    "or, if it is only slow, give --timeout.",
}
"""What to do about an answer that began and could not be read, by what the trouble says."""

STATUS_ADVICE = {
    401: "the token is refused; check INVOICE_CONFORMANCE_TOKEN or --token-file",
    403: "the token may not act here; check the token, --tenant-id and --contract-id",
    405: "{path} takes no POST; check the URL",
    407: "a proxy wants credentials; give them in --proxy, or run from where there is none",
    408: "the server gave up waiting for the request; find out what cuts its connections short",
    415: "application/json is refused as a media type; check the URL",
    421: "the server answers for other host names than this one; check the URL",
    426: "the server wants another protocol than HTTP/1.1; check the URL and its port",
    429: "too many requests even at the first; wait, and give --rate-limit",
    431: "the head of a plain request is too large for the server; check --header and the token",
    511: "the network wants a sign-in before it lets anything through; sign in, then run again",
}
"""What a status says of the configuration, and what to do about it."""

WAITS = 18
"""How often a target is asked while it is waited for; with the first requests it makes less than 25."""
MAY_COME = frozenset({"dns", "refused", "connect-timeout", "proxy", "timeout", "reset", "closed"})
"""Kinds of trouble that pass when a server has started."""
TITLE_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no requirement can be judged, in one line that says what to do."""

    words: str


def preflight(courier: Carrier, contract: Contract, wait: float | None = None) -> Refusal | list[Reading]:
    """Send valid invoices until one is accepted, at most five; the readings when one was, else why not.

    A refusal with 400 or 422 or a 5xx may be a defect that the next invoice does not meet; anything else is the same
    for every invoice, and ends it at once. A target that is not up is asked again for `wait` seconds.
    """
    readings: list[Reading] = []
    for case in first_invoices(contract):
        reading = courier.send(case, script=case.id) if readings else _first(courier, case, wait)
        if reading is None:
            return Refusal("the invoice cap (--max-invoices) allows no invoice at all; raise it")
        readings.append(reading)
        page = _page(reading)
        if reading.accepted and page is not None:
            return Refusal(
                f"{page} answered {reading.status} in place of the API: a sign-in, a captive portal or another site. "
                "No requirement was judged. Check the URL, and that this machine is let through"
            )
        if reading.accepted or _made_elsewhere(reading, courier.path):
            return readings
        trouble = _trouble(reading, courier)
        if trouble is not None:
            waited = f"waited {wait:g} s (--wait-for-target): " if wait is not None and _may_come(reading) else ""
            return Refusal(waited + trouble)
    said = readings[0].said()
    if all(reading.status >= 500 for reading in readings):  # noqa: PLR2004 - server errors
        return Refusal(
            f"the server fails on {len(readings)} plain, valid invoices, on the first with {said}. No requirement was "
            "judged. Look into the server's log"
        )
    check = "Check --tenant-id and --contract-id, and that the URL is the API's"
    if all("contract" in reading.said().lower() for reading in readings):
        check = "The contract is probably unknown, or not the tenant's: check --contract-id and --tenant-id"
    return Refusal(
        f"{len(readings)} plain, valid invoices were all refused, the first with {said}. No requirement was judged. "
        f"{check}"
    )


def _first(courier: Carrier, case: Case, wait: float | None) -> Reading | None:
    """The first answer; that of a target which starts late, if it starts within `wait` seconds."""
    began = time.perf_counter()
    reading = courier.send(case, script=case.id)
    while wait is not None and reading is not None and _may_come(reading):
        left = wait - (time.perf_counter() - began)
        if left <= 0:
            break
        courier.rest(min(max(wait / WAITS, 0.1), left))
        reading = courier.send(case, script=case.id, once=True)
    return reading


def _may_come(reading: Reading) -> bool:
    answer = reading.exchange.answer
    return answer.kind in MAY_COME if isinstance(answer, NoAnswer) else answer.status in {502, 503, 504}


def _made_elsewhere(reading: Reading, path: str) -> bool:
    """Whether the answer redirects to an invoice below the operation's path: it was made, and wrongly answered."""
    location = reading.response.header("location") if reading.response is not None else None
    leads_to_one = re.search(f"{re.escape(path)}/[^/?#\\s]", location or "") is not None
    return 300 <= reading.status < 400 and leads_to_one  # noqa: PLR2004 - redirections


def _page(reading: Reading) -> str | None:
    """What the answer is called when it is an HTML page rather than anything of an API, None when it is not."""
    body = reading.body or b""
    if re.match(rb"(?i)\s*(?:<!doctype html|<html)", body[:200]) is None:
        return None
    title = re.search(rb"(?is)<title[^>]{0,100}>(.{0,200}?)<", body[:PAGE_READ])
    if title is None:
        return "an HTML page"
    words = " ".join(title[1].decode("utf-8", errors="replace").split())
    return f"an HTML page, “{words[:TITLE_SHOWN]}”,"


PAGE_READ = 4096


def _trouble(reading: Reading, courier: Carrier) -> str | None:
    """What is wrong before any requirement, None when another invoice may fare better."""
    answer = reading.exchange.answer
    if isinstance(answer, NoAnswer):
        return f"{answer.detail}; no requirement was judged. {_advice(answer)}"
    if answer.status in REDIRECTS:
        return _redirected(reading, courier.path)
    if reading.in_front:
        return f"something in front of the API answered: {reading.in_front}. Let this machine through, then run again"
    said = reading.said()
    if answer.status in {502, 503, 504}:
        return f"the API is not up behind its proxy: {said}. Start it, then run again"
    advice = _status_advice(reading, courier)
    return None if advice is None else f"{advice}. The first invoice was answered {said}"


def _status_advice(reading: Reading, courier: Carrier) -> str | None:
    """What a status says of the configuration, None when it says nothing."""
    if reading.status == 404:  # noqa: PLR2004 - not found
        return _not_found(reading, courier)
    challenge = reading.response.header("www-authenticate") if reading.response is not None else None
    if reading.status == 401 and (challenge or "").lower().startswith(("basic", "negotiate", "ntlm")):  # noqa: PLR2004 - unauthorized
        return (
            "something in front of the API wants a password of its own, for it asks by another scheme than Bearer; "
            "check the URL, and that this machine is let through"
        )
    advice = (
        STATUS_ADVICE.get(reading.exchange.answer.status) if isinstance(reading.exchange.answer, Response) else None
    )
    return None if advice is None else advice.format(path=courier.path)


REDIRECTS = frozenset({300, 301, 302, 303, 305, 307, 308})


def _advice(answer: NoAnswer) -> str:
    """What to do when nothing came."""
    if answer.kind == "tls":
        return next((advice for words, advice in TLS_ADVICE.items() if words in answer.detail), ADVICE["tls"])
    if answer.kind in {"not-http", "timeout"}:
        return next((advice for words, advice in MESSAGE_ADVICE.items() if words in answer.detail), ADVICE[answer.kind])
    return ADVICE[answer.kind]


def _redirected(reading: Reading, path: str) -> str:
    location = (reading.response.header("location") or "").strip() if reading.response is not None else ""
    known = reading.in_front
    where = f"{location[:LOCATION_SHOWN]}{'…' if len(location) > LOCATION_SHOWN else ''}" or "nowhere"
    if known is not None:
        return (
            f"something in front of the API answered: {known}, {where}. It is not followed with a token in hand. "
            "Check the URL, and that this machine is let through"
        )
    return (
        f"{path} answers with a redirect ({reading.status}) to {where}, which is not "
        "followed with a token in hand. " + _leads(location, path)
    )


def _leads(location: str, path: str) -> str:
    """What to do about where a redirect leads to."""
    if location == path:
        return "It leads to itself: look into the server's proxy settings"
    if location.partition("?")[0].endswith(f"{path}/"):
        return "The operation has no slash at its end: let the server answer there"
    return "Give the URL it leads to"


LOCATION_SHOWN = 200


def _not_found(reading: Reading, courier: Carrier) -> str:
    """Whether it is the path or the contract that is not there, told apart by a body without a contract."""
    path = courier.path
    if _page(reading) is None:
        probe = courier.send(Case("an empty object", (b"{}",)), once=True)
        if probe is not None and probe.status in {400, 409, 422}:
            return "the contract is unknown, or not the tenant's; check --contract-id and --tenant-id"
    return f"nothing is at {path}; check the URL (and --tenant-id and --contract-id, where those give 404 too)"
