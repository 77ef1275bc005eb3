"""Owns a conforming server on aiohttp and SQLite that is as strict as the page lets it be.

It must not know the suite or the reference server: what it demands follows from the page and its own columns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import signal
import sqlite3
import sys
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        "absent-dates": frozenset(),
        "closes": frozenset(),
        "exact-scheme": frozenset({"AUTH-SCHEME-CASE"}),
        "historic-currencies": frozenset(),
        "many-challenges": frozenset(),
        "no-case": frozenset({"UNIQUE-EXACT"}),
        "no-future": frozenset({"DATE-ACCEPTED-WIDE"}),
        "one-namespace": frozenset(),
        "ordered-dates": frozenset({"DATE-ORDER"}),
        "other-host-as-location": frozenset(),
        "plain-integers": frozenset({"AMOUNT-SPELLING"}),
        "plain-numbers": frozenset({"NUMBER-ACCEPTED-WIDE", "UNIQUE-EXACT"}),
        "nine-digits-at-most": frozenset({"DATE-ACCEPTED-WIDE"}),
        "seconds-required": frozenset(),
        "six-decimals": frozenset({"RATE-ACCEPTED-WIDE"}),
        "small-bodies": frozenset(),
        "sniffable": frozenset({"HEAD-NOSNIFF"}),
        "speaks-to-caches": frozenset(),
        "strict-json": frozenset(),
        "summer-time": frozenset({"DATE-FORM", "RESOURCE-TIMESTAMPS-FORM"}),
        "server-banner": frozenset({"HEAD-NO-BANNER"}),
        "text-errors": frozenset({"RESPONSE-ERROR-JSON"}),
        "utf-16-lengths": frozenset({"BODY-LENGTH-ASTRAL"}),
    }
)
"""What this server allows itself, each with the SHOULD rows that it breaks by that."""

ALWAYS: Final = frozenset({"DATE-ACCEPTED-WIDE", "HEAD-NO-BANNER", "RESPONSE-ERROR-JSON"})
"""The SHOULD rows that it breaks whichever liberties it takes: no year 0 in datetime, aiohttp's own 405s."""

EXPECTED_SHOULD_FAILURES: Final[frozenset[str]] = ALWAYS.union(*LIBERTIES.values())
"""The SHOULD rows that it breaks when it takes every liberty, as it does by default."""

MAY_STAY_OPEN: Final[frozenset[str]] = frozenset({"BODY-ACCEPTED-WIDE", "NUMBER-ECHO-WIDE", "RATE-ECHO-WIDE"})
"""The SHOULD rows that cannot be judged on it, in some runs or all: it accepts no uncommon number or rate."""

SMALL_BODY: Final = 64 << 10
MAX_AMOUNT: Final = 9_007_199_254_740_991
LONGEST_NUMBER: Final = 255
DEEPEST: Final = 32
SMALLEST_RATE: Final = Decimal("0.000001")
LARGEST_RATE: Final = Decimal(1_000_000)
DATES: Final = ("issuedAt", "dueAt", "paidAt")
MEMBERS: Final = frozenset({"contractId", "invoiceNumber", "exchangeRate", "currencyCode", "amountMinor", *DATES})
CURRENCIES: Final = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
    TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a hundred and fifty quoted codes read worse
)
HISTORIC: Final = frozenset({"ANG", "ATS", "BEF", "BGN", "DEM", "FRF", "HRK", "ITL", "XAU", "XTS", "XXX"})
SUMMER_TIME: Final = timezone(timedelta(hours=2))
_DATE_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?P<seconds>:[0-9]{2}(?:\.(?P<fraction>[0-9]+))?)?Z"
)
_MEDIA_TYPE: Final = re.compile(r'application/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*', re.IGNORECASE)
_CHALLENGES: Final = (
    'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',  # RFC 9110 §11.6.1
    'bearer realm = "invoices, all of them" ,error=invalid_token',
    "Negotiate",
)
_FOR_CACHES: Final = {
    "Cache-Control": 'Private="x, y", , MAX-AGE=60,stale-if-error=0',
    "Content-Language": "en, de-CH-1996",
    "ETag": 'W/"\xe9,ok"',
    "Expires": "0",
    "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT",
    "Vary": "Authorization",
}
"""What a private cache may want to know; RFC 9110 §5.6.1.2 lets a list have empty elements."""
_SCHEMA: Final = """
CREATE TABLE invoices (
    id TEXT PRIMARY KEY, scope TEXT NOT NULL, number TEXT NOT NULL COLLATE {collation},
    UNIQUE (scope, number)
)
"""


