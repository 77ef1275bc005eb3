"""Owns the cases that go to the ends of HTTP and of JSON's grammar: hosts, versions, paths, chunks, octets, names.

It makes cases and sends none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from invoice_conformance.boundaries import CONTRACT_FIELD, NUMBER_FIELD, invoice, invoice_body, plain_parts
from invoice_conformance.case import BEARER, STANDARD_HEADERS, Case, Edit, Hole, NumberSlot
from invoice_conformance.checks import PROFILES, Cases, Profile, Scope, Script
from invoice_conformance.exchange import Wire
from invoice_conformance.recipes import plain
from invoice_conformance.wire_recipes import beside_plain, changed, with_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.case import Part


def _sends(scope: Scope, least: Profile) -> bool:
    """Whether a run of the scope's profile sends what belongs to `least` and to larger ones."""
    return PROFILES.index(scope.profile) >= PROFILES.index(least)


def _stranger(scope: Scope) -> Case:
    """The plain invoice without credentials or tenant: for requests that may reach somebody else."""
    bare = with_headers(plain(scope.contract), "no Authorization, no tenant-id", without=("Authorization", "tenant-id"))
    return replace(bare, body=(b'{"contractId":"x"}',))


# Credentials and tenants


def token_in_other_places() -> Cases:
    """The right token where it is no credential: in a cookie, in a member, in another header."""

    def recipe(scope: Scope) -> Iterator[Script]:
        bare = with_headers(plain(scope.contract), "", without=("Authorization",))
        cookie = with_headers(bare, "the token in a cookie", ("Cookie", "access_token=${token}; token=${token}"))
        cookie = replace(cookie, headers=tuple(pair for pair in cookie.headers if pair[0] != "Authorization"))
        yield beside_plain(scope, cookie)
        member = invoice(scope.contract, "", (Edit("access_token", "the token", (Hole("token"),)),))
        yield beside_plain(scope, with_headers(member, "the token in the body", without=("Authorization",)))
        if _sends(scope, "thorough"):
            key = replace(bare, id="the token in X-Api-Key", headers=(*bare.headers, ("X-Api-Key", "${token}")))
            yield beside_plain(scope, key)

    return Cases(recipe)


STRANGERS_PATHS: tuple[tuple[str, str, str, Profile], ...] = (
    ("a slash behind the path", "${path}", "/", "quick"),
    ("a doubled slash in the path", "/${path}", "", "standard"),
    ("the path in capitals", "${path:upper}", "", "standard"),
    ("a path parameter", "${path}", ";x=1", "standard"),
)
"""Spellings of the path that a router may take for the operation's, and a guard not: words, path, suffix, profile."""


def strangers_at_odd_paths() -> Cases:
    """Creates without credentials at the operation's path in another spelling."""

    def recipe(scope: Scope) -> Iterator[Script]:
        bare = with_headers(plain(scope.contract), "", without=("Authorization",))
        for words, path, suffix, least in STRANGERS_PATHS:
            if _sends(scope, least):
                name = f"{words}, without credentials"
                yield Script.alone(replace(bare, id=name, path=None if path == "${path}" else path, suffix=suffix))

    return Cases(recipe)


def wrong_twice() -> Cases:
    """Two Authorization headers, neither of them right."""

    def recipe(scope: Scope) -> Iterator[Script]:
        if _sends(scope, "standard"):
            values = (("Authorization", "Bearer 0000000000000000"), ("Authorization", "Bearer ${token}x"))
            act = with_headers(plain(scope.contract), "two wrong tokens", *values)
            yield beside_plain(scope, act)

    return Cases(recipe)


def tenant_elsewhere() -> Cases:
    """The right tenant where it does not belong, and in its own header blanks alone."""

    def recipe(scope: Scope) -> Iterator[Script]:
        bare = with_headers(plain(scope.contract), "the tenant in the query", without=("tenant-id",))
        yield beside_plain(scope, replace(bare, suffix="?tenant-id=${tenant}&tenantId=${tenant}&tenant_id=${tenant}"))
        names = ("tenantId", "tenant-id", "tenant_id")
        edits = tuple(Edit(name, "the tenant", (Hole("tenant"),)) for name in names)
        member = with_headers(invoice(scope.contract, "", edits), "the tenant in the body", without=("tenant-id",))
        yield beside_plain(scope, member)
        if _sends(scope, "standard"):
            yield beside_plain(scope, with_headers(bare, "blanks for a tenant-id", ("tenant-id", " \t ")))

    return Cases(recipe)


