"""Owns a conforming server on Flask and threads that changes whatever the page does not bind it to keep.

It must not know the suite or the reference server: it stores less than it is given, and says so in its answers.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias
from urllib.parse import urlencode

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json: TypeAlias = Any
"""A JSON value as `json` reads it: the edge where JSON comes in."""

PATH: Final = "/api/v1/invoices"
TOKEN: Final = "ref-k3n8q5w2x7"  # noqa: S105 - it guards nothing
TENANTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "tnt_pfh0haxfpzowht3oi213cqos": frozenset({"ctr_z23aoo8naxk68ewcr64tchh5"}),
        "tnt_b7k2m9q4w1x8z5c3v6n0d2f1": frozenset({"ctr_q8w3e5r7t1y9u2i4o6p0a1s2"}),
    }
)

LIBERTIES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "active-currencies": frozenset({"CURRENCY-RECENT"}),
        "drops-invisible-characters": frozenset({"NUMBER-ECHO-WIDE"}),
        "first-name-wins": frozenset(),
        "gone": frozenset(),
        "home-as-location": frozenset({"HEAD-LOCATION"}),
        "length-required": frozenset(),
        "old-http": frozenset(),
        "other-status-when-paid": frozenset({"RESPONSE-STATUS-STEADY"}),
        "own-status": frozenset({"RESOURCE-STATUS-KNOWN"}),
        "rounds-dates": frozenset(),
        "rounds-rates": frozenset({"RATE-ECHO-WIDE", "RATE-DECIMAL"}),
        "server-banner": frozenset({"HEAD-NO-BANNER"}),
        "slow-clock": frozenset({"RESOURCE-CREATED-NOW", "RESOURCE-UPDATED"}),
        "sniffable": frozenset({"HEAD-NOSNIFF"}),
        "zero-offset": frozenset({"DATE-FORM", "RESOURCE-TIMESTAMPS-FORM"}),
    }
)
"""What this server allows itself, each with the SHOULD rows that it breaks by that."""

ALWAYS: Final = frozenset({"HEAD-NO-BANNER", "REQUEST-HOST", "REQUEST-METHOD-CASE"})
"""The SHOULD rows that it breaks whichever liberties it takes: werkzeug signs what it answers itself, needs no Host,
and puts methods in capitals."""

EXPECTED_SHOULD_FAILURES: Final[frozenset[str]] = ALWAYS.union(*LIBERTIES.values())
"""The SHOULD rows that it breaks when it takes every liberty, as it does by default."""

MAY_STAY_OPEN: Final[frozenset[str]] = frozenset[str]()
"""The SHOULD rows that cannot be judged on it, in some runs or all."""

BODY_LIMIT: Final = 2 << 20
MAX_AMOUNT: Final = 9_007_199_254_740_991
LONGEST_NUMBER: Final = 255
SIX_DECIMALS: Final = Decimal("0.000001")
PRECISION: Final = 400
"""Digits that rates are reckoned in: every binary64 number above 0.000001 fits."""
DATES: Final = ("issuedAt", "dueAt", "paidAt")
ACTIVE: Final = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS
    UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
    """.split()  # noqa: SIM905 - a hundred and fifty quoted codes read worse
)
_DATE_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?Z")
RECENT: Final = frozenset({"SLE", "XCG", "ZWG"})
_INVISIBLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_YEARS: Final = 400
"""After so many years the Gregorian calendar repeats; year 0000 is stored as year 0400."""


