"""Owns the cases about what a server keeps from one request to the next, and how it fares when it has many invoices.

It makes cases and sends none.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from invoice_conformance.boundaries import invoice
from invoice_conformance.case import (
    OF_OTHER_TENANT,
    OTHER_TENANT_HEADERS,
    UNAUTHENTICATED_HEADERS,
    Case,
    Edit,
    Hole,
    NumberSlot,
)
from invoice_conformance.checks import Cases, Scope, Script
from invoice_conformance.expect_steady import EARLY, LATE, REFUSED, LatencySteady
from invoice_conformance.recipes import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from invoice_conformance.contract import Contract
    from invoice_conformance.expect_steady import Moment

NOT_QUICK: Final = frozenset({"after a list"})
"""What a quick run leaves out."""
AGAIN: Final = 2
"""How often a plain invoice follows the same request: what comes and goes by itself has nothing to do with it."""

_DATES: Final = tuple(
    Edit(name, "other content", (json.dumps(f"2021-0{month}-03T04:05:06.000Z").encode(),))
    for month, name in enumerate(("issuedAt", "dueAt", "paidAt"), start=1)
)
_FULL: Final = (*(edit for edit in OTHER if edit.field != "issuedAt"), *_DATES)
"""Content unlike the plain invoice's in every member, dates among it."""
_WRONG_AMOUNT: Final = Edit("amountMinor", "type=string: plain", (b'"5000"',))


def _requests(contract: Contract, turn: int) -> Iterator[tuple[str, tuple[Case, ...]]]:
    """What a plain invoice may follow, in words."""
    full = invoice(contract, "a full invoice before", _FULL)
    refused = invoice(contract, "a refused invoice before", (*_FULL[:2], _WRONG_AMOUNT, *_DATES))
    yield "after a full invoice", (full,)
    yield "after a refused invoice", (refused,)
    # The number's slot stays, so that the request is one of a create.
    yield "after broken JSON", (replace(full, id="broken JSON before", body=full.body[:-1], edits=()),)
    stranger = replace(full, id="no credentials before", headers=UNAUTHENTICATED_HEADERS)
    yield "after a request without credentials", (stranger,)
    theirs = invoice(
        contract,
        "another tenant's invoice before",
        (*_FULL, Edit("contractId", OF_OTHER_TENANT, (Hole("other-contract"),))),
    )
    yield "after another tenant's invoice", (replace(theirs, headers=OTHER_TENANT_HEADERS),)
    shared = Edit("invoiceNumber", "shared", (NumberSlot(key=f"number {turn}"),))
    first = invoice(contract, f"a number before a duplicate, {turn}", (shared,))
    yield "after a duplicate", (first, invoice(contract, f"a duplicate before, {turn}", (shared, *_FULL)))
    yield "after a list", (replace(full, id="a list before", method="GET", body=(), edits=()),)


def sequels() -> Cases:
    """A plain invoice by itself, then right after a request of each kind, twice."""

    def recipe(scope: Scope) -> Iterator[Script]:
        turns = [dict(_requests(scope.contract, turn)) for turn in range(AGAIN)]
        for words in turns[0]:
            if scope.profile == "quick" and words in NOT_QUICK:
                continue
            steps = [("twin", invoice(scope.contract, f"plain, before one {words}", ()))]
            for requests in turns:
                steps += [("before", case) for case in requests[words]]
                steps.append(("act", invoice(scope.contract, f"plain {words}", ())))
            yield Script(words, tuple(steps), order="fixed")

    return Cases(recipe)


def growth() -> Cases:
    """Plain creates, and refused ones beside them, alone before everything else and alone at the end."""

    def recipe(scope: Scope) -> Iterator[Script]:
        early = [("early", _measured(scope.contract, turn, "early")) for turn in range(EARLY)]
        early += [("refused", _measured(scope.contract, turn, "early refused")) for turn in range(REFUSED)]
        refused = [("late", _measured(scope.contract, turn, "late refused")) for turn in range(REFUSED)]
        late = [("act", _measured(scope.contract, turn, "late")) for turn in range(LATE)]
        # By turns, so that what slows the one down for a moment meets the other too.
        mixed = [step for pair in zip(late, refused, strict=False) for step in pair] + late[len(refused) :]
        yield Script("creates early and late", (*early, *mixed), order="apart")

    return Cases(recipe)


def _measured(contract: Contract, turn: int, moment: Moment) -> Case:
    edits = (_WRONG_AMOUNT,) if moment.endswith("refused") else ()
    return invoice(contract, _name(turn, moment), edits)


def _name(turn: int, moment: Moment) -> str:
    return f"{'plain' if not moment.endswith('refused') else 'wrong amount'}, {moment} {turn + 1}"


def latency() -> LatencySteady:
    """What looks at these creates."""
    counts: dict[Moment, int] = {"early": EARLY, "early refused": REFUSED, "late": LATE, "late refused": REFUSED}
    return LatencySteady({_name(turn, moment): moment for moment, count in counts.items() for turn in range(count)})
