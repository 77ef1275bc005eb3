"""Owns what is certified: vendor, product and version, as `product.toml` says them and `product.json` keeps them.

It must not know how anything is judged.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

REQUIRED = ("vendor", "product", "version", "contact", "url")
OPTIONAL = ("image",)
LONGEST = 200
MOVING = frozenset(
    [
        "main",
        "master",
        "trunk",
        "develop",
        "development",
        "dev",
        "head",
        "latest",
        "stable",
        "edge",
        "nightly",
        "snapshot",
        "current",
        "next",
        "tip",
        "canary",
        "default",
        "release",
        "rolling",
        "unstable",
        "testing",
    ]
)
"""Names that mean another program tomorrow."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BRANCH = re.compile(
    r"(?i)(?:refs/heads/|origin/|heads/).*|.*[-.](?:snapshot|latest|nightly|dirty)|(?:feature|bugfix|hotfix)/.*"
)
_URL = re.compile(r"https?://[\x21-\x7e]+")


class NoProduct(ValueError):  # noqa: N818 - it names what the file is
    """A file that names no product: one line that says what it lacks."""


def load(path: Path) -> dict[str, str]:
    """The product that a TOML file names."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NoProduct(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NoProduct(f"{path} is not TOML: {error}") from None
    try:
        return checked(values)
    except NoProduct as error:
        raise NoProduct(f"{path}: {error}") from None


def checked(values: Any) -> dict[str, str]:  # noqa: ANN401 - TOML and JSON come in here
    """The same values when they name a product; NoProduct says what is missing or wrong, all of it."""
    if not isinstance(values, dict):
        raise NoProduct(f"a table of {', '.join(REQUIRED)} is expected")
    wrong = [f"{key} is missing" for key in REQUIRED if key not in values]
    for key, value in values.items():
        if key not in {*REQUIRED, *OPTIONAL}:
            near = difflib.get_close_matches(str(key), (*REQUIRED, *OPTIONAL), 1)
            wrong.append(f"unknown key {str(key)[:40]!r}" + (f"; did you mean {near[0]}?" if near else ""))
        elif not isinstance(value, str) or not value.strip() or len(value) > LONGEST or not value.isprintable():
            wrong.append(f"{key} is a text of one line")
    if not wrong:
        wrong = list(_doubts(values))
    if wrong:
        raise NoProduct("; ".join(wrong))
    return {key: value.strip() for key, value in values.items()}


def _doubts(values: dict[str, str]) -> list[str]:
    version, doubts = values["version"].strip(), []
    if version.lower() in MOVING or _BRANCH.fullmatch(version) or not re.search(r"[0-9]", version):
        doubts.append(f"version {version!r} may be another program tomorrow; give a release or a digest")
    if not _URL.fullmatch(values["url"].strip()):
        doubts.append("url begins with https:// or http://")
    if "image" in values and not _DIGEST.fullmatch(values["image"].strip().rpartition("@")[2]):
        doubts.append("image ends in sha256: and 64 hexadecimal digits")
    return doubts


def slug(vendor: str) -> str:
    """A vendor's name as a file's: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", vendor.lower()).strip("-") or "vendor"
