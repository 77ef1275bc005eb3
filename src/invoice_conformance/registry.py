"""Owns the list of certificates as a static site: a page of all, one a product, a badge and JSON for each.

A bundle is listed only when it verifies by a key of its vendor's; all else is refused by name. It fetches nothing, and
a page runs no script.
"""

from __future__ import annotations

import datetime as dt
import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoice_conformance import bundle, seal
from invoice_conformance.canonical import NotReadable, read, sha256
from invoice_conformance.certificate import moment
from invoice_conformance.keys import NoKey, PublicKey, public_key
from invoice_conformance.product import NoProduct, checked, slug
from invoice_conformance.verify import Verification, verify

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from invoice_conformance.session import Suite

KEYS = "keys"
SUFFIX = ".zip"
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #ccc;"
    "vertical-align:top}code{word-break:break-all}.old{color:#5f6368}"
)
POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Listed:
    """A bundle that verifies: its file, what it says, and whether it has expired since."""

    path: Path
    found: Verification
    expired: bool

    @property
    def name(self) -> str:
        """What its files on the site are called."""
        facts = self.found.facts["product"]
        said = "-".join((slug(facts["vendor"]), slug(facts["product"]), slug(facts["version"])))
        return f"{said[:80]}-{self.found.facts['evidence'][:8]}"


@dataclass(frozen=True)
class Refused:
    """A bundle that is not listed, and why."""

    path: Path
    words: str


def sorted_out(suite: Suite, folder: Path, now: dt.datetime) -> tuple[list[Listed], list[Refused]]:
    """The bundles of a folder, verified one by one; the keys of a vendor are `keys/<vendor>*.pub` in it."""
    listed: list[Listed] = []
    refused: list[Refused] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            keys = _keys(folder / KEYS, _vendor(path))
        except (NoKey, bundle.NoBundle) as error:
            refused.append(Refused(path, str(error)))
            continue
        found = verify(suite, path, keys=keys, now=now)
        trouble = [answer for answer in found.answers if not answer.ok]
        expired = [answer.question for answer in trouble] == ["expiry"] and _has_expired(found, now)
        if trouble and not expired:
            refused.append(Refused(path, f"{trouble[0].question}: {trouble[0].words}"))
            continue
        found.facts["evidence"] = sha256(found.files[bundle.EVIDENCE])
        listed.append(Listed(path, found, expired))
    return listed, refused


def _has_expired(found: Verification, now: dt.datetime) -> bool:
    expires = found.facts.get("expires_at")
    return isinstance(expires, str) and now >= moment(expires)


def _vendor(path: Path) -> str:
    """The vendor that a bundle names, as a file's name; nobody has vouched for it yet."""
    try:
        return slug(checked(read(bundle.read(path)[bundle.PRODUCT]))["vendor"])
    except (NotReadable, NoProduct) as error:
        raise bundle.NoBundle(f"{bundle.PRODUCT}: {error}") from None


def _keys(folder: Path, vendor: str) -> list[PublicKey]:
    """The keys of a vendor: `<vendor>.pub`, and `<vendor>.2.pub` and so on when there are several."""
    paths = [path for path in sorted(folder.glob("*.pub")) if path.name.partition(".")[0] == vendor]
    if not paths:
        raise NoKey(f"there is no key of its vendor: {folder.name}/{vendor}.pub")
    return [public_key(path) for path in paths]


