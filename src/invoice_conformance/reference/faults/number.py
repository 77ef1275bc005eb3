"""Owns the faults in invoiceNumber's length and in what becomes of its characters.

It must not know when two numbers are the same.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from invoice_conformance.reference.faults.hooks import (
    Fault,
    Install,
    accepts,
    crashes,
    matching,
    refuses,
    shows,
    substituting,
    takes,
    trips_over,
)
from invoice_conformance.reference.validation import MAX_NUMBER_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from invoice_conformance.reference.strict_json import JsonValue
    from invoice_conformance.reference.validation import Given

_FIELD: Final = "invoiceNumber"
_COLUMN: Final = 100
_STRAIGHT: Final = str.maketrans({"„": '"', "“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-"})
_DATE_TIME: Final = re.compile(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})Z$")
_LAST_OF_BMP: Final = "\uffff"


def _text(test: Callable[[str], bool]) -> Callable[[Given], bool]:
    return lambda value: isinstance(value, str) and test(value)


def _as_sent(value: Given) -> JsonValue:
    return value if isinstance(value, str) else None


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _too_long(text: str) -> bool:
    return len(text) > MAX_NUMBER_LENGTH and _storable(text)


def _bytes(text: str) -> int:
    return len(text.encode())


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _beyond_bmp(text: str) -> bool:
    return any(character > _LAST_OF_BMP for character in text)


def _mojibake(text: str) -> str:
    return text.encode().decode("latin-1")


def _without_zeros(text: str) -> str:
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text


def _comes_back(change: Callable[[str], str]) -> Install:
    """Return `change` of a number; uniqueness still goes by what was sent."""
    return shows(lambda value: change(value) if isinstance(value, str) else value, _FIELD)


FAULTS: Final = (
    Fault(
        "number-trimmed",
        "number",
        "Space around a number is cut off before it is stored.",
        _comes_back(lambda text: text.strip() or text),
    ),
    Fault(
        "number-inner-space-collapsed",
        "number",
        "Runs of space inside a number become one space.",
        _comes_back(substituting(r"(?<=\S) +(?=\S)", " ")),
    ),
    Fault("number-upper-cased", "number", "Numbers are put into upper case.", _comes_back(str.upper)),
    Fault(
        "number-normalised",
        "number",
        "Numbers are brought into Unicode form NFC, so e and an accent come back as one character.",
        _comes_back(lambda text: unicodedata.normalize("NFC", text)),
    ),
    Fault(
        "number-compatibility-normalised",
        "number",
        "Numbers are brought into Unicode form NFKC, so full-width digits come back as ASCII.",
        _comes_back(lambda text: unicodedata.normalize("NFKC", text)),
    ),
    Fault(
        "number-html-escaped",
        "number",
        "The response holds &amp; for an ampersand.",
        _comes_back(html.escape),
    ),
    Fault(
        "number-tags-stripped",
        "number",
        "What looks like a tag is removed.",
        _comes_back(substituting(r"<[^>]*>", "")),
    ),
    Fault(
        "number-url-decoded",
        "number",
        "A plus sign comes back as a space, as if the body were a form.",
        _comes_back(lambda text: text.replace("+", " ")),
    ),
    Fault(
        "number-templates-stripped",
        "number",
        "What stands in double braces is taken for a template and removed.",
        _comes_back(substituting(r"\{\{.*?\}\}", "")),
    ),
    Fault(
        "number-entities-decoded",
        "number",
        "Character references such as &amp; are taken for what they stand for.",
        _comes_back(html.unescape),
    ),
    Fault(
        "number-typography-straightened",
        "number",
        "Typographic quotation marks and dashes become their ASCII likenesses.",
        _comes_back(lambda text: text.translate(_STRAIGHT)),
    ),
    Fault(
        "number-trailing-dot-dropped",
        "number",
        "The number is a file's name on a file system that drops dots at the end.",
        _comes_back(lambda text: text.rstrip(".") or text),
    ),
    Fault(
        "number-cut-at-hash",
        "number",
        "The number goes through a URL, where a fragment begins at the hash.",
        _comes_back(lambda text: text.partition("#")[0] or text),
    ),
    Fault(
        "number-quotes-doubled",
        "number",
        "Apostrophes are doubled for the database and come back doubled.",
        _comes_back(lambda text: text.replace("'", "''")),
    ),
    Fault(
        "number-backslashes-dropped",
        "number",
        "Backslashes are taken for escapes a second time and vanish.",
        _comes_back(lambda text: text.replace("\\", "")),
    ),
    Fault(
        "number-leading-zeros-dropped",
        "number",
        "A number of digits passes through an integer, so 007 comes back as 7.",
        _comes_back(_without_zeros),
    ),
    Fault(
        "number-mojibake",
        "number",
        "The body is read as latin-1, so an umlaut comes back as two characters.",
        _comes_back(_mojibake),
    ),
    Fault(
        "number-accents-as-question-marks",
        "number",
        "The column is ASCII, so every other character comes back as a question mark.",
        _comes_back(lambda text: text.encode("ascii", "replace").decode()),
    ),
    Fault(
        "number-maximum-exclusive",
        "number",
        "The length is compared with < 255, so a number of 255 characters is refused.",
        refuses(_text(lambda text: len(text) == MAX_NUMBER_LENGTH), _FIELD),
    ),
    Fault(
        "number-maximum-unchecked",
        "number",
        "Numbers of any length are accepted.",
        accepts(_text(_too_long), _as_sent, _FIELD),
    ),
    Fault(
        "number-maximum-one-more",
        "number",
        "The length is compared with <= 256, so 256 characters are accepted.",
        accepts(_text(lambda text: _too_long(text) and len(text) == MAX_NUMBER_LENGTH + 1), _as_sent, _FIELD),
    ),
    Fault(
        "number-maximum-crashes",
        "number",
        "Only the database knows the limit, so a number of 256 characters gives 500.",
        trips_over(_text(_too_long), _FIELD),
    ),
    Fault(
        "number-too-long-truncated",
        "number",
        "A number of more than 255 characters is accepted and cut.",
        accepts(_text(_too_long), lambda value: str(value)[:MAX_NUMBER_LENGTH], _FIELD),
    ),
    Fault(
        "number-empty-accepted",
        "number",
        "The minimum length is not checked, so an empty number is accepted.",
        accepts(lambda value: value == "", _as_sent, _FIELD),
    ),
    Fault(
        "number-one-character-refused",
        "number",
        "The minimum length is taken as exclusive, so a number of one character is refused.",
        refuses(_text(lambda text: len(text) == 1), _FIELD),
    ),
    Fault(
        "number-blank-refused",
        "number",
        "A number of spaces alone counts as empty.",
        refuses(_text(lambda text: not text.strip()), _FIELD),
    ),
    Fault(
        "number-length-in-bytes",
        "number",
        "The length is counted in bytes of UTF-8, so 128 umlauts are refused.",
        refuses(_text(lambda text: _bytes(text) > MAX_NUMBER_LENGTH), _FIELD),
    ),
    Fault(
        "number-length-in-utf16",
        "number",
        "The length is counted in UTF-16 units, so 128 emoji are refused.",
        refuses(_text(lambda text: _units(text) > MAX_NUMBER_LENGTH), _FIELD),
    ),
    Fault(
        "number-cut-at-100",
        "number",
        "The column holds 100 characters, and the database cuts off the rest.",
        _comes_back(lambda text: text[:_COLUMN]),
    ),
    Fault(
        "number-above-100-refused",
        "number",
        "The maximum length is written as 100.",
        refuses(_text(lambda text: len(text) > _COLUMN), _FIELD),
    ),
    Fault(
        "number-cut-at-254",
        "number",
        "One place of 255 is kept for a terminator, so the last character is lost.",
        _comes_back(lambda text: text[: MAX_NUMBER_LENGTH - 1]),
    ),
    Fault(
        "number-ascii-only",
        "number",
        "Numbers with characters beyond ASCII are refused.",
        refuses(_text(lambda text: not text.isascii()), _FIELD),
    ),
    Fault(
        "number-slash-refused",
        "number",
        "Numbers become parts of paths, so one with a slash is refused.",
        refuses(matching("/"), _FIELD),
    ),
    Fault(
        "number-quotes-refused",
        "number",
        "A filter against SQL injection refuses quotation marks.",
        refuses(matching("['\"]"), _FIELD),
    ),
    Fault(
        "number-sql-words-refused",
        "number",
        "A firewall refuses numbers that contain SELECT, DROP or UNION.",
        refuses(matching(r"(?i)\b(?:select|drop|union)\b"), _FIELD),
    ),
    Fault(
        "number-space-refused",
        "number",
        "A pattern without spaces refuses a number with an inner space.",
        refuses(matching(r"\S \S"), _FIELD),
    ),
    Fault(
        "number-apostrophe-crashes",
        "number",
        "The statement is put together as text, so an apostrophe gives 500.",
        crashes(matching("'"), _FIELD),
    ),
    Fault(
        "number-percent-crashes",
        "number",
        "The number is used as a format string, so a percent sign gives 500.",
        crashes(matching("%"), _FIELD),
    ),
    Fault(
        "number-beyond-bmp-crashes",
        "number",
        "The column holds three bytes a character, so an emoji gives 500.",
        crashes(_text(_beyond_bmp), _FIELD),
    ),
    Fault(
        "number-beyond-bmp-lost",
        "number",
        "The column holds three bytes a character, so an emoji comes back as a question mark.",
        _comes_back(lambda text: "".join("?" if c > _LAST_OF_BMP else c for c in text)),
    ),
    Fault(
        "number-null-as-missing",
        "number",
        'The text "null" is taken for null and refused.',
        refuses(lambda value: value == "null", _FIELD),
    ),
    Fault(
        "number-nul-crashes",
        "number",
        "The database takes no NUL in text, and nobody looked before: 500.",
        trips_over(_text(lambda text: "\0" in text), _FIELD),
    ),
    Fault(
        "number-lone-surrogate-crashes",
        "number",
        "A lone surrogate cannot be written as UTF-8, and nobody looked before: 500.",
        trips_over(_text(lambda text: any("\ud800" <= c <= "\udfff" for c in text)), _FIELD),
    ),
    Fault(
        "number-cut-at-nul",
        "number",
        "Text is handed to a C library, which ends it at NUL.",
        takes(lambda text: text.partition("\0")[0], _FIELD),
    ),
    Fault(
        "number-lone-surrogate-replaced",
        "number",
        "A lone surrogate is written as a question mark.",
        takes(lambda text: text.encode("utf-8", errors="replace").decode(), _FIELD),
    ),
    Fault(
        "number-prefixed",
        "number",
        "The response shows numbers with the tenant's prefix before them.",
        _comes_back(lambda text: f"T1-{text}"),
    ),
    Fault(
        "number-date-revived",
        "number",
        "The JSON library makes dates of texts that look like one, and writes them with milliseconds.",
        shows(lambda value: _DATE_TIME.sub(r"\1.000Z", str(value)), _FIELD),
    ),
)
