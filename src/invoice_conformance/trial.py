"""Owns what a judge sees: exchanges with what was meant by them, read once, and how a judgement is said.

It knows how to read a request and an answer, and no requirement.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from invoice_conformance import jsontext
from invoice_conformance.exchange import GZIP, Exchange, NoAnswer, Response
from invoice_conformance.jsontext import Json, NotJson
from invoice_conformance.leaks import echoes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from invoice_conformance.contract import Contract
    from invoice_conformance.oracle import Judgement, Oracle

MAX_INFLATED = 1024 * 1024
"""Octets that a coded body may become; beyond, it is not read."""

MOST_TOLD = 4000
"""Octets of a body from which the telling part is taken."""

REPEATING = frozenset({"type", "title", "status", "statusCode", "timestamp", "instance", "path"})
"""Members of an error that say what its status says (RFC 9457 §3.1), or when and where it came."""

MAX_DEPTH = 100
"""Nesting of an answer that is still read; the resource is two deep."""

MAX_MARKS = 20_000
"""Commas, colons and brackets of an answer that is still read; the resource has some thirty."""

SPEAKS_OF_ELSE = frozenset({401, 403, 404, 405, 408, 429})
"""4xx statuses that refuse something other than the body (spec/reading.md, Status codes)."""

NO_ANSWERS = frozenset({429, 502, 503, 504})
"""Statuses with which something says that it cannot answer now (spec/reading.md, Status codes)."""

SURE = 10
"""Attempts that must all break the same way before a broken message counts as the server's own doing.

Of a target that breaks one answer in three at random, one run in twenty thousand sees that.
"""


_SIGN_IN = re.compile(r"(?i)[/.](?:log-?in|sign-?in|sso|saml2?|oauth2?|openid-connect)(?:[/?#.;]|$)")
"""Where a gateway sends who has not signed in."""
_FIREWALL = re.compile(
    rb"(?i)The requested URL was rejected|Incapsula incident ID|mod_security|Attention Required! \| Cloudflare"
)
"""Words of firewalls' pages, which come with any status."""


def decoded(response: Response) -> bytes | None:
    """The body without its content coding, which nobody asked for; None when that cannot be undone within bounds."""
    coding = response.coding
    if coding in {"", "identity"}:
        return response.body
    if coding not in {*GZIP, "deflate"}:
        return None
    # 32 added to the window size recognises the header of gzip and of zlib alike.
    inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        body = inflater.decompress(response.body, MAX_INFLATED)
    except zlib.error:
        return None
    return body if inflater.eof else None


