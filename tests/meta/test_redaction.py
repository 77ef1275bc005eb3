"""What the redactor must find: a secret in each spelling in which a target might echo it, nothing else."""

from __future__ import annotations

import base64
import gzip
import html
import json
import time
import zlib
from urllib.parse import quote

import pytest

from invoice_conformance.redaction import REDACTED, Redactor

TOKEN = "tok/5f+Qz<W8&mJ2rX=vK9dLc~N3bH7yT_q-"  # noqa: S105 - made up
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhY21lIiwiaWF0IjoxNTE2MjM5MDIyfQ.t-IDcSemACt8x4iTMCda8Y"
BEARER = f"Bearer {TOKEN}"


def in_base64(text: str, before: int = 0) -> str:
    return base64.b64encode(b"." * before + text.encode() + b"..").decode()


def escaped(text: str, form: str) -> str:
    return "".join(form.format(ord(character)) for character in text)


SPELLINGS = {
    "plain": TOKEN,
    "percent": quote(TOKEN, safe=""),
    "percent, in full": escaped(TOKEN, "%{:02X}"),
    "percent, lower case": escaped(TOKEN, "%{:02x}"),
    "percent, here and there": TOKEN.replace("5", "%35").replace("K", "%4b"),
    "percent, twice": quote(escaped(TOKEN, "%{:02X}")),
    "JSON": json.dumps(TOKEN).replace("/", "\\/"),
    "JSON, in full": escaped(TOKEN, "\\u{:04x}"),
    "JSON, upper case": escaped(TOKEN, "\\u{:04X}"),
    "JSON in JSON": json.dumps(json.dumps(escaped(TOKEN, "\\u{:04x}"))),
    "JSON, as .NET has it": TOKEN.replace("+", "\\u002B").replace("<", "\\u003C").replace("&", "\\u0026"),
    "HTML": html.escape(TOKEN),
    "HTML, decimal": escaped(TOKEN, "&#{};"),
    "HTML, hexadecimal": escaped(TOKEN, "&#x{:x};"),
    "base64": in_base64(TOKEN),
    "base64, one octet on": in_base64(TOKEN, 1),
    "base64, two octets on": in_base64(TOKEN, 2),
    "base64 of the header": in_base64(BEARER),
    "base64url": in_base64(TOKEN).replace("+", "-").replace("/", "_"),
    "base64 in JSON": in_base64(BEARER).replace("/", "\\/").replace("+", "\\u002b"),
    "hexadecimal": TOKEN.encode().hex(),
    "hexadecimal, upper case": TOKEN.encode().hex().upper(),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
@pytest.mark.parametrize("before", ["", "a", "ab", 'abc"', "&", "%2", "\\"])
def test_a_secret_is_found_in_every_spelling(spelling: str, before: str) -> None:
    redactor = Redactor([TOKEN])

    text = redactor.text(f"{before} {spelling} and on")
    octets = redactor.octets(f"{before} {spelling} and on".encode())

    assert REDACTED in text
    assert text.startswith(before + " ")
    assert text.endswith(" and on")
    # What base64 leaves are digits that hold no whole octet of the secret or belong to its neighbours.
    assert len(text) - len(REDACTED) <= len(before) + len("  and on") + 14
    assert octets == text.encode()


@pytest.mark.parametrize("start", range(len(TOKEN) - 8))
def test_eight_characters_of_a_secret_are_enough(start: int) -> None:
    redactor = Redactor([TOKEN])

    text = redactor.text(f"seen: {TOKEN[start : start + 8]}...")

    assert text == "seen: [redacted]..."


@pytest.mark.parametrize("offset", range(8))
def test_a_secret_is_found_wherever_it_stands(offset: int) -> None:
    redactor = Redactor([TOKEN])

    octets = redactor.octets(b"x" * offset + TOKEN.encode())

    assert octets == b"x" * offset + b"[redacted]"


def test_seven_characters_are_not() -> None:
    redactor = Redactor([TOKEN])

    text = redactor.text(f"seen: {TOKEN[:7]} {TOKEN[3:10]}")

    assert text == f"seen: {TOKEN[:7]} {TOKEN[3:10]}"


def test_the_header_of_a_jwt_may_stay_but_not_what_follows() -> None:
    redactor = Redactor([JWT])
    header, payload, signature = JWT.split(".")

    texts = [redactor.text(part) for part in (f"{header} x", payload, signature[:9], f"a {JWT} b")]

    assert texts == [f"{header} x", REDACTED, REDACTED, "a [redacted] b"]


def test_several_secrets_go_and_one_may_be_added_later() -> None:
    redactor = Redactor(["first-secret-1"])
    redactor.add("second-secret-2")
    redactor.add("  ")

    text = redactor.text("first-secret-1, second-secret-2, third")

    assert text == "[redacted], [redacted], third"


def test_a_short_secret_goes_from_header_values_only() -> None:
    redactor = Redactor(["abc12"])

    value, body = redactor.header("X-Echo", "got abc12, not abc123"), redactor.octets(b"abc12")

    assert (value, body) == ("got [redacted], not abc123", b"abc12")


@pytest.mark.parametrize("name", ["Authorization", "authorization", "Proxy-Authorization", "Cookie", "SET-COOKIE"])
def test_a_sensitive_header_goes_whole(name: str) -> None:
    redactor = Redactor([])

    assert redactor.header(name, "Basic Og==") == REDACTED
    assert redactor.headers(((name, "x"), ("Date", "y"))) == ((name, REDACTED), ("Date", "y"))


def test_clean_headers_are_the_same_object() -> None:
    headers = (("Content-Type", "application/json"), ("Date", "Mon, 01 Jan 2024 00:00:00 GMT"))

    assert Redactor([TOKEN]).headers(headers) is headers


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_secret_in_compressed_octets_takes_them_all(pack: type[bytes]) -> None:
    redactor = Redactor([TOKEN])
    clean, telling = pack(b"nothing to see"), pack(b"it is " + TOKEN.encode())

    assert redactor.octets(clean) == clean
    assert redactor.octets(telling) == b"[redacted]"
    assert redactor.octets(clean[:9]) == clean[:9]


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"abc",
        bytes(range(256)) * 3,
        b'{"a": "\\ud83d\\ude00 \\u0000 \\n %zz %41 &amp; &#99999999; &nope; \\u{110000}"}',
        "Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich \N{GRINNING FACE}".encode(),
    ],
)
def test_octets_without_a_secret_stay_as_they_are(octets: bytes) -> None:
    redactor = Redactor([TOKEN, JWT])

    assert redactor.octets(octets) is octets
    assert redactor.text(octets.decode("latin-1")) == octets.decode("latin-1")


