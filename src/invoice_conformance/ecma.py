"""Owns the meaning of regular expressions in the contract: ECMA-262's, with its flag u, not Python's.

It must not know which patterns the contract has. What it cannot translate faithfully it refuses.
"""

from __future__ import annotations

import re
from typing import Final

_SPACE: Final = r"\t\n\x0b\x0c\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
# In ECMA-262 \d and \w are ASCII whatever the flags, \s is not (§22.2.2.9, §12.2, §12.3).
_CLASS_ESCAPES: Final = {"d": "0-9", "w": "0-9A-Z_a-z", "s": _SPACE}
_CONTROLS: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_SYNTAX: Final = frozenset("^$\\.*+?()[]{}|/")
# Python's $ also matches before a final newline; ECMA-262's, without the flag m, only at the end. Its dot
# stops at four line terminators (§12.3), Python's at one.
_PLAIN_TERMS: Final = {
    "^": (r"\A", False),
    "$": (r"\Z", False),
    "|": ("|", False),
    ".": (r"[^\n\r\u2028\u2029]", True),
}
_GROUPS: Final = ("(?:", "(?=", "(?!")
_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{(?P<low>[0-9]+)(?:,(?P<high>[0-9]*))?\})\??", re.ASCII)
_HEX: Final = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,8})\}", re.ASCII)
_LAST_CODE_POINT: Final = 0x10FFFF


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile an ECMA-262 pattern; use `search` with it, for JSON Schema does not anchor patterns.

    ValueError names the construct when the pattern is invalid, or valid there but not translated here (back
    references, look-behind, named groups, property escapes, negated escapes inside a class).
    """
    try:
        # No flags: the translation holds no construct whose meaning they could change.
        return re.compile(_Translation(pattern).run())
    except re.error as error:
        raise ValueError(f"{error} in {pattern!r}") from None


class _Translation:
    """One pass over a pattern; `run` returns the same pattern in Python's syntax."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._open_groups: list[bool] = []  # whether a quantifier may follow its end

    def run(self) -> str:
        parts: list[str] = []
        quantifiable = False
        while self._position < len(self._pattern):
            quantifier = _QUANTIFIER.match(self._pattern, self._position)
            if quantifier is not None:
                # A second quantifier would be possessive or an error in Python, and is an error in ECMA-262.
                if not quantifiable:
                    raise self._refusal(f"nothing to repeat with {quantifier[0]}")
                self._position = quantifier.end()
                parts.append(quantifier[0])
                quantifiable = False
                continue
            part, quantifiable = self._term()
            parts.append(part)
        if self._open_groups:
            raise self._refusal('missing ")"')
        return "".join(parts)

    def _term(self) -> tuple[str, bool]:
        character = self._pattern[self._position]
        if character == "(":
            return self._group(), False
        if character == "[":
            return self._class(), True
        if character == "\\":
            return self._escape()
        if character in "{}]":
            raise self._refusal(f'a lone "{character}"')
        self._position += 1
        if character == ")":
            if not self._open_groups:
                raise self._refusal('a lone ")"')
            return ")", self._open_groups.pop()
        return _PLAIN_TERMS.get(character, (re.escape(character), True))

    def _group(self) -> str:
        for opening in _GROUPS:
            if self._pattern.startswith(opening, self._position):
                self._position += len(opening)
                self._open_groups.append(opening == "(?:")
                return opening
        if self._pattern.startswith("(?", self._position):
            raise self._refusal(f"the group {self._pattern[self._position : self._position + 4]}")
        self._position += 1
        self._open_groups.append(True)
        return "("

    def _escape(self) -> tuple[str, bool]:
        letter = self._pattern[self._position + 1 : self._position + 2]
        if letter.lower() in _CLASS_ESCAPES:
            self._position += 2
            negation = "^" if letter.isupper() else ""
            return f"[{negation}{_CLASS_ESCAPES[letter.lower()]}]", True
        return re.escape(chr(self._escaped_character())), True

    def _escaped_character(self, also: str = "") -> int:
        """Return the code point of the escape at the position, and move behind it."""
        letter = self._pattern[self._position + 1 : self._position + 2]
        code = _HEX.match(self._pattern, self._position + 1)
        if code is not None:
            value = int(next(digits for digits in code.groups() if digits is not None), 16)
            if 0xD800 <= value <= 0xDFFF or value > _LAST_CODE_POINT:  # noqa: PLR2004 - the surrogates
                raise self._refusal(f"the escape \\{code[0]}")
            self._position = code.end()
            return value
        follower = self._pattern[self._position + 2 : self._position + 3]
        if letter and letter in _CONTROLS:
            result = ord(_CONTROLS[letter])
        elif letter == "0" and not follower.isdigit():
            result = 0
        elif letter and (letter in _SYNTAX or letter in also):
            result = ord(letter)
        else:
            raise self._refusal(f"the escape \\{letter}")
        self._position += 2
        return result

    def _class(self) -> str:
        start = self._position
        self._position += 1
        negation = ""
        if self._pattern.startswith("^", self._position):
            self._position += 1
            negation = "^"
        items: list[str] = []
        while True:
            if self._position >= len(self._pattern):
                self._position = start
                raise self._refusal('"[" without "]"')
            if self._pattern[self._position] == "]":
                break
            items.append(self._class_item())
        if not items:
            raise self._refusal("an empty class")
        self._position += 1
        return f"[{negation}{''.join(items)}]"

    def _class_item(self) -> str:
        low = self._class_atom()
        if isinstance(low, str):
            if self._pattern.startswith("-", self._position) and not self._pattern.startswith("-]", self._position):
                raise self._refusal("a range that begins with a class")
            return low
        if not self._pattern.startswith("-", self._position) or self._pattern.startswith("-]", self._position):
            return _in_class(low)
        self._position += 1
        if self._position >= len(self._pattern):
            raise self._refusal('"[" without "]"')
        high = self._class_atom()
        if isinstance(high, str):
            raise self._refusal("a range that ends with a class")
        if high < low:
            raise self._refusal("a range in the wrong order")
        return f"{_in_class(low)}-{_in_class(high)}"

    def _class_atom(self) -> int | str:
        """Return a code point, or the translated inside of a class escape."""
        character = self._pattern[self._position]
        if character != "\\":
            self._position += 1
            return ord(character)
        letter = self._pattern[self._position + 1 : self._position + 2]
        if letter and letter in _CLASS_ESCAPES:
            self._position += 2
            return _CLASS_ESCAPES[letter]
        if letter == "b":  # inside a class it is the backspace
            self._position += 2
            return 0x08
        return self._escaped_character(also="-")

    def _refusal(self, what: str) -> ValueError:
        return ValueError(f"{what} at {self._position} in the pattern {self._pattern!r}")


def _in_class(code_point: int) -> str:
    return f"\\U{code_point:08x}"
