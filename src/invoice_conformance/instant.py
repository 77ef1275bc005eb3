"""Owns instants: RFC 3339 date-times as exact numbers of seconds, in a calendar that includes year 0.

It knows nothing of fields, of rules or of how closely two instants must agree.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

# RFC 3339 §5.6: "T" and "Z" may be lower case, a space may stand for "T"; a leap second is a second 60.
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))"
)
_WITHOUT_SECONDS = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})Z")
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FRACTION_DIGITS = 40
"""Digits of a fraction that are looked at: more than any case sends."""


@functools.lru_cache(maxsize=4096)
def read_rfc3339(text: str) -> Fraction | None:
    """Seconds since 1970-01-01T00:00:00Z, exactly; None when `text` is no RFC 3339 date-time."""
    matched = _RFC3339.fullmatch(text)
    if matched is None:
        return None
    year, month, day, hour, minute, second = (int(matched[index]) for index in range(1, 7))
    offset_hour, offset_minute = int(matched[10] or 0), int(matched[11] or 0)
    legal = (
        1 <= month <= len(_MONTH_LENGTHS)
        and 1 <= day <= _month_length(year, month)
        and hour < 24  # noqa: PLR2004 - a clock's bounds
        and minute < 60  # noqa: PLR2004
        and second <= 60  # noqa: PLR2004
        and offset_hour < 24  # noqa: PLR2004
        and offset_minute < 60  # noqa: PLR2004
    )
    if not legal:
        return None
    whole = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second
    if matched[9]:
        offset = (offset_hour * 60 + offset_minute) * 60
        whole -= offset if matched[9] == "+" else -offset
    digits = (matched[7] or "")[:_FRACTION_DIGITS]
    return Fraction(whole) + (Fraction(int(digits), 10 ** len(digits)) if digits else 0)


def read_sent(text: str) -> Fraction | None:
    """Like `read_rfc3339`, for what the page's pattern accepts: the seconds may be missing."""
    short = _WITHOUT_SECONDS.fullmatch(text)
    return read_rfc3339(f"{short[1]}:00Z" if short else text)


def day_number(text: str) -> int | None:
    """Days since 1970-01-01 of a date-time in the page's pattern; None for any other text."""
    instant = read_sent(text)
    return None if instant is None else int(instant // 86400)


def date_of(days: int) -> str:
    """The date `days` after 1970-01-01 as YYYY-MM-DD, for the years 0 to 9999."""
    # The inverse of _days, counted in eras of 400 years that begin on 1 March.
    shifted = days + 719468
    era, day_of_era = divmod(shifted, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9  # noqa: PLR2004 - March is month 0
    year = year_of_era + era * 400 + (month <= 2)  # noqa: PLR2004 - January and February close a year
    return f"{year:04d}-{month:02d}-{day:02d}"


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _month_length(year: int, month: int) -> int:
    return _MONTH_LENGTHS[month - 1] + (month == 2 and _leap(year))  # noqa: PLR2004 - February


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years."""
    shifted_year = year - (month <= 2)  # noqa: PLR2004 - a year that begins in March ends with the leap day
    era, year_of_era = divmod(shifted_year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468
