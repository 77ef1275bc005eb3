"""Owns that docs/certification.md can be followed: each command in it is run, in its order, and does what is said."""

from __future__ import annotations

import re
import shlex
import shutil
from typing import TYPE_CHECKING, Final

import pytest
import yaml
from tests.meta.certifying import small_spec
from tests.meta.facing import ROOT, Ran, command, settle_in

from invoice_conformance import frozen, locate
from invoice_conformance.reference.embed import ReferenceServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXT: Final = (ROOT / "docs" / "certification.md").read_text(encoding="utf-8")
BLOCKS: Final = dict(re.findall(r"<!-- run: ([\w-]+) -->\n```sh\n(.*?)\n```", TEXT, re.DOTALL))
FILES: Final = dict(re.findall(r"<!-- file: ([\w.-]+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ReferenceServer]]:
    """A vendor's, a customer's and a programme's folder in one, a small set, and a server at https://host."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch, ReferenceServer() as server:
        small_spec(folder, patch)
        settle_in(patch, folder)
        (folder / "product.toml").write_text(FILES["product.toml"], encoding="utf-8")
        yield folder, server


def follow(name: str, desk: tuple[Path, ReferenceServer]) -> Ran:
    folder, server = desk
    word, *arguments = shlex.split(BLOCKS[name].replace("https://host", server.url))
    assert word == "invoice-conformance"
    return command(folder, *arguments)


def test_every_command_in_a_block_is_followed() -> None:
    written = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines() if line]

    assert written == list(BLOCKS.values())
    assert {*BLOCKS} == {
        "keygen",
        "rehearse",
        "certify",
        "badge",
        "verify",
        "replay",
        "threshold",
        "attest",
        "registry",
        "freeze",
        "freeze-check",
    }


def test_a_vendor_gets_a_certificate(desk: tuple[Path, ReferenceServer]) -> None:
    folder, _server = desk
    assert follow("keygen", desk).code == 0
    assert (folder / "vendor.key").exists()
    rehearsed = follow("rehearse", desk)
    assert rehearsed.code in {0, 3}, rehearsed.err
    assert not (folder / "reports" / "attempts.jsonl").exists()
    certified = follow("certify", desk)
    assert (certified.code, certified.err) == (0, "")
    assert follow("badge", desk).code == 0
    assert "full" in (folder / "badge.svg").read_text(encoding="utf-8")


def test_a_customer_checks_it(desk: tuple[Path, ReferenceServer]) -> None:
    folder, server = desk
    checked = follow("verify", desk)
    assert checked.code == 0
    table = re.findall(r"^\| (\w+) \| \w", TEXT, re.MULTILINE)
    assert re.findall(r"^  ok  (\w+):", checked.out, re.MULTILINE) == [name for name in table if name != "question"]
    assert follow("replay", desk).code == 0

    command(folder, "keygen", "--out", "witness")
    command(folder, "keygen", "--out", "me")
    witness = ("--sign", "witness.key", "--out", "witness.cert.zip", "--ledger", "witness.jsonl")
    assert command(folder, "certify", server.url, "--product", "product.toml", *witness).code == 0
    assert follow("threshold", desk).code == 0
    assert follow("attest", desk).code == 0
    assert (folder / "acme.cert.svr.json").exists()


def test_a_programme_lists_it(desk: tuple[Path, ReferenceServer]) -> None:
    folder, _server = desk
    (folder / "certificates" / "keys").mkdir(parents=True)
    shutil.copy(folder / "acme.cert.zip", folder / "certificates")
    shutil.copy(folder / "vendor.pub", folder / "certificates" / "keys" / "acme-ltd.pub")

    assert follow("registry", desk).code == 0
    assert "Invoices" in (folder / "site" / "index.html").read_text(encoding="utf-8")


def test_a_plan_is_frozen_and_found_as_it_is_drawn(
    desk: tuple[Path, ReferenceServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _server = desk
    spec = folder / "spec"
    monkeypatch.setattr(locate, "spec_dir", lambda: spec)
    for path in (spec / "sets").glob("2027*"):
        path.unlink()
    plan = spec / "sets" / f"2026.11{frozen.SUFFIX}"
    kept = plan.read_bytes()
    plan.unlink()

    assert follow("freeze", desk).code == 0
    assert follow("freeze-check", desk).code == 0
    assert plan.read_bytes() == kept
    plan.write_bytes(kept.replace(b'"maximum"', b'"minimum"', 1))
    drifted = follow("freeze-check", desk)
    assert drifted.code == 1
    assert "is drawn otherwise than it was frozen" in drifted.out


def test_the_check_of_a_repository_is_a_workflow() -> None:
    workflow = yaml.safe_load(FILES["registry.yml"])

    commands = [step["run"] for step in workflow["jobs"]["registry"]["steps"] if "run" in step]
    assert commands == ["pip install 'invoice-conformance[certify]'", BLOCKS["registry"]]
    assert workflow["permissions"] == {"contents": "read"}