# Members under other names

LOOKALIKES: tuple[tuple[str, str, str, Profile], ...] = (
    ("amountMinor", "AmountMinor", "a capital first letter", "quick"),
    ("currencyCode", "currency_code", "snake case", "quick"),
    ("exchangeRate", "exchangeRate ", "a space more", "quick"),
    ("invoiceNumber", "invoicenumber", "lower case", "standard"),
    ("contractId", "CONTRACTID", "capitals", "standard"),
    ("amountMinor", "amountMinor\0", "NUL behind it", "standard"),
    ("amountMinor", "\u0430mountMinor", "a Cyrillic letter", "standard"),
    ("amountMinor", "amount_minor", "snake case", "standard"),
    ("contractId", "contract_id", "snake case", "thorough"),
    ("invoiceNumber", "invoice_number", "snake case", "thorough"),
    ("exchangeRate", "exchange_rate", "snake case", "thorough"),
    ("amountMinor", "amount-minor", "kebab case", "thorough"),
    ("amountMinor", "amountMino", "its last letter missing", "thorough"),
    ("amountMinor", "amountM\u0131nor", "a dotless i", "thorough"),
    ("contractId", "contractId\u200b", "a zero-width space", "thorough"),
    ("invoiceNumber", "\ufeffinvoiceNumber", "a mark before it", "thorough"),
)
"""A required member, a name that is not its own, what is odd about that, and the smallest profile that sends it."""


def lookalike_names() -> Cases:
    """Plain invoices with a required member under another name than its own."""

    def recipe(scope: Scope) -> Iterator[Script]:
        known = {field.name: field for field in scope.contract.fields}
        for name, other, words, least in LOOKALIKES:
            if name in known and _sends(scope, least):
                edits = (
                    Edit(name, f"under another name: {words}", None),
                    Edit(other, "another member's value", plain_parts(known[name])),
                )
                yield beside_plain(scope, invoice(scope.contract, f"{name} with {words}", edits))

    return Cases(recipe)


# JSON's grammar

