"""Owns what Hypothesis invents: whole invoices, and date-times one change away from legal ones.

It draws offline and deterministically: the same seed gives the same values, whatever else is imported.
"""

from __future__ import annotations

import functools
import gc
import json
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from invoice_conformance import datetimes, instant, numbers
from invoice_conformance.boundaries import CURRENCY_FIELD, NUMBER_FIELD
from invoice_conformance.case import Edit, NumberSlot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

    from invoice_conformance.checks import Draw, Kind
    from invoice_conformance.contract import Contract, Field

T = TypeVar("T")

_BACKEND = "invoice-conformance"
ALPHABET = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~§°±²³µ¶·¼½¿ÀÅÆÇÉÏÑÖØÜÞßàåæçéïñöøüþÿĀąĆĐęğİıŁłŒœŠšŸŽžſ"
    "ΑΒΓΔΩαβγδωςЖЙЩЫЯжйщыяאבגםןف٣नमส์ไ中文票据號かなカナ한글€₤₿№™∑√∞≠≤─█♥ﬁＡ１"
    "\u0301\u0308\u0327🧾💶😀𝒜𠮷"
)
"""Letters, marks, digits, punctuation and symbols of many scripts: fixed, so that every Python draws the same."""

SPECIAL_DAYS = ("01-01", "01-31", "02-28", "02-29", "03-01", "03-26", "04-30", "06-30", "10-29", "12-31")
SPECIAL_YEARS = (
    1,
    4,
    99,
    999,
    1582,
    1600,
    1899,
    1900,
    1969,
    1970,
    1972,
    1999,
    2000,
    2001,
    2016,
    2020,
    2023,
    2024,
    2025,
)
FUTURE_YEARS = (2028, 2037, 2038, 2039, 2096, 2100, 2106, 2262, 2400, 9998, 9999)
SPECIAL_TIMES = ("00:00:00", "00:00:01", "11:59:59", "12:00:00", "22:30:00", "23:00:00", "23:59:59")
MANY = 50
"""Draws after which it is worth to look for what is left of them."""
MUTATIONS = "0123456789TZtz:-+., /\n\u0660\uff11W"


class _Undisturbed(HypothesisProvider):
    """Hypothesis's own generator, less the constants it collects from whatever modules are imported.

    Those made the same seed draw other values from a checkout than from a wheel.
    """

    def _maybe_draw_constant(self, *_args: object, **_options: object) -> None:
        return None


AVAILABLE_PROVIDERS.setdefault(_BACKEND, f"{__name__}._Undisturbed")


def draw(strategy: SearchStrategy[T], count: int, number: int) -> list[T]:
    """`count` values of a strategy, the same for the same seed `number`; distinct ones come first."""
    drawn: list[T] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=False,
        backend=_BACKEND,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: T) -> None:
        drawn.append(value)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        collect()
    if count >= MANY:
        gc.collect()  # what it remembers of each draw goes in circles, and is megabytes by now
    return drawn[:count]


def drawn(contract: Contract, asked: Draw) -> list[Any]:
    """What a draw comes to, of all kinds but the second generator's."""
    return draw(_of_kind(contract, asked.kind), asked.count, asked.seed)


@functools.lru_cache(maxsize=8)
def _of_kind(contract: Contract, kind: Kind) -> SearchStrategy[Any]:
    """A strategy; kept, for Hypothesis looks each through before it draws."""
    return broken_date_times() if kind == "broken date-times" else invoices(contract, common=kind == "common invoices")


def amounts(low: int, high: int) -> SearchStrategy[int]:
    """Integers of every magnitude within the bounds, and those beside powers of two and ten."""
    bits = st.builds(lambda count, value: value >> count, st.integers(0, high.bit_length()), st.integers(0, high))
    near = st.builds(
        lambda power, step: power + step,
        st.sampled_from([2**exponent for exponent in range(54)] + [10**exponent for exponent in range(16)]),
        st.integers(-2, 2),
    )
    return st.one_of(bits, near).filter(lambda value: low <= value <= high)


def rates(*, common: bool) -> SearchStrategy[str]:
    """JSON texts of rates: at most six decimals up to 10^6, or with `common` off also tiny, large and long ones."""

    def decimals(value: int, places: int) -> str:
        text = f"{value:0{places + 1}d}"
        return f"{text[:-places]}.{text[-places:]}" if places else text

    ordinary = st.one_of(
        st.builds(decimals, st.integers(0, 10**6), st.integers(0, 6)),
        st.builds(decimals, st.integers(0, 10**12), st.just(6)),
        st.builds(lambda value: f"{value}", st.integers(0, 10**6)),
    )
    if common:
        return ordinary
    long = st.builds(decimals, st.integers(1, 10**17), st.integers(7, 17))
    scaled = st.builds(lambda digits, power: f"{digits}e{power}", st.integers(1, 10**9), st.integers(-300, 290))
    return st.one_of(ordinary, long, scaled)