class Refused(Exception):  # noqa: N818 - it says what became of the request
    """The request is refused with this status, in these words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Service:
    """Creates of one process, in a database that ends with it."""

    def __init__(self, liberties: frozenset[str]) -> None:
        self._liberties = liberties
        self._database = sqlite3.connect(":memory:", isolation_level=None)
        self._database.execute(_SCHEMA.format(collation="NOCASE" if "no-case" in liberties else "BINARY"))

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    async def create(self, request: web.Request) -> web.Response:
        """Answer a POST."""
        try:
            tenant = self._admitted(request)
            members = self._members(request, await _read(request))
            text = self._created(tenant, members)
        except Refused as refusal:
            response = self._refusal(refusal)
        else:
            response = web.Response(status=201, body=text.encode(), headers={"Content-Type": "application/json"})
            name = json.loads(text)["data"]["id"]
            elsewhere = "other-host-as-location" in self._liberties
            response.headers["Location"] = (
                f"https://books.example:8443/v2/bills/?bill={name}#{name}" if elsewhere else name
            )
        if "closes" in self._liberties:
            response.force_close()
        if "server-banner" not in self._liberties:
            response.headers["Server"] = "invoices"
        if "sniffable" not in self._liberties:
            response.headers["X-Content-Type-Options"] = "nosniff"
        if "speaks-to-caches" in self._liberties:
            response.headers.update(_FOR_CACHES)
            response.headers.add("Vary", "tenant-id,")
        return response

    def _refusal(self, refusal: Refused) -> web.Response:
        if "text-errors" in self._liberties:
            response = web.Response(status=refusal.status, text=f"{refusal.words}\n")
        else:
            response = web.json_response({"error": refusal.words}, status=refusal.status)
        if refusal.status == web.HTTPUnauthorized.status_code:
            many = "many-challenges" in self._liberties
            for challenge in _CHALLENGES if many else ('Bearer realm="invoices"',):
                response.headers.add("WWW-Authenticate", challenge)
        return response

    def _admitted(self, request: web.Request) -> str:
        """The tenant of good credentials."""
        values = request.headers.getall("Authorization", [])
        scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        known = scheme == "Bearer" if "exact-scheme" in self._liberties else scheme.lower() == "bearer"
        given = token.strip(" ").encode(errors="surrogateescape")
        if not known or not secrets.compare_digest(given, TOKEN.encode()):
            raise Refused(401, "Who is asking?")
        tenants = request.headers.getall("tenant-id", [])
        if len(tenants) != 1 or not tenants[0]:
            raise Refused(400, "For which tenant?")
        if tenants[0] not in TENANTS:
            raise Refused(401, "This tenant is not yours.")
        return tenants[0]

    def _members(self, request: web.Request, body: bytes) -> dict[str, Json]:
        """The members of a body that makes an invoice, as they are stored."""
        media = request.headers.getall("Content-Type", [])
        if len(media) != 1 or not _MEDIA_TYPE.fullmatch(media[0]):
            raise Refused(415, "Only application/json is read.")
        if "small-bodies" in self._liberties and len(body) > SMALL_BODY:
            raise Refused(413, "That is too much.")
        members = parsed(body, strict="strict-json" in self._liberties)
        if not isinstance(members, dict):
            raise Refused(422, "An invoice is an object.")
        if "strict-json" in self._liberties and not members.keys() <= MEMBERS:
            raise Refused(422, "There are members that an invoice does not have.")
        stored: dict[str, Json] = {
            "invoiceNumber": self._number(members.get("invoiceNumber")),
            "currencyCode": self._currency(members.get("currencyCode")),
            "amountMinor": self._amount(members.get("amountMinor")),
            "exchangeRate": self._rate(members.get("exchangeRate")),
            **{name: self._date(members.get(name)) for name in DATES},
        }
        self._order(stored)
        contract = members.get("contractId")
        if contract is None:
            raise Refused(422, "An invoice has a contract.")
        if not isinstance(contract, str):
            raise Refused(404, "No contract has such an id.")
        stored["contract"] = contract
        return stored

    def _number(self, value: Json) -> str:
        if not isinstance(value, str) or not 1 <= self._length(value) <= LONGEST_NUMBER:
            raise Refused(422, "invoiceNumber: 1 to 255 characters.")
        kinds = {unicodedata.category(character) for character in value}
        # SQLite keeps neither half a surrogate pair nor, in all its functions, what follows a NUL.
        if "Cs" in kinds or "\0" in value:
            raise Refused(422, "invoiceNumber: no text.")
        strange = any(kind[0] == "C" or kind in {"Zl", "Zp"} for kind in kinds)
        if "plain-numbers" in self._liberties and (strange or value.strip(" ") != value):
            raise Refused(422, "invoiceNumber: no outer spaces, no control characters.")
        return value

    def _currency(self, value: Json) -> str:
        known = CURRENCIES | HISTORIC if "historic-currencies" in self._liberties else CURRENCIES
        if not isinstance(value, str) or value not in known:
            raise Refused(422, "currencyCode: no such currency.")
        return value

    def _amount(self, value: Json) -> int:
        if isinstance(value, Decimal) and "plain-integers" not in self._liberties:
            value = int(value) if abs(value) <= MAX_AMOUNT and value == int(value) else value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_AMOUNT:
            raise Refused(422, "amountMinor: an integer in range.")
        return value

    def _rate(self, value: Json) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise Refused(422, "exchangeRate: a number.")
        if value < 0:
            raise Refused(422, "exchangeRate: a number from 0.")
        exact = Decimal(value)
        if "six-decimals" not in self._liberties:
            return exact
        if exact.is_signed() or (exact and not SMALLEST_RATE <= exact <= LARGEST_RATE):
            raise Refused(422, "exchangeRate: DECIMAL(18,6) does not hold it.")
        rounded = exact.quantize(SMALLEST_RATE)
        if rounded != exact:
            raise Refused(422, "exchangeRate: at most six decimals.")
        return rounded

    def _date(self, value: Json) -> datetime | None:
        if value is None:
            return None
        matched = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
        if matched is None:
            raise Refused(422, "A date is YYYY-MM-DDThh:mm:ssZ.")
        if matched["seconds"] is None and "seconds-required" in self._liberties:
            raise Refused(422, "A date has seconds (RFC 3339).")
        fraction = matched["fraction"] or ""
        if len(fraction) > len("nanosecs.") and "nine-digits-at-most" in self._liberties:
            raise Refused(422, "A date has at most nanoseconds.")
        try:
            # datetime knows the calendar from year 1 on, and cuts to microseconds here.
            whole = datetime.fromisoformat(value[:16] + (matched["seconds"] or ":00")[:3] + "+00:00")
            moment = whole.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        except ValueError:
            raise Refused(422, "There is no such date.") from None
        return moment

    def _order(self, stored: dict[str, Json]) -> None:
        issued, now = stored["issuedAt"], datetime.now(UTC)
        done = [stored[name] for name in ("issuedAt", "paidAt") if stored[name] is not None]
        if "no-future" in self._liberties and any(date > now for date in done):
            raise Refused(422, "An invoice is not issued or paid before it is sent here.")
        later = [stored[name] for name in ("dueAt", "paidAt") if stored[name] is not None]
        if "ordered-dates" in self._liberties and issued is not None and any(date < issued for date in later):
            raise Refused(422, "An invoice is issued before it is due or paid.")

    def _length(self, text: str) -> int:
        if "utf-16-lengths" in self._liberties:
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        return len(text)

    def _created(self, tenant: str, stored: dict[str, Json]) -> str:
        """Keep an invoice and return the answer's JSON text."""
        if stored["contract"] not in TENANTS[tenant]:
            raise Refused(422, "The tenant has no such contract.")
        name = str(uuid.uuid4())
        scope = "" if "one-namespace" in self._liberties else tenant
        try:
            self._database.execute("INSERT INTO invoices VALUES (?, ?, ?)", (name, scope, stored["invoiceNumber"]))
        except sqlite3.IntegrityError:
            raise Refused(409, "The number is taken.") from None
        now = datetime.now(UTC)
        resource = {"id": name, "status": "DRAFT", **stored, "createdAt": now, "updatedAt": now}
        if "absent-dates" in self._liberties:
            resource = {key: value for key, value in resource.items() if value is not None}
        members = ",".join(f"{json.dumps(key)}:{self._text(value)}" for key, value in resource.items())
        return f'{{"data":{{{members}}}}}'

    def _text(self, value: Json) -> str:
        """A stored value as JSON."""
        if isinstance(value, Decimal):
            return str(value)
        if not isinstance(value, datetime):
            return json.dumps(value, ensure_ascii=False)
        if "summer-time" not in self._liberties:
            return json.dumps(value.isoformat(timespec="microseconds").replace("+00:00", "Z"))
        try:
            return json.dumps(value.astimezone(SUMMER_TIME).isoformat())
        except OverflowError:  # the last two hours of the year 9999
            return json.dumps(value.isoformat())


