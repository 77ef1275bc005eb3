"""Owns the list of certificates: what is listed, what is refused, and that a stranger's words are text on it."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from tests.meta.certifying import PRODUCT, Programme, programme, relinked
from tests.meta.facing import command

from invoice_conformance import attempts, bundle, registry
from invoice_conformance.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVIL = '<script>alert(1)</script><img src=x onerror="x">'


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programme]:
    with pytest.MonkeyPatch.context() as patch:
        yield from programme(tmp_path_factory.mktemp("acme"), patch)


@pytest.fixture
def folder(tmp_path: Path, acme: Programme) -> Path:
    made = tmp_path / "certificates"
    (made / "keys").mkdir(parents=True)
    shutil.copy(acme.bundle, made / "acme.zip")
    (made / "keys" / "acme-ltd.pub").write_bytes(acme.vendor.public.pem)
    return made


def renamed(acme: Programme, **change: str) -> bytes:
    """The certificate of the same run for a product of other words, signed by the same vendor."""
    product = {**PRODUCT, **change}
    entries: list[dict[str, Any]] = [
        {**one.value, **{key: product[key] for key in ("vendor", "product", "version")}}
        for one in attempts.parse(acme.files[bundle.ATTEMPTS])
    ]
    ledger = attempts.written(relinked(entries))
    return acme.resigned({bundle.PRODUCT: canonical(product), bundle.ATTEMPTS: ledger}).read_bytes()


class Elements(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.found.append((tag, dict(attrs)))


def test_a_site_of_all_that_verifies(folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    ran = command(tmp_path, "registry", str(folder), "--out", str(site))

    index = json.loads((site / "index.json").read_text(encoding="utf-8"))
    (one,) = index["certificates"]
    assert (ran.code, ran.err) == (0, "")
    assert index["refused"] == []
    assert (one["product"], one["expired"]) == (PRODUCT, False)
    assert one["name"].startswith("acme-ltd-invoices-3-2-1-")
    assert (site / one["certificate"]).read_bytes() == (folder / "acme.zip").read_bytes()
    assert "<svg" in (site / one["badge"]).read_text(encoding="utf-8")
    page = (site / "products" / f"{one['name']}.html").read_text(encoding="utf-8")
    assert "Acme Ltd" in page
    assert "verdicts: all" in page
    assert f'href="products/{one["name"]}.html"' in (site / "index.html").read_text(encoding="utf-8")


def test_what_does_not_verify_is_refused_by_name(folder: Path, tmp_path: Path, acme: Programme) -> None:
    (folder / "garbage.zip").write_bytes(b"PK")
    files = {**acme.files, bundle.REPORT: acme.files[bundle.REPORT].replace(b"pass", b"fail", 1)}
    (folder / "edited.zip").write_bytes(bundle.pack(files))
    (folder / "stranger.zip").write_bytes(renamed(acme, vendor="Stranger"))

    ran = command(tmp_path, "registry", str(folder), "--out", str(tmp_path / "site"))

    index = json.loads((tmp_path / "site" / "index.json").read_text(encoding="utf-8"))
    assert ran.code == 1
    assert {one["file"]: one["why"].partition(":")[0] for one in index["refused"]} == {
        "edited.zip": "files",
        "garbage.zip": "it is no zip that can be read",
        "stranger.zip": "there is no key of its vendor",
    }
    assert len(index["certificates"]) == 1
    assert "refused: edited.zip: files: report.json is not the file that was signed" in ran.err


def test_a_vendor_cannot_sign_for_another(folder: Path, tmp_path: Path, acme: Programme) -> None:
    (folder / "keys" / "other-corp.pub").write_bytes(acme.other.public.pem)
    (folder / "other.zip").write_bytes(renamed(acme, vendor="Other Corp"))

    ran = command(tmp_path, "registry", str(folder), "--out", str(tmp_path / "site"))

    assert ran.code == 1
    assert "refused: other.zip: signature: none of its 1 signatures is by the key given" in ran.err


def test_an_expired_certificate_stays_listed_as_such(folder: Path, tmp_path: Path, acme: Programme) -> None:
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=100)

    listed, refused = registry.sorted_out(acme.suite, folder, later)
    registry.write(listed, refused, tmp_path / "site", later)

    (one,) = listed
    assert one.expired
    assert refused == []
    image = (tmp_path / "site" / "badges" / f"{one.name}.svg").read_text(encoding="utf-8")
    assert "expired" in image
    assert "(expired)" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")


def test_what_a_vendor_writes_is_text_on_a_page(folder: Path, tmp_path: Path, acme: Programme) -> None:
    (folder / "evil.zip").write_bytes(renamed(acme, product=EVIL, version="1 <b>", contact="javascript:alert(1)"))
    (folder / "<img src=x>.zip").write_bytes(b"PK")
    site = tmp_path / "site"

    command(tmp_path, "registry", str(folder), "--out", str(site))

    pages = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    assert len(pages) == 3
    assert any("&lt;script&gt;alert(1)" in page for page in pages)
    for page in pages:
        parser = Elements()
        parser.feed(page)
        tags = {tag for tag, _attributes in parser.found}
        assert not tags & {"script", "b", "iframe", "object", "form"}
        links = [link for _tag, named in parser.found for key in ("href", "src") if (link := named.get(key))]
        assert all(re.fullmatch(r"(?:\.\./)?[a-z0-9./-]+", link) for link in links), links
        assert "default-src 'none'" in page
    names = [path.name for path in site.rglob("*") if path.is_file()]
    assert all(re.fullmatch(r"[a-z0-9.-]+", name) for name in names), names


def test_no_folder_is_one_line(tmp_path: Path) -> None:
    ran = command(tmp_path, "registry", str(tmp_path / "nowhere"))

    assert ran.code == 2
    assert "is no folder" in ran.err


def test_a_folder_of_nothing_is_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()

    ran = command(tmp_path, "registry", str(tmp_path / "none"), "--out", str(tmp_path / "site"))

    assert ran.code == 0
    assert "None yet." in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
