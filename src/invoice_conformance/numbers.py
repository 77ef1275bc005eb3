"""Owns the texts worth sending as an invoice number: what programs mangle, refuse or mistake for something else.

It says what each one is an example of; whether it is legal is decided by the oracle, never here.
"""

from __future__ import annotations

from typing import NamedTuple

from invoice_conformance.case import NumberSlot


class Text(NamedTuple):
    """An invoice number that carries the run's mark; `core` ones are sent even in a quick run."""

    edge: str
    slot: NumberSlot
    core: bool = False


def _text(edge: str, before: str, after: str = "", *, core: bool = False, digits: bool = False) -> Text:
    return Text(edge, NumberSlot(before=before, after=after, digits=digits), core)


DATE_TIMES = tuple(
    f"{2001 + index % 25}-{1 + index % 12:02d}-{1 + index % 28:02d}T{index % 24:02d}:{index % 59:02d}:00Z"
    for index in range(3000)
)
"""Numbers that a reader of JSON may take for instants; no mark fits."""

DATES = tuple(f"{1950 + index % 100}-{1 + index % 12:02d}-{1 + index % 28:02d}" for index in range(1000))
"""Numbers that look like a day; no mark fits."""


def _card(index: int) -> str:
    """A number of 16 digits whose last one checks the others, as ISO/IEC 7812-1 says (Luhn)."""
    digits = f"400000{index * 7919:09d}"
    doubled = (int(digit) * (2 - place % 2) for place, digit in enumerate(digits))
    return f"{digits}{-sum(one // 10 + one % 10 for one in doubled) % 10}"


def _iban(index: int) -> str:
    """The account of a German bank that there is not, with the check digits of ISO 13616."""
    account = f"00000000{index * 7919:010d}"
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


CARDS = tuple(map(_card, range(1000)))
IBANS = tuple(map(_iban, range(1000)))
"""Numbers that programs mask for what they seem to be; no mark fits."""

