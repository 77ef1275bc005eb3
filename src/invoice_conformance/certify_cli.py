"""Owns the commands around certificates: arguments in, words and exit code out.

What they need is imported when they run, for `--help` is to be quick and the extras need not be there.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from invoice_conformance.interruption import ENDINGS, words_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from invoice_conformance.config import Settings
    from invoice_conformance.keys import PublicKey
    from invoice_conformance.plan import Plan
    from invoice_conformance.session import Suite
    from invoice_conformance.verify import Answer, Verification

VALID, NOT_VALID, USAGE, INTERRUPTED, DEFECT = 0, 1, 2, 3, 6
COMMANDS: Final = frozenset({"keygen", "certify", "verify", "badge", "registry", "freeze"})
LEDGER: Final = Path("reports/attempts.jsonl")
CERTIFY_EPILOG = """exit codes of certify:
  0  certified                        2  usage, configuration, or a run that may not be certified; nothing was sent
  1  not conformant: a report, and    3  interrupted
     no certificate                   6  a defect of the suite

what is given beside URL and the options above is given as for run: tokens, tenants, --ca-file, --rate-limit …
"""
VERIFY_EPILOG = """exit codes of verify:
  0  valid    1  not valid    2  usage
"""


def add_commands(commands: Any) -> None:  # noqa: ANN401 - argparse hides the type
    """Tell argparse of all of them."""
    keygen = commands.add_parser("keygen", help="make a pair of keys: NAME.key signs, NAME.pub verifies")
    keygen.add_argument("--out", type=Path, metavar="NAME", required=True, help="path without .key and .pub")
    _add_certify(
        _told(commands, "certify", "run the whole frozen plan and, if it holds, sign a certificate", CERTIFY_EPILOG)
    )
    _add_verify(
        _told(commands, "verify", "check certificates: every verdict is made again from the evidence", VERIFY_EPILOG)
    )
    badge = commands.add_parser("badge", help="draw the badge of a certificate, after verifying it")
    badge.add_argument("bundle", type=Path, metavar="CERT.zip")
    badge.add_argument("--out", type=Path, metavar="FILE", required=True, help="SVG file to write")
    badge.add_argument("--key", type=Path, action="append", metavar="FILE", help="public key that must have signed it")
    registry = commands.add_parser(
        "registry", help="make a static site of a folder of certificates, each verified first"
    )
    registry.add_argument("folder", type=Path, metavar="DIR", help="holds *.zip, and keys/<vendor>.pub")
    registry.add_argument("--out", type=Path, metavar="DIR", default=Path("site"), help="(default: %(default)s)")
    freeze = commands.add_parser(
        "freeze", help="write the frozen plan of a requirement set, or see whether it is as drawn"
    )
    freeze.add_argument("set", nargs="?", metavar="NAME", help="set of spec/sets/ (default: newest)")
    freeze.add_argument("--check", action="store_true", help="write nothing; exit 1 when it differs")


def _told(commands: Any, name: str, words: str, epilog: str) -> argparse.ArgumentParser:  # noqa: ANN401 - as above
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=words, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser


def _add_certify(parser: argparse.ArgumentParser) -> None:
    from invoice_conformance.config import OPTIONS  # noqa: PLC0415 - as for run

    parser.add_argument("url", nargs="?", metavar="URL", help="the target: scheme, host and an optional path prefix")
    parser.add_argument("--product", type=Path, metavar="FILE", required=True, help="TOML: vendor, product, version …")
    signing = parser.add_mutually_exclusive_group(required=True)
    signing.add_argument("--sign", type=Path, metavar="FILE", help="private key, as keygen makes it")
    signing.add_argument(
        "--keyless", action="store_true", help="sign with the identity that CI gives, through sigstore"
    )
    parser.add_argument("--out", dest="certificate", type=Path, metavar="CERT.zip", required=True, help="file to write")
    parser.add_argument("--ledger", type=Path, metavar="FILE", default=LEDGER, help="attempts (default: %(default)s)")
    parser.add_argument("--config", metavar="FILE", help="read this file instead of invoice-conformance.toml")
    for option in OPTIONS:
        if option.name != "out":
            parser.add_argument(f"--{option.name}", **option.flags())


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundles", nargs="+", type=Path, metavar="CERT.zip")
    parser.add_argument("--key", type=Path, action="append", metavar="FILE", help="public key; may be repeated")
    parser.add_argument("--identity", metavar="ID", help="who must have signed without a key (with --issuer)")
    parser.add_argument("--issuer", metavar="URL", help="who vouches for that identity")
    parser.add_argument(
        "--threshold", type=int, metavar="N", help="so many must be valid, by keys of their own, and agree"
    )
    parser.add_argument("--replay", metavar="URL", help="send the plan's cases again and compare the verdicts")
    parser.add_argument("--attest", action="store_true", help="write the verifier's own statement beside the bundle")
    parser.add_argument("--sign", type=Path, metavar="FILE", help="private key for --attest")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where --attest writes (default: CERT.svr.json)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(given: argparse.Namespace) -> int:
    """Run one of the commands."""
    from invoice_conformance.attempts import BrokenLedger  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.bundle import NoBundle  # noqa: PLC0415 - likewise
    from invoice_conformance.canonical import NotInstalled  # noqa: PLC0415 - likewise
    from invoice_conformance.config import ConfigError  # noqa: PLC0415 - likewise
    from invoice_conformance.contract import SpecError  # noqa: PLC0415 - likewise
    from invoice_conformance.keyless import NotSigned  # noqa: PLC0415 - likewise
    from invoice_conformance.keys import NoKey  # noqa: PLC0415 - likewise
    from invoice_conformance.product import NoProduct  # noqa: PLC0415 - likewise

    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "keygen": _keygen,
        "certify": _certify,
        "verify": _verify,
        "badge": _badge,
        "registry": _registry,
        "freeze": _freeze,
    }
    try:
        return commands[given.command](given)
    except (BrokenLedger, ConfigError, NoBundle, NoKey, NoProduct, NotInstalled, NotSigned, SpecError) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or 'a file'}: {error.strerror}")
    except KeyboardInterrupt as interrupt:
        _complain(words_for(interrupt))
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a defect of ours must say so
        _complain(f"a defect of the suite, please report it: {type(error).__name__} in {_place(error)}")
        return DEFECT


def _place(error: BaseException) -> str:
    """Where in the suite something went wrong; what it quotes may be a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "nowhere"