BREAKS: tuple[tuple[str, bytes, bytes, Profile], ...] = (
    ("no digits between point and e", b"1.12,", b"1.e0,", "quick"),
    ("a literal in capitals", b"5000}", b'5000,"x":TRUE}', "standard"),
    ("a hexadecimal escape", b'"EUR"', b'"\\x45UR"', "quick"),
    ("an escaped apostrophe", b"5000}", b'5000,"x":"it\\\'s"}', "standard"),
    ("a truncated literal", b"5000}", b'5000,"x":tru}', "standard"),
    ("a minus and a space", b"5000}", b'5000,"x":- 1}', "standard"),
    ("an exponent's sign without digits", b"1.12,", b"1e+,", "standard"),
    ("a leading zero behind a minus", b"5000}", b'5000,"x":-01}', "standard"),
    ("a comma before all members", b'{"contractId"', b'{,"contractId"', "standard"),
    ("a name without a value", b"5000}", b'5000,"x"}', "standard"),
    ("two colons", b'"amountMinor":', b'"amountMinor"::', "standard"),
    ("a comma behind an array's last item", b"5000}", b'5000,"x":[1,]}', "standard"),
    ("an array without its end", b"5000}", b'5000,"x":[1}', "standard"),
    ("a vertical tab between", b"1.12,", b"1.12\x0b,", "standard"),
    ("a line separator between", b"1.12,", b"1.12\xe2\x80\xa8,", "standard"),
    ("a colon without a value", b"5000}", b'5000,"x":}', "thorough"),
    ("a number for a name", b"5000}", b"5000,1:2}", "thorough"),
    ("null for a name", b"5000}", b"5000,null:2}", "thorough"),
    ("an unfinished name", b'"amountMinor":', b'"amountMinor:', "thorough"),
    ("a comma for a colon", b'"amountMinor":', b'"amountMinor",', "thorough"),
    ("a comma alone in an array", b"5000}", b'5000,"x":[,]}', "thorough"),
    ("a comma before an array's first item", b"5000}", b'5000,"x":[,1]}', "thorough"),
    ("two items without a comma", b"5000}", b'5000,"x":[1 2]}', "thorough"),
    ("a colon in an array", b"5000}", b'5000,"x":["a":1]}', "thorough"),
    ("a second end of an array", b"5000}", b'5000,"x":[1]]}', "thorough"),
    ("nested arrays, one without its end", b"5000}", b'5000,"x":[[1]}', "thorough"),
    ("a minus alone", b"5000}", b'5000,"x":-}', "thorough"),
    ("two minuses", b"5000}", b'5000,"x":--1}', "thorough"),
    ("a plus sign before a fraction", b"1.12,", b"+1.12,", "thorough"),
    ("two points", b"1.12,", b"1.1.2,", "thorough"),
    ("a fraction in an exponent", b"1.12,", b"1e0.0,", "thorough"),
    ("a decimal comma", b"1.12,", b"1,12,", "thorough"),
    ("zeros alone", b"5000}", b'5000,"x":00}', "thorough"),
    ("a suffix of a number", b"5000}", b"5000n}", "thorough"),
    ("full-width digits", b"5000}", "５０００}".encode(), "thorough"),
    ("an octal number", b"5000}", b"0o11610}", "thorough"),
    ("a binary number", b"5000}", b"0b1001110001000}", "thorough"),
    ("minus Infinity", b"5000}", b'5000,"x":-Infinity}', "thorough"),
    ("a literal with a capital", b"5000}", b'5000,"x":Null}', "thorough"),
    ("a truncated null", b"5000}", b'5000,"x":nul}', "thorough"),
    ("a literal and a letter more", b"5000}", b'5000,"x":truex}', "thorough"),
    ("a long Unicode escape", b'"EUR"', b'"\\U00000045UR"', "thorough"),
    ("a Unicode escape in braces", b'"EUR"', b'"\\u{45}UR"', "thorough"),
    ("an octal escape", b'"EUR"', b'"\\105UR"', "thorough"),
    ("an escaped line break", b"5000}", b'5000,"x":"a\\\nb"}', "thorough"),
    ("a backslash before the end of a string", b"5000}", b'5000,"x":"a\\"}', "thorough"),
    ("backquotes around a value", b'"EUR"', b"`EUR`", "thorough"),
    ("typographic quotes around a value", b'"EUR"', "“EUR”".encode(), "thorough"),
    ("three quotes around a value", b'"EUR"', b'"""EUR"""', "thorough"),
    ("strings side by side", b'"EUR"', b'"E" "UR"', "thorough"),
    ("strings with a plus between", b'"EUR"', b'"E"+"UR"', "thorough"),
    ("the unit separator in a string", b"5000}", b'5000,"x":"a\x1fb"}', "thorough"),
    ("a byte order mark between", b"1.12,", b"1.12\xef\xbb\xbf,", "thorough"),
    ("an ideographic space between", b"1.12,", b"1.12\xe3\x80\x80,", "thorough"),
    ("a next line character between", b"1.12,", b"1.12\xc2\x85,", "thorough"),
)
"""Breaks of RFC 8259's productions that `wire_recipes` has not: words, the octets replaced, the new ones, profile."""


