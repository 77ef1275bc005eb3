"""Owns the faults in issuedAt, dueAt and paidAt, the dates that the client sends.

It must not know the timestamps that the server sets itself.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import (
    DATES,
    Fault,
    Install,
    accepts,
    composes,
    crashes,
    keeps,
    matching,
    presents,
    reads,
    refuses,
    reviews,
    substituting,
    takes,
)
from invoice_conformance.reference.messages import Refusal
from invoice_conformance.reference.service import timestamp
from invoice_conformance.reference.strict_json import JsonValue, Number
from invoice_conformance.reference.validation import ABSENT, PATTERN, to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.service import Service
    from invoice_conformance.reference.store import Members
    from invoice_conformance.reference.validation import Given, Reader

_TIME: Final = r"T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?Z\Z"
_OFFSET = re.compile(r"(.*T.*)([+-])([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_FOUND = re.compile(PATTERN.pattern.removeprefix("^").removesuffix("$"), re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_EPOCH: Final = 4_102_444_800_000
_MICROSECONDS: Final = 6
_CENTURY: Final = 100


def _day(pattern: str) -> Callable[[Given], bool]:
    """Whether a value is a time of day that is right, on a date that matches `pattern`."""
    return matching(rf"\A{pattern}{_TIME}")


def _unchecked(when: Callable[[Given], bool], *names: str) -> Install:
    return accepts(when, lambda value: to_milliseconds(str(value)), *(names or DATES))


def _leap_day_of(test: Callable[[int], bool]) -> Callable[[Given], bool]:
    on_leap_day = _day(r"\d{4}-02-29")
    return lambda value: on_leap_day(value) and test(int(str(value)[:4]))


def _year(test: Callable[[int], bool]) -> Callable[[Given], bool]:
    return lambda value: isinstance(value, str) and test(int(value[:4]))


def _moved(change: Callable[[datetime], datetime]) -> Callable[[str], str]:
    """What `change` makes of a stored date; dates that Python cannot hold stay as they are."""

    def moved(text: str) -> str:
        try:
            return timestamp(change(datetime.fromisoformat(text)))
        except (ValueError, OverflowError):
            return text

    return moved


def _in_utc(text: str) -> str:
    """The instant of a timestamp with an offset, spelled with Z."""
    match = _OFFSET.fullmatch(text)
    if not match or not PATTERN.fullmatch(match.group(1) + "Z"):
        return text
    local, sign, hours, minutes = match.groups()
    away = timedelta(hours=int(hours), minutes=int(minutes))
    return _moved(lambda moment: moment - away if sign == "+" else moment + away)(to_milliseconds(local + "Z"))


def _ascii_digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def _fraction(test: Callable[[str], bool]) -> Callable[[Given], bool]:
    """Whether a value's fraction digits, "" when there are none, pass `test`."""
    return lambda value: isinstance(value, str) and test(value.partition(".")[2].rstrip("Z"))


def _rounded_up(text: str) -> str:
    """Round the fraction to milliseconds where the page's server cuts it; .9999 becomes the next second."""
    head, point, fraction = text.rstrip("Z").partition(".")
    if not point or not PATTERN.fullmatch(text) or not fraction[3:].lstrip("0"):
        return text
    return _moved(lambda moment: moment + timedelta(seconds=1))(to_milliseconds(head + "Z"))


def _carry_lost(text: str) -> str:
    """The first second of the same day instead of the next one's."""
    return re.sub(r"T23:59:59\.9999\d*Z\Z", "T00:00:00.000Z", text)


def _epoch(read: Reader, value: Given) -> JsonValue:
    if isinstance(value, Number) and value.literal.isdigit() and int(value.literal[:20]) < _LAST_EPOCH:
        return timestamp(_EPOCH + timedelta(milliseconds=int(value.literal)))
    return read(value)


def _now(read: Reader, value: Given) -> JsonValue:
    kept = read(value)
    return timestamp(datetime.now(UTC)) if kept is None else kept


def _null_as_now(read: Reader, value: Given) -> JsonValue:
    return _now(read, value) if value is None else read(value)


def _swapped(members: Members) -> Members:
    return {**members, "dueAt": members["paidAt"], "paidAt": members["dueAt"]}


