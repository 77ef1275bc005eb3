"""Owns a conforming server on Falcon, waitress and orjson, as strict in what it takes as it is odd in what it answers.

It must not know the suite or the reference server: its statuses, its spellings and its store are its own.
"""

from __future__ import annotations

import argparse
import hmac
import json
import re
import signal
import sys
import threading
import time
import unicodedata
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from xml.sax.saxutils import escape

import falcon
import orjson
from waitress import create_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Json: TypeAlias = Any
"""A JSON value as orjson reads it: the edge where JSON comes in."""

Environment: TypeAlias = "dict[str, Any]"
"""What WSGI tells of a request."""

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
        "any-capitals": frozenset({"CURRENCY-UNKNOWN"}),
        "collation": frozenset({"UNIQUE-EXACT"}),
        "credentials-400": frozenset({"AUTH-STATUS"}),
        "html-safe": frozenset(),
        "ids-in-any-case": frozenset({"TENANT-IDS-EXACT"}),
        "known-members": frozenset(),
        "lists-invoices": frozenset(),
        "long-ids": frozenset(),
        "lower-case-dates": frozenset({"DATE-FORM", "RESOURCE-TIMESTAMPS-FORM"}),
        "machine-integers": frozenset({"AMOUNT-SPELLING"}),
        "many-headers": frozenset(),
        "minus-zero-offset": frozenset({"DATE-FORM", "RESOURCE-TIMESTAMPS-FORM"}),
        "no-blank-numbers": frozenset({"NUMBER-ACCEPTED-WIDE"}),
        "odd-refusals": frozenset(),
        "padded-numbers": frozenset(),
        "redirects": frozenset(),
        "short-fractions": frozenset(),
        "split-lists": frozenset(),
        "sticky-cookie": frozenset({"HEAD-NO-COOKIE"}),
        "throttles": frozenset(),
        "xml-errors": frozenset({"RESPONSE-ERROR-JSON"}),
    }
)
"""What this server allows itself, each with the SHOULD rows that it breaks by that."""

ALWAYS: Final = frozenset({"HEAD-NOSNIFF"})
"""The SHOULD rows that it breaks whichever liberties it takes."""

EXPECTED_SHOULD_FAILURES: Final[frozenset[str]] = ALWAYS.union(*LIBERTIES.values())
"""The SHOULD rows that it breaks when it takes every liberty, as it does by default."""

MAY_STAY_OPEN: Final[frozenset[str]] = frozenset[str]()
"""The SHOULD rows that cannot be judged on it, in some runs or all."""

BODY_LIMIT: Final = 2 << 20
MAX_AMOUNT: Final = 9_007_199_254_740_991
LONGEST_NUMBER: Final = 255
DATES: Final = ("issuedAt", "dueAt", "paidAt")
MEMBERS: Final = frozenset({"contractId", "invoiceNumber", "exchangeRate", "currencyCode", "amountMinor", *DATES})
ACTIVE: Final = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR
    RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
    TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - a hundred and fifty quoted codes read worse
)
ODD_STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "contractId": 451,
        "invoiceNumber": 416,
        "exchangeRate": 402,
        "currencyCode": 418,
        "amountMinor": 406,
        "taken": 412,
        **dict.fromkeys(DATES, 424),
    }
)
"""Refusals (4xx) that nobody expects, and that the page does not rule out."""

REST: Final = 2.0
"""Seconds between two requests that are asked to come again."""

_LEAP: Final = r"(?:[0-9]{2}[2468][048]|[0-9]{2}[13579][26]|[0-9]{2}0[48]|[02468][048]00|[13579][26]00)-02-29"
_DAY: Final = (
    r"[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE_TIME: Final = re.compile(rf"({_LEAP}|{_DAY})T((?:[01][0-9]|2[0-3]):[0-5][0-9])(?:(:[0-5][0-9])(?:\.([0-9]+))?)?Z")
_JSON: Final = re.compile(r'application/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?[ \t]*', re.IGNORECASE)
_HTML: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in "<>&'+\u2028\u2029\x7f"})


