"""Owns a run's settings: where each comes from, what it may be, and how it is shown without its secrets.

Command line over environment over file. It opens no connection and knows no requirement.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from invoice_conformance.address import BadUrl, parts_of, proxy_of, without_credentials
from invoice_conformance.baseline import Baseline, BaselineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from invoice_conformance.exchange import Header

FILE = "invoice-conformance.toml"
PREFIX = "INVOICE_CONFORMANCE_"
OPERATION = "/api/v1/invoices"
Kind: TypeAlias = Literal["text", "secret", "path", "count", "number", "rate", "flag", "list", "choice"]


class ConfigError(ValueError):
    """Something in the configuration cannot be used: one line that says what and what to do."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its name on the command line, its kind, and what `--help` says of it."""

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""

    @property
    def key(self) -> str:
        """Its name in `Settings`."""
        return self.name.replace("-", "_")

    def flags(self, prefix: str = "") -> dict[str, Any]:
        """What `argparse` is told of it; its value is None, or an empty list, when it was not given."""
        flags: dict[str, Any] = {"help": self.help, "dest": prefix + self.key}
        if self.kind == "flag":
            flags |= {"action": "store_true", "default": None}
        elif self.kind == "choice":
            flags["choices"] = self.choices
        else:
            flags |= {"metavar": self.metavar} | ({"action": "append"} if self.kind == "list" else {})
        return flags

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.key.upper()


OPTIONS: tuple[Option, ...] = (
    Option("base-url", "text", "the target: scheme, host and an optional path prefix", metavar="URL"),
    Option("token", "secret", "bearer token (prefer the environment or --token-file)", metavar="TOKEN"),
    Option("token-file", "path", "file that holds the bearer token", metavar="FILE"),
    Option(
        "token-command",
        "text",
        "command that prints a fresh bearer token, for tokens that expire",
        metavar="CMD",
    ),
    Option("tenant-id", "text", "tenant in which invoices are created", metavar="ID"),
    Option("contract-id", "text", "contract of that tenant", metavar="ID"),
    Option("other-tenant-id", "text", "a second tenant that the token may act for", metavar="ID"),
    Option("other-contract-id", "text", "a contract of the second tenant", metavar="ID"),
    Option("out", "path", "folder for the report (default: reports/<host>-<UTC time>/)", metavar="DIR"),
    Option(
        "seed",
        "count",
        "number from which values at random are drawn: the same, the same values (default: 0)",
        metavar="N",
    ),
    Option("concurrency", "count", "requests that wait for their answer at the same time (default: 16)", metavar="N"),
    Option("rate-limit", "rate", "requests a second at most, as 50 or 50/s", metavar="N/s"),
    Option("max-invoices", "count", "stop creating invoices after this many", metavar="N"),
    Option("timeout", "number", "seconds that one request may take in all (default: 10)", metavar="S"),
    Option("max-time", "number", "seconds that the whole run may take (default: 3600)", metavar="S"),
    Option("wait-for-target", "number", "seconds to wait for a target that is not up yet", metavar="S"),
    Option(
        "profile",
        "choice",
        "how much is sent; plan says how many requests that are (default: standard)",
        ("quick", "standard", "certification", "thorough"),
    ),
    Option(
        "level",
        "choice",
        "which failures make the exit code 1: of every MUST, or of every SHOULD too (default: must)",
        ("must", "should"),
    ),
    Option("requirement", "list", "run this requirement alone; may be repeated, and may be a glob", metavar="ID"),
    Option(
        "case", "list", "send this case alone, as a report names it; may be repeated, and may be a glob", metavar="ID"
    ),
    Option(
        "without",
        "list",
        "do not judge this requirement; every view says so, and the outcome is never full; may be repeated",
        metavar="ID",
    ),
    Option("baseline", "path", "file of known findings, which leave the exit code 0", metavar="FILE"),
    Option(
        "set", "text", "judge by the requirements of this release, such as 2026.11 (default: newest)", metavar="NAME"
    ),
    Option("header", "list", "a header for every request, as 'Name: value'; may be repeated", metavar="HEADER"),
    Option("proxy", "text", "HTTP proxy to go through, as http://host:port; none otherwise", metavar="URL"),
    Option(
        "ca-file",
        "path",
        "PEM file of certificate authorities to trust (default: SSL_CERT_FILE, or the system's)",
        metavar="FILE",
    ),
    Option("client-cert", "path", "PEM file of a client certificate, and its key", metavar="FILE"),
    Option("client-key", "path", "PEM file of the client certificate's key, when it is apart", metavar="FILE"),
    Option("insecure", "flag", "accept any TLS certificate, whoever shows it"),
    Option("yes", "flag", "do not ask before a target that is not on this machine"),
)
_BY_KEY = {option.key: option for option in OPTIONS}
TOKEN_SOURCES = frozenset({"token", "token_file"})
_LIMITS = {"concurrency": (1, 256), "max_invoices": (1, 10**9), "seed": (0, 2**63 - 1)}


