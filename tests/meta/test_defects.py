"""What the expectations make of defects that show in several answers together, or between two tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.meta.trials import created, read, refusal, silence, trial

from invoice_conformance.config import Settings
from invoice_conformance.expect import BothCreated
from invoice_conformance.session import Suite
from invoice_conformance.trial import Broken, DoesNotApply, Holds

if TYPE_CHECKING:
    from invoice_conformance.plan import Plan
    from invoice_conformance.trial import Reading

SUITE: Final = Suite.load()
ANOTHER: Final = BothCreated("it is another number")


@pytest.fixture(scope="module")
def standard() -> Plan:
    return SUITE.plan(Settings())


@pytest.mark.parametrize(
    ("acts", "judged"),
    [
        ((read(created()), read(created())), Holds),
        ((read(created()), read(refusal(409))), Broken),
        ((read(refusal(409)), read(created())), Broken),
        ((read(created()), read(silence())), DoesNotApply),
    ],
    ids=["all", "the last refused", "the first refused", "no answer"],
)
def test_every_one_of_several_creates_must_succeed(acts: tuple[Reading, ...], judged: type) -> None:
    found = trial(acts[0], act=acts, first=read(created()))

    assert isinstance(ANOTHER.judge(found), judged)


def test_a_standard_run_makes_a_thousand_invoices_before_it_uses_a_number_again(standard: Plan) -> None:
    script = standard.scripts["a number used long ago"]

    others = [name for name, one in standard.scripts.items() if one.order in {"last", "race"}]
    late = sum(len(standard.scripts[name].steps) for name in others)
    assert script.order == "apart"
    assert standard.invoices - late > 1200