def test_text_beyond_latin_1_keeps_its_letters() -> None:
    redactor = Redactor([TOKEN])

    text = redactor.text(f"\N{GRINNING FACE} {TOKEN} \N{EURO SIGN} \ud800")

    assert text == "\N{GRINNING FACE} [redacted] \N{EURO SIGN} \ud800"


def test_a_secret_beyond_ascii_is_found_in_utf_8() -> None:
    secret = "schl\N{LATIN SMALL LETTER U WITH DIAERESIS}ssel-wort"  # noqa: S105 - made up
    redactor = Redactor([secret])

    assert redactor.octets(b"it is " + secret.encode()) == b"it is [redacted]"
    assert redactor.octets(b"it is " + secret.encode("latin-1")) == b"it is [redacted]"


def test_the_redactor_does_not_show_what_it_hides() -> None:
    assert TOKEN not in repr(Redactor([TOKEN]))


def test_clean_bodies_cost_little() -> None:
    redactor = Redactor([TOKEN, JWT])
    body = json.dumps({f"member{number}": 'a plain "value" & more' for number in range(15)}).encode()

    started = time.process_time()
    for _ in range(1000):
        redactor.octets(body)
    spent = time.process_time() - started

    assert len(body) > 550
    assert spent < 1000 / 3000


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_whole_credential_is_disclosed_in_every_spelling(spelling: str) -> None:
    redactor = Redactor([], [TOKEN])

    assert redactor.discloses(f'{{"seen": "{spelling}"}}'.encode())
    assert redactor.discloses(gzip.compress(spelling.encode()))


@pytest.mark.parametrize(
    "text",
    [
        TOKEN[:-1],
        TOKEN[1:],
        TOKEN[: len(TOKEN) // 2],
        TOKEN[::-1],
        TOKEN.swapcase(),
        f"{TOKEN}x",
        f"x{TOKEN}",
        f"latest-{TOKEN}",
        in_base64(TOKEN[:-1]),
        in_base64(TOKEN[1:]),
        TOKEN[1:].encode().hex(),
        "[redacted]",
        "",
    ],
)
def test_what_is_less_or_more_than_a_credential_discloses_none(text: str) -> None:
    redactor = Redactor([], [TOKEN])

    assert not redactor.discloses(f"seen: {text} there".encode())


def test_a_word_of_a_credential_discloses_none() -> None:
    redactor = Redactor([], ["reference-token"])

    assert redactor.octets(b"a reference to the body") == b"a [redacted] to the body"
    assert not redactor.discloses(b"a reference to the body")
    assert redactor.discloses(b"a\\nreference-token\\nin a trace")


def test_a_secret_that_is_no_credential_is_removed_and_discloses_nothing() -> None:
    redactor = Redactor(["run-of-the-night-2026"], ["short-token"])

    assert redactor.octets(b"X: run-of-the-night-2026, short-token") == b"X: [redacted], [redacted]"
    assert not redactor.discloses(b"X: run-of-the-night-2026, short-token")


def test_a_credential_that_is_added_later_is_disclosed_too() -> None:
    redactor = Redactor([TOKEN])
    redactor.add(TOKEN, credential=True)

    assert redactor.discloses(TOKEN.encode())


# What nobody can look into


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "deflate"])
def test_octets_in_a_coding_that_cannot_be_undone_go_whole(coding: str) -> None:
    assert Redactor([TOKEN]).octets(b"\x0b\x02\x80anything", coding) == b"[redacted]"


