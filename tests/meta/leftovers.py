"""Owns the mechanical check of what a run leaves behind: its report, its evidence, its console, its caches.

It shares no code with what it checks, and knows no mode of any server.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import jsonschema

from invoice_conformance import locate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GRAM: Final = 8
"""So many consecutive characters of a secret give it away."""
VIEWS: Final = ("badge.svg", "junit.xml", "report.html", "shields.json", "summary.md")
FILES: Final = sorted(["created.csv", "evidence.ndjson", "report.json", *VIEWS])
_LIVE: Final = re.compile(r"<(?:script|img|iframe|a\s[^>]*href=(?![\"']?#))[^>]*", re.IGNORECASE)
"""Elements that do something; the page has one script."""
LARGEST_REPORT: Final = 20 * 1024 * 1024
OUTCOMES: Final = {0: {"core", "full"}, 1: {"not-conformant"}, 3: {"incomplete"}, 5: {"aborted"}}
_COMMANDS: Final = re.compile(r"^\s*::[A-Za-z-]+.*::|##\[|##vso\[|^\s*##teamcity\[", re.MULTILINE)
_FORMULA: Final = re.compile(r"\s*[=+\-@|＝＋－＠]")


def troubles(folder: Path, out: str, err: str, code: int, token: str, around: Path | None = None) -> list[str]:
    """Everything that is wrong with what a run left behind, in words; `around` is the folder it was started in."""
    found = [f"the console {words}" for words in _console(out + "\n" + err)]
    if code == 6 or "Traceback (most recent call last)" in out + err:
        found.append(f"a defect of the suite: {err[-500:]}")
    if seen := leaked((out + err).encode(errors="surrogatepass"), token):
        found.append(f"the console holds {seen!r} of the token")
    if not (folder / "report.json").is_file():
        return [*found, *([] if code in {2, 6} else ["there is no report.json"])]
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    if files != FILES:
        found.append(f"the folder holds {files}")
    found += _report(folder / "report.json", code)
    found += _created(folder / "created.csv")
    found += [f"{name} {words}" for name in VIEWS if name in files for words in _view(folder / name)]
    for path in [*folder.rglob("*"), *(around.rglob("*") if around is not None else ())]:
        if path.is_file() and (seen := leaked(path.read_bytes(), token)):
            found.append(f"{path.name} holds {seen!r} of the token")
    return found


def _console(text: str) -> Iterator[str]:
    for character in sorted(set(text) - {"\n"}):
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
            yield f"holds U+{ord(character):04X}"
    if command := _COMMANDS.search(text):
        yield f"holds a command for a CI: {command[0]!r}"


def _view(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if len(text) > LARGEST_REPORT:
        yield f"has {len(text)} octets"
    for character in sorted(set(text) - {"\n"}):
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
            yield f"holds U+{ord(character):04X}"
    # Who prints a file in a job's log prints what is in it; of the page that makes no sense.
    if path.suffix != ".html" and (command := _COMMANDS.search(text)):
        yield f"holds a command for a CI: {command[0]!r}"
    if path.suffix in {".xml", ".svg"}:
        try:
            ET.fromstring(text)  # noqa: S314 - our own
        except ET.ParseError as error:
            yield f"is no XML: {error}"
    if path.suffix in {".html", ".md"} and len(_LIVE.findall(text)) != (path.suffix == ".html"):
        yield f"holds live markup: {_LIVE.findall(text)[:3]}"


@cache
def _schema() -> jsonschema.Draft202012Validator:
    schema = json.loads((locate.spec_dir() / "report.schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def _report(path: Path, code: int) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if not text.replace("\n", "").isascii() or not text.replace("\n", "").isprintable():
        yield "report.json holds characters that are not printable ASCII"
    if len(text) > LARGEST_REPORT:
        yield f"report.json has {len(text)} octets"
    report: dict[str, Any] = json.loads(text)
    for error in _schema().iter_errors(report):
        yield f"report.json breaks its schema at {error.json_path}: {error.message[:200]}"
    outcome, stopped = report["outcome"], report["stopped"]
    if outcome not in OUTCOMES.get(code, set()) and not (code in {0, 3} and report["partial"]):
        yield f"exit code {code} with outcome {outcome}"
    if outcome == "aborted" and not stopped:
        yield "aborted without a reason"
    if stopped is not None and ("\n" in stopped or len(stopped) > 1000):
        yield f"the reason is not one line: {stopped[:200]!r}"
    if any(row["verdict"] == "error" for row in report["requirements"]):
        yield "a requirement has the verdict error"


def _created(path: Path) -> Iterator[str]:
    octets = path.read_bytes()
    text = octets.decode("utf-8")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} for character in set(text) - {"\r", "\n"}):
        yield "created.csv holds characters that a terminal obeys"
    for row in csv.reader(io.StringIO(text, newline="")):
        for cell in row:
            if "\n" in cell or "\r" in cell or len(cell) > 1000 or _FORMULA.match(cell):
                yield f"created.csv holds the cell {cell[:100]!r}"


@cache
def _needles(token: str) -> frozenset[str]:
    """Each piece of the token that gives it away, plain, in hexadecimal and in base64 at each alignment."""
    pieces = {token[start : start + GRAM] for start in range(len(token) - GRAM + 1)}
    needles = set(pieces)
    for piece in pieces:
        needles |= {piece.encode().hex(), piece.encode().hex().upper()}
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + piece.encode()).decode().rstrip("=")
            # Without the digits at either end, which hold bits of their neighbours too.
            inner = encoded[2 if before else 0 :][before > 1 : -1]
            needles |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    return frozenset(needles)


def leaked(octets: bytes, token: str) -> str:
    """The first piece of the token that `octets` give away under up to three layers of escapes; empty if none."""
    text = octets.decode("utf-8", errors="replace")
    for _layer in range(4):
        joined = re.sub(r"\s+|\\[rn]", "", text) if len(text) < 2_000_000 else text
        for needle in _needles(token):
            if needle in text or (len(needle) > GRAM and needle in joined):
                return needle
        blobs = "".join(_blobs(text))
        if blobs and any(needle in blobs for needle in _needles(token)):
            return "a base64 blob"
        plain = html.unescape(unquote(re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)))
        plain = plain.replace("\\/", "/").replace('\\"', '"').replace("\\\\", "\\").replace("\0", "")
        if plain == text:
            break
        text = plain
    return ""


def _blobs(text: str) -> Iterator[str]:
    """What the evidence holds as base64, without zeros in between."""
    for found in re.finditer(r'"base64":\s*"([^"]*)"', text):
        yield base64.b64decode(found[1] + "===").decode("latin-1").replace("\0", "")
