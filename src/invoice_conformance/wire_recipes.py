"""Owns the cases that are no plain bodies: credentials, tenants, JSON's grammar, HTTP's framing and methods.

It makes cases and sends none.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from invoice_conformance.boundaries import CONTRACT_FIELD, invoice, invoice_body, merge, plain_parts
from invoice_conformance.case import (
    BEARER,
    NUMBER,
    OF_OTHER_TENANT,
    OTHER_TENANT,
    STANDARD_HEADERS,
    Case,
    Edit,
    Hole,
    NumberSlot,
    spell_string,
)
from invoice_conformance.checks import Cases, Scope, Script
from invoice_conformance.datetimes import PLAIN
from invoice_conformance.recipes import first_invoices, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.case import Part
    from invoice_conformance.contract import Contract
    from invoice_conformance.exchange import Header


def with_headers(case: Case, name: str, *headers: Header, without: tuple[str, ...] = ()) -> Case:
    """The same request under another name, with some headers replaced (those it names) and others left out."""
    dropped = {key.lower() for key, _value in headers} | {key.lower() for key in without}
    kept = tuple((key, value) for key, value in STANDARD_HEADERS if key.lower() not in dropped)
    return replace(case, id=name, headers=(*kept, *headers))


def beside_plain(scope: Scope, act: Case) -> Script:
    """The case with the plain invoice as its twin."""
    return Script.beside(act, plain(scope.contract))


def _variants(*variants: tuple[str, tuple[Header, ...]]) -> Cases:
    def recipe(scope: Scope) -> Iterator[Script]:
        for words, headers in variants:
            without = () if headers else ("Authorization",)
            yield beside_plain(scope, with_headers(plain(scope.contract), words, *headers, without=without))

    return Cases(recipe)


def _authorization(value: str) -> tuple[Header, ...]:
    return (("Authorization", value),)


def missing_credentials() -> Cases:
    """No credentials: no header, an empty one, a scheme without a token."""
    return _variants(
        ("no Authorization", ()),
        ("empty Authorization", _authorization("")),
        ("a scheme without a token", _authorization("Bearer")),
    )


def wrong_credentials() -> Cases:
    """Credentials that name no token of this API."""
    return _variants(
        ("another token", _authorization("Bearer 0000000000000000")),
        ("the token less its end", _authorization("Bearer ${token:less}")),
        ("the token and one letter more", _authorization("Bearer ${token}x")),
        ("the token in other letter case", _authorization("Bearer ${token:case}")),
        ("the token backwards", _authorization("Bearer ${token:reversed}")),
        ("the first half of the token", _authorization("Bearer ${token:half}")),
        ("a long token", _authorization("Bearer " + "a" * 2000)),
        ("the word null for a token", _authorization("Bearer null")),
        ("the word undefined for a token", _authorization("Bearer undefined")),
    )


def unauthenticated() -> Cases:
    """Requests that are well-formed and plainly lack the right credentials."""
    return _variants(("no Authorization", ()), ("another token", _authorization("Bearer 0000000000000000")))


def other_schemes() -> Cases:
    """The right token under another scheme, or none."""
    return _variants(
        ("the scheme Basic", _authorization("Basic ${token}")),
        ("the token as a password of the scheme Basic", _authorization("Basic ${token:basic}")),
        ("the scheme Token", _authorization("Token ${token}")),
        ("a scheme that begins like Bearer", _authorization("BearerToken ${token}")),
        ("the token without a scheme", _authorization("${token}")),
        ("a scheme glued to the token", _authorization("Bearer${token}")),
    )


def more_than_a_token() -> Cases:
    """The right token, and something more that is no part of it."""
    return _variants(
        ("the token and a word", _authorization("Bearer ${token} x")),
        ("the token and an equals sign", _authorization("Bearer ${token}=")),
    )


def token_elsewhere() -> Cases:
    """The right token, but in the query or the body instead of the header."""

    def recipe(scope: Scope) -> Iterator[Script]:
        bare = with_headers(plain(scope.contract), "the token in the query", without=("Authorization",))
        yield beside_plain(scope, replace(bare, suffix="?access_token=${token}"))

    return Cases(recipe)


def scheme_spellings() -> Cases:
    """Right credentials in spellings that HTTP calls equal."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, value in (
            ("the scheme in lower case", "bearer ${token}"),
            ("the scheme in capitals", "BEARER ${token}"),
            ("several spaces after the scheme", "Bearer   ${token}"),
        ):
            act = with_headers(plain(scope.contract), words, ("Authorization", value))
            yield Script.alone(act)

    return Cases(recipe)