def _keygen(given: argparse.Namespace) -> int:
    from invoice_conformance import keys  # noqa: PLC0415 - see the module's docstring

    private, public = keys.generate(given.out)
    _print(f"{private}: signs; keep it to yourself\n{public}: give it to whoever verifies")
    return VALID


def _certify(given: argparse.Namespace) -> int:
    from invoice_conformance import canonical, certify, keyless, keys, product  # noqa: PLC0415 - as above
    from invoice_conformance.certificate import sealed  # noqa: PLC0415 - likewise
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    canonical.canonical({})  # says that an extra is missing before anything else does
    named = product.load(given.product)
    settings = certify.settled(_settings(given))
    sign: certify.Signer
    if given.keyless:
        sealing = keyless.sealing()
        sign = lambda statement: keyless.signed(statement, sealing)  # noqa: E731 - a closure of one line
    else:
        key = keys.private_key(given.sign)
        sign = lambda statement: {"certificate.dsse.json": sealed(statement, key)}  # noqa: E731 - likewise
    certify.writable(given.certificate, given.ledger, named, settings.set or "")
    suite = Suite.load()
    plan = certify.plan_of(suite, settings)
    return _run(suite, settings, plan, named, sign, given)


def _settings(given: argparse.Namespace) -> Settings:
    from invoice_conformance.config import OPTIONS, ConfigError, settle  # noqa: PLC0415 - as above

    values = {option.key: getattr(given, option.key, None) for option in OPTIONS}
    if given.url is not None:
        if values["base_url"] is not None:
            raise ConfigError("give the target once: as URL or as --base-url")
        values["base_url"] = given.url
    return settle(values, file=Path(given.config) if given.config else None)


