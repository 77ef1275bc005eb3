"""The invoice number as what tells invoices of a tenant apart."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import BothCreated, ExactlyOne, SameAnswerTwice, SecondRefused
from invoice_conformance.recipes import (
    after_refusals,
    duplicates,
    duplicates_of_another_tenant,
    near_duplicates,
    other_separators,
    races,
    repeats,
    wildcards,
)


@check("UNIQUE-NUMBER", expecting=SecondRefused())
def test_refuses_a_used_number() -> Cases:
    """A second create with a used number and other content is refused, in a second tenant too."""
    return duplicates() | duplicates_of_another_tenant()


@check("UNIQUE-RACE", expecting=ExactlyOne())
def test_refuses_all_but_one_of_a_race() -> Cases:
    """Of several simultaneous creates with one number exactly one succeeds."""
    return races()


@check(
    "UNIQUE-AFTER-REFUSAL",
    expecting=BothCreated("a refused create leaves its number free", after_refusal=True),
)
def test_accepts_the_number_of_a_refused_create() -> Cases:
    """The number of a refused create can be used."""
    return after_refusals()


@check("UNIQUE-EXACT", expecting=BothCreated("its number differs from the one before"))
def test_accepts_numbers_that_look_alike() -> Cases:
    """Numbers that differ only by case, space, separators, invisible characters or Unicode form are different."""
    return near_duplicates("case", "space", "form") | other_separators()


@check("UNIQUE-LONG", expecting=BothCreated("its number differs from the one before"))
def test_accepts_long_numbers_that_begin_alike() -> Cases:
    """Numbers that differ only in their last character, or in leading zeros, are different."""
    return near_duplicates("last character")


@check("UNIQUE-LITERAL", expecting=BothCreated("it is another number, and no pattern"))
def test_accepts_a_number_that_is_a_pattern_for_another() -> Cases:
    """A number with signs that a query language takes for wildcards is a number like any other."""
    return wildcards()


@check("UNIQUE-IDENTICAL", expecting=SameAnswerTwice())
def test_returns_the_same_invoice_to_a_repeated_request() -> Cases:
    """The identical body sent again makes no second invoice."""
    return repeats()
