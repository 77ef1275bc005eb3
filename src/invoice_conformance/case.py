"""Owns what one request is made of before it is sent: its exact octets, its holes and its identity.

It knows neither the contract's rules nor what any answer means.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import random
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.parse import quote

from invoice_conformance.exchange import USUAL, Header, Request, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

MARK_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: capitals only, so that no two marks collide under a case-insensitive comparison."""

LETTERS_OF_MARK, DIGITS_OF_MARK = 12, 17
"""The lengths of a mark: eight letters of the run and four of a count, or eleven digits and six."""

IDEOGRAPHS = range(0x4E00, 0x9FA6)
"""The 20,902 CJK ideographs of Unicode 1.1: a pool of one-letter numbers that reruns do not exhaust."""

Spelling: TypeAlias = Literal["string", "escaped", "slashes", "bare"]
HoleName: TypeAlias = Literal[
    "contract",
    "contract-escaped",
    "contract-bare",
    "other-contract",
    "other-tenant",
    "contract-in-other-case",
    "contract-and-space",
    "contract-and-nul",
    "contract-and-zero-width-space",
    "contract-in-full-width",
    "contract-and-query",
    "contract-less-its-end",
    "contract-under-another-prefix",
    "token",
    "tenant",
]


@dataclass(frozen=True, slots=True)
class NumberSlot:
    """Where an invoice number goes, and what it looks like: `before`, the run's mark, filling, `after`.

    `length` is the number's whole length in code points; `filler` is repeated between mark and `after` to reach
    it. Where no mark fits (`length` under 14, or a `pool` of equivalents) the number is drawn from a pool instead.
    Slots of one trial with the same `key` get the same mark. `digits` makes the mark of decimal digits only.
    """

    before: str = "INV-"
    after: str = ""
    length: int | None = None
    filler: str = "0"
    pool: tuple[str, ...] = ()
    digits: bool = False
    spelling: Spelling = "string"
    key: str = ""

    @property
    def pooled(self) -> bool:
        """Whether the number is drawn from a pool, so that one refusal proves nothing."""
        taken = len(self.before) + len(self.after) + (DIGITS_OF_MARK if self.digits else LETTERS_OF_MARK)
        return bool(self.pool) or (self.length is not None and self.length < max(14, taken))

    def spell(self, number: str) -> bytes:
        """The JSON text of `number` as this slot writes it."""
        if self.spelling == "bare":
            return number.encode()
        spelled = spell_string(number, escaped=self.spelling == "escaped")
        # RFC 8259 §7: a solidus may be escaped, and means itself.
        return spelled.replace(b"/", b"\\/") if self.spelling == "slashes" else spelled


BARE: HoleName = "contract-bare"
"""The hole that a case puts quotes of its own around."""

NEEDING_OTHER = frozenset({"other-contract", "other-tenant"})
"""Holes that only the ids of a second tenant can fill."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A value that the run's configuration fills in."""

    name: HoleName


OF_OTHER_TENANT = "the other tenant's"
"""The edge of a contract that is sent in its own tenant, the other one."""


Part: TypeAlias = bytes | NumberSlot | Hole


@dataclass(frozen=True, slots=True)
class Edit:
    """How one member differs from the plain invoice.

    `parts` is the member's value as it stands in the body, None when the member is left out. `edge` names the class
    of values it stands for, in words that a report can show.
    """

    field: str
    edge: str
    parts: tuple[Part, ...] | None


BEARER = "Bearer ${token}"
STANDARD_HEADERS: tuple[Header, ...] = (
    ("Authorization", BEARER),
    ("tenant-id", "${tenant}"),
    ("Content-Type", "application/json"),
)


OTHER_TENANT = "${other_tenant}"
"""Stands for the id of the second tenant."""
NUMBER = "${number}"
"""Stands, in a header, for the number in the body."""
UNAUTHENTICATED_HEADERS = tuple(header for header in STANDARD_HEADERS if header[1] != BEARER)
OTHER_TENANT_HEADERS = tuple((name, OTHER_TENANT if name == "tenant-id" else value) for name, value in STANDARD_HEADERS)
"""The standard headers, sent for the second tenant."""


