"""Owns the faults in reading odd requests: hosts, versions, paths, chunks, names that only look alike.

It must not know what the members of an invoice mean.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from invoice_conformance.reference.faults.hooks import (
    Fault,
    Install,
    crash,
    decodes_text,
    hears,
    outside_strings,
    substituting,
    trips_over,
)
from invoice_conformance.reference.service import COLLECTION
from invoice_conformance.reference.strict_json import JsonValue, Number

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.messages import Request
    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members

_AUTHORIZATION: Final = b"authorization"
_TENANT: Final = b"tenant-id"
_SCRIPT_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")

_OWN: Final = "REQUEST-*"


def _renames(change: Callable[[str], str]) -> Install:
    """Read a member under another name where `change` makes that one of a known member's; the last one counts."""

    def install(service: Service) -> None:
        before = service.decode

        def decoded(octets: bytes) -> JsonValue:
            value = before(octets)
            if not isinstance(value, dict):
                return value
            known = {change(name): name for name in service.readers}
            return {known.get(change(name), name): item for name, item in value.items()}

        service.decode = decoded

    return install


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _header(request: Request, name: bytes, value: bytes) -> Request:
    return replace(request, headers=(*(field for field in request.headers if field[0] != name), (name, value)))


def _fills(name: bytes, find: Callable[[Request], str | None], form: str = "%s") -> Install:
    """Put what `find` finds elsewhere into the header `name` where a request has none."""

    def change(request: Request) -> Request:
        found = None if any(request.values(name)) else find(request)
        return request if found is None else _header(request, name, (form % found).encode("latin-1", "replace"))

    return hears(change)


def _cookie(request: Request) -> str | None:
    text = b"; ".join(request.values(b"cookie")).decode("latin-1")
    pairs = dict(pair.strip().partition("=")[::2] for pair in text.split(";"))
    return pairs.get("access_token")


def _member(*names: str) -> Callable[[Request], str | None]:
    def find(request: Request) -> str | None:
        try:
            value: Any = json.loads(request.body)
        except (ValueError, RecursionError):
            return None
        found = [value.get(name) for name in names] if isinstance(value, dict) else []
        return next((text for text in found if isinstance(text, str)), None)

    return find


def _parameter(name: str) -> Callable[[Request], str | None]:
    return lambda request: dict(parse_qsl(request.query.decode("latin-1"))).get(name)


def _query_wins(service: Service) -> None:
    before = service.read
    query: list[bytes] = []

    def decoded(octets: bytes) -> JsonValue:
        value = inner(octets)
        given = dict(parse_qsl(query[-1].decode("latin-1")))
        if isinstance(value, dict) and re.fullmatch("[0-9]+", given.get("amountMinor", "")):
            value["amountMinor"] = Number(given["amountMinor"])
        return value

    def read(request: Request) -> tuple[Members, Members]:
        query[:] = [request.query]
        return before(request)

    inner, service.decode, service.read = service.decode, decoded, read


def _method_in_any_case(request: Request) -> Request:
    return replace(request, method=request.method.upper())


def _trips_on_path_parameters(request: Request) -> Request:
    if ";" in request.path.removeprefix(COLLECTION):
        raise crash()
    return request


def _trips_on_gzip(request: Request) -> Request:
    if any(value == b"gzip" for value in request.values(b"content-encoding")):
        try:
            zlib.decompress(request.body, zlib.MAX_WBITS | 16)
        except zlib.error:
            return request
        raise crash()
    return request


def _parses_the_host(request: Request) -> Request:
    for value in request.values(b"host"):
        port = value.rpartition(b":")[2]
        if port.isdigit() and int(port) >= 1 << 16:
            raise crash()
    return request


def _manners(**habits: bool) -> Install:
    def install(service: Service) -> None:
        service.manners = replace(service.manners, **habits)

    return install


def _escapes_of_scripts(text: str) -> str:
    return _SCRIPT_ESCAPE.sub(lambda match: f"\\u00{match[1]}", text)


def _lower(match: re.Match[str]) -> str:
    return match[0].lower()


