"""Owns the check of the suite's own tests: one small change at a time to what judges, and whether a test notices.

It must not know what any function is for; it changes text where the syntax tree says that a decision stands.

Run by hand: `python -m tests.bench.mutations --number 60 --seed 1`. Each change is made in a copy of the project, which
is thrown away, and the tests that belong to the module run until the first that fails. What survives is printed with
its line, to be looked at: it is either no change in meaning or a missing test. `--faults N` also lets N faults of the
reference server try to find what survived. The exit code is 1 when something survives.
"""

# ruff: noqa: T201 - what the script prints is its result

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from invoice_conformance.reference.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path("src") / "invoice_conformance"
TESTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "expect.py": ("test_expect.py",),
        "expect_http.py": ("test_expect.py", "test_expect_http_table.py"),
        "boundaries.py": ("test_cases.py",),
        "oracle.py": ("test_oracle.py",),
    }
)
"""The modules that decide what is right, each with the tests in `tests/meta` that hold it."""

COPIED: Final = ("src", "spec", "tests", "conftest.py", "pyproject.toml", "README.md")
PATIENCE: Final = 300.0
"""Seconds that the tests get; what hangs them is noticed."""

ORDERS: Final[Mapping[type[ast.cmpop], tuple[str, str]]] = MappingProxyType(
    {
        ast.Lt: ("<", "<="),
        ast.LtE: ("<=", "<"),
        ast.Gt: (">", ">="),
        ast.GtE: (">=", ">"),
        ast.Eq: ("==", "!="),
        ast.NotEq: ("!=", "=="),
        ast.In: ("in", "not in"),
        ast.NotIn: ("not in", "in"),
        ast.Is: ("is", "is not"),
        ast.IsNot: ("is not", "is"),
    }
)

End: TypeAlias = Literal["killed", "survived", "hung"]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one module: the octets from `start` to `end` become `text`."""

    module: str
    line: int
    start: int
    end: int
    text: str

    def of(self, source: bytes) -> bytes:
        """The module with the change."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def shown(self, source: bytes) -> str:
        """The change as two lines."""
        lines = (source.splitlines()[self.line - 1], self.of(source).splitlines()[self.line - 1])
        before, after = (line.decode().strip() for line in lines)
        return f"{self.module}:{self.line}\n  - {before}\n  + {after}"


class Finder(ast.NodeVisitor):
    """Collects the changes that one module allows."""

    def __init__(self, module: str, source: bytes) -> None:
        self.module = module
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.found: list[Mutation] = []

    def place(self, node: ast.expr) -> tuple[int, int]:
        """Where an expression begins and ends, in octets."""
        end_line, end = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[end_line - 1] + end

    def between(self, left: ast.expr, right: ast.expr, words: str, instead: str) -> None:
        """Change the operator between two expressions."""
        start, end = self.place(left)[1], self.place(right)[0]
        at = self.source.find(words.encode(), start, end)
        if at >= 0:
            line = self.source.count(b"\n", 0, at) + 1
            self.found.append(Mutation(self.module, line, at, at + len(words), instead))

    def whole(self, node: ast.expr, text: str) -> None:
        """Put something else in an expression's place."""
        self.found.append(Mutation(self.module, node.lineno, *self.place(node), text))

    def text_of(self, node: ast.expr) -> str:
        """An expression as it is written."""
        start, end = self.place(node)
        return self.source[start:end].decode()

    def visit_Compare(self, node: ast.Compare) -> None:
        """Swap a comparison for its neighbour or its opposite."""
        left = node.left
        for order, right in zip(node.ops, node.comparators, strict=True):
            self.between(left, right, *ORDERS[type(order)])
            left = right
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Leave out one operand, whichever the operator."""
        for left, right in zip(node.values, node.values[1:], strict=False):
            words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            self.between(left, right, *words)
        self.whole(node.values[-1], "True" if isinstance(node.op, ast.And) else "False")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Drop a negation."""
        if isinstance(node.op, ast.Not):
            self.whole(node, self.text_of(node.operand))
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Add for subtract, and the other way round."""
        signs = {ast.Add: ("+", "-"), ast.Sub: ("-", "+")}.get(type(node.op))
        if signs and not isinstance(node.left, ast.JoinedStr) and not isinstance(node.right, ast.JoinedStr):
            self.between(node.left, node.right, *signs)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Miss a number by one; turn a truth value round."""
        if isinstance(node.value, bool):
            self.whole(node, str(not node.value))
        elif isinstance(node.value, int):
            self.whole(node, str(node.value + 1))

    def visit_If(self, node: ast.If) -> None:
        """Drop a branch, or its condition."""
        self.whole(node.test, "False")
        self.whole(node.test, "True")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Always take one side."""
        self.whole(node.test, "False")
        self.whole(node.test, "True")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Look past annotations."""
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Look past decorators and annotations."""
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        for statement in node.body:
            self.visit(statement)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Look past decorators."""
        for statement in node.body:
            self.visit(statement)