def breaks_of_the_grammar() -> Cases:
    """Plain invoices with one break each: of a production, of their UTF-8, or cut off."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for words, old, new, least in BREAKS:
            if _sends(scope, least):
                yield beside_plain(scope, changed(scope.contract, f"broken JSON, {words}", old, new))
        if _sends(scope, "standard"):
            yield from _no_utf_8(scope)
            yield from _cut_before_its_end(scope)

    return Cases(recipe)


def _no_utf_8(scope: Scope) -> Iterator[Script]:
    """An octet that is no UTF-8 in each string member."""
    for field in scope.contract.fields:
        if "string" not in field.types or (field.name in {"dueAt", "paidAt"} and not _sends(scope, "thorough")):
            continue
        value: tuple[Part, ...] = (b'"EU\xff"',)
        if field.name == NUMBER_FIELD:
            value = (b'"\xff', NumberSlot(spelling="bare"), b'"')
        elif field.name == CONTRACT_FIELD:
            value = (b'"ctr_\xff"',)
        elif field.format == "date-time":
            value = (b'"2023-10-05T14:48:00.000\xffZ"',)
        yield beside_plain(
            scope, invoice(scope.contract, f"{field.name}: no UTF-8", (Edit(field.name, "no UTF-8", value),))
        )


def _cut_before_its_end(scope: Scope) -> Iterator[Script]:
    """The plain invoice cut off before its last piece: at every octet, or once in each member."""
    parts = invoice_body(scope.contract, ())
    step = 1 if _sends(scope, "thorough") else 11
    octets = 0
    for index, part in enumerate(parts[:-1]):
        if not isinstance(part, bytes):
            if isinstance(part, NumberSlot):
                cut = Case("broken JSON, cut within the number", (*parts[:index], b'"', replace(part, spelling="bare")))
                yield beside_plain(scope, cut)
            continue
        for length in range(step, len(part), step):
            kept = part[:length]
            cut = Case(f"broken JSON, cut after {octets + length} fixed octets", (*parts[:index], kept))
            yield beside_plain(scope, cut)
        octets += len(part)


# Bodies that may be refused, and must be survived

UNSTORABLE: tuple[tuple[str, str, bytes, Profile], ...] = (
    (CONTRACT_FIELD, "NUL", b'"ctr_\\u0000"', "quick"),
    (CONTRACT_FIELD, "a lone surrogate", b'"ctr_\\ud800"', "quick"),
    ("currencyCode", "a lone surrogate", b'"EU\\udfff"', "standard"),
    ("issuedAt", "a lone surrogate", b'"2023-10-05T14:48:00.000\\ud800Z"', "standard"),
    ("dueAt", "a lone surrogate", b'"2023-10-05T14:48:00.000\\ud800Z"', "thorough"),
    ("paidAt", "a lone surrogate", b'"2023-10-05T14:48:00.000\\ud800Z"', "thorough"),
    (CONTRACT_FIELD, "an emoji", '"ctr_🧾"'.encode(), "standard"),
    (CONTRACT_FIELD, "300 letters, quotes before them", b"\"'%\\\\" + b"a" * 300 + b'"', "standard"),
    ("currencyCode", "NUL", b'"EU\\u0000"', "standard"),
    ("currencyCode", "300 letters, quotes before them", b"\"'%\\\\" + b"A" * 300 + b'"', "standard"),
    ("issuedAt", "NUL", b'"2023-10-05T14:48:00.000Z\\u0000"', "standard"),
    ("issuedAt", "150 characters, quotes among them", b"\"'%\\\\" + b"2023-10-05" * 15 + b'"', "standard"),
    ("issuedAt", "an emoji", '"🧾"'.encode(), "thorough"),
)
"""Texts that many stores cannot take: member, words, JSON text, profile."""


def unstorable_bodies() -> Cases:
    """Texts that no column takes, names given twice of which one value is wrong, and other encodings."""

    def recipe(scope: Scope) -> Iterator[Script]:
        contract = scope.contract
        for name, words, text, least in UNSTORABLE:
            if _sends(scope, least):
                yield Script.alone(invoice(contract, f"{name} with {words}", (Edit(name, words, (text,)),)))
        if not _sends(scope, "standard"):
            return
        for words, old, new in (
            ("a lone surrogate for a name", b"5000}", b'5000,"\\ud800":1}'),
            ("a name given twice, the last wrong", b"5000}", b'5000,"amountMinor":"x"}'),
            ("a name given twice, the first wrong", b'"amountMinor":', b'"amountMinor":"x","amountMinor":'),
        ):
            yield Script.alone(changed(contract, words, old, new))
        for coding in ("utf-16-le", "utf-16-le with its mark", "utf-32-le"):
            yield Script.alone(replace(plain(contract), id=f"the plain invoice in {coding}", wire=Wire(coding=coding)))

    return Cases(recipe)


SIZES: dict[Profile, tuple[int, ...]] = {
    "quick": (66_000,),
    "standard": (66_000, 1_050_000),
    "thorough": (66_000, 1_050_000, 4_000_000, 20_000_000),
}
"""Octets of the bodies that are large."""


def large_bodies() -> Cases:
    """Plain invoices with very much white space behind them."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for size in SIZES[scope.profile]:
            case = replace(plain(scope.contract), id=f"a body of {size} octets", wire=Wire(padding=size))
            yield beside_plain(scope, case)

    return Cases(recipe)


# HTTP

QUERY = "?amountMinor=1&amount_minor=1&currencyCode=JPY&exchangeRate=2&invoiceNumber=x&contractId=x"

