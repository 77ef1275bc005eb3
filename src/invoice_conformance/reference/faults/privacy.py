"""Owns the faults in keeping things private: what answers tell of secrets, other tenants and the server's inside.

Whom the server obeys belongs here too. It must not know how the members that the page knows are read.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, answers, composes, objects, succeeds
from invoice_conformance.reference.messages import Refusal, Request, Response
from invoice_conformance.reference.service import COLLECTION, PAGE_SIZE
from invoice_conformance.reference.strict_json import JsonValue, dump
from invoice_conformance.reference.validation import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Claim, Members

_INVALID: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
_JACKSON: Final = (
    "Cannot deserialize value of type `java.lang.Long` from String: not a valid `java.lang.Long` value "
    '(through reference chain: software.contracting.api.CreateInvoiceDto["amountMinor"])'
)
_GO: Final = "json: cannot unmarshal string into Go struct field CreateInvoiceRequest.amountMinor of type int64"
_MYSQL: Final = "Duplicate entry 'tnt-INV' for key 'invoices.uq_tenant_number'"
_UNREACHABLE: Final = "the search index was not told: connect ECONNREFUSED 10.3.0.17:6379"
_STATEMENT: Final = "INSERT INTO invoices (id, tenant_id, number) VALUES ($1, $2, $3)"
_PROFILER: Final = b"/_profiler/4f1c2a"


def _with_member(response: Response, name: str, value: JsonValue) -> Response:
    """The JSON object of an answer with one more member."""
    return replace(response, body=response.body.removesuffix(b"}") + f',"{name}":{dump(value)}}}'.encode())


def _explains(text: str, *statuses: HTTPStatus) -> Install:
    """Tell in a refusal with one of `statuses` what the exception said."""
    return objects(
        lambda refusal, response: _with_member(response, "reason", text) if refusal.status in statuses else response
    )


def _authorization(request: Request) -> bytes:
    return b", ".join(request.values(b"authorization"))


def _headers_shown(request: Request, response: Response) -> Response:
    if response.status not in _INVALID:
        return response
    headers: JsonValue = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    return _with_member(response, "request", headers)


def _request_kept(request: Request, response: Response) -> Response:
    dump_of_it = base64.b64encode(b"authorization: " + _authorization(request))
    return response.with_header(b"x-original-request", dump_of_it)


def _signed_in(request: Request, response: Response) -> Response:
    if response.status != HTTPStatus.CREATED:
        return response
    token = _authorization(request).rpartition(b" ")[2]
    return response.with_header(b"set-cookie", b"access_token=" + token + b"; HttpOnly")


def _owner_named(service: Service) -> None:
    before = service.check_contract

    def check_contract(tenant: str, members: Members) -> None:
        for owner, contracts in service.settings.tenants.items():
            if owner != tenant and members["contractId"] in contracts:
                raise Refusal(HTTPStatus.FORBIDDEN, f"the contract belongs to tenant {owner}")
        before(tenant, members)

    service.check_contract = check_contract


def _tenants_listed(service: Service) -> None:
    before = service.tenant

    def tenant(request: Request) -> str:
        try:
            return before(request)
        except Refusal as refusal:
            known = ", ".join(service.settings.tenants)
            raise Refusal(refusal.status, f"expected tenant-id to be one of {known}") from None

    service.tenant = tenant


def _invoices_listed(service: Service) -> None:
    before = service.answer

    def answer(request: Request, response: Response) -> Response:
        if request.method == "GET" and request.path == COLLECTION and response.status == HTTPStatus.OK:
            every = [one for tenant in service.settings.tenants for one in service.store.newest(tenant, PAGE_SIZE)]
            shown: list[JsonValue] = [service.resource(invoice) for invoice in every]
            response = replace(response, body=service.encode(service.envelope(shown)))
        return before(request, response)

    service.answer = answer


def _duplicates_shown(service: Service) -> None:
    insert, resource = service.insert, service.resource
    made: dict[JsonValue, list[JsonValue]] = {}

    async def remember(tenant: str, invoice: Members) -> None:
        await insert(tenant, invoice)
        made.setdefault(invoice["invoiceNumber"], []).append(invoice["id"])

    def show(members: Members) -> Members:
        others = [one for one in made.get(members["invoiceNumber"], []) if one != members["id"]]
        return {**resource(members), "possibleDuplicates": others}

    service.insert, service.resource = remember, show


def _tenant_obeyed(service: Service) -> None:
    mint, insert = service.mint, service.insert

    def with_tenant(document: Members, members: Members) -> Members:
        named = document.get("tenantId")
        return {**mint(document, members), **({"tenantId": named} if named in service.settings.tenants else {})}

    async def into(tenant: str, invoice: Members) -> None:
        await insert(str(invoice.pop("tenantId", tenant)), invoice)

    service.mint, service.insert = with_tenant, into


def _deletion_obeyed(service: Service) -> None:
    mint, claim = service.mint, service.claim

    def with_deletion(document: Members, members: Members) -> Members:
        deleted = {"deletedAt": document["deletedAt"]} if "deletedAt" in document else {}
        return {**mint(document, members), **deleted}

    def unless_deleted(tenant: str, invoice: Members) -> Claim:
        return None if invoice.get("deletedAt") else claim(tenant, invoice)

    service.mint, service.claim = with_deletion, unless_deleted


def _merges(find: Callable[[Members], JsonValue]) -> Install:
    """Let what `find` finds in the body overwrite members of the new invoice."""

    def merged(document: Members, invoice: Members) -> Members:
        found = find(document)
        return {**invoice, **_known(found, invoice)} if isinstance(found, dict) else invoice

    return composes(merged)


def _known(found: Members, invoice: Members) -> Members:
    return {name: value for name, value in found.items() if name in invoice}


def _inherited(document: Members) -> JsonValue:
    """What the body has of its prototype: the members that it does not have itself."""
    prototype = document.get("__proto__")
    if not isinstance(prototype, dict):
        return None
    return {name: value for name, value in prototype.items() if name not in document}


def _underscored(document: Members) -> JsonValue:
    return {"id": document["_id"]} if isinstance(document.get("_id"), str) else None


def _polluted(service: Service) -> None:
    before = service.readers["currencyCode"]
    every_object: dict[str, JsonValue] = {}
    read = service.read

    def reading(request: Request) -> tuple[Members, Members]:
        document, members = read(request)
        proto = document.get("__proto__")
        if isinstance(proto, dict) and "currencyCode" in proto:
            every_object["currencyCode"] = proto["currencyCode"]
        return document, members

    service.read = reading
    service.readers["currencyCode"] = lambda given: before(
        every_object.get("currencyCode", given) if given is ABSENT else given
    )


FAULTS: Final = (
    Fault(
        "token-in-error",
        "privacy",
        "The refusal of an invalid body shows the headers of the request, Authorization among them.",
        answers(_headers_shown),
    ),
    Fault(
        "token-in-request-dump",
        "privacy",
        "Every answer carries the request's credentials in base64, for support to replay it.",
        answers(_request_kept),
    ),
    Fault("token-in-cookie", "privacy", "A success keeps the token in a cookie.", answers(_signed_in)),
    Fault(
        "foreign-contract-owner-named",
        "privacy",
        "The refusal of another tenant's contract says whose it is.",
        _owner_named,
    ),
    Fault("tenants-listed", "privacy", "The refusal of an unknown tenant lists those there are.", _tenants_listed),
    Fault(
        "foreign-invoices-listed",
        "privacy",
        "The list of invoices is made without asking for the tenant.",
        _invoices_listed,
    ),
    Fault(
        "foreign-duplicate-shown",
        "privacy",
        "A success names the invoices with the same number, whichever tenant has them.",
        _duplicates_shown,
    ),
    Fault(
        "error-with-java-class",
        "privacy",
        "The refusal of an invalid body repeats what the JSON library said of the class it filled.",
        _explains(_JACKSON, *_INVALID),
    ),
    Fault(
        "error-with-go-type",
        "privacy",
        "The refusal of an invalid body repeats what the decoder said of the struct it filled.",
        _explains(_GO, *_INVALID),
    ),
    Fault(
        "error-with-constraint",
        "privacy",
        "The refusal of a duplicate repeats what the database said of its index.",
        _explains(_MYSQL, HTTPStatus.CONFLICT),
    ),
    Fault(
        "error-with-private-address",
        "privacy",
        "A refusal tells of a service behind the API that could not be reached.",
        _explains(_UNREACHABLE, HTTPStatus.CONFLICT),
    ),
    Fault(
        "success-with-sql",
        "privacy",
        "A success shows the statements that made it, as in development.",
        succeeds(lambda response: _with_member(response, "queries", [_STATEMENT])),
    ),
    Fault(
        "debug-header",
        "privacy",
        "Every answer links to the profiler, as in development.",
        answers(lambda _, response: response.with_header(b"x-debug-token-link", _PROFILER)),
    ),
    Fault(
        "client-tenant-obeyed",
        "privacy",
        "An invoice is made in the tenant that the body names.",
        _tenant_obeyed,
    ),
    Fault(
        "client-deletion-obeyed",
        "privacy",
        "A deletedAt in the body is stored, and the index of numbers passes deleted invoices over.",
        _deletion_obeyed,
    ),
    Fault("client-underscore-id-obeyed", "privacy", "The _id of a client is stored.", _merges(_underscored)),
    Fault(
        "client-wrapper-obeyed",
        "privacy",
        "What stands in data is merged over the new invoice.",
        _merges(lambda document: document.get("data")),
    ),
    Fault(
        "client-prototype-obeyed",
        "privacy",
        "A copy of the body takes __proto__ for its prototype, so what that holds counts as sent.",
        _merges(_inherited),
    ),
    Fault(
        "prototype-polluted",
        "privacy",
        "A deep merge writes through __proto__ to every object, so later bodies have the currency of that one.",
        _polluted,
    ),
)