def _run(
    suite: Suite,
    settings: Settings,
    plan: Plan,
    named: Mapping[str, str],
    sign: Callable[[Mapping[str, Any]], dict[str, bytes]],
    given: argparse.Namespace,
) -> int:
    from rich.console import Console  # noqa: PLC0415 - see the module's docstring

    from invoice_conformance import certify  # noqa: PLC0415 - likewise
    from invoice_conformance.consent import agreed  # noqa: PLC0415 - likewise
    from invoice_conformance.report import terminal  # noqa: PLC0415 - likewise

    console = Console(highlight=False)
    _print(
        f"{settings.base_url}: {plan.requests} requests, up to {plan.invoices + 1} invoices, set {settings.set}; "
        f"{named['vendor']}: {named['product']} {named['version']}"
    )
    if not (given.yes or agreed(settings.base_url, plan.invoices + 1, console)):
        return _complain("nothing was sent")
    try:
        with terminal.Live(console) as live:
            made = certify.certify(
                suite,
                settings,
                plan,
                named,
                sign=sign,
                out=given.certificate,
                ledger=given.ledger,
                now=time.time,
                listener=live,
            )
    except certify.Disagreement as error:
        _complain(f"a defect of the suite, please report it: the evidence does not give what the run said: {error}")
        return DEFECT
    console.print(terminal.conclusion(made.report, made.folder), soft_wrap=True)
    if made.statement is None:
        _print(f"no certificate: {made.report['outcome']}")
        return INTERRUPTED if made.report["stopped"] in ENDINGS else NOT_VALID
    expires = next(
        one["annotations"]["expires_at"]
        for one in made.statement["predicate"]["configuration"]
        if one["name"] == "report.json"
    )
    _print(f"certificate: {given.certificate}, valid until {expires}")
    return VALID


def _verify(given: argparse.Namespace) -> int:
    from invoice_conformance import keyless  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance import verify as verifying  # noqa: PLC0415 - likewise
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    wrong = _wrong(given)
    if wrong:
        return _complain(wrong)
    keys = _keys(given.key)
    named = keyless.signed_by(given.identity, given.issuer) if given.identity else None
    suite = Suite.load()
    now = dt.datetime.now(dt.UTC)
    found = [verifying.verify(suite, path, keys=keys, now=now, keyless=named) for path in given.bundles]
    together = verifying.compared(found, given.threshold) if given.threshold else []
    valid = all(one.valid for one in found) and all(answer.ok for answer in together)
    if valid and given.replay:
        together.append(_replayed(suite, found[0], given.replay))
        valid = together[-1].ok
    if valid and given.attest:
        _attest(given, found, now)
    if given.json:
        agreed = [{"name": one.question, "ok": one.ok, "words": one.words} for one in together]
        _print(json.dumps({"valid": valid, "bundles": [one.told() for one in found], "together": agreed}, indent=1))
    else:
        _tell(found, together, valid=valid)
    return VALID if valid else NOT_VALID


def _wrong(given: argparse.Namespace) -> str:
    """What is wrong with the arguments of verify, empty when nothing is."""
    several = len(given.bundles) > 1
    asked = given.threshold
    doubts = {
        "--identity and --issuer go together": bool(given.identity) != bool(given.issuer),
        "whose certificate must it be? give --key FILE, the vendor's public key (or --identity and --issuer)": not (
            given.key or given.identity
        ),
        "--attest states something in your name; give --sign with your private key": given.attest and not given.sign,
        "--out names one file, and there are several bundles": given.attest and given.out and several,
        f"--threshold {asked} of {len(given.bundles)} bundles cannot be": asked is not None
        and not 1 <= asked <= len(given.bundles),
        "--replay is about one bundle": given.replay and several,
    }
    return next((words for words, doubtful in doubts.items() if doubtful), "")


def _keys(paths: Sequence[Path] | None) -> list[PublicKey] | None:
    from invoice_conformance import keys  # noqa: PLC0415 - see the module's docstring

    return [keys.public_key(path) for path in paths] if paths else None


def _replayed(suite: Suite, found: Verification, url: str) -> Answer:
    from invoice_conformance import cross_check  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.config import settle  # noqa: PLC0415 - likewise

    return cross_check.replayed(suite, found, settle({"base_url": url}))