FAULTS: Final = (
    Fault("names-ignoring-case", "json", "Member names are matched without letter case.", _renames(str.lower)),
    Fault("names-trimmed", "json", "Spaces around a member's name are cut off.", _renames(str.strip)),
    Fault("names-in-snake-case-too", "json", "Members are known by their names in the code too.", _renames(_snake)),
    Fault(
        "query-overrides-body",
        "http",
        "Parameters of the query are merged into the body, and win.",
        _query_wins,
    ),
    Fault(
        "auth-cookie-accepted",
        "authorization",
        "A token in a cookie is a credential too.",
        _fills(_AUTHORIZATION, _cookie, "Bearer %s"),
    ),
    Fault(
        "auth-member-accepted",
        "authorization",
        "A token in the body is a credential too.",
        _fills(_AUTHORIZATION, _member("access_token"), "Bearer %s"),
    ),
    Fault(
        "tenant-from-query",
        "tenancy",
        "The tenant may be named in the query.",
        _fills(_TENANT, _parameter("tenantId")),
    ),
    Fault(
        "tenant-from-body",
        "tenancy",
        "The tenant may be named in the body.",
        _fills(_TENANT, _member("tenantId", "tenant_id")),
    ),
    Fault(
        "method-ignoring-case", "http", "The method is put in capitals before it is routed.", hears(_method_in_any_case)
    ),
    Fault(
        "contract-nul-crashes",
        "json",
        "A contractId with NUL reaches the database, which refuses it: 500.",
        trips_over(lambda value: isinstance(value, str) and "\0" in value, "contractId"),
    ),
    Fault(
        "contract-lone-surrogate-crashes",
        "json",
        "A contractId with a lone surrogate cannot be encoded for the database: 500.",
        trips_over(
            lambda value: isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value), "contractId"
        ),
    ),
    Fault(
        "json-literals-in-any-case",
        "json",
        "TRUE and Null are accepted.",
        decodes_text(
            outside_strings(lambda text: re.sub(r"\b(?:true|false|null)\b", _lower, text, flags=re.IGNORECASE))
        ),
    ),
    Fault(
        "json-script-escapes-accepted",
        "json",
        "The body is read as a script's literal, so the escape \\x45 is accepted.",
        decodes_text(_escapes_of_scripts),
    ),
    Fault(
        "json-bare-point-accepted",
        "json",
        "Numbers are read by the language's own reader, which takes 1. and 1.e0.",
        decodes_text(outside_strings(substituting(r"(?<=\d)\.(?=[eE,}\s])", ""))),
    ),
    Fault(
        "path-parameters-crash",
        "http",
        "A semicolon in the path gives 500.",
        hears(_trips_on_path_parameters),
    ),
    Fault("gzip-body-crashes", "http", "A compressed body is unpacked, and then lost: 500.", hears(_trips_on_gzip)),
    Fault("host-parsed-without-care", "http", "A port in Host that is no port gives 500.", hears(_parses_the_host)),
    Fault(
        "chunks-for-http-1-0",
        "http",
        "Answers are in chunks, whatever the version of the request.",
        _manners(chunks_for_all=True),
        shown_by=_OWN,
    ),
    Fault("close-ignored", "http", "Connection: close is not looked at.", _manners(ignores_close=True), shown_by=_OWN),
    Fault(
        "refused-body-left-unread",
        "http",
        "A request to an unknown path is answered before its body is read, and the connection kept.",
        _manners(leaves_bodies=True),
        shown_by=_OWN,
    ),
    Fault(
        "continue-never-said",
        "http",
        "Expect is not looked at, so client and server wait for each other.",
        _manners(asks_for_nothing=True),
        shown_by=_OWN,
    ),
    Fault("host-not-required", "http", "Host may be missing, or stand twice.", _manners(any_host=True), shown_by=_OWN),
    Fault(
        "absolute-form-unknown",
        "http",
        "A whole URL in the request line is taken for a path, which is not found.",
        _manners(knows_paths_only=True),
        shown_by=_OWN,
    ),
    Fault(
        "chunk-extensions-refused",
        "http",
        "The line of a chunk is read as one number, so an extension is refused.",
        _manners(plain_chunks_only=True),
        shown_by=_OWN,
    ),
    Fault(
        "large-body-reset",
        "http",
        "The connection is reset as soon as a body above 64 KiB is announced.",
        _manners(resets_large=True),
        shown_by=_OWN,
    ),
)