@dataclass(frozen=True)
class Settings:
    """The settings of a run; a `base_url` of None means the embedded reference server."""

    base_url: str | None = None
    token: str = field(default="", repr=False)
    token_command: str | None = field(default=None, repr=False)
    tenant_id: str = ""
    contract_id: str = ""
    other_tenant_id: str | None = None
    other_contract_id: str | None = None
    out: Path | None = None
    seed: int = 0
    concurrency: int = 16
    rate_limit: float | None = None
    max_invoices: int | None = None
    timeout: float = 10.0
    max_time: float = 3600.0
    wait_for_target: float | None = None
    profile: Literal["quick", "standard", "certification", "thorough"] = "standard"
    level: Literal["must", "should"] = "must"
    requirement: tuple[str, ...] = ()
    case: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    baseline: Baseline | None = None
    set: str | None = None
    header: tuple[Header, ...] = field(default=(), repr=False)
    proxy: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    insecure: bool = False
    yes: bool = False

    @property
    def embedded(self) -> bool:
        """Whether the suite starts the reference server itself."""
        return self.base_url is None

    def redacted(self) -> dict[str, Any]:
        """The settings as plain values without a secret in them, for the report."""
        shown: dict[str, Any] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name == "token":
                value = "[redacted]" if value else ""
            elif one.name == "token_command":
                value = "[set]" if value else None
            elif one.name == "header":
                value = [f"{name}: [redacted]" for name, _text in value]
            elif one.name == "proxy":
                value = without_credentials(value) if value else None
            elif isinstance(value, Path):
                value = str(value)
            elif isinstance(value, Baseline):
                value = str(value.path)
            elif isinstance(value, tuple):
                value = list(value)
            shown[one.name] = value
        return shown


def settle(
    given: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    file: Path | None = None,
    sends: bool = True,
) -> Settings:
    """The settings that a command line (`given`, by key; None is not given), an environment and a file add up to.

    `file` is read if given, else `invoice-conformance.toml` of `folder` (the current one) if there is one.
    Where nothing is to be sent (`sends`), a target needs no token and no ids.
    ConfigError for whatever cannot be used; nothing was sent then.
    """
    values: dict[str, Any] = {}
    for source in (
        _from_file(file, Path.cwd() if folder is None else folder),
        _from_environment(os.environ if environment is None else environment),
        {key: value for key, value in given.items() if value not in (None, [], False)},
    ):
        if TOKEN_SOURCES & source.keys():
            # They are one setting: a token file named on the command line beats a token in the environment.
            values = {key: value for key, value in values.items() if key not in TOKEN_SOURCES}
        values.update(source)
    checked = {key: _checked(_BY_KEY[key], value) for key, value in values.items()}
    return _settled(checked, sends=sends)


def _from_file(file: Path | None, folder: Path) -> dict[str, Any]:
    path = file or folder / FILE
    if file is None and not path.is_file():
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    known: dict[str, Any] = {}
    for name, value in values.items():
        key = name.replace("-", "_")
        if key not in _BY_KEY:
            near = difflib.get_close_matches(key, _BY_KEY, 1)
            hint = f"; did you mean {near[0].replace('_', '-')}?" if near else ""
            raise ConfigError(f"{path}: unknown key {name!r}{hint}")
        known[key] = value
    return known


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for option in OPTIONS:
        text = environment.get(option.variable, "")
        if not text:
            continue
        if option.kind == "list":
            # A header may hold commas, so several are told apart by lines.
            values[option.key] = [
                part.strip() for part in re.split(r"\n" if option.key == "header" else r"[,\n]", text) if part.strip()
            ]
        elif option.kind == "flag":
            values[option.key] = text.lower() not in {"0", "false", "no", "off"}
        else:
            values[option.key] = text
    return values


