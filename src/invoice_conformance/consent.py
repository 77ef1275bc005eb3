"""Owns the question whether invoices may be created at a target that is not on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoice_conformance.address import is_local

if TYPE_CHECKING:
    from rich.console import Console


def agreed(base_url: str | None, invoices: int, console: Console) -> bool:
    """Whether the user agrees to so many invoices; only a terminal is asked, and only of a target elsewhere."""
    if base_url is None or not (sys.stdin.isatty() and sys.stdout.isatty()) or is_local(base_url):
        return True
    try:
        # To rich, [y/N] would be markup.
        answer = console.input(
            f"Create up to {invoices} invoices at {base_url}? There is no way to delete them. [y/N] ", markup=False
        )
    except EOFError:
        return False
    return answer.strip().lower() in {"y", "yes"}