@dataclass(frozen=True, slots=True)
class Rules:
    """What judges measure by: the contract, the oracle over it, and where the target is ("" when nobody says)."""

    contract: Contract
    oracle: Oracle
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a case is, apart from its octets: id, edited members with their edges, whether its number is pooled."""

    id: str
    edits: tuple[tuple[str, str], ...] = ()
    pooled: bool = False
    standard: bool = True
    """Whether method, path, headers and framing are those of an ordinary create."""


@dataclass(frozen=True)
class Reading:
    """One exchange as judges read it; everything is computed from the exchange when first asked for."""

    exchange: Exchange
    meaning: Meaning
    rules: Rules

    @cached_property
    def response(self) -> Response | None:
        """The answer, None when there was none that can be judged."""
        answer = self.exchange.answer
        if isinstance(answer, NoAnswer) or answer.status in NO_ANSWERS:
            return None
        return answer

    @property
    def put_off(self) -> bool:
        """Whether the target did nothing with the request and may later (RFC 6585 §4, RFC 9110 §15.6.4)."""
        return not isinstance(self.exchange.answer, NoAnswer) and self.exchange.answer.status in {429, 503}

    @property
    def status(self) -> int:
        """The status of the answer, 0 without one."""
        return self.response.status if self.response is not None else 0

    @property
    def accepted(self) -> bool:
        """Whether the answer is any 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of statuses

    @property
    def created(self) -> bool:
        """Whether the answer is one of the two that mean the success of a create."""
        return self.status in {200, 201} and self.exchange.request.method == "POST"

    @cached_property
    def in_front(self) -> str | None:
        """What stands between us and the API, when the answer is its rather than the API's."""
        response = self.response
        if response is None:
            return None
        status = response.status
        if status in {302, 303, 307} and _SIGN_IN.search((response.header("location") or "")[:1000]):
            return f"a redirect ({status}) to a sign-in"
        media = (response.header("content-type") or "").partition(";")[0].strip().lower()
        if media != "text/html":
            return None
        server = (response.header("server") or "").lower()
        known = next(
            (name for name in ("cloudflare", "akamai", "awselb", "cloudfront", "imperva") if name in server),
            None,
        )
        if status == 403 or _FIREWALL.search(response.body[:8192]):  # noqa: PLR2004 - what firewalls answer
            return f"an HTML page with status {status}{f' from {known}' if known else ''}, as firewalls send them"
        return None

    @cached_property
    def astray(self) -> bool:
        """Whether somebody else may have answered: what reads heads in front of the API, or another host behind it."""
        request = self.exchange.request
        wire = request.wire
        named = bool(request.values("host"))
        odd = wire.version != "1.1" or wire.absolute or not wire.host
        return named or odd or not request.target.startswith("/") or request.method in {"CONNECT", "TRACE"}

    @property
    def refused(self) -> bool:
        """Whether the answer refuses the body; 403 and 404 do where only the contract is at stake."""
        status = self.status
        if not 400 <= status < 500:  # noqa: PLR2004 - the class of statuses
            return False
        if status not in SPEAKS_OF_ELSE:
            return True
        # Legal values may stand beside it: what counts is that nothing but the contract is at stake.
        broken = {rule.field for rule in self.judgement.rules} if self.judgement.kind == "invalid" else set()
        return status in {403, 404} and (broken or {name for name, _edge in self.meaning.edits}) == {"contractId"}

    @cached_property
    def sent(self) -> dict[str, Json] | None:
        """The members of the request body, None when it is no JSON object or names a member twice.

        Of a name given twice a server may take either value (RFC 8259 §4), so none is the one that was sent.
        """
        try:
            document = jsontext.read(self.exchange.request.body, max_depth=MAX_DEPTH)
        except NotJson:
            return None
        return document.value if isinstance(document.value, dict) and not document.duplicates else None

    @cached_property
    def texts(self) -> list[str]:
        """Every text that the request held, for what an answer may repeat."""
        request = self.exchange.request
        path, _mark, query = request.target.partition("?")
        body = request.body.decode("utf-8", errors="replace")
        return [path, query, *(value for _name, value in request.headers), body, *_strings(self.sent)]

    @cached_property
    def echoes(self) -> list[str]:
        """How the texts of the request may come back."""
        return echoes_of(self.texts)

    @cached_property
    def judgement(self) -> Judgement:
        """What the oracle says of the request body."""
        return self.rules.oracle.judge(self.exchange.request.body, self.exchange.request.wire.padding)

    @cached_property
    def body(self) -> bytes | None:
        """The answer's body without its content coding; None without an answer, or when it cannot be undone."""
        return decoded(self.response) if self.response is not None else None

    @cached_property
    def body_text(self) -> str:
        """The body as text, for what is looked for in it: what is no UTF-8 is replaced, and no body is empty."""
        return (self.body or b"").decode("utf-8", errors="replace")

    @property
    def other_form(self) -> str | None:
        """Why the answer's body need not be plain JSON: it is compressed, or the request asked for something else."""
        if self.response is not None and self.body is None:
            return f"the body is coded as {self.response.header('content-encoding')}, which cannot be undone"
        wanted = [value.lower() for value in self.exchange.request.values("accept")]
        if wanted and not any("json" in value or "*/*" in value for value in wanted):
            return f"the request asked for {', '.join(wanted)}"
        return None

    @cached_property
    def is_cut(self) -> bool:
        """Whether the answer's body is not read as a whole: too long, or of so many values that it takes minutes."""
        if self.response is None or self.response.truncated:
            return self.response is not None
        return is_crowded(self.body or b"")

    @property
    def is_deep(self) -> bool:
        """Whether the answer's body is nested too deep for us, which says nothing of how well it is formed."""
        return isinstance(self.document, NotJson) and self.document.too_deep

    @cached_property
    def document(self) -> jsontext.Document | NotJson | None:
        """The answer's body as JSON, why it is none, or None without a whole body."""
        response = self.response
        if response is None or self.is_cut or self.other_form:
            return None
        try:
            return jsontext.read(self.body or b"", max_depth=MAX_DEPTH)
        except NotJson as error:
            return error

    @cached_property
    def data(self) -> dict[str, Json] | None:
        """The invoice resource of a success, None when there is none."""
        if not self.created or not isinstance(self.document, jsontext.Document):
            return None
        value = self.document.value
        data = value.get("data") if isinstance(value, dict) else None
        return data if isinstance(data, dict) else None

    def said(self, limit: int = 240) -> str:
        """The answer in a few words: status, reason, what it did and the telling part of its body, or the trouble."""
        answer = self.exchange.answer
        if isinstance(answer, NoAnswer):
            return f"no answer ({answer.kind}: {answer.detail})"
        status = f"{answer.status} {answer.reason}".strip()
        if self.data is not None and isinstance(self.data.get("id"), str):
            return f"{status}: an invoice was made (id {str(self.data['id'])[:80]})"
        text = " ".join(self._telling((answer.body if self.body is None else self.body)[:MOST_TOLD]).split())
        cut = f"{text[:limit]}…" if len(text) > limit else text
        return status + (f" {cut}" if cut else "")

    def _telling(self, body: bytes) -> str:
        """The body of an answer, of a JSON error without the members that repeat its status."""
        text = body.decode("utf-8", errors="replace")
        if self.status < 400 or len(body) == MOST_TOLD:  # noqa: PLR2004 - errors
            return text
        try:
            members = json.loads(body)
        except (ValueError, RecursionError):
            return text
        if not isinstance(members, dict):
            return text
        left = {name: value for name, value in members.items() if name not in REPEATING}
        return json.dumps(left, ensure_ascii=False) if left else text


