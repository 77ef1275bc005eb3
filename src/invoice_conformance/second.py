"""Owns the second generator: what schemathesis invents for the operation, as cases of ours.

Its coverage phase and its fuzzing, of valid and of broken bodies, are asked for requests and for nothing else: they
are drawn offline, filled with the run's numbers and contract, sent like any other case, and judged by our own rows.
It must not decide what is legal, for that is the oracle's; schemathesis' own opinion of a case is not even read.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from invoice_conformance.boundaries import CONTRACT_FIELD, CURRENCY_FIELD, NUMBER_FIELD, invoice, plain_parts
from invoice_conformance.case import (
    LETTERS_OF_MARK,
    STANDARD_HEADERS,
    Case,
    Edit,
    Hole,
    NumberSlot,
    sample,
    spell_string,
)
from invoice_conformance.checks import Cases, Draw, Scope, Script
from invoice_conformance.recipes import in_usual_order, plain, seed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemathesis import Case as Invented
    from schemathesis import GenerationMode
    from schemathesis.schemas import APIOperation

    from invoice_conformance.case import Part
    from invoice_conformance.contract import Contract, Field
    from invoice_conformance.exchange import Header
    from invoice_conformance.oracle import Level

Document: TypeAlias = dict[str, Any]
Phase: TypeAlias = Literal["coverage", "positive", "negative"]
Oddity: TypeAlias = Literal["method", "tenant", "credentials", "media type"]
ODDITIES: tuple[Oddity, ...] = ("method", "tenant", "credentials", "media type")

PREFIX = "schemathesis"
"""How the names of cases and edges begin that come from here."""

LARGEST = 4096
"""Octets above which an invented body is left out: large bodies have cases of their own."""

SHOWN = 40

CONTRACTS = 40
"""Invented contract ids that are asked for; every body has one."""

KIND: Final = "requests of schemathesis"

LONG_NUMBER = 2 * LETTERS_OF_MARK
"""From this length on the run's mark takes the place of characters, and an invoice number keeps its length."""

READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "DELETE"})
"""Methods that may not be sent with a body as an unknown method is: they have a meaning, or would delete something."""


@dataclass(frozen=True, slots=True)
class Fuzzing:
    """One series of fuzzed bodies: how many, of which kind, and from which reading of the contract.

    `closed` forbids members that the page does not know, `codes` names the currencies: read by its letter alone, the
    contract's schema allows both, and hardly any body would be one that a server must take.
    """

    phase: Phase
    count: int
    closed: bool
    codes: bool


THOROUGH: tuple[Fuzzing, ...] = (
    Fuzzing("positive", 300, closed=True, codes=True),
    Fuzzing("positive", 80, closed=False, codes=True),
    Fuzzing("positive", 60, closed=False, codes=False),
    Fuzzing("negative", 250, closed=True, codes=True),
    Fuzzing("negative", 100, closed=False, codes=False),
)
"""What a thorough run draws; the shorter profiles draw nothing, and do not even import the library."""


def document(contract: Contract, *, closed: bool = False, codes: bool = False, guarded: bool = False) -> Document:
    """The operation in OpenAPI's words, less its prose; `guarded` with its header and its credentials.

    It is written anew from the contract and not read from a file, so that both speak of the same fields.
    """
    properties = {field.name: _schema(field) for field in contract.fields}
    if codes and CURRENCY_FIELD in properties:
        properties[CURRENCY_FIELD]["enum"] = sorted(contract.currencies.active)
    body: Document = {
        "type": "object",
        "required": [field.name for field in contract.fields if field.required],
        "properties": properties,
    }
    if closed:
        body["additionalProperties"] = False
    operation: Document = {
        "operationId": "create",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"default": {"description": "any"}},
    }
    written: Document = {
        "openapi": "3.1.0",
        "info": {"title": contract.title, "version": "1"},
        "paths": {contract.path: {contract.method.lower(): operation}},
    }
    if guarded:
        schema = {"type": "string", "examples": ["tnt_000000000000000000000000"]}
        operation["parameters"] = [{"name": "tenant-id", "in": "header", "required": True, "schema": schema}]
        operation["security"] = [{"bearer": []}]
        written["components"] = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
    return written