def slots(max_length: int, *, common: bool) -> SearchStrategy[NumberSlot]:
    """Invoice numbers with random text around the run's mark; with `common` off also control characters."""
    # st.text would write its table of Unicode into the folder that the command is run in.
    texts = st.lists(st.sampled_from(ALPHABET), max_size=24).map("".join)
    inner = st.one_of(texts, st.builds(lambda left, right: f"{left} {right}", texts, texts))
    known = [text.slot for text in numbers.TEXTS if not text.slot.pooled]
    lengths = st.builds(
        lambda length, filler: NumberSlot(length=length, filler=filler),
        st.integers(20, max_length),
        st.sampled_from(("0", "é", "票", "x ", "-")),
    )
    built = st.builds(
        lambda before, after: NumberSlot(before=f"N{before}" if before[:1] == " " else before, after=after.rstrip(" ")),
        inner,
        texts,
    )
    return st.one_of(built, built, lengths, st.sampled_from(known)) if not common else st.one_of(built, lengths)


def date_times(*, years: Sequence[int] | None = None) -> SearchStrategy[str]:
    """Date-times in the page's pattern, weighted to where calendars, clocks and formats end."""
    special = st.sampled_from(SPECIAL_YEARS if years is None else years)
    return st.builds(
        _date_time,
        st.one_of(special, st.integers(1, 2025)) if years is None else special,
        st.one_of(st.sampled_from(SPECIAL_DAYS), st.integers(0, 364)),
        st.one_of(st.sampled_from(SPECIAL_TIMES), st.integers(0, 86399)),
        st.sampled_from((0, 1, 2, 3, 3, 3, 6, 9)),
        st.one_of(st.sampled_from((0, 1, 999_999_999, 500_000_000)), st.integers(0, 999_999_999)),
    )


def _date_time(year: int, day: str | int, time: str | int, digits: int, fraction: int) -> str:
    """A date-time from its parts; a day or time may be a count of days or seconds."""
    date = instant.date_of(day)[5:] if isinstance(day, int) else day
    if date == "02-29" and instant.read_rfc3339(f"{year:04d}-02-29T00:00:00Z") is None:
        date = "02-28"
    clock = f"{time // 3600:02d}:{time // 60 % 60:02d}:{time % 60:02d}" if isinstance(time, int) else time
    tail = f".{fraction:09d}"[: digits + 1] if digits else ""
    return f"{year:04d}-{date}T{clock}{tail}Z"


def values(contract: Contract, field: Field, *, common: bool) -> SearchStrategy[Edit] | None:
    """Departures of one member from the plain invoice; None for a member that is not varied."""

    def edit(edge: str, text: str) -> Edit:
        return Edit(field.name, f"{edge}: {text[:40]}", (text.encode(),))

    if field.name == NUMBER_FIELD:
        return slots(field.max_length or 255, common=common).map(lambda slot: Edit(field.name, "random text", (slot,)))
    if field.name == CURRENCY_FIELD:
        codes = contract.currencies.active if common else contract.currencies.active | contract.currencies.recent
        return st.sampled_from(sorted(codes)).map(lambda code: edit("code", json.dumps(code)))
    if "integer" in field.types:
        low = int(field.minimum) if field.minimum is not None else -(2**53)
        high = int(field.maximum) if field.maximum is not None else 2**53
        return amounts(low, high).map(lambda value: edit("random", str(value)))
    if "number" in field.types and field.minimum == 0 and field.maximum is None:
        return rates(common=common).map(lambda text: edit("random", text))
    if field.format == "date-time":
        drawn = st.one_of(date_times(), date_times(years=FUTURE_YEARS)) if not common else date_times()
        options: list[SearchStrategy[Edit]] = [drawn.map(lambda text: edit("random", json.dumps(text)))]
        if field.nullable:
            options.append(st.just(Edit(field.name, "null", (b"null",))))
        return st.one_of(*options)
    return None


def invoices(contract: Contract, *, common: bool) -> SearchStrategy[tuple[Edit, ...]]:
    """Whole invoices as departures from the plain one; with `common` on only of values that MUST be accepted."""
    varied = [values(contract, field, common=common) for field in contract.fields]
    members = st.tuples(*(st.one_of(st.none(), one, one, one) for one in varied if one is not None))

    def departures(drawn: tuple[Edit | None, ...]) -> tuple[Edit, ...]:
        edits = [edit for edit in drawn if edit is not None]
        return tuple(edits)

    return members.map(departures)


def broken_date_times() -> SearchStrategy[tuple[str, str]]:
    """Legal date-times and what one or two changes of a character make of each (which may still be legal)."""
    change = st.tuples(
        st.integers(0, 999),
        st.sampled_from(("insert", "replace", "delete", "double")),
        st.sampled_from(MUTATIONS),
    )
    return st.builds(
        lambda legal, first, second: (
            legal,
            _changed(_changed(legal, *first), *second) if second else _changed(legal, *first),
        ),
        st.one_of(st.just(datetimes.PLAIN), date_times()),
        change,
        st.one_of(st.none(), st.none(), change),
    )


def _changed(text: str, where: int, how: str, character: str) -> str:
    """`text` with one character inserted, replaced, deleted or doubled."""
    place = where % (len(text) + 1)
    match how:
        case "insert":
            return text[:place] + character + text[place:]
        case "replace":
            return text[:place] + character + text[place + 1 :]
        case "delete":
            return text[:place] + text[place + 1 :]
        case _:
            return text[:place] + text[place : place + 1] + text[place:]
