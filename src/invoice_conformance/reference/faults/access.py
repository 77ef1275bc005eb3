"""Owns the faults in credentials, tenants and contracts.

It must not know what an invoice holds.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import Fault, Install, crash, objects, reads, storable, takes
from invoice_conformance.reference.service import COLLECTION, DEFAULT_TENANTS, unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.messages import Request, Response
    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members
    from invoice_conformance.reference.validation import Given

_AUTHORIZATION: Final = b"authorization"
_CHALLENGE: Final = b"www-authenticate"
_TENANT: Final = b"tenant-id"
_CONTRACT: Final = "contractId"


def _token(request: Request, scheme: bytes = b"bearer") -> str | None:
    """The token of the only Authorization header, if there is one with this scheme."""
    values = request.values(_AUTHORIZATION)
    match = re.fullmatch(scheme + rb" +(.+)", values[0], re.IGNORECASE) if len(values) == 1 else None
    return match.group(1).decode("latin-1") if match else None


def _trusts(test: Callable[[Service, Request], bool]) -> Install:
    """Let in whom `test` holds for, and judge all others as before."""

    def install(service: Service) -> None:
        before = service.authenticate

        def authenticate(request: Request) -> None:
            if not test(service, request):
                before(request)

        service.authenticate = authenticate

    return install


def _distrusts(test: Callable[[Request], bool], make: Callable[[], Exception]) -> Install:
    """Turn away whom `test` holds for, and judge all others as before."""

    def install(service: Service) -> None:
        before = service.authenticate

        def authenticate(request: Request) -> None:
            if test(request):
                raise make()
            before(request)

        service.authenticate = authenticate

    return install


def _prefix(service: Service, request: Request) -> bool:
    token = _token(request)
    return bool(token) and any(str(token).startswith(known) for known in service.settings.tokens)


def _beginning(service: Service, request: Request) -> bool:
    token = _token(request)
    return bool(token) and any(known.startswith(str(token)) for known in service.settings.tokens)


def _ignoring_case(service: Service, request: Request) -> bool:
    token = (_token(request) or "").lower()
    return any(token == known.lower() for known in service.settings.tokens)


def _basic(service: Service, request: Request) -> bool:
    token = _token(request, b"basic")
    if token is None:
        return False
    try:
        text = base64.b64decode(token).decode("latin-1")
    except ValueError:
        text = ""
    return any(part in service.settings.tokens for part in text.split(":"))


def _any_scheme(service: Service, request: Request) -> bool:
    return _token(request, rb"[!-~]+") in service.settings.tokens


def _bare(service: Service, request: Request) -> bool:
    values = request.values(_AUTHORIZATION)
    return len(values) == 1 and values[0].decode("latin-1") in service.settings.tokens


def _asked_at_the_exact_path(service: Service) -> None:
    before = service.receive

    def receive(request: Request) -> Request:
        heard = before(request)
        if heard.path != f"{COLLECTION}/":
            return heard
        others = tuple(field for field in heard.headers if field[0] != _AUTHORIZATION)
        known = (_AUTHORIZATION, b"Bearer " + service.settings.tokens[0].encode())
        return replace(heard, path=COLLECTION, headers=(*others, known))

    service.receive = receive


def _lets_paid_pass(service: Service) -> None:
    before = service.check_contract

    def check_contract(tenant: str, members: Members) -> None:
        if members["paidAt"] is None:
            before(tenant, members)

    service.check_contract = check_contract


def _scheme_is_not(scheme: bytes) -> Callable[[Request], bool]:
    def test(request: Request) -> bool:
        values = request.values(_AUTHORIZATION)
        return any(not value.startswith(scheme) for value in values)

    return test


def _only(status: HTTPStatus, change: Callable[[Response], Response]) -> Install:
    return objects(lambda refusal, response: change(response) if refusal.status == status else response)


def _redirected(response: Response) -> Response:
    return replace(response.without_header(_CHALLENGE), status=302).with_header(b"location", b"/login")


def _body_first(service: Service) -> None:
    admit = service.admit

    def judged_late(request: Request) -> str:
        if request.method == "POST":
            service.read(request)
        return admit(request)

    service.admit = judged_late


def _tenants(change: Callable[[Service, list[bytes]], bytes | None]) -> Install:
    """Act for the tenant that `change` makes of the headers' values, or judge them when it makes nothing."""

    def install(service: Service) -> None:
        before = service.tenant

        def tenant(request: Request) -> str:
            chosen = change(service, request.values(_TENANT))
            return before(request) if chosen is None else chosen.decode()

        service.tenant = tenant

    return install


def _default(service: Service) -> bytes:
    return next(iter(service.settings.tenants)).encode()


