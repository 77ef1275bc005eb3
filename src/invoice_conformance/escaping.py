"""Owns how a target's text is shown where something might obey it: a terminal, the log of a CI, a spreadsheet.

It must not know what the text is about; secrets have been taken out of it before.
"""

from __future__ import annotations

import re
import unicodedata

_OBEYED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""General categories of Unicode whose characters do something, or nothing that can be seen."""
# GitHub Actions and Azure Pipelines run commands of a job's log; the older form anywhere in a line.
_WORKFLOW_COMMAND = re.compile(r"::(?=[A-Za-z][A-Za-z-]*(?: [^\n]*?)?::)")
_LOG_COMMAND = re.compile(r"##(?=[A-Za-z]*\[)")


def visible(text: str) -> str:
    """Text that a reader sees as it is: control and format characters are spelled out, lines stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character == "\n" or unicodedata.category(character) not in _OBEYED else f"\\u{ord(character):04x}"
        for character in text
    )


def shown(text: str) -> str:
    """Text that a terminal shows and does not obey: `visible`, and no CI takes anything in it for a command."""
    return _LOG_COMMAND.sub(r"#\\#", _WORKFLOW_COMMAND.sub(r":\\:", visible(text)))


def one_line(text: str) -> str:
    """`shown` text in which line feeds are spelled out too, for a line of its own may be a command again."""
    return shown(text).replace("\n", "\\n")


def cell(text: str, limit: int = 200) -> str:
    """Text for a cell of a table that a spreadsheet opens: in one line, cut to `limit`, and no formula."""
    whole = shown(text).replace("\n", "\\u000a")
    cut = whole if len(whole) <= limit else f"{whole[:limit]}… ({len(text)} characters)"
    # Spreadsheets pass over leading spaces, and some take the full-width signs too.
    return f"'{cut}" if cut.lstrip()[:1] in {"=", "+", "-", "@", "|", "＝", "＋", "－", "＠"} else cut