TEXTS: tuple[Text, ...] = (
    _text("lower and upper case", "Inv-aBc-", "-xYz", core=True),
    _text("lower case", "inv-"),
    _text("letters and digits alone", "INV"),
    _text("digits only", "", digits=True, core=True),
    _text("leading zeros", "000", digits=True, core=True),
    _text("digits with a plus", "+", digits=True),
    _text("digits with a minus", "-", digits=True),
    _text("digits with a fraction", "", ".10", digits=True),
    _text("digits with an exponent", "1e", digits=True),
    _text("hexadecimal digits", "0x", digits=True),
    _text("digits with thousands separators", "1,000,", digits=True),
    _text("apostrophe", "O'Reilly-", core=True),
    _text("two apostrophes", "It''s-"),
    _text("quotation mark", 'the "best" ', core=True),
    _text("backslash", "a\\b\\n", core=True),
    _text("trailing backslash", "INV-", "\\"),
    _text("SQL", "x'; DROP TABLE invoices;-- ", core=True),
    _text("SQL condition", "1 OR 1=1 ", "--x"),
    _text("SQL wildcards", "50%_", "%_"),
    _text("markup", "<b>", "</b>", core=True),
    _text("script", "<script>alert(1)</script>javascript:<img onerror=x>"),
    _text("ampersand", "A&B-", core=True),
    _text("character reference", "&amp;&lt;&#39;", core=True),
    _text("percent encoding", "%20%41%2F-", core=True),
    _text("plus sign", "A+B-", "+", core=True),
    _text("query syntax", "a=b&c?d#e-", core=True),
    _text("template braces", "{{7*7}}-", core=True),
    _text("template dollar", "${7*7}-", core=True),
    _text("template hash", "#{7*7}<%= 7*7 %>-"),
    _text("format directives", "%s%d%n{0}-", core=True),
    _text("slashes", "2025/INV/", core=True),
    _text("dots and slashes", "../../etc/passwd-"),
    _text("backslashed path", "C:\\temp\\"),
    _text("URL", "https://example.com/?q="),
    _text("formula", "=1+1+"),
    _text("at sign", "@INV-"),
    _text("comma and semicolon", "a,b;c-"),
    _text("colon and pipe", "a:b|c-"),
    _text("brackets", "[a](b){c}-"),
    _text("JSON inside", '{"a":1}-'),
    _text("a JSON array", '["', '"]'),
    _text("a JSON string", '"', '"'),
    Text("a date-time", NumberSlot(pool=DATE_TIMES), core=True),
    Text("a date", NumberSlot(pool=DATES), core=True),
    Text("like a payment card's", NumberSlot(pool=CARDS), core=True),
    Text("like a bank account's", NumberSlot(pool=IBANS), core=True),
    _text("underscores and dots", "INV_2025.01_"),
    _text("every ASCII punctuation mark", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", core=True),
    _text("inner space", "INV 2025 ", core=True),
    _text("two inner spaces", "INV  2025  ", core=True),
    _text("precomposed letters", "Ärger-é-ñ-"),
    _text("combining marks", "A\u0308rger-e\u0301-", core=True),
    _text("a trailing combining mark", "INV-", "e\u0301"),
    _text(
        "compatibility characters",
        "\ufb01-\u00b2-\u2116-\u212b-\u2126-\u212a-\u00b5-\u017f-\u0133-\u01c6-\u00bd-",
        core=True,
    ),
    _text("sharp s and dotless i", "Straße-ẞ-ıİ-"),
    _text("typographic punctuation", "„INV“ – № … — ’ ™ 〜 «»-", core=True),
    _text("currency symbols", "€£¥₹-"),
    _text("Greek and Cyrillic", "Ωμέγας-Счёт-Йй-"),
    _text("Hebrew, right to left", "חשבונית-", core=True),
    _text("Arabic, right to left", "فاتورة-كي-مـ-"),
    _text("Arabic-Indic digits", "١٢٣-"),
    _text("full-width letters and digits", "ＩＮＶ１２-"),
    _text("Thai", "ใบแจ้งหนี้-"),
    _text("Devanagari", "चालान-ज\u093c-"),
    _text("Chinese", "发票-", core=True),
    _text("Japanese half-width", "ｾｲｷｭｳ-"),
    _text("Hangul", "송장-"),
    _text("decomposed Hangul", "\u1109\u1169\u11bc-"),
    _text("mathematical symbols", "∑∞≠√-"),
    _text("emoji", "🧾-", core=True),
    _text("variation selectors", "\u2764\ufe0f-\u260e\ufe0e-", core=True),
    _text("trailing emoji", "INV-", "💶"),
    _text("ideograph beyond the BMP", "𠮷-"),
    _text("ends in .json", "INV-", ".json"),
    _text("ends in a dot", "INV-", ".", core=True),
    _text("ends in a slash", "INV-", "/"),
    _text("begins with a slash", "/INV-"),
    _text("begins with a hash", "#INV-"),
    _text("begins with a dot", ".INV-"),
    Text("escaped spelling", NumberSlot(before="INV-é/🧾-", spelling="escaped"), core=True),
    _text("leading spaces", "  INV-", core=True),
    _text("trailing spaces", "INV-", "  ", core=True),
    _text("no-break space inside", "INV\u00a02025-", core=True),
    _text("ideographic space inside", "INV\u30002025-"),
    _text("tab, backspace and form feed inside", "INV\t2025\b-\f-"),
    _text("line feed inside", "INV\n2025-", core=True),
    _text("trailing line feed", "INV-", "\n"),
    _text("carriage return and line feed", "INV\r\n2025-"),
    _text("escape character", "INV\u001b[31m-"),
    _text("delete character", "INV\u007f-"),
    _text("line separators inside", "INV\u0085-\u2028-\u2029-", core=True),
    _text("zero-width joiner", "👩\u200d💻-\u0645\u200c\u06cc-"),
    _text("zero-width space", "INV\u200b-", core=True),
    _text("soft hyphen", "INV\u00ad-"),
    _text("byte order mark inside", "INV\ufeff-"),
    _text("right-to-left override", "INV\u202e-\u200e-\u200f-"),
    _text("private use", "INV\ue000-"),
    _text("a noncharacter", "INV\uffff-"),
    _text("NUL inside", "INV\u0000-", core=True),
    _text("NUL at the end", "INV-", "\u0000"),
    _text("a lone high surrogate", "INV-\ud83d-", core=True),
    _text("a lone low surrogate", "INV-\udc00-"),
    _text("surrogates in the wrong order", "INV-\udc00\ud83d-"),
)

BLANKS = (" ", "   ")
"""Numbers of nothing but spaces."""

WORDS = ("null", "true", "false", "undefined", "NaN", "None", "nil", "0", "-1", "1e5")
"""Whole numbers that programs take for something else; they hold no mark, so a rerun meets its own."""