def _unknown(service: Service, values: list[bytes]) -> bool:
    return len(values) == 1 and bool(values[0]) and values[0].decode("latin-1") not in service.settings.tenants


def _same_but_for_case(service: Service, values: list[bytes]) -> bytes | None:
    given = b"".join(values).decode("latin-1").lower()
    return next((known.encode() for known in service.settings.tenants if known.lower() == given), None)


def _crash_on_unknown(service: Service, values: list[bytes]) -> bytes | None:
    if _unknown(service, values):
        raise crash()
    return None


def _crash_on_missing(_: Service, values: list[bytes]) -> bytes | None:
    if not values:
        raise crash()
    return None


def _owns(test: Callable[[Service, str], bool]) -> Install:
    """Take a contract for the tenant's own when `test` holds for its id."""

    def install(service: Service) -> None:
        before = service.check_contract

        def check(tenant: str, members: Members) -> None:
            contract = str(members[_CONTRACT])
            if not (storable(contract) and test(service, contract)):
                before(tenant, members)

        service.check_contract = check

    return install


def _is_known(service: Service, contract: str) -> bool:
    return any(contract in contracts for contracts in service.settings.tenants.values())


def _unknown_contract_crashes(service: Service) -> None:
    before = service.check_contract

    def check(tenant: str, members: Members) -> None:
        if not _is_known(service, str(members[_CONTRACT])):
            raise crash()
        before(tenant, members)

    service.check_contract = check


def _is_condition(value: Given) -> bool:
    return isinstance(value, dict) and any(name.startswith("$") for name in value)


