"""Owns the shell commands of a report: what sends a finding's requests again, and what judges them again.

It knows requests and settings, and judges nothing; a token is never written, for it comes from the environment.
"""

from __future__ import annotations

import re
import shlex
import string
from typing import TYPE_CHECKING, NamedTuple

from invoice_conformance.address import without_credentials
from invoice_conformance.case import BEARER, IDEOGRAPHS, MARK_ALPHABET
from invoice_conformance.config import PREFIX
from invoice_conformance.report.seeing import with_curl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from invoice_conformance.account import Finding
    from invoice_conformance.case import Case
    from invoice_conformance.config import Settings
    from invoice_conformance.exchange import Exchange, Request
    from invoice_conformance.trial import Reading

LONGEST_ARGUMENT = 100_000
"""Octets of a body that stands in a command line; Linux allows 131,071."""

TOKEN = f"${{{PREFIX}TOKEN}}"
SPOKEN_TOKENS = {
    "${token}": TOKEN,
    "${token:less}": f"${{{PREFIX}TOKEN%?}}",
    "${token:half}": f"$(printf %s {TOKEN} | cut -c1-$(( ${{#{PREFIX}TOKEN}} / 2 )))",
    "${token:case}": f"$(printf %s {TOKEN} | tr a-zA-Z A-Za-z)",
    "${token:reversed}": f"$(printf %s {TOKEN} | rev)",
}
"""What a shell makes of the environment's token where a case sends the token, or something like it."""


_TAME = re.compile(r"[A-Za-z0-9 :._-]*")
"""Text that means itself between double quotes."""


def _credentials(template: str) -> str:
    """A case's credentials as a shell word; the token itself is never written."""
    if not template:
        return "'Authorization;'"
    line = f"Authorization: {template}"
    rest = line
    for placeholder in SPOKEN_TOKENS:
        rest = rest.replace(placeholder, "")
    tame = _TAME.fullmatch(rest) is not None
    word = f'"{line}"' if tame else shlex.quote(line)
    for placeholder, spoken in SPOKEN_TOKENS.items():
        # Out of the single quotes, into double ones, and back.
        word = word.replace(placeholder, spoken if tame else f"'\"{spoken}\"'")
    return word


def curl(
    exchange: Exchange, settings: Settings, case: Case | None = None, fresh: Mapping[str, str] | None = None
) -> str:
    """A shell command that sends the same request; the token comes from its environment variable.

    `fresh` names the shell variables that stand for parts of its invoice number which the run has used up.
    """
    fresh = fresh or {}
    request = exchange.request
    url = (settings.base_url or "http://127.0.0.1:8080").partition("://")
    origin = f"{url[0]}://{url[2].partition('/')[0]}"
    where = (origin + request.target).encode("latin-1")
    parts = [
        "curl",
        "-i",
        # With -X HEAD curl waits for a body that does not come.
        *(["-I"] if request.method == "HEAD" and not request.body else ["-X", _quoted(request.method)]),
        _body(where),
        *_through(settings),
        *_as_written(request, origin),
    ]
    templates = iter([value for name, value in case.headers if name.lower() == "authorization"] if case else [])
    for name, value in request.headers:
        if name.lower() == "authorization":
            parts += ["-H", _credentials(next(templates, BEARER))]
        else:
            parts += ["-H", _header(name, value)]
    if request.body and not request.values("content-type"):
        parts += ["-H", "'Content-Type:'"]
    if request.chunked:
        parts += ["-H", "'Transfer-Encoding: chunked'"]
    if b"\0" in request.body or len(request.body) > LONGEST_ARGUMENT or request.wire.coding or request.wire.padding:
        # No argument of a command can hold that; printf is the shell's own and takes none.
        return f"{_renumbered(_produced(request), fresh)} | {' '.join(parts)} --data-binary @-"
    if request.body:
        # Not --data-binary, which takes a leading @ for a file name.
        parts += ["--data-raw", _renumbered(_body(request.body), fresh)]
    return " ".join(parts)