async def _read(request: web.Request) -> bytes:
    """The body, whatever content coding aiohttp undoes for it."""
    try:
        return await request.read()
    except web.RequestPayloadError:
        raise Refused(400, "That is not what Content-Encoding says.") from None


def parsed(body: bytes, *, strict: bool) -> Json:
    """The JSON value of a body in UTF-8; strict: no repeated names, no byte order mark, no depth."""
    hook = _once if strict else dict
    try:
        text = body.decode()
        if strict and _depth(text) > DEEPEST:
            raise Refused(400, "That is too deep.")
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=hook)
    except (ValueError, RecursionError, InvalidOperation):
        raise Refused(400, "That is not JSON.") from None
    return value


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Refused(400, "A member is there twice.")
    return members


def _depth(text: str) -> int:
    deepest = depth = 0
    for bracket in re.findall(r'"(?:[^"\\]|\\.)*"|[][{}]', text, re.DOTALL):
        depth += (bracket in "[{") - (bracket in "]}")
        deepest = max(deepest, depth)
    return deepest


def _no_constant(name: str) -> None:
    raise ValueError(name)


async def serve(port: int, liberties: frozenset[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    service = Service(liberties)
    application = web.Application(client_max_size=1 << 20)
    application.router.add_post(PATH, service.create)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=512, shutdown_timeout=1)
    await site.start()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)  # noqa: T201
    await ended.wait()
    await runner.cleanup()
    service.close()


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--liberty", action="append", choices=sorted(LIBERTIES), help="take this one alone; repeatable")
    given = parser.parse_args()
    asyncio.run(serve(given.port, frozenset(given.liberty or LIBERTIES)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
