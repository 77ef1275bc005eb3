"""Owns the cases that tempt a server to tell what it should not, or to obey whom it should not.

It makes cases and sends none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from invoice_conformance.boundaries import CONTRACT_FIELD, invoice
from invoice_conformance.case import OF_OTHER_TENANT, OTHER_TENANT, STANDARD_HEADERS, Case, Edit, Hole, NumberSlot
from invoice_conformance.checks import Cases, Scope, Script
from invoice_conformance.wire_recipes import with_headers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.case import Part

FOREIGN_AMOUNT = "740311905377"
"""In minor units; no other invoice of a run has it."""

POLLUTING = "BTN"
"""A currency that no server has for its default, and every server knows."""

LONG_AGO = b'"2001-02-03T04:05:06.007Z"'
_NUMBER = Edit("invoiceNumber", "shared", (NumberSlot(key="number"),))
_OTHER_NUMBER = Edit("invoiceNumber", "its own", (NumberSlot(key="other number"),))


def beside_another_tenant() -> Cases:
    """An invoice in the other tenant, and then what might bring a server to speak of it in this one."""

    def recipe(scope: Scope) -> Iterator[Script]:
        foreign = Edit(CONTRACT_FIELD, "foreign", (Hole("other-contract"),))
        unknown = Edit(CONTRACT_FIELD, "unknown", (b'"ctr_000000000000000000000000"',))
        theirs = Edit(CONTRACT_FIELD, OF_OTHER_TENANT, (Hole("other-contract"),))
        alone = Edit("amountMinor", "an amount that no other invoice has", (FOREIGN_AMOUNT.encode(),))
        first = with_headers(
            invoice(scope.contract, "", (_NUMBER, theirs, alone)),
            "an invoice of the other tenant",
            ("tenant-id", OTHER_TENANT),
        )
        acts = (
            invoice(scope.contract, "its number in this tenant", (_NUMBER,)),
            invoice(scope.contract, "its contract in this tenant", (_OTHER_NUMBER, foreign)),
            invoice(scope.contract, "a contract of nobody in this tenant", (_OTHER_NUMBER, unknown)),
            with_headers(
                invoice(scope.contract, "", (_OTHER_NUMBER,)),
                "a tenant of nobody",
                ("tenant-id", "tnt_000000000000000000000000"),
            ),
            Case("the list of this tenant", (), method="GET", headers=STANDARD_HEADERS[:2]),
        )
        for act in acts:
            name = f"{first.id}, then {act.id}"
            yield Script(name, (("first", first), ("act", replace(act, id=name))), order="fixed")

    return Cases(recipe)


def _told(name: str, *parts: Part) -> Edit:
    return Edit(name, "set by the client", parts)


def _placed(scope: Scope, *told: Edit) -> Script:
    """A create with something more in it, then two plain ones of its number, each with an amount of its own."""
    words = f"client sets {told[0].field}"
    later = (
        invoice(scope.contract, f"{words}, {when}", (_NUMBER, Edit("amountMinor", "other content", (amount,))))
        for when, amount in (("then its number", b"777"), ("then its number again", b"778"))
    )
    first = invoice(scope.contract, f"{words}, at first", (_NUMBER, *told))
    return Script(words, tuple(zip(("first", "act", "again"), (first, *later), strict=True)), order="fixed")


def tenant_in_the_body() -> Cases:
    """A create that names the other tenant in its body."""

    def recipe(scope: Scope) -> Iterator[Script]:
        for name in ("tenantId", "tenant_id"):
            yield _placed(scope, _told(name, Hole("other-tenant")))

    return Cases(recipe)


def deleted_from_the_start() -> Cases:
    """A create that says of its invoice that it is deleted."""

    def recipe(scope: Scope) -> Iterator[Script]:
        yield _placed(scope, _told("deletedAt", LONG_AGO))

    return Cases(recipe)


def set_elsewhere() -> Cases:
    """Plain invoices that say of themselves, in places that the page does not know, what only the server may set."""
    places: tuple[tuple[str, tuple[Part, ...]], ...] = (
        ("_id", (NumberSlot(before="inv_client", key="number"),)),
        (
            "data",
            (
                b'{"id":',
                NumberSlot(before="inv_client", key="number"),
                b',"status":"VOID","createdAt":',
                LONG_AGO,
                b"}",
            ),
        ),
        ("__proto__", (b'{"status":"VOID","paidAt":', LONG_AGO, b"}")),
        ("constructor", (b'{"prototype":{"status":"VOID","paidAt":', LONG_AGO, b"}}")),
    )

    def recipe(scope: Scope) -> Iterator[Script]:
        for name, parts in places:
            case = invoice(scope.contract, f"client sets {name}", (_NUMBER, _told(name, *parts)))
            yield Script.alone(case)

    return Cases(recipe)


def said_of_every_object() -> Cases:
    """A create that sets a currency on the prototype of all objects, then one that has none.

    It comes when all else has been sent. Required members alone are set so: a valid create names them itself, so what
    this might leave behind in a server changes none.
    """

    def recipe(scope: Scope) -> Iterator[Script]:
        inner = b'{"currencyCode":"' + POLLUTING.encode() + b'"}'
        for name, value in (("__proto__", inner), ("constructor", b'{"prototype":' + inner + b"}")):
            first = invoice(scope.contract, f"a currency in {name}", (_NUMBER, _told(name, value)))
            absent = Edit("currencyCode", "absent", None)
            act = invoice(scope.contract, f"no currency after {name}", (_OTHER_NUMBER, absent))
            yield Script(f"{first.id}, then none", (("first", first), ("act", act)), order="last")

    return Cases(recipe)