def _through(settings: Settings) -> list[str]:
    """Options that make curl take the same way to the target; a proxy's credentials are left out."""
    ways = (
        ("--cacert", settings.ca_file),
        ("--cert", settings.client_cert),
        ("--key", settings.client_key),
        ("--proxy", without_credentials(settings.proxy) if settings.proxy else None),
    )
    return [
        *(["--insecure"] if settings.insecure else []),
        *(part for way in ways if way[1] for part in (way[0], _quoted(way[1]))),
    ]


def _as_written(request: Request, origin: str) -> list[str]:
    """Options that make curl write a request in its unusual way, as far as it can."""
    wire = request.wire
    return [
        *(["--http1.0"] if wire.version == "1.0" else []),
        *([] if wire.host else ["-H", "'Host:'"]),
        *(["--request-target", _quoted(origin + request.target)] if wire.absolute else []),
        *(["--path-as-is"] if "/../" in request.target else []),
        *([] if request.target.startswith("/") else ["--request-target", _quoted(request.target)]),
    ]


CODERS = {
    "gzip": "gzip -c",
    "utf-16-le": "iconv -f UTF-8 -t UTF-16LE",
    "utf-16-le with its mark": "{ printf '\\377\\376'; iconv -f UTF-8 -t UTF-16LE; }",
    "utf-32-le": "iconv -f UTF-8 -t UTF-32LE",
}
"""Commands that do to a body what its coding says."""


def _produced(request: Request) -> str:
    """A pipe that writes the body of a request out."""
    wire = request.wire
    said = f"printf {_printed(request.body)}"
    if wire.padding:
        said = f"{{ {said}; head -c {wire.padding} /dev/zero | tr '\\0' ' '; }}"
    return f"{said} | {CODERS[wire.coding]}" if wire.coding else said


def _header(name: str, value: str) -> str:
    return _body((f"{name}: {value}" if value else f"{name};").encode("latin-1", errors="replace"))


FRESH = {12: "$((RANDOM%9000+1000))$(date +%s | cut -c3-)", 17: "$(date +%s)$((RANDOM*273+1000000))"}
"""What makes a mark of this length which no number has yet, in bash and zsh; every `date` knows `+%s`."""
_MARK = re.compile(r"[0-9A-HJKMNP-TV-Z]{12}")
STEPS_SAID = 8
"""Requests that are given together at most, where several make one finding."""
LONGEST_SAID = 6000
"""Characters that they may take."""


class Commands(NamedTuple):
    """What sends a finding's request again, and what must be known before; `note` is empty when nothing must."""

    curl: str
    note: str


def commands(finding: Finding, settings: Settings, cases: Mapping[str, Case]) -> Commands:
    """The command that repeats a finding, with what to look for where its output does not show what is wrong."""
    reading = finding.shown.reading or finding.trial.act
    said = _sending_again(finding, reading, settings, cases)
    return said._replace(note="; ".join(filter(None, (said.note, with_curl(finding, reading)))))


def _sending_again(finding: Finding, reading: Reading, settings: Settings, cases: Mapping[str, Case]) -> Commands:
    """The command of the one request, or of all that make a finding together, one by one."""
    order = finding.script.order if finding.script is not None else "any"
    readings = steps_of(finding, reading)
    if not readings:
        return _alone(reading, settings, cases)
    if order == "race":
        count = len(finding.trial.roles.get("act", ()))
        return Commands(
            _alone(reading, settings, cases).curl,
            f"this is one of {count} requests that were sent at the same moment; rerun sends all of them",
        )
    together = _together(readings, settings, cases) if len(readings) <= STEPS_SAID else ""
    if not together or len(together) > LONGEST_SAID:
        return Commands(
            _alone(reading, settings, cases).curl,
            f"this is the last of {len(_steps(finding))} requests that show it together; rerun sends all of them",
        )
    between = order == "apart" or len(readings) < len(_steps(finding))
    more = "; in the run others came between them, which rerun sends too" if between else ""
    return Commands(together, f"{len(readings)} requests, one after the other, show it together{more}")


