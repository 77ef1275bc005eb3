"""Owns which suite this is: the digest of its files, and the digests that were released.

A digest that is no release's is no proof of anything bad, nor is one that is a proof of anything good: what a verifier
trusts is its own recomputation.
"""

from __future__ import annotations

from pathlib import Path

from invoice_conformance import locate
from invoice_conformance.canonical import sha256

RELEASES = "releases.txt"
_KINDS = frozenset({".py", ".yaml", ".json", ".md", ".abnf", ".cases", ".j2", ".css", ".js"})


def digest() -> str:
    """The SHA-256 over names and digests of the package, the spec and the conformance tests; alike in a wheel."""
    roots = (
        ("src/invoice_conformance", Path(__file__).resolve().parent),
        ("spec", locate.spec_dir()),
        ("tests/conformance", locate.conformance_dir()),
    )
    lines = sorted(
        f"{sha256(path.read_bytes())}  {name}/{path.relative_to(root).as_posix()}\n"
        for name, root in roots
        for path in root.rglob("*")
        if path.suffix in _KINDS and path.is_file() and "_suite" not in path.relative_to(root).parts
    )
    return sha256("".join(lines).encode())


def release(wanted: str) -> str | None:
    """The version that was released with this digest, None when there is none."""
    path = locate.spec_dir() / RELEASES
    if not path.is_file():
        return None
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return next((words[1] for words in lines if len(words) == 2 and words[0] == wanted), None)  # noqa: PLR2004 - a pair
