"""Owns where the suite's data lies: beside the sources in a checkout, inside the package in a wheel.

It must not know what the data says.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def spec_dir() -> Path:
    """Return the folder `spec`; FileNotFoundError when the installation is incomplete."""
    return _find("spec", witness="openapi.yaml")


def conformance_dir() -> Path:
    """Return the folder `tests/conformance`; FileNotFoundError when the installation is incomplete."""
    return _find("tests/conformance")


def _find(relative: str, witness: str = "") -> Path:
    # The packed copy comes first: a wheel's neighbours in site-packages may be called "spec" or "tests" too.
    places = (_PACKAGE / "_suite" / relative, _PACKAGE.parents[1] / relative)
    for place in places:
        if place.is_dir() and (place / witness).exists():
            return place
    raise FileNotFoundError(f"no folder {relative} at {' or '.join(map(str, places))}; reinstall invoice-conformance")