BROKEN_BODIES: tuple[tuple[str, Edit], ...] = (
    ("a wrong amount", Edit("amountMinor", "type=string: plain", (b'"5000"',))),
    ("no currency", Edit("currencyCode", "absent", None)),
)


def broken_body_without_credentials() -> Cases:
    """A request that breaks two things: it has no credentials, and its body is wrong."""

    def recipe(scope: Scope) -> Iterator[Script]:
        twin = with_headers(plain(scope.contract), "no Authorization", without=("Authorization",))
        for words, edit in BROKEN_BODIES:
            body = invoice(scope.contract, "", (edit,))
            act = with_headers(body, f"{words} without credentials", without=("Authorization",))
            yield Script.beside(act, twin)
        unread = replace(plain(scope.contract), body=(b"{",))
        act = with_headers(unread, "broken JSON without credentials", without=("Authorization",))
        yield Script.beside(act, twin)

    return Cases(recipe)


def missing_tenant() -> Cases:
    """No tenant: no header, an empty one, a blank one."""

    def recipe(scope: Scope) -> Iterator[Script]:
        base = plain(scope.contract)
        yield beside_plain(scope, with_headers(base, "no tenant-id", without=("tenant-id",)))
        yield beside_plain(scope, with_headers(base, "empty tenant-id", ("tenant-id", "")))

    return Cases(recipe)


def unknown_tenant() -> Cases:
    """A tenant that does not exist."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, value in (
            ("an unknown tenant-id", "tnt_000000000000000000000000"),
            ("a tenant-id of another kind", "0"),
            ("a wildcard for tenant-id", "*"),
            ("a percent sign for tenant-id", "%"),
            ("the tenant-id __proto__", "__proto__"),
            ("the tenant-id constructor", "constructor"),
            ("a tenant-id with a quote", "' OR '1'='1"),
            ("the tenant-id and one letter more", "${tenant}x"),
            ("the tenant-id less its end", "${tenant:less}"),
        ):
            yield beside_plain(scope, with_headers(plain(scope.contract), words, ("tenant-id", value)))

    return Cases(recipe)


def tenant_header_names() -> Cases:
    """The tenant under its header's name in other letter case."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for name in ("Tenant-Id", "TENANT-ID", "tEnAnT-iD"):
            act = with_headers(plain(scope.contract), f"the header name {name}", (name, "${tenant}"))
            yield Script.alone(act)

    return Cases(recipe)


def unknown_contract() -> Cases:
    """A contract that does not exist."""

    def recipe(scope: Scope) -> Iterator[Script]:
        values: tuple[tuple[str, tuple[Part, ...]], ...] = (
            ("unknown", (b'"ctr_000000000000000000000000"',)),
            ("empty", (b'""',)),
            ("of another kind", (b'"0"',)),
            ("with a quote", (b"\"' OR '1'='1\"",)),
            ("with NUL", (b'"ctr_\\u0000"',)),
            ("and what follows NUL", (Hole("contract-and-nul"),)),
            ("a percent sign", (b'"%"',)),
            ("the name of every object's member", (b'"constructor"',)),
            ("and a query behind it", (Hole("contract-and-query"),)),
        )
        if scope.profile != "quick":
            values += (("less its end", (Hole("contract-less-its-end"),)),)
        for words, parts in values:
            # A program that lets paid invoices pass unseen does so with their contract.
            dates = _paid(scope.contract) if words == "of another kind" else ()
            edits = (Edit(CONTRACT_FIELD, words, parts), *dates)
            yield beside_plain(scope, invoice(scope.contract, f"{CONTRACT_FIELD}:{words}", edits))

    return Cases(recipe)


def _paid(contract: Contract) -> tuple[Edit, ...]:
    """The dates of the page's example, in which the invoice is paid."""
    return first_invoices(contract)[0].edits


