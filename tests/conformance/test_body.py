"""What the schema of the request body allows and forbids, one family of checks a keyword."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import Accepted, AcceptedTogether, NoServerError, Refused
from invoice_conformance.recipes import (
    boundaries,
    fractions_below_zero,
    in_company,
    mixed,
    other_members,
    pairs,
    random_invoices,
    random_refusals,
    unknown_members,
    written,
)
from invoice_conformance.second import invented_invoices, invented_members, invented_refusals


@check("BODY-REQUIRED", expecting=Refused(("required",)))
def test_refuses_a_missing_member() -> Cases:
    """A body without one of the required members is refused."""
    return boundaries("required", legal=False) | in_company("required") | invented_refusals("required")


@check("BODY-NULL", expecting=Refused(("null",)))
def test_refuses_null() -> Cases:
    """A body with null for a member that is not nullable is refused."""
    return boundaries("null", legal=False) | in_company("null") | invented_refusals("null")


@check("BODY-TYPE", expecting=Refused(("type",)))
def test_refuses_another_type() -> Cases:
    """A body with a member of another JSON type is refused."""
    return boundaries("type", legal=False) | in_company("type") | invented_refusals("type")


@check("BODY-INTEGER", expecting=Refused(("integer",)))
def test_refuses_a_fraction() -> Cases:
    """A body with a fraction where an integer belongs is refused."""
    return boundaries("integer", legal=False) | in_company("integer") | invented_refusals("integer")


@check("BODY-MINIMUM", expecting=Refused(("minimum",)))
def test_refuses_a_number_below_its_minimum() -> Cases:
    """A body with a number below its member's minimum is refused."""
    return boundaries("minimum", legal=False) | in_company("minimum") | invented_refusals("minimum")


@check("BODY-MINIMUM", expecting=Refused(("minimum", "integer"), several=True))
def test_refuses_a_fraction_below_the_minimum() -> Cases:
    """A body with a fraction just below the minimum is refused, though it may be rounded or cut to it."""
    return fractions_below_zero()


@check("BODY-MAXIMUM", expecting=Refused(("maximum",)))
def test_refuses_a_number_above_its_maximum() -> Cases:
    """A body with a number above its member's maximum is refused."""
    return boundaries("maximum", legal=False) | in_company("maximum") | invented_refusals("maximum")


@check("BODY-MINLENGTH", expecting=Refused(("minLength",)))
def test_refuses_a_short_string() -> Cases:
    """A body with a string that is too short is refused, however its characters are counted."""
    return boundaries("minLength", legal=False) | in_company("minLength") | invented_refusals("minLength")


@check("BODY-MAXLENGTH", expecting=Refused(("maxLength",)))
def test_refuses_a_long_string() -> Cases:
    """A body with a string that is too long is refused."""
    return boundaries("maxLength", legal=False) | in_company("maxLength") | invented_refusals("maxLength")


@check("BODY-LENGTH-ASTRAL", expecting=Refused(("minLength", "maxLength"), level="SHOULD"))
def test_refuses_a_string_that_is_short_in_characters() -> Cases:
    """A body with a string that reaches its least length in UTF-16 units alone is refused."""
    return boundaries("minLength", legal=False, fields=("currencyCode",)) | invented_refusals(
        "minLength", level="SHOULD"
    )


@check("BODY-LENGTH-ASTRAL", expecting=Accepted("SHOULD", keywords=("maxLength",)), watching=True)
def test_accepts_a_string_that_is_long_in_utf_16() -> Cases:
    """A body with a string that exceeds its greatest length in UTF-16 units alone is accepted."""
    return boundaries("maxLength", legal=True)


@check("BODY-PATTERN", expecting=Refused(("pattern",)))
def test_refuses_a_date_time_out_of_pattern() -> Cases:
    """A body with a date-time that the page's pattern does not match is refused."""
    return boundaries("pattern", legal=False) | in_company("pattern") | invented_refusals("pattern")


@check("BODY-PATTERN", expecting=Refused(("pattern",)))
def test_refuses_a_random_date_time_out_of_pattern() -> Cases:
    """A body with a date-time that is one change away from the page's pattern is refused."""
    return random_refusals("pattern")


@check("BODY-ACCEPTED", expecting=Accepted())
def test_accepts_the_example() -> Cases:
    """The page's example is accepted, and the same invoice without its dates."""
    return written()


@check("BODY-ACCEPTED", expecting=Accepted())
def test_accepts_a_missing_or_null_date() -> Cases:
    """A body that leaves out a member that is not required, or has null for it, is accepted."""
    return boundaries("required", "null", legal=True)


@check("BODY-ACCEPTED", expecting=Accepted())
def test_accepts_the_legal_values_of_an_added_member() -> Cases:
    """A member that is added to the spec is accepted at and inside its bounds."""
    return other_members()


@check("BODY-ACCEPTED", expecting=AcceptedTogether())
def test_accepts_legal_values_together() -> Cases:
    """Legal values that are accepted alone are accepted together."""
    return pairs("MUST") | random_invoices("MUST") | invented_invoices("MUST")


@check("BODY-ACCEPTED-WIDE", expecting=AcceptedTogether("SHOULD"))
def test_accepts_unusual_values_together() -> Cases:
    """Unusual legal values that are accepted alone are accepted together."""
    return pairs("SHOULD") | random_invoices("SHOULD") | invented_invoices("SHOULD")


@check("BODY-UNKNOWN", expecting=NoServerError())
def test_answers_an_unknown_member() -> Cases:
    """A body with a member that the page does not know is answered without a server error."""
    return unknown_members() | invented_members()


@check("BODY-ACCEPTED", expecting=AcceptedTogether())
def test_accepts_legal_values_in_every_kind_of_currency() -> Cases:
    """Amounts, rates, dates and numbers that are accepted alone are accepted together in every kind of currency."""
    return mixed()