class Refused(Exception):  # noqa: N818 - it says what became of the request
    """The request is refused with this status, for this member or reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Invoices:
    """The collection: creates of one process, kept in memory under a lock."""

    def __init__(self, liberties: frozenset[str]) -> None:
        self._liberties = liberties
        self._lock = threading.Lock()
        self._kept: set[tuple[str, str]] = set()
        self._throttled = time.monotonic()

    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List no invoice: nothing that is kept can be shown."""
        if "lists-invoices" not in self._liberties:
            raise falcon.HTTPMethodNotAllowed(["POST"])
        self._admitted(request)
        response.content_type, response.text = "application/json", '{"data":[],"next":null}'

    on_head = on_get

    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        """Create an invoice."""
        body = request.bounded_stream.read()
        self._rest()
        tenant = self._admitted(request)
        media = request.get_header("Content-Type") or ""
        if not _JSON.fullmatch(media):
            raise Refused(415, "Content-Type")
        try:
            members = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Refused(400, "body") from None
        if not isinstance(members, dict):
            raise Refused(400, "body")
        if "known-members" in self._liberties and not members.keys() <= MEMBERS:
            raise Refused(400, "unknown")
        resource = self._resource(members)
        resource["contract"] = self._contract(tenant, members.get("contractId"))
        resource["id"] = self._claim(tenant, members["invoiceNumber"])
        response.status, response.content_type = 201, "application/json"
        response.text = self._written(resource)

    def _rest(self) -> None:
        """Ask one request now and then to come again (RFC 6585 §4)."""
        if "throttles" not in self._liberties:
            return
        with self._lock:
            tired = time.monotonic() - self._throttled > REST
            if tired:
                self._throttled = time.monotonic()
        if tired:
            raise falcon.HTTPTooManyRequests(headers={"Retry-After": "0"})

    def _admitted(self, request: falcon.Request) -> str:
        """The tenant of good credentials."""
        scheme, _, token = (request.get_header("Authorization") or "").partition(" ")
        good = hmac.compare_digest(token.strip(" ").encode("utf-8", "surrogatepass"), TOKEN.encode())
        if scheme.lower() != "bearer" or not good:
            raise Refused(400 if "credentials-400" in self._liberties else 401, "Authorization")
        given = request.get_header("tenant-id") or ""
        tenant = given.lower() if "ids-in-any-case" in self._liberties else given
        if tenant not in TENANTS:
            raise Refused(403, "tenant-id")
        return tenant

    def _contract(self, tenant: str, value: Json) -> str:
        known = value.lower() if isinstance(value, str) and "ids-in-any-case" in self._liberties else value
        if not isinstance(known, str) or known not in TENANTS[tenant]:
            raise self._refusal("contractId")
        return known

    def _refusal(self, reason: str) -> Refused:
        odd = "odd-refusals" in self._liberties
        return Refused(ODD_STATUSES[reason] if odd else 409 if reason == "taken" else 422, reason)

    def _resource(self, members: dict[str, Json]) -> dict[str, str]:
        """The members of the answer that the client chose, as texts of JSON or for it."""
        number, currency, amount, rate = (
            members.get(name) for name in ("invoiceNumber", "currencyCode", "amountMinor", "exchangeRate")
        )
        if not isinstance(number, str) or not 1 <= len(number) <= LONGEST_NUMBER or "\0" in number:
            raise self._refusal("invoiceNumber")
        if "no-blank-numbers" in self._liberties and not number.strip():
            raise self._refusal("invoiceNumber")
        if not isinstance(currency, str) or not self._is_currency(currency):
            raise self._refusal("currencyCode")
        if isinstance(amount, float) and amount.is_integer() and "machine-integers" not in self._liberties:
            amount = int(amount)
        if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= MAX_AMOUNT:
            raise self._refusal("amountMinor")
        # orjson itself refuses what is infinite in binary64.
        if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 0:
            raise self._refusal("exchangeRate")
        return {
            "invoiceNumber": number,
            "currencyCode": currency,
            "amountMinor": f"{amount}.00" if "padded-numbers" in self._liberties else str(amount),
            "exchangeRate": self._padded(repr(float(rate))),
            **{name: self._date(name, members.get(name)) for name in DATES},
        }

    def _is_currency(self, code: str) -> bool:
        if "any-capitals" in self._liberties:
            return re.fullmatch("[A-Z]{3}", code) is not None
        return code in ACTIVE

    def _padded(self, rate: str) -> str:
        """A rate as a column of many decimals shows it, if it is written without an exponent."""
        if "padded-numbers" not in self._liberties or "e" in rate:
            return rate
        return rate + "0" * 20

    def _date(self, name: str, value: Json) -> str:
        """A date-time as it comes back, with every digit that was sent; empty for none."""
        if value is None:
            return ""
        matched = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
        if matched is None:
            raise self._refusal(name)
        day, minute, second, fraction = matched.groups()
        return self._spelled(day, f"{minute}{second or ':00'}", fraction or "")

    def _spelled(self, day: str, clock: str, fraction: str) -> str:
        """A date-time of RFC 3339, which knows lower-case letters (§5.6) and an offset of -00:00 (§4.3)."""
        digits = fraction.rstrip("0") if "short-fractions" in self._liberties else fraction
        offset = "-00:00" if "minus-zero-offset" in self._liberties else "Z"
        text = f"{day}T{clock}{'.' if digits else ''}{digits}{offset}"
        return text.lower() if "lower-case-dates" in self._liberties else text

    def _claim(self, tenant: str, number: str) -> str:
        """Keep a number; the id of its invoice, named before another one can be counted."""
        key = (tenant, _collated(number) if "collation" in self._liberties else number)
        with self._lock:
            if key in self._kept:
                raise self._refusal("taken")
            self._kept.add(key)
            name = f"inv_{len(self._kept)}"
        return f"{name}{'-' * 300}😀" if "long-ids" in self._liberties else name

    def _written(self, resource: dict[str, str]) -> str:
        """The answer's JSON text."""
        now = datetime.now(UTC)
        moment = self._spelled(f"{now:%Y-%m-%d}", f"{now:%H:%M:%S}", f"{now:%f}")
        texts = {
            "status": "DRAFT",
            **resource,
            "createdAt": moment,
            "updatedAt": moment,
        }
        numbers = {"amountMinor", "exchangeRate"}
        written = (f'"{key}":{text if key in numbers else self._text(text)}' for key, text in texts.items())
        return '{"data":{' + ",".join(written) + "}}"

    def _text(self, value: str) -> str:
        if not value:
            return "null"
        if "html-safe" not in self._liberties:
            return json.dumps(value, ensure_ascii=False)
        return json.dumps(value, ensure_ascii=False).translate(_HTML)