def steps_of(finding: Finding, reading: Reading) -> list[Reading]:
    """The exchanges that show a finding together, as they were sent; none where the one that is shown is enough."""
    order = finding.script.order if finding.script is not None else "any"
    if order == "any" or reading.meaning.id not in {case.id for _role, case in _steps(finding)}:
        return []
    return sorted(finding.trial.all(), key=lambda one: one.exchange.sent_at)


def _steps(finding: Finding) -> Sequence[tuple[str, Case]]:
    return finding.script.steps if finding.script is not None else ()


def _together(readings: Sequence[Reading], settings: Settings, cases: Mapping[str, Case]) -> str:
    """The commands of several requests, with fresh marks where they had the same and others where they had not."""
    marks = list(dict.fromkeys(mark for one in readings if (mark := _mark_in(one)) is not None))
    fresh = {mark: f"N{place or ''}" for place, mark in enumerate(marks)}
    parts = [f"N={FRESH[len(marks[0])]}"] if marks else []
    parts += [
        f"N{place}=$((N+{place}))" if len(mark) == len(marks[0]) else f"N{place}={FRESH[len(mark)]}"
        for place, mark in enumerate(marks[1:], 1)
    ]
    parts += [curl(one.exchange, settings, cases.get(one.meaning.id), fresh) for one in readings]
    return "; ".join(parts)


def _alone(reading: Reading, settings: Settings, cases: Mapping[str, Case]) -> Commands:
    """The command of one request, with a number that is still free as far as that can be known."""
    case = cases.get(reading.meaning.id)
    mark = _mark_in(reading)
    if mark is not None:
        said = curl(reading.exchange, settings, case, {mark: "N"})
        if "$N" in said:
            return Commands(f"N={FRESH[len(mark)]}; {said}", "")
    number = (reading.sent or {}).get("invoiceNumber")
    used = reading.accepted and isinstance(number, str) and bool(number)
    if not used or not isinstance(number, str):
        return Commands(curl(reading.exchange, settings, case), "")
    other = _next(number, case)
    said = curl(reading.exchange, settings, case, {f'"{number}"': "NUMBER"}) if other is not None else ""
    if other is None or "$NUMBER" not in said:
        return Commands(
            curl(reading.exchange, settings, case),
            "the run has used this invoiceNumber up: put another of its kind in its place",
        )
    return Commands(
        f"NUMBER={_quoted(other)}; {said}",
        f"the run has used the invoiceNumber {number} up, so NUMBER is another of its kind: when that is used too, "
        "put in one that is free",
    )


def _next(number: str, case: Case | None) -> str | None:
    """Another number of the pool from which one was drawn; None where there is no pool."""
    slot = case.slot if case is not None else None
    if slot is None or not slot.pooled:
        return None
    if slot.pool:
        return slot.pool[(slot.pool.index(number) + 1) % len(slot.pool)] if number in slot.pool else None
    letters = MARK_ALPHABET[1:] if number[-1] in MARK_ALPHABET else "".join(map(chr, IDEOGRAPHS))
    place = letters.find(number[-1])
    return number[:-1] + letters[(place + 1) % len(letters)] if place >= 0 else None


def _mark_in(reading: Reading) -> str | None:
    """The mark in the invoice number, which the run itself has used up; None where the number has none."""
    number = (reading.sent or {}).get("invoiceNumber")
    if reading.meaning.pooled or not isinstance(number, str):
        return None
    found = _MARK.search(number)
    if found is not None and re.fullmatch(r"[0-9]{12}", found[0]):
        found = re.search(r"[0-9]{17}", number)
    return found[0] if found is not None else None


