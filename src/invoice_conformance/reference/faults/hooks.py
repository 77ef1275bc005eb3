"""Owns what a fault is, and the few ways in which one changes a stage of the service.

It must not know any particular fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

from invoice_conformance.reference.messages import Refusal, Request, Response
from invoice_conformance.reference.strict_json import BreachKind, JsonValue, NotJson, decode, parse
from invoice_conformance.reference.validation import Given, Invalid, Reader

if TYPE_CHECKING:
    from invoice_conformance.reference.front import Breaks
    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Claim, Members

Install: TypeAlias = "Callable[[Service], None]"
"""Replaces stages of one service; what it remembers belongs to that service alone."""

Test: TypeAlias = Callable[[Given], bool]
"""Whether a fault shows on what was sent for one member."""

DATES: Final = ("issuedAt", "dueAt", "paidAt")

_STRINGS = re.compile(r'("(?:[^"\\]|\\.)*")', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehaviour: its name says what a programmer did, its summary what comes of it.

    One that `races` shows only when requests are under way at the same moment.
    `breaks`, if there is any, breaks correct answers where they are written; it takes a connection to see it.
    So it does where `shown_by` names the requirements that show it: the answers to others are garbled at random.
    """

    name: str
    area: str
    summary: str
    install: Install
    races: bool = False
    breaks: Breaks | None = None
    shown_by: str = "*"

    @property
    def over_sockets(self) -> bool:
        """Whether it shows on connections alone."""
        return self.races or self.breaks is not None or self.shown_by != "*"


def crash() -> Refusal:
    """An exception that nobody caught, as a client sees it."""
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong")


def reads(how: Callable[[Reader, Given], JsonValue], *names: str) -> Install:
    """Read the members `names` with `how`, which is given the reader that stood there before."""

    def install(service: Service) -> None:
        for name in names:
            service.readers[name] = _reader(how, service.readers[name])

    return install


def takes(change: Callable[[str], str], *names: str) -> Install:
    """Change the text that was sent for `names` before it is judged."""
    return reads(lambda read, value: read(change(value) if isinstance(value, str) else value), *names)


def keeps(change: Callable[[str], str], *names: str) -> Install:
    """Change the text that was accepted for `names` before it is stored."""

    def how(read: Reader, value: Given) -> JsonValue:
        kept = read(value)
        return change(kept) if isinstance(kept, str) else kept

    return reads(how, *names)


def accepts(when: Test, instead: Callable[[Given], JsonValue], *names: str) -> Install:
    """Take what `when` holds for without judging it, and store `instead` of it."""
    return reads(lambda read, value: instead(value) if storable(value) and when(value) else read(value), *names)


def storable(value: Given) -> bool:
    """Whether a database takes `value`: text with a lone surrogate it cannot take."""
    return not isinstance(value, str) or not any("\ud800" <= character <= "\udfff" for character in value)


def trips_over(when: Test, *names: str) -> Install:
    """Answer 500 to what `when` holds for before anything judges it."""

    def how(read: Reader, value: Given) -> JsonValue:
        if when(value):
            raise crash()
        return read(value)

    return reads(how, *names)


def refuses(when: Test, *names: str) -> Install:
    """Refuse what `when` holds for although it is valid."""
    return _objects(when, lambda: Invalid("custom", "the value is not acceptable"), *names)


def crashes(when: Test, *names: str) -> Install:
    """Answer 500 to what `when` holds for although it is valid."""
    return _objects(when, crash, *names)


def shows(change: Callable[[JsonValue], JsonValue], *names: str) -> Install:
    """Change how `names` look in the resource; null and the store stay as they are."""

    def altered(members: Members) -> Members:
        return {
            name: change(value) if name in names and value is not None else value for name, value in members.items()
        }

    return presents(altered)


def presents(change: Callable[[Members], Members]) -> Install:
    """Change the resource that a client sees; `change` gets a copy of its own."""

    def install(service: Service) -> None:
        before = service.resource
        service.resource = lambda members: change(dict(before(members)))

    return install


def composes(change: Callable[[Members, Members], Members]) -> Install:
    """Change a new invoice before it is stored, given the body as it was sent and a copy of the invoice."""

    def install(service: Service) -> None:
        before = service.mint
        service.mint = lambda document, members: change(document, dict(before(document, members)))

    return install