@dataclass(frozen=True, slots=True)
class Case:
    """One concrete request with a stable id; headers may hold the placeholders `${token}`, `${tenant}` and the like.

    `edits` says how the body differs from the plain invoice; a body of raw octets has none and is not reduced.
    `suffix` is appended to the operation's path; `path` replaces it, and may hold `${path}` and what `_paths` makes of
    it. `wire` says how it is written out.
    """

    id: str
    body: tuple[Part, ...]
    edits: tuple[Edit, ...] = ()
    method: str = "POST"
    suffix: str = ""
    headers: tuple[Header, ...] = STANDARD_HEADERS
    chunked: bool = False
    path: str | None = None
    wire: Wire = USUAL

    @property
    def slot(self) -> NumberSlot | None:
        """The invoice-number slot, or None when the body has no such hole."""
        return next((part for part in self.body if isinstance(part, NumberSlot)), None)

    @property
    def needs_other(self) -> bool:
        """Whether it cannot be sent without the ids of a second tenant."""
        named = any(OTHER_TENANT in value for _name, value in self.headers)
        return named or any(isinstance(part, Hole) and part.name in NEEDING_OTHER for part in self.body)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the members that differ from the plain invoice."""
        return tuple(edit.field for edit in self.edits)

    @property
    def digest(self) -> str:
        """SHA-256 of all that the case says, whatever fills its holes."""
        return hashlib.sha256(
            repr((self.body, self.method, self.suffix, self.path, self.headers, self.chunked, self.wire)).encode(
                errors="surrogatepass"
            )
        ).hexdigest()


NEEDS_OTHER = "it needs a second tenant; set --other-tenant-id and --other-contract-id"
SAME_CONTRACT = "both tenants have a contract with the same id; set --other-contract-id to one that only the other has"
RIGHT_HERE = "the wrong id or token that it sends is a right one here"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking: the values that fill a case's holes. Holds secrets; never written down."""

    token: str = field(repr=False)
    tenant: str
    contract: str
    other_tenant: str | None = None
    other_contract: str | None = None

    @property
    def has_other_tenant(self) -> bool:
        """Whether the ids of a second tenant are known."""
        return bool(self.other_tenant and self.other_contract)

    def hinders(self, case: Case) -> str | None:
        """Why a case cannot be sent as what it is meant to be, by these ids; None when it can."""
        if case.needs_other and not self.has_other_tenant:
            return NEEDS_OTHER
        tenants = {value for name, value in case.headers if name.lower() == "tenant-id"}
        there = OTHER_TENANT in tenants
        foreign = Hole("contract" if there else "other-contract")
        if foreign in case.body and self.contract == self.other_contract:
            return SAME_CONTRACT
        own = {self.other_tenant, self.tenant} if self.other_tenant else {self.tenant}
        named = {edit.parts for edit in case.edits if edit.field == "contractId"}
        right = (self.other_contract if there else None) or self.contract
        # Few cases name a contract of their own, so it is spelled for those alone.
        if tenants & own or (named and (spell_string(right),) in named):
            return RIGHT_HERE
        credentials = {value for name, value in case.headers if name.lower() == "authorization"}
        return RIGHT_HERE if f"Bearer {self.token}" in credentials else None


