"""Owns the removal of secrets from everything that is kept: each encoding in which a target might echo one.

It must not know what is being kept, a request, a report or a file, nor give a secret back to anybody.
"""

from __future__ import annotations

import base64
import html
import re
import threading
import zlib
from array import array
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from invoice_conformance.exchange import GZIP_MAGIC, is_no_gzip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Places: TypeAlias = "array[int] | range"
"""Where each character of a text came from; an array, for a list of a hostile megabyte's takes 40."""

REDACTED = "[redacted]"

SENSITIVE_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"}
)
"""Fields whose whole value is replaced, whatever it holds: lower-case names."""

_GRAM = 8
"""So many consecutive characters of a secret give it away."""
_HEX_GRAM = 2 * _GRAM
_SHORTEST_CREDENTIAL = 12
"""A shorter credential may stand in an answer by chance, as a word: finding it whole proves nothing."""
_ANCHOR = 4
"""Half a gram: each run of 8 octets covers one whole block of 4 that starts at a multiple of 4."""
_ROUNDS = 3
"""So many layers of escaping are taken off: JSON in JSON in JSON."""
_INFLATE_LIMIT = 1024 * 1024
_INFLATE_STEP = 4096
_SEEN = 4096
"""So many surroundings of what looks like a part of a secret are remembered while one text is read."""

