"""Owns exchanges made by hand: a plain create and an ordinary answer, of which a test changes what it is about.

It must not know any expectation; it holds no test.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from invoice_conformance.contract import Contract
from invoice_conformance.exchange import Exchange, NoAnswer, Request, Response
from invoice_conformance.oracle import Oracle
from invoice_conformance.session import PRESENT
from invoice_conformance.trial import Meaning, Reading, Rules, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTRACT: Final = Contract.load()
RULES: Final = Rules(CONTRACT, Oracle(CONTRACT, now=PRESENT))

PLAIN: Final = {
    "contractId": '"ctr_z23aoo8naxk68ewcr64tchh5"',
    "invoiceNumber": '"INV-2025-0001"',
    "exchangeRate": "1.12",
    "currencyCode": '"EUR"',
    "amountMinor": "5000",
}
"""The plain invoice, as JSON text by member."""
ABSENT: Final = "(absent)"
"""Stands for a member that is left out."""
DATES: Final = ("issuedAt", "dueAt", "paidAt")
NOW: Final = "2025-11-05T14:48:00.123Z"
HEAD: Final = {"Date": "Wed, 05 Nov 2025 14:48:00 GMT", "Content-Type": "application/json"}
FIREWALL: Final = b"<html><body><h1>Forbidden</h1></body></html>"


def text_of(members: dict[str, str]) -> str:
    """A JSON object of members given as JSON text."""
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items() if value != ABSENT) + "}"


def answer(status: int, body: str | bytes = "", /, **headers: str | None) -> Response:
    """An answer with an ordinary head; `headers` replaces fields (`Content_Type`), None leaves one out."""
    octets = body.encode() if isinstance(body, str) else body
    fields = HEAD | {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status=status,
        reason={200: "OK", 201: "Created", 422: "Unprocessable Content"}.get(status, ""),
        http_version="HTTP/1.1",
        headers=tuple((name, value) for name, value in fields.items() if value is not None),
        body=octets,
        body_length=len(octets),
        body_sha256=hashlib.sha256(octets).hexdigest(),
    )


def resource(**members: str) -> dict[str, str]:
    """What a conforming server returns for the plain invoice, with some members (as JSON text) changed."""
    ordinary = {
        "id": '"inv_z23aoo8naxk68ewcr64tchh5"',
        "contract": PLAIN["contractId"],
        "status": '"FINALIZED"',
        "createdAt": f'"{NOW}"',
        "updatedAt": f'"{NOW}"',
        **{name: PLAIN[name] for name in ("invoiceNumber", "exchangeRate", "currencyCode", "amountMinor")},
        **dict.fromkeys(DATES, "null"),
    }
    return ordinary | members


def created(status: int = 201, /, **members: str) -> Response:
    """A success with the plain invoice's resource, with some members changed."""
    return answer(status, text_of({"data": text_of(resource(**members))}))


def refusal(status: int = 422) -> Response:
    """A refusal in the form of RFC 9457."""
    return answer(status, '{"title":"refused"}', Content_Type="application/problem+json")


def firewall() -> Response:
    """What a firewall in front of the API answers."""
    return answer(403, FIREWALL, Content_Type="text/html")


def silence() -> NoAnswer:
    """A connection that was reset."""
    return NoAnswer("reset", "the connection was reset")


def read(
    came: Response | NoAnswer,
    /,
    *,
    changes: Mapping[str, str] | None = None,
    body: bytes | None = None,
    edits: tuple[tuple[str, str], ...] | None = None,
    standard: bool = True,
    pooled: bool = False,
    method: str = "POST",
    target: str = "/api/v1/invoices",
    accept: str | None = None,
    **sent: str,
) -> Reading:
    """One exchange: the plain invoice with `changes` and the members `sent`, or `body`, and what came of it."""
    members = {**(changes or {}), **sent}
    octets = text_of(PLAIN | members).encode() if body is None else body
    changed = tuple((name, f"edge: {text[:20]}") for name, text in members.items()) if edits is None else edits
    asked = (("Accept", accept),) if accept is not None else ()
    request = Request(method, target, (("Content-Type", "application/json"), *asked), octets)
    meaning = Meaning("case", changed, pooled=pooled, standard=standard)
    return Reading(Exchange(request, came, 1762354080.0, 0.01), meaning, RULES)


def trial(act: Reading, /, **roles: Reading | tuple[Reading, ...]) -> Trial:
    """A trial of one exchange under judgement, and those that go with it by role."""
    others = {role: found if isinstance(found, tuple) else (found,) for role, found in roles.items()}
    return Trial("trial", {"act": (act,), **others})