def _attest(given: argparse.Namespace, found: Sequence[Verification], now: dt.datetime) -> None:
    from invoice_conformance import certificate, keys  # noqa: PLC0415 - see the module's docstring

    key = keys.private_key(given.sign)
    for path, one in zip(given.bundles, found, strict=True):
        out = given.out or path.with_suffix(".svr.json")
        out.write_bytes(certificate.sealed(certificate.attested(one.files, one.properties(), now), key))
        one.facts["attested"] = str(out)


def _tell(found: Sequence[Verification], together: Sequence[Answer], *, valid: bool) -> None:
    from invoice_conformance.verify import PROVES, PROVES_NOT  # noqa: PLC0415 - see the module's docstring

    for one in found:
        _print(f"{one.name}: {'valid' if one.valid else 'NOT VALID'}")
        for answer in one.answers:
            _print(f"  {'ok ' if answer.ok else 'NO '} {answer.question}: {answer.words}")
        for words in one.warnings:
            _print(f"  note: {words}")
        if "attested" in one.facts:
            _print(f"  your statement: {one.facts['attested']}")
    for answer in together:
        _print(f"{'ok ' if answer.ok else 'NO '} {answer.question}: {answer.words}")
    if valid:
        _print("This proves:" + "".join(f"\n  - {words}" for words in PROVES))
        _print("It does not prove:" + "".join(f"\n  - {words}" for words in PROVES_NOT))


def _badge(given: argparse.Namespace) -> int:
    from invoice_conformance import seal  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance import verify as verifying  # noqa: PLC0415 - likewise
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    keys = _keys(given.key)
    found = verifying.verify(Suite.load(), given.bundle, keys=keys, now=dt.datetime.now(dt.UTC))
    if not found.valid:
        trouble = next(answer for answer in found.answers if not answer.ok)
        _complain(f"no badge: {given.bundle}: {trouble.question}: {trouble.words}")
        return NOT_VALID
    given.out.write_text(seal.badge(found), encoding="utf-8")
    _print(f"{given.out}" + ("" if keys else " (nobody's signature was asked for: give --key)"))
    return VALID


def _registry(given: argparse.Namespace) -> int:
    from invoice_conformance import registry  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    if not given.folder.is_dir():
        return _complain(f"{given.folder} is no folder")
    now = dt.datetime.now(dt.UTC)
    listed, refused = registry.sorted_out(Suite.load(), given.folder, now)
    registry.write(listed, refused, given.out, now)
    for one in refused:
        _complain(f"refused: {one.path.name}: {one.words}")
    _print(f"{given.out / 'index.html'}: {len(listed)} certificates, {len(refused)} refused")
    return NOT_VALID if refused else VALID


def _freeze(given: argparse.Namespace) -> int:
    from invoice_conformance import frozen, locate, sets  # noqa: PLC0415 - see the module's docstring
    from invoice_conformance.config import Settings  # noqa: PLC0415 - likewise
    from invoice_conformance.session import Suite  # noqa: PLC0415 - likewise

    name = given.set or "".join(sets.names()[-1:])
    if name not in sets.names():
        return _complain(f"no set {name} in spec/sets/, which has {', '.join(sets.names()) or 'none'}")
    suite = Suite.load()
    text = frozen.write(name, suite.plan(Settings(set=name)))
    path = locate.spec_dir() / "sets" / f"{name}{frozen.SUFFIX}"
    known = path.read_text(encoding="utf-8") if path.is_file() else ""
    differing = frozen.differing(known, text)
    if given.check:
        _print("\n".join(differing) if differing else f"{path}: as it is drawn")
        return NOT_VALID if differing else VALID
    if differing:
        path.write_text(text, encoding="utf-8")
    _print(f"{path}: {len(text)} octets" + ("" if differing else ", as before"))
    return VALID


def _print(words: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(words.encode(encoding, "backslashreplace").decode(encoding))  # noqa: T201 - what a command does


def _complain(words: str) -> int:
    line = " ".join(words.split())
    print(f"invoice-conformance: {line}".encode("ascii", "backslashreplace").decode(), file=sys.stderr)  # noqa: T201 - as above
    return USAGE