def _schema(field: Field) -> Document:
    types = [*field.types, "null"] if field.nullable else list(field.types)
    keywords = {
        "format": field.format,
        "minimum": _bound(field.minimum),
        "maximum": _bound(field.maximum),
        "minLength": field.min_length,
        "maxLength": field.max_length,
        "pattern": field.pattern,
        "examples": None if field.example is None else [field.example],
    }
    return {
        "type": types if len(types) > 1 else types[0],
        **{keyword: value for keyword, value in keywords.items() if value is not None},
    }


def _bound(value: object) -> float | None:
    return value if value is None or isinstance(value, int) else float(str(value))


@dataclass(frozen=True, slots=True)
class Drawn:
    """One request as schemathesis invented it; `body` holds octets, a JSON value, or nothing (`sent` is false)."""

    phase: Phase
    method: str
    headers: tuple[Header, ...]
    body: Any
    sent: bool = True


def draw(contract: Contract, number: int, fuzzing: tuple[Fuzzing, ...] = THOROUGH) -> tuple[Drawn, ...]:
    """What schemathesis invents, the same for the same seed `number`: its coverage, then each series of fuzzing.

    It takes some 10 seconds for a thorough run; nothing is sent, written or looked up.
    """
    from schemathesis import GenerationMode  # noqa: PLC0415 - takes a second to import

    from invoice_conformance import strategies  # noqa: PLC0415 - likewise

    modes = {"positive": GenerationMode.POSITIVE, "negative": GenerationMode.NEGATIVE}
    drawn: list[Drawn] = []
    with _nothing_written():
        operation = _operation(document(contract, guarded=True))
        drawn += [_taken("coverage", one) for one in _coverage(operation, list(modes.values()))]
        for place, series in enumerate(fuzzing):
            operation = _operation(document(contract, closed=series.closed, codes=series.codes))
            invented = operation.as_strategy(generation_mode=modes[series.phase])
            drawn += [_taken(series.phase, one) for one in strategies.draw(invented, series.count, number + place)]
    return tuple(drawn)


def invention(scope: Scope) -> Draw:
    """What a thorough run draws."""
    return Draw(KIND, sum(series.count for series in THOROUGH), seed(scope))


def seed(scope: Scope) -> int:
    """The seed of what is drawn for a run."""
    return seed_of(scope, PREFIX)


def _operation(written: Document) -> APIOperation[Any, Any, Any, Any]:
    """The operation, of a schema loaded anew: one that was iterated over before leaves things out."""
    import schemathesis  # noqa: PLC0415 - takes a second to import

    (path,) = written["paths"]
    # Without a configuration of ours it would look for schemathesis.toml from the current folder upwards.
    schema = schemathesis.openapi.from_dict(written, config=schemathesis.Config())
    return schema[path]["POST"]


def _coverage(operation: APIOperation[Any, Any, Any, Any], modes: list[GenerationMode]) -> Iterator[Invented[Any]]:
    """The cases of the coverage phase: the one thing here that schemathesis does not document for others to call."""
    schema = operation.schema
    cases: Iterator[Invented[Any]] = schema.iter_coverage_cases(
        operation, generation_modes=modes, generation_config=schema.config.generation_for(operation=operation)
    )
    return cases


@contextmanager
def _nothing_written() -> Iterator[None]:
    """Let Hypothesis write its table of Unicode to a folder that goes again, instead of the current one."""
    from hypothesis import configuration  # noqa: PLC0415 - takes a while to import

    kept = vars(configuration)["__hypothesis_home_directory"]
    with tempfile.TemporaryDirectory(prefix="invoice-conformance-") as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            _tabulate_utf_8()
            yield
        finally:
            configuration.set_hypothesis_home_dir(kept)