def _collated(number: str) -> str:
    """What a database compares that ignores case, accents and compatibility forms."""
    unfolded = unicodedata.normalize("NFKD", number.casefold())
    bare = "".join(character for character in unfolded if not unicodedata.combining(character))
    return bare.rstrip(" ") or number


class Front:
    """What stands between Falcon and waitress: header fields that have nothing to do with invoices."""

    def __init__(self, application: falcon.App[Any, Any], liberties: frozenset[str]) -> None:
        self._application = application
        self._liberties = liberties

    def __call__(self, environment: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path = environment.get("PATH_INFO", "")
        if "redirects" in self._liberties and path != PATH and re.sub("/+", "/", path).rstrip("/") == PATH:
            start("308 Permanent Redirect", [("Location", PATH), ("Content-Length", "0")])
            return ()

        def begin(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:  # noqa: ANN401 - WSGI's own
            return start(status, self._changed(headers), *more)

        return self._application(environment, begin)

    def _changed(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        changed = headers
        if "split-lists" in self._liberties:
            # RFC 9110 §5.3: a list may come in several field lines.
            changed = [
                (name, part)
                for name, value in headers
                for part in (["", *value.split(", ")] if name.lower() == "allow" else [value])
            ]
        if "many-headers" in self._liberties:
            changed += [("ETag", 'W/"a,b"'), ("Cache-Control", "no-store"), ("Vary", "Authorization"), ("Vary", "*")]
            changed += [("Strict-Transport-Security", "max-age=1"), ("X-Request-Id", "0" * 4000), ("Alt-Svc", "clear")]
            changed += [("Link", '</docs>; rel="help"'), ("Content-Language", "de, en"), ("Age", "0")]
        if "sticky-cookie" in self._liberties:
            changed += [("Set-Cookie", "node=a; Path=/; HttpOnly; Secure"), ("Set-Cookie", "seen=1")]
        return changed


def application(liberties: frozenset[str]) -> Front:
    """The WSGI application."""
    app = falcon.App()
    app.req_options.strip_url_path_trailing_slash = False
    app.add_route(PATH, Invoices(liberties))

    def refused(_request: falcon.Request, response: falcon.Response, refusal: Exception, _params: Json) -> None:
        if isinstance(refusal, Refused):
            _say(response, refusal.status, refusal.reason)
            if refusal.reason == "Authorization":
                response.set_header("WWW-Authenticate", 'Bearer error="invalid_token", realm=""')

    def said(_request: falcon.Request, response: falcon.Response, error: falcon.HTTPError) -> None:
        _say(response, error.status_code, error.title or "")

    def _say(response: falcon.Response, status: int, words: str) -> None:
        response.status = status
        if "xml-errors" in liberties:
            response.content_type = "application/xml"
            response.text = f'<?xml version="1.0"?>\n<refused about="{escape(words)}"/>\n'
        else:
            response.content_type = "application/json"
            response.text = json.dumps([words])

    app.add_error_handler(Refused, refused)
    app.set_error_serializer(said)
    return Front(app, liberties)


def main() -> int:
    """Run the command line until SIGINT or SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--liberty", action="append", choices=sorted(LIBERTIES), help="take this one alone; repeatable")
    given = parser.parse_args()
    server = create_server(
        application(frozenset(given.liberty or LIBERTIES)),
        host="127.0.0.1",
        port=given.port,
        threads=8,
        max_request_body_size=BODY_LIMIT,
        ident="invoices",
        clear_untrusted_proxy_headers=True,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    print(f"listening on http://127.0.0.1:{server.effective_port}", flush=True)  # noqa: T201
    server.run()
    server.close()
    return 0


def _end(*_: object) -> None:
    """End the loop of waitress, which takes this for its end."""
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
