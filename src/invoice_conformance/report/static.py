"""Owns what the pages share: style and script of the package, and the policy that lets nothing else run or load.

It knows no report.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources


def own(name: str) -> str:
    """A template, style or script of the package."""
    return (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")


def policy(style: str, script: str | None = None) -> str:
    """The Content-Security-Policy of a page that has this style, and this script if any, and needs no network."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src 'sha256-{_hash(style)}'",
            *([f"script-src 'sha256-{_hash(script)}'"] if script is not None else []),
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
