"""Owns the faults in reading JSON and in speaking HTTP.

It must not know what the members of an invoice mean.
"""

from __future__ import annotations

import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import (
    Fault,
    Install,
    answers,
    crash,
    decodes,
    decodes_text,
    hears,
    objects,
    outside_strings,
    stumbles,
    substituting,
)
from invoice_conformance.reference.messages import Refusal, Request, Response
from invoice_conformance.reference.service import COLLECTION
from invoice_conformance.reference.strict_json import JsonValue, NotJson, decode, dump, parse_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service

_CONTENT_TYPE: Final = b"content-type"
_ALLOW: Final = b"allow"
_BIG: Final = 64 << 10
_KNOWN: Final = ("POST", "GET", "HEAD", "OPTIONS")
_INVALID: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
_TRACE: Final = b"""Traceback (most recent call last):
  File "/srv/app/invoices/views.py", line 88, in create
    invoice = Invoice.parse(request.body)
ValueError: validation failed
"""
_NAMES = re.compile(r'"(?:[^"\\]|\\.)*"(?=\s*:)')
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f]")
_SQL: Final = b'{"error":"SQLSTATE[23505]: INSERT INTO invoices (tenant_id, number) VALUES ($1, $2)"}'


def _prefix_only(service: Service) -> None:
    service.decode = lambda octets: parse_prefix(decode(octets))[0]


def _in_order(service: Service) -> None:
    before = service.decode

    def decoded(octets: bytes) -> JsonValue:
        value = before(octets)
        if isinstance(value, dict):
            known = [name for name in service.readers if name in value]
            if [name for name in value if name in service.readers] != known:
                raise NotJson("syntax", "the members are out of order")
        return value

    service.decode = decoded


def _objects_to_text(test: Callable[[str], bool]) -> Install:
    """Refuse a JSON text for which `test` holds."""

    def install(service: Service) -> None:
        before = service.decode

        def decoded(octets: bytes) -> JsonValue:
            value = before(octets)
            if test(decode(octets)):
                raise NotJson("syntax", "the body is not written as expected")
            return value

        service.decode = decoded

    return install


def _array_crashes(service: Service) -> None:
    before = service.decode

    def decoded(octets: bytes) -> JsonValue:
        value = before(octets)
        if not isinstance(value, dict):
            raise crash()
        return value

    service.decode = decoded


def _media(when: Callable[[str], bool], act: Callable[[Request], None]) -> Install:
    """Judge a request by `act` when its Content-Type, "" without one, passes `when`."""

    def install(service: Service) -> None:
        before = service.media_type

        def media_type(request: Request) -> None:
            if when(b", ".join(request.values(_CONTENT_TYPE)).decode("latin-1")):
                act(request)
            else:
                before(request)

        service.media_type = media_type

    return install


def _pass(_request: Request) -> None:
    """Find nothing wrong."""


def _unsupported(_request: Request) -> None:
    raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected Content-Type: application/json")


def _crash(_request: Request) -> None:
    raise crash()


def _chunked_is_empty(request: Request) -> Request:
    return replace(request, body=b"") if request.values(b"transfer-encoding") else request


def _chunked_crashes(request: Request) -> Request:
    if request.values(b"transfer-encoding"):
        raise crash()
    return request


def _big_crashes(request: Request) -> Request:
    if request.oversized or len(request.body) > _BIG:
        raise crash()
    return request


def _other_creates(request: Request) -> Request:
    known = request.method in _KNOWN or request.path != COLLECTION
    return request if known else replace(request, method="POST")


def _any_path(request: Request) -> Request:
    alike = request.path.startswith(COLLECTION) and not request.path.startswith(f"{COLLECTION}/")
    return replace(request, path=COLLECTION) if alike else request


def _on_other_methods(change: Callable[[Response], Response]) -> Install:
    return answers(
        lambda _, response: change(response) if response.status == HTTPStatus.METHOD_NOT_ALLOWED.value else response
    )