class Refused(Exception):  # noqa: N818 - it says what became of the request
    """The request is refused with this status, for this member or reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Service:
    """Creates of one process, kept in memory under a lock."""

    def __init__(self, liberties: frozenset[str]) -> None:
        self._liberties = liberties
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], str] = {}
        self._invalid = 410 if "gone" in liberties else 422

    def create(self) -> Response:
        """Answer a POST."""
        # What is not read would be taken for the next request.
        chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
        if chunked and "length-required" in self._liberties:
            raise Refused(411, "Content-Length")
        body = request.get_data(cache=False)
        tenant = _admitted()
        media = request.headers.getlist("Content-Type")
        if media and (request.mimetype != "application/json" or len(media) > 1):
            raise Refused(415, "Content-Type")
        if len(body) > BODY_LIMIT:
            raise Refused(413, "Content-Length")
        members = parsed(body, first="first-name-wins" in self._liberties)
        if not isinstance(members, dict):
            self._refuse("body")
        stored = self._stored(members)
        if stored["contract"] not in TENANTS[tenant]:
            raise Refused(404, "contractId")
        text = self._kept_as(tenant, members["invoiceNumber"], stored)
        draft = members.get("paidAt") is None or "other-status-when-paid" not in self._liberties
        home = "home-as-location" in self._liberties
        location = "/" if home else f"{PATH}?{urlencode({'number': members['invoiceNumber']})}"
        return Response(
            text, 201 if draft else 200, {"Location": location}, content_type="application/json; charset=utf-8"
        )

    def _refuse(self, reason: str) -> NoReturn:
        raise Refused(self._invalid, reason)

    def _kept_as(self, tenant: str, number: str, stored: dict[str, str]) -> str:
        """The answer's JSON text for an invoice that is kept from now on."""
        now = datetime.now(UTC)
        created = now - timedelta(minutes=10) if "slow-clock" in self._liberties else now
        updated = created - timedelta(minutes=10) if "slow-clock" in self._liberties else created
        with self._lock:
            if (tenant, number) in self._kept:
                raise Refused(422, "invoiceNumber")
            name = self._kept[tenant, number] = str(len(self._kept))
        status = "OPEN" if "own-status" in self._liberties else "FINALIZED"
        resource = {
            **{key: json.dumps(text) for key, text in (("id", name), ("status", status))},
            **{key: json.dumps(stored[key], ensure_ascii=False) for key in ("contract", "currencyCode")},
            "invoiceNumber": json.dumps(stored["invoiceNumber"], ensure_ascii=False).replace("/", "\\/"),
            "amountMinor": stored["amountMinor"],
            "exchangeRate": stored["exchangeRate"],
            **{key: json.dumps(stored.get(key)) for key in DATES},
            "createdAt": json.dumps(self._spelled(created)),
            "updatedAt": json.dumps(self._spelled(updated)),
        }
        return '{"data":{' + ",".join(f'"{key}":{text}' for key, text in resource.items()) + "}}"

    def _stored(self, members: dict[str, Json]) -> dict[str, str]:
        """What an invoice keeps of a body."""
        contract, number, currency = (members.get(key) for key in ("contractId", "invoiceNumber", "currencyCode"))
        if not isinstance(contract, str):
            self._refuse("contractId")
        if not isinstance(number, str) or not 1 <= len(number) <= LONGEST_NUMBER:
            self._refuse("invoiceNumber")
        if "\0" in number or _SURROGATE.search(number):
            self._refuse("invoiceNumber")
        known = ACTIVE if "active-currencies" in self._liberties else ACTIVE | RECENT
        if not isinstance(currency, str) or currency not in known:
            self._refuse("currencyCode")
        if "drops-invisible-characters" in self._liberties:
            number = _INVISIBLE.sub("", number)
        return {
            "contract": contract,
            "invoiceNumber": number,
            "currencyCode": str(currency),
            "amountMinor": self._amount(members.get("amountMinor")),
            "exchangeRate": self._rate(members.get("exchangeRate")),
            **dict(self._dates(members)),
        }

    def _amount(self, value: Json) -> str:
        if not isinstance(value, Decimal) or not 0 <= value <= MAX_AMOUNT:
            self._refuse("amountMinor")
        if value != int(value):
            self._refuse("amountMinor")
        return f"{int(value)}.0"

    def _rate(self, value: Json) -> str:
        if not isinstance(value, Decimal) or value < 0 or math.isinf(float(value)):
            self._refuse("exchangeRate")
        if "rounds-rates" not in self._liberties:
            return str(value)
        # 1e-400 and the like become 0 in binary64 already; they are refused, for no rate is 0 by accident.
        if value and not float(value):
            self._refuse("exchangeRate")
        with localcontext(prec=PRECISION):
            return f"{value.quantize(SIX_DECIMALS).copy_abs():f}"

    def _dates(self, members: dict[str, Json]) -> Iterator[tuple[str, str]]:
        for key in DATES:
            value = members.get(key)
            if value is None:
                continue
            matched = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
            if matched is None:
                self._refuse(key)
            yield key, self._date(key, matched)

    def _date(self, key: str, matched: re.Match[str]) -> str:
        """A date-time as it comes back: to the millisecond, whatever the year."""
        date, time, seconds, fraction = matched.groups()
        zeroth = date.startswith("0000")
        shifted = f"{_YEARS:04d}{date[4:]}" if zeroth else date
        try:
            moment = datetime.fromisoformat(f"{shifted}T{time}:{seconds or '00'}+00:00")
        except ValueError:
            self._refuse(key)
        digits = (fraction or "")[:9].ljust(9, "0")
        milliseconds = (int(digits) + 500_000) // 1_000_000 if "rounds-dates" in self._liberties else int(digits[:3])
        try:
            moment += timedelta(milliseconds=milliseconds)
        except OverflowError:  # rounded up out of the year 9999
            moment = datetime.max.replace(tzinfo=UTC)
        text = self._spelled(moment)
        return f"{int(text[:4]) - _YEARS:04d}{text[4:]}" if zeroth else text

    def _spelled(self, moment: datetime) -> str:
        text = moment.isoformat(timespec="milliseconds")
        return text if "zero-offset" in self._liberties else text.replace("+00:00", "Z")


