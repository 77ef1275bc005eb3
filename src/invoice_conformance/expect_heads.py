"""Owns what can be expected of the head of any answer, in the same form as `expect`.

It knows readings and the forms of header fields; of bodies it knows whether there is one, its coding, and the
invoice's id.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from invoice_conformance.address import BadUrl, parts_of
from invoice_conformance.exchange import Response, is_no_gzip
from invoice_conformance.expect import CLOCK_TOLERANCE, REGISTERED, unanswered
from invoice_conformance.heads import LISTS, SINGLE, directives, http_time, is_formed
from invoice_conformance.trial import Broken, DoesNotApply, Holds, Judged, Reading, Trial

FOREIGN_ORIGIN: Final = "https://elsewhere.example"
"""A web site that nobody has told a server of (RFC 2606 §3)."""

LONG_ID: Final = 8
"""An id of so many characters does not stand in another invoice's Location by chance."""


def _head(reading: Reading) -> Response | None:
    """An answer whose head is the application's: parsers below it, and what stands in front, answer the others."""
    answer = reading.exchange.answer
    # RFC 9110 §10.2.3: Retry-After comes with the very statuses that are no answers, so these are looked at too.
    if not isinstance(answer, Response) or reading.in_front:
        return None
    return answer if reading.meaning.standard or reading.exchange.request.method in REGISTERED else None


def _create(reading: Reading) -> Response | None:
    """An answer of the application to an ordinary create, which is no server error."""
    answered = reading.meaning.standard and not reading.in_front and reading.status < 500  # noqa: PLR2004
    return reading.response if answered else None


def _nothing(reading: Reading) -> DoesNotApply:
    return unanswered(reading) or DoesNotApply("not an answer of the application")


@dataclass(frozen=True, slots=True)
class WellFormed:
    """The standard header fields have the form that their RFC gives them; Date and challenges are judged elsewhere."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by the first field in another form."""
        act = trial.act
        response = _head(act)
        if response is None:
            return _nothing(act)
        for name in (*LISTS, *SINGLE):
            # What is empty says nothing, and two lines of a field that stands once are another defect.
            lines = [value for value in response.values(name) if value.strip()]
            if name in LISTS:
                lines = [", ".join(lines)] if lines else []
            elif name == "Content-Type" and act.created:
                continue
            for value in lines:
                if not is_formed(name, value):
                    return Broken(
                        expected=f"{name} in the form of its RFC (spec/heads.abnf)",
                        got=f"{name}: {value[:80]}",
                        kind=name.lower(),
                        edge=name,
                        reading=act,
                    )
        return Holds()


@dataclass(frozen=True, slots=True)
class StandsOnce:
    """A field that has one value stands in one line."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a second line of it."""
        act = trial.act
        response = _head(act)
        if response is None:
            return _nothing(act)
        for name in SINGLE:
            lines = response.values(name)
            if len(lines) > 1:
                return Broken(
                    expected=f"one line of {name}",
                    got=" and ".join(f"{name}: {value[:60]}" for value in lines[:3]),
                    kind=name.lower(),
                    edge=name,
                    reading=act,
                )
        return Holds()