def _due_from_issued(_: Members, invoice: Members) -> Members:
    if invoice["dueAt"] is None and isinstance(invoice["issuedAt"], str):
        invoice["dueAt"] = _moved(lambda moment: moment + timedelta(days=30))(invoice["issuedAt"])
    return invoice


def _before(first: str, second: str) -> Install:
    """Refuse a body in which `first` lies before `second`."""

    def objection(document: Members) -> Exception | None:
        one, other = document.get(first), document.get(second)
        if isinstance(one, str) and isinstance(other, str) and to_milliseconds(one) < to_milliseconds(other):
            return _refusal(f"/{first} lies before /{second}")
        return None

    return reviews(objection)


def _refusal(detail: str) -> Exception:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def _paid_alone(document: Members) -> Exception | None:
    if isinstance(document.get("paidAt"), str) and document.get("issuedAt") is None:
        return _refusal("/paidAt needs /issuedAt")
    return None


def _all_equal(document: Members) -> Exception | None:
    given = {str(document.get(name)) for name in DATES if document.get(name) is not None}
    if len(given) == 1 and all(document.get(name) is not None for name in DATES):
        return _refusal("/dueAt must lie after /issuedAt")
    return None


def _future(value: Given) -> bool:
    return isinstance(value, str) and to_milliseconds(value) > timestamp(datetime.now(UTC))


def _lost(read: Reader, value: Given) -> JsonValue:
    read(value)
    return None