def reviews(objection: Callable[[Members], Exception | None]) -> Install:
    """Raise what `objection` finds wrong with an accepted body as a whole."""

    def install(service: Service) -> None:
        before = service.read

        def read(request: Request) -> tuple[Members, Members]:
            document, members = before(request)
            if found := objection(document):
                raise found
            return document, members

        service.read = read

    return install


def claims(change: Callable[[str, str, Members], Claim]) -> Install:
    """Claim what `change` makes of the tenant, the number and the invoice."""

    def install(service: Service) -> None:
        service.claim = lambda tenant, invoice: change(tenant, str(invoice["invoiceNumber"]), invoice)

    return install


def folds(fold: Callable[[str], str]) -> Install:
    """Claim what `fold` makes of the number."""
    return claims(lambda tenant, number, _: (tenant, fold(number)))


def number_in(body: bytes) -> str:
    """The invoice number in a body, "" when there is none."""
    try:
        document = parse(decode(body))
    except NotJson:
        return ""
    number = document.get("invoiceNumber") if isinstance(document, dict) else None
    return number if isinstance(number, str) else ""


def hears(change: Callable[[Request], Request]) -> Install:
    """Change each request before anything looks at it."""

    def install(service: Service) -> None:
        before = service.receive
        service.receive = lambda request: change(before(request))

    return install


def decodes(change: Callable[[bytes], bytes]) -> Install:
    """Change the octets of a body before they are parsed."""

    def install(service: Service) -> None:
        before = service.decode
        service.decode = lambda octets: before(change(octets))

    return install


def decodes_text(change: Callable[[str], str]) -> Install:
    """Change the text of a body before it is parsed; a body that is not UTF-8 passes as it is."""

    def through(octets: bytes) -> bytes:
        try:
            return change(octets.decode()).encode()
        except UnicodeError:
            return octets

    return decodes(through)


def stumbles(kind: BreachKind) -> Install:
    """Answer 500 to a body that is not JSON in this way."""

    def install(service: Service) -> None:
        before = service.decode

        def decode(octets: bytes) -> JsonValue:
            try:
                return before(octets)
            except NotJson as error:
                raise (crash() if error.kind == kind else error) from None

        service.decode = decode

    return install


def succeeds(change: Callable[[Response], Response]) -> Install:
    """Change the answer to a successful create."""

    def install(service: Service) -> None:
        before = service.created
        service.created = lambda response: change(before(response))

    return install


def objects(change: Callable[[Refusal, Response], Response]) -> Install:
    """Change the answer to a refused request."""

    def install(service: Service) -> None:
        before = service.refuse
        service.refuse = lambda refusal: change(refusal, before(refusal))

    return install


def answers(change: Callable[[Request, Response], Response]) -> Install:
    """Change every answer, after everything else."""

    def install(service: Service) -> None:
        before = service.answer
        service.answer = lambda request, response: change(request, before(request, response))

    return install


def counts(act: Callable[[int], None]) -> Install:
    """Call `act` with 1, 2, 3 … before a valid invoice is stored."""

    def install(service: Service) -> None:
        before = service.insert
        made = 0

        async def insert(tenant: str, invoice: Members) -> None:
            nonlocal made
            made += 1
            act(made)
            await before(tenant, invoice)

        service.insert = insert

    return install


def outside_strings(change: Callable[[str], str]) -> Callable[[str], str]:
    """Apply `change` to the parts of a JSON text that lie outside its strings."""

    def changed(text: str) -> str:
        parts = _STRINGS.split(text)
        return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))

    return changed


def substituting(pattern: str, replacement: str) -> Callable[[str], str]:
    """Return what replaces each match of `pattern`."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: compiled.sub(replacement, text)


def matching(pattern: str) -> Test:
    """Return the test whether a value is text that holds a match of `pattern` (ASCII semantics)."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and bool(compiled.search(value))


def _reader(how: Callable[[Reader, Given], JsonValue], read: Reader) -> Reader:
    return lambda value: how(read, value)


def _objects(when: Test, make: Callable[[], Exception], *names: str) -> Install:
    def how(read: Reader, value: Given) -> JsonValue:
        kept = read(value)
        if when(value):
            raise make()
        return kept

    return reads(how, *names)