def write(listed: Iterable[Listed], refused: Iterable[Refused], out: Path, now: dt.datetime) -> None:
    """Write the site; what was in its folder and is no longer listed stays, for links to it do."""
    listed, refused = list(listed), list(refused)
    for folder in ("products", "badges", "certificates"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for one in listed:
        image = seal.badge(one.found, expired=one.expired)
        (out / "badges" / f"{one.name}.svg").write_text(image, encoding="utf-8")
        (out / "certificates" / f"{one.name}{SUFFIX}").write_bytes(one.path.read_bytes())
        told = _told(one)
        (out / "products" / f"{one.name}.json").write_text(_json(told), encoding="utf-8")
        (out / "products" / f"{one.name}.html").write_text(_product(one), encoding="utf-8")
    stamp = now.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    index = {
        "generated_at": stamp,
        "certificates": [_told(one) for one in listed],
        "refused": [{"file": one.path.name, "why": one.words} for one in refused],
    }
    (out / "index.json").write_text(_json(index), encoding="utf-8")
    (out / "index.html").write_text(_index(listed, refused, stamp), encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, indent=1) + "\n"


def _told(one: Listed) -> dict[str, Any]:
    facts = one.found.facts
    kept = ("product", "set", "plan", "outcome", "target", "ended_at", "expires_at", "suite", "key", "verdicts")
    return {
        "name": one.name,
        "expired": one.expired,
        **{key: facts[key] for key in kept},
        "warnings": one.found.warnings,
        "certificate": f"certificates/{one.name}{SUFFIX}",
        "badge": f"badges/{one.name}.svg",
    }


def _index(listed: list[Listed], refused: list[Refused], stamp: str) -> str:
    rows = "".join(
        f'<tr{" class=old" if one.expired else ""}><td><a href="products/{one.name}.html">{_safe(facts["product"])}</a>'
        f"<td>{_safe(facts['vendor'])}<td>{_safe(facts['version'])}<td>{_safe(one.found.facts['outcome'])}"
        f"<td>{_safe(one.found.facts['set'])}<td>{_until(one)}"
        for one in sorted(listed, key=lambda one: (one.expired, one.name))
        for facts in (one.found.facts["product"],)
    )
    table = "<table><tr><th>Product<th>Vendor<th>Version<th>Level<th>Set<th>Until" + rows + "</table>"
    body = "<h1>Certified servers</h1>" + (table if listed else "<p>None yet.</p>")
    if refused:
        items = "".join(f"<li><code>{_safe(one.path.name)}</code>: {_safe(one.words)}" for one in refused)
        body += f"<h2>Refused</h2><ul>{items}</ul>"
    body += f"<p>Verified {stamp} with <code>invoice-conformance verify</code>; as <a href=index.json>JSON</a>.</p>"
    return _page("Certified servers", body)


def _product(one: Listed) -> str:
    facts = one.found.facts
    named = facts["product"]
    rows = "".join(
        f"<tr><th>{_safe(name)}<td>{_safe(value)}"
        for name, value in (
            *named.items(),
            ("level", facts["outcome"]),
            ("requirement set", facts["set"]),
            ("run ended", facts["ended_at"]),
            ("valid until", f"{facts['expires_at']}{' (expired)' if one.expired else ''}"),
            ("signed by key", facts["key"]),
        )
    )
    checks = "".join(f"<li>{_safe(answer.question)}: {_safe(answer.words)}" for answer in one.found.answers)
    doubts = "".join(f"<li>{_safe(words)}" for words in one.found.warnings)
    verdicts = "".join(f"<tr><td>{_safe(name)}<td>{_safe(said)}" for name, said in sorted(facts["verdicts"].items()))
    return _page(
        f"{named['product']} {named['version']}",
        f'<p><a href="../index.html">All</a></p><h1>{_safe(named["product"])} {_safe(named["version"])}</h1>'
        f'<p><img src="../badges/{one.name}.svg" alt="{_safe(facts["outcome"])}, {_safe(facts["set"])}"></p>'
        f"<table>{rows}</table><h2>Checked</h2><ul>{checks}</ul>"
        + (f"<h2>To know</h2><ul>{doubts}</ul>" if doubts else "")
        + f'<p><a href="../certificates/{one.name}{SUFFIX}">The certificate</a>, which anybody can verify.</p>'
        f"<h2>Requirements</h2><table>{verdicts}</table>",
    )


def _until(one: Listed) -> str:
    return f"{_safe(str(one.found.facts['expires_at'])[:10])}{' (expired)' if one.expired else ''}"


def _safe(text: object) -> str:
    return html.escape(str(text), quote=True)


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style>{body}\n"
    )
