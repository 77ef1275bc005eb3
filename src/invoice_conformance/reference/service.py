"""Owns the way of a request from its head to its answer, cut into stages that can be replaced one by one.

It must not know ASGI or sockets, nor that anybody replaces a stage: as it stands here, it is correct.
"""

from __future__ import annotations

import asyncio
import functools
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.messages import JSON, Headers, Manners, Refusal, Request, Response, problem
from invoice_conformance.reference.store import MEMBERS, Claim, Members, Store, Taken
from invoice_conformance.reference.strict_json import JsonValue, NotJson, decode, dump, parse
from invoice_conformance.reference.validation import READERS, Reader, pointers, read_members

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

COLLECTION: Final = "/api/v1/invoices"
PAGE_SIZE: Final = 100

DEFAULT_TOKEN: Final = "ref-k3n8q5w2x7"  # noqa: S105 - it guards nothing
DEFAULT_TENANTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "tnt_pfh0haxfpzowht3oi213cqos": ("ctr_z23aoo8naxk68ewcr64tchh5",),
        "tnt_b7k2m9q4w1x8z5c3v6n0d2f1": ("ctr_q8w3e5r7t1y9u2i4o6p0a1s2",),
    }
)
"""The tenant and the contract of the page's examples, and a second pair."""

_BEARER = re.compile(rb"bearer(?: +(.*))?", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(r';[ \t]*charset="?([^";\s]*)"?', re.IGNORECASE)
_CHALLENGE: Final = b'Bearer realm="invoices"'
_ALLOW_COLLECTION: Final = b"POST, GET, HEAD, OPTIONS"
_ALLOW_INVOICE: Final = b"GET, HEAD, OPTIONS"
_ID_LENGTH: Final = 24
_ID_LETTERS: Final = bytes(b"abcdefghijklmnopqrstuvwxyz0123456789"[octet % 36] for octet in range(256))


@dataclass(frozen=True, slots=True)
class Settings:
    """Who may do what: any token acts for any tenant; a tenant sees only its own contracts."""

    tokens: tuple[str, ...] = (DEFAULT_TOKEN,)
    tenants: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEFAULT_TENANTS)


