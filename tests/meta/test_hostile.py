"""A target can be broken or mean: a run ends in time, says whose fault it is, and leaves nothing live behind.

These are the modes that stand for all; `python -m tests.meta.hostile_runs` runs every one.
"""

from __future__ import annotations

import base64
import json
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatch
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.meta import certificates
from tests.meta.hostile_modes import EXPECTED, REPRESENTATIVE
from tests.meta.hostile_runs import LARGEST, HostileRun, run_mode
from tests.meta.hostile_server import MODES, OWN_CERTIFICATE, TOKEN
from tests.meta.leftovers import leaked, troubles

from invoice_conformance.reference.embed import ReferenceServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT_ONCE = 4
"""Most of a run against a hostile server is waiting."""


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Future[HostileRun]]]:
    """A run against each mode that was selected, some at once."""
    folder = tmp_path_factory.mktemp("hostile")
    keys = folder / "keys"
    keys.mkdir()
    made = certificates.make(keys, TOKEN[:14])
    selected = [item.name for item in request.session.items]
    chosen = [name for name in REPRESENTATIVE if any(item.endswith(f"[{name}]") for item in selected)]
    with ReferenceServer() as reference, ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(run_mode, name, reference.url, keys if made else None, folder / name)
            for name in chosen
            if made or name not in OWN_CERTIFICATE
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_a_hostile_target_is_told_truthfully_in_time_and_leaves_nothing_live(
    name: str, runs: dict[str, Future[HostileRun]]
) -> None:
    if name not in runs:
        pytest.skip("no openssl command here to make certificates with")

    ran = runs[name].result()

    assert ran.troubles == ()


def test_what_a_run_takes_is_not_what_the_tests_take(tmp_path: Path) -> None:
    held = b"x" * (LARGEST << 20)

    ran = run_mode("status-403", "", None, tmp_path / "run")

    assert 0 < ran.megabytes < len(held) >> 21
    assert ran.troubles == ()


def test_there_are_enough_modes_and_each_is_expected_to_come_to_something() -> None:
    areas = {name.partition("-")[0] for name in MODES}
    unexpected = [name for name in MODES if not any(fnmatch(name, pattern) for pattern in EXPECTED)]

    assert len(MODES) >= 80
    assert len(REPRESENTATIVE) >= 30
    assert areas >= {"connect", "tls", "time", "framing", "size", "encoding", "status", "redirect", "json", "inject"}
    assert areas >= {"echo", "state"}
    assert unexpected == []


# The check itself


def test_the_memory_of_a_run_is_its_own(tmp_path: Path) -> None:
    ballast = bytearray(b"x") * (LARGEST << 20)

    ran = run_mode("connect-refused", "http://127.0.0.1:9", None, tmp_path / "run")

    assert len(ballast) >> 20 > ran.megabytes > 0
    assert ran.troubles == ()


@pytest.mark.parametrize(
    "spelling",
    [
        TOKEN,
        TOKEN[5:13],
        base64.b64encode(TOKEN.encode()).decode(),
        base64.b64encode(f"Bearer {TOKEN}".encode()).decode(),
        base64.urlsafe_b64encode(f"x{TOKEN}".encode()).decode(),
        "".join(f"%{octet:02x}" for octet in TOKEN.encode()),
        quote(quote(TOKEN, safe=""), safe=""),
        "".join(f"\\u{ord(letter):04x}" for letter in TOKEN),
        TOKEN.encode().hex(),
        json.dumps({"base64": base64.b64encode(TOKEN.encode("utf-16")).decode()}),
    ],
)
def test_the_check_sees_a_token_in_every_spelling(spelling: str) -> None:
    assert leaked(f"before {spelling} after".encode(), TOKEN)
    assert not leaked(b"before and after", TOKEN)
    assert not leaked(TOKEN[:7].encode(), TOKEN)


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("a\x1b[31m", "holds U+001B"),
        ("a\u202eb", "holds U+202E"),
        ("a\rb", "holds U+000D"),
        ("x\n  ::error file=a::b", "a command for a CI"),
        ("got ##[error]x", "a command for a CI"),
        ("Traceback (most recent call last):", "a defect of the suite"),
        (f"the token {TOKEN}", "of the token"),
    ],
)
def test_the_check_sees_what_a_console_must_not_hold(printed: str, words: str, tmp_path: Path) -> None:
    found = troubles(tmp_path, printed, "", 2, TOKEN)

    assert any(words in trouble for trouble in found)
    assert troubles(tmp_path, "a plain line\n", "", 2, TOKEN) == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("report.html", "<script>own</script><img src=x>", "holds live markup"),
        ("report.html", "<script>own</script><a href='http://evil.example'>", "holds live markup"),
        ("report.html", "<script>own</script>\u202e", "holds U+202E"),
        ("summary.md", "<script>", "holds live markup"),
        ("summary.md", "x\n##[error]y", "holds a command for a CI"),
        ("junit.xml", "<a>", "is no XML"),
        ("junit.xml", "<a>##[error]y</a>", "holds a command for a CI"),
    ],
)
def test_the_check_sees_what_a_view_must_not_hold(name: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "created.csv").write_text("", encoding="utf-8")
    (tmp_path / "report.json").write_text(
        json.dumps({"outcome": "aborted", "stopped": "x", "partial": False, "requirements": []}), encoding="utf-8"
    )
    (tmp_path / name).write_text(text, encoding="utf-8")

    assert any(f"{name} {words}" in trouble for trouble in troubles(tmp_path, "", "", 5, TOKEN))


def test_the_check_sees_a_formula_in_the_table_of_invoices(tmp_path: Path) -> None:
    (tmp_path / "created.csv").write_text("id\r\n=1+1\r\n", encoding="utf-8")
    (tmp_path / "evidence.ndjson").write_text("", encoding="utf-8")
    (tmp_path / "report.json").write_text(
        json.dumps({"outcome": "aborted", "stopped": "x", "partial": False, "requirements": []}), encoding="utf-8"
    )

    found = troubles(tmp_path, "", "", 5, TOKEN)

    assert "created.csv holds the cell '=1+1'" in found