def test_octets_that_are_said_to_be_gzip_and_do_not_begin_so_are_looked_into() -> None:
    redactor = Redactor([TOKEN])

    assert redactor.octets(b'{"data": null}', "gzip") == b'{"data": null}'
    assert redactor.octets(f"it is {TOKEN}".encode(), "gzip") == b"it is [redacted]"


def test_octets_whose_coding_can_be_undone_stay_when_they_hold_no_secret() -> None:
    redactor = Redactor([TOKEN])

    for packed in (gzip.compress(b"nothing to see"), zlib.compress(b"nothing to see")):
        assert redactor.octets(packed, "gzip") == packed
    assert redactor.octets(b"plain", "identity") == b"plain"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_secret_in_wide_characters_takes_all_octets(encoding: str) -> None:
    redactor = Redactor([TOKEN])

    assert redactor.octets(f"it is {TOKEN}".encode(encoding)) == b"[redacted]"
    assert redactor.octets("nothing".encode(encoding)) == "nothing".encode(encoding)


def test_a_megabyte_of_secrets_is_read_in_bounded_time() -> None:
    octets = f"{TOKEN} ".encode() * (1_000_000 // len(TOKEN))

    began = time.process_time()
    left = Redactor([TOKEN]).octets(octets)

    assert TOKEN.encode() not in left
    assert time.process_time() - began < 20


ANSWER = (
    '{"contract":"c","amountMinor":123456789,"exchangeRateX":1.12345678,"createdAt":"2026-11-23T00:00:00.000Z",'
    '"self":"https://acme-invoices.example.org/1","media":"application/json"}'
)
ORDINARY = ("contract, exchangeRate: Content-Type: APPLICATION/json", "https://acme-invoices.example.org")


@pytest.mark.parametrize(
    "token", ["dev-token-1234567890", "my-application-token", "contract-key-2026-11-23", "acme-invoices.example-1"]
)
def test_what_answers_are_made_of_stays_whatever_the_token_is(token: str) -> None:
    redactor = Redactor([token], [token], ORDINARY)

    assert redactor.text(ANSWER) == ANSWER
    assert redactor.octets(ANSWER.encode()) == ANSWER.encode()
    assert token not in redactor.text(f"the token {token} is wrong")


def test_a_part_that_goes_beyond_what_answers_are_made_of_is_removed() -> None:
    redactor = Redactor(["dev-token-1234567890", "my-application-token"], (), ORDINARY)

    assert redactor.text("cut: dev-token-12") == "cut: [redacted]"
    assert redactor.text("my-application is unknown") == "[redacted]tion is unknown"


WORDS = ("Allow: GET, POST; api, amountMinor, tnt_pfh0haxfpzowht3oi213cqos",)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("api", 'Bearer realm="api"'),
        ("POST", "GET, POST"),
        ("amountMinor", '{"amountMinor":5000}'),
        ("12345678", '{"amountMinor":123456789,"exchangeRate":1.12345678}'),
        ("2026", "Mon, 23 Nov 2026 06:30:00 GMT"),
        ("9007199254740991", '{"amountMinor":9007199254740991}'),
        ("tnt_pfh0haxfpzowht3oi213cqos", "no tenant tnt_pfh0haxfpzowht3oi213cqos"),
    ],
)
def test_a_token_that_is_an_ordinary_word_or_number_maims_no_answer(token: str, said: str) -> None:
    redactor = Redactor([token], [token], WORDS)

    assert redactor.text(said) == said
    assert redactor.headers((("X-Said", said),)) == (("X-Said", said),)
    assert not redactor.discloses(said.encode())


@pytest.mark.parametrize("token", ["api", "12345678", "tnt_pfh0haxfpzowht3oi213cqos"])
def test_such_a_token_goes_all_the_same_where_it_is_one(token: str) -> None:
    redactor = Redactor([token], [token], WORDS)
    spelled = base64.b64encode(f"Bearer {token}".encode()).decode()

    assert token not in redactor.text(f"you sent Bearer {token}")
    assert spelled not in redactor.text(f"you sent {spelled}")
    assert redactor.header("Authorization", f"Bearer {token}") == REDACTED


def test_a_long_number_is_a_secret_like_any_other() -> None:
    number = "48151623421084815162"

    assert number not in Redactor([number], [number]).text(f"id {number}")
