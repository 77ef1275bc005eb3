"""What a build copies from here, action.yml, ci/gitlab.yml and docs/ci.md, is well-formed and safe, and does it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.meta.facing import IDENTITY, ROOT, environment

from invoice_conformance.config import OPTIONS
from invoice_conformance.reference.embed import ReferenceServer

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
RECIPES = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BASH = shutil.which("bash") or "bash"
INPUTS = {
    "token": IDENTITY["INVOICE_CONFORMANCE_TOKEN"],
    "tenant-id": IDENTITY["INVOICE_CONFORMANCE_TENANT_ID"],
    "contract-id": IDENTITY["INVOICE_CONFORMANCE_CONTRACT_ID"],
    "profile": "quick",
    "requirement": "AMOUNT-ECHO",
}


def marked(mark: str) -> list[str]:
    """The blocks of the recipes that stand below this mark."""
    return re.findall(rf"<!-- {mark} -->\n```\w+\n(.*?)```", RECIPES, re.DOTALL)


def linted(*arguments: str) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - linters of ours
    assert done.returncode == 0, done.stdout + done.stderr


def beside_python(name: str) -> str:
    """A program of the development's extra, none of which need be on the PATH."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


# What they are


def test_the_action_and_the_template_are_of_their_schemas() -> None:
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema")

    linted(*check, "vendor.github-actions", str(ROOT / "action.yml"))
    linted(*check, "vendor.gitlab-ci", str(ROOT / "ci" / "gitlab.yml"))


def test_the_recipes_are_of_their_schemas(tmp_path: Path) -> None:
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema")
    workflows, jobs = marked("workflow"), marked("gitlab")
    for name, texts in (("workflow", workflows), ("job", jobs)):
        for place, text in enumerate(texts):
            (tmp_path / f"{name}-{place}.yml").write_text(text, encoding="utf-8")

    assert (len(workflows), len(jobs)) == (2, 1)
    linted(*check, "vendor.github-workflows", *map(str, tmp_path.glob("workflow-*.yml")))
    linted(*check, "vendor.gitlab-ci", *map(str, tmp_path.glob("job-*.yml")))


@pytest.mark.parametrize("place", [0, 1])
def test_the_workflows_pass_actionlint(place: int, tmp_path: Path) -> None:
    path = tmp_path / "workflow.yml"
    path.write_text(marked("workflow")[place], encoding="utf-8")

    linted(beside_python("actionlint"), "-no-color", "-shellcheck", beside_python("shellcheck"), str(path))


def test_the_scripts_pass_shellcheck(tmp_path: Path) -> None:
    scripts = {f"step-{place}.bash": step["run"] for place, step in enumerate(STEPS) if "run" in step}
    scripts |= {"recipe.sh": "".join(marked("shell"))}
    for name, text in scripts.items():
        shebang = "" if text.startswith("#!") else "#!/usr/bin/env bash\n"
        (tmp_path / name).write_text(shebang + text, encoding="utf-8")

    linted(beside_python("shellcheck"), *(str(tmp_path / name) for name in scripts))


def test_no_input_is_part_of_a_script() -> None:
    scripts = [step["run"] for step in STEPS if "run" in step]

    assert len(scripts) == 3
    assert all("${{" not in script for script in scripts)
    assert all(
        "${{ secrets." not in line for text in marked("workflow") for line in text.splitlines() if "run:" in line
    )