def _strings(value: Json) -> Iterator[str]:
    """The texts among the values of a request; names of members stand in messages of their own right."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def is_crowded(text: bytes) -> bool:
    """Whether a JSON text has more values than anybody needs."""
    return len(text) > MAX_MARKS and sum(map(text.count, (b",", b":", b"[", b"{"))) > MAX_MARKS


@dataclass(frozen=True, slots=True)
class Trial:
    """The exchanges of one case by role: `act` is what is judged; `twin`, `first`, `race`, `without` go with it."""

    id: str
    roles: dict[str, tuple[Reading, ...]]

    @property
    def act(self) -> Reading:
        """The exchange under judgement."""
        return self.roles["act"][0]

    def one(self, role: str) -> Reading | None:
        """The exchange in a role, None when the trial has none."""
        readings = self.roles.get(role, ())
        return readings[0] if readings else None

    def all(self) -> Iterable[Reading]:
        """Every exchange of the trial."""
        for readings in self.roles.values():
            yield from readings


@dataclass(frozen=True, slots=True)
class Holds:
    """The expectation holds in this trial."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The expectation is broken: what was expected and what came, each a phrase, and which exchange shows it.

    `field` and `edge` say where; together with `kind`, a word for the kind of answer, they tell defects apart.
    """

    expected: str
    got: str
    kind: str
    field: str | None = None
    edge: str = ""
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class DoesNotApply:
    """The premise is not met, so the trial says nothing; `unanswered` when that is for want of an answer."""

    reason: str
    unanswered: bool = False


Judged: TypeAlias = Holds | Broken | DoesNotApply