def _on(method: str, status: int) -> Install:
    """Answer `method` on the collection with `status`, whoever asks."""

    def change(request: Request, response: Response) -> Response:
        if request.method == method and request.path == COLLECTION:
            return replace(response, status=status)
        return response

    return answers(change)


def _everywhere(name: bytes, value: bytes) -> Install:
    return answers(lambda _, response: response.with_header(name, value))


def _on_invalid(change: Callable[[Response], Response]) -> Install:
    return objects(lambda refusal, response: change(response) if refusal.status in _INVALID else response)


def _as_text(body: bytes, kind: bytes = b"text/plain") -> Callable[[Response], Response]:
    return lambda response: replace(response.with_header(_CONTENT_TYPE, kind), body=body)


def _in_detail(body: bytes, text: bytes) -> bytes:
    """The problem document with `text` as one more member."""
    return body.removesuffix(b"}") + b',"trace":' + dump(text.decode()).encode() + b"}"


def _unknown_crashes(service: Service) -> None:
    before = service.mint

    def mint(document: dict[str, JsonValue], members: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if any(name not in service.readers for name in document):
            raise crash()
        return before(document, members)

    service.mint = mint


def _unwraps(service: Service) -> None:
    decode = service.decode

    def decoding(octets: bytes) -> JsonValue:
        document = decode(octets)
        inner = document.get("data") if isinstance(document, dict) and len(document) == 1 else None
        return inner if isinstance(inner, dict) else document

    service.decode = decoding


FAULTS: Final = (
    Fault(
        "json-trailing-bytes-accepted",
        "json",
        "The parser stops after the first value, so anything may follow it.",
        _prefix_only,
    ),
    Fault(
        "json-comments-accepted",
        "json",
        "Comments are accepted.",
        decodes_text(outside_strings(substituting(r"/\*(?s:.*?)\*/|//[^\n]*", " "))),
    ),
    Fault(
        "json-nan-accepted",
        "json",
        "NaN and Infinity are accepted and stored as 0.",
        decodes_text(outside_strings(substituting(r"-?\b(?:NaN|Infinity)\b", "0"))),
    ),
    Fault(
        "json-single-quotes-accepted",
        "json",
        "Strings in single quotes are accepted.",
        decodes_text(outside_strings(substituting(r"'([^'\\]*)'", r'"\1"'))),
    ),
    Fault(
        "json-bare-names-accepted",
        "json",
        "Member names without quotes are accepted.",
        decodes_text(outside_strings(substituting(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)", r'\1"\2"\3'))),
    ),
    Fault(
        "json-trailing-comma-accepted",
        "json",
        "A comma before a closing brace is accepted.",
        decodes_text(outside_strings(substituting(r",(\s*[}\]])", r"\1"))),
    ),
    Fault(
        "json-leading-zeros-accepted",
        "json",
        "Numbers with leading zeros are accepted.",
        decodes_text(outside_strings(substituting(r"(?<![\w.])0+(?=[1-9])", ""))),
    ),
    Fault(
        "json-plus-sign-accepted",
        "json",
        "Numbers with a plus sign are accepted.",
        decodes_text(outside_strings(substituting(r"(:\s*)\+(?=\d)", r"\1"))),
    ),
    Fault(
        "json-control-characters-accepted",
        "json",
        "Unescaped control characters in strings are accepted and dropped.",
        decodes_text(lambda text: _STRINGS.sub(lambda match: _CONTROLS.sub("", match.group()), text)),
    ),
    Fault(
        "json-truncated-completed",
        "json",
        "A missing brace at the end of the body is added.",
        decodes_text(lambda text: text if text.rstrip().endswith("}") else text + "}"),
    ),
    Fault("json-duplicate-name-crashes", "json", "A member that stands twice gives 500.", stumbles("duplicate")),
    Fault(
        "json-deep-nesting-crashes",
        "json",
        "The parser recurses until the stack ends: 500.",
        stumbles("depth"),
    ),
    Fault("json-bom-crashes", "json", "A byte order mark gives 500.", stumbles("bom")),
    Fault("json-empty-body-crashes", "json", "An empty body gives 500.", stumbles("empty")),
    Fault("json-invalid-utf-8-crashes", "json", "A body that is not UTF-8 gives 500.", stumbles("encoding")),
    Fault("json-syntax-crashes", "json", "The parser's exception is not caught: 500.", stumbles("syntax")),
    Fault("json-array-crashes", "json", "A body that is no object gives 500.", _array_crashes),
    Fault("data-unwrapped", "json", "A body may be wrapped in data, as answers are.", _unwraps),
    Fault(
        "json-invalid-utf-8-replaced",
        "json",
        "Octets that are not UTF-8 are replaced by U+FFFD and accepted.",
        decodes(lambda octets: octets.decode("utf-8", "replace").encode()),
    ),
    Fault(
        "json-escaped-names-not-understood",
        "json",
        "Escapes in member names are not resolved, so an escaped contractId counts as unknown.",
        decodes_text(lambda text: _NAMES.sub(lambda match: match.group().replace("\\", "\\\\"), text)),
    ),
    Fault(
        "json-surrogate-pairs-not-understood",
        "json",
        "The two halves of an escaped emoji come back as two replacement characters.",
        decodes_text(substituting(r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w", "\ufffd\ufffd")),
    ),
    Fault(
        "json-unicode-escapes-refused",
        "json",
        "A body with an escape like \\u0041 is refused.",
        _objects_to_text(lambda text: "\\u" in text),
    ),
    Fault(
        "json-escaped-slash-kept",
        "json",
        "The escape \\/ is not resolved, so the backslash is stored.",
        decodes_text(lambda text: text.replace("\\/", "\\\\/")),
    ),
    Fault(
        "json-member-order-matters",
        "json",
        "The members must stand in the order of the documentation.",
        _in_order,
    ),
    Fault(
        "json-leading-space-refused",
        "json",
        "A body must begin with a brace.",
        _objects_to_text(lambda text: not text.startswith("{")),
    ),
    Fault(
        "json-line-breaks-refused",
        "json",
        "A body with line breaks between its members is refused.",
        _objects_to_text(lambda text: "\n" in text.strip()),
    ),
    Fault("unknown-member-crashes", "json", "A member that the class does not have gives 500.", _unknown_crashes),
    Fault(
        "text-plain-accepted",
        "http",
        "A body called text/plain is read as JSON.",
        _media(lambda kind: kind.startswith("text/plain"), _pass),
    ),
    Fault("content-type-unchecked", "http", "The Content-Type is not looked at.", _media(lambda _: True, _pass)),
    Fault(
        "content-type-case-sensitive",
        "http",
        "The media type must be spelled application/json; Application/JSON is refused.",
        _media(lambda kind: "json" not in kind and "json" in kind.lower(), _unsupported),
    ),
    Fault(
        "charset-refused",
        "http",
        "The media type is compared as a whole, so one with charset=utf-8 is refused.",
        _media(lambda kind: ";" in kind, _unsupported),
    ),
    Fault(
        "content-type-missing-crashes",
        "http",
        "A missing Content-Type gives 500.",
        _media(lambda kind: not kind, _crash),
    ),
    Fault(
        "content-type-other-crashes",
        "http",
        "A Content-Type other than application/json gives 500.",
        _media(lambda kind: bool(kind) and "application/json" not in kind.lower(), _crash),
    ),
    Fault("chunked-read-as-empty", "http", "A chunked body is read as an empty one.", hears(_chunked_is_empty)),
    Fault("chunked-crashes", "http", "A request without Content-Length gives 500.", hears(_chunked_crashes)),
    Fault("big-body-crashes", "http", "A body above 64 KiB gives 500.", hears(_big_crashes)),
    Fault(
        "allow-missing",
        "http",
        "A 405 has no Allow.",
        _on_other_methods(lambda response: response.without_header(_ALLOW)),
    ),
    Fault(
        "allow-without-post",
        "http",
        "The Allow of a 405 leaves out POST.",
        _on_other_methods(lambda response: response.with_header(_ALLOW, b"GET, HEAD, OPTIONS")),
    ),
    Fault(
        "other-methods-crash",
        "http",
        "A method that the resource does not know gives 500.",
        _on_other_methods(lambda response: replace(response.without_header(_ALLOW), status=500)),
    ),
    Fault("other-methods-create", "http", "PUT, PATCH and DELETE create an invoice too.", hears(_other_creates)),
    Fault(
        "other-methods-answered-200",
        "http",
        "A method that the resource does not know is answered with 200.",
        _on_other_methods(lambda response: replace(response.without_header(_ALLOW), status=200)),
    ),
    Fault("paths-matched-by-beginning", "http", "Any path that begins like the operation's is its.", hears(_any_path)),
    Fault(
        "due-date-refused-with-400",
        "http",
        "dueAt is judged by another layer than the other dates, with another status.",
        objects(
            lambda refusal, response: (
                replace(response, status=400)
                if [error.get("pointer") for error in refusal.errors] == ["/dueAt"]
                else response
            )
        ),
    ),
    Fault("get-crashes", "http", "GET gives 500.", _on("GET", 500)),
    Fault("head-crashes", "http", "HEAD gives 500.", _on("HEAD", 500)),
    Fault("options-crash", "http", "OPTIONS gives 500.", _on("OPTIONS", 500)),
    Fault(
        "date-missing",
        "http",
        "No answer has a Date.",
        answers(lambda _, response: response.without_header(b"date")),
    ),
    Fault(
        "date-in-iso-8601",
        "http",
        "The Date is spelled in ISO 8601.",
        _everywhere(b"date", b"2025-01-01T00:00:00Z"),
    ),
    Fault(
        "cookie-set",
        "http",
        "Every answer sets a session cookie.",
        _everywhere(b"set-cookie", b"session=1; Path=/"),
    ),
    Fault(
        "version-banner",
        "http",
        "Every answer names the server's version.",
        _everywhere(b"server", b"Apache/2.4.1"),
    ),
    Fault(
        "framework-banner",
        "http",
        "Every answer names the framework.",
        _everywhere(b"x-powered-by", b"Express"),
    ),
    Fault(
        "error-with-stack-trace",
        "http",
        "A refusal shows the stack trace.",
        _on_invalid(lambda response: replace(response, body=_in_detail(response.body, _TRACE))),
    ),
    Fault(
        "error-with-sql",
        "http",
        "The refusal of a duplicate shows the statement that failed.",
        objects(
            lambda refusal, response: (
                replace(response, body=_SQL) if refusal.status == HTTPStatus.CONFLICT else response
            )
        ),
    ),
    Fault(
        "error-as-html",
        "http",
        "A refusal is an HTML page.",
        _on_invalid(_as_text(b"<!doctype html><title>Bad request</title>", b"text/html")),
    ),
    Fault("error-as-text", "http", "A refusal is plain text.", _on_invalid(_as_text(b"invalid invoice"))),
    Fault(
        "error-with-200",
        "http",
        "A refused body is answered with 200 and an error in it.",
        _on_invalid(
            lambda response: replace(_as_text(b'{"error":"invalid"}', b"application/json")(response), status=200)
        ),
    ),
    Fault(
        "error-with-500",
        "http",
        "Every refused body is answered with 500.",
        _on_invalid(lambda response: replace(response, status=500)),
    ),
    Fault(
        "error-with-302",
        "http",
        "A refused body is redirected to the form.",
        _on_invalid(lambda response: replace(response, status=302).with_header(b"location", b"/invoices/new")),
    ),
    Fault(
        "error-with-401",
        "http",
        "A refused body is answered with 401.",
        _on_invalid(
            lambda response: replace(response, status=401).with_header(b"www-authenticate", b'Bearer realm="invoices"')
        ),
    ),
)