class Service:
    """The operations on invoices. Each attribute is one stage, a function of what the stages before it gave.

    The stages of a create, in order: `receive`, `authenticate`, `tenant`, `media_type`, `decode`, `readers`,
    `check_contract`, `mint`, `claim`, `insert`, `resource`, `envelope`, `encode`, `created`; `refuse` makes
    the answer of a refusal, `answer` has the last word on every answer. `pause` is how anything takes its time,
    `clock` tells it (seconds since 1970), and `draw_id` names the next invoice.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.manners = Manners()
        self.receive: Callable[[Request], Request] = _unchanged
        self.authenticate: Callable[[Request], None] = self._authenticate
        self.tenant: Callable[[Request], str] = self._tenant
        self.admit: Callable[[Request], str] = self._admit
        self.media_type: Callable[[Request], None] = check_media_type
        self.decode: Callable[[bytes], JsonValue] = _decode
        self.readers: dict[str, Reader] = dict(READERS)
        self.read: Callable[[Request], tuple[Members, Members]] = self._read
        self.check_contract: Callable[[str, Members], None] = self._check_contract
        self.mint: Callable[[Members, Members], Members] = self._mint
        self.claim: Callable[[str, Members], Claim] = _claim
        self.insert: Callable[[str, Members], Awaitable[None]] = self._insert
        self.resource: Callable[[Members], Members] = _unchanged_members
        self.envelope: Callable[[JsonValue], JsonValue] = _envelope
        self.encode: Callable[[JsonValue], bytes] = _encode
        self.create: Callable[[Request], Awaitable[Response]] = self._create
        self.created: Callable[[Response], Response] = _unchanged_response
        self.refuse: Callable[[Refusal], Response] = problem
        self.answer: Callable[[Request, Response], Response] = self._with_standing_headers
        self.pause: Callable[[float], Awaitable[None]] = asyncio.sleep
        self.clock: Callable[[], float] = time.time
        self.draw_id: Callable[[], str] = _random_id

    async def handle(self, request: Request) -> Response:
        """The answer to `request`."""
        try:
            request = self.receive(request)
            response = await self._route(request)
        except Refusal as refusal:
            response = self.refuse(refusal)
        return self.answer(request, response)

    async def _route(self, request: Request) -> Response:
        path, method = request.path, request.method
        if path == COLLECTION:
            if method == "POST":
                return await self.create(request)
            if method in {"GET", "HEAD"}:
                return self._list(request)
            return _other_method(method, _ALLOW_COLLECTION)
        if path.startswith(COLLECTION + "/") and len(path) > len(COLLECTION) + 1:
            if method in {"GET", "HEAD"}:
                return self._show(request, path.removeprefix(COLLECTION + "/"))
            return _other_method(method, _ALLOW_INVOICE)
        raise Refusal(HTTPStatus.NOT_FOUND, "there is no such resource")

    async def _create(self, request: Request) -> Response:
        tenant = self.admit(request)
        document, members = self.read(request)
        self.check_contract(tenant, members)
        invoice = self.mint(document, members)
        await self.insert(tenant, invoice)
        location = f"{COLLECTION}/{invoice['id']}".encode()
        headers: Headers = ((b"content-type", JSON), (b"location", location))
        body = self.encode(self.envelope(self.resource(invoice)))
        return self.created(Response(HTTPStatus.CREATED.value, headers, body))

    def _list(self, request: Request) -> Response:
        newest = self.store.newest(self.admit(request), PAGE_SIZE)
        shown: list[JsonValue] = [self.resource(invoice) for invoice in newest]
        return Response(HTTPStatus.OK.value, ((b"content-type", JSON),), self.encode(self.envelope(shown)))

    def _show(self, request: Request, invoice_id: str) -> Response:
        invoice = self.store.find(self.admit(request), invoice_id)
        if invoice is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "the tenant has no such invoice")
        body = self.encode(self.envelope(self.resource(invoice)))
        return Response(HTTPStatus.OK.value, ((b"content-type", JSON),), body)

    def _admit(self, request: Request) -> str:
        """The tenant that the request acts for; credentials come first."""
        self.authenticate(request)
        return self.tenant(request)

    def _authenticate(self, request: Request) -> None:
        """RFC 6750 §2.1: `Authorization: Bearer <token>`; §3 and §3.1 say how to refuse."""
        values = request.values(b"authorization")
        if len(values) > 1:
            raise Refusal(HTTPStatus.BAD_REQUEST, "there is more than one Authorization header")
        match = _BEARER.fullmatch(values[0]) if values else None
        given = match.group(1) if match else None
        if not given:
            raise unauthorized("the request needs a bearer token")
        if not any(hmac.compare_digest(given, token.encode()) for token in self.settings.tokens):
            raise unauthorized("the bearer token is not valid", b', error="invalid_token"')

    def _tenant(self, request: Request) -> str:
        values = request.values(b"tenant-id")
        if len(values) != 1 or not values[0]:
            raise Refusal(HTTPStatus.BAD_REQUEST, "expected one tenant-id header that is not empty")
        tenant = values[0].decode("latin-1")
        if tenant not in self.settings.tenants:
            raise Refusal(HTTPStatus.FORBIDDEN, "the credentials do not act for this tenant")
        return tenant

    def _read(self, request: Request) -> tuple[Members, Members]:
        """The body as it was sent, and what the readers made of it."""
        self.media_type(request)
        if request.oversized:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is larger than 1 MiB")
        try:
            document = self.decode(request.body)
        except NotJson as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
        if not isinstance(document, dict):
            fault: dict[str, JsonValue] = {"pointer": "", "keyword": "type", "detail": "expected an object"}
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is not an object", errors=[fault])
        members, refused = read_members(document, self.readers)
        if refused:
            errors = list(pointers(refused))
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "the body is not a valid invoice", errors=errors)
        return document, members

    def _check_contract(self, tenant: str, members: Members) -> None:
        """A contract of another tenant is answered like one that does not exist."""
        if members["contractId"] not in self.settings.tenants[tenant]:
            raise Refusal(HTTPStatus.NOT_FOUND, "the tenant has no such contract")

    def _mint(self, _document: Members, members: Members) -> Members:
        """A new invoice: what was sent, and what only the server may set."""
        now = timestamp(datetime.fromtimestamp(self.clock(), UTC))
        new: Members = {
            **members,
            "id": self.draw_id(),
            "contract": members["contractId"],
            "status": "FINALIZED",
            "createdAt": now,
            "updatedAt": now,
        }
        return {name: new[name] for name in MEMBERS}

    async def _insert(self, tenant: str, invoice: Members) -> None:
        try:
            self.store.insert(tenant, invoice, self.claim(tenant, invoice))
        except Taken:
            raise duplicate() from None

    def _with_standing_headers(self, request: Request, response: Response) -> Response:
        standing: Headers = (
            (b"date", _http_date(int(self.clock()))),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        )
        if request.secure:
            # RFC 6797 §7.2: not in answers over a transport that is not secure.
            standing += ((b"strict-transport-security", b"max-age=31536000"),)
        return Response(response.status, response.headers + standing, response.body)


@functools.lru_cache(maxsize=8)
def _http_date(second: int) -> bytes:
    """A second since 1970 as RFC 9110 §5.6.7 writes it; many answers share one."""
    return formatdate(second, usegmt=True).encode()


def unauthorized(detail: str, error: bytes = b"") -> Refusal:
    """A 401 with its challenge (RFC 9110 §11.6.1)."""
    return Refusal(HTTPStatus.UNAUTHORIZED, detail, headers=((b"www-authenticate", _CHALLENGE + error),))


def duplicate() -> Refusal:
    """The refusal of a number that another invoice of the tenant has."""
    errors: list[dict[str, JsonValue]] = [
        {"pointer": "/invoiceNumber", "keyword": "unique", "detail": "the number is taken"}
    ]
    return Refusal(HTTPStatus.CONFLICT, "an invoice of the tenant has this number", errors=errors)


def check_media_type(request: Request) -> None:
    """`application/json` in any letter case and with any parameters, in UTF-8; or no media type at all."""
    if request.values(b"content-encoding"):
        refused: Headers = ((b"accept-encoding", b"identity"),)
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body without coding", headers=refused)
    values = request.values(b"content-type")
    if not values:
        return
    text = values[0].decode("latin-1")
    if len(values) > 1 or text.partition(";")[0].strip(" \t").lower() != "application/json":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected Content-Type: application/json")
    charset = _CHARSET.search(text)
    if charset and charset.group(1).lower() not in {"utf-8", "utf8"}:
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected a body in UTF-8")


def identifier(octets: bytes) -> str:
    """The id that these octets, 24 of them or more, are spelled as."""
    return "inv_" + octets[:_ID_LENGTH].translate(_ID_LETTERS).decode()


def _random_id() -> str:
    return identifier(secrets.token_bytes(_ID_LENGTH))


def timestamp(moment: datetime) -> str:
    """A moment in UTC, spelled as the page spells it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _other_method(method: str, allow: bytes) -> Response:
    if method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT.value, ((b"allow", allow),))
    raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"expected one of {allow.decode()}", headers=((b"allow", allow),))


def _decode(octets: bytes) -> JsonValue:
    return parse(decode(octets))


def _encode(value: JsonValue) -> bytes:
    return dump(value).encode()


def _envelope(value: JsonValue) -> JsonValue:
    return {"data": value}


def _claim(tenant: str, invoice: Members) -> Claim:
    return tenant, str(invoice["invoiceNumber"])


def _unchanged(request: Request) -> Request:
    return request


def _unchanged_members(members: Members) -> Members:
    return members


def _unchanged_response(response: Response) -> Response:
    return response