def _tabulate_utf_8() -> None:
    """Write the table of what UTF-8 encodes where Hypothesis looks for it: all but surrogates, back and forth.

    It would find this out character by character, in seconds and with 200 MB in use; so it does if it looks elsewhere.
    """
    from hypothesis.internal import charmap  # noqa: PLC0415 - takes a while to import

    encodable, astray = [[0, 0xD7FF], [0xE000, sys.maxunicode]], list[list[int]]()
    path = charmap.charmap_file("codec-v2-utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps([encodable, astray]).encode()))


def _taken(phase: Phase, invented: Invented[Any]) -> Drawn:
    """The parts of an invented request that are used; what it says of itself is left behind."""
    content = invented.as_transport_kwargs()
    headers = tuple(sorted((str(name), str(value)) for name, value in invented.headers.items()))
    body = content.get("json", content.get("data"))
    return Drawn(
        phase, invented.method.upper(), headers, body, sent="json" in content or content.get("data") is not None
    )


def scripts(scope: Scope, fuzzing: tuple[Fuzzing, ...] | None = None) -> tuple[Script, ...]:
    """Everything that schemathesis invents, as scripts of ours, once each; refusals beside what they are refused for.

    They are made once for a scope. A body with several defects is taken apart, for a row is about one of them; and most
    legal ones are sent once more without what makes them merely SHOULD.
    """
    known = scope.invented.get(PREFIX)
    if known is None:
        if fuzzing is None and scope.drawing:
            drawn = scope.drawing[0](invention(scope))
        else:
            drawn = draw(scope.contract, seed(scope), THOROUGH if fuzzing is None else fuzzing)
        known = scope.invented[PREFIX] = tuple(_Writer(scope).write(drawn))
    return known


def _chosen(chosen: Callable[[Scope, Script], bool]) -> Cases:
    """The scripts of a thorough run that are `chosen`."""

    def draws(scope: Scope) -> Iterator[Draw]:
        if scope.profile == "thorough":
            yield invention(scope)

    def recipe(scope: Scope) -> Iterator[Script]:
        if scope.profile == "thorough":
            yield from (script for script in scripts(scope) if chosen(scope, script))

    return Cases(recipe, draws)


def invented_invoices(level: Level) -> Cases:
    """Invented bodies that are legal, as firmly as `level` says."""

    def wanted(scope: Scope, script: Script) -> bool:
        judgement = scope.judgement(script.act)
        return (judgement.kind, judgement.level) == ("valid", level) and _is_about_the_body(script)

    return _chosen(wanted)


def invented_refusals(*keywords: str, level: Level = "MUST") -> Cases:
    """Invented bodies that break one rule, of one of `keywords`, beside the same body without that defect."""

    def wanted(scope: Scope, script: Script) -> bool:
        judgement = scope.judgement(script.act)
        if judgement.kind != "invalid" or len(judgement.rules) != 1:
            return False
        (rule,) = judgement.rules
        return rule.keyword in keywords and rule.level == level

    return _chosen(wanted)


def invented_open(*keywords: str) -> Cases:
    """Invented bodies that a server may take or refuse for one of `keywords`, and must survive."""

    def wanted(scope: Scope, script: Script) -> bool:
        judgement = scope.judgement(script.act)
        return judgement.kind == "open" and any(rule.keyword in keywords for rule in judgement.rules)

    return _chosen(wanted)


def invented_members() -> Cases:
    """Invented members that the page does not know, in bodies that are usual otherwise."""

    def wanted(scope: Scope, script: Script) -> bool:
        judgement = scope.judgement(script.act)
        unknown = all(rule.keyword == "unknown" for rule in judgement.rules)
        return judgement.kind == "open" and unknown and not judgement.asides

    return _chosen(wanted)


def invented_contracts() -> Cases:
    """Plain invoices for a contract with an invented id."""
    return _chosen(lambda _scope, script: script.act.fields == (CONTRACT_FIELD,) and _names_contract(script.act))


def invented_requests(what: Oddity) -> Cases:
    """Plain invoices in an odd request: of another method or media type, without its tenant or its credentials."""
    return _chosen(lambda _scope, script: _oddity(script.act) == what)


def _is_about_the_body(script: Script) -> bool:
    return _oddity(script.act) is None and not _names_contract(script.act)


def _names_contract(case: Case) -> bool:
    """Whether it is sent for another contract than the configured one, which the oracle does not know."""
    parts = {edit.field: edit.parts for edit in case.edits}.get(CONTRACT_FIELD) or ()
    return any(isinstance(part, bytes) and part.startswith(b'"') for part in parts[:1])


def _oddity(case: Case) -> Oddity | None:
    """What is odd about a request beside its body."""
    given = dict(case.headers)
    if case.method != "POST":
        return "method"
    if "tenant-id" not in given:
        return "tenant"
    if "Authorization" not in given:
        return "credentials"
    return None if given.get("Content-Type") == "application/json" else "media type"


class _Writer:
    """Makes scripts of what was drawn, each body once."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._plain = plain(scope.contract)
        self._fields = {field.name: field for field in scope.contract.fields}
        self._named = {(edge.field, edge.parts): edge.edit for edge in scope.edges}
        self._bodies: dict[tuple[Part, ...], Case] = {self._plain.body: self._plain}
        self._written: set[tuple[Part, ...]] = {self._plain.body}

    def write(self, drawn: tuple[Drawn, ...]) -> Iterator[Script]:
        """The scripts of everything that was drawn; of raw octets the shortest first, for they are not reduced."""
        raw: list[bytes] = []
        contracts: list[bytes] = []
        counts: dict[str, int] = {}
        for one in drawn:
            counts[one.phase] = counts.get(one.phase, 0) + 1
            name = f"{PREFIX}-{one.phase}-{counts[one.phase]}"
            odd = self._odd_request(name, one)
            if odd is not None:
                yield from odd
            elif isinstance(one.body, dict):
                yield from self._body(name, one.body, turned=counts[one.phase] % 2 == 0)
                contract = one.body.get(CONTRACT_FIELD)
                if isinstance(contract, str):
                    contracts.append(spell_string(contract))
            elif len(octets := _octets(one)) <= LARGEST:
                raw.append(octets)
        for place, octets in enumerate(sorted(dict.fromkeys(raw), key=lambda text: (len(text), text)), 1):
            # The words before the colon are what these findings have in common (`family_of`).
            yield Script(
                f"{PREFIX} octets: {place}", (("act", Case(f"{PREFIX} octets: {place}", (octets,))), self._twin)
            )
        yield from self._contracts(contracts)

    @property
    def _twin(self) -> tuple[str, Case]:
        return "twin", self._plain

    def _odd_request(self, name: str, one: Drawn) -> tuple[Script, ...] | None:
        """The script of a request that is odd in method or head, empty for one that no row speaks of, None for others.

        Bodies alone are fuzzed, so only the coverage phase has any; all else about it is plain.
        """
        if one.phase != "coverage":
            return None
        given = {key.lower(): value for key, value in one.headers}
        headers = STANDARD_HEADERS
        if one.method != "POST":
            if one.method in READ_ONLY:
                return ()
        elif "tenant-id" not in given or "authorization" not in given:
            headers = tuple((key, value) for key, value in STANDARD_HEADERS if key.lower() in {*given, "content-type"})
        elif given.get("content-type", "application/json") != "application/json":
            headers = (*STANDARD_HEADERS[:2], ("Content-Type", given["content-type"]))
        else:
            return None
        act = replace(self._plain, id=name, method=one.method, headers=headers)
        return (Script(act.id, (("act", act), self._twin)),)

    def _contracts(self, spelled: list[bytes]) -> Iterator[Script]:
        """Plain invoices with a contract id that nobody has."""
        for place, text in enumerate(list(dict.fromkeys(spelled))[:CONTRACTS], 1):
            edit = Edit(CONTRACT_FIELD, f"{PREFIX} id: {_cut(text)}", (text,))
            act = invoice(self._scope.contract, f"{PREFIX}-contract-{place}", (edit,))
            if text != b'"' + str(self._example_contract()).encode() + b'"':
                yield Script(act.id, (("act", act), self._twin))

    def _example_contract(self) -> object:
        field = self._fields.get(CONTRACT_FIELD)
        return None if field is None else field.example

    def _body(self, name: str, body: dict[str, Any], *, turned: bool) -> Iterator[Script]:
        """The scripts of one object: itself when it is legal or open, else one for each member that breaks a rule."""
        edits = [edit for edit in map(self._edit, *zip(*self._members(body), strict=True)) if edit is not None]
        case = invoice(self._scope.contract, name, edits)
        if sum(len(part) for part in case.body if isinstance(part, bytes)) > LARGEST:
            return
        judgement = self._scope.oracle.judge(sample(case))
        if judgement.kind != "invalid":
            if turned:
                # Half of the invoices are issued, paid, then due: few servers object to that, and few draws come so.
                case = invoice(self._scope.contract, name, in_usual_order(edits))
            yield from self._alone(case)
            doubtful = {rule.field for rule in (*judgement.rules, *judgement.asides) if rule.keyword != "unknown"}
            if doubtful:
                usual = [edit for edit in edits if edit.field not in doubtful]
                yield from self._alone(invoice(self._scope.contract, f"{name}, what is usual", usual))
            return
        broken = {rule.field for rule in judgement.rules}
        legal = [edit for edit in edits if edit.field not in broken]
        twin = self._known(invoice(self._scope.contract, f"{name}, twin", legal))
        if self._scope.judgement(twin).kind == "invalid":
            return
        for edit in edits:
            if edit.field in broken:
                act_name = name if len(broken) == 1 else f"{name}, {edit.field} alone"
                act = invoice(self._scope.contract, act_name, (*legal, edit))
                if self._new(act):
                    yield Script.beside(act, twin, edit.field)

    def _alone(self, case: Case) -> Iterator[Script]:
        if self._new(case):
            yield Script.alone(case)

    def _members(self, body: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """The members of a body with a name for what is missing."""
        for name in {**dict.fromkeys(self._fields), **body}:
            yield name, body.get(name, _MISSING)

    def _new(self, case: Case) -> bool:
        known = case.body in self._written
        self._written.add(case.body)
        self._bodies.setdefault(case.body, case)
        return not known

    def _known(self, case: Case) -> Case:
        """The case that stands for this body already, or this one."""
        return self._bodies.setdefault(case.body, case)

    def _edit(self, name: str, value: Any) -> Edit | None:  # noqa: ANN401 - JSON comes in here
        """How one member departs from the plain invoice, at a named edge where there is one; None when it does not."""
        field = self._fields.get(name)
        if field is None:
            return Edit(name, f"{PREFIX} member", (_text(value),))
        if value is _MISSING:
            return self._named.get((name, None), Edit(name, "absent", None)) if field.required else None
        parts = _parts(field, value)
        if field.required and parts == plain_parts(field):
            return None
        shown = _cut(_text(value))
        return self._named.get((name, parts)) or Edit(name, f"{self._family(name, parts)}: {shown}", parts)

    def _family(self, name: str, parts: tuple[Part, ...]) -> str:
        """What a value is an example of: of what the oracle has to say of it alone."""
        alone = invoice(self._scope.contract, "", (Edit(name, "", parts),))
        keywords = [rule.keyword for rule in self._scope.oracle.judge(sample(alone)).rules if rule.field == name]
        return " ".join((PREFIX, *keywords[:1]))


_MISSING = object()


def _parts(field: Field, value: Any) -> tuple[Part, ...]:  # noqa: ANN401 - JSON comes in here
    """A member's value as it is sent: with the run's number and contract wherever the type is the right one."""
    if field.name == CONTRACT_FIELD and isinstance(value, str):
        return (Hole("contract"),)
    if field.name == NUMBER_FIELD:
        if isinstance(value, str) and value:
            return (_slot(field, value),)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # Taken for text by a lenient server, it must be another one in every run.
            whole = isinstance(value, int) or value.is_integer()
            return (NumberSlot(before="" if whole else "0.", digits=True, spelling="bare"),)
    return (_text(value),)


def _slot(field: Field, text: str) -> NumberSlot:
    """A slot for a number like `text`: the mark in its middle, in place of as many characters when it is long."""
    if text == field.example:
        return NumberSlot()
    kept = len(text) - (LETTERS_OF_MARK if len(text) > LONG_NUMBER else 0)
    half = kept // 2
    return NumberSlot(before=text[:half], after=text[len(text) - (kept - half) :])


def _text(value: Any) -> bytes:  # noqa: ANN401 - JSON comes in here
    """The JSON text of a value as schemathesis would send it, in UTF-8 as far as that goes."""
    if isinstance(value, str):
        return spell_string(value)
    text = json.dumps(value, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def _octets(one: Drawn) -> bytes:
    if not one.sent:
        return b""
    return one.body if isinstance(one.body, bytes) else _text(one.body)


def _cut(text: bytes) -> str:
    """A JSON text as the name of an edge: in ASCII, on one line, cut."""
    return ascii(text.decode(errors="replace"))[1:-1][:SHOWN]