def lookalike_ids() -> Cases:
    """Ids that are those of the tenant and its contract but for letter case, width, a space or an encoding."""

    def recipe(scope: Scope) -> Iterator[Script]:
        holes: tuple[tuple[str, Hole], ...] = (
            ("in other letter case", Hole("contract-in-other-case")),
            ("and a space", Hole("contract-and-space")),
            ("and a zero-width space", Hole("contract-and-zero-width-space")),
            ("in full-width characters", Hole("contract-in-full-width")),
            ("under another prefix", Hole("contract-under-another-prefix")),
        )
        for words, hole in holes:
            edit = Edit(CONTRACT_FIELD, words, (hole,))
            yield beside_plain(scope, invoice(scope.contract, f"{CONTRACT_FIELD}:{words}", (edit,)))
        tenants = [("in other letter case", "${tenant:case}"), ("percent-encoded", "${tenant:encoded}")]
        if scope.profile != "quick":
            tenants.append(("in quotation marks", '"${tenant}"'))
        for words, value in tenants:
            yield beside_plain(
                scope, with_headers(plain(scope.contract), f"the tenant-id {words}", ("tenant-id", value))
            )

    return Cases(recipe)


def foreign_contract() -> Cases:
    """Each tenant with the other's contract."""

    def recipe(scope: Scope) -> Iterator[Script]:
        foreign = Edit(CONTRACT_FIELD, "foreign", (Hole("other-contract"),))
        name = f"{CONTRACT_FIELD}:foreign"
        yield beside_plain(scope, invoice(scope.contract, name, (foreign,)))
        own = Edit(CONTRACT_FIELD, "foreign to the other tenant", (Hole("contract"),))
        act = with_headers(
            invoice(scope.contract, "", (own, *_paid(scope.contract))),
            f"{CONTRACT_FIELD}:foreign to the other tenant",
            ("tenant-id", OTHER_TENANT),
        )
        theirs = Edit(CONTRACT_FIELD, OF_OTHER_TENANT, (Hole("other-contract"),))
        twin = with_headers(
            invoice(scope.contract, "", (theirs,)), "plain of the other tenant", ("tenant-id", OTHER_TENANT)
        )
        yield Script.beside(act, twin)

    return Cases(recipe)


def same_number_in_another_tenant() -> Cases:
    """One number in two tenants."""

    def recipe(scope: Scope) -> Iterator[Script]:
        number = Edit("invoiceNumber", "shared", (NumberSlot(key="number"),))
        first = invoice(scope.contract, "a number of two tenants, first", (number,))
        act = with_headers(
            invoice(scope.contract, "", (number, Edit(CONTRACT_FIELD, OF_OTHER_TENANT, (Hole("other-contract"),)))),
            "a number of two tenants, second",
            ("tenant-id", OTHER_TENANT),
        )
        yield Script("a number of two tenants", (("first", first), ("act", act)), order="fixed")

    return Cases(recipe)


def changed(contract: Contract, name: str, old: bytes, new: bytes) -> Case:
    """The plain invoice, its amount last, with one piece of its fixed octets replaced."""
    fields = tuple(sorted(contract.fields, key=lambda field: field.name == "amountMinor"))
    parts = list(invoice_body(replace(contract, fields=fields), ()))
    for index, part in enumerate(parts):
        if isinstance(part, bytes) and old in part:
            parts[index] = part.replace(old, new, 1)
            return Case(name, merge(parts))
    raise ValueError(f"the plain invoice has no {old!r}")


def _around(contract: Contract, name: str, before: bytes, after: bytes) -> Case:
    return Case(name, merge((before, *invoice_body(contract, ()), after)))


