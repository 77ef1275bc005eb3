"""Where settings come from and which are refused: before anything is sent, in one line that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.facing import IDENTITY, run, settle_in
from tests.meta.rawserver import RawServer, answer, answering

from invoice_conformance.config import OPTIONS, ConfigError, Settings, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET: dict[str, Any] = {
    "base_url": "https://api.example",
    "token": "made-up-token",
    "tenant_id": "tnt_1",
    "contract_id": "ctr_1",
}


def settled(folder: Path, *, file: str = "", environment: dict[str, str] | None = None, **given: object) -> Settings:
    """The settings of a command line, an environment and a file in an otherwise empty folder."""
    if file:
        (folder / "invoice-conformance.toml").write_text(file, encoding="utf-8")
    variables = {f"INVOICE_CONFORMANCE_{name}": value for name, value in (environment or {}).items()}
    return settle(given, environment=variables, folder=folder)


# Where they come from


def test_the_command_line_beats_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    file = 'seed = 1\ntimeout = 1.5\nprofile = "quick"\nconcurrency = 4\n'
    environment = {"SEED": "2", "TIMEOUT": "2.5", "PROFILE": "thorough"}

    settings = settled(tmp_path, file=file, environment=environment, seed="3", timeout=None)

    assert (settings.seed, settings.timeout, settings.profile, settings.concurrency) == (3, 2.5, "thorough", 4)


def test_without_any_of_them_the_reference_server_is_judged_with_the_defaults(tmp_path: Path) -> None:
    settings = settled(tmp_path)

    assert settings == Settings()
    assert settings.embedded
    assert (settings.concurrency, settings.profile, settings.level, settings.seed) == (16, "standard", "must", 0)


def test_a_file_names_options_as_the_command_line_does_or_with_underscores(tmp_path: Path) -> None:
    settings = settled(tmp_path, file='max-invoices = 7\nrate_limit = "50/s"\nrequirement = ["A", "B-*"]\nyes = true\n')

    assert (settings.max_invoices, settings.rate_limit) == (7, 50.0)
    assert (settings.requirement, settings.yes) == (("A", "B-*"), True)


def test_another_file_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "invoice-conformance.toml").write_text("seed = 1", encoding="utf-8")
    (tmp_path / "other.toml").write_text("seed = 2", encoding="utf-8")

    settings = settle({}, environment={}, folder=tmp_path, file=tmp_path / "other.toml")

    assert settings.seed == 2


def test_every_option_has_a_name_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t", encoding="utf-8")
    texts = {"count": "9", "number": "9", "rate": "9", "flag": "1", "list": "A: b", "secret": "s", "text": "x"}
    (tmp_path / "known").write_text("", encoding="utf-8")
    special = {
        "base-url": "http://h",
        "token-file": str(tmp_path / "token"),
        "baseline": str(tmp_path / "known"),
        "proxy": "http://p:1",
    }
    environment = {
        option.variable: special.get(option.name, option.choices[-1] if option.choices else texts.get(option.kind, "x"))
        for option in OPTIONS
    }

    settings = settle({}, environment=environment, folder=tmp_path)

    unchanged = [name for name, value in vars(Settings()).items() if getattr(settings, name) == value]
    assert unchanged == []


def test_lists_in_the_environment_are_told_apart_by_commas_and_headers_by_lines(tmp_path: Path) -> None:
    environment = {"REQUIREMENT": "A, B-*,,C\n", "WITHOUT": "D", "HEADER": "X-Key: a, b\nX-Other: c:d\n"}

    settings = settled(tmp_path, environment=environment)

    assert settings.requirement == ("A", "B-*", "C")
    assert settings.without == ("D",)
    assert settings.header == (("X-Key", "a, b"), ("X-Other", "c:d"))


@pytest.mark.parametrize(("text", "wanted"), [("1", True), ("true", True), ("0", False), ("no", False), ("", False)])
def test_a_flag_in_the_environment_is_on_unless_it_says_no(text: str, wanted: bool, tmp_path: Path) -> None:  # noqa: FBT001
    settings = settled(tmp_path, environment={"YES": text})

    assert settings.yes is wanted


# The target


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://api.example", "https://api.example"),
        ("https://api.example/", "https://api.example"),
        ("https://api.example/api/v1/invoices", "https://api.example"),
        ("https://api.example/sandbox/api/v1/invoices/", "https://api.example/sandbox"),
        ("https://api.example/sandbox/", "https://api.example/sandbox"),
        ("http://[::1]:8080/v2", "http://[::1]:8080/v2"),
    ],
)
def test_the_operation_is_taken_off_a_url_that_names_it(url: str, base: str, tmp_path: Path) -> None:
    settings = settled(tmp_path, **{**TARGET, "base_url": url})

    assert settings.base_url == base


@pytest.mark.parametrize("path", ["", "/", "/v2/sandbox", "/v2/sandbox/api/v1/invoices"])
def test_the_operation_is_appended_to_a_url_unless_it_is_there(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_in(monkeypatch, tmp_path)

    with RawServer(answering(answer(b"", "404 Not Found"))) as server:
        ran = run(tmp_path, server.url + path, "--requirement", "AMOUNT-ECHO")

    prefix = "/v2/sandbox" if "sandbox" in path else ""
    evidence = (ran.folder / "evidence.ndjson").read_text(encoding="utf-8")
    assert f'"target":"{prefix}/api/v1/invoices"' in evidence
    assert ran.report["target"] == server.url + prefix


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("api.example", "no scheme"),
        ("localhost:8080/api/v1/invoices", "no scheme"),
        ("", "no scheme"),
        ("ftp://api.example", "only http and https"),
        ("https://me:hunter2secret@api.example", "user name or password"),
        ("https://api.example/?a=b", "query or fragment"),
        ("https://api.example:port", "cannot be read"),
        ("https://", "scheme|host"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_a_password(
    url: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        settled(tmp_path, **{**TARGET, "base_url": url})

    assert "hunter2secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


# Credentials


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("token", "no token: set INVOICE_CONFORMANCE_TOKEN, or give --token-file"),
        ("tenant_id", "no --tenant-id: give it, or set INVOICE_CONFORMANCE_TENANT_ID"),
        ("contract_id", "no --contract-id: give it, or set INVOICE_CONFORMANCE_CONTRACT_ID"),
    ],
)
def test_a_target_needs_a_token_a_tenant_and_a_contract(missing: str, words: str, tmp_path: Path) -> None:
    given = {name: value for name, value in TARGET.items() if name != missing}

    with pytest.raises(ConfigError, match=words) as caught:
        settled(tmp_path, **given)

    assert str(caught.value).endswith("nothing was sent")


def test_a_token_file_is_read_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  from-a-file\n", encoding="utf-8")

    settings = settled(tmp_path, **{**TARGET, "token": None}, token_file=str(tmp_path / "token"))

    assert settings.token == "from-a-file"  # noqa: S105 - made up


def test_a_token_that_is_given_beats_the_file(tmp_path: Path) -> None:
    settings = settled(tmp_path, **TARGET, token_file=str(tmp_path / "there-is-none"))

    assert settings.token == TARGET["token"]


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "there-is-none"

    with pytest.raises(ConfigError, match=r"--token-file .*there-is-none cannot be read"):
        settled(tmp_path, **{**TARGET, "token": None}, token_file=str(missing))


def test_a_token_command_stands_for_a_token(tmp_path: Path) -> None:
    settings = settled(tmp_path, **{**TARGET, "token": None}, token_command="print-token")  # noqa: S106 - made up

    assert settings.token_command == "print-token"  # noqa: S105 - made up


@pytest.mark.parametrize("key", ["token", "tenant_id", "other_tenant_id"])
def test_what_no_header_can_carry_is_refused_without_showing_it(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no header can carry") as caught:
        settled(tmp_path, **{**TARGET, key: "secret-part\r\nX-Injected: 1"})

    assert "secret-part" not in str(caught.value)


# What is refused


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"seed": "many"}, "--seed is a whole number, not 'many'"),
        ({"seed": "1.5"}, "--seed is a whole number"),
        ({"seed": "-1"}, "--seed is from 0 to"),
        ({"concurrency": "0"}, "--concurrency is from 1 to 256, not 0"),
        ({"concurrency": "257"}, "--concurrency is from 1 to 256"),
        ({"max_invoices": "0"}, "--max-invoices is from 1"),
        ({"timeout": "0"}, "--timeout is more than 0"),
        ({"timeout": "nan"}, "--timeout is more than 0"),
        ({"timeout": "inf"}, "--timeout is more than 0"),
        ({"timeout": "soon"}, "--timeout is a number, not 'soon'"),
        ({"rate_limit": "fast"}, "--rate-limit is a number"),
        ({"rate_limit": "0/s"}, "--rate-limit is more than 0"),
        ({"profile": "slow"}, "--profile is one of quick, standard, certification, thorough, not 'slow'"),
        ({"level": "may"}, "--level is one of must, should"),
        ({"header": ["no colon"]}, "--header is written as 'Name: value'"),
        ({"header": ["X Y: z"]}, "--header is written as 'Name: value'"),
        ({"header": ["X: a\nb"]}, "--header X: the value holds a character"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_in_one_line(given: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        settled(tmp_path, **given)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ('tennant-id = "x"', "unknown key 'tennant-id'; did you mean tenant-id?"),
        ("[run]\nseed = 1", "unknown key 'run'"),
        ("seed = true", "--seed is a whole number, not True"),
        ("yes = 1", "--yes is true or false, not 1"),
        ("tenant-id = 5", "--tenant-id is a text, not 5"),
        ("requirement = [1]", "--requirement is a list of texts"),
        ("seed = ", "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(file: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settled(tmp_path, file=file)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_token_of_the_wrong_type_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--token is a text") as caught:
        settled(tmp_path, file="token = 1234567890")

    assert "1234567890" not in str(caught.value)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"other\.toml cannot be read: No such file"):
        settle({}, environment={}, folder=tmp_path, file=tmp_path / "other.toml")


@pytest.fixture
def listening() -> Iterator[RawServer]:
    with RawServer(answering(answer())) as server:
        yield server


@pytest.mark.parametrize(
    ("file", "environment", "arguments", "words"),
    [
        ('tennant-id = "x"', {}, [], "unknown key 'tennant-id'; did you mean tenant-id?"),
        ("", {"INVOICE_CONFORMANCE_TOKEN": ""}, [], "no token"),
        ("", {"INVOICE_CONFORMANCE_TENANT_ID": ""}, [], "no --tenant-id"),
        ("", {"INVOICE_CONFORMANCE_CONTRACT_ID": ""}, [], "no --contract-id"),
        ("", {"INVOICE_CONFORMANCE_SEED": "x"}, [], "--seed is a whole number, not 'x'"),
        ("", {}, ["--timeout", "x"], "--timeout is a number, not 'x'"),
        ("", {}, ["--no-such-option"], "unrecognized arguments: --no-such-option"),
        ("", {}, ["--profile", "slow"], "invalid choice: 'slow'"),
        ("", {}, ["--base-url", "http://h"], "give the target once"),
        ("", {}, ["--config", "nowhere.toml"], "nowhere.toml cannot be read"),
        ("", {}, ["--ca-file", "nowhere.pem"], "--ca-file nowhere.pem cannot be used"),
        ("", {"INVOICE_CONFORMANCE_TOKEN": ""}, ["--token-command", "false"], "--token-command gave no token"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_exit_code_2_and_nothing_is_sent(
    file: str,
    environment: dict[str, str],
    arguments: list[str],
    words: str,
    listening: RawServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settle_in(monkeypatch, tmp_path, IDENTITY | environment)
    if file:
        Path("invoice-conformance.toml").write_text(file, encoding="utf-8")

    ran = run(tmp_path, listening.url, "--requirement", "AMOUNT-ECHO", *arguments)

    assert ran.code == 2
    assert words in ran.err
    assert ran.err.startswith("invoice-conformance")
    assert ran.err.count("\n") == 1
    assert listening.connections == 0


# What is shown


def test_the_settings_that_a_report_shows_hold_no_secret(tmp_path: Path) -> None:
    secrets = {"token": "secret-token", "token_command": "print secret-token", "header": ["X-Key: secret-key"]}
    settings = settled(tmp_path, **{**TARGET, **secrets}, out=str(tmp_path))

    shown = settings.redacted()

    assert "secret" not in repr(shown)
    assert (shown["token"], shown["token_command"], shown["header"]) == ("[redacted]", "[set]", ["X-Key: [redacted]"])
    assert (shown["tenant_id"], shown["out"], shown["requirement"]) == ("tnt_1", str(tmp_path), [])
