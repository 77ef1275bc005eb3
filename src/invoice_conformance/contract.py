"""Owns the operation as `spec/openapi.yaml` and `spec/iso4217.yaml` state it, in typed objects.

It must not know what any field means, and holds no rule that the two files don't state: a field added there
flows through. What it doesn't understand it refuses, for a typo would quietly require nothing.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from invoice_conformance import ecma, locate, yamltext
from invoice_conformance.yamltext import NotYaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Scalar: TypeAlias = bool | int | float | str | None

_OPENAPI: Final = "openapi.yaml"
_CURRENCIES: Final = "iso4217.yaml"
_OBJECT_KEYWORDS: Final = frozenset({"type", "description", "required", "properties"})
_FIELD_KEYWORDS: Final = frozenset(
    {
        "type",
        "format",
        "description",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
        "examples",
    }
)
_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_CURRENCY_KEYS: Final = frozenset({"source", "date", "active", "recent", "open", "exponents"})
_CODE: Final = re.compile(r"[A-Z]{3}")


class SpecError(ValueError):
    """A file of `spec` is not understood: one line with file, place, trouble and suggestion."""


@dataclass(frozen=True, slots=True)
class Field:
    """One member of the request body, as its schema states it.

    `types` are JSON Schema types without "null", for which there is `nullable`. Lengths are in code points.
    `pointer` is a JSON pointer into openapi.yaml, as a URI fragment.
    """

    name: str
    types: tuple[str, ...]
    nullable: bool
    required: bool
    minimum: Decimal | int | None
    maximum: Decimal | int | None
    min_length: int | None
    max_length: int | None
    pattern: str | None
    format: str | None
    example: Scalar
    description: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Currencies:
    """The frozen lists of ISO 4217: `active` and `recent` codes circulate, `open` ones are merely known.

    `exponents` gives the decimals of the minor unit where they are not two.
    """

    source: str
    date: str
    active: frozenset[str]
    recent: frozenset[str]
    open: frozenset[str]
    exponents: dict[str, int]

    def exponent(self, code: str) -> int:
        """Return the decimals of the minor unit of `code`."""
        return self.exponents.get(code, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """The operation: where it is, the members of its request, and those of the resource it returns; equal to itself.

    `digest` is the SHA-256 of the two files, in hexadecimal.
    """

    server: str
    method: str
    path: str
    title: str
    fields: tuple[Field, ...]
    resource: tuple[str, ...]
    currencies: Currencies
    digest: str

    @classmethod
    def load(cls, spec_dir: Path | None = None) -> Contract:
        """Read the files of `spec_dir` (the suite's own by default); SpecError when one is not understood."""
        folder = locate.spec_dir() if spec_dir is None else spec_dir
        digest = hashlib.sha256()
        nodes: dict[str, _Node] = {}
        for name in (_OPENAPI, _CURRENCIES):
            data = _bytes_of(folder / name)
            digest.update(name.encode() + b"\0" + data + b"\0")
            nodes[name] = _Node(name, "#", _parse(name, data))
        operation = _operation(nodes[_OPENAPI])
        request = operation.member("requestBody", "content", "application/json", "schema").followed()
        responses = operation.member("responses", "default", "content", "application/json", "schema")
        resource = _properties(responses.followed()).member("data").followed()
        return cls(
            server=_first_server(nodes[_OPENAPI]),
            method="POST",
            path=operation.key(-2),
            title=operation.member("summary").text(),
            fields=_fields(request),
            resource=tuple(field.name for field in _fields(resource)),
            currencies=_currencies(nodes[_CURRENCIES]),
            digest=digest.hexdigest(),
        )

    def field(self, name: str) -> Field:
        """Return the member `name` of the request; KeyError with a suggestion when there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        known = [field.name for field in self.fields]
        raise KeyError(f"the request has no member {name}{_suggestion(name, known)}")


@dataclass(frozen=True, slots=True)
class _Node:
    """A value in a YAML file that knows where it stands."""

    file: str
    pointer: str
    value: Any
    root: Any = None

    def error(self, trouble: str) -> SpecError:
        return SpecError(f"spec/{self.file}: {self.pointer}: {trouble}")

    def key(self, index: int) -> str:
        return self.pointer.split("/")[index].replace("~1", "/").replace("~0", "~")

    def child(self, key: object, value: object) -> _Node:
        escaped = str(key).replace("~", "~0").replace("/", "~1")
        return _Node(self.file, f"{self.pointer}/{escaped}", value, self._top())

    def _top(self) -> Any:  # noqa: ANN401 - the edge where YAML comes in
        return self.value if self.root is None else self.root

    def mapping(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise self.error(f"a mapping expected; got {_shown(self.value)}")
        return self.value

    def member(self, *names: str) -> _Node:
        node = self
        for name in names:
            mapping = node.mapping()
            if name not in mapping:
                raise node.error(f'no "{name}" here{_suggestion(name, mapping)}')
            node = node.child(name, mapping[name])
        return node

    def optional(self, name: str) -> _Node | None:
        return self.member(name) if name in self.mapping() else None

    def only(self, known: frozenset[str]) -> None:
        for name in self.mapping():
            if name not in known:
                raise self.error(f'unknown keyword "{name}"{_suggestion(str(name), known)}')

    def followed(self) -> _Node:
        """Return the node itself, or what its `$ref` points to within the same file."""
        reference = self.optional("$ref")
        if reference is None:
            return self
        target = reference.text()
        if not target.startswith("#/"):
            raise reference.error(f"only references within the file are followed; got {_shown(target)}")
        names = [part.replace("~1", "/").replace("~0", "~") for part in target[2:].split("/")]
        return _Node(self.file, "#", self._top()).member(*names)

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.error(f"a string expected; got {_shown(self.value)}")
        return self.value

    def texts(self) -> tuple[str, ...]:
        if not isinstance(self.value, list):
            raise self.error(f"a list expected; got {_shown(self.value)}")
        return tuple(self.child(index, item).text() for index, item in enumerate(self.value))

    def length(self) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            raise self.error(f"a non-negative integer expected; got {_shown(self.value)}")
        return self.value

    def bound(self) -> Decimal | int:
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value
        if isinstance(self.value, float) and Decimal(self.value).is_finite():
            return Decimal(repr(self.value))
        raise self.error(f"a number expected; got {_shown(self.value)}")


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"spec/{path.name}: cannot be read at {path}: {error.strerror}") from None


def _parse(name: str, data: bytes) -> object:
    try:
        return yamltext.read(data)
    except NotYaml as error:
        raise SpecError(f"spec/{name}: {error}") from None


def _operation(root: _Node) -> _Node:
    paths = root.member("paths")
    operations = [
        paths.member(path, method)
        for path, item in paths.mapping().items()
        for method in _METHODS
        if isinstance(item, dict) and method in item
    ]
    if len(operations) != 1 or operations[0].key(-1) != "post":
        found = ", ".join(f"{node.key(-1)} {node.key(-2)}" for node in operations) or "none"
        raise paths.error(f"exactly one operation expected, a post; got {found}")
    return operations[0]


def _first_server(root: _Node) -> str:
    servers = root.member("servers")
    if not isinstance(servers.value, list) or not servers.value:
        raise servers.error("a list with one server expected")
    return servers.child(0, servers.value[0]).member("url").text()


def _properties(schema: _Node) -> _Node:
    schema.only(_OBJECT_KEYWORDS)
    if schema.member("type").text() != "object":
        raise schema.member("type").error(f"object expected; got {_shown(schema.value['type'])}")
    return schema.member("properties")


def _fields(schema: _Node) -> tuple[Field, ...]:
    properties = _properties(schema)
    required = schema.optional("required")
    names = required.texts() if required is not None else ()
    for name in names:
        if name not in properties.mapping():
            raise schema.error(f'required "{name}" has no schema{_suggestion(name, properties.mapping())}')
    return tuple(
        _field(properties.member(name).followed(), name, required=name in names) for name in properties.mapping()
    )


def _field(node: _Node, name: str, *, required: bool) -> Field:
    node.only(_FIELD_KEYWORDS)
    types = _types(node.member("type"))
    pattern = node.optional("pattern")
    if pattern is not None:
        try:
            ecma.compile_pattern(pattern.text())
        except ValueError as error:
            raise pattern.error(str(error)) from None
    description = node.optional("description")
    format_ = node.optional("format")
    field = Field(
        name=name,
        types=tuple(kind for kind in types if kind != "null"),
        nullable="null" in types,
        required=required,
        minimum=_bound(node, "minimum"),
        maximum=_bound(node, "maximum"),
        min_length=_length(node, "minLength"),
        max_length=_length(node, "maxLength"),
        pattern=pattern.text() if pattern is not None else None,
        format=format_.text() if format_ is not None else None,
        example=_example(node),
        description=description.text() if description is not None else "",
        pointer=node.pointer,
    )
    for low, high, keyword in (
        (field.minimum, field.maximum, "minimum"),
        (field.min_length, field.max_length, "minLength"),
    ):
        if low is not None and high is not None and low > high:
            raise node.error(f"{keyword} {low} is above its counterpart {high}")
    return field


def _types(node: _Node) -> tuple[str, ...]:
    types = (node.text(),) if isinstance(node.value, str) else node.texts()
    for kind in types:
        if kind not in _TYPES:
            raise node.error(f'unknown type "{kind}"{_suggestion(kind, _TYPES)}')
    return types


def _bound(node: _Node, keyword: str) -> Decimal | int | None:
    bound = node.optional(keyword)
    return bound.bound() if bound is not None else None


def _length(node: _Node, keyword: str) -> int | None:
    length = node.optional(keyword)
    return length.length() if length is not None else None


def _example(node: _Node) -> Scalar:
    examples = node.optional("examples")
    if examples is None:
        return None
    if not isinstance(examples.value, list) or not examples.value:
        raise examples.error(f"a list of examples expected; got {_shown(examples.value)}")
    example = examples.value[0]
    if example is None or isinstance(example, bool | int | float | str):
        return example
    raise examples.error(f"a JSON scalar expected (quote timestamps); got {_shown(example)}")


def _currencies(node: _Node) -> Currencies:
    node.only(_CURRENCY_KEYS)
    active = _codes(node.member("active"))
    recent = _codes(node.member("recent"))
    known = node.member("open")
    open_ = frozenset[str]().union(*(_codes(known.member(group)) for group in known.mapping()))
    for one, other in ((active, recent), (active, open_), (recent, open_)):
        if one & other:
            raise node.error(f"{', '.join(sorted(one & other))} in more than one list")
    exponents = node.member("exponents")
    return Currencies(
        source=node.member("source").text(),
        date=node.member("date").text(),
        active=active,
        recent=recent,
        open=open_,
        exponents={
            code: exponents.child(digits, digits).length()
            for digits, codes in exponents.mapping().items()
            for code in _codes(exponents.child(digits, codes))
        },
    )


def _codes(node: _Node) -> frozenset[str]:
    codes = node.texts()
    for index, code in enumerate(codes):
        if _CODE.fullmatch(code) is None:
            raise node.error(f"{_shown(code)} is no currency code")
        if code in codes[:index]:
            raise node.error(f"{code} is listed twice")
    return frozenset(codes)


def _suggestion(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [str(other) for other in known], n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"  # noqa: PLR2004 - one line
