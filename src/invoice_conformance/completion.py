"""Owns the scripts that complete the command in a shell: made by shtab from the command's own parser.

It must not know any command.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

import shtab

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES: Final = {
    "FILE": shtab.FILE,
    "DIR": shtab.DIRECTORY,
    "REPORT": shtab.FILE,
    "REPORT_DIR": shtab.FILE,
    "OLD": shtab.FILE,
    "NEW": shtab.FILE,
}
"""How arguments that take a path are called in the help, and what completes them."""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for `shell`: bash, zsh or fish."""
    for action in _actions(parser):
        place = PLACES.get(str(action.metavar))
        if place is not None and action.choices is None:
            # This is where shtab looks for it; argparse knows nothing of it.
            vars(action)["complete"] = place
    made: str = shtab.complete(parser, shell)
    return made.rstrip("\n")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of the parser and of those below it."""
    for action in parser._actions:  # noqa: SLF001 - argparse shows them in no other way
        yield action
        below: Any = action.choices
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for one in below.values():
                yield from _actions(one)