BREAKS: tuple[tuple[str, bytes, bytes], ...] = (
    ("a trailing comma", b"5000}", b"5000,}"),
    ("two commas", b"1.12,", b"1.12,,"),
    ("a missing comma", b"1.12,", b"1.12 "),
    ("a semicolon for a comma", b"1.12,", b"1.12;"),
    ("a missing colon", b'"amountMinor":', b'"amountMinor" '),
    ("an equals sign for a colon", b'"amountMinor":', b'"amountMinor"='),
    ("single quotes around a value", b'"EUR"', b"'EUR'"),
    ("single quotes around a name", b'"amountMinor"', b"'amountMinor'"),
    ("a bare name", b'"amountMinor"', b"amountMinor"),
    ("a bare value", b'"EUR"', b"EUR"),
    ("an unfinished string", b'"EUR"', b'"EUR'),
    ("a block comment", b"5000}", b"5000/* minor */}"),
    ("a line comment", b"5000}", b"5000// minor\n}"),
    ("a hash comment", b"5000}", b"5000 # minor\n}"),
    ("a leading zero", b"5000}", b"05000}"),
    ("a plus sign", b"5000}", b"+5000}"),
    ("a hexadecimal number", b"5000}", b"0x1388}"),
    ("a number without a fraction after its point", b"1.12,", b"1.,"),
    ("a number without an integer before its point", b"1.12,", b".12,"),
    ("a number without an exponent after its e", b"1.12,", b"1e,"),
    ("digits with an underscore", b"5000}", b"5_000}"),
    ("NaN", b"1.12,", b"NaN,"),
    ("Infinity", b"1.12,", b"Infinity,"),
    ("a capital True", b"5000}", b'5000,"x":True}'),
    ("None", b"5000}", b'5000,"x":None}'),
    ("undefined", b"5000}", b'5000,"x":undefined}'),
    ("an unknown escape", b"5000}", b'5000,"x":"\\q"}'),
    ("an unfinished Unicode escape", b"5000}", b'5000,"x":"\\u12"}'),
    ("a raw line feed in a string", b"5000}", b'5000,"x":"a\nb"}'),
    ("a raw tab in a string", b"5000}", b'5000,"x":"a\tb"}'),
    ("a raw NUL in a string", b"5000}", b'5000,"x":"a\x00b"}'),
    ("invalid UTF-8 in a string", b"5000}", b'5000,"x":"\xff"}'),
    ("a surrogate in UTF-8", b"5000}", b'5000,"x":"\xed\xa0\x80"}'),
    ("overlong UTF-8", b"5000}", b'5000,"x":"\xc0\xaf"}'),
    ("Latin-1", b"5000}", b'5000,"x":"caf\xe9"}'),
    ("no-break space between", b"1.12,", b"1.12\xc2\xa0,"),
    ("a form feed between", b"1.12,", b"1.12\x0c,"),
    ("a missing closing brace", b"5000}", b"5000"),
    ("a bracket for the closing brace", b"5000}", b"5000]"),
    ("a second closing brace", b"5000}", b"5000}}"),
)
"""One break of the grammar each: its words, and the octets of the plain invoice that it replaces."""

AROUND: tuple[tuple[str, bytes, bytes], ...] = (
    ("text after", b"", b"x"),
    ("a second document", b"", b"{}"),
    ("a second invoice's beginning", b"", b',{"a":1}'),
    ("text before", b"x", b""),
    ("a guard before", b")]}',\n", b""),
    ("NUL after", b"", b"\x00"),
    ("parentheses around", b"(", b")"),
)

NOTHING_TO_READ: tuple[tuple[str, bytes], ...] = (
    ("an empty body", b""),
    ("white space alone", b" \r\n\t "),
    ("an opening brace alone", b"{"),
    ("a truncated name", b'{"contractI'),
    ("form data", b"contractId=x&amountMinor=5000"),
    ("XML", b"<invoice><amountMinor>5000</amountMinor></invoice>"),
    ("a word", b"invoice"),
    ("NUL alone", b"\x00"),
    ("octets that are no text", b"\xff\xfe\xfd\x80\x00"),
)

NO_OBJECTS: tuple[tuple[str, bytes], ...] = (
    ("an array", b"[]"),
    ("a string", b'"invoice"'),
    ("a number", b"5000"),
    ("true", b"true"),
    ("null", b"null"),
)