FAULTS: Final = (
    Fault("auth-not-checked", "access", "Nobody looks at the credentials.", _trusts(lambda *_: True)),
    Fault(
        "auth-missing-accepted",
        "access",
        "A token is checked only if there is one.",
        _trusts(lambda _, request: not request.values(_AUTHORIZATION)),
    ),
    Fault(
        "auth-any-token-accepted",
        "access",
        "Any bearer token is accepted.",
        _trusts(lambda _, request: _token(request) is not None),
    ),
    Fault(
        "auth-empty-token-accepted",
        "access",
        "Bearer without a token is accepted.",
        _trusts(lambda _, request: request.values(_AUTHORIZATION) in ([b"Bearer"], [b"Bearer "])),
    ),
    Fault(
        "auth-token-with-suffix-accepted",
        "access",
        "The token is compared up to its length, so anything may follow it.",
        _trusts(_prefix),
    ),
    Fault(
        "auth-token-beginning-accepted",
        "access",
        "The token is compared up to the given length, so its beginning is enough.",
        _trusts(_beginning),
    ),
    Fault(
        "auth-token-ignoring-case",
        "access",
        "Tokens are compared without regard to case.",
        _trusts(_ignoring_case),
    ),
    Fault(
        "auth-basic-accepted",
        "access",
        "The token is accepted as a user's name or password with the scheme Basic.",
        _trusts(_basic),
    ),
    Fault("auth-any-scheme-accepted", "access", "The scheme is not looked at.", _trusts(_any_scheme)),
    Fault("auth-bare-token-accepted", "access", "The token is accepted without a scheme.", _trusts(_bare)),
    Fault(
        "auth-scheme-case-sensitive",
        "access",
        "The scheme must be spelled Bearer; bearer is refused.",
        _distrusts(_scheme_is_not(b"Bearer"), lambda: unauthorized("expected the scheme Bearer")),
    ),
    Fault(
        "auth-missing-crashes",
        "access",
        "The header is read before anyone asks whether it is there: 500.",
        _distrusts(lambda request: not request.values(_AUTHORIZATION), crash),
    ),
    Fault(
        "auth-malformed-crashes",
        "access",
        "The header is split at its space, and one without a space gives 500.",
        _distrusts(lambda request: any(b" " not in value for value in request.values(_AUTHORIZATION)), crash),
    ),
    Fault(
        "auth-challenge-missing",
        "access",
        "A 401 has no WWW-Authenticate.",
        _only(HTTPStatus.UNAUTHORIZED, lambda response: response.without_header(_CHALLENGE)),
    ),
    Fault(
        "auth-challenge-malformed",
        "access",
        "The WWW-Authenticate of a 401 is a sentence.",
        _only(
            HTTPStatus.UNAUTHORIZED,
            lambda response: response.with_header(_CHALLENGE, b'"please log in", realm='),
        ),
    ),
    Fault(
        "auth-refused-with-403",
        "access",
        "Missing and wrong credentials are answered with 403.",
        _only(HTTPStatus.UNAUTHORIZED, lambda response: replace(response.without_header(_CHALLENGE), status=403)),
    ),
    Fault(
        "auth-refused-with-404",
        "access",
        "Missing and wrong credentials are answered with 404.",
        _only(HTTPStatus.UNAUTHORIZED, lambda response: replace(response.without_header(_CHALLENGE), status=404)),
    ),
    Fault(
        "auth-refused-with-redirect",
        "access",
        "Missing and wrong credentials are redirected to a login page.",
        _only(HTTPStatus.UNAUTHORIZED, _redirected),
    ),
    Fault(
        "auth-refused-with-200",
        "access",
        "Missing and wrong credentials are answered with 200 and an error in the body.",
        _only(HTTPStatus.UNAUTHORIZED, lambda response: replace(response.without_header(_CHALLENGE), status=200)),
    ),
    Fault(
        "body-judged-before-auth",
        "access",
        "The body is validated before the credentials, so a stranger learns what is wrong with it.",
        _body_first,
    ),
    Fault(
        "tenant-missing-defaulted",
        "access",
        "Without tenant-id the request acts for the first tenant.",
        _tenants(lambda service, values: None if values else _default(service)),
    ),
    Fault(
        "tenant-empty-defaulted",
        "access",
        "With an empty tenant-id the request acts for the first tenant.",
        _tenants(lambda service, values: _default(service) if values == [b""] else None),
    ),
    Fault(
        "tenant-unknown-accepted",
        "access",
        "With an unknown tenant-id the request acts for the first tenant.",
        _tenants(lambda service, values: _default(service) if _unknown(service, values) else None),
    ),
    Fault(
        "tenant-ignoring-case",
        "access",
        "Tenants are compared without regard to case.",
        _tenants(_same_but_for_case),
    ),
    Fault("tenant-missing-crashes", "access", "A missing tenant-id gives 500.", _tenants(_crash_on_missing)),
    Fault("tenant-unknown-crashes", "access", "An unknown tenant-id gives 500.", _tenants(_crash_on_unknown)),
    Fault(
        "contract-foreign-accepted",
        "access",
        "A contract is looked up without its tenant, so another tenant's is accepted.",
        _owns(_is_known),
    ),
    Fault(
        "contract-unknown-accepted",
        "access",
        "A contract that does not exist is accepted.",
        _owns(lambda service, contract: bool(contract) and not _is_known(service, contract)),
    ),
    Fault(
        "contract-empty-accepted",
        "access",
        "An empty contractId is accepted.",
        _owns(lambda _, contract: not contract),
    ),
    Fault(
        "contract-unknown-crashes",
        "access",
        "Nobody caught the foreign key's exception: an unknown contract gives 500.",
        _unknown_contract_crashes,
    ),
    Fault(
        "contract-ignoring-case",
        "access",
        "Contracts are compared without regard to case.",
        takes(str.lower, _CONTRACT),
    ),
    Fault(
        "contract-trimmed",
        "access",
        "Space around a contractId is cut off before it is looked up.",
        takes(str.strip, _CONTRACT),
    ),
    Fault(
        "contract-condition-obeyed",
        "access",
        "A contractId that is an object goes into the database's query as it is, where {$ne: null} finds any contract.",
        reads(
            lambda read, value: next(iter(DEFAULT_TENANTS.values()))[0] if _is_condition(value) else read(value),
            _CONTRACT,
        ),
    ),
    Fault(
        "tenant-percent-matches",
        "access",
        "Tenants are looked up with LIKE, so % is each of them.",
        _tenants(lambda service, values: next(iter(service.settings.tenants)).encode() if values == [b"%"] else None),
    ),
    Fault(
        "token-null-trusted",
        "access",
        "A session that has no token is compared with the text of one that was sent, which is null too.",
        _trusts(lambda _, request: _token(request) == "null"),
    ),
    Fault(
        "auth-scheme-by-beginning",
        "access",
        "What begins like Bearer is taken for it, and the second word for the token.",
        _trusts(lambda service, request: _token(request, b"bearer[!-~]*") in service.settings.tokens),
    ),
    Fault(
        "auth-at-the-exact-path",
        "access",
        "Credentials are asked for at the exact path, and the router takes one with a slash behind it too.",
        _asked_at_the_exact_path,
    ),
    Fault(
        "contract-by-its-end",
        "access",
        "What stands before the underscore in a contractId is only there for people, so nobody looks at it.",
        takes(lambda text: f"ctr_{text.partition('_')[2] or text}", _CONTRACT),
    ),
    Fault(
        "contract-unchecked-for-paid",
        "access",
        "Paid invoices come from another system, which has looked at their contracts already.",
        _lets_paid_pass,
    ),
)
