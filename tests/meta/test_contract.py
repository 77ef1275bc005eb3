"""Owns that `spec/openapi.yaml` is the published page in other words, and that a slip in `spec` is reported.

It must not know what the suite makes of the contract.
"""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import openapi_spec_validator
import pytest
import yaml

from invoice_conformance import locate
from invoice_conformance.contract import Contract, Field, SpecError
from invoice_conformance.oracle import Oracle

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT: Final = Contract.load()
PAGE: Final = (locate.spec_dir() / "source.md").read_text(encoding="utf-8").partition("```text\n")[2]
# The page's part on the request, one block of lines a member.
BODY: Final = PAGE.partition("\nBody\n")[2].partition("\nResponse\n")[0]
BLOCKS: Final = {
    matched[1]: matched[0]
    for matched in re.finditer(
        r"^(\w+)\n(?:string|number|integer)\b.*?(?=^\w+\n(?:string|number|integer)\b|\Z)",
        BODY,
        re.MULTILINE | re.DOTALL,
    )
}
KINDS: Final = {
    "string": ("string",),
    "number": ("number",),
    "integer": ("integer",),
    "string<date-time> | null": ("string", "date-time", "null"),
}


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Copy the files of the contract to where a test may spoil them."""
    for name in ("openapi.yaml", "iso4217.yaml"):
        shutil.copy(locate.spec_dir() / name, tmp_path / name)
    return tmp_path


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((locate.spec_dir() / "openapi.yaml").read_text(encoding="utf-8"))
    return loaded


def test_the_document_is_valid_openapi() -> None:
    openapi_spec_validator.validate(document())


def test_the_operation_is_the_published_one() -> None:
    assert (CONTRACT.method, CONTRACT.path) == ("POST", "/api/v1/invoices")
    assert CONTRACT.title == "Create invoice"
    assert f"--request {CONTRACT.method}" in PAGE
    assert f"{CONTRACT.server}{CONTRACT.path} " in PAGE


def test_the_document_has_the_members_of_the_page_and_no_other() -> None:
    assert [field.name for field in CONTRACT.fields] == list(BLOCKS)
    assert len(BLOCKS) == 8


@pytest.mark.parametrize("field", CONTRACT.fields, ids=lambda field: field.name)
def test_a_field_is_what_its_block_on_the_page_says(field: Field) -> None:
    lines = BLOCKS[field.name].splitlines()

    nullable = ("null",) if field.nullable else ()
    format_ = (field.format,) if field.format else ()
    ranges: dict[object, str | None] = {
        (None, None): None,
        (0, None): "Required range: x >= 0",
        (0, 9007199254740991): "Required range: 0 <= x <= 9007199254740991",
    }
    lengths: dict[object, str | None] = {
        (None, None): None,
        (1, 255): "Required string length: 1 - 255",
        (3, 3): "Required string length: 3",
    }
    example = f'"{field.example}"' if isinstance(field.example, str) else str(field.example)

    assert (*field.types, *format_, *nullable) == KINDS[lines[1]]
    assert field.required == (lines[2] == "required")
    assert field.description in lines
    assert example == lines[lines.index("Example:") + 2]
    assert (
        next((line for line in lines if line.startswith("Required range")), None)
        == (ranges[field.minimum, field.maximum])
    )
    assert (
        next((line for line in lines if line.startswith("Required string")), None)
        == (lengths[field.min_length, field.max_length])
    )
    assert next((line[9:] for line in lines if line.startswith("Pattern: ")), None) == field.pattern


def texts(node: object, *, keys: frozenset[str]) -> list[str]:
    if isinstance(node, dict):
        own = [value for key, value in node.items() if key in keys and isinstance(value, str)]
        return own + [text for value in node.values() for text in texts(value, keys=keys)]
    if isinstance(node, list):
        return [text for value in node for text in texts(value, keys=keys)]
    return []


def test_every_description_and_pattern_is_on_the_page() -> None:
    lines = set(PAGE.splitlines())

    said = texts(document(), keys=frozenset({"description"}))
    patterns = texts(document(), keys=frozenset({"pattern"}))

    assert len(said) == 15
    assert [text for text in said if text not in lines] == []
    assert [text for text in patterns if f"Pattern: {text}" not in lines] == []


def test_the_resource_is_the_example_of_the_page() -> None:
    response = document()["paths"]["/api/v1/invoices"]["post"]["responses"]["default"]
    example = response["content"]["application/json"]["examples"]["published"]["value"]

    printed = yaml.safe_load(re.findall(r'^\{\n  "data": .*?^\}$', PAGE, re.MULTILINE | re.DOTALL)[0])

    assert example == printed
    assert list(CONTRACT.resource) == list(printed["data"])


def test_the_example_of_the_request_is_the_one_of_the_page() -> None:
    request = document()["paths"]["/api/v1/invoices"]["post"]["requestBody"]
    example = request["content"]["application/json"]["examples"]["published"]["value"]

    printed = yaml.safe_load(re.findall(r'^\{\n  "contractId": .*?^\}$', PAGE, re.MULTILINE | re.DOTALL)[0])

    assert example == printed
    assert {field.name: field.example for field in CONTRACT.fields} == printed


def test_an_unknown_field_is_answered_with_a_suggestion() -> None:
    with pytest.raises(KeyError, match="no member amountMajor; did you mean"):
        CONTRACT.field("amountMajor")


def test_the_lists_of_currencies_are_frozen_with_source_and_date() -> None:
    currencies = CONTRACT.currencies

    assert (currencies.source.split(" as ")[0], currencies.date) == ("ISO 4217 list one", "2026-01-01")
    assert (len(currencies.active), sorted(currencies.recent)) == (151, ["SLE", "VED", "XCG", "ZWG"])
    assert {"BGN", "HRK", "ZWL", "ANG", "SLL", "CUC"} < currencies.open
    assert {"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"} < currencies.open
    assert {"XDR", "XSU", "XUA", "XAD", "XAU", "XAG", "XPT", "XPD", "XBA", "XTS", "XXX"} < currencies.open
    assert [currencies.exponent(code) for code in ("JPY", "EUR", "BHD")] == [0, 2, 3]


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        (
            "openapi.yaml",
            "          maximum: 9007",
            "          maximun: 9007",
            (
                "spec/openapi.yaml: #/components/schemas/CreateInvoice/properties/amountMinor: "
                'unknown keyword "maximun"; did you mean "maximum"?'
            ),
        ),
        (
            "openapi.yaml",
            "          minimum: 0\n          maximum",
            "          exclusiveMinimum: 0\n          maximum",
            (
                "spec/openapi.yaml: #/components/schemas/CreateInvoice/properties/amountMinor: "
                'unknown keyword "exclusiveMinimum"'
            ),
        ),
        (
            "openapi.yaml",
            "type: integer",
            "type: integr",
            (
                "spec/openapi.yaml: #/components/schemas/CreateInvoice/properties/amountMinor/type: "
                'unknown type "integr"; did you mean "integer"?'
            ),
        ),
        (
            "openapi.yaml",
            "maximum: 9007199254740991",
            "maximum: many",
            (
                "spec/openapi.yaml: #/components/schemas/CreateInvoice/properties/amountMinor/maximum: "
                "a number expected; got 'many'"
            ),
        ),
        (
            "openapi.yaml",
            "maxLength: 255",
            "maxLength: 0",
            (
                "spec/openapi.yaml: #/components/schemas/CreateInvoice/properties/invoiceNumber: "
                "minLength 1 is above its counterpart 0"
            ),
        ),
        (
            "openapi.yaml",
            "pattern: '^(?:",
            "pattern: '^(?:(?i)",
            (
                "spec/openapi.yaml: #/components/schemas/CreateInvoice/properties/issuedAt/pattern: "
                "the group (?i) at 4 in the pattern"
            ),
        ),
        (
            "openapi.yaml",
            "required: [contractId",
            "required: [contractID",
            (
                'spec/openapi.yaml: #/components/schemas/CreateInvoice: required "contractID" has no schema; '
                'did you mean "contractId"?'
            ),
        ),
        (
            "openapi.yaml",
            'examples: ["2023-10-05T14:48:00.000Z"]',
            "examples: [2023-10-05T14:48:00.000Z]",
            (
                "spec/openapi.yaml: #/components/schemas/CreateInvoice/properties/issuedAt/examples: "
                "a JSON scalar expected (quote timestamps); got datetime.datetime("
            ),
        ),
        (
            "openapi.yaml",
            "    post:",
            "    put:",
            "spec/openapi.yaml: #/paths: exactly one operation expected, a post; got put /api/v1/invoices",
        ),
        (
            "openapi.yaml",
            "\npaths:",
            "\npathes:",
            'spec/openapi.yaml: #: no "paths" here; did you mean "pathes"?',
        ),
        (
            "openapi.yaml",
            'schemas/CreateInvoice"',
            'schemas/CreateInvoise"',
            'spec/openapi.yaml: #/components/schemas: no "CreateInvoise" here; did you mean "CreateInvoice"?',
        ),
        (
            "openapi.yaml",
            "          minimum: 0\n          maximum",
            "          minimum: 0\n          minimum: 1\n          maximum",
            'the key "minimum" is given twice',
        ),
        ("openapi.yaml", "info:\n", "info: [\n", "spec/openapi.yaml: line "),
        ("openapi.yaml", "openapi: 3.1.0", "openapi: \x07", "spec/openapi.yaml: "),
        (
            "iso4217.yaml",
            "active:",
            "activ:",
            'spec/iso4217.yaml: #: unknown keyword "activ"; did you mean "active"?',
        ),
        ("iso4217.yaml", "[AED", "[aed", "spec/iso4217.yaml: #/active: 'aed' is no currency code"),
        ("iso4217.yaml", "[AED", "[AED, AED", "spec/iso4217.yaml: #/active: AED is listed twice"),
        ("iso4217.yaml", "[AED", "[AED, XCG", "spec/iso4217.yaml: #: XCG in more than one list"),
    ],
)
def test_a_slip_is_reported_in_one_line(spec: Path, file: str, old: str, new: str, line: str) -> None:
    spoil(spec / file, old, new)

    with pytest.raises(SpecError) as caught:
        Contract.load(spec)

    assert line in str(caught.value)
    assert str(caught.value).startswith(f"spec/{file}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported_in_one_line(spec: Path) -> None:
    (spec / "iso4217.yaml").unlink()

    with pytest.raises(SpecError, match=r"^spec/iso4217.yaml: cannot be read at .*: No such file or directory$"):
        Contract.load(spec)


def test_an_added_field_flows_through(spec: Path) -> None:
    added = """\
        discount:
          type: [number, "null"]
          minimum: 0.5
          maximum: 99.5