def _renumbered(word: str, fresh: Mapping[str, str]) -> str:
    """The quoted body with variables of the shell in place of what they stand for; a quoted text keeps its quotes."""
    opening = "$'" if word.startswith("$'") else "'"
    for text, name in fresh.items():
        bare = text.strip('"')
        if word.count(text) == 1:
            variable = f"${name}" if text == bare else f'"${name}"'
            word = word.replace(text, text.replace(bare, f"'{variable}{opening}"))
    return word


def _quoted(text: str) -> str:
    """A word of a POSIX shell; text that holds control characters goes in $'…', which shows them."""
    if all(character.isprintable() for character in text):
        return shlex.quote(text)
    escaped = "".join(
        f"\\{character}"
        if character in "\\'"
        else character
        if character.isprintable()
        else "".join(f"\\x{octet:02x}" for octet in character.encode("utf-8", errors="surrogatepass"))
        for character in text
    )
    return f"$'{escaped}'"


def _body(octets: bytes) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return (
            "$'"
            + "".join(
                f"\\x{octet:02x}" if octet < 32 or octet > 126 or octet in b"\\'" else chr(octet)  # noqa: PLR2004 - ASCII
                for octet in octets
            )
            + "'"
        )
    return _quoted(text)


def _printed(octets: bytes) -> str:
    """The format with which `printf` writes these octets."""
    plain = frozenset(b"{}[]:,. -" + string.ascii_letters.encode() + string.digits.encode())
    return "'" + "".join(chr(octet) if octet in plain else f"\\{octet:03o}" for octet in octets) + "'"


def rerun(finding: Finding, cases: Mapping[str, Case], settings: Settings) -> str:
    """The command that judges this one finding again: the case that is shown, and the first that the run met it in."""
    shown = (finding.shown.reading or finding.trial.act).meaning.id
    first = finding.script.id if finding.script is not None else finding.trial.id
    # A step of several is sent by its script. Without the first case it would be found under another id.
    alone = shown not in {case.id for _role, case in _steps(finding)} or len(_steps(finding)) == 1
    known = [name for name in dict.fromkeys((shown, first) if alone else (first,)) if name in cases]
    parts = [*_towards(settings), "--requirement", finding.requirement]
    for case in known if finding.check.fold is None else ():
        parts += ["--case", re.sub(r"([*?[])", r"[\1]", case)]
    return _spoken([*parts, *_sending(settings)])


def rerun_all(settings: Settings) -> str:
    """The command that repeats the whole run; headers of `--header` are named without their values."""
    parts = _towards(settings)
    for key in ("requirement", "case", "without"):
        parts += [part for value in getattr(settings, key) for part in (f"--{key}", value)]
    parts += [part for name, _value in settings.header for part in ("--header", f"{name}: …")]
    parts += ["--level", settings.level] if settings.level != "must" else []
    parts += ["--baseline", str(settings.baseline.path)] if settings.baseline is not None else []
    return _spoken([*parts, *_sending(settings)])


IDS = ("tenant_id", "contract_id", "other_tenant_id", "other_contract_id")


def _towards(settings: Settings) -> list[str]:
    parts = ["invoice-conformance", "run"]
    if settings.base_url is not None:
        parts.append(settings.base_url)
        for key in (*IDS, "ca_file", "client_cert", "client_key"):
            value = getattr(settings, key)
            parts += [f"--{key.replace('_', '-')}", value] if value else []
        parts += ["--proxy", without_credentials(settings.proxy)] if settings.proxy else []
        parts += ["--insecure"] if settings.insecure else []
    return parts


def _sending(settings: Settings) -> list[str]:
    parts = ["--profile", settings.profile] if settings.profile != "standard" else []
    parts += ["--set", settings.set] if settings.set is not None else []
    return parts + (["--seed", str(settings.seed)] if settings.seed else [])


def _spoken(parts: list[str]) -> str:
    return " ".join(shlex.quote(part) for part in parts)
