"""What the scripts of `completion` do in a shell: bash completes with them, others that are there can read them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.meta.facing import command

import invoice_conformance

if TYPE_CHECKING:
    from pathlib import Path

BASH = shutil.which("bash") or "bash"
ASK = """
source "$1"; shift
function=$(complete -p invoice-conformance | sed 's/.*-F \\([^ ]*\\).*/\\1/')
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
"$function" invoice-conformance "${@: -1}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""Does what bash does when the tabulator is pressed after the words that it is given."""


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "completion.bash"
    path.write_text(command(tmp_path, "completion", "bash").out, encoding="utf-8")
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (("exp",), {"explain"}),
        (("run", "--max-i"), {"--max-invoices"}),
        (("plan", "--profile", ""), {"quick", "standard", "thorough", "certification"}),
        (("baseline", ""), {"update"}),
        (("completion", "z"), {"zsh"}),
        (("serve", "--list-"), {"--list-faults"}),
    ],
)
def test_bash_completes(words: tuple[str, ...], completed: set[str], script: Path) -> None:
    done = subprocess.run(  # noqa: S603 - our own
        [BASH, "-c", ASK, "ask", str(script), "invoice-conformance", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == completed


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_the_files_of_an_argument_that_takes_one(script: Path, tmp_path: Path) -> None:
    (tmp_path / "known-findings.toml").touch()

    done = subprocess.run(  # noqa: S603 - our own
        [BASH, "-c", ASK, "ask", str(script), "invoice-conformance", "run", "--baseline", str(tmp_path / "known")],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert done.stdout.split() == [str(tmp_path / "known-findings.toml")]


def test_every_command_is_in_every_script(shell: str, tmp_path: Path) -> None:
    ran = command(tmp_path, "completion", shell)

    assert (ran.code, ran.err) == (0, "")
    for word in ("run", "serve", "faults", "explain", "plan", "replay", "matrix", "diff", "report", "max-invoices"):
        assert word in ran.out


def test_a_shell_that_is_there_can_read_its_script(shell: str, tmp_path: Path) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    path = tmp_path / "script"
    path.write_text(command(tmp_path, "completion", shell).out, encoding="utf-8")

    done = subprocess.run([found, "-n", str(path)], capture_output=True, text=True, check=False, timeout=20)  # noqa: S603 - a shell

    assert (done.returncode, done.stderr) == (0, "")


def test_without_shtab_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    monkeypatch.delitem(sys.modules, "invoice_conformance.completion", raising=False)
    monkeypatch.delattr(invoice_conformance, "completion", raising=False)

    ran = command(tmp_path, "completion", "bash")

    assert (ran.code, ran.out) == (2, "")
    assert "pip install 'invoice-conformance[completion]'" in ran.err
