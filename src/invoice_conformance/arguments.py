"""Owns the options of a run on a command line: told to argparse, and read back as settings.

It must not know what the settings are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from invoice_conformance.config import Settings


def add_options(parser: argparse.ArgumentParser, *, leaving_out: frozenset[str] = frozenset()) -> None:
    """Tell argparse of a target and of every option of a run but those left out by name."""
    from invoice_conformance.config import OPTIONS  # noqa: PLC0415 - a command that takes none of them is quicker

    parser.add_argument("url", nargs="?", metavar="URL", help="the target: scheme, host and an optional path prefix")
    parser.add_argument("--config", metavar="FILE", help="read this file instead of invoice-conformance.toml")
    for option in OPTIONS:
        if option.name not in leaving_out:
            parser.add_argument(f"--{option.name}", **option.flags())


def settings_of(given: argparse.Namespace, *, sends: bool = True) -> Settings:
    """The settings that a command line, the environment and a file add up to; ConfigError.

    Only a command that `sends` something needs a token and the ids of a tenant and contract.
    """
    from pathlib import Path  # noqa: PLC0415 - see add_options

    from invoice_conformance.config import OPTIONS, ConfigError, settle  # noqa: PLC0415 - likewise

    values = {option.key: getattr(given, option.key, None) for option in OPTIONS}
    if given.url is not None:
        if values["base_url"] is not None:
            raise ConfigError("give the target once: as URL or as --base-url")
        values["base_url"] = given.url
    return settle(values, file=Path(given.config) if given.config else None, sends=sends)