def _admitted() -> str:
    """The tenant of good credentials."""
    values = request.headers.getlist("Authorization")
    if not values:
        raise Refused(401, "Authorization")
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or not scheme or not token.strip(" "):
        raise Refused(400, "Authorization")
    if scheme.lower() != "bearer" or token.strip(" ") != TOKEN:
        raise Refused(401, "Authorization")
    tenants = request.headers.getlist("tenant-id")
    if len(tenants) != 1 or tenants[0] not in TENANTS:
        raise Refused(403, "tenant-id")
    return tenants[0]


def parsed(body: bytes, *, first: bool) -> Json:
    """The JSON value of a body in UTF-8; of members with one name the first or the last counts."""
    hook = _first if first else dict
    try:
        return json.loads(
            body.decode(), parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant, object_pairs_hook=hook
        )
    except (ValueError, RecursionError, InvalidOperation):
        raise Refused(400, "body") from None


def _first(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    return dict(reversed(pairs))


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _problem(status: int, reason: str) -> Response:
    """An error of RFC 9457."""
    text = json.dumps({"status": status, "title": "Refused", "detail": reason})
    response = Response(text, status, content_type="application/problem+json")
    if status == 401:  # RFC 9110 §15.5.2
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return response


def _refused(refusal: Refused) -> Response:
    return _problem(refusal.status, refusal.reason)


def _of_werkzeug(error: HTTPException) -> Response:
    """An error that routing or reading raised, with the headers that belong to it, such as Allow."""
    response = _problem(error.code or 400, error.name)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _without_banner(response: Response) -> Response:
    response.headers["Server"] = "invoices"
    return response


def _without_sniffing(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def application(liberties: frozenset[str]) -> Flask:
    """The WSGI application."""
    app = Flask(__name__, static_folder=None)
    service = Service(liberties)
    app.add_url_rule(PATH, "create", service.create, methods=["POST"])
    if "server-banner" not in liberties:
        app.after_request(_without_banner)
    if "sniffable" not in liberties:
        app.after_request(_without_sniffing)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _of_werkzeug)
    return app


class _OldHandler(WSGIRequestHandler):
    """Answers in HTTP/1.0, one request a connection, as werkzeug does unless told otherwise; without a log."""

    protocol_version = "HTTP/1.0"

    def log(self, *_: object) -> None:
        """Nothing."""


class _NewHandler(_OldHandler):
    """Answers in HTTP/1.1."""

    protocol_version = "HTTP/1.1"


def main() -> int:
    """Run the command line until SIGINT or SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--liberty", action="append", choices=sorted(LIBERTIES), help="take this one alone; repeatable")
    given = parser.parse_args()
    liberties = frozenset(given.liberty or LIBERTIES)
    handler = _OldHandler if "old-http" in liberties else _NewHandler
    server = make_server("127.0.0.1", given.port, application(liberties), threaded=True, request_handler=handler)
    server.socket.listen(512)
    for number in (signal.SIGINT, signal.SIGTERM):
        # shutdown() waits for serve_forever(), which this thread is in.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on http://127.0.0.1:{server.port}", flush=True)  # noqa: T201
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