def broken_json() -> Cases:
    """Plain invoices with one break of JSON's grammar each, truncated ones, and bodies with nothing to read."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, old, new in BREAKS:
            yield beside_plain(scope, changed(scope.contract, f"broken JSON, {words}", old, new))
        for words, before, after in AROUND:
            yield beside_plain(scope, _around(scope.contract, f"broken JSON, {words}", before, after))
        yield beside_plain(scope, _in_single_quotes(scope.contract))
        for words, body in NOTHING_TO_READ:
            yield beside_plain(scope, Case(f"no JSON, {words}", (body,) if body else ()))
        yield from _truncated(scope)

    return Cases(recipe)


def _in_single_quotes(contract: Contract) -> Case:
    """The plain invoice as a literal of Python or JSON5."""
    parts: list[Part] = []
    for part in invoice_body(contract, ()):
        if isinstance(part, NumberSlot):
            parts += [b"'", replace(part, spelling="bare"), b"'"]
        elif isinstance(part, Hole):
            parts += [b"'", Hole("contract-bare"), b"'"]
        else:
            parts.append(part.replace(b'"', b"'"))
    return Case("broken JSON, single quotes everywhere", merge(parts))


def _truncated(scope: Scope) -> Iterator[Script]:
    """The plain invoice cut off within its last octets, at every place or at some of them."""
    parts = invoice_body(scope.contract, ())
    last = parts[-1]
    if not isinstance(last, bytes):
        return
    step = {"quick": 16, "standard": 6, "thorough": 1}[scope.profile]
    for length in range(1, len(last), step):
        cut = Case(f"broken JSON, cut {len(last) - length} octets before its end", (*parts[:-1], last[:length]))
        yield beside_plain(scope, cut)


def no_objects() -> Cases:
    """JSON of every type but an object, and an array of one invoice."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, body in NO_OBJECTS:
            yield beside_plain(scope, Case(f"no object, {words}", (body,)))
        yield beside_plain(scope, _around(scope.contract, "no object, an array of one invoice", b"[", b"]"))
        for name in ("data", "invoice"):
            text = _around(
                scope.contract, f"no object, an invoice nested in {name}", b'{"' + name.encode() + b'":', b"}"
            )
            yield beside_plain(scope, text)

    return Cases(recipe)


def _escaped_name(name: str) -> bytes:
    return b'"' + "".join(f"\\u{ord(letter):04x}" for letter in name).encode() + b'"'


def spellings() -> Cases:
    """The plain invoice in spellings that JSON calls equal: escapes, white space, another order of members."""

    def recipe(scope: Scope) -> Iterator[Script]:
        contract = scope.contract
        cases = [
            changed(contract, "escaped first letter of a name", b'"amountMinor"', b'"\\u0061mountMinor"'),
            changed(contract, "escaped name", b'"amountMinor"', _escaped_name("amountMinor")),
            changed(contract, "escaped value", b'"EUR"', b'"\\u0045\\u0055\\u0052"'),
            changed(
                contract,
                "capital hexadecimal digits in an escape",
                b'"amountMinor"',
                b'"am\\u006Fu\\u006Et\\u004Dinor"',
            ),
            changed(contract, "white space around a colon", b'"amountMinor":', b'"amountMinor" \t\r\n : \n'),
            _around(contract, "white space around the body", b"\r\n\t ", b" \t\r\n"),
            _spaced(contract),
        ]
        slot = NumberSlot(before="INV/é/🧾/", spelling="escaped")
        cases.append(
            invoice(contract, "escaped number with surrogate pairs", (Edit("invoiceNumber", "escaped", (slot,)),))
        )
        contract_id = Edit(CONTRACT_FIELD, "escaped", (Hole("contract-escaped"),))
        cases.append(Case("escaped contract id", invoice_body(contract, (contract_id,))))
        slashes = NumberSlot(before="INV/2025/", spelling="slashes")
        cases.append(invoice(contract, "escaped slashes", (Edit("invoiceNumber", "escaped slashes", (slashes,)),)))
        for case in cases:
            yield Script.alone(case)
        # Beside the same values as they are: who refuses those too does so for another reason.
        dates = [field.name for field in contract.fields if field.format == "date-time"]
        moments = [Edit(name, "escaped", (spell_string(PLAIN, escaped=True),)) for name in dates]
        example = first_invoices(contract)[0]
        yield Script.beside(Case("escaped dates", invoice_body(contract, moments)), example)
        yield Script.beside(_reversed(contract, example), example)
        edge = scope.edge("invoiceNumber:maxLength in two-byte letters")
        if edge is not None:
            longest = (replace(part, spelling="escaped") for part in edge.parts or () if isinstance(part, NumberSlot))
            body = invoice_body(contract, (Edit(edge.field, "escaped", tuple(longest)),))
            yield Script.beside(Case("the longest number, escaped", body), scope.scripts[edge.id].act)

    return Cases(recipe)