_ESCAPE = re.compile(
    r"%[0-9A-Fa-f]{2}"
    r"|\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|u\{[0-9A-Fa-f]{1,6}\}|[\"'/\\])"
    r"|&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z][A-Za-z0-9]{1,23};)"
)
_NUMBER = re.compile(r"[0-9:.+TZ_-]+")
"""Numbers, dates and times, of which tokens have parts too."""
_LONGEST_NUMBER = 17
"""Digits that a number in an answer may have."""
_ESCAPE_SIGN = re.compile(r"[%&\\]")
_LAST_CODE_POINT = 0x10FFFF
_COMPRESSED = (GZIP_MAGIC, b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


@dataclass(frozen=True, slots=True)
class _Needles:
    """Everything to look for, made anew whenever a secret is added; never changed in place."""

    wholes: tuple[str, ...] = ()
    """Complete secrets and their encodings, the longest first."""
    grams: frozenset[str] = frozenset()
    hex_grams: frozenset[str] = frozenset()
    anchors: frozenset[int] = frozenset()
    short: re.Pattern[str] | None = None
    """Secrets below 8 characters, as whole words."""
    credentials: re.Pattern[str] | None = None
    """Complete credentials: plain as whole words, and their encodings."""


class Redactor:
    """Replaces secrets by `[redacted]`; safe to use from several threads at once.

    A secret is found plain, percent-encoded in full or in part, JSON- and HTML-escaped, in hexadecimal, and
    in base64 and base64url at any alignment (so also inside the base64 of `Bearer <secret>`); layers of
    escapes are taken off three deep. Any 8 consecutive characters of it are removed as well, except those of
    a JWT's header, which is the same for everybody, and of what stands in answers anyway: numbers, dates and what the
    `ordinary` texts hold in any letter case. A secret below 8 characters is removed from header values only. One that
    is a number or a word of those texts itself is removed only where `Bearer` stands before it, and from the fields
    whose whole value goes: anywhere else it says nothing, and an answer without it is maimed.

    Whoever holds one of the `credentials` may act for its owner; they are secrets too, and `discloses` looks for them.
    """

    def __init__(
        self, secrets: Iterable[str] = (), credentials: Iterable[str] = (), ordinary: Iterable[str] = ()
    ) -> None:
        self._ordinary = "\n".join(ordinary).lower()
        self._lock = threading.Lock()
        self._secrets: list[str] = []
        self._credentials: list[str] = []
        self._needles = _Needles()
        for secret in secrets:
            self.add(secret)
        for credential in credentials:
            self.add(credential, credential=True)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._secrets)} secrets>"

    def add(self, secret: str, *, credential: bool = False) -> None:
        """Remove `secret` too from now on; an empty or blank one is ignored."""
        if not secret.strip():
            return
        with self._lock:
            if secret not in self._secrets:
                self._secrets.append(secret)
            if credential and secret not in self._credentials:
                self._credentials.append(secret)
            self._needles = _needles(self._secrets, self._credentials, self._ordinary)

    def text(self, text: str) -> str:
        """Return `text` without the secrets."""
        needles = self._needles
        if not needles.anchors or _clean(text, needles):
            return text
        return _without(text, needles)

    def discloses(self, octets: bytes) -> bool:
        """Whether a whole credential stands in `octets`, plain or in an encoding that `text` would remove.

        A part of one does not, nor one with letters before or after it, as in a token that was mistyped.
        """
        needles = self._needles
        if needles.credentials is None or not octets:
            return False
        text = (_inflated(octets)[0] if octets.startswith(_COMPRESSED) else octets).decode("latin-1")
        if _clean(text, needles):
            return False
        for _ in range(_ROUNDS):
            if needles.credentials.search(text):
                return True
            plain = _ESCAPE.sub(_unescaped_match, text)
            if plain == text:
                return False
            text = plain
        return needles.credentials.search(text) is not None

    def octets(self, octets: bytes, coding: str = "") -> bytes:
        """Return `octets` without the secrets; those that hold one compressed or in UTF-16 or UTF-32 go whole.

        So do those that `coding`, the content coding they are in, lets nobody look into; what is said to be gzip and
        does not begin like it (RFC 1952, section 2.3.1) is in no coding.
        """
        needles = self._needles
        if not needles.anchors or not octets:
            return octets
        coding = coding.strip().lower()
        coded = coding not in {"", "identity"} and not is_no_gzip(coding, octets)
        if coded or octets.startswith(_COMPRESSED):
            inflated, whole = _inflated(octets)
            if self._holds(inflated, needles) or (not whole and (coded or len(inflated) >= _INFLATE_LIMIT)):
                return REDACTED.encode()
        if b"\0" in octets and self._holds(octets.replace(b"\0", b""), needles):
            return REDACTED.encode()
        text = octets.decode("latin-1")
        if _clean(text, needles, octets):
            return octets
        return _without(text, needles).encode("latin-1")

    @staticmethod
    def _holds(octets: bytes, needles: _Needles) -> bool:
        text = octets.decode("latin-1")
        return not _clean(text, needles) and _without(text, needles) != text

    def header(self, name: str, value: str) -> str:
        """Return the value of the header field `name` without the secrets, short ones included."""
        if name.strip().lower() in SENSITIVE_HEADERS:
            return REDACTED
        short = self._needles.short
        if short is not None:
            value = short.sub(REDACTED, value)
        return self.text(value)

    def headers(self, headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Return all of `headers` as by `header`; the same object when nothing had to go."""
        needles = self._needles
        shown = tuple((n, REDACTED if n.strip().lower() in SENSITIVE_HEADERS else v) for n, v in headers)
        # One look at all of them together is what makes the common case cheap.
        if needles.short is not None or not _clean("\n".join(chain.from_iterable(shown)), needles):
            shown = tuple((self.text(name), self.header(name, value)) for name, value in shown)
        return headers if shown == headers else shown


def _needles(secrets: list[str], credentials: list[str], ordinary: str) -> _Needles:
    wholes: set[str] = set()
    grams: set[str] = set()
    hex_grams: set[str] = set()
    telling_nothing = {secret for secret in secrets if _is_ordinary(secret, ordinary)}
    for secret in secrets:
        if secret in telling_nothing:
            wholes.update(_encodings(f"Bearer {secret}"))
        if len(secret) < _GRAM or secret in telling_nothing:
            continue
        for spelling in {secret, secret.encode("utf-8", "surrogatepass").decode("latin-1")}:
            telling = spelling[_telling_from(spelling) :]
            if len(telling) < _GRAM:
                telling = spelling
            wholes.update(_encodings(spelling))
            grams.update(gram for text in _encodings(telling) for gram in _windows(text, _GRAM))
            # To take these out would maim answers that have nothing to do with the secret.
            grams -= {gram for gram in _windows(telling, _GRAM) if _NUMBER.fullmatch(gram) or gram.lower() in ordinary}
            octets = telling.encode("utf-8", "surrogatepass").hex()
            hex_grams.update(_windows(octets, _HEX_GRAM), _windows(octets.upper(), _HEX_GRAM))
    texts = wholes | grams | hex_grams
    anchors = {_blocks(block.encode("latin-1", "replace"))[0] for text in texts for block in _windows(text, _ANCHOR)}
    short = sorted((one for one in secrets if len(one) < _GRAM and one not in telling_nothing), key=len, reverse=True)
    return _Needles(
        wholes=tuple(sorted(wholes, key=len, reverse=True)),
        grams=frozenset(grams),
        hex_grams=frozenset(hex_grams),
        anchors=frozenset(anchors),
        short=re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, short)) + r")(?!\w)") if short else None,
        credentials=_whole([credential for credential in credentials if credential not in telling_nothing]),
    )


def _is_ordinary(secret: str, ordinary: str) -> bool:
    """Whether a secret is a number, or a word that stands in ordinary texts."""
    if _NUMBER.fullmatch(secret):
        return len(secret) <= _LONGEST_NUMBER
    return re.search(rf"(?<![\w-]){re.escape(secret.lower())}(?![\w-])", ordinary) is not None


def _whole(credentials: list[str]) -> re.Pattern[str] | None:
    """What matches each credential as a whole: plain only between other characters than its like are made of."""
    choices: list[str] = []
    for credential in credentials:
        if len(credential) < _SHORTEST_CREDENTIAL:
            continue
        for spelling in {credential, credential.encode("utf-8", "surrogatepass").decode("latin-1")}:
            # The letter of an escaped line end is none of the text before the credential.
            choices.append(r"(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt]))" + re.escape(spelling) + r"(?![A-Za-z0-9_-])")
            octets = spelling.encode("utf-8", "surrogatepass").hex()
            coded = {*_encodings(spelling) - {spelling}, octets, octets.upper()}
            choices += map(re.escape, sorted(coded))
    return re.compile("|".join(choices)) if choices else None


def _telling_from(secret: str) -> int:
    """Where a secret begins to be one: after the header of a JWT (RFC 7519, section 3), else at its start."""
    is_jwt = secret.startswith("eyJ") and secret.count(".") in {2, 4}
    return secret.index(".") if is_jwt else 0


def _encodings(text: str) -> set[str]:
    """`text` plain and the part of its base64 that does not depend on what stands before and after it."""
    octets = text.encode("utf-8", "surrogatepass")
    found = {text}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + octets).rstrip(b"=").decode()
        # The first digits carry bits of what stands before, the last one may carry bits of what follows.
        core = encoded[(0, 2, 3)[before] : len(encoded) if (before + len(octets)) % 3 == 0 else -1]
        found |= {core, core.replace("+", "-").replace("/", "_")}
    return {spelling for spelling in found if len(spelling) >= _GRAM}


def _windows(text: str, width: int) -> Iterator[str]:
    return (text[start : start + width] for start in range(len(text) - width + 1))


def _clean(text: str, needles: _Needles, octets: bytes | None = None) -> bool:
    """Whether no secret can be in `text`; cheap, and may answer False for a text that holds none."""
    if octets is None:
        octets = text.encode("latin-1", "replace")
    if not _free(octets, needles):
        return False
    for _ in range(_ROUNDS):
        if _ESCAPE_SIGN.search(text) is None:
            break
        plain = _ESCAPE.sub(_unescaped_match, text)
        if plain == text:
            break
        text = plain
        if not _free(text.encode("latin-1", "replace"), needles):
            return False
    return True


def _free(octets: bytes, needles: _Needles) -> bool:
    return needles.anchors.isdisjoint(_blocks(octets))


def _blocks(octets: bytes) -> memoryview[int]:
    """Cut `octets` into whole blocks of 4, each as a number."""
    return memoryview(octets)[: len(octets) - len(octets) % _ANCHOR].cast("I")


def _without(text: str, needles: _Needles) -> str:
    """`text` with every stretch that gives a secret away replaced."""
    taken = bytearray(len(text))
    plain, starts, ends = text, range(len(text)), range(1, len(text) + 1)
    places: tuple[_Places, _Places] = (starts, ends)
    for _ in range(_ROUNDS + 1):
        for start, end in _finds(plain, needles):
            first, last = places[0][start], places[1][end - 1]
            taken[first:last] = b"\x01" * (last - first)
        unescaped = _unescaped(plain, places)
        if unescaped is None:
            break
        plain, places = unescaped
    pieces: list[str] = []
    position = 0
    for stretch in re.finditer(rb"\x01+", taken):
        pieces += (text[position : stretch.start()], REDACTED)
        position = stretch.end()
    return "".join((*pieces, text[position:]))


def _finds(text: str, needles: _Needles) -> Iterator[tuple[int, int]]:
    for whole in needles.wholes:
        start = text.find(whole)
        while start >= 0:
            yield start, start + len(whole)
            start = text.find(whole, start + 1)
    anchors = needles.anchors
    seen: dict[str, tuple[tuple[int, int], ...]] = {}
    for index, block in enumerate(_blocks(text.encode("latin-1", "replace"))):
        if block in anchors:
            first = max((index + 1) * _ANCHOR - _HEX_GRAM, 0)
            around = text[first : index * _ANCHOR + _HEX_GRAM]
            # A target may repeat a secret a thousand times.
            if (found := seen.get(around)) is None:
                found = _stretches(around, needles)
                if len(seen) < _SEEN:
                    seen[around] = found
            for start, end in found:
                yield first + start, first + end


def _stretches(around: str, needles: _Needles) -> tuple[tuple[int, int], ...]:
    """The parts of a short text that give a secret away, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for grams, width in ((needles.grams, _GRAM), (needles.hex_grams, _HEX_GRAM)):
        for start in range(len(around) - width + 1):
            if around[start : start + width] in grams:
                if found and found[-1][0] <= start <= found[-1][1]:
                    found[-1] = (found[-1][0], max(start + width, found[-1][1]))
                else:
                    found.append((start, start + width))
    return tuple(found)


def _unescaped(text: str, places: tuple[_Places, _Places]) -> tuple[str, tuple[_Places, _Places]] | None:
    """`text` with one layer of escapes taken off and where each character came from; None if it has none."""
    starts, ends = places
    new_starts, new_ends = array("I"), array("I")
    pieces: list[str] = []
    position = 0
    for match in _ESCAPE.finditer(text):
        character = _unescaped_match(match)
        if character == match[0]:
            continue
        begin, end = match.span()
        pieces += (text[position:begin], character)
        new_starts.extend(starts[position:begin])
        new_ends.extend(ends[position:begin])
        new_starts.extend([starts[begin]] * len(character))
        new_ends.extend([ends[end - 1]] * len(character))
        position = end
    if not pieces:
        return None
    pieces.append(text[position:])
    new_starts.extend(starts[position:])
    new_ends.extend(ends[position:])
    return "".join(pieces), (new_starts, new_ends)


def _unescaped_match(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[0] == "%":
        return chr(int(escape[1:], 16))
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[1] in "ux":
        code = int(escape[2:].strip("{}"), 16)
        return chr(code) if code <= _LAST_CODE_POINT else escape
    return escape[1]


def _inflated(octets: bytes) -> tuple[bytes, bool]:
    """Unpack the compressed `octets` as far as they can be read, and tell whether that is all of them."""
    unpacked = bytearray()
    # 32 + 15: gzip or zlib, whichever it is.
    inflater = zlib.decompressobj(wbits=47)
    view = memoryview(octets)
    try:
        for start in range(0, len(octets), _INFLATE_STEP):
            unpacked += inflater.decompress(
                inflater.unconsumed_tail + view[start : start + _INFLATE_STEP], _INFLATE_LIMIT - len(unpacked)
            )
            if len(unpacked) >= _INFLATE_LIMIT or inflater.eof:
                break
    except zlib.error:
        return bytes(unpacked), False
    return bytes(unpacked), inflater.eof and not inflater.unused_data