@dataclass(frozen=True, slots=True)
class DateIsNow:
    """The Date of an answer lies within five minutes of the clock of the machine that asked."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by any other time."""
        act = trial.act
        response = _head(act)
        date = http_time(response.header("date")) if response is not None else None
        if response is None or date is None:
            return unanswered(act) or DoesNotApply("no Date that can be read")
        if response.header("age") is not None:
            # A stored answer keeps its Date (RFC 9111 §4.2.3).
            return Holds()
        sent = act.exchange.sent_at
        if sent - CLOCK_TOLERANCE - 1 <= date <= sent + act.exchange.elapsed + CLOCK_TOLERANCE:
            return Holds()
        return Broken(
            expected="Date within 5 minutes of this machine's clock, if that is right",
            got=f"Date: {response.header('date')}, {(date - sent) / 60:+.0f} minutes off this machine's clock",
            kind="off",
            edge="Date",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class CharsetIsUtf8:
    """A media type of JSON names no charset but UTF-8, or ASCII, which is part of it."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by charset=iso-8859-1 and the like."""
        act = trial.act
        response = _head(act)
        if response is None:
            return _nothing(act)
        for value in response.values("content-type"):
            media, _, parameters = value.partition(";")
            named = re.search(r'(?:^|[;\s])charset="?([^\s;"]++)', parameters, re.IGNORECASE)
            if not media.strip().lower().endswith("json") or named is None:
                continue
            if named[1].lower() not in {"utf-8", "utf8", "us-ascii", "ascii"}:
                return Broken(
                    expected="JSON without a charset, or with charset=utf-8",
                    got=f"Content-Type: {value[:80]}",
                    kind="another charset",
                    edge="Content-Type",
                    reading=act,
                )
        return Holds()


@dataclass(frozen=True, slots=True)
class NotCoded:
    """A body has no content coding that the request did not ask for: none at all, unless it says otherwise."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a compressed body."""
        act = trial.act
        response = _head(act)
        if response is None:
            return _nothing(act)
        wanted = act.exchange.request.values("accept-encoding")
        asked = {*re.split(r"[\s,;]++", ",".join(wanted).lower()), "identity"}
        codings = response.coding.replace(",", " ").split()
        known = "*" in asked or all(coding.removeprefix("x-") in asked for coding in codings)
        if not response.body_length or known:
            return Holds()
        return Broken(
            expected=f"a body without content coding, because of Accept-Encoding: {', '.join(wanted) or 'identity'}",
            got=f"Content-Encoding: {' '.join(codings)[:80]}",
            kind="coded",
            edge="Content-Encoding",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class CodedAsSaid:
    """A body that is said to be in the gzip coding is gzip."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a body that does not begin as gzip does; of its rest, and of other codings, nothing is said."""
        act = trial.act
        response = act.response if act.accepted else _head(act)  # nobody else accepts a request of another kind
        if response is None:
            return _nothing(act)
        whole = not response.truncated and len(response.body) == response.body_length
        if not response.body or not whole or not is_no_gzip(response.coding, response.body):
            return Holds()
        return Broken(
            expected=f"a body in the coding that its head names, {response.coding}",
            got=f"a body that begins with {response.body[:16]!r}",
            kind="not coded",
            edge="Content-Encoding",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class NotMarkedCacheable:
    """The answer to a create is not marked as one that a cache may hand out again."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by explicit freshness; that there is no Cache-Control breaks nothing (RFC 9110 §9.3.3)."""
        act = trial.act
        response = _create(act)
        if response is None:
            return _nothing(act)
        value = response.header("cache-control") or ""
        found = directives(value)
        if found.keys() & {"no-store", "private", "no-cache"}:
            return Holds()
        ages = [found[name] for name in ("max-age", "s-maxage") if name in found]
        fresh = any(age.isdecimal() and age.strip("0") for age in ages)
        got = f"Cache-Control: {value[:80]}" if fresh or ("public" in found and not ages) else ""
        if not got and not ages and self._expires_later(act, response):
            got = f"Expires: {response.header('expires')}"
        if not got:
            return Holds()
        return Broken(
            "an answer to a create that is not marked as cacheable", got, "cacheable", edge="caching", reading=act
        )

    @staticmethod
    def _expires_later(act: Reading, response: Response) -> bool:
        expires = http_time(response.header("expires"))
        date = http_time(response.header("date")) or act.exchange.sent_at + act.exchange.elapsed
        return expires is not None and expires > date + 1


@dataclass(frozen=True, slots=True)
class NoSniff:
    """An answer with a body forbids browsers to guess what it is."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a missing X-Content-Type-Options, and by another value."""
        act = trial.act
        response = _create(act)
        if response is None or not response.body_length:
            return unanswered(act) or DoesNotApply("no answer of the application with a body")
        value = response.header("x-content-type-options")
        if value is not None and value.partition(",")[0].strip().lower() == "nosniff":
            return Holds()
        return Broken(
            expected="X-Content-Type-Options: nosniff",
            got=f"X-Content-Type-Options: {value[:80]}" if value is not None else "no X-Content-Type-Options",
            kind="missing" if value is None else "another value",
            edge="X-Content-Type-Options",
            reading=act,
        )


@dataclass(frozen=True, slots=True)
class KeepsToTls:
    """Over TLS at a public host name, an answer tells browsers to come by TLS only."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by a missing Strict-Transport-Security, and by one without an age above 0."""
        act = trial.act
        response = _create(act)
        if response is None:
            return _nothing(act)
        if not _may_be_known_host(act.rules.base_url):
            return Holds()
        # RFC 6797 §8.1: of several fields the first one counts.
        value = next(iter(response.values("strict-transport-security")), None)
        age = re.search(r'(?:^|;)\s*+max-age\s*+=\s*+"?([0-9]++)', value or "", re.IGNORECASE)
        if age is not None and age[1].strip("0"):
            return Holds()
        return Broken(
            expected="Strict-Transport-Security with a max-age above 0, for the target is reached by TLS",
            got=f"Strict-Transport-Security: {value[:80]}" if value is not None else "no Strict-Transport-Security",
            kind="missing" if value is None else "no age",
            edge="Strict-Transport-Security",
            reading=act,
        )


PRIVATE: Final = frozenset({"", "internal", "local", "localhost", "test"})
"""Last labels of names that only some machines know (RFC 6761, RFC 6762); a name of one label is such a name too."""


def _may_be_known_host(base_url: str) -> bool:
    """Whether Strict-Transport-Security means anything there: by TLS (RFC 6797 §8.1), no IP address (§8.1.1)."""
    try:
        scheme, host, _port, _path = parts_of(base_url)
    except BadUrl:
        return False
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return False
    return scheme == "https" and "." in host and host.rpartition(".")[2] not in PRIVATE


@dataclass(frozen=True, slots=True)
class NoForeignCredentials:
    """No web site that the server was not told of may use a visitor's credentials."""

    def judge(self, trial: Trial) -> Judged:
        """Broken by Access-Control-Allow-Credentials: true for any origin, or for the one that the suite made up."""
        act = trial.act
        response = act.response
        if response is None:
            return DoesNotApply(act.said(), unanswered=True)
        with_credentials = (response.header("access-control-allow-credentials") or "").strip().lower() == "true"
        origin = (response.header("access-control-allow-origin") or "").strip()
        if not with_credentials or origin not in {"*", FOREIGN_ORIGIN}:
            return Holds()
        return Broken(
            expected="no Access-Control-Allow-Credentials: true for just any web site",
            got=f"Access-Control-Allow-Origin: {origin} with Access-Control-Allow-Credentials: true",
            kind="any" if origin == "*" else "reflected",
            edge="Access-Control-Allow-Origin",
            reading=act,
        )


@dataclass(slots=True)
class LocationNamesInvoice:
    """Fold: the Location of a 201 refers to the new invoice: it holds its id or number, or at least is no other's."""

    locations: dict[tuple[str, str], str] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)

    def observe(self, reading: Reading) -> Judged:
        """Broken by the collection, by the same Location for two invoices, and by one that holds another's id."""
        if not reading.created or reading.response is None:
            return unanswered(reading) or DoesNotApply("no success")
        identifier = (reading.data or {}).get("id")
        if not isinstance(identifier, str) or not identifier:
            return DoesNotApply("no id to compare")
        self.ids.add(identifier)
        lines = [value.strip() for value in reading.response.values("location") if value.strip()]
        if reading.status != 201 or not lines:  # noqa: PLR2004 - created
            # RFC 9110 §15.3.2: without a Location, the request's own target names what was created.
            return Holds()
        number = (reading.data or {}).get("invoiceNumber")
        found = next((self._wrong(reading, line, identifier, number) for line in lines), "")
        if not found:
            return Holds()
        return Broken(
            expected="Location refers to the new invoice",
            got=f"Location: {lines[0][:120]}, {found}; the id is {identifier[:60]}",
            kind="another resource",
            edge="Location",
            reading=reading,
        )

    def _wrong(self, reading: Reading, location: str, identifier: str, number: object) -> str:
        """What is wrong with one Location, in words; empty when nothing is certain."""
        try:
            split = urlsplit(location)
        except ValueError:
            return ""
        plain = unquote(location)
        spaced = unquote(location.replace("+", " "))
        if any(isinstance(own, str) and (own in plain or own in spaced) for own in (identifier, number)):
            return ""
        # The same URI may name another invoice to another tenant.
        tenant = ",".join(reading.exchange.request.values("tenant-id"))
        owner = self.locations.setdefault((tenant, location), identifier)
        if owner != identifier:
            return "as for another invoice"
        own_path = reading.exchange.request.target.partition("?")[0].rstrip("/")
        if split.path.rstrip("/") == own_path and not split.query and not split.fragment:
            return "which is the collection"
        pieces = {*unquote(split.path).split("/"), *(value for _name, value in parse_qsl(split.query))}
        others = {piece for piece in pieces & self.ids if len(piece) >= LONG_ID}
        return "which holds another invoice's id" if others else ""