def _members(contract: Contract) -> list[tuple[bytes, tuple[Part, ...]]]:
    return [(json.dumps(field.name).encode(), plain_parts(field)) for field in contract.fields if field.required]


def _spaced(contract: Contract) -> Case:
    parts: list[Part] = [b"{\r\n"]
    for index, (name, value) in enumerate(_members(contract)):
        parts += [b"\t" if index == 0 else b"\t, ", name, b" : ", *value, b"\n"]
    return Case("white space everywhere", merge((*parts, b"} ")))


def _reversed(contract: Contract, example: Case) -> Case:
    """The page's example from its last member to its first."""
    fields = tuple(reversed(contract.fields))
    return Case("members in reverse order", invoice_body(replace(contract, fields=fields), example.edits))


def open_bodies() -> Cases:
    """Bodies that a server may take or refuse, and must survive: duplicates, marks, encodings, depth."""

    def recipe(scope: Scope) -> Iterator[Script]:
        contract = scope.contract
        deep = 200 if scope.profile == "quick" else 3000
        cases = [
            changed(contract, "a name given twice", b"5000}", b'5000,"amountMinor":5000}'),
            changed(contract, "a name given twice with another value", b"5000}", b'5000,"amountMinor":1}'),
            _around(contract, "a byte order mark before", b"\xef\xbb\xbf", b""),
            changed(contract, "deep arrays", b"5000}", b'5000,"x":' + b"[" * deep + b"]" * deep + b"}"),
            changed(contract, "deep objects", b"5000}", b'5000,"x":' + b'{"a":' * deep + b"1" + b"}" * deep + b"}"),
            changed(contract, "a number of 5000 digits", b"5000}", b'5000,"x":' + b"9" * 5000 + b"}"),
            changed(contract, "a huge exponent", b"5000}", b'5000,"x":1e999999999}'),
            changed(contract, "a long name", b"5000}", b'5000,"' + b"x" * 5000 + b'":1}'),
            Case("the plain invoice in UTF-16", _in_utf_16(contract)),
            Case("deep arrays alone", (b"[" * 5000,)),
        ]
        for case in cases:
            yield Script.alone(case)

    return Cases(recipe)


def _in_utf_16(contract: Contract) -> tuple[Part, ...]:
    # The holes cannot be filled in another encoding, so this body has fixed values and is refused for its contract.
    del contract
    text = '{"contractId":"x","invoiceNumber":"y","exchangeRate":1,"currencyCode":"EUR","amountMinor":1}'
    return ("\ufeff".encode("utf-16-be") + text.encode("utf-16-be"),)


def media_types() -> Cases:
    """application/json in every spelling that HTTP calls equal."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for value in (
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8",
            "application/json ; charset=utf-8",
            'application/json; charset="utf-8"',
            "Application/JSON",
            "APPLICATION/JSON; CHARSET=UTF-8",
        ):
            act = with_headers(plain(scope.contract), f"Content-Type: {value}", ("Content-Type", value))
            yield Script.alone(act)

    return Cases(recipe)


def other_media_types() -> Cases:
    """The same octets under another media type."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for value in (
            "text/plain",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/html",
            "application/octet-stream",
            "application/jsonx",
            "application/vnd.api+json",
            "image/png",
        ):
            act = with_headers(plain(scope.contract), f"Content-Type: {value}", ("Content-Type", value))
            yield beside_plain(scope, act)

    return Cases(recipe)