def mutations(module: str) -> list[Mutation]:
    """Every change of a module that this script knows, those to imports for types left out."""
    source = (ROOT / PACKAGE / module).read_bytes()
    finder = Finder(module, source)
    finder.visit(ast.parse(source))
    return [one for one in finder.found if "TYPE_CHECKING" not in source.splitlines()[one.line - 1].decode()]


class Copy:
    """A copy of the project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            here = ROOT / name
            if here.is_dir():
                shutil.copytree(here, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(here, folder / name)

    def end_of(self, mutation: Mutation, faults: Sequence[str]) -> End:
        """What becomes of a change."""
        path = self._folder / PACKAGE / mutation.module
        source = path.read_bytes()
        path.write_bytes(mutation.of(source))
        try:
            tests = [f"tests/meta/{name}" for name in TESTS[mutation.module] if (ROOT / "tests/meta" / name).exists()]
            ended = self._run("pytest", "-x", "-q", "-p", "no:cacheprovider", *tests)
            if ended == "survived" and faults:
                ended = self._run("invoice_conformance.cli", "faults", "--run", "--jobs", "1", *faults)
            return ended
        finally:
            path.write_bytes(source)

    def _run(self, *command: str) -> End:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._folder / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        try:
            done = subprocess.run(  # noqa: S603 - our own tests
                [sys.executable, "-m", *command],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "hung"
        return "killed" if done.returncode else "survived"


def ends(chosen: Sequence[Mutation], faults: Sequence[str]) -> Iterator[tuple[Mutation, End]]:
    """What becomes of each change, as it becomes known."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        for mutation in chosen:
            yield mutation, copy.end_of(mutation, faults)


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", action="append", choices=tuple(TESTS), help="this one alone; repeatable")
    parser.add_argument("--number", type=int, default=60, help="changes that are tried (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: %(default)s)")
    parser.add_argument("--faults", type=int, default=0, metavar="N", help="faults that look for what survived")
    parser.add_argument("--line", action="append", metavar="MODULE:LINE", help="all changes of this line instead")
    given = parser.parse_args()
    possible = [mutation for module in given.module or TESTS for mutation in mutations(module)]
    draw = random.Random(given.seed)  # noqa: S311 - a sample, no secret
    chosen = draw.sample(possible, min(given.number, len(possible)))
    if given.line:
        chosen = [mutation for mutation in possible if f"{mutation.module}:{mutation.line}" in given.line]
    callable_faults = [fault.name for fault in FAULTS.values() if not fault.over_sockets]
    faults = draw.sample(callable_faults, given.faults)
    counts: dict[End, int] = {"killed": 0, "survived": 0, "hung": 0}
    began = time.monotonic()
    for mutation, end in ends(chosen, faults):
        counts[end] += 1
        if end != "killed":
            print(f"{end}: {mutation.shown((ROOT / PACKAGE / mutation.module).read_bytes())}", flush=True)
    words = ", ".join(f"{count} {end}" for end, count in counts.items())
    print(f"{len(chosen)} of {len(possible)} changes: {words}; {time.monotonic() - began:.0f} s")
    return int(counts["survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())
