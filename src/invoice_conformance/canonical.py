"""Owns canonical JSON and digests: one spelling of each value, so that a digest of it means something.

It knows no certificate. Numbers are kept to those that every reader of JSON reads alike (RFC 8785 and RFC 7493).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NoReturn

MISSING = "this needs what invoice-conformance[certify] brings: pip install 'invoice-conformance[certify]'"


class NotInstalled(RuntimeError):  # noqa: N818 - it names what is the matter
    """An extra is not installed: one line that says which."""


class NotReadable(ValueError):  # noqa: N818 - likewise
    """A text is no JSON, or none that every reader reads alike: one line that says why."""


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The value in the spelling of RFC 8785; ValueError for integers beyond 2^53, which readers round differently."""
    try:
        import rfc8785  # noqa: PLC0415 - an extra
    except ImportError:
        raise NotInstalled(MISSING) from None
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise NotReadable(f"it has no canonical form: {error}") from None


def sha256(data: bytes) -> str:
    """The SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a JSON text in UTF-8; NotReadable for anything else, members named twice included."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except RecursionError:
        raise NotReadable("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise NotReadable(f"it is not UTF-8 at octet {error.start}") from None
    except ValueError as error:
        raise NotReadable(f"it is not JSON: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member is named twice")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