def _checked(option: Option, value: Any) -> Any:  # noqa: ANN401 - TOML and command lines hold anything
    name = f"--{option.name}"
    if option.kind == "count":
        return _count(option, name, value)
    if option.kind in {"number", "rate"}:
        return _positive(name, str(value).removesuffix("/s"))
    if option.kind == "list":
        return _texts(name, value)
    wanted = bool if option.kind == "flag" else str
    if not isinstance(value, wanted):
        came = "" if option.kind == "secret" else f", not {value!r}"
        raise ConfigError(f"{name} is {'true or false' if wanted is bool else 'a text'}{came}")
    if option.choices and value not in option.choices:
        raise ConfigError(f"{name} is one of {', '.join(option.choices)}, not {value!r}")
    return value


def _texts(name: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401 - as in _checked
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{name} is a list of texts, not {value!r}")
    return tuple(items)


def _count(option: Option, name: str, value: Any) -> int:  # noqa: ANN401 - as in _checked
    try:
        number = int(str(value), 10)
    except ValueError:
        raise ConfigError(f"{name} is a whole number, not {value!r}") from None
    low, high = _LIMITS.get(option.key, (0, 2**63 - 1))
    if not low <= number <= high:
        raise ConfigError(f"{name} is from {low} to {high}, not {number}")
    return number


def _positive(name: str, value: Any) -> float:  # noqa: ANN401 - as in _checked
    try:
        number = float(str(value))
    except ValueError:
        raise ConfigError(f"{name} is a number, not {value!r}") from None
    if not 0 < number < float("inf"):
        raise ConfigError(f"{name} is more than 0, not {value}")
    return number


def _settled(values: dict[str, Any], *, sends: bool) -> Settings:
    token_file = values.pop("token_file", None)
    if "header" in values:
        values["header"] = tuple(_header(text) for text in values["header"])
    if "out" in values:
        values["out"] = Path(values["out"])
    if "baseline" in values:
        values["baseline"] = _baseline(values["baseline"])
    if token_file is not None and not values.get("token"):
        try:
            values["token"] = Path(token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--token-file {token_file} cannot be read: {error}") from None
    settings = Settings(**values)
    if settings.proxy is not None:
        try:
            proxy_of(settings.proxy)
        except BadUrl as error:
            raise ConfigError(f"--proxy: {error}; nothing was sent") from None
    if settings.client_key is not None and settings.client_cert is None:
        raise ConfigError("--client-key needs --client-cert beside it; nothing was sent")
    if settings.base_url is None:
        return settings
    return _for_target(replace(settings, base_url=_base(settings.base_url)), sends=sends)


def _baseline(file: str) -> Baseline:
    try:
        return Baseline.load(Path(file))
    except BaselineError as error:
        raise ConfigError(f"--baseline {error}; nothing was sent") from None


def _base(url: str) -> str:
    """The URL without the operation's path, which is appended when a request is made."""
    return url.rstrip("/").removesuffix(OPERATION).rstrip("/")


def _for_target(settings: Settings, *, sends: bool) -> Settings:
    url = cast("str", settings.base_url)
    try:
        parts_of(url)
    except BadUrl as error:
        raise ConfigError(f"{error}") from None
    if not sends:
        return settings
    if not settings.token and settings.token_command is None:
        raise ConfigError(
            "no token: set INVOICE_CONFORMANCE_TOKEN, or give --token-file or --token-command; nothing was sent"
        )
    for key, variable in (("tenant_id", "--tenant-id"), ("contract_id", "--contract-id")):
        if not getattr(settings, key):
            raise ConfigError(f"no {variable}: give it, or set {_BY_KEY[key].variable}; nothing was sent")
    for key in ("token", "tenant_id", "contract_id", "other_tenant_id", "other_contract_id"):
        text = getattr(settings, key) or ""
        if key not in {"contract_id", "other_contract_id"} and not (text.isascii() and text.isprintable()):
            raise ConfigError(f"{key.replace('_', '-')} holds a character that no header can carry; nothing was sent")
    return settings


def _header(text: str) -> Header:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.strip()):
        raise ConfigError("--header is written as 'Name: value'")
    value = value.strip()
    if not value.isprintable() or not value.isascii():
        raise ConfigError(f"--header {name.strip()}: the value holds a character that no header can carry")
    return name.strip(), value