"""
    spoil(spec / "openapi.yaml", "        issuedAt:\n", added + "        issuedAt:\n")

    contract = Contract.load(spec)
    field = contract.field("discount")
    judged = Oracle(contract).judge(b'{"discount":99.6}')

    assert (field.types, field.nullable, field.required) == (("number",), True, False)
    assert (field.minimum, field.maximum) == (Decimal("0.5"), Decimal("99.5"))
    assert field.pointer == "#/components/schemas/CreateInvoice/properties/discount"
    assert [rule.keyword for rule in judged.rules if rule.field == "discount"] == ["maximum"]


def test_the_digest_changes_with_either_file(spec: Path) -> None:
    before = Contract.load(spec).digest

    spoil(spec / "iso4217.yaml", "AED, ", "")
    after = Contract.load(spec).digest

    assert before == CONTRACT.digest
    assert after != before


def test_the_folders_of_a_checkout_are_found() -> None:
    assert (locate.spec_dir() / "openapi.yaml").is_file()
    assert locate.conformance_dir().parts[-2:] == ("tests", "conformance")


def test_the_folders_of_a_wheel_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lib" / "site-packages" / "invoice_conformance"
    (package / "_suite" / "spec").mkdir(parents=True)
    (package / "_suite" / "spec" / "openapi.yaml").touch()
    (package / "_suite" / "tests" / "conformance").mkdir(parents=True)
    monkeypatch.setattr(locate, "_PACKAGE", package)

    assert locate.spec_dir() == package / "_suite" / "spec"
    assert locate.conformance_dir() == package / "_suite" / "tests" / "conformance"


def test_an_incomplete_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "_PACKAGE", tmp_path / "a" / "b" / "invoice_conformance")

    with pytest.raises(FileNotFoundError, match=r"no folder spec at .*; reinstall invoice-conformance"):
        locate.spec_dir()