def _in_zone(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(timezone(timedelta(hours=2))).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return text


def _as_epoch(name: str, value: JsonValue) -> JsonValue:
    if name not in DATES or not isinstance(value, str):
        return value
    try:
        return (datetime.fromisoformat(value) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        return 0


def _without_nulls(service: Service) -> None:
    before = service.resource
    service.resource = lambda members: {
        name: "" if name in DATES and value is None else value for name, value in before(members).items()
    }


FAULTS: Final = (
    Fault(
        "leap-day-refused",
        "timestamps",
        "Every 29 February is refused.",
        refuses(_leap_day_of(lambda _: True), *DATES),
    ),
    Fault(
        "leap-day-2000-refused",
        "timestamps",
        "The rule for centuries is known and the one for every fourth is not: 29 February 2000 is refused.",
        refuses(_leap_day_of(lambda year: year % _CENTURY == 0), *DATES),
    ),
    Fault(
        "leap-day-1900-accepted",
        "timestamps",
        "Every fourth year is a leap year, so 29 February 1900 and 2100 are accepted.",
        _unchecked(_leap_day_of(lambda year: year % 4 == 0)),
    ),
    Fault(
        "leap-day-ordinary-years-accepted",
        "timestamps",
        "29 February is accepted in years that are not divisible by 4.",
        _unchecked(_leap_day_of(lambda year: year % 4 != 0)),
    ),
    Fault(
        "february-30-accepted",
        "timestamps",
        "Every month but the short ones counts 31 days and February 30.",
        _unchecked(_day(r"\d{4}-02-30")),
    ),
    Fault(
        "day-31-of-short-months-accepted",
        "timestamps",
        "Every month counts 31 days, so 31 April is accepted.",
        _unchecked(_day(r"\d{4}-(?:0[469]|11|02)-31")),
    ),
    Fault(
        "day-unchecked",
        "timestamps",
        "Days are two digits, so day 00 and 32 are accepted.",
        _unchecked(_day(r"\d{4}-(?:0[1-9]|1[0-2])-(?:00|3[2-9]|[4-9]\d)")),
    ),
    Fault(
        "month-unchecked",
        "timestamps",
        "Months are two digits, so month 00 and 13 are accepted.",
        _unchecked(_day(r"\d{4}-(?:00|1[3-9]|[2-9]\d)-(?:0[1-9]|[12]\d)")),
    ),
    Fault(
        "day-31-refused",
        "timestamps",
        "Every month counts 30 days, so 31 January is refused.",
        refuses(matching(r"\A\d{4}-\d\d-31"), *DATES),
    ),
    Fault(
        "hour-24-accepted",
        "timestamps",
        "24:00 is accepted for midnight (ISO 8601 allows it, the page does not).",
        takes(substituting("T24:", "T00:"), *DATES),
    ),
    Fault(
        "minute-60-accepted",
        "timestamps",
        "Minute 60 rolls over instead of being refused.",
        takes(substituting(r"(T\d\d):60", r"\1:00"), *DATES),
    ),
    Fault(
        "second-60-accepted",
        "timestamps",
        "Leap seconds are accepted (RFC 3339 allows them, the page does not).",
        takes(substituting(r"(T\d\d:\d\d):60", r"\1:59"), *DATES),
    ),
    Fault(
        "offset-accepted",
        "timestamps",
        "An offset such as +02:00 is accepted.",
        takes(_in_utc, *DATES),
    ),
    Fault(
        "zero-offset-accepted",
        "timestamps",
        "The offset +00:00 is accepted for Z.",
        takes(substituting(r"\+00:00\Z", "Z"), *DATES),
    ),
    Fault(
        "lower-case-t-accepted",
        "timestamps",
        "A lower-case t is accepted between date and time.",
        takes(substituting(r"\A(\d{4}-\d\d-\d\d)t", r"\1T"), *DATES),
    ),
    Fault(
        "lower-case-z-accepted",
        "timestamps",
        "A lower-case z is accepted at the end.",
        takes(substituting(r"z\Z", "Z"), *DATES),
    ),
    Fault(
        "space-for-t-accepted",
        "timestamps",
        "A space is accepted between date and time.",
        takes(substituting(r"\A(\d{4}-\d\d-\d\d) ", r"\1T"), *DATES),
    ),
    Fault(
        "missing-zone-accepted",
        "timestamps",
        "A timestamp without Z is taken for local time.",
        takes(substituting(r"(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\Z", r"\1Z"), *DATES),
    ),
    Fault(
        "date-only-accepted",
        "timestamps",
        "A date without a time is taken for midnight.",
        takes(substituting(r"\A(\d{4}-\d\d-\d\d)\Z", r"\1T00:00:00Z"), *DATES),
    ),
    Fault(
        "trailing-newline-accepted",
        "timestamps",
        "The pattern runs in Python, whose $ also matches before a newline at the end.",
        takes(lambda text: text.removesuffix("\n"), *DATES),
    ),
    Fault(
        "outer-space-accepted",
        "timestamps",
        "Spaces around a timestamp are cut off before it is judged.",
        takes(lambda text: text.strip(" "), *DATES),
    ),
    Fault(
        "pattern-unanchored",
        "timestamps",
        "The pattern lost its ^ and $, so text around a timestamp is accepted.",
        accepts(
            lambda value: isinstance(value, str) and bool(_FOUND.search(value)),
            lambda value: to_milliseconds(_FOUND.findall(str(value))[0]),
            *DATES,
        ),
    ),
    Fault(
        "other-digits-accepted",
        "timestamps",
        r"The pattern runs in Python, whose \d matches the digits of every script.",
        takes(_ascii_digits, *DATES),
    ),
    Fault(
        "epoch-accepted",
        "timestamps",
        "A number is taken for milliseconds since 1970.",
        reads(_epoch, *DATES),
    ),
    Fault(
        "comma-fraction-accepted",
        "timestamps",
        "A comma is accepted before the fraction (ISO 8601 allows it, the page does not).",
        takes(substituting(r"(:\d\d),(\d+Z)\Z", r"\1.\2"), *DATES),
    ),
    Fault(
        "empty-fraction-accepted",
        "timestamps",
        "The fraction may have no digits, so 14:48:00.Z is accepted.",
        takes(substituting(r"\.Z\Z", "Z"), *DATES),
    ),
    Fault(
        "five-digit-year-accepted",
        "timestamps",
        "Years of more than four digits are accepted, the first cut off.",
        takes(substituting(r"\A\+?\d+(\d{4}-\d\d-\d\dT)", r"\1"), *DATES),
    ),
    Fault(
        "basic-format-accepted",
        "timestamps",
        "ISO 8601's form without separators is accepted.",
        takes(
            substituting(r"\A(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\Z", r"\1-\2-\3T\4:\5:\6Z"),
            *DATES,
        ),
    ),
    Fault(
        "fraction-of-one-digit-refused",
        "timestamps",
        "A fraction must have at least two digits.",
        refuses(_fraction(lambda digits: len(digits) == 1), *DATES),
    ),
    *(
        Fault(
            f"fraction-above-{digits}-refused",
            "timestamps",
            f"Fractions of more than {digits} digits are refused.",
            refuses(_fraction(lambda given, digits=digits: len(given) > digits), *DATES),  # type: ignore[misc]
        )
        for digits in (3, 6, 9)
    ),
    Fault(
        "fraction-above-6-crashes",
        "timestamps",
        "The library reads microseconds, and more digits give 500.",
        crashes(_fraction(lambda digits: len(digits) > _MICROSECONDS), *DATES),
    ),
    Fault(
        "no-fraction-refused",
        "timestamps",
        "The format is fixed with milliseconds, so a timestamp without them is refused.",
        refuses(_fraction(lambda digits: not digits), *DATES),
    ),
    Fault(
        "no-seconds-refused",
        "timestamps",
        "The time must have seconds, as RFC 3339 wants it.",
        refuses(matching(r"T\d\d:\d\dZ\Z"), *DATES),
    ),
    Fault(
        "year-0000-refused",
        "timestamps",
        "The library begins with the year 1.",
        refuses(_year(lambda year: year == 0), *DATES),
    ),
    Fault(
        "year-0000-crashes",
        "timestamps",
        "The library begins with the year 1, and nobody caught its exception: 500.",
        crashes(_year(lambda year: year == 0), *DATES),
    ),
    Fault(
        "before-1970-refused",
        "timestamps",
        "Negative epoch seconds are refused.",
        refuses(_year(lambda year: year < 1970), *DATES),  # noqa: PLR2004
    ),
    Fault(
        "after-2038-refused",
        "timestamps",
        "Epoch seconds have 32 bits, so dates from 2038-01-19T03:14:08Z are refused.",
        refuses(lambda value: isinstance(value, str) and value > "2038-01-19T03:14:07Z", *DATES),
    ),
    Fault(
        "year-9999-refused",
        "timestamps",
        "The greatest date of the library stands for 'never' and is refused.",
        refuses(_year(lambda year: year == 9999), *DATES),  # noqa: PLR2004
    ),
    Fault(
        "milliseconds-dropped",
        "timestamps",
        "The column keeps whole seconds.",
        keeps(substituting(r"\.\d+Z", ".000Z"), *DATES),
    ),
    Fault(
        "milliseconds-in-hundredths",
        "timestamps",
        "The column keeps hundredths of a second.",
        keeps(substituting(r"(\.\d\d)\dZ", r"\g<1>0Z"), *DATES),
    ),
    Fault(
        "milliseconds-misread",
        "timestamps",
        "The fraction is read as a number of milliseconds, so .5 becomes 5 ms.",
        takes(substituting(r"\.(\d)Z\Z", r".00\1Z"), *DATES),
    ),
    Fault(
        "seconds-dropped",
        "timestamps",
        "The column keeps whole minutes.",
        keeps(substituting(r":\d\d\.\d+Z", ":00.000Z"), *DATES),
    ),
    Fault(
        "fraction-rounded-up",
        "timestamps",
        "Digits beyond the millisecond round the whole timestamp up to the next second.",
        takes(_rounded_up, *DATES),
    ),
    Fault(
        "fraction-carry-lost",
        "timestamps",
        "Rounding .9996 and more to milliseconds makes a second more, and at the end of a day no next day.",
        takes(_carry_lost, *DATES),
    ),
    Fault(
        "local-time-labelled-z",
        "timestamps",
        "The dates come back two hours later: local time with a Z behind it.",
        keeps(_moved(lambda moment: moment + timedelta(hours=2)), *DATES),
    ),
    Fault(
        "summer-time-applied",
        "timestamps",
        "From April to October the dates come back one hour later.",
        keeps(
            _moved(lambda moment: moment + timedelta(hours=1) if 4 <= moment.month <= 10 else moment),  # noqa: PLR2004
            *DATES,
        ),
    ),
    Fault(
        "zone-dropped-in-response",
        "timestamps",
        "The dates come back without Z.",
        keeps(lambda text: text.removesuffix("Z"), *DATES),
    ),
    Fault(
        "offset-in-response",
        "timestamps",
        "The dates come back with +00:00 for Z, which the page's pattern does not allow.",
        keeps(lambda text: text.removesuffix("Z") + "+00:00", *DATES),
    ),
    Fault(
        "other-zone-in-response",
        "timestamps",
        "The dates come back in the server's own zone, the same instant with +02:00.",
        keeps(_in_zone, *DATES),
    ),
    Fault(
        "date-truncated-to-midnight",
        "timestamps",
        "The column keeps the day.",
        keeps(substituting(r"T.*Z", "T00:00:00.000Z"), *DATES),
    ),
    Fault(
        "dates-as-epoch",
        "timestamps",
        "The dates come back as milliseconds since 1970.",
        presents(lambda members: {name: _as_epoch(name, value) for name, value in members.items()}),
    ),
    Fault(
        "two-digit-years",
        "timestamps",
        "Years pass through two digits, so 1969 comes back as 2069.",
        keeps(substituting(r"\A(?:19|20|21)(\d\d)-", r"20\1-"), *DATES),
    ),
    Fault(
        "due-and-paid-swapped",
        "timestamps",
        "dueAt and paidAt come back in each other's place.",
        presents(_swapped),
    ),
    Fault(
        "dates-null-refused",
        "timestamps",
        "The dates may be left out and may not be null.",
        refuses(lambda value: value is None, *DATES),
    ),
    *(
        Fault(
            f"{short}-omitted-refused",
            "timestamps",
            f"{name} is marked as required.",
            refuses(lambda value: value is ABSENT, name),
        )
        for name, short in zip(DATES, ("issued", "due", "paid"), strict=True)
    ),
    Fault(
        "dates-omitted-crash",
        "timestamps",
        "A date that is left out is read all the same: 500.",
        crashes(lambda value: value is ABSENT, *DATES),
    ),
    Fault(
        "dates-null-as-now",
        "timestamps",
        "A date that is null is filled with the present.",
        reads(_null_as_now, *DATES),
    ),
    Fault(
        "dates-null-as-empty-string",
        "timestamps",
        'A date that is null comes back as "".',
        _without_nulls,
    ),
    Fault(
        "dates-null-as-epoch",
        "timestamps",
        "A date that is null comes back as 1970-01-01.",
        presents(
            lambda members: {
                name: "1970-01-01T00:00:00.000Z" if name in DATES and value is None else value
                for name, value in members.items()
            }
        ),
    ),
    Fault(
        "issued-defaults-to-now",
        "timestamps",
        "An issuedAt that is left out is filled with the present.",
        reads(_now, "issuedAt"),
    ),
    Fault(
        "due-defaults-to-30-days",
        "timestamps",
        "A dueAt that is left out is filled with issuedAt and 30 days.",
        composes(_due_from_issued),
    ),
    Fault(
        "paid-before-issued-refused",
        "timestamps",
        "A rule that the page does not have refuses payment before issue.",
        _before("paidAt", "issuedAt"),
    ),
    Fault(
        "due-before-issued-refused",
        "timestamps",
        "A rule that the page does not have refuses a due date before issue.",
        _before("dueAt", "issuedAt"),
    ),
    Fault(
        "paid-after-due-refused",
        "timestamps",
        "A rule that the page does not have refuses late payment.",
        _before("dueAt", "paidAt"),
    ),
    Fault(
        "equal-dates-refused",
        "timestamps",
        "Dates are compared with >=, so the page's own example is refused.",
        reviews(_all_equal),
    ),
    Fault(
        "paid-without-issued-refused",
        "timestamps",
        "paidAt is refused without issuedAt.",
        reviews(_paid_alone),
    ),
    Fault(
        "future-refused",
        "timestamps",
        "A rule that the page does not have refuses dates in the future.",
        refuses(_future, *DATES),
    ),
    Fault(
        "paid-in-future-refused",
        "timestamps",
        "A rule that the page does not have refuses payment in the future.",
        refuses(_future, "paidAt"),
    ),
    *(
        Fault(
            f"{short}-unchecked",
            "timestamps",
            f"The pattern is missing at {name} alone, so any text is accepted there.",
            accepts(
                lambda value: isinstance(value, str) and not PATTERN.fullmatch(value),
                lambda value: str(value) if isinstance(value, str) else None,
                name,
            ),
        )
        for name, short in zip(DATES, ("issued", "due", "paid"), strict=True)
    ),
    *(
        Fault(
            f"{short}-lost",
            "timestamps",
            f"{name} is not stored: it comes back as null.",
            reads(_lost, name),
        )
        for name, short in zip(DATES, ("issued", "due", "paid"), strict=True)
    ),
)
