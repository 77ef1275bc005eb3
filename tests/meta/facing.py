"""Owns what tests of the two faces share: a run of the command in this process, and a server's identity.

It judges nothing; a test says what must hold.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoice_conformance.cli import main
from invoice_conformance.config import PREFIX
from invoice_conformance.reference.embed import ReferenceServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

ROOT = Path(__file__).resolve().parents[2]
IDENTITY: dict[str, str] = {
    f"{PREFIX}TOKEN": ReferenceServer.token,
    f"{PREFIX}TENANT_ID": ReferenceServer.tenant_id,
    f"{PREFIX}CONTRACT_ID": ReferenceServer.contract_id,
    f"{PREFIX}OTHER_TENANT_ID": ReferenceServer.other_tenant_id,
    f"{PREFIX}OTHER_CONTRACT_ID": ReferenceServer.other_contract_id,
}
"""Environment with which the reference server is judged."""
CANNED = (
    b'{"data":{"id":"inv_000000000000000000000001","contract":"c","status":"DRAFT","invoiceNumber":"1",'
    b'"exchangeRate":1,"currencyCode":"EUR","amountMinor":1,"issuedAt":null,"dueAt":null,"paidAt":null,'
    b'"createdAt":"2020-01-01T00:00:00.000Z","updatedAt":"2020-01-01T00:00:00.000Z"}}'
)
"""An answer that looks like a success and has nothing to do with what was sent."""


@dataclass(frozen=True)
class Ran:
    """What a run of the command came to."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        """Its report.json."""
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        return found

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of every requirement that was selected."""
        return {row["id"]: row["verdict"] for row in self.report["requirements"] if row["verdict"] != "not-selected"}

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Every finding."""
        return [finding for row in self.report["requirements"] for finding in row["findings"]]


def settle_in(monkeypatch: pytest.MonkeyPatch, folder: Path, environment: Mapping[str, str] = IDENTITY) -> None:
    """Make `folder` the current one, with these settings in the environment and no others of the suite."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)


def run(folder: Path, *arguments: str) -> Ran:
    """`invoice-conformance run --profile quick --out FOLDER …` in this process."""
    out = folder / "report"
    return command(out, "run", "--profile", "quick", "--out", str(out), *arguments)


def command(folder: Path, *arguments: str) -> Ran:
    """`invoice-conformance …` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Ran(code, out.getvalue(), err.getvalue(), folder)


def again(finding: Mapping[str, Any], folder: Path) -> Ran:
    """Run the command that a finding gives for judging it again."""
    name, verb, *arguments = shlex.split(finding["rerun"])
    assert (name, verb) == ("invoice-conformance", "run")
    return command(folder, "run", *arguments, "--out", str(folder))


def environment(**more: str) -> dict[str, str]:
    """The environment of a child that judges the reference server, without other settings of the suite or pytest."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PYTEST_", "COV_", "GITHUB_"))
    }
    return {**kept, **IDENTITY, **more}


def child(code: str, *arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Python code in a process of its own."""
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**more),
        check=False,
        timeout=60,
    )


COMMAND = "import sys; from invoice_conformance.cli import main; sys.exit(main())"
"""Code that is the command."""