def test_every_input_goes_to_an_option_that_there_is() -> None:
    run = next(step for step in STEPS if step.get("id") == "run")
    given = {name: value for name, value in run["env"].items() if name.startswith("INVOICE_CONFORMANCE_")}
    known = {option.variable for option in OPTIONS}

    assert given.keys() <= known
    used = set(re.findall(r"inputs\.([a-z-]+)", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert used == ACTION["inputs"].keys()


@pytest.mark.parametrize("recipe", ["docs/ci.md", "ci/gitlab.yml"])
def test_every_option_that_a_recipe_names_is_one(recipe: str) -> None:
    text = (ROOT / recipe).read_text(encoding="utf-8")
    known = {option.variable for option in OPTIONS} | {"INVOICE_CONFORMANCE_SUITE"}

    assert set(re.findall(r"\bINVOICE_CONFORMANCE_[A-Z_]+[A-Z]\b", text)) <= known


# What they do


class Job:
    """A job of GitHub's that runs the steps of the action, as far as they are scripts."""

    def __init__(self, folder: Path, inputs: Mapping[str, str]) -> None:
        self.folder = folder
        self.files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in self.files.values():
            path.touch()
        home = folder / "invoice-conformance" / "bin"
        home.mkdir(parents=True)
        for name, command in (("python", ""), ("invoice-conformance", " -m invoice_conformance.cli")):
            (home / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{command} "$@"\n', encoding="utf-8")
            (home / name).chmod(0o755)
        self.inputs = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()} | dict(inputs)
        self.said = ""

    def step(self, name: str) -> int:
        """Run one step by the name of it; its exit code."""
        step = next(one for one in STEPS if one["name"] == name)
        values = {key: self._filled(value) for key, value in step["env"].items()}
        done = subprocess.run(  # noqa: S603 - our own
            # As GitHub runs `shell: bash`.
            [BASH, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=_bare() | {name: str(path) for name, path in self.files.items()} | {"GITHUB_ACTIONS": "true"} | values,
            check=False,
            timeout=60,
        )
        self.said += done.stdout + done.stderr
        return done.returncode

    @property
    def outputs(self) -> dict[str, str]:
        """What the steps handed on."""
        lines = self.files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _filled(self, value: str) -> str:
        def fill(found: re.Match[str]) -> str:
            kind, _dot, name = found[1].partition(".")
            if kind == "inputs":
                return self.inputs[name]
            return {"runner.temp": str(self.folder)}.get(found[1]) or self.outputs[name.rpartition(".")[2]]

        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", fill, value)


def _bare() -> dict[str, str]:
    return {name: value for name, value in environment().items() if name not in IDENTITY}


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("faults", "code", "words"),
    [((), "0", "a selection was run"), (("amount-in-major-units",), "1", "not conformant")],
)
def test_the_action_ends_as_the_run_does_with_summary_and_annotations(
    faults: tuple[str, ...], code: str, words: str, tmp_path: Path
) -> None:
    with ReferenceServer(faults) as server:
        job = Job(tmp_path, {**INPUTS, "url": server.url})
        ran = job.step("Run the suite")
    held = job.step("Hold the job to it")

    assert ran == 0, job.said
    assert (job.outputs["exit-code"], str(held)) == (code, code)
    assert words in job.files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    assert (Path(job.outputs["report"]) / "report.html").exists()
    assert job.outputs["outcome"] == ("incomplete" if not faults else "not-conformant")
    assert ("::error" in job.said) is bool(faults)
    assert INPUTS["token"] not in job.said


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_a_mistake_is_handed_on_too(tmp_path: Path) -> None:
    job = Job(tmp_path, {**INPUTS, "url": "http://127.0.0.1:9", "requirement": "AMOUNT-ECO"})

    ran, held = job.step("Run the suite"), job.step("Hold the job to it")

    assert (ran, held) == (0, 2)
    assert job.outputs["outcome"] == ""
    assert "did you mean AMOUNT-ECHO?" in job.said


HOSTILE = "\"; touch pwned; $(touch pwned) `touch pwned` ' ${IFS}"


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("name", ["url", "requirement", "tenant-id", "baseline", "profile"])
def test_no_input_is_run(name: str, tmp_path: Path) -> None:
    job = Job(tmp_path, {**INPUTS, "url": "http://127.0.0.1:9", name: HOSTILE})

    assert (job.step("Run the suite"), job.step("Hold the job to it")) in {(0, 2), (0, 5)}
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell")
@pytest.mark.parametrize(
    ("faults", "code", "words"), [((), 0, "conformant\n"), (("amount-in-major-units",), 1, "not conformant; see")]
)
def test_the_recipe_for_a_shell_ends_as_the_run_does(
    faults: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    (recipe,) = marked("shell")
    job = Job(tmp_path, {})
    with ReferenceServer(faults) as server:
        done = subprocess.run(  # noqa: S603 - our own
            [shutil.which("sh") or "sh", "-c", recipe],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(
                INVOICE_CONFORMANCE_BASE_URL=server.url,
                INVOICE_CONFORMANCE_PROFILE="quick",
                INVOICE_CONFORMANCE_REQUIREMENT="AMOUNT-ECHO",
                PATH=f"{job.folder / 'invoice-conformance' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            ),
            check=False,
            timeout=60,
        )

    assert done.returncode == code, done.stderr
    assert words in done.stdout
    assert (tmp_path / "conformance" / "junit.xml").exists()