PATHS: tuple[tuple[str, str, str, Profile], ...] = (
    ("a path parameter", "${path}", ";x=1", "quick"),
    ("a query that contradicts the body", "${path}", QUERY, "quick"),
    ("a doubled slash", "/${path}", "", "standard"),
    ("the path in capitals", "${path:upper}", "", "standard"),
    ("a percent-encoded letter", "${path:encoded}", "", "standard"),
    ("a detour in the path", "${path:dotted}", "", "standard"),
    ("an encoded slash behind", "${path}", "%2F", "standard"),
    ("a suffix .json", "${path}", ".json", "thorough"),
    ("broken percent-encoding", "${path}", "%zz", "thorough"),
    ("an encoded NUL", "${path}", "%00", "thorough"),
    ("two encoded dots", "${path}", "/%2e%2e", "thorough"),
    ("a long query", "${path}", "?x=" + "a" * 4000, "thorough"),
)
"""Ways to write the operation's path, and ways that are not quite it: words, path, suffix, profile."""


def odd_targets() -> Cases:
    """Paths and queries that a server may take for the operation's or not, compressed bodies, other expectations."""

    def recipe(scope: Scope) -> Iterator[Script]:
        base = plain(scope.contract)
        for words, path, suffix, least in PATHS:
            if _sends(scope, least):
                yield Script.alone(replace(base, id=words, path=None if path == "${path}" else path, suffix=suffix))
        packed = with_headers(base, "a compressed body", ("Content-Encoding", "gzip"))
        yield Script.alone(replace(packed, wire=Wire(coding="gzip")))
        if _sends(scope, "standard"):
            yield Script.alone(with_headers(base, "another expectation", ("Expect", "a-miracle")))
            # Without credentials, for it might delete everything.
            yield Script.alone(
                replace(_stranger(scope), id="the method DELETE without credentials", method="DELETE", body=())
            )
        if _sends(scope, "thorough"):
            twice = (("tenant-id", "${tenant}"), ("tenant-id", "${tenant}"))
            yield Script.alone(with_headers(base, "the tenant-id twice over", *twice))
            right = (("Authorization", BEARER), ("Authorization", BEARER))
            yield Script.alone(with_headers(base, "the right token twice", *right))
            yield Script.alone(with_headers(base, "two tenants in one line", ("tenant-id", "${tenant}, ${tenant}")))

    return Cases(recipe)


def lower_case_method() -> Cases:
    """A create with its method in lower case, which is another method."""

    def recipe(scope: Scope) -> Iterator[Script]:
        yield beside_plain(scope, replace(plain(scope.contract), id="the method post", method="post"))

    return Cases(recipe)


def cut_in_chunks() -> Cases:
    """A number whose letters are cut by chunks of three octets, and the plain invoice in chunks of another size."""

    def recipe(scope: Scope) -> Iterator[Script]:
        # Its letters of three octets stand in all three ways to the chunks.
        whole = scope.scripts.get(f"{NUMBER_FIELD}:typographic punctuation")
        if whole is not None:
            small = replace(whole.act, id="letters cut by chunks", chunked=True, wire=Wire(chunks="small"))
            yield Script.beside(small, whole.act)
        if _sends(scope, "standard"):
            case = replace(plain(scope.contract), chunked=True)
            name = "the plain invoice in chunks with capitals in their sizes"
            yield beside_plain(scope, replace(case, id=name, wire=Wire(chunks="capital")))

    return Cases(recipe)


def extended_chunks() -> Cases:
    """The plain invoice in chunks that have extensions, and with a trailer."""

    def recipe(scope: Scope) -> Iterator[Script]:
        case = replace(plain(scope.contract), id="the plain invoice in chunks with extensions", chunked=True)
        yield beside_plain(scope, replace(case, wire=Wire(chunks="extended")))
        if _sends(scope, "standard"):
            trailed = replace(case, id="the plain invoice in chunks with a trailer", wire=Wire(chunks="trailed"))
            yield beside_plain(scope, trailed)

    return Cases(recipe)


def _beside_stranger(scope: Scope, act: Case) -> Script:
    return Script.beside(act, _stranger(scope))


def _hosts(case: Case, name: str, *values: str) -> Case:
    return replace(case, id=name, headers=(*case.headers, *(("Host", value) for value in values)))


def wrong_hosts() -> Cases:
    """HTTP/1.1 without Host, and with two; without credentials, for nobody knows who gets it."""

    def recipe(scope: Scope) -> Iterator[Script]:
        base = _stranger(scope)
        yield _beside_stranger(scope, replace(base, id="no Host", wire=Wire(host=False)))
        if _sends(scope, "standard"):
            yield _beside_stranger(scope, _hosts(base, "two Hosts", "a.invalid", "b.invalid"))

    return Cases(recipe)


