"""The three dates, from the request to the resource."""

from __future__ import annotations

from invoice_conformance.checks import Cases, check
from invoice_conformance.expect import Accepted, Echoed, MemberIs, NotFilled
from invoice_conformance.recipes import boundaries, date_orders

DATES = ("issuedAt", "dueAt", "paidAt")
IN_PATTERN = "a date-time in the page's pattern (UTC, with Z)"


@check("DATE-ACCEPTED", expecting=Accepted(fields=DATES), watching=True)
def test_accepts_every_date_time_in_pattern() -> Cases:
    """A date-time that the page's pattern matches is accepted in each of the three dates."""
    return boundaries("date-time", legal=True)


@check("DATE-ACCEPTED-WIDE", expecting=Accepted("SHOULD", fields=DATES), watching=True)
def test_accepts_unusual_date_times() -> Cases:
    """A date-time of the year 0000, with more than nine fraction digits, or in the future is accepted."""
    return boundaries("date-time", legal=True)


@check("DATE-NO-SECONDS", expecting=Accepted("MAY", fields=DATES, keywords=("seconds",)))
def test_accepts_a_date_time_without_seconds() -> Cases:
    """A date-time without seconds is accepted."""
    return boundaries("date-time", legal=True)


@check("DATE-ORDER", expecting=Accepted("SHOULD", keywords=("order",)))
def test_accepts_dates_in_any_order() -> Cases:
    """Dates in any order are accepted."""
    return date_orders()


@check("DATE-ECHO", expecting=Echoed("issuedAt", "instant"), watching=True)
def test_returns_the_issue_date() -> Cases:
    """An accepted issuedAt comes back as the same instant to the millisecond."""
    return boundaries("date-time", legal=True, fields=("issuedAt",))


@check("DATE-ECHO", expecting=Echoed("dueAt", "instant"), watching=True)
def test_returns_the_due_date() -> Cases:
    """An accepted dueAt comes back as the same instant to the millisecond."""
    return boundaries("date-time", legal=True, fields=("dueAt",))


@check("DATE-ECHO", expecting=Echoed("paidAt", "instant"), watching=True)
def test_returns_the_payment_date() -> Cases:
    """An accepted paidAt comes back as the same instant to the millisecond."""
    return boundaries("date-time", legal=True, fields=("paidAt",))


@check("DATE-NOT-FILLED", expecting=NotFilled(), watching=True)
def test_returns_no_date_of_its_own() -> Cases:
    """A date that was left out or null comes back null or absent."""
    return boundaries("required", "null", legal=True, fields=DATES)


@check("DATE-FORM", expecting=MemberIs("issuedAt", "pattern", words=IN_PATTERN), watching=True)
def test_returns_the_issue_date_in_pattern() -> Cases:
    """An issuedAt comes back in the page's pattern."""
    return boundaries("date-time", legal=True, fields=("issuedAt",))


@check("DATE-FORM", expecting=MemberIs("dueAt", "pattern", words=IN_PATTERN), watching=True)
def test_returns_the_due_date_in_pattern() -> Cases:
    """A dueAt comes back in the page's pattern."""
    return boundaries("date-time", legal=True, fields=("dueAt",))


@check("DATE-FORM", expecting=MemberIs("paidAt", "pattern", words=IN_PATTERN), watching=True)
def test_returns_the_payment_date_in_pattern() -> Cases:
    """A paidAt comes back in the page's pattern."""
    return boundaries("date-time", legal=True, fields=("paidAt",))