@dataclass
class Numbering:
    """Gives out invoice numbers that carry the run's mark; safe to use from several threads."""

    mark: str
    source: random.Random = field(default_factory=random.SystemRandom)
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def fresh(cls) -> Numbering:
        """Numbering under a mark that no other run has had."""
        source = random.SystemRandom()
        return cls("".join(source.choice(MARK_ALPHABET) for _ in range(8)))

    def number(self, slot: NumberSlot, drawn: dict[str, str] | None = None, turn: int = 0) -> str:
        """A number for `slot` that no earlier call returned.

        `drawn` remembers the marks of one trial's keys; `turn` counts the equivalents tried of a pooled slot.
        """
        if slot.pooled:
            return self._from_pool(slot, turn)
        remembered = None if drawn is None or not slot.key else drawn.get(slot.key)
        mark = remembered or self._mark(digits=slot.digits)
        if drawn is not None and slot.key:
            drawn[slot.key] = mark
        room = 0 if slot.length is None else slot.length - len(slot.before) - len(mark) - len(slot.after)
        filling = (slot.filler * room)[:room] if room > 0 else ""
        return slot.before + mark + filling + slot.after

    def _mark(self, *, digits: bool) -> str:
        with self._lock:
            self._next += 1
            count = self._next
        if digits:
            # The first digit is no zero, for a bare number must not begin with one (RFC 8259 §6).
            return f"{10**10 + int(self.mark, 36) % (9 * 10**10)}{count:06d}"
        tail = ""
        for _ in range(4):
            count, index = divmod(count, len(MARK_ALPHABET))
            tail = MARK_ALPHABET[index] + tail
        return self.mark + tail

    def _from_pool(self, slot: NumberSlot, turn: int) -> str:
        if slot.pool:
            return self.source.choice(slot.pool)
        length = slot.length or 1
        # Not 0, which is a number of its own.
        letters = MARK_ALPHABET[1:] if turn == 0 else [chr(point) for point in IDEOGRAPHS]
        return "".join(self.source.choice(letters) for _ in range(length))


def spell_string(text: str, *, escaped: bool = False) -> bytes:
    """The JSON text of a string: in UTF-8 as far as it goes (a lone surrogate is escaped), or all escaped."""
    if escaped:
        units = text.encode("utf-16-be", errors="surrogatepass")
        return ('"' + "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2)) + '"').encode()
    plain = json.dumps(text, ensure_ascii=False)
    try:
        return plain.encode()
    except UnicodeEncodeError:
        return json.dumps(text).encode()


@dataclass(frozen=True, slots=True)
class Filled:
    """A case with its holes filled: the request to send, and the invoice number in it (None without a slot)."""

    request: Request
    number: str | None


_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)


def _in_other_case(text: str) -> str:
    """Another id that differs in letter case; a UUID means the same in any (RFC 9562 §4), so it gets a letter more."""
    swapped = text.swapcase()
    return f"{swapped}X" if swapped == text or _UUID.fullmatch(text) else swapped


def _in_full_width(text: str) -> str:
    """Another id that compatibility normalisation (NFKC) makes this one of; one without ASCII gets a letter more."""
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text) + (
        "" if text.isascii() and text.strip() else "X"
    )


def _under_another_prefix(contract: str) -> str:
    """What follows the prefix of an id, or all of one without, under one that it does not have."""
    prefix, _, rest = contract.partition("_")
    return f"{'inv' if prefix != 'inv' else 'tnt'}_{rest or contract}"


def _less_its_end(text: str) -> str:
    """Another id that this one begins with; of a short one, such as a count, that may be an id too: it gets letters."""
    return text[:-1] if len(text) >= LETTERS_OF_MARK else f"{text}0x"


def _filling(name: HoleName, identity: Identity) -> str:
    values: dict[HoleName, str] = {
        "contract": identity.contract,
        "contract-escaped": identity.contract,
        "contract-bare": identity.contract,
        "other-contract": identity.other_contract or "",
        "other-tenant": identity.other_tenant or "",
        "contract-in-other-case": _in_other_case(identity.contract),
        "contract-and-space": f"{identity.contract} ",
        "contract-and-nul": f"{identity.contract}\0x",
        "contract-and-zero-width-space": f"{identity.contract}\u200b",
        "contract-and-query": f"{identity.contract}?x=1#x",
        "contract-less-its-end": _less_its_end(identity.contract),
        "contract-under-another-prefix": _under_another_prefix(identity.contract),
        "contract-in-full-width": _in_full_width(identity.contract),
        "token": identity.token,
        "tenant": identity.tenant,
    }
    return values[name]


@functools.lru_cache(maxsize=128)
def spell_hole(hole: Hole, identity: Identity) -> bytes:
    """The JSON text that fills a hole in a body; a bare one has no quotes of its own."""
    spelled = spell_string(_filling(hole.name, identity), escaped=hole.name == "contract-escaped")
    return spelled[1:-1] if hole.name == BARE else spelled