HOSTS: tuple[tuple[str, str, Profile], ...] = (
    ("a Host with a port beyond 65535", "a.invalid:99999", "quick"),
    ("an empty Host", "", "standard"),
    ("a Host that is no name", "[::1", "standard"),
    ("a Host beyond ASCII", "\xe9\xff.invalid", "standard"),
    ("a Host with a space", "a b", "thorough"),
    ("a Host with a user", "user@a.invalid", "thorough"),
    ("a Host with a path", "a.invalid/../../etc", "thorough"),
    ("a Host of two names", "a.invalid, b.invalid", "thorough"),
    ("a long Host", "a" * 300 + ".invalid", "thorough"),
)
"""Values of Host that no server has: words, value, profile."""


def odd_heads() -> Cases:
    """Heads that whatever stands in front may answer itself, without credentials."""

    def recipe(scope: Scope) -> Iterator[Script]:
        base = _stranger(scope)
        for words, value, least in HOSTS:
            if _sends(scope, least):
                yield _beside_stranger(scope, _hosts(base, words, value))
        if _sends(scope, "standard"):
            whole = replace(base, id="OPTIONS for the whole server", method="OPTIONS", path="*", body=(), headers=())
            yield _beside_stranger(scope, whole)
            yield _beside_stranger(scope, replace(base, id="the method TRACE", method="TRACE", body=(), headers=()))
        if _sends(scope, "thorough"):
            yield _beside_stranger(scope, replace(base, id="the method CONNECT", method="CONNECT", body=(), headers=()))

    return Cases(recipe)


def absolute_form() -> Cases:
    """The whole URL in the request line, without credentials: as a proxy is asked."""

    def recipe(scope: Scope) -> Iterator[Script]:
        act = replace(_stranger(scope), id="the whole URL in the request line", wire=Wire(absolute=True))
        yield _beside_stranger(scope, act)

    return Cases(recipe)


def old_version() -> Cases:
    """Requests of HTTP/1.0, without credentials."""

    def recipe(scope: Scope) -> Iterator[Script]:
        base = replace(_stranger(scope), wire=Wire(version="1.0"))
        closing = ("Connection", "close")
        yield _beside_stranger(scope, replace(base, id="HTTP/1.0", headers=(*base.headers, closing)))
        if _sends(scope, "standard"):
            yield _beside_stranger(
                scope, replace(base, id="GET of HTTP/1.0", method="GET", body=(), headers=(closing,))
            )

    return Cases(recipe)


def closing() -> Cases:
    """A create that asks for the end of its connection."""

    def recipe(scope: Scope) -> Iterator[Script]:
        headers = (*STANDARD_HEADERS, ("Connection", "close"))
        yield Script.alone(replace(plain(scope.contract), id="Connection: close", headers=headers))

    return Cases(recipe)


def waiting() -> Cases:
    """A create whose body is held back until it is asked for."""

    def recipe(scope: Scope) -> Iterator[Script]:
        expecting = with_headers(plain(scope.contract), "a body that waits to be asked for", ("Expect", "100-continue"))
        yield Script.alone(replace(expecting, wire=Wire(waits=True)))

    return Cases(recipe)


def _one_of_several(scope: Scope, name: str) -> Case:
    """A plain create whose answer speaks of what came before it, so that it is no ordinary one."""
    return invoice(scope.contract, name, (Edit(NUMBER_FIELD, "in its turn", (NumberSlot(key=name),)),))


def after_a_refusal() -> Cases:
    """A create on the connection of one that was refused before its body was read, and another create after it."""

    def recipe(scope: Scope) -> Iterator[Script]:
        base = plain(scope.contract)
        firsts = [replace(base, id="refused unread: an unknown path", suffix="-unknown-path")]
        if _sends(scope, "standard"):
            firsts.append(with_headers(base, "refused unread: no credentials", without=("Authorization",)))
        if _sends(scope, "thorough"):
            firsts.append(replace(base, id="refused unread: another method", method="PUT"))
            media = with_headers(base, "refused unread: another media type", ("Content-Type", "image/png"))
            firsts.append(media)
        for first in firsts:
            words = first.id.replace("refused unread: ", "after ")
            act, again = (_one_of_several(scope, f"a create {words}{more}") for more in ("", ", and one more"))
            yield Script(words, (("first", first), ("act", act), ("twin", again)), order="fixed")

    return Cases(recipe)
