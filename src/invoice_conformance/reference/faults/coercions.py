"""Owns the faults that take one text, number or body for another that somebody may have meant.

It must not know the faults in values of the right type and form.
"""

from __future__ import annotations

import re
import unicodedata
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, accepts, decodes_text, hears, matching, takes
from invoice_conformance.reference.messages import Refusal, Request
from invoice_conformance.reference.strict_json import JsonValue, Number
from invoice_conformance.reference.validation import MAX_AMOUNT, Given

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.validation import Reader

_CONTRACT: Final = "contractId"
_AMOUNT: Final = "amountMinor"
_RAW_CONTRACT = re.compile(rb'"contractId"\s*:\s*"((?:[^"\\]|\\.)*)"')
_ESCAPED_DATE = re.compile(rb'"(?:issued|due|paid)At"\s*:\s*"\\u')
_BUFFER: Final = 1500


def _amounts(pattern: str, read: Callable[[str], int]) -> Install:
    """Take a text that matches `pattern` for the amount that `read` makes of it."""
    return accepts(matching(pattern), lambda value: min(read(str(value)), MAX_AMOUNT), _AMOUNT)


def _is_negative_fraction(value: Given) -> bool:
    return isinstance(value, Number) and -1 < float(value.literal) < 0


def _object_unwrapped(service: Service) -> None:
    before: Reader = service.readers[_CONTRACT]

    def read(value: Given) -> JsonValue:
        return before(value["id"] if isinstance(value, dict) and "id" in value else value)

    service.readers[_CONTRACT] = read


def _any_of(pattern: str) -> Install:
    def install(service: Service) -> None:
        before = service.check_contract

        def check(tenant: str, members: dict[str, JsonValue]) -> None:
            if members[_CONTRACT] == pattern:
                members[_CONTRACT] = service.settings.tenants[tenant][0]
            before(tenant, members)

        service.check_contract = check

    return install


def _unwraps(name: str) -> Install:
    def install(service: Service) -> None:
        before = service.decode

        def decode(octets: bytes) -> JsonValue:
            document = before(octets)
            inner = document.get(name) if isinstance(document, dict) else None
            return inner if isinstance(inner, dict) else document

        service.decode = decode

    return install


def _contract_read_raw(service: Service) -> None:
    before = service.decode

    def decode(octets: bytes) -> JsonValue:
        document = before(octets)
        raw = _RAW_CONTRACT.search(octets)
        if raw and isinstance(document, dict):
            document[_CONTRACT] = raw[1].decode("utf-8", errors="replace")
        return document

    service.decode = decode


def _dates_matched_raw(request: Request) -> Request:
    if _ESCAPED_DATE.search(request.body):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the date does not match its pattern")
    return request


def _small_buffer(request: Request) -> Request:
    if len(request.body) > _BUFFER:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    return request


FAULTS: Final = (
    Fault(
        "amount-blank-string-as-zero",
        "amount",
        "The language makes 0 of a text of spaces, and only an empty one is looked for.",
        _amounts(r"^ +$", lambda _: 0),
    ),
    Fault(
        "amount-hexadecimal-string-accepted",
        "amount",
        "A text with 0x is read to its base.",
        _amounts(r"^0[xX][0-9A-Fa-f]+$", lambda text: int(text, 16)),
    ),
    Fault(
        "amount-thousands-separators-dropped",
        "amount",
        "Commas in a text are taken for separators of thousands.",
        _amounts(r"^[0-9]{1,3}(?:,[0-9]{3})+$", lambda text: int(text.replace(",", ""))),
    ),
    Fault(
        "amount-big-integer-as-string-accepted",
        "amount",
        "Integers may be texts where JavaScript's numbers end, from ten digits on.",
        _amounts(r"^[0-9]{10,}$", int),
    ),
    Fault(
        "amount-negative-fraction-cut",
        "amount",
        "An amount is cut to an integer before it is compared with 0, so -0.4 is accepted.",
        accepts(_is_negative_fraction, lambda _: 0, _AMOUNT),
    ),
    Fault(
        "contract-cut-at-nul",
        "access",
        "A contractId is handed to a library in C, where it ends at NUL.",
        takes(lambda text: text.partition("\0")[0], _CONTRACT),
    ),
    Fault(
        "contract-zero-width-ignored",
        "access",
        "Invisible characters of a contractId are removed before it is looked up.",
        takes(lambda text: text.replace("\u200b", ""), _CONTRACT),
    ),
    Fault(
        "contract-compatibility-normalised",
        "access",
        "A contractId is brought into Unicode form NFKC before it is looked up.",
        takes(lambda text: unicodedata.normalize("NFKC", text), _CONTRACT),
    ),
    Fault(
        "contract-percent-matches",
        "access",
        "Contracts are looked up with LIKE, so % is any of the tenant's.",
        _any_of("%"),
    ),
    Fault(
        "contract-object-unwrapped",
        "presence",
        "A contract may come in full, as an object with its id.",
        _object_unwrapped,
    ),
    Fault("invoice-unwrapped", "json", "A body may be wrapped in the resource's name.", _unwraps("invoice")),
    Fault(
        "json-single-quotes-everywhere-accepted",
        "json",
        "A body that begins with a single quote is taken for another notation, and its quotes are exchanged.",
        decodes_text(lambda text: text.replace("'", '"') if text.startswith("{'") else text),
    ),
    Fault(
        "contract-read-from-text",
        "json",
        "The contract is cut out of the body's text by a regular expression, escapes and all.",
        _contract_read_raw,
    ),
    Fault(
        "dates-matched-in-text",
        "json",
        "The dates' pattern is tried on the body's text, where escapes do not match.",
        hears(_dates_matched_raw),
    ),
    Fault(
        "body-above-1500-octets-refused",
        "json",
        "A gateway reads one packet of 1500 octets, and a long number of escapes takes more.",
        hears(_small_buffer),
    ),
)