def open_heads() -> Cases:
    """Heads that a server may take or refuse, and must survive."""

    def recipe(scope: Scope) -> Iterator[Script]:
        base = plain(scope.contract)
        cases = [
            with_headers(base, "no Content-Type", without=("Content-Type",)),
            with_headers(base, "a malformed Content-Type", ("Content-Type", "application")),
            with_headers(base, "an unknown charset", ("Content-Type", "application/json; charset=x-unknown")),
            with_headers(base, "the charset UTF-16", ("Content-Type", "application/json; charset=utf-16")),
            with_headers(base, "Accept: text/html", ("Accept", "text/html")),
            with_headers(base, "a malformed Accept", ("Accept", "; q=x,,/")),
            with_headers(base, "Accept-Encoding: gzip", ("Accept-Encoding", "gzip")),
            with_headers(base, "Accept-Language: xx", ("Accept-Language", "xx-XX;q=a")),
            # The one writes numbers otherwise, the other dates; neither is how JSON and the page write them.
            with_headers(base, "Accept-Language: de-DE", ("Accept-Language", "de-DE,de;q=0.9")),
            with_headers(base, "Accept-Language: ar-SA", ("Accept-Language", "ar-SA,ar;q=0.9")),
            with_headers(base, "Content-Encoding: gzip, though it is not", ("Content-Encoding", "gzip")),
            with_headers(base, "Content-Encoding: br", ("Content-Encoding", "br")),
            with_headers(base, "Expect: 100-continue", ("Expect", "100-continue")),
            with_headers(base, "If-Match: *", ("If-Match", "*")),
            with_headers(base, "an Idempotency-Key", ("Idempotency-Key", NUMBER)),
            with_headers(base, "X-HTTP-Method-Override: PUT", ("X-HTTP-Method-Override", "PUT")),
            with_headers(base, "X-Forwarded-For", ("X-Forwarded-For", "not an address")),
            with_headers(base, "a broken traceparent", ("traceparent", "zz")),
            with_headers(base, "a broken Cookie", ("Cookie", "=;;=x; a")),
            with_headers(base, "sixty more headers", *((f"X-Filler-{n}", "x" * 20) for n in range(60))),
            with_headers(base, "Authorization twice", ("Authorization", BEARER), ("Authorization", "Bearer 0")),
            with_headers(base, "tenant-id twice", ("tenant-id", "${tenant}"), ("tenant-id", "tnt_0")),
            with_headers(base, "a tenant-id beyond ASCII", ("tenant-id", "tnt_\xe9\xff")),
            with_headers(base, "a token beyond ASCII", ("Authorization", "Bearer \xe9\xff")),
            with_headers(base, "malformed credentials", ("Authorization", "Bearer a b,c=d")),
            with_headers(base, "broken Basic credentials", ("Authorization", "Basic !")),
            replace(base, id="a query string", suffix="?page=1&limit=%zz&a[]=1"),
            replace(base, id="a trailing slash", suffix="/"),
        ]
        for case in cases:
            yield Script.alone(case)

    return Cases(recipe)


def usual_accepts() -> Cases:
    """What clients say of themselves that they accept: curl, and most libraries; and those of browsers."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for value in ("*/*", "application/json, text/plain, */*"):
            yield beside_plain(scope, with_headers(plain(scope.contract), f"Accept: {value}", ("Accept", value)))

    return Cases(recipe)


def field_names() -> Cases:
    """The plain invoice with the names of its header fields in lower case, as HTTP/2 has them, and in capitals."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, spelled in (("lower case", str.lower), ("capitals", str.upper)):
            if scope.profile != "quick" or spelled is str.lower:
                headers = tuple((spelled(name), value) for name, value in STANDARD_HEADERS)
                act = replace(plain(scope.contract), id=f"header names in {words}", headers=headers)
                yield beside_plain(scope, act)

    return Cases(recipe)


def chunked() -> Cases:
    """The plain invoice in chunks, and the page's example."""

    def recipe(scope: Scope) -> Iterator[Script]:
        case = replace(plain(scope.contract), id="the plain invoice in chunks", chunked=True)
        yield beside_plain(scope, case)

    return Cases(recipe)


def unknown_methods() -> Cases:
    """Methods that nothing says the resource knows; none that could delete anything."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for method in ("PUT", "PATCH", "INVOICE"):
            case = replace(plain(scope.contract), id=f"the method {method}", method=method)
            yield Script.alone(case)

    return Cases(recipe)


def safe_methods() -> Cases:
    """Methods that only ask."""

    def recipe(_scope: Scope) -> Iterator[Script]:
        for method in ("GET", "HEAD", "OPTIONS"):
            case = Case(f"the method {method}", (), method=method, headers=STANDARD_HEADERS[:2])
            yield Script.alone(case)
            bare = Case(f"the method {method} without credentials", (), method=method, headers=())
            yield Script.alone(bare)

    return Cases(recipe)


def unknown_path() -> Cases:
    """A path beside the operation's that nothing is at."""

    def recipe(scope: Scope) -> Iterator[Script]:
        case = replace(plain(scope.contract), id="an unknown path", suffix="-unknown-path")
        yield Script.alone(case)

    return Cases(recipe)
