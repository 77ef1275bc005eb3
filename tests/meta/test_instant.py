"""Owns how exact instants are: RFC 3339 read against Python's datetime, and where datetime ends, by hand.

It must not know what instants are compared for.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoice_conformance.instant import date_of, day_number, read_rfc3339, read_sent

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
FIRST_DAY: Final = -719528
"""0000-01-01, counted from 1970-01-01."""
LAST_DAY: Final = 2932896
"""9999-12-31."""

examples: Final = settings(derandomize=True, deadline=None, database=None, max_examples=200)

offsets: Final = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments: Final = st.datetimes(timezones=offsets)


def seconds(moment: datetime) -> Fraction:
    """Seconds since the epoch, exactly."""
    return Fraction((moment - EPOCH) // MICROSECOND, 10**6)


@examples
@given(moments)
def test_an_instant_is_what_datetime_says(moment: datetime) -> None:
    text = moment.isoformat()

    read = read_rfc3339(text)

    assert read == seconds(moment)


@examples
@given(moments, st.text("0123456789", min_size=7, max_size=40))
def test_a_fraction_of_any_length_is_exact(moment: datetime, digits: str) -> None:
    whole = moment.replace(microsecond=0)
    text = f"{whole.isoformat()[:19]}.{digits}{whole.isoformat()[19:]}"

    read = read_rfc3339(text)

    assert read == seconds(whole) + Fraction(int(digits), 10 ** len(digits))


@examples
@given(moments)
def test_the_letters_mean_the_same_in_lower_case(moment: datetime) -> None:
    text = f"{moment.astimezone(UTC).isoformat()[:19]}Z" if moment.year not in {1, 9999} else "2000-01-01T00:00:00Z"

    assert read_rfc3339(text.lower()) == read_rfc3339(text) is not None


@examples
@given(st.dates())
def test_days_are_those_of_datetime(day: date) -> None:
    count = (day - EPOCH.date()).days

    assert day_number(f"{day.isoformat()}T23:59:59.999Z") == count
    assert date_of(count) == day.isoformat()


@examples
@given(st.integers(FIRST_DAY, LAST_DAY))
def test_date_of_and_day_number_undo_each_other(count: int) -> None:
    assert day_number(f"{date_of(count)}T00:00:00Z") == count


@examples
@given(st.integers(FIRST_DAY, LAST_DAY - 1))
def test_dates_are_in_the_order_of_their_days(count: int) -> None:
    assert date_of(count) < date_of(count + 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59Z", -1),
        ("1970-01-01T00:00:00.001Z", Fraction(1, 1000)),
        ("1969-12-31T23:59:59.999Z", Fraction(-1, 1000)),
        ("2023-10-05T14:48:00.000Z", 1696517280),
        ("2023-10-05T16:48:00+02:00", 1696517280),
        ("2023-10-05T09:18:00-05:30", 1696517280),
        ("2023-10-05T14:48:00-00:00", 1696517280),
        # Year 0 is a leap year before the year 1, which datetime begins with.
        ("0000-01-01T00:00:00Z", FIRST_DAY * 86400),
        ("0000-02-29T00:00:00Z", (FIRST_DAY + 59) * 86400),
        ("0000-12-31T00:00:00Z", (FIRST_DAY + 365) * 86400),
        ("0001-01-01T00:00:00Z", (FIRST_DAY + 366) * 86400),
        ("9999-12-31T23:59:59Z", (LAST_DAY + 1) * 86400 - 1),
        # An offset may lead beyond either end.
        ("0000-01-01T00:00:00+01:00", FIRST_DAY * 86400 - 3600),
        ("9999-12-31T23:59:59-01:00", (LAST_DAY + 1) * 86400 + 3599),
        # RFC 3339 §5.7: a leap second, which is the next minute's first on clocks that do not know it.
        ("2016-12-31T23:59:60Z", 1483228800),
        ("2016-12-31T18:59:60-05:00", 1483228800),
    ],
)
def test_an_instant_is_read(text: str, expected: Fraction | int) -> None:
    assert read_rfc3339(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2023-10-05",
        "2023-10-05T14:48:00",
        "2023-10-05T14:48Z",
        "2023-10-05T14:48:00+0200",
        "2023-10-05T14:48:00+02",
        "2023-10-05T14:48:00.Z",
        "2023-10-05T14:48:00,5Z",
        "2023-10-05T14:48:00Z\n",
        " 2023-10-05T14:48:00Z",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2023-04-31T00:00:00Z",
        "2023-10-05T24:00:00Z",
        "2023-10-05T14:60:00Z",
        "2023-10-05T14:48:61Z",
        "2023-10-05T14:48:00+24:00",
        "2023-10-05T14:48:00+02:60",
        "12023-10-05T14:48:00Z",
        "٢٠٢٣-10-05T14:48:00Z",
        "2023-10-05T14:48:00.١Z",
    ],
)
def test_what_is_no_date_time_is_not_read(text: str) -> None:
    assert read_rfc3339(text) is None


def test_seconds_may_be_missing_in_what_was_sent() -> None:
    assert read_sent("2023-10-05T14:48Z") == read_rfc3339("2023-10-05T14:48:00Z")
    assert read_sent("2023-10-05T24:48Z") is None
    assert day_number("tomorrow") is None