@functools.lru_cache(maxsize=8)
def _values(identity: Identity) -> Mapping[str, str]:
    """What the placeholders of a header stand for."""
    token, tenant = identity.token, identity.tenant
    other_case = token.swapcase()
    return {
        "${token}": token,
        "${token:less}": token[:-1],
        # RFC 7617 §2: a user's name, a colon, and the password.
        "${token:basic}": base64.b64encode(f"api:{token}".encode()).decode(),
        "${token:half}": token[: len(token) // 2],
        # A token that is the same in other letter case, or backwards, must be made another one all the same.
        "${token:case}": other_case if other_case != token else f"{token}0",
        "${token:reversed}": token[::-1] if token[::-1] != token else f"0{token}",
        "${tenant}": tenant,
        "${tenant:less}": tenant[:-1] if tenant[:-1] != identity.other_tenant else f"0{tenant}",
        "${tenant:case}": _in_other_case(tenant),
        # One letter is enough for who decodes it, and no tenant is called so.
        "${tenant:encoded}": f"%{ord(tenant[:1] or 'x') % 256:02X}{tenant[1:]}",
        OTHER_TENANT: identity.other_tenant or "",
    }


def _paths(path: str) -> dict[str, str]:
    """What the placeholders of a path stand for; `path` is the operation's on the target."""
    parent, _, last = path.rpartition("/")
    folder = parent.rpartition("/")[2]
    return {
        "${path}": path,
        "${path:upper}": path.upper(),
        # RFC 3986 §6.2.2.2: a letter and its percent-encoding are the same.
        "${path:encoded}": f"{parent}/%{ord(last[:1] or 'x'):02X}{last[1:]}",
        "${path:dotted}": f"{parent}/../{folder}/{last}",
    }


@functools.lru_cache(maxsize=512)
def _headers(headers: tuple[Header, ...], identity: Identity) -> tuple[Header, ...]:
    """The headers with all of their placeholders filled but the number's; most cases have the same."""
    values = _values(identity)
    return tuple((name, _replaced(template, values)) for name, template in headers)


def _replaced(template: str, values: Mapping[str, str]) -> str:
    """The template with its placeholders filled."""
    if "${" in template:
        for key, value in values.items():
            template = template.replace(key, value)
    return template


def fill(
    case: Case,
    identity: Identity,
    numbering: Numbering,
    path: str,
    *,
    drawn: dict[str, str] | None = None,
    turn: int = 0,
    common: tuple[Header, ...] = (),
) -> Filled:
    """The request that `case` stands for, with a fresh invoice number; `path` is the operation's on the target.

    `common` holds headers that every request of the run carries. `drawn` and `turn` as in `Numbering.number`.
    """
    chunks: list[bytes] = []
    number: str | None = None
    marks: dict[str, str] = {} if drawn is None else drawn
    for part in case.body:
        if isinstance(part, NumberSlot):
            text = numbering.number(part, marks, turn)
            chunks.append(part.spell(text))
            number = text if number is None else number
        elif isinstance(part, Hole):
            chunks.append(spell_hole(part, identity))
        else:
            chunks.append(part)
    own = {NUMBER: number or ""}
    headers = tuple((name, _replaced(value, own)) for name, value in _headers(case.headers, identity))
    suffix = case.suffix
    if "${" in suffix:
        values = {**_values(identity), **own}
        suffix = _replaced(suffix, {key: quote(value, safe="") for key, value in values.items()})
    where = path if case.path is None else _replaced(case.path, _paths(path))
    request = Request(case.method, where + suffix, (*headers, *common), b"".join(chunks), case.chunked, case.wire)
    return Filled(request, number)


def sample(case: Case) -> bytes:
    """The body of a case as some run would fill it, for an oracle to judge before anything is sent."""
    numbering = Numbering("0SAMP1E0")
    chunks: list[bytes] = []
    for part in case.body:
        if isinstance(part, NumberSlot):
            chunks.append(part.spell(numbering.number(part)))
        elif isinstance(part, Hole):
            chunks.append(spell_string(f"ctr_{part.name}"))
        else:
            chunks.append(part)
    return b"".join(chunks)
