"""Owns that `spec/source.md` holds the published page, whole and unchanged.

It must not know what the suite makes of the page.
"""

from __future__ import annotations

import hashlib

from invoice_conformance import locate

# Of the page's text as it was published to us, without a final line end.
PUBLISHED_SHA256 = "50907b9ed64c334ad0e62395ad4bb2d102182a382a78241a0e35c0fd4ec7427a"


def test_the_fenced_block_is_the_published_page_to_the_last_octet() -> None:
    source = (locate.spec_dir() / "source.md").read_text(encoding="utf-8")

    _introduction, _fence, page = source.partition("```text\n")

    assert page.endswith("\n```\n")
    assert hashlib.sha256(page.removesuffix("\n```\n").encode()).hexdigest() == PUBLISHED_SHA256


def test_the_introduction_says_where_the_text_comes_from() -> None:
    source = (locate.spec_dir() / "source.md").read_text(encoding="utf-8")

    introduction = source.partition("```")[0]

    assert '"Create invoice"' in introduction
    assert "https://api.contracting.kukkingu.software" in introduction
